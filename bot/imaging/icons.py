"""The marks on a contact sheet, told apart by outline first, then by colour, then by the sign inside."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw

from bot.imaging.verdict import Mark

_FINER: Final = 4
"""They are drawn so much larger and made smaller, since what draws here draws no smooth edges."""
_LINE: Final = "#14161a"


@lru_cache(maxsize=16)
def icon(mark: Mark, side: int) -> Image.Image:
    """A disc with a tick, a triangle with an exclamation mark, or an octagon with a cross."""
    full = side * _FINER
    made = Image.new("RGBA", (full, full))
    draw = ImageDraw.Draw(made)

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x * full, y * full) for x, y in points]

    edge, stroke = max(_FINER, full // 18), max(_FINER, full // 9)
    match mark:
        case Mark.WELL:
            draw.ellipse((edge, edge, full - edge, full - edge), fill="#35b36f", outline=_LINE, width=edge)
            draw.line(at((0.29, 0.52), (0.44, 0.67), (0.72, 0.36)), fill="white", width=stroke, joint="curve")
        case Mark.DOUBTFUL:
            _shape(draw, at((0.5, 0.04), (0.98, 0.92), (0.02, 0.92)), "#f5a524", edge)
            draw.line(at((0.5, 0.36), (0.5, 0.64)), fill=_LINE, width=stroke)
            dot = stroke * 0.6
            draw.ellipse((full / 2 - dot, 0.78 * full - dot, full / 2 + dot, 0.78 * full + dot), fill=_LINE)
        case Mark.REFUSED:
            corners = [(0.3, 0.03), (0.7, 0.03), (0.97, 0.3), (0.97, 0.7)]
            corners += [(1 - x, 1 - y) for x, y in corners]
            _shape(draw, at(*corners), "#ef5350", edge)
            for ends in (((0.31, 0.31), (0.69, 0.69)), ((0.69, 0.31), (0.31, 0.69))):
                draw.line(at(*ends), fill="white", width=stroke)
    return made.resize((side, side), Image.Resampling.LANCZOS)


def _shape(draw: ImageDraw.ImageDraw, corners: list[tuple[float, float]], colour: str, edge: int) -> None:
    draw.polygon(corners, fill=colour)
    draw.line([*corners, corners[0], corners[1]], fill=_LINE, width=edge, joint="curve")


@lru_cache(maxsize=16)
def sheet_of_paper(side: int) -> Image.Image:
    """What stands for a file that has no picture."""
    full = side * _FINER
    made = Image.new("RGBA", (full, full))
    draw = ImageDraw.Draw(made)
    left, right, top, bottom, fold = 0.2 * full, 0.8 * full, 0.08 * full, 0.92 * full, 0.2 * full
    outline = [(left, top), (right - fold, top), (right, top + fold), (right, bottom), (left, bottom)]
    draw.polygon(outline, fill="#4a505b")
    draw.polygon([(right - fold, top), (right, top + fold), (right - fold, top + fold)], fill="#7a818d")
    for line in range(3):
        y = (0.45 + 0.14 * line) * full
        draw.line(
            [(left + 0.12 * full, y), (right - 0.12 * full, y)], fill="#8b929e", width=max(1, full // 28)
        )
    return made.resize((side, side), Image.Resampling.LANCZOS)
