"""Every fault that can be ordered of the Img Open stand-in, as a caller meets it."""

import asyncio
from typing import Any

import httpx
import pytest

from bot.sandbox.vendors.control import ControlError
from tests.sandbox.vendors.img_open_scene import (
    ARCHIVE,
    KEYS,
    LIVE,
    LORAS,
    MODELS,
    RESULT,
    SUBMIT,
    TEXT,
    TOOL,
    Setup,
    refused,
)

PAGE = {"pageSize": 1, "pageNum": 1}


async def create(setup: Setup) -> httpx.Response:
    return await setup.customer.call(SUBMIT, setup.training())


async def codes(setup: Setup, count: int) -> list[str]:
    return [(await setup.customer.call(MODELS, PAGE)).json()["code"] for _ in range(count)]


async def trainings(setup: Setup) -> int:
    return (await setup.control.paid()).training


async def fetch(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as bare:
        return await bare.get(url)


# Before anything happened.


async def test_too_many_calls_are_told_by_status_or_by_code(slow_img_open: Setup) -> None:
    await slow_img_open.control.fault("throttled", retry_after_ms=2000)
    response = await create(slow_img_open)
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")
    assert response.json()["code"] == "429"
    await slow_img_open.control.fault("throttled", status=200)
    refused(await create(slow_img_open), "429")
    assert await trainings(slow_img_open) == 0
    assert (await create(slow_img_open)).json()["code"] == "200"


@pytest.mark.parametrize("code", ["429", "500", "502", "503", "504", "A0001"])
async def test_http_200_may_mean_no_with_any_code(slow_img_open: Setup, code: str) -> None:
    await slow_img_open.control.fault("not_success", code=code, message="系统繁忙")
    refused(await create(slow_img_open), code, "系统繁忙")
    assert await trainings(slow_img_open) == 0


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 502, 504])
async def test_any_status_may_come_with_an_envelope(slow_img_open: Setup, status: int) -> None:
    await slow_img_open.control.fault("error", status=status, code=str(status), message="no accessKey")
    response = await create(slow_img_open)
    assert (response.status_code, response.json()) == (status, {"code": str(status), "msg": "no accessKey"})
    assert await trainings(slow_img_open) == 0


@pytest.mark.parametrize("status", [200, 502, 504])
async def test_an_answer_may_be_a_gateways_page(slow_img_open: Setup, status: int) -> None:
    await slow_img_open.control.fault("not_json", status=status)
    response = await create(slow_img_open)
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert await trainings(slow_img_open) == 0


async def test_right_keys_may_be_said_to_be_wrong(slow_img_open: Setup) -> None:
    await slow_img_open.control.fault("keys_refused")
    refused(await create(slow_img_open), "401", "accessKey")
    await slow_img_open.control.settings(keys_refused_by="status")
    await slow_img_open.control.fault("keys_refused")
    assert (await create(slow_img_open)).status_code == 401
    assert await trainings(slow_img_open) == 0


async def test_an_unavailable_vendor_starts_nothing(slow_img_open: Setup) -> None:
    await slow_img_open.control.fault("unavailable", action="SubmitTraining")
    assert await codes(slow_img_open, 1) == ["200"]
    response = await create(slow_img_open)
    assert (response.status_code, response.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert await trainings(slow_img_open) == 0


async def test_a_connection_may_break_before_anything_happened(slow_img_open: Setup) -> None:
    await slow_img_open.control.fault("hang_up")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await create(slow_img_open)
    assert await trainings(slow_img_open) == 0


async def test_a_vendor_that_is_down_refuses_everything_until_it_is_up_again(img_open: Setup) -> None:
    data = await img_open.draw()
    await img_open.control.fault("down")
    assert [(await img_open.customer.call(MODELS, PAGE)).status_code for _ in range(3)] == [503] * 3
    # Not even keys are looked at, nor links.
    assert (await img_open.customer.call(MODELS, PAGE, headers={})).status_code == 503
    assert (await fetch(data["differentialImageRspList"][0]["image_url"])).status_code == 503
    await img_open.control.clear()
    await img_open.control.fault("down", mode="hang_up")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await create(img_open)
    await img_open.control.clear()
    assert await codes(img_open, 1) == ["200"]
    assert await trainings(img_open) == 0


# After it happened.


async def test_an_error_may_hide_a_training_that_was_begun(slow_img_open: Setup) -> None:
    await slow_img_open.control.fault("effect_then_500", action="SubmitTraining")
    response = await slow_img_open.customer.call(SUBMIT, slow_img_open.training(taskId="slk-a"))
    assert (response.status_code, response.json()["code"]) == (500, "500")
    assert (await slow_img_open.result("slk-a"))["status"] == 3
    (lost, _) = await slow_img_open.control.journal()
    assert (lost.status, lost.subject) == (500, "slk-a")
    again = await slow_img_open.customer.call(SUBMIT, slow_img_open.training(taskId="slk-a"))
    refused(again, "500", "already exists")
    assert await trainings(slow_img_open) == 1


async def test_an_answer_may_be_lost_after_pictures_were_ordered(slow_img_open: Setup) -> None:
    await slow_img_open.control.fault("effect_then_hang_up", action="Text2image")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await slow_img_open.customer.call(TEXT, slow_img_open.picture(id_task="gen-a"))
    assert (await slow_img_open.live("gen-a"))["status"] == 3
    assert (await slow_img_open.control.paid()).inference == 1


async def test_a_slow_call_has_its_effect_before_the_answer_comes(slow_img_open: Setup) -> None:
    await slow_img_open.control.fault("slow", action="SubmitTraining", seconds=3600)
    asking = asyncio.create_task(create(slow_img_open))
    await slow_img_open.control.wait_for_calls("SubmitTraining")
    assert await trainings(slow_img_open) == 1
    assert not asking.done()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


# What becomes of tasks.


@pytest.mark.parametrize("kind", ["training", "inference"])
async def test_a_task_may_fail_half_way(slow_img_open: Setup, kind: str) -> None:
    await slow_img_open.control.fault(f"{kind}_fails", reason="显存不足")
    task = await ordered(slow_img_open, kind)
    await slow_img_open.turn(61)
    await slow_img_open.control.wait_for_job(kind, task, "failed")
    data = await slow_img_open.result(task) if kind == "training" else await slow_img_open.live(task)
    assert (data["status"], data["desc"]) == (4, "显存不足")
    await slow_img_open.control.settings(train_seconds=0, infer_seconds=0)
    await slow_img_open.control.wait_for_job(kind, await ordered(slow_img_open, kind))


async def ordered(setup: Setup, kind: str) -> str:
    if kind == "training":
        return await setup.submit()
    return str((await setup.customer.ask(TEXT, setup.picture()))["task_id"])


@pytest.mark.parametrize("kind", ["training", "inference"])
async def test_a_stuck_task_never_ends_until_it_is_told_to_fail(img_open: Setup, kind: str) -> None:
    await img_open.control.fault(f"{kind}_stuck")
    task = await ordered(img_open, kind)
    await img_open.control.wait_for_job(kind, task, "working", progress=0.99)
    with pytest.raises(TimeoutError):
        await img_open.control.wait_for_job(kind, task, seconds=0.2)
    await img_open.control.fault(f"{kind}_fails", job=task)
    await img_open.control.wait_for_job(kind, task, "failed")
    with pytest.raises(ControlError, match="under way"):
        await img_open.control.fault(f"{kind}_fails", job=task)


async def test_a_failure_may_be_told_once_and_taken_back(img_open: Setup) -> None:
    task = await img_open.trained()
    await img_open.control.fault("taken_back", action="QueryTraining", reason="image download failed")
    told = [await img_open.result(task) for _ in range(2)]
    assert told[0] == {"taskId": task, "status": 4, "desc": "image download failed"}
    assert (told[1]["status"], told[1]["loraName"]) == (2, task)
    data = await img_open.draw(id_task="gen-a")
    await img_open.control.fault("taken_back", action="QueryTask")
    told = [await img_open.live("gen-a") for _ in range(2)]
    assert (told[0]["status"], told[0]["differentialImageRspList"]) == (4, [])
    assert told[1]["status"] == data["status"] == 2


@pytest.mark.parametrize("word", [0, 5, 9, -1, None, "finished", "CANCELLED", ""])
async def test_any_status_may_be_told_once(slow_img_open: Setup, word: Any) -> None:
    task = await slow_img_open.submit()
    await slow_img_open.customer.ask(TEXT, slow_img_open.picture(id_task="gen-a"))
    await slow_img_open.control.fault("status_word", action="QueryTraining", word=word)
    await slow_img_open.control.fault("status_word", action="QueryTask", word=word, reason="?")
    assert [(await slow_img_open.result(task))["status"] for _ in range(2)] == [word, 3]
    data = await slow_img_open.live("gen-a")
    assert (data["status"], data["desc"]) == (word, "?")
    assert (await slow_img_open.live("gen-a"))["status"] == 3


async def test_a_status_may_be_strange_in_the_archive_and_at_the_tools_too(img_open: Setup) -> None:
    await img_open.draw(id_task="gen-a")
    order = {"businessTaskId": "iid-1", "image": img_open.album.links(1)[0], "prompt": "a doll"}
    await img_open.customer.ask("/tool/instantID", order)
    await img_open.control.fault("status_word", action="QueryArchive")
    await img_open.control.fault("status_word", action="QueryTool", word=7)
    assert (await img_open.customer.ask(ARCHIVE, {"businessTaskId": "gen-a"}))["status"] == 9
    assert (await img_open.customer.ask(TOOL, {"businessTaskId": "iid-1"}))["status"] == 7


async def test_a_task_may_be_unknown_until_it_is_a_minute_old(slow_img_open: Setup) -> None:
    task = await slow_img_open.submit()
    await slow_img_open.control.fault("not_yet", seconds=60)
    refused(await slow_img_open.customer.call(RESULT, {"taskId": task}), "500", "not found")
    await slow_img_open.turn(61)
    assert (await slow_img_open.result(task))["taskId"] == task


async def test_the_list_of_loras_may_lag(slow_img_open: Setup) -> None:
    await slow_img_open.control.settings(train_seconds=0)
    await slow_img_open.control.fault("list_lag", seconds=45)
    task = await slow_img_open.trained()
    asked = PAGE | {"sdModelName": task}
    assert (await slow_img_open.customer.ask(LORAS, asked))["total"] == 0
    await slow_img_open.turn(46)
    assert (await slow_img_open.customer.ask(LORAS, asked))["total"] == 1


async def test_a_month_may_end_by_order(img_open: Setup) -> None:
    data = await img_open.draw(id_task="gen-a")
    await img_open.control.fault("month_end")
    refused(await img_open.customer.call(LIVE, {"businessTaskId": "gen-a"}), "500", "not found")
    archived = await img_open.customer.ask(ARCHIVE, {"businessTaskId": "gen-a"})
    assert len(archived["differentialImageRspList"]) == len(data["differentialImageRspList"]) == 1
    await img_open.control.clear()
    assert (await img_open.live("gen-a"))["status"] == 2


async def test_a_month_may_end_for_what_is_old_enough(slow_img_open: Setup) -> None:
    await slow_img_open.customer.ask(TEXT, slow_img_open.picture(id_task="gen-a"))
    await slow_img_open.turn(30)
    await slow_img_open.customer.ask(TEXT, slow_img_open.picture(id_task="gen-b"))
    await slow_img_open.control.fault("month_end", seconds=30)
    refused(await slow_img_open.customer.call(LIVE, {"businessTaskId": "gen-a"}), "500", "not found")
    assert (await slow_img_open.live("gen-b"))["status"] == 3


# What is wrong with a result.


async def test_one_picture_may_be_audited_out_and_its_file_is_there_all_the_same(img_open: Setup) -> None:
    await img_open.control.fault("audited_out", image=1, label="violent_blood")
    data = await img_open.draw(batch_size=3)
    images = data["differentialImageRspList"]
    assert [image["img_audit_status"] for image in images] == [True, False, True]
    assert images[1]["img_audit"] == [{"confidence": 96.5, "label": "violent_blood"}]
    assert (await fetch(images[1]["image_url"])).status_code == 200
    archived = await img_open.customer.ask(ARCHIVE, {"businessTaskId": data["id_task"]})
    assert [one["img_audit_status"] for one in archived["differentialImageRspList"]] == [True, False, True]
    data = await img_open.draw()
    assert data["differentialImageRspList"][0]["img_audit_status"] is True


async def test_some_pictures_may_have_no_link(img_open: Setup) -> None:
    await img_open.control.fault("some_fail", pictures=2)
    data = await img_open.draw(batch_size=3)
    assert [bool(image["image_url"]) for image in data["differentialImageRspList"]] == [True, False, False]


async def test_a_finished_task_may_show_no_pictures_and_a_training_no_lora(img_open: Setup) -> None:
    task = await img_open.trained()
    await img_open.control.fault("empty_result", times=2)
    data = await img_open.draw(id_task="gen-a")
    assert (data["status"], data["differentialImageRspList"]) == (2, [])
    assert set(await img_open.result(task)) == {"taskId", "status", "desc"}
    assert len((await img_open.live("gen-a"))["differentialImageRspList"]) == 1
    assert "loraName" in await img_open.result(task)


async def test_one_picture_may_be_dead_for_a_while_or_for_ever(img_open: Setup) -> None:
    data = await img_open.draw(batch_size=2, id_task="gen-a")
    first, second = (image["image_url"] for image in data["differentialImageRspList"])
    await img_open.control.fault("dead_image", image=1, times=2)
    assert [(await fetch(second)).status_code for _ in range(3)] == [404, 404, 200]
    await img_open.control.fault("dead_image", image=0, times=None, job="gen-b")
    assert (await fetch(first)).status_code == 200
    await img_open.control.clear()
    await img_open.control.fault("dead_image", image=0, times=None, job="gen-a")
    assert [(await fetch(first)).status_code for _ in range(3)] == [404] * 3
    assert "NoSuchKey" in (await fetch(first)).text


async def test_a_download_may_break_off_be_refused_or_be_a_page(img_open: Setup) -> None:
    data = await img_open.draw()
    url = data["differentialImageRspList"][0]["image_url"]
    await img_open.control.fault("hang_up", action="Download")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await fetch(url)
    await img_open.control.fault("unavailable", action="Download")
    assert (await fetch(url)).status_code == 503
    await img_open.control.fault("not_json", action="Download", status=200)
    response = await fetch(url)
    assert (response.status_code, response.text[:6]) == (200, "<html>")
    assert (await fetch(url)).headers["content-type"] == "image/png"


# Orders.


async def test_an_order_is_for_its_action_and_for_so_many_calls_after_those_it_skips(
    slow_img_open: Setup,
) -> None:
    await slow_img_open.control.fault("not_success", action="QueryModelList", code="503", times=2, skip=1)
    assert (await create(slow_img_open)).json()["code"] == "200"
    assert await codes(slow_img_open, 4) == ["200", "503", "503", "200"]
    assert await slow_img_open.control.faults() == []


async def test_a_caller_without_keys_uses_up_no_order(slow_img_open: Setup) -> None:
    await slow_img_open.control.fault("unavailable")
    one_key = dict(list(KEYS.items())[:1])
    refused(await slow_img_open.customer.call(MODELS, PAGE, headers=one_key), "401")
    assert len(await slow_img_open.control.faults()) == 1


async def test_nonsense_orders_are_refused_with_a_sentence(slow_img_open: Setup) -> None:
    with pytest.raises(ControlError, match="There is no action DeleteEverything"):
        await slow_img_open.control.fault("slow", action="DeleteEverything")  # type: ignore[arg-type]
    with pytest.raises(ControlError, match="is no value for train_seconds"):
        await slow_img_open.control.settings(train_seconds=-1)
    with pytest.raises(ControlError, match="no setting named colour"):
        await slow_img_open.control.settings(colour="red")
