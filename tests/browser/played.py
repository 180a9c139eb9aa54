"""An app that a test plays, and what a person sees of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Locator, Page, expect
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from tests.browser.stage import Stage
from tests.sandbox.slack.harness import (
    Ear,
    client_of,
    listening,
    option,
    plain,
)

Answer = Callable[[SocketModeRequest], dict[str, Any] | None]
CHOICES = [option("One", "1"), option("Two", "2"), option("Three", "3")]


@asynccontextmanager
async def app(stage: Stage, answer: Answer = lambda _: None) -> AsyncIterator[tuple[AsyncWebClient, Ear]]:
    """Both hands of an app: what it calls, and what it hears."""
    async with client_of(stage.slack) as client, listening(stage.slack, answer) as ear:
        await stage.people.wait_for_connection()
        yield client, ear


async def interaction(ear: Ear, kind: str) -> dict[str, Any]:
    """Wait for something a person did."""
    while True:
        payload = (await ear.next()).payload
        if payload.get("type") == kind or (kind == "command" and "command" in payload):
            return dict(payload)


def messages(page: Page) -> Locator:
    """What stands in the conversation, oldest first."""
    return page.get_by_role("log", name="Messages").get_by_role("listitem")


async def choose(form: Locator, label: str, *options: str) -> None:
    """Choose from a menu of a form by clicking, as a person does; several where it takes several."""
    field = form.get_by_role("combobox", name=label, exact=True)
    await field.click()
    for one in options:
        await form.page.get_by_role("listbox", name=label, exact=True).get_by_role("option", name=one).click()
    await expect(field).to_be_focused()
    if await field.get_attribute("aria-expanded") == "true":
        await field.press("Escape")


def text(words: str) -> dict[str, Any]:
    """A paragraph."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": words}}


def entry(block: str, label: str, kind: str, **element: Any) -> dict[str, Any]:
    """An input block that need not be filled."""
    return {
        "type": "input",
        "block_id": block,
        "label": plain(label),
        "optional": True,
        "element": {"type": kind, "action_id": "value", **element},
    }


EVERY_INPUT = [
    entry("line", "Line", "plain_text_input"),
    entry("lines", "Lines", "plain_text_input", multiline=True),
    entry("mail", "Mail", "email_text_input"),
    entry("web", "Web", "url_text_input"),
    entry("number", "Number", "number_input", is_decimal_allowed=False, min_value="1", max_value="9"),
    entry("one", "One of", "static_select", options=CHOICES),
    entry("some", "Some of", "multi_static_select", options=CHOICES),
    entry("person", "Person", "users_select"),
    entry("people", "People", "multi_users_select"),
    entry("place", "Place", "channels_select"),
    entry("boxes", "Boxes", "checkboxes", options=CHOICES),
    entry("radio", "Radio", "radio_buttons", options=CHOICES),
    entry("day", "Day", "datepicker"),
    entry("hour", "Hour", "timepicker"),
    entry("files", "Files", "file_input"),
]


async def open_by_command(page: Page, client: AsyncWebClient, ear: Ear, view: dict[str, Any]) -> Locator:
    """Type the command, and open a modal as the app's answer."""
    await page.get_by_role("combobox", name="Message #portraits").fill("/darkroom go")
    await page.keyboard.press("Enter")
    said = await interaction(ear, "command")
    await client.views_open(trigger_id=said["trigger_id"], view=view)
    return page.get_by_role("dialog", name=view["title"]["text"])
