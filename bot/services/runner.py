"""The runner: claims what is due and hands it to workers, so that one slow vendor delays no other."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from bot.providers import Provider
from bot.services.polling import Poller
from bot.services.submitting import Submitter
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from storage import Store
from storage.errors import StaleState, StoreFull
from storage.records import Job, JobKind, JobState

logger = logging.getLogger(__name__)


class JobRunner:
    """Two ticks: one for what waits to be sent, one for what wants to be polled."""

    def __init__(
        self, store: Store, vendors: Vendors, submitter: Submitter, poller: Poller, timing: Timing
    ) -> None:
        self._store = store
        self._vendors = vendors
        self._submitter = submitter
        self._poller = poller
        self._timing = timing
        self._lanes = dict(vendors.lanes())
        self._busy: Counter[str] = Counter()
        self._more: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def submit_due(self) -> None:
        """Send everything whose lane has a free slot."""
        due = await self._store.read(lambda tx: tx.jobs.due_lanes())
        for lane in sorted({lane for lane, state in due if state in {JobState.QUEUED, JobState.SUBMITTING}}):
            provider = self._lanes.get(lane)
            while provider is not None and not self._stopping:
                held = await self._claim(lane, provider)
                if held is None:
                    break
                self._spawn(self._submit(held, provider))

    async def _claim(self, lane: str, provider: Provider[Any]) -> Job | None:
        kind = JobKind(lane.rpartition(":")[2])
        lease = self._submitter.hold(self._vendors.operation(provider, kind))
        return await self._store.write(lambda tx: tx.jobs.claim_submission(lane, self._store.me, lease))

    async def poll_due(self) -> None:
        """Poll what is due, as many at once per vendor as it allows; settle the uneventful answers."""
        await self._poller.flush()
        due = await self._store.read(lambda tx: tx.jobs.due_lanes())
        for lane in sorted({lane for lane, state in due if state in {JobState.RUNNING, JobState.NEEDS_USER}}):
            await self._pump(lane)

    async def _pump(self, lane: str) -> None:
        provider = self._lanes.get(lane)
        if provider is None or self._stopping:
            return
        free = provider.capabilities.calls_at_once - self._busy[lane]
        if free <= 0:
            return
        self._busy[lane] += free  # Reserved before the await, so that two pumps never claim for one slot.
        jobs: list[Job] = []
        try:
            jobs = await self._store.write(
                lambda tx: tx.jobs.claim_running(lane, self._store.me, self._timing.poll_lease, free)
            )
        finally:
            self._busy[lane] -= free - len(jobs)
        if len(jobs) == free:
            self._more.add(lane)
        else:
            self._more.discard(lane)
        for job in jobs:
            self._spawn(self._poll(job, provider))

    async def _submit(self, held: Job, provider: Provider[Any]) -> None:
        await self._guarded(held, self._submitter.step(held, provider))

    async def _poll(self, held: Job, provider: Provider[Any]) -> None:
        try:
            await self._guarded(held, self._poller.step(held, provider))
        finally:
            self._busy[held.lane] -= 1
        if held.lane in self._more and self._busy[held.lane] <= provider.capabilities.calls_at_once // 2:
            await self._poller.flush()
            await self._pump(held.lane)

    async def _guarded(self, held: Job, step: Coroutine[Any, Any, None]) -> None:
        """Nothing a step raises may stop the runner; the row's lease brings it back."""
        try:
            await step
        except StaleState:
            logger.info("Job held by somebody else", extra={"action": "job_stale", **held.log_context()})
        except StoreFull:
            logger.error("Disk full", extra={"action": "disk_full", **held.log_context()})  # noqa: TRY400
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception(
                "Step failed", extra={"action": "step_failed", "reference": reference, **held.log_context()}
            )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until no step is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self, patience: float) -> None:
        """Claim nothing more; let steps end for `patience` seconds, then cut them off: rows come back."""
        self._stopping = True
        try:
            async with asyncio.timeout(patience):
                await self.idle()
        except TimeoutError:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._poller.flush()
