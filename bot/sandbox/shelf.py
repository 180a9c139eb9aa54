"""The shelf: each story in a numbered folder of its own, gone on with until it has ended."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bot.sandbox.files import write_whole
from bot.sandbox.houses import USUAL
from bot.sandbox.world import Ports


class ShelfInUse(Exception):
    """Another demo works with this state."""


@dataclass(frozen=True)
class Folder:
    """One story's place on disk, and what is known of it."""

    path: Path
    ports: Ports
    photos: str | None
    """The folder whose pictures it is about; None for those drawn by code."""
    vendor: str = USUAL
    """Whom it is told with."""
    ending: str | None = None
    """None while it is under way, then `well` or `badly`."""

    @property
    def number(self) -> str:
        """Its name on the shelf."""
        return self.path.name

    @property
    def bot_home(self) -> Path:
        """Where the bot runs and keeps its data."""
        return self.path / "bot"

    @property
    def bot_log(self) -> Path:
        """What the bot writes to its terminal."""
        return self.path / "bot.log"

    @property
    def delivered(self) -> Path:
        """Where the images are kept that the bot delivered."""
        return self.path / "delivered"

    def save(self) -> None:
        """Write it down, so that it is there whole or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        facts = {
            "ports": asdict(self.ports),
            "photos": self.photos,
            "vendor": self.vendor,
            "ending": self.ending,
        }
        write_whole(self.path / "story.json", json.dumps(facts, indent=2).encode())

    def ended(self, ending: str) -> "Folder":
        """The story is over: the next one gets a number of its own."""
        after = replace(self, ending=ending)
        after.save()
        return after


class Shelf:
    """All stories of a state directory."""

    def __init__(self, state: Path) -> None:
        self._state = state

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other demo from this state meanwhile. Raises ShelfInUse and OSError."""
        self._state.mkdir(parents=True, exist_ok=True)
        with (self._state / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ShelfInUse(str(self._state)) from error
            yield

    def open(self, photos: str | None, vendor: str = USUAL) -> tuple[Folder, bool]:
        """The story to tell now, the newest unfinished one of this kind, and whether it goes on."""
        known = [self._read(path) for path in sorted(self._state.glob("[0-9][0-9][0-9]"))]
        for folder in reversed(known):
            if folder is None or folder.ending is not None:
                continue
            if (folder.photos, folder.vendor) == (photos, vendor):
                return folder, True
        taken = [int(path.name) for path in self._state.glob("[0-9][0-9][0-9]")]
        folder = Folder(self._state / f"{max(taken, default=0) + 1:03}", Ports.free(), photos, vendor)
        folder.save()
        return folder, False

    def named(self, name: str) -> Folder:
        """A folder that is no story and never ends, under a name of its own."""
        folder = self._read(self._state / name) or Folder(self._state / name, Ports.free(), None)
        folder.save()
        return folder

    def _read(self, path: Path) -> Folder | None:
        # A run that was killed before its first line was written down leaves an empty folder behind.
        if not (path / "story.json").exists():
            return None
        facts = json.loads((path / "story.json").read_text())
        # One of an earlier version had other vendors, and is not gone on with.
        if facts["ports"].keys() != Ports.__annotations__.keys():
            return None
        return Folder(path, Ports(**facts["ports"]), facts["photos"], facts["vendor"], facts["ending"])
