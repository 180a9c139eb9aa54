"""The form of a training or a one-shot: drawn for one way of one vendor, and read when it is sent. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.services.errors import BadWish
from bot.services.inputs import ASKED_ON_FORM, PAPERS, Given, InputSpec, Role, suiting
from bot.services.options import fields as parameters
from bot.services.training import NAME_MAX, Wish
from bot.services.trays import TrayView
from bot.services.vendors import Making, Offer
from bot.services.verdicts import is_person
from handlers import fields
from handlers.blocks import Block, actions, button, section, small
from handlers.holdups import in_words, listed
from handlers.ids import AGREED, ALONE, FILE, HERE, MAKING, OPTION, Action, Field, Modal
from handlers.modals import View, modal
from handlers.offers import AT_ONCE, doubting, refusing, spec_of
from handlers.phrases import duration, escape, plural
from handlers.places import Place
from handlers.trays import as_a_person, of_a_person, warnings
from storage.records.jobs import JobKind
from storage.records.places import direct
from storage.records.trays import Tray

_CONSENT = "I am in these photos, or I have this person's permission"
_COUNTS = (1, 2, 4, 8)
_FILES_MAX = 10
"""What Slack's file input takes at most."""
_MORE_PHOTOS = (
    "Slack takes 10 files of 10 MB each here. For more, send these first and add the other photos to the "
    "thread that I then begin; or put them into a zip."
)
PHOTO_ENDINGS = ("jpg", "jpeg", "png", "heic", "heif", "webp", "avif", "tif", "tiff", "bmp", "gif", "zip")
_ENDINGS = {
    "image/jpeg": ("jpg", "jpeg", "heic"),
    "image/png": ("png",),
    "application/pdf": ("pdf",),
    "application/zip": ("zip",),
}
_LABELS = {
    Role.TEMPLATE: ("Template picture", "Its scene is kept, its face replaced. Leave the style empty then."),
    Role.ID_FRONT: ("Identity card: the side with the portrait", ""),
    Role.ID_BACK: ("Identity card: the other side", ""),
    Role.LETTER: ("Signed letter of permission", "A picture or a PDF."),
    Role.ACTION_VIDEO: (
        "Film of gestures",
        "An MP4 that goes with the video. Only some accounts can use it.",
    ),
    Role.VOICE: ("Recordings of the voice", "A zip of sound files, in place of the video's own sound."),
    Role.VIDEO: ("Video", "An MP4 of at most 10 MB. Post a larger one in this conversation first."),
    Role.PHOTO: ("Photos", ""),
}
_PAPERS = (
    "Identity cards and letters go to the vendor's review alone, are shown to nobody, and are erased with "
    "its end. You can also send them to me by direct message first, and never in a channel."
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a form remembers beside its fields: kept in the form itself, and believed in nothing."""

    place: str
    tray: str = ""
    way: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Chosen under *Advanced*, where it differs from the default."""
    making: Mapping[str, Any] = field(default_factory=dict)
    well: bool = False
    """Only the photos of the tray that there is no doubt about."""
    subject: str = ""
    """Who or what is in the photos, once that is chosen."""

    @classmethod
    def of(cls, view: View) -> Draft:
        """What a form carries."""
        return cls(**json.loads(view["private_metadata"]))

    @classmethod
    def over(cls, tray: Tray, *, well: bool = False) -> Draft:
        """That of the form for a tray, with what an earlier form asked for."""
        wish = tray.wish or {}
        return cls(
            place=tray.place,
            tray=tray.id,
            way=wish.get("way", ""),
            options=wish.get("options", {}),
            making=wish.get("making", {}),
            well=well,
            subject=wish.get("subject", ""),
        )

    def text(self) -> str:
        """As Slack keeps it: at most 3,000 characters."""
        return json.dumps(
            {
                "place": self.place,
                "tray": self.tray,
                "way": self.way,
                "options": dict(self.options),
                "making": dict(self.making),
                "well": self.well,
                "subject": self.subject,
            },
            ensure_ascii=False,
        )

    def towards(self, way: str) -> Draft:
        """The same for another way: another vendor's parameters are not this one's."""
        return self if way == self.way else replace(self, way=way, options={}, making={})


def usable(offers: Sequence[Offer], given: Sequence[Given] | None) -> list[Offer]:
    """The ways that would take this set now; without a set, those whose photos a form can bring."""
    if given is None:
        return [
            offer for offer in offers if offer.ok and spec_of(offer, Role.PHOTO) and _min(offer) <= _FILES_MAX
        ]
    return [offer for offer in offers if offer.would_take(given)]


def train(
    offers: Sequence[Offer],
    draft: Draft,
    *,
    given: Sequence[Given] | None,
    tray: TrayView | None = None,
    name: str = "",
    effort: str | None = None,
) -> View:
    """The form. `given` None: photos come with it. What a vendor asks for stands there once it is chosen.

    `tray` is where `given` is from: it knows the numbers and what there is to be said against each photo.
    """
    well = usable(offers, given)
    blocks = _told(offers, well, draft, given, tray)
    if not well:
        return modal(Modal.LOADING, "Train a model", [*blocks, section(_nobody(offers, given))])
    offer = next((one for one in well if one.way == draft.way), well[0])
    draft = draft.towards(offer.way)
    wish = (tray.tray.wish if tray else None) or {}
    blocks += _asked(well, offer, draft, given, name or wish.get("name", ""))
    blocks += [
        small(_about(offer, effort)),
        *_pick(offer, given),
        *_inputs(offer, given),
        *(_making(offer.makes, draft, wish) if offer.makes else ()),
        *_advanced(offer, draft),
        *_audience(offer, draft, given),
        _consent(offer),
    ]
    kind = Modal.NEW if given is None else Modal.TRAIN
    return {
        **modal(kind, "Train a model", blocks, metadata=draft.text()),
        "submit": {"type": "plain_text", "text": "Train" if offer.kind is JobKind.TRAINING else "Make"},
    }


def _making(makes: Making, draft: Draft, wish: Mapping[str, Any]) -> list[Block]:
    prompt, count = wish.get("prompt", "")[: makes.prompt_max], wish.get("count", 0)
    return making_blocks(makes, draft.making, prompt=prompt, count=min(count, makes.count_max))


def making_blocks(
    makes: Making, chosen: Mapping[str, Any], *, prompt: str = "", count: int = 0, whole: bool = False
) -> list[Block]:
    """What is to be made: a prompt or a text to speak, a style, how many.

    `whole`: with the parameters that stand under *Advanced* elsewhere.
    """
    blocks: list[Block] = []
    if makes.prompt_max and makes.prompt_means == "speech":
        element = fields.text(makes.prompt_max, "Hello! I am your avatar.", lines=True, initial=prompt)
        blocks.append(fields.asked(Field.PROMPT, "What it should say", element))
    elif makes.prompt_max:
        element = fields.text(
            makes.prompt_max, "in a meadow at sunset, soft light", lines=True, initial=prompt
        )
        hint = "In English works best. The subject is added to it by itself."
        blocks.append(fields.asked(Field.PROMPT, "What to make when trained", element, hint=hint))
    shown = [one for one in parameters(makes.options) if one.upfront]
    blocks += [fields.parameter(f"{MAKING}.{one.name}", one, chosen.get(one.name)) for one in shown]
    if makes.count_max > 1:
        counts = [(str(n), plural(n, "image")) for n in _COUNTS if n <= makes.count_max]
        wanted = str(count) if count else "4" if makes.count_max >= 4 else "1"
        blocks.append(fields.asked(Field.COUNT, "How many", fields.select(counts, initial=wanted)))
    if whole:
        rest = [one for one in parameters(makes.options) if not one.upfront]
        blocks += [fields.parameter(f"{MAKING}.{one.name}", one, chosen.get(one.name)) for one in rest]
    return blocks


def photo_input() -> Block:
    """An input for photos, as many as Slack lets a form take."""
    return fields.files(PHOTO_ENDINGS, _FILES_MAX)


def file_block(spec: InputSpec) -> Block:
    """An input for files of one role."""
    label, hint = _LABELS[spec.role]
    kinds = [ending for kind in spec.media_types for ending in _ENDINGS.get(kind, ("mp4",))]
    element = fields.files(kinds, min(spec.max, _FILES_MAX))
    return fields.asked(f"{FILE}.{spec.role.value}", label, element, hint=hint, optional=spec.min == 0)


def read(view: View, owner: str, *, key: str) -> tuple[Wish, str, dict[str, list[dict[str, Any]]]]:
    """What a submitted form asks for: the wish, the tray's id, the files with it by role. Raises BadWish."""
    values, draft = view["state"]["values"], Draft.of(view)
    where = fields.picked(values, Field.WHERE)
    if Field.WHERE in values and where not in {HERE, ALONE}:
        raise BadWish("where", "missing")
    files = _files(values)
    alone, count = where == ALONE, fields.picked(values, Field.COUNT)
    # A form that brings its photos has no thread yet: alone means the whole of it happens in the DM.
    place = direct(owner) if alone and Field.PHOTOS in values else draft.place
    wish = Wish(
        owner=owner,
        name=fields.typed(values, Field.NAME),
        subject=fields.picked(values, Field.SUBJECT),
        way=fields.picked(values, Field.PROVIDER),
        prompt=fields.typed(values, Field.PROMPT),
        count=int(count) if count else 1,
        consent=fields.ticked(values, Field.CONSENT),
        place=place,
        pictures_place=direct(owner) if alone else place,
        request_key=key,
        options=dict(draft.options),
        making={**draft.making, **fields.chosen(values, MAKING)},
        pick=fields.picked(values, Field.PICK),
        well_only=draft.well,
    )
    return wish, draft.tray, files


def _files(values: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The files with a form, by role, photos first. Raises BadWish where it asks for photos and has none."""
    asked = {Role.PHOTO.value: Field.PHOTOS.value} if Field.PHOTOS in values else {}
    asked |= {block.removeprefix(f"{FILE}."): block for block in values if block.startswith(FILE)}
    files = {role: listed for role, block in asked.items() if (listed := fields.given(values, block))}
    if Field.PHOTOS in values and Role.PHOTO.value not in files:
        raise BadWish("photos", "missing")
    return files


# -- advanced


def advanced(offer: Offer, draft: Draft, root: str, name: str) -> View:
    """All of a vendor's own parameters that are not on the form, with ranges and defaults."""
    blocks: list[Block] = [
        small(f"{escape(offer.label)}'s own parameters. What you leave as it is keeps its default.")
    ]
    for prefix, model, chosen in (
        (OPTION, offer.options, draft.options),
        (MAKING, offer.makes.options if offer.makes else None, draft.making),
    ):
        drawn = [
            fields.parameter(f"{prefix}.{one.name}", one, chosen.get(one.name))
            for one in parameters(model)
            if not one.upfront
        ]
        if drawn:
            title = "*What is made*" if prefix == MAKING else "*Training*"
            blocks += [section(title), *drawn]
    # Not as text within text: each quotation mark would take two of the characters that Slack keeps.
    memory = json.dumps({"root": root, "name": name, "draft": json.loads(draft.text())}, ensure_ascii=False)
    return {
        **modal(Modal.ADVANCED, "Advanced", blocks[:100], metadata=memory),
        "submit": {"type": "plain_text", "text": "Keep"},
    }


def _advanced(offer: Offer, draft: Draft) -> list[Block]:
    models = [offer.options, offer.makes.options if offer.makes else None]
    if not any(not one.upfront for model in models for one in parameters(model)):
        return []
    changed = len(draft.options) + len(draft.making)
    told = [small(f"{plural(changed, 'parameter')} changed under *Advanced*.")] if changed else []
    return [*actions(button(Action.ADVANCED, "Advanced…", offer.way)), *told]


# -- parts


def _told(
    offers: Sequence[Offer],
    well: Sequence[Offer],
    draft: Draft,
    given: Sequence[Given] | None,
    tray: TrayView | None,
) -> list[Block]:
    """What is said before anything is asked: what is at hand, and what speaks against it."""
    lines = [_at_hand(given)] if given is not None else []
    if tray is not None:
        lines += _astray(tray)
        lines += _verdict(tray, draft, {one.number for one in given or () if one.role == Role.PHOTO})
    lines += refusing(offers, well, given)
    if draft.subject and (shut := [one.label for one in well if draft.subject not in one.subjects]):
        labels = escape(", ".join(dict.fromkeys(shut)))
        lines.append(f"{labels}: would refuse *{escape(draft.subject)}* as the subject.")
    lines += [f"Perhaps: {line}" for line in doubting(well, given or ())]
    return [small(line) for line in lines]


def _astray(tray: TrayView) -> list[str]:
    """What an earlier form brought and cannot be used: its field is on this one again."""
    have = {one.role for one in (*tray.given, *tray.private)}
    return [
        f"{in_words([one])} Give another below; what may be left empty is left out then."
        for one in tray.astray
        if one.role not in have
    ]


def _verdict(tray: TrayView, draft: Draft, used: Collection[int]) -> list[str]:
    """What there is to be said against the photos; of faces, what matters to the subject that is chosen."""
    # Which photos are left out was decided before anybody asked for the subject, and stays so.
    shown = replace(tray, verdict=tray.verdict.faceless) if draft.subject and not draft.well else tray
    told = warnings(shown) if shown.verdict.doubted else ""
    lines = [f"Left out: {told}" if draft.well else f"Used all the same: {told}"] if told else []
    if not draft.subject:
        faces = of_a_person(tray, used)
    else:
        faces = as_a_person(tray, used) if is_person(draft.subject) else ""
    return [*lines, faces] if faces else lines


def _nobody(offers: Sequence[Offer], given: Sequence[Given] | None) -> str:
    """Why there is no form: the set suits nobody, or nobody answers."""
    if given is not None and any(offer.ok for offer in offers):
        return "No vendor would take this as it is. It is kept meanwhile: add other files to the thread."
    return "No vendor can take these photos now. They are kept meanwhile: try again later."


def _asked(
    well: Sequence[Offer], offer: Offer, draft: Draft, given: Sequence[Given] | None, name: str
) -> list[Block]:
    """What is asked for every vendor: photos where none are at hand, a name, the subject, which vendor."""
    vendor = fields.asked(
        Field.PROVIDER, "Vendor", fields.select([(o.way, describe(o)) for o in well], initial=offer.way)
    )
    if len(well) > 1:
        vendor["dispatch_action"] = True
    blocks = []
    if given is None:
        label = f"Photos ({min(_min(one) for one in well)} to {_FILES_MAX})"
        blocks.append(fields.asked(Field.PHOTOS, label, photo_input(), hint=_MORE_PHOTOS))
    words = [(word, word) for word in dict.fromkeys(word for one in well for word in one.subjects)]
    subject = fields.asked(
        Field.SUBJECT, "Who or what is in the photos", fields.select(words, initial=draft.subject)
    )
    # What is said of the photos, and who would refuse, depends on it.
    if given is not None or len({one.subjects for one in well}) > 1:
        subject["dispatch_action"] = True
    return [
        *blocks,
        fields.asked(Field.NAME, "Name", fields.text(NAME_MAX, "ana spring", initial=name)),
        subject,
        vendor,
    ]


def _inputs(offer: Offer, given: Sequence[Given] | None) -> list[Block]:
    """What a vendor takes beside photos and what is at hand already."""
    have = {one.role for one in given or ()}
    wanted = [spec for spec in offer.takes if spec.role is not Role.PHOTO and spec.role.value not in have]
    blocks = [file_block(spec) for spec in wanted if spec.role in ASKED_ON_FORM]
    return [*blocks, small(_PAPERS)] if any(spec.role in PAPERS for spec in wanted) else blocks


def _pick(offer: Offer, given: Sequence[Given] | None) -> list[Block]:
    """Which photo is meant, for a vendor that takes one of those at hand."""
    photos = spec_of(offer, Role.PHOTO)
    have = [one for one in given or () if one.role == Role.PHOTO.value]
    if photos is None or not photos.picks or len(have) <= photos.max:
        return []
    choices = [
        (one.medium.sha256, f"#{one.number} ({one.medium.width} × {one.medium.height})")
        for one in suiting(photos, have)
    ]
    hint = "Numbers as posted. The others are not sent."
    return [fields.asked(Field.PICK, "Photo", fields.select(choices, initial=choices[0][0]), hint=hint)]


def _audience(offer: Offer, draft: Draft, given: Sequence[Given] | None) -> list[Block]:
    """Where what is made is shown; of a form that brings its photos, where all of it happens."""
    if Place.parse(draft.place).is_direct or (offer.makes is None and given is not None):
        return []
    if offer.makes is None:
        where = [
            fields.option(HERE, "Here: everybody in this conversation sees its card"),
            fields.option(ALONE, "Only between us, by DM"),
        ]
        return [fields.asked(Field.WHERE, "Where to train", {"type": "radio_buttons", "options": where})]
    # The photos were posted here, and so is the card; whoever names a model should know who reads it.
    clip = offer.makes is not None and offer.makes.prompt_means == "speech"
    none = "and not the clip" if clip else "and without images"
    seen = "" if given is None else f"The card stays in this thread, with the name {none}."
    where = [
        fields.option(HERE, f"In this thread: everybody here sees {'it' if clip else 'them'}"),
        fields.option(ALONE, "Only to me, by DM", seen),
    ]
    return [
        fields.asked(
            Field.WHERE,
            "Post the clip" if clip else "Post the images",
            {"type": "radio_buttons", "options": where},
        )
    ]


def _consent(offer: Offer) -> Block:
    goes = _what_goes(offer)
    agreed = fields.option(
        AGREED, _CONSENT, f"{goes[0].upper()}{goes[1:]} to {offer.label} ({offer.country})."
    )
    return fields.asked(Field.CONSENT, "Permission", {"type": "checkboxes", "options": [agreed]})


def _at_hand(given: Sequence[Given]) -> str:
    photos = sum(1 for one in given if one.role == Role.PHOTO.value)
    videos = sum(1 for one in given if one.role == Role.VIDEO.value)
    parts = [plural(n, noun) for n, noun in ((photos, "photo"), (videos, "video")) if n]
    private = [Role(one.role) for one in given if one.role in ASKED_ON_FORM]
    told = f" Here already: {listed(private)}." if private else ""
    return f"{' and '.join(parts) or 'Nothing'} from this thread.{told}"


def _about(offer: Offer, effort: str | None) -> str:
    times = offer.usual
    usual = f"usually {duration(times[0])} to {duration(times[1])} here" if times else "no history yet"
    parts = [usual, f"{_what_goes(offer)} to {escape(offer.country)}"]
    if effort:
        parts.append(effort)
    if offer.kind is JobKind.TRAINING and offer.makes is None:
        parts.append("it makes no pictures of the model")
    return " · ".join(parts)


def _what_goes(offer: Offer) -> str:
    return "the video goes" if spec_of(offer, Role.VIDEO) else "the photos go"


def describe(offer: Offer) -> str:
    """A way to train in a line: whose, where, and what it takes."""
    video = spec_of(offer, Role.VIDEO)
    photos = spec_of(offer, Role.PHOTO)
    takes = f", {_many(photos)}" if photos else ", a video" if video else ""
    at_once = AT_ONCE if offer.kind is JobKind.ONESHOT else ""
    return f"{offer.label} ({offer.country}){takes}{at_once}"


def _many(photos: InputSpec) -> str:
    if photos.min == photos.max:
        return plural(photos.min, "photo")
    return f"{photos.min} to {plural(photos.max, 'photo')}"


def _min(offer: Offer) -> int:
    photos = spec_of(offer, Role.PHOTO)
    return photos.min if photos else 0
