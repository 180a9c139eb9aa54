"""A link fetched as a vendor would: from its public address, once, before anything is paid.

The address is the operator's own, yet what answers there may be anything: a proxy's page, a sign-in, a
redirect to elsewhere. So nothing is followed, no more is read than the file is long, and every try ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Awaitable, Callable

import httpx

from bot.services.links import Reach
from storage.records.links import LinkFault
from storage.records.media import Medium

_TIME = 60.0
"""Seconds for one try, the last byte included."""
_WAITS = (1.0, 4.0)
"""Seconds before the second and third try, where a proxy may just be starting anew."""
_PASSING = {LinkFault.REFUSED, LinkFault.SILENT, LinkFault.GATEWAY, LinkFault.BROKEN_OFF}


class PublicReach(Reach):
    """Fetches with a client of the roof's: no proxy of the environment, no redirects, certifi's roots."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        time: float = _TIME,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._time = time
        self._sleep = sleep

    async def fetch(self, url: str, medium: Medium) -> LinkFault | None:
        """Why this medium cannot be fetched there; None: it came, byte for byte."""
        fault = await self._once(url, medium)
        for wait in _WAITS:
            if fault not in _PASSING:
                break
            await self._sleep(wait)
            fault = await self._once(url, medium)
        return fault

    async def _once(self, url: str, medium: Medium) -> LinkFault | None:
        try:
            async with asyncio.timeout(self._time):
                async with self._http.stream("GET", url, follow_redirects=False) as answer:
                    return _status(answer) or await _content(answer, medium)
        except TimeoutError:
            return LinkFault.SILENT
        except httpx.HTTPError as error:
            return fault_of(error)


def fault_of(error: httpx.HTTPError) -> LinkFault:
    """What a broken connection means."""
    if isinstance(error, httpx.TimeoutException):
        return LinkFault.SILENT
    cause: BaseException | None = error
    while cause is not None:
        # httpx wraps what the socket said, more than once.
        if isinstance(cause, ssl.SSLError):
            return LinkFault.CERTIFICATE
        if isinstance(cause, socket.gaierror):
            return LinkFault.NO_NAME
        cause = cause.__cause__ or cause.__context__
    return LinkFault.REFUSED if isinstance(error, httpx.ConnectError) else LinkFault.BROKEN_OFF


def _status(answer: httpx.Response) -> LinkFault | None:
    match answer.status_code:
        case 200:
            return None
        case 401 | 403 | 407:
            return LinkFault.PASSWORD
        case 404 | 410:
            return LinkFault.NOT_FOUND
        case 502 | 503 | 504:
            return LinkFault.GATEWAY
        case code if 300 <= code < 400:
            return LinkFault.REDIRECTED
        case _:
            return LinkFault.ODD_ANSWER


async def _content(answer: httpx.Response, medium: Medium) -> LinkFault | None:
    said = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said in {"text/html", "application/xhtml+xml"}:
        return LinkFault.PAGE
    digest, size = hashlib.sha256(), 0
    # As it came: a proxy that packs files anew would do so to a vendor too.
    async for piece in answer.aiter_raw():
        digest.update(piece)
        size += len(piece)
        if size > medium.size:
            return LinkFault.OTHER_BYTES
    if said != medium.media_type or digest.hexdigest() != medium.sha256:
        return LinkFault.OTHER_BYTES
    return None
