"""Archives: a zip of photos, streamed to disk, unpacked one photo at a time, and gone again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from bot.imaging.archive import Allowance, Member, members
from bot.imaging.faults import Unusable
from bot.imaging.kinds import HEAD
from bot.services.errors import PhotoRefused
from bot.services.photos import Photos
from bot.services.strangers import no_photo
from storage import Store
from storage.errors import TooMuch
from storage.records.media import Refusal

_NAMED = 100
"""Files of one archive that are named with what is wrong with them; whoever packed more of them knows."""


class Room:
    """How many photos one post may still bring: its archives share it."""

    def __init__(self, photos: int) -> None:
        self.left = photos


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One file of an archive: a medium, or the reason why not."""

    name: str
    medium: str | None = None
    refusal: Refusal | None = None
    width: int = 0
    height: int = 0
    """Of a picture that was refused, where that was known."""


class Archives:
    """Takes archives of photos in."""

    def __init__(self, store: Store, photos: Photos, most: int, allowance: Allowance) -> None:
        self._store = store
        self._photos = photos
        self._most = most
        self._allowance = allowance

    async def add(self, chunks: AsyncIterator[bytes], room: Room) -> list[Unpacked]:
        """Keep the photos of a zip, in its own order, each with its name, and say of the rest why not.

        What cannot be kept of a sound archive does not spoil it. Raises PhotoRefused where there is nothing
        to unpack, StoreFull, the lab's CannotWork, and what the stream raises.
        """
        try:
            async with self._store.media.borrow(chunks, most=self._most) as path:
                with await asyncio.to_thread(path.open, "rb") as file:
                    return await self._each(members(file, self._allowance), room)
        except TooMuch as error:
            raise PhotoRefused(Refusal.TOO_LARGE) from error
        except Unusable as unusable:
            raise PhotoRefused(Refusal(unusable.fault.value)) from unusable

    async def _each(self, found: Iterator[Member], room: Room) -> list[Unpacked]:
        made: list[Unpacked] = []
        refused = 0
        while (member := await asyncio.to_thread(next, found, None)) is not None:
            if room.left <= 0 or refused >= _NAMED:
                made.append(Unpacked("", refusal=Refusal.ARCHIVE_REST))
                break
            one = await self._one(member, room)
            refused += one.refusal is not None
            made.append(one)
        return made

    async def _one(self, member: Member, room: Room) -> Unpacked:
        if member.data is None:
            fault = member.fault.value if member.fault else Refusal.DAMAGED
            return Unpacked(member.name, refusal=Refusal(fault))
        if refusal := no_photo(member.data[:HEAD]):
            return Unpacked(member.name, refusal=refusal)
        # Taken before the photo is looked at: another archive of the post may be unpacked meanwhile.
        room.left -= 1
        try:
            return Unpacked(member.name, (await self._photos.add(member.data)).sha256)
        except PhotoRefused as refused:
            room.left += 1
            return Unpacked(member.name, refusal=refused.refusal, width=refused.width, height=refused.height)
