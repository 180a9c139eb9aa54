"""A training at Img Open: the walk, the photos, the LoRA, the result by query and by callback."""

import json
from typing import Any

import httpx
import pytest
from starlette.responses import RedirectResponse, Response

from bot.sandbox.vendors._img_open_callbacks import LADDER
from tests.sandbox.vendors.img_open_scene import KEYS, LORAS, RESULT, SERVICE, SUBMIT, Hook, Setup, refused

ALL_OF_THEM = {"pageSize": 100, "pageNum": 1}


def trained(setup: Setup, task: str, data: Any) -> None:
    """The data of a training that went well."""
    assert data["modelUrl"].startswith(f"{setup.vendor.origin}/oss/lora/")
    assert {name: data[name] for name in data if name != "modelUrl"} == {
        "taskId": task,
        "status": 2,
        "desc": "success",
        "loraName": task,
    }


# The walk.


async def test_a_training_is_queued_then_under_way_then_done(slow_img_open: Setup) -> None:
    task = await slow_img_open.submit()
    assert await slow_img_open.result(task) == {"taskId": task, "status": 3, "desc": "waiting"}
    await slow_img_open.turn(20)
    await slow_img_open.control.wait_for_job("training", task, "working", progress=0.2)
    assert await slow_img_open.result(task) == {"taskId": task, "status": 1, "desc": "training"}
    await slow_img_open.turn(100)
    await slow_img_open.control.wait_for_job("training", task)
    trained(slow_img_open, task, await slow_img_open.result(task))


async def test_a_training_that_fails_says_why(slow_img_open: Setup) -> None:
    await slow_img_open.control.fault("training_fails", reason="out of memory")
    task = await slow_img_open.submit()
    await slow_img_open.turn(61)
    await slow_img_open.control.wait_for_job("training", task, "failed")
    assert await slow_img_open.result(task) == {"taskId": task, "status": 4, "desc": "out of memory"}


async def test_a_training_nobody_ordered_is_not_found(img_open: Setup) -> None:
    refused(await img_open.customer.call(RESULT, {"taskId": "slk-0"}), "500", "not found")
    refused(await img_open.customer.call(RESULT, {}), "500", "missing parameter taskId")
    refused(await img_open.customer.call(RESULT, {"taskId": 7}), "500", "taskId")


# The photos.


async def test_every_photo_is_fetched_once_with_nothing_of_the_customers(img_open: Setup) -> None:
    await img_open.trained(fileUrlList=img_open.album.links(12))
    fetched = [request.url.path for request in img_open.album.requests]
    assert fetched == [f"/photo/{index}.jpg" for index in range(12)]
    for request in img_open.album.requests:
        assert not {"authorization", "cookie", *(name.lower() for name in KEYS)} & set(request.headers)
    assert [entry.status for entry in await img_open.control.fetches()] == [200] * 12


async def test_the_photos_are_gone_once_the_lora_is_made(img_open: Setup) -> None:
    await img_open.trained()
    assert [path for path in (img_open.state_dir / "photos").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("link", "why", "told"),
    [
        ("/photo/none.jpg", "Refused", "image download failed"),
        ("/away", "Refused", "image download failed"),
        ("/page", "NotAnImage", "image format error"),
        ("/endless", "TooLarge", "image format error"),
    ],
)
async def test_one_link_without_a_photo_fails_the_training(
    img_open: Setup, link: str, why: str, told: str
) -> None:
    links = [img_open.album.origin + link, *img_open.album.links(9)]
    task = await img_open.submit(fileUrlList=links)
    await img_open.control.wait_for_job("training", task, "failed")
    assert await img_open.result(task) == {"taskId": task, "status": 4, "desc": told}
    assert [entry.code for entry in await img_open.control.fetches()] == [why]


async def test_a_busy_photo_host_is_given_another_chance(img_open: Setup) -> None:
    img_open.album.busy_for = 2
    await img_open.trained(fileUrlList=[img_open.album.origin + "/busy", *img_open.album.links(9)])
    assert [entry.status for entry in await img_open.control.fetches()][:3] == [503, 503, 200]


async def test_a_dropout_of_every_rank_breaks_the_trainer(img_open: Setup) -> None:
    task = await img_open.submit(rankDropout=1)
    await img_open.control.wait_for_job("training", task, "failed")
    assert "division by zero" in (await img_open.result(task))["desc"]


# A taskId that comes again.


async def test_a_task_id_is_refused_when_it_comes_again(slow_img_open: Setup) -> None:
    task = await slow_img_open.submit()
    again = slow_img_open.training(taskId=task)
    refused(await slow_img_open.customer.call(SUBMIT, again), "500", "taskId", "already exists")
    assert (await slow_img_open.control.paid()).training == 1


async def test_a_task_id_may_be_passed_over_when_it_comes_again(slow_img_open: Setup) -> None:
    await slow_img_open.control.settings(repeated_task="ignored")
    task = await slow_img_open.submit(maxEpochs=30)
    await slow_img_open.submit(taskId=task, maxEpochs=40)
    (job,) = await slow_img_open.control.jobs()
    assert job.parameters["maxEpochs"] == 30


async def test_a_task_id_may_be_run_again_and_paid_again(slow_img_open: Setup) -> None:
    await slow_img_open.control.settings(repeated_task="rerun")
    task = await slow_img_open.submit()
    await slow_img_open.control.fault("training_fails", job=task)
    await slow_img_open.turn(61)
    await slow_img_open.control.wait_for_job("training", task, "failed")
    await slow_img_open.submit(taskId=task)
    assert (await slow_img_open.result(task))["status"] == 3
    assert (await slow_img_open.control.paid()).training == 2


async def test_a_busy_vendor_takes_no_more_than_it_can(slow_img_open: Setup) -> None:
    await slow_img_open.control.settings(most_trainings=1)
    await slow_img_open.submit()
    order = slow_img_open.training()
    refused(await slow_img_open.customer.call(SUBMIT, order), "429")
    await slow_img_open.control.settings(most_trainings=2)
    await slow_img_open.customer.ask(SUBMIT, order)


# The result by query, whatever its page may say.


async def test_the_query_may_have_another_path_and_ask_for_another_field(slow_img_open: Setup) -> None:
    path = "/AIGCImgOpenServ/saas/modelTraining/result"
    await slow_img_open.control.settings(result_path=path, result_request_field="task_id")
    task = await slow_img_open.submit()
    asked = await slow_img_open.customer.ask("/modelTraining/result", {"task_id": task})
    assert asked["status"] == 3
    response = await slow_img_open.customer.call("/modelTraining/result", {"taskId": task})
    refused(response, "500", "missing parameter task_id")
    assert (await slow_img_open.customer.call(RESULT, {"taskId": task})).status_code == 404


async def test_the_result_may_bear_other_names_and_shapes(img_open: Setup) -> None:
    task = await img_open.trained()
    await img_open.control.settings(
        id_field="id_task",
        status_field="taskStatus",
        name_field="sdLoraName",
        url_field="downloadUrl",
        message_field="message",
        result_gives="name",
    )
    fields = {"id_task": task, "taskStatus": 2, "message": "success", "sdLoraName": task}
    assert await img_open.result(task) == fields
    await img_open.control.settings(result_shape="array")
    assert await img_open.result(task) == [fields]
    await img_open.control.settings(result_shape="flat")
    response = await img_open.customer.call(RESULT, {"taskId": task})
    assert response.json() == {"code": "200", "msg": "success", **fields}


@pytest.mark.parametrize(
    ("gives", "named"),
    [
        ("both", {"loraName", "modelUrl"}),
        ("name", {"loraName"}),
        ("url", {"modelUrl"}),
        ("nothing", set()),
    ],
)
async def test_the_result_names_the_lora_its_file_both_or_neither(
    img_open: Setup, gives: str, named: set[str]
) -> None:
    task = await img_open.trained()
    await img_open.control.settings(result_gives=gives)
    assert set(await img_open.result(task)) - {"taskId", "status", "desc"} == named


async def test_the_status_may_be_a_word_or_not_be_told(slow_img_open: Setup) -> None:
    await slow_img_open.control.settings(status_style="word")
    task = await slow_img_open.submit()
    words = [(await slow_img_open.result(task))["status"]]
    await slow_img_open.turn(20)
    await slow_img_open.control.wait_for_job("training", task, "working")
    words.append((await slow_img_open.result(task))["status"])
    await slow_img_open.turn(100)
    await slow_img_open.control.wait_for_job("training", task)
    words.append((await slow_img_open.result(task))["status"])
    await slow_img_open.control.fault("training_fails")
    other = await slow_img_open.submit()
    await slow_img_open.turn(100)
    await slow_img_open.control.wait_for_job("training", other, "failed")
    words.append((await slow_img_open.result(other))["status"])
    assert words == ["queue", "training", "success", "failed"]
    await slow_img_open.control.settings(status_style="none")
    assert set(await slow_img_open.result(task)) == {"taskId", "desc", "loraName", "modelUrl"}
    assert set(await slow_img_open.result(other)) == {"taskId", "desc"}


@pytest.mark.parametrize("mode", ["webhook", "404"])
async def test_where_there_is_no_query_its_address_is_not_found(img_open: Setup, mode: str) -> None:
    await img_open.control.settings(result_mode=mode)
    response = await img_open.customer.call(RESULT, {"taskId": "slk-1"})
    assert (response.status_code, response.json()["error"]) == (404, "Not Found")
    (entry,) = await img_open.control.journal()
    assert (entry.action, entry.status) == ("QueryTraining", 404)


async def test_the_file_of_a_lora_is_one_of_tensors_without_the_photos(img_open: Setup) -> None:
    task = await img_open.trained(networkDim=32, networkAlpha=16)
    url = (await img_open.result(task))["modelUrl"]
    async with httpx.AsyncClient(trust_env=False) as bare:
        data = (await bare.get(url)).content
    head = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + head])
    assert header.pop("__metadata__")["ss_network_dim"] == "32"
    ends = [tensor["data_offsets"][1] for tensor in header.values()]
    assert max(ends) == len(data) - 8 - head
    assert not any("anchor" in name for name in header)
    assert b"JFIF" not in data


# Where the LoRA is listed.


async def test_a_trained_lora_is_listed_after_those_of_everybody(slow_img_open: Setup) -> None:
    async def names() -> list[str]:
        listed = await slow_img_open.customer.ask(LORAS, ALL_OF_THEM)
        assert listed["total"] == len(listed["rows"])
        return [row["sdLoraName"] for row in listed["rows"]]

    task = await slow_img_open.submit()
    before = await names()
    assert len(before) > 10
    await slow_img_open.turn(101)
    await slow_img_open.control.wait_for_job("training", task)
    assert await names() == [*before, task]
    (row,) = (await slow_img_open.customer.ask(LORAS, ALL_OF_THEM | {"sdModelName": task.upper()}))["rows"]
    assert row == {"id": 1001, "sdLoraName": task, "modelBaseModel": "SD 1.5", "modelStatus": 1}


async def test_a_lora_that_was_not_made_is_not_listed(img_open: Setup) -> None:
    task = await img_open.submit(rankDropout=1)
    await img_open.control.wait_for_job("training", task, "failed")
    listed = await img_open.customer.ask(LORAS, ALL_OF_THEM)
    assert task not in [row["sdLoraName"] for row in listed["rows"]]


@pytest.mark.parametrize(
    ("naming", "name"), [("task", "slk-a"), ("around", "u1001_slk-a_v1"), ("own", "LR240800")]
)
async def test_a_lora_is_called_like_its_task_or_not(img_open: Setup, naming: str, name: str) -> None:
    await img_open.control.settings(lora_naming=naming, lora_row_field="modelName")
    await img_open.trained(taskId="slk-a")
    assert (await img_open.result("slk-a"))["loraName"] == name
    listed = await img_open.customer.ask(LORAS, ALL_OF_THEM)
    assert listed["rows"][-1]["modelName"] == name


async def test_the_list_of_loras_may_have_another_path(img_open: Setup) -> None:
    path = "/AIGCImgOpenServ/saas/sd/v2/queryLoralList"
    await img_open.control.settings(lora_list_path=path)
    assert (await img_open.customer.ask("/sd/v2/queryLoralList", ALL_OF_THEM))["total"] > 0
    assert (await img_open.customer.call(LORAS, ALL_OF_THEM)).status_code == 404


# The result by callback.


async def listening(setup: Setup, hook: Hook, **changes: Any) -> None:
    """Register the customer's server, and have the pauses between two tries take no time."""
    settings = {"result_mode": "webhook", "callback_url": hook.url, "callback_scale": 0} | changes
    await setup.control.settings(**settings)


async def test_the_result_is_posted_once_and_without_keys(img_open: Setup, hook: Hook) -> None:
    await listening(img_open, hook)
    task = await img_open.trained()
    await img_open.control.wait_for_calls("Callback")
    (body,), (request,) = hook.bodies, hook.requests
    trained(img_open, task, body)
    assert request.headers["content-type"] == "application/json"
    assert not {name.lower() for name in KEYS} & set(request.headers)
    (entry,) = await img_open.control.callbacks()
    assert (entry.status, entry.code, entry.subject) == (200, None, task)
    assert "secret-word" not in repr(entry)


async def test_a_failure_is_posted_as_well(img_open: Setup, hook: Hook) -> None:
    await listening(img_open, hook)
    task = await img_open.submit(fileUrlList=[img_open.album.origin + "/page", *img_open.album.links(9)])
    await img_open.control.wait_for_calls("Callback")
    assert hook.bodies == [{"taskId": task, "status": 4, "desc": "image format error"}]


async def test_the_whole_envelope_may_be_posted(img_open: Setup, hook: Hook) -> None:
    await listening(img_open, hook, callback_shape="envelope", result_gives="name")
    task = await img_open.trained()
    await img_open.control.wait_for_calls("Callback")
    data = {"taskId": task, "status": 2, "desc": "success", "loraName": task}
    assert hook.bodies == [{"code": "200", "msg": "success", "data": data}]


async def test_every_change_may_be_posted(img_open: Setup, hook: Hook) -> None:
    await listening(img_open, hook, callback_moments="changes")
    await img_open.trained()
    await img_open.control.wait_for_calls("Callback", 2)
    assert [body["status"] for body in hook.bodies] == [1, 2]


@pytest.mark.parametrize(
    "answer",
    [
        Response("{}"),
        Response("ok"),
        Response('["200"]'),
        Response('{"code": 200}'),
        Response('{"code": "500"}'),
        Response('{"code": "200"}', 201),
        Response('{"code": "200"}', 500),
        RedirectResponse("/hooks/img-open/secret-word"),
    ],
)
async def test_only_a_code_200_in_a_string_confirms_it(img_open: Setup, hook: Hook, answer: Response) -> None:
    await listening(img_open, hook)
    hook.answers.append(answer)
    await img_open.trained(taskId="slk-a")
    await img_open.control.wait_for_calls("Callback", 2)
    told = [(entry.status, entry.code) for entry in await img_open.control.callbacks()]
    assert told == [(answer.status_code, "NotConfirmed"), (200, None)]
    assert [body["taskId"] for body in hook.bodies] == ["slk-a", "slk-a"]


async def test_it_is_tried_again_on_the_documented_ladder_and_ten_times_at_most(
    slow_img_open: Setup, hook: Hook
) -> None:
    await listening(slow_img_open, hook, callback_scale=1)
    hook.answers.extend(Response("{}") for _ in range(20))
    await slow_img_open.submit()
    await slow_img_open.turn(101)
    assert LADDER == (3, 5, 15, 30, 60, 600, 3600)
    pauses = (*LADDER, 3600, 3600)
    for tries, pause in enumerate(pauses, 1):
        await slow_img_open.control.wait_for_calls("Callback", tries)
        await slow_img_open.turn(pause - 0.5)
        assert len(hook.bodies) == tries
        await slow_img_open.turn(1)
    await slow_img_open.control.wait_for_calls("Callback", 10)
    await slow_img_open.turn(100_000)
    with pytest.raises(TimeoutError):
        await slow_img_open.control.wait_for_calls("Callback", 11, seconds=0.2)


async def test_the_ladder_may_be_shortened(slow_img_open: Setup, hook: Hook) -> None:
    await listening(slow_img_open, hook, callback_scale=0.01)
    hook.answers.extend(Response("{}") for _ in range(6))
    await slow_img_open.submit()
    await slow_img_open.turn(101)
    for tries, pause in enumerate((0.03, 0.05, 0.15, 0.3, 0.6, 6), 1):
        await slow_img_open.control.wait_for_calls("Callback", tries)
        await slow_img_open.turn(pause + 0.01)
    await slow_img_open.control.wait_for_calls("Callback", 7)
    assert [entry.code for entry in await slow_img_open.control.callbacks()] == ["NotConfirmed"] * 6 + [None]


async def test_a_server_that_is_not_there_is_tried_again(
    img_open: Setup, hook: Hook, unused_tcp_port: int
) -> None:
    await listening(img_open, hook, callback_url=f"http://127.0.0.1:{unused_tcp_port}/hook", callback_scale=1)
    await img_open.trained()
    await img_open.control.wait_for_calls("Callback")
    await img_open.control.settings(callback_url=hook.url, callback_scale=0)
    await img_open.control.wait_for_calls("Callback", 2)
    told = [(entry.status, entry.code) for entry in await img_open.control.callbacks()]
    assert told == [(None, "Unreachable"), (200, None)]


async def test_a_result_may_be_told_twice_or_not_at_all(img_open: Setup, hook: Hook) -> None:
    await listening(img_open, hook)
    await img_open.control.fault("callback_twice", copies=3)
    task = await img_open.trained()
    await img_open.control.wait_for_calls("Callback", 3)
    assert [body["taskId"] for body in hook.bodies] == [task] * 3
    await img_open.control.fault("callback_lost")
    await img_open.trained()
    last = await img_open.trained()
    await img_open.control.wait_for_calls("Callback", 4)
    assert [body["taskId"] for body in hook.bodies[3:]] == [last]


@pytest.mark.parametrize("mode", ["poll", "404"])
async def test_nothing_is_posted_where_there_is_no_callback(img_open: Setup, hook: Hook, mode: str) -> None:
    await listening(img_open, hook, result_mode=mode)
    await img_open.trained()
    await listening(img_open, hook, callback_url="")
    await img_open.trained()
    assert hook.bodies == []
    assert await img_open.control.callbacks() == []


async def test_a_server_that_is_taken_off_the_books_is_not_tried_again(img_open: Setup, hook: Hook) -> None:
    await listening(img_open, hook, callback_scale=1000)
    hook.answers.append(Response("{}"))
    await img_open.trained()
    await img_open.control.wait_for_calls("Callback")
    await img_open.control.settings(callback_url="", callback_scale=0)
    await img_open.control.settings(callback_url=hook.url)
    await img_open.trained()
    await img_open.control.wait_for_calls("Callback", 2)
    assert len(hook.bodies) == len({body["taskId"] for body in hook.bodies}) == 2


async def test_query_and_callback_may_go_together(img_open: Setup, hook: Hook) -> None:
    await listening(img_open, hook, result_mode="both")
    task = await img_open.trained()
    await img_open.control.wait_for_calls("Callback")
    trained(img_open, task, await img_open.result(task))
    trained(img_open, task, hook.bodies[0])


async def test_the_result_path_belongs_to_the_service(img_open: Setup) -> None:
    async with httpx.AsyncClient(base_url=img_open.vendor.origin, trust_env=False) as bare:
        response = await bare.post("/control/settings", json={"result_path": "nowhere"})
        assert (response.status_code, "result_path" in response.json()["error"]) == (400, True)
        response = await bare.post("/control/settings", json={"result_mode": "telepathy"})
        assert (response.status_code, "telepathy" in response.json()["error"]) == (400, True)
    assert (await img_open.customer.http.post(SERVICE + RESULT, headers=KEYS, json={})).status_code == 200
