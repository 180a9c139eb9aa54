"""Whose turn it is to take much memory: one process alone, or several that take little each.

A lock between processes on a file that all of them have open. The kernel gives it back when a process ends,
whatever ended it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from typing import Final

MUCH: Final = 128_000_000
"""Bytes from which on a picture is decoded alone."""


class Turns:
    """One process's side of it.

    `give_back` returns memory that is kept for the next picture: nobody keeps any beside one that takes much.
    """

    def __init__(self, file: int, give_back: Callable[[], None] = lambda: None) -> None:
        self._file = file
        self._give_back = give_back
        self._took_much = False

    def wait(self, memory: int) -> None:
        """Wait until so many bytes may be taken; `leave` gives the turn back."""
        self._took_much = memory >= MUCH
        if self._took_much:
            self._give_back()
        how = fcntl.LOCK_EX if self._took_much else fcntl.LOCK_SH
        try:
            fcntl.lockf(self._file, how | fcntl.LOCK_NB)
        except OSError:
            if not self._took_much:
                self._give_back()
            fcntl.lockf(self._file, how)

    def leave(self) -> None:
        """Give the turn back, if there is one."""
        if self._took_much:
            self._took_much = False
            self._give_back()
        fcntl.lockf(self._file, fcntl.LOCK_UN)


def open_file() -> int:
    """A file without a name, to be handed to every process that is to wait its turn. The caller closes it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("turns")
    with tempfile.TemporaryFile() as made:
        return os.dup(made.fileno())
