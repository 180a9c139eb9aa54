"""A film of a person who sits still, and the papers that go with it, drawn by code for a vendor who asks."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from bot.sandbox.files import write_whole

FRAME = (1920, 1080)
SECONDS = 190
"""A little more than the shortest that the vendor takes."""
PAPERS = ("id_front", "id_back", "letter")
_EVERY = 5
"""Seconds from one picture to the next. Nobody looks at it for long, and it is there at once."""


def draw_film(photo: bytes, path: Path) -> None:
    """Write an MP4 of one picture, in which only a mark at the edge moves."""
    import av  # Loads a library of many megabytes, which only this vendor's story needs.

    with Image.open(io.BytesIO(photo)) as opened:
        still = ImageOps.pad(ImageOps.exif_transpose(opened).convert("RGB"), FRAME, color=(40, 44, 48))
    path.parent.mkdir(parents=True, exist_ok=True)
    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=Fraction(1, _EVERY), options={"preset": "ultrafast"})
        stream.width, stream.height = FRAME
        stream.pix_fmt = "yuv420p"
        for number in range(SECONDS // _EVERY):
            picture = still.copy()
            ImageDraw.Draw(picture).rectangle((10 + number * 40, 1060, 40 + number * 40, 1070), "white")
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
        film.mux(stream.encode(None))
    write_whole(path, made.getvalue())


def draw_papers() -> dict[str, bytes]:
    """An identity card's two sides and a letter, by role: each says on its face that it is none."""
    return {
        "id_front": _paper((1011, 638), "SPECIMEN", "Identity card of nobody: the side with the portrait"),
        "id_back": _paper((1011, 638), "SPECIMEN", "Identity card of nobody: the other side"),
        "letter": _paper((1240, 1754), "Permission", "Drawn by code; nobody has given or needs it."),
    }


def first_picture(data: bytes) -> Image.Image:
    """The first picture of a film. Raises OSError for bytes that are none."""
    import av

    try:
        with av.open(io.BytesIO(data), "r") as film:
            frame = next(film.decode(video=0), None)
            if frame is not None:
                return Image.fromarray(frame.to_ndarray(format="rgb24"))
    except av.FFmpegError as error:
        raise OSError(str(error)) from error
    raise OSError("It has no picture.")


def is_film(name: str) -> bool:
    """Whether a file is a film, by its name."""
    return name.endswith(".mp4")


def _paper(size: tuple[int, int], title: str, words: str) -> bytes:
    page = Image.new("RGB", size, (236, 232, 220))
    pen = ImageDraw.Draw(page)
    pen.rectangle((20, 20, size[0] - 20, size[1] - 20), outline=(90, 90, 110), width=4)
    pen.text((60, 60), title, fill=(30, 30, 60), font_size=64)
    lines: Sequence[str] = (words, "Darkroom")
    for number, line in enumerate(lines):
        pen.text((60, 180 + 60 * number), line, fill=(60, 60, 80), font_size=32)
    sink = io.BytesIO()
    page.save(sink, "JPEG", quality=90)
    return sink.getvalue()
