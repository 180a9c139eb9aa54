"""Works off the inbox: photos into trays, words into answers."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.errors import DomainError, PhotoRefused
from bot.services.inbox import TryAgain
from bot.services.inputs import PRIVATE, Role
from bot.services.invitations import ENOUGH
from bot.services.papers import DOCUMENT
from bot.services.sorting import Incoming, Room, Told, nobody
from bot.services.training import Wish
from bot.services.trays import TrayView
from handlers.envelopes import IN_A_CHANNEL
from handlers.events import photos_of
from handlers.files import Downloader, LoginPage
from handlers.holdups import in_words
from handlers.modal_flow import ModalFlow
from handlers.phrases import refusal
from handlers.places import Place, owner_of
from handlers.verdicts import NO_PLACE
from storage.records.inbox import InboxItem
from storage.records.media import Refusal
from storage.records.places import direct
from storage.records.trays import TrayEntry

logger = logging.getLogger(__name__)
_PARALLEL = 3
"""Files of one post under way at once."""
_HELD = 3
"""Files of all posts held in memory at once, each perhaps as large as may be."""
_WAITED_FOR = 4
"""Attempts that a whole post waits for a file that cannot be loaded: a bit over a minute."""
_ASKED_AFTER = 8
"""Attempts that a form waits for files of which none can be loaded: a quarter of an hour."""
_MOST = 100
"""Files of one post that are looked at; Slack's own client stops far earlier."""
_NOT_ALLOWED = {"missing_scope", "no_permission"} | {
    "not_authed",
    "invalid_auth",
    "token_revoked",
    "token_expired",
}
"""What `files.info` says where our token is good for no file at all."""
_NOT_IN_HERE = (
    "Slack does not let me read these photos, since I am not in that conversation. Invite me into it and "
    "choose the message again, or send the photos to me directly."
)
_NO_MORE = (
    "Nothing was made, and nothing was paid. {files} Press *Another prompt…* on the card again: give another "
    "picture there, or leave it out."
)
_NO_ANSWER = (
    "Nothing was sent to the vendor, and nothing of this was kept; the training waits as it did. {files} "
    "Press *Upload again…* on its card: give better files there. What you leave empty stays "
    "as the vendor has it."
)
_REFERENCE = re.compile(r"^[\w-]{1,80}$")


class SlackReceiver:
    """Implements `bot.services.inbox.Receiver`."""

    def __init__(
        self, services: Services, client: AsyncWebClient, downloader: Downloader, command: str
    ) -> None:
        self._services = services
        self._client = client
        self._downloader = downloader
        self._command = command
        self._modals = ModalFlow(services)
        self._held = asyncio.Semaphore(_HELD)

    async def receive(self, item: InboxItem) -> None:
        """Work one item off."""
        match item.kind:
            case "message":
                await self._message(item)
            case "mention":
                if await self._is_twin(item):
                    await self._services.intake.ignore(item)
                else:
                    await self._message(item)
            case "upload":
                await self._upload(item)
            case "gather":
                await self._gather(item)
            case "more":
                await self._more(item)
            case "replace":
                await self._replace(item)
            case "answer":
                await self._answer(item)
            case _:
                await self._services.intake.ignore(item)

    def owner_and_place(self, item: InboxItem) -> tuple[str, str]:
        """Whom to tell when the item waits: the poster, where they posted."""
        return _owner(item), _place(item)

    async def _message(self, item: InboxItem) -> None:
        owner, place, files = _owner(item), _place(item), item.payload.get("files") or []
        if not files:
            payload = {"words": item.payload.get("words", "")}
            await self._services.intake.answer(item, owner, place, payload)
        elif item.payload["asked"] or await self._joins(item, owner, place):
            private = Place.parse(place).is_direct
            entries = await self._entries(files, item, private=private, tell=self._looking(owner, place))
            if private:
                await self._services.envelopes.receive(owner, place, entries, item, through=direct(owner))
            else:
                await self._services.trays.receive(owner, place, entries, item)
        elif any(map(_says_document, files)) and await self._services.envelopes.awaited(owner, place):
            await self._services.intake.answer(item, owner, place, {"refused": IN_A_CHANNEL})
        elif len(asked_about := photos_of(files)) >= ENOUGH:
            at = Place.parse(place)
            # In a thread nobody may have open, a question would be seen by nobody.
            said_at = Place(at.team, at.channel) if item.payload.get("top") else at
            await self._services.invitations.consider(owner, place, asked_about, item, said_at=str(said_at))
        else:
            await self._services.intake.ignore(item)

    async def _joins(self, item: InboxItem, owner: str, place: str) -> bool:
        """Whether photos posted without a word belong to a tray here: one that is open, or is about to be.

        The post that asked for it may still be on its way to us, or wait for a file.
        """
        for other in await self._services.intake.waiting("message", "mention", "gather"):
            here = other.id != item.id and (_owner(other), _place(other)) == (owner, place)
            if here and _begins_tray(other) and not await self._is_twin(other):
                return True
        # In this order: a post that was worked off in between has opened its tray.
        return await self._services.trays.gathers(owner, place)

    async def _is_twin(self, item: InboxItem) -> bool:
        """Whether a mention came as a message too: always, unless the app may not read the messages there."""
        if item.kind != "mention":
            return False
        return await self._services.intake.known(f"message:{item.key.removeprefix('mention:')}")

    async def _gather(self, item: InboxItem) -> None:
        """Photos that stand in Slack already, for a form that waits; its tray may have some of them."""
        owner, place, form = _owner(item), _place(item), item.payload["form"]
        readable = await self._reads(Place.parse(place))
        if not readable:
            # Nothing could be said there, and whoever chose the photos did not ask the whole channel.
            place = direct(owner)
        before = await self._services.trays.find(owner, place)
        known = {entry.source.partition("#")[0] for entry in before.entries} if before else set()
        entries = await self._entries([one for one in item.payload["files"] if one["id"] not in known], item)
        if not readable and not known and not any(entry.medium for entry in entries):
            # In the form at once, and said for good where the person has closed it.
            await self._services.intake.answer(item, owner, place, {"refused": _NOT_IN_HERE})
            await self._fill(form, None)
            return
        tray = await self._services.trays.receive(owner, place, entries, item)
        await self._fill(form, await self._services.trays.view(tray.id, owner))

    async def _fill(self, form: str, tray: TrayView | None) -> None:
        """The photos are kept whatever becomes of the form: its buttons stand under them too."""
        try:
            await self._modals.fill_gathering(self._client, form, tray, _NOT_IN_HERE)
        except (SlackApiError, aiohttp.ClientError, TimeoutError):
            logger.warning("Form not filled", extra={"action": "form_not_filled"})

    async def _reads(self, place: Place) -> bool:
        """Whether this app is where a message stands."""
        try:
            await self._client.conversations_replies(channel=place.channel, ts=place.thread, limit=1)
        except SlackApiError as error:
            if error.response.get("error") in NO_PLACE | {"missing_scope"}:
                return False
            raise TryAgain("slack_unreachable") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryAgain("slack_unreachable") from error
        return True

    async def _upload(self, item: InboxItem) -> None:
        """A form that brought files: begin at once where all are well, else say what is the matter."""
        wish, tray_id = Wish(**item.payload["wish"]), item.payload.get("tray") or None
        tell = nobody if tray_id else self._looking(wish.owner, wish.place, apart=item.id)
        entries = await self._by_role(item, tell)
        try:
            await self._services.training.start_with(wish, entries, item, tray_id)
        except DomainError as why:
            logger.info("Form not taken", extra={"action": "upload_refused", "item": item.id})
            await self._services.holdups.hold(wish, entries, item, why, tray_id)

    async def _more(self, item: InboxItem) -> None:
        """A form for more images that brought a template."""
        entries, wish = await self._by_role(item), item.payload["more"]
        if await self._held_back(item, entries, _NO_MORE):
            return
        inputs = [(one.role, one.medium) for one in entries if one.medium]
        try:
            await self._services.generation.start(_owner(item), **wish, request_key=item.key, inputs=inputs)
            await self._services.intake.ignore(item)
        except DomainError as error:
            await self._refused(item, error)

    async def _answer(self, item: InboxItem) -> None:
        """Better files for a vendor that asked for them."""
        owner, tray_id = _owner(item), item.payload.get("tray") or ""
        replaced: dict[str, list[TrayEntry]] = {}
        entries = await self._by_role(item)
        if await self._held_back(item, entries, _NO_ANSWER):
            return
        for entry in entries:
            replaced.setdefault(entry.role, []).append(entry)
        try:
            if tray_id:
                tray = await self._services.trays.view(tray_id, owner)
                replaced[Role.VIDEO.value] = [one for one in tray.entries if one.role == Role.VIDEO.value]
            await self._services.jobs.resubmit(
                item.payload["job"], owner, replaced, through=direct(owner), item=item, tray_id=tray_id
            )
        except DomainError as error:
            await self._refused(item, error)
            await self._drop(entries)

    async def _replace(self, item: InboxItem) -> None:
        """Photos that take the place of others in a tray."""
        owner = _owner(item)
        try:
            tray = (await self._services.trays.open_of(item.payload["tray"], owner)).tray
            entries = await self._by_role(item, tell=self._looking(owner, tray.place))
            await self._services.trays.receive(
                owner, tray.place, entries, item, through=direct(owner), without=item.payload["without"]
            )
        except DomainError as error:
            await self._refused(item, error)

    async def _held_back(self, item: InboxItem, entries: list[TrayEntry], told: str) -> bool:
        """Whether a file of a form cannot be used: then nothing is done, and its owner is told what to do."""
        if not (astray := [one for one in entries if one.refusal]):
            return False
        logger.info("Form not taken", extra={"action": "upload_refused", "item": item.id})
        words = {"refused": told.format(files=in_words(astray))}
        await self._services.intake.answer(item, _owner(item), direct(_owner(item)), words)
        await self._drop(entries)
        return True

    async def _drop(self, entries: list[TrayEntry]) -> None:
        """Papers and recordings that came to nothing are erased at once."""
        await self._services.papers.drop(
            [one.medium for one in entries if one.role in PRIVATE and one.medium]
        )

    async def _refused(self, item: InboxItem, error: DomainError) -> None:
        """What a form asked for cannot be: say why to the one who sent it."""
        payload = {"refused": refusal(error, self._command)}
        await self._services.intake.answer(item, _owner(item), direct(_owner(item)), payload)

    def _looking(self, owner: str, place: str, *, apart: str = "") -> Told:
        """Says in the tray's message here how far an archive has come."""

        async def tell(looked: int, of: int) -> None:
            await self._services.trays.looking(owner, place, looked, of, apart=apart)

        return tell

    async def _by_role(self, item: InboxItem, tell: Told = nobody) -> list[TrayEntry]:
        """A verdict per file of a form, each taken for what its field says."""
        roles = item.payload.get("roles") or {}
        meant = [(file, Role(role)) for role, files in roles.items() for file in files]
        return await self._all(meant, item, tell=tell)

    async def _entries(
        self,
        files: list[Mapping[str, Any]],
        item: InboxItem,
        *,
        private: bool = False,
        tell: Told = nobody,
    ) -> list[TrayEntry]:
        """A verdict per file of a post, where what a file is decides what it is for."""
        return await self._all([(file, None) for file in files], item, private=private, tell=tell)

    async def _all(
        self,
        files: Sequence[tuple[Mapping[str, Any], Role | None]],
        item: InboxItem,
        *,
        private: bool = False,
        tell: Told = nobody,
    ) -> list[TrayEntry]:
        """A verdict per file and its meaning. One that cannot be loaded is waited for, but not for ever.

        `tell` is told how many files of archives were looked at, and of how many.
        """
        gate, room = asyncio.Semaphore(_PARALLEL), Room(_MOST, tell)

        async def one(file: Mapping[str, Any], role: Role | None) -> list[TrayEntry]:
            # In this order each post has a few in the queue, and none makes the others wait for all of its.
            async with gate, self._held:
                return await self._taken(file, role, room, private=private)

        # All of them end before anything is raised: none may go on when the item is given back.
        results = await asyncio.gather(*(one(*file) for file in files[:_MOST]), return_exceptions=True)
        taken = any(isinstance(result, list) for result in results)
        # A form is one wish: where nothing of it can be loaded its owner is asked long before we give up.
        asked = item.attempts > _ASKED_AFTER and any(role for _, role in files)
        entries: list[TrayEntry] = []
        for (file, role), result in zip(files, results, strict=False):
            if isinstance(result, TryAgain) and ((taken and item.attempts > _WAITED_FOR) or asked):
                entries.append(_refused_entry(file, Refusal.NOT_LOADED, role))
            elif isinstance(result, BaseException):
                raise result
            else:
                entries += result
        return entries

    async def _taken(
        self, file: Mapping[str, Any], role: Role | None, room: Room, *, private: bool
    ) -> list[TrayEntry]:
        """`role` None: a post, where what a file is decides what it is for."""
        source, name = _source(file)

        async def take(incoming: Incoming) -> list[TrayEntry]:
            return await self._services.sorter.take(source, name, role, incoming, room, private=private)

        try:
            self._services.photos.expect()
            return await self._downloader.load(file, self._info, take)
        except PhotoRefused as refused:
            size = refused.width, refused.height
            return [_refused_entry(file, refused.refusal, role, size)]
        except LoginPage:
            return [_refused_entry(file, await self._shut_out(source), role)]

    async def _shut_out(self, file_id: str) -> Refusal:
        """Whether this file is not for us, or our token is good for none: that is for the operators."""
        try:
            if await self._info(file_id) is None:
                return Refusal.NOT_READABLE
        except PhotoRefused as refused:
            return refused.refusal
        except LoginPage:
            pass
        logger.error("Slack answered with its login page", extra={"action": "files_read_missing"})
        await self._services.operators.tell("Slack", "files_read")
        return Refusal.NO_PERMISSION

    async def _info(self, file_id: str) -> Mapping[str, Any] | None:
        if not _REFERENCE.match(file_id):
            return None
        try:
            answer = await self._client.files_info(file=file_id)
        except SlackApiError as error:
            code = error.response.get("error")
            if error.response.status_code >= 500 or code in {"ratelimited", "internal_error", "fatal_error"}:
                raise TryAgain("slack_unreachable") from error
            if code == "file_deleted":
                raise PhotoRefused(Refusal.DELETED) from error
            if code in _NOT_ALLOWED:
                raise LoginPage from error
            return None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryAgain("slack_unreachable") from error
        found: Mapping[str, Any] = answer["file"]
        return found


def _source(file: Mapping[str, Any]) -> tuple[str, str]:
    return str(file.get("id", "")), str(file.get("name") or file.get("title") or "file")[:80]


def _refused_entry(
    file: Mapping[str, Any], why: Refusal, role: Role | None, size: tuple[int, int] = (0, 0)
) -> TrayEntry:
    source, name = _source(file)
    # What it says of itself decides only how it is spoken of: whoever posts a film is told of films.
    film = role is None and _says_film(file)
    if film and why is Refusal.NOT_A_PHOTO:
        why = Refusal.NOT_A_VIDEO
    meant = role or (Role.VIDEO if film else Role.PHOTO)
    return TrayEntry(source, name, refusal=why, role=meant.value, width=size[0], height=size[1])


def _says_film(file: Mapping[str, Any]) -> bool:
    """Whether this goes for a film by its name or by what Slack says of it."""
    _, name = _source(file)
    return name.lower().endswith(_FILMS) or str(file.get("mimetype", "")).startswith("video/")


def _says_document(file: Mapping[str, Any]) -> bool:
    """Whether this goes for a PDF by what Slack says of it."""
    return file.get("mimetype") == DOCUMENT


_FILMS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")


def _begins_tray(item: InboxItem) -> bool:
    return item.kind == "gather" or bool(item.payload.get("asked") and item.payload.get("files"))


def _owner(item: InboxItem) -> str:
    return owner_of(item.payload["team"], item.payload["user"])


def _place(item: InboxItem) -> str:
    return str(Place(item.payload["team"], item.payload["channel"], item.payload.get("thread") or ""))
