"""What a picture shows of itself, as numbers that can be kept. The judging is in `verdict`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from bot.imaging.kinds import Kind


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that was measured of one photo when it was taken in."""

    kind: Kind
    """What its file was."""
    width: int
    height: int
    """Of the picture in the file, upright. What is kept may be smaller."""
    first_of_several: bool
    """The file was animated or held several pictures, and the first was taken."""
    sharpness: float
    """Fine detail against coarse in the sharpest parts, whatever the contrast. See `measures.sharpness`."""
    bright: int
    """The brightness, 0 to 255, that 95 of 100 pixels do not reach."""
    washed: float
    """Share of the middle where exposure has eaten the drawing; a white backdrop does not count."""
    flat: float
    """Share of the picture, its commonest colour left out, where neighbours are exactly alike."""
    colours: int
    """How many colours it has, counted coarsely; 0 where it is grey."""
    signature: str
    """What it looks like from afar, to find its like: see `signature`."""
    tone: tuple[int, int, int]
    """Its mean colour."""
    faces: int | None = None
    """How many faces a detector found; None where none looked."""
    face: float = 0.0
    """The height of the largest face, as a share of the picture's shorter side."""

    def facts(self) -> dict[str, Any]:
        """What is to be kept, ready for JSON."""
        return asdict(self) | {"kind": self.kind.value}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Self:
        """The look that `facts` was made of."""
        return cls(**(facts | {"kind": Kind(facts["kind"]), "tone": tuple(facts["tone"])}))
