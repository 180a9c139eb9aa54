"""Once a day: what should be gone is gone. Found out by looking, not by trusting what erased it."""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.services.operators import Operators
from bot.services.photos import Photos, Retention
from storage import Store
from storage.records.deletions import Proof

logger = logging.getLogger(__name__)
_LATE = timedelta(hours=3)
"""A sweep comes every hour; what is a little late is no fault."""


class Prover:
    """Sweeps, and proves once a day that nothing was left behind."""

    def __init__(self, store: Store, photos: Photos, retention: Retention, operators: Operators) -> None:
        self._store = store
        self._photos = photos
        self._retention = retention
        self._operators = operators

    async def sweep_due(self) -> None:
        """The hourly sweep, and after it the daily proof: one that was missed is made up for at the start."""
        await self._photos.sweep()
        # After each deletion too; this is for one that came while somebody was reading.
        await self._store.scrub()
        if await self._store.write(lambda tx: tx.lanes.take_turn("proof", timedelta(days=1))):
            await self.prove()

    async def prove(self) -> Proof:
        """Look through every row and every file for what should have gone. Operators are told of a fault."""
        kept = self._retention
        overdue, in_use = await self._store.read(
            lambda tx: (
                tx.erasing.overdue(kept.after_job, kept.drafts, _LATE),
                tx.inputs.hashes_in_use(kept.after_job),
            )
        )
        stale, there = await self._store.media.stale(in_use, _LATE)
        proof = await self._store.write(lambda tx: tx.erasing.proved(overdue + stale, there))
        facts = {"files": proof.files, "day_before": proof.before, "overdue": proof.overdue, "kept": there}
        if proof.overdue:
            logger.error("Not everything was erased", extra={"action": "erasure_overdue", **facts})
            await self._operators.tell("Erasure", "overdue")
        else:
            logger.info("Erasure proved", extra={"action": "erasure_proved", **facts})
        return proof

    async def last(self) -> Proof | None:
        """The newest proof, for operators."""
        return await self._store.read(lambda tx: tx.erasing.last_proof())
