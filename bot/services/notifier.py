"""How a service speaks upward without importing upward."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from storage.records.deletions import Kept
from storage.records.outbox import Notice


class Speech(StrEnum):
    """What became of an attempt to say something."""

    SAID = "said"
    LATER = "later"  # nothing was posted; try again
    UNKNOWN = "unknown"  # it may have been posted; look before trying again
    NEVER = "never"  # it cannot be said there


@dataclass(frozen=True, slots=True)
class Said:
    """The outcome of one attempt."""

    speech: Speech
    message: str = ""
    """Where it stands, opaque; empty where there is nothing to point at."""
    wait: timedelta = timedelta(seconds=5)
    why: str = ""


class Unsaid(StrEnum):
    """What became of an attempt to take something back that we have put into the chat."""

    GONE = "gone"  # also: it was not there
    NEVER = "never"  # we may not
    LATER = "later"


class Notifier(Protocol):
    """Says things to people. Implemented by the surface, handed in by the roof."""

    async def deliver(self, notice: Notice) -> Said:
        """Post a message, or bring a posted one up to date. Never raises for what its platform says."""

    async def look(self, notice: Notice) -> Said:
        """Find out whether an earlier attempt posted this: SAID, LATER (it did not) or UNKNOWN."""

    async def take_back(self, what: Kept, ref: str) -> Unsaid:
        """Delete a file or message of ours from the chat; repeatable. Never raises for its platform."""


class Clock(Protocol):
    """Wakes a tick early."""

    def __call__(self, tick: str) -> None:
        """Run the named tick now and not at its next time; a hint, the tick is the truth."""
