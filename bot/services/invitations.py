"""Invitations: whoever posts photos without a mention is asked, quietly, and not against their will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bot.services.errors import NoSuchThing, NotYours
from bot.services.notifier import Clock
from storage import Store, Tx
from storage.errors import NotFound
from storage.records.ids import new_id
from storage.records.inbox import InboxItem
from storage.records.outbox import NoticeKind
from storage.records.places import channel_of
from storage.records.trays import Invitation

ENOUGH = 3
"""Photos; with fewer nobody has a training in mind."""
AGAIN = timedelta(days=1)
"""Until then a person is asked once in a conversation, whatever else they post there."""


class Invitations:
    """Asks, and remembers who does not want to be asked."""

    def __init__(self, store: Store, nudge: Clock) -> None:
        self._store = store
        self._nudge = nudge

    async def consider(
        self, owner: str, place: str, files: Sequence[Mapping[str, Any]], item: InboxItem, *, said_at: str
    ) -> None:
        """Ask a person about photos at `place`, unless they do not want it; the words stand at `said_at`.

        `item` is worked off either way.
        """
        made = Invitation(new_id("ask"), owner, place, tuple(files))

        def unit(tx: Tx) -> None:
            tx.inbox.done(item)
            asked = tx.invitations.asked(owner, made.channel, AGAIN)
            if asked or tx.invitations.hushed({owner, made.channel}):
                return
            tx.invitations.put(made)
            payload = {"invitation": made.id}
            tx.outbox.put(f"ask:{made.id}", NoticeKind.REPLY, owner=owner, place=said_at, payload=payload)

        await self._store.write(unit)
        self._nudge("outbox")

    async def get(self, invitation_id: str, owner: str) -> Invitation:
        """What was asked. Raises NoSuchThing, and NotYours for anybody but its owner."""
        try:
            found = await self._store.read(lambda tx: tx.invitations.get(invitation_id))
        except NotFound as error:
            raise NoSuchThing(invitation_id) from error
        if found.owner != owner:
            raise NotYours(invitation_id)
        return found

    async def hush(self, who: str) -> None:
        """Ask a person, or anybody in a conversation, no more."""
        await self._store.write(lambda tx: tx.invitations.hush(who))

    async def unhush(self, who: str) -> None:
        """Ask again."""
        await self._store.write(lambda tx: tx.invitations.unhush(who))

    async def hushed(self, owner: str, place: str) -> tuple[bool, bool]:
        """Whether this person is left alone, and whether everybody in this conversation is."""
        channel = channel_of(place)
        found = await self._store.read(lambda tx: tx.invitations.hushed({owner, channel}))
        return owner in found, channel in found
