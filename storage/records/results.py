"""Results: the models and pictures that vendors make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model a vendor keeps for us."""

    id: str
    owner: str
    name: str
    subject: str
    provider: str
    remote_model_id: str
    job_id: str
    created_at: datetime
    expires_at: datetime | None = None
    """Until when the vendor keeps it, where it says so."""
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A result, image or clip: known by its locator, in our hands once it has a `sha256`."""

    job_id: str
    ordinal: int
    locator: str
    media_type: str | None = None
    sha256: str | None = None
    batch: int | None = None
    """Which message carries it; None while it is not in our hands."""
