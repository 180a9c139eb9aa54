"""What a file is, by its first bytes. Its name and what its sender says of it are never asked."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

HEAD: Final = 4096
"""As many bytes from the beginning of a file as `recognise` may want to see."""


class Kind(StrEnum):
    """What a file can be to us."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    HEIC = "heic"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"
    ZIP = "zip"  # perhaps of photos
    VIDEO = "video"  # MP4 or QuickTime
    PDF = "pdf"
    RAW = "raw"  # a camera's undeveloped picture
    OTHER = "other"


PICTURES: Final = frozenset(
    {Kind.JPEG, Kind.PNG, Kind.WEBP, Kind.HEIC, Kind.AVIF, Kind.GIF, Kind.TIFF, Kind.BMP}
)
"""The kinds that are taken as photos."""

_HEIC_BRANDS: Final = frozenset(
    {
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"hevm",
        b"hevs",
        b"mif1",
        b"mif2",
        b"msf1",
        b"miaf",
    }
)
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_NO_VIDEO_BRANDS: Final = frozenset({b"crx ", b"M4A ", b"M4B ", b"M4P ", b"aax ", b"jp2 ", b"jpx ", b"jxl "})
"""Brands of the same box format that are sound, raw pictures or pictures of kinds we do not take."""
_QUICKTIME_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
"""With one of these a QuickTime file begins that is older than the box that names its brand."""
_BMP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Sizes of the header after the two letters, which texts may begin with too."""


def recognise(head: bytes) -> Kind:
    """What a file that begins with these bytes is; `HEAD` of them are enough."""
    if head.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return Kind.GIF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Kind.WEBP
    if head.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        # Canon's raw pictures begin like a TIFF. Others do too, and show what they are only further inside.
        return Kind.RAW if head[8:10] == b"CR" else Kind.TIFF
    if head.startswith((b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"IIU\x00", b"\x00MRM")):
        return Kind.RAW
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[4:8] in _QUICKTIME_ATOMS:
        return Kind.VIDEO
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return Kind.ZIP
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return Kind.BMP
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    return Kind.OTHER


def _by_brand(head: bytes) -> Kind:
    """Tell the users of the box format apart: the major brand decides, then those it is compatible with."""
    major = head[8:12]
    length = min(int.from_bytes(head[:4], "big"), len(head))
    compatible = {head[at : at + 4] for at in range(16, length - 3, 4)}
    if major in _AVIF_BRANDS:
        return Kind.AVIF
    if major in _HEIC_BRANDS:
        # The neutral brands stand before either; what is inside is named among the others.
        return Kind.AVIF if compatible & _AVIF_BRANDS and not compatible & _CODED_HEIC else Kind.HEIC
    if major in _NO_VIDEO_BRANDS:
        return Kind.RAW if major == b"crx " else Kind.OTHER
    return Kind.VIDEO


_CODED_HEIC: Final = _HEIC_BRANDS - {b"mif1", b"mif2", b"msf1", b"miaf"}
