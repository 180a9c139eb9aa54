"""What a message may say: texts, attachments, previews of links, and who is called by it."""

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director, LocalSlack
from tests.sandbox.slack.harness import Ear, channel_id, refusal
from tests.sandbox.slack.kit import section


async def post(client: AsyncWebClient, channel: str, **more: Any) -> dict[str, Any]:
    """Post by the bare call: the SDK's own method warns where a text is missing."""
    answer = await client.api_call("chat.postMessage", json={"channel": channel, **more})
    return dict(answer.data)


REFUSED: list[tuple[dict[str, Any], str, str | None]] = [
    ({}, "no_text", None),
    ({"text": "", "blocks": []}, "no_text", None),
    ({"markdown_text": "x", "text": "y"}, "markdown_text_conflict", None),
    ({"markdown_text": "x" * 12_001}, "msg_too_long", None),
    ({"text": "x", "attachments": [{"text": "y"}] * 101}, "too_many_attachments", None),
    ({"text": "x", "attachments": {"text": "y"}}, "invalid_attachments", None),
    (
        {"text": "x", "attachments": [{"texd": "y"}]},
        "invalid_attachments",
        "invalid additional property: texd [json-pointer:/attachments/0]",
    ),
    (
        {"text": "x", "attachments": [{"title": "y", "blocks": [section()]}]},
        "invalid_attachments",
        "invalid additional property: title [json-pointer:/attachments/0]",
    ),
    (
        {"text": "x", "attachments": [{"blocks": [section()]}, {"blocks": [section("")]}]},
        "invalid_attachments",
        "must be more than 0 characters [json-pointer:/attachments/1/blocks/0/text/text]",
    ),
]


@pytest.mark.parametrize(("said", "error", "problem"), REFUSED, ids=[r[1] for r in REFUSED])
async def test_what_slack_would_not_take_is_refused(
    client: AsyncWebClient, director: Director, said: dict[str, Any], error: str, problem: str | None
) -> None:
    channel = await channel_id(director, "portraits")
    answer = await refusal(post(client, channel, **said))
    assert answer["error"] == error
    if problem:
        assert f"[ERROR] {problem}" in answer["response_metadata"]["messages"]
    assert await director.messages("#portraits") == []


@pytest.mark.parametrize(
    "said",
    [
        {"markdown_text": "x" * 12_000},
        {"text": "x", "attachments": [{"text": "y"}] * 100},
        {"text": "x", "attachments": [{"color": "#fff", "blocks": [section()]}]},
        {"blocks": [section("x" * 2_640)] * 5},
    ],
)
async def test_what_is_just_within_the_limits_is_said(
    client: AsyncWebClient, director: Director, said: dict[str, Any]
) -> None:
    assert (await post(client, await channel_id(director, "portraits"), **said))["ok"]


async def test_one_character_more_in_all_the_blocks_is_too_long(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    blocks = [*[section("x" * 2_640)] * 5, section("x")]
    assert (await refusal(post(client, channel, blocks=blocks)))["error"] == "msg_blocks_too_long"


@pytest.mark.parametrize(("length", "fits"), [(4_000, True), (4_001, False)])
async def test_an_update_is_shorter_than_a_message(
    client: AsyncWebClient, director: Director, length: int, fits: bool
) -> None:
    channel = await channel_id(director, "portraits")
    said = await client.chat_postMessage(channel=channel, text="x" * 4_001)
    call = client.chat_update(channel=channel, ts=said["ts"], text="y" * length)
    if fits:
        assert (await call)["ok"]
    else:
        assert (await refusal(call))["error"] == "msg_too_long"


async def test_a_tombstone_stays_as_it_is(client: AsyncWebClient, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    root = await client.chat_postMessage(channel=channel, text="root")
    await client.chat_postMessage(channel=channel, text="reply", thread_ts=root["ts"])
    await client.chat_delete(channel=channel, ts=root["ts"])
    changed = await refusal(client.chat_update(channel=channel, ts=root["ts"], text="back"))
    under = await refusal(client.chat_postMessage(channel=channel, text="x", thread_ts=root["ts"]))
    assert (changed["error"], under["error"]) == ("cant_update_message", "cannot_reply_to_message")


async def test_loose_marks_are_stored_as_entities_and_mentions_stay(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    said = await client.chat_postMessage(channel=channel, text="R&D <b> <https://x.test|x>")
    assert said["message"]["text"] == "R&amp;D &lt;b&gt; <https://x.test|x>"
    typed = await director.post("ana", "#portraits", "@lee R&D")
    assert typed.text.endswith("> R&amp;D")
    assert typed.blocks[0]["elements"][0]["elements"][1] == {"type": "text", "text": " R&D"}


async def test_whoever_rings_everybodys_telephone_is_written_down(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    await client.chat_postMessage(channel=channel, text="quiet &lt;!channel&gt;")
    await client.chat_postMessage(channel=channel, text="x", blocks=[section("<!here> and <!channel>")])
    await director.post("ana", "#portraits", "@everyone cake")
    lines = await director.journal(kinds=("message",))
    assert [e.facts.get("called") for e in lines] == [None, ["channel", "here"], ["everyone"]]


async def test_a_reply_shown_to_all_carries_its_thread(
    client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    channel = await channel_id(director, "portraits")
    root = await client.chat_postMessage(channel=channel, text="root")
    await client.chat_postMessage(channel=channel, text="shown", thread_ts=root["ts"], reply_broadcast=True)
    heard = await ear.event("message", "thread_broadcast")
    assert (heard["thread_ts"], heard["root"]["ts"], heard["root"]["reply_count"]) == (
        root["ts"],
        root["ts"],
        1,
    )


async def test_a_link_to_a_message_shows_it_a_moment_later_as_a_hidden_change(
    frozen: LocalSlack, client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    told = await director.post("lee", "#general", "the news")
    secret = await director.post("admin", "#board", "the plan")
    said = await director.post("ana", "#portraits", f"see {told.permalink} and {secret.permalink}")
    await director.advance(1)
    heard = await ear.event("message", "message_changed")
    assert (heard["hidden"], heard["message"]["ts"]) == (True, said.ts)
    assert "edited" not in heard["message"]
    # What is said in a private channel is shown to nobody outside.
    [shown] = heard["message"]["attachments"]
    assert (shown["text"], shown["is_msg_unfurl"], shown["channel_name"]) == ("the news", True, "general")


@pytest.mark.parametrize(("asked", "shown"), [({}, 0), ({"unfurl_links": True}, 1)])
async def test_an_apps_links_are_shown_only_where_it_asked(
    frozen: LocalSlack, client: AsyncWebClient, director: Director, asked: dict[str, Any], shown: int
) -> None:
    told = await director.post("lee", "#portraits", "the news")
    said = await client.chat_postMessage(channel=told.channel, text=f"<{told.permalink}|this>", **asked)
    await director.advance(1)
    history = await client.conversations_history(channel=told.channel, latest=said["ts"], inclusive=True)
    assert len(history["messages"][0].get("attachments", [])) == shown
