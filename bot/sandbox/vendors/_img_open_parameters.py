"""The 37 parameters of a training: what each may be, what it is otherwise, and which do not go together.

The ranges are the vendor's table. Where that has none, the rule is that of kohya-ss/sd-scripts, whose names
these are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.vendors._img_open_answers import No, missing, wrong
from bot.sandbox.vendors._img_open_catalogue import BY_STEM, SD_2
from bot.sandbox.vendors._img_open_checks import (
    Check,
    Wrong,
    decimal_text,
    links,
    number,
    one_of,
    own_id,
    text,
    whole,
    yes_or_no,
)
from bot.sandbox.vendors._img_open_settings import Settings
from bot.sandbox.vendors._state import Json

Parameters = dict[str, Json]

OPTIMISERS = (
    "AdamW",
    "AdamW8bit",
    "PagedAdamW8bit",
    "Lion8bit",
    "PagedLion8bit",
    "Lion",
    "SGDNesterov",
    "SGDNesterov8bit",
    "DAdaptation",
    "DAdaptAdaGrad",
    "DAdaptAdam",
    "DAdaptAdan",
    "DAdaptAdanIP",
    "DAdaptLion",
    "DAdaptSGD",
    "AdaFactor",
)
SCHEDULERS = (
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "adafactor",
)
SNAKE = {
    "fileUrlList": "file_url_list",
    "maxEpochs": "max_epochs",
    "batchSize": "batch_size",
    "learningRate": "learning_rate",
    "maxTokenLength": "max_token_length",
    "clipSkip": "clip_skip",
    "randomCrop": "random_crop",
}
"""The seven names that the vendor's table and its example spell differently."""
RATES = ("learningRate", "textEncoderLr", "unetLr")
_MANY_PIXELS = 4096


@dataclass(frozen=True)
class Parameter:
    """One line of the table. `default` None means that the trainer decides."""

    name: str
    check: Check
    default: Json = None
    required: bool = False


TABLE = (
    Parameter("taskId", own_id, required=True),
    Parameter("fileUrlList", links(10, 100), required=True),
    Parameter("maxEpochs", whole(10, 50), 20),
    Parameter("batchSize", whole(1, 4), 1),
    Parameter("learningRate", decimal_text("0.0000001", "0.0001"), "0.00001"),
    Parameter("maxTokenLength", one_of((0, 150, 225)), 225),
    Parameter("clipSkip", whole(1, 5), 1),
    Parameter("randomCrop", yes_or_no, default=False),
    Parameter("pretrainedModel", one_of(tuple(BY_STEM)), "v1-5-pruned-emaonly"),
    Parameter("repeats", whole(1, 30), 10),
    Parameter("mixedPrecision", one_of(("fp16", "bf16"))),
    Parameter("savePrecision", one_of(("fp16", "bf16", "float"))),
    Parameter("numCpuThreadsPerProcess", whole(1, 20)),
    Parameter("seed", whole()),
    Parameter("cacheLatents", yes_or_no, default=False),
    Parameter("cacheLatentsToDisk", yes_or_no, default=False),
    Parameter("lrScheduler", one_of(SCHEDULERS), "constant"),
    Parameter("lrWarmupSteps", whole(0, 100), 0),
    Parameter("optimizerType", one_of(OPTIMISERS), "AdamW"),
    Parameter("resolution", whole(64, _MANY_PIXELS), 512),
    Parameter("enableBucket", yes_or_no, default=False),
    Parameter("minBucketReso", whole(64, _MANY_PIXELS), 256),
    Parameter("maxBucketReso", whole(64, _MANY_PIXELS), 1024),
    Parameter("textEncoderLr", decimal_text()),
    Parameter("unetLr", decimal_text()),
    Parameter("networkDropout", number(0, 1), 0),
    Parameter("rankDropout", number(0, 1), 0),
    Parameter("moduleDropout", number(0, 1), 0),
    Parameter("networkModule", one_of(("networks.lora",)), "networks.lora"),
    Parameter("networkDim", whole(1), 4),
    Parameter("networkAlpha", whole(0), 1),
    Parameter("networkArgs", text()),
    Parameter("v2", yes_or_no, default=False),
    Parameter("flipAug", yes_or_no, default=False),
    Parameter("colorAug", yes_or_no, default=False),
    Parameter("gradientAccumulationSteps", whole(1), 1),
    Parameter("noiseOffset", number(0, 1)),
)
BY_NAME = {one.name: one for one in TABLE}


@dataclass(frozen=True)
class Bound:
    """An order as it was understood, defaults included, and the names in it that meant nothing."""

    parameters: Parameters
    passed_over: tuple[str, ...]


def bind(body: Mapping[str, Json], settings: Settings) -> Bound:
    """Understand an order.

    Raises:
        No: something is missing, or no value for its parameter, or does not go with another.
    """
    passed_over = _passed_over(body, settings)
    parameters: Parameters = {}
    for parameter in TABLE:
        name, value = _value(body, parameter.name, settings)
        if value is None:
            if parameter.required:
                raise missing(name)
            value = parameter.default
        else:
            value = _checked(name, parameter, value, settings)
        if value is not None:
            parameters[parameter.name] = value
    _together(parameters)
    return Bound(parameters, passed_over)


def steps(parameters: Parameters) -> int:
    """How many steps the optimiser takes, where all photos fall into one bucket."""

    def given(name: str) -> int:
        value = parameters[name]
        assert isinstance(value, int)
        return value

    photos = parameters["fileUrlList"]
    assert isinstance(photos, list)
    batches = math.ceil(len(photos) * given("repeats") / given("batchSize"))
    return given("maxEpochs") * math.ceil(batches / given("gradientAccumulationSteps"))


def _understood(name: str, settings: Settings) -> tuple[str, ...]:
    """The spellings of a parameter that bind, the likelier first."""
    snake = SNAKE.get(name)
    if snake is None or settings.wire_case == "camel":
        return (name,)
    return (snake,) if settings.wire_case == "snake" else (name, snake)


def _value(body: Mapping[str, Json], name: str, settings: Settings) -> tuple[str, Json]:
    spellings = _understood(name, settings)
    given = [(spelling, body[spelling]) for spelling in spellings if body.get(spelling) is not None]
    if len(given) > 1 and given[0][1] != given[1][1]:
        raise wrong(given[0][0], f"contradicts {given[1][0]}")
    return given[0] if given else (spellings[0], None)


def _passed_over(body: Mapping[str, Json], settings: Settings) -> tuple[str, ...]:
    understood = {spelling for name in BY_NAME for spelling in _understood(name, settings)}
    others = {*SNAKE, *SNAKE.values()}
    for name in body.keys() - understood:
        ruling = settings.other_spelling if name in others else settings.unknown_names
        if ruling == "refused":
            raise No(f"参数错误: unknown parameter {name}")
    return tuple(name for name in body if name not in understood)


def _checked(name: str, parameter: Parameter, value: Json, settings: Settings) -> Json:
    by_number = settings.numeric_rates and isinstance(value, int | float) and not isinstance(value, bool)
    if parameter.name in RATES and by_number:
        value = f"{value:.12f}".rstrip("0") if isinstance(value, float) else str(value)
        value = value.removesuffix(".")
    try:
        return parameter.check(value)
    except Wrong as error:
        raise wrong(name, str(error)) from error


def _together(given: Parameters) -> None:
    """Refuse what the trainer would break off at."""
    for cache in ("cacheLatents", "cacheLatentsToDisk"):
        for change in ("colorAug", "randomCrop"):
            if given[cache] and given[change]:
                raise wrong(cache, f"does not go with {change}")
    if given["enableBucket"]:
        least, side, most = (_whole(given, name) for name in ("minBucketReso", "resolution", "maxBucketReso"))
        if least > side:
            raise wrong("minBucketReso", "must not exceed resolution")
        if most < side:
            raise wrong("maxBucketReso", "must not be less than resolution")
    if given["lrScheduler"] == "adafactor" and given["optimizerType"] != "AdaFactor":
        raise wrong("lrScheduler", "adafactor goes only with optimizerType AdaFactor")
    base = BY_STEM[str(given["pretrainedModel"])].base
    if given["v2"] != (base == SD_2):
        raise wrong("v2", f"does not match pretrainedModel, which is {base}")


def _whole(given: Parameters, name: str) -> int:
    value = given[name]
    assert isinstance(value, int)
    return value
