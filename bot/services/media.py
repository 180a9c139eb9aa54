"""Generated images on their way out, and how far each file has come."""

from __future__ import annotations

from datetime import datetime

from storage import Store, Tx
from storage.records.outbox import Upload


class Media:
    """What the notifier needs to carry images into a message, and to go on after a crash."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def uploads(self, notice_id: str) -> list[Upload]:
        """The files of a message, in order."""
        return await self._store.read(lambda tx: tx.outbox.uploads(notice_id))

    async def advance(self, upload: Upload, stage: str, file_id: str | None = None) -> None:
        """Commit how far a file has come, before the next step is taken."""
        await self._store.write(
            lambda tx: tx.outbox.upload_is_at(upload.notice_id, upload.ordinal, stage, file_id)
        )

    def now(self) -> datetime:
        """The clock that notices go by."""
        return self._store.now()

    async def read(self, sha256: str) -> bytes:
        """The bytes of an image."""
        return await self._store.media.read(sha256)

    async def message_of(self, key: str) -> str | None:
        """Where the message of this key stands, if it does."""
        found = await self._store.read(lambda tx: tx.outbox.find(key))
        return found.message if found else None

    async def files_of(self, job_id: str) -> list[str]:
        """The surface's ids of all files a job's messages carry."""

        def unit(tx: Tx) -> list[str]:
            return [
                one.file_id
                for notice in tx.outbox.of_job(job_id)
                for one in tx.outbox.uploads(notice.id)
                if one.file_id
            ]

        return await self._store.read(unit)
