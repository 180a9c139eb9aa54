"""Looks at everything an operator may have to mend, all at once and now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.services.vendors import Vendors
from storage.records.jobs import JobKind

PATIENCE = 20.0
"""Seconds that one look may take; a vendor's check has the same."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one look found."""

    about: str
    """What was looked at: one of the surface's own words, or a vendor's name as people know it."""
    fault: str = ""
    """What is wrong, as a word the surface knows; empty where it is well."""
    words: str = ""
    """What more there is to say: names, numbers, a vendor's advice. Never a value of a setting."""
    since: datetime | None = None
    """When it was first found so, where that is remembered."""


Look = Callable[[], Awaitable[Diagnosis]]


class Doctor:
    """Examines, and changes nothing."""

    def __init__(self, vendors: Vendors, looks: Sequence[tuple[str, Look]]) -> None:
        self._vendors = vendors
        self._looks = tuple(looks)

    async def examine(self) -> list[Diagnosis]:
        """Every diagnosis, the looks in their order and then the vendors. Takes up to `PATIENCE` seconds."""
        *found, _ = await asyncio.gather(
            *(_within(about, look) for about, look in self._looks), self._vendors.check()
        )
        return [one for one in found if one is not None] + self._of_vendors()

    def _of_vendors(self) -> list[Diagnosis]:
        found = []
        for one in self._vendors.health():
            gone = ", ".join(_KINDS[kind] for kind in one.retired)
            if one.fault or not gone:
                found.append(Diagnosis(one.label, one.fault, one.words, one.since if one.fault else None))
            else:
                found.append(Diagnosis(one.label, "retired", gone))
        return found


async def _within(about: str, look: Look) -> Diagnosis:
    try:
        async with asyncio.timeout(PATIENCE):
            return await look()
    except TimeoutError:
        return Diagnosis(about, "no_answer")


_KINDS = {JobKind.TRAINING: "training", JobKind.GENERATION: "making images", JobKind.ONESHOT: "one-shot"}
