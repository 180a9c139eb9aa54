"""How a job ends, or comes to wait: row, links, papers, card and what is said, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.providers import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    NotFound,
    PermanentError,
    ProviderError,
    QuotaExceeded,
    RemoteJob,
    Retired,
)
from bot.services import held as held_papers
from bot.services.cards import card_key, refresh_papers, show_card, show_tray
from bot.services.inputs import PRIVATE
from bot.services.makings import Asked, making_of
from storage import Tx
from storage.records.jobs import FailureReason, Finding, Job, JobState, NewJob
from storage.records.outbox import NoticeKind
from storage.records.places import direct

_REASONS: dict[type[PermanentError], FailureReason] = {
    InvalidInput: FailureReason.INVALID_INPUT,
    ContentRejected: FailureReason.CONTENT_REJECTED,
    AuthenticationFailed: FailureReason.AUTHENTICATION,
    QuotaExceeded: FailureReason.QUOTA,
    NotFound: FailureReason.VENDOR_FORGOT,
    Retired: FailureReason.RETIRED,
}


def reason_for(error: ProviderError) -> FailureReason:
    """What a permanent refusal means for the job."""
    return next(
        (reason for kind, reason in _REASONS.items() if isinstance(error, kind)), FailureReason.UNEXPECTED
    )


def word(remote: RemoteJob) -> str | None:
    """The vendor's own status word, for *Details*."""
    found = remote.details.get("status")
    return str(found) if found else None


def costs(remote: RemoteJob | ProviderError) -> dict[str, Any]:
    """What the vendor says it charges, where it does."""
    return {} if remote.cost is None else {"cost": remote.cost, "cost_unit": remote.cost_unit}


def fail(tx: Tx, held: Job, reason: FailureReason, detail: str | None = None, **facts: Any) -> Job:
    """End a job in failure and say so once, in its place and to its owner."""
    job = _end(tx, held, JobState.FAILED, reason=reason.value, detail=detail, **facts)
    show_card(tx, job)
    _say_twice(tx, job, NoticeKind.FAILED, NoticeKind.FAILED_DM, job.id)
    return job


def refused_before(tx: Tx, held: Job, found: Mapping[str, str]) -> Job:
    """End a job by what its vendor's look found, by hash: nothing was paid, and the tray opens again."""
    numbers = tx.trays.numbers(held.root_id)
    inputs = tx.inputs.of_job(held.id)
    findings = tuple(
        Finding(numbers.get(one.medium.sha256, place), one.role, found[one.medium.sha256])
        for place, one in enumerate(inputs, 1)
        if one.medium.sha256 in found
    )
    job = fail(tx, held, FailureReason.PHOTOS_REFUSED, findings=findings)
    used = tx.trays.used_for(job.root_id)
    if used is not None:
        # A tray that came with its form stands nowhere: from now on it does, where its card is.
        stands = tx.outbox.find(f"tray:{used.id}")
        place = used.place if stands else job.place
        opened = tx.trays.reopen(job.root_id, found, place=place)
        if opened is not None:
            show_tray(tx, opened, owner=job.owner, place=place)
    return job


def stop(tx: Tx, held: Job, *, at_vendor: bool) -> Job:
    """End a job because its owner wished so."""
    job = _end(tx, held, JobState.CANCELLED, stopped_remotely=at_vendor)
    show_card(tx, job)
    return job


def ask(tx: Tx, held: Job, remote: RemoteJob, wait: timedelta) -> Job:
    """The vendor wants better inputs: say so in the job's place and to its owner, and wait."""
    job = tx.jobs.move(
        held,
        JobState.NEEDS_USER,
        wait=wait,
        asks=held.asks + 1,
        reminders=0,
        wants={role.value for role in remote.wants},
        detail=remote.reason,
        remote_word=word(remote),
        trouble_at=None,
        grace_at=None,
    )
    tx.links.close(job.id)
    show_card(tx, job)
    if any(one.role in PRIVATE for one in tx.inputs.of_job(job.id)):
        refresh_papers(tx, job.owner)
    _say_twice(tx, job, NoticeKind.NEEDS_YOU, NoticeKind.NEEDS_YOU_DM, f"{job.id}:{job.asks}")
    return job


def remind(tx: Tx, job: Job, number: int) -> None:
    """Say once more, to its owner alone, that a job waits."""
    tx.outbox.put(
        f"{NoticeKind.REMINDER}:{job.id}:{job.asks}:{number}",
        NoticeKind.REMINDER,
        owner=job.owner,
        place=direct(job.owner),
        job_id=job.id,
        after=card_key(job),
        payload={"asks": job.asks},
    )


def trained(
    tx: Tx,
    held: Job,
    model_id: str,
    remote: RemoteJob,
    making_takes: frozenset[str],
    closed: FailureReason | None,
) -> Job:
    """End a training well: the model is ours, and what is to be made with it is asked for in the same step.

    `making_takes` are the roles that the vendor takes for making something. `closed` is why it makes nothing
    (any more): what was wished for then ends at once, and its owner is told so.
    """
    job = _end(
        tx,
        held,
        JobState.SUCCEEDED,
        remote_model_id=model_id,
        remote_word=word(remote),
        progress=1.0,
        trouble_at=None,
        **costs(remote),
    )
    tx.models.insert(job, model_id, remote.model_expires_at)
    delivered = deliver_batch(tx, job)
    if job.spec.get("count") and not job.cancel_requested:
        wished = tx.jobs.insert(_wished(tx, job, making_takes))
        if closed is not None:
            fail(tx, wished, closed)
    else:
        _say_ready(tx, job, after=delivered or card_key(job))
    show_card(tx, job)
    return job


def _wished(tx: Tx, job: Job, takes: frozenset[str]) -> NewJob:
    """What was asked for with the training, with those of its inputs that making takes."""
    spec = job.spec
    return making_of(
        tx.models.of_job(job.id),
        Asked(spec.get("prompt", ""), spec["count"], spec.get("making", {}), spec.get("seed")),
        root_id=job.root_id,
        place=job.place,
        pictures_place=job.pictures_place,
        request_key=f"first:{job.id}",
        inputs=[(one.role, one.medium.sha256) for one in tx.inputs.of_job(job.id) if one.role in takes],
    )


def deliver_batch(tx: Tx, job: Job, *, last: bool = False) -> str | None:
    """Want the results that came in since the last message posted; returns the message's key.

    With the `last` ones it is said how many did not come.
    """
    batch = tx.pictures.next_batch(job.id)
    if not batch:
        return None
    key = f"pictures:{job.id}:{batch[0].batch}"
    notice = tx.outbox.put(
        key,
        NoticeKind.PICTURES,
        owner=job.owner,
        place=job.pictures_place,
        job_id=job.id,
        after=card_key(job),
        payload={"batch": batch[0].batch, "last": last},
    )
    tx.outbox.expect_uploads(notice, [(one.sha256, one.media_type) for one in batch if one.sha256])
    return key


def generated(tx: Tx, held: Job, said: str | None, **facts: Any) -> Job:
    """End a generation or a one-shot well: its results are in our hands and on their way."""
    job = _end(tx, held, JobState.SUCCEEDED, remote_word=said, progress=1.0, trouble_at=None, **facts)
    key = deliver_batch(tx, job, last=True)
    _say_ready(tx, job, after=key or f"pictures:{job.id}:1", told=key is not None)
    show_card(tx, job)
    return job


def tie_up(tx: Tx, job: Job) -> None:
    """What goes with every end: no link leads to its inputs any more, and what is private goes at once."""
    tx.links.close(job.id)
    had = any(one.role in PRIVATE for one in tx.inputs.of_job(job.id))
    tx.inputs.release(job.id, PRIVATE)
    if held_papers.drop(tx, job) or had:
        refresh_papers(tx, job.owner)


def _end(tx: Tx, held: Job, state: JobState, **facts: Any) -> Job:
    job = tx.jobs.move(held, state, **facts)
    tie_up(tx, job)
    return job


def _say_twice(tx: Tx, job: Job, here: NoticeKind, alone: NoticeKind, once: str) -> None:
    """In the job's place and to its owner; once per job, or per turn of it."""
    for kind, place in ((here, job.place), (alone, direct(job.owner))):
        tx.outbox.put(
            f"{kind}:{once}",
            kind,
            owner=job.owner,
            place=place,
            job_id=job.id,
            after=card_key(job),
            payload={"asks": job.asks},
        )


def _say_ready(tx: Tx, job: Job, *, after: str, told: bool = True) -> None:
    """`told`: above the results stands already what is to be said of those that did not come."""
    tx.outbox.put(
        f"ready:{job.id}",
        NoticeKind.READY,
        owner=job.owner,
        place=direct(job.owner),
        job_id=job.id,
        after=after,
        payload={"pictures": after, "told": told},
    )
