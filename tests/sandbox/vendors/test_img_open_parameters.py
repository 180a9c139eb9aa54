"""The 37 parameters of a training, one by one and together, as the table of the vendor's page has them."""

from typing import Any

import pytest

from bot.sandbox.vendors._img_open_answers import No
from bot.sandbox.vendors._img_open_parameters import BY_NAME, OPTIMISERS, SCHEDULERS, SNAKE, bind
from bot.sandbox.vendors._img_open_settings import Settings
from tests.sandbox.vendors.img_open_scene import SUBMIT, Setup, refused

LINKS = [f"https://files.example.org/t/{number:02}.jpg" for number in range(100)]
LEAST: dict[str, Any] = {"taskId": "slk-1", "fileUrlList": LINKS[:10]}
FLAG: tuple[list[Any], list[Any]] = ([True, False], [0, 1, "true", "false", [], {}])
SHARE: tuple[list[Any], list[Any]] = ([0, 0.05, 0.5, 1, 1.0], [-0.01, 1.01, "0.5", True])
RATE: tuple[list[Any], list[Any]] = (
    ["0.0001", "5e-05", "0", "1", "0.00005"],
    [0.0001, 1, True, "", "fast", "-0.1", "1e", ".5", " 0.1", "0.1 ", "NaN", "Infinity", "0,1"],
)


def whole(least: int, most: int) -> tuple[list[Any], list[Any]]:
    odd = [str(least), least + 0.5, float(least), True, [least], {}]
    return [least, most, (least + most) // 2], [least - 1, most + 1, *odd]


TABLE: dict[str, tuple[list[Any], list[Any]]] = {
    "taskId": (
        ["slk-3f2b9c0e7d5a4b1c8e6f0a1b2c3d4e5f", "a", "0" * 64],
        ["", "A", "a b", "a_b", "ä", "a" * 65, 7, True, ["a"], "a\n"],
    ),
    "fileUrlList": (
        [LINKS[:10], LINKS],
        [[], LINKS[:9], [*LINKS, LINKS[0]], "https://x", {}, 10, True],
    ),
    "maxEpochs": whole(10, 50),
    "batchSize": whole(1, 4),
    "learningRate": (
        ["0.0000001", "0.0001", "0.00001", "1e-05", "5E-5", "0.00010"],
        ["0.00000009", "0.00011", "1", "0", "-0.00001", "", "slow", 0.0001, 1, True, "1e-05 "],
    ),
    "maxTokenLength": ([0, 150, 225], [75, 1, 151, "225", 225.0, False, True]),
    "clipSkip": whole(1, 5),
    "randomCrop": FLAG,
    "pretrainedModel": (
        ["v1-5-pruned-emaonly", "photon_v1_84728"],
        ["v1-5-pruned-emaonly.safetensors", "", "nothing", 7],
    ),
    "repeats": whole(1, 30),
    "mixedPrecision": (["fp16", "bf16"], ["float", "no", "", "FP16", 16]),
    "savePrecision": (["fp16", "bf16", "float"], ["fp32", "no", "", 16]),
    "numCpuThreadsPerProcess": whole(1, 20),
    "seed": ([0, 1234, -1, 2**40], ["1234", 1.5, True]),
    "cacheLatents": FLAG,
    "cacheLatentsToDisk": FLAG,
    "lrScheduler": ([one for one in SCHEDULERS if one != "adafactor"], ["Constant", "", "adafactor", 1]),
    "lrWarmupSteps": whole(0, 100),
    "optimizerType": (list(OPTIMISERS), ["adamw", "Prodigy", "", 1]),
    "resolution": ([384, 512, 768], [0, -512, "512", 512.0, True]),
    "enableBucket": FLAG,
    "minBucketReso": ([256, 320], [0, "256", True]),
    "maxBucketReso": ([1024, 768], [0, "1024", True]),
    "textEncoderLr": RATE,
    "unetLr": RATE,
    "networkDropout": SHARE,
    "rankDropout": SHARE,
    "moduleDropout": SHARE,
    "networkModule": (["networks.lora"], ["networks.dylora", "lora", "", 1]),
    "networkDim": ([1, 32, 128], [0, -1, "32", 4.0, True]),
    "networkAlpha": ([0, 1, 16], [-1, "16", 1.5, True]),
    "networkArgs": (["", "conv_dim=4"], [["conv_dim=4"], {}, 4, True]),
    "v2": ([False], [*FLAG[1], True]),
    "flipAug": FLAG,
    "colorAug": FLAG,
    "gradientAccumulationSteps": ([1, 4], [0, -1, "1", 1.0, True]),
    "noiseOffset": SHARE,
}
"""What each may be and what not, beside the least that can be ordered."""


def understood(body: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return bind(LEAST | body, Settings(**settings)).parameters


def refusal(body: dict[str, Any], **settings: Any) -> str:
    with pytest.raises(No) as no:
        bind(LEAST | body, Settings(**settings))
    assert no.value.code is None
    return no.value.message


def test_there_are_37_and_this_file_tries_them_all() -> None:
    assert len(BY_NAME) == 37
    assert list(TABLE) == list(BY_NAME)


@pytest.mark.parametrize("name", TABLE)
def test_a_parameter_takes_what_the_table_says(name: str) -> None:
    for value in TABLE[name][0]:
        taken = understood({name: value})[name]
        assert (taken, type(taken)) == (value, type(value))


@pytest.mark.parametrize("name", TABLE)
def test_a_parameter_refuses_anything_else_and_is_named(name: str) -> None:
    for value in TABLE[name][1]:
        assert f" {name} " in refusal({name: value}), value


@pytest.mark.parametrize("name", ["taskId", "fileUrlList"])
def test_two_are_needed(name: str) -> None:
    left_out = {other: value for other, value in LEAST.items() if other != name}
    for body in (left_out, left_out | {name: None}):
        with pytest.raises(No, match=rf"missing parameter {name}$"):
            bind(body, Settings())


def test_what_is_left_out_or_null_has_the_default_of_the_table() -> None:
    expected = {
        "maxEpochs": 20,
        "batchSize": 1,
        "learningRate": "0.00001",
        "maxTokenLength": 225,
        "clipSkip": 1,
        "pretrainedModel": "v1-5-pruned-emaonly",
        "repeats": 10,
        "lrScheduler": "constant",
        "lrWarmupSteps": 0,
        "optimizerType": "AdamW",
        "minBucketReso": 256,
        "maxBucketReso": 1024,
        "networkDim": 4,
        "networkAlpha": 1,
        "gradientAccumulationSteps": 1,
    }
    for body in ({}, dict.fromkeys(expected)):
        taken = understood(body)
        assert {name: taken[name] for name in expected} == expected
        assert "seed" not in taken


@pytest.mark.parametrize(
    "link",
    [
        "ftp://files.example.org/1.jpg",
        "https://user:word@files.example.org/1.jpg",
        "1.jpg",
        "//x/1.jpg",
        "http://[::1",
        "",
        7,
    ],
)
def test_every_link_must_be_a_public_address(link: Any) -> None:
    assert "fileUrlList" in refusal({"fileUrlList": [*LINKS[:9], link]})


# What goes together.


@pytest.mark.parametrize("cache", ["cacheLatents", "cacheLatentsToDisk"])
@pytest.mark.parametrize("change", ["colorAug", "randomCrop"])
def test_latents_that_are_kept_bear_no_changing_pictures(cache: str, change: str) -> None:
    words = refusal({cache: True, change: True})
    assert cache in words
    assert change in words
    understood({cache: True, change: False})
    understood({cache: False, change: True})


def test_the_resolution_lies_between_the_buckets_if_there_are_any() -> None:
    buckets: dict[str, Any] = {"enableBucket": True, "minBucketReso": 256, "maxBucketReso": 1024}
    for resolution in (256, 512, 1024):
        understood(buckets | {"resolution": resolution})
    assert "minBucketReso" in refusal(buckets | {"resolution": 255})
    assert "maxBucketReso" in refusal(buckets | {"resolution": 1025})
    assert "maxBucketReso" in refusal({"enableBucket": True, "resolution": 1088})
    understood(buckets | {"enableBucket": False, "resolution": 1025})


def test_the_scheduler_adafactor_goes_with_its_optimiser_alone() -> None:
    understood({"lrScheduler": "adafactor", "optimizerType": "AdaFactor"})
    assert "lrScheduler" in refusal({"lrScheduler": "adafactor", "optimizerType": "AdamW8bit"})
    assert "lrScheduler" in refusal({"lrScheduler": "adafactor"})


def test_v2_is_for_the_models_of_the_second_kind_and_they_for_it() -> None:
    second = "v2-1_768-ema-pruned"
    understood({"v2": True, "pretrainedModel": second})
    assert " v2 " in refusal({"v2": True})
    assert " v2 " in refusal({"pretrainedModel": second})
    assert " v2 " in refusal({"pretrainedModel": second, "v2": False})


# Spellings.


def test_seven_names_have_two_spellings() -> None:
    assert list(SNAKE) == [
        "fileUrlList",
        "maxEpochs",
        "batchSize",
        "learningRate",
        "maxTokenLength",
        "clipSkip",
        "randomCrop",
    ]


OTHERS = {
    "file_url_list": LINKS[:10],
    "max_epochs": 30,
    "batch_size": 2,
    "learning_rate": "0.0001",
    "max_token_length": 150,
    "clip_skip": 2,
    "random_crop": True,
}


def test_where_only_camel_case_is_known_snake_case_is_passed_over() -> None:
    bound = bind(LEAST | OTHERS, Settings())
    assert bound.passed_over == tuple(OTHERS)
    assert (bound.parameters["maxEpochs"], bound.parameters["randomCrop"]) == (20, False)
    with pytest.raises(No, match=r"missing parameter fileUrlList$"):
        bind({"taskId": "slk-1"} | OTHERS, Settings())


def test_where_only_snake_case_is_known_its_names_are_asked_for() -> None:
    only: Any = {"wire_case": "snake"}
    taken = bind({"taskId": "slk-1"} | OTHERS, Settings(**only))
    assert taken.passed_over == ()
    assert [taken.parameters[name] for name in SNAKE] == list(OTHERS.values())
    with pytest.raises(No, match=r"missing parameter file_url_list$"):
        bind(LEAST, Settings(**only))
    words = refusal({"file_url_list": LINKS[:10], "max_epochs": 5}, **only)
    assert " max_epochs " in words


def test_where_both_are_known_either_will_do_and_contradictions_will_not() -> None:
    both: Any = {"wire_case": "both"}
    assert understood({"max_epochs": 30}, **both)["maxEpochs"] == 30
    assert understood({"max_epochs": 30, "maxEpochs": 30}, **both)["maxEpochs"] == 30
    words = refusal({"max_epochs": 30, "maxEpochs": 31}, **both)
    assert "maxEpochs" in words
    assert "max_epochs" in words


def test_an_order_in_both_spellings_is_taken_whichever_is_known() -> None:
    twice = {"taskId": "slk-1"} | OTHERS | dict(zip(SNAKE, OTHERS.values(), strict=True))
    for wire_case in ("camel", "snake", "both"):
        taken = bind(twice, Settings(wire_case=wire_case)).parameters  # type: ignore[arg-type]
        assert [taken[name] for name in SNAKE] == list(OTHERS.values())


def test_the_spelling_that_is_not_known_may_be_refused() -> None:
    assert "unknown parameter max_epochs" in refusal({"max_epochs": 30}, other_spelling="refused")
    words = refusal({"file_url_list": LINKS[:10]}, other_spelling="refused", wire_case="snake")
    assert "unknown parameter fileUrlList" in words


def test_a_name_that_is_no_parameter_is_refused_or_passed_over() -> None:
    for name in ("networkAplha", "network_dim", "callbackUrl"):
        assert f"unknown parameter {name}" in refusal({name: 1})
        assert bind(LEAST | {name: 1}, Settings(unknown_names="ignored")).passed_over == (name,)


# Rates.


def test_a_rate_as_a_number_is_refused_unless_it_is_allowed() -> None:
    for name in ("learningRate", "unetLr", "textEncoderLr"):
        assert name in refusal({name: 0.0001})
        assert understood({name: 0.0001}, numeric_rates=True)[name] == "0.0001"
        assert name in refusal({name: True}, numeric_rates=True)
    assert "learningRate" in refusal({"learningRate": 0.5}, numeric_rates=True)
    assert understood({"unetLr": 1}, numeric_rates=True)["unetLr"] == "1"


# Over the wire.


async def test_a_refused_order_is_told_with_http_200_and_costs_nothing(slow_img_open: Setup) -> None:
    for changes, named in (
        ({"maxEpochs": 9}, "maxEpochs"),
        ({"randomCrop": 0}, "randomCrop"),
        ({"learningRate": 0.0001}, "learningRate"),
        ({"cacheLatents": True, "colorAug": True}, "cacheLatents"),
        ({"fileUrlList": slow_img_open.album.links(9)}, "fileUrlList"),
        ({"fileUrlList": slow_img_open.album.links(101)}, "fileUrlList"),
        ({"taskId": None}, "taskId"),
    ):
        response = await slow_img_open.customer.call(SUBMIT, slow_img_open.training(**changes))
        refused(response, "500", named)
    assert (await slow_img_open.control.paid()).training == 0
    assert slow_img_open.album.requests == []


async def test_the_spelling_is_a_setting_and_what_meant_nothing_is_told(slow_img_open: Setup) -> None:
    order = slow_img_open.training(max_epochs=30)
    await slow_img_open.customer.ask(SUBMIT, order)
    (job,) = await slow_img_open.control.jobs()
    assert (job.passed_over, job.parameters["maxEpochs"]) == (["max_epochs"], 20)
    await slow_img_open.control.settings(wire_case="snake")
    response = await slow_img_open.customer.call(SUBMIT, slow_img_open.training())
    refused(response, "500", "missing parameter file_url_list")


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        # The page's example: 15 photos, 10 repeats, 2 at a time, 20 epochs.
        ({"photos": 15, "repeats": 10, "batchSize": 2, "maxEpochs": 20}, 1500),
        ({"photos": 10, "repeats": 1, "batchSize": 4, "maxEpochs": 10}, 30),
        ({"photos": 100, "repeats": 30, "batchSize": 1, "maxEpochs": 50}, 150_000),
        ({"photos": 15, "repeats": 10, "batchSize": 2, "gradientAccumulationSteps": 4}, 380),
    ],
)
async def test_the_steps_are_reckoned_as_the_page_does(
    slow_img_open: Setup, changes: dict[str, Any], steps: int
) -> None:
    links = slow_img_open.album.links(changes.pop("photos"))
    await slow_img_open.submit(fileUrlList=links, **changes)
    (job,) = await slow_img_open.control.jobs()
    assert job.steps == steps
