"""What is said of papers that came by direct message: which is which, what is here, what is missing. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.services.envelopes import Addressee, EnvelopeView, Unsorted
from bot.services.inputs import Role
from handlers import fields
from handlers.blocks import Block, Message, actions, button, confirm, section, small
from handlers.ids import Action
from handlers.phrases import PAPER_NAMES, escape, plural

PHOTO, DISCARD = "photo", "discard"
"""What a file may be beside a paper."""
_SHOWN = 10
"""Files that are asked about at once; the others have their turn."""
_NAME = 40
"""Characters of a file's name that are shown."""
_SHORT = 24
"""Characters of a name inside a menu."""
_KEPT_HOW = (
    "A paper goes to its vendor's review alone, is shown to nobody, and is erased here as soon as that is "
    "over. What you leave open is erased after a day, unless your operator set another time. Your post stays "
    "in Slack until you delete it there."
)
_ERASE = confirm("Erase these papers?", "They are erased here; the post in Slack stays.", "Erase", "Keep")
_OVER = "None of these waits here any more: each was sent, or erased. Your post in Slack is yours to delete."
_EXPIRED = (
    "You did not say in time what this is, so it is erased here. Your post in Slack is yours to "
    "delete; send it again if it is still wanted."
)
IN_A_CHANNEL = (
    "If this is a letter of permission or an identity card, delete it here, where others read it, and send "
    "it to me by direct message. I have kept nothing of it."
)


def question(view: EnvelopeView, *, expired: bool = False) -> Message:
    """In the direct message itself: what each file is, then what is here and what is still missing.

    `expired` says that what was left open is erased, since its time was over.
    """
    blocks: list[Block] = []
    if view.unsorted:
        ask = _ask(view.unsorted)
        blocks += [section(f"*{ask}*"), *(_choice(view, one) for one in view.unsorted[:_SHOWN])]
        if more := len(view.unsorted) - _SHOWN:
            blocks += [small(f"And {more} more, once these are told.")] if more > 0 else []
        blocks += actions(*_for_all(view))
    waiting = [one for one in view.addressees if one.here]
    for one in waiting:
        blocks += _state(one)
    if expired:
        blocks.insert(0, section(_EXPIRED))
    if not blocks:
        return Message(_OVER, (section(_OVER),))
    if not waiting and not view.unsorted:
        return Message(_EXPIRED, tuple(blocks))
    blocks.append(small(_KEPT_HOW))
    text = _ask(view.unsorted) if view.unsorted else _told(waiting[0])
    return Message(text, tuple(blocks))


def in_hand(here: Sequence[Role] | frozenset[Role]) -> str:
    """`identity card (portrait side) and letter of permission`."""
    names = [words for role, words in PAPER_NAMES.items() if role in here]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _ask(unsorted: Sequence[Unsorted]) -> str:
    if all(one.is_document for one in unsorted):
        return "Which paper is this?" if len(unsorted) == 1 else "Which papers are these?"
    if len(unsorted) == 1:
        return "Is this a paper, or a photo to train from?"
    return "Are these papers, or photos to train from?"


def _choice(view: EnvelopeView, one: Unsorted) -> Block:
    several = len(view.addressees) > 1
    choices = [
        (f"{addressee.id}:{role.value}", _as(addressee, role, several=several))
        for addressee in view.addressees
        for role in addressee.accepts(one.media_type)
    ]
    if not one.is_document:
        choices.append((PHOTO, "A photo to train from"))
    choices.append((DISCARD, "Neither: erase it"))
    menu = {**fields.select(choices), "action_id": Action.PAPER.value}
    menu["placeholder"] = {"type": "plain_text", "text": "It is…"}
    kind = "a PDF" if one.is_document else "a picture"
    asked = section(f"*{one.number}.* {escape(one.name[:_NAME])}, {kind}")
    return {**asked, "block_id": f"{view.id}.{one.number}", "accessory": menu}


def _as(addressee: Addressee, role: Role, *, several: bool) -> str:
    words = PAPER_NAMES[role]
    words = words[0].upper() + words[1:]
    return f"{words}: {addressee.name[:_SHORT]}" if several and addressee.name else words


def _for_all(view: EnvelopeView) -> list[Block]:
    pictures = sum(1 for one in view.unsorted if not one.is_document)
    made = []
    if pictures > 1:
        words = f"All {pictures} are photos" if pictures == len(view.unsorted) else "The pictures are photos"
        made.append(button(Action.ARE_PHOTOS, words, view.id))
    if len(view.unsorted) > 1:
        made.append(button(Action.ERASE_UNSORTED, "Erase all", view.id, confirm=_ERASE))
    return made


def _state(one: Addressee) -> list[Block]:
    blocks = [section(_told(one))]
    drop = button(Action.ERASE_PAPERS, "Erase papers", one.id, confirm=_ERASE)
    if one.missing:
        blocks.append(small(f"Still missing: {in_hand(one.missing)}. Send it here too, or on the form."))
        return [*blocks, *actions(drop)]
    if one.job is not None:
        send = button(Action.SEND_PAPERS, f"Send to {one.vendors[0]}"[:75], one.id, style="primary")
        return [*blocks, *actions(send, drop)]
    return [*blocks, *actions(button(Action.TRAIN, "Train…", one.id, style="primary"), drop)]


def _told(one: Addressee) -> str:
    name = f"*{escape(one.name[:_NAME])}*" if one.name else "your post"
    vendors = " or ".join(escape(label) for label in one.vendors)
    count = plural(len(one.here), "paper")
    return f"{count} for {name} at {vendors}: {in_hand(one.here)}."
