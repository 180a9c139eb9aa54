"""What the page asks of the local Slack: one person's view of it, live, and nobody else's."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from pillow_heif import register_heif_opener
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.sandbox.slack import Director, LocalSlack, Upload
from bot.sandbox.vendors._server import serve
from tests.sandbox.slack.harness import channel_id, client_of, modal, png, text_input, user_id

Json = dict[str, Any]


class Client:
    """One person's browser, without the browser."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self._http = http
        self._name = name

    async def look(self, path: str, **query: Any) -> Any:
        answer = await self._http.get(f"/page/{path}", params={"as": self._name, **query})
        answer.raise_for_status()
        return answer.json()

    async def channel(self, name: str) -> Json:
        state = await self.look("state")
        return next(c for c in state["channels"] if c["name"] == name)

    async def read(self, channel: str, ts: str, thread: str | None = None) -> Json:
        body = {"channel": channel, "ts": ts, "thread": thread}
        answer = await self._http.post("/page/read", params={"as": self._name}, json=body)
        return dict(answer.json())

    async def file(self, file: str) -> httpx.Response:
        return await self._http.get(f"/page/files/{file}", params={"as": self._name})

    @asynccontextmanager
    async def following(self, since: int | None = None) -> AsyncIterator["Stream"]:
        if since is None:
            since = (await self.look("state"))["seq"]
        query = {"as": self._name, "since": str(since)}
        async with self._http.stream("GET", "/control/stream", params=query) as answer:
            stream = Stream(answer)
            await stream.change("hello")
            yield stream


class Stream:
    """What the browser hears, change by change."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()
        self._waiting: list[Json] = []

    async def change(self, kind: str) -> Json:
        """Wait for the next change of a kind; others are skipped."""
        async with asyncio.timeout(60):
            while True:
                while self._waiting:
                    change = self._waiting.pop(0)
                    if change["kind"] == kind:
                        return change
                line = await anext(self._lines)
                if line.startswith("data: "):
                    self._waiting = json.loads(line.removeprefix("data: "))


@pytest.fixture
async def http(slack: LocalSlack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=slack.origin, trust_env=False) as client:
        yield client


@pytest.fixture
def ana(http: httpx.AsyncClient) -> Client:
    return Client(http, "ana")


@pytest.fixture
def lee(http: httpx.AsyncClient) -> Client:
    return Client(http, "lee")


async def test_the_page_is_served_with_a_policy_that_runs_nothing_but_its_own_files(
    http: httpx.AsyncClient,
) -> None:
    front = await http.get("/")
    assert front.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in front.headers["content-security-policy"]
    script = await http.get("/page/main.js")
    assert script.status_code == 200
    assert "javascript" in script.headers["content-type"]
    assert "://" not in front.text
    assert (await http.get("/archives/C123/p1")).text == front.text


async def test_another_website_in_the_same_browser_can_neither_act_nor_read(
    slack: LocalSlack, http: httpx.AsyncClient, director: Director
) -> None:
    body = {"user": "ana", "channel": "#portraits", "text": "not hers"}
    foreign = await http.post("/control/post", json=body, headers={"origin": "https://example.com"})
    assert foreign.status_code == 403
    assert await director.messages("#portraits") == []
    rebound = await http.get("/page/state", params={"as": "ana"}, headers={"host": "example.com"})
    assert rebound.status_code == 403
    own = await http.post("/control/post", json=body, headers={"origin": slack.origin})
    assert own.status_code == 200


async def test_everybody_sees_only_the_conversations_they_are_in(ana: Client, lee: Client) -> None:
    def names(state: Json) -> set[str]:
        return {c["name"] for c in state["channels"] if c["name"]}

    assert names(await ana.look("state")) == {"portraits", "general", "atelier"}
    assert names(await lee.look("state")) == {"portraits", "general", "board"}


async def test_nobody_reads_a_conversation_they_are_not_in(
    http: httpx.AsyncClient, director: Director
) -> None:
    atelier = await channel_id(director, "atelier")
    answer = await http.get("/page/messages", params={"as": "lee", "channel": atelier})
    assert (answer.status_code, answer.json()["error"]) == (409, "not_in_channel")
    unknown = await http.get("/page/state", params={"as": "nobody"})
    assert unknown.json()["error"] == "user_not_found"
    assert (await http.get("/control/stream", params={"as": "gone"})).status_code == 409


async def test_an_ephemeral_message_reaches_one_client_only(
    ana: Client, lee: Client, client: AsyncWebClient, director: Director
) -> None:
    portraits = await channel_id(director, "portraits")
    async with ana.following() as hers, lee.following() as his:
        who = await user_id(director, "ana")
        await client.chat_postEphemeral(channel=portraits, user=who, text="between us")
        await client.chat_postMessage(channel=portraits, text="to all")
        first = (await hers.change("message"))["message"]
        assert (first["text"], first["ephemeral"]) == ("between us", True)
        assert (await his.change("message"))["message"]["text"] == "to all"
    said = await lee.look("messages", channel=portraits)
    assert [m["text"] for m in said["messages"]] == ["to all"]


async def test_a_change_arrives_whole_and_a_deletion_as_gone(
    ana: Client, client: AsyncWebClient, director: Director
) -> None:
    portraits = await channel_id(director, "portraits")
    async with ana.following() as stream:
        said = await client.chat_postMessage(channel=portraits, text="one")
        await stream.change("message")
        await client.chat_update(channel=portraits, ts=said["ts"], text="two")
        changed = (await stream.change("message"))["message"]
        assert (changed["ts"], changed["text"]) == (said["ts"], "two")
        await client.chat_delete(channel=portraits, ts=said["ts"])
        assert (await stream.change("gone"))["ts"] == said["ts"]


async def test_a_client_that_was_away_is_told_what_it_missed(
    ana: Client, client: AsyncWebClient, director: Director
) -> None:
    portraits = await channel_id(director, "portraits")
    since = (await ana.look("state"))["seq"]
    await client.chat_postMessage(channel=portraits, text="meanwhile")
    async with ana.following(since) as stream:
        assert (await stream.change("message"))["message"]["text"] == "meanwhile"


async def test_a_workspace_that_began_anew_says_so(http: httpx.AsyncClient) -> None:
    query = {"as": "ana", "since": "999999"}
    async with http.stream("GET", "/control/stream", params=query) as answer:
        assert (await Stream(answer).change("hello"))["rewound"] is True


async def test_a_reply_shows_in_the_line_under_the_first_message(
    ana: Client, client: AsyncWebClient, director: Director
) -> None:
    post = await director.post("ana", "#portraits", "first")
    async with ana.following() as stream:
        await client.chat_postMessage(channel=post.channel, thread_ts=post.ts, text="reply")
        seen = [(await stream.change("message"))["message"] for _ in range(2)]
    head = next(m for m in seen if m["ts"] == post.ts)
    assert (head["replies"]["count"], head["replies"]["unread"]) == (1, 1)
    window = await ana.look("messages", channel=post.channel)
    assert [m["ts"] for m in window["messages"]] == [post.ts]
    thread = await ana.look("messages", channel=post.channel, thread=post.ts)
    assert [m["text"] for m in thread["messages"]] == ["first", "reply"]


async def test_what_others_said_is_unread_until_it_is_read(
    ana: Client, lee: Client, director: Director
) -> None:
    first = await director.post("ana", "#portraits", "for all")
    second = await director.post("ana", "#portraits", "@lee, look")
    before = await lee.channel("portraits")
    assert (before["unread"], before["mentions"]) == (2, 1)
    assert (await ana.channel("portraits"))["unread"] == 0
    assert (await lee.read(first.channel, first.ts))["unread"] == 1
    after = await lee.read(first.channel, second.ts)
    assert (after["unread"], after["mentions"]) == (0, 0)


async def test_replies_are_news_only_to_those_who_take_part(
    ana: Client, lee: Client, client: AsyncWebClient, director: Director
) -> None:
    post = await director.post("ana", "#portraits", "mine")
    await lee.read(post.channel, post.ts)
    said = await client.chat_postMessage(channel=post.channel, thread_ts=post.ts, text="an answer")
    assert (await ana.channel("portraits"))["threads"] == {post.ts: 1}
    assert (await lee.channel("portraits"))["threads"] == {}
    assert (await ana.read(post.channel, said["ts"], post.ts))["threads"] == {}


async def test_read_marks_survive_a_restart(tmp_path: Path) -> None:
    for turn in range(2):
        async with (
            LocalSlack.start(tmp_path) as slack,
            Director(slack.origin) as director,
            httpx.AsyncClient(base_url=slack.origin, trust_env=False) as http,
        ):
            lee = Client(http, "lee")
            if turn == 0:
                post = await director.post("ana", "#portraits", "hello")
                await lee.read(post.channel, post.ts)
            assert (await lee.channel("portraits"))["unread"] == 0


async def test_a_window_is_the_newest_stretch_and_older_ones_follow(ana: Client, director: Director) -> None:
    for number in range(7):
        last = await director.post("ana", "#general", f"{number}")
    newest = await ana.look("messages", channel=last.channel, limit=3)
    assert ([m["text"] for m in newest["messages"]], newest["more"]) == (["4", "5", "6"], True)
    older = await ana.look("messages", channel=last.channel, limit=5, before=newest["messages"][0]["ts"])
    assert ([m["text"] for m in older["messages"]], older["more"]) == (["0", "1", "2", "3"], False)


async def test_a_picture_is_shown_to_those_who_have_it_before_them(
    ana: Client, lee: Client, director: Director
) -> None:
    post = await director.post("ana", "#atelier", "", [Upload("secret.png", png())])
    file = post.files[0].id
    mine = await ana.file(file)
    assert (mine.status_code, mine.headers["content-type"]) == (200, "image/png")
    assert mine.headers["content-disposition"].startswith("inline")
    assert (await lee.file(file)).status_code == 404


@pytest.mark.parametrize(("ending", "kind"), [("heic", "HEIF"), ("tiff", "TIFF"), ("bmp", "BMP")])
async def test_a_photo_that_no_browser_reads_is_drawn_anew_and_saved_as_it_came(
    ana: Client, http: httpx.AsyncClient, director: Director, ending: str, kind: str
) -> None:
    register_heif_opener()
    out = io.BytesIO()
    Image.new("RGB", (2048, 1024), "orange").save(out, kind)
    post = await director.post("ana", "#general", "", [Upload(f"fox.{ending}", out.getvalue())])
    file = post.files[0].id
    seen = await ana.file(file)
    with Image.open(io.BytesIO(seen.content)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (1024, 512))
    assert "content-disposition" not in seen.headers
    saved = await http.get(f"/page/files/{file}", params={"as": "ana", "save": ""})
    assert saved.content == out.getvalue()
    assert saved.headers["content-disposition"].startswith("attachment")


async def test_a_picture_inside_a_message_is_shown_to_its_readers(
    ana: Client, lee: Client, slack: LocalSlack, director: Director
) -> None:
    async with client_of(slack) as client:
        await director.settings(ready_delay=0)
        done = await client.files_upload_v2(content=png(), filename="alone.png")
        file = done["files"][0]["id"]
        await director.wait_for_entry(lambda e: e.kind == "file" and e.facts["state"] == "ready")
        dm = await client.conversations_open(users=await user_id(director, "ana"))
        block = {"type": "image", "slack_file": {"id": file}, "alt_text": "alone"}
        await client.chat_postMessage(channel=dm["channel"]["id"], text="see", blocks=[block])
    assert (await ana.file(file)).status_code == 200
    assert (await lee.file(file)).status_code == 404


async def test_a_file_that_is_no_picture_is_saved_and_never_run(ana: Client, director: Director) -> None:
    post = await director.post("ana", "#general", "", [Upload("trap.html", b"<script>alert(1)</script>")])
    answer = await ana.file(post.files[0].id)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_modal_is_shown_to_its_person_and_taken_away(
    ana: Client, lee: Client, client: AsyncWebClient, director: Director
) -> None:
    async with ana.following() as stream:
        gesture = await director.command("ana", "#portraits", "/darkroom")
        form = modal(text_input("name", "Name"), submit_disabled=True)
        await client.views_open(trigger_id=gesture.trigger_id, view=form)
        view = (await stream.change("views"))["view"]
        assert (view["title"], view["submit_disabled"]) == ("Train", True)
        assert (await lee.look("state"))["view"] is None
        await director.close("ana")
        assert (await stream.change("views"))["view"] is None


async def test_an_input_blocks_id_is_never_taken_for_another_fields_label(
    client: AsyncWebClient, director: Director
) -> None:
    gesture = await director.command("ana", "#portraits", "/darkroom")
    form = modal(text_input("first", "second"), text_input("second", "other"))
    await client.views_open(trigger_id=gesture.trigger_id, view=form)
    view = await director.fill("ana", {"first": "1", "second": "2"})
    assert {block: held["text"]["value"] for block, held in view.values.items()} == {
        "first": "1",
        "second": "2",
    }


async def test_the_apps_words_for_commands_and_shortcuts_come_from_its_manifest(tmp_path: Path) -> None:
    app = {
        "display_information": {"name": "Lens"},
        "features": {
            "slash_commands": [{"command": "/lens", "description": "Look", "usage_hint": "near | far"}],
            "shortcuts": [
                {"name": "Look at this", "type": "message", "callback_id": "look", "description": "Closely"}
            ],
        },
    }
    async with (
        LocalSlack.start(tmp_path, manifest=app) as slack,
        httpx.AsyncClient(base_url=slack.origin, trust_env=False) as http,
    ):
        seen = (await Client(http, "ana").look("state"))["app"]
    assert seen["commands"] == [{"name": "/lens", "description": "Look", "hint": "near | far"}]
    assert seen["shortcuts"] == [
        {"callback_id": "look", "type": "message", "name": "Look at this", "description": "Closely"}
    ]


async def test_a_vendors_control_is_passed_on_and_only_that_of_one_introduced(
    slack: LocalSlack, http: httpx.AsyncClient, ana: Client
) -> None:
    async def faults(request: Request) -> JSONResponse:
        return JSONResponse({"method": request.method, "body": json.loads(await request.body() or b"null")})

    route = Route("/control/faults", faults, methods=["GET", "POST"])
    async with serve(Starlette(routes=[route])) as origin:
        slack.page.introduce("Acme", origin)
        assert (await ana.look("state"))["vendors"] == ["Acme"]
        passed = await http.post("/page/vendor/Acme/faults", json={"kind": "slow"})
        assert passed.json() == {"method": "POST", "body": {"kind": "slow"}}
    assert (await http.get("/page/vendor/Acme/faults")).status_code == 502
    assert (await http.get("/page/vendor/Nobody/faults")).status_code == 404
