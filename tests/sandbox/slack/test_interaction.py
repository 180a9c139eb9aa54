"""Commands, shortcuts, presses and response URLs, as a raw Socket Mode client meets them."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, ManualClock, Message, Refused
from tests.sandbox.slack.harness import (
    Ear,
    channel_id,
    listening,
    modal,
    option,
    plain,
    refusal,
    text_input,
    user_id,
)

CONFIRM = {
    "title": plain("Cancel?"),
    "text": plain("It cannot be undone."),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}
CARD: list[dict[str, Any]] = [
    {"type": "section", "block_id": "head", "text": plain("ana spring")},
    {
        "type": "actions",
        "block_id": "buttons",
        "elements": [
            {"type": "button", "action_id": "details", "text": plain("Details"), "value": "job-7"},
            {
                "type": "button",
                "action_id": "cancel",
                "text": plain("Cancel"),
                "value": "job-7",
                "style": "danger",
                "confirm": CONFIRM,
            },
            {
                "type": "static_select",
                "action_id": "count",
                "options": [option("One", "1"), option("Four", "4")],
            },
        ],
    },
]


async def card(client: AsyncWebClient, director: Director, thread_ts: str | None = None) -> Message:
    channel = await channel_id(director, "portraits")
    posted = await client.chat_postMessage(channel=channel, text="card", blocks=CARD, thread_ts=thread_ts)
    return await director.wait_for_message("#portraits", lambda m: m.ts == posted["ts"])


async def interaction(ear: Ear, kind: str) -> SocketModeRequest:
    while True:
        request = await ear.next()
        if request.payload.get("type") == kind or request.type == kind:
            return request


async def test_a_command_carries_the_published_keys_and_no_thread(
    slack: LocalSlack, director: Director, ear: Ear
) -> None:
    result = await director.command("lee", "#general", "/darkroom", "new  ana spring")
    assert (result.acked, result.error) == (True, None)
    request = await interaction(ear, "slash_commands")
    assert request.accepts_response_payload
    payload = request.payload
    assert (payload["command"], payload["text"]) == ("/darkroom", "new  ana spring")
    assert (payload["channel_name"], payload["user_name"]) == ("general", "lee")
    assert payload["user_id"] == await user_id(director, "lee")
    assert payload["response_url"].startswith(f"{slack.origin}/response/")
    assert payload["trigger_id"] == result.trigger_id
    assert {"team_id", "team_domain", "channel_id", "api_app_id", "token"} < set(payload)
    assert not {"thread_ts", "files"} & set(payload)


async def test_a_command_nobody_registered_cannot_be_typed(director: Director) -> None:
    with pytest.raises(Refused, match="not_a_valid_command"):
        await director.command("ana", "#portraits", "/lightroom")
    with pytest.raises(Refused, match="not_in_channel"):
        await director.command("guest", "#general", "/darkroom")


async def test_an_acknowledgement_with_words_is_an_ephemeral_answer(
    slack: LocalSlack, director: Director
) -> None:
    async with listening(slack, lambda _request: {"text": "four buttons"}):
        await director.wait_for_connection()
        result = await director.command("ana", "#portraits", "/darkroom")
    assert [(m.text, m.ephemeral) for m in result.messages] == [("four buttons", True)]
    assert await director.messages("#portraits", viewer="lee") == []


async def test_a_response_url_is_good_for_five_posts(slack: LocalSlack, director: Director, ear: Ear) -> None:
    await director.command("ana", "#general", "/darkroom")
    hook = AsyncWebhookClient((await interaction(ear, "slash_commands")).payload["response_url"])
    answers = [await hook.send(text=str(n)) for n in range(6)]
    assert [(a.status_code, a.body) for a in answers[:5]] == [(200, "ok")] * 5
    assert (answers[5].status_code, "used_url" in answers[5].body) == (404, True)
    seen = await director.messages("#general", viewer="ana")
    assert [(m.text, m.ephemeral) for m in seen] == [(str(n), True) for n in range(5)]


async def test_a_response_url_is_good_for_half_an_hour(
    frozen: LocalSlack, director: Director, ear: Ear
) -> None:
    await director.command("ana", "#portraits", "/darkroom")
    hook = AsyncWebhookClient((await interaction(ear, "slash_commands")).payload["response_url"])
    await director.advance(1_800)
    assert (await hook.send(text="just in time", response_type="in_channel")).status_code == 200
    assert [m.text for m in await director.messages("#portraits", viewer="lee")] == ["just in time"]
    await director.advance(1)
    late = await hook.send(text="too late")
    assert (late.status_code, "expired_url" in late.body) == (404, True)


async def test_a_response_url_refuses_what_messages_refuse(director: Director, ear: Ear) -> None:
    await director.command("ana", "#portraits", "/darkroom")
    url = (await interaction(ear, "slash_commands")).payload["response_url"]
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(url, json={})).json()["error"] == "no_text"
        bad = {"text": "x", "blocks": [{"type": "sectoin"}]}
        assert (await http.post(url, json=bad)).json()["error"] == "invalid_blocks"
        assert (await http.post(url, content=b"{")).text == "invalid_payload"


async def test_a_press_carries_the_message_the_action_and_the_state(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    root = await director.post("ana", "#portraits", "root")
    message = await card(client, director, thread_ts=root.ts)
    result = await director.press("lee", "#portraits", message.ts, "Details")
    assert (result.acked, result.sent, result.confirm) == (True, True, None)
    request = await interaction(ear, "block_actions")
    assert not request.accepts_response_payload
    payload = request.payload
    [action] = payload["actions"]
    assert (action["type"], action["action_id"], action["block_id"]) == ("button", "details", "buttons")
    assert (action["value"], action["text"]) == ("job-7", plain("Details"))
    assert payload["container"] == {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": False,
        "thread_ts": root.ts,
    }
    assert payload["message"]["ts"] == message.ts
    assert payload["channel"] == {"id": message.channel, "name": "portraits"}
    assert payload["user"]["id"] == await user_id(director, "lee")
    assert payload["state"]["values"]["buttons"]["count"]["selected_option"] is None


async def test_a_choice_is_one_of_those_offered_and_stays_chosen(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    message = await card(client, director)
    with pytest.raises(Refused, match="not_offered"):
        await director.press("ana", "#portraits", message.ts, "count", option="Nine")
    await director.press("ana", "#portraits", message.ts, "count", option="Four")
    chosen = (await interaction(ear, "block_actions")).payload
    assert chosen["actions"][0]["selected_option"] == option("Four", "4")
    await director.press("ana", "#portraits", message.ts, "details")
    pressed = (await interaction(ear, "block_actions")).payload
    assert pressed["state"]["values"]["buttons"]["count"]["selected_option"] == option("Four", "4")


async def test_a_dialog_is_shown_first_and_may_be_denied(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    message = await card(client, director)
    denied = await director.press("ana", "#portraits", message.ts, "Cancel", confirmed=False)
    assert (denied.sent, denied.acked) == (False, False)
    agreed = await director.press("ana", "#portraits", message.ts, "Cancel")
    assert agreed.confirm == {
        "title": "Cancel?",
        "text": "It cannot be undone.",
        "confirm": "Yes",
        "deny": "No",
    }
    assert (await interaction(ear, "block_actions")).payload["actions"][0]["action_id"] == "cancel"
    presses = await director.journal(kinds=("interaction",))
    assert [e.facts["action_id"] for e in presses] == ["cancel"]


async def test_what_is_not_there_cannot_be_pressed(client: AsyncWebClient, director: Director) -> None:
    message = await card(client, director)
    with pytest.raises(Refused, match="no_such_field"):
        await director.press("ana", "#portraits", message.ts, "Explode")
    with pytest.raises(Refused, match="message_not_found"):
        await director.press("ana", "#portraits", "1.000000", "Details")


async def test_two_buttons_of_one_name_need_the_block(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    twins = [
        {
            "type": "actions",
            "block_id": block,
            "elements": [{"type": "button", "action_id": "go", "text": plain("Go"), "value": block}],
        }
        for block in ("one", "two")
    ]
    channel = await channel_id(director, "portraits")
    posted = await client.chat_postMessage(channel=channel, text="x", blocks=twins)
    with pytest.raises(Refused, match="ambiguous_field"):
        await director.press("ana", "#portraits", posted["ts"], "Go")
    await director.press("ana", "#portraits", posted["ts"], "Go", block_id="two")
    assert (await interaction(ear, "block_actions")).payload["actions"][0]["value"] == "two"


async def test_an_ephemeral_message_is_pressed_by_its_owner_and_replaced_by_the_response_url(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    channel = await channel_id(director, "portraits")
    said = await client.chat_postEphemeral(
        channel=channel, user=await user_id(director, "ana"), text="offer", blocks=CARD
    )
    with pytest.raises(Refused, match="message_not_found"):
        await director.press("lee", "#portraits", said["message_ts"], "Details")
    await director.press("ana", "#portraits", said["message_ts"], "Details")
    payload = (await interaction(ear, "block_actions")).payload
    assert payload["container"]["is_ephemeral"]
    assert "message" not in payload
    hook = AsyncWebhookClient(payload["response_url"])
    await hook.send(text="replaced", replace_original=True)
    assert [(m.ts, m.text) for m in await director.messages("#portraits", viewer="ana")] == [
        (said["message_ts"], "replaced")
    ]
    await hook.send(delete_original=True)
    assert await director.messages("#portraits", viewer="ana") == []


async def test_a_message_shortcut_carries_the_whole_message(director: Director, ear: Ear) -> None:
    said = await director.post("ana", "#general", "my fox")
    result = await director.shortcut("lee", "train_from_message", "#general", said.ts)
    assert result.acked
    payload = (await interaction(ear, "message_action")).payload
    assert (payload["callback_id"], payload["message_ts"]) == ("train_from_message", said.ts)
    assert (payload["message"]["text"], payload["channel"]["name"]) == ("my fox", "general")
    assert payload["response_url"]


async def test_a_global_shortcut_knows_no_place(director: Director, ear: Ear) -> None:
    await director.shortcut("ana", "new_model")
    payload = (await interaction(ear, "shortcut")).payload
    assert (payload["callback_id"], payload["user"]["username"]) == ("new_model", "ana")
    assert not {"channel", "response_url", "message"} & set(payload)
    with pytest.raises(Refused, match="no_such_shortcut"):
        await director.shortcut("ana", "train_from_message")


async def test_a_trigger_is_good_for_one_view_within_three_seconds(
    frozen: LocalSlack, clock: ManualClock, client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    first = await director.command("ana", "#portraits", "/darkroom")
    view = modal(text_input("name", "Name"))
    clock.advance(2.9)
    assert (await client.views_open(trigger_id=first.trigger_id, view=view))["view"]["id"].startswith("V")
    again = await refusal(client.views_open(trigger_id=first.trigger_id, view=view))
    assert again["error"] == "exchanged_trigger_id"
    second = await director.command("ana", "#portraits", "/darkroom")
    clock.advance(3.1)
    late = await refusal(client.views_open(trigger_id=second.trigger_id, view=view))
    assert late["error"] == "expired_trigger_id"
    made_up = await refusal(client.views_open(trigger_id="1.2.3", view=view))
    assert made_up["error"] == "invalid_trigger_id"


async def test_a_bad_view_does_not_spend_the_trigger(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    result = await director.command("ana", "#portraits", "/darkroom")
    bad = await refusal(client.views_open(trigger_id=result.trigger_id, view=modal(title="x" * 25)))
    assert bad["error"] == "invalid_arguments"
    assert any("[json-pointer:/view/title/text]" in m for m in bad["response_metadata"]["messages"])
    large = modal(*[{"type": "section", "text": plain("x" * 3000)} for _ in range(90)])
    too_large = await refusal(client.views_open(trigger_id=result.trigger_id, view=large))
    assert too_large["error"] == "view_too_large"
    opened = await client.views_open(trigger_id=result.trigger_id, view=modal(text_input("name", "Name")))
    assert opened["ok"]


async def test_a_command_is_trimmed_escaped_where_asked_and_keeps_private_names_back(
    tmp_path: Path, slack: LocalSlack, director: Director, ear: Ear
) -> None:
    await director.command("ana", "#atelier", "/darkroom", "  new @lee  ")
    plainly = (await interaction(ear, "slash_commands")).payload
    assert (plainly["text"], plainly["channel_name"]) == ("new @lee", "privategroup")
    manifest = {
        **DEFAULT_MANIFEST,
        "features": {"slash_commands": [{"command": "/escaped", "should_escape": True}]},
    }
    async with (
        LocalSlack.start(tmp_path / "other", manifest=manifest) as other,
        Director(other.origin) as people,
        listening(other) as theirs,
    ):
        await people.wait_for_connection()
        await people.command("ana", "@darkroom", "/escaped", "new @lee in #general & more")
        heard = (await interaction(theirs, "slash_commands")).payload
        lee, general = await user_id(people, "lee"), await channel_id(people, "general")
        assert heard["text"] == f"new <@{lee}|lee> in <#{general}|general> &amp; more"
        assert heard["channel_name"] == "directmessage"


async def test_a_response_url_touches_what_the_app_wrote_and_nothing_else(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    said = await director.post("ana", "#portraits", "my own words")
    await director.shortcut("lee", "train_from_message", "#portraits", said.ts)
    url = (await interaction(ear, "message_action")).payload["response_url"]
    async with httpx.AsyncClient(trust_env=False) as http:
        for change in ({"delete_original": True}, {"replace_original": True, "text": "mine now"}):
            assert (await http.post(url, json=change)).json()["error"] == "cant_update_message"
        answered = await http.post(url, json={"text": "seen", "thread_ts": said.ts})
        assert answered.text == "ok"
        unknown = await http.post(url, json={"text": "x", "response_type": "everywhere"})
        assert unknown.json()["error"] == "invalid_response_type"
        nowhere = await http.post(url, json={"text": "x", "thread_ts": "1.000000"})
        assert nowhere.json()["error"] == "thread_not_found"
    seen = await director.messages("#portraits", thread_ts=said.ts, viewer="lee")
    assert [(m.text, m.ephemeral) for m in seen] == [("my own words", False), ("seen", True)]


async def test_a_response_url_replaces_the_card_for_everybody(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    message = await card(client, director)
    await director.press("ana", "#portraits", message.ts, "Details")
    url = (await interaction(ear, "block_actions")).payload["response_url"]
    hook = AsyncWebhookClient(url)
    await hook.send(text="replaced", replace_original=True)
    assert [m.text for m in await director.messages("#portraits", viewer="lee")] == ["replaced"]
    await hook.send(delete_original=True)
    assert await director.messages("#portraits", viewer="lee") == []


async def test_a_response_url_shows_no_private_file(
    slack: LocalSlack, client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    answer = await client.files_upload_v2(content=b"x", filename="fox.png")
    file_id = answer["file"]["id"]
    await director.wait_for_entry(
        lambda e: e.facts.get("file") == file_id and e.facts.get("state") == "ready"
    )
    block = {"type": "image", "alt_text": "fox", "slack_file": {"id": file_id}}
    await director.command("ana", "#portraits", "/darkroom")
    url = (await interaction(ear, "slash_commands")).payload["response_url"]
    async with httpx.AsyncClient(trust_env=False) as http:
        refused = await http.post(url, json={"text": "x", "blocks": [block]})
    assert refused.json()["error"] == "invalid_blocks"


async def test_what_somebody_chose_outlives_a_change_only_under_the_same_ids(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    message = await card(client, director)
    await director.press("ana", "#portraits", message.ts, "count", option="Four")
    await interaction(ear, "block_actions")
    await client.chat_update(channel=message.channel, ts=message.ts, text="card", blocks=CARD)
    await director.press("ana", "#portraits", message.ts, "details")
    kept = (await interaction(ear, "block_actions")).payload["state"]["values"]
    assert kept["buttons"]["count"]["selected_option"] == option("Four", "4")
    # What one person chose is nothing to another.
    await director.press("lee", "#portraits", message.ts, "details")
    theirs = (await interaction(ear, "block_actions")).payload["state"]["values"]
    assert theirs["buttons"]["count"]["selected_option"] is None
    renamed = [CARD[0], CARD[1] | {"block_id": "newer"}]
    await client.chat_update(channel=message.channel, ts=message.ts, text="card", blocks=renamed)
    await director.press("ana", "#portraits", message.ts, "details")
    fresh = (await interaction(ear, "block_actions")).payload["state"]["values"]
    assert fresh["newer"]["count"]["selected_option"] is None
