"""What the fake vendor is like: its facts, which a test may change, and what it says it takes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from bot.providers import UPFRONT, Delivery, InputSpec, ProviderSettings, Role


class FakeSettings(ProviderSettings):
    """The fake's facts, which a test may change."""

    model_config = SettingsConfigDict(env_prefix="FAKE_")

    label: str = "Fake"
    country: str = "Testland"
    idempotent: bool = True
    concurrency: int = 2
    gap: timedelta = timedelta(0)
    min_photos: int = 2
    max_photos: int = 10
    max_bytes: int = 10_000_000
    delivery: Delivery = Delivery.URL
    subjects: tuple[str, ...] = ("person", "dog")
    prompt_max: int = 500
    prompt_bars: str = ""
    count_max: int = 4
    poll_first: timedelta = timedelta(seconds=1)
    poll_most: timedelta = timedelta(seconds=4)
    deadline: timedelta = timedelta(hours=1)
    generates: bool = True
    cancels: bool = True
    deletes: bool = True
    trains: bool = True
    oneshots: bool = False
    inspects: bool = False
    one_face: bool = False
    """Each photo must show exactly one face."""
    films: bool = False
    """It wants a video and papers in place of photos, and makes clips that speak."""
    papers: bool = True
    """Of films only: papers go with one."""
    voice: bool = False
    """Of films only: recordings may go with one."""
    templates: bool = False
    """Its generation takes a template picture."""
    covers: bool = False
    """A finished training has a picture to show."""
    engine: str = ""
    """What carries out its generation and its one-shot, where it is one thing."""
    options: bool = False
    submit_time: timedelta = timedelta(seconds=120)
    grace: timedelta | None = None


class FakeOptions(BaseModel):
    """What may be chosen for a training of the fake's."""

    model_config = ConfigDict(extra="forbid")

    epochs: int | None = Field(None, ge=1, le=50, title="Epochs", description="How often each photo is seen.")
    rate: Decimal = Field(Decimal("0.0001"), gt=0, le=Decimal("0.0001"), description="How fast it learns.")
    tokens: Literal[0, 150, 225] = Field(225, description="How long a caption may be.")
    cached: bool = Field(True, description="Whether pictures are kept in memory.")
    shifted: bool = Field(False, description="Whether colours are shifted.")

    @field_validator("shifted")
    @classmethod
    def _not_cached(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("cached"):
            raise ValueError("Cached pictures cannot have their colours shifted.")
        return value


class FakeStyle(BaseModel):
    """What may be chosen for what the fake makes."""

    model_config = ConfigDict(extra="forbid")

    style: Literal["business", "spring", "template"] = Field(
        "business", title="Style", description="What it looks like.", json_schema_extra={**UPFRONT}
    )
    retouch: bool = Field(True, description="Whether skin is smoothed.")


def photos_of(facts: FakeSettings) -> InputSpec:
    return InputSpec(
        role=Role.PHOTO,
        min=facts.min_photos,
        max=facts.max_photos,
        media_types=("image/jpeg", "image/png"),
        max_bytes=facts.max_bytes,
        delivery=facts.delivery,
        one_face=facts.one_face,
    )


def template_of(facts: FakeSettings) -> InputSpec:
    return photos_of(facts).model_copy(update={"role": Role.TEMPLATE, "min": 0, "max": 1})


def papers_and_film(facts: FakeSettings) -> tuple[InputSpec, ...]:
    paper = {"media_types": ("image/jpeg", "image/png", "application/pdf"), "max_bytes": facts.max_bytes}
    once = {"min": 1, "max": 1, "delivery": Delivery.UPLOAD}
    film = InputSpec(
        role=Role.VIDEO,
        media_types=("video/mp4",),
        max_bytes=facts.max_bytes,
        frames=((1920, 1080), (1080, 1920)),
        lasts=(timedelta(seconds=60), timedelta(seconds=600)),
        **once,
    )
    cards = (Role.ID_FRONT, Role.ID_BACK, Role.LETTER) if facts.papers else ()
    zipped = {"media_types": ("application/zip",), "max_bytes": facts.max_bytes, "delivery": Delivery.UPLOAD}
    voice = InputSpec(role=Role.VOICE, min=0, max=1, **zipped)
    return (
        film,
        *(InputSpec(role=role, **paper, **once) for role in cards),
        *([voice] if facts.voice else []),
    )
