"""The words for states, reasons and refusals. What a person reads is here and in its two neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import floor
from typing import NamedTuple, assert_never

from bot.services.errors import (
    BadWish,
    BeingDeleted,
    DomainError,
    InputsGone,
    LookFirst,
    ModelGone,
    NoSuchThing,
    NotAwaited,
    NotPrivate,
    NotRetryable,
    NotWaiting,
    NotYours,
    PhotoRefused,
    TrayClosed,
    Unfit,
    VendorNotOffered,
)
from bot.services.inputs import Lack, Lacking, Role
from bot.services.progress import JobView, Stage
from handlers.link_words import link_fault
from storage.records.jobs import FailureReason, JobKind
from storage.records.links import LinkTrouble
from storage.records.media import Refusal


def escape(text: str) -> str:
    """User text inside mrkdwn: nothing in it may ping, link or format as Slack's own syntax."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def said(text: str) -> str:
    """What a person wrote, out of a message's text: Slack sends their `&`, `<` and `>` as entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def clock(instant: datetime) -> str:
    """A time of day in the reader's own zone; UTC where a client cannot."""
    return f"<!date^{int(instant.timestamp())}^{{time}}|{instant:%H:%M} UTC>"


def day(instant: datetime) -> str:
    """A date in the reader's own zone; UTC where a client cannot."""
    return f"<!date^{int(instant.timestamp())}^{{date_short}}|{instant:%Y-%m-%d}>"


def duration(span: timedelta) -> str:
    """`40 s`, `26 min`, `3 h 5 min`, `2 days`."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(hours / 24)} days"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def plural(count: int, noun: str) -> str:
    """`1 photo`, `2 photos`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def stage(view: JobView) -> str:
    """The state words: the same on the card, in the status and in the DM."""
    job = view.current
    match view.stage:
        case Stage.OUR_QUEUE if view.busy_since:
            return f"waiting for {view.label} ({ordinal(view.queue_place)} in our queue)"
        case Stage.OUR_QUEUE:
            return f"our queue ({ordinal(view.queue_place)})"
        case Stage.SENDING:
            return "making sure it was sent" if job.submit_begun_at and job.looks else "sending"
        case Stage.VENDOR_QUEUE:
            return f"in {view.label}'s queue"
        case Stage.TRAINING:
            return f"training {round((job.progress or 0) * 100)} %"
        case Stage.MAKING:
            return "making the clip" if view.makes_clip else "making images"
        case Stage.FETCHING_LAST:
            left = view.pictures - view.pictures_here
            rest = "last" if left == 1 else f"other {left}"
            return f"{view.pictures_here} of {view.pictures} images here, fetching the {rest}"
        case Stage.NEEDS_YOU:
            return "needs you"
        case (
            Stage.DELIVERING
            | Stage.DONE
            | Stage.CANCELLING
            | Stage.CANCELLED
            | Stage.DELETING
            | Stage.DELETED
        ):
            return view.stage.value
        case Stage.FAILED:
            return f"failed ({failure(view).turn})"
        case _ as never:
            assert_never(never)


def shortfall(view: JobView) -> str:
    """How many of the images asked for did not come, in a sentence or two; empty where all did."""
    held, asked = view.current.held_back, view.asked_for
    rest = asked - view.pictures_here - held
    said = []
    if held > 0:
        kept = f"{'was' if held == 1 else 'were'} held back by {escape(view.label)}'s check and not delivered"
        said.append(f"{held} of {plural(asked, 'image')} {kept}.")
    if rest > 0:
        said.append(f"{rest} of {plural(asked, 'image')} did not come from {escape(view.label)}.")
    return " ".join(said)


class Failure(NamedTuple):
    """What is said of a failed job."""

    turn: str
    """Whose turn it is."""
    reason: str
    charged: str
    retry: str


_NOT_CHARGED = "Not charged: nothing was started."
_IMAGES_NOT_CHARGED = "The training is charged, its images are not."
_PROBABLY_NOT = "Not charged, as far as we know."
_PERHAPS = "Charged or not is for {label} to say: the job had been started."
_COUNTED = "Charged all the same, as {label} counts: how much is in *Details*."
_COUNTED_NONE = "Not charged, as {label} counts."
_SAFE = "Trying again is safe."
_ANEW = "Trying again is safe; it is charged like a new job."
_GONE = "What it was given is not kept here any more: post it again to begin anew."


def failure(view: JobView) -> Failure:
    """Whose turn, why, charged or not, and whether a retry is safe."""
    why = view.current.reason or FailureReason.UNEXPECTED
    turn, reason, charged, retry = _FAILURES[why]
    cost = view.current.cost
    if cost is not None and charged in {_PERHAPS, _PROBABLY_NOT}:
        charged = _COUNTED if cost else _COUNTED_NONE
    if view.current.kind is JobKind.GENERATION and view.root.kind is JobKind.TRAINING:
        # The training went well, and was paid for: what failed came after it.
        reason = _NO_IMAGES_ANY_MORE.get(why, reason)
        images = f"The training is charged. For its images: {charged[0].lower()}{charged[1:]}"
        charged = _IMAGES_NOT_CHARGED if charged == _NOT_CHARGED else images
    if why is FailureReason.VENDOR_FAILED and view.current.detail:
        reason = "{label} says that the job failed; its words are in *Details*."
    if retry in {_SAFE, _ANEW} and not view.inputs_here:
        retry = _GONE
    links = link_fault(LinkTrouble.read(view.current.detail))
    said = (turn, reason, charged, retry)
    return Failure(*(part.format(label=view.label, links=links) for part in said))


_NO_IMAGES_ANY_MORE = {
    FailureReason.RETIRED: "The model is trained and kept there, but {label} has given up making images. "
    "The operator has been told.",
    FailureReason.SWITCHED_OFF: "The model is trained and kept there, but what {label} makes of it has been "
    "switched off here.",
}

_FAILURES: dict[FailureReason, tuple[str, str, str, str]] = {
    FailureReason.INVALID_INPUT: (
        "Your photos",
        "{label} did not accept the photos or the prompt.",
        _PROBABLY_NOT,
        "Trying again helps only with other photos or another prompt.",
    ),
    FailureReason.CONTENT_REJECTED: (
        "Your photos",
        "{label}'s moderation refused the photos or the prompt.",
        _PROBABLY_NOT,
        "Trying again helps only with other photos or another prompt.",
    ),
    FailureReason.PHOTOS_GONE: (
        "Waiting for you",
        "The photos are no longer kept here: they are erased some time after a job ends.",
        _NOT_CHARGED,
        "Post the photos again to start anew.",
    ),
    FailureReason.PHOTOS_REFUSED: (
        "Your photos",
        "{label} looked at the photos before the training and would not use some of them.",
        _NOT_CHARGED,
        "Replace those and train again.",
    ),
    FailureReason.NOT_ANSWERED: (
        "Waiting for you",
        "{label} asked for better files, and none came in time.",
        _PERHAPS,
        "Post everything again to start anew.",
    ),
    FailureReason.RETIRED: (
        "{label}",
        "{label} has given this up. The operator has been told.",
        _NOT_CHARGED,
        "Trying again does not help.",
    ),
    FailureReason.SWITCHED_OFF: (
        "Us",
        "This was switched off for {label} in Darkroom's settings before it was sent.",
        _NOT_CHARGED,
        "Trying again does not help.",
    ),
    FailureReason.LINKS_UNREACHABLE: (
        "Us",
        "{label} could not have fetched the photos: {links}. The operator has been told.",
        _NOT_CHARGED,
        "Trying again is safe once the operator has mended it.",
    ),
    FailureReason.AUTHENTICATION: (
        "Us",
        "{label} does not accept Darkroom's credentials. The operator has been told.",
        _NOT_CHARGED,
        "Trying again is safe once the operator has mended it.",
    ),
    FailureReason.QUOTA: (
        "Us",
        "The account at {label} has no quota or no money left. The operator has been told.",
        _NOT_CHARGED,
        "Trying again is safe once the operator has mended it.",
    ),
    FailureReason.VENDOR_FAILED: (
        "{label}",
        "{label} says that the job failed, and not why.",
        _PERHAPS,
        _ANEW,
    ),
    FailureReason.VENDOR_FORGOT: ("{label}", "{label} no longer knows this job.", _PERHAPS, _ANEW),
    FailureReason.NO_PICTURES: ("{label}", "{label} finished without any image.", _PERHAPS, _ANEW),
    FailureReason.UNAVAILABLE: (
        "{label}",
        "{label} could not be reached for too long.",
        _NOT_CHARGED,
        _SAFE,
    ),
    FailureReason.DEADLINE: ("{label}", "{label} did not finish in time.", _PERHAPS, _ANEW),
    FailureReason.LOST: (
        "Us",
        "{label}'s answer was lost and we cannot find out whether the job runs. It is not sent again.",
        "It may have been charged: ask the operator to look at {label}'s console.",
        "Trying again may be charged a second time.",
    ),
    FailureReason.UNEXPECTED: (
        "Us",
        "{label} answered something we do not understand.",
        _PERHAPS,
        "Trying again is charged like a new job, and may fail in the same way.",
    ),
}

REFUSALS: dict[Refusal, str] = {
    Refusal.NOT_A_PHOTO: "is no picture of a kind I know, whatever its name says: post it as a JPEG or HEIC",
    Refusal.RAW: "is a camera's raw file: export it as a JPEG",
    Refusal.EMPTY: "is empty (0 bytes)",
    Refusal.DAMAGED: "is damaged and cannot be decoded",
    Refusal.TRUNCATED: "arrived incomplete: post it once more",
    Refusal.NOT_LOADED: "could not be loaded from Slack: post it once more",
    Refusal.TOO_MANY_PIXELS: "has too many pixels (more than 64 megapixels): make it smaller",
    Refusal.TOO_DEMANDING: "would take more time or memory than a photo may: save it anew as a JPEG",
    Refusal.TOO_SMALL: "is too small (at least 256 × 256 pixels)",
    Refusal.TOO_NARROW: "is too long and narrow (at most 8 times as long as high): cut it",
    Refusal.TOO_LARGE: "is too large a file",
    Refusal.EXTERNAL: "is a link to another service and not a file in Slack: upload the file itself",
    Refusal.NOT_READABLE: "may not be read by this app: post it in this workspace",
    Refusal.DELETED: "was deleted",
    Refusal.HIDDEN: "is hidden by the workspace's storage limit",
    Refusal.TOO_MANY: "came after the most a post may carry",
    Refusal.ARCHIVE_EMPTY: "is an archive without a single file in it",
    Refusal.ARCHIVE_CROWDED: "is an archive with more than 1,000 entries: post a smaller one",
    Refusal.ARCHIVE_BOMB: "unfolds to many times its size, which no photo does",
    Refusal.ARCHIVE_NESTED: "is an archive inside an archive: put the photos into one",
    Refusal.ARCHIVE_PATH: "has a name that leads out of the archive: pack it anew",
    Refusal.ARCHIVE_LINK: "is a link and no file: pack the photo itself",
    Refusal.ARCHIVE_TWICE: "has the name of a file before it in the same archive: pack it anew",
    Refusal.ARCHIVE_ENCRYPTED: "is protected by a password: pack it without one",
    Refusal.ARCHIVE_PACKED: "is packed in a way I cannot read: pack it as a common zip",
    Refusal.ARCHIVE_REST: "holds more than a post may carry: of what came after this nothing was taken",
    Refusal.NO_PERMISSION: "may not be read by this app until an admin mends its permissions: they are told",
    Refusal.DOCUMENT: (
        "is a PDF and no photo: post the photos in it as pictures. If it is a letter or an identity card, "
        "delete it here and send it to me by direct message, where nobody else reads it: nothing was kept"
    ),
    Refusal.PAPER_UNASKED: (
        "is a PDF, and nothing of yours waits for a paper just now: nothing of it was kept. A vendor that "
        "asks for papers wants its video first; the photos in a PDF are posted as pictures"
    ),
    Refusal.DRAWING: "is a drawing (SVG) and no photo: export it as a PNG",
    Refusal.WEB_PAGE: "is a web page and no picture: save the picture on it and post that",
    Refusal.IS_A_VIDEO: "is a video: post it by itself, in a conversation with me",
    Refusal.PAPER_LOCKED: "is a PDF with a password: save it without one",
    Refusal.WRONG_KIND: "is of a kind that the vendor does not take for this: save it as a JPEG or PNG",
    Refusal.NOT_RECORDINGS: "is no zip, whatever its name says: pack the recordings into one",
    Refusal.NOT_A_VIDEO: "is not an MP4 video, whatever its name says: export it as an MP4",
    Refusal.NOT_A_PAPER: "is not a JPEG, PNG or PDF, whatever its name says",
}

REFUSALS_ALONE: dict[Refusal, str] = {
    Refusal.DOCUMENT: (
        "is a PDF and no photo: post the photos in it as pictures. A letter or an identity card goes into a "
        "post of its own here, while a vendor waits for one: I then ask which it is"
    ),
}
"""What is said otherwise in a direct message, where nobody else reads."""

SHORT_REFUSALS: dict[Refusal, str] = {
    Refusal.NOT_A_PHOTO: "no picture",
    Refusal.RAW: "raw file",
    Refusal.EMPTY: "empty",
    Refusal.DAMAGED: "damaged",
    Refusal.TRUNCATED: "incomplete",
    Refusal.NOT_LOADED: "not loaded",
    Refusal.TOO_MANY_PIXELS: "too large",
    Refusal.TOO_DEMANDING: "too large",
    Refusal.TOO_SMALL: "too small",
    Refusal.TOO_NARROW: "too narrow",
    Refusal.TOO_LARGE: "too large",
    Refusal.DELETED: "deleted",
    Refusal.HIDDEN: "hidden",
}
"""The same in two words, for under a thumbnail."""


_CANNOT: dict[type[DomainError], str] = {
    NotYours: "Only the person who posted the photos can do this.",
    LookFirst: "This has changed meanwhile, and nothing has begun: see what was said of it last.",
    TrayClosed: "These photos were used already. Post photos to start another training.",
    NotPrivate: "Papers are taken by the form or by direct message only. This one was not kept.",
    NotAwaited: "Nothing of yours waits for this any more: the message says what is here.",
    NotWaiting: "This job does not wait for files any more: its card says how it stands.",
    BeingDeleted: "This is deleted, or about to be: nothing else can be done with it.",
    ModelGone: "The vendor does not keep this model any more.",
    VendorNotOffered: "This vendor is not available now. Nothing was lost: try again later.",
    InputsGone: "What this job was given is not kept here any more: post it again to begin anew.",
    NotRetryable: "Only a job that failed or was cancelled can be tried again.",
}


def refusal(error: DomainError, command: str) -> str:
    """What to tell somebody whose wish cannot be granted."""
    match error:
        case NoSuchThing():
            return f"There is nothing of this id here. `{command} status` lists your jobs."
        case Unfit():
            return unfit(error.lacks)
        case BadWish():
            return field_error(error)
        case PhotoRefused():
            return f"The file {REFUSALS[error.refusal]}."
        case VendorNotOffered(fault="switched_off"):
            return "This has been switched off in Darkroom's settings: nothing new is started with it."
        case _:
            return _CANNOT.get(type(error), "This cannot be done now.")


_NOUNS = {
    Role.PHOTO: "photo",
    Role.VIDEO: "video",
    Role.TEMPLATE: "template picture",
    Role.ID_FRONT: "picture of the ID card's front",
    Role.ID_BACK: "picture of the ID card's back",
    Role.LETTER: "signed letter",
    Role.ACTION_VIDEO: "film of gestures",
    Role.VOICE: "zip of recordings",
}


PAPER_NAMES = {
    Role.ID_FRONT: "identity card (portrait side)",
    Role.ID_BACK: "identity card (other side)",
    Role.LETTER: "letter of permission",
}
"""The papers, as they are spoken of with those whose they are."""
FORM_NAMES = PAPER_NAMES | {
    Role.TEMPLATE: "template picture",
    Role.ACTION_VIDEO: "film of gestures",
    Role.VOICE: "recordings of the voice",
}
"""What a form takes beside photos and video, spoken of in the same way."""


def lack(one: Lack, numbers: Sequence[int] = ()) -> str:
    """Why a vendor would not take a set, as a clause; `numbers` are those of the files that are at fault."""
    which = f" ({_those(numbers)})" if numbers else ""
    return f"{_lack(one)}{which}"


_NUMBERS = 12
"""Of files that are listed; a vendor may refuse a hundred of them for one reason."""


def _those(numbers: Sequence[int]) -> str:
    told = ", ".join(f"#{number}" for number in numbers[:_NUMBERS])
    more = len(numbers) - _NUMBERS
    return f"{told} and {more} more" if more > 0 else told


def _lack(one: Lack) -> str:
    noun = _NOUNS[one.role]
    match one.rule:
        case Lacking.TOO_FEW | Lacking.WRONG_KIND:
            return f"wants a {noun}" if one.limit == 1 else f"wants {plural(round(one.limit), noun)} or more"
        case Lacking.TOO_MANY:
            return (
                f"takes one {noun}" if one.limit == 1 else f"takes at most {plural(round(one.limit), noun)}"
            )
        case Lacking.TOO_SMALL:
            return f"wants a {noun} of at least {one.limit:g} pixels on the shorter side"
        case Lacking.TOO_NARROW:
            return f"wants a {noun} at most {floor(one.limit * 10) / 10:g} times as long as wide"
        case Lacking.TOO_SHORT | Lacking.TOO_LONG:
            bound = "at least" if one.rule is Lacking.TOO_SHORT else "at most"
            return f"wants a {noun} of {bound} {duration(timedelta(seconds=one.limit))}"
        case Lacking.TOO_LARGE:
            return f"takes a {noun} of at most {one.limit / 1_000_000:g} MB"
        case Lacking.FRAME:
            sizes = [f"{width} × {height}" for width, height in sorted(one.frames)]
            return f"wants a {noun} of {' or '.join(sizes)} pixels"
        case Lacking.MEDIA_TYPE:
            return f"does not read a {noun} of this kind of file"
        case Lacking.NO_FACE:
            return f"wants one face in each {noun}, and I find none"
        case Lacking.SEVERAL_FACES:
            return f"wants one face in each {noun}, and there are several"


def unfit(lacks: Sequence[Lack]) -> str:
    """The same as sentences, to somebody who pressed."""
    first = lacks[0]
    if first.role is Role.PHOTO and first.rule in {Lacking.TOO_FEW, Lacking.WRONG_KIND}:
        need, have = round(first.limit), round(first.have)
        return f"{need} usable photos are needed and there are {have}. Add some to the thread."
    if first.role is Role.PHOTO and first.rule is Lacking.TOO_MANY:
        have, most = round(first.have), round(first.limit)
        return f"There are {have} photos; this vendor takes at most {most}. Post a smaller set."
    return "This vendor " + "; it ".join(lack(one) for one in lacks) + "."


_EITHER = {
    "neither": "Choose a {option}, or add a template picture.",
    "both": "Choose a {option} or add a template picture, and not both.",
}


def field_error(error: BadWish) -> str:
    """What stands under a field of the modal."""
    words = {
        ("name", "empty"): "Give the model a name.",
        ("name", "too_long"): f"At most {error.limit} characters.",
        ("subject", "unknown"): "This vendor does not know that kind of subject: choose another.",
        ("prompt", "empty"): "Say what the pictures should show.",
        ("prompt", "unsaid"): "Write what should be said.",
        ("prompt", "barred"): f"This vendor takes a prompt without {error.words} only.",
        ("prompt", "too_long"): f"At most {error.limit} characters.",
        ("count", "out_of_range"): f"At most {error.limit} images.",
        ("consent", "missing"): "Without this permission no photo leaves this workspace.",
        ("where", "missing"): "Choose who may see the images.",
        ("photos", "missing"): "Add at least one photo.",
    }
    if error.rule in _EITHER:
        return _EITHER[error.rule].format(option=error.field.rpartition(".")[2])
    return words.get((error.field, error.rule)) or error.words or "This value cannot be used."
