"""The whole job in a process of its own, with the log turned up: what it writes, and how it ends."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.sandbox.slack import Director, LocalSlack
from bot.sandbox.slack import Settings as SlackSettings
from bot.sandbox.vendors.aicontent import AicontentStandIn
from bot.sandbox.vendors.control import AicontentControl
from handlers.manifest import manifest
from tests.bot.test_start import ROOT, env_of
from tests.surface import FORM, photos, unhurried

VENDOR = {"AICONTENT_ACCESS_KEY_ID": "sandbox-key-id", "AICONTENT_ACCESS_KEY_SECRET": "sandbox-key-secret"}


@pytest.fixture(autouse=True)
def _unhurried() -> Iterator[None]:
    with unhurried():
        yield


@pytest.mark.slow
async def test_no_secret_prompt_or_link_is_written_and_an_end_of_input_ends_it_well(tmp_path: Path) -> None:
    calm = SlackSettings(limits=False, share_delay=0.05, ready_delay=0.02)
    async with (
        LocalSlack.start(tmp_path / "slack", manifest=manifest("/darkroom"), settings=calm) as slack,
        AicontentStandIn.start(tmp_path / "vendor") as vendor,
        Director(slack.origin) as people,
        AicontentControl(vendor.origin) as control,
    ):
        await control.settings(train_seconds=1, infer_seconds=1)
        swift = {"AICONTENT_TRAIN_POLL_FIRST": "1", "AICONTENT_GENERATE_POLL_FIRST": "1"}
        env = env_of(slack, tmp_path / "data", **VENDOR, **swift, AICONTENT_ENDPOINT=vendor.origin)
        env |= {"DARKROOM_LOG_LEVEL": "DEBUG", "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        bot = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--until-eof"),
            cwd=tmp_path,
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert bot.stdin is not None
        assert bot.stderr is not None
        written = asyncio.create_task(bot.stderr.read())
        try:
            await people.wait_for_connection(within=60)
            posted = await people.post("ana", "#portraits", "@darkroom whisper", photos(4))
            tray = await people.wait_for_message(
                "#portraits", lambda m: "Train…" in m.buttons(), thread_ts=posted.ts
            )
            await people.press("ana", "#portraits", tray.ts, "Train…")
            await people.wait_for_view("ana", lambda view: "Loading" not in view.words())
            await people.submit("ana", FORM)
            await people.wait_for_message(
                "#portraits", lambda m: len(m.files) == 2, thread_ts=posted.ts, within=60
            )
        finally:
            bot.stdin.close()
            async with asyncio.timeout(120):
                err = await written
                await bot.wait()
        assert bot.returncode == 0
    log = err.decode()
    assert "action=job_sent" in log
    secrets = [slack.bot_token, slack.app_token, VENDOR["AICONTENT_ACCESS_KEY_SECRET"], "a secret garden"]
    assert [secret for secret in [*secrets, "whisper", "ana spring"] if secret in log] == []
    assert re.findall(r"/p/[\w-]{20,}|Signature=\w+|Bearer \w+", log) == []
    assert not any(" ERROR " in line or "Traceback" in line for line in log.splitlines()), log
