"""The door, the limits and every fault of the DashScope stand-in, as a caller meets them."""

import asyncio
from typing import Any

import httpx
import pytest

from bot.sandbox.vendors.control import ControlError
from tests.sandbox.vendors.dashscope_scene import (
    API_KEY,
    ASYNC,
    PORTRAITS,
    Studio,
    bare,
    refusal,
)

DETECT = "/services/vision/facedetection/detect"
# Every action of the page, as a call that needs no body.
CALLS = [
    ("POST", "/files"),
    ("GET", "/files"),
    ("GET", "/files/976bd01a"),
    ("DELETE", "/files/976bd01a"),
    ("POST", "/fine-tunes"),
    ("GET", "/fine-tunes"),
    ("GET", "/fine-tunes/ft-1"),
    ("POST", "/fine-tunes/ft-1/cancel"),
    ("DELETE", "/fine-tunes/ft-1"),
    ("GET", "/fine-tunes/ft-1/logs"),
    ("POST", DETECT),
    ("POST", PORTRAITS),
    ("GET", "/tasks/7eb1032e"),
    ("POST", "/tasks/7eb1032e/cancel"),
    ("GET", "/tasks"),
    ("GET", "/uploads"),
]


async def statuses(studio: Studio, count: int, path: str = "/files") -> list[int]:
    return [(await studio.http.get(path)).status_code for _ in range(count)]


# The door.


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_every_call_needs_the_key(studio: Studio, method: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=studio.vendor.base_url, trust_env=False) as stranger:
        refusal(await stranger.request(method, path), 401, "InvalidApiKey")


@pytest.mark.parametrize(
    "said",
    [
        API_KEY,
        f"bearer {API_KEY}",
        f"Bearer  {API_KEY}",
        f'Bearer "{API_KEY}"',
        "Bearer other",
        "Basic x",
    ],
)
async def test_the_key_is_said_in_one_way_only(studio: Studio, said: str) -> None:
    response = await studio.http.get("/files", headers={"Authorization": said})
    assert refusal(response, 401, "InvalidApiKey") == "Invalid API-key provided."


async def test_the_workspace_may_be_named_and_must_be_ones_own(studio: Studio) -> None:
    mine = {"X-DashScope-WorkSpace": "llm-0000000000000000"}
    assert (await studio.http.get("/files", headers=mine)).status_code == 200
    response = await studio.http.get("/files", headers={"X-DashScope-WorkSpace": "llm-1"})
    refusal(response, 403, "AccessDenied")


@pytest.mark.parametrize("path", ["/nowhere", "/fine-tunes/ft-1/stream", "/files/1/2"])
async def test_what_is_not_on_the_page_is_not_there(studio: Studio, path: str) -> None:
    refusal(await studio.http.get(path), 404, "NotFound")
    refusal(await studio.http.put("/files"), 404, "NotFound")


@pytest.mark.parametrize("path", ["/fine-tunes", PORTRAITS, DETECT])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "text/plain"),
        (b"not json", "application/json"),
        (b"[]", "application/json"),
        (b"\xff", "application/json; charset=utf-8"),
        (b'"' + bytes(1024 * 1024) + b'"', "application/json"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    studio: Studio, path: str, content: bytes, kind: str
) -> None:
    headers = {"Content-Type": kind} | (ASYNC if path == PORTRAITS else {})
    refusal(await studio.http.post(path, content=content, headers=headers), 400, "InvalidParameter")


# What the account may do.


async def test_without_a_permission_an_action_is_denied(studio: Studio) -> None:
    await studio.control.turn(denied=["CreateFineTune"])
    refusal(await studio.create(), 403, "AccessDenied")
    assert await statuses(studio, 1) == [200]
    await studio.control.turn(denied=["*"])
    refusal(await studio.http.get("/files"), 403, "AccessDenied")
    assert (await studio.control.paid()).training == 0


@pytest.mark.parametrize(
    ("setting", "status", "code"),
    [("unpurchased", 403, "AccessDenied.Unpurchased"), ("arrears", 400, "Arrearage")],
)
async def test_an_account_that_may_not_use_the_models_can_still_look(
    studio: Studio, setting: str, status: int, code: str
) -> None:
    face = await studio.face()
    task_id = (await studio.portraits(face))["task_id"]
    await studio.control.turn(**{setting: True})
    refusal(await studio.create(), status, code)
    refusal(await studio.wish(face), status, code)
    refusal(await studio.http.post(DETECT, json={}), status, code)
    assert (await studio.task(task_id))["task_status"] == "SUCCEEDED"
    assert await statuses(studio, 1, "/fine-tunes") == [200]


@pytest.mark.parametrize(
    ("code", "status"),
    [("Model.NotExist", 404), ("ModelNotFound", 400), ("AccessDenied", 403), ("Model.AccessDenied", 403)],
)
async def test_the_generation_model_may_be_gone_while_training_works(
    studio: Studio, code: str, status: int
) -> None:
    await studio.control.turn(retired=code)
    face = await studio.face()
    refusal(await studio.wish(face), status, code)
    assert (await studio.control.paid()).inference == 0
    await studio.control.turn(retired="")
    assert (await studio.wish(face)).status_code == 200


# Rates.


async def test_two_trainings_may_be_ordered_in_a_second_even_if_both_are_refused(slow_studio: Studio) -> None:
    await slow_studio.control.turn(creates_per_second=2)
    seen = [(await slow_studio.create([])).json()["code"] for _ in range(3)]
    assert seen == ["InvalidParameter", "InvalidParameter", "Throttling.RateQuota"]
    refusal(await slow_studio.create(), 429, "Throttling.RateQuota")
    await slow_studio.turn(1)
    assert (await slow_studio.create()).status_code == 200
    assert (await slow_studio.control.paid()).training == 1


async def test_portraits_have_a_rate_of_their_own(slow_studio: Studio) -> None:
    await slow_studio.control.turn(creates_per_second=1)
    await slow_studio.train()
    assert (await slow_studio.wish()).status_code == 200
    refusal(await slow_studio.wish(), 429, "Throttling.RateQuota")


async def test_twenty_tasks_may_be_looked_up_in_a_second_and_five_checks_made(slow_studio: Studio) -> None:
    await slow_studio.control.turn(queries_per_second=20, checks_per_second=5)
    assert (await statuses(slow_studio, 21, "/tasks/7eb1032e"))[-2:] == [200, 429]
    seen = [(await slow_studio.http.post(DETECT, json={})).status_code for _ in range(6)]
    assert seen == [400] * 5 + [429]
    assert await statuses(slow_studio, 25, "/fine-tunes") == [200] * 25
    await slow_studio.turn(1)
    assert await statuses(slow_studio, 1, "/tasks/7eb1032e") == [200]


async def test_the_rates_are_the_pages_unless_they_are_turned(slow_studio: Studio) -> None:
    shown = (await slow_studio.http.get(f"{slow_studio.vendor.origin}/control/settings")).json()
    assert (shown["trainings_at_once"], shown["portraits_at_once"], shown["file_limit"]) == (1, 1, 100)
    assert (shown["file_bytes"], shown["storage_bytes"]) == (1024**3, 5 * 1024**3)
    assert (shown["link_seconds"], shown["record_seconds"]) == (86400, 86400)


# Faults around a call.


async def test_throttled_calls_may_name_the_wait_and_start_nothing(studio: Studio) -> None:
    await studio.control.fault("throttled", action="CreateFineTune", retry_after_ms=2500)
    response = await studio.create()
    refusal(response, 429, "Throttling.RateQuota")
    assert response.headers["retry-after-ms"] == "2500"
    await studio.control.fault("throttled", code="Throttling.AllocationQuota")
    response = await studio.create()
    refusal(response, 429, "Throttling.AllocationQuota")
    assert "retry-after-ms" not in response.headers
    assert (await studio.control.paid()).training == 0


async def test_an_unavailable_vendor_starts_nothing(studio: Studio) -> None:
    await studio.control.fault("unavailable")
    refusal(await studio.create(), 503, "ServiceUnavailable")
    assert (await studio.control.paid()).training == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "DataInspectionFailed"),
        (400, "Arrearage"),
        (403, "Arrearage"),
        (404, "ModelNotFound"),
        (500, "InternalError"),
        (500, "InternalError.Algo"),
        (504, "GatewayTimeout"),
    ],
)
async def test_any_documented_error_may_be_ordered(studio: Studio, status: int, code: str) -> None:
    await studio.control.fault(
        "error", action="CreatePortraits", status=status, code=code, message="As ordered."
    )
    assert refusal(await studio.wish(), status, code) == "As ordered."
    assert (await studio.control.paid()).inference == 0


async def test_an_error_may_have_the_other_two_shapes(studio: Studio) -> None:
    await studio.control.fault("error", status=400, code="DataInspectionFailed", family="openai")
    body = (await studio.create()).json()
    assert set(body) == {"request_id", "error"}
    assert (body["error"]["code"], set(body["error"])) == (
        "DataInspectionFailed",
        {"code", "type", "message"},
    )
    await studio.control.fault(
        "error", status=400, code="InvalidParameter", family="msg", message="As ordered."
    )
    body = (await studio.create()).json()
    assert (set(body), body["msg"]) == ({"request_id", "code", "msg"}, "As ordered.")


async def test_http_200_may_carry_an_error(studio: Studio) -> None:
    await studio.control.fault("not_success", code="InternalError", action="CreateFineTune")
    refusal(await studio.create(), 200, "InternalError")
    assert (await studio.control.paid()).training == 0


@pytest.mark.parametrize("status", [502, 200])
async def test_a_proxy_may_answer_with_a_page(studio: Studio, status: int) -> None:
    await studio.control.fault("not_json", status=status)
    response = await studio.create()
    assert (response.status_code, response.headers["content-type"][:9]) == (status, "text/html")
    assert (await studio.control.paid()).training == 0


@pytest.mark.parametrize(
    ("details", "status", "code"), [({}, 500, "InternalError"), ({"status": 504}, 504, "GatewayTimeout")]
)
async def test_an_error_may_hide_a_job_that_was_created(
    studio: Studio, details: dict[str, Any], status: int, code: str
) -> None:
    await studio.control.fault("effect_then_500", action="CreateFineTune", **details)
    refusal(await studio.create(), status, code)
    (job,) = (await studio.ask("GET", "/fine-tunes"))["output"]["jobs"]
    assert (await studio.control.paid()).training == 1
    entry = (await studio.control.journal())[0]
    assert (entry.status, entry.subject) == (status, job["job_id"])


@pytest.mark.parametrize("kind", ["training", "inference"])
async def test_a_connection_may_break_after_a_job_was_created(studio: Studio, kind: str) -> None:
    await studio.control.fault("effect_then_hang_up")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await (studio.create() if kind == "training" else studio.wish())
    (job,) = await studio.control.jobs()
    assert job.kind == kind
    lost = (await studio.control.journal())[0]
    assert (lost.status, lost.code, lost.subject) == (None, "HANG_UP", job.id)


async def test_a_connection_may_break_before_anything_happened(studio: Studio) -> None:
    await studio.control.fault("hang_up", action="CreateFineTune")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await studio.create()
    assert (await studio.control.paid()).training == 0


async def test_a_slow_call_has_its_effect_before_the_answer_comes(studio: Studio) -> None:
    await studio.control.fault("slow", action="CreateFineTune", seconds=3600)
    asking = asyncio.create_task(studio.create())
    await studio.control.wait_for_calls("CreateFineTune")
    assert (await studio.control.paid()).training == 1
    assert not asking.done()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_vendor_that_is_down_refuses_even_links_until_it_is_up_again(studio: Studio) -> None:
    link = (await studio.portraits())["results"][0]["url"]
    await studio.control.fault("down")
    assert await statuses(studio, 2) == [503, 503]
    assert (await bare(link)).status_code == 503
    await studio.control.clear()
    await studio.control.fault("down", mode="hang_up")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await studio.create()
    await studio.control.clear()
    assert (await bare(link)).status_code == 200


async def test_a_call_the_door_refuses_uses_up_no_order(studio: Studio) -> None:
    await studio.control.fault("unavailable")
    assert (await studio.http.get("/files", headers={"Authorization": "Bearer x"})).status_code == 401
    assert await statuses(studio, 2) == [503, 200]


# Faults of jobs.


async def test_a_training_may_fail_half_way_for_a_reason(slow_studio: Studio) -> None:
    await slow_studio.control.fault("training_fails", code="DataInspectionFailed", message="As ordered.")
    job_id = await slow_studio.train()
    await slow_studio.turn(55)
    await slow_studio.control.wait_for_job("training", job_id, "RUNNING", progress=0.3)
    await slow_studio.turn(10)
    await slow_studio.control.wait_for_job("training", job_id, "FAILED")
    job = await slow_studio.job(job_id)
    assert (job["code"], job["message"]) == ("DataInspectionFailed", "As ordered.")
    assert not list((slow_studio.state_dir / "faces").glob("*"))


async def test_a_task_may_fail_half_way_for_a_reason(studio: Studio) -> None:
    await studio.control.fault("inference_fails")
    task = await studio.portraits(status="FAILED")
    assert (task["code"], "results" in task) == ("InternalError.Algo", False)
    await studio.control.fault("inference_fails", code="InvalidImageResolution")
    assert (await studio.portraits(status="FAILED"))["code"] == "InvalidImageResolution"


@pytest.mark.parametrize("kind", ["training", "inference"])
async def test_a_stuck_job_never_ends_until_it_is_told_to_fail(studio: Studio, kind: str) -> None:
    await studio.control.fault(f"{kind}_stuck")
    job_id = await (studio.train() if kind == "training" else studio.ordered())
    await studio.control.wait_for_job(kind, job_id, "RUNNING", progress=0.99)
    with pytest.raises(TimeoutError):
        await studio.control.wait_for_job(kind, job_id, seconds=0.2)
    await studio.control.fault(f"{kind}_fails", job=job_id)
    await studio.control.wait_for_job(kind, job_id, "FAILED")
    with pytest.raises(ControlError, match="under way"):
        await studio.control.fault(f"{kind}_fails", job=job_id)


async def test_a_stuck_training_can_be_cancelled(studio: Studio) -> None:
    await studio.control.fault("training_stuck")
    job_id = await studio.train()
    await studio.control.wait_for_job("training", job_id, "RUNNING", progress=0.99)
    await studio.ask("POST", f"/fine-tunes/{job_id}/cancel")
    await studio.control.wait_for_job("training", job_id, "CANCELED")
    assert not list((studio.state_dir / "faces").glob("*"))


async def test_lists_may_lag(slow_studio: Studio) -> None:
    await slow_studio.control.fault("list_lag", seconds=45)
    job_id, task_id = await slow_studio.train(), await slow_studio.ordered()

    async def listed() -> tuple[list[str], list[str]]:
        jobs = (await slow_studio.ask("GET", "/fine-tunes"))["output"]["jobs"]
        tasks = (await slow_studio.ask("GET", "/tasks"))["tasks"]
        return [job["job_id"] for job in jobs], [task["task_id"] for task in tasks]

    assert await listed() == ([], [])
    assert (await slow_studio.job(job_id))["status"] == "PENDING"
    await slow_studio.turn(46)
    assert await listed() == ([job_id], [task_id])


async def test_a_new_job_may_be_unknown_for_a_while(slow_studio: Studio) -> None:
    await slow_studio.control.fault("not_yet", seconds=60)
    job_id, task_id = await slow_studio.train(), await slow_studio.ordered()
    refusal(await slow_studio.http.get(f"/fine-tunes/{job_id}"), 404, "NotFound")
    assert (await slow_studio.task(task_id))["task_status"] == "UNKNOWN"
    await slow_studio.turn(61)
    await slow_studio.control.wait_for_job("inference", task_id)
    assert (await slow_studio.job(job_id))["job_id"] == job_id


async def test_an_unknown_word_may_be_told_once(studio: Studio) -> None:
    job_id, task_id = await studio.trained(), (await studio.portraits())["task_id"]
    await studio.control.fault("status_word", word="REVIEWING", action="GetFineTune")
    await studio.control.fault("status_word", word="SUSPENDED", action="GetTask")
    await studio.control.fault("status_word", action="ListFineTunes")
    await studio.control.fault("status_word", action="ListTasks")
    assert [(await studio.job(job_id))["status"] for _ in range(2)] == ["REVIEWING", "SUCCEEDED"]
    assert [(await studio.task(task_id))["task_status"] for _ in range(2)] == ["SUSPENDED", "SUCCEEDED"]
    assert (await studio.ask("GET", "/fine-tunes"))["output"]["jobs"][0]["status"] == "SOMETHING_NEW"
    assert (await studio.ask("GET", "/tasks"))["tasks"][0]["task_status"] == "SOMETHING_NEW"


async def test_a_finished_task_may_show_no_pictures(studio: Studio) -> None:
    await studio.control.fault("empty_result")
    task = await studio.portraits()
    assert (task["task_status"], task["results"]) == ("SUCCEEDED", [])
    assert len((await studio.task(task["task_id"]))["results"]) == 1


async def test_one_picture_may_be_dead_for_a_while(studio: Studio) -> None:
    task = await studio.portraits(parameters={"n": 2})
    first, second = (result["url"] for result in task["results"])
    await studio.control.fault("dead_image", image=1, times=2)
    assert [(await bare(second)).status_code for _ in range(3)] == [404, 404, 200]
    await studio.control.fault("dead_image", image=0, times=None, job=task["task_id"])
    assert ["<Code>NoSuchKey</Code>" in (await bare(first)).text for _ in range(3)] == [True] * 3
    assert (await bare(second)).status_code == 200


# The control surface.


async def test_the_journal_tells_every_call_and_no_secret(studio: Studio) -> None:
    job_id = await studio.trained()
    task = await studio.portraits((await studio.job(job_id))["finetuned_output"])
    await studio.http.get("/nowhere")
    journal = await studio.control.journal()
    assert [(entry.action, entry.status, entry.code, entry.subject) for entry in journal] == [
        ("CreateFineTune", 200, None, job_id),
        ("GetFineTune", 200, None, job_id),
        ("CreatePortraits", 200, None, task["task_id"]),
        ("GetTask", 200, None, task["task_id"]),
        ("?", 404, "NotFound", None),
    ]
    told = repr(journal) + repr(await studio.control.fetches()) + repr(await studio.control.jobs())
    for secret in (API_KEY, "secret-0", studio.gallery.origin, "Signature"):
        assert secret not in told


async def test_the_control_tells_of_jobs_what_the_panel_needs(studio: Studio) -> None:
    await studio.control.fault("training_fails", times=1, skip=1)
    job_id = await studio.trained()
    face = (await studio.job(job_id))["finetuned_output"]
    task = await studio.portraits(face)
    await studio.control.wait_for_job("training", await studio.train(), "FAILED")
    training, failed, portraits = await studio.control.jobs()
    assert (training.kind, training.id, training.face, training.note) == ("training", job_id, face, "")
    assert (failed.status, failed.note) == ("FAILED", "no qualified face found")
    assert (portraits.kind, portraits.id, portraits.face) == ("inference", task["task_id"], face)
    assert (portraits.style, portraits.images, portraits.progress) == ("f_business_male", 1, 1.0)
    assert await studio.control.bill() == {"training": 2, "inference": 1}


async def test_whatever_the_panel_offers_can_be_ordered(studio: Studio) -> None:
    panel = await studio.control.panel()
    shown = (await studio.http.get(f"{studio.vendor.origin}/control/settings")).json()
    for knob in panel["knobs"]:
        assert knob["setting"] in shown
        value: Any = True if knob["switch"] else next(reversed(knob["choices"]), knob["most"])
        await studio.control.turn(**{knob["setting"]: value})
    for trouble in panel["troubles"]:
        await studio.control.fault(
            trouble["kind"], action=trouble["action"], times=trouble["times"], **trouble["details"]
        )
    assert len(await studio.control.faults()) == len(panel["troubles"])
    # Every word of a status, and the kinds of jobs, are named.
    words = {"PENDING", "QUEUING", "RUNNING", "CANCELING", "SUCCEEDED", "FAILED", "CANCELED"}
    assert set(panel["statuses"]) == words
    assert set(panel["jobs"]) == {"training", "inference"}


async def test_nonsense_orders_are_refused_with_a_sentence(studio: Studio) -> None:
    with pytest.raises(ControlError, match="There is no action DeleteEverything"):
        await studio.control.fault("slow", action="DeleteEverything")  # type: ignore[arg-type]
    with pytest.raises(ControlError, match="is no value for retired"):
        await studio.control.turn(retired="perhaps")
    with pytest.raises(ControlError, match="There is no setting named colour"):
        await studio.control.turn(colour="red")
