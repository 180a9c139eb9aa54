"""An app that a test plays, and what a person sees of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Locator, Page, expect
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from tests.browser.stage import Stage
from tests.sandbox.slack.harness import Ear, client_of, listening

Answer = Callable[[SocketModeRequest], dict[str, Any] | None]


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
    return page.get_by_role("log", name="Messages").locator("[data-ts]")


async def choose(form: Locator, label: str, *options: str) -> None:
    """Choose from a menu of a form by clicking, as a person does; several where it takes several."""
    field = form.get_by_role("combobox", name=label, exact=True)
    await field.click()
    for one in options:
        await form.page.get_by_role("listbox", name=label, exact=True).get_by_role("option", name=one).click()
    await expect(field).to_be_focused()
    if await field.get_attribute("aria-expanded") == "true":
        await field.press("Escape")


async def open_by_command(page: Page, client: AsyncWebClient, ear: Ear, view: dict[str, Any]) -> Locator:
    """Type the command, and open a modal as the app's answer."""
    await page.get_by_role("textbox", name="Message #portraits").fill("/darkroom go")
    await page.keyboard.press("Enter")
    said = await interaction(ear, "command")
    await client.views_open(trigger_id=said["trigger_id"], view=view)
    return page.get_by_role("dialog", name=view["title"]["text"])
