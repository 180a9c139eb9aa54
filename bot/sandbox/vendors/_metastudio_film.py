"""Films at the MetaStudio stand-in: uploaded ones are really opened, and rendered ones really play."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from bot.sandbox import trainer
from bot.sandbox.files import write_whole

_FRAMES_A_SECOND = 25
_STILLS = 4
_STILL_SIDE = 1080
_SHORTEST, _LONGEST = 2.0, 6.0
_SECONDS_PER_CHARACTER = 0.06
_ZOOM = 0.06
_QUICKTIME = "qt"
_FORMATS = {
    "H264": ("mp4", "libx264", "yuv420p"),
    "VP8": ("webm", "libvpx", "yuv420p"),
    "QTRLE": ("mov", "qtrle", "rgb24"),
}


class NotAFilm(ValueError):
    """These bytes are no MP4 that could be learnt from; the text says why."""


@dataclass(frozen=True)
class Film:
    """What a demuxer finds in a file."""

    width: int
    height: int
    seconds: float


def probe(path: Path) -> Film:
    """Open a film and decode its first picture.

    Raises:
        NotAFilm: it is no MP4, has no picture, or is broken.
    """
    try:
        # Only the MP4 demuxer may look: others follow links to other files.
        with av.open(str(path), format="mp4") as container:
            if container.metadata.get("major_brand", "").strip() == _QUICKTIME:
                raise NotAFilm("the file is a QuickTime movie, not an MP4")
            stream = _picture_stream(container.streams.video)
            for _ in container.decode(stream):
                break
            else:
                raise NotAFilm("there is no picture in the file")
            # A container counts in microseconds.
            seconds = 0.0 if container.duration is None else container.duration / av.time_base
            return Film(stream.codec_context.width, stream.codec_context.height, seconds)
    except (av.FFmpegError, OSError) as error:
        raise NotAFilm("the file can not be read as an MP4") from error


def stills(path: Path) -> list[bytes]:
    """A few pictures out of a film, spread over its length, as JPEG.

    Raises:
        NotAFilm: it has none.
    """
    found: list[bytes] = []
    try:
        with av.open(str(path), format="mp4") as container:
            stream = _picture_stream(container.streams.video)
            whole = container.duration or 0
            for share in range(_STILLS):
                container.seek(whole * share // _STILLS)
                frame = next(iter(container.decode(stream)), None)
                if frame is not None:
                    found.append(_jpeg(Image.fromarray(frame.to_ndarray(format="rgb24"))))
    except (av.FFmpegError, OSError) as error:
        raise NotAFilm("the file can not be read as an MP4") from error
    if not found:
        raise NotAFilm("there is no picture in the file")
    return found


def learn(pictures: Sequence[bytes], path: Path) -> None:
    """Learn from pictures of one person and keep what was learnt. Raises `trainer.NotAPhoto`."""
    write_whole(path, trainer.fit(pictures).to_bytes())


def draw(
    model: Path | None, words: str, *, seed: int, size: int | tuple[int, int] = trainer.PICTURE_SIZE
) -> bytes:
    """Draw a picture as PNG from what was learnt; without that it shows nobody in particular."""
    learnt = trainer.Model.from_bytes(model.read_bytes()) if model is not None and model.exists() else None
    return trainer.draw(learnt, words, seed=seed, size=size)


def seconds_for(text: str) -> float:
    """How long a clip is in which so much is said. The vendor's would be longer."""
    return round(min(_LONGEST, max(_SHORTEST, len(text) * _SECONDS_PER_CHARACTER)), 2)


def suffix(codec: str) -> str:
    """The kind of file a codec makes."""
    return _FORMATS[codec][0]


def render(
    picture: bytes, target: Path, *, size: tuple[int, int], codec: str, seconds: float, subtitle: str = ""
) -> bytes:
    """Write a film in which the picture slowly comes nearer; answers its first picture as PNG.

    QTRLE is without loss and would be very large if anything moved, so there the picture stands still.
    """
    with Image.open(io.BytesIO(picture)) as image:
        scene = _scene(image.convert("RGB"), size, subtitle)
    kind, encoder, pixels = _FORMATS[codec]
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}")
    with av.open(str(aside), "w", format=kind) as container:
        stream = container.add_stream(encoder, rate=_FRAMES_A_SECOND)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, _FRAMES_A_SECOND)
        if encoder == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "30"}
        elif encoder == "libvpx":
            stream.options = {"deadline": "realtime", "cpu-used": "8"}
        count = round(seconds * _FRAMES_A_SECOND)
        for index in range(count):
            shown = scene if encoder == "qtrle" else _nearer(scene, index / count)
            frame = av.VideoFrame.from_ndarray(np.asarray(shown), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    aside.replace(target)
    return _png(scene)


def _picture_stream(streams: Sequence[VideoStream]) -> VideoStream:
    if not streams:
        raise NotAFilm("there is no video in the file")
    return streams[0]


def _scene(image: Image.Image, size: tuple[int, int], subtitle: str) -> Image.Image:
    """The picture whole, before a blurred wall of its own colours."""
    wall = ImageOps.fit(image, (size[0] // 8, size[1] // 8)).filter(ImageFilter.GaussianBlur(6))
    scene = wall.resize(size, Image.Resampling.BICUBIC)
    front = ImageOps.contain(image, size, Image.Resampling.LANCZOS)
    scene.paste(front, ((size[0] - front.width) // 2, (size[1] - front.height) // 2))
    if subtitle:
        pen = ImageDraw.Draw(scene)
        font = ImageFont.load_default(size=max(16, size[1] // 32))
        where = (size[0] / 2, size[1] * 0.93)
        pen.text(
            where, subtitle[:60], font=font, fill="white", stroke_fill="black", stroke_width=2, anchor="mm"
        )
    return scene


def _nearer(scene: Image.Image, share: float) -> Image.Image:
    width, height = scene.size
    across, down = width * _ZOOM * share / 2, height * _ZOOM * share / 2
    return scene.resize(
        scene.size, Image.Resampling.BILINEAR, box=(across, down, width - across, height - down)
    )


def _jpeg(image: Image.Image) -> bytes:
    image.thumbnail((_STILL_SIDE, _STILL_SIDE))
    sink = io.BytesIO()
    image.convert("RGB").save(sink, "JPEG", quality=92)
    return sink.getvalue()


def _png(image: Image.Image) -> bytes:
    sink = io.BytesIO()
    image.save(sink, "PNG", compress_level=3)
    return sink.getvalue()
