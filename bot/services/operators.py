"""The people who run Darkroom: told what only they can mend, once a day."""

from __future__ import annotations

from collections.abc import Sequence

from storage import Store, Tx
from storage.records import NoticeKind, direct


class Operators:
    """Knows who they are, and lets them know."""

    def __init__(self, store: Store, owners: Sequence[str]) -> None:
        self._store = store
        self._owners = tuple(owners)

    def __contains__(self, owner: str) -> bool:
        return owner in self._owners

    async def tell(self, about: str, fault: str, *, once: bool = False) -> None:
        """Say that something about `about` needs them; the same fault is not said again today, or ever."""
        day = "once" if once else self._store.now().date().isoformat()

        def unit(tx: Tx) -> None:
            for owner in self._owners:
                tx.outbox.put(
                    f"operator:{owner}:{about}:{fault}:{day}",
                    NoticeKind.OPERATOR,
                    owner=owner,
                    place=direct(owner),
                    payload={"about": about, "fault": fault},
                )

        await self._store.write(unit)
