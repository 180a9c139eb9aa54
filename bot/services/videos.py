"""Videos: measured in the lab, kept as they came, streamed and never held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.imaging.faults import Fault, Unusable
from bot.imaging.lab import Lab
from bot.services.errors import PhotoRefused
from bot.services.keeping import keep
from storage import Store
from storage.errors import TooMuch
from storage.records.media import Medium, Refusal


class Videos:
    """Takes videos in."""

    def __init__(self, store: Store, most: int, lab: Lab) -> None:
        self._store = store
        self._most = most
        self._lab = lab

    async def add(self, chunks: AsyncIterator[bytes]) -> Medium:
        """Keep a posted video.

        Raises PhotoRefused, StoreFull, the lab's CannotWork, and what the stream raises.
        """
        try:
            sha256, size, _ = await self._store.media.put_stream(chunks, most=self._most)
        except TooMuch as error:
            raise PhotoRefused(Refusal.TOO_LARGE) from error
        try:
            clip = await self._lab.inspect_video(self._store.media.path(sha256))
        except Unusable as unusable:
            # Its file is named by no row: the next sweep takes it.
            raise PhotoRefused(_REFUSALS.get(unusable.fault) or Refusal(unusable.fault.value)) from unusable
        if not clip.whole:
            raise PhotoRefused(Refusal.TRUNCATED)
        facts = clip.media_type, size, clip.width, clip.height, clip.seconds

        async def is_here() -> str:
            if not self._store.media.holds(sha256):
                raise PhotoRefused(Refusal.NOT_LOADED)
            return sha256

        return await keep(self._store, is_here, lambda sha: Medium(sha, *facts))


_REFUSALS = {Fault.NOT_A_PHOTO: Refusal.NOT_A_VIDEO}
