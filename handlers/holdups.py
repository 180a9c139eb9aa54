"""What is said in private of a form that is held up: which file, why, and what can be done. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.services.holdups import HoldupView
from bot.services.inputs import Role
from handlers.blocks import Block, Message, actions, button, confirm, paragraphs, section, small
from handlers.ids import Action
from handlers.phrases import FORM_NAMES, REFUSALS, escape
from storage.records.trays import TrayEntry, TrayState

_NAME = 40
"""Characters of a file's name that are shown."""
NOTHING = "Nothing has begun, and nothing was paid."
_KEPT = "What you leave is erased with what you filled in after a day, unless your operator set another time."
_DISCARD = confirm(
    "Discard all of it?",
    "What came for this training is erased here; posts in Slack stay.",
    "Discard",
    "Keep",
)


def held_up(view: HoldupView, form: str) -> Message:
    """The message about one form; `form` is the one that it was said of."""
    name = f"*{escape(view.name[:_NAME])}*" if view.name else "What you asked for"
    if view.state is TrayState.USED:
        return _line(f"{name} has begun since: its card says how it stands.")
    if view.state is TrayState.DISCARDED:
        return _line(
            "What this form brought was discarded, or its time was over: it is erased here. Nothing was paid."
        )
    if view.form != form:
        return _line(f"{NOTHING} You have sent this form again since: see what was said of that one.")
    vendor = f" at {escape(view.label)}" if view.label else ""
    head = f"*{NOTHING}* Of your form for {name}{vendor} {_count(view)}:"
    lines = [
        head if view.astray else f"*{NOTHING}* Your form for {name}{vendor} is kept.",
        *map(_one, view.astray),
    ]
    blocks: list[Block] = [*paragraphs([*lines, _choice(view)])]
    if view.kept:
        blocks.append(small(f"Kept meanwhile: {listed(view.kept)}. {_KEPT}"))
    else:
        blocks.append(small(_KEPT))
    short = f"Of your form {_count(view)}." if view.astray else "Your form is kept."
    return Message(f"{NOTHING} {short}", (*blocks, *actions(*_buttons(view))))


def in_words(entries: Sequence[TrayEntry]) -> str:
    """The same files in a line, where a form is answered by a sentence."""
    return " ".join(_one(one).removeprefix("• ") for one in entries)


def _line(words: str) -> Message:
    return Message(words, (section(words),))


def _count(view: HoldupView) -> str:
    return "one file cannot be used" if len(view.astray) == 1 else f"{len(view.astray)} files cannot be used"


def _one(entry: TrayEntry) -> str:
    what = FORM_NAMES[Role(entry.role)]
    why = REFUSALS[entry.refusal] if entry.refusal else "cannot be used"
    return f"• {what[0].upper()}{what[1:]}: {escape(entry.name[:_NAME])} {why}."


def _choice(view: HoldupView) -> str:
    if view.needed:
        wanted = listed(view.needed)
        return f"Nothing can begin yet. Open the form again, filled in as it was, and give another: {wanted}."
    if view.photos:
        return "The photos are to be looked at, too: see the message under them, and go on from there."
    if view.can_go_on:
        return (
            f"You choose: start without {_without(view)}, or open the form again, where the rest stands "
            "filled in, and give another."
        )
    return "Open the form again: it is filled in as it was. Give what is missing, or leave out what may be."


def _without(view: HoldupView) -> str:
    return "it" if len(view.astray) == 1 else "them"


def _buttons(view: HoldupView) -> list[Block]:
    made = []
    if view.can_go_on:
        missing = listed([Role(one.role) for one in view.astray])
        sure = confirm(
            f"Start without {_without(view)}?",
            f"It begins at once, and is paid for, without {missing}. What you have filled in and the "
            "permission you gave there hold.",
            "Start",
            "Not yet",
        )
        value = f"{view.tray_id} {view.form}"
        made.append(button(Action.GO_ON, f"Start without {_without(view)}", value, confirm=sure))
    made.append(button(Action.TRAIN, "Open the form…", view.tray_id, style="primary"))
    made.append(button(Action.DISCARD, "Discard", view.tray_id, confirm=_DISCARD))
    return made


def listed(roles: Sequence[Role]) -> str:
    """`identity card (portrait side) and recordings of the voice`."""
    names = [FORM_NAMES[role] for role in dict.fromkeys(roles)]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
