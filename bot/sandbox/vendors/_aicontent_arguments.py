"""What callers of the AIContent stand-in say, and the shapes of what they are told."""

import base64
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from bot.sandbox.vendors._aicontent_answers import missing
from bot.sandbox.vendors._aicontent_jobs import Status
from bot.sandbox.vendors._faults import Fault
from bot.sandbox.vendors._state import Json

MAX_LINKS = 100
_MAX_IMAGES = 10
_MAX_SEED = 2**31 - 1
_ZONE = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Done:
    """What an operation answers: an envelope's data, or bytes without an envelope."""

    data: Json = None
    body: bytes | None = None
    media_type: str = "application/json"
    subject: int | None = None


Arguments = Mapping[str, Json]
Operation = Callable[[Arguments], Done]


def pictures_wanted(arguments: Arguments) -> int:
    """How many pictures an order means: above ten is ten."""
    return max(1, min(integer(arguments, "imageNumber") or 1, _MAX_IMAGES))


def seed_wanted(arguments: Arguments) -> int:
    """The seed an order means, or one chosen for it."""
    seed = integer(arguments, "seed")
    if seed is None or not 0 <= seed <= _MAX_SEED:
        # The page allows -1 without a meaning; it is read as "choose", as everywhere in this trade.
        return random.randint(0, _MAX_SEED)
    return seed


def shown_picture(arguments: Arguments, picture: bytes, subject: int) -> Done:
    """A picture as bytes or as text, as the caller wants it."""
    match arguments.get("encodeFormat"):
        case None | "":
            return Done(body=picture, media_type="image/png", subject=subject)
        case "base64":
            return Done(body=base64.b64encode(picture), media_type="text/plain", subject=subject)
        case _:
            raise missing("encodeFormat")


def text(arguments: Arguments, name: str) -> str:
    """A text that must be there."""
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise missing(name)
    return value


def integer(arguments: Arguments, name: str) -> int | None:
    """A whole number, if there is one."""
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise missing(name)
    return value


def word_of(status: Status, fault: Fault | None) -> str:
    """The word a status is told in, or that of a fault."""
    return status if fault is None else fault.text("word", "SOMETHING_NEW")


def create_time(at: float, job_id: int) -> str:
    """When a job was ordered, in the vendor's way."""
    # Local time without a zone, six or seven digits after the point: both are seen at the vendor.
    text = datetime.fromtimestamp(at, _ZONE).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text + str(job_id % 10) if job_id % 2 else text


def unexpected(job_id: int) -> dict[str, Json]:
    """What turns up in an answer unannounced."""
    # Fields nobody announced turn up in the vendor's samples, and a caller must live with them.
    return {"createUserId": "1001"} if job_id % 2 else {}
