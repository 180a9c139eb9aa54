"""The work behind MetaStudio's clips, photo films, picture models and photo checks, and their callbacks."""

import hashlib
import hmac
import uuid

import httpx

from bot.sandbox import trainer
from bot.sandbox.files import write_whole
from bot.sandbox.vendors import _metastudio_film as film
from bot.sandbox.vendors._counter import Refused
from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._fetch import Fetcher, FetchFailed, client
from bot.sandbox.vendors._journal import EntryKind
from bot.sandbox.vendors._metastudio_errands import Job
from bot.sandbox.vendors._metastudio_library import PHOTO_MODEL, Library
from bot.sandbox.vendors._metastudio_models import STYLES
from bot.sandbox.vendors._metastudio_parts import Parts
from bot.sandbox.vendors._metastudio_photos import CHECKED_MOST, FOR_FILMS, Photos, for_model, size_of
from bot.sandbox.vendors._metastudio_states import Errand, Stage
from bot.sandbox.vendors._metastudio_store import Store
from bot.sandbox.vendors._metastudio_walk import model_path
from bot.sandbox.vendors._workers import Workers

CREATORS = {
    Errand.CLIP: "CreateClip",
    Errand.PHOTO_VIDEO: "CreatePhotoVideo",
    Errand.PICTURE_MODEL: "CreatePictureModel",
    Errand.PHOTO_CHECK: "CreatePhotoCheck",
}
"""The action whose name an order carries that is to meet this kind only."""
_ENDED_WELL = {Stage.SUCCEED, Stage.PARTIAL_SUCCEED, "SUCCESS"}
_LARGEST_PHOTO_FILM = 1280
_CALLBACK = "Callback"


class _Failed(Exception):
    """The job ends without a result."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Renders:
    """Moves one such job on when its time in a state is over."""

    def __init__(
        self, parts: Parts, store: Store, library: Library, photos: Photos, workers: Workers
    ) -> None:
        self._parts = parts
        self._store = store
        self._library = library
        self._photos = photos
        self._workers = workers
        self._fetcher = Fetcher(
            parts.journal, parts.pulse, workers, patience=lambda: parts.settings, clock=parts.clock
        )
        self._http: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._fetcher.aclose()
        if self._http is not None:
            await self._http.aclose()

    async def advance(self, job: Job) -> None:
        """Begin it, or do its work and end it."""
        at = job.due_at or self._parts.clock()
        if job.state == Stage.WAITING:
            due_at = at + self._parts.settings.render_seconds
            self._parts.errands.change(
                job.id, state=Stage.PROCESSING, started_at=at, updated_at=at, due_at=due_at
            )
            return
        if self._ordered(FaultKind.INFERENCE_STUCK, job) is not None:
            self._parts.errands.change(job.id, due_at=None)
            return
        order = self._ordered(FaultKind.INFERENCE_FAILS, job)
        state = Stage.SUCCEED if order is None else order.text("state", Stage.FAILED)
        if state not in _ENDED_WELL:
            code = "MSS.42000007" if order is None else order.text("code", "MSS.42000007")
            message = "" if order is None else order.text("message", "Inference error.")
            self._end(job, state, code=code, message=message)
            return
        try:
            await self._work(job, cover=state != Stage.PARTIAL_SUCCEED)
        except _Failed as why:
            self._end(job, Stage.FAILED, code=why.code, message=str(why))
        else:
            self._end(job, state)

    async def _work(self, job: Job, *, cover: bool) -> None:
        match job.kind:
            case Errand.CLIP:
                await self._render_clip(job)
            case Errand.PHOTO_VIDEO:
                await self._render_photo(job)
            case Errand.PICTURE_MODEL:
                await self._model(job, cover=cover)
            case Errand.PHOTO_CHECK:
                if max(size_of(self._photos.get(job.id), FOR_FILMS)) > CHECKED_MOST:
                    raise _Failed("MSS.45000005", "The photo is larger than 1080p.")

    async def _render_clip(self, job: Job) -> None:
        wished = job.wishes
        try:
            self._library.usable(wished["model_asset_id"])
        except Refused as gone:
            raise _Failed("MSS.10001001", "The model asset does not exist.") from gone
        video = wished["video_config"]
        picture = await self._workers.reckon(
            film.draw, model_path(self._parts, wished["model_asset_id"]), wished["text"], seed=job.seq
        )
        subtitle = wished["text"] if video["is_subtitle_enable"] else ""
        await self._film(job, picture, (video["width"], video["height"]), video["codec"], subtitle)

    async def _render_photo(self, job: Job) -> None:
        photo = self._photos.get(job.id)
        size = _film_size(size_of(photo, FOR_FILMS))
        picture = await self._workers.reckon(_portrait, photo, "", job.seq, size)
        await self._film(job, picture, size, "H264", "")

    async def _film(self, job: Job, picture: bytes, size: tuple[int, int], codec: str, subtitle: str) -> None:
        asset_id = job.asset_id or uuid.uuid4().hex
        seconds = film.seconds_for(job.wishes["text"])
        name = f"video.{film.suffix(codec)}"
        path = self._store.path(f"{asset_id}/{name}")
        cover = await self._workers.reckon(
            film.render, picture, path, size=size, codec=codec, seconds=seconds, subtitle=subtitle
        )
        write_whole(self._store.path(f"{asset_id}/cover.png"), cover)
        files = [
            self._library.file(asset_id, name, "MAIN"),
            self._library.file(asset_id, "cover.png", "COVER"),
        ]
        self._library.finish(asset_id, "ACTIVED", files)
        self._parts.errands.change(job.id, duration=seconds)

    async def _model(self, job: Job, *, cover: bool) -> None:
        photo, asset_id = await self._photo_of(job), job.asset_id or uuid.uuid4().hex
        files = []
        if cover:
            words = STYLES[job.wishes["style_id"]][2]
            picture = await self._workers.reckon(_portrait, photo, words, job.seq, trainer.PICTURE_SIZE)
            write_whole(self._store.path(f"{asset_id}/cover.png"), picture)
            files.append(self._library.file(asset_id, "cover.png", "COVER"))
        if self._library.get(asset_id) is None:
            self._library.add(
                job.name or "", PHOTO_MODEL, asset_id=asset_id, state="CREATING", app_user_id=job.app_user_id
            )
        self._library.finish(asset_id, "ACTIVED", files)

    async def _photo_of(self, job: Job) -> bytes:
        url = job.wishes.get("picture_url")
        if url is None:
            return self._photos.get(job.id)
        try:
            return for_model(await self._fetcher.fetch(url, subject=job.id))
        except FetchFailed as why:
            raise _Failed("MSS.45000007", "The picture can not be downloaded.") from why
        except Refused as why:
            raise _Failed("MSS.45000005", "The image is not supported.") from why

    def _end(self, job: Job, state: str, *, code: str | None = None, message: str | None = None) -> None:
        now = self._parts.errands.get(job.id)
        if now is None or now.state != job.state:
            return
        # With the time its work really took: a film is not over before it is drawn.
        at = max(job.due_at or 0.0, self._parts.clock())
        self._parts.errands.change(
            job.id, state=state, due_at=None, ended_at=at, updated_at=at, error_code=code, error_msg=message
        )
        self._photos.drop(job.id)
        if code is not None and job.asset_id is not None and self._library.get(job.asset_id) is not None:
            self._library.finish(job.asset_id, "BLOCK" if state == Stage.BLOCK else "FAILED")
        self._tell(job, succeeded=state in _ENDED_WELL)

    def _tell(self, job: Job, *, succeeded: bool) -> None:
        config = job.wishes.get("callback_config") or {}
        url = config.get("callback_url") or job.wishes.get("notify_url")
        if url is None:
            return
        if config.get("auth_type") == "MSS_A":
            url = signed_callback(url, config["key"], self._parts.clock())
        if self._parts.faults.take({FaultKind.CALLBACK_LOST}, _CALLBACK):
            return
        twice = self._parts.faults.take({FaultKind.CALLBACK_TWICE}, _CALLBACK)
        told = {
            "result": "SUCCEED" if succeeded else "FAILED",
            "asset_id": job.asset_id,
            "job_id": job.id,
        }
        for _ in range(1 if twice is None else int(twice.number("copies", 2))):
            self._workers.start(self._post(url, told, job.id))

    async def _post(self, url: str, told: dict[str, str | None], subject: str) -> None:
        # Whether the vendor tries again is not documented; this does not.
        self._http = self._http or client()
        try:
            status: int | None = (await self._http.post(url, json=told)).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            status = None
        self._parts.journal.write(EntryKind.CALLBACK, _CALLBACK, status=status, code=None, subject=subject)
        self._parts.pulse.beat()

    def _ordered(self, kind: FaultKind, job: Job) -> Fault | None:
        def concerns(order: Fault) -> bool:
            return order.details.get("job") in {None, job.id}

        return self._parts.faults.take({kind}, CREATORS[job.kind], concerns)


def signed_callback(url: str, key: str, at: float) -> str:
    """A callback's address with the vendor's `MSS_A` proof in its query."""
    stamp = format(int(at), "x")
    secret = hmac.new(key.encode(), (url + stamp).encode(), hashlib.sha256).hexdigest()
    return f"{url}{'&' if '?' in url else '?'}secret={secret}&time_stamp={stamp}"


def _portrait(photo: bytes, words: str, seed: int, size: int | tuple[int, int]) -> bytes:
    return trainer.draw(trainer.fit([photo]), words, seed=seed, size=size)


def _film_size(size: tuple[int, int]) -> tuple[int, int]:
    """The photo's proportions, no larger than need be; encoders want even numbers."""
    share = min(1.0, _LARGEST_PHOTO_FILM / max(size))
    width, height = (max(2, round(side * share / 2) * 2) for side in size)
    return width, height
