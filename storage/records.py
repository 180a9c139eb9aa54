"""The nouns. Frozen: a change is a new record.

Strings called `owner`, `place` and `message` are opaque here and to every service: the surface makes them and
the surface reads them. A `role` is a word of the vendors' contract; what it means is for the services.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any


def new_id(prefix: str) -> str:
    """An id of ours: a word that says of what, and 80 random bits."""
    return f"{prefix}_{secrets.token_hex(10)}"


def direct(owner: str) -> str:
    """The place where only this person reads."""
    return f"{owner}/"


def channel_of(place: str) -> str:
    """What is limited together: a place is a channel and, after its last slash, perhaps a thread."""
    return place.rsplit("/", 1)[0]


class JobKind(StrEnum):
    """What is asked of the vendor."""

    TRAINING = "training"
    GENERATION = "generation"
    ONESHOT = "oneshot"  # pictures straight from inputs, without a model that is kept


class JobState(StrEnum):
    """Where a job stands. Few states here, many words on the card."""

    QUEUED = "queued"  # a row, nothing more
    SUBMITTING = "submitting"  # written before the call leaves, so that a crash leaves evidence
    RUNNING = "running"  # the vendor gave an id
    NEEDS_USER = "needs_user"  # the vendor's review wants something better
    SUCCEEDED = "succeeded"  # the result is in our hands
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.SUBMITTING, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUBMITTING: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {JobState.SUCCEEDED, JobState.NEEDS_USER, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.NEEDS_USER: frozenset({JobState.QUEUED, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""The only list of legal arrows. A state may also be written onto itself: that renews the row."""


class FailureReason(StrEnum):
    """Why a job failed. The words a person reads are the surface's."""

    INVALID_INPUT = "invalid_input"
    CONTENT_REJECTED = "content_rejected"
    PHOTOS_GONE = "photos_gone"
    PHOTOS_REFUSED = "photos_refused"  # the vendor looked at them before anything was paid
    NOT_ANSWERED = "not_answered"  # the vendor wanted better inputs, and none came
    RETIRED = "retired"  # the vendor has given this operation up
    LINKS_UNREACHABLE = "links_unreachable"
    AUTHENTICATION = "authentication"
    QUOTA = "quota"
    VENDOR_FAILED = "vendor_failed"
    VENDOR_FORGOT = "vendor_forgot"
    NO_PICTURES = "no_pictures"
    UNAVAILABLE = "unavailable"
    DEADLINE = "deadline"
    LOST = "lost"
    UNEXPECTED = "unexpected"


class LinkFault(StrEnum):
    """Why a link under which a vendor is to fetch an input leads nowhere. The words are the surface's."""

    NO_NAME = "no_name"  # nothing on the network has this name
    REFUSED = "refused"  # nobody listens there, or there is no way to it
    SILENT = "silent"  # no answer in time
    CERTIFICATE = "certificate"
    REDIRECTED = "redirected"  # vendors need not follow, and we do not
    NOT_FOUND = "not_found"  # somebody answered who does not know the link
    GATEWAY = "gateway"  # a proxy that does not reach us
    PASSWORD = "password"  # noqa: S105 - a proxy that wants one
    PAGE = "page"  # a page stands where the file should be: a sign-in, or a portal
    OTHER_BYTES = "other_bytes"
    BROKEN_OFF = "broken_off"
    ODD_ANSWER = "odd_answer"
    NO_BUCKET = "no_bucket"
    KEYS_REFUSED = "keys_refused"
    CLOCK = "clock"  # ours and the store's differ too much for a signature
    STORE_REFUSES = "store_refuses"


class LinkMeans(StrEnum):
    """By which means vendors fetch inputs."""

    RELAY = "relay"  # from this process
    BUCKET = "bucket"  # from an S3-compatible store


@dataclass(frozen=True, slots=True)
class LinkTrouble:
    """Why no link could be given, as it is kept with a job."""

    means: LinkMeans
    fault: LinkFault

    def __str__(self) -> str:
        """`relay:refused`."""
        return f"{self.means}:{self.fault}"

    @classmethod
    def read(cls, text: str | None) -> LinkTrouble | None:
        """What `str` wrote; None for anything else."""
        means, _, fault = (text or "").partition(":")
        if means in set(LinkMeans) and fault in set(LinkFault):
            return cls(LinkMeans(means), LinkFault(fault))
        return None


@dataclass(frozen=True, slots=True)
class BucketCopy:
    """A copy of one input of one job in a bucket: from before it is written until it is erased there."""

    name: str
    bucket: str
    """Which bucket, without any key."""
    job_id: str
    medium: str
    attempts: int = 0
    """How often erasing it has failed."""


@dataclass(frozen=True, slots=True)
class OutsideAccess:
    """How much of what some jobs were given can still be fetched from outside."""

    links: int
    """Open links of the relay."""
    copies: int
    """Copies in a bucket, those included that are about to be erased."""


class Refusal(StrEnum):
    """Why a file was not taken."""

    NOT_A_PHOTO = "not_a_photo"
    RAW = "raw"
    EMPTY = "empty"
    DAMAGED = "damaged"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_DEMANDING = "too_demanding"
    TOO_SMALL = "too_small"
    TOO_NARROW = "too_narrow"
    TOO_LARGE = "too_large"
    EXTERNAL = "external"
    NOT_READABLE = "not_readable"
    DELETED = "deleted"
    HIDDEN = "hidden"
    TRUNCATED = "truncated"
    NOT_LOADED = "not_loaded"
    TOO_MANY = "too_many"
    ARCHIVE_EMPTY = "archive_empty"
    ARCHIVE_CROWDED = "archive_crowded"
    ARCHIVE_BOMB = "archive_bomb"
    ARCHIVE_NESTED = "archive_nested"
    ARCHIVE_PATH = "archive_path"
    ARCHIVE_LINK = "archive_link"
    ARCHIVE_TWICE = "archive_twice"
    ARCHIVE_ENCRYPTED = "archive_encrypted"
    ARCHIVE_PACKED = "archive_packed"
    ARCHIVE_REST = "archive_rest"
    NO_PERMISSION = "no_permission"
    DOCUMENT = "document"
    DRAWING = "drawing"
    WEB_PAGE = "web_page"
    IS_A_VIDEO = "is_a_video"
    PAPER_LOCKED = "paper_locked"
    NOT_A_VIDEO = "not_a_video"
    NOT_A_PAPER = "not_a_paper"


PHOTO_ROLE = "photo"
"""The role of what is posted and is nothing else."""


@dataclass(frozen=True, slots=True)
class Medium:
    """Something a person gave us, as we keep it: named by the SHA-256 of its bytes.

    A picture is normalised and without metadata; a video and a document are as they came.
    """

    sha256: str
    media_type: str
    size: int
    """Bytes."""
    width: int
    height: int
    """Pixels as shown; 0 for a document."""
    seconds: float | None = None
    """How long a video lasts."""

    @property
    def lasts(self) -> timedelta | None:
        """How long a video lasts."""
        return None if self.seconds is None else timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Portrait:
    """How a photo looks: what was measured of it, and a small picture for a contact sheet."""

    facts: dict[str, Any]
    preview: bytes


@dataclass(frozen=True, slots=True)
class JobInput:
    """One input of a job, in the order given."""

    role: str
    medium: Medium


@dataclass(frozen=True, slots=True)
class Finding:
    """What a vendor's own look found wrong with one input of a job."""

    ordinal: int
    """As the tray numbers it, from 1."""
    role: str
    reason: str
    """The vendor's words, for *Details* and for beside the photo; may be empty."""


class TrayState(StrEnum):
    """A tray takes photos until a training is started with them, or until it is thrown away."""

    OPEN = "open"
    USED = "used"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Tray:
    """What one person gathers in one place before training."""

    id: str
    owner: str
    place: str
    state: TrayState
    created_at: datetime
    job_id: str | None = None
    """The job it was used for; of an open tray, the one whose vendor refused some of it."""


@dataclass(frozen=True, slots=True)
class TrayEntry:
    """One file a person put into a tray: a medium of ours, or the reason why not."""

    source: str
    """The surface's id of the file: the same file twice is one entry."""
    name: str
    medium: str | None = None
    """SHA-256 of the medium."""
    refusal: Refusal | None = None
    ordinal: int = 0
    role: str = PHOTO_ROLE
    finding: str | None = None
    """What the vendor named by the tray's job found wrong with it; empty where it said no reason."""
    width: int = 0
    height: int = 0
    """Of a picture that was refused, in pixels, where that was known."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet of a tray that was handed to the surface; one that is not `ready` is not shown."""

    number: int
    """Grows: of two, the later."""
    tray_id: str
    stamp: str
    """What is on it: another one shows something else."""
    file_id: str
    """The surface's id."""
    ready: bool


@dataclass(frozen=True, slots=True)
class Invitation:
    """A question to somebody who posted photos without a mention: whether to train from them."""

    id: str
    owner: str
    place: str
    """Where the photos stand, and where their tray would be."""
    files: tuple[Mapping[str, Any], ...]
    """The surface's."""

    @property
    def channel(self) -> str:
        """The conversation the photos stand in."""
        return channel_of(self.place)


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


@dataclass(frozen=True, slots=True)
class Job:
    """One request to a vendor, from the wish to the result."""

    id: str
    kind: JobKind
    root_id: str
    """The job whose card shows this one: itself, or the training or first attempt it follows."""
    owner: str
    place: str
    pictures_place: str
    provider: str
    lane: str
    name: str
    subject: str
    spec: dict[str, Any]
    state: JobState
    request_key: str
    serial: str
    """Jobs of one serial are never in `submitting` together, so that a lost answer can be told apart."""
    created_at: datetime
    due_at: datetime
    lease_until: datetime
    lease_owner: str | None = None
    fence: int = 0
    attempts: int = 0
    looks: int = 0
    """How often we looked for the job after its answer was lost."""
    losses: int = 0
    """How many submissions' answers were lost and never found."""
    submit_begun_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    remote_id: str | None = None
    remote_model_id: str | None = None
    progress: float | None = None
    polls: int = 0
    trouble_at: datetime | None = None
    """Since when the vendor does not answer; None while it does."""
    grace_at: datetime | None = None
    """Since when the vendor reports a failure that it may take back."""
    asked_at: datetime | None = None
    """Since when the vendor waits for better inputs; None while it does not."""
    asks: int = 0
    """How often the vendor has asked for better inputs."""
    reminders: int = 0
    """How often the owner was reminded of the newest of these."""
    wants: tuple[str, ...] = ()
    """The roles asked for anew; empty: any."""
    findings: tuple[Finding, ...] = ()
    """What the vendor's look before the submission found."""
    pushed: Any = None
    """What the vendor's newest callback said."""
    pushes: int = 0
    remote_word: str | None = None
    cost: Decimal | None = None
    cost_unit: str | None = None
    """What `cost` counts, in the vendor's words."""
    reason: FailureReason | None = None
    detail: str | None = None
    cancel_requested: bool = False
    stopped_remotely: bool | None = None
    tidied_at: datetime | None = None
    """When the vendor had let go of what only the job needed, or we gave up asking it to."""
    tidy_tries: int = 0
    busy_at: datetime | None = None
    """While it waits to be sent: since when the vendor says that it is busy."""
    busies: int = 0
    """How many of the attempts the vendor was too busy for, which are no failures."""
    deletion_id: str | None = None
    """The wish to delete it; from then on nothing else is done with it."""
    deleted_at: datetime | None = None
    """When nothing of it was left that could be deleted."""

    @property
    def way(self) -> str:
        """The way of its vendor that it goes."""
        return way_name(self.provider, self.kind)

    def log_context(self) -> dict[str, Any]:
        """Facts for a log line: no names, no prompts."""
        return {"job": self.id, "kind": self.kind.value, "provider": self.provider, "state": self.state.value}


@dataclass(frozen=True, slots=True)
class NewJob:
    """A wish, before the store gives it a row."""

    id: str
    kind: JobKind
    root_id: str
    owner: str
    place: str
    pictures_place: str
    provider: str
    name: str
    subject: str
    spec: dict[str, Any]
    request_key: str
    serial: str
    inputs: tuple[tuple[str, str], ...] = ()
    """Role and SHA-256 of each."""

    @property
    def lane(self) -> str:
        """Where it queues: one lane per vendor and kind."""
        return lane_name(self.provider, self.kind)


def lane_name(provider: str, kind: JobKind) -> str:
    """The lane of one kind of job at one vendor."""
    return f"{provider}:{kind.value}"


def way_name(provider: str, kind: JobKind) -> str:
    """How a person's choice is written: a vendor, and which of its kinds of job."""
    return f"{provider}/{kind.value}"


@dataclass(frozen=True, slots=True)
class QuietPoll:
    """A poll that changed nothing but the next date, and perhaps the progress."""

    job: Job
    wait: timedelta
    progress: float | None
    remote_model_id: str | None
    remote_word: str | None


class NoticeKind(StrEnum):
    """What there is to say."""

    TRAY = "tray"  # the reply under posted photos, edited
    SHEET = "sheet"  # a tray's contact sheet, for its owner alone
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


class Holder(StrEnum):
    """Who holds a copy of something that is to be deleted."""

    HERE = "here"
    CHAT = "chat"
    VENDOR = "vendor"


class Kept(StrEnum):
    """What a copy is a copy of."""

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
    """What became of a copy."""

    DELETED = "deleted"
    SHARED = "shared"  # let go of; another job was given the very same bytes and still needs them
    EXPIRES = "expires"  # its holder lets go of it by itself
    BY_HAND = "by_hand"  # there is no call for it: only in the holder's console, or through its support
    REFUSED = "refused"  # there is one, and it was refused for as long as we asked
    UNREACHED = "unreached"  # nobody answered for as long as we asked
    NOT_SET_UP = "not_set_up"  # the vendor is gone from the settings
    OWNERS = "owners"  # the person's own: they alone can delete it


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy, or several of one kind in one place, of something that is to be deleted."""

    deletion_id: str
    ordinal: int
    holder: Holder
    what: Kept
    count: int = 1
    job_id: str | None = None
    ref: str | None = None
    """Its holder's id, while it is needed to ask for the copy's end."""
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
    """When the fate of every copy was known."""

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
