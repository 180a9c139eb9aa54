"""What the outside may fetch from this process: photos under links, and whether we are alive."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.services import Services

Health = Callable[[], Awaitable[dict[str, object]]]


def web_app(services: Services, health: Health) -> Starlette:
    """`/p/NAME` and `/healthz`, and nothing else."""

    async def photo(request: Request) -> Response:
        shown = await services.links.resolve(request.path_params["name"])
        if shown is None or not await asyncio.to_thread(shown.path.exists):
            return PlainTextResponse("This link is over.\n", status_code=404, headers=_UNSEEN)
        return FileResponse(shown.path, media_type=shown.media_type, headers=_UNSEEN)

    async def healthz(_request: Request) -> Response:
        found = await health()
        return JSONResponse(found, status_code=200 if found["ok"] else 503)

    return Starlette(routes=[Route("/p/{name}", photo, methods=["GET"]), Route("/healthz", healthz)])


_UNSEEN = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "X-Content-Type-Options": "nosniff"}


def bind(host: str, port: int) -> socket.socket:
    """Take the address; 0 is any free port. Raises OSError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, since asyncio turns Nagle's algorithm off only for sockets that say so.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


@contextlib.asynccontextmanager
async def serve(app: Starlette, bound: socket.socket) -> AsyncIterator[int]:
    """Serve in this event loop until the block is left; yields the port."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            await asyncio.sleep(0.005)
            if task.done():
                await task
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """Leaves signals to the roof."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Nothing: uvicorn would take SIGTERM for itself."""
        yield
