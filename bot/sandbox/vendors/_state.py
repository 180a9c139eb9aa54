"""What every stand-in keeps on disk: one SQLite file, which survives a kill at any moment."""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
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


@contextlib.contextmanager
def together(db: sqlite3.Connection) -> Iterator[None]:
    """Let several statements be on disk all or not at all. No await may stand between them."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


class Pulse:
    """Wakes those who wait for something to change, so that nobody has to look again and again.

    A beat is any change, and callers of the control API wait for one. What makes jobs take another course,
    such as a setting, a fate or the clock, stirs: that alone wakes the workers, who may be thousands.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._next = asyncio.Event()
        self._stirred = asyncio.Event()
        self.closing = False
        if isinstance(clock, WorldClock):
            clock.on_change(self.stir)

    def close(self) -> None:
        """The stand-in is about to stop: callers who are kept waiting get their answers now."""
        self.closing = True
        self.beat()

    async def linger(self, seconds: float) -> None:
        """Let the machine's time pass, or stop early when the stand-in does."""
        until = time.monotonic() + seconds
        while not self.closing and (left := until - time.monotonic()) > 0:
            await _wait(self._next, left)

    def beat(self) -> None:
        """Say that something changed."""
        self._next.set()
        self._next = asyncio.Event()

    def stir(self) -> None:
        """Say that jobs may take another course now."""
        self._stirred.set()
        self._stirred = asyncio.Event()
        self.beat()

    async def wait(self, seconds: float | None) -> None:
        """Return at the next beat, or when the time is up on the stand-in's clock."""
        await _wait(self._next, self._real(seconds))

    async def rest(self, seconds: float | None) -> None:
        """Return when jobs were stirred, or when the time is up on the stand-in's clock."""
        await _wait(self._stirred, self._real(seconds))

    def _real(self, seconds: float | None) -> float | None:
        return None if seconds is None else seconds / rate_of(self._clock)


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


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
