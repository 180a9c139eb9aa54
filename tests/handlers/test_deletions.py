"""Deleting as people see it: the question, the card, the receipt, the files and messages that are gone."""

from __future__ import annotations

from pathlib import Path

from bot.providers import RemoteState, Unavailable
from bot.sandbox.slack import Message, Upload
from tests.surface import Surface, fast_vendor, photo, photos, stage

TRAINING_FOR_EVER = [{"state": RemoteState.RUNNING, "progress": 0.4}]


async def finished(surface: Surface, **changes: str) -> Message:
    """A card that is done, its letter said."""
    card = await surface.train(**changes)
    done = await surface.card(card, "done")
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.said("is ready after", channel=mine.id)
    await surface.all_said()
    return done


async def let_go(surface: Surface) -> None:
    """Wait until the vendor was told that the jobs need nothing more: the next call is of a deletion."""

    async def look() -> bool | None:
        return surface.query("SELECT count(*) FROM job WHERE tidied_at IS NULL") == [(0,)] or None

    await surface.until(look)


async def receipt(surface: Surface, user: str = "ana", says: str = "") -> Message:
    mine = await surface.until(lambda: surface.direct_channel(user))

    async def look() -> Message | None:
        found = [m for m in await surface.dm(user) if "receipt" in m.text and says in m.words()]
        return found[-1] if found else None

    del mine
    return await surface.until(look)


async def confirmed(surface: Surface, user: str = "ana") -> None:
    done = await surface.people.submit(user, {})
    assert done.closed, done


async def test_delete_on_the_card_asks_first_and_says_what_would_go(surface: Surface) -> None:
    card = await finished(surface)
    await surface.press(card, "Delete…")
    words = (await surface.form()).words()
    assert "The model *ana spring* goes." in words
    assert "2 images" in words
    assert "Not the photos" not in words
    assert "*Fake* is asked to delete the trained model, what it was given and the images." in words
    assert "cannot be taken back" in words
    assert surface.rows("deletion") == 0


async def test_a_deleted_model_leaves_a_card_that_says_so_and_a_receipt_by_dm(surface: Surface) -> None:
    card = await finished(surface)
    await surface.press(card, "Delete…")
    await surface.form()
    await confirmed(surface)
    words = (await receipt(surface, says="is deleted.")).words()
    for line in (
        "3 photos and other files: deleted",
        "2 images: deleted",
        "name, prompt and settings: deleted",
        "2 pictures that I uploaded: deleted",
        "3 files that you posted: I cannot delete these",
        "trained model: deleted",
        "the images it made: deleted",
    ):
        assert line in words, words
    gone = await surface.people.wait_for_message(
        card.channel, lambda m: m.ts == card.ts and "deleted" in m.words(), thread_ts=card.thread_ts
    )
    assert gone.buttons() == []
    assert "ana spring" not in f"{gone.text}{gone.words()}"
    assert all(job.deleted for job in surface.vendor.jobs.values())
    assert surface.files() == []


async def test_what_the_bot_had_put_into_slack_is_gone_and_what_people_posted_is_not(
    surface: Surface,
) -> None:
    card = await finished(surface)
    posted = await surface.people.messages("#portraits")
    photos = {file.id for m in posted if m.ts == card.thread_ts for file in m.files}
    await surface.press(card, "Delete…")
    await surface.form()
    await confirmed(surface)
    await receipt(surface, says="is deleted.")
    await surface.call_made("files.delete")
    seen = [*await surface.by_bot("#portraits"), *await surface.dm()]
    assert not any(m.files for m in seen)
    assert not any("is ready after" in m.words() or "is ready after" in m.text for m in seen)
    assert len(await surface.calls("files.delete", ok=True)) == 2
    now = await surface.people.messages("#portraits")
    assert {file.id for m in now if m.ts == card.thread_ts for file in m.files} == photos


async def test_no_name_of_a_file_stands_in_slack_once_a_model_is_deleted(surface: Surface) -> None:
    bad = [
        Upload("passport scan.jpg", b"no photo at all"),
        Upload("sofa at home.jpg", photo(9, size=(200, 300))),
    ]
    tray = await surface.tray([*photos(3), *bad])
    assert "passport scan" in tray.words()
    await surface.press(tray, "Train…")
    await surface.form()
    assert (await surface.submit()).closed
    card = await surface.card(tray, "done")
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.said("is ready after", channel=mine.id)
    await surface.press(card, "Delete…")
    await surface.form()
    await confirmed(surface)
    await receipt(surface, says="is deleted.")

    async def none() -> bool | None:
        said = [*await surface.by_bot("#portraits"), *await surface.dm()]
        words = [f"{message.text}{message.words()}" for message in said]
        return not any(name in one for one in words for name in ("passport scan", "sofa at home")) or None

    await surface.until(none)
    assert not [m for m in await surface.by_bot("#portraits") if m.ts == tray.ts]


async def test_delete_typed_with_a_name_opens_the_question(surface: Surface) -> None:
    await finished(surface)
    await surface.people.command("ana", "#portraits", "/darkroom", "delete Ana Spring")
    assert "The model *ana spring* goes." in (await surface.form()).words()
    await confirmed(surface)
    await receipt(surface, says="is deleted.")


async def test_delete_of_something_that_is_not_theirs_says_the_same_as_of_nothing(surface: Surface) -> None:
    await finished(surface)
    ((job,),) = surface.query("SELECT root_id FROM job LIMIT 1")
    words = [
        (await surface.people.command("lee", "#portraits", "/darkroom", f"delete {what}")).messages
        for what in (job, "job_00000000000000000000", "ana spring")
    ]
    assert len({str([m.words() for m in said]) for said in words}) == 1
    assert "nothing of yours" in words[0][0].words()
    assert surface.rows("deletion") == 0


async def test_delete_pressed_by_somebody_else_is_refused(surface: Surface) -> None:
    card = await finished(surface)
    await surface.press(card, "Delete…", user="lee")
    told = await surface.said("Only the person who posted the photos", viewer="lee")
    assert told.ephemeral
    assert await surface.people.view("lee") is None


async def test_delete_in_a_mention_answers_with_a_button(surface: Surface) -> None:
    await finished(surface)
    await surface.post(text="@darkroom delete ana spring")
    said = await surface.said("Delete this?", viewer="ana")
    assert said.ephemeral
    await surface.press(said, "Delete…")
    assert "The model *ana spring* goes." in (await surface.form()).words()


async def test_several_things_of_one_name_are_told_apart(surface: Surface) -> None:
    await finished(surface)
    await finished(surface)
    answer = await surface.people.command("ana", "#portraits", "/darkroom", "delete ana spring")
    (said,) = answer.messages
    assert "2 things have this name" in said.words()
    assert said.buttons() == ["Delete…", "Delete…"]


async def test_models_are_listed_and_a_deleted_one_is_not(surface: Surface) -> None:
    card = await finished(surface)
    (listed,) = (await surface.people.command("ana", "#portraits", "/darkroom", "models")).messages
    assert "ana spring" in listed.words()
    assert "2 images made" in listed.words()
    assert listed.buttons() == ["More images…", "Delete…"]
    await surface.press(card, "Delete…")
    await surface.form()
    await confirmed(surface)
    await receipt(surface, says="is deleted.")
    (after,) = (await surface.people.command("ana", "#portraits", "/darkroom", "models")).messages
    assert "no models yet" in after.words()
    (status,) = (await surface.people.command("ana", "#portraits", "/darkroom", "status")).messages
    assert "deleted" in status.words()
    assert "ana spring" not in f"{status.text}{status.words()}"
    assert status.buttons() == []


async def test_a_job_under_way_is_deleted_by_command_and_cancelled_first(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    card = await surface.card(await surface.train(), "training 40 %")
    assert "Delete…" not in card.buttons()
    await surface.people.command("ana", "#portraits", "/darkroom", "delete ana spring")
    assert "1 job still under way:* cancelled first." in (await surface.form()).words()
    await confirmed(surface)
    await receipt(surface, says="is deleted.")
    assert surface.vendor.jobs["t1"].cancelled
    assert surface.vendor.jobs["t1"].deleted


async def test_a_second_press_says_how_far_it_has_come(surface: Surface) -> None:
    card = await finished(surface)
    await let_go(surface)
    hold = surface.vendor.hold("tidy")
    await surface.press(card, "Delete…")
    await surface.form()
    await confirmed(surface)
    await hold.entered.wait()
    await surface.people.command(
        "ana", "#portraits", "/darkroom", f"delete {surface.query('SELECT root_id FROM job')[0][0]}"
    )
    assert "It is being deleted." in (await surface.form()).words()
    hold.release.set()
    await receipt(surface, says="is deleted.")
    assert surface.rows("deletion") == 1


async def test_a_vendor_that_is_away_is_told_of_in_the_receipt_until_it_is_back(surface: Surface) -> None:
    card = await finished(surface)
    surface.vendor.fail_next("delete", Unavailable("away"), times=2)
    await surface.press(card, "Delete…")
    await surface.form()
    await confirmed(surface)
    first = await receipt(surface)
    last = await receipt(surface, says="is deleted.")
    assert first.ts == last.ts
    assert "not yet" not in last.words()


async def test_a_vendor_without_a_way_to_delete_is_said_to_have_none(tmp_path: Path) -> None:
    async with stage(tmp_path, vendor=fast_vendor(deletes=False)) as surface, surface.running():
        card = await finished(surface)
        await surface.press(card, "Delete…")
        asked = (await surface.form()).words()
        assert "*Fake* cannot be asked by API to delete the trained model and the images" in asked
        await confirmed(surface)
        words = (await receipt(surface, says="as far as that can be done")).words()
        assert "trained model: cannot be deleted by API; Fake's console or support is the way" in words
        assert "Its ids there, for console or support: `t1`, `model-t1`, `g1`" in words


async def test_an_operator_deletes_by_id_and_reads_no_name(surface: Surface) -> None:
    await finished(surface)
    ((job,),) = surface.query("SELECT root_id FROM job LIMIT 1")
    await surface.people.command("admin", "#portraits", "/darkroom", f"delete {job}")
    shown = (await surface.form("admin")).words()
    assert "ana spring" not in shown
    assert job in shown
    await confirmed(surface, "admin")
    theirs = await receipt(surface, "admin", says="is deleted.")
    assert "ana spring" not in f"{theirs.text}{theirs.words()}"
    mine = await receipt(surface, says="is deleted.")
    assert "An operator asked for it." in mine.words()


async def test_an_image_that_slack_does_not_let_go_of_is_told_of(surface: Surface) -> None:
    card = await finished(surface)
    await surface.people.fault("api:files.delete", "error", error="cant_delete_file", times=1)
    await surface.press(card, "Delete…")
    await surface.form()
    await confirmed(surface)
    words = (await receipt(surface, says="as far as that can be done")).words()
    assert "1 picture that I uploaded: Slack does not let me delete it; a workspace admin can" in words


async def test_slack_asking_us_to_slow_down_loses_no_file(surface: Surface) -> None:
    card = await finished(surface)
    await surface.people.fault("api:files.delete", "rate_limited", times=1, retry_after=1)
    await surface.press(card, "Delete…")
    await surface.form()
    await confirmed(surface)
    words = (await receipt(surface, says="is deleted.")).words()
    assert "2 pictures that I uploaded: deleted" in words


async def test_a_restart_in_the_middle_goes_on_and_sends_one_receipt(tmp_path: Path) -> None:
    async with stage(tmp_path) as surface:
        async with surface.running():
            card = await finished(surface)
            await let_go(surface)
            hold = surface.vendor.hold("tidy")
            await surface.press(card, "Delete…")
            await surface.form()
            await confirmed(surface)
            await hold.entered.wait()
            hold.release.set()
        async with surface.running():
            await receipt(surface, says="is deleted.")
        found = [m for m in await surface.dm() if "receipt" in m.text]
        assert len(found) == 1
        assert surface.query("SELECT count(*) FROM deletion WHERE done_at NOT NULL") == [(1,)]
