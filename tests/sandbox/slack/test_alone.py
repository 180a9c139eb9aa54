"""The local Slack as a program of its own, for any app."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import DEFAULT_MANIFEST, Director
from tests.sandbox.slack.receiver import receiving

pytestmark = pytest.mark.slow


@asynccontextmanager
async def alone(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.sandbox.slack",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def environment(process: asyncio.subprocess.Process) -> dict[str, str]:
    """What it prints for an app to read."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    while "SLACK_CLIENT_SECRET" not in found:
        async with asyncio.timeout(120):
            line = (await process.stdout.readline()).decode().strip()
        assert line, "it ended early"
        if not line.startswith("#"):
            name, _, value = line.partition("=")
            found[name] = value
    return found


async def test_it_prints_what_an_app_needs_and_keeps_the_workspace(tmp_path: Path) -> None:
    manifest = tmp_path / "app.json"
    named = DEFAULT_MANIFEST | {"display_information": {"name": "Somebody Else"}}
    manifest.write_text(json.dumps(named))
    state = str(tmp_path / "state")
    async with alone("--state", state, "--manifest", str(manifest)) as process:
        first = await environment(process)
        client = AsyncWebClient(token=first["SLACK_BOT_TOKEN"], base_url=first["SLACK_API_URL"])
        assert (await client.auth_test())["ok"]
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    async with alone("--state", state) as process:
        again = await environment(process)
        assert again["SLACK_BOT_TOKEN"] == first["SLACK_BOT_TOKEN"]
        async with Director(again["SLACK_API_URL"].removesuffix("/api/")) as director:
            app = await director.developer.app()
            assert app["manifest"]["display_information"]["name"] == "Somebody Else"


async def test_it_posts_to_an_app_that_is_there_and_says_so_when_none_is(tmp_path: Path) -> None:
    async with receiving() as app, alone("--state", str(tmp_path / "a"), "--post-to", app.url) as process:
        told = await environment(process)
        async with Director(told["SLACK_API_URL"].removesuffix("/api/")) as director:
            await director.post("ana", "#portraits", "hello")
            assert (await app.next()).body["event"]["text"] == "hello"
    async with alone("--state", str(tmp_path / "b"), "--post-to", "http://127.0.0.1:9/") as process:
        _, complaint = await process.communicate()
        assert process.returncode == 1
        assert b"url_not_verified" in complaint
        assert b"Start the app first" in complaint


async def test_a_manifest_that_is_none_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "app.json"
    wrong.write_text("- not: json")
    async with alone("--state", str(tmp_path / "a"), "--manifest", str(wrong)) as process:
        _, complaint = await process.communicate()
        assert process.returncode == 2
        assert b"app.json is not an app manifest" in complaint
