"""The Web API as its clients call it: tokens, scopes, and arguments wherever they are put."""

import asyncio
from pathlib import Path

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, Settings
from tests.sandbox.slack.harness import channel_id, client_of, refusal


async def test_the_token_says_who_is_calling_and_what_was_granted(client: AsyncWebClient) -> None:
    answer = await client.auth_test()
    assert answer["user"] == "darkroom"
    assert answer["user_id"].startswith("U")
    assert answer["bot_id"].startswith("B")
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


async def test_a_call_without_a_token_and_one_with_a_foreign_token_differ(slack: LocalSlack) -> None:
    async with client_of(slack, "") as nobody, client_of(slack, "xoxb-stolen") as stranger:
        assert (await refusal(nobody.auth_test()))["error"] == "not_authed"
        assert (await refusal(stranger.auth_test()))["error"] == "invalid_auth"


async def test_a_token_may_stand_in_the_body_and_never_in_the_address(slack: LocalSlack) -> None:
    address, token = f"{slack.api_url}auth.test", {"token": slack.bot_token}
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(address, data=token)).json()["ok"] is True
        for answer in (await http.get(address, params=token), await http.post(address, params=token)):
            assert answer.json() == {"ok": False, "error": "invalid_auth"}
            assert "x-oauth-scopes" not in answer.headers


async def test_an_unknown_method_is_named_so(client: AsyncWebClient) -> None:
    assert (await refusal(client.api_call("chat.sing")))["error"] == "unknown_method"


async def test_only_the_app_token_opens_a_socket_and_it_opens_nothing_else(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    opened = await client.apps_connections_open(app_token=slack.app_token)
    assert opened["url"].startswith("ws://127.0.0.1:")
    wrong = await refusal(client.apps_connections_open(app_token=slack.bot_token))
    assert wrong["error"] == "not_allowed_token_type"
    async with client_of(slack, slack.app_token) as as_app:
        assert (await refusal(as_app.users_list()))["error"] == "not_allowed_token_type"


async def test_a_missing_scope_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    manifest = DEFAULT_MANIFEST | {"oauth_config": {"scopes": {"bot": ["chat:write", "im:write"]}}}
    async with LocalSlack.start(tmp_path, manifest=manifest) as slack, client_of(slack) as client:
        answer = await refusal(client.users_list())
        assert answer["error"] == "missing_scope"
        assert answer["needed"] == "users:read"
        assert answer["provided"] == "chat:write,im:write"


async def test_a_scope_goes_by_the_kind_of_conversation(tmp_path: Path) -> None:
    scopes = ["channels:read", "channels:history"]
    manifest = DEFAULT_MANIFEST | {"oauth_config": {"scopes": {"bot": scopes}}}
    async with (
        LocalSlack.start(tmp_path, manifest=manifest) as slack,
        client_of(slack) as client,
        Director(slack.origin) as director,
    ):
        private = await channel_id(director, "atelier")
        assert (await client.conversations_info(channel=await channel_id(director, "portraits")))["ok"]
        assert (await refusal(client.conversations_info(channel=private)))["needed"] == "groups:read"
        assert (await refusal(client.conversations_history(channel=private)))["needed"] == "groups:history"


async def test_query_form_json_and_multipart_all_arrive(slack: LocalSlack, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    said = {"channel": channel, "text": "hello"}
    headers = {"authorization": f"Bearer {slack.bot_token}"}
    async with httpx.AsyncClient(base_url=slack.api_url, headers=headers, trust_env=False) as http:
        answers = [
            await http.get("chat.postMessage", params=said),
            await http.post("chat.postMessage", params=said),
            await http.post("chat.postMessage", data=said),
            await http.post("chat.postMessage", json=said),
            await http.post("chat.postMessage", files={k: (None, v) for k, v in said.items()}),
            await http.post("chat.postMessage", params={"channel": channel}, json={"text": "hello"}),
        ]
    assert [a.json()["ok"] for a in answers] == [True] * 6
    assert [m.text for m in await director.messages("#portraits")] == ["hello"] * 6


async def test_the_async_client_sends_lists_and_dicts_in_the_query(
    client: AsyncWebClient, director: Director
) -> None:
    opened = await client.conversations_open(users=[u.id for u in await director.users() if u.name == "ana"])
    assert opened["channel"]["id"].startswith("D")
    again = await client.conversations_open(users=[u.id for u in await director.users() if u.name == "ana"])
    assert again["channel"]["id"] == opened["channel"]["id"]
    assert again["already_open"]


async def test_the_synchronous_client_sends_forms_and_is_understood(
    slack: LocalSlack, director: Director
) -> None:
    channel = await channel_id(director, "portraits")

    def talk() -> tuple[str, str]:
        client = WebClient(token=slack.bot_token, base_url=slack.api_url)
        posted = client.chat_postMessage(
            channel=channel,
            text="from a thread",
            blocks=[{"type": "divider"}],
            metadata={"event_type": "a", "event_payload": {"b": 1}},
        )
        uploaded = client.files_upload_v2(channel=channel, content=b"one two", filename="words.txt")
        return posted["ts"], uploaded["file"]["id"]

    ts, file_id = await asyncio.to_thread(talk)
    posted = await director.wait_for_message("#portraits", lambda m: m.ts == ts)
    assert posted.metadata == {"event_type": "a", "event_payload": {"b": 1}}
    assert [b["type"] for b in posted.blocks] == ["divider"]
    shared = await director.wait_for_message("#portraits", lambda m: bool(m.files))
    assert shared.files[0].id == file_id
    assert await director.file_bytes(file_id) == b"one two"


async def test_missing_arguments_are_named(client: AsyncWebClient) -> None:
    answer = await refusal(client.api_call("chat.update", json={"text": "x"}))
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"] == {
        "messages": ["[ERROR] missing required field: channel", "[ERROR] missing required field: ts"]
    }
    answer = await refusal(client.api_call("files.getUploadURLExternal", params={"filename": "x"}))
    assert answer["error"] == "missing_argument"


async def test_a_body_that_is_no_json_is_refused(slack: LocalSlack) -> None:
    headers = {"authorization": f"Bearer {slack.bot_token}", "content-type": "application/json"}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as http:
        answer = await http.post(f"{slack.api_url}api.test", content=b"{nonsense")
        assert (answer.status_code, answer.json()["error"]) == (200, "invalid_json")


async def test_each_method_has_its_tier(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    for _ in range(20):
        await client.users_list()
    with pytest.raises(SlackApiError) as caught:
        await client.users_list()
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "3"
    assert caught.value.response["error"] == "ratelimited"
    assert (await client.auth_test())["ok"]
    await director.advance(3)
    assert (await client.users_list())["ok"]


async def test_one_message_a_second_and_channel_after_a_short_burst(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    portraits, atelier = await channel_id(director, "portraits"), await channel_id(director, "atelier")
    for number in range(4):
        await client.chat_postMessage(channel=portraits, text=str(number))
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=portraits, text="too many")
    assert caught.value.response.headers["Retry-After"] == "1"
    assert (await client.chat_postMessage(channel=atelier, text="elsewhere"))["ok"]
    await director.advance(1)
    assert (await client.chat_postMessage(channel=portraits, text="later"))["ok"]
    assert "too many" not in [m.text for m in await director.messages("#portraits")]


async def test_limits_can_be_switched_off(tmp_path: Path) -> None:
    async with (
        LocalSlack.start(tmp_path, settings=Settings(limits=False)) as slack,
        client_of(slack) as client,
    ):
        for _ in range(30):
            await client.users_list()


async def test_users_are_described_with_their_roles_and_locale(
    client: AsyncWebClient, director: Director
) -> None:
    everybody = {m["name"]: m for m in (await client.users_list())["members"]}
    assert everybody["admin"]["is_admin"]
    assert everybody["guest"]["is_restricted"]
    assert everybody["gone"]["deleted"]
    assert everybody["darkroom"]["is_bot"]
    lee = await client.users_info(user=everybody["lee"]["id"], include_locale=True)
    assert lee["user"]["locale"] == "zh-CN"
    assert (await refusal(client.users_info(user="U404")))["error"] == "user_not_found"


async def test_lists_come_in_pages(client: AsyncWebClient) -> None:
    names: list[str] = []
    cursor = ""
    for _ in range(3):
        answer = await client.users_list(limit=2, cursor=cursor)
        names += [m["name"] for m in answer["members"]]
        cursor = answer["response_metadata"]["next_cursor"]
    assert (sorted(names), cursor) == (["admin", "ana", "darkroom", "gone", "guest", "lee"], "")


async def test_the_journal_holds_every_call_without_its_token(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    since = await director.now()
    await client.api_test(hello="there", token=slack.bot_token)
    await refusal(client.chat_delete(channel="C404", ts="1.0"))
    calls = await director.journal(since, kinds=("api",))
    assert [(c.facts["method"], c.facts["ok"], c.facts["error"]) for c in calls] == [
        ("api.test", True, None),
        ("chat.delete", False, "channel_not_found"),
    ]
    assert slack.bot_token not in str(await director.journal())


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        ("application/xml", b"<a/>", "invalid_post_type"),
        ("application/json; charset=klingon", b"{}", "invalid_charset"),
        ("application/json", b"[]", "json_not_object"),
        ("multipart/form-data; boundary=x", b"no parts here", "invalid_form_data"),
        ("", b"text=x", "missing_post_type"),
    ],
)
async def test_a_body_in_another_form_is_refused_by_its_fault(
    slack: LocalSlack, content_type: str, body: bytes, error: str
) -> None:
    headers = {"authorization": f"Bearer {slack.bot_token}"}
    if content_type:
        headers["content-type"] = content_type
    async with httpx.AsyncClient(headers=headers, trust_env=False) as http:
        answer = await http.post(f"{slack.api_url}auth.test", content=body)
        assert (answer.status_code, answer.json()["error"]) == (200, error)


async def test_a_charset_too_few_or_too_many_is_a_warning(slack: LocalSlack) -> None:
    headers = {"authorization": f"Bearer {slack.bot_token}"}
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    url = f"{slack.api_url}auth.test"
    async with httpx.AsyncClient(headers=headers, trust_env=False) as http:
        for told, warning in (
            (await http.post(url, json={}), "missing_charset"),
            (await http.post(url, content=b"a=b", headers=form), "superfluous_charset"),
        ):
            answer = told.json()
            assert (answer["ok"], answer["warning"]) == (True, warning)
            assert answer["response_metadata"]["warnings"] == [warning]
