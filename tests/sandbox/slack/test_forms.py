"""Every field a person can touch: what it holds, what the app hears, and what a client would not let pass."""

from typing import Any

import pytest
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director, LocalSlack, Refused, View
from tests.sandbox.slack.harness import Ear, channel_id, listening, modal, option, plain, text_input, user_id
from tests.sandbox.slack.kit import field, rich_text

OPTIONS = [option("One", "1"), option("Two", "2"), option("Three", "3")]


async def opened(client: AsyncWebClient, director: Director, view: dict[str, Any]) -> View:
    gesture = await director.command("ana", "#portraits", "/darkroom")
    await client.views_open(trigger_id=gesture.trigger_id, view=view)
    return await director.wait_for_view("ana")


async def payload(ear: Ear, kind: str) -> dict[str, Any]:
    while True:
        found = (await ear.next()).payload
        if found.get("type") == kind:
            return dict(found)


def one(kind: str, block_id: str = "b", **more: Any) -> dict[str, Any]:
    """A form with one field of that kind."""
    return modal(field({"type": kind, "action_id": "a", **more}, block_id=block_id))


# The element, what a person enters, and what the submission carries of it.
ENTERED: list[tuple[str, dict[str, Any], Any, dict[str, Any]]] = [
    ("plain_text_input", {}, "fox", {"value": "fox"}),
    ("plain_text_input", {"multiline": True}, "two\nlines", {"value": "two\nlines"}),
    ("number_input", {"is_decimal_allowed": False, "min_value": "1"}, "8", {"value": "8"}),
    ("number_input", {"is_decimal_allowed": True}, "-0.5", {"value": "-0.5"}),
    ("email_text_input", {}, "ana@halcyon.test", {"value": "ana@halcyon.test"}),
    ("url_text_input", {}, "https://x.test/a", {"value": "https://x.test/a"}),
    ("rich_text_input", {}, "a fox", {"rich_text_value": rich_text("a fox")}),
    ("static_select", {"options": OPTIONS}, "Two", {"selected_option": OPTIONS[1]}),
    ("radio_buttons", {"options": OPTIONS}, "2", {"selected_option": OPTIONS[1]}),
    ("checkboxes", {"options": OPTIONS}, ["One", "3"], {"selected_options": [OPTIONS[0], OPTIONS[2]]}),
    ("multi_static_select", {"options": OPTIONS}, ["Two"], {"selected_options": [OPTIONS[1]]}),
    ("datepicker", {}, "2026-11-30", {"selected_date": "2026-11-30"}),
    ("timepicker", {"timezone": "Europe/London"}, "09:30", {"selected_time": "09:30"}),
    ("datetimepicker", {}, "1795500000", {"selected_date_time": 1_795_500_000}),
]


@pytest.mark.parametrize(("kind", "more", "entered", "held"), ENTERED, ids=[row[0] for row in ENTERED])
async def test_what_is_entered_is_what_the_submission_carries(
    client: AsyncWebClient,
    director: Director,
    ear: Ear,
    kind: str,
    more: dict[str, Any],
    entered: Any,
    held: dict[str, Any],
) -> None:
    await opened(client, director, one(kind, **more))
    assert (await director.submit("ana", {"b": entered})).closed
    state = (await payload(ear, "view_submission"))["view"]["state"]["values"]["b"]["a"]
    zone = {"timezone": more["timezone"]} if "timezone" in more else {}
    assert state == {"type": kind, **held, **zone}


REFUSED: list[tuple[str, dict[str, Any], Any, str]] = [
    ("plain_text_input", {"max_length": 3}, "four", "too_long"),
    ("plain_text_input", {"min_length": 3}, "ab", "form_not_filled"),
    ("number_input", {"is_decimal_allowed": False}, "0.5", "invalid_value"),
    ("number_input", {"is_decimal_allowed": False}, "many", "invalid_value"),
    ("number_input", {"is_decimal_allowed": False, "max_value": "8"}, "9", "out_of_range"),
    ("number_input", {"is_decimal_allowed": False, "min_value": "2"}, "1", "out_of_range"),
    ("email_text_input", {}, "nobody", "invalid_value"),
    ("url_text_input", {}, "x.test", "invalid_value"),
    ("static_select", {"options": OPTIONS}, "Nine", "not_offered"),
    ("multi_static_select", {"options": OPTIONS, "max_selected_items": 1}, ["1", "2"], "too_many_selected"),
    ("datepicker", {}, "30.11.2026", "invalid_value"),
]


@pytest.mark.parametrize(("kind", "more", "entered", "error"), REFUSED, ids=[r[0] for r in REFUSED])
async def test_a_client_holds_back_what_it_would_not_take(
    client: AsyncWebClient,
    director: Director,
    ear: Ear,
    kind: str,
    more: dict[str, Any],
    entered: Any,
    error: str,
) -> None:
    await opened(client, director, one(kind, **more))
    with pytest.raises(Refused, match=error):
        await director.submit("ana", {"b": entered})
    assert (await director.view("ana")) is not None


@pytest.mark.parametrize("kind", [row[0] for row in ENTERED])
async def test_an_untouched_field_is_there_and_empty(
    client: AsyncWebClient, director: Director, ear: Ear, kind: str
) -> None:
    needs: dict[str, Any] = next(row[1] for row in ENTERED if row[0] == kind)
    view = one(kind, **needs)
    view["blocks"][0]["optional"] = True
    await opened(client, director, view)
    await director.submit("ana")
    state = (await payload(ear, "view_submission"))["view"]["state"]["values"]["b"]["a"]
    assert state.pop("type") == kind
    assert next(iter(state.values())) in (None, [])


async def test_people_and_places_are_picked_by_name_and_travel_as_ids(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    kinds = {
        "users_select": ("lee", "selected_user"),
        "channels_select": ("#general", "selected_channel"),
        "conversations_select": ("#atelier", "selected_conversation"),
        "multi_users_select": (["lee", "admin"], "selected_users"),
    }
    await opened(client, director, modal(*[field({"type": k, "action_id": "a"}, block_id=k) for k in kinds]))
    await director.submit("ana", {k: value for k, (value, _) in kinds.items()})
    values = (await payload(ear, "view_submission"))["view"]["state"]["values"]
    lee, admin = await user_id(director, "lee"), await user_id(director, "admin")
    assert values["users_select"]["a"]["selected_user"] == lee
    assert values["channels_select"]["a"]["selected_channel"] == await channel_id(director, "general")
    assert values["multi_users_select"]["a"]["selected_users"] == [lee, admin]


# What the app hears at once.


def answering(options: Any) -> Any:
    def answer(request: SocketModeRequest) -> dict[str, Any] | None:
        return {"options": options} if request.payload.get("type") == "block_suggestion" else None

    return answer


async def test_a_menu_the_app_fills_asks_it_while_somebody_types(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    async with listening(slack, answering(OPTIONS)) as ear:
        await director.wait_for_connection()
        await opened(client, director, one("external_select", min_query_length=2))
        assert await director.suggest("ana", "b", "T") == []
        assert await director.suggest("ana", "b", "Tw") == OPTIONS
        asked = await payload(ear, "block_suggestion")
        assert (asked["block_id"], asked["action_id"], asked["value"]) == ("b", "a", "Tw")
        assert asked["container"] == {"type": "view", "view_id": asked["view"]["id"]}
        assert {"team", "user", "api_app_id", "token"} < set(asked)
        assert not {"response_url", "trigger_id", "actions"} & set(asked)
        assert (await director.submit("ana", {"b": "Two"})).closed
        state = (await payload(ear, "view_submission"))["view"]["state"]["values"]["b"]["a"]
        assert state == {"type": "external_select", "selected_option": OPTIONS[1]}


async def test_options_no_client_can_show_offer_nothing(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    async with listening(slack, answering([option("x" * 76, "v")])):
        await director.wait_for_connection()
        await opened(client, director, one("external_select", min_query_length=0))
        assert await director.suggest("ana", "b", "x") == []
    [line] = [
        e for e in await director.journal(kinds=("interaction",)) if e.facts.get("state") == "unusable_answer"
    ]
    assert "[json-pointer:/options/0/text/text]" in line.facts["messages"][0]


async def test_a_menu_under_a_message_asks_with_the_message(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    element = {"type": "external_select", "action_id": "a"}
    async with listening(slack, answering(OPTIONS)) as ear:
        await director.wait_for_connection()
        said = await client.chat_postMessage(
            channel=channel,
            text="x",
            blocks=[{"type": "actions", "block_id": "b", "elements": [element]}],
        )
        await director.press("ana", "#portraits", said["ts"], "a", option="Three")
        asked = await payload(ear, "block_suggestion")
        assert (asked["channel"]["id"], asked["message"]["ts"]) == (channel, said["ts"])
        chosen = await payload(ear, "block_actions")
        assert chosen["actions"][0]["selected_option"] == OPTIONS[2]


async def test_a_field_that_reports_is_heard_once_when_it_is_filled_in(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    loud = field(
        {"type": "static_select", "action_id": "a", "options": OPTIONS}, block_id="n", dispatch_action=True
    )
    await opened(client, director, modal(loud, text_input("name", "Name")))
    await director.fill("ana", {"n": "Two", "Name": "fox"})
    heard = await payload(ear, "block_actions")
    assert heard["actions"][0]["selected_option"] == OPTIONS[1]
    assert heard["view"]["state"]["values"]["n"]["a"]["selected_option"] == OPTIONS[1]
    # The same choice again changes nothing, and the submission is heard for itself.
    await director.submit("ana", {"n": "Two", "Name": "fox"})
    kinds = [e.facts["type"] for e in await director.journal(kinds=("interaction",))]
    assert kinds == ["slash_commands", "block_actions", "view_submission"]


@pytest.mark.parametrize(
    ("config", "typed", "by_enter"),
    [
        (None, 0, 1),
        ({"trigger_actions_on": ["on_enter_pressed"]}, 0, 1),
        ({"trigger_actions_on": ["on_character_entered"]}, 1, 1),
    ],
)
async def test_a_line_of_text_reports_at_enter_or_at_each_character_as_the_app_chose(
    client: AsyncWebClient, director: Director, ear: Ear, config: Any, typed: int, by_enter: int
) -> None:
    element = {"type": "plain_text_input", "action_id": "a"} | (
        {"dispatch_action_config": config} if config else {}
    )
    await opened(client, director, modal(field(element, block_id="b", dispatch_action=True)))

    async def heard() -> int:
        lines = await director.journal(kinds=("interaction",))
        return sum(e.facts["type"] == "block_actions" for e in lines)

    await director.fill("ana", {"b": "fox"})
    assert await heard() == typed
    await director.press_view("ana", "a", option="foxes")
    assert await heard() == typed + by_enter


# What stands in messages.


async def test_feedback_and_icons_tell_what_was_meant(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    ana = await user_id(director, "ana")
    opinion = {
        "type": "feedback_buttons",
        "action_id": "opinion",
        "positive_button": {"text": plain("Good"), "value": "up"},
        "negative_button": {"text": plain("Bad"), "value": "down"},
    }
    trash = {
        "type": "icon_button",
        "action_id": "bin",
        "icon": "trash",
        "text": plain("Delete"),
        "value": "7",
        "visible_to_user_ids": [ana],
    }
    channel = await channel_id(director, "portraits")
    said = await client.chat_postMessage(
        channel=channel, text="x", blocks=[{"type": "context_actions", "elements": [opinion, trash]}]
    )
    await director.press("ana", "#portraits", said["ts"], "opinion", option="Bad")
    action = (await payload(ear, "block_actions"))["actions"][0]
    assert (action["type"], action["value"], action["text"]) == ("feedback_buttons", "down", plain("Bad"))
    await director.press("ana", "#portraits", said["ts"], "Delete")
    action = (await payload(ear, "block_actions"))["actions"][0]
    assert (action["type"], action["value"]) == ("icon_button", "7")
    with pytest.raises(Refused, match="not_visible"):
        await director.press("lee", "#portraits", said["ts"], "Delete")


async def test_buttons_inside_other_blocks_can_be_pressed(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    channel = await channel_id(director, "portraits")

    def card(name: str) -> dict[str, Any]:
        button = {"type": "button", "text": plain(f"Open {name}"), "value": name}
        return {"type": "card", "title": plain(name), "actions": [button]}

    row = {"type": "actions", "elements": [{"type": "button", "text": plain("Inside"), "value": "in"}]}
    blocks = [
        {"type": "carousel", "elements": [card("ana"), card("lee")]},
        {"type": "container", "title": plain("Box"), "child_blocks": [row]},
    ]
    said = await client.chat_postMessage(channel=channel, text="x", blocks=blocks)
    for label, value in (("Open lee", "lee"), ("Inside", "in")):
        await director.press("ana", "#portraits", said["ts"], label)
        assert (await payload(ear, "block_actions"))["actions"][0]["value"] == value


async def test_a_button_in_an_attachment_tells_which_one_it_stood_in(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    channel = await channel_id(director, "portraits")
    row = {"type": "actions", "elements": [{"type": "button", "text": plain("Inside"), "value": "in"}]}
    attachments = [{"text": "first"}, {"color": "#fff", "blocks": [row]}]
    said = await client.chat_postMessage(channel=channel, text="x", attachments=attachments)
    kept = said["message"]["attachments"]
    assert [(a["id"], a["fallback"]) for a in kept] == [(n, "[no preview available]") for n in (1, 2)]
    await director.press("ana", "#portraits", said["ts"], "Inside")
    heard = await payload(ear, "block_actions")
    assert heard["actions"][0]["value"] == "in"
    assert heard["container"] == {
        "type": "message_attachment",
        "message_ts": said["ts"],
        "attachment_id": 2,
        "channel_id": channel,
        "is_ephemeral": False,
        "is_app_unfurl": False,
    }


async def test_a_choice_repeats_what_it_began_with_and_its_dialog(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    channel = await channel_id(director, "portraits")
    sure = {"title": plain("t"), "text": plain("x"), "confirm": plain("Yes"), "deny": plain("No")}
    element = {
        "type": "static_select",
        "action_id": "a",
        "options": OPTIONS,
        "initial_option": OPTIONS[0],
        "placeholder": plain("How many?"),
        "confirm": sure,
    }
    said = await client.chat_postMessage(
        channel=channel, text="x", blocks=[{"type": "section", "text": plain("x"), "accessory": element}]
    )
    denied = await director.press("ana", "#portraits", said["ts"], "a", option="Two", confirmed=False)
    assert (denied.sent, denied.confirm is not None) == (False, True)
    await director.press("ana", "#portraits", said["ts"], "a", option="Two")
    action = (await payload(ear, "block_actions"))["actions"][0]
    assert action["selected_option"] == OPTIONS[1]
    assert (action["initial_option"], action["placeholder"], action["confirm"]) == (
        OPTIONS[0],
        plain("How many?"),
        sure,
    )


async def test_an_overflow_menu_tells_the_choice_and_remembers_none(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    channel = await channel_id(director, "portraits")
    menu = {"type": "overflow", "action_id": "more", "options": OPTIONS}
    said = await client.chat_postMessage(
        channel=channel, text="x", blocks=[{"type": "section", "text": plain("x"), "accessory": menu}]
    )
    await director.press("ana", "#portraits", said["ts"], "more", option="Three")
    heard = await payload(ear, "block_actions")
    assert heard["actions"][0]["selected_option"] == OPTIONS[2]
    assert heard["state"] == {"values": {}}
