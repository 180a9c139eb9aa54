"""What is said of deleting: the question before it, what could be meant, and the receipt. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from bot.services.deletions import LEFT, Keeping, Plan, Receipt
from bot.services.models import ModelView
from handlers.blocks import Block, Message, actions, button, section, small
from handlers.ids import Action, Modal
from handlers.messages import delete_button
from handlers.modals import View, modal
from handlers.phrases import day, duration, escape, plural
from storage.records.deletions import Fate, Holder, Holding, Kept

_IDS = 40
"""Ids told in one receipt."""
_MODELS = 15
"""Each takes two blocks, and a message has room for fifty."""

# -- the question


def question(plan: Plan) -> View:
    """What would go, copy by copy, and what cannot; or how far it has come already."""
    if plan.deletion is not None:
        done = "It is deleted." if plan.deletion.done_at else "It is being deleted."
        return modal(Modal.LOADING, "Delete", [section(f"{done} The receipt comes by DM.")])
    blocks = [section(_what(plan)), section("\n".join(_plan_lines(plan)))]
    if plan.running:
        blocks.append(section(f"*{plural(plan.running, 'job')} still under way:* cancelled first."))
    blocks.append(small("This cannot be taken back. A receipt by DM says what became of every copy."))
    view = modal(Modal.DELETE, "Delete", blocks, metadata=json.dumps({"job": plan.root.id}))
    return {**view, "submit": {"type": "plain_text", "text": "Delete"}}


def _what(plan: Plan) -> str:
    name = f"*{escape(plan.root.name)}*" if plan.own else f"`{plan.root.id}`"
    if plan.models:
        more = f", with everything made with it ({plural(plan.cards, 'card')})" if plan.cards > 1 else ""
        return f"The model {name} goes{more}."
    return (
        f"{name} goes. The model it was made with stays." if plan.root.spec.get("model") else f"{name} goes."
    )


def _plan_lines(plan: Plan) -> list[str]:
    lines = [
        f"*Here:* the photos, {plural(plan.results, 'image')}, the name, the prompt, the settings."
        if plan.results
        else "*Here:* the photos, the name, the prompt, the settings.",
        "*Slack:* the images and messages I have put there. The photos you posted only you can delete.",
    ]
    label = escape(plan.label)
    if not plan.sent:
        lines.append(f"*{label}:* was never sent anything.")
        return lines
    things = [("what it was given", plan.inputs), ("the images", plan.made)]
    if plan.models:
        things.insert(0, ("the trained model", plan.model))
    told = {"asked": _named(things, asked=True), "by_itself": [], "by_hand": []}
    told["by_itself"] = [name for name, kept in things if not kept.by and kept.expires]
    told["by_hand"] = [name for name, kept in things if not kept.by and not kept.expires]
    if told["asked"]:
        lines.append(f"*{label}* is asked to delete {_and(told['asked'])}.")
    if told["by_itself"]:
        lines.append(f"*{label}* lets go of {_and(told['by_itself'])} by itself.")
    if told["by_hand"]:
        lines.append(
            f"*{label}* cannot be asked by API to delete {_and(told['by_hand'])}: "
            "its console or support is the way."
        )
    return lines


def _named(things: Iterable[tuple[str, Keeping]], *, asked: bool) -> list[str]:
    return [name for name, kept in things if bool(kept.by) is asked]


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# -- what could be meant


def candidates(found: Sequence[Plan], command: str) -> Message:
    """What a name or an id leads to, each with its button."""
    if not found:
        return Message(
            f"There is nothing of yours of this name or id. `{command} models` lists your models, "
            f"`{command} status` your jobs."
        )
    text = "Delete this?" if len(found) == 1 else f"{len(found)} things have this name. Which one?"
    blocks: list[Block] = [section(text)]
    for plan in found:
        name = f"*{escape(plan.root.name)}*" if plan.own and plan.root.name else f"`{plan.root.id}`"
        kind = "model" if plan.models else "job"
        blocks.append(section(f"{name} · {kind} · {escape(plan.label)} · asked {day(plan.root.created_at)}"))
        blocks += actions(delete_button(plan.root.id))
    return Message(text, tuple(blocks))


def models(views: Sequence[ModelView]) -> Message:
    """A person's models, a line each."""
    if not views:
        return Message("You have no models yet. Post photos and mention me, or press *New*.")
    blocks: list[Block] = []
    for view in views[:_MODELS]:
        model = view.model
        facts = [
            f"*{escape(model.name)}*",
            escape(view.label),
            f"{duration(view.now - model.created_at)} old",
            f"{plural(view.made, 'image')} made",
        ]
        if model.expires_at:
            facts.append(
                f"{'expired' if view.fault == 'expired' else 'kept there until'} {day(model.expires_at)}"
            )
        blocks.append(section(" · ".join(facts)))
        more = [button(Action.PROMPT, "More images…", model.job_id)] if view.making else []
        blocks += actions(*more, delete_button(model.job_id))
    if len(views) > _MODELS:
        blocks.append(small(f"{plural(len(views) - _MODELS, 'older model')} left out."))
    return Message(f"{plural(len(views), 'model')}; the newest: {escape(views[0].model.name)}", tuple(blocks))


# -- the receipt


def receipt(kept: Receipt, reader: str) -> Message:
    """The fate of every holding, by who has it. The name is its owner's to read, and nobody else's."""
    asked = kept.deletion
    own = reader == asked.owner
    name = f"*{escape(asked.name)}*" if own and asked.name else f"`{asked.root_id}`"
    by = "" if asked.asked_by == asked.owner or not own else " An operator asked for it."
    if kept.pending:
        head = f"{name} is being deleted. Not everything is gone yet: I go on asking.{by}"
    elif any(one.fate in LEFT for one in kept.holdings):
        head = f"{name} is deleted, as far as that can be done from here.{by}"
    else:
        head = f"{name} is deleted.{by}"
    label = escape(kept.label)
    blocks = [section(head)]
    for holder, title in ((Holder.HERE, "Here"), (Holder.CHAT, "Slack"), (Holder.VENDOR, label)):
        lines = _lines([one for one in kept.holdings if one.holder is holder], label)
        if holder is Holder.VENDOR and not lines:
            lines = ["was never sent anything"]
        if lines:
            blocks.append(section(f"*{title}*\n" + "\n".join(f"• {line}" for line in lines)))
    blocks += [small(f"{label}: {note}") for note in kept.notes]
    if kept.remote_ids:
        listed = ", ".join(f"`{escape(one)}`" for one in kept.remote_ids[:_IDS])
        blocks.append(small(f"Its ids there, for console or support: {listed}"))
    blocks.append(
        small(f"Kept for the accounts: who asked {label} for what kind of job, when, its ids and its cost.")
    )
    return Message(f"{escape(asked.name) if own and asked.name else asked.root_id}: receipt", tuple(blocks))


def _lines(holdings: Sequence[Holding], label: str) -> list[str]:
    """One line for all holdings of a kind with the same fate."""
    counted: dict[tuple[Holder, Kept, Fate | None, str], int] = {}
    for one in holdings:
        until = day(one.until) if one.until else ""
        key = (one.holder, one.what, one.fate, until)
        counted[key] = counted.get(key, 0) + one.count
    return [
        f"{_noun(holder, what, count)}: {_fate(holder, what, fate, until, label)}"
        for (holder, what, fate, until), count in counted.items()
    ]


def _noun(holder: Holder, what: Kept, count: int) -> str:
    match what:
        case Kept.WORDS:
            return "name, prompt and settings"
        case Kept.MODEL:
            return "trained model" if count == 1 else f"{count} trained models"
        case Kept.INPUTS if holder is Holder.VENDOR:
            return "what it was given"
        case Kept.RESULTS if holder is Holder.VENDOR:
            return "the images it made"
        case Kept.INPUTS:
            return plural(count, "photo or other file") if count == 1 else f"{count} photos and other files"
        case Kept.RESULTS:
            return plural(count, "image")
        case Kept.LINKS:
            return plural(count, "photo link")
        case Kept.BUCKET:
            return f"{count} copies in the bucket" if count > 1 else "1 copy in the bucket"
        case Kept.FILE:
            return f"{plural(count, 'picture')} that I uploaded"
        case Kept.MESSAGE:
            return f"{plural(count, 'message')} of mine about it"
        case Kept.UPLOADS:
            return f"{plural(count, 'file')} that you posted"


def _fate(holder: Holder, what: Kept, fate: Fate | None, until: str, label: str) -> str:
    if fate is None:
        return "not yet; I go on asking"
    at_slack = holder is Holder.CHAT
    if what is Kept.BUCKET and fate is not Fate.DELETED:
        return "the bucket did not let go of it for a week; its operator has been told"
    match fate:
        case Fate.DELETED:
            return "closed" if what is Kept.LINKS else "deleted"
        case Fate.SHARED:
            return "let go of; another job was given the same and still needs it"
        case Fate.EXPIRES:
            return f"cannot be deleted by API; expires by itself on {until}"
        case Fate.BY_HAND if at_slack:
            return "Slack does not let me delete it; a workspace admin can"
        case Fate.BY_HAND:
            return f"cannot be deleted by API; {label}'s console or support is the way"
        case Fate.REFUSED:
            return f"{label} refused to delete it for a week; its console or support is the way"
        case Fate.UNREACHED if at_slack:
            return "Slack did not answer for a week; a workspace admin can delete it"
        case Fate.UNREACHED:
            return f"{label} did not answer for a week; its console or support is the way"
        case Fate.NOT_SET_UP:
            return f"{label} is no longer set up here, so I cannot ask; its console or support is the way"
        case Fate.OWNERS:
            return "I cannot delete these; you can, from the menu of your message"
