"""What AIContent sends; unknown fields are ignored."""

from __future__ import annotations

from pydantic import Field, JsonValue, TypeAdapter

from bot.providers._wire import Id, MaybeText, Sent, Share, Texts, is_id


class Job(Sent):
    """A training: a row of the job list."""

    id: Id
    model_id: MaybeText = Field(None, alias="modelId")
    status: MaybeText = Field(None, alias="jobStatus")
    progress: Share = Field(None, alias="jobTrainProgress")
    created: MaybeText = Field(None, alias="createTime")


class Inference(Job):
    """A job that makes images, with a model or without."""

    prompt_id: MaybeText = Field(None, alias="promptId")
    images: Texts = Field((), alias="resultImageUrl")


class Status(Sent):
    """The train status of a model."""

    word: MaybeText = Field(None, alias="modelTrainStatus")


def own(rows: object) -> list[dict[str, JsonValue]]:
    """The rows of a list that can be jobs: one that makes no sense must not hide the others."""
    listed = rows if isinstance(rows, list) else []
    return [row for row in listed if isinstance(row, dict) and is_id(row.get("id"))]


TRAINING = TypeAdapter(Job)
INFERENCE = TypeAdapter(Inference)
ASKED: TypeAdapter[Inference | None] = TypeAdapter(Inference | None)
STATUS: TypeAdapter[Status | None] = TypeAdapter(Status | None)
LIST: TypeAdapter[list[object] | None] = TypeAdapter(list[object] | None)
