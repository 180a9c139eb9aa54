"""Links under which vendors fetch inputs, copies in a bucket, and why one leads nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
