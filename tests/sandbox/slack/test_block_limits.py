"""Block Kit's limits, row by row: what is just right passes, and one more is refused at its place."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.sandbox.slack.block_tables import BLOCKS as KNOWN_BLOCKS
from bot.sandbox.slack.block_tables import check_message_blocks, check_view, is_too_large, text_length
from tests.sandbox.slack.harness import modal, option, plain, text_input
from tests.sandbox.slack.kit import (
    BLOCKS,
    ELEMENTS,
    EVERYWHERE,
    HOME,
    MESSAGE,
    MODAL,
    POSTER,
    A,
    Block,
    actions,
    bars,
    button,
    card,
    cell,
    data_table,
    field,
    mrkdwn,
    picture,
    pie,
    rich_text,
    section,
    standing_in,
    task,
)


def problems(block: Block, surface: str) -> list[str]:
    if surface == MESSAGE:
        return check_message_blocks([block], POSTER)
    if surface == HOME:
        return check_view({"type": "home", "blocks": [block]}, POSTER, "home")
    return check_view(modal(block), POSTER, "modal")


def home_for(block: Block) -> str:
    """A surface on which an example's block may stand, the most usual first."""
    surfaces = BLOCKS[block["type"]][1]
    # A file can be put into a form only.
    if block.get("element", {}).get("type") == "file_input":
        return MODAL
    return next(s for s in (MESSAGE, MODAL, HOME) if s in surfaces)


def options(count: int) -> list[Block]:
    return [option(str(n), str(n)) for n in range(count)]


def groups(count: int, of: int = 1) -> list[Block]:
    return [{"label": plain(f"g{n}"), "options": options(of)} for n in range(count)]


def dialog(**parts: Any) -> Block:
    said = {"title": plain("t"), "text": plain("x"), "confirm": plain("Yes"), "deny": plain("No"), **parts}
    return section(accessory=button(confirm=said))


def menu(kind: str, **more: Any) -> Block:
    return section(accessory={"type": kind, **more})


def typed(**more: Any) -> Block:
    return field({"type": "plain_text_input", **more})


def feedback(**more: Any) -> Block:
    positive = {"text": plain("Good"), "value": "1", **more}
    negative = {"text": plain("Bad"), "value": "0"}
    element = {"type": "feedback_buttons", "positive_button": positive, "negative_button": negative}
    return {"type": "context_actions", "elements": [element]}


def icon(**more: Any) -> Block:
    element = {"type": "icon_button", "icon": "trash", "text": plain("Delete"), **more}
    return {"type": "context_actions", "elements": [element]}


def container(**more: Any) -> Block:
    return {"type": "container", "title": plain("Box"), "child_blocks": [section()], **more}


def table(rows: int, columns: int, **more: Any) -> Block:
    return {"type": "table", "rows": [[cell()] * columns for _ in range(rows)], **more}


def video(**more: Any) -> Block:
    return BLOCKS["video"][0] | more


def provider(**more: Any) -> Block:
    return BLOCKS["auth_provider"][0] | more


X = "x".__mul__
ADDRESS: Callable[[int], str] = lambda n: "https://x.test/".ljust(n, "x")  # noqa: E731

# What is measured, a block in which it measures n, the largest n Slack takes, and where it says no.
LIMITS: list[tuple[str, Callable[[int], Block], int, str]] = [
    ("section text", lambda n: section(X(n)), 3000, "/text/text"),
    ("section fields", lambda n: {"type": "section", "fields": [plain("x")] * n}, 10, "/fields"),
    (
        "section field",
        lambda n: {"type": "section", "fields": [plain("y"), mrkdwn(X(n))]},
        2000,
        "/fields/1/text",
    ),
    ("header", lambda n: {"type": "header", "text": plain(X(n))}, 150, "/text/text"),
    ("markdown", lambda n: {"type": "markdown", "text": X(n)}, 12_000, "/text"),
    ("image alt_text", lambda n: picture(alt_text=X(n)), 2000, "/alt_text"),
    ("image title", lambda n: picture(title=plain(X(n))), 2000, "/title/text"),
    ("image URL", lambda n: picture(image_url=ADDRESS(n)), 3000, "/image_url"),
    (
        "image element alt_text",
        lambda n: section(accessory=picture(alt_text=X(n))),
        2000,
        "/accessory/alt_text",
    ),
    ("actions", lambda n: actions(*[button(action_id=str(i)) for i in range(n)]), 25, "/elements"),
    ("context", lambda n: {"type": "context", "elements": [plain("x")] * n}, 10, "/elements"),
    ("context text", lambda n: {"type": "context", "elements": [mrkdwn(X(n))]}, 3000, "/elements/0/text"),
    (
        "context_actions",
        lambda n: {"type": "context_actions", "elements": icon()["elements"] * n},
        5,
        "/elements",
    ),
    ("button text", lambda n: actions(button(text=plain(X(n)))), 75, "/elements/0/text/text"),
    ("button value", lambda n: actions(button(value=X(n))), 2000, "/elements/0/value"),
    ("button url", lambda n: actions(button(url=ADDRESS(n))), 3000, "/elements/0/url"),
    (
        "button label",
        lambda n: actions(button(accessibility_label=X(n))),
        75,
        "/elements/0/accessibility_label",
    ),
    ("dialog title", lambda n: dialog(title=plain(X(n))), 100, "/accessory/confirm/title/text"),
    ("dialog text", lambda n: dialog(text=mrkdwn(X(n))), 300, "/accessory/confirm/text/text"),
    ("dialog confirm", lambda n: dialog(confirm=plain(X(n))), 30, "/accessory/confirm/confirm/text"),
    ("dialog deny", lambda n: dialog(deny=plain(X(n))), 30, "/accessory/confirm/deny/text"),
    ("select options", lambda n: menu("static_select", options=options(n)), 100, "/accessory/options"),
    (
        "multi-select options",
        lambda n: menu("multi_static_select", options=options(n)),
        100,
        "/accessory/options",
    ),
    (
        "select groups",
        lambda n: menu("static_select", option_groups=groups(n)),
        100,
        "/accessory/option_groups",
    ),
    (
        "options of a group",
        lambda n: menu("static_select", option_groups=groups(1, n)),
        100,
        "/accessory/option_groups/0/options",
    ),
    (
        "label of a group",
        lambda n: menu("static_select", option_groups=[{"label": plain(X(n)), "options": [A]}]),
        75,
        "/accessory/option_groups/0/label/text",
    ),
    (
        "option text",
        lambda n: menu("static_select", options=[option(X(n), "v")]),
        75,
        "/accessory/options/0/text/text",
    ),
    (
        "option value",
        lambda n: menu("static_select", options=[option("t", X(n))]),
        150,
        "/accessory/options/0/value",
    ),
    (
        "option description",
        lambda n: menu("checkboxes", options=[A | {"description": mrkdwn(X(n))}]),
        75,
        "/accessory/options/0/description/text",
    ),
    ("overflow", lambda n: menu("overflow", options=options(n)), 5, "/accessory/options"),
    (
        "overflow url",
        lambda n: menu("overflow", options=[A | {"url": ADDRESS(n)}]),
        3000,
        "/accessory/options/0/url",
    ),
    ("radio buttons", lambda n: menu("radio_buttons", options=options(n)), 10, "/accessory/options"),
    ("checkboxes", lambda n: menu("checkboxes", options=options(n)), 10, "/accessory/options"),
    ("action_id", lambda n: actions(button(action_id=X(n))), 255, "/elements/0/action_id"),
    ("block_id", lambda n: section(block_id=X(n)), 255, "/block_id"),
    ("placeholder", lambda n: typed(placeholder=plain(X(n))), 150, "/element/placeholder/text"),
    ("input label", lambda n: field({"type": "datepicker"}, label=plain(X(n))), 2000, "/label/text"),
    ("input hint", lambda n: field({"type": "datepicker"}, hint=plain(X(n))), 2000, "/hint/text"),
    ("text max_length", lambda n: typed(max_length=n), 3000, "/element/max_length"),
    ("text min_length", lambda n: typed(min_length=n), 3000, "/element/min_length"),
    ("text initial_value", lambda n: typed(initial_value=X(n)), 3000, "/element/initial_value"),
    (
        "rich text lines",
        lambda n: field({"type": "rich_text_input", "max_lines": n}),
        100,
        "/element/max_lines",
    ),
    ("max_files", lambda n: field({"type": "file_input", "max_files": n}), 10, "/element/max_files"),
    ("table rows", lambda n: table(n, 1), 100, "/rows"),
    ("table columns", lambda n: table(1, n), 20, "/rows/0"),
    ("table column_settings", lambda n: table(1, 1, column_settings=[None] * n), 20, "/column_settings"),
    ("data_table rows", lambda n: data_table(n), 101, "/rows"),
    ("data_table columns", lambda n: data_table(2, n), 20, "/rows/0"),
    ("data_table page_size", lambda n: data_table(page_size=n), 100, "/page_size"),
    ("card title", lambda n: card(title=plain(X(n))), 150, "/title/text"),
    ("card subtitle", lambda n: card(subtitle=mrkdwn(X(n))), 150, "/subtitle/text"),
    ("card body", lambda n: card(body=mrkdwn(X(n))), 200, "/body/text"),
    ("carousel", lambda n: {"type": "carousel", "elements": [card()] * n}, 10, "/elements"),
    (
        "card in a carousel",
        lambda n: {"type": "carousel", "elements": [card(body=plain(X(n)))]},
        200,
        "/elements/0/body/text",
    ),
    ("container", lambda n: container(child_blocks=[section()] * n), 10, "/child_blocks"),
    ("container title", lambda n: container(title=plain(X(n))), 150, "/title/text"),
    ("container subtitle", lambda n: container(subtitle=mrkdwn(X(n))), 150, "/subtitle/text"),
    ("feedback text", lambda n: feedback(text=plain(X(n))), 75, "/elements/0/positive_button/text/text"),
    ("feedback value", lambda n: feedback(value=X(n)), 2000, "/elements/0/positive_button/value"),
    ("icon button value", lambda n: icon(value=X(n)), 2000, "/elements/0/value"),
    (
        "icon button viewers",
        lambda n: icon(visible_to_user_ids=["U1"] * n),
        10,
        "/elements/0/visible_to_user_ids",
    ),
    ("alert", lambda n: {"type": "alert", "text": plain(X(n))}, 3000, "/text/text"),
    ("task title", lambda n: task(title=X(n)), 3000, "/title"),
    ("video title", lambda n: video(title=plain(X(n))), 199, "/title/text"),
    ("video author", lambda n: video(author_name=X(n)), 49, "/author_name"),
    ("chart title", lambda n: pie() | {"title": X(n)}, 50, "/title"),
    ("pie segments", pie, 6, "/chart/segments"),
    ("pie label", lambda n: pie(label=X(n)), 20, "/chart/segments/0/label"),
    ("chart series", bars, 6, "/chart/series"),
    ("chart points", lambda n: bars(1, n), 20, "/chart/series/0/data"),
    ("chart series name", lambda n: bars(name=X(n)), 20, "/chart/series/0/name"),
    ("chart axis", lambda n: bars(x_label=X(n)), 50, "/chart/axis_config/x_label"),
    ("provider value", lambda n: provider(value=X(n)), 150, "/value"),
    ("provider name", lambda n: provider(name=plain(X(n))), 75, "/name/text"),
    ("provider identity", lambda n: provider(connected_identity=plain(X(n))), 75, "/connected_identity/text"),
]


@pytest.mark.parametrize(("make", "most", "place"), [row[1:] for row in LIMITS], ids=[r[0] for r in LIMITS])
def test_the_limit_passes_and_one_more_is_refused_at_its_place(
    make: Callable[[int], Block], most: int, place: str
) -> None:
    surface = home_for(make(most))
    root = "/blocks/0" if surface == MESSAGE else "/view/blocks/0"
    assert problems(make(most), surface) == []
    refused = problems(make(most + 1), surface)
    assert any(problem.endswith(f"[json-pointer:{root}{place}]") for problem in refused), refused


@pytest.mark.parametrize("kind", KNOWN_BLOCKS)
def test_every_block_stands_where_its_page_says_and_nowhere_else(kind: str) -> None:
    block, surfaces = BLOCKS[kind]
    for surface in EVERYWHERE:
        root = "/blocks/0" if surface == MESSAGE else "/view/blocks/0"
        found = problems(block, surface)
        if surface in surfaces:
            assert found == []
        else:
            assert f"[ERROR] not allowed on this surface: {surface} [json-pointer:{root}]" in found


@pytest.mark.parametrize("kind", ELEMENTS)
def test_every_element_stands_in_the_blocks_its_page_names_and_in_no_other(kind: str) -> None:
    element, homes = ELEMENTS[kind]
    for block in ("section", "actions", "input", "context_actions"):
        standing = standing_in(block, element)
        found = problems(standing, home_for(standing))
        if block in homes:
            assert found == []
        else:
            assert any(f"unsupported type: {kind} " in problem for problem in found)


@pytest.mark.parametrize("kind", KNOWN_BLOCKS)
def test_a_field_no_block_has_is_refused(kind: str) -> None:
    block, _ = BLOCKS[kind]
    found = problems(block | {"colour": "red"}, home_for(block))
    assert any(problem.startswith("[ERROR] invalid additional property: colour") for problem in found)


@pytest.mark.parametrize("kind", ELEMENTS)
def test_a_field_no_element_has_is_refused(kind: str) -> None:
    element, homes = ELEMENTS[kind]
    block = standing_in(sorted(homes)[0], element | {"colour": "red"})
    found = problems(block, home_for(block))
    assert any(problem.startswith("[ERROR] invalid additional property: colour") for problem in found)


WRONG: list[tuple[str, Block, str]] = [
    ("a picture with two sources", picture(slack_file={"id": "F0123456789"}), "exactly one of these"),
    ("a picture with none", {"type": "image", "alt_text": "x"}, "exactly one of these"),
    ("a picture that is no address", picture(image_url="fox.png"), "must be formatted as an http"),
    ("a text of nothing", section(""), "must be more than 0 characters"),
    ("a section of nothing", {"type": "section"}, "at least one of these is required: text, fields"),
    ("a card of nothing", {"type": "card", "subtitle": plain("x")}, "at least one of these is required"),
    ("no cards", {"type": "carousel", "elements": []}, "no fewer than 1 items"),
    ("no options", menu("static_select", options=[]), "no fewer than 1 items"),
    (
        "options twice",
        menu("static_select", options=[A], option_groups=groups(1)),
        "exactly one of these is required: options, option_groups",
    ),
    (
        "an initial option nobody offers",
        menu("static_select", options=[A], initial_option=option("B", "b")),
        "must exactly match one of the provided options [json-pointer:/blocks/0/accessory/initial_option]",
    ),
    (
        "an initial choice nobody offers",
        menu("checkboxes", options=[A], initial_options=[option("A!", "a")]),
        "must exactly match one of the provided options [json-pointer:/blocks/0/accessory/initial_options]",
    ),
    ("two buttons of one action", actions(button(), button()), "action_id is not unique: go"),
    ("an unknown style", actions(button(style="green")), "must be one of: primary, danger"),
    ("an unknown icon", icon(icon="fox"), "must be one of: trash"),
    ("a date of another form", menu("datepicker", initial_date="1.2.2026"), "formatted as YYYY-MM-DD"),
    ("a month that is none", menu("datepicker", initial_date="2026-13-01"), "formatted as YYYY-MM-DD"),
    ("a time of another form", menu("timepicker", initial_time="9:30"), "formatted as HH:mm"),
    (
        "a number that is none",
        field({"type": "number_input", "is_decimal_allowed": False, "min_value": "one"}),
        "must be formatted as a number",
    ),
    (
        "bounds the wrong way round",
        field({"type": "number_input", "is_decimal_allowed": True, "min_value": "2", "max_value": "1.5"}),
        "cannot be greater than max_value [json-pointer:/blocks/0/element/min_value]",
    ),
    (
        "a start beyond the bounds",
        field({"type": "number_input", "is_decimal_allowed": True, "initial_value": "9", "max_value": "8"}),
        "cannot be greater than max_value [json-pointer:/blocks/0/element/initial_value]",
    ),
    ("lengths the wrong way round", typed(min_length=5, max_length=4), "cannot be greater than max_length"),
    (
        "a dispatch nobody knows",
        typed(dispatch_action_config={"trigger_actions_on": ["on_blur"]}),
        "must be one of: on_enter_pressed, on_character_entered",
    ),
    ("a file for a message", field({"type": "file_input"}), "not allowed on this surface: message"),
    (
        "a filter of nothing",
        menu("conversations_select", filter={}),
        "at least one of these is required: include",
    ),
    (
        "a response URL outside a form",
        menu("channels_select", response_url_enabled=True),
        "invalid additional property: response_url_enabled",
    ),
    (
        "a fold with a line",
        container(is_collapsible=True, has_header_divider=True),
        "cannot be set when is_collapsible is true",
    ),
    ("folded without a fold", container(default_collapsed=True), "requires is_collapsible"),
    ("a box without a title", {"type": "container", "child_blocks": [section()]}, "at least one of these"),
    ("a box in a box", container(child_blocks=[container()]), "unsupported type: container"),
    ("a column of no side", table(1, 1, column_settings=[{"align": "top"}]), "must be one of: left"),
    ("a header alone", data_table(1), "no fewer than 2 items"),
    (
        "a row too short",
        data_table(2, 2) | {"rows": [[cell(), cell()], [cell()]]},
        "must have as many cells as the header [json-pointer:/blocks/0/rows/1]",
    ),
    (
        "a header of rich text",
        data_table() | {"rows": [[rich_text("x")], [cell()]]},
        "unsupported type: rich_text [json-pointer:/blocks/0/rows/0/0/type]",
    ),
    (
        "a point without a category",
        bars(points=2) | {"chart": bars(points=2)["chart"] | {"axis_config": {"categories": ["p0"]}}},
        "must have one point for each category",
    ),
    ("an unknown chart", bars(kind="radar"), "unsupported type: radar"),
    ("an unknown state", task(status="done"), "must be one of: pending"),
    (
        "an unknown part of rich text",
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "image"}]}]},
        "unsupported type: image [json-pointer:/blocks/0/elements/0/elements/0/type]",
    ),
    ("a plain video address", video(video_url="http://x.test/a"), "must be formatted as an https URL"),
    (
        "a remote file nobody added",
        {"type": "file", "source": "remote", "external_id": "other"},
        "file not found [json-pointer:/blocks/0/external_id]",
    ),
]


@pytest.mark.parametrize(("block", "problem"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_wrong_in_itself_is_refused(block: Block, problem: str) -> None:
    found = problems(block, MESSAGE)
    assert any(problem in one for one in found), found


@pytest.mark.parametrize(("kind", "scope"), [("video", "links.embed:write"), ("call", "calls:write")])
def test_some_blocks_need_a_scope(kind: str, scope: str) -> None:
    bare = check_message_blocks([BLOCKS[kind][0]], type(POSTER)(lambda _id: True))
    assert bare == [f"[ERROR] missing scope: {scope} [json-pointer:/blocks/0]"]


def test_a_surface_holds_fifty_or_a_hundred_blocks() -> None:
    assert check_message_blocks([section()] * 50, POSTER) == []
    assert check_message_blocks([section()] * 51, POSTER) == [
        "[ERROR] no more than 50 items allowed [json-pointer:/blocks]"
    ]
    for kind, view in (("modal", modal()), ("home", {"type": "home"})):
        assert check_view(view | {"blocks": [section()] * 100}, POSTER, kind) == []
        assert check_view(view | {"blocks": [section()] * 101}, POSTER, kind) == [
            "[ERROR] no more than 100 items allowed [json-pointer:/view/blocks]"
        ]


def test_a_message_has_one_table_and_so_much_markdown() -> None:
    assert check_message_blocks([table(1, 1)] * 2, POSTER) == [
        "[ERROR] no more than 1 table allowed [json-pointer:/blocks]"
    ]
    half = {"type": "markdown", "text": X(6_000)}
    assert check_message_blocks([half, half], POSTER) == []
    assert check_message_blocks([half, half, half], POSTER) == [
        "[ERROR] no more than 12000 characters of markdown allowed [json-pointer:/blocks]"
    ]


def test_block_ids_are_unique_even_inside_other_blocks() -> None:
    box = container(child_blocks=[section(block_id="a")])
    assert check_message_blocks([section(block_id="a"), box], POSTER) == [
        "[ERROR] block_id is not unique: a [json-pointer:/blocks]"
    ]


VIEW_TEXTS = ("title", "submit", "close")


@pytest.mark.parametrize(
    ("name", "most", "place"),
    [
        *[(name, 24, f"/view/{name}/text") for name in VIEW_TEXTS],
        ("private_metadata", 3000, "/view/private_metadata"),
        ("callback_id", 255, "/view/callback_id"),
        ("external_id", 255, "/view/external_id"),
    ],
)
def test_a_view_has_limits_of_its_own(name: str, most: int, place: str) -> None:
    def view(length: int) -> Any:
        words: Any = plain(X(length)) if name in VIEW_TEXTS else X(length)
        return modal(text_input("a", "A")) | {name: words}

    assert check_view(view(most), POSTER, "modal") == []
    assert check_view(view(most + 1), POSTER, "modal") == [
        f"[ERROR] must be less than {most + 1} characters [json-pointer:{place}]"
    ]


def test_a_form_has_one_focus_and_a_response_url_only_in_a_modal() -> None:
    focused = [field({"type": "datepicker", "focus_on_load": True}) for _ in range(2)]
    assert check_view(modal(focused[0]), POSTER, "modal") == []
    assert check_view(modal(*focused), POSTER, "modal") == [
        "[ERROR] only one element can have focus_on_load [json-pointer:/view/blocks]"
    ]
    promised = field({"type": "conversations_select", "response_url_enabled": True})
    assert problems(promised, MODAL) == []
    assert any("not allowed on this surface: home" in p for p in problems(promised, HOME))


def test_a_home_tab_has_no_buttons_of_a_modal() -> None:
    for name in ("submit", "close", "notify_on_close"):
        view = {"type": "home", "blocks": [], name: plain("x")}
        assert check_view(view, POSTER, "home") == [
            f"[ERROR] invalid additional property: {name} [json-pointer:/view]"
        ]


def test_a_view_is_at_most_a_quarter_of_a_megabyte() -> None:
    full = [section(X(2_900)) for _ in range(80)]
    room = 250_000 - len(json.dumps(modal(*full, section(""))))
    assert not is_too_large(modal(*full, section(X(room))))
    assert is_too_large(modal(*full, section(X(room + 1))))


def test_every_text_of_the_blocks_counts() -> None:
    blocks = [section(X(10), accessory=button()), {"type": "markdown", "text": X(5)}, rich_text("abc")]
    assert text_length(blocks) == 10 + len("Go") + 5 + 3


WEIRD: list[Any] = [None, True, 0, -1, 1.5, "", "x", [], [None], {}, {"type": None}, {"type": ["x"]}, [[]]]


def bent(node: Any) -> Iterator[Any]:
    """Every copy of the node in which one place holds something weird."""
    yield from WEIRD
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in parts:
        for other in bent(value):
            copy = dict(node) if isinstance(node, dict) else list(node)
            copy[key] = other
            yield copy


@pytest.mark.parametrize("example", [*BLOCKS.values(), *ELEMENTS.values()], ids=[*BLOCKS, *ELEMENTS])
def test_no_nonsense_in_any_place_makes_the_checker_stumble(example: tuple[Block, set[str]]) -> None:
    block = example[0] if example[0]["type"] in BLOCKS else standing_in(sorted(example[1])[0], example[0])
    for nonsense in bent([block]):
        check_message_blocks(nonsense, POSTER)
        for kind in (MODAL, HOME):
            check_view({"type": kind, "title": plain("t"), "blocks": nonsense}, POSTER, kind)
