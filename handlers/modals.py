"""Modals: what they show, and what comes back from them. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bot.services.errors import BadWish
from bot.services.inputs import Given, Role
from bot.services.progress import JobView
from bot.services.training import NAME_MAX, Wish
from bot.services.vendors import Offer
from handlers.blocks import Block, section, small
from handlers.ids import AGREED, ALONE, HERE, VALUE, Field, Modal
from handlers.phrases import clock, escape, failure, lack, plural, stage
from handlers.places import Place
from storage.records import JobKind, direct

View = dict[str, Any]
_CONSENT = "I am in these photos, or I have this person's permission"
_COUNTS = (1, 2, 4, 8)
_FILES_MAX = 10
"""What Slack's file input takes at most."""


def loading() -> View:
    """Opened at once, filled a moment later: a trigger lives three seconds."""
    return _modal(Modal.LOADING, "Darkroom", [section("Loading…")])


def gone() -> View:
    """What became of a tray that cannot be trained any more."""
    return _modal(Modal.LOADING, "Darkroom", [section("These photos were used already, or discarded.")])


def train(
    offers: Sequence[Offer],
    *,
    given: Sequence[Given] | None,
    tray_id: str,
    place: Place,
    name: str = "",
    channel: bool,
) -> View:
    """The form of a training. `given` None: photos come with it. `channel`: others may be reading there."""
    photos = None if given is None else len(given)
    well = [o for o in offers if o.ok and (_photos(o) if given is None else not o.lacks(given))]
    blocks: list[Block] = (
        [small(f"{plural(photos, 'photo')} from this thread.")] if photos is not None else []
    )
    blocks += [
        small(f"{escape(offer.label)}: {_why_not(offer, given)}") for offer in offers if offer not in well
    ]
    if not well:
        blocks.append(
            section("No vendor can take these photos now. They are kept meanwhile: try again later.")
        )
        return _modal(Modal.LOADING, "Train a model", blocks)
    if photos is None:
        element = {"type": "file_input", "filetypes": ["jpg", "jpeg", "png"], "max_files": _FILES_MAX}
        blocks.append(
            _input(Field.PHOTOS, f"Photos ({min(_photos(o)[0] for o in well)} to {_FILES_MAX})", element)
        )
    blocks += [
        _input(
            Field.NAME, "Name", {**_text(NAME_MAX, "ana spring"), **({"initial_value": name} if name else {})}
        ),
        _input(Field.SUBJECT, "Who or what is in the photos", _select(_subjects(well))),
        _input(
            Field.PROVIDER, "Vendor", _select([(o.way, _describe(o)) for o in well], first=len(well) == 1)
        ),
    ]
    longest = max(offer.makes.prompt_max if offer.makes else 0 for offer in well)
    if longest:
        hint = "In English works best. The subject is added to it by itself."
        element = {**_text(longest, "in a meadow at sunset, soft light"), "multiline": True}
        blocks.append(_input(Field.PROMPT, "What to make when trained", element, hint=hint))
        most = max(offer.makes.count_max if offer.makes else 1 for offer in well)
        counts = [(str(n), plural(n, "image")) for n in _COUNTS if n <= most]
        blocks.append(_input(Field.COUNT, "How many", _select(counts, initial="4" if most >= 4 else "1")))
    if channel:
        alone = _option(ALONE, "Only to me, by DM")
        if photos is not None:
            # The photos were posted here, and so is the card; whoever names a model should know who reads it.
            seen = "The card stays in this thread, with the name and without images."
            alone = {**alone, "description": {"type": "plain_text", "text": seen}}
        where = [_option(HERE, "In this thread: everybody here sees them"), alone]
        blocks.append(_input(Field.WHERE, "Post the images", {"type": "radio_buttons", "options": where}))
    agreed = {**_option(AGREED, _CONSENT), "description": {"type": "plain_text", "text": _goes_to(well)[:75]}}
    blocks.append(_input(Field.CONSENT, "Permission", {"type": "checkboxes", "options": [agreed]}))
    meta = json.dumps({"tray": tray_id, "place": str(place)})
    modal = _modal(Modal.NEW if photos is None else Modal.TRAIN, "Train a model", blocks, metadata=meta)
    return {**modal, "submit": {"type": "plain_text", "text": "Train"}}


def read(view: View, owner: str, *, key: str) -> tuple[Wish, str, list[dict[str, Any]]]:
    """What a submitted form asks for: the wish, the tray's id, the files with it. Raises BadWish."""
    values = view["state"]["values"]
    meta = json.loads(view["private_metadata"])
    where = _picked(values, Field.WHERE)
    if Field.WHERE in values and where not in {HERE, ALONE}:
        raise BadWish("where", "missing")
    alone = where == ALONE
    count = _picked(values, Field.COUNT)
    files = values.get(Field.PHOTOS, {}).get(VALUE, {}).get("files") or []
    if Field.PHOTOS in values and not files:
        raise BadWish("photos", "missing")
    # A form that brings its photos has no thread yet: alone means the whole of it happens in the DM.
    place = direct(owner) if alone and files else meta["place"]
    wish = Wish(
        owner=owner,
        name=_typed(values, Field.NAME),
        subject=_picked(values, Field.SUBJECT),
        way=_picked(values, Field.PROVIDER),
        prompt=_typed(values, Field.PROMPT),
        count=int(count) if count else 1,
        consent=bool(values.get(Field.CONSENT, {}).get(VALUE, {}).get("selected_options")),
        place=place,
        pictures_place=direct(owner) if alone else place,
        request_key=key,
    )
    return wish, meta["tray"], files


def details(view: JobView) -> View:
    """Facts for those who want to know, or to ask the vendor."""
    job = view.current
    lines = [
        f"State: {stage(view)}",
        f"Vendor: {escape(view.label)}",
        f"Reference: `{job.id}`",
        f"Vendor's id: `{escape(job.remote_id or '–')}`",
        f"Vendor's word: `{escape(job.remote_word or '–')}`",
        f"Asked {clock(view.root.created_at)}"
        + (f", sent {clock(job.started_at)}" if job.started_at else ""),
    ]
    if job.reason:
        said = failure(view)
        lines.append(f"{said.turn}. {said.reason} {said.charged}")
    blocks = [
        section("\n".join(lines)),
        section(f"*Prompt*\n{escape(str(job.spec.get('prompt', '–')))[:1000]}"),
    ]
    if job.detail:
        blocks.append(small(f"What {escape(view.label)} said: {escape(job.detail)[:500]}"))
    return _modal(Modal.DETAILS, view.root.name[:24], blocks)


# -- parts


def _modal(kind: Modal, title: str, blocks: list[Block], *, metadata: str = "") -> View:
    return {
        "type": "modal",
        "callback_id": kind.value,
        "title": {"type": "plain_text", "text": title[:24]},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks,
        "private_metadata": metadata,
    }


def _input(field: Field, label: str, element: Block, *, hint: str = "") -> Block:
    made: Block = {
        "type": "input",
        "block_id": field.value,
        "label": {"type": "plain_text", "text": label},
        "element": {**element, "action_id": VALUE},
    }
    if hint:
        made["hint"] = {"type": "plain_text", "text": hint}
    return made


def _text(longest: int, example: str) -> Block:
    return {
        "type": "plain_text_input",
        "max_length": min(longest, 3000),
        "placeholder": {"type": "plain_text", "text": example},
    }


def _option(value: str, label: str) -> Block:
    return {"text": {"type": "plain_text", "text": label[:75]}, "value": value}


def _select(choices: Sequence[tuple[str, str]], *, first: bool = False, initial: str = "") -> Block:
    options = [_option(value, label) for value, label in choices]
    chosen = next((option for option in options if option["value"] == initial), options[0] if first else None)
    return {"type": "static_select", "options": options, **({"initial_option": chosen} if chosen else {})}


def _subjects(offers: Sequence[Offer]) -> list[tuple[str, str]]:
    words = dict.fromkeys(word for offer in offers for word in offer.subjects)
    return [(word, word) for word in words][:100]


def _describe(offer: Offer) -> str:
    least, most = _photos(offer)
    photos = f", {least} to {most} photos" if most else ""
    at_once = ", no model kept" if offer.kind is JobKind.ONESHOT else ""
    return f"{offer.label} ({offer.country}){photos}{at_once}"


def _photos(offer: Offer) -> tuple[int, int]:
    """How many photos a way takes; nothing where it takes none."""
    return next(((spec.min, spec.max) for spec in offer.inputs if spec.role is Role.PHOTO), (0, 0))


def _goes_to(offers: Sequence[Offer]) -> str:
    to = f"{offers[0].label} ({offers[0].country})" if len(offers) == 1 else "the vendor chosen above"
    return f"The photos go to {to}."


def _why_not(offer: Offer, given: Sequence[Given] | None) -> str:
    if offer.fault == "unreachable":
        return f"cannot be reached since {clock(offer.fault_since)}."
    if offer.fault:
        return "not available: the operator has been told."
    return "; ".join(lack(one) for one in offer.lacks(given or ())) + "."


def _typed(values: dict[str, Any], field: Field) -> str:
    return values.get(field, {}).get(VALUE, {}).get("value") or ""


def _picked(values: dict[str, Any], field: Field) -> str:
    return (values.get(field, {}).get(VALUE, {}).get("selected_option") or {}).get("value") or ""
