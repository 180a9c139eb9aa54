"""Pictures and files as the tests make them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from bot.imaging.decode import Decoded, decode, warm
from bot.imaging.plain import encode as encode_kept

# These tests decode in their own process what they made themselves.
warm()

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
WIDE, HIGH = 400, 300
ORIENTATION = 0x0112
SECRET = b"51.5007 N 0.1246 W"

STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera held that way stores the upright picture: the inverse of what its tag asks for."""


def corners(size: tuple[int, int] = (WIDE, HIGH)) -> Image.Image:
    """Red at the top left, green at the top right, blue at the bottom left, white at the bottom right."""
    made, (wide, high) = Image.new("RGB", size), size
    for colour, at in ((RED, (0, 0)), (GREEN, (1, 0)), (BLUE, (0, 1)), (WHITE, (1, 1))):
        box = (
            at[0] * wide // 2,
            at[1] * high // 2,
            wide if at[0] else wide // 2,
            high if at[1] else high // 2,
        )
        made.paste(colour, box)
    return made


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """As a camera held that way would store it."""
    step = STORED[orientation]
    return image if step is None else image.transpose(step)


def held(orientation: int, **more: str) -> Image.Exif:
    """A camera's tags."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    if more:
        exif[0x010E] = more["description"]
        exif.get_ifd(0x8825)[1] = more["description"]
    return exif


def file_of(image: Image.Image, encoder: str, **extra: Any) -> bytes:
    """The picture as a file of that format, written as finely as the format can."""
    fine: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True, "method": 0},
        "AVIF": {"quality": 95, "subsampling": "4:4:4", "speed": 10},
        "HEIF": {"quality": 90, "chroma": 444, "enc_params": {"preset": "ultrafast"}},
    }
    if encoder == "HEIF" and isinstance(extra.get("exif"), Image.Exif):
        extra["exif"] = extra["exif"].tobytes()
    out = io.BytesIO()
    image.save(out, encoder, **{**fine.get(encoder, {}), **extra})
    return out.getvalue()


def kept(data: bytes) -> tuple[bytes, Decoded]:
    """What would be kept of a file, and what it was."""
    decoded = decode(data)
    return encode_kept(decoded.picture), decoded


def kept_image(data: bytes) -> Image.Image:
    """What would be kept of a file, opened again."""
    return Image.open(io.BytesIO(kept(data)[0]))


def close(found: Any, wanted: tuple[int, int, int], by: int = 24) -> bool:
    """Whether two colours are the same to the eye."""
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


def scene(number: int = 0, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Something like a photo: shapes with shades, grain and soft light; every number another one."""
    wide, high = size
    light = Image.linear_gradient("L").rotate(90 * (number % 4)).resize(size)
    made = Image.merge(
        "RGB", (light, light.point(lambda v: v * 0.8 + 20), light.point(lambda v: 200 - v * 0.6))
    )
    draw = ImageDraw.Draw(made)
    for n in range(40):
        at = zlib.crc32(f"{number}:{n}".encode())
        x, y, r = at % wide, at // wide % high, 10 + at // 7919 % (min(size) // 5)
        colour = (at % 251, at // 251 % 241, at // 63001 % 239)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        draw.line((x - r, y, x + r, y - r), fill=(255 - colour[0], colour[2], colour[1]), width=2)
    grain = Image.effect_noise(size, 24)
    return Image.blend(made, Image.merge("RGB", (grain, grain, grain)), 0.12)


def face(side: int = 400) -> Image.Image:
    """A drawn face that a detector takes for one; nobody's."""
    fine = 3
    full = side * fine
    made = Image.new("RGB", (full, full), (120, 140, 150))
    draw = ImageDraw.Draw(made)
    hair, skin, white, dark, lips = (
        (60, 40, 30),
        (214, 170, 140),
        (245, 245, 245),
        (50, 40, 40),
        (170, 80, 80),
    )

    def oval(left: float, top: float, right: float, bottom: float, colour: tuple[int, int, int]) -> None:
        draw.ellipse([value * full / 100 for value in (left, top, right, bottom)], fill=colour)

    oval(22, 6, 78, 80, hair)
    oval(26, 14, 74, 90, skin)
    draw.pieslice([value * full / 100 for value in (24, 8, 76, 60)], 180, 360, fill=hair)
    oval(29, 24, 71, 60, skin)
    for x in (38, 62):
        draw.rectangle([v * full / 100 for v in (x - 8, 39, x + 8, 41.5)], fill=hair)
        oval(x - 7, 44, x + 7, 51, (165, 120, 100))
        oval(x - 6, 45, x + 6, 50.5, white)
        oval(x - 3, 44.8, x + 3, 50.8, dark)
    draw.polygon([v * full / 100 for v in (50, 46, 45, 64, 55, 64)], fill=(196, 150, 122))
    oval(45, 62, 49, 65, (120, 80, 70))
    oval(51, 62, 55, 65, (120, 80, 70))
    oval(39, 70, 61, 79, lips)
    draw.line([v * full / 100 for v in (40, 74, 60, 74)], fill=(110, 40, 45), width=full // 80)
    draw.rectangle([v * full / 100 for v in (42, 86, 58, 100)], fill=(182, 144, 119))
    return made.resize((side, side), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(side / 250))


def swapped_profile() -> bytes:
    """A colour profile in which red means green and green means red: whoever obeys it can be told at once."""
    red, green, blue = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(point: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, point))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    tags = {b"rXYZ": xyz(green), b"gXYZ": xyz(red), b"bXYZ": xyz(blue), b"wtpt": xyz((0.9642, 1.0, 0.8249))}
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    text = b"text\0\0\0\0made here\0\0\0"
    tags |= {b"cprt": text, b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"made\0" + bytes(79)}
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = (
        struct.pack(">I", at + len(body))
        + b"\0\0\0\0"
        + b"\x02\x40\0\0"
        + b"mntrRGB XYZ "
        + bytes(12)
        + b"acsp"
    )
    head += bytes(28) + fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises very many pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(one) for one in (header, body))


def png_chunk(content: bytes) -> bytes:
    """One chunk: its name and what is in it, with length and checksum."""
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
