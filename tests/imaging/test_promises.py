"""What is promised of every photo: upright, plain, without a word of its maker's, always the same."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from bot.imaging.decode import decode
from bot.imaging.kinds import Kind
from bot.imaging.sheet import preview
from tests.imaging.made import (
    BLUE,
    GREEN,
    RED,
    SECRET,
    WHITE,
    close,
    corners,
    file_of,
    held,
    kept,
    png_chunk,
    scene,
    swapped_profile,
    turned,
)

MODES: Final = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "L", "LA", "P"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("RGB", "RGBA", "L", "LA", "P", "CMYK"),
    "BMP": ("RGB", "L", "P"),
    "GIF": ("L", "P"),
    "AVIF": ("RGB", "RGBA", "L"),
    "HEIF": ("RGB", "RGBA", "L"),
}
HELD: Final = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
"""Formats that say how the camera was held."""
PROFILED: Final = HELD
"""Formats that hold a colour profile."""
PROFILES: Final = {
    "none": None,
    "sRGB": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "swapped": swapped_profile(),
}
SIZES: Final = st.tuples(st.integers(256, 420), st.integers(256, 420))
MANY: Final = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@dataclass(frozen=True)
class Case:
    """A photo as somebody may have made it."""

    encoder: str
    mode: str
    orientation: int
    profile: str
    size: tuple[int, int]

    def file(self) -> bytes:
        """The file of it."""
        image = corners(self.size)
        image = image.quantize(8) if self.mode == "P" else image.convert(self.mode)
        extra: dict[str, object] = {}
        if self.orientation > 1:
            image, extra = turned(image, self.orientation), {"exif": held(self.orientation)}
        if PROFILES[self.profile]:
            extra["icc_profile"] = PROFILES[self.profile]
        return file_of(image, self.encoder, **extra)

    def colours(self) -> tuple[tuple[int, int, int], ...]:
        """What is to be seen in its corners. A profile of red, green and blue says nothing of greys."""
        if self.mode in {"L", "LA"}:
            return (76, 76, 76), (150, 150, 150), (29, 29, 29), WHITE
        swapped = self.profile == "swapped" and self.mode != "CMYK"
        return (GREEN, RED, BLUE, WHITE) if swapped else (RED, GREEN, BLUE, WHITE)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    encoder = draw(st.sampled_from(sorted(MODES)))
    return Case(
        encoder,
        draw(st.sampled_from(MODES[encoder])),
        draw(st.integers(1, 8)) if encoder in HELD else 1,
        draw(st.sampled_from(sorted(PROFILES))) if encoder in PROFILED else "none",
        draw(SIZES),
    )


@MANY
@given(cases())
def test_every_photo_is_kept_upright_in_srgb_and_in_one_format(case: Case) -> None:
    made, decoded = kept(case.file())
    image = Image.open(io.BytesIO(made))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", case.size)
    assert (decoded.width, decoded.height) == case.size
    wide, high = case.size
    places = ((20, 20), (wide - 20, 20), (20, high - 20), (wide - 20, high - 20))
    for place, wanted in zip(places, case.colours(), strict=True):
        assert close(image.getpixel(place), wanted, by=48)


# -- nothing of its maker's


def _segment(number: int, content: bytes) -> bytes:
    return bytes([0xFF, number]) + (len(content) + 2).to_bytes(2, "big") + content


def _after_start(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def _exif() -> Image.Exif:
    """A place, a maker's own notes, a serial number, a name and a thumbnail."""
    exif = held(1, description=SECRET.decode())
    inner = exif.get_ifd(0x8769)
    inner[0x927C], inner[0xA431], inner[0x9286] = SECRET * 3, SECRET.decode(), SECRET
    exif[0x9C9D] = SECRET
    return exif


_FACES: Final = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><mwg-rs:Name>" + SECRET + b"</mwg-rs:Name></x:xmpmeta>"
_TOLD_PROFILE: Final = swapped_profile().replace(b"made here", SECRET[:9])
_THUMBNAIL: Final = file_of(corners((64, 64)), "JPEG", comment=SECRET)
_FILM: Final = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\1\0mdat" + SECRET.ljust(248, b"\0")


def _jpeg_of_all() -> bytes:
    data = file_of(scene(), "JPEG", exif=_exif(), comment=SECRET, xmp=_FACES, icc_profile=_TOLD_PROFILE)
    return _after_start(
        data,
        _segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + SECRET),
        _segment(0xE2, b"MPF\0" + SECRET),
        _segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x12" + SECRET),
        *(_segment(number, SECRET) for number in range(0xE3, 0xF0)),
        _segment(0xFE, SECRET),
    )


def _png_of_all() -> bytes:
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", SECRET.decode())
    words.add_text("Author", SECRET.decode(), zip=True)
    words.add_itxt("XML:com.adobe.xmp", _FACES.decode())
    data = file_of(scene(), "PNG", exif=_exif(), pnginfo=words, icc_profile=_TOLD_PROFILE)
    at, end = data.index(b"IDAT") - 4, data.rindex(b"IEND") - 4
    own, late = png_chunk(b"caNv" + SECRET), png_chunk(b"tEXtlate\0" + SECRET)
    zipped = png_chunk(b"zTXtnote\0\0" + zlib.compress(SECRET))
    return data[:at] + own + zipped + data[at:end] + late + data[end:]


def _boxed_of_all(encoder: str) -> bytes:
    data = file_of(scene(), encoder, exif=_exif(), xmp=_FACES, icc_profile=_TOLD_PROFILE)
    free = (8 + len(SECRET)).to_bytes(4, "big") + b"free" + SECRET
    return data + free + (24 + len(SECRET)).to_bytes(4, "big") + b"uuid" + bytes(16) + SECRET


TALKATIVE: Final[dict[str, Callable[[], bytes]]] = {
    "JPEG": _jpeg_of_all,
    "PNG": _png_of_all,
    "HEIF": lambda: _boxed_of_all("HEIF"),
    "AVIF": lambda: _boxed_of_all("AVIF"),
    "WEBP": lambda: file_of(scene(), "WEBP", exif=_exif(), xmp=_FACES, icc_profile=_TOLD_PROFILE),
    "TIFF": lambda: file_of(scene(), "TIFF", exif=_exif(), icc_profile=_TOLD_PROFILE),
    "GIF": lambda: file_of(scene().quantize(64), "GIF", comment=SECRET),
    "BMP": lambda: file_of(scene(), "BMP"),
}
BEHIND: Final = {"nothing": b"", "words": SECRET, "another photo": _THUMBNAIL, "a film": _FILM}
"""What is found behind pictures: telephones put a second photo there, or a few seconds of film."""


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """The parts of a JPEG up to the picture itself, and what there is behind its end."""
    at, found = 2, []
    while jpeg[at + 1] != 0xDA:
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found.append((jpeg[at + 1], jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
    return [*found, (0xD9, jpeg[jpeg.index(b"\xff\xd9", at) + 2 :])]


@MANY
@given(st.sampled_from(sorted(TALKATIVE)), st.sampled_from(sorted(BEHIND)))
def test_of_all_a_file_says_beside_its_picture_nothing_is_kept(encoder: str, behind: str) -> None:
    data = TALKATIVE[encoder]() + BEHIND[behind]
    assert SECRET in data or encoder == "BMP"
    made, decoded = kept(data)
    for one in (made, preview(decoded.picture)):
        assert SECRET[:9] not in one
        parts = segments(one)
        # Tables, the frame, the sixteen bytes that every JPEG begins with; and behind the picture nothing.
        assert {number for number, _ in parts} <= {0xE0, 0xDB, 0xC0, 0xC4, 0xD9}
        assert [content for number, content in parts if number == 0xE0] == [b"JFIF\0\1\1\0\0\1\0\1\0\0"]
        assert parts[-1] == (0xD9, b"")


# -- the same picture, the same bytes


@MANY
@given(
    number=st.integers(0, 3),
    encoder=st.sampled_from(["PNG", "TIFF", "WEBP"]),
    orientation=st.integers(1, 8),
    profile=st.sampled_from(["none", "sRGB"]),
    behind=st.sampled_from(sorted(BEHIND)),
)
def test_the_same_picture_however_it_was_held_and_stored_gives_the_same_bytes(
    number: int, encoder: str, orientation: int, profile: str, behind: str
) -> None:
    image = drawn(number)
    extra = {"icc_profile": PROFILES[profile]} if PROFILES[profile] else {}
    stored = file_of(turned(image, orientation), encoder, exif=held(orientation), **extra)
    assert kept(stored + BEHIND[behind])[0] == kept(file_of(image, "BMP"))[0]


def drawn(number: int) -> Image.Image:
    """A picture without grain: that would be another one each time."""
    image = corners((300 + number, 280))
    image.paste((90, 40 * number, 120), (50, 60, 140 + number, 150))
    return image


@MANY
@given(st.sampled_from(["JPEG", "AVIF", "HEIF"]), st.binary(max_size=64), st.sampled_from(sorted(BEHIND)))
def test_the_same_picture_under_other_words_gives_the_same_bytes(
    encoder: str, words: bytes, behind: str
) -> None:
    bare = file_of(drawn(1), encoder)
    told = file_of(drawn(1), encoder, xmp=b"<x>" + words.hex().encode() + b"</x>")
    assert kept(told + BEHIND[behind])[0] == kept(bare)[0]


@MANY
@given(cases())
def test_a_file_gives_the_same_bytes_each_time(case: Case) -> None:
    data = case.file()
    assert kept(data)[0] == kept(data)[0]
    again = decode(kept(data)[0])
    assert (again.kind, (again.width, again.height)) == (Kind.JPEG, case.size)
