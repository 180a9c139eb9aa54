"""Short-lived links under which a vendor fetches the inputs of one job."""

from __future__ import annotations

import hashlib
import secrets
from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from bot.services.copies import Bucket, BucketTrouble, Copies, ending, new_name
from storage import Store
from storage.records.links import LinkFault, LinkMeans, LinkTrouble, OutsideAccess
from storage.records.media import Medium


class Reach(Protocol):
    """Fetches from outside."""

    @abstractmethod
    async def fetch(self, url: str, medium: Medium) -> LinkFault | None:
        """Why this medium cannot be fetched there; None: it came, byte for byte."""


class LinksUnreachable(Exception):
    """No vendor could fetch what a link leads to; `trouble` says why."""

    def __init__(self, trouble: LinkTrouble) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


OVER = "This link is over.\n"
"""What is said of a link that is not open: from outside, a sign that it is we who answer."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a link leads to."""

    path: Path
    media_type: str
    tag: str
    """Names these bytes under this link, and nothing about them anywhere else."""
    job_id: str | None
    """None for a trial of ours."""


class Links:
    """Gives links, by the relay or from a bucket, and proves that they lead somewhere.

    Of a relay's link only the hash is kept. The job's end closes every link and has every copy erased.
    """

    def __init__(self, store: Store, public_url: str, life: timedelta, reach: Reach, copies: Copies) -> None:
        self._store = store
        self._base = public_url.rstrip("/")
        self._life = life
        self._reach = reach
        self._copies = copies
        self._trials: dict[str, str] = {}

    @property
    def means(self) -> LinkMeans:
        """How vendors fetch here."""
        return LinkMeans.RELAY if self._copies.bucket is None else LinkMeans.BUCKET

    async def open(self, job_id: str, media: Sequence[Medium], *, need: timedelta | None = None) -> list[str]:
        """One unguessable link per medium, in order, for as long as the job can `need` it at most.

        The first of them is fetched once by ourselves. Raises LinksUnreachable, FileNotFoundError where a
        medium is gone, and StaleState where the job's links were closed meanwhile.
        """
        life = self._life if need is None else min(self._life, need)
        bucket = self._copies.bucket
        if bucket is None:
            urls = await self._relay(job_id, media, life)
            fault = await self._fault(urls, media)
        else:
            try:
                urls, fault = await self._copied(bucket, job_id, media, life)
            except BucketTrouble as trouble:
                raise self._unreachable(trouble.fault) from trouble
        if fault is not None:
            raise self._unreachable(fault)
        return urls

    @property
    def given(self) -> bool:
        """Whether any can be given here: where nobody fetches, no address is needed."""
        return bool(self._base) or self._copies.bucket is not None

    def nowhere(self) -> str:
        """A link that was never opened, to ask from outside whether links lead here at all."""
        return f"{self._base}/p/{secrets.token_urlsafe(32)}.jpg"

    async def resolve(self, name: str) -> Shown | None:
        """The medium behind the last part of a link, while the link is open.

        The same work for every name that opens nothing, whether it never did or no longer does.
        """
        token = _hash(name.rsplit(".", 1)[0])
        found = await self._store.read(lambda tx: tx.links.resolve(token))
        if trial := self._trials.get(token):
            return Shown(self._store.media.path(trial), _TRIAL_TYPE, token[:32], None)
        if found is None:
            return None
        path = self._store.media.path(found.medium.sha256)
        return Shown(path, found.medium.media_type, token[:32], found.job_id)

    async def examine(self) -> LinkTrouble | None:
        """Try a link of our own, by the means vendors' links have; None: it led to its file.

        With a bucket that writes, fetches by a signed link, and erases.
        """
        sha256 = await self._store.media.put(_TRIAL)  # No row names it: the sweep takes it.
        medium = Medium(sha256, _TRIAL_TYPE, len(_TRIAL), 1, 1)
        bucket = self._copies.bucket
        try:
            fault = await (self._try_relay(medium) if bucket is None else self._try_bucket(bucket, medium))
        except BucketTrouble as trouble:
            fault = trouble.fault
        return None if fault is None else LinkTrouble(self.means, fault)

    async def outside(self, job_ids: Collection[str]) -> OutsideAccess:
        """How much of what these jobs were given can still be fetched from outside."""
        return await self._store.read(lambda tx: tx.links.outside(job_ids))

    async def close(self, job_ids: Collection[str]) -> OutsideAccess:
        """End every link of these jobs now, and erase their copies now if the bucket can be reached.

        Returns what is left: copies in a bucket that will be erased as soon as that can be done.
        """
        await self._store.write(lambda tx: tx.links.end(job_ids))
        await self._copies.erase_due()
        return await self.outside(job_ids)

    async def _copied(
        self, bucket: Bucket, job_id: str, media: Sequence[Medium], life: timedelta
    ) -> tuple[list[str], LinkFault | None]:
        """Links to copies, and why they lead nowhere. What was there before is put anew where it is gone."""
        opened = await self._copies.open(bucket, job_id, media, life)
        fault = await self._fault(opened.urls, media)
        if fault is not None and opened.again:
            opened = await self._copies.open(bucket, job_id, media, life, anew=True)
            fault = await self._fault(opened.urls, media)
        return opened.urls, fault

    async def _fault(self, urls: Sequence[str], media: Sequence[Medium]) -> LinkFault | None:
        return await self._reach.fetch(urls[0], media[0]) if urls else None

    async def _relay(self, job_id: str, media: Sequence[Medium], life: timedelta) -> list[str]:
        tokens = [secrets.token_urlsafe(32) for _ in media]
        rows = [(_hash(token), job_id, one.sha256) for token, one in zip(tokens, media, strict=True)]
        until = self._store.now() + life
        await self._store.write(lambda tx: tx.links.insert(rows, until))
        return [self._url(token, one) for token, one in zip(tokens, media, strict=True)]

    async def _try_relay(self, medium: Medium) -> LinkFault | None:
        token = secrets.token_urlsafe(32)
        self._trials[_hash(token)] = medium.sha256
        try:
            return await self._reach.fetch(self._url(token, medium), medium)
        finally:
            del self._trials[_hash(token)]

    async def _try_bucket(self, bucket: Bucket, medium: Medium) -> LinkFault | None:
        name = new_name(medium)
        try:
            await bucket.put(name, self._store.media.path(medium.sha256), medium.media_type)
            return await self._reach.fetch(await bucket.link(name, _TRIAL_LIFE), medium)
        finally:
            await bucket.erase(name)

    def _url(self, token: str, medium: Medium) -> str:
        return f"{self._base}/p/{token}.{ending(medium.media_type)}"

    def _unreachable(self, fault: LinkFault) -> LinksUnreachable:
        return LinksUnreachable(LinkTrouble(self.means, fault))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


_TRIAL_LIFE = timedelta(minutes=10)
_TRIAL_TYPE = "image/png"
_TRIAL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010100000000376ef9"
    "240000000a4944415478da6368000000820081da45083b0000000049454e44ae"
    "426082"
)
"""A picture of one pixel."""
