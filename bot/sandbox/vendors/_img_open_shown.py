"""How a task of the Img Open stand-in looks from outside, and how far it is."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._img_open_answers import Done
from bot.sandbox.vendors._img_open_shop import Shop
from bot.sandbox.vendors._img_open_tasks import Fate, Status, Task, TaskKind
from bot.sandbox.vendors._links import Links
from bot.sandbox.vendors._state import Json

STORE = "/oss"
_QUEUED_SHARE = 0.1
_FAILS_AT_SHARE = 0.6
# A vendor does not report the whole before the end, however the arithmetic falls.
_ALMOST = 0.99
_TRAINING_WORDS = {
    Status.WAITING: "queue",
    Status.WORKING: "training",
    Status.DONE: "success",
    Status.FAILED: "failed",
}
_TRAINING_SAYS = {Status.WAITING: "waiting", Status.WORKING: "training", Status.DONE: "success"}
_PICTURE_SAYS = {Status.WAITING: "Waiting", Status.WORKING: "Processing", Status.DONE: "Success"}
# The scale of the tools is another one: on the vendor's page a finished picture stands beside a 1.
_TOOL_NUMBERS = {Status.WAITING: 0, Status.WORKING: 0, Status.DONE: 1, Status.FAILED: 2}
_NOTHING_FOUND: Json = [{"confidence": None, "label": "nonLabel"}]


class Pace:
    """When a task begins and ends, by the settings as they are now."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def begins_at(self, task: Task) -> float:
        """When it leaves the queue."""
        return task.created_at + _QUEUED_SHARE * self._seconds(task)

    def ends_at(self, task: Task) -> float:
        """When it ends, well or not."""
        share = _FAILS_AT_SHARE if task.fate is Fate.FAILS else 1.0
        return task.created_at + share * self._seconds(task)

    def progress(self, task: Task) -> float:
        """How far it is, from 0 to 1: as far as its time and its real work allow."""
        if task.status is Status.DONE:
            return 1.0
        if task.started_at is None:
            return 0.0
        whole = self._seconds(task)
        elapsed = (task.ended_at or self._shop.clock()) - task.created_at
        by_time = elapsed / whole if whole else 1.0
        return round(max(0.0, min(by_time, _work(task), _ALMOST)), 2)

    def _seconds(self, task: Task) -> float:
        settings = self._shop.settings
        return settings.train_seconds if task.kind is TaskKind.TRAINING else settings.infer_seconds


@dataclass(frozen=True)
class Twist:
    """What a fault has a query say instead of the truth."""

    word: Json
    reason: str | None = None
    failed: bool = False

    @classmethod
    def of(cls, fault: Fault | None) -> "Twist | None":
        """What this fault says."""
        if fault is None:
            return None
        if fault.kind == FaultKind.TAKEN_BACK:
            reason = fault.text("reason", "image download failed")
            return cls(Status.FAILED.number, reason, failed=True)
        reason = fault.text("reason", "")
        return cls(fault.details.get("word", 9), reason or None)


class Showcase:
    """Makes the data of an answer of a task."""

    def __init__(self, shop: Shop, pace: Pace, links: Links, *, origin: Callable[[], str]) -> None:
        self._shop = shop
        self._pace = pace
        self._links = links
        self._origin = origin

    def training(
        self,
        task: Task,
        *,
        status: Status | None = None,
        twist: Twist | None = None,
        nameless: bool = False,
    ) -> Done:
        """The result of a training, in the shape that the settings have it; `nameless` names no LoRA."""
        settings = self._shop.settings
        status = task.status if status is None else status
        words = task.reason if status is Status.FAILED else _TRAINING_SAYS[status]
        number: Json = status.number if settings.status_style == "number" else _TRAINING_WORDS[status]
        if twist is not None:
            number, words = twist.word, twist.reason or words
        fields: dict[str, Json] = {settings.id_field: task.name}
        if settings.status_style != "none":
            fields[settings.status_field] = number
        fields[settings.message_field] = words
        if status is Status.DONE and not nameless and not (twist and twist.failed):
            if settings.result_gives in ("both", "name"):
                fields[settings.name_field] = task.lora
            if settings.result_gives in ("both", "url"):
                fields[settings.url_field] = self._link(f"/lora/{task.id}/{task.lora}.safetensors")
        match settings.result_shape:
            case "array":
                return Done([fields], subject=task.name)
            case "flat":
                return Done(fields, subject=task.name, flat=True)
            case _:
                return Done(fields, subject=task.name)

    def picture(self, task: Task, *, live: bool, twist: Twist | None = None, empty: bool = False) -> Done:
        """Pictures as the live query shows them, or as the archive does."""
        status = task.status
        number: Json = status.number
        words = task.reason if status is Status.FAILED else _PICTURE_SAYS[status]
        finished = status is Status.DONE and not (twist and twist.failed)
        if twist is not None:
            number, words = twist.word, twist.reason or words
        shown: list[Json] | None = None if status is Status.WAITING else []
        if finished and not empty:
            shown = [self._image(task, index) for index in range(task.images)]
        data: dict[str, Json] = {"id_task" if live else "task_id": task.name, "status": number, "desc": words}
        if live:
            data["temporaryImageDto"] = None if task.over else self._meanwhile(task)
        return Done({**data, "differentialImageRspList": shown}, subject=task.name)

    def tool(self, task: Task, *, twist: Twist | None = None) -> Done:
        """A tool's task: whether it is finished shows in the link, and not in the number."""
        finished = task.status is Status.DONE and not (twist and twist.failed)
        data: dict[str, Json] = {
            "taskId": f"tool{task.id}",
            "businessTaskId": task.name,
            "status": _TOOL_NUMBERS[task.status] if twist is None else twist.word,
            "outputImageUrl": self._link(_output(task, 0)) if finished else None,
        }
        if task.status is Status.FAILED:
            data["desc"] = task.reason
        return Done(data, subject=task.name)

    def model_picture(self, model: int) -> str:
        """A link to the picture of a checkpoint."""
        return self._link(f"/models/{model}.png")

    def _image(self, task: Task, index: int) -> Json:
        audit = task.flaws.get("audited_out")
        failed = isinstance(audit, dict) and audit.get("image") == index
        label = audit.get("label") if isinstance(audit, dict) else None
        missing = task.flaws.get("missing", 0)
        assert isinstance(missing, int)
        return {
            "img_audit": [{"confidence": 96.5, "label": label}] if failed else _NOTHING_FOUND,
            "img_audit_status": not failed,
            "image_status": 1,
            "image_url": "" if index >= task.images - missing else self._link(_output(task, index)),
            "seed": task.seed + index,
        }

    def _meanwhile(self, task: Task) -> Json:
        return {"percentage": round(100 * self._pace.progress(task)), "temporaryImageUrl": None}

    def _link(self, path: str) -> str:
        return self._origin() + self._links.signed(STORE + path, seconds=self._shop.settings.link_seconds)


def _output(task: Task, index: int) -> str:
    return f"/Output/{task.id}/{task.name}-{index}.{task.wanted['ending']}"


def _work(task: Task) -> float:
    if task.kind is not TaskKind.TRAINING:
        return task.counted / task.images
    return 0.4 * task.counted / len(task.photo_links) + 0.6 * task.fitted
