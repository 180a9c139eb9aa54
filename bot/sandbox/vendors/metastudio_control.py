"""The typed client for the MetaStudio stand-in's control API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.sandbox.vendors._journal import Entry, EntryKind
from bot.sandbox.vendors._metastudio_panel import TRAINING
from bot.sandbox.vendors._metastudio_states import Errand, Stage, State
from bot.sandbox.vendors.control import Control

__all__ = ["Errand", "MetastudioAction", "MetastudioControl", "MetastudioJob", "Stage", "State"]

MetastudioAction = Literal[
    "CreateTraining",
    "ListTrainings",
    "ShowTraining",
    "UpdateTraining",
    "DeleteTraining",
    "CommandTraining",
    "ShowAsset",
    "ListAssets",
    "DeleteAsset",
    "CreateClip",
    "ShowClip",
    "CancelClip",
    "CreatePhotoCheck",
    "ShowPhotoCheck",
    "CreatePhotoVideo",
    "ShowPhotoVideo",
    "CancelPhotoVideo",
    "ListVideos",
    "CreatePictureModel",
    "CreatePictureModelByUrl",
    "ShowPictureModel",
    "ListPictureModels",
    "ListStyles",
    "CreateToken",
    "ListProjects",
    "UploadTrainingVideo",
    "UploadActionVideo",
    "UploadAudio",
    "UploadCover",
    "UploadIdCardImage1",
    "UploadIdCardImage2",
    "UploadGrantFile",
    "UploadPreBeautyImage",
    "UploadPostBeautyImage",
    "UploadAttachment",
    "Download",
    "Callback",
]


@dataclass(frozen=True)
class MetastudioJob:
    """A job as the stand-in knows it, which is more than its API tells."""

    kind: str
    """`training`, or one of `Errand`."""
    id: str
    status: str
    progress: float
    name: str | None
    created_at: float
    ended_at: float | None
    asset_id: str | None
    note: str | None = None


class MetastudioControl(Control[MetastudioAction, MetastudioJob]):
    """Steers and watches the stand-in for MetaStudio."""

    ended_well = Stage.SUCCEED.value

    def __init__(self, origin: str) -> None:
        super().__init__(origin, MetastudioJob)

    async def settings(
        self,
        *,
        auto_review_seconds: float | None = None,
        manual_review_seconds: float | None = None,
        train_seconds: float | None = None,
        compile_seconds: float | None = None,
        step_seconds: float | None = None,
        queue_seconds: float | None = None,
        render_seconds: float | None = None,
        denied: Sequence[MetastudioAction | Literal["*"]] | None = None,
        **others: Any,
    ) -> None:
        """Change settings; jobs under way feel it at once. `_metastudio_settings.py` names the others."""
        given: dict[str, Any] = {
            "auto_review_seconds": auto_review_seconds,
            "manual_review_seconds": manual_review_seconds,
            "train_seconds": train_seconds,
            "compile_seconds": compile_seconds,
            "step_seconds": step_seconds,
            "queue_seconds": queue_seconds,
            "render_seconds": render_seconds,
            "denied": None if denied is None else list(denied),
        }
        await self.turn(**{name: value for name, value in given.items() if value is not None}, **others)

    async def hurry(self) -> None:
        """Let nothing take longer than its real work."""
        await self.settings(
            auto_review_seconds=0,
            manual_review_seconds=0,
            train_seconds=0,
            compile_seconds=0,
            step_seconds=0,
            queue_seconds=0,
            render_seconds=0,
        )

    async def put_into(self, job_id: str, state: State | Stage | str, *, stays: bool = False) -> None:
        """Put a job into a state now; a state on the way leads on, unless it is to stay."""
        await self.fault("state", job=job_id, state=str(state), stays=stays)

    async def wait_for_job(
        self,
        kind: str,
        job_id: str,
        status: str | None = None,
        *,
        progress: float = 0.0,
        seconds: float = 60.0,
    ) -> None:
        """Wait as for any job; a training's good end has a word of its own.

        Raises:
            TimeoutError: it did not get there in time.
        """
        if status is None and kind == TRAINING:
            status = State.JOB_SUCCESS
        await super().wait_for_job(kind, job_id, status, progress=progress, seconds=seconds)

    async def callbacks(self, *, since: int = 0) -> list[Entry]:
        """The callbacks the stand-in sent, one line for each."""
        rows = await self._rows("/journal", since=since, kind=EntryKind.CALLBACK)
        return [Entry(**item) for item in rows]
