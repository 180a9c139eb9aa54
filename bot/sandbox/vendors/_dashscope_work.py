"""What the work behind the DashScope stand-in is done with, and the time it takes.

Where a job stands is in its row and its files are named after it, so after a kill the work is taken up again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.files import write_whole
from bot.sandbox.vendors._dashscope_jobs import Fate, Jobs, Status, Task, Training
from bot.sandbox.vendors._dashscope_pictures import Failed
from bot.sandbox.vendors._dashscope_settings import Settings
from bot.sandbox.vendors._dashscope_sources import Sources
from bot.sandbox.vendors._dashscope_store import Store
from bot.sandbox.vendors._settings import Dial
from bot.sandbox.vendors._state import Pulse
from bot.sandbox.vendors._workers import Workers

PENDING_SHARE, WAITING_SHARE = 0.05, 0.1
"""Of the time a job takes in all: until a training is QUEUING, and until a job is RUNNING."""
_FAILS_AT_SHARE = 0.6
# A vendor does not report the whole before the end, however the arithmetic falls.
_ALMOST = 0.99


class Canceled(Exception):
    """The customer wants no more of a job."""


@dataclass(frozen=True)
class Workshop:
    """Rows, files, hands and a clock."""

    folder: Path
    jobs: Jobs
    store: Store
    sources: Sources
    workers: Workers
    dial: Dial[Settings]
    pulse: Pulse
    clock: Callable[[], float]

    @property
    def settings(self) -> Settings:
        """As they are now."""
        return self.dial.now

    def face_path(self, job_id: str) -> Path:
        """Where that lies which a training has learnt."""
        return self.folder / "faces" / f"{job_id}.npz"

    def progress(self, job: Training | Task) -> float:
        """How far a job is: as far as its time and its real work allow."""
        if job.status is Status.SUCCEEDED:
            return 1.0
        if job.started_at is None:
            return 0.0
        whole = (1 - WAITING_SHARE) * self._seconds(job)
        elapsed = (job.ended_at or self.clock()) - job.started_at
        by_time = elapsed / whole if whole else 1.0
        return round(max(0.0, min(by_time, job.work, _ALMOST)), 2)

    async def wait_to_start(
        self, look: Callable[[], Training | Task], is_crowded: Callable[[], bool]
    ) -> float | None:
        """Return when a job's time in the queue is over; since when it runs, if it did not already.

        `look` shows the job as it is now, and raises when it is to be dropped.
        """

        def due() -> float:
            job = look()
            return job.created_at + WAITING_SHARE * self._seconds(job)

        await self.workers.until(due)
        waited = False
        while look().started_at is None and is_crowded():
            waited = True
            await self.pulse.rest(None)
        if look().started_at is not None:
            return None
        # Time that went by while the stand-in was down counts, unless another job held the place.
        return self.clock() if waited else due()

    async def wait_for_the_end(self, look: Callable[[], Training | Task]) -> None:
        """Return when a job has taken its time.

        Raises:
            Failed: that is its fate.
        """
        while True:
            job = look()
            share = (_FAILS_AT_SHARE if job.fate is Fate.FAILS else 1.0) - WAITING_SHARE
            left = (job.started_at or job.created_at) + share * self._seconds(job) - self.clock()
            if job.fate is Fate.STUCK:
                await self.pulse.rest(None)
            elif left > 0:
                await self.pulse.rest(left)
            elif job.fate is Fate.FAILS:
                raise Failed(job.code, job.message)
            else:
                return

    async def gather(
        self,
        references: Sequence[str],
        folder: Path,
        job_id: str,
        *,
        resolves_oss: bool,
        count: Callable[[int], None],
    ) -> list[bytes]:
        """Get what references name, each only once however often the work is begun again.

        Raises:
            Failed: one names nothing that may be had.
        """
        for index, reference in enumerate(references):
            place = folder / f"{index:02}"
            if not place.exists():
                data = await self.sources.read(reference, subject=job_id, resolves_oss=resolves_oss)
                await asyncio.to_thread(write_whole, place, data)
            count(index + 1)
        return [(folder / f"{index:02}").read_bytes() for index in range(len(references))]

    def _seconds(self, job: Training | Task) -> float:
        settings = self.settings
        return settings.train_seconds if isinstance(job, Training) else settings.infer_seconds
