"""Who does a stand-in's work: tasks beside the calls, which wait on its clock and end when it stops."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from bot.sandbox.vendors._state import Pulse

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """Each job has a task of its own; the heavy arithmetic takes one thread at a time."""

    def __init__(self, pulse: Pulse, clock: Callable[[], float]) -> None:
        self._pulse = pulse
        self._clock = clock
        self._arithmetic = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Let it run until it ends or the stand-in stops."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def close(self) -> None:
        """Drop all of it where it stands; what is on disk says how to go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until(self, instant: Callable[[], float]) -> None:
        """Return when the clock shows it. The instant may move while it is waited for."""
        while (left := instant() - self._clock()) > 0:
            await self._pulse.rest(left)

    async def reckon(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run arithmetic that would hold up the calls, when it is its turn."""
        async with self._arithmetic:
            return await asyncio.to_thread(function, *args, **kwargs)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A stand-in that silently stops working would look like a stuck vendor.
            task.get_loop().call_exception_handler(
                {"message": "A job of the stand-in broke", "exception": error}
            )
