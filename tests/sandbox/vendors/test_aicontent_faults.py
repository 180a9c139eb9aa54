"""Every fault that can be ordered, as a caller meets it."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from bot.sandbox.vendors.control import AicontentControl, ControlError
from tests.sandbox.vendors.scene import PROMPT, Setup


async def create(setup: Setup) -> httpx.Response:
    return await setup.customer.call("AddModelTrainJob", setup.training_order())


async def statuses(setup: Setup, count: int) -> list[int]:
    return [(await setup.customer.call("QueryModelTrainJobList")).status_code for _ in range(count)]


async def test_throttled_calls_name_the_wait_in_milliseconds_and_start_nothing(setup: Setup) -> None:
    await setup.control.fault("throttled", action="AddModelTrainJob", retry_after_ms=2500)
    response = await create(setup)
    assert response.status_code == 429
    assert response.headers["x-acs-retry-after"] == "2500"
    assert response.json()["Code"] == "Throttling.User"
    assert (await setup.control.paid()).training == 0
    assert (await create(setup)).status_code == 200


async def test_a_throttling_may_come_with_another_status_and_in_small_letters(setup: Setup) -> None:
    await setup.control.fault("throttled", status=400, lowercase=True)
    response = await setup.customer.call("QueryModelTrainJobList")
    assert (response.status_code, response.json()["code"]) == (400, "Throttling.User")
    assert {"message", "requestId"} < set(response.json())


async def test_an_unavailable_vendor_starts_nothing(setup: Setup) -> None:
    await setup.control.fault("unavailable")
    response = await create(setup)
    assert (response.status_code, response.json()["Code"]) == (503, "ServiceUnavailable")
    assert (await setup.control.paid()).training == 0


async def test_a_proxy_may_answer_with_a_page_of_its_own_and_pass_nothing_on(setup: Setup) -> None:
    await setup.control.fault("not_json")
    await setup.control.fault("not_json", status=200)
    for status in (502, 200):
        response = await create(setup)
        assert (response.status_code, response.text.startswith("<html>")) == (status, True)
    assert (await setup.control.paid()).training == 0
    assert [entry.code for entry in await setup.control.journal()] == ["NOT_JSON", "NOT_JSON"]


async def test_an_error_500_on_order_may_hide_a_job_that_was_created(setup: Setup) -> None:
    await setup.control.fault("effect_then_500", action="AddModelTrainJob")
    response = await create(setup)
    assert (response.status_code, response.json()["errCode"]) == (500, "UNKNOWN_ERROR")
    assert response.json()["success"] is False
    assert [job["id"] for job in await setup.customer.ask("QueryModelTrainJobList")] == ["456"]
    assert (await setup.control.paid()).training == 1
    (entry, _) = await setup.control.journal()
    assert (entry.status, entry.subject) == (500, "456")


async def test_a_connection_may_break_after_the_job_was_created(setup: Setup) -> None:
    model_id = await setup.model()
    await setup.control.fault("effect_then_hang_up", action="AddInferenceJob")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await setup.customer.call("AddInferenceJob", {"modelId": model_id, "prompt": PROMPT})
    (job,) = await setup.customer.ask("QueryModelTrainJobList")
    assert [one["id"] for one in job["inferenceJobList"]] == ["3220"]
    assert (await setup.control.paid()).inference == 1
    lost = next(entry for entry in await setup.control.journal() if entry.action == "AddInferenceJob")
    assert (lost.status, lost.code, lost.subject) == (None, "HANG_UP", "3220")


async def test_a_connection_may_break_before_anything_happened(setup: Setup) -> None:
    await setup.control.fault("hang_up", action="AddModelTrainJob")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await create(setup)
    assert (await setup.control.paid()).training == 0


async def test_an_error_may_be_ordered_in_either_family(setup: Setup) -> None:
    await setup.control.fault("error", status=404, code="B_MODEL_TRAIN_JOB_NOT_EXIST")
    response = await create(setup)
    assert (response.status_code, response.json()["errCode"]) == (404, "B_MODEL_TRAIN_JOB_NOT_EXIST")
    await setup.control.fault("error", status=403, code="Forbidden.RAM", family="gateway")
    response = await create(setup)
    assert (response.status_code, response.json()["Code"]) == (403, "Forbidden.RAM")
    assert (await setup.control.paid()).training == 0


async def test_http_200_may_mean_no(setup: Setup) -> None:
    await setup.control.fault("not_success", code="B_QUOTA")
    response = await create(setup)
    assert (response.status_code, response.json()["success"]) == (200, False)
    assert response.json()["errCode"] == "B_QUOTA"
    assert (await setup.control.paid()).training == 0


async def test_a_slow_call_has_its_effect_before_the_answer_comes(setup: Setup) -> None:
    await setup.control.fault("slow", action="AddModelTrainJob", seconds=3600)
    asking = asyncio.create_task(create(setup))
    await setup.control.wait_for_calls("AddModelTrainJob")
    assert (await setup.control.paid()).training == 1
    assert not asking.done()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_slow_call_is_as_slow_as_was_ordered_and_then_answered(setup: Setup) -> None:
    await setup.control.fault("slow", seconds=0.2)
    began = time.monotonic()
    response = await create(setup)
    assert response.json()["success"] is True
    assert time.monotonic() - began >= 0.2


async def test_a_training_may_fail_half_way(slow_setup: Setup) -> None:
    await slow_setup.control.fault("training_fails")
    job_id = await slow_setup.train()
    assert slow_setup.clock is not None
    slow_setup.clock.now += 70
    await slow_setup.control.settings()
    await slow_setup.control.wait_for_job("training", job_id, "TRAIN_FAILED")
    (job,) = await slow_setup.customer.ask("QueryModelTrainJobList")
    assert job["jobTrainProgress"] < 1
    await slow_setup.control.settings(train_seconds=0)
    await slow_setup.control.wait_for_job("training", await slow_setup.train())


@pytest.mark.parametrize("kind", ["training", "inference"])
async def test_a_stuck_job_never_ends_until_it_is_told_to_fail(setup: Setup, kind: str) -> None:
    job_id = await stuck(setup, kind)
    await setup.control.settings(train_seconds=0, infer_seconds=0)
    with pytest.raises(TimeoutError):
        await wait(setup, kind, job_id, "FINISHED", seconds=0.2)
    await setup.control.fault(f"{kind}_fails", job=job_id)
    await wait(setup, kind, job_id, "TRAIN_FAILED")


async def stuck(setup: Setup, kind: str) -> str:
    model_id = await setup.model() if kind == "inference" else ""
    await setup.control.fault(f"{kind}_stuck")
    if kind == "training":
        job_id = await setup.train()
        await wait(setup, kind, job_id, "TRAINING", progress=0.99)
        return job_id
    data = await setup.customer.ask("AddInferenceJob", {"modelId": model_id, "prompt": PROMPT})
    await wait(setup, kind, data["id"], "TRAINING", progress=0.99)
    return str(data["id"])


async def wait(setup: Setup, kind: str, job_id: str, status: str, **options: Any) -> None:
    await setup.control.wait_for_job(kind, job_id, status, **options)  # type: ignore[arg-type]


async def test_a_job_under_way_may_be_told_to_fail(slow_setup: Setup) -> None:
    job_id = await slow_setup.train()
    await slow_setup.control.fault("training_fails", job=job_id)
    await slow_setup.control.settings(train_seconds=0)
    await slow_setup.control.wait_for_job("training", job_id, "TRAIN_FAILED")
    with pytest.raises(ControlError, match="under way"):
        await slow_setup.control.fault("training_fails", job=job_id)


async def test_one_picture_may_be_dead_for_a_while_or_for_ever(setup: Setup) -> None:
    job = await setup.infer(await setup.model(), imageNumber=2)
    await setup.control.fault("dead_image", image=1, times=2)
    found = [(await setup.picture(job, "0001.png")).status_code for _ in range(3)]
    assert found == [404, 404, 200]
    await setup.control.fault("dead_image", image=0, times=None, job=job["id"])
    for _ in range(3):
        response = await setup.picture(job, "0000.png")
        assert (response.status_code, response.json()["errCode"]) == (404, "B_DATA_NOT_FOUND_EXCEPTION")
    assert (await setup.picture(job, "0001.png")).status_code == 200


async def test_a_model_may_be_unknown_until_its_job_is_a_minute_old(slow_setup: Setup) -> None:
    assert slow_setup.clock is not None
    job_id = await slow_setup.train()
    await slow_setup.control.settings(train_seconds=0)
    await slow_setup.control.wait_for_job("training", job_id)
    (job,) = await slow_setup.customer.ask("QueryModelTrainJobList")
    await slow_setup.control.fault("not_yet", seconds=60)
    response = await slow_setup.customer.call("QueryModelTrainStatus", {"modelId": job["modelId"]})
    assert (response.status_code, response.json()["errCode"]) == (404, "B_MODEL_TRAIN_JOB_NOT_EXIST")
    slow_setup.clock.now += 61
    data = await slow_setup.customer.ask("QueryModelTrainStatus", {"modelId": job["modelId"]})
    assert data["modelTrainStatus"] == "FINISHED"


async def test_a_list_may_lag(slow_setup: Setup) -> None:
    assert slow_setup.clock is not None
    await slow_setup.control.fault("list_lag", seconds=45)
    job_id = await slow_setup.train()
    assert await slow_setup.customer.ask("QueryModelTrainJobList") == []
    slow_setup.clock.now += 46
    assert [job["id"] for job in await slow_setup.customer.ask("QueryModelTrainJobList")] == [job_id]


async def test_an_unknown_word_may_be_told_once(setup: Setup) -> None:
    model_id = await setup.model()
    job = await setup.infer(model_id)
    await setup.control.fault("status_word", word="REVIEWING")
    words = []
    for _ in range(2):
        data = await setup.customer.ask("QueryModelTrainStatus", {"modelId": model_id})
        words.append(data["modelTrainStatus"])
    assert words == ["REVIEWING", "FINISHED"]
    await setup.control.fault("status_word", word="PAUSED", action="QueryInferenceJobInfo")
    await setup.customer.ask("QueryModelTrainJobList")
    data = await setup.customer.ask("QueryInferenceJobInfo", {"inferenceJobId": job["id"]})
    assert data["jobStatus"] == "PAUSED"


async def test_a_finished_inference_may_show_no_pictures(setup: Setup) -> None:
    model_id = await setup.model()
    await setup.control.fault("empty_result")
    job = await setup.infer(model_id)
    assert (job["jobStatus"], job["resultImageUrl"]) == ("FINISHED", [])
    job = await setup.customer.ask("QueryInferenceJobInfo", {"inferenceJobId": job["id"]})
    assert job["resultImageUrl"] == ["0000.png"]


@pytest.mark.parametrize("seconds", [3600, -3600])
async def test_a_vendor_with_a_wrong_clock_refuses_everybody(setup: Setup, seconds: int) -> None:
    await setup.control.fault("clock", seconds=seconds)
    for _ in range(2):
        response = await setup.customer.call("QueryModelTrainJobList")
        assert (response.status_code, response.json()["Code"]) == (400, "InvalidTimeStamp.Expired")
    await setup.control.clear()
    assert await statuses(setup, 1) == [200]


async def test_a_vendor_that_is_down_refuses_everything_until_it_is_up_again(setup: Setup) -> None:
    await setup.control.fault("down")
    assert await statuses(setup, 3) == [503, 503, 503]
    await setup.control.clear()
    await setup.control.fault("down", mode="hang_up")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await create(setup)
    await setup.control.clear()
    assert await statuses(setup, 1) == [200]
    assert (await setup.control.paid()).training == 0


async def test_an_order_is_for_its_action_and_for_so_many_calls_after_those_it_skips(setup: Setup) -> None:
    await setup.control.fault("unavailable", action="QueryModelTrainJobList", times=2, skip=1)
    assert (await create(setup)).status_code == 200
    assert await statuses(setup, 4) == [200, 503, 503, 200]
    assert await setup.control.faults() == []


async def test_orders_for_the_same_action_are_carried_out_in_turn(setup: Setup) -> None:
    await setup.control.fault("throttled")
    await setup.control.fault("unavailable")
    await setup.control.fault("error", status=500)
    assert await statuses(setup, 4) == [429, 503, 500, 200]


async def test_an_order_without_an_end_lasts_until_it_is_cleared(setup: Setup) -> None:
    await setup.control.fault("unavailable", times=None)
    assert await statuses(setup, 5) == [503] * 5
    assert [(fault.kind, fault.times) for fault in await setup.control.faults()] == [("unavailable", None)]
    await setup.control.clear()
    assert await statuses(setup, 1) == [200]


async def test_a_call_the_gateway_refuses_uses_up_no_order(setup: Setup) -> None:
    await setup.control.fault("unavailable")
    async with httpx.AsyncClient(base_url=setup.vendor.origin, trust_env=False) as bare:
        await bare.get("/api/v1/personalizedtxt2img/queryModelTrainJobList")
    assert len(await setup.control.faults()) == 1


async def test_nonsense_orders_are_refused_with_a_sentence(setup: Setup) -> None:
    with pytest.raises(ValueError, match="is not a valid FaultKind"):
        await setup.control.fault("gremlins")
    with pytest.raises(ControlError, match="There is no action DeleteEverything"):
        await setup.control.fault("slow", action="DeleteEverything")  # type: ignore[arg-type]
    with pytest.raises(ControlError, match="is no value for train_seconds"):
        await setup.control.settings(train_seconds=-1)
    async with httpx.AsyncClient(base_url=setup.vendor.origin, trust_env=False) as bare:
        response = await bare.post("/control/settings", json={"colour": "red"})
        assert (response.status_code, "colour" in response.json()["error"]) == (400, True)
        assert (await bare.post("/control/faults", content=b"{")).status_code == 400


async def test_waiting_for_what_does_not_happen_ends(setup: Setup) -> None:
    with pytest.raises(TimeoutError, match="training 1 to be FINISHED"):
        await setup.control.wait_for_job("training", "1", seconds=0.05)
    with pytest.raises(TimeoutError, match="2 calls of AddModelTrainJob"):
        await setup.control.wait_for_calls("AddModelTrainJob", 2, seconds=0.05)


async def test_the_control_client_closes_with_its_block(setup: Setup) -> None:
    async with AicontentControl(setup.vendor.origin) as control:
        assert await control.jobs() == []
    with pytest.raises(RuntimeError, match="closed"):
        await control.jobs()
