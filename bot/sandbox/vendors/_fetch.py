"""How a vendor fetches a customer's photos: from the link it was given, with nothing of its own.

No credentials, no cookies, no proxies, no redirects; a limit on time and on bytes; only pictures are taken.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from bot.sandbox import trainer
from bot.sandbox.vendors._journal import EntryKind, Journal
from bot.sandbox.vendors._state import Pulse
from bot.sandbox.vendors._workers import Workers

MAX_BYTES = 20 * 1024 * 1024
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_WHOLE_SECONDS = 30.0


class Patience(Protocol):
    """What of a stand-in's settings says how often a link is tried."""

    @property
    def fetch_attempts(self) -> int:
        """How often in all."""

    @property
    def fetch_pause_seconds(self) -> float:
        """How long between two tries."""


class FetchFailed(Exception):
    """A link gave no picture."""

    def __init__(self, code: str, *, status: int | None = None, worth_another_try: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.worth_another_try = worth_another_try


def client() -> httpx.AsyncClient:
    """A client that carries nothing of ours to a stranger's link."""
    return httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False, follow_redirects=False)


class Fetcher:
    """Fetches for jobs: tries again where that may help, and writes every try into the journal."""

    def __init__(
        self,
        journal: Journal,
        pulse: Pulse,
        workers: Workers,
        *,
        patience: Callable[[], Patience],
        clock: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._pulse = pulse
        self._workers = workers
        self._patience = patience
        self._clock = clock
        self._http = client()

    async def fetch(self, url: str, *, subject: str) -> bytes:
        """Fetch one photo whole, for the job named by `subject`.

        Raises:
            FetchFailed: the last try failed, or no other would help.
        """
        return await self._patiently(lambda: fetch_photo(self._http, url), subject)

    async def file(self, url: str, *, subject: str, most_bytes: int) -> bytes:
        """Fetch whatever is there whole, picture or not, for the job named by `subject`.

        Raises:
            FetchFailed: the last try failed, or no other would help.
        """
        return await self._patiently(lambda: fetch_file(self._http, url, most_bytes=most_bytes), subject)

    async def _patiently(self, fetch: Callable[[], Awaitable[bytes]], subject: str) -> bytes:
        attempt = 0
        while True:
            attempt += 1
            try:
                data = await fetch()
            except FetchFailed as failure:
                self._note(failure.status, failure.code, subject)
                if not failure.worth_another_try or attempt >= self._patience().fetch_attempts:
                    raise
                began = self._clock()
                await self._workers.until(lambda began=began: began + self._patience().fetch_pause_seconds)  # type: ignore[misc]
            else:
                self._note(httpx.codes.OK, None, subject)
                return data

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _note(self, status: int | None, code: str | None, subject: str) -> None:
        self._journal.write(EntryKind.FETCH, "FetchPhoto", status=status, code=code, subject=subject)
        self._pulse.beat()


async def fetch_photo(http: httpx.AsyncClient, url: str) -> bytes:
    """Fetch one photo whole.

    Raises:
        FetchFailed: unreachable, refused, too large, too slow or not a picture.
    """
    data = await fetch_file(http, url, most_bytes=MAX_BYTES)
    try:
        await asyncio.to_thread(trainer.check_photo, data)
    except trainer.NotAPhoto as error:
        raise FetchFailed("NotAnImage", status=200) from error
    return data


async def fetch_file(http: httpx.AsyncClient, url: str, *, most_bytes: int) -> bytes:
    """Fetch whatever is there whole.

    Raises:
        FetchFailed: unreachable, refused, too large or too slow.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise FetchFailed("BadLink") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise FetchFailed("BadLink")
    try:
        async with asyncio.timeout(_WHOLE_SECONDS):
            return await _read(http, url, most_bytes)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise FetchFailed("Unreachable", worth_another_try=True) from error


async def _read(http: httpx.AsyncClient, url: str, most_bytes: int) -> bytes:
    async with http.stream("GET", url) as response:
        if response.status_code != httpx.codes.OK:
            status = response.status_code
            busy = status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS
            raise FetchFailed("Refused", status=status, worth_another_try=busy)
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > most_bytes:
                raise FetchFailed("TooLarge", status=response.status_code)
        return bytes(data)
