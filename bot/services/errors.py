"""What a person can be told on the spot. The words are the surface's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storage.records.media import Refusal

if TYPE_CHECKING:
    from bot.services.inputs import Lack


class DomainError(Exception):
    """The wish cannot be granted; nothing was changed."""


class NotYours(DomainError):
    """Only its owner may do this."""


class NoSuchThing(DomainError):
    """There is nothing of this id that this person may see."""


class TrayClosed(DomainError):
    """The photos were used or thrown away already."""


class Unfit(DomainError):
    """The vendor would not take these inputs; `lacks` says each reason why, as data."""

    def __init__(self, lacks: Sequence[Lack]) -> None:
        super().__init__(", ".join(f"{lack.role}: {lack.rule}" for lack in lacks))
        self.lacks = tuple(lacks)


class LookFirst(DomainError):
    """Not every file that came with a form is well: its owner is to decide first.

    `photos` says whether photos are among them: those are to be looked at, one by one.
    """

    def __init__(self, tray_id: str, *, photos: bool = False) -> None:
        super().__init__(tray_id)
        self.photos = photos


class NotPrivate(DomainError):
    """Papers are taken by form or direct message only, and this came another way: nothing was kept."""


class BadWish(DomainError):
    """A field of the request cannot be used.

    `field` says which, `rule` says why, `limit` by how much; `words` is a sentence about it where `rule` is
    none that is known. Of the vendor's own parameters the field is `option.NAME` for those of the job and
    `making.NAME` for those of what is made. Further fields that are wrong are in `others`.
    """

    def __init__(
        self, field: str, rule: str, limit: float = 0, *, words: str = "", others: Sequence[BadWish] = ()
    ) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule
        self.limit = limit
        self.words = words
        self.others = tuple(others)

    @property
    def all(self) -> tuple[BadWish, ...]:
        """Every field that is wrong, this one first."""
        return (self, *self.others)


class VendorNotOffered(DomainError):
    """This vendor, or this way of it, is not configured, does not answer now, or has been given up.

    `fault` is that of the offer, or `switched_off` by settings; empty where there is no such way.
    """

    def __init__(self, way: str, fault: str = "") -> None:
        super().__init__(way)
        self.way = way
        self.fault = fault


class NotWaiting(DomainError):
    """This job does not wait for better inputs, or no longer."""


class NotAwaited(DomainError):
    """Nothing of this person's waits for this paper, or no longer."""


class ModelGone(DomainError):
    """The vendor does not keep this model any more."""


class BeingDeleted(DomainError):
    """This is deleted, or about to be: nothing else can be done with it."""


class NotRetryable(DomainError):
    """Only a job that failed or was cancelled can be tried again."""


class InputsGone(NotRetryable):
    """What the job was given was erased here since, as is said beforehand: it cannot be given again."""


class PhotoRefused(DomainError):
    """This file is not a photo that can be used."""

    def __init__(self, refusal: Refusal, size: tuple[int, int] = (0, 0)) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.width, self.height = size
        """The picture's, where it was known before it was refused."""
