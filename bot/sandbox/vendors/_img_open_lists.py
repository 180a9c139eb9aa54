"""The lists of the Img Open stand-in: checkpoints (E3) and LoRAs (E4), page by page."""

from collections.abc import Mapping

from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._img_open_answers import Done, missing, wrong
from bot.sandbox.vendors._img_open_catalogue import BY_STEM, CHECKPOINTS, SD_1, STOCK_LORAS, page
from bot.sandbox.vendors._img_open_checks import Wrong, text, whole
from bot.sandbox.vendors._img_open_shop import Shop
from bot.sandbox.vendors._img_open_shown import Showcase
from bot.sandbox.vendors._img_open_tasks import Status, Task, TaskKind
from bot.sandbox.vendors._state import Json


class Lists:
    """What there is to generate with: the oldest first, so that what was trained last is at the end."""

    def __init__(self, shop: Shop, showcase: Showcase) -> None:
        self._shop = shop
        self._showcase = showcase

    def models(self, body: Mapping[str, Json]) -> Done:
        """The checkpoints, all or those of a file or with some text in their name."""
        size, number = _paging(body)
        file, name = _filter(body, "sdModelCheckpoint"), _filter(body, "sdModelName").lower()
        found = [one for one in CHECKPOINTS if file in ("", one.file) and name in one.name.lower()]
        rows = [lambda one=one: one.row(self._showcase.model_picture(one.id)) for one in found]
        return Done(page(rows, size, number))

    def loras(self, body: Mapping[str, Json]) -> Done:
        """The LoRAs, all or those with some text in their name."""
        size, number = _paging(body)
        name = _filter(body, "sdModelName").lower()
        known = [(row, lora, SD_1) for row, lora in enumerate(STOCK_LORAS, 101)]
        known += [(1000 + task.id, task.lora, base_of(task)) for task in self._trained()]
        field = self._shop.settings.lora_row_field
        rows = [
            lambda one=one: {"id": one[0], field: one[1], "modelBaseModel": one[2], "modelStatus": 1}
            for one in known
            if name in one[1].lower()
        ]
        return Done(page(rows, size, number))

    def _trained(self) -> list[Task]:
        done = [task for task in self._shop.tasks.all(TaskKind.TRAINING) if task.status is Status.DONE]
        lag = self._shop.faults.peek({FaultKind.LIST_LAG}, "QueryLoraList")
        if lag is None:
            return done
        before = self._shop.clock() - lag.number("seconds", 60.0)
        return [task for task in done if (task.ended_at or 0.0) <= before]


def base_of(task: Task) -> str:
    """The family of the model that a training began with."""
    return BY_STEM[str(task.wanted["pretrainedModel"])].base


def _paging(body: Mapping[str, Json]) -> tuple[int, int]:
    found = []
    for name in ("pageSize", "pageNum"):
        if body.get(name) is None:
            raise missing(name)
        try:
            found.append(int(str(whole(1)(body[name]))))
        except Wrong as error:
            raise wrong(name, str(error)) from error
    return found[0], found[1]


def _filter(body: Mapping[str, Json], name: str) -> str:
    value = body.get(name)
    try:
        return "" if value is None else str(text()(value))
    except Wrong as error:
        raise wrong(name, str(error)) from error
