"""What it takes to decode a picture, in bytes of memory, told from its header before any of it is decoded.

As measured, in a process of its own, of pictures at the limits of what is taken: see docs/photos.md. One that
is divided while it is decoded takes less per pixel than one that is small enough to be kept whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.imaging.boxes import meta, within
from bot.imaging.kinds import Kind

_NARROW: Final = frozenset({"1", "L", "P", "I;16", "I;16B", "I;16L", "I;16N"})
"""Modes of one or two bytes per pixel; all others have four."""
_PLAIN: Final = frozenset({"RGB", "CMYK", "LAB"})
"""Modes that need not be made plain before anything else is done with them."""
_WEBP: Final = 14.5
"""Two canvases, and what comes out of them."""
_JPEG: Final = 0.8, 8.5
"""Bytes per pixel, divided and whole; so each of these."""
_COEFFICIENT: Final = 2
"""Bytes of each number of a JPEG of several scans, which the decoder holds until the last of them."""
_HEIC: Final = 6.3, 8.5
_DEEP_HEIC: Final = 10.6, 11.0
"""With more than eight bits, or with colour as fine as brightness: the decoder converts it in two steps."""
_HEIC_ALPHA: Final = 2.6
_AVIF: Final = 9.5, 10.5
_AVIF_ALPHA: Final = 12.0, 13.5
_OTHER_PLAIN: Final = 5.6, 8.5
_OTHER_NARROW: Final = 3.2, 10.5
_OTHER: Final = 6.3, 13.0
_CHROMA, _BITS = 16, 17
"""Where in the settings of a HEIC's decoder it stands how finely colour is kept, and in how many bits."""
_HALVED: Final = 1
_SCAN: Final = 0xDA
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_WHOLE_FRAMES: Final = frozenset({0xC0, 0xC1})
"""What begins the description of a picture; of one that may come in a single scan."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How a JPEG is made up."""

    one_scan: bool
    """Its first scan has all of the picture, as in nearly every photo: no other is looked at then."""
    numbers: float
    """How many it holds per pixel: three, and half of that where colour is kept half as finely each way."""


def memory(kind: Kind, mode: str, size: tuple[int, int], data: bytes, *, divided: bool) -> int:
    """About how many bytes are taken beside the file itself, at most, while it is decoded and made plain."""
    return round(size[0] * size[1] * _per_pixel(kind, mode, data, divided=divided))


def _per_pixel(kind: Kind, mode: str, data: bytes, *, divided: bool) -> float:
    whole = 0 if divided else 1
    match kind:
        case Kind.WEBP:
            return _WEBP
        case Kind.AVIF:
            return (_AVIF if mode == "RGB" else _AVIF_ALPHA)[whole]
        case Kind.HEIC:
            return (_DEEP_HEIC if _is_deep(data) else _HEIC)[whole] + _HEIC_ALPHA * (mode != "RGB")
        case Kind.JPEG:
            frame = frame_of(data)
            return _JPEG[whole] + (0 if frame.one_scan else _COEFFICIENT * frame.numbers)
        case _ if mode in _NARROW:
            return _OTHER_NARROW[whole]
        case _:
            return (_OTHER_PLAIN if mode in _PLAIN else _OTHER)[whole]


def _is_deep(data: bytes) -> bool:
    told = within(within(within(meta(data), b"iprp"), b"ipco"), b"hvcC")
    return len(told) > _BITS and (told[_CHROMA] & 3 > _HALVED or told[_BITS] & 7 > 0)


def frame_of(data: bytes) -> Frame:
    """How a JPEG is made up, as far as its header is whole."""
    at, components, numbers, whole = 2, 0, 3.0, False
    while data[at : at + 1] == b"\xff" and at + 4 < len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN:
            return Frame(whole and data[at + 4] == components, numbers)
        if marker in _FRAMES:
            whole, components = marker in _WHOLE_FRAMES, data[at + 9] if at + 9 < len(data) else 0
            numbers = _numbers(data[at + 10 : at + 10 + 3 * components])
        at += 2 + length
    return Frame(one_scan=False, numbers=numbers)


def _numbers(components: bytes) -> float:
    """Per pixel: each component's share of the finest."""
    shares = [(one >> 4) * (one & 15) for one in components[1::3]]
    return sum(shares) / max(shares, default=1) if any(shares) else 3.0
