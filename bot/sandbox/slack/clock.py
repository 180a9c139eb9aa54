"""Time in the local Slack: the machine's, or one that a test turns by hand."""

import asyncio
import heapq
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from bot.sandbox.clock import FASTEST, WorldClock


class Timer(Protocol):
    """Something due later that may still be called off."""

    def cancel(self) -> None:
        """Forget it; harmless when it has already happened."""


class Clock(ABC):
    """Where every instant and every delay of the local Slack comes from."""

    @abstractmethod
    def now(self) -> float:
        """Seconds since the epoch."""

    @abstractmethod
    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once the seconds have passed on this clock."""

    @abstractmethod
    def close(self) -> None:
        """Call off everything that is still due."""

    async def sleep(self, seconds: float) -> None:
        """Wait for the seconds to pass on this clock."""
        passed = asyncio.Event()
        timer = self.call_later(seconds, passed.set)
        try:
            await passed.wait()
        finally:
            timer.cancel()


class SystemClock(Clock):
    """The machine's own time."""

    def __init__(self) -> None:
        self._due: set[asyncio.TimerHandle] = set()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back from the running event loop."""

        def call() -> None:
            self._due.discard(handle)
            callback()

        handle = asyncio.get_running_loop().call_later(seconds, call)
        self._due.add(handle)
        return _Appointment(handle, self._due)

    def close(self) -> None:
        """Call off everything that is still due."""
        for handle in self._due:
            handle.cancel()
        self._due.clear()


class ShownClock(SystemClock):
    """What messages are dated by where the world's clock may run fast; what is due comes by the machine's."""

    def __init__(self, world: WorldClock) -> None:
        super().__init__()
        self.world = world

    def now(self) -> float:
        """Seconds since the epoch, as the world has it."""
        return self.world()


class _Appointment:
    """A timer of the event loop that is forgotten once it is called off."""

    def __init__(self, handle: asyncio.TimerHandle, due: set[asyncio.TimerHandle]) -> None:
        self._handle = handle
        self._due = due

    def cancel(self) -> None:
        self._handle.cancel()
        self._due.discard(self._handle)


class _Turn:
    """One appointment on a clock turned by hand."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock(Clock):
    """A clock that stands still until somebody advances it."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Turn]] = []

    def now(self) -> float:
        """Seconds since the epoch, as last set."""
        return self._now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back when the clock has been advanced that far."""
        turn = _Turn(callback)
        heapq.heappush(self._due, (self._now + seconds, next(self._order), turn))
        return turn

    def close(self) -> None:
        """Call off everything that is still due."""
        self._due.clear()

    def advance(self, seconds: float) -> None:
        """Move on, calling back everybody due on the way, in order."""
        target = self._now + seconds
        while self._due and self._due[0][0] <= target:
            due, _, turn = heapq.heappop(self._due)
            self._now = max(self._now, due)
            if turn.callback is not None:
                turn.callback()
        self._now = target


def clock_facts(clock: Clock) -> dict[str, float | str]:
    """What a clock shows and how it may be turned: not at all, by hand, or by letting it run."""
    facts: dict[str, float | str] = {"now": clock.now(), "rate": 1.0}
    match clock:
        case ManualClock():
            return facts | {"kind": "manual", "rate": 0.0}
        case ShownClock(world=world):
            return facts | {"kind": "world", "rate": world.rate, "ahead": world.ahead, "fastest": FASTEST}
        case _:
            return facts | {"kind": "machine"}
