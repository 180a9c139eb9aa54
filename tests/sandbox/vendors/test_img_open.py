"""The door of the Img Open stand-in, and the bodies that the vendor's page gives word for word."""

import asyncio
import hashlib
import json
import shutil
import time
from typing import Any

import httpx
import pytest

from tests import needs
from tests.sandbox.vendors.img_open_scene import (
    ARCHIVE,
    CHECKPOINT,
    INSTANT,
    KEY_ID,
    KEYS,
    LIVE,
    LORAS,
    MODELS,
    RESULT,
    SECRET,
    SERVICE,
    SUBMIT,
    TEXT,
    TOOL,
    Setup,
    refused,
)

ID_HEADER, SECRET_HEADER = KEYS
EVERY_CALL = (SUBMIT, RESULT, MODELS, LORAS, TEXT, LIVE, ARCHIVE, INSTANT, TOOL)
GOLDEN: dict[str, Any] = {
    "taskId": "slk-3f2b9c0e7d5a4b1c8e6f0a1b2c3d4e5f",
    "fileUrlList": [f"https://files.example.org/t/{number:02}.jpg" for number in range(1, 11)],
    "maxEpochs": 20,
    "batchSize": 2,
    "learningRate": "0.0001",
    "maxTokenLength": 225,
    "clipSkip": 1,
    "randomCrop": False,
    "pretrainedModel": "v1-5-pruned-emaonly",
    "repeats": 10,
    "mixedPrecision": "fp16",
    "savePrecision": "fp16",
    "seed": 1234,
    "cacheLatents": True,
    "lrScheduler": "constant",
    "lrWarmupSteps": 0,
    "optimizerType": "AdamW8bit",
    "resolution": 512,
    "enableBucket": True,
    "minBucketReso": 256,
    "maxBucketReso": 1024,
    "textEncoderLr": "0.00005",
    "unetLr": "0.0001",
    "networkModule": "networks.lora",
    "networkDim": 32,
    "networkAlpha": 16,
}
"""The body of section 3, in its order."""
GOLDEN_BYTES = json.dumps(GOLDEN, separators=(",", ":")).encode()


def unpaid(bill: dict[str, int]) -> bool:
    return not any(bill.values())


def test_the_golden_body_is_the_one_of_the_page() -> None:
    assert len(GOLDEN_BYTES) == 932
    digest = "c7362b4a3f20e750c2f6bed9c52b788694f0c1064d7ce6bcf67b354e769c82bc"
    assert hashlib.sha256(GOLDEN_BYTES).hexdigest() == digest


async def test_the_golden_body_is_taken_and_answered_with_code_and_msg_alone(slow_img_open: Setup) -> None:
    response = await slow_img_open.customer.call(SUBMIT, raw=GOLDEN_BYTES)
    assert (response.status_code, response.json()) == (200, {"code": "200", "msg": "success"})
    assert response.headers["content-type"] == "application/json"
    (job,) = await slow_img_open.control.jobs()
    assert (job.id, job.steps, job.photo_links) == (GOLDEN["taskId"], 1000, GOLDEN["fileUrlList"])
    assert {name: job.parameters[name] for name in GOLDEN if name not in ("taskId", "fileUrlList")} == {
        name: value for name, value in GOLDEN.items() if name not in ("taskId", "fileUrlList")
    }


async def curl(*arguments: str) -> tuple[int, Any]:
    """Run curl, and answer the status and the body."""
    # Its own file of settings, and a proxy in the environment, are none of this test's business.
    command = ["curl", "-q", "--silent", "--noproxy", "*", "--write-out", "\n%{http_code}", *arguments]
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    body, _, status = out.decode().rpartition("\n")
    return int(status), json.loads(body)


async def test_plain_curl_can_order_and_ask(slow_img_open: Setup) -> None:
    if shutil.which("curl") is None:
        needs.lacks("curl", "curl is not here to try the stand-in with")
    origin = slow_img_open.vendor.origin + SERVICE
    headers = [word for name, value in KEYS.items() for word in ("--header", f"{name}: {value}")]
    post = ("--request", "POST", "--header", "Content-Type: application/json", "--data-binary")
    golden = GOLDEN_BYTES.decode()
    assert await curl(origin + SUBMIT, *headers, *post, golden) == (200, {"code": "200", "msg": "success"})
    status, body = await curl(origin + RESULT, *headers, *post, json.dumps({"taskId": GOLDEN["taskId"]}))
    assert (status, body["code"], body["data"]["status"]) == (200, "200", 3)
    # The page's own sample has `--header 'X-Request-req-accessKeyId;'`, which sends an empty one.
    empty = [word for name in KEYS for word in ("--header", f"{name};")]
    status, body = await curl(origin + MODELS, *empty, *post, '{"pageSize": 10, "pageNum": 1}')
    assert (status, body["code"], ID_HEADER in body["msg"]) == (200, "401", True)


async def test_a_list_of_models_has_the_shape_of_the_page(img_open: Setup) -> None:
    data = await img_open.customer.ask(MODELS, {"pageSize": 10, "pageNum": 1, "sdModelName": "photon"})
    (row,) = data["rows"]
    assert {name: data[name] for name in ("total", "pageSize", "pageNum")} == {
        "total": 1,
        "pageSize": 10,
        "pageNum": 1,
    }
    expected = {
        "id": 39,
        "sdModelCheckpoint": "photon_v1_84728.safetensors",
        "sdModelName": "Photon",
        "modelBaseModel": "SD 1.5",
        "modelType": "Checkpoint",
        "modelVersion": "v1",
        "modelStatus": 1,
        "modelUploadStatus": 2,
    }
    assert {name: row[name] for name in expected} == expected
    assert set(row) - set(expected) == {"modelHash", "modelImgUrl2"}
    async with httpx.AsyncClient(trust_env=False) as bare:
        preview = await bare.get(row["modelImgUrl2"])
    assert (preview.status_code, preview.headers["content-type"]) == (200, "image/png")


async def test_a_finished_picture_has_the_shape_of_the_page_in_both_queries(img_open: Setup) -> None:
    data = await img_open.draw(id_task="gen-0b6d2f", seed="1063029203")
    (image,) = data["differentialImageRspList"]
    assert image.pop("image_url").partition("?")[0].endswith("/gen-0b6d2f-0.png")
    assert image == {
        "img_audit": [{"confidence": None, "label": "nonLabel"}],
        "img_audit_status": True,
        "image_status": 1,
        "seed": 1063029203,
    }
    assert list(data) == ["id_task", "status", "desc", "temporaryImageDto", "differentialImageRspList"]
    assert (data["id_task"], data["status"], data["desc"]) == ("gen-0b6d2f", 2, "Success")
    assert data["temporaryImageDto"] is None
    archived = await img_open.customer.ask(ARCHIVE, {"businessTaskId": "gen-0b6d2f"})
    assert list(archived) == ["task_id", "status", "desc", "differentialImageRspList"]
    assert (archived["task_id"], archived["status"]) == ("gen-0b6d2f", 2)


async def test_an_order_for_pictures_is_answered_with_its_id(slow_img_open: Setup) -> None:
    response = await slow_img_open.customer.call(TEXT, slow_img_open.picture(id_task="gen-0b6d2f"))
    assert response.json() == {"code": "200", "msg": "success", "data": {"task_id": "gen-0b6d2f"}}


# The two headers.


@pytest.mark.parametrize("path", EVERY_CALL)
async def test_every_call_needs_both_keys(img_open: Setup, path: str) -> None:
    for lacking in KEYS:
        headers = {name: value for name, value in KEYS.items() if name != lacking}
        refused(await img_open.customer.call(path, {}, headers=headers), "401", lacking)
        refused(await img_open.customer.call(path, {}, headers=headers | {lacking: ""}), "401", lacking)
    for name in KEYS:
        response = await img_open.customer.call(path, {}, headers=KEYS | {name: "wrong"})
        refused(response, "401", "accessKeyId", "accessKeySecret")


async def test_keys_in_an_address_are_refused_even_beside_the_headers(img_open: Setup) -> None:
    for query in (f"{ID_HEADER}={KEY_ID}", f"{SECRET_HEADER}={SECRET}"):
        refused(await img_open.customer.call(f"{MODELS}?{query}", {"pageSize": 1, "pageNum": 1}), "401")


async def test_refused_keys_may_come_as_a_status(img_open: Setup) -> None:
    await img_open.control.settings(keys_refused_by="status", denied=["QueryModelList"])
    response = await img_open.customer.call(MODELS, {}, headers={})
    assert (response.status_code, response.json()["code"]) == (401, "401")
    response = await img_open.customer.call(MODELS, {})
    assert (response.status_code, response.json()["code"]) == (403, "403")
    assert "permission" in response.json()["msg"]


async def test_an_account_without_the_permission_is_told_so(img_open: Setup) -> None:
    await img_open.control.settings(denied=["SubmitTraining"])
    refused(await img_open.customer.call(SUBMIT, img_open.training()), "403", "accessKey", "permission")
    assert unpaid(await img_open.control.bill())
    await img_open.customer.ask(MODELS, {"pageSize": 1, "pageNum": 1})
    await img_open.control.settings(denied=["*"])
    refused(await img_open.customer.call(MODELS, {"pageSize": 1, "pageNum": 1}), "403")


async def test_a_redirect_shows_whether_a_client_carries_the_keys_elsewhere(img_open: Setup) -> None:
    await img_open.control.fault("redirect", times=2)
    response = await img_open.customer.call(SUBMIT, img_open.training())
    assert (response.status_code, response.content) == (307, b"")
    assert httpx.URL(response.headers["location"]).host == "localhost"
    assert unpaid(await img_open.control.bill())

    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as careless:
        await careless.post(img_open.vendor.origin + SERVICE + MODELS, json={}, headers=KEYS)
        await careless.get(response.headers["location"])
    visits = [one for one in await img_open.control.journal() if one.action == "Elsewhere"]
    assert [visit.code for visit in visits] == ["KEYS_SHOWN", "NotFound"]


async def test_a_redirect_may_lead_anywhere(img_open: Setup) -> None:
    await img_open.control.fault("redirect", status=302, location="http://127.0.0.1:9/x")
    response = await img_open.customer.call(MODELS, {})
    assert (response.status_code, response.headers["location"]) == (302, "http://127.0.0.1:9/x")


# The form of a call.


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_every_call_is_a_post(img_open: Setup, method: str) -> None:
    for path in EVERY_CALL:
        response = await img_open.customer.http.request(method, SERVICE + path, headers=KEYS)
        assert (response.status_code, response.json()["error"]) == (405, "Method Not Allowed")


@pytest.mark.parametrize(
    "path", ["/", SERVICE, SERVICE + SUBMIT + "/", SERVICE + "/sd/v3/text2Image", "/saas" + SUBMIT]
)
async def test_other_addresses_are_not_found(img_open: Setup, path: str) -> None:
    response = await img_open.customer.http.post(path, json={}, headers=KEYS)
    body = response.json()
    assert (response.status_code, body["status"], body["error"], body["path"]) == (
        404,
        404,
        "Not Found",
        path,
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b"\xff",
        b'{"noiseOffset": NaN}',
        # The page's sample ends in a comma, and cannot ever have worked.
        b'{"noiseOffset": 0.05,}',
    ],
)
async def test_a_body_that_is_no_json_object_is_the_web_servers_to_refuse(
    img_open: Setup, raw: bytes
) -> None:
    response = await img_open.customer.call(SUBMIT, raw=raw)
    assert (response.status_code, response.json()["error"]) == (400, "Bad Request")


async def test_a_body_must_be_told_as_json_and_have_an_end(img_open: Setup) -> None:
    response = await img_open.customer.call(SUBMIT, {}, headers=KEYS | {"content-type": "text/plain"})
    assert response.status_code == 415
    response = await img_open.customer.call(SUBMIT, {"taskId": "x" * 1_100_000})
    assert response.status_code == 413
    response = await img_open.customer.call(
        MODELS,
        {"pageSize": 1, "pageNum": 1},
        headers=KEYS | {"content-type": "application/json;charset=UTF-8"},
    )
    assert response.json()["code"] == "200"


async def test_codes_are_texts_unless_they_are_to_be_numbers(img_open: Setup) -> None:
    await img_open.control.settings(numeric_codes=True)
    response = await img_open.customer.call(MODELS, {"pageSize": 1, "pageNum": 1})
    assert response.json()["code"] == 200
    assert (await img_open.customer.call(MODELS, {})).json()["code"] == 500


async def test_a_refusal_has_the_code_of_the_page_or_another(img_open: Setup) -> None:
    refused(await img_open.customer.call(MODELS, {}), "500", "missing parameter pageSize")
    await img_open.control.settings(refusal_code="A0400")
    refused(await img_open.customer.call(MODELS, {}), "A0400", "missing parameter pageSize")


# Lists.


async def test_pages_begin_at_one_and_end_where_the_list_does(img_open: Setup) -> None:
    whole = await img_open.customer.ask(MODELS, {"pageSize": 100, "pageNum": 1})
    assert len(whole["rows"]) == whole["total"] > 10
    first = await img_open.customer.ask(MODELS, {"pageSize": 10, "pageNum": 1})
    second = await img_open.customer.ask(MODELS, {"pageSize": 10, "pageNum": 2})
    ids = [row["id"] for row in whole["rows"]]
    assert [row["id"] for row in first["rows"] + second["rows"]] == ids
    assert (second["pageSize"], second["pageNum"], second["total"]) == (10, 2, len(ids))
    assert (await img_open.customer.ask(MODELS, {"pageSize": 10, "pageNum": 3}))["rows"] == []


async def test_models_are_found_by_their_file(img_open: Setup) -> None:
    order = {"pageSize": 10, "pageNum": 1, "sdModelCheckpoint": CHECKPOINT}
    (row,) = (await img_open.customer.ask(MODELS, order))["rows"]
    assert (row["sdModelCheckpoint"], row["modelBaseModel"]) == (CHECKPOINT, "SD 1.5")
    order["sdModelCheckpoint"] = "v1-5-pruned-emaonly"
    assert (await img_open.customer.ask(MODELS, order))["rows"] == []


@pytest.mark.parametrize("path", [MODELS, LORAS])
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"pageNum": 1}, "pageSize"),
        ({"pageSize": 10}, "pageNum"),
        ({"pageSize": 0, "pageNum": 1}, "pageSize"),
        ({"pageSize": 10, "pageNum": 0}, "pageNum"),
        ({"pageSize": "10", "pageNum": 1}, "pageSize"),
        ({"pageSize": 10, "pageNum": True}, "pageNum"),
        ({"pageSize": 10, "pageNum": 1, "sdModelName": 7}, "sdModelName"),
    ],
)
async def test_a_list_needs_a_size_and_a_number(
    img_open: Setup, path: str, body: dict[str, Any], named: str
) -> None:
    refused(await img_open.customer.call(path, body), "500", named)


# What the control API tells.


async def test_the_journal_tells_every_call_and_no_secret(img_open: Setup) -> None:
    task = await img_open.trained()
    await img_open.draw(id_task="gen-a", prompt=f"a person in the snow <lora:{task}:0.8>")
    await img_open.customer.call(RESULT, {"taskId": "nobody"})
    journal = await img_open.control.journal()
    assert [(entry.action, entry.status, entry.code, entry.subject) for entry in journal] == [
        ("SubmitTraining", 200, None, task),
        ("Text2image", 200, None, "gen-a"),
        ("QueryTask", 200, None, "gen-a"),
        ("QueryTraining", 200, "500", None),
    ]
    told = repr(journal) + repr(await img_open.control.fetches()) + repr(await img_open.control.jobs())
    for secret in (KEY_ID, SECRET, "secret-0", img_open.album.origin, "snow"):
        assert secret not in told
    assert await img_open.control.journal(since=journal[-2].id) == journal[-1:]


async def test_the_bill_counts_what_was_begun(img_open: Setup) -> None:
    await img_open.submit()
    await img_open.draw()
    await img_open.draw()
    order = {"businessTaskId": "iid-1", "image": img_open.album.links()[0], "prompt": "a doll"}
    await img_open.customer.ask(INSTANT, order)
    paid = await img_open.control.paid()
    assert (paid.training, paid.inference, paid.tool) == (1, 2, 1)


async def test_the_panel_knows_every_status_and_its_knobs_turn_settings(img_open: Setup) -> None:
    panel = await img_open.control.panel()
    assert (panel["label"], set(panel["statuses"])) == ("Img Open", {"waiting", "working", "done", "failed"})
    async with httpx.AsyncClient(base_url=img_open.vendor.origin, trust_env=False) as bare:
        settings = (await bare.get("/control/settings")).json()
        for knob in panel["knobs"]:
            for value in knob["choices"] or [knob["least"], knob["most"]]:
                changed = await bare.post("/control/settings", json={knob["setting"]: value})
                assert changed.json()[knob["setting"]] == value
    assert {knob["setting"] for knob in panel["knobs"]} <= set(settings)
    for trouble in panel["troubles"]:
        await img_open.control.fault(
            trouble["kind"], action=trouble["action"], times=trouble["times"], **trouble["details"]
        )
    assert len(await img_open.control.faults()) == len(panel["troubles"])


async def test_a_slow_call_is_as_slow_as_was_ordered(img_open: Setup) -> None:
    await img_open.control.fault("slow", seconds=0.2)
    began = time.monotonic()
    await img_open.customer.ask(MODELS, {"pageSize": 1, "pageNum": 1})
    assert time.monotonic() - began >= 0.2
