"""What arrived: kept once, claimed by one, forgotten late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage import Store
from storage.errors import StaleState
from storage.records.inbox import Arrival, InboxItem
from tests.stand_ins import TurnedClock

LEASE = timedelta(seconds=60)
SECOND = timedelta(seconds=1)


def arrival(key: str, delay: timedelta = timedelta(0)) -> Arrival:
    return Arrival(key, "message", {"words": key}, delay)


async def put(store: Store, *arrivals: Arrival) -> None:
    await store.write(lambda tx: tx.inbox.put(arrivals))


async def claim(store: Store, me: str = "one", limit: int = 10) -> list[InboxItem]:
    return await store.write(lambda tx: tx.inbox.claim(me, LEASE, limit))


async def test_a_key_is_kept_once_however_often_it_is_delivered(store: Store) -> None:
    await put(store, arrival("a"), arrival("b"), arrival("a"))
    await put(store, arrival("a"))
    assert sorted(item.key for item in await claim(store)) == ["a", "b"]


async def test_a_key_that_was_worked_off_keeps_repeats_out_until_it_is_forgotten(
    store: Store, clock: TurnedClock
) -> None:
    await put(store, arrival("a"))
    (item,) = await claim(store)
    await store.write(lambda tx: tx.inbox.done(item))
    await put(store, arrival("a"))
    assert await claim(store) == []
    clock.turn(timedelta(days=3))
    assert await store.write(lambda tx: tx.inbox.forget(timedelta(days=3))) == 0
    clock.turn(SECOND)
    assert await store.write(lambda tx: tx.inbox.forget(timedelta(days=3))) == 1
    assert not await store.read(lambda tx: tx.inbox.known("a"))


async def test_what_it_held_is_gone_once_it_is_worked_off(store: Store) -> None:
    await put(store, arrival("a"))
    (item,) = await claim(store)
    assert item.payload == {"words": "a"}
    await store.write(lambda tx: tx.inbox.done(item))
    left = await store.read(lambda tx: tx.inbox.conn.exec_driver_sql("SELECT payload FROM inbox").scalar())
    assert left == "{}"


async def test_a_delayed_arrival_lies_for_so_long(store: Store, clock: TurnedClock) -> None:
    await put(store, arrival("now"), arrival("later", 2 * SECOND))
    assert [item.key for item in await claim(store)] == ["now"]
    assert await store.read(lambda tx: tx.inbox.known("later"))
    clock.turn(2 * SECOND)
    assert [item.key for item in await claim(store)] == ["later"]


async def test_two_processes_never_work_on_the_same_item(store: Store) -> None:
    await put(store, arrival("a"), arrival("b"), arrival("c"))
    one, two = await claim(store, "one", 2), await claim(store, "two")
    assert sorted(item.key for item in one + two) == ["a", "b", "c"]
    assert len(one) == 2


async def test_an_item_whose_holder_is_gone_comes_back_and_the_holder_is_stale(
    store: Store, clock: TurnedClock
) -> None:
    await put(store, arrival("a"))
    (first,) = await claim(store, "one")
    clock.turn(LEASE)
    (second,) = await claim(store, "two")
    assert (first.attempts, second.attempts) == (1, 2)
    with pytest.raises(StaleState):
        await store.write(lambda tx: tx.inbox.done(first))
    with pytest.raises(StaleState):
        await store.write(lambda tx: tx.inbox.again(first, SECOND))
    await store.write(lambda tx: tx.inbox.done(second))
    assert not await store.read(lambda tx: tx.inbox.is_due())


async def test_an_item_given_back_waits(store: Store, clock: TurnedClock) -> None:
    await put(store, arrival("a"))
    (item,) = await claim(store)
    await store.write(lambda tx: tx.inbox.again(item, SECOND))
    assert await claim(store) == []
    clock.turn(SECOND)
    assert len(await claim(store)) == 1


async def test_a_restart_frees_what_was_being_worked_on(store: Store) -> None:
    await put(store, arrival("a"))
    await claim(store, "old")
    await store.write(lambda tx: tx.release("new", LEASE))
    assert len(await claim(store, "new")) == 1
