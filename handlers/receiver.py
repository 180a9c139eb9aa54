"""Works off the inbox: photos into trays, words into answers."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.errors import BadWish, DomainError, PhotoRefused
from bot.services.inbox import TryAgain
from bot.services.training import Wish
from handlers.files import Downloader, LoginPage
from handlers.places import Place, owner_of
from storage.records import InboxItem, Refusal, TrayEntry

logger = logging.getLogger(__name__)
_PARALLEL = 3
"""Files of one post under way at once."""
_HELD = 4
"""Files of all posts held in memory at once, each perhaps as large as may be."""
_WAITED_FOR = 4
"""Attempts that a whole post waits for a file that cannot be loaded: a bit over a minute."""
_MOST = 100
"""Files of one post that are looked at; Slack's own client stops far earlier."""
_REFERENCE = re.compile(r"^[\w-]{1,80}$")


class SlackReceiver:
    """Implements `bot.services.inbox.Receiver`."""

    def __init__(self, services: Services, client: AsyncWebClient, downloader: Downloader) -> None:
        self._services = services
        self._client = client
        self._downloader = downloader
        self._held = asyncio.Semaphore(_HELD)

    async def receive(self, item: InboxItem) -> None:
        """Work one item off."""
        match item.kind:
            case "message":
                await self._message(item)
            case "mention":
                # The same post comes as a message too, unless the app may not read this channel's messages.
                if await self._services.intake.known(f"message:{item.key.removeprefix('mention:')}"):
                    await self._services.intake.ignore(item)
                else:
                    await self._message(item)
            case "upload":
                await self._upload(item)
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
        elif item.payload["asked"] or await self._services.trays.gathers(owner, place):
            entries = await self._entries(files, item)
            await self._services.trays.receive(owner, place, entries, item)
        else:
            await self._services.intake.ignore(item)

    async def _upload(self, item: InboxItem) -> None:
        """A form that brought its photos: train at once where they suffice, else show what is missing."""
        wish = Wish(**item.payload["wish"])
        entries = await self._entries(item.payload["files"], item)
        try:
            await self._services.training.start_with(wish, entries, item)
        except BadWish:
            logger.info("Form no longer valid", extra={"action": "upload_refused", "item": item.id})
            await self._services.trays.receive(wish.owner, wish.place, entries, item)
        except DomainError:
            await self._services.trays.receive(wish.owner, wish.place, entries, item)

    async def _entries(self, files: list[Mapping[str, Any]], item: InboxItem) -> list[TrayEntry]:
        """A verdict per file. One that cannot be loaded is waited for, but not for ever."""
        gate = asyncio.Semaphore(_PARALLEL)

        async def one(file: Mapping[str, Any]) -> TrayEntry:
            # In this order each post has a few in the queue, and none makes the others wait for all of its.
            async with gate, self._held:
                return await self._entry(file)

        # All of them end before anything is raised: none may go on when the item is given back.
        results = await asyncio.gather(*(one(file) for file in files[:_MOST]), return_exceptions=True)
        entries = [result for result in results if isinstance(result, TrayEntry)]
        for file, result in zip(files, results, strict=False):
            if isinstance(result, TryAgain) and entries and item.attempts > _WAITED_FOR:
                entries.append(TrayEntry(*_source(file), refusal=Refusal.NOT_LOADED))
            elif isinstance(result, BaseException):
                raise result
        return entries

    async def _entry(self, file: Mapping[str, Any]) -> TrayEntry:
        source, name = _source(file)
        try:
            data = await self._downloader.download(file, self._info)
            photo = await self._services.photos.add(data)
        except PhotoRefused as refused:
            return TrayEntry(source, name, refusal=refused.refusal)
        except LoginPage:
            logger.error("Slack answered with its login page", extra={"action": "files_read_missing"})  # noqa: TRY400
            await self._services.operators.tell("Slack", "files_read")
            return TrayEntry(source, name, refusal=Refusal.NOT_READABLE)
        return TrayEntry(source, name, medium=photo.sha256)

    async def _info(self, file_id: str) -> Mapping[str, Any] | None:
        if not _REFERENCE.match(file_id):
            return None
        try:
            answer = await self._client.files_info(file=file_id)
        except SlackApiError as error:
            if error.response.status_code >= 500 or error.response.get("error") == "ratelimited":
                raise TryAgain("slack_unreachable") from error
            return None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryAgain("slack_unreachable") from error
        found: Mapping[str, Any] = answer["file"]
        return found


def _source(file: Mapping[str, Any]) -> tuple[str, str]:
    return str(file.get("id", "")), str(file.get("name") or file.get("title") or "file")[:80]


def _owner(item: InboxItem) -> str:
    return owner_of(item.payload["team"], item.payload["user"])


def _place(item: InboxItem) -> str:
    return str(Place(item.payload["team"], item.payload["channel"], item.payload.get("thread") or ""))
