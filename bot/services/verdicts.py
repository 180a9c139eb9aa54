"""Verdicts on what is in a tray: each file under its number, and the set, before any vendor is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from bot.imaging.kinds import Kind
from bot.imaging.look import Look
from bot.imaging.verdict import Doubt, Finding, Mark, People, SetVerdict, Variety, judge
from bot.services.inputs import Role
from storage import Tx
from storage.records.trays import TrayEntry

Looks = Mapping[str, Look]
"""By hash; a photo that an older version took in may have none."""


PEOPLE_WORDS = frozenset(
    {"person", "people", "human", "woman", "man", "lady", "girl", "boy", "child", "kid", "baby", "face"}
)
"""The vendors' words for a subject that has a face."""


def is_person(subject: str) -> bool:
    """Whether faces matter to whoever trains on this subject."""
    return subject.lower() in PEOPLE_WORDS


@dataclass(frozen=True, slots=True)
class Faces:
    """How many faces some photos show, by the photos' numbers."""

    none: tuple[int, ...] = ()
    one: tuple[int, ...] = ()
    several: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    """Nobody looked: no detector is installed, or it was not when the photo came."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One file of a tray, as it stands."""

    entry: TrayEntry
    mark: Mark
    findings: tuple[Finding, ...] = ()
    look: Look | None = None
    """None for what was refused, and for what is not measured yet."""
    again: int | None = None
    """The number of the file before it that holds the very same picture."""

    @property
    def number(self) -> int:
        """As the tray counts."""
        return self.entry.ordinal


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the photos of a tray stand."""

    photos: tuple[Judged, ...]
    angles: Variety = Variety.UNKNOWN
    light: Variety = Variety.UNKNOWN
    people: People = People.UNKNOWN

    def marked(self, mark: Mark) -> tuple[Judged, ...]:
        """The photos with this mark; those marked WELL are the usable ones."""
        return tuple(photo for photo in self.photos if photo.mark is mark)

    @property
    def doubted(self) -> tuple[Judged, ...]:
        """What could be used and had better not be; the same picture once more is counted nowhere."""
        return tuple(photo for photo in self.marked(Mark.DOUBTFUL) if photo.again is None)

    def faces(self, numbers: Collection[int]) -> Faces:
        """How many faces those of these numbers show; the same picture once more is counted nowhere."""
        found: dict[str, list[int]] = {"none": [], "one": [], "several": [], "unknown": []}
        for one in self.photos:
            if one.number in numbers and one.entry.medium and one.again is None:
                count = one.look.faces if one.look else None
                which = "unknown" if count is None else ("none", "one", "several")[min(count, 2)]
                found[which].append(one.number)
        return Faces(**{name: tuple(those) for name, those in found.items()})

    @property
    def faceless(self) -> Verdict:
        """The same where faces do not matter: nothing is said against a photo for those it shows."""
        return replace(self, photos=tuple(map(_faceless, self.photos)))

    @property
    def no_portraits(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Which show no face, and which several, where the photos did not tell that one person is meant.

        Where they did it stands among their doubts already.
        """
        at_hand = [one for one in self.photos if one.entry.medium and one.look and one.again is None]
        rest = [(one.number, one.look.faces) for one in at_hand if one.look and not _OF_FACES & _doubts(one)]
        return (
            tuple(number for number, faces in rest if faces == 0),
            tuple(number for number, faces in rest if (faces or 0) > 1),
        )

    @property
    def unmeasured(self) -> tuple[Judged, ...]:
        """Photos that nobody has looked at."""
        return tuple(photo for photo in self.photos if photo.entry.medium and photo.look is None)


_OF_FACES = frozenset({Doubt.NO_FACE, Doubt.SEVERAL_FACES})


def _faceless(one: Judged) -> Judged:
    findings = tuple(finding for finding in one.findings if finding.doubt not in _OF_FACES)
    cleared = one.findings and not findings and one.entry.finding is None
    return replace(one, findings=findings, mark=Mark.WELL if cleared else one.mark)


def _doubts(one: Judged) -> set[Doubt]:
    return {finding.doubt for finding in one.findings}


def looks_of(tx: Tx, entries: Iterable[TrayEntry]) -> dict[str, Look]:
    """How the photos among these look, by hash."""
    hashes = {entry.medium for entry in entries if entry.medium and entry.role == Role.PHOTO}
    return {sha256: Look.of(facts) for sha256, facts in tx.looks.facts(hashes).items()}


def verdict_on(entries: Iterable[TrayEntry], looks: Looks) -> Verdict:
    """Judge the photos among these. With very many it takes a while: not on the event loop."""
    photos = tuple(entry for entry in entries if entry.role == Role.PHOTO)
    return _judged(photos, tuple(sorted(looks.items())))


async def judged(entries: Sequence[TrayEntry], looks: Looks) -> Verdict:
    """The same without keeping the event loop waiting."""
    return await asyncio.to_thread(verdict_on, entries, looks)


def well_only(entries: Sequence[TrayEntry], looks: Looks) -> list[TrayEntry]:
    """Without the photos that there is a doubt about; what is no photo stays."""
    usable = {photo.entry.source for photo in verdict_on(entries, looks).marked(Mark.WELL)}
    return [entry for entry in entries if entry.role != Role.PHOTO or entry.source in usable]


@lru_cache(maxsize=64)
def _judged(photos: tuple[TrayEntry, ...], looks: tuple[tuple[str, Look], ...]) -> Verdict:
    """A tray is looked at again and again as it is said, opened and used: judged once as it stands."""
    known, first = dict(looks), dict[str, int]()
    fresh = [
        photo
        for photo in photos
        if photo.medium is None or first.setdefault(photo.medium, photo.ordinal) == photo.ordinal
    ]
    measured = [
        (photo.ordinal, known.get(photo.medium or ""))
        for photo in fresh
        if photo.medium is None or photo.medium in known
    ]
    found = judge(measured)
    return Verdict(
        tuple(_one(photo, found, known, first) for photo in photos), found.angles, found.light, found.people
    )


def _one(photo: TrayEntry, found: SetVerdict, looks: Looks, first: Mapping[str, int]) -> Judged:
    if photo.medium is None:
        return Judged(photo, Mark.REFUSED)
    look = looks.get(photo.medium)
    if (again := first[photo.medium]) != photo.ordinal:
        return Judged(photo, Mark.DOUBTFUL, look=look, again=again)
    findings = next((one.findings for one in found.photos if one.number == photo.ordinal), ())
    doubtful = bool(findings) or photo.finding is not None
    return Judged(photo, Mark.DOUBTFUL if doubtful else Mark.WELL, findings, look)


__all__ = [
    "Doubt",
    "Faces",
    "Finding",
    "Judged",
    "Kind",
    "Look",
    "Mark",
    "People",
    "Variety",
    "Verdict",
    "is_person",
    "judged",
    "looks_of",
    "verdict_on",
    "well_only",
]
