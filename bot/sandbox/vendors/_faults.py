"""Faults on order: which call goes wrong, how, and how often. The table says when; the stand-in says what."""

import json
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum

from bot.sandbox.vendors._state import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS faults (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, action TEXT, times INTEGER, skip INTEGER NOT NULL,
  details TEXT NOT NULL)
"""


class FaultKind(StrEnum):
    """What can be ordered. In brackets, the details an order may carry and what they are otherwise."""

    SLOW = "slow"
    """The effect happens, the answer takes time (seconds=2)."""
    THROTTLED = "throttled"
    """Refused as too many, with a wait (retry_after_ms=1000, status=429, lowercase=False)."""
    UNAVAILABLE = "unavailable"
    """Refused with 503 before anything happened."""
    ERROR = "error"
    """Refused as told (status=500, code="UNKNOWN_ERROR", message, family="business" or "gateway", lowercase).

    Nothing happened.
    """
    NOT_SUCCESS = "not_success"
    """HTTP 200, and the body says no (code="UNKNOWN_ERROR"). Nothing happened."""
    NOT_JSON = "not_json"
    """A proxy on the way answers instead, with a page of its own (status=502). Nothing happened."""
    KEYS_REFUSED = "keys_refused"
    """The right keys are said to be wrong. Nothing happened."""
    REDIRECT = "redirect"
    """The caller is sent elsewhere (status=307, location). Nothing happened."""
    EFFECT_THEN_500 = "effect_then_500"
    """It happened, and the answer is HTTP 500 (status=500; at a vendor behind a gateway also 504)."""
    EFFECT_THEN_HANG_UP = "effect_then_hang_up"
    """It happened, and the connection breaks without an answer."""
    HANG_UP = "hang_up"
    """The connection breaks and nothing happened."""
    DOWN = "down"
    """Every call is refused, before its signature is looked at (mode="503" or "hang_up"). Lasts."""
    CLOCK = "clock"
    """The vendor's clock is off (seconds=3600, or less than nothing). Lasts."""
    LIST_LAG = "list_lag"
    """Lists do not show what is younger than this (seconds=60). Lasts."""
    NOT_YET = "not_yet"
    """A job younger than this is said not to exist (seconds=60). Lasts."""
    STATUS_WORD = "status_word"
    """A query tells another word than the job's status (word="SOMETHING_NEW")."""
    TAKEN_BACK = "taken_back"
    """A query tells a failure (reason); the next one takes it back."""
    MONTH_END = "month_end"
    """The live query has forgotten what is older than this (seconds=0), as on the first of a month. Lasts."""
    EMPTY_RESULT = "empty_result"
    """A finished inference shows no pictures."""
    DEAD_IMAGE = "dead_image"
    """One picture of an inference is not found (image=0, job: only this inference)."""
    NO_FACE = "no_face"
    """The vendor's look at photos finds no face in one of them (photo=0)."""
    SOME_FAIL = "some_fail"
    """The next inference ends with so many pictures missing (pictures=1)."""
    AUDITED_OUT = "audited_out"
    """One picture of the next inference does not pass the vendor's review (image=0, label)."""
    CALLBACK_LOST = "callback_lost"
    """The next result is not told."""
    CALLBACK_TWICE = "callback_twice"
    """The next result is told more than once (copies=2)."""
    LINK_EXPIRED = "link_expired"
    """The next link used, up or down, is said to have expired."""
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    """The next token used is said to have expired."""
    REVIEW_REFUSED = "review_refused"
    """The next review says no (stage="auto", "manual" or "video"; reason, code; job: this one's)."""
    SET_BACK = "set_back"
    """The next training stops in a way that staff take back (state, redo_seconds or null; job: this one)."""
    STATE = "state"
    """A job is put into a state on the spot (job, state, stays: whether it stays there)."""
    TRAINING_FAILS = "training_fails"
    """The next training fails half-way (job: this one, already under way; reason, where there are words)."""
    TRAINING_STUCK = "training_stuck"
    """The next training never ends (job: this one, already under way)."""
    INFERENCE_FAILS = "inference_fails"
    """The next inference fails half-way (job: this one, already under way)."""
    INFERENCE_STUCK = "inference_stuck"
    """The next inference never ends (job: this one, already under way)."""


LASTING = frozenset(
    {FaultKind.DOWN, FaultKind.CLOCK, FaultKind.LIST_LAG, FaultKind.NOT_YET, FaultKind.MONTH_END}
)
"""Conditions rather than accidents: they stand until cleared, however many calls meet them."""


@dataclass(frozen=True)
class Fault:
    """One order. `times` None lasts until it is cleared; `skip` lets that many calls through first."""

    id: int
    kind: str
    action: str | None
    times: int | None
    skip: int
    details: dict[str, Json] = field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        """A detail which is a number."""
        value = self.details.get(name, default)
        return float(value) if isinstance(value, int | float) else default

    def text(self, name: str, default: str) -> str:
        """A detail which is a word."""
        value = self.details.get(name, default)
        return value if isinstance(value, str) else default


class FaultTable:
    """The orders not yet carried out, oldest first."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.execute(_SCHEMA)

    def order(
        self, kind: str, *, action: str | None, times: int | None, skip: int, details: dict[str, Json]
    ) -> Fault:
        """Take an order."""
        cursor = self._db.execute(
            "INSERT INTO faults (kind, action, times, skip, details) VALUES (?, ?, ?, ?, ?)",
            (kind, action, times, skip, json.dumps(details)),
        )
        return Fault(cursor.lastrowid or 0, kind, action, times, skip, details)

    def all(self) -> list[Fault]:
        """What is still on order."""
        return [
            Fault(
                row["id"], row["kind"], row["action"], row["times"], row["skip"], json.loads(row["details"])
            )
            for row in self._db.execute("SELECT * FROM faults ORDER BY id")
        ]

    def clear(self) -> None:
        """Forget every order. Jobs already spoilt by one stay spoilt."""
        self._db.execute("DELETE FROM faults")

    def peek(self, kinds: Collection[str], action: str | None = None) -> Fault | None:
        """The oldest order that concerns this action, without using it up."""
        return next(
            (fault for fault in self.all() if _concerns(fault, kinds, action) and not fault.skip), None
        )

    def take(
        self, kinds: Collection[str], action: str | None, match: Callable[[Fault], bool] = lambda _: True
    ) -> Fault | None:
        """Carry out the oldest order that concerns this call, if any; a call let through uses up one skip."""
        for fault in self.all():
            if not _concerns(fault, kinds, action) or not match(fault):
                continue
            if fault.skip:
                self._db.execute("UPDATE faults SET skip = skip - 1 WHERE id = ?", (fault.id,))
                return None
            if fault.times is not None:
                self._db.execute("UPDATE faults SET times = times - 1 WHERE id = ?", (fault.id,))
                self._db.execute("DELETE FROM faults WHERE times <= 0")
            return fault
        return None


def _concerns(fault: Fault, kinds: Collection[str], action: str | None) -> bool:
    return fault.kind in kinds and (fault.action is None or fault.action == action)
