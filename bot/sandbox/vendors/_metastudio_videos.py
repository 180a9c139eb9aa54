"""MetaStudio's films: clips of a trained avatar, films of a photo, and the check a photo passes before."""

import uuid
from datetime import timedelta

from bot.sandbox.vendors._metastudio_answers import (
    Done,
    invalid,
    name_taken,
    when,
    wrong_asset_type,
)
from bot.sandbox.vendors._metastudio_errands import Job
from bot.sandbox.vendors._metastudio_fields import LARGE_SIZES, CreateClip, CreatePhotoCheck, CreatePhotoVideo
from bot.sandbox.vendors._metastudio_library import AVATAR, FILM, VOICE, Library, paged
from bot.sandbox.vendors._metastudio_parts import Call, Operation, Operations, Parts
from bot.sandbox.vendors._metastudio_photos import Photos, from_base64
from bot.sandbox.vendors._metastudio_queries import VideoPage, within
from bot.sandbox.vendors._metastudio_states import Errand, Stage
from bot.sandbox.vendors._metastudio_store import Store
from bot.sandbox.vendors._state import Json

_LIST_WINDOW = timedelta(days=30).total_seconds()
_JOB_TYPES = {Errand.CLIP: "2D_DIGITAL_HUMAN_VIDEO", Errand.PHOTO_VIDEO: "DIGITAL_HUMAN_PHOTO_VIDEO"}
"""As answers have them."""
_ASKED_TYPES = {"2D_DIGITAL_HUMAN_VIDEO": Errand.CLIP, "PHOTO_DIGITAL_HUMAN_VIDEO": Errand.PHOTO_VIDEO}
"""As the list's filter has them, which is another word for the same."""


class Videos:
    """The operations."""

    def __init__(self, parts: Parts, library: Library, store: Store, photos: Photos) -> None:
        self._parts = parts
        self._library = library
        self._store = store
        self._photos = photos
        self.operations: Operations = {
            "CreateClip": Operation("POST", "/2d-digital-human-videos", self._create_clip, "video_create"),
            "ShowClip": Operation("GET", "/2d-digital-human-videos/{job_id}", self._show_clip, "video_read"),
            "CancelClip": Operation(
                "POST", "/2d-digital-human-videos/{job_id}/cancel", self._cancel, "video_cancel"
            ),
            "CreatePhotoCheck": Operation("POST", "/photo-detection", self._create_check),
            "ShowPhotoCheck": Operation("GET", "/photo-detection/{job_id}", self._show_check),
            "CreatePhotoVideo": Operation(
                "POST", "/photo-digital-human-videos", self._create_photo_video, "video_create"
            ),
            "ShowPhotoVideo": Operation(
                "GET", "/photo-digital-human-videos/{job_id}", self._show_photo_video, "video_read"
            ),
            "CancelPhotoVideo": Operation(
                "POST", "/photo-digital-human-videos/{job_id}/cancel", self._cancel, "video_cancel"
            ),
            "ListVideos": Operation("GET", "/digital-human-videos", self._list, "video_read"),
        }

    async def _create_clip(self, call: Call) -> Done:
        asked = call.read(CreateClip)
        avatar = self._library.usable(asked.model_asset_id)
        if avatar.type != AVATAR:
            raise wrong_asset_type()
        self._check_voice(asked.voice_config.voice_asset_id if asked.voice_config else None)
        video = asked.video_config
        resolution = avatar.meta.get("human_model_2d_meta", {}).get("model_resolution")
        if (video.width, video.height) in LARGE_SIZES and resolution != "4K":
            raise invalid("width and height: the model is not 4K")
        if video.codec == "QTRLE" and not self._parts.settings.na_tenant:
            raise invalid("codec: not on the white list")
        asset = asked.output_asset_config
        return self._order(
            Errand.CLIP, call, asset.asset_name if asset else "", asked.text, asked.model_dump(mode="json")
        )

    async def _create_photo_video(self, call: Call) -> Done:
        asked = call.read(CreatePhotoVideo)
        photo = from_base64(asked.human_image, "human_image")
        for side in ("id_card_image1", "id_card_image2"):
            if (card := getattr(asked, side)) is not None:
                from_base64(card, side)
        self._check_voice(asked.voice_config.voice_asset_id if asked.voice_config else None)
        people = {"human_image", "id_card_image1", "id_card_image2"}
        wishes = asked.model_dump(mode="json", exclude=people)
        return self._order(
            Errand.PHOTO_VIDEO, call, asked.output_asset_config.asset_name, asked.text, wishes, photo
        )

    async def _create_check(self, call: Call) -> Done:
        photo = from_base64(call.read(CreatePhotoCheck).human_image, "human_image")
        job_id = str(uuid.uuid4())
        self._photos.keep(job_id, photo)
        self._parts.queue(Errand.PHOTO_CHECK, job_id=job_id, app_user_id=call.app_user_id)
        return Done({"job_id": job_id}, subject=job_id)

    async def _show_clip(self, call: Call) -> Done:
        return self._show_video(call, Errand.CLIP)

    async def _show_photo_video(self, call: Call) -> Done:
        return self._show_video(call, Errand.PHOTO_VIDEO)

    async def _show_check(self, call: Call) -> Done:
        job = self._found(call, Errand.PHOTO_CHECK)
        shown: dict[str, Json] = {"job_id": job.id, "state": self._parts.told(call.action, job.state)}
        if job.error_code is not None:
            shown["error_info"] = error_info(job)
        if not self._parts.settings.sparse:
            shown["create_time"] = when(job.created_at)
        return Done(shown, subject=job.id)

    async def _cancel(self, call: Call) -> Done:
        job = self._found(call, Errand.CLIP if call.action == "CancelClip" else Errand.PHOTO_VIDEO)
        if job.state != Stage.WAITING:
            raise invalid("only a waiting task can be cancelled")
        now = self._parts.clock()
        self._parts.errands.change(job.id, state=Stage.CANCELED, due_at=None, ended_at=now, updated_at=now)
        self._photos.drop(job.id)
        if job.asset_id is not None:
            self._library.finish(job.asset_id, "FAILED")
        return Done(subject=job.id)

    async def _list(self, call: Call) -> Done:
        page = call.asked(VideoPage)
        kinds = [_ASKED_TYPES[page.job_type]] if page.job_type else list(_JOB_TYPES)
        newest, now = self._parts.newest_listed(call.action), self._parts.clock()
        windowed = page.create_since is None and page.create_until is None
        wanted = [
            job
            for job in self._parts.errands.all(*kinds)
            if job.created_at <= newest
            and (not windowed or job.created_at >= now - _LIST_WINDOW)
            and within(job.created_at, page.create_since, page.create_until)
            and (not page.states or job.state in page.states)
            and page.job_id in {None, job.id}
            and page.asset_name in {None, job.name}
        ]
        found = paged(wanted, page.sort_key, page.sort_dir, page.offset, page.limit)
        shown: list[Json] = [self._shown(job, call.action) for job in found]
        return Done({"count": len(wanted), "jobs": shown})

    def _order(
        self,
        kind: Errand,
        call: Call,
        name: str,
        text: str,
        wishes: dict[str, Json],
        photo: bytes | None = None,
    ) -> Done:
        job_id = str(uuid.uuid4())
        name = name or f"video-{job_id}"
        if self._library.has_name(name):
            raise name_taken()
        if photo is not None:
            self._photos.keep(job_id, photo)
        asset_id = self._library.add(name, FILM, state="CREATING", app_user_id=call.app_user_id)
        self._parts.queue(
            kind,
            job_id=job_id,
            name=name,
            wishes={**wishes, "text": text},
            app_user_id=call.app_user_id,
            asset_id=asset_id,
        )
        return Done({"job_id": job_id}, subject=job_id)

    def _check_voice(self, voice_id: str | None) -> None:
        if voice_id is not None and self._library.usable(voice_id).type != VOICE:
            raise wrong_asset_type()

    def _show_video(self, call: Call, kind: Errand) -> Done:
        job = self._found(call, kind)
        shown = self._shown(job, call.action)
        if call.query.get("show_script") == "true":
            shown |= {
                name: job.wishes[name]
                for name in ("model_asset_id", "voice_config", "video_config", "shoot_scripts")
                if job.wishes.get(name) is not None
            }
        return Done(shown, subject=job.id)

    def _found(self, call: Call, kind: Errand) -> Job:
        return self._parts.found(kind, call.action, call.path["job_id"])

    def _shown(self, job: Job, action: str) -> dict[str, Json]:
        output: dict[str, Json] = {"asset_id": job.asset_id, "asset_name": job.name}
        if self._parts.shows_result(action, job.state):
            output["cover_url"] = self._store.download_url(f"{job.asset_id}/cover.png")
            if job.kind is Errand.PHOTO_VIDEO:
                output["preview_video_url"] = self._store.download_url(f"{job.asset_id}/video.mp4")
        shown: dict[str, Json] = {
            "job_id": job.id,
            "state": self._parts.told(action, job.state),
            "output_asset_config": output,
        }
        if job.error_code is not None:
            shown["error_info"] = error_info(job)
        if self._parts.settings.sparse:
            return shown
        times = {
            "start_time": when(job.started_at),
            "end_time": when(job.ended_at),
            "create_time": when(job.created_at),
            "lastupdate_time": when(job.updated_at),
        }
        shown |= {name: value for name, value in times.items() if value is not None}
        if job.duration is not None:
            shown["duration"] = job.duration
        return shown | {"job_type": _JOB_TYPES[job.kind]}


def error_info(job: Job) -> dict[str, Json]:
    """Why a job failed."""
    return {"error_code": job.error_code, "error_msg": job.error_msg}
