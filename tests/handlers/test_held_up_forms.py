"""A form with a file that cannot be used, as its owner meets it: told in private, and asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.providers import RemoteState, Role
from bot.sandbox.slack import Message, Upload
from bot.sandbox.slack.wire import Scenario
from tests.handlers.test_papers_by_dm import card, film, pdf
from tests.stand_ins import zipped
from tests.surface import Surface, fast_vendor, odd, stage

WHILE = 60
"""Seconds that anything may take: machines are shared."""
NOTHING = "Nothing has begun, and nothing was paid."
VENDOR: dict[str, Any] = {"films": True, "voice": True}
BAD = Upload("voice.zip", b"RIFF" * 99)
LOCKED = Upload("letter.pdf", b"%PDF-1.7\ntrailer << /Encrypt 4 0 R >>\n%%EOF\n")


@pytest.fixture
async def surface(tmp_path: Path) -> AsyncIterator[Surface]:
    """A vendor that wants a film and papers, and takes recordings."""
    async with stage(tmp_path, vendor=fast_vendor(**VENDOR)) as found, found.running():
        yield found


def papers(**instead: Upload) -> dict[str, Any]:
    given = {"id_front": Upload("front.png", card(1)), "id_back": Upload("back.png", card(2))}
    given |= {"letter": Upload("letter.pdf", pdf("letter"))} | instead
    return {f"file.{role}": [one] for role, one in given.items()}


async def sent(surface: Surface, **files: Any) -> Message:
    """A film in a thread, and the form for it with these files; returns what stands in the thread."""
    posted = await surface.post([odd("film.mp4", film())], "@darkroom please")
    tray = await surface.said("1 of 1 video usable", thread=posted.ts, within=WHILE)
    await surface.open_form(tray)
    done = await surface.submit(subject="person", prompt="Good morning.", count=None, **files)
    assert done.closed, done
    return tray


async def told(surface: Surface, words: str) -> Message:
    """Wait for what is said in private."""

    async def look() -> Message | None:
        return next((one for one in await surface.dm() if words in one.words()), None)

    return await surface.until(look, within=WHILE)


async def jobs(surface: Surface, count: int) -> None:
    async def look() -> bool | None:
        return surface.rows("job") >= count or None

    await surface.until(look, within=WHILE)
    assert surface.query("SELECT count(*) FROM job WHERE kind = 'training'") == [(count,)]


async def test_what_cannot_be_used_is_told_in_private_with_a_choice_and_not_in_the_thread(
    surface: Surface,
) -> None:
    tray = await sent(surface, **papers(), **{"file.voice": [BAD]})
    asked = await told(surface, NOTHING)
    assert "Recordings of the voice: voice.zip is no zip, whatever its name says" in asked.words()
    assert "You choose: start without it, or open the form again" in asked.words()
    assert "Kept meanwhile: identity card (portrait side)" in asked.words()
    assert asked.buttons() == ["Start without it", "Open the form…", "Discard"]
    said = await surface.said("in our direct messages", thread=tray.thread_ts, within=WHILE)
    assert NOTHING in said.words()
    assert "voice.zip" not in str([one.words() for one in await surface.by_bot(tray.channel)])
    assert (surface.rows("job"), surface.vendor.vendor.jobs) == (0, {})


async def test_two_presses_start_one_training_without_it(surface: Surface) -> None:
    tray = await sent(surface, **papers(), **{"file.voice": [BAD]})
    asked = await told(surface, NOTHING)
    presses = [surface.press(asked, "Start without it") for _ in range(2)]
    await asyncio.gather(*presses)
    await surface.said("is ready after", thread=tray.thread_ts, within=WHILE)
    await told(surface, "has begun since")
    await jobs(surface, 1)
    roles = {row[0] for row in surface.query("SELECT role FROM job_input")}
    assert "voice" not in roles


async def test_the_form_stands_filled_in_again_and_asks_only_for_what_went_astray(surface: Surface) -> None:
    tray = await sent(surface, **papers(), **{"file.voice": [BAD]})
    asked = await told(surface, NOTHING)
    await surface.press(asked, "Open the form…")
    form = await surface.form()
    assert "voice.zip is no zip" in form.words()
    assert "what may be left empty is left out then" in form.words()
    fields = [block["block_id"] for block in form.blocks if block["block_id"].startswith("file.")]
    assert fields == ["file.voice"]
    better = Upload("voice.zip", zipped({"one.wav": b"RIFF" * 99}))
    answer = {"where": "here", "consent": ["agreed"], "file.voice": [better]}
    assert (await surface.people.submit("ana", answer)).closed
    await surface.said("is ready after", thread=tray.thread_ts, within=WHILE)
    await jobs(surface, 1)
    given = [{one.role.value for one in job.spec.inputs} for job in surface.vendor.vendor.jobs.values()]
    assert {"voice", "video", "letter", "id_front", "id_back"} in given


async def test_a_paper_that_cannot_be_used_is_told_of_and_nothing_begins_without_one(
    surface: Surface,
) -> None:
    await sent(surface, **papers(letter=LOCKED), **{"file.voice": [BAD]})
    asked = await told(surface, NOTHING)
    assert "Letter of permission: letter.pdf is a PDF with a password" in asked.words()
    assert "Recordings of the voice: voice.zip is no zip" in asked.words()
    assert "give another: letter of permission." in asked.words()
    assert asked.buttons() == ["Open the form…", "Discard"]
    assert surface.rows("job") == 0


async def test_a_file_that_was_deleted_in_slack_meanwhile_holds_the_form_up(surface: Surface) -> None:
    gone = odd("voice.zip", zipped({"one.wav": b"RIFF" * 99}), Scenario.TOMBSTONE)
    await sent(surface, **papers(), **{"file.voice": [gone]})
    asked = await told(surface, NOTHING)
    assert "was deleted" in asked.words(), asked.words()
    assert "Start without it" in asked.buttons()
    assert surface.rows("job") == 0


async def test_what_was_asked_before_a_restart_can_be_answered_after_it(tmp_path: Path) -> None:
    async with stage(tmp_path, vendor=fast_vendor(**VENDOR)) as surface:
        async with surface.running():
            tray = await sent(surface, **papers(), **{"file.voice": [BAD]})
            asked = await told(surface, NOTHING)
        async with surface.running():
            await surface.press(asked, "Start without it")
            await surface.said("is ready after", thread=tray.thread_ts, within=WHILE)
            assert surface.query("SELECT count(*) FROM job WHERE kind = 'training'") == [(1,)]


async def test_what_is_discarded_is_erased_and_can_be_started_no_more(surface: Surface) -> None:
    await sent(surface, **papers(), **{"file.voice": [BAD]})
    asked = await told(surface, NOTHING)
    await surface.press(asked, "Discard")
    over = await told(surface, "was discarded, or its time was over: it is erased here")
    assert over.buttons() == []
    assert surface.rows("job") == 0


async def test_a_template_that_cannot_be_used_holds_a_training_up_as_well(tmp_path: Path) -> None:
    async with stage(tmp_path, vendor=fast_vendor(templates=True)) as surface, surface.running():
        tray = await surface.tray()
        await surface.open_form(tray)
        done = await surface.submit(**{"file.template": [Upload("scene.jpg", b"no picture" * 99)]})
        assert done.closed, done
        asked = await told(surface, NOTHING)
        assert "Template picture: scene.jpg is no picture of a kind I know" in asked.words()
        assert (surface.rows("job"), surface.vendor.vendor.jobs) == (0, {})
        await surface.press(asked, "Start without it")
        await surface.card(tray)
        await jobs(surface, 1)


async def test_more_images_are_not_made_without_the_template_that_was_given(tmp_path: Path) -> None:
    async with stage(tmp_path, vendor=fast_vendor(templates=True)) as surface, surface.running():
        tray = await surface.tray()
        await surface.train(tray)
        card = await surface.card(tray, says="Another prompt…")
        made = surface.rows("job")
        await surface.press(card, "Another prompt…")
        await surface.form()
        scene = {"prompt": "in a garden", "count": "1", "file.template": [Upload("scene.jpg", b"no picture")]}
        assert (await surface.people.submit("ana", scene)).closed
        said = await told(surface, "Nothing was made, and nothing was paid.")
        assert "Template picture: scene.jpg is no picture" in said.words()
        assert surface.rows("job") == made


async def test_a_better_file_that_cannot_be_used_either_is_not_sent_to_a_review(tmp_path: Path) -> None:
    vendor = fast_vendor(**VENDOR)
    wants = {"reason": "the letter is not signed", "wants": frozenset({Role.LETTER})}
    vendor.script("training", [{"state": RemoteState.NEEDS_USER} | wants, RemoteState.SUCCEEDED])
    async with stage(tmp_path, vendor=vendor) as surface, surface.running():
        tray = await sent(surface, **papers())
        card = await surface.card(tray, says="Upload again…")
        await surface.press(card, "Upload again…")
        await surface.form()
        assert (await surface.people.submit("ana", {"file.letter": [LOCKED]})).closed
        said = await told(surface, "Nothing was sent to the vendor")
        assert "Letter of permission: letter.pdf is a PDF with a password" in said.words()
        assert surface.query("SELECT state FROM job") == [("needs_user",)]
        # What the vendor has is left as it was.
        assert surface.query("SELECT count(*) FROM job_input WHERE role = 'letter'") == [(1,)]
