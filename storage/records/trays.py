"""Trays: what one person gathers in one place before a job, and how it is shown to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage.records.media import PHOTO_ROLE, Refusal
from storage.records.places import channel_of


class TrayState(StrEnum):
    """A tray takes photos until a training is started with them, or until it is thrown away."""

    OPEN = "open"
    USED = "used"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Tray:
    """What one person gathers in one place before training."""

    id: str
    owner: str
    place: str
    state: TrayState
    created_at: datetime
    job_id: str | None = None
    """The job it was used for; of an open tray, the one whose vendor refused some of it."""
    wish: Mapping[str, Any] | None = None
    """What was filled into a form whose photos are to be looked at first; gone once the tray is over."""


@dataclass(frozen=True, slots=True)
class TrayEntry:
    """One file a person put into a tray: a medium of ours, or the reason why not."""

    source: str
    """The surface's id of the file: the same file twice is one entry."""
    name: str
    medium: str | None = None
    """SHA-256 of the medium."""
    refusal: Refusal | None = None
    ordinal: int = 0
    role: str = PHOTO_ROLE
    finding: str | None = None
    """What the vendor named by the tray's job found wrong with it; empty where it said no reason."""
    width: int = 0
    height: int = 0
    """Of a picture that was refused, in pixels, where that was known."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet of a tray that was handed to the surface; one that is not `ready` is not shown."""

    number: int
    """Grows: of two, the later."""
    tray_id: str
    stamp: str
    """What is on it: another one shows something else."""
    file_id: str
    """The surface's id."""
    ready: bool


@dataclass(frozen=True, slots=True)
class Invitation:
    """A question to somebody who posted photos without a mention: whether to train from them."""

    id: str
    owner: str
    place: str
    """Where the photos stand, and where their tray would be."""
    files: tuple[Mapping[str, Any], ...]
    """The surface's."""

    @property
    def channel(self) -> str:
        """The conversation the photos stand in."""
        return channel_of(self.place)
