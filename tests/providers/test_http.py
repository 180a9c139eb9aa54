"""One client for every vendor: what it sends, how it paces, and what its errors say."""

import asyncio
import contextlib
import gzip
import json
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from bot.providers import (
    AuthenticationFailed,
    ContentRejected,
    HttpClient,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    TransientError,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers._answers import FATES, Answer, Fate, retry_after, vendor_words
from bot.providers._http import canonical_query
from tests.providers.transport import ANY, SECRET, Keys, Time, answering, client, failure, pieces

# What an exception of httpx means.


def httpx_errors() -> list[type[Exception]]:
    exported = [getattr(httpx, name) for name in httpx.__all__]
    return [kind for kind in exported if isinstance(kind, type) and issubclass(kind, Exception)]


def test_every_exception_of_httpx_has_its_fate() -> None:
    assert set(FATES) == {*httpx_errors(), TimeoutError}


def made(kind: type[Exception]) -> Exception:
    words = f"Illegal header value b'Bearer {SECRET}'"
    if issubclass(kind, httpx.HTTPStatusError):
        request = httpx.Request("GET", "https://vendor.example")
        return kind(words, request=request, response=httpx.Response(500))
    try:
        return kind(words)
    except TypeError:
        return kind()


@pytest.mark.parametrize("kind", [*httpx_errors(), TimeoutError], ids=lambda kind: kind.__name__)
async def test_a_post_that_may_have_arrived_is_unknown_and_a_get_is_merely_unavailable(
    kind: type[Exception],
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise made(kind)

    never_left = FATES[kind] is Fate.NEVER_LEFT
    post, get = await failure(client(handler), "POST"), await failure(client(handler), "GET")
    assert type(post) is (Unavailable if never_left else OutcomeUnknown)
    assert type(get) is Unavailable
    asked = await failure(client(handler), "POST", safe=True)
    assert type(asked) is Unavailable
    for error in (post, get):
        assert SECRET not in "".join(traceback.format_exception(error))
        assert "vendor.example" in str(error)


def test_what_never_left_is_exactly_what_failed_before_the_request_was_sent() -> None:
    assert {kind for kind, fate in FATES.items() if fate is Fate.NEVER_LEFT} == {
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.InvalidURL,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
    }


# What a status means.

STATUSES: list[tuple[int, type[ProviderError], type[ProviderError]]] = [
    (302, UnexpectedResponse, UnexpectedResponse),
    (400, InvalidInput, InvalidInput),
    (401, AuthenticationFailed, AuthenticationFailed),
    (402, QuotaExceeded, QuotaExceeded),
    (403, AuthenticationFailed, AuthenticationFailed),
    (404, NotFound, NotFound),
    (408, Unavailable, Unavailable),
    (409, InvalidInput, InvalidInput),
    (410, NotFound, NotFound),
    (422, InvalidInput, InvalidInput),
    (425, Unavailable, Unavailable),
    (429, RateLimited, RateLimited),
    (451, ContentRejected, ContentRejected),
    (500, Unavailable, OutcomeUnknown),
    (502, Unavailable, OutcomeUnknown),
    (503, Unavailable, Unavailable),
    (504, Unavailable, OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "get", "post"), STATUSES, ids=[str(row[0]) for row in STATUSES])
async def test_a_status_says_who_can_act(
    status: int, get: type[ProviderError], post: type[ProviderError]
) -> None:
    http = client(answering(status, text=f"<p>{SECRET}</p>"))
    assert type(await failure(http, "GET")) is get
    assert type(error := await failure(http, "POST")) is post
    assert SECRET not in str(error)
    assert str(status) in str(error)


async def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(307, headers={"location": "https://elsewhere.example/"})

    await failure(client(handler), "POST", auth=Keys("https://vendor.example"))
    assert seen == ["https://vendor.example/things"]


async def test_an_answer_that_makes_no_sense_leaves_a_post_unknown() -> None:
    class Job(BaseModel):
        id: str

    for text in ("<html>", '{"secret": "' + SECRET + '"}', "[" * 100_000):
        http = client(answering(text=text))
        for method, wanted in (("POST", OutcomeUnknown), ("GET", UnexpectedResponse)):
            with pytest.raises(wanted) as caught:
                await http.call(method, "/things", TypeAdapter(Job))
            assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_an_endless_answer_is_cut_off() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 100

    http = client(lambda request: httpx.Response(200, content=endless()), max_body=1000)
    assert type(await failure(http, "GET")) is UnexpectedResponse
    assert type(await failure(http, "POST")) is OutcomeUnknown
    assert sent < 40


async def test_an_answer_that_is_cut_off_gives_its_connection_back() -> None:
    class Body(httpx.AsyncByteStream):
        closed = 0

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 100

        async def aclose(self) -> None:
            Body.closed += 1

    http = client(lambda request: httpx.Response(200, stream=Body()), max_body=1000)
    await failure(http)
    assert Body.closed == 1
    stream = http.download("https://files.example/a", max_bytes=1000)
    assert await anext(stream)
    await stream.aclose()
    assert Body.closed == 2


async def test_a_call_ends_at_its_deadline_and_frees_its_place() -> None:
    silent = True

    async def handler(request: httpx.Request) -> httpx.Response:
        if silent:
            await asyncio.Event().wait()
        return httpx.Response(200, json={})

    http = client(handler, deadline=timedelta(milliseconds=20), connections=1)
    assert type(await failure(http, "POST")) is OutcomeUnknown
    assert type(await failure(http, "GET")) is Unavailable
    silent = False
    assert await http.call("GET", "/things", ANY) == {}


async def test_a_cancelled_call_stays_cancelled_and_frees_its_place() -> None:
    entered = asyncio.Event()
    silent = True

    async def handler(request: httpx.Request) -> httpx.Response:
        if silent:
            entered.set()
            await asyncio.Event().wait()
        return httpx.Response(200, json={})

    http = client(handler, connections=1)
    call = asyncio.create_task(http.call("POST", "/things", ANY))
    await entered.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    silent = False
    assert await http.call("GET", "/things", ANY) == {}


# Waiting.

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WAITS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "7"}, 7),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "Fri, 02 Jan 2026 03:04:35 GMT"}, 30),
    ({"retry-after": "Fri, 02 Jan 2026 03:04:35 -0000"}, 30),
    ({"retry-after": "Fri, 02 Jan 2026 03:00:00 GMT"}, None),
    ({"retry-after": "99999"}, 120),
    ({"retry-after": "Fri, 02 Jan 2099 03:04:35 GMT"}, 120),
    ({"retry-after": "0"}, None),
    ({"retry-after": "-3"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"x-acme-wait": "2500"}, 2.5),
    ({"x-acme-wait": "1e300"}, 120),
    ({"x-acme-wait": "oops", "retry-after": "9"}, 9),
    ({"x-acme-wait": "2500", "retry-after": "9"}, 2.5),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS, ids=[repr(row[0]) for row in WAITS])
def test_a_wish_to_wait_is_read_in_every_form_and_capped(
    headers: dict[str, str], seconds: float | None
) -> None:
    wait = retry_after(
        httpx.Headers(headers),
        vendor={"x-acme-wait": timedelta(milliseconds=1)},
        cap=timedelta(minutes=2),
        now=lambda: NOW,
    )
    assert wait == (None if seconds is None else timedelta(seconds=seconds))


@given(st.text(max_size=40))
def test_no_header_can_break_the_reading_of_a_wait(text: str) -> None:
    wait = retry_after({"retry-after": text}, vendor={}, cap=timedelta(minutes=2))
    assert wait is None or timedelta(0) < wait <= timedelta(minutes=2)


async def test_calls_keep_their_distance() -> None:
    time, moments = Time(), []

    def handler(request: httpx.Request) -> httpx.Response:
        moments.append(time.now)
        return httpx.Response(200, json={})

    http = client(handler, per_second=2.0, clock=time, sleep=time.sleep)
    for _ in range(3):
        await http.call("GET", "/things", ANY)
    time.now += 10
    await asyncio.gather(*(http.call("GET", "/things", ANY) for _ in range(3)))
    assert moments == [100.0, 100.5, 101.0, 111.0, 111.5, 112.0]


async def test_a_vendor_that_asks_to_wait_is_left_alone_by_every_call() -> None:
    time, seen = Time(), 0

    def handler(request: httpx.Request) -> httpx.Response:
        nonlocal seen
        seen += 1
        return (
            httpx.Response(429, headers={"retry-after": "60"}) if seen == 1 else httpx.Response(200, json={})
        )

    http = client(handler, clock=time, sleep=time.sleep)
    first = await failure(http)
    assert isinstance(first, RateLimited)
    assert first.retry_after == timedelta(seconds=60)
    time.now += 20
    again = await failure(http)
    assert isinstance(again, RateLimited)
    assert again.retry_after == timedelta(seconds=40)
    assert seen == 1
    time.now += 15
    assert await http.call("GET", "/things", ANY) == {}
    assert time.now == 160.0


async def test_no_more_calls_are_under_way_than_there_are_connections() -> None:
    under_way, most, full, go = 0, 0, asyncio.Event(), asyncio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 3:
            full.set()
        await go.wait()
        under_way -= 1
        return httpx.Response(200, json={})

    http = client(handler, connections=3)
    calls = [asyncio.create_task(http.call("GET", "/things", ANY)) for _ in range(9)]
    await full.wait()
    go.set()
    await asyncio.gather(*calls)
    assert most == 3


async def test_a_call_that_finds_no_place_gives_up_without_having_been_sent() -> None:
    entered = asyncio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    http = client(handler, connections=1, patience=timedelta(milliseconds=20))
    first = asyncio.create_task(http.call("POST", "/things", ANY))
    await entered.wait()
    assert isinstance(await failure(http, "POST"), TransientError)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first


def test_a_lease_can_be_laid_over_the_longest_call() -> None:
    http = client(answering(), deadline=timedelta(seconds=60), patience=timedelta(seconds=30))
    assert http.longest == timedelta(seconds=120)


# What is sent, and to whom.


async def test_credentials_go_to_the_vendor_s_own_origin_only() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    await client(handler).call("GET", "/things", ANY, auth=Keys("https://vendor.example"))
    await client(handler).call("GET", "/things", ANY, auth=Keys("https://vendor.example:443"))
    assert [request.headers["authorization"] for request in seen] == [f"Bearer {SECRET}"] * 2
    for home in ("https://vendor.example.evil", "http://vendor.example", "https://vendor.example:8443"):
        error = await failure(client(handler), auth=Keys(home))
        assert SECRET not in str(error)
    assert len(seen) == 2


async def test_a_call_without_credentials_has_none_and_no_cookie_comes_back() -> None:
    seen: list[httpx.Headers] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json={}, headers={"set-cookie": "session=1; Path=/"})

    http = client(handler)
    await http.call("GET", "/things", ANY, auth=Keys("https://vendor.example"))
    await http.call("GET", "/things", ANY)
    await pieces(http.download("https://vendor.example/file", max_bytes=10))
    assert [sorted({"authorization", "cookie"} & set(headers)) for headers in seen] == [
        ["authorization"],
        [],
        [],
    ]


async def test_a_call_leaves_no_line_in_the_log_and_reads_what_comes_packed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")  # At which a client of httpx writes down each URL.

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "gzip, deflate"
        return httpx.Response(200, content=gzip.compress(b"[1]"), headers={"content-encoding": "gzip"})

    http = client(handler)
    assert await http.call("GET", "/things", ANY, query={"signature": SECRET}) == [1]
    assert await pieces(http.download(f"https://vendor.example/file?s={SECRET}", max_bytes=10)) == b"[1]"
    assert SECRET not in caplog.text


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=5))
def test_a_query_arrives_as_it_was_meant_and_stands_on_the_wire_as_it_was_written(
    query: dict[str, str],
) -> None:
    written = canonical_query(query)
    url = httpx.URL("https://vendor.example/things" + (f"?{written}" if query else ""))
    assert url.query.decode("ascii") == written
    assert dict(url.params.multi_items()) == query
    assert not set(written) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~%&=")


def test_a_path_cannot_lead_to_another_host() -> None:
    with pytest.raises(ValueError, match="slash"):
        client(answering()).stream("@evil.example/things", max_bytes=1)


@contextlib.asynccontextmanager
async def listening(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A real server on loopback that notes each request's first line."""
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        while await reader.readline() not in {b"\r\n", b""}:
            pass
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", lines


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"


async def test_a_proxy_is_used_only_if_the_settings_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(OK) as (vendor, at_vendor), listening(OK) as (proxy, at_proxy):
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(variable, raising=False)
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy)
        async with HttpClient(vendor) as http:
            await http.call("GET", "/things", ANY)
        assert (at_vendor, at_proxy) == ([b"GET /things HTTP/1.1\r\n"], [])
        async with HttpClient("http://vendor.example", proxy=proxy) as http:
            await http.call("GET", "/things", ANY)
        assert at_proxy == [b"GET http://vendor.example/things HTTP/1.1\r\n"]


async def test_a_server_that_hangs_up_leaves_a_post_unknown_and_one_that_is_not_there_does_not() -> None:
    async with listening(b"") as (vendor, lines):
        async with HttpClient(vendor) as http:
            assert type(await failure(http, "POST", content=b"{}")) is OutcomeUnknown
        assert lines == [b"POST /things HTTP/1.1\r\n"]
    async with HttpClient(vendor) as http:
        assert type(await failure(http, "POST", content=b"{}")) is Unavailable


async def test_a_closed_client_has_closed_its_transport() -> None:
    class Transport(httpx.MockTransport):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    transport = Transport(answering())
    async with HttpClient("https://vendor.example", transport=transport):
        assert not transport.closed
    assert transport.closed


# The vendor's words.


def test_a_vendor_s_sentence_keeps_no_link_no_secret_and_no_second_line() -> None:
    kept = vendor_words(
        f"cannot load\nhttps://photos.example/p/abc?x=1 with {SECRET}\x00 ok", secrets=(SECRET,)
    )
    assert kept == "cannot load (link) with … ok"
    assert len(vendor_words("long " * 100)) == 200


def test_a_vendor_s_sentence_does_not_quote_what_we_sent() -> None:
    sent = json.dumps({"prompt": "ana by the sea", "deep": [{"name": "short"}]}).encode()
    answer = Answer("vendor.example", 400, {}, b"", safe=False, sent=sent)
    assert answer.words("refused: ana by the sea (short)") == "refused: … (short)"
