"""`/darkroom` and the same words in a mention or a DM."""

from pathlib import Path

import pytest

from bot.providers import RemoteState
from bot.sandbox.slack import CommandResult
from tests.surface import FORM, Surface, odd, photo, photos, stage

TRAINING_FOR_EVER = [{"state": RemoteState.RUNNING, "progress": 0.4}]


async def command(surface: Surface, text: str = "", *, user: str = "ana") -> CommandResult:
    """Type the command in #portraits."""
    done = await surface.people.command(user, "#portraits", "/darkroom", text)
    assert done.acked, done
    # In a thread a job may have gone on meanwhile; that is no answer.
    said = [message for message in done.messages if message.thread_ts is None]
    assert all(message.ephemeral for message in said)
    return done.model_copy(update={"messages": said})


async def answer(surface: Surface, text: str = "", *, user: str = "ana") -> str:
    """What the command says."""
    return (await command(surface, text, user=user)).messages[0].words()


@pytest.mark.parametrize("text", ["", "help", "HELP", "  help  "])
async def test_the_bare_command_and_help_show_what_there_is(surface: Surface, text: str) -> None:
    (said,) = (await command(surface, text)).messages
    assert said.buttons() == ["New", "My jobs"]
    assert "stripped of their metadata" in said.words()


async def test_an_unknown_word_names_the_nearest_and_not_the_manual(surface: Surface) -> None:
    words = await answer(surface, "statsu")
    assert words == "`statsu` is no command of mine. Did you mean `/darkroom status`?"


async def test_a_word_near_nothing_points_to_help(surface: Surface) -> None:
    words = await answer(surface, "xyzzy")
    assert words == "`xyzzy` is no command of mine. `/darkroom help` shows what there is."


async def test_an_unknown_word_cannot_ping_anybody(surface: Surface) -> None:
    words = await answer(surface, "<!channel>")
    assert "<!channel>" not in words
    assert "&lt;!channel&gt;" in words


async def test_status_without_jobs_says_so_and_offers_new(surface: Surface) -> None:
    (said,) = (await command(surface, "status")).messages
    assert "No jobs yet" in said.words()
    assert said.buttons() == ["New"]


async def test_status_shows_own_jobs_with_their_state_and_cancel(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    await surface.card(await surface.train(), "training 40 %")
    (said,) = (await command(surface, "status")).messages
    assert "*ana spring* · training 40 % · Fake" in said.words()
    assert said.buttons() == ["Open", "Details", "Cancel"]


async def test_status_by_id_shows_that_job_to_its_owner_alone(surface: Surface) -> None:
    await surface.train()
    ((job,),) = surface.query("SELECT id FROM job WHERE kind = 'training'")
    assert "*ana spring*" in await answer(surface, f"status {job}")
    other = await answer(surface, f"status {job}", user="lee")
    assert "ana spring" not in other


async def test_a_job_of_others_and_a_job_that_never_was_are_answered_alike(surface: Surface) -> None:
    await surface.train()
    ((job,),) = surface.query("SELECT id FROM job WHERE kind = 'training'")
    theirs = await answer(surface, f"status {job}", user="lee")
    nobodys = await answer(surface, "status job_0000", user="lee")
    assert theirs == nobodys


async def test_status_of_others_shows_nothing_of_mine(surface: Surface) -> None:
    await surface.train()
    assert "No jobs yet" in await answer(surface, "status", user="lee")


async def test_status_all_is_for_operators_and_shows_neither_name_nor_prompt(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    await surface.card(await surface.train(), "training 40 %")
    (said,) = (await command(surface, "status all", user="admin")).messages
    ((job,),) = surface.query("SELECT id FROM job")
    assert f"`{job}` · training 40 %" in said.words()
    assert f"<@{await surface.user_id('ana')}>" in said.words()
    for secret in ("ana spring", "a secret garden"):
        assert secret not in f"{said.words()} {said.text}"
    assert said.buttons() == []


async def test_status_all_of_anybody_else_says_whose_it_is(surface: Surface) -> None:
    await surface.train()
    words = await answer(surface, "status all", user="lee")
    assert "ana" not in words
    assert "operators" in words


async def test_new_brings_its_photos_in_the_form_and_trains_at_once(surface: Surface) -> None:
    await command(surface, "new ana spring")
    form = await surface.form()
    assert form.values["name"]["value"]["value"] == "ana spring"
    done = await surface.submit(name=None, photos=photos(3))
    assert done.closed, done
    card = await surface.said("ana spring", channel="#portraits")
    assert "Details" in card.buttons()
    assert surface.query("SELECT count(*) FROM job_input JOIN job ON id = job_id") == [(3,)]


async def test_new_with_too_few_usable_photos_says_so_and_starts_nothing(surface: Surface) -> None:
    await command(surface, "new")
    await surface.form()
    assert (await surface.submit(photos=[odd("a.jpg", photo(1)), odd("b.jpg", b"no photo")])).closed
    tray = await surface.said("1 of 2 photos usable")
    assert "#2 b.jpg is no picture of a kind" in tray.words()
    assert surface.rows("job") == 0


async def test_new_for_oneself_alone_happens_in_the_dm_from_the_first_word(surface: Surface) -> None:
    await command(surface, "new")
    await surface.form()
    assert (await surface.submit(photos=photos(3), where="Only to me, by DM")).closed
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.said("is ready", channel=mine.id)
    assert await surface.by_bot("#portraits") == []


async def test_new_pressed_in_the_dm_works_without_a_channel(surface: Surface) -> None:
    await surface.post(text="help", channel="@darkroom")
    said = await surface.said("Darkroom trains", channel="@darkroom", viewer="ana")
    await surface.press(said, "New")
    await surface.form()
    assert (await surface.submit(where=None, photos=photos(2))).closed
    mine = await surface.direct_channel("ana")
    assert mine is not None
    await surface.said("is ready", channel=mine.id)


async def test_the_command_in_a_channel_without_the_bot_still_answers(surface: Surface) -> None:
    done = await surface.people.command("lee", "#board", "/darkroom", "status")
    assert "No jobs yet" in done.messages[0].words()


async def test_new_in_a_channel_without_the_bot_ends_in_the_dm(surface: Surface) -> None:
    await surface.people.command("lee", "#board", "/darkroom", "new")
    await surface.form("lee")
    assert (await surface.people.submit("lee", FORM | {"photos": photos(2)})).closed
    mine = await surface.until(lambda: surface.direct_channel("lee"))
    card = await surface.said("ana spring", channel=mine.id)
    await surface.said("is ready", channel=mine.id)
    assert "Details" in card.buttons()
    assert await surface.by_bot("#board") == []


@pytest.mark.parametrize("text", ["@darkroom help", "@darkroom status", "@darkroom statsu"])
async def test_words_in_a_thread_are_answered_to_their_writer_alone(surface: Surface, text: str) -> None:
    tray = await surface.tray()
    await surface.post(text=text, user="lee", thread=tray.thread_ts)
    surface.clock.advance(4)
    wanted = {"help": "Darkroom trains", "status": "No jobs yet", "statsu": "Did you mean"}
    said = await surface.said(wanted[text.split()[1]], viewer="lee")
    assert said.ephemeral
    assert said.thread_ts == tray.thread_ts


async def test_a_mention_without_photos_or_words_says_what_to_do(surface: Surface) -> None:
    await surface.post(text="@darkroom")
    said = await surface.said("Post some photos here", viewer="ana")
    assert said.ephemeral


async def test_what_a_person_wrote_comes_back_as_they_wrote_it(surface: Surface) -> None:
    tray = await surface.tray()
    await surface.post(text="@darkroom statu&", user="lee", thread=tray.thread_ts)
    surface.clock.advance(4)
    said = await surface.said("is no command of mine", viewer="lee")
    # Once escaped and not twice: Slack had done it already.
    assert said.words().startswith("`statu&amp;` is no command")


async def test_my_jobs_pressed_under_help_lists_the_jobs_of_the_one_who_pressed(surface: Surface) -> None:
    await surface.train()
    (said,) = (await command(surface, "help", user="lee")).messages
    await surface.press(said, "My jobs", user="lee")
    assert "No jobs yet" in (await surface.said("No jobs yet", viewer="lee")).words()


async def test_a_command_of_another_name_is_answered_by_that_name(tmp_path: Path) -> None:
    async with stage(tmp_path, command="/portrait") as surface, surface.running():
        done = await surface.people.command("ana", "#portraits", "/portrait", "statsu")
        assert "Did you mean `/portrait status`?" in done.messages[0].words()
