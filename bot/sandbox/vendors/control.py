"""Typed clients for the stand-ins' control APIs, over HTTP: the stand-in may be another process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import httpx

from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._journal import Entry, EntryKind
from bot.sandbox.vendors._state import Json

__all__ = [
    "Action",
    "AicontentControl",
    "Control",
    "ControlError",
    "Entry",
    "Fault",
    "FaultKind",
    "Job",
    "Paid",
]

Action = Literal[
    "AddModelTrainJob",
    "QueryModelTrainJobList",
    "QueryModelTrainStatus",
    "AddInferenceJob",
    "QueryInferenceJobInfo",
    "QueryImageAsset",
    "AddPreModelInferenceJob",
    "QueryPreModelInferenceJobInfo",
    "QueryImageAssetFromImageId",
]


class ControlError(Exception):
    """The stand-in did not understand an order."""


@dataclass(frozen=True)
class Job:
    """A job as the stand-in knows it, which is more than its API tells."""

    kind: Literal["training", "inference", "oneshot"]
    id: str
    status: str
    progress: float
    name: str | None
    model_id: str | None
    prompt_id: str | None
    images: int
    seed: int | None
    created_at: float
    ended_at: float | None
    photo_links: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True)
class Paid:
    """How many creations a customer would be billed for."""

    training: int
    inference: int
    oneshot: int = 0


A = TypeVar("A", bound=str)
"""The names of one vendor's actions."""
J = TypeVar("J")
"""One vendor's jobs."""


class Control(Generic[A, J]):
    """Steers and watches one stand-in. An async context manager."""

    ended_well: ClassVar[str]
    """The status of a job that came to a good end."""

    def __init__(self, origin: str, job: Callable[..., J]) -> None:
        self._job = job
        self._http = httpx.AsyncClient(
            base_url=f"{origin}/control", trust_env=False, timeout=httpx.Timeout(90.0)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def fault(
        self,
        kind: FaultKind | str,
        *,
        action: A | None = None,
        times: int | None = 1,
        skip: int = 0,
        **details: Json,
    ) -> None:
        """Order a fault for the next `times` calls of `action` (None: for ever, of any action).

        `FaultKind` names the details each kind understands.
        """
        order: dict[str, Json] = {
            "kind": FaultKind(kind),
            "action": action,
            "times": times,
            "skip": skip,
            "details": details,
        }
        await self._send("POST", "/faults", order)

    async def faults(self) -> list[Fault]:
        """The orders not yet carried out."""
        return [Fault(**item) for item in await self._rows("/faults")]

    async def clear(self) -> None:
        """Forget every order."""
        await self._send("DELETE", "/faults")

    async def jobs(self) -> list[J]:
        """Every job, kind by kind, each oldest first."""
        return [self._job(**item) for item in await self._rows("/jobs")]

    async def journal(self, *, since: int = 0) -> list[Entry]:
        """The calls after line `since`, oldest first."""
        return [Entry(**item) for item in await self._rows("/journal", since=since, kind=EntryKind.CALL)]

    async def fetches(self, *, since: int = 0) -> list[Entry]:
        """The photo links the stand-in tried, one line for each try."""
        return [Entry(**item) for item in await self._rows("/journal", since=since, kind=EntryKind.FETCH)]

    async def panel(self) -> dict[str, Any]:
        """What the page's panel shows: words, knobs, troubles and the orders behind them."""
        panel: dict[str, Any] = (await self._send("GET", "/panel")).json()
        return panel

    async def bill(self) -> dict[str, int]:
        """How many creations of each kind there were, however they were answered."""
        bill: dict[str, int] = (await self._send("GET", "/paid")).json()
        return bill

    async def turn(self, **changes: Json) -> None:
        """Change settings; jobs under way feel it at once."""
        await self._send("POST", "/settings", changes)

    async def wait_for_job(
        self,
        kind: str,
        job_id: str,
        status: str | None = None,
        *,
        progress: float = 0.0,
        seconds: float = 60.0,
    ) -> None:
        """Return when the job has that status (None: has ended well), and at least that progress from 0 to 1.

        Raises:
            TimeoutError: it did not get there in time.
        """
        status = status or self.ended_well
        what = f"{kind} {job_id} to be {status}"
        await self._wait(what, seconds, kind=kind, id=job_id, status=status, progress=progress)

    async def wait_for_calls(self, action: A, count: int = 1, *, seconds: float = 60.0) -> None:
        """Return when the action was called that often, since the stand-in's state began.

        Raises:
            TimeoutError: it was not, in time.
        """
        await self._wait(f"{count} calls of {action}", seconds, action=action, count=count)

    async def _wait(self, what: str, seconds: float, **query: str | float) -> None:
        response = await self._send("GET", "/wait", params={**query, "seconds": seconds})
        if response.json() is not True:
            raise TimeoutError(f"Waited {seconds} s for {what}.")

    async def _rows(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self._send("GET", path, params=query)).json()
        return rows

    async def _send(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        params: Mapping[str, str | int | float] | None = None,
    ) -> httpx.Response:
        response = await self._http.request(method, path, json=body, params=params)
        if response.status_code == httpx.codes.BAD_REQUEST:
            raise ControlError(response.json()["error"])
        return response.raise_for_status()


class AicontentControl(Control[Action, Job]):
    """Steers and watches the stand-in for AIContent."""

    ended_well = "FINISHED"

    def __init__(self, origin: str) -> None:
        super().__init__(origin, Job)

    async def paid(self) -> Paid:
        """How many creations there were, however they were answered."""
        return Paid(**await self.bill())

    async def settings(
        self,
        *,
        train_seconds: float | None = None,
        infer_seconds: float | None = None,
        fetch_attempts: int | None = None,
        fetch_pause_seconds: float | None = None,
        denied: Sequence[Action | Literal["*"]] | None = None,
    ) -> None:
        """Change settings; jobs under way feel it at once."""
        given: dict[str, Json] = {
            "train_seconds": train_seconds,
            "infer_seconds": infer_seconds,
            "fetch_attempts": fetch_attempts,
            "fetch_pause_seconds": fetch_pause_seconds,
            "denied": None if denied is None else list(denied),
        }
        await self.turn(**{name: value for name, value in given.items() if value is not None})
