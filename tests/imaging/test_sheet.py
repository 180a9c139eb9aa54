"""The contact sheet: one tile a file, marked by shape and colour, whatever the set."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops

from bot.imaging.icons import icon
from bot.imaging.sheet import WIDTH, draw_sheet, preview
from bot.imaging.tiles import Tile
from bot.imaging.verdict import Mark
from tests.imaging.made import scene

PREVIEWS = [preview(scene(number)) for number in range(4)]


def sheet(*tiles: Tile) -> Image.Image:
    pictures = [tile.picture for tile in tiles if tile.picture is not None]
    return Image.open(io.BytesIO(draw_sheet([tile.facts() for tile in tiles], pictures))).convert("RGB")


def tiles(count: int, mark: Mark = Mark.WELL, caption: str = "") -> list[Tile]:
    return [Tile(n + 1, mark, caption, PREVIEWS[n % 4]) for n in range(count)]


def differ(one: Image.Image, other: Image.Image) -> float:
    """Share of pixels that are not the same."""
    mask = ImageChops.difference(one.convert("L"), other.convert("L")).point([0] * 24 + [255] * 232)
    return mask.histogram()[255] / (one.width * one.height)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 10, 11, 13, 30, 57, 99, 100])
def test_every_set_has_its_sheet_no_wider_than_slack_shows(count: int) -> None:
    made = sheet(*tiles(count, caption="blurred"))
    assert made.width <= WIDTH
    assert 0.4 < made.width / made.height < 4.2


def test_the_sheet_of_nothing_is_still_a_picture() -> None:
    assert sheet().width > 0


@pytest.mark.parametrize("side", [36, 44])
def test_marks_are_told_apart_without_colour_and_by_their_outline_alone(side: int) -> None:
    outlines = {mark: icon(mark, side).getchannel("A") for mark in Mark}
    signs = {mark: icon(mark, side).convert("RGB").convert("L") for mark in Mark}
    for one, other in ((Mark.WELL, Mark.DOUBTFUL), (Mark.DOUBTFUL, Mark.REFUSED), (Mark.WELL, Mark.REFUSED)):
        assert differ(outlines[one], outlines[other]) > 0.02
        assert differ(signs[one], signs[other]) > 0.2


def test_a_mark_and_a_number_change_the_tile() -> None:
    plain = sheet(*tiles(2))
    assert differ(plain, sheet(*tiles(2, Mark.DOUBTFUL))) > 0.01
    assert differ(plain, sheet(*tiles(2, Mark.REFUSED))) > 0.2
    (first, second) = tiles(2)
    assert differ(plain, sheet(first, Tile(47, Mark.WELL, picture=second.picture))) > 0.0005


def test_captions_take_room_only_where_there_are_any() -> None:
    assert sheet(*tiles(10)).height < sheet(*tiles(9), Tile(10, Mark.DOUBTFUL, "blurred", PREVIEWS[0])).height


def test_a_long_caption_stays_in_its_tile() -> None:
    words = "nearly the same picture as number ninety-nine, which came before it"
    one, other = sheet(*tiles(100)), sheet(*tiles(99), Tile(100, Mark.DOUBTFUL, words, PREVIEWS[3]))
    others = sheet(*tiles(99), Tile(100, Mark.DOUBTFUL, "", PREVIEWS[3]))
    assert one.width == other.width == others.width


def test_a_file_without_a_picture_and_one_that_cannot_be_read_are_shown_as_paper() -> None:
    empty = sheet(Tile(1, Mark.REFUSED, "not a photo"))
    assert differ(empty, sheet(Tile(1, Mark.REFUSED, "not a photo", b"no picture"))) == 0
    assert differ(empty, sheet(Tile(1, Mark.REFUSED, "not a photo", PREVIEWS[0]))) > 0.1


def test_a_preview_is_small_and_keeps_its_shape() -> None:
    made = Image.open(io.BytesIO(preview(scene(0, (2016, 1512)))))
    assert made.size == (512, 384)
    assert Image.open(io.BytesIO(preview(scene(0, (256, 300))))).size == (256, 300)
