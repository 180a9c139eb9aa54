"""Every fault that can be ordered of the MetaStudio stand-in, as a caller meets it, and its panel."""

import asyncio
import time

import httpx
import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException

from bot.sandbox.vendors.control import ControlError
from bot.sandbox.vendors.metastudio_control import Errand, MetastudioAction, Stage, State
from tests.sandbox.vendors.metastudio_scene import JOBS, PREFIX, Lot, photo

pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")


async def create(lot: Lot) -> httpx.Response:
    return await lot.customer.call("POST", JOBS, json={"name": "ana"})


async def trainings(lot: Lot) -> int:
    return int((await lot.control.bill())["training"])


async def test_a_busy_vendor_throttles_and_starts_nothing(lot: Lot) -> None:
    await lot.control.fault("throttled", action="CreateTraining")
    answer = await create(lot)
    assert (answer.status_code, answer.json()["error_code"]) == (429, "APIGW.0308")
    assert await trainings(lot) == 0
    assert (await create(lot)).status_code == 200


async def test_an_unavailable_vendor_starts_nothing(lot: Lot) -> None:
    await lot.control.fault("unavailable")
    answer = await create(lot)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "MSS.00000004")
    assert await trainings(lot) == 0


async def test_any_error_of_the_vendors_can_be_ordered(lot: Lot) -> None:
    for status, code in (
        (500, "MSS.00000004"),
        (500, "MSS.42000007"),
        (400, "MSS.20010135"),
        (400, "MSS.10001006"),
        (404, "APIGW.0101"),
        (400, "MSS.99999999"),
    ):
        await lot.control.fault("error", status=status, code=code, message="On order.")
        answer = await create(lot)
        assert (answer.status_code, answer.json()["error_code"]) == (status, code)
        assert ("request_id" in answer.json()) == code.startswith("APIGW")
    assert await trainings(lot) == 0


async def test_the_vendors_client_tells_a_servers_error_from_a_callers(lot: Lot) -> None:
    await lot.control.fault("error", action="ListTrainings")
    with pytest.raises(ServerResponseException) as server:
        await lot.list()
    assert (server.value.status_code, server.value.error_code) == (500, "MSS.00000004")
    await lot.control.fault("error", action="ListTrainings", status=400, code="MSS.00000003")
    with pytest.raises(ClientRequestException):
        await lot.list()


async def test_a_command_may_fail_with_a_200(lot: Lot) -> None:
    made = await lot.create()
    await lot.upload(made)
    await lot.control.fault("not_success", action="CommandTraining", code="MSS.00000004", message="try later")
    answer = await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")
    assert (answer.commond_result, answer.excute_failed_msg) == ("EXCUTE_FAILED", "try later")
    assert answer.error_info.error_code == "MSS.00000004"
    assert (await lot.command(made.job_id, "SUBMITVERIFYING")).excute_failed_msg == "file missing"


@pytest.mark.parametrize("status", [200, 502])
async def test_a_proxy_may_answer_with_a_page_of_its_own(lot: Lot, status: int) -> None:
    await lot.control.fault("not_json", status=status)
    answer = await create(lot)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert await trainings(lot) == 0


@pytest.mark.parametrize("status", [500, 504])
async def test_a_failure_may_hide_a_job_that_was_created(lot: Lot, status: int) -> None:
    await lot.control.fault("effect_then_500", action="CreateTraining", status=status)
    answer = await create(lot)
    assert answer.status_code == status
    assert ("json" in answer.headers["content-type"]) == (status == 500)
    (job,) = (await lot.list(name="ana")).jobs
    assert await trainings(lot) == 1
    entry = (await lot.control.journal())[0]
    assert (entry.status, entry.subject) == (status, job.job_id)


async def test_a_connection_may_break_after_the_job_was_created_and_before(lot: Lot) -> None:
    for kind, count in (("hang_up", 0), ("effect_then_hang_up", 1)):
        await lot.control.fault(kind, action="CreateTraining")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await create(lot)
        assert await trainings(lot) == count


async def test_an_upload_may_be_stored_without_an_answer(lot: Lot) -> None:
    made = await lot.create()
    await lot.control.fault("effect_then_hang_up", action="UploadTrainingVideo")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await lot.customer.put(made.training_video_upload_url[0], b"a film")
    listed = await lot.command(made.job_id, "GET_MULTIPART_UPLOADED")
    assert [part.part_number for part in listed.multipart_data] == ["1"]
    assert (await lot.customer.put(made.training_video_upload_url[0], b"a film")).status_code == 403


async def test_a_submission_may_happen_without_an_answer(lot: Lot) -> None:
    await lot.control.settings(auto_review_seconds=3600)
    made = await lot.create()
    await lot.upload(made)
    await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")
    await lot.control.fault("effect_then_500", action="CommandTraining", status=504)
    with pytest.raises(ServerResponseException):
        await lot.command(made.job_id, "SUBMITVERIFYING")
    assert (await lot.show(made.job_id)).state == "AUTO_VERIFYING"


@pytest.mark.parametrize("mode", ["503", "hang_up"])
async def test_a_vendor_that_is_down_refuses_everything_until_it_is_up(lot: Lot, mode: str) -> None:
    made = await lot.create()
    await lot.control.fault("down", mode=mode)
    for _ in range(3):
        if mode == "503":
            assert (await create(lot)).status_code == 503
            assert (await lot.customer.put(made.cover_upload_url, b"x")).status_code == 503
        else:
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await create(lot)
    await lot.control.clear()
    assert (await create(lot)).status_code == 200
    assert (await lot.customer.put(made.cover_upload_url, b"x")).status_code == 200


async def test_a_slow_call_has_its_effect_before_the_answer_comes(lot: Lot) -> None:
    await lot.control.fault("slow", action="CreateTraining", seconds=3600)
    asking = asyncio.create_task(create(lot))
    await lot.control.wait_for_calls("CreateTraining")
    assert await trainings(lot) == 1
    assert not asking.done()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await lot.control.fault("slow", seconds=0.2)
    began = time.monotonic()
    assert (await create(lot)).status_code == 200
    assert time.monotonic() - began >= 0.2


async def test_a_new_job_may_be_missing_from_lists_and_unknown_for_a_while(slow_lot: Lot) -> None:
    lot = slow_lot
    await lot.control.fault("list_lag", seconds=60)
    await lot.control.fault("not_yet", seconds=60)
    made = (await create(lot)).json()
    assert (await lot.list()).count == 0
    assert (await lot.customer.call("GET", f"{JOBS}/{made['job_id']}")).status_code == 404
    await lot.turn(61)
    assert (await lot.list()).count == 1
    assert (await lot.customer.call("GET", f"{JOBS}/{made['job_id']}")).status_code == 200


async def test_a_link_may_be_said_to_have_expired(lot: Lot) -> None:
    made = await lot.create()
    await lot.control.fault("link_expired", action="UploadGrantFile")
    assert (await lot.customer.put(made.cover_upload_url, photo("PNG"))).status_code == 200
    assert (await lot.customer.put(made.grant_file_upload_url, b"x")).status_code == 403
    assert (await lot.customer.put(made.grant_file_upload_url, b"x")).status_code == 200
    link = (await lot.show(made.job_id)).cover_download_url
    await lot.control.fault("link_expired", action="Download", times=None)
    for _ in range(2):
        answer = await lot.customer.get(link)
        assert (answer.status_code, "expired" in answer.text) == (403, True)
    await lot.control.clear()
    await lot.control.fault("dead_image")
    assert (await lot.customer.get(link)).status_code == 404
    assert (await lot.customer.get(link)).status_code == 200


async def test_a_success_may_come_without_its_picture(lot: Lot) -> None:
    asset_id = await lot.untrained_avatar()
    job_id = await lot.clip(asset_id)
    await lot.control.wait_for_job("clip", job_id)
    await lot.control.fault("empty_result", action="ShowClip")
    assert (await lot.show_clip(job_id)).output_asset_config.cover_url is None
    assert (await lot.show_clip(job_id)).output_asset_config.cover_url


async def test_a_fault_waits_for_its_turn(lot: Lot) -> None:
    await lot.control.fault("unavailable", action="CreateTraining", times=2, skip=1)
    assert [(await create(lot)).status_code for _ in range(4)] == [200, 503, 503, 200]


async def test_a_caller_who_is_not_let_in_uses_up_no_order(lot: Lot) -> None:
    await lot.control.fault("unavailable")
    assert (await lot.customer.http.get(JOBS)).status_code == 401
    assert len(await lot.control.faults()) == 1


async def test_orders_and_settings_that_do_not_exist_are_refused(lot: Lot) -> None:
    with pytest.raises(ControlError, match="no action"):
        await lot.control.fault("slow", action="MakeCoffee")  # type: ignore[arg-type]
    with pytest.raises(ControlError, match="no setting"):
        await lot.control.settings(coffee=True)
    with pytest.raises(ControlError, match="train_seconds"):
        await lot.control.settings(train_seconds=-1)


async def test_every_action_can_be_named_in_an_order(lot: Lot) -> None:
    for action in MetastudioAction.__args__:  # type: ignore[attr-defined]
        await lot.control.fault("slow", action=action)
    assert len(await lot.control.faults()) == len(MetastudioAction.__args__)  # type: ignore[attr-defined]


# What the panel is told.


async def test_the_panel_has_words_for_every_kind_and_state_and_orders_that_are_understood(
    lot: Lot,
) -> None:
    panel = await lot.control.panel()
    assert set(panel["jobs"]) == {"training", *Errand}
    assert {*State, *Stage} == set(panel["statuses"])
    async with httpx.AsyncClient(base_url=f"{lot.vendor.origin}/control", trust_env=False) as http:
        settings = (await http.get("/settings")).json()
        assert {knob["setting"] for knob in panel["knobs"]} <= settings.keys()
        for trouble in panel["troubles"]:
            order = {name: trouble[name] for name in ("kind", "times", "action", "details")}
            assert (await http.post("/faults", json=order)).status_code == 200, trouble["label"]
        await http.delete("/faults")
        made = await lot.create()
        for fate in panel["fates"]:
            order = {"kind": fate["faults"]["training"], "details": {"job": made.job_id}}
            assert (await http.post("/faults", json=order)).status_code == 200, fate["label"]
    assert [fault.details["job"] for fault in await lot.control.faults()] == [made.job_id] * 4


async def test_the_panel_is_told_how_far_each_job_is(slow_lot: Lot) -> None:
    lot = slow_lot
    made = await lot.create(name="ana")
    (waiting,) = await lot.control.jobs()
    assert (waiting.kind, waiting.status, waiting.progress) == ("training", "WAIT_FILE_UPLOAD", 0.0)
    assert waiting.note == "0 of 4 files are here"
    await lot.upload(made)
    assert (await lot.control.jobs())[0].note == "4 of 4 files are here"
    await lot.submit(made.job_id)
    seen = []
    for _ in range(5):
        await lot.turn(200)
        seen.append((await lot.control.jobs())[0].progress)
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] < 1


async def test_what_costs_money_is_counted_by_kind_and_a_photo_check_is_free(lot: Lot) -> None:
    await lot.control.settings(queue_seconds=3600)
    await create(lot)
    checked = {"human_image": "/9j/"}
    assert (await lot.customer.call("POST", f"{PREFIX}/photo-detection", json=checked)).status_code == 400
    assert await lot.control.bill() == {"training": 1, "clip": 0, "photo_video": 0, "picture_model": 0}
