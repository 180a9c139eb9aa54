"""The trainings of the MetaStudio stand-in as rows, with their logs, their comments and what was uploaded."""

import json
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from bot.sandbox.vendors._metastudio_states import State
from bot.sandbox.vendors._state import together

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trainings (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, wishes TEXT NOT NULL, app_user_id TEXT,
  state TEXT NOT NULL, since REAL NOT NULL, due_at REAL, upload INTEGER NOT NULL DEFAULT 1,
  confirmed INTEGER NOT NULL DEFAULT 0, action_confirmed INTEGER NOT NULL DEFAULT 0, resolution TEXT,
  asset_id TEXT, resume TEXT, retries INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,
  created_at REAL NOT NULL, updated_at REAL NOT NULL, ended_at REAL);
CREATE INDEX IF NOT EXISTS trainings_due ON trainings (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS training_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, training_id TEXT NOT NULL, at REAL NOT NULL, log_type TEXT NOT NULL,
  user TEXT NOT NULL, description TEXT, error_code TEXT, redo_reasons TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS logs_of ON training_logs (training_id);
CREATE TABLE IF NOT EXISTS training_comments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, training_id TEXT NOT NULL, at REAL NOT NULL, type TEXT NOT NULL,
  title TEXT, message TEXT, attachments TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS training_files (
  training_id TEXT NOT NULL, kind TEXT NOT NULL, part INTEGER NOT NULL, etag TEXT NOT NULL,
  size INTEGER NOT NULL, PRIMARY KEY (training_id, kind, part));
"""
FLEXUS_RETRIES = 2


class FileKind(StrEnum):
    """What can be uploaded for a training; the value is how its object is called in the store."""

    TRAINING_VIDEO = "trainingVideo"
    ACTION_VIDEO = "actionVideo"
    AUDIO = "audio"
    COVER = "cover"
    ID_CARD_1 = "idCardImage1"
    ID_CARD_2 = "idCardImage2"
    GRANT_FILE = "grantFile"
    PRE_BEAUTY = "preBeautyImage"
    POST_BEAUTY = "postBeautyImage"
    ATTACHMENT = "attachment"

    @property
    def action(self) -> str:
        """The name under which its uploads are journalled, and faults ordered."""
        return f"Upload{self.value[0].upper()}{self.value[1:]}"


PAPERS = (FileKind.ID_CARD_1, FileKind.ID_CARD_2, FileKind.GRANT_FILE)
"""What an ordinary tenant's review demands beside the video."""


@dataclass(frozen=True)
class Training:
    """One training job."""

    seq: int
    id: str
    wishes: dict[str, Any] = field(repr=False)
    """What was asked for when it was created, and changed since."""
    app_user_id: str | None
    state: str
    since: float
    """When it came into its state."""
    due_at: float | None
    """When it leaves it by itself."""
    upload: int
    """Which round of upload URLs is good; the earlier ones are dead."""
    confirmed: bool
    action_confirmed: bool
    resolution: str | None
    asset_id: str | None
    resume: str | None
    """Where it goes on after it was stopped or suspended."""
    retries: int
    deleted: bool
    created_at: float
    updated_at: float
    """When its owner last touched it: a change of state is none."""
    ended_at: float | None

    @property
    def name(self) -> str:
        """Its name, which will be the asset's."""
        return str(self.wishes["name"])

    def parts_of(self, kind: FileKind) -> int:
        """In how many parts a file is to come."""
        wish = {
            FileKind.TRAINING_VIDEO: "video_multipart_count",
            FileKind.ACTION_VIDEO: "action_video_multipart_count",
        }.get(kind)
        return 1 if wish is None else int(self.wishes.get(wish) or 1)


@dataclass(frozen=True)
class Part:
    """One uploaded file, or a part of one."""

    number: int
    etag: str
    size: int


@dataclass(frozen=True)
class Log:
    """A line of a job's history."""

    at: float
    log_type: str
    user: str
    description: str | None = None
    error_code: str | None = None
    redo_reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Comment:
    """What a customer or the vendor's staff remarked."""

    at: float
    type: str
    title: str | None
    message: str | None
    attachments: list[int]
    """The numbers under which its attachments are uploaded."""


class Trainings:
    """The tables. `on_change` is called after every change of a training."""

    def __init__(self, db: sqlite3.Connection, *, on_change: Callable[[], None]) -> None:
        self._db = db
        self._on_change = on_change
        db.executescript(_SCHEMA)

    def add(self, wishes: dict[str, Any], *, app_user_id: str | None, at: float) -> Training:
        """Take an order."""
        retries = FLEXUS_RETRIES if wishes.get("is_flexus") else 0
        job_id = uuid.uuid4().hex
        self._db.execute(
            "INSERT INTO trainings (id, wishes, app_user_id, state, since, retries, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (job_id, json.dumps(wishes), app_user_id, State.WAIT_FILE_UPLOAD, at, retries, at, at),
        )
        self._on_change()
        found = self.get(job_id)
        assert found is not None
        return found

    def get(self, job_id: str) -> Training | None:
        """One training, unless it was deleted."""
        row = self._db.execute("SELECT * FROM trainings WHERE id = ? AND NOT deleted", (job_id,)).fetchone()
        return None if row is None else _training(row)

    def all(self, *, deleted: bool = False) -> list[Training]:
        """Every training, oldest first; those that were deleted too, if wanted."""
        rows = self._db.execute("SELECT * FROM trainings WHERE ? OR NOT deleted ORDER BY seq", (deleted,))
        return [_training(row) for row in rows]

    def due(self, now: float) -> list[Training]:
        """Those whose time in their state is over."""
        rows = self._db.execute(
            "SELECT * FROM trainings WHERE due_at <= ? AND NOT deleted ORDER BY due_at, seq", (now,)
        )
        return [_training(row) for row in rows]

    def next_due(self) -> float | None:
        """When the first of them moves on."""
        row = self._db.execute(
            "SELECT due_at FROM trainings WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1"
        ).fetchone()
        return None if row is None else float(row[0])

    def change(self, job_id: str, **values: str | float | None) -> None:
        """Set columns."""
        names = {item.name for item in fields(Training)}
        assert names >= values.keys()
        columns = ", ".join(f"{name} = :{name}" for name in values)
        # The columns are fields of the record, never a caller's words.
        self._db.execute(f"UPDATE trainings SET {columns} WHERE id = :_id", {**values, "_id": job_id})  # noqa: S608
        self._on_change()

    def rewish(self, job_id: str, wishes: dict[str, Any]) -> None:
        """Replace what was asked for."""
        self.change(job_id, wishes=json.dumps(wishes))

    def move(self, job_id: str, log: Log | None, **values: str | float | None) -> None:
        """Change a training and tell why in its history, both or neither."""
        with together(self._db):
            if log is not None:
                self.log(job_id, log)
            self.change(job_id, **values)

    def log(self, job_id: str, log: Log) -> None:
        """Add a line to a job's history."""
        values = {**log.__dict__, "job": job_id, "redo_reasons": json.dumps(log.redo_reasons)}
        self._db.execute(
            "INSERT INTO training_logs"
            " (training_id, at, log_type, user, description, error_code, redo_reasons)"
            " VALUES (:job, :at, :log_type, :user, :description, :error_code, :redo_reasons)",
            values,
        )

    def logs(self, job_id: str) -> list[Log]:
        """A job's history, oldest first."""
        rows = self._db.execute(
            "SELECT at, log_type, user, description, error_code, redo_reasons FROM training_logs"
            " WHERE training_id = ? ORDER BY id",
            (job_id,),
        )
        return [Log(**{**dict(row), "redo_reasons": json.loads(row["redo_reasons"])}) for row in rows]

    def comment(
        self,
        job_id: str,
        type_: str,
        *,
        at: float,
        title: str | None,
        message: str | None,
        attachments: Sequence[int] = (),
    ) -> None:
        """Keep a remark."""
        self._db.execute(
            "INSERT INTO training_comments (training_id, at, type, title, message, attachments)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (job_id, at, type_, title, message, json.dumps(list(attachments))),
        )

    def comments(self, job_id: str) -> list[Comment]:
        """What was remarked about a job, oldest first."""
        rows = self._db.execute(
            "SELECT at, type, title, message, attachments FROM training_comments WHERE training_id = ?"
            " ORDER BY id",
            (job_id,),
        )
        return [Comment(**{**dict(row), "attachments": json.loads(row["attachments"])}) for row in rows]

    def keep_file(self, job_id: str, kind: FileKind, part: Part) -> None:
        """Note what was uploaded; a newer file of the same name replaces it."""
        self._db.execute(
            "INSERT OR REPLACE INTO training_files VALUES (?, ?, ?, ?, ?)",
            (job_id, kind, part.number, part.etag, part.size),
        )
        self._on_change()

    def files(self, job_id: str, kind: FileKind) -> list[Part]:
        """What was uploaded of a kind, by number."""
        rows = self._db.execute(
            "SELECT part AS number, etag, size FROM training_files WHERE training_id = ? AND kind = ?"
            " ORDER BY part",
            (job_id, kind),
        )
        return [Part(**dict(row)) for row in rows]

    def drop_files(self, job_id: str, kind: FileKind) -> None:
        """Forget what was uploaded of a kind."""
        self._db.execute("DELETE FROM training_files WHERE training_id = ? AND kind = ?", (job_id, kind))
        self._on_change()


def _training(row: sqlite3.Row) -> Training:
    values = dict(row)
    for name in ("confirmed", "action_confirmed", "deleted"):
        values[name] = bool(values[name])
    return Training(**{**values, "wishes": json.loads(values["wishes"])})
