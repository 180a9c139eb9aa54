"""The main job by hand: what a person does and sees, from dropped photos to images, cancelled and deleted."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from bot.sandbox.slack import Upload
from tests.browser.played import choose
from tests.browser.stage import Stage
from tests.surface import photos

pytestmark = pytest.mark.slow

_DROP = """(node, files) => {
  const held = new DataTransfer();
  for (const {name, data} of files) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    held.items.add(new File([bytes], name, {type: "image/jpeg"}));
  }
  for (const kind of ["dragover", "drop"]) {
    node.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: held}));
  }
}"""


async def drop(where: Locator, files: list[Upload]) -> None:
    """Let files fall where a person would."""
    given = [{"name": f.name, "data": base64.b64encode(f.data).decode()} for f in files]
    await where.evaluate(_DROP, given)


def writing(page: Page, name: str) -> Locator:
    """A field to write a message into."""
    return page.get_by_role("textbox", name=name)


def thread(page: Page) -> Locator:
    """The side pane."""
    return page.get_by_role("complementary", name="Thread")


async def post_photos(page: Page, files: list[Upload]) -> None:
    """Drop photos on the channel, mention the bot and send."""
    await drop(page.get_by_role("main"), files)
    await expect(page.get_by_role("list", name="Files to send").get_by_role("listitem")).to_have_count(
        len(files)
    )
    await writing(page, "Message #portraits").press_sequentially("@dark")
    await expect(page.get_by_role("option", name="@darkroom")).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.type("a model of these, please")
    await page.keyboard.press("Enter")


async def fill_in(form: Locator, name: str) -> None:
    """Everything but the permission."""
    await form.get_by_label("Name", exact=True).fill(name)
    await choose(form, "Who or what is in the photos", "dog")
    await form.get_by_label("What to make when trained").fill("on a beach at dawn")
    await form.get_by_label("In this thread: everybody").check()


async def open_form(page: Page) -> Locator:
    """Press *Train…* and wait until the form has taken the place of *Loading*."""
    await thread(page).get_by_role("button", name="Train…").click()
    form = page.get_by_role("dialog", name="Train a model")
    await expect(form.get_by_label("Name", exact=True)).to_be_visible()
    return form


async def test_a_person_goes_from_dropped_photos_to_pictures_and_a_letter(
    house: Stage, tmp_path: Path
) -> None:
    await house.desk.settings(train_seconds=3600)  # Until it was seen to be under way.
    page = await house.sit()
    await post_photos(page, photos(3))
    post = page.get_by_role("log", name="Messages").get_by_role("listitem").last
    await expect(post.locator(".mention")).to_have_text("@Darkroom")
    await expect(post.get_by_role("button", name="Open photo-0")).to_be_visible()
    await post.get_by_role("button", name="1 reply").click()
    await expect(thread(page)).to_contain_text("3 of 3 photos usable.")
    await page.screenshot(path=tmp_path / "1-tray.png")

    form = await open_form(page)
    await form.get_by_role("button", name="Train").click()
    await expect(form.get_by_role("alert").filter(has_text="Please fill in this field.")).to_have_count(5)
    await expect(form.get_by_label("Name", exact=True)).to_be_focused()
    await fill_in(form, "x" * 200)
    await form.get_by_label("I am in these photos").check()
    await form.get_by_role("button", name="Train").click()
    await expect(
        form.get_by_role("alert").filter(has_text=re.compile(r"At most \d+ characters"))
    ).to_be_visible()
    await page.screenshot(path=tmp_path / "2-error.png")
    await form.get_by_label("Name", exact=True).fill("ana spring")
    await expect(form.get_by_label("What to make when trained")).to_have_value("on a beach at dawn")
    await form.get_by_role("button", name="Train").click()
    await expect(form).to_be_hidden()

    card = thread(page).get_by_role("listitem").filter(has_text="ana spring").first
    await expect(card).to_contain_text(re.compile("training|queue|sent"))
    await house.desk.settings(train_seconds=3)
    await expect(card).to_contain_text("done")
    delivered = thread(page).get_by_role("group", name="4 pictures")
    await expect(delivered.get_by_role("button")).to_have_count(4)
    await expect(delivered.get_by_role("button").last).to_be_in_viewport(ratio=0.9)
    await expect(thread(page).locator(".mention.mine")).to_have_text("@Ana Lindqvist")
    await page.screenshot(path=tmp_path / "3-delivered.png")

    await delivered.get_by_role("button").first.click()
    large = page.get_by_role("dialog", name="Picture")
    await expect(large).to_contain_text("1 of 4")
    await page.keyboard.press("ArrowLeft")
    await expect(large).to_contain_text("4 of 4")
    shown = large.get_by_role("img").first
    await expect(shown).to_be_visible()
    assert await shown.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    await page.screenshot(path=tmp_path / "4-large.png")
    await page.keyboard.press("Escape")
    await expect(large).to_be_hidden()

    # Where it took its time there is the contact sheet too.
    await page.get_by_role("button", name=re.compile(r"^Darkroom, \d+ new for you$")).click()
    said = page.get_by_role("log", name="Messages").get_by_role("listitem")
    letter = said.filter(has_text="ana spring is ready after")
    await expect(letter).to_be_visible()
    await expect(letter.get_by_role("group", name="4 pictures")).to_be_visible()
    await expect(page.get_by_role("button", name="Darkroom", exact=True)).to_be_visible()
    await page.screenshot(path=tmp_path / "5-letter.png")
    await letter.get_by_role("link", name="see the images").click()
    await expect(thread(page).get_by_role("group", name="4 pictures")).to_be_in_viewport()

    await card.get_by_role("button", name="Delete…").click()
    question = page.get_by_role("dialog", name="Delete")
    await expect(question).to_contain_text("The model ana spring goes.")
    await expect(question).to_contain_text("4 images")
    await expect(question).to_contain_text(
        "Alibaba AIContent cannot be asked by API to delete the trained model"
    )
    await page.screenshot(path=tmp_path / "6-question.png")
    await question.get_by_role("button", name="Close").last.click()
    await expect(question).to_be_hidden()
    await expect(card).to_contain_text("done")
    await card.get_by_role("button", name="Delete…").click()
    await question.get_by_role("button", name="Delete", exact=True).click()
    await expect(question).to_be_hidden()

    left = thread(page).get_by_role("listitem").filter(has_text="Nothing of it is kept here any more")
    await expect(left).to_contain_text("deleted")
    await expect(left.get_by_role("button", name="Delete…")).to_have_count(0)
    await expect(thread(page).get_by_role("group", name="4 pictures")).to_have_count(0)
    await expect(thread(page)).not_to_contain_text("ana spring is ready")
    await page.screenshot(path=tmp_path / "7-deleted.png")
    await page.get_by_role("button", name=re.compile("^Darkroom")).click()
    receipt = said.filter(has_text="ana spring is deleted")
    await expect(receipt).to_contain_text("ana spring is deleted, as far as that can be done from here.")
    for line in (
        "4 images: deleted",
        "4 pictures that I uploaded: deleted",
        "3 files that you posted: I cannot delete these; you can, from the menu of your message",
        "trained model: cannot be deleted by API; Alibaba AIContent's console or support is the way",
    ):
        await expect(receipt).to_contain_text(line)
    await page.screenshot(path=tmp_path / "8-receipt.png")


async def test_a_job_is_cancelled_after_a_question(house: Stage, tmp_path: Path) -> None:
    await house.desk.settings(train_seconds=60)
    page = await house.sit()
    await post_photos(page, photos(3))
    await page.get_by_role("button", name="1 reply").click()
    form = await open_form(page)
    await fill_in(form, "second thoughts")
    await form.get_by_label("I am in these photos").check()
    await form.get_by_role("button", name="Train").click()
    card = thread(page).get_by_role("listitem").filter(has_text="second thoughts").first
    await expect(card).to_contain_text("training")
    await house.desk.settings(train_seconds=3600)  # It is not to end meanwhile.

    await card.get_by_role("button", name="Cancel").click()
    question = page.get_by_role("dialog", name="Cancel this job?")
    await page.screenshot(path=tmp_path / "question.png")
    await question.get_by_role("button", name="Go on").click()
    await expect(question).to_be_hidden()
    await expect(card).to_contain_text("training")
    await card.get_by_role("button", name="Cancel").click()
    await question.get_by_role("button", name="Cancel it").click()
    await expect(card).to_contain_text("cancelled")
    await expect(card.get_by_role("button", name="Cancel")).to_have_count(0)
    said = page.get_by_role("listitem").filter(has_text="Only visible to you")
    await expect(said).to_contain_text("Cancel")


async def test_somebody_else_sees_the_job_and_none_of_the_letter(house: Stage) -> None:
    page = await house.sit()
    await post_photos(page, photos(3))
    await page.get_by_role("button", name="1 reply").click()
    form = await open_form(page)
    await fill_in(form, "only mine")
    await form.get_by_label("Only to me").check()
    await form.get_by_label("I am in these photos").check()
    await form.get_by_role("button", name="Train").click()
    await expect(page.get_by_role("button", name="Darkroom, ")).to_be_visible()

    lee = await house.sit("lee")
    await lee.get_by_role("button", name=re.compile("portraits")).click()
    await lee.get_by_role("button", name=re.compile(r"repl(y|ies)")).click()
    await expect(thread(lee)).to_contain_text("only mine")
    await expect(thread(lee)).to_contain_text("done")
    await expect(thread(lee).get_by_role("group", name="4 pictures")).to_have_count(0)
    await lee.get_by_role("button", name="Darkroom", exact=True).click()
    await expect(lee.get_by_text("This is where the conversation begins.")).to_be_visible()
    await expect(lee.get_by_role("log", name="Messages").get_by_role("listitem")).to_have_count(0)


async def test_the_contact_sheet_is_for_whoever_posted_and_goes_with_the_photos(
    house: Stage, tmp_path: Path
) -> None:
    page = await house.sit()
    await post_photos(page, photos(3))
    await page.get_by_role("button", name=re.compile(r"^Darkroom, \d+ new for you$")).click()
    letter = page.get_by_role("log", name="Messages").get_by_role("listitem").last
    sheet = letter.get_by_role("img", name="Contact sheet: 3 of 3 photos usable.")
    await expect(sheet).to_be_visible()
    assert await sheet.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    await page.screenshot(path=tmp_path / "sheet.png")
    lee = await house.sit("lee")
    await lee.get_by_role("button", name="Darkroom", exact=True).click()
    await expect(lee.get_by_text("This is where the conversation begins.")).to_be_visible()
    await expect(lee.get_by_role("img", name="Contact sheet")).to_have_count(0)

    await letter.get_by_role("link", name="your photos").click()
    await thread(page).get_by_role("button", name="Discard").click()
    await (
        page.get_by_role("dialog", name="Discard these photos?").get_by_role("button", name="Discard").click()
    )
    await page.get_by_role("button", name=re.compile("^Darkroom")).click()
    await expect(letter).to_contain_text("were discarded; the sheet was deleted.")
    await expect(letter.get_by_role("img", name="Contact sheet")).to_have_count(0)


async def test_a_typed_command_answers_only_the_one_who_typed(house: Stage) -> None:
    page = await house.sit()
    lee = await house.sit("lee")
    field = writing(page, "Message #portraits")
    await field.press_sequentially("/d")
    await page.keyboard.press("Tab")
    await expect(field).to_have_value("/darkroom ")
    await page.keyboard.type("he")
    await page.keyboard.press("Enter")
    await expect(field).to_have_value("/darkroom help ")
    await page.keyboard.press("Enter")
    answer = page.get_by_role("listitem").filter(has_text="Only visible to you")
    await expect(answer).to_contain_text("trains a personal image model")
    await house.people.post("ana", "#portraits", "after it")
    await expect(lee.get_by_text("after it", exact=True)).to_be_visible()
    await expect(lee.get_by_text("Only visible to you")).to_have_count(0)
    await answer.get_by_role("button", name="New").click()
    form = page.get_by_role("dialog", name="Train a model")
    await form.locator("input[type=file]").set_input_files(
        [{"name": f.name, "mimeType": "image/jpeg", "buffer": f.data} for f in photos(3)]
    )
    await expect(form.get_by_text("3 of at most 10")).to_be_visible()
    await form.get_by_role("button", name="Remove photo-1.jpg").click()
    await expect(form.get_by_text("2 of at most 10")).to_be_visible()
