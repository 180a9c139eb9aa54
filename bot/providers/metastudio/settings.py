"""MetaStudio's settings, and what a person may choose in each of its three modes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from bot.providers._base import UPFRONT
from bot.providers._http import MIB
from bot.providers._settings import Endpoint, Key, KeyId, ProviderSettings, Seconds

SUBJECTS = ("person", "woman", "man")
FRAMES = ((1920, 1080), (1080, 1920), (3840, 2160), (2160, 3840))


def _after(seconds: float, description: str) -> Any:
    return Field(timedelta(seconds=seconds), description=description)


class MetastudioSettings(ProviderSettings):
    """Keys or a user of IAM, the region, the product, and every fact that the vendor leaves open."""

    model_config = SettingsConfigDict(env_prefix="METASTUDIO_", str_strip_whitespace=True)

    project_id: KeyId = Field(min_length=1, description="Project id of the region, from *My Credentials*.")
    access_key_id: KeyId | None = Field(None, description="AK of the IAM user, or of temporary credentials.")
    access_key_secret: Key | None = Field(None, description="SK that belongs to the AK.")
    security_token: Key | None = Field(None, description="With a temporary AK and SK only.")
    iam_domain: str | None = Field(None, description="Account name, to sign in with a password instead.")
    iam_user: str | None = Field(None, description="IAM user of that account.")
    iam_password: SecretStr | None = Field(None, description="Password of that user.")
    iam_endpoint: Endpoint = Field("https://iam.myhuaweicloud.com", description="Address of IAM.")
    region: str = Field("cn-north-4", pattern=r"^[a-z0-9-]+$", description="Region of the project.")
    endpoint: Endpoint | None = Field(None, description="Address of the API; by the region where not set.")
    mode: Literal["avatar_video", "picture_modeling", "photo_video"] = Field(
        "avatar_video",
        description="The product: an avatar from a video, a model from a photo, or a talking photo.",
    )
    oneshot: bool = Field(False, description="Offer the talking photo beside the product of the mode, too.")
    app_user_id: str | None = Field(
        None,
        pattern=r"^[\x21-\x7e]+$",
        description="Third-party user that the vendor files everything under.",
    )
    extras: bool = Field(
        False, description="Offer a film of gestures and recordings of the voice, which few accounts can use."
    )
    voice_max_bytes: int = Field(100_000_000, ge=1, description="Largest zip of recordings.")
    papers: bool = Field(True, description="Identity card and letter of permission go with a video.")
    flexus: bool = Field(False, description="Trainings are of the basic edition (Flexus).")
    video_max_bytes: int = Field(1_000_000_000, ge=1, description="Largest video.")
    part_bytes: int = Field(512 * MIB, ge=1, description="A larger video is uploaded in parts of this size.")
    photo_max_bytes: int = Field(8_000_000, ge=1, le=16_000_000, description="Largest photo.")
    voice_id: str | None = Field(
        None, description="Voice that speaks, by its asset id; the vendor's first own voice where not set."
    )
    clip_kind: str = Field(
        "2D_DIGITAL_HUMAN_VIDEO", description="What the vendor's list of clips calls those of an avatar."
    )
    speech_max: int = Field(
        2000, ge=1, le=10000, description="Longest text to speak, in characters; of a photo 2,000."
    )
    clip_max_bytes: int = Field(512 * MIB, ge=1, description="Largest clip that is fetched.")
    image_max_bytes: int = Field(32 * MIB, ge=1, description="Largest picture that is fetched.")
    train_concurrency: int = Field(2, ge=1, description="Trainings under way at once.")
    generate_concurrency: int = Field(2, ge=1, description="Clips under way at once.")
    train_poll_first: Seconds = _after(60, "First interval between polls of a training.")
    train_poll_most: Seconds = _after(600, "Longest interval between polls of a training.")
    train_deadline: Seconds = _after(864000, "A training without a result has failed after this.")
    train_grace: Seconds = _after(259200, "How long a failure may stand that the vendor's staff can mend.")
    generate_poll_first: Seconds = _after(10, "First interval between polls of a clip or a photo's model.")
    generate_poll_most: Seconds = _after(60, "Longest interval between polls of a clip or a photo's model.")
    generate_deadline: Seconds = _after(
        7200, "A clip or a photo's model without a result has failed after this."
    )
    upload_time: Seconds = _after(3600, "Longest time for a submission, its uploads included.")
    inspect_time: Seconds = _after(60, "Longest wait for the vendor's look at a photo.")
    requests_per_second: float = Field(1.0, gt=0, le=1000, description="Calls per second, of all kinds.")
    connections: int = Field(
        4, ge=1, le=20, description="Calls under way at once, up- and downloads included."
    )
    call_deadline: Seconds = _after(60, "Longest time for one call.")

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        keys = (self.access_key_id, self.access_key_secret)
        user = (self.iam_domain, self.iam_user, self.iam_password)
        if all(keys) == all(user):
            raise ValueError(
                "set either METASTUDIO_ACCESS_KEY_ID and METASTUDIO_ACCESS_KEY_SECRET, or "
                "METASTUDIO_IAM_DOMAIN, METASTUDIO_IAM_USER and METASTUDIO_IAM_PASSWORD"
            )
        return self

    @property
    def home(self) -> str:
        """Where the API is."""
        return self.endpoint or f"https://metastudio.{self.region}.myhuaweicloud.com"


class Options(BaseModel):
    """Nothing that the vendor does not know is taken."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


def _listed(value: object) -> object:
    """A form has a line of text for a list: its parts stand between commas, each once."""
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(part for each in re.split("[,;，、；]", value) if (part := each.strip())))


def _services(value: object) -> object:
    return _listed(value.upper() if isinstance(value, str) else value)


Service = Literal["VIDEO_2D", "LIVE_2D", "CHAT_2D"]


class AvatarOptions(Options):
    """What may be chosen for an avatar from a video: every field of the vendor's request that is not ours."""

    basic: ClassVar[bool] = False
    """Whether the basic edition is meant where nobody chose."""

    contact: str | None = Field(
        None, title="Mobile number", description="Whom the vendor may call about the video.", max_length=32
    )
    is_background_replacement: bool = Field(
        False, title="Replace the background", description="Needs a video before a green screen."
    )
    model_version: Literal["V3.2", "V3.3"] = Field(
        "V3.2", title="Model version", description="V3.3 only with the ultra-fast basic edition."
    )
    is_flexus: bool | None = Field(
        None, title="Basic edition", description="Flexus; left empty, as the operator has set it."
    )
    is_fast_flexus: bool = Field(False, title="Ultra-fast", description="Of the basic edition.")
    is_only_human_model: bool | None = Field(
        None,
        title="Without a voice",
        description="Basic edition only; left empty, no voice is trained there.",
    )
    is_ondemand_resource: bool = Field(False, title="Pay per use", description="Not from bought resources.")
    is_live_copy: bool = Field(False, title="Livestream copy", description="A copy for livestreams.")
    supported_service: Annotated[tuple[Service, ...], BeforeValidator(_services)] = Field(
        ("VIDEO_2D",),
        min_length=1,
        title="Uses",
        description="VIDEO_2D, LIVE_2D, CHAT_2D, between commas; the basic edition makes clips only.",
    )
    tags: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), max_length=20, title="Tags", description="Words to find it by, between commas."
    )
    job_tag: Literal["ECOMMERCE", "NEWS", "MARKETING"] | None = Field(
        None, title="Voice for", description="Basic edition with a voice only."
    )
    sex: Literal["FEMALE", "MALE"] = Field(
        "FEMALE", title="Voice", description="Basic edition with a voice only."
    )
    language: Literal["CN", "EN"] = Field(
        "CN", title="Language", description="Only Chinese is trained at present."
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.edition and self.is_background_replacement:
            raise ValueError("the basic edition does not replace backgrounds")
        if self.edition and self.supported_service != ("VIDEO_2D",):
            raise ValueError("the basic edition makes clips only")
        if (self.model_version == "V3.3") != self.is_fast_flexus:
            raise ValueError("version V3.3 and the ultra-fast edition go only together")
        if self.is_fast_flexus and not self.edition:
            raise ValueError("ultra-fast is of the basic edition: choose that, too")
        if self.is_only_human_model and not self.edition:
            raise ValueError("only the basic edition makes an avatar without a voice")
        # What was begun keeps its edition, whatever the operator sets while its vendor reviews it.
        self.is_flexus = self.edition
        return self

    @property
    def edition(self) -> bool:
        """Whether it is of the basic edition: as chosen, or else as the operator has set it."""
        return self.basic if self.is_flexus is None else self.is_flexus


class BasicAvatarOptions(AvatarOptions):
    """The same where the operator has set the basic edition."""

    basic = True


class ClipOptions(Options):
    """What may be chosen for a clip."""

    shape: Literal["portrait", "landscape"] = Field(
        "portrait", title="Shape", description="As the video was.", json_schema_extra=dict(UPFRONT)
    )
    voice_id: str | None = Field(
        None, title="Voice", description="By its asset id; left empty, the operator's.", max_length=256
    )
    speed: int = Field(100, ge=50, le=200, title="Speed", description="Of the speech; 100 is normal.")
    pitch: int = Field(100, ge=50, le=200, title="Pitch", description="Of the voice; 100 is normal.")
    volume: int = Field(140, ge=90, le=240, title="Volume", description="Of the voice; 140 is normal.")
    bitrate: int = Field(5000, ge=40, le=30000, title="Bitrate", description="Of the clip, in kbit/s.")
    subtitles: bool = Field(False, title="Subtitles", description="Write the speech into the clip.")


class PictureOptions(Options):
    """What may be chosen for a model from a photo."""

    style_id: Literal["system_female_001", "system_male_001", "system_female_002", "system_male_002"] = Field(
        "system_female_001",
        title="Style",
        description="The figure that is made.",
        json_schema_extra=dict(UPFRONT),
    )


class TalkOptions(Options):
    """What may be chosen for a talking photo."""

    voice_id: str | None = Field(
        None, title="Voice", description="By its asset id; left empty, the operator's.", max_length=256
    )
    bitrate: int = Field(5000, ge=40, le=30000, title="Bitrate", description="Of the clip, in kbit/s.")
