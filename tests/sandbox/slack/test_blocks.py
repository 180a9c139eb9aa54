"""Block Kit: what Slack refuses is refused, with a pointer to the place."""

from typing import Any

import pytest

from bot.sandbox.slack.block_tables import check_message_blocks, check_view
from bot.sandbox.slack.blocks import Poster
from tests.sandbox.slack.harness import modal, option, plain, text_input

Block = dict[str, Any]
TRUSTING = Poster(lambda _id: True)


def section(text: str, **more: Any) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(label: str = "Go", **more: Any) -> Block:
    return {"type": "button", "action_id": "go", "text": plain(label), **more}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def dialog(title: str) -> Block:
    return {"title": plain(title), "text": plain("Sure?"), "confirm": plain("Yes"), "deny": plain("No")}


def menu(count: int) -> Block:
    options = [option(str(n), str(n)) for n in range(count)]
    return {"type": "static_select", "action_id": "menu", "options": options}


GOOD: list[list[Block]] = [
    [section("*bold*", accessory=button())],
    [{"type": "section", "fields": [plain("a"), plain("b")]}],
    [actions(button(value="x" * 2000, style="danger"), menu(100))],
    [
        {
            "type": "context",
            "elements": [plain("a"), {"type": "image", "image_url": "http://x/y.png", "alt_text": "y"}],
        }
    ],
    [{"type": "header", "text": plain("x" * 150)}, {"type": "divider"}],
    [{"type": "image", "slack_file": {"id": "F0123456789"}, "alt_text": "y", "title": plain("t")}],
    [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}],
    [section("x" * 3000, block_id=str(n)) for n in range(50)],
]

BAD: list[tuple[list[Block], str]] = [
    ([{"type": "sectoin"}], "unsupported type: sectoin [json-pointer:/blocks/0/type]"),
    ([{"text": plain("x")}], "missing required field: type [json-pointer:/blocks/0]"),
    ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "section"}], "at least one of these is required: text, fields [json-pointer:/blocks/0]"),
    (
        [{"type": "section", "fields": [plain("x")] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    ([section("x")] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    (
        [section("x", block_id="a"), section("y", block_id="a")],
        "block_id is not unique: a [json-pointer:/blocks]",
    ),
    ([section("x", colour="red")], "invalid additional property: colour [json-pointer:/blocks/0]"),
    (
        [{"type": "divider"}, {"type": "header", "text": plain("x" * 151)}],
        "must be less than 151 characters [json-pointer:/blocks/1/text/text]",
    ),
    (
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        "must be one of: plain_text [json-pointer:/blocks/0/text/type]",
    ),
    (
        [actions(*[button(action_id=str(n)) for n in range(26)])],
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    ([actions(button(), button())], "action_id is not unique: go [json-pointer:/blocks/0]"),
    (
        [actions(button("x" * 76))],
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    (
        [actions(button(value="x" * 2001))],
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    (
        [actions(button(style="green"))],
        "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
    ),
    (
        [actions(menu(101))],
        "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    (
        [actions({"type": "static_select", "action_id": "m", "options": [option("x" * 76, "v")]})],
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]",
    ),
    (
        [actions({"type": "static_select", "action_id": "m"})],
        "exactly one of these is required: options, option_groups [json-pointer:/blocks/0/elements/0]",
    ),
    (
        [actions({"type": "overflow", "action_id": "m", "options": [option("x", str(n)) for n in range(6)]})],
        "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    (
        [section("x", accessory={"type": "plain_text_input", "action_id": "t"})],
        "unsupported type: plain_text_input [json-pointer:/blocks/0/accessory/type]",
    ),
    (
        [
            section(
                "x",
                accessory=button(
                    confirm={
                        "title": plain("x" * 101),
                        "text": plain("t"),
                        "confirm": plain("y"),
                        "deny": plain("n"),
                    }
                ),
            )
        ],
        "must be less than 101 characters [json-pointer:/blocks/0/accessory/confirm/title/text]",
    ),
    (
        [{"type": "context", "elements": [plain("x")] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        [{"type": "image", "alt_text": "x"}],
        "exactly one of these is required: image_url, slack_file [json-pointer:/blocks/0]",
    ),
    (
        [{"type": "image", "alt_text": "x", "slack_file": {"id": "F0123456789", "url": "http://x"}}],
        "exactly one of these is required: id, url [json-pointer:/blocks/0/slack_file]",
    ),
    (
        [{"type": "image", "alt_text": "x", "slack_file": {"id": "nope"}}],
        "must match the pattern ^F[A-Z0-9]{8,}$ [json-pointer:/blocks/0/slack_file/id]",
    ),
    (
        [
            {
                "type": "input",
                "label": plain("Files"),
                "element": {"type": "file_input", "action_id": "f", "max_files": 10},
            }
        ],
        "not allowed on this surface: message [json-pointer:/blocks/0/element]",
    ),
]


@pytest.mark.parametrize("blocks", GOOD, ids=range(len(GOOD)))
def test_blocks_within_the_limits_pass(blocks: list[Block]) -> None:
    assert check_message_blocks(blocks, TRUSTING) == []


@pytest.mark.parametrize(("blocks", "problem"), BAD, ids=range(len(BAD)))
def test_a_mistake_is_named_with_its_place(blocks: list[Block], problem: str) -> None:
    assert f"[ERROR] {problem}" in check_message_blocks(blocks, TRUSTING)


def test_a_file_that_is_not_ready_cannot_stand_in_a_block() -> None:
    blocks = [{"type": "image", "alt_text": "x", "slack_file": {"id": "F0123456789"}}]
    assert check_message_blocks(blocks, Poster()) == [
        "[ERROR] invalid slack file [json-pointer:/blocks/0/slack_file]"
    ]


BAD_VIEWS: list[tuple[Any, str]] = [
    (
        {"type": "modal", "blocks": [{"type": "divider"}]},
        "missing required field: title [json-pointer:/view]",
    ),
    (modal(title="x" * 25), "must be less than 25 characters [json-pointer:/view/title/text]"),
    (modal(), "no fewer than 1 items allowed [json-pointer:/view/blocks]"),
    (modal(*[{"type": "divider"}] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
    (
        modal({"type": "divider"}, private_metadata="x" * 3001),
        "must be less than 3001 characters [json-pointer:/view/private_metadata]",
    ),
    (
        modal(text_input("a", "A"), submit=None),
        "missing required field: submit [json-pointer:/view]",
    ),
    (
        modal(text_input("a", "A", max_length=3001)),
        "must be between 1 and 3000 [json-pointer:/view/blocks/0/element/max_length]",
    ),
    (
        modal(
            {
                "type": "input",
                "label": plain("F"),
                "element": {"type": "file_input", "action_id": "f", "max_files": 11},
            }
        ),
        "must be between 1 and 10 [json-pointer:/view/blocks/0/element/max_files]",
    ),
    ({"type": "home", "blocks": []}, "unsupported type: home [json-pointer:/view/type]"),
    ("nonsense", "must be an object [json-pointer:/view]"),
]


@pytest.mark.parametrize(("view", "problem"), BAD_VIEWS, ids=range(len(BAD_VIEWS)))
def test_a_mistake_in_a_view_is_named_with_its_place(view: Any, problem: str) -> None:
    assert f"[ERROR] {problem}" in check_view(view, TRUSTING, "modal")


def test_a_modal_with_every_input_passes() -> None:
    def field(kind: str, **more: Any) -> Block:
        return {
            "type": "input",
            "block_id": kind,
            "label": plain(kind),
            "element": {"type": kind, "action_id": "x", **more},
        }

    options = [option("A", "a"), option("B", "b")]
    view = modal(
        text_input("name", "Name", initial_value="ana", max_length=40),
        field("static_select", options=options, initial_option=options[0]),
        field("radio_buttons", options=options),
        field("checkboxes", options=options, initial_options=options),
        field("multi_static_select", options=options, max_selected_items=2),
        field("number_input", is_decimal_allowed=False, min_value="1", max_value="8"),
        field("email_text_input"),
        field("url_text_input"),
        field("datepicker", initial_date="2026-01-01"),
        field("timepicker"),
        field("datetimepicker"),
        field("users_select"),
        field("conversations_select", default_to_current_conversation=True),
        field("file_input", filetypes=["png"], max_files=10),
        section("and a word", accessory=button()),
        private_metadata="{}",
        notify_on_close=True,
    )
    assert check_view(view, TRUSTING, "modal") == []
