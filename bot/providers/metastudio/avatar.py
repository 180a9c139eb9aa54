"""`avatar_video`: an avatar from a video of one person, reviewed by people, and clips in which it speaks."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from pydantic import JsonValue

from bot.providers._answers import first_text, vendor_words
from bot.providers._base import (
    Artifact,
    GenerationSpec,
    Keeping,
    MediaInput,
    Operation,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    Spec,
    TrainingSpec,
)
from bot.providers._errors import (
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers._http import MIB
from bot.providers._wire import StatusWords, moment
from bot.providers.metastudio.desk import Desk
from bot.providers.metastudio.inputs import ZIPPED, AvatarInputs
from bot.providers.metastudio.product import Product, by_role, chosen, only
from bot.providers.metastudio.settings import (
    SUBJECTS,
    AvatarOptions,
    BasicAvatarOptions,
    ClipOptions,
)
from bot.providers.metastudio.wire import (
    BODY,
    COMMANDED,
    SHORT,
    TRAINING,
    TRAININGS,
    UPLOADS,
    Commanded,
    Training,
    Uploads,
)
from bot.providers.metastudio.words import (
    DELETABLE,
    DONE,
    MENDABLE,
    REASONS,
    REFUSED,
    REVIEWED,
    SKEW,
    TRAINING_STATES,
    UNREAD,
    WAITS,
    WRONG_FRAME,
    commanded,
)

JOBS = "/digital-human-training-manage/user/jobs"
CLIP = "/2d-digital-human-videos"
PAPERS = (Role.ID_FRONT, Role.ID_BACK, Role.LETTER)
PARTS_MAX = 1000
_PARTS_OF = {
    Role.VIDEO: "GET_MULTIPART_UPLOADED",
    Role.ACTION_VIDEO: "GET_ACTION_VIDEO_MULTIPART_UPLOADED",
}


class Avatar(Product):
    """Trains from one video, with an identity card and a signed letter, and renders clips."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._state = StatusWords("metastudio", TRAINING_STATES, {})
        self._options = BasicAvatarOptions if self.settings.flexus else AvatarOptions

    @property
    def training(self) -> Operation:
        """A video of an exact size, papers where the account needs them; days of waiting."""
        has = self.settings
        inputs = AvatarInputs(has)
        return Operation(
            inputs=inputs({}),
            inputs_by=inputs,
            subjects=SUBJECTS,
            options=self._options,
            idempotent=True,
            concurrency=has.train_concurrency,
            poll_first=has.train_poll_first,
            poll_most=has.train_poll_most,
            deadline=has.train_deadline,
            grace=has.train_grace,
            submit_time=has.upload_time,
            keeps_inputs=Keeping(by="delete"),
            keeps_model=Keeping(by="delete"),
        )

    @property
    def generation(self) -> Operation:
        """Speech, in clips."""
        has = self.settings
        return Operation(
            options=ClipOptions,
            prompt_max=has.speech_max,
            prompt_means="speech",
            idempotent=True,
            concurrency=has.generate_concurrency,
            poll_first=has.generate_poll_first,
            poll_most=has.generate_poll_most,
            deadline=has.generate_deadline,
        )

    # -- training

    async def submit(self, spec: TrainingSpec, key: str) -> RemoteJob:
        """Create the training, or go on with the one that an earlier call under this key has created."""
        asked = self._request(chosen(self._options, spec.options), key, spec)
        earlier = await self._earlier(spec, key, frozenset())
        if earlier is None:
            uploads = await self._create(asked)
            number = uploads.id
        elif earlier.word in {WAITS, *REFUSED}:
            uploads = await self._renewed(earlier, asked)
            number = uploads.id or earlier.id
        else:
            return self._said(RemoteRef(kind="training", id=earlier.id), earlier)
        if number is None:
            raise OutcomeUnknown("MetaStudio has created a training and names no id.")
        await self._bring(spec, uploads, number)
        await self._command(number, "CONFIRM_MULTIPART_UPLOADED")
        if by_role(spec.inputs, Role.ACTION_VIDEO):
            await self._command(number, "CONFIRM_ACTION_VIDEO_MULTIPART_UPLOADED")
        await self._command(number, "SUBMITVERIFYING")
        return RemoteJob(ref=RemoteRef(kind="training", id=number), state=RemoteState.QUEUED)

    async def _earlier(self, spec: TrainingSpec, key: str, known: frozenset[str]) -> Training | None:
        """What an earlier call under this key has created. Raises NotFound where it was, and is gone."""
        found = await self._of(key, None, known)
        if found is None and spec.remote_id is not None:
            # It has been in review, and may have been trained and paid for since: whether it is there is
            # asked of itself and not of a list. Where it is not, that is told, and none is made anew.
            return await self.desk.get(f"{JOBS}/{spec.remote_id}", TRAINING)
        return found

    async def _create(self, asked: dict[str, object]) -> Uploads:
        return await self.desk.post(JOBS, asked | {"command_message": "UPLOAD_VIDEO"}, UPLOADS)

    async def _renewed(self, earlier: Training, asked: dict[str, object]) -> Uploads:
        """Fresh links for a training that is there. Where the vendor gives none it is made anew."""
        fixed = {"model_version", "is_ondemand_resource", "is_flexus", "is_fast_flexus", "is_live_copy"}
        fixed |= {"is_only_human_model"}
        body = {name: value for name, value in asked.items() if name not in fixed}
        body["command_message"] = "UPDATE_VIDEO" if earlier.word in REFUSED else "UPLOAD_VIDEO"
        try:
            return await self.desk.post(f"{JOBS}/{earlier.id}", body, UPLOADS, method="PUT", safe=True)
        except InvalidInput as error:
            if earlier.word == UNREAD:
                # Its pages do not say that a film which could not even be looked at may be replaced.
                told = (
                    "MetaStudio takes no other files for this training: post a better video and start anew."
                )
                raise InvalidInput(told, code=error.code, request_id=error.request_id) from None
            if earlier.word != WAITS:
                raise
            # Its pages disagree on whether this is allowed before the first review. Nothing was paid for yet.
            await self.desk.call("DELETE", f"{JOBS}/{earlier.id}", BODY, safe=True)
            return await self._create(asked)

    def _request(self, options: AvatarOptions, key: str, spec: TrainingSpec) -> dict[str, object]:
        gestures = by_role(spec.inputs, Role.ACTION_VIDEO)
        basic = options.edition
        voice = by_role(spec.inputs, Role.VOICE) is not None
        if voice and options.is_only_human_model:
            raise InvalidInput("Recordings do not go with an avatar without a voice: leave out either.")
        silent = (basic and not voice) if options.is_only_human_model is None else options.is_only_human_model
        body: dict[str, object] = {
            "name": key,
            "batch_name": key,
            "contact": options.contact,
            "video_multipart_count": len(self._parts(only(spec.inputs, Role.VIDEO))),
            "action_video_multipart_count": len(self._parts(gestures)) if gestures else None,
            "is_background_replacement": options.is_background_replacement,
            "model_version": options.model_version,
            "is_ondemand_resource": options.is_ondemand_resource,
            "is_flexus": basic,
            "is_fast_flexus": options.is_fast_flexus,
            "is_live_copy": options.is_live_copy,
            "is_only_human_model": silent,
            "audio_source_type": "AUDIO" if voice else "VIDEO",
            "supported_service": list(options.supported_service),
            "tags": list(options.tags) or None,
        }
        if basic and not silent:
            body["voice_properties"] = {
                "job_tag": options.job_tag or "MARKETING",
                "sex": options.sex,
                "language": options.language,
            }
        return {name: value for name, value in body.items() if value is not None}

    def _parts(self, film: MediaInput) -> range:
        """Where each part of a film begins, in bytes."""
        size = film.path.stat().st_size
        # Of a film that would have more parts than the vendor takes they are larger.
        return range(0, max(1, size), max(self.settings.part_bytes, math.ceil(size / PARTS_MAX)))

    async def _bring(self, spec: TrainingSpec, uploads: Uploads, number: str) -> None:
        films = {Role.VIDEO: uploads.video, Role.ACTION_VIDEO: uploads.gestures}
        papers = {Role.ID_FRONT: uploads.id_front, Role.ID_BACK: uploads.id_back, Role.LETTER: uploads.letter}
        for one in spec.inputs:
            if one.role in films:
                await self._bring_film(one, films[one.role], number)
            elif one.role in papers:
                await self.desk.put(_link(one, papers[one.role]), one.path)
            elif one.role is Role.VOICE:
                await self.desk.put(_link(one, uploads.voice), one.path, media_type=ZIPPED)

    async def _bring_film(self, film: MediaInput, links: Sequence[str], number: str) -> None:
        parts = self._parts(film)
        if len(links) != len(parts):
            raise UnexpectedResponse(
                f"MetaStudio gave another number of links than there are parts of the {film.role.value}."
            )
        for place, (link, start) in enumerate(zip(links, parts, strict=True), 1):
            try:
                await self.desk.put(link, film.path, start=start, size=parts.step)
            except Unavailable:
                # Its answer may be all that was lost, and the link is good for one upload only.
                listing = _PARTS_OF[film.role]
                if not await self._has_part(number, listing, place, film.path, start, parts.step):
                    raise

    async def _has_part(
        self, number: str, listing: str, place: int, film: Path, start: int, size: int
    ) -> bool:
        """Whether the vendor's store has this very part: by its digest, as one of an earlier film may be."""
        try:
            told = await self._command(number, listing)
        except ProviderError:
            return False  # What broke off is tried again, whatever became of the question.
        tags = {(one.etag or "").strip('"').lower() for one in told.parts if one.number == str(place)}
        return await asyncio.to_thread(_digest, film, start, size) in tags

    async def _command(self, number: str, command: str) -> Commanded:
        told = await self.desk.post(f"{JOBS}/{number}/command", {"command": command}, COMMANDED, safe=True)
        if told.result != "EXCUTE_SUCCESS":
            code, said = first_text(told.error, "error_code"), first_text(told.error, "error_msg")
            raise commanded(code, told.words or said)
        return told

    async def _of(
        self, key: str, since: datetime | None, known: frozenset[str] = frozenset()
    ) -> Training | None:
        """The newest training of this key. Lists are sorted by age, oldest first, unless one asks."""
        query = {
            "batch_name": key,
            "limit": "100",
            "offset": "0",
            "sort_key": "create_time",
            "sort_dir": "desc",
        }
        if since is not None:
            query["create_since"] = (since - SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        listed = await self.desk.get(JOBS, TRAININGS, query)
        return next(
            (one for one in listed.jobs if (one.batch or one.name) == key and one.id not in known), None
        )

    # -- looking

    async def find(
        self,
        spec: Spec,
        key: str,
        known: frozenset[str],
        since: datetime | None,  # noqa: ARG002
    ) -> RemoteJob | None:
        """Look for our key: the batch of a training, the name of a clip."""
        if isinstance(spec, TrainingSpec):
            try:
                found = await self._earlier(spec, key, known)
            except NotFound:
                return None
            if found is None:
                return None
            said = self._said(RemoteRef(kind="training", id=found.id), found)
            unfinished = found.word in {WAITS, *REFUSED}
            state = RemoteState.QUEUED if unfinished else RemoteState.RUNNING
            return said.model_copy(update={"state": state, "unfinished": unfinished, "artifacts": ()})
        number = await self.clip_of(key, self.settings.clip_kind, known)
        if number is None:
            return None
        model_id = spec.model_id if isinstance(spec, GenerationSpec) else None
        ref = RemoteRef(kind="generation", id=number, model_id=model_id)
        return RemoteJob(ref=ref, state=RemoteState.RUNNING, model_id=model_id)

    async def poll(self, ref: RemoteRef) -> RemoteJob:
        """Ask where a training or a clip stands."""
        if ref.kind == "training":
            return self._said(ref, await self.desk.get(f"{JOBS}/{ref.id}", TRAINING))
        return await self.clip(ref, await self.desk.get(f"{CLIP}/{ref.id}", SHORT, {"show_script": "false"}))

    def _said(self, ref: RemoteRef, job: Training) -> RemoteJob:
        state = self._state(job.state)
        newest = job.newest()
        code = newest.code if newest else None
        reason = REASONS.get(code or "") or (vendor_words(newest.words) if newest and newest.words else None)
        bad = state in {RemoteState.FAILED, RemoteState.NEEDS_USER}
        facts = {"id": job.id, "status": job.state, "asset_id": job.asset_id, "code": code if bad else None}
        if created := moment(job.created, UTC):
            facts["created_at"] = created.astimezone(UTC).isoformat(timespec="seconds")
        model_id = job.asset_id if state is RemoteState.SUCCEEDED else None
        cover = Artifact(locator=json.dumps([job.id, "cover"]), media_type="image/png")
        return RemoteJob(
            ref=ref.model_copy(update={"model_id": model_id or ref.model_id}),
            state=state,
            tentative=job.word in MENDABLE,
            model_id=model_id,
            artifacts=(cover,) if model_id and job.cover else (),
            reason=(reason or "The vendor gives no reason.") if bad else None,
            cost=Decimal(1) if state is RemoteState.SUCCEEDED else None,
            cost_unit="training" if state is RemoteState.SUCCEEDED else None,
            released=frozenset({*PAPERS, Role.VOICE}) if job.word in REVIEWED else frozenset(),
            wants=frozenset({Role.VIDEO}) if code == WRONG_FRAME else frozenset(),
            details={name: vendor_words(fact) for name, fact in facts.items() if fact},
        )

    async def links(self, ref: RemoteRef) -> Mapping[str, str]:
        """The cover of a training; cover and clip of a clip."""
        if ref.kind == "training":
            job = await self.desk.get(f"{JOBS}/{ref.id}", TRAINING)
            return {"cover": job.cover} if job.cover else {}
        return await self.links_of(await self.desk.get(f"{CLIP}/{ref.id}", SHORT, {"show_script": "false"}))

    async def logs(self, ref: RemoteRef) -> tuple[str, ...]:
        """What was done with a training, oldest first."""
        if ref.kind != "training":
            return ()
        job = await self.desk.get(f"{JOBS}/{ref.id}", TRAINING)
        told = sorted(job.logs, key=lambda log: log.moment or "")
        return tuple(vendor_words(" ".join(filter(None, (log.moment, log.kind, log.words)))) for log in told)

    # -- clips

    async def generate(self, spec: GenerationSpec, key: str) -> RemoteJob:
        """Have the avatar say something. The clip's name is our key, and the vendor takes no name twice."""
        options, speech = chosen(ClipOptions, spec.options), self.speech(spec.prompt)
        width, height = (1080, 1920) if options.shape == "portrait" else (1920, 1080)
        voice: dict[str, JsonValue] = {
            "voice_asset_id": await self.voice(options.voice_id),
            "speed": options.speed,
            "pitch": options.pitch,
            "volume": options.volume,
        }
        body = {
            "model_asset_id": spec.model_id,
            "voice_config": voice,
            "video_config": {
                "codec": "H264",
                "bitrate": options.bitrate,
                "width": width,
                "height": height,
                "is_subtitle_enable": options.subtitles,
            },
            "shoot_scripts": speech,
            "output_asset_config": {"asset_name": key},
        }
        told = await self.desk.post(CLIP, body, SHORT)
        if told.id is None:
            raise OutcomeUnknown("MetaStudio has started a clip and names no id.")
        ref = RemoteRef(kind="generation", id=told.id, model_id=spec.model_id)
        return RemoteJob(ref=ref, state=RemoteState.QUEUED, model_id=spec.model_id)

    # -- the end

    async def cancel(self, ref: RemoteRef) -> bool:
        """Withdraw a training while its state lets one, unless it is done; a clip only while it waits."""
        if ref.kind == "training":
            job = await self._known(ref)
            if job is not None and job.word not in DELETABLE.difference(DONE):
                return False
            return await self._erased(ref, job)
        try:
            await self.desk.call("POST", f"{CLIP}/{ref.id}/cancel", BODY, safe=True)
        except (InvalidInput, NotFound):
            return False
        return True

    async def delete(self, ref: RemoteRef) -> bool:
        """Erase the avatar for good, and the training with its video and papers."""
        return ref.kind == "training" and await self._erased(ref, await self._known(ref))

    async def _known(self, ref: RemoteRef) -> Training | None:
        try:
            return await self.desk.get(f"{JOBS}/{ref.id}", TRAINING)
        except NotFound:
            return None

    async def _erased(self, ref: RemoteRef, job: Training | None) -> bool:
        """Erase a training and its avatar, which may be there although no poll has told us of it."""
        # The avatar first: as long as it is there, only the training may name it.
        gone = await self.forgotten(ref.model_id or (job.asset_id if job else None))
        if job is None or not gone:
            return gone
        if job.word not in DELETABLE:
            return False
        try:
            await self.desk.call("DELETE", f"{JOBS}/{ref.id}", BODY, safe=True)
        except InvalidInput:
            return False
        except NotFound:
            return True
        return True


def _digest(file: Path, start: int, size: int) -> str:
    """As object stores mark a part: the MD5 of its bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    with file.open("rb") as whole:
        whole.seek(start)
        left = size
        while left > 0 and (chunk := whole.read(min(left, MIB))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def _link(one: MediaInput, link: str | None) -> str:
    if link is None:
        raise UnexpectedResponse(f"MetaStudio gave no link for the {one.role.value}.")
    return link
