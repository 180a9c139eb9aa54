"""Jobs: what is asked of a vendor, where it stands, and what it was given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from storage.records.media import Medium


class JobKind(StrEnum):
    """What is asked of the vendor."""

    TRAINING = "training"
    GENERATION = "generation"
    ONESHOT = "oneshot"  # pictures straight from inputs, without a model that is kept


class JobState(StrEnum):
    """Where a job stands. Few states here, many words on the card."""

    QUEUED = "queued"  # a row, nothing more
    SUBMITTING = "submitting"  # written before the call leaves, so that a crash leaves evidence
    RUNNING = "running"  # the vendor gave an id
    NEEDS_USER = "needs_user"  # the vendor's review wants something better
    SUCCEEDED = "succeeded"  # the result is in our hands
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.SUBMITTING, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUBMITTING: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {JobState.SUCCEEDED, JobState.NEEDS_USER, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.NEEDS_USER: frozenset({JobState.QUEUED, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""The only list of legal arrows. A state may also be written onto itself: that renews the row."""


class FailureReason(StrEnum):
    """Why a job failed. The words a person reads are the surface's."""

    INVALID_INPUT = "invalid_input"
    CONTENT_REJECTED = "content_rejected"
    PHOTOS_GONE = "photos_gone"
    PHOTOS_REFUSED = "photos_refused"  # the vendor looked at them before anything was paid
    NOT_ANSWERED = "not_answered"  # the vendor wanted better inputs, and none came
    RETIRED = "retired"  # the vendor has given this operation up
    SWITCHED_OFF = "switched_off"  # settings have, before it was sent
    LINKS_UNREACHABLE = "links_unreachable"
    AUTHENTICATION = "authentication"
    QUOTA = "quota"
    VENDOR_FAILED = "vendor_failed"
    VENDOR_FORGOT = "vendor_forgot"
    NO_PICTURES = "no_pictures"
    UNAVAILABLE = "unavailable"
    DEADLINE = "deadline"
    LOST = "lost"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class JobInput:
    """One input of a job, in the order given."""

    role: str
    medium: Medium


@dataclass(frozen=True, slots=True)
class Finding:
    """What a vendor's own look found wrong with one input of a job."""

    ordinal: int
    """As the tray numbers it, from 1."""
    role: str
    reason: str
    """The vendor's words, for *Details* and for beside the photo; may be empty."""


@dataclass(frozen=True, slots=True)
class Job:
    """One request to a vendor, from the wish to the result."""

    id: str
    kind: JobKind
    root_id: str
    """The job whose card shows this one: itself, or the training or first attempt it follows."""
    owner: str
    place: str
    pictures_place: str
    provider: str
    lane: str
    name: str
    subject: str
    spec: dict[str, Any]
    state: JobState
    request_key: str
    serial: str
    """Jobs of one serial are never in `submitting` together, so that a lost answer can be told apart."""
    created_at: datetime
    due_at: datetime
    lease_until: datetime
    lease_owner: str | None = None
    fence: int = 0
    attempts: int = 0
    looks: int = 0
    """How often we looked for the job after its answer was lost."""
    losses: int = 0
    """How many submissions' answers were lost and never found."""
    submit_begun_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    remote_id: str | None = None
    remote_model_id: str | None = None
    progress: float | None = None
    polls: int = 0
    trouble_at: datetime | None = None
    """Since when the vendor does not answer; None while it does."""
    grace_at: datetime | None = None
    """Since when the vendor reports a failure that it may take back."""
    asked_at: datetime | None = None
    """Since when the vendor waits for better inputs; None while it does not."""
    asks: int = 0
    """How often the vendor has asked for better inputs."""
    reminders: int = 0
    """How often the owner was reminded of the newest of these."""
    wants: tuple[str, ...] = ()
    """The roles asked for anew; empty: any."""
    findings: tuple[Finding, ...] = ()
    """What the vendor's look before the submission found."""
    held_back: int = 0
    """Results that the vendor has made and its own check has not handed out."""
    pushed: Any = None
    """What the vendor's newest callback said."""
    pushes: int = 0
    remote_word: str | None = None
    cost: Decimal | None = None
    cost_unit: str | None = None
    """What `cost` counts, in the vendor's words."""
    reason: FailureReason | None = None
    detail: str | None = None
    cancel_requested: bool = False
    stopped_remotely: bool | None = None
    tidied_at: datetime | None = None
    """When the vendor had let go of what only the job needed, or we gave up asking it to."""
    tidy_tries: int = 0
    busy_at: datetime | None = None
    """While it waits to be sent: since when the vendor says that it is busy."""
    busies: int = 0
    """How many of the attempts the vendor was too busy for, which are no failures."""
    deletion_id: str | None = None
    """The wish to delete it; from then on nothing else is done with it."""
    deleted_at: datetime | None = None
    """When nothing of it was left that could be deleted."""

    @property
    def way(self) -> str:
        """The way of its vendor that it goes."""
        return way_name(self.provider, self.kind)

    def log_context(self) -> dict[str, Any]:
        """Facts for a log line: no names, no prompts."""
        return {"job": self.id, "kind": self.kind.value, "provider": self.provider, "state": self.state.value}


@dataclass(frozen=True, slots=True)
class NewJob:
    """A wish, before the store gives it a row."""

    id: str
    kind: JobKind
    root_id: str
    owner: str
    place: str
    pictures_place: str
    provider: str
    name: str
    subject: str
    spec: dict[str, Any]
    request_key: str
    serial: str
    inputs: tuple[tuple[str, str], ...] = ()
    """Role and SHA-256 of each."""

    @property
    def lane(self) -> str:
        """Where it queues: one lane per vendor and kind."""
        return lane_name(self.provider, self.kind)


def lane_name(provider: str, kind: JobKind) -> str:
    """The lane of one kind of job at one vendor."""
    return f"{provider}:{kind.value}"


def way_name(provider: str, kind: JobKind) -> str:
    """How a person's choice is written: a vendor, and which of its kinds of job."""
    return f"{provider}/{kind.value}"


@dataclass(frozen=True, slots=True)
class QuietPoll:
    """A poll that changed nothing but the next date, and perhaps the progress."""

    job: Job
    wait: timedelta
    progress: float | None
    remote_model_id: str | None
    remote_word: str | None
