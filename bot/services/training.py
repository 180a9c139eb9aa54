"""Training: from a wish to a row that the runner will carry to a vendor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.services.cards import show_card
from bot.services.errors import (
    BadWish,
    NoSuchThing,
    NotEnoughPhotos,
    NotYours,
    TooManyPhotos,
    TrayClosed,
)
from bot.services.notifier import Clock
from bot.services.vendors import Offer, Vendors
from storage import Store, Tx
from storage.errors import NotFound
from storage.records import InboxItem, Job, JobKind, NewJob, TrayEntry, TrayState, new_id

NAME_MAX = 60
"""Characters."""
CONSENT_VERSION = "2026-11"
"""Changes whenever the words of the consent line change in meaning."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person filled in."""

    owner: str
    name: str
    subject: str
    provider: str
    prompt: str
    count: int
    consent: bool
    place: str
    """Where the card stands."""
    pictures_place: str
    """Where the generated images are posted."""
    request_key: str
    """The same wish has the same key, however often it is delivered."""


class Training:
    """Starts trainings."""

    def __init__(self, store: Store, vendors: Vendors, nudge: Clock) -> None:
        self._store = store
        self._vendors = vendors
        self._nudge = nudge

    def validate(self, wish: Wish) -> Offer:
        """Refuse what can be refused without looking at photos. Raises BadWish and VendorNotOffered."""
        if not wish.name.strip():
            raise BadWish("name", "empty")
        if len(wish.name) > NAME_MAX:
            raise BadWish("name", "too_long", NAME_MAX)
        offer = self._vendors.offer(wish.provider)
        if wish.subject not in offer.subjects:
            raise BadWish("subject", "unknown")
        if offer.prompt_max:
            if not wish.prompt.strip():
                raise BadWish("prompt", "empty")
            if len(wish.prompt) > offer.prompt_max:
                raise BadWish("prompt", "too_long", offer.prompt_max)
            if not 1 <= wish.count <= offer.count_max:
                raise BadWish("count", "out_of_range", offer.count_max)
        if not wish.consent:
            raise BadWish("consent", "missing")
        return offer

    async def start(self, wish: Wish, tray_id: str) -> Job:
        """Start a training with the photos of a tray; the same wish again returns the same job.

        Raises BadWish, VendorNotOffered, NoSuchThing, NotYours, TrayClosed, NotEnoughPhotos, TooManyPhotos.
        """
        offer = self.validate(wish)
        job = await self._store.write(lambda tx: self._start(tx, wish, offer, tray_id))
        self._nudge("submit")
        self._nudge("outbox")
        return job

    async def start_with(self, wish: Wish, entries: list[TrayEntry], item: InboxItem) -> Job:
        """Start a training with photos that came with the wish; `item` is worked off in the same step.

        Raises as `start` does, and then nothing is kept and `item` is still to be worked off.
        """
        offer = self.validate(wish)

        def unit(tx: Tx) -> Job:
            tray = tx.trays.open(wish.owner, f"{wish.place}{item.id}")
            tx.trays.add(tray.id, entries)
            job = self._start(tx, wish, offer, tray.id)
            tx.inbox.done(item)
            return job

        job = await self._store.write(unit)
        self._nudge("submit")
        self._nudge("outbox")
        return job

    def _start(self, tx: Tx, wish: Wish, offer: Offer, tray_id: str) -> Job:
        try:
            tray = tx.trays.get(tray_id)
        except NotFound as error:
            raise NoSuchThing(tray_id) from error
        if tray.owner != wish.owner:
            raise NotYours(tray_id)
        photos = tuple(dict.fromkeys(entry.photo for entry in tx.trays.entries(tray_id) if entry.photo))
        if tray.state is not TrayState.OPEN:
            earlier = tx.jobs.get(tray.job_id) if tray.job_id else None
            if earlier is not None and earlier.request_key == wish.request_key:
                return earlier
            raise TrayClosed(tray_id)
        if len(photos) < offer.photos_min:
            raise NotEnoughPhotos(have=len(photos), need=offer.photos_min)
        if len(photos) > offer.photos_max:
            raise TooManyPhotos(have=len(photos), most=offer.photos_max)
        made = new_id("job")
        job = tx.jobs.insert(
            NewJob(
                id=made,
                kind=JobKind.TRAINING,
                root_id=made,
                owner=wish.owner,
                place=wish.place,
                pictures_place=wish.pictures_place,
                provider=wish.provider,
                name=wish.name.strip(),
                subject=wish.subject,
                spec=self._spec(wish),
                request_key=wish.request_key,
                serial=made,
                photos=photos,
            )
        )
        tx.trays.close(tray_id, TrayState.USED, job.id)
        tx.outbox.touch(f"tray:{tray_id}")
        show_card(tx, job)
        return job

    def _spec(self, wish: Wish) -> dict[str, Any]:
        return {
            "prompt": wish.prompt.strip(),
            "count": wish.count,
            "options": {},
            "consent": {
                "version": CONSENT_VERSION,
                "by": wish.owner,
                "at": self._store.now().isoformat(),
                "provider": wish.provider,
            },
        }
