"""Files made to harm: each with what becomes of it."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import Image

from bot.imaging.decode import MAX_PIXELS
from bot.imaging.faults import Fault
from tests.imaging.made import corners, file_of, held, png_bomb, png_chunk, scene

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "TIFF", "BMP")
OK = None
"""It is a photo after all."""


def small(encoder: str) -> bytes:
    """A real photo as a small file of that format."""
    extra = {"TIFF": {"compression": "tiff_lzw"}, "WEBP": {"quality": 60, "lossless": False}}
    image = scene(3, (320, 256))
    return file_of(image.quantize(64) if encoder == "GIF" else image, encoder, **extra.get(encoder, {}))


def cut(data: bytes, every: int) -> Iterator[bytes]:
    """A file without its end, at every so many hundredths."""
    return (data[: len(data) * percent // 100] for percent in range(0, 100, every))


def swapped() -> Iterator[bytes]:
    """The beginning of each format before the rest of each other."""
    files = {encoder: small(encoder) for encoder in FORMATS}
    for one in FORMATS:
        for other in FORMATS:
            if one != other:
                yield files[one][:40] + files[other][40:]


def bitten(data: bytes, times: int, seed: int) -> Iterator[bytes]:
    """A file with some bytes changed, differently each time."""
    dice = random.Random(seed)
    for _ in range(times):
        made = bytearray(data)
        for _ in range(dice.randint(1, 12)):
            made[dice.randrange(len(made))] = dice.randrange(256)
        yield bytes(made)


def _gif_screen(width: int, height: int) -> bytes:
    data = bytearray(small("GIF"))
    struct.pack_into("<HH", data, 6, width, height)
    return bytes(data)


def _jpeg_size(width: int, height: int) -> bytes:
    data = bytearray(small("JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    return bytes(data)


def _bmp_size(width: int, height: int) -> bytes:
    data = bytearray(small("BMP"))
    struct.pack_into("<ii", data, 18, width, height)
    return bytes(data)


def tiff(tags: list[tuple[int, int, int, int]], tail: bytes = b"") -> bytes:
    """A TIFF of these tags: number, type, count, value; `tail` begins where they end."""
    body = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + body + b"\0\0\0\0" + tail


def _tiff_of(width: int, height: int, packed: bytes, *, rows: int | None = None) -> bytes:
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)]
    tags += [
        (273, 4, 1, 8 + 2 + 12 * 9 + 4),
        (277, 3, 1, 1),
        (278, 4, 1, rows or height),
        (279, 4, 1, len(packed)),
    ]
    return tiff(tags, packed)


def _ispe(encoder: str, width: int, height: int) -> bytes:
    data = bytearray(small(encoder))
    at = data.index(b"ispe")
    while at >= 0:
        struct.pack_into(">II", data, at + 8, width, height)
        at = data.find(b"ispe", at + 1)
    return bytes(data)


def _gif_of_many(frames: int) -> bytes:
    """The second picture again and again: to have each drawn would take longer than to look at them."""
    data = _animated("GIF", 1)
    second = data.index(b"\x21\xf9\x04", data.index(b"\x21\xf9\x04") + 3)
    return data[:second] + data[second:-1] * frames + data[-1:]


def _animated(encoder: str, frames: int) -> bytes:
    out = io.BytesIO()
    first = corners((300, 300))
    others = [Image.new("RGB", (300, 300), (n % 256, n // 256, 99)) for n in range(frames)]
    first.save(out, encoder, save_all=True, append_images=others, duration=20)
    return out.getvalue()


def _png_with(*chunks: bytes) -> bytes:
    data = file_of(corners(), "PNG")
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(map(png_chunk, chunks)) + data[at:]


def _scans(times: int) -> bytes:
    data = file_of(scene(), "JPEG", progressive=True)
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff", start + 14)
    return data[:end] + data[start:end] * times + data[end:]


def _png_that_goes_on() -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", 300, 300, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(one) for one in (header, b"IDAT" + zlib.compress(bytes(400_000_000), 9), b"IEND")
    )


def _loop_of_directories() -> bytes:
    made = bytearray(
        tiff([(256, 4, 1, 300), (257, 4, 1, 300), (34665, 4, 1, 8), (34853, 4, 1, 8), (330, 4, 1, 8)])
    )
    made[-4:] = struct.pack("<I", 8)
    return bytes(made)


def _strips(count: int) -> bytes:
    offsets, counts = b"".join(struct.pack("<I", 8) for _ in range(count)), struct.pack("<I", 90) * count
    at = 8 + 2 + 12 * 9 + 4
    tags = [
        (256, 4, 1, 300),
        (257, 4, 1, count),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
    ]
    tags += [(273, 4, count, at), (278, 4, 1, 1), (279, 4, count, at + len(offsets))]
    return tiff(tags, offsets + counts)


def _zeros() -> bytes:
    return zlib.compress(bytes(64_000_000), 9)


def made() -> dict[str, tuple[Callable[[], bytes], set[Fault | None]]]:
    """Each file by what it is: what makes it, and what may become of it."""
    square = int(MAX_PIXELS**0.5)
    many = {Fault.TOO_MANY_PIXELS}
    broken = {Fault.DAMAGED}
    return {
        "nothing": (lambda: b"", {Fault.EMPTY}),
        "zeros": (lambda: bytes(5_000_000), {Fault.NOT_A_PHOTO}),
        "noise": (lambda: random.Random(1).randbytes(1_000_000), {Fault.NOT_A_PHOTO}),
        "PNG of 3.6 gigapixels": (lambda: png_bomb(60_000, 60_000), many),
        "PNG of 4 billion by 4 billion": (lambda: png_bomb(2**31 - 1, 2**31 - 1), many),
        "PNG of the most pixels, without data": (lambda: png_bomb(square, square), broken),
        "PNG of the most pixels, all black": (lambda: file_of(Image.new("L", (square, square)), "PNG"), {OK}),
        "PNG of the most pixels, one bit each": (
            lambda: file_of(Image.new("1", (square, square)), "PNG"),
            {OK},
        ),
        "PNG of the most pixels, with alpha": (
            lambda: file_of(Image.new("RGBA", (square, square)), "PNG", compress_level=1),
            {Fault.TOO_MANY_PIXELS},
        ),
        "PNG whose data goes on for 400 MB": (lambda: _png_that_goes_on(), {OK, *broken}),
        "PNG with words that unfold to 50 MB": (
            lambda: _png_with(b"zTXtComment\0\0" + zlib.compress(bytes(50_000_000))),
            broken,
        ),
        "PNG with a profile that unfolds to 50 MB": (
            lambda: _png_with(b"iCCPx\0\0" + zlib.compress(bytes(50_000_000))),
            broken,
        ),
        "PNG with 20 MB of EXIF": (lambda: _png_with(b"eXIf" + b"MM\0*\0\0\0\x08" + bytes(20_000_000)), {OK}),
        "PNG with 50,000 empty chunks": (lambda: _png_with(*[b"juNk"] * 50_000), {OK}),
        "PNG of 16 bits": (lambda: file_of(Image.new("I;16", (300, 300), 900), "PNG"), {OK}),
        "JPEG of 4 gigapixels": (lambda: _jpeg_size(65_500, 65_500), many),
        "JPEG of the most pixels, with data for a few": (
            # The decoder makes the rest grey and says nothing. That nothing is in it is a matter of doubt.
            lambda: _jpeg_size(square, square),
            {OK},
        ),
        "JPEG without height": (lambda: _jpeg_size(320, 0), broken),
        "JPEG of a thousand scans": (lambda: _scans(1000), {Fault.TOO_DEMANDING}),
        "JPEG with 15 MB of profile": (
            lambda: file_of(corners(), "JPEG", icc_profile=bytes(15_000_000)),
            {OK},
        ),
        "JPEG with the most EXIF": (
            lambda: file_of(corners(), "JPEG", exif=b"Exif\0\0" + held(1).tobytes()[6:] + bytes(65_000)),
            {OK},
        ),
        "JPEG of EXIF that points to itself": (
            lambda: file_of(corners(), "JPEG", exif=b"Exif\0\0" + _loop_of_directories()),
            {OK},
        ),
        "JPEG in CMYK": (lambda: file_of(corners().convert("CMYK"), "JPEG"), {OK}),
        "JPEG with ten megabytes behind it": (lambda: file_of(corners(), "JPEG") + bytes(10_000_000), {OK}),
        "GIF of 4 gigapixels": (lambda: _gif_screen(65_535, 65_535), many),
        "GIF of the most pixels with a small picture in it": (lambda: _gif_screen(8000, 8000), {OK}),
        "GIF of 2,000 pictures": (lambda: _gif_of_many(2000), {OK}),
        "PNG of 200 pictures": (lambda: _animated("PNG", 200), {OK}),
        "WebP of 200 pictures": (lambda: _animated("WEBP", 200), {OK}),
        "BMP of 4 gigapixels": (lambda: _bmp_size(65_500, 65_500), many),
        "BMP of a negative width": (lambda: _bmp_size(-300, 300), {*broken, *many, Fault.TOO_SMALL}),
        "BMP of the most pixels, with data for a few": (lambda: _bmp_size(square, square), broken),
        "TIFF of 4 gigapixels": (lambda: _tiff_of(65_500, 65_500, _zeros()), many),
        "TIFF of the most pixels, all black": (lambda: _tiff_of(square, square, _zeros()), {OK}),
        "TIFF whose strip unfolds to more than it is": (lambda: _tiff_of(300, 300, _zeros()), {OK, *broken}),
        "TIFF in floating point": (lambda: file_of(Image.new("F", (300, 300), 0.5), "TIFF"), {OK}),
        "TIFF in CMYK": (lambda: file_of(corners().convert("CMYK"), "TIFF"), {OK}),
        "TIFF of directories in a loop": (lambda: _loop_of_directories(), broken),
        "TIFF of 2,000 strips, all the same": (lambda: _strips(2000), {OK, *broken}),
        "WebP of 25 megapixels": (
            lambda: file_of(Image.new("RGB", (5000, 5000)), "WEBP", quality=1, lossless=False, method=0),
            many,
        ),
        "HEIC that says it is 4 gigapixels": (lambda: _ispe("HEIF", 65_535, 65_535), {*many, *broken}),
        "HEIC that says it is 48 megapixels": (lambda: _ispe("HEIF", 8000, 6000), {OK, *many, *broken}),
        "AVIF that says it is 4 gigapixels": (lambda: _ispe("AVIF", 65_535, 65_535), {*many, *broken}),
        "AVIF that says it is 36 megapixels": (lambda: _ispe("AVIF", 6000, 6000), {OK, *broken}),
        "1 by 1": (lambda: file_of(Image.new("RGB", (1, 1)), "PNG"), {Fault.TOO_SMALL}),
        "65,535 by 1": (lambda: file_of(Image.new("RGB", (65_535, 1)), "PNG"), {Fault.TOO_SMALL}),
        "1 by 65,535": (lambda: file_of(Image.new("RGB", (1, 65_535)), "TIFF"), {Fault.TOO_SMALL}),
        "65,000 by 256": (lambda: file_of(Image.new("L", (65_000, 256)), "PNG"), {Fault.TOO_NARROW}),
    }
