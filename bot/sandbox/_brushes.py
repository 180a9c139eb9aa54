"""Brushes: what a treatment paints with. Grading, veils, noise, discs, strokes and confetti.

Pictures are arrays of height by width by three, from 0 to 1; masks are height by width.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Floats: TypeAlias = "npt.NDArray[np.floating[Any]]"
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Canvas:
    """One picture being treated, the soft mask of its subject, and the dice."""

    subject: Floats
    random: np.random.Generator

    @property
    def size(self) -> int:
        """The side of the square."""
        return int(self.subject.shape[0])

    def grid(self) -> tuple[Floats, Floats]:
        """Columns and rows from 0 to 1."""
        across, down = np.meshgrid(np.linspace(0, 1, self.size), np.linspace(0, 1, self.size))
        return across, down


def blur(array: Floats, radius: float) -> Floats:
    """Soften a picture or a mask; three box blurs in a row come close to a Gaussian of this radius."""
    reach = max(1, round(np.sqrt(4 * radius * radius + 1) / 2 - 0.5))
    for _ in range(3):
        array = _box(_box(array, reach, 0), reach, 1)
    return array


def _box(array: Floats, reach: int, axis: int) -> Floats:
    width = [(0, 0)] * array.ndim
    width[axis] = (reach + 1, reach)
    sums = np.cumsum(np.pad(np.asarray(array, np.float64), width, mode="edge"), axis=axis)
    length = array.shape[axis]
    upper = np.take(sums, range(2 * reach + 1, 2 * reach + 1 + length), axis=axis)
    lower = np.take(sums, range(length), axis=axis)
    mean: Floats = (upper - lower) / (2 * reach + 1)
    return mean


def grade(
    picture: Floats, *, shadows: Colour = (0, 0, 0), gain: Colour = (1, 1, 1), saturation: float = 1.0
) -> Floats:
    """Turn colours up or down, and tint the dark parts."""
    grey = luma(picture)[..., None]
    picture = grey + (picture - grey) * saturation
    tinted: Floats = picture * np.asarray(gain) + np.asarray(shadows) * (1 - picture)
    return tinted


def over(picture: Floats, colour: Colour, amount: Floats) -> Floats:
    """Lay a colour over the picture, as thick as the mask says."""
    return picture + (np.asarray(colour) - picture) * np.clip(amount, 0, 1)[..., None]


def screen(picture: Floats, colour: Colour, amount: Floats) -> Floats:
    """Let a light shine into the picture, as bright as the mask says."""
    return 1 - (1 - hold(picture)) * (1 - np.asarray(colour) * np.clip(amount, 0, 1)[..., None])


def hold(picture: Floats) -> Floats:
    """Keep every value between 0 and 1."""
    held: Floats = np.clip(picture, 0, 1)
    return held


def luma(picture: Floats) -> Floats:
    """How bright each point looks."""
    grey: Floats = picture @ np.asarray((0.299, 0.587, 0.114))
    return grey


def vignette(picture: Floats, amount: float) -> Floats:
    """Darken the corners."""
    side = np.linspace(-1, 1, picture.shape[0])
    away = np.clip(side[:, None] ** 2 + side[None, :] ** 2 - 0.45, 0, None)
    return picture * (1 - amount * np.clip(away / 1.55, 0, 1))[..., None]


def noise(canvas: Canvas, cells: int) -> Floats:
    """Smooth noise between -1 and 1, with so many hills across."""
    hills = canvas.random.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32)
    wanted = (canvas.size, canvas.size)
    return np.asarray(Image.fromarray(hills).resize(wanted, Image.Resampling.BICUBIC), np.float64)


def scatter(canvas: Canvas, count: int, radius: float, soft: float) -> Floats:
    """Discs of about this radius, everywhere; as a mask. Radii are told for a side of 768."""
    scale = canvas.size / 768
    sheet = Image.new("L", (canvas.size, canvas.size))
    pen = ImageDraw.Draw(sheet)
    for x, y, grow in canvas.random.uniform(0, 1, (count, 3)):
        r = radius * scale * (0.55 + 0.8 * grow)
        x, y = x * canvas.size, y * canvas.size
        pen.ellipse((x - r, y - r, x + r, y + r), fill=int(120 + 135 * grow))
    return np.asarray(sheet.filter(ImageFilter.GaussianBlur(soft * scale)), np.float64) / 255


def strokes(canvas: Canvas, count: int, *, length: float, lean: float, width: int) -> Floats:
    """Leaning lines, everywhere, as a mask."""
    sheet = Image.new("L", (canvas.size, canvas.size))
    pen = ImageDraw.Draw(sheet)
    for x, y, grow in canvas.random.uniform(-0.1, 1.1, (count, 3)):
        reach = length * (0.5 + abs(grow)) * canvas.size
        x, y = x * canvas.size, y * canvas.size
        pen.line((x, y, x - lean * reach, y + reach), fill=int(90 + 110 * abs(grow)), width=width)
    return np.asarray(sheet.filter(ImageFilter.GaussianBlur(0.8)), np.float64) / 255


def confetti(
    picture: Floats, canvas: Canvas, count: int, colours: tuple[Colour, ...], radius: float
) -> Floats:
    """Small turned ovals of several colours, the near ones out of focus."""
    scale = canvas.size / 768
    for colour in colours:
        for near in (False, True):
            sheet = Image.new("L", (canvas.size, canvas.size))
            share = count // len(colours) // (6 if near else 1)
            for x, y, turn, flat in canvas.random.uniform(0, 1, (max(1, share), 4)):
                r = radius * scale * (2.4 if near else 1.0)
                piece = Image.new("L", (int(4 * r), int(4 * r)))
                squeeze = 0.35 + 0.6 * flat
                box = (r, 2 * r - r * squeeze, 3 * r, 2 * r + r * squeeze)
                ImageDraw.Draw(piece).ellipse(box, fill=235)
                piece = piece.rotate(turn * 360, Image.Resampling.BICUBIC)
                place = (int(x * canvas.size - 2 * r), int(y * canvas.size - 2 * r))
                sheet.paste(255, place, piece)
            soft = (4.5 if near else 0.7) * scale
            mask = np.asarray(sheet.filter(ImageFilter.GaussianBlur(soft)), np.float64) / 255
            hidden = 0.55 if near else 0.85
            picture = over(picture, colour, mask * (0.8 if near else 0.95) * (1 - hidden * canvas.subject))
    return picture


def to_image(picture: Floats) -> Image.Image:
    """The picture as Pillow knows it."""
    return Image.fromarray(np.uint8(hold(picture) * 255 + 0.5))
