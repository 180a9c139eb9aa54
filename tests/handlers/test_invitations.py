"""The quiet question to somebody who posts photos without a mention, and how it is switched off."""

from __future__ import annotations

from bot.sandbox.slack import Message
from tests.surface import Surface, photos

DAY = 86_400


async def question(surface: Surface, *, user: str = "ana", channel: str = "#portraits") -> Message:
    return await surface.said("Train a model from these", channel=channel, viewer=user)


async def questions(surface: Surface, user: str, channel: str = "#portraits") -> int:
    said = await surface.by_bot(channel, viewer=user)
    return sum("Train a model from these" in message.text for message in said)


async def test_whoever_posts_photos_without_a_mention_is_asked_where_only_they_see_it(
    surface: Surface,
) -> None:
    await surface.post(photos(3))
    asked = await question(surface)
    assert asked.ephemeral
    assert asked.thread_ts is None, "in a thread nobody would see it"
    assert "from these 3 photos?" in asked.text
    assert asked.buttons() == ["Train…", "Not in this channel", "Do not ask me"]
    assert await questions(surface, "lee") == 0
    assert await surface.people.journal(kinds=["download"]) == []
    assert surface.rows("tray") == 0


async def test_one_or_two_photos_are_let_go_unread(surface: Surface) -> None:
    await surface.post(photos(2))
    await surface.post(photos(3), text="@darkroom please", user="lee")
    await surface.said("3 of 3 photos usable")
    assert {row[0] for row in surface.query("SELECT owner FROM tray")} == {
        f"{await surface.team()}/{await surface.user_id('lee')}"
    }
    assert surface.rows("invitation") == 0


async def test_a_yes_opens_the_form_with_the_photos_and_the_question_goes(surface: Surface) -> None:
    posted = await surface.post(photos(3))
    await surface.press(await question(surface), "Train…")
    form = await surface.people.wait_for_view("ana", lambda v: "3 photos from this thread." in v.words(), 20)
    assert form.submit == "Train"
    assert (await surface.submit()).closed
    await surface.said("Training started with these photos", thread=posted.ts)
    assert await questions(surface, "ana") == 0


async def test_the_same_person_is_asked_once_a_day_in_one_channel(surface: Surface) -> None:
    await surface.people.fault("event:message", "duplicate", times=1)
    await surface.post(photos(3))
    await question(surface)
    await surface.post(photos(3, first=5))
    await surface.taken_in(2)
    assert surface.rows("invitation") == 1
    await surface.post(photos(3, first=5), user="lee")
    await question(surface, user="lee")
    surface.clock.advance(DAY + 60)
    await surface.post(photos(4, first=9))
    await surface.said("from these 4 photos?", viewer="ana")


async def test_a_person_who_says_no_is_left_alone_and_can_change_their_mind(surface: Surface) -> None:
    await surface.post(photos(3))
    await surface.press(await question(surface), "Do not ask me")
    await surface.said("I do not ask you whether to train", viewer="ana")
    assert await questions(surface, "ana") == 0
    surface.clock.advance(DAY + 60)
    await surface.post(photos(3, first=5))
    await surface.post(photos(3, first=5), user="lee")
    await question(surface, user="lee")
    await surface.taken_in(3)
    assert await questions(surface, "ana") == 0
    told = await surface.people.command("ana", "#portraits", "/darkroom", "offers on")
    assert told is not None
    await surface.said("is asked, where only they see it", viewer="ana")
    await surface.post(photos(5, first=20))
    await surface.said("from these 5 photos?", viewer="ana")


async def test_a_channel_that_wants_no_questions_has_none(surface: Surface) -> None:
    await surface.post(photos(3))
    pressed = await surface.press(await question(surface), "Not in this channel")
    assert pressed.confirm is not None
    await surface.said("I do not ask anybody in this channel", viewer="ana")
    await surface.post(photos(3), user="lee")
    await surface.post(photos(3), channel="#atelier")
    await question(surface, channel="#atelier")
    await surface.taken_in(3)
    assert await questions(surface, "lee") == 0
    await surface.people.command("lee", "#portraits", "/darkroom", "offers on here")
    await surface.post(photos(4), user="lee")
    await question(surface, user="lee")


async def test_the_command_says_how_it_stands(surface: Surface) -> None:
    await surface.people.command("ana", "#portraits", "/darkroom", "offers")
    await surface.said("`/darkroom offers off here` for everybody", viewer="ana")
    await surface.people.command("ana", "#portraits", "/darkroom", "offers off here")
    await surface.said("I do not ask anybody in this channel", viewer="ana")
    await surface.people.command("ana", "#portraits", "/darkroom", "offers off")
    await surface.said("I do not ask you whether", viewer="ana")
    assert not await surface.by_bot("#portraits", viewer="lee"), "an answer is for the one who asked"


async def test_photos_that_are_meant_for_the_bot_are_not_asked_about(surface: Surface) -> None:
    tray = await surface.tray(photos(3))
    await surface.post(photos(3, first=5), thread=tray.thread_ts)
    await surface.said("6 of 6 photos usable", thread=tray.thread_ts)
    await surface.post(photos(3, first=9), channel="@darkroom")
    await surface.said("3 of 3", channel="@darkroom", viewer="ana")
    assert surface.rows("invitation") == 0
