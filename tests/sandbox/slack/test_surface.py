"""The surface of the Web API by table: every method with its rate and scope, every error with its cause."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, ManualClock, Settings, Upload
from bot.sandbox.slack.events import MESSAGE_EVENTS, OTHER_EVENTS
from bot.sandbox.slack.manifest import Manifest
from bot.sandbox.slack.methods import METHODS
from tests.sandbox.slack.harness import channel_id, client_of, modal, png, refusal, text_input, user_id

# Method -> calls a minute (None where Slack speaks of special rules), and the scopes of which one is needed.
TABLE: dict[str, tuple[int | None, set[str]]] = {
    "api.test": (None, set()),
    "apps.connections.open": (50, set()),
    "apps.uninstall": (1, set()),
    "assistant.threads.setStatus": (None, {"chat:write", "assistant:write"}),
    "assistant.threads.setSuggestedPrompts": (100, {"assistant:write"}),
    "assistant.threads.setTitle": (100, {"assistant:write"}),
    "auth.revoke": (None, set()),
    "auth.test": (None, set()),
    "blocks.validate": (100, set()),
    "bots.info": (50, {"users:read"}),
    "chat.appendStream": (100, {"chat:write"}),
    "chat.delete": (50, {"chat:write"}),
    "chat.getPermalink": (None, set()),
    "chat.postEphemeral": (100, {"chat:write"}),
    "chat.postMessage": (None, {"chat:write"}),
    "chat.startStream": (20, {"chat:write"}),
    "chat.stopStream": (20, {"chat:write"}),
    "chat.update": (50, {"chat:write"}),
    "conversations.close": (20, {"im:write", "mpim:write"}),
    "conversations.history": (50, {"channels:history", "groups:history", "im:history", "mpim:history"}),
    "conversations.info": (50, {"channels:read", "groups:read", "im:read", "mpim:read"}),
    "conversations.join": (50, {"channels:join"}),
    "conversations.leave": (50, {"channels:manage", "channels:join", "groups:write"}),
    "conversations.list": (20, {"channels:read", "groups:read", "im:read", "mpim:read"}),
    "conversations.members": (100, {"channels:read", "groups:read", "im:read", "mpim:read"}),
    "conversations.open": (50, {"im:write", "mpim:write"}),
    "conversations.replies": (50, {"channels:history", "groups:history", "im:history", "mpim:history"}),
    "files.completeUploadExternal": (100, {"files:write"}),
    "files.delete": (50, {"files:write"}),
    "files.getUploadURLExternal": (100, {"files:write"}),
    "files.info": (100, {"files:read"}),
    "files.list": (50, {"files:read"}),
    "oauth.v2.access": (None, set()),
    "oauth.v2.exchange": (20, set()),
    "reactions.add": (50, {"reactions:write"}),
    "reactions.get": (50, {"reactions:read"}),
    "reactions.list": (20, {"reactions:read"}),
    "reactions.remove": (20, {"reactions:write"}),
    "team.info": (50, {"team:read"}),
    "users.conversations": (50, {"channels:read", "groups:read", "im:read", "mpim:read"}),
    "users.info": (100, {"users:read"}),
    "users.list": (20, {"users:read"}),
    "views.open": (100, set()),
    "views.publish": (100, set()),
    "views.push": (100, set()),
    "views.update": (100, set()),
}
EVERY_SCOPE = sorted({scope for _, scopes in TABLE.values() for scope in scopes} | {"commands"})
NEEDS_NO_TOKEN = {"api.test", "oauth.v2.access"}
MANIFEST = DEFAULT_MANIFEST | {"oauth_config": {"scopes": {"bot": EVERY_SCOPE}}}


def test_the_table_and_the_methods_are_the_same() -> None:
    assert set(TABLE) == set(METHODS)
    assert {name: set(m.scopes) for name, m in METHODS.items()} == {n: s for n, (_, s) in TABLE.items()}


def test_every_scope_of_the_manifest_is_known_to_a_method_or_an_event() -> None:
    known = {s for _, scopes in TABLE.values() for s in scopes} | {s for _, s in MESSAGE_EVENTS.values()}
    known |= {s for s in OTHER_EVENTS.values() if s} | {"commands"}
    assert Manifest.parse(DEFAULT_MANIFEST).scopes <= known


async def called(slack: LocalSlack, method: str, token: str = "", **arguments: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=slack.api_url, headers=headers, trust_env=False) as http:
        return await http.post(method, data=arguments)


@pytest.mark.parametrize("method", sorted(set(TABLE) - NEEDS_NO_TOKEN))
async def test_no_method_works_without_a_good_token(slack: LocalSlack, method: str) -> None:
    assert (await called(slack, method)).json()["error"] == "not_authed"
    assert (await called(slack, method, "xoxb-guess")).json()["error"] == "invalid_auth"


async def test_no_method_works_without_its_scope(tmp_path: Path) -> None:
    bare = DEFAULT_MANIFEST | {"oauth_config": {"scopes": {"bot": ["links:read"]}}}
    async with LocalSlack.start(tmp_path, manifest=bare) as slack:
        for method, (_, scopes) in TABLE.items():
            if not scopes:
                continue
            answer = await called(slack, method, slack.bot_token)
            said = answer.json()
            assert said["error"] == "missing_scope", method
            assert set(said["needed"].split(",")) == scopes
            assert said["provided"] == "links:read"
            assert answer.headers["x-oauth-scopes"] == "links:read"
            assert set(answer.headers["x-accepted-oauth-scopes"].split(",")) == scopes


async def test_every_method_has_its_rate(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        LocalSlack.start(tmp_path, manifest=MANIFEST, clock=clock) as slack,
        httpx.AsyncClient(base_url=slack.api_url, trust_env=False) as http,
    ):
        for method, (rate, _) in TABLE.items():
            if rate is None:
                continue
            token = slack.app_token if method == "apps.connections.open" else slack.bot_token
            headers = {"authorization": f"Bearer {token}"}
            # Most of these are refused for want of arguments, and counted all the same.
            for _ in range(rate):
                assert (await http.post(method, headers=headers)).status_code == 200, method
            over = await http.post(method, headers=headers)
            assert (over.status_code, over.json()["error"]) == (429, "ratelimited"), method
            wait = int(over.headers["retry-after"])
            assert 1 <= wait <= 60
            clock.advance(wait)
            assert (await http.post(method, headers=headers)).status_code == 200, method


async def test_history_is_scarce_for_apps_that_are_sold_elsewhere(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        LocalSlack.start(tmp_path, clock=clock, settings=Settings(history_limited=True)) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
    ):
        for number in range(20):
            posted = await director.post("ana", "#portraits", str(number))
        told = await client.conversations_history(channel=posted.channel, limit=100)
        assert (len(told["messages"]), told["has_more"]) == (15, True)
        with pytest.raises(SlackApiError) as caught:
            await client.conversations_history(channel=posted.channel)
        assert caught.value.response.headers["Retry-After"] == "60"
        clock.advance(60)
        assert (await client.conversations_history(channel=posted.channel))["ok"]


# Errors.


@dataclass
class Stage:
    """Somewhere to make mistakes."""

    slack: LocalSlack
    director: Director
    client: AsyncWebClient
    clock: ManualClock
    here: str
    ts: str

    async def id(self, name: str) -> str:
        return await user_id(self.director, name)

    async def channel(self, name: str) -> str:
        return await channel_id(self.director, name)

    async def trigger(self) -> str:
        return (await self.director.shortcut("ana", "new_model")).trigger_id

    async def upload(self, name: str = "a.png", data: bytes = b"abc") -> str:
        begun = await self.client.files_getUploadURLExternal(filename=name, length=len(data))
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.post(begun["upload_url"], content=data)).text == f"OK - {len(data)}"
        return str(begun["file_id"])

    async def stream(self) -> str:
        begun = await self.client.api_call(
            "chat.startStream",
            json={
                "channel": self.here,
                "thread_ts": self.ts,
                "recipient_user_id": await self.id("ana"),
                "recipient_team_id": self.slack.parts.workspace.identity.team,
            },
        )
        return str(begun["ts"])

    async def say(self, **more: Any) -> Any:
        return await self.client.chat_postMessage(**({"channel": self.here, "text": "x"} | more))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    clock = ManualClock()
    async with (
        LocalSlack.start(
            tmp_path / "slack",
            manifest=MANIFEST,
            clock=clock,
            deterministic=True,
            settings=Settings(limits=False),
        ) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
    ):
        posted = await director.post("ana", "#portraits", "a question")
        yield Stage(slack, director, client, clock, posted.channel, posted.ts)


Cause = Callable[[Stage], Awaitable[Any]]
CAUSES: list[tuple[str, str, Cause]] = []


def cause(method: str, error: str) -> Callable[[Cause], Cause]:
    def note(run: Cause) -> Cause:
        CAUSES.append((method, error, run))
        return run

    return note


BIG = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}} for _ in range(5)]


@cause("chat.postMessage", "channel_not_found")
async def _(s: Stage) -> Any:
    return await s.say(channel=await s.channel("board"))


@cause("chat.postMessage", "not_in_channel")
async def _(s: Stage) -> Any:
    return await s.say(channel=await s.channel("general"))


@cause("chat.postMessage", "is_archived")
async def _(s: Stage) -> Any:
    await s.director.archive("#portraits")
    return await s.say()


@cause("chat.postMessage", "no_text")
async def _(s: Stage) -> Any:
    return await s.client.api_call("chat.postMessage", json={"channel": s.here})


@cause("chat.postMessage", "msg_blocks_too_long")
async def _(s: Stage) -> Any:
    return await s.say(blocks=BIG)


@cause("chat.postMessage", "invalid_blocks")
async def _(s: Stage) -> Any:
    return await s.say(blocks=[{"type": "nonsense"}])


@cause("chat.postMessage", "invalid_blocks_format")
async def _(s: Stage) -> Any:
    return await s.client.api_call("chat.postMessage", json={"channel": s.here, "blocks": "{"})


@cause("chat.postMessage", "restricted_action_read_only_channel")
async def _(s: Stage) -> Any:
    await s.director.developer.restrict("#portraits", "admins")
    return await s.say()


@cause("chat.postMessage", "restricted_action_thread_only_channel")
async def _(s: Stage) -> Any:
    await s.director.developer.restrict("#portraits", "in_threads")
    await s.say(thread_ts=s.ts)
    return await s.say()


@cause("chat.postMessage", "restricted_action_non_threadable_channel")
async def _(s: Stage) -> Any:
    await s.director.developer.restrict("#portraits", "not_in_threads")
    await s.say()
    return await s.say(thread_ts=s.ts)


@cause("chat.postMessage", "cannot_reply_to_message")
async def _(s: Stage) -> Any:
    reply = await s.say(thread_ts=s.ts)
    return await s.say(thread_ts=reply["ts"])


@cause("chat.postMessage", "messages_tab_disabled")
async def _(s: Stage) -> Any:
    await s.director.settings(messages_tab_enabled=False)
    return await s.say(channel=await s.id("ana"))


@cause("chat.postMessage", "markdown_text_conflict")
async def _(s: Stage) -> Any:
    return await s.say(markdown_text="*x*")


@cause("chat.postMessage", "message_limit_exceeded")
async def _(s: Stage) -> Any:
    await s.director.settings(over_message_limit=True)
    return await s.say()


@cause("chat.postMessage", "as_user_not_supported")
async def _(s: Stage) -> Any:
    return await s.say(as_user=True)


@cause("chat.postMessage", "metadata_too_large")
async def _(s: Stage) -> Any:
    return await s.say(metadata={"event_type": "a", "event_payload": {"b": "x" * 20_000}})


@cause("chat.update", "message_not_found")
async def _(s: Stage) -> Any:
    return await s.client.chat_update(channel=s.here, ts="1.000000", text="x")


@cause("chat.update", "cant_update_message")
async def _(s: Stage) -> Any:
    return await s.client.chat_update(channel=s.here, ts=s.ts, text="x")


@cause("chat.update", "edit_window_closed")
async def _(s: Stage) -> Any:
    await s.director.settings(edit_window=60)
    said = await s.say()
    await s.client.chat_update(channel=s.here, ts=said["ts"], text="in time")
    s.clock.advance(61)
    return await s.client.chat_update(channel=s.here, ts=said["ts"], text="too late")


@cause("chat.update", "msg_too_long")
async def _(s: Stage) -> Any:
    said = await s.say()
    return await s.client.chat_update(channel=s.here, ts=said["ts"], text="x" * 4001)


@cause("chat.update", "streaming_state_conflict")
async def _(s: Stage) -> Any:
    return await s.client.chat_update(channel=s.here, ts=await s.stream(), text="x")


@cause("chat.delete", "message_not_found")
async def _(s: Stage) -> Any:
    return await s.client.chat_delete(channel=s.here, ts="1.000000")


@cause("chat.delete", "cant_delete_message")
async def _(s: Stage) -> Any:
    return await s.client.chat_delete(channel=s.here, ts=s.ts)


@cause("chat.postEphemeral", "user_not_in_channel")
async def _(s: Stage) -> Any:
    outsider = await s.director.developer.person("zoe")
    return await s.client.chat_postEphemeral(channel=s.here, user=outsider.id, text="x")


@cause("chat.getPermalink", "message_not_found")
async def _(s: Stage) -> Any:
    return await s.client.chat_getPermalink(channel=s.here, message_ts="1.000000")


@cause("files.getUploadURLExternal", "missing_argument")
async def _(s: Stage) -> Any:
    return await s.client.api_call("files.getUploadURLExternal", params={"filename": "a.png"})


@cause("files.getUploadURLExternal", "file_uploads_disabled")
async def _(s: Stage) -> Any:
    await s.director.settings(file_uploads="none")
    return await s.upload()


@cause("files.getUploadURLExternal", "file_uploads_except_images_disabled")
async def _(s: Stage) -> Any:
    await s.director.settings(file_uploads="images")
    await s.upload("a.png")
    return await s.upload("a.txt")


@cause("files.getUploadURLExternal", "file_upload_size_restricted")
async def _(s: Stage) -> Any:
    await s.director.settings(max_file_bytes=2)
    return await s.upload()


@cause("files.getUploadURLExternal", "storage_limit_reached")
async def _(s: Stage) -> Any:
    await s.director.settings(storage_bytes=5)
    await s.upload()
    return await s.upload()


@cause("files.getUploadURLExternal", "file_type_not_allowed")
async def _(s: Stage) -> Any:
    await s.director.settings(blocked_file_types=["exe"])
    return await s.upload("a.EXE")


@cause("files.getUploadURLExternal", "alt_txt_too_large")
async def _(s: Stage) -> Any:
    return await s.client.files_getUploadURLExternal(filename="a.png", length=1, alt_txt="x" * 1001)


@cause("files.getUploadURLExternal", "unknown_snippet_type")
async def _(s: Stage) -> Any:
    return await s.client.files_getUploadURLExternal(filename="a", length=1, snippet_type="klingon")


async def complete(s: Stage, *files: str, **more: Any) -> Any:
    return await s.client.files_completeUploadExternal(files=[{"id": f} for f in files], **more)


@cause("files.completeUploadExternal", "channel_not_found")
async def _(s: Stage) -> Any:
    return await complete(s, await s.upload(), channel_id=await s.channel("board"))


@cause("files.completeUploadExternal", "not_in_channel")
async def _(s: Stage) -> Any:
    return await complete(s, await s.upload(), channel_id=await s.channel("general"))


@cause("files.completeUploadExternal", "file_not_found")
async def _(s: Stage) -> Any:
    file = await s.upload()
    await complete(s, file)
    return await complete(s, file)


@cause("files.completeUploadExternal", "channels_limit_exceeded")
async def _(s: Stage) -> Any:
    return await complete(s, await s.upload(), channels=",".join([s.here] * 101))


@cause("files.completeUploadExternal", "invalid_blocks")
async def _(s: Stage) -> Any:
    return await complete(s, await s.upload(), channel_id=s.here, blocks='[{"type": "nonsense"}]')


@cause("files.completeUploadExternal", "posting_to_channel_denied")
async def _(s: Stage) -> Any:
    await s.director.developer.restrict("#portraits", "admins")
    return await complete(s, await s.upload(), channel_id=s.here)


@cause("files.completeUploadExternal", "file_type_not_allowed")
async def _(s: Stage) -> Any:
    file = await s.upload("a.exe")
    await s.director.settings(blocked_file_types=["exe"])
    return await complete(s, file)


@cause("files.info", "file_not_found")
async def _(s: Stage) -> Any:
    return await s.client.files_info(file="F404")


@cause("files.info", "file_deleted")
async def _(s: Stage) -> Any:
    file = await s.upload()
    await complete(s, file)
    await s.client.files_delete(file=file)
    return await s.client.files_info(file=file)


@cause("files.delete", "cant_delete_file")
async def _(s: Stage) -> Any:
    posted = await s.director.post("ana", "#portraits", "mine", [Upload("a.png", png())])
    return await s.client.files_delete(file=posted.files[0].id)


@cause("files.list", "unknown_type")
async def _(s: Stage) -> Any:
    return await s.client.files_list(types="songs")


@cause("files.list", "user_not_found")
async def _(s: Stage) -> Any:
    return await s.client.files_list(user="U404")


@cause("conversations.open", "user_not_found")
async def _(s: Stage) -> Any:
    return await s.client.conversations_open(users="U404")


@cause("conversations.open", "user_disabled")
async def _(s: Stage) -> Any:
    return await s.client.conversations_open(users=await s.id("gone"))


@cause("conversations.open", "user_not_visible")
async def _(s: Stage) -> Any:
    stranger = await s.director.developer.person("sol", guest="single")
    return await s.client.conversations_open(users=stranger.id)


@cause("conversations.open", "too_many_users")
async def _(s: Stage) -> Any:
    return await s.client.conversations_open(users=[f"U{n}" for n in range(9)])


@cause("conversations.open", "users_list_not_supplied")
async def _(s: Stage) -> Any:
    return await s.client.api_call("conversations.open")


@cause("conversations.info", "channel_not_found")
async def _(s: Stage) -> Any:
    return await s.client.conversations_info(channel=await s.channel("board"))


@cause("conversations.history", "invalid_cursor")
async def _(s: Stage) -> Any:
    return await s.client.conversations_history(channel=s.here, cursor="nonsense")


@cause("conversations.history", "not_in_channel")
async def _(s: Stage) -> Any:
    return await s.client.conversations_history(channel=await s.channel("general"))


@cause("conversations.replies", "thread_not_found")
async def _(s: Stage) -> Any:
    return await s.client.conversations_replies(channel=s.here, ts="1.000000")


@cause("conversations.join", "method_not_supported_for_channel_type")
async def _(s: Stage) -> Any:
    return await s.client.conversations_join(channel=await s.channel("atelier"))


@cause("conversations.join", "is_archived")
async def _(s: Stage) -> Any:
    await s.director.archive("#general")
    return await s.client.conversations_join(channel=await s.channel("general"))


@cause("conversations.leave", "cant_leave_general")
async def _(s: Stage) -> Any:
    await s.director.invite_bot("#general")
    return await s.client.conversations_leave(channel=await s.channel("general"))


@cause("conversations.leave", "last_member")
async def _(s: Stage) -> Any:
    alone = await s.director.developer.channel("alone", ["darkroom"])
    return await s.client.conversations_leave(channel=alone.id)


@cause("conversations.close", "method_not_supported_for_channel_type")
async def _(s: Stage) -> Any:
    return await s.client.conversations_close(channel=s.here)


@cause("conversations.list", "invalid_types")
async def _(s: Stage) -> Any:
    return await s.client.conversations_list(types="caves")


@cause("conversations.members", "channel_not_found")
async def _(s: Stage) -> Any:
    return await s.client.conversations_members(channel="C404")


@cause("users.info", "user_not_found")
async def _(s: Stage) -> Any:
    return await s.client.users_info(user="U404")


@cause("users.conversations", "user_not_found")
async def _(s: Stage) -> Any:
    return await s.client.users_conversations(user="U404")


@cause("bots.info", "bot_not_found")
async def _(s: Stage) -> Any:
    return await s.client.bots_info(bot="B404")


@cause("team.info", "team_not_found")
async def _(s: Stage) -> Any:
    return await s.client.team_info(team="T404")


FORM = modal(text_input("a", "A"))


@cause("views.open", "expired_trigger_id")
async def _(s: Stage) -> Any:
    trigger = await s.trigger()
    s.clock.advance(3.1)
    return await s.client.views_open(trigger_id=trigger, view=FORM)


@cause("views.open", "exchanged_trigger_id")
async def _(s: Stage) -> Any:
    trigger = await s.trigger()
    await s.client.views_open(trigger_id=trigger, view=FORM)
    return await s.client.views_open(trigger_id=trigger, view=FORM)


@cause("views.open", "invalid_trigger_id")
async def _(s: Stage) -> Any:
    return await s.client.views_open(trigger_id="1.2.abc", view=FORM)


@cause("views.open", "view_too_large")
async def _(s: Stage) -> Any:
    options = [
        {"text": {"type": "plain_text", "text": "x" * 75}, "value": f"{n}" + "y" * 140} for n in range(100)
    ]
    element = {"type": "static_select", "action_id": "a", "options": options}
    label = {"type": "plain_text", "text": "L"}
    blocks = [{"type": "input", "block_id": f"b{n}", "label": label, "element": element} for n in range(20)]
    return await s.client.views_open(trigger_id=await s.trigger(), view=modal(*blocks))


@cause("views.open", "duplicate_external_id")
async def _(s: Stage) -> Any:
    named = modal(text_input("a", "A"), external_id="one")
    await s.client.views_open(trigger_id=await s.trigger(), view=named)
    return await s.client.views_open(trigger_id=await s.trigger(), view=named)


@cause("views.update", "hash_conflict")
async def _(s: Stage) -> Any:
    opened = await s.client.views_open(trigger_id=await s.trigger(), view=FORM)
    return await s.client.views_update(view_id=opened["view"]["id"], hash="1.old", view=FORM)


@cause("views.update", "not_found")
async def _(s: Stage) -> Any:
    return await s.client.views_update(view_id="V404", view=FORM)


@cause("views.publish", "not_enabled")
async def _(s: Stage) -> Any:
    await s.director.settings(home_tab_enabled=False)
    return await s.client.views_publish(user_id=await s.id("ana"), view={"type": "home", "blocks": []})


@cause("blocks.validate", "invalid_blocks")
async def _(s: Stage) -> Any:
    return await s.client.blocks_validate(view=modal({"type": "nonsense"}))


async def react(s: Stage, name: str = "eyes", **more: Any) -> Any:
    return await s.client.reactions_add(**({"channel": s.here, "timestamp": s.ts, "name": name} | more))


@cause("reactions.add", "already_reacted")
async def _(s: Stage) -> Any:
    await react(s)
    return await react(s)


@cause("reactions.add", "no_item_specified")
async def _(s: Stage) -> Any:
    return await react(s, timestamp="")


@cause("reactions.add", "bad_timestamp")
async def _(s: Stage) -> Any:
    return await react(s, timestamp="yesterday")


@cause("reactions.add", "too_many_emoji")
async def _(s: Stage) -> Any:
    for number in range(24):
        await react(s, f"e{number}")


@cause("reactions.remove", "no_reaction")
async def _(s: Stage) -> Any:
    return await s.client.reactions_remove(channel=s.here, timestamp=s.ts, name="eyes")


@cause("reactions.get", "message_not_found")
async def _(s: Stage) -> Any:
    return await s.client.reactions_get(channel=s.here, timestamp="1.000000")


@cause("chat.startStream", "missing_recipient_user_id")
async def _(s: Stage) -> Any:
    return await s.client.chat_startStream(channel=s.here, thread_ts=s.ts)


@cause("chat.startStream", "invalid_chunks")
async def _(s: Stage) -> Any:
    direct = await s.client.conversations_open(users=await s.id("ana"))
    root = await s.say(channel=direct["channel"]["id"])
    return await s.client.chat_startStream(
        channel=direct["channel"]["id"], thread_ts=root["ts"], chunks=[{"type": "song"}]
    )


@cause("chat.appendStream", "message_not_in_streaming_state")
async def _(s: Stage) -> Any:
    said = await s.say(thread_ts=s.ts)
    return await s.client.chat_appendStream(channel=s.here, ts=said["ts"], markdown_text="x")


@cause("chat.appendStream", "message_not_owned_by_app")
async def _(s: Stage) -> Any:
    return await s.client.chat_appendStream(channel=s.here, ts=s.ts, markdown_text="x")


@cause("chat.stopStream", "message_not_in_streaming_state")
async def _(s: Stage) -> Any:
    ts = await s.stream()
    await s.client.chat_stopStream(channel=s.here, ts=ts)
    return await s.client.chat_stopStream(channel=s.here, ts=ts)


@cause("assistant.threads.setStatus", "invalid_thread_ts")
async def _(s: Stage) -> Any:
    return await s.client.assistant_threads_setStatus(channel_id=s.here, thread_ts="1.000000", status="x")


@cause("assistant.threads.setTitle", "channel_not_found")
async def _(s: Stage) -> Any:
    return await s.client.assistant_threads_setTitle(channel_id=s.here, thread_ts=s.ts, title="x")


@cause("apps.connections.open", "not_allowed_token_type")
async def _(s: Stage) -> Any:
    return await s.client.apps_connections_open(app_token=s.slack.bot_token)


@cause("apps.uninstall", "bad_client_secret")
async def _(s: Stage) -> Any:
    identity = s.slack.parts.workspace.identity
    return await s.client.apps_uninstall(client_id=identity.client_id, client_secret="guess")


@pytest.mark.parametrize(
    ("method", "error", "run"), CAUSES, ids=[f"{method}-{error}" for method, error, _ in CAUSES]
)
async def test_every_error_has_its_cause(stage: Stage, method: str, error: str, run: Cause) -> None:
    assert (await refusal(run(stage)))["error"] == error
    calls = [e.facts for e in await stage.director.journal(kinds=("api",))]
    assert (calls[-1]["method"], calls[-1]["error"]) == (method, error)


@pytest.mark.parametrize(
    "error",
    ["internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_access_not_granted"],
)
async def test_errors_without_a_cause_here_come_on_order(stage: Stage, error: str) -> None:
    await stage.director.fault("api:chat.update", "error", error=error)
    refused = await refusal(stage.client.chat_update(channel=stage.here, ts=stage.ts, text="x"))
    assert refused["error"] == error
