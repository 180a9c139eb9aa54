"""Settings: what is missing or wrong is named in one line with its fix, and never with its value."""

from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError, read

REQUIRED = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")
WELL = {
    "SLACK_BOT_TOKEN": "xoxb-1-a",
    "SLACK_APP_TOKEN": "xapp-1-a",
    "DARKROOM_PUBLIC_URL": "https://darkroom.example.com",
}


def env(tmp_path: Path, **changes: str | None) -> Path:
    """A `.env` with these settings."""
    values = {**WELL, **changes}
    path = tmp_path / "settings.env"
    path.write_text("".join(f"{k}={v}\n" for k, v in values.items() if v is not None), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_two_settings_are_enough(tmp_path: Path) -> None:
    settings = read(env(tmp_path, DARKROOM_PUBLIC_URL=None))
    assert settings.darkroom_public_url == ""
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.file_origins == frozenset({"https://files.slack.com"})


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named_with_where_to_find_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(env(tmp_path, **{name: None}))
    (line,) = str(refused.value).splitlines()
    described = Settings.model_fields[name.lower()].description
    assert line == f"{name} is not set. {described}"


@pytest.mark.parametrize("name", REQUIRED)
def test_an_empty_setting_is_a_missing_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        read(env(tmp_path, **{name: ""}))


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path / "none")
    assert [line.split()[0] for line in str(refused.value).splitlines()] == list(REQUIRED)


WRONG = [
    ("SLACK_BOT_TOKEN", "xapp-secret", "must begin with xoxb-"),
    ("SLACK_APP_TOKEN", "xoxb-secret", "must begin with xapp-"),
    ("SLACK_API_URL", "slack.com", "must be a whole address"),
    ("SLACK_API_URL", "http://slack.com/api", "must be https"),
    ("SLACK_FILE_ORIGINS", "http://files.slack.com", "must be https origins"),
    ("SLACK_FILE_ORIGINS", "files.slack.com", "must be https origins"),
    ("DARKROOM_PUBLIC_URL", "darkroom.example.com", "must be a whole address"),
    ("DARKROOM_PUBLIC_URL", "http://darkroom.example.com", "must be https"),
    ("DARKROOM_PUBLIC_URL", "ftp://darkroom.example.com", "must be a whole address"),
    ("DARKROOM_PHOTO_LINKS", "bucket", "must be relay, or a bucket such as s3://"),
    ("DARKROOM_PHOTO_LINKS", "s3://photos", "must say region"),
    ("DARKROOM_PHOTO_LINKS", "s3://photos?region=eu-west-1", "set DARKROOM_PHOTO_LINKS_KEY_ID and"),
    ("DARKROOM_TRUSTED_PROXIES", "*", "must be addresses or networks"),
    ("DARKROOM_TRUSTED_PROXIES", "10.0.0.1, proxy.example.com", "must be addresses or networks"),
    ("DARKROOM_WEB_PORT", "0", "greater than or equal to 1"),
    ("DARKROOM_WEB_PORT", "70000", "less than or equal to 65535"),
    ("DARKROOM_WEB_PORT", "eighty", "must be a valid integer"),
    ("DARKROOM_COMMAND", "darkroom", "must be a slash and up to 31 lower-case letters"),
    ("DARKROOM_COMMAND", "/Dark Room", "must be a slash and up to 31 lower-case letters"),
    ("DARKROOM_OPERATORS", "ana,lee", "must be user ids such as U012AB3CD"),
    ("DARKROOM_PHOTO_HOURS", "0", "greater than 0"),
    ("DARKROOM_PHOTO_HOURS", "nan", "less than or equal to 8760"),
    ("DARKROOM_PHOTO_HOURS", "inf", "less than or equal to 8760"),
    ("DARKROOM_MAX_PHOTO_MB", "0", "greater than or equal to 1"),
    ("DARKROOM_MAX_PHOTO_MB", "999", "less than or equal to 200"),
    ("DARKROOM_MAX_VIDEO_MB", "0", "greater than or equal to 1"),
    ("DARKROOM_MAX_VIDEO_MB", "9999", "less than or equal to 5120"),
    ("DARKROOM_MAX_ZIP_MB", "0", "greater than or equal to 1"),
    ("DARKROOM_MAX_ZIP_MB", "9999", "less than or equal to 5120"),
    ("DARKROOM_ANSWER_DAYS", "0", "greater than 0"),
    ("DARKROOM_ANSWER_DAYS", "nan", "less than or equal to 365"),
    ("DARKROOM_CALLBACK_SECRET", "short", "at least 16"),
    ("DARKROOM_SETTLE_SECONDS", "0", "greater than or equal to 0.1"),
    ("DARKROOM_SETTLE_SECONDS", "inf", "less than or equal to 3600"),
    ("DARKROOM_LOG_LEVEL", "LOUD", "must be DEBUG, INFO, WARNING or ERROR"),
    ("DARKROOM_LOG_FORMAT", "xml", "must be text or json"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG, ids=[f"{n}={v}" for n, v, _ in WRONG])
def test_a_wrong_setting_is_one_line_with_its_name_and_its_fix(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        read(env(tmp_path, **{name: value}))
    (line,) = str(refused.value).splitlines()
    assert line.startswith(name)
    assert words in line
    assert line.endswith(".")


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
def test_a_wrong_token_is_never_repeated(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(env(tmp_path, **{name: "do-not-show-me"}))
    assert "do-not-show-me" not in str(refused.value)


def test_every_setting_that_can_be_wrong_is_tried_above() -> None:
    free = {"DARKROOM_DATA_DIR", "DARKROOM_WEB_HOST"}  # Known only once they are used: the start says so.
    free |= {f"DARKROOM_PHOTO_LINKS_{key}" for key in ("KEY_ID", "KEY_SECRET", "TOKEN")}  # The trial says so.
    assert {name for name, _, _ in WRONG} | free == {name.upper() for name in Settings.model_fields}


def test_plain_http_is_for_loopback_alone(tmp_path: Path) -> None:
    local = {"DARKROOM_PUBLIC_URL": "http://127.0.0.1:8080", "SLACK_API_URL": "http://localhost:3000/api"}
    settings = read(env(tmp_path, **local, SLACK_FILE_ORIGINS="http://127.0.0.1:3000"))
    assert settings.slack_api_url == "http://localhost:3000/api/"


def test_origins_are_compared_without_case_and_trailing_slash(tmp_path: Path) -> None:
    settings = read(env(tmp_path, SLACK_FILE_ORIGINS="https://Files.Slack.com/, https://b.example"))
    assert settings.file_origins == {"https://files.slack.com", "https://b.example"}


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_LOG_LEVEL", "debug")
    assert read(env(tmp_path, DARKROOM_LOG_LEVEL="ERROR")).darkroom_log_level == "DEBUG"


def test_tokens_do_not_show_when_the_settings_are_printed(tmp_path: Path) -> None:
    shown = repr(read(env(tmp_path)))
    assert "xoxb-1-a" not in shown
    assert "xapp-1-a" not in shown


def test_a_bucket_is_one_url_and_its_keys_are_secrets(tmp_path: Path) -> None:
    keys = {f"DARKROOM_PHOTO_LINKS_{name}": "s3cret" for name in ("KEY_ID", "KEY_SECRET")}
    settings = read(env(tmp_path, DARKROOM_PHOTO_LINKS="s3://photos/team?region=eu-west-1", **keys))
    assert settings.bucket is not None
    assert (settings.bucket.bucket, settings.bucket.prefix) == ("photos", "team")
    assert "s3cret" not in repr(settings)


def test_without_a_bucket_there_is_none(tmp_path: Path) -> None:
    assert read(env(tmp_path)).bucket is None


def test_proxies_are_addresses_and_networks(tmp_path: Path) -> None:
    assert read(env(tmp_path)).proxies == ("127.0.0.1", "::1")
    several = read(env(tmp_path, DARKROOM_TRUSTED_PROXIES="10.0.0.0/8, fd00::/8,192.0.2.7"))
    assert several.proxies == ("10.0.0.0/8", "fd00::/8", "192.0.2.7")
