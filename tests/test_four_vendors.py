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
from bot.sandbox.vendors.metastudio import PROJECT_ID, MetastudioStandIn
from bot.sandbox.vendors.metastudio_control import MetastudioControl
from storage.records.jobs import JobKind
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
            await surface.said("is ready after", thread=tray.thread_ts, within=120)
            bill = await desk.paid()
    assert (bill.training, bill.inference) == (1, 1)


async def test_nothing_is_paid_for_where_neither_a_style_nor_a_template_was_chosen(tmp_path: Path) -> None:
    async with DashscopeStandIn.start(tmp_path / "vendor") as vendor, DashscopeControl(vendor.origin) as desk:
        env = {"DASHSCOPE_API_KEY": "sandbox-api-key", "DASHSCOPE_ENDPOINT": vendor.origin}
        async with before(tmp_path, env) as (surface, _):
            await surface.open_form(await surface.tray(photos(3)))
            # What this person fills in, and twice: without a scene, and with two.
            wish = {"subject": "woman", "prompt": None, "count": "2", "provider": "dashscope/training"}
            neither = await surface.submit(**wish)
            scene = Upload("scene.jpg", photo(50, size=(800, 800)))
            both = await surface.submit(
                **wish, **{"making.style": "f_idcard_female", "file.template": [scene]}
            )
            assert surface.rows("job") == 0
        assert (await desk.paid()).training == 0
    assert neither.errors == {"making.style": "Choose a style, or add a template picture."}
    assert both.errors == {"making.style": "Choose a style or add a template picture, and not both."}


async def test_more_of_what_a_template_made_is_made_with_it_again(tmp_path: Path) -> None:
    async with DashscopeStandIn.start(tmp_path / "vendor") as vendor, DashscopeControl(vendor.origin) as desk:
        await desk.turn(**SWIFT, creates_per_second=0, queries_per_second=0, checks_per_second=0)
        env = {
            "DASHSCOPE_API_KEY": "sandbox-api-key",
            "DASHSCOPE_ENDPOINT": vendor.origin,
            **pace("DASHSCOPE"),
        }
        async with before(tmp_path, env) as (surface, _):
            tray = await surface.tray(photos(3))
            await surface.open_form(tray)
            # Larger than the vendor takes on its shorter side, too.
            scene = Upload("scene.jpg", photo(50, size=(1700, 1650)))
            done = await surface.submit(subject="woman", prompt=None, count="1", **{"file.template": [scene]})
            assert done.closed, done
            await surface.said("is ready after", thread=tray.thread_ts, within=120)
            card = await surface.card(tray, says="done")
            await surface.press(card, "1 more")
            await desk.wait_for_calls("CreatePortraits", 2, seconds=120)

            async def twice() -> bool | None:
                return (
                    surface.query("SELECT count(*) FROM picture WHERE sha256 IS NOT NULL") == [(2,)] or None
                )

            await surface.until(twice, within=120)
            assert surface.query("SELECT count(*) FROM job WHERE state = 'failed'") == [(0,)]


async def test_a_training_whose_images_the_vendor_has_given_up_says_so_and_what_it_cost(
    tmp_path: Path,
) -> None:
    async with DashscopeStandIn.start(tmp_path / "vendor") as vendor, DashscopeControl(vendor.origin) as desk:
        await desk.turn(**SWIFT, creates_per_second=0, queries_per_second=0, checks_per_second=0)
        await desk.turn(retired="Model.NotExist")
        env = {
            "DASHSCOPE_API_KEY": "sandbox-api-key",
            "DASHSCOPE_ENDPOINT": vendor.origin,
            **pace("DASHSCOPE"),
        }
        async with before(tmp_path, env) as (surface, _):
            tray = await surface.tray(photos(3))
            await surface.open_form(tray)
            done = await surface.submit(
                subject="woman", prompt=None, count="2", **{"making.style": "f_idcard_female"}
            )
            assert done.closed, done
            told = await surface.said("has given up making images", thread=tray.thread_ts, within=120)
            assert "The model is trained and kept there" in told.words()
            assert "The training is charged, its images are not." in told.words()
            # The way without a training is carried out by the same model there.
            offers = await surface.bot.services.vendors.offers()
    assert [(offer.kind, offer.fault) for offer in offers] == [
        (JobKind.TRAINING, ""),
        (JobKind.ONESHOT, "retired"),
    ]


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
            await surface.said("is ready after", thread=tray.thread_ts, within=120)


async def test_one_of_several_photos_is_picked_and_it_alone_speaks(tmp_path: Path) -> None:
    async with (
        MetastudioStandIn.start(tmp_path / "vendor") as vendor,
        MetastudioControl(vendor.origin) as desk,
    ):
        await desk.turn(render_seconds=0.5, step_seconds=0.2, throttled=False)
        env = {
            "METASTUDIO_ACCESS_KEY_ID": "sandbox-key-id",
            "METASTUDIO_ACCESS_KEY_SECRET": "sandbox-key-secret",
            "METASTUDIO_PROJECT_ID": PROJECT_ID,
            "METASTUDIO_ENDPOINT": vendor.origin,
            "METASTUDIO_ONESHOT": "true",
            **pace("METASTUDIO"),
        }
        async with before(tmp_path, env) as (surface, _):
            tray = await surface.tray([*photos(2), Upload("third.jpg", photo(9, size=(700, 900)))])
            form = await surface.open_form(tray)
            assert form.options("provider") == ["Huawei MetaStudio (China), 1 photo, no model kept"]
            assert "Huawei MetaStudio, training: wants a video." in form.words()
            assert form.options("pick") == ["#1 (320 × 300)", "#2 (320 × 300)", "#3 (700 × 900)"]
            done = await surface.submit(
                subject="woman", prompt="Good morning", count=None, pick="#3 (700 × 900)"
            )
            assert done.closed, done
            used = await surface.said("Making a clip started with these photos.", thread=tray.thread_ts)
            assert "Training" not in used.words()
            await surface.said("is ready after", thread=tray.thread_ts, within=120)
            sent = surface.query(
                "SELECT medium.width, medium.height FROM job_input"
                " JOIN medium ON medium.sha256 = job_input.medium"
            )
    assert sent == [(700, 900)]


async def test_a_refusal_names_the_way_it_is_of_where_the_vendor_takes_the_set_by_another(
    tmp_path: Path,
) -> None:
    async with DashscopeStandIn.start(tmp_path / "vendor") as vendor:
        env = {"DASHSCOPE_API_KEY": "sandbox-api-key", "DASHSCOPE_ENDPOINT": vendor.origin}
        async with before(tmp_path, env) as (surface, provider):
            tray = await surface.tray(photos(7))
            form = await surface.open_form(tray)
            words = form.words()
            assert form.options("provider") == ["DashScope FaceChain (China), 1 to 10 photos"]
            assert "DashScope FaceChain, no model kept: takes at most 5 photos." in words
            assert "DashScope FaceChain: takes" not in words
            await surface.people.close("ana")
            # What is so of every way of a vendor is said once.
            for kind in (JobKind.TRAINING, JobKind.ONESHOT):
                await surface.bot.services.vendors.retire(provider.name, kind)
            form = await surface.open_form(tray)
            assert form.words().count("has given this up") == 1
            assert "DashScope FaceChain: has given this up." in form.words()


@pytest.mark.parametrize("wrong", ["DASHSCOPE", "IMG_OPEN"])
def test_a_vendor_that_is_half_set_up_says_what_it_lacks(wrong: str) -> None:
    _, rest = load({f"{wrong}_ENDPOINT": "https://x.example"})
    line = next(one.line for one in rest if not one.untouched)
    assert f"set {wrong}_" in line
