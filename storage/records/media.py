"""Media: what people give us, as we keep it, and why a file was not taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Refusal(StrEnum):
    """Why a file was not taken."""

    NOT_A_PHOTO = "not_a_photo"
    RAW = "raw"
    EMPTY = "empty"
    DAMAGED = "damaged"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_DEMANDING = "too_demanding"
    TOO_SMALL = "too_small"
    TOO_NARROW = "too_narrow"
    TOO_LARGE = "too_large"
    EXTERNAL = "external"
    NOT_READABLE = "not_readable"
    DELETED = "deleted"
    HIDDEN = "hidden"
    TRUNCATED = "truncated"
    NOT_LOADED = "not_loaded"
    TOO_MANY = "too_many"
    ARCHIVE_EMPTY = "archive_empty"
    ARCHIVE_CROWDED = "archive_crowded"
    ARCHIVE_BOMB = "archive_bomb"
    ARCHIVE_NESTED = "archive_nested"
    ARCHIVE_PATH = "archive_path"
    ARCHIVE_LINK = "archive_link"
    ARCHIVE_TWICE = "archive_twice"
    ARCHIVE_ENCRYPTED = "archive_encrypted"
    ARCHIVE_PACKED = "archive_packed"
    ARCHIVE_REST = "archive_rest"
    NO_PERMISSION = "no_permission"
    DOCUMENT = "document"
    DRAWING = "drawing"
    WEB_PAGE = "web_page"
    IS_A_VIDEO = "is_a_video"
    PAPER_LOCKED = "paper_locked"
    NOT_A_VIDEO = "not_a_video"
    NOT_A_PAPER = "not_a_paper"
    WRONG_KIND = "wrong_kind"  # a sound file, of a kind that its vendor does not take for this
    NOT_RECORDINGS = "not_recordings"
    PAPER_UNASKED = "paper_unasked"  # nothing of the person's waits for a paper


PHOTO_ROLE = "photo"
"""The role of what is posted and is nothing else."""
UNSORTED_ROLE = "unsorted"
"""The role of what came in private and may be a paper, until its owner has said what it is."""


@dataclass(frozen=True, slots=True)
class Medium:
    """Something a person gave us, as we keep it: named by the SHA-256 of its bytes.

    A picture is normalised and without metadata; a video and a document are as they came.
    """

    sha256: str
    media_type: str
    size: int
    """Bytes."""
    width: int
    height: int
    """Pixels as shown; 0 for a document."""
    seconds: float | None = None
    """How long a video lasts."""

    @property
    def lasts(self) -> timedelta | None:
        """How long a video lasts."""
        return None if self.seconds is None else timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Portrait:
    """How a photo looks: what was measured of it, and a small picture for a contact sheet."""

    facts: dict[str, Any]
    preview: bytes
