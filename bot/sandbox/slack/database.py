"""One SQLite file in which everything that must outlive the process stands as small documents.

Writes are synchronous and tiny, and the file is not flushed to the platter: a killed process loses nothing, a
power cut may, and nobody depends on that here.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
  kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
  seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
);
"""


class Database:
    """Documents by kind and id, and the append-only journal."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(SCHEMA)
        self._depth = 0

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the writes inside stand or fall as one; nesting joins the outermost."""
        self._depth += 1
        if self._depth == 1:
            self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("ROLLBACK")
            raise
        self._depth -= 1
        if self._depth == 0:
            self._connection.execute("COMMIT")

    def save(self, kind: str, key: str, body: dict[str, Any]) -> None:
        """Write a document, replacing the one before."""
        self._connection.execute(
            "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, key, json.dumps(body)),
        )

    def delete(self, kind: str, key: str) -> None:
        """Remove a document, if it is there."""
        self._connection.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, key))

    def load(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read every document of a kind, in the order of their ids."""
        rows = self._connection.execute("SELECT id, body FROM records WHERE kind = ? ORDER BY id", (kind,))
        for key, body in rows.fetchall():
            yield key, json.loads(body)

    def append(self, seq: int, at: float, kind: str, body: dict[str, Any]) -> None:
        """Add a line to the journal."""
        self._connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", (seq, at, kind, json.dumps(body)))

    def entries(self, since: int, limit: int) -> list[tuple[int, float, str, dict[str, Any]]]:
        """Read the journal after a line, oldest first."""
        rows = self._connection.execute(
            "SELECT seq, at, kind, body FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit)
        )
        return [(seq, at, kind, json.loads(body)) for seq, at, kind, body in rows.fetchall()]

    def last_entry(self) -> int:
        """Say where the journal stands."""
        row = self._connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
        return int(row[0])
