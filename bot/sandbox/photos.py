"""Photos for the story, drawn by code: one ceramic fox under changing angle, light and background.

They are as untidy as photos from a telephone: each names its camera, one lies on its side and says so in its
Orientation tag, and one tells where it was taken.
"""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter
from PIL.TiffImagePlugin import IFDRational

from bot.sandbox._figure import Glaze, clip
from bot.sandbox._raymarch import Stage, photograph

# Marching a ray for every pixel of a large photo takes seconds and shows nothing more on a thumbnail.
_DRAWN_SIDE = 640
_SIDEWAYS = 3
_LOCATED = 4
_ORIENTATION_TURNED = 6

_GLAZES = (
    Glaze(),
    Glaze(coat=(0.55, 0.62, 0.68), bib=(0.92, 0.92, 0.90), scarf=(0.45, 0.04, 0.05), stripe=(0.9, 0.85, 0.8)),
    Glaze(coat=(0.05, 0.10, 0.28), bib=(0.80, 0.84, 0.90), scarf=(0.75, 0.42, 0.05), stripe=(0.9, 0.86, 0.7)),
    Glaze(
        coat=(0.36, 0.05, 0.09), bib=(0.90, 0.78, 0.72), scarf=(0.10, 0.24, 0.10), stripe=(0.86, 0.80, 0.5)
    ),
)

_STAGES = (
    Stage(turn=4, wall=(0.34, 0.46, 0.37), floor=(0.24, 0.34, 0.27), lamp=(-0.6, 0.9, 0.7)),
    Stage(
        turn=-36,
        wall=(0.58, 0.47, 0.35),
        floor=(0.36, 0.19, 0.09),
        floor_kind="boards",
        backdrop="window",
        lamp=(-0.9, 0.75, 0.5),
        lamp_colour=(3.4, 2.7, 1.8),
        sky=(0.42, 0.45, 0.52),
    ),
    Stage(
        turn=72,
        aim=(0.0, 0.88, 0.1),
        wall=(0.78, 0.42, 0.38),
        floor=(0.52, 0.27, 0.25),
        lamp=(0.7, 1.0, 0.9),
        softness=24,
    ),
    Stage(
        turn=30,
        height=3.4,
        wall=(0.20, 0.30, 0.50),
        floor=(0.10, 0.22, 0.50),
        floor_kind="cloth",
        lamp=(0.5, 1.2, 0.2),
    ),
    Stage(
        turn=-16,
        height=1.5,
        aim=(0.0, 0.98, 0.1),
        zoom=4.5,
        wall=(0.035, 0.03, 0.06),
        floor=(0.12, 0.07, 0.06),
        backdrop="lights",
        lamp=(0.9, 0.6, 0.6),
        lamp_colour=(3.2, 2.0, 1.0),
        sky=(0.20, 0.20, 0.34),
    ),
    Stage(
        turn=22,
        height=0.75,
        aim=(0.0, 0.98, 0.05),
        zoom=3.6,
        wall=(0.08, 0.17, 0.05),
        floor=(0.10, 0.18, 0.05),
        floor_kind="moss",
        backdrop="garden",
        lamp=(-0.4, 1.1, 0.4),
        lamp_colour=(3.0, 2.9, 2.3),
        sky=(0.45, 0.60, 0.55),
    ),
)


def draw_photos(count: int = 6, seed: int = 1, size: tuple[int, int] = (1024, 1024)) -> list[bytes]:
    """Draw so many JPEGs of one figure. Another seed is another figure.

    The same arguments give the same bytes.
    """
    glaze = _GLAZES[(seed - 1) % len(_GLAZES)]
    return [
        _develop(_vary(_STAGES[index % len(_STAGES)], glaze, index, seed), index, size)
        for index in range(count)
    ]


def _vary(stage: Stage, glaze: Glaze, index: int, seed: int) -> Stage:
    random = np.random.default_rng((seed, index))
    turn = stage.turn + random.uniform(-5, 5)
    if index >= len(_STAGES):
        # A second look at the same place is from its other side and never quite from the same height.
        turn = -turn + random.uniform(-25, 25)
    return replace(
        stage,
        turn=turn,
        height=stage.height + random.uniform(-0.1, 0.25),
        zoom=stage.zoom * random.uniform(0.94, 1.06),
        glaze=glaze,
        seed=int(random.integers(1, 1000)),
    )


def _develop(stage: Stage, index: int, size: tuple[int, int]) -> bytes:
    shrink = min(1.0, _DRAWN_SIDE / max(size))
    light = photograph(stage, (round(size[0] * shrink), round(size[1] * shrink)))
    light = light * (1 + light / 6) / (1 + light)
    image = Image.fromarray(np.uint8(clip(light, 0, 1) ** (1 / 2.2) * 255 + 0.5))
    image = image.filter(ImageFilter.GaussianBlur(0.5)).resize(size, Image.Resampling.LANCZOS)
    image = image.filter(ImageFilter.UnsharpMask(radius=1.6, percent=70, threshold=2))
    grain = np.random.default_rng((stage.seed, index)).normal(0, 1.6, (size[1], size[0], 1))
    image = Image.fromarray(np.uint8(clip(np.asarray(image, np.float32) + grain, 0, 255)))
    exif = _exif(index)
    if index == _SIDEWAYS:
        exif[0x0112] = _ORIENTATION_TURNED
        image = image.transpose(Image.Transpose.ROTATE_90)
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=90, exif=exif)
    return sink.getvalue()


def _exif(index: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Darkroom"
    exif[0x0110] = "Drawn by code"
    exif[0x0132] = f"2026:03:0{index % 9 + 1} 10:3{index % 10}:00"
    if index == _LOCATED:
        exif[0x8825] = {
            1: "N",
            2: _degrees(51, 28, 40),
            3: "W",
            4: _degrees(0, 0, 5),
        }
    return exif


def _degrees(*parts: int) -> Sequence[IFDRational]:
    return tuple(IFDRational(part, 1) for part in parts)
