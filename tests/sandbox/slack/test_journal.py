"""The journal: lines in order, and a bell at each."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.sandbox.slack import Director, ManualClock
from bot.sandbox.slack.database import Database
from bot.sandbox.slack.journal import REMEMBERED, Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    # Python warns of a connection nobody closed.
    with contextlib.closing(Database(tmp_path / "journal.sqlite3")) as database:
        yield Journal(database, ManualClock())


async def test_whoever_waits_is_woken_by_the_next_line(journal: Journal) -> None:
    journal.add("api", method="one")
    waiting = asyncio.create_task(journal.wait(journal.last, 3_600))
    await asyncio.wait({waiting}, timeout=0)
    journal.add("api", method="two")
    async with asyncio.timeout(60):
        assert await waiting == 2


async def test_nobody_waits_for_a_line_that_is_there_or_a_journal_that_is_closed(journal: Journal) -> None:
    journal.add("api")
    async with asyncio.timeout(60):
        assert await journal.wait(0, 3_600) == 1
        waiting = asyncio.create_task(journal.wait(1, 3_600))
        await asyncio.wait({waiting}, timeout=0)
        journal.close()
        assert await waiting == 1


def test_lines_no_longer_in_memory_are_read_from_the_file(journal: Journal) -> None:
    for number in range(REMEMBERED + 10):
        journal.add("api" if number % 2 else "event", number=number)
    assert [e.facts["number"] for e in journal.read(0, limit=3)] == [0, 1, 2]
    assert [e.facts["number"] for e in journal.read(2, kinds=("api",), limit=2)] == [3, 5]
    assert [e.facts["number"] for e in journal.read(REMEMBERED + 8)] == [REMEMBERED + 8, REMEMBERED + 9]


async def test_waiting_for_what_never_comes_ends_in_time(director: Director) -> None:
    with pytest.raises(TimeoutError, match="nothing seen"):
        await director.wait_for_view("ana", within=0.05)
