"""Papers: identity cards and signed letters. Taken in private, shown nowhere, erased as soon as may be."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.imaging.faults import Fault, Unusable
from bot.imaging.lab import Lab
from bot.services.errors import PhotoRefused
from bot.services.inputs import PAPERS, Role
from bot.services.keeping import keep
from storage import Store
from storage.records.media import Medium, Refusal

DOCUMENT = "application/pdf"
MAX_PAPER = 20 * 1024 * 1024
"""Bytes of a document."""
_LOCKED = re.compile(rb"/Encrypt\s*(<<|\d+\s+\d+\s+R)")
"""Stands in a trailer, which is never packed. A reviewer could not open it either, and says so days later."""


class Papers:
    """Takes papers in. What puts them into a tray or a job refuses those that came by a public way."""

    def __init__(self, store: Store, lab: Lab) -> None:
        self._store = store
        self._lab = lab

    async def add(self, role: Role, data: bytes) -> Medium:
        """Keep a picture without its metadata, or a PDF as it came.

        Raises PhotoRefused, StoreFull, and the lab's CannotWork.
        """
        if role not in PAPERS:
            raise ValueError(f"{role.value} is no paper")
        return await self.hold(data)

    async def hold(self, data: bytes) -> Medium:
        """The same for one whose owner has yet to say which it is. Raises as `add` does."""
        kept, kind, width, height = _document(data) if b"%PDF-" in data[:1024] else await self._picture(data)
        return await keep(
            self._store,
            lambda: self._store.media.put(kept),
            lambda sha: Medium(sha, kind, len(kept), width, height),
        )

    async def drop(self, hashes: Sequence[str]) -> None:
        """Erase papers that came to nothing; those that a tray or a job holds stay."""
        await self._store.write(lambda tx: tx.inputs.doom(hashes))

    async def _picture(self, data: bytes) -> tuple[bytes, str, int, int]:
        try:
            taken = await self._lab.take_in(data)
        except Unusable as unusable:
            refusal = Refusal.NOT_A_PAPER if unusable.fault is Fault.NOT_A_PHOTO else None
            raise PhotoRefused(refusal or Refusal(unusable.fault.value)) from unusable
        return taken.data, taken.media_type, taken.width, taken.height


def _document(data: bytes) -> tuple[bytes, str, int, int]:
    """A PDF is not looked into: it goes to its vendor as it came, and is never opened here."""
    if len(data) > MAX_PAPER:
        raise PhotoRefused(Refusal.TOO_LARGE)
    if b"%%EOF" not in data[-2048:]:
        raise PhotoRefused(Refusal.DAMAGED)
    if _LOCKED.search(data):
        raise PhotoRefused(Refusal.PAPER_LOCKED)
    return data, DOCUMENT, 0, 0
