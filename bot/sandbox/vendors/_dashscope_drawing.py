"""How portraits are made at the DashScope stand-in: in a preset style, or into a template."""

import shutil
from pathlib import Path

from bot.sandbox import trainer
from bot.sandbox.files import write_whole
from bot.sandbox.vendors import _dashscope_pictures as pictures
from bot.sandbox.vendors._dashscope_jobs import Status, Task
from bot.sandbox.vendors._dashscope_pictures import Failed
from bot.sandbox.vendors._dashscope_work import Canceled, Workshop

ALGORITHM_FAILED = ("InternalError.Algo", "An internal error has occured during algorithm execution.")


class Painter:
    """Does each task in a task of its own."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._rows = shop.jobs.tasks

    def resume(self) -> None:
        """Take up everything that is not over, and erase what has been kept long enough."""
        for task in self._rows.all():
            if task.ended_at is None:
                self.start(task.task_id)
        self.sweep()

    def start(self, task_id: str) -> None:
        """Begin, or go on with, one."""
        self._shop.workers.start(self._draw(task_id))

    def sweep(self) -> None:
        """Erase the pictures of tasks nobody knows any more."""
        keep = self._shop.settings.record_seconds
        for task in self._rows.all():
            if task.ended_at is not None and task.ended_at + keep <= self._shop.clock():
                shutil.rmtree(self.path(task, 1).parent, ignore_errors=True)

    def path(self, task: Task, number: int) -> Path:
        """Where the picture of this number lies, counted from 1."""
        return self._shop.store.path(result_key(task, number))

    async def _draw(self, task_id: str) -> None:
        shop, material = self._shop, self._shop.folder / "material" / task_id
        try:
            started_at = await shop.wait_to_start(
                lambda: self._look(task_id), lambda: self._is_crowded(task_id)
            )
            if started_at is not None:
                shop.jobs.set_task(task_id, status=Status.RUNNING, started_at=started_at)
            await self._draw_all(self._look(task_id), material)
            await shop.wait_for_the_end(lambda: self._look(task_id))
            _check_any(self._look(task_id))
        except Canceled:
            pass
        except Failed as failed:
            code, message = failed.code, failed.message
            shop.jobs.set_task(
                task_id, status=Status.FAILED, code=code, message=message, ended_at=shop.clock()
            )
        else:
            shop.jobs.set_task(task_id, status=Status.SUCCEEDED, ended_at=shop.clock())
        shutil.rmtree(material, ignore_errors=True)

    def _is_crowded(self, task_id: str) -> bool:
        return 0 < self._shop.settings.portraits_at_once <= self._rows.under_way(before=task_id)

    async def _draw_all(self, task: Task, material: Path) -> None:
        shop = self._shop
        references = [*([task.template_url] if task.template_url else []), *task.user_urls]
        files = await shop.gather(
            references, material, task.task_id, resolves_oss=task.resolves_oss, count=lambda _: None
        )
        template, users = (files[0], files[1:]) if task.template_url else (None, [])
        model = await shop.workers.reckon(
            _prepare, template, users, None if task.face_job is None else shop.face_path(task.face_job)
        )
        for index in range(task.images - task.missing):
            path = self.path(task, index + 1)
            if not path.exists():
                await shop.workers.reckon(_draw_and_save, path, task, model, template, index)
            shop.jobs.set_task(task.task_id, drawn=index + 1)
        shop.jobs.set_task(task.task_id, drawn=task.images)

    def _look(self, task_id: str) -> Task:
        """The task as it is now. Raises Canceled."""
        task = self._rows.get(task_id)
        if task.status is Status.CANCELED:
            raise Canceled
        return task


def result_key(task: Task, number: int) -> str:
    """The store's key of the picture of this number, counted from 1."""
    return f"results/{task.task_id}/{number}.{'png' if task.format == 'png' else 'jpg'}"


def _check_any(task: Task) -> None:
    """One picture is enough for a task to succeed, none is not. Raises Failed."""
    if task.missing == task.images:
        raise Failed(*ALGORITHM_FAILED)


def _prepare(template: bytes | None, users: list[bytes], face: Path | None) -> trainer.Model | None:
    """Look at what was sent, and open or learn the face. Raises Failed."""
    if template is not None:
        pictures.check(template, pictures.TEMPLATE)
    for photo in users:
        pictures.check(photo, pictures.USER_PHOTO)
        if pictures.verdict(photo):
            raise Failed("InvalidParameter", "no face detected in user_urls")
    if users:
        return trainer.fit(users)
    if face is None:
        return None
    try:
        return trainer.Model.from_bytes(face.read_bytes())
    except FileNotFoundError as error:
        raise Failed("BadRequest.EmptyModel", "The face resource does not exist any more.") from error


def _draw_and_save(
    path: Path, task: Task, model: trainer.Model | None, template: bytes | None, index: int
) -> None:
    if template is None:
        data = pictures.portrait(model, task.style, seed=task.seed, index=index, format=task.format)
    else:
        data = pictures.portrait_in(template, model, seed=task.seed, index=index, format=task.format)
    write_whole(path, data)
