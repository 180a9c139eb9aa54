"""The clock: a handful of ticks in memory, each of which asks the tables what is due."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

logger = logging.getLogger(__name__)
_STALLED = 30.0
"""Seconds a tick may be late before the process counts as ill."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Something to ask for every so many seconds."""

    name: str
    seconds: float
    work: Callable[[], Awaitable[object]]


class Ticker:
    """Runs ticks. No job store: what is due is in the tables, the next tick makes up for a missed one."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._running: set[asyncio.Event] = set()
        self._ran_at: dict[str, float] = {}
        self._every: dict[str, float] = {}

    def start(self, ticks: list[Tick]) -> None:
        """Begin, each tick at once."""
        for tick in ticks:
            self._every[tick.name], self._ran_at[tick.name] = tick.seconds, time.monotonic()
            self._scheduler.add_job(
                self._run,
                "interval",
                args=[tick],
                seconds=tick.seconds,
                id=tick.name,
                next_run_time=datetime.now(UTC),
            )
        self._scheduler.start()

    def __call__(self, tick: str) -> None:
        """Wake a tick early; only a hint."""
        try:
            self._scheduler.modify_job(tick, next_run_time=datetime.now(UTC))
        except JobLookupError:
            return

    def stalled(self) -> list[str]:
        """Ticks that have not ended for far longer than their interval."""
        now = time.monotonic()
        return [name for name, at in self._ran_at.items() if now - at > self._every[name] + _STALLED]

    async def stop(self) -> None:
        """No more ticks. One under way ends first: the scheduler's own shutdown would cut it off."""
        if not self._scheduler.running:
            return
        self._scheduler.remove_all_jobs()
        await asyncio.sleep(0)  # A tick the scheduler has just sent off is known here from its first step on.
        while self._running:
            await next(iter(self._running)).wait()
        self._scheduler.shutdown(wait=False)

    async def _run(self, tick: Tick) -> None:
        ended = asyncio.Event()
        self._running.add(ended)
        try:
            await tick.work()
        except Exception:
            # The next tick asks the same tables again.
            logger.exception("Tick failed", extra={"action": "tick_failed", "tick": tick.name})
        finally:
            self._ran_at[tick.name] = time.monotonic()
            self._running.discard(ended)
            ended.set()
