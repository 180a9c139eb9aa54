"""What a person may have deleted: a card, or a model with all that was made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.providers import Keeping
from bot.services import outcomes
from bot.services.cards import show_card
from bot.services.errors import NoSuchThing, NotYours
from bot.services.notifier import Clock
from bot.services.operators import Operators
from bot.services.stopping import wish_to_stop
from bot.services.vendors import Vendors
from storage import Store, Tx
from storage.errors import NotFound
from storage.records.deletions import Deletion, Fate, Holder, Holding
from storage.records.jobs import ENDED, FailureReason, Job, JobKind, JobState

LEFT = frozenset({Fate.BY_HAND, Fate.REFUSED, Fate.UNREACHED, Fate.NOT_SET_UP})
"""Fates of what is still there, and that nobody here can end."""
_AT_MOST = 5
"""Things of one name that are told apart."""
_LOOKED_THROUGH = 200
"""Cards of one person, newest first, among which a name is looked for."""
_ID = re.compile(r"^(job|model)_[0-9a-f]+$")


@dataclass(frozen=True, slots=True)
class Plan:
    """What would go, for the question before it does."""

    root: Job
    own: bool
    """Asked by the owner; an operator is shown neither name nor prompt."""
    label: str
    """The vendor's name as people know it."""
    models: int
    cards: int
    results: int
    running: int
    """Jobs that are cancelled first."""
    sent: bool
    """Whether the vendor ever had anything of it."""
    inputs: Keeping
    model: Keeping
    made: Keeping
    deletion: Deletion | None = None
    """Where it was wished for already."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A deletion with the fate of every holding, as far as it is known."""

    deletion: Deletion
    holdings: tuple[Holding, ...]
    label: str
    notes: tuple[str, ...]
    """What the vendor's pages leave open, in sentences."""
    remote_ids: tuple[str, ...] = ()
    """The vendor's ids of what it did not let go of: its console and its support ask for them."""

    @property
    def pending(self) -> tuple[Holding, ...]:
        """What somebody is still being asked for."""
        return tuple(one for one in self.holdings if one.fate is None)


class Deletions:
    """Wishes to delete. Each checks who asks anew: its owner may, and who runs Darkroom."""

    def __init__(self, store: Store, vendors: Vendors, operators: Operators, nudge: Clock) -> None:
        self._store = store
        self._vendors = vendors
        self._operators = operators
        self._nudge = nudge

    async def find(self, words: str, by: str) -> list[Plan]:
        """What somebody may mean: by the id of a job or model, or by the name of a model or card of theirs.

        What is deleted already is not found by name. Operators find the things of others by id.
        """

        def unit(tx: Tx) -> list[Plan]:
            if _ID.match(words):
                try:
                    return [self._plan(tx, self._root(tx, words, by), by)]
                except (NoSuchThing, NotYours):
                    return []
            name = words.strip().casefold()
            models = [one for one in tx.models.of_owner(by) if one.deleted_at is None]
            found = [tx.jobs.get(one.job_id).root_id for one in models if one.name.casefold() == name]
            if not found:
                cards = [tx.jobs.get(root) for root in tx.jobs.roots_of(by, _LOOKED_THROUGH)]
                found = [
                    one.id for one in cards if one.name.casefold() == name and not one.deletion_id and name
                ]
            return [self._plan(tx, tx.jobs.get(root), by) for root in dict.fromkeys(found[:_AT_MOST])]

        return await self._store.read(unit)

    async def plan(self, job_id: str, by: str) -> Plan:
        """What would go with a card. Raises NoSuchThing and NotYours."""
        return await self._store.read(lambda tx: self._plan(tx, self._root(tx, job_id, by), by))

    async def ask(self, job_id: str, by: str) -> Deletion:
        """Want a card, and the models trained on it with all that was made of them, deleted.

        Committed before this returns; jobs that run are cancelled first. Two presses are one deletion.
        Raises NoSuchThing and NotYours.
        """

        def unit(tx: Tx) -> Deletion:
            root = self._root(tx, job_id, by)
            asked = tx.deletions.ask(root.owner, by, root.id, root.name, root.provider)
            begin(tx, asked, self._vendors)
            return asked

        asked = await self._store.write(unit)
        for tick in ("delete", "poll", "submit", "outbox", "erase"):
            self._nudge(tick)
        return asked

    async def receipt(self, deletion_id: str) -> Receipt:
        """How far a deletion has come. Raises NoSuchThing."""

        def unit(tx: Tx) -> Receipt:
            try:
                asked = tx.deletions.get(deletion_id)
            except NotFound as error:
                raise NoSuchThing(deletion_id) from error
            jobs = tx.jobs.of_deletion(deletion_id)
            keeping = [self._keeping(job) for job in jobs if job.remote_id]
            notes = dict.fromkeys(one.note for kept in keeping for one in kept if one.note)
            holdings = tuple(tx.deletions.holdings(deletion_id))
            stays = {one.job_id for one in holdings if one.holder is Holder.VENDOR and one.fate in LEFT}
            ids = dict.fromkeys(
                known
                for job in jobs
                if job.id in stays
                for known in (job.remote_id, job.remote_model_id)
                if known
            )
            label = self._vendors.label(asked.provider)
            return Receipt(asked, holdings, label, tuple(notes), tuple(ids))

        return await self._store.read(unit)

    def _root(self, tx: Tx, thing: str, by: str) -> Job:
        try:
            job_id = tx.models.get(thing).job_id if thing.startswith("model_") else thing
            root = tx.jobs.get(tx.jobs.get(job_id).root_id)
        except NotFound as error:
            raise NoSuchThing(thing) from error
        if root.owner != by and by not in self._operators:
            raise NotYours(thing)
        return root

    def _plan(self, tx: Tx, root: Job, by: str) -> Plan:
        cards = tx.deletions.scope(root.id)
        jobs = [job for card in cards for job in tx.jobs.family(card)]
        models = [one for one in tx.models.of_owner(root.owner) if one.job_id in {job.id for job in jobs}]
        first = self._keeping(root)
        later = [self._keeping(job) for job in jobs if job.kind is not JobKind.TRAINING]
        return Plan(
            root=root,
            own=root.owner == by,
            label=self._vendors.label(root.provider),
            models=len(models),
            cards=len(cards),
            results=sum(1 for job in jobs for one in tx.pictures.of_job(job.id) if one.sha256),
            running=sum(job.state not in ENDED for job in jobs),
            sent=any(was_sent(job) for job in jobs),
            inputs=first[0],
            model=first[1],
            made=later[-1][2] if later else first[2],
            deletion=tx.deletions.of_card(root.id),
        )

    def _keeping(self, job: Job) -> tuple[Keeping, Keeping, Keeping]:
        return keeping(self._vendors, job)


def begin(tx: Tx, asked: Deletion, vendors: Vendors, *, late: bool = False) -> bool:
    """Stop what runs, and say nothing more of any of it. True once all of it is at rest.

    `late`: it has been waited for long enough. A job whose answer was lost, at a vendor that cannot be asked,
    is given up, so that photos do not stay here for its sake.
    """
    tx.deletions.mark(asked)
    jobs = tx.jobs.of_deletion(asked.id)
    for job in jobs:
        if not job.cancel_requested:
            wish_to_stop(tx, job, vendors)
        elif late and job.state is JobState.SUBMITTING and job.lease_owner is None:
            outcomes.fail(tx, job, FailureReason.LOST)
    for card in {job.root_id: job for job in jobs}.values():
        show_card(tx, card)
    silent = tx.outbox.withdraw([job.id for job in jobs])
    return silent and all(tx.jobs.get(job.id).state in ENDED for job in jobs)


def was_sent(job: Job) -> bool:
    """Whether its vendor may have had anything of it."""
    return job.remote_id is not None or job.attempts > 0


def keeping(vendors: Vendors, job: Job) -> tuple[Keeping, Keeping, Keeping]:
    """How what a vendor has of a job comes to its end: inputs, model and results."""
    operation = vendors.find(job)
    if operation is None:
        return Keeping(), Keeping(), Keeping()
    return operation.keeps_inputs, operation.keeps_model, operation.keeps_results


__all__ = ["LEFT", "Deletions", "Keeping", "Plan", "Receipt", "begin", "keeping", "was_sent"]
