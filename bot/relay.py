"""The relay: photos and videos under links, for vendors that fetch.

It reads and never lists; it answers every name that opens nothing in the same way and with the same work; and
its log says who fetched for which job, never by which link.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from bot.services.links import Links, Shown

logger = logging.getLogger(__name__)
UNSEEN = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, noarchive",
}
"""On every answer: nobody in between keeps it, nothing in it runs, no search engine notes it."""


_Sends = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gate:
    """Lets so many calls through per caller, and remembers no more callers than it has room for."""

    def __init__(self, per_second: float = 20.0, burst: float = 100.0, room: int = 10_000) -> None:
        self._pace = per_second
        self._burst = burst
        self._room = room
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def opens(self, name: str) -> bool:
        """Whether one more may come now."""
        now = time.monotonic()
        left, at = self._left.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._pace)
        self._left[name] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > self._room:
            self._left.popitem(last=False)  # Whoever has been quiet longest has most likely all of it again.
        return left >= 1


class Relay:
    """Answers for one link at a time."""

    def __init__(self, links: Links) -> None:
        self._links = links
        # A vendor that fetches a hundred photos asks for each with HEAD and GET, and perhaps in ranges.
        self._clients = Gate(per_second=50, burst=1000)
        self._each = Gate(per_second=5, burst=100)

    async def __call__(self, request: Request) -> Response:
        """The file, or a part of it, or the one answer for everything else."""
        client = _client(request)
        if not self._clients.opens(client):
            return _slower(client, None)
        shown = await self._links.resolve(request.path_params["name"])
        if shown is None:
            return over()
        if not self._each.opens(shown.tag):
            return _slower(client, shown.job_id)
        try:
            found = await asyncio.to_thread(os.stat, shown.path)
        except FileNotFoundError:
            return over()
        return Relayed(shown, found, client)


class Relayed(FileResponse):
    """One file under one link: whole or in ranges, noted when it is over."""

    def __init__(self, shown: Shown, found: os.stat_result, client: str) -> None:
        # By the link and not by the bytes: a tag must not tell that two jobs have the same photo.
        headers = {**UNSEEN, "ETag": f'"{shown.tag}"'}
        super().__init__(shown.path, media_type=shown.media_type, headers=headers, stat_result=found)
        self._shown = shown
        self._size = found.st_size
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what was asked for, and note how much of it went."""
        status, sent = 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._answer(scope)(scope, receive, counted)
        finally:
            facts = {"status": status, "bytes": 0 if scope["method"] == "HEAD" else sent}
            who = {"job": self._shown.job_id or "trial", "client": self._client, "method": scope["method"]}
            logger.info("Link fetched", extra={"action": "link_fetched", **who, **facts})

    def _answer(self, scope: Scope) -> _Sends:
        asked = Headers(scope=scope)
        tag = self.headers["etag"]
        if tag in [one.strip().removeprefix("W/") for one in asked.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers={**UNSEEN, "ETag": tag})
        wanted = asked.get("range")
        if wanted is None:
            return super().__call__
        if asked.get("if-range") not in {None, tag, self.headers["last-modified"]}:
            return self._ranged(scope, None)
        ranges = satisfiable(wanted, self._size)
        if ranges is not None and not ranges:
            headers = {**UNSEEN, "Content-Range": f"bytes */{self._size}", "Accept-Ranges": "bytes"}
            return PlainTextResponse("There is no such part.\n", status_code=416, headers=headers)
        return self._ranged(scope, ranges)

    def _ranged(self, scope: Scope, ranges: list[tuple[int, int]] | None) -> _Sends:
        """The file as Starlette sends it, for ranges that are sure to be good; None: the whole of it."""
        others = [pair for pair in scope["headers"] if pair[0] not in {b"range", b"if-range"}]
        headers = MutableHeaders(raw=others)
        if ranges:
            headers["range"] = "bytes=" + ",".join(f"{first}-{last}" for first, last in ranges)
        scope["headers"] = headers.raw
        return super().__call__


_RANGE = r"\s*(?:\d{1,18}-(?:\d{1,18})?|-\d{1,18})\s*"
_RANGES = re.compile(rf"{_RANGE}(?:,{_RANGE})*", re.ASCII)
_MOST = 20
"""More ranges than this nobody needs, and whoever asks for them gets the file."""


def satisfiable(asked: str, size: int) -> list[tuple[int, int]] | None:
    """First and last byte of every range that a file of this size has; none: it has none of them.

    None where the whole file is the answer: a unit we do not know, or more ranges than make sense.
    """
    unit, _, text = asked.partition("=")
    if unit.strip().lower() != "bytes" or text.count(",") >= _MOST:
        return None
    if not _RANGES.fullmatch(text):
        return []
    found = []
    for one in text.split(","):
        first, _, last = (part.strip() for part in one.partition("-"))
        if not first:
            begin, end = max(0, size - int(last)), size - 1
        else:
            begin, end = int(first), min(int(last or size), size - 1)
        if begin <= end and begin < size:
            found.append((begin, end))
    return found


def over() -> Response:
    """The same for a link that never was, is over, or whose file is gone."""
    return PlainTextResponse("This link is over.\n", status_code=404, headers=UNSEEN)


def _slower(client: str, job_id: str | None) -> Response:
    logger.warning("Too many fetches", extra={"action": "link_slowed", "client": client, "job": job_id})
    return PlainTextResponse("Slower, please.\n", status_code=429, headers={**UNSEEN, "Retry-After": "5"})


def _client(request: Request) -> str:
    """Who calls; of IPv6 the network, since one caller has as many addresses as they like."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"  # What a proxy says may be anything.
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False).network_address)
