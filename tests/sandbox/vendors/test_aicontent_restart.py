"""What happens to the stand-in's jobs when its process dies, politely or not."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from bot.sandbox.vendors.acs3 import CLOCK_WINDOW
from bot.sandbox.vendors.aicontent import AicontentStandIn
from bot.sandbox.vendors.control import AicontentControl
from tests.sandbox.vendors.processes import stand_in_process
from tests.sandbox.vendors.scene import KEY, PROMPT, Album, Clock, Customer, open_setup
from tests.surface import free_port


def process(state_dir: Path) -> AbstractAsyncContextManager[str]:
    return stand_in_process(
        AicontentStandIn,
        state_dir,
        access_key_id=KEY.access_key_id,
        access_key_secret=KEY.access_key_secret,
    )


@pytest.mark.slow
async def test_a_training_killed_half_way_goes_on_where_it_was(tmp_path: Path, album: Album) -> None:
    order = {"name": "survivor", "objectType": "dog", "imageUrl": album.links()}
    async with process(tmp_path) as origin, AicontentControl(origin) as control:
        await control.settings(train_seconds=3600)
        customer = Customer(origin)
        job_id = (await customer.ask("AddModelTrainJob", order))["id"]
        await control.settings(train_seconds=5)
        await control.wait_for_job("training", job_id, "TRAINING")
        await control.settings(train_seconds=3600)
        (before,) = await customer.ask("QueryModelTrainJobList")
        await control.fault("unavailable", action="QueryInferenceJobInfo")
        await customer.aclose()

    async with process(tmp_path) as origin, AicontentControl(origin) as control:
        customer = Customer(origin)
        (after,) = await customer.ask("QueryModelTrainJobList")
        assert (after["id"], after["modelId"], after["name"]) == (job_id, before["modelId"], "survivor")
        assert after["jobStatus"] == "TRAINING"
        await control.settings(train_seconds=0, infer_seconds=0)
        await control.wait_for_job("training", job_id)
        asked = {"modelId": after["modelId"], "prompt": PROMPT, "seed": 3}
        data = await customer.ask("AddInferenceJob", asked)
        await control.wait_for_job("inference", data["id"])
        assert (await control.paid()).training == 1
        assert [fault.kind for fault in await control.faults()] == ["unavailable"]
        assert [entry.action for entry in await control.journal()][:2] == [
            "AddModelTrainJob",
            "QueryModelTrainJobList",
        ]
        await customer.aclose()
    assert 4 <= len(album.requests) <= 5


async def test_photos_already_here_are_not_fetched_again(tmp_path: Path, album: Album) -> None:
    album.open_for = 2
    async with open_setup(tmp_path, album) as setup:
        await setup.control.settings(train_seconds=0)
        job_id = await setup.train()
        await setup.control.wait_for_job("training", job_id, "TRAINING", progress=0.2)
    album.opened.set()
    async with open_setup(tmp_path, album) as setup:
        await setup.control.wait_for_job("training", job_id)
    fetched = [request.url.path for request in album.requests]
    assert (fetched.count("/photo/0.jpg"), fetched.count("/photo/1.jpg")) == (1, 1)
    assert set(fetched) == {f"/photo/{index}.jpg" for index in range(4)}


async def test_an_inference_goes_on_after_a_restart_and_draws_what_it_would_have_drawn(
    tmp_path: Path, album: Album
) -> None:
    async with open_setup(tmp_path, album) as setup:
        await setup.control.settings(train_seconds=0, infer_seconds=0)
        model_id = await setup.model()
        whole = await setup.infer(model_id, seed=11)
        expected = (await setup.picture(whole, "0000.png")).content
        await setup.control.settings(infer_seconds=3600)
        order = {"modelId": model_id, "prompt": PROMPT, "seed": 11}
        broken = (await setup.customer.ask("AddInferenceJob", order))["id"]
    async with open_setup(tmp_path, album) as setup:
        await setup.control.settings(infer_seconds=0)
        await setup.control.wait_for_job("inference", broken)
        job = await setup.customer.ask("QueryInferenceJobInfo", {"inferenceJobId": broken})
        assert (await setup.picture(job, "0000.png")).content == expected
        assert (await setup.picture(whole, "0000.png")).content == expected


async def test_time_goes_on_while_the_stand_in_is_down(tmp_path: Path, album: Album) -> None:
    clock = Clock()
    async with open_setup(tmp_path, album, clock) as setup:
        await setup.control.settings(train_seconds=500)
        job_id = await setup.train()
    clock.now += 600
    async with open_setup(tmp_path, album, clock) as setup:
        await setup.control.wait_for_job("training", job_id)


async def test_a_nonce_stays_used_across_a_restart_until_its_time_is_over(
    tmp_path: Path, album: Album
) -> None:
    clock = Clock()
    nonce = "f" * 32
    for expected in (200, 400):
        async with open_setup(tmp_path, album, clock) as setup:
            response = await setup.customer.call("QueryModelTrainJobList", nonce=nonce)
            assert response.status_code == expected
    clock.now += 2 * CLOCK_WINDOW.total_seconds() + 5
    async with open_setup(tmp_path, album, clock) as setup:
        assert (await setup.customer.call("QueryModelTrainJobList", nonce=nonce)).status_code == 200


async def test_the_stand_in_can_come_back_on_its_port(tmp_path: Path, album: Album) -> None:
    port = free_port()
    async with open_setup(tmp_path, album, port=port) as setup:
        origin = setup.vendor.origin
    async with open_setup(tmp_path, album, port=port) as setup:
        assert setup.vendor.origin == origin


async def test_stopping_does_not_wait_for_a_slow_answer(tmp_path: Path) -> None:
    began = time.monotonic()
    async with AicontentStandIn.start(
        tmp_path, access_key_id=KEY.access_key_id, access_key_secret=KEY.access_key_secret
    ) as vendor:
        customer, control = Customer(vendor.origin), AicontentControl(vendor.origin)
        await control.fault("slow", seconds=3600)
        asking = asyncio.create_task(customer.call("QueryModelTrainJobList"))
        await control.wait_for_calls("QueryModelTrainJobList")
    assert (await asking).status_code == 200
    assert time.monotonic() - began < 300
    await customer.aclose()
    await control.aclose()
