"""The store: one SQLite file, one folder of media, and the lock that says whose they are."""

from __future__ import annotations

import asyncio
import fcntl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from storage.database import Database, wall_clock_ms
from storage.deletions import Deletions
from storage.erasing import Erasing
from storage.errors import AlreadyRunning
from storage.inbox import Inbox
from storage.inputs import Inputs
from storage.invitations import Invitations
from storage.jobs import Jobs
from storage.lanes import Lanes
from storage.links import Links
from storage.looks import Looks
from storage.media import MediaStore
from storage.models import Models, Pictures
from storage.outbox import Outbox
from storage.sheets import Sheets
from storage.trays import Trays

T = TypeVar("T")


class Tx:
    """The repositories over the connection of one transaction."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def release(self, me: str, settle: timedelta) -> None:
        """Free every row that an earlier process of this node held: it is gone, since the lock is ours."""
        self.jobs.let_settle(me, settle)
        self.jobs.release(me)
        self.inbox.release(me)
        self.outbox.release(me)
        self.deletions.release(me)

    def at_rest(self) -> bool:
        """Whether nobody holds any row just now. Inside a write it stays so until the transaction ends."""
        rows = (self.jobs, self.inbox, self.outbox, self.deletions)
        return not any(one.any_held() for one in rows)

    @cached_property
    def jobs(self) -> Jobs:
        """The job table."""
        return Jobs(self._conn)

    @cached_property
    def outbox(self) -> Outbox:
        """What there is to say."""
        return Outbox(self._conn)

    @cached_property
    def inbox(self) -> Inbox:
        """What arrived."""
        return Inbox(self._conn)

    @cached_property
    def trays(self) -> Trays:
        """What is gathered before a job."""
        return Trays(self._conn)

    @cached_property
    def invitations(self) -> Invitations:
        """Who was asked, and who does not want to be."""
        return Invitations(self._conn)

    @cached_property
    def inputs(self) -> Inputs:
        """What people gave us, by hash."""
        return Inputs(self._conn)

    @cached_property
    def looks(self) -> Looks:
        """How photos look."""
        return Looks(self._conn)

    @cached_property
    def sheets(self) -> Sheets:
        """Contact sheets that stand at the surface."""
        return Sheets(self._conn)

    @cached_property
    def pictures(self) -> Pictures:
        """Results."""
        return Pictures(self._conn)

    @cached_property
    def models(self) -> Models:
        """Trained models."""
        return Models(self._conn)

    @cached_property
    def links(self) -> Links:
        """Ways by which vendors fetch inputs: links to us, and copies in a bucket."""
        return Links(self._conn)

    @cached_property
    def deletions(self) -> Deletions:
        """What is to be deleted, and what everybody holds of it."""
        return Deletions(self._conn)

    @cached_property
    def erasing(self) -> Erasing:
        """What is kept of jobs, on its way out."""
        return Erasing(self._conn)

    @cached_property
    def lanes(self) -> Lanes:
        """Limits."""
        return Lanes(self._conn)


class Store:
    """Everything that outlives the process. Open it with `Store.open`."""

    def __init__(self, database: Database, media: MediaStore, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self.media = media
        self.me = uuid.uuid4().hex
        """Names this process in leases: a restarted process is a stranger to its past."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, data_dir: Path, *, clock_ms: Callable[[], int] = wall_clock_ms
    ) -> AsyncIterator[Store]:
        """Open the store in `data_dir`, made where it is missing. Raises AlreadyRunning."""
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)  # noqa: ASYNC240 - once, before anything runs.
        with (data_dir / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise AlreadyRunning(f"another Darkroom works on {data_dir}") from error
            async with Database(data_dir / "darkroom.sqlite3", clock_ms=clock_ms) as database:
                await database.migrate()
                media = MediaStore(data_dir / "media")
                await media.clear()  # Photos somebody may have deleted since: no sweep may be waited for.
                yield cls(database, media, clock_ms)

    def now(self) -> datetime:
        """The clock the database goes by."""
        return datetime.fromtimestamp(self._clock_ms() / 1000, UTC)

    async def answers(self) -> bool:
        """Whether the database can be read just now."""
        try:
            async with asyncio.timeout(5):
                await self.read(lambda tx: tx.inbox.is_due())
        except (TimeoutError, SQLAlchemyError):
            return False
        return True

    async def write(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit in one transaction and commit it; an exception rolls it back. Raises StoreFull."""
        return await self._database.write(lambda conn: unit(Tx(conn)))

    async def scrub(self) -> bool:
        """Leave nothing of deleted rows on the disk; False: somebody still reads an older snapshot."""
        return await self._database.scrub()

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit on a snapshot of the tables."""
        return await self._database.read(lambda conn: unit(Tx(conn)))


__all__ = ["Store", "Tx"]
