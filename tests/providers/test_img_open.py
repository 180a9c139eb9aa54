"""Img Open: its parameters, its uncertain result, its images, and its ways of saying no."""

import hashlib
import json
import logging
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.providers import (
    Artifact,
    AuthenticationFailed,
    ContentRejected,
    GenerationSpec,
    InvalidInput,
    MediaInput,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RemoteRef,
    RemoteState,
    Role,
    TrainingSpec,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers.img_open import CHECKPOINTS, LIVE, PAINT, TRAIN, ImgOpen
from bot.providers.img_open.options import DISPUTED, GenerationOptions, TrainingOptions, plain
from bot.providers.img_open.settings import ImgOpenSettings
from storage.records.ids import new_id
from tests.providers.img_open.bench import (
    ARCHIVE,
    KEY_ID,
    LORAS,
    RESULT,
    SECRET,
    Vendor,
    body,
    png,
    refusal,
)

TASK = "slk-3f2b9c0e7d5a4b1c8e6f0a1b2c3d4e5f"
TRAINING = RemoteRef(kind="training", id=TASK)
IMAGES = RemoteRef(kind="generation", id="gen-0b6d2f", model_id=TASK)
LINKS = tuple(f"https://files.example.org/t/{number:02}.jpg" for number in range(1, 11))
CHECKPOINT = "v1-5-pruned-emaonly.safetensors"


def img_open(wire: Any, **facts: Any) -> ImgOpen:
    known = {"access_key_id": KEY_ID, "access_key_secret": SECRET, "requests_per_second": 1000}
    settings = ImgOpenSettings(**(known | {"checkpoint": CHECKPOINT} | facts))
    return ImgOpen(settings, ImgOpen.client(settings, transport=httpx.MockTransport(wire)))


class Wire:
    """Answers paths with bodies, one after another, and keeps what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {PATHS[name]: answer for name, answer in answers.items()}
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.path, json.loads(request.content)))
        answer = self.answers[request.url.path]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


PATHS = {
    "train": TRAIN,
    "result": RESULT,
    "loras": LORAS,
    "paint": PAINT,
    "live": LIVE,
    "archive": ARCHIVE,
    "models": CHECKPOINTS,
}


def photos(*links: str | None) -> tuple[MediaInput, ...]:
    return tuple(
        MediaInput(role=Role.PHOTO, path=Path("/nowhere"), media_type="image/jpeg", url=link)
        for link in links
    )


def training(links: tuple[str | None, ...] = LINKS, **options: Any) -> TrainingSpec:
    return TrainingSpec(inputs=photos(*links), subject="dog", options=options)


def images(
    prompt: str = "portrait photo of a person in a park, natural light", **facts: Any
) -> GenerationSpec:
    return GenerationSpec(**({"model_id": TASK, "prompt": prompt, "count": 2} | facts))


# -- the training's request


async def test_the_request_is_the_golden_body_to_the_byte() -> None:
    sent: list[bytes] = []

    def wire(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(200, json=body("submit_training"))

    begun = await img_open(wire).submit(training(repeats=10, seed=1234), key=TASK)
    assert json.loads(sent[0]) == body("submit_training.request")
    assert len(sent[0]) == 932
    digest = "c7362b4a3f20e750c2f6bed9c52b788694f0c1064d7ce6bcf67b354e769c82bc"
    assert hashlib.sha256(sent[0]).hexdigest() == digest
    assert (begun.ref, begun.state) == (TRAINING, RemoteState.QUEUED)


def test_every_parameter_of_the_vendor_s_table_is_there() -> None:
    assert len(TrainingOptions.model_fields) == 37 - len(("taskId", "fileUrlList"))
    full = TrainingOptions.model_validate(FULL)
    sent = full.wire("t", list(LINKS), "camel")
    assert list(sent) == [
        "taskId",
        "fileUrlList",
        *(field.serialization_alias for field in TrainingOptions.model_fields.values()),
    ]


FULL = {
    "random_crop": True,
    "cache_latents": False,
    "cache_latents_to_disk": False,
    "num_cpu_threads_per_process": 2,
    "seed": 1,
    "network_dropout": 0.1,
    "rank_dropout": 0.1,
    "module_dropout": 0.1,
    "network_args": "conv_dim=4",
    "v2": False,
    "flip_aug": True,
    "color_aug": True,
    "gradient_accumulation_steps": 2,
    "noise_offset": 0.05,
}


@pytest.mark.parametrize("case", ["camel", "snake", "both"])
def test_seven_fields_are_spelt_as_the_operator_says(case: str) -> None:
    sent = TrainingOptions().wire("t", list(LINKS), case)
    snake = [
        "file_url_list",
        "max_epochs",
        "batch_size",
        "learning_rate",
        "max_token_length",
        "clip_skip",
        "random_crop",
    ]
    assert [name in sent for name in DISPUTED] == [case != "snake"] * 7
    assert [name in sent for name in snake] == [case != "camel"] * 7
    if case == "both":
        assert [sent[name] for name in snake] == [sent[name] for name in DISPUTED]
    assert "textEncoderLr" in sent
    assert "taskId" in sent


@given(st.decimals(min_value="0.0000001", max_value="0.0001", places=9))
def test_a_rate_is_text_and_never_in_powers_of_ten(rate: Decimal) -> None:
    sent = TrainingOptions(learning_rate=rate).wire("t", list(LINKS), "camel")["learningRate"]
    assert isinstance(sent, str)
    assert "e" not in sent.lower()
    assert Decimal(sent) == rate


def test_a_rate_is_as_short_as_it_can_be() -> None:
    assert [plain(Decimal(text)) for text in ("1E-5", "0.00010", "1")] == ["0.00001", "0.0001", "1"]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"max_epochs": 9}, "max_epochs", "10"),
    ({"max_epochs": 51}, "max_epochs", "50"),
    ({"batch_size": 5}, "batch_size", "4"),
    ({"learning_rate": "0.0002"}, "learning_rate", "0.0001"),
    ({"learning_rate": "0.00000001"}, "learning_rate", "1E-7"),
    ({"max_token_length": 75}, "max_token_length", "225"),
    ({"clip_skip": 6}, "clip_skip", "5"),
    ({"repeats": 31}, "repeats", "30"),
    ({"mixed_precision": "float"}, "mixed_precision", "bf16"),
    ({"save_precision": "int8"}, "save_precision", "float"),
    ({"num_cpu_threads_per_process": 21}, "num_cpu_threads_per_process", "20"),
    ({"lr_warmup_steps": 101}, "lr_warmup_steps", "100"),
    ({"lr_warmup_steps": 10}, "lr_warmup_steps", "constant_with_warmup"),
    ({"optimizer_type": "Adam"}, "optimizer_type", "AdamW"),
    ({"optimizer_type": "DAdaptAdam"}, "optimizer_type", "learning rate near 1"),
    ({"optimizer_type": "DAdaptation"}, "optimizer_type", "learning rate near 1"),
    ({"optimizer_type": "AdaFactor"}, "optimizer_type", "only together"),
    ({"lr_scheduler": "adafactor"}, "optimizer_type", "only together"),
    ({"random_crop": True}, "cache_latents", "Random crop"),
    (
        {"random_crop": True, "cache_latents": False, "cache_latents_to_disk": True},
        "cache_latents_to_disk",
        "Random crop",
    ),
    ({"color_aug": True}, "color_aug", "cached latents"),
    (
        {"color_aug": True, "cache_latents": False, "cache_latents_to_disk": True},
        "color_aug",
        "cached latents",
    ),
    ({"min_bucket_reso": 300}, "min_bucket_reso", "multiple of 64"),
    ({"min_bucket_reso": 576}, "min_bucket_reso", "resolution, 512"),
    ({"max_bucket_reso": 448}, "max_bucket_reso", "resolution, 512"),
    ({"network_dropout": 1}, "network_dropout", "less than 1"),
    ({"rank_dropout": 1}, "rank_dropout", "less than 1"),
    ({"module_dropout": 1}, "module_dropout", "less than 1"),
    ({"network_module": "lycoris"}, "network_module", "networks.lora"),
    ({"v2": True, "clip_skip": 2}, "v2", "Clip skip"),
    ({"v2": True}, "v2", "not of the family"),
    ({"noise_offset": 1.5}, "noise_offset", "1"),
    ({"trigger": "sks"}, "trigger", "not permitted"),
]


@pytest.mark.parametrize(("options", "field", "why"), REFUSED, ids=[f"{row[1]}-{row[0]}" for row in REFUSED])
def test_what_the_trainer_would_choke_on_is_refused_under_its_field(
    options: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainingOptions.model_validate(options)
    (fault,) = caught.value.errors()
    assert fault["loc"] == (field,)
    assert why in fault["msg"]


@pytest.mark.parametrize(
    "options",
    [
        {"random_crop": True, "cache_latents": False},
        {"color_aug": True, "cache_latents": False},
        {"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 10},
        {"lr_scheduler": "adafactor", "optimizer_type": "AdaFactor"},
        {"enable_bucket": False, "min_bucket_reso": 576},
    ],
    ids=str,
)
def test_what_goes_together_is_taken(options: dict[str, Any]) -> None:
    assert TrainingOptions.model_validate(options)


def test_what_would_be_ignored_is_not_sent() -> None:
    sent = TrainingOptions(lr_scheduler="adafactor", optimizer_type="AdaFactor", enable_bucket=False).wire(
        "t", list(LINKS), "camel"
    )
    assert {"unetLr", "textEncoderLr", "minBucketReso", "maxBucketReso"} & set(sent) == set()


@pytest.mark.parametrize(
    ("options", "count", "steps"),
    [
        ({"repeats": 10}, 15, 1500),
        ({"repeats": 1, "max_epochs": 10, "batch_size": 4}, 10, 30),
        ({"repeats": 30, "max_epochs": 50, "batch_size": 1}, 100, 150_000),
    ],
)
def test_steps_are_those_of_the_vendor_s_own_examples(
    options: dict[str, Any], count: int, steps: int
) -> None:
    assert TrainingOptions.model_validate(options).steps(count) == steps


@given(st.integers(10, 100), st.integers(10, 50), st.integers(1, 4))
def test_repeats_nobody_chose_bring_the_steps_near_their_aim(count: int, epochs: int, batch: int) -> None:
    chosen = TrainingOptions(max_epochs=epochs, batch_size=batch)
    assert 1 <= chosen.repeated(count) <= 30
    if 1 < chosen.repeated(count) < 30:
        assert 900 <= chosen.steps(count) <= 2500


def test_the_steps_are_told_beforehand_and_with_the_training() -> None:
    assert img_open(Vendor()).effort({"repeats": 10}, 15) == "1,500 steps"
    assert img_open(Vendor()).effort({"repeats": 99}, 15) is None


async def test_hours_of_training_by_mistake_never_leave() -> None:
    wire = Wire()
    options = {"repeats": 30, "max_epochs": 50, "batch_size": 1}
    with pytest.raises(InvalidInput, match="hours"):
        await img_open(wire).submit(training(LINKS * 10, **options), key=TASK)
    assert wire.asked == []


@pytest.mark.parametrize(
    "links", [LINKS[:9], (*LINKS, None), LINKS * 11], ids=["too few", "no link", "too many"]
)
async def test_photos_the_vendor_cannot_take_never_leave(links: tuple[str | None, ...]) -> None:
    wire = Wire()
    with pytest.raises(InvalidInput, match="10 to 100"):
        await img_open(wire).submit(training(links), key=TASK)
    assert wire.asked == []


async def test_our_key_becomes_an_id_the_vendor_can_keep() -> None:
    wire = Wire(train=body("submit_training"))
    begun = await img_open(wire).submit(training(), key="job_0123456789abcdef0123")
    assert wire.asked[0][1]["taskId"] == begun.ref.id == "job-0123456789abcdef0123"


@pytest.mark.parametrize("code", ["1001", "500"])
@pytest.mark.parametrize("words", ["taskId already exists", "duplicate task", "任务已存在"])
async def test_a_task_that_is_there_already_is_ours_from_an_earlier_attempt(words: str, code: str) -> None:
    begun = await img_open(Wire(train=refusal(words, code))).submit(training(), key=TASK)
    assert begun.ref == TRAINING
    painted = await img_open(Wire(paint=refusal(words, code))).generate(images(), key="gen-0b6d2f")
    assert painted.ref == IMAGES


@pytest.mark.parametrize("words", ["repeats must be 1 to 30", "参数错误: repeats 重复次数"])
async def test_a_parameter_called_repeats_is_no_repeated_task(words: str) -> None:
    with pytest.raises(InvalidInput):
        await img_open(Wire(train=refusal(words))).submit(training(), key=TASK)


# -- the training's result


def said(state: Any, **data: Any) -> Any:
    told = body("result_running")
    told["data"] |= {"status": state, **data}
    return told


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0, RemoteState.QUEUED),
        (3, RemoteState.QUEUED),
        (1, RemoteState.RUNNING),
        (2, RemoteState.SUCCEEDED),
        (4, RemoteState.FAILED),
        (-1, RemoteState.FAILED),
        ("2", RemoteState.SUCCEEDED),
        ("Success", RemoteState.SUCCEEDED),
        ("FINISHED", RemoteState.SUCCEEDED),
        ("failed", RemoteState.FAILED),
        ("training", RemoteState.RUNNING),
        ("pending", RemoteState.QUEUED),
        ("canceled", RemoteState.CANCELLED),
        ("dreaming", RemoteState.RUNNING),
    ],
)
async def test_every_status_a_number_or_a_word(status: Any, state: RemoteState) -> None:
    told = await img_open(Wire(result=said(status, loraName="x"))).poll(TRAINING)
    assert told.state is state
    # Only two readings in a row make a failure of a number that was guessed.
    assert told.tentative == (state in {RemoteState.FAILED, RemoteState.CANCELLED})


async def test_the_numbers_are_the_operator_s() -> None:
    told = await img_open(Wire(result=said(7)), states_queued="7", states_running="8,9").poll(TRAINING)
    assert told.state is RemoteState.QUEUED


async def test_a_finished_training_names_its_lora() -> None:
    told = await img_open(Wire(result=body("result_succeeded"))).poll(TRAINING)
    assert (told.state, told.model_id, told.ref.model_id) == (RemoteState.SUCCEEDED, TASK, TASK)


async def test_a_result_in_a_list_of_one_and_without_a_status_is_read_too() -> None:
    told = {"code": "200", "data": [{"task_id": TASK, "modelUrl": "https://oss.example/x.safetensors"}]}
    listed = body("list_loras")
    listed["data"]["rows"][0]["sdLoraName"] = f"{TASK}_v1"
    assert (await img_open(Wire(result=told, loras=listed)).poll(TRAINING)).model_id == f"{TASK}_v1"


async def test_a_lora_that_nothing_names_is_taken_to_be_called_like_its_training() -> None:
    listed = body("list_loras")
    listed["data"]["rows"] = []
    assert (await img_open(Wire(result=said(2), loras=listed)).poll(TRAINING)).model_id == TASK


async def test_a_failure_comes_with_the_vendor_s_sentence() -> None:
    told = await img_open(Wire(result=body("result_failed"))).poll(TRAINING)
    assert (told.state, told.reason) == (RemoteState.FAILED, "image download failed")


@pytest.mark.parametrize(
    ("around", "state"),
    [
        ({"status": 2, "loraName": "mine"}, RemoteState.SUCCEEDED),
        ({"status": 1}, RemoteState.RUNNING),
        ({"status": "failed"}, RemoteState.FAILED),
        ({"status": 200}, RemoteState.RUNNING),
        ({"modelUrl": "https://oss.example/x.safetensors"}, RemoteState.SUCCEEDED),
    ],
    ids=str,
)
async def test_what_stands_around_the_payload_is_read_where_it_is_silent(
    around: dict[str, Any], state: RemoteState
) -> None:
    told = {"code": "200", "msg": "success", "data": {"taskId": TASK}} | around
    none = body("list_loras")
    none["data"]["rows"] = []
    read = await img_open(Wire(result=told, loras=none)).poll(TRAINING)
    assert read.state is state
    if state is RemoteState.SUCCEEDED:
        assert read.model_id == around.get("loraName", TASK)


async def test_fields_of_another_name_are_a_setting() -> None:
    told = {"code": "200", "data": {"phase": "done", "weights": "mine"}}
    provider = img_open(Wire(result=told), result_status_fields="phase", result_name_fields="weights")
    assert (await provider.poll(TRAINING)).model_id == "mine"


async def test_a_wrong_path_is_asked_once_and_the_list_tells_from_then_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wire = Wire(
        result=httpx.Response(404, text="<html>"),
        loras=[body("list_loras") | {"data": {"rows": []}}, body("list_loras")],
    )
    provider = img_open(wire)
    with caplog.at_level(logging.WARNING):
        first, second = [await provider.poll(TRAINING) for _ in range(2)]
    assert (first.state, first.poll_after) == (RemoteState.RUNNING, timedelta(seconds=300))
    assert (second.state, second.model_id) == (RemoteState.SUCCEEDED, TASK)
    assert [path for path, _ in wire.asked] == [RESULT, LORAS, LORAS]
    assert [record.getMessage() for record in caplog.records] == [
        "Training results cannot be asked for: set IMG_OPEN_RESULT_PATH"
    ]
    assert "set IMG_OPEN_RESULT_PATH to the path the vendor names" in provider.remedy
    assert RESULT not in provider.remedy, "it names the setting, and not its value"


async def test_a_path_that_knows_nothing_of_a_training_that_was_called_done_is_the_operator_s_to_mend(
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider = img_open(Wire(result=refusal("task does not exist", "500")))
    with caplog.at_level(logging.WARNING):
        await provider.poll(TRAINING, pushed=body("result_running"))
        assert provider.remedy == "", "a list may lag behind what has only begun"
        for _ in range(2):
            told = await provider.poll(TRAINING, pushed=body("result_succeeded"))
            assert told.state is RemoteState.SUCCEEDED
    assert "IMG_OPEN_RESULT_PATH" in provider.remedy
    assert [record.getMessage() for record in caplog.records] == [
        "Training results cannot be asked for: set IMG_OPEN_RESULT_PATH"
    ]


async def test_a_path_that_answers_leaves_nothing_to_mend() -> None:
    provider = img_open(Wire(result=body("result_running")))
    await provider.poll(TRAINING, pushed=body("result_succeeded"))
    assert provider.remedy == ""


async def test_where_only_callbacks_tell_nobody_is_asked() -> None:
    wire = Wire(loras=httpx.Response(404))
    told = await img_open(wire, result_mode="callback").poll(TRAINING, pushed=body("result_running"))
    assert told.state is RemoteState.RUNNING
    assert wire.asked == []


async def test_what_was_called_back_is_believed_only_as_far_as_the_answer_lets_it() -> None:
    wire = Wire(result=body("result_running"))
    assert (await img_open(wire).poll(TRAINING, pushed=body("result_succeeded"))).state is RemoteState.RUNNING
    silent = Wire(result=refusal("task does not exist"))
    assert (await img_open(silent).poll(TRAINING, pushed=body("result_succeeded"))).model_id == TASK


@pytest.mark.parametrize("bare", [True, False])
def test_a_callback_is_its_payload_or_the_whole_envelope_and_wants_a_200_as_text(bare: bool) -> None:
    told = body("result_succeeded")["data"] if bare else body("result_succeeded")
    read = img_open(Wire()).callback(json.dumps(told).encode())
    assert read is not None
    assert (read.id, read.pushed, read.answer) == (TASK, told, {"code": "200"})


async def test_a_callback_that_comes_before_the_create_s_answer_names_our_key() -> None:
    key = new_id("job")
    begun = await img_open(Vendor()).submit(training(), key=key)
    read = img_open(Wire()).callback(json.dumps({"taskId": begun.ref.id, "status": 2}).encode())
    assert read is not None
    assert (read.id, read.key) == (begun.ref.id, key)


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'{"status": 2}', b"[" * 100_000])
def test_a_callback_that_names_no_training_is_none(sent: bytes) -> None:
    assert img_open(Wire()).callback(sent) is None


# -- images


async def test_images_are_asked_for_as_the_vendor_s_clients_do() -> None:
    wire = Wire(paint=body("text2image"))
    begun = await img_open(wire).generate(images(), key="gen-0b6d2f")
    assert wire.asked == [(PAINT, body("text2image.request"))]
    assert begun.ref == IMAGES


async def test_the_checkpoint_is_looked_up_by_the_base_model() -> None:
    vendor = Vendor()
    provider = img_open(vendor, checkpoint=None)
    for number in (1, 2):
        await provider.generate(images(), key=f"gen-{number}")
    asked = [json.loads(one.content) for one in vendor.requests if one.url.path == PAINT]
    assert [one["alwayson_scripts"]["sd_model_checkpoint"] for one in asked] == [CHECKPOINT] * 2
    assert len(vendor.requests) == 3


async def test_images_are_made_with_the_base_model_and_the_clip_skip_that_were_trained() -> None:
    vendor, painted = Vendor(), []

    def wire(request: httpx.Request) -> httpx.Response:
        if request.url.path == PATHS["paint"]:
            painted.append(json.loads(request.content))
        return vendor(request)

    provider = img_open(wire, checkpoint=None)
    wanted = training(pretrained_model="photon_v1_84728", clip_skip=2)
    begun = await provider.submit(wanted, key="job_1")
    vendor.finish()
    told = await provider.poll(begun.ref)
    assert told.details["lora"] == "job-1"
    assert told.model_id is not None
    spec = GenerationSpec(model_id=told.model_id, prompt="in a park", count=1)
    await provider.generate(spec, key="job_2")
    (asked,) = painted
    assert "<lora:job-1:0.8>" in asked["prompt"]
    assert asked["alwayson_scripts"]["sd_model_checkpoint"] == "photon_v1_84728.safetensors"
    assert asked["alwayson_scripts"]["override_settings"] == {"CLIP_stop_at_last_layers": 2}
    found = await provider.find(wanted, key="job_1", known=frozenset())
    assert found is not None
    assert found.ref == begun.ref
    assert await provider.find(wanted, key="job_1", known=frozenset({begun.ref.id})) is None


async def test_a_base_model_that_no_image_could_be_made_with_is_refused_before_it_is_paid_for() -> None:
    vendor = Vendor()
    with pytest.raises(InvalidInput, match="no base model called dreams"):
        await img_open(vendor, checkpoint=None).submit(training(pretrained_model="dreams"), key="job_1")
    assert vendor.trainings == {}


@pytest.mark.parametrize(
    ("base", "second", "why"),
    [
        ("v2-1_768-ema-pruned", False, "is SD 2.1: choose"),
        ("photon_v1_84728", True, "is SD 1.5: leave out"),
        ("v2-1_768-ema-pruned", True, ""),
        ("photon_v1_84728", False, ""),
        ("unsaid", True, ""),
    ],
)
async def test_a_base_model_and_what_the_trainer_is_told_of_its_family_must_agree(
    base: str, second: bool, why: str
) -> None:
    listed = body("list_checkpoints")
    (row,) = listed["data"]["rows"]
    listed["data"]["rows"] = [
        row,
        row | {"sdModelCheckpoint": "v2-1_768-ema-pruned.safetensors", "modelBaseModel": "SD 2.1"},
        row | {"sdModelCheckpoint": "unsaid.safetensors", "modelBaseModel": None},
    ]
    wire = Wire(models=listed, train=body("submit_training"))
    wanted = training(pretrained_model=base, v2=second)
    if why:
        with pytest.raises(InvalidInput, match=why):
            await img_open(wire, checkpoint=None).submit(wanted, key="job_1")
    else:
        await img_open(wire, checkpoint=None).submit(wanted, key="job_1")
    assert [path for path, _ in wire.asked if path == TRAIN] == ([] if why else [TRAIN])


async def test_a_prompt_at_its_limit_leaves_room_for_the_name_of_the_model() -> None:
    wire = Wire(paint=body("text2image"))
    provider = img_open(wire)
    able = provider.capabilities.generation
    assert able is not None
    longest = "雪" * able.prompt_max
    await provider.generate(images(longest), key="gen-1")
    ((_, sent),) = wire.asked
    assert len(sent["prompt"]) <= provider.settings.prompt_max == 2000
    assert sent["prompt"].startswith(f"{longest} <lora:")
    with pytest.raises(InvalidInput, match="characters"):
        await provider.generate(images("x" * 2000), key="gen-2")
    assert len(wire.asked) == 1


async def test_signs_that_name_models_are_barred_before_anything_is_trained() -> None:
    able = img_open(Wire()).capabilities.generation
    assert able is not None
    assert set(able.prompt_bars) == {"<", ">"}


async def test_the_options_of_images_are_heeded() -> None:
    wire = Wire(paint=body("text2image"))
    options = {"size": "768x512", "steps": 30, "weight": 0.6, "clip_skip": 2, "restore_faces": True}
    await img_open(wire).generate(images(seed=7, options=options), key="gen-1")
    ((_, sent),) = wire.asked
    assert (sent["width"], sent["height"], sent["steps"], sent["seed"]) == (768, 512, 30, "7")
    assert sent["prompt"].endswith(f"<lora:{TASK}:0.6>")
    assert sent["alwayson_scripts"]["override_settings"] == {"CLIP_stop_at_last_layers": 2}


@pytest.mark.parametrize(
    "facts",
    [
        {"prompt": " "},
        {"prompt": "x" * 2001},
        {"prompt": "a <lora:other:1>"},
        {"count": 5},
        {"options": {"sampler": "?"}},
    ],
    ids=["no prompt", "long prompt", "another model", "too many", "unknown sampler"],
)
async def test_what_must_not_leave_does_not(facts: dict[str, Any]) -> None:
    wire = Wire()
    with pytest.raises(InvalidInput):
        await img_open(wire).generate(images(**facts), key="gen-1")
    assert wire.asked == []


async def test_last_month_s_images_are_found_in_the_archive() -> None:
    archived = body("task_succeeded")
    archived["data"]["task_id"] = archived["data"].pop("id_task")
    wire = Wire(live=refusal("task not found"), archive=archived)
    told = await img_open(wire).poll(IMAGES)
    assert (told.state, len(told.artifacts)) == (RemoteState.SUCCEEDED, 1)
    assert [path for path, _ in wire.asked] == [LIVE, ARCHIVE]


@pytest.mark.parametrize("no", [False, "false", 0])
async def test_images_that_moderation_holds_back_are_left_out(no: Any) -> None:
    told = body("task_succeeded")
    (good,) = told["data"]["differentialImageRspList"]
    told["data"]["differentialImageRspList"] = [
        good | {"img_audit_status": no},
        good,
        good | {"image_url": ""},
    ]
    read = await img_open(Wire(live=told)).poll(IMAGES)
    assert [json.loads(one.locator) for one in read.artifacts] == [[IMAGES.id, 1]]
    assert read.held_back == 1


async def test_all_images_held_back_is_the_person_s_to_mend() -> None:
    told = body("task_succeeded")
    told["data"]["differentialImageRspList"][0]["img_audit_status"] = False
    with pytest.raises(ContentRejected):
        await img_open(Wire(live=told)).poll(IMAGES)


async def test_success_without_an_image_may_be_taken_back() -> None:
    told = body("task_succeeded")
    told["data"]["differentialImageRspList"] = None
    read = await img_open(Wire(live=told)).poll(IMAGES)
    assert (read.state, read.tentative) == (RemoteState.FAILED, True)


async def test_an_image_is_pulled_without_our_keys_and_one_that_is_gone_is_not_found() -> None:
    vendor = Vendor()
    provider = img_open(vendor)
    begun = await provider.generate(images(), key="gen-1")
    vendor.finish()
    told = await provider.poll(begun.ref)
    assert b"".join([piece async for piece in provider.fetch(told.ref, told.artifacts[1])]) == png()
    gone = Artifact(locator=json.dumps([begun.ref.id, 9]))
    with pytest.raises(NotFound):
        _ = [piece async for piece in provider.fetch(begun.ref, gone)]


# -- lost answers


@pytest.mark.parametrize("code", ["1001", "500"])
async def test_a_training_the_vendor_does_not_know_may_be_sent_again(code: str) -> None:
    wire = Wire(result=refusal("task does not exist", code))
    assert await img_open(wire).find(training(), key=TASK, known=frozenset()) is None


async def test_where_nothing_can_tell_and_ids_are_not_unique_it_is_never_sent_again() -> None:
    provider = img_open(Wire(), result_mode="callback", unique_task_ids=False)
    with pytest.raises(UnexpectedResponse):
        await provider.find(training(), key=TASK, known=frozenset())
    able = provider.capabilities.training
    assert able is not None
    assert not able.idempotent


async def test_a_vendor_that_cannot_answer_has_not_said_that_it_is_not_there() -> None:
    with pytest.raises(Unavailable):
        await img_open(Wire(result=refusal("busy", "503"))).find(training(), key=TASK, known=frozenset())


# -- saying no


NOES: list[tuple[int, str, str, type[ProviderError], type[ProviderError]]] = [
    (200, "1001", "参数错误", InvalidInput, InvalidInput),
    (200, "500", "", Unavailable, OutcomeUnknown),
    (200, "500", "系统繁忙,请稍后再试", Unavailable, OutcomeUnknown),
    (200, "500", "Read timed out", Unavailable, OutcomeUnknown),
    (200, "500", "提示词包含敏感词", ContentRejected, ContentRejected),
    (200, "502", "oops", Unavailable, OutcomeUnknown),
    (200, "504", "oops", Unavailable, OutcomeUnknown),
    (200, "503", "oops", Unavailable, Unavailable),
    (200, "429", "slow", RateLimited, RateLimited),
    (200, "401", "no", AuthenticationFailed, AuthenticationFailed),
    (200, "403", "no", AuthenticationFailed, AuthenticationFailed),
    (200, "1002", "accessKey is invalid", AuthenticationFailed, AuthenticationFailed),
    (401, "", "", AuthenticationFailed, AuthenticationFailed),
    (400, "1001", "wrong", InvalidInput, InvalidInput),
    (429, "", "", RateLimited, RateLimited),
    (500, "", "", Unavailable, OutcomeUnknown),
]


@pytest.mark.parametrize(
    ("status", "code", "words", "asking", "starting"), NOES, ids=[f"{r[0]}-{r[1]}" for r in NOES]
)
async def test_what_each_no_means_when_asking_and_when_starting(
    status: int, code: str, words: str, asking: type[ProviderError], starting: type[ProviderError]
) -> None:
    def wire(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"code": code, "msg": words})

    with pytest.raises(ProviderError) as asked:
        await img_open(wire).poll(IMAGES)
    with pytest.raises(ProviderError) as started:
        await img_open(wire).submit(training(), key=TASK)
    assert (type(asked.value), type(started.value)) == (asking, starting)


async def test_a_refusal_with_the_code_of_a_broken_server_is_believed_where_nothing_was_started() -> None:
    no = refusal("fileUrlList: only 9 images could be fetched", "500")
    absent = refusal("task does not exist", "500")
    with pytest.raises(InvalidInput, match="only 9 images") as caught:
        await img_open(Wire(train=no, result=absent)).submit(training(), key=TASK)
    assert caught.value.code == "500"
    with pytest.raises(InvalidInput, match="only 9 images"):
        await img_open(Wire(paint=no, live=absent, archive=absent)).generate(images(), key="gen-0b6d2f")


async def test_what_is_not_there_when_something_is_started_is_the_person_s_and_no_expired_job() -> None:
    no = refusal("fileUrlList: image does not exist")
    with pytest.raises(InvalidInput, match="does not exist"):
        await img_open(Wire(train=no)).submit(training(), key=TASK)


async def test_a_refusal_that_came_after_the_start_is_not_believed() -> None:
    no = refusal("saving failed", "500")
    begun = await img_open(Wire(train=no, result=body("result_running"))).submit(training(), key=TASK)
    assert begun.ref == TRAINING
    live = body("task_succeeded")
    painted = await img_open(Wire(paint=no, live=live)).generate(images(), key="gen-0b6d2f")
    assert painted.ref == IMAGES


async def test_a_refusal_that_cannot_be_looked_into_leaves_the_outcome_open() -> None:
    wire = Wire(train=refusal("saving failed", "500"), result=refusal("busy", "503"))
    with pytest.raises(OutcomeUnknown):
        await img_open(wire).submit(training(), key=TASK)


async def test_the_check_tells_wrong_keys_a_missing_permission_and_a_wrong_address_apart() -> None:
    for no, words in (
        (
            refusal("accessKey is invalid", "401"),
            "check IMG_OPEN_ACCESS_KEY_ID and IMG_OPEN_ACCESS_KEY_SECRET",
        ),
        (refusal("accessKey 没有权限: permission denied", "403"), "lets their account not use this"),
    ):
        with pytest.raises(AuthenticationFailed, match=words):
            await img_open(Wire(models=no)).check()
    with pytest.raises(NotFound, match="IMG_OPEN_ENDPOINT"):
        await img_open(lambda request: httpx.Response(404)).check()


@pytest.mark.parametrize("page", ["<html>bad gateway</html>", "", "[]"])
async def test_a_gateway_s_page_is_a_bad_gateway_whatever_its_status(page: str) -> None:
    def wire(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=page)

    with pytest.raises(Unavailable):
        await img_open(wire).poll(IMAGES)
    with pytest.raises(OutcomeUnknown):
        await img_open(wire).submit(training(), key=TASK)


async def test_a_code_that_is_a_number_is_a_yes_too() -> None:
    told = await img_open(Wire(result=body("result_running") | {"code": 200})).poll(TRAINING)
    assert told.state is RemoteState.RUNNING


async def test_the_secret_follows_no_redirect() -> None:
    asked: list[str] = []

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.example/"})

    with pytest.raises(ProviderError):
        await img_open(wire).check()
    assert set(asked) == {"api.zhiqite.com"}


@pytest.mark.parametrize("endpoint", ["http://api.zhiqite.com", "https://x.example/?a=1"])
def test_an_address_that_would_show_the_secret_is_refused(endpoint: str) -> None:
    with pytest.raises(ValidationError):
        ImgOpenSettings(access_key_id=KEY_ID, access_key_secret=SECRET, endpoint=endpoint)


async def test_the_check_says_what_to_mend() -> None:
    with pytest.raises(AuthenticationFailed, match="IMG_OPEN_ACCESS_KEY_SECRET"):
        await img_open(lambda request: refusal("accessKey error")).check()
    with pytest.raises(AuthenticationFailed, match="IMG_OPEN_CHECKPOINT"):
        await img_open(
            lambda request: httpx.Response(200, json=body("list_checkpoints")), checkpoint=None
        ).check()
    with pytest.raises(Unavailable, match="IMG_OPEN_ENDPOINT"):
        await img_open(lambda request: httpx.Response(503, json={"code": "503"})).check()


async def test_neither_cancel_nor_delete_is_asked_for() -> None:
    wire = Wire()
    provider = img_open(wire)
    assert not await provider.cancel(TRAINING)
    assert not await provider.delete(TRAINING)
    assert wire.asked == []


def test_settings_that_cannot_both_be_true_are_refused() -> None:
    with pytest.raises(ValidationError, match="share a number"):
        img_open(Wire(), states_queued="2")
    with pytest.raises(ValidationError, match="must grow"):
        img_open(Wire(), train_poll_first=100)


def test_the_options_of_images_have_defaults() -> None:
    assert GenerationOptions().size == "512x768"
