"""Draws the contact sheet: a numbered overview of a set, with a mark and a word or two per photo.

It is shown between 360 and 800 pixels wide, on light and on dark ground. So it brings its own ground, says
everything by shape as well as by colour, and sizes what must be read by the width it is shown at.

Blocking: runs in the lab's worker processes.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from bot.imaging.icons import icon, sheet_of_paper
from bot.imaging.plain import within
from bot.imaging.verdict import Mark

WIDTH: Final = 1200
"""Pixels; shown at 360, every 10 of them are 3."""
PREVIEW_SIDE: Final = 512
_LARGEST_PREVIEW: Final = 768
"""Pixels up to which it costs more to make a picture smaller than to keep it."""
_LARGEST: Final = 480
"""Pixels of a tile, where there are few."""
_MOST_COLUMNS: Final = 10
_FEW: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 3, 6: 3, 7: 4, 8: 4, 9: 5, 10: 5}
"""Columns for so many tiles; beyond these a sheet is a little wider than high."""
_GAP: Final = 10
_LEGIBLE: Final = 28
"""Pixels of a number's height: 8 of them when the sheet is shown at its narrowest."""
_SMALLEST: Final = 20
_LARGE_SIGNS: Final = 44
"""Pixels of a number and a mark where there is room enough."""
_LARGE_WORDS: Final = 36
"""Pixels of a caption, between where it is just legible and where it shouts."""
_QUALITY: Final = 88

_GROUND: Final = "#1e2126"
_EDGE: Final = "#555b66"
_TILE: Final = "#2c3038"
_TEXT: Final = "#f4f5f7"
_COLOURS: Final = {Mark.WELL: "#35b36f", Mark.DOUBTFUL: "#f5a524", Mark.REFUSED: "#ef5350"}


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own: no file of the system is needed, and the sheet looks the same everywhere."""
    return ImageFont.load_default(size)


def preview(picture: Image.Image) -> bytes:
    """A small JPEG of a photo, of the size a sheet needs: as it is where it is no larger than that costs."""
    small = picture if max(picture.size) <= _LARGEST_PREVIEW else within(picture, PREVIEW_SIDE)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return out.getvalue()


def draw_sheet(tiles: list[dict[str, Any]], pictures: list[bytes]) -> bytes:
    """The sheet, as a JPEG. `pictures` are those of the tiles that are `pictured`, in order."""
    columns = _FEW.get(len(tiles)) or min(_MOST_COLUMNS, math.ceil(math.sqrt(1.2 * max(1, len(tiles)))))
    side = min(_LARGEST, (WIDTH - _GAP) // columns - _GAP)
    caption = (
        max(_LEGIBLE + 8, min(_LARGE_WORDS + 14, side // 5)) if any(tile["caption"] for tile in tiles) else 0
    )
    rows = math.ceil(len(tiles) / columns)
    size = columns * (side + _GAP) + _GAP, rows * (side + caption + _GAP) + _GAP
    sheet = Image.new("RGB", size, _GROUND)
    ImageDraw.Draw(sheet).rectangle((0, 0, size[0] - 1, size[1] - 1), outline=_EDGE, width=2)
    left = iter(pictures)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        at = _GAP + column * (side + _GAP), _GAP + row * (side + caption + _GAP)
        sheet.paste(_tile(tile, next(left) if tile["pictured"] else None, side, caption), at)
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=_QUALITY, subsampling=0)
    return out.getvalue()


def _tile(tile: dict[str, Any], picture: bytes | None, side: int, caption: int) -> Image.Image:
    mark = Mark(tile["mark"])
    made = Image.new("RGB", (side, side + caption), _TILE)
    shown = _shown(picture, side) if picture else None
    if shown is None:
        paper = sheet_of_paper(side // 2)
        made.paste(paper, ((side - paper.width) // 2, (side - paper.height) // 2), paper)
    else:
        if mark is Mark.REFUSED:
            shown = Image.blend(shown.convert("L").convert("RGB"), Image.new("RGB", shown.size, _TILE), 0.6)
        made.paste(shown, ((side - shown.width) // 2, (side - shown.height) // 2))
    draw = ImageDraw.Draw(made)
    _number(draw, str(tile["number"]), side)
    badge = icon(mark, max(_LEGIBLE + 8, min(_LARGE_SIGNS + 8, side // 5)))
    made.paste(badge, (side - badge.width - 4, 4), badge)
    if mark is not Mark.WELL:
        draw.rectangle((0, 0, side - 1, side + caption - 1), outline=_COLOURS[mark], width=max(3, side // 60))
    if tile["caption"]:
        _caption(draw, tile["caption"], side, caption, _COLOURS[mark] if mark is not Mark.WELL else _TEXT)
    return made


def _shown(picture: bytes, side: int) -> Image.Image | None:
    """The picture, as large as fits; None where it cannot be decoded any more."""
    try:
        with Image.open(io.BytesIO(picture), formats=["JPEG", "PNG"]) as opened:
            opened.draft("RGB", (side, side))
            made = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return None
    scale = side / max(made.size)
    return made.resize(
        (max(1, round(made.width * scale)), max(1, round(made.height * scale))), Image.Resampling.BILINEAR
    )


def _number(draw: ImageDraw.ImageDraw, number: str, side: int) -> None:
    font = _font(max(_LEGIBLE, min(_LARGE_SIGNS, side // 6)))
    left, top, right, bottom = draw.textbbox((0, 0), number, font=font, stroke_width=1)
    pad = max(5, side // 40)
    box = (4, 4, 4 + right - left + 2 * pad, 4 + bottom - top + 2 * pad)
    draw.rectangle(box, fill=_GROUND, outline=_EDGE)
    draw.text(
        (4 + pad - left, 4 + pad - top), number, font=font, fill=_TEXT, stroke_width=1, stroke_fill=_TEXT
    )


def _caption(draw: ImageDraw.ImageDraw, words: str, side: int, height: int, colour: str) -> None:
    size, room = min(_LARGE_WORDS, max(_LEGIBLE, side // 6)), side - 12
    font = _font(size)
    while draw.textlength(words, font=font) > room and size > _SMALLEST:
        size -= 1
        font = _font(size)
    if draw.textlength(words, font=font) > room:
        while words and draw.textlength(f"{words}…", font=font) > room:
            words = words[:-1]
        words = f"{words.rstrip()}…"
    draw.text((side / 2, side + height / 2), words, font=font, fill=colour, anchor="mm")
