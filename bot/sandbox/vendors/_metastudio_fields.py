"""What MetaStudio's calls may carry: every field of the vendor's page, with its type, range and words.

Types are taken literally: a number in quotes is no number. Fields that the page does not know are ignored.
"""

import base64
import binascii
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_SIZES = {(1920, 1080), (1080, 1920), (1280, 720), (720, 1280)}
LARGE_SIZES = {(3840, 2160), (2160, 3840)}
"""What only a 4K model can be rendered at."""

PartCount = Annotated[int, Field(ge=1, le=1000)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Message = Literal["UPDATE_VIDEO", "UPLOAD_VIDEO", "CONFIRM_ACTION_VIDEO", "GET_ACTION_VIDEO_MULTIPART"]
Service = Literal["VIDEO_2D", "LIVE_2D", "CHAT_2D"]
Style = Literal["system_male_001", "system_female_001", "system_male_002", "system_female_002"]
Command = Literal[
    "CONFIRM_MULTIPART_UPLOADED",
    "SUBMITVERIFYING",
    "GET_MULTIPART_UPLOADED",
    "GET_ACTION_VIDEO_MULTIPART_UPLOADED",
    "CONFIRM_ACTION_VIDEO_MULTIPART_UPLOADED",
    "CONFIRM_AUTHORIZATION_LETTER",
    "CONFIRM_REPAIR",
    "DELETE_JOB_VIDEO",
    "CONFIRM_ACCEPT",
    "CONFIRM_REJECT",
    "CONFIRM_ANSWER",
    "CONFIRM_PENDING",
    "CONFIRM_ACTIVE",
]
Base64 = Annotated[str, Field(min_length=1)]


class Body(BaseModel):
    """A JSON body."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class VoiceProperties(Body):
    """The voice of a Flexus avatar. English has a word and is not supported yet."""

    job_tag: Literal["ECOMMERCE", "NEWS", "MARKETING"]
    sex: Literal["FEMALE", "MALE"]
    language: Literal["CN"]


class UpdateTraining(Body):
    """T4: what may still be changed. Nothing must be there."""

    name: Name | None = None
    contact: str | None = None
    command_message: Message | None = None
    video_multipart_count: PartCount | None = None
    action_video_multipart_count: PartCount | None = None
    is_background_replacement: bool | None = None
    batch_name: str | None = None
    tags: list[str] | None = None
    is_fast_flexus: bool | None = None
    audio_source_type: Literal["VIDEO", "AUDIO"] | None = None
    voice_properties: VoiceProperties | None = None
    supported_service: list[Service] | None = None
    samples_basic_info: list[dict[str, Any]] | None = None


class CreateTraining(UpdateTraining):
    """T1: an order for an avatar."""

    name: Name
    model_version: Literal["V3.2", "V3.3"] | None = None
    is_ondemand_resource: bool | None = None
    is_flexus: bool | None = None
    is_live_copy: bool | None = None
    is_only_human_model: bool | None = None


def wishes(asked: CreateTraining | UpdateTraining, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a job is to be, with the vendor's defaults; `before` is what it was to be until now.

    Raises:
        ValueError: the fields do not go together.
    """
    given = asked.model_dump(exclude_none=True, mode="json")
    wished = {**(before or {}), **given}
    flexus = bool(wished.get("is_flexus") or wished.get("is_fast_flexus"))
    if wished.get("model_version") == "V3.3" and not wished.get("is_fast_flexus"):
        raise ValueError("model_version")
    if not flexus and (wished.get("voice_properties") or wished.get("is_only_human_model")):
        raise ValueError("voice_properties and is_only_human_model are for Flexus only")
    if flexus and given.get("is_background_replacement"):
        raise ValueError("is_background_replacement")
    if flexus and set(given.get("supported_service") or ["VIDEO_2D"]) != {"VIDEO_2D"}:
        raise ValueError("supported_service")
    defaults = {
        "command_message": "UPLOAD_VIDEO",
        "video_multipart_count": 1,
        "is_background_replacement": not flexus,
        "model_version": "V3.2",
        "is_ondemand_resource": False,
        "is_flexus": False,
        "is_fast_flexus": False,
        "is_live_copy": False,
        "is_only_human_model": False,
        "audio_source_type": "VIDEO",
        "supported_service": ["VIDEO_2D"] if flexus else ["VIDEO_2D", "LIVE_2D"],
    }
    return {**defaults, **wished}


class CommentData(Body):
    """A remark that goes with a command."""

    comment_title: str | None = None
    comment_message: str | None = None
    attachment_name: list[str] | None = None


class CommandTraining(Body):
    """T6."""

    command: Command
    command_message: Message | None = None
    comment_data: CommentData | None = None
    operation_reason: str | None = None


class VoiceConfig(Body):
    """Who speaks, and how."""

    voice_asset_id: Annotated[str, Field(min_length=1, max_length=256)]
    speed: Annotated[int, Field(ge=50, le=200)] | None = None
    pitch: int | None = None
    volume: int | None = None


class VideoConfig(Body):
    """The size and kind of a rendered clip."""

    clip_mode: Literal["RESIZE", "CROP"] = "RESIZE"
    codec: Literal["H264", "VP8", "QTRLE"] = "H264"
    bitrate: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=2, le=3840)]
    height: Annotated[int, Field(ge=2, le=3840)]
    is_subtitle_enable: bool = False

    @model_validator(mode="after")
    def _known_size(self) -> Self:
        if self.clip_mode == "RESIZE" and (self.width, self.height) not in _SIZES | LARGE_SIZES:
            raise ValueError("width and height")
        return self


class TextConfig(Body):
    """What is said."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]


class ShootScript(Body):
    """One scene: a text that is read, or a recording."""

    script_type: Literal["TEXT", "AUDIO"]
    text_config: TextConfig | None = None

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if self.script_type == "TEXT" and self.text_config is None:
            raise ValueError("text_config")
        return self


class ShootScriptItem(Body):
    """A scene and its place."""

    sequence_no: int
    shoot_script: ShootScript


class OutputAssetConfig(Body):
    """How the result will be called in the library."""

    asset_name: Annotated[str, Field(max_length=256)]


class CallbackConfig(Body):
    """Who is told when it is over."""

    callback_url: str
    auth_type: Literal["NONE", "MSS_A"] = "NONE"
    key: str | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if self.auth_type == "MSS_A" and not self.key:
            raise ValueError("key")
        return self


class _Scripted(Body):
    shoot_scripts: Annotated[list[ShootScriptItem], Field(min_length=1)]

    @field_validator("shoot_scripts")
    @classmethod
    def _numbered(cls, scripts: list[ShootScriptItem]) -> list[ShootScriptItem]:
        if len({one.sequence_no for one in scripts}) != len(scripts):
            raise ValueError("sequence_no")
        return scripts

    @property
    def text(self) -> str:
        """Everything that is said."""
        scenes = sorted(self.shoot_scripts, key=lambda one: one.sequence_no)
        said = (one.shoot_script.text_config for one in scenes)
        return " ".join(text.text for text in said if text is not None)


class CreateClip(_Scripted):
    """A film of a trained avatar. Scripts kept at the vendor (`script_id`) are not played."""

    model_asset_id: Annotated[str, Field(min_length=1)]
    voice_config: VoiceConfig | None = None
    video_config: VideoConfig
    output_asset_config: OutputAssetConfig | None = None
    callback_config: CallbackConfig | None = None

    @model_validator(mode="after")
    def _has_voice(self) -> Self:
        reads = any(one.shoot_script.script_type == "TEXT" for one in self.shoot_scripts)
        if reads and self.voice_config is None:
            raise ValueError("voice_config")
        return self


class PhotoVideoConfig(Body):
    """The kind of a photo's film; its size is the photo's."""

    codec: Literal["H264"]
    bitrate: Annotated[int, Field(ge=40, le=30_000)] | None = None
    frame_rate: str | None = None


class CreatePhotoVideo(_Scripted):
    """P8: a film of a photo."""

    human_image: Base64 = Field(repr=False)
    output_asset_config: OutputAssetConfig
    voice_config: VoiceConfig | None = None
    video_config: PhotoVideoConfig | None = None
    callback_config: CallbackConfig | None = None
    id_card_image1: Base64 | None = Field(default=None, repr=False)
    id_card_image2: Base64 | None = Field(default=None, repr=False)
    authorize_use_human_image: bool | None = None

    @model_validator(mode="after")
    def _one_short_script(self) -> Self:
        if len(self.shoot_scripts) != 1:
            raise ValueError("shoot_scripts: exactly one")
        if len(self.text) > 2000:
            raise ValueError("text: at most 2000 characters")
        return self


class CreatePhotoCheck(Body):
    """P6."""

    human_image: Base64 = Field(repr=False)


class PictureModelByUrl(Body):
    """P2."""

    picture_url: Annotated[str, Field(min_length=1)] = Field(repr=False)
    style_id: Style
    name: Name
    notify_url: str | None = None


class PictureModelForm(Body):
    """P1, beside the file."""

    style_id: Style
    name: Name
    notify_url: str | None = None


def decoded(text: str) -> bytes:
    """The bytes of a picture; no `data:` prefix, no line breaks.

    Raises:
        ValueError: it is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("it is no base64") from error
