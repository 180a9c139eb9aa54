"""How a job ends: the row, its links, its card and what is said, always in one transaction."""

from __future__ import annotations

from bot.providers import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    NotFound,
    PermanentError,
    ProviderError,
    QuotaExceeded,
)
from bot.services.cards import card_key, show_card
from storage import Tx
from storage.records import FailureReason, Job, JobKind, JobState, NewJob, NoticeKind, direct, new_id

_REASONS: dict[type[PermanentError], FailureReason] = {
    InvalidInput: FailureReason.INVALID_INPUT,
    ContentRejected: FailureReason.CONTENT_REJECTED,
    AuthenticationFailed: FailureReason.AUTHENTICATION,
    QuotaExceeded: FailureReason.QUOTA,
    NotFound: FailureReason.VENDOR_FORGOT,
}


def reason_for(error: ProviderError) -> FailureReason:
    """What a permanent refusal means for the job."""
    return next(
        (reason for kind, reason in _REASONS.items() if isinstance(error, kind)), FailureReason.UNEXPECTED
    )


def fail(tx: Tx, held: Job, reason: FailureReason, detail: str | None = None) -> Job:
    """End a job in failure and say so once, in its place and to its owner."""
    job = tx.jobs.move(held, JobState.FAILED, reason=reason.value, detail=detail)
    tx.links.close(job.id)
    show_card(tx, job)
    card = card_key(job)
    for kind, place in ((NoticeKind.FAILED, job.place), (NoticeKind.FAILED_DM, direct(job.owner))):
        tx.outbox.put(f"{kind}:{job.id}", kind, owner=job.owner, place=place, job_id=job.id, after=card)
    return job


def stop(tx: Tx, held: Job, *, at_vendor: bool) -> Job:
    """End a job because its owner wished so."""
    job = tx.jobs.move(held, JobState.CANCELLED, stopped_remotely=at_vendor)
    tx.links.close(job.id)
    show_card(tx, job)
    return job


def trained(tx: Tx, held: Job, model_id: str, word: str | None, *, generates: bool) -> Job:
    """End a training well: the model is ours, and its first pictures are asked for in the same step."""
    job = tx.jobs.move(
        held, JobState.SUCCEEDED, remote_model_id=model_id, remote_word=word, progress=1.0, trouble_at=None
    )
    tx.models.insert(job, model_id)
    tx.links.close(job.id)
    if generates and job.spec.get("prompt") and not job.cancel_requested:
        tx.jobs.insert(
            NewJob(
                id=new_id("job"),
                kind=JobKind.GENERATION,
                root_id=job.root_id,
                owner=job.owner,
                place=job.place,
                pictures_place=job.pictures_place,
                provider=job.provider,
                name=job.name,
                subject=job.subject,
                spec={
                    "prompt": job.spec["prompt"],
                    "count": job.spec["count"],
                    "model_id": model_id,
                    "options": {},
                },
                request_key=f"first:{job.id}",
                # A lost answer of a generation is found among its model's: one at a time per model.
                serial=f"model:{job.provider}:{model_id}",
            )
        )
    else:
        _say_ready(tx, job, after=card_key(job))
    show_card(tx, job)
    return job


def deliver_batch(tx: Tx, job: Job) -> str | None:
    """Want the images that came in since the last message posted; returns the message's key."""
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
        payload={"batch": batch[0].batch},
    )
    tx.outbox.expect_uploads(notice, [one.sha256 for one in batch if one.sha256])
    return key


def generated(tx: Tx, held: Job, word: str | None) -> Job:
    """End a generation well: its images are in our hands and on their way."""
    job = tx.jobs.move(held, JobState.SUCCEEDED, remote_word=word, progress=1.0, trouble_at=None)
    key = deliver_batch(tx, job)
    _say_ready(tx, job, after=key or f"pictures:{job.id}:1")
    show_card(tx, job)
    return job


def _say_ready(tx: Tx, job: Job, *, after: str) -> None:
    tx.outbox.put(
        f"ready:{job.id}",
        NoticeKind.READY,
        owner=job.owner,
        place=direct(job.owner),
        job_id=job.id,
        after=after,
        payload={"pictures": after},
    )
