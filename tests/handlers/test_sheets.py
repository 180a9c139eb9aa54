"""A contact sheet is made and deleted in steps, with the process killed before and after each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.imaging.lab import Lab
from bot.services.sheets import Sheets
from handlers.sheets import SheetFiles
from storage.records.outbox import NoticeKind
from storage.records.places import direct
from storage.records.trays import Sheet
from tests.crash import Crash, Fate
from tests.stand_ins import ANA, Engine, Nudges, RememberingLab, closing_lab


class Slack(AsyncWebClient):
    """The four calls by which a file of ours comes and goes; what stands there outlives every process."""

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self.fate = fate
        self.named = 0
        self.files: set[str] = set()
        """Every file that can be seen."""

    async def files_getUploadURLExternal(self, **facts: Any) -> AsyncSlackResponse:  # noqa: N802 - Slack's.
        """A name and an address for a file."""

        async def act() -> AsyncSlackResponse:
            self.named += 1
            return self._says(file_id=f"F{self.named}", upload_url="http://127.0.0.1:9/up")

        return await self.fate.around("name", act)

    async def files_completeUploadExternal(  # noqa: N802 - Slack's.
        self, *, files: Any, **facts: Any
    ) -> AsyncSlackResponse:
        """From now on the file can be seen."""

        async def act() -> AsyncSlackResponse:
            self.files.update(one["id"] for one in files)
            return self._says()

        return await self.fate.around("complete", act)

    async def files_info(self, *, file: str, **facts: Any) -> AsyncSlackResponse:
        """Looked through at once."""
        self.fate.alive()
        return self._says(file={"id": file, "mimetype": "image/jpeg"})

    async def files_delete(self, *, file: str, **facts: Any) -> AsyncSlackResponse:
        """Gone, or never there."""

        async def act() -> AsyncSlackResponse:
            if file not in self.files:
                raise SlackApiError("no", self._says(ok=False, error="file_not_found"))
            self.files.discard(file)
            return self._says()

        return await self.fate.around("delete", act)

    async def upload(self, request: httpx.Request) -> httpx.Response:
        """Where the bytes go."""
        del request

        async def act() -> httpx.Response:
            return httpx.Response(200)

        return await self.fate.around("bytes", act)

    def _says(self, **data: Any) -> AsyncSlackResponse:
        return AsyncSlackResponse(
            client=self,
            http_verb="POST",
            api_url="",
            req_args={},
            data={"ok": True, **data},
            headers={},
            status_code=200,
        )


class MortalSheets(Sheets):
    """Sheets whose process may die around each commit."""

    fate: Fate

    async def begun(self, tray_id: str, stamp: str, file_id: str) -> Sheet:
        """A file has its name."""
        return await self.fate.around(
            "begun", lambda: super(MortalSheets, self).begun(tray_id, stamp, file_id)
        )

    async def ready(self, sheet: Sheet) -> None:
        """The file can be shown."""
        await self.fate.around("ready", lambda: super(MortalSheets, self).ready(sheet))

    async def gone(self, sheet: Sheet) -> None:
        """The file is deleted."""
        await self.fate.around("gone", lambda: super(MortalSheets, self).gone(sheet))


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """Where sheets are drawn."""
    async with closing_lab(RememberingLab()) as opened:
        yield opened


class History:
    """A tray that gets a sheet, then another photo and another sheet, and is discarded."""

    def __init__(self, house: Engine, lab: Lab, fate: Fate, name: str) -> None:
        self.house = house
        self.name = name
        self.fate = fate
        self.slack = Slack(fate)
        self.sheets = MortalSheets(house.store, lab, Nudges())
        self.sheets.fate = fate
        self.tray = ""

    async def walk(self) -> list[set[str]]:
        """From the first photo to the end, again and again until each part is done.

        Returns the sheets that can be seen after each part.
        """
        self.tray = await self.house.tray(1, source=f"{self.name}a")
        await self.lives(self.part)
        first = await self.standing()
        await self.house.tray(2, source=f"{self.name}b")
        await self.lives(self.part)
        second = await self.standing()
        await self.house.services.trays.discard(self.tray, ANA)
        await self.lives(self.part)
        return [first, second, await self.standing()]

    async def part(self) -> None:
        """What the notifier does for a notice of the tray: one sheet that shows it, and no other."""
        services = replace(self.house.services, sheets=self.sheets)
        async with httpx.AsyncClient(transport=httpx.MockTransport(self.slack.upload)) as http:
            files = SheetFiles(services, self.slack, http, self.house.timing)
            view = await services.trays.view(self.tray)
            await files.clear(self.tray, but=await files.bring(view))

    async def lives(self, part: Callable[[], Awaitable[None]]) -> None:
        """One process after the other, until one comes to the end."""
        while True:
            try:
                await part()
            except Crash:
                self.fate.revive()
                rows = await self.sheets.of_tray(self.tray)
                known = {one.file_id for one in rows}
                assert self.slack.files <= known, f"a sheet that nobody knows of: {self.fate.trail}"
                shown = [one.file_id for one in rows if one.ready]
                assert len(shown) <= 2, "what replaces it, and what is to be deleted"
            else:
                return

    async def standing(self) -> set[str]:
        """The sheets that can be seen; the rows say the same."""
        rows = await self.sheets.of_tray(self.tray)
        assert {one.file_id for one in rows} == self.slack.files, self.fate.trail
        assert all(one.ready for one in rows)
        return set(self.slack.files)


def one_new_one_and_none(seen: list[set[str]]) -> None:
    """What a person saw: a sheet, then another in its place, then none."""
    first, second, third = seen
    assert (len(first), len(second), third) == (1, 1, set())
    assert first != second, "what shows the second photo is a new sheet"


async def test_wherever_the_process_ends_there_is_one_contact_sheet_and_none_when_the_tray_is_over(
    house: Engine, lab: Lab
) -> None:
    fate, moment = Fate(), 0
    while moment == 0 or fate.passed >= moment:
        moment += 1
        fate = Fate(moment)
        one_new_one_and_none(await History(house, lab, fate, f"one-{moment}-").walk())
    assert moment > 20, "each step has a moment before and one after it"


async def test_a_process_that_ends_again_while_the_next_mends_it_leaves_nothing_either(
    house: Engine, lab: Lab
) -> None:
    for first in range(1, 13):
        fate = Fate(first, first + 1, first + 4)
        one_new_one_and_none(await History(house, lab, fate, f"many-{first}-").walk())


async def test_a_sheet_left_over_when_its_tray_has_ended_is_wanted_gone_whatever_became_of_its_notice(
    house: Engine,
) -> None:
    tray = await house.tray(2)
    sheet = await house.services.sheets.begun(tray, "stamp", "F1")
    await house.services.sheets.ready(sheet)
    house.turn(days=2)
    await house.services.photos.sweep()
    due = house.rows("SELECT key, kind, place, tray_id FROM outbox WHERE sent < wanted AND key LIKE '%:end'")
    assert due == [(f"sheet:{tray}:end", NoticeKind.SHEET.value, direct(ANA), tray)]
    await house.services.sheets.gone(sheet)
    await house.say()
    house.turn(hours=2)
    await house.services.photos.sweep()
    assert house.rows("SELECT * FROM outbox WHERE sent < wanted") == [], "once gone it is asked for no more"
