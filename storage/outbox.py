"""What there is to say: written in the transaction of what happened, said afterwards, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, case, exists, func, select, type_coerce, update
from sqlalchemy.dialects.sqlite import insert

from storage._leases import Queue, ripe
from storage._rows import ZERO, in_ms
from storage.records.ids import new_id
from storage.records.outbox import Notice, NoticeKind, Upload
from storage.records.places import channel_of
from storage.records.trays import TrayState
from storage.schema import lane, now_ms, outbox, tray, upload

_before = outbox.alias("before")


class Outbox(Queue):
    """One row per thing to say; `wanted` counts its versions, `sent` the newest one that was said."""

    __slots__ = ()

    table = outbox
    due = (
        outbox.c.sent < outbox.c.wanted,
        *ripe(outbox),
        outbox.c.after.is_(None) | exists().where(_before.c.id == outbox.c.after, _before.c.sent > 0),
    )

    def put(
        self,
        key: str,
        kind: NoticeKind,
        *,
        owner: str,
        place: str,
        job_id: str | None = None,
        tray_id: str | None = None,
        after: str | None = None,
        payload: dict[str, Any] | None = None,
        wait: timedelta = timedelta(0),
    ) -> str:
        """Want something said, once per key; returns the row's id.

        `after` names a key to be said before; `wait` is how long more may gather first.
        """
        made = new_id("note")
        before = None if after is None else select(outbox.c.id).where(outbox.c.key == after).scalar_subquery()
        self.conn.execute(
            insert(outbox)
            .values(
                id=made,
                key=key,
                kind=kind.value,
                owner=owner,
                place=place,
                channel=channel_of(place),
                job_id=job_id,
                tray_id=tray_id,
                after=before,
                payload=payload or {},
                due_at=in_ms(wait),
                created_at=now_ms(),
            )
            .on_conflict_do_nothing(index_elements=[outbox.c.key])
        )
        return str(self.conn.execute(select(outbox.c.id).where(outbox.c.key == key)).scalar_one())

    def touch(self, key: str, *, quiet: timedelta = timedelta(0), wait: timedelta = timedelta(0)) -> None:
        """Want a message brought up to date, not before `quiet` has passed since it was said last.

        `wait` is how long more may gather first.
        """
        soonest = func.max(
            in_ms(wait),
            func.coalesce(type_coerce(outbox.c.sent_at, BigInteger), 0) + round(quiet.total_seconds() * 1000),
        )
        self.conn.execute(
            update(outbox)
            .where(outbox.c.key == key, outbox.c.given_up.is_(None))
            .values(
                wanted=outbox.c.wanted + 1,
                # What was told to wait goes on waiting; what waits for nothing but its turn may come sooner.
                due_at=case(
                    (outbox.c.sent == outbox.c.wanted, soonest),
                    (outbox.c.attempts == 0, func.min(outbox.c.due_at, soonest)),
                    else_=outbox.c.due_at,
                ),
            )
        )

    def touch_newest(self, kind: NoticeKind, owner: str, *, most: int = 3) -> None:
        """Want the newest messages of a kind to a person brought up to date."""
        keys = (
            select(outbox.c.key)
            .where(outbox.c.kind == kind, outbox.c.owner == owner)
            .order_by(outbox.c.created_at.desc())
            .limit(most)
        )
        for key in self.conn.execute(keys).scalars().all():
            self.touch(key)

    def touch_all(self, begin: str) -> None:
        """Want every message whose key begins so brought up to date."""
        keys = select(outbox.c.key).where(outbox.c.key >= begin, outbox.c.key < f"{begin}~")
        for key in self.conn.execute(keys).scalars().all():
            self.touch(key)

    def tell(self, key: str, payload: dict[str, Any]) -> None:
        """What a message is to be made of beside the rows that it speaks of."""
        self.conn.execute(update(outbox).where(outbox.c.key == key).values(payload=payload))

    def claim(
        self, me: str, lease: timedelta, gap: timedelta, limit: int, *, edit_gap: timedelta | None = None
    ) -> list[Notice]:
        """Take what is due: one message per channel and `gap`, one edit per workspace and `edit_gap`.

        The claim is also the note that a post may follow; the next claim of the same row then says `looking`.
        """
        # One row per channel whose turn it is: a channel with much to be said keeps no other waiting.
        holding = exists().where(lane.c.name == _TURN, lane.c.next_free_at > now_ms())
        order = func.row_number().over(partition_by=_TURN, order_by=(outbox.c.due_at, outbox.c.created_at))
        first = select(outbox.c.id, order.label("place")).where(*self.due, ~holding).cte("first")
        rows = self.conn.execute(
            select(outbox, _TURN.label("turn"))
            .join(first, first.c.id == outbox.c.id)
            .where(first.c.place == 1)
            .order_by(outbox.c.due_at)
            .limit(limit)
        ).all()
        edits = gap if edit_gap is None else edit_gap
        return [self._taken(row, me, lease) for row in rows if self._take_turn(row, gap, edits)]

    def said(self, notice: Notice, message: str) -> None:
        """This version stands at `message`. Raises StaleState."""
        self._settle(
            notice,
            message=message,
            sent=notice.wanted,
            sent_at=now_ms(),
            post_begun_at=None,
            attempts=0,
            **_forgotten(notice),
        )

    def again(self, notice: Notice, wait: timedelta, *, maybe_posted: bool) -> None:
        """Try again after `wait`; look first if this attempt may have posted it. Raises StaleState."""
        values: dict[str, Any] = {} if maybe_posted else {"post_begun_at": None}
        self._settle(notice, due_at=in_ms(wait), **values)

    def give_up(self, notice: Notice, why: str) -> None:
        """It cannot be said, for the reason given. Raises StaleState."""
        self._settle(notice, sent=outbox.c.wanted, given_up=why, sent_at=now_ms(), **_forgotten(notice))

    def find(self, key: str) -> Notice | None:
        """The row of a key."""
        row = self.conn.execute(select(outbox).where(outbox.c.key == key)).first()
        return _notice(row) if row else None

    def of_job(self, job_id: str) -> list[Notice]:
        """Everything said or to be said about a job."""
        rows = self.conn.execute(
            select(outbox).where(outbox.c.job_id == job_id).order_by(outbox.c.created_at)
        )
        return [_notice(row) for row in rows]

    def withdraw(self, jobs: Sequence[str]) -> bool:
        """Say nothing more of these jobs and the photos they were started from, but on the cards.

        False: something is just being said, or may stand.

        What nobody has begun to say is not said at all; what was begun comes to its own end first.
        """
        used = select(tray.c.id).where(tray.c.job_id.in_(jobs), tray.c.state != TrayState.OPEN)
        about = (
            outbox.c.job_id.in_(jobs) | outbox.c.tray_id.in_(used),
            outbox.c.kind.not_in(_OF_DELETED),
            outbox.c.sent < outbox.c.wanted,
        )
        self.conn.execute(
            update(outbox)
            .where(*about, outbox.c.post_begun_at.is_(None))
            .values(sent=outbox.c.wanted, given_up="deleted")
        )
        self.conn.execute(update(outbox).where(*about).values(due_at=func.min(outbox.c.due_at, now_ms())))
        return self.conn.execute(select(outbox.c.id).where(*about).limit(1)).first() is None

    # -- files on their way into a message

    def uploads(self, notice_id: str) -> list[Upload]:
        """The files of a message, in order."""
        rows = self.conn.execute(
            select(upload).where(upload.c.notice_id == notice_id).order_by(upload.c.ordinal)
        )
        return [Upload(r.notice_id, r.ordinal, r.sha256, r.file_id, r.stage, r.media_type) for r in rows]

    def expect_uploads(self, notice_id: str, files: Sequence[tuple[str, str | None]]) -> None:
        """Write down which files, (hash, media type) each, a message will carry."""
        for ordinal, (sha256, media_type) in enumerate(files):
            self.conn.execute(
                insert(upload)
                .values(
                    notice_id=notice_id, ordinal=ordinal, sha256=sha256, stage="new", media_type=media_type
                )
                .on_conflict_do_nothing()
            )

    def upload_is_at(self, notice_id: str, ordinal: int, stage: str, file_id: str | None = None) -> None:
        """Write down how far a file has come."""
        values = {"stage": stage} if file_id is None else {"stage": stage, "file_id": file_id}
        self.conn.execute(
            update(upload)
            .where(upload.c.notice_id == notice_id, upload.c.ordinal == ordinal)
            .values(**values)
        )

    # -- inside

    def _take_turn(self, row: Any, gap: timedelta, edit_gap: timedelta) -> bool:
        name, wait = row.turn, edit_gap if row.turn.startswith("edit:") else gap
        self.conn.execute(
            insert(lane)
            .values(name=name, slots=1, gap_ms=0, next_free_at=ZERO)
            .on_conflict_do_nothing(index_elements=[lane.c.name])
        )
        taken = self.conn.execute(
            update(lane)
            .where(lane.c.name == name, lane.c.next_free_at <= now_ms())
            .values(next_free_at=in_ms(wait))
        )
        return taken.rowcount == 1

    def _taken(self, row: Any, me: str, lease: timedelta) -> Notice:
        taken = self.conn.execute(
            update(outbox)
            .where(outbox.c.id == row.id, outbox.c.fence == row.fence)
            .values(post_begun_at=func.coalesce(outbox.c.post_begun_at, now_ms()), **self._lease(me, lease))
            .returning(outbox)
        ).one()
        before = (
            self.conn.execute(select(outbox).where(outbox.c.id == row.after)).first() if row.after else None
        )
        return _notice(
            taken,
            looking=row.post_begun_at is not None and row.message is None,
            anchor=before.message if before and before.place == row.place else None,
        )


def _forgotten(notice: Notice) -> dict[str, Any]:
    """An answered person's own words are not kept; nothing renders a reply twice."""
    return {"payload": {}} if notice.kind is NoticeKind.REPLY else {}


_OF_DELETED = (NoticeKind.CARD.value, NoticeKind.RECEIPT.value)
"""What is said of something that is being deleted, and nothing else."""
_TURN = case(
    (outbox.c.message.is_(None), "say:" + outbox.c.channel),
    else_="edit:" + func.substr(outbox.c.channel, 1, func.instr(outbox.c.channel, "/") - 1),
)
"""What a row waits for: posts go by channel, edits by workspace, which is the part before the slash."""


def _notice(row: Any, *, looking: bool = False, anchor: str | None = None) -> Notice:
    return Notice(
        id=row.id,
        key=row.key,
        kind=NoticeKind(row.kind),
        owner=row.owner,
        place=row.place,
        wanted=row.wanted,
        sent=row.sent,
        payload=row.payload,
        after=row.after,
        job_id=row.job_id,
        tray_id=row.tray_id,
        message=row.message,
        post_begun_at=row.post_begun_at,
        fence=row.fence,
        lease_owner=row.lease_owner,
        attempts=row.attempts,
        looking=looking,
        anchor=anchor,
    )
