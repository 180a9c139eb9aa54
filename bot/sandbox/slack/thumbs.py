"""Thumbnails, made when they are fetched: upright, scaled down, and in one of two formats."""

import io
import re

from PIL import Image, ImageOps, UnidentifiedImageError

from bot.sandbox.slack.file_shapes import PDF_THUMBNAIL
from bot.sandbox.slack.records import File

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
    edge, kind = int(found[1]), "PNG" if found[2] == "png" else "JPEG"
    try:
        with Image.open(io.BytesIO(data)) as picture:
            small = ImageOps.exif_transpose(picture)
            small.thumbnail((edge, edge))
            out = io.BytesIO()
            small.convert("RGBA" if kind == "PNG" else "RGB").save(out, kind)
    except (UnidentifiedImageError, OSError):
        # A header alone is not a picture, and some pictures only Slack can read.
        return None
    return out.getvalue(), f"image/{kind.lower()}"


def _blank(size: tuple[int, int], kind: str) -> bytes:
    """Paper in place of what cannot be drawn here: a still, or a page."""
    out = io.BytesIO()
    Image.new("RGB", size, "white").save(out, kind)
    return out.getvalue()
