"""The clock: ticks at once, earlier when nudged, never twice at a time, and not after it was stopped."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.scheduler import Tick, Ticker


@pytest.fixture
async def clock() -> AsyncIterator[Ticker]:
    """A clock that is stopped in the end."""
    ticker = Ticker()
    yield ticker
    await ticker.stop()


class Work:
    """Counts what it is asked, and can be held in the middle."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.at_once = 0
        self.most_at_once = 0
        self.begins: asyncio.Queue[int] = asyncio.Queue()
        self.free = asyncio.Event()
        self.free.set()

    async def __call__(self) -> None:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begins.put_nowait(self.begun)
        await self.free.wait()
        self.at_once -= 1
        self.ended += 1

    async def next(self) -> int:
        async with asyncio.timeout(60):
            return await self.begins.get()


async def test_every_tick_begins_at_once(clock: Ticker) -> None:
    slow, slower = Work(), Work()
    clock.start([Tick("slow", 3600, slow), Tick("slower", 7200, slower)])
    assert (await slow.next(), await slower.next()) == (1, 1)


async def test_a_nudge_wakes_a_tick_long_before_its_time(clock: Ticker) -> None:
    work = Work()
    clock.start([Tick("work", 3600, work)])
    await work.next()
    clock("work")
    assert await work.next() == 2


async def test_a_nudge_for_nobody_is_no_error(clock: Ticker) -> None:
    clock.start([])
    clock("nobody")
    assert clock.stalled() == []


async def test_a_tick_that_fails_is_logged_and_asked_again(
    clock: Ticker, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()

    async def failing() -> None:
        await work()
        raise OSError("gone")

    clock.start([Tick("failing", 3600, failing)])
    await work.next()
    clock("failing")
    assert await work.next() == 2
    assert "Tick failed" in caplog.text


async def test_a_tick_never_runs_beside_itself(clock: Ticker) -> None:
    work = Work()
    work.free.clear()
    other = Work()
    clock.start([Tick("work", 0.01, work), Tick("other", 0.01, other)])
    await work.next()
    for _ in range(5):
        await other.next()
    work.free.set()
    assert work.most_at_once == 1


async def test_stopping_lets_a_tick_end_and_starts_no_other(clock: Ticker) -> None:
    work = Work()
    work.free.clear()
    clock.start([Tick("work", 0.01, work)])
    await work.next()
    stopping = asyncio.create_task(clock.stop())
    clock("work")
    work.free.set()
    async with asyncio.timeout(60):
        await stopping
    assert (work.begun, work.ended) == (1, 1)
    clock("work")
    assert work.begun == 1


@pytest.mark.parametrize("turns", range(8))
async def test_a_tick_on_the_point_of_beginning_is_not_cut_off(
    clock: Ticker, caplog: pytest.LogCaptureFixture, turns: int
) -> None:
    held, late = Work(), Work()
    clock.start([Tick("held", 3600, held), Tick("late", 3600, late)])
    await held.next()
    await late.next()
    held.free.clear()
    clock("held")
    await held.next()
    late.free.clear()
    clock("late")  # The loop begins it some turns from now, or not at all.
    for _ in range(turns):
        await asyncio.sleep(0)
    stopping = asyncio.create_task(clock.stop())
    await asyncio.sleep(0)
    held.free.set()
    for _ in range(20):
        await asyncio.sleep(0)
    late.free.set()
    async with asyncio.timeout(60):
        await stopping
    assert (held.ended, late.ended) == (held.begun, late.begun)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
