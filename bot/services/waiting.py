"""Jobs whose vendor waits for better inputs: their owner is reminded, and in the end they are closed."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from bot.providers import Provider, ProviderError, RemoteRef, RemoteState
from bot.services import outcomes
from bot.services.cards import show_card
from bot.services.jobs import anew
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
            await self._close(held, provider, ref)
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

    async def _close(self, held: Job, provider: Provider[Any], ref: RemoteRef) -> None:
        """The time for an answer is over: whatever the vendor keeps of it, it need not keep any longer.

        Its staff may have gone on without one, and then it cannot be stopped any more and will be charged:
        it is taken up again under its key, as if it had been answered.
        """
        stopped = await told_to_stop(provider, ref, self._timing)
        if not stopped and await self._goes_on(provider, ref):

            def again(tx: Tx) -> None:
                show_card(tx, anew(tx, held, held.spec.get("gave", [])))

            await self._store.write(again)
            logger.info("Vendor went on unasked", extra={"action": "job_taken_up", **held.log_context()})
            self._nudge("submit")
            return
        await self._store.write(lambda tx: outcomes.fail(tx, held, FailureReason.NOT_ANSWERED, held.detail))
        logger.info("Job closed", extra={"action": "job_not_answered", **held.log_context()})

    async def _goes_on(self, provider: Provider[Any], ref: RemoteRef) -> bool:
        try:
            async with asyncio.timeout(self._timing.call.total_seconds()):
                told = await provider.poll(ref)
        except (ProviderError, TimeoutError):
            return False
        return told.state in {RemoteState.QUEUED, RemoteState.RUNNING, RemoteState.SUCCEEDED}
