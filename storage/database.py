"""One writer, a few readers: how transactions begin, and how the tables come to be.

On one connection two coroutines would share a transaction, so there is a writer engine with a pool of one
(the pool is the lock) whose transactions begin IMMEDIATE, and a reader engine beside it that cannot write.
A unit of work is a plain function: nothing but the database can be awaited inside a transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from storage.errors import StoreFull
from storage.schema import metadata

T = TypeVar("T")
HEAD = "0001"
"""The newest migration; start-up imports Alembic only where the database is older."""

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


class Database:
    """The SQLite file and its two engines."""

    def __init__(self, path: Path, *, clock_ms: Callable[[], int] = wall_clock_ms) -> None:
        self.path = path
        self._clock_ms = clock_ms
        self._writer = self._engine(size=1, begin="BEGIN IMMEDIATE", pragmas=_PRAGMAS)
        self._reader = self._engine(size=2, begin="BEGIN", pragmas=(*_PRAGMAS[2:], "query_only=ON"))

    def _engine(self, *, size: int, begin: str, pragmas: tuple[str, ...]) -> AsyncEngine:
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{self.path}",
            poolclass=AsyncAdaptedQueuePool,
            pool_size=size,
            max_overflow=0,
            pool_timeout=30,
            # The text of an error would hold prompts and names otherwise.
            hide_parameters=True,
        )

        @event.listens_for(engine.sync_engine, "connect")
        def _connect(dbapi: Any, _record: object) -> None:
            dbapi.isolation_level = None
            dbapi.create_function("now_ms", 0, self._clock_ms)
            cursor = dbapi.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(conn: Connection) -> None:
            conn.exec_driver_sql(begin)

        return engine

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Run a unit in the one writing transaction and commit it. Raises StoreFull on a full disk."""
        try:
            async with self._writer.begin() as conn:
                return await conn.run_sync(unit)
        except (OperationalError, DBAPIError) as error:
            if _disk_is_full(error):
                raise StoreFull("the disk is full: nothing was written") from error
            raise

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """Run a unit on a snapshot; it cannot write."""
        async with self._reader.connect() as conn:
            return await conn.run_sync(unit)

    async def migrate(self) -> None:
        """Bring the tables to the newest shape."""
        if await self.write(_version) != HEAD:
            from storage.migrations.run import upgrade

            await self.write(upgrade)

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()
        await self._writer.dispose()


def _version(conn: Connection) -> str | None:
    known = conn.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")).scalar()
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None


def _disk_is_full(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


__all__ = ["HEAD", "Database", "metadata", "wall_clock_ms"]
