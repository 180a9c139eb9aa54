"""What happens to the bytes of a photo: upright, plain, always the same; or refused with the right word."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from bot.services.errors import PhotoRefused
from bot.services.imaging import MAX_PIXELS, MIN_SIDE, Normalised, normalise
from storage.records import Refusal
from tests.stand_ins import picture

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
WIDE, HIGH = 400, 300
ORIENTATION = 0x0112
SECRET = b"51.5007 N 0.1246 W"


def corners() -> Image.Image:
    """Red at the top left, green at the top right, blue at the bottom left, white at the bottom right."""
    made = Image.new("RGB", (WIDE, HIGH))
    for colour, at in ((RED, (0, 0)), (GREEN, (1, 0)), (BLUE, (0, 1)), (WHITE, (1, 1))):
        made.paste(
            colour, (at[0] * WIDE // 2, at[1] * HIGH // 2, (at[0] + 1) * WIDE // 2, (at[1] + 1) * HIGH // 2)
        )
    return made


_STORED = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}
"""How a camera held that way stores the upright picture: the inverse of what its tag asks for."""


def encode(image: Image.Image, encoder: str, **extra: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, encoder, **({"quality": 95, "subsampling": 0} if encoder == "JPEG" else {}), **extra)
    return out.getvalue()


def opened(made: Normalised) -> Image.Image:
    return Image.open(io.BytesIO(made.data))


def close(found: Any, wanted: tuple[int, int, int], by: int = 24) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


def refusal(data: bytes) -> Refusal:
    with pytest.raises(PhotoRefused) as refused:
        normalise(data)
    return refused.value.refusal


@pytest.mark.parametrize(("tag", "kind"), [(0x011A, 2), (0x011A, 7), (0x0100, 2), (0x0103, 7)])
def test_a_tag_of_the_wrong_kind_does_not_keep_a_photo_from_being_turned_upright(tag: int, kind: int) -> None:
    fields = sorted([(ORIENTATION, 3, 1, struct.pack(">HH", 6, 0)), (tag, kind, 4, b"abc\0")])
    written = b"".join(struct.pack(">HHL", *field[:3]) + field[3] for field in fields)
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(fields)) + written + bytes(4)
    made = normalise(encode(corners(), "JPEG", exif=exif))
    assert (made.width, made.height) == (HIGH, WIDE)


@pytest.mark.parametrize(("orientation", "encoder"), list(itertools.product(_STORED, ("JPEG", "PNG"))))
def test_a_photo_is_turned_upright_and_forgets_how_it_was_held(orientation: int, encoder: str) -> None:
    stored = corners()
    for step in _STORED[orientation]:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    made = normalise(encode(stored, encoder, exif=exif))
    image = opened(made)
    assert image.size == (made.width, made.height) == (WIDE, HIGH)
    assert close(image.getpixel((20, 20)), RED)
    assert close(image.getpixel((WIDE - 20, 20)), GREEN)
    assert close(image.getpixel((20, HIGH - 20)), BLUE)
    assert close(image.getpixel((WIDE - 20, HIGH - 20)), WHITE)
    assert image.getexif().get(ORIENTATION) is None


def in_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.frombytes("I;16", (300, 300), struct.pack("<H", 0x8000) * 90_000)
    grey = Image.new("RGB", (300, 300), (128, 128, 128))
    return grey.quantize(4) if mode == "P" else grey.convert(mode)


@pytest.mark.parametrize(
    ("mode", "encoder"),
    [
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        *((mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    ],
)
def test_every_kind_of_pixel_becomes_plain_rgb_of_the_same_grey(mode: str, encoder: str) -> None:
    made = normalise(encode(in_mode(mode), encoder))
    image = opened(made)
    assert (image.mode, image.format) == ("RGB", encoder)
    assert made.media_type == f"image/{encoder.lower()}"
    if mode != "1":
        assert close(image.getpixel((150, 150)), (128, 128, 128), by=6)


@pytest.mark.parametrize("profile", [False, True], ids=["bare", "with a colour profile"])
def test_what_is_transparent_is_white(profile: bool) -> None:
    extra = (
        {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()} if profile else {}
    )
    made = normalise(encode(Image.new("RGBA", (300, 300), (200, 0, 0, 0)), "PNG", **extra))
    assert opened(made).getpixel((10, 10)) == WHITE


def test_a_palette_with_a_transparent_entry_is_white_there() -> None:
    image = Image.new("P", (300, 300), 0)
    image.putpalette([200, 0, 0, *([0] * 765)])
    assert opened(normalise(encode(image, "PNG", transparency=0))).getpixel((10, 10)) == WHITE


def test_a_colour_profile_is_worked_in_and_a_broken_one_is_ignored() -> None:
    for icc in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"not a profile"):
        image = opened(
            normalise(encode(Image.new("RGB", (300, 300), (10, 200, 30)), "JPEG", icc_profile=icc))
        )
        assert close(image.getpixel((10, 10)), (10, 200, 30), by=6)
        assert "icc_profile" not in image.info


def test_metadata_never_survives() -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[1] = SECRET.decode()
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", SECRET.decode())
    words.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    jpeg = encode(corners(), "JPEG", exif=exif, comment=SECRET, xmp=SECRET)
    png = encode(corners(), "PNG", exif=exif, pnginfo=words)
    for data in (jpeg + SECRET, png + SECRET):
        assert SECRET in data
        made = normalise(data)
        assert SECRET not in made.data
        kept = {key for key, value in opened(made).info.items() if value}
        assert kept <= {"jfif", "jfif_version", "jfif_density"}


@pytest.mark.parametrize("encoder", ["JPEG", "PNG"])
def test_the_same_file_gives_the_same_bytes_and_what_we_made_stays_readable(encoder: str) -> None:
    data = encode(corners(), encoder)
    first, second = normalise(data), normalise(data)
    assert first == second
    again = normalise(first.data)
    assert (again.width, again.height, again.media_type) == (first.width, first.height, first.media_type)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", Refusal.EMPTY),
        (b"I am a text and my name is photo.jpg", Refusal.NOT_A_PHOTO),
        (b"<!DOCTYPE html><html>log in</html>", Refusal.NOT_A_PHOTO),
        (b"GIF89a" + bytes(100), Refusal.NOT_A_PHOTO),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Refusal.NOT_A_PHOTO),
        (b"\xff\xd8", Refusal.NOT_A_PHOTO),
        (b"\xff\xd8\xff\xe0 and then words", Refusal.DAMAGED),
        (b"\x89PNG\r\n\x1a\n and then words", Refusal.DAMAGED),
    ],
)
def test_what_is_no_photo_is_named_by_its_bytes(data: bytes, why: Refusal) -> None:
    assert refusal(data) is why


@pytest.mark.parametrize("encoder", ["JPEG", "PNG"])
@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
def test_a_photo_cut_off_anywhere_is_damaged(encoder: str, part: float) -> None:
    noise = Image.frombytes("RGB", (300, 300), bytes((n * n * 31 + n // 7) % 251 for n in range(270_000)))
    data = encode(noise, encoder)
    assert refusal(data[: int(len(data) * part)]) is Refusal.DAMAGED


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises very many pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(100))
    chunks = (
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (header, body)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("side", [6_400, 12_000, 20_000, 60_000])
def test_a_bomb_is_refused_by_its_header_and_never_decoded(side: int) -> None:
    assert refusal(bomb(side, side)) is Refusal.TOO_MANY_PIXELS


def test_the_largest_photo_is_taken_and_a_row_more_is_not() -> None:
    width = 20_000
    assert refusal(bomb(width, MAX_PIXELS // width + 1)) is Refusal.TOO_MANY_PIXELS
    assert refusal(bomb(width, MAX_PIXELS // width)) is Refusal.DAMAGED


@pytest.mark.parametrize("size", [(MIN_SIDE - 1, 2000), (2000, MIN_SIDE - 1), (1, 1)])
def test_a_photo_too_small_to_learn_from_is_refused(size: tuple[int, int]) -> None:
    assert refusal(picture(size=size, encoder="PNG")) is Refusal.TOO_SMALL


def test_the_smallest_photo_is_taken() -> None:
    assert normalise(picture(size=(MIN_SIDE, MIN_SIDE))).width == MIN_SIDE


def test_a_photo_larger_than_a_model_can_use_is_made_smaller_and_keeps_its_shape() -> None:
    out = io.BytesIO()
    Image.new("RGB", (6000, 4500), "teal").save(out, "JPEG")
    made = normalise(out.getvalue())
    assert (made.width, made.height) == (4096, 3072)
