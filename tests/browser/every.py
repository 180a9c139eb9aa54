"""One of each: every block and every input that the page draws, for tests that look at all of them."""

from __future__ import annotations

from typing import Any

from tests.sandbox.slack.harness import option, plain

CHOICES = [option("One", "1"), option("Two", "2"), option("Three", "3")]


def text(words: str) -> dict[str, Any]:
    """A paragraph."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": words}}


def rich(words: str) -> dict[str, Any]:
    """A paragraph of rich text."""
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": words}]}],
    }


def entry(block: str, label: str, kind: str, **element: Any) -> dict[str, Any]:
    """An input block that need not be filled."""
    return {
        "type": "input",
        "block_id": block,
        "label": plain(label),
        "optional": True,
        "element": {"type": kind, "action_id": "value", **element},
    }


def button(action: str, label: str, **more: Any) -> dict[str, Any]:
    """A button."""
    return {"type": "button", "action_id": action, "text": plain(label), **more}


EVERY_INPUT = [
    entry("line", "Line", "plain_text_input"),
    entry("lines", "Lines", "plain_text_input", multiline=True),
    entry("mail", "Mail", "email_text_input"),
    entry("web", "Web", "url_text_input"),
    entry("number", "Number", "number_input", is_decimal_allowed=False, min_value="1", max_value="9"),
    entry("one", "One of", "static_select", options=CHOICES),
    entry("some", "Some of", "multi_static_select", options=CHOICES),
    entry("person", "Person", "users_select"),
    entry("people", "People", "multi_users_select"),
    entry("place", "Place", "channels_select"),
    entry("talk", "Talk", "conversations_select", filter={"include": ["private"]}),
    entry("boxes", "Boxes", "checkboxes", options=CHOICES),
    entry("radio", "Radio", "radio_buttons", options=CHOICES),
    entry("day", "Day", "datepicker"),
    entry("hour", "Hour", "timepicker"),
    entry("moment", "Moment", "datetimepicker"),
    entry("rich", "Rich", "rich_text_input"),
    entry("files", "Files", "file_input"),
]
EVERY_BLOCK = [
    {"type": "header", "text": plain("A header")},
    text("*Words* with `code`"),
    text("A menu beside")
    | {
        "accessory": {
            "type": "static_select",
            "action_id": "beside",
            "options": CHOICES,
            "placeholder": plain("Pick one"),
        }
    },
    {"type": "section", "fields": [plain("Vendor"), plain("State")]},
    {"type": "context", "elements": [plain("usually 18 min here")]},
    {
        "type": "actions",
        "elements": [
            button("plain", "Details"),
            button("first", "Train…", style="primary"),
            button("last", "Cancel", style="danger"),
            {"type": "overflow", "action_id": "more", "options": CHOICES},
            {"type": "datepicker", "action_id": "day"},
        ],
    },
    {"type": "divider"},
    rich("Rich words"),
    {"type": "markdown", "text": "**bold**\n\n- one\n- two"},
    {
        "type": "table",
        "rows": [
            [{"type": "raw_text", "text": "Vendor"}, {"type": "raw_text", "text": "Jobs"}],
            [{"type": "raw_text", "text": "Acme"}, {"type": "raw_number", "value": 3}],
        ],
    },
    {
        "type": "data_visualization",
        "title": "Jobs a day",
        "chart": {
            "type": "pie",
            "segments": [{"label": "Monday", "value": 3}, {"label": "Tuesday", "value": 7}],
        },
    },
    {
        "type": "card",
        "title": plain("A card"),
        "body": plain("With a body"),
        "actions": [button("in-card", "Open it")],
    },
    {
        "type": "carousel",
        "elements": [{"type": "card", "title": plain(f"Number {n}")} for n in range(3)],
    },
    {
        "type": "container",
        "title": plain("Folded"),
        "is_collapsible": True,
        "child_blocks": [text("inside")],
    },
    {
        "type": "task_card",
        "task_id": "1",
        "title": "Train it",
        "status": "in_progress",
        "details": rich("40 %"),
    },
    {
        "type": "plan",
        "title": "The plan",
        "tasks": [{"type": "task_card", "task_id": "2", "title": "Fetch it", "status": "complete"}],
    },
    {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "opinion",
                "positive_button": {"text": plain("Good"), "value": "good"},
                "negative_button": {"text": plain("Bad"), "value": "bad"},
            },
            {"type": "icon_button", "icon": "trash", "text": plain("Throw away"), "action_id": "bin"},
        ],
    },
]
