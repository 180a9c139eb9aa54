"""Every payload and answer has the keys and the types that Slack's own have; see ``shapes`` for the facts."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, Settings, Upload
from tests.sandbox.slack.harness import (
    Ear,
    channel_id,
    client_of,
    listening,
    modal,
    option,
    plain,
    png,
    text_input,
    user_id,
)
from tests.sandbox.slack.kit import actions, button, field, mrkdwn, section
from tests.sandbox.slack.pictures import jpeg, mp4
from tests.sandbox.slack.shapes import drift

SURE = {"title": plain("t"), "text": plain("x"), "confirm": plain("Yes"), "deny": plain("No")}
OPTIONS = [option("One", "1"), option("Two", "2")]
ROW = actions(
    button(value="7", style="danger", confirm=SURE),
    {"type": "static_select", "action_id": "n", "options": OPTIONS, "placeholder": plain("How many?")},
)


async def heard(ear: Ear, kind: str) -> dict[str, Any]:
    """The next interaction or command of a kind."""
    while True:
        request = await ear.next()
        if request.payload.get("type") == kind or request.type == kind:
            return dict(request.payload)


async def told(ear: Ear, kind: str, subtype: str | None = None) -> dict[str, Any]:
    """The next event of a kind, in its envelope."""
    while True:
        payload = (await ear.next()).payload
        event = payload.get("event", {})
        if (event.get("type"), event.get("subtype")) == (kind, subtype):
            return dict(payload)


async def test_what_people_say_is_told_in_slacks_words(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    files = [Upload("a.png", png(1200, 900)), Upload("b.jpg", jpeg(orientation=6)), Upload("c.pdf", b"%PDF")]
    files.append(Upload("d.mp4", mp4(640, 360, 900)))
    root = await director.post("ana", "#portraits", "@darkroom look", files)
    mention = await told(ear, "app_mention")
    assert drift(mention, "envelope") == []
    assert drift(mention["event"], "event app_mention") == []
    shared = (await told(ear, "message", "file_share"))["event"]
    assert drift(shared, "event message") == []
    # In this subtype the event does not say whose team it is.
    assert "team" not in shared
    reply = await director.post("lee", "#portraits", "reply", thread_ts=root.ts)
    assert drift((await told(ear, "message"))["event"], "event message") == []
    await director.edit("lee", "#portraits", reply.ts, "better")
    changed = (await told(ear, "message", "message_changed"))["event"]
    assert drift(changed, "event message_changed") == []
    await director.delete("lee", "#portraits", reply.ts)
    assert drift((await told(ear, "message", "message_deleted"))["event"], "event message_deleted") == []


async def test_a_file_is_told_of_by_its_id_alone(tmp_path: Path) -> None:
    settings = DEFAULT_MANIFEST["settings"] | {"event_subscriptions": {"bot_events": ["file_shared"]}}
    async with (
        LocalSlack.start(tmp_path, manifest=DEFAULT_MANIFEST | {"settings": settings}) as slack,
        Director(slack.origin) as director,
        listening(slack) as ear,
    ):
        await director.wait_for_connection()
        await director.post("ana", "#portraits", "", [Upload(f"{n}.png", png()) for n in range(2)])
        for _ in range(2):
            assert drift((await told(ear, "file_shared"))["event"], "event file_shared") == []


async def test_what_the_bot_says_comes_back_to_it_in_the_same_shape(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    channel = await channel_id(director, "portraits")
    ana = await user_id(director, "ana")
    root = await client.chat_postMessage(
        channel=channel,
        text="card",
        blocks=[section("x"), ROW],
        metadata={"event_type": "card", "event_payload": {"job": "7"}},
    )
    assert drift(dict(root.data), "chat.postMessage") == []
    own = (await told(ear, "message"))["event"]
    assert drift(own, "event message") == []
    assert {"bot_id", "app_id", "bot_profile", "metadata"} < set(own)
    await client.reactions_add(channel=channel, timestamp=root["ts"], name="eyes")
    changed = await client.chat_update(channel=channel, ts=root["ts"], text="new")
    assert drift(dict(changed.data), "chat.update") == []
    assert drift((await told(ear, "message", "message_changed"))["event"], "event message_changed") == []
    shown = await client.chat_postMessage(
        channel=channel, text="x", thread_ts=root["ts"], reply_broadcast=True
    )
    broadcast = (await told(ear, "message", "thread_broadcast"))["event"]
    assert drift(broadcast, "event message") == []
    link = await client.chat_getPermalink(channel=channel, message_ts=root["ts"])
    assert drift(dict(link.data), "chat.getPermalink") == []
    whispered = await client.chat_postEphemeral(channel=channel, user=ana, text="x")
    assert drift(dict(whispered.data), "chat.postEphemeral") == []
    deleted = await client.chat_delete(channel=channel, ts=shown["ts"])
    assert drift(dict(deleted.data), "chat.delete") == []
    history = await client.conversations_history(channel=channel, include_all_metadata=True)
    thread = await client.conversations_replies(channel=channel, ts=root["ts"])
    for message in [*history["messages"], *thread["messages"]]:
        assert drift(message, "message") == []


async def test_commands_and_shortcuts_carry_what_slacks_carry(director: Director, ear: Ear) -> None:
    await director.command("ana", "#portraits", "/darkroom", "status")
    assert drift(await heard(ear, "slash_commands"), "command") == []
    await director.shortcut("ana", "new_model")
    assert drift(await heard(ear, "shortcut"), "shortcut") == []
    said = await director.post("ana", "#portraits", "my fox", [Upload("a.png", png())])
    await director.shortcut("ana", "train_from_message", "#portraits", said.ts)
    assert drift(await heard(ear, "message_action"), "message_action") == []


async def test_presses_carry_what_slacks_carry_wherever_they_are_made(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    channel = await channel_id(director, "portraits")
    ana = await user_id(director, "ana")
    root = await director.post("ana", "#portraits", "root")
    card = await client.chat_postMessage(channel=channel, text="x", blocks=[ROW], thread_ts=root.ts)
    await director.press("ana", "#portraits", card["ts"], "Go")
    pressed = await heard(ear, "block_actions")
    assert drift(pressed, "block_actions on a message") == []
    assert drift(pressed["actions"][0], "pressed button") == []
    await director.press("ana", "#portraits", card["ts"], "n", option="Two")
    assert drift((await heard(ear, "block_actions"))["actions"][0], "chosen option") == []
    hidden = await client.chat_postEphemeral(channel=channel, user=ana, text="x", blocks=[ROW])
    await director.press("ana", "#portraits", hidden["message_ts"], "Go")
    assert drift(await heard(ear, "block_actions"), "block_actions on an ephemeral message") == []
    home = await client.views_publish(user_id=ana, view={"type": "home", "blocks": [ROW]})
    assert drift(dict(home.data), "views.open") == []
    await director.press_view("ana", "Go", home=True)
    assert drift(await heard(ear, "block_actions"), "block_actions in a view") == []
    await director.open_home("ana")
    assert drift((await told(ear, "app_home_opened"))["event"], "event app_home_opened") == []


async def test_forms_carry_what_slacks_carry(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    def answer(request: SocketModeRequest) -> dict[str, Any] | None:
        return {"options": OPTIONS} if request.payload.get("type") == "block_suggestion" else None

    async with listening(slack, answer) as ear:
        await director.wait_for_connection()
        for closing in (False, True):
            gesture = await director.command("ana", "#portraits", "/darkroom")
            menu = field({"type": "external_select", "action_id": "a"}, block_id="menu")
            view = modal(text_input("name", "Name"), menu, notify_on_close=True)
            opened = await client.views_open(trigger_id=gesture.trigger_id, view=view)
            assert drift(dict(opened.data), "views.open") == []
            updated = await client.views_update(view_id=opened["view"]["id"], view=view)
            assert drift(dict(updated.data), "views.open") == []
            if closing:
                await director.close("ana")
                assert drift(await heard(ear, "view_closed"), "view_closed") == []
            else:
                await director.submit("ana", {"Name": "fox", "menu": "Two"})
                assert drift(await heard(ear, "block_suggestion"), "block_suggestion") == []
                assert drift(await heard(ear, "view_submission"), "view_submission") == []


async def test_files_people_and_places_are_described_as_slack_does(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    said = await director.post("ana", "#portraits", "x", [Upload("a.png", png(1200, 900))])
    about = await client.files_info(file=said.files[0].id)
    assert drift(dict(about.data), "files.info") == []
    promised = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    assert drift(dict(promised.data), "files.getUploadURLExternal") == []
    assert drift(dict((await client.auth_test()).data), "auth.test") == []
    for user in (await client.users_list())["members"]:
        if not user["deleted"]:
            assert drift(user, "user") == []
    ana = await user_id(director, "ana")
    alone = await client.users_info(user=ana, include_locale=True)
    assert drift(alone["user"], "user") == []
    for name in ("portraits", "atelier"):
        channel = await client.conversations_info(
            channel=await channel_id(director, name), include_num_members=True
        )
        assert drift(channel["channel"], "channel") == []
    direct = await client.conversations_open(users=ana, return_im=True)
    assert drift(direct["channel"], "direct messages") == []
    async with httpx.AsyncClient(trust_env=False) as http:
        face = await http.get(alone["user"]["profile"]["image_72"])
        assert face.content.startswith(b"\x89PNG")
        assert (await http.get(f"{slack.origin}/avatars/nobody_72.png")).status_code == 404


async def test_what_slack_fills_in_is_filled_in(client: AsyncWebClient, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    bare = {"type": "plain_text", "text": "x"}
    blocks = [{"type": "section", "text": mrkdwn("y"), "fields": [bare]}]
    said = await client.chat_postMessage(channel=channel, text="x", blocks=blocks)
    [block] = said["message"]["blocks"]
    assert block["text"] == {"type": "mrkdwn", "text": "y", "verbatim": False}
    assert block["fields"] == [{"type": "plain_text", "text": "x", "emoji": True}]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"id": "T1"}, "/domain: missing"),
        ({"id": "T1", "domain": "x", "plan": "free"}, "/plan: unknown"),
        ({"id": 1, "domain": "x"}, "/id: int and no str"),
        ([], ": no object"),
    ],
)
def test_a_drift_in_either_direction_is_seen(value: Any, problem: str) -> None:
    assert drift(value, {"id": str, "domain": str}) == [problem]


async def test_a_workspace_on_disk_from_before_tells_the_same(tmp_path: Path) -> None:
    for _ in range(2):
        async with (
            LocalSlack.start(tmp_path, settings=Settings(limits=False)) as slack,
            Director(slack.origin) as director,
            client_of(slack) as client,
        ):
            if not await director.messages("#portraits"):
                await director.post("ana", "#portraits", "x", [Upload("b.jpg", jpeg())])
            channel = await channel_id(director, "portraits")
            [message] = (await client.conversations_history(channel=channel))["messages"]
            assert drift(message, "message") == []
