"""The one place where a listener's exception becomes words for the person who caused it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any

import aiohttp
from slack_bolt.async_app import AsyncApp, AsyncRespond
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError

from bot.services.errors import DomainError
from handlers.ids import Field
from handlers.phrases import refusal
from handlers.places import thread_of

logger = logging.getLogger(__name__)
_LOOK = 0.02
"""Seconds within which Bolt has looked whether a listener has acknowledged: it does so every hundredth."""
_TOO_LATE = {"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id"}


class Errors:
    """Known errors get words, unknown ones a reference."""

    def __init__(self, command: str) -> None:
        self._command = command

    def register(self, app: AsyncApp) -> None:
        """Take the place of Bolt's own handler."""
        app.error(self.on_error)

    async def on_error(
        self, error: Exception, body: dict[str, Any], response: BoltResponse | None, respond: AsyncRespond
    ) -> BoltResponse | None:
        """Tell the person; an event that failed is left unanswered, so that Slack sends it again."""
        if body.get("type") == "event_callback":
            _log(error, "event")
            return None
        words = self._words(error, str(body.get("type") or "command"))
        if body.get("type") == "view_submission" and response is not None:
            # A form has nowhere else to say it, and an empty answer would close it as if all were well.
            marked = {"response_action": "errors", "errors": {Field.NAME.value: words}}
            return BoltResponse(status=200, body=marked)
        if body.get("response_url") or body.get("response_urls"):
            try:
                await respond(
                    text=words,
                    response_type="ephemeral",
                    replace_original=False,
                    thread_ts=thread_of(body),
                )
            except (aiohttp.ClientError, SlackApiError, TimeoutError, ValueError):
                logger.warning("Words not delivered", extra={"action": "respond_failed"})
        if response is None:
            # Bolt forgets an acknowledgement that it has not seen when a listener has failed.
            await asyncio.sleep(_LOOK)
            return None
        return BoltResponse(status=200, body="")

    def _words(self, error: Exception, kind: str) -> str:
        if isinstance(error, DomainError):
            return refusal(error, self._command)
        if isinstance(error, SlackApiError) and error.response.get("error") in _TOO_LATE:
            return "Slack gives us three seconds to open a form and they were over. Please press once more."
        reference = _log(error, kind)
        return f"Something went wrong on our side; nothing was started. Reference `{reference}`."


def _log(error: Exception, kind: str) -> str:
    reference = secrets.token_hex(4)
    logger.error(
        "Listener failed",
        exc_info=error,
        extra={"action": "listener_failed", "kind": kind, "reference": reference},
    )
    return reference
