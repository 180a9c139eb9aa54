"""A stand-in for Huawei Cloud MetaStudio, with IAM and the object store that its links lead into.

Written from the vendor's page. What is not documented is decided here and is no promise of theirs: the order
of a training's states and the words of its history; that an update takes a refused job back to
WAIT_FILE_UPLOAD, ends all earlier upload URLs, and asks for the whole video again; that a review looks at the
file first and at the papers then; the refusals of the object store in XML; `MSS.44000099` for an account
without resources; 403 `APIGW.0302` for a missing permission and 503 for a service that is busy; Flexus films
from one minute on; a recycled asset as DELETING, and one that was removed for good as unknown.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Self

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.sandbox.clock import wall_of
from bot.sandbox.vendors._control import Controls, control_routes
from bot.sandbox.vendors._counter import Counter, Outcome
from bot.sandbox.vendors._faults import FaultKind, FaultTable
from bot.sandbox.vendors._journal import Journal
from bot.sandbox.vendors._links import xml_error
from bot.sandbox.vendors._metastudio_answers import Done, Manners, answered, no_such_method, not_published
from bot.sandbox.vendors._metastudio_commands import Commands
from bot.sandbox.vendors._metastudio_desk import Desk
from bot.sandbox.vendors._metastudio_door import Door
from bot.sandbox.vendors._metastudio_errands import Errands
from bot.sandbox.vendors._metastudio_foreman import Foreman
from bot.sandbox.vendors._metastudio_iam import Iam
from bot.sandbox.vendors._metastudio_jobs import TrainingJobs
from bot.sandbox.vendors._metastudio_library import Library
from bot.sandbox.vendors._metastudio_models import PictureModels
from bot.sandbox.vendors._metastudio_panel import PANEL
from bot.sandbox.vendors._metastudio_parts import Account, Call, Operation, Parts
from bot.sandbox.vendors._metastudio_photos import Photos
from bot.sandbox.vendors._metastudio_renders import Renders
from bot.sandbox.vendors._metastudio_settings import Settings
from bot.sandbox.vendors._metastudio_store import Store
from bot.sandbox.vendors._metastudio_trainings import FileKind, Trainings
from bot.sandbox.vendors._metastudio_videos import Videos
from bot.sandbox.vendors._metastudio_walk import Walk
from bot.sandbox.vendors._settings import Dial
from bot.sandbox.vendors._stand_in import ANY_METHOD, StandIn
from bot.sandbox.vendors._state import Json, Pulse, Values, open_database
from bot.sandbox.vendors._workers import Workers
from bot.sandbox.vendors.sdk_hmac import Key, Verifier

PROJECT_ID = "0123456789abcdef0123456789abcdef"
REGION = "cn-north-4"

Endpoint = Callable[[Request], Awaitable[Response]]


class _Metastudio:
    """The vendor's operations, behind the gateway's door."""

    def __init__(
        self, state_dir: Path, account: Account, keys: Sequence[Key], clock: Callable[[], float]
    ) -> None:
        self._db = open_database(state_dir / "metastudio.sqlite3")
        self.pulse = Pulse(clock)
        dial = Dial(Settings, Values(self._db), self.pulse)
        self._parts = parts = Parts(
            account=account,
            folder=state_dir,
            db=self._db,
            clock=clock,
            dial=dial,
            pulse=self.pulse,
            faults=FaultTable(self._db),
            journal=Journal(self._db, clock=clock),
            trainings=Trainings(self._db, on_change=self.pulse.stir),
            errands=Errands(self._db, on_change=self.pulse.stir),
        )
        self.store = store = Store(parts, self._db)
        self._counter = Counter(parts.faults, parts.journal, self.pulse, Manners())
        self._iam = Iam(parts, self._db)
        self._door = Door(parts, Verifier(keys), self._iam, wall_of(clock))
        library = Library(parts, self._db, store)
        photos = Photos(state_dir)
        self._workers = Workers(self.pulse, clock)
        walk = Walk(parts, store, library, self._workers)
        self._renders = Renders(parts, store, library, photos, self._workers)
        self._foreman = Foreman(parts, walk, self._renders)
        self._desk = Desk(parts, walk)
        self._operations = {
            **TrainingJobs(parts, store).operations,
            **Commands(parts, store).operations,
            **library.operations,
            **Videos(parts, library, store, photos).operations,
            **PictureModels(parts, store, photos).operations,
        }

    def app(self) -> ASGIApp:
        """The stand-in as an ASGI application: the vendor's paths, and `/control`."""
        parts = self._parts
        uploads = {kind.action: kind for kind in FileKind}
        controls = Controls(
            actions=(*self._operations, "CreateToken", "ListProjects", *uploads, "Download", "Callback"),
            faults=parts.faults,
            journal=parts.journal,
            pulse=self.pulse,
            settings=lambda: parts.settings,
            change_settings=self._change,
            jobs=self._desk.jobs,
            doom=self._desk.doom,
            panel=PANEL,
            at_once=self._desk.at_once,
        )
        routes: list[BaseRoute] = [
            Route(f"/v1/{{project_id}}{one.path}", self._endpoint(action, one), methods=[one.method])
            for action, one in self._operations.items()
        ]
        known = {route.path for route in routes if isinstance(route, Route)}
        routes += [Route(path, self._no_such_method, methods=ANY_METHOD) for path in sorted(known)]
        routes += [
            Route(
                "/v3/auth/tokens",
                self._counter.endpoint(
                    "CreateToken",
                    partial(self._door.received, "CreateToken"),
                    _answering(self._iam.create_token),
                ),
                methods=["POST"],
            ),
            Route(
                "/v3/projects",
                self._counter.endpoint(
                    "ListProjects",
                    partial(self._door.let_in_to_iam, "ListProjects"),
                    _answering(self._iam.list_projects),
                ),
                methods=["GET"],
            ),
        ]
        routes += [
            Route(f"/obs/{{job}}_{kind}", self._stored(action, self._put), methods=["PUT"])
            for action, kind in uploads.items()
        ]
        routes += [
            Route("/obs/{key:path}", self._stored("Download", self._get), methods=["GET"]),
            Mount("/control", routes=control_routes(controls)),
            Route("/{path:path}", self._nothing_here, methods=ANY_METHOD),
        ]
        return _dated(Starlette(routes=routes), self._door.now)

    def begin(self, origin: str) -> None:
        """Take up everything that is not over."""
        self.store.origin = origin
        self._workers.start(self._foreman.run())

    async def close(self) -> None:
        """Drop every job where it stands, and close the state file."""
        await self._workers.close()
        await self._renders.aclose()
        self._db.close()

    def _change(self, changes: dict[str, Json]) -> Settings:
        settings = self._parts.dial.turn(changes)
        self._foreman.recount()
        return settings

    def _endpoint(self, action: str, operation: Operation) -> Endpoint:
        return self._counter.endpoint(
            action, partial(self._door.let_in, action, operation), _answering(operation.run)
        )

    def _stored(self, action: str, run: Callable[[Request], Awaitable[Done]]) -> Endpoint:
        async def let_in(request: Request) -> Request:
            return request

        async def serve_it(request: Request) -> Outcome:
            if self._parts.faults.take({FaultKind.LINK_EXPIRED}, action):
                return answered(Done(response=xml_error(403, "AccessDenied", "Request has expired.")))
            return answered(await run(request))

        return self._counter.endpoint(action, let_in, serve_it)

    async def _put(self, request: Request) -> Done:
        return await self.store.put(request, request.url.path.removeprefix("/obs/"))

    async def _get(self, request: Request) -> Done:
        key = request.path_params["key"]
        if self._parts.faults.take({FaultKind.DEAD_IMAGE}, "Download"):
            return Done(response=xml_error(404, "NoSuchKey", "The specified key does not exist."))
        return self.store.get(request, key)

    async def _no_such_method(self, _: Request) -> Response:
        return self._refuse(no_such_method().outcome)

    async def _nothing_here(self, _: Request) -> Response:
        return self._refuse(not_published().outcome)

    def _refuse(self, outcome: Outcome) -> Response:
        self._counter.write("?", outcome)
        return outcome.response


def _dated(app: ASGIApp, now: Callable[[], datetime]) -> ASGIApp:
    """Every answer says when it was given, as HTTP wants of a server with a clock, right or wrong."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("date", format_datetime(now(), usegmt=True))
            await send(message)

        await app(scope, receive, dated)

    return answer


def _answering(run: Callable[[Call], Awaitable[Done]]) -> Callable[[Call], Awaitable[Outcome]]:
    async def serve_it(call: Call) -> Outcome:
        return answered(await run(call))

    return serve_it


class MetastudioStandIn(StandIn):
    """The stand-in while it runs. Everything it knows is in its state directory."""

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        port: int = 0,
        access_key_id: str = "sandbox-key-id",
        access_key_secret: str = "sandbox-key-secret",  # noqa: S107
        temporary_keys: Sequence[Key] = (),
        project_id: str = PROJECT_ID,
        region: str = REGION,
        domain: str = "sandbox-account",
        user: str = "sandbox-user",
        password: str = "sandbox-password",  # noqa: S107
        clock: Callable[[], float] = time.time,
    ) -> AbstractAsyncContextManager[Self]:
        """Serve on 127.0.0.1 until the block is left; unfinished jobs go on at the next start.

        MetaStudio, IAM and the object store share the one origin: their paths do not meet.
        """
        account = Account(project_id, region, domain, user, password)
        keys = [Key(access_key_id, access_key_secret), *temporary_keys]
        return cls.serving(_Metastudio(state_dir, account, keys, clock), port)
