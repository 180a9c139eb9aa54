"""The tasks of the Img Open stand-in as rows: what was ordered, how far it is, what fate a fault gave it."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.sandbox.vendors._state import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, action TEXT NOT NULL, name TEXT NOT NULL,
  wanted TEXT NOT NULL, flaws TEXT NOT NULL, status TEXT NOT NULL, fate TEXT NOT NULL, reason TEXT,
  created_at REAL NOT NULL, started_at REAL, ended_at REAL,
  counted INTEGER NOT NULL DEFAULT 0, fitted INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS tasks_by_name ON tasks (kind, name);
"""


class TaskKind(StrEnum):
    """What was ordered."""

    TRAINING = "training"
    INFERENCE = "inference"
    """Pictures by text2image or image2image."""
    TOOL = "tool"
    """A picture by instantID, which is told in other words."""


class Status(StrEnum):
    """Where a task stands. The vendor tells it as a number."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"

    @property
    def number(self) -> int:
        """The vendor's number for trainings and pictures."""
        return {Status.WAITING: 3, Status.WORKING: 1, Status.DONE: 2, Status.FAILED: 4}[self]


ENDED = frozenset({Status.DONE, Status.FAILED})


class Fate(StrEnum):
    """How a task is going to end, unless its photos decide otherwise."""

    FINISHES = "finishes"
    FAILS = "fails"
    STUCK = "stuck"


@dataclass(frozen=True)
class Task:
    """One task. `name` is the customer's own id, `id` that of the row: a task that is run again has two."""

    id: int
    kind: TaskKind
    action: str
    name: str
    wanted: dict[str, Json] = field(repr=False)
    """The order as it was understood."""
    flaws: dict[str, Json]
    """What is going to be wrong with the result."""
    status: Status
    fate: Fate
    reason: str | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    counted: int
    """Photos fetched by a training, pictures drawn by any other task."""
    fitted: bool

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED

    @property
    def photo_links(self) -> list[str]:
        """The links it was given, of a training's photos or of what a picture begins with."""
        given = self.wanted["fileUrlList" if self.kind is TaskKind.TRAINING else "sources"]
        return [str(one) for one in given] if isinstance(given, list) else []

    @property
    def lora(self) -> str:
        """What the LoRA that it makes is called."""
        return str(self.wanted["lora"])

    @property
    def images(self) -> int:
        """How many pictures it makes."""
        return _whole(self.wanted.get("images", 0))

    @property
    def seed(self) -> int:
        """The seed of its first picture."""
        return _whole(self.wanted.get("seed", 0))


class Tasks:
    """The table. `on_change` is called after every change."""

    def __init__(self, db: sqlite3.Connection, *, on_change: Callable[[], None]) -> None:
        self._db = db
        self._on_change = on_change
        db.executescript(_SCHEMA)

    def add(
        self,
        kind: TaskKind,
        action: str,
        name: str,
        *,
        wanted: dict[str, Json],
        flaws: dict[str, Json],
        fate: Fate,
        reason: str | None,
        at: float,
    ) -> Task:
        """Take an order."""
        cursor = self._db.execute(
            "INSERT INTO tasks (kind, action, name, wanted, flaws, status, fate, reason, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (kind, action, name, json.dumps(wanted), json.dumps(flaws), Status.WAITING, fate, reason, at),
        )
        self._on_change()
        return self.get(cursor.lastrowid or 0)

    def get(self, row_id: int) -> Task:
        """One that is known to exist."""
        return _task(self._db.execute("SELECT * FROM tasks WHERE id = ?", (row_id,)).fetchone())

    def find(self, kind: TaskKind, name: str) -> Task | None:
        """The task of this name; of several runs the last."""
        row = self._db.execute(
            "SELECT * FROM tasks WHERE kind = ? AND name = ? ORDER BY id DESC LIMIT 1", (kind, name)
        ).fetchone()
        return None if row is None else _task(row)

    def all(self, kind: TaskKind | None = None) -> list[Task]:
        """Every task, or those of a kind, oldest first."""
        rows = self._db.execute("SELECT * FROM tasks WHERE ? IS NULL OR kind = ? ORDER BY id", (kind, kind))
        return [_task(row) for row in rows]

    def total(self, kind: TaskKind) -> int:
        """How many of a kind there ever were."""
        row = self._db.execute("SELECT count(*) FROM tasks WHERE kind = ?", (kind,)).fetchone()
        return int(row[0])

    def under_way(self, kind: TaskKind) -> int:
        """How many of a kind are not over."""
        row = self._db.execute(
            "SELECT count(*) FROM tasks WHERE kind = ? AND ended_at IS NULL", (kind,)
        ).fetchone()
        return int(row[0])

    def start(self, row_id: int, *, at: float) -> None:
        """The work begins."""
        self._change("status = ?, started_at = ?", row_id, Status.WORKING, at)

    def count(self, row_id: int, number: int) -> None:
        """So many photos, or pictures, are on disk."""
        self._change("counted = ?", row_id, number)

    def fit(self, row_id: int) -> None:
        """The model is on disk."""
        self._change("fitted = 1", row_id)

    def end(self, row_id: int, status: Status, *, reason: str | None, at: float) -> None:
        """It is over."""
        self._change("status = ?, reason = ?, ended_at = ?", row_id, status, reason, at)

    def doom(self, name: str, kinds: set[TaskKind], fate: Fate, reason: str | None) -> bool:
        """Change the fate of a task under way; False if there is no such task."""
        found = [task for kind in kinds if (task := self.find(kind, name)) is not None and not task.over]
        for task in found:
            self._change("fate = ?, reason = ?", task.id, fate, reason)
        return bool(found)

    def _change(self, what: str, row_id: int, *values: str | float | None) -> None:
        # The columns are the literals of this module, never a caller's words.
        self._db.execute(f"UPDATE tasks SET {what} WHERE id = ?", (*values, row_id))  # noqa: S608
        self._on_change()


def _whole(value: Json) -> int:
    assert isinstance(value, int)
    return value


def _task(row: sqlite3.Row) -> Task:
    values = dict(row)
    return Task(
        **{
            **values,
            "kind": TaskKind(values["kind"]),
            "wanted": json.loads(values["wanted"]),
            "flaws": json.loads(values["flaws"]),
            "status": Status(values["status"]),
            "fate": Fate(values["fate"]),
            "fitted": bool(values["fitted"]),
        }
    )
