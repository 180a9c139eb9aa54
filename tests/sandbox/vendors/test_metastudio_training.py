"""The training group's six calls: every field and its limits, lists, updates, deletion, commands."""

from typing import Any

import httpx
import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkmetastudio import v1

from bot.sandbox.vendors.metastudio_control import State
from tests.sandbox.vendors.metastudio_scene import JOBS, PREFIX, Lot, film, photo

pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")

VOICE_PROPERTIES = {"job_tag": "NEWS", "sex": "FEMALE", "language": "CN"}
DELETABLE = {
    "WAIT_FILE_UPLOAD",
    "AUTO_VERIFY_FAILED",
    "MANUAL_VERIFYING",
    "MANUAL_VERIFY_FAILED",
    "TRAINING_DATA_PREPROCESS_FAILED",
    "TRAIN_FAILED",
    "INFERENCE_DATA_PREPROCESS_FAILED",
    "JOB_SUCCESS",
    "WAIT_USER_CONFIRM",
    "JOB_REJECT",
    "JOB_FINISH",
}


WRONG: list[dict[str, Any]] = [
    {"name": None},
    {"name": ""},
    {"name": "x" * 257},
    {"name": 7},
    {"contact": 13800000000},
    {"command_message": "DELETE_VIDEO"},
    {"video_multipart_count": 0},
    {"video_multipart_count": 1001},
    {"video_multipart_count": "1"},
    {"video_multipart_count": True},
    {"video_multipart_count": 1.5},
    {"action_video_multipart_count": 0},
    {"action_video_multipart_count": 1001},
    {"is_background_replacement": "false"},
    {"is_background_replacement": 0},
    {"batch_name": 1},
    {"tags": "slack"},
    {"tags": [1]},
    {"model_version": "V3"},
    {"model_version": "V2"},
    {"model_version": "V3.3"},
    {"model_version": "V3_2"},
    {"is_ondemand_resource": "true"},
    {"is_flexus": 1},
    {"is_only_human_model": True},
    {"is_live_copy": "no"},
    {"audio_source_type": "MP3"},
    {"supported_service": ["VIDEO_3D"]},
    {"supported_service": "VIDEO_2D"},
    {"voice_properties": VOICE_PROPERTIES},
    {"is_flexus": True, "supported_service": ["VIDEO_2D", "LIVE_2D"]},
    {"is_flexus": True, "is_background_replacement": True},
    {"is_flexus": True, "voice_properties": {"job_tag": "NEWS", "sex": "FEMALE"}},
    {"is_flexus": True, "voice_properties": VOICE_PROPERTIES | {"language": "EN"}},
    {"is_flexus": True, "voice_properties": VOICE_PROPERTIES | {"job_tag": "SPORTS"}},
    {"is_flexus": True, "voice_properties": VOICE_PROPERTIES | {"sex": "UNKNOW"}},
]
RIGHT: list[dict[str, Any]] = [
    {"command_message": "GET_ACTION_VIDEO_MULTIPART"},
    {"video_multipart_count": 1000},
    {"supported_service": ["VIDEO_2D", "LIVE_2D", "CHAT_2D"]},
    {"is_flexus": True, "is_only_human_model": True},
    {"is_flexus": True, "voice_properties": VOICE_PROPERTIES},
    {"is_fast_flexus": True, "model_version": "V3.3"},
    {"is_ondemand_resource": True, "is_live_copy": True, "contact": "13800000000"},
    {"something_new": 1},
]


async def create(lot: Lot, **wishes: Any) -> httpx.Response:
    return await lot.customer.call("POST", JOBS, json={"name": "ana"} | wishes)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (status, code), body
    assert body["error_msg"]
    assert answer.headers["x-request-id"]


async def test_a_field_that_is_wrong_is_refused_and_orders_nothing(lot: Lot) -> None:
    for wishes in WRONG:
        answer = await create(lot, **wishes)
        assert (answer.status_code, answer.json().get("error_code")) == (400, "MSS.00000003"), wishes
    assert (await lot.control.bill())["training"] == 0


async def test_what_the_page_allows_is_taken(lot: Lot) -> None:
    for wishes in RIGHT:
        answer = await create(lot, **wishes)
        assert answer.status_code == 200, (wishes, answer.text)


async def test_what_is_left_out_gets_the_vendors_defaults(lot: Lot) -> None:
    job_id = (await create(lot)).json()["job_id"]
    shown = await lot.show(job_id)
    assert shown.is_background_replacement is True
    assert (shown.model_version, shown.matting_type, shown.model_resolution) == ("V3.2", "AI", "1080P")
    assert (shown.is_flexus, shown.is_ondemand_resource, shown.is_only_human_model) == (False, False, False)
    assert (shown.audio_source_type, shown.supported_service) == ("VIDEO", ["VIDEO_2D", "LIVE_2D"])
    job_id = (await create(lot, is_flexus=True)).json()["job_id"]
    shown = await lot.show(job_id)
    assert (shown.is_background_replacement, shown.supported_service) == (False, ["VIDEO_2D"])
    assert shown.flexus_retry_count == 2


async def test_everything_that_was_asked_for_is_shown_again(lot: Lot) -> None:
    wishes = {
        "contact": "13800000000",
        "batch_name": "b",
        "tags": ["x", "y"],
        "is_flexus": True,
        "is_live_copy": True,
        "voice_properties": VOICE_PROPERTIES,
    }
    answer = await lot.customer.call(
        "POST", JOBS, json={"name": "ana"} | wishes, headers={"X-App-UserId": "U123"}
    )
    shown = (await lot.customer.call("GET", f"{JOBS}/{answer.json()['job_id']}")).json()
    assert {name: shown[name] for name in wishes} == wishes
    assert (shown["app_user_id"], shown["allocated_resource"]["charge_mode"]) == ("U123", "ONE_TIME")


async def test_a_user_id_must_be_ascii(lot: Lot) -> None:
    made = await lot.customer.http.post(JOBS, headers={"X-App-UserId": "Ана".encode()})
    refused(made, 400, "MSS.00000003")


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"", "application/json", "MSS.10000002"),
        (b"{", "application/json", "MSS.10000002"),
        (b'{"name": "ana"}', "text/plain", "MSS.10000002"),
        (b"[]", "application/json", "MSS.00000002"),
        (b'"ana"', "application/json", "MSS.00000002"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(lot: Lot, body: bytes, kind: str, code: str) -> None:
    answer = await lot.customer.call("POST", JOBS, body=body, headers={"Content-Type": kind})
    refused(answer, 400, code)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/command")])
async def test_a_job_that_does_not_exist_is_not_found(lot: Lot, method: str, path: str) -> None:
    body = {"command": "SUBMITVERIFYING"} if method == "POST" else {}
    refused(await lot.customer.call(method, f"{JOBS}/{'0' * 32}{path}", json=body), 404, "MSS.00000002")


async def test_the_vendors_client_sees_the_errors_code_and_request(lot: Lot) -> None:
    with pytest.raises(ClientRequestException) as error:
        await lot.show("0" * 32)
    assert (error.value.status_code, error.value.error_code) == (404, "MSS.00000002")
    assert error.value.request_id
    with pytest.raises(ClientRequestException) as wrong:
        await lot.create(video_multipart_count=1001)
    assert (wrong.value.status_code, wrong.value.error_code) == (400, "MSS.00000003")


async def test_bought_trainings_are_used_up_and_those_on_demand_are_not(lot: Lot) -> None:
    await lot.control.settings(trainings_left=1)
    assert (await create(lot)).status_code == 200
    answer = await create(lot)
    assert (answer.status_code, answer.json()["error_msg"]) == (
        400,
        "No training resource is left; purchase one first.",
    )
    assert (await create(lot, is_ondemand_resource=True)).status_code == 200


# Lists.


async def ids(lot: Lot, **query: Any) -> list[str]:
    return [str(job.name) for job in (await lot.list(**query)).jobs]


async def test_a_list_is_sorted_upwards_unless_told_otherwise(slow_lot: Lot) -> None:
    for name in ("first", "second", "third"):
        await slow_lot.create(name=name)
        await slow_lot.turn(60)
    assert await ids(slow_lot) == ["first", "second", "third"]
    assert await ids(slow_lot, sort_dir="desc") == ["third", "second", "first"]
    assert await ids(slow_lot, sort_key="asset_order", sort_dir="desc", limit=1) == ["third"]


async def test_a_list_comes_in_pages_and_counts_all(lot: Lot) -> None:
    for number in range(12):
        await create(lot, name=f"job-{number:02}")
    page = await lot.list()
    assert (page.count, len(page.jobs)) == (12, 10)
    last = await lot.list(offset=10, limit=100)
    assert (last.count, [job.name for job in last.jobs]) == (12, ["job-10", "job-11"])
    assert (await lot.list(offset=12)).jobs == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name": "ana"}, ["ana spring", "ana summer"]),
        ({"name": "spring"}, ["ana spring"]),
        ({"batch_name": "b1"}, ["ana spring"]),
        ({"batch_name": "b"}, []),
        ({"tag": "team"}, ["ana spring", "ben"]),
        ({"is_flexus": True}, ["ben"]),
        ({"is_live_copy": True}, ["ben"]),
        ({"is_ondemand_resource": True}, ["ana summer"]),
        ({"state": "WAIT_FILE_UPLOAD"}, ["ana spring", "ana summer"]),
        ({"state": "TRAINING,JOB_SUCCESS"}, ["ben"]),
        ({"state": "NO_SUCH_STATE"}, []),
        ({"model_resolution": "4K"}, []),
        ({"train_location": "cn-north-4"}, ["ana spring", "ana summer", "ben"]),
        ({"query_project_id": "somebody-else"}, []),
        ({"create_since": "2020-01-01T00:00:00Z"}, ["ana spring", "ana summer", "ben"]),
        ({"create_until": "2020-01-01T00:00:00Z"}, []),
        ({"update_since": "2020-01-01T00:00:00Z", "update_until": "2020-01-02T00:00:00Z"}, []),
    ],
)
async def test_a_list_can_be_narrowed(lot: Lot, query: dict[str, Any], expected: list[str]) -> None:
    await create(lot, name="ana spring", batch_name="b1", tags=["team", "x"])
    await create(lot, name="ana summer", batch_name="b2", is_ondemand_resource=True)
    made = await create(lot, name="ben", tags=["team"], is_flexus=True, is_live_copy=True)
    await lot.control.put_into(made.json()["job_id"], "TRAINING", stays=True)
    assert await ids(lot, **query) == expected


@pytest.mark.parametrize(
    "query",
    [
        ("limit", 0),
        ("limit", 101),
        ("limit", "many"),
        ("offset", -1),
        ("offset", 2**31),
        ("sort_key", "name"),
        ("sort_dir", "up"),
        ("create_since", "yesterday"),
        ("create_since", "2024-01-02T03:04:05"),
        ("is_flexus", "perhaps"),
    ],
)
async def test_a_list_is_not_asked_for_in_any_way(lot: Lot, query: tuple[str, Any]) -> None:
    refused(await lot.customer.call("GET", JOBS, query=[query]), 400, "MSS.00000003")


async def test_what_a_list_tells_are_the_basic_fields_without_a_link_to_any_paper(lot: Lot) -> None:
    made = await lot.create()
    await lot.upload(made)
    (job,) = (await lot.customer.call("GET", JOBS)).json()["jobs"]
    assert {"job_id", "name", "state", "create_time", "last_update_time"} <= job.keys()
    assert not [name for name in job if "id_card" in name or "grant" in name or "logs" in name]


async def test_the_last_update_is_its_owners_and_not_a_change_of_state(slow_lot: Lot) -> None:
    lot = slow_lot
    made = await lot.create()
    created = (await lot.show(made.job_id)).last_update_time
    await lot.turn(3600)
    await lot.upload(made)
    await lot.submit(made.job_id)
    submitted = (await lot.show(made.job_id)).last_update_time
    assert submitted > created
    await lot.turn(900)
    await lot.control.wait_for_job("training", made.job_id, State.MANUAL_VERIFYING)
    assert (await lot.show(made.job_id)).last_update_time == submitted


async def test_sparse_answers_carry_what_must_be_there_and_no_more(lot: Lot) -> None:
    asset_id = await lot.untrained_avatar()
    await lot.control.settings(sparse=True)
    (job,) = (await lot.customer.call("GET", JOBS)).json()["jobs"]
    shown = (await lot.customer.call("GET", f"{JOBS}/{job['job_id']}")).json()
    assert shown == job
    assert set(job) == {"job_id", "name", "state", "asset_id"}
    asset = (await lot.customer.call("GET", f"{PREFIX}/digital-assets/{asset_id}")).json()
    assert set(asset) == {"asset_id", "asset_name", "asset_type", "asset_state", "files"}


# Updates and deletion.


async def test_a_job_that_was_not_refused_can_not_be_updated(lot: Lot) -> None:
    job_id = (await create(lot)).json()["job_id"]
    for state in set(State) - {"AUTO_VERIFY_FAILED", "MANUAL_VERIFY_FAILED"}:
        await lot.control.put_into(job_id, state, stays=True)
        refused(await lot.customer.call("PUT", f"{JOBS}/{job_id}", json={}), 400, "MSS.00000003")
        assert (await lot.show(job_id)).state == state


@pytest.mark.parametrize("manual", [False, True])
async def test_a_refused_job_can_be_updated_and_its_earlier_urls_are_dead(lot: Lot, manual: bool) -> None:
    made = await lot.create()
    await lot.accepted(made.training_video_upload_url[0], b"one")
    state = "MANUAL_VERIFY_FAILED" if manual else "AUTO_VERIFY_FAILED"
    await lot.control.put_into(made.job_id, state)
    fresh = await lot.update(made.job_id, video_multipart_count=2, name="ana again", tags=["new"])
    assert len(fresh.training_video_upload_url) == 2
    shown = await lot.show(made.job_id)
    assert (shown.state, shown.name, shown.tags) == ("WAIT_FILE_UPLOAD", "ana again", ["new"])
    assert shown.operation_logs[-1].log_type == "USER_UPDATE_VIDEO"
    assert not (await lot.command(made.job_id, "GET_MULTIPART_UPLOADED")).multipart_data
    assert (await lot.customer.put(made.grant_file_upload_url, b"letter")).status_code == 403
    assert (await lot.customer.put(fresh.grant_file_upload_url, b"letter")).status_code == 200


async def test_an_update_is_held_to_the_same_limits(lot: Lot) -> None:
    job_id = (await create(lot)).json()["job_id"]
    await lot.control.put_into(job_id, "AUTO_VERIFY_FAILED")
    for wrong in ({"video_multipart_count": 0}, {"voice_properties": VOICE_PROPERTIES}, {"name": ""}):
        refused(await lot.customer.call("PUT", f"{JOBS}/{job_id}", json=wrong), 400, "MSS.00000003")
    assert (await lot.customer.call("PUT", f"{JOBS}/{job_id}", json={})).status_code == 200


async def test_what_an_update_may_not_change_stays(lot: Lot) -> None:
    job_id = (await create(lot)).json()["job_id"]
    await lot.control.put_into(job_id, "AUTO_VERIFY_FAILED")
    forbidden = {
        "model_version": "V3.3",
        "is_flexus": True,
        "is_ondemand_resource": True,
        "is_live_copy": True,
    }
    assert (await lot.customer.call("PUT", f"{JOBS}/{job_id}", json=forbidden)).status_code == 200
    shown = await lot.show(job_id)
    assert (shown.model_version, shown.is_flexus, shown.is_ondemand_resource) == ("V3.2", False, False)


async def test_new_urls_for_a_waiting_job_are_given_where_the_vendor_does_that(lot: Lot) -> None:
    made = await lot.create()
    with pytest.raises(ClientRequestException):
        await lot.update(made.job_id)
    await lot.control.settings(update_while_waiting=True)
    fresh = await lot.update(made.job_id)
    await lot.upload(fresh)
    await lot.submit(made.job_id)


async def test_an_updated_job_may_stay_refused_until_it_is_submitted(lot: Lot) -> None:
    await lot.control.settings(update_keeps_state=True, manual_review_seconds=3600)
    job_id = await lot.refused()
    fresh = await lot.update(job_id)
    assert (await lot.show(job_id)).state == "AUTO_VERIFY_FAILED"
    await lot.upload(fresh, papers=False)
    await lot.submit(job_id)
    await lot.control.wait_for_job("training", job_id, State.MANUAL_VERIFYING)


async def test_a_job_can_be_deleted_in_the_states_the_page_lists_and_in_no_other(lot: Lot) -> None:
    await lot.control.settings(makes_cover=False)
    deleted = set()
    for state in State:
        job_id = (await create(lot)).json()["job_id"]
        await lot.control.put_into(job_id, state, stays=True)
        answer = await lot.customer.call("DELETE", f"{JOBS}/{job_id}")
        if answer.status_code == 200:
            deleted.add(state)
            assert (answer.content, bool(answer.headers["x-request-id"])) == (b"", True)
            refused(await lot.customer.call("GET", f"{JOBS}/{job_id}"), 404, "MSS.00000002")
        else:
            refused(answer, 400, "MSS.00000003")
            assert (await lot.show(job_id)).state == state
    assert deleted == DELETABLE
    assert [job.note for job in await lot.control.jobs()].count("deleted") == len(DELETABLE)


# Commands.


async def test_a_job_is_not_submitted_before_its_film_is_confirmed(lot: Lot) -> None:
    made = await lot.create()
    for uploaded in (False, True):
        if uploaded:
            await lot.upload(made)
        answer = await lot.command(made.job_id, "SUBMITVERIFYING")
        assert (answer.commond_result, answer.excute_failed_msg) == ("EXCUTE_FAILED", "file missing")
        assert answer.error_info.error_code == "MSS.00000003"
    assert (await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")).commond_result == "EXCUTE_SUCCESS"
    assert (await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")).commond_result == "EXCUTE_SUCCESS"
    assert (await lot.command(made.job_id, "SUBMITVERIFYING")).commond_result == "EXCUTE_SUCCESS"
    assert (await lot.command(made.job_id, "SUBMITVERIFYING")).commond_result == "EXCUTE_FAILED"


async def test_a_failed_command_is_answered_with_200_in_the_vendors_spelling(lot: Lot) -> None:
    made = await lot.create()
    answer = await lot.customer.call(
        "POST", f"{JOBS}/{made.job_id}/command", json={"command": "CONFIRM_MULTIPART_UPLOADED"}
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "commond_result": "EXCUTE_FAILED",
        "excute_failed_msg": "file missing",
        "error_info": {"error_code": "MSS.00000003", "error_msg": "Invalid parameter"},
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"command": "SUBMIT_VERIFYING"},
        {"command": 1},
        {"command": "SUBMITVERIFYING", "command_message": "X"},
    ],
)
async def test_a_command_that_does_not_exist_is_refused(lot: Lot, body: dict[str, Any]) -> None:
    made = await lot.create()
    refused(await lot.customer.call("POST", f"{JOBS}/{made.job_id}/command", json=body), 400, "MSS.00000003")


async def test_sound_and_movement_that_were_asked_for_must_be_there(lot: Lot) -> None:
    made = await lot.create(audio_source_type="AUDIO", command_message="GET_ACTION_VIDEO_MULTIPART")
    await lot.upload(made)
    await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")
    assert (await lot.command(made.job_id, "SUBMITVERIFYING")).excute_failed_msg == "action video missing"
    confirm = "CONFIRM_ACTION_VIDEO_MULTIPART_UPLOADED"
    assert (await lot.command(made.job_id, confirm)).commond_result == "EXCUTE_FAILED"
    await lot.accepted(made.action_video_upload_url[0], b"moves")
    listed = await lot.command(made.job_id, "GET_ACTION_VIDEO_MULTIPART_UPLOADED")
    assert [part.part_number for part in listed.multipart_data] == ["1"]
    assert (await lot.command(made.job_id, confirm)).commond_result == "EXCUTE_SUCCESS"
    assert (await lot.command(made.job_id, "SUBMITVERIFYING")).excute_failed_msg == "audio missing"
    await lot.customer.put(made.audio_upload_url, b"PK", "application/zip")
    assert (await lot.command(made.job_id, "SUBMITVERIFYING")).commond_result == "EXCUTE_SUCCESS"
    shown = await lot.show(made.job_id)
    assert shown.audio_file_download_url
    assert shown.action_video_download_url


async def test_a_letter_is_confirmed_once_it_is_there(lot: Lot) -> None:
    made = await lot.create()
    confirm = "CONFIRM_AUTHORIZATION_LETTER"
    assert (await lot.command(made.job_id, confirm)).commond_result == "EXCUTE_FAILED"
    await lot.accepted(made.grant_file_upload_url, b"%PDF-")
    assert (await lot.command(made.job_id, confirm)).commond_result == "EXCUTE_SUCCESS"


async def test_a_jobs_films_can_be_deleted_while_nobody_works_on_them(lot: Lot) -> None:
    made = await lot.create()
    await lot.upload(made)
    await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")
    await lot.control.put_into(made.job_id, "TRAINING", stays=True)
    assert (await lot.command(made.job_id, "DELETE_JOB_VIDEO")).commond_result == "EXCUTE_FAILED"
    await lot.control.put_into(made.job_id, "TRAIN_FAILED")
    assert (await lot.show(made.job_id)).training_video_download_url
    assert (await lot.command(made.job_id, "DELETE_JOB_VIDEO")).commond_result == "EXCUTE_SUCCESS"
    shown = await lot.show(made.job_id)
    assert shown.training_video_download_url is None
    assert shown.operation_logs[-1].log_type == "USER_DELETE_JOB_VIDEO"
    assert shown.id_card_image1_download_url


async def test_a_finished_flexus_avatar_is_trained_again_twice(lot: Lot) -> None:
    await lot.control.settings(makes_cover=False)
    made = await lot.create(is_flexus=True, is_only_human_model=True)
    assert (await lot.command(made.job_id, "CONFIRM_REPAIR")).commond_result == "EXCUTE_FAILED"
    await lot.control.put_into(made.job_id, "JOB_SUCCESS")
    await lot.control.wait_for_job("training", made.job_id, progress=1.0)
    asset_id = (await lot.show(made.job_id)).asset_id
    for left in (1, 0):
        assert (await lot.command(made.job_id, "CONFIRM_REPAIR")).commond_result == "EXCUTE_SUCCESS"
        await lot.control.wait_for_job("training", made.job_id, progress=1.0)
        shown = await lot.show(made.job_id)
        assert (shown.flexus_retry_count, shown.asset_id) == (left, asset_id)
    answer = await lot.command(made.job_id, "CONFIRM_REPAIR")
    assert (answer.commond_result, answer.excute_failed_msg) == ("EXCUTE_FAILED", "no retraining is left")


NA_COMMANDS = ["CONFIRM_ACCEPT", "CONFIRM_REJECT", "CONFIRM_ANSWER", "CONFIRM_PENDING", "CONFIRM_ACTIVE"]


@pytest.mark.parametrize("command", NA_COMMANDS)
async def test_an_ordinary_tenant_has_eight_commands_only(lot: Lot, command: str) -> None:
    made = await lot.create()
    await lot.control.put_into(made.job_id, "WAIT_USER_CONFIRM")
    answer = await lot.command(made.job_id, command)
    assert answer.commond_result == "EXCUTE_FAILED"
    assert (await lot.show(made.job_id)).state == "WAIT_USER_CONFIRM"


@pytest.mark.parametrize(
    ("commands", "state"),
    [
        (["CONFIRM_ACCEPT"], "JOB_FINISH"),
        (["CONFIRM_REJECT"], "JOB_REJECT"),
        (["CONFIRM_PENDING"], "JOB_PENDING"),
        (["CONFIRM_PENDING", "CONFIRM_ACTIVE"], "WAIT_USER_CONFIRM"),
        (["CONFIRM_PENDING", "CONFIRM_ACTIVE", "CONFIRM_ACCEPT"], "JOB_FINISH"),
    ],
)
async def test_a_white_listed_tenant_decides_over_the_result(
    lot: Lot, commands: list[str], state: str
) -> None:
    await lot.control.settings(na_tenant=True, makes_cover=False)
    made = await lot.create()
    await lot.control.put_into(made.job_id, "COMPILING")
    await lot.control.wait_for_job("training", made.job_id, State.WAIT_USER_CONFIRM)
    for command in commands:
        assert (await lot.command(made.job_id, command)).commond_result == "EXCUTE_SUCCESS"
    shown = await lot.show(made.job_id)
    assert shown.state == state
    assert shown.asset_id


async def test_a_rejection_is_kept_as_a_remark(lot: Lot) -> None:
    await lot.control.settings(na_tenant=True)
    made = await lot.create()
    await lot.control.put_into(made.job_id, "WAIT_USER_CONFIRM")
    await lot.command(
        made.job_id,
        "CONFIRM_REJECT",
        comment_data=v1.CommentData(comment_title="No", comment_message="Blurred."),
    )
    (comment,) = (await lot.show(made.job_id)).comment_logs
    assert (comment.comment_type, comment.comment_message) == ("USER_REJECT", "Blurred.")


def test_the_film_and_photo_of_these_tests_are_real() -> None:
    assert film()[4:8] == b"ftyp"
    assert photo()[:2] == b"\xff\xd8"
