"""AIContent's settings, and what a person may choose."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import SettingsConfigDict

from bot.providers._http import MIB
from bot.providers._settings import Endpoint, Key, KeyId, ProviderSettings, Seconds

SUBJECTS = ("person", "woman", "man", "girl", "boy", "dog", "cat", "object")
INT32 = 2**31 - 1


Word = Annotated[str, Field(pattern="^[A-Za-z]+$")]


def _split(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _after(seconds: float, description: str) -> Any:
    return Field(timedelta(seconds=seconds), description=description)


class AicontentSettings(ProviderSettings):
    """Keys, address, and every fact that the vendor leaves open."""

    model_config = SettingsConfigDict(env_prefix="AICONTENT_", str_strip_whitespace=True)

    access_key_id: KeyId = Field(
        min_length=1, description="AccessKey id of the RAM user, or of STS credentials."
    )
    access_key_secret: Key = Field(min_length=1, description="AccessKey secret that belongs to the id.")
    security_token: Key | None = Field(None, description="STS token, with temporary credentials only.")
    endpoint: Endpoint = Field("https://aicontent.aliyuncs.com", description="Address of the API.")
    subjects: Annotated[tuple[Word, ...], BeforeValidator(_split)] = Field(
        SUBJECTS, min_length=1, description="What can be in the photos: single words, separated by commas."
    )
    photos_min: int = Field(3, ge=1, description="Fewest photos for a training.")
    photos_max: int = Field(30, ge=1, description="Most photos for a training.")
    photo_max_bytes: int = Field(10_000_000, ge=1, description="Largest photo.")
    train_steps: int | None = Field(None, ge=1, le=INT32, description="Training steps; not sent unless set.")
    prompt_max: int = Field(500, ge=1, description="Longest prompt, in characters.")
    images_max: int = Field(10, ge=1, le=10, description="Most images per request.")
    image_encoding: Literal["raw", "base64"] = Field("raw", description="How images are asked for.")
    image_max_bytes: int = Field(32 * MIB, ge=1, description="Largest image that is fetched.")
    oneshot: bool = Field(
        False, description="Offer images straight from photos too, without a model; see *One shot* first."
    )
    oneshot_photos_max: int = Field(10, ge=1, description="Most photos for a one-shot.")
    train_concurrency: int = Field(2, ge=1, description="Trainings under way at once.")
    generate_concurrency: int = Field(
        1, ge=1, description="Generations under way at once; see *Lost answers*."
    )
    clock_slack: Seconds = _after(
        120, "How far the vendor's clock may be from ours when images are looked for."
    )
    train_poll_first: Seconds = _after(15, "First interval between polls of a training.")
    train_poll_most: Seconds = _after(60, "Longest interval between polls of a training.")
    train_deadline: Seconds = _after(7200, "A training without a result has failed after this.")
    generate_poll_first: Seconds = _after(5, "First interval between polls of a generation.")
    generate_poll_most: Seconds = _after(15, "Longest interval between polls of a generation.")
    generate_deadline: Seconds = _after(900, "A generation without a result has failed after this.")
    requests_per_second: float = Field(2.0, gt=0, le=1000, description="Calls per second, of all kinds.")
    connections: int = Field(4, ge=1, le=20, description="Calls under way at once, downloads included.")
    call_deadline: Seconds = _after(60, "Longest time for one call.")
    utc_offset_hours: float = Field(8, ge=-14, le=14, description="Zone of the vendor's times.")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        pairs = [("photos_min", "photos_max")]
        for work in ("train", "generate"):
            pairs += [(f"{work}_poll_first", f"{work}_poll_most"), (f"{work}_poll_most", f"{work}_deadline")]
        for small, large in pairs:
            if getattr(self, small) > getattr(self, large):
                raise ValueError(f"AICONTENT_{small.upper()} is more than AICONTENT_{large.upper()}")
        return self


class TrainingOptions(BaseModel):
    """What may be chosen for one training."""

    model_config = ConfigDict(extra="forbid")

    train_steps: int | None = Field(
        None, ge=1, le=INT32, title="Training steps", description="Left empty, the vendor decides."
    )


class OneshotOptions(BaseModel):
    """What may be chosen for images straight from photos."""

    model_config = ConfigDict(extra="forbid")

    strength: Literal["0.3", "0.4", "0.5", "0.6", "0.7", "0.8"] = Field(
        "0.5", title="Likeness", description="Lower: the photos count less, and the prompt more."
    )
    train_steps: int | None = Field(
        None, ge=1, le=INT32, title="Training steps", description="Left empty, the vendor decides."
    )
