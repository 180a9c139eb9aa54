"""Signed HTTP: what an app without a socket is posted, how often, and what its answers do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, ManualClock, Refused
from bot.sandbox.slack.manifest import at_address
from bot.sandbox.slack.signing import signature
from tests.sandbox.slack.harness import client_of, modal, option, plain, refusal, text_input
from tests.sandbox.slack.receiver import Posted, Receiver, receiving, serving

BUTTON = [
    {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "go", "text": plain("Go"), "value": "1"}],
    }
]


@pytest.fixture
async def app() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def posting(frozen: LocalSlack, director: Director, app: Receiver) -> LocalSlack:
    """A local Slack whose clock stands still and which posts everything to ``app``."""
    await director.developer.post_to(app.url)
    return frozen


async def states(director: Director) -> list[tuple[str, int, str | None]]:
    lines = await director.journal(kinds=("event",))
    return [(e.facts["state"], e.facts["attempt"], e.facts.get("reason")) for e in lines]


async def settled(director: Director, state: str, attempt: int = 0) -> None:
    await director.wait_for_entry(
        lambda e: e.kind == "event" and (e.facts["state"], e.facts["attempt"]) == (state, attempt)
    )


def test_slacks_published_example_has_the_published_signature() -> None:
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        "%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signed = signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body.encode())
    assert signed == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


async def test_an_address_must_echo_its_challenge_before_anything_changes(
    slack: LocalSlack, director: Director, app: Receiver
) -> None:
    with pytest.raises(Refused, match="url_not_verified"):
        await director.developer.post_to(f"{slack.origin}/nobody/here")
    assert (await director.developer.app())["manifest"]["settings"]["socket_mode_enabled"]
    told = await director.developer.post_to(app.url)
    assert (app.challenged, told["verified_url"]) == (1, app.url)


async def test_an_address_of_another_machine_is_never_called(director: Director) -> None:
    with pytest.raises(Refused, match="not_loopback"):
        await director.developer.post_to("http://slack.example/events")


async def test_an_address_from_the_manifest_is_verified_before_its_first_event(
    tmp_path: Path, app: Receiver
) -> None:
    manifest = at_address(DEFAULT_MANIFEST, app.url)
    async with LocalSlack.start(tmp_path, manifest=manifest) as slack, Director(slack.origin) as director:
        await director.post("ana", "#portraits", "one")
        await director.post("ana", "#portraits", "two")
        assert {(await app.next()).body["event"]["text"] for _ in range(2)} == {"one", "two"}
        assert app.challenged == 1


async def test_an_event_is_signed_json_and_taken_with_a_200(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    app.say = lambda _posted: JSONResponse({"fine": True})
    await director.post("ana", "#portraits", "hello")
    posted = await app.next()
    credentials = (await director.developer.app())["credentials"]
    verifier = SignatureVerifier(credentials["signing_secret"])
    assert verifier.is_valid_request(posted.raw, posted.headers)
    assert posted.headers["content-type"] == "application/json"
    assert posted.body["event"]["text"] == "hello"
    assert posted.body["token"] == credentials["verification_token"]
    assert posted.retry == (None, None)
    await settled(director, "acked")
    [line] = await director.journal(kinds=("event",))
    assert (line.facts["status"], line.facts["answer"]) == (200, {"fine": True})
    await director.advance(1_000)
    assert app.posted.empty()


async def test_an_event_refused_comes_three_times_more_and_then_is_lost(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    app.say = lambda _posted: PlainTextResponse("no", 500)
    await director.post("ana", "#portraits", "hello?")
    heard = [await app.next()]
    for attempt, delay in enumerate((1, 60, 300)):
        await settled(director, "unacked", attempt)
        await director.advance(delay - 0.5)
        assert app.posted.empty()
        await director.advance(0.5)
        heard.append(await app.next())
    assert [p.retry for p in heard] == [
        (None, None),
        ("1", "http_error"),
        ("2", "http_error"),
        ("3", "http_error"),
    ]
    assert len({p.body["event_id"] for p in heard}) == 1
    await settled(director, "lost", 3)
    assert (await director.workspace())["undelivered"] == 0
    await director.advance(1_000)
    assert app.posted.empty()


async def test_an_app_may_ask_not_to_be_told_again(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    app.say = lambda _posted: PlainTextResponse("no", 500, headers={"x-slack-no-retry": "1"})
    await director.post("ana", "#portraits", "hello?")
    await settled(director, "lost")
    await director.advance(1_000)
    assert app.posted.qsize() == 1


async def test_three_seconds_of_silence_are_a_failure(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    app.silent = True
    await director.post("ana", "#portraits", "hello?")
    await app.next()
    await director.advance(2.9)
    assert await states(director) == []
    await director.advance(0.1)
    await settled(director, "unacked")
    app.silent = False
    await director.advance(1)
    assert (await app.next()).retry == ("1", "http_timeout")
    await settled(director, "acked", 1)


async def test_nobody_at_the_address_is_a_failure_of_its_own(frozen: LocalSlack, director: Director) -> None:
    async with receiving() as app:
        await director.developer.post_to(app.url)
    await director.post("ana", "#portraits", "hello?")
    await settled(director, "unacked")
    assert await states(director) == [("unacked", 0, "connection_failed")]
    result = await director.command("ana", "#portraits", "/darkroom")
    assert (result.acked, result.error) == (False, "dispatch_failed")


async def test_two_redirects_are_followed_and_no_more(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    hops = {"/slack/events": "/one", "/one": "/two"}

    def say(posted: Posted) -> Response:
        target = hops.get(posted.path)
        return RedirectResponse(f"{app.origin}{target}", 302) if target else PlainTextResponse("")

    app.say = say
    await director.post("ana", "#portraits", "around the corner")
    await settled(director, "acked")
    hops["/two"] = "/three"
    await director.post("ana", "#portraits", "too far")
    await settled(director, "unacked")
    assert (await states(director))[-1] == ("unacked", 0, "too_many_redirects")


async def test_retries_under_way_outlive_a_restart(tmp_path: Path, app: Receiver) -> None:
    clock = ManualClock()
    app.say = lambda _posted: PlainTextResponse("no", 500)
    async with LocalSlack.start(tmp_path, clock=clock) as slack, Director(slack.origin) as director:
        await director.developer.post_to(app.url)
        await director.post("ana", "#portraits", "hello?")
        await settled(director, "unacked")
        clock.advance(1)
        await settled(director, "unacked", 1)
        clock.advance(40)
    app.say = lambda _posted: PlainTextResponse("")
    async with LocalSlack.start(tmp_path, clock=clock) as slack, Director(slack.origin) as director:
        assert (await director.developer.app())["verified_url"] == app.url
        heard = [await app.next(), await app.next()]
        clock.advance(19)
        assert app.posted.empty()
        clock.advance(1)
        heard.append(await app.next())
        assert [p.retry[0] for p in heard] == [None, "1", "2"]
        await settled(director, "acked", 2)


@pytest.mark.parametrize("effect", ["bad_signature", "stale_signature"])
async def test_a_forged_or_stale_request_can_be_ordered(
    posting: LocalSlack, director: Director, app: Receiver, effect: str
) -> None:
    await director.fault("delivery:events_api", effect)
    await director.post("ana", "#portraits", "trust me")
    verifier = SignatureVerifier((await director.developer.app())["credentials"]["signing_secret"])
    posted = await app.next()
    assert not verifier.is_valid_request(posted.raw, posted.headers)


# Commands and interactions.


async def test_a_command_is_a_form_and_its_answer_may_be_json_or_words(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    app.say = lambda _posted: JSONResponse({"response_type": "in_channel", "text": "for all to see"})
    result = await director.command("lee", "#portraits", "/darkroom", "make a payload & more")
    posted = await app.next()
    assert posted.headers["content-type"] == "application/x-www-form-urlencoded"
    assert posted.form["command"] == "/darkroom"
    assert posted.form["text"] == "make a payload & more"
    assert posted.form["is_enterprise_install"] == "false"
    assert [m.text for m in result.messages] == ["for all to see"]
    app.say = lambda _posted: PlainTextResponse("between us")
    result = await director.command("lee", "#portraits", "/darkroom")
    assert [(m.text, m.ephemeral) for m in result.messages] == [("between us", True)]
    app.say = lambda _posted: PlainTextResponse("")
    assert (await director.command("lee", "#portraits", "/darkroom")).messages == []


@pytest.mark.parametrize(
    ("status", "word"), [(404, "http_client_error"), (503, "http_service_error"), (401, "http_client_error")]
)
async def test_a_command_refused_is_told_to_the_person_and_never_repeated(
    posting: LocalSlack, director: Director, app: Receiver, status: int, word: str
) -> None:
    app.say = lambda _posted: PlainTextResponse("no", status)
    result = await director.command("ana", "#portraits", "/darkroom")
    assert (result.acked, result.error) == (False, word)
    await director.advance(1_000)
    assert app.posted.qsize() == 1


async def test_a_command_unanswered_is_a_timeout_for_the_person(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    app.silent = True
    typed = asyncio.create_task(director.command("ana", "#portraits", "/darkroom"))
    await app.next()
    await director.advance(3)
    assert (await typed).error == "operation_timeout"


async def test_a_command_without_an_address_reaches_nobody(director: Director, app: Receiver) -> None:
    manifest = at_address(DEFAULT_MANIFEST, app.url)
    manifest["features"]["slash_commands"] = [{"command": "/lost", "description": "Has no url"}]
    await director.developer.configure(manifest)
    result = await director.command("ana", "#portraits", "/lost")
    assert (result.acked, result.error) == (False, "dispatch_failed")


async def test_a_press_is_a_form_with_one_payload(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        said = {"channel": "#portraits", "text": "x", "blocks": BUTTON}
        headers = {"authorization": f"Bearer {posting.bot_token}"}
        sent = (await http.post(f"{posting.api_url}chat.postMessage", json=said, headers=headers)).json()
    await app.next()
    assert (await director.press("ana", "#portraits", sent["ts"], "Go")).acked
    posted = await app.next()
    assert set(posted.form) == {"payload"}
    assert posted.body["type"] == "block_actions"
    app.say = lambda _posted: PlainTextResponse("no", 500)
    assert (await director.press("ana", "#portraits", sent["ts"], "Go")).error == "http_service_error"
    await director.advance(1_000)
    assert app.posted.qsize() == 1


async def open_modal(slack: LocalSlack, director: Director, app: Receiver) -> None:
    result = await director.shortcut("ana", "new_model")
    posted = await app.next()
    assert posted.body["trigger_id"] == result.trigger_id
    async with httpx.AsyncClient(trust_env=False) as http:
        await http.post(
            f"{slack.api_url}views.open",
            json={"trigger_id": result.trigger_id, "view": modal(text_input("name", "Name"))},
            headers={"authorization": f"Bearer {slack.bot_token}"},
        )


@pytest.mark.parametrize(
    ("answer", "closed", "error"),
    [
        ({}, True, None),
        ({"response_action": "errors", "errors": {"name": "Taken."}}, False, None),
        ({"response_action": "update", "view": modal(title="Next")}, False, "invalid_arguments"),
        ({"response_action": "update", "view": modal(text_input("b", "B"), title="Next")}, False, None),
        ({"nonsense": True}, False, "unknown response_action: None"),
    ],
)
async def test_a_submission_is_answered_in_the_body(
    posting: LocalSlack,
    director: Director,
    app: Receiver,
    answer: dict[str, Any],
    closed: bool,
    error: str | None,
) -> None:
    await open_modal(posting, director, app)
    app.say = lambda _posted: JSONResponse(answer) if answer else PlainTextResponse("")
    result = await director.submit("ana", {"Name": "fox"})
    assert (result.closed, result.error) == (closed, error)
    if "errors" in answer:
        assert result.errors == {"name": "Taken."}
    if answer.get("response_action") == "update" and error is None:
        assert result.view is not None
        assert result.view.title == "Next"


async def test_options_are_asked_for_at_their_own_address(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    manifest = at_address(DEFAULT_MANIFEST, app.url)
    manifest["settings"]["interactivity"]["message_menu_options_url"] = f"{app.origin}/options"
    await director.developer.configure(manifest)
    result = await director.shortcut("ana", "new_model")
    await app.next()
    menu = {"type": "external_select", "action_id": "model", "min_query_length": 1}
    block = {"type": "input", "block_id": "model", "label": plain("Model"), "element": menu}
    async with httpx.AsyncClient(trust_env=False) as http:
        opened = await http.post(
            f"{posting.api_url}views.open",
            json={"trigger_id": result.trigger_id, "view": modal(block)},
            headers={"authorization": f"Bearer {posting.bot_token}"},
        )
        assert opened.json()["ok"], opened.json()
    app.say = lambda _posted: JSONResponse({"options": [option("Fox", "fox")]})
    await director.fill("ana", {"Model": "Fox"})
    posted = await app.next()
    assert (posted.path, posted.body["type"], posted.body["value"]) == ("/options", "block_suggestion", "Fox")
    view = await director.view("ana")
    assert view is not None
    assert view.values["model"]["model"]["selected_option"]["value"] == "fox"


async def test_a_command_with_the_word_payload_reaches_no_listener_of_bolt_over_http(
    slack: LocalSlack, director: Director
) -> None:
    """A known fault of Bolt for Python, which an honest local Slack brings to light."""
    credentials = (await director.developer.app())["credentials"]
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    bolt = AsyncApp(client=client, signing_secret=credentials["signing_secret"])

    @bolt.command("/darkroom")
    async def take(ack: AsyncAck) -> None:
        await ack()

    async with serving(AsyncSlackRequestHandler(bolt, path="/slack/events")) as origin:
        await director.developer.post_to(f"{origin}/slack/events")
        assert (await director.command("ana", "#portraits", "/darkroom", "my fox")).acked
        lost = await director.command("ana", "#portraits", "/darkroom", "my payload")
        assert (lost.acked, lost.error) == (False, "http_client_error")


async def test_words_are_no_answer_to_a_submission(
    posting: LocalSlack, director: Director, app: Receiver
) -> None:
    await open_modal(posting, director, app)
    app.say = lambda _posted: PlainTextResponse("thank you")
    result = await director.submit("ana", {"Name": "fox"})
    assert (result.closed, result.acked) == (False, True)
    assert result.error


async def test_turning_sockets_off_disconnects_them_and_gives_no_more(
    slack: LocalSlack, director: Director, app: Receiver
) -> None:
    async with client_of(slack) as client:
        url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            await director.developer.post_to(app.url)
            assert (await socket.receive_json())["reason"] == "link_disabled"
        refused = await refusal(client.apps_connections_open(app_token=slack.app_token))
        assert refused["error"] == "access_denied"
