"""Trays: what one person has gathered in one place, and what is still missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.services.errors import NoSuchThing, NotYours, TrayClosed
from bot.services.vendors import Offer, Vendors
from storage import Store, Tx
from storage.errors import NotFound
from storage.records import InboxItem, NoticeKind, Tray, TrayEntry, TrayState


@dataclass(frozen=True, slots=True)
class TrayView:
    """A tray with everything a message about it needs."""

    tray: Tray
    entries: tuple[TrayEntry, ...]
    offers: tuple[Offer, ...]

    @property
    def usable(self) -> tuple[str, ...]:
        """The photos, each once, in order."""
        return tuple(dict.fromkeys(entry.photo for entry in self.entries if entry.photo))

    @property
    def needed(self) -> int:
        """Photos the least demanding vendor still wants; 0 when one would take the set."""
        least = min((offer.photos_min for offer in self.offers), default=1)
        return max(0, least - len(self.usable))


class Trays:
    """Keeps what is posted until a training starts."""

    def __init__(self, store: Store, vendors: Vendors) -> None:
        self._store = store
        self._vendors = vendors

    async def gathers(self, owner: str, place: str) -> bool:
        """Whether this person has an open tray here."""
        return await self._store.read(lambda tx: tx.trays.find_open(owner, place)) is not None

    async def receive(self, owner: str, place: str, entries: Sequence[TrayEntry], item: InboxItem) -> Tray:
        """Put files into this person's tray here; `item`, which brought them, is worked off."""

        def unit(tx: Tx) -> Tray:
            tray = tx.trays.open(owner, place)
            tx.trays.add(tray.id, entries)
            key = f"tray:{tray.id}"
            tx.outbox.put(key, NoticeKind.TRAY, owner=owner, place=place, tray_id=tray.id)
            tx.outbox.touch(key)
            tx.inbox.done(item)
            return tray

        return await self._store.write(unit)

    async def view(self, tray_id: str, owner: str | None = None) -> TrayView:
        """A tray as it stands. Raises NoSuchThing, and NotYours for anybody but `owner`."""

        def unit(tx: Tx) -> tuple[Tray, list[TrayEntry]]:
            return tx.trays.get(tray_id), tx.trays.entries(tray_id)

        try:
            tray, entries = await self._store.read(unit)
        except NotFound as error:
            raise NoSuchThing(tray_id) from error
        if owner is not None and tray.owner != owner:
            raise NotYours(tray_id)
        return TrayView(tray, tuple(entries), tuple(self._vendors.offers()))

    async def discard(self, tray_id: str, owner: str) -> None:
        """Throw a tray away; its photos go with the next sweep. Raises NoSuchThing, NotYours, TrayClosed."""
        await self.view(tray_id, owner)

        def unit(tx: Tx) -> bool:
            closed = tx.trays.close(tray_id, TrayState.DISCARDED)
            tx.outbox.touch(f"tray:{tray_id}")
            return closed

        if not await self._store.write(unit):
            raise TrayClosed(tray_id)
