"""A typed client for the control API of the Img Open stand-in, over HTTP: it may be another process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.sandbox.vendors._img_open_tasks import Status
from bot.sandbox.vendors._journal import Entry, EntryKind
from bot.sandbox.vendors._state import Json
from bot.sandbox.vendors.control import Control

ImgOpenAction = Literal[
    "SubmitTraining",
    "QueryTraining",
    "QueryModelList",
    "QueryLoraList",
    "Text2image",
    "Image2image",
    "QueryTask",
    "QueryArchive",
    "InstantId",
    "QueryTool",
    "QueryOtherTool",
    "Download",
    "Callback",
    "Elsewhere",
]


@dataclass(frozen=True)
class ImgOpenJob:
    """A task as the stand-in knows it, which is more than its API tells. `id` is the customer's own."""

    kind: Literal["training", "inference", "tool"]
    id: str
    action: str
    status: Literal["waiting", "working", "done", "failed"]
    progress: float
    name: str
    """What the LoRA is called, or what was ordered."""
    reason: str | None
    note: str | None
    images: int
    seed: int | None
    trained_by: str | None
    """The task that trained the LoRA it is drawn with."""
    parameters: Mapping[str, Any]
    """Those of a training as they were understood, defaults included."""
    passed_over: Sequence[str]
    """The names in the order that meant nothing."""
    steps: int | None
    created_at: float
    ended_at: float | None
    photo_links: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True)
class ImgOpenPaid:
    """How many creations a customer would be billed for."""

    training: int
    inference: int
    tool: int


class ImgOpenControl(Control[ImgOpenAction, ImgOpenJob]):
    """Steers and watches the stand-in for Img Open. Its settings are those of `_img_open_settings.py`."""

    ended_well = Status.DONE

    def __init__(self, origin: str) -> None:
        super().__init__(origin, ImgOpenJob)

    async def paid(self) -> ImgOpenPaid:
        """How many creations there were, however they were answered."""
        return ImgOpenPaid(**await self.bill())

    async def settings(self, **changes: Json) -> None:
        """Change settings; tasks under way feel it at once."""
        await self.turn(**changes)

    async def callbacks(self) -> list[Entry]:
        """The callbacks that were tried, one line for each try."""
        return [Entry(**item) for item in await self._rows("/journal", since=0, kind=EntryKind.CALLBACK)]
