"""One vendor's HTTP client: paced, bounded, and mapped to our errors.

What is fixed here, and why:

- HTTP/1.1 only. A polite GOAWAY on HTTP/2 surfaces as a protocol error, which for a paid call means
  `OutcomeUnknown`.
- A semaphore counts the calls under way, and each has a connection of its own (`_lines.py`): httpx's pool
  looks at all connections for each of them.
- The environment is not read (`trust_env=False`): a proxy is used if the vendor's settings name one, and
  never because a variable happens to be set. Certificates are checked against certifi's roots.
- Requests go straight to httpx's transport. What its client would add must not happen here: redirects and
  cookies, which move credentials about, and a line in the log with the whole URL, signed ones included. It
  also took a tenth of a poll.
- Credentials are a `HostAuth` given per call, which refuses every origin but the vendor's own.
  `download` has none.
- Every call ends: at most `longest` passes between asking for a turn and the last byte.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from bot.providers._answers import FATES, Answer, broken, plain, retry_after
from bot.providers._errors import NotFound, RateLimited, TransientError, UnexpectedResponse
from bot.providers._lines import Lines

T = TypeVar("T")

Envelope = Callable[[Answer], object]
"""Opens a vendor's envelope: returns the payload, or raises what the answer means."""

MIB = 1024 * 1024
READ_ERROR_BODY = 64 * 1024
GONE = frozenset({401, 403, 404, 410})
"""What stores answer for a signed link that is over."""

_HEADERS = {"user-agent": "darkroom", "accept": "*/*", "accept-encoding": "gzip, deflate"}
"""On every request. Only what httpx can unpack without another package is asked for."""


@cache
def roots() -> ssl.SSLContext:
    """Whom we trust over TLS: certifi's roots, read once, since every reading takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


def _line(proxy: str | None) -> httpx.AsyncHTTPTransport:
    """A transport that keeps one connection."""
    one = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.AsyncHTTPTransport(verify=roots(), trust_env=False, http2=False, limits=one, proxy=proxy)


def canonical_query(query: Mapping[str, str]) -> str:
    """Write a query string by RFC 3986: sorted by name, a space as `%20`.

    httpx would write a space as `+`. Signatures are computed over this form, so the wire carries it too.
    """
    return "&".join(f"{quote(name, safe='~')}={quote(query[name], safe='~')}" for name in sorted(query))


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, with the default port filled in."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def can_be_called(url: httpx.URL) -> bool:
    """Whether it can be an address at all: httpx takes ports on which a connection fails in foreign words."""
    port = url.port
    return url.scheme in {"http", "https"} and bool(url.host) and (port is None or 0 < port < 65536)


class HostAuth(httpx.Auth, ABC):
    """Credentials that are shown to one origin only."""

    requires_request_body = True

    def __init__(self, home: str) -> None:
        self._home = origin(httpx.URL(home))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The same for a client of httpx."""
        self.vouch(request)
        yield request

    def vouch(self, request: httpx.Request) -> None:
        """Sign the request if it goes to the vendor, refuse if it goes anywhere else."""
        if origin(request.url) != self._home:
            raise UnexpectedResponse(f"Credentials for {self._home[1]} were asked for by {request.url.host}.")
        self.sign(request)

    @abstractmethod
    def sign(self, request: httpx.Request) -> None:
        """Put the credentials on the request; called anew at every attempt."""


class Pacer:
    """Keeps a least gap between two calls in this process (GCRA: a token bucket of one, as a number)."""

    def __init__(
        self,
        gap: float,
        patience: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gap = gap
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    async def turn(self) -> None:
        """Wait for the next free moment, or raise `RateLimited` at once if that is too far away."""
        now = self._clock()
        wait = self._next - now
        if wait > self._patience:
            raise RateLimited(
                "The pace agreed with the vendor is used up.", retry_after=timedelta(seconds=wait)
            )
        self._next = max(self._next, now) + self._gap
        if wait > 0:
            await self._sleep(wait)

    def hold(self, pause: timedelta) -> None:
        """Let nobody pass for a while: the vendor asked for it."""
        self._next = max(self._next, self._clock() + pause.total_seconds())


class HttpClient:
    """The one way to a vendor. Use as an async context manager, or call `aclose`."""

    def __init__(
        self,
        base_url: str,
        *,
        per_second: float = 2.0,
        connections: int = 4,
        connect: timedelta = timedelta(seconds=5),
        read: timedelta = timedelta(seconds=30),
        deadline: timedelta = timedelta(seconds=60),
        patience: timedelta = timedelta(seconds=30),
        max_body: int = 16 * MIB,
        envelope: Envelope = plain,
        retry_headers: Mapping[str, timedelta] | None = None,
        retry_cap: timedelta = timedelta(hours=1),
        proxy: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.host = httpx.URL(base_url).host
        self.deadline = deadline
        self._patience = patience
        self._max_body = max_body
        self._envelope = envelope
        self._retry_headers = retry_headers or {}
        self._retry_cap = retry_cap
        self._pacer = Pacer(1 / per_second, patience.total_seconds(), clock=clock, sleep=sleep)
        self._slots = asyncio.Semaphore(connections)
        self._transport = transport or Lines(partial(_line, proxy))
        whole = read.total_seconds()
        limits = httpx.Timeout(connect=connect.total_seconds(), read=whole, write=whole, pool=5.0)
        self._extensions = {"timeout": limits.as_dict()}

    @property
    def longest(self) -> timedelta:
        """No call takes longer than this, waiting for its turn included: a lease must outlast it."""
        return 2 * self._patience + self.deadline

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def call(
        self,
        method: str,
        path: str,
        into: TypeAdapter[T],
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: HostAuth | None = None,
        safe: bool | None = None,
        base_url: str | None = None,
    ) -> T:
        """Call the vendor's API and read the payload of its answer.

        `base_url` is another address of the same vendor, such as the one where it signs people in. `safe`
        says that the call starts nothing and may be repeated; by default that is so for GET and HEAD. Some
        vendors ask questions by POST.

        Raises:
            TransientError: nothing was started.
            OutcomeUnknown: the call is not safe and its answer was lost or makes no sense.
            PermanentError: the vendor said no.
        """
        is_safe = method in {"GET", "HEAD"} if safe is None else safe
        request = self._request(method, path, query, content, headers, base_url)
        async with self._turn():
            with self._border(request.url.host, safe=is_safe):
                async with asyncio.timeout(self.deadline.total_seconds()):
                    response = await self._send(request, auth)
                    try:
                        # One byte over the cap is enough to know that it is too long.
                        body = await self._whole(response.aiter_bytes(), self._max_body + 1)
                    finally:
                        await response.aclose()
        answer = self._answer(response, body, safe=is_safe)
        if len(body) > self._max_body:
            raise answer.senseless(f"longer than {self._max_body} bytes")
        return answer.into(into, self._opened(answer))

    def stream(
        self,
        path: str,
        *,
        max_bytes: int,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: HostAuth | None = None,
        envelope_lead: bytes = b"",
    ) -> AsyncGenerator[bytes, None]:
        """Stream a file from the vendor's API, signed like any other call of it.

        A body that begins with `envelope_lead` is no file: it is opened as an answer, whatever its status.
        """
        request = self._request("GET", path, query, None, headers)
        return self._flow(request, auth, max_bytes, envelope_lead, ours=True)

    def download(self, url: str, *, max_bytes: int) -> AsyncGenerator[bytes, None]:
        """Stream a file from wherever the vendor keeps it, without any credentials.

        Raises:
            NotFound: the link is over.
            Unavailable: the download broke off; it may be repeated.
            UnexpectedResponse: the file is longer than `max_bytes`, or the link is none.
        """
        return self._flow(self._linked("GET", url), None, max_bytes, b"", ours=False)

    async def put(
        self,
        url: str,
        file: Path,
        *,
        media_type: str,
        deadline: timedelta,
        start: int = 0,
        size: int | None = None,
    ) -> None:
        """Send a file, or `size` bytes of it from `start`, to a link of the vendor: streamed, no credentials.

        It may be repeated where the link may.

        Raises:
            NotFound: the link is over or used.
            Unavailable: it broke off.
            InvalidInput: the store refuses the file.
            UnexpectedResponse: the link is none.
        """
        whole = (await asyncio.to_thread(file.stat)).st_size
        count = whole - start if size is None else min(size, whole - start)
        headers = {"content-type": media_type, "content-length": str(count)}
        request = self._linked("PUT", url, content=_slice(file, start, count), headers=headers)
        async with self._turn(paced=False):
            with self._border(request.url.host, safe=True):
                async with asyncio.timeout(deadline.total_seconds()):
                    response = await self._send(request)
                    try:
                        body = await self._whole(response.aiter_bytes(), READ_ERROR_BODY)
                    finally:
                        await response.aclose()
        if not response.is_success:
            answer = Answer(request.url.host, response.status_code, response.headers, body, safe=True)
            raise answer.refusal(NotFound if response.status_code in GONE else None)

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        base_url: str | None = None,
    ) -> httpx.Request:
        if not path.startswith("/"):
            raise ValueError("a path of the vendor's API begins with a slash")
        url = (base_url or self.base_url).rstrip("/") + path + (f"?{canonical_query(query)}" if query else "")
        return self._prepared(method, url, content=content, headers=headers)

    def _prepared(
        self,
        method: str,
        url: str,
        *,
        content: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        """A request with the headers that each of ours has. Raises httpx.InvalidURL."""
        every = {**_HEADERS, **(headers or {})}
        return httpx.Request(method, url, headers=every, content=content, extensions=self._extensions)

    def _linked(
        self,
        method: str,
        url: str,
        *,
        content: AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        """A request to a link that the vendor gave us: it may be any text at all."""
        try:
            request = self._prepared(method, url, content=content, headers=headers)
            sound = can_be_called(request.url)
        except (httpx.InvalidURL, UnicodeError):  # Half a character, or a host that is no name.
            sound = False
        if not sound:
            raise UnexpectedResponse("The vendor's link for a file is no link.") from None
        return request

    async def _send(self, request: httpx.Request, auth: HostAuth | None = None) -> httpx.Response:
        """Send it, and come back with the head of the answer."""
        if auth:
            auth.vouch(request)
        response = await self._transport.handle_async_request(request)
        response.request = request
        return response

    async def _flow(
        self, request: httpx.Request, auth: HostAuth | None, max_bytes: int, lead: bytes, *, ours: bool
    ) -> AsyncGenerator[bytes, None]:
        host = request.url.host
        async with self._turn(paced=ours):
            # The deadline is laid around each step and never across a `yield`: there it would hit the
            # reader's own work.
            end = asyncio.get_running_loop().time() + self.deadline.total_seconds()
            response = await self._bounded(self._send(request, auth), end, host)
            try:
                chunks = response.aiter_bytes()
                if not response.is_success:
                    body = await self._bounded(self._whole(chunks, READ_ERROR_BODY), end, host)
                    self._refuse(self._answer(response, body, safe=True), ours=ours)
                chunk = await self._bounded(self._next(chunks), end, host)
                # White space alone does not tell yet which of the two it is.
                while lead and chunk.isspace() and len(chunk) <= max_bytes:
                    more = await self._bounded(self._next(chunks), end, host)
                    if not more:
                        break
                    chunk += more
                if lead and chunk.lstrip().startswith(lead):
                    body = chunk + await self._bounded(self._whole(chunks, READ_ERROR_BODY), end, host)
                    self._refuse(self._answer(response, body, safe=True), ours=True)
                seen = 0
                while chunk:
                    seen += len(chunk)
                    if seen > max_bytes:
                        raise UnexpectedResponse(f"A file of {host} is longer than {max_bytes} bytes.")
                    yield chunk
                    chunk = await self._bounded(self._next(chunks), end, host)
            finally:
                await response.aclose()

    def _refuse(self, answer: Answer, *, ours: bool) -> NoReturn:
        """Raise what an answer means that stands where a file should be."""
        if ours:
            self._opened(answer)
            raise answer.senseless("no file")
        raise answer.refusal(NotFound if answer.status in GONE else None)

    def _opened(self, answer: Answer) -> object:
        try:
            return self._envelope(answer)
        except TransientError as error:
            if error.retry_after:
                self._pacer.hold(error.retry_after)
            raise

    def _answer(self, response: httpx.Response, body: bytes, *, safe: bool) -> Answer:
        wait = retry_after(response.headers, vendor=self._retry_headers, cap=self._retry_cap)
        request = response.request
        sent = request.content
        return Answer(request.url.host, response.status_code, response.headers, body, safe, wait, sent)

    @asynccontextmanager
    async def _turn(self, *, paced: bool = True) -> AsyncIterator[None]:
        if self._slots.locked():
            await self._wait_for_slot()
        else:
            await self._slots.acquire()  # At once.
        try:
            if paced:
                await self._pacer.turn()
            yield
        finally:
            self._slots.release()

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                await self._slots.acquire()
        except TimeoutError:
            raise RateLimited(f"Too many calls to {self.host} are under way here.") from None

    @contextmanager
    def _border(self, host: str, *, safe: bool) -> Iterator[None]:
        try:
            yield
        except tuple(FATES) as error:
            raise broken(error, host=host, safe=safe) from None

    async def _bounded(self, step: Awaitable[T], end: float, host: str) -> T:
        with self._border(host, safe=True):
            async with asyncio.timeout_at(end):
                return await step

    @staticmethod
    async def _next(chunks: AsyncIterator[bytes]) -> bytes:
        """The next bytes; none at the end."""
        async for chunk in chunks:
            if chunk:
                return chunk
        return b""

    @staticmethod
    async def _whole(chunks: AsyncIterator[bytes], most: int) -> bytes:
        """Everything that is left, but no more than `most` bytes."""
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) >= most:
                break
        return bytes(body[:most])


async def _slice(file: Path, start: int, count: int) -> AsyncIterator[bytes]:
    """So many bytes of a file from a place on, a piece at a time."""
    with await asyncio.to_thread(file.open, "rb") as source:
        await asyncio.to_thread(source.seek, start)
        while count > 0:
            piece = await asyncio.to_thread(source.read, min(count, MIB))
            if not piece:
                return
            count -= len(piece)
            yield piece
