"""What can go wrong with a vendor, named by what happens next.

ProviderError
├─ TransientError            wait (retry_after if given) and try again: nothing was started
│   ├─ RateLimited           429, or the vendor's own word for busy
│   └─ Unavailable           503, or never connected; on a GET any 5xx or timeout
├─ OutcomeUnknown            a POST that timed out, broke off or met another 5xx: it may be running and billed
└─ PermanentError            trying again cannot help; who can?
    ├─ InvalidInput          the user
    ├─ ContentRejected       the user
    ├─ AuthenticationFailed  the operator
    ├─ QuotaExceeded         the operator
    ├─ NotFound              nobody: expired
    ├─ Retired               nobody: the vendor has given the operation up
    └─ UnexpectedResponse    us
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal


class ProviderError(Exception):
    """The vendor did not do what it was asked.

    `code` and `request_id` are the vendor's own words, kept for *Details* and for the operator's log;
    `detail` is the vendor's sentence and is shown nowhere but under *Details*. `cost` is what the vendor says
    that a job which ended in this cost all the same.
    """

    cost: Decimal | None = None
    cost_unit: str | None = None

    def __init__(self, message: str = "", *, code: str | None = None, request_id: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])
        self.code = code
        self.request_id = request_id

    @property
    def detail(self) -> str:
        """The vendor's sentence, or ours where it gave none."""
        return str(self)


class TransientError(ProviderError):
    """Nothing was started; the same call may succeed later."""

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after = retry_after


class RateLimited(TransientError):
    """The vendor is busy and asks to be called later."""


class Unavailable(TransientError):
    """The vendor cannot be reached, or says that it is down."""


class OutcomeUnknown(ProviderError):
    """The call broke off after it may have reached the vendor: look before trying again."""


class PermanentError(ProviderError):
    """The same call will never succeed."""


class InvalidInput(PermanentError):
    """The vendor refuses what was sent to it."""


class ContentRejected(PermanentError):
    """The vendor's moderation refuses the photos or the prompt."""


class AuthenticationFailed(PermanentError):
    """The vendor does not accept our credentials, our clock or our permissions."""


class QuotaExceeded(PermanentError):
    """The account has no quota or no money left."""


class NotFound(PermanentError):
    """The vendor does not know this thing, or no longer."""


class Retired(PermanentError):
    """The vendor no longer offers this operation."""


class UnexpectedResponse(PermanentError):
    """The vendor's answer makes no sense to us."""
