"""One step of a job in `submitting`: send it, or find out what became of an earlier sending."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from bot.providers import (
    Delivery,
    GenerationSpec,
    MediaInput,
    Operation,
    OutcomeUnknown,
    PermanentError,
    Provider,
    ProviderError,
    RateLimited,
    RemoteJob,
    Role,
    TrainingSpec,
    TransientError,
    UnexpectedResponse,
)
from bot.services import outcomes
from bot.services.cards import show_card
from bot.services.links import Links
from bot.services.notifier import Clock
from bot.services.operators import Operators
from bot.services.polling import word
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from storage import Store, Tx
from storage.records import FailureReason, Job, JobKind, JobState

logger = logging.getLogger(__name__)
Probe = Callable[[str], Awaitable[bool]]
"""Fetches one link as a vendor would, and says whether the photo came."""


class PhotosGone(Exception):
    """A photo of this job is no longer on our disk."""


class LinksUnreachable(Exception):
    """A photo link cannot be fetched from its public address."""


class Submitter:
    """Carries a job over the arrow that costs money."""

    def __init__(
        self,
        store: Store,
        vendors: Vendors,
        links: Links,
        operators: Operators,
        timing: Timing,
        nudge: Clock,
        probe: Probe,
    ) -> None:
        self._store = store
        self._vendors = vendors
        self._operators = operators
        self._links = links
        self._timing = timing
        self._nudge = nudge
        self._probe = probe

    async def step(self, held: Job, provider: Provider[Any]) -> None:
        """Send a held job, unless it may have been sent before; then look first. Raises StaleState."""
        if held.submit_begun_at is not None:
            await self._look(held, provider)
            return
        if held.cancel_requested:
            # Nothing was sent yet: back over the arrow it came by, and out.
            await self._store.write(lambda tx: _back(tx, held))
            return
        try:
            spec = await self._spec(held, provider)
        except PhotosGone:
            await self._store.write(lambda tx: outcomes.fail(tx, held, FailureReason.PHOTOS_GONE))
            return
        except LinksUnreachable:
            await self._fail(held, FailureReason.LINKS_UNREACHABLE, None)
            return
        await self._send(held, provider, spec)

    async def _send(self, held: Job, provider: Provider[Any], spec: TrainingSpec | GenerationSpec) -> None:
        """The intent is committed under a lease that outlives the call; only then does the call leave."""
        lease = self._timing.call + self._timing.settle
        job = await self._store.write(lambda tx: tx.jobs.begin_submission(held, lease))
        if job.cancel_requested:
            # Wished while the photos were made ready: the call has not left.
            await self._store.write(lambda tx: _back(tx, job))
            self._nudge("outbox")
            return
        try:
            async with asyncio.timeout(self._timing.call.total_seconds()):
                if isinstance(spec, TrainingSpec):
                    remote = await provider.submit(spec, key=job.id)
                else:
                    remote = await provider.generate(spec, key=job.id)
        except TransientError as error:
            await self._refused(job, error)
        except (OutcomeUnknown, UnexpectedResponse, TimeoutError):
            logger.warning("Answer lost", extra={"action": "answer_lost", **job.log_context()})
            await self._store.write(lambda tx: tx.jobs.give_back(job, self._timing.settle))
        except PermanentError as error:
            await self._fail(job, outcomes.reason_for(error), error)
        else:
            await self._started(job, provider, remote)

    async def _started(self, job: Job, provider: Provider[Any], remote: RemoteJob) -> None:
        wait = self._vendors.operation(provider, job.kind).poll_first

        def unit(tx: Tx) -> None:
            moved = tx.jobs.move(
                job,
                JobState.RUNNING,
                wait=remote.poll_after or wait,
                remote_id=remote.ref.id,
                remote_model_id=remote.model_id or job.remote_model_id,
                remote_word=word(remote),
                trouble_at=None,
                looks=0,
            )
            show_card(tx, moved)

        await self._store.write(unit)
        logger.info("Job sent", extra={"action": "job_sent", **job.log_context()})
        self._nudge("outbox")

    async def _refused(self, job: Job, error: TransientError) -> None:
        """Nothing was started: back to the queue with a later date; a busy vendor holds the whole lane."""
        if job.attempts >= self._timing.submit_attempts:
            await self._fail(job, FailureReason.UNAVAILABLE, error)
            return
        wait = error.retry_after or self._timing.backoff(job.attempts)

        def unit(tx: Tx) -> None:
            _back(tx, job, wait=wait, trouble_at=job.trouble_at or self._store.now())
            if isinstance(error, RateLimited):
                tx.lanes.hold(job.lane, wait)

        await self._store.write(unit)
        logger.warning("Submission refused", extra={"action": "submit_refused", **job.log_context()})

    async def _look(self, held: Job, provider: Provider[Any]) -> None:
        """An earlier sending may have started it: ask, more than once, before believing that it did not."""
        operation = self._vendors.operation(provider, held.kind)
        if not operation.idempotent:
            await self._fail(held, FailureReason.LOST, None)
            return
        known = await self._store.read(lambda tx: tx.jobs.remote_ids(held.lane))
        try:
            async with asyncio.timeout(self._timing.call.total_seconds()):
                found = await provider.find(
                    _bare_spec(held), key=held.id, known=known, since=held.submit_begun_at
                )
        except (ProviderError, TimeoutError) as error:
            await self._look_later(held, operation, getattr(error, "retry_after", None))
            return
        if found is not None:
            logger.info("Job found again", extra={"action": "job_adopted", **held.log_context()})
            await self._started(held, provider, found)
        elif held.looks < len(self._timing.looks):
            wait = self._timing.looks[held.looks]
            await self._store.write(
                lambda tx: tx.jobs.give_back(held, wait, looks=held.looks + 1, trouble_at=None)
            )
        elif held.losses + 1 >= self._timing.unknown_attempts:
            await self._fail(held, FailureReason.LOST, None)
        else:
            await self._store.write(
                lambda tx: _back(tx, held, looks=0, losses=held.losses + 1, trouble_at=None)
            )
            self._nudge("submit")

    async def _look_later(self, held: Job, operation: Operation, wait: timedelta | None) -> None:
        """The vendor cannot be asked now. It is asked until the job's deadline; then a human looks."""
        begun, now = held.submit_begun_at, self._store.now()
        since = held.trouble_at or now
        # We may have been away for longer than the deadline: one failed question is not an answer.
        if begun is not None and now - begun > operation.deadline and now - since > self._timing.grace:
            await self._fail(held, FailureReason.LOST, None)
            return
        pause = wait or self._timing.backoff_first

        def unit(tx: Tx) -> None:
            tx.jobs.give_back(held, pause, trouble_at=since)
            if held.trouble_at is None:
                show_card(tx, held)

        await self._store.write(unit)

    async def _fail(self, job: Job, reason: FailureReason, error: ProviderError | None) -> None:
        detail = None if error is None else error.detail
        await self._store.write(lambda tx: outcomes.fail(tx, job, reason, detail))
        logger.warning(
            "Job failed", extra={"action": "job_failed", "reason": reason.value, **job.log_context()}
        )
        if reason in {FailureReason.AUTHENTICATION, FailureReason.QUOTA, FailureReason.LINKS_UNREACHABLE}:
            await self._operators.tell(self._vendors.label(job.provider), reason.value)
        self._nudge("outbox")

    async def _spec(self, job: Job, provider: Provider[Any]) -> TrainingSpec | GenerationSpec:
        if job.kind is JobKind.GENERATION:
            return _bare_spec(job)
        photos = await self._store.read(lambda tx: tx.photos.of_job(job.id))
        paths = [self._store.media.path(photo.sha256) for photo in photos]
        if not paths or not all(path.exists() for path in paths):
            raise PhotosGone
        training = self._vendors.operation(provider, JobKind.TRAINING)
        wanted = next(spec for spec in training.inputs if spec.role is Role.PHOTO)
        urls: list[str | None] = [None] * len(photos)
        if wanted.delivery is Delivery.URL:
            opened = await self._links.open(job.id, photos)
            # One fetch by ourselves, from the public address, before any money.
            if not await self._probe(opened[0]):
                raise LinksUnreachable
            urls = list(opened)
        inputs = tuple(
            MediaInput(role=Role.PHOTO, path=path, media_type=photo.media_type, url=url)
            for path, photo, url in zip(paths, photos, urls, strict=True)
        )
        return TrainingSpec(inputs=inputs, subject=job.subject, options=job.spec.get("options", {}))


def _bare_spec(job: Job) -> TrainingSpec | GenerationSpec:
    """What is enough to look a job up, and for a generation also to ask for it."""
    if job.kind is JobKind.TRAINING:
        return TrainingSpec(inputs=(), subject=job.subject)
    return GenerationSpec(
        model_id=job.spec["model_id"],
        prompt=job.spec.get("prompt"),
        count=job.spec["count"],
        seed=job.spec.get("seed"),
        options=job.spec.get("options", {}),
    )


def _back(tx: Tx, held: Job, *, wait: timedelta | None = None, **values: Any) -> None:
    """To the queue, and out of it at once where its owner wished so meanwhile.

    Its links end with the attempt they were opened for.
    """
    waiting = tx.jobs.move(held, JobState.QUEUED, wait=wait, **values)
    tx.links.close(waiting.id)
    if waiting.cancel_requested:
        waiting = tx.jobs.request_cancel(waiting.id)
    show_card(tx, waiting)
