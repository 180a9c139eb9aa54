"""One vendor's connections, each a line of its own: whoever calls takes the one that was last put down.

httpx's own pool looks at every connection, for every connection, twice for each call: 20 of them cost more
than the call itself. Who may call at all is counted by `HttpClient` before it comes here, so nothing is left
for a pool to do but to keep one connection open, and a pool of one has nothing to look through.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx

_KEPT = 5.0
"""Seconds for which a line that nobody uses stays open; httpx's own figure."""


class Lines(httpx.AsyncBaseTransport):
    """As many connections as there are calls at once. `open_line` makes a transport for one of them."""

    def __init__(
        self,
        open_line: Callable[[], httpx.AsyncBaseTransport],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_line = open_line
        self._clock = clock
        self._closed = False
        self._free: deque[tuple[httpx.AsyncBaseTransport, float]] = deque()
        """Each with the moment at which it was put down; the newest last."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on the line that was used last, or on a new one."""
        line = self._free.pop()[0] if self._free else self._open_line()
        try:
            response = await line.handle_async_request(request)
        except BaseException:
            await self._put_down(line)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Held(response.stream, partial(self._put_down, line))
        return response

    async def aclose(self) -> None:
        """Close every line, those in use as soon as they are put down."""
        self._closed = True
        while self._free:
            await self._free.popleft()[0].aclose()

    async def _put_down(self, line: httpx.AsyncBaseTransport) -> None:
        if self._closed:
            await line.aclose()
            return
        now = self._clock()
        self._free.append((line, now))
        while now - self._free[0][1] > _KEPT:
            await self._free.popleft()[0].aclose()


class _Held(httpx.AsyncByteStream):
    """The body of an answer; its line is free once it is closed."""

    def __init__(self, body: httpx.AsyncByteStream, put_down: Callable[[], Awaitable[None]]) -> None:
        self._body = body
        self._put_down = put_down
        self._held = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

    async def aclose(self) -> None:
        """Close the answer; the line is put down whatever comes of that, and once."""
        try:
            await self._body.aclose()
        finally:
            if self._held:
                self._held = False
                await self._put_down()
