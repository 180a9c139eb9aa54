"""Whose turn it is to take much memory: one process alone, or several that take little each.

A lock between processes on a file that all of them have open. The kernel gives it back when a process ends,
whatever ended it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from typing import Final

MUCH: Final = 128_000_000
"""Bytes from which on a picture is decoded alone."""


class Turns:
    """One process's side of it."""

    def __init__(self, file: int) -> None:
        self._file = file

    def wait(self, memory: int) -> None:
        """Wait until so many bytes may be taken; `leave` gives the turn back."""
        fcntl.lockf(self._file, fcntl.LOCK_SH if memory < MUCH else fcntl.LOCK_EX)

    def leave(self) -> None:
        """Give the turn back, if there is one."""
        fcntl.lockf(self._file, fcntl.LOCK_UN)


def open_file() -> int:
    """A file without a name, to be handed to every process that is to wait its turn. The caller closes it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("turns")
    with tempfile.TemporaryFile() as made:
        return os.dup(made.fileno())
