"""Deletions, what everybody holds of what is to go, and the daily proof that it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Holder(StrEnum):
    """Who has something of what is to be deleted."""

    HERE = "here"
    CHAT = "chat"
    VENDOR = "vendor"


class Kept(StrEnum):
    """What is held."""

    INPUTS = "inputs"  # photos, videos, papers, with their previews
    RESULTS = "results"
    WORDS = "words"  # name, prompt, parameters
    LINKS = "links"
    BUCKET = "bucket"  # copies for the vendor to fetch
    FILE = "file"  # one that we uploaded into the chat
    MESSAGE = "message"
    UPLOADS = "uploads"  # what the person has posted in the chat
    MODEL = "model"


class Fate(StrEnum):
    """What became of a holding."""

    DELETED = "deleted"
    SHARED = "shared"  # let go of; another job was given the very same bytes and still needs them
    EXPIRES = "expires"  # its holder lets go of it by itself
    BY_HAND = "by_hand"  # there is no call for it: only in the holder's console, or through its support
    REFUSED = "refused"  # there is one, and it was refused for as long as we asked
    UNREACHED = "unreached"  # nobody answered for as long as we asked
    NOT_SET_UP = "not_set_up"  # the vendor is gone from the settings
    OWNERS = "owners"  # the person's own: they alone can delete it


@dataclass(frozen=True, slots=True)
class Holding:
    """Something, or several of one kind, that somebody has of what is to be deleted."""

    deletion_id: str
    ordinal: int
    holder: Holder
    what: Kept
    count: int = 1
    job_id: str | None = None
    ref: str | None = None
    """Its holder's id, while it is needed to ask for the end of it."""
    fate: Fate | None = None
    """None while it is still being asked for."""
    until: datetime | None = None
    """When its holder lets go of it by itself."""
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Deletion:
    """A wish to delete a card and what belongs to it, or a model and all that was made with it."""

    id: str
    owner: str
    asked_by: str
    root_id: str
    name: str
    """Kept until the receipt is said, and no longer."""
    provider: str
    due_at: datetime
    lease_until: datetime
    created_at: datetime
    lease_owner: str | None = None
    fence: int = 0
    attempts: int = 0
    erased_at: datetime | None = None
    """When nothing was left of it here."""
    done_at: datetime | None = None
    """When the fate of every holding was known."""

    def log_context(self) -> dict[str, Any]:
        """Facts for a log line: no names."""
        return {"deletion": self.id, "job": self.root_id, "provider": self.provider}


@dataclass(frozen=True, slots=True)
class Proof:
    """What a day's look at everything that is kept has found."""

    day: str
    """`2026-11-24`, UTC."""
    files: int
    """Erased that day."""
    before: int
    """Erased the day before that has an entry."""
    overdue: int
    """What is still here and should have gone."""
    kept: int
    """Files that somebody still needs."""
