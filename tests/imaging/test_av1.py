"""An AVIF may leave it to the stream inside to say what its colours are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.imaging.boxes import item_data, items
from bot.imaging.cicp import Colours, named, named_in_av1
from tests.imaging.made import close, file_of, kept_image

RED = (255, 0, 0)
P3_RED = (234, 51, 35)


def told_inside(primaries: int, transfer: int, colour: tuple[int, int, int], **how: Any) -> bytes:
    """An AVIF without a word of its colours in its boxes, and these numbers in its stream."""
    data = bytearray(file_of(Image.new("RGB", (320, 300), colour), "AVIF", **how))
    numbers = data.index(b"nclx") + 4
    before = bytes(data[numbers : numbers + 6])
    data[data.index(b"colr") : data.index(b"colr") + 4] = b"free"
    start = data.index(b"mdat") + 4
    stream = int.from_bytes(data[start : start + 64], "big")
    # "Here come my colours", and the three numbers that the boxes had.
    wanted = 1 << 24 | before[1] << 16 | before[3] << 8 | before[5]
    places = [at for at in range(64 * 8 - 25) if stream >> at & ((1 << 25) - 1) == wanted]
    assert len(places) == 1, "they stand in the stream once"
    shift = places[0] + 8
    stream = stream & ~(0xFFFF << shift) | (primaries << 8 | transfer) << shift
    data[start : start + 64] = stream.to_bytes(64, "big")
    return bytes(data)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize(
    ("primaries", "transfer", "stored"), [(12, 13, P3_RED), (9, 13, (207, 74, 34)), (1, 13, RED)]
)
def test_colours_that_only_the_stream_names_are_worked_in(
    primaries: int, transfer: int, stored: tuple[int, int, int], subsampling: str
) -> None:
    data = told_inside(primaries, transfer, stored, subsampling=subsampling)
    assert (named(data), named_in_av1(data)) == (None, Colours(primaries, transfer))
    assert close(kept_image(data).getpixel((150, 150)), RED, by=10)


def test_what_the_boxes_say_goes_before_what_the_stream_says() -> None:
    data = told_inside(9, 13, P3_RED).replace(b"free", b"colr", 1)
    assert (named(data), named_in_av1(data)) == (Colours(1, 13), Colours(9, 13))
    assert close(kept_image(data).getpixel((150, 150)), P3_RED, by=10)


P3 = told_inside(12, 13, P3_RED)
STREAM = P3.index(b"mdat") + 4


def test_an_item_is_found_in_its_file() -> None:
    (number, kind), *_ = items(P3)
    assert kind == b"av01"
    assert item_data(P3, number) == P3[STREAM:]
    assert item_data(P3, number + 99) == b""


@pytest.mark.parametrize("end", [*range(0, STREAM, 5), *range(STREAM, STREAM + 24)])
def test_a_file_that_breaks_off_names_nothing_or_what_it_has_named(end: int) -> None:
    assert named_in_av1(P3[:end]) in {None, Colours(12, 13)}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, STREAM + 24), st.integers(0, 255)), min_size=1, max_size=6))
def test_bytes_that_make_no_sense_name_nothing_or_something(changes: list[tuple[int, int]]) -> None:
    data = bytearray(P3)
    for at, value in changes:
        data[at] = value
    assert named_in_av1(bytes(data)) is None or isinstance(named_in_av1(bytes(data)), Colours)


def test_pieces_that_are_described_in_no_bytes_take_no_time() -> None:
    # Version 0, sizes of nothing, 40,000 items of 65,535 pieces each.
    entries = b"".join(number.to_bytes(2, "big") + b"\0\0\xff\xff" for number in range(2, 40_002))
    iloc = b"\0\0\0\0\0\0" + (40_000).to_bytes(2, "big") + entries
    box = (len(iloc) + 8).to_bytes(4, "big") + b"iloc" + iloc
    meta = (len(box) + 12).to_bytes(4, "big") + b"meta\0\0\0\0" + box
    assert item_data(meta, 1) == b""
