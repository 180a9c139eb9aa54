"""The control API of a stand-in: orders for faults, settings, and what happened. For tests and the demo."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.vendors._faults import LASTING, FaultKind, FaultTable
from bot.sandbox.vendors._journal import EntryKind, Journal
from bot.sandbox.vendors._panel import Panel
from bot.sandbox.vendors._state import Json, Pulse

_LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Controls:
    """What of a stand-in can be read and turned."""

    actions: Sequence[str]
    faults: FaultTable
    journal: Journal
    pulse: Pulse
    settings: Callable[[], Any]
    change_settings: Callable[[dict[str, Json]], Any]
    jobs: Callable[[], list[dict[str, Any]]]
    doom: Callable[[FaultKind, str], bool]
    """Change the fate of the job with this id; False where none such is under way."""
    panel: Panel
    at_once: Callable[[FaultKind, dict[str, Json]], bool] = lambda _kind, _details: False
    """Carry out an order here and now, details and all; False leaves it to `doom` or the next call.

    Raises ValueError for an order that makes no sense.
    """


class _BadOrder(ValueError):
    """A control call that makes no sense."""


def control_routes(controls: Controls) -> list[Route]:
    """The routes below `/control`."""
    desk = _Desk(controls)
    return [
        Route("/faults", desk.guarded(desk.faults), methods=["GET", "POST", "DELETE"]),
        Route("/settings", desk.guarded(desk.settings), methods=["GET", "POST"]),
        Route("/panel", desk.guarded(desk.panel), methods=["GET"]),
        Route("/jobs", desk.guarded(desk.jobs), methods=["GET"]),
        Route("/journal", desk.guarded(desk.journal), methods=["GET"]),
        Route("/paid", desk.guarded(desk.paid), methods=["GET"]),
        Route("/wait", desk.guarded(desk.wait), methods=["GET"]),
    ]


class _Desk:
    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    @staticmethod
    def guarded(endpoint: "Callable[[Request], Any]") -> "Callable[[Request], Any]":
        """Answer nonsense with a sentence instead of a stack trace."""

        async def answer(request: Request) -> Response:
            try:
                return JSONResponse(await endpoint(request))
            except (ValueError, KeyError, TypeError) as error:
                return JSONResponse({"error": str(error)}, status_code=400)

        return answer

    async def faults(self, request: Request) -> Json:
        """Order one, list them, or clear them all."""
        table = self._controls.faults
        if request.method == "DELETE":
            table.clear()
            self._controls.pulse.beat()
        elif request.method == "POST":
            order = json.loads(await request.body())
            kind = FaultKind(order["kind"])
            action = order.get("action")
            details: dict[str, Json] = order.get("details", {})
            if action is not None and action not in self._controls.actions:
                raise _BadOrder(
                    f"There is no action {action}; there are {', '.join(self._controls.actions)}."
                )
            if self._controls.at_once(kind, details):
                pass
            elif kind in self._controls.panel.fateful and "job" in details:
                if not self._controls.doom(kind, str(details["job"])):
                    raise _BadOrder(f"No job {details['job']} is under way.")
            else:
                times = None if kind in LASTING else order.get("times", 1)
                table.order(kind, action=action, times=times, skip=int(order.get("skip", 0)), details=details)
            self._controls.pulse.stir()
        return [asdict(fault) for fault in table.all()]

    async def settings(self, request: Request) -> Json:
        """Show them, or change some."""
        if request.method == "POST":
            self._controls.change_settings(json.loads(await request.body()))
        shown: dict[str, Json] = asdict(self._controls.settings())
        return shown

    async def panel(self, _: Request) -> Json:
        """What the page's panel shows, and the orders behind it."""
        return self._controls.panel.shown()

    async def jobs(self, _: Request) -> Json:
        """Every job, oldest first."""
        return list(self._controls.jobs())

    async def journal(self, request: Request) -> Json:
        """The lines after `since`."""
        since = int(request.query_params.get("since", "0"))
        kind = EntryKind(request.query_params.get("kind", EntryKind.CALL))
        return [asdict(entry) for entry in self._controls.journal.read(since=since, kind=kind)]

    async def paid(self, _: Request) -> Json:
        """How many jobs a customer would be billed for."""
        jobs = self._controls.jobs()
        panel = self._controls.panel
        return {
            kind: sum(job["kind"] == kind for job in jobs) for kind in panel.jobs if kind not in panel.free
        }

    async def wait(self, request: Request) -> Json:
        """Answer true once a job has a status or an action was called so often; false when the time is up."""
        asked = request.query_params
        seconds = min(float(asked.get("seconds", "60")), _LONGEST_WAIT)
        until = time.monotonic() + seconds
        while not self._holds(asked):
            left = until - time.monotonic()
            if left <= 0 or self._controls.pulse.closing:
                return False
            await self._controls.pulse.wait(left)
        return True

    def _holds(self, asked: "Any") -> bool:
        if "action" in asked:
            return self._controls.journal.count(asked["action"]) >= int(asked["count"])
        wanted = (asked["kind"], asked["id"], asked["status"])
        return any(
            (job["kind"], job["id"], job["status"]) == wanted and job["progress"] >= float(asked["progress"])
            for job in self._controls.jobs()
        )
