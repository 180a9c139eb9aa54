"""Says things in Slack: posts once, edits for ever, and can find its own messages again."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import aiohttp
import httpx
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.cards import tray_key
from bot.services.errors import NoSuchThing
from bot.services.notifier import Said, Speech, Unsaid
from bot.services.progress import JobView, Stage
from bot.services.trays import TrayView
from handlers import envelopes, erasure, holdups, messages, trays
from handlers.blocks import Message
from handlers.commands import Commands, nearest, split
from handlers.ids import NOTICE_EVENT
from handlers.places import Place, user_of
from handlers.sheets import SheetFiles
from handlers.uploads import NEVER_SHARED, Uploader
from handlers.verdicts import NO_PLACE, taken_back, verdict
from storage.records.deletions import Kept
from storage.records.jobs import JobKind
from storage.records.outbox import Notice, NoticeKind
from storage.records.places import direct
from storage.records.trays import Sheet, TrayState

logger = logging.getLogger(__name__)
_EDITED = {NoticeKind.TRAY, NoticeKind.SHEET, NoticeKind.PAPERS, NoticeKind.CARD, NoticeKind.RECEIPT}
_PERSONAL = {NoticeKind.REPLY, NoticeKind.TROUBLE}
_REMEMBERED = 1000
"""Messages whose words are known without asking; after a restart an edit too many does no harm."""
_SLACK = timedelta(minutes=2)
"""How far back of our own clock a look begins: Slack's clock is not ours."""


class SlackNotifier:
    """Implements `bot.services.notifier.Notifier`."""

    def __init__(
        self,
        services: Services,
        client: AsyncWebClient,
        commands: Commands,
        uploader: Uploader,
        sheets: SheetFiles,
    ) -> None:
        self._services = services
        self._client = client
        self._commands = commands
        self._uploader = uploader
        self._sheets = sheets
        self._shown: dict[str, Message] = {}

    async def deliver(self, notice: Notice) -> Said:
        """Post or edit; whatever Slack says becomes an outcome."""
        try:
            return await self._deliver(notice)
        except NoSuchThing:
            return Said(Speech.NEVER, why="what it speaks of is gone")
        except (SlackApiError, aiohttp.ClientError, httpx.HTTPError, TimeoutError) as error:
            return verdict(error, posting=notice.message is None)

    async def look(self, notice: Notice) -> Said:
        """Search the thread for our own metadata. Files know themselves where they were shared."""
        if notice.kind is NoticeKind.PICTURES:
            return Said(Speech.LATER)
        place = _target(notice)
        if notice.kind in _PERSONAL and not place.is_direct:
            return Said(Speech.SAID)  # Ephemeral: nobody can look for it, and it is not worth saying twice.
        try:
            found = await self._find(notice, place)
            if found is None and not place.is_direct:
                # It may have gone to the owner's DM, where a channel would not have it.
                found = await self._find(notice, Place.parse(direct(notice.owner)))
        except SlackApiError as error:
            if error.response.get("error") in NO_PLACE:
                return Said(Speech.LATER)
            return Said(Speech.UNKNOWN, wait=verdict(error, posting=False).wait)
        except (aiohttp.ClientError, TimeoutError):
            return Said(Speech.UNKNOWN, wait=timedelta(seconds=15))
        return Said(Speech.SAID, found) if found else Said(Speech.LATER)

    async def take_back(self, what: Kept, ref: str) -> Unsaid:
        """Delete a file or message of ours. Slack keeps a tombstone where others have answered."""
        try:
            if what is Kept.FILE:
                await self._client.files_delete(file=ref)
            else:
                at = Place.parse(ref)
                await self._client.chat_delete(channel=at.channel, ts=at.thread)
                self._shown.pop(ref, None)
        except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
            return taken_back(error)
        return Unsaid.GONE

    async def _find(self, notice: Notice, place: Place) -> str | None:
        channel = await self._channel(place)
        begun = notice.post_begun_at.timestamp() if notice.post_begun_at else 0
        arguments: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{max(0.0, begun - _SLACK.total_seconds()):.6f}",
            "include_all_metadata": True,
            "limit": 200,
        }
        if place.thread:
            answer = await self._client.conversations_replies(ts=place.thread, **arguments)
        else:
            answer = await self._client.conversations_history(**arguments)
        for message in answer["messages"]:
            metadata = message.get("metadata") or {}
            if (metadata.get("event_payload") or {}).get("notice_id") == notice.id:
                return str(Place(place.team, channel, message["ts"]))
        return None

    async def _deliver(self, notice: Notice) -> Said:
        place = _target(notice)
        if notice.kind is NoticeKind.PICTURES:
            return await self._pictures(notice, place)
        if notice.kind in {NoticeKind.TRAY, NoticeKind.SHEET}:
            return await self._tray(notice, place)
        return await self._say(notice, place, await self._render(notice, place))

    async def _tray(self, notice: Notice, place: Place) -> Said:
        """A tray's message or its contact sheet; what neither shows any more is deleted."""
        view = await self._services.trays.view(notice.tray_id or "")
        alone = Place.parse(view.tray.place).is_direct
        if notice.kind is NoticeKind.TRAY:
            if trays.looking(notice.payload) and not notice.message and view.tray.state is not TrayState.OPEN:
                return Said(Speech.SAID)  # A form's, and looked at sooner than that was worth a word.
            sheet = await self._sheets.shown(view) if alone else None
            words = trays.tray(
                view,
                sheet.file_id if sheet else None,
                trays.looking(notice.payload),
                expired=_expired(notice),
            )
            said = await self._say(notice, place, words)
            if alone:
                await self._clear(notice, view, sheet)
            return said
        if view.verdict.unmeasured and await self._services.sheets.measure(view):
            view = await self._services.trays.view(view.tray.id)
        sheet = await self._sheets.bring(view)
        said = Said(Speech.SAID, notice.message or "")
        if not alone:  # Else the tray's own message shows it.
            link = await self._link_to_tray(view.tray.id) if sheet else None
            message = trays.sheet(view, sheet.file_id if sheet else None, link, expired=_expired(notice))
            if message is not None and (sheet is not None or notice.message):
                said = await self._say(notice, place, message)
        if not alone or not self._sheets.is_due(view):
            await self._clear(notice, view, sheet)
        return said

    async def _clear(self, notice: Notice, view: TrayView, shown: Sheet | None) -> None:
        """Delete the sheets that no message shows any more, and none that is still to be shown."""
        if shown is None and self._sheets.is_due(view):
            return
        try:
            await self._sheets.clear(view.tray.id, but=shown)
        except (SlackApiError, aiohttp.ClientError, TimeoutError):
            if notice.message:
                raise  # An edit may be repeated until it goes well, and what follows it.
            logger.info("Contact sheet stays for now", extra={"action": "sheet_stays", "notice": notice.id})

    async def _link_to_tray(self, tray_id: str) -> str | None:
        stands = await self._services.media.message_of(tray_key(tray_id))
        return await self._permalink(Place.parse(stands)) if stands else None

    async def _say(self, notice: Notice, place: Place, message: Message | None) -> Said:
        if message is None:
            return Said(Speech.SAID)
        if notice.kind in _EDITED and notice.message:
            await self._edit(notice.message, message)
            return Said(Speech.SAID, notice.message)
        if notice.kind in _PERSONAL and not place.is_direct:
            whom: dict[str, Any] = {"channel": place.channel, "user": user_of(notice.owner)}
            under: dict[str, Any] = {"thread_ts": place.thread} if place.thread else {}
            await self._client.chat_postEphemeral(**whom, **under, **message.arguments())
            return Said(Speech.SAID)
        return await self._post(notice, place, message)

    async def _edit(self, stands: str, message: Message) -> None:
        """Edit a message unless it says just this already: a workspace has fifty edits a minute."""
        if self._shown.get(stands) == message:
            return
        at = Place.parse(stands)
        await self._client.chat_update(channel=at.channel, ts=at.thread, **message.arguments())
        self._remember(stands, message)

    def _remember(self, stands: str, message: Message) -> None:
        self._shown[stands] = message
        if len(self._shown) > _REMEMBERED:
            self._shown.pop(next(iter(self._shown)))

    async def _post(self, notice: Notice, place: Place, message: Message) -> Said:
        try:
            return await self._post_at(notice, place, message)
        except SlackApiError as error:
            if place.is_direct or error.response.get("error") not in NO_PLACE:
                raise
            # The channel is gone or never let us in; the owner hears it all the same.
            return await self._post_at(notice, Place.parse(direct(notice.owner)), message)

    async def _post_at(self, notice: Notice, place: Place, message: Message) -> Said:
        metadata = {"event_type": NOTICE_EVENT, "event_payload": {"notice_id": notice.id}}
        channel = await self._channel(place)
        thread = {"thread_ts": place.thread} if place.thread else {}
        quiet = {"unfurl_links": False, "unfurl_media": False}
        common: dict[str, Any] = {"channel": channel, "metadata": metadata, **quiet, **thread}
        try:
            answer = await self._client.chat_postMessage(**common, **message.arguments())
        except SlackApiError as error:
            images = [block for block in message.blocks if block["type"] == "image"]
            if error.response.get("error") != "invalid_blocks" or not images:
                raise
            # Slack has not looked through the files yet: the words and the link matter more.
            plain = [block for block in message.blocks if block["type"] != "image"]
            answer = await self._client.chat_postMessage(**common, text=message.text, blocks=plain)
        return Said(Speech.SAID, str(Place(place.team, answer["channel"], answer["ts"])))

    async def _pictures(self, notice: Notice, place: Place) -> Said:
        view = await self._services.progress.view_of(notice.job_id or "")
        if view.current.deletion_id:
            return Said(Speech.SAID)
        channel = await self._channel(place)
        comment = messages.pictures_comment(
            view,
            first=notice.payload.get("batch", 1) == 1,
            last=bool(notice.payload.get("last")),
            direct=place.is_direct,
        )
        name = view.root.name
        try:
            at = Place(place.team, channel, place.thread)
            said = await self._uploader.deliver(notice, at, comment, name)
        except SlackApiError as error:
            if place.is_direct or error.response.get("error") not in NO_PLACE:
                raise
            own = await self._channel(Place.parse(direct(notice.owner)))
            said = await self._uploader.deliver(notice, Place(place.team, own), comment, name)
        if said.why == NEVER_SHARED:
            files = [one.file_id for one in await self._services.media.uploads(notice.id) if one.file_id]
            return await self._post(notice, place, messages.pictures(view, comment, files))
        return said

    async def _render(self, notice: Notice, place: Place) -> Message | None:
        match notice.kind:
            case NoticeKind.REPLY:
                return await self._reply(notice)
            case NoticeKind.TROUBLE:
                return messages.trouble(notice.payload["code"], notice.payload.get("reference", ""))
            case NoticeKind.PAPERS if form := notice.payload.get("form"):
                return holdups.held_up(await self._services.holdups.view(notice.tray_id or ""), form)
            case NoticeKind.PAPERS:
                envelope = await self._services.envelopes.view(notice.tray_id or "")
                return envelopes.question(envelope, expired=_expired(notice))
            case NoticeKind.RECEIPT:
                kept = await self._services.deletions.receipt(notice.payload["deletion"])
                return erasure.receipt(kept, notice.owner)
            case NoticeKind.OPERATOR:
                told = notice.payload
                return messages.operator(told["about"], told["fault"], told.get("words", ""))
            case _:
                return await self._about_job(notice, place)

    async def _about_job(self, notice: Notice, place: Place) -> Message | None:
        if notice.kind is NoticeKind.CARD:
            return messages.card(await self._services.progress.view(notice.job_id or ""))
        # It may have been tried again since: what is said of a job stays its own.
        view = await self._services.progress.view_of(notice.job_id or "")
        if view.current.deletion_id:
            return None  # What has not been said of something that is being deleted is not said any more.
        match notice.kind:
            case NoticeKind.NEEDS_YOU | NoticeKind.NEEDS_YOU_DM | NoticeKind.REMINDER:
                return self._needs_you(notice, view, place)
            case NoticeKind.FAILED:
                return messages.failed(view, direct=place.is_direct)
            case NoticeKind.FAILED_DM:
                where = Place.parse(view.root.place)
                return None if where.is_direct else messages.failed(view, direct=True)
            case _:
                return await self._ready(notice, view)

    @staticmethod
    def _needs_you(notice: Notice, view: JobView, place: Place) -> Message | None:
        """Nothing, where it was answered before this could be said, or is said in this very DM already."""
        asked = view.current.asks == notice.payload.get("asks")
        doubled = notice.kind is NoticeKind.NEEDS_YOU_DM and Place.parse(view.root.place).is_direct
        if view.stage is not Stage.NEEDS_YOU or not asked or doubled:
            return None
        return messages.needs_you(view, direct=place.is_direct)

    async def _ready(self, notice: Notice, view: JobView) -> Message | None:
        stands = await self._services.media.message_of(notice.payload["pictures"])
        at = Place.parse(stands) if stands else None
        if view.current.kind is JobKind.TRAINING:
            return messages.trained(view, await self._permalink(at) if at else None)
        if at is not None and at.is_direct:
            # The images stand in this very DM, with the same words above them.
            return None if notice.payload.get("told", True) else messages.missing_images(view)
        link = await self._permalink(at) if at else None
        return messages.ready(view, link, await self._services.media.files_of(view.current.id))

    async def _permalink(self, at: Place) -> str | None:
        answer = await self._client.chat_getPermalink(channel=at.channel, message_ts=at.thread)
        return str(answer["permalink"])

    async def _reply(self, notice: Notice) -> Message:
        if refused := notice.payload.get("refused"):
            return Message(refused)
        if asked := notice.payload.get("invitation"):
            return messages.invitation(await self._services.invitations.get(asked, notice.owner))
        verb, rest = split(notice.payload.get("words", ""))
        if verb == "new":
            return messages.help_message(self._commands.command)
        if nearest(verb) is None:
            return messages.nothing_yet()  # Small talk, not a command gone wrong.
        return await self._commands.answer(verb, rest, notice.owner, notice.place)

    async def _channel(self, place: Place) -> str:
        """The conversation's id: a person's DM is opened first, which may be repeated."""
        if not place.channel.startswith(("U", "W")):
            return place.channel
        answer = await self._client.conversations_open(users=place.channel)
        return str(answer["channel"]["id"])


def _expired(notice: Notice) -> bool:
    """Whether the time was over of what a notice speaks of."""
    return bool(notice.payload.get("expired"))


def _target(notice: Notice) -> Place:
    """Under the message it belongs to, where its place names no thread."""
    place = Place.parse(notice.place)
    return Place.parse(notice.anchor) if notice.anchor and not place.thread else place
