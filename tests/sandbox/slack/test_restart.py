"""What outlives the process: everything said, uploaded, undelivered and written in the journal."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.sandbox.slack import Director, LocalSlack, ManualClock, Refused, Upload
from tests.sandbox.slack.harness import (
    channel_id,
    client_of,
    listening,
    modal,
    option,
    plain,
    png,
    refusal,
    text_input,
    user_id,
)
from tests.surface import free_port

SERVER = """
import asyncio, json, sys
from pathlib import Path
from bot.sandbox.slack import LocalSlack

async def main():
    async with LocalSlack.start(Path(sys.argv[1])) as slack:
        print(json.dumps([slack.origin, slack.bot_token]), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_restart_goes_on_where_it_stopped_on_another_port(tmp_path: Path) -> None:
    async with (
        LocalSlack.start(tmp_path) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
    ):
        tokens = (slack.bot_token, slack.app_token)
        posted = await director.post("ana", "#portraits", "before", [Upload("fox.png", png())])
        reply = await client.chat_postMessage(
            channel=posted.channel,
            text="reply",
            thread_ts=posted.ts,
            metadata={"event_type": "a", "event_payload": {"b": 1}},
        )
        direct = await director.post("ana", "@darkroom", "psst")
        first = slack.origin
        lines = await director.now()
    async with (
        LocalSlack.start(tmp_path) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
    ):
        assert (slack.bot_token, slack.app_token) == tokens
        thread = await director.messages("#portraits", thread_ts=posted.ts)
        assert [m.text for m in thread] == ["before", "reply"]
        assert thread[1].metadata == {"event_type": "a", "event_payload": {"b": 1}}
        assert [m.ts for m in await director.messages("@darkroom", viewer="ana")] == [direct.ts]
        about = (await client.files_info(file=posted.files[0].id))["file"]
        assert about["url_private"].startswith(slack.origin)
        assert about["shares"]["public"][posted.channel][0]["ts"] == posted.ts
        assert await director.file_bytes(posted.files[0].id) == png()
        link = (await client.chat_getPermalink(channel=posted.channel, message_ts=posted.ts))["permalink"]
        assert link.startswith(slack.origin)
        assert slack.origin != first
        later = await client.chat_update(channel=posted.channel, ts=reply["ts"], text="changed")
        assert later["ok"]
        assert len(await director.journal(limit=lines)) == lines
        assert await director.now() > lines


async def test_events_nobody_took_are_delivered_after_a_restart(tmp_path: Path) -> None:
    async with LocalSlack.start(tmp_path) as slack, Director(slack.origin) as director:
        await director.post("ana", "#portraits", "one")
        await director.post("ana", "#portraits", "two", [Upload("fox.png", png())])
    async with LocalSlack.start(tmp_path) as slack, listening(slack) as ear:
        heard = [await ear.next() for _ in range(2)]
        assert {r.payload["event"]["text"] for r in heard} == {"one", "two"}
        assert all((r.retry_attempt or 0) >= 1 for r in heard)
        [photo] = heard[-1].payload["event"]["files"]
        assert photo["url_private"].startswith(slack.origin)
        async with Director(slack.origin) as director:

            async def delivered() -> bool:
                return (await director.workspace())["undelivered"] == 0

            await director.wait_for(delivered)


async def test_a_share_promised_before_a_restart_still_comes(tmp_path: Path) -> None:
    clock = ManualClock()
    async with LocalSlack.start(tmp_path, clock=clock) as slack, Director(slack.origin) as director:
        async with client_of(slack) as client:
            channel = await channel_id(director, "portraits")
            await client.files_upload_v2(channel=channel, content=png(), filename="fox.png")
        assert await director.messages("#portraits") == []
    async with LocalSlack.start(tmp_path, clock=clock) as slack, Director(slack.origin) as director:
        clock.advance(1)
        [shared] = await director.messages("#portraits")
        assert [f.name for f in shared.files] == ["fox.png"]
        async with client_of(slack) as client:
            about = (await client.files_info(file=shared.files[0].id))["file"]
            assert about["mimetype"] == "image/png"


async def test_a_response_url_outlives_a_restart_on_the_same_port(tmp_path: Path) -> None:
    port = free_port()
    async with (
        LocalSlack.start(tmp_path, port=port) as slack,
        Director(slack.origin) as director,
        listening(slack) as ear,
    ):
        await director.wait_for_connection()
        await director.command("ana", "#portraits", "/darkroom")
        url = (await ear.next()).payload["response_url"]
    async with LocalSlack.start(tmp_path, port=port) as slack, Director(slack.origin) as director:
        assert (await AsyncWebhookClient(url).send(text="still good")).status_code == 200
        assert [m.text for m in await director.messages("#portraits", viewer="ana")] == ["still good"]


async def test_open_forms_home_tabs_and_choices_outlive_a_restart(tmp_path: Path) -> None:
    menu = {"type": "static_select", "action_id": "a", "options": [option("One", "1"), option("Two", "2")]}
    async with (
        LocalSlack.start(tmp_path) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
        listening(slack),
    ):
        await director.wait_for_connection()
        gesture = await director.command("ana", "#portraits", "/darkroom")
        view = modal(text_input("name", "Name"), text_input("more", "More"), external_id="draft")
        await client.views_open(trigger_id=gesture.trigger_id, view=view)
        await director.fill("ana", {"Name": "fox"})
        ana = await user_id(director, "ana")
        home = await client.views_publish(user_id=ana, view={"type": "home", "blocks": []})
        channel = await channel_id(director, "portraits")
        row = {"type": "actions", "block_id": "b", "elements": [menu]}
        card = await client.chat_postMessage(channel=channel, text="x", blocks=[row])
        await director.press("ana", "#portraits", card["ts"], "a", option="Two")
    async with (
        LocalSlack.start(tmp_path) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
        listening(slack) as ear,
    ):
        await director.wait_for_connection()
        seen = await director.view("ana")
        assert seen is not None
        assert seen.values["name"]["text"]["value"] == "fox"
        await client.views_update(external_id="draft", view=view | {"title": plain("Two")})
        assert (await director.submit("ana", {"More": "x"})).closed
        assert await director.view("ana") is None
        stale = await refusal(
            client.views_publish(user_id=ana, view={"type": "home", "blocks": []}, hash="0.old")
        )
        assert stale["error"] == "hash_conflict"
        again = await client.views_publish(
            user_id=ana, view={"type": "home", "blocks": []}, hash=home["view"]["hash"]
        )
        assert again["view"]["id"] == home["view"]["id"]
        button = {"type": "button", "action_id": "go", "text": plain("Go")}
        row = {"type": "actions", "block_id": "b", "elements": [menu, button]}
        await client.chat_update(channel=channel, ts=card["ts"], text="x", blocks=[row])
        await director.press("ana", "#portraits", card["ts"], "go")
        while (heard := (await ear.next()).payload).get("type") != "block_actions":
            pass
        assert heard["state"]["values"]["b"]["a"]["selected_option"] == option("Two", "2")


async def test_what_was_about_to_appear_appears_after_a_restart_and_what_never_would_does_not(
    tmp_path: Path,
) -> None:
    clock, port = ManualClock(), free_port()
    async with (
        LocalSlack.start(tmp_path, clock=clock, port=port) as slack,
        Director(slack.origin) as director,
    ):
        told = await director.post("lee", "#general", "the news")
        said = await director.post("ana", "#portraits", f"see {told.permalink}")
        await director.fault("ready", "never")
        async with client_of(slack) as client:
            uploaded = await client.files_upload_v2(content=png(), filename="fox.png")
    async with LocalSlack.start(tmp_path, clock=clock, port=port) as slack, client_of(slack) as client:
        clock.advance(10)
        history = await client.conversations_history(channel=said.channel)
        assert history["messages"][0]["attachments"][0]["text"] == "the news"
        about = (await client.files_info(file=uploaded["file"]["id"]))["file"]
        assert about["mimetype"] == ""


async def test_counted_ids_are_never_given_twice(tmp_path: Path) -> None:
    seen: list[str] = []
    for _ in range(2):
        async with (
            LocalSlack.start(tmp_path, deterministic=True, clock=ManualClock()) as slack,
            Director(slack.origin) as director,
        ):
            posted = await director.post("ana", "#portraits", "x", [Upload("a.png", png())])
            seen += [posted.files[0].id, posted.ts]
    assert len(set(seen)) == 4


async def test_two_deterministic_runs_are_the_same(tmp_path: Path) -> None:
    runs = []
    for name in ("one", "two"):
        async with (
            LocalSlack.start(tmp_path / name, deterministic=True, clock=ManualClock()) as slack,
            Director(slack.origin) as director,
        ):
            posted = await director.post("ana", "#portraits", "@darkroom x", [Upload("a.png", png())])
            async with client_of(slack) as client:
                ana = await user_id(director, "ana")
                home = {"type": "home", "blocks": [{"type": "divider"}]}
                published = (await client.views_publish(user_id=ana, view=home))["view"]
                shown = (published["id"], published["hash"], published["blocks"])
            runs.append((slack.bot_token, posted.ts, posted.channel, posted.files, posted.blocks, shown))
    assert runs[0] == runs[1]


@pytest.mark.slow
async def test_a_killed_server_has_lost_nothing_it_answered(tmp_path: Path) -> None:
    async def start() -> tuple[asyncio.subprocess.Process, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVER, str(tmp_path), stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
        )
        assert process.stdout is not None
        origin, token = json.loads(await process.stdout.readline())
        return process, origin, token

    process, origin, token = await start()
    async with Director(origin) as director:
        texts = [str(n) for n in range(20)]
        for text in texts:
            await director.post("ana", "#portraits", text, [Upload(f"{text}.png", png())])
        lines = await director.now()
        process.send_signal(signal.SIGKILL)
        await process.wait()
    process, origin, again = await start()
    async with Director(origin) as director:
        said = await director.messages("#portraits")
        assert [m.text for m in said] == texts
        assert await director.file_bytes(said[-1].files[0].id) == png()
        assert (await director.workspace())["undelivered"] == 20
        assert len(await director.journal(limit=lines)) == lines
        assert again == token
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def test_gestures_forms_and_the_home_outlive_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        LocalSlack.start(tmp_path, clock=clock) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
        listening(slack),
    ):
        await director.wait_for_connection()
        first = (await director.shortcut("ana", "new_model")).trigger_id
        form = modal(text_input("name", "Name"), external_id="mine")
        opened = await client.views_open(trigger_id=first, view=form)
        await director.fill("ana", {"Name": "fox"})
        unspent = (await director.shortcut("lee", "new_model")).trigger_id
        ana = next(u.id for u in await director.users() if u.name == "ana")
        home = {"type": "home", "blocks": [{"type": "divider"}]}
        published = await client.views_publish(user_id=ana, view=home)
    async with (
        LocalSlack.start(tmp_path, clock=clock) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
    ):
        view = await director.view("ana")
        assert view is not None
        assert view.values["name"]["text"]["value"] == "fox"
        assert (await refusal(client.views_open(trigger_id=first, view=form)))[
            "error"
        ] == "exchanged_trigger_id"
        assert (await client.views_open(trigger_id=unspent, view=modal(text_input("a", "A"))))["ok"]
        changed = await client.views_update(external_id="mine", hash=opened["view"]["hash"], view=form)
        assert changed["view"]["id"] == opened["view"]["id"]
        again = await client.views_publish(user_id=ana, view=home, hash=published["view"]["hash"])
        assert again["view"]["id"] == published["view"]["id"]
        assert (await director.home("ana")) is not None


async def test_a_sockets_address_and_events_held_back_outlive_a_restart_on_the_same_port(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with LocalSlack.start(tmp_path, port=port) as slack, Director(slack.origin) as director:
        async with client_of(slack) as client:
            url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
        await director.fault("event:message", "reorder")
        await director.post("ana", "#portraits", "held")
        assert (await director.workspace())["undelivered"] == 1
    async with (
        LocalSlack.start(tmp_path, port=port) as slack,
        Director(slack.origin) as director,
        aiohttp.ClientSession() as http,
        http.ws_connect(url) as socket,
    ):
        assert (await socket.receive_json())["type"] == "hello"
        await director.post("ana", "#portraits", "and on")
        heard = [(await socket.receive_json())["payload"]["event"]["text"] for _ in range(2)]
        assert heard == ["and on", "held"]


async def is_limited(client: AsyncWebClient) -> bool:
    """Whether the members may not be listed just now."""
    try:
        await client.users_list()
    except SlackApiError as error:
        return int(error.response.status_code) == 429
    return False


async def test_what_an_app_used_up_of_its_rates_is_used_up_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with LocalSlack.start(tmp_path, clock=clock) as slack, client_of(slack) as client:
        for _ in range(20):
            await client.users_list()
        assert await is_limited(client)
    async with LocalSlack.start(tmp_path, clock=clock) as slack, client_of(slack) as client:
        assert await is_limited(client)
        clock.advance(3)
        assert not await is_limited(client)
        assert await is_limited(client)
    # A clock that begins anew, earlier than it stood, neither fills a bucket nor empties it.
    async with LocalSlack.start(tmp_path, clock=ManualClock()) as slack, client_of(slack) as client:
        assert await is_limited(client)


async def test_the_hours_events_are_counted_on_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with LocalSlack.start(tmp_path, clock=clock) as slack, Director(slack.origin) as director:
        await director.settings(events_per_hour=2)
        for _ in range(2):
            await director.post("ana", "#portraits", "hello")
    async with (
        LocalSlack.start(tmp_path, clock=clock) as slack,
        Director(slack.origin) as director,
        listening(slack) as ear,
    ):
        await director.post("ana", "#portraits", "one too many")
        kinds = [(await ear.next()).payload["type"] for _ in range(3)]
        assert kinds.count("app_rate_limited") == 1
    clock.advance(3600)
    async with (
        LocalSlack.start(tmp_path, clock=clock) as slack,
        Director(slack.origin) as director,
        listening(slack) as ear,
    ):
        await director.post("ana", "#portraits", "an hour later")
        assert (await ear.event("message"))["text"] == "an hour later"


async def test_knobs_stay_as_they_were_turned(tmp_path: Path) -> None:
    async with LocalSlack.start(tmp_path) as slack, Director(slack.origin) as director:
        await director.settings(share_delay=7, retry_delays=[2, 3, 4], edit_window=60)
    async with LocalSlack.start(tmp_path) as slack, Director(slack.origin) as director:
        kept = slack.parts.settings
        assert (kept.share_delay, kept.retry_delays, kept.edit_window) == (7, (2, 3, 4), 60)
        with pytest.raises(Refused, match="unknown_setting"):
            await director.settings(share_delay=1, no_such_knob=2)
        assert slack.parts.settings.share_delay == 7
