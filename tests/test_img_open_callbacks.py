"""Img Open calls back: first, again, late, forged and to nobody; one delivery and one payment come of it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from bot.providers import Provider, load
from bot.sandbox.slack import Message, Upload
from bot.sandbox.vendors.img_open import ImgOpenStandIn
from bot.sandbox.vendors.img_open_control import ImgOpenControl
from tests.surface import Surface, photo, stage

LONG = 60.0


@contextlib.asynccontextmanager
async def img_open(home: Path) -> AsyncIterator[tuple[Surface, ImgOpenControl, ImgOpenStandIn]]:
    """The vendor, and people; no bot runs yet. A training's result is told by callback alone."""
    async with (
        ImgOpenStandIn.start(home / "vendor") as vendor,
        ImgOpenControl(vendor.origin) as desk,
        stage(home) as surface,
    ):
        await desk.settings(train_seconds=3600, infer_seconds=0.3, result_mode="webhook")
        yield surface, desk, vendor


def provider(vendor: ImgOpenStandIn) -> Provider[Any]:
    """The adapter, which polls as quickly as the stand-in works and asks nobody for a training's result."""
    (made,), _ = load(
        {
            "IMG_OPEN_ACCESS_KEY_ID": "sandbox-key-id",
            "IMG_OPEN_ACCESS_KEY_SECRET": "sandbox-key-secret",
            "IMG_OPEN_ENDPOINT": vendor.origin,
            "IMG_OPEN_RESULT_MODE": "callback",
            "IMG_OPEN_REQUESTS_PER_SECOND": "50",
        }
        | {
            f"IMG_OPEN_{work}_POLL_{which}": "0.2"
            for work in ("TRAIN", "GENERATE")
            for which in ("FIRST", "MOST")
        }
    )
    return made


def address(surface: Surface) -> str:
    return surface.bot.services.callbacks.urls()["img_open"]


async def begun(surface: Surface) -> Message:
    """A training of two images is asked for; its tray."""
    large = [Upload(f"{n}.jpg", photo(n, size=(640, 600))) for n in range(10)]
    tray = await surface.tray(large, says="10 of 10")
    await surface.open_form(tray)
    done = await surface.submit()
    assert done.closed, done
    return tray


async def paid(desk: ImgOpenControl) -> tuple[int, int]:
    bill = await desk.paid()
    return bill.training, bill.inference


def delivered(surface: Surface) -> list[tuple[object, ...]]:
    """Kind, state and images of each job."""
    return surface.query(
        "SELECT job.kind, job.state, count(picture.sha256) FROM job"
        " LEFT JOIN picture ON picture.job_id = job.id GROUP BY job.id ORDER BY job.created_at"
    )


async def all_told(surface: Surface, desk: ImgOpenControl, tray: Message) -> None:
    """The story has ended: paid once, and everything said once."""
    await surface.said("is ready after", thread=tray.thread_ts, within=LONG)
    await surface.card(tray, says="done")
    await surface.taken_in()
    assert await paid(desk) == (1, 1)
    assert delivered(surface) == [("training", "succeeded", 0), ("generation", "succeeded", 2)]
    said = [one for one in await surface.by_bot(tray.channel) if "is ready after" in one.text]
    assert len(said) == 1


async def test_a_result_told_thrice_and_late_and_by_strangers_is_one_delivery_and_one_payment(
    tmp_path: Path,
) -> None:
    async with (
        img_open(tmp_path) as (surface, desk, vendor),
        httpx.AsyncClient(trust_env=False) as outside,
        surface.running([provider(vendor)]),
    ):
        where = address(surface)
        await desk.settings(callback_url=where)
        await desk.fault("callback_twice", copies=3)
        tray = await begun(surface)
        await surface.card(tray, says="in Img Open's queue")
        (job,) = await desk.jobs()
        result = {"taskId": job.id, "status": "2", "loraName": job.id}
        # A stranger who does not know the address, and words about nobody's job.
        forged = await outside.post(f"{where[:-3]}xxx", json=result)
        nobody = await outside.post(where, json={**result, "taskId": "job-of-nobody"})
        assert (forged.status_code, nobody.status_code) == (404, 404)
        assert forged.text == nobody.text
        assert surface.query("SELECT kind, state FROM job") == [("training", "running")]
        await desk.settings(train_seconds=0.2)
        await desk.wait_for_calls("Callback", 3)
        assert [entry.status for entry in await desk.callbacks()] == [200] * 3
        await all_told(surface, desk, tray)
        # Late: it is confirmed, so that the vendor stops, and changes nothing. Nor does a late no.
        for late in (result, {**result, "status": "9", "desc": "failed"}):
            answer = await outside.post(where, json=late)
            assert (answer.status_code, answer.json()) == (200, {"code": "200"})
        await all_told(surface, desk, tray)


async def test_a_result_told_while_the_bot_is_away_is_heard_when_it_is_back(tmp_path: Path) -> None:
    async with img_open(tmp_path) as (surface, desk, vendor):

        async def fetched() -> bool | None:
            return len([one for one in await desk.fetches() if one.status == 200]) >= 10 or None

        async with surface.running([provider(vendor)]):
            await desk.settings(callback_url=address(surface), train_seconds=60)
            tray = await begun(surface)
            await desk.wait_for_calls("SubmitTraining")
            (job,) = await desk.jobs()
            # It has all the photos, so that nothing but the result is between the two.
            await surface.until(fetched, within=LONG)
            await desk.settings(train_seconds=3600)
        await desk.settings(train_seconds=0.2)
        await desk.wait_for_job("training", job.id)
        await desk.wait_for_calls("Callback")
        assert 200 not in [entry.status for entry in await desk.callbacks()]
        async with surface.running([provider(vendor)]):
            await desk.settings(callback_scale=0)  # It tries again without a pause.
            await all_told(surface, desk, tray)


async def test_an_image_that_the_vendor_s_audit_took_away_is_not_delivered_and_the_others_are(
    tmp_path: Path,
) -> None:
    async with img_open(tmp_path) as (surface, desk, vendor), surface.running([provider(vendor)]):
        await desk.settings(callback_url=address(surface), train_seconds=0.2)
        await desk.fault("audited_out", image=1, label="violent_blood")
        tray = await begun(surface)
        await surface.said("is ready after", thread=tray.thread_ts, within=LONG)
        await surface.card(tray, says="done")
        assert delivered(surface) == [("training", "succeeded", 0), ("generation", "succeeded", 1)]
        assert await paid(desk) == (1, 1)


async def test_images_that_left_the_live_query_are_delivered_from_the_archive(tmp_path: Path) -> None:
    async with img_open(tmp_path) as (surface, desk, vendor), surface.running([provider(vendor)]):
        await desk.settings(callback_url=address(surface), train_seconds=0.2)
        await desk.fault("month_end", seconds=0)
        tray = await begun(surface)
        await all_told(surface, desk, tray)
        assert "QueryArchive" in [entry.action for entry in await desk.journal()]
