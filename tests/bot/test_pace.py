"""A bot on a fast clock: time passes only where no lease can notice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.pace import keep_up, step
from bot.sandbox.clock import FollowingClock, WorldClock
from storage import Store
from storage.records.inbox import Arrival, InboxItem

LEASE = timedelta(seconds=60)


@pytest.fixture
def world(tmp_path: Path) -> WorldClock:
    clock = WorldClock(tmp_path / "clock.json")
    clock.keep()
    return clock


@pytest.fixture
def followed(world: WorldClock, tmp_path: Path) -> FollowingClock:
    assert world.ahead == 0
    return FollowingClock(tmp_path / "clock.json")


async def held(store: Store) -> InboxItem:
    await store.write(lambda tx: tx.inbox.put([Arrival("a", "message", {}, timedelta(0))]))
    (item,) = await store.write(lambda tx: tx.inbox.claim("me", LEASE, 1))
    return item


async def test_a_leap_waits_until_nobody_holds_a_row(
    tmp_path: Path, world: WorldClock, followed: FollowingClock
) -> None:
    async with Store.open(tmp_path / "data", clock_ms=followed) as store:
        item = await held(store)
        world.leap(3600)
        await step(followed, store)
        assert followed.behind == pytest.approx(3600, abs=1)
        assert await store.write(lambda tx: tx.inbox.claim("another", LEASE, 1)) == []
        await store.write(lambda tx: tx.inbox.done(item))
        await step(followed, store)
        assert followed.behind < 1
        assert (store.now().timestamp() - world()) == pytest.approx(0, abs=1)


async def test_a_restart_begins_where_the_world_is(tmp_path: Path, world: WorldClock) -> None:
    world.leap(3600)
    assert FollowingClock(tmp_path / "clock.json").behind < 1


async def test_ten_minutes_of_the_world_are_enough_for_a_sweep(
    tmp_path: Path, world: WorldClock, followed: FollowingClock
) -> None:
    swept = asyncio.Event()

    async def sweep() -> None:
        swept.set()

    async with Store.open(tmp_path / "data", clock_ms=followed) as store:
        following = asyncio.create_task(keep_up(followed, store, sweep))
        world.leap(601)
        async with asyncio.timeout(60):
            await swept.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert followed.behind < 1
