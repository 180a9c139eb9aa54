"""The counter of a stand-in: how a call is received, spoilt if so ordered, answered and written down."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from bot.sandbox.vendors._faults import Fault, FaultKind, FaultTable
from bot.sandbox.vendors._journal import EntryKind, Journal
from bot.sandbox.vendors._server import HangUp
from bot.sandbox.vendors._state import Pulse

C = TypeVar("C")

_SPOILT = (
    FaultKind.THROTTLED,
    FaultKind.UNAVAILABLE,
    FaultKind.ERROR,
    FaultKind.NOT_SUCCESS,
    FaultKind.NOT_JSON,
    FaultKind.KEYS_REFUSED,
    FaultKind.REDIRECT,
    FaultKind.EFFECT_THEN_500,
    FaultKind.EFFECT_THEN_HANG_UP,
    FaultKind.HANG_UP,
)


@dataclass(frozen=True)
class Outcome:
    """An answer ready to leave, and the line it makes in the journal. `subject` is the job it is about."""

    response: Response
    status: int | None
    code: str | None = None
    subject: str | None = None


class Refused(Exception):
    """A call is answered with this and had no effect."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


class Manners(Protocol):
    """A vendor's words for what a fault on order says."""

    def unavailable(self) -> Outcome:
        """Nobody is served."""

    def refusal(self, fault: Fault) -> Outcome | None:
        """What any other fault says before anything happened; None where the call goes on."""

    def broken(self, fault: Fault) -> Outcome:
        """What is said after it happened, in place of the answer."""


class Counter:
    """Serves calls; the parts that differ from vendor to vendor are handed in."""

    def __init__(self, faults: FaultTable, journal: Journal, pulse: Pulse, manners: Manners) -> None:
        self._faults = faults
        self._journal = journal
        self._pulse = pulse
        self._manners = manners

    def endpoint(
        self,
        action: str,
        let_in: Callable[[Request], Awaitable[C]],
        serve: Callable[[C], Awaitable[Outcome]],
    ) -> Callable[[Request], Awaitable[Response]]:
        """Make an endpoint of a door and what is done behind it. Whom the door refuses uses up no order.

        Both raise `Refused`.
        """

        async def endpoint(request: Request) -> Response:
            if (down := self._faults.peek({FaultKind.DOWN})) is not None:
                hangs_up = down.text("mode", "503") == "hang_up"
                outcome = _hung_up() if hangs_up else self._manners.unavailable()
                self.write(action, outcome)
                return outcome.response
            try:
                outcome = await self._answer(request, action, let_in, serve)
            except ClientDisconnect:
                return HangUp()
            slow = self._faults.take({FaultKind.SLOW}, action)
            self.write(action, outcome)
            if slow is not None:
                await self._pulse.linger(slow.number("seconds", 2.0))
            return outcome.response

        return endpoint

    def write(self, action: str, outcome: Outcome) -> None:
        """Write a call down."""
        self._journal.write(
            EntryKind.CALL, action, status=outcome.status, code=outcome.code, subject=outcome.subject
        )
        self._pulse.beat()

    async def _answer(
        self,
        request: Request,
        action: str,
        let_in: Callable[[Request], Awaitable[C]],
        serve: Callable[[C], Awaitable[Outcome]],
    ) -> Outcome:
        try:
            call = await let_in(request)
            fault = self._faults.take(_SPOILT, action)
            if fault is None:
                return await serve(call)
            if (refusal := self._refusal(fault)) is not None:
                return refusal
            done = await serve(call)
        except Refused as refused:
            return refused.outcome
        if fault.kind == FaultKind.EFFECT_THEN_HANG_UP:
            return replace(_hung_up(), subject=done.subject)
        if fault.kind == FaultKind.EFFECT_THEN_500:
            return replace(self._manners.broken(fault), subject=done.subject)
        return done

    def _refusal(self, fault: Fault) -> Outcome | None:
        match fault.kind:
            case FaultKind.HANG_UP:
                return _hung_up()
            case FaultKind.NOT_JSON:
                return _proxy_page(int(fault.number("status", 502)))
            case FaultKind.UNAVAILABLE:
                return self._manners.unavailable()
            case _:
                return self._manners.refusal(fault)


def _hung_up() -> Outcome:
    return Outcome(HangUp(), None, "HANG_UP")


def _proxy_page(status: int) -> Outcome:
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>proxy</body></html>"
    return Outcome(HTMLResponse(page, status), status, "NOT_JSON")
