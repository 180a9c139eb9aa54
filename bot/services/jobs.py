"""What a person may do to a job that exists: stop it, try it again, or give its vendor better inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from bot.services import held
from bot.services.cards import refresh_papers, refresh_tray, show_card
from bot.services.errors import (
    BeingDeleted,
    DomainError,
    InputsGone,
    ModelGone,
    NoSuchThing,
    NotRetryable,
    NotWaiting,
    NotYours,
    Unfit,
    VendorNotOffered,
)
from bot.services.inputs import PRIVATE, Given, Lack, Lacking, Role, fitting, judge, lost_of
from bot.services.notifier import Clock
from bot.services.stopping import Stopped, wish_to_stop
from bot.services.training import roles_of, serial
from bot.services.trays import refuse_public_papers
from bot.services.vendors import SWITCHED_OFF, Vendors
from storage import Store, Tx
from storage.errors import NotFound
from storage.records.ids import new_id
from storage.records.inbox import InboxItem
from storage.records.jobs import FailureReason, Job, JobKind, JobState, NewJob
from storage.records.trays import TrayEntry, TrayState


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
            return wish_to_stop(tx, job, self._vendors)

        outcome = await self._store.write(unit)
        for tick in ("poll", "submit", "outbox", "erase"):
            self._nudge(tick)
        return outcome

    async def retry(self, job_id: str, by: str) -> Job:
        """Try a failed or cancelled job again: a copy of its frozen request, on the same card.

        Two presses are one retry. Raises NoSuchThing, NotYours, NotRetryable, VendorNotOffered, ModelGone
        and BeingDeleted.
        """

        def unit(tx: Tx) -> Job:
            job = _current(tx, job_id, by)
            if job.deletion_id:
                raise BeingDeleted(job.id)
            if job.state not in {JobState.FAILED, JobState.CANCELLED}:
                _refuse_unless_retried(job)
                show_card(tx, job)
                return job
            if job.reason is FailureReason.PHOTOS_REFUSED:
                raise NotRetryable(job.id)
            self._refuse_unless_offered(tx, job)
            again = tx.jobs.insert(_once_more(tx, job))
            show_card(tx, again)
            return again

        job = await self._or_truth(unit, job_id, by)
        self._nudge("submit")
        self._nudge("outbox")
        return job

    async def resubmit(
        self,
        job_id: str,
        by: str,
        replaced: Mapping[str, Sequence[TrayEntry]],
        *,
        through: str,
        item: InboxItem | None = None,
        tray_id: str = "",
    ) -> Job:
        """Give the vendor better inputs, by role: each role named loses what it had and gets these.

        Papers that have come for the job by direct message go with them, but for those of a role named here.

        `through` is where the files came by, as for a tray: papers only by `direct(by)`. `item`, which
        brought them, is worked off in the same step, and the tray of which they are is used up. Two
        deliveries are one: the second raises NotWaiting.
        Raises NoSuchThing, NotYours, NotWaiting, NotPrivate, Unfit and VendorNotOffered;
        then nothing is kept and `item` is still to be worked off.
        """
        for entries in replaced.values():
            refuse_public_papers(by, entries, through=through)

        def unit(tx: Tx) -> Job:
            job = _current(tx, job_id, by)
            if job.state is not JobState.NEEDS_USER or job.cancel_requested:
                raise NotWaiting(job.id)
            operation = self._vendors.find(job)
            if operation is None:
                raise VendorNotOffered(job.way)
            better = {one.role: [one] for one in held.held_for(tx, job)} | dict(replaced)
            takes = operation.taking(job.spec.get("options", {}))
            inputs = fitting(takes, given := _given(tx, job, better))
            if lost := lost_of(job.spec.get("gave", ()), given):
                # What need not be given and was erased meanwhile: without it this would be another job.
                raise Unfit([Lack(Lacking.TOO_FEW, Role(role), 0, 1) for role in lost])
            tx.inputs.replace(job.id, inputs, instead_of=list(better))
            held.sent(tx, job, but=replaced)
            queued = anew(tx, job, roles_of(inputs))
            show_card(tx, queued)
            if any(role in PRIVATE for role in better):
                refresh_papers(tx, by)
            if tray_id:
                tx.trays.close(tray_id, TrayState.USED, job.id)
                refresh_tray(tx, tray_id)
            if item is not None:
                tx.inbox.done(item)
            return queued

        job = await self._or_truth(unit, job_id, by)
        for tick in ("submit", "outbox", "erase"):
            self._nudge(tick)
        return job

    async def _or_truth(self, unit: Callable[[Tx], Job], job_id: str, by: str) -> Job:
        """Run a unit. Where it refuses nothing of it is kept, but the card is brought up to date."""
        try:
            return await self._store.write(unit)
        except (NoSuchThing, NotYours):
            raise
        except DomainError:
            await self._store.write(lambda tx: show_card(tx, _current(tx, job_id, by)))
            self._nudge("outbox")
            raise

    def _refuse_unless_offered(self, tx: Tx, job: Job) -> None:
        if job.kind is JobKind.GENERATION:
            self._vendors.making(job.provider)
            model = tx.models.behind(job.id)
            if model is not None and model.deleted_at:
                raise ModelGone(model.id)
            return
        operation = self._vendors.operation(job)
        if not operation.offered:
            raise VendorNotOffered(job.way, SWITCHED_OFF)  # The way is another product's now.
        self._vendors.offer(job.way)
        takes = operation.taking(job.spec.get("options", {}))
        given = [Given(one.role, one.medium) for one in tx.inputs.of_job(job.id)]
        if judge(takes, given) or lost_of(job.spec.get("gave", ()), given):
            raise InputsGone(job.id)


def _once_more(tx: Tx, job: Job) -> NewJob:
    """The same request once more, on the same card."""
    made = new_id("job")
    return NewJob(
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
        serial=job.serial if job.kind is JobKind.GENERATION else serial(job.provider, job.kind, made),
        inputs=tuple((one.role, one.medium.sha256) for one in tx.inputs.of_job(job.id)),
    )


def _given(tx: Tx, job: Job, better: Mapping[str, Sequence[TrayEntry]]) -> list[Given]:
    """What a job has, with better inputs in the place of what it had in their roles."""
    kept = [Given(one.role, one.medium) for one in tx.inputs.of_job(job.id) if one.role not in better]
    brought = [(role, entry.medium) for role, entries in better.items() for entry in entries if entry.medium]
    media = tx.inputs.by_hash([sha256 for _, sha256 in brought])
    return [*kept, *(Given(role, media[sha256]) for role, sha256 in brought if sha256 in media)]


def anew(tx: Tx, job: Job, gave: list[str]) -> Job:
    """Into the queue again, for the same call under the same key.

    What was counted and found of the attempt before is over; the remote id stays.
    """
    return tx.jobs.move(
        job,
        JobState.QUEUED,
        wait=timedelta(0),
        spec={**job.spec, "gave": gave},
        attempts=0,
        busies=0,
        looks=0,
        losses=0,
        polls=0,
        wants=(),
        trouble_at=None,
        busy_at=None,
        progress=None,
    )


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
