"""What the operations of the MetaStudio stand-in work with, and the form they have."""

import json
import math
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bot.sandbox.vendors._faults import FaultKind, FaultTable
from bot.sandbox.vendors._journal import Journal
from bot.sandbox.vendors._metastudio_answers import Done, invalid, invalid_body, not_found, not_json
from bot.sandbox.vendors._metastudio_errands import Errands, Job
from bot.sandbox.vendors._metastudio_settings import Settings
from bot.sandbox.vendors._metastudio_states import Errand, Stage
from bot.sandbox.vendors._metastudio_trainings import Trainings
from bot.sandbox.vendors._settings import Dial
from bot.sandbox.vendors._state import Json, Pulse

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Account:
    """Whose calls are taken, and where."""

    project_id: str
    region: str
    domain: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Parts:
    """What every operation may need."""

    account: Account
    folder: Path
    db: sqlite3.Connection
    clock: Callable[[], float]
    dial: Dial[Settings]
    pulse: Pulse
    faults: FaultTable
    journal: Journal
    trainings: Trainings
    errands: Errands

    @property
    def settings(self) -> Settings:
        """As they are now."""
        return self.dial.now

    def newest_listed(self, action: str) -> float:
        """Lists show nothing that was made after this instant, on order."""
        lag = self.faults.peek({FaultKind.LIST_LAG}, action)
        return self.clock() - (0.0 if lag is None else lag.number("seconds", 60.0))

    def is_hidden(self, action: str, created_at: float) -> bool:
        """Whether a job is too young to be known, on order."""
        lag = self.faults.peek({FaultKind.NOT_YET}, action)
        return lag is not None and self.clock() - created_at < lag.number("seconds", 60.0)

    def told(self, action: str, state: str) -> str:
        """The state as a query tells it, or another word, on order."""
        fault = self.faults.take({FaultKind.STATUS_WORD}, action)
        return state if fault is None else fault.text("word", "SOMETHING_NEW")

    def shows_result(self, action: str, state: str) -> bool:
        """Whether a job that ended in this state shows its picture; it may not, on order."""
        ended_well = state in {Stage.SUCCEED, "SUCCESS"}
        return ended_well and not self.faults.take({FaultKind.EMPTY_RESULT}, action)

    def queue(
        self,
        kind: Errand,
        *,
        job_id: str,
        app_user_id: str | None,
        name: str | None = None,
        wishes: Mapping[str, Json] | None = None,
        asset_id: str | None = None,
    ) -> Job:
        """Take an order for anything but a training; it waits its time."""
        now = self.clock()
        return self.errands.add(
            kind,
            job_id=job_id,
            name=name,
            wishes=dict(wishes or {}),
            app_user_id=app_user_id,
            asset_id=asset_id,
            at=now,
            due_at=now + self.settings.queue_seconds,
        )

    def found(self, kind: Errand, action: str, job_id: str) -> Job:
        """Such a job.

        Raises:
            Refused: there is none of this kind, or it is too young to be known, on order.
        """
        job = self.errands.get(job_id, kind)
        if job is None or self.is_hidden(action, job.created_at):
            raise not_found()
        return job


@dataclass(frozen=True)
class Call:
    """One call that was let in."""

    action: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    content_type: str
    app_user_id: str | None

    def read(self, model: type[M]) -> M:
        """The JSON body.

        Raises:
            Refused: it is no JSON, no object, or a field is wrong.
        """
        if not self.content_type.startswith("application/json"):
            raise not_json()
        try:
            given = json.loads(self.body)
        except ValueError as error:
            raise not_json() from error
        if not isinstance(given, dict):
            raise invalid_body()
        return checked(model, given)

    def asked(self, model: type[M]) -> M:
        """The query; what is empty counts as not given.

        Raises:
            Refused: a value is wrong.
        """
        return checked(model, {name: value for name, value in self.query.items() if value})


def checked(model: type[M], given: Mapping[str, Any]) -> M:
    """The given values as a model.

    Raises:
        Refused: one is wrong; its name is said, its value is not.
    """
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise invalid(where or str(first["msg"])) from error


@dataclass(frozen=True)
class Operation:
    """One of the vendor's operations: where it is, how often it may be called, what it does."""

    method: str
    path: str
    run: Callable[[Call], Awaitable[Done]]
    rate: str | None = None
    """The group whose calls are counted together."""


Operations = Mapping[str, Operation]
"""By the name under which calls are journalled and faults ordered."""

_PER_SECOND: Mapping[str, Mapping[str, int]] = {
    "asset_read": {"cn-north-4": 20, "cn-east-3": 10, "ap-southeast-3": 10},
    "asset_write": {"cn-north-4": 10, "cn-east-3": 5, "ap-southeast-3": 5},
    "video_create": {"cn-north-4": 5, "cn-east-3": 3, "ap-southeast-3": 3},
    "video_read": {"cn-north-4": 20, "cn-east-3": 10, "ap-southeast-3": 10},
    "video_cancel": {"cn-north-4": 5, "cn-east-3": 3, "ap-southeast-3": 3},
}
_PICTURE_MODELS = {"picture_create": 1, "picture_show": 1, "picture_list": 1, "picture_by_url": 2}


class Rates:
    """Counts calls as the vendor's gateway does: so many of a group in one second, per tenant."""

    def __init__(self, region: str, settings: Callable[[], Settings], clock: Callable[[], float]) -> None:
        self._region = region
        self._settings = settings
        self._clock = clock
        self._calls: dict[str, list[float]] = {}

    def allows(self, group: str | None) -> bool:
        """Count a call; False if it is one too many, which does not count."""
        limit = self._limit(group)
        if group is None or not limit:
            return True
        now = self._clock()
        recent = [at for at in self._calls.get(group, []) if 0 <= now - at < 1.0]
        if len(recent) >= limit:
            return False
        self._calls[group] = [*recent, now]
        return True

    def _limit(self, group: str | None) -> float:
        settings = self._settings()
        if group is None or not settings.throttled:
            return 0
        if group == "training":
            return settings.training_calls_per_second
        if group in _PICTURE_MODELS:
            return _PICTURE_MODELS[group]
        return _PER_SECOND[group].get(self._region, math.inf)
