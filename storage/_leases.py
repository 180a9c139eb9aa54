"""Rows that somebody works on: due at an instant, held for a while, and told apart by a fence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from sqlalchemy import ColumnElement, Table, select, update

from storage._rows import ZERO, Repository, in_ms
from storage.errors import StaleState
from storage.schema import now_ms

FREE: Mapping[str, Any] = {"lease_until": ZERO, "lease_owner": None}
"""What a row says while nobody holds it."""


class Held(Protocol):
    """A record of such a row, as whoever claimed it has it."""

    @property
    def id(self) -> str:
        """The row's."""

    @property
    def fence(self) -> int:
        """How often it had been claimed by then."""

    @property
    def lease_owner(self) -> str | None:
        """By whom it was."""


class Leased(Repository):
    """Statements about one table of such rows."""

    __slots__ = ()

    table: ClassVar[Table]

    def any_held(self) -> bool:
        """Whether somebody holds a row just now."""
        return self._any(self.table.c.lease_owner.is_not(None), self.table.c.lease_until > now_ms())

    def release(self, me: str) -> None:
        """Free what an earlier process of this node held."""
        self.conn.execute(update(self.table).where(*self._of_others(me)).values(**FREE))

    def renew(self, held: Held, lease: timedelta) -> None:
        """Hold on for longer. Raises StaleState."""
        if not self._renew(held, lease):
            raise StaleState(held.id)

    def _any(self, *where: ColumnElement[bool]) -> bool:
        return self.conn.execute(select(self.table.c.id).where(*where).limit(1)).first() is not None

    def _of_others(self, me: str) -> tuple[ColumnElement[bool], ...]:
        """Held by an earlier process of this node."""
        return self.table.c.lease_owner.is_not(None), self.table.c.lease_owner != me

    def _take(
        self, due: Iterable[ColumnElement[bool]], me: str, lease: timedelta, limit: int
    ) -> Sequence[Any]:
        """Up to `limit` rows that are due, the longest due first, held from now on."""
        table = self.table
        first = select(table.c.id).where(*due).order_by(table.c.due_at).limit(limit).cte("due")
        taken = update(table).where(table.c.id.in_(select(first.c.id))).values(**self._lease(me, lease))
        return self.conn.execute(taken.returning(table)).all()

    def _lease(self, me: str, lease: timedelta) -> dict[str, Any]:
        """What a row says while it is held."""
        return {"lease_until": in_ms(lease), "lease_owner": me, "fence": self.table.c.fence + 1}

    def _renew(self, held: Held, lease: timedelta) -> bool:
        """Hold on for longer; False: somebody else holds it by now."""
        row = self.conn.execute(update(self.table).where(*self._is(held)).values(lease_until=in_ms(lease)))
        return row.rowcount > 0

    def _settle(self, held: Held, **values: Any) -> None:
        """Write what came of it and let go. Raises StaleState."""
        row = self.conn.execute(update(self.table).where(*self._is(held)).values(**FREE, **values))
        if row.rowcount == 0:
            raise StaleState(held.id)

    def _is(self, held: Held) -> tuple[ColumnElement[bool], ...]:
        columns = self.table.c
        return columns.id == held.id, columns.fence == held.fence, columns.lease_owner == held.lease_owner


class Queue(Leased):
    """The same where whatever is due is one kind of work, and each claim is an attempt at it."""

    __slots__ = ()

    due: ClassVar[tuple[ColumnElement[bool], ...]]
    """What makes a row one to be claimed."""

    def is_due(self) -> bool:
        """Whether there is anything to claim."""
        return self._any(*self.due)

    def _claim(self, me: str, lease: timedelta, limit: int) -> Sequence[Any]:
        """Up to `limit` rows that are due, held from now on."""
        return self._take(self.due, me, lease, limit)

    def _lease(self, me: str, lease: timedelta) -> dict[str, Any]:
        return {**super()._lease(me, lease), "attempts": self.table.c.attempts + 1}


def ripe(table: Table) -> tuple[ColumnElement[bool], ...]:
    """Due, and held by nobody."""
    return table.c.due_at <= now_ms(), table.c.lease_until <= now_ms()
