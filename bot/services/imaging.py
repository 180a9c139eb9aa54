"""What happens to the bytes of one photo: recognised, checked, turned upright, stripped, re-encoded.

Pure and blocking: run it in a thread. Pillow's decoders run without the interpreter's lock.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from typing import Final

from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from bot.services.errors import PhotoRefused
from storage.records import Refusal

MAX_PIXELS: Final = 38_000_000
"""The largest full-frame cameras make 36 megapixels; past this a file is more likely a bomb than a photo."""
MIN_SIDE: Final = 256
"""Pixels on the shorter side; below this no vendor's model learns a subject."""
MAX_SIDE: Final = 4096
"""Pixels on the longer side that are kept: more teaches no model more, and outgrows the vendors' limits."""
_QUALITY: Final = 95
_FORMATS: Final = {b"\xff\xd8\xff": ("JPEG", "image/jpeg"), b"\x89PNG\r\n\x1a\n": ("PNG", "image/png")}
_SRGB: Final = ImageCms.createProfile("sRGB")
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture of each EXIF orientation upright."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """A photo as it is kept."""

    data: bytes
    media_type: str
    width: int
    height: int


def normalise(data: bytes) -> Normalised:
    """Make a posted file into a photo of ours; the same file always gives the same bytes.

    Raises PhotoRefused: not a JPEG or PNG by its bytes, damaged, or with too many or too few pixels.
    """
    if not data:
        raise PhotoRefused(Refusal.EMPTY)
    known = next((found for magic, found in _FORMATS.items() if data.startswith(magic)), None)
    if known is None:
        raise PhotoRefused(Refusal.NOT_A_PHOTO)
    encoder, media_type = known
    with warnings.catch_warnings():
        # Pillow warns of large pictures and odd metadata; both are judged here.
        warnings.simplefilter("ignore")
        picture = _decode(data, encoder)
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    if encoder == "JPEG":
        picture.save(out, "JPEG", quality=_QUALITY, subsampling=0)
    else:
        picture.save(out, "PNG")
    return Normalised(out.getvalue(), media_type, picture.width, picture.height)


def _decode(data: bytes, encoder: str) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=[encoder]) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise PhotoRefused(Refusal.TOO_MANY_PIXELS)
            if min(opened.size) < MIN_SIDE:
                raise PhotoRefused(Refusal.TOO_SMALL)
            opened.load()
            turn = _UPRIGHT.get(_orientation(opened))
            upright = opened if turn is None else opened.transpose(turn)
            return _plain_rgb(upright, opened.info.get("icc_profile"))
    except Image.DecompressionBombError as error:
        raise PhotoRefused(Refusal.TOO_MANY_PIXELS) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise PhotoRefused(Refusal.DAMAGED) from error


def _orientation(opened: Image.Image) -> int:
    """How the camera was held. `exif_transpose` writes all tags anew and fails on a broken one."""
    try:
        told = opened.getexif().get(ExifTags.Base.Orientation)
    except (OSError, ValueError, SyntaxError, TypeError, LookupError, struct.error):
        return 1  # Metadata that cannot be read says nothing of the picture.
    return told if isinstance(told, int) else 1


def _plain_rgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Pixels in sRGB and nothing else: no alpha, no palette, no metadata."""
    if picture.mode.startswith("I"):
        # Sixteen bits of grey: Pillow would cut them off at 255 and show white.
        picture = picture.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        # Before the colour profile, whose conversion forgets what was transparent.
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
    if profile and picture.mode in {"RGB", "CMYK", "L"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, _SRGB, outputMode="RGB")
            picture = converted if converted is not None else picture
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # A profile that cannot be read is a profile that is not there.
    plain = Image.new("RGB", picture.size)
    plain.paste(picture.convert("RGB"))
    return plain
