"""What leaves for the app, and what comes of it: the same for a socket and for a posted request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.sandbox.slack.wire import Json

Family = Literal["events_api", "interactive", "slash_commands"]


@dataclass(frozen=True)
class Answer:
    """The app took it; ``status`` is that of HTTP, where it went by HTTP."""

    payload: Json
    seconds: float
    status: int | None = None
    text: str = ""

    def facts(self) -> Json:
        """Render what the journal keeps of it."""
        found: Json = {"seconds": self.seconds}
        if self.status is not None:
            found["status"] = self.status
        if self.payload or self.text:
            found["answer"] = self.payload or self.text
        return found


@dataclass(frozen=True)
class Failure:
    """The app did not take it; ``final`` when it asked not to be told again."""

    reason: str
    status: int | None = None
    final: bool = False


@dataclass(frozen=True)
class Outgoing:
    """Something on its way; exactly one of the two callbacks is called, once."""

    family: Family
    payload: Json
    on_answer: Callable[[Answer], None]
    on_failure: Callable[[Failure], None]
    accepts: bool = False
    attempt: int | None = None
    reason: str = ""


class Carrier(Protocol):
    """A way to the app."""

    @property
    def ready(self) -> bool:
        """Whether there is anybody to carry it to."""

    def carry(self, outgoing: Outgoing) -> None:
        """Send it once, and call back with what came of it."""
