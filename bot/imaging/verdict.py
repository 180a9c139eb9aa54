"""Judges what was measured: one photo, a photo for one vendor, a whole set.

Pure: numbers in, words of ours out; what a person reads is the surface's. A refusal keeps a file from being a
photo. A doubt does not: it says what will probably spoil the model, and the person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import mean, pstdev
from typing import Final, Protocol

from bot.imaging.look import Look
from bot.imaging.signature import distance, mirrored

BLURRED: Final = 0.06
"""Sharpness below which a photo is blurred. Sharp ones have 0.23 to 3.3, even dark ones 0.067 and more."""
DARK: Final = 64
"""A photo of which 95 of 100 pixels are darker than this is too dark."""
BLACK: Final = 16
"""And darker than this it has so few levels that all of it is flat and none of it sharp."""
WASHED_OUT: Final = 0.5
"""Share of the middle without drawing from which on a photo is blown out."""
FLAT: Final = 0.48
"""From here on a picture was drawn or is a screenshot. Sharp photos reach 0.4."""
SMOOTH: Final = 0.85
"""The same for what is dark or has no sharp edge. Such photos reach 0.76, slides begin at 0.9."""
FEW_COLOURS: Final = 64
"""A picture in colour that has fewer than this was drawn."""
ALIKE: Final = 18
"""Bits of 128 by which two photos of one moment differ at most. Different photos differ by 36 and more."""
_NEAR: Final = 30
_FAR: Final = 42
"""Mean difference of each photo to its nearest neighbour that is little variety, and much."""
_EVEN_LIGHT: Final = 14.0
_VARIED_LIGHT: Final = 32.0
"""Standard deviation of the photos' mean brightness that is the same light, and different light."""


class Doubt(StrEnum):
    """What will probably spoil the model."""

    BLURRED = "blurred"
    DARK = "dark"
    BLOWN_OUT = "blown_out"
    DUPLICATE = "duplicate"  # nearly the same as an earlier photo
    MIRRORED = "mirrored"  # an earlier photo in a mirror
    DRAWN = "drawn"  # flat graphics or a screenshot
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"


class Mark(StrEnum):
    """How a file stands."""

    WELL = "well"
    DOUBTFUL = "doubtful"
    REFUSED = "refused"


class Variety(StrEnum):
    """How different the photos of a set are from each other."""

    UNKNOWN = "unknown"  # fewer than three
    LITTLE = "little"
    SOME = "some"
    MUCH = "much"


class People(StrEnum):
    """Who is in a set, as far as counting faces tells: nobody is recognised."""

    UNKNOWN = "unknown"  # no detector looked
    NOBODY = "nobody"
    ONE = "one"  # one face in every photo that has any
    SEVERAL = "several"  # some photos show several people


class Misfit(StrEnum):
    """Why a vendor would refuse a photo that is well in itself."""

    TOO_SMALL = "too_small"
    TOO_MANY_BYTES = "too_many_bytes"
    MEDIA_TYPE = "media_type"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"


class Limits(Protocol):
    """What a vendor declares of the photos it takes. Too large is no matter: `Lab.fit` makes them smaller."""

    @property
    def min_side(self) -> int:
        """Pixels of the shorter side, at least."""

    @property
    def max_bytes(self) -> int:
        """Bytes of the file, at most."""

    @property
    def media_types(self) -> Sequence[str]:
        """The types it takes; none where it does not say."""

    @property
    def one_face(self) -> bool:
        """Each photo must show exactly one face."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One doubt about one photo."""

    doubt: Doubt
    twin: int | None = None
    """The number of the earlier photo that it repeats."""


@dataclass(frozen=True, slots=True)
class PhotoVerdict:
    """How one file of a set stands."""

    number: int
    mark: Mark
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class SetVerdict:
    """How a set stands."""

    photos: tuple[PhotoVerdict, ...]
    angles: Variety
    """How different the pictures are in what is where."""
    light: Variety
    """How different they are in brightness."""
    people: People

    def numbers(self, mark: Mark) -> tuple[int, ...]:
        """The numbers of the files with this mark; those marked WELL are the usable ones."""
        return tuple(photo.number for photo in self.photos if photo.mark is mark)


def judge(entries: Sequence[tuple[int, Look | None]], *, person: bool | None = None) -> SetVerdict:
    """Judge a set: each file's number and its look, None where it was refused.

    `person`: whether the subject is one, so that faces matter. None leaves it to the photos: if most show
    exactly one face, they are meant to.
    """
    looks = [(number, look) for number, look in entries if look is not None]
    about_faces = _most_show_one_face(looks) if person is None else person
    twins = _twins(looks)
    photos = []
    for number, look in entries:
        if look is None:
            photos.append(PhotoVerdict(number, Mark.REFUSED))
            continue
        found = [Finding(doubt) for doubt in _doubts(look, about_faces)]
        if number in twins:
            found.append(twins[number])
        photos.append(PhotoVerdict(number, Mark.DOUBTFUL if found else Mark.WELL, tuple(found)))
    well = {photo.number for photo in photos if photo.mark is Mark.WELL}
    # What will be left out tells nothing of the set, unless hardly anything else is in it.
    counted = [look for number, look in looks if number in well]
    if len(counted) < _ENOUGH:
        counted = [look for _, look in looks]
    return SetVerdict(tuple(photos), _angles(counted), _light(counted), _people(looks))


def misfits(
    size: tuple[int, int], length: int, media_type: str, limits: Limits, *, faces: int | None = None
) -> tuple[Misfit, ...]:
    """Why a vendor would refuse a kept photo of this size, length and type; empty: it would not.

    `faces` as in the photo's look: None leaves the vendor's own check the only one.
    """
    reasons = {
        Misfit.TOO_SMALL: min(size) < limits.min_side,
        Misfit.TOO_MANY_BYTES: length > limits.max_bytes,
        Misfit.MEDIA_TYPE: bool(limits.media_types) and media_type not in limits.media_types,
        Misfit.NO_FACE: limits.one_face and faces == 0,
        Misfit.SEVERAL_FACES: limits.one_face and (faces or 0) > 1,
    }
    return tuple(misfit for misfit, holds in reasons.items() if holds)


def _doubts(look: Look, about_faces: bool) -> list[Doubt]:
    dark, drawn = look.bright < DARK, _drawn(look)
    doubts = {
        Doubt.BLURRED: look.sharpness < BLURRED and not drawn and look.bright >= BLACK,
        Doubt.DARK: dark,
        Doubt.BLOWN_OUT: look.washed >= WASHED_OUT and not drawn,
        Doubt.DRAWN: drawn,
        Doubt.NO_FACE: about_faces and look.faces == 0,
        Doubt.SEVERAL_FACES: about_faces and (look.faces or 0) > 1,
    }
    return [doubt for doubt, holds in doubts.items() if holds]


def _drawn(look: Look) -> bool:
    """Flat graphics. A photo at night has few levels and colours, one far out of focus is smooth."""
    dark, soft = look.bright < DARK, look.sharpness < BLURRED
    few = 0 < look.colours < FEW_COLOURS and not dark
    # Nothing tells of a photo that is black, and too much light leaves even planes of many colours.
    nothing = look.bright < BLACK or (look.washed >= WASHED_OUT and not few and not soft)
    return few or (not nothing and look.flat >= (SMOOTH if dark or soft else FLAT))


def _twins(looks: Sequence[tuple[int, Look]]) -> dict[int, Finding]:
    """Each photo that repeats an earlier one, and which; of three alike the later two repeat the first."""
    twins: dict[int, Finding] = {}
    originals: list[tuple[int, str, str]] = []
    for number, look in looks:
        nearest: tuple[int, Finding] | None = None
        for earlier, seen, turned in originals:
            for signature, doubt in ((seen, Doubt.DUPLICATE), (turned, Doubt.MIRRORED)):
                apart = distance(look.signature, signature)
                if apart <= ALIKE and (nearest is None or apart < nearest[0]):
                    nearest = apart, Finding(doubt, earlier)
        if nearest is None:
            originals.append((number, look.signature, mirrored(look.signature)))
        else:
            twins[number] = nearest[1]
    return twins


def _most_show_one_face(looks: Sequence[tuple[int, Look]]) -> bool:
    return bool(looks) and 2 * sum(look.faces == 1 for _, look in looks) > len(looks)


def _people(looks: Sequence[tuple[int, Look]]) -> People:
    counts = [look.faces for _, look in looks if look.faces is not None]
    if not counts:
        return People.UNKNOWN
    if not any(counts):
        return People.NOBODY
    return People.SEVERAL if max(counts) > 1 else People.ONE


def _angles(looks: Sequence[Look]) -> Variety:
    if len(looks) < _ENOUGH:
        return Variety.UNKNOWN
    nearest: dict[int, int] = {}
    for (here, one), (there, other) in combinations(enumerate(looks), 2):
        apart = distance(one.signature, other.signature)
        nearest[here] = min(apart, nearest.get(here, apart))
        nearest[there] = min(apart, nearest.get(there, apart))
    return _graded(mean(nearest.values()), _NEAR, _FAR)


def _light(looks: Sequence[Look]) -> Variety:
    if len(looks) < _ENOUGH:
        return Variety.UNKNOWN
    return _graded(pstdev(mean(look.tone) for look in looks), _EVEN_LIGHT, _VARIED_LIGHT)


_ENOUGH: Final = 3
"""Photos from which on variety can be spoken of."""


def _graded(value: float, little: float, much: float) -> Variety:
    if value < little:
        return Variety.LITTLE
    return Variety.MUCH if value >= much else Variety.SOME
