"""Messages that grow, and what an app says of itself while it works."""

from pathlib import Path
from typing import Any

import pytest
from slack_sdk.models.messages.chunk import MarkdownTextChunk, PlanUpdateChunk, TaskUpdateChunk
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, ManualClock
from tests.sandbox.slack.harness import client_of, listening, refusal, user_id


@pytest.fixture
async def asked(slack: LocalSlack, director: Director) -> dict[str, Any]:
    """Where to stream: under a question of ana's."""
    posted = await director.post("ana", "#portraits", "tell me a story")
    return {
        "channel": posted.channel,
        "thread_ts": posted.ts,
        "recipient_team_id": slack.parts.workspace.identity.team,
        "recipient_user_id": await user_id(director, "ana"),
    }


async def test_the_sdks_own_stream_writes_one_message(
    client: AsyncWebClient, director: Director, asked: dict[str, Any]
) -> None:
    stream = await client.chat_stream(**asked, buffer_size=10)
    for words in ("Once upon ", "a time ", "there was ", "a fox."):
        await stream.append(markdown_text=words)
    button = {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "More"}}],
    }
    done = await stream.stop(blocks=[button], metadata={"event_type": "story", "event_payload": {"n": 1}})
    message = await director.wait_for_message("#portraits", lambda m: m.ts == done["ts"])
    assert message.text == "Once upon a time there was a fox."
    assert [b["type"] for b in message.blocks] == ["markdown", "actions"]
    assert message.thread_ts == asked["thread_ts"]
    assert message.metadata == {"event_type": "story", "event_payload": {"n": 1}}


@pytest.mark.parametrize(
    ("mode", "types"), [("timeline", ["task_card", "markdown"]), ("plan", ["plan", "markdown"])]
)
async def test_tasks_stand_one_by_one_or_all_in_a_plan(
    client: AsyncWebClient, director: Director, asked: dict[str, Any], mode: str, types: list[str]
) -> None:
    begun = await client.chat_startStream(**asked, task_display_mode=mode)
    told = [
        PlanUpdateChunk(title="Work"),
        TaskUpdateChunk(id="1", title="Look", status="in_progress"),
        TaskUpdateChunk(id="1", title="Look", status="complete", output="a fox"),
        MarkdownTextChunk(text="There."),
    ]
    for chunk in told:
        await client.chat_appendStream(channel=asked["channel"], ts=begun["ts"], chunks=[chunk])
    await client.chat_stopStream(channel=asked["channel"], ts=begun["ts"])
    message = await director.wait_for_message("#portraits", lambda m: m.ts == begun["ts"])
    assert [b["type"] for b in message.blocks] == types
    [card] = message.blocks[0]["tasks"] if mode == "plan" else message.blocks[:1]
    assert (card["title"], card["status"]) == ("Look", "complete")


async def test_a_stream_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with (
        LocalSlack.start(tmp_path) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
    ):
        root = await director.post("ana", "@darkroom", "go on")
        begun = await client.chat_startStream(channel=root.channel, thread_ts=root.ts, markdown_text="one ")
    async with (
        LocalSlack.start(tmp_path) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
    ):
        await client.chat_appendStream(channel=root.channel, ts=begun["ts"], markdown_text="two")
        done = await client.chat_stopStream(channel=root.channel, ts=begun["ts"])
        assert done["message"]["text"] == "one two"
        ended = await refusal(
            client.chat_appendStream(channel=root.channel, ts=begun["ts"], markdown_text="x")
        )
        assert ended["error"] == "message_not_in_streaming_state"


async def test_the_app_hears_of_its_stream_when_it_begins_and_when_it_ends(
    slack: LocalSlack, director: Director, client: AsyncWebClient, asked: dict[str, Any]
) -> None:
    async with listening(slack) as ear:
        await director.wait_for_connection()
        begun = await client.chat_startStream(**asked, markdown_text="one ")
        for _ in range(3):
            await client.chat_appendStream(channel=asked["channel"], ts=begun["ts"], markdown_text="more ")
        await client.chat_stopStream(channel=asked["channel"], ts=begun["ts"])
        changed = await ear.event("message", "message_changed")
        assert changed["message"]["text"].strip() == "one more more more"
        assert ear.heard.empty()


async def test_a_status_goes_by_itself_and_with_the_next_word(
    frozen: LocalSlack, clock: ManualClock, director: Director, client: AsyncWebClient
) -> None:
    posted = await director.post("ana", "#portraits", "well?")
    where = {"channel_id": posted.channel, "thread_ts": posted.ts}
    await client.assistant_threads_setStatus(**where, status="is thinking…", loading_messages=["Hm", "Aha"])
    seen = await director.developer.thread("#portraits", posted.ts)
    assert seen == {"status": "is thinking…", "loading": ["Hm", "Aha"]}
    clock.advance(120)
    assert (await director.developer.thread("#portraits", posted.ts))["status"] == ""
    await client.assistant_threads_setStatus(**where, status="is back")
    await client.chat_postMessage(channel=posted.channel, thread_ts=posted.ts, text="so:")
    assert (await director.developer.thread("#portraits", posted.ts))["status"] == ""


async def test_a_thread_of_the_apps_own_has_a_title_and_prompts(tmp_path: Path) -> None:
    scopes = {"bot": ["assistant:write", "chat:write", "im:history"]}
    manifest = DEFAULT_MANIFEST | {"oauth_config": {"scopes": scopes}}
    async with (
        LocalSlack.start(tmp_path, manifest=manifest) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
    ):
        root = await director.post("ana", "@darkroom", "hello")
        where = {"channel_id": root.channel, "thread_ts": root.ts}
        await client.assistant_threads_setTitle(**where, title="A fox")
        prompts = [{"title": "More", "message": "make more"}]
        await client.assistant_threads_setSuggestedPrompts(**where, prompts=prompts)
        seen = await director.developer.thread(root.channel, root.ts)
        assert (seen["title"], seen["prompts"]) == ("A fox", prompts)
        five = await refusal(client.assistant_threads_setSuggestedPrompts(**where, prompts=prompts * 5))
        assert five["error"] == "invalid_arguments"
