"""Owners and places: opaque strings below this floor, Slack's ids on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where to say something: a team, a conversation (a user's id means their DM), and perhaps a thread.

    As a message's address, `thread` is the message's own `ts`.
    """

    team: str
    channel: str
    thread: str = ""

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read what `str()` wrote."""
        team, channel, thread = text.split("/")
        return cls(team, channel, thread)

    def __str__(self) -> str:
        return f"{self.team}/{self.channel}/{self.thread}"

    @property
    def is_direct(self) -> bool:
        """Whether only one person reads here."""
        return self.channel.startswith(("D", "U", "W"))


def permalink(workspace: str, message: str) -> str:
    """The address of a message in the web, for people; `workspace` is what `auth.test` calls `url`."""
    at = Place.parse(message)
    return f"{workspace.rstrip('/')}/archives/{at.channel}/p{at.thread.replace('.', '')}"


def thread_of(body: Mapping[str, Any]) -> str | None:
    """The thread a button was pressed in: who reads it would not see an answer in the channel."""
    found = (body.get("container") or {}).get("thread_ts")
    return str(found) if found else None


def owner_of(team: str, user: str) -> str:
    """A person, as the services know them."""
    return f"{team}/{user}"


def user_of(owner: str) -> str:
    """Slack's id of a person."""
    return owner.rsplit("/", 1)[1]
