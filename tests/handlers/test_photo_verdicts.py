"""The verdict on photos, told to whoever posted them: in words under their numbers, and in one picture."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFilter
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Message, Refused, Upload, View
from handlers.modal_flow import ModalFlow
from tests.fakes import FakeProvider, Fault
from tests.surface import Surface, fast_vendor, photo, photos, stage


@pytest.fixture
async def surface(tmp_path: Path) -> AsyncIterator[Surface]:
    """As everywhere, and contact sheets are made."""
    async with stage(tmp_path, sheets=True) as found, found.running():
        yield found


def blurred(number: int) -> bytes:
    """A photo out of focus."""
    return _saved(Image.open(io.BytesIO(photo(number))).filter(ImageFilter.GaussianBlur(12)))


def dark(number: int) -> bytes:
    """A photo taken at night."""
    return _saved(Image.open(io.BytesIO(photo(number))).point(lambda value: value // 5))


def screenshot() -> bytes:
    """Windows on a desktop."""
    made = Image.new("RGB", (400, 300), "#f0f0f0")
    draw = ImageDraw.Draw(made)
    for step in range(6):
        draw.rectangle((20, 20 + 45 * step, 380, 50 + 45 * step), fill="#3366cc")
    out = io.BytesIO()
    made.save(out, "PNG")
    return out.getvalue()


def tiny() -> bytes:
    """A photo with too few pixels."""
    return photo(50, size=(240, 320))


def mixed() -> list[Upload]:
    """Three good photos and four others."""
    return [
        *photos(3),
        Upload("small.jpg", tiny()),
        Upload("soft.jpg", blurred(4)),
        Upload("copy.jpg", _saved(Image.open(io.BytesIO(photo(1))), quality=60)),
        Upload("screen.png", screenshot()),
    ]


def _saved(image: Image.Image, **how: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **({"quality": 92} | how))
    return out.getvalue()


async def counted(surface: Surface, faces: dict[int, int]) -> None:
    """Let the detector have found so many faces in photos, by their numbers."""

    def unit(tx: Any) -> None:
        for number, count in faces.items():
            tx.looks.conn.exec_driver_sql(
                "UPDATE look SET facts = json_set(facts, '$.faces', ?)"
                " WHERE sha256 = (SELECT medium FROM tray_entry WHERE ordinal = ?)",
                (count, number),
            )

    await surface.bot.store.write(unit)


async def unlooked(surface: Surface) -> None:
    """Let no detector have been there when the photos came."""

    def unit(tx: Any) -> None:
        tx.looks.conn.exec_driver_sql("UPDATE look SET facts = json_set(facts, '$.faces', NULL)")

    await surface.bot.store.write(unit)


async def choose(surface: Surface, field: str, option: str) -> None:
    """Choose from a menu of the open form."""
    await surface.people.press_view("ana", "value", option=option, block_id=field)


async def form_says(surface: Surface, words: str, *, absent: bool = False) -> View:
    """Wait until the open form has these words in it, or has them no more."""
    return await surface.people.wait_for_view("ana", lambda view: (words in view.words()) is not absent, 60)


def sheets(message: Message) -> list[str]:
    """The files of the contact sheets that a message shows."""
    return [block["slack_file"]["id"] for block in message.blocks if block["type"] == "image"]


async def sheet_shown(surface: Surface, channel: str, says: str = "") -> Message:
    """Wait for a message of the bot that shows a contact sheet."""
    return await surface.people.wait_for_message(
        channel,
        lambda m: m.user == surface.bot.bot_user and bool(sheets(m)) and says in f"{m.text}\n{m.words()}",
        viewer="ana",
        within=60,
    )


async def own_channel(surface: Surface, user: str = "ana") -> str:
    """The conversation of the bot with a person, once it is there."""
    return (await surface.until(lambda: surface.direct_channel(user), within=60)).id


async def deleted(surface: Surface, count: int = 1) -> None:
    """Wait until so many sheets are deleted in Slack, and none is known any more."""

    async def look() -> bool | None:
        calls = await surface.calls("files.delete", ok=True)
        return (len(calls) >= count and surface.rows("sheet") == 0) or None

    await surface.until(look, within=60)
    assert surface.rows("sheet") == 0


async def in_slack(surface: Surface, file: str) -> bool:
    """Whether anybody could still open a file."""
    try:
        await surface.people.file_bytes(file)
    except Refused as refused:
        if refused.error != "file_not_found":
            raise
        return False
    return True


async def test_each_photo_is_judged_under_its_number(surface: Surface) -> None:
    tray = await surface.tray([*mixed(), Upload("night.jpg", dark(9))])
    words = tray.words()
    assert "3 of 8 photos usable" in words
    for line in (
        "#4 small.jpg is too small (240 × 320; at least 256 × 256).",
        "#5 soft.jpg is blurred.",
        "#6 copy.jpg is nearly the same as #2.",
        "#7 screen.png is flat graphics or a screenshot, it seems, and no photo.",
        "#8 night.jpg is too dark.",
    ):
        assert line in words
    assert "#1" not in words


async def test_what_was_done_to_files_is_said(surface: Surface) -> None:
    gif, webp = io.BytesIO(), io.BytesIO()
    frames = [Image.open(io.BytesIO(photo(number))) for number in (20, 21)]
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:])
    frames[1].save(webp, "WEBP", quality=95)
    tray = await surface.tray([Upload("move.gif", gif.getvalue()), Upload("new.webp", webp.getvalue())])
    words = tray.words()
    assert "#1: several pictures in one file; the first was taken." in words
    assert "#1 converted from GIF." in words
    assert "#2 converted from WebP." in words


async def test_the_set_is_judged_too_and_that_nobody_looked_for_faces_is_said_once(surface: Surface) -> None:
    words = (await surface.tray(photos(3))).words()
    assert "Angles: " in words
    assert "light: " in words
    assert words.count("faces") + words.count("one face in each") + words.count("no face in any") == 1


async def test_the_good_ones_can_be_used_without_the_doubtful(surface: Surface) -> None:
    tray = await surface.tray(mixed())
    assert tray.buttons() == ["Use the 3", "Use all 6", "Replace…", "Discard"]
    await surface.press(tray, "Use the 3")
    form = (await surface.form()).words()
    assert "3 photos from this thread." in form
    assert "Left out: #5 is blurred. #6 is nearly the same as #2." in form
    assert (await surface.submit()).closed
    await surface.card(tray)
    names = surface.query(
        "SELECT e.name FROM job_input i JOIN tray_entry e ON e.medium = i.medium ORDER BY e.ordinal"
    )
    assert [name for (name,) in names] == ["photo-0.jpg", "photo-1.jpg", "photo-2.jpg"]


async def test_a_form_for_the_good_ones_that_brings_a_file_sends_the_good_ones_and_that(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, vendor=fast_vendor(templates=True)) as surface, surface.running():
        tray = await surface.tray(mixed())
        await surface.press(tray, "Use the 3")
        assert "3 photos from this thread." in (await surface.form()).words()
        scene = Upload("scene.jpg", photo(60))
        done = await surface.submit(**{"file.template": [scene]})
        assert done.closed, done
        await surface.card(tray)
        given = surface.query("SELECT role, count(*) FROM job_input GROUP BY role ORDER BY role")
        assert given == [("photo", 3), ("template", 1)]


async def test_a_form_says_which_photos_would_not_do_if_a_person_is_their_subject(surface: Surface) -> None:
    tray = await surface.tray(mixed())
    await counted(surface, {1: 0, 2: 1, 3: 2})
    await surface.press(tray, "Use the 3")
    form = (await surface.form()).words()
    assert "If a person is the subject: #1 shows no face that I can find; #3 shows several faces." in form
    assert "3 photos from this thread." in form, "said, and left to the person"


async def test_once_a_person_is_the_subject_the_form_says_which_photos_show_one(
    surface: Surface,
) -> None:
    tray = await surface.tray(photos(5))
    await counted(surface, {1: 0, 2: 1, 3: 2, 4: 1, 5: 1})
    before = await surface.open_form(tray)
    assert "Used all the same: #1 shows no face that I can find. #3 shows several faces." in before.words()
    await choose(surface, "subject", "person")
    faces = (
        "For a person: one face in 3 of 5 photos; #1 shows no face that I can find; #3 shows several people."
    )
    await form_says(surface, faces)
    await choose(surface, "subject", "dog")
    form = await form_says(surface, "For a person", absent=True)
    assert "face" not in form.words()
    assert (await surface.submit(subject=None)).closed
    assert surface.query("SELECT subject FROM job WHERE kind = 'training'") == [("dog",)]


async def test_a_set_that_is_chosen_already_stays_so_whoever_is_its_subject(surface: Surface) -> None:
    tray = await surface.tray(mixed())
    await counted(surface, {1: 0, 2: 1, 3: 2})
    await surface.press(tray, "Use the 3")
    await surface.form()
    await choose(surface, "subject", "person")
    form = await form_says(surface, "For a person: one face in 1 of 3 photos")
    assert "3 photos from this thread." in form.words()
    assert (await surface.submit(subject="person")).closed
    await surface.card(tray)
    assert surface.rows("job_input") == 3


async def test_that_nobody_has_looked_for_faces_is_said_where_they_matter(surface: Surface) -> None:
    tray = await surface.tray(photos(3))
    await unlooked(surface)
    await surface.open_form(tray)
    await choose(surface, "subject", "person")
    form = await form_says(surface, "nobody has looked for any: no detector is installed here.")
    assert "3 photos from this thread." in form.words()
    assert "one face in" not in form.words(), "what nobody has looked for is not counted"
    assert "no face" not in form.words()


async def test_a_vendor_that_knows_no_such_subject_is_named_when_it_is_chosen(tmp_path: Path) -> None:
    class People(FakeProvider):
        name = "people"

    one = fast_vendor(label="Anything")
    other = People(fast_vendor(label="People", subjects=("person", "woman")).settings)
    async with stage(tmp_path, vendor=one) as surface, surface.running([one, other]):
        await surface.open_form(await surface.tray(photos(3)))
        await choose(surface, "subject", "dog")
        form = await form_says(surface, "People: would refuse *dog* as the subject.")
        assert "Anything: would refuse" not in form.words()
        await choose(surface, "provider", "People (Testland), 2 to 10 photos")
        refused = await surface.submit(subject=None)
        assert refused.errors == {
            "subject": "This vendor does not know that kind of subject: choose another."
        }
        await choose(surface, "subject", "woman")
        await form_says(surface, "Anything: would refuse *woman* as the subject.")
        assert (await surface.submit(subject=None)).closed


async def test_a_choice_while_no_vendor_answers_leaves_what_was_typed(surface: Surface) -> None:
    await surface.open_form(await surface.tray(photos(3)))
    surface.vendor.fail_next("check", Fault.DOWN)
    await surface.bot.services.vendors.check()
    await choose(surface, "subject", "person")
    refused = await surface.submit(subject=None)
    assert "not available now" in refused.errors["name"]


async def test_of_two_choices_that_cross_the_later_one_is_drawn(surface: Surface) -> None:
    tray = await surface.tray(photos(3))
    await counted(surface, {1: 1, 2: 1, 3: 0})
    form = await surface.open_form(tray)
    modals = ModalFlow(surface.bot.services)
    client = AsyncWebClient(surface.slack.bot_token, base_url=surface.slack.api_url)
    ((owner, tray_id, place),) = surface.query("SELECT owner, id, place FROM tray")

    async def chosen(subject: str, at: float) -> None:
        """As the form was before either of them."""
        seen = {
            "id": form.id,
            "hash": form.hash,
            "private_metadata": json.dumps({"tray": tray_id, "place": place}),
            "state": {
                "values": {
                    block: {"value": {"selected_option": {"value": value}}}
                    for block, value in {"subject": subject, "provider": "fake/training"}.items()
                }
            },
        }
        await modals.choose(client, seen, owner, at=at)

    async def shown() -> str:
        view = await surface.people.view("ana")
        assert view is not None
        return view.words()

    faces = "For a person: one face in 2 of 3 photos"
    await chosen("person", 2.0)
    assert faces in await shown()
    await chosen("dog", 1.0)
    assert faces in await shown(), "what was chosen earlier, and comes later, is not drawn"
    await chosen("dog", 3.0)
    last = await shown()
    assert "For a person" not in last
    assert "3 photos from this thread." in last


async def test_what_only_a_vendor_can_tell_of_faces_keeps_nobody_from_it(tmp_path: Path) -> None:
    async with stage(tmp_path, vendor=fast_vendor(one_face=True)) as surface, surface.running():
        tray = await surface.tray(photos(3))
        await counted(surface, {1: 1, 2: 0, 3: 2})
        form = (await surface.open_form(tray)).words()
        assert "Perhaps: Fake" in form
        assert (await surface.submit()).closed
        await surface.card(tray)
        assert surface.rows("job_input") == 3


async def test_what_the_vendor_found_stands_under_the_numbers_of_the_tray(tmp_path: Path) -> None:
    vendor = fast_vendor(inspects=True)
    async with stage(tmp_path, vendor=vendor) as surface, surface.running():
        tray = await surface.tray([Upload("small.jpg", tiny()), *photos(3)])
        (second,) = surface.query("SELECT medium FROM tray_entry WHERE ordinal = 3")
        vendor.vendor.dislikes[second[0]] = "no face detected"
        await surface.train(tray)
        told = await surface.said("would not be used by Fake", thread=tray.thread_ts)
        assert told.ts == tray.ts
        assert "#3 photo-1.jpg would not be used by Fake (no face detected)." in told.words()
        assert "2 of 4 photos usable" in told.words()
        assert "#2" not in told.words()


async def test_all_can_be_used_where_their_owner_wants_it_so(surface: Surface) -> None:
    tray = await surface.tray(mixed())
    await surface.press(tray, "Use all 6")
    assert "Used all the same: #5 is blurred." in (await surface.form()).words()
    assert (await surface.submit()).closed
    await surface.card(tray)
    assert surface.rows("job_input") == 6


async def test_where_there_are_only_doubtful_ones_they_can_be_used(surface: Surface) -> None:
    tray = await surface.tray([Upload("a.jpg", blurred(1)), Upload("b.jpg", blurred(2))])
    assert "0 of 2 photos usable" in tray.words()
    assert "Enough for Fake with the doubtful ones." in tray.words()
    assert tray.buttons() == ["Use all 2", "Replace…", "Discard"]


async def test_photos_are_replaced_by_form(surface: Surface) -> None:
    tray = await surface.tray(mixed())
    await surface.press(tray, "Replace…")
    form = await surface.form()
    chosen = form.values["instead_of"]["value"]["selected_options"]
    assert [one["value"] for one in chosen] == ["4", "5", "6", "7"], "the bad ones are ticked already"
    done = await surface.people.submit("ana", {"photos": photos(2, first=30)})
    assert done.closed, done
    better = await surface.said("5 of 5 photos usable", thread=tray.thread_ts)
    assert better.ts == tray.ts
    assert better.buttons() == ["Train…", "Discard"]


async def test_photos_are_taken_out_without_others_in_their_place(surface: Surface) -> None:
    tray = await surface.tray(mixed())
    await surface.press(tray, "Replace…")
    await surface.form()
    assert (await surface.people.submit("ana", {})).closed
    rest = await surface.said("3 of 3 photos usable", thread=tray.thread_ts)
    assert (rest.ts, rest.buttons()) == (tray.ts, ["Train…", "Discard"])
    assert "soft.jpg" not in rest.words()


async def test_a_tray_that_is_used_meanwhile_is_not_changed_by_a_form_for_better_photos(
    surface: Surface,
) -> None:
    tray = await surface.tray(mixed())
    await surface.press(tray, "Replace…")
    await surface.form()
    await surface.press(tray, "Discard", user="ana")
    await surface.said("discarded", thread=tray.thread_ts)
    refused = await surface.people.submit("ana", {})
    assert "used already" in str(refused.errors)


async def test_in_a_direct_message_the_tray_itself_shows_the_contact_sheet(surface: Surface) -> None:
    await surface.post(mixed(), channel="@darkroom")
    tray = await sheet_shown(surface, "@darkroom", "3 of 7 photos usable")
    assert "Use the 3" in tray.buttons()
    (file,) = sheets(tray)
    with Image.open(io.BytesIO(await surface.people.file_bytes(file))) as sheet:
        assert (sheet.format, sheet.width > 1000) == ("JPEG", True)
    alt = next(block["alt_text"] for block in tray.blocks if block["type"] == "image")
    assert "3 of 7 photos usable" in alt
    assert "#5 blurred" in alt


async def test_photos_added_give_a_new_contact_sheet_and_the_old_one_is_deleted(surface: Surface) -> None:
    posted = await surface.post(photos(2), channel="@darkroom")
    first = sheets(await sheet_shown(surface, "@darkroom"))
    surface.clock.advance(60)
    await surface.post(photos(2, first=5), channel="@darkroom", thread=posted.ts)

    async def replaced() -> Message | None:
        mine = await surface.by_bot(await own_channel(surface), viewer="ana")
        return next((m for m in mine if sheets(m) and sheets(m) != first), None)

    second = sheets(await surface.until(replaced, within=60))
    await surface.call_made("files.delete", ok=True)

    async def one_left() -> bool | None:
        return (surface.rows("sheet") == 1) or None

    await surface.until(one_left, within=60)
    assert surface.query("SELECT file_id FROM sheet") == [(file,) for file in second]


async def test_for_photos_posted_in_a_channel_the_contact_sheet_goes_to_their_owner_alone(
    surface: Surface,
) -> None:
    tray = await surface.tray(mixed())
    mine = await own_channel(surface)
    sheet = await sheet_shown(surface, mine, "for your eyes only")
    assert "/archives/" in sheet.words(), "it leads back to the tray"
    (file,) = sheets(sheet)
    for viewer in ("ana", "lee"):
        seen = await surface.people.messages("#portraits", tray.thread_ts, viewer=viewer)
        assert not any(file in str(message.blocks) for message in seen)
    shared = await surface.calls("files.completeUploadExternal")
    assert shared
    assert not any("channel_id" in str(entry.facts["arguments"]) for entry in shared)


async def test_with_the_end_of_a_tray_its_contact_sheet_is_deleted(surface: Surface) -> None:
    tray = await surface.tray(photos(3))
    mine = await own_channel(surface)
    sheet = await sheet_shown(surface, mine)
    await surface.press(tray, "Discard")
    surface.clock.advance(60)
    gone = await surface.said("were discarded; the sheet was deleted", channel=mine, viewer="ana", within=60)
    assert (gone.ts, sheets(gone)) == (sheet.ts, [])
    await deleted(surface)


async def test_in_a_direct_message_too_it_is_deleted_with_the_end(surface: Surface) -> None:
    await surface.post(photos(3), channel="@darkroom")
    tray = await sheet_shown(surface, "@darkroom")
    (file,) = sheets(tray)
    assert await in_slack(surface, file)
    await surface.press(tray, "Discard")
    surface.clock.advance(60)
    over = await surface.said("discarded", channel="@darkroom", viewer="ana")
    assert (over.ts, sheets(over)) == (tray.ts, [])
    await deleted(surface)
    assert not await in_slack(surface, file)


async def test_a_tray_that_nobody_used_takes_its_sheet_along_even_where_its_notice_was_given_up(
    surface: Surface,
) -> None:
    await surface.tray(photos(2))
    (file,) = sheets(await sheet_shown(surface, await own_channel(surface)))
    assert await in_slack(surface, file)

    def unreachable(tx: Any) -> None:
        tx.outbox.conn.exec_driver_sql(
            "UPDATE outbox SET given_up = 'user_disabled', sent = wanted WHERE kind = 'sheet'"
        )

    await surface.bot.store.write(unreachable)
    surface.clock.advance(2 * 86_400)
    await surface.bot.services.photos.sweep()
    await deleted(surface)
    assert not await in_slack(surface, file)


async def test_photos_that_nobody_used_in_time_are_said_to_have_expired_and_not_to_be_discarded(
    surface: Surface,
) -> None:
    tray = await surface.tray(photos(2))
    mine = await own_channel(surface)
    sheet = await sheet_shown(surface, mine)
    surface.clock.advance(2 * 86_400)
    await surface.bot.services.photos.sweep()
    over = await surface.said("Nothing was started with what was posted", thread=tray.thread_ts, within=60)
    assert (over.ts, over.buttons()) == (tray.ts, [])
    gone = await surface.said("were erased, since their time was over", channel=mine, viewer="ana", within=60)
    assert (gone.ts, sheets(gone)) == (sheet.ts, [])
    assert "discarded" not in over.words() + gone.words()


async def test_ten_posts_do_not_make_ten_contact_sheets(surface: Surface) -> None:
    tray = await surface.tray(photos(1))
    for number in range(1, 10):
        await surface.post(photos(1, first=number), thread=tray.thread_ts)
    await surface.said("10 of 10 photos usable", thread=tray.thread_ts, within=60)
    surface.clock.advance(60)
    await sheet_shown(surface, await own_channel(surface), "10 of 10")
    assert len(await surface.calls("files.completeUploadExternal", ok=True)) < 6


async def test_a_workspace_that_takes_no_files_of_ours_has_the_words_all_the_same(surface: Surface) -> None:
    await surface.people.settings(file_uploads="none")
    await surface.post(mixed(), channel="@darkroom")
    tray = await surface.said("3 of 7 photos usable", channel="@darkroom", viewer="ana")
    await surface.call_made("files.getUploadURLExternal", ok=False)

    async def done() -> bool | None:
        return surface.query("SELECT count(*) FROM outbox WHERE sent < wanted") == [(0,)] or None

    await surface.until(done, within=60)
    assert sheets(tray) == []


async def test_a_contact_sheet_that_was_cut_off_half_way_is_deleted_and_made_anew(tmp_path: Path) -> None:
    async with stage(tmp_path, sheets=True) as surface:
        async with surface.running():
            await surface.people.fault("api:files.completeUploadExternal", "lose_answer")
            await surface.post(photos(3), channel="@darkroom")
            await surface.call_made("files.completeUploadExternal")
        surface.clock.advance(120)
        async with surface.running():
            await sheet_shown(surface, "@darkroom")
            await surface.call_made("files.delete", ok=True)
        assert surface.query("SELECT count(*), sum(ready) FROM sheet") == [(1, 1)]


async def test_a_process_that_ends_before_the_sheet_is_deleted_leaves_that_to_the_next(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, sheets=True) as surface:
        async with surface.running():
            tray = await surface.tray(photos(3))
            (file,) = sheets(await sheet_shown(surface, await own_channel(surface)))
            await surface.people.fault("api:files.delete", "error", code="internal_error", times=1)
            await surface.press(tray, "Discard")
            surface.clock.advance(60)
            await surface.call_made("files.delete")
        surface.clock.advance(120)
        async with surface.running():
            await deleted(surface)
            assert not await in_slack(surface, file)


async def test_photos_that_an_older_version_took_in_are_looked_at_when_a_sheet_is_due(tmp_path: Path) -> None:
    async with stage(tmp_path, sheets=True) as surface:
        async with surface.running() as bot:
            tray = await surface.tray([*photos(2), Upload("soft.jpg", blurred(4))])
            await sheet_shown(surface, await own_channel(surface), "2 of 3")

            def forget(tx: Any) -> None:
                tx.looks.conn.exec_driver_sql("DELETE FROM look")

            await bot.store.write(forget)
            view = await bot.services.trays.view(str(surface.query("SELECT id FROM tray")[0][0]))
            assert len(view.verdict.unmeasured) == 3
        async with surface.running():
            surface.clock.advance(60)
            await surface.post(photos(1, first=8), thread=tray.thread_ts)
            told = await surface.said("3 of 4 photos usable", thread=tray.thread_ts, within=60)
            assert "#3 soft.jpg is blurred." in told.words()
        assert surface.rows("look") == 4
