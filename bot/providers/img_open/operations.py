"""What Img Open takes and gives, by the settings."""

from __future__ import annotations

from bot.providers._base import Capabilities, Delivery, InputSpec, Operation, Role
from bot.providers.img_open.options import GenerationOptions, TrainingOptions
from bot.providers.img_open.settings import SUBJECTS, ImgOpenSettings

NAMED = 100
"""Characters of a prompt that are kept for the name of the LoRA, which the vendor reads there."""


def capabilities_by(has: ImgOpenSettings) -> Capabilities:
    """Photos by link, a prompt, several images; neither cancel nor delete."""
    photos = InputSpec(
        role=Role.PHOTO,
        min=10,
        max=has.photos_max,
        media_types=("image/jpeg", "image/png"),
        max_bytes=has.photo_max_bytes,
        delivery=Delivery.URL,
        min_side=512,
        max_side=has.photo_max_side,
    )
    training = Operation(
        inputs=(photos,),
        subjects=SUBJECTS,
        options=TrainingOptions,
        idempotent=has.unique_task_ids or has.result_mode != "callback",
        concurrency=has.train_concurrency,
        poll_first=has.train_poll_first,
        poll_most=has.train_poll_most,
        deadline=has.train_deadline,
    )
    generation = Operation(
        options=GenerationOptions,
        prompt_max=has.prompt_max - NAMED,
        prompt_bars="<>",
        count_max=has.images_max,
        idempotent=True,
        concurrency=has.generate_concurrency,
        poll_first=has.generate_poll_first,
        poll_most=has.generate_poll_most,
        deadline=has.generate_deadline,
    )
    return Capabilities(
        label="Img Open",
        country="China",
        training=training,
        generation=generation,
        calls_at_once=has.connections,
    )
