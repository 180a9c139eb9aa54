"""The page with an app that the test plays: markup, unread marks, keys, narrow windows, speed."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from bot.sandbox.slack import Director, LocalSlack, Upload
from bot.sandbox.vendors.control import FaultKind
from tests.browser.every import EVERY_INPUT, text
from tests.browser.played import app, interaction, messages, open_by_command
from tests.browser.stage import PHONE, Stage, browser
from tests.sandbox.slack.harness import (
    channel_id,
    modal,
    plain,
    png,
    user_id,
)
from tests.surface import free_port

pytestmark = pytest.mark.slow


async def test_markup_becomes_words_and_never_elements(empty: Stage) -> None:
    page = await empty.sit()
    trap = "<img src=x onerror=\"document.title='caught'\"> <javascript:alert(1)|press me> <script>1</script>"
    when = "<!date^1800000000^{date_num}|then>"
    async with app(empty) as (client, _):
        portraits = await channel_id(empty.people, "portraits")
        lee = await user_id(empty.people, "lee")
        safe = trap.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        words = f"*bold* _soft_ ~gone~ `a*b*c` <@{lee}> <https://example.com/?a=1&amp;b=2|there> {when} 2*3*4"
        await client.chat_postMessage(
            channel=portraits, text="x", blocks=[text(words), text(safe), text(trap)]
        )
    await empty.people.post("lee", "#portraits", trap, [Upload('<b onclick="x">.png', png())])
    said = messages(page).first
    await expect(said.locator("strong")).to_have_text("bold")
    await expect(said.locator("em")).to_have_text("soft")
    await expect(said.locator("s")).to_have_text("gone")
    await expect(said.locator("code")).to_have_text("a*b*c")
    await expect(said.locator(".mention")).to_have_text("@Lee Okafor")
    await expect(said.get_by_role("link", name="there")).to_have_attribute(
        "href", "https://example.com/?a=1&b=2"
    )
    await expect(said.locator("time")).to_have_text("2027-01-15")
    await expect(said).to_contain_text("2*3*4")
    await expect(messages(page)).to_have_count(2)
    await expect(said).to_contain_text('<img src=x onerror="document')
    assert await page.locator("img[src='x'], a[href^='javascript'], main script, [onclick]").count() == 0
    assert "caught" not in await page.title()


async def test_a_block_the_page_does_not_know_is_shown_as_unknown(empty: Stage) -> None:
    page = await empty.sit()
    parts = empty.slack.parts
    portraits = parts.workspace.find_channel("#portraits")
    blocks = [text("before"), {"type": "hologram", "depth": 3}, text("after")]
    parts.posting.say(portraits, parts.workspace.identity.bot_user, "x", blocks=blocks)
    said = messages(page).last
    await expect(said.get_by_text("Unknown block hologram")).to_be_visible()
    await said.get_by_text("Unknown block").click()
    await expect(said.get_by_text('"depth": 3')).to_be_visible()
    await expect(said).to_contain_text("after")


async def test_an_edit_shows_in_its_place_at_once_and_keeps_the_focus(empty: Stage) -> None:
    page = await empty.sit()
    button = {"type": "button", "action_id": "go", "text": plain("Details")}
    row = {"type": "actions", "block_id": "row", "elements": [button]}
    async with app(empty) as (client, _):
        portraits = await channel_id(empty.people, "portraits")
        card = await client.chat_postMessage(
            channel=portraits, text="card", blocks=[text("training 0 %"), row]
        )
        await empty.people.post("lee", "#portraits", "something later")
        await expect(messages(page)).to_have_count(2)
        await messages(page).first.get_by_role("button", name="Details").focus()
        waits = [math.inf]
        # Once is enough: how often it is slower on a busy machine says nothing about the page.
        for percent in range(1, 100):
            if min(waits) < 1:
                break
            seen = page.get_by_text(f"training {percent} %")
            begun = time.monotonic()
            blocks = [text(f"training {percent} %"), row]
            await client.chat_update(channel=portraits, ts=card["ts"], text="card", blocks=blocks)
            await seen.wait_for()
            waits.append(time.monotonic() - begun)
        await expect(messages(page)).to_have_count(2)
        await expect(messages(page).first.get_by_role("button", name="Details")).to_be_focused()
    assert min(waits) < 1, waits


async def test_a_reader_stays_where_they_were_while_messages_change_and_come(empty: Stage) -> None:
    page = await empty.sit()
    tall = [text("\n".join(["tall"] * 30))]
    async with app(empty) as (client, _):
        portraits = await channel_id(empty.people, "portraits")
        said = [await client.chat_postMessage(channel=portraits, text="x", blocks=tall) for _ in range(4)]
        pane = page.get_by_role("log", name="Messages")
        end = "pane => Math.round(pane.scrollHeight - pane.scrollTop - pane.clientHeight)"
        await expect(messages(page)).to_have_count(4)
        for turn, one in enumerate(said):
            blocks = [*tall, text(f"turn {turn}")]
            await client.chat_update(channel=portraits, ts=one["ts"], text="x", blocks=blocks)
            await expect(page.get_by_text(f"turn {turn}")).to_have_count(1)
        await page.evaluate("() => new Promise((next) => requestAnimationFrame(() => setTimeout(next)))")
        assert await pane.evaluate(end) <= 1
        await pane.hover()
        await pane.evaluate(
            "pane => { window.still = new Promise((done) => pane.addEventListener('scrollend', done)); }"
        )
        await page.mouse.wheel(0, -900)
        await page.evaluate("() => window.still.then(() => true)")
        third = messages(page).nth(2)
        before = await third.bounding_box()
        for number in (0, 2, 3):
            blocks = [*tall, text(f"turn {number}")]
            await client.chat_update(channel=portraits, ts=said[number]["ts"], text="x", blocks=blocks)
        await client.chat_postMessage(channel=portraits, text="x", blocks=[text("below")])
        await expect(page.get_by_text("below", exact=True)).to_have_count(1)
        after = await third.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2


async def test_what_is_new_is_marked_until_it_is_read(empty: Stage) -> None:
    lee = await empty.sit("lee", place="")
    await lee.get_by_role("button", name="general").click()
    await expect(lee.get_by_role("button", name="portraits", exact=True)).to_be_visible()
    await empty.people.post("ana", "#portraits", "for all")
    await expect(lee.get_by_role("button", name="portraits, unread")).to_be_visible()
    await empty.people.post("ana", "#portraits", "@lee, look")
    await expect(lee.get_by_role("button", name="portraits, 1 new for you")).to_be_visible()
    await expect(lee).to_have_title("(1) general · Darkroom, local")
    await lee.get_by_role("button", name="portraits").click()
    await expect(messages(lee).last.locator(".mention.mine")).to_have_text("@Lee Okafor")
    await expect(lee.get_by_role("button", name="portraits", exact=True)).to_be_visible()
    await expect(lee).to_have_title("portraits · Darkroom, local")


async def test_one_changes_seats_and_sees_what_the_other_sees(empty: Stage) -> None:
    page = await empty.sit("ana")
    await expect(page.get_by_role("button", name="atelier")).to_be_visible()
    await page.get_by_role("button", name="You act as Ana Lindqvist. Change").click()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("menuitemradio", name="Lee Okafor")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="You act as Lee Okafor. Change")).to_be_visible()
    await expect(page.get_by_role("button", name="board")).to_be_visible()
    await expect(page.get_by_role("button", name="atelier")).to_have_count(0)


async def test_a_messages_menu_offers_the_apps_shortcut_and_ones_own_deeds(empty: Stage) -> None:
    page = await empty.sit()
    await empty.people.post("ana", "#portraits", "frist")
    async with app(empty) as (_, ear):
        await messages(page).last.hover()
        await page.get_by_role("button", name="More actions").click()
        await page.get_by_role("menuitem", name="Train from these photos").click()
        said = await interaction(ear, "message_action")
        assert (said["callback_id"], said["message"]["text"]) == ("train_from_message", "frist")
        await page.get_by_role("button", name="Shortcuts").click()
        await page.get_by_role("menuitem", name="New model").click()
        assert (await interaction(ear, "shortcut"))["callback_id"] == "new_model"
    await page.get_by_role("textbox", name="Message #portraits").press("ArrowUp")
    field = page.get_by_label("Edit message")
    await field.fill("first, @lee")
    await field.press("Enter")
    await expect(messages(page).last).to_contain_text("first, @Lee Okafor (edited)")
    await messages(page).last.hover()
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Delete message").click()
    await page.get_by_role("dialog", name="Delete this message?").get_by_role("button", name="Delete").click()
    await expect(messages(page)).to_have_count(0)


async def test_everything_is_reached_by_keys_alone(empty: Stage) -> None:
    page = await empty.sit()
    post = await empty.people.post("lee", "#portraits", "question")
    field = page.get_by_role("textbox", name="Message #portraits")
    await expect(field).to_be_focused()
    await expect(messages(page)).to_have_count(1)
    await messages(page).last.focus()
    await page.keyboard.press("Enter")
    reply = page.get_by_role("textbox", name="Reply…")
    await expect(reply).to_be_focused()
    await page.keyboard.type("/darkroom help")
    await page.keyboard.press("Enter")
    side = page.get_by_role("complementary", name="Thread")
    await expect(side.get_by_text("does not work in threads")).to_be_visible()
    await reply.fill("an answer")
    await page.keyboard.press("Enter")
    await expect(side.get_by_text("an answer", exact=True)).to_be_visible()
    replies = await empty.people.messages("#portraits", thread_ts=post.ts)
    assert [m.text for m in replies] == ["question", "an answer"]
    await page.keyboard.press("Escape")
    await expect(side).to_be_hidden()
    await expect(field).to_be_focused()
    rings = await field.evaluate("node => getComputedStyle(node.closest('form')).boxShadow")
    assert rings != "none"


async def test_pasted_pictures_wait_to_be_sent_and_can_be_taken_back(empty: Stage) -> None:
    page = await empty.sit()
    field = page.get_by_role("textbox", name="Message #portraits")
    await field.evaluate(
        """(node, bytes) => {
          const held = new DataTransfer();
          for (const name of ["a.png", "b.png"]) {
            held.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/png"}));
          }
          const options = {clipboardData: held, bubbles: true, cancelable: true};
          node.dispatchEvent(new ClipboardEvent("paste", options));
        }""",
        list(png(64, 48)),
    )
    await page.get_by_role("button", name="Remove a.png").click()
    await page.get_by_role("button", name="Send").click()
    await expect(messages(page).last.get_by_role("button", name="Open b")).to_be_visible()
    (post,) = await empty.people.messages("#portraits")
    assert [f.name for f in post.files] == ["b.png"]


async def test_a_home_tab_is_shown_and_its_buttons_work(empty: Stage) -> None:
    page = await empty.sit()
    async with app(empty) as (client, ear):
        await page.get_by_role("button", name="Darkroom", exact=True).click()
        await page.get_by_role("tab", name="Home").click()
        await expect(page.get_by_text("has published nothing here yet")).to_be_visible()
        assert (await ear.event("app_home_opened"))["tab"] == "messages"
        button = {"type": "button", "action_id": "new", "text": plain("New model")}
        home = {"type": "home", "blocks": [text("*1 training*"), {"type": "actions", "elements": [button]}]}
        await client.views_publish(user_id=await user_id(empty.people, "ana"), view=home)
        await page.get_by_role("button", name="New model").click()
        pressed = await interaction(ear, "block_actions")
        assert (pressed["view"]["type"], pressed["actions"][0]["action_id"]) == ("home", "new")


async def test_an_app_that_is_away_is_said_to_be(empty: Stage) -> None:
    page = await empty.sit()
    await page.get_by_role("textbox", name="Message #portraits").fill("/darkroom help")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("did not answer in time")).to_be_visible()
    await page.get_by_role("textbox", name="Message #portraits").fill("/nonsense")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("is not a valid command")).to_be_visible()
    assert await empty.people.messages("#portraits") == []


async def test_a_vendors_side_is_seen_turned_and_troubled(empty: Stage) -> None:
    page = await empty.sit()
    await page.get_by_role("button", name="Backstage").click()
    panel = page.get_by_role("complementary", name="Backstage")
    await expect(panel.get_by_text("Nobody has ordered anything yet.")).to_be_visible()
    await panel.get_by_role("button", name=re.compile("^Down")).click()
    orders = panel.get_by_role("list", name="Trouble on order")
    await expect(orders.get_by_text("down, until all is well")).to_be_visible()
    assert [f.kind for f in await empty.desk.faults()] == [FaultKind.DOWN]
    await panel.get_by_role("button", name="All is well", exact=True).click()
    await expect(orders.get_by_role("listitem")).to_have_count(0)
    assert await empty.desk.faults() == []
    slider = panel.get_by_role("slider", name="A training takes")
    await slider.fill("100")
    await expect(panel.get_by_text("6 h", exact=True)).to_be_visible()
    await panel.get_by_role("tab", name="AIContent").press("ArrowRight")
    await expect(panel.get_by_role("tab", name="Slack")).to_be_focused()
    await expect(panel.get_by_role("button", name="Cut the socket")).to_be_visible()
    await panel.get_by_role("button", name=re.compile("^Never shows")).click()
    await panel.get_by_role("button", name=re.compile("^Down")).click()
    await expect(orders.get_by_role("listitem")).to_have_text(["never shows × 1", "down, until all is well"])
    assert [(f.target, f.effect) for f in await empty.people.faults()] == [
        ("share", "never"),
        ("api:*", "http_500"),
    ]
    await panel.get_by_role("button", name="All is well", exact=True).click()
    await expect(orders.get_by_role("listitem")).to_have_count(0)
    assert await empty.people.faults() == []


async def test_nothing_is_wider_than_a_phone(empty: Stage) -> None:
    async with app(empty) as (client, ear):
        portraits = await channel_id(empty.people, "portraits")
        long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
        buttons = [
            {"type": "button", "action_id": f"b{n}", "text": plain(f"A long label {n}")} for n in range(5)
        ]
        blocks = [text(long), {"type": "actions", "elements": buttons}]
        await client.chat_postMessage(channel=portraits, text=long, blocks=blocks)
        post = await empty.people.post(
            "ana", "#portraits", long, [Upload(f"{n}.png", png()) for n in range(5)]
        )
        await client.chat_postMessage(channel=portraits, thread_ts=post.ts, text=long)
        page = await empty.sit(size=PHONE)
        await _fits(page)
        await page.get_by_role("button", name="portraits").click()
        await expect(messages(page)).to_have_count(2)
        await _fits(page)
        form = await open_by_command(page, client, ear, modal(text(long), *EVERY_INPUT))
        await expect(form.get_by_label("Mail")).to_be_visible()
        await _fits(page)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="1 reply").click()
        await expect(page.get_by_role("textbox", name="Reply…")).to_be_visible()
        await _fits(page)
        await page.get_by_role("button", name="Back", exact=True).click()
        await page.get_by_role("button", name="Back to the list").click()
        await expect(page.get_by_role("button", name="Backstage")).to_be_visible()


async def _fits(page: Page) -> None:
    """Nothing sticks out at the side, whether or not one could scroll there."""
    out = await page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((node) => {
          const box = node.getBoundingClientRect();
          return box.width && box.right > innerWidth + 1 && !node.closest("svg, .unseen");
        }).map((node) => node.outerHTML.slice(0, 120))"""
    )
    assert out == []


async def test_a_channel_of_two_thousand_messages_scrolls_without_freezing(empty: Stage) -> None:
    parts = empty.slack.parts
    portraits = parts.workspace.find_channel("#portraits")
    with parts.workspace.database.together():
        for number in range(2_000):
            parts.posting.say(portraits, parts.workspace.identity.bot_user, f"message *{number}*")
    page = await empty.sit()
    await expect(page.get_by_text("message 1999", exact=True)).to_be_in_viewport()
    await page.evaluate(
        """async () => {
          const pane = document.querySelector(".messages");
          const frame = () => new Promise((next) => requestAnimationFrame(next));
          while (document.querySelectorAll(".message").length < 2000) {
            pane.scrollTop = Math.max(0, pane.scrollTop - 2000);
            await frame();
          }
          pane.scrollTop = 0;
        }"""
    )
    await expect(page.get_by_text("message 0", exact=True)).to_be_in_viewport()
    await expect(page.locator(".stretch:not(.resting)")).to_have_count(0)
    # What is far away costs nothing, and takes as much room as if it were drawn.
    drawn = """() => [...document.querySelectorAll(".message")].filter(
        (one) => one.checkVisibility({contentVisibilityAuto: true})).length"""
    assert await page.evaluate(drawn) < 600
    short_of = await page.evaluate(
        """() => {
          const pane = document.querySelector(".messages");
          const resting = pane.scrollHeight;
          for (const one of pane.querySelectorAll(".stretch")) one.style.contentVisibility = "visible";
          const whole = pane.scrollHeight;
          for (const one of pane.querySelectorAll(".stretch")) one.style.contentVisibility = "";
          return Math.abs(whole - resting);
        }"""
    )
    assert short_of < 20
    await empty.people.post("ana", "#portraits", "and one more")
    await expect(page.get_by_text("and one more", exact=True)).to_have_count(1)


async def test_a_new_stretch_of_messages_goes_on_where_the_last_one_ends(empty: Stage) -> None:
    parts = empty.slack.parts
    portraits, bot = parts.workspace.find_channel("#portraits"), parts.workspace.identity.bot_user
    for number in range(60):
        parts.posting.say(portraits, bot, f"message {number}")
    page = await empty.sit()
    await expect(messages(page)).to_have_count(60)
    parts.posting.say(portraits, bot, "message 60")
    await expect(page.locator(".stretch")).to_have_count(2)
    newest = messages(page).last
    await expect(newest).to_have_class(re.compile("follows"))
    await newest.focus()
    await page.keyboard.press("ArrowUp")
    await expect(messages(page).nth(59)).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(newest).to_be_focused()
    gone = parts.posting.say(portraits, bot, "soon gone")
    await expect(messages(page)).to_have_count(62)
    async with app(empty) as (client, _):
        for ts in (gone.ts, await newest_but_one(messages(page))):
            await client.chat_delete(channel=portraits.id, ts=ts)
    await expect(messages(page)).to_have_count(60)
    await expect(page.locator(".stretch")).to_have_count(1)
    await expect(messages(page).last).to_contain_text("message 59")


@pytest.mark.parametrize("place", [500, 0])
async def test_what_is_older_comes_above_and_moves_nothing(empty: Stage, place: int) -> None:
    parts = empty.slack.parts
    portraits, bot = parts.workspace.find_channel("#portraits"), parts.workspace.identity.bot_user
    for number in range(150):
        parts.posting.say(portraits, bot, "\n".join([f"message {number}"] * (1 + number % 4)))
    page = await empty.sit()
    await expect(messages(page)).to_have_count(60)
    await expect(page.locator(".resting")).to_have_count(1)
    moved = """async (place) => {
      const pane = document.querySelector(".messages");
      const frame = () => new Promise((next) => requestAnimationFrame(next));
      const many = () => pane.querySelectorAll(".message").length;
      pane.scrollTop = place;
      const one = [...pane.querySelectorAll(".message")].find((m) => m.getBoundingClientRect().top > 100);
      const was = one.getBoundingClientRect().top;
      const enough = performance.now() + 40000;
      while (many() < 120 || pane.querySelector(".stretch:not(.resting)")) {
        if (performance.now() > enough) throw new Error(`only ${many()} messages came`);
        await frame();
      }
      for (let n = 0; n < 3; n++) await frame();
      return Math.abs(one.getBoundingClientRect().top - was);
    }"""
    assert await page.evaluate(moved, place) < 3


async def newest_but_one(shown: Locator) -> str:
    """The `ts` of the last message but one."""
    return str(await shown.nth(-2).get_attribute("data-ts"))


async def test_a_page_that_was_cut_off_finds_its_way_back(tmp_path: Path) -> None:
    port = free_port()
    async with browser() as chromium:
        async with LocalSlack.start(tmp_path, port=port) as slack, Director(slack.origin) as people:
            await people.post("lee", "#portraits", "before")
            page = await chromium.new_page()
            await page.goto(f"{slack.origin}/?as=ana")
            await expect(messages(page)).to_have_count(1)
        await expect(page.locator("body.cut-off")).to_be_visible()
        async with LocalSlack.start(tmp_path, port=port) as slack, Director(slack.origin) as people:
            await people.post("lee", "#portraits", "after")
            await expect(messages(page)).to_have_count(2)
            await expect(page.locator("body.cut-off")).to_have_count(0)
            await page.close()


async def test_a_permalink_leads_to_its_message_and_a_wrong_one_says_so(empty: Stage) -> None:
    first = await empty.people.post("lee", "#portraits", "the very first")
    for number in range(90):
        await empty.people.post("lee", "#portraits", f"then {number}")
    page = await empty.sit()
    await page.goto(f"{first.permalink}?as=ana")
    await expect(messages(page).get_by_text("the very first", exact=True)).to_be_in_viewport()
    hidden = await empty.people.post("lee", "#board", "not for ana")
    await page.goto(f"{empty.slack.origin}/?as=ana#{hidden.channel}")
    await expect(page.get_by_role("heading", name="portraits")).to_be_visible()
    await expect(page.get_by_text("not for ana")).to_have_count(0)


async def test_light_and_dark_follow_the_system_until_one_is_chosen(empty: Stage) -> None:
    page = await empty.sit(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = await page.evaluate(ground)
    await page.emulate_media(color_scheme="light")
    light = await page.evaluate(ground)
    assert dark != light
    await page.get_by_role("button", name="Light or dark").click()
    await page.get_by_role("menuitemradio", name="Dark").click()
    assert await page.evaluate(ground) == dark
    await page.reload()
    assert await page.evaluate(ground) == dark
