"""What the doctor looks at outside the services: Slack, this machine's clock and disk, the photo links."""

from __future__ import annotations

import asyncio
import shutil
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from bot.imaging.faces import installed
from bot.scheduler import Ticker
from bot.services.doctor import Diagnosis, Look
from bot.services.links import Links
from handlers.manifest import SCOPES
from storage import Store

_SKEW = 60.0
"""Seconds our clock may differ from Slack's; vendors refuse signatures some minutes off."""
_ROOM = 1 << 30
"""Bytes of free disk under which an operator should know."""


def looks(
    *,
    store: Store,
    clock: Ticker,
    slack: AsyncWebClient,
    socket: AsyncBaseSocketModeClient | None,
    links: Links,
    data_dir: Path,
) -> list[tuple[str, Look]]:
    """Every look and what it is about, in the order they are told in."""

    async def database() -> Diagnosis:
        return Diagnosis("database", "" if await store.answers() else "no_answer")

    async def disk() -> Diagnosis:
        free = (await asyncio.to_thread(shutil.disk_usage, data_dir)).free
        return Diagnosis("disk", "" if free >= _ROOM else "little_room", f"{free / 1e9:.1f} GB free")

    async def ticks() -> Diagnosis:
        stalled = clock.stalled()
        return Diagnosis("ticks", "stalled" if stalled else "", ", ".join(stalled))

    async def connection() -> Diagnosis:
        return Diagnosis("socket", "" if socket is None or await socket.is_connected() else "not_connected")

    async def photo_links() -> Diagnosis:
        if not links.given:
            return Diagnosis("links", words="none are needed: every vendor is sent its files")
        trouble = await links.examine()
        return Diagnosis("links", "" if trouble is None else str(trouble), links.means.value)

    async def erasure() -> Diagnosis:
        last = await store.read(lambda tx: tx.erasing.last_proof())
        if last is None:
            return Diagnosis("erasure", words="not looked through yet")
        if last.overdue:
            return Diagnosis("erasure", "overdue", str(last.overdue))
        erased = last.files + last.before
        return Diagnosis(
            "erasure", words=f"{erased} files erased in two days, {last.kept} kept, looked through {last.day}"
        )

    async def faces() -> Diagnosis:
        return Diagnosis("faces", "" if installed() else "no_detector")

    return [
        ("slack", lambda: _slack(slack)),
        ("socket", connection),
        ("database", database),
        ("disk", disk),
        ("ticks", ticks),
        ("links", photo_links),
        ("erasure", erasure),
        ("faces", faces),
    ]


async def _slack(client: AsyncWebClient) -> Diagnosis:
    """The token, the scopes, and how far our clock is from Slack's."""
    try:
        who = await client.auth_test()
    except SlackApiError as error:
        get = getattr(error.response, "get", None)
        return Diagnosis("slack", "refused", str(get("error") if callable(get) else "")[:60])
    except (aiohttp.ClientError, TimeoutError):
        return Diagnosis("slack", "no_answer")
    granted = {scope.strip() for scope in str(who.headers.get("x-oauth-scopes", "")).split(",")} - {""}
    if granted and (missing := sorted(set(SCOPES) - granted)):
        return Diagnosis("slack", "scopes", ", ".join(missing))
    try:
        off = time.time() - parsedate_to_datetime(who.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return Diagnosis("slack")
    return Diagnosis("slack", "clock_off", f"{abs(off):.0f} s") if abs(off) > _SKEW else Diagnosis("slack")
