"""Uvicorn inside somebody else's program, begun and ended without waiting."""

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn

_LOOK = 0.005
"""Seconds between two looks whether the last answer has gone out."""


class Server(uvicorn.Server):
    """Leaves the process's signals to whoever owns the process, says when it is up, and stops when told.

    Uvicorn itself looks ten times a second whether it should exit, and rests a tenth of a second while it
    does. A sandbox begins and ends servers all day long.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._told = asyncio.Event()

    def stop(self) -> None:
        """Take nothing new, let what is under way end, and return from `serve`."""
        self.should_exit = True
        self._told.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Nothing: the signals are not ours."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        """Keep the time of the `Date` header until told to stop."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, but over as soon as the last connection is."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn tells nobody.
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            for task in state.tasks:
                task.cancel()
        await self.lifespan.shutdown()
