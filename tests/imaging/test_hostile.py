"""Files made to harm: taken or refused with the right word, soon, in little memory, and nothing ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import psutil
import pytest

from bot.imaging.faults import Fault, Unusable
from bot.imaging.lab import Lab
from tests.imaging import hostile
from tests.stand_ins import closing_lab

SECONDS = 2.0
MEMORY = 500 * 1024 * 1024


class Watched:
    """A lab of one process, watched from outside: its time, its memory, and that it stays the same one."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.deaths = 0
        self._pid = 0

    async def outcome(self, data: bytes) -> Fault | None:
        """What becomes of a file. Fails where it costs more than it may."""
        began = self._spent()
        try:
            await self._lab.take_in(data)
            found = None
        except Unusable as unusable:
            found = unusable.fault
        worker = self._worker()
        if worker is not None:
            begun_anew, self._pid = worker.pid != self._pid, worker.pid
            spent = self._spent() - (0 if begun_anew else began)
            assert spent < SECONDS
            assert _peak(worker.pid) < MEMORY
        return found

    def _worker(self) -> psutil.Process | None:
        return next(
            (one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE), None
        )

    def _spent(self) -> float:
        worker = self._worker()
        if worker is None:
            return 0.0
        times = worker.cpu_times()
        return float(times.user + times.system)


def _peak(pid: int) -> int:
    """The most memory a process ever had."""
    told = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in told.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.fixture
async def lab() -> AsyncIterator[Watched]:
    async with closing_lab(Lab(workers=1)) as opened:
        yield Watched(opened)


MADE = hostile.made()


@pytest.mark.parametrize("name", MADE)
async def test_each_file_made_to_harm_meets_its_word(name: str, lab: Watched) -> None:
    make, allowed = MADE[name]
    assert await lab.outcome(make()) in allowed


async def through(lab: Watched, files: Iterable[bytes], allowed: set[Fault | None]) -> list[Fault | None]:
    found = [await lab.outcome(data) for data in files]
    assert set(found) <= allowed
    return found


@pytest.mark.parametrize("encoder", hostile.FORMATS)
async def test_a_file_cut_off_at_any_hundredth_is_damaged(encoder: str, lab: Watched) -> None:
    data = hostile.small(encoder)
    found = await through(lab, hostile.cut(data), {None, Fault.EMPTY, Fault.NOT_A_PHOTO, Fault.DAMAGED})
    # What is missing at the very end may be none of the picture.
    assert None not in found[:98]
    assert found.count(Fault.DAMAGED) > 90
    assert await lab.outcome(data) is None


async def test_the_beginning_of_one_kind_before_another_is_damaged(lab: Watched) -> None:
    found = await through(
        lab,
        hostile.swapped(),
        {None, Fault.DAMAGED, Fault.TOO_SMALL, Fault.TOO_MANY_PIXELS, Fault.TOO_NARROW},
    )
    assert found.count(Fault.DAMAGED) > len(found) // 2


@pytest.mark.parametrize("encoder", hostile.FORMATS)
async def test_a_file_with_changed_bytes_is_taken_or_refused(encoder: str, lab: Watched) -> None:
    files = hostile.bitten(hostile.small(encoder), 120, seed=len(encoder))
    await through(lab, files, {None, *Fault} - {Fault.TOO_DEMANDING})
