"""*Train from these photos*, in the menu of a message."""

from __future__ import annotations

from pathlib import Path

from bot.sandbox.slack import Message, View
from handlers.ids import Shortcut
from tests.stand_ins import zipped
from tests.surface import Surface, odd, photo, photos, stage


async def choose(surface: Surface, message: Message, user: str = "ana") -> None:
    await surface.people.shortcut(user, Shortcut.TRAIN.value, message.channel, message.ts)


async def filled(surface: Surface, words: str, user: str = "ana") -> View:
    return await surface.people.wait_for_view(user, lambda view: words in view.words(), within=60)


async def mended(surface: Surface) -> None:
    """The file host is well again, and the next attempt is due."""
    await surface.people.clear_faults()
    surface.clock.advance(600)


async def test_the_form_comes_with_the_photos_of_the_message(surface: Surface) -> None:
    posted = await surface.post([*photos(2), odd("more.zip", zipped({"c.jpg": photo(7)}))])
    await choose(surface, posted)
    form = await filled(surface, "3 photos from this thread.")
    assert form.submit == "Train"
    assert (await surface.submit()).closed
    tray = await surface.said("Training started with these photos", thread=posted.ts)
    await surface.card(tray)
    assert surface.query("SELECT count(*) FROM job_input") == [(3,)]


async def test_the_form_is_open_before_the_photos_are_looked_at(surface: Surface) -> None:
    await surface.people.fault("download", "http_500", times=100)
    await choose(surface, await surface.post(photos(2)))
    assert (await filled(surface, "Loading 2 files")).submit is None
    await mended(surface)
    assert (await filled(surface, "2 photos from this thread.")).submit == "Train"


async def test_photos_of_somebody_else_are_refused_in_plain_words_and_not_fetched(surface: Surface) -> None:
    posted = await surface.post(photos(2))
    await choose(surface, posted, user="lee")
    view = await filled(surface, "These photos are not yours", user="lee")
    assert view.submit is None
    assert surface.rows("inbox") == 0
    assert await surface.people.journal(kinds=["download"]) == []


async def test_a_message_without_files_is_told_so(surface: Surface) -> None:
    await choose(surface, await surface.post(text="hello all"))
    told = await filled(surface, "nothing in this message but words")
    assert told.submit is None
    assert surface.rows("tray") == 0


async def test_too_few_photos_say_what_is_missing_and_where_to_add_it(surface: Surface) -> None:
    posted = await surface.post([*photos(1), odd("notes.jpg", b"dear diary")])
    await choose(surface, posted)
    view = await filled(surface, "1 more photo needed: add them to this thread")
    assert "#2 notes.jpg is no picture" in view.words()
    await surface.post(photos(1, first=5), thread=posted.ts)
    await surface.said("2 of 3 photos usable", thread=posted.ts)


async def test_chosen_twice_it_is_one_tray_whose_photos_are_fetched_once(surface: Surface) -> None:
    posted = await surface.post(photos(2))
    await choose(surface, posted)
    await filled(surface, "2 photos from this thread.")
    await surface.people.close("ana")
    await choose(surface, posted)
    await filled(surface, "2 photos from this thread.")
    assert surface.rows("tray") == 1
    assert len(await surface.people.journal(kinds=["download"])) == 2


async def test_a_form_that_was_closed_meanwhile_loses_nothing(surface: Surface) -> None:
    posted = await surface.post(photos(2))
    await surface.people.fault("download", "http_500", times=100)
    await choose(surface, posted)
    await filled(surface, "Loading 2 files")
    await surface.people.close("ana")
    await mended(surface)
    tray = await surface.said("2 of 2 photos usable", thread=posted.ts)
    assert "Train…" in tray.buttons()


async def test_where_the_bot_is_no_member_it_says_what_to_do(surface: Surface) -> None:
    posted = await surface.post(photos(2))
    await surface.people.remove_bot("#portraits")
    await choose(surface, posted)
    await filled(surface, "I am not in that conversation. Invite me into it")
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.said("I am not in that conversation", channel=mine.id)
    assert surface.rows("tray") == 0
    assert await surface.direct_channel("admin") is None, "nothing that an operator could mend"


async def test_photos_in_the_direct_message_work_as_well(surface: Surface) -> None:
    posted = await surface.post(photos(2), channel="@darkroom")
    await surface.said("2 of 2 photos usable", channel="@darkroom", viewer="ana", thread=posted.ts)
    await choose(surface, posted)
    form = await filled(surface, "2 photos from this thread.")
    assert "Post the images" not in str(form.blocks)


async def test_a_form_that_waits_is_filled_after_a_restart(tmp_path: Path) -> None:
    async with stage(tmp_path) as surface:
        async with surface.running():
            posted = await surface.post(photos(2))
            await surface.people.fault("download", "http_500", times=100)
            await choose(surface, posted)
            await filled(surface, "Loading 2 files")
        await mended(surface)
        async with surface.running():
            assert (await filled(surface, "2 photos from this thread.")).submit == "Train"
