"""What DashScope takes and gives, by the settings."""

from __future__ import annotations

from datetime import timedelta

from bot.providers._base import Capabilities, Delivery, InputSpec, Keeping, Operation, Role
from bot.providers.dashscope.settings import (
    PICTURES,
    SUBJECTS,
    DashscopeSettings,
    PortraitOptions,
    TrainFreeOptions,
    template,
)

PAINTER = "facechain-generation"
RESULTS_LIVE = timedelta(hours=24)
"""Of a portrait's link, and of the task that knows it."""
FACE = "Its pages do not say whether the trained face goes with the training."


def capabilities_by(has: DashscopeSettings) -> Capabilities:
    """One face per photo, preset styles or a template and no prompt, one job of a kind at a time."""
    by_link = has.delivery == "url"
    photos = InputSpec(
        role=Role.PHOTO,
        min=1,
        max=has.photos_max,
        media_types=PICTURES,
        max_bytes=has.photo_max_bytes,
        delivery=Delivery.URL if by_link else Delivery.UPLOAD,
        max_side=4096,
        one_face=True,
    )
    pace = {
        "offered": has.generation == "auto",
        "engine": PAINTER,
        "count_max": has.images_max,
        "concurrency": 1,
        "idempotent": has.find_tasks,
        "poll_first": has.generate_poll_first,
        "poll_most": has.generate_poll_most,
        "deadline": has.generate_deadline,
        "keeps_results": Keeping(expires=RESULTS_LIVE),
    }
    training = Operation(
        inputs=(photos,),
        subjects=SUBJECTS,
        # A lost training is recognised as the only one of ours that was made since the call left.
        idempotent=has.exclusive,
        concurrency=1,
        poll_first=has.train_poll_first,
        poll_most=has.train_poll_most,
        deadline=has.train_deadline,
        submit_time=timedelta(seconds=120) if by_link else timedelta(minutes=5),
        inspects=has.inspect,
        keeps_inputs=Keeping() if by_link else Keeping(by="tidy"),
        keeps_model=Keeping(by="delete", note=FACE),
    )
    generation = Operation(
        inputs=(template(has, least=0),),
        options=PortraitOptions,
        either=("style", Role.TEMPLATE),
        **pace,
    )
    own = {"max": 5, "max_bytes": min(3_000_000, has.photo_max_bytes), "max_side": 2048}
    faces = photos.model_copy(update={**own, "delivery": Delivery.URL})
    oneshot = Operation(
        inputs=(faces, template(has, least=1)), subjects=SUBJECTS, options=TrainFreeOptions, **pace
    )
    return Capabilities(
        label="DashScope FaceChain",
        country="China",
        training=training,
        generation=generation,
        oneshot=oneshot,
        calls_at_once=has.connections,
    )
