"""The whole house with a browser before it: a local Slack, a vendor's stand-in, the real bot, Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from bot.app import build
from bot.sandbox.clock import WorldClock
from bot.sandbox.slack import Director, LocalSlack, Upload
from bot.sandbox.slack import Settings as SlackSettings
from bot.sandbox.vendors.aicontent import AicontentStandIn
from bot.sandbox.vendors.control import AicontentControl
from handlers.manifest import manifest
from tests.surface import SWIFT, settings_for, unhurried

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# It is to ask nobody outside this machine for anything.
FLAGS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
DESK, PHONE = {"width": 1360, "height": 860}, {"width": 390, "height": 844}
PATIENCE = 45_000
"""Milliseconds until what a person waits for has not come."""

expect.set_options(timeout=PATIENCE)


@dataclass
class Stage:
    """What a test has before it. `complaints` is what the browser's console said was wrong."""

    slack: LocalSlack
    people: Director
    desk: AicontentControl
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    async def sit(
        self, name: str = "ana", *, size: dict[str, int] = DESK, place: str = "", **options: Any
    ) -> Page:
        """Open a window of one's own, as somebody."""
        context = await self.browser.new_context(
            viewport={"width": size["width"], "height": size["height"]}, **options
        )
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)
        await page.goto(f"{self.slack.origin}/?as={name}{place}")
        await page.locator("body[data-ready]").wait_for()
        return page

    def _listen(self, said: ConsoleMessage) -> None:
        # A refused gesture, such as a form with an empty field, is a 409, and browsers note that too.
        if said.type == "error" and "409 (Conflict)" not in said.text:
            self.complaints.append(said.text)


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    async with async_playwright() as playwright:
        # Chromium refuses to run as root inside its own sandbox.
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *root])
        try:
            yield chromium
        finally:
            await chromium.close()


@contextlib.asynccontextmanager
async def stage(
    state: Path, *, app: dict[str, Any] | None = None, with_bot: bool = True
) -> AsyncIterator[Stage]:
    """A workspace with the real bot in it, and a vendor who trains in seconds."""
    app = app or manifest("/darkroom")
    home = app["features"]["app_home"]["home_tab_enabled"]
    world = WorldClock()
    calm = SlackSettings(limits=False, share_delay=0.05, ready_delay=0.02, home_tab_enabled=home)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(unhurried())
        slack = await stack.enter_async_context(
            LocalSlack.start(state / "slack", manifest=app, settings=calm, world=world)
        )
        vendor = await stack.enter_async_context(AicontentStandIn.start(state / "vendor", clock=world))
        slack.page.introduce("AIContent", vendor.origin)
        people = await stack.enter_async_context(Director(slack.origin))
        desk = await stack.enter_async_context(AicontentControl(vendor.origin))
        await desk.settings(train_seconds=3, infer_seconds=1)
        if with_bot:
            keys = {
                "ACCESS_KEY_ID": "sandbox-key-id",
                "ACCESS_KEY_SECRET": "sandbox-key-secret",
                "ENDPOINT": vendor.origin,
                "REQUESTS_PER_SECOND": "50",
                **{
                    f"{kind}_POLL_{end}": "0.3" for kind in ("TRAIN", "GENERATE") for end in ("FIRST", "MOST")
                },
            }
            environment = state / "env"
            environment.write_text("".join(f"AICONTENT_{name}={value}\n" for name, value in keys.items()))
            settings = settings_for(slack, state / "data")
            bot = await stack.enter_async_context(build(settings, env_file=environment, timing=SWIFT))
            await people.wait_for_connection()
            await bot.services.vendors.asked()
        yield Stage(slack, people, desk, await stack.enter_async_context(browser()))


def folder_of(uploads: list[Upload], folder: Path) -> list[str]:
    """Lay files down for a file chooser."""
    folder.mkdir(parents=True, exist_ok=True)
    for upload in uploads:
        (folder / upload.name).write_bytes(upload.data)
    return [str(folder / upload.name) for upload in uploads]
