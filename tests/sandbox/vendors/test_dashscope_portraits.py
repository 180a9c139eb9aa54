"""Portraits at the DashScope stand-in, as the vendor's page tells them (G1 to G4)."""

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.sandbox.vendors.dashscope_scene import (
    ASYNC,
    PORTRAITS,
    Studio,
    bare,
    beijing,
    flat_photo,
    photo,
    refusal,
)

PRESETS = [
    "f_idcard_male",
    "f_idcard_female",
    "f_business_male",
    "f_business_female",
    "m_springflower_female",
    "f_summersport_female",
    "f_autumnleaf_female",
    "m_winterchinese_female",
    "f_hongkongvintage_female",
    "f_lightportray_female",
]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def drawn(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(opened(data).convert("RGB"), np.float64)


async def test_a_new_task_is_pending(slow_studio: Studio) -> None:
    response = await slow_studio.wish()
    output = response.json()["output"]
    assert set(output) == {"task_id", "task_status"}
    assert re.fullmatch(r"[0-9a-f-]{36}", output["task_id"])
    assert output["task_status"] == "PENDING"
    task = await slow_studio.task(output["task_id"])
    assert set(task) == {"task_id", "task_status", "submit_time"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", task["submit_time"])
    assert beijing(task["submit_time"]) == pytest.approx(slow_studio.now, abs=0.01)


async def test_a_task_runs_and_ends_and_its_times_say_when(slow_studio: Studio) -> None:
    task_id = await slow_studio.ordered()
    began = slow_studio.now
    await slow_studio.turn(10)
    await slow_studio.control.wait_for_job("inference", task_id, "RUNNING")
    task = await slow_studio.task(task_id)
    assert beijing(task["scheduled_time"]) == pytest.approx(began + 5, abs=0.01)
    assert task["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 0}
    assert not {"end_time", "results"} & set(task)
    await slow_studio.turn(50)
    await slow_studio.control.wait_for_job("inference", task_id)
    body = await slow_studio.ask("GET", f"/tasks/{task_id}")
    assert body["usage"] == {"image_count": 1}
    assert body["output"]["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
    assert beijing(body["output"]["end_time"]) == pytest.approx(began + 60, abs=0.01)


async def test_portraits_are_768_by_1024_and_carry_the_mark(studio: Studio) -> None:
    task = await studio.portraits(await studio.face(), parameters={"n": 2, "size": "768*1024"})
    links = [result["url"] for result in task["results"]]
    pictures = [(await bare(link)) for link in links]
    assert [answer.headers["content-type"] for answer in pictures] == ["image/jpeg"] * 2
    assert [(image.format, image.size) for image in map(opened, (p.content for p in pictures))] == [
        ("JPEG", (768, 1024))
    ] * 2
    assert pictures[0].content != pictures[1].content
    # The ribbon is dark and runs from the top towards the right edge.
    ribbon = drawn(pictures[0].content)[100:110, 660:670]
    assert ribbon.mean() < 90


async def test_portraits_come_from_the_photos(studio: Studio) -> None:
    """The gallery's photos run from one colour to another, and so does every portrait of them."""
    of_face = await studio.portraits(await studio.face())
    of_nobody = await studio.portraits()
    spread = []
    for task in (of_face, of_nobody):
        pixels = drawn((await bare(task["results"][0]["url"])).content)
        # From left to right, without the light, of which nobody in particular has some as well. The seed is
        # any: over 60 of them it is 41 or more for the photos, and always 22 for nobody.
        across = pixels[600:].mean(axis=0)
        spread.append(np.ptp(across - across.mean(axis=1, keepdims=True), axis=0).sum())
    assert spread[0] > 31 > spread[1]


async def test_results_may_be_png(studio: Studio) -> None:
    await studio.control.turn(result_format="png")
    task = await studio.portraits()
    answer = await bare(task["results"][0]["url"])
    assert (answer.headers["content-type"], opened(answer.content).format) == ("image/png", "PNG")


async def test_every_preset_style_is_taken_and_they_look_different(studio: Studio) -> None:
    await studio.control.turn(portraits_at_once=0)
    tasks = [await studio.ordered(parameters={"style": style}) for style in PRESETS]
    looks = []
    for task_id in tasks:
        await studio.control.wait_for_job("inference", task_id)
        answer = await bare((await studio.task(task_id))["results"][0]["url"])
        looks.append(drawn(answer.content).mean(axis=(0, 1)).round().tolist())
    # The male and the female of a pair share a look; nobody in particular has no gender.
    assert len({tuple(look) for look in looks}) >= 8


@pytest.mark.parametrize(("asked", "made"), [(None, 4), (4, 4), (5, 4), (9, 4), (1, 1), (0, 1), (-3, 1)])
async def test_n_is_brought_between_one_and_four(slow_studio: Studio, asked: int | None, made: int) -> None:
    await slow_studio.ordered(parameters={"n": asked})
    assert [job.images for job in await slow_studio.control.jobs()] == [made]


async def test_a_preset_needs_no_input(slow_studio: Studio) -> None:
    assert (await slow_studio.wish(input=None)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"style": "f_business"}},
        {"parameters": {"style": None}},
        {"parameters": {"size": "512*512"}},
        {"parameters": {"size": "768x1024"}},
        {"parameters": {"n": "4"}},
        {"parameters": {"n": True}},
        {"parameters": {"n": 2.5}},
        {"parameters": {"skin_retouch": "yes"}},
        {"resources": None},
        {"resources": []},
        {"resources": [{"resource_id": "women_model"}]},
        {"resources": [{"resource_id": "women_model", "resource_type": "lora"}]},
        {"resources": [{"resource_id": "women_model", "resource_type": "facelora"}] * 2},
        {"resources": [{"resource_type": "facelora"}]},
        {"input": []},
        {"model": None},
        {"parameters": {"style": "portrait_url_template"}},
        {
            "parameters": {"style": "portrait_url_template", "size": "768*1024"},
            "input": {"template_url": "http://x/t"},
        },
        {
            "parameters": {"style": "train_free_portrait_url_template"},
            "input": {"template_url": "http://x/t"},
        },
        {
            "parameters": {"style": "train_free_portrait_url_template"},
            "input": {"template_url": "http://x/t", "user_urls": ["http://x/u"] * 6},
        },
        {"parameters": {"style": "train_free_portrait_url_template"}, "input": {"user_urls": ["http://x/u"]}},
    ],
)
async def test_an_order_outside_of_the_pages_table_is_refused(
    studio: Studio, changes: dict[str, Any]
) -> None:
    refusal(await studio.wish(**changes), 400, "InvalidParameter")
    assert (await studio.control.paid()).inference == 0


@pytest.mark.parametrize("link", ["http://x/模板.jpg", "ftp://x/t.jpg", "t.jpg"])
async def test_a_template_link_that_is_no_plain_address_is_refused(studio: Studio, link: str) -> None:
    response = await studio.wish(parameters={"style": "portrait_url_template"}, input={"template_url": link})
    refusal(response, 400, "InvalidURL")


async def test_without_the_async_header_the_call_is_denied(studio: Studio) -> None:
    body = {"model": "facechain-generation"}
    for headers in ({}, {"X-DashScope-Async": "yes"}):
        response = await studio.http.post(PORTRAITS, json=body, headers=headers)
        assert "synchronous" in refusal(response, 403, "AccessDenied")


async def test_the_path_is_misspelt(studio: Studio) -> None:
    response = await studio.http.post("/services/aigc/album/gen_portrait", json={}, headers=ASYNC)
    refusal(response, 404, "NotFound")


async def test_a_face_of_nobody_or_of_somebody_else_is_denied(studio: Studio) -> None:
    for face in ("facechain-finetune-ft-202509020951-f8bf", "ft-202509020951-f8bf", "men_model"):
        refusal(await studio.wish(face), 400, "Resource.AccessDenied")
    job_id = await studio.trained()
    refusal(await studio.wish(job_id), 400, "Resource.AccessDenied")


async def test_a_face_that_is_not_ready_or_failed_is_empty(slow_studio: Studio) -> None:
    await slow_studio.control.fault("training_fails")
    job_id = await slow_studio.train()
    face = (await slow_studio.job(job_id))["finetuned_output"]
    refusal(await slow_studio.wish(face), 400, "BadRequest.EmptyModel")
    await slow_studio.turn(200)
    await slow_studio.control.wait_for_job("training", job_id, "FAILED")
    refusal(await slow_studio.wish(face), 400, "BadRequest.EmptyModel")


async def test_a_trained_face_goes_into_a_template_which_keeps_its_size(studio: Studio) -> None:
    template = photo(220, size=(700, 600))
    order = {
        "parameters": {"style": "portrait_url_template"},
        "input": {"template_url": studio.gallery.hang("t.jpg", template)},
    }
    task = await studio.portraits(await studio.face(), **order)
    data = (await bare(task["results"][0]["url"])).content
    assert opened(data).size == (700, 600)
    changed = np.abs(drawn(data) - drawn(template)).sum(axis=2)
    middle, edge = changed[200:400, 250:450].mean(), changed[:, :40].mean()
    assert middle > 5 * edge


async def test_a_template_may_be_filled_without_a_training(studio: Studio) -> None:
    links = studio.gallery.links(2)
    order = {
        "parameters": {"style": "train_free_portrait_url_template", "skin_retouch": False},
        "input": {
            "template_url": studio.gallery.hang("t.png", photo(5, (600, 800), "PNG")),
            "user_urls": links,
        },
    }
    task = await studio.portraits(None, **order)
    assert opened((await bare(task["results"][0]["url"])).content).size == (600, 800)
    assert (await studio.control.paid()).training == 0
    assert [entry.status for entry in await studio.control.fetches()] == [200, 200, 200]
    assert not list((studio.state_dir / "material").glob("*"))


@pytest.mark.parametrize(
    ("template", "code"),
    [
        (photo(size=(511, 600)), "InvalidImageResolution"),
        (photo(size=(1681, 700)), "InvalidImageResolution"),
        (photo(size=(1300, 1270)), "InvalidImageResolution"),
        (photo(size=(600, 600), encoder="WEBP"), "InvalidParameter"),
        (photo(size=(600, 600)) + bytes(5 * 1024 * 1024), "InvalidParameter"),
        (b"hello", "InvalidParameter.DataInspection"),
    ],
)
async def test_a_template_outside_of_its_limits_fails_the_task(
    studio: Studio, template: bytes, code: str
) -> None:
    order = {
        "parameters": {"style": "portrait_url_template"},
        "input": {"template_url": studio.gallery.hang("t", template)},
    }
    task = await studio.portraits(status="FAILED", **order)
    assert task["code"] == code
    assert task["message"]
    assert "results" not in task
    assert task["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 1}
    body = await studio.ask("GET", f"/tasks/{task['task_id']}")
    assert body["usage"] == {"image_count": 0}


@pytest.mark.parametrize(
    ("user", "code"),
    [
        (photo(size=(255, 400)), "InvalidImageResolution"),
        (photo(size=(2049, 400)), "InvalidImageResolution"),
        (photo(encoder="WEBP"), "InvalidParameter"),
        (photo() + bytes(3 * 1024 * 1024), "InvalidParameter"),
        (flat_photo(), "InvalidParameter"),
    ],
)
async def test_a_users_photo_outside_of_its_limits_fails_the_task(
    studio: Studio, user: bytes, code: str
) -> None:
    order = {
        "parameters": {"style": "train_free_portrait_url_template"},
        "input": {
            "template_url": studio.gallery.hang("t", photo(size=(600, 600))),
            "user_urls": [studio.gallery.hang("u", user)],
        },
    }
    assert (await studio.portraits(None, status="FAILED", **order))["code"] == code


async def test_a_template_nobody_hosts_fails_the_task(studio: Studio) -> None:
    link = studio.gallery.origin + "/photo/none.jpg"
    order = {"parameters": {"style": "portrait_url_template"}, "input": {"template_url": link}}
    assert (await studio.portraits(status="FAILED", **order))["code"] == "InvalidParameter.DataInspection"


async def test_some_portraits_may_fail_and_the_task_succeeds_all_the_same(studio: Studio) -> None:
    await studio.control.fault("some_fail", pictures=1)
    task_id = await studio.ordered(parameters={"n": 2})
    await studio.control.wait_for_job("inference", task_id)
    body = await studio.ask("GET", f"/tasks/{task_id}")
    good, bad = body["output"]["results"]
    assert (await bare(good["url"])).status_code == 200
    assert (bad["code"], "url" in bad) == ("InternalError.Algo", False)
    assert bad["message"]
    assert body["output"]["task_metrics"] == {"TOTAL": 2, "SUCCEEDED": 1, "FAILED": 1}
    assert body["usage"] == {"image_count": 1}


async def test_a_task_without_a_single_portrait_has_failed(studio: Studio) -> None:
    await studio.control.fault("some_fail", pictures=9)
    task = await studio.portraits(status="FAILED", parameters={"n": 2})
    assert (task["code"], task["task_metrics"]["FAILED"]) == ("InternalError.Algo", 2)


async def test_a_second_task_beside_one_is_throttled_until_that_has_ended(slow_studio: Studio) -> None:
    task_id = await slow_studio.ordered()
    refusal(await slow_studio.wish(), 429, "Throttling")
    await slow_studio.turn(20)
    refusal(await slow_studio.wish(), 429, "Throttling")
    await slow_studio.turn(40)
    await slow_studio.control.wait_for_job("inference", task_id)
    assert (await slow_studio.wish()).status_code == 200
    assert (await slow_studio.control.paid()).inference == 2


async def test_a_training_and_a_task_do_not_stand_in_each_others_way(slow_studio: Studio) -> None:
    await slow_studio.train()
    assert (await slow_studio.wish()).status_code == 200


async def test_a_pending_task_can_be_cancelled_and_makes_room(slow_studio: Studio) -> None:
    task_id = await slow_studio.ordered()
    assert await slow_studio.ask("POST", f"/tasks/{task_id}/cancel") == {}
    task = await slow_studio.task(task_id)
    assert (task["task_status"], "end_time" in task, "results" in task) == ("CANCELED", True, False)
    assert (await slow_studio.wish()).status_code == 200
    await slow_studio.turn(100)
    assert (await slow_studio.task(task_id))["task_status"] == "CANCELED"
    assert not (slow_studio.state_dir / "results" / task_id).exists()


async def test_a_task_that_waits_for_another_can_be_cancelled_too(slow_studio: Studio) -> None:
    await slow_studio.control.turn(portraits_waiting=1)
    first, second = await slow_studio.ordered(), await slow_studio.ordered()
    await slow_studio.turn(20)
    await slow_studio.control.wait_for_job("inference", first, "RUNNING")
    assert (await slow_studio.task(second))["task_status"] == "PENDING"
    await slow_studio.ask("POST", f"/tasks/{second}/cancel")
    await slow_studio.turn(40)
    await slow_studio.control.wait_for_job("inference", first)
    assert (await slow_studio.task(second))["task_status"] == "CANCELED"


async def test_only_a_pending_task_can_be_cancelled(slow_studio: Studio) -> None:
    task_id = await slow_studio.ordered()
    await slow_studio.turn(20)
    await slow_studio.control.wait_for_job("inference", task_id, "RUNNING")
    cancel = f"/tasks/{task_id}/cancel"
    assert "PENDING" in refusal(await slow_studio.http.post(cancel), 400, "UnsupportedOperation")
    await slow_studio.turn(50)
    await slow_studio.control.wait_for_job("inference", task_id)
    refusal(await slow_studio.http.post(cancel), 400, "UnsupportedOperation")
    nobody = "/tasks/7eb1032e-09a1-4df5-96ed-14091859ad57/cancel"
    refusal(await slow_studio.http.post(nobody), 400, "UnsupportedOperation")


async def test_an_unknown_task_is_unknown_with_a_yes(studio: Studio) -> None:
    job_id = await studio.trained()
    for task_id in ("7eb1032e-09a1-4df5-96ed-14091859ad57", job_id):
        assert await studio.task(task_id) == {"task_id": task_id, "task_status": "UNKNOWN"}


async def test_a_task_is_unknown_a_day_after_its_end_and_its_pictures_are_erased(slow_studio: Studio) -> None:
    task_id = await slow_studio.ordered()
    await slow_studio.turn(60)
    await slow_studio.control.wait_for_job("inference", task_id)
    link = (await slow_studio.task(task_id))["results"][0]["url"]
    await slow_studio.turn(24 * 3600 - 1)
    assert (await slow_studio.task(task_id))["task_status"] == "SUCCEEDED"
    assert (await bare(link)).status_code == 200
    await slow_studio.turn(1)
    assert (await slow_studio.task(task_id))["task_status"] == "UNKNOWN"
    assert (await bare(link)).status_code == 403
    assert (await slow_studio.ask("GET", "/tasks"))["total"] == 0
    await slow_studio.ordered()
    assert not (slow_studio.state_dir / "results" / task_id).exists()


async def test_tasks_are_listed_newest_first_in_pages(studio: Studio) -> None:
    tasks = [(await studio.portraits())["task_id"] for _ in range(3)]
    body = await studio.ask("GET", "/tasks", params={"page_size": 2})
    assert (body["page_no"], body["page_size"], body["total"]) == (1, 2, 3)
    assert [task["task_id"] for task in body["tasks"]] == tasks[:0:-1]
    assert {task["model_name"] for task in body["tasks"]} == {"facechain-generation"}


async def test_tasks_are_listed_by_status_model_region_key_and_time(slow_studio: Studio) -> None:
    first = await slow_studio.ordered()
    await slow_studio.turn(60)
    await slow_studio.control.wait_for_job("inference", first)
    second = await slow_studio.ordered()
    submitted = (await slow_studio.task(second))["submit_time"]
    moment = re.sub(r"\D", "", submitted)[:14]

    async def found(**query: str) -> list[str]:
        return [task["task_id"] for task in (await slow_studio.ask("GET", "/tasks", params=query))["tasks"]]

    assert await found() == [second, first]
    assert await found(status="SUCCEEDED") == [first]
    assert await found(status="PENDING") == [second]
    assert await found(model_name="facechain-generation", region="cn-beijing", api_key_id="1") == [
        second,
        first,
    ]
    for query in ({"model_name": "wanx-v1"}, {"region": "ap-southeast-1"}, {"api_key_id": "2"}):
        assert await found(**query) == []
    assert await found(start_time=moment) == [second]
    assert await found(end_time=moment) == [first]
    refusal(await slow_studio.http.get("/tasks", params={"start_time": "yesterday"}), 400, "InvalidParameter")
