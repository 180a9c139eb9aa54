"""Filling in a form as Slack's client lets a person: what is offered, what is required, what survives."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.sandbox.slack.block_walk import all_blocks, elements_of
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.markup import rich_text_of
from bot.sandbox.slack.wire import Json

Values = dict[str, dict[str, Json]]
ONE_TEXT = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input"})
ONE_OPTION = frozenset({"static_select", "radio_buttons", "external_select"})
MANY_OPTIONS = frozenset({"multi_static_select", "checkboxes", "multi_external_select"})
EXTERNAL = frozenset({"external_select", "multi_external_select"})
PICKED = {"datepicker": "date", "timepicker": "time", "datetimepicker": "date_time"}
NAMED = {"users_select": "user", "conversations_select": "conversation", "channels_select": "channel"}
PATTERNS = {
    "email_text_input": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "url_text_input": re.compile(r"https?://\S+"),
    "datepicker": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "timepicker": re.compile(r"\d{2}:\d{2}"),
    "datetimepicker": re.compile(r"\d{10}"),
    "number_input": re.compile(r"-?\d+(\.\d+)?"),
}


@dataclass(frozen=True)
class Field:
    """A place in the blocks where something can be pressed, chosen or typed."""

    block: Json
    element: Json

    @property
    def block_id(self) -> str:
        """The block it stands in."""
        return str(self.block["block_id"])

    @property
    def action_id(self) -> str:
        """Its own name within the block."""
        return str(self.element["action_id"])

    def names(self) -> set[str]:
        """Everything a person or a test may call it by."""
        label = (
            self.block.get("label")
            or (self.block.get("text") if self.block["type"] == "section" else None)
            or {}
        )
        own = self.element.get("text") or {}
        placeholder = self.element.get("placeholder") or {}
        texts = (label.get("text"), own.get("text"), placeholder.get("text"))
        return {self.action_id, *(t for t in texts if t)}

    def options(self) -> list[Json]:
        """The choices it offers."""
        groups = self.element.get("option_groups", ())
        return [*self.element.get("options", ()), *(o for g in groups for o in g["options"])]


def fields(blocks: list[Json]) -> list[Field]:
    """Every field of the blocks, in the order they are seen."""
    return [Field(block, element) for block in all_blocks(blocks) for element in elements_of(block)]


def find_field(blocks: list[Json], name: str, block_id: str | None = None) -> Field:
    """Find the one field of that name; two of them need the block's id as well.

    An input block's id comes first: it is the one name that a form never has twice.
    """
    inputs = [f for f in fields(blocks) if f.block["type"] == "input" and f.block_id == name]
    if inputs and block_id is None:
        return inputs[0]
    named = [f for f in fields(blocks) if name in f.names() and block_id in (None, f.block_id)]
    if not named and block_id is None:
        named = [f for f in fields(blocks) if f.block_id == name]
    if not named:
        offered = [sorted(f.names()) for f in fields(blocks)]
        raise Refused("no_such_field", field=name, offered=offered)
    if len(named) > 1:
        exact = [f for f in named if f.action_id == name]
        if len(exact) != 1:
            raise Refused("ambiguous_field", field=name, blocks=[f.block_id for f in named])
        named = exact
    return named[0]


def initial_state(element: Json) -> Json | None:
    """What a field holds before anybody touched it; None for one that holds nothing, such as a button."""
    kind = element["type"]
    state: Json = {"type": kind}
    if kind in ONE_TEXT:
        return state | {"value": element.get("initial_value")}
    if kind in ONE_OPTION:
        return state | {"selected_option": element.get("initial_option")}
    if kind in MANY_OPTIONS:
        return state | {"selected_options": element.get("initial_options", [])}
    if kind in PICKED:
        noun = PICKED[kind]
        zone = {"timezone": element["timezone"]} if "timezone" in element else {}
        return state | {f"selected_{noun}": element.get(f"initial_{noun}")} | zone
    if kind in NAMED:
        noun = NAMED[kind]
        return state | {f"selected_{noun}": element.get(f"initial_{noun}")}
    if kind.removeprefix("multi_") in NAMED:
        noun = NAMED[kind.removeprefix("multi_")]
        return state | {f"selected_{noun}s": element.get(f"initial_{noun}s", [])}
    if kind == "rich_text_input":
        return state | {"rich_text_value": element.get("initial_value")}
    if kind == "file_input":
        return state | {"files": []}
    return None


def emptied(element: Json) -> Json:
    """What a field holds once a person has taken everything out of it."""
    state = initial_state(element) or {"type": element["type"]}
    return {
        k: v if k in ("type", "timezone") else [] if isinstance(v, list) else None for k, v in state.items()
    }


def carried_values(blocks: list[Json], before: Values) -> Values:
    """Start a form, keeping what was filled in where block, action and type are still the same."""
    values: Values = {}
    for field in fields(blocks):
        state = initial_state(field.element)
        if state is None:
            continue
        old = before.get(field.block_id, {}).get(field.action_id)
        if old is not None and old["type"] == state["type"] and _still_offered(field, old):
            state = old
        values.setdefault(field.block_id, {})[field.action_id] = state
    return values


def held_by(values: Values, field: Field) -> Json | None:
    """What a field holds, if anything yet."""
    return values.get(field.block_id, {}).get(field.action_id)


def _still_offered(field: Field, state: Json) -> bool:
    if field.element["type"] in EXTERNAL:
        return True
    chosen = [state["selected_option"]] if state.get("selected_option") else state.get("selected_options", [])
    offered = [o["value"] for o in field.options()]
    return all(o["value"] in offered for o in chosen)


def entered(
    field: Field, value: Any, resolve: Callable[[str, str], str], suggested: Sequence[Json] = ()
) -> Json:
    """Turn what a person types or picks into the field's state.

    ``resolve`` finds people and channels; ``suggested`` is what the app offered for a menu it fills itself.
    """
    element = field.element
    kind = element["type"]
    state: Json = {"type": kind}
    if value is None:
        return emptied(element)
    if kind in ONE_TEXT:
        return state | {"value": _typed(field, value)}
    if kind in ONE_OPTION:
        return state | {"selected_option": chosen_option(field, str(value), suggested)}
    if kind in MANY_OPTIONS:
        chosen = [chosen_option(field, str(v), suggested) for v in value]
        if len(chosen) > element.get("max_selected_items", len(chosen)):
            raise Refused("too_many_selected", field=field.block_id)
        return state | {"selected_options": chosen}
    if kind in PICKED:
        if value is not None and not PATTERNS[kind].fullmatch(str(value)):
            raise Refused("invalid_value", field=field.block_id)
        picked = int(value) if kind == "datetimepicker" and value else value
        return (initial_state(element) or state) | {f"selected_{PICKED[kind]}": picked}
    if kind in NAMED:
        return state | {f"selected_{NAMED[kind]}": resolve(NAMED[kind], str(value))}
    if kind.removeprefix("multi_") in NAMED:
        noun = NAMED[kind.removeprefix("multi_")]
        return state | {f"selected_{noun}s": [resolve(noun, str(v)) for v in value]}
    if kind == "rich_text_input":
        return state | {"rich_text_value": rich_text_of(str(value)) if value else None}
    if kind == "file_input":
        if len(value) > element.get("max_files", 10):
            raise Refused("too_many_files", field=field.block_id, most=element.get("max_files", 10))
        return state | {"files": list(value)}
    raise Refused("nothing_to_enter", field=field.block_id)


def _typed(field: Field, value: Any) -> str | None:
    element = field.element
    text = "" if value is None else str(value)
    if not text:
        return None
    pattern = PATTERNS.get(element["type"])
    if pattern and not pattern.fullmatch(text):
        raise Refused("invalid_value", field=field.block_id)
    if len(text) > element.get("max_length", 3000):
        raise Refused("too_long", field=field.block_id, most=element.get("max_length", 3000))
    if element["type"] == "number_input":
        _check_number(field, text)
    return text


def _check_number(field: Field, text: str) -> None:
    element = field.element
    if not element["is_decimal_allowed"] and "." in text:
        raise Refused("invalid_value", field=field.block_id)
    low, high = element.get("min_value"), element.get("max_value")
    if (low is not None and float(text) < float(low)) or (high is not None and float(text) > float(high)):
        raise Refused("out_of_range", field=field.block_id, least=low, most=high)


def chosen_option(field: Field, wanted: str, suggested: Sequence[Json] = ()) -> Json:
    """Find an offered choice by its value or its label."""
    offered = [*field.options(), *suggested]
    for option in offered:
        if wanted in (option.get("value"), option["text"]["text"]):
            return option
    raise Refused("not_offered", field=field.block_id, option=wanted, offered=[o["value"] for o in offered])


def reports(field: Field, *, entered_by_key: bool = False) -> bool:
    """Say whether the app hears of this field's change at once.

    A line of text in a form is reported when Enter is pressed in it, or at each character, as the app chose.
    """
    if field.block["type"] != "input":
        return True
    if not field.block.get("dispatch_action"):
        return False
    if field.element["type"] not in ONE_TEXT | {"rich_text_input"} or entered_by_key:
        return True
    config = field.element.get("dispatch_action_config") or {}
    return "on_character_entered" in config.get("trigger_actions_on", ())


def unfilled(blocks: list[Json], values: Values) -> dict[str, str]:
    """Name the input blocks a client would not let go: required and empty, or shorter than demanded."""
    problems = {}
    for field in fields(blocks):
        if field.block["type"] != "input":
            continue
        state = values[field.block_id][field.action_id]
        content = next((v for k, v in state.items() if k != "type"), None)
        if not content:
            if not field.block.get("optional"):
                problems[field.block_id] = "required"
        elif field.element["type"] != "plain_text_input":
            continue
        elif isinstance(content, str) and len(content) < field.element.get("min_length", 0):
            problems[field.block_id] = f"at least {field.element['min_length']} characters"
    return problems


# What an interaction repeats of the element, beside the choice.
REPEATED = (
    "placeholder",
    "confirm",
    "initial_option",
    "initial_options",
    "initial_date",
    "initial_time",
    "initial_date_time",
    "initial_user",
    "initial_conversation",
    "initial_channel",
    "min_query_length",
)
PRESSED = ("text", "value", "style", "url", "confirm")


def action_of(field: Field, state: Json | None, at: str) -> Json:
    """Render what was pressed or chosen as an interaction carries it."""
    element = field.element
    action: Json = {
        "type": element["type"],
        "action_id": field.action_id,
        "block_id": field.block_id,
        "action_ts": at,
    }
    if element["type"] in ("button", "icon_button"):
        return action | {k: element[k] for k in PRESSED if k in element}
    return action | (state or {}) | {k: element[k] for k in REPEATED if k in element}


def opinion(field: Field, wanted: Any) -> Json:
    """Find which of two feedback buttons is pressed, by its value or its label."""
    buttons = [field.element[f"{side}_button"] for side in ("positive", "negative")]
    for button in buttons:
        if wanted in (button["value"], button["text"]["text"]):
            return {"text": button["text"], "value": button["value"]}
    raise Refused("not_offered", field=field.block_id, option=wanted, offered=[b["value"] for b in buttons])
