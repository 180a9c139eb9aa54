"""Nobody is kept out: axe-core finds nothing to mend on the page, light or dark, wide or narrow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Upload
from tests.browser.every import EVERY_BLOCK, EVERY_INPUT, text
from tests.browser.played import app, messages, open_by_command
from tests.browser.stage import PHONE, Stage
from tests.sandbox.slack.harness import Ear, channel_id, modal, png, user_id

pytestmark = pytest.mark.slow
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass
class Scene:
    """A page with something on it, and the app behind it."""

    stage: Stage
    page: Page
    client: AsyncWebClient
    ear: Ear


async def _blocks(_: Scene) -> None:
    """The channel as it opens."""


async def _thread(scene: Scene) -> None:
    await scene.page.get_by_role("button", name="1 reply").click()
    await expect(scene.page.get_by_role("textbox", name="Reply…")).to_be_visible()


async def _form(scene: Scene) -> None:
    form = await open_by_command(scene.page, scene.client, scene.ear, modal(*EVERY_INPUT))
    await form.get_by_label("Number").fill("12")
    await form.get_by_role("button", name="Go").click()
    await expect(form.get_by_role("alert").filter(has_text="Between 1 and 9.")).to_be_visible()
    await form.get_by_role("combobox", name="Some of").click()


async def _backstage(scene: Scene) -> None:
    await scene.page.get_by_role("button", name="Backstage").click()
    await expect(scene.page.get_by_text("Nobody has ordered anything yet.")).to_be_visible()


async def _switcher(scene: Scene) -> None:
    await scene.page.keyboard.press("Control+k")


async def _keys(scene: Scene) -> None:
    await scene.page.keyboard.press("Control+/")


async def _large(scene: Scene) -> None:
    await scene.page.get_by_role("button", name="Open ").first.click()


async def _menu(scene: Scene) -> None:
    await messages(scene.page).first.hover()
    await scene.page.get_by_role("button", name="More actions").click()


async def _home(scene: Scene) -> None:
    who = await user_id(scene.stage.people, "ana")
    home = [block for block in EVERY_BLOCK if block["type"] in {"header", "section", "actions", "carousel"}]
    await scene.client.views_publish(user_id=who, view={"type": "home", "blocks": home})
    await scene.page.get_by_role("button", name="Darkroom", exact=True).click()
    await scene.page.get_by_role("tab", name="Home").click()
    await expect(scene.page.get_by_role("heading", name="A header")).to_be_visible()


SIGHTS = (_blocks, _thread, _form, _backstage, _switcher, _keys, _large, _menu, _home)


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.__name__.strip("_"))
async def test_axe_finds_nothing_to_mend(empty: Stage, sight: Callable[[Scene], Awaitable[None]]) -> None:
    async with app(empty) as (client, ear):
        portraits = await channel_id(empty.people, "portraits")
        post = await empty.people.post("lee", "#portraits", "@ana, see", [Upload("one.png", png(64, 48))])
        await client.chat_postMessage(channel=portraits, thread_ts=post.ts, text="x", blocks=[text("below")])
        for block in EVERY_BLOCK:
            await client.chat_postMessage(channel=portraits, text="x", blocks=[block])
        who = await user_id(empty.people, "ana")
        await client.chat_postEphemeral(channel=portraits, user=who, text="between us")
        page = await empty.sit(color_scheme="light")
        await expect(messages(page)).to_have_count(len(EVERY_BLOCK) + 2)
        await sight(Scene(empty, page, client, ear))
        for size, colours in (("wide", "light"), ("wide", "dark"), ("narrow", "light")):
            await page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
            if size == "narrow":
                await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
            found = await Axe().run(page, options=RULES)
            assert found.violations_count == 0, f"{size}, {colours}:\n{found.generate_report()}"
