"""One of the lab's processes: does what it is asked, within limits, until nobody asks any more.

It is started bare: no settings, no keys, nothing of ours but this package. Whatever a picture does to it, it
can end this process and no other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from bot.imaging import decode, faces, plain, wire
from bot.imaging.faults import Fault, Unusable
from bot.imaging.hatch import Inside
from bot.imaging.measures import SIDE, measure, reduced
from bot.imaging.sheet import draw_sheet, preview
from bot.imaging.thrift import give_back
from bot.imaging.turns import Turns

_LOWER: Final = 5
"""How much later than the bot itself this process gets its turn."""
_AT_ONCE: Final = 2.0
"""Seconds after which the next question is none that was waiting: giving back has its price."""
_FILES: Final = 32
_PHOTO: Final = 1024 * 1024
_SWOLLEN: Final = 256 * 1024 * 1024
"""Bytes from which on a process is replaced rather than kept."""

Answer = tuple[dict[str, Any], list[bytes]]


def take_in(facts: dict[str, Any], blobs: list[bytes], turns: Turns) -> Answer:
    """A photo as it is kept, its preview, and how it looks."""
    decoded = decode.decode(blobs[0], turns.wait)
    turns.leave()
    seen = reduced(decoded.picture, SIDE)
    look = measure(decoded, seen=seen, with_faces=facts["faces"])
    kept = plain.encode(decoded.picture)
    width, height = decoded.picture.size
    return {"look": look.facts(), "width": width, "height": height}, [kept, preview(seen)]


def fit(facts: dict[str, Any], blobs: list[bytes], turns: Turns) -> Answer:
    """A photo no larger than a vendor takes; nothing where it is no larger anyway."""
    picture = decode.decode(blobs[0], turns.wait).picture
    turns.leave()
    if max(picture.size) <= facts["max_side"] and len(blobs[0]) <= facts["max_bytes"]:
        return {}, []
    return {}, [plain.encode(plain.within(picture, facts["max_side"]), facts["max_bytes"])]


def sheet(facts: dict[str, Any], blobs: list[bytes], turns: Turns) -> Answer:
    """A contact sheet."""
    del turns
    return {}, [draw_sheet(facts["tiles"], blobs)]


def video(facts: dict[str, Any], blobs: list[bytes], turns: Turns) -> Answer:
    """What a video is."""
    # Loaded when it is first wanted: it is larger than all else together.
    from bot.imaging.video import inspect

    del blobs, turns
    return inspect(facts["path"]).facts(), []


_DUTIES: Final[dict[str, Callable[[dict[str, Any], list[bytes], Turns], Answer]]] = {
    "take_in": take_in,
    "fit": fit,
    "sheet": sheet,
    "video": video,
}


def main(memory: int, turns_file: int, hatch_files: tuple[int, int]) -> None:
    """Serve on standard input and output until the input ends.

    `turns_file` is what `turns.open_file` gave, `hatch_files` what the `Hatch` did. `memory` is what a duty
    may take beside what there is already, in bytes. What it may take of the processor's time comes with it.
    """
    # What a library prints must not come between the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _widen(1)
    turns, hatch = Turns(turns_file, give_back), Inside(*hatch_files)
    asked = os.fdopen(0, "rb", closefd=False)
    os.nice(_LOWER)
    decode.warm()
    faces.warm()
    _limit(memory)
    _say(out, hatch, {"ready": True, "faces": faces.installed()}, [])
    while (message := _hear(_when_asked(asked), hatch)) is not None:
        facts, blobs = message
        _allow(facts.pop("seconds"))
        duty = _DUTIES[facts.pop("duty")]
        try:
            answer, made = duty(facts, blobs, turns)
        except Unusable as unusable:
            answer, made = _fault(unusable), []
        except MemoryError:
            answer, made = _fault(Unusable(Fault.TOO_DEMANDING)) | {"last": True}, []
        finally:
            turns.leave()
        last = answer.get("last", False) or _swollen()
        _say(out, hatch, answer | {"last": last}, made)
        if last:
            return


def _fault(unusable: Unusable) -> dict[str, Any]:
    return {"fault": unusable.fault.value, "width": unusable.width, "height": unusable.height}


def _when_asked(asked: BinaryIO) -> BinaryIO:
    """Wait for the next question, which comes at once where there is work, and meanwhile keep little."""
    if not select.select([asked], [], [], _AT_ONCE)[0]:
        give_back()
    return asked


def _hear(asked: BinaryIO, hatch: Inside) -> tuple[dict[str, Any], list[bytes]] | None:
    length = asked.read(wire.LENGTH)
    if len(length) < wire.LENGTH:
        return None
    facts, sizes = wire.parse(asked.read(int.from_bytes(length, "big")))
    blobs = hatch.pick_up(sizes)
    if blobs is None:
        blobs = [asked.read(size) for size in sizes]
    return (facts, blobs) if all(map(_whole, blobs, sizes)) else None


def _whole(blob: bytes, size: int) -> bool:
    return len(blob) == size


def _say(out: BinaryIO, hatch: Inside, facts: dict[str, Any], blobs: list[bytes]) -> None:
    handed = hatch.lay_out(blobs)
    out.write(wire.head(facts | {"handed": handed}, blobs))
    for blob in () if handed else blobs:
        out.write(blob)
    out.flush()


def _widen(pipe: int) -> None:
    """Let a pipe hold a whole photo, so that it goes through at once; else it goes in pieces."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PHOTO)


def _limit(memory: int) -> None:
    """What holds for as long as the process lives: no files written, no cores dumped, so much memory more."""
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        resource.setrlimit(what, (most, most))
    if sys.platform == "linux":
        # Elsewhere the limit counts otherwise, or not at all.
        most = _pages(0) + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _allow(seconds: int) -> None:
    """Let the kernel end this process once the coming duty has used so much processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (round(used.ru_utime + used.ru_stime) + seconds, hard))


def _swollen() -> bool:
    return sys.platform == "linux" and _pages(1) > _SWOLLEN


def _pages(place: int) -> int:
    """Bytes of address space (0) or of memory (1) that this process has now."""
    with open("/proc/self/statm", "rb") as told:  # noqa: PTH123  (read again and again, and nothing else)
        return int(told.read().split()[place]) * os.sysconf("SC_PAGE_SIZE")
