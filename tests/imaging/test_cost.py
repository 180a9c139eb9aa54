"""What decoding takes is told before, and is no less than it takes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from bot.imaging import decode
from bot.imaging.cost import Frame, frame_of
from bot.imaging.faults import Fault, Unusable
from tests.imaging.made import corners, file_of

ROOT = Path(__file__).parents[2]
MEASURED = """
import sys
sys.path.insert(0, {root!r})
from bot.imaging import decode
decode.warm()
def now(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))
with open({file!r}, "rb") as opened:
    data = opened.read()
# The first of each kind loads its decoder and its tables, which stay.
with open({small!r}, "rb") as opened:
    decode.decode(opened.read())
told, before = [], now("VmRSS")
decode.decode(data, told.append)
print(told[0], now("VmHWM") - before)
"""
SLACK = 24 * 1024 * 1024
"""Memory comes in blocks, and what freed it does not always give it back at once."""
DIVIDED = (4000, 2000)
WHOLE = (3000, 2000)


def big(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    light = Image.linear_gradient("L").resize(size)
    made = Image.merge("RGB", (light, light.transpose(Image.Transpose.ROTATE_180), light))
    if mode == "RGBA":
        made.putalpha(light)
    return made.quantize(64) if mode == "P" else made.convert(mode)


def deep_heic(size: tuple[int, int]) -> bytes:
    wide = np.asarray(big(size)).astype("uint16") * 257
    out = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", size, wide.tobytes()).save(out, enc_params={"preset": "ultrafast"})
    return out.getvalue()


def fast(encoder: str) -> dict[str, Any]:
    """What makes an encoder no slower than it must be here."""
    if encoder == "HEIF":
        return {"enc_params": {"preset": "ultrafast"}}
    return {"AVIF": {"speed": 10}, "WEBP": {"method": 0}, "PNG": {"compress_level": 1}}.get(encoder, {})


@pytest.mark.skipif(sys.platform != "linux", reason="measured as Linux tells it")
@pytest.mark.parametrize("size", [WHOLE, DIVIDED], ids=["whole", "divided"])
@pytest.mark.parametrize(
    ("encoder", "mode"),
    [
        ("JPEG", "RGB"),
        ("HEIF", "RGB"),
        ("HEIF", "RGBA"),
        ("AVIF", "RGB"),
        ("AVIF", "RGBA"),
        ("WEBP", "RGBA"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("TIFF", "CMYK"),
        ("TIFF", "F"),
    ],
)
def test_no_decoder_takes_more_than_was_told(
    tmp_path: Path, encoder: str, mode: str, size: tuple[int, int]
) -> None:
    for name, big_or_small in (("big", size), ("small", (300, 300))):
        data = file_of(big(big_or_small, mode), encoder, **fast(encoder))
        (tmp_path / name).write_bytes(data)
    told, taken = measured(tmp_path)
    assert taken <= told + SLACK


@pytest.mark.skipif(sys.platform != "linux", reason="measured as Linux tells it")
def test_a_deep_heic_takes_no_more_than_was_told(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(deep_heic(DIVIDED))
    (tmp_path / "small").write_bytes(deep_heic((300, 300)))
    told, taken = measured(tmp_path)
    assert told == pytest.approx(10.6 * DIVIDED[0] * DIVIDED[1]), "it was recognised as one"
    assert taken <= told + SLACK


def measured(folder: Path) -> tuple[int, int]:
    code = MEASURED.format(root=str(ROOT), file=str(folder / "big"), small=str(folder / "small"))
    told = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    return tuple(map(int, told.stdout.split()))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("extra", "frame"),
    [
        ({"subsampling": 2}, Frame(one_scan=True, numbers=1.5)),
        ({"subsampling": 0}, Frame(one_scan=True, numbers=3.0)),
        ({"subsampling": 2, "progressive": True}, Frame(one_scan=False, numbers=1.5)),
        ({"subsampling": 1, "progressive": True}, Frame(one_scan=False, numbers=2.0)),
    ],
)
def test_of_a_jpeg_it_is_known_how_much_is_held_until_its_last_scan(
    extra: dict[str, Any], frame: Frame
) -> None:
    assert frame_of(file_of(corners(), "JPEG", **extra)) == frame


def test_a_jpeg_whose_header_is_cut_off_is_taken_for_the_worst() -> None:
    data = file_of(corners(), "JPEG")
    assert frame_of(data[: data.index(b"\xff\xc0")]) == Frame(one_scan=False, numbers=3.0)


def test_a_picture_that_would_take_too_much_is_refused_before_any_of_it_is_decoded() -> None:
    told: list[int] = []
    at_most = int((decode.MOST_MEMORY / 6.3) ** 0.5)
    made = Image.new("RGBA", (at_most + 50, at_most + 50), (20, 30, 40, 250))
    with pytest.raises(Unusable) as unusable:
        decode.decode(file_of(made, "PNG", compress_level=1), told.append)
    assert (unusable.value.fault, told) == (Fault.TOO_MANY_PIXELS, [])
    assert (unusable.value.width, unusable.value.height) == made.size
