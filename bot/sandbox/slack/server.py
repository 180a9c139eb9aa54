"""The local Slack as a server: an ASGI application, and a way to run it inside a program."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from bot.sandbox.clock import WorldClock
from bot.sandbox.serving import Server
from bot.sandbox.slack.avatars import Avatars
from bot.sandbox.slack.backstage import Backstage
from bot.sandbox.slack.calls import Trouble, WebApi
from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.consent import Consent
from bot.sandbox.slack.control import Control
from bot.sandbox.slack.page import OwnOriginOnly, Page
from bot.sandbox.slack.parts import Parts, assemble
from bot.sandbox.slack.settings import Settings
from bot.sandbox.slack.sockets import Connection
from bot.sandbox.slack.transfers import Transfers

HOST = "127.0.0.1"


class BreakableProtocol(H11Protocol):
    """HTTP whose connections can be cut on order: each request knows its transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the transport where a handler finds it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def build_app(parts: Parts, page: Page, stopping: asyncio.Event) -> Starlette:
    """Build the application around a workspace; it must be served by ``BreakableProtocol``."""
    trouble = Trouble(parts, stopping)
    transfers = Transfers(parts, trouble)
    control = Control(parts)
    api = WebApi(parts, trouble)

    async def connect(websocket: WebSocket) -> None:
        if not parts.sockets.admit(websocket.path_params["ticket"]):
            await websocket.close(4001, "ticket used or unknown")
            return
        await websocket.accept()
        abort = websocket.scope["state"]["transport"].abort
        debug = websocket.query_params.get("debug_reconnects") == "true"
        connection = parts.sockets.connected(abort, debug=debug)
        writer = asyncio.create_task(_write(websocket, connection))
        try:
            async for frame in websocket.iter_text():
                parts.sockets.received(connection, frame)
        finally:
            writer.cancel()
            parts.sockets.disconnected(connection)

    return Starlette(
        routes=[
            Route("/api/{method}", api.__call__, methods=["GET", "POST"]),
            Route("/upload/v1/{token}", transfers.upload, methods=["POST"]),
            Route("/files-pri/{file}/download/{name:path}", transfers.download),
            Route("/files-pri/{file}/{name:path}", transfers.download),
            Route("/files-tmb/{file}/{name:path}", transfers.thumbnail),
            Route("/signin", transfers.sign_in),
            Route("/avatars/{name}", Avatars(parts).picture),
            Route("/elsewhere/{file}/{name:path}", transfers.elsewhere),
            Route("/response/{token}", transfers.respond, methods=["POST"]),
            WebSocketRoute("/socket/{ticket}", connect),
            *Consent(parts).routes(),
            *control.routes(),
            *Backstage(parts).routes(),
            *page.routes(),
        ],
        middleware=[Middleware(OwnOriginOnly)],
    )


async def _write(websocket: WebSocket, connection: Connection) -> None:
    while (frame := await connection.outbox.get()) is not None:
        try:
            await websocket.send_text(frame)
        except WebSocketDisconnect:
            return
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await websocket.close(1000)


@dataclass(frozen=True)
class LocalSlack:
    """A running local Slack: where it is, and the tokens of its one app."""

    origin: str
    bot_token: str
    app_token: str
    parts: Parts
    page: Page

    @property
    def api_url(self) -> str:
        """The base address for a client of the Web API."""
        return f"{self.origin}/api/"

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        state_dir: Path,
        *,
        port: int = 0,
        manifest: Mapping[str, Any] | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
        world: WorldClock | None = None,
        deterministic: bool = False,
        bot_token: str | None = None,
        app_token: str | None = None,
        signing_secret: str | None = None,
    ) -> AsyncIterator["LocalSlack"]:
        """Serve a state directory, new or used, on loopback until the block is left."""
        # asyncio turns Nagle's algorithm off only for sockets that say they are TCP; with it on, each answer
        # waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        parts = assemble(
            state_dir,
            manifest=manifest,
            settings=settings,
            clock=clock,
            world=world,
            deterministic=deterministic,
            bot_token=bot_token,
            app_token=app_token,
            signing_secret=signing_secret,
        )
        stopping = asyncio.Event()
        origin = f"http://{HOST}:{listener.getsockname()[1]}"
        parts.serve_at(origin)
        outward = httpx.AsyncClient(trust_env=False)
        page = Page(parts, outward)
        server = Server(
            uvicorn.Config(
                build_app(parts, page, stopping),
                http=BreakableProtocol,
                ws=WebSocketsSansIOProtocol,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=2,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        listening = asyncio.create_task(server.up.wait())
        try:
            await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
            identity = parts.workspace.identity
            yield cls(origin, identity.bot_token, identity.app_token, parts, page)
        finally:
            listening.cancel()
            stopping.set()
            parts.journal.close()
            server.stop()
            await serving
            await parts.posts.close()
            await outward.aclose()
            parts.close()
