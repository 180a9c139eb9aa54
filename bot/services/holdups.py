"""Forms that are held up: a file of theirs cannot be used, so nothing begins until their owner has chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bot.services.cards import refresh_papers, refresh_tray, show_held_up, show_tray
from bot.services.errors import (
    BadWish,
    DomainError,
    LookFirst,
    NoSuchThing,
    NotYours,
    TrayClosed,
    Unfit,
    VendorNotOffered,
)
from bot.services.inputs import ASKED_ON_FORM, PRIVATE, Given, Lacking, Role, judge
from bot.services.notifier import Clock
from bot.services.training import Training, Wish, make_room
from bot.services.trays import joined, refuse_public_papers
from bot.services.vendors import Vendors
from storage import Store, Tx
from storage.errors import NotFound
from storage.records.inbox import InboxItem
from storage.records.jobs import Job
from storage.records.media import Refusal
from storage.records.places import direct
from storage.records.trays import Tray, TrayEntry, TrayState

_LOOKS = "looks"
"""Beside the wish that a tray keeps: its photos are to be looked at, so that no press begins at once."""
_AS_REFUSED = {
    Lacking.TOO_LARGE: Refusal.TOO_LARGE,
    Lacking.TOO_SMALL: Refusal.TOO_SMALL,
    Lacking.MEDIA_TYPE: Refusal.WRONG_KIND,
}


@dataclass(frozen=True, slots=True)
class HoldupView:
    """A form that is held up, for its owner's eyes alone."""

    tray_id: str
    state: TrayState
    form: str
    """Which form the tray waits for; empty where it waits for none any more."""
    name: str
    label: str
    """The vendor's name as people know it."""
    astray: tuple[TrayEntry, ...]
    """What came with it and cannot be used, photos aside."""
    kept: tuple[Role, ...]
    """What came with it and is well, photos aside."""
    needed: tuple[Role, ...]
    """Of what went astray: that without which the vendor takes nothing."""
    photos: bool
    """Photos are to be looked at as well."""
    can_go_on: bool
    """What is at hand would be taken as it is, without what went astray."""


class Holdups:
    """Keeps a form's wish and what is well of its files, until its owner has chosen."""

    def __init__(self, store: Store, vendors: Vendors, training: Training, nudge: Clock) -> None:
        self._store = store
        self._vendors = vendors
        self._training = training
        self._nudge = nudge

    async def hold(
        self,
        wish: Wish,
        entries: Sequence[TrayEntry],
        item: InboxItem,
        why: DomainError,
        tray_id: str | None = None,
    ) -> None:
        """Keep what a form asked for and brought, which could not begin, and say so; `item` is worked off.

        Papers and recordings are kept only where there is something to go on with: else they are erased.
        Raises StaleState.
        """
        refuse_public_papers(wish.owner, entries, through=direct(wish.owner))
        can_go_on = isinstance(why, (LookFirst, Unfit, BadWish, VendorNotOffered))

        def unit(tx: Tx) -> None:
            tray = _still_open(tx, wish, tray_id) or joined(tx, wish.owner, wish.place, item.id)
            tray = tray or tx.trays.open(wish.owner, wish.place)
            kept = [one for one in self._as_wanted(tx, wish, entries) if can_go_on or one.role not in PRIVATE]
            gone = make_room(tx, tray.id, kept)
            tx.trays.add(tray.id, kept)
            brought = {one.medium for one in entries if one.medium and one.role in ASKED_ON_FORM}
            # Only now: the same bytes may have come again.
            tx.inputs.doom({*gone, *brought})
            photos = isinstance(why, LookFirst) and why.photos
            tx.trays.remember(tray.id, asdict(wish) | {_LOOKS: photos})
            show_tray(tx, tray.id, owner=wish.owner, place=wish.place)
            if any(one.role in ASKED_ON_FORM for one in kept):
                show_held_up(tx, tray.id, owner=wish.owner, form=wish.request_key)
            if any(one.role in PRIVATE for one in kept):
                refresh_papers(tx, wish.owner)
            tx.inbox.done(item)

        await self._store.write(unit)
        self._nudge("outbox")
        self._nudge("erase")

    async def view(self, tray_id: str) -> HoldupView:
        """A tray that waits for its owner's choice, or what became of it. Raises NoSuchThing."""

        def unit(tx: Tx) -> HoldupView:
            tray = _tray(tx, tray_id)
            entries = tx.trays.entries(tray_id)
            wish = _wish(tray)
            job = tx.jobs.get(tray.job_id) if tray.job_id else None
            astray = tuple(one for one in entries if one.refusal and one.role in ASKED_ON_FORM)
            have = {one.role for one in entries if one.medium and one.role in ASKED_ON_FORM}
            ways = self._vendors.ways()
            offer = next((one for one in ways if wish and one.way == wish.way), None)
            needed = {spec.role for spec in offer.takes if spec.min} if offer else set()
            return HoldupView(
                tray_id=tray.id,
                state=tray.state,
                form=wish.request_key if wish else "",
                name=wish.name if wish else job.name if job else "",
                label=offer.label if offer else "",
                astray=astray,
                kept=tuple(role for role in Role if role in have),
                needed=tuple(Role(one.role) for one in astray if one.role in needed - have),
                photos=bool(tray.wish and tray.wish.get(_LOOKS)),
                can_go_on=bool(astray) and wish is not None and self._would_begin(tx, tray, wish),
            )

        return await self._store.read(unit)

    async def go_on(self, tray_id: str, form: str, owner: str) -> Job:
        """Begin what this form asked for without what went astray; presses are one wish.

        Raises NoSuchThing, NotYours, TrayClosed, LookFirst where it is not this form that waits or its photos
        are to be looked at first, and what `Training.start` raises.
        """

        def unit(tx: Tx) -> Job:
            tray = _tray(tx, tray_id)
            if tray.owner != owner:
                raise NotYours(tray_id)
            if tray.state is TrayState.USED and tray.job_id:
                refresh_tray(tx, tray_id)
                return tx.jobs.get(tray.job_id)
            if tray.state is not TrayState.OPEN:
                raise TrayClosed(tray_id)
            wish = _wish(tray)
            if wish is None or wish.request_key != form or (tray.wish or {}).get(_LOOKS):
                raise LookFirst(tray_id)
            return self._training.begin(tx, wish, tray_id)

        job = await self._store.write(unit)
        for tick in ("submit", "outbox", "erase"):
            self._nudge(tick)
        return job

    def _would_begin(self, tx: Tx, tray: Tray, wish: Wish) -> bool:
        if tray.state is not TrayState.OPEN or (tray.wish or {}).get(_LOOKS):
            return False
        try:
            self._training.inputs_for(tx, wish, self._training.validate(wish), tray.id)
        except DomainError:
            return False
        return True

    def _as_wanted(self, tx: Tx, wish: Wish, entries: Sequence[TrayEntry]) -> list[TrayEntry]:
        """What this vendor would not take of the form's own files is refused: the form asks for it again."""
        takes = {one.way: one.takes for one in self._vendors.ways()}.get(wish.way, ())
        specs = {spec.role.value: spec for spec in takes if spec.role in ASKED_ON_FORM}
        media = tx.inputs.by_hash(one.medium for one in entries if one.medium and one.role in specs)
        judged = []
        for one in entries:
            if one.medium in media and one.role in specs:
                medium = media[one.medium]
                lacks = judge([specs[one.role]], [Given(one.role, medium)])
                if bad := [lack for lack in lacks if not lack.probable and lack.rule in _AS_REFUSED]:
                    why = _AS_REFUSED[bad[0].rule]
                    width, height = medium.width, medium.height
                    judged.append(replace(one, medium=None, refusal=why, width=width, height=height))
                    continue
            judged.append(one)
        return judged


def _tray(tx: Tx, tray_id: str) -> Tray:
    try:
        return tx.trays.get(tray_id)
    except NotFound as error:
        raise NoSuchThing(tray_id) from error


def _still_open(tx: Tx, wish: Wish, tray_id: str | None) -> Tray | None:
    """The tray of the form, where it can still take something in."""
    try:
        tray = tx.trays.get(tray_id or "")
    except NotFound:
        return None
    return tray if tray.owner == wish.owner and tray.state is TrayState.OPEN else None


def _wish(tray: Tray) -> Wish | None:
    """What a form asked for that is held up; None where none is, or an older version kept less of it."""
    known: dict[str, Any] = {name: value for name, value in (tray.wish or {}).items() if name != _LOOKS}
    return Wish(**known) if "request_key" in known else None
