"""The six operations, as the vendor's page tells them."""

import base64
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from bot.sandbox import trainer
from bot.sandbox.clock import WorldClock
from bot.sandbox.vendors.acs3 import Key
from tests.sandbox.vendors.scene import KEY, PROMPT, STS, Album, Customer, Setup, open_setup


def refusal(response: httpx.Response, status: int, code: str) -> None:
    """An answer of the business family: the envelope, saying no."""
    body = response.json()
    assert (response.status_code, body["errCode"], body["httpStatusCode"]) == (status, code, status)
    assert body["success"] is False
    assert body["data"] is None
    assert body["requestId"]
    assert body["errMessage"]


def gateway_refusal(response: httpx.Response, status: int, code: str) -> None:
    """An answer of the gateway family."""
    body = response.json()
    assert (response.status_code, body["Code"]) == (status, code)
    assert set(body) == {"Code", "Message", "RequestId"}


async def test_a_new_training_has_an_id_and_no_model_yet(slow_setup: Setup) -> None:
    order = slow_setup.training_order(trainSteps=800)
    data = await slow_setup.customer.ask("AddModelTrainJob", order)
    assert data["id"] == "456"
    assert "modelId" not in data
    assert (data["jobStatus"], data["inferenceJobList"], data["inferenceImageCount"]) == (
        "NOT_START",
        None,
        0,
    )
    assert (data["name"], data["objectType"], data["imageUrl"]) == (order["name"], "dog", order["imageUrl"])


async def test_the_model_id_shows_in_the_list_a_little_later_and_the_progress_grows(
    slow_setup: Setup,
) -> None:
    job_id = await slow_setup.train()
    assert slow_setup.clock is not None
    listed = await slow_setup.customer.ask("QueryModelTrainJobList")
    assert [(job["id"], job.get("modelId"), job["jobStatus"]) for job in listed] == [
        (job_id, None, "NOT_START")
    ]

    seen = []
    for seconds, progress in ((30, 0.2), (30, 0.5), (20, 0.7)):
        slow_setup.clock.now += seconds
        await slow_setup.control.settings()
        await slow_setup.control.wait_for_job("training", job_id, "TRAINING", progress=progress)
        (job,) = await slow_setup.customer.ask("QueryModelTrainJobList")
        assert re.fullmatch(r"dog_[0-9a-f-]{36}", job["modelId"])
        assert job["jobStatus"] == "TRAINING"
        assert job["inferenceJobList"] == []
        seen.append(job["jobTrainProgress"])
    assert seen == sorted(set(seen))
    assert seen[-1] < 1

    slow_setup.clock.now += 1000
    await slow_setup.control.settings()
    await slow_setup.control.wait_for_job("training", job_id)
    (job,) = await slow_setup.customer.ask("QueryModelTrainJobList")
    assert (job["jobStatus"], job["jobTrainProgress"]) == ("FINISHED", 1.0)


async def test_the_training_status_is_asked_by_model_id(setup: Setup) -> None:
    model_id = await setup.model()
    data = await setup.customer.ask("QueryModelTrainStatus", {"modelId": model_id})
    assert data == {"modelTrainStatus": "FINISHED"}


async def test_a_new_inference_is_told_as_queued_and_a_finished_one_names_its_pictures(setup: Setup) -> None:
    model_id = await setup.model()
    created = await setup.customer.ask(
        "AddInferenceJob", {"modelId": model_id, "prompt": PROMPT, "imageNumber": 3, "seed": 1}
    )
    assert (created["jobStatus"], created["resultImageUrl"], created["modelId"]) == (
        "NOT_START",
        None,
        model_id,
    )
    await setup.control.wait_for_job("inference", created["id"])
    done = await setup.customer.ask("QueryInferenceJobInfo", {"inferenceJobId": created["id"]})
    assert (done["jobStatus"], done["jobTrainProgress"]) == ("FINISHED", 1.0)
    assert done["resultImageUrl"] == ["0000.png", "0001.png", "0002.png"]
    assert done["promptId"] == created["promptId"]

    (training,) = await setup.customer.ask("QueryModelTrainJobList")
    assert [one["id"] for one in training["inferenceJobList"]] == [created["id"]]
    assert training["inferenceImageCount"] == 3


async def test_a_picture_comes_as_bytes_or_as_their_base64(setup: Setup) -> None:
    job = await setup.infer(await setup.model())
    raw = await setup.picture(job, "0000.png")
    assert raw.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(raw.content)) as image:
        assert (image.format, image.size) == ("PNG", (768, 768))
    text = await setup.picture(job, "0000.png", encodeFormat="base64")
    assert base64.b64decode(text.text, validate=True) == raw.content


async def test_picture_ids_repeat_from_job_to_job_and_mean_other_pictures(setup: Setup) -> None:
    model_id = await setup.model()
    one, other = await setup.infer(model_id, seed=1), await setup.infer(model_id, seed=2)
    assert one["resultImageUrl"] == other["resultImageUrl"] == ["0000.png"]
    assert (await setup.picture(one, "0000.png")).content != (await setup.picture(other, "0000.png")).content


async def test_the_same_seed_draws_the_same_picture_again(setup: Setup) -> None:
    model_id = await setup.model()
    one, again = await setup.infer(model_id, seed=5), await setup.infer(model_id, seed=5)
    assert one["promptId"] != again["promptId"]
    assert (await setup.picture(one, "0000.png")).content == (await setup.picture(again, "0000.png")).content


@pytest.mark.parametrize("seed", [None, -1, -2, 2**31])
async def test_a_seed_absent_or_out_of_range_is_chosen(setup: Setup, seed: int | None) -> None:
    await setup.infer(await setup.model(), seed=seed)
    chosen = [job.seed for job in await setup.control.jobs() if job.kind == "inference"]
    assert len(chosen) == 1
    assert chosen[0] is not None
    assert 0 <= chosen[0] < 2**31
    assert chosen[0] != seed


async def test_the_largest_seed_is_taken_as_it_is(setup: Setup) -> None:
    await setup.infer(await setup.model(), seed=2**31 - 1)
    assert [job.seed for job in await setup.control.jobs() if job.kind == "inference"] == [2**31 - 1]


@pytest.mark.parametrize(("asked", "drawn"), [(None, 1), (10, 10), (25, 10), (0, 1)])
async def test_more_than_ten_pictures_are_silently_ten(setup: Setup, asked: int | None, drawn: int) -> None:
    model_id = await setup.model()
    await setup.control.settings(infer_seconds=3600)
    order = {"modelId": model_id, "prompt": PROMPT, "imageNumber": asked}
    await setup.customer.ask("AddInferenceJob", order)
    assert [job.images for job in await setup.control.jobs() if job.kind == "inference"] == [drawn]


async def test_a_prompt_that_does_not_name_the_subject_shows_nobody_in_particular(setup: Setup) -> None:
    model_id = await setup.model()
    job = await setup.infer(model_id, prompt="a dog in the snow", seed=9)
    assert (await setup.picture(job, "0000.png")).content == trainer.draw(None, "a dog in the snow", seed=9)


async def test_ids_are_text_and_times_have_no_zone_and_six_or_seven_digits(setup: Setup) -> None:
    model_id = await setup.model()
    jobs: list[dict[str, Any]] = await setup.customer.ask("QueryModelTrainJobList")
    jobs += [await setup.infer(model_id) for _ in range(2)]
    digits = set()
    for job in jobs:
        assert isinstance(job["id"], str)
        at = datetime.fromisoformat(job["createTime"])
        assert at.tzinfo is None
        assert abs(at - (datetime.now(UTC) + timedelta(hours=8)).replace(tzinfo=None)) < timedelta(minutes=5)
        digits.add(len(job["createTime"].rpartition(".")[2]))
    assert digits == {6, 7}
    assert {"createUserId" in job for job in jobs} == {True, False}


async def test_photos_are_fetched_once_and_with_no_credentials(setup: Setup) -> None:
    await setup.model()
    assert sorted(request.url.path for request in setup.album.requests) == [
        f"/photo/{n}.jpg" for n in range(4)
    ]
    for request in setup.album.requests:
        assert not {"authorization", "cookie"} & set(request.headers)
        assert not [name for name in request.headers if name.startswith("x-acs-")]
    assert [entry.status for entry in await setup.control.fetches()] == [200] * 4


async def test_the_photos_are_gone_once_the_model_is_made(setup: Setup) -> None:
    await setup.model()
    photos = setup.state_dir / "photos"
    assert list(photos.rglob("*.*")) == [path for path in photos.rglob("*") if path.is_file()] == []


async def test_the_pictures_come_from_the_photos(setup: Setup) -> None:
    """The album's photos run from one colour to another, and so does every picture."""
    job = await setup.infer(await setup.model(), prompt="a <special-token>")
    with Image.open(io.BytesIO((await setup.picture(job, "0000.png")).content)) as image:
        pixels = np.asarray(image.convert("RGB"), np.float64)
    left, right = pixels[500:, 40:140].mean(axis=(0, 1)), pixels[500:, -140:-40].mean(axis=(0, 1))
    assert np.abs(left - right).sum() > 80


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("/photo/none.jpg", "Refused"),
        ("/page", "NotAnImage"),
        ("/away", "Refused"),
        ("/endless", "TooLarge"),
    ],
)
async def test_a_link_without_a_photo_fails_the_training(setup: Setup, link: str, why: str) -> None:
    job_id = await setup.train(imageUrl=[*setup.album.links(2), setup.album.origin + link])
    await setup.control.wait_for_job("training", job_id, "TRAIN_FAILED")
    (job,) = await setup.customer.ask("QueryModelTrainJobList")
    assert job["jobStatus"] == "TRAIN_FAILED"
    assert job["jobTrainProgress"] < 1
    status = await setup.customer.ask("QueryModelTrainStatus", {"modelId": job["modelId"]})
    assert status == {"modelTrainStatus": "TRAIN_FAILED"}
    assert [entry.code for entry in await setup.control.fetches()] == [None, None, why]


@pytest.mark.parametrize("link", ["ftp://127.0.0.1/a.jpg", "http://user:word@127.0.0.1/a.jpg", "nonsense", 7])
async def test_what_is_no_plain_web_link_fails_the_training_untried(setup: Setup, link: object) -> None:
    job_id = await setup.train(imageUrl=[link])
    await setup.control.wait_for_job("training", job_id, "TRAIN_FAILED")
    assert [entry.code for entry in await setup.control.fetches()] == ["BadLink"]


async def test_an_unreachable_link_is_tried_again_before_the_training_fails(
    setup: Setup, unused_tcp_port: int
) -> None:
    job_id = await setup.train(imageUrl=[f"http://127.0.0.1:{unused_tcp_port}/a.jpg"])
    await setup.control.wait_for_job("training", job_id, "TRAIN_FAILED")
    assert [entry.code for entry in await setup.control.fetches()] == ["Unreachable"] * 3


async def test_a_busy_photo_host_is_given_another_chance(setup: Setup) -> None:
    setup.album.busy_for = 2
    job_id = await setup.train(imageUrl=[setup.album.origin + "/busy"])
    await setup.control.wait_for_job("training", job_id)
    assert [entry.status for entry in await setup.control.fetches()] == [503, 503, 200]


@pytest.mark.parametrize("absent", ["name", "objectType", "imageUrl"])
async def test_a_training_order_without_a_needed_field_is_refused(setup: Setup, absent: str) -> None:
    response = await setup.customer.call("AddModelTrainJob", setup.training_order(**{absent: None}))
    refusal(response, 400, "B_PARAMETER_NOT_FOUND_EXCEPTION")
    assert (await setup.control.paid()).training == 0


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("AddModelTrainJob", {"name": "a", "objectType": "dog", "imageUrl": []}),
        (
            "AddModelTrainJob",
            {"name": "a", "objectType": "dog", "imageUrl": ["http://x"], "trainSteps": "many"},
        ),
        ("AddInferenceJob", {"modelId": "dog_1"}),
        ("AddInferenceJob", {"prompt": "a"}),
        ("QueryModelTrainStatus", {}),
        ("QueryModelTrainStatus", {"modelId": ""}),
        ("QueryInferenceJobInfo", {}),
        ("QueryImageAsset", {"modelId": "dog_1", "promptId": "p"}),
        ("QueryImageAsset", {"imageId": "0000.png", "promptId": "p"}),
        ("QueryImageAsset", {"imageId": "0000.png", "modelId": "dog_1"}),
    ],
)
async def test_a_missing_parameter_is_refused(setup: Setup, action: str, arguments: dict[str, Any]) -> None:
    refusal(await setup.customer.call(action, arguments), 400, "B_PARAMETER_NOT_FOUND_EXCEPTION")


@pytest.mark.parametrize("raw", [b"not json", b"[]", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(setup: Setup, raw: bytes) -> None:
    response = await setup.customer.call("AddModelTrainJob", raw=raw)
    refusal(response, 400, "B_PARAMETER_NOT_FOUND_EXCEPTION")


async def test_what_does_not_exist_is_not_found(setup: Setup) -> None:
    job = await setup.infer(await setup.model())
    ask = setup.customer.call
    refusal(await ask("QueryModelTrainStatus", {"modelId": "dog_0"}), 404, "B_MODEL_TRAIN_JOB_NOT_EXIST")
    order = {"modelId": "dog_0", "prompt": PROMPT}
    refusal(await ask("AddInferenceJob", order), 404, "B_MODEL_TRAIN_JOB_NOT_EXIST")
    refusal(await ask("QueryInferenceJobInfo", {"inferenceJobId": "1"}), 404, "B_DATA_NOT_FOUND_EXCEPTION")
    for change in ({"imageId": "0001.png"}, {"promptId": "x"}, {"modelId": "dog_0"}, {"imageId": "../a.png"}):
        response = await setup.picture(job, **({"image_id": "0000.png"} | change))
        refusal(response, 404, "B_DATA_NOT_FOUND_EXCEPTION")
    assert (await setup.picture(job, "0000.png", encodeFormat="hex")).status_code == 400


async def test_a_model_that_is_not_ready_draws_nothing(slow_setup: Setup) -> None:
    job_id = await slow_setup.train()
    assert slow_setup.clock is not None
    slow_setup.clock.now += 50
    await slow_setup.control.settings()
    await slow_setup.control.wait_for_job("training", job_id, "TRAINING")
    (job,) = await slow_setup.customer.ask("QueryModelTrainJobList")
    order = {"modelId": job["modelId"], "prompt": PROMPT}
    refusal(await slow_setup.customer.call("AddInferenceJob", order), 404, "B_DATA_NOT_FOUND_EXCEPTION")
    assert (await slow_setup.control.paid()).inference == 0


async def test_an_account_without_the_permission_is_told_so(setup: Setup) -> None:
    await setup.control.settings(denied=["AddModelTrainJob"])
    response = await setup.customer.call("AddModelTrainJob", setup.training_order())
    refusal(response, 403, "B_PERMISSION_DENIED_EXCEPTION")
    assert (await setup.control.paid()).training == 0
    await setup.customer.ask("QueryModelTrainJobList")
    await setup.control.settings(denied=["*"])
    response = await setup.customer.call("QueryModelTrainJobList")
    refusal(response, 403, "B_PERMISSION_DENIED_EXCEPTION")


async def test_a_nonce_used_twice_is_refused(setup: Setup) -> None:
    nonce = "0" * 32
    assert (await setup.customer.call("QueryModelTrainJobList", nonce=nonce)).status_code == 200
    gateway_refusal(
        await setup.customer.call("QueryModelTrainJobList", nonce=nonce), 400, "SignatureNonceUsed"
    )


@pytest.mark.parametrize("minutes", [-16, 16])
async def test_a_call_outside_the_clock_window_is_refused(setup: Setup, minutes: int) -> None:
    response = await setup.customer.call(
        "QueryModelTrainJobList", at=datetime.now(UTC) + timedelta(minutes=minutes)
    )
    gateway_refusal(response, 400, "InvalidTimeStamp.Expired")


async def test_a_wrong_secret_and_an_unknown_key_are_refused(setup: Setup) -> None:
    for key, status, code in (
        (Key(KEY.access_key_id, "wrong"), 400, "SignatureDoesNotMatch"),
        (Key("nobody", "wrong"), 404, "InvalidAccessKeyId.NotFound"),
    ):
        stranger = Customer(setup.vendor.origin, key)
        gateway_refusal(await stranger.call("QueryModelTrainJobList"), status, code)
        await stranger.aclose()


async def test_a_call_with_a_security_token_is_let_in(setup: Setup) -> None:
    guest = Customer(setup.vendor.origin, STS)
    assert await guest.ask("QueryModelTrainJobList") == []
    await guest.aclose()


async def test_an_unsigned_call_an_unknown_path_and_a_wrong_action_are_the_gateways_to_refuse(
    setup: Setup,
) -> None:
    async with httpx.AsyncClient(base_url=setup.vendor.origin, trust_env=False) as bare:
        path = "/api/v1/personalizedtxt2img/queryModelTrainJobList"
        gateway_refusal(await bare.get(path), 400, "IncompleteSignature")
        gateway_refusal(await bare.post(path), 404, "InvalidAction.NotFound")
        gateway_refusal(await bare.get("/elsewhere"), 404, "InvalidAction.NotFound")
    response = await setup.customer.call("QueryModelTrainJobList", named="QueryModelTrainStatus")
    gateway_refusal(response, 404, "InvalidAction.NotFound")


async def test_the_journal_tells_every_call_and_no_secret(setup: Setup) -> None:
    model_id = await setup.model()
    await setup.infer(model_id)
    await setup.customer.call("QueryModelTrainStatus", {"modelId": "dog_0"})
    journal = await setup.control.journal()
    assert [(entry.action, entry.status, entry.code) for entry in journal] == [
        ("AddModelTrainJob", 200, None),
        ("QueryModelTrainJobList", 200, None),
        ("AddInferenceJob", 200, None),
        ("QueryInferenceJobInfo", 200, None),
        ("QueryModelTrainStatus", 404, "B_MODEL_TRAIN_JOB_NOT_EXIST"),
    ]
    assert [entry.subject for entry in journal] == ["456", None, "3220", "3220", None]
    told = repr(journal) + repr(await setup.control.fetches()) + repr(await setup.control.jobs())
    for secret in (KEY.access_key_id, KEY.access_key_secret, "secret-0", setup.album.origin, "snow"):
        assert secret not in told
    assert await setup.control.journal(since=journal[-2].id) == journal[-1:]


async def test_paid_counts_creations(setup: Setup) -> None:
    model_id = await setup.model()
    await setup.infer(model_id)
    await setup.infer(model_id)
    paid = await setup.control.paid()
    assert (paid.training, paid.inference) == (1, 2)


async def test_it_tells_the_panel_its_words_knobs_and_troubles(setup: Setup) -> None:
    panel = await setup.control.panel()
    await setup.train()
    (job,) = await setup.control.jobs()
    assert job.kind in panel["jobs"]
    assert job.status in panel["statuses"]
    async with httpx.AsyncClient(base_url=f"{setup.vendor.origin}/control", trust_env=False) as http:
        settings = (await http.get("/settings")).json()
        assert {knob["setting"] for knob in panel["knobs"]} <= settings.keys()
        for trouble in panel["troubles"]:
            order = {name: trouble[name] for name in ("kind", "times", "action", "details")}
            assert (await http.post("/faults", json=order)).status_code == 200, trouble["label"]
    assert len(await setup.control.faults()) == len(panel["troubles"])


async def test_it_signs_by_the_machines_time_when_the_worlds_clock_is_a_day_ahead(
    tmp_path: Path, album: Album
) -> None:
    clock = WorldClock()
    clock.leap(24 * 3600)
    async with open_setup(tmp_path / "ahead", album, clock) as setup:
        await setup.control.settings(train_seconds=0)
        assert await setup.model()
