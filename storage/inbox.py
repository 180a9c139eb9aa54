"""What arrived, committed before it was acknowledged, and worked off afterwards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._rows import ZERO, Repository, in_ms
from storage.errors import StaleState
from storage.records.ids import new_id
from storage.records.inbox import Arrival, InboxItem
from storage.schema import inbox, now_ms


class Inbox(Repository):
    """Rows of things to look at; each `key` is seen once."""

    def put(self, arrivals: Sequence[Arrival]) -> None:
        """Keep what arrived; a key that is known already is left as it is."""
        by_delay: dict[timedelta, list[dict[str, Any]]] = {}
        for one in arrivals:
            row = {"id": new_id("in"), "key": one.key, "kind": one.kind, "payload": one.payload}
            by_delay.setdefault(one.delay, []).append(row)
        for delay, rows in by_delay.items():
            statement = insert(inbox).values(due_at=in_ms(delay), received_at=now_ms())
            self.conn.execute(statement.on_conflict_do_nothing(index_elements=[inbox.c.key]), rows)

    def known(self, key: str) -> bool:
        """Whether something of this key has arrived."""
        return self.conn.execute(select(inbox.c.id).where(inbox.c.key == key)).first() is not None

    def is_done(self, key: str) -> bool:
        """Whether something of this key has arrived and is worked off."""
        done = select(inbox.c.id).where(inbox.c.key == key, inbox.c.done_at.is_not(None))
        return self.conn.execute(done).first() is not None

    def is_due(self) -> bool:
        """Whether there is anything to claim."""
        return self.conn.execute(select(inbox.c.id).where(*_DUE).limit(1)).first() is not None

    def claim(self, me: str, lease: timedelta, limit: int) -> list[InboxItem]:
        """Take up to `limit` items that are due."""
        due = select(inbox.c.id).where(*_DUE).order_by(inbox.c.due_at).limit(limit).cte("due")
        rows = self.conn.execute(
            update(inbox)
            .where(inbox.c.id.in_(select(due.c.id)))
            .values(
                lease_until=in_ms(lease),
                lease_owner=me,
                fence=inbox.c.fence + 1,
                attempts=inbox.c.attempts + 1,
            )
            .returning(inbox)
        ).all()
        return [_item(row) for row in rows]

    def waiting(self, kinds: Collection[str], limit: int) -> list[InboxItem]:
        """What of these kinds is not worked off yet, whoever holds it; the newest first."""
        rows = self.conn.execute(
            select(inbox)
            .where(inbox.c.done_at.is_(None), inbox.c.kind.in_(list(kinds)))
            .order_by(inbox.c.received_at.desc())
            .limit(limit)
        )
        return [_item(row) for row in rows]

    def hold_on(self, items: Sequence[InboxItem], lease: timedelta) -> None:
        """Hold items longer that are being worked on; what somebody else holds by now is left alone."""
        for item in items:
            self.conn.execute(update(inbox).where(*_held(item)).values(lease_until=in_ms(lease)))

    def done(self, item: InboxItem) -> None:
        """Mark an item as worked off; what it held is forgotten. Raises StaleState."""
        self._settle(item, done_at=now_ms(), payload={})

    def again(self, item: InboxItem, wait: timedelta) -> None:
        """Give an item back, to be tried after `wait`. Raises StaleState."""
        self._settle(item, due_at=in_ms(wait))

    def forget(self, older_than: timedelta) -> int:
        """Remove items that were worked off long ago; until then their keys keep repeats out."""
        gone = self.conn.execute(delete(inbox).where(inbox.c.done_at < in_ms(-older_than)))
        return gone.rowcount

    def release(self, me: str) -> None:
        """Free what an earlier process of this node held."""
        self.conn.execute(
            update(inbox)
            .where(inbox.c.done_at.is_(None), inbox.c.lease_owner != me)
            .values(lease_until=ZERO, lease_owner=None)
        )

    def any_held(self) -> bool:
        """Whether somebody holds a row just now."""
        held = (
            select(inbox.c.id)
            .where(inbox.c.lease_owner.is_not(None), inbox.c.lease_until > now_ms())
            .limit(1)
        )
        return self.conn.execute(held).first() is not None

    def _settle(self, item: InboxItem, **values: Any) -> None:
        held = self.conn.execute(
            update(inbox).where(*_held(item)).values(lease_until=ZERO, lease_owner=None, **values)
        )
        if held.rowcount == 0:
            raise StaleState(item.id)


def _item(row: Any) -> InboxItem:
    return InboxItem(
        row.id, row.key, row.kind, row.payload, row.attempts, row.fence, row.lease_owner, row.received_at
    )


def _held(item: InboxItem) -> tuple[ColumnElement[bool], ...]:
    return (inbox.c.id == item.id, inbox.c.fence == item.fence, inbox.c.lease_owner == item.lease_owner)


_DUE = (inbox.c.done_at.is_(None), inbox.c.due_at <= now_ms(), inbox.c.lease_until <= now_ms())
