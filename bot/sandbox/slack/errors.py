"""What the local Slack says when it says no.

Refusals travel as HTTP 200 with ``ok: false``, as Slack's do; only a rate limit has a status of its own.
"""

from collections.abc import Sequence
from typing import Any


class ApiError(Exception):
    """A method refused, in one of Slack's own words."""

    def __init__(self, error: str, *, messages: Sequence[str] = (), **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.messages = tuple(messages)
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """Render the refusal as the JSON object a client receives."""
        answer: dict[str, Any] = {"ok": False, "error": self.error, **self.extra}
        if self.messages:
            answer["response_metadata"] = {"messages": list(self.messages)}
        return answer


class RateLimited(ApiError):
    """Too many calls: come back after the given seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("ratelimited")
        self.retry_after = retry_after


class Refused(Exception):
    """A person cannot do that: the client would not offer it."""

    def __init__(self, error: str, **facts: Any) -> None:
        super().__init__(
            error if not facts else f"{error} ({', '.join(f'{k}: {v}' for k, v in facts.items())})"
        )
        self.error = error
        self.facts = facts
