"""What arrives: committed before it is acknowledged, worked off afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from bot.services.notifier import Clock
from bot.services.operators import Operators
from bot.services.timing import Timing
from storage import Store, Tx
from storage.errors import StaleState, StoreFull
from storage.records.inbox import Arrival, InboxItem
from storage.records.outbox import NoticeKind

logger = logging.getLogger(__name__)
_BATCH = 200
_WAITING = 500
_ATTEMPTS = 40
"""With the longest back-off this is three hours of trying."""


class TryAgain(Exception):
    """The item could not be worked off just now, for a reason that passes."""


class Receiver(Protocol):
    """Works off one item. Implemented by the surface."""

    async def receive(self, item: InboxItem) -> None:
        """Act on an item and mark it done in the same transaction. Raises TryAgain, StoreFull."""

    def owner_and_place(self, item: InboxItem) -> tuple[str, str]:
        """Whom to tell, and where, when the item waits because of us."""


class Intake:
    """Takes arrivals in. Those who wait while a commit is under way share the next one."""

    def __init__(self, store: Store, nudge: Clock) -> None:
        self._store = store
        self._nudge = nudge
        self._waiting: list[tuple[Arrival, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def put(self, arrival: Arrival) -> None:
        """Return once the arrival is on disk. Raises what the store raises; then nothing was kept."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._commit())
        await done

    async def ignore(self, item: InboxItem) -> None:
        """Nothing is to be done about an item. Raises StaleState."""
        await self._store.write(lambda tx: tx.inbox.done(item))

    async def answer(self, item: InboxItem, owner: str, place: str, payload: dict[str, Any]) -> None:
        """Work an item off by wanting a reply said. Raises StaleState."""

        def unit(tx: Tx) -> None:
            tx.outbox.put(f"reply:{item.key}", NoticeKind.REPLY, owner=owner, place=place, payload=payload)
            tx.inbox.done(item)

        await self._store.write(unit)

    async def known(self, key: str) -> bool:
        """Whether something of this key has arrived."""
        return await self._store.read(lambda tx: tx.inbox.known(key))

    async def is_done(self, key: str) -> bool:
        """Whether what arrived under this key is worked off."""
        return await self._store.read(lambda tx: tx.inbox.is_done(key))

    async def waiting(self, *kinds: str) -> list[InboxItem]:
        """What of these kinds has arrived and is not worked off yet, the newest first; not without end."""
        return await self._store.read(lambda tx: tx.inbox.waiting(kinds, _WAITING))

    async def _commit(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            arrivals = [arrival for arrival, _ in batch]
            try:
                await self._store.write(partial(_put, arrivals))
            except Exception as error:  # noqa: BLE001 - it belongs to those who wait, whatever it is.
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
            else:
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)
                self._nudge("inbox")


def _put(arrivals: list[Arrival], tx: Tx) -> None:
    tx.inbox.put(arrivals)


class InboxRunner:
    """Hands due items to the receiver, a few at a time."""

    def __init__(
        self,
        store: Store,
        receiver: Receiver,
        operators: Operators,
        timing: Timing,
        nudge: Clock,
        *,
        at_once: int = 4,
    ) -> None:
        self._store = store
        self._receiver = receiver
        self._operators = operators
        self._timing = timing
        self._nudge = nudge
        self._at_once = at_once
        self._tasks: set[asyncio.Task[None]] = set()
        self._lease = timing.lease * 3
        self._held: dict[str, tuple[InboxItem, datetime]] = {}

    async def work_off_due(self) -> None:
        """Claim what is due and start on it."""
        await self._hold_on()
        free = self._at_once - len(self._tasks)
        if free <= 0 or not await self._store.read(lambda tx: tx.inbox.is_due()):
            return
        until = self._store.now() + self._lease
        for item in await self._store.write(lambda tx: tx.inbox.claim(self._store.me, self._lease, free)):
            self._held[item.id] = item, until
            task = asyncio.create_task(self._work_off(item))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hold_on(self) -> None:
        """Many large photos may outlast a lease: without this the item would begin anew for ever."""
        now = self._store.now()
        short = [item for item, until in self._held.values() if until - now < self._lease / 2]
        if short:
            await self._store.write(lambda tx: tx.inbox.hold_on(short, self._lease))
            self._held |= {item.id: (item, now + self._lease) for item in short if item.id in self._held}

    async def _work_off(self, item: InboxItem) -> None:
        try:
            await self._work_on(item)
        finally:
            self._held.pop(item.id, None)
        self._nudge("inbox")
        self._nudge("outbox")

    async def _work_on(self, item: InboxItem) -> None:
        try:
            await self._receiver.receive(item)
        except StaleState:
            logger.info("Item held by somebody else", extra={"action": "inbox_stale", "item": item.id})
        except StoreFull:
            logger.error("Disk full", extra={"action": "disk_full", "item": item.id})  # noqa: TRY400
            await self._later(item, "disk_full")
            with contextlib.suppress(StoreFull):
                await self._operators.tell("The disk", "disk_full")
        except TryAgain as why:
            await self._later(item, str(why))
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception(
                "Item failed", extra={"action": "inbox_failed", "item": item.id, "reference": reference}
            )
            await self._later(item, "unexpected", reference)

    async def _later(self, item: InboxItem, why: str, reference: str = "") -> None:
        """Try again later, and say so once to whom it concerns; after many tries give up, and say that."""
        owner, place = self._receiver.owner_and_place(item)
        given_up = item.attempts >= _ATTEMPTS

        def unit(tx: Tx) -> None:
            if given_up:
                tx.inbox.done(item)
            else:
                tx.inbox.again(item, self._timing.backoff(item.attempts))
            if given_up or item.attempts > 1 or why == "disk_full":
                code = "given_up" if given_up else why
                tx.outbox.put(
                    f"trouble:{item.key}:{'given_up' if given_up else 'waiting'}",
                    NoticeKind.TROUBLE,
                    owner=owner,
                    place=place,
                    payload={"code": code, "reference": reference},
                )

        try:
            await self._store.write(unit)
        except (StaleState, StoreFull):
            # With a full disk not even this can be written: the lease ends and the item comes back by itself.
            logger.warning("Item waits", extra={"action": "inbox_waits", "item": item.id})

    async def stop(self, patience: float) -> None:
        """Let items end, then cut them off: their rows come back."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
