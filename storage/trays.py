"""Trays: what one person gathers in one place before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._rows import Repository
from storage.errors import NotFound
from storage.records.ids import new_id
from storage.records.media import Refusal
from storage.records.trays import Tray, TrayEntry, TrayState
from storage.schema import medium, now_ms, tray, tray_entry


class Trays(Repository):
    """One open tray per owner and place."""

    def get(self, tray_id: str) -> Tray:
        """Raises NotFound."""
        row = self.conn.execute(select(tray).where(tray.c.id == tray_id)).first()
        if row is None:
            raise NotFound(tray_id)
        return _tray(row)

    def used_for(self, job_id: str) -> Tray | None:
        """The tray a job was started from: later ones only brought what its vendor asked for anew."""
        row = self.conn.execute(
            select(tray)
            .where(tray.c.job_id == job_id, tray.c.state == TrayState.USED)
            .order_by(tray.c.created_at)
        ).first()
        return _tray(row) if row else None

    def find_open(self, owner: str, place: str) -> Tray | None:
        """The tray this person has open here, if any."""
        row = self.conn.execute(
            select(tray).where(tray.c.owner == owner, tray.c.place == place, tray.c.state == TrayState.OPEN)
        ).first()
        return _tray(row) if row else None

    def open(self, owner: str, place: str) -> Tray:
        """The tray this person has open here; a new one where there is none."""
        found = self.find_open(owner, place)
        if found:
            return found
        row = self.conn.execute(
            insert(tray)
            .values(
                id=new_id("tray"),
                owner=owner,
                place=place,
                state=TrayState.OPEN.value,
                created_at=now_ms(),
                updated_at=now_ms(),
            )
            .returning(tray)
        ).one()
        return _tray(row)

    def add(self, tray_id: str, entries: Sequence[TrayEntry]) -> None:
        """Put files into a tray; one that is in it already changes nothing."""
        last = self.conn.execute(
            select(func.coalesce(func.max(tray_entry.c.ordinal), 0)).where(tray_entry.c.tray_id == tray_id)
        ).scalar_one()
        for entry in entries:
            added = self.conn.execute(
                insert(tray_entry)
                .values(
                    tray_id=tray_id,
                    source=entry.source,
                    ordinal=last + 1,
                    name=entry.name,
                    role=entry.role,
                    medium=entry.medium,
                    refusal=entry.refusal.value if entry.refusal else None,
                    width=entry.width,
                    height=entry.height,
                )
                .on_conflict_do_nothing()
            )
            last += added.rowcount
        self.conn.execute(update(tray).where(tray.c.id == tray_id).values(updated_at=now_ms()))

    def remember(self, tray_id: str, wish: Mapping[str, Any]) -> None:
        """Keep what a form asked for beside what it brought."""
        self.conn.execute(update(tray).where(tray.c.id == tray_id).values(wish=dict(wish)))

    def entries(self, tray_id: str) -> list[TrayEntry]:
        """What is in a tray, in the order it came."""
        rows = self.conn.execute(
            select(tray_entry).where(tray_entry.c.tray_id == tray_id).order_by(tray_entry.c.ordinal)
        )
        return [
            TrayEntry(
                r.source,
                r.name,
                r.medium,
                Refusal(r.refusal) if r.refusal else None,
                r.ordinal,
                r.role,
                r.finding,
                r.width,
                r.height,
            )
            for r in rows
        ]

    def open_ids(self, limit: int = 200, *, since: datetime | None = None) -> list[str]:
        """The trays that wait for their owner, newest first; with `since`, those changed after it."""
        rows = select(tray.c.id).where(tray.c.state == TrayState.OPEN).order_by(tray.c.updated_at.desc())
        if since is not None:
            rows = rows.where(tray.c.updated_at >= since)
        return list(self.conn.execute(rows.limit(limit)).scalars())

    def open_of(self, owner: str, limit: int = 20) -> list[Tray]:
        """The trays that wait for this person, the one changed last first."""
        rows = (
            select(tray)
            .where(tray.c.owner == owner, tray.c.state == TrayState.OPEN)
            .order_by(tray.c.updated_at.desc())
        )
        return [_tray(row) for row in self.conn.execute(rows.limit(limit))]

    def settle(self, tray_id: str, place: str, message: str) -> None:
        """The tray's message stands now: without a thread before, photos posted under it join the tray."""
        if place.endswith("/") and message:
            here = (tray.c.id == tray_id, tray.c.place == place)
            self.conn.execute(update(tray).where(*here).values(place=message))

    def move(self, tray_id: str, place: str) -> None:
        """The tray stands somewhere else from now on, where its owner has none open."""
        self.conn.execute(update(tray).where(tray.c.id == tray_id).values(place=place))

    def remove(self, tray_id: str, sources: Sequence[str] | None = None) -> list[str]:
        """Take files out of a tray, or all; returns the hashes of those whose bytes may be erased for it.

        What was given once more since the tray last changed is on its way into another: the sweep sees to it.
        """
        which = tray_entry.c.tray_id == tray_id
        if sources is not None:
            which &= tray_entry.c.source.in_(list(sources))
        gone = self.conn.execute(delete(tray_entry).where(which).returning(tray_entry.c.medium)).scalars()
        changed = select(tray.c.updated_at).where(tray.c.id == tray_id).scalar_subquery()
        settled = select(medium.c.sha256).where(
            medium.c.sha256.in_([sha256 for sha256 in gone if sha256]), medium.c.created_at <= changed
        )
        found = list(self.conn.execute(settled).scalars())
        self.conn.execute(update(tray).where(tray.c.id == tray_id).values(updated_at=now_ms()))
        return found

    def numbers(self, job_id: str) -> dict[str, int]:
        """How the tray that a job was started from numbers what it holds, by hash."""
        rows = self.conn.execute(
            select(tray_entry.c.medium, tray_entry.c.ordinal)
            .join(tray, tray.c.id == tray_entry.c.tray_id)
            .where(tray.c.job_id == job_id, tray_entry.c.medium.is_not(None))
            .order_by(tray_entry.c.ordinal.desc())
        )
        return {row.medium: row.ordinal for row in rows}

    def reopen(self, job_id: str, findings: Mapping[str, str], *, place: str) -> str | None:
        """Open the tray a job used again, with what its vendor found, by hash; returns the tray that is open.

        It opens at `place`. Where its owner has an open one there already, that one gets what it held.
        """
        row = self.used_for(job_id)
        if row is None:
            return None
        for sha256, reason in findings.items():
            self.conn.execute(
                update(tray_entry)
                .where(tray_entry.c.tray_id == row.id, tray_entry.c.medium == sha256)
                .values(finding=reason)
            )
        other = self.find_open(row.owner, place)
        if other is None:
            self.conn.execute(
                update(tray)
                .where(tray.c.id == row.id)
                .values(state=TrayState.OPEN.value, place=place, updated_at=now_ms())
            )
            return str(row.id)
        held = self.entries(row.id)
        self.add(other.id, held)
        for entry in held:
            self.conn.execute(
                update(tray_entry)
                .where(tray_entry.c.tray_id == other.id, tray_entry.c.source == entry.source)
                .values(finding=entry.finding)
            )
        self.conn.execute(update(tray).where(tray.c.id == other.id).values(job_id=job_id))
        return other.id

    def close(self, tray_id: str, state: TrayState, job_id: str | None = None) -> bool:
        """Close an open tray. False: it was closed before."""
        closed = self.conn.execute(
            update(tray)
            .where(tray.c.id == tray_id, tray.c.state == TrayState.OPEN)
            .values(state=state.value, job_id=job_id, wish=None, updated_at=now_ms())
        )
        return closed.rowcount == 1


def _tray(row: Any) -> Tray:
    return Tray(row.id, row.owner, row.place, TrayState(row.state), row.created_at, row.job_id, row.wish)
