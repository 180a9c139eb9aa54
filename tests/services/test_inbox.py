"""What arrives is on disk before anybody hears that it arrived; what fails is tried again and said once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.services.inbox import Intake, TryAgain
from storage import Store, Tx
from storage.errors import StoreFull
from storage.records.inbox import Arrival, InboxItem
from storage.records.outbox import NoticeKind
from tests.stand_ins import OLGA, Engine, FakeReceiver, Nudges, TurnedClock

T = TypeVar("T")


class Watched(Store):
    """A store that counts commits, can be held, and can be full."""

    commits = 0
    full = False
    gate: asyncio.Event | None = None

    async def write(self, unit: Callable[[Tx], T]) -> T:
        if self.gate is not None:
            await self.gate.wait()
        self.commits += 1
        if self.full:
            raise StoreFull("the disk is full: nothing was written")
        return await super().write(unit)


def arrival(key: str) -> Arrival:
    return Arrival(key, "message", {})


async def work(house: Engine) -> None:
    """One tick of `inbox`, to its end."""
    await house.inbox.work_off_due()
    await house.inbox.stop(60)


def order(house: Engine, work: Callable[[InboxItem], Any]) -> FakeReceiver:
    assert isinstance(house.receiver, FakeReceiver)
    house.receiver.work = work
    return house.receiver


async def test_an_arrival_is_on_disk_when_put_returns(house: Engine) -> None:
    await house.services.intake.put(arrival("a"))
    assert house.rows("SELECT key FROM inbox") == [("a",)]
    assert await house.services.intake.known("a")
    assert house.nudges[-1] == "inbox"


async def test_those_who_wait_while_a_commit_is_under_way_share_the_next(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with Watched.open(tmp_path, clock_ms=clock) as store:
        assert isinstance(store, Watched)
        intake = Intake(store, Nudges())
        store.gate = asyncio.Event()
        first = asyncio.create_task(intake.put(arrival("first")))
        await asyncio.wait({first}, timeout=0.01)
        rest = [asyncio.create_task(intake.put(arrival(f"k{n}"))) for n in range(50)]
        store.gate.set()
        await asyncio.gather(first, *rest)
        assert store.commits <= 2
        assert await intake.known("k49")


async def test_a_full_disk_is_told_to_all_who_wait_and_nothing_is_kept(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with Watched.open(tmp_path, clock_ms=clock) as store:
        assert isinstance(store, Watched)
        intake = Intake(store, Nudges())
        store.full = True
        results = await asyncio.gather(
            *(intake.put(arrival(f"k{n}")) for n in range(5)), return_exceptions=True
        )
        assert [type(result) for result in results] == [StoreFull] * 5
        store.full = False
        assert not await intake.known("k0")
        await intake.put(arrival("k0"))
        assert await intake.known("k0")


async def test_one_who_stops_waiting_takes_nobody_with_him(tmp_path: Path, clock: TurnedClock) -> None:
    async with Watched.open(tmp_path, clock_ms=clock) as store:
        assert isinstance(store, Watched)
        intake = Intake(store, Nudges())
        store.gate = asyncio.Event()
        gone, stays = [asyncio.create_task(intake.put(arrival(key))) for key in ("gone", "stays")]
        await asyncio.wait({gone, stays}, timeout=0.01)
        gone.cancel()
        store.gate.set()
        await stays
        assert await intake.known("stays")


async def test_each_item_is_handed_over_once(house: Engine) -> None:
    receiver = order(house, house.services.intake.ignore)
    for key in ("a", "b", "a"):
        await house.services.intake.put(arrival(key))
    await work(house)
    await work(house)
    assert sorted(item.key for item in receiver.received) == ["a", "b"]
    assert house.rows("SELECT count(*) FROM inbox WHERE done_at NOT NULL") == [(2,)]


async def test_no_more_than_four_are_worked_on_at_once(house: Engine) -> None:
    hold = asyncio.Event()

    async def wait(item: InboxItem) -> None:
        await hold.wait()
        await house.services.intake.ignore(item)

    receiver = order(house, wait)
    for number in range(6):
        await house.services.intake.put(arrival(str(number)))
    await house.inbox.work_off_due()
    await house.inbox.work_off_due()
    assert house.rows("SELECT count(*) FROM inbox WHERE lease_owner NOT NULL") == [(4,)]
    hold.set()
    await house.inbox.stop(60)
    await work(house)
    assert len(receiver.received) == 6


async def test_an_answer_is_wanted_in_the_step_that_works_the_item_off(house: Engine) -> None:
    async def answer(item: InboxItem) -> None:
        await house.services.intake.answer(item, "T1/U1", "T1/C1/1", {"words": "help"})

    order(house, answer)
    await house.services.intake.put(arrival("a"))
    await work(house)
    await house.say()
    (reply,) = house.world.of_kind(NoticeKind.REPLY)
    assert reply.key == "reply:a"


async def fail_with(house: Engine, error: Exception, times: int) -> None:
    async def fail(item: InboxItem) -> None:
        raise error

    order(house, fail)
    await house.services.intake.put(arrival("a"))
    for _ in range(times):
        await work(house)
        house.clock.turn(house.timing.backoff_most)


def troubles(house: Engine) -> list[tuple[Any, ...]]:
    return house.rows(
        "SELECT key, json_extract(payload, '$.code') FROM outbox WHERE kind = 'trouble' ORDER BY created_at"
    )


async def test_a_first_hiccup_is_not_worth_a_word_and_a_second_is_worth_one(house: Engine) -> None:
    await fail_with(house, TryAgain("slack_unreachable"), 1)
    assert troubles(house) == []
    for _ in range(3):
        await work(house)
        house.clock.turn(house.timing.backoff_most)
    assert troubles(house) == [("trouble:a:waiting", "slack_unreachable")]
    order(house, house.services.intake.ignore)
    await work(house)
    assert house.rows("SELECT count(*) FROM inbox WHERE done_at NOT NULL") == [(1,)]


async def test_an_item_waits_longer_after_each_failure(house: Engine) -> None:
    await fail_with(house, TryAgain("x"), 0)
    waits = []
    for _ in range(4):
        await work(house)
        ((due,),) = house.rows("SELECT due_at FROM inbox")
        waits.append((due - house.clock.ms) // 1000)
        house.clock.turn_to(due)
    assert waits == [5, 10, 20, 40]


async def test_an_error_nobody_foresaw_has_a_reference_in_the_log_and_in_the_words(
    house: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    await fail_with(house, ZeroDivisionError(), 2)
    references = {r.__dict__["reference"] for r in caplog.records if r.getMessage() == "Item failed"}
    ((said,),) = house.rows("SELECT json_extract(payload, '$.reference') FROM outbox WHERE kind = 'trouble'")
    assert said in references
    assert len(references) == 2


async def test_a_full_disk_is_said_at_once_to_its_owner_and_to_the_operator(house: Engine) -> None:
    await fail_with(house, StoreFull("full"), 3)
    assert troubles(house) == [("trouble:a:waiting", "disk_full")]
    assert house.rows("SELECT owner FROM outbox WHERE kind = 'operator'") == [(OLGA,)]
    assert house.rows("SELECT done_at FROM inbox") == [(None,)]


async def test_after_forty_tries_it_is_given_up_and_that_is_said(house: Engine) -> None:
    await fail_with(house, TryAgain("slack_unreachable"), 45)
    assert troubles(house) == [("trouble:a:waiting", "slack_unreachable"), ("trouble:a:given_up", "given_up")]
    assert isinstance(house.receiver, FakeReceiver)
    assert len(house.receiver.received) == 40


async def test_an_item_that_takes_longer_than_its_lease_is_not_begun_twice(house: Engine) -> None:
    await house.services.intake.put(arrival("a"))
    go_on = asyncio.Event()

    async def slowly(item: InboxItem) -> None:
        await go_on.wait()
        await house.services.intake.ignore(item)

    receiver = order(house, slowly)
    for _ in range(6):
        await house.inbox.work_off_due()
        house.turn(seconds=80)
    go_on.set()
    await house.inbox.stop(60)
    assert len(receiver.received) == 1
    assert house.rows("SELECT count(done_at), attempts FROM inbox") == [(1, 1)]


async def test_an_item_that_is_cut_off_comes_back(house: Engine) -> None:
    hold = asyncio.Event()

    async def wait(item: InboxItem) -> None:
        await hold.wait()

    receiver = order(house, wait)
    await house.services.intake.put(arrival("a"))
    await house.inbox.work_off_due()
    await house.inbox.stop(0.01)
    order(house, house.services.intake.ignore)
    await house.store.write(lambda tx: tx.release("the next process", house.timing.settle))
    await work(house)
    assert [item.attempts for item in receiver.received] == [1, 2]
    assert house.rows("SELECT count(*) FROM inbox WHERE done_at NOT NULL") == [(1,)]
