"""One writer, readers beside it, durability, migrations, and what errors may say."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage import Store, Tx
from storage.database import HEAD, Database
from storage.errors import AlreadyRunning, NewerDatabase, StoreFull
from storage.migrations.run import config
from storage.records.inbox import Arrival
from storage.records.trays import TrayEntry
from storage.schema import metadata
from tests.stand_ins import ANA, THREAD, TurnedClock, rows
from tests.storage.rows import new_job, queue

ROOT = Path(__file__).parents[2]
SECRET = "a secret prompt about the sea"


async def test_two_processes_cannot_open_one_store(tmp_path: Path) -> None:
    async with Store.open(tmp_path):
        with pytest.raises(AlreadyRunning):
            async with Store.open(tmp_path):
                pass
    async with Store.open(tmp_path) as again:
        await queue(again, "a")


async def test_the_folder_is_ours_alone(tmp_path: Path) -> None:
    async with Store.open(tmp_path / "new" / "data"):
        assert (tmp_path / "new" / "data").stat().st_mode & 0o077 == 0


async def test_each_opening_is_a_stranger_to_the_last(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as one:
        first = one.me
    async with Store.open(tmp_path) as two:
        assert two.me != first


async def test_migrations_and_the_schema_end_in_the_same_place(store: Store) -> None:
    def differences(tx: Tx) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(tx.jobs.conn), metadata))

    assert await store.read(differences) == []


async def test_checks_and_indexes_are_the_same_too(store: Store, tmp_path: Path) -> None:
    """What Alembic's comparison does not look at: both sets of tables, as text."""

    def shape(conn: Connection) -> dict[str, set[str]]:
        found = conn.execute(
            text("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL AND name != 'alembic_version'")
        )
        return {row.name: _clauses(row.sql) for row in found}

    migrated = await store.read(lambda tx: shape(tx.jobs.conn))
    async with Database(tmp_path / "fresh.sqlite3") as fresh:
        await fresh.write(metadata.create_all)
        created = await fresh.read(shape)
    assert migrated == created


def _clauses(sql: str) -> set[str]:
    one_line = " ".join(sql.replace('"', "").split())
    body = one_line[one_line.index("(") + 1 : one_line.rindex(")")] + one_line[one_line.rindex(")") + 1 :]
    parts, depth, part = set(), 0, ""
    for letter in body:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.add(part.strip())
            part = ""
        else:
            part += letter
    return parts | {part.strip()}


async def test_the_head_that_start_up_compares_with_is_the_newest_migration(store: Store) -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == HEAD
    version = await store.read(
        lambda tx: tx.jobs.conn.execute(text("SELECT * FROM alembic_version")).scalar()
    )
    assert version == HEAD


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as first:
        await queue(first, "a")
    async with Store.open(tmp_path) as second:
        assert (await second.read(lambda tx: tx.jobs.get("job_a"))).spec["prompt"] == "by the sea"


async def test_a_unit_that_fails_leaves_nothing(store: Store) -> None:
    def unit(tx: Tx) -> None:
        tx.jobs.insert(new_job("a"))
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(unit)
    assert await store.read(lambda tx: tx.jobs.family("job_a")) == []


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(DBAPIError, match="readonly"):
        await store.read(lambda tx: tx.jobs.insert(new_job("a")))


async def test_an_error_says_no_prompt(store: Store) -> None:
    wish = new_job("a", spec={"prompt": SECRET}, subject=SECRET)

    def unit(tx: Tx) -> None:
        tx.jobs.insert(wish)
        tx.jobs.insert(new_job("a", request_key="another", spec={"prompt": SECRET}, subject=SECRET))

    with pytest.raises(IntegrityError) as caught:
        await store.write(unit)
    told = "".join(traceback.format_exception(caught.value))
    assert "INSERT INTO job" in told
    assert SECRET not in told


async def test_a_full_database_is_told_as_such_and_nothing_is_written(tmp_path: Path) -> None:
    def unit(conn: Connection) -> None:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages + 4}")
        Tx(conn).inbox.put([Arrival(f"k{i}", "message", {"words": "x" * 4000}) for i in range(50)])

    async with Database(tmp_path / "small.sqlite3") as database:
        await database.migrate()
        with pytest.raises(StoreFull):
            await database.write(unit)
        assert await database.read(lambda conn: Tx(conn).inbox.known("k0")) is False


async def test_a_hundred_writers_and_readers_at_once_never_find_the_database_locked(store: Store) -> None:
    """Each unit reads first and writes then: the upgrade that SQLite refuses without BEGIN IMMEDIATE."""

    def add_one(tx: Tx) -> None:
        known = tx.jobs.conn.exec_driver_sql("SELECT count(*) FROM inbox").scalar_one()
        tx.inbox.put([Arrival(f"k{known}", "message", {})])

    def look(tx: Tx) -> int:
        return int(tx.jobs.conn.exec_driver_sql("SELECT count(*) FROM inbox").scalar_one())

    work = [store.write(add_one) if i % 2 else store.read(look) for i in range(200)]
    await asyncio.gather(*work)
    assert await store.read(look) == 100


async def test_another_process_that_writes_makes_us_wait_and_not_fail(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "data" / "darkroom.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(queue(store, "a"))
        assert await store.read(lambda tx: tx.jobs.family("job_a")) == []
        assert not waiting.done()
        other.execute("COMMIT")
        await waiting
    assert await store.read(lambda tx: tx.jobs.family("job_a")) != []


async def test_nobody_writes_between_what_a_unit_reads_and_what_it_writes(
    store: Store, tmp_path: Path
) -> None:
    """SQLite refuses to let a transaction that began as a reader write after another has."""

    def unit(tx: Tx) -> None:
        known = tx.inbox.known("a")
        intruder = sqlite3.connect(tmp_path / "data" / "darkroom.sqlite3", timeout=0)
        with closing(intruder), pytest.raises(sqlite3.OperationalError, match="locked"):
            intruder.execute("INSERT INTO cron VALUES ('intruder', 0)")
        assert not known
        tx.inbox.put([Arrival("a", "message", {})])

    await store.write(unit)
    assert await store.read(lambda tx: tx.inbox.known("a"))


async def test_a_writer_that_is_cut_off_leaves_the_next_one_a_clean_connection(store: Store) -> None:
    started, cut_off = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def unit(tx: Tx) -> None:
        loop.call_soon_threadsafe(started.set)
        cut_off.wait(60)
        for number in range(200):
            tx.inbox.put([Arrival(f"k{number}", "message", {})])

    cut = asyncio.create_task(store.write(unit))
    await started.wait()
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    cut_off.set()
    await queue(store, "a")
    kept = await store.read(lambda tx: tx.jobs.conn.exec_driver_sql("SELECT count(*) FROM inbox").scalar())
    assert kept == 0


def test_what_was_said_to_be_kept_survives_a_kill(tmp_path: Path) -> None:
    """A process writes rows and files and names each afterwards; it is killed at work."""
    script = """
        import asyncio, sys
        from pathlib import Path
        from storage import Store
        from storage.records.inbox import Arrival

        async def main():
            async with Store.open(Path(sys.argv[1])) as store:
                for number in range(100_000):
                    name = await store.media.put(b"%d" % number)
                    await store.write(lambda tx: tx.inbox.put([Arrival(name, "message", {})]))
                    print(name, flush=True)

        asyncio.run(main())
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdout is not None
        said = [child.stdout.readline().strip() for _ in range(30)]
        os.kill(child.pid, signal.SIGKILL)
        said += [
            line.strip() for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
    kept = {key for (key,) in rows(tmp_path, "SELECT key FROM inbox")}
    assert len(said) >= 30
    assert set(said) <= kept
    assert all((tmp_path / "media" / name[:2] / name).stat().st_size for name in said)


async def test_the_tables_go_by_the_clock_they_are_given(tmp_path: Path, clock: TurnedClock) -> None:
    async with Store.open(tmp_path, clock_ms=clock) as store:
        job = await store.write(lambda tx: tx.jobs.insert(new_job("a")))
        assert job.created_at == store.now()
        assert round(job.created_at.timestamp() * 1000) == clock.ms


@pytest.mark.parametrize(
    ("pragma", "value"), [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1)]
)
async def test_every_commit_reaches_the_disk(store: Store, pragma: str, value: object) -> None:
    found = await store.write(lambda tx: tx.jobs.conn.exec_driver_sql(f"PRAGMA {pragma}").scalar())
    assert found == value


async def test_a_database_of_a_newer_version_is_refused_by_name_and_left_as_it_is(tmp_path: Path) -> None:
    def leap(conn: Connection) -> None:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    async with Database(tmp_path / "newer.sqlite3") as database:
        await database.migrate()
        await database.write(leap)
        with pytest.raises(NewerDatabase):
            await database.migrate()
        version = text("SELECT version_num FROM alembic_version")
        assert await database.read(lambda conn: conn.execute(version).scalar()) == "9999"


def _leavings(data_dir: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data_dir.glob("darkroom.sqlite3*"))


async def test_what_was_deleted_is_in_no_file_once_the_log_is_cut_to_nothing(tmp_path: Path) -> None:
    async with Store.open(tmp_path) as store:
        await store.write(lambda tx: tx.trays.add(tx.trays.open(ANA, THREAD).id, [TrayEntry("F1", "s3cret")]))
        await store.write(lambda tx: tx.trays.remove(tx.trays.open(ANA, THREAD).id, ["F1"]))
        assert b"s3cret" in _leavings(tmp_path)
        assert await store.scrub()
        assert b"s3cret" not in _leavings(tmp_path)


async def test_a_reader_keeps_the_log_for_a_while_and_no_writer_waiting(tmp_path: Path) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(tx: Tx) -> int:
        found = len(tx.trays.open_ids())
        entered.set()
        release.wait(60)
        return found

    async with Store.open(tmp_path) as store:
        reading = asyncio.create_task(store.read(slow))
        await asyncio.to_thread(entered.wait, 60)
        await store.write(lambda tx: tx.trays.open(ANA, THREAD))
        assert not await store.scrub()
        await store.write(lambda tx: tx.trays.open(ANA, "T1/C1/9"))
        release.set()
        await reading
        assert await store.scrub()
