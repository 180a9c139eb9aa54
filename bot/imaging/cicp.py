"""Colours named by number: a HEIC or AVIF may say which by three numbers (`nclx`) in place of a profile, and
a PNG by four (`cICP`), which go before any profile.

The numbers are those of ITU-T H.273. Whoever ignores them shows a telephone's red too pale: its numbers mean
Display P3, and read as sRGB they are nearer to grey. Here each pair of them becomes a profile.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bot.imaging import av1
from bot.imaging.boxes import boxes, meta, within

_Vector = tuple[float, float, float]
_Matrix = tuple[_Vector, _Vector, _Vector]

_SIGNATURE: Final = 8
"""Bytes before the first chunk of a PNG."""
_NUMBERS: Final = 4
_D65: Final = (0.3127, 0.3290)
_PRIMARIES: Final[dict[int, tuple[tuple[float, float], ...]]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),  # BT.709, sRGB
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),  # PAL
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),  # NTSC
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),  # BT.2020
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),  # P3 of the cinema
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),  # Display P3
}
"""Where red, green, blue and white lie."""
_BT_709: Final = 1
_PAPER: Final = 203.0
"""Nits of white paper in a picture of high dynamic range (BT.2408). What is brighter shares the rest."""
_SHOULDER: Final = 0.75
"""Brightness, of paper's, up to which such a picture is shown as it is."""
_STEPS: Final = 1024
_D50: Final = (0.9642, 1.0, 0.8249)
"""The white of every profile."""
_CONES: Final[_Matrix] = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
"""Bradford's: how the eye is held to get used to another white."""


@dataclass(frozen=True, slots=True)
class Colours:
    """What a file says its numbers mean."""

    primaries: int
    transfer: int


def named(data: bytes) -> Colours | None:
    """What a HEIC or AVIF file says of the colours of its picture by number; None where it says nothing."""
    try:
        told = dict(boxes(meta(data)))
        return _of_item(_primary(told[b"pitm"]), told[b"iprp"])
    except (KeyError, IndexError, struct.error):
        return None


def named_in_av1(data: bytes) -> Colours | None:
    """The same of an AVIF that leaves it to the stream inside."""
    try:
        return Colours(*said) if (said := av1.numbers(data)) else None
    except (IndexError, ValueError, struct.error):
        return None


def named_in_png(data: bytes) -> Colours | None:
    """What a PNG says of its colours by number; None where it says nothing that makes sense for a PNG."""
    at = _SIGNATURE
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            return None
        if name == b"cICP" and length == _NUMBERS and at + 8 + length <= len(data):
            primaries, transfer, matrix, full_range = data[at + 8 : at + 8 + length]
            # Of a picture that is not in red, green and blue, or not from 0 to 255, nothing is known here.
            return Colours(primaries, transfer) if (matrix, full_range) == (0, 1) else None
        at += 12 + length
    return None


def _primary(pitm: bytes) -> int:
    return int.from_bytes(pitm[4:8] if pitm[0] else pitm[4:6], "big")


def _of_item(item: int, iprp: bytes) -> Colours | None:
    known = [body if name == b"colr" else b"" for name, body in boxes(within(iprp, b"ipco"))]
    for name, body in boxes(iprp):
        for place in _properties(item, body) if name == b"ipma" else ():
            said = known[place - 1] if 0 < place <= len(known) else b""
            if said[:4] == b"nclx":
                return Colours(*struct.unpack_from(">HH", said, 4))
    return None


def _properties(item: int, ipma: bytes) -> list[int]:
    """The numbers of the properties of one item."""
    wide, fine = ipma[0] > 0, ipma[3] & 1
    at = 8
    for _ in range(int.from_bytes(ipma[4:8], "big")):
        number = int.from_bytes(ipma[at : at + (4 if wide else 2)], "big")
        at += 4 if wide else 2
        count, at, size = ipma[at], at + 1, 2 if fine else 1
        if number == item:
            places = (ipma[at + n * size : at + (n + 1) * size] for n in range(count))
            return [int.from_bytes(one, "big") & (0x7FFF if fine else 0x7F) for one in places]
        at += count * size
    return []


@lru_cache(maxsize=16)
def profile(colours: Colours) -> bytes | None:
    """A colour profile of the same meaning; None where that is sRGB, or nothing that is known here."""
    curve = _CURVES.get(colours.transfer, _srgb)
    where = _PRIMARIES.get(colours.primaries)
    if where is None or (colours.primaries == _BT_709 and curve is _srgb):
        return None
    red, green, blue = _columns(where)
    steps = struct.pack(
        f">{_STEPS}H", *(round(65535 * min(1.0, curve(n / (_STEPS - 1)))) for n in range(_STEPS))
    )
    bent = b"curv\0\0\0\0" + struct.pack(">I", _STEPS) + steps
    points = {b"rXYZ": red, b"gXYZ": green, b"bXYZ": blue, b"wtpt": _D50}
    tags = {name: b"XYZ \0\0\0\0" + b"".join(map(_fixed, point)) for name, point in points.items()}
    return _icc(tags, bent)


def _icc(tags: dict[bytes, bytes], bent: bytes) -> bytes:
    """The file of a profile: its header, where each part is, the parts. The three curves are one part."""
    first = 128 + 4 + 12 * (len(tags) + 3)
    table, body = b"", b""
    for name, part in tags.items():
        table += name + struct.pack(">II", first + len(body), len(part))
        body += part
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        table += name + struct.pack(">II", first + len(body), len(bent))
    body += bent
    head = struct.pack(">I", first + len(body)) + b"\0\0\0\0\x02\x40\0\0mntrRGB XYZ " + bytes(12) + b"acsp"
    head += bytes(28) + b"".join(map(_fixed, _D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags) + 3) + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _columns(where: tuple[tuple[float, float], ...]) -> tuple[_Vector, _Vector, _Vector]:
    """Red, green and blue as a profile holds them: added up they are its white."""
    red, green, blue, white = ((x / y, 1.0, (1 - x - y) / y) for x, y in where)
    shares = _solved((red, green, blue), white)
    seen, wanted = _times(_CONES, white), _times(_CONES, _D50)
    columns = []
    for share, colour in zip(shares, (red, green, blue), strict=True):
        cones = _times(_CONES, (share * colour[0], share * colour[1], share * colour[2]))
        adapted = (
            cones[0] * wanted[0] / seen[0],
            cones[1] * wanted[1] / seen[1],
            cones[2] * wanted[2] / seen[2],
        )
        columns.append(_solved(_turned(_CONES), adapted))
    return columns[0], columns[1], columns[2]


def _times(matrix: _Matrix, vector: _Vector) -> _Vector:
    x, y, z = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def _turned(matrix: _Matrix) -> _Matrix:
    one, two, three = ((row[0], row[1], row[2]) for row in zip(*matrix, strict=True))
    return one, two, three


def _solved(columns: _Matrix, wanted: _Vector) -> _Vector:
    """How much of each column adds up to what is wanted."""
    whole = _volume(columns)
    x, y, z = (
        _volume(
            (
                wanted if n == 0 else columns[0],
                wanted if n == 1 else columns[1],
                wanted if n == 2 else columns[2],
            )
        )
        / whole
        for n in range(3)
    )
    return x, y, z


def _volume(columns: _Matrix) -> float:
    (a, b, c), (d, e, f), (g, h, i) = columns
    return a * (e * i - f * h) - d * (b * i - c * h) + g * (b * f - c * e)


def _srgb(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _perceptual(value: float) -> float:
    """SMPTE ST 2084: nits up to 10,000."""
    root = float(value ** (1 / 78.84375))
    nits = 10_000 * (max(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    return _softened(nits / _PAPER)


def _hybrid(value: float) -> float:
    """Hybrid log-gamma, on the screen of 1,000 nits that it is meant for."""
    scene = value**2 / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return _softened(1000 * float(scene**1.2) / _PAPER)


def _softened(light: float) -> float:
    """Of paper's brightness: what is brighter comes ever nearer to white, as on film."""
    if light <= _SHOULDER:
        return light
    rest = 1 - _SHOULDER
    return _SHOULDER + rest * (1 - math.exp((_SHOULDER - light) / rest))


_CURVES: Final[dict[int, Callable[[float], float]]] = {
    4: lambda value: float(value**2.2),
    5: lambda value: float(value**2.8),
    8: lambda value: value,
    16: _perceptual,
    18: _hybrid,
}
"""From a number to light, 0 to 1. A camera's curves (1, 6, 14, 15) are shown as sRGB's, here as elsewhere."""
