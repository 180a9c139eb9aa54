"""Events: their shapes, their order, who hears of what, and what may befall them."""

from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, Upload
from tests.sandbox.slack.harness import Ear, channel_id, client_of, listening, png, user_id


def subscribed(*events: str) -> dict[str, Any]:
    settings = DEFAULT_MANIFEST["settings"] | {"event_subscriptions": {"bot_events": list(events)}}
    return DEFAULT_MANIFEST | {"settings": settings}


async def kinds(ear: Ear, count: int) -> list[str]:
    return [(await ear.next()).payload["event"]["type"] for _ in range(count)]


async def test_a_post_with_photos_is_one_event_in_the_published_shape(
    slack: LocalSlack, director: Director, ear: Ear
) -> None:
    photos = [Upload(f"{n}.png", png(shade=n)) for n in range(3)]
    posted = await director.post("ana", "#portraits", "my fox", photos)
    request = await ear.next()
    assert (request.type, request.retry_attempt, request.accepts_response_payload) == ("events_api", 0, False)
    payload = request.payload
    assert payload["type"] == "event_callback"
    assert payload["event_id"].startswith("Ev")
    [authorization] = payload["authorizations"]
    assert authorization["is_bot"]
    assert authorization["team_id"] == payload["team_id"]
    event = payload["event"]
    assert (event["type"], event["subtype"], event["text"]) == ("message", "file_share", "my fox")
    assert (event["channel"], event["channel_type"], event["ts"]) == (posted.channel, "channel", posted.ts)
    assert event["user"] == await user_id(director, "ana")
    # Slack leaves the team out of this one; it stands in the envelope.
    assert "team" not in event
    assert "thread_ts" not in event
    assert event["client_msg_id"]
    assert event["blocks"][0]["type"] == "rich_text"
    assert [f["name"] for f in event["files"]] == ["0.png", "1.png", "2.png"]
    assert event["files"][0]["url_private_download"].startswith(f"{slack.origin}/files-pri/")


async def test_a_mention_comes_twice_and_its_files_only_by_id(director: Director, ear: Ear) -> None:
    posted = await director.post("ana", "#portraits", "@darkroom train", [Upload("a.png", png())])
    first, second = (await ear.next()).payload, (await ear.next()).payload
    assert [p["event"]["type"] for p in (first, second)] == ["app_mention", "message"]
    assert first["event_id"] != second["event_id"]
    assert first["event"]["ts"] == second["event"]["ts"] == posted.ts
    assert first["event"]["files"] == [{"id": posted.files[0].id}]
    assert first["event"]["text"].startswith("<@U")


async def test_the_two_come_in_the_other_order_too(director: Director, ear: Ear) -> None:
    await director.settings(mention_order="message_first")
    await director.post("ana", "#portraits", "@darkroom hi")
    assert await kinds(ear, 2) == ["message", "app_mention"]


async def test_file_shared_comes_per_file_before_or_after_when_subscribed(tmp_path: Path) -> None:
    manifest = subscribed("message.channels", "file_shared")
    async with (
        LocalSlack.start(tmp_path, manifest=manifest) as slack,
        Director(slack.origin) as director,
        listening(slack) as ear,
    ):
        photos = [Upload(f"{n}.png", png(shade=n)) for n in range(2)]
        await director.post("ana", "#portraits", "", photos)
        assert await kinds(ear, 3) == ["file_shared", "file_shared", "message"]
        await director.settings(file_shared_order="after")
        posted = await director.post("ana", "#portraits", "", photos)
        assert await kinds(ear, 2) == ["message", "file_shared"]
        event = (await ear.next()).payload["event"]
        assert (event["file_id"], event["file"]) == (posted.files[1].id, {"id": posted.files[1].id})
        assert "ts" not in event


async def test_a_direct_message_is_no_mention(director: Director, ear: Ear) -> None:
    await director.post("ana", "@darkroom", "@darkroom hello")
    event = (await ear.next()).payload["event"]
    assert (event["type"], event["channel_type"], event["channel"][0]) == ("message", "im", "D")
    await director.post("ana", "@darkroom", "again")
    assert (await ear.next()).payload["event"]["text"] == "again"


async def test_a_private_channel_is_called_a_group(director: Director, ear: Ear) -> None:
    await director.post("ana", "#atelier", "hush")
    assert (await ear.next()).payload["event"]["channel_type"] == "group"


async def test_nothing_is_heard_from_where_the_bot_is_not(director: Director, ear: Ear) -> None:
    await director.post("ana", "#general", "@darkroom anyone?")
    await director.post("lee", "#board", "secret")
    await director.post("ana", "#portraits", "here")
    assert (await ear.next()).payload["event"]["text"] == "here"
    await director.remove_bot("#portraits")
    await director.post("ana", "#portraits", "gone")
    await director.post("ana", "#atelier", "still here")
    assert (await ear.next()).payload["event"]["text"] == "still here"


async def test_nothing_is_heard_without_the_subscription_or_its_scope(tmp_path: Path) -> None:
    scopes = [s for s in DEFAULT_MANIFEST["oauth_config"]["scopes"]["bot"] if s != "groups:history"]
    manifest = subscribed("message.channels", "message.groups") | {
        "oauth_config": {"scopes": {"bot": scopes}}
    }
    async with (
        LocalSlack.start(tmp_path, manifest=manifest) as slack,
        Director(slack.origin) as director,
        listening(slack) as ear,
    ):
        await director.post("ana", "#atelier", "no scope")
        await director.post("ana", "@darkroom", "no subscription")
        await director.post("ana", "#portraits", "@darkroom both, but for the mention")
        event = (await ear.next()).payload["event"]
        assert (event["type"], event["channel_type"]) == ("message", "channel")


async def test_the_bot_hears_itself_its_late_share_included(
    slack: LocalSlack, director: Director, ear: Ear
) -> None:
    channel = await channel_id(director, "portraits")
    async with client_of(slack) as client:
        metadata = {"event_type": "job", "event_payload": {"id": "7"}}
        posted = await client.chat_postMessage(channel=channel, text="hello", metadata=metadata)
        event = await ear.event("message")
        assert (event["ts"], event["metadata"]) == (posted["ts"], metadata)
        assert event["bot_id"].startswith("B")
        await client.files_upload_v2(channel=channel, content=png(), filename="a.png", thread_ts=posted["ts"])
        share = await ear.event("message", "file_share")
        assert (share["bot_id"], share["thread_ts"]) == (event["bot_id"], posted["ts"])
        assert share["parent_user_id"] == event["user"]


async def test_edits_and_deletions_come_as_hidden_messages(director: Director, ear: Ear) -> None:
    said = await director.post("ana", "#portraits", "frist")
    await director.edit("ana", "#portraits", said.ts, "first")
    changed = await ear.event("message", "message_changed")
    assert changed["hidden"]
    assert (changed["previous_message"]["text"], changed["message"]["text"]) == ("frist", "first")
    assert changed["ts"] != said.ts
    await director.delete("ana", "#portraits", said.ts)
    deleted = await ear.event("message", "message_deleted")
    assert (deleted["deleted_ts"], deleted["hidden"]) == (said.ts, True)


async def test_a_reply_names_its_thread(director: Director, ear: Ear) -> None:
    said = await director.post("ana", "#portraits", "root")
    await director.post("lee", "#portraits", "reply", thread_ts=said.ts)
    await ear.event("message")
    reply = await ear.event("message")
    assert (reply["thread_ts"], reply["parent_user_id"]) == (said.ts, await user_id(director, "ana"))


async def test_opening_the_home_is_heard_every_time_with_its_view(
    slack: LocalSlack, director: Director, ear: Ear
) -> None:
    await director.open_home("ana")
    first = await ear.event("app_home_opened")
    assert (first["tab"], first["channel"][0], "view" in first) == ("home", "D", False)
    async with client_of(slack) as client:
        await client.views_publish(
            user_id=first["user"], view={"type": "home", "blocks": [{"type": "divider"}]}
        )
    await director.open_home("ana", tab="messages")
    second = await ear.event("app_home_opened")
    assert (second["tab"], second["view"]["type"]) == ("messages", "home")
    home = await director.home("ana")
    assert home is not None
    assert home.blocks[0]["type"] == "divider"


async def test_an_event_is_duplicated_held_back_delayed_or_dropped_on_order(
    frozen: LocalSlack, director: Director, ear: Ear
) -> None:
    await director.fault("event:message", "duplicate")
    await director.post("ana", "#portraits", "twice")
    twice = [(await ear.next()).payload for _ in range(2)]
    assert twice[0]["event_id"] == twice[1]["event_id"]
    await director.fault("event:message", "reorder")
    await director.post("ana", "#portraits", "first")
    await director.post("ana", "#portraits", "second")
    assert [(await ear.next()).payload["event"]["text"] for _ in range(2)] == ["second", "first"]
    await director.fault("event:*", "delay", seconds=30)
    await director.fault("event:*", "drop")
    for text in ("late", "never", "now"):
        await director.post("ana", "#portraits", text)
    assert (await ear.next()).payload["event"]["text"] == "now"
    await director.advance(30)
    assert (await ear.next()).payload["event"]["text"] == "late"


async def test_an_event_held_back_is_let_go_when_trouble_is_called_off(director: Director, ear: Ear) -> None:
    await director.fault("event:message", "reorder")
    await director.post("ana", "#portraits", "held")
    await director.clear_faults()
    assert (await ear.next()).payload["event"]["text"] == "held"


@pytest.mark.parametrize(("target", "effect"), [("event:message", "hang"), ("nonsense", "error")])
async def test_an_order_that_means_nothing_is_refused(director: Director, target: str, effect: str) -> None:
    with pytest.raises(Exception, match="unknown_fault"):
        await director.fault(target, effect)
