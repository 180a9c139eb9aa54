"""What AIContent's words mean to us, and what a prompt must look like to be one of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.providers._base import RemoteState
from bot.providers._errors import ContentRejected, InvalidInput, NotFound, ProviderError, QuotaExceeded

TOKEN = "<special-token>"  # noqa: S105  (the vendor's word for the subject of a prompt)

STATES: Mapping[str, RemoteState] = {
    "": RemoteState.QUEUED,
    "NOT_START": RemoteState.QUEUED,
    "WAIT_SCHEDULE": RemoteState.QUEUED,
    "TRAINING": RemoteState.RUNNING,
    "FINISHED": RemoteState.SUCCEEDED,
}
"""The words that have been seen. No word for a failure is among them, hence the families."""

FAMILIES: Mapping[str, RemoteState] = {
    "FAIL|ERROR|EXCEPTION|TIMEOUT|REJECT": RemoteState.FAILED,
    "CANCEL|STOP|TERMINAT": RemoteState.CANCELLED,
}

CODES: Mapping[str, type[ProviderError]] = {
    "B_PARAMETER_NOT_FOUND": InvalidInput,
    "B_DATA_NOT_FOUND|B_MODEL_TRAIN_JOB_NOT_EXIST": NotFound,
    # Guesses by the platform's habits: of this product no code for either is known.
    ".*(ARREAR|OVERDUE|QUOTA|BALANCE)": QuotaExceeded,
    ".*(SENSITIV|INSPECTION|MODERAT)": ContentRejected,
}
"""How a code of the product's own begins, in capitals; those of the gateway belong to the signature."""


SUBJECT_MARK = re.compile(r"(?:<|&lt;)special-token(?:>|&gt;)|\{token\}", re.IGNORECASE)


def with_subject(prompt: str) -> str:
    """Name the subject in a prompt: `{token}` stands for it, and a prompt without it is led in by it."""
    named, marks = SUBJECT_MARK.subn(TOKEN, prompt)
    return named if marks else f"a photo of {TOKEN}, {named}"


def verdict(listed: RemoteState | None, status: RemoteState | None) -> tuple[RemoteState, bool]:
    """Weigh the job list against the train status, None being silence; the flag says `tentative`.

    The train status is what the vendor tells us to wait for, so its success decides. A failure that only one
    of two voices knows is believed after a grace, and so is the silence of both.
    """
    if status is None or listed is None:
        said = status or listed
        return (said, False) if said else (RemoteState.FAILED, True)
    if status in {RemoteState.SUCCEEDED, listed}:
        return status, False
    if {RemoteState.FAILED, RemoteState.CANCELLED} & {status, listed}:
        return RemoteState.FAILED, True
    return status, False
