"""Lanes: how many at once, how far apart, and until when everybody holds."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._rows import ZERO, Repository, in_ms
from storage.schema import cron, lane, now_ms


class Lanes(Repository):
    """The rows that limit us."""

    def declare(self, name: str, *, slots: int, gap: timedelta) -> None:
        """Say how many jobs of a lane may be in flight and how far apart they start. May be said again."""
        limits = {"slots": slots, "gap_ms": round(gap.total_seconds() * 1000)}
        self.conn.execute(
            insert(lane)
            .values(name=name, next_free_at=ZERO, **limits)
            .on_conflict_do_update(index_elements=[lane.c.name], set_=limits)
        )

    def hold(self, name: str, wait: timedelta) -> None:
        """Let nobody start before `wait` is over: the vendor asked for it."""
        self.conn.execute(
            update(lane)
            .where(lane.c.name == name)
            .values(next_free_at=func.max(lane.c.next_free_at, in_ms(wait)))
        )

    def retire(self, name: str) -> bool:
        """The vendor has given this kind of job up. True for the first who says so."""
        told = self.conn.execute(
            update(lane).where(lane.c.name == name, lane.c.retired_at.is_(None)).values(retired_at=now_ms())
        )
        return told.rowcount == 1

    def restore(self, name: str) -> bool:
        """Offer a retired lane again. False: it was not retired."""
        told = self.conn.execute(
            update(lane).where(lane.c.name == name, lane.c.retired_at.is_not(None)).values(retired_at=None)
        )
        return told.rowcount == 1

    def retired(self) -> frozenset[str]:
        """Every lane whose vendor has given it up."""
        return frozenset(
            self.conn.execute(select(lane.c.name).where(lane.c.retired_at.is_not(None))).scalars()
        )

    def take_turn(self, name: str, every: timedelta) -> bool:
        """True for the one caller whose turn a recurring duty is; the next turn comes after `every`."""
        self.conn.execute(
            insert(cron).values(name=name, next_at=ZERO).on_conflict_do_nothing(index_elements=[cron.c.name])
        )
        won = self.conn.execute(
            update(cron).where(cron.c.name == name, cron.c.next_at <= now_ms()).values(next_at=in_ms(every))
        )
        return won.rowcount == 1
