"""Trouble on order: each effect, as a client meets it."""

import asyncio
from pathlib import Path

import aiohttp
import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.sandbox.slack import Director, LocalSlack, Scenario, Upload
from tests.sandbox.slack.harness import Ear, channel_id, client_of, png, refusal


async def test_the_next_calls_answer_an_error_and_then_all_is_well(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    await director.fault("api:chat.postMessage", "error", times=2, error="fatal_error")
    for _ in range(2):
        assert (await refusal(client.chat_postMessage(channel=channel, text="x")))["error"] == "fatal_error"
    assert (await client.chat_postMessage(channel=channel, text="x"))["ok"]
    assert len(await director.messages("#portraits")) == 1


async def test_a_rate_limit_on_order_says_when_to_come_back(
    client: AsyncWebClient, director: Director
) -> None:
    await director.fault("api:*", "rate_limited", retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await client.users_list()
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")


async def test_a_server_error_is_no_json(client: AsyncWebClient, director: Director) -> None:
    await director.fault("api:auth.test", "http_500")
    with pytest.raises(SlackApiError) as caught:
        await client.auth_test()
    assert caught.value.response.status_code == 500


async def test_a_lost_answer_leaves_the_message_behind(client: AsyncWebClient, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    await director.fault("api:chat.postMessage", "lose_answer")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=channel, text="said")
    assert [m.text for m in await director.messages("#portraits")] == ["said"]


async def test_the_sdks_own_retry_says_it_twice(slack: LocalSlack, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    retrying = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    await director.fault("api:chat.postMessage", "lose_answer")
    await retrying.chat_postMessage(channel=channel, text="said")
    assert [m.text for m in await director.messages("#portraits")] == ["said", "said"]


async def test_a_broken_connection_leaves_nothing_behind(client: AsyncWebClient, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    await director.fault("api:chat.postMessage", "break")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=channel, text="unsaid")
    assert await director.messages("#portraits") == []


async def test_a_call_that_hangs_hangs_until_one_gives_up(slack: LocalSlack, director: Director) -> None:
    await director.fault("api:auth.test", "hang")
    async with httpx.AsyncClient(trust_env=False, timeout=0.2) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.post(
                f"{slack.api_url}auth.test", headers={"authorization": f"Bearer {slack.bot_token}"}
            )


async def test_a_slow_call_takes_its_time_and_works(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    await director.fault("api:auth.test", "slow", seconds=10)
    asked = asyncio.create_task(client.auth_test())
    await director.wait_for_entry(lambda e: e.kind == "fault")
    assert not asked.done()
    while not asked.done():
        await director.advance(10)
    assert (await asked)["ok"]


async def test_an_upload_may_fail_at_its_second_step(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    promised = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    await director.fault("upload", "http_500")
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(promised["upload_url"], content=b"abc")).status_code == 500
        assert (await http.post(promised["upload_url"], content=b"abc")).status_code == 200


async def test_a_download_may_meet_the_login_page(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    posted = await director.post("ana", "#portraits", "", [Upload("a.png", png(), Scenario.HOSTED)])
    about = (await client.files_info(file=posted.files[0].id))["file"]
    await director.fault("download", "login_page")
    headers = {"authorization": f"Bearer {slack.bot_token}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        types = [(await http.get(about["url_private"])).headers["content-type"] for _ in range(2)]
    assert types[0].startswith("text/html")
    assert types[1] == "image/png"


async def test_a_response_url_may_fail(director: Director, ear: Ear) -> None:
    await director.command("ana", "#portraits", "/darkroom")
    hook = AsyncWebhookClient((await ear.next()).payload["response_url"], retry_handlers=[])
    await director.fault("response_url", "http_500")
    assert (await hook.send(text="x")).status_code == 500
    assert (await hook.send(text="y")).status_code == 200
    assert [m.text for m in await director.messages("#portraits")] == ["y"]


async def test_each_trouble_is_noted_in_the_journal(client: AsyncWebClient, director: Director) -> None:
    await director.fault("api:auth.test", "error", error="internal_error")
    await refusal(client.auth_test())
    [noted] = await director.journal(kinds=("fault",))
    assert (noted.facts["target"], noted.facts["effect"]) == ("api:auth.test", "error")


async def test_the_server_stops_although_somebody_hangs(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        async with LocalSlack.start(tmp_path) as slack, Director(slack.origin) as director:
            await director.fault("api:auth.test", "hang")
            async with aiohttp.ClientSession() as session:
                client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)
                asked = asyncio.create_task(client.auth_test())
                await director.wait_for_entry(lambda e: e.kind == "fault")
        await asyncio.gather(asked, return_exceptions=True)
    assert asked.done()


async def test_a_gesture_is_lost_delayed_or_doubled_on_order(
    frozen: LocalSlack, director: Director, ear: Ear
) -> None:
    await director.fault("gesture:command", "drop")
    typed = asyncio.create_task(director.command("ana", "#portraits", "/darkroom", "lost"))
    await director.wait_for_entry(lambda e: e.kind == "fault")
    await director.advance(3)
    assert (await typed).error == "operation_timeout"
    assert ear.heard.empty()

    since = await director.now()
    await director.fault("gesture:*", "delay", seconds=2)
    typed = asyncio.create_task(director.command("ana", "#portraits", "/darkroom", "late"))
    await director.wait_for_entry(lambda e: e.kind == "fault", since)
    assert ear.heard.empty()
    await director.advance(2)
    assert (await typed).acked
    assert (await ear.next()).payload["text"] == "late"

    await director.fault("gesture:shortcut", "duplicate")
    assert (await director.shortcut("ana", "new_model")).acked
    twice = [await ear.next(), await ear.next()]
    assert twice[0].payload == twice[1].payload
    assert twice[0].envelope_id != twice[1].envelope_id


async def test_orders_not_carried_out_outlive_a_restart(tmp_path: Path) -> None:
    async with LocalSlack.start(tmp_path) as slack, Director(slack.origin) as director:
        await director.fault("api:auth.test", "error", times=2, error="fatal_error")
        async with client_of(slack) as client:
            assert (await refusal(client.auth_test()))["error"] == "fatal_error"
    async with LocalSlack.start(tmp_path) as slack, client_of(slack) as client:
        assert (await refusal(client.auth_test()))["error"] == "fatal_error"
        assert (await client.auth_test())["ok"]
