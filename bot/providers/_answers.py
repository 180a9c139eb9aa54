"""What an HTTP exchange means to us: the border post between httpx, HTTP status and our errors.

Nothing foreign crosses it: neither an httpx exception nor a word of a request or a body gets into the text of
an error, since both may hold keys, prompts and links. Errors are therefore raised `from None`: the text of
some of httpx's own exceptions quotes headers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TypeVar

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from bot.providers._errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    TransientError,
    Unavailable,
    UnexpectedResponse,
)

T = TypeVar("T")


class Fate(Enum):
    """What is certain of a request that ended in an exception."""

    NEVER_LEFT = "nothing reached the vendor"
    BROKE_OFF = "the vendor may have acted on it"


FATES: Mapping[type[Exception], Fate] = {
    httpx.ConnectError: Fate.NEVER_LEFT,
    httpx.ConnectTimeout: Fate.NEVER_LEFT,
    httpx.InvalidURL: Fate.NEVER_LEFT,
    httpx.PoolTimeout: Fate.NEVER_LEFT,
    # Raised while the tunnel is asked for, so before the request itself is sent.
    httpx.ProxyError: Fate.NEVER_LEFT,
    httpx.UnsupportedProtocol: Fate.NEVER_LEFT,
    httpx.CloseError: Fate.BROKE_OFF,
    httpx.CookieConflict: Fate.BROKE_OFF,
    httpx.DecodingError: Fate.BROKE_OFF,
    httpx.HTTPError: Fate.BROKE_OFF,
    httpx.HTTPStatusError: Fate.BROKE_OFF,
    # Also what comes of writing on after the other side has answered early and hung up.
    httpx.LocalProtocolError: Fate.BROKE_OFF,
    httpx.NetworkError: Fate.BROKE_OFF,
    httpx.ProtocolError: Fate.BROKE_OFF,
    httpx.ReadError: Fate.BROKE_OFF,
    httpx.ReadTimeout: Fate.BROKE_OFF,
    httpx.RemoteProtocolError: Fate.BROKE_OFF,
    httpx.RequestError: Fate.BROKE_OFF,
    httpx.RequestNotRead: Fate.BROKE_OFF,
    httpx.ResponseNotRead: Fate.BROKE_OFF,
    httpx.StreamClosed: Fate.BROKE_OFF,
    httpx.StreamConsumed: Fate.BROKE_OFF,
    httpx.StreamError: Fate.BROKE_OFF,
    httpx.TimeoutException: Fate.BROKE_OFF,
    httpx.TooManyRedirects: Fate.BROKE_OFF,
    httpx.TransportError: Fate.BROKE_OFF,
    httpx.WriteError: Fate.BROKE_OFF,
    httpx.WriteTimeout: Fate.BROKE_OFF,
    # Our own deadline over the whole call.
    TimeoutError: Fate.BROKE_OFF,
}

REFUSALS: Mapping[int, type[ProviderError]] = {
    401: AuthenticationFailed,
    402: QuotaExceeded,
    403: AuthenticationFailed,
    404: NotFound,
    408: Unavailable,
    410: NotFound,
    425: Unavailable,
    429: RateLimited,
    451: ContentRejected,
    503: Unavailable,
}
"""Statuses that say no and mean that nothing was started; other 4xx are `InvalidInput`."""


def broken(error: Exception, *, host: str, safe: bool) -> ProviderError:
    """Say what an exception of httpx means for a call that is `safe` to repeat, or is not."""
    fate = next(FATES[kind] for kind in type(error).__mro__ if kind in FATES)
    word = type(error).__name__
    if fate is Fate.NEVER_LEFT:
        return Unavailable(f"{host} cannot be reached ({word}).")
    if safe:
        return Unavailable(f"The call to {host} broke off ({word}).")
    return OutcomeUnknown(f"The call to {host} broke off ({word}); it may have been carried out.")


def by_status(status: int, *, safe: bool) -> type[ProviderError]:
    """The error a status stands for when the vendor says nothing more precise."""
    if status in REFUSALS:
        return REFUSALS[status]
    if 400 <= status < 500:
        return InvalidInput
    if status >= 500:
        return Unavailable if safe else OutcomeUnknown
    return UnexpectedResponse


def retry_after(
    headers: Mapping[str, str],
    *,
    vendor: Mapping[str, timedelta],
    cap: timedelta,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> timedelta | None:
    """How long the vendor asks us to wait, at most `cap`: by its own headers, or by `Retry-After`.

    `vendor` names its own headers and the unit each counts in.
    """
    for name, unit in vendor.items():
        wait = _number(headers.get(name))
        if wait is not None:
            return _capped(wait, unit, cap)
    raw = headers.get("retry-after")
    if raw is None:
        return None
    seconds = _number(raw)
    if seconds is not None:
        return _capped(seconds, timedelta(seconds=1), cap)
    try:
        moment = parsedate_to_datetime(raw)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait_for = moment - now()
    return min(wait_for, cap) if wait_for > timedelta(0) else None


def _number(raw: str | None) -> float | None:
    try:
        value = float(raw or "")
    except ValueError:
        return None
    return value if value > 0 and math.isfinite(value) else None


def _capped(value: float, unit: timedelta, cap: timedelta) -> timedelta:
    # Compared as numbers: a vendor's 1e300 does not fit into a timedelta.
    return cap if value * unit.total_seconds() >= cap.total_seconds() else value * unit


def vendor_words(text: object, *, secrets: tuple[str, ...] = ()) -> str:
    """A vendor's sentence made fit to keep: one short line, without links and without our secrets."""
    words = " ".join(str(text or "").split())
    for secret in filter(None, secrets):
        words = words.replace(secret, "…")
    words = re.sub(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+", "(link)", words)
    if not words.isprintable():
        words = "".join(letter for letter in words if letter.isprintable())
    return words if len(words) <= 200 else words[:199] + "…"


def first_text(body: Mapping[str, object], *names: str) -> str:
    """The first of these fields that holds something, as text."""
    return next((str(body[name]) for name in names if body.get(name) not in (None, "")), "")


def _texts(value: object) -> list[str]:
    """Every text in a request that is long enough to be told from a common word."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (
        [value] if isinstance(value, str) and len(value) > 8 else [text for v in inner for text in _texts(v)]
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer, as an envelope hook sees it."""

    host: str
    status: int
    headers: Mapping[str, str]
    """Looked up in any case."""
    body: bytes
    safe: bool
    """The call starts nothing, so it may simply be repeated."""
    retry_after: timedelta | None = None
    sent: bytes = b""
    """The body of the request, so that a hook can take out of the vendor's words what it quotes of ours."""

    @property
    def ok(self) -> bool:
        """The status is a 2xx, which for some vendors still may be a no."""
        return 200 <= self.status < 300

    @property
    def clocks_apart(self) -> timedelta | None:
        """How far the vendor's clock and ours are apart, by the answer's `Date`; None where it has none."""
        try:
            theirs = parsedate_to_datetime(self.headers.get("date", ""))
        except ValueError:
            return None
        return abs(datetime.now(UTC) - theirs.replace(tzinfo=theirs.tzinfo or UTC))

    def json(self) -> JsonValue:
        """The body as JSON."""
        try:
            value: JsonValue = json.loads(self.body)
        except (ValueError, RecursionError):
            raise self.senseless("not JSON") from None
        return value

    def fields(self) -> dict[str, JsonValue]:
        """The body as a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            raise self.senseless("no JSON object")
        return value

    def words(self, text: object, *, secrets: tuple[str, ...] = ()) -> str:
        """A vendor's sentence made fit to keep, also without what it quotes of our request."""
        try:
            sent = _texts(json.loads(self.sent or b"null"))
        except ValueError:
            sent = []
        return vendor_words(text, secrets=(*secrets, *sent))

    def refusal(
        self,
        kind: type[ProviderError] | None = None,
        message: str = "",
        *,
        code: str | None = None,
        request_id: str | None = None,
    ) -> ProviderError:
        """The error this answer stands for: `kind` if the vendor's code decides, else by status."""
        kind = kind or by_status(self.status, safe=self.safe)
        message = message or f"{self.host} answered {self.status}."
        if issubclass(kind, TransientError):
            return kind(message, code=code, request_id=request_id, retry_after=self.retry_after)
        return kind(message, code=code, request_id=request_id)

    def senseless(self, why: str) -> ProviderError:
        """The error for an answer we cannot read.

        A call that starts something may have started it all the same; a refusal by status stays a refusal.
        """
        if not self.ok:
            return self.refusal(message=f"{self.host} answered {self.status} ({why}).")
        kind = UnexpectedResponse if self.safe else OutcomeUnknown
        return kind(f"{self.host} answered {self.status}, which makes no sense to us ({why}).")

    def into(self, wanted: TypeAdapter[T], payload: object) -> T:
        """Read a payload of this answer as one of the vendor's models."""
        try:
            return wanted.validate_python(payload)
        except ValidationError as error:
            first = error.errors(include_input=False, include_context=False, include_url=False)[0]
            where = ".".join(str(step) for step in first["loc"]) or "body"
            raise self.senseless(f"{where}: {first['type']}") from None


def plain(answer: Answer) -> object:
    """Open an answer without an envelope: the status is the verdict and the body the payload."""
    if not answer.ok:
        raise answer.refusal()
    return answer.json()
