"""The work behind the AIContent stand-in: fetch the photos, fit the model, draw the pictures, and take time.

Where a job stands is in its row and its files are named after it, so after a kill the work is taken up again.
"""

import random
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt
from pydantic.dataclasses import dataclass

from bot.sandbox import trainer
from bot.sandbox.files import write_whole
from bot.sandbox.vendors._aicontent_jobs import ENDED, Fate, Inference, JobKind, Jobs, Status, Training
from bot.sandbox.vendors._aicontent_oneshots import Oneshot, Oneshots
from bot.sandbox.vendors._fetch import Fetcher, FetchFailed
from bot.sandbox.vendors._journal import Journal
from bot.sandbox.vendors._settings import STRICT, Dial
from bot.sandbox.vendors._state import Json, Pulse, Values
from bot.sandbox.vendors._workers import Workers

SUBJECT_WORD = "<special-token>"
_QUEUED_SHARE = 0.1
_FAILS_AT_SHARE = 0.6
# A vendor does not report the whole before the end, however the arithmetic falls.
_ALMOST = 0.99


@dataclass(frozen=True, config=STRICT)
class Settings:
    """What can be turned while the stand-in runs; jobs under way feel it at once."""

    train_seconds: NonNegativeFloat = 20.0
    infer_seconds: NonNegativeFloat = 6.0
    fetch_attempts: NonNegativeInt = 3
    fetch_pause_seconds: NonNegativeFloat = 1.0
    oneshot_image_ids: Literal["unique", "samples"] = "unique"
    """Those in the vendor's samples repeat from job to job, and nobody knows how they are told apart."""
    denied: tuple[str, ...] = ()
    """Actions the account may not call; `*` is all of them."""


class Workshop:
    """Runs every unfinished job in a task of its own; the heavy arithmetic takes one thread at a time."""

    def __init__(
        self,
        state_dir: Path,
        jobs: Jobs,
        oneshots: Oneshots,
        journal: Journal,
        values: Values,
        pulse: Pulse,
        clock: Callable[[], float],
    ) -> None:
        self._dir = state_dir
        self._jobs = jobs
        self.oneshots = oneshots
        self._pulse = pulse
        self._clock = clock
        self._dial = Dial(Settings, values, pulse)
        self._workers = Workers(pulse, clock)
        self._fetcher = Fetcher(journal, pulse, self._workers, patience=lambda: self.settings, clock=clock)

    @property
    def settings(self) -> Settings:
        """As they are now."""
        return self._dial.now

    def resume(self) -> None:
        """Take up everything that is not over."""
        for training in self._jobs.trainings():
            if training.status not in ENDED:
                self.train(training.id)
        for inference in self._jobs.inferences():
            if inference.status not in ENDED:
                self.draw(inference.id)
        for oneshot in self.oneshots.all():
            if oneshot.status not in ENDED:
                self.make(oneshot.id)

    async def close(self) -> None:
        """Drop every job where it stands; a later start takes them up."""
        await self._workers.close()
        await self._fetcher.aclose()

    def change(self, changes: dict[str, Json]) -> Settings:
        """Change settings, for good. Raises ValueError for an unknown name or a value of the wrong kind."""
        return self._dial.turn(changes)

    def train(self, job_id: int) -> None:
        """Begin, or go on with, a training."""
        self._workers.start(self._train(job_id))

    def draw(self, job_id: int) -> None:
        """Begin, or go on with, an inference."""
        self._workers.start(self._draw(job_id))

    def make(self, job_id: int) -> None:
        """Begin, or go on with, a one-shot."""
        self._workers.start(self._make(job_id))

    def progress(self, job: Training | Inference | Oneshot) -> float:
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

    def oneshot_picture(self, job: Oneshot, index: int) -> bytes:
        """The bytes of one picture of a finished one-shot."""
        return (self._oneshot_dir(job.id) / f"{index:04}.png").read_bytes()

    async def _train(self, job_id: int) -> None:
        job = self._jobs.training(job_id)
        await self._workers.until(lambda: job.created_at + _QUEUED_SHARE * self.settings.train_seconds)
        if job.model_id is None:
            self._jobs.start_training(job_id, model_id=new_model_id(job.object_type), at=self._clock())
        job = self._jobs.training(job_id)
        try:
            if not job.fitted:
                await self._fit(job)
        except (FetchFailed, trainer.NotAPhoto):
            self._jobs.end(JobKind.TRAINING, job_id, Status.TRAIN_FAILED, at=self._clock())
        else:
            status = await self._wait_for_the_end(JobKind.TRAINING, job_id)
            self._jobs.end(JobKind.TRAINING, job_id, status, at=self._clock())
        # The model holds all it needs of them, and people's photos are not kept longer than that.
        shutil.rmtree(self._photos_dir(job), ignore_errors=True)

    async def _fit(self, job: Training) -> None:
        photos = await self._fetched(job, lambda count: self._jobs.note_fetched(job.id, count))
        await self._workers.reckon(_fit_and_save, photos, self._model_path(job.id))
        self._jobs.note_fitted(job.id)

    async def _fetched(self, job: Training | Oneshot, note: Callable[[int], None]) -> list[bytes]:
        """The photos of an order: those that a kill has left, and the others from their links."""
        folder = self._photos_dir(job)
        folder.mkdir(parents=True, exist_ok=True)
        for index, url in enumerate(job.image_urls):
            path = folder / f"{index:04}"
            if not path.exists():
                write_whole(path, await self._fetcher.fetch(url, subject=str(job.id)))
            note(index + 1)
        return [path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix == ""]

    async def _make(self, job_id: int) -> None:
        job = self.oneshots.get(job_id)
        await self._workers.until(lambda: job.created_at + _QUEUED_SHARE * self._seconds(job))
        if job.started_at is None:
            self.oneshots.start(job_id, at=self._clock())
        folder = self._oneshot_dir(job_id)
        model_path = folder / "model.npz"
        try:
            if not job.fitted:
                photos = await self._fetched(job, lambda count: self.oneshots.note(job_id, fetched=count))
                await self._workers.reckon(_fit_and_save, photos, model_path)
                self.oneshots.note(job_id, fitted=1)
        except (FetchFailed, trainer.NotAPhoto):
            self.oneshots.end(job_id, Status.TRAIN_FAILED, at=self._clock())
        else:
            known = model_path if SUBJECT_WORD in job.prompt else None
            for index in range(job.images):
                path = folder / f"{index:04}.png"
                if not path.exists():
                    await self._workers.reckon(_draw_and_save, known, job.prompt, job.seed, index, path)
                self.oneshots.note(job_id, drawn=index + 1)
            self.oneshots.end(job_id, await self._wait_for_the_end(JobKind.ONESHOT, job_id), at=self._clock())
        # No model is kept, and people's photos are not either.
        shutil.rmtree(self._photos_dir(job), ignore_errors=True)
        model_path.unlink(missing_ok=True)

    async def _draw(self, job_id: int) -> None:
        job = self._jobs.inference(job_id)
        await self._workers.until(lambda: job.created_at + _QUEUED_SHARE * self.settings.infer_seconds)
        if job.started_at is None:
            self._jobs.start_inference(job_id, at=self._clock())
        folder = self._inference_dir(job_id)
        folder.mkdir(parents=True, exist_ok=True)
        model_path = self._model_path(job.training_id) if SUBJECT_WORD in job.prompt else None
        for index, image_id in enumerate(job.image_ids):
            path = folder / image_id
            if not path.exists():
                await self._workers.reckon(_draw_and_save, model_path, job.prompt, job.seed, index, path)
            self._jobs.note_drawn(job_id, index + 1)
        status = await self._wait_for_the_end(JobKind.INFERENCE, job_id)
        self._jobs.end(JobKind.INFERENCE, job_id, status, at=self._clock())

    async def _wait_for_the_end(self, kind: JobKind, job_id: int) -> Status:
        while True:
            job = self._job(kind, job_id)
            share = _FAILS_AT_SHARE if job.fate is Fate.FAILS else 1.0
            left = job.created_at + share * self._seconds(job) - self._clock()
            if job.fate is Fate.STUCK:
                await self._pulse.rest(None)
            elif left > 0:
                await self._pulse.rest(left)
            else:
                return Status.TRAIN_FAILED if job.fate is Fate.FAILS else Status.FINISHED

    def _job(self, kind: JobKind, job_id: int) -> Training | Inference | Oneshot:
        if kind is JobKind.ONESHOT:
            return self.oneshots.get(job_id)
        return self._jobs.training(job_id) if kind is JobKind.TRAINING else self._jobs.inference(job_id)

    def _seconds(self, job: Training | Inference | Oneshot) -> float:
        match job:
            case Training():
                return self.settings.train_seconds
            case Inference():
                return self.settings.infer_seconds
            case Oneshot():
                # It trains on the quiet.
                return self.settings.train_seconds + self.settings.infer_seconds

    def _photos_dir(self, job: Training | Oneshot) -> Path:
        if isinstance(job, Oneshot):
            return self._oneshot_dir(job.id) / "photos"
        return self._dir / "photos" / str(job.id)

    def _model_path(self, training_id: int) -> Path:
        return self._dir / "models" / f"{training_id}.npz"

    def _oneshot_dir(self, oneshot_id: int) -> Path:
        return self._dir / "oneshots" / str(oneshot_id)

    def _inference_dir(self, inference_id: int) -> Path:
        return self._dir / "pictures" / str(inference_id)


def new_prompt_id() -> str:
    """A prompt id in the shape the vendor's samples have."""
    return str(_uuid1())


def new_model_id(subject: str) -> str:
    """A model id in the shape the vendor's samples have."""
    return f"{subject}_{_uuid1()}"


def _uuid1() -> uuid.UUID:
    # The vendor's ids are time based. A made-up node keeps this machine's network address out of them.
    return uuid.uuid1(node=random.getrandbits(48) | 1 << 40)


def _fit_and_save(photos: list[bytes], path: Path) -> None:
    write_whole(path, trainer.fit(photos).to_bytes())


def _draw_and_save(model_path: Path | None, prompt: str, seed: int, index: int, path: Path) -> None:
    model = None if model_path is None else trainer.Model.from_bytes(model_path.read_bytes())
    write_whole(path, trainer.draw(model, prompt.replace(SUBJECT_WORD, " "), seed=seed, index=index))
