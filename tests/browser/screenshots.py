"""Takes the README's pictures of the page from a real run: ``python -m tests.browser.screenshots FOLDER``."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter
from playwright.async_api import Locator, Page, expect

from bot.sandbox.pictures import story_photos
from bot.sandbox.slack import Upload
from tests.browser.played import choose
from tests.browser.stage import DESK, PHONE, Stage, folder_of, stage

_OUT_OF_FOCUS, _IN_THE_DARK = 4, 5
"""Places of the photos that go wrong on the way, so that there is something to be said about them."""


async def take(folder: Path) -> list[Path]:
    """Play the story by hand and keep four pictures of it. Returns where they lie."""
    photos = list(await story_photos(Path(tempfile.gettempdir()) / "darkroom-photos", print))
    photos[_OUT_OF_FOCUS] = _out_of_focus(photos[_OUT_OF_FOCUS])
    photos[_IN_THE_DARK] = _in_the_dark(photos[_IN_THE_DARK])
    taken = [folder / f"page-{name}.jpg" for name in ("sheet", "modal", "thread", "phone")]
    with tempfile.TemporaryDirectory() as state:
        async with stage(Path(state)) as house:
            files = folder_of(photos, Path(state) / "photos")
            await _play(house, files, *taken)
    return taken


def _out_of_focus(photo: Upload) -> Upload:
    with Image.open(io.BytesIO(photo.data)) as opened:
        return _developed(photo, opened.filter(ImageFilter.GaussianBlur(9)))


def _in_the_dark(photo: Upload) -> Upload:
    with Image.open(io.BytesIO(photo.data)) as opened:
        grain = Image.effect_noise(opened.size, 8).convert("RGB")
        return _developed(photo, ImageChops.add(opened.point(lambda level: level // 3), grain, offset=-128))


def _developed(photo: Upload, image: Image.Image) -> Upload:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return Upload(photo.name, out.getvalue())


async def _play(house: Stage, photos: list[str], sheet: Path, modal: Path, thread: Path, phone: Path) -> None:
    await house.desk.settings(train_seconds=6, infer_seconds=2)
    page = await house.sit(size=DESK)
    await page.locator("main input[type=file]").set_input_files(photos)
    await page.get_by_role("textbox", name="Message #portraits").fill("@darkroom a model of my fox, please")
    await page.keyboard.press("Enter")
    await _read_letter(page, sheet)
    await page.get_by_role("button", name="portraits").click()
    await page.get_by_role("button", name="1 reply").click()
    side = page.get_by_role("complementary", name="Thread")
    await side.get_by_role("button", name="Use the 7").click()
    form = page.get_by_role("dialog", name="Train a model")
    await choose(form, "Who or what is in the photos", "dog")
    await form.get_by_label("In this thread: everybody").check()
    await form.get_by_label("I am in these photos").check()
    await form.get_by_label("What to make when trained").fill("in the snow, evening light")
    await form.get_by_role("button", name="Train").click()
    await expect(form.get_by_role("alert").filter(has_text="Please")).to_be_visible()
    await _shoot(page, modal)
    await form.get_by_label("Name", exact=True).fill("fox in winter")
    await form.get_by_role("button", name="Train").click()
    await page.get_by_role("button", name="Backstage").click()
    await _pictures(side.get_by_role("group", name="4 pictures"))
    await expect(page.get_by_role("button", name="Darkroom, 1 new for you")).to_be_visible()
    await page.mouse.move(700, 5)
    await _shoot(page, thread)
    place = page.url.partition("#")[2]
    small = await house.sit(
        size=PHONE,
        place=f"#{place}",
        color_scheme="dark",
        device_scale_factor=2,
        has_touch=True,
        is_mobile=True,
    )
    await _pictures(small.get_by_role("group", name="4 pictures"))
    await _shoot(small, phone)


async def _read_letter(page: Page, path: Path) -> None:
    """The contact sheet, where only its owner reads it."""
    await page.get_by_role("button", name="Darkroom, 1 new for you").click()
    letter = page.get_by_role("log", name="Messages").get_by_role("listitem").last
    sheet = letter.get_by_role("img", name="Contact sheet")
    await sheet.evaluate("image => image.decode()")
    await _shoot(page, path)


async def _pictures(group: Locator) -> None:
    """Wait until the pictures are there and drawn."""
    await expect(group.get_by_role("img")).to_have_count(4)
    await group.evaluate(
        "node => Promise.all([...node.querySelectorAll('img')].map((image) => image.decode()))"
    )


async def _shoot(page: Page, path: Path) -> None:
    await page.screenshot(path=path, type="jpeg", quality=88, animations="disabled")


def main() -> None:
    """Take them into the folder that is named."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    for path in asyncio.run(take(folder)):
        print(path)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
