"""What the stand-ins share behind their counters: who is woken by what, settings, several rows at once."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from pydantic import NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass

from bot.sandbox.vendors._settings import STRICT, Dial
from bot.sandbox.vendors._state import Pulse, Values, open_database, together
from bot.sandbox.vendors._workers import Workers
from tests.sandbox.vendors.scene import Clock


@dataclass(frozen=True, config=STRICT)
class Temper:
    seconds: NonNegativeFloat = 2.0
    tries: PositiveInt = 3
    mood: Literal["good", "bad"] = "good"
    patient: bool = True
    names: tuple[str, ...] = ()


async def a_few_turns() -> None:
    """Let the tasks of this loop come to where they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_beat_wakes_those_who_watch_and_only_a_stir_wakes_those_who_work() -> None:
    pulse = Pulse()
    watching, working = asyncio.create_task(pulse.wait(None)), asyncio.create_task(pulse.rest(None))
    await a_few_turns()
    pulse.beat()
    await watching
    assert not working.done()
    again = asyncio.create_task(pulse.wait(None))
    await a_few_turns()
    pulse.stir()
    await asyncio.gather(working, again)


async def test_a_worker_waits_by_the_clock_and_for_an_instant_that_may_move() -> None:
    clock, pulse = Clock(now=0), Pulse()
    workers = Workers(pulse, clock)
    instants = [100.0]
    waiting = asyncio.create_task(workers.until(lambda: instants[-1]))
    clock.now = 99
    pulse.stir()
    await a_few_turns()
    assert not waiting.done()
    instants.append(99.0)
    pulse.stir()
    await waiting


async def test_work_that_breaks_is_told_and_does_not_stop_the_rest() -> None:
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    workers = Workers(Pulse(), Clock())
    done = asyncio.Event()

    async def breaks() -> None:
        raise ValueError("a stand-in's own fault")

    async def goes_on() -> None:
        done.set()

    workers.start(breaks())
    workers.start(goes_on())
    await done.wait()
    await workers.close()
    assert [str(one) for one in told] == ["a stand-in's own fault"]


def test_a_setting_is_kept_and_a_value_of_the_wrong_kind_changes_nothing(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "x.sqlite3")) as db:
        dial = Dial(Temper, Values(db), Pulse())
        assert dial.turn({"seconds": 1, "names": ["a", "b"]}) == Temper(seconds=1.0, names=("a", "b"))
        for wrong in (
            {"seconds": -1},
            {"seconds": float("nan")},
            {"tries": 0},
            {"tries": 1.5},
            {"mood": "odd"},
            {"patient": "perhaps"},
            {"names": "a"},
            {"names": [1]},
            {"seconds": 3, "tries": None},
        ):
            (name,) = list(wrong)[-1:]
            with pytest.raises(ValueError, match=f"is no value for {name}: "):
                dial.turn(wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="There is no setting named colour, size"):
            dial.turn({"size": 1, "colour": "red"})
        # A state may know what this code does not know any more.
        Values(db).put("colour", "red")
        assert Dial(Temper, Values(db), Pulse()).now == dial.now == Temper(seconds=1.0, names=("a", "b"))


def test_statements_that_belong_together_are_on_disk_all_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    with closing(open_database(path)) as db, closing(sqlite3.connect(path)) as other:
        db.execute("CREATE TABLE t (n INTEGER)")
        with pytest.raises(sqlite3.ProgrammingError), together(db):
            db.executemany("INSERT INTO t VALUES (?)", iter([(1,), (object(),)]))
        with together(db):
            db.execute("INSERT INTO t VALUES (2)")
            assert other.execute("SELECT * FROM t").fetchall() == []
        assert other.execute("SELECT * FROM t").fetchall() == [(2,)]
