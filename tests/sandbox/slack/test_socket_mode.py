"""Socket Mode: one of many connections, acknowledgements, and events that come again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sandbox.slack import Director, LocalSlack, ManualClock
from bot.sandbox.slack.parts import assemble
from tests.sandbox.slack.harness import SILENCE, Ear, client_of, listening


async def socket_url(slack: LocalSlack) -> str:
    async with client_of(slack) as client:
        return str((await client.apps_connections_open(app_token=slack.app_token))["url"])


async def states(director: Director, since: int = 0) -> list[tuple[str, int]]:
    entries = await director.journal(since, kinds=("event",))
    return [(e.facts["state"], e.facts["attempt"]) for e in entries]


async def event_state(director: Director, state: str, since: int = 0) -> None:
    await director.wait_for_entry(lambda e: e.kind == "event" and e.facts["state"] == state, since)


async def test_a_socket_greets_and_its_address_is_good_once(slack: LocalSlack) -> None:
    url = await socket_url(slack)
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(url) as socket:
            hello = json.loads((await socket.receive()).data)
            assert (hello["type"], hello["num_connections"]) == ("hello", 1)
            assert hello["connection_info"]["app_id"].startswith("A")
            assert hello["debug_info"]["approximate_connection_time"] == 3600
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url)


async def test_a_ping_with_words_is_answered_with_the_same_words(slack: LocalSlack) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(await socket_url(slack), autoping=False) as socket,
    ):
        await socket.receive()
        await socket.ping(b"sdk-ping-pong:1.5")
        pong = await socket.receive()
        assert (pong.type, bytes(pong.data)) == (aiohttp.WSMsgType.PONG, b"sdk-ping-pong:1.5")


async def test_each_event_goes_to_one_of_the_connections(slack: LocalSlack, director: Director) -> None:
    async with listening(slack) as one, listening(slack) as other:
        await director.wait_for_connection(2)
        for number in range(4):
            await director.post("ana", "#portraits", str(number))
        heard = [await ear.next() for ear in (one, other) for _ in range(2)]
        assert sorted(r.payload["event"]["text"] for r in heard) == ["0", "1", "2", "3"]
        assert (one.heard.empty(), other.heard.empty()) == (True, True)


async def test_an_eleventh_connection_is_turned_away(slack: LocalSlack, director: Director) -> None:
    async with aiohttp.ClientSession() as http:
        sockets = [await http.ws_connect(await socket_url(slack)) for _ in range(11)]
        first = [json.loads((await socket.receive()).data) for socket in sockets]
        assert [f["type"] for f in first] == ["hello"] * 10 + ["disconnect"]
        assert first[-1]["reason"] == "too_many_websockets"
        for socket in sockets:
            await socket.close()


async def test_an_event_not_acknowledged_comes_again_three_times_and_then_no_more(
    frozen: LocalSlack, director: Director
) -> None:
    async with listening(frozen, lambda _request: SILENCE) as ear:
        await director.wait_for_connection()
        await director.post("ana", "#portraits", "hello?")
        heard = [await ear.next()]
        for delay in (1, 60, 300):
            await director.advance(3)
            await director.advance(delay)
            heard.append(await ear.next())
        assert [(r.retry_attempt, r.retry_reason) for r in heard] == [
            (0, ""),
            (1, "timeout"),
            (2, "timeout"),
            (3, "timeout"),
        ]
        assert len({r.payload["event_id"] for r in heard}) == 1
        assert len({r.envelope_id for r in heard}) == 4
        assert (await director.workspace())["undelivered"] == 1
        await director.advance(3)
        assert (await states(director))[-2:] == [("unacked", 3), ("lost", 3)]
        assert (await director.workspace())["undelivered"] == 0


async def test_an_acknowledged_event_does_not_come_again(
    frozen: LocalSlack, director: Director, ear: Ear
) -> None:
    await director.post("ana", "#portraits", "hello")
    await ear.next()
    await event_state(director, "acked")
    await director.advance(1_000)
    assert await states(director) == [("acked", 0)]


async def test_what_a_dead_socket_owed_comes_on_another_one(frozen: LocalSlack, director: Director) -> None:
    async with listening(frozen) as other:
        await director.wait_for_connection()
        async with aiohttp.ClientSession() as http, http.ws_connect(await socket_url(frozen)) as deaf:
            await deaf.receive()
            for text in ("one", "two"):
                await director.post("ana", "#portraits", text)
            owed = json.loads((await deaf.receive()).data)
        heard = {
            r.payload["event"]["text"]: r.retry_attempt for r in [await other.next(), await other.next()]
        }
        lost = owed["payload"]["event"]["text"]
        assert heard == {"one": 0, "two": 0} | {lost: 1}


async def test_an_event_waits_for_a_connection_and_is_then_a_redelivery(
    frozen: LocalSlack, director: Director
) -> None:
    await director.post("ana", "#portraits", "anybody there?")
    await director.advance(30)
    assert await states(director) == [("waiting", 1), ("waiting", 2)]
    async with listening(frozen) as ear:
        request = await ear.next()
        assert (request.payload["event"]["text"], request.retry_attempt) == ("anybody there?", 2)


async def test_an_event_that_nobody_comes_for_is_lost_after_its_last_retry(
    frozen: LocalSlack, director: Director
) -> None:
    await director.post("ana", "#portraits", "anybody there?")
    await director.advance(361)
    assert (await states(director))[-1] == ("lost", 3)
    assert (await director.workspace())["undelivered"] == 0
    async with listening(frozen) as ear:
        await director.wait_for_connection()
        await director.post("ana", "#portraits", "and now?")
        assert (await ear.next()).payload["event"]["text"] == "and now?"


async def test_an_acknowledgement_after_three_seconds_is_too_late(
    frozen: LocalSlack, director: Director
) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(await socket_url(frozen)) as socket:
        await socket.receive()
        await director.post("ana", "#portraits", "hello")
        envelope = json.loads((await socket.receive()).data)
        await director.advance(4)
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        again = json.loads((await socket.receive()).data)
        assert again["retry_attempt"] == 1
        await director.wait_for_entry(lambda e: e.facts.get("state") == "unknown_ack")
        await socket.send_json({"envelope_id": again["envelope_id"]})
        await event_state(director, "acked")


@pytest.mark.parametrize("hard", [False, True])
async def test_the_client_comes_back_after_a_disconnect(
    slack: LocalSlack, director: Director, hard: bool
) -> None:
    async with listening(slack, ping_interval=1) as ear:
        await director.wait_for_connection()
        since = await director.now()
        assert await director.disconnect("refresh_requested", hard=hard) == 1
        await director.wait_for_entry(lambda e: e.facts.get("state") == "connected", since)
        await director.post("ana", "#portraits", "welcome back")
        assert (await ear.next()).payload["event"]["text"] == "welcome back"


async def test_a_warning_comes_ten_seconds_before_the_cut(
    frozen: LocalSlack, clock: ManualClock, director: Director
) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(await socket_url(frozen)) as socket:
        await socket.receive()
        await director.disconnect("warning")
        assert json.loads((await socket.receive()).data)["reason"] == "warning"
        await director.post("ana", "#portraits", "still here")
        envelope = json.loads((await socket.receive()).data)
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        await event_state(director, "acked")
        clock.advance(10)
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize(("query", "seconds"), [("", 3600), ("?debug_reconnects=true", 360)])
async def test_a_connection_is_asked_to_leave_when_its_time_is_over(
    frozen: LocalSlack, clock: ManualClock, query: str, seconds: int
) -> None:
    url = await socket_url(frozen)
    async with aiohttp.ClientSession() as http, http.ws_connect(url + query) as socket:
        hello = await socket.receive_json()
        assert hello["debug_info"]["approximate_connection_time"] == seconds
        clock.advance(seconds - 10)
        assert (await socket.receive_json())["reason"] == "warning"
        clock.advance(10)
        assert (await socket.receive_json())["reason"] == "refresh_requested"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_the_address_of_a_socket_is_good_for_half_a_minute(
    frozen: LocalSlack, clock: ManualClock
) -> None:
    url = await socket_url(frozen)
    clock.advance(31)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url)


async def test_too_many_events_are_dropped_and_told_of_once_a_minute(
    frozen: LocalSlack, clock: ManualClock, director: Director, ear: Ear
) -> None:
    await director.settings(events_per_hour=2)
    for number in range(4):
        await director.post("ana", "#portraits", str(number))
    heard = [(await ear.next()).payload for _ in range(3)]
    assert [p["event"]["text"] for p in heard[:2]] == ["0", "1"]
    assert (heard[2]["type"], heard[2]["minute_rate_limited"] % 60) == ("app_rate_limited", 0)
    clock.advance(61)
    await director.post("ana", "#portraits", "still too many")
    assert (await ear.next()).payload["type"] == "app_rate_limited"
    clock.advance(3_540)
    await director.post("ana", "#portraits", "an hour later")
    assert (await ear.next()).payload["event"]["text"] == "an hour later"


async def test_nonsense_on_the_socket_is_noted_and_harmless(frozen: LocalSlack, director: Director) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(await socket_url(frozen)) as socket:
        await socket.receive()
        for frame in ("{", "[]", '{"envelope_id": "nobody"}'):
            await socket.send_str(frame)
        await director.wait_for_entry(lambda e: e.facts.get("state") == "unknown_ack")
        await director.post("ana", "#portraits", "alive")
        assert json.loads((await socket.receive()).data)["type"] == "events_api"


async def test_a_command_is_never_sent_twice(frozen: LocalSlack, director: Director) -> None:
    async with listening(frozen, lambda _request: SILENCE) as ear:
        await director.wait_for_connection()
        typed = asyncio.create_task(director.command("ana", "#portraits", "/darkroom", "status"))
        assert (await ear.next()).type == "slash_commands"
        await director.advance(3)
        result = await typed
        assert (result.acked, result.error) == (False, "operation_timeout")
        await director.advance(1_000)
        assert ear.heard.empty()


async def test_a_command_with_nobody_listening_fails_at_once(director: Director) -> None:
    result = await director.command("ana", "#portraits", "/darkroom", "status")
    assert (result.acked, result.error) == (False, "dispatch_failed")


def test_a_killed_process_leaves_its_undelivered_events_behind(tmp_path: Path) -> None:
    clock = ManualClock()
    event: dict[str, Any] = {"event_id": "Ev1", "event": {"type": "message"}}
    first = assemble(tmp_path, clock=clock, deterministic=True)
    first.deliveries.send_event(event)
    # No farewell: the second one opens what the first one left.
    second = assemble(tmp_path, clock=clock, deterministic=True)
    second.serve_at("http://127.0.0.1:1")
    connection = second.sockets.connected(lambda: None)
    assert json.loads(connection.outbox.get_nowait() or "")["type"] == "hello"
    envelope = json.loads(connection.outbox.get_nowait() or "")
    assert (envelope["payload"], envelope["retry_attempt"]) == (event, 1)
    first.close()
    second.close()
