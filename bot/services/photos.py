"""Photos: taken in once, kept by hash, erased when nobody needs them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from bot.imaging.faults import Unusable
from bot.imaging.lab import Lab
from bot.services.cards import show_expired
from bot.services.errors import PhotoRefused
from bot.services.keeping import Eraser, keep
from bot.services.sheets import forget_sheets
from storage import Store, Tx
from storage.records.media import Medium, Portrait, Refusal

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long photos are kept."""

    after_job: timedelta = timedelta(days=1)
    """After a job ends, so that it can be retried."""
    drafts: timedelta = timedelta(days=1)
    """After the last photo, where no training was started."""


class Photos:
    """Takes photos in and lets them go."""

    def __init__(self, store: Store, retention: Retention, lab: Lab) -> None:
        self._store = store
        self._retention = retention
        self._lab = lab
        self._eraser = Eraser(store)

    def expect(self) -> None:
        """A photo is on its way: what looks at it comes up while it is downloaded."""
        self._lab.expect()

    async def add(self, data: bytes) -> Medium:
        """Keep a posted file as a photo. Raises PhotoRefused, StoreFull, and the lab's CannotWork."""
        try:
            taken = await self._lab.take_in(data)
        except Unusable as unusable:
            size = unusable.width, unusable.height
            raise PhotoRefused(Refusal(unusable.fault.value), size) from unusable
        facts = taken.media_type, len(taken.data), taken.width, taken.height
        return await keep(
            self._store,
            lambda: self._store.media.put(taken.data),
            lambda sha: Medium(sha, *facts),
            Portrait(taken.look.facts(), taken.preview),
        )

    async def sweep(self) -> int:
        """Erase what no draft and no job needs any more. Returns how many files went."""
        if not await self._store.write(lambda tx: tx.lanes.take_turn("sweep", timedelta(hours=1))):
            return 0
        in_use = await self._store.write(self._forget)
        marked = await self._eraser.erase_due()
        gone = await self._store.media.sweep(in_use, timedelta(hours=1))
        if gone:
            await self._store.write(lambda tx: tx.erasing.count(gone))
            logger.info("Files erased", extra={"action": "swept", "files": gone})
        return marked + gone

    def _forget(self, tx: Tx) -> set[str]:
        for tray_id, owner in tx.inputs.forget_drafts(self._retention.drafts):
            show_expired(tx, tray_id, owner=owner)
        tx.inputs.forget_ended(self._retention.after_job)
        forget_sheets(tx)
        tx.links.drop_expired()
        tx.inputs.mark(tx.inputs.drop_unneeded(timedelta(hours=1)))
        tx.inbox.forget(timedelta(days=3))
        tx.invitations.forget(timedelta(days=2))
        return tx.inputs.hashes_in_use(self._retention.after_job)
