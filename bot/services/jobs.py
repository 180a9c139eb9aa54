"""What a person may do to a job that exists: stop it, or try it again."""

from __future__ import annotations

from enum import StrEnum

from bot.services import outcomes
from bot.services.cards import show_card
from bot.services.errors import NoSuchThing, NotRetryable, NotYours
from bot.services.notifier import Clock
from bot.services.vendors import Vendors
from storage import Store, Tx
from storage.errors import NotFound
from storage.records import ENDED, FailureReason, Job, JobKind, JobState, NewJob, new_id


class Stopped(StrEnum):
    """What a wish to cancel came to."""

    NOW = "now"
    SOON = "soon"  # it is with the vendor; the runner stops it at its next step
    ENDED = "ended"  # it had ended before


class Jobs:
    """Wishes about jobs. Each checks the owner anew: a button is not a permission."""

    def __init__(self, store: Store, vendors: Vendors, nudge: Clock) -> None:
        self._store = store
        self._vendors = vendors
        self._nudge = nudge

    async def cancel(self, job_id: str, by: str) -> Stopped:
        """Stop the job under way on this card. Raises NoSuchThing and NotYours."""

        def unit(tx: Tx) -> Stopped:
            job = _current(tx, job_id, by)
            show_card(tx, job)  # A stale press brings the card up to date, whatever else it does.
            if job.state in ENDED:
                return Stopped.ENDED
            after = tx.jobs.request_cancel(job.id)
            if after.state is JobState.CANCELLED:
                tx.links.close(after.id)
                return Stopped.NOW
            if after.lane not in dict(self._vendors.lanes()):
                return _stop_without_vendor(tx, after)
            return Stopped.SOON

        outcome = await self._store.write(unit)
        self._nudge("poll")
        self._nudge("outbox")
        return outcome

    async def retry(self, job_id: str, by: str) -> Job:
        """Try a failed or cancelled job again: a copy of its frozen request, on the same card.

        Two presses are one retry. Raises NoSuchThing, NotYours, NotRetryable and VendorNotOffered.
        """

        def unit(tx: Tx) -> Job:
            job = _current(tx, job_id, by)
            if job.state not in {JobState.FAILED, JobState.CANCELLED}:
                show_card(tx, job)
                _refuse_unless_retried(job)
                return job
            self._vendors.offer(job.provider)
            made = new_id("job")
            again = tx.jobs.insert(
                NewJob(
                    id=made,
                    kind=job.kind,
                    root_id=job.root_id,
                    owner=job.owner,
                    place=job.place,
                    pictures_place=job.pictures_place,
                    provider=job.provider,
                    name=job.name,
                    subject=job.subject,
                    spec=job.spec,
                    request_key=f"retry:{job.id}",
                    serial=made if job.kind is JobKind.TRAINING else job.serial,
                    photos=tuple(photo.sha256 for photo in tx.photos.of_job(job.id)),
                )
            )
            show_card(tx, again)
            return again

        job = await self._store.write(unit)
        self._nudge("submit")
        self._nudge("outbox")
        return job


def _stop_without_vendor(tx: Tx, job: Job) -> Stopped:
    """No step will ever come for a job whose vendor is gone from the settings, so it ends here."""
    if job.state is JobState.RUNNING:
        outcomes.stop(tx, job, at_vendor=False)
        return Stopped.NOW
    if job.submit_begun_at is not None:
        outcomes.fail(tx, job, FailureReason.LOST)
        return Stopped.ENDED
    tx.links.close(job.id)
    tx.jobs.request_cancel(tx.jobs.move(job, JobState.QUEUED).id)
    return Stopped.NOW


def _refuse_unless_retried(job: Job) -> None:
    """A press on a card whose job was retried a moment ago has had its effect; any other is refused."""
    if not job.request_key.startswith("retry:"):
        raise NotRetryable(job.id)


def _current(tx: Tx, job_id: str, by: str) -> Job:
    try:
        root = tx.jobs.get(job_id)
    except NotFound as error:
        raise NoSuchThing(job_id) from error
    if root.owner != by:
        raise NotYours(job_id)
    return tx.jobs.family(root.root_id)[-1]
