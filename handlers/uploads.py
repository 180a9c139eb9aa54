"""Images into one message: three steps per file, each committed before the next, and the share looked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.notifier import Said, Speech
from bot.services.timing import Timing
from handlers.places import Place
from handlers.verdicts import verdict
from storage.records.outbox import Notice, Upload

logger = logging.getLogger(__name__)
NEVER_SHARED = "never shared"
_ATTEMPTS = 4
_ENDINGS = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg", "video/mp4": "mp4"}
_MAGIC = {b"\x89PNG": "png", b"RIFF": "webp"}
"""For files of messages that were written down before their kind was."""


class Uploader:
    """Carries generated images into Slack."""

    def __init__(
        self, services: Services, client: AsyncWebClient, http: httpx.AsyncClient, timing: Timing
    ) -> None:
        self._services = services
        self._client = client
        self._http = http
        self._timing = timing

    async def deliver(self, notice: Notice, place: Place, comment: str, name: str) -> Said:
        """Upload what is missing, complete once, wait for the share. May be repeated after any crash."""
        uploads = await self._services.media.uploads(notice.id)
        if not uploads:
            return Said(Speech.NEVER, why="no images")
        if all(one.stage == "completing" for one in uploads):
            # An earlier attempt may have completed: the file itself knows where it stands.
            shared = await self._share(uploads[0], place, patient=not self._is_old(notice))
            if shared:
                return Said(Speech.SAID, shared)
            if not self._is_old(notice):
                return Said(Speech.UNKNOWN, wait=self._until_old(notice))
            if notice.attempts > _ATTEMPTS:
                return Said(Speech.NEVER, why=NEVER_SHARED)
            uploads = [await self._reset(one) for one in uploads]
        for number, one in enumerate(uploads, 1):
            if one.stage == "new" or one.file_id is None:
                await self._upload(one, f"{name} {number}")
        uploads = await self._services.media.uploads(notice.id)
        for one in uploads:
            await self._services.media.advance(one, "completing")
        await self._complete(uploads, place, comment, name)
        shared = await self._share(uploads[0], place, patient=True)
        return Said(Speech.SAID, shared) if shared else Said(Speech.UNKNOWN, wait=timedelta(seconds=10))

    async def _complete(self, uploads: Sequence[Upload], place: Place, comment: str, name: str) -> None:
        """Have all of them shared at once. Raises what Slack says."""
        try:
            await self._client.files_completeUploadExternal(
                files=[{"id": one.file_id or "", "title": f"{name} {n}"} for n, one in enumerate(uploads, 1)],
                channel_id=place.channel,
                initial_comment=comment[:1000],
                thread_ts=place.thread or None,
            )
        except SlackApiError as error:
            if verdict(error, posting=True).speech is not Speech.UNKNOWN:
                # Refused, so nothing was shared: nobody need look for it before the next attempt.
                for one in uploads:
                    await self._services.media.advance(one, "sent")
            raise

    async def _upload(self, upload: Upload, title: str) -> None:
        """A file's name and bytes. A crash in between wastes a name, and Slack forgets it by itself."""
        data = await self._services.media.read(upload.sha256)
        kind = _ENDINGS.get(upload.media_type or "") or _MAGIC.get(data[:4], "jpg")
        safe = "".join(letter if letter.isalnum() else "-" for letter in title)[:60]
        answer = await self._client.files_getUploadURLExternal(filename=f"{safe}.{kind}", length=len(data))
        sent = await self._http.post(answer["upload_url"], content=data)
        sent.raise_for_status()
        await self._services.media.advance(upload, "sent", answer["file_id"])

    async def _reset(self, upload: Upload) -> Upload:
        await self._services.media.advance(upload, "new")
        return Upload(upload.notice_id, upload.ordinal, upload.sha256, None, "new")

    async def _share(self, upload: Upload, place: Place, *, patient: bool) -> str | None:
        """Where the file was shared, as a message's address."""
        for wait in self._timing.share_looks if patient else (timedelta(0),):
            answer = await self._client.files_info(file=upload.file_id or "")
            shares: dict[str, Any] = answer["file"].get("shares") or {}
            for kind in ("public", "private"):
                # It may have gone to the owner's DM and not to its place: wherever it stands, it was said.
                for channel, found in (shares.get(kind) or {}).items():
                    for share in found:
                        return str(Place(place.team, channel, share["ts"]))
            await asyncio.sleep(wait.total_seconds())
        return None

    def _is_old(self, notice: Notice) -> bool:
        return self._age(notice) > self._timing.share_lost

    def _until_old(self, notice: Notice) -> timedelta:
        return max(timedelta(seconds=1), self._timing.share_lost - self._age(notice))

    def _age(self, notice: Notice) -> timedelta:
        begun = notice.post_begun_at
        return timedelta(0) if begun is None else self._services.media.now() - begun
