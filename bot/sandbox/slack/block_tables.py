"""What each block, element and view may hold: Slack's limits as a table.

Blocks the app does not use are not here, and are refused as unknown, like a misspelt one.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from bot.sandbox.slack.blocks import (
    Report,
    Rule,
    anything,
    array,
    at_least_one,
    both,
    choice,
    exactly_one,
    flag,
    integer,
    one_of,
    only_on,
    shape,
    string,
    unique,
)
from bot.sandbox.slack.wire import Json

MAX_MESSAGE_TEXT = 13_200
MAX_VIEW_BYTES = 250_000
ID = string(255)
FILE_ID = re.compile(r"^F[A-Z0-9]{8,}$")


def plain(maximum: int) -> Rule:
    """A plain text object."""
    return shape({"type": one_of("plain_text"), "text": string(maximum)}, {"emoji": flag})


def rich(maximum: int) -> Rule:
    """A text object of either kind."""
    return choice(
        {
            "plain_text": plain(maximum),
            "mrkdwn": shape({"type": anything, "text": string(maximum)}, {"verbatim": flag}),
        }
    )


CONFIRM = shape(
    {"title": plain(100), "text": rich(300), "confirm": plain(30), "deny": plain(30)}, {"style": anything}
)
OPTION = shape({"text": plain(75), "value": string(150)}, {"description": plain(75)})
RICH_OPTION = shape({"text": rich(75), "value": string(150)}, {"description": rich(75)})
LINK_OPTION = shape(
    {"text": plain(75), "value": string(150)}, {"description": plain(75), "url": string(3000)}
)
GROUP = shape({"label": plain(75), "options": array(OPTION, 100)})
FOCUS: dict[str, Rule] = {"focus_on_load": flag}
PLACEHOLDER: dict[str, Rule] = {"placeholder": plain(150)}
COMMON: dict[str, Rule] = {"action_id": ID, "confirm": CONFIRM}


def slack_file(value: Any, pointer: str, report: Report) -> None:
    """Accept a file the poster sees, once Slack has looked at it."""
    shape({}, {"id": string(255), "url": string(3000)})(value, pointer, report)
    exactly_one("id", "url")(value, pointer, report)
    if not isinstance(value, dict):
        return
    name = value.get("id")
    if isinstance(name, str) and not FILE_ID.match(name):
        report.add(f"{pointer}/id", "must match the pattern ^F[A-Z0-9]{8,}$")
    elif isinstance(name or value.get("url"), str) and not report.file_is_ready(name or value["url"]):
        report.add(pointer, "invalid slack file")


PICTURE: dict[str, Rule] = {"image_url": string(3000), "slack_file": slack_file}
IMAGE_ELEMENT = both(
    shape({"type": anything, "alt_text": string(2000)}, PICTURE), exactly_one("image_url", "slack_file")
)
BUTTON = shape(
    {"type": anything, "text": plain(75)},
    COMMON
    | {
        "url": string(3000),
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "accessibility_label": string(75),
    },
)


def select(multiple: bool, own: dict[str, Rule], *extra: Rule) -> Rule:
    """A menu, for one choice or for several."""
    fields = COMMON | PLACEHOLDER | FOCUS | own
    if multiple:
        fields |= {"max_selected_items": integer(1, 1000)}
    return both(shape({"type": anything}, fields), *extra)


def static_select(multiple: bool) -> Rule:
    """A menu whose options are given."""
    own: dict[str, Rule] = {"options": array(OPTION, 100), "option_groups": array(GROUP, 100)}
    own |= {"initial_options": array(OPTION, 100)} if multiple else {"initial_option": OPTION}
    return select(multiple, own, exactly_one("options", "option_groups"))


def people_select(multiple: bool, noun: str) -> Rule:
    """A menu of users, conversations or channels."""
    own: dict[str, Rule] = {f"initial_{noun}s": array(string(255), 1000, 0)} if multiple else {}
    own |= {} if multiple else {f"initial_{noun}": string(255), "response_url_enabled": flag}
    if noun == "conversation":
        own |= {"default_to_current_conversation": flag, "filter": anything}
    return select(multiple, own)


MENUS: dict[str, Rule] = {
    "static_select": static_select(False),
    "multi_static_select": static_select(True),
    **{
        f"{prefix}{noun}s_select": people_select(bool(prefix), noun)
        for prefix in ("", "multi_")
        for noun in ("user", "conversation", "channel")
    },
}
PICKERS: dict[str, Rule] = {
    "checkboxes": shape(
        {"type": anything, "options": array(RICH_OPTION, 10)},
        COMMON | FOCUS | {"initial_options": array(RICH_OPTION, 10)},
    ),
    "radio_buttons": shape(
        {"type": anything, "options": array(RICH_OPTION, 10)},
        COMMON | FOCUS | {"initial_option": RICH_OPTION},
    ),
    "datepicker": shape({"type": anything}, COMMON | PLACEHOLDER | FOCUS | {"initial_date": string(10)}),
    "timepicker": shape(
        {"type": anything},
        COMMON | PLACEHOLDER | FOCUS | {"initial_time": string(5), "timezone": string(100)},
    ),
    "datetimepicker": shape(
        {"type": anything}, COMMON | FOCUS | {"initial_date_time": integer(0, 9_999_999_999)}
    ),
}
CLICKABLE: dict[str, Rule] = {
    "button": BUTTON,
    "overflow": shape({"type": anything, "options": array(LINK_OPTION, 5)}, COMMON),
}
DISPATCH: dict[str, Rule] = {"dispatch_action_config": anything}
TYPED = {"action_id": ID} | PLACEHOLDER | FOCUS | DISPATCH
INPUTS: dict[str, Rule] = {
    "plain_text_input": shape(
        {"type": anything},
        TYPED
        | {
            "initial_value": string(3000, 0),
            "multiline": flag,
            "min_length": integer(0, 3000),
            "max_length": integer(1, 3000),
        },
    ),
    "email_text_input": shape({"type": anything}, TYPED | {"initial_value": string(3000, 0)}),
    "url_text_input": shape({"type": anything}, TYPED | {"initial_value": string(3000, 0)}),
    "number_input": shape(
        {"type": anything, "is_decimal_allowed": flag},
        TYPED | {"initial_value": string(100), "min_value": string(100), "max_value": string(100)},
    ),
    "file_input": both(
        shape(
            {"type": anything},
            {"action_id": ID, "filetypes": array(string(20), 100), "max_files": integer(1, 10)},
        ),
        only_on("modal"),
    ),
}
BLOCK: dict[str, Rule] = {"block_id": ID}
BLOCKS: dict[str, Rule] = {
    "section": both(
        shape(
            {"type": anything},
            BLOCK
            | {
                "text": rich(3000),
                "fields": array(rich(2000), 10),
                "accessory": choice({"image": IMAGE_ELEMENT, **CLICKABLE, **MENUS, **PICKERS}),
                "expand": flag,
            },
        ),
        at_least_one("text", "fields"),
    ),
    "actions": both(
        shape({"type": anything, "elements": array(choice({**CLICKABLE, **MENUS, **PICKERS}), 25)}, BLOCK),
        unique("action_id", lambda block: [e for e in block.get("elements") or [] if isinstance(e, dict)]),
    ),
    "context": shape(
        {
            "type": anything,
            "elements": array(
                choice(
                    {
                        "image": IMAGE_ELEMENT,
                        "plain_text": plain(3000),
                        "mrkdwn": shape({"type": anything, "text": string(3000)}, {"verbatim": flag}),
                    }
                ),
                10,
            ),
        },
        BLOCK,
    ),
    "header": shape({"type": anything, "text": plain(150)}, BLOCK),
    "divider": shape({"type": anything}, BLOCK),
    "image": both(
        shape({"type": anything, "alt_text": string(2000)}, BLOCK | PICTURE | {"title": plain(2000)}),
        exactly_one("image_url", "slack_file"),
    ),
    "input": shape(
        {"type": anything, "label": plain(2000), "element": choice({**INPUTS, **MENUS, **PICKERS})},
        BLOCK | {"hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
    "rich_text": shape({"type": anything, "elements": array(anything, 1000, 0)}, BLOCK),
    "markdown": both(shape({"type": anything, "text": string(12_000)}, BLOCK), only_on("message")),
}
ANY_BLOCK = choice(BLOCKS)


def _objects(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def block_list(maximum: int, minimum: int) -> Rule:
    """A surface's blocks, each with an id of its own."""
    ids = unique("block_id", _objects)
    return both(array(ANY_BLOCK, maximum, minimum), ids)


MESSAGE_BLOCKS = block_list(50, 0)
VIEW_COMMON: dict[str, Rule] = {
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
VIEWS: dict[str, Rule] = {
    "modal": shape(
        {"type": anything, "title": plain(24), "blocks": block_list(100, 1)},
        VIEW_COMMON
        | {
            "close": plain(24),
            "submit": plain(24),
            "clear_on_close": flag,
            "notify_on_close": flag,
            "submit_disabled": flag,
        },
    ),
    "home": shape({"type": anything, "blocks": block_list(100, 0)}, VIEW_COMMON),
}


def check_message_blocks(blocks: Any, file_is_ready: Callable[[str], bool]) -> list[str]:
    """List what is wrong with a message's blocks; empty when Slack would take them."""
    report = Report("message", file_is_ready)
    MESSAGE_BLOCKS(blocks, "/blocks", report)
    return report.messages


def check_view(view: Any, file_is_ready: Callable[[str], bool], allowed: str) -> list[str]:
    """List what is wrong with a view of the allowed type; empty when Slack would take it."""
    report = Report(allowed, file_is_ready)
    choice({allowed: VIEWS[allowed]})(view, "/view", report)
    if not report.messages and allowed == "modal" and view.get("submit") is None:
        inputs = [i for i, block in enumerate(view["blocks"]) if block["type"] == "input"]
        if inputs:
            report.add("/view", "missing required field: submit")
    return report.messages


def is_too_large(view: Json) -> bool:
    """Say whether a view is more than Slack stores."""
    return len(json.dumps(view, ensure_ascii=False).encode()) > MAX_VIEW_BYTES


def text_length(node: Any) -> int:
    """Count the characters of every text in the blocks."""
    if isinstance(node, list):
        return sum(text_length(item) for item in node)
    if not isinstance(node, dict):
        return 0
    own = node.get("text")
    return (len(own) if isinstance(own, str) else 0) + sum(text_length(value) for value in node.values())
