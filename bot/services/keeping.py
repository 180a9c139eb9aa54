"""How a file of ours comes to have a row, and how one that must go at once goes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from storage import Store, Tx
from storage.records.media import Medium, Portrait

logger = logging.getLogger(__name__)


async def keep(
    store: Store,
    put: Callable[[], Awaitable[str]],
    described: Callable[[str], Medium],
    portrait: Portrait | None = None,
) -> Medium:
    """Keep a file and its row, and how it looks. Raises what `put` raises."""
    medium = described(await put())

    def unit(tx: Tx) -> None:
        tx.inputs.insert(medium)
        if portrait is not None:
            tx.looks.keep(medium.sha256, portrait)

    await store.write(unit)
    if not store.media.holds(medium.sha256):
        # The same bytes were being erased for another job. Now that there is a row they no longer can be.
        await put()
    return medium


class Eraser:
    """Erases what must go at once: papers that a vendor is done with, or whose job is over."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def erase_due(self) -> int:
        """Remove every file that was marked; returns how many. A crash in between leaves the marks."""
        doomed = await self._store.read(lambda tx: tx.inputs.doomed())
        if not doomed:
            return 0

        def unit(tx: Tx) -> int:
            gone = 0
            for sha256 in doomed:
                # In this transaction, so that nobody can give the same bytes a row meanwhile.
                if tx.inputs.is_doomed(sha256):
                    self._store.media.erase(sha256)
                    gone += 1
                tx.inputs.erased(sha256)
            tx.erasing.count(gone)
            return gone

        gone = await self._store.write(unit)
        logger.info("Files erased", extra={"action": "erased", "files": gone})
        return gone
