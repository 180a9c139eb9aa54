"""Results on their way into our hands: images and clips, streamed to disk, each once."""

from __future__ import annotations

import logging
from typing import Any

from bot.providers import Artifact, Provider, ProviderError, RemoteJob, RemoteRef
from bot.services.timing import Timing
from storage import Store, Tx
from storage.records.jobs import Job
from storage.records.results import Picture

logger = logging.getLogger(__name__)

MAX_PICTURE = 64 * 1024 * 1024
"""Bytes; larger than any vendor's image."""
MAX_CLIP = 1024 * 1024 * 1024
"""Bytes; what Slack takes as one file."""


class Collector:
    """Fetches what a vendor has made."""

    def __init__(self, store: Store, timing: Timing) -> None:
        self._store = store
        self._timing = timing

    async def collect(self, held: Job, provider: Provider[Any], remote: RemoteJob) -> tuple[int, int]:
        """Fetch every result that is not here yet. Returns how many there are, and how many still lack.

        Raises StaleState.
        """

        def expect(tx: Tx) -> list[Picture]:
            tx.jobs.renew(held, self._timing.fetch_lease)
            tx.pictures.expect(held.id, [(one.locator, one.media_type) for one in remote.artifacts])
            return tx.pictures.of_job(held.id)

        results = await self._store.write(expect)
        by_locator = {artifact.locator: artifact for artifact in remote.artifacts}
        missing = 0
        for result in results:
            if result.sha256 is None:
                artifact = by_locator.get(
                    result.locator, Artifact(locator=result.locator, media_type=result.media_type)
                )
                missing += not await self._fetch(held, provider, remote.ref, result, artifact)
        return len(results), missing

    async def _fetch(
        self, held: Job, provider: Provider[Any], ref: RemoteRef, result: Picture, artifact: Artifact
    ) -> bool:
        most = MAX_CLIP if (artifact.media_type or "").startswith("video/") else MAX_PICTURE
        try:
            sha256, size, head = await self._store.media.put_stream(
                self._held(held, provider.fetch(ref, artifact)), most=most
            )
        except (ProviderError, TimeoutError, ValueError) as error:
            logger.warning(
                "Result not fetched",
                extra={"action": "result_not_fetched", "error": type(error).__name__, **held.log_context()},
            )
            return False
        media_type = recognised(head)
        if media_type is None or (size > MAX_PICTURE and not media_type.startswith("video/")):
            logger.warning("Result is no picture", extra={"action": "result_odd", **held.log_context()})
            return False

        def keep(tx: Tx) -> bool:
            tx.jobs.renew(held, self._timing.fetch_lease)
            if not self._store.media.holds(sha256):
                return False  # Another job made the very same bytes, and they were being erased for it.
            tx.pictures.keep(held.id, result.ordinal, sha256, media_type)
            return True

        return await self._store.write(keep)

    async def _held(self, held: Job, chunks: Any) -> Any:
        """The stream, with the lease renewed as long as it flows: a clip may take longer than one lasts."""
        renewed = self._store.now()
        try:
            async for chunk in chunks:
                yield chunk
                if self._store.now() - renewed > self._timing.fetch_lease / 3:
                    await self._store.write(lambda tx: tx.jobs.renew(held, self._timing.fetch_lease))
                    renewed = self._store.now()
        finally:
            await chunks.aclose()


def recognised(head: bytes) -> str | None:
    """What a result is, by how it begins."""
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
