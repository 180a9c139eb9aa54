"""One good example of every block and element Slack has, small enough to be bent in one place."""

from typing import Any

from bot.sandbox.slack.blocks import Poster
from tests.sandbox.slack.harness import option, plain

Block = dict[str, Any]

POSTER = Poster(lambda _id: True, frozenset({"links.embed:write", "calls:write"}), "a-remote-file".__eq__)
"""Somebody to whom everything was granted."""

MESSAGE, MODAL, HOME = "message", "modal", "home"
EVERYWHERE = {MESSAGE, MODAL, HOME}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def rich_text(*words: str) -> Block:
    parts = [{"type": "text", "text": word} for word in words]
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": parts}]}


def button(**more: Any) -> Block:
    return {"type": "button", "action_id": "go", "text": plain("Go"), **more}


def picture(**more: Any) -> Block:
    return {"type": "image", "alt_text": "a fox", "image_url": "https://x.test/fox.png", **more}


def section(text: str = "words", **more: Any) -> Block:
    return {"type": "section", "text": mrkdwn(text), **more}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def field(element: Block, **more: Any) -> Block:
    return {"type": "input", "label": plain("Label"), "element": element, **more}


def card(**more: Any) -> Block:
    return {"type": "card", "title": plain("ana spring"), **more}


def task(**more: Any) -> Block:
    return {"type": "task_card", "task_id": "t1", "title": "Train", "status": "pending", **more}


def cell(text: str = "x") -> Block:
    return {"type": "raw_text", "text": text}


def data_table(rows: int = 2, columns: int = 1, **more: Any) -> Block:
    body = [[cell() for _ in range(columns)] for _ in range(rows)]
    return {"type": "data_table", "caption": "Jobs", "rows": body, **more}


def pie(segments: int = 1, **segment: Any) -> Block:
    one = {"label": "a", "value": 1, **segment}
    return {
        "type": "data_visualization",
        "title": "t",
        "chart": {"type": "pie", "segments": [one] * segments},
    }


def bars(series: int = 1, points: int = 1, kind: str = "bar", name: str = "s", **axes: Any) -> Block:
    labels = [f"p{n}" for n in range(points)]
    data = [{"label": label, "value": 1} for label in labels]
    plotted = [{"name": f"{name}{n}" if series > 1 else name, "data": data} for n in range(series)]
    chart = {"type": kind, "series": plotted, "axis_config": {"categories": labels, **axes}}
    return {"type": "data_visualization", "title": "t", "chart": chart}


A = option("A", "a")

# Every block of Slack's pages: an example, and the surfaces on which it may stand.
BLOCKS: dict[str, tuple[Block, set[str]]] = {
    "section": (section(), EVERYWHERE),
    "divider": ({"type": "divider"}, EVERYWHERE),
    "image": (picture(), EVERYWHERE),
    "actions": (actions(button()), EVERYWHERE),
    "context": ({"type": "context", "elements": [plain("x"), mrkdwn("y"), picture()]}, EVERYWHERE),
    "context_actions": (
        {
            "type": "context_actions",
            "elements": [
                {
                    "type": "feedback_buttons",
                    "positive_button": {"text": plain("Good"), "value": "1"},
                    "negative_button": {"text": plain("Bad"), "value": "0"},
                }
            ],
        },
        {MESSAGE},
    ),
    "input": (field({"type": "plain_text_input"}), EVERYWHERE),
    "file": ({"type": "file", "source": "remote", "external_id": "a-remote-file"}, {MESSAGE}),
    "call": ({"type": "call", "call_id": "R1"}, {MESSAGE}),
    "header": ({"type": "header", "text": plain("Jobs")}, EVERYWHERE),
    "markdown": ({"type": "markdown", "text": "# Jobs"}, {MESSAGE}),
    "video": (
        {
            "type": "video",
            "alt_text": "a walk",
            "title": plain("A walk"),
            "thumbnail_url": "https://x.test/a.png",
            "video_url": "https://x.test/a",
        },
        EVERYWHERE,
    ),
    "rich_text": (rich_text("words"), EVERYWHERE),
    "table": ({"type": "table", "rows": [[cell(), rich_text("x")]]}, {MESSAGE}),
    "data_table": (data_table(), {MESSAGE}),
    "data_visualization": (pie(), {MESSAGE}),
    "task_card": (task(), {MESSAGE}),
    "plan": ({"type": "plan", "title": "Plan", "tasks": [task()]}, {MESSAGE}),
    "alert": ({"type": "alert", "text": plain("Careful"), "level": "warning"}, {MODAL}),
    "card": (card(actions=[button()]), EVERYWHERE),
    "container": ({"type": "container", "title": plain("Box"), "child_blocks": [section()]}, {MESSAGE}),
    "carousel": ({"type": "carousel", "elements": [card()]}, {MESSAGE, HOME}),
    "auth_provider": (
        {"type": "auth_provider", "value": "drive", "name": plain("Drive"), "is_connected": False},
        EVERYWHERE,
    ),
}

# Every element: an example, and the blocks it may stand in (as an accessory, an element or an input).
ELEMENTS: dict[str, tuple[Block, set[str]]] = {
    "button": (button(), {"section", "actions"}),
    "checkboxes": ({"type": "checkboxes", "options": [A]}, {"section", "actions", "input"}),
    "datepicker": ({"type": "datepicker"}, {"section", "actions", "input"}),
    "timepicker": ({"type": "timepicker"}, {"section", "actions", "input"}),
    "datetimepicker": ({"type": "datetimepicker"}, {"actions", "input"}),
    "image": (picture(), {"section"}),
    "static_select": ({"type": "static_select", "options": [A]}, {"section", "actions", "input"}),
    "multi_static_select": (
        {"type": "multi_static_select", "options": [A]},
        {"section", "actions", "input"},
    ),
    **{
        kind: ({"type": kind}, {"section", "actions", "input"})
        for prefix in ("", "multi_")
        for kind in (
            f"{prefix}external_select",
            f"{prefix}users_select",
            f"{prefix}conversations_select",
            f"{prefix}channels_select",
        )
    },
    "overflow": ({"type": "overflow", "options": [A]}, {"section", "actions"}),
    "radio_buttons": ({"type": "radio_buttons", "options": [A]}, {"section", "actions", "input"}),
    "workflow_button": (
        {
            "type": "workflow_button",
            "text": plain("Run"),
            "workflow": {"trigger": {"url": "https://slack.com/shortcuts/Ft0/x"}},
        },
        {"section", "actions"},
    ),
    "plain_text_input": ({"type": "plain_text_input"}, {"input"}),
    "rich_text_input": ({"type": "rich_text_input"}, {"actions", "input"}),
    "email_text_input": ({"type": "email_text_input"}, {"input"}),
    "url_text_input": ({"type": "url_text_input"}, {"input"}),
    "number_input": ({"type": "number_input", "is_decimal_allowed": False}, {"input"}),
    "file_input": ({"type": "file_input"}, {"input"}),
    "feedback_buttons": (BLOCKS["context_actions"][0]["elements"][0], {"context_actions"}),
    "icon_button": ({"type": "icon_button", "icon": "trash", "text": plain("Delete")}, {"context_actions"}),
}


def standing_in(kind: str, element: Block) -> Block:
    """The block of that kind with the element in it."""
    match kind:
        case "section":
            return section(accessory=element)
        case "input":
            return field(element)
        case _:
            return {"type": kind, "elements": [element]}
