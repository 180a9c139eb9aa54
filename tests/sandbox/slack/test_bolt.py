"""A whole Bolt app against the local Slack: the walk our own bot takes."""

import asyncio
import queue
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.websockets import AsyncSocketModeHandler as WebsocketsHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond, AsyncSay
from slack_sdk import WebClient
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director, LocalSlack, Upload
from tests.sandbox.slack.harness import modal, option, plain, png, text_input
from tests.sandbox.slack.receiver import serving

Body = dict[str, Any]
TRAIN = [
    {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "train", "text": plain("Train…"), "value": "tray"}],
    }
]


class Portraits:
    """A small bot: photos in, a modal, and pictures back into the thread."""

    def __init__(self, slack: LocalSlack) -> None:
        self.slack = slack
        self.photos: list[bytes] = []
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        self.app = AsyncApp(client=client, signing_secret=slack.parts.workspace.identity.signing_secret)
        self.app.event({"type": "message", "subtype": "file_share"})(self.on_photos)
        self.app.event("message")(self.on_message)
        self.app.event("app_mention")(self.on_message)
        self.app.command("/darkroom")(self.on_command)
        self.app.action("train")(self.on_train)
        self.app.view("train")(self.on_submission)

    async def on_message(self) -> None:
        """Nothing is said about mere words."""

    async def on_photos(self, event: Body, say: AsyncSay) -> None:
        headers = {"authorization": f"Bearer {self.slack.bot_token}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
            for file in event["files"]:
                self.photos.append((await http.get(file["url_private_download"])).content)
        thread = event.get("thread_ts") or event["ts"]
        await say(text=f"{len(self.photos)} photos", blocks=TRAIN, thread_ts=thread)

    async def on_command(self, ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        await ack()
        await respond(f"You said: {body['text']}")

    async def on_train(self, ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
        await ack()
        view = modal(
            text_input("name", "Name"),
            {
                "type": "input",
                "block_id": "provider",
                "label": plain("Provider"),
                "element": {
                    "type": "static_select",
                    "action_id": "choice",
                    "options": [option("AIContent", "ai")],
                },
            },
            private_metadata=f"{body['channel']['id']} {body['container']['thread_ts']}",
        )
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    async def on_submission(self, ack: AsyncAck, body: Body, view: Body, client: AsyncWebClient) -> None:
        name = view["state"]["values"]["name"]["text"]["value"]
        if name == "taken":
            await ack(response_action="errors", errors={"name": "There is one already."})
            return
        await ack()
        channel, thread = view["private_metadata"].split()
        card = await client.chat_postMessage(channel=channel, thread_ts=thread, text=f"{name}: queued")
        await client.chat_update(channel=channel, ts=card["ts"], text=f"{name}: done")
        await client.files_upload_v2(
            channel=channel,
            thread_ts=thread,
            initial_comment=f"{name} is ready",
            file_uploads=[{"content": png(shade=n), "filename": f"{n}.png"} for n in range(4)],
        )
        direct = await client.conversations_open(users=body["user"]["id"])
        link = await client.chat_getPermalink(channel=channel, message_ts=card["ts"])
        await client.chat_postMessage(channel=direct["channel"]["id"], text=link["permalink"])


@pytest.fixture(params=["aiohttp", "websockets", "http"])
async def bot(
    request: pytest.FixtureRequest, slack: LocalSlack, director: Director
) -> AsyncIterator[Portraits]:
    """The app behind each of Bolt's two socket clients, and behind its ASGI adapter."""
    portraits = Portraits(slack)
    if request.param == "http":
        async with serving(AsyncSlackRequestHandler(portraits.app, path="/slack/events")) as origin:
            await director.developer.post_to(f"{origin}/slack/events")
            yield portraits
        return
    handlers = {"aiohttp": AsyncSocketModeHandler, "websockets": WebsocketsHandler}
    handler = handlers[request.param](portraits.app, slack.app_token)
    await handler.connect_async()
    await director.wait_for_connection()
    yield portraits
    await handler.close_async()


async def test_photos_become_pictures_in_the_thread_and_a_direct_message(
    bot: Portraits, director: Director
) -> None:
    photos = [Upload(f"fox-{n}.png", png(shade=n)) for n in range(3)]
    root = await director.post("ana", "#portraits", "@darkroom my fox", photos)
    tray = await director.wait_for_message("#portraits", lambda m: m.text == "3 photos", thread_ts=root.ts)
    assert bot.photos == [p.data for p in photos]
    assert tray.buttons() == ["Train…"]

    assert (await director.press("ana", "#portraits", tray.ts, "Train…")).acked
    view = await director.wait_for_view("ana")
    assert view.options("Provider") == ["AIContent"]
    taken = await director.submit("ana", {"Name": "taken", "Provider": "AIContent"})
    assert taken.errors == {"name": "There is one already."}
    assert (await director.submit("ana", {"Name": "fox"})).closed

    card = await director.wait_for_message("#portraits", lambda m: m.text == "fox: done", thread_ts=root.ts)
    shared = await director.wait_for_message("#portraits", lambda m: m.text == "fox is ready")
    assert shared.thread_ts == root.ts
    assert [await director.file_bytes(f.id) for f in shared.files] == [png(shade=n) for n in range(4)]
    told = await director.wait_for_message("@darkroom", lambda m: True, viewer="ana")
    assert told.text == card.permalink.replace("&", "&amp;")


async def test_a_command_is_answered_through_the_response_url(bot: Portraits, director: Director) -> None:
    result = await director.command("lee", "#general", "/darkroom", "status")
    assert result.acked
    said = await director.wait_for_message("#general", lambda m: m.ephemeral, viewer="lee")
    assert said.text == "You said: status"
    assert await director.messages("#general", viewer="ana") == []


async def test_a_refused_signature_is_a_401_and_the_event_comes_again(
    slack: LocalSlack, director: Director
) -> None:
    portraits = Portraits(slack)
    await director.settings(retry_delays=[0.05, 0.05, 0.05])
    async with serving(AsyncSlackRequestHandler(portraits.app, path="/slack/events")) as origin:
        await director.developer.post_to(f"{origin}/slack/events")
        await director.fault("delivery:events_api", "bad_signature", times=2)
        await director.post("ana", "#portraits", "my fox", [Upload("fox.png", png())])
        await director.wait_for_message("#portraits", lambda m: m.text == "1 photos")
    lines = await director.journal(kinds=("event",))
    states = [(e.facts["state"], e.facts.get("status")) for e in lines if e.facts["type"] == "message"]
    assert states[:3] == [("unacked", 401), ("unacked", 401), ("acked", 200)]


def test_the_synchronous_socket_client_hears_and_acknowledges(tmp_path: Path) -> None:
    """The builtin client, its thread and all; the local Slack has a loop of its own."""
    heard: queue.Queue[SocketModeRequest] = queue.Queue()

    def hear(client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        client.send_socket_mode_response(SocketModeResponse(request.envelope_id))
        heard.put(request)

    async def play() -> None:
        async with LocalSlack.start(tmp_path) as slack, Director(slack.origin) as director:
            client = SocketModeClient(
                app_token=slack.app_token, web_client=WebClient(base_url=slack.api_url), ping_interval=1
            )
            client.socket_mode_request_listeners.append(hear)
            await asyncio.to_thread(client.connect)
            await director.wait_for_connection()
            await director.post("ana", "#portraits", "hello")
            request = await asyncio.to_thread(heard.get, timeout=60)
            assert request.payload["event"]["text"] == "hello"
            await director.wait_for_entry(lambda e: e.kind == "event" and e.facts["state"] == "acked")
            result = await director.command("ana", "#portraits", "/darkroom", "status")
            assert result.acked
            await asyncio.to_thread(client.close)

    asyncio.run(play())


async def test_what_no_listener_takes_is_a_timeout_for_the_person(
    frozen: LocalSlack, director: Director
) -> None:
    app = AsyncApp(client=AsyncWebClient(token=frozen.bot_token, base_url=frozen.api_url))
    handler = AsyncSocketModeHandler(app, frozen.app_token)
    await handler.connect_async()
    await director.wait_for_connection()
    typed = asyncio.create_task(director.command("ana", "#portraits", "/darkroom"))
    # Bolt asks who it is when the command has reached it, and then finds that nobody listens.
    await director.wait_for_entry(lambda e: e.facts.get("method") == "auth.test")
    await director.advance(3)
    assert (await typed).error == "operation_timeout"
    await handler.close_async()
