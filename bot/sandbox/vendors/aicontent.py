"""A stand-in for Alibaba Cloud AIContent's personalised text-to-image API, both of its flows.

Written from the vendor's page. What the vendor does not document is decided here and is no promise of theirs:
the word `TRAIN_FAILED`, `TRAINING` as the running word of an inference, `B_DATA_NOT_FOUND_EXCEPTION` for a
model that is not ready, photo links that redirect being refused, a seed of -1 meaning that one is chosen, a
`strength` that is not on the list being refused, and pictures of a one-shot having ids of their own.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from bot.sandbox.clock import wall_of
from bot.sandbox.vendors import acs3
from bot.sandbox.vendors._aicontent_answers import (
    Manners,
    envelope,
    gateway_refused,
    missing,
    refused,
)
from bot.sandbox.vendors._aicontent_arguments import Arguments, Operation
from bot.sandbox.vendors._aicontent_jobs import Jobs
from bot.sandbox.vendors._aicontent_oneshots import Oneshots
from bot.sandbox.vendors._aicontent_operations import Operations
from bot.sandbox.vendors._aicontent_panel import PANEL
from bot.sandbox.vendors._aicontent_premodel import HEADERS
from bot.sandbox.vendors._aicontent_work import Workshop
from bot.sandbox.vendors._control import Controls, control_routes
from bot.sandbox.vendors._counter import Counter, Outcome
from bot.sandbox.vendors._faults import FaultKind, FaultTable
from bot.sandbox.vendors._journal import Journal
from bot.sandbox.vendors._stand_in import ANY_METHOD, StandIn
from bot.sandbox.vendors._state import Nonces, Pulse, Values, open_database

VERSION = "20240611"
PATH_PREFIX = "/api/v1/personalizedtxt2img"
ACTION_PREFIX = "Personalizedtxt2img"

_MAX_BODY = 1024 * 1024


class _Aicontent:
    """The operations, behind the gateway's door."""

    def __init__(
        self, state_dir: Path, keys: Sequence[acs3.Key], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._wall = wall_of(clock)
        self._db = open_database(state_dir / "aicontent.sqlite3")
        self.pulse = Pulse(clock)
        self._jobs = Jobs(self._db, on_change=self.pulse.beat)
        oneshots = Oneshots(self._db, on_change=self.pulse.beat)
        self._faults = FaultTable(self._db)
        self._journal = Journal(self._db, clock=clock)
        self._counter = Counter(self._faults, self._journal, self.pulse, Manners())
        self.workshop = Workshop(
            state_dir, self._jobs, oneshots, self._journal, Values(self._db), self.pulse, clock
        )
        nonces = Nonces(self._db, keep=2 * acs3.CLOCK_WINDOW)
        self._verifier = acs3.Verifier(keys, version=VERSION, use_nonce=nonces.use)
        self._operations = Operations(self._jobs, self._faults, self.workshop, clock=clock)

    def app(self) -> Starlette:
        """The stand-in as an ASGI application: the vendor's paths, and `/control`."""
        controls = Controls(
            actions=tuple(self._operations.table),
            faults=self._faults,
            journal=self._journal,
            pulse=self.pulse,
            settings=lambda: self.workshop.settings,
            change_settings=self.workshop.change,
            jobs=self._operations.describe_jobs,
            doom=self._operations.doom,
            panel=PANEL,
        )
        routes = [
            Route(
                PATH_PREFIX + path,
                self._counter.endpoint(
                    action, partial(self._let_in, action), partial(self._serve, action, operation)
                ),
                methods=[method],
            )
            for action, (method, path, operation) in self._operations.table.items()
        ]
        lost = Route("/{path:path}", self._nothing_here, methods=ANY_METHOD)
        return Starlette(routes=[*routes, Mount("/control", routes=control_routes(controls)), lost])

    def begin(self, origin: str) -> None:  # noqa: ARG002 - its pictures are bytes in an answer.
        """Take up everything that is not over."""
        self.workshop.resume()

    async def close(self) -> None:
        """Drop all work where it stands, and close the state."""
        await self.workshop.close()
        self._db.close()

    async def _nothing_here(self, request: Request) -> Response:
        outcome = gateway_refused(
            404, "InvalidAction.NotFound", f"Specified api is not found: {request.method}."
        ).outcome
        self._counter.write("?", outcome)
        return outcome.response

    async def _let_in(self, action: str, request: Request) -> tuple[Request, bytes]:
        body = await _read_body(request)
        try:
            self._check_signature(request, body, action)
        except acs3.SignatureRefused as no:
            raise gateway_refused(no.status, no.code, no.message) from no
        return request, body

    async def _serve(self, action: str, operation: Operation, call: tuple[Request, bytes]) -> Outcome:
        self._check_permission(action)
        done = operation(_arguments(*call))
        subject = None if done.subject is None else str(done.subject)
        if done.body is not None:
            return Outcome(Response(done.body, media_type=done.media_type), 200, None, subject)
        return Outcome(envelope(200, data=done.data), 200, None, subject)

    def _check_signature(self, request: Request, body: bytes, action: str) -> None:
        offset = self._faults.peek({FaultKind.CLOCK})
        now = self._wall() + (0.0 if offset is None else offset.number("seconds", 3600.0))
        raw_path: bytes = request.scope["raw_path"]
        signed = acs3.SignedRequest(
            method=request.method,
            path=raw_path.decode("ascii"),
            query=request.url.query,
            headers=[
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
            ],
            body=body,
        )
        named = self._verifier.verify(signed, now=datetime.fromtimestamp(now, UTC))
        if named != HEADERS.get(action, ACTION_PREFIX + action):
            raise acs3.SignatureRefused(404, "InvalidAction.NotFound", "Specified api is not found.")

    def _check_permission(self, action: str) -> None:
        denied = self.workshop.settings.denied
        if "*" in denied or action in denied:
            raise refused(403, "B_PERMISSION_DENIED_EXCEPTION", "没有权限")


class AicontentStandIn(StandIn):
    """The stand-in while it runs. Everything it knows is in its state directory."""

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        port: int = 0,
        access_key_id: str = "sandbox-key-id",
        access_key_secret: str = "sandbox-key-secret",  # noqa: S107
        sts: acs3.Key | None = None,
        clock: Callable[[], float] = time.time,
    ) -> AbstractAsyncContextManager[Self]:
        """Serve on 127.0.0.1 until the block is left; unfinished jobs go on at the next start."""
        keys = [acs3.Key(access_key_id, access_key_secret)] + ([] if sts is None else [sts])
        return cls.serving(_Aicontent(state_dir, keys, clock=clock), port)


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        # Past the limit the rest is read and dropped: the hash will not match, and that is answer enough.
        body += chunk[: max(0, _MAX_BODY + 1 - len(body))]
    return bytes(body)


def _arguments(request: Request, body: bytes) -> Arguments:
    if request.method == "GET":
        return dict(request.query_params)
    try:
        arguments = json.loads(body)
    except ValueError as error:
        raise missing("body") from error
    if not isinstance(arguments, dict):
        raise missing("body")
    return arguments
