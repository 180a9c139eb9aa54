"""Reading what vendors send: ids, moments, status words, images.

Vendors contradict their own pages in small things, so these readers forgive what does not matter and nothing
else.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime, tzinfo
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, JsonValue, model_validator

from bot.providers._answers import vendor_words
from bot.providers._base import RemoteState
from bot.providers._errors import Unavailable, UnexpectedResponse

logger = logging.getLogger(__name__)

MAGIC = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF....WEBP", re.DOTALL)
MAGIC_LENGTH = 12


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _text_or_none(value: object) -> object:
    value = _text(value)
    return value.strip() or None if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def _rows(value: object) -> list[dict[str, JsonValue]]:
    return [row if isinstance(row, dict) else {} for row in value] if isinstance(value, list) else []


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_id(value: object) -> bool:
    """Whether `Id` would take this."""
    return isinstance(value := _text(value), str) and value != ""


def _share(value: object) -> float | None:
    try:
        share = float(str(value))
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


Id = Annotated[str, BeforeValidator(_text), Field(min_length=1)]
"""A vendor's id: text, also where the vendor sends a number."""
MaybeText = Annotated[str | None, BeforeValidator(_text_or_none)]
"""A text that may be missing, null, empty or of some other kind: all of these are None."""
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
"""The texts of a list; whatever else is in it, or is no list, counts for nothing."""
Rows = Annotated[list[dict[str, JsonValue]], BeforeValidator(_rows)]
"""The rows of a list, each at its place; whatever is none is an empty one."""
Count = Annotated[int | None, BeforeValidator(_count)]
"""A whole number; None for whatever is none."""
Share = Annotated[float | None, BeforeValidator(_share)]
"""Progress from 0 to 1; None for whatever is not such a number."""


class Sent(BaseModel):
    """What a vendor sends: unknown fields are ignored, and one that is null is one that is missing."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, told: object) -> object:
        return (
            {name: value for name, value in told.items() if value is not None}
            if isinstance(told, dict)
            else told
        )


def moment(text: str | None, zone: tzinfo) -> datetime | None:
    """A vendor's moment; `zone` is assumed where it names none, and None is for what is no moment."""
    try:
        told = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=zone)


class StatusWords:
    """A vendor's status words: a table, families for words that are not in it, and *running* for the rest.

    An unknown word is logged once in this process; the job's deadline decides what becomes of it.
    """

    def __init__(
        self, vendor: str, table: Mapping[str, RemoteState], families: Mapping[str, RemoteState]
    ) -> None:
        self._vendor = vendor
        self._table = table
        self._families = {re.compile(pattern): state for pattern, state in families.items()}
        self._strange: set[str] = set()

    def __call__(self, word: str | None) -> RemoteState:
        """The state a word stands for, in whatever case it comes."""
        known = (word or "").upper()
        if known in self._table:
            return self._table[known]
        for family, state in self._families.items():
            if family.search(known):
                return state
        # Bounded, since a vendor may put a number into its words.
        if known not in self._strange and len(self._strange) < 100:
            self._strange.add(known)
            facts = {"action": "vendor_word_unknown", "provider": self._vendor, "word": vendor_words(known)}
            logger.warning("Vendor status word unknown, taken for running", extra=facts)
        return RemoteState.RUNNING


def decode_image(text: bytes) -> bytes:
    """Decode an image that came as base64 text: bare, in quotes, or as a data URL."""
    bare = text.strip().removeprefix(b'"').removesuffix(b'"')
    if bare.startswith(b"data:"):
        bare = bare.partition(b",")[2]
    try:
        return base64.b64decode(b"".join(bare.split()), validate=True)
    except binascii.Error:
        raise UnexpectedResponse("What the vendor sent as an image is not base64.") from None


async def image(chunks: AsyncGenerator[bytes, None], *, encoded: bool = False) -> AsyncGenerator[bytes, None]:
    """Pass a stream on if it is a PNG, a JPEG or a WebP; `encoded` images are decoded first.

    Raises:
        Unavailable: there was nothing in it; asking again may help.
        UnexpectedResponse: it is no image.
    """
    async with aclosing(chunks):
        head = b""
        async for chunk in chunks:
            head += chunk
            if len(head) >= MAGIC_LENGTH and not encoded:
                break
        if not head:
            raise Unavailable("The vendor sent an empty image.")
        head = decode_image(head) if encoded else head
        if not MAGIC.match(head):
            raise UnexpectedResponse("What the vendor sent as an image is neither PNG nor JPEG nor WebP.")
        yield head
        async for chunk in chunks:
            yield chunk
