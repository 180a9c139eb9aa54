"""MetaStudio's picture modelling: one photo in, a stylised model and its cover out."""

import uuid
from collections.abc import AsyncGenerator

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from bot.sandbox.vendors._metastudio_answers import Done, invalid, when
from bot.sandbox.vendors._metastudio_errands import Job
from bot.sandbox.vendors._metastudio_fields import PictureModelByUrl, PictureModelForm
from bot.sandbox.vendors._metastudio_library import paged
from bot.sandbox.vendors._metastudio_parts import Call, Operation, Operations, Parts, checked
from bot.sandbox.vendors._metastudio_photos import Photos, for_model
from bot.sandbox.vendors._metastudio_queries import Page, within
from bot.sandbox.vendors._metastudio_states import Errand
from bot.sandbox.vendors._metastudio_store import Store
from bot.sandbox.vendors._metastudio_videos import error_info
from bot.sandbox.vendors._state import Json

_PREFIX = "/digital-human/stylized"
STYLES = {
    "system_male_001": ("Male style 01", "MALE", "painting"),
    "system_female_001": ("Female style 01", "FEMALE", "comic"),
    "system_male_002": ("Male style 02", "MALE", "pencil"),
    "system_female_002": ("Female style 02", "FEMALE", "noir"),
}
"""Name, sex, and what the stand-in draws it like."""
_MADE_AT = 1_600_000_000.0


class PictureModels:
    """The operations."""

    def __init__(self, parts: Parts, store: Store, photos: Photos) -> None:
        self._parts = parts
        self._store = store
        self._photos = photos
        many, one = f"{_PREFIX}/picture-modelings", f"{_PREFIX}/picture-modelings/{{job_id}}"
        self.operations: Operations = {
            "CreatePictureModel": Operation("POST", many, self._create, "picture_create"),
            "CreatePictureModelByUrl": Operation("POST", f"{many}-by-url", self._by_url, "picture_by_url"),
            "ShowPictureModel": Operation("GET", one, self._show, "picture_show"),
            "ListPictureModels": Operation("GET", many, self._list, "picture_list"),
            "ListStyles": Operation("GET", "/styles", self._styles),
        }

    async def _create(self, call: Call) -> Done:
        fields, file = await _form(call)
        asked = checked(PictureModelForm, fields)
        if file is None:
            raise invalid("file")
        photo = for_model(*file)
        return self._order(call, asked.name, asked.style_id, asked.notify_url, photo=photo)

    async def _by_url(self, call: Call) -> Done:
        asked = call.read(PictureModelByUrl)
        return self._order(call, asked.name, asked.style_id, asked.notify_url, url=asked.picture_url)

    def _order(
        self,
        call: Call,
        name: str,
        style_id: str,
        notify_url: str | None,
        *,
        photo: bytes | None = None,
        url: str | None = None,
    ) -> Done:
        job_id = str(uuid.uuid4())
        if photo is not None:
            self._photos.keep(job_id, photo)
        job = self._parts.queue(
            Errand.PICTURE_MODEL,
            job_id=job_id,
            name=name,
            wishes={"style_id": style_id, "notify_url": notify_url, "picture_url": url},
            app_user_id=call.app_user_id,
            asset_id=uuid.uuid4().hex,
        )
        return Done({"job_id": job.id, "model_asset_id": job.asset_id}, subject=job.id)

    async def _show(self, call: Call) -> Done:
        job = self._parts.found(Errand.PICTURE_MODEL, call.action, call.path["job_id"])
        return Done(self._shown(job, call.action), subject=job.id)

    async def _list(self, call: Call) -> Done:
        page = call.asked(Page)
        newest = self._parts.newest_listed(call.action)
        wanted = [
            job
            for job in self._parts.errands.all(Errand.PICTURE_MODEL)
            if job.created_at <= newest
            and within(job.created_at, page.create_since, page.create_until)
            and (not page.states or job.state in page.states)
        ]
        shown = paged(wanted, page.sort_key, page.sort_dir, page.offset, page.limit)
        jobs: list[Json] = [self._shown(job, call.action) for job in shown]
        return Done({"count": len(wanted), "picture_modeling_jobs": jobs})

    async def _styles(self, call: Call) -> Done:
        page = call.asked(Page)
        styles: list[Json] = [
            {
                "style_id": style_id,
                "name": name,
                "sex": sex,
                "state": "PUBLISHED",
                "create_time": when(_MADE_AT),
                "update_time": when(_MADE_AT),
            }
            for style_id, (name, sex, _) in STYLES.items()
        ]
        if page.sort_dir == "desc":
            styles.reverse()
        if page.states and "PUBLISHED" not in page.states:
            styles = []
        return Done({"count": len(styles), "styles": styles[page.offset : page.offset + page.limit]})

    def _shown(self, job: Job, action: str) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "job_id": job.id,
            "state": self._parts.told(action, job.state),
            "model_asset_id": job.asset_id,
        }
        if self._parts.shows_result(action, job.state):
            shown["model_cover_url"] = self._store.download_url(f"{job.asset_id}/cover.png")
        if job.error_code is not None:
            shown["error_info"] = error_info(job)
        if self._parts.settings.sparse:
            return shown
        shown |= {"name": job.name, "style_id": job.wishes["style_id"]}
        times = {"start_time": when(job.started_at), "end_time": when(job.ended_at)}
        return shown | {name: value for name, value in times.items() if value is not None}


async def _form(call: Call) -> tuple[dict[str, str], tuple[bytes, str | None] | None]:
    """The fields of a multipart body, and its file with its name.

    Raises:
        Refused: it is none.
    """
    if not call.content_type.startswith("multipart/form-data"):
        raise invalid("Content-Type")

    async def body() -> AsyncGenerator[bytes, None]:
        yield call.body

    try:
        form = await MultiPartParser(Headers({"content-type": call.content_type}), body()).parse()
    except MultiPartException as error:
        raise invalid("body") from error
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    file = form.get("file")
    try:
        sent = (await file.read(), file.filename) if isinstance(file, UploadFile) else None
    finally:
        await form.close()
    return fields, sent
