"""What every part of the Img Open stand-in works with."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.vendors._faults import FaultKind, FaultTable
from bot.sandbox.vendors._img_open_settings import Settings
from bot.sandbox.vendors._img_open_tasks import Tasks
from bot.sandbox.vendors._journal import Journal
from bot.sandbox.vendors._settings import Dial
from bot.sandbox.vendors._state import Pulse, Values, open_database
from bot.sandbox.vendors._workers import Workers


@dataclass(frozen=True)
class Shop:
    """The state, the clock and the hands."""

    folder: Path
    db: sqlite3.Connection
    clock: Callable[[], float]
    pulse: Pulse
    dial: Dial[Settings]
    faults: FaultTable
    journal: Journal
    tasks: Tasks
    workers: Workers

    @classmethod
    def open(cls, folder: Path, clock: Callable[[], float]) -> "Shop":
        """Open the state in a folder, new or used."""
        db = open_database(folder / "img_open.sqlite3")
        pulse = Pulse(clock)
        return cls(
            folder=folder,
            db=db,
            clock=clock,
            pulse=pulse,
            dial=Dial(Settings, Values(db), pulse),
            faults=FaultTable(db),
            journal=Journal(db, clock=clock),
            tasks=Tasks(db, on_change=pulse.beat),
            workers=Workers(pulse, clock),
        )

    @property
    def settings(self) -> Settings:
        """As they are now."""
        return self.dial.now

    def happens(self, kind: FaultKind, action: str) -> bool:
        """Whether this fault was on order for this call; it is used up."""
        return self.faults.take({kind}, action) is not None
