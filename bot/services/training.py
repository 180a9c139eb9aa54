"""Training, and one-shots: from a wish to a row that the runner will carry to a vendor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.services.cards import refresh_papers, refresh_tray, show_card
from bot.services.errors import BadWish, LookFirst, NoSuchThing, NotYours, TrayClosed, Unfit
from bot.services.inputs import ASKED_ON_FORM, PRIVATE, Given, fitting, judge, picked
from bot.services.notifier import Clock
from bot.services.options import checked
from bot.services.trays import given_of, refuse_public_papers
from bot.services.vendors import Making, Offer, Vendors
from bot.services.verdicts import Mark, is_person, looks_of, verdict_on, well_only
from storage import Store, Tx
from storage.errors import NotFound
from storage.records.ids import new_id
from storage.records.inbox import InboxItem
from storage.records.jobs import Job, JobKind, NewJob, lane_name
from storage.records.places import direct
from storage.records.trays import TrayEntry, TrayState

NAME_MAX = 60
"""Characters."""
SEED_MAX = 2**31 - 1
CONSENT_VERSION = "2026-11"
"""Changes whenever the words of the consent line change in meaning."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person filled in. Every field is plain, so that a form can be kept as JSON."""

    owner: str
    name: str
    subject: str
    way: str
    """Of an offer."""
    prompt: str
    count: int
    consent: bool
    place: str
    """Where the card stands."""
    pictures_place: str
    """Where the results are posted."""
    request_key: str
    """The same wish has the same key, however often it is delivered."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The vendor's parameters of the training (`Offer.options`), by name, as typed."""
    making: Mapping[str, Any] = field(default_factory=dict)
    """Those of what is made (`Offer.makes.options`): after the training, or by the one-shot."""
    seed: int | None = None
    pick: str = ""
    """The hash of the one photo that is meant, where the vendor takes fewer than there are."""
    well_only: bool = False
    """Leave out the photos of the tray that there is a doubt about."""


class Training:
    """Starts what begins with inputs: trainings, and one-shots."""

    def __init__(self, store: Store, vendors: Vendors, nudge: Clock) -> None:
        self._store = store
        self._vendors = vendors
        self._nudge = nudge

    def validate(self, wish: Wish, brings: Iterable[str] | None = None) -> Offer:
        """Refuse what can be refused without looking at inputs. Raises BadWish and VendorNotOffered.

        `brings` are the roles of all that will be there, where that is known.
        """
        if not wish.name.strip():
            raise BadWish("name", "empty")
        if len(wish.name) > NAME_MAX:
            raise BadWish("name", "too_long", NAME_MAX)
        offer = self._vendors.offer(wish.way)
        if wish.subject not in offer.subjects:
            raise BadWish("subject", "unknown")
        checked(offer.options, wish.options, prefix="option")
        if offer.makes:
            chosen = check_making(offer.makes, wish.prompt, wish.count, wish.making, wish.seed)
            if brings is not None:
                check_either(offer.makes, chosen, brings)
        if not wish.consent:
            raise BadWish("consent", "missing")
        return offer

    def hold_to_options(self, wish: Wish, offer: Offer, at_hand: Sequence[Given]) -> None:
        """Hold what is there already against what the options that were chosen want of it. Raises Unfit.

        A form that brings files is judged as a whole once they are looked at: too late to say this on it.
        """
        if offer.inputs_by is None:
            return
        there = {one.role for one in at_hand}
        takes = offer.taking(self._spec(wish, offer)["options"])
        wanted = [spec for spec in takes if spec.role in there and spec not in offer.takes]
        if lacks := [lack for lack in judge(wanted, at_hand) if not lack.probable and not lack.picks]:
            raise Unfit(lacks)

    async def start(self, wish: Wish, tray_id: str) -> Job:
        """Start a job with what is in a tray; the same wish again returns the same job.

        Raises BadWish, VendorNotOffered, NoSuchThing, NotYours, TrayClosed, Unfit.
        """
        offer = self.validate(wish)
        job = await self._store.write(lambda tx: self._start(tx, wish, offer, tray_id))
        self._nudge("submit")
        self._nudge("outbox")
        return job

    async def start_with(
        self, wish: Wish, entries: Sequence[TrayEntry], item: InboxItem, tray_id: str | None = None
    ) -> Job:
        """Start a job with inputs that came with the wish's form, beside those of a tray where one is named.

        `item` is worked off in the same step. Raises as `start` does, and LookFirst where not every file
        that came is well; then nothing is kept and `item` is still to be worked off.
        """
        offer = self.validate(wish)
        refuse_public_papers(wish.owner, entries, through=direct(wish.owner))

        def unit(tx: Tx) -> Job:
            job = self._earlier(tx, wish)
            if job is None:
                chosen = tray_id or tx.trays.open(wish.owner, f"{wish.place}{item.id}").id
                self._own(tx, wish.owner, chosen)
                gone = make_room(tx, chosen, entries)
                tx.trays.add(chosen, entries)
                # Only now: the same bytes may have come again.
                tx.inputs.doom(gone)
                self._look(tx, chosen, entries, wish.subject)
                job = self._start(tx, wish, offer, chosen)
            tx.inbox.done(item)
            return job

        job = await self._store.write(unit)
        for tick in ("submit", "outbox", "erase"):
            self._nudge(tick)
        return job

    def begin(self, tx: Tx, wish: Wish, tray_id: str) -> Job:
        """Start a job with what is in a tray, as part of a larger step. Raises as `start` does."""
        return self._start(tx, wish, self.validate(wish), tray_id)

    def inputs_for(self, tx: Tx, wish: Wish, offer: Offer, tray_id: str) -> tuple[tuple[str, str], ...]:
        """What a job would be given of a tray, (role, hash) each. Raises Unfit and BadWish."""
        entries = tx.trays.entries(tray_id)
        media, looks = tx.inputs.by_hash(e.medium for e in entries if e.medium), looks_of(tx, entries)
        chosen = well_only(entries, looks) if wish.well_only else entries
        spec = self._spec(wish, offer)
        takes = offer.taking(spec["options"])
        inputs = fitting(takes, picked(takes, given_of(chosen, media, looks), wish.pick))
        if offer.kind is JobKind.TRAINING:
            self._vendors.check_size(offer.way, wish.options, len(inputs))
        if offer.makes:
            making = spec["options" if offer.kind is JobKind.ONESHOT else "making"]
            check_either(offer.makes, making, [role for role, _ in inputs])
        return inputs

    def _start(self, tx: Tx, wish: Wish, offer: Offer, tray_id: str) -> Job:
        tray = self._own(tx, wish.owner, tray_id)
        if earlier := self._earlier(tx, wish):
            return earlier
        if tray.state is not TrayState.OPEN:
            raise TrayClosed(tray_id)
        inputs = self.inputs_for(tx, wish, offer, tray_id)
        made = new_id("job")
        job = tx.jobs.insert(
            NewJob(
                id=made,
                kind=offer.kind,
                root_id=made,
                owner=wish.owner,
                place=wish.place,
                pictures_place=wish.pictures_place,
                provider=offer.provider,
                name=wish.name.strip(),
                subject=wish.subject,
                spec=self._spec(wish, offer) | {"gave": roles_of(inputs)},
                request_key=wish.request_key,
                serial=serial(offer.provider, offer.kind, made),
                inputs=inputs,
            )
        )
        if any(one.role in PRIVATE for one in tx.trays.entries(tray_id)):
            # Those that this vendor does not ask for are of no use any more.
            tx.inputs.let_go(tray_id, roles=PRIVATE - {role for role, _ in inputs})
            refresh_papers(tx, wish.owner)
        tx.trays.close(tray_id, TrayState.USED, job.id)
        refresh_tray(tx, tray_id)
        show_card(tx, job)
        return job

    @staticmethod
    def _look(tx: Tx, tray_id: str, brought: Sequence[TrayEntry], subject: str) -> None:
        """Nobody has read the verdict on what a form brought: where it is not good it comes first.

        That goes for what need not be given as well: who gave it has not asked for a job without it.
        """
        known, new = tx.trays.entries(tray_id), {one.source for one in brought}
        verdict = verdict_on(known, looks_of(tx, known))
        verdict, wrong = (verdict, verdict.no_portraits) if is_person(subject) else (verdict.faceless, ())
        odd = {number for numbers in wrong for number in numbers}
        odd |= {one.number for one in verdict.photos if one.mark is not Mark.WELL}
        photos = any(
            one.number in odd for one in verdict.photos if one.entry.source in new and one.again is None
        )
        if photos or any(one.refusal for one in brought):
            raise LookFirst(tray_id, photos=photos)

    @staticmethod
    def _earlier(tx: Tx, wish: Wish) -> Job | None:
        """The job of this very wish, if it was delivered before."""
        found = tx.jobs.asked_for(wish.request_key)
        return found if found is not None and found.owner == wish.owner else None

    @staticmethod
    def _own(tx: Tx, owner: str, tray_id: str) -> Any:
        try:
            tray = tx.trays.get(tray_id)
        except NotFound as error:
            raise NoSuchThing(tray_id) from error
        if tray.owner != owner:
            raise NotYours(tray_id)
        return tray

    def _spec(self, wish: Wish, offer: Offer) -> dict[str, Any]:
        made = offer.makes
        making = checked(made.options, wish.making, prefix="making") if made else {}
        own = (
            making if offer.kind is JobKind.ONESHOT else checked(offer.options, wish.options, prefix="option")
        )
        return {
            "prompt": wish.prompt.strip() if made else "",
            "count": wish.count if made else 0,
            "seed": wish.seed,
            "options": own,
            "making": {} if offer.kind is JobKind.ONESHOT else making,
            "consent": {
                "version": CONSENT_VERSION,
                "by": wish.owner,
                "at": self._store.now().isoformat(),
                "provider": offer.provider,
            },
        }


def make_room(tx: Tx, tray_id: str, brought: Sequence[TrayEntry]) -> list[str]:
    """What a form brings takes the place of what came for it before: a paper, or a file that was refused.

    Returns the hashes of those whose bytes may be erased for it, once what is brought is in the tray.
    """
    roles = {one.role for one in brought if one.role in ASKED_ON_FORM}
    well = {one.role for one in brought if one.medium}
    before = [
        one.source
        for one in tx.trays.entries(tray_id)
        if one.role in roles and (one.role in well or one.medium is None)
    ]
    return tx.trays.remove(tray_id, before) if before else []


def roles_of(inputs: Iterable[tuple[str, str]]) -> list[str]:
    """What a job is given, as it stands in its request: tried again with less it would be another."""
    return sorted({role for role, _ in inputs})


def check_making(
    making: Making, prompt: str, count: int, options: Mapping[str, Any], seed: int | None
) -> dict[str, Any]:
    """What is wished for to be made, against what the vendor makes; returns the options. Raises BadWish."""
    if making.prompt_max and not prompt.strip():
        raise BadWish("prompt", "empty" if making.prompt_means == "picture" else "unsaid")
    if making.prompt_max and len(prompt) > making.prompt_max:
        raise BadWish("prompt", "too_long", making.prompt_max)
    if barred := [sign for sign in making.prompt_bars if sign in prompt]:
        raise BadWish("prompt", "barred", words=" and ".join(barred))
    if not 1 <= count <= making.count_max:
        raise BadWish("count", "out_of_range", making.count_max)
    if seed is not None and not 0 <= seed <= SEED_MAX:
        raise BadWish("seed", "out_of_range", SEED_MAX)
    return checked(making.options, options, prefix="making")


def check_either(making: Making, options: Mapping[str, Any], roles: Iterable[str]) -> None:
    """What stands for one another: one of the two, and not both. Raises BadWish."""
    if making.either is None:
        return
    option, role = making.either
    given = (options.get(option) is not None) + (role in set(roles))
    if given != 1:
        raise BadWish(f"making.{option}", "both" if given else "neither")


def serial(provider: str, kind: JobKind, job_id: str) -> str:
    """A training is found again by its key. Of a one-shot that is not sure: one at a time is being sent."""
    return job_id if kind is JobKind.TRAINING else lane_name(provider, kind)
