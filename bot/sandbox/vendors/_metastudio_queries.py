"""What the queries of MetaStudio's lists may carry. A query is text; a number in it is one that reads so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Page(BaseModel):
    """The query of a list: which part of it, in which order."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    offset: Annotated[int, Field(ge=0, le=2_147_483_647)] = 0
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    sort_key: Literal["create_time", "update_time", "asset_order"] = "create_time"
    sort_dir: Literal["asc", "desc"] = "asc"
    state: str | None = None
    create_since: AwareDatetime | None = None
    create_until: AwareDatetime | None = None

    @property
    def states(self) -> Sequence[str]:
        """The states that are wanted; none means all."""
        return [one.strip() for one in (self.state or "").split(",") if one.strip()]


class TrainingPage(Page):
    """T2."""

    update_since: AwareDatetime | None = None
    update_until: AwareDatetime | None = None
    query_project_id: str | None = None
    batch_name: str | None = None
    tag: str | None = None
    job_id: str | None = None
    name: str | None = None
    model_resolution: str | None = None
    is_flexus: bool | None = None
    is_live_copy: bool | None = None
    is_ondemand_resource: bool | None = None
    train_location: str | None = None


class VideoPage(Page):
    """P11."""

    job_type: Literal["2D_DIGITAL_HUMAN_VIDEO", "PHOTO_DIGITAL_HUMAN_VIDEO"] | None = None
    job_id: str | None = None
    asset_name: str | None = None


class AssetPage(Page):
    """A2."""

    name: str | None = None
    tag: str | None = None
    asset_type: str | None = None
    asset_state: str | None = None
    asset_source: Literal["SYSTEM", "CUSTOMIZATION", "ALL"] = "CUSTOMIZATION"


class AssetRemoval(BaseModel):
    """A3."""

    mode: Literal["force"] | None = None


def within(at: float, since: datetime | None, until: datetime | None) -> bool:
    """Whether an instant lies between two others, both included."""
    return (since is None or at >= since.timestamp()) and (until is None or at < until.timestamp() + 1)
