"""Papers by direct message: asked about, kept in private, sent to the vendor, and erased with its review."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from bot.providers import RemoteState
from bot.sandbox.slack import Message, Upload
from bot.services.errors import NotAwaited, NotYours
from bot.services.inputs import PAPERS, Role
from handlers.ids import Shortcut
from tests.surface import Surface, fast_vendor, odd, photo, photos, stage
from tests.test_films import small_film

PDF = b"%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n"
FRONT, BACK, LETTER = (
    "Identity card (portrait side)",
    "Identity card (other side)",
    "Letter of permission",
)
ASKS = {
    "state": RemoteState.NEEDS_USER,
    "reason": "the letter is not signed",
    "wants": frozenset({Role.LETTER}),
}
REVIEWED = {"state": RemoteState.RUNNING, "released": PAPERS, "progress": 0.5}


@cache
def film() -> bytes:
    return small_film((1920, 1080), 60)


def pdf(mark: str = "") -> bytes:
    return PDF.replace(b"1 0 obj", f"1 0 obj %{mark}".encode())


def card(number: int) -> bytes:
    """A picture that no other test posts."""
    out = io.BytesIO()
    Image.new("RGB", (640, 400), (200, 40 * number, 90)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
async def surface(tmp_path: Path) -> AsyncIterator[Surface]:
    """A vendor that wants a film and papers."""
    async with stage(tmp_path, vendor=fast_vendor(films=True)) as found, found.running():
        yield found


WHILE = 60
"""Seconds that anything may take: machines are shared."""


async def film_tray(surface: Surface) -> Message:
    posted = await surface.post([odd("film.mp4", film())], "@darkroom please")
    return await surface.said("1 of 1 video usable", thread=posted.ts, within=WHILE)


async def until(surface: Surface, look: Callable[[], Awaitable[bool | None]]) -> None:
    await surface.until(look, within=WHILE)


async def asked(surface: Surface, files: list[Upload], says: str, thread: str | None = None) -> Message:
    """Send files by direct message and wait for the question about them."""
    await surface.post(files, channel="@darkroom", thread=thread)
    return await told(surface, says)


async def told(surface: Surface, says: str) -> Message:
    return await surface.said(says, channel="@darkroom", viewer="ana", within=WHILE)


async def choose(surface: Surface, message: Message, number: int, option: str, user: str = "ana") -> None:
    """Choose from the menu beside one file."""
    block = next(one["block_id"] for one in message.blocks if one.get("block_id", "").endswith(f".{number}"))
    await surface.people.press(user, message.channel, message.ts, "paper", option=option, block_id=block)


def options(message: Message, number: int) -> list[str]:
    (menu,) = [one["accessory"] for one in message.blocks if one.get("block_id", "").endswith(f".{number}")]
    return [option["text"]["text"] for option in menu["options"]]


def kept(surface: Surface) -> list[tuple[str, str]]:
    """Role and state of the tray of everything that lies in one, by role."""
    return sorted(
        surface.query(
            "SELECT e.role, t.state FROM tray_entry e JOIN tray t ON t.id = e.tray_id"
            " WHERE e.medium IS NOT NULL"
        )
    )


async def test_a_pdf_and_pictures_by_dm_become_the_papers_of_a_film_and_reach_its_vendor(
    surface: Surface,
) -> None:
    tray = await film_tray(surface)
    assert "send them to me by direct message" in tray.words()
    files = [odd("front.png", card(1)), odd("back.png", card(2)), odd("letter.pdf", PDF)]
    question = await asked(surface, files, "Are these papers, or photos to train from?")
    assert options(question, 1) == [FRONT, BACK, LETTER, "A photo to train from", "Neither: erase it"]
    assert options(question, 3) == [FRONT, BACK, LETTER, "Neither: erase it"]
    await choose(surface, question, 1, FRONT)
    await choose(surface, question, 3, LETTER)
    some = await told(surface, "Still missing: identity card (other side).")
    assert some.ts == question.ts
    assert (
        "2 papers for *film.mp4* at Fake: identity card (portrait side) and letter of permission."
        in some.words()
    )
    await choose(surface, some, 2, BACK)
    done = await told(surface, "3 papers for *film.mp4* at Fake")
    form = await surface.open_form(done)
    assert "1 video from this thread. Here already: identity card (portrait side)," in form.words()
    assert not [one for one in form.blocks if str(one.get("block_id")).startswith("file.")]
    surface.vendor.script("training", [REVIEWED])
    assert (await surface.submit(count="1")).closed
    await surface.card(tray, says="training 50 %")
    (job,) = surface.vendor.jobs.values()
    assert [one.role for one in job.spec.inputs] == [Role.VIDEO, Role.ID_FRONT, Role.ID_BACK, Role.LETTER]
    await told(surface, "None of these waits here any more")


async def test_what_came_by_dm_is_erased_when_the_review_is_over(surface: Surface) -> None:
    await film_tray(surface)
    question = await asked(
        surface,
        [odd("1.pdf", pdf("a")), odd("2.pdf", pdf("b")), odd("3.pdf", pdf("c"))],
        "Which papers are these?",
    )
    for number, option in enumerate((FRONT, BACK, LETTER), 1):
        await choose(surface, question, number, option)
    done = await told(surface, "3 papers for *film.mp4*")
    surface.vendor.script("training", [REVIEWED])
    await surface.open_form(done)
    assert (await surface.submit(count="1")).closed

    async def erased() -> bool | None:
        return len(surface.files()) == 1 or None  # The film stays until the training is over.

    await until(surface, erased)
    assert [role for role, _ in kept(surface)] == ["video"]


async def test_while_papers_are_awaited_no_picture_is_guessed_to_be_a_photo(surface: Surface) -> None:
    await film_tray(surface)
    question = await asked(surface, [odd("a.png", card(1))], "Is this a paper, or a photo to train from?")
    assert [role for role, _ in kept(surface)] == ["unsorted", "video"]
    assert surface.rows("look") == 0
    assert surface.rows("sheet") == 0
    await choose(surface, question, 1, "A photo to train from")
    tray = await told(surface, "1 of 1 photo usable")
    assert tray.thread_ts == question.thread_ts
    await told(surface, "None of these waits here any more")


async def test_a_film_and_its_papers_in_one_message_are_asked_about_too(surface: Surface) -> None:
    files = [odd("film.mp4", film()), odd("front.png", card(1)), odd("letter.pdf", PDF)]
    question = await asked(surface, files, "Are these papers, or photos to train from?")
    assert options(question, 1)[0] == FRONT
    await choose(surface, question, 2, LETTER)
    tray = await told(surface, "Here so far: letter of permission.")
    assert "1 of 1 video usable" in tray.words()


async def test_all_of_many_pictures_are_photos_with_one_press(surface: Surface) -> None:
    await film_tray(surface)
    question = await asked(surface, photos(4), "Are these papers, or photos to train from?")
    await surface.press(question, "All 4 are photos")
    tray = await told(surface, "4 of 4 photos usable")
    assert "Train…" in tray.buttons()


async def test_without_anything_that_waits_for_papers_a_picture_is_a_photo_and_a_pdf_is_refused(
    surface: Surface,
) -> None:
    await surface.post([odd("letter.pdf", PDF), *photos(1)], channel="@darkroom")
    tray = await told(surface, "1 of 2 photos usable")
    assert "#1 letter.pdf is a PDF, and nothing of yours waits for a paper just now" in tray.words()
    assert [role for role, _ in kept(surface)] == ["photo"]

    async def gone() -> bool | None:
        return len(surface.files()) == 1 or None

    await until(surface, gone)


async def test_a_paper_in_a_channel_is_not_kept_and_is_to_be_deleted_there(surface: Surface) -> None:
    await film_tray(surface)
    tray = await surface.tray([odd("letter.pdf", PDF)], says="0 of 1 photo usable")
    assert "delete it here and send it to me by direct message" in tray.words()
    assert [role for role, _ in kept(surface)] == ["video"]
    assert len(surface.files()) == 1


async def test_the_papers_of_a_tray_stand_in_no_message_of_its_thread(surface: Surface) -> None:
    tray = await film_tray(surface)
    before = await surface.said("1 of 1 video usable", thread=tray.thread_ts)
    question = await asked(surface, [odd("ana letter.pdf", PDF)], "Which paper is this?")
    await choose(surface, question, 1, LETTER)
    await told(surface, "1 paper for *film.mp4*")
    after = await surface.said("1 of 1 video usable", thread=tray.thread_ts)
    assert after.words() == before.words()
    assert not [one for one in await surface.by_bot("#portraits") if "ana letter" in one.words()]


async def test_a_better_paper_takes_the_place_of_the_one_before(surface: Surface) -> None:
    await film_tray(surface)
    for mark in ("a", "b"):
        question = await asked(surface, [odd(f"{mark}.pdf", pdf(mark))], f"{mark}.pdf")
        await choose(surface, question, 1, LETTER)
        await told(surface, "1 paper for *film.mp4*")

    async def one_left() -> bool | None:
        return len(surface.files()) == 2 or None

    await until(surface, one_left)
    assert kept(surface) == [("letter", "open"), ("video", "open")]


async def test_erased_papers_are_gone_at_once_and_the_film_stays(surface: Surface) -> None:
    await film_tray(surface)
    question = await asked(
        surface, [odd("a.pdf", pdf("a")), odd("b.pdf", pdf("b"))], "Which papers are these?"
    )
    await choose(surface, question, 1, LETTER)
    some = await told(surface, "1 paper for *film.mp4*")
    await surface.press(some, "Erase papers")
    question = await told(surface, "Which paper is this?")
    await choose(surface, question, 2, "Neither: erase it")
    await told(surface, "None of these waits here any more")

    async def film_only() -> bool | None:
        return len(surface.files()) == 1 or None

    await until(surface, film_only)
    assert kept(surface) == [("video", "open")]


async def test_nobody_else_can_say_what_a_paper_is(surface: Surface) -> None:
    await film_tray(surface)
    await asked(surface, [odd("a.pdf", PDF)], "Which paper is this?")
    ((envelope, owner),) = surface.query("SELECT tray_id, owner FROM outbox WHERE kind = 'papers'")
    ((film_tray_id,),) = surface.query("SELECT tray_id FROM tray_entry WHERE role = 'video'")
    lee = f"{owner.partition('/')[0]}/{await surface.user_id('lee')}"
    mine = surface.bot.services.envelopes
    for wish in (
        mine.decide(envelope, lee, 1, film_tray_id, Role.LETTER),
        mine.as_photos(envelope, lee),
        mine.discard(envelope, lee),
    ):
        with pytest.raises(NotYours):
            await wish
    with pytest.raises(NotAwaited):
        await mine.drop(lee, film_tray_id)
    assert [role for role, _ in kept(surface)] == ["unsorted", "video"]


async def waiting(surface: Surface) -> Message:
    """A job whose vendor has refused the letter."""
    tray = await film_tray(surface)
    surface.vendor.script("training", [ASKS, REVIEWED])
    await surface.open_form(tray)
    files = {f"file.{role.value}": [Upload(f"{role.value}.pdf", pdf(role.value))] for role in PAPERS}
    assert (await surface.submit(count="1", **files)).closed
    return await surface.card(tray, says="needs you")


async def test_a_job_that_needs_a_better_letter_gets_it_from_the_dm(surface: Surface) -> None:
    job = await waiting(surface)
    await told(surface, "An identity card or a letter can also be sent to me here")
    question = await asked(surface, [odd("signed.pdf", pdf("signed"))], "Which paper is this?")
    await choose(surface, question, 1, LETTER)
    ready = await told(surface, "1 paper for *ana spring* at Fake: letter of permission.")
    assert len(surface.files()) == 5
    await surface.press(ready, "Send to Fake")
    await surface.card(job, says="training 50 %")
    (at_vendor,) = surface.vendor.jobs.values()
    assert at_vendor.gone_on == 1
    await told(surface, "None of these waits here any more")

    async def reviewed() -> bool | None:
        return len(surface.files()) == 1 or None

    await until(surface, reviewed)


async def test_the_form_of_a_job_that_needs_you_takes_what_came_by_dm(surface: Surface) -> None:
    job = await waiting(surface)
    question = await asked(surface, [odd("signed.pdf", pdf("signed"))], "Which paper is this?")
    await choose(surface, question, 1, LETTER)
    await told(surface, "1 paper for *ana spring*")
    await surface.press(job, "Upload again…")
    form = await surface.form()
    assert "Taken from our direct messages: letter of permission." in form.words()
    assert (await surface.people.submit("ana", {})).closed
    await surface.card(job, says="training 50 %")


async def test_a_paper_in_the_thread_of_a_job_that_needs_one_is_not_read_and_said_so(
    surface: Surface,
) -> None:
    job = await waiting(surface)
    before = len(surface.files())
    await surface.post([odd("signed.pdf", pdf("signed"))], thread=job.thread_ts)
    said = await surface.said("delete it here, where others read it", viewer="ana")
    assert said.ephemeral
    assert len(surface.files()) == before


async def test_cancelling_a_job_erases_what_had_come_for_it(surface: Surface) -> None:
    job = await waiting(surface)
    question = await asked(surface, [odd("signed.pdf", pdf("signed"))], "Which paper is this?")
    await choose(surface, question, 1, LETTER)
    await told(surface, "1 paper for *ana spring*")
    await surface.press(job, "Cancel")
    await surface.card(job, says="cancelled")

    async def film_only() -> bool | None:
        return len(surface.files()) == 1 or None

    await until(surface, film_only)
    await told(surface, "None of these waits here any more")
    assert len(surface.files()) == 1


async def test_papers_that_nobody_speaks_of_are_erased_with_the_drafts(surface: Surface) -> None:
    await film_tray(surface)
    await asked(surface, [odd("a.pdf", PDF), odd("b.jpg", photo(1))], "Are these papers")
    surface.clock.advance(2 * 24 * 3600)

    async def nothing() -> bool | None:
        await surface.bot.services.photos.sweep()
        return not surface.files() or None

    await until(surface, nothing)
    assert not surface.files()


async def test_a_question_that_nobody_answered_in_time_says_that_what_it_was_about_is_erased(
    surface: Surface,
) -> None:
    await film_tray(surface)
    question = await asked(surface, [odd("a.pdf", PDF)], "Which paper is this?")
    surface.clock.advance(2 * 24 * 3600)
    await surface.bot.services.photos.sweep()
    over = await told(surface, "You did not say in time what this is, so it is erased here.")
    assert over.ts == question.ts
    assert "a.pdf" not in over.words()
    assert not [block for block in over.blocks if block.get("accessory")], "nothing is left to be chosen"


async def test_papers_that_were_told_and_not_sent_in_time_are_not_spoken_of_as_here(surface: Surface) -> None:
    await film_tray(surface)
    question = await asked(surface, [odd("a.pdf", PDF)], "Which paper is this?")
    await choose(surface, question, 1, LETTER)
    await told(surface, "1 paper for *film.mp4* at Fake: letter of permission.")
    surface.clock.advance(2 * 24 * 3600)
    await surface.bot.services.photos.sweep()
    over = await told(surface, "None of these waits here any more")
    assert (over.ts, over.buttons()) == (question.ts, [])


async def test_the_shortcut_on_a_pdf_in_the_direct_message_is_not_answered_as_if_others_read_it(
    surface: Surface,
) -> None:
    posted = await surface.post([odd("a.pdf", PDF), *photos(2)], channel="@darkroom")
    await told(surface, "2 of 3 photos usable")
    surface.clock.advance(2 * 24 * 3600)
    await surface.bot.services.photos.sweep()
    await told(surface, "Nothing was started with what was posted")
    await surface.people.shortcut("ana", Shortcut.TRAIN.value, posted.channel, posted.ts)
    again = await told(surface, "#1 a.pdf is a PDF and no photo")
    assert "A letter or an identity card goes into a post of its own here" in again.words()
    assert "delete it here" not in again.words()
