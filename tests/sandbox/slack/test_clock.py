"""A clock turned by hand: who is due, in which order, and who called off."""

import asyncio
from pathlib import Path

import pytest

from bot.sandbox.clock import WorldClock
from bot.sandbox.slack import Director, LocalSlack, ManualClock, Refused, SystemClock
from bot.sandbox.slack.ids import CountedIds, RandomIds
from tests.sandbox.slack.harness import client_of, modal, text_input


def test_appointments_are_kept_in_order_and_at_their_own_time() -> None:
    clock = ManualClock(start=100)
    seen: list[tuple[str, float]] = []
    clock.call_later(5, lambda: seen.append(("late", clock.now())))
    clock.call_later(2, lambda: seen.append(("early", clock.now())))
    clock.call_later(2, lambda: clock.call_later(1, lambda: seen.append(("chained", clock.now()))))
    clock.call_later(3, lambda: seen.append(("called off", clock.now()))).cancel()
    clock.advance(4)
    assert seen == [("early", 102), ("chained", 103)]
    clock.advance(4)
    assert (seen[-1], clock.now()) == (("late", 105), 108)


async def test_a_sleeper_wakes_when_the_clock_has_been_turned() -> None:
    clock = ManualClock()
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.wait({sleeper}, timeout=0)
    clock.advance(9)
    assert not sleeper.done()
    clock.advance(1)
    await sleeper


async def test_a_closed_clock_keeps_no_appointment() -> None:
    system = SystemClock()
    happened = asyncio.Event()
    system.call_later(0, happened.set)
    await happened.wait()
    missed = asyncio.Event()
    system.call_later(0.01, missed.set)
    system.close()
    after = asyncio.Event()
    asyncio.get_running_loop().call_later(0.03, after.set)
    await after.wait()
    assert not missed.is_set()


def test_ids_are_shaped_like_slacks() -> None:
    counted, random = CountedIds(), RandomIds()
    assert [counted.new("F") for _ in range(2)] == ["F0000000001", "F0000000002"]
    made = {random.new("F") for _ in range(100)}
    assert len(made) == 100
    assert all(len(i) == 11 and i[1:].isalnum() and i.isupper() for i in made)


async def test_messages_are_dated_by_a_world_that_leaps_and_triggers_are_not(tmp_path: Path) -> None:
    world = WorldClock()
    async with (
        LocalSlack.start(tmp_path, world=world) as slack,
        Director(slack.origin) as people,
        client_of(slack) as client,
    ):
        before = await people.post("ana", "#portraits", "today")
        gesture = await people.command("ana", "#portraits", "/darkroom")
        await people.advance(86_400)
        after = await people.post("ana", "#portraits", "tomorrow")
        assert float(after.ts) - float(before.ts) >= 86_400
        form = modal(text_input("name", "Name"))
        assert (await client.views_open(trigger_id=gesture.trigger_id, view=form))["ok"]
        with pytest.raises(Refused, match="invalid_rate"):
            await people.run_clock(10_000)
        await people.run_clock(720)
        assert world.rate == 720


async def test_a_clock_that_is_the_machines_cannot_be_turned(tmp_path: Path) -> None:
    async with LocalSlack.start(tmp_path) as slack, Director(slack.origin) as people:
        with pytest.raises(Refused, match="clock_runs_by_itself"):
            await people.advance(60)
        with pytest.raises(Refused, match="clock_runs_by_itself"):
            await people.run_clock(60)
