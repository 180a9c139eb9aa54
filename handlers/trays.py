"""What is said of a tray: the verdict per photo and on the set, who would take it, and the sheet. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, assert_never

from bot.services.inputs import PAPERS, PRIVATE, Lacking, Role
from bot.services.trays import TrayView
from bot.services.verdicts import Doubt, Finding, Judged, Kind, Mark, People, Variety, is_person
from handlers.blocks import Block, Message, actions, button, confirm, paragraphs, section, small
from handlers.envelopes import in_hand
from handlers.ids import Action
from handlers.offers import doubting, refusing
from handlers.phrases import REFUSALS, REFUSALS_ALONE, SHORT_REFUSALS, escape, plural
from handlers.places import Place
from storage.records.jobs import JobKind
from storage.records.media import Refusal
from storage.records.trays import TrayEntry, TrayState

_VERDICTS = 30
"""Files spoken of one by one: all text of a message together has a limit too."""
_NAME = 40
"""Characters of a file's name that are shown."""
_SMALLEST = 256
_DISCARDED = (
    "What was posted is discarded, and erased here. What a job was given stays for it, and goes with it."
)
_EXPIRED = (
    "Nothing was started with what was posted in the time that I keep it, so it is erased here. Your post in "
    "Slack stays: post it again to use it."
)
_IN_PRIVATE = "Of what came with the form in private I say in our direct messages what is the matter with it."
_LOOK_FIRST = "Nothing has begun, and nothing was paid. What you filled in stands in the form again."


def tray(view: TrayView, sheet: str | None = None, looking: str = "", *, expired: bool = False) -> Message:
    """The reply under posted photos: what was accepted, what is missing, and *Train…*.

    `sheet` is the file of the contact sheet, where this message is for the owner's eyes alone. `looking` says
    how far an archive has come whose photos are not among them yet. `expired` tells one whose time was over
    from one that was thrown away.
    """
    if looking and not view.entries and view.tray.state is TrayState.OPEN:
        return Message(looking, (section(looking),))
    head = _head(view)
    lines = [f"*{head}.*", *_each(view)]
    if view.tray.state is TrayState.USED:
        begun = _begun(view)
        return Message(f"{head}: {begun[0].lower()}{begun[1:]}", tuple(paragraphs([*lines, begun])))
    if view.tray.state is TrayState.DISCARDED and expired:
        return Message("What was posted is erased: its time was over.", (section(_EXPIRED),))
    if view.tray.state is TrayState.DISCARDED:
        return Message("What was posted is discarded.", (section(_DISCARDED),))
    lines.append(_what_next(view))
    if view.tray.wish is not None:
        lines += _look_first(view, str(view.tray.wish.get("subject")))
    lacking = f", {view.needed} more needed" if view.needed else ""
    blocks = [
        *paragraphs(lines),
        *([small(looking)] if looking else []),
        *([picture(view, sheet)] if sheet else []),
        *(small(line) for line in (*_about_files(view), *_about_set(view), *_others(view), *_papers(view))),
        *actions(*_buttons(view)),
    ]
    return Message(f"{head}{lacking}.", tuple(blocks))


def looking(told: Mapping[str, Any]) -> str:
    """How far an archive has come; empty where none is being looked at."""
    if not told.get("of"):
        return ""
    return f"Looking at the photos of your zip: {told['looked']} of {told['of']} so far."


def _look_first(view: TrayView, subject: str) -> list[str]:
    """Why a form that brought these has not begun anything, where its subject is the reason."""
    faces = as_a_person(view, {one.number for one in view.verdict.photos}) if is_person(subject) else ""
    private = [_IN_PRIVATE] if any(one.role in PRIVATE for one in view.astray) else []
    return [*([faces] if faces else []), *private, _LOOK_FIRST]


def tray_words(view: TrayView) -> list[Block]:
    """The same without its buttons, where a form was asked for and the photos do not do yet."""
    return [block for block in tray(view).blocks if block["type"] != "actions"]


def sheet(view: TrayView, file: str | None, link: str | None, *, expired: bool = False) -> Message | None:
    """The contact sheet by direct message, for photos that were posted where others read; None: none is due.

    Once the tray is over it says what became of the sheet.
    """
    where = f"<{link}|your photos>" if link else "your photos"
    if view.tray.state is not TrayState.OPEN:
        over = "were erased, since their time was over" if expired else "were discarded"
        became = "were used" if view.tray.state is TrayState.USED else over
        text = f"The photos of this contact sheet {became}; the sheet was deleted."
        return Message(text, (small(text),))
    if file is None:
        return None
    text = f"{_head(view)}: the contact sheet of {where}, for your eyes only."
    plain = f"{_head(view)}: the contact sheet of your photos."
    return Message(plain, (section(text), picture(view, file), small("Go on in their thread.")))


def picture(view: TrayView, file: str) -> Block:
    """The contact sheet inside a message of ours; what it shows is said for those who cannot see it."""
    return {"type": "image", "slack_file": {"id": file}, "alt_text": _described(view)[:1900]}


def captions(view: TrayView) -> dict[int, str]:
    """A word or two under each photo of a contact sheet that is not simply well."""
    return {one.number: words for one in view.verdict.photos if (words := _caption(one))}


# -- one photo


def sentence(one: Judged, view: TrayView) -> str:
    """What is wrong with a photo, as the rest of a sentence that begins with its number."""
    if one.entry.refusal is Refusal.TOO_SMALL and one.entry.width:
        size = f"{one.entry.width} × {one.entry.height}; at least {_SMALLEST} × {_SMALLEST}"
        return f"is too small ({size})"
    if one.entry.refusal:
        return _refused(one.entry.refusal, view)
    if one.again is not None:
        return f"is the same as #{one.again}: counted once"
    parts = [_doubt(found) for found in one.findings]
    if one.entry.finding is not None:
        why = f" ({escape(one.entry.finding)})" if one.entry.finding else ""
        parts.append(f"would not be used by {escape(view.looked or 'the vendor')}{why}")
    return " and ".join(parts)


def _refused(why: Refusal, view: TrayView) -> str:
    """What only its owner reads is not to be taken away from where others do."""
    return REFUSALS_ALONE.get(why, REFUSALS[why]) if _is_alone(view) else REFUSALS[why]


def _is_alone(view: TrayView) -> bool:
    return Place.parse(view.tray.place).is_direct


def _doubt(found: Finding) -> str:
    match found.doubt:
        case Doubt.BLURRED:
            return "is blurred"
        case Doubt.DARK:
            return "is too dark"
        case Doubt.BLOWN_OUT:
            return "is blown out by too much light"
        case Doubt.DUPLICATE:
            return f"is nearly the same as #{found.twin}"
        case Doubt.MIRRORED:
            return f"is #{found.twin} in a mirror"
        case Doubt.DRAWN:
            return "is flat graphics or a screenshot, it seems, and no photo"
        case Doubt.NO_FACE:
            return "shows no face that I can find"
        case Doubt.SEVERAL_FACES:
            return "shows several faces"
        case _ as never:
            assert_never(never)


_SHORT = {
    Doubt.BLURRED: "blurred",
    Doubt.DARK: "too dark",
    Doubt.BLOWN_OUT: "blown out",
    Doubt.DUPLICATE: "same as #{}",
    Doubt.MIRRORED: "mirror of #{}",
    Doubt.DRAWN: "no photo",
    Doubt.NO_FACE: "no face",
    Doubt.SEVERAL_FACES: "many faces",
}


def _caption(one: Judged) -> str:
    if one.entry.refusal:
        return SHORT_REFUSALS.get(one.entry.refusal, "not usable")
    if one.again is not None:
        return f"same as #{one.again}"
    if one.findings:
        return _SHORT[one.findings[0].doubt].format(one.findings[0].twin)
    return "refused" if one.entry.finding is not None else ""


def told(one: Judged) -> str:
    """A photo in a menu: its number, its file's name, and what there is to be said against it."""
    wrong = "" if one.mark is Mark.WELL else f": {_caption(one)}"
    return f"#{one.number} {one.entry.name[:_NAME]}{wrong}"


def named(one: Judged) -> str:
    """A photo's number and its file's name."""
    return f"#{one.number} {escape(one.entry.name[:_NAME])}"


def warnings(view: TrayView) -> str:
    """What there is to be said against photos that are used all the same, in a line."""
    told = [f"#{one.number} {sentence(one, view)}." for one in view.verdict.doubted[:_VERDICTS]]
    more = len(view.verdict.doubted) - len(told)
    return " ".join([*told, f"And {more} more." if more else ""]).strip()


def of_a_person(view: TrayView, numbers: Collection[int]) -> str:
    """What would be wrong with these photos if a person is their subject, in a line; empty: nothing more."""
    none, several = ([one for one in those if one in numbers] for those in view.verdict.no_portraits)
    parts = []
    if none:
        parts.append(f"{_numbered(none)} {'shows' if len(none) == 1 else 'show'} no face that I can find")
    if several:
        parts.append(f"{_numbered(several)} {'shows' if len(several) == 1 else 'show'} several faces")
    return f"If a person is the subject: {'; '.join(parts)}." if parts else ""


def as_a_person(view: TrayView, numbers: Collection[int]) -> str:
    """What these photos show of a person, who is their subject: which have a face, and which several."""
    faces = view.verdict.faces(numbers)
    looked = len(faces.none) + len(faces.one) + len(faces.several)
    if not looked:
        return _NOT_LOOKED if faces.unknown else ""
    parts = [f"one face in {len(faces.one)} of {plural(looked, 'photo')}"]
    if faces.none:
        verb = "shows" if len(faces.none) == 1 else "show"
        parts.append(f"{_numbered(faces.none)} {verb} no face that I can find")
    if faces.several:
        verb = "shows" if len(faces.several) == 1 else "show"
        parts.append(f"{_numbered(faces.several)} {verb} several people")
    if faces.unknown:
        parts.append(f"in {_numbered(faces.unknown)} nobody has looked for faces")
    return f"For a person: {'; '.join(parts)}."


_NOT_LOOKED = "For a person faces matter, and nobody has looked for any: no detector is installed here."


def _numbered(numbers: Sequence[int]) -> str:
    more = len(numbers) - _VERDICTS
    return ", ".join(f"#{one}" for one in numbers[:_VERDICTS]) + (f" and {more} more" if more > 0 else "")


# -- the set


def _head(view: TrayView) -> str:
    photos = view.verdict.photos
    videos = _videos(view)
    parts = []
    if photos or not videos:
        parts.append(f"{len(view.verdict.marked(Mark.WELL))} of {plural(len(photos), 'photo')} usable")
    if videos:
        parts.append(f"{sum(1 for one in videos if one.medium)} of {plural(len(videos), 'video')} usable")
    return ", ".join(parts)


def _videos(view: TrayView) -> list[TrayEntry]:
    return [entry for entry in view.entries if entry.role == Role.VIDEO.value]


def _begun(view: TrayView) -> str:
    """What was started: a one-shot makes images and learns nothing that is kept."""
    made = "a clip" if view.used_for_clip else "an image" if view.used_count == 1 else "images"
    what = f"Making {made}" if view.used_for is JobKind.ONESHOT else "Training"
    return f"{what} started with {_these(view)}."


def _these(view: TrayView) -> str:
    """`these photos`, `this video`: what is in the tray, spoken of."""
    photos, videos = len(view.verdict.photos), len(_videos(view))
    nouns = [
        noun if count == 1 else f"{noun}s" for count, noun in ((photos, "photo"), (videos, "video")) if count
    ]
    return f"{'this' if photos + videos == 1 else 'these'} {' and '.join(nouns) or 'photos'}"


def _each(view: TrayView) -> list[str]:
    """A line for each file that is not simply well, in the order of the numbers."""
    bad: list[str] = [
        f"{named(one)} {sentence(one, view)}." for one in view.verdict.photos if one.mark is not Mark.WELL
    ]
    bad += [
        f"#{entry.ordinal} {escape(entry.name[:_NAME])} {_refused(entry.refusal, view)}."
        for entry in view.entries
        if entry.refusal and entry.role != Role.PHOTO.value
    ]
    if len(bad) <= _VERDICTS:
        return bad
    rest = plural(len(bad) - _VERDICTS, "more file")
    refused = all(one.mark is not Mark.DOUBTFUL for one in view.verdict.photos)
    tail = f"{rest} cannot be used either." if refused else f"{rest} to be doubted: see the contact sheet."
    return [*bad[:_VERDICTS], tail]


def _about_files(view: TrayView) -> list[str]:
    """What was done to files so that they could be used."""
    lines = []
    several = [one for one in view.verdict.photos if one.look and one.look.first_of_several]
    if several:
        lines.append(f"{_listed(several)}: several pictures in one file; the first was taken.")
    by_kind: dict[str, list[Judged]] = {}
    for one in view.verdict.photos:
        if one.look and one.look.kind not in {Kind.JPEG, Kind.PNG}:
            by_kind.setdefault(_KINDS.get(one.look.kind, one.look.kind.value.upper()), []).append(one)
    lines += [f"{_listed(those)} converted from {kind}." for kind, those in by_kind.items()]
    if view.verdict.unmeasured and len(view.verdict.unmeasured) == len(view.usable):
        lines.append("These photos are not measured yet.")
    elif view.verdict.unmeasured:
        lines.append(f"{_listed(view.verdict.unmeasured)} not measured yet.")
    return lines


_KINDS = {Kind.WEBP: "WebP"}


def _about_set(view: TrayView) -> list[str]:
    verdict = view.verdict
    if not any(one.look for one in verdict.photos):
        return []
    parts = []
    if verdict.angles is not Variety.UNKNOWN:
        parts += [f"Angles: {_ANGLES[verdict.angles]}", f"light: {_LIGHT[verdict.light]}"]
    if verdict.people is not People.UNKNOWN:
        parts.append(_PEOPLE[verdict.people])
    lines = [" · ".join(parts) + "."] if parts else []
    if verdict.people is People.UNKNOWN:
        lines.append("Nobody has looked for faces: no detector is installed here.")
    return lines


_ANGLES = {
    Variety.LITTLE: "much alike; other angles and distances would help",
    Variety.SOME: "somewhat different",
    Variety.MUCH: "very different",
}
_LIGHT = {
    Variety.UNKNOWN: "not known",
    Variety.LITTLE: "the same in all; another would help",
    Variety.SOME: "somewhat different",
    Variety.MUCH: "very different",
}
_PEOPLE = {
    People.NOBODY: "no face in any",
    People.ONE: "one face in each photo that shows any",
    People.SEVERAL: "several people in some photos",
}


# -- who would take it


def _what_next(view: TrayView) -> str:
    if view.needed and view.wants_video:
        return "A video is needed: add one to this thread."
    if view.needed:
        return f"{plural(view.needed, 'more photo')} needed: add them to this thread."
    well = [offer for offer in view.offers if offer.ok]
    if ready := [offer.label for offer in well if not view.lacks(offer, view.well)]:
        return f"Enough for {_labels(ready)}. Add more to this thread, or train now."
    if ready := [offer.label for offer in well if not view.lacks(offer)]:
        return f"Enough for {_labels(ready)} with the doubtful ones. Better ones can be added to this thread."
    too_many = [
        (one.limit, offer.label)
        for offer in well
        for one in view.lacks(offer)
        if one.rule is Lacking.TOO_MANY
    ]
    if too_many:
        most, label = max(too_many)
        return f"Too many: {label} takes at most {most:g}. Discard them and post a smaller set."
    if well:
        return "No vendor would take this as it is. Add other files to this thread, or discard it."
    return "No vendor is available just now; the photos are kept meanwhile: try again later."


def _others(view: TrayView) -> list[str]:
    """Who would refuse the set as it stands, or part of it, and why."""
    well = [offer for offer in view.offers if offer.ok and not view.lacks(offer)]
    lines = list(refusing(view.offers, well, view.given)) if view.given else []
    doubts = list(doubting(view.offers, view.given))
    return [
        *(["*Would refuse these:*\n" + "\n".join(lines)] if lines else []),
        *(["*Would perhaps not use all of these:*\n" + "\n".join(doubts)] if doubts else []),
    ]


def _papers(view: TrayView) -> list[str]:
    """Who asks for papers as well, and how they come: said before anybody posts one where others read."""
    askers = [
        offer.label
        for offer in view.offers
        if offer.ok and not view.lacks(offer) and any(spec.role in PAPERS for spec in offer.inputs)
    ]
    if not askers:
        return []
    asks = f"{escape(_labels(askers))} asks for papers too (identity card, letter of permission)"
    if _is_alone(view):
        had = f" Here so far: {in_hand(view.papers)}." if view.papers else ""
        return [f"{asks}: send them to me here, or give them on the form.{had}"]
    return [f"{asks}: send them to me by direct message, or give them on the form. Never post them here."]


def _buttons(view: TrayView) -> list[Block]:
    made: list[Block] = []
    verdict, tray_id = view.verdict, view.tray.id
    if not view.needed:
        well, doubted = len(verdict.marked(Mark.WELL)), len(verdict.doubted)
        ready = any(offer.ok and not view.lacks(offer, view.well) for offer in view.offers)
        if doubted and well and ready:
            made.append(button(Action.USE_WELL, f"Use the {well}", tray_id, style="primary"))
            made.append(button(Action.TRAIN, f"Use all {well + doubted}", tray_id))
        elif doubted:
            made.append(button(Action.TRAIN, f"Use all {well + doubted}", tray_id, style="primary"))
        else:
            made.append(button(Action.TRAIN, "Train…", tray_id, style="primary"))
    if any(one.mark is not Mark.WELL for one in verdict.photos):
        made.append(button(Action.REPLACE, "Replace…", tray_id))
    are = "It is" if len(view.verdict.photos) + len(_videos(view)) == 1 else "They are"
    rest = f"{are} erased here; the post in Slack stays."
    sure = confirm(f"Discard {_these(view)}?", rest, "Discard", "Keep")
    made.append(button(Action.DISCARD, "Discard", tray_id, confirm=sure))
    return made


def _described(view: TrayView) -> str:
    told = [f"#{number} {words}" for number, words in captions(view).items()]
    return f"Contact sheet: {_head(view)}. {', '.join(told)}".strip()


def _listed(photos: Sequence[Judged]) -> str:
    return ", ".join(f"#{one.number}" for one in photos)


def _labels(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))
