"""Rows of one kind, each a frozen record under a key of its own, kept in the order they came."""

import sqlite3
from dataclasses import replace
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

R = TypeVar("R")


class Register(Generic[R]):
    """One table. A record is a dataclass with an `ended_at`, and is over once that is set."""

    def __init__(self, db: sqlite3.Connection, table: str, kind: type[R]) -> None:
        self._db = db
        self._adapter: TypeAdapter[R] = TypeAdapter(kind)
        # The table is a literal of the module that keeps it, never a caller's word.
        self._table = table
        db.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, "
            "key TEXT NOT NULL UNIQUE, over INTEGER NOT NULL, record TEXT NOT NULL)"
        )

    def add(self, key: str, record: R) -> int:
        """Keep a new one, and answer its number."""
        cursor = self._db.execute(
            f"INSERT INTO {self._table} (key, over, record) VALUES (?, ?, ?)",  # noqa: S608
            (key, _is_over(record), self._adapter.dump_json(record).decode()),
        )
        return cursor.lastrowid or 0

    def find(self, key: str) -> R | None:
        """The one under this key."""
        row = self._db.execute(f"SELECT record FROM {self._table} WHERE key = ?", (key,)).fetchone()  # noqa: S608
        return None if row is None else self._adapter.validate_json(row["record"])

    def get(self, key: str) -> R:
        """The one under this key, which is known to exist."""
        record = self.find(key)
        assert record is not None
        return record

    def all(self) -> list[R]:
        """Every one, oldest first."""
        rows = self._db.execute(f"SELECT record FROM {self._table} ORDER BY id")  # noqa: S608
        return [self._adapter.validate_json(row["record"]) for row in rows]

    def change(self, key: str, **changes: Any) -> R:
        """Put some of its fields in another state."""
        record: R = replace(self.get(key), **changes)  # type: ignore[type-var]
        self._db.execute(
            f"UPDATE {self._table} SET over = ?, record = ? WHERE key = ?",  # noqa: S608
            (_is_over(record), self._adapter.dump_json(record).decode(), key),
        )
        return record

    def remove(self, key: str) -> None:
        """Forget one."""
        self._db.execute(f"DELETE FROM {self._table} WHERE key = ?", (key,))  # noqa: S608

    def under_way(self, *, before: str | None = None) -> int:
        """How many are not over, of all or of those that came before this one."""
        row = self._db.execute(
            f"SELECT count(*) FROM {self._table} WHERE NOT over AND "  # noqa: S608
            f"(:key IS NULL OR id < (SELECT id FROM {self._table} WHERE key = :key))",
            {"key": before},
        ).fetchone()
        return int(row[0])


def _is_over(record: object) -> bool:
    return getattr(record, "ended_at", None) is not None
