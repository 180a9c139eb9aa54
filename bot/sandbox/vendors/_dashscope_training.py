"""How a face is trained at the DashScope stand-in: from the very photos it was given."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from bot.sandbox import trainer
from bot.sandbox.files import write_whole
from bot.sandbox.vendors._dashscope_jobs import Status, Training
from bot.sandbox.vendors._dashscope_pictures import Failed, unpack, verdict
from bot.sandbox.vendors._dashscope_work import PENDING_SHARE, Canceled, Workshop

_MOST_PHOTOS = 10


class Trainer:
    """Does each training in a task of its own."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._rows = shop.jobs.trainings

    def resume(self) -> None:
        """Take up everything that is not over."""
        for job in self._rows.all():
            if job.ended_at is None:
                self.start(job.job_id)

    def start(self, job_id: str) -> None:
        """Begin, or go on with, one."""
        self._shop.workers.start(self._train(job_id))

    async def _train(self, job_id: str) -> None:
        folder = self._shop.folder / "photos" / job_id
        try:
            await self._queue(job_id)
            if not self._look(job_id).fitted:
                await self._fit(job_id, folder)
            await self._shop.wait_for_the_end(lambda: self._look(job_id))
        except Canceled:
            await self._shop.workers.until(lambda: self._canceled_at(job_id))
            self._end(job_id, Status.CANCELED, log="job canceled")
        except Failed as failed:
            log = f"job failed: {failed.message}"
            self._end(job_id, Status.FAILED, code=failed.code, message=failed.message, log=log)
        else:
            self._end(job_id, Status.SUCCEEDED, log="job succeeded")
        # The face holds all it needs of them, and people's photos are not kept longer than that.
        shutil.rmtree(folder, ignore_errors=True)

    async def _queue(self, job_id: str) -> None:
        shop = self._shop
        await shop.workers.until(
            lambda: self._look(job_id).created_at + PENDING_SHARE * shop.settings.train_seconds
        )
        if self._look(job_id).status is Status.PENDING:
            shop.jobs.set_training(job_id, status=Status.QUEUING, log="waiting for a place")
        started_at = await shop.wait_to_start(lambda: self._look(job_id), lambda: self._is_crowded(job_id))
        if started_at is not None:
            shop.jobs.set_training(
                job_id, status=Status.RUNNING, started_at=started_at, log="training started"
            )

    def _is_crowded(self, job_id: str) -> bool:
        return 0 < self._shop.settings.trainings_at_once <= self._rows.under_way(before=job_id)

    async def _fit(self, job_id: str, folder: Path) -> None:
        shop, job = self._shop, self._look(job_id)

        def count(fetched: int) -> None:
            self._look(job_id)
            shop.jobs.set_training(job_id, fetched=fetched)

        files = await shop.gather(job.sources, folder, job_id, resolves_oss=job.resolves_oss, count=count)
        photos, left_out = await shop.workers.reckon(_sift, files)
        for line in left_out:
            shop.jobs.set_training(job_id, log=line)
        if not photos:
            raise Failed("InvalidParameter", "no qualified face found")
        if len(photos) > _MOST_PHOTOS:
            raise Failed("InvalidParameter", f"more than {_MOST_PHOTOS} photos")
        shop.jobs.set_training(job_id, log=f"photos that qualify: {len(photos)}")
        self._look(job_id)
        await shop.workers.reckon(_fit_and_save, photos, shop.face_path(job_id))
        self._look(job_id)
        shop.jobs.set_training(job_id, fitted=True, log="face learnt")

    def _look(self, job_id: str) -> Training:
        """The job as it is now. Raises Canceled."""
        job = self._rows.get(job_id)
        if job.status is Status.CANCELING:
            raise Canceled
        return job

    def _canceled_at(self, job_id: str) -> float:
        return (self._rows.get(job_id).canceling_at or 0.0) + self._shop.settings.cancel_seconds

    def _end(self, job_id: str, status: Status, *, log: str, **changes: str) -> None:
        if status is not Status.SUCCEEDED:
            self._shop.face_path(job_id).unlink(missing_ok=True)
        self._shop.jobs.set_training(job_id, status=status, ended_at=self._shop.clock(), log=log, **changes)


def _sift(files: Sequence[bytes]) -> tuple[list[bytes], list[str]]:
    """The photos that qualify, and a line for each that does not. Raises Failed."""
    photos, left_out = [], []
    for number, data in enumerate(files, 1):
        for name, photo in unpack(data):
            if why := verdict(photo):
                left_out.append(f"photo {number}{f' ({name})' if name else ''} left out: {why}")
            else:
                photos.append(photo)
    return photos, left_out


def _fit_and_save(photos: Sequence[bytes], path: Path) -> None:
    write_whole(path, trainer.fit(photos).to_bytes())
