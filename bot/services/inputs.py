"""What a job is given, by role: the vendors' words for it, for those who may not know the vendors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.providers import PAPERS, InputSpec, Role
from bot.services.errors import Unfit
from storage.records import Medium

ASKED_ON_FORM = PAPERS | {Role.TEMPLATE}
"""What is never gathered in a tray before a form is opened, so that its lack need not keep the form shut."""


class Lacking(StrEnum):
    """Why a set of inputs does not do."""

    TOO_FEW = "too_few"  # of this role
    TOO_MANY = "too_many"
    WRONG_KIND = "wrong_kind"  # there are things, but none of this role, which is wanted
    MEDIA_TYPE = "media_type"  # a file of a kind that the vendor does not read
    TOO_LARGE = "too_large"  # bytes
    TOO_SMALL = "too_small"  # pixels on the shorter side
    FRAME = "frame"  # a video's size in pixels
    TOO_SHORT = "too_short"  # a video, in seconds
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is wrong with a set for a vendor, as data: the words are the surface's."""

    rule: Lacking
    role: Role
    have: float
    limit: float
    """What it should be at least, or at most: files, bytes, pixels or seconds."""
    which: tuple[int, ...] = ()
    """Which of that role, from 1, in the order given; empty where it concerns the number."""
    picks: bool = False
    """There are too many, and the form asks which of them are meant."""

    @property
    def can_follow(self) -> bool:
        """Whether a form asks for what lacks, so that it may be opened without."""
        missing = self.rule in {Lacking.TOO_FEW, Lacking.WRONG_KIND}
        return self.picks or (missing and self.role in ASKED_ON_FORM)


@dataclass(frozen=True, slots=True)
class Given:
    """One thing at hand."""

    role: str
    medium: Medium
    number: int = field(default=0, compare=False)
    """By which people know it; 0 where they do not."""


def judge(specs: Sequence[InputSpec], given: Iterable[Given]) -> tuple[Lack, ...]:
    """What is wrong with a set for an operation; what it takes no heed of is left out and no fault."""
    at_hand = list(given)
    found: list[Lack] = []
    for spec in specs:
        have = [one.medium for one in at_hand if one.role == spec.role]
        if len(have) < spec.min:
            rule = Lacking.WRONG_KIND if at_hand and not have else Lacking.TOO_FEW
            found.append(Lack(rule, spec.role, len(have), spec.min))
        elif len(have) > spec.max:
            found.append(Lack(Lacking.TOO_MANY, spec.role, len(have), spec.max, picks=spec.picks))
            if spec.picks and suiting(spec, at_hand):
                continue  # Those that do not suit need not be picked.
        found += _each(spec, have)
    return tuple(found)


def suiting(spec: InputSpec, given: Iterable[Given]) -> tuple[Given, ...]:
    """Those of a set, each once, that could be picked for an operation that takes fewer."""
    return tuple(
        one for one in dict.fromkeys(given) if one.role == spec.role and not _each(spec, [one.medium])
    )


def picked(specs: Sequence[InputSpec], given: Iterable[Given], pick: str) -> list[Given]:
    """A set without what was not picked, where one was: `pick` is its hash."""
    picky = {spec.role.value for spec in specs if spec.picks} if pick else set()
    return [one for one in given if one.role not in picky or one.medium.sha256 == pick]


def fitting(specs: Sequence[InputSpec], given: Iterable[Given]) -> tuple[tuple[str, str], ...]:
    """Role and hash of what these specs take of a set, each once. Raises Unfit where it does not do."""
    once = list(dict.fromkeys(given))
    if lacks := judge(specs, once):
        raise Unfit(lacks)
    return tuple((one.role, one.medium.sha256) for spec in specs for one in once if one.role == spec.role)


def _each(spec: InputSpec, have: Sequence[Medium]) -> list[Lack]:
    """Every medium against what its role must be like; one line per rule, however many break it."""
    found: list[Lack] = []

    def those(rule: Lacking, limit: float, bad: dict[int, float]) -> None:
        if bad:
            worst = next(iter(bad.values()))
            found.append(Lack(rule, spec.role, worst, limit, tuple(bad)))

    numbered = list(enumerate(have, 1))
    those(Lacking.MEDIA_TYPE, 0, {n: 0 for n, one in numbered if one.media_type not in spec.media_types})
    pictures = [(n, one) for n, one in numbered if one.media_type.startswith("image/")]
    # A picture that is too large for a vendor is made smaller for it; a film or a document cannot be.
    heavy = {
        n: float(one.size) for n, one in numbered if (n, one) not in pictures and one.size > spec.max_bytes
    }
    those(Lacking.TOO_LARGE, spec.max_bytes, heavy)
    sides = {n: min(one.width, one.height) for n, one in pictures}
    those(
        Lacking.TOO_SMALL,
        spec.min_side,
        {n: float(side) for n, side in sides.items() if side < spec.min_side},
    )
    videos = [(n, one) for n, one in numbered if one.seconds is not None]
    if spec.frames:
        odd = {n: one.height for n, one in videos if (one.width, one.height) not in spec.frames}
        those(Lacking.FRAME, 0, {n: float(height) for n, height in odd.items()})
    if spec.lasts:
        least, most = (span.total_seconds() for span in spec.lasts)
        lasts = {n: one.seconds or 0.0 for n, one in videos}
        those(Lacking.TOO_SHORT, least, {n: span for n, span in lasts.items() if span < least})
        those(Lacking.TOO_LONG, most, {n: span for n, span in lasts.items() if span > most})
    return found


__all__ = [
    "ASKED_ON_FORM",
    "PAPERS",
    "Given",
    "InputSpec",
    "Lack",
    "Lacking",
    "Role",
    "fitting",
    "judge",
    "picked",
    "suiting",
]
