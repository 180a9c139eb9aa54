"""A job as a person may be shown it: computed from rows, never stored."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from bot.providers import Operation, ProviderError
from bot.services.cards import card_key
from bot.services.errors import NoSuchThing, NotYours
from bot.services.inputs import PAPERS, Given, Role, judge, lost_of
from bot.services.refs import ref_of
from bot.services.timing import Timing
from bot.services.vendors import STARTS, Vendors, usual
from storage import Store, Tx
from storage.errors import NotFound
from storage.records.jobs import ENDED, FailureReason, Job, JobKind, JobState, lane_name
from storage.records.outbox import NoticeKind

_LOG_LINES = 100
_LOG_WIDTH = 400
_LINK = re.compile(r"https?://\S+")


class Stage(StrEnum):
    """The state words of the card, in their order."""

    OUR_QUEUE = "our_queue"
    SENDING = "sending"
    VENDOR_QUEUE = "vendor_queue"
    TRAINING = "training"
    MAKING = "making"
    FETCHING_LAST = "fetching_last"
    DELIVERING = "delivering"
    DONE = "done"
    NEEDS_YOU = "needs_you"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DELETING = "deleting"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class JobView:
    """One card: the root job, the job under way on it, and what can be said about them."""

    root: Job
    current: Job
    stage: Stage
    label: str
    queue_place: int
    concurrency: int
    usual: tuple[timedelta, timedelta] | None
    """Between which times 8 of 10 jobs of this lane took; None without history."""
    slow: bool
    """Slower than 9 of 10."""
    pictures: int
    pictures_here: int
    deadline_at: datetime | None
    now: datetime
    attempt_at: datetime
    """When this attempt was asked for: the wish itself, or its newest retry."""
    card: str | None = None
    """Where the card stands, once it does."""
    busy_since: datetime | None = None
    """While it stands in our queue: since when the vendor has been too busy for its lane."""
    busy_long: bool = False
    """So long that operators were told."""
    inputs_here: bool = True
    """Whether what it was given is still kept, so that it can be sent again."""
    costs: tuple[tuple[Decimal, str], ...] = ()
    """What the vendor says that all jobs of this card cost, by unit, each in the vendor's words."""
    answer_by: datetime | None = None
    """While the vendor waits for better inputs: when the job is closed without them."""
    makes_clip: bool = False
    """Whether what it comes to is a clip, and no images."""
    wants_papers: bool = False
    """While the vendor waits for better inputs: whether a paper may be what it wants."""
    can_make_more: bool = False
    """Whether there is a model on this card that something can be made with now."""

    @property
    def asked_for(self) -> int:
        """How many images were to come, or came all the same; 0 for a training."""
        if self.current.kind is JobKind.TRAINING:
            return 0
        return max(int(self.current.spec.get("count") or 0), self.pictures_here + self.current.held_back)

    @property
    def took(self) -> timedelta:
        """From the wish, or from its newest retry, to the end or until now."""
        return (self.current.finished_at or self.now) - self.attempt_at

    @property
    def can_cancel(self) -> bool:
        """Whether there is anything left to stop."""
        wished = self.current.cancel_requested or self.current.deletion_id
        return self.current.state not in ENDED and not wished

    @property
    def can_delete(self) -> bool:
        """Whether it has ended and is here. One that runs is deleted by command, and cancelled first."""
        return self.current.state in ENDED and self.current.deletion_id is None

    @property
    def can_retry(self) -> bool:
        """Whether it ended in a way that can be tried again."""
        ended_badly = self.current.state in {JobState.FAILED, JobState.CANCELLED}
        lasting = self.current.reason in _FOR_GOOD or self.current.deletion_id is not None
        return ended_badly and self.inputs_here and not lasting


_UNDER_WAY = frozenset({JobState.QUEUED, JobState.RUNNING})
_ENDED_BADLY = frozenset({JobState.FAILED, JobState.CANCELLED})
_FOR_GOOD = frozenset(
    {
        FailureReason.PHOTOS_GONE,
        FailureReason.PHOTOS_REFUSED,
        FailureReason.RETIRED,
        FailureReason.SWITCHED_OFF,
    }
)
"""Failures that trying the same again cannot mend."""


class Progress:
    """Reads jobs for the surface."""

    def __init__(self, store: Store, vendors: Vendors, timing: Timing | None = None) -> None:
        self._store = store
        self._vendors = vendors
        self._timing = timing or Timing()

    async def view(self, job_id: str) -> JobView:
        """The card a job is on. Raises NoSuchThing."""
        try:
            return await self._store.read(lambda tx: self._view(tx, tx.jobs.get(job_id).root_id))
        except NotFound as error:
            raise NoSuchThing(job_id) from error

    async def view_of(self, job_id: str) -> JobView:
        """The same with this very job on it, whatever has been tried since. Raises NoSuchThing."""
        try:
            return await self._store.read(lambda tx: self._view(tx, tx.jobs.get(job_id).root_id, of=job_id))
        except NotFound as error:
            raise NoSuchThing(job_id) from error

    async def view_for(self, job_id: str, owner: str) -> JobView:
        """The card a job is on, for its owner. Raises NoSuchThing and NotYours."""
        view = await self.view(job_id)
        if view.root.owner != owner:
            raise NotYours(job_id)
        return view

    async def logs(self, job_id: str, owner: str) -> tuple[str, ...]:
        """The last lines of the vendor's own log of the job under way on a card; empty where it has none.

        Links in it are left out. It is asked for now, and not waited for long.

        Raises NoSuchThing and NotYours.
        """
        current = (await self.view_for(job_id, owner)).current
        provider = self._vendors.get(current.provider)
        if provider is None or current.remote_id is None:
            return ()
        try:
            async with asyncio.timeout(self._timing.logs.total_seconds()):
                lines = await provider.logs(ref_of(current))
        except (ProviderError, TimeoutError):
            return ()
        return tuple(_LINK.sub("…", line)[:_LOG_WIDTH] for line in lines[-_LOG_LINES:])

    async def newest(self, owner: str | None, limit: int = 5) -> list[JobView]:
        """The newest cards of one person, or of everybody."""

        def unit(tx: Tx) -> list[JobView]:
            histories: dict[str, list[timedelta]] = {}
            return [self._view(tx, root, histories) for root in tx.jobs.roots_of(owner, limit)]

        return await self._store.read(unit)

    def _view(
        self,
        tx: Tx,
        root_id: str,
        histories: dict[str, list[timedelta]] | None = None,
        *,
        of: str | None = None,
    ) -> JobView:
        """`histories` remembers, by lane, what several cards of one answer have in common."""
        family = tx.jobs.family(root_id)
        root, current = family[0], next((one for one in family if one.id == of), family[-1])
        operation = self._vendors.find(current)
        lane = lane_name(current.provider, current.kind)
        histories = {} if histories is None else histories
        took = histories[lane] if lane in histories else histories.setdefault(lane, tx.jobs.durations(lane))
        times = usual(took)
        since = current.started_at if current.state is JobState.RUNNING else current.busy_at
        pictures = tx.pictures.of_job(current.id)
        here = sum(1 for one in pictures if one.sha256)
        sharing = self._vendors.sharing(current.provider, current.kind)
        place = tx.jobs.place_in_queue(current, sharing) if current.state is JobState.QUEUED else 0
        busy = tx.jobs.busy_since(lane) if place else None
        card = tx.outbox.find(card_key(root))
        now = self._store.now()
        return JobView(
            root=root,
            current=current,
            stage=_stage(
                current, here, place, said=current.state is JobState.SUCCEEDED and _said(tx, current)
            ),
            label=self._vendors.label(current.provider),
            queue_place=place,
            concurrency=operation.concurrency if operation else 0,
            usual=times,
            slow=bool(since and times and current.state in _UNDER_WAY and now - since > times[1]),
            pictures=len(pictures),
            pictures_here=here,
            deadline_at=current.started_at + operation.deadline if current.started_at and operation else None,
            now=now,
            attempt_at=_attempt_at(family, current),
            card=card.message if card else None,
            busy_since=busy,
            busy_long=busy is not None and now - busy >= self._timing.busy_tells,
            inputs_here=self._inputs_here(tx, current, operation),
            costs=_costs(family),
            answer_by=current.asked_at + self._timing.answer_within if current.asked_at else None,
            makes_clip=self._vendors.makes_clips(current),
            wants_papers=_wants_papers(current, operation),
            can_make_more=current.state is JobState.SUCCEEDED and self._has_model(tx, root_id, now),
        )

    def _has_model(self, tx: Tx, root_id: str, now: datetime) -> bool:
        """Whether this card has a model that its vendor still keeps, and makes something of."""
        model = tx.models.behind(root_id)
        if model is None or model.deleted_at or (model.expires_at and model.expires_at <= now):
            return False
        return self._vendors.makes(model.provider)

    def _inputs_here(self, tx: Tx, current: Job, operation: Operation | None) -> bool:
        """Looked up only where it is asked: of a job that could be tried again."""
        if operation is None or current.kind not in STARTS or current.state not in _ENDED_BADLY:
            return True
        given = [Given(one.role, one.medium) for one in tx.inputs.of_job(current.id)]
        return not judge(operation.inputs, given) and not lost_of(current.spec.get("gave", ()), given)


def _attempt_at(family: Sequence[Job], current: Job) -> datetime:
    """A job after one that succeeded goes on with the same attempt; after any other it is a retry."""
    until = family[: family.index(current) + 1]
    begun = [job for before, job in pairwise(until) if before.state is not JobState.SUCCEEDED]
    return (begun[-1] if begun else until[0]).created_at


def _wants_papers(job: Job, operation: Operation | None) -> bool:
    asked = {spec.role for spec in operation.inputs} & PAPERS if operation else set()
    return job.state is JobState.NEEDS_USER and bool(
        asked & {Role(one) for one in job.wants} if job.wants else asked
    )


def _said(tx: Tx, job: Job) -> bool:
    """Whether every message with a job's images stands."""
    return all(one.sent for one in tx.outbox.of_job(job.id) if one.kind is NoticeKind.PICTURES)


def _costs(family: Sequence[Job]) -> tuple[tuple[Decimal, str], ...]:
    told: dict[str, Decimal] = {}
    for job in family:
        if job.cost is not None:
            unit = job.cost_unit or ""
            told[unit] = told.get(unit, Decimal(0)) + job.cost
    return tuple((cost, unit) for unit, cost in told.items())


def _stage(job: Job, here: int, place: int, *, said: bool) -> Stage:
    if job.deletion_id is not None:
        return Stage.DELETED if job.deleted_at else Stage.DELETING
    if job.cancel_requested and job.state not in ENDED:
        return Stage.CANCELLING
    training = job.kind is JobKind.TRAINING
    # What follows a training goes on without a word of queues, unless it really stands in one.
    begins = job.kind is not JobKind.GENERATION or job.id == job.root_id
    match job.state:
        case JobState.QUEUED:
            waits = begins or job.trouble_at or job.busy_at or place > 1
            return Stage.OUR_QUEUE if waits else Stage.MAKING
        case JobState.SUBMITTING:
            return Stage.SENDING if begins else Stage.MAKING
        case JobState.RUNNING if training:
            return Stage.TRAINING if job.progress else Stage.VENDOR_QUEUE
        case JobState.RUNNING:
            return Stage.FETCHING_LAST if here else Stage.MAKING
        case JobState.NEEDS_USER:
            return Stage.NEEDS_YOU
        case JobState.SUCCEEDED:
            return Stage.DONE if said else Stage.DELIVERING
        case JobState.FAILED:
            return Stage.FAILED
        case JobState.CANCELLED:
            return Stage.CANCELLED
