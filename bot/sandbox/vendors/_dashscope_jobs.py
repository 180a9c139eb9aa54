"""The jobs of the DashScope stand-in: trainings and portrait tasks, how far they are, what fate they have."""

import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from bot.sandbox.vendors._dashscope_answers import ZONE, short_time
from bot.sandbox.vendors._register import Register
from bot.sandbox.vendors._state import Pulse


class JobKind(StrEnum):
    """What was ordered."""

    TRAINING = "training"
    INFERENCE = "inference"


class Status(StrEnum):
    """The vendor's words; a task knows no QUEUING and no CANCELING."""

    PENDING = "PENDING"
    QUEUING = "QUEUING"
    RUNNING = "RUNNING"
    CANCELING = "CANCELING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class Fate(StrEnum):
    """How a job is going to end, unless its photos decide otherwise."""

    FINISHES = "finishes"
    FAILS = "fails"
    STUCK = "stuck"


@dataclass(frozen=True)
class Training:
    """One training, and the face it makes."""

    job_id: str
    job_name: str
    model_name: str
    sources: list[str] = field(repr=False)
    hyper_parameters: dict[str, Any]
    training_type: str
    resolves_oss: bool
    fate: Fate
    created_at: float
    code: str = ""
    message: str = ""
    """Why it failed, or is going to."""
    status: Status = Status.PENDING
    started_at: float | None = None
    canceling_at: float | None = None
    ended_at: float | None = None
    fetched: int = 0
    fitted: bool = False
    deleted: bool = False
    logs: list[str] = field(default_factory=list, repr=False)

    @property
    def face(self) -> str:
        """The id by which portraits name what was trained."""
        return f"facechain-finetune-{self.job_id}"

    @property
    def work(self) -> float:
        """How much of the real work is done, from 0 to 1."""
        return 0.4 * self.fetched / len(self.sources) + 0.6 * self.fitted


@dataclass(frozen=True)
class Task:
    """One order of portraits."""

    task_id: str
    style: str
    face_job: str | None
    """The training whose face it is; None for the vendor's demonstration face, and without training."""
    template_url: str | None = field(repr=False)
    user_urls: list[str] = field(repr=False)
    images: int
    seed: int
    format: Literal["jpeg", "png"]
    resolves_oss: bool
    fate: Fate
    missing: int
    """How many of its pictures are going to fail."""
    created_at: float
    code: str = ""
    message: str = ""
    status: Status = Status.PENDING
    started_at: float | None = None
    ended_at: float | None = None
    drawn: int = 0

    @property
    def work(self) -> float:
        """How much of the real work is done, from 0 to 1."""
        return self.drawn / self.images


_COURSE = frozenset({"fate", "canceling_at", "ended_at"})
"""What gives a job another course, or one that waits for its place."""


class Jobs:
    """Both registers; whoever waits for a change is told."""

    def __init__(self, db: sqlite3.Connection, *, clock: Callable[[], float], pulse: Pulse) -> None:
        self.trainings = Register(db, "trainings", Training)
        self.tasks = Register(db, "tasks", Task)
        self._clock = clock
        self._pulse = pulse

    def new_job_id(self) -> str:
        """A training's id in the shape that the vendor's samples have."""
        while True:
            minute = datetime.fromtimestamp(self._clock(), ZONE).strftime("%Y%m%d%H%M")
            job_id = f"ft-{minute}-{uuid.uuid4().hex[:4]}"
            if self.trainings.find(job_id) is None:
                return job_id

    def face(self, resource_id: str) -> Training | None:
        """The training that makes, or made, this face."""
        return self.trainings.find(resource_id.removeprefix("facechain-finetune-"))

    def set_training(self, job_id: str, *, log: str | None = None, **changes: Any) -> Training:
        """Change a training, and perhaps say so in its log."""
        if log is not None:
            logs = self.trainings.get(job_id).logs
            changes["logs"] = [*logs, f"{short_time(self._clock())} {log}"]
        training = self.trainings.change(job_id, **changes)
        self._tell(changes)
        return training

    def set_task(self, task_id: str, **changes: Any) -> Task:
        """Change a task."""
        task = self.tasks.change(task_id, **changes)
        self._tell(changes)
        return task

    def doom(self, kind: JobKind, job_id: str, fate: Fate, code: str, message: str) -> bool:
        """Change the fate of a job under way; False if there is no such job."""
        job: Training | Task | None
        job = self.trainings.find(job_id) if kind is JobKind.TRAINING else self.tasks.find(job_id)
        if job is None or job.ended_at is not None:
            return False
        if kind is JobKind.TRAINING:
            self.set_training(job_id, fate=fate, code=code, message=message)
        else:
            self.set_task(job_id, fate=fate, code=code, message=message)
        return True

    def _tell(self, changes: Mapping[str, Any]) -> None:
        if _COURSE & changes.keys():
            self._pulse.stir()
        else:
            self._pulse.beat()
