"""What DashScope sends, read forgivingly: unknown fields are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, Field, JsonValue, TypeAdapter, ValidationError

from bot.providers._answers import vendor_words
from bot.providers._base import Finding
from bot.providers._errors import UnexpectedResponse
from bot.providers._wire import Count, Id, MaybeText, Rows, Sent

Told = TypeVar("Told", bound=BaseModel)


class Job(Sent):
    """A training: `output` of its create and query answers, and a row of the list."""

    id: Id = Field(alias="job_id")
    status: MaybeText = None
    model_id: MaybeText = Field(None, alias="finetuned_output")
    created: MaybeText = Field(None, alias="create_time")
    files: list[JsonValue] | None = Field(None, alias="training_file_ids")
    usage: Count = None
    code: MaybeText = None
    message: MaybeText = None


class Task(Sent):
    """A task that makes portraits."""

    id: Id = Field(alias="task_id")
    status: MaybeText = Field(None, alias="task_status")
    made: MaybeText = Field(None, alias="submit_time")
    results: Rows = Field([])
    result_url: MaybeText = None
    code: MaybeText = None
    message: MaybeText = None

    def links(self) -> dict[int, str]:
        """The pictures that came out, by their place; one that failed has no link."""
        found = {
            n: url for n, row in enumerate(self.results) if isinstance(url := row.get("url"), str) and url
        }
        return found or ({0: self.result_url} if self.result_url else {})


class File(Sent):
    """A file in the store; `url` is signed and expires."""

    id: Id = Field(alias="file_id")
    name: MaybeText = None
    description: MaybeText = None
    url: MaybeText = None


class Output(Sent):
    """The body of everything but files."""

    output: dict[str, JsonValue] = Field({})
    usage: JsonValue = None


class Uploaded(Sent):
    """The answer to an upload, which may have failed within a 200."""

    class Data(Sent):
        """Its payload."""

        uploaded_files: Rows = Field([])
        failed_uploads: Rows = Field([])

    data: Data = Field(default_factory=Data)


class OneFile(Sent):
    """One file."""

    data: File


class Files(Sent):
    """A page of files."""

    class Data(Sent):
        """Its payload."""

        files: Rows = Field([])
        total: Count = None

    data: Data = Field(default_factory=Data)


BODY: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
OUTPUT = TypeAdapter(Output)
UPLOADED, ONE_FILE, FILES = TypeAdapter(Uploaded), TypeAdapter(OneFile), TypeAdapter(Files)


def findings(output: Mapping[str, JsonValue], count: int) -> tuple[Finding, ...]:
    """The face check's verdict on each photo, in order. Raises UnexpectedResponse where one is missing."""
    verdicts, reasons = output.get("is_face"), output.get("failed_reason")
    if (
        not isinstance(verdicts, list)
        or len(verdicts) != count
        or not all(isinstance(one, bool) for one in verdicts)
    ):
        raise UnexpectedResponse("DashScope's face check did not answer for every photo.")
    words = reasons if isinstance(reasons, list) and len(reasons) == count else [None] * count
    return tuple(
        Finding(ok=verdict is True, reason=None if verdict is True else vendor_words(why) or None)
        for verdict, why in zip(verdicts, words, strict=True)
    )


PAGE = 100
"""Rows of the longest page of a list, and as many files as an account keeps."""


def page(number: int = 1, **query: str) -> dict[str, str]:
    """A page of a list."""
    return {"page_no": str(number), "page_size": str(PAGE), **query}


def rows(body: Mapping[str, JsonValue], *names: str) -> list[JsonValue]:
    """The first of these lists that is there.

    Raises:
        UnexpectedResponse: there is none at all, which is no proof that there is nothing to list.
    """
    if not any(name in body for name in names) and body.get("total") != 0:
        raise UnexpectedResponse("DashScope's list is not where it should be.")
    return next((rows for name in names if isinstance(rows := body.get(name), list)), [])


def maybe(kind: type[Told], row: JsonValue) -> Told | None:
    """A row of a list, or None for one that makes no sense: it must not hide the others."""
    try:
        return kind.model_validate(row)
    except ValidationError:
        return None


def hours_off(made: datetime | None, since: datetime | None, slack: timedelta) -> bool:
    """Whether something was made at this time but for whole hours: the vendor's zone is taken for granted."""
    if made is None or since is None:
        return False
    hours = round((made - since) / timedelta(hours=1))
    return 0 < abs(hours) <= 14 and abs(made - since - timedelta(hours=hours)) <= slack
