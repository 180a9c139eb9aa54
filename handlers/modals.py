"""Modals that ask for little or nothing: waiting, facts about a job, better files, more images. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.services.inputs import InputSpec
from bot.services.models import ModelView
from bot.services.progress import JobView
from handlers import fields
from handlers.blocks import Block, section, small
from handlers.ids import Field, Modal
from handlers.phrases import clock, escape, failure, plural, stage
from storage.records.links import LinkTrouble

View = dict[str, Any]
_LOG_LINES = 20


def loading() -> View:
    """Opened at once, filled a moment later: a trigger lives three seconds."""
    return modal(Modal.LOADING, "Darkroom", [section("Loading…")])


def gathering(photos: int) -> View:
    """The same while photos are fetched and looked at, which may take a while."""
    told = f"Loading {plural(photos, 'file')}…"
    rest = "You may close this: the answer comes under the photos as well, or to you by direct message."
    return modal(Modal.LOADING, "Darkroom", [section(told), small(rest)])


def gone() -> View:
    """What became of a tray that cannot be trained any more."""
    return modal(Modal.LOADING, "Darkroom", [section("This was used already, or discarded.")])


def words(text: str) -> View:
    """A sentence where a form would have stood."""
    return modal(Modal.LOADING, "Darkroom", [section(text)])


def details(view: JobView, logs: Sequence[str] = ()) -> View:
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
    if view.costs:
        told = ", ".join(f"{amount:f} {escape(unit)}" for amount, unit in view.costs)
        lines.append(f"Counted by the vendor: {told}")
    if job.reason:
        said = failure(view)
        lines.append(f"{said.turn}. {said.reason} {said.charged}")
    blocks = [section("\n".join(lines))]
    if prompt := str(job.spec.get("prompt") or ""):
        blocks.append(section(f"*Prompt*\n{escape(prompt)[:1000]}"))
    if chosen := {**job.spec.get("options", {}), **job.spec.get("making", {})}:
        listed = ", ".join(f"{name} {value}" for name, value in chosen.items())
        blocks.append(section(f"*Parameters*\n{escape(listed)[:2000]}"))
    if job.detail and LinkTrouble.read(job.detail) is None:
        blocks.append(small(f"What {escape(view.label)} said: {escape(job.detail)[:500]}"))
    if logs:
        told = "\n".join(escape(line) for line in logs[-_LOG_LINES:])
        blocks.append(section(f"*{escape(view.label)}'s log*\n```{told[-2700:]}```"))
    return modal(Modal.DETAILS, view.root.name[:24] or "Darkroom", blocks)


def more(model: ModelView, blocks: Sequence[Block], memory: Mapping[str, Any]) -> View:
    """What to make with a model that is there."""
    head = small(
        f"*{escape(model.model.name)}* at {escape(model.label)}. No new training: only images are made."
    )
    form = modal(Modal.MORE, "More images", [head, *blocks], metadata=json.dumps(dict(memory)))
    return {**form, "submit": {"type": "plain_text", "text": "Make"}}


def upload_again(
    view: JobView, wanted: Sequence[tuple[InputSpec, Block]], *, tray: str, at_hand: Sequence[str]
) -> View:
    """Better files for a vendor whose review refused something."""
    job = view.current
    said = escape(job.detail or "It gives no reason.")[:500]
    blocks: list[Block] = [section(f"*{escape(view.label)}'s review says no.* {said}")]
    blocks += [small(line) for line in at_hand]
    blocks += [block for _, block in wanted]
    blocks.append(
        small("What you leave empty stays as it was. The same training goes on: nothing is started anew.")
    )
    memory = {"job": job.root_id, "tray": tray, "at_hand": bool(at_hand)}
    form = modal(Modal.UPLOAD, "Upload again", blocks, metadata=json.dumps(memory))
    return {**form, "submit": {"type": "plain_text", "text": "Send"}}


def replace(tray_id: str, photos: Sequence[tuple[str, str]], chosen: Sequence[str], files: Block) -> View:
    """Which photos of a tray are to go, those of `chosen` ticked already, and what comes instead."""
    options = [fields.option(number, words) for number, words in photos]
    ticked = [one for one in options if one["value"] in chosen]
    menu: Block = {"type": "multi_static_select", "options": options}
    if ticked:
        menu["initial_options"] = ticked
    blocks = [
        fields.asked(Field.INSTEAD_OF, "Photos to take out", menu, optional=True),
        fields.asked(Field.PHOTOS, "Better ones", files, hint=_BETTER, optional=True),
    ]
    form = modal(Modal.REPLACE, "Replace photos", blocks, metadata=tray_id)
    return {**form, "submit": {"type": "plain_text", "text": "Replace"}}


_BETTER = "Up to ten here; more can be added to the thread."


def modal(kind: Modal, title: str, blocks: Sequence[Block], *, metadata: str = "") -> View:
    """The frame of all of them."""
    return {
        "type": "modal",
        "callback_id": kind.value,
        "title": {"type": "plain_text", "text": title[:24]},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": list(blocks),
        "private_metadata": metadata,
    }
