"""What may be chosen at Img Open: all training parameters of its page, and those of its generation.

Types, ranges and defaults are the vendor's where it names them. Ranges marked *kohya* are those of the
trainer whose parameters these are to the letter (kohya-ss sd-scripts), which the vendor does not name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core.core_schema import ValidationInfo

from bot.providers.img_open.words import BASE

DISPUTED = (
    "fileUrlList",
    "maxEpochs",
    "batchSize",
    "learningRate",
    "maxTokenLength",
    "clipSkip",
    "randomCrop",
)
"""Fields that the vendor's table and its example spell differently."""
AIM = 1500
"""Steps that `repeats` is chosen for where nobody chose it: between 1,000 and 2,500 a likeness is learnt."""
MOST_STEPS = 20_000


def plain(value: Decimal) -> str:
    """A rate as the vendor wants it: text, and never `1e-05`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


Rate = Annotated[Decimal, PlainSerializer(plain, return_type=str)]
Share = Annotated[float, Field(ge=0, lt=1)]
Optimizer = Literal[
    "AdamW", "AdamW8bit", "PagedAdamW8bit", "Lion8bit", "PagedLion8bit", "Lion", "SGDNesterov",
    "SGDNesterov8bit", "DAdaptation", "DAdaptAdaGrad", "DAdaptAdam", "DAdaptAdan", "DAdaptAdanIP",
    "DAdaptLion", "DAdaptSGD", "AdaFactor",
]  # fmt: skip
Scheduler = Literal[
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "adafactor"
]


def _field(default: Any, title: str, description: str, **facts: Any) -> Any:
    return Field(default, title=title, description=description, **facts)


class TrainingOptions(BaseModel):
    """The vendor's training parameters, in the order of its table; None is not sent."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=AliasGenerator(serialization_alias=to_camel),
        validate_default=True,
    )

    max_epochs: int = _field(20, "Epochs", "Passes over all photos.", ge=10, le=50)
    batch_size: int = _field(2, "Batch size", "Photos per step.", ge=1, le=4)
    learning_rate: Rate = _field(
        Decimal("0.0001"), "Learning rate", "Of both parts, unless they have their own.",
        ge=Decimal("0.0000001"), le=Decimal("0.0001"),
    )  # fmt: skip
    max_token_length: Literal[0, 150, 225] = _field(225, "Caption length", "Tokens of a caption; 0 is 75.")
    clip_skip: int = _field(1, "Clip skip", "Layer of the text encoder, from its end.", ge=1, le=5)
    random_crop: bool = _field(False, "Random crop", "Crop photos at random; not with cached latents.")
    pretrained_model: str = _field(
        BASE, "Base model", "The checkpoint that is trained, without its ending.",
        min_length=1, max_length=200, pattern=r"^[\w.+ -]+$",
    )  # fmt: skip
    repeats: int | None = _field(
        None,
        "Repeats",
        f"Uses of each photo per epoch; left empty, chosen for about {AIM:,} steps.",
        ge=1,
        le=30,
    )
    mixed_precision: Literal["fp16", "bf16"] = _field("fp16", "Mixed precision", "Of the computation.")
    save_precision: Literal["fp16", "bf16", "float"] = _field("fp16", "Saved precision", "Of the file.")
    num_cpu_threads_per_process: int | None = _field(
        None, "CPU threads", "Of the vendor's launcher; the result is the same.", ge=1, le=20
    )
    seed: int | None = _field(None, "Seed", "The same seed learns in the same order.", ge=0, le=2**31 - 1)
    cache_latents: bool = _field(True, "Cache latents", "Faster; not with random crop or colour changes.")
    cache_latents_to_disk: bool | None = _field(None, "Cache latents on disk", "As *Cache latents*.")
    lr_scheduler: Scheduler = _field("constant", "Scheduler", "How the learning rate changes (kohya).")
    lr_warmup_steps: int = _field(0, "Warm-up steps", "Needs a scheduler that warms up.", ge=0, le=100)
    optimizer_type: Optimizer = _field("AdamW8bit", "Optimizer", "D-Adaptation is refused.")
    resolution: int = _field(512, "Resolution", "Side of a training picture in pixels.", ge=64, le=1024)
    enable_bucket: bool = _field(True, "Keep shapes", "Photos need not be square.")
    min_bucket_reso: int | None = _field(256, "Smallest side", "Multiple of 64 (kohya).", ge=64, le=2048)
    max_bucket_reso: int | None = _field(1024, "Largest side", "Multiple of 64 (kohya).", ge=64, le=2048)
    text_encoder_lr: Rate | None = _field(
        Decimal("0.00005"), "Rate of the text encoder", "Of words.", gt=0, le=1
    )
    unet_lr: Rate | None = _field(Decimal("0.0001"), "Rate of the U-Net", "Of pictures.", gt=0, le=1)
    network_dropout: Share | None = _field(None, "Dropout", "Share of neurons left out; 0 is off.")
    rank_dropout: Share | None = _field(None, "Rank dropout", "Share of ranks left out; 0 is off.")
    module_dropout: Share | None = _field(None, "Module dropout", "Share of modules left out; 0 is off.")
    network_module: Literal["networks.lora"] = _field("networks.lora", "Network", "What is trained.")
    network_dim: int = _field(32, "Rank", "Size of the LoRA; its file grows with it.", ge=1, le=256)
    network_alpha: int = _field(16, "Alpha", "Strength is alpha by rank; 0 is as much as rank.", ge=0, le=256)
    network_args: str | None = _field(None, "Network arguments", "As the trainer takes them.", max_length=500)
    v2: bool | None = _field(None, "Stable Diffusion 2", "The base model is of that family.")
    flip_aug: bool | None = _field(None, "Mirror photos", "Bad for faces, which are not symmetric.")
    color_aug: bool | None = _field(None, "Change colours", "Not with cached latents.")
    gradient_accumulation_steps: int | None = _field(
        None, "Gradient accumulation", "Steps made one.", ge=1, le=64
    )
    noise_offset: float | None = _field(
        None, "Noise offset", "About 0.1 for strong light and dark.", ge=0, le=1
    )

    @field_validator("cache_latents", "cache_latents_to_disk")
    @classmethod
    def _whole_photos(cls, cached: bool | None, info: ValidationInfo) -> bool | None:
        if cached and info.data.get("random_crop"):
            raise ValueError("cached latents need *Random crop* off")
        return cached

    @field_validator("color_aug")
    @classmethod
    def _true_colours(cls, changed: bool | None, info: ValidationInfo) -> bool | None:
        if changed and (info.data.get("cache_latents") or info.data.get("cache_latents_to_disk")):
            raise ValueError("cached latents need *Change colours* off")
        return changed

    @field_validator("lr_warmup_steps")
    @classmethod
    def _warms_up(cls, steps: int, info: ValidationInfo) -> int:
        if steps and info.data.get("lr_scheduler") == "constant":
            raise ValueError("the scheduler `constant` does not warm up: take `constant_with_warmup`")
        return steps

    @field_validator("optimizer_type")
    @classmethod
    def _has_its_rate(cls, name: Optimizer, info: ValidationInfo) -> Optimizer:
        if name.startswith("DAdapt"):
            raise ValueError(
                "D-Adaptation wants a learning rate near 1, and this vendor takes 0.0001 at most"
            )
        if (name == "AdaFactor") != (info.data.get("lr_scheduler") == "adafactor"):
            raise ValueError("the optimizer AdaFactor and the scheduler adafactor go only together")
        return name

    @field_validator("min_bucket_reso", "max_bucket_reso")
    @classmethod
    def _fits_buckets(cls, side: int | None, info: ValidationInfo) -> int | None:
        if side is not None and side % 64:
            raise ValueError("must be a multiple of 64")
        resolution = info.data.get("resolution")
        if side is None or resolution is None or not info.data.get("enable_bucket"):
            return side
        if info.field_name == "min_bucket_reso" and side > resolution:
            raise ValueError(f"must not be more than the resolution, {resolution}")
        if info.field_name == "max_bucket_reso" and side < resolution:
            raise ValueError(f"must not be less than the resolution, {resolution}")
        return side

    @field_validator("v2")
    @classmethod
    def _skips_nothing(cls, second: bool | None, info: ValidationInfo) -> bool | None:
        if second and info.data.get("clip_skip", 1) != 1:
            raise ValueError("Stable Diffusion 2 needs *Clip skip* 1")
        if second and info.data.get("pretrained_model") == BASE:
            raise ValueError("this base model is not of the family of Stable Diffusion 2: choose another")
        return second

    def repeated(self, photos: int) -> int:
        """Uses of each photo per epoch: as chosen, or what brings so many photos near `AIM` steps."""
        if self.repeats is not None:
            return self.repeats
        wanted = AIM * self.batch_size * (self.gradient_accumulation_steps or 1) / (self.max_epochs * photos)
        return min(30, max(1, round(wanted)))

    def steps(self, photos: int) -> int:
        """Steps that a training with so many photos takes, if all of one shape (kohya)."""
        batches = math.ceil(photos * self.repeated(photos) / self.batch_size)
        return self.max_epochs * math.ceil(batches / (self.gradient_accumulation_steps or 1))

    def wire(self, task_id: str, links: list[str], case: str) -> dict[str, JsonValue]:
        """The request of a training, its fields in the order of the vendor's table."""
        chosen = self.model_copy(update={"repeats": self.repeated(len(links))})
        own = chosen.model_dump(mode="json", by_alias=True, exclude_none=True)
        if not self.enable_bucket:
            own.pop("minBucketReso", None), own.pop("maxBucketReso", None)
        if self.optimizer_type == "AdaFactor":
            # It sets its own rates, and ignores these.
            own.pop("textEncoderLr", None), own.pop("unetLr", None)
        body: dict[str, JsonValue] = {"taskId": task_id, "fileUrlList": list(links), **own}
        return body if case == "camel" else _spelt(body, keep=case == "both")


def _spelt(body: Mapping[str, JsonValue], *, keep: bool) -> dict[str, JsonValue]:
    """The disputed fields in snake case, beside their other spelling or in its place."""
    made: dict[str, JsonValue] = {}
    for name, value in body.items():
        if name not in DISPUTED or keep:
            made[name] = value
        if name in DISPUTED:
            made["".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)] = value
    return made


class GenerationOptions(BaseModel):
    """What may be chosen for images."""

    model_config = ConfigDict(extra="forbid")

    negative_prompt: str = _field(
        "lowres, bad anatomy, watermark", "Leave out", "What should not be in the images.", max_length=2000
    )
    size: Literal["512x768", "768x512", "512x512", "768x768", "768x1024", "1024x768"] = _field(
        "512x768", "Size", "Width by height in pixels."
    )
    steps: int = _field(25, "Steps", "More take longer.", ge=1, le=100)
    cfg_scale: int = _field(7, "Guidance", "How closely the prompt is followed.", ge=1, le=30)
    sampler: Literal["DPM++ 2M Karras", "Euler a", "Euler", "DDIM"] = _field(
        "DPM++ 2M Karras", "Sampler", "How noise becomes an image."
    )
    restore_faces: bool = _field(False, "Restore faces", "Have the vendor mend faces afterwards.")
    weight: float | None = _field(
        None, "Likeness", "Weight of the model; left empty, the operator's.", gt=0, le=2
    )
    clip_skip: int | None = _field(
        None, "Clip skip", "Left empty, the same as it was trained with.", ge=1, le=5
    )
