"""Jobs whose vendor waits for better inputs: their owner is reminded, and in the end they are closed."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from bot.providers import Provider, RemoteRef
from bot.services import outcomes
from bot.services.notifier import Clock
from bot.services.stopping import told_to_stop
from bot.services.timing import Timing
from storage import Store, Tx
from storage.records.jobs import FailureReason, Job

logger = logging.getLogger(__name__)


class Waiting:
    """One step of a job in `needs_user` whose date has come."""

    def __init__(self, store: Store, timing: Timing, nudge: Clock) -> None:
        self._store = store
        self._timing = timing
        self._nudge = nudge

    def first(self) -> timedelta:
        """From the vendor's question to the first step."""
        return min(*self._timing.reminders, self._timing.answer_within)

    async def step(self, held: Job, provider: Provider[Any], ref: RemoteRef) -> None:
        """Remind, or close. Raises StaleState."""
        asked = held.asked_at or held.created_at
        waited = self._store.now() - asked
        if waited >= self._timing.answer_within:
            # Whatever the vendor keeps of it, it need not keep any longer.
            await told_to_stop(provider, ref, self._timing)
            await self._store.write(
                lambda tx: outcomes.fail(tx, held, FailureReason.NOT_ANSWERED, held.detail)
            )
            logger.info("Job closed", extra={"action": "job_not_answered", **held.log_context()})
        else:
            due = sum(waited >= after for after in self._timing.reminders)
            later = [
                after for after in (*self._timing.reminders, self._timing.answer_within) if after > waited
            ]

            def unit(tx: Tx) -> None:
                if due > held.reminders:
                    outcomes.remind(tx, held, due)
                tx.jobs.give_back(held, min(later) - waited, reminders=due)

            await self._store.write(unit)
        self._nudge("outbox")
