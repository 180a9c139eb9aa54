"""Takes photo events in as fast as it can: ours or bare. Run as a child process."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult

from benchmarks._told import facts_of_child, say, words

TEAM = "T0BENCH000"


def photo_event(number: int) -> dict[str, Any]:
    """A photo posted into a thread; each has a time stamp of its own."""
    ts = f"{1_700_000_000 + number}.000100"
    file = {
        "id": f"F{number:09d}",
        "name": "IMG_2041.jpg",
        "title": "IMG_2041.jpg",
        "mimetype": "image/jpeg",
        "filetype": "jpg",
        "mode": "hosted",
        "size": 3_812_441,
        "is_external": False,
        "file_access": "visible",
        "user": "U0BENCH001",
        "url_private": f"http://127.0.0.1:9/files-pri/F{number:09d}/img_2041.jpg",
        "url_private_download": f"http://127.0.0.1:9/files-pri/F{number:09d}/download/img_2041.jpg",
    }
    event = {
        "type": "message",
        "subtype": "file_share",
        "text": "",
        "user": "U0BENCH001",
        "channel": "C0BENCH001",
        "channel_type": "channel",
        "ts": ts,
        "event_ts": ts,
        "thread_ts": "1690000000.000100",
        "files": [file],
        "upload": False,
    }
    return {
        "token": "local-verification",
        "team_id": TEAM,
        "api_app_id": "A0BENCH001",
        "type": "event_callback",
        "event_id": f"Ev{number:09d}",
        "event_time": 1_700_000_000 + number,
        "event": event,
        "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": "U0BENCHBOT", "is_bot": True}],
    }


@asynccontextmanager
async def _bare(told: dict[str, Any]) -> AsyncIterator[AsyncApp]:
    """Bolt with a listener of the same kind, which keeps nothing."""
    del told

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None, team_id=TEAM, bot_user_id="U0BENCHBOT", bot_token="xoxb-bench"
        )

    async def nothing() -> None:
        pass

    app = AsyncApp(authorize=authorize, request_verification_enabled=False, ssl_check_enabled=False)
    app.event("message")(nothing)
    yield app


@asynccontextmanager
async def _ours(told: dict[str, Any]) -> AsyncIterator[AsyncApp]:
    from benchmarks._bot import settings_for
    from benchmarks._vendor import SteadySettings, SteadyVendor
    from bot.app import build
    from bot.logs import configure

    configure("WARNING", "text")
    vendor = SteadyVendor(SteadySettings())
    async with build(settings_for(told), providers=[vendor], connect=False) as bot:
        yield bot.app


async def _take_in(app: AsyncApp, numbers: Iterator[int], until: float, answered_to: int | None) -> int:
    """One of those who knock at the same time. Returns how many were answered."""
    answered = 0
    while time.monotonic() < until:
        number = next(numbers)
        request = AsyncBoltRequest(mode="socket_mode", body=photo_event(number))
        response = await app.async_dispatch(request)
        if response is None or response.status != 200:
            raise RuntimeError(f"event {number} was not taken in")
        answered += 1
        if answered_to is not None:
            os.write(answered_to, f"{number}\n".encode())
    return answered


async def main() -> None:
    """Take events in for a while, as often as asked; say how many per second.

    `answered` names a file for the number of each answered event: the parent is going to kill us.
    """
    told = facts_of_child()
    async with _bare(told) if told["side"] == "bare" else _ours(told) as app:
        numbers = itertools.count()
        say(ready=True)
        async for word in words():
            order = json.loads(word)
            file = order.get("answered")
            answered_to = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if file else None
            began, cpu = time.monotonic(), time.process_time()
            until = began + order["seconds"]
            knocking = (_take_in(app, numbers, until, answered_to) for _ in range(told["at_once"]))
            answered = sum(await asyncio.gather(*knocking))
            lasted, used = time.monotonic() - began, time.process_time() - cpu
            say(per_second=answered / lasted, cpu_ms=used / answered * 1000, answered=answered)


if __name__ == "__main__":
    asyncio.run(main())
