"""The clock of the demo's world: it runs faster on order, never back, and never for signatures."""

import asyncio
from pathlib import Path

import pytest

from bot.sandbox.clock import FASTEST, WorldClock, rate_of, wall_of
from bot.sandbox.vendors._state import Pulse


class Wall:
    """The machine's clock, turned by a test."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_it_shows_the_machines_time_until_it_is_told_otherwise() -> None:
    wall = Wall()
    clock = WorldClock(wall=wall)
    wall.now += 60
    assert (clock(), clock.ahead, rate_of(clock)) == (1_060.0, 0.0, 1.0)


def test_a_day_passes_in_two_minutes() -> None:
    wall = Wall()
    clock = WorldClock(wall=wall)
    clock.run(FASTEST)
    wall.now += 120
    assert clock() == 1_000.0 + 24 * 3600
    clock.run(1)
    wall.now += 10
    assert clock() == 1_010.0 + 24 * 3600


def test_it_leaps_and_never_goes_back() -> None:
    clock = WorldClock(wall=Wall())
    clock.leap(3600)
    assert clock() == 4_600.0
    with pytest.raises(ValueError, match="never goes back"):
        clock.leap(-1)
    with pytest.raises(ValueError, match="1 to 720"):
        clock.run(0)


def test_the_next_start_goes_on_from_what_it_showed(tmp_path: Path) -> None:
    wall = Wall()
    clock = WorldClock(tmp_path / "clock", wall=wall)
    clock.leap(500)
    wall.now += 5
    assert WorldClock(tmp_path / "clock", wall=wall)() == clock()


def test_one_that_was_killed_while_it_ran_fast_does_not_go_back(tmp_path: Path) -> None:
    wall = Wall()
    clock = WorldClock(tmp_path / "clock", wall=wall)
    clock.run(100)
    wall.now += 1.5
    shown = clock()
    wall.now += 3600
    again = WorldClock(tmp_path / "clock", wall=wall)
    assert again() >= shown
    assert rate_of(again) == 1.0


async def test_a_wait_on_it_ends_when_it_leaps_and_is_short_when_it_runs_fast() -> None:
    clock = WorldClock()
    pulse = Pulse(clock)
    waiting = asyncio.create_task(pulse.wait(3600))
    await asyncio.sleep(0)
    clock.leap(3600)
    async with asyncio.timeout(60):
        await waiting
        clock.run(FASTEST)
        await pulse.wait(60)
    assert rate_of(clock) == FASTEST


def test_signatures_go_by_the_machines_time_and_tests_by_their_own() -> None:
    clock = WorldClock(wall=Wall())
    clock.leap(3600)
    assert wall_of(clock)() == 1_000.0
    turned = Wall()
    assert wall_of(turned) is turned
