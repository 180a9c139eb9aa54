"""`picture_modeling` and `photo_video`: one photo in; a stylised model's picture, or a talking clip, out."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.providers._answers import vendor_words
from bot.providers._base import (
    Artifact,
    Delivery,
    Finding,
    InputSpec,
    Keeping,
    MediaInput,
    OneshotSpec,
    Operation,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    Spec,
    TrainingSpec,
)
from bot.providers._errors import InvalidInput, NotFound, OutcomeUnknown
from bot.providers.metastudio.product import Product, chosen, only
from bot.providers.metastudio.settings import SUBJECTS, MetastudioSettings, PictureOptions, TalkOptions
from bot.providers.metastudio.wire import BODY, PICTURES, SHORT, Short

MODELS = "/digital-human/stylized/picture-modelings"
LOOKS = "/photo-detection"
TALKS = "/photo-digital-human-videos"
LIBRARY = "Its pages do not say whether a photo's model can be erased like an avatar."
PHOTO_SPEECH = 2000
"""Characters that a photo speaks at most; an avatar speaks more."""
LOOK_AGAIN = timedelta(seconds=2)


def _photo(*, most: int, longer: int, shorter: int) -> InputSpec:
    return InputSpec(
        role=Role.PHOTO,
        min=1,
        max=1,
        media_types=("image/jpeg", "image/png"),
        max_bytes=most,
        delivery=Delivery.UPLOAD,
        max_side=longer,
        max_shorter=shorter,
        picks=True,
        one_face=True,
    )


def _pace(has: MetastudioSettings) -> dict[str, object]:
    return {
        "concurrency": has.generate_concurrency,
        "poll_first": has.generate_poll_first,
        "poll_most": has.generate_poll_most,
        "deadline": has.generate_deadline,
    }


class PictureModeling(Product):
    """Makes a stylised model from a photo; its picture is all that can be had of it here."""

    @property
    def training(self) -> Operation:
        """One photo of one face, four styles, a picture."""
        has = self.settings
        return Operation.model_validate(
            {
                "inputs": (_photo(most=has.photo_max_bytes, longer=3840, shorter=2160),),
                "subjects": SUBJECTS,
                "options": PictureOptions,
                "idempotent": True,
                "keeps_model": Keeping(by="delete", note=LIBRARY),
                **_pace(has),
            }
        )

    async def submit(self, spec: TrainingSpec, key: str) -> RemoteJob:
        """Send the photo as a form; the model's name is our key."""
        options, photo = chosen(PictureOptions, spec.options), only(spec.inputs, Role.PHOTO)
        data = await asyncio.to_thread(photo.path.read_bytes)
        ending = "png" if photo.media_type == "image/png" else "jpg"
        fields = {"style_id": options.style_id, "name": key}
        told = await self.desk.form(MODELS, fields, (f"photo.{ending}", data, photo.media_type), SHORT)
        if told.id is None:
            raise OutcomeUnknown("MetaStudio has started a model and names no id.")
        return RemoteJob(ref=RemoteRef(kind="training", id=told.id), state=RemoteState.QUEUED)

    async def find(
        self,
        spec: Spec,  # noqa: ARG002
        key: str,
        known: frozenset[str],
        since: datetime | None,  # noqa: ARG002
    ) -> RemoteJob | None:
        """Look for a model called like our key."""
        query = {"limit": "100", "offset": "0", "sort_key": "create_time", "sort_dir": "desc"}
        listed = await self.desk.get(MODELS, PICTURES, query)
        for job in listed.jobs:
            if job.name == key and job.id and job.id not in known:
                return RemoteJob(ref=RemoteRef(kind="training", id=job.id), state=RemoteState.RUNNING)
        return None

    async def poll(self, ref: RemoteRef) -> RemoteJob:
        """Ask where the model stands. It may be there without a picture."""
        job = await self.desk.get(f"{MODELS}/{ref.id}", SHORT)
        said = self.said(ref, job)
        if said.state is not RemoteState.SUCCEEDED:
            return said
        cover = Artifact(locator=json.dumps([ref.id, "cover"]), media_type="image/png")
        return said.model_copy(
            update={
                "ref": ref.model_copy(update={"model_id": job.model_id}),
                "model_id": job.model_id,
                "artifacts": (cover,) if job.picture else (),
            }
        )

    async def links(self, ref: RemoteRef) -> Mapping[str, str]:
        """Its picture."""
        job = await self.desk.get(f"{MODELS}/{ref.id}", SHORT)
        return {"cover": job.picture} if job.picture else {}

    async def delete(self, ref: RemoteRef) -> bool:
        """Erase the model from the library for good, also one that nobody waited for."""
        try:
            job = await self.desk.get(f"{MODELS}/{ref.id}", SHORT)
        except NotFound:
            return await self.forgotten(ref.model_id)
        # A library that does not have it proves nothing, as long as its job names it.
        return await self.forgotten(ref.model_id or job.model_id, absent=False)


class PhotoVideo(Product):
    """Makes a photo speak; nothing is trained and no model is kept."""

    @property
    def making(self) -> Operation:
        """One photo of one face and a text; a clip and its cover."""
        has = self.settings
        # Base64 grows by a third, and a signed request holds 12 MB.
        most = min(has.photo_max_bytes, 8_500_000)
        return Operation.model_validate(
            {
                "inputs": (_photo(most=most, longer=1920, shorter=1080),),
                "subjects": SUBJECTS,
                "options": TalkOptions,
                "prompt_max": self.speech_most,
                "prompt_means": "speech",
                "idempotent": True,
                "inspects": True,
                **_pace(has),
            }
        )

    @property
    def speech_most(self) -> int:
        """What the operator has set, as far as the vendor lets a photo speak."""
        return min(self.settings.speech_max, PHOTO_SPEECH)

    async def inspect(self, inputs: Sequence[MediaInput]) -> tuple[Finding, ...]:
        """Have the vendor look whether each photo suits, which takes it some seconds."""
        return tuple([await self._look(photo) for photo in inputs if photo.role is Role.PHOTO])

    async def _look(self, photo: MediaInput) -> Finding:
        told = await self.desk.post(LOOKS, {"human_image": await _encoded(photo)}, SHORT, safe=True)
        async with asyncio.timeout(self.settings.inspect_time.total_seconds()):
            while True:
                job = await self.desk.get(f"{LOOKS}/{told.id}", SHORT)
                state = self.short(job.state)
                if state is RemoteState.SUCCEEDED:
                    return Finding(ok=True)
                if state in {RemoteState.FAILED, RemoteState.CANCELLED}:
                    words = vendor_words((job.error or {}).get("error_msg"))
                    return Finding(ok=False, reason=words or None)
                await asyncio.sleep(LOOK_AGAIN.total_seconds())

    async def oneshot(self, spec: OneshotSpec, key: str) -> RemoteJob:
        """Make the photo speak. The clip's name is our key, and the vendor takes no name twice."""
        options, speech = chosen(TalkOptions, spec.options), self.speech(spec.prompt)
        body = {
            "human_image": await _encoded(only(spec.inputs, Role.PHOTO)),
            "voice_config": {"voice_asset_id": await self.voice(options.voice_id)},
            "video_config": {"codec": "H264", "bitrate": options.bitrate, "frame_rate": "25"},
            "shoot_scripts": speech,
            "output_asset_config": {"asset_name": key},
            # The person who started it has said so on the form.
            "authorize_use_human_image": True,
        }
        told = await self.desk.post(TALKS, body, SHORT)
        if told.id is None:
            raise OutcomeUnknown("MetaStudio has started a clip and names no id.")
        return RemoteJob(ref=RemoteRef(kind="oneshot", id=told.id), state=RemoteState.QUEUED)

    async def find(
        self,
        spec: Spec,  # noqa: ARG002
        key: str,
        known: frozenset[str],
        since: datetime | None,  # noqa: ARG002
    ) -> RemoteJob | None:
        """Look for a clip called like our key."""
        number = await self.clip_of(key, "PHOTO_DIGITAL_HUMAN_VIDEO", known)
        if number is None:
            return None
        return RemoteJob(ref=RemoteRef(kind="oneshot", id=number), state=RemoteState.RUNNING)

    async def poll(self, ref: RemoteRef) -> RemoteJob:
        """Ask where the clip stands."""
        return await self.clip(ref, await self._shown(ref))

    async def links(self, ref: RemoteRef) -> Mapping[str, str]:
        """Its cover and the clip."""
        return await self.links_of(await self._shown(ref))

    async def _shown(self, ref: RemoteRef) -> Short:
        return await self.desk.get(f"{TALKS}/{ref.id}", SHORT, {"show_script": "false"})

    async def cancel(self, ref: RemoteRef) -> bool:
        """Stop it while it waits."""
        try:
            await self.desk.call("POST", f"{TALKS}/{ref.id}/cancel", BODY, safe=True)
        except (InvalidInput, NotFound):
            return False
        return True


async def _encoded(photo: MediaInput) -> str:
    return base64.b64encode(await asyncio.to_thread(photo.path.read_bytes)).decode()
