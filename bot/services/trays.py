"""Trays: what one person has gathered in one place, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.services.cards import refresh_papers, refresh_tray, show_looking, show_tray, tray_key
from bot.services.errors import NoSuchThing, NotPrivate, NotYours, TrayClosed
from bot.services.inputs import ASKED_ON_FORM, PAPERS, PRIVATE, Given, Lack, Lacking, Role
from bot.services.notifier import Clock
from bot.services.vendors import Offer, Vendors
from bot.services.verdicts import Looks, Mark, Verdict, judged, looks_of
from storage import Store, Tx
from storage.errors import NotFound
from storage.records.inbox import InboxItem
from storage.records.jobs import Job, JobKind
from storage.records.media import Medium
from storage.records.places import direct
from storage.records.trays import Tray, TrayEntry, TrayState


@dataclass(frozen=True, slots=True)
class TrayView:
    """A tray with everything a message about it needs. What is private is in none, nor in `entries`."""

    tray: Tray
    entries: tuple[TrayEntry, ...]
    offers: tuple[Offer, ...]
    media: dict[str, Medium]
    """What the entries hold, by hash."""
    private: tuple[Given, ...] = ()
    """The papers and recordings in hand, without their numbers; to be told to the owner alone."""
    astray: tuple[TrayEntry, ...] = ()
    """What a form brought and cannot be used, photos aside; to be told to the owner alone."""
    verdict: Verdict = field(default_factory=lambda: Verdict(()))
    """How the photos among the entries stand."""
    looked: str = ""
    """The vendor that has looked at some of the entries itself and would not have them."""
    used_for: JobKind | None = None
    """What was started with it, once it is used."""
    used_count: int = 0
    """How many images that is to make."""
    used_for_clip: bool = False
    """Whether it makes a clip and no images."""

    @property
    def papers(self) -> frozenset[Role]:
        """Which papers are in hand; to be told to the owner alone."""
        return PAPERS & {Role(one.role) for one in self.private}

    @property
    def usable(self) -> tuple[str, ...]:
        """The media, each once, in order."""
        return tuple(dict.fromkeys(entry.medium for entry in self.entries if entry.medium))

    @property
    def given(self) -> tuple[Given, ...]:
        """The same as an offer judges it."""
        return self._given(self.entries)

    @property
    def well(self) -> tuple[Given, ...]:
        """Only what there is no doubt about."""
        usable = {photo.entry.source for photo in self.verdict.marked(Mark.WELL)}
        return self._given([one for one in self.entries if one.role != Role.PHOTO or one.source in usable])

    def _given(self, entries: Sequence[TrayEntry]) -> tuple[Given, ...]:
        return given_of(
            entries, self.media, {p.entry.medium or "": p.look for p in self.verdict.photos if p.look}
        )

    @property
    def needed(self) -> int:
        """Photos the least demanding vendor still wants; 0 when one would take the set."""
        if any(not self.lacks(offer) for offer in self.offers):
            return 0
        few = [
            int(lack.limit - lack.have)
            for offer in self.offers
            for lack in self.lacks(offer)
            if lack.role is Role.PHOTO and lack.rule in {Lacking.TOO_FEW, Lacking.WRONG_KIND}
        ]
        return min(few, default=0 if self.usable else 1)

    @property
    def wants_video(self) -> bool:
        """Whether a video is what is missing, and photos would help with no vendor."""
        roles = {lack.role for offer in self.offers for lack in self.lacks(offer)}
        return Role.VIDEO in roles and Role.PHOTO not in roles

    def lacks(self, offer: Offer, given: Sequence[Given] | None = None) -> list[Lack]:
        """What keeps an offer from taking the set, or what is given of it, beside what its form asks for."""
        chosen = self.given if given is None else given
        return [lack for lack in offer.lacks(chosen) if not lack.can_follow]


class Trays:
    """Keeps what is posted until a job starts."""

    def __init__(self, store: Store, vendors: Vendors, nudge: Clock) -> None:
        self._store = store
        self._vendors = vendors
        self._nudge = nudge

    async def gathers(self, owner: str, place: str) -> bool:
        """Whether this person has an open tray here."""
        return await self._store.read(lambda tx: tx.trays.find_open(owner, place)) is not None

    async def find(self, owner: str, place: str) -> TrayView | None:
        """This person's open tray here, if there is one."""
        tray = await self._store.read(lambda tx: tx.trays.find_open(owner, place))
        return await self.view(tray.id, owner) if tray else None

    async def receive(
        self,
        owner: str,
        place: str,
        entries: Sequence[TrayEntry],
        item: InboxItem,
        *,
        through: str | None = None,
        without: Sequence[str] = (),
    ) -> Tray:
        """Put files into this person's tray here; `item`, which brought them, is worked off.

        `through` is where the files themselves came by, where that is not `place`: a form is as private as
        `direct(owner)`. What is in the tray under a `source` of `without` makes room, and is erased at once.

        Raises NotPrivate for what is private and came another way; `item` is still to be worked off.
        """
        refuse_public_papers(owner, entries, through=place if through is None else through)

        def unit(tx: Tx) -> Tray:
            tray = tx.trays.open(owner, place)
            gone = tx.trays.remove(tray.id, without) if without else []
            tx.trays.add(tray.id, entries)
            # Only now: the same bytes may have come again.
            tx.inputs.doom(gone)
            show_tray(tx, tray.id, owner=owner, place=place)
            tx.inbox.done(item)
            return tray

        tray = await self._store.write(unit)
        if without:
            self._nudge("erase")
        return tray

    async def looking(self, owner: str, place: str, looked: int, of: int, *, apart: str = "") -> None:
        """So many files of an archive were looked at: said in the tray's message here, if it takes longer.

        `apart` is the item of a form that brought it: nothing else joins these photos before it is known
        whether it begins with them.
        """

        def unit(tx: Tx) -> None:
            tray = tx.trays.open(owner, f"{place}{apart}")
            show_looking(tx, tray.id, owner=owner, place=place, looked=looked, of=of)

        await self._store.write(unit)
        self._nudge("outbox")

    async def view(self, tray_id: str, owner: str | None = None) -> TrayView:
        """A tray as it stands. Raises NoSuchThing, and NotYours for anybody but `owner`."""

        def unit(tx: Tx) -> tuple[Tray, list[TrayEntry], dict[str, Medium], Looks, Job | None]:
            tray, entries = tx.trays.get(tray_id), tx.trays.entries(tray_id)
            media = tx.inputs.by_hash(entry.medium for entry in entries if entry.medium)
            job = tx.jobs.get(tray.job_id) if tray.job_id else None
            return tray, entries, media, looks_of(tx, entries), job

        try:
            tray, entries, media, looks, job = await self._store.read(unit)
        except NotFound as error:
            raise NoSuchThing(tray_id) from error
        if owner is not None and tray.owner != owner:
            raise NotYours(tray_id)
        shown = tuple(entry for entry in entries if entry.role not in PRIVATE)
        private = {entry.role: entry.medium for entry in entries if entry.role in PRIVATE and entry.medium}
        looked = job.provider if job and any(entry.finding is not None for entry in entries) else ""
        return TrayView(
            tray=tray,
            entries=shown,
            offers=tuple(await self._vendors.offers()),
            media=media,
            private=tuple(Given(role, media[sha]) for role, sha in private.items() if sha in media),
            astray=tuple(entry for entry in entries if entry.refusal and entry.role in ASKED_ON_FORM),
            verdict=await judged(shown, looks),
            looked=self._vendors.label(looked) if looked else "",
            used_for=job.kind if job and tray.state is TrayState.USED else None,
            used_count=int(job.spec.get("count") or 0) if job else 0,
            used_for_clip=bool(job and self._vendors.makes_clips(job)),
        )

    async def open_of(self, tray_id: str, owner: str) -> TrayView:
        """This person's tray, which must be open. Raises NoSuchThing, NotYours, TrayClosed."""
        view = await self.view(tray_id, owner)
        if view.tray.state is not TrayState.OPEN:
            raise TrayClosed(tray_id)
        return view

    async def remove(self, tray_id: str, owner: str, sources: Sequence[str]) -> None:
        """Take files out of a tray, by their `source`; they go at once, as with `discard`.

        Raises NoSuchThing, NotYours, TrayClosed.
        """
        await self.open_of(tray_id, owner)

        def unit(tx: Tx) -> None:
            tx.inputs.doom(tx.trays.remove(tray_id, sources))
            refresh_tray(tx, tray_id)

        await self._store.write(unit)
        self._nudge("outbox")
        self._nudge("erase")

    async def discard(self, tray_id: str, owner: str) -> None:
        """Throw a tray away; what it held goes at once, but for what a job or another tray needs.

        Raises NoSuchThing, NotYours, TrayClosed.
        """
        await self.view(tray_id, owner)

        def unit(tx: Tx) -> bool:
            is_open = tx.trays.get(tray_id).state is TrayState.OPEN
            if is_open:
                if any(one.role in PRIVATE for one in tx.trays.entries(tray_id)):
                    refresh_papers(tx, owner)
                tx.inputs.doom(tx.trays.remove(tray_id))
                tx.trays.close(tray_id, TrayState.DISCARDED)
            refresh_tray(tx, tray_id)
            return is_open

        if not await self._store.write(unit):
            raise TrayClosed(tray_id)
        self._nudge("erase")


def joined(tx: Tx, owner: str, place: str, apart: str) -> Tray | None:
    """The tray that a form has begun apart, from now on one like any other here; None where it began none."""
    tray = tx.trays.find_open(owner, f"{place}{apart}")
    if tray is None:
        return None
    told = tx.outbox.find(tray_key(tray.id))
    stands = told.message if told else None
    if not stands and tx.trays.find_open(owner, place):
        tx.trays.close(tray.id, TrayState.DISCARDED)  # Nothing was said of it yet, and nothing will be.
        return None
    tx.trays.move(tray.id, stands or place)
    return tx.trays.get(tray.id)


def given_of(entries: Sequence[TrayEntry], media: Mapping[str, Medium], looks: Looks) -> tuple[Given, ...]:
    """What entries hold, each once, as a vendor's limits are held against it."""
    first: dict[tuple[str, str], int] = {}
    for entry in entries:
        if entry.medium in media:
            first.setdefault((entry.role, entry.medium or ""), entry.ordinal)
    faces = {sha256: look.faces for sha256, look in looks.items()}
    return tuple(
        Given(role, media[sha256], number, faces.get(sha256)) for (role, sha256), number in first.items()
    )


def refuse_public_papers(owner: str, entries: Sequence[TrayEntry], *, through: str) -> None:
    """Raises NotPrivate where papers or recordings came by a way that others may read."""
    if through != direct(owner) and any(entry.role in PRIVATE for entry in entries):
        raise NotPrivate(owner)
