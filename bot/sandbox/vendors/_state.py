"""What every stand-in keeps on disk: one SQLite file, which survives a kill at any moment."""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from bot.sandbox.clock import WorldClock, rate_of

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


def open_database(path: Path) -> sqlite3.Connection:
    """Open or create the file. Every statement commits by itself, so what was answered is on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, isolation_level=None)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    # NORMAL loses nothing when the process is killed; only a power cut could take the last few rows.
    db.execute("PRAGMA synchronous = NORMAL")
    return db


class Pulse:
    """Wakes everybody who waits for something to change, so that nobody has to look again and again."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._next = asyncio.Event()
        self.closing = False
        if isinstance(clock, WorldClock):
            clock.on_change(self.beat)

    def close(self) -> None:
        """The stand-in is about to stop: callers who are kept waiting get their answers now."""
        self.closing = True
        self.beat()

    async def linger(self, seconds: float) -> None:
        """Let the machine's time pass, or stop early when the stand-in does."""
        until = time.monotonic() + seconds
        while not self.closing and (left := until - time.monotonic()) > 0:
            await self._wait(left)

    def beat(self) -> None:
        """Say that something changed."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, seconds: float | None) -> None:
        """Return at the next beat, or when the time is up on the stand-in's clock."""
        await self._wait(None if seconds is None else seconds / rate_of(self._clock))

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._next.wait()


class Nonces:
    """The nonces already used, kept for as long as a request bearing one could still be in time."""

    def __init__(self, db: sqlite3.Connection, *, keep: timedelta) -> None:
        self._db = db
        self._keep = keep.total_seconds()
        db.execute("CREATE TABLE IF NOT EXISTS nonces (nonce TEXT PRIMARY KEY, used_at REAL NOT NULL)")

    def use(self, nonce: str, now: datetime) -> bool:
        """Remember this one; False if it was here before."""
        self._db.execute("DELETE FROM nonces WHERE used_at < ?", (now.timestamp() - self._keep,))
        cursor = self._db.execute("INSERT OR IGNORE INTO nonces VALUES (?, ?)", (nonce, now.timestamp()))
        return cursor.rowcount == 1


class Values:
    """Named JSON values, for the settings of a stand-in."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.execute('CREATE TABLE IF NOT EXISTS "values" (name TEXT PRIMARY KEY, value TEXT NOT NULL)')

    def all(self) -> dict[str, Json]:
        """Everything that was ever set."""
        return {row["name"]: json.loads(row["value"]) for row in self._db.execute('SELECT * FROM "values"')}

    def put(self, name: str, value: Json) -> None:
        """Set one."""
        self._db.execute('INSERT OR REPLACE INTO "values" VALUES (?, ?)', (name, json.dumps(value)))
