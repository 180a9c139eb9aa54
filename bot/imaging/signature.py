"""What a picture looks like from afar, as 256 bits, and how far two of them are apart.

A difference hash: the picture is averaged down to 9 × 8 and to 8 × 9 fields, and each of 128 bits says
whether it grows lighter from one field to the next, rightwards and downwards. A second row of 128 bits says
where that difference is more than noise: only there are two pictures compared. An even border is cut away
first, or all things photographed before white would look alike.
"""

from __future__ import annotations

from typing import Any, Final, cast

from PIL import Image

BITS: Final = 128
_EVEN: Final = 10
"""Levels by which a border may vary and still be one."""
_OTHER: Final = 12
"""Levels from the border at which the picture begins."""
_SEEN: Final = 2
"""Levels between two fields that are more than noise."""
_FEWEST: Final = 24
"""With less than so many fields that say anything a picture is compared as if it had so many."""
_GRID: Final = 64


def sign(grey: Image.Image) -> str:
    """The signature of a picture, as 64 hexadecimal digits: what it says, then where it says anything."""
    inner = _trimmed(grey)
    steps = [
        right - left
        for size, (dx, dy) in (((9, 8), (1, 0)), ((8, 9), (0, 1)))
        for left, right in _neighbours(inner, size, dx, dy)
    ]
    said = sum(1 << place for place, step in enumerate(steps) if step > 0)
    heard = sum(1 << place for place, step in enumerate(steps) if abs(step) >= _SEEN)
    return f"{said:032x}{heard:032x}"


def _neighbours(grey: Image.Image, size: tuple[int, int], dx: int, dy: int) -> list[tuple[int, int]]:
    pixels = cast("Any", grey.resize(size, Image.Resampling.BOX).load())
    return [(pixels[x, y], pixels[x + dx, y + dy]) for y in range(8) for x in range(8)]


def _trimmed(grey: Image.Image) -> Image.Image:
    small = grey.resize((_GRID, _GRID), Image.Resampling.BOX)
    pixels, last = cast("Any", small.load()), _GRID - 1
    border = [pixels[at] for n in range(_GRID) for at in ((n, 0), (n, last), (0, n), (last, n))]
    if max(border) - min(border) > _EVEN:
        return grey
    even = sum(border) / len(border)
    box = small.point([255 if abs(level - even) > _OTHER else 0 for level in range(256)]).getbbox()
    if box is None:
        return grey
    left, top, right, bottom = box
    return grey.crop(
        (
            left * grey.width // _GRID,
            top * grey.height // _GRID,
            -(-right * grey.width // _GRID),
            -(-bottom * grey.height // _GRID),
        )
    )


def distance(one: str, other: str) -> int:
    """By how many of 128 bits two pictures differ: 0 the same, about 64 nothing in common."""
    said, heard = int(one[:32], 16) ^ int(other[:32], 16), int(one[32:], 16) | int(other[32:], 16)
    return round((said & heard).bit_count() * BITS / max(heard.bit_count(), _FEWEST))


def mirrored(signature: str) -> str:
    """The signature of the same picture in a mirror."""
    said, heard = int(signature[:32], 16), int(signature[32:], 16)
    turned = heard_turned = 0
    for place in range(BITS):
        row, column = divmod(place % 64, 8)
        source = place // 64 * 64 + row * 8 + 7 - column
        # Rightwards is leftwards in a mirror, where it was lighter it is darker; downwards stays downwards.
        bit = said >> source & 1
        turned |= (1 - bit if place < 64 else bit) << place
        heard_turned |= (heard >> source & 1) << place
    return f"{turned:032x}{heard_turned:032x}"
