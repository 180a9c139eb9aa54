"""Going by a clock that may run faster than the machine's: only a demo has one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from storage import Store, Tx

STEP = 0.1
_SWEEP_MS = 600_000


class Fast(Protocol):
    """A clock that stands still beside the machine's until it is told to catch up."""

    def __call__(self) -> int:
        """What it shows, in milliseconds."""

    @property
    def behind(self) -> float:
        """Seconds it would gain by catching up."""

    def catch_up(self) -> None:
        """Gain them."""


async def keep_up(clock: Fast, store: Store, sweep: Callable[[], Awaitable[object]]) -> None:
    """Follow the clock in steps that no lease can notice; without end.

    Leases guard calls, and calls take the machine's time: so the clock moves only while nobody holds a row,
    and inside a write, where nobody can take one. To the tables it is as if the machine had slept in between.
    """
    swept = clock()
    while True:
        await asyncio.sleep(STEP)
        await step(clock, store)
        if clock() - swept > _SWEEP_MS:
            # Its tick goes by the machine's time, in which a day may be two minutes.
            swept = clock()
            await sweep()


async def step(clock: Fast, store: Store) -> None:
    """Let the clock catch up, unless somebody holds a row."""

    def unless_held(tx: Tx) -> None:
        if tx.at_rest():
            clock.catch_up()

    if clock.behind >= STEP:
        await store.write(unless_held)
