"""Who may take much memory: one process alone, whatever becomes of it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.imaging.turns import MUCH, Turns, open_file

HOLDS = (
    "import sys; sys.path.insert(0, {root!r}); from bot.imaging.turns import Turns; "
    "turns = Turns({file}); turns.wait({memory}); print('has it', flush=True); sys.stdin.readline(); "
    "turns.leave(); print('gave it back', flush=True); sys.stdin.readline()"
)


@contextmanager
def other(file: int, memory: int) -> Iterator[subprocess.Popen[str]]:
    """Another process that has its turn."""
    code = HOLDS.format(root=str(Path(__file__).parents[2]), file=file, memory=memory)
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=(file,),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "has it\n"
        yield process
        process.kill()


@pytest.fixture
def file() -> Iterator[int]:
    opened = open_file()
    yield opened
    os.close(opened)


def free(file: int, how: int) -> bool:
    try:
        fcntl.lockf(file, how | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.lockf(file, fcntl.LOCK_UN)
    return True


def test_one_that_takes_much_is_alone_and_the_next_comes_when_it_is_done(file: int) -> None:
    with other(file, MUCH) as process:
        assert not free(file, fcntl.LOCK_SH)
        assert not free(file, fcntl.LOCK_EX)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "gave it back\n"
        assert free(file, fcntl.LOCK_EX)


def test_those_that_take_little_work_together_and_nobody_who_takes_much_beside_them(file: int) -> None:
    with other(file, MUCH - 1):
        assert free(file, fcntl.LOCK_SH)
        assert not free(file, fcntl.LOCK_EX)


def test_the_turn_of_one_that_is_killed_is_over(file: int) -> None:
    with other(file, MUCH) as process:
        process.kill()
        process.wait()
        assert free(file, fcntl.LOCK_EX)


def test_whoever_has_to_wait_or_takes_much_keeps_nothing_for_the_next_picture(file: int) -> None:
    given, asked = [], threading.Event()

    def give_back() -> None:
        given.append("back")
        asked.set()

    turns = Turns(file, give_back)
    turns.wait(MUCH - 1)
    turns.leave()
    assert given == [], "nobody has to make room for what takes little"
    turns.wait(MUCH)
    turns.leave()
    assert given == ["back"] * 2, "before, so that it is not beside it, and after"
    asked.clear()
    with other(file, MUCH) as process:
        waits = threading.Thread(target=turns.wait, args=(MUCH - 1,))
        waits.start()
        assert asked.wait(60)
        assert waits.is_alive(), "it is not its turn yet"
        process.kill()
        waits.join(60)
    assert (given, waits.is_alive()) == (["back"] * 3, False)
