"""Photos as telephones make them, drawn by code: twelve megapixels, grain, tags, half of them lying."""

from __future__ import annotations

import io
import zlib
from typing import Any

import pillow_heif
from PIL import Image, ImageDraw

pillow_heif.register_heif_opener()

TWELVE = (4032, 3024)
FORTY_EIGHT = (8064, 6048)


def photo(number: int, *, quality: int = 90, size: tuple[int, int] = TWELVE, grain: float = 0.1) -> bytes:
    """One photo; every number another one."""
    wide, high = size
    light = Image.linear_gradient("L").rotate(90 * (number % 4)).resize(size)
    made = Image.merge(
        "RGB", (light, light.point(lambda v: v * 0.8 + 20), light.point(lambda v: 200 - v * 0.6))
    )
    draw = ImageDraw.Draw(made)
    for n in range(120):
        at = zlib.crc32(f"{number}:{n}".encode())
        x, y, r = at % wide, at // wide % high, 40 + at // 7919 % 500
        colour = (at % 251, at // 251 % 241, at // 63001 % 239)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        draw.line((x - r, y, x + r, y - r), fill=(255 - colour[0], colour[2], colour[1]), width=9)
    noise = Image.effect_noise(size, 60)
    made = Image.blend(made, Image.merge("RGB", (noise, noise, noise)), grain)
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Nobody", 6 if number % 2 else 1
    out = io.BytesIO()
    made.save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()


def heif(number: int, size: tuple[int, int]) -> bytes:
    """One photo of that size as a HEIC of some ten megabytes."""
    with Image.open(io.BytesIO(photo(number))) as made:
        out = io.BytesIO()
        made.resize(size).save(out, "HEIF", quality=75, enc_params={"preset": "ultrafast"})
    return out.getvalue()


def heavy(number: int, length: int) -> bytes:
    """One photo of about so many bytes, all of them picture."""
    low, high = 0.05, 0.9
    data = b""
    for _ in range(7):
        middle = (low + high) / 2
        data = photo(number, quality=92, grain=middle)
        low, high = (middle, high) if len(data) < length else (low, middle)
    return data


def mixture(jpeg: bytes) -> list[bytes]:
    """One of each kind that takes much memory to decode, about as large as may be, and that JPEG."""
    with Image.open(io.BytesIO(photo(0))) as opened:
        made = opened.convert("RGB")
    kinds: list[tuple[str, str, tuple[int, int], dict[str, Any]]] = [
        ("WEBP", "RGBA", (5550, 4200), {"quality": 50, "method": 2}),
        ("AVIF", "RGB", (6900, 5200), {"quality": 85, "speed": 10}),
        ("PNG", "P", (9200, 6900), {"compress_level": 1}),
        ("AVIF", "RGBA", (6000, 4950), {"quality": 85, "speed": 10}),
        ("PNG", "RGB", (3264, 2448), {"compress_level": 1}),
        ("JPEG", "RGB", (9200, 6900), {"quality": 80, "progressive": True}),
    ]
    files = [jpeg, heif(0, FORTY_EIGHT)]
    for encoder, mode, size, how in kinds:
        picture = made.resize(size)
        if mode == "RGBA":
            picture.putalpha(Image.linear_gradient("L").resize(size))
        out = io.BytesIO()
        (picture.quantize(256, method=2) if mode == "P" else picture).save(out, encoder, **how)
        files.append(out.getvalue())
    return files
