"""Just enough of the formats to say what Slack says about a file: its type, its size, how it is turned."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
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
    "csv": "text/csv",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "heif": "image/heif",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "svg": "image/svg+xml",
}
SHORT = {"jpeg": "jpg", "txt": "text", "md": "markdown", "tif": "tiff"}
PRETTY = {
    "jpg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WebP",
    "heic": "HEIC",
    "text": "Plain Text",
    "binary": "Binary",
    "mp4": "MPEG 4 Video",
    "mov": "QuickTime Movie",
    "markdown": "Markdown (raw)",
}
THUMBNAILS = (64, 80, 160, 360, 480, 720, 800, 960, 1024)
# From this orientation on the picture lies on its side.
LYING = 5
# Slack renders these two whatever the size of the original.
ALWAYS_RENDERED = (64, 80)
HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"})
ORIENTATION = 0x0112
IN_BLOCKS = frozenset({"image/png", "image/jpeg", "image/gif"})
# Slack shows these small and as something else, since no browser can be relied on to read them.
REDRAWN = frozenset({"image/heic", "image/heif", "image/tiff", "image/bmp"})


def media_type(name: str) -> str:
    """Guess from the name, as Slack does first; a hint and never a proof."""
    return TYPES.get(PurePath(name).suffix.lower().lstrip("."), "application/octet-stream")


def file_type(name: str) -> str:
    """Give Slack's short word for the type."""
    suffix = PurePath(name).suffix.lower().lstrip(".")
    return {"jpeg": "jpg", "txt": "text", "md": "markdown", "tif": "tiff"}.get(
        suffix, suffix if suffix in TYPES else "binary"
    )


@dataclass(frozen=True)
class Facts:
    """What can be read from a file's first bytes."""

    width: int | None = None
    height: int | None = None
    rotation: int = 1
    """The orientation that EXIF gives, from 1 to 8; width and height are those before it."""
    duration_ms: int | None = None


def facts(data: bytes) -> Facts:
    """Read what the bytes tell, whatever the file is called; nothing of what is no picture and no video."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 24:
        return Facts(*struct.unpack(">II", data[16:24]))
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return Facts(*struct.unpack("<HH", data[6:10]))
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp":
        return _heic(data) if data[8:12] in HEIC_BRANDS else _mp4(data)
    return Facts()


def _jpeg(data: bytes) -> Facts:
    at, rotation = 2, 1
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Facts(width, height, rotation)
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            rotation = _orientation(data[at + 10 : at + 2 + length])
        at += 2 + length
    return Facts()


def _orientation(tiff: bytes) -> int:
    """Find the orientation among the first entries of a TIFF header; 1 where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return 1
    (start,) = struct.unpack(f"{order}I", tiff[4:8])
    if start + 2 > len(tiff):
        return 1
    (count,) = struct.unpack(f"{order}H", tiff[start : start + 2])
    for at in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        tag, _kind, _number, value = struct.unpack(f"{order}HHIH", tiff[at : at + 10])
        if tag == ORIENTATION and 1 <= value <= 8:
            return int(value)
    return 1


def _webp(data: bytes) -> Facts:
    kind, body = data[12:16], data[20:]
    if kind == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack("<HH", body[6:10])
        return Facts(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and len(body) >= 5:
        (bits,) = struct.unpack("<I", body[1:5])
        return Facts((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
    if kind == b"VP8X" and len(body) >= 10:
        return Facts(int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1)
    return Facts()


def _heic(data: bytes) -> Facts:
    # The largest picture inside is the photo; the others are its tiles and its thumbnail.
    found, at = [], data.find(b"ispe")
    while at >= 0 and at + 16 <= len(data):
        found.append(struct.unpack(">II", data[at + 8 : at + 16]))
        at = data.find(b"ispe", at + 4)
    return Facts(*max(found, key=lambda size: size[0] * size[1])) if found else Facts()


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if size < 8:
            return
        yield kind, data[at + 8 : at + size]
        at += size


def _mp4(data: bytes) -> Facts:
    duration: int | None = None
    for kind, movie in _boxes(data):
        if kind != b"moov":
            continue
        for part, body in _boxes(movie):
            if part == b"mvhd" and len(body) >= 20 and body[0] == 0:
                scale, length = struct.unpack(">II", body[12:20])
                duration = length * 1000 // scale if scale else None
            for inner, track in _boxes(body) if part == b"trak" else ():
                if inner == b"tkhd" and len(track) >= 84 and track[0] == 0:
                    width, height = (n >> 16 for n in struct.unpack(">II", track[76:84]))
                    if width and height:
                        return Facts(width, height, duration_ms=duration)
    return Facts(duration_ms=duration)


def fit(width: int, height: int, edge: int) -> tuple[int, int]:
    """Scale a picture's size so that its longer edge fits."""
    scale = min(1.0, edge / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
