"""Files of a vendor: streamed, capped, and told from an envelope that stands in their place."""

import asyncio
import contextlib
import json
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.providers import (
    InvalidInput,
    NotFound,
    ProviderError,
    RateLimited,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers._answers import Answer
from tests.providers.transport import SECRET, answering, client, pieces


async def test_a_download_is_streamed_up_to_its_cap() -> None:
    http = client(answering(content=b"0123456789"))
    assert await pieces(http.download("https://files.example/a", max_bytes=10)) == b"0123456789"
    with pytest.raises(UnexpectedResponse):
        await pieces(http.download("https://files.example/a", max_bytes=9))


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_link_that_is_over_is_not_found(status: int) -> None:
    with pytest.raises(NotFound):
        await pieces(client(answering(status)).download("https://files.example/a", max_bytes=9))


NO_LINKS = (
    "ftp://files.example/a",
    "files.example/a",
    "https://",
    "",
    "http://files.example:x/",
    "http://files.example:99999/",
    "http://files.example:-5/",
    "http://files.example/\ud800",
    "http://xn--/",
)


@pytest.mark.parametrize("link", NO_LINKS)
async def test_what_is_no_link_is_not_asked_nor_sent_anything(link: str, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"0123456789")
    http = client(answering())
    with pytest.raises(UnexpectedResponse):
        http.download(link, max_bytes=9)
    with pytest.raises(UnexpectedResponse):
        await http.put(link, file, media_type="video/mp4", deadline=timedelta(seconds=30))


@contextlib.contextmanager
def everything_logged() -> Iterator[list[str]]:
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    root, listener = logging.getLogger(), Listener()
    before = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(before)
        root.removeHandler(listener)


async def test_a_signed_link_stands_in_no_error_and_no_log() -> None:
    signed = f"https://files.example/a?signature={SECRET}"

    async def breaking() -> AsyncIterator[bytes]:
        yield b"01234"
        raise httpx.ReadError(signed)

    for answer in (answering(500, text=signed), lambda request: httpx.Response(200, content=breaking())):
        with everything_logged() as lines, pytest.raises(Unavailable) as caught:
            await pieces(client(answer).download(signed, max_bytes=9))
        assert SECRET not in "".join(traceback.format_exception(caught.value))
        assert not [line for line in lines if SECRET in line]


async def test_a_reader_who_leaves_early_frees_the_place() -> None:
    http = client(answering(content=b"0123456789"), connections=1)
    stream = http.download("https://files.example/a", max_bytes=10)
    assert await anext(stream)
    await stream.aclose()
    assert await pieces(http.download("https://files.example/a", max_bytes=10)) == b"0123456789"


async def test_a_download_that_falls_silent_ends_at_its_deadline() -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"01234"
        await asyncio.Event().wait()

    http = client(lambda r: httpx.Response(200, content=silent()), deadline=timedelta(milliseconds=20))
    stream = http.download("https://files.example/a", max_bytes=10)
    assert await anext(stream) == b"01234"
    with pytest.raises(Unavailable):
        await anext(stream)


async def test_a_slow_reader_is_not_struck_by_the_deadline_of_the_download() -> None:
    async def two() -> AsyncIterator[bytes]:
        yield b"01234"
        yield b"56789"

    http = client(lambda r: httpx.Response(200, content=two()), deadline=timedelta(milliseconds=20))
    late = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, late.set)
    stream = http.download("https://files.example/a", max_bytes=10)
    assert await anext(stream) == b"01234"
    # The reader is busy past the deadline with work of its own, which nobody cancels.
    await late.wait()
    await stream.aclose()


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("lead", ["", "\n "])
async def test_an_envelope_where_a_file_should_be_is_opened_whatever_its_status(
    status: int, lead: str
) -> None:
    opened: list[Answer] = []

    def envelope(answer: Answer) -> object:
        opened.append(answer)
        raise answer.refusal(NotFound)

    text = lead + json.dumps({"code": "GONE"})
    http = client(answering(status, text=text), envelope=envelope)
    with pytest.raises(NotFound):
        await pieces(http.stream("/file", max_bytes=1000, envelope_lead=b"{"))
    assert [(answer.status, answer.json()) for answer in opened] == [(status, {"code": "GONE"})]


async def test_an_envelope_that_arrives_byte_by_byte_is_no_file_either() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for byte in b'\n {"code": "GONE"}':
            yield bytes([byte])

    http = client(lambda request: httpx.Response(404, content=slowly()))
    with pytest.raises(NotFound):
        await pieces(http.stream("/file", max_bytes=1000, envelope_lead=b"{"))
    http = client(lambda request: httpx.Response(200, content=slowly()))
    with pytest.raises(UnexpectedResponse, match="no file"):
        await pieces(http.stream("/file", max_bytes=1000, envelope_lead=b"{"))


async def test_a_file_of_white_space_is_passed_on_and_capped() -> None:
    async def blank() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"  "

    http = client(lambda request: httpx.Response(200, content=blank()))
    assert await pieces(http.stream("/file", max_bytes=10, envelope_lead=b"{")) == b" " * 10
    with pytest.raises(UnexpectedResponse):
        await pieces(http.stream("/file", max_bytes=9, envelope_lead=b"{"))


async def test_an_envelope_that_says_yes_is_still_no_file() -> None:
    http = client(answering(200, json={"ok": True}))
    with pytest.raises(UnexpectedResponse):
        await pieces(http.stream("/file", max_bytes=1000, envelope_lead=b"{"))


# -- bringing a file to a link


@pytest.fixture
def film(tmp_path: Path) -> Path:
    file = tmp_path / "film"
    file.write_bytes(bytes(range(256)) * 16)
    return file


@pytest.mark.parametrize(("start", "size"), [(0, None), (0, 100), (4000, 500), (4096, 500)])
async def test_a_file_or_a_part_of_it_is_brought_whole_and_with_its_length(
    film: Path, start: int, size: int | None
) -> None:
    seen: list[httpx.Request] = []

    def store(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    async with client(store) as http:
        link = "https://store.example/a%2Fb?part=1&sig=x%2By"
        await http.put(
            link, film, media_type="video/mp4", deadline=timedelta(seconds=5), start=start, size=size
        )
    (asked,) = seen
    wanted = (bytes(range(256)) * 16)[start : None if size is None else start + size]
    assert asked.content == wanted
    assert str(asked.url) == link
    assert (asked.headers["content-length"], asked.headers["content-type"]) == (str(len(wanted)), "video/mp4")
    assert not {"authorization", "transfer-encoding", "cookie"} & set(asked.headers)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, NotFound),
        (410, NotFound),
        (400, InvalidInput),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
async def test_a_store_that_refuses_a_file_says_what_next(
    film: Path, status: int, error: type[ProviderError]
) -> None:
    async with client(answering(status)) as http:
        with pytest.raises(ProviderError) as caught:
            await http.put(
                "https://store.example/x?sig=1", film, media_type="a/b", deadline=timedelta(seconds=5)
            )
    assert type(caught.value) is error
    assert "sig=1" not in str(caught.value)


async def test_a_file_that_breaks_off_may_be_brought_again(film: Path) -> None:
    def store(request: httpx.Request) -> httpx.Response:
        raise httpx.WriteError("broken")

    async with client(store) as http:
        with pytest.raises(Unavailable):
            await http.put("https://store.example/x", film, media_type="a/b", deadline=timedelta(seconds=5))
