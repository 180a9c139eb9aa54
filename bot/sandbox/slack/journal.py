"""The journal: what was asked, said, sent and acknowledged, in order, for ever."""

import asyncio
import itertools
from collections import deque
from collections.abc import Collection
from typing import Any

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.database import Database
from bot.sandbox.slack.wire import Entry

REMEMBERED = 5_000


class Journal:
    """Append-only lines, and a bell that rings at each."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._last = database.last_entry()
        self._recent: deque[Entry] = deque(maxlen=REMEMBERED)
        self._rung = asyncio.Event()
        self._closed = False

    @property
    def last(self) -> int:
        """The number of the newest line."""
        return self._last

    @property
    def closed(self) -> bool:
        """Whether nothing is going to be written any more."""
        return self._closed

    def add(self, kind: str, **facts: Any) -> None:
        """Write a line and wake everybody who waits for one."""
        self._last += 1
        now = self._clock.now()
        self._database.append(self._last, now, kind, facts)
        self._recent.append(Entry(seq=self._last, at=now, kind=kind, facts=facts))
        self._ring()

    def read(self, since: int = 0, kinds: Collection[str] = (), limit: int = 1_000) -> list[Entry]:
        """Return the lines after one, oldest first, at most so many."""
        if self._recent and since >= self._recent[0].seq - 1:
            newer = itertools.takewhile(lambda e: e.seq > since, reversed(self._recent))
            entries = [e for e in newer if not kinds or e.kind in kinds]
            return entries[::-1][:limit]
        found: list[Entry] = []
        while len(found) < limit:
            rows = self._database.entries(since, limit)
            if not rows:
                break
            since = rows[-1][0]
            found += [
                Entry(seq=seq, at=at, kind=kind, facts=facts)
                for seq, at, kind, facts in rows
                if not kinds or kind in kinds
            ]
        return found[:limit]

    async def wait(self, since: int, seconds: float) -> int:
        """Return as soon as there is a line after the given one, or when the seconds are over."""
        try:
            async with asyncio.timeout(seconds):
                while self._last <= since and not self._closed:
                    await self._rung.wait()
        except TimeoutError:
            pass
        return self._last

    def close(self) -> None:
        """Send everybody home who still waits."""
        self._closed = True
        self._ring()

    def _ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()
