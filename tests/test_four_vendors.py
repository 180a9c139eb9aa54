"""Each vendor from photos to pictures: the real bot and adapter, a local Slack and the vendor's stand-in."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.providers import Provider, load
from bot.sandbox.slack import Upload
from bot.sandbox.vendors.dashscope import DashscopeStandIn
from bot.sandbox.vendors.dashscope_control import DashscopeControl
from bot.sandbox.vendors.img_open import ImgOpenStandIn
from bot.sandbox.vendors.img_open_control import ImgOpenControl
from tests.surface import Surface, photo, photos, stage

SWIFT = {"train_seconds": 0.5, "infer_seconds": 0.3}


@contextlib.asynccontextmanager
async def before(
    home: Path, env: dict[str, str], *, channel: str = ""
) -> AsyncIterator[tuple[Surface, Provider[Any]]]:
    """A bot with one vendor, that of these settings."""
    (provider,), _ = load(env)
    async with stage(home) as surface, surface.running([provider]):
        yield surface, provider


def pace(prefix: str) -> dict[str, str]:
    """Polls as quick as the stand-in's jobs."""
    return {
        f"{prefix}_{work}_POLL_{which}": "0.2"
        for work in ("TRAIN", "GENERATE")
        for which in ("FIRST", "MOST")
    } | {f"{prefix}_REQUESTS_PER_SECOND": "50"}


async def test_dashscope_makes_portraits_in_the_style_one_chose(tmp_path: Path) -> None:
    async with DashscopeStandIn.start(tmp_path / "vendor") as vendor, DashscopeControl(vendor.origin) as desk:
        await desk.turn(**SWIFT, creates_per_second=0, queries_per_second=0, checks_per_second=0)
        env = {
            "DASHSCOPE_API_KEY": "sandbox-api-key",
            "DASHSCOPE_ENDPOINT": vendor.origin,
            **pace("DASHSCOPE"),
        }
        async with before(tmp_path, env) as (surface, _):
            tray = await surface.tray(photos(3))
            form = await surface.open_form(tray)
            assert "f_business_male" in form.options("making.style")
            done = await surface.submit(
                subject="woman", prompt=None, count="2", **{"making.style": "f_idcard_female"}
            )
            assert done.closed, done
            await surface.said("is ready after", thread=tray.thread_ts, within=40)
            bill = await desk.paid()
    assert (bill.training, bill.inference) == (1, 1)


async def test_img_open_trains_on_ten_photos_from_two_posts(tmp_path: Path) -> None:
    async with ImgOpenStandIn.start(tmp_path / "vendor") as vendor, ImgOpenControl(vendor.origin) as desk:
        await desk.settings(**SWIFT)
        env = {
            "IMG_OPEN_ACCESS_KEY_ID": "sandbox-key-id",
            "IMG_OPEN_ACCESS_KEY_SECRET": "sandbox-key-secret",
            "IMG_OPEN_ENDPOINT": vendor.origin,
            **pace("IMG_OPEN"),
        }
        async with before(tmp_path, env) as (surface, _):
            large = [Upload(f"{n}.jpg", photo(n, size=(640, 600))) for n in range(12)]
            tray = await surface.tray(large[:6], says="6 of 6")
            await surface.post(large[6:], thread=tray.thread_ts)
            await surface.said("12 of 12", thread=tray.thread_ts)
            form = await surface.open_form(tray)
            assert "1,440 steps" in form.words()
            done = await surface.submit()
            assert done.closed, done
            await surface.said("is ready after", thread=tray.thread_ts, within=40)


@pytest.mark.parametrize("wrong", ["DASHSCOPE", "IMG_OPEN"])
def test_a_vendor_that_is_half_set_up_says_what_it_lacks(wrong: str) -> None:
    _, rest = load({f"{wrong}_ENDPOINT": "https://x.example"})
    line = next(one.line for one in rest if not one.untouched)
    assert f"set {wrong}_" in line
