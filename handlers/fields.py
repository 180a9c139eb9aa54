"""Inputs of forms: how each is drawn, and how what stands in it is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.services.options import FieldKind, OptionField
from handlers.blocks import Block
from handlers.ids import VALUE

Values = Mapping[str, Any]
"""`view.state.values` of a submitted or pressed form."""
_YES, _NO = "true", "false"
_LABEL, _HINT, _CHOICES = 200, 300, 100
"""Characters of a label and a hint that are read at a glance, and the most options Slack shows."""


def asked(block_id: str, label: str, element: Block, *, hint: str = "", optional: bool = False) -> Block:
    """One input. `block_id` is its name, by which values survive when the form is drawn anew."""
    made: Block = {
        "type": "input",
        "block_id": block_id,
        "label": {"type": "plain_text", "text": label[:_LABEL]},
        "element": {**element, "action_id": VALUE},
        "optional": optional,
    }
    if hint:
        made["hint"] = {"type": "plain_text", "text": hint[:_HINT]}
    return made


def text(longest: int, example: str = "", *, initial: str = "", lines: bool = False) -> Block:
    """A line of text, or several."""
    most = min(longest, 3000)
    made: Block = {"type": "plain_text_input", "max_length": most, "multiline": lines}
    if example:
        made["placeholder"] = {"type": "plain_text", "text": example[:150]}
    return {**made, "initial_value": initial[:most]} if initial else made


def option(value: str, label: str, about: str = "") -> Block:
    """One of several to choose."""
    made: Block = {"text": {"type": "plain_text", "text": label[:75]}, "value": value}
    return {**made, "description": {"type": "plain_text", "text": about[:75]}} if about else made


def select(choices: Sequence[tuple[str, str]], *, initial: str | None = None) -> Block:
    """A menu; `initial` is a value of it, and anything else chooses nothing."""
    options = [option(value, label) for value, label in choices[:_CHOICES]]
    chosen = next((one for one in options if one["value"] == initial), None)
    return {"type": "static_select", "options": options, **({"initial_option": chosen} if chosen else {})}


def files(kinds: Sequence[str], most: int) -> Block:
    """Files from the person's disk; `kinds` are the endings that Slack's own dialog shows."""
    return {"type": "file_input", "filetypes": list(kinds), "max_files": most}


def parameter(block_id: str, field: OptionField, chosen: Any = None) -> Block:
    """A vendor's own parameter, with what was chosen before or its default."""
    value = field.default if chosen is None else chosen
    optional = not field.required and (field.default in (None, []) or field.may_be_empty)
    match field.kind:
        case FieldKind.CHOICE:
            element = select([(str(one), str(one)) for one in field.choices], initial=_plain(value))
        case FieldKind.YES_NO:
            element = select([(_YES, "Yes"), (_NO, "No")], initial=_plain(value))
        case FieldKind.INTEGER | FieldKind.NUMBER:
            element = _number(field, value)
        case FieldKind.TEXT:
            element = text(int(field.most or 500), initial=_plain(value) or "")
    return asked(block_id, field.title, element, hint=_about(field), optional=optional)


def _number(field: OptionField, value: Any) -> Block:
    made: Block = {"type": "number_input", "is_decimal_allowed": field.kind is FieldKind.NUMBER}
    if field.least is not None:
        made["min_value"] = figure(field.least)
    if field.most is not None and field.most < 10**9:
        made["max_value"] = figure(field.most)
    return made if value is None else {**made, "initial_value": figure(value)}


def figure(value: float | str) -> str:
    """A number as people write it and Slack takes it: 0.0000001, and never 1e-07."""
    written = format(Decimal(str(value)), "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def _about(field: OptionField) -> str:
    if field.kind not in {FieldKind.INTEGER, FieldKind.NUMBER} or field.least is None:
        return field.description
    least, most = figure(field.least), field.most
    if most is None or most >= 10**9:
        return f"{field.description} {'Above' if field.above else 'At least'} {least}."
    to = ", below" if field.below else ", up to" if field.above else " to"
    return f"{field.description} {'Above' if field.above else 'From'} {least}{to} {figure(most)}."


def _plain(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return _YES if value else _NO
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


# -- reading


def typed(values: Values, block_id: str) -> str:
    """The text or number in an input; empty where there is none."""
    return str(values.get(block_id, {}).get(VALUE, {}).get("value") or "")


def picked(values: Values, block_id: str) -> str:
    """The value chosen in a menu; empty where none is."""
    return str((values.get(block_id, {}).get(VALUE, {}).get("selected_option") or {}).get("value") or "")


def all_picked(values: Values, block_id: str) -> list[str]:
    """The values chosen in a menu of which several can be."""
    chosen = values.get(block_id, {}).get(VALUE, {}).get("selected_options") or []
    return [str(one["value"]) for one in chosen]


def ticked(values: Values, block_id: str) -> bool:
    """Whether anything is ticked."""
    return bool(values.get(block_id, {}).get(VALUE, {}).get("selected_options"))


def given(values: Values, block_id: str) -> list[dict[str, Any]]:
    """The files in an input."""
    return list(values.get(block_id, {}).get(VALUE, {}).get("files") or [])


def chosen(values: Values, prefix: str) -> dict[str, str]:
    """What stands in the inputs of a vendor's parameters, by name; of the empty ones only texts."""
    found = {
        block_id.removeprefix(f"{prefix}."): typed(values, block_id) or picked(values, block_id)
        for block_id in values
        if block_id.startswith(f"{prefix}.")
    }
    # A text that was emptied is a choice, too: its default may say something.
    return {name: value for name, value in found.items() if value or _is_text(values, f"{prefix}.{name}")}


def _is_text(values: Values, block_id: str) -> bool:
    return str(values[block_id].get(VALUE, {}).get("type")) == "plain_text_input"


def changed(chosen: Mapping[str, Any], fields: Sequence[OptionField]) -> dict[str, Any]:
    """What differs from the defaults: only that is kept, so that a form's memory stays small."""
    defaults = {field.name: _plain(field.default) or "" for field in fields}
    return {name: value for name, value in chosen.items() if (_plain(value) or "") != defaults.get(name)}
