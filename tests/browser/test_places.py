"""Getting about: the switcher, keys, who is in a channel, films, and time that runs."""

from __future__ import annotations

import base64
from functools import partial

import pytest
from playwright.async_api import expect
from slack_sdk.web.async_client import AsyncWebClient

from tests.browser.every import text
from tests.browser.played import app, messages
from tests.browser.stage import Stage
from tests.sandbox.slack.harness import channel_id, plain, png, user_id

pytestmark = pytest.mark.slow

_FILM = """() => new Promise((done) => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 64, height: 48});
  const brush = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(), {mimeType: "video/webm;codecs=vp8"});
  const parts = [];
  recorder.ondataavailable = ({data}) => parts.push(data);
  recorder.onstop = async () => {
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    done(btoa(String.fromCharCode(...bytes)));
  };
  let drawn = 0;
  const draw = () => {
    brush.fillStyle = `hsl(${drawn * 30} 80% 50%)`;
    brush.fillRect(0, 0, 64, 48);
    if (++drawn < 12) requestAnimationFrame(draw);
    else recorder.stop();
  };
  recorder.start();
  draw();
})"""


async def test_the_switcher_goes_where_one_types(empty: Stage) -> None:
    page = await empty.sit()
    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to")
    await expect(field).to_be_focused()
    await field.fill("gen")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="general")).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.get_by_role("option", name="Lee Okafor").click()
    await expect(page.get_by_role("textbox", name="Message Lee Okafor")).to_be_visible()


async def test_keys_go_from_conversation_to_conversation_and_from_part_to_part(empty: Stage) -> None:
    page = await empty.sit()
    await empty.people.post("lee", "#general", "news")
    await expect(page.get_by_role("button", name="general, unread")).to_be_visible()
    await page.keyboard.press("Alt+Shift+ArrowDown")
    await expect(page.get_by_role("heading", name="general")).to_be_visible()
    await page.keyboard.press("Alt+ArrowDown")
    await expect(page.get_by_role("heading", name="portraits")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Message #portraits")).to_be_focused()
    await page.keyboard.press("Shift+F6")
    await expect(page.get_by_role("button", name="portraits", exact=True)).to_be_focused()
    await page.keyboard.press("F6")
    await expect(page.get_by_role("textbox", name="Message #portraits")).to_be_focused()
    await page.keyboard.press("Control+/")
    await expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Go to a conversation")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_people_and_the_app_are_brought_into_a_channel_and_sent_away(empty: Stage) -> None:
    page = await empty.sit()
    workspace = empty.slack.parts.workspace
    who = workspace.identity.bot_user
    await page.get_by_role("button", name="general").click()
    field = page.get_by_role("textbox", name="Message #general")
    await field.fill("/invite @darkroom")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="4 members")).to_be_visible()
    assert who in workspace.find_channel("#general").members
    await page.get_by_role("button", name="4 members").click()
    await page.get_by_role("menuitem", name="Add Gus Trent to this channel").click()
    await page.get_by_role("button", name="5 members").click()
    await page.get_by_role("menuitem", name="Remove Darkroom from this channel").click()
    await expect(page.get_by_role("button", name="4 members")).to_be_visible()
    assert who not in workspace.find_channel("#general").members
    await field.fill("/invite @nobody")
    await page.keyboard.press("Enter")
    await expect(messages(page).last).to_contain_text("wants somebody")


async def test_a_reaction_is_given_and_taken_back_with_a_press(empty: Stage) -> None:
    page = await empty.sit()
    post = await empty.people.post("lee", "#portraits", "done")
    await messages(page).last.hover()
    await page.get_by_role("button", name="Add a reaction").click()
    await page.get_by_role("menuitem", name="tada").click()
    mine = page.get_by_role("button", name="tada, 1")
    await expect(mine).to_have_attribute("aria-pressed", "true")
    (said,) = await empty.people.messages(post.channel)
    assert list(said.reactions) == ["tada"]
    await mine.click()
    await expect(mine).to_have_count(0)


async def test_a_film_is_played_where_it_was_posted(empty: Stage) -> None:
    page = await empty.sit()
    film = base64.b64decode(await page.evaluate(_FILM))
    await page.locator("main input[type=file]").set_input_files(
        [{"name": "turn.webm", "mimeType": "video/webm", "buffer": film}]
    )
    await page.get_by_role("button", name="Send").click()
    shown = messages(page).last.locator("video")
    await expect(shown).to_be_visible()
    await shown.evaluate("film => { film.muted = true; return film.play(); }")
    assert await shown.evaluate("film => film.videoWidth") == 64
    answer = await page.request.get(await shown.evaluate("film => film.src"), headers={"range": "bytes=0-9"})
    assert (answer.status, len(await answer.body())) == (206, 10)


async def test_time_leaps_and_runs_for_every_window_and_a_day_is_seen_to_pass(empty: Stage) -> None:
    page, lee = await empty.sit(), await empty.sit("lee")
    await empty.people.post("lee", "#portraits", "of the first day")
    await expect(page.get_by_role("separator", name="Today")).to_be_visible()
    for one in (page, lee):
        await one.get_by_role("button", name="Backstage").click()
    await page.get_by_role("button", name="+ 1 day").click()
    await empty.people.post("lee", "#portraits", "of the second")
    await expect(messages(page).last.get_by_role("separator", name="Today")).to_be_visible()
    await page.get_by_role("radio", name="720").click()
    await expect(lee.get_by_role("radio", name="720")).to_be_checked()
    before = (await empty.people.clock())["now"]
    await page.get_by_role("radio", name="× 1 as it is").click()
    await expect(lee.get_by_role("radio", name="× 1 as it is")).to_be_checked()
    assert (await empty.people.clock())["now"] > before


async def test_a_message_is_found_by_its_signs_and_names(empty: Stage) -> None:
    page = await empty.sit()
    async with app(empty):
        field = page.get_by_role("textbox", name="Message #portraits")
        await field.press_sequentially("well done :tad")
        await page.keyboard.press("Tab")
        await field.press_sequentially("@le")
        await page.keyboard.press("Tab")
        await field.press_sequentially("#gen")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(messages(page)).to_have_count(1)
    (said,) = await empty.people.messages("#portraits")
    assert said.text.startswith("well done 🎉")
    assert f"<@{await user_id(empty.people, 'lee')}>" in said.text
    await expect(messages(page).last.get_by_role("link", name="#general")).to_be_visible()


async def test_a_picture_an_app_shows_from_a_file_is_shown_whole_with_its_title(empty: Stage) -> None:
    page = await empty.sit()
    async with app(empty) as (client, _):
        portraits = await channel_id(empty.people, "portraits")
        kept = await client.files_upload_v2(content=png(900, 300), filename="sheet.png")
        file = kept["file"]["id"]
        await empty.people.wait_for(partial(_is_ready, client, file))
        sheet = {
            "type": "image",
            "slack_file": {"id": file},
            "alt_text": "all photos, small",
            "title": plain("12 photos"),
        }
        await client.chat_postMessage(channel=portraits, text="x", blocks=[text("Usable"), sheet])
    said = messages(page).last
    await expect(said.get_by_text("12 photos")).to_be_visible()
    shot = said.get_by_role("button", name="Open all photos, small")
    image = shot.get_by_role("img")
    await image.scroll_into_view_if_needed()
    await image.evaluate("image => image.decode()")
    await page.wait_for_function(
        "(node) => Math.abs(node.clientWidth / node.clientHeight - 3) < 0.1", arg=await shot.element_handle()
    )
    await shot.click()
    await expect(page.get_by_role("dialog", name="Picture").get_by_role("img").first).to_be_visible()


async def _is_ready(client: AsyncWebClient, file: str) -> bool | None:
    return bool((await client.files_info(file=file))["file"]["mimetype"]) or None
