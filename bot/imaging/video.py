"""Looks into a video file: what it is, how long, and whether it can be read to its end. Decodes one frame.

Blocking: runs in the lab's worker processes. The demuxer is given an open file and not a name, so that
nothing a file says can make it open another, or a connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from bot.imaging.clip import Clip
from bot.imaging.faults import Fault, Unusable
from bot.imaging.kinds import HEAD, Kind, recognise

_PACKETS: Final = 2_000_000
"""Packets looked at; at a thousand a second that is half an hour."""
_MISSING: Final = 0.05
_MISSING_SECONDS: Final = 1.0
"""What may be missing at the end of a file that is whole: containers round their durations."""


def inspect(path: str) -> Clip:
    """Look into a file. Raises Unusable."""
    with Path(path).open("rb") as file:
        head = file.read(HEAD)
        if not head:
            raise Unusable(Fault.EMPTY)
        if recognise(head) is not Kind.VIDEO:
            raise Unusable(Fault.NOT_A_PHOTO)
        file.seek(0)
        try:
            with av.open(
                file, "r", format="mov,mp4,m4a,3gp,3g2,mj2", options={"enable_drefs": "0"}
            ) as container:
                return _clip(container, head)
        except (av.FFmpegError, ValueError, IndexError, OverflowError, ZeroDivisionError) as error:
            raise Unusable(Fault.DAMAGED) from error


def _clip(container: InputContainer, head: bytes) -> Clip:
    if not container.streams.video:
        raise Unusable(Fault.NOT_A_PHOTO)
    stream = container.streams.video[0]
    width, height = _shown(container, stream)
    seconds = _seconds(container, stream)
    container.seek(0)
    rate = stream.average_rate or stream.guessed_rate
    return Clip(
        media_type="video/quicktime" if head[8:12] == b"qt  " or head[4:8] != b"ftyp" else "video/mp4",
        seconds=round(seconds, 3),
        width=width,
        height=height,
        codec=stream.codec_context.name,
        frames_per_second=round(float(rate), 3) if rate else 0.0,
        sound=bool(container.streams.audio),
        whole=_reaches(container, stream, seconds),
    )


def _shown(container: InputContainer, stream: VideoStream) -> tuple[int, int]:
    """The size as it is shown: telephones store what is upright lying, and say by how much to turn it."""
    frame = next(container.decode(stream), None)
    if frame is None:
        raise Unusable(Fault.DAMAGED)
    width, height = frame.width, frame.height
    return (height, width) if frame.rotation % 180 else (width, height)


def _seconds(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration or 0) / av.time_base


def _reaches(container: InputContainer, stream: VideoStream, seconds: float) -> bool:
    """Whether there are packets to the end that the file promises, and none that is broken."""
    reached = begun = None
    for number, packet in enumerate(container.demux(stream)):
        if number >= _PACKETS or packet.is_corrupt:
            return False
        if packet.size and packet.pts is not None and packet.time_base:
            at = float(packet.pts * packet.time_base)
            begun = at if begun is None else min(begun, at)
            reached = max(reached or at, at + float((packet.duration or 0) * packet.time_base))
    if reached is None or begun is None:
        return False
    return reached - begun >= seconds - max(_MISSING_SECONDS, _MISSING * seconds)
