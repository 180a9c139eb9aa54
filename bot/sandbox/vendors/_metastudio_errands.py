"""Clips, photo videos, picture models and photo checks of the MetaStudio stand-in, as rows of one table."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from bot.sandbox.vendors._metastudio_states import Errand, Stage

_SCHEMA = """
CREATE TABLE IF NOT EXISTS errands (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, name TEXT,
  wishes TEXT NOT NULL, app_user_id TEXT, state TEXT NOT NULL, due_at REAL, asset_id TEXT, duration REAL,
  error_code TEXT, error_msg TEXT, created_at REAL NOT NULL, started_at REAL, ended_at REAL,
  updated_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS errands_due ON errands (due_at) WHERE due_at IS NOT NULL;
"""


@dataclass(frozen=True)
class Job:
    """One of them."""

    seq: int
    id: str
    kind: Errand
    name: str | None
    wishes: dict[str, Any] = field(repr=False)
    """What was asked for, without the pictures."""
    app_user_id: str | None
    state: str
    due_at: float | None
    asset_id: str | None
    duration: float | None
    error_code: str | None
    error_msg: str | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    updated_at: float


class Errands:
    """The table. `on_change` is called after every change."""

    def __init__(self, db: sqlite3.Connection, *, on_change: Callable[[], None]) -> None:
        self._db = db
        self._on_change = on_change
        db.executescript(_SCHEMA)

    def add(
        self,
        kind: Errand,
        *,
        job_id: str,
        name: str | None,
        wishes: dict[str, Any],
        app_user_id: str | None,
        asset_id: str | None,
        at: float,
        due_at: float,
    ) -> Job:
        """Take an order."""
        self._db.execute(
            "INSERT INTO errands (id, kind, name, wishes, app_user_id, state, due_at, asset_id, created_at,"
            " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (job_id, kind, name, json.dumps(wishes), app_user_id, Stage.WAITING, due_at, asset_id, at, at),
        )
        self._on_change()
        found = self.get(job_id)
        assert found is not None
        return found

    def get(self, job_id: str, *kinds: Errand) -> Job | None:
        """One of them; of these kinds only, if any are given."""
        row = self._db.execute("SELECT * FROM errands WHERE id = ?", (job_id,)).fetchone()
        if row is None or (kinds and row["kind"] not in kinds):
            return None
        return _job(row)

    def all(self, *kinds: Errand) -> list[Job]:
        """Every one of these kinds, oldest first; no kind means every kind."""
        rows = self._db.execute("SELECT * FROM errands ORDER BY seq")
        return [_job(row) for row in rows if not kinds or row["kind"] in kinds]

    def due(self, now: float) -> list[Job]:
        """Those whose time in their state is over."""
        rows = self._db.execute("SELECT * FROM errands WHERE due_at <= ? ORDER BY due_at, seq", (now,))
        return [_job(row) for row in rows]

    def next_due(self) -> float | None:
        """When the first of them moves on."""
        row = self._db.execute(
            "SELECT due_at FROM errands WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1"
        ).fetchone()
        return None if row is None else float(row[0])

    def change(self, job_id: str, **values: str | float | None) -> None:
        """Set columns."""
        names = {item.name for item in fields(Job)}
        assert names >= values.keys()
        columns = ", ".join(f"{name} = :{name}" for name in values)
        # The columns are fields of the record, never a caller's words.
        self._db.execute(f"UPDATE errands SET {columns} WHERE id = :_id", {**values, "_id": job_id})  # noqa: S608
        self._on_change()


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    return Job(**{**values, "kind": Errand(values["kind"]), "wishes": json.loads(values["wishes"])})
