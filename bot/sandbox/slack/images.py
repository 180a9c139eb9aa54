"""Just enough of the image formats to say what Slack says about a picture: its type and its size."""

import struct
from pathlib import PurePath

TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "txt": "text/plain",
    "html": "text/html",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}
PRETTY = {
    "jpg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WebP",
    "heic": "HEIC",
    "text": "Plain Text",
    "binary": "Binary",
}
THUMBNAILS = (64, 80, 160, 360, 480, 720, 800, 960, 1024)
# Slack renders these two whatever the size of the original.
ALWAYS_RENDERED = (64, 80)
IN_BLOCKS = frozenset({"image/png", "image/jpeg", "image/gif"})


def media_type(name: str) -> str:
    """Guess from the name, as Slack does first; a hint and never a proof."""
    return TYPES.get(PurePath(name).suffix.lower().lstrip("."), "application/octet-stream")


def file_type(name: str) -> str:
    """Give Slack's short word for the type."""
    suffix = PurePath(name).suffix.lower().lstrip(".")
    return {"jpeg": "jpg", "txt": "text"}.get(suffix, suffix if suffix in TYPES else "binary")


def dimensions(data: bytes) -> tuple[int, int] | None:
    """Read width and height from a PNG, JPEG or GIF header; None when the bytes are no such picture."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return width, height
    if data.startswith(b"\xff\xd8"):
        return _jpeg_dimensions(data)
    return None


def _jpeg_dimensions(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        at += 2 + length
    return None


def fit(width: int, height: int, edge: int) -> tuple[int, int]:
    """Scale a picture's size so that its longer edge fits."""
    scale = min(1.0, edge / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
