"""The work behind the Img Open stand-in: fetch the photos, fit the LoRA, draw the pictures, and take time.

Where a task stands is in its row and its files are named after it, so after a kill the work is taken up
again.
"""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from bot.sandbox import trainer
from bot.sandbox.files import write_whole
from bot.sandbox.vendors._fetch import Fetcher, FetchFailed
from bot.sandbox.vendors._img_open_callbacks import Courier
from bot.sandbox.vendors._img_open_orders import FORMATS
from bot.sandbox.vendors._img_open_shop import Shop
from bot.sandbox.vendors._img_open_shown import Pace
from bot.sandbox.vendors._img_open_tasks import Fate, Status, Task, TaskKind

_UNREADABLE = frozenset({"NotAnImage", "TooLarge"})


class _GoesWrong(Exception):
    """The work cannot be done; the text is what the customer is told."""


class Workshop:
    """Runs every unfinished task beside the calls."""

    def __init__(self, shop: Shop, fetcher: Fetcher, courier: Courier, pace: Pace) -> None:
        self._shop = shop
        self._tasks = shop.tasks
        self._fetcher = fetcher
        self._courier = courier
        self._pace = pace

    def resume(self) -> None:
        """Take up everything that is not over."""
        for task in self._tasks.all():
            if not task.over:
                self.begin(task)

    def begin(self, task: Task) -> None:
        """Begin a task, or go on with it."""
        self._shop.workers.start(self._run(task.id))

    def model_path(self, task_id: int) -> Path:
        """Where a training leaves what it learnt."""
        return self._shop.folder / "models" / f"{task_id}.npz"

    def picture_path(self, task: Task, index: int) -> Path:
        """Where a picture lies once it is drawn."""
        return self._shop.folder / "pictures" / str(task.id) / f"{index}.{task.wanted['ending']}"

    async def _run(self, task_id: int) -> None:
        task = self._tasks.get(task_id)
        await self._shop.workers.until(lambda: self._pace.begins_at(task))
        if task.started_at is None:
            with self._courier.told_of(task, Status.WORKING):
                self._tasks.start(task_id, at=self._shop.clock())
        try:
            await (self._train(task) if task.kind is TaskKind.TRAINING else self._draw(task))
            status, reason = await self._wait_for_the_end(task_id)
        except FetchFailed as failure:
            unreadable = failure.code in _UNREADABLE
            status, reason = Status.FAILED, "image format error" if unreadable else "image download failed"
        except _GoesWrong as trouble:
            status, reason = Status.FAILED, str(trouble)
        with self._courier.told_of(task, status):
            self._tasks.end(task_id, status, reason=reason, at=self._shop.clock())
        # What was learnt is kept, and people's photos are not kept longer than that takes.
        shutil.rmtree(self._photos_dir(task_id), ignore_errors=True)

    async def _train(self, task: Task) -> None:
        if task.fitted:
            return
        photos = await self._photos(task, self._tasks.count)
        if task.wanted["rankDropout"] == 1:
            raise _GoesWrong("ZeroDivisionError: float division by zero")
        await self._shop.workers.reckon(_fit_and_save, photos, self.model_path(task.id))
        self._tasks.fit(task.id)

    async def _draw(self, task: Task) -> None:
        photos = await self._photos(task, lambda *_: None)
        if (trouble := task.flaws.get("broken")) is not None:
            raise _GoesWrong(str(trouble))
        training = task.wanted.get("training")
        model_path = self.model_path(training) if isinstance(training, int) else None
        for index in range(task.images):
            path = self.picture_path(task, index)
            if not path.exists():
                await self._shop.workers.reckon(_draw_and_save, model_path, photos, task, index, path)
            self._tasks.count(task.id, index + 1)

    async def _photos(self, task: Task, count: Callable[[int, int], None]) -> list[bytes]:
        """Fetch what a task was given links to, except what is here already."""
        folder = self._photos_dir(task.id)
        photos: list[bytes] = []
        for index, url in enumerate(task.photo_links):
            path = folder / f"{index:04}"
            if not path.exists():
                write_whole(path, await self._fetcher.fetch(url, subject=task.name))
            photos.append(path.read_bytes())
            count(task.id, index + 1)
        return photos

    async def _wait_for_the_end(self, task_id: int) -> tuple[Status, str | None]:
        while True:
            task = self._tasks.get(task_id)
            left = self._pace.ends_at(task) - self._shop.clock()
            if task.fate is Fate.STUCK:
                await self._shop.pulse.rest(None)
            elif left > 0:
                await self._shop.pulse.rest(left)
            elif task.fate is Fate.FAILS:
                return Status.FAILED, task.reason or _usual_reason(task)
            else:
                return Status.DONE, None

    def _photos_dir(self, task_id: int) -> Path:
        return self._shop.folder / "photos" / str(task_id)


def _usual_reason(task: Task) -> str:
    return "train failed" if task.kind is TaskKind.TRAINING else "generate failed"


def _fit_and_save(photos: list[bytes], path: Path) -> None:
    write_whole(path, trainer.fit(photos).to_bytes())


def _draw_and_save(model_path: Path | None, photos: list[bytes], task: Task, index: int, path: Path) -> None:
    """Draw by a LoRA, else after the picture that was handed in, else nobody in particular."""
    model = None
    if model_path is not None:
        model = trainer.Model.from_bytes(model_path.read_bytes())
    elif photos:
        model = trainer.fit(photos[:1])
    wanted = task.wanted
    size = (int(str(wanted["width"])), int(str(wanted["height"])))
    png = trainer.draw(model, str(wanted["prompt"]), seed=task.seed, index=index, size=size)
    write_whole(path, _in_format(png, FORMATS[str(wanted["ending"])]))


def _in_format(png: bytes, kind: str) -> bytes:
    if kind == "PNG":
        return png
    sink = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.save(sink, kind, quality=92)
    return sink.getvalue()
