"""Connections to a vendor: the newest first, no more than there are calls, none left open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from bot.providers._lines import Lines


class Body(httpx.AsyncByteStream):
    """An answer's body, which may fail to close."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"answer"

    async def aclose(self) -> None:
        if self._error:
            raise self._error


class Line(httpx.AsyncBaseTransport):
    """One connection, which carries one call at a time and cannot be used once it is closed."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.busy = self.closed = False
        self.error: BaseException | None = None
        self.closing: Exception | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert not self.closed
        if self.error:
            raise self.error
        return httpx.Response(200, headers={"line": str(self.number)}, stream=Body(self.closing))

    async def aclose(self) -> None:
        self.closed = True


class Exchange:
    """What `Lines` opens, and a clock one can turn."""

    def __init__(self) -> None:
        self.now = 0.0
        self.opened: list[Line] = []
        self.lines = Lines(self._open, clock=lambda: self.now)

    def _open(self) -> Line:
        self.opened.append(Line(len(self.opened)))
        return self.opened[-1]

    async def call(self) -> httpx.Response:
        return await self.lines.handle_async_request(httpx.Request("GET", "https://vendor.example/"))


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


async def test_calls_one_after_the_other_share_one_connection(exchange: Exchange) -> None:
    for _ in range(3):
        assert await (await exchange.call()).aread() == b"answer"
    assert len(exchange.opened) == 1


async def test_calls_at_once_have_one_each_and_the_newest_is_used_again(exchange: Exchange) -> None:
    answers = [await exchange.call() for _ in range(3)]
    assert [answer.headers["line"] for answer in answers] == ["0", "1", "2"]
    for one in (2, 0, 1):
        await answers[one].aclose()
    assert (await exchange.call()).headers["line"] == "1"


async def test_one_that_nobody_has_used_for_a_while_is_closed(exchange: Exchange) -> None:
    first, second = await exchange.call(), await exchange.call()
    await first.aclose()
    await second.aclose()
    exchange.now = 4.0
    await (await exchange.call()).aclose()
    assert [line.closed for line in exchange.opened] == [False, False]
    exchange.now = 6.0
    await (await exchange.call()).aclose()
    assert [line.closed for line in exchange.opened] == [True, False]


@pytest.mark.parametrize("error", [httpx.ReadError("gone"), asyncio.CancelledError()])
async def test_a_call_that_breaks_off_gives_its_connection_back(
    exchange: Exchange, error: BaseException
) -> None:
    await (await exchange.call()).aclose()
    exchange.opened[0].error = error
    with pytest.raises(type(error)):
        await exchange.call()
    exchange.opened[0].error = None
    assert (await exchange.call()).headers["line"] == "0"


async def test_an_answer_that_breaks_off_as_it_closes_gives_its_connection_back_once(
    exchange: Exchange,
) -> None:
    await (await exchange.call()).aclose()
    exchange.opened[0].closing = httpx.ReadError("gone")
    answer = await exchange.call()
    for _ in range(2):
        with pytest.raises(httpx.ReadError):
            await answer.stream.aclose()  # type: ignore[union-attr]
    exchange.opened[0].closing = None
    assert [(await exchange.call()).headers["line"] for _ in range(2)] == ["0", "1"]


async def test_closing_leaves_none_open_not_even_one_in_use(exchange: Exchange) -> None:
    held, free = await exchange.call(), await exchange.call()
    await free.aclose()
    await exchange.lines.aclose()
    assert [line.closed for line in exchange.opened] == [False, True]
    await held.aclose()
    assert [line.closed for line in exchange.opened] == [True, True]
