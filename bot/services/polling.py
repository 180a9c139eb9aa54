"""One step of a running job: ask the vendor, and take what it has made into our hands."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from bot.providers import (
    AuthenticationFailed,
    NotFound,
    Operation,
    OutcomeUnknown,
    PermanentError,
    Provider,
    ProviderError,
    QuotaExceeded,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Retired,
    Role,
    TransientError,
    UnexpectedResponse,
)
from bot.services import outcomes
from bot.services.cards import show_card
from bot.services.collecting import Collector
from bot.services.notifier import Clock
from bot.services.operators import Operators
from bot.services.outcomes import word
from bot.services.refs import ref_of
from bot.services.stopping import told_to_stop
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from bot.services.waiting import Waiting
from storage import Store, Tx
from storage.records.jobs import FailureReason, Job, JobKind, JobState, QuietPoll

logger = logging.getLogger(__name__)


class Poller:
    """Keeps an eye on jobs that are with a vendor. Uneventful polls are settled together by `flush`."""

    def __init__(
        self, store: Store, vendors: Vendors, operators: Operators, timing: Timing, nudge: Clock
    ) -> None:
        self._store = store
        self._vendors = vendors
        self._operators = operators
        self._timing = timing
        self._nudge = nudge
        self._collector = Collector(store, timing)
        self._waiting = Waiting(store, timing, nudge)
        self._quiet: list[QuietPoll] = []

    async def flush(self) -> None:
        """Write down the polls that changed nothing; losing them costs one more poll each."""
        quiet, self._quiet = self._quiet, []
        if not quiet:
            return

        def unit(tx: Tx) -> None:
            tx.jobs.keep_polling(quiet)
            for one in quiet:
                if _visible(one):
                    news = one.remote_word != one.job.remote_word or one.job.trouble_at is not None
                    quiet_for = timedelta(0) if news else self._timing.card_quiet
                    tx.outbox.touch(f"card:{one.job.root_id}", quiet=quiet_for)

        await self._store.write(unit)

    async def step(self, held: Job, provider: Provider[Any]) -> None:
        """Ask where a held job stands and act on the answer. Raises StaleState."""
        operation, ref = self._vendors.operation(held), ref_of(held)
        if held.cancel_requested:
            await self._cancel(held, provider, operation, ref)
        elif held.state is JobState.NEEDS_USER:
            await self._waiting.step(held, provider, ref)
        else:
            await self._ask(held, provider, operation, ref)

    async def _ask(self, held: Job, provider: Provider[Any], operation: Operation, ref: RemoteRef) -> None:
        try:
            remote = await provider.poll(ref, pushed=held.pushed)
        except NotFound as error:
            await self._tentative(held, operation, FailureReason.VENDOR_FORGOT, error.detail)
        except (TransientError, OutcomeUnknown, UnexpectedResponse, TimeoutError) as error:
            # An answer that makes no sense may be a proxy's page: the job goes on, and the deadline decides.
            await self._trouble(held, operation, getattr(error, "retry_after", None))
        except (AuthenticationFailed, QuotaExceeded) as error:
            # The job goes on at the vendor; it is we who cannot see it until the operator has acted.
            label = self._vendors.label(held.provider)
            await self._operators.tell(label, outcomes.reason_for(error).value, words=error.detail)
            await self._trouble(held, operation, self._timing.backoff_most)
        except PermanentError as error:
            await self._fail(held, outcomes.reason_for(error), error.detail, **outcomes.costs(error))
            if isinstance(error, Retired):
                await self._vendors.retire(held.provider, held.kind)
        else:
            await self._release(held, remote)
            await self._answer(held, provider, operation, remote)

    async def _release(self, held: Job, remote: RemoteJob) -> None:
        """What the vendor is done with is erased here before the job ends."""
        if not remote.released:
            return
        inputs = await self._store.read(lambda tx: tx.inputs.of_job(held.id))
        if done := remote.released & {Role(one.role) for one in inputs}:
            await self._store.write(lambda tx: tx.inputs.release(held.id, done))
            logger.info("Inputs released", extra={"action": "inputs_released", **held.log_context()})
            self._nudge("erase")

    async def _answer(
        self, held: Job, provider: Provider[Any], operation: Operation, remote: RemoteJob
    ) -> None:
        match remote.state:
            case RemoteState.QUEUED | RemoteState.RUNNING if self._is_overdue(held, operation):
                await self._overdue(held)
            case RemoteState.QUEUED | RemoteState.RUNNING:
                self._quiet.append(
                    QuietPoll(
                        held,
                        remote.poll_after or _pace(operation, held.polls),
                        remote.progress,
                        remote.model_id,
                        word(remote),
                    )
                )
            case RemoteState.SUCCEEDED if held.kind is JobKind.TRAINING:
                await self._trained(held, provider, operation, remote)
            case RemoteState.SUCCEEDED:
                await self._made(held, provider, operation, remote)
            case RemoteState.FAILED | RemoteState.CANCELLED if remote.tentative:
                await self._tentative(
                    held, operation, FailureReason.VENDOR_FAILED, remote.reason, **outcomes.costs(remote)
                )
            case RemoteState.FAILED | RemoteState.CANCELLED:
                await self._fail(held, FailureReason.VENDOR_FAILED, remote.reason, **outcomes.costs(remote))
            case RemoteState.NEEDS_USER:
                await self._store.write(lambda tx: outcomes.ask(tx, held, remote, self._waiting.first()))
                logger.info("Vendor asks its owner", extra={"action": "needs_user", **held.log_context()})
                self._nudge("outbox")

    async def _trained(
        self, held: Job, provider: Provider[Any], operation: Operation, remote: RemoteJob
    ) -> None:
        model_id = remote.model_id or held.remote_model_id
        if model_id is None:
            await self._tentative(held, operation, FailureReason.UNEXPECTED, "trained, but no model id")
            return
        if remote.artifacts:
            _, missing = await self._collector.collect(held, provider, remote)
            since = held.grace_at or self._store.now()
            if missing and self._store.now() - since <= self._timing.grace:
                # A cover is worth a short wait, and no model waits longer for it.
                again = self._timing.fetch_again
                await self._store.write(
                    lambda tx: tx.jobs.give_back(held, again, grace_at=since, progress=1.0, trouble_at=None)
                )
                return
        closed = self._vendors.closed(provider.name, JobKind.GENERATION)
        able = provider.capabilities.generation
        takes = frozenset(spec.role.value for spec in able.inputs) if able else frozenset()
        await self._store.write(lambda tx: outcomes.trained(tx, held, model_id, remote, takes, closed))
        logger.info("Model trained", extra={"action": "model_trained", **held.log_context()})
        for tick in ("submit", "outbox", "erase"):
            self._nudge(tick)

    async def _made(
        self, held: Job, provider: Provider[Any], operation: Operation, remote: RemoteJob
    ) -> None:
        """Whatever is here is delivered, the rest is tried again."""
        there, missing = await self._collector.collect(held, provider, remote)
        if not there:
            await self._tentative(held, operation, FailureReason.NO_PICTURES, remote.reason)
            return
        said = word(remote)
        if missing and self._is_overdue(held, operation):
            await self._overdue(held)
        elif missing:
            await self._store.write(lambda tx: self._deliver_some(tx, held, said, remote.held_back))
        else:
            facts = outcomes.costs(remote) | {"held_back": remote.held_back}
            await self._store.write(lambda tx: outcomes.generated(tx, held, said, **facts))
            logger.info("Images in hand", extra={"action": "images_in_hand", **held.log_context()})
        self._nudge("outbox")

    def _deliver_some(self, tx: Tx, held: Job, said: str | None, held_back: int) -> None:
        outcomes.deliver_batch(tx, held)
        show_card(tx, held)
        facts = {"remote_word": said, "progress": 1.0, "trouble_at": None, "held_back": held_back}
        tx.jobs.give_back(held, self._timing.fetch_again, **facts)

    # -- the other ways out

    def _is_overdue(self, held: Job, operation: Operation) -> bool:
        """Asked after the vendor was: what ended while we were away is no less done for it."""
        return held.started_at is not None and self._store.now() - held.started_at > operation.deadline

    async def _overdue(self, held: Job) -> None:
        """The deadline decides; images that are in our hands by then are a success."""

        await self._store.write(lambda tx: _end(tx, held, FailureReason.DEADLINE))
        self._nudge("outbox")

    async def _cancel(self, held: Job, provider: Provider[Any], operation: Operation, ref: RemoteRef) -> None:
        stopped = await told_to_stop(provider, ref, self._timing)
        if not stopped and (done := await self._finished_first(held, provider, ref)) is not None:
            # It is made and charged: to discard it would help nobody.
            await self._answer(held, provider, operation, done)
            return
        await self._store.write(lambda tx: outcomes.stop(tx, held, at_vendor=stopped))
        logger.info(
            "Job cancelled", extra={"action": "job_cancelled", "at_vendor": stopped, **held.log_context()}
        )
        self._nudge("outbox")

    async def _finished_first(self, held: Job, provider: Provider[Any], ref: RemoteRef) -> RemoteJob | None:
        """What the vendor says of a job that it did not stop, if it was done before."""
        try:
            async with asyncio.timeout(self._timing.call.total_seconds()):
                told = await provider.poll(ref, pushed=held.pushed)
        except (ProviderError, TimeoutError):
            return None
        return told if told.state is RemoteState.SUCCEEDED else None

    async def _trouble(self, held: Job, operation: Operation, wait: timedelta | None) -> None:
        """The vendor does not answer; nothing is lost, and the card says since when."""
        since = held.trouble_at or self._store.now()
        if self._is_overdue(held, operation) and self._store.now() - since > self._timing.grace:
            await self._overdue(held)
            return

        def unit(tx: Tx) -> None:
            tx.jobs.give_back(held, wait or _pace(operation, held.polls), trouble_at=since)
            if held.trouble_at is None:
                show_card(tx, held)

        await self._store.write(unit)

    async def _tentative(
        self, held: Job, operation: Operation, reason: FailureReason, detail: str | None, **facts: Any
    ) -> None:
        """A failure that may be taken back: believed after a grace, which some vendors count in days."""
        grace = operation.grace or self._timing.grace
        since = held.grace_at or self._store.now()
        if self._store.now() - since > grace:
            await self._fail(held, reason, detail, **facts)
            return
        wait = min(operation.poll_most, max(operation.poll_first, grace / 20), grace / 3)
        await self._store.write(lambda tx: tx.jobs.give_back(held, wait, grace_at=since))

    async def _fail(self, held: Job, reason: FailureReason, detail: str | None, **facts: Any) -> None:
        await self._store.write(lambda tx: _end(tx, held, reason, detail, **facts))
        logger.warning(
            "Job failed", extra={"action": "job_failed", "reason": reason.value, **held.log_context()}
        )
        self._nudge("outbox")
        self._nudge("erase")


def _end(tx: Tx, held: Job, reason: FailureReason, detail: str | None = None, **facts: Any) -> None:
    """A failure, unless results are in our hands already: then those are what came of it.

    A vendor forgets after a day what it has made, and its last image may never have come.
    """
    if held.kind is not JobKind.TRAINING and any(one.sha256 for one in tx.pictures.of_job(held.id)):
        outcomes.generated(tx, held, held.remote_word, **facts)
    else:
        outcomes.fail(tx, held, reason, detail, **facts)


def _visible(one: QuietPoll) -> bool:
    """Whether a person would see a difference on the card."""
    before, after = one.job.progress, one.progress
    return (
        (after is not None and round(after * 100) != round((before or 0) * 100))
        or one.remote_word != one.job.remote_word
        or one.job.trouble_at is not None
    )


def _pace(operation: Operation, polls: int) -> timedelta:
    """Polls slow down from `poll_first` to `poll_most`, half as much again each time."""
    return min(operation.poll_most, operation.poll_first * float(1.5 ** min(polls, 30)))
