"""Copies of inputs in the operator's bucket: written down first, erased for certain.

A row stands before the first byte leaves and goes when the store has said that the copy is gone, so a crash
in between costs nothing but a second try. What has lost its row all the same, to a restored backup say, is
found by the daily sweep.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.services.operators import Operators
from bot.services.timing import Timing
from storage import Store, Tx
from storage.errors import StaleState
from storage.records.links import BucketCopy, LinkFault
from storage.records.media import Medium

logger = logging.getLogger(__name__)
_AT_ONCE = 4
_BATCH = 40
_NAME = re.compile(r"[\w-]{43}\.\w{3,4}", re.ASCII)
"""What a name of ours looks like: the sweep touches nothing else."""


class BucketTrouble(Exception):
    """The bucket could not do what it was asked; `fault` says why."""

    def __init__(self, fault: LinkFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Bucket(Protocol):
    """What is asked of a bucket. Everything but `link` raises BucketTrouble."""

    where: str
    """Which one it is, without any key."""

    @abstractmethod
    async def put(self, name: str, path: Path, media_type: str) -> None:
        """Write a file under a name: all of it or nothing. Raises FileNotFoundError."""

    @abstractmethod
    async def link(self, name: str, life: timedelta) -> str:
        """An address under which anybody may fetch it for so long."""

    @abstractmethod
    async def erase(self, name: str) -> None:
        """Erase what has this name, if there is anything."""

    @abstractmethod
    async def older(self, than: datetime) -> list[str]:
        """Names of what was written before then."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Signed links to copies."""

    urls: list[str]
    again: bool
    """Some of the copies were put there by an earlier attempt, and may have been taken away since."""


class Copies:
    """Puts copies into the bucket of the settings, and erases them wherever they were put."""

    def __init__(
        self,
        store: Store,
        bucket: Bucket | None,
        earlier: Callable[[str], Bucket],
        operators: Operators,
        timing: Timing,
    ) -> None:
        self._store = store
        self.bucket = bucket
        self._earlier = earlier
        self._operators = operators
        self._timing = timing

    async def open(
        self, bucket: Bucket, job_id: str, media: Sequence[Medium], life: timedelta, *, anew: bool = False
    ) -> Opened:
        """A copy and a signed link per medium, in order. A copy that an earlier attempt left serves again.

        With `anew` none does. Raises BucketTrouble, FileNotFoundError, and StaleState where the job's links
        were closed meanwhile.
        """
        by_hash = {medium.sha256: medium for medium in media}
        now = self._store.now()
        until, since = now + life, now - self._timing.link_life

        def begin(tx: Tx) -> tuple[dict[str, str], dict[str, str]]:
            where = bucket.where, job_id
            stand = {} if anew else tx.links.standing(*where, by_hash, since=since, expires_at=until)
            new = {sha: new_name(medium) for sha, medium in by_hash.items() if sha not in stand}
            rows = [(name, sha) for sha, name in new.items()]
            tx.links.copy(*where, rows, until, beside=stand.values())
            return stand, new

        stand, new = await self._store.write(begin)
        await self._put(bucket, list(new.values()), [by_hash[sha] for sha in new])
        names = stand | new
        rows = [(name, sha) for sha, name in names.items()]
        if not await self._store.write(lambda tx: tx.links.copied(bucket.where, job_id, rows)):
            raise StaleState(job_id)
        urls = [await bucket.link(names[medium.sha256], life) for medium in media]
        return Opened(urls, again=bool(stand))

    async def erase_due(self) -> None:
        """Erase what is over, a few at a time. What cannot be erased now is tried again, for days."""
        due = await self._store.read(lambda tx: tx.links.copies_over(_BATCH))
        for start in range(0, len(due), _AT_ONCE):
            await asyncio.gather(*(self._erase(copy) for copy in due[start : start + _AT_ONCE]))

    async def sweep(self) -> int:
        """Once a day: erase what lies in the bucket and no row knows of. Returns how many went."""
        bucket = self.bucket
        if bucket is None or not await self._store.write(
            lambda tx: tx.lanes.take_turn("bucket", timedelta(days=1))
        ):
            return 0
        gone = 0
        try:
            # Another Darkroom may share the bucket. By then no link to such a copy is good, whoever gave it.
            before = self._store.now() - 2 * self._timing.link_life
            old = [name for name in await bucket.older(before) if _NAME.fullmatch(name)]
            known = await self._store.read(lambda tx: tx.links.copies_known(old))
            for name in old:
                if name not in known:
                    await bucket.erase(name)
                    gone += 1
        except BucketTrouble as trouble:
            facts = {"action": "bucket_not_swept", "fault": trouble.fault.value}
            logger.warning("Bucket not swept", extra=facts)
        if gone:
            logger.info("Copies erased", extra={"action": "bucket_swept", "copies": gone})
        return gone

    async def _put(self, bucket: Bucket, names: Sequence[str], media: Sequence[Medium]) -> None:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str, medium: Medium) -> None:
            async with turns:
                await bucket.put(name, self._store.media.path(medium.sha256), medium.media_type)

        tasks = [asyncio.create_task(one(*pair)) for pair in zip(names, media, strict=True)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _erase(self, copy: BucketCopy) -> None:
        here = self.bucket
        try:
            bucket = here if here is not None and here.where == copy.bucket else self._earlier(copy.bucket)
            await bucket.erase(copy.name)
        except BucketTrouble as trouble:
            await self._stays(copy, trouble.fault)
            return
        await self._store.write(lambda tx: tx.links.copy_erased(copy.name))
        logger.info("Copy erased", extra={"action": "copy_erased", "job": copy.job_id})

    async def _stays(self, copy: BucketCopy, fault: LinkFault) -> None:
        tries = copy.attempts + 1
        facts = {"job": copy.job_id, "fault": fault.value, "tries": tries}
        if tries >= self._timing.erase_tries:
            await self._store.write(lambda tx: tx.links.copy_erased(copy.name))
            logger.error("Copy left in the bucket", extra={"action": "copy_left", **facts})
            await self._operators.tell("Photo links", "copies_left")
            return
        wait = self._timing.erase_wait(tries)
        await self._store.write(lambda tx: tx.links.copy_stays(copy.name, wait))
        if tries == self._timing.tidy_tries:
            # By then it is no hiccup.
            logger.warning("Copy not erased", extra={"action": "copy_stays", **facts})
            await self._operators.tell("Photo links", "copies_stay")


def new_name(medium: Medium) -> str:
    """A name nobody can guess, with the ending its kind has."""
    return f"{secrets.token_urlsafe(32)}.{ending(medium.media_type)}"


def ending(media_type: str) -> str:
    """Some vendors judge a link by how it ends."""
    return _ENDINGS.get(media_type, "jpg")


_ENDINGS = {"image/png": "png", "video/mp4": "mp4", "application/pdf": "pdf"}
