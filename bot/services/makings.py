"""The job that makes something of a trained model: the first one, and every one after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from storage.records.ids import new_id
from storage.records.jobs import JobKind, NewJob
from storage.records.results import TrainedModel


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be made."""

    prompt: str
    count: int
    options: Mapping[str, Any]
    seed: int | None = None


def making_of(
    model: TrainedModel,
    asked: Asked,
    *,
    place: str,
    pictures_place: str,
    request_key: str,
    inputs: Iterable[tuple[str, str]],
    root_id: str | None = None,
) -> NewJob:
    """A job that makes this with a model; without a `root_id` it has a card of its own.

    `inputs` are (role, hash). One at a time is sent for a model: a lost answer is found among its results.
    """
    made = new_id("job")
    return NewJob(
        id=made,
        kind=JobKind.GENERATION,
        root_id=root_id or made,
        owner=model.owner,
        place=place,
        pictures_place=pictures_place,
        provider=model.provider,
        name=model.name,
        subject=model.subject,
        spec={
            "model": model.id,
            "model_id": model.remote_model_id,
            "prompt": asked.prompt,
            "count": asked.count,
            "seed": asked.seed,
            "options": dict(asked.options),
        },
        request_key=request_key,
        serial=f"model:{model.provider}:{model.remote_model_id}",
        inputs=tuple(inputs),
    )
