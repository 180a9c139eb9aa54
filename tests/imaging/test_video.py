"""A video is looked into: what it is, how long, and whether it is whole. The files are real."""

from __future__ import annotations

import io
import tempfile
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

from bot.imaging.clip import Clip
from bot.imaging.faults import Fault, Unusable
from bot.imaging.lab import Lab
from bot.imaging.video import inspect
from tests.imaging.made import corners, file_of
from tests.stand_ins import closing_lab

RATE = 25


def film(
    seconds: float = 2.0,
    *,
    kind: str = "mp4",
    codec: str = "mpeg4",
    size: tuple[int, int] = (320, 240),
    turned: int = 0,
    sound: bool = False,
    first: bool = True,
) -> bytes:
    """A film of a moving grey; `first` puts the index before the pictures, as a stream wants it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film"
        _film(file, seconds, kind, codec, size, turned, sound, first)
        return file.read_bytes()


def _film(
    file: Path,
    seconds: float,
    kind: str,
    codec: str,
    size: tuple[int, int],
    turned: int,
    sound: bool,
    first: bool,
) -> None:
    options = {"movflags": "faststart"} if first and kind == "mp4" else {}
    with av.open(str(file), "w", format=kind, options=options) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        audio = container.add_stream("aac", rate=16_000) if sound else None
        for number in range(round(seconds * RATE)):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane in frame.planes:
                plane.update(
                    bytes((number * 7 + place) % 200 for place in range(97)) * (plane.buffer_size // 97)
                    + bytes(plane.buffer_size % 97)
                )
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            silence = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            silence.rate, silence.pts = 16_000, 0
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            container.mux(audio.encode(silence))
            container.mux(audio.encode(None))


def looked(data: bytes, folder: Path) -> Clip:
    file = folder / "film"
    file.write_bytes(data)
    return inspect(str(file))


def fault(data: bytes, folder: Path) -> Fault:
    with pytest.raises(Unusable) as unusable:
        looked(data, folder)
    return unusable.value.fault


@pytest.mark.parametrize(("kind", "media_type"), [("mp4", "video/mp4"), ("mov", "video/quicktime")])
@pytest.mark.parametrize("sound", [False, True])
def test_a_film_is_what_it_was_made_as(kind: str, media_type: str, sound: bool, tmp_path: Path) -> None:
    clip = looked(film(kind=kind, sound=sound), tmp_path)
    assert (clip.media_type, clip.width, clip.height, clip.sound) == (media_type, 320, 240, sound)
    assert (clip.codec, clip.frames_per_second, clip.whole) == ("mpeg4", RATE, True)
    assert clip.seconds == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(("turned", "size"), [(90, (240, 320)), (-90, (240, 320)), (180, (320, 240))])
def test_a_film_that_is_shown_turned_has_the_size_it_is_shown_with(
    turned: int, size: tuple[int, int], tmp_path: Path
) -> None:
    clip = looked(film(turned=turned), tmp_path)
    assert (clip.width, clip.height) == size


def test_a_film_whose_end_is_missing_is_not_whole(tmp_path: Path) -> None:
    data = film(8.0)
    assert not looked(data[: len(data) // 2], tmp_path).whole


def test_a_film_whose_index_is_missing_is_damaged(tmp_path: Path) -> None:
    data = film(first=False)
    assert fault(data[: len(data) // 2], tmp_path) is Fault.DAMAGED


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", Fault.EMPTY),
        (b"words", Fault.NOT_A_PHOTO),
        (file_of(corners(), "JPEG"), Fault.NOT_A_PHOTO),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom and then words", Fault.DAMAGED),
    ],
)
def test_what_is_no_film_is_none(data: bytes, why: Fault, tmp_path: Path) -> None:
    assert fault(data, tmp_path) is why


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        audio = container.add_stream("aac", rate=16_000)
        silence = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        silence.rate, silence.pts = 16_000, 0
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(audio.encode(silence))
        container.mux(audio.encode(None))
    assert fault(out.getvalue(), tmp_path) is Fault.NOT_A_PHOTO


@pytest.mark.parametrize("percent", range(0, 100, 7))
def test_a_film_cut_off_anywhere_is_told_from_a_whole_one(percent: int, tmp_path: Path) -> None:
    data = film(8.0)
    try:
        clip = looked(data[: len(data) * percent // 100], tmp_path)
    except Unusable:
        return
    assert not clip.whole


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with closing_lab(Lab(workers=1)) as opened:
        yield opened


async def test_the_lab_looks_into_films_within_its_limits(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(film(turned=90, sound=True))
    clip = await lab.inspect_video(file)
    assert (clip.width, clip.height, clip.sound, clip.whole) == (240, 320, True, True)
    file.write_bytes(b"words")
    with pytest.raises(Unusable):
        await lab.inspect_video(file)
