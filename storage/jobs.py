"""The job table is the queue: claims hand out leases, `move` is the only way along an arrow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, bindparam, case, func, select, update
from sqlalchemy.dialects.sqlite import insert

from storage._leases import FREE, Leased, ripe
from storage._rows import in_ms
from storage.errors import IllegalMove, NotFound, StaleState
from storage.inputs import Inputs
from storage.records.jobs import (
    ENDED,
    TRANSITIONS,
    FailureReason,
    Finding,
    Job,
    JobKind,
    JobState,
    NewJob,
    QuietPoll,
)
from storage.schema import job, lane, now_ms

_OPEN = [state.value for state in JobState if state not in ENDED]
_WAITING = [JobState.QUEUED.value, JobState.SUBMITTING.value]


class Jobs(Leased):
    """Rows of work, each with a date, a lease and a fence."""

    __slots__ = ()

    table = job

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
        if written.rowcount:
            Inputs(self.conn).give(new.id, new.inputs)
        return self._one(job.c.request_key == new.request_key, new.request_key)

    def get(self, job_id: str) -> Job:
        """Raises NotFound."""
        return self._one(job.c.id == job_id, job_id)

    def asked_for(self, request_key: str) -> Job | None:
        """The job of a wish, if that was delivered before."""
        row = self.conn.execute(select(job).where(job.c.request_key == request_key)).first()
        return _job(row) if row else None

    def family(self, root_id: str) -> list[Job]:
        """Every job on one card, oldest first."""
        rows = self.conn.execute(
            select(job).where(job.c.root_id == root_id).order_by(job.c.created_at, job.c.id)
        )
        return [_job(row) for row in rows]

    def of_deletion(self, deletion_id: str) -> list[Job]:
        """Every job that is to be deleted by one wish, oldest first."""
        rows = self.conn.execute(
            select(job).where(job.c.deletion_id == deletion_id).order_by(job.c.created_at, job.c.id)
        )
        return [_job(row) for row in rows]

    def roots_of(self, owner: str | None, limit: int) -> list[str]:
        """The newest cards of one person, or of everybody."""
        newest = func.max(job.c.created_at)
        query = select(job.c.root_id).group_by(job.c.root_id).order_by(newest.desc()).limit(limit)
        if owner is not None:
            query = query.where(job.c.owner == owner)
        return list(self.conn.execute(query).scalars())

    def waiting_of(self, owner: str) -> list[Job]:
        """This person's jobs whose vendor waits for better inputs, the newest question first."""
        rows = self.conn.execute(
            select(job)
            .where(
                job.c.owner == owner,
                job.c.state == JobState.NEEDS_USER,
                ~job.c.cancel_requested,
                job.c.deletion_id.is_(None),
            )
            .order_by(job.c.asked_at.desc())
        )
        return [_job(row) for row in rows]

    def place_in_queue(self, waiting: Job, sharing: Collection[str] = ()) -> int:
        """1 for the next in its lane, and in those `sharing` its slots."""
        ahead = self.conn.execute(
            select(func.count()).where(
                job.c.lane.in_([waiting.lane, *sharing]),
                job.c.state == JobState.QUEUED.value,
                # The order in which `claim_submission` takes them.
                (job.c.created_at < waiting.created_at)
                | ((job.c.created_at == waiting.created_at) & (job.c.id < waiting.id)),
            )
        ).scalar_one()
        return int(ahead) + 1

    def busy_since(self, lane_name: str) -> datetime | None:
        """Since when the vendor has been too busy for what waits in a lane; None while it is not."""
        since: datetime | None = self.conn.execute(
            select(job.c.busy_at)
            .where(job.c.lane == lane_name, job.c.state.in_(_WAITING), job.c.busy_at.is_not(None))
            .order_by(job.c.busy_at)
            .limit(1)
        ).scalar()
        return since

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

    def open_in(self, lanes: Sequence[str], *states: JobState) -> list[Job]:
        """The jobs of these lanes in one of these states."""
        rows = self.conn.execute(
            select(job).where(job.c.lane.in_(lanes), job.c.state.in_([state.value for state in states]))
        )
        return [_job(row) for row in rows]

    def open_lanes(self) -> set[str]:
        """The lanes of all jobs that have not ended."""
        return set(self.conn.execute(select(job.c.lane).where(job.c.state.in_(_OPEN)).distinct()).scalars())

    def due_lanes(self) -> set[tuple[str, JobState]]:
        """Where something can be claimed now."""
        rows = self.conn.execute(
            select(job.c.lane, job.c.state).where(job.c.state.in_(_OPEN), *ripe(job)).distinct()
        )
        return {(row.lane, JobState(row.state)) for row in rows}

    # -- claiming

    def claim_submission(
        self,
        lane_name: str,
        me: str,
        lease: timedelta,
        *,
        beside: Collection[str] = (),
        sharing: Collection[str] = (),
    ) -> Job | None:
        """Slot, rate token, job and intent in one transaction: written before the call leaves.

        Jobs left in `submitting` come first, then those that are only to be stopped at the vendor, which need
        no slot. Jobs `beside` take none either. Lanes `sharing` its slots take theirs, and who waits longer
        there goes first. None: nothing is due, or the lane is full or holding.
        """
        limits = self.conn.execute(
            select(lane, now_ms().label("now_ms")).where(lane.c.name == lane_name)
        ).one()
        if round(limits.next_free_at.timestamp() * 1000) > limits.now_ms:
            return None
        found = self._left_behind(lane_name) or self._next_in_line(lane_name, limits.slots, beside, sharing)
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
            .values(state=JobState.SUBMITTING.value, **self._lease(me, lease))
            .returning(job)
        ).one()
        return _job(row)

    def _left_behind(self, lane_name: str) -> str | None:
        """What needs no slot: it has one already, or is only to be stopped."""
        stopping = (job.c.state == JobState.QUEUED.value) & job.c.cancel_requested
        found: str | None = self.conn.execute(
            select(job.c.id)
            .where(
                job.c.lane == lane_name,
                *ripe(job),
                (job.c.state == JobState.SUBMITTING.value) | stopping,
            )
            .order_by(job.c.state.desc())
            .limit(1)
        ).scalar()
        return found

    def _next_in_line(
        self, lane_name: str, slots: int, beside: Collection[str], sharing: Collection[str]
    ) -> str | None:
        """Who came first, where nothing else of its serial is being sent; None while the lane is full.

        None, too, where somebody in a lane that shares its slots did: that lane is asked for it.
        """
        here = job.c.lane.in_([lane_name, *sharing]) if sharing else job.c.lane == lane_name
        under_way = job.c.state.in_([JobState.SUBMITTING.value, JobState.RUNNING.value])
        others = [job.c.id.not_in(list(beside))] if beside else []
        counted = select(func.count()).where(here, under_way, *others)
        if self.conn.execute(counted).scalar_one() >= slots:
            return None
        busy = select(job.c.serial).where(here, job.c.state == JobState.SUBMITTING.value)
        first = self.conn.execute(
            select(job.c.id, job.c.lane)
            .where(here, *ripe(job), job.c.state == JobState.QUEUED.value, job.c.serial.not_in(busy))
            .order_by(job.c.created_at, job.c.id)
            .limit(1)
        ).first()
        return str(first.id) if first is not None and first.lane == lane_name else None

    def begin_submission(self, held: Job, lease: timedelta, **values: Any) -> Job:
        """Write down that the call leaves now, under a lease that outlives it. Raises StaleState."""
        row = self.conn.execute(
            update(job)
            .where(*self._is(held))
            .values(submit_begun_at=now_ms(), lease_until=in_ms(lease), attempts=job.c.attempts + 1, **values)
            .returning(job)
        ).first()
        if row is None:
            raise StaleState(held.id)
        return _job(row)

    def claim_running(self, lane_name: str, me: str, lease: timedelta, limit: int) -> list[Job]:
        """Take up to `limit` jobs of a lane that want to be polled, or whose owner lets us wait."""
        polled = job.c.state.in_([JobState.RUNNING.value, JobState.NEEDS_USER.value])
        due = (job.c.lane == lane_name, polled, *ripe(job))
        return [_job(row) for row in self._take(due, me, lease, limit)]

    def claim_untidy(self, me: str, lease: timedelta, limit: int) -> list[Job]:
        """Take up to `limit` jobs that have ended, and whose vendor has not let go of what they needed."""
        return [_job(row) for row in self._take(_UNTIDY, me, lease, limit)]

    def has_untidy(self) -> bool:
        """Whether there is anything for `claim_untidy`."""
        return self._any(*_UNTIDY)

    def tidied(self, held: Job, **values: Any) -> None:
        """The vendor has let go of what an ended job needed, or is asked no more. Raises StaleState."""
        self.give_back(held, timedelta(0), tidied_at=now_ms(), **values)

    def let_settle(self, me: str, settle: timedelta) -> None:
        """Free the submissions that an earlier process of this node had begun, each after `settle`.

        That is counted from its begin, and longer than any call can live.
        """
        wait = bindparam("settle_ms", round(settle.total_seconds() * 1000), type_=BigInteger)
        begun = (job.c.state == JobState.SUBMITTING.value, job.c.submit_begun_at.is_not(None))
        self.conn.execute(
            update(job)
            .where(*self._of_others(me), *begun)
            .values(due_at=job.c.submit_begun_at + wait, **FREE)
        )

    # -- moving

    def move(self, held: Job, to: JobState, *, wait: timedelta | None = None, **values: Any) -> Job:
        """Go along one arrow and give the lease back. Raises StaleState and IllegalMove."""
        if to != held.state and to not in TRANSITIONS[held.state]:
            raise IllegalMove(f"{held.state.value} -> {to.value}")
        if wait is not None:
            values["due_at"] = in_ms(wait)
        if to in ENDED:
            never_sent = (job.c.attempts == 0) & job.c.remote_id.is_(None)
            values |= {"finished_at": now_ms(), "due_at": now_ms(), "asked_at": None, "pushed": None}
            values["tidied_at"] = case((never_sent, now_ms()), else_=None)
        if to is JobState.RUNNING and held.state is not JobState.RUNNING:
            values["started_at"] = func.coalesce(job.c.submit_begun_at, now_ms())
        if to is JobState.QUEUED:
            values |= {"submit_begun_at": None, "asked_at": None}
        if to is JobState.NEEDS_USER:
            values["asked_at"] = now_ms()
        row = self.conn.execute(
            update(job)
            .where(*self._is(held), job.c.state == held.state.value)
            .values(state=to.value, **FREE, **_plain(values))
            .returning(job)
        ).first()
        if row is None:
            raise StaleState(held.id)
        return _job(row)

    def keep_polling(self, polls: Sequence[QuietPoll]) -> None:
        """Settle many uneventful polls in one statement; one that somebody else holds by now is dropped."""
        if not polls:
            return
        self.conn.execute(
            _KEEP_POLLING,
            [
                {
                    "of_id": one.job.id,
                    "of_fence": one.job.fence,
                    "of_owner": one.job.lease_owner,
                    "of_pushes": one.job.pushes,
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
        same = (job.c.pushes == held.pushes) & (job.c.cancel_requested.is_(held.cancel_requested))
        due_at = case((same, in_ms(wait)), else_=now_ms())
        self._settle(held, due_at=due_at, **_plain(values))

    def request_cancel(self, job_id: str) -> Job:
        """Wish a job to stop: one that was never sent is cancelled here and now, another at its next step."""
        waiting = self.get(job_id)
        if waiting.state is JobState.QUEUED and waiting.remote_id is None:
            return self.move(waiting, JobState.CANCELLED, cancel_requested=True)
        self.conn.execute(
            update(job)
            .where(job.c.id == job_id, job.c.state.in_(_OPEN))
            .values(cancel_requested=True, due_at=func.min(job.c.due_at, now_ms()))
        )
        return self.get(job_id)

    def push(self, provider: str, named: str, said: Any, *, key: str = "") -> list[Job]:
        """A vendor has called about a job, named by its id or by ours: keep what it said and poll it now.

        `key` is our id, where it is not what the vendor calls the job but can be told from that.
        Returns the jobs it may mean, ended ones too; of these nothing is kept.
        """
        its = (job.c.provider == provider, (job.c.remote_id == named) | job.c.id.in_((named, key)))
        self.conn.execute(
            update(job)
            .where(*its, job.c.state.in_(_OPEN))
            .values(
                pushed=said,
                pushes=job.c.pushes + 1,
                due_at=case(
                    (job.c.state == JobState.RUNNING.value, func.min(job.c.due_at, now_ms())),
                    else_=job.c.due_at,
                ),
            )
        )
        return [_job(row) for row in self.conn.execute(select(job).where(*its))]

    def _one(self, where: Any, what: str) -> Job:
        row = self.conn.execute(select(job).where(where)).first()
        if row is None:
            raise NotFound(what)
        return _job(row)


_UNTIDY = (job.c.tidied_at.is_(None), job.c.finished_at.is_not(None), *ripe(job))

_KEEP_POLLING = (
    update(job)
    .where(
        job.c.id == bindparam("of_id"),
        job.c.fence == bindparam("of_fence"),
        job.c.lease_owner == bindparam("of_owner"),
        job.c.state == JobState.RUNNING.value,
    )
    .values(
        **FREE,
        polls=job.c.polls + 1,
        trouble_at=None,
        grace_at=None,
        due_at=case(
            (
                (job.c.pushes == bindparam("of_pushes")) & job.c.cancel_requested.is_(False),
                now_ms() + bindparam("wait_ms", type_=BigInteger),
            ),
            else_=now_ms(),  # Meanwhile the vendor has called, or its owner wished it to stop.
        ),
        progress=bindparam("new_progress"),
        remote_model_id=func.coalesce(bindparam("new_model"), job.c.remote_model_id),
        remote_word=bindparam("new_word"),
    )
)
"""Settles one uneventful poll; made once, since making it costs as much as carrying it out for a few rows."""


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Column values of what a record holds."""
    plain = dict(values)
    if "wants" in plain:
        plain["wants"] = sorted(plain["wants"])
    if "findings" in plain:
        plain["findings"] = [asdict(one) for one in plain["findings"]]
    if plain.get("cost") is not None:
        plain["cost"] = str(plain["cost"])
    return plain


def _job(row: Any) -> Job:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name for a row as a mapping.
    values["kind"] = JobKind(values["kind"])
    values["state"] = JobState(values["state"])
    values["reason"] = FailureReason(values["reason"]) if values["reason"] else None
    values["wants"] = tuple(values["wants"] or ())
    values["findings"] = tuple(Finding(**one) for one in values["findings"] or ())
    values["cost"] = Decimal(values["cost"]) if values["cost"] is not None else None
    return Job(**values)
