"""Slack's private files: downloaded with our token, and from Slack's hosts only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

from bot.services.errors import PhotoRefused
from bot.services.inbox import TryAgain
from bot.services.sorting import HEAD, Incoming
from storage.records.media import Refusal

_HOPS = 3
_TRIES = 3
_LONGEST = 300.0
"""Seconds for one file: a line that drips must not hold its post for ever."""
_SLOWEST = 300_000
"""Bytes a second; of a large file this is how long it may take."""
T = TypeVar("T")
Take = Callable[[Incoming], Awaitable[T]]
"""Takes a file in, by what it turns out to be."""
FileInfo = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""Slack's `files.info`: the file object, or None where Slack says no."""
_MODES = {"tombstone": Refusal.DELETED, "hidden_by_limit": Refusal.HIDDEN}


class LoginPage(Exception):
    """Slack answered with a page for humans: our token may not read this file."""


class _Short(PhotoRefused):
    """It ended before Slack says that it does."""

    def __init__(self) -> None:
        super().__init__(Refusal.TRUNCATED)


class Downloader:
    """Fetches files a person posted.

    `origins` are the only places the token goes to: for Slack itself `https://files.slack.com`. `most` is how
    many bytes a photo may have, and `largest` any file: what is told to be more is not asked for.
    """

    def __init__(
        self, http: httpx.AsyncClient, token: str, origins: frozenset[str], most: int, largest: int = 0
    ) -> None:
        self._http = http
        self._token = token
        self._origins = origins
        self._most = most
        self._largest = max(most, largest)

    async def load(self, file: Mapping[str, Any], info: FileInfo, take: Take[T]) -> T:
        """Hand one file to `take` as it comes; once more, and from its beginning, where it ends early.

        Raises PhotoRefused, LoginPage, TryAgain for what passes, and what `take` raises.
        """
        file = await self._complete(file, info)
        size = file.get("size") or 0
        kind = str(file.get("mimetype") or "")
        # What Slack calls a picture is not asked for where it is too large for one.
        if size > (self._most if kind.startswith("image/") else self._largest):
            raise PhotoRefused(Refusal.TOO_LARGE)
        url = file.get("url_private_download") or file.get("url_private")
        if not isinstance(url, str) or not url:
            # Visible, and without an address: Slack is still looking through it.
            raise TryAgain("slack_unreachable")
        for _ in range(_TRIES - 1):
            with suppress(_Short):
                return await self._get(url, take, size, is_page=kind == "text/html")
        return await self._get(url, take, size, is_page=kind == "text/html")

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

    async def _get(self, url: str, take: Take[T], size: int, *, is_page: bool) -> T:
        for _ in range(_HOPS + 1):
            parts = urlsplit(url)
            origin = f"{parts.scheme}://{parts.netloc.lower()}"
            if origin not in self._origins:
                # The address came with the post; our token must not go where somebody else chose.
                raise PhotoRefused(Refusal.EXTERNAL)
            headers = {"Authorization": f"Bearer {self._token}"}
            until = asyncio.get_running_loop().time() + max(_LONGEST, size / _SLOWEST)
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout_at(until):
                        answer = await stack.enter_async_context(
                            self._http.stream("GET", url, headers=headers, follow_redirects=False)
                        )
                except (httpx.HTTPError, TimeoutError) as error:
                    raise TryAgain("slack_unreachable") from error
                if answer.is_redirect:
                    target = urljoin(url, answer.headers.get("location", ""))
                    if _asks_to_sign_in(target, parts.path):
                        raise LoginPage
                    url = target
                    continue
                _refuse_by_status(answer, is_page=is_page)
                return await self._taken(_pieces(answer, until), take, size)
        raise PhotoRefused(Refusal.NOT_READABLE)

    @staticmethod
    async def _taken(pieces: AsyncGenerator[bytes], take: Take[T], size: int) -> T:
        """Read as much as tells what it is, then leave the rest to those who take it in."""
        async with aclosing(pieces):
            head = bytearray()
            async for piece in pieces:
                head += piece
                if len(head) >= HEAD:
                    break
            if len(head) < min(size, HEAD):
                raise _Short
            return await take(Incoming(bytes(head[:HEAD]), _whole(bytes(head), pieces, size), size))


def _refuse_by_status(answer: httpx.Response, *, is_page: bool) -> None:
    """`is_page`: Slack itself calls the file a web page, so that one is no sign of a bad token."""
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.status_code >= 500:
        raise TryAgain("slack_unreachable")
    if answer.status_code in {404, 410}:
        raise PhotoRefused(Refusal.DELETED)
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "text/html" and not is_page:
        raise LoginPage
    if answer.status_code != httpx.codes.OK:
        raise PhotoRefused(Refusal.NOT_READABLE)


async def _pieces(answer: httpx.Response, until: float) -> AsyncGenerator[bytes]:
    """A body as it comes, and not for longer than until then. Raises TryAgain."""
    coming = answer.aiter_bytes()
    while True:
        try:
            async with asyncio.timeout_at(until):
                piece = await anext(coming, None)
        except (httpx.HTTPError, TimeoutError) as error:
            raise TryAgain("slack_unreachable") from error
        if piece is None:
            return
        yield piece


def _asks_to_sign_in(target: str, path: str) -> bool:
    """Slack sends a stranger to its sign-in page, which is told where they wanted to go."""
    return any(value == path for name, value in parse_qsl(urlsplit(target).query) if name == "redir")


async def _whole(head: bytes, rest: AsyncIterator[bytes], size: int) -> AsyncGenerator[bytes]:
    """A file from its first byte on. Raises PhotoRefused where it ends before Slack says that it does."""
    seen = len(head)
    yield head
    async for piece in rest:
        seen += len(piece)
        yield piece
    if seen < size:
        raise _Short


def _refuse_by_mode(file: Mapping[str, Any]) -> None:
    mode = str(file.get("mode") or "hosted")
    if mode in _MODES:
        raise PhotoRefused(_MODES[mode])
    if mode == "external" or file.get("is_external"):
        raise PhotoRefused(Refusal.EXTERNAL)
    if file.get("file_access") in {"access_denied", "file_not_found"}:
        raise PhotoRefused(Refusal.NOT_READABLE)
