"""What a stand-in was asked and what it answered. Never a key, a signature, a link, a prompt or a body."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL,
  status INTEGER, code TEXT, subject TEXT)
"""


class EntryKind(StrEnum):
    """Which way the bytes went."""

    CALL = "call"
    """Somebody called the vendor."""
    FETCH = "fetch"
    """The vendor fetched something from a link it was given."""
    CALLBACK = "callback"
    """The vendor told a customer's server something by itself."""


@dataclass(frozen=True)
class Entry:
    """One line. `status` None means that no answer left; `subject` is the id of the job it was about."""

    id: int
    at: float
    kind: str
    action: str
    status: int | None
    code: str | None
    subject: str | None


class Journal:
    """Append only."""

    def __init__(self, db: sqlite3.Connection, *, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock
        db.execute(_SCHEMA)

    def write(
        self,
        kind: EntryKind,
        action: str,
        *,
        status: int | None,
        code: str | None,
        subject: str | None = None,
    ) -> None:
        """Append one line."""
        self._db.execute(
            "INSERT INTO journal (at, kind, action, status, code, subject) VALUES (?, ?, ?, ?, ?, ?)",
            (self._clock(), kind, action, status, code, subject),
        )

    def read(self, *, since: int = 0, kind: EntryKind | None = None) -> list[Entry]:
        """The lines after number `since`, oldest first."""
        rows = self._db.execute(
            "SELECT * FROM journal WHERE id > ? AND (? IS NULL OR kind = ?) ORDER BY id", (since, kind, kind)
        )
        return [Entry(**dict(row)) for row in rows]

    def count(self, action: str) -> int:
        """How often an action was called, or done."""
        row = self._db.execute("SELECT count(*) FROM journal WHERE action = ?", (action,)).fetchone()
        return int(row[0])
