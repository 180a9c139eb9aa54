"""One writer, a few readers: how transactions begin, and how the tables come to be.

There is one writing connection, whose transactions begin IMMEDIATE, and beside it reading connections that
cannot write; aiosqlite gives each its thread. A unit of work is a plain function that runs in such a thread
from begin to commit: nothing can be awaited inside a transaction, and the loop pays one hop per unit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from storage.errors import StoreFull
from storage.schema import metadata

T = TypeVar("T")
HEAD = "0011"
"""The newest migration; start-up imports Alembic only where the database is older."""

_READERS = 2
_BUSY = 10_000
"""Milliseconds that one connection waits for another."""
_PRAGMAS = (
    "journal_mode=WAL",
    # FULL: with NORMAL a power cut may undo the last commits, and a forgotten intent is a job paid twice.
    "synchronous=FULL",
    f"busy_timeout={_BUSY}",
    "foreign_keys=ON",
    "wal_autocheckpoint=1000",
    "journal_size_limit=67108864",
    "temp_store=MEMORY",
    "cache_size=-16000",
    "secure_delete=ON",
)


def wall_clock_ms() -> int:
    """The machine's clock, in milliseconds UTC."""
    return time.time_ns() // 1_000_000


class _GivenUp(Exception):
    """Whoever asked for the unit no longer waits for it, so it is rolled back."""


class _Line(aiosqlite.Connection):
    """One connection and its thread, which runs whole units of work and not single statements."""

    def __init__(self, path: Path, clock_ms: Callable[[], int], begin: str, pragmas: tuple[str, ...]) -> None:
        super().__init__(lambda: sqlite3.connect(path, isolation_level=None), iter_chunk_size=64)
        self._clock_ms = clock_ms
        self._begin = begin
        self._pragmas = pragmas
        self._engine: Engine | None = None

    async def run(self, unit: Callable[[Connection], T], given_up: threading.Event) -> T:
        """Run a unit in this line's thread, from begin to commit."""
        result: T = await self._execute(self._unit, unit, given_up)  # type: ignore[no-untyped-call]
        return result

    async def pragma(self, words: str) -> tuple[Any, ...] | None:
        """Set or ask something between two transactions."""
        answer: tuple[Any, ...] | None = await self._execute(self._set, words)  # type: ignore[no-untyped-call]
        return answer

    def _set(self, words: str) -> tuple[Any, ...] | None:
        if self._engine is None:
            self._engine = self._made()
        cursor = self._conn.execute(f"PRAGMA {words}")
        try:
            answer: tuple[Any, ...] | None = cursor.fetchone()
        finally:
            cursor.close()
        return answer

    def _unit(self, unit: Callable[[Connection], T], given_up: threading.Event) -> T:
        if self._engine is None:
            self._engine = self._made()
        with self._engine.begin() as conn:
            result = unit(conn)
            if given_up.is_set():
                raise _GivenUp
        return result

    def _made(self) -> Engine:
        """SQLAlchemy over the connection that is aiosqlite's."""
        connection = self._conn
        connection.create_function("now_ms", 0, self._clock_ms)
        for pragma in self._pragmas:
            connection.execute(f"PRAGMA {pragma}").close()
        # `hide_parameters`: the text of an error would hold prompts and names otherwise.
        engine = create_engine(
            "sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True
        )

        @event.listens_for(engine, "begin")
        def _begin(conn: Connection) -> None:
            conn.exec_driver_sql(self._begin)

        return engine


class Database:
    """The SQLite file, its writer and its readers. An async context manager."""

    def __init__(self, path: Path, *, clock_ms: Callable[[], int] = wall_clock_ms) -> None:
        self.path = path
        self._writer = _Line(path, clock_ms, "BEGIN IMMEDIATE", _PRAGMAS)
        reading = (*_PRAGMAS[2:], "query_only=ON")
        self._readers = [_Line(path, clock_ms, "BEGIN", reading) for _ in range(_READERS)]
        self._idle: asyncio.LifoQueue[_Line] = asyncio.LifoQueue()

    async def __aenter__(self) -> Self:
        for line in (self._writer, *self._readers):
            await line
        for line in self._readers:
            self._idle.put_nowait(line)
        return self

    async def __aexit__(self, *_raised: object) -> None:
        for line in (*self._readers, self._writer):
            await line.close()

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Run a unit in the one writing transaction and commit it. Raises StoreFull on a full disk.

        A caller who is cancelled before the commit begins has written nothing.
        """
        given_up = threading.Event()
        try:
            return await self._writer.run(unit, given_up)
        except asyncio.CancelledError:
            given_up.set()
            raise
        except DBAPIError as error:
            if _disk_is_full(error):
                raise StoreFull("the disk is full: nothing was written") from error
            raise

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """Run a unit on a snapshot; it cannot write."""
        line = await self._idle.get()
        try:
            return await line.run(unit, threading.Event())
        finally:
            self._idle.put_nowait(line)

    async def scrub(self) -> bool:
        """Leave nothing of what was deleted in the write-ahead log; False: a reader still needs some of it.

        In the database itself `secure_delete` writes zeros over what is deleted. The log holds the pages as
        they were until it is written over, so it is brought home and cut to nothing.
        """
        # Without the patience of a write: the one writer must not stand still for a reader.
        await self._writer.pragma("busy_timeout=0")
        try:
            answer = await self._writer.pragma("wal_checkpoint(TRUNCATE)")
        finally:
            await self._writer.pragma(f"busy_timeout={_BUSY}")
        return answer is not None and answer[0] == 0

    async def migrate(self) -> None:
        """Bring the tables to the newest shape."""
        if await self.write(_version) != HEAD:
            from storage.migrations.run import upgrade

            # A table that others refer to is made anew and renamed, which SQLite allows only without foreign
            # keys; and they can be switched only between transactions.
            await self._writer.pragma("foreign_keys=OFF")
            try:
                await self.write(lambda conn: _checked(conn, upgrade))
            finally:
                await self._writer.pragma("foreign_keys=ON")


def _version(conn: Connection) -> str | None:
    known = conn.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")).scalar()
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None


def _checked(conn: Connection, upgrade: Callable[[Connection], None]) -> None:
    upgrade(conn)
    if torn := conn.exec_driver_sql("PRAGMA foreign_key_check").all():
        raise RuntimeError(f"the migration would tear {len(torn)} references; nothing was changed")


def _disk_is_full(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


__all__ = ["HEAD", "Database", "metadata", "wall_clock_ms"]
