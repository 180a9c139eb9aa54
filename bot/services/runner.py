"""The runner: claims what is due and hands it to workers, so that one slow vendor delays no other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.providers import Provider
from bot.services.polling import Poller
from bot.services.submitting import Submitter
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from storage import Store, Tx
from storage.errors import StaleState, StoreFull
from storage.records.jobs import Job, JobKind, JobState

logger = logging.getLogger(__name__)


_AHEAD_MOST = 5
"""For each call that a vendor takes at once: so many rows at most are claimed together."""
_AHEAD_SECONDS = 5.0
"""What is claimed together should be polled in about this time."""


@dataclass
class _Queue:
    """The claimed rows of one lane, and how many are at work on them.

    A transaction for each row would cost more than its poll, so several rounds are claimed at once: as many
    as this vendor answers within a few seconds, since a row that waits here is nobody else's.
    """

    at_once: int
    ready: deque[tuple[Job, float]] = field(default_factory=deque)
    """Each with the moment at which it was claimed."""
    working: int = 0
    claiming: bool = False
    more: bool = False
    """There were as many rows as were asked for, so that there may be others."""
    rounds: int = 1
    claimed_at: float = 0.0

    def wanted(self) -> int:
        """How many rows to claim now."""
        if not self.runs_low():
            return 0 if self.ready else 2 * self.at_once - self.working
        quick = _now() - self.claimed_at <= _AHEAD_SECONDS
        self.rounds = min(_AHEAD_MOST, self.rounds * 2) if quick else max(1, self.rounds // 2)
        return self.at_once * self.rounds

    def take_in(self, jobs: Sequence[Job], *, more: bool) -> None:
        """Line them up behind the others."""
        self.more, self.claimed_at = more, _now()
        self.ready.extend((job, self.claimed_at) for job in jobs)

    def runs_low(self) -> bool:
        """Whether it is time for more rows, where there are any: the next must be here before these end.

        Calls that left together come back together, so a whole round of rows is kept waiting for them.
        """
        return self.more and not self.claiming and len(self.ready) <= self.at_once

    def idle_workers(self) -> int:
        """How many more calls may be under way, with a row for each."""
        return min(self.at_once - self.working, len(self.ready))


def _now() -> float:
    """This process's own time: what a lease leaves is counted in it."""
    return asyncio.get_running_loop().time()


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
        self._queues = {
            lane: _Queue(provider.capabilities.calls_at_once) for lane, provider in self._lanes.items()
        }
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
        lease = self._submitter.hold(self._vendors.of_lane(provider, kind))
        beside, sharing = self._vendors.going_on, self._vendors.sharing(provider.name, kind)
        return await self._store.write(
            lambda tx: tx.jobs.claim_submission(lane, self._store.me, lease, beside=beside, sharing=sharing)
        )

    async def poll_due(self) -> None:
        """Poll what is due, as many at once per vendor as it allows; settle the uneventful answers."""
        await self._poller.flush()
        due = await self._store.read(lambda tx: tx.jobs.due_lanes())
        for lane in sorted({lane for lane, state in due if state in {JobState.RUNNING, JobState.NEEDS_USER}}):
            await self._pump(lane)

    async def _pump(self, lane: str) -> None:
        """Claim rows for a lane's queue and see that enough workers are at it."""
        queue = self._queues.get(lane)
        if queue is None or self._stopping or queue.claiming:
            return
        wanted = queue.wanted()
        if wanted > 0:
            lease = self._timing.poll_lease + self._timing.poll_ahead
            queue.claiming = True  # Before the await, so that two pumps never claim for one place.
            try:
                await self._poller.flush()
                jobs = await self._store.write(
                    lambda tx: tx.jobs.claim_running(lane, self._store.me, lease, wanted)
                )
            finally:
                queue.claiming = False
            queue.take_in(jobs, more=len(jobs) == wanted)
        for _ in range(queue.idle_workers()):
            queue.working += 1
            self._spawn(self._work(lane, queue))

    async def _submit(self, held: Job, provider: Provider[Any]) -> None:
        await self._guarded(held, self._submitter.step(held, provider))

    async def _work(self, lane: str, queue: _Queue) -> None:
        """Poll one row of a lane after the other, until none is left."""
        try:
            while queue.ready and not self._stopping:
                held, taken_at = queue.ready.popleft()
                if _now() - taken_at > self._timing.poll_ahead.total_seconds():
                    # Its call might outlive the lease: back, for whoever is next.
                    await self._guarded(held, self._hand_back([held]))
                    continue
                await self._guarded(held, self._poller.step(held, self._lanes[lane]))
                if queue.runs_low():
                    await self._guarded(held, self._pump(lane))
        finally:
            queue.working -= 1

    async def _hand_back(self, held: Sequence[Job]) -> None:
        """Let go of rows whose call has not begun."""

        def unit(tx: Tx) -> None:
            for one in held:
                with contextlib.suppress(StaleState):
                    tx.jobs.give_back(one, timedelta(0))

        await self._store.write(unit)

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
        if left := [held for queue in self._queues.values() for held, _ in queue.ready]:
            await self._hand_back(left)
