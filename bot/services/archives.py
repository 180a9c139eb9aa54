"""Archives: a zip of photos, streamed to disk, unpacked a few photos at a time, and gone again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bot.imaging.archive import Allowance, Member, look_through, members
from bot.imaging.faults import Unusable
from bot.imaging.kinds import HEAD
from bot.services.errors import PhotoRefused
from bot.services.keeping import keep
from bot.services.photos import Photos
from bot.services.strangers import no_photo
from storage import Store
from storage.errors import TooMuch
from storage.records.media import Medium, Refusal

_NAMED = 100
"""Files of one archive that are named with what is wrong with them; whoever packed more of them knows."""
ZIPPED: Final = "application/zip"
_AT_ONCE: Final = 3
"""Files of all archives in memory at once: one for each of the lab's processes, and one to follow."""


Told = Callable[[int, int], Awaitable[None]]
"""Told how many files of archives were looked at, and of how many."""


async def nobody(looked: int, of: int) -> None:
    """Nobody is told."""
    del looked, of


class Room:
    """How many photos one post may still bring, and how many of its archives' were looked at: they share it.

    `tell` is told whenever one more was, with how many there are.
    """

    def __init__(self, photos: int, tell: Told = nobody) -> None:
        self.left = photos
        self._tell = tell
        self._looked = self._of = 0

    def expect(self, photos: int) -> None:
        """There are so many more to be looked at."""
        self._of += photos

    async def looked(self) -> None:
        """One more was looked at."""
        self._looked += 1
        await self._tell(self._looked, self._of)


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
    """Takes archives in: of photos, and of recordings."""

    def __init__(self, store: Store, photos: Photos, most: int, allowance: Allowance) -> None:
        self._store = store
        self._photos = photos
        self._most = most
        self._allowance = allowance
        self._at_once = asyncio.Semaphore(_AT_ONCE)

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

    async def keep(self, chunks: AsyncIterator[bytes]) -> Medium:
        """Keep a zip of recordings as it came: it goes to its vendor whole, and nothing of it is played here.

        It has to be one that unpacks to what it may, as a zip of photos has. Raises as `add` does.
        """
        try:
            sha256, size, _ = await self._store.media.put_stream(chunks, most=self._most)
        except TooMuch as error:
            raise PhotoRefused(Refusal.TOO_LARGE) from error
        try:
            with await asyncio.to_thread(self._store.media.path(sha256).open, "rb") as file:
                await asyncio.to_thread(look_through, file, self._allowance)
        except Unusable as unusable:
            # Its file is named by no row: the next sweep takes it.
            raise PhotoRefused(Refusal(unusable.fault.value)) from unusable

        async def is_here() -> str:
            if not self._store.media.holds(sha256):
                raise PhotoRefused(Refusal.NOT_LOADED)
            return sha256

        return await keep(self._store, is_here, lambda sha: Medium(sha, ZIPPED, size, 0, 0))

    async def _each(self, found: Iterator[Member], room: Room) -> list[Unpacked]:
        under_way: list[asyncio.Task[Unpacked]] = []
        try:
            while True:
                await self._at_once.acquire()
                begun = False
                try:
                    member = await asyncio.to_thread(next, found, None)
                    if member is None:
                        break
                    if not under_way:
                        room.expect(member.of)
                    if not await self._is_wanted(under_way, room):
                        rest = Unpacked("", refusal=Refusal.ARCHIVE_REST)
                        return [*await asyncio.gather(*under_way), rest]
                    refusal = self._refusal(member)
                    if refusal is None:
                        # At once, since another archive of the post may be unpacked meanwhile.
                        room.left -= 1
                    task = asyncio.create_task(self._one(member, refusal, room))
                    # However it ends, also where it is cut off before it has begun.
                    task.add_done_callback(lambda _: self._at_once.release())
                    under_way.append(task)
                    begun = True
                finally:
                    if not begun:
                        self._at_once.release()
            return list(await asyncio.gather(*under_way))
        except asyncio.CancelledError:
            for task in under_way:
                task.cancel()
            raise
        finally:
            # All of them end before anything is raised: none may go on once its post is given back.
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _is_wanted(self, under_way: list[asyncio.Task[Unpacked]], room: Room) -> bool:
        """Whether another file is looked at. Raises what one that is under way has raised."""
        going = [task for task in under_way if not task.done()]
        refused = sum(task.result().refusal is not None for task in under_way if task.done())
        if room.left > 0 and refused + len(going) < _NAMED:
            return True
        # One of those under way may turn out to be no photo, and leave its place to this; or to be one.
        await asyncio.gather(*going)
        return room.left > 0 and sum(task.result().refusal is not None for task in under_way) < _NAMED

    @staticmethod
    def _refusal(member: Member) -> Refusal | None:
        if member.data is None:
            return Refusal(member.fault.value) if member.fault else Refusal.DAMAGED
        return no_photo(member.data[:HEAD])

    async def _one(self, member: Member, refusal: Refusal | None, room: Room) -> Unpacked:
        one = Unpacked(member.name, refusal=refusal)
        if refusal is None and member.data is not None:
            try:
                one = Unpacked(member.name, (await self._photos.add(member.data)).sha256)
            except PhotoRefused as refused:
                room.left += 1
                one = Unpacked(
                    member.name, refusal=refused.refusal, width=refused.width, height=refused.height
                )
        await room.looked()
        return one
