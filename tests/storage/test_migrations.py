"""From the oldest tables, with rows in them, to today's: nothing is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path

from alembic import command
from sqlalchemy import Connection, text

from storage import Store
from storage.database import Database
from storage.migrations.run import config
from storage.records.jobs import JobInput, JobState
from storage.records.media import Medium
from tests.stand_ins import rows

HASH = "ab" * 32
ROWS = f"""
INSERT INTO photo VALUES ('{HASH}', 'image/jpeg', 7, 300, 400, 1000);
INSERT INTO tray VALUES ('tray_1', 'T1/U1', 'T1/C1/1', 'used', 'job_1', 1000, 1000);
INSERT INTO tray VALUES ('tray_2', 'T1/U1', 'T1/C1/2', 'open', NULL, 1000, 1000);
INSERT INTO tray_entry VALUES ('tray_1', 'F1', 1, 'a.jpg', '{HASH}', NULL);
INSERT INTO tray_entry VALUES ('tray_2', 'F2', 1, 'b.gif', NULL, 'not_a_photo');
INSERT INTO job (id, kind, root_id, owner, place, pictures_place, provider, lane, name, subject, spec, state,
  request_key, serial, due_at, created_at, submit_begun_at, started_at, remote_id, attempts, cancel_requested)
  VALUES ('job_1', 'training', 'job_1', 'T1/U1', 'T1/C1/1', 'T1/C1/1', 'acme', 'acme:training', 'ana',
  'person',
  '{{"prompt": "by the sea", "count": 2}}', 'running', 'wish-1', 'job_1',
  2000, 1000, 1500, 1500, 'r1', 1, 0);
INSERT INTO job (id, kind, root_id, owner, place, pictures_place, provider, lane, name, subject, spec, state,
  request_key, serial, due_at, created_at, finished_at, reason, attempts, cancel_requested)
  VALUES ('job_0', 'training', 'job_0', 'T1/U1', 'T1/C1/1', 'T1/C1/1', 'acme', 'acme:training', 'ana',
  'person',
  '{{"prompt": "by the sea", "count": 2}}', 'failed', 'wish-0', 'job_0',
  500, 500, 900, 'deadline', 1, 0);
INSERT INTO job_photo VALUES ('job_1', 0, '{HASH}');
INSERT INTO link VALUES ('t0k3n', 'job_1', '{HASH}', 9000);
INSERT INTO model VALUES ('model_1', 'T1/U1', 'ana', 'person', 'acme', 'm1', 'job_0', 900);
INSERT INTO picture VALUES ('job_0', 0, 'a/0', 'image/png', '{HASH}', 1);
INSERT INTO lane VALUES ('acme:training', 2, 0, 0);
INSERT INTO outbox (id, key, kind, owner, place, channel, job_id, payload, due_at, created_at)
  VALUES ('note_1', 'card:job_1', 'card', 'T1/U1', 'T1/C1/1', 'T1/C1', 'job_1', '{{}}', 1000, 1000);
INSERT INTO upload VALUES ('note_1', 0, '{HASH}', NULL, 'new');
INSERT INTO inbox (id, key, kind, payload, due_at, received_at) VALUES ('in_1', 'view:1', 'upload',
  '{{"wish": {{"owner": "T1/U1", "provider": "acme"}}, "files": []}}', 1000, 1000);
INSERT INTO cron VALUES ('sweep', 1000);
"""


async def oldest(data_dir: Path) -> None:
    """The first tables, with a row in each."""

    def make(conn: Connection) -> None:
        command.upgrade(config(conn), "0001")
        for statement in ROWS.strip().split(";\n"):
            conn.execute(text(statement.replace(":", r"\:").rstrip(";")))

    data_dir.mkdir()  # noqa: ASYNC240 - once, before anything runs.
    async with Database(data_dir / "darkroom.sqlite3") as database:
        await database.write(make)


async def test_a_database_of_the_first_version_goes_on_with_everything_in_it(tmp_path: Path) -> None:
    await oldest(tmp_path / "data")
    async with Store.open(tmp_path / "data") as store:
        job = await store.read(lambda tx: tx.jobs.get("job_1"))
        assert (job.state, job.remote_id, job.spec["count"]) == (JobState.RUNNING, "r1", 2)
        # By this a vendor of several products tells which one it began with.
        assert job.spec["gave"] == ["photo"]
        assert "gave" not in (await store.read(lambda tx: tx.jobs.get("job_0"))).spec
        assert (job.wants, job.findings, job.cost, job.tidied_at) == ((), (), None, None)
        assert (job.deletion_id, job.deleted_at) == (None, None)
        given = await store.read(lambda tx: tx.inputs.of_job("job_1"))
        assert given == [JobInput("photo", Medium(HASH, "image/jpeg", 7, 300, 400))]
        entries = await store.read(lambda tx: tx.trays.entries("tray_1") + tx.trays.entries("tray_2"))
        assert [(one.name, one.role, one.medium) for one in entries] == [
            ("a.jpg", "photo", HASH),
            ("b.gif", "photo", None),
        ]
        (model,) = await store.read(lambda tx: tx.models.of_owner("T1/U1"))
        assert (model.id, model.expires_at, model.deleted_at) == ("model_1", None, None)
        assert [one.sha256 for one in await store.read(lambda tx: tx.pictures.of_job("job_0"))] == [HASH]
        assert await store.read(lambda tx: tx.lanes.retired()) == frozenset()
        assert [one.key for one in await store.read(lambda tx: tx.outbox.of_job("job_1"))] == ["card:job_1"]
    seen = tmp_path / "data"
    assert rows(seen, "SELECT medium FROM link") == [(HASH,)]
    assert rows(seen, "SELECT media_type FROM upload") == [(None,)]


async def test_what_had_ended_before_is_not_tidied_at_its_vendor_all_over_again(tmp_path: Path) -> None:
    await oldest(tmp_path / "data")
    async with Store.open(tmp_path / "data") as store:
        assert not await store.read(lambda tx: tx.jobs.has_untidy())


async def test_a_form_that_waited_over_the_change_names_a_way_and_no_vendor(tmp_path: Path) -> None:
    await oldest(tmp_path / "data")
    async with Store.open(tmp_path / "data"):
        pass
    ((payload,),) = rows(tmp_path / "data", "SELECT payload FROM inbox")
    assert json.loads(payload)["wish"] == {"owner": "T1/U1", "way": "acme/training"}


async def test_foreign_keys_hold_again_after_the_change(tmp_path: Path) -> None:
    await oldest(tmp_path / "data")
    async with Database(tmp_path / "data" / "darkroom.sqlite3") as database:
        await database.migrate()
        assert await database.write(lambda conn: conn.exec_driver_sql("PRAGMA foreign_keys").scalar()) == 1
        assert await database.read(lambda conn: conn.exec_driver_sql("PRAGMA foreign_key_check").all()) == []
