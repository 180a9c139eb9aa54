"""DashScope's settings, and what a person may choose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from bot.providers._base import UPFRONT, Delivery, InputSpec, Role
from bot.providers._http import MIB
from bot.providers._settings import Endpoint, Key, KeyId, ProviderSettings, Seconds

PICTURES = ("image/jpeg", "image/png")
SUBJECTS = ("person", "woman", "man", "girl", "boy")


def _after(seconds: float, description: str) -> Any:
    return Field(timedelta(seconds=seconds), description=description)


class DashscopeSettings(ProviderSettings):
    """The key, the address, and every fact that the vendor leaves open."""

    model_config = SettingsConfigDict(env_prefix="DASHSCOPE_", str_strip_whitespace=True)

    api_key: Key = Field(min_length=1, description="API key of a workspace in region Beijing.")
    workspace: KeyId | None = Field(None, description="Workspace id, sent along where it is set.")
    endpoint: Endpoint = Field("https://dashscope.aliyuncs.com", description="Address of the API.")
    generation: Literal["auto", "off"] = Field(
        "auto", description="Portraits: `auto` until the vendor says that their model is gone, or `off`."
    )
    delivery: Literal["url", "files", "zip"] = Field(
        "url", description="How photos get there: by link, as single files, or as one zip."
    )
    inspect: bool = Field(True, description="Have the vendor's free face check look at photos first.")
    photos_max: int = Field(10, ge=1, le=100, description="Most photos for a training.")
    photo_max_bytes: int = Field(5_000_000, ge=1, description="Largest photo, and largest template.")
    images_max: int = Field(4, ge=1, le=5, description="Most portraits per request.")
    image_max_bytes: int = Field(32 * MIB, ge=1, description="Largest portrait that is fetched.")
    exclusive: bool = Field(
        True, description="Nobody but this bot trains with the account; see *Lost answers*."
    )
    find_tasks: bool = Field(
        False, description="Look for portraits whose answer was lost; see *Lost answers*."
    )
    clock_slack: Seconds = _after(
        120, "How far the vendor's clock may be from ours when a job is looked for."
    )
    train_poll_first: Seconds = _after(15, "First interval between polls of a training.")
    train_poll_most: Seconds = _after(30, "Longest interval between polls of a training.")
    train_deadline: Seconds = _after(3600, "A training without a result has failed after this.")
    generate_poll_first: Seconds = _after(3, "First interval between polls of portraits.")
    generate_poll_most: Seconds = _after(10, "Longest interval between polls of portraits.")
    generate_deadline: Seconds = _after(600, "Portraits without a result have failed after this.")
    requests_per_second: float = Field(2.0, gt=0, le=1000, description="Calls per second, of all kinds.")
    connections: int = Field(4, ge=1, le=20, description="Calls under way at once, downloads included.")
    call_deadline: Seconds = _after(60, "Longest time for one call.")
    utc_offset_hours: float = Field(8, ge=-14, le=14, description="Zone of the vendor's times.")


def template(has: DashscopeSettings, *, least: int) -> InputSpec:
    """The picture whose face is replaced."""
    return InputSpec(
        role=Role.TEMPLATE,
        min=least,
        max=1,
        media_types=PICTURES,
        max_bytes=has.photo_max_bytes,
        delivery=Delivery.URL,
        min_side=512,
        max_side=1680,
        max_shorter=1260,
    )


Style = Literal[
    "f_business_female", "f_business_male", "f_idcard_female", "f_idcard_male", "m_springflower_female",
    "f_summersport_female", "f_autumnleaf_female", "m_winterchinese_female", "f_hongkongvintage_female",
    "f_lightportray_female",
]  # fmt: skip
"""The vendor's preset scenes; only two of them are for men."""


class PortraitOptions(BaseModel):
    """What may be chosen for portraits of a trained face."""

    model_config = ConfigDict(extra="forbid")

    style: Style | None = Field(
        None,
        title="Style",
        description="The scene. With a template picture of your own, the style is left empty.",
        json_schema_extra=dict(UPFRONT),
    )


class TrainFreeOptions(BaseModel):
    """What may be chosen for portraits without a training."""

    model_config = ConfigDict(extra="forbid")

    skin_retouch: bool = Field(True, title="Smooth skin", description="Let the vendor retouch the skin.")
