"""Slack's own library for Node, as a whole small app, over sockets and over HTTP."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.slack import Director, LocalSlack, Upload
from tests.needs import lacks
from tests.sandbox.slack.harness import png

HERE = Path(__file__).parent / "node"
OLDEST = 20


@cache
def _problem() -> str:
    node = shutil.which("node")
    if node is None:
        return "no Node here: apt-get install nodejs npm"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().removeprefix("v").partition(".")[0]) < OLDEST:
        return f"Node {OLDEST} or newer is needed; here is {version.strip()}"
    if not (HERE / "node_modules" / "@slack" / "bolt").is_dir():
        return "the Node app has no packages yet: make node brings them"
    return ""


@dataclass(frozen=True)
class NodeApp:
    """The app as a process of its own; it says JSON lines and ends with its standard input."""

    process: asyncio.subprocess.Process

    async def says(self, word: str) -> dict[str, Any]:
        """Wait for a line of its own; anything that it calls an error fails the test."""
        assert self.process.stdout is not None
        async with asyncio.timeout(120):
            async for line in self.process.stdout:
                # Bolt's own log lines go to the same place.
                if not line.startswith(b"{"):
                    continue
                said = json.loads(line)
                assert said["word"] != "error", said
                if said["word"] == word:
                    return dict(said)
        raise AssertionError("the app ended before it had said what it should")


@pytest.fixture(params=["socket", "http"])
async def app(
    request: pytest.FixtureRequest, slack: LocalSlack, director: Director
) -> AsyncIterator[NodeApp]:
    if problem := _problem():
        lacks("node", f"Bolt for Node: {problem}")
    credentials = (await director.developer.app())["credentials"]
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_exec(
        "node",
        "--require",
        str(HERE / "loopback-only.cjs"),
        str(HERE / "app.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=kept
        | {
            "MODE": request.param,
            "SLACK_API_URL": slack.api_url,
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_SIGNING_SECRET": credentials["signing_secret"],
        },
    )
    running = NodeApp(process)
    try:
        ready = await running.says("ready")
        if request.param == "http":
            await director.developer.post_to(f"http://127.0.0.1:{ready['port']}/slack/events")
        else:
            await director.wait_for_connection()
        yield running
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(120):
            await process.communicate()
    # 97 is the guard's: the app reached for another machine.
    assert process.returncode == 0


async def test_photos_become_pictures_in_the_thread(app: NodeApp, director: Director) -> None:
    photos = [Upload(f"fox-{n}.png", png(shade=n)) for n in range(2)]
    root = await director.post("lee", "#portraits", "my fox", photos)
    size = sum(len(p.data) for p in photos)
    words = f"2 photos, {size} bytes, zh-CN"
    tray = await director.wait_for_message("#portraits", lambda m: m.text == words, thread_ts=root.ts)

    pressed = await director.press("lee", "#portraits", tray.ts, "Train…")
    assert pressed.acked
    await director.wait_for_view("lee")
    await director.wait_for_message("#portraits", lambda m: m.ts == tray.ts and m.text == "A form is open")
    taken = await director.submit("lee", {"Name": "taken"})
    assert taken.errors == {"name": "There is one already."}
    closed = await director.submit("lee", {"Name": "fox", "Photos": [Upload("one.png", png())]})
    assert (closed.closed, closed.error) == (True, None)

    card = await director.wait_for_message("#portraits", lambda m: m.text == "fox: 1 photos in the form")
    assert card.thread_ts == root.ts
    shared = await director.wait_for_message("#portraits", lambda m: m.text == "fox is ready")
    assert shared.thread_ts == root.ts
    assert [await director.file_bytes(f.id) for f in shared.files] == [b"picture 1", b"picture 2"]
    link = card.permalink.replace("&", "&amp;")
    told = await director.wait_for_message("@darkroom", lambda m: m.text == link, viewer="lee")
    assert told.user_name == "darkroom"


async def test_a_command_is_answered_at_once_or_by_its_url(app: NodeApp, director: Director) -> None:
    result = await director.command("ana", "#general", "/darkroom", "at once")
    assert [(m.text, m.ephemeral) for m in result.messages] == [("In the answer itself", True)]
    assert (await director.command("ana", "#general", "/darkroom", "status")).acked
    await director.wait_for_message("#general", lambda m: m.text == "You said: status" and not m.ephemeral)


async def test_both_shortcuts_a_closed_form_and_the_home_tab(app: NodeApp, director: Director) -> None:
    assert (await director.shortcut("ana", "new_model")).acked
    await director.wait_for_view("ana")
    assert await director.close("ana")
    await app.says("closed")
    posted = await director.post("ana", "#portraits", "look")
    assert (await director.shortcut("lee", "train_from_message", "#portraits", posted.ts)).acked
    await director.wait_for_message("#portraits", lambda m: m.text == "Found: look", viewer="lee")
    await director.open_home("ana")

    async def home() -> str | None:
        view = await director.home("ana")
        return view.words() if view else None

    assert "Welcome home" in await director.wait_for(home)


async def test_no_address_of_a_registry_stands_in_the_lock() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    assert len(lock["packages"]) > 50
    assert not [name for name, about in lock["packages"].items() if "resolved" in about]
    assert all("integrity" in about for name, about in lock["packages"].items() if name)
