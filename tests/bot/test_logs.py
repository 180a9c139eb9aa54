"""Logs: one line per fact, readable by people or machines, and no secret in any of them."""

import json
import logging
from collections.abc import Iterator

import pytest

from bot.logs import Lines, Redact, configure, redact

SECRETS = [
    "xoxb-123456789012-abcdefABCDEF",
    "xoxp-1-2-3",
    "xoxe.xoxb-1-abc",
    "xapp-1-A012-987-abcdef",
    "LTAI5tExampleKeyId12",
    "mFhJ7Vw0zqv0xkQ4m1H2v3n4b5c6d7e8f9",
]


@pytest.mark.parametrize(
    "text",
    [
        f"token {SECRETS[0]} refused",
        f"token {SECRETS[1]} refused",
        f"token {SECRETS[2]} refused",
        f"opened with {SECRETS[3]}",
        f"Authorization: Bearer {SECRETS[5]}",
        f"AccessKeyId {SECRETS[4]}",
        f"ACS3-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature={'0a' * 32}",
        f"GET https://darkroom.example.com/p/{SECRETS[5]}.jpg",
        f"https://oss.example.com/a.png?OSSAccessKeyId={SECRETS[5]}&Expires=1",
        f"https://oss.example.com/a.png?Expires=1&Signature={SECRETS[5]}",
        f"https://oss.example.com/a.png?x-oss-signature={SECRETS[5]}",
        f"https://oss.example.com/a.png?security-token={SECRETS[5]}",
        f"wss://wss.slack.com/link/?ticket={SECRETS[5]}&app_id=1",
    ],
)
def test_no_token_signature_or_photo_link_survives(text: str) -> None:
    shown = redact(text)
    assert "[redacted]" in shown
    assert not any(secret in shown for secret in (*SECRETS, "0a" * 32))


@pytest.mark.parametrize(
    "text", ["Job moved", "job_id=job_01J9 state=running", "https://example.com/help?page=2", "12 photos/p/6"]
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    before, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:], logger.level = before, level


def test_secrets_are_blotted_out_of_message_facts_and_traces(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("DEBUG", "text")
    secret = SECRETS[0]
    try:
        int(f"refused: {secret}")
    except ValueError as error:
        facts = {"action": "test", "why": f"Bearer {secret}", "error": error, "many": [secret]}
        logging.getLogger("bot.test").exception("It is %s", secret, extra=facts)
    shown = capsys.readouterr().err
    assert "ValueError" in shown
    assert "action=test" in shown
    assert secret not in shown


def test_json_lines_are_json_with_level_message_and_facts(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("INFO", "json")
    facts = {"action": "job_moved", "attempts": 3, "job": None, "token": SECRETS[0]}
    logging.getLogger("bot.test").info("Job moved", extra=facts)
    row = json.loads(capsys.readouterr().err)
    assert row.pop("at").endswith("Z")
    assert row == {"level": "INFO", "message": "Job moved", **facts, "token": "[redacted]"}


def test_a_fact_cannot_pretend_to_be_a_line_of_its_own(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("INFO", "text")
    logging.getLogger("bot.test").info("Refused", extra={"detail": "x\n2026-01-01T00:00:00Z ERROR gone"})
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_libraries_that_write_whole_addresses_are_kept_quiet(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("DEBUG", "text")
    logging.getLogger("httpx").info("HTTP Request: GET https://example.com/?page=1")
    assert capsys.readouterr().err == ""


def test_a_record_is_never_dropped() -> None:
    record = logging.makeLogRecord({"msg": "n=%d", "args": (3,), "levelname": "INFO"})
    assert Redact().filter(record) is True
    assert "n=3" in Lines("text").format(record)
