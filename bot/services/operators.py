"""The people who run Darkroom: told what only they can mend, once a day."""

from __future__ import annotations

from collections.abc import Sequence

from storage import Store, Tx
from storage.records.outbox import NoticeKind
from storage.records.places import direct


class Operators:
    """Knows who they are, and lets them know."""

    def __init__(self, store: Store, owners: Sequence[str]) -> None:
        self._store = store
        self._owners = tuple(owners)

    def __contains__(self, owner: str) -> bool:
        return owner in self._owners

    async def tell(self, about: str, fault: str, *, words: str = "") -> None:
        """Say that something about `about` needs them; the same fault again today is not said again.

        `words` say which it is, and how to mend it: a provider's own, without a value of a setting.
        """
        await self._store.write(lambda tx: self.note(tx, about, fault, words=words))

    def note(self, tx: Tx, about: str, fault: str, *, occasion: str | None = None, words: str = "") -> None:
        """The same within a transaction; of one `occasion`, by default today, it is said once."""
        which = self._store.now().date().isoformat() if occasion is None else occasion
        for owner in self._owners:
            tx.outbox.put(
                f"operator:{owner}:{about}:{fault}:{which}",
                NoticeKind.OPERATOR,
                owner=owner,
                place=direct(owner),
                payload={"about": about, "fault": fault, **({"words": words} if words else {})},
            )
