"""One writer, a few readers: how transactions begin, and how the tables come to be.

There is one writer thread with the one writing connection, whose transactions begin IMMEDIATE, and beside it
reader threads whose connections cannot write. A unit of work is a plain function that runs in such a thread
from begin to commit: nothing can be awaited inside a transaction, and the event loop pays one hop per unit,
not several per statement.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from storage.errors import StoreFull
from storage.schema import metadata

T = TypeVar("T")
HEAD = "0001"
"""The newest migration; start-up imports Alembic only where the database is older."""

_READERS = 2
_PRAGMAS = (
    "journal_mode=WAL",
    # FULL: with NORMAL a power cut may undo the last commits, and a forgotten intent is a job paid twice.
    "synchronous=FULL",
    "busy_timeout=10000",
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


class Database:
    """The SQLite file, its writer and its readers."""

    def __init__(self, path: Path, *, clock_ms: Callable[[], int] = wall_clock_ms) -> None:
        self.path = path
        self._clock_ms = clock_ms
        self._writer = self._engine(size=1, begin="BEGIN IMMEDIATE", pragmas=_PRAGMAS)
        self._reader = self._engine(size=_READERS, begin="BEGIN", pragmas=(*_PRAGMAS[2:], "query_only=ON"))
        # As many threads as connections: a unit waits for a thread, in order, and never for a connection.
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="database-writer")
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="database-reader")

    def _engine(self, *, size: int, begin: str, pragmas: tuple[str, ...]) -> Engine:
        engine = create_engine(
            f"sqlite:///{self.path}",
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            pool_timeout=30,
            # The text of an error would hold prompts and names otherwise.
            hide_parameters=True,
        )

        @event.listens_for(engine, "connect")
        def _connect(dbapi: Any, _record: object) -> None:
            dbapi.isolation_level = None
            dbapi.create_function("now_ms", 0, self._clock_ms)
            cursor = dbapi.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine, "begin")
        def _begin(conn: Connection) -> None:
            conn.exec_driver_sql(begin)

        return engine

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Run a unit in the one writing transaction and commit it. Raises StoreFull on a full disk.

        A caller who is cancelled before the commit begins has written nothing.
        """
        given_up = threading.Event()

        def run() -> T:
            with self._writer.begin() as conn:
                result = unit(conn)
                if given_up.is_set():
                    raise _GivenUp
            return result

        try:
            return await asyncio.get_running_loop().run_in_executor(self._writing, run)
        except asyncio.CancelledError:
            given_up.set()
            raise
        except DBAPIError as error:
            if _disk_is_full(error):
                raise StoreFull("the disk is full: nothing was written") from error
            raise

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """Run a unit on a snapshot; it cannot write."""

        def run() -> T:
            with self._reader.connect() as conn:
                return unit(conn)

        return await asyncio.get_running_loop().run_in_executor(self._reading, run)

    async def migrate(self) -> None:
        """Bring the tables to the newest shape."""
        if await self.write(_version) != HEAD:
            from storage.migrations.run import upgrade

            await self.write(upgrade)

    async def close(self) -> None:
        """Let units under way end, then close every connection."""
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        for threads, engine in ((self._reading, self._reader), (self._writing, self._writer)):
            threads.shutdown()
            engine.dispose()


def _version(conn: Connection) -> str | None:
    known = conn.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")).scalar()
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None


def _disk_is_full(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


__all__ = ["HEAD", "Database", "metadata", "wall_clock_ms"]
