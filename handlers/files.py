"""Slack's private files: downloaded with our token, and from Slack's hosts only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

from bot.services.errors import PhotoRefused
from bot.services.inbox import TryAgain
from storage.records import Refusal

logger = logging.getLogger(__name__)
_HOPS = 3
_TRIES = 3
_LONGEST = 300.0
"""Seconds for one file: a line that drips must not hold its post for ever."""
_LONGEST_FILM = 3600.0
_HEAD = 12
"""Bytes that tell what a file is."""
_PICTURES = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
"""Brands of the same container that hold pictures."""
_MODES = {"tombstone": Refusal.DELETED, "hidden_by_limit": Refusal.HIDDEN}
T = TypeVar("T")
Film = Callable[[AsyncIterator[bytes]], Awaitable[T]]
"""Takes a film in."""
FileInfo = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""Slack's `files.info`: the file object, or None where Slack says no."""


class LoginPage(Exception):
    """Slack answered with a page for humans: our token may not read this file."""


class Downloader:
    """Fetches files a person posted.

    `origins` are the only places the token goes to: for Slack itself `https://files.slack.com`.
    """

    def __init__(self, http: httpx.AsyncClient, token: str, origins: frozenset[str], most: int) -> None:
        self._http = http
        self._token = token
        self._origins = origins
        self._most = most

    async def load(self, file: Mapping[str, Any], info: FileInfo, film: Film[T] | None) -> bytes | T:
        """The bytes of one file object; a film is handed to `film` as it comes, and never held whole.

        Raises PhotoRefused, LoginPage, TryAgain for what passes, and what `film` raises.
        """
        file = await self._complete(file, info)
        size = file.get("size") or 0
        if size > self._most and not str(file.get("mimetype") or "").startswith("video/"):
            raise PhotoRefused(Refusal.TOO_LARGE)
        url = file.get("url_private_download") or file.get("url_private")
        if not isinstance(url, str) or not url:
            # Visible, and without an address: Slack is still looking through it.
            raise TryAgain("slack_unreachable")
        for _ in range(_TRIES):
            data = await self._get(url, film, size)
            if not isinstance(data, bytes) or len(data) >= size:
                return data
        raise PhotoRefused(Refusal.TRUNCATED)

    async def _complete(self, file: Mapping[str, Any], info: FileInfo) -> Mapping[str, Any]:
        """Refuse what is no file of Slack's; ask for what a stub leaves out."""
        _refuse_by_mode(file)
        stub = file.get("file_access") == "check_file_info" or file.get("mode") == "file_access"
        if stub or not (file.get("url_private_download") or file.get("url_private")):
            found = await info(str(file.get("id", "")))
            if found is None or found.get("file_access", "visible") != "visible":
                raise PhotoRefused(Refusal.NOT_READABLE)
            _refuse_by_mode(found)
            return found
        return file

    async def _get(self, url: str, film: Film[T] | None, size: int) -> bytes | T:
        for _ in range(_HOPS + 1):
            parts = urlsplit(url)
            origin = f"{parts.scheme}://{parts.netloc.lower()}"
            if origin not in self._origins:
                # The address came with the post; our token must not go where somebody else chose.
                raise PhotoRefused(Refusal.EXTERNAL)
            try:
                async with (
                    asyncio.timeout(_LONGEST) as limit,
                    self._http.stream(
                        "GET", url, headers={"Authorization": f"Bearer {self._token}"}, follow_redirects=False
                    ) as answer,
                ):
                    if answer.is_redirect:
                        target = urljoin(url, answer.headers.get("location", ""))
                        if _asks_to_sign_in(target, parts.path):
                            raise LoginPage
                        url = target
                        continue
                    return await self._body(answer, film, size, limit)
            except (httpx.HTTPError, TimeoutError) as error:
                raise TryAgain("slack_unreachable") from error
        raise PhotoRefused(Refusal.NOT_READABLE)

    async def _body(
        self, answer: httpx.Response, film: Film[T] | None, size: int, limit: asyncio.Timeout
    ) -> bytes | T:
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.status_code >= 500:
            raise TryAgain("slack_unreachable")
        if answer.status_code in {404, 410}:
            raise PhotoRefused(Refusal.DELETED)
        kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind == "text/html":
            raise LoginPage
        if answer.status_code != httpx.codes.OK:
            raise PhotoRefused(Refusal.NOT_READABLE)
        data, chunks = bytearray(), answer.aiter_bytes()
        async for chunk in chunks:
            data += chunk
            if film is not None and is_film(data[:_HEAD]):
                limit.reschedule(asyncio.get_running_loop().time() + _LONGEST_FILM)
                return await film(_whole(bytes(data), chunks, size))
            if len(data) > self._most:
                raise PhotoRefused(Refusal.TOO_LARGE)
        return bytes(data)


def _asks_to_sign_in(target: str, path: str) -> bool:
    """Slack sends a stranger to its sign-in page, which is told where they wanted to go."""
    return any(value == path for name, value in parse_qsl(urlsplit(target).query) if name == "redir")


def is_film(head: bytes | bytearray) -> bool:
    """Whether a file begins like an MP4 or a QuickTime film, whose relatives are pictures of phones."""
    return head[4:8] == b"ftyp" and bytes(head[8:12]) not in _PICTURES


async def _whole(head: bytes, rest: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """A film from its first byte on. Raises PhotoRefused where it ends before Slack says that it does."""
    seen = len(head)
    yield head
    async for chunk in rest:
        seen += len(chunk)
        yield chunk
    if seen < size:
        raise PhotoRefused(Refusal.TRUNCATED)


def _refuse_by_mode(file: Mapping[str, Any]) -> None:
    mode = str(file.get("mode") or "hosted")
    if mode in _MODES:
        raise PhotoRefused(_MODES[mode])
    if mode == "external" or file.get("is_external"):
        raise PhotoRefused(Refusal.EXTERNAL)
    if file.get("file_access") in {"access_denied", "file_not_found"}:
        raise PhotoRefused(Refusal.NOT_READABLE)
