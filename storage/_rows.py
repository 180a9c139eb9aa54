"""What every repository shares: one connection, new ids, and instants as SQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, literal_column

from storage.schema import now_ms

ZERO: ColumnElement[Any] = literal_column("0")
"""The instant of a lease that nobody holds."""


def in_ms(delta: timedelta) -> ColumnElement[int]:
    """So long from now, by the database's clock."""
    return now_ms() + bindparam(None, round(delta.total_seconds() * 1000), type_=BigInteger, unique=True)


class Repository:
    """Statements about one table, run on the connection of one transaction."""

    __slots__ = ("conn",)

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
