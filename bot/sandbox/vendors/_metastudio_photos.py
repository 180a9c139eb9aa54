"""What MetaStudio takes for a photo, and where the photos of unfinished jobs lie."""

import io
from pathlib import Path

from PIL import Image

from bot.sandbox.files import write_whole
from bot.sandbox.vendors._metastudio_answers import bad_picture, invalid, too_large
from bot.sandbox.vendors._metastudio_fields import decoded

_MAX_BYTES = 16 * 1024 * 1024
_LEAST_SIDE = 80
FOR_FILMS = ("JPEG", "PNG", "WEBP")
FOR_MODELS = ("JPEG", "PNG")
_MODEL_SUFFIXES = (".jpg", ".jpeg", ".png")
_MODEL_MOST = (3840, 2160)
CHECKED_MOST = 1920
"""The longest side a photo check takes."""


def from_base64(text: str, field: str) -> bytes:
    """A photo out of a JSON body.

    Raises:
        Refused: no base64, too large, or no picture of a kind that is taken.
    """
    try:
        data = decoded(text)
    except ValueError as error:
        raise invalid(field) from error
    if len(data) > _MAX_BYTES:
        raise too_large()
    if min(size_of(data, FOR_FILMS)) < _LEAST_SIDE:
        raise bad_picture()
    return data


def for_model(data: bytes, file_name: str | None = None) -> bytes:
    """A photo to model from.

    Raises:
        Refused: not jpg, jpeg or png by its bytes or its name, or larger than 3840 by 2160.
    """
    if file_name and "." in file_name and not file_name.lower().endswith(_MODEL_SUFFIXES):
        raise bad_picture()
    if len(data) > _MAX_BYTES:
        raise too_large()
    size = size_of(data, FOR_MODELS)
    if max(size) > _MODEL_MOST[0] or min(size) > _MODEL_MOST[1]:
        raise bad_picture()
    return data


def size_of(data: bytes, formats: tuple[str, ...]) -> tuple[int, int]:
    """Width and height of a picture of one of these formats.

    Raises:
        Refused: it is none.
    """
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise bad_picture() from error


class Photos:
    """The photos of jobs under way: kept over a restart, and no longer than the job needs them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "photos"

    def keep(self, job_id: str, data: bytes) -> None:
        """Keep the photo of a job."""
        write_whole(self._folder / job_id, data)

    def get(self, job_id: str) -> bytes:
        """The photo of a job."""
        return (self._folder / job_id).read_bytes()

    def drop(self, job_id: str) -> None:
        """The job is over."""
        (self._folder / job_id).unlink(missing_ok=True)
