"""What happens to the MetaStudio stand-in's jobs, links and tokens when its process dies, politely or not."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from huaweicloudsdkmetastudio import v1

from bot.sandbox.clock import WorldClock
from bot.sandbox.vendors.metastudio import MetastudioStandIn
from bot.sandbox.vendors.metastudio_control import MetastudioControl, State
from tests.sandbox.vendors.metastudio_scene import (
    JOBS,
    KEY,
    PREFIX,
    Customer,
    Lot,
    film_order,
    open_lot,
    password_wish,
    photo,
)
from tests.sandbox.vendors.processes import stand_in_process
from tests.surface import free_port

pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")


@asynccontextmanager
async def process(state_dir: Path) -> AsyncIterator[Lot]:
    """The stand-in in a process of its own, killed without a word at the end."""
    keys = {"access_key_id": KEY.ak, "access_key_secret": KEY.sk}
    async with (
        stand_in_process(MetastudioStandIn, state_dir, **keys) as origin,
        MetastudioControl(origin) as control,
    ):
        customer = Customer(origin, time.time)
        yield Lot(MetastudioStandIn(origin), control, customer, state_dir, None)
        await customer.aclose()


@pytest.mark.slow
async def test_a_training_killed_half_way_goes_on_where_it_was(tmp_path: Path) -> None:
    async with process(tmp_path) as lot:
        await lot.control.hurry()
        await lot.control.settings(train_seconds=3600, makes_cover=False)
        job_id = await lot.submitted(name="survivor")
        await lot.control.wait_for_job("training", job_id, State.TRAINING)
        await lot.control.fault("unavailable", action="ListVideos")
    async with process(tmp_path) as lot:
        shown = await lot.show(job_id)
        assert (shown.name, shown.state) == ("survivor", "TRAINING")
        await lot.control.settings(train_seconds=0)
        await lot.control.wait_for_job("training", job_id)
        assert (await lot.show(job_id)).asset_id
        assert (await lot.control.bill())["training"] == 1
        assert [fault.kind for fault in await lot.control.faults()] == ["unavailable"]
        assert (await lot.control.journal())[0].action == "CreateTraining"


async def test_an_upload_url_outlives_a_restart_and_is_used_once_all_the_same(tmp_path: Path) -> None:
    port = free_port()
    async with open_lot(tmp_path, port=port) as lot:
        made = await lot.create()
        await lot.accepted(made.training_video_upload_url[0], b"a film")
    async with open_lot(tmp_path, port=port) as lot:
        assert (await lot.customer.put(made.training_video_upload_url[0], b"again")).status_code == 403
        assert (await lot.customer.put(made.cover_upload_url, photo("PNG"))).status_code == 200
        assert (
            await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")
        ).commond_result == "EXCUTE_SUCCESS"
        link = (await lot.show(made.job_id)).cover_download_url
    async with open_lot(tmp_path, port=port) as lot:
        assert (await lot.customer.get(link)).content == photo("PNG")


async def test_a_token_outlives_a_restart(tmp_path: Path) -> None:
    async with open_lot(tmp_path) as lot:
        answer = await lot.customer.http.post("/v3/auth/tokens", json=password_wish())
        proof = {"X-Auth-Token": answer.headers["x-subject-token"]}
    async with open_lot(tmp_path) as lot:
        assert (await lot.customer.http.get(JOBS, headers=proof)).status_code == 200


async def test_settings_outlive_a_restart(tmp_path: Path) -> None:
    async with open_lot(tmp_path) as lot:
        await lot.control.settings(na_tenant=True, trainings_left=0)
    async with open_lot(tmp_path) as lot:
        assert (await lot.customer.call("POST", JOBS, json={"name": "ana"})).status_code == 400


async def test_a_film_goes_on_after_a_restart_with_the_photo_it_was_given(tmp_path: Path) -> None:
    path = f"{PREFIX}/photo-digital-human-videos"
    async with open_lot(tmp_path) as lot:
        await lot.control.settings(queue_seconds=3600)
        job_id = (await lot.customer.call("POST", path, json=film_order())).json()["job_id"]
    async with open_lot(tmp_path) as lot:
        await lot.control.hurry()
        await lot.control.wait_for_job("photo_video", job_id)
        shown = await lot.customer.ask(
            "show_photo_digital_human_video", v1.ShowPhotoDigitalHumanVideoRequest(job_id=job_id)
        )
        assert (await lot.customer.get(shown.output_asset_config.cover_url)).content.startswith(b"\x89PNG")


async def test_time_goes_on_while_the_stand_in_is_down(tmp_path: Path) -> None:
    clock = WorldClock()
    async with open_lot(tmp_path, clock) as lot:
        await lot.control.settings(makes_cover=False, train_seconds=3 * 24 * 3600, compile_seconds=3600)
        made = await lot.create()
        await lot.control.put_into(made.job_id, "TRAINING")
    clock.leap(4 * 24 * 3600)
    async with open_lot(tmp_path, clock) as lot:
        await lot.control.wait_for_job("training", made.job_id)
        logs = (await lot.show(made.job_id)).operation_logs
        assert [log.operate_time for log in logs] == sorted(log.operate_time for log in logs)


async def test_an_asset_is_delivered_once_however_often_the_end_is_interrupted(tmp_path: Path) -> None:
    async with open_lot(tmp_path) as lot:
        made = await lot.create(name="once")
        await lot.control.put_into(made.job_id, "COMPILING")
        await lot.control.settings(compile_seconds=0)
    for _ in range(2):
        async with open_lot(tmp_path) as lot:
            await lot.control.wait_for_job("training", made.job_id)
            listed = v1.ListAssetsRequest(name="once", asset_type="HUMAN_MODEL_2D")
            assert (await lot.customer.ask("list_assets", listed)).count == 1


async def test_stopping_does_not_wait_for_a_slow_answer(tmp_path: Path) -> None:
    async with asyncio.timeout(120):
        async with open_lot(tmp_path) as lot:
            await lot.control.fault("slow", seconds=3600)
            customer = Customer(lot.vendor.origin, time.time)
            asking = asyncio.create_task(customer.call("GET", JOBS))
            await lot.control.wait_for_calls("ListTrainings")
        assert (await asking).status_code == 200
        await customer.aclose()
