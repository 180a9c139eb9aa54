"""Menus and files in forms: by hand and by keys, given options and those of the app, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import FilePayload, expect
from slack_sdk.socket_mode.request import SocketModeRequest

from tests.browser.every import CHOICES, button, entry, text
from tests.browser.played import app, choose, interaction, open_by_command
from tests.browser.stage import Stage
from tests.sandbox.slack.harness import modal, option, plain, png, text_input, user_id

pytestmark = pytest.mark.slow


def file(name: str, kind: str, data: bytes = b"some bytes") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": data}


async def test_a_menu_is_worked_by_keys_and_escape_closes_it_before_the_form(empty: Stage) -> None:
    page = await empty.sit()
    form = modal(entry("one", "One of", "static_select", options=CHOICES), text_input("name", "Name"))
    async with app(empty) as (client, ear):
        shown = await open_by_command(page, client, ear, form)
        field = shown.get_by_role("combobox", name="One of")
        await field.press("ArrowDown")
        offered = page.get_by_role("listbox", name="One of")
        await expect(offered.get_by_role("option")).to_have_count(3)
        await page.keyboard.press("Escape")
        await expect(offered).to_be_hidden()
        await expect(shown).to_be_visible()
        await field.press_sequentially("thr")
        await expect(offered.get_by_role("option")).to_have_count(1)
        await page.keyboard.press("Enter")
        await expect(field).to_have_value("Three")
        await page.keyboard.press("Tab")
        await shown.get_by_label("Name").fill("by keys")
        await page.keyboard.press("Enter")
        held = (await interaction(ear, "view_submission"))["view"]["state"]["values"]
    assert held["one"]["value"]["selected_option"]["value"] == "3"


async def test_several_are_chosen_up_to_what_the_app_allows_and_given_back_one_by_one(empty: Stage) -> None:
    page = await empty.sit()
    form = modal(entry("some", "Some of", "multi_static_select", options=CHOICES, max_selected_items=2))
    async with app(empty) as (client, ear):
        shown = await open_by_command(page, client, ear, form)
        await choose(shown, "Some of", "One", "Two")
        await shown.get_by_role("combobox", name="Some of").click()
        await expect(page.get_by_text("At most 2.")).to_be_visible()
        await page.keyboard.press("Escape")
        await shown.get_by_role("button", name="Remove One").click()
        await choose(shown, "Some of", "Three")
        await shown.get_by_role("button", name="Go").click()
        held = (await interaction(ear, "view_submission"))["view"]["state"]["values"]
    assert [o["value"] for o in held["some"]["value"]["selected_options"]] == ["2", "3"]


async def test_the_app_is_asked_what_it_offers_for_what_is_typed(empty: Stage) -> None:
    asked: list[str] = []

    def answer(request: SocketModeRequest) -> dict[str, Any] | None:
        if request.payload.get("type") != "block_suggestion":
            return None
        asked.append(request.payload["value"])
        return {"options": [option("Fox in winter", "fox"), option("Fox in spring", "spring")]}

    page = await empty.sit()
    form = modal(entry("model", "Model", "external_select", min_query_length=2))
    async with app(empty, answer) as (client, ear):
        shown = await open_by_command(page, client, ear, form)
        field = shown.get_by_role("combobox", name="Model")
        await field.press_sequentially("f")
        await expect(page.get_by_text("Type at least 2 letters.")).to_be_visible()
        await field.press_sequentially("ox")
        await page.get_by_role("option", name="Fox in winter").click()
        await expect(field).to_have_value("Fox in winter")
        await shown.get_by_role("button", name="Go").click()
        held = (await interaction(ear, "view_submission"))["view"]["state"]["values"]
    assert asked[-1] == "fox"
    assert held["model"]["value"]["selected_option"]["value"] == "fox"


async def test_a_menu_under_a_message_reports_what_is_chosen_and_keeps_it(empty: Stage) -> None:
    page = await empty.sit()
    beside = {
        "type": "static_select",
        "action_id": "count",
        "options": CHOICES,
        "placeholder": plain("How many"),
    }
    async with app(empty) as (client, ear):
        portraits = empty.slack.parts.workspace.find_channel("#portraits").id
        said = await client.chat_postMessage(
            channel=portraits, text="x", blocks=[text("Pictures") | {"block_id": "b", "accessory": beside}]
        )
        field = page.get_by_role("log", name="Messages").get_by_role("combobox", name="How many")
        await field.click()
        await page.get_by_role("option", name="Two").click()
        pressed = await interaction(ear, "block_actions")
        assert pressed["actions"][0]["selected_option"]["value"] == "2"
        changed = [text("Pictures, soon") | {"block_id": "b", "accessory": beside}]
        await client.chat_update(channel=portraits, ts=said["ts"], text="x", blocks=changed)
        await expect(page.get_by_text("Pictures, soon")).to_be_visible()
        await expect(field).to_have_value("Two")


async def test_files_are_checked_as_they_are_chosen_and_shown_with_what_they_are(empty: Stage) -> None:
    page = await empty.sit()
    form = modal(
        entry("video", "Video", "file_input", filetypes=["mp4", "mov"], max_files=1),
        entry("papers", "Papers", "file_input", filetypes=["pdf", "jpg"], max_files=2),
    )
    async with app(empty) as (client, ear):
        shown = await open_by_command(page, client, ear, form)
        chooser = shown.get_by_label("Video", exact=True)
        await chooser.set_input_files([file("notes.txt", "text/plain")])
        await expect(
            shown.get_by_role("alert").filter(has_text="notes.txt is none of mp4, mov.")
        ).to_be_visible()
        await chooser.set_input_files([file("first.mp4", "video/mp4")])
        await expect(shown.get_by_text("first.mp4")).to_be_visible()
        await chooser.set_input_files([file("second.mp4", "video/mp4")])
        await expect(shown.get_by_text("second.mp4")).to_be_visible()
        await expect(shown.get_by_text("first.mp4")).to_have_count(0)
        papers = shown.get_by_label("Papers", exact=True)
        await papers.set_input_files([file("a.pdf", "application/pdf"), file("b.jpeg", "image/jpeg", png())])
        await expect(
            shown.get_by_role("list", name="Files for Papers").get_by_role("listitem")
        ).to_have_count(2)
        await papers.set_input_files([file("c.pdf", "application/pdf")])
        await expect(shown.get_by_role("alert").filter(has_text="At most 2 files.")).to_be_visible()
        await shown.get_by_role("button", name="Go").click()
        held = (await interaction(ear, "view_submission"))["view"]["state"]["values"]
    assert [f["name"] for f in held["video"]["value"]["files"]] == ["second.mp4"]
    assert [f["name"] for f in held["papers"]["value"]["files"]] == ["a.pdf", "b.jpeg"]


async def test_a_field_that_reports_each_character_does_so_once_one_stops_typing(empty: Stage) -> None:
    page = await empty.sit()
    telling = {"trigger_actions_on": ["on_character_entered"]}
    field = entry("prompt", "Prompt", "plain_text_input", dispatch_action_config=telling)
    async with app(empty) as (client, ear):
        shown = await open_by_command(page, client, ear, modal(field | {"dispatch_action": True}))
        await shown.get_by_label("Prompt").press_sequentially("snow")
        pressed = await interaction(ear, "block_actions")
    assert pressed["actions"][0]["value"] == "snow"


async def test_forms_lie_three_deep_and_the_cross_closes_them_all(empty: Stage) -> None:
    page = await empty.sit()
    deeper = {"type": "actions", "elements": [button("deeper", "Deeper")]}
    async with app(empty) as (client, ear):
        await open_by_command(page, client, ear, modal(deeper, title="One"))
        for title, below in (("Two", "One"), ("Three", "Two")):
            await page.get_by_role("dialog", name=below).get_by_role("button", name="Deeper").click()
            pressed = await interaction(ear, "block_actions")
            await client.views_push(trigger_id=pressed["trigger_id"], view=modal(deeper, title=title))
        top = page.get_by_role("dialog", name="Three")
        await top.get_by_role("button", name="Back to the form below").click()
        second = page.get_by_role("dialog", name="Two")
        await expect(second).to_be_visible()
        await second.locator("header").get_by_role("button", name="Close", exact=True).click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert await empty.people.view("ana") is None


async def test_a_menu_the_app_fills_works_on_the_home_tab_and_under_a_message(empty: Stage) -> None:
    """It is asked for what is typed, and never for what was chosen: a choice is one of what was shown."""
    asked: list[tuple[str, str]] = []
    models = [option("Fox in winter", "7"), option("Fox in spring", "8")]

    def answer(request: SocketModeRequest) -> dict[str, Any] | None:
        payload = request.payload
        if payload.get("type") != "block_suggestion":
            return None
        asked.append((payload["container"]["type"], payload["value"]))
        return {"options": [m for m in models if payload["value"].lower() in m["text"]["text"].lower()]}

    def menu(kind: str, name: str) -> dict[str, Any]:
        return {
            "type": kind,
            "action_id": name,
            "min_query_length": 2,
            "placeholder": plain(f"Choose {name}"),
        }

    blocks = [
        text("One") | {"block_id": "one", "accessory": menu("external_select", "a model")},
        {
            "type": "actions",
            "block_id": "many",
            "elements": [menu("multi_external_select", "some models"), button("go", "Make")],
        },
    ]
    page = await empty.sit()
    async with app(empty, answer) as (client, ear):
        ana = await user_id(empty.people, "ana")
        portraits = empty.slack.parts.workspace.find_channel("#portraits").id
        await client.chat_postMessage(channel=portraits, text="x", blocks=blocks[:1])
        await client.views_publish(user_id=ana, view={"type": "home", "blocks": blocks})
        said = page.get_by_role("log", name="Messages").get_by_role("combobox", name="Choose a model")
        await said.press_sequentially("fox")
        await page.get_by_role("option", name="Fox in spring").click()
        pressed = await interaction(ear, "block_actions")
        assert pressed["actions"][0]["selected_option"]["value"] == "8"
        await expect(said).to_have_value("Fox in spring")

        await page.get_by_role("button", name="Darkroom", exact=True).click()
        await page.get_by_role("tab", name="Home").click()
        one = page.get_by_role("combobox", name="Choose a model")
        await one.press_sequentially("fo")
        await page.get_by_role("option", name="Fox in winter").click()
        pressed = await interaction(ear, "block_actions")
        assert (pressed["view"]["type"], pressed["actions"][0]["selected_option"]["value"]) == ("home", "7")
        await expect(one).to_have_value("Fox in winter")
        some = page.get_by_role("combobox", name="Choose some models")
        for typed, label in (("winter", "Fox in winter"), ("spring", "Fox in spring")):
            await some.press_sequentially(typed)
            await page.get_by_role("option", name=label).click()
            pressed = await interaction(ear, "block_actions")
            await expect(page.get_by_role("button", name=f"Remove {label}")).to_be_visible()
        assert [o["value"] for o in pressed["actions"][0]["selected_options"]] == ["7", "8"]
        await page.get_by_role("button", name="Make").click()
        held = (await interaction(ear, "block_actions"))["view"]["state"]["values"]
    assert held["one"]["a model"]["selected_option"]["value"] == "7"
    assert [o["value"] for o in held["many"]["some models"]["selected_options"]] == ["7", "8"]
    assert {typed for _, typed in asked}.isdisjoint({"7", "8"})
    assert {place for place, _ in asked} == {"message", "view"}


async def test_fields_stand_in_the_home_tab_without_a_form_around_them(empty: Stage) -> None:
    page = await empty.sit()
    async with app(empty) as (client, ear):
        ana = await user_id(empty.people, "ana")
        blocks = [
            entry("words", "Words", "plain_text_input") | {"dispatch_action": True},
            entry("quiet", "Quiet", "plain_text_input"),
            entry("pick", "Pick", "static_select", options=CHOICES) | {"dispatch_action": True},
        ]
        await client.views_publish(user_id=ana, view={"type": "home", "blocks": blocks})
        await page.get_by_role("button", name="Darkroom", exact=True).click()
        await page.get_by_role("tab", name="Home").click()
        await page.get_by_role("textbox", name="Quiet").fill("kept")
        words = page.get_by_role("textbox", name="Words")
        await words.fill("in the snow")
        await words.press("Enter")
        pressed = await interaction(ear, "block_actions")
        assert (pressed["actions"][0]["block_id"], pressed["actions"][0]["value"]) == ("words", "in the snow")
        await choose(page.get_by_role("main"), "Pick", "Two")
        held = (await interaction(ear, "block_actions"))["view"]["state"]["values"]
    assert held["pick"]["value"]["selected_option"]["value"] == "2"
    assert held["quiet"]["value"]["value"] == "kept"
