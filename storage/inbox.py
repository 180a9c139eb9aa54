"""What arrived, committed before it was acknowledged, and worked off afterwards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from storage._leases import Queue, ripe
from storage._rows import in_ms
from storage.records.ids import new_id
from storage.records.inbox import Arrival, InboxItem
from storage.schema import inbox, now_ms


class Inbox(Queue):
    """Rows of things to look at; each `key` is seen once."""

    __slots__ = ()

    table = inbox
    due = (inbox.c.done_at.is_(None), *ripe(inbox))

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

    def claim(self, me: str, lease: timedelta, limit: int) -> list[InboxItem]:
        """Take up to `limit` items that are due."""
        return [_item(row) for row in self._claim(me, lease, limit)]

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
            self._renew(item, lease)

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


def _item(row: Any) -> InboxItem:
    return InboxItem(
        row.id, row.key, row.kind, row.payload, row.attempts, row.fence, row.lease_owner, row.received_at
    )
