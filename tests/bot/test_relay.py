"""The relay over real HTTP: what a link gives, in how many ways it can be asked, and what it never tells."""

import asyncio
import contextlib
import hashlib
import io
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from starlette.applications import Starlette

from bot.logs import configure
from bot.relay import Gate, satisfiable
from bot.web import bind, serve, web_app
from storage.records.media import Medium
from tests.stand_ins import Engine, TurnedClock

SIZE = 100_000
FILM = bytes(range(256)) * 400
DATA = FILM[:SIZE]


@dataclass
class Door:
    """An open link, and somebody before it."""

    house: Engine
    app: Starlette
    origin: str
    name: str
    job_id: str
    visitor: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"{self.origin}/p/{self.name}"

    async def get(self, **headers: str) -> httpx.Response:
        return await self.visitor.get(self.url, headers={n.replace("_", "-"): v for n, v in headers.items()})


async def well() -> dict[str, object]:
    return {"ok": True}


@contextlib.asynccontextmanager
async def opened(
    house: Engine, prefix: str = "/", proxies: tuple[str, ...] = (), media_type: str = "video/mp4"
) -> AsyncIterator[Door]:
    app = web_app(house.services, well, prefix)
    job = await house.train()
    sha256 = await house.keep(DATA, media_type)
    (url,) = await house.services.links.open(job.id, [Medium(sha256, media_type, SIZE, 0, 0)])
    async with (
        serve(app, bind("127.0.0.1", 0), proxies) as port,
        httpx.AsyncClient(trust_env=False) as visitor,
    ):
        yield Door(house, app, f"http://127.0.0.1:{port}", url.rsplit("/", 1)[1], job.id, visitor)


@pytest.fixture
async def door(house: Engine) -> AsyncIterator[Door]:
    async with opened(house) as found:
        yield found


async def test_a_whole_file_comes_with_its_type_its_length_and_what_keeps_it_private(door: Door) -> None:
    answer = await door.get()
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    "asked", [{}, {"range": "bytes=5-9"}, {"range": "bytes=999999-"}, {"range": "bytes=1-2,5-6"}]
)
async def test_head_says_what_get_would_and_sends_nothing(door: Door, asked: dict[str, str]) -> None:
    got, head = await door.get(**asked), await door.visitor.head(door.url, headers=asked)
    assert head.content == b""
    assert head.status_code == got.status_code
    own = {"date", "content-type"} if "," in asked.get("range", "") else {"date"}  # A boundary is made anew.
    assert {n: v for n, v in head.headers.items() if n not in own} == {
        n: v for n, v in got.headers.items() if n not in own
    }


PARTS = [
    ("bytes=0-0", 0, 0),
    ("bytes=10-19", 10, 19),
    ("bytes=-7", SIZE - 7, SIZE - 1),
    ("bytes=99990-", 99990, SIZE - 1),
    ("bytes=0-", 0, SIZE - 1),
    ("bytes=50-5000000", 50, SIZE - 1),
    ("bytes=-5000000", 0, SIZE - 1),
    ("BYTES= 3-4", 3, 4),
    ("bytes=1-2,999999-", 1, 2),
]


@pytest.mark.parametrize(("asked", "first", "last"), PARTS, ids=[part[0] for part in PARTS])
async def test_a_part_is_given_as_asked(door: Door, asked: str, first: int, last: int) -> None:
    answer = await door.get(range=asked)
    assert (answer.status_code, answer.content) == (206, DATA[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "asked",
    [
        f"bytes={SIZE}-",
        "bytes=999999-1000000",
        "bytes=-0",
        "bytes=9-5",
        "bytes=",
        "bytes=a-b",
        "bytes=1-2;3-4",
        "bytes=--5",
        "bytes=5",
        "bytes=1-2,x",
        "bytes=0x10-0x20",
        "bytes=1_0-2_0",
    ],
)
async def test_a_part_that_is_not_there_or_makes_no_sense_is_refused_with_the_size(
    door: Door, asked: str
) -> None:
    answer = await door.get(range=asked)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "asked", ["pages=1-2", "nonsense", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2000, 2))]
)
async def test_a_range_we_do_not_know_or_need_not_bear_gives_the_whole_file(door: Door, asked: str) -> None:
    answer = await door.get(range=asked)
    assert (answer.status_code, answer.content) == (200, DATA)


async def test_several_parts_come_each_with_its_place(door: Door) -> None:
    answer = await door.get(range="bytes=0-9,50-59,-5")
    assert answer.status_code == 206
    boundary = answer.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
    assert len(answer.content) == int(answer.headers["content-length"])
    parts = [part for part in answer.content.split(f"--{boundary}".encode()) if b"Content-Range" in part]
    assert [re.findall(rb"Content-Range: (.+)\r", part)[0].decode() for part in parts] == [
        f"bytes 0-9/{SIZE}",
        f"bytes 50-59/{SIZE}",
        f"bytes {SIZE - 5}-{SIZE - 1}/{SIZE}",
    ]
    assert DATA[50:60] in parts[1]


async def test_a_download_goes_on_only_where_it_is_still_the_same_file(door: Door) -> None:
    first = await door.get()
    tag, changed = first.headers["etag"], first.headers["last-modified"]
    assert (await door.get(range="bytes=5-9", if_range=tag)).status_code == 206
    assert (await door.get(range="bytes=5-9", if_range=changed)).status_code == 206
    for other in ('"another"', f"W/{tag}", "Sat, 01 Jan 2000 00:00:00 GMT"):
        assert (await door.get(range="bytes=5-9", if_range=other)).content == DATA
        assert (await door.get(range="bytes=999999-", if_range=other)).status_code == 200


async def test_who_has_the_file_already_is_told_so(door: Door) -> None:
    tag = (await door.get()).headers["etag"]
    answer = await door.get(if_none_match=f'"x", {tag}')
    assert (answer.status_code, answer.content) == (304, b"")
    assert (await door.get(if_none_match='"x"')).status_code == 200


async def test_a_tag_does_not_tell_that_two_jobs_have_the_same_photo(door: Door) -> None:
    medium = Medium(hashlib.sha256(DATA).hexdigest(), "video/mp4", SIZE, 0, 0)
    (other,) = await door.house.services.links.open(door.job_id, [medium])
    second = await door.visitor.get(f"{door.origin}/p/{other.rsplit('/', 1)[1]}")
    assert second.content == DATA
    assert second.headers["etag"] != (await door.get()).headers["etag"]
    assert medium.sha256[:16] not in str(second.headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_only_get_and_head_are_allowed_and_the_answer_says_so(door: Door, method: str) -> None:
    answer = await door.visitor.request(method, door.url)
    assert answer.status_code == 405
    assert {one.strip() for one in answer.headers["allow"].split(",")} == {"GET", "HEAD"}
    assert (await door.get()).status_code == 200


async def test_unknown_expired_closed_and_erased_are_answered_alike(
    house: Engine, clock: TurnedClock
) -> None:
    async with opened(house) as door:
        unknown = await door.visitor.get(f"{door.origin}/p/{'A' * 43}.mp4")
        path = house.store.media.path(hashlib.sha256(DATA).hexdigest())
        path.rename(path.with_suffix(".away"))
        erased = await door.get()
        path.with_suffix(".away").rename(path)
        assert (await door.get()).status_code == 200
        clock.turn(house.timing.link_life)
        expired = await door.get()
        await house.services.links.close([door.job_id])
        closed = await door.get()
        malformed = await door.visitor.get(f"{door.origin}/p/x")
        answers = [unknown, erased, expired, closed, malformed]
    seen = [(a.status_code, a.text, {n: v for n, v in a.headers.items() if n != "date"}) for a in answers]
    assert seen == [seen[0]] * len(seen)
    assert (unknown.status_code, unknown.text) == (404, "This link is over.\n")


async def test_every_name_that_opens_nothing_costs_one_look_into_the_tables(house: Engine) -> None:
    looks: list[str] = []
    read = house.store.read

    async def counted(unit):  # type: ignore[no-untyped-def]
        looks.append("look")
        return await read(unit)

    async with opened(house) as door:
        await house.services.links.close([door.job_id])
        house.store.read = counted  # type: ignore[method-assign]
        for name in (door.name, f"{'A' * 43}.jpg", "x", "." * 30):
            looks.clear()
            assert (await door.visitor.get(f"{door.origin}/p/{name}")).status_code == 404
            assert looks == ["look"]


@pytest.mark.parametrize("prefix", ["/darkroom", "/tools/darkroom/"])
async def test_behind_a_path_it_answers_whether_the_proxy_cuts_the_path_off_or_not(
    house: Engine, prefix: str
) -> None:
    async with opened(house, prefix) as door:
        for begin in ("", prefix.rstrip("/")):
            assert (await door.visitor.get(f"{door.origin}{begin}/p/{door.name}")).content == DATA
            assert (await door.visitor.get(f"{door.origin}{begin}/healthz")).json() == {"ok": True}
        assert (await door.visitor.get(f"{door.origin}/elsewhere/p/{door.name}")).status_code == 404


async def _until_slowed(door: Door, most: int, **headers: str) -> httpx.Response:
    for _ in range(most):
        answer = await door.visitor.head(door.url, headers=headers)
        if answer.status_code == 429:
            return answer
    raise AssertionError(f"{most} calls, and none was slowed")


async def test_one_link_that_is_asked_for_without_end_is_slowed_and_the_others_are_not(door: Door) -> None:
    answer = await _until_slowed(door, 2000)
    assert int(answer.headers["retry-after"]) > 0
    medium = Medium(hashlib.sha256(DATA).hexdigest(), "video/mp4", SIZE, 0, 0)
    (other,) = await door.house.services.links.open(door.job_id, [medium])
    assert (await door.visitor.get(f"{door.origin}/p/{other.rsplit('/', 1)[1]}")).status_code == 200


async def test_a_proxy_that_is_trusted_says_who_calls_and_nobody_else_does(
    house: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.relay")
    forwarded = {"x-forwarded-for": "6.6.6.6, 203.0.113.7"}
    async with opened(house, proxies=("127.0.0.1",)) as door:
        await door.visitor.get(door.url, headers=forwarded)
        await door.visitor.get(door.url, headers={"x-forwarded-for": "2001:db8:1:2:3:4:5:6"})
        await door.visitor.get(door.url, headers={"x-forwarded-for": "<script>"})
        async with serve(door.app, bind("127.0.0.1", 0)) as bare:
            await door.visitor.get(f"http://127.0.0.1:{bare}/p/{door.name}", headers=forwarded)
    clients = [r.client for r in caplog.records if getattr(r, "action", "") == "link_fetched"]  # type: ignore[attr-defined]
    assert clients == ["203.0.113.7", "2001:db8:1:2::", "unknown", "127.0.0.1"]


async def test_the_log_tells_of_a_fetch_and_never_by_which_link(
    house: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    before = logging.root.handlers[:], logging.root.level
    try:
        configure("DEBUG", "text")
        # What is set for a quiet log is undone: at their loudest the libraries must not write it either.
        for name in ("uvicorn", "uvicorn.access", "uvicorn.error", "httpx", "httpcore", "asyncio"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        async with opened(house) as door:
            await door.get(range="bytes=5-9")
            await door.visitor.post(door.url)
            await door.visitor.get(door.url + "x")
            reader, writer = await asyncio.open_connection("127.0.0.1", int(door.origin.rpartition(":")[2]))
            writer.write(f"GET /p/{door.name} HTTP/9.9\r\n\r\n".encode())
            await writer.drain()
            await reader.read()
            writer.close()
            await writer.wait_closed()
    finally:
        logging.root.handlers[:], logging.root.level = before
    text = written.getvalue()
    assert f"action=link_fetched job={door.job_id} client=127.0.0.1 method=GET status=206 bytes=5" in text
    assert door.name.split(".")[0] not in text


def test_a_gate_remembers_no_more_callers_than_it_has_room_for() -> None:
    gate = Gate(per_second=0.001, burst=1, room=2)
    assert [gate.opens(name) for name in ("a", "a", "b", "c")] == [True, False, True, True]
    assert gate.opens("c") is False
    assert gate.opens("a") is True  # Forgotten, in favour of those who came since.


def test_ranges_of_an_empty_file_are_none() -> None:
    assert satisfiable("bytes=0-", 0) == []
    assert satisfiable("bytes=-5", 0) == []
