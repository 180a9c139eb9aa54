"""What comes in private while papers are awaited: asked about, kept for what it is, shown to nobody."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from bot.services.cards import papers_key, refresh_papers, refresh_tray, show_papers, show_tray
from bot.services.errors import NoSuchThing, NotAwaited, NotPrivate, NotYours, Unfit
from bot.services.held import held_for, held_place
from bot.services.inputs import PAPERS, Given, InputSpec, Role, judge
from bot.services.notifier import Clock
from bot.services.papers import DOCUMENT
from bot.services.trays import given_of
from bot.services.vendors import RETIRED, Vendors
from storage import Store, Tx
from storage.errors import NotFound
from storage.records.inbox import InboxItem
from storage.records.jobs import Job
from storage.records.media import PHOTO_ROLE, UNSORTED_ROLE, Refusal
from storage.records.places import direct
from storage.records.trays import Tray, TrayEntry, TrayState


@dataclass(frozen=True, slots=True)
class Addressee:
    """Something of a person's that papers can go to: a tray before its training, or a job that needs them."""

    id: str
    """Of the tray or of the job."""
    name: str
    """The job's, or that of the file the tray was begun with."""
    vendors: tuple[str, ...]
    """The labels of those who ask for papers."""
    takes: tuple[InputSpec, ...]
    here: frozenset[Role]
    """Which papers have come for it and are not sent yet."""
    missing: tuple[Role, ...]
    """Which it still needs before it can go on."""
    job: Job | None = None

    def accepts(self, media_type: str) -> tuple[Role, ...]:
        """What a file of this type may be."""
        return tuple(dict.fromkeys(one.role for one in self.takes if media_type in one.media_types))


@dataclass(frozen=True, slots=True)
class Unsorted:
    """One file that its owner has yet to say what it is."""

    number: int
    name: str
    media_type: str

    @property
    def is_document(self) -> bool:
        """Whether it is a PDF, and so no photo in any case."""
        return self.media_type == DOCUMENT


@dataclass(frozen=True, slots=True)
class EnvelopeView:
    """What came with one post, as it stands, and what it can be."""

    id: str
    unsorted: tuple[Unsorted, ...]
    addressees: tuple[Addressee, ...]


class Envelopes:
    """Keeps what may be a paper apart from the photos until its owner has said what it is.

    An envelope is a tray of its own, per post, that stands in no list: so it ends with the drafts.
    """

    def __init__(self, store: Store, vendors: Vendors, nudge: Clock) -> None:
        self._store = store
        self._vendors = vendors
        self._nudge = nudge

    async def receive(
        self, owner: str, place: str, entries: Sequence[TrayEntry], item: InboxItem, *, through: str
    ) -> None:
        """Take in what came in private: what may be a paper is asked about, the rest goes into the tray here.

        Where nothing of this person's waits for papers, a picture is a photo and a document is refused.
        Raises NotPrivate where `through` is not `direct(owner)`; `item` then is still to be worked off.
        """
        if through != direct(owner):
            raise NotPrivate(owner)

        def unit(tx: Tx) -> None:
            certain = [one for one in entries if not _may_be_paper(one)]
            apart = [one for one in entries if _may_be_paper(one)]
            plain = list(entries)
            if apart and self._addressees(tx, owner, place, certain):
                envelope = tx.trays.open(owner, f"{place}{item.id}")
                tx.trays.add(envelope.id, [replace(one, role=UNSORTED_ROLE) for one in apart])
                tx.looks.forget([one.medium for one in apart if one.medium])
                show_papers(tx, envelope.id, owner=owner, place=place)
                plain = certain
            elif apart:
                plain = [_unasked(one) for one in entries]
                tx.inputs.doom([one.medium for one in entries if one.role == UNSORTED_ROLE and one.medium])
            if plain:
                tray = tx.trays.open(owner, place)
                tx.trays.add(tray.id, plain)
                show_tray(tx, tray.id, owner=owner, place=place)
                refresh_papers(tx, owner)
            tx.inbox.done(item)

        await self._store.write(unit)
        self._nudge("erase")

    async def awaited(self, owner: str, place: str) -> bool:
        """Whether a job of this person's that stands here needs papers."""

        def unit(tx: Tx) -> bool:
            found = self._addressees(tx, owner)
            return any(one.job is not None and one.job.place == place for one in found)

        return await self._store.read(unit)

    async def view(self, envelope_id: str, owner: str | None = None) -> EnvelopeView:
        """An envelope as it stands. Raises NoSuchThing, and NotYours for anybody but `owner`."""

        def unit(tx: Tx) -> EnvelopeView:
            envelope = _own(tx, envelope_id, owner)
            entries = [one for one in tx.trays.entries(envelope.id) if one.role == UNSORTED_ROLE]
            media = tx.inputs.by_hash(one.medium for one in entries if one.medium)
            unsorted = tuple(
                Unsorted(one.ordinal, one.name, media[one.medium].media_type)
                for one in entries
                if one.medium in media
            )
            return EnvelopeView(envelope.id, unsorted, tuple(self._addressees(tx, envelope.owner)))

        return await self._store.read(unit)

    async def decide(self, envelope_id: str, owner: str, number: int, to: str, role: Role) -> None:
        """One file is this paper, for that tray or job; an earlier one in its role is erased.

        A file that was decided about before is left alone.
        Raises NoSuchThing, NotYours, NotAwaited, and Unfit where the vendor would not take it.
        """

        def unit(tx: Tx) -> None:
            envelope = _own(tx, envelope_id, owner)
            refresh_papers(tx, owner)
            found = _numbered(tx, envelope, [number])
            if not found:
                return
            (entry,) = found
            addressee = next((one for one in self._addressees(tx, owner) if one.id == to), None)
            if addressee is None:
                raise NotAwaited(to)
            self._check(tx, addressee, role, entry)
            place = held_place(addressee.job) if addressee.job else ""
            target = tx.trays.open(owner, place).id if addressee.job else addressee.id
            tx.trays.remove(target, [entry.source])
            tx.inputs.let_go(target, roles=[role.value])
            tx.trays.add(target, [replace(entry, role=role.value)])
            tx.trays.remove(envelope.id, [entry.source])
            _end_if_empty(tx, envelope)
            refresh_tray(tx, target)

        await self._write(unit)

    async def as_photos(self, envelope_id: str, owner: str, numbers: Collection[int] | None = None) -> None:
        """These pictures, or all that are left, are photos to train from after all.

        Raises NoSuchThing and NotYours.
        """

        def unit(tx: Tx) -> None:
            envelope = _own(tx, envelope_id, owner)
            media = tx.inputs.by_hash(e.medium for e in tx.trays.entries(envelope.id) if e.medium)
            photos = [
                one
                for one in _numbered(tx, envelope, numbers)
                if one.medium in media and media[one.medium].media_type != DOCUMENT
            ]
            asked = tx.outbox.find(papers_key(envelope.id))
            if photos and asked is not None:
                tray = tx.trays.open(owner, asked.place)
                tx.trays.add(tray.id, [replace(one, role=PHOTO_ROLE) for one in photos])
                tx.trays.remove(envelope.id, [one.source for one in photos])
                show_tray(tx, tray.id, owner=owner, place=asked.place)
            _end_if_empty(tx, envelope)
            refresh_papers(tx, owner)

        await self._write(unit)

    async def discard(self, envelope_id: str, owner: str, numbers: Collection[int] | None = None) -> None:
        """Erase these files, or all that are left. Raises NoSuchThing and NotYours."""

        def unit(tx: Tx) -> None:
            envelope = _own(tx, envelope_id, owner)
            gone = [one.source for one in _numbered(tx, envelope, numbers)]
            tx.inputs.let_go(envelope.id, sources=gone)
            _end_if_empty(tx, envelope)
            refresh_papers(tx, owner)

        await self._write(unit)

    async def drop(self, owner: str, to: str) -> None:
        """Erase the papers that have come for this tray or job and were not sent. Raises NotAwaited."""

        def unit(tx: Tx) -> None:
            addressee = next((one for one in self._addressees(tx, owner) if one.id == to), None)
            refresh_papers(tx, owner)
            if addressee is None:
                raise NotAwaited(to)
            held = tx.trays.find_open(owner, held_place(addressee.job)) if addressee.job else None
            if addressee.job is None or held is not None:
                tray_id = held.id if held else addressee.id
                tx.inputs.let_go(tray_id, roles=PAPERS)
                refresh_tray(tx, tray_id)

        await self._write(unit)

    async def ready(self, job_id: str, owner: str) -> str:
        """Which files have come for a job, as one word, where they suffice to go on. Raises NotAwaited."""

        def unit(tx: Tx) -> list[str]:
            for one in self._addressees(tx, owner):
                if one.job is not None and one.job.id == job_id and not one.missing:
                    return [entry.source for entry in held_for(tx, one.job)]
            return []

        if not (sources := await self._store.read(unit)):
            raise NotAwaited(job_id)
        return "-".join(sorted(sources))

    async def held(self, job_id: str) -> frozenset[Role]:
        """Which papers have come for a job and wait to be sent."""
        entries = await self._store.read(lambda tx: held_for(tx, tx.jobs.get(job_id)))
        return frozenset(Role(one.role) for one in entries)

    async def _write(self, unit: Callable[[Tx], None]) -> None:
        await self._store.write(unit)
        self._nudge("outbox")
        self._nudge("erase")

    # -- who waits for papers

    def _addressees(
        self, tx: Tx, owner: str, place: str = "", coming: Sequence[TrayEntry] = ()
    ) -> list[Addressee]:
        """Everything of this person's that papers can go to; `coming` is about to go into the tray there."""
        trays = tx.trays.open_of(owner)
        before = {tray.id: tx.trays.entries(tray.id) for tray in trays}
        found = [self._of_tray(tx, tray.id, before[tray.id]) for tray in trays]
        if coming:
            here = next((tray.id for tray in trays if tray.place == place), "")
            found.append(self._of_tray(tx, here, [*before.get(here, ()), *coming]))
        found += [self._of_job(tx, job) for job in tx.jobs.waiting_of(owner)]
        return [one for one in found if one is not None]

    def _of_tray(self, tx: Tx, tray_id: str, entries: Sequence[TrayEntry]) -> Addressee | None:
        """A tray that somebody would train from who asks for papers too."""
        media = tx.inputs.by_hash(entry.medium for entry in entries if entry.medium)
        given = given_of(entries, media, {})
        takers = [
            offer
            for offer in self._vendors.ways()
            if any(spec.role in PAPERS for spec in offer.inputs)
            and offer.fault != RETIRED
            and all(lack.can_follow or lack.role in PAPERS for lack in offer.lacks(given))
        ]
        if not takers:
            return None
        takes = tuple(spec for offer in takers for spec in offer.inputs if spec.role in PAPERS)
        here = frozenset(Role(one.role) for one in given if one.role in PAPERS)
        name = next((one.name for one in entries if one.medium and one.role not in PAPERS), "")
        labels = tuple(dict.fromkeys(offer.label for offer in takers))
        return Addressee(tray_id, name, labels, takes, here, _missing(takes, here))

    def _of_job(self, tx: Tx, job: Job) -> Addressee | None:
        """A job whose vendor may have refused a paper, or lacks one."""
        operation = self._vendors.find(job)
        takes = tuple(spec for spec in operation.inputs if spec.role in PAPERS) if operation else ()
        here = frozenset(Role(one.role) for one in held_for(tx, job))
        given = {Role(one.role) for one in tx.inputs.of_job(job.id)} - {Role(word) for word in job.wants}
        missing = _missing(takes, here | given)
        # A vendor that does not say what it wants may want any of them.
        if not takes or (job.wants and not missing and not here):
            return None
        label = self._vendors.label(job.provider)
        return Addressee(job.id, job.name, (label,), takes, here, missing, job)

    @staticmethod
    def _check(tx: Tx, addressee: Addressee, role: Role, entry: TrayEntry) -> None:
        media = tx.inputs.by_hash([entry.medium] if entry.medium else [])
        specs = [spec for spec in addressee.takes if spec.role is role]
        if not specs or entry.medium not in media:
            raise NotAwaited(addressee.id)
        given = [Given(role, media[entry.medium])]
        if all(judge([spec], given) for spec in specs):
            raise Unfit(judge(specs[:1], given))


def _may_be_paper(entry: TrayEntry) -> bool:
    """A document, or a picture posted as such: what was packed into an archive is photos."""
    picture = entry.role == PHOTO_ROLE and entry.medium is not None and "#" not in entry.source
    return picture or entry.role == UNSORTED_ROLE


def _unasked(entry: TrayEntry) -> TrayEntry:
    if entry.role != UNSORTED_ROLE:
        return entry
    return replace(entry, medium=None, role=PHOTO_ROLE, refusal=Refusal.PAPER_UNASKED)


def _missing(takes: Iterable[InputSpec], have: Collection[Role]) -> tuple[Role, ...]:
    needed = (spec.role for spec in takes if spec.min and spec.role not in have)
    return tuple(dict.fromkeys(needed))


def _own(tx: Tx, envelope_id: str, owner: str | None) -> Tray:
    try:
        envelope = tx.trays.get(envelope_id)
    except NotFound as error:
        raise NoSuchThing(envelope_id) from error
    if owner is not None and envelope.owner != owner:
        raise NotYours(envelope_id)
    return envelope


def _numbered(tx: Tx, envelope: Tray, numbers: Collection[int] | None) -> list[TrayEntry]:
    """Those of an envelope that nothing is decided about yet."""
    return [
        one
        for one in tx.trays.entries(envelope.id)
        if one.role == UNSORTED_ROLE and (numbers is None or one.ordinal in numbers)
    ]


def _end_if_empty(tx: Tx, envelope: Tray) -> None:
    if not tx.trays.entries(envelope.id):
        tx.trays.close(envelope.id, TrayState.DISCARDED)
