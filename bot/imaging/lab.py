"""The lab: worker processes in which foreign bytes are decoded, so that no picture can stop or stall the bot.

Processes are started when they are first needed, each is asked one thing at a time, and one that takes too
long is killed. Nothing they do touches the event loop but the bytes that go in and come out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.imaging import turns, wire
from bot.imaging.clip import Clip
from bot.imaging.faults import Fault, Unusable
from bot.imaging.hatch import NONE, Hatch
from bot.imaging.look import Look
from bot.imaging.tiles import Tile

logger = logging.getLogger(__name__)
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")
"""All that a worker process is told of the environment: no token and no key is among it."""
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_KEPT_MEMORY: Final = {
    "PILLOW_BLOCKS_MAX": "3",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(48 * 1024 * 1024),
    "MALLOC_TOP_PAD_": str(8 * 1024 * 1024),
}
"""What is kept for the next picture, some 90 MB at most: to fetch it anew takes a tenth of the time."""
_BEGIN: Final = (
    "import sys; sys.path.insert(0, {root!r}); "
    "from bot.imaging.worker import main; main({memory}, {turns}, {hatch!r})"
)
_STARTING: Final = 60.0
"""Seconds a worker process may take to come up on a crowded machine."""
_PIPE: Final = 1024 * 1024
MEDIA_TYPE: Final = "image/jpeg"
"""What every photo is once it was taken in, and every contact sheet."""


class CannotWork(Exception):
    """The lab's processes cannot be started or do not hold: nothing to do with what they were asked."""


@dataclass(frozen=True, slots=True)
class Fence:
    """What one duty may cost before its process is ended."""

    seconds: int = 10
    """Of processor time."""
    patience: float = 60.0
    """Seconds of waiting, on a machine that has other things to do."""
    memory: int = 448 * 1024 * 1024
    """Bytes beside what a process has when it is idle."""
    video_seconds: int = 60
    video_patience: float = 300.0
    """A long video is read from its beginning to its end."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A photo as it is kept, and how it looks."""

    data: bytes
    preview: bytes
    """The same, small enough to keep a hundred of: for the contact sheet."""
    width: int
    height: int
    look: Look
    media_type: str = MEDIA_TYPE


class Lab:
    """Decodes, measures and draws, in processes of its own."""

    def __init__(
        self,
        *,
        workers: int | None = None,
        fence: Fence | None = None,
        idle: float = 60.0,
        faces: bool = True,
    ) -> None:
        self._fence = fence or Fence()
        self._free = asyncio.Semaphore(workers or min(2, _cores()))
        self._idle: list[_Worker] = []
        self._gone: set[_Worker] = set()
        self._at_work = 0
        self._turns: int | None = None
        self._keep = idle
        self._faces = faces
        self._timer: asyncio.TimerHandle | None = None
        self._coming: asyncio.Task[None] | None = None
        self._closed = False
        self.sees_faces: bool | None = None
        """Whether faces can be looked for; None until the first process has come up."""

    def expect(self) -> None:
        """A picture is on its way: have a process come up meanwhile, where none is. Does not wait for it."""
        if not self._closed and not self._at_work and not self._idle and self._coming is None:
            self._coming = asyncio.create_task(self._come_up())

    async def take_in(self, data: bytes) -> Taken:
        """Make a posted file into a photo of ours. The same picture always gives the same bytes.

        Raises Unusable, and CannotWork.
        """
        facts, blobs = await self._ask("take_in", {"faces": self._faces}, [data])
        look = Look.of(facts["look"])
        return Taken(blobs[0], blobs[1], int(facts["width"]), int(facts["height"]), look)

    async def fit(self, data: bytes, *, max_side: int, max_bytes: int) -> bytes:
        """A photo that was taken in, made smaller for a vendor that takes no larger; as it is where it fits.

        Raises Unusable, and CannotWork.
        """
        _, blobs = await self._ask("fit", {"max_side": max_side, "max_bytes": max_bytes}, [data])
        return blobs[0] if blobs else data

    async def contact_sheet(self, tiles: Sequence[Tile]) -> bytes:
        """Draw the numbered overview of a set, as a JPEG. Raises CannotWork."""
        pictures = [tile.picture for tile in tiles if tile.picture is not None]
        try:
            _, blobs = await self._ask("sheet", {"tiles": [tile.facts() for tile in tiles]}, pictures)
        except Unusable as error:
            raise CannotWork("the contact sheet was not drawn") from error
        return blobs[0]

    async def inspect_video(self, path: Path) -> Clip:
        """Look into an MP4 or QuickTime file on disk. Raises Unusable, and CannotWork."""
        facts, _ = await self._ask("video", {"path": str(path)}, [])
        return Clip(**facts)

    async def close(self) -> None:
        """End every process, whatever it is doing."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
        for worker in [*self._idle, *self._gone]:
            worker.kill()
        await asyncio.gather(*(worker.ended() for worker in [*self._idle, *self._gone]))
        if self._turns is not None:
            os.close(self._turns)
            self._turns = None
        self._idle.clear()
        self._gone.clear()

    async def _come_up(self) -> None:
        try:
            async with self._worker(expected=True):
                pass
        except CannotWork:
            pass  # Whoever has a picture is told when they ask.
        finally:
            self._coming = None

    async def _ask(
        self, duty: str, facts: dict[str, Any], blobs: Sequence[bytes]
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Have one thing done; a process that dies of it is believed the second time."""
        video = duty == "video"
        patience = self._fence.video_patience if video else self._fence.patience
        seconds = self._fence.video_seconds if video else self._fence.seconds
        asked = {**facts, "duty": duty, "seconds": seconds}
        for last in (False, True):
            try:
                async with self._worker() as worker:
                    answer, made = await worker.ask(asked, blobs, patience)
            except _TookTooLong as error:
                raise Unusable(Fault.TOO_DEMANDING) from error
            except _SaidNothing as error:
                # It used no processor time that would have ended it: perhaps the whole machine stood still.
                if last:
                    raise Unusable(Fault.TOO_DEMANDING) from error
                continue
            except _Died as died:
                logger.warning(
                    "A lab process died", extra={"action": "lab_died", "duty": duty, "status": died.status}
                )
                if last:
                    raise Unusable(Fault.DAMAGED) from died
                continue
            if "fault" in answer:
                raise Unusable(Fault(answer["fault"]), int(answer["width"]), int(answer["height"]))
            return answer, made
        raise AssertionError("the second death was raised")

    @asynccontextmanager
    async def _worker(self, *, expected: bool = False) -> AsyncIterator[_Worker]:
        if self._coming is not None and not expected:
            # One that is nearly there is there before one that is only begun.
            await asyncio.wait({self._coming})
        async with self._free:
            if self._closed:
                raise CannotWork("the lab is closed")
            self._at_work += 1
            try:
                worker = await self._take()
                try:
                    yield worker
                finally:
                    if worker.well:
                        self._idle.append(worker)
                        self._watch_idleness()
                    else:
                        self._let_go(worker)
            finally:
                self._at_work -= 1

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._let_go(worker)
        if self._turns is None:
            self._turns = turns.open_file()
        worker = await _Worker.start(self._fence, self._turns)
        self.sees_faces = worker.sees_faces
        return worker

    def _let_go(self, worker: _Worker) -> None:
        worker.kill()
        self._gone = {one for one in self._gone if one.alive} | {worker}

    def _watch_idleness(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._keep, self._rest)

    def _rest(self) -> None:
        """Nobody has asked for a while: a process at rest only takes room."""
        while self._idle:
            self._let_go(self._idle.pop())


class _TookTooLong(Exception):
    """A process used up its time and was ended."""


class _SaidNothing(Exception):
    """A process did not answer for as long as there is patience, and was ended."""


class _Died(Exception):
    """A process ended while it was asked something."""

    def __init__(self, status: int | None) -> None:
        super().__init__(str(status))
        self.status = status


class _Worker:
    """One process of the lab, from this side."""

    def __init__(self, process: asyncio.subprocess.Process, hatch: Hatch) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._hatch = hatch
        self._in, self._out = process.stdin, process.stdout
        self.well = True
        """It has answered everything, and may be asked again."""
        self.sees_faces = False

    @classmethod
    async def start(cls, fence: Fence, turns: int) -> _Worker:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
        hatch = Hatch()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-c",
                _BEGIN.format(root=_ROOT, memory=fence.memory, turns=turns, hatch=hatch.numbers),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment | _ONE_THREAD | _KEPT_MEMORY,
                limit=_PIPE,
                # What the terminal tells the bot (Ctrl-C) is not for its workers: the bot ends them itself.
                start_new_session=True,
                pass_fds=[file for file in (turns, *hatch.numbers) if file != NONE],
            )
        except BaseException as error:
            hatch.close()
            if isinstance(error, OSError):
                raise CannotWork("no process could be started") from error
            raise
        worker = cls(process, hatch)
        try:
            async with asyncio.timeout(_STARTING):
                said, _ = await worker._hear()
        except (TimeoutError, EOFError, ValueError, OSError) as error:
            worker.kill()
            await worker.ended()
            raise CannotWork("a process did not come up") from error
        except BaseException:
            worker.kill()
            await worker.ended()
            raise
        worker.sees_faces = bool(said.get("faces"))
        return worker

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(
        self, facts: dict[str, Any], blobs: Sequence[bytes], patience: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        self.well = False
        try:
            async with asyncio.timeout(patience):
                handed = await self._hatch.put(blobs)
                self._in.write(wire.head(facts, blobs))
                for blob in () if handed else blobs:
                    view = memoryview(blob)
                    # In pieces: what does not go through at once would be kept a second time.
                    for at in range(0, len(view), _PIPE):
                        self._in.write(view[at : at + _PIPE])
                        await self._in.drain()
                answer, made = await self._hear()
        except TimeoutError as error:
            raise _SaidNothing from error
        except (EOFError, OSError, ValueError) as error:
            self.kill()
            await self._process.wait()
            status = self._process.returncode
            if status == -signal.SIGXCPU:
                raise _TookTooLong from error
            raise _Died(status) from error
        self.well = not answer.pop("last", False)
        return answer, made

    async def _hear(self) -> tuple[dict[str, Any], list[bytes]]:
        length = int.from_bytes(await self._out.readexactly(wire.LENGTH), "big")
        facts, sizes = wire.parse(await self._out.readexactly(min(length, _PIPE)))
        if facts.pop("handed", False):
            return facts, self._hatch.take(sizes)
        return facts, [await self._out.readexactly(size) for size in sizes]

    def kill(self) -> None:
        self.well = False
        self._hatch.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> None:
        self._in.close()
        await self._process.wait()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
