"""Deletions: the wish, committed first, and the fate of everything that anybody holds of what is to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, insert, or_, select, update

from storage._leases import Queue, ripe
from storage._rows import in_ms
from storage.errors import NotFound
from storage.records.deletions import Deletion, Fate, Holder, Holding, Kept
from storage.records.ids import new_id
from storage.records.outbox import NoticeKind
from storage.schema import deletion, holding, job, model, now_ms, outbox


class Deletions(Queue):
    """Rows of things to be deleted, each with a date, a lease and a fence; and what is held of them."""

    __slots__ = ()

    table = deletion
    due = (deletion.c.done_at.is_(None), *ripe(deletion))

    # -- the wish

    def ask(self, owner: str, asked_by: str, root_id: str, name: str, provider: str) -> Deletion:
        """Want a card and what belongs to it deleted; the same wish again is the one that is there."""
        if (known := self.of_card(root_id)) is not None:
            return known
        made = new_id("del")
        self.conn.execute(
            insert(deletion).values(
                id=made,
                owner=owner,
                asked_by=asked_by,
                root_id=root_id,
                name=name,
                provider=provider,
                due_at=now_ms(),
                created_at=now_ms(),
            )
        )
        self.mark(self.get(made))
        return self.get(made)

    def scope(self, root_id: str) -> list[str]:
        """The cards that go together: this one, and all that was made with a model that was trained on it."""
        mine = select(job.c.id).where(job.c.root_id == root_id)
        models = select(model.c.id).where(model.c.job_id.in_(mine))
        rows = self.conn.execute(
            select(job.c.root_id)
            .where(
                or_(job.c.root_id == root_id, job.c.spec["model"].as_string().in_(models)),
                job.c.deletion_id.is_(None)
                | (
                    job.c.deletion_id
                    == select(deletion.c.id).where(deletion.c.root_id == root_id).scalar_subquery()
                ),
            )
            .order_by(job.c.created_at)
        ).scalars()
        return list(dict.fromkeys(rows))

    def mark(self, asked: Deletion) -> None:
        """From now on nothing else is done with its cards and models, nor with what is new on them."""
        cards = self.scope(asked.root_id)
        self.conn.execute(
            update(job)
            .where(job.c.root_id.in_(cards), job.c.deletion_id.is_(None))
            .values(deletion_id=asked.id)
        )
        marked = select(job.c.id).where(job.c.deletion_id == asked.id)
        self.conn.execute(
            update(model)
            .where(model.c.job_id.in_(marked), model.c.deleted_at.is_(None))
            .values(deleted_at=now_ms())
        )

    # -- reading

    def get(self, deletion_id: str) -> Deletion:
        """Raises NotFound."""
        row = self.conn.execute(select(deletion).where(deletion.c.id == deletion_id)).first()
        if row is None:
            raise NotFound(deletion_id)
        return _deletion(row)

    def of_card(self, root_id: str) -> Deletion | None:
        """The wish that a card is part of, if there is one."""
        its = select(job.c.deletion_id).where(job.c.root_id == root_id, job.c.deletion_id.is_not(None))
        row = self.conn.execute(select(deletion).where(deletion.c.id.in_(its))).first()
        return _deletion(row) if row else None

    def holdings(self, deletion_id: str) -> list[Holding]:
        """Everything that was found, in the order it is told of."""
        rows = self.conn.execute(
            select(holding).where(holding.c.deletion_id == deletion_id).order_by(holding.c.ordinal)
        )
        return [_holding(row) for row in rows]

    # -- working it off

    def claim(self, me: str, lease: timedelta, limit: int) -> list[Deletion]:
        """Take up to `limit` wishes that are due."""
        return [_deletion(row) for row in self._claim(me, lease, limit)]

    def give_back(self, held: Deletion, wait: timedelta) -> None:
        """Go on with it after `wait`. Raises StaleState."""
        self._settle(held, due_at=in_ms(wait))

    def found(self, held: Deletion, holdings: Sequence[Holding]) -> None:
        """Nothing is left here; this is all that anybody has, that with a fate included."""
        self.conn.execute(holding.delete().where(holding.c.deletion_id == held.id))
        for ordinal, one in enumerate(holdings):
            row = _plain(replace(one, deletion_id=held.id, ordinal=ordinal))
            self.conn.execute(insert(holding).values(**row))
        self.conn.execute(
            update(deletion)
            .where(deletion.c.id == held.id)
            .values(erased_at=func.coalesce(deletion.c.erased_at, now_ms()))
        )

    def settle(self, one: Holding, fate: Fate, until: datetime | None = None) -> None:
        """The fate of a holding is known; its holder's id of it is not needed any more."""
        self.conn.execute(
            update(holding)
            .where(holding.c.deletion_id == one.deletion_id, holding.c.ordinal == one.ordinal)
            .values(fate=fate.value, until=until, ref=None)
        )

    def tried(self, one: Holding) -> None:
        """Its holder did not let go of it, and is asked again."""
        self.conn.execute(
            update(holding)
            .where(holding.c.deletion_id == one.deletion_id, holding.c.ordinal == one.ordinal)
            .values(tries=holding.c.tries + 1)
        )

    def done(self, held: Deletion) -> None:
        """The fate of every holding is known. Raises StaleState."""
        self._settle(held, done_at=now_ms())
        self.conn.execute(
            update(job)
            .where(job.c.deletion_id == held.id)
            .values(deleted_at=func.coalesce(job.c.deleted_at, now_ms()))
        )

    def told(self, deletion_id: str) -> None:
        """Forget the name, once the last word of every receipt was said or cannot be."""
        unsaid = exists().where(
            outbox.c.kind == NoticeKind.RECEIPT.value,
            outbox.c.job_id == deletion.c.root_id,
            outbox.c.sent < outbox.c.wanted,
        )
        self.conn.execute(
            update(deletion)
            .where(deletion.c.id == deletion_id, deletion.c.done_at.is_not(None), ~unsaid)
            .values(name="")
        )


def _deletion(row: Any) -> Deletion:
    return Deletion(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name.


def _holding(row: Any) -> Holding:
    values = dict(row._mapping)  # noqa: SLF001
    values |= {"holder": Holder(values["holder"]), "what": Kept(values["what"])}
    values["fate"] = Fate(values["fate"]) if values["fate"] else None
    return Holding(**values)


def _plain(one: Holding) -> dict[str, Any]:
    return {
        "deletion_id": one.deletion_id,
        "ordinal": one.ordinal,
        "holder": one.holder.value,
        "what": one.what.value,
        "count": one.count,
        "job_id": one.job_id,
        "ref": one.ref,
        "fate": one.fate.value if one.fate else None,
        "until": one.until,
    }
