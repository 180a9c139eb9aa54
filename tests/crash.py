"""A process that dies at an appointed moment, and a world that does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import JsonValue

from bot.providers import (
    Artifact,
    Finding,
    GenerationSpec,
    MediaInput,
    OneshotSpec,
    RemoteJob,
    RemoteRef,
    Spec,
    TrainingSpec,
)
from bot.services.notifier import Said, Unsaid
from storage import Store, Tx
from storage.media import MediaStore
from storage.records.deletions import Kept
from storage.records.outbox import Notice
from tests.fake_bucket import FakeBucket
from tests.fakes import FakeProvider, FakeVendor
from tests.stand_ins import FakeNotifier, World

T = TypeVar("T")


class Crash(BaseException):
    """The process is gone: no handler of its own sees this."""


class Fate:
    """Counts every moment at which something outside the process changes, and ends it at the n-th."""

    def __init__(self, *moments: int) -> None:
        self._moments = set(moments)
        self.passed = 0
        self.dead = False
        self.trail: list[str] = []

    def revive(self) -> None:
        """A new process; the count goes on."""
        self.dead = False

    def alive(self) -> None:
        """A dead process does nothing more. Raises Crash."""
        if self.dead:
            raise Crash

    def moment(self, name: str) -> None:
        """One moment passes. Raises Crash."""
        self.alive()
        self.passed += 1
        self.trail.append(name)
        if self.passed in self._moments:
            self.dead = True
            raise Crash(f"{self.passed}: {name}")

    async def around(self, name: str, act: Callable[[], Awaitable[T]]) -> T:
        """An effect, with a moment before it and one after it."""
        self.moment(f"before {name}")
        result = await act()
        self.moment(f"after {name}")
        return result


class MortalStore(Store):
    """A store whose process may die around every commit."""

    fate: Fate

    async def write(self, unit: Callable[[Tx], T]) -> T:
        """Commit, or die before or after it."""
        name = getattr(unit, "__qualname__", "write").replace(".<locals>", "").replace(".<lambda>", "")
        return await self.fate.around(name, lambda: super(MortalStore, self).write(unit))

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Reading changes nothing: no moment."""
        self.fate.alive()
        return await super().read(unit)


class MortalMedia(MediaStore):
    """Files whose writer may die around the moment they get their name."""

    def __init__(self, root: Path, fate: Fate) -> None:
        super().__init__(root)
        self._fate = fate

    async def put(self, data: bytes) -> str:
        """Keep bytes, or die before or after."""
        return await self._fate.around("put", lambda: super(MortalMedia, self).put(data))

    async def put_stream(self, chunks: AsyncIterator[bytes], *, most: int) -> tuple[str, int, bytes]:
        """Keep a stream, or die before or after."""
        return await self._fate.around(
            "put_stream", lambda: super(MortalMedia, self).put_stream(chunks, most=most)
        )

    def erase(self, sha256: str) -> None:
        """Remove a file, or die before or after, within the transaction that has asked for it."""
        self._fate.moment("before erase")
        super().erase(sha256)
        self._fate.moment("after erase")

    @asynccontextmanager
    async def borrow(self, chunks: AsyncIterator[bytes], *, most: int) -> AsyncIterator[Path]:
        """Keep a stream aside, or die before it is there, with it, or after it is gone."""
        self._fate.moment("before borrow")
        async with super().borrow(chunks, most=most) as path:
            self._fate.moment("within borrow")
            yield path
        self._fate.moment("after borrow")


class MortalProvider(FakeProvider):
    """A vendor whose caller may die around every call."""

    def __init__(self, fate: Fate, vendor: FakeVendor, **facts: Any) -> None:
        super().__init__(vendor=vendor, **facts)
        self._fate = fate

    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        """Pay for a training."""
        return await self._fate.around("submit", lambda: super(MortalProvider, self).submit(spec, key=key))

    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:
        """Pay for a generation."""
        return await self._fate.around(
            "generate", lambda: super(MortalProvider, self).generate(spec, key=key)
        )

    async def oneshot(self, spec: OneshotSpec, *, key: str) -> RemoteJob:
        """Pay for a one-shot."""
        return await self._fate.around("oneshot", lambda: super(MortalProvider, self).oneshot(spec, key=key))

    async def inspect(self, inputs: Sequence[MediaInput]) -> tuple[Finding, ...]:
        """Have the vendor look."""
        return await self._fate.around("inspect", lambda: super(MortalProvider, self).inspect(inputs))

    async def tidy(self, ref: RemoteRef, *, key: str) -> None:
        """Have the vendor let go."""
        await self._fate.around("tidy", lambda: super(MortalProvider, self).tidy(ref, key=key))

    async def find(
        self, spec: Spec, *, key: str, known: frozenset[str], since: datetime | None = None
    ) -> RemoteJob | None:
        """Look a key up."""
        return await self._fate.around(
            "find", lambda: super(MortalProvider, self).find(spec, key=key, known=known, since=since)
        )

    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:
        """Ask where a job stands."""
        return await self._fate.around("poll", lambda: super(MortalProvider, self).poll(ref, pushed=pushed))

    async def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        """Stream an image, or die before it, within it or after it."""
        self._fate.moment("before fetch")
        async for chunk in super().fetch(ref, artifact):
            yield chunk
            self._fate.moment("within fetch")

    async def cancel(self, ref: RemoteRef) -> bool:
        """Stop a job."""
        return await self._fate.around("cancel", lambda: super(MortalProvider, self).cancel(ref))

    async def delete(self, ref: RemoteRef) -> bool:
        """Have a job erased."""
        return await self._fate.around("delete", lambda: super(MortalProvider, self).delete(ref))


class MortalNotifier(FakeNotifier):
    """A surface whose process may die around every message."""

    def __init__(self, world: World, fate: Fate) -> None:
        super().__init__(world)
        self._fate = fate

    async def deliver(self, notice: Notice) -> Said:
        """Say something."""
        return await self._fate.around(
            f"deliver {notice.kind.value}", lambda: super(MortalNotifier, self).deliver(notice)
        )

    async def look(self, notice: Notice) -> Said:
        """Look for something said."""
        return await self._fate.around("look", lambda: super(MortalNotifier, self).look(notice))

    async def take_back(self, what: Kept, ref: str) -> Unsaid:
        """Take something back."""
        return await self._fate.around(
            f"take back {what.value}", lambda: super(MortalNotifier, self).take_back(what, ref)
        )


class MortalBucket(FakeBucket):
    """A bucket whose writer may die around every call."""

    fate: Fate

    async def put(self, name: str, path: Path, media_type: str) -> None:
        """Write a copy."""
        await self.fate.around("bucket put", lambda: super(MortalBucket, self).put(name, path, media_type))

    async def link(self, name: str, life: timedelta) -> str:
        """Sign: nothing outside changes."""
        self.fate.alive()
        return await super().link(name, life)

    async def erase(self, name: str) -> None:
        """Erase a copy."""
        await self.fate.around("bucket erase", lambda: super(MortalBucket, self).erase(name))
