"""Thumbnails, made when they are fetched: upright, scaled down, and in one of two formats."""

import io
import re

from PIL import Image, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from bot.sandbox.slack.file_shapes import PDF_THUMBNAIL
from bot.sandbox.slack.records import File

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
EDGE = re.compile(r"_(\d+)\.(png|jpg)$")


def thumbnail(file: File, data: bytes, name: str) -> tuple[bytes, str] | None:
    """A file's thumbnail by its address, with its media type; None where there is no such thing."""
    if name.endswith(".mp4"):
        return data, "video/mp4"
    if name.endswith("_thumb_video.jpeg") and file.width and file.height:
        return _blank((file.width, file.height), "JPEG"), "image/jpeg"
    if name.endswith("_thumb_pdf.png"):
        return _blank(PDF_THUMBNAIL, "PNG"), "image/png"
    found = EDGE.search(name)
    if found is None:
        return None
    kind = "PNG" if found[2] == "png" else "JPEG"
    made = smaller(data, int(found[1]), kind)
    return (made, f"image/{kind.lower()}") if made else None


def smaller(data: bytes, edge: int, kind: str = "JPEG") -> bytes | None:
    """A picture that fits into a square; None for what is none, or none that can be read here."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.draft("RGB", (2 * edge, 2 * edge))
            small = ImageOps.exif_transpose(picture)
            small.thumbnail((edge, edge))
            out = io.BytesIO()
            small.convert("RGBA" if kind == "PNG" else "RGB").save(out, kind)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        # A header alone is not a picture, and some pictures only Slack can read.
        return None
    return out.getvalue()


def _blank(size: tuple[int, int], kind: str) -> bytes:
    """Paper in place of what cannot be drawn here: a still, or a page."""
    out = io.BytesIO()
    Image.new("RGB", size, "white").save(out, kind)
    return out.getvalue()
