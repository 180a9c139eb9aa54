"""Files made to harm: taken or refused with the right word, soon, in little memory, and nothing ends.

`make hostile` is the long form: files cut off at every hundredth, and ten times as many with changed bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from bot.imaging.faults import Fault, Unusable
from bot.imaging.lab import Lab
from tests.imaging import hostile

SECONDS = 2.0
MEMORY = 500 * 1024 * 1024
LONG = os.environ.get("DARKROOM_HOSTILE") == "long"
EVERY = 1 if LONG else 9
BITES = 120 if LONG else 10


class Watched:
    """A lab of one process, watched from outside: its time, its memory, and whether it stays the same one."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._lab = Lab(workers=1, faces=False)

    def outcome(self, data: bytes) -> Fault | None:
        """What becomes of a file. Fails where it costs more than it may."""
        before = self._workers(begin=True)
        try:
            self._runner.run(self._lab.take_in(data))
            found = None
        except Unusable as unusable:
            found = unusable.fault
        for worker, (spent, peak) in self._workers().items():
            # Of a process that came up for it, what that took is counted too.
            assert spent - before.get(worker, (0.0, 0))[0] < SECONDS
            assert peak < MEMORY
        return found

    def close(self) -> None:
        """End its process."""
        self._runner.run(self._lab.close())

    def _workers(self, *, begin: bool = False) -> dict[psutil.Process, tuple[float, int]]:
        """Processor time and most memory of each process there is: one, or one that is ending beside it."""
        found = {}
        for one in psutil.Process().children():
            # One that has ended or is about to has nothing left to look at.
            with contextlib.suppress(psutil.Error, OSError, StopIteration):
                found[one] = _spent(one), _peak(one)
                if begin:
                    Path(f"/proc/{one.pid}/clear_refs").write_text("5")
        return found


def _spent(worker: psutil.Process) -> float:
    times = worker.cpu_times()
    return float(times.user + times.system)


def _peak(worker: psutil.Process) -> int:
    """The most memory it had since that was last forgotten."""
    told = Path(f"/proc/{worker.pid}/status").read_text()
    line = next(line for line in told.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.fixture(scope="module")
def lab() -> Iterator[Watched]:
    """One for all files, as in the bot: what one leaves behind the next one meets."""
    with asyncio.Runner() as runner:
        watched = Watched(runner)
        yield watched
        watched.close()


MADE = hostile.made()


@pytest.mark.parametrize("name", MADE)
def test_each_file_made_to_harm_meets_its_word(name: str, lab: Watched) -> None:
    make, allowed = MADE[name]
    assert lab.outcome(make()) in allowed


def through(lab: Watched, files: Iterable[bytes], allowed: set[Fault | None]) -> list[Fault | None]:
    found = [lab.outcome(data) for data in files]
    assert set(found) <= allowed
    return found


@pytest.mark.parametrize("encoder", hostile.FORMATS)
def test_a_file_cut_off_anywhere_is_damaged(encoder: str, lab: Watched) -> None:
    data = hostile.small(encoder)
    files = list(hostile.cut(data, EVERY))
    found = through(lab, files, {None, Fault.EMPTY, Fault.NOT_A_PHOTO, Fault.DAMAGED})
    # What is missing at the very end may be none of the picture.
    assert None not in [fault for fault, cut in zip(found, files, strict=True) if len(cut) < 0.98 * len(data)]
    assert found.count(Fault.DAMAGED) > 0.8 * len(files)
    assert lab.outcome(data) is None


def test_the_beginning_of_one_kind_before_another_is_damaged(lab: Watched) -> None:
    found = through(
        lab,
        hostile.swapped(),
        {None, Fault.DAMAGED, Fault.TOO_SMALL, Fault.TOO_MANY_PIXELS, Fault.TOO_NARROW},
    )
    assert found.count(Fault.DAMAGED) > len(found) // 2


@pytest.mark.parametrize("encoder", hostile.FORMATS)
def test_a_file_with_changed_bytes_is_taken_or_refused(encoder: str, lab: Watched) -> None:
    files = hostile.bitten(hostile.small(encoder), BITES, seed=len(encoder))
    through(lab, files, {None, *Fault} - {Fault.TOO_DEMANDING})
