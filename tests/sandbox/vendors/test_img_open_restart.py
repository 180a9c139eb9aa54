"""What happens to the tasks and callbacks of the Img Open stand-in when its process dies, politely or not."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response

from bot.sandbox.clock import WorldClock
from bot.sandbox.vendors.img_open import ImgOpenStandIn
from bot.sandbox.vendors.img_open_control import ImgOpenControl
from tests.sandbox.vendors.img_open_scene import (
    KEY_ID,
    LIVE,
    MODELS,
    RESULT,
    SECRET,
    SUBMIT,
    TEXT,
    Customer,
    Hook,
    open_setup,
)
from tests.sandbox.vendors.processes import stand_in_process
from tests.sandbox.vendors.scene import Album, Clock
from tests.surface import free_port


@asynccontextmanager
async def process(state_dir: Path) -> AsyncIterator[tuple[ImgOpenControl, Customer]]:
    """The stand-in in a process of its own, killed without a word at the end."""
    async with (
        stand_in_process(ImgOpenStandIn, state_dir, access_key_id=KEY_ID, access_key_secret=SECRET) as origin,
        ImgOpenControl(origin) as control,
    ):
        customer = Customer(origin)
        yield control, customer
        await customer.aclose()


@pytest.mark.slow
async def test_a_training_killed_half_way_goes_on_and_is_told(
    tmp_path: Path, album: Album, hook: Hook
) -> None:
    hook.answers.extend(Response("{}") for _ in range(2))
    async with process(tmp_path) as (control, customer):
        await control.settings(train_seconds=3600, result_mode="both", callback_url=hook.url)
        await customer.ask(SUBMIT, {"taskId": "slk-a", "fileUrlList": album.links(10), "maxEpochs": 30})
        await control.settings(train_seconds=5)
        await control.wait_for_job("training", "slk-a", "working")
        await control.settings(train_seconds=3600)
        await control.fault("unavailable", action="QueryModelList")

    async with process(tmp_path) as (control, customer):
        assert (await customer.ask(RESULT, {"taskId": "slk-a"}))["status"] == 1
        await control.settings(train_seconds=0, infer_seconds=0)
        await control.wait_for_job("training", "slk-a")
        await control.wait_for_calls("Callback")

    # The first callback was not confirmed: it is tried again by another process.
    async with process(tmp_path) as (control, customer):
        await control.settings(callback_scale=0)
        await control.wait_for_calls("Callback", 3)
        assert [body["loraName"] for body in hook.bodies] == ["slk-a"] * 3
        (job,) = await control.jobs()
        assert (job.parameters["maxEpochs"], (await control.paid()).training) == (30, 1)
        assert [fault.kind for fault in await control.faults()] == ["unavailable"]
        assert [entry.action for entry in await control.journal()] == ["SubmitTraining", "QueryTraining"]
    assert 10 <= len(album.requests) <= 11


async def test_photos_already_here_are_not_fetched_again(tmp_path: Path, album: Album) -> None:
    album.open_for = 6
    async with open_setup(tmp_path, album) as setup:
        await setup.control.settings(train_seconds=0)
        task = await setup.submit()
        await setup.control.wait_for_job("training", task, "working", progress=0.24)
    album.opened.set()
    async with open_setup(tmp_path, album) as setup:
        await setup.control.wait_for_job("training", task)
    fetched = [request.url.path for request in album.requests]
    assert [fetched.count(f"/photo/{index}.jpg") for index in range(6)] == [1] * 6
    assert set(fetched) == {f"/photo/{index}.jpg" for index in range(10)}


async def test_what_was_learnt_is_not_learnt_again(tmp_path: Path, album: Album) -> None:
    async with open_setup(tmp_path, album) as setup:
        await setup.control.settings(train_seconds=0)
        await setup.control.fault("training_stuck")
        task = await setup.submit()
        # All the work is done, and only the end does not come.
        await setup.control.wait_for_job("training", task, "working", progress=0.99)
    async with open_setup(tmp_path, album) as setup:
        await setup.control.fault("training_fails", job=task)
        await setup.control.wait_for_job("training", task, "failed")
    assert len(album.requests) == 10


async def test_pictures_go_on_after_a_restart_and_are_what_they_would_have_been(
    tmp_path: Path, album: Album
) -> None:
    async def fetched(data: dict[str, list[dict[str, str]]]) -> bytes:
        async with httpx.AsyncClient(trust_env=False) as bare:
            return (await bare.get(data["differentialImageRspList"][0]["image_url"])).content

    port = free_port()
    async with open_setup(tmp_path, album, port=port) as setup:
        await setup.control.settings(train_seconds=0, infer_seconds=0)
        prompt = f"a person <lora:{await setup.trained()}:0.8>"
        expected = await fetched(await setup.draw(prompt=prompt, id_task="gen-a"))
        await setup.control.settings(infer_seconds=3600)
        await setup.customer.ask(TEXT, setup.picture(prompt=prompt, id_task="gen-b"))
        whole = await setup.live("gen-a")
    # A link outlives the process, if the next one has its port.
    async with open_setup(tmp_path, album, port=port) as setup:
        assert await fetched(whole) == expected
        await setup.control.settings(infer_seconds=0)
        await setup.control.wait_for_job("inference", "gen-b")
        assert await fetched(await setup.live("gen-b")) == expected


async def test_the_pause_before_the_next_try_goes_on_while_nobody_is_there(
    tmp_path: Path, album: Album, hook: Hook
) -> None:
    clock = Clock()
    hook.answers.append(Response("{}"))
    async with open_setup(tmp_path, album, clock) as setup:
        await setup.control.settings(train_seconds=0, result_mode="webhook", callback_url=hook.url)
        await setup.trained()
        await setup.control.wait_for_calls("Callback")
    clock.now += 2
    async with open_setup(tmp_path, album, clock) as setup:
        with pytest.raises(TimeoutError):
            await setup.control.wait_for_calls("Callback", 2, seconds=0.2)
        await setup.turn(1.5)
        await setup.control.wait_for_calls("Callback", 2)
    async with open_setup(tmp_path, album, clock) as setup:
        await setup.turn(10_000)
        assert [entry.code for entry in await setup.control.callbacks()] == ["NotConfirmed", None]


async def test_time_goes_on_while_the_stand_in_is_down(tmp_path: Path, album: Album) -> None:
    clock = Clock()
    async with open_setup(tmp_path, album, clock) as setup:
        await setup.control.settings(train_seconds=500)
        task = await setup.submit()
    clock.now += 600
    async with open_setup(tmp_path, album, clock) as setup:
        await setup.control.wait_for_job("training", task)


async def test_a_training_of_hours_is_short_on_a_clock_that_runs_fast(tmp_path: Path, album: Album) -> None:
    clock = WorldClock()
    async with ImgOpenStandIn.start(
        tmp_path, access_key_id=KEY_ID, access_key_secret=SECRET, clock=clock
    ) as vendor:
        customer = Customer(vendor.origin)
        async with ImgOpenControl(vendor.origin) as control:
            await control.settings(train_seconds=6 * 3600)
            await customer.ask(SUBMIT, {"taskId": "slk-a", "fileUrlList": album.links(10)})
            clock.leap(3 * 3600)
            await control.wait_for_job("training", "slk-a", "working", progress=0.5)
            clock.leap(3 * 3600)
            await control.wait_for_job("training", "slk-a")
        await customer.aclose()


async def test_settings_are_kept_over_a_restart(tmp_path: Path, album: Album) -> None:
    async with open_setup(tmp_path, album) as setup:
        await setup.control.settings(wire_case="snake", denied=["QueryTask"], callback_scale=0.5)
        async with httpx.AsyncClient(base_url=setup.vendor.origin, trust_env=False) as bare:
            before = (await bare.get("/control/settings")).json()
    async with open_setup(tmp_path, album) as setup:
        async with httpx.AsyncClient(base_url=setup.vendor.origin, trust_env=False) as bare:
            assert (await bare.get("/control/settings")).json() == before
        assert (await setup.customer.call(LIVE, {"businessTaskId": "gen-0"})).json()["code"] == "403"


async def test_stopping_does_not_wait_for_a_slow_answer(tmp_path: Path) -> None:
    began = time.monotonic()
    async with ImgOpenStandIn.start(tmp_path, access_key_id=KEY_ID, access_key_secret=SECRET) as vendor:
        customer, control = Customer(vendor.origin), ImgOpenControl(vendor.origin)
        await control.fault("slow", seconds=3600)
        asking = asyncio.create_task(customer.call(MODELS, {"pageSize": 1, "pageNum": 1}))
        await control.wait_for_calls("QueryModelList")
    assert (await asking).status_code == 200
    assert time.monotonic() - began < 300
    await customer.aclose()
    await control.aclose()
