"""The measured side of `local_slack`: the local Slack, or a server that answers JSON and does nothing else.

Both are served by the same uvicorn with the same protocol, on one core. Run as a child process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks._told import facts_of_child, say, words
from bot.sandbox.slack import Director, LocalSlack, Settings
from bot.sandbox.slack.server import BreakableProtocol


class _Server(uvicorn.Server):
    """Uvicorn inside a program of ours: the signals are not its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _answer(request: Request) -> JSONResponse:
    said = await request.json()
    return JSONResponse({"ok": True, "channel": said["channel"], "ts": "1.000000", "messages": []})


@asynccontextmanager
async def _bare() -> AsyncIterator[dict[str, str]]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    app = Starlette(routes=[Route("/api/{method}", _answer, methods=["POST"])])
    config = uvicorn.Config(app, http=BreakableProtocol, lifespan="off", log_config=None, access_log=False)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield {"api": f"{origin}/api/", "token": "none", "channel": "C0", "user": "U0"}
    server.should_exit = True
    await serving


@asynccontextmanager
async def _ours(folder: Path) -> AsyncIterator[dict[str, str]]:
    async with (
        LocalSlack.start(folder, settings=Settings(limits=False)) as slack,
        Director(slack.origin) as director,
    ):
        posted = await director.post("ana", "#portraits", "hello")
        yield {"api": slack.api_url, "token": slack.bot_token, "channel": posted.channel, "user": posted.user}


async def main() -> None:
    """Serve on one core, say where, and stay until the parent closes the line."""
    told: dict[str, Any] = facts_of_child()
    psutil.Process().cpu_affinity([told["core"]])
    async with _ours(Path(told["folder"])) if told["side"] == "ours" else _bare() as about:
        say(**about)
        async for _ in words():
            cpu = os.times()
            say(cpu=cpu.user + cpu.system)


if __name__ == "__main__":
    asyncio.run(main())
