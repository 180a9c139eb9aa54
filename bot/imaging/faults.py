"""Why bytes are not a picture to us."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with a file. The words a person reads are the surface's."""

    EMPTY = "empty"
    NOT_A_PHOTO = "not_a_photo"
    RAW = "raw"  # a camera's undeveloped picture
    DAMAGED = "damaged"
    TOO_SMALL = "too_small"
    TOO_NARROW = "too_narrow"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_DEMANDING = "too_demanding"  # more time or memory than a photo may take
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    ARCHIVE_EMPTY = "archive_empty"
    ARCHIVE_CROWDED = "archive_crowded"  # more entries than anybody posts
    ARCHIVE_BOMB = "archive_bomb"  # unfolds to many times its size
    ARCHIVE_NESTED = "archive_nested"  # an archive in an archive
    ARCHIVE_PATH = "archive_path"  # a name that leads out of the archive
    ARCHIVE_LINK = "archive_link"  # no file, but a link or a device
    ARCHIVE_TWICE = "archive_twice"  # a name that was there before
    ARCHIVE_ENCRYPTED = "archive_encrypted"
    ARCHIVE_PACKED = "archive_packed"  # in a way that is not read here


class Unusable(Exception):
    """A file that is no photo we can take."""

    def __init__(self, fault: Fault, width: int = 0, height: int = 0) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.width, self.height = width, height
        """The picture's size, where it was known before it was refused."""
