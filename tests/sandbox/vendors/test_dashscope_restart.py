"""What happens to the DashScope stand-in's work when its process dies, politely or not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.sandbox.vendors.dashscope import DashscopeStandIn
from bot.sandbox.vendors.dashscope_control import DashscopeControl
from tests.sandbox.vendors.dashscope_scene import (
    API_KEY,
    INSTANT,
    Gallery,
    Studio,
    bare,
    customer,
    open_studio,
    photo,
)
from tests.sandbox.vendors.processes import stand_in_process
from tests.sandbox.vendors.scene import Clock
from tests.surface import free_port


def kept(state_dir: Path) -> list[Path]:
    """The pictures on disk."""
    return list(state_dir.glob("results/**/*"))


@asynccontextmanager
async def process(state_dir: Path, gallery: Gallery) -> AsyncIterator[Studio]:
    """The stand-in in a process of its own, killed without a word at the end."""
    async with (
        stand_in_process(DashscopeStandIn, state_dir, api_key=API_KEY) as origin,
        DashscopeControl(origin) as control,
        customer(f"{origin}/api/v1") as http,
    ):
        yield Studio(DashscopeStandIn(origin), control, http, gallery, state_dir)


@pytest.mark.slow
async def test_work_killed_half_way_goes_on_where_it_was_and_is_paid_once(
    tmp_path: Path, gallery: Gallery
) -> None:
    async with process(tmp_path, gallery) as studio:
        await studio.control.turn(**INSTANT | {"train_seconds": 3600, "infer_seconds": 3600})
        link = studio.gallery.links(1)[0]
        job_id = await studio.train([link, await studio.file(photo(90))])
        task_id = await studio.ordered()
        await studio.control.turn(train_seconds=8)
        await studio.control.wait_for_job("training", job_id, "RUNNING")
        await studio.control.turn(train_seconds=3600)
        await studio.control.fault("unavailable", action="ListFiles")
    async with process(tmp_path, gallery) as studio:
        assert (await studio.job(job_id))["status"] == "RUNNING"
        assert (await studio.task(task_id))["task_status"] == "PENDING"
        await studio.control.turn(train_seconds=0, infer_seconds=0)
        await studio.control.wait_for_job("training", job_id)
        await studio.control.wait_for_job("inference", task_id)
        assert (await studio.http.get("/files")).status_code == 503
        assert (await studio.ask("GET", "/files"))["data"]["total"] == 1
        paid = await studio.control.paid()
        assert (paid.training, paid.inference) == (1, 1)
        face = (await studio.job(job_id))["finetuned_output"]
        assert (await studio.portraits(face))["task_status"] == "SUCCEEDED"
    assert 1 <= len(gallery.requests) <= 2


async def test_photos_already_here_are_not_fetched_again(tmp_path: Path, gallery: Gallery) -> None:
    gallery.open_for = 2
    async with open_studio(tmp_path, gallery) as studio:
        await studio.control.turn(**INSTANT)
        job_id = await studio.train(gallery.links(4))
        await studio.control.wait_for_job("training", job_id, "RUNNING", progress=0.2)
    gallery.opened.set()
    async with open_studio(tmp_path, gallery) as studio:
        await studio.control.wait_for_job("training", job_id)
    fetched = [request.url.path for request in gallery.requests]
    assert (fetched.count("/photo/0.jpg"), fetched.count("/photo/1.jpg")) == (1, 1)
    assert set(fetched) == {f"/photo/{index}.jpg" for index in range(4)}


async def test_a_task_goes_on_after_a_restart_and_its_links_outlive_one(
    tmp_path: Path, gallery: Gallery
) -> None:
    port = free_port()
    async with open_studio(tmp_path, gallery, port=port) as studio:
        await studio.control.turn(**INSTANT)
        origin = studio.vendor.origin
        link = (await studio.portraits())["results"][0]["url"]
        whole = (await bare(link)).content
        await studio.control.turn(infer_seconds=3600)
        broken = await studio.ordered()
    async with open_studio(tmp_path, gallery, port=port) as studio:
        assert studio.vendor.origin == origin
        await studio.control.turn(infer_seconds=0)
        await studio.control.wait_for_job("inference", broken)
        assert (await bare(link)).content == whole
        assert (await bare((await studio.task(broken))["results"][0]["url"])).status_code == 200


async def test_time_goes_on_while_the_stand_in_is_down(tmp_path: Path, gallery: Gallery) -> None:
    clock = Clock()
    async with open_studio(tmp_path, gallery, clock) as studio:
        await studio.control.turn(**INSTANT | {"train_seconds": 500})
        job_id = await studio.train()
    clock.now += 600
    async with open_studio(tmp_path, gallery, clock) as studio:
        await studio.control.wait_for_job("training", job_id)


async def test_a_cancel_under_way_is_carried_out_after_a_restart(tmp_path: Path, gallery: Gallery) -> None:
    clock = Clock()
    async with open_studio(tmp_path, gallery, clock) as studio:
        await studio.control.turn(**INSTANT | {"train_seconds": 500, "cancel_seconds": 30})
        job_id = await studio.train()
        await studio.ask("POST", f"/fine-tunes/{job_id}/cancel")
    async with open_studio(tmp_path, gallery, clock) as studio:
        assert (await studio.job(job_id))["status"] == "CANCELING"
        await studio.turn(31)
        await studio.control.wait_for_job("training", job_id, "CANCELED")


async def test_pictures_are_erased_at_a_start_when_their_day_is_over(
    tmp_path: Path, gallery: Gallery
) -> None:
    clock = Clock()
    async with open_studio(tmp_path, gallery, clock) as studio:
        await studio.control.turn(**INSTANT)
        task = await studio.portraits()
        assert kept(tmp_path)
    clock.now += 24 * 3600
    async with open_studio(tmp_path, gallery, clock) as studio:
        assert kept(tmp_path) == []
        assert (await studio.task(task["task_id"]))["task_status"] == "UNKNOWN"
