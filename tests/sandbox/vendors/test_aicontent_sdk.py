"""The vendor's own SDK runs whole flows against the stand-in: what it understands is said rightly."""

import asyncio
import base64
import functools
import io
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import pytest
from alibabacloud_aicontent20240611 import models
from alibabacloud_aicontent20240611.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.exceptions import DaraException
from PIL import Image

from tests.sandbox.vendors.scene import KEY, PREFIX, PROMPT, STS, Setup

T = TypeVar("T")


def client_of(setup: Setup, key: Any = KEY) -> Client:
    return Client(
        Config(
            access_key_id=key.access_key_id,
            access_key_secret=key.access_key_secret,
            security_token=key.security_token,
            endpoint=setup.vendor.origin.removeprefix("http://"),
            protocol="http",
            no_proxy="127.0.0.1",
        )
    )


async def call(function: Callable[..., T], *arguments: Any) -> T:
    """The SDK blocks, and the stand-in must answer meanwhile."""
    return await asyncio.to_thread(functools.partial(function, *arguments))


async def test_flow_a_trains_a_model_and_makes_its_pictures(setup: Setup, keys: Any) -> None:
    sdk = client_of(setup, keys)
    order = models.Personalizedtxt2imgAddModelTrainJobRequest(
        image_url=setup.album.links(), name="slack-U012ABC · 春", object_type="person", train_steps=800
    )
    made = (await call(sdk.personalizedtxt_2img_add_model_train_job, order)).body
    assert made.success
    await setup.control.wait_for_job("training", made.data.id)
    listed = (await call(sdk.personalizedtxt_2img_query_model_train_job_list)).body.data
    (job,) = [one for one in listed if one.id == made.data.id]
    assert (job.name, job.job_status, job.job_train_progress) == ("slack-U012ABC · 春", "FINISHED", 1.0)
    ask = models.Personalizedtxt2imgQueryModelTrainStatusRequest(model_id=job.model_id)
    status = (await call(sdk.personalizedtxt_2img_query_model_train_status, ask)).body
    assert status.data.model_train_status == "FINISHED"
    wish = models.Personalizedtxt2imgAddInferenceJobRequest(
        model_id=job.model_id, prompt=PROMPT, image_number=2, seed=42
    )
    drawing = (await call(sdk.personalizedtxt_2img_add_inference_job, wish)).body.data
    await setup.control.wait_for_job("inference", drawing.id)
    asked = models.Personalizedtxt2imgQueryInferenceJobInfoRequest(inference_job_id=drawing.id)
    done = (await call(sdk.personalizedtxt_2img_query_inference_job_info, asked)).body.data
    assert done.result_image_url == ["0000.png", "0001.png"]
    for image_id in done.result_image_url:
        fetch = models.Personalizedtxt2imgQueryImageAssetRequest(
            model_id=job.model_id, prompt_id=done.prompt_id, image_id=image_id, encode_format="base64"
        )
        assert is_picture((await call(sdk.personalizedtxt_2img_query_image_asset, fetch)).body)


async def test_flow_b_makes_pictures_straight_from_photos(setup: Setup, keys: Any) -> None:
    sdk = client_of(setup, keys)
    done = await one_shot(setup, sdk, image_number=2, seed=-1, strength=0.5, train_steps=800)
    assert (done.job_status, done.job_train_progress) == ("FINISHED", 1.0)
    assert len(set(done.result_image_url)) == 2
    for image_id in done.result_image_url:
        assert is_picture(await picture(sdk, image_id))
    assert (await setup.control.paid()).oneshot == 1


async def test_pictures_of_two_one_shots_have_ids_of_their_own(setup: Setup) -> None:
    sdk = client_of(setup)
    first, second = [await one_shot(setup, sdk, seed=seed) for seed in (1, 2)]
    assert not set(first.result_image_url) & set(second.result_image_url)
    assert await picture(sdk, first.result_image_url[0]) != await picture(sdk, second.result_image_url[0])


async def test_ids_can_repeat_as_they_do_in_the_vendor_s_samples(setup: Setup) -> None:
    """Then only the newest job's pictures can be had, which is why the bot leaves this flow alone."""
    sdk = client_of(setup)
    await setup.control.turn(oneshot_image_ids="samples")
    first, second = [await one_shot(setup, sdk, seed=seed) for seed in (1, 2)]
    assert first.result_image_url == second.result_image_url == ["0000.png"]
    newest = await picture(sdk, "0000.png")
    await setup.control.turn(oneshot_image_ids="unique")
    assert newest == await picture(sdk, f"{second.prompt_id}-0000.png")


async def test_one_shot_keeps_neither_model_nor_photos(setup: Setup) -> None:
    sdk = client_of(setup)
    await one_shot(setup, sdk)
    assert (await call(sdk.personalizedtxt_2img_query_model_train_job_list)).body.data == []
    kept = {path.suffix for path in setup.state_dir.rglob("*") if path.is_file()}
    assert kept <= {".png", ".sqlite3", ".sqlite3-wal", ".sqlite3-shm"}


@pytest.mark.parametrize(
    "wrong",
    [{"image_url": []}, {"prompt": ""}, {"strength": 1.0}, {"strength": 0.35}],
    ids=["no photos", "no prompt", "the sample's strength", "a strength between"],
)
async def test_an_order_that_the_page_forbids_is_refused_and_not_paid(
    setup: Setup, wrong: dict[str, Any]
) -> None:
    order = {"image_url": setup.album.links(1), "prompt": PROMPT} | wrong
    with pytest.raises(DaraException):
        await call(
            client_of(setup).personalized_text_to_image_add_inference_job,
            models.PersonalizedTextToImageAddInferenceJobRequest(**order),
        )
    assert (await setup.control.paid()).oneshot == 0


async def test_a_one_shot_whose_photos_cannot_be_had_fails(setup: Setup) -> None:
    sdk = client_of(setup)
    order = models.PersonalizedTextToImageAddInferenceJobRequest(
        image_url=[f"{setup.album.origin}/page"], prompt=PROMPT
    )
    made = (await call(sdk.personalized_text_to_image_add_inference_job, order)).body.data
    await setup.control.wait_for_job("oneshot", made.id, "TRAIN_FAILED")


async def test_a_one_shot_fails_on_order(setup: Setup) -> None:
    sdk = client_of(setup)
    await setup.control.fault("inference_fails", action="AddPreModelInferenceJob")
    order = models.PersonalizedTextToImageAddInferenceJobRequest(
        image_url=setup.album.links(1), prompt=PROMPT
    )
    made = (await call(sdk.personalized_text_to_image_add_inference_job, order)).body.data
    assert made.job_status == "WAIT_SCHEDULE"
    await setup.control.wait_for_job("oneshot", made.id, "TRAIN_FAILED")


async def test_a_one_shot_nobody_ordered_is_not_there(setup: Setup) -> None:
    asked = models.PersonalizedTextToImageQueryPreModelInferenceJobInfoRequest(inference_job_id="999")
    with pytest.raises(DaraException) as refused:
        await call(client_of(setup).personalized_text_to_image_query_pre_model_inference_job_info, asked)
    assert refused.value.status_code == httpx.codes.NOT_FOUND


async def test_the_name_of_flow_a_opens_no_path_of_flow_b(setup: Setup) -> None:
    """Both flows have an `AddInferenceJob`; which is meant is signed, and has to fit the path."""
    answer = await setup.customer.call("AddInferenceJob", {"prompt": PROMPT})
    assert answer.request.url.path == f"{PREFIX}/addInferenceJob"
    wrong = answer.request.url.copy_with(path=f"{PREFIX}/addPreModelInferenceJob")
    async with httpx.AsyncClient(trust_env=False) as http:
        again = await http.post(wrong, headers=answer.request.headers, content=answer.request.content)
    assert again.status_code >= 400
    assert (await setup.control.paid()).oneshot == 0


@pytest.fixture(params=[KEY, STS], ids=["plain keys", "an STS token"])
def keys(request: pytest.FixtureRequest) -> Any:
    return request.param


async def one_shot(setup: Setup, sdk: Client, **wish: Any) -> Any:
    """Order one and wait for its end; its last answer."""
    order = models.PersonalizedTextToImageAddInferenceJobRequest(
        image_url=setup.album.links(3), prompt=PROMPT, **wish
    )
    made = (await call(sdk.personalized_text_to_image_add_inference_job, order)).body
    assert made.success
    await setup.control.wait_for_job("oneshot", made.data.id)
    asked = models.PersonalizedTextToImageQueryPreModelInferenceJobInfoRequest(inference_job_id=made.data.id)
    return (await call(sdk.personalized_text_to_image_query_pre_model_inference_job_info, asked)).body.data


async def picture(sdk: Client, image_id: str) -> Any:
    fetch = models.PersonalizedTextToImageQueryImageAssetRequest(image_id=image_id, encode_format="base64")
    return (await call(sdk.personalized_text_to_image_query_image_asset, fetch)).body


def is_picture(body: Any) -> bool:
    with Image.open(io.BytesIO(base64.b64decode(body))) as opened:
        return opened.format == "PNG" and min(opened.size) >= 256
