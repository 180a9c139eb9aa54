"""What somebody posted, sorted by its bytes: each kind goes to those who take it in, or is refused with what
to do instead. Neither its name nor what Slack says of it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from bot.imaging.kinds import HEAD, PICTURES, Kind, recognise
from bot.services.archives import Archives, Room, Told, nobody
from bot.services.errors import PhotoRefused
from bot.services.inputs import PAPERS, Role
from bot.services.papers import Papers
from bot.services.photos import Photos
from bot.services.strangers import is_office, no_photo
from bot.services.videos import Videos
from storage.records.media import UNSORTED_ROLE, Refusal
from storage.records.trays import TrayEntry

__all__ = ["HEAD", "Incoming", "Room", "Sorter", "Told", "nobody"]

_FILMS = {Role.VIDEO, Role.ACTION_VIDEO}


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file on its way in."""

    head: bytes
    """Its first bytes, `HEAD` of them where it has as many."""
    chunks: AsyncIterator[bytes]
    """All of it, from the first byte on."""
    size: int = 0
    """What it is said to have, in bytes; 0 where nothing is said."""


class Sorter:
    """Takes in whatever was posted, by what it is. `most` is how large one photo may be, in bytes."""

    def __init__(self, photos: Photos, videos: Videos, papers: Papers, archives: Archives, most: int) -> None:
        self._photos = photos
        self._videos = videos
        self._papers = papers
        self._archives = archives
        self._most = most

    async def take(
        self,
        source: str,
        name: str,
        role: Role | None,
        file: Incoming,
        room: Room,
        *,
        private: bool = False,
    ) -> list[TrayEntry]:
        """Entries for a tray: one, or as many as there are photos in an archive.

        `role` is what the field of a form says; None is a post, where a film is a video and all else a photo.
        In a `private` post a document is a paper that its owner has yet to say more of; elsewhere it is
        refused unread.
        Raises PhotoRefused for the file as a whole, StoreFull, the lab's CannotWork, and what the stream
        raises.
        """
        kind = recognise(file.head)
        if not file.head:
            raise PhotoRefused(Refusal.EMPTY)
        if role is not None and role in PAPERS:
            if kind is not Kind.PDF and kind not in PICTURES:
                raise PhotoRefused(Refusal.NOT_A_PAPER)
            medium = await self._papers.add(role, await self._whole(file))
            return [TrayEntry(source, name, medium.sha256, role=role.value)]
        if role in _FILMS or (role is None and kind is Kind.VIDEO):
            if kind is not Kind.VIDEO:
                raise PhotoRefused(Refusal.NOT_A_VIDEO)
            medium = await self._videos.add(file.chunks)
            return [TrayEntry(source, name, medium.sha256, role=(role or Role.VIDEO).value)]
        if role is Role.VOICE:
            if kind is not Kind.ZIP or is_office(file.head):
                raise PhotoRefused(Refusal.NOT_RECORDINGS)
            medium = await self._archives.keep(file.chunks)
            return [TrayEntry(source, name, medium.sha256, role=role.value)]
        if role is None and private and kind is Kind.PDF:
            medium = await self._papers.hold(await self._whole(file))
            return [TrayEntry(source, name, medium.sha256, role=UNSORTED_ROLE)]
        as_what = (role or Role.PHOTO).value
        if kind is Kind.ZIP and as_what == Role.PHOTO and not is_office(file.head):
            return await self._unpacked(source, name, file, room)
        if refusal := no_photo(file.head):
            raise PhotoRefused(refusal)
        medium = await self._photos.add(await self._whole(file))
        return [TrayEntry(source, name, medium.sha256, role=as_what)]

    async def _unpacked(self, source: str, name: str, file: Incoming, room: Room) -> list[TrayEntry]:
        """An entry per photo. The same archive again gives the same sources, and so no entry twice."""
        found = await self._archives.add(file.chunks, room)
        return [
            TrayEntry(
                f"{source}#{number}",
                one.name or name,
                one.medium,
                one.refusal,
                width=one.width,
                height=one.height,
            )
            for number, one in enumerate(found, 1)
        ]

    async def _whole(self, file: Incoming) -> bytes:
        """The bytes of a photo or paper; not one more than it may have."""
        if file.size > self._most:
            raise PhotoRefused(Refusal.TOO_LARGE)
        data = bytearray()
        async with aclosing(file.chunks) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                data += chunk
                if len(data) > self._most:
                    raise PhotoRefused(Refusal.TOO_LARGE)
        return bytes(data)
