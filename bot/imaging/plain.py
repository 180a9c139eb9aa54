"""Pixels of every kind made plain: eight bits, no palette, no alpha, sRGB, no larger than is kept.

Blocking: runs in the lab's worker processes and nowhere else.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from PIL import Image, ImageChops, ImageCms

from bot.imaging.faults import Fault, Unusable

KEPT_SIDE: Final = 2048
"""Pixels on the longer side that are kept: no vendor's model learns from more, and most ask for no more."""
KEPT_BYTES: Final = 3_000_000
"""The strictest limit a vendor documents for one photo."""
_HALVED_SIDE: Final = 1920
"""A picture is divided while this much is left of its longer side: of a JPEG less is decoded then."""
_BAND: Final = 512
"""Rows that are worked on at once where the whole picture would be too large in memory."""
_QUALITIES: Final = (95, 90, 80, 60, 40)
_SMALL: Final = 1200
"""Up to this length colour is kept as finely as brightness. Beyond, half of it is all that a model sees."""
LARGEST_PROFILE: Final = 4 * 1024 * 1024
"""Bytes of a colour profile; the largest real ones, for print, have two megabytes."""
_SRGB: Final = ImageCms.createProfile("sRGB")
_SPACES: Final = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY", "LAB": "Lab "}
"""The colour space a profile must name to fit a picture of each mode."""
_PATCHES: Final = Image.frombytes(
    "RGB", (512, 1), bytes(level for n in range(512) for level in (n % 8 * 36, n // 8 % 8 * 36, n // 64 * 36))
)
"""Colours from all over the cube: a profile that leaves them alone is sRGB, whoever wrote it."""
_ALIKE: Final = 3
"""Levels of 256 that nobody sees."""


def step(size: tuple[int, int]) -> int:
    """By how much a picture can be divided and still be as large as we keep it."""
    return max(1, max(size) // _HALVED_SIDE)


class Rows(Protocol):
    """A decoded picture of which parts can be had: an `Image`, or what a decoder holds before it is one."""

    @property
    def mode(self) -> str:
        """As Pillow names it."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""

    def crop(self, box: tuple[int, int, int, int]) -> Image.Image:
        """A part of it."""


def plain(opened: Image.Image | Rows, turn: Image.Transpose | None, profile: bytes | None) -> Image.Image:
    """The picture upright, in sRGB and nothing else. Raises Unusable where its values are no picture."""
    made = _in_srgb(_shrunk(opened), profile)
    if turn is not None:
        made = made.transpose(turn)
    # It may be the very picture that was opened: to copy its pixels would take as long as to preview them.
    made.info = {}
    return made


def _shrunk(opened: Image.Image | Rows) -> Image.Image:
    """The picture without palette and alpha, its longer side at most what is kept.

    A large one goes through in bands, so that it is never whole in memory a second time.
    """
    levels, parts = _levels(opened), step(opened.size)
    if parts > 1 or not isinstance(opened, Image.Image) or opened.mode not in _SPACES:
        small = _in_bands(opened, levels, parts)
    else:
        small = _flat(opened, levels)
    return within(small, KEPT_SIDE)


def within(
    picture: Image.Image, side: int, method: Image.Resampling = Image.Resampling.BICUBIC
) -> Image.Image:
    """The picture, its longer side at most so many pixels."""
    if (longer := max(picture.size)) <= side:
        return picture
    width, height = (max(1, round(length * side / longer)) for length in picture.size)
    return picture.resize((width, height), method)


def _in_bands(opened: Image.Image | Rows, levels: tuple[float, float] | None, parts: int) -> Image.Image:
    width, height = opened.size
    rows, small = parts * max(1, _BAND // parts), None
    for top in range(0, height, rows):
        band = opened.crop((0, top, width, min(top + rows, height)))
        reduced = _flat(band, levels).reduce(parts)
        if small is None:
            small = Image.new(reduced.mode, (reduced.width, -(-height // parts)))
        small.paste(reduced, (0, top // parts))
    assert small is not None
    return small


def _levels(opened: Image.Image | Rows) -> tuple[float, float] | None:
    """What brings more than eight bits of grey into eight: factor and offset. None where there are eight."""
    if not isinstance(opened, Image.Image):
        return None
    if opened.mode.startswith("I;16"):
        return 1 / 256, 0.0
    if opened.mode not in {"I", "F"}:
        return None
    low, high = cast("tuple[float, float]", opened.getextrema())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise Unusable(Fault.DAMAGED)
    if opened.mode == "I" and low >= 0 and high <= 0xFFFF:
        # Sixteen bits in a wider number, as some files have them.
        return (1.0 if high <= 0xFF else 1 / 256), 0.0
    scale = 255 / (high - low) if high > low else 0.0
    return scale, -low * scale


def _flat(picture: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    """Eight bits per channel, no palette, no alpha: what is transparent is white."""
    if levels is not None:
        scale, offset = levels
        wide = picture if picture.mode in {"I", "F"} else picture.convert("I")
        return wide.point(lambda value: value * scale + offset).convert("L")
    if picture.mode in {"LA", "La", "RGBA", "RGBa", "PA"} or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        ground = Image.new("RGB", seen.size, "white")
        ground.paste(seen, mask=seen.getchannel("A"))
        return ground.convert("L") if picture.mode in {"L", "LA", "La"} else ground
    if picture.mode == "1":
        return picture.convert("L")
    return picture if picture.mode in _SPACES else picture.convert("RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Colours as a screen shows them. A profile that cannot be read is a profile that is not there."""
    transform = _transform(profile, picture.mode) if profile and len(profile) <= LARGEST_PROFILE else None
    if transform is None and picture.mode == "LAB":
        transform = _transform(None, "LAB")
    if transform is None:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    try:
        converted = ImageCms.applyTransform(picture, transform)
    except ImageCms.PyCMSError:
        converted = None
    return picture.convert("RGB") if converted is None else converted


@lru_cache(maxsize=8)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way from a profile to sRGB; None where it leads nowhere, or to where we are already."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
        if profile and cast("Any", source).profile.xcolor_space != _SPACES[mode]:
            return None
        found = ImageCms.buildTransform(source, _SRGB, mode, "RGB")
        if mode == "RGB":
            shown = ImageCms.applyTransform(_PATCHES, found)
            if shown is not None and _alike(shown, _PATCHES):
                return None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return found


def _alike(one: Image.Image, other: Image.Image) -> bool:
    extremes = cast("tuple[tuple[int, int], ...]", ImageChops.difference(one, other).getextrema())
    return max(high for _, high in extremes) <= _ALIKE


def encode(picture: Image.Image, most: int = KEPT_BYTES) -> bytes:
    """A JPEG of nothing but the picture, at a quality nobody can tell from the original.

    A picture that comes out larger than the strictest vendor takes is written once more, less finely.
    """
    for quality in _QUALITIES:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, subsampling=0 if max(picture.size) <= _SMALL else 2)
        if out.tell() <= most:
            break
    return out.getvalue()
