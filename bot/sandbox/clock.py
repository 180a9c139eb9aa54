"""The clock of the demo's world: the machine's time, which can be made to run faster or to leap ahead.

The local Slack and the vendors' stand-ins show one and the same. What guards a call on a real wire never runs
fast: time-outs, signatures and the like are measured by `wall`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

FASTEST = 720.0
"""A day in two minutes."""
KEEP_EVERY = 1.0
"""Seconds after which a clock that runs fast is written down again."""


class WorldClock:
    """Tells the seconds since the epoch. It never goes back, and keeps what it is ahead by in a file."""

    def __init__(self, file: Path | None = None, *, wall: Callable[[], float] = time.time) -> None:
        self.wall = wall
        self.rate = 1.0
        """How many of its seconds pass in one of the machine's."""
        self._file = file
        self._since = wall()
        self._ahead = self._read()
        self._told: list[Callable[[], None]] = []

    def __call__(self) -> float:
        """What it shows."""
        return self.wall() + self.ahead

    @property
    def ahead(self) -> float:
        """How many seconds it is ahead of the machine's."""
        return self._ahead + (self.rate - 1.0) * max(0.0, self.wall() - self._since)

    def run(self, rate: float) -> None:
        """Let it run so many times as fast as the machine's. Raises ValueError for what it cannot."""
        if not 1.0 <= rate <= FASTEST:
            raise ValueError(f"The clock runs 1 to {FASTEST:.0f} times as fast, not {rate:g}.")
        self._ahead, self._since = self.ahead, self.wall()
        self.rate = rate
        self._changed()

    def leap(self, seconds: float) -> None:
        """Move on at once. Raises ValueError for a step back."""
        if seconds < 0:
            raise ValueError("The clock never goes back.")
        self._ahead += seconds
        self._changed()

    def on_change(self, told: Callable[[], None]) -> None:
        """Tell somebody who waits on it that the wait may now be shorter."""
        self._told.append(told)

    def keep(self) -> None:
        """Write down what it shows, for those who read the file and for the next start."""
        if self._file is None:
            return
        aside = self._file.with_suffix(".part")
        aside.write_text(json.dumps({"ahead": self.ahead, "rate": self.rate, "at": self.wall()}))
        aside.replace(self._file)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep the file current until the block is left; then run as fast as the machine's again."""
        keeping = asyncio.create_task(self._keep_on())
        self.keep()
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            self.run(1.0)

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY)
            if self.rate > 1.0:
                self.keep()

    def _changed(self) -> None:
        self.keep()
        for told in self._told:
            told()

    def _read(self) -> float:
        if self._file is None or not self._file.exists():
            return 0.0
        kept = json.loads(self._file.read_text())
        # Killed while it ran fast: it had run on since it was written down, and must not go back.
        ran_on = min(2 * KEEP_EVERY, max(0.0, self.wall() - float(kept["at"])))
        return float(kept["ahead"]) + (float(kept["rate"]) - 1.0) * ran_on


class FollowingClock:
    """The same clock in another process: it reads the file, and moves only when it is told that it may."""

    def __init__(self, file: Path, *, wall: Callable[[], float] = time.time) -> None:
        self._file = file
        self._wall = wall
        self._ahead = self._target()

    def __call__(self) -> int:
        """What it shows, in milliseconds."""
        return int((self._wall() + self._ahead) * 1000)

    @property
    def behind(self) -> float:
        """How many seconds the world's clock has run on meanwhile."""
        return max(0.0, self._target() - self._ahead)

    def catch_up(self) -> None:
        """Show what the world's clock shows."""
        self._ahead += self.behind

    def _target(self) -> float:
        kept = json.loads(self._file.read_text())
        return float(kept["ahead"]) + (float(kept["rate"]) - 1.0) * max(0.0, self._wall() - float(kept["at"]))


def rate_of(clock: Callable[[], float]) -> float:
    """How fast a clock runs beside the machine's; one that a test turns by hand counts as 1."""
    return clock.rate if isinstance(clock, WorldClock) else 1.0


def wall_of(clock: Callable[[], float]) -> Callable[[], float]:
    """The clock that signatures and short windows around a call are measured by."""
    return clock.wall if isinstance(clock, WorldClock) else clock
