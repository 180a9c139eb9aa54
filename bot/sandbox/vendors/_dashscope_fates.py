"""Faults on order that concern jobs at the DashScope stand-in: how they end, and how they look meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.vendors._dashscope_drawing import ALGORITHM_FAILED
from bot.sandbox.vendors._dashscope_jobs import Fate, JobKind, Jobs
from bot.sandbox.vendors._faults import Fault, FaultKind, FaultTable

_KINDS = {
    JobKind.TRAINING: (FaultKind.TRAINING_FAILS, FaultKind.TRAINING_STUCK),
    JobKind.INFERENCE: (FaultKind.INFERENCE_FAILS, FaultKind.INFERENCE_STUCK),
}
_REASONS = {
    JobKind.TRAINING: ("InvalidParameter", "no qualified face found"),
    JobKind.INFERENCE: ALGORITHM_FAILED,
}


@dataclass(frozen=True)
class Doom:
    """How a job is going to end, and the reason if that is badly."""

    fate: Fate
    code: str = ""
    message: str = ""


class Fates:
    """Reads the orders."""

    def __init__(self, faults: FaultTable, jobs: Jobs, *, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._jobs = jobs
        self._clock = clock

    def take(self, action: str, kind: JobKind) -> Doom:
        """The fate of a job that is being created."""
        fault = self._faults.take(_KINDS[kind], action)
        if fault is None:
            return Doom(Fate.FINISHES)
        if fault.kind == _KINDS[kind][1]:
            return Doom(Fate.STUCK)
        code, message = _REASONS[kind]
        return Doom(Fate.FAILS, fault.text("code", code), fault.text("message", message))

    def missing(self, action: str, images: int) -> int:
        """How many pictures of a task that is being created are going to fail."""
        fault = self._faults.take({FaultKind.SOME_FAIL}, action)
        return 0 if fault is None else max(0, min(images, int(fault.number("pictures", 1))))

    def doom(self, kind: FaultKind, job_id: str) -> bool:
        """Change the fate of a job under way; False if there is no such job."""
        job_kind = next(job_kind for job_kind, kinds in _KINDS.items() if kind in kinds)
        fate = Fate.FAILS if kind == _KINDS[job_kind][0] else Fate.STUCK
        return self._jobs.doom(job_kind, job_id, fate, *_REASONS[job_kind])

    def is_listed(self, created_at: float) -> bool:
        """Whether lists show a job as old as this."""
        lag = self._faults.peek({FaultKind.LIST_LAG})
        return lag is None or created_at <= self._clock() - lag.number("seconds", 60.0)

    def is_too_young(self, created_at: float, action: str) -> bool:
        """Whether a job as old as this is said not to exist."""
        fault = self._faults.peek({FaultKind.NOT_YET}, action)
        return fault is not None and self._clock() - created_at < fault.number("seconds", 60.0)

    def word(self, action: str) -> str | None:
        """The word to tell in place of a job's status."""
        fault = self._faults.take({FaultKind.STATUS_WORD}, action)
        return None if fault is None else fault.text("word", "SOMETHING_NEW")

    def empties(self, action: str) -> bool:
        """Whether a finished task shows no pictures."""
        return self._faults.take({FaultKind.EMPTY_RESULT}, action) is not None

    def faceless(self, action: str) -> Fault | None:
        """The order by which a photo has no face, if there is one."""
        return self._faults.take({FaultKind.NO_FACE}, action)
