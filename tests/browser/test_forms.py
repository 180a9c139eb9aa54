"""Forms by hand: every input, errors under their fields, views that change and lie upon each other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Route, expect
from slack_sdk.socket_mode.request import SocketModeRequest

from tests.browser.every import EVERY_INPUT, text
from tests.browser.played import app, choose, interaction, open_by_command
from tests.browser.stage import Stage
from tests.sandbox.slack.harness import (
    channel_id,
    modal,
    plain,
    png,
    text_input,
    user_id,
)

pytestmark = pytest.mark.slow


async def test_every_input_reaches_the_app_as_it_was_entered(empty: Stage) -> None:
    page = await empty.sit()
    async with app(empty) as (client, ear):
        form = await open_by_command(page, client, ear, modal(*EVERY_INPUT))
        await form.get_by_label("Line", exact=False).first.fill("a & <b>")
        await form.get_by_label("Lines").fill("one\ntwo")
        await form.get_by_label("Mail").fill("ana@example.com")
        await form.get_by_label("Web").fill("https://example.com/x")
        await form.get_by_label("Number").fill("7")
        await choose(form, "One of", "Two")
        await choose(form, "Some of", "Three", "One")
        await choose(form, "Person", "Lee Okafor")
        await choose(form, "People", "Ada Min")
        await choose(form, "Place", "#general")
        await form.get_by_role("group", name="Boxes").get_by_label("One").check()
        await form.get_by_role("radiogroup", name="Radio").get_by_label("Two").check()
        await form.get_by_label("Day").fill("2026-12-24")
        await form.get_by_label("Hour").fill("18:30")
        await form.locator("input[type=file]").set_input_files(
            [{"name": "a.png", "mimeType": "image/png", "buffer": png()}]
        )
        await expect(form.get_by_text("a.png")).to_be_visible()
        await form.get_by_role("button", name="Go").click()
        held = (await interaction(ear, "view_submission"))["view"]["state"]["values"]
        await expect(form).to_be_hidden()
    values = {block: fields["value"] for block, fields in held.items()}
    assert values["line"]["value"] == "a & <b>"
    assert values["lines"]["value"] == "one\ntwo"
    assert (values["mail"]["value"], values["web"]["value"]) == ("ana@example.com", "https://example.com/x")
    assert values["number"]["value"] == "7"
    assert values["one"]["selected_option"]["value"] == "2"
    assert [o["value"] for o in values["some"]["selected_options"]] == ["3", "1"]
    assert values["person"]["selected_user"] == await user_id(empty.people, "lee")
    assert values["people"]["selected_users"] == [await user_id(empty.people, "admin")]
    assert values["place"]["selected_channel"] == await channel_id(empty.people, "general")
    assert [o["value"] for o in values["boxes"]["selected_options"]] == ["1"]
    assert values["radio"]["selected_option"]["value"] == "2"
    assert (values["day"]["selected_date"], values["hour"]["selected_time"]) == ("2026-12-24", "18:30")
    assert [f["name"] for f in values["files"]["files"]] == ["a.png"]


async def test_a_form_waits_for_the_files_that_were_chosen_for_it(empty: Stage) -> None:
    page, sent = await empty.sit(), asyncio.Event()

    async def late(route: Route) -> None:
        await sent.wait()
        await route.continue_()

    async with app(empty) as (client, ear):
        form = await open_by_command(page, client, ear, modal(*EVERY_INPUT))
        await page.route("**/control/fill", late)
        await form.locator("input[type=file]").set_input_files(
            [{"name": "a.png", "mimeType": "image/png", "buffer": png()}]
        )
        await expect(form.get_by_text("Uploading a.png…")).to_be_visible()
        await form.get_by_role("button", name="Go").click()
        sent.set()
        held = (await interaction(ear, "view_submission"))["view"]["state"]["values"]
        await expect(form).to_be_hidden()
    assert [one["name"] for one in held["files"]["value"]["files"]] == ["a.png"]


async def test_errors_stand_under_their_fields_whoever_found_them(empty: Stage) -> None:
    def answer(request: SocketModeRequest) -> dict[str, Any] | None:
        if request.payload.get("type") != "view_submission":
            return None
        return {"response_action": "errors", "errors": {"line": "That name is taken."}}

    page = await empty.sit()
    async with app(empty, answer) as (client, ear):
        form = await open_by_command(page, client, ear, modal(*EVERY_INPUT))
        await form.get_by_label("Number").fill("12")
        await form.get_by_role("button", name="Go").click()
        await expect(form.get_by_role("alert").filter(has_text="Between 1 and 9.")).to_be_visible()
        await expect(form.get_by_label("Number")).to_be_focused()
        await form.get_by_label("Number").fill("8")
        await form.get_by_label("Mail").fill("nobody")
        await form.get_by_role("button", name="Go").click()
        await expect(form.get_by_role("alert").filter(has_text="Enter an email address.")).to_be_visible()
        await form.get_by_label("Mail").fill("")
        await form.get_by_role("button", name="Go").click()
        await expect(form.get_by_role("alert").filter(has_text="That name is taken.")).to_be_visible()
        await expect(form.get_by_label("Line", exact=False).first).to_have_attribute("aria-invalid", "true")
        await expect(form.get_by_label("Number")).to_have_value("8")


async def test_a_loading_view_is_filled_in_its_place_and_typed_words_survive_the_next_change(
    empty: Stage,
) -> None:
    page = await empty.sit()
    async with app(empty) as (client, ear):
        waiting = modal(text("Loading…"), title="Wait")
        form = await open_by_command(page, client, ear, waiting)
        await expect(form).to_contain_text("Loading…")
        view = await empty.people.view("ana")
        assert view is not None
        await client.views_update(view_id=view.id, view=modal(text_input("name", "Name"), title="Ready"))
        ready = page.get_by_role("dialog", name="Ready")
        await ready.get_by_label("Name", exact=True).fill("half a na")
        more = modal(text_input("name", "Name"), text_input("more", "More"), title="Ready")
        await client.views_update(view_id=view.id, view=more)
        await expect(ready.get_by_label("More")).to_be_visible()
        await expect(ready.get_by_label("Name", exact=True)).to_have_value("half a na")
        await expect(ready.get_by_label("Name", exact=True)).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(ready).to_be_hidden()
        assert await empty.people.view("ana") is None


async def test_a_form_on_top_of_another_gives_way_to_it_when_closed(empty: Stage) -> None:
    page = await empty.sit()
    async with app(empty) as (client, ear):
        lower = modal(
            text_input("name", "Name"),
            {
                "type": "actions",
                "elements": [{"type": "button", "action_id": "deeper", "text": plain("Deeper")}],
            },
            title="Lower",
        )
        form = await open_by_command(page, client, ear, lower)
        await form.get_by_label("Name", exact=True).fill("kept")
        await form.get_by_role("button", name="Deeper").click()
        pressed = await interaction(ear, "block_actions")
        assert pressed["view"]["state"]["values"]["name"]["text"]["value"] == "kept"
        await client.views_push(trigger_id=pressed["trigger_id"], view=modal(text("up"), title="Upper"))
        await page.get_by_role("dialog", name="Upper").get_by_role("button", name="Close").last.click()
        below = page.get_by_role("dialog", name="Lower")
        await expect(below.get_by_label("Name", exact=True)).to_have_value("kept")
