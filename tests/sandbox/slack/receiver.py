"""An app that is called by HTTP: it keeps what it is posted, and answers as it is told."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.sandbox.serving import Server


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on loopback; gives its origin."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop()
        await serving


@dataclass(frozen=True)
class Posted:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def retry(self) -> tuple[str | None, str | None]:
        """The two headers of a retry."""
        return self.headers.get("x-slack-retry-num"), self.headers.get("x-slack-retry-reason")

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form."""
        return {k: v[0] for k, v in parse_qs(self.raw.decode(), keep_blank_values=True).items()}

    @property
    def body(self) -> Any:
        """What is in it: JSON, a form's payload, or a form's fields."""
        if self.headers["content-type"] == "application/json":
            return json.loads(self.raw)
        return json.loads(self.form["payload"]) if "payload" in self.form else self.form


Say = Callable[[Posted], Response]


def well(_posted: Posted) -> Response:
    """Take it."""
    return PlainTextResponse("")


class Receiver:
    """Keeps everything but the challenges, which it echoes."""

    def __init__(self) -> None:
        self.origin = ""
        self.posted: asyncio.Queue[Posted] = asyncio.Queue()
        self.challenged = 0
        self.say: Say = well
        self.silent = False
        self.app = Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])

    @property
    def url(self) -> str:
        """Where it is called."""
        return f"{self.origin}/slack/events"

    async def next(self) -> Posted:
        """Wait for the next request."""
        return await asyncio.wait_for(self.posted.get(), 60)

    async def _take(self, request: Request) -> Response:
        raw = await request.body()
        posted = Posted(request.url.path, dict(request.headers), raw)
        if posted.headers["content-type"] == "application/json" and "challenge" in posted.body:
            self.challenged += 1
            return JSONResponse({"challenge": posted.body["challenge"]})
        self.posted.put_nowait(posted)
        if self.silent:
            while (await request.receive())["type"] != "http.disconnect":
                pass
        return self.say(posted)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve a receiver."""
    receiver = Receiver()
    async with serving(receiver.app) as origin:
        receiver.origin = origin
        yield receiver
