"""What each block element may hold: buttons, menus, pickers and inputs."""

from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.block_parts import (
    CONFIRM,
    CONVERSATION_FILTER,
    DISPATCH_CONFIG,
    GROUP,
    ID,
    LINK,
    LINK_OPTION,
    OPTION,
    PICTURE,
    RICH_OPTION,
    RICH_TEXT,
    plain,
)
from bot.sandbox.slack.blocks import (
    Rule,
    anything,
    array,
    both,
    exactly_one,
    flag,
    in_order,
    integer,
    objects,
    offered,
    one_of,
    only_on,
    pattern,
    shape,
    string,
)
from bot.sandbox.slack.wire import Json

FOCUS: dict[str, Rule] = {"focus_on_load": flag}
PLACEHOLDER: dict[str, Rule] = {"placeholder": plain(150)}
COMMON: dict[str, Rule] = {"action_id": ID, "confirm": CONFIRM}
LABEL: dict[str, Rule] = {"accessibility_label": string(75)}
STYLE: dict[str, Rule] = {"style": one_of("primary", "danger")}
NUMERAL = pattern(r"-?\d+(\.\d+)?", "a number in a string")

IMAGE_ELEMENT = both(
    shape({"type": anything, "alt_text": string(2000)}, PICTURE), exactly_one("image_url", "slack_file")
)
BUTTON = shape(
    {"type": anything, "text": plain(75)},
    COMMON | LABEL | STYLE | {"url": LINK, "value": string(2000), "agent_prompt": string(4000)},
)


def choices(element: Any) -> Iterator[Json]:
    """Walk through what a menu offers, grouped or not."""
    for group in [element, *objects(element.get("option_groups"))]:
        yield from objects(group.get("options"))


def select(own: dict[str, Rule], *extra: Rule, multiple: bool = False) -> Rule:
    """A menu, for one choice or for several."""
    fields = COMMON | PLACEHOLDER | FOCUS | own
    if multiple:
        fields |= {"max_selected_items": integer(1, 1000)}
    return both(shape({"type": anything}, fields), *extra)


def static_select(multiple: bool) -> Rule:
    """A menu whose options are given."""
    own: dict[str, Rule] = {"options": array(OPTION, 100), "option_groups": array(GROUP, 100)}
    initial = "initial_options" if multiple else "initial_option"
    own[initial] = array(OPTION, 100) if multiple else OPTION
    return select(own, exactly_one("options", "option_groups"), offered(initial, choices), multiple=multiple)


def external_select(multiple: bool) -> Rule:
    """A menu whose options the app is asked for while somebody types."""
    own: dict[str, Rule] = {"min_query_length": integer(0, 3000)}
    own |= {"initial_options": array(OPTION, 100)} if multiple else {"initial_option": OPTION}
    return select(own, multiple=multiple)


def people_select(multiple: bool, noun: str, *, in_form: bool) -> Rule:
    """A menu of users, conversations or channels."""
    own: dict[str, Rule] = (
        {f"initial_{noun}s": array(string(255), 1000, 0)} if multiple else {f"initial_{noun}": string(255)}
    )
    if noun == "conversation":
        own |= {"default_to_current_conversation": flag, "filter": CONVERSATION_FILTER}
    if in_form and not multiple and noun != "user":
        own["response_url_enabled"] = both(flag, only_on("modal"))
    return select(own, multiple=multiple)


def menus(*, in_form: bool) -> dict[str, Rule]:
    """Every menu; a response URL is promised only by those that stand in a form."""
    found = {
        "static_select": static_select(False),
        "multi_static_select": static_select(True),
        "external_select": external_select(False),
        "multi_external_select": external_select(True),
    }
    for noun in ("user", "conversation", "channel"):
        found[f"{noun}s_select"] = people_select(False, noun, in_form=in_form)
        found[f"multi_{noun}s_select"] = people_select(True, noun, in_form=in_form)
    return found


CHECKBOXES = both(
    shape(
        {"type": anything, "options": array(RICH_OPTION, 10)},
        COMMON | FOCUS | {"initial_options": array(RICH_OPTION, 10)},
    ),
    offered("initial_options", choices),
)
RADIO_BUTTONS = both(
    shape(
        {"type": anything, "options": array(RICH_OPTION, 10)},
        COMMON | FOCUS | {"initial_option": RICH_OPTION},
    ),
    offered("initial_option", choices),
)
DATE = pattern(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "YYYY-MM-DD")
TIME = pattern(r"([01]\d|2[0-3]):[0-5]\d", "HH:mm")
PICKERS: dict[str, Rule] = {
    "checkboxes": CHECKBOXES,
    "radio_buttons": RADIO_BUTTONS,
    "datepicker": shape({"type": anything}, COMMON | PLACEHOLDER | FOCUS | {"initial_date": DATE}),
    "timepicker": shape(
        {"type": anything}, COMMON | PLACEHOLDER | FOCUS | {"initial_time": TIME, "timezone": string(100)}
    ),
}
DATETIMEPICKER = shape(
    {"type": anything}, COMMON | FOCUS | {"initial_date_time": integer(1_000_000_000, 9_999_999_999)}
)
TRIGGER = shape(
    {"url": LINK},
    {"customizable_input_parameters": array(shape({"name": string(255), "value": string(2000, 0)}), 100)},
)
CLICKABLE: dict[str, Rule] = {
    "button": BUTTON,
    "overflow": shape({"type": anything, "options": array(LINK_OPTION, 5)}, COMMON),
    "workflow_button": shape(
        {"type": anything, "text": plain(75), "workflow": shape({"trigger": TRIGGER})}, COMMON | LABEL | STYLE
    ),
}
OPINION = shape({"text": plain(75), "value": string(2000)}, LABEL)
CONTEXT_ACTIONS: dict[str, Rule] = {
    "feedback_buttons": shape(
        {"type": anything, "positive_button": OPINION, "negative_button": OPINION}, {"action_id": ID}
    ),
    "icon_button": shape(
        {"type": anything, "icon": one_of("trash"), "text": plain(75)},
        COMMON | LABEL | {"value": string(2000), "visible_to_user_ids": array(string(255), 10)},
    ),
}
TYPED = {"action_id": ID, "dispatch_action_config": DISPATCH_CONFIG} | PLACEHOLDER | FOCUS
RICH_TEXT_INPUT = both(
    shape(
        {"type": anything},
        TYPED | {"initial_value": RICH_TEXT, "min_lines": integer(1, 100), "max_lines": integer(1, 100)},
    ),
    in_order("min_lines", "max_lines"),
)
NUMBER_INPUT = both(
    shape(
        {"type": anything, "is_decimal_allowed": flag},
        TYPED | dict.fromkeys(("initial_value", "min_value", "max_value"), NUMERAL),
    ),
    in_order("min_value", "max_value"),
    in_order("min_value", "initial_value"),
    in_order("initial_value", "max_value"),
)
INPUTS: dict[str, Rule] = {
    "plain_text_input": both(
        shape(
            {"type": anything},
            TYPED
            | {
                "initial_value": string(3000, 0),
                "multiline": flag,
                "min_length": integer(0, 3000),
                "max_length": integer(1, 3000),
            },
        ),
        in_order("min_length", "max_length"),
    ),
    "email_text_input": shape({"type": anything}, TYPED | {"initial_value": string(3000, 0)}),
    "url_text_input": shape({"type": anything}, TYPED | {"initial_value": string(3000, 0)}),
    "number_input": NUMBER_INPUT,
    "rich_text_input": RICH_TEXT_INPUT,
    "file_input": both(
        shape(
            {"type": anything},
            {
                "action_id": ID,
                "filetypes": array(pattern(r"[a-z0-9]{1,20}", "a file extension such as jpg"), 100),
                "max_files": integer(1, 10),
            },
        ),
        only_on("modal"),
    ),
}
# Where each may stand, by the elements' own pages.
IN_SECTION: dict[str, Rule] = {"image": IMAGE_ELEMENT, **CLICKABLE, **menus(in_form=False), **PICKERS}
IN_ACTIONS: dict[str, Rule] = {
    **CLICKABLE,
    **menus(in_form=False),
    **PICKERS,
    "datetimepicker": DATETIMEPICKER,
    "rich_text_input": RICH_TEXT_INPUT,
}
IN_FORM: dict[str, Rule] = {
    **INPUTS,
    **menus(in_form=True),
    **PICKERS,
    "datetimepicker": DATETIMEPICKER,
}
