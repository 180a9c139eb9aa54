"""What the control API is told and told to do: every job in a line, and orders for one of them."""

from typing import Any

from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._metastudio_errands import Job
from bot.sandbox.vendors._metastudio_panel import TRAINING
from bot.sandbox.vendors._metastudio_parts import Parts
from bot.sandbox.vendors._metastudio_states import (
    REDONE,
    REVIEW_FAILED,
    ROUTE,
    SUCCEEDED,
    UNDER_WAY,
    Errand,
    Stage,
    State,
)
from bot.sandbox.vendors._metastudio_trainings import PAPERS, FileKind, Training
from bot.sandbox.vendors._metastudio_walk import Walk
from bot.sandbox.vendors._state import Json

_FOR_TRAININGS = {
    FaultKind.REVIEW_REFUSED,
    FaultKind.SET_BACK,
    FaultKind.TRAINING_FAILS,
    FaultKind.TRAINING_STUCK,
}
_FOR_ERRANDS = {FaultKind.INFERENCE_FAILS, FaultKind.INFERENCE_STUCK}
_PROGRESS = {Stage.WAITING: 0.0, Stage.PROCESSING: 0.5, Stage.SUCCEED: 1.0, Stage.PARTIAL_SUCCEED: 1.0}
_ALMOST = 0.99


class Desk:
    """Describes the jobs and takes orders."""

    def __init__(self, parts: Parts, walk: Walk) -> None:
        self._parts = parts
        self._walk = walk

    def jobs(self) -> list[dict[str, Any]]:
        """Every job, kind by kind, oldest first; deleted trainings too, since they were paid for."""
        errands = self._parts.errands.all()
        return [self._training(one) for one in self._parts.trainings.all(deleted=True)] + [
            _errand(job) for kind in Errand for job in errands if job.kind is kind
        ]

    def at_once(self, kind: FaultKind, details: dict[str, Json]) -> bool:
        """Carry out an order for one job: a state now, or its fate when it gets there.

        Raises:
            ValueError: the order names no job that it could be carried out on, or no state.
        """
        if kind is FaultKind.SET_BACK and details.get("state", State.COMPILE_FAILED) not in REDONE:
            raise ValueError(f"Staff do not take back {details['state']}; they do {', '.join(REDONE)}.")
        if kind is FaultKind.STATE:
            self._place(str(details.get("job")), str(details.get("state")), details.get("stays") is True)
            return True
        if "job" not in details or kind not in _FOR_TRAININGS | _FOR_ERRANDS:
            return False
        job_id = str(details["job"])
        found: Training | Job | None = (
            self._parts.trainings.get(job_id) if kind in _FOR_TRAININGS else self._parts.errands.get(job_id)
        )
        if found is None or not _is_under_way(found):
            raise ValueError(f"No job {job_id} is under way.")
        self._parts.faults.order(kind, action=None, times=1, skip=0, details=details)
        if found.due_at is None and found.state in {State.TRAINING, Stage.PROCESSING}:
            self._take_up(found)
        return True

    def doom(self, kind: FaultKind, job_id: str) -> bool:
        """An order without any details but the job; all are carried out by `at_once`."""
        return self.at_once(kind, {"job": job_id})

    def _place(self, job_id: str, state: str, stays: bool) -> None:
        training = self._parts.trainings.get(job_id)
        if training is not None:
            self._walk.place(training, state, stays=stays)
            return
        job = self._parts.errands.get(job_id)
        if job is None:
            raise ValueError(f"There is no job {job_id}.")
        now = self._parts.clock()
        moves = state in UNDER_WAY and not stays
        self._parts.errands.change(job.id, state=state, due_at=now if moves else None, updated_at=now)

    def _take_up(self, stuck: Training | Job) -> None:
        if isinstance(stuck, Training):
            self._parts.trainings.change(stuck.id, due_at=self._parts.clock())
        else:
            self._parts.errands.change(stuck.id, due_at=self._parts.clock())

    def _training(self, one: Training) -> dict[str, Any]:
        return {
            "kind": TRAINING,
            "id": one.id,
            "status": one.state,
            "progress": self._progress(one),
            "name": one.name,
            "created_at": one.created_at,
            "ended_at": one.ended_at,
            "asset_id": one.asset_id,
            "note": self._note(one),
        }

    def _progress(self, one: Training) -> float:
        if one.state in SUCCEEDED:
            # One that was put there by order is whole a moment later.
            return _ALMOST if one.due_at is not None else 1.0
        if one.state not in ROUTE:
            return 0.0
        settings = self._parts.settings
        passed = ROUTE.index(State(one.state))
        whole = settings.seconds_in(one.state)
        within = min(1.0, (self._parts.clock() - one.since) / whole) if whole else 1.0
        return round(min(_ALMOST, (passed + max(0.0, within)) / len(ROUTE)), 2)

    def _note(self, one: Training) -> str | None:
        if one.deleted:
            return "deleted"
        if one.state in REVIEW_FAILED:
            said = [log.description for log in self._parts.trainings.logs(one.id) if log.description]
            return said[-1] if said else None
        if one.state == State.WAIT_FILE_UPLOAD:
            wanted = (FileKind.TRAINING_VIDEO, *PAPERS)
            here = sum(bool(self._parts.trainings.files(one.id, kind)) for kind in wanted)
            return f"{here} of {len(wanted)} files are here"
        return None


def _is_under_way(found: Training | Job) -> bool:
    if isinstance(found, Training):
        return found.state == State.WAIT_FILE_UPLOAD or found.state in ROUTE or found.state in REVIEW_FAILED
    return found.state in UNDER_WAY


def _errand(job: Job) -> dict[str, Any]:
    return {
        "kind": job.kind,
        "id": job.id,
        "status": job.state,
        "progress": _PROGRESS.get(Stage(job.state), 0.0) if job.state in set(Stage) else 0.0,
        "name": job.name,
        "created_at": job.created_at,
        "ended_at": job.ended_at,
        "asset_id": job.asset_id,
        "note": job.error_msg,
    }
