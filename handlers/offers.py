"""Who would take a set of photos, and why others would not: the same words on a tray and a form. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.services.inputs import Given, InputSpec, Role, numbers
from bot.services.vendors import Offer
from handlers.phrases import clock, escape, lack, plural
from storage.records.jobs import JobKind

AT_ONCE = ", no model kept"
"""What a way is called that goes without a training."""


def why_unavailable(offer: Offer) -> str:
    """Why nobody can choose it just now, as a clause."""
    match offer.fault:
        case "unreachable":
            return f"cannot be reached since {clock(offer.fault_since)}."
        case "retired":
            return "has given this up."
        case _:
            return "not available: the operator has been told."


def refusing(offers: Sequence[Offer], well: Sequence[Offer], given: Sequence[Given] | None) -> Iterator[str]:
    """Why the ways that are not `well` are not: a line per vendor, or per way where they differ."""
    for name in dict.fromkeys(offer.provider for offer in offers):
        ways = [offer for offer in offers if offer.provider == name]
        whys = {offer.way: _why_not(offer, given) for offer in ways if offer not in well}
        if len(whys) == len(ways) and len(set(whys.values())) == 1:
            yield f"{escape(ways[0].label)}: {whys[ways[0].way]}"
            continue
        for offer in ways:
            if why := whys.get(offer.way):
                yield f"{escape(offer.label)}{_way(offer)}: {why}"


def doubting(offers: Sequence[Offer], given: Sequence[Given]) -> Iterator[str]:
    """Who takes this set and will perhaps not use all of it, as far as we can see: their own look decides."""
    seen = set()
    for offer in offers:
        lacks = [one for one in offer.lacks(given) if one.probable] if offer.would_take(given) else []
        line = f"{escape(offer.label)}: {'; '.join(lack(one, numbers(one, given)) for one in lacks)}."
        if lacks and line not in seen:
            seen.add(line)
            yield line


def spec_of(offer: Offer, role: Role) -> InputSpec | None:
    """What a way wants of a role, where it takes that."""
    return next((spec for spec in offer.inputs if spec.role is role), None)


def _way(offer: Offer) -> str:
    """What tells the ways of one vendor apart."""
    return AT_ONCE if offer.kind is JobKind.ONESHOT else ", training"


def _why_not(offer: Offer, given: Sequence[Given] | None) -> str:
    if offer.fault:
        return why_unavailable(offer)
    if given is None:
        return f"wants {_first_wish(offer)}: post it in a conversation with me."
    lacks = [one for one in offer.lacks(given) if not one.can_follow]
    return "; ".join(lack(one, numbers(one, given)) for one in lacks) + "."


def _first_wish(offer: Offer) -> str:
    photos = spec_of(offer, Role.PHOTO)
    return plural(photos.min, "photo") if photos else "a video"
