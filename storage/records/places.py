"""Places, as far as anybody below the surface may look into one."""

from __future__ import annotations


def direct(owner: str) -> str:
    """The place where only this person reads."""
    return f"{owner}/"


def channel_of(place: str) -> str:
    """What is limited together: a place is a channel and, after its last slash, perhaps a thread."""
    return place.rsplit("/", 1)[0]
