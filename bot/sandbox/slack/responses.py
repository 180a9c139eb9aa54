"""Response URLs: five answers within half an hour, without a token."""

from dataclasses import asdict, dataclass
from typing import Any

from bot.sandbox.slack.block_tables import check_message_blocks
from bot.sandbox.slack.blocks import Poster
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.posting import Posting
from bot.sandbox.slack.records import Message
from bot.sandbox.slack.settings import RESPONSE_URL_SECONDS, RESPONSE_URL_USES
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace


@dataclass(frozen=True)
class Place:
    """Where an answer appears: before whom, and instead of what."""

    user: str
    channel: str
    message_ts: str | None = None


class Responses:
    """Every response URL that is still good."""

    def __init__(self, workspace: Workspace, posting: Posting, journal: Journal) -> None:
        self._workspace = workspace
        self._posting = posting
        self._journal = journal
        self._issued: dict[str, Json] = dict(workspace.database.load("response"))

    def issue(self, place: Place) -> str:
        """Make an address for answers to one gesture."""
        token = self._workspace.ids.secret()
        self._issued[token] = {"place": asdict(place), "at": self._workspace.clock.now(), "uses": 0}
        self._workspace.database.save("response", token, self._issued[token])
        return f"{self._workspace.origin}/response/{token}"

    def use(self, token: str, body: Json) -> None:
        """Answer through an address, as long as it is good."""
        issued = self._issued.get(token)
        if issued is None or self._workspace.clock.now() - issued["at"] > RESPONSE_URL_SECONDS:
            raise ApiError("expired_url")
        if issued["uses"] >= RESPONSE_URL_USES:
            raise ApiError("used_url")
        self.answer(Place(**issued["place"]), body)
        issued["uses"] += 1
        self._workspace.database.save("response", token, issued)

    def answer(self, place: Place, body: Json) -> Message | None:
        """Show what the app said to a gesture."""
        workspace = self._workspace
        original = workspace.message(place.channel, place.message_ts) if place.message_ts else None
        if body.get("delete_original"):
            if original is None:
                raise ApiError("message_not_found")
            self._posting.delete(original)
            return None
        content = _content(body, workspace.tokenless)
        if body.get("replace_original") and original is not None:
            return self._posting.change(original, **content)
        channel = workspace.channels[place.channel]
        thread_ts = body.get("thread_ts")
        if body.get("response_type") == "in_channel":
            bot = workspace.identity.bot_user
            return self._posting.say(
                channel, bot, thread_ts=thread_ts, metadata=body.get("metadata"), **content
            )
        return self._posting.whisper(channel, place.user, thread_ts=thread_ts, **content)


def _content(body: Json, poster: Poster) -> dict[str, Any]:
    blocks = body.get("blocks") or []
    problems = check_message_blocks(blocks, poster)
    if problems:
        raise ApiError("invalid_blocks", messages=problems)
    if not body.get("text") and not blocks and not body.get("attachments"):
        raise ApiError("no_text")
    return {"text": body.get("text") or "", "blocks": blocks, "attachments": body.get("attachments") or []}
