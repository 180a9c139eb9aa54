"""What each block and view may hold, and on which surface it may stand: Slack's limits as a table."""

import json
from collections.abc import Callable
from typing import Any

from bot.sandbox.slack.block_data import CHART_BLOCK, DATA_TABLE, TABLE
from bot.sandbox.slack.block_elements import (
    BUTTON,
    CLICKABLE,
    CONTEXT_ACTIONS,
    IMAGE_ELEMENT,
    IN_ACTIONS,
    IN_FORM,
    IN_SECTION,
)
from bot.sandbox.slack.block_parts import BLOCK, ID, LINK, PICTURE, RICH_TEXT, SECURE_LINK, plain, rich
from bot.sandbox.slack.block_walk import all_blocks, elements_of
from bot.sandbox.slack.blocks import (
    Poster,
    Report,
    Rule,
    anything,
    array,
    at_least_one,
    both,
    choice,
    exactly_one,
    flag,
    granted,
    objects,
    one_of,
    only_on,
    shape,
    string,
    total,
    unique,
)
from bot.sandbox.slack.wire import Json

MAX_MESSAGE_TEXT = 13_200
MAX_MARKDOWN = 12_000
MAX_VIEW_BYTES = 250_000


def _distinct(listed: str) -> Rule:
    """A block in whose list no two elements share an action id."""
    return unique("action_id", lambda block: objects(block.get(listed)))


def _of_kind(kind: str) -> Callable[[Any], int]:
    return lambda blocks: sum(block.get("type") == kind for block in all_blocks(blocks))


# Text, pictures and what can be pressed.

SECTION = both(
    shape(
        {"type": anything},
        BLOCK
        | {
            "text": rich(3000),
            "fields": array(rich(2000), 10),
            "accessory": choice(IN_SECTION),
            "expand": flag,
        },
    ),
    at_least_one("text", "fields"),
)
CONTEXT_PARTS = {
    "image": IMAGE_ELEMENT,
    "plain_text": plain(3000),
    "mrkdwn": shape({"type": anything, "text": string(3000)}, {"verbatim": flag}),
}
VIDEO = both(
    shape(
        {
            "type": anything,
            "alt_text": string(2000),
            "title": plain(199),
            "thumbnail_url": LINK,
            "video_url": SECURE_LINK,
        },
        BLOCK
        | {
            "author_name": string(49),
            "description": plain(199),
            "provider_icon_url": LINK,
            "provider_name": string(255),
            "title_url": SECURE_LINK,
        },
    ),
    granted("links.embed:write"),
)


def remote_file(value: Any, pointer: str, report: Report) -> None:
    """Accept a remote file that Slack was told of before."""
    shape({"type": anything, "source": one_of("remote"), "external_id": string(255)}, BLOCK)(
        value, pointer, report
    )
    name = value.get("external_id")
    if isinstance(name, str) and not report.poster.knows_remote(name):
        report.add(f"{pointer}/external_id", "file not found")


# Cards and what holds them.

CARD = both(
    shape(
        {"type": anything},
        BLOCK
        | {
            "hero_image": IMAGE_ELEMENT,
            "icon": IMAGE_ELEMENT,
            "title": rich(150),
            "subtitle": rich(150),
            "body": rich(200),
            "actions": array(choice({"button": BUTTON}), 25),
        },
    ),
    at_least_one("hero_image", "title", "actions", "body"),
    _distinct("actions"),
)
TASK_CARD = shape(
    {
        "type": anything,
        "task_id": string(255),
        "title": string(3000),
        "status": one_of("pending", "in_progress", "complete", "error"),
    },
    BLOCK
    | {
        "details": RICH_TEXT,
        "output": RICH_TEXT,
        "sources": array(choice({"url": shape({"type": anything, "url": LINK, "text": string(3000)})}), 100),
    },
)


def _folding(value: Any, pointer: str, report: Report) -> None:
    """A container's header line and its folding exclude each other; only what folds can begin folded."""
    folds = value.get("is_collapsible") is True
    if folds and value.get("has_header_divider") is True:
        report.add(f"{pointer}/has_header_divider", "cannot be set when is_collapsible is true")
    if not folds and value.get("default_collapsed") is True:
        report.add(f"{pointer}/default_collapsed", "requires is_collapsible to be true")


# Where what stands: the surfaces of each block's page.

ANYWHERE: dict[str, Rule] = {
    "section": SECTION,
    "actions": both(
        shape({"type": anything, "elements": array(choice(IN_ACTIONS), 25)}, BLOCK),
        _distinct("elements"),
    ),
    "context": shape({"type": anything, "elements": array(choice(CONTEXT_PARTS), 10)}, BLOCK),
    "header": shape({"type": anything, "text": plain(150)}, BLOCK),
    "divider": shape({"type": anything}, BLOCK),
    "image": both(
        shape({"type": anything, "alt_text": string(2000)}, BLOCK | PICTURE | {"title": plain(2000)}),
        exactly_one("image_url", "slack_file"),
    ),
    "input": shape(
        {"type": anything, "label": plain(2000), "element": choice(IN_FORM)},
        BLOCK | {"hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
    "rich_text": RICH_TEXT,
    "video": VIDEO,
    "card": CARD,
    "auth_provider": shape(
        {"type": anything, "value": string(150), "name": plain(75), "is_connected": flag},
        BLOCK
        | {
            "description": plain(150),
            "connected_identity": plain(75),
            "connected_context": plain(75),
            **dict.fromkeys(("icon_url", "auth_url", "disconnect_url"), SECURE_LINK),
            "accessory": choice({"overflow": CLICKABLE["overflow"]}),
            "fallback": array(anything, 50),
        },
    ),
}
CHILDREN = ("actions", "context", "divider", "header", "image", "input", "rich_text", "section", "video")
CONTAINER = both(
    shape(
        {
            "type": anything,
            "child_blocks": array(
                choice({**{k: ANYWHERE[k] for k in CHILDREN}, "file": remote_file, "table": TABLE}), 10
            ),
        },
        BLOCK
        | {
            "title": plain(150),
            "rich_text_title": RICH_TEXT,
            "subtitle": rich(150),
            "width": one_of("narrow", "standard", "wide", "full"),
            "icon": IMAGE_ELEMENT,
            **dict.fromkeys(("is_collapsible", "default_collapsed", "has_header_divider"), flag),
        },
    ),
    at_least_one("title", "rich_text_title"),
    _folding,
)
IN_MESSAGES: dict[str, Rule] = {
    "markdown": shape({"type": anything, "text": string(MAX_MARKDOWN)}, BLOCK),
    "context_actions": both(
        shape({"type": anything, "elements": array(choice(CONTEXT_ACTIONS), 5)}, BLOCK),
        _distinct("elements"),
    ),
    "file": remote_file,
    "call": both(
        shape(
            {"type": anything, "call_id": ID}, BLOCK | {"api_decoration_available": flag, "call": anything}
        ),
        granted("calls:write"),
    ),
    "table": TABLE,
    "data_table": DATA_TABLE,
    "data_visualization": CHART_BLOCK,
    "container": CONTAINER,
    "task_card": TASK_CARD,
    "plan": shape(
        {"type": anything, "title": string(3000)},
        BLOCK | {"tasks": array(choice({"task_card": TASK_CARD}), 50)},
    ),
}
CAROUSEL = shape({"type": anything, "elements": array(choice({"card": CARD}), 10)}, BLOCK)
ALERT = shape(
    {"type": anything, "text": rich(3000)},
    BLOCK | {"level": one_of("default", "info", "warning", "error", "success")},
)
BLOCKS: dict[str, Rule] = {
    **ANYWHERE,
    **{kind: both(rule, only_on("message")) for kind, rule in IN_MESSAGES.items()},
    "carousel": both(CAROUSEL, only_on("message", "home")),
    "alert": both(ALERT, only_on("modal")),
}
ANY_BLOCK = choice(BLOCKS)


def block_list(maximum: int, minimum: int) -> Rule:
    """A surface's blocks, each with an id of its own."""
    ids = unique("block_id", lambda blocks: list(all_blocks(blocks)))
    return both(array(ANY_BLOCK, maximum, minimum), ids)


def _markdown(blocks: Any) -> int:
    return sum(len(str(b.get("text", ""))) for b in all_blocks(blocks) if b.get("type") == "markdown")


MESSAGE_BLOCKS = both(
    block_list(50, 0),
    total(1, _of_kind("table"), "table"),
    total(MAX_MARKDOWN, _markdown, "characters of markdown"),
)


def _one_focus(view: Any, pointer: str, report: Report) -> None:
    focused = sum(
        element.get("focus_on_load") is True
        for block in all_blocks(view.get("blocks"))
        for element in elements_of(block)
    )
    if focused > 1:
        report.add(f"{pointer}/blocks", "only one element can have focus_on_load")


VIEW_COMMON: dict[str, Rule] = {
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
VIEWS: dict[str, Rule] = {
    "modal": both(
        shape(
            {"type": anything, "title": plain(24), "blocks": block_list(100, 1)},
            VIEW_COMMON
            | {
                "close": plain(24),
                "submit": plain(24),
                **dict.fromkeys(("clear_on_close", "notify_on_close", "submit_disabled"), flag),
            },
        ),
        _one_focus,
    ),
    "home": both(shape({"type": anything, "blocks": block_list(100, 0)}, VIEW_COMMON), _one_focus),
}


def check_message_blocks(blocks: Any, poster: Poster, pointer: str = "/blocks") -> list[str]:
    """List what is wrong with a message's blocks; empty when Slack would take them."""
    report = Report("message", poster)
    MESSAGE_BLOCKS(blocks, pointer, report)
    return report.messages


def check_view(view: Any, poster: Poster, allowed: str) -> list[str]:
    """List what is wrong with a view of the allowed type; empty when Slack would take it."""
    report = Report(allowed, poster)
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
