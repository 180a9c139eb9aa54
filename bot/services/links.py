"""Short-lived links under which a vendor fetches one input of one job."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from storage import Store
from storage.records import Medium

OVER = "This link is over.\n"
"""What is said of a link that is not open: from outside, a sign that it is we who answer."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a link leads to."""

    path: Path
    media_type: str


class Links:
    """Opens links; only the hash of a token is kept, and the job's end closes them all."""

    def __init__(self, store: Store, public_url: str, life: timedelta) -> None:
        self._store = store
        self._base = public_url.rstrip("/")
        self._life = life

    async def open(self, job_id: str, media: Sequence[Medium]) -> list[str]:
        """One unguessable link per medium, in order."""
        tokens = [secrets.token_urlsafe(32) for _ in media]
        rows = [(_hash(token), job_id, one.sha256) for token, one in zip(tokens, media, strict=True)]
        until = self._store.now() + self._life

        await self._store.write(lambda tx: tx.links.insert(rows, until))
        return [f"{self._base}/p/{token}.{_ending(one)}" for token, one in zip(tokens, media, strict=True)]

    def nowhere(self) -> str:
        """A link that was never opened, to ask from outside whether links lead here at all."""
        return f"{self._base}/p/{secrets.token_urlsafe(32)}.jpg"

    async def resolve(self, name: str) -> Shown | None:
        """The medium behind the last part of a link, while the link is open."""
        token = name.rsplit(".", 1)[0]
        found = await self._store.read(lambda tx: tx.links.resolve(_hash(token)))
        if found is None:
            return None
        return Shown(self._store.media.path(found.sha256), found.media_type)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _ending(medium: Medium) -> str:
    # Some vendors judge a link by how it ends.
    return _ENDINGS.get(medium.media_type, "jpg")


_ENDINGS = {"image/png": "png", "video/mp4": "mp4", "application/pdf": "pdf"}
