"""Saying, changing, deleting and reading: what a bot may do in which conversation."""

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director, LocalSlack, Refused
from tests.sandbox.slack.harness import channel_id, client_of, refusal, user_id


async def test_a_bot_speaks_only_where_it_is_a_member(client: AsyncWebClient, director: Director) -> None:
    general, board = await channel_id(director, "general"), await channel_id(director, "board")
    assert (await refusal(client.chat_postMessage(channel=general, text="x")))["error"] == "not_in_channel"
    # A private channel without the bot does not exist for it.
    assert (await refusal(client.chat_postMessage(channel=board, text="x")))["error"] == "channel_not_found"
    assert (await refusal(client.conversations_info(channel=board)))["error"] == "channel_not_found"
    await director.invite_bot("#general")
    assert (await client.chat_postMessage(channel=general, text="x"))["ok"]
    await director.archive("#general")
    assert (await refusal(client.chat_postMessage(channel=general, text="x")))["error"] == "is_archived"


async def test_a_message_to_a_person_lands_in_the_direct_messages(
    client: AsyncWebClient, director: Director
) -> None:
    posted = await client.chat_postMessage(channel=await user_id(director, "ana"), text="psst")
    assert posted["channel"].startswith("D")
    assert [m.text for m in await director.messages("@darkroom", viewer="ana")] == ["psst"]
    assert await director.messages("@darkroom", viewer="lee") == []


async def test_a_message_needs_words(client: AsyncWebClient, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    # The SDK's own method warns; the call behind it does not.
    answer = await refusal(client.api_call("chat.postMessage", json={"channel": channel, "text": ""}))
    assert answer["error"] == "no_text"


async def test_a_text_above_forty_thousand_characters_is_cut(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    posted = await client.chat_postMessage(channel=channel, text="x" * 40_001)
    assert posted["warning"] == "message_truncated"
    assert len(posted["message"]["text"]) == 40_000


async def test_an_update_replaces_the_message_in_its_place(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    posted = await client.chat_postMessage(
        channel=channel,
        text="one",
        blocks=[{"type": "divider"}],
        metadata={"event_type": "card", "event_payload": {"job": "7"}},
    )
    await client.chat_update(channel=channel, ts=posted["ts"], text="two")
    [message] = await director.messages("#portraits")
    assert (message.text, message.blocks, message.edited) == ("two", [], True)
    assert message.metadata == {"event_type": "card", "event_payload": {"job": "7"}}
    too_long = await refusal(client.chat_update(channel=channel, ts=posted["ts"], text="x" * 4_001))
    assert too_long["error"] == "msg_too_long"
    lost = await refusal(client.chat_update(channel=channel, ts="1.000000", text="x"))
    assert lost["error"] == "message_not_found"


async def test_an_update_with_blocks_carries_no_mark_of_an_edit(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    posted = await client.chat_postMessage(channel=channel, text="one")
    await client.chat_update(channel=channel, ts=posted["ts"], text="two", blocks=[{"type": "divider"}])
    [message] = await director.messages("#portraits")
    assert (message.text, message.edited) == ("two", False)


async def test_what_somebody_else_said_cannot_be_changed_or_deleted(
    client: AsyncWebClient, director: Director
) -> None:
    said = await director.post("ana", "#portraits", "mine")
    update = await refusal(client.chat_update(channel=said.channel, ts=said.ts, text="x"))
    delete = await refusal(client.chat_delete(channel=said.channel, ts=said.ts))
    assert (update["error"], delete["error"]) == ("cant_update_message", "cant_delete_message")


async def test_a_deleted_thread_root_leaves_a_tombstone_while_it_has_replies(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    root = await client.chat_postMessage(channel=channel, text="root")
    reply = await client.chat_postMessage(channel=channel, text="reply", thread_ts=root["ts"])
    await client.chat_delete(channel=channel, ts=root["ts"])
    assert [m.subtype for m in await director.messages("#portraits")] == ["tombstone", None]
    await client.chat_delete(channel=channel, ts=reply["ts"])
    assert [m.subtype for m in await director.messages("#portraits")] == ["tombstone"]


async def test_a_thread_hangs_on_its_first_message_and_never_on_a_reply(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    root = await client.chat_postMessage(channel=channel, text="root")
    reply = await client.chat_postMessage(channel=channel, text="reply", thread_ts=root["ts"])
    under = await refusal(client.chat_postMessage(channel=channel, text="x", thread_ts=reply["ts"]))
    nowhere = await refusal(client.chat_postMessage(channel=channel, text="x", thread_ts="1.000000"))
    assert (under["error"], nowhere["error"]) == ("cannot_reply_to_message", "thread_not_found")


async def test_an_ephemeral_message_is_seen_by_one_and_cannot_be_changed(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    ana, gone = await user_id(director, "ana"), await user_id(director, "gone")
    said = await client.chat_postEphemeral(channel=channel, user=ana, text="only you")
    assert [(m.text, m.ephemeral) for m in await director.messages("#portraits", viewer="ana")] == [
        ("only you", True)
    ]
    assert await director.messages("#portraits", viewer="lee") == []
    assert (await client.conversations_history(channel=channel))["messages"] == []
    changed = await refusal(client.chat_update(channel=channel, ts=said["message_ts"], text="x"))
    assert changed["error"] == "message_not_found"
    absent = await refusal(client.chat_postEphemeral(channel=channel, user=gone, text="x"))
    assert absent["error"] == "user_not_in_channel"


async def test_history_and_replies_are_read_apart_in_order_and_in_pages(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    roots = [await client.chat_postMessage(channel=channel, text=str(n)) for n in range(5)]
    await client.chat_postMessage(channel=channel, text="reply", thread_ts=roots[2]["ts"])
    shown = await client.chat_postMessage(
        channel=channel, text="shown", thread_ts=roots[2]["ts"], reply_broadcast=True
    )
    texts = [m["text"] for m in (await client.conversations_history(channel=channel))["messages"]]
    assert texts == ["shown", "4", "3", "2", "1", "0"]
    first = await client.conversations_history(channel=channel, limit=4)
    assert (len(first["messages"]), first["has_more"]) == (4, True)
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=channel, limit=4, cursor=cursor)
    assert ([m["text"] for m in rest["messages"]], rest["has_more"]) == (["1", "0"], False)
    thread = await client.conversations_replies(channel=channel, ts=roots[2]["ts"])
    assert [m["text"] for m in thread["messages"]] == ["2", "reply", "shown"]
    assert thread["messages"][0]["reply_count"] == 2
    assert thread["messages"][0]["latest_reply"] == shown["ts"]
    assert (await refusal(client.conversations_replies(channel=channel, ts="1.0")))[
        "error"
    ] == "thread_not_found"


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"oldest": 1}, ["3", "2"]),
        ({"oldest": 1, "inclusive": True}, ["3", "2", "1"]),
        ({"latest": 2}, ["1", "0"]),
        ({"oldest": 1, "latest": 2, "inclusive": True}, ["2", "1"]),
    ],
)
async def test_history_keeps_within_its_bounds(
    client: AsyncWebClient, director: Director, bounds: dict[str, Any], expected: list[str]
) -> None:
    channel = await channel_id(director, "portraits")
    said = [await client.chat_postMessage(channel=channel, text=str(n)) for n in range(4)]
    asked = {k: said[v]["ts"] if k != "inclusive" else v for k, v in bounds.items()}
    answer = await client.conversations_history(channel=channel, **asked)
    assert [m["text"] for m in answer["messages"]] == expected


async def test_metadata_is_returned_only_when_asked_for(client: AsyncWebClient, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    metadata = {"event_type": "job", "event_payload": {"id": "7"}}
    await client.chat_postMessage(channel=channel, text="x", metadata=metadata)
    plain = await client.conversations_history(channel=channel)
    full = await client.conversations_history(channel=channel, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == metadata


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ("nonsense", "invalid_metadata_format"),
        ({"event_type": "x"}, "invalid_metadata_schema"),
        ({"event_type": "x", "event_payload": {"a": "y" * 20_000}}, "metadata_too_large"),
    ],
)
async def test_metadata_is_checked(
    client: AsyncWebClient, director: Director, metadata: Any, error: str
) -> None:
    channel = await channel_id(director, "portraits")
    answer = await refusal(
        client.api_call("chat.postMessage", json={"channel": channel, "text": "x", "metadata": metadata})
    )
    assert answer["error"] == error


async def test_a_permalink_leads_to_the_message_and_names_its_thread(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    root = await client.chat_postMessage(channel=channel, text="root")
    reply = await client.chat_postMessage(channel=channel, text="reply", thread_ts=root["ts"])
    link = await client.chat_getPermalink(channel=channel, message_ts=root["ts"])
    assert link["permalink"] == f"{slack.origin}/archives/{channel}/p{root['ts'].replace('.', '')}"
    deep = await client.chat_getPermalink(channel=channel, message_ts=reply["ts"])
    assert deep["permalink"].endswith(f"?thread_ts={root['ts']}&cid={channel}")


async def test_a_reaction_is_given_once(client: AsyncWebClient, director: Director) -> None:
    said = await director.post("ana", "#portraits", "look")
    await client.reactions_add(channel=said.channel, timestamp=said.ts, name="eyes")
    again = await refusal(client.reactions_add(channel=said.channel, timestamp=said.ts, name="eyes"))
    assert again["error"] == "already_reacted"
    [message] = await director.messages("#portraits")
    assert list(message.reactions) == ["eyes"]


@pytest.mark.parametrize(
    ("name", "error"), [("gone", "user_disabled"), ("darkroom", "cannot_dm_bot"), ("U404", "user_not_found")]
)
async def test_direct_messages_open_only_with_people_who_are_there(
    client: AsyncWebClient, director: Director, name: str, error: str
) -> None:
    user = name if name == "U404" else await user_id(director, name)
    assert (await refusal(client.conversations_open(users=user)))["error"] == error


async def test_several_people_make_a_group_which_needs_its_own_scope(
    client: AsyncWebClient, director: Director
) -> None:
    people = [await user_id(director, name) for name in ("ana", "lee")]
    assert (await refusal(client.conversations_open(users=people)))["needed"] == "mpim:write"


async def test_a_bot_joins_public_channels_with_the_scope_for_it(tmp_path: Any) -> None:
    manifest = {"oauth_config": {"scopes": {"bot": ["channels:join", "channels:read", "chat:write"]}}}
    async with (
        LocalSlack.start(tmp_path, manifest=manifest) as slack,
        client_of(slack) as client,
        Director(slack.origin) as director,
    ):
        general = await channel_id(director, "general")
        assert (await client.conversations_join(channel=general))["channel"]["is_member"]
        assert (await client.chat_postMessage(channel=general, text="in"))["ok"]
        names = [c["name"] for c in (await client.conversations_list(types="public_channel"))["channels"]]
        assert names == ["portraits", "general"]
        members = await client.conversations_members(channel=general)
        assert len(members["members"]) == 4


async def test_people_act_only_where_they_are_and_only_if_they_still_can(director: Director) -> None:
    with pytest.raises(Refused, match="not_in_channel"):
        await director.post("guest", "#general", "x")
    with pytest.raises(Refused, match="user_cannot_act"):
        await director.post("gone", "#portraits", "x")
    with pytest.raises(Refused, match="nothing_to_post"):
        await director.post("ana", "#portraits", "")
    with pytest.raises(Refused, match="thread_not_found"):
        await director.post("ana", "#portraits", "x", thread_ts="1.000000")
    said = await director.post("ana", "#portraits", "mine")
    with pytest.raises(Refused, match="not_your_message"):
        await director.edit("lee", "#portraits", said.ts, "yours")
    await director.delete("admin", "#portraits", said.ts)
    assert await director.messages("#portraits") == []
