"""A form that brings photos: where not all are well nothing begins, and what was filled in is kept."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from bot.sandbox.slack import Message, Upload, View
from tests.stand_ins import zipped
from tests.surface import FORM, Surface, photo, photos, stage

TINY = Upload("small.jpg", photo(50, size=(240, 320)))


@pytest.fixture
async def surface(tmp_path: Path) -> AsyncIterator[Surface]:
    async with stage(tmp_path) as found, found.running():
        yield found


def soft() -> Upload:
    """A photo out of focus."""
    out = io.BytesIO()
    Image.open(io.BytesIO(photo(4))).filter(ImageFilter.GaussianBlur(12)).save(out, "JPEG", quality=92)
    return Upload("soft.jpg", out.getvalue())


async def sent(surface: Surface, files: list[Upload]) -> Message:
    """Fill the form for a new model in, and wait for what is said of its photos."""
    await surface.people.command("ana", "#portraits", "/darkroom", "new")
    await surface.form()
    done = await surface.people.submit("ana", FORM | {"photos": files})
    assert done.closed, done
    return await surface.said("photos usable", within=60)


@pytest.mark.parametrize(
    ("bad", "why"), [(TINY, "#3 small.jpg is too small"), (soft(), "#3 soft.jpg is blurred")]
)
async def test_a_photo_that_is_not_well_is_told_of_before_anything_begins(
    surface: Surface, bad: Upload, why: str
) -> None:
    tray = await sent(surface, [*photos(2), bad])
    assert why in tray.words()
    assert "Nothing has begun, and nothing was paid." in tray.words()
    assert surface.rows("job") == 0
    assert not surface.vendor.vendor.jobs


async def test_of_a_person_it_is_said_which_photos_show_no_face(surface: Surface) -> None:
    await surface.people.command("ana", "#portraits", "/darkroom", "new")
    await surface.form()
    done = await surface.people.submit("ana", FORM | {"subject": "person", "photos": photos(2)})
    assert done.closed, done
    tray = await surface.said("2 of 2 photos usable", within=60)
    assert "For a person: one face in 0 of 2 photos; #1, #2 show no face that I can find." in tray.words()
    assert "Nothing has begun, and nothing was paid." in tray.words()
    assert surface.rows("job") == 0


async def test_a_photo_of_a_zip_counts_like_any_other(surface: Surface) -> None:
    archive = Upload("all.zip", zipped({"a.jpg": photo(1), "b.jpg": photo(2), "small.jpg": TINY.data}))
    tray = await sent(surface, [archive])
    assert "2 of 3 photos usable" in tray.words()
    assert surface.rows("job") == 0


async def test_what_was_filled_in_stands_in_the_form_again_and_the_permission_is_asked_anew(
    surface: Surface,
) -> None:
    tray = await sent(surface, [*photos(2), TINY])
    form = await surface.open_form(tray)
    assert kept(form) == {"name": "ana spring", "subject": "dog", "prompt": "a secret garden", "count": "2"}
    assert not any(block.get("element", {}).get("initial_options") for block in form.blocks)
    assert (await surface.people.submit("ana", {"where": "here", "consent": ["agreed"]})).closed
    ((spec, name),) = surface.query("SELECT spec, name FROM job WHERE kind = 'training'")
    assert ("a secret garden" in spec, name) == (True, "ana spring")


@pytest.mark.parametrize("end", ["used", "discarded", "forgotten"])
async def test_what_was_filled_in_goes_with_the_tray(surface: Surface, end: str) -> None:
    tray = await sent(surface, [*photos(2), TINY])
    assert "a secret garden" in str(surface.query("SELECT wish FROM tray"))
    if end == "used":
        await surface.open_form(tray)
        assert (await surface.people.submit("ana", {"where": "here", "consent": ["agreed"]})).closed
    elif end == "discarded":
        await surface.press(tray, "Discard")
        await surface.said("discarded", within=60)
    else:
        surface.clock.advance(2 * 86_400)
        await surface.bot.services.photos.sweep()
    assert surface.query("SELECT wish FROM tray") == [(None,)]


async def test_a_form_whose_photos_are_all_well_begins_at_once(surface: Surface) -> None:
    await surface.people.command("ana", "#portraits", "/darkroom", "new")
    await surface.form()
    assert (await surface.people.submit("ana", FORM | {"photos": photos(2)})).closed
    card = await surface.said("ana spring", within=60)
    assert "Details" in card.buttons()
    assert surface.query("SELECT wish FROM tray") == [(None,)]


async def begun(surface: Surface, photos_of: dict[str, bytes]) -> Message:
    """Send the form with a zip of which one photo is looked at, and the others wait."""
    surface.lab.hold = asyncio.Event()
    await surface.people.command("ana", "#portraits", "/darkroom", "new")
    await surface.form()
    archive = Upload("all.zip", zipped(photos_of))
    assert (await surface.people.submit("ana", FORM | {"photos": [archive]})).closed

    async def one_looked_at() -> bool | None:
        return surface.rows("outbox") > 0 or None

    await surface.until(one_looked_at, within=60)
    surface.clock.advance(10)
    return await surface.said("Looking at the photos of your zip: 1 of", within=60)


def four() -> dict[str, bytes]:
    return {f"{number}.jpg": photo(number) for number in range(1, 5)}


async def test_a_zip_that_comes_with_the_form_says_how_far_it_has_come_and_then_what_was_begun(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, sheets=True) as surface, surface.running():
        looking = await begun(surface, four())
        assert "1 of 4 so far." in looking.words()
        assert surface.lab.hold is not None
        surface.lab.hold.set()
        used = await surface.said("Training started with these photos", within=60)
        assert (used.ts, used.buttons()) == (looking.ts, [])
        card = await surface.said("ana spring", within=60)
        assert "Details" in card.buttons()
        assert surface.query("SELECT count(*) FROM job_input") == [(4,)]


async def test_where_a_photo_of_it_is_not_well_its_verdict_takes_the_place_of_how_far_it_has_come(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, sheets=True) as surface, surface.running():
        looking = await begun(surface, four() | {"small.jpg": TINY.data})
        assert surface.lab.hold is not None
        surface.lab.hold.set()
        told = await surface.said("4 of 5 photos usable", within=60)
        assert told.ts == looking.ts
        assert "Nothing has begun, and nothing was paid." in told.words()
        await surface.post(photos(1, first=20), thread=told.ts)
        more = await surface.said("5 of 6 photos usable", within=60)
        assert more.ts == told.ts
        assert "so far" not in more.words()


async def test_a_zip_that_is_looked_at_at_once_leaves_no_word_but_the_card(tmp_path: Path) -> None:
    async with stage(tmp_path, sheets=True) as surface, surface.running():
        await surface.people.command("ana", "#portraits", "/darkroom", "new")
        await surface.form()
        archive = Upload("all.zip", zipped(four()))
        assert (await surface.people.submit("ana", FORM | {"photos": [archive]})).closed
        card = await surface.said("ana spring", within=60)
        surface.clock.advance(10)

        async def all_said() -> bool | None:
            return surface.query("SELECT count(*) FROM outbox WHERE sent < wanted") == [(0,)] or None

        await surface.until(all_said, within=60)
        heads = [one for one in await surface.by_bot("#portraits") if one.thread_ts in {None, one.ts}]
        assert card.ts in {one.ts for one in heads}
        assert not [one for one in heads if "photos usable" in one.words() or "so far" in one.words()]


def kept(form: View) -> dict[str, str]:
    """What stands in a form before anybody types."""
    found: dict[str, str] = {}
    for block in form.blocks:
        element = block.get("element", {})
        value = element.get("initial_value") or element.get("initial_option", {}).get("value")
        if value and block["block_id"] in {"name", "subject", "prompt", "count"}:
            found[block["block_id"]] = value
    return found
