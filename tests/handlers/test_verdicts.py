"""What Slack's answers mean for a message: to be said later, perhaps said already, or never."""

from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.services.notifier import Speech
from handlers.verdicts import verdict


def refusal(code: str | None, status: int = 200, **headers: str) -> SlackApiError:
    """What the SDK raises for an answer."""
    data: dict[str, Any] = {"ok": False} | ({"error": code} if code else {})
    answer = AsyncSlackResponse(
        client=AsyncWebClient(),
        http_verb="POST",
        api_url="https://slack.com/api/chat.postMessage",
        req_args={},
        data=data,
        headers=headers,
        status_code=status,
    )
    return SlackApiError("no", answer)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("code", ["ratelimited", "rate_limited"])
def test_a_rate_limit_is_waited_out_as_long_as_slack_says(code: str) -> None:
    found = verdict(refusal(code, 429, **{"Retry-After": "17"}), posting=True)
    assert (found.speech, found.wait) == (Speech.LATER, timedelta(seconds=17))


@pytest.mark.parametrize("code", ["is_archived", "channel_not_found", "not_in_channel", "msg_too_long"])
def test_a_place_that_is_gone_is_never_tried_again(code: str) -> None:
    found = verdict(refusal(code), posting=True)
    assert (found.speech, found.why) == (Speech.NEVER, code)


@pytest.mark.parametrize(
    "error",
    [
        refusal("internal_error"),
        refusal("fatal_error"),
        refusal("request_timeout"),
        refusal(None, 502),
        aiohttp.ServerDisconnectedError(),
        TimeoutError(),
    ],
    ids=repr,
)
def test_a_post_that_may_have_arrived_is_looked_for_and_an_edit_is_simply_repeated(error: Exception) -> None:
    assert verdict(error, posting=True).speech is Speech.UNKNOWN
    assert verdict(error, posting=False).speech is Speech.LATER


def test_a_post_that_never_left_is_said_later_without_a_look() -> None:
    key: Any = None
    unreached = aiohttp.ClientConnectorError(key, OSError("refused"))
    assert verdict(unreached, posting=True).speech is Speech.LATER


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked", "account_inactive"])
def test_a_token_that_stopped_working_loses_no_message(code: str) -> None:
    assert verdict(refusal(code), posting=True).speech is Speech.LATER


def test_a_word_nobody_documented_loses_no_message() -> None:
    assert verdict(refusal("a_new_word"), posting=True).speech is Speech.LATER


def test_a_body_that_is_no_json_at_all_may_have_been_posted() -> None:
    class Raw:
        status = 503
        headers: dict[str, str] = {}  # noqa: RUF012

    raw: Any = Raw()
    error = SlackApiError("no", raw)  # type: ignore[no-untyped-call]
    assert verdict(error, posting=True).speech is Speech.UNKNOWN
