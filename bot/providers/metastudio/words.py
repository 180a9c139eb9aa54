"""What MetaStudio's words mean to us: 53 states of a training, those of short jobs, and its codes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

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
    Unavailable,
)

_Q, _R, _N = RemoteState.QUEUED, RemoteState.RUNNING, RemoteState.NEEDS_USER
_S, _F = RemoteState.SUCCEEDED, RemoteState.FAILED

REVIEW = (
    "AUTO_VERIFYING",
    "MANUAL_VERIFYING",
    "VIDEO_ANALYZE_PROCESSING",
    "VIDEO_ANALYZE_SUCCESS",
    "JOB_PENDING",
)
UNREAD = "VIDEO_ANALYZE_FAILED"
REFUSED = ("AUTO_VERIFY_FAILED", "MANUAL_VERIFY_FAILED", UNREAD)
WAITS = "WAIT_FILE_UPLOAD"
AT_WORK = (
    "MANUAL_VERIFY_SUCCESS", "WAIT_TRAINING_DATA_PREPROCESS", "TRAINING_DATA_PREPROCESSING",
    "TRAINING_DATA_PREPROCESS_SUCCESS", "TRAINING", "TRAIN_SUCCESS", "INFERENCE_DATA_PREPROCESSING",
    "WAIT_MAIN_FILE_UPLOAD", "WAIT_ADMIN_CONFIRM", "WAIT_COMPILE", "COMPILING", "WAIT_GENERATE_ACTION",
    "WAIT_ARRANGE", "ACTION_GENERATE_DATA_PROCESSING", "ACTION_GENERATE_ORI_PROCESSING",
    "ACTION_GENERATE_ORI_SUCCESS", "WAIT_ADMIN_CALIBRATION", "WAIT_ASSET_SYNC", "WAIT_GENERATE_ACTION_MARK",
    "ACTION_MARKING", "ACTION_MARK_SUCCESS", "ACTION_MARK_UPLOADED", "WAIT_TEST_VIDEO_CHECK",
    "TEST_VIDEO_CHECK_PROCESSING", "TEST_VIDEO_CHECK_SUCCESS", "WAIT_USER_CONFIRM",
)  # fmt: skip
"""Several of these end in SUCCESS, and none of them is the end."""
DONE = ("JOB_SUCCESS", "JOB_FINISH")
BROKEN = ("TRAINING_DATA_PREPROCESS_FAILED", "TRAIN_FAILED", "INFERENCE_DATA_PREPROCESS_FAILED", "JOB_REJECT")
"""What lies at rest: the vendor lets it be deleted, so nobody there goes on with it."""
MENDABLE = (
    "COMPILE_FAILED", "ACTION_GENERATE_DATA_FAILED", "ACTION_GENERATE_ORI_FAILED",
    "GENERATE_ACTION_PREPROCESS_FAILED", "TEST_VIDEO_CHECK_FAILED", "ACTION_MARK_FAILED", "MANUAL_STOP_TRAIN",
    "MANUAL_STOP_TRAINING_DATA_PREPROCESS", "MANUAL_STOP_INFERENCE_DATA_PREPROCESS",
    "MANUAL_STOP_ACTION_GENERATE_DATA_PROCESSING", "MANUAL_STOP_ACTION_GENERATE_ORI_PROCESSING",
    "MANUL_STOP_ACTION_MARK",
)  # fmt: skip
"""The vendor's staff can redo or resume these; the last is the vendor's own spelling."""

TRAINING_STATES: Mapping[str, RemoteState] = {
    WAITS: _Q,
    **dict.fromkeys(REVIEW, _Q),
    **dict.fromkeys(REFUSED, _N),
    **dict.fromkeys(AT_WORK, _R),
    **dict.fromkeys(DONE, _S),
    **dict.fromkeys((*BROKEN, *MENDABLE), _F),
}
REVIEWED = frozenset({*AT_WORK, *DONE, *BROKEN, *MENDABLE})
"""States that come after the review: its papers are done with."""
DELETABLE = frozenset(
    {
        WAITS, "AUTO_VERIFY_FAILED", "MANUAL_VERIFYING", "MANUAL_VERIFY_FAILED",
        "TRAINING_DATA_PREPROCESS_FAILED", "TRAIN_FAILED", "INFERENCE_DATA_PREPROCESS_FAILED",
        "JOB_SUCCESS", "WAIT_USER_CONFIRM", "JOB_REJECT", "JOB_FINISH",
    }
)  # fmt: skip

SHORT_STATES: Mapping[str, RemoteState] = {
    "WAITING": _Q,
    "PROCESSING": _R,
    "SUCCEED": _S,
    "SUCCESS": _S,
    "PARTIAL_SUCCEED": _S,
    "FAILED": _F,
    "CANCELED": RemoteState.CANCELLED,
    "BLOCK": _F,
}
"""Clips, photos' models and looks at photos. BLOCK is moderation; PARTIAL_SUCCEED has no picture."""

WRONG_FRAME = "44005901"
REASONS: Mapping[str, str] = {
    WRONG_FRAME: "The video is not exactly 1920×1080, 1080×1920, 3840×2160 or 2160×3840.",
}
"""Codes of a review that its own words would not explain."""

_SIGN_IN = (
    "Huawei Cloud does not accept how we sign in: check METASTUDIO_ACCESS_KEY_ID and "
    "METASTUDIO_ACCESS_KEY_SECRET (and METASTUDIO_SECURITY_TOKEN with temporary keys)"
)
_SIGNED_EARLIER = f"{_SIGN_IN}, and that this machine's clock is less than 15 minutes off."
_CLOCK = "Huawei Cloud refuses our time: this machine's clock is more than 15 minutes off; let NTP set it."
_USER = (
    "IAM does not let the user in: check METASTUDIO_IAM_DOMAIN, METASTUDIO_IAM_USER and "
    "METASTUDIO_IAM_PASSWORD, and that METASTUDIO_PROJECT_ID is a project of theirs."
)
SKEW = timedelta(minutes=15)
"""How far the vendor lets clocks be apart."""
_STRANGER = (
    "Huawei Cloud does not accept the token for this project: check METASTUDIO_PROJECT_ID, "
    "METASTUDIO_REGION and the IAM user."
)
_RIGHTS = "The IAM user may not use MetaStudio in this project: give it the permission MetaStudio FullAccess."
_REGION = "MetaStudio is not offered at this address: check METASTUDIO_REGION and METASTUDIO_ENDPOINT."


class TokenRefused(AuthenticationFailed):
    """A fresh token may mend it."""


CODES: Mapping[str, tuple[type[ProviderError] | None, str]] = {
    # One code for keys and clock: the date of the answer tells which.
    "APIGW.0301": (TokenRefused, ""),
    "APIGW.0307": (TokenRefused, _STRANGER),
    "APIGW.0302": (AuthenticationFailed, _RIGHTS),
    "APIGW.0101": (AuthenticationFailed, _REGION),
    "APIGW.0308": (RateLimited, "Huawei Cloud asks for fewer calls."),
    "APIGW.0201": (InvalidInput, "The request is too large for Huawei Cloud."),
    "MSS.00000001": (TokenRefused, ""),
    "MSS.00010008": (TokenRefused, _STRANGER),
    "MSS.00010009": (TokenRefused, _STRANGER),
    "MSS.00010003": (AuthenticationFailed, _REGION),
    "MSS.00010004": (AuthenticationFailed, _REGION),
    # One code for two things: the status tells which.
    "MSS.00000002": (None, ""),
    "MSS.00000003": (InvalidInput, ""),
    "MSS.00000004": (Unavailable, ""),
    "MSS.10000002": (InvalidInput, ""),
    "MSS.10000003": (InvalidInput, ""),
    "MSS.10001001": (NotFound, ""),
    "MSS.10001004": (NotFound, ""),
    "MSS.10001005": (InvalidInput, "The name is taken."),
    "MSS.10001006": (Unavailable, ""),
    "MSS.10001007": (InvalidInput, "The file is too large for the vendor."),
    "MSS.20010135": (QuotaExceeded, ""),
    "MSS.42000007": (Unavailable, ""),
    **{f"MSS.4500000{number}": (InvalidInput, "") for number in range(1, 10)},
    # It could not fetch a file of its own: not the person's to mend, and it may go well the next time.
    "MSS.45000007": (Unavailable, ""),
}
TAKEN = "MSS.10001005"


def open_envelope(answer: Answer, *, secrets: tuple[str, ...]) -> JsonValue:
    """Return the body; a token of IAM comes in a header and is put beside it."""
    if answer.ok:
        body: JsonValue = answer.json() if answer.body.strip() else {}
        token = answer.headers.get("x-subject-token")
        return body | {"x-subject-token": token} if token and isinstance(body, dict) else body
    body = answer.fields()
    told = body.get("error") if isinstance(body.get("error"), dict) else body
    told = told if isinstance(told, dict) else body
    code = first_text(told, "error_code", "errorCode", "code")
    kind, sentence = CODES.get(code, (None, ""))
    if not answer.safe and (kind is Unavailable or code == TAKEN):
        # Names are ours, one for each job: an earlier call got through, and `find` says what it made.
        kind = OutcomeUnknown
    if kind is None and answer.status == 403:
        sentence = _RIGHTS
    if kind is None and answer.status == 401:
        kind = TokenRefused
    if kind is TokenRefused and not sentence:
        # IAM has no codes of its own: it nests what HTTP says.
        sentence = _USER if told is not body and code.isdecimal() else _signature(answer)
    request_id = first_text(body, "request_id") or answer.headers.get("x-request-id", "")
    raise answer.refusal(
        kind,
        sentence or answer.words(first_text(told, "error_msg", "errorMsg", "message"), secrets=secrets),
        code=vendor_words(code) or None,
        request_id=vendor_words(request_id) or None,
    )


def _signature(answer: Answer) -> str:
    """Keys or clock: the vendor has one code for both, and says the time with its refusal."""
    apart = answer.clocks_apart
    if apart is None:
        return _SIGNED_EARLIER
    return _CLOCK if apart > SKEW else f"{_SIGN_IN}."


def refusal(error: Mapping[str, JsonValue] | None, state: str) -> ProviderError | None:
    """What a failed short job means where the person can mend it: its photo, its text, or moderation."""
    if state == "BLOCK":
        return ContentRejected("MetaStudio's moderation holds it back.")
    code, said = first_text(error or {}, "error_code"), first_text(error or {}, "error_msg")
    kind, sentence = CODES.get(code, (None, ""))
    return InvalidInput(sentence or vendor_words(said), code=code) if kind is InvalidInput else None


def commanded(code: str, said: str) -> ProviderError:
    """What it means that a command failed, which the vendor says within a 200.

    Everything before it is there: the next attempt finds the training and goes on with it.
    """
    kind, sentence = CODES.get(code, (None, ""))
    if kind not in {Unavailable, RateLimited, AuthenticationFailed, QuotaExceeded}:
        kind = InvalidInput
    return kind(vendor_words(said) or sentence, code=vendor_words(code) or None)
