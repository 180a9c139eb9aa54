"""How a photo gets into one of the lab's processes and out of it: through memory that both have open.

Through pipes it would go in some fifty pieces, and each of them wakes both sides. Whoever picks it up takes
it away, so that it lies there for a moment only, and never on a disk. Nobody else may: the other side may be
about to look, however long that takes on a crowded machine.
"""

from __future__ import annotations

import asyncio
import io
import mmap
import os
from collections.abc import Sequence
from typing import Final

NONE: Final = -1
"""In place of a file, where the system has no such memory: photos come and go as everything else does."""
_PIECE: Final = 1024 * 1024
"""Bytes that are written before others get their turn."""
_OUT: Final = 8 * 1024 * 1024
"""Bytes that an answer may have: two of the largest photos that are kept. Others come through the pipe."""


class Hatch:
    """The bot's side of it."""

    def __init__(self) -> None:
        # The files' own word for whether they are closed: their numbers may be others' by then.
        self._files = (_memory("in", 0), _memory("out", _OUT)) if hasattr(os, "memfd_create") else None

    @property
    def numbers(self) -> tuple[int, int]:
        """What the process is to be given: open files, or NONE."""
        return (NONE, NONE) if self._files is None else (self._files[0].fileno(), self._files[1].fileno())

    async def put(self, blobs: Sequence[bytes]) -> bool:
        """Lay all of it in, one after the other; False where there is no such memory. Raises ValueError."""
        if self._files is None:
            return False
        at = 0
        for blob in blobs:
            view = memoryview(blob)
            for start in range(0, len(view), _PIECE):
                at += os.pwrite(self._files[0].fileno(), view[start : start + _PIECE], at)
                await asyncio.sleep(0)
        return True

    def take(self, sizes: Sequence[int]) -> list[bytes]:
        """What the process has laid out, in pieces of these sizes. Raises EOFError where there is less."""
        if self._files is None:
            raise EOFError
        file = self._files[1]
        blobs = _pieces(file.fileno(), sizes)
        file.truncate(0)
        file.truncate(_OUT)
        return blobs

    def close(self) -> None:
        """Nothing goes through any more."""
        for file in self._files or ():
            file.close()


class Inside:
    """The process's side of it."""

    def __init__(self, file: int, out: int) -> None:
        self._file = file
        self._out = None if out == NONE else mmap.mmap(out, _OUT)

    def pick_up(self, sizes: Sequence[int]) -> list[bytes] | None:
        """What was laid in, in pieces of these sizes; None where there is no such memory."""
        if self._file == NONE:
            return None
        blobs = _pieces(self._file, sizes)
        os.ftruncate(self._file, 0)
        return blobs

    def lay_out(self, blobs: Sequence[bytes]) -> bool:
        """Lay out an answer; False where it must go another way."""
        if self._out is None or sum(map(len, blobs)) > _OUT:
            return False
        self._out.seek(0)
        for blob in blobs:
            self._out.write(blob)
        return True


def _memory(name: str, size: int) -> io.FileIO:
    file = io.FileIO(os.memfd_create(name), "r+")
    file.truncate(size)
    return file


def _pieces(file: int, sizes: Sequence[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(os.pread(file, size, at))
        if len(pieces[-1]) < size:
            raise EOFError
        at += size
    return pieces
