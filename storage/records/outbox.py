"""The outbox: what there is to say, and the files that travel with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class NoticeKind(StrEnum):
    """What there is to say."""

    TRAY = "tray"  # the reply under posted photos, edited
    SHEET = "sheet"  # a tray's contact sheet, for its owner alone
    PAPERS = "papers"  # the question what papers are, and what became of them; in private, edited
    CARD = "card"  # one per job, edited
    PICTURES = "pictures"  # results, as files
    READY = "ready"  # the owner's DM
    NEEDS_YOU = "needs_you"  # the vendor wants better inputs; in the thread
    NEEDS_YOU_DM = "needs_you_dm"
    REMINDER = "reminder"  # of the same, by DM
    FAILED = "failed"  # in the thread
    FAILED_DM = "failed_dm"
    REPLY = "reply"  # an answer to words in a mention or DM
    TROUBLE = "trouble"  # something on our side that its owner should know
    OPERATOR = "operator"  # something only the operator can mend
    RECEIPT = "receipt"  # what became of every copy of something deleted; edited until all is known


@dataclass(frozen=True, slots=True)
class Notice:
    """A row of the outbox: something to say, said once, or kept up to date."""

    id: str
    key: str
    kind: NoticeKind
    owner: str
    place: str
    wanted: int
    sent: int
    payload: dict[str, Any] = field(default_factory=dict)
    after: str | None = None
    job_id: str | None = None
    tray_id: str | None = None
    message: str | None = None
    """Where it stands once it is posted; as a place, the thread under it."""
    anchor: str | None = None
    """The message it belongs under, where its place names a channel and no thread."""
    post_begun_at: datetime | None = None
    fence: int = 0
    lease_owner: str | None = None
    attempts: int = 0
    looking: bool = False
    """An earlier attempt may have posted it: look first."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way into a message."""

    notice_id: str
    ordinal: int
    sha256: str
    file_id: str | None = None
    stage: str = "new"
    media_type: str | None = None
