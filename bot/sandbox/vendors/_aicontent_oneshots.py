"""The one-shots of the AIContent stand-in as rows: photos and a prompt in one order, and no model kept."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.sandbox.vendors._aicontent_jobs import Fate, Status

_SCHEMA = """
CREATE TABLE IF NOT EXISTS oneshots (
  id INTEGER PRIMARY KEY AUTOINCREMENT, image_urls TEXT NOT NULL, prompt TEXT NOT NULL,
  prompt_id TEXT NOT NULL UNIQUE, model_id TEXT NOT NULL, images INTEGER NOT NULL, seed INTEGER NOT NULL,
  strength REAL NOT NULL, status TEXT NOT NULL, fate TEXT NOT NULL, created_at REAL NOT NULL,
  started_at REAL, ended_at REAL, fetched INTEGER NOT NULL DEFAULT 0, fitted INTEGER NOT NULL DEFAULT 0,
  drawn INTEGER NOT NULL DEFAULT 0);
"""
# As on the vendor's page.
_FIRST = 20


@dataclass(frozen=True)
class Oneshot:
    """One order of pictures straight from photos."""

    id: int
    image_urls: list[str] = field(repr=False)
    prompt: str = field(repr=False)
    prompt_id: str
    model_id: str
    images: int
    seed: int
    strength: float
    status: Status
    fate: Fate
    created_at: float
    started_at: float | None
    ended_at: float | None
    fetched: int
    fitted: bool
    drawn: int

    @property
    def work(self) -> float:
        """How much of the real work is done, from 0 to 1."""
        fetched, drawn = self.fetched / len(self.image_urls), self.drawn / self.images
        return 0.3 * fetched + 0.4 * self.fitted + 0.3 * drawn

    def image_ids(self, *, like_the_samples: bool) -> list[str]:
        """The ids of its pictures: this vendor's samples show some that repeat from job to job."""
        lead = "" if like_the_samples else f"{self.prompt_id}-"
        return [f"{lead}{index:04}.png" for index in range(self.images)]


class Oneshots:
    """The table. `on_change` is called after every change of status."""

    def __init__(self, db: sqlite3.Connection, *, on_change: Callable[[], None]) -> None:
        self._db = db
        self._on_change = on_change
        db.executescript(_SCHEMA)

    def add(
        self,
        *,
        image_urls: list[str],
        prompt: str,
        prompt_id: str,
        model_id: str,
        images: int,
        seed: int,
        strength: float,
        fate: Fate,
        at: float,
    ) -> Oneshot:
        """Take an order."""
        cursor = self._db.execute(
            "INSERT INTO oneshots (id, image_urls, prompt, prompt_id, model_id, images, seed, strength, "
            "status, fate, created_at) VALUES ((SELECT coalesce(max(id) + 1, ?) FROM oneshots), "
            "?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                _FIRST,
                json.dumps(image_urls),
                prompt,
                prompt_id,
                model_id,
                images,
                seed,
                strength,
                Status.WAIT_SCHEDULE,
                fate,
                at,
            ),
        )
        self._on_change()
        return self.get(cursor.lastrowid or 0)

    def get(self, job_id: int) -> Oneshot:
        """One that is known to exist."""
        return _oneshot(self._db.execute("SELECT * FROM oneshots WHERE id = ?", (job_id,)).fetchone())

    def all(self) -> list[Oneshot]:
        """Every one, newest first."""
        return [_oneshot(row) for row in self._db.execute("SELECT * FROM oneshots ORDER BY id DESC")]

    def by_id(self, text: str) -> Oneshot | None:
        """The one a caller means; ids travel as text."""
        row = self._db.execute("SELECT * FROM oneshots WHERE CAST(id AS TEXT) = ?", (text,)).fetchone()
        return None if row is None else _oneshot(row)

    def start(self, job_id: int, *, at: float) -> None:
        """The work begins."""
        self._set(job_id, status=Status.TRAINING, started_at=at)

    def note(self, job_id: int, **done: int) -> None:
        """So many photos are `fetched`, the model is `fitted`, so many pictures are `drawn`."""
        self._set(job_id, **done)

    def end(self, job_id: int, status: Status, *, at: float) -> None:
        """The job is over."""
        self._set(job_id, status=status, ended_at=at)

    def doom(self, job_id: int, fate: Fate) -> bool:
        """Change the fate of a job under way; False if there is no such job."""
        changed = self._db.execute(
            "UPDATE oneshots SET fate = ? WHERE id = ? AND ended_at IS NULL", (fate, job_id)
        )
        self._on_change()
        return changed.rowcount == 1

    def _set(self, job_id: int, **values: str | float) -> None:
        marks = ", ".join(f"{name} = :{name}" for name in values)
        # The columns are the literals of this module, never a caller's words.
        self._db.execute(f"UPDATE oneshots SET {marks} WHERE id = :id", {"id": job_id, **values})  # noqa: S608
        self._on_change()


def _oneshot(row: sqlite3.Row) -> Oneshot:
    values = dict(row)
    return Oneshot(
        **{
            **values,
            "image_urls": json.loads(values["image_urls"]),
            "status": Status(values["status"]),
            "fate": Fate(values["fate"]),
            "fitted": bool(values["fitted"]),
        }
    )
