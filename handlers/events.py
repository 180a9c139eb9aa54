"""Events: what concerns us is in the inbox before Slack hears *ok*; everything else is let go unread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.services import Services
from bot.services.invitations import ENOUGH
from handlers.phrases import said
from storage.records.inbox import Arrival

_SUBTYPES = {None, "file_share", "thread_broadcast"}
_MENTION_WAITS = timedelta(seconds=3)
"""A mention's post comes as a message too, in either order: the message goes first."""
_KEPT = (
    "id", "name", "title", "mimetype", "mode", "size", "is_external", "file_access", "url_private",
    "url_private_download",
)  # fmt: skip


class Events:
    """Takes messages in. `bot_user` is our own id."""

    def __init__(self, services: Services, bot_user: str) -> None:
        self._services = services
        self._mention = f"<@{bot_user}>"

    def register(self, app: AsyncApp) -> None:
        """Listen. The commit stands in a middleware: Bolt answers events before their listeners end."""
        app.use(self.take_in)
        app.event("message")(_nothing_more)
        app.event("app_mention")(_nothing_more)

    async def take_in(self, body: dict[str, Any], next: Callable[[], Awaitable[None]]) -> None:  # noqa: A002
        """Commit what concerns us; a failure here is no answer, and Slack sends the event again."""
        if body.get("type") == "event_callback" and (arrival := self.arrival(body)) is not None:
            await self._services.intake.put(arrival)
        await next()

    def arrival(self, body: Mapping[str, Any]) -> Arrival | None:
        """What is kept of an event; None for what does not concern us."""
        event = body.get("event") or {}
        kind = event.get("type")
        user, team = event.get("user"), body.get("team_id") or event.get("team")
        if kind not in {"message", "app_mention"} or not user or not team or event.get("bot_id"):
            return None
        if event.get("hidden") or event.get("subtype") not in _SUBTYPES:
            return None
        text, files = event.get("text") or "", event.get("files") or []
        direct = event.get("channel_type") == "im"
        asked = direct or kind == "app_mention" or self._mention in text
        if not asked and not (files and (event.get("thread_ts") or len(photos_of(files)) >= ENOUGH)):
            return None
        thing = f"{team}:{event['channel']}:{event['ts']}"
        return Arrival(
            key=f"{'mention' if kind == 'app_mention' else 'message'}:{thing}",
            kind="mention" if kind == "app_mention" else "message",
            payload={
                "team": team,
                "user": user,
                "channel": event["channel"],
                # A reply stays in its thread; a post begins one.
                "thread": event.get("thread_ts") or event["ts"],
                "top": not event.get("thread_ts"),
                "asked": asked,
                "words": said(text.replace(self._mention, " ")).strip()[:200] if asked and not files else "",
                "files": [{key: file[key] for key in _KEPT if key in file} for file in files],
            },
            delay=_MENTION_WAITS if kind == "app_mention" else timedelta(0),
        )


def photos_of(files: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that Slack calls pictures: no more than a hint, and enough to ask a question."""
    return [file for file in files if str(file.get("mimetype") or "").startswith("image/")]


async def _nothing_more() -> None:
    """The middleware has done it all; a listener must exist for Bolt to answer 200."""
