"""Callbacks of the Img Open stand-in: a result is posted until the customer's server says that it has it.

The customs are those of the vendor's other callbacks: only an answer with `"code": "200"`, as a string,
counts; otherwise it is tried again after 3, 5, 15, 30, 60, 600 and 3600 seconds. The page says "up to 10
times" and names seven pauses: here there are ten tries, and the last pause repeats.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterator

import httpx

from bot.sandbox.vendors import _fetch
from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._img_open_answers import Answers
from bot.sandbox.vendors._img_open_shop import Shop
from bot.sandbox.vendors._img_open_shown import Showcase
from bot.sandbox.vendors._img_open_tasks import ENDED, Status, Task, TaskKind
from bot.sandbox.vendors._journal import EntryKind
from bot.sandbox.vendors._state import Json, together

ACTION = "Callback"
LADDER = (3, 5, 15, 30, 60, 600, 3600)
TRIES = 10
_MAX_ANSWER = 64 * 1024
_WHOLE_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS callbacks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task INTEGER NOT NULL REFERENCES tasks (id), status TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0, tried_at REAL, over INTEGER NOT NULL DEFAULT 0)
"""


class Courier:
    """Carries callbacks. What was not confirmed is on disk, and is tried on after a restart."""

    def __init__(self, shop: Shop, showcase: Showcase, answers: Answers) -> None:
        self._shop = shop
        self._db = shop.db
        self._showcase = showcase
        self._answers = answers
        self._http = _fetch.client()
        self._db.execute(_SCHEMA)

    def resume(self) -> None:
        """Take up what was not confirmed."""
        for row in self._db.execute("SELECT id FROM callbacks WHERE NOT over"):
            self._shop.workers.start(self._carry(row["id"]))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @contextlib.contextmanager
    def told_of(self, task: Task, status: Status) -> Iterator[None]:
        """Write a change of status and what is to be told of it together, then begin to tell it."""
        wanted = self._copies(task, status)
        with together(self._db):
            yield
            statement = "INSERT INTO callbacks (task, status) VALUES (?, ?)"
            ids = [self._db.execute(statement, (task.id, status)).lastrowid or 0 for _ in range(wanted)]
        for callback in ids:
            self._shop.workers.start(self._carry(callback))

    def _copies(self, task: Task, status: Status) -> int:
        settings = self._shop.settings
        if self._address(task) is None:
            return 0
        if status not in ENDED and (task.kind is not TaskKind.TRAINING or settings.callback_moments == "end"):
            return 0
        if self._shop.happens(FaultKind.CALLBACK_LOST, ACTION):
            return 0
        fault = self._shop.faults.take({FaultKind.CALLBACK_TWICE}, ACTION)
        return 1 if fault is None else int(fault.number("copies", 2))

    def _address(self, task: Task) -> str | None:
        """Where a result goes: a training's to the one address that is registered, a tool's to its own."""
        settings = self._shop.settings
        if task.kind is not TaskKind.TRAINING:
            own = task.wanted.get("callback_url")
            return None if own is None else str(own)
        if settings.result_mode not in ("webhook", "both"):
            return None
        return settings.callback_url or None

    async def _carry(self, callback: int) -> None:
        while True:
            row = self._db.execute("SELECT * FROM callbacks WHERE id = ?", (callback,)).fetchone()
            if row["tries"]:
                pause = LADDER[min(row["tries"], len(LADDER)) - 1]
                await self._shop.workers.until(
                    lambda at=row["tried_at"], pause=pause: at + pause * self._shop.settings.callback_scale  # type: ignore[misc]
                )
            confirmed = await self._try(self._shop.tasks.get(row["task"]), Status(row["status"]))
            over = confirmed or row["tries"] + 1 >= TRIES
            self._db.execute(
                "UPDATE callbacks SET tries = tries + 1, tried_at = ?, over = ? WHERE id = ?",
                (self._shop.clock(), over, callback),
            )
            self._shop.pulse.beat()
            if over:
                return

    async def _try(self, task: Task, status: Status) -> bool:
        """Post it once; True if the answer says that it arrived."""
        address = self._address(task)
        if address is None:
            # Nobody is registered any more.
            return True
        told: int | None = None
        code: str | None = "Unreachable"
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            told, answer = await self._post(address, self._body(task, status))
            code = None if told == httpx.codes.OK and _confirms(answer) else "NotConfirmed"
        self._shop.journal.write(EntryKind.CALLBACK, ACTION, status=told, code=code, subject=task.name)
        return code is None

    async def _post(self, address: str, body: Json) -> tuple[int, bytes]:
        answer = bytearray()
        async with asyncio.timeout(_WHOLE_SECONDS), self._http.stream("POST", address, json=body) as response:
            async for chunk in response.aiter_bytes():
                answer += chunk[: max(0, _MAX_ANSWER - len(answer))]
        return response.status_code, bytes(answer)

    def _body(self, task: Task, status: Status) -> Json:
        done = (
            self._showcase.training(task, status=status)
            if task.kind is TaskKind.TRAINING
            else self._showcase.tool(task)
        )
        whole = self._shop.settings.callback_shape == "envelope"
        return self._answers.enveloped(done) if whole else done.data


def _confirms(data: bytes) -> bool:
    try:
        answer = json.loads(data)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("code") == "200"
