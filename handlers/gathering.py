"""Photos that stand in Slack already, fetched into a tray while a form waits for them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from handlers.places import Place
from storage.records.inbox import Arrival

_MOST = 100
"""Files; more than a message can carry."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Somebody's wish for a form with photos of theirs, which we name before Slack does."""

    arrival: Arrival
    form: str
    photos: int

    @classmethod
    def of(cls, owner: str, place: Place, files: Sequence[Mapping[str, Any]]) -> Self:
        """A wish that was made just now: each has a form of its own."""
        form = f"gather-{secrets.token_hex(10)}"
        team, user = owner.split("/")
        payload = {
            "team": team,
            "user": user,
            "channel": place.channel,
            "thread": place.thread,
            "form": form,
            # Their ids alone: whether this app may see them is asked anew, and an address may be old.
            "files": [{"id": one.get("id"), "name": one.get("name")} for one in files[:_MOST]],
        }
        return cls(Arrival(f"gather:{form}", "gather", payload), form, len(files))
