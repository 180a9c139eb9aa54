"""Deleting at each of the four: the real bot and adapter, a local Slack, and the stand-in asked after it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.providers import load
from bot.sandbox.films import draw_film, draw_papers
from bot.sandbox.slack import Message, Upload
from bot.sandbox.vendors.aicontent import AicontentStandIn
from bot.sandbox.vendors.control import AicontentControl
from bot.sandbox.vendors.dashscope import DashscopeStandIn
from bot.sandbox.vendors.dashscope_control import DashscopeControl
from bot.sandbox.vendors.img_open import ImgOpenStandIn
from bot.sandbox.vendors.img_open_control import ImgOpenControl
from bot.sandbox.vendors.metastudio import PROJECT_ID, MetastudioStandIn
from bot.sandbox.vendors.metastudio_control import MetastudioControl
from tests.surface import Surface, odd, photo, photos, stage

KEYS = {"ACCESS_KEY_ID": "sandbox-key-id", "ACCESS_KEY_SECRET": "sandbox-key-secret"}
SWIFT = {"train_seconds": 0.5, "infer_seconds": 0.3}
CALM = {"creates_per_second": 0, "queries_per_second": 0, "checks_per_second": 0}
LONG = 150.0


@contextlib.asynccontextmanager
async def before(home: Path, prefix: str, origin: str, **more: str) -> AsyncIterator[Surface]:
    """A bot with one vendor, which it polls as quickly as the stand-in works."""
    polls = {f"{w}_POLL_{b}": "0.2" for w in ("TRAIN", "GENERATE") for b in ("FIRST", "MOST")}
    own = {"ENDPOINT": origin, "REQUESTS_PER_SECOND": "50", **polls, **more}
    (provider,), _ = load({f"{prefix}_{name}": value for name, value in own.items()})
    async with stage(home) as surface, surface.running([provider]):
        yield surface


async def deleted(surface: Surface, tray: Message, *, says: str, **form: Any) -> str:
    """Train, wait for the letter, delete, and read the receipt once it says so."""
    await surface.open_form(tray)
    done = await surface.submit(**form)
    assert done.closed, done
    await surface.said("is ready after", thread=tray.thread_ts, within=LONG)
    card = await surface.people.wait_for_message(
        tray.channel, lambda m: "Delete…" in m.buttons(), thread_ts=tray.thread_ts, within=LONG
    )
    await surface.press(card, "Delete…")
    await surface.form()
    await surface.people.submit("ana", {})
    return await receipt(surface, says)


async def receipt(surface: Surface, says: str) -> str:
    async def look() -> str | None:
        found = [m.words() for m in await surface.dm() if "receipt" in m.text]
        return next((words for words in found if says in words), None)

    return await surface.until(look, within=LONG)


async def test_aicontent_has_no_way_to_delete_and_the_receipt_names_the_console(tmp_path: Path) -> None:
    async with AicontentStandIn.start(tmp_path / "vendor") as vendor, AicontentControl(vendor.origin) as desk:
        await desk.settings(**SWIFT)
        async with before(tmp_path, "AICONTENT", vendor.origin, **KEYS) as surface:
            words = await deleted(
                surface,
                await surface.tray(photos(3)),
                says="as far as that can be done",
                subject="dog",
                count="2",
            )
        for what in ("trained model", "what it was given", "the images it made"):
            line = f"{what}: cannot be deleted by API; Alibaba AIContent's console or support is the way"
            assert line in words, words
        assert len(await desk.jobs()) == 2


async def test_dashscope_lets_go_of_training_and_files_and_says_when_portraits_expire(tmp_path: Path) -> None:
    async with DashscopeStandIn.start(tmp_path / "vendor") as vendor, DashscopeControl(vendor.origin) as desk:
        await desk.turn(**SWIFT, **CALM)
        keys = {"API_KEY": "sandbox-api-key", "DELIVERY": "files"}
        async with before(tmp_path, "DASHSCOPE", vendor.origin, **keys) as surface:
            words = await deleted(
                surface,
                await surface.tray(photos(3)),
                says="is deleted.",
                subject="woman",
                prompt=None,
                count="2",
                **{"making.style": "f_idcard_female"},
            )
            assert "trained model: deleted" in words
            assert "what it was given: deleted" in words
            assert "the images it made: cannot be deleted by API; expires by itself on" in words
            assert "do not say whether the trained face goes with the training" in words
            jobs = {job.kind: job for job in await desk.jobs()}
            assert jobs["training"].note == "deleted"
            actions = [entry.action for entry in await desk.journal()]
            assert actions.count("DeleteFile") >= 3


async def test_dashscope_that_refuses_is_asked_again_until_it_does_not(tmp_path: Path) -> None:
    async with DashscopeStandIn.start(tmp_path / "vendor") as vendor, DashscopeControl(vendor.origin) as desk:
        await desk.turn(**SWIFT, **CALM, delete_ended=False)
        async with before(tmp_path, "DASHSCOPE", vendor.origin, API_KEY="sandbox-api-key") as surface:
            words = await deleted(
                surface,
                await surface.tray(photos(3)),
                says="trained model: not yet; I go on asking",
                subject="woman",
                prompt=None,
                count="2",
                **{"making.style": "f_idcard_female"},
            )
            assert "what it was given: cannot be deleted by API" in words  # It had fetched links.
            await desk.turn(delete_ended=True)
            surface.clock.advance(timedelta(hours=1).total_seconds())
            assert "trained model: deleted" in await receipt(surface, "as far as that can be done")


async def test_img_open_has_no_way_to_delete_and_the_receipt_names_the_console(tmp_path: Path) -> None:
    async with ImgOpenStandIn.start(tmp_path / "vendor") as vendor, ImgOpenControl(vendor.origin) as desk:
        await desk.settings(**SWIFT)
        large = [Upload(f"{n}.jpg", photo(n, size=(640, 600))) for n in range(12)]
        async with before(tmp_path, "IMG_OPEN", vendor.origin, **KEYS) as surface:
            tray = await surface.tray(large, says="12 of 12")
            words = await deleted(surface, tray, says="as far as that can be done")
        for what in ("trained model", "what it was given", "the images it made"):
            assert f"{what}: cannot be deleted by API; Img Open's console or support is the way" in words, (
                words
            )


async def test_metastudio_erases_avatar_training_and_video_and_keeps_only_clips(tmp_path: Path) -> None:
    async with (
        MetastudioStandIn.start(tmp_path / "vendor") as vendor,
        MetastudioControl(vendor.origin) as desk,
    ):
        await desk.turn(throttled=False)
        await desk.hurry()
        film = tmp_path / "film.mp4"
        draw_film(photo(1, size=(640, 600)), film)
        keys = {**KEYS, "PROJECT_ID": PROJECT_ID}
        papers = {f"file.{role}": [Upload(f"{role}.jpg", data)] for role, data in draw_papers().items()}
        async with before(tmp_path, "METASTUDIO", vendor.origin, **keys) as surface:
            tray = await surface.tray([odd("film.mp4", film.read_bytes())], says="usable")
            words = await deleted(
                surface,
                tray,
                says="as far as that can be done",
                subject="person",
                prompt="Good morning.",
                count=None,
                **papers,
            )
            assert "trained model: deleted" in words
            assert "what it was given: deleted" in words
            assert "the images it made: cannot be deleted by API; Huawei MetaStudio's console" in words
            training = next(job for job in await desk.jobs() if job.kind == "training")
            assert training.note == "deleted"
            actions = [entry.action for entry in await desk.journal()]
            assert "DeleteAsset" in actions
            assert "DeleteTraining" in actions
