"""How a photo gets into one of the lab's processes: through memory that both have open, in one piece.

Through a pipe it would go in some fifty, and each of them wakes both sides. It lies there no longer than it
takes to be picked up, and never on a disk.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Sequence
from typing import Final

NONE: Final = -1
"""In place of a file, where the system has no such memory: photos come as everything else does."""
_PIECE: Final = 1024 * 1024
"""Bytes that are written before others get their turn."""


class Hatch:
    """The bot's side of it."""

    def __init__(self) -> None:
        # The file's own word for whether it is closed: its number may be another's by then.
        self._file = io.FileIO(os.memfd_create("photo"), "r+") if hasattr(os, "memfd_create") else None

    @property
    def number(self) -> int:
        """What the process is to be given: an open file, or NONE."""
        return NONE if self._file is None else self._file.fileno()

    async def put(self, blobs: Sequence[bytes]) -> bool:
        """Lay all of it in, one after the other; False where there is no such memory. Raises ValueError."""
        if self._file is None:
            return False
        at = 0
        for blob in blobs:
            view = memoryview(blob)
            for start in range(0, len(view), _PIECE):
                at += os.pwrite(self._file.fileno(), view[start : start + _PIECE], at)
                await asyncio.sleep(0)
        return True

    def close(self) -> None:
        """Nothing goes through any more."""
        if self._file is not None:
            self._file.close()


def pick_up(file: int, sizes: Sequence[int]) -> list[bytes]:
    """What was laid in, in pieces of these sizes; it is there no longer. Runs in the process."""
    blobs, at = [], 0
    for size in sizes:
        blobs.append(os.pread(file, size, at))
        at += size
    os.ftruncate(file, 0)
    return blobs
