"""Measures a picture: sharpness, exposure, how it was made, what it looks like from afar.

Blocking: runs in the lab's worker processes. docs/photos.md tells how every threshold was found.
"""

from __future__ import annotations

from typing import Any, Final, cast

from PIL import Image, ImageChops, ImageMath

from bot.imaging.decode import Decoded
from bot.imaging.faces import find_faces
from bot.imaging.look import Look
from bot.imaging.signature import sign

SIDE: Final = 512
"""Pixels on the longer side at which detail is measured: what a model is trained with is not much more."""
_FIELDS: Final = 8
"""Sharpness is measured in so many fields each way: a sharp subject may stand before a soft background."""
_NOISE: Final = 40.0
"""The most, in squared levels, that is believed to be noise and not detail."""
_STIRRED: Final = 16.0
"""A field whose brightness varies less has nothing in it that could be sharp."""
_SMALL: Final = 128
_CLIPPED: Final = 252
_LIT: Final = 128
_FRAME: Final = 0.9
_INNER: Final = 0.15
"""The middle begins so far from each edge."""


def measure(decoded: Decoded, *, seen: Image.Image | None = None, with_faces: bool = True) -> Look:
    """Look at a decoded picture; for faces too, where that is wanted and something here can.

    `seen` is the picture reduced to `SIDE`, where it is at hand.
    """
    picture = decoded.picture
    seen = seen or reduced(picture, SIDE)
    grey = _fitted(seen.convert("L"))
    small = reduced(seen, _SMALL)
    faces = find_faces(picture) if with_faces else None
    return Look(
        kind=decoded.kind,
        width=decoded.width,
        height=decoded.height,
        first_of_several=decoded.first_of_several,
        sharpness=round(sharpness(grey), 4),
        bright=_bright(grey),
        washed=round(_washed(small), 3),
        flat=round(_flat(grey, seen), 3),
        colours=_colours(small),
        signature=sign(grey),
        tone=cast("tuple[int, int, int]", small.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))),
        faces=None if faces is None else len(faces),
        face=round(max(faces, default=0.0), 3) if faces else 0.0,
    )


def reduced(picture: Image.Image, side: int) -> Image.Image:
    """Divided by a whole number, which averages and neither sharpens nor softens: at least `side` long."""
    return picture.reduce(parts) if (parts := max(picture.size) // side) > 1 else picture


def _fitted(grey: Image.Image) -> Image.Image:
    """At most `SIDE` long, whatever was left over by dividing: a threshold holds at one size only."""
    if (longer := max(grey.size)) <= SIDE:
        return grey
    width, height = (max(1, round(side * SIDE / longer)) for side in grey.size)
    return grey.resize((width, height), Image.Resampling.BOX)


def sharpness(grey: Image.Image) -> float:
    """Fine detail against all variation, in the second best of 64 fields, in the worse of two directions.

    The second difference between neighbours answers to the finest detail, and blur takes that away first.
    Divided by the variance of the brightness it no longer depends on contrast or light. What every field has
    of it, even the emptiest, is noise and taken off. A shaken hand blurs in one direction: the worse counts.
    """
    wide, high = grey.width - grey.width % _FIELDS, grey.height - grey.height % _FIELDS
    light = grey.crop((0, 0, wide, high)).convert("F")
    mean = _by_field(light)
    varied = [square - once * once for square, once in zip(_by_field(_squared(light)), mean, strict=True)]
    return min(_against(varied, _by_field(_squared(_bent(light, *way)))) for way in ((1, 0), (0, 1)))


def _against(varied: list[float], fine: list[float]) -> float:
    noise = min(_NOISE, sorted(fine)[3])
    ratios = sorted((f - noise) / v for f, v in zip(fine, varied, strict=True) if v >= _STIRRED)
    return max(0.0, ratios[-2] if len(ratios) > 1 else 0.0)


def _bent(light: Image.Image, dx: int, dy: int) -> Image.Image:
    """The second difference, left of each pixel and right of it, or above and below."""
    width, height = light.size
    before = light.crop((0, 0, width - 2 * dx, height - 2 * dy))
    here = light.crop((dx, dy, width - dx, height - dy))
    after = light.crop((2 * dx, 2 * dy, width, height))
    return _math(lambda images: images["a"] + images["c"] - images["b"] * 2, a=before, b=here, c=after)


def _squared(light: Image.Image) -> Image.Image:
    return _math(lambda images: images["a"] * images["a"], a=light)


def _math(formula: Any, **images: Image.Image) -> Image.Image:
    return cast("Image.Image", ImageMath.lambda_eval(formula, **images))


def _by_field(light: Image.Image) -> list[float]:
    """The mean of each field."""
    return list(cast("Any", light.resize((_FIELDS, _FIELDS), Image.Resampling.BOX)).get_flattened_data())


def _bright(grey: Image.Image) -> int:
    histogram, below = grey.histogram(), 0
    wanted = 0.95 * grey.width * grey.height
    for level, count in enumerate(histogram):
        below += count
        if below >= wanted:
            return level
    return 255


def _washed(small: Image.Image) -> float:
    """Where a channel is at its end while the others are bright too, the drawing is gone.

    All three at their end in nearly all of the frame is a white backdrop, as goods are photographed before:
    there white counts as nothing, neither as lost nor as there.
    """
    channels = small.split()
    most = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    least = ImageChops.darker(ImageChops.darker(channels[0], channels[1]), channels[2])
    lost = ImageChops.logical_and(_over(most, _CLIPPED), _over(least, _LIT))
    white = _over(least, _CLIPPED)
    edge = round(_INNER * small.width), round(_INNER * small.height)
    middle = (edge[0], edge[1], small.width - edge[0], small.height - edge[1])
    inside, whole = _count(white.crop(middle)), _count(white)
    around = small.width * small.height - (middle[2] - middle[0]) * (middle[3] - middle[1])
    backdrop = whole - inside >= _FRAME * around
    counted = (middle[2] - middle[0]) * (middle[3] - middle[1]) - (inside if backdrop else 0)
    gone = _count(lost.crop(middle)) - (inside if backdrop else 0)
    return gone / counted if counted > 0 else 0.0


def _over(channel: Image.Image, level: int) -> Image.Image:
    return channel.point([255 if value >= level else 0 for value in range(256)]).convert("1")


def _count(mask: Image.Image) -> int:
    return mask.histogram()[255]


def _flat(grey: Image.Image, seen: Image.Image) -> float:
    width, height = grey.size
    alike = total = 0
    for dx, dy in ((1, 0), (0, 1)):
        here, there = grey.crop((dx, dy, width, height)), grey.crop((0, 0, width - dx, height - dy))
        alike += ImageChops.difference(here, there).histogram()[0]
        total += here.width * here.height
    commonest = max(count for count, _ in _coarse(seen)) / (_COUNTED * _COUNTED)
    if commonest >= _FRAME:
        return 1.0
    return max(0.0, (alike / total - commonest) / (1 - commonest))


_COUNTED: Final = 192


def _coarse(seen: Image.Image) -> list[tuple[int, Any]]:
    few = seen.resize((_COUNTED, _COUNTED), Image.Resampling.NEAREST).point(
        [value >> 3 for value in range(256)] * 3
    )
    return few.getcolors(_COUNTED * _COUNTED) or []


def _colours(small: Image.Image) -> int:
    channels = small.split()
    if all(_alike(channels[0], other) for other in channels[1:]):
        return 0
    return len(_coarse(small))


def _alike(one: Image.Image, other: Image.Image) -> bool:
    return cast("tuple[int, int]", ImageChops.difference(one, other).getextrema())[1] <= 2
