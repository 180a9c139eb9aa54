"""What the outside may do here: fetch photos under links, call us back, and ask whether we are alive."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from bot.relay import UNSEEN, Gate, Relay
from bot.services import Services

Health = Callable[[], Awaitable[dict[str, object]]]


def web_app(services: Services, health: Health, prefix: str = "/") -> Starlette:
    """`/p/NAME`, `/callback/VENDOR/SECRET` and `/healthz`, and nothing else.

    `prefix` is the path of the public address: a proxy may cut it off or pass it on.
    """
    gate, relay = Gate(), Relay(services.links)

    async def healthz(_request: Request) -> Response:
        found = await health()
        return JSONResponse(found, status_code=200 if found["ok"] else 503)

    async def callback(request: Request) -> Response:
        name = request.path_params["provider"]
        if not services.callbacks.accepts(name, request.path_params["secret"]):
            return _nothing()
        if not gate.opens(name):
            return PlainTextResponse("Slower, please.\n", status_code=429, headers={"Retry-After": "5"})
        body = await _limited(request, _CALLBACK_MAX)
        if body is None:
            return PlainTextResponse("That is too much.\n", status_code=413)
        heard = await services.callbacks.receive(name, body)
        if heard is None:
            return _nothing()
        return Response(status_code=200) if heard.answer is None else JSONResponse(heard.answer)

    async def photo(request: Request) -> Response:
        return await relay(request)

    routes: list[BaseRoute] = [
        Route("/p/{name}", photo, methods=["GET"]),
        Route("/callback/{provider}/{secret}", callback, methods=["POST"]),
        Route("/healthz", healthz),
    ]
    if prefix.strip("/"):
        routes.append(Mount("/" + prefix.strip("/"), routes=list(routes)))
    return Starlette(routes=routes)


_CALLBACK_MAX = 256 * 1024
"""Bytes; what vendors send is a few hundred."""


async def _limited(request: Request, most: int) -> bytes | None:
    """The body, read no further than it may be long."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            return None
    return bytes(body)


def _nothing() -> Response:
    """The same for a vendor we do not have, a wrong secret, and a job that is not ours."""
    return PlainTextResponse("There is nothing here.\n", status_code=404, headers=UNSEEN)


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


_AT_ONCE = 512
"""Connections and answers under way; more are told to come again."""


@contextlib.asynccontextmanager
async def serve(app: Starlette, bound: socket.socket, proxies: Sequence[str] = ()) -> AsyncIterator[int]:
    """Serve in this event loop until the block is left; yields the port.

    `proxies` are believed when they say who calls.
    """
    config = uvicorn.Config(
        app,
        http="h11",  # Whatever else happens to be installed: what is tested is what runs.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        limit_concurrency=_AT_ONCE,
        # It would write whole paths, and a link is a path. The relay writes a line of its own.
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
