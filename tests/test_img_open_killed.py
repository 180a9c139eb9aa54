"""Img Open calls back before the start is answered, and again around a kill: a real bot, really killed."""

import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from bot.sandbox.slack import Director, LocalSlack, Upload
from bot.sandbox.slack import Settings as SlackSettings
from bot.sandbox.vendors.img_open import ImgOpenStandIn
from bot.sandbox.vendors.img_open_control import ImgOpenControl
from bot.services.callbacks import callback_url
from handlers.manifest import manifest
from tests.bot.test_start import ROOT, env_of
from tests.surface import FORM, photo, unhurried

pytestmark = pytest.mark.slow
PATIENCE = 120.0
SECRET = "a secret for the addresses of callbacks"


@pytest.fixture(autouse=True)
def _unhurried() -> Iterator[None]:
    with unhurried():
        yield


@contextlib.asynccontextmanager
async def running(env: Mapping[str, str], people: Director) -> AsyncIterator[asyncio.subprocess.Process]:
    """A bot as a process of its own; what is left of it at the end is killed."""
    # Slack may take a bot that was killed for connected yet: it is the new connection that counts.
    since = await people.now()
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    bot = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run"),
        cwd=ROOT / "tests",
        env=bare | dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await people.wait_for_entry(
            lambda entry: entry.kind == "socket" and entry.facts["state"] == "connected",
            since,
            within=PATIENCE,
        )
        yield bot
    finally:
        with contextlib.suppress(ProcessLookupError):
            bot.kill()
        await bot.wait()


def rows(data: Path, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{data / 'darkroom.sqlite3'}?mode=ro", uri=True)) as tables:
        return tables.execute(sql).fetchall()


async def asked_for(people: Director) -> str:
    """A training of two images is asked for; its thread."""
    large = [Upload(f"{n}.jpg", photo(n, size=(640, 600))) for n in range(10)]
    posted = await people.post("ana", "#portraits", "@darkroom please", large)
    tray = await people.wait_for_message(
        "#portraits", lambda m: "Train…" in m.buttons(), thread_ts=posted.ts, within=PATIENCE
    )
    await people.press("ana", "#portraits", tray.ts, "Train…")
    await people.wait_for_view("ana", lambda view: "Loading" not in view.words(), within=PATIENCE)
    done = await people.submit("ana", FORM)
    assert done.closed, done
    return posted.ts


async def test_what_is_called_back_around_a_kill_is_believed_once_and_paid_once(tmp_path: Path) -> None:
    calm = SlackSettings(limits=False, share_delay=0.05, ready_delay=0.02)
    data = tmp_path / "data"
    async with (
        LocalSlack.start(tmp_path / "slack", manifest=manifest("/darkroom"), settings=calm) as slack,
        ImgOpenStandIn.start(tmp_path / "vendor") as vendor,
        ImgOpenControl(vendor.origin) as desk,
        Director(slack.origin) as people,
        httpx.AsyncClient(trust_env=False) as outside,
    ):
        env = env_of(
            slack,
            data,
            DARKROOM_CALLBACK_SECRET=SECRET,
            DARKROOM_SETTLE_SECONDS="1",
            IMG_OPEN_ACCESS_KEY_ID="sandbox-key-id",
            IMG_OPEN_ACCESS_KEY_SECRET="sandbox-key-secret",
            IMG_OPEN_ENDPOINT=vendor.origin,
            IMG_OPEN_RESULT_MODE="callback",
            IMG_OPEN_REQUESTS_PER_SECOND="50",
            IMG_OPEN_CALL_DEADLINE="3600",
            IMG_OPEN_TRAIN_POLL_FIRST="1",
            IMG_OPEN_GENERATE_POLL_FIRST="1",
        )
        env = {name: value for name, value in env.items() if not name.startswith("AICONTENT_")}
        where = callback_url(env["DARKROOM_PUBLIC_URL"], SECRET, "img_open")
        await desk.settings(
            train_seconds=0.2, infer_seconds=0.2, result_mode="webhook", callback_url=where, callback_scale=0
        )
        # The vendor starts, finishes and calls back twice, and the answer to the start never comes.
        await desk.fault("slow", action="SubmitTraining", seconds=3600)
        await desk.fault("callback_twice", copies=2)
        async with running(env, people) as bot:
            thread = await asked_for(people)
            await desk.wait_for_calls("Callback", 2, seconds=PATIENCE)
            assert [entry.status for entry in await desk.callbacks()] == [200, 200]
            assert rows(data, "SELECT state, remote_id, pushes FROM job") == [("submitting", None, 2)]
            (task,) = await desk.jobs()
            result = {"taskId": task.id, "status": 2, "loraName": task.id}
            wrong = await outside.post(f"{where[:-4]}none", json=result)
            strange = await outside.post(where, json=result | {"taskId": "job-nobodys"})
            assert (wrong.status_code, strange.status_code) == (404, 404)
            bot.kill()
            await bot.wait()
        # The vendor calls a bot that is dead; what it has said before is kept.
        with pytest.raises(httpx.TransportError):
            await outside.post(where, json=result)
        async with running(env, people) as bot:
            answer = await outside.post(where, json=result)
            assert (answer.status_code, answer.json()) == (200, {"code": "200"})
            await people.wait_for_message(
                "#portraits", lambda m: len(m.files) == 2, thread_ts=thread, within=PATIENCE
            )
            bot.kill()
            await bot.wait()
        async with running(env, people):
            # Late: the same yes again, and a no. The vendor hears that it was heard, and nothing changes.
            for late in (result, {**result, "status": 9, "desc": "failed"}):
                answer = await outside.post(where, json=late)
                assert (answer.status_code, answer.json()) == (200, {"code": "200"})
            await people.wait_for_message(
                "#portraits", lambda m: "done" in m.words(), thread_ts=thread, within=PATIENCE
            )
        bill = await desk.paid()
        assert (bill.training, bill.inference) == (1, 1)
        ended = rows(data, "SELECT kind, state FROM job ORDER BY created_at")
        assert ended == [("training", "succeeded"), ("generation", "succeeded")]
        shown = [
            m for m in await people.messages("#portraits") if m.thread_ts == thread and len(m.files) == 2
        ]
        assert len(shown) == 1
