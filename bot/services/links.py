"""Short-lived links under which a vendor fetches one photo of one job."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from storage import Store
from storage.records import Photo


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

    async def open(self, job_id: str, photos: Sequence[Photo]) -> list[str]:
        """One unguessable link per photo, in order."""
        tokens = [secrets.token_urlsafe(32) for _ in photos]
        rows = [(_hash(token), job_id, photo.sha256) for token, photo in zip(tokens, photos, strict=True)]
        until = self._store.now() + self._life

        await self._store.write(lambda tx: tx.links.insert(rows, until))
        return [
            f"{self._base}/p/{token}.{_ending(photo)}" for token, photo in zip(tokens, photos, strict=True)
        ]

    async def resolve(self, name: str) -> Shown | None:
        """The photo behind the last part of a link, while the link is open."""
        token = name.rsplit(".", 1)[0]
        found = await self._store.read(lambda tx: tx.links.resolve(_hash(token)))
        if found is None:
            return None
        return Shown(self._store.media.path(found.sha256), found.media_type)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _ending(photo: Photo) -> str:
    # Some vendors judge a link by how it ends.
    return "png" if photo.media_type == "image/png" else "jpg"
