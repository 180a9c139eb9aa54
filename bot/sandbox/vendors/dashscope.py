"""A stand-in for Alibaba DashScope's FaceChain: files, trainings, the photo check and portraits.

Written from the vendor's page. What the vendor does not document is decided here and is no promise of theirs;
where two readings matter to a customer, a setting chooses (`_dashscope_settings.py`). Decided here:

- Photos that do not qualify are left out; only if none is left the training fails. A link that gives nothing,
  or that redirects, fails the job.
- Of a zip, what lies at the top under a plain name is read. More than ten photos in all are too many.
- A job beside those allowed at once is refused as `Throttling`, portraits as well as trainings.
- A task that nobody knows cannot be cancelled, in the words for one that is running.
- The pictures of a template are as large as it is; a preset's are 768x1024.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from bot.sandbox.clock import wall_of
from bot.sandbox.vendors._control import Controls, control_routes
from bot.sandbox.vendors._counter import Counter, Outcome
from bot.sandbox.vendors._dashscope_answers import Manners, refused
from bot.sandbox.vendors._dashscope_desk import describe_jobs
from bot.sandbox.vendors._dashscope_door import Door
from bot.sandbox.vendors._dashscope_drawing import Painter
from bot.sandbox.vendors._dashscope_faces import Faces
from bot.sandbox.vendors._dashscope_fates import Fates
from bot.sandbox.vendors._dashscope_files import File, Files
from bot.sandbox.vendors._dashscope_jobs import Jobs
from bot.sandbox.vendors._dashscope_panel import PANEL
from bot.sandbox.vendors._dashscope_settings import Settings
from bot.sandbox.vendors._dashscope_sources import Sources
from bot.sandbox.vendors._dashscope_store import PREFIX, Store
from bot.sandbox.vendors._dashscope_tasks import Tasks
from bot.sandbox.vendors._dashscope_training import Trainer
from bot.sandbox.vendors._dashscope_tuning import Tuning
from bot.sandbox.vendors._dashscope_uploads import KEY_ID, POST_PATH, Uploads
from bot.sandbox.vendors._dashscope_work import Workshop
from bot.sandbox.vendors._faults import FaultTable
from bot.sandbox.vendors._fetch import Fetcher
from bot.sandbox.vendors._journal import Journal
from bot.sandbox.vendors._links import Links
from bot.sandbox.vendors._register import Register
from bot.sandbox.vendors._settings import Dial
from bot.sandbox.vendors._stand_in import ANY_METHOD, StandIn
from bot.sandbox.vendors._state import Pulse, Values, open_database
from bot.sandbox.vendors._workers import Workers

API = "/api/v1"
WORKSPACE = "llm-0000000000000000"
_USER = "1240000000000000"

Operation = Callable[[Request], Awaitable[Outcome]]


class _Dashscope:
    """The whole API, behind its door, and the object store beside it."""

    def __init__(self, state_dir: Path, api_key: str, workspace: str, clock: Callable[[], float]) -> None:
        self._db = open_database(state_dir / "dashscope.sqlite3")
        self.pulse = Pulse(clock)
        self._faults = FaultTable(self._db)
        self._journal = Journal(self._db, clock=clock)
        self._counter = Counter(self._faults, self._journal, self.pulse, Manners())
        self._dial = Dial(Settings, Values(self._db), self.pulse)
        self._workers = Workers(self.pulse, clock)
        self._fetcher = Fetcher(
            self._journal, self.pulse, self._workers, patience=self._settings, clock=clock
        )
        self._door = Door(api_key, workspace, self._settings, wall_of(clock))
        links = Links(self._db, clock=clock, key_parameter="OSSAccessKeyId", key_id=KEY_ID)
        self._store = Store(state_dir, links, self._faults)
        self._uploads = Uploads(self._store, links, clock=clock)
        register = Register(self._db, "files", File)
        self._files = Files(register, self._store, self._settings, user_id=_USER, clock=clock)
        sources = Sources(self._files, self._uploads, self._fetcher, self._settings)
        jobs = Jobs(self._db, clock=clock, pulse=self.pulse)
        self._shop = Workshop(
            state_dir, jobs, self._store, sources, self._workers, self._dial, self.pulse, clock
        )
        self._trainer, self._painter = Trainer(self._shop), Painter(self._shop)
        self._fates = Fates(self._faults, jobs, clock=clock)
        account = {"workspace_id": workspace, "user_identity": _USER, "modifier": _USER, "creator": _USER}
        self._tuning = Tuning(
            self._files, self._fates, self._shop, self._trainer, account=account, clock=clock
        )
        self._tasks = Tasks(self._shop, self._painter, self._fates, clock=clock)
        self._faces = Faces(self._shop, self._fates)

    def app(self) -> Starlette:
        """The stand-in as an ASGI application: the vendor's paths, the store's, and `/control`."""
        table = self._table()
        controls = Controls(
            actions=[*table, "GetObject", "PostObject"],
            faults=self._faults,
            journal=self._journal,
            pulse=self.pulse,
            settings=self._settings,
            change_settings=self._dial.turn,
            jobs=lambda: describe_jobs(self._shop),
            doom=self._fates.doom,
            panel=PANEL,
        )
        routes = [
            Route(API + path, self._endpoint(action, operation), methods=[method])
            for action, (method, path, operation) in table.items()
        ]
        post = self._counter.endpoint("PostObject", self._uploads.let_in, self._uploads.post)
        get = self._counter.endpoint("GetObject", self._store.let_in, self._store.get)
        return Starlette(
            routes=[
                *routes,
                Route(POST_PATH, post, methods=["POST"]),
                Route(f"{PREFIX}/{{key:path}}", get, methods=["GET"]),
                Mount("/control", routes=control_routes(controls)),
                Route("/{path:path}", self._nothing_here, methods=ANY_METHOD),
            ]
        )

    def begin(self, origin: str) -> None:  # noqa: ARG002 - its links are to wherever it was called.
        """Take up everything that is not over."""
        self._trainer.resume()
        self._painter.resume()

    async def close(self) -> None:
        """Drop all work where it stands, and close the state."""
        await self._workers.close()
        await self._fetcher.aclose()
        self._db.close()

    def _table(self) -> dict[str, tuple[str, str, Operation]]:
        files, tuning, tasks = self._files, self._tuning, self._tasks
        return {
            "UploadFiles": ("POST", "/files", files.upload),
            "ListFiles": ("GET", "/files", files.page),
            "GetFile": ("GET", "/files/{file_id}", files.get),
            "DeleteFile": ("DELETE", "/files/{file_id}", files.delete),
            "CreateFineTune": ("POST", "/fine-tunes", tuning.create),
            "ListFineTunes": ("GET", "/fine-tunes", tuning.page),
            "GetFineTune": ("GET", "/fine-tunes/{job_id}", tuning.get),
            "CancelFineTune": ("POST", "/fine-tunes/{job_id}/cancel", tuning.cancel),
            "DeleteFineTune": ("DELETE", "/fine-tunes/{job_id}", tuning.delete),
            "GetFineTuneLogs": ("GET", "/fine-tunes/{job_id}/logs", tuning.logs),
            "DetectFaces": ("POST", "/services/vision/facedetection/detect", self._faces.detect),
            # The vendor's spelling.
            "CreatePortraits": ("POST", "/services/aigc/album/gen_potrait", tasks.create),
            "GetTask": ("GET", "/tasks/{task_id}", tasks.get),
            "CancelTask": ("POST", "/tasks/{task_id}/cancel", tasks.cancel),
            "ListTasks": ("GET", "/tasks", tasks.page),
            "GetUploadPolicy": ("GET", "/uploads", self._uploads.ticket),
        }

    def _endpoint(self, action: str, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Outcome:
            self._door.check_account(action)
            return await operation(request)

        return self._counter.endpoint(action, partial(self._door.let_in, action), serve)

    async def _nothing_here(self, request: Request) -> Response:
        outcome = refused(404, "NotFound", f"Nothing is at this address: {request.method}.").outcome
        self._counter.write("?", outcome)
        return outcome.response

    def _settings(self) -> Settings:
        return self._dial.now


class DashscopeStandIn(StandIn):
    """The stand-in while it runs. Everything it knows is in its state directory."""

    @property
    def base_url(self) -> str:
        """What the vendor's clients call the base."""
        return self.origin + API

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        port: int = 0,
        api_key: str = "sandbox-api-key",
        workspace: str = WORKSPACE,
        clock: Callable[[], float] = time.time,
    ) -> AbstractAsyncContextManager[Self]:
        """Serve on 127.0.0.1 until the block is left; unfinished jobs go on at the next start."""
        return cls.serving(_Dashscope(state_dir, api_key, workspace, clock), port)
