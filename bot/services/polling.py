"""One step of a running job: ask the vendor, and take what it has made into our hands."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from bot.providers import (
    Artifact,
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
    TransientError,
    UnexpectedResponse,
)
from bot.services import outcomes
from bot.services.cards import show_card
from bot.services.notifier import Clock
from bot.services.operators import Operators
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from storage import Store, Tx
from storage.records import FailureReason, Job, JobKind, JobState, Picture, QuietPoll

logger = logging.getLogger(__name__)

MAX_PICTURE = 64 * 1024 * 1024
"""Bytes; larger than any vendor's image."""
_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


class Poller:
    """Keeps an eye on running jobs. Uneventful polls are settled together by `flush`."""

    def __init__(
        self, store: Store, vendors: Vendors, operators: Operators, timing: Timing, nudge: Clock
    ) -> None:
        self._store = store
        self._vendors = vendors
        self._operators = operators
        self._timing = timing
        self._nudge = nudge
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
        operation = self._vendors.operation(provider, held.kind)
        ref = RemoteRef(
            kind=held.kind.value,
            id=held.remote_id or "",
            model_id=held.remote_model_id or held.spec.get("model_id"),
        )
        if held.cancel_requested:
            await self._cancel(held, provider, ref)
            return
        try:
            remote = await provider.poll(ref)
        except NotFound as error:
            await self._tentative(held, operation, FailureReason.VENDOR_FORGOT, error.detail)
        except (TransientError, OutcomeUnknown, UnexpectedResponse, TimeoutError) as error:
            # An answer that makes no sense may be a proxy's page: the job goes on, and the deadline decides.
            await self._trouble(held, operation, getattr(error, "retry_after", None))
        except (AuthenticationFailed, QuotaExceeded) as error:
            # The job goes on at the vendor; it is we who cannot see it until the operator has acted.
            label = self._vendors.label(held.provider)
            await self._operators.tell(label, outcomes.reason_for(error).value)
            await self._trouble(held, operation, self._timing.backoff_most)
        except PermanentError as error:
            await self._fail(held, outcomes.reason_for(error), error.detail)
        else:
            await self._answer(held, provider, operation, remote)

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
                await self._collect(held, provider, operation, remote)
            case RemoteState.FAILED if remote.tentative:
                await self._tentative(held, operation, FailureReason.VENDOR_FAILED, remote.reason)
            case RemoteState.FAILED | RemoteState.CANCELLED:
                await self._fail(held, FailureReason.VENDOR_FAILED, remote.reason)
            case RemoteState.NEEDS_USER:
                await self._store.write(lambda tx: _needs_user(tx, held, remote))

    async def _trained(
        self, held: Job, provider: Provider[Any], operation: Operation, remote: RemoteJob
    ) -> None:
        model_id = remote.model_id or held.remote_model_id
        if model_id is None:
            await self._tentative(held, operation, FailureReason.UNEXPECTED, "trained, but no model id")
            return
        generates = provider.capabilities.generation is not None
        status = word(remote)
        await self._store.write(lambda tx: outcomes.trained(tx, held, model_id, status, generates=generates))
        logger.info("Model trained", extra={"action": "model_trained", **held.log_context()})
        self._nudge("submit")
        self._nudge("outbox")

    # -- images

    async def _collect(
        self, held: Job, provider: Provider[Any], operation: Operation, remote: RemoteJob
    ) -> None:
        """Fetch every image that is not here yet; whatever is here is delivered, the rest is tried again."""

        def expect(tx: Tx) -> list[Picture]:
            tx.jobs.renew(held, self._timing.fetch_lease)
            tx.pictures.expect(held.id, [(one.locator, one.media_type) for one in remote.artifacts])
            return tx.pictures.of_job(held.id)

        pictures = await self._store.write(expect)
        if not pictures:
            await self._tentative(held, operation, FailureReason.NO_PICTURES, remote.reason)
            return
        by_locator = {artifact.locator: artifact for artifact in remote.artifacts}
        missing = 0
        for picture in pictures:
            if picture.sha256 is None:
                artifact = by_locator.get(picture.locator, Artifact(locator=picture.locator))
                missing += not await self._fetch(held, provider, remote.ref, picture, artifact)
        status = word(remote)
        if missing and self._is_overdue(held, operation):
            await self._overdue(held)
        elif missing:
            await self._store.write(lambda tx: self._deliver_some(tx, held, status))
        else:
            await self._store.write(lambda tx: outcomes.generated(tx, held, status))
            logger.info("Images in hand", extra={"action": "images_in_hand", **held.log_context()})
        self._nudge("outbox")

    async def _fetch(
        self, held: Job, provider: Provider[Any], ref: RemoteRef, picture: Picture, artifact: Artifact
    ) -> bool:
        try:
            sha256, _, head = await self._store.media.put_stream(
                provider.fetch(ref, artifact), most=MAX_PICTURE
            )
        except (ProviderError, TimeoutError, ValueError) as error:
            logger.warning(
                "Image not fetched",
                extra={"action": "image_not_fetched", "error": type(error).__name__, **held.log_context()},
            )
            return False
        media_type = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
        if media_type is None:
            return False

        def keep(tx: Tx) -> None:
            tx.jobs.renew(held, self._timing.fetch_lease)
            tx.pictures.keep(held.id, picture.ordinal, sha256, media_type)

        await self._store.write(keep)
        return True

    def _deliver_some(self, tx: Tx, held: Job, status: str | None) -> None:
        outcomes.deliver_batch(tx, held)
        show_card(tx, held)
        tx.jobs.give_back(held, self._timing.fetch_again, remote_word=status, progress=1.0, trouble_at=None)

    # -- the other ways out

    def _is_overdue(self, held: Job, operation: Operation) -> bool:
        """Asked after the vendor was: what ended while we were away is no less done for it."""
        return held.started_at is not None and self._store.now() - held.started_at > operation.deadline

    async def _overdue(self, held: Job) -> None:
        """The deadline decides; images that are in our hands by then are a success."""

        def unit(tx: Tx) -> None:
            if any(one.sha256 for one in tx.pictures.of_job(held.id)):
                outcomes.generated(tx, held, held.remote_word)
            else:
                outcomes.fail(tx, held, FailureReason.DEADLINE)

        await self._store.write(unit)
        self._nudge("outbox")

    async def _cancel(self, held: Job, provider: Provider[Any], ref: RemoteRef) -> None:
        try:
            stopped = await provider.cancel(ref)
        except (ProviderError, TimeoutError):
            stopped = False
        await self._store.write(lambda tx: outcomes.stop(tx, held, at_vendor=stopped))
        logger.info(
            "Job cancelled", extra={"action": "job_cancelled", "at_vendor": stopped, **held.log_context()}
        )
        self._nudge("outbox")

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
        self, held: Job, operation: Operation, reason: FailureReason, detail: str | None
    ) -> None:
        since = held.grace_at or self._store.now()
        if self._store.now() - since > self._timing.grace:
            await self._fail(held, reason, detail)
            return
        wait = min(operation.poll_first, self._timing.grace / 3)
        await self._store.write(lambda tx: tx.jobs.give_back(held, wait, grace_at=since))

    async def _fail(self, held: Job, reason: FailureReason, detail: str | None) -> None:
        await self._store.write(lambda tx: outcomes.fail(tx, held, reason, detail))
        logger.warning(
            "Job failed", extra={"action": "job_failed", "reason": reason.value, **held.log_context()}
        )
        self._nudge("outbox")


def _needs_user(tx: Tx, held: Job, remote: RemoteJob) -> None:
    show_card(tx, tx.jobs.move(held, JobState.NEEDS_USER, remote_word=word(remote), detail=remote.reason))


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


def word(remote: RemoteJob) -> str | None:
    """The vendor's own status word, for *Details*."""
    found = remote.details.get("status")
    return str(found) if found else None
