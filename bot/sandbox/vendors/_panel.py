"""How a stand-in describes itself to the panel of the page: plain words, and the orders behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from bot.sandbox.vendors._state import Json


class Tone(StrEnum):
    """What a job's status means, whatever the vendor calls it. Only the first three are still under way."""

    WAITING = "waiting"
    WORKING = "working"
    ASKING = "asking"
    """The vendor wants something of the customer: a review that was refused."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Word:
    """A status in plain words."""

    text: str
    tone: Tone


@dataclass(frozen=True)
class Knob:
    """A setting that can be turned: a number with bounds, a yes or no, or one of several words."""

    setting: str
    """Its name in the stand-in's settings."""
    label: str
    unit: str = ""
    """`s` is shown as seconds, minutes and hours, and its slider moves in growing steps."""
    least: float = 0.0
    most: float = 1.0
    step: float = 1.0
    switch: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    """Value to label."""


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong on order, with the fault that does it."""

    label: str
    about: str
    kind: str
    times: int | None = 1
    action: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Fate:
    """What can be done to one job that is under way: the fault, for each kind of job it befits."""

    label: str
    faults: Mapping[str, str]
    """Kind of job to kind of fault, ordered with `details={"job": id}`."""


@dataclass(frozen=True)
class Panel:
    """All that the panel shows of one vendor."""

    label: str
    """The vendor's name as people know it."""
    about: str
    """One line: whose service, and what of it is played."""
    jobs: Mapping[str, str]
    """Kind of job to the word for it: training, images, upload, review."""
    statuses: Mapping[str, Word]
    knobs: Sequence[Knob] = ()
    troubles: Sequence[Trouble] = ()
    fates: Sequence[Fate] = ()
    free: Sequence[str] = ()
    """The kinds of job that cost nothing."""

    def shown(self) -> dict[str, Any]:
        """As it travels."""
        return asdict(self)

    @property
    def fateful(self) -> frozenset[str]:
        """The kinds of fault that may name a job under way."""
        return frozenset(kind for fate in self.fates for kind in fate.faults.values())


def usual_fates(training: str, pictures: str) -> tuple[Fate, ...]:
    """What can be done to any vendor's trainings, and to what makes pictures; given are the kinds of job."""
    return (
        Fate("Let it fail", {training: "training_fails", pictures: "inference_fails"}),
        Fate("Let it hang", {training: "training_stuck", pictures: "inference_stuck"}),
    )


def usual_troubles(creating: str) -> tuple[Trouble, ...]:
    """What goes wrong at every vendor; `creating` is the action that begins the work that is paid for."""
    return (
        Trouble("Slow", "its next 10 answers take 3 s", "slow", 10, details={"seconds": 3}),
        Trouble("Busy", "throttles its next 3 calls", "throttled", 3, details={"retry_after_ms": 2000}),
        Trouble("Down", "refuses every call until all is well", "down", None),
        Trouble("Breaks off", "does the next 3 calls and answers 500", "effect_then_500", 3),
        Trouble(
            "Loses an answer", "starts the next job; nobody hears of it", "effect_then_hang_up", 1, creating
        ),
    )
