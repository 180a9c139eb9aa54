"""The work behind the AIContent stand-in: fetch the photos, fit the model, draw the pictures, and take time.

Where a job stands is in its row and its files are named after it, so after a kill the work is taken up again.
"""

import asyncio
import random
import shutil
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import httpx

from bot.sandbox import trainer
from bot.sandbox.vendors import _fetch
from bot.sandbox.vendors._aicontent_jobs import ENDED, Fate, Inference, JobKind, Jobs, Status, Training
from bot.sandbox.vendors._journal import EntryKind, Journal
from bot.sandbox.vendors._state import Json, Pulse, Values

SUBJECT_WORD = "<special-token>"
_QUEUED_SHARE = 0.1
_FAILS_AT_SHARE = 0.6
# A vendor does not report the whole before the end, however the arithmetic falls.
_ALMOST = 0.99


@dataclass(frozen=True)
class Settings:
    """What can be turned while the stand-in runs; jobs under way feel it at once."""

    train_seconds: float = 20.0
    infer_seconds: float = 6.0
    fetch_attempts: int = 3
    fetch_pause_seconds: float = 1.0
    denied: tuple[str, ...] = ()
    """Actions the account may not call; `*` is all of them."""

    def with_changes(self, changes: dict[str, Json]) -> "Settings":
        """Apply what a caller sent.

        Raises:
            ValueError: an unknown name or a value of the wrong kind.
        """
        unknown = set(changes) - {item.name for item in fields(self)}
        if unknown:
            raise ValueError(f"There is no setting named {', '.join(sorted(unknown))}.")
        clean: dict[str, object] = {}
        for name, value in changes.items():
            if name == "denied" and isinstance(value, list):
                clean[name] = tuple(str(item) for item in value)
            elif name != "denied" and isinstance(value, int | float) and value >= 0:
                clean[name] = int(value) if name == "fetch_attempts" else float(value)
            else:
                raise ValueError(f"{value!r} is no value for {name}.")
        return replace(self, **clean)  # type: ignore[arg-type]


class Workshop:
    """Runs every unfinished job in a task of its own; the heavy arithmetic takes one thread at a time."""

    def __init__(
        self,
        state_dir: Path,
        jobs: Jobs,
        journal: Journal,
        values: Values,
        pulse: Pulse,
        clock: Callable[[], float],
    ) -> None:
        self._dir = state_dir
        self._jobs = jobs
        self._journal = journal
        self._values = values
        self._pulse = pulse
        self._clock = clock
        self._http = _fetch.client()
        self._arithmetic = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.settings = Settings().with_changes(values.all())

    def resume(self) -> None:
        """Take up everything that is not over."""
        for training in self._jobs.trainings():
            if training.status not in ENDED:
                self.train(training.id)
        for inference in self._jobs.inferences():
            if inference.status not in ENDED:
                self.draw(inference.id)

    async def close(self) -> None:
        """Drop every job where it stands; a later start takes them up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    def change(self, changes: dict[str, Json]) -> Settings:
        """Change settings, for good.

        Raises:
            ValueError: an unknown name or a value of the wrong kind.
        """
        self.settings = self.settings.with_changes(changes)
        for name in changes:
            self._values.put(name, asdict(self.settings)[name])
        self._pulse.beat()
        return self.settings

    def train(self, job_id: int) -> None:
        """Begin, or go on with, a training."""
        self._spawn(self._train(job_id))

    def draw(self, job_id: int) -> None:
        """Begin, or go on with, an inference."""
        self._spawn(self._draw(job_id))

    def progress(self, job: Training | Inference) -> float:
        """How far a job is: as far as its time and its real work allow."""
        if job.status is Status.FINISHED:
            return 1.0
        if job.started_at is None:
            return 0.0
        whole = self._seconds(job)
        elapsed = (job.ended_at or self._clock()) - job.created_at
        by_time = elapsed / whole if whole else 1.0
        return round(max(0.0, min(by_time, job.work, _ALMOST)), 2)

    def picture(self, job: Inference, image_id: str) -> bytes | None:
        """The bytes of one finished picture."""
        if job.status is not Status.FINISHED or image_id not in job.image_ids:
            return None
        return (self._inference_dir(job.id) / image_id).read_bytes()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A stand-in that silently stops working would look like a stuck vendor.
            task.get_loop().call_exception_handler(
                {"message": "A job of the stand-in broke", "exception": error}
            )

    async def _train(self, job_id: int) -> None:
        job = self._jobs.training(job_id)
        await self._until(lambda: job.created_at + _QUEUED_SHARE * self.settings.train_seconds)
        if job.model_id is None:
            self._jobs.start_training(job_id, model_id=f"{job.object_type}_{_uuid1()}", at=self._clock())
        job = self._jobs.training(job_id)
        try:
            if not job.fitted:
                await self._fit(job)
        except (_fetch.FetchFailed, trainer.NotAPhoto):
            self._jobs.end(JobKind.TRAINING, job_id, Status.TRAIN_FAILED, at=self._clock())
        else:
            status = await self._wait_for_the_end(JobKind.TRAINING, job_id)
            self._jobs.end(JobKind.TRAINING, job_id, status, at=self._clock())
        # The model holds all it needs of them, and people's photos are not kept longer than that.
        shutil.rmtree(self._photos_dir(job_id), ignore_errors=True)

    async def _fit(self, job: Training) -> None:
        folder = self._photos_dir(job.id)
        folder.mkdir(parents=True, exist_ok=True)
        for index, url in enumerate(job.image_urls):
            path = folder / f"{index:04}"
            if not path.exists():
                _write_whole(path, await self._fetch(url, job.id))
            self._jobs.note_fetched(job.id, index + 1)
        photos = [path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix == ""]
        async with self._arithmetic:
            await asyncio.to_thread(_fit_and_save, photos, self._model_path(job.id))
        self._jobs.note_fitted(job.id)

    async def _fetch(self, url: str, job_id: int) -> bytes:
        attempt = 0
        while True:
            attempt += 1
            try:
                data = await _fetch.fetch_photo(self._http, url)
            except _fetch.FetchFailed as failure:
                self._note_fetch(failure.status, failure.code, job_id)
                if not failure.worth_another_try or attempt >= self.settings.fetch_attempts:
                    raise
                began = self._clock()
                await self._until(lambda began=began: began + self.settings.fetch_pause_seconds)  # type: ignore[misc]
            else:
                self._note_fetch(httpx.codes.OK, None, job_id)
                return data

    def _note_fetch(self, status: int | None, code: str | None, job_id: int) -> None:
        self._journal.write(EntryKind.FETCH, "FetchPhoto", status=status, code=code, subject=str(job_id))
        self._pulse.beat()

    async def _draw(self, job_id: int) -> None:
        job = self._jobs.inference(job_id)
        await self._until(lambda: job.created_at + _QUEUED_SHARE * self.settings.infer_seconds)
        if job.started_at is None:
            self._jobs.start_inference(job_id, at=self._clock())
        folder = self._inference_dir(job_id)
        folder.mkdir(parents=True, exist_ok=True)
        model_path = self._model_path(job.training_id) if SUBJECT_WORD in job.prompt else None
        for index, image_id in enumerate(job.image_ids):
            path = folder / image_id
            if not path.exists():
                async with self._arithmetic:
                    await asyncio.to_thread(_draw_and_save, model_path, job.prompt, job.seed, index, path)
            self._jobs.note_drawn(job_id, index + 1)
        status = await self._wait_for_the_end(JobKind.INFERENCE, job_id)
        self._jobs.end(JobKind.INFERENCE, job_id, status, at=self._clock())

    async def _wait_for_the_end(self, kind: JobKind, job_id: int) -> Status:
        while True:
            job = self._job(kind, job_id)
            share = _FAILS_AT_SHARE if job.fate is Fate.FAILS else 1.0
            left = job.created_at + share * self._seconds(job) - self._clock()
            if job.fate is Fate.STUCK:
                await self._pulse.wait(None)
            elif left > 0:
                await self._pulse.wait(left)
            else:
                return Status.TRAIN_FAILED if job.fate is Fate.FAILS else Status.FINISHED

    async def _until(self, instant: Callable[[], float]) -> None:
        while (left := instant() - self._clock()) > 0:
            await self._pulse.wait(left)

    def _job(self, kind: JobKind, job_id: int) -> Training | Inference:
        return self._jobs.training(job_id) if kind is JobKind.TRAINING else self._jobs.inference(job_id)

    def _seconds(self, job: Training | Inference) -> float:
        return self.settings.train_seconds if isinstance(job, Training) else self.settings.infer_seconds

    def _photos_dir(self, training_id: int) -> Path:
        return self._dir / "photos" / str(training_id)

    def _model_path(self, training_id: int) -> Path:
        return self._dir / "models" / f"{training_id}.npz"

    def _inference_dir(self, inference_id: int) -> Path:
        return self._dir / "pictures" / str(inference_id)


def new_prompt_id() -> str:
    """A prompt id in the shape the vendor's samples have."""
    return str(_uuid1())


def _uuid1() -> uuid.UUID:
    # The vendor's ids are time based. A made-up node keeps this machine's network address out of them.
    return uuid.uuid1(node=random.getrandbits(48) | 1 << 40)


def _write_whole(path: Path, data: bytes) -> None:
    aside = path.with_name(path.name + ".part")
    with suppress(FileNotFoundError):
        aside.unlink()
    aside.write_bytes(data)
    aside.replace(path)


def _fit_and_save(photos: list[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(path, trainer.fit(photos).to_bytes())


def _draw_and_save(model_path: Path | None, prompt: str, seed: int, index: int, path: Path) -> None:
    model = None if model_path is None else trainer.Model.from_bytes(model_path.read_bytes())
    _write_whole(path, trainer.draw(model, prompt.replace(SUBJECT_WORD, " "), seed=seed, index=index))
