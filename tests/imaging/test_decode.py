"""What happens to the bytes of a photo: upright, plain, always the same; or refused with the right word."""

from __future__ import annotations

import io
import itertools
import struct
import zlib

import pytest
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from bot.imaging.decode import MAX_PIXELS, MIN_SIDE, decode
from bot.imaging.faults import Fault, Unusable
from bot.imaging.kinds import Kind
from bot.imaging.plain import KEPT_BYTES, KEPT_SIDE, encode
from tests.imaging.made import (
    BLUE,
    GREEN,
    HIGH,
    ORIENTATION,
    RED,
    SECRET,
    WHITE,
    WIDE,
    close,
    corners,
    file_of,
    held,
    kept,
    kept_image,
    png_bomb,
    png_chunk,
    scene,
    swapped_profile,
    turned,
)

LOSSLESS = ("PNG", "BMP", "TIFF", "WEBP")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def fault(data: bytes) -> Fault:
    with pytest.raises(Unusable) as unusable:
        kept(data)
    return unusable.value.fault


def is_upright(image: Image.Image, by: int = 24) -> bool:
    wide, high = image.size
    places = ((20, 20), (wide - 20, 20), (20, high - 20), (wide - 20, high - 20))
    found = [image.getpixel(place) for place in places]
    return all(close(one, wanted, by) for one, wanted in zip(found, (RED, GREEN, BLUE, WHITE), strict=True))


# -- upright


@pytest.mark.parametrize(
    ("orientation", "encoder"), list(itertools.product(range(1, 9), ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")))
)
def test_a_photo_is_turned_upright_and_forgets_how_it_was_held(orientation: int, encoder: str) -> None:
    data = file_of(turned(corners(), orientation), encoder, exif=held(orientation))
    made, decoded = kept(data)
    image = Image.open(io.BytesIO(made))
    assert image.size == (decoded.width, decoded.height) == (WIDE, HIGH)
    assert is_upright(image)
    assert image.getexif().get(ORIENTATION) is None


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_what_a_heic_file_says_of_its_turn_is_done_once(orientation: int) -> None:
    # The encoder writes both: the container's own turn, and the camera's tag, which would turn it again.
    data = file_of(turned(corners(), orientation), "HEIF", exif=held(orientation))
    assert b"irot" in data or b"imir" in data or orientation == 1
    made, decoded = kept(data)
    assert (decoded.kind, decoded.width, decoded.height) == (Kind.HEIC, WIDE, HIGH)
    assert is_upright(Image.open(io.BytesIO(made)), by=40)


@pytest.mark.parametrize(("tag", "kind"), [(0x011A, 2), (0x011A, 7), (0x0100, 2), (0x0103, 7)])
def test_a_tag_of_the_wrong_kind_does_not_keep_a_photo_from_being_turned_upright(tag: int, kind: int) -> None:
    fields = sorted([(ORIENTATION, 3, 1, struct.pack(">HH", 6, 0)), (tag, kind, 4, b"abc\0")])
    written = b"".join(struct.pack(">HHL", *field[:3]) + field[3] for field in fields)
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(fields)) + written + bytes(4)
    assert kept_image(file_of(corners(), "JPEG", exif=exif)).size == (HIGH, WIDE)


# -- plain


def in_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.frombytes("I;16", (300, 300), struct.pack("<H", 0x8000) * 90_000)
    grey = Image.new("RGB", (300, 300), (128, 128, 128))
    return grey.quantize(4) if mode == "P" else grey.convert(mode)


@pytest.mark.parametrize(
    ("mode", "encoder"),
    [
        *((mode, "JPEG") for mode in ("L", "CMYK")),
        *((mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *((mode, "TIFF") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "YCbCr", "LAB")),
        *((mode, "WEBP") for mode in ("RGB", "RGBA")),
        *((mode, "BMP") for mode in ("1", "L", "P", "RGB")),
        *((mode, "GIF") for mode in ("L", "P")),
        *((mode, "AVIF") for mode in ("L", "RGB", "RGBA")),
    ],
)
def test_every_kind_of_pixel_becomes_plain_rgb_of_the_same_grey(mode: str, encoder: str) -> None:
    image = in_mode("RGB" if mode == "LAB" else mode)
    if mode == "LAB":
        image = (
            ImageCms.profileToProfile(
                image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
            )
            or image
        )
    found = kept_image(file_of(image, encoder))
    assert (found.mode, found.format) == ("RGB", "JPEG")
    if mode != "1":
        assert close(found.getpixel((150, 150)), (128, 128, 128), by=6)


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 0x8000)])
def test_numbers_wider_than_a_photo_has_are_brought_into_its_range(mode: str, value: float) -> None:
    image = Image.new(mode, (300, 300), value)
    image.paste(value * 2 if mode == "F" else 0xFFFF, (0, 0, 300, 150))
    image.paste(0, (0, 290, 300, 300))
    found = kept_image(file_of(image, "TIFF"))
    assert close(found.getpixel((20, 20)), WHITE)
    assert close(found.getpixel((20, 200)), (128, 128, 128), by=6)


def test_a_picture_of_no_numbers_is_damaged() -> None:
    assert fault(file_of(Image.new("F", (300, 300), float("nan")), "TIFF")) is Fault.DAMAGED


@pytest.mark.parametrize("profile", [None, SRGB], ids=["bare", "with a colour profile"])
@pytest.mark.parametrize(
    ("mode", "encoder"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")]
)
def test_what_is_transparent_is_white(mode: str, encoder: str, profile: bytes | None) -> None:
    extra = {"icc_profile": profile} if profile else {}
    data = file_of(Image.new("RGBA", (300, 300), (200, 0, 0, 0)).convert(mode), encoder, **extra)
    assert kept_image(data).getpixel((10, 10)) == WHITE


def test_a_palette_with_a_transparent_entry_is_white_there() -> None:
    image = Image.new("P", (300, 300), 0)
    image.putpalette([200, 0, 0, *([0] * 765)])
    assert kept_image(file_of(image, "PNG", transparency=0)).getpixel((10, 10)) == WHITE
    assert kept_image(file_of(image, "GIF", transparency=0)).getpixel((10, 10)) == WHITE


@pytest.mark.parametrize("encoder", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_colour_profile_is_worked_in(encoder: str) -> None:
    found = kept_image(file_of(corners(), encoder, icc_profile=swapped_profile()))
    assert close(found.getpixel((20, 20)), GREEN, by=40)
    assert close(found.getpixel((WIDE - 20, 20)), RED, by=40)
    assert "icc_profile" not in found.info


@pytest.mark.parametrize(
    "profile",
    [b"not a profile", swapped_profile()[:200], bytes(5_000_000)],
    ids=["words", "cut", "five megabytes"],
)
def test_a_profile_that_cannot_be_read_is_not_there(profile: bytes) -> None:
    assert is_upright(kept_image(file_of(corners(), "TIFF", icc_profile=profile)))


def test_a_profile_of_another_colour_space_is_not_there() -> None:
    found = kept_image(file_of(Image.new("L", (300, 300), 128), "PNG", icc_profile=swapped_profile()))
    assert close(found.getpixel((9, 9)), (128, 128, 128), by=4)


def test_large_pictures_with_alpha_and_palette_go_through_in_bands_and_stay_whole() -> None:
    size = (4400, 3300)
    large = corners(size)
    for image in (corners((44, 33)).quantize(8).resize(size), large.convert("RGBA"), large.convert("CMYK")):
        encoder = "TIFF" if image.mode == "CMYK" else "PNG"
        found = kept_image(file_of(image, encoder, **({"compress_level": 1} if encoder == "PNG" else {})))
        assert is_upright(found)
        assert found.size == (2048, 1536)


@pytest.mark.parametrize(("mode", "orientation"), [("RGB", 1), ("RGB", 6), ("RGBA", 3), ("L", 1)])
def test_a_large_heic_goes_through_in_bands_and_stays_whole(mode: str, orientation: int) -> None:
    image = turned(corners((4400, 3300)), orientation).convert(mode)
    made, decoded = kept(file_of(image, "HEIF", exif=held(orientation)))
    assert (decoded.width, decoded.height) == (4400, 3300)
    found = Image.open(io.BytesIO(made))
    assert found.size == (2048, 1536)
    assert is_upright(found, by=40) or mode == "L"


# -- what is kept


def test_metadata_never_survives() -> None:
    exif = held(1, description=SECRET.decode())
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", SECRET.decode())
    words.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x010E] = SECRET.decode()
    files = [
        file_of(corners(), "JPEG", exif=exif, comment=SECRET, xmp=SECRET),
        file_of(corners(), "PNG", exif=exif, pnginfo=words),
        file_of(corners(), "WEBP", exif=exif, xmp=SECRET),
        file_of(corners(), "AVIF", exif=exif, xmp=SECRET),
        file_of(corners(), "HEIF", exif=exif, xmp=SECRET),
        file_of(corners(), "TIFF", tiffinfo=tags),
        file_of(corners(), "GIF", comment=SECRET),
    ]
    for data in files:
        assert SECRET in data
        made, _ = kept(data + SECRET)
        assert SECRET not in made
        left = {key for key, value in Image.open(io.BytesIO(made)).info.items() if value}
        assert left <= {"jfif", "jfif_version", "jfif_density"}


def test_the_same_picture_in_any_lossless_file_gives_the_same_bytes() -> None:
    image = scene()
    assert len({kept(file_of(image, encoder))[0] for encoder in LOSSLESS}) == 1


def test_another_camera_word_for_the_same_picture_changes_nothing() -> None:
    image = scene()
    bare, told = (
        file_of(image, "JPEG"),
        file_of(image, "JPEG", exif=held(1, description="by Ana"), comment=b"hi"),
    )
    assert bare != told
    assert kept(bare)[0] == kept(told)[0]


def test_a_photo_larger_than_a_model_can_use_is_made_smaller_and_keeps_its_shape() -> None:
    data = file_of(Image.new("RGB", (6000, 4500), "teal"), "JPEG")
    made, decoded = kept(data)
    assert Image.open(io.BytesIO(made)).size == (KEPT_SIDE, KEPT_SIDE * 3 // 4)
    assert (decoded.width, decoded.height) == (6000, 4500)


@pytest.mark.parametrize("size", [(4032, 3024), (3024, 4032), (8160, 6120), (3000, 2250), (1500, 1000)])
def test_what_is_kept_is_as_large_as_the_photo_allows(size: tuple[int, int]) -> None:
    longer = max(kept_image(file_of(Image.new("RGB", size, "teal"), "JPEG")).size)
    assert min(max(size), 1920) <= longer <= KEPT_SIDE


def test_the_largest_photo_is_within_the_strictest_limit_of_a_vendor() -> None:
    noise = Image.merge("RGB", [Image.effect_noise((KEPT_SIDE, KEPT_SIDE), 120) for _ in range(3)])
    assert len(encode(noise)) <= KEPT_BYTES


# -- several in one file


def animation(encoder: str) -> bytes:
    out = io.BytesIO()
    frames = [corners(), Image.new("RGB", (WIDE, HIGH), "black"), Image.new("RGB", (WIDE, HIGH), "black")]
    frames[0].save(out, encoder, save_all=True, append_images=frames[1:], duration=50)
    return out.getvalue()


@pytest.mark.parametrize("encoder", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_several_pictures_the_first_is_taken_and_that_is_said(encoder: str) -> None:
    made, decoded = kept(animation(encoder))
    assert decoded.first_of_several
    assert is_upright(Image.open(io.BytesIO(made)), by=60)


@pytest.mark.parametrize("encoder", ["GIF", "WEBP", "PNG", "TIFF", "AVIF", "JPEG", "BMP"])
def test_of_one_picture_nothing_is_said(encoder: str) -> None:
    assert not kept(file_of(corners(), encoder))[1].first_of_several


# -- refused


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", Fault.EMPTY),
        (b"I am a text and my name is photo.jpg", Fault.NOT_A_PHOTO),
        (b"<!DOCTYPE html><html>log in</html>", Fault.NOT_A_PHOTO),
        (b"%PDF-1.7 and so on", Fault.NOT_A_PHOTO),
        (b"PK\x03\x04 and so on", Fault.NOT_A_PHOTO),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", Fault.NOT_A_PHOTO),
        (b"\xff\xd8", Fault.NOT_A_PHOTO),
        (b"II*\0\x10\0\0\0CR\x02\0", Fault.RAW),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", Fault.RAW),
        (b"GIF89a" + bytes(100), Fault.DAMAGED),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Fault.DAMAGED),
        (b"\xff\xd8\xff\xe0 and then words", Fault.DAMAGED),
        (b"\x89PNG\r\n\x1a\n and then words", Fault.DAMAGED),
        (b"MM\0* and then words", Fault.DAMAGED),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic and then words", Fault.DAMAGED),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif and then words", Fault.DAMAGED),
    ],
)
def test_what_is_no_photo_is_named_by_its_bytes(data: bytes, why: Fault) -> None:
    assert fault(data) is why


def test_a_heif_coded_in_a_way_that_is_not_read_is_no_damaged_one() -> None:
    data = file_of(corners(), "HEIF")
    assert fault(data.replace(b"hvc1", b"vvc1")) is Fault.NOT_A_PHOTO
    assert fault(data.replace(b"hvc1", b"unci")) is Fault.NOT_A_PHOTO
    assert fault(data[: data.index(b"mdat") + 20]) is Fault.DAMAGED
    assert fault(data.replace(b"hvc1", b"vvc1")[:120]) is Fault.DAMAGED


def test_an_undeveloped_picture_in_a_tiff_is_told_from_a_tiff() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[50706] = b"\x01\x04\0\0"
    tags.tagtype[50706] = 1
    assert fault(file_of(corners(), "TIFF", tiffinfo=tags)) is Fault.RAW


@pytest.mark.parametrize("side", [8_001, 12_000, 20_000, 60_000])
def test_a_bomb_is_refused_by_its_header_and_never_decoded(side: int) -> None:
    assert fault(png_bomb(side, side)) is Fault.TOO_MANY_PIXELS


def test_the_largest_photo_is_taken_and_a_row_more_is_not() -> None:
    width = 20_000
    assert fault(png_bomb(width, MAX_PIXELS // width + 1)) is Fault.TOO_MANY_PIXELS
    assert fault(png_bomb(width, MAX_PIXELS // width)) is Fault.DAMAGED


@pytest.mark.parametrize("size", [(MIN_SIDE - 1, 2000), (2000, MIN_SIDE - 1), (1, 1)])
def test_a_photo_too_small_to_learn_from_is_refused_and_its_size_told(size: tuple[int, int]) -> None:
    with pytest.raises(Unusable) as unusable:
        decode(file_of(Image.new("RGB", size), "PNG"))
    assert (unusable.value.fault, (unusable.value.width, unusable.value.height)) == (Fault.TOO_SMALL, size)


def test_the_smallest_photo_is_taken() -> None:
    assert kept_image(file_of(Image.new("RGB", (MIN_SIDE, MIN_SIDE)), "PNG")).width == MIN_SIDE


def test_a_strip_that_would_be_too_small_once_it_is_cut_to_size_is_refused() -> None:
    assert fault(file_of(Image.new("RGB", (2600, 300)), "PNG")) is Fault.TOO_NARROW
    assert min(kept_image(file_of(Image.new("RGB", (2400, 300)), "PNG")).size) == MIN_SIDE


def test_a_jpeg_that_wants_to_be_gone_through_a_thousand_times_is_refused() -> None:
    data = file_of(scene(), "JPEG", progressive=True)
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff", start + 14)
    scans = data[:end] + data[start:end] * 1000 + data[end:]
    assert fault(scans) is Fault.TOO_DEMANDING
    assert kept(data)


def test_scans_that_are_never_looked_at_do_not_count() -> None:
    # Telephones put a film or more pictures behind the picture.
    assert kept(file_of(scene(), "JPEG") + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 1000)


def test_a_png_whose_words_unfold_without_end_is_no_danger() -> None:
    bomb = png_chunk(b"zTXtComment\0\0" + zlib.compress(bytes(50_000_000)))
    data = file_of(corners(), "PNG")
    at = data.index(b"IDAT") - 4
    assert fault(data[:at] + bomb + data[at:]) is Fault.DAMAGED


@pytest.mark.parametrize("encoder", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
def test_a_photo_cut_off_anywhere_is_damaged(encoder: str, part: float) -> None:
    noise = Image.frombytes("RGB", (300, 300), bytes((n * n * 31 + n // 7) % 251 for n in range(270_000)))
    data = file_of(noise, encoder)
    assert fault(data[: int(len(data) * part)]) is Fault.DAMAGED
