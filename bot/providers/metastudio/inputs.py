"""What an avatar is made of: a film, papers, and what may come with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import JsonValue

from bot.providers._base import Delivery, InputSpec, Role
from bot.providers.metastudio.settings import FRAMES, MetastudioSettings

PICTURES = ("image/jpeg", "image/png")
ZIPPED = "application/zip"


@dataclass(frozen=True, slots=True)
class AvatarInputs:
    """By the options of a training. A value: what two of the same settings say is the same."""

    settings: MetastudioSettings

    def __call__(self, options: Mapping[str, JsonValue]) -> tuple[InputSpec, ...]:
        """The edition that was chosen, or else that of the settings, decides how long a film has to be."""
        has, edition = self.settings, options.get("is_flexus")
        basic = has.flexus if edition is None else bool(edition)
        video = InputSpec(
            role=Role.VIDEO,
            min=1,
            max=1,
            media_types=("video/mp4",),
            max_bytes=has.video_max_bytes,
            delivery=Delivery.UPLOAD,
            frames=FRAMES,
            lasts=(timedelta(minutes=1 if basic else 3), timedelta(minutes=10)),
        )
        card = InputSpec(
            role=Role.ID_FRONT,
            min=1,
            max=1,
            media_types=PICTURES,
            max_bytes=10_000_000,
            delivery=Delivery.UPLOAD,
        )
        papers = (
            card,
            card.model_copy(update={"role": Role.ID_BACK}),
            card.model_copy(update={"role": Role.LETTER, "media_types": (*PICTURES, "application/pdf")}),
        )
        gestures = video.model_copy(update={"role": Role.ACTION_VIDEO, "min": 0, "frames": (), "lasts": None})
        voice = card.model_copy(
            update={
                "role": Role.VOICE,
                "min": 0,
                "media_types": (ZIPPED,),
                "max_bytes": has.voice_max_bytes,
            }
        )
        return (video, *(papers if has.papers else ()), *((gestures, voice) if has.extras else ()))
