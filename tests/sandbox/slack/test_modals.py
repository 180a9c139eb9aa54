"""Modals: what a person fills in, what the client holds back, and what the app's answer does."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director, LocalSlack, Refused, Upload, View
from tests.sandbox.slack.harness import (
    SILENCE,
    Ear,
    listening,
    modal,
    option,
    plain,
    png,
    refusal,
    text_input,
)

PROVIDERS = [option("AIContent", "aicontent"), option("Acme", "acme")]


def select(block_id: str, label: str, kind: str = "static_select", **block: Any) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": {"type": kind, "action_id": "choice", "options": PROVIDERS},
        **block,
    }


async def opened(client: AsyncWebClient, director: Director, view: dict[str, Any]) -> View:
    gesture = await director.command("ana", "#portraits", "/darkroom")
    await client.views_open(trigger_id=gesture.trigger_id, view=view)
    seen = await director.view("ana")
    assert seen is not None
    return seen


async def submission(ear: Ear) -> dict[str, Any]:
    while True:
        payload = (await ear.next()).payload
        if payload.get("type") == "view_submission":
            return dict(payload)


def answering(payload: dict[str, Any] | None) -> Callable[[SocketModeRequest], dict[str, Any] | None]:
    return lambda request: payload if request.payload.get("type") == "view_submission" else None


async def test_a_submission_carries_every_value_in_its_published_shape(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    view = modal(
        text_input("name", "Name"),
        select("provider", "Provider"),
        select("kind", "Kind", "radio_buttons"),
        select("extras", "Extras", "checkboxes", optional=True),
        select("unused", "Unused", optional=True),
        private_metadata="thread-7",
    )
    seen = await opened(client, director, view)
    assert (seen.title, seen.submit, seen.depth) == ("Train", "Go", 1)
    assert seen.options("Provider") == ["AIContent", "Acme"]
    result = await director.submit(
        "ana", {"Name": "fox", "provider": "AIContent", "Kind": "acme", "Extras": ["Acme", "aicontent"]}
    )
    assert (result.acked, result.closed, result.errors, result.view) == (True, True, {}, None)
    payload = await submission(ear)
    assert payload["view"]["private_metadata"] == "thread-7"
    assert payload["view"]["callback_id"] == "train"
    assert payload["response_urls"] == []
    assert payload["view"]["state"]["values"] == {
        "name": {"text": {"type": "plain_text_input", "value": "fox"}},
        "provider": {"choice": {"type": "static_select", "selected_option": PROVIDERS[0]}},
        "kind": {"choice": {"type": "radio_buttons", "selected_option": PROVIDERS[1]}},
        "extras": {"choice": {"type": "checkboxes", "selected_options": [PROVIDERS[1], PROVIDERS[0]]}},
        "unused": {"choice": {"type": "static_select", "selected_option": None}},
    }
    assert await director.view("ana") is None


@pytest.mark.parametrize(
    ("block", "value", "error"),
    [
        (text_input("f", "F", max_length=3), "long", "too_long"),
        (text_input("f", "F", min_length=3), "ab", "form_not_filled"),
        (text_input("f", "F"), "", "form_not_filled"),
        (select("f", "F"), "Nobody", "not_offered"),
        (select("f", "F", "checkboxes"), ["Acme", "Nobody"], "not_offered"),
        (select("f", "F", "checkboxes"), [], "form_not_filled"),
    ],
)
async def test_what_a_client_would_hold_back_is_never_sent(
    client: AsyncWebClient, director: Director, ear: Ear, block: dict[str, Any], value: Any, error: str
) -> None:
    await opened(client, director, modal(block))
    with pytest.raises(Refused, match=error) as caught:
        await director.submit("ana", {"F": value})
    assert "f" in str(caught.value.facts)
    assert [
        e for e in await director.journal(kinds=("interaction",)) if e.facts["type"] == "view_submission"
    ] == []


@pytest.mark.parametrize(("value", "good"), [("3", True), ("9", False), ("2.5", False), ("two", False)])
async def test_a_number_is_a_number_within_its_bounds(
    client: AsyncWebClient, director: Director, ear: Ear, value: str, good: bool
) -> None:
    number = {"type": "number_input", "action_id": "n", "is_decimal_allowed": False, "max_value": "8"}
    await opened(
        client,
        director,
        modal({"type": "input", "block_id": "c", "label": plain("Count"), "element": number}),
    )
    if good:
        assert (await director.submit("ana", {"Count": value})).closed
    else:
        with pytest.raises(Refused):
            await director.submit("ana", {"Count": value})


async def test_errors_stand_under_their_fields_until_the_next_try(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    refusing = {"response_action": "errors", "errors": {"name": "There is one already."}}
    async with listening(slack, answering(refusing)) as ear:
        await director.wait_for_connection()
        await opened(client, director, modal(text_input("name", "Name")))
        result = await director.submit("ana", {"Name": "fox"})
        assert (result.closed, result.errors) == (False, {"name": "There is one already."})
        assert result.view is not None
        assert result.view.values["name"]["text"]["value"] == "fox"
        ear.answer = answering(None)
        assert (await director.submit("ana", {"Name": "wolf"})).closed


async def test_errors_beside_the_input_blocks_are_the_persons_trouble(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    lost = {"response_action": "errors", "errors": {"elsewhere": "x"}}
    async with listening(slack, answering(lost)):
        await director.wait_for_connection()
        await opened(client, director, modal(text_input("name", "Name")))
        result = await director.submit("ana", {"Name": "fox"})
    assert (result.closed, result.error) == (False, "errors_outside_input_blocks")


async def test_an_answer_may_update_push_or_clear(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    async with listening(slack) as ear:
        await director.wait_for_connection()
        first = await opened(client, director, modal(text_input("name", "Name"), title="One"))
        ear.answer = answering(
            {"response_action": "update", "view": modal(text_input("name", "Name"), title="Two")}
        )
        updated = (await director.submit("ana", {"Name": "fox"})).view
        assert updated is not None
        assert (updated.id, updated.title, updated.depth) == (first.id, "Two", 1)
        assert updated.values["name"]["text"]["value"] == "fox"
        ear.answer = answering(
            {"response_action": "push", "view": modal(text_input("more", "More"), title="Three")}
        )
        pushed = (await director.submit("ana")).view
        assert pushed is not None
        assert (pushed.title, pushed.depth) == ("Three", 2)
        ear.answer = answering({"response_action": "clear"})
        assert (await director.submit("ana", {"More": "x"})).closed
        assert await director.view("ana") is None


async def test_an_unusable_view_in_an_answer_changes_nothing(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    bad = {"response_action": "update", "view": modal(title="x" * 25)}
    async with listening(slack, answering(bad)):
        await director.wait_for_connection()
        before = await opened(client, director, modal(text_input("name", "Name")))
        result = await director.submit("ana", {"Name": "fox"})
    assert result.error == "invalid_arguments"
    assert result.view is not None
    assert result.view.title == before.title
    trouble = await director.journal(kinds=("interaction",))
    assert any("/view/title/text" in str(e.facts.get("messages")) for e in trouble)


async def test_a_submission_nobody_answers_leaves_the_modal_open(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    async with listening(frozen) as ear:
        await director.wait_for_connection()
        await opened(client, director, modal(text_input("name", "Name")))
        ear.answer = lambda _request: SILENCE
        pressed = asyncio.create_task(director.submit("ana", {"Name": "fox"}))
        await submission(ear)
        await director.advance(3)
        result = await pressed
        assert (result.acked, result.closed, result.error) == (False, False, "operation_timeout")


async def test_an_update_with_an_old_hash_is_a_conflict(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    seen = await opened(client, director, modal(text_input("name", "Name")))
    newer = await client.views_update(
        view_id=seen.id, hash=seen.hash, view=modal(text_input("name", "Name"), title="Two")
    )
    assert newer["view"]["hash"] != seen.hash
    stale = await refusal(
        client.views_update(view_id=seen.id, hash=seen.hash, view=modal({"type": "divider"}))
    )
    assert stale["error"] == "hash_conflict"
    gone = await refusal(client.views_update(view_id="V404", view=modal({"type": "divider"})))
    assert gone["error"] == "not_found"


async def test_typed_values_survive_an_update_only_under_the_same_ids(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    seen = await opened(client, director, modal(text_input("name", "Name"), text_input("old", "Old")))
    await director.fill("ana", {"Name": "fox", "Old": "x"})
    await client.views_update(
        view_id=seen.id, view=modal(text_input("name", "Name"), text_input("new", "New", initial_value="y"))
    )
    updated = await director.view("ana")
    assert updated is not None
    assert {k: v["text"]["value"] for k, v in updated.values.items()} == {"name": "fox", "new": "y"}


async def test_three_modals_lie_upon_each_other_and_no_fourth(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    button = {"type": "button", "action_id": "deeper", "text": plain("Deeper")}
    view = modal({"type": "actions", "elements": [button]})
    outside = await director.command("ana", "#portraits", "/darkroom")
    await opened(client, director, view)
    not_inside = await refusal(client.views_push(trigger_id=outside.trigger_id, view=view))
    assert not_inside["error"] == "invalid_trigger_id"
    outcomes = []
    for _ in range(3):
        await director.press_view("ana", "Deeper")
        while (payload := (await ear.next()).payload).get("type") != "block_actions":
            pass
        assert payload["container"]["type"] == "view"
        assert not {"channel", "response_url", "message"} & set(payload)
        call = client.views_push(trigger_id=payload["trigger_id"], view=view)
        outcomes.append("ok" if len(outcomes) < 2 else (await refusal(call))["error"])
        if len(outcomes) < 3:
            await call
    assert outcomes == ["ok", "ok", "push_limit_reached"]
    seen = await director.view("ana")
    assert seen is not None
    assert seen.depth == 3
    await director.close("ana")
    below = await director.view("ana")
    assert below is not None
    assert below.depth == 2


async def test_a_field_that_reports_changes_does_so_and_another_keeps_still(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    await opened(
        client,
        director,
        modal(text_input("name", "Name"), select("provider", "Provider", dispatch_action=True)),
    )
    quiet = await director.press_view("ana", "Name", option="fox")
    loud = await director.press_view("ana", "Provider", option="Acme")
    assert (quiet.sent, loud.sent) == (False, True)
    while (payload := (await ear.next()).payload).get("type") != "block_actions":
        pass
    assert payload["actions"][0]["selected_option"]["value"] == "acme"
    values = payload["view"]["state"]["values"]
    assert values["name"]["text"]["value"] == "fox"
    assert values["provider"]["choice"]["selected_option"]["value"] == "acme"


@pytest.mark.parametrize("notify", [True, False])
async def test_closing_by_hand_is_told_where_it_was_asked_for(
    client: AsyncWebClient, director: Director, ear: Ear, notify: bool
) -> None:
    await opened(client, director, modal(text_input("name", "Name"), notify_on_close=notify))
    assert await director.close("ana") is notify
    assert await director.view("ana") is None
    closed = [e for e in await director.journal(kinds=("interaction",)) if e.facts["type"] == "view_closed"]
    assert len(closed) == int(notify)


async def test_files_put_into_a_form_are_shared_nowhere_and_read_by_the_bot(
    slack: LocalSlack, client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    element = {"type": "file_input", "action_id": "files", "max_files": 2}
    await opened(
        client,
        director,
        modal({"type": "input", "block_id": "photos", "label": plain("Photos"), "element": element}),
    )
    with pytest.raises(Refused, match="too_many_files"):
        await director.submit("ana", {"Photos": [Upload(f"{n}.png", png()) for n in range(3)]})
    with pytest.raises(Refused, match="file_too_large"):
        await director.submit("ana", {"Photos": [Upload("big.png", b"x" * (10 * 1024 * 1024 + 1))]})
    photos = [Upload(f"{n}.png", png(shade=n)) for n in range(2)]
    assert (await director.submit("ana", {"Photos": photos})).closed
    state = (await submission(ear))["view"]["state"]["values"]["photos"]["files"]
    assert state["type"] == "file_input"
    assert [f["name"] for f in state["files"]] == ["0.png", "1.png"]
    about = (await client.files_info(file=state["files"][1]["id"]))["file"]
    assert about["shares"] == {}
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(about["url_private"], headers={"authorization": f"Bearer {slack.bot_token}"})
    assert answer.content == png(shade=1)
    assert await director.messages("#portraits") == []


async def test_an_external_id_is_another_handle_and_belongs_to_one_view(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    view = modal({"type": "divider"}, external_id="draft-7", submit=None)
    seen = await opened(client, director, view)
    renamed = await client.views_update(external_id="draft-7", view=view | {"title": plain("Two")})
    assert renamed["view"]["id"] == seen.id
    gesture = await director.command("lee", "#portraits", "/darkroom")
    twice = await refusal(client.views_open(trigger_id=gesture.trigger_id, view=view))
    assert twice["error"] == "duplicate_external_id"


async def test_a_home_tab_is_published_with_its_hash(client: AsyncWebClient, director: Director) -> None:
    ana = next(u.id for u in await director.users() if u.name == "ana")
    home = {"type": "home", "blocks": [{"type": "header", "text": plain("1 training")}]}
    first = await client.views_publish(user_id=ana, view=home)
    await client.views_publish(user_id=ana, view=home, hash=first["view"]["hash"])
    stale = await refusal(client.views_publish(user_id=ana, view=home, hash=first["view"]["hash"]))
    assert stale["error"] == "hash_conflict"
    await director.settings(home_tab_enabled=False)
    assert (await refusal(client.views_publish(user_id=ana, view=home)))["error"] == "not_enabled"


async def test_the_cross_closes_the_whole_stack_and_every_modal_that_asked_is_told(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    button = {"type": "button", "action_id": "deeper", "text": plain("Deeper")}

    def level(name: str, **more: Any) -> dict[str, Any]:
        return modal({"type": "actions", "elements": [button]}, callback_id=name, **more)

    await opened(client, director, level("first", notify_on_close=True))
    for name, notify in (("second", False), ("third", True)):
        pressed = await director.press_view("ana", "Deeper")
        assert pressed.acked
        while (heard := (await ear.next()).payload).get("type") != "block_actions":
            pass
        await client.views_push(trigger_id=heard["trigger_id"], view=level(name, notify_on_close=notify))
    assert await director.close("ana", everything=True)
    closed = [
        (p["view"]["callback_id"], p["is_cleared"])
        for p in [(await ear.next()).payload for _ in range(2)]
        if p["type"] == "view_closed"
    ]
    assert closed == [("third", True), ("first", True)]
    assert await director.view("ana") is None


@pytest.mark.parametrize(("clear", "left"), [(False, "first"), (True, None)])
async def test_closing_by_hand_takes_one_modal_or_all_where_the_view_says_so(
    client: AsyncWebClient, director: Director, ear: Ear, clear: bool, left: str | None
) -> None:
    button = {"type": "button", "action_id": "deeper", "text": plain("Deeper")}
    await opened(client, director, modal({"type": "actions", "elements": [button]}, callback_id="first"))
    await director.press_view("ana", "Deeper")
    while (heard := (await ear.next()).payload).get("type") != "block_actions":
        pass
    upper = modal({"type": "divider"}, callback_id="upper", notify_on_close=True, clear_on_close=clear)
    await client.views_push(trigger_id=heard["trigger_id"], view=upper)
    assert await director.close("ana")
    told = (await ear.next()).payload
    assert (told["type"], told["is_cleared"]) == ("view_closed", clear)
    below = await director.view("ana")
    assert (below.callback_id if below else None) == left


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"response_action": "errors", "errors": {"nowhere": "x"}}, "errors_outside_input_blocks"),
        ({"response_action": "errors", "errors": {"words": "x"}}, "errors_outside_input_blocks"),
        ({"response_action": "errors", "errors": {"name": ""}}, "errors_without_words"),
        ({"response_action": "errors", "errors": {}}, "errors_outside_input_blocks"),
        ({"response_action": "update", "view": {"type": "modal"}}, "invalid_arguments"),
        ({"response_action": "update"}, "invalid_arguments"),
        ({"response_action": "explode"}, "unknown response_action: explode"),
    ],
)
async def test_an_answer_no_client_can_show_is_an_error_to_the_person(
    slack: LocalSlack, client: AsyncWebClient, director: Director, answer: Any, error: str
) -> None:
    words = {"type": "section", "block_id": "words", "text": plain("x")}
    async with listening(slack, lambda r: answer if r.payload.get("type") == "view_submission" else None):
        await director.wait_for_connection()
        await opened(client, director, modal(text_input("name", "Name"), words))
        result = await director.submit("ana", {"Name": "fox"})
    assert (result.error, result.closed) == (error, False)


async def test_a_submission_carries_an_address_for_each_conversation_that_was_chosen(
    slack: LocalSlack, client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    select = {"type": "conversations_select", "action_id": "where", "response_url_enabled": True}
    quiet = {"type": "channels_select", "action_id": "other"}
    blocks = [
        {"type": "input", "block_id": b, "label": plain(b), "element": e}
        for b, e in (("loud", select), ("quiet", quiet))
    ]
    await opened(client, director, modal(*blocks))
    await director.submit("ana", {"loud": "#atelier", "quiet": "#general"})
    [address] = (await submission(ear))["response_urls"]
    atelier = next(c.id for c in await director.channels() if c.name == "atelier")
    assert (address["block_id"], address["action_id"], address["channel_id"]) == ("loud", "where", atelier)
    async with httpx.AsyncClient(trust_env=False) as http:
        said = await http.post(address["response_url"], json={"text": "begun", "response_type": "in_channel"})
    assert said.text == "ok"
    assert [m.text for m in await director.messages("#atelier", viewer="admin")] == ["begun"]
