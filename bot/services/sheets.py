"""Contact sheets: one picture of a tray, drawn for its owner and deleted at the surface when it is over.

A sheet shows faces. So its row is written before anybody can see its file, and goes once the file is deleted.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from bot.imaging.faults import Unusable
from bot.imaging.lab import Lab
from bot.imaging.tiles import Tile
from bot.services.cards import refresh_tray, sheet_key, tray_key
from bot.services.notifier import Clock
from bot.services.trays import TrayView
from storage import Store, Tx
from storage.records.media import Portrait
from storage.records.outbox import NoticeKind
from storage.records.places import direct
from storage.records.trays import Sheet, TrayState

logger = logging.getLogger(__name__)
MOST: Final = 100
"""Tiles of a sheet: with more none could be made out."""
_AT_ONCE: Final = 8
"""Photos of an older version that are measured for one sheet; the next one goes on."""


class Sheets:
    """Draws contact sheets, and remembers which of them stand at the surface."""

    def __init__(self, store: Store, lab: Lab, nudge: Clock) -> None:
        self._store = store
        self._lab = lab
        self._nudge = nudge

    async def measure(self, view: TrayView) -> bool:
        """Look at photos that an older version took in. Returns whether any was: the tray then says more.

        Raises StoreFull, and the lab's CannotWork.
        """
        unknown = dict.fromkeys(one.entry.medium or "" for one in view.verdict.unmeasured)
        found = 0
        for sha256 in list(unknown)[:_AT_ONCE]:
            try:
                taken = await self._lab.take_in(await self._store.media.read(sha256))
            except (Unusable, FileNotFoundError):
                continue  # It goes on as a photo that nobody has looked at.
            portrait = Portrait(taken.look.facts(), taken.preview)

            def unit(tx: Tx, sha256: str = sha256, portrait: Portrait = portrait) -> int:
                if not tx.inputs.by_hash([sha256]):
                    return 0  # Erased meanwhile.
                tx.looks.keep(sha256, portrait)
                return 1

            found += await self._store.write(unit)
        if found:
            await self._store.write(lambda tx: refresh_tray(tx, view.tray.id))
        return bool(found)

    def stamp(self, view: TrayView, captions: Mapping[int, str]) -> str:
        """What a sheet of this tray would show, in short; empty where there is nothing to be shown."""
        shown = view.verdict.photos[:MOST]
        if view.tray.state is not TrayState.OPEN or not any(one.entry.medium for one in shown):
            return ""
        facts = [
            (one.number, one.mark, captions.get(one.number, ""), one.entry.medium, one.look is None)
            for one in shown
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

    async def draw(self, view: TrayView, captions: Mapping[int, str]) -> bytes:
        """The sheet, as a JPEG. Raises the lab's CannotWork."""
        shown = view.verdict.photos[:MOST]
        hashes = [one.entry.medium for one in shown if one.entry.medium]
        previews = await self._store.read(lambda tx: tx.looks.previews(hashes))
        return await self._lab.contact_sheet(
            [
                Tile(one.number, one.mark, captions.get(one.number, ""), previews.get(one.entry.medium or ""))
                for one in shown
            ]
        )

    async def of_tray(self, tray_id: str) -> Sequence[Sheet]:
        """The sheets of a tray that may still be there, oldest first."""
        return await self._store.read(lambda tx: tx.sheets.of_tray(tray_id))

    async def begun(self, tray_id: str, stamp: str, file_id: str) -> Sheet:
        """A file has its name: from now on it is known, whatever happens."""
        return await self._store.write(lambda tx: tx.sheets.begun(tray_id, stamp, file_id))

    async def ready(self, sheet: Sheet) -> None:
        """The file can be shown, and the tray's message is to show it where that is for its owner alone."""

        def unit(tx: Tx) -> None:
            tx.sheets.is_ready(sheet.number)
            tx.outbox.touch(tray_key(sheet.tray_id))

        await self._store.write(unit)
        self._nudge("outbox")

    async def gone(self, sheet: Sheet) -> None:
        """The file is deleted."""
        await self._store.write(lambda tx: tx.sheets.gone(sheet.number))


def forget_sheets(tx: Tx) -> None:
    """Trays that ended with nobody there to say so: their sheets are deleted all the same."""
    for tray_id in tx.sheets.left_over():
        tray = tx.trays.get(tray_id)
        refresh_tray(tx, tray_id)
        # The first notice may have been given up, when the owner's direct messages could not be reached.
        key = f"{sheet_key(tray_id)}:end"
        tx.outbox.put(key, NoticeKind.SHEET, owner=tray.owner, place=direct(tray.owner), tray_id=tray_id)
        tx.outbox.touch(key)
