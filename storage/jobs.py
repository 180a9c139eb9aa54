"""The job table is the queue: claims hand out leases, `move` is the only way along an arrow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._rows import ZERO, Repository, in_ms
from storage.errors import IllegalMove, NotFound, StaleState
from storage.records import ENDED, TRANSITIONS, FailureReason, Job, JobKind, JobState, NewJob, QuietPoll
from storage.schema import job, job_photo, lane, now_ms

_OPEN = [state.value for state in JobState if state not in ENDED]


class Jobs(Repository):
    """Rows of work, each with a date, a lease and a fence."""

    # -- making and reading

    def insert(self, new: NewJob) -> Job:
        """Write a wish down. The same `request_key` again returns the row that is there."""
        row = {
            "id": new.id,
            "kind": new.kind.value,
            "root_id": new.root_id,
            "owner": new.owner,
            "place": new.place,
            "pictures_place": new.pictures_place,
            "provider": new.provider,
            "lane": new.lane,
            "name": new.name,
            "subject": new.subject,
            "spec": new.spec,
            "state": JobState.QUEUED.value,
            "request_key": new.request_key,
            "serial": new.serial,
        }
        written = self.conn.execute(
            insert(job)
            .values(due_at=now_ms(), created_at=now_ms(), **row)
            .on_conflict_do_nothing(index_elements=[job.c.request_key])
        )
        if written.rowcount and new.photos:
            self.conn.execute(
                insert(job_photo),
                [{"job_id": new.id, "ordinal": i, "photo": sha256} for i, sha256 in enumerate(new.photos)],
            )
        return self._one(job.c.request_key == new.request_key, new.request_key)

    def get(self, job_id: str) -> Job:
        """Raises NotFound."""
        return self._one(job.c.id == job_id, job_id)

    def family(self, root_id: str) -> list[Job]:
        """Every job on one card, oldest first."""
        rows = self.conn.execute(
            select(job).where(job.c.root_id == root_id).order_by(job.c.created_at, job.c.id)
        )
        return [_job(row) for row in rows]

    def roots_of(self, owner: str | None, limit: int) -> list[str]:
        """The newest cards of one person, or of everybody."""
        newest = func.max(job.c.created_at)
        query = select(job.c.root_id).group_by(job.c.root_id).order_by(newest.desc()).limit(limit)
        if owner is not None:
            query = query.where(job.c.owner == owner)
        return list(self.conn.execute(query).scalars())

    def place_in_queue(self, waiting: Job) -> int:
        """1 for the next in its lane."""
        ahead = self.conn.execute(
            select(func.count()).where(
                job.c.lane == waiting.lane,
                job.c.state == JobState.QUEUED.value,
                job.c.created_at < waiting.created_at,
            )
        ).scalar_one()
        return int(ahead) + 1

    def durations(self, lane_name: str, limit: int = 50) -> list[timedelta]:
        """How long the newest successful jobs of a lane took, from submission to result, shortest first."""
        rows = self.conn.execute(
            select(job.c.started_at, job.c.finished_at)
            .where(
                job.c.lane == lane_name,
                job.c.state == JobState.SUCCEEDED.value,
                job.c.started_at.is_not(None),
            )
            .order_by(job.c.finished_at.desc())
            .limit(limit)
        )
        return sorted(row.finished_at - row.started_at for row in rows)

    def remote_ids(self, lane_name: str, since: datetime | None = None) -> frozenset[str]:
        """The vendor's ids that belong to jobs of ours."""
        query = select(job.c.remote_id).where(job.c.lane == lane_name, job.c.remote_id.is_not(None))
        if since is not None:
            query = query.where(job.c.created_at >= since)
        return frozenset(self.conn.execute(query).scalars())

    def open_providers(self) -> set[str]:
        """The vendors of all jobs that have not ended."""
        return set(
            self.conn.execute(select(job.c.provider).where(job.c.state.in_(_OPEN)).distinct()).scalars()
        )

    def due_lanes(self) -> set[tuple[str, JobState]]:
        """Where something can be claimed now."""
        rows = self.conn.execute(
            select(job.c.lane, job.c.state)
            .where(job.c.state.in_(_OPEN), job.c.due_at <= now_ms(), job.c.lease_until <= now_ms())
            .distinct()
        )
        return {(row.lane, JobState(row.state)) for row in rows}

    # -- claiming

    def claim_submission(self, lane_name: str, me: str, lease: timedelta) -> Job | None:
        """Slot, rate token, job and intent in one transaction: written before the call leaves.

        Jobs left in `submitting` come first. None: nothing is due, or the lane is full or holding.
        """
        limits = self.conn.execute(
            select(lane, now_ms().label("now_ms")).where(lane.c.name == lane_name)
        ).one()
        if round(limits.next_free_at.timestamp() * 1000) > limits.now_ms:
            return None
        mine = (job.c.lane == lane_name, job.c.lease_until <= now_ms(), job.c.due_at <= now_ms())
        found = self.conn.execute(
            select(job.c.id).where(*mine, job.c.state == JobState.SUBMITTING.value).limit(1)
        ).scalar()
        if found is None:
            taken = self.conn.execute(
                select(func.count()).where(
                    job.c.lane == lane_name,
                    job.c.state.in_([JobState.SUBMITTING.value, JobState.RUNNING.value]),
                )
            ).scalar_one()
            if taken >= limits.slots:
                return None
            busy = select(job.c.serial).where(
                job.c.lane == lane_name, job.c.state == JobState.SUBMITTING.value
            )
            found = self.conn.execute(
                select(job.c.id)
                .where(*mine, job.c.state == JobState.QUEUED.value, job.c.serial.not_in(busy))
                .order_by(job.c.created_at, job.c.id)
                .limit(1)
            ).scalar()
        if found is None:
            return None
        self.conn.execute(
            update(lane)
            .where(lane.c.name == lane_name)
            .values(next_free_at=func.max(lane.c.next_free_at, now_ms()) + lane.c.gap_ms)
        )
        row = self.conn.execute(
            update(job)
            .where(job.c.id == found)
            .values(
                state=JobState.SUBMITTING.value,
                fence=job.c.fence + 1,
                lease_owner=me,
                lease_until=in_ms(lease),
            )
            .returning(job)
        ).one()
        return _job(row)

    def begin_submission(self, held: Job, lease: timedelta) -> Job:
        """Write down that the call leaves now, under a lease that outlives it. Raises StaleState."""
        row = self.conn.execute(
            update(job)
            .where(*_held(held))
            .values(submit_begun_at=now_ms(), lease_until=in_ms(lease), attempts=job.c.attempts + 1)
            .returning(job)
        ).first()
        if row is None:
            raise StaleState(held.id)
        return _job(row)

    def claim_running(self, lane_name: str, me: str, lease: timedelta, limit: int) -> list[Job]:
        """Take up to `limit` jobs of a lane that want to be polled."""
        due = (
            select(job.c.id)
            .where(
                job.c.lane == lane_name,
                job.c.state == JobState.RUNNING.value,
                job.c.due_at <= now_ms(),
                job.c.lease_until <= now_ms(),
            )
            .order_by(job.c.due_at)
            .limit(limit)
            .cte("due")
        )
        rows = self.conn.execute(
            update(job)
            .where(job.c.id.in_(select(due.c.id)))
            .values(lease_until=in_ms(lease), lease_owner=me, fence=job.c.fence + 1)
            .returning(job)
        ).all()
        return [_job(row) for row in rows]

    def release(self, me: str, settle: timedelta) -> None:
        """Free what an earlier process of this node held.

        A submission that had begun is left alone for `settle` from its begin, longer than any call can live.
        """
        stranger = (job.c.state.in_(_OPEN), job.c.lease_owner.is_not(None), job.c.lease_owner != me)
        wait = bindparam("settle_ms", round(settle.total_seconds() * 1000), type_=BigInteger)
        self.conn.execute(
            update(job)
            .where(*stranger, job.c.state == JobState.SUBMITTING.value, job.c.submit_begun_at.is_not(None))
            .values(lease_until=ZERO, lease_owner=None, due_at=job.c.submit_begun_at + wait)
        )
        self.conn.execute(update(job).where(*stranger).values(lease_until=ZERO, lease_owner=None))

    def any_held(self) -> bool:
        """Whether somebody holds a row just now."""
        held = select(job.c.id).where(job.c.lease_owner.is_not(None), job.c.lease_until > now_ms()).limit(1)
        return self.conn.execute(held).first() is not None

    # -- moving

    def move(self, held: Job, to: JobState, *, wait: timedelta | None = None, **values: Any) -> Job:
        """Go along one arrow and give the lease back. Raises StaleState and IllegalMove."""
        if to != held.state and to not in TRANSITIONS[held.state]:
            raise IllegalMove(f"{held.state.value} -> {to.value}")
        if wait is not None:
            values["due_at"] = in_ms(wait)
        if to in ENDED:
            values["finished_at"] = now_ms()
        if to is JobState.RUNNING and held.state is not JobState.RUNNING:
            values["started_at"] = func.coalesce(job.c.submit_begun_at, now_ms())
        if to is JobState.QUEUED:
            values["submit_begun_at"] = None
        row = self.conn.execute(
            update(job)
            .where(*_held(held), job.c.state == held.state.value)
            .values(state=to.value, lease_until=ZERO, lease_owner=None, **values)
            .returning(job)
        ).first()
        if row is None:
            raise StaleState(held.id)
        return _job(row)

    def keep_polling(self, polls: Sequence[QuietPoll]) -> None:
        """Settle many uneventful polls in one statement; one that somebody else holds by now is dropped."""
        if not polls:
            return
        statement = (
            update(job)
            .where(
                job.c.id == bindparam("of_id"),
                job.c.fence == bindparam("of_fence"),
                job.c.lease_owner == bindparam("of_owner"),
                job.c.state == JobState.RUNNING.value,
            )
            .values(
                lease_until=ZERO,
                lease_owner=None,
                polls=job.c.polls + 1,
                trouble_at=None,
                grace_at=None,
                due_at=now_ms() + bindparam("wait_ms", type_=BigInteger),
                progress=bindparam("new_progress"),
                remote_model_id=func.coalesce(bindparam("new_model"), job.c.remote_model_id),
                remote_word=bindparam("new_word"),
            )
        )
        self.conn.execute(
            statement,
            [
                {
                    "of_id": one.job.id,
                    "of_fence": one.job.fence,
                    "of_owner": one.job.lease_owner,
                    "wait_ms": round(one.wait.total_seconds() * 1000),
                    "new_progress": one.progress,
                    "new_model": one.remote_model_id,
                    "new_word": one.remote_word,
                }
                for one in polls
            ],
        )

    def give_back(self, held: Job, wait: timedelta, **values: Any) -> None:
        """Give the lease back without moving. Raises StaleState."""
        row = self.conn.execute(
            update(job)
            .where(*_held(held))
            .values(lease_until=ZERO, lease_owner=None, due_at=in_ms(wait), **values)
        )
        if row.rowcount == 0:
            raise StaleState(held.id)

    def renew(self, held: Job, lease: timedelta) -> None:
        """Hold on for longer. Raises StaleState."""
        row = self.conn.execute(update(job).where(*_held(held)).values(lease_until=in_ms(lease)))
        if row.rowcount == 0:
            raise StaleState(held.id)

    def request_cancel(self, job_id: str) -> Job:
        """Wish a job to stop: one that still waits is cancelled here and now, another at its next step."""
        self.conn.execute(
            update(job)
            .where(
                job.c.id == job_id,
                job.c.state.in_([JobState.QUEUED.value, JobState.NEEDS_USER.value]),
                job.c.lease_until <= now_ms(),
            )
            .values(
                state=JobState.CANCELLED.value,
                cancel_requested=True,
                finished_at=now_ms(),
                fence=job.c.fence + 1,
            )
        )
        self.conn.execute(
            update(job)
            .where(job.c.id == job_id, job.c.state.in_(_OPEN))
            .values(cancel_requested=True, due_at=func.min(job.c.due_at, now_ms()))
        )
        return self.get(job_id)

    def _one(self, where: Any, what: str) -> Job:
        row = self.conn.execute(select(job).where(where)).first()
        if row is None:
            raise NotFound(what)
        return _job(row)


def _held(held: Job) -> tuple[Any, ...]:
    return (job.c.id == held.id, job.c.fence == held.fence, job.c.lease_owner == held.lease_owner)


def _job(row: Any) -> Job:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name for a row as a mapping.
    values["kind"] = JobKind(values["kind"])
    values["state"] = JobState(values["state"])
    values["reason"] = FailureReason(values["reason"]) if values["reason"] else None
    return Job(**values)
