"""What stands on a contact sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.imaging.verdict import Mark


@dataclass(frozen=True, slots=True)
class Tile:
    """One file of a set, as it is to be drawn."""

    number: int
    mark: Mark
    caption: str = ""
    """A word or two: `blurred`, `same as #8`."""
    picture: bytes | None = None
    """A preview or the photo itself, as the lab made it; None for a file that has none."""

    def facts(self) -> dict[str, Any]:
        """Ready for JSON; the picture travels beside it."""
        return {
            "number": self.number,
            "mark": self.mark.value,
            "caption": self.caption,
            "pictured": self.picture is not None,
        }
