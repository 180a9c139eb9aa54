"""What DashScope's words mean to us: states, codes, and the envelope that carries them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from pydantic import JsonValue

from bot.providers._answers import Answer, first_text, vendor_words
from bot.providers._base import RemoteState
from bot.providers._errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    Retired,
    Unavailable,
    UnexpectedResponse,
)

JOB_STATES: Mapping[str, RemoteState] = {
    "PENDING": RemoteState.QUEUED,
    "QUEUING": RemoteState.QUEUED,
    "RUNNING": RemoteState.RUNNING,
    "CANCELING": RemoteState.RUNNING,
    "SUCCEEDED": RemoteState.SUCCEEDED,
    "FAILED": RemoteState.FAILED,
    "CANCELED": RemoteState.CANCELLED,
    "CANCELLED": RemoteState.CANCELLED,
}
TASK_STATES: Mapping[str, RemoteState] = {
    "PENDING": RemoteState.QUEUED,
    "RUNNING": RemoteState.RUNNING,
    "SUSPENDED": RemoteState.RUNNING,
    "SUCCEEDED": RemoteState.SUCCEEDED,
    "FAILED": RemoteState.FAILED,
    "CANCELED": RemoteState.CANCELLED,
    "CANCELLED": RemoteState.CANCELLED,
}
UNKNOWN = "UNKNOWN"
"""No such task, or one that is over: it comes with HTTP 200 and never changes."""

_KEY = (
    "DashScope does not accept DASHSCOPE_API_KEY. Keys work in their own region only, and this is Beijing's."
)
_RIGHTS = (
    "The key may not do this: open Model Studio and FaceChain for its account and workspace "
    "(DASHSCOPE_WORKSPACE), and apply for the trial where the console asks for it."
)
_BILL = "The DashScope account has an unpaid bill."
_FULL = (
    "DashScope keeps 100 files and 5 GB per account, and they are used up: delete old files in its console."
)
_GONE = "DashScope no longer has this model, or not in this region."
OR_GONE = (
    "If trainings work, its portraits may have ended, which was announced for 2026-10-10: then set "
    "DASHSCOPE_GENERATION=off."
)
"""Beside a right that is missing for portraits alone."""
_SOON, _LATER = timedelta(seconds=1), timedelta(seconds=30)
RUNS_ONE, ONE_ENDS = "Throttling", timedelta(seconds=60)
"""A limit on what runs and not on calls: polls go on, and the next job is tried again after this."""

CODES: Mapping[str, tuple[type[ProviderError], str, timedelta | None]] = {
    "InvalidApiKey": (AuthenticationFailed, _KEY, None),
    "AccessDenied": (AuthenticationFailed, _RIGHTS, None),
    "AccessDenied.Unpurchased": (AuthenticationFailed, _RIGHTS, None),
    "Workspace.AccessDenied": (AuthenticationFailed, _RIGHTS, None),
    "Arrearage": (QuotaExceeded, _BILL, None),
    "Model.AccessDenied": (Retired, _GONE, None),
    "Model.NotExist": (Retired, _GONE, None),
    "ModelNotFound": (Retired, _GONE, None),
    RUNS_ONE: (RateLimited, "One job of a kind runs at a time in this account.", None),
    "Throttling.RateQuota": (RateLimited, "DashScope asks for fewer calls.", _SOON),
    "Throttling.AllocationQuota": (
        RateLimited,
        "DashScope's allowance is used up, for now or for good.",
        _LATER,
    ),
    "DataInspectionFailed": (ContentRejected, "", None),
    "InvalidParameter.DataInspection": (ContentRejected, "", None),
    "InvalidParameter": (InvalidInput, "", None),
    "InvalidURL": (InvalidInput, "", None),
    "InvalidImageResolution": (InvalidInput, "", None),
    "BadRequest.EmptyModel": (InvalidInput, "", None),
    "Resource.AccessDenied": (InvalidInput, "This face belongs to another account.", None),
    "UnsupportedOperation": (InvalidInput, "", None),
    "Conflict": (InvalidInput, "", None),
    "NotFound": (NotFound, "", None),
    "BadRequest.TooLarge": (QuotaExceeded, _FULL, None),
    "BadRequest.TooMany": (QuotaExceeded, _FULL, None),
    "ServiceUnavailable": (Unavailable, "", None),
}
"""The vendor's codes: what happens next, our sentence where its own would not help, and how long to wait."""


def open_envelope(answer: Answer, *, secrets: tuple[str, ...]) -> JsonValue:
    """Return the whole body: files come in `data`, jobs in `output`, and a list may be flat.

    A `code` is a no, also within HTTP 200.
    """
    body = answer.fields()
    inner = body.get("error")
    told = inner if isinstance(inner, dict) else body
    code = first_text(told, "code")
    if answer.ok and not code:
        return body
    kind, sentence, pause = CODES.get(code, (None, "", None))
    if kind is None and code.startswith(f"{RUNS_ONE}."):
        kind = RateLimited  # Of this family not every member is on the vendor's pages.
    if kind is None and answer.ok:
        kind = Unavailable if answer.safe else OutcomeUnknown if code.startswith("Internal") else None
        kind = kind or UnexpectedResponse
    error = answer.refusal(
        kind,
        sentence or answer.words(first_text(told, "message", "msg"), secrets=secrets),
        code=vendor_words(code) or None,
        request_id=vendor_words(first_text(body, "request_id")) or None,
    )
    if isinstance(error, RateLimited) and error.retry_after is None:
        error.retry_after = pause
    raise error


def is_moderation(code: str | None) -> bool:
    """Whether this is how the vendor's own check refuses a picture."""
    return CODES.get(code or "", (None, "", None))[0] is ContentRejected


def raise_for(code: str | None, message: str | None, cost: Decimal | None, unit: str | None) -> None:
    """A failed job whose reason is the person's to mend says so; any other is simply failed."""
    kind, sentence, _ = CODES.get(code or "", (None, "", None))
    if kind in {ContentRejected, InvalidInput}:
        error = kind(sentence or vendor_words(message) or "", code=vendor_words(code))
        error.cost, error.cost_unit = cost, unit
        raise error
