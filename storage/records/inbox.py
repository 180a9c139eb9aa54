"""The inbox: what arrives, committed before it is acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that arrives: to be committed before it is acknowledged."""

    key: str
    """The same thing has the same key, however often it is delivered."""
    kind: str
    payload: dict[str, Any]
    delay: timedelta = timedelta(0)
    """How long to let it lie before it is looked at."""


@dataclass(frozen=True, slots=True)
class InboxItem:
    """Something that arrived, committed before it was acknowledged."""

    id: str
    key: str
    kind: str
    payload: dict[str, Any]
    attempts: int = 0
    fence: int = 0
    lease_owner: str | None = None
    received_at: datetime | None = None
