"""What a person can be told on the spot. The words are the surface's."""

from __future__ import annotations

from storage.records import Refusal


class DomainError(Exception):
    """The wish cannot be granted; nothing was changed."""


class NotYours(DomainError):
    """Only its owner may do this."""


class NoSuchThing(DomainError):
    """There is nothing of this id that this person may see."""


class TrayClosed(DomainError):
    """The photos were used or thrown away already."""


class NotEnoughPhotos(DomainError):
    """The vendor wants more usable photos."""

    def __init__(self, *, have: int, need: int) -> None:
        super().__init__(f"{have} of {need}")
        self.have = have
        self.need = need


class TooManyPhotos(DomainError):
    """The vendor takes fewer photos."""

    def __init__(self, *, have: int, most: int) -> None:
        super().__init__(f"{have}, at most {most}")
        self.have = have
        self.most = most


class BadWish(DomainError):
    """A field of the request cannot be used; `field` says which, `rule` says why, `limit` by how much."""

    def __init__(self, field: str, rule: str, limit: int = 0) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule
        self.limit = limit


class VendorNotOffered(DomainError):
    """This vendor is not configured, or does not answer now."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.provider = provider


class NotRetryable(DomainError):
    """Only a job that failed or was cancelled can be tried again."""


class PhotoRefused(DomainError):
    """This file is not a photo that can be used."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
