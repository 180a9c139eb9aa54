"""The jobs of the AIContent stand-in as rows: what was ordered, how far it is, what fate a fault gave it."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trainings (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, object_type TEXT NOT NULL,
  image_urls TEXT NOT NULL, train_steps INTEGER, model_id TEXT UNIQUE, status TEXT NOT NULL,
  fate TEXT NOT NULL, created_at REAL NOT NULL, started_at REAL, ended_at REAL,
  fetched INTEGER NOT NULL DEFAULT 0, fitted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS inferences (
  id INTEGER PRIMARY KEY AUTOINCREMENT, training_id INTEGER NOT NULL REFERENCES trainings (id),
  prompt_id TEXT NOT NULL UNIQUE, prompt TEXT NOT NULL, images INTEGER NOT NULL, seed INTEGER NOT NULL,
  status TEXT NOT NULL, fate TEXT NOT NULL, created_at REAL NOT NULL, started_at REAL, ended_at REAL,
  drawn INTEGER NOT NULL DEFAULT 0);
"""

# The numbers on the vendor's page look like these; a fresh account there does not begin at one either.
_FIRST_TRAINING = 456
_FIRST_INFERENCE = 3220


class JobKind(StrEnum):
    """What was ordered."""

    TRAINING = "training"
    INFERENCE = "inference"
    ONESHOT = "oneshot"


class Status(StrEnum):
    """The words a job's status is told in. The failure word is invented: the vendor attests none."""

    NOT_START = "NOT_START"
    WAIT_SCHEDULE = "WAIT_SCHEDULE"
    TRAINING = "TRAINING"
    FINISHED = "FINISHED"
    TRAIN_FAILED = "TRAIN_FAILED"


ENDED = frozenset({Status.FINISHED, Status.TRAIN_FAILED})


class Fate(StrEnum):
    """How a job is going to end, unless its photos decide otherwise."""

    FINISHES = "finishes"
    FAILS = "fails"
    STUCK = "stuck"


@dataclass(frozen=True)
class Training:
    """One training job, and the model it makes."""

    id: int
    name: str
    object_type: str
    image_urls: list[str] = field(repr=False)
    train_steps: int | None
    model_id: str | None
    status: Status
    fate: Fate
    created_at: float
    started_at: float | None
    ended_at: float | None
    fetched: int
    fitted: bool

    @property
    def work(self) -> float:
        """How much of the real work is done, from 0 to 1."""
        return 0.4 * self.fetched / len(self.image_urls) + 0.6 * self.fitted


@dataclass(frozen=True)
class Inference:
    """One inference job. Its pictures are `0000.png` onwards."""

    id: int
    training_id: int
    prompt_id: str
    prompt: str = field(repr=False)
    images: int
    seed: int
    status: Status
    fate: Fate
    created_at: float
    started_at: float | None
    ended_at: float | None
    drawn: int

    @property
    def work(self) -> float:
        """How much of the real work is done, from 0 to 1."""
        return self.drawn / self.images

    @property
    def image_ids(self) -> list[str]:
        """The ids of its pictures. They repeat from job to job."""
        return [f"{index:04}.png" for index in range(self.images)]


class Jobs:
    """The two tables. `on_change` is called after every change of status."""

    def __init__(self, db: sqlite3.Connection, *, on_change: Callable[[], None]) -> None:
        self._db = db
        self._on_change = on_change
        db.executescript(_SCHEMA)

    def add_training(
        self,
        *,
        name: str,
        object_type: str,
        image_urls: list[str],
        train_steps: int | None,
        fate: Fate,
        at: float,
    ) -> Training:
        """Take an order for a model."""
        job_id = self._insert(
            "trainings",
            _FIRST_TRAINING,
            name=name,
            object_type=object_type,
            image_urls=json.dumps(image_urls),
            train_steps=train_steps,
            status=Status.NOT_START,
            fate=fate,
            created_at=at,
        )
        return self.training(job_id)

    def add_inference(
        self, *, training_id: int, prompt_id: str, prompt: str, images: int, seed: int, fate: Fate, at: float
    ) -> Inference:
        """Take an order for pictures."""
        job_id = self._insert(
            "inferences",
            _FIRST_INFERENCE,
            training_id=training_id,
            prompt_id=prompt_id,
            prompt=prompt,
            images=images,
            seed=seed,
            status=Status.NOT_START,
            fate=fate,
            created_at=at,
        )
        return self.inference(job_id)

    def training(self, job_id: int) -> Training:
        """One training that is known to exist."""
        return _training(self._db.execute("SELECT * FROM trainings WHERE id = ?", (job_id,)).fetchone())

    def inference(self, job_id: int) -> Inference:
        """One inference that is known to exist."""
        return _inference(self._db.execute("SELECT * FROM inferences WHERE id = ?", (job_id,)).fetchone())

    def trainings(self) -> list[Training]:
        """Every training, newest first."""
        return [_training(row) for row in self._db.execute("SELECT * FROM trainings ORDER BY id DESC")]

    def inferences(self, *, training_id: int | None = None) -> list[Inference]:
        """Every inference, or those of one model, newest first."""
        rows = self._db.execute(
            "SELECT * FROM inferences WHERE ? IS NULL OR training_id = ? ORDER BY id DESC",
            (training_id, training_id),
        )
        return [_inference(row) for row in rows]

    def by_model(self, model_id: str) -> Training | None:
        """The training that made, or makes, a model."""
        row = self._db.execute("SELECT * FROM trainings WHERE model_id = ?", (model_id,)).fetchone()
        return None if row is None else _training(row)

    def by_inference_id(self, text: str) -> Inference | None:
        """The inference a caller means; ids travel as text."""
        row = self._db.execute("SELECT * FROM inferences WHERE CAST(id AS TEXT) = ?", (text,)).fetchone()
        return None if row is None else _inference(row)

    def by_prompt(self, training_id: int, prompt_id: str) -> Inference | None:
        """The inference of one model with this prompt id."""
        row = self._db.execute(
            "SELECT * FROM inferences WHERE training_id = ? AND prompt_id = ?", (training_id, prompt_id)
        ).fetchone()
        return None if row is None else _inference(row)

    def start_training(self, job_id: int, *, model_id: str, at: float) -> None:
        """The model gets its id and the work begins."""
        self._db.execute(
            "UPDATE trainings SET status = ?, model_id = ?, started_at = ? WHERE id = ?",
            (Status.TRAINING, model_id, at, job_id),
        )
        self._on_change()

    def start_inference(self, job_id: int, *, at: float) -> None:
        """The work begins."""
        self._db.execute(
            "UPDATE inferences SET status = ?, started_at = ? WHERE id = ?", (Status.TRAINING, at, job_id)
        )
        self._on_change()

    def note_fetched(self, job_id: int, count: int) -> None:
        """So many photos are here."""
        self._db.execute("UPDATE trainings SET fetched = ? WHERE id = ?", (count, job_id))
        self._on_change()

    def note_fitted(self, job_id: int) -> None:
        """The model is on disk."""
        self._db.execute("UPDATE trainings SET fitted = 1 WHERE id = ?", (job_id,))
        self._on_change()

    def note_drawn(self, job_id: int, count: int) -> None:
        """So many pictures are on disk."""
        self._db.execute("UPDATE inferences SET drawn = ? WHERE id = ?", (count, job_id))
        self._on_change()

    def end(self, kind: JobKind, job_id: int, status: Status, *, at: float) -> None:
        """The job is over."""
        statement = (
            "UPDATE trainings SET status = ?, ended_at = ? WHERE id = ?"
            if kind is JobKind.TRAINING
            else "UPDATE inferences SET status = ?, ended_at = ? WHERE id = ?"
        )
        self._db.execute(statement, (status, at, job_id))
        self._on_change()

    def doom(self, kind: JobKind, job_id: int, fate: Fate) -> bool:
        """Change the fate of a job under way; False if there is no such job."""
        statement = (
            "UPDATE trainings SET fate = ? WHERE id = ? AND ended_at IS NULL"
            if kind is JobKind.TRAINING
            else "UPDATE inferences SET fate = ? WHERE id = ? AND ended_at IS NULL"
        )
        found = self._db.execute(statement, (fate, job_id)).rowcount == 1
        self._on_change()
        return found

    def _insert(self, table: str, first_id: int, **values: str | float | None) -> int:
        columns = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        # The table and the columns are the literals of this module, never a caller's words.
        cursor = self._db.execute(
            f"INSERT INTO {table} (id, {columns}) "  # noqa: S608
            f"VALUES ((SELECT coalesce(max(id) + 1, :first_id) FROM {table}), {marks})",
            {"first_id": first_id, **values},
        )
        self._on_change()
        return cursor.lastrowid or 0


def _training(row: sqlite3.Row) -> Training:
    values = dict(row)
    return Training(
        **{
            **values,
            "image_urls": json.loads(values["image_urls"]),
            "status": Status(values["status"]),
            "fate": Fate(values["fate"]),
            "fitted": bool(values["fitted"]),
        }
    )


def _inference(row: sqlite3.Row) -> Inference:
    values = dict(row)
    return Inference(**{**values, "status": Status(values["status"]), "fate": Fate(values["fate"])})
