"""AIContent's one-shots: photos and prompt in, images out, and nothing that is kept."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.providers import (
    Artifact,
    InvalidInput,
    MediaInput,
    OneshotSpec,
    RemoteRef,
    RemoteState,
    Role,
    UnexpectedResponse,
)
from tests.providers.aicontent.bench import png, verify
from tests.providers.aicontent.wire import Wire, sample, sent, vendor

ONESHOT = RemoteRef(kind="oneshot", id="20", model_id="girl_6dcc62b4-4019-11ef-a7fd-954b0578482b")


def oneshot(**facts: Any) -> OneshotSpec:
    photo = MediaInput(
        role=Role.PHOTO, path=Path("/nowhere"), media_type="image/jpeg", url="https://example.com/p/1.jpg"
    )
    wanted: dict[str, Any] = {
        "inputs": (photo,),
        "subject": "girl",
        "prompt": "a photo of a {token}",
        "count": 2,
        "seed": -1,
        "options": {"train_steps": 800},
    }
    return OneshotSpec(**(wanted | facts))


async def test_a_oneshot_is_the_vendor_s_sample_request_under_its_own_action() -> None:
    wire = Wire(addPreModelInferenceJob=sample("add_pre_model_inference_job"))
    begun = await vendor(wire, oneshot=True).oneshot(oneshot(), key="job_1")
    (request,) = wire.requests
    verify(request)
    assert request.headers["x-acs-action"] == "PersonalizedTextToImageAddInferenceJob"
    assert json.loads(request.content) == sent("add_pre_model_inference_job")
    assert (begun.ref.kind, begun.ref.id, begun.state) == ("oneshot", "20", RemoteState.QUEUED)


async def test_its_images_are_asked_for_by_their_id_alone() -> None:
    wire = Wire(
        queryPreModelInferenceJobInfo=sample("query_pre_model_inference_job_info"),
        queryImageAssetFromImageId=httpx.Response(200, content=png()),
    )
    provider = vendor(wire, oneshot=True)
    told = await provider.poll(ONESHOT)
    assert told.state is RemoteState.SUCCEEDED
    assert [json.loads(one.locator)[2] for one in told.artifacts] == ["0000.png", "0001.png"]
    data = b"".join([piece async for piece in provider.fetch(told.ref, told.artifacts[1])])
    assert data == png()
    asked, pulled = wire.requests
    assert asked.headers["x-acs-action"] == "PersonalizedTextToImageQueryPreModelInferenceJobInfo"
    assert pulled.headers["x-acs-action"] == "PersonalizedTextToImageQueryImageAsset"
    assert dict(pulled.url.params) == {"imageId": "0001.png"}


async def test_images_of_a_oneshot_need_neither_a_model_nor_a_prompt_s_id() -> None:
    bare = sample("query_pre_model_inference_job_info", modelId=None, promptId=None)
    wire = Wire(
        queryPreModelInferenceJobInfo=bare, queryImageAssetFromImageId=httpx.Response(200, content=png())
    )
    provider = vendor(wire, oneshot=True)
    told = await provider.poll(ONESHOT.model_copy(update={"model_id": None}))
    assert (told.state, len(told.artifacts)) == (RemoteState.SUCCEEDED, 2)
    data = b"".join([piece async for piece in provider.fetch(told.ref, told.artifacts[0])])
    assert data == png()


async def test_a_finished_oneshot_without_images_may_still_get_them() -> None:
    empty = sample("query_pre_model_inference_job_info", resultImageUrl=None)
    told = await vendor(Wire(queryPreModelInferenceJobInfo=empty), oneshot=True).poll(ONESHOT)
    assert (told.state, told.tentative) == (RemoteState.FAILED, True)


async def test_a_lost_oneshot_cannot_be_found_so_it_is_never_started_twice() -> None:
    wire = Wire()
    able = vendor(wire, oneshot=True).capabilities
    assert able.oneshot is not None
    assert not able.oneshot.idempotent
    with pytest.raises(UnexpectedResponse):
        await vendor(wire, oneshot=True).find(oneshot(), key="job_1", known=frozenset())
    assert wire.requests == []


@pytest.mark.parametrize(
    "facts",
    [
        {"prompt": " "},
        {"count": 11},
        {"inputs": ()},
        {"options": {"strength": "0.9"}},
        {"options": {"style": "sea"}},
    ],
    ids=str,
)
async def test_what_the_vendor_would_refuse_or_change_never_leaves(facts: dict[str, Any]) -> None:
    wire = Wire()
    with pytest.raises(InvalidInput):
        await vendor(wire, oneshot=True).oneshot(oneshot(**facts), key="job_1")
    assert wire.requests == []


def test_it_is_offered_only_where_the_operator_has_said_so() -> None:
    without = vendor(Wire()).capabilities.oneshot
    assert without is not None
    assert not without.offered
    able = vendor(Wire(), oneshot=True, oneshot_photos_max=4).capabilities
    assert able.oneshot is not None
    assert able.oneshot.offered
    assert (able.oneshot.inputs[0].min, able.oneshot.inputs[0].max) == (1, 4)
    assert able.training is not None


async def test_an_image_of_a_model_is_still_asked_for_with_all_three_ids() -> None:
    wire = Wire(queryImageAsset=httpx.Response(200, content=png()))
    artifact = Artifact(locator=json.dumps(["m", "p", "0000.png"]))
    ref = RemoteRef(kind="generation", id="3220", model_id="m")
    assert b"".join([piece async for piece in vendor(wire).fetch(ref, artifact)]) == png()
    assert dict(wire.requests[0].url.params) == {"imageId": "0000.png", "modelId": "m", "promptId": "p"}
