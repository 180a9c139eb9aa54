"""A stand-in for zhiqite's Img Open (AIGCImgOpenServ): LoRA training, and Stable Diffusion with the LoRA.

Written from the vendor's page alone. What the vendor does not document is a setting
(`_img_open_settings.py`), or is decided here and is no promise of theirs: the words of every message; what
the web server says of a body that is no JSON; the wait of a task in the queue; `temporaryImageDto`; the
numbers of the tools (0 at work, 1 finished, 2 failed); that the archive knows what is over or of an earlier
month; ten tries of a callback; a LoRA's file, which holds what was learnt and fits no other program.
"""

import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import NoReturn, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from bot.sandbox.vendors._control import Controls, control_routes
from bot.sandbox.vendors._counter import Counter, Outcome, Refused
from bot.sandbox.vendors._fetch import Fetcher
from bot.sandbox.vendors._img_open_answers import (
    Answers,
    No,
    keys_missing,
    keys_wrong,
    no_permission,
    server_error,
)
from bot.sandbox.vendors._img_open_callbacks import ACTION as CALLBACK
from bot.sandbox.vendors._img_open_callbacks import Courier
from bot.sandbox.vendors._img_open_lists import Lists
from bot.sandbox.vendors._img_open_operations import Body, Operation, Operations
from bot.sandbox.vendors._img_open_panel import PANEL
from bot.sandbox.vendors._img_open_shop import Shop
from bot.sandbox.vendors._img_open_shown import Pace, Showcase
from bot.sandbox.vendors._img_open_store import ACTION as DOWNLOAD
from bot.sandbox.vendors._img_open_store import Store
from bot.sandbox.vendors._img_open_work import Workshop
from bot.sandbox.vendors._links import Links
from bot.sandbox.vendors._server import HOST
from bot.sandbox.vendors._stand_in import ANY_METHOD, StandIn

KEY_HEADERS = ("X-Request-req-accessKeyId", "X-Request-req-accessKeySecret")
_MAX_BODY = 1024 * 1024
_ELSEWHERE = "Elsewhere"

Endpoint = Callable[[Request], Awaitable[Response]]


class _ImgOpen:
    """The ten operations behind their door, and the store beside it."""

    def __init__(self, state_dir: Path, keys: tuple[str, str], clock: Callable[[], float]) -> None:
        self._keys = keys
        self._origin = ""
        self.shop = Shop.open(state_dir, clock)
        self.pulse = self.shop.pulse
        shop = self.shop
        links = Links(shop.db, clock=clock, key_parameter="OSSAccessKeyId", key_id="STS.sandbox")
        pace = Pace(shop)
        showcase = Showcase(shop, pace, links, origin=lambda: self._origin)
        self._answers = Answers(shop, elsewhere=self._elsewhere)
        self._counter = Counter(shop.faults, shop.journal, shop.pulse, self._answers)
        self._courier = Courier(shop, showcase, self._answers)
        self._fetcher = Fetcher(
            shop.journal, shop.pulse, shop.workers, patience=lambda: shop.settings, clock=clock
        )
        self._workshop = Workshop(shop, self._fetcher, self._courier, pace)
        self._store = Store(shop, self._workshop, links, self._shows_keys)
        self._operations = Operations(shop, Lists(shop, showcase), showcase, pace, self._workshop.begin)

    def app(self) -> Starlette:
        """The stand-in as an ASGI application: the vendor's paths, its store, and `/control`."""
        controls = Controls(
            actions=(*self._operations.table, DOWNLOAD, CALLBACK),
            faults=self.shop.faults,
            journal=self.shop.journal,
            pulse=self.shop.pulse,
            settings=lambda: self.shop.settings,
            change_settings=self.shop.dial.turn,
            jobs=self._operations.describe,
            doom=self._operations.doom,
            panel=PANEL,
        )
        endpoints: dict[str, Endpoint] = {
            action: self._counter.endpoint(
                action, partial(self._let_in, action), partial(self._serve, action, operation)
            )
            for action, operation in self._operations.table.items()
        }

        async def api(request: Request) -> Response:
            # The path as it was sent: a slash that came as %2F is none.
            raw_path: bytes = request.scope["raw_path"]
            action = self._operations.action_at(raw_path.decode("ascii"))
            if action is None:
                return self._nothing_here(request)
            return await endpoints[action](request)

        return Starlette(
            routes=[
                Mount("/control", routes=control_routes(controls)),
                *self._store.routes(self._counter),
                Route("/elsewhere", self._visited, methods=ANY_METHOD),
                Route("/{path:path}", api, methods=ANY_METHOD),
            ]
        )

    def begin(self, origin: str) -> None:
        """Take up what is not over. Links and redirects begin with `origin` from now on."""
        self._origin = origin
        self._workshop.resume()
        self._courier.resume()

    async def close(self) -> None:
        """Drop all work where it stands, and close what is open."""
        await self.shop.workers.close()
        await self._fetcher.aclose()
        await self._courier.aclose()
        self.shop.db.close()

    # The door.

    async def _let_in(self, action: str, request: Request) -> Body:
        if action == "QueryTraining" and self.shop.settings.result_mode in ("webhook", "404"):
            raise Refused(server_error(404, request.url.path))
        if request.method != "POST":
            raise Refused(server_error(405, request.url.path))
        try:
            self._check_keys(request)
        except No as no:
            raise Refused(self._answers.refused(no)) from no
        return await self._body(request)

    def _check_keys(self, request: Request) -> None:
        if any(key in request.url.query for key in self._keys):
            raise keys_wrong()
        given = [request.headers.get(name, "") for name in KEY_HEADERS]
        for name, value in zip(KEY_HEADERS, given, strict=True):
            if not value:
                raise keys_missing(name)
        if not all(_same(one, other) for one, other in zip(given, self._keys, strict=True)):
            raise keys_wrong()

    async def _body(self, request: Request) -> Body:
        path = request.url.path
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(server_error(415, path))
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > _MAX_BODY:
                raise Refused(server_error(413, path))
        try:
            body = json.loads(data.decode("utf-8"), parse_constant=_no_number)
        except ValueError as error:
            raise Refused(server_error(400, path)) from error
        if not isinstance(body, dict):
            raise Refused(server_error(400, path))
        return body

    async def _serve(self, action: str, operation: Operation, body: Body) -> Outcome:
        try:
            denied = self.shop.settings.denied
            if "*" in denied or action in denied:
                raise no_permission()
            return self._answers.done(operation(body))
        except No as no:
            raise Refused(self._answers.refused(no)) from no

    def _nothing_here(self, request: Request) -> Response:
        outcome = server_error(404, request.url.path)
        self._counter.write("?", outcome)
        return outcome.response

    # What becomes of keys that go astray.

    def _shows_keys(self, headers: Mapping[str, str]) -> bool:
        return any(name.lower() in headers for name in KEY_HEADERS)

    def _elsewhere(self) -> str:
        """Where a redirect leads if its order does not say: here, by a name that makes it another host."""
        return self._origin.replace(HOST, "localhost") + "/elsewhere"

    async def _visited(self, request: Request) -> Response:
        shown = self._shows_keys(request.headers)
        outcome = server_error(404, request.url.path)
        code = "KEYS_SHOWN" if shown else outcome.code
        self._counter.write(_ELSEWHERE, Outcome(outcome.response, outcome.status, code))
        return outcome.response


class ImgOpenStandIn(StandIn):
    """The stand-in while it runs. Everything it knows is in its state directory."""

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        port: int = 0,
        access_key_id: str = "sandbox-key-id",
        access_key_secret: str = "sandbox-key-secret",  # noqa: S107
        clock: Callable[[], float] = time.time,
    ) -> AbstractAsyncContextManager[Self]:
        """Serve on 127.0.0.1 until the block is left; what is unfinished goes on at the next start."""
        return cls.serving(_ImgOpen(state_dir, (access_key_id, access_key_secret), clock), port)


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
