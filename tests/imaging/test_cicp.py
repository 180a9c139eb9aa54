"""Colours that a HEIC, AVIF or PNG file names by number and not by a profile."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.imaging.cicp import Colours, named, named_in_png, profile
from tests.imaging.made import close, file_of, kept, kept_image, swapped_profile

RED, GREEN = (255, 0, 0), (0, 255, 0)
GREY = (128, 128, 128)
# What the colours of sRGB are called elsewhere, by the definitions of these spaces.
BY_OTHER_NUMBERS = {
    "red in Display P3": (12, 13, (234, 51, 35), RED),
    "green in Display P3": (12, 13, (117, 251, 76), GREEN),
    "red in BT.2020": (9, 13, (207, 74, 34), RED),
    "green in BT.2020": (9, 13, (155, 246, 84), GREEN),
    "grey in Display P3": (12, 13, GREY, GREY),
    "grey of a linear scale": (1, 8, (55, 55, 55), GREY),
    "red in sRGB": (1, 13, RED, RED),
    "red in BT.709 as a film has it": (1, 1, RED, RED),
    "red that is left open": (2, 2, RED, RED),
    "white paper in high dynamic range": (9, 16, (148, 148, 148), (244, 244, 244)),
    "white paper in hybrid log-gamma": (9, 18, (191, 191, 191), (244, 244, 244)),
}


def of_numbers(
    encoder: str, primaries: int, transfer: int, colour: tuple[int, int, int], **more: bytes
) -> bytes:
    """A picture of one colour whose file names its colours by these numbers."""
    data = bytearray(file_of(Image.new("RGB", (300, 300), colour), encoder, **more))
    if encoder == "PNG":
        return with_chunk(bytes(data), bytes((primaries, transfer, 0, 1)))
    if b"nclx" in data:
        struct.pack_into(">HH", data, data.index(b"nclx") + 4, primaries, transfer)
    return bytes(data)


def with_chunk(data: bytes, told: bytes, name: bytes = b"cICP") -> bytes:
    """A PNG with one chunk more, after its first."""
    first = 8 + 12 + 13
    chunk = struct.pack(">I", len(told)) + name + told + struct.pack(">I", zlib.crc32(name + told))
    return data[:first] + chunk + data[first:]


@pytest.mark.parametrize("encoder", ["AVIF", "HEIF", "PNG"])
@pytest.mark.parametrize("name", BY_OTHER_NUMBERS)
def test_colours_named_by_number_are_worked_in(name: str, encoder: str) -> None:
    primaries, transfer, stored, wanted = BY_OTHER_NUMBERS[name]
    data = of_numbers(encoder, primaries, transfer, stored)
    assert (named_in_png if encoder == "PNG" else named)(data) == Colours(primaries, transfer)
    assert close(kept_image(data).getpixel((150, 150)), wanted, by=8)


@pytest.mark.parametrize("encoder", ["AVIF", "HEIF"])
def test_a_profile_goes_before_numbers(encoder: str) -> None:
    data = of_numbers(encoder, 12, 13, RED, icc_profile=swapped_profile())
    assert close(kept_image(data).getpixel((150, 150)), GREEN, by=40)


def test_in_a_png_numbers_go_before_a_profile() -> None:
    data = of_numbers("PNG", 12, 13, (234, 51, 35), icc_profile=swapped_profile())
    assert close(kept_image(data).getpixel((150, 150)), RED, by=8)


@pytest.mark.parametrize(
    "told",
    [bytes((9, 16, 1, 1)), bytes((9, 16, 0, 0)), bytes((12, 13, 0)), bytes((12, 13, 0, 1, 0)), b""],
    ids=["no red, green and blue", "of a narrow range", "too short", "too long", "empty"],
)
def test_numbers_that_make_no_sense_in_a_png_are_left_alone(told: bytes) -> None:
    plain = file_of(Image.new("RGB", (300, 300), RED), "PNG")
    assert named_in_png(with_chunk(plain, told)) is None
    assert kept(with_chunk(plain, told))[0] == kept(plain)[0]


def test_numbers_behind_the_pixels_of_a_png_say_nothing() -> None:
    plain = file_of(Image.new("RGB", (300, 300), RED), "PNG")
    end = plain.index(b"IEND") - 4
    late = with_chunk(plain, bytes((12, 13, 0, 1)))[33 : 33 + 16]
    assert named_in_png(plain[:end] + late + plain[end:]) is None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=80), st.integers(0, 80))
def test_a_png_of_any_bytes_names_nothing_or_something(rest: bytes, end: int) -> None:
    for data in (rest, P3_PNG[:8] + rest, P3_PNG[:end]):
        assert named_in_png(data) in {None, Colours(12, 13)} or isinstance(named_in_png(data), Colours)


@given(
    st.tuples(*[st.integers(0, 255)] * 3),
    st.sampled_from([9, 12]),
    st.sampled_from(["RGB", "RGBA", "P"]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_png_that_names_its_colours_looks_like_one_with_a_profile_of_the_same_meaning(
    colour: tuple[int, int, int], primaries: int, mode: str
) -> None:
    image = Image.new("RGB", (260, 260), colour).convert(mode)
    by_number = with_chunk(file_of(image, "PNG"), bytes((primaries, 13, 0, 1)))
    by_profile = file_of(image, "PNG", icc_profile=profile(Colours(primaries, 13)))
    assert kept(by_number)[0] == kept(by_profile)[0]


@pytest.mark.parametrize(("primaries", "transfer"), [(1, 13), (1, 1), (2, 2), (200, 300)])
def test_what_is_srgb_by_number_or_nothing_that_is_known_has_no_profile(
    primaries: int, transfer: int
) -> None:
    assert profile(Colours(primaries, transfer)) is None


P3 = of_numbers("AVIF", 12, 13, (234, 51, 35))
HEAD = P3.index(b"mdat")
P3_PNG = of_numbers("PNG", 12, 13, (234, 51, 35))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(8, HEAD - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_boxes_that_make_no_sense_name_nothing_or_something(changes: list[tuple[int, int]]) -> None:
    data = bytearray(P3)
    for at, value in changes:
        data[at] = value
    assert named(bytes(data)) is None or isinstance(named(bytes(data)), Colours)


@pytest.mark.parametrize("end", range(0, HEAD, 7))
def test_a_file_that_breaks_off_names_nothing_or_what_it_has_named(end: int) -> None:
    assert named(P3[:end]) in {None, Colours(12, 13)}


def test_a_file_of_another_kind_names_nothing() -> None:
    assert named(file_of(Image.new("RGB", (300, 300)), "JPEG")) is None
    assert kept(P3)[1].width == 300
