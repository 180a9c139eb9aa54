"""Contact sheets as Slack files: made in steps that survive a crash, and deleted once nothing shows them.

The file is shared with nobody: it is uploaded without a channel and shown by a message of ours to its owner.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import httpx
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.timing import Timing
from bot.services.trays import TrayView
from handlers.trays import captions
from storage.records.trays import Sheet

logger = logging.getLogger(__name__)
_GONE: Final = frozenset({"file_not_found", "file_deleted"})
_NO_ROOM: Final = frozenset(
    {"file_uploads_disabled", "file_uploads_except_images_disabled", "storage_limit_reached"}
    | {"file_upload_size_restricted", "file_type_not_allowed"}
)
"""The workspace takes no picture of ours: the words must do."""
_KEPT: Final = frozenset({"cant_delete_file", "restricted_action"})
"""Somebody has forbidden the app to delete its own files: asking again does not help."""


class SheetFiles:
    """Carries contact sheets into Slack, and out of it again."""

    def __init__(
        self, services: Services, client: AsyncWebClient, http: httpx.AsyncClient, timing: Timing
    ) -> None:
        self._services = services
        self._client = client
        self._http = http
        self._timing = timing

    async def bring(self, view: TrayView) -> Sheet | None:
        """The sheet that shows the tray as it is, made where there is none; None where there is none to be.

        May be repeated after any crash. Raises what Slack says, and the lab's CannotWork.
        """
        if not self.is_due(view):
            return None
        told = captions(view)
        stamp = self._services.sheets.stamp(view, told)
        for one in await self._services.sheets.of_tray(view.tray.id):
            if not one.ready:
                # Of an attempt that broke off: what became of its file nobody knows.
                await self._delete(one)
            elif one.stamp == stamp:
                return one
        data = await self._services.sheets.draw(view, told)
        try:
            sheet = await self._upload(view.tray.id, stamp, data)
        except SlackApiError as error:
            if (code := error.response.get("error")) not in _NO_ROOM:
                raise
            logger.warning("Contact sheet not taken", extra={"action": "sheet_not_taken", "why": code})
            return None
        await self._until_ready(sheet)
        await self._services.sheets.ready(sheet)
        return sheet

    async def _upload(self, tray_id: str, stamp: str, data: bytes) -> Sheet:
        """Name a file, remember the name, and only then send what it shows."""
        answer = await self._client.files_getUploadURLExternal(filename="contact-sheet.jpg", length=len(data))
        sheet = await self._services.sheets.begun(tray_id, stamp, answer["file_id"])
        (await self._http.post(answer["upload_url"], content=data)).raise_for_status()
        await self._client.files_completeUploadExternal(
            files=[{"id": sheet.file_id, "title": "Contact sheet"}]
        )
        return sheet

    def is_due(self, view: TrayView) -> bool:
        """Whether a tray is to have a sheet."""
        return bool(self._services.sheets.stamp(view, {}))

    async def shown(self, view: TrayView) -> Sheet | None:
        """The newest sheet of a tray that a message can show."""
        found = [one for one in await self._services.sheets.of_tray(view.tray.id) if one.ready]
        return found[-1] if found and self.is_due(view) else None

    async def clear(self, tray_id: str, *, but: Sheet | None) -> None:
        """Delete what no message shows any more: all before `but`, or all that there are.

        One that is still being made is its maker's, who finds the tray over and deletes it.
        """
        for one in await self._services.sheets.of_tray(tray_id):
            if but is None or one.number < but.number:
                await self._delete(one)

    async def _delete(self, sheet: Sheet) -> None:
        try:
            await self._client.files_delete(file=sheet.file_id)
        except SlackApiError as error:
            if (code := error.response.get("error")) in _KEPT:
                logger.warning("Contact sheet not deleted", extra={"action": "sheet_kept", "why": code})
            elif code not in _GONE:
                raise
        await self._services.sheets.gone(sheet)

    async def _until_ready(self, sheet: Sheet) -> None:
        """A block may name a file once Slack has looked through it. Raises TimeoutError."""
        for wait in self._timing.share_looks:
            answer = await self._client.files_info(file=sheet.file_id)
            if answer["file"].get("mimetype"):
                return
            await asyncio.sleep(wait.total_seconds())
        raise TimeoutError
