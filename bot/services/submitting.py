"""One step of a job in `submitting`: send it, or find out what became of an earlier sending."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from bot.providers import (
    ContentRejected,
    InvalidInput,
    OneshotSpec,
    Operation,
    OutcomeUnknown,
    PermanentError,
    Provider,
    ProviderError,
    RateLimited,
    RemoteJob,
    Retired,
    Spec,
    TrainingSpec,
    TransientError,
    UnexpectedResponse,
)
from bot.services import outcomes
from bot.services.cards import show_card
from bot.services.links import LinksUnreachable
from bot.services.notifier import Clock
from bot.services.operators import Operators
from bot.services.refs import ref_of
from bot.services.specs import InputsGone, Prepared, Specs, bare_spec
from bot.services.stopping import told_to_stop
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from storage import Store, Tx
from storage.records.jobs import FailureReason, Job, JobState
from storage.records.links import LinkFault, LinkTrouble

logger = logging.getLogger(__name__)


class Submitter:
    """Carries a job over the arrow that costs money."""

    def __init__(
        self,
        store: Store,
        vendors: Vendors,
        specs: Specs,
        operators: Operators,
        timing: Timing,
        nudge: Clock,
    ) -> None:
        self._store = store
        self._vendors = vendors
        self._operators = operators
        self._specs = specs
        self._timing = timing
        self._nudge = nudge

    def lease(self, operation: Operation) -> timedelta:
        """How long a job is held for a submission: longer than the call can live."""
        return max(self._timing.call, operation.submit_time) + self._timing.settle

    def hold(self, operation: Operation) -> timedelta:
        """How long a job is held when it is taken up: its inputs have to be made ready before the call."""
        return self._timing.ready + self.lease(operation)

    async def step(self, held: Job, provider: Provider[Any]) -> None:
        """Send a held job, unless it may have been sent before; then look first. Raises StaleState."""
        if held.submit_begun_at is not None:
            await self._look(held, provider)
        elif held.cancel_requested:
            await self._stop(held, provider)
        elif held.remote_id is None and (closed := self._vendors.closed_to(held)):
            await self._fail(held, closed, None)
        elif (prepared := await self._prepare(held)) and await self._passes(held, provider, prepared):
            await self._send(held, provider, prepared.spec)

    async def _prepare(self, held: Job) -> Prepared | None:
        try:
            async with asyncio.timeout(self._timing.ready.total_seconds()):
                return await self._specs.prepare(held, self._vendors.operation(held))
        except InputsGone:
            await self._fail(held, FailureReason.PHOTOS_GONE, None)
        except LinksUnreachable as error:
            await self._unreachable(held, error.trouble)
        except TimeoutError:
            await self._unreachable(held, LinkTrouble(self._specs.means, LinkFault.SILENT))
        return None

    async def _unreachable(self, held: Job, trouble: LinkTrouble) -> None:
        await self._store.write(
            lambda tx: outcomes.fail(tx, held, FailureReason.LINKS_UNREACHABLE, str(trouble))
        )
        logger.warning(
            "Links lead nowhere",
            extra={"action": "links_unreachable", "trouble": str(trouble), **held.log_context()},
        )
        await self._operators.tell("Photo links", str(trouble))
        self._nudge("outbox")

    async def _passes(self, held: Job, provider: Provider[Any], prepared: Prepared) -> bool:
        """The vendor's own look, free, before anything is paid. One that cannot be had stops nothing.

        The submission that follows meets the same vendor: what is wrong with that is found out there.
        """
        operation = self._vendors.operation(held)
        if not operation.inspects or not prepared.media or held.remote_id is not None or held.busies:
            return True  # What a busy vendor is offered again has been looked at before.
        try:
            async with asyncio.timeout(self._timing.call.total_seconds()):
                findings = await provider.inspect(prepared.spec.inputs)
        except (InvalidInput, ContentRejected) as error:
            await self._fail(held, outcomes.reason_for(error), error)
            return False
        except (ProviderError, TimeoutError) as error:
            logger.warning(
                "Inputs not inspected",
                extra={"action": "not_inspected", "error": type(error).__name__, **held.log_context()},
            )
            return True
        found = {
            medium.sha256: finding.reason or ""
            for medium, finding in zip(prepared.media, findings, strict=False)
            if not finding.ok
        }
        if not found:
            return True
        await self._store.write(lambda tx: outcomes.refused_before(tx, held, found))
        logger.info(
            "Inputs refused", extra={"action": "inputs_refused", "count": len(found), **held.log_context()}
        )
        self._nudge("outbox")
        return False

    async def _send(self, held: Job, provider: Provider[Any], spec: Spec, **facts: Any) -> None:
        """The intent is committed under a lease that outlives the call; only then does the call leave."""
        operation = self._vendors.operation(held)
        lease = self.lease(operation)
        job = await self._store.write(lambda tx: tx.jobs.begin_submission(held, lease, **facts))
        if job.cancel_requested and job.remote_id is None:
            # Wished while the inputs were made ready: the call has not left.
            await self._store.write(lambda tx: _back(tx, job))
            self._nudge("outbox")
            return
        try:
            async with asyncio.timeout(max(self._timing.call, operation.submit_time).total_seconds()):
                remote = await _call(provider, spec, job.id)
        except TransientError as error:
            await self._refused(job, error)
        except (OutcomeUnknown, UnexpectedResponse, TimeoutError):
            logger.warning("Answer lost", extra={"action": "answer_lost", **job.log_context()})
            await self._store.write(lambda tx: tx.jobs.give_back(job, self._timing.settle))
        except PermanentError as error:
            await self._fail(job, outcomes.reason_for(error), error)
        else:
            await self._started(job, remote)

    async def _started(self, job: Job, remote: RemoteJob) -> None:
        wait = self._vendors.operation(job).poll_first

        def unit(tx: Tx) -> None:
            moved = tx.jobs.move(
                job,
                JobState.RUNNING,
                wait=remote.poll_after or wait,
                remote_id=remote.ref.id,
                remote_model_id=remote.model_id or job.remote_model_id,
                remote_word=outcomes.word(remote),
                detail=None,
                trouble_at=None,
                busy_at=None,
                looks=0,
            )
            if moved.cancel_requested:
                tx.jobs.request_cancel(moved.id)  # Wished while the call was under way: stopped at once.
            show_card(tx, moved)

        await self._store.write(unit)
        logger.info("Job sent", extra={"action": "job_sent", **job.log_context()})
        self._nudge("outbox")

    async def _refused(self, job: Job, error: TransientError) -> None:
        """Nothing was started: back to the queue with a later date."""
        if isinstance(error, RateLimited):
            await self._busy(job, error)
            return
        since = job.trouble_at or self._store.now()
        # We may have been away for longer than that: one failed call is not an answer.
        if self._tried(job) and self._store.now() - since >= self._timing.out_of_reach:
            await self._fail(job, FailureReason.UNAVAILABLE, error)
            return
        wait = error.retry_after or self._timing.backoff(job.attempts - job.busies)
        await self._store.write(lambda tx: _back(tx, job, wait=wait, trouble_at=since, busy_at=None))
        logger.warning("Submission refused", extra={"action": "submit_refused", **job.log_context()})

    async def _busy(self, job: Job, error: RateLimited) -> None:
        """No failure, however often it is said: the job keeps its place, and the whole lane waits with it."""
        wait = error.retry_after or self._timing.backoff(job.busies + 1)

        def unit(tx: Tx) -> None:
            since = job.busy_at or self._store.now()
            _back(tx, job, wait=wait, trouble_at=None, busy_at=since, busies=job.busies + 1)
            tx.lanes.hold(job.lane, wait)

        await self._store.write(unit)
        if self._store.now() - (job.busy_at or self._store.now()) >= self._timing.busy_tells:
            await self._operators.tell(self._vendors.label(job.provider), "busy", words=error.detail)
            self._nudge("outbox")
        facts = {"action": "vendor_busy", **job.log_context()}
        # One line as it begins; what follows is the same news.
        logger.log(logging.INFO if job.busy_at is None else logging.DEBUG, "Vendor busy", extra=facts)

    def _tried(self, job: Job) -> bool:
        """Whether it was sent often enough to be given up; what a busy vendor said does not count."""
        return job.attempts - job.busies >= self._timing.submit_attempts

    async def _look(self, held: Job, provider: Provider[Any]) -> None:
        """An earlier sending may have started it: ask, more than once, before believing that it did not."""
        operation = self._vendors.operation(held)
        if not operation.idempotent:
            await self._fail(held, FailureReason.LOST, None)
            return
        lanes = [held.lane, *self._vendors.sharing(held.provider, held.kind)]
        known = await self._store.read(
            lambda tx: frozenset().union(*(tx.jobs.remote_ids(lane) for lane in lanes))
        )
        try:
            async with asyncio.timeout(self._timing.call.total_seconds()):
                found = await provider.find(
                    bare_spec(held),
                    key=held.id,
                    known=known - {held.remote_id or ""},
                    since=held.submit_begun_at,
                )
        except (ProviderError, TimeoutError) as error:
            await self._look_later(held, operation, getattr(error, "retry_after", None))
            return
        if found is not None and found.unfinished and not held.cancel_requested:
            await self._go_on(held, provider, found)
        elif found is not None:
            logger.info("Job found again", extra={"action": "job_adopted", **held.log_context()})
            await self._started(held, found)
        elif held.looks < len(self._timing.looks):
            wait = self._timing.looks[held.looks]
            await self._store.write(
                lambda tx: tx.jobs.give_back(held, wait, looks=held.looks + 1, trouble_at=None)
            )
        elif held.losses + 1 >= self._timing.unknown_attempts or not operation.offered:
            # What settings have switched off is not sent anew: that it was not found proves nothing.
            await self._fail(held, FailureReason.LOST, None)
        else:
            await self._store.write(
                lambda tx: _back(tx, held, looks=0, losses=held.losses + 1, trouble_at=None)
            )
            self._nudge("submit")

    async def _go_on(self, held: Job, provider: Provider[Any], found: RemoteJob) -> None:
        """The vendor has the job and lacks parts of it: the same call, the same key, and no second bill."""
        if self._tried(held):
            await self._fail(held, FailureReason.UNAVAILABLE, None)
            return
        logger.info("Job found unfinished", extra={"action": "job_continued", **held.log_context()})
        if prepared := await self._prepare(held):
            await self._send(held, provider, prepared.spec, remote_id=found.ref.id, looks=0, trouble_at=None)

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

    async def _stop(self, held: Job, provider: Provider[Any]) -> None:
        """Wished before the call left: out by the arrow it came by. What the vendor has, it is told."""
        at_vendor = False
        if held.remote_id is not None:
            at_vendor = await told_to_stop(provider, ref_of(held), self._timing)

        def unit(tx: Tx) -> None:
            waiting = tx.jobs.move(held, JobState.QUEUED)
            if held.remote_id is None:
                stopped = tx.jobs.request_cancel(waiting.id)
                outcomes.tie_up(tx, stopped)
                show_card(tx, stopped)
            else:
                outcomes.stop(tx, waiting, at_vendor=at_vendor)

        await self._store.write(unit)
        self._nudge("outbox")

    async def _fail(self, job: Job, reason: FailureReason, error: ProviderError | None) -> None:
        detail = None if error is None else error.detail
        await self._store.write(lambda tx: outcomes.fail(tx, job, reason, detail))
        logger.warning(
            "Job failed", extra={"action": "job_failed", "reason": reason.value, **job.log_context()}
        )
        if isinstance(error, Retired):
            await self._vendors.retire(job.provider, job.kind)
        if reason in {FailureReason.AUTHENTICATION, FailureReason.QUOTA}:
            await self._operators.tell(self._vendors.label(job.provider), reason.value, words=detail or "")
        self._nudge("outbox")


async def _call(provider: Provider[Any], spec: Spec, key: str) -> RemoteJob:
    if isinstance(spec, TrainingSpec):
        return await provider.submit(spec, key=key)
    if isinstance(spec, OneshotSpec):
        return await provider.oneshot(spec, key=key)
    return await provider.generate(spec, key=key)


_SOON = timedelta(minutes=15)
"""Until the next attempt: for so long copies in a bucket are left where they are."""


def _back(tx: Tx, held: Job, *, wait: timedelta | None = None, **values: Any) -> None:
    """To the queue, and out of it at once where its owner wished so meanwhile.

    Its links end with the attempt they were opened for. Copies in a bucket stay for the next one where that
    comes soon; until then nobody is given a link to them.
    """
    waiting = tx.jobs.move(held, JobState.QUEUED, wait=wait, **values)
    if wait is not None and wait <= _SOON and not waiting.cancel_requested:
        tx.links.close_here(waiting.id)
    else:
        tx.links.close(waiting.id)
    if waiting.cancel_requested:
        waiting = tx.jobs.request_cancel(waiting.id)
        if waiting.state is JobState.CANCELLED:
            outcomes.tie_up(tx, waiting)
    show_card(tx, waiting)
