"""What there is to say, said: once each, and looked for before it is said a second time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets

from bot.services.notifier import Clock, Notifier, Said, Speech
from bot.services.timing import Timing
from storage import Store, Tx
from storage.errors import StaleState, StoreFull
from storage.records.outbox import Notice, NoticeKind

logger = logging.getLogger(__name__)
_AT_ONCE = 20
_ATTEMPTS = 40
"""With the longest back-off this is three hours of trying."""
_KEPT_UP = frozenset({NoticeKind.TRAY, NoticeKind.CARD})
"""Messages that are edited as what they speak of moves."""
_LOOKS = 5
"""After this many looks that told nothing, a message that may stand is left as it may be."""


class OutboxRunner:
    """Hands due notices to the notifier, one per channel at a time."""

    def __init__(self, store: Store, notifier: Notifier, timing: Timing, nudge: Clock) -> None:
        self._store = store
        self._notifier = notifier
        self._timing = timing
        self._nudge = nudge
        self._tasks: set[asyncio.Task[None]] = set()

    async def say_due(self) -> None:
        """Claim what is due and start saying it."""
        free = _AT_ONCE - len(self._tasks)
        if free <= 0 or not await self._store.read(lambda tx: tx.outbox.is_due()):
            return
        lease, gap, edits = self._timing.lease * 2, self._timing.message_gap, self._timing.edit_gap
        for notice in await self._store.write(
            lambda tx: tx.outbox.claim(self._store.me, lease, gap, free, edit_gap=edits)
        ):
            task = asyncio.create_task(self._say(notice))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _say(self, notice: Notice) -> None:
        try:
            async with asyncio.timeout((self._timing.lease * 1.5).total_seconds()):
                said, found = await self._look_or_deliver(notice)
            await self._settle(notice, said, found=found)
        except StaleState:
            logger.info("Notice held by somebody else", extra={"action": "notice_stale", "notice": notice.id})
        except StoreFull:
            logger.error("Disk full", extra={"action": "disk_full", "notice": notice.id})  # noqa: TRY400
        except TimeoutError:
            logger.warning("Notice took too long", extra={"action": "notice_slow", "notice": notice.id})
            await self._postpone(notice)
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception(
                "Notice failed",
                extra={"action": "notice_failed", "notice": notice.id, "reference": reference},
            )
            await self._postpone(notice)

    async def _postpone(self, notice: Notice) -> None:
        """Something broke, or took too long: later again, and not for ever."""
        wait = self._timing.backoff(notice.attempts)
        said = Said(Speech.UNKNOWN, wait=wait)
        if notice.attempts >= _ATTEMPTS:
            said = Said(Speech.NEVER, why="it failed again and again: see the log")
        with contextlib.suppress(StaleState, StoreFull):
            await self._settle(notice, said)

    async def _look_or_deliver(self, notice: Notice) -> tuple[Said, bool]:
        """What came of it, and whether it was found standing from an earlier attempt."""
        if not notice.looking:
            return await self._notifier.deliver(notice), False
        found = await self._notifier.look(notice)
        if found.speech is Speech.LATER:  # It was not posted after all.
            return await self._notifier.deliver(notice), False
        if found.speech is Speech.UNKNOWN and notice.attempts > _LOOKS:
            return Said(Speech.NEVER, why="it may have been posted, and that cannot be found out"), False
        return found, True

    async def _settle(self, notice: Notice, said: Said, *, found: bool = False) -> None:
        def unit(tx: Tx) -> None:
            match said.speech:
                case Speech.SAID:
                    tx.outbox.said(notice, said.message)
                    if found and notice.kind in _KEPT_UP:
                        # It says what was true when it was posted; much may have happened since.
                        tx.outbox.touch(notice.key)
                    if notice.kind is NoticeKind.TRAY and notice.tray_id and not notice.message:
                        tx.trays.settle(notice.tray_id, notice.place, said.message)
                    if notice.kind is NoticeKind.PICTURES and notice.job_id:
                        # The card says "delivering" until its images stand.
                        tx.outbox.touch(f"card:{tx.jobs.get(notice.job_id).root_id}")
                case Speech.LATER:
                    tx.outbox.again(notice, said.wait, maybe_posted=False)
                case Speech.UNKNOWN:
                    tx.outbox.again(notice, said.wait, maybe_posted=True)
                case Speech.NEVER:
                    tx.outbox.give_up(notice, said.why)
            if notice.kind is NoticeKind.RECEIPT:
                tx.deletions.told(notice.payload["deletion"])

        await self._store.write(unit)
        if said.speech is Speech.NEVER:
            logger.warning(
                "Notice given up",
                extra={
                    "action": "notice_given_up",
                    "notice": notice.id,
                    "kind": notice.kind.value,
                    "why": said.why,
                },
            )
        self._nudge("outbox")

    async def idle(self) -> None:
        """Wait until nothing is being said."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self, patience: float) -> None:
        """Let sentences end, then cut them off: their rows come back, and are looked for first."""
        try:
            async with asyncio.timeout(patience):
                await self.idle()
        except TimeoutError:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
