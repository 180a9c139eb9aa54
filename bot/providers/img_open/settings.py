"""Img Open's settings: its keys, and every fact that its pages leave open."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from bot.providers._http import MIB
from bot.providers._settings import Endpoint, Key, KeyId, ProviderSettings, Seconds

SUBJECTS = ("person", "woman", "man", "girl", "boy", "dog", "cat", "object")
SAAS = "/AIGCImgOpenServ/saas"


def _split(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Field names, separated by commas, in the order in which they are tried."""
Path = Annotated[str, Field(pattern=r"^/[\w./-]+$")]


def _after(seconds: float, description: str) -> Any:
    return Field(timedelta(seconds=seconds), description=description)


class ImgOpenSettings(ProviderSettings):
    """The page that documents how a training's result is told could not be had: all of it is a setting."""

    model_config = SettingsConfigDict(env_prefix="IMG_OPEN_", str_strip_whitespace=True)

    access_key_id: KeyId = Field(min_length=1, description="Access key id.")
    access_key_secret: Key = Field(min_length=1, description="Access key secret that belongs to the id.")
    endpoint: Endpoint = Field("https://api.zhiqite.com", description="Address of the API.")
    wire_case: Literal["camel", "both", "snake"] = Field(
        "camel",
        description="How seven training fields are spelt, where the vendor's page contradicts itself.",
    )
    unique_task_ids: bool = Field(
        True, description="The vendor never runs one task id twice, so that a lost start may be sent again."
    )
    result_mode: Literal["both", "query", "callback"] = Field(
        "both", description="How a training's result is told: asked for, called back, or both."
    )
    result_path: Path = Field(
        f"{SAAS}/modelTraining/queryTraining/Job", description="Where a training's result is asked for."
    )
    result_request_field: str = Field("taskId", description="The field that names the training there.")
    result_id_fields: Names = Field(
        ("taskId", "task_id", "id_task", "businessTaskId"), description="Fields that may hold the task id."
    )
    result_status_fields: Names = Field(
        ("status", "taskStatus", "state"), description="Fields that may hold the status."
    )
    result_name_fields: Names = Field(
        ("loraName", "modelName", "sdLoraName", "lora", "modelCode"),
        description="Fields that may hold the name of the LoRA.",
    )
    result_url_fields: Names = Field(
        ("modelUrl", "loraUrl", "model_url", "fileUrl", "downloadUrl", "url"),
        description="Fields whose presence alone says that a training is done.",
    )
    result_message_fields: Names = Field(
        ("desc", "msg", "message"), description="Fields that may hold the vendor's sentence."
    )
    states_queued: Names = Field(("0", "3"), description="Status numbers that mean waiting.")
    states_running: Names = Field(("1",), description="Status numbers that mean running.")
    states_succeeded: Names = Field(("2",), description="Status numbers that mean success.")
    lora_path: Path = Field(f"{SAAS}/sd/v2/queryLoraList", description="Where the LoRAs are listed.")
    lora_name_fields: Names = Field(
        ("sdLoraName", "loraName", "sdModelCheckpoint", "sdModelName", "modelName"),
        description="Fields of that list that may hold a name.",
    )
    checkpoint: str | None = Field(
        None, description="Checkpoint to generate with; looked up by the trained base model where not set."
    )
    lora_weight: float = Field(0.8, gt=0, le=2, description="Weight of the LoRA in a prompt.")
    photos_max: int = Field(100, ge=10, le=100, description="Most photos for a training.")
    photo_max_bytes: int = Field(10_000_000, ge=1, description="Largest photo.")
    photo_max_side: int = Field(2048, ge=512, description="Longest side of a photo, in pixels.")
    prompt_max: int = Field(
        2000, ge=200, description="Longest prompt, in characters, the LoRA that the bot names in it included."
    )
    images_max: int = Field(4, ge=1, le=16, description="Most images per request.")
    image_max_bytes: int = Field(32 * MIB, ge=1, description="Largest image that is fetched.")
    train_concurrency: int = Field(1, ge=1, description="Trainings under way at once.")
    generate_concurrency: int = Field(2, ge=1, description="Generations under way at once.")
    train_poll_first: Seconds = _after(30, "First interval between polls of a training.")
    train_poll_most: Seconds = _after(60, "Longest interval between polls of a training.")
    train_deadline: Seconds = _after(21600, "A training without a result has failed after this.")
    list_every: Seconds = _after(
        300, "Interval between looks into the list of LoRAs, where only that can tell."
    )
    generate_poll_first: Seconds = _after(3, "First interval between polls of a generation.")
    generate_poll_most: Seconds = _after(10, "Longest interval between polls of a generation.")
    generate_deadline: Seconds = _after(600, "A generation without a result has failed after this.")
    requests_per_second: float = Field(2.0, gt=0, le=1000, description="Calls per second, of all kinds.")
    connections: int = Field(4, ge=1, le=20, description="Calls under way at once, downloads included.")
    call_deadline: Seconds = _after(60, "Longest time for one call.")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for work in ("train", "generate"):
            first, most, end = (
                getattr(self, f"{work}_{of}") for of in ("poll_first", "poll_most", "deadline")
            )
            if not first <= most <= end:
                raise ValueError(f"IMG_OPEN_{work.upper()}_POLL_FIRST, _POLL_MOST and _DEADLINE must grow")
        if set(self.states_queued) & set(self.states_succeeded):
            raise ValueError("IMG_OPEN_STATES_QUEUED and IMG_OPEN_STATES_SUCCEEDED share a number")
        return self
