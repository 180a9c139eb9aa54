"""A bucket in memory, which outlives every process that writes into it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bot.services.copies import Bucket, BucketTrouble
from storage.records.links import LinkFault
from tests.stand_ins import TurnedClock


@dataclass
class Kept:
    """One object."""

    data: bytes
    media_type: str
    at: int


@dataclass
class FakeBucket(Bucket):
    """Keeps copies; refuses what it is told to."""

    clock: TurnedClock
    where: str = "s3://photos"
    objects: dict[str, Kept] = field(default_factory=dict)
    faults: dict[str, LinkFault] = field(default_factory=dict)
    """Per verb: put, erase or older."""
    signed: list[tuple[str, timedelta]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    holds: deque[tuple[asyncio.Event, asyncio.Event]] = field(default_factory=deque)
    """The next writes arrive, and go on when they are let."""

    async def put(self, name: str, path: Path, media_type: str) -> None:
        """Keep the bytes."""
        self._enter("put", name)
        data = await asyncio.to_thread(path.read_bytes)
        if self.holds:
            arrived, go_on = self.holds.popleft()
            arrived.set()
            await go_on.wait()
        self.objects[name] = Kept(data, media_type, self.clock.ms)

    async def link(self, name: str, life: timedelta) -> str:
        """An address by which a test finds it again."""
        self.signed.append((name, life))
        return f"http://127.0.0.1:1/bucket/{name}?X-Amz-Signature=abc"

    async def erase(self, name: str) -> None:
        """Forget it."""
        self._enter("erase", name)
        self.objects.pop(name, None)

    async def older(self, than: datetime) -> list[str]:
        """By the turned clock."""
        self._enter("older", "")
        return [name for name, kept in self.objects.items() if kept.at < than.timestamp() * 1000]

    def hold(self) -> tuple[asyncio.Event, asyncio.Event]:
        """Stop the next write: it has arrived, and it may go on."""
        self.holds.append((asyncio.Event(), asyncio.Event()))
        return self.holds[-1]

    def _enter(self, verb: str, name: str) -> None:
        self.asked.append((verb, name))
        if verb in self.faults:
            raise BucketTrouble(self.faults[verb])
