"""AIContent: what is asked for, and what its answers are taken to mean."""

import base64
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.providers import (
    Delivery,
    InvalidInput,
    MediaInput,
    NotFound,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers.aicontent.settings import AicontentSettings
from bot.providers.aicontent.words import STATES, with_subject
from tests.providers.aicontent.bench import (
    png,
    verify,
)
from tests.providers.aicontent.wire import (
    GENERATION,
    IMAGE,
    MODEL,
    TRAINING,
    Wire,
    error,
    generation,
    image_of,
    sample,
    sent,
    training,
    vendor,
)

PAGE = Path(__file__).parents[2] / "docs/providers/aicontent.md"

# What is asked for.


async def test_a_training_is_asked_for_as_the_vendor_s_sample_asks() -> None:
    wire = Wire(addModelTrainJob=sample("add_model_train_job"))
    begun = await vendor(wire).submit(training(), key="slack-U012ABC")
    assert json.loads(wire.requests[0].content) == sent("add_model_train_job")
    assert wire.requests[0].headers["content-type"] == "application/json; charset=utf-8"
    assert begun == RemoteJob(
        ref=RemoteRef(kind="training", id="456"),
        state=RemoteState.QUEUED,
        details={"id": "456", "status": "NOT_START", "created_at": "2024-06-28T03:02:32+00:00"},
    )


@pytest.mark.parametrize(
    ("setting", "option", "steps"), [(None, None, None), (500, None, 500), (500, 900, 900)]
)
async def test_train_steps_are_sent_only_if_somebody_chose_them(
    setting: int | None, option: int | None, steps: int | None
) -> None:
    wire = Wire(addModelTrainJob=sample("add_model_train_job"))
    options = {} if option is None else {"train_steps": option}
    await vendor(wire, train_steps=setting).submit(training(options=options), key="k")
    assert json.loads(wire.requests[0].content).get("trainSteps") == steps


@pytest.mark.parametrize("options", [{"train_steps": 0}, {"train_steps": "many"}, {"steps": 800}])
async def test_options_that_are_not_the_vendor_s_are_refused_before_the_call(options: dict[str, Any]) -> None:
    wire = Wire()
    with pytest.raises(InvalidInput):
        await vendor(wire).submit(training(options=options), key="k")
    assert wire.requests == []


async def test_a_photo_without_a_link_is_refused_before_the_call() -> None:
    wire = Wire()
    bare = MediaInput(role=Role.PHOTO, path=Path("/nowhere"), media_type="image/jpeg")
    for inputs in ((*training().inputs, bare), ()):
        with pytest.raises(InvalidInput):
            await vendor(wire).submit(training(inputs=inputs), key="k")
    assert wire.requests == []


async def test_a_generation_is_asked_for_as_the_vendor_s_sample_asks() -> None:
    wire = Wire(addInferenceJob=sample("add_inference_job"))
    begun = await vendor(wire).generate(generation(), key="k")
    assert json.loads(wire.requests[0].content) == sent("add_inference_job")
    assert begun.ref == GENERATION
    assert begun.details["prompt_id"] == "2a3d91c0-401a-11ef-a7fd-954b0578482b"


async def test_without_a_seed_the_vendor_chooses_one() -> None:
    wire = Wire(addInferenceJob=sample("add_inference_job"))
    await vendor(wire).generate(generation(seed=None), key="k")
    assert "seed" not in json.loads(wire.requests[0].content)


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("a <special-token> in the snow", "a <special-token> in the snow"),
        ("a <SPECIAL-TOKEN>", "a <special-token>"),
        ("a &lt;special-token&gt; in the snow", "a <special-token> in the snow"),
        ("{token} by the sea, {Token} again", "<special-token> by the sea, <special-token> again"),
        ("in the snow", "a photo of <special-token>, in the snow"),
        ("a special-token", "a photo of <special-token>, a special-token"),
    ],
)
async def test_a_prompt_always_names_the_subject(prompt: str, asked: str) -> None:
    wire = Wire(addInferenceJob=sample("add_inference_job"))
    await vendor(wire).generate(generation(prompt), key="k")
    assert json.loads(wire.requests[0].content)["prompt"] == asked


@given(st.text(max_size=60))
def test_the_subject_is_named_in_whatever_is_asked(prompt: str) -> None:
    assert "<special-token>" in with_subject(prompt)


@pytest.mark.parametrize(
    "wish",
    [{"prompt": ""}, {"prompt": " "}, {"prompt": None}, {"prompt": "x" * 501}, {"count": 0}, {"count": 11}],
)
async def test_what_the_vendor_would_cut_or_refuse_is_refused_before_the_call(wish: dict[str, Any]) -> None:
    wire = Wire()
    with pytest.raises(InvalidInput):
        await vendor(wire).generate(generation(**wish), key="k")
    assert wire.requests == []


def test_what_the_vendor_leaves_open_can_be_set() -> None:
    able = vendor(Wire(), photos_min=5, photos_max=9, subjects="dog, cat", images_max=6).capabilities
    (photos,) = able.training.inputs
    assert (photos.min, photos.max, photos.delivery) == (5, 9, Delivery.URL)
    assert able.training.subjects == ("dog", "cat")
    assert able.generation is not None
    assert able.generation.count_max == 6


def test_a_generation_is_called_findable_only_where_it_can_be_told_from_another() -> None:
    alone, several = (vendor(Wire(), generate_concurrency=n).capabilities.generation for n in (1, 2))
    assert alone is not None
    assert several is not None
    assert (alone.idempotent, several.idempotent) == (True, False)


# How a training stands.


async def told(
    listed: dict[str, Any] | None, status: Any = None, *, model_id: str | None = None
) -> RemoteJob:
    """What a poll makes of a row of the list and of the train status (None: the vendor does not know it)."""
    rows = sample("query_model_train_job_list")
    rows["data"] = [] if listed is None else [rows["data"][0] | listed]
    known = error(404) if status is None else sample("query_model_train_status", modelTrainStatus=status)
    wire = Wire(queryModelTrainJobList=rows, queryModelTrainStatus=known)
    return await vendor(wire).poll(TRAINING.model_copy(update={"model_id": model_id}))


async def test_the_model_id_is_taken_from_the_list_when_it_appears() -> None:
    wire = Wire(
        queryModelTrainJobList=sample("query_model_train_job_list"),
        queryModelTrainStatus=sample("query_model_train_status", modelTrainStatus="TRAINING"),
    )
    job = await vendor(wire).poll(TRAINING)
    assert wire.asked == ["queryModelTrainJobList", "queryModelTrainStatus"]
    assert wire.requests[1].url.params["modelId"] == MODEL
    assert (job.model_id, job.ref.model_id, job.progress) == (MODEL, MODEL, 0.5)
    assert (job.state, job.tentative) == (RemoteState.RUNNING, False)
    assert job.details == {
        "id": "456",
        "status": "TRAINING",
        "model_status": "TRAINING",
        "model_id": MODEL,
        "created_at": "2024-06-28T03:02:32+00:00",
    }


async def test_until_the_model_id_appears_nothing_is_finished() -> None:
    for missing in ({"modelId": None}, {"modelId": ""}):
        for word, state in (
            ("NOT_START", RemoteState.QUEUED),
            ("TRAINING", RemoteState.RUNNING),
            ("FINISHED", RemoteState.RUNNING),
            ("TRAIN_FAILED", RemoteState.FAILED),
        ):
            job = await told(missing | {"jobStatus": word})
            assert (job.state, job.tentative, job.model_id) == (state, False, None)


async def test_a_model_id_once_known_is_asked_for_even_if_the_list_lags() -> None:
    job = await told(None, "FINISHED", model_id=MODEL)
    assert (job.state, job.model_id) == (RemoteState.SUCCEEDED, MODEL)


async def test_a_training_nobody_knows_is_not_found_rather_than_failed() -> None:
    for model_id in (None, MODEL):
        with pytest.raises(NotFound, match="does not know this training"):
            await told(None, None, model_id=model_id)


S = RemoteState
VERDICTS: list[tuple[str, str | None, RemoteState, bool]] = [
    ("NOT_START", "NOT_START", S.QUEUED, False),
    ("TRAINING", None, S.RUNNING, False),
    ("TRAINING", "TRAINING", S.RUNNING, False),
    ("TRAINING", "", S.QUEUED, False),
    ("TRAINING", "FINISHED", S.SUCCEEDED, False),
    ("FINISHED", "FINISHED", S.SUCCEEDED, False),
    ("FINISHED", "TRAINING", S.RUNNING, False),
    ("FINISHED", None, S.SUCCEEDED, False),
    ("TRAIN_FAILED", "FINISHED", S.SUCCEEDED, False),
    ("TRAIN_FAILED", "TRAIN_FAILED", S.FAILED, False),
    ("TRAIN_FAILED", "TRAINING", S.FAILED, True),
    ("TRAINING", "TRAIN_FAILED", S.FAILED, True),
    ("FINISHED", "TRAIN_FAILED", S.FAILED, True),
    ("TRAIN_FAILED", None, S.FAILED, False),
    ("CANCELED", "CANCELED", S.CANCELLED, False),
    ("CANCELED", "TRAINING", S.FAILED, True),
    ("TRAINING", "STOPPED", S.FAILED, True),
]


@pytest.mark.parametrize(("listed", "status", "state", "tentative"), VERDICTS)
async def test_the_list_and_the_train_status_are_weighed(
    listed: str, status: str | None, state: RemoteState, tentative: bool
) -> None:
    job = await told({"jobStatus": listed}, status)
    assert (job.state, job.tentative) == (state, tentative)
    assert (job.reason is not None) == (state in {S.FAILED, S.CANCELLED})


async def test_a_row_is_recognised_whether_its_id_is_a_text_or_a_number() -> None:
    for row_id in ("456", 456):
        assert (await told({"id": row_id}, "TRAINING")).state is RemoteState.RUNNING


async def test_rows_that_make_no_sense_hide_no_other() -> None:
    rows = sample("query_model_train_job_list")
    rows["data"] = [
        None,
        7,
        {"id": None},
        {"id": [1]},
        {"name": "x"},
        {"id": "1", "jobTrainProgress": "half"},
        *rows["data"],
    ]
    status = sample("query_model_train_status", modelTrainStatus="TRAINING")
    job = await vendor(Wire(queryModelTrainJobList=rows, queryModelTrainStatus=status)).poll(TRAINING)
    assert job.state is RemoteState.RUNNING


@pytest.mark.parametrize("progress", [None, "half", -1, 45, "nan", True, [1]])
async def test_a_progress_that_is_none_is_not_shown(progress: Any) -> None:
    job = await told({"jobTrainProgress": progress}, "TRAINING")
    assert job.progress in {None, 1.0} if progress is True else job.progress is None


# The vendor's words.


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *STATES.items(),
        (None, S.QUEUED),
        (" finished ", S.SUCCEEDED),
        ("training", S.RUNNING),
        ("TRAIN_FAIL", S.FAILED),
        ("error", S.FAILED),
        ("ScheduleException", S.FAILED),
        ("TIMEOUT", S.FAILED),
        ("REJECTED", S.FAILED),
        ("CANCELED", S.CANCELLED),
        ("STOPPED", S.CANCELLED),
        ("TERMINATED", S.CANCELLED),
        ("PREPROCESSING", S.RUNNING),
    ],
)
async def test_each_word_has_its_state(word: str | None, state: RemoteState) -> None:
    info = sample("query_inference_job_info", jobStatus=word)
    job = await vendor(Wire(queryInferenceJobInfo=info)).poll(GENERATION)
    assert job.state is state


async def test_an_unknown_word_is_logged_once_and_taken_for_running(caplog: pytest.LogCaptureFixture) -> None:
    info = [sample("query_inference_job_info", jobStatus=word) for word in ("WARMING", "WARMING", "COOLING")]
    provider = vendor(Wire(queryInferenceJobInfo=info))
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            assert (await provider.poll(GENERATION)).state is RemoteState.RUNNING
    assert [record.__dict__["word"] for record in caplog.records] == ["WARMING", "COOLING"]
    assert {record.__dict__["action"] for record in caplog.records} == {"vendor_word_unknown"}


async def test_a_vendor_that_counts_in_its_words_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    info = [sample("query_inference_job_info", jobStatus=f"STEP_{n}") for n in range(150)]
    provider = vendor(Wire(queryInferenceJobInfo=info))
    with caplog.at_level(logging.WARNING):
        for _ in range(150):
            await provider.poll(GENERATION)
    assert len(caplog.records) == 100


# How a generation stands.


async def test_a_finished_generation_names_its_images_by_all_three_ids() -> None:
    job = await vendor(Wire(queryInferenceJobInfo=sample("query_inference_job_info"))).poll(GENERATION)
    assert job.state is RemoteState.SUCCEEDED
    assert [json.loads(artifact.locator) for artifact in job.artifacts] == [
        [MODEL, "2a3d91c0-401a-11ef-a7fd-954b0578482b", f"000{n}.png"] for n in range(4)
    ]
    assert {artifact.media_type for artifact in job.artifacts} == {"image/png"}
    assert {artifact.expires_at for artifact in job.artifacts} == {None}


@pytest.mark.parametrize(
    "empty",
    [{"resultImageUrl": []}, {"resultImageUrl": None}, {"resultImageUrl": "0000.png"}, {"promptId": None}],
)
async def test_finished_without_images_is_a_failure_only_after_another_look(empty: dict[str, Any]) -> None:
    answers = [sample("query_inference_job_info", **empty), sample("query_inference_job_info")]
    provider = vendor(Wire(queryInferenceJobInfo=answers))
    first = await provider.poll(GENERATION)
    assert (first.state, first.tentative) == (RemoteState.FAILED, True)
    assert first.reason == "The vendor calls it finished and names no image."
    assert first.poll_after == timedelta(seconds=5)
    assert (await provider.poll(GENERATION)).state is RemoteState.SUCCEEDED


async def test_a_generation_that_is_not_there_is_not_found_rather_than_failed() -> None:
    missing = error(404, errCode="B_DATA_NOT_FOUND_EXCEPTION")
    with pytest.raises(NotFound):
        await vendor(Wire(queryInferenceJobInfo=missing)).poll(GENERATION)


async def test_a_generation_without_any_fact_yet_is_queued() -> None:
    for data in ({"data": None}, {"data": {"id": 3220}}):
        info = sample("query_inference_job_info") | data
        job = await vendor(Wire(queryInferenceJobInfo=info)).poll(GENERATION)
        assert (job.state, job.ref) == (RemoteState.QUEUED, GENERATION)


async def test_a_failed_generation_says_the_vendor_s_word() -> None:
    info = sample("query_inference_job_info", jobStatus="INFER_FAILED")
    job = await vendor(Wire(queryInferenceJobInfo=info)).poll(GENERATION)
    assert job.reason == "The vendor says INFER_FAILED and no more."
    assert job.artifacts == ()


# Images.


async def test_an_image_is_asked_for_by_its_three_ids() -> None:
    wire = Wire(queryImageAsset=httpx.Response(200, content=png()))
    assert await image_of(vendor(wire)) == png()
    assert dict(wire.requests[0].url.params) == {
        "imageId": "0000.png",
        "modelId": MODEL,
        "promptId": "2a3d91c0-401a-11ef-a7fd-954b0578482b",
    }
    assert verify(wire.requests[0])


@pytest.mark.parametrize(
    "form",
    [
        b"%s",
        b' "%s"\n',
        b"data:image/png;base64,%s",
    ],
)
async def test_an_image_may_come_as_text_in_every_form(form: bytes) -> None:
    text = form % base64.b64encode(png())
    wire = Wire(queryImageAsset=httpx.Response(200, content=text))
    assert await image_of(vendor(wire, image_encoding="base64")) == png()
    assert wire.requests[0].url.params["encodeFormat"] == "base64"


@pytest.mark.parametrize("head", [b"\xff\xd8\xff\xe0" + bytes(20), b"RIFF\x00\x00\x00\x00WEBP" + bytes(20)])
async def test_jpeg_and_webp_are_images_too(head: bytes) -> None:
    wire = Wire(queryImageAsset=httpx.Response(200, content=head))
    assert await image_of(vendor(wire)) == head


async def test_a_dead_image_is_not_found() -> None:
    for status in (404, 200):
        missing = error(status, errCode="B_DATA_NOT_FOUND_EXCEPTION")
        with pytest.raises(NotFound):
            await image_of(vendor(Wire(queryImageAsset=missing)))


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"<html>sorry</html>", UnexpectedResponse),
        (b"PK\x03\x04" + bytes(20), UnexpectedResponse),
        (b"x", UnexpectedResponse),
        (b"", Unavailable),
        (b'{"success": true, "data": null}', UnexpectedResponse),
    ],
)
@pytest.mark.parametrize("encoding", ["raw", "base64"])
async def test_what_is_no_image_is_not_passed_on(
    content: bytes, wanted: type[Exception], encoding: str
) -> None:
    wire = Wire(queryImageAsset=httpx.Response(200, content=content))
    with pytest.raises(wanted):
        await image_of(vendor(wire, image_encoding=encoding))


async def test_an_image_that_is_too_large_is_cut_off() -> None:
    wire = Wire(queryImageAsset=httpx.Response(200, content=png()))
    with pytest.raises(UnexpectedResponse):
        await image_of(vendor(wire, image_max_bytes=50))


async def test_a_reader_who_leaves_an_image_frees_its_place() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield png()
        while True:
            yield b"more"

    calls = [httpx.Response(200, content=endless()), httpx.Response(200, content=png())]
    provider = vendor(Wire(queryImageAsset=calls), connections=1)
    async with contextlib.aclosing(provider.fetch(GENERATION, IMAGE)) as image:
        assert await anext(image)
    assert await image_of(provider) == png()


# What cannot be done.


async def test_neither_cancel_nor_delete_is_pretended() -> None:
    wire = Wire()
    for ref in (TRAINING, GENERATION):
        assert await vendor(wire).cancel(ref) is False
        assert await vendor(wire).delete(ref) is False
    assert wire.requests == []


# The page.


VARIABLES = [f"AICONTENT_{name.upper()}" for name in AicontentSettings.model_fields]


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_is_on_the_page_with_its_default(variable: str) -> None:
    (line,) = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{variable}`")
    ]
    field = AicontentSettings.model_fields[variable.removeprefix("AICONTENT_").lower()]
    shown = line.split("|")[2].strip().strip("`")
    default = field.default
    if field.is_required():
        assert shown == "required"
    elif default is None:
        assert shown == "not set"
    elif isinstance(default, timedelta):
        assert float(shown) == default.total_seconds()
    elif isinstance(default, tuple):
        assert tuple(shown.split(", ")) == default
    elif isinstance(default, bool):
        assert shown == str(default).lower()
    elif isinstance(default, str):
        assert shown == default
    else:
        assert float(shown.replace(",", "")) == default


def test_every_word_and_every_operation_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not [word for word in STATES if word and f"`{word}`" not in text]
    for action in (
        "AddModelTrainJob",
        "QueryModelTrainJobList",
        "QueryModelTrainStatus",
        "AddInferenceJob",
        "QueryInferenceJobInfo",
        "QueryImageAsset",
    ):
        assert f"`aicontent:Personalizedtxt2img{action}`" in text
