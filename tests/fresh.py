"""A new database without its whole history: a file that the migrations made once, copied for each test."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from pathlib import Path

from storage.database import Database

_NAME = "darkroom.sqlite3"


async def fresh(data_dir: Path) -> Path:
    """Lay a migrated, empty database into a data folder, unless it has one; gives the folder.

    What the migrations do to older databases, and to none, has tests of its own; everybody else only
    wants to begin.
    """
    await asyncio.to_thread(_lay, data_dir)
    return data_dir


def _lay(data_dir: Path) -> None:
    if not (data_dir / _NAME).exists():
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        (data_dir / _NAME).write_bytes(_made())


@functools.cache
def _made() -> bytes:
    """What a process that starts on an empty folder leaves there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _NAME
        asyncio.run(_migrated(path))
        return path.read_bytes()


async def _migrated(path: Path) -> None:
    async with Database(path) as database:
        await database.migrate()
        assert await database.scrub()  # Else some of it would lie in the log.
