"""Response URLs: five answers within half an hour, without a token."""

from dataclasses import asdict, dataclass

from bot.sandbox.slack.content import read_content, read_metadata
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.posting import Posting
from bot.sandbox.slack.records import Channel, Message
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
        kind = body.get("response_type", "ephemeral")
        if kind not in ("ephemeral", "in_channel"):
            raise ApiError("invalid_response_type")
        original = workspace.message(place.channel, place.message_ts) if place.message_ts else None
        if body.get("delete_original"):
            self._posting.delete(_own(original))
            return None
        content = read_content(
            workspace.tokenless, body.get("text") or "", body.get("blocks"), body.get("attachments")
        )
        metadata = read_metadata(body.get("metadata"))
        if body.get("replace_original") and place.message_ts:
            return self._posting.change(_own(original), **content.parts())
        channel = workspace.channels[place.channel]
        if channel.archived:
            raise ApiError("is_archived")
        thread_ts = self._thread(channel, body)
        if kind == "in_channel":
            bot = workspace.identity.bot_user
            return self._posting.say(channel, bot, thread_ts=thread_ts, metadata=metadata, **content.parts())
        return self._posting.whisper(channel, place.user, thread_ts=thread_ts, **content.parts())

    def _thread(self, channel: Channel, body: Json) -> str | None:
        thread_ts = body.get("thread_ts")
        if thread_ts is None:
            return None
        parent = self._workspace.message(channel.id, str(thread_ts))
        if parent is None or parent.ephemeral_to is not None:
            raise ApiError("thread_not_found")
        if parent.thread_ts not in (None, parent.ts):
            raise ApiError("cannot_reply_to_message")
        return parent.ts


def _own(original: Message | None) -> Message:
    """The message a gesture was made on, as far as the app may touch it: what people wrote stays theirs."""
    if original is None:
        raise ApiError("message_not_found")
    if not original.by_bot:
        raise ApiError("cant_update_message")
    return original
