"""The operations of the Img Open stand-in (E1 to E10 on the vendor's page), once a caller was let in."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import Any

from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._img_open_answers import Done, already_there, busy, missing, not_found, wrong
from bot.sandbox.vendors._img_open_catalogue import BY_FILE, SD_1, STOCK_LORAS
from bot.sandbox.vendors._img_open_checks import Wrong, own_id
from bot.sandbox.vendors._img_open_lists import Lists, base_of
from bot.sandbox.vendors._img_open_orders import Order, picture_order, tool_order
from bot.sandbox.vendors._img_open_parameters import bind, steps
from bot.sandbox.vendors._img_open_settings import SERVICE, Settings
from bot.sandbox.vendors._img_open_shop import Shop
from bot.sandbox.vendors._img_open_shown import Pace, Showcase, Twist
from bot.sandbox.vendors._img_open_tasks import Fate, Status, Task, TaskKind
from bot.sandbox.vendors._state import Json

Body = Mapping[str, Json]
Operation = Callable[[Body], Done]

_ZONE = timezone(timedelta(hours=8))
_ENDINGS: dict[FaultKind, tuple[set[TaskKind], Fate]] = {
    FaultKind.TRAINING_FAILS: ({TaskKind.TRAINING}, Fate.FAILS),
    FaultKind.TRAINING_STUCK: ({TaskKind.TRAINING}, Fate.STUCK),
    FaultKind.INFERENCE_FAILS: ({TaskKind.INFERENCE, TaskKind.TOOL}, Fate.FAILS),
    FaultKind.INFERENCE_STUCK: ({TaskKind.INFERENCE, TaskKind.TOOL}, Fate.STUCK),
}


class Operations:
    """What a caller can ask for, and what the control API asks. `begin` puts a task to work."""

    def __init__(
        self, shop: Shop, lists: Lists, showcase: Showcase, pace: Pace, begin: Callable[[Task], None]
    ) -> None:
        self._shop = shop
        self._tasks = shop.tasks
        self._faults = shop.faults
        self._showcase = showcase
        self._pace = pace
        self._begin = begin
        self.table: dict[str, Operation] = {
            "SubmitTraining": self._submit_training,
            "QueryTraining": self._query_training,
            "QueryModelList": lists.models,
            "QueryLoraList": lists.loras,
            "Text2image": lambda body: self._picture("Text2image", body),
            "Image2image": lambda body: self._picture("Image2image", body),
            "QueryTask": self._query_live,
            "QueryArchive": self._query_archive,
            "InstantId": self._instant_id,
            "QueryTool": self._query_tool,
            "QueryOtherTool": self._query_other_tool,
        }

    def action_at(self, path: str) -> str | None:
        """The operation behind a path; paths that the vendor's pages do not tell are settings."""
        settings = self._shop.settings
        if path == settings.result_path:
            return "QueryTraining"
        if path == settings.lora_list_path:
            return "QueryLoraList"
        return _PATHS.get(path)

    # E1, E2: trainings.

    def _submit_training(self, body: Body) -> Done:
        settings = self._shop.settings
        bound = bind(body, settings)
        name = str(bound.parameters["taskId"])
        if self._is_there(TaskKind.TRAINING, name, "taskId", settings.repeated_task):
            return Done(subject=name)
        self._let_wait(TaskKind.TRAINING, settings.most_trainings)
        wanted: dict[str, Json] = {
            **bound.parameters,
            "lora": _lora_name(name, settings, self._tasks.total(TaskKind.TRAINING)),
            "passed_over": list(bound.passed_over),
        }
        self._take(TaskKind.TRAINING, "SubmitTraining", name, wanted, {})
        return Done(subject=name)

    def _query_training(self, body: Body) -> Done:
        field = self._shop.settings.result_request_field
        task = self._asked_for(TaskKind.TRAINING, body, field, "QueryTraining")
        nameless = task.status is Status.DONE and self._shop.happens(FaultKind.EMPTY_RESULT, "QueryTraining")
        return self._showcase.training(task, twist=self._twist("QueryTraining"), nameless=nameless)

    # E5 to E8: pictures.

    def _picture(self, action: str, body: Body) -> Done:
        settings = self._shop.settings
        name, order = picture_order(body, settings, from_image=action == "Image2image")
        if not self._is_there(TaskKind.INFERENCE, name, "id_task", settings.repeated_picture):
            self._let_wait(TaskKind.INFERENCE, settings.most_inferences)
            training, trouble = self._lora_for(order, settings)
            wanted = {**asdict(order), "training": training}
            self._take(TaskKind.INFERENCE, action, name, wanted, self._flaws(action, trouble))
        return Done({"task_id": name}, subject=name)

    def _query_live(self, body: Body) -> Done:
        task = self._asked_for(TaskKind.INFERENCE, body, "businessTaskId", "QueryTask")
        if not self._is_of_this_month(task):
            raise not_found("businessTaskId")
        twist = self._twist("QueryTask")
        empty = task.status is Status.DONE and self._shop.happens(FaultKind.EMPTY_RESULT, "QueryTask")
        return self._showcase.picture(task, live=True, twist=twist, empty=empty)

    def _query_archive(self, body: Body) -> Done:
        task = self._asked_for(TaskKind.INFERENCE, body, "businessTaskId", "QueryArchive")
        # What is still at work, and of this month, is not in the archive yet.
        if not task.over and self._is_of_this_month(task):
            raise not_found("businessTaskId")
        return self._showcase.picture(task, live=False, twist=self._twist("QueryArchive"))

    # E9, E10: the tool.

    def _instant_id(self, body: Body) -> Done:
        settings = self._shop.settings
        name, order = tool_order(body, settings)
        if not self._is_there(TaskKind.TOOL, name, "businessTaskId", settings.repeated_picture):
            self._let_wait(TaskKind.TOOL, settings.most_inferences)
            self._take(TaskKind.TOOL, "InstantId", name, asdict(order), {})
        return self._showcase.tool(self._found(TaskKind.TOOL, name, "businessTaskId"))

    def _query_tool(self, body: Body) -> Done:
        task = self._asked_for(TaskKind.TOOL, body, "businessTaskId", "QueryTool")
        return self._showcase.tool(task, twist=self._twist("QueryTool"))

    def _query_other_tool(self, body: Body) -> Done:
        """Nobody can order of the other tools here, so that they know no task."""
        self._asked_for(TaskKind.TOOL, body, "businessTaskId", "QueryOtherTool")
        raise not_found("businessTaskId")

    # What they have in common.

    def _take(
        self, kind: TaskKind, action: str, name: str, wanted: dict[str, Json], flaws: dict[str, Json]
    ) -> None:
        """Write an order down and put it to work."""
        mine = {fault for fault, (kinds, _) in _ENDINGS.items() if kind in kinds}
        fault = self._faults.take(mine, action)
        fate = Fate.FINISHES if fault is None else _ENDINGS[FaultKind(fault.kind)][1]
        reason = None if fault is None else fault.text("reason", "") or None
        task = self._tasks.add(
            kind, action, name, wanted=wanted, flaws=flaws, fate=fate, reason=reason, at=self._shop.clock()
        )
        self._begin(task)

    def _is_there(self, kind: TaskKind, name: str, field: str, ruling: str) -> bool:
        """Whether nothing is to be begun, since the task is there and the settings say to pass over it."""
        if ruling == "rerun" or self._tasks.find(kind, name) is None:
            return False
        if ruling == "refused":
            raise already_there(field)
        return True

    def _let_wait(self, kind: TaskKind, most: int) -> None:
        if most and self._tasks.under_way(kind) >= most:
            raise busy()

    def _asked_for(self, kind: TaskKind, body: Body, field: str, action: str) -> Task:
        value = body.get(field)
        if value is None:
            raise missing(field)
        try:
            task = self._found(kind, str(own_id(value)), field)
        except Wrong as error:
            raise wrong(field, str(error)) from error
        young = self._faults.peek({FaultKind.NOT_YET}, action)
        if young is not None and self._shop.clock() - task.created_at < young.number("seconds", 60.0):
            raise not_found(field)
        return task

    def _found(self, kind: TaskKind, name: str, field: str) -> Task:
        task = self._tasks.find(kind, name)
        if task is None:
            raise not_found(field)
        return task

    def _twist(self, action: str) -> Twist | None:
        return Twist.of(self._faults.take({FaultKind.STATUS_WORD, FaultKind.TAKEN_BACK}, action))

    def _flaws(self, action: str, trouble: str | None) -> dict[str, Json]:
        """What is going to be wrong with the pictures of a new task."""
        flaws: dict[str, Json] = {} if trouble is None else {"broken": trouble}
        if (audit := self._faults.take({FaultKind.AUDITED_OUT}, action)) is not None:
            label = audit.text("label", "contraband_drug")
            flaws["audited_out"] = {"image": int(audit.number("image", 0)), "label": label}
        if (some := self._faults.take({FaultKind.SOME_FAIL}, action)) is not None:
            flaws["missing"] = int(some.number("pictures", 1))
        return flaws

    def _lora_for(self, order: Order, settings: Settings) -> tuple[int | None, str | None]:
        """The training whose LoRA a prompt names first, and what is going to be the trouble with it."""
        if not order.loras or order.checkpoint is None:
            return None, None
        done = {task.lora: task for task in self._tasks.all(TaskKind.TRAINING) if task.status is Status.DONE}
        known = done.keys() | set(STOCK_LORAS)
        unknown = [name for name in order.loras if name not in known]
        if unknown and settings.unknown_lora == "fails":
            return None, f"lora not found: {unknown[0]}"
        named = [done[name] for name in order.loras if name in done]
        base = BY_FILE[order.checkpoint].base
        bases = [base_of(task) for task in named] + [SD_1 for name in order.loras if name in STOCK_LORAS]
        strange = [other for other in bases if other != base]
        if strange:
            return None, f"lora base model {strange[0]} does not match {base}"
        return (named[0].id if named else None), None

    def _is_of_this_month(self, task: Task) -> bool:
        """Whether the live query still knows it: the month is China's, and may be ended by order."""
        ended = self._faults.peek({FaultKind.MONTH_END}, "QueryTask")
        if ended is not None and self._shop.clock() - task.created_at >= ended.number("seconds", 0.0):
            return False
        return _month(task.created_at) == _month(self._shop.clock())

    # For the control API.

    def doom(self, kind: FaultKind, name: str) -> bool:
        """A fault that names a task under way changes that task's fate on the spot."""
        kinds, fate = _ENDINGS[kind]
        return self._tasks.doom(name, kinds, fate, None)

    def describe(self) -> list[dict[str, Any]]:
        """Every task as the control API tells it, kind by kind, each oldest first."""
        return [self._describe(task) for kind in TaskKind for task in self._tasks.all(kind)]

    def _describe(self, task: Task) -> dict[str, Any]:
        training = task.kind is TaskKind.TRAINING
        own = {"lora", "passed_over", "fileUrlList", "taskId"}
        parameters = {name: value for name, value in task.wanted.items() if name not in own}
        return {
            "kind": task.kind,
            "id": task.name,
            "action": task.action,
            "status": task.status,
            "progress": self._pace.progress(task),
            "name": task.lora if training else f"{task.images} by {task.action}",
            "reason": task.reason,
            "note": task.reason if task.status is Status.FAILED else None,
            "images": task.images,
            "seed": None if training else task.seed,
            "trained_by": self._trained_by(task),
            "parameters": parameters if training else {},
            "passed_over": task.wanted.get("passed_over", []),
            "steps": steps(task.wanted) if training else None,
            "created_at": task.created_at,
            "ended_at": task.ended_at,
            "photo_links": task.photo_links,
        }

    def _trained_by(self, task: Task) -> str | None:
        training = task.wanted.get("training")
        return self._tasks.get(training).name if isinstance(training, int) else None


_PATHS = {
    SERVICE + path: action
    for path, action in {
        "/modelTraining/submitTraining/Job": "SubmitTraining",
        "/sd/v2/queryModelList": "QueryModelList",
        "/sd/v2/text2image": "Text2image",
        "/sd/v2/image2image": "Image2image",
        "/sd/v2/queryTaskInfo": "QueryTask",
        "/sd/queryTaskInfo": "QueryArchive",
        "/tool/instantID": "InstantId",
        "/tool/instantID/queryTask": "QueryTool",
        # What follows `tool/` may hold a slash.
        "/tool/hair/change/queryTask": "QueryOtherTool",
        "/tool/roop/queryTask": "QueryOtherTool",
    }.items()
}


def _lora_name(task: str, settings: Settings, number: int) -> str:
    match settings.lora_naming:
        case "around":
            return f"u1001_{task}_v1"
        case "own":
            return f"LR{240800 + number}"
        case _:
            return task


def _month(at: float) -> tuple[int, int]:
    here = datetime.fromtimestamp(at, _ZONE)
    return here.year, here.month
