"""Portrait tasks at the DashScope stand-in: order, look up, cancel, list."""

import random
import uuid
from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request

from bot.sandbox.vendors._counter import Outcome
from bot.sandbox.vendors._dashscope_answers import (
    ZONE,
    check_model,
    done,
    invalid,
    long_time,
    refused,
    unsupported,
)
from bot.sandbox.vendors._dashscope_door import read_json, read_page
from bot.sandbox.vendors._dashscope_drawing import ALGORITHM_FAILED, Painter, result_key
from bot.sandbox.vendors._dashscope_fates import Fates
from bot.sandbox.vendors._dashscope_jobs import JobKind, Status, Task
from bot.sandbox.vendors._dashscope_sources import resolves_oss
from bot.sandbox.vendors._dashscope_wishes import DEMONSTRATION_FACE, read_wish
from bot.sandbox.vendors._dashscope_work import Workshop
from bot.sandbox.vendors._state import Json

MODEL = "facechain-generation"
_UNKNOWN = "UNKNOWN"
_KEY_ID, _REGION = "1", "cn-beijing"
_RETIRED_STATUS = {
    "Model.NotExist": 404,
    "ModelNotFound": 400,
    "AccessDenied": 403,
    "Model.AccessDenied": 403,
}


class Tasks:
    """G1 to G4."""

    def __init__(self, shop: Workshop, painter: Painter, fates: Fates, *, clock: Callable[[], float]) -> None:
        self._shop = shop
        self._rows = shop.jobs.tasks
        self._painter = painter
        self._fates = fates
        self._clock = clock

    async def create(self, request: Request) -> Outcome:
        """G1. Raises Refused."""
        if request.headers.get("x-dashscope-async") != "enable":
            raise refused(403, "AccessDenied", "current user api does not support synchronous calls.")
        body = await read_json(request)
        self._check_model(body.get("model"))
        wish = read_wish(body)
        face_job = None if wish.resource_id is None else self._face_job(wish.resource_id)
        settings = self._shop.settings
        room = settings.portraits_at_once + settings.portraits_waiting
        if settings.portraits_at_once and self._rows.under_way() >= room:
            raise refused(429, "Throttling", "Too many requests in running, please retry later")
        fate = self._fates.take("CreatePortraits", JobKind.INFERENCE)
        task = Task(
            task_id=str(uuid.uuid4()),
            style=wish.style,
            face_job=face_job,
            template_url=wish.template_url,
            user_urls=wish.user_urls,
            images=wish.images,
            seed=random.randrange(2**31),
            format=settings.result_format,
            resolves_oss=resolves_oss(request),
            fate=fate.fate,
            missing=self._fates.missing("CreatePortraits", wish.images),
            created_at=self._clock(),
            code=fate.code,
            message=fate.message,
        )
        self._rows.add(task.task_id, task)
        self._painter.sweep()
        self._painter.start(task.task_id)
        return done(task.task_id, output={"task_id": task.task_id, "task_status": Status.PENDING})

    async def get(self, request: Request) -> Outcome:
        """G2: whoever asks for what does not exist, or not any more, is told so with a yes."""
        task = self._find(request)
        if task is None or self._fates.is_too_young(task.created_at, "GetTask"):
            task_id = str(request.path_params["task_id"])
            return done(task_id, output={"task_id": task_id, "task_status": _UNKNOWN})
        output = self._show(task)
        if (word := self._fates.word("GetTask")) is not None:
            output["task_status"] = word
        if task.status is Status.SUCCEEDED:
            output["results"] = [] if self._fates.empties("GetTask") else self._results(task, request)
        if task.ended_at is None or task.status is Status.CANCELED:
            return done(task.task_id, output=output)
        count = task.images - task.missing if task.status is Status.SUCCEEDED else 0
        return done(task.task_id, output=output, usage={"image_count": count})

    async def cancel(self, request: Request) -> Outcome:
        """G3. Raises Refused."""
        task = self._find(request)
        if task is None or task.status is not Status.PENDING:
            raise unsupported("Failed to cancel the task, please confirm if the task is in PENDING status.")
        self._shop.jobs.set_task(task.task_id, status=Status.CANCELED, ended_at=self._clock())
        return done(task.task_id)

    async def page(self, request: Request) -> Outcome:
        """G4, newest first. Raises Refused."""
        number, size = read_page(request)
        asked = request.query_params
        since, until = _instant(request, "start_time"), _instant(request, "end_time")
        elsewhere = (
            asked.get("model_name", MODEL) != MODEL
            or asked.get("region", _REGION) != _REGION
            or asked.get("api_key_id", _KEY_ID) != _KEY_ID
        )
        tasks = [
            task
            for task in self._rows.all()[::-1]
            if not elsewhere
            and self._is_known(task)
            and self._fates.is_listed(task.created_at)
            and asked.get("status", task.status) == task.status
            and (since is None or task.created_at >= since)
            and (until is None or task.created_at < until)
        ]
        word = self._fates.word("ListTasks")
        shown: list[Json] = [
            {
                "task_id": task.task_id,
                "task_status": word or task.status,
                "model_name": MODEL,
                "api_key_id": _KEY_ID,
                "region": _REGION,
                "submit_time": long_time(task.created_at),
            }
            for task in tasks[(number - 1) * size : number * size]
        ]
        return done(page_no=number, page_size=size, total=len(tasks), tasks=shown)

    def _check_model(self, model: Json) -> None:
        retired = self._shop.settings.retired
        check_model(model, MODEL)
        if retired:
            raise refused(_RETIRED_STATUS[retired], retired, "Model not exist, or access to it is denied.")

    def _face_job(self, resource_id: str) -> str | None:
        if resource_id == DEMONSTRATION_FACE:
            return None
        job = self._shop.jobs.face(resource_id)
        if job is None or job.face != resource_id:
            raise refused(400, "Resource.AccessDenied", "The resource is not accessible.")
        if job.status is not Status.SUCCEEDED:
            raise refused(400, "BadRequest.EmptyModel", "The resource is not ready.")
        if not self._shop.face_path(job.job_id).exists():
            raise refused(400, "Resource.AccessDenied", "The resource is not accessible.")
        return job.job_id

    def _find(self, request: Request) -> Task | None:
        task = self._rows.find(str(request.path_params["task_id"]))
        return task if task is not None and self._is_known(task) else None

    def _is_known(self, task: Task) -> bool:
        keep = self._shop.settings.record_seconds
        return task.ended_at is None or self._clock() < task.ended_at + keep

    def _show(self, task: Task) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "task_id": task.task_id,
            "task_status": task.status,
            "submit_time": long_time(task.created_at),
        }
        if task.started_at is not None:
            shown["scheduled_time"] = long_time(task.started_at)
        if task.ended_at is not None:
            shown["end_time"] = long_time(task.ended_at)
        if task.status is Status.SUCCEEDED:
            good = task.images - task.missing
            shown["task_metrics"] = {"TOTAL": task.images, "SUCCEEDED": good, "FAILED": task.missing}
        elif task.status is Status.RUNNING:
            shown["task_metrics"] = {"TOTAL": task.images, "SUCCEEDED": 0, "FAILED": 0}
        elif task.status is Status.FAILED:
            shown |= {"code": task.code, "message": task.message}
            shown["task_metrics"] = {"TOTAL": task.images, "SUCCEEDED": 0, "FAILED": task.images}
        return shown

    def _results(self, task: Task, request: Request) -> list[Json]:
        assert task.ended_at is not None
        left = task.ended_at + self._shop.settings.link_seconds - self._clock()
        good = task.images - task.missing
        links: list[Json] = [
            {"url": self._shop.store.link(request, result_key(task, number), seconds=left)}
            for number in range(1, good + 1)
        ]
        code, message = ALGORITHM_FAILED
        return links + [{"code": code, "message": message} for _ in range(task.missing)]


def _instant(request: Request, name: str) -> float | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=ZONE).timestamp()
    except ValueError as error:
        raise invalid(f"{name} must be YYYYMMDDhhmmss.") from error
