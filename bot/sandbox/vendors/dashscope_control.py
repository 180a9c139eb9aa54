"""The typed client for the control API of the DashScope stand-in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.sandbox.vendors.control import Control, Paid

DashscopeAction = Literal[
    "UploadFiles",
    "ListFiles",
    "GetFile",
    "DeleteFile",
    "CreateFineTune",
    "ListFineTunes",
    "GetFineTune",
    "CancelFineTune",
    "DeleteFineTune",
    "GetFineTuneLogs",
    "DetectFaces",
    "CreatePortraits",
    "GetTask",
    "CancelTask",
    "ListTasks",
    "GetUploadPolicy",
    "GetObject",
    "PostObject",
]


@dataclass(frozen=True)
class DashscopeJob:
    """A training or a portrait task as the stand-in knows it."""

    kind: Literal["training", "inference"]
    id: str
    name: str
    status: str
    progress: float
    face: str | None
    """What a training makes, or what portraits are of; None where no face was trained."""
    style: str | None
    images: int
    note: str
    created_at: float
    ended_at: float | None
    photo_links: Sequence[str] = field(default=(), repr=False)
    """Empty where files were uploaded."""


class DashscopeControl(Control[DashscopeAction, DashscopeJob]):
    """Steers and watches the stand-in for DashScope. Its settings are those of `_dashscope_settings.py`."""

    ended_well = "SUCCEEDED"

    def __init__(self, origin: str) -> None:
        super().__init__(origin, DashscopeJob)

    async def paid(self) -> Paid:
        """How many creations there were, however they were answered."""
        return Paid(**await self.bill())
