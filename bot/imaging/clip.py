"""What a video file is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Clip:
    """What a video is."""

    media_type: str
    seconds: float
    width: int
    height: int
    """As it is shown, turned upright."""
    codec: str
    """The picture's: `h264`, `hevc` …"""
    frames_per_second: float
    sound: bool
    whole: bool
    """It can be read to its end."""

    def facts(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)
