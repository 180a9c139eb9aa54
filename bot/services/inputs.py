"""What a job is given, by role: the vendors' words for it, for those who may not know the vendors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.imaging.verdict import Misfit, misfits
from bot.providers import PAPERS, InputSpec, Role
from bot.services.errors import Unfit
from storage.records.media import Medium

PRIVATE = PAPERS | {Role.VOICE}
"""Taken by form or direct message only, in no message that others read, and erased once the vendor has it."""
ASKED_ON_FORM = PAPERS | {Role.TEMPLATE, Role.ACTION_VIDEO, Role.VOICE}
"""What is never gathered in a tray before a form is opened, so that its lack need not keep the form shut."""


class Lacking(StrEnum):
    """Why a set of inputs does not do."""

    TOO_FEW = "too_few"  # of this role
    TOO_MANY = "too_many"
    WRONG_KIND = "wrong_kind"  # there are things, but none of this role, which is wanted
    MEDIA_TYPE = "media_type"  # a file of a kind that the vendor does not read
    TOO_LARGE = "too_large"  # bytes
    TOO_SMALL = "too_small"  # pixels on the shorter side
    TOO_NARROW = "too_narrow"  # how many times as long as wide: made small enough it would be too small
    FRAME = "frame"  # a video's size in pixels
    TOO_SHORT = "too_short"  # a video, in seconds
    TOO_LONG = "too_long"
    NO_FACE = "no_face"  # a picture without a face, where each must show one
    SEVERAL_FACES = "several_faces"


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is wrong with a set for a vendor, as data: the words are the surface's."""

    rule: Lacking
    role: Role
    have: float
    limit: float
    """What it should be at least, or at most: files, bytes, pixels, seconds, or length by width."""
    which: tuple[int, ...] = ()
    """Which of that role, from 1, in the order given; empty where it concerns the number."""
    picks: bool = False
    """There are too many, and the form asks which of them are meant."""
    frames: tuple[tuple[int, int], ...] = ()
    """Width and height of every size of a video that is taken, where it is of another."""

    @property
    def probable(self) -> bool:
        """Whether only the vendor can tell: our own look for faces misses some, and keeps nobody out."""
        return self.rule in {Lacking.NO_FACE, Lacking.SEVERAL_FACES}

    @property
    def can_follow(self) -> bool:
        """Whether a form asks for what lacks, or it may be well all the same, so that one may be opened."""
        missing = self.rule in {Lacking.TOO_FEW, Lacking.WRONG_KIND}
        return self.picks or self.probable or (missing and self.role in ASKED_ON_FORM)


@dataclass(frozen=True, slots=True)
class Given:
    """One thing at hand."""

    role: str
    medium: Medium
    number: int = field(default=0, compare=False)
    """By which people know it; 0 where they do not."""
    faces: int | None = None
    """How many a photo shows; None where nobody looked, and then the vendor's own look decides."""


def judge(specs: Sequence[InputSpec], given: Iterable[Given]) -> tuple[Lack, ...]:
    """What is wrong with a set for an operation; what it takes no heed of is left out and no fault."""
    at_hand = list(given)
    found: list[Lack] = []
    for spec in specs:
        have = [one for one in at_hand if one.role == spec.role]
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
        one
        for one in dict.fromkeys(given)
        if one.role == spec.role and all(lack.probable for lack in _each(spec, [one]))
    )


def picked(specs: Sequence[InputSpec], given: Iterable[Given], pick: str) -> list[Given]:
    """A set without what was not picked, where one was: `pick` is its hash."""
    picky = {spec.role.value for spec in specs if spec.picks} if pick else set()
    return [one for one in given if one.role not in picky or one.medium.sha256 == pick]


def numbers(lack: Lack, given: Iterable[Given]) -> tuple[int, ...]:
    """By which numbers people know what a lack of this set speaks of."""
    known = [one.number for one in given if one.role == lack.role]
    return tuple(known[place - 1] for place in lack.which if known[place - 1])


def fitting(specs: Sequence[InputSpec], given: Iterable[Given]) -> tuple[tuple[str, str], ...]:
    """Role and hash of what these specs take of a set, each once. Raises Unfit where it does not do."""
    once = list(dict.fromkeys(given))
    if lacks := [lack for lack in judge(specs, once) if not lack.probable]:
        raise Unfit(lacks)
    return tuple((one.role, one.medium.sha256) for spec in specs for one in once if one.role == spec.role)


def lost_of(gave: Iterable[str], given: Iterable[Given]) -> list[str]:
    """The roles of what a job was given and is not at hand any more."""
    return sorted(set(gave) - {one.role for one in given})


def _each(spec: InputSpec, have: Sequence[Given]) -> list[Lack]:
    """Every medium against what its role must be like; one line per rule, however many break it."""
    found: list[Lack] = []

    def those(rule: Lacking, limit: float, bad: dict[int, float]) -> None:
        if bad:
            worst = next(iter(bad.values()))
            found.append(Lack(rule, spec.role, worst, limit, tuple(bad)))

    numbered = [(n, one.medium) for n, one in enumerate(have, 1)]
    pictures = {n for n, one in numbered if one.media_type.startswith("image/")}
    unfit = {n: _misfits(one, spec) for n, one in enumerate(have, 1) if n in pictures}
    others = {n: 0.0 for n, one in numbered if n not in pictures and one.media_type not in spec.media_types}
    odd = others | {n: 0.0 for n, why in unfit.items() if Misfit.MEDIA_TYPE in why}
    those(Lacking.MEDIA_TYPE, 0, dict(sorted(odd.items())))
    # A picture that is too large for a vendor is made smaller for it; a film or a document cannot be.
    heavy = {n: float(one.size) for n, one in numbered if n not in pictures and one.size > spec.max_bytes}
    those(Lacking.TOO_LARGE, spec.max_bytes, heavy)
    small = {
        n: float(min(one.width, one.height)) for n, one in numbered if Misfit.TOO_SMALL in unfit.get(n, ())
    }
    those(Lacking.TOO_SMALL, spec.min_side, small)
    shapes = {n: one for n, one in numbered if n in pictures and n not in small and one.height and one.width}
    narrow = {n: _shape(one) for n, one in shapes.items() if _shape(one) > _narrowest(spec, one)}
    those(Lacking.TOO_NARROW, min((_narrowest(spec, shapes[n]) for n in narrow), default=0), narrow)
    those(Lacking.NO_FACE, 1, {n: 0.0 for n, why in unfit.items() if Misfit.NO_FACE in why})
    crowd = {n: float(have[n - 1].faces or 0) for n, why in unfit.items() if Misfit.SEVERAL_FACES in why}
    those(Lacking.SEVERAL_FACES, 1, crowd)
    videos = [(n, one) for n, one in numbered if one.seconds is not None]
    if spec.frames:
        frames = {n: one.height for n, one in videos if (one.width, one.height) not in spec.frames}
        those(Lacking.FRAME, 0, {n: float(height) for n, height in frames.items()})
        found = [replace(one, frames=spec.frames) if one.rule is Lacking.FRAME else one for one in found]
    if spec.lasts:
        least, most = (span.total_seconds() for span in spec.lasts)
        lasts = {n: one.seconds or 0.0 for n, one in videos}
        those(Lacking.TOO_SHORT, least, {n: span for n, span in lasts.items() if span < least})
        those(Lacking.TOO_LONG, most, {n: span for n, span in lasts.items() if span > most})
    return found


def _shape(one: Medium) -> float:
    """How many times as long as wide."""
    return max(one.width, one.height) / min(one.width, one.height)


def _narrowest(spec: InputSpec, one: Medium) -> float:
    """The same of the narrowest picture that is large enough yet once it is as small as the vendor wants."""
    return spec.longest(one.width, one.height) / spec.min_side


def _misfits(one: Given, spec: InputSpec) -> tuple[Misfit, ...]:
    """Why a vendor would refuse this very picture."""
    size = one.medium.width, one.medium.height
    return misfits(size, one.medium.size, one.medium.media_type, spec, faces=one.faces)


__all__ = [
    "ASKED_ON_FORM",
    "PAPERS",
    "PRIVATE",
    "Given",
    "InputSpec",
    "Lack",
    "Lacking",
    "Role",
    "fitting",
    "judge",
    "lost_of",
    "numbers",
    "picked",
    "suiting",
]
