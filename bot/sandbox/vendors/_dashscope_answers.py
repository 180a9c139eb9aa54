"""The answers of the DashScope stand-in: bodies, documented refusals, and what a fault says instead."""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from starlette.responses import Response

from bot.sandbox.vendors import _counter as counter
from bot.sandbox.vendors._counter import Outcome, Refused
from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._state import Json

ZONE = timezone(timedelta(hours=8))


def done(subject: str | None = None, **body: Json) -> Outcome:
    """A yes. What it holds stands under `output` or under `data`, or flat, as the call has it."""
    return Outcome(_json(200, body), 200, None, subject)


def said_no(status: int, code: str, message: str, *, family: str = "flat") -> Outcome:
    """A no: flat as documented; `openai` and `msg` are the other two shapes that the vendor's SDK reads."""
    body: dict[str, Json] = {"code": code, "message": message}
    if family == "openai":
        body = {"error": {"code": code, "type": code, "message": message}}
    elif family == "msg":
        body = {"code": code, "msg": message}
    return Outcome(_json(status, body), status, code)


def refused(status: int, code: str, message: str) -> Refused:
    """To be raised."""
    return Refused(said_no(status, code, message))


def invalid(message: str) -> Refused:
    """A parameter that is missing or wrong."""
    return refused(400, "InvalidParameter", message)


def no_such_file() -> Refused:
    """The vendor's word for it: not 404."""
    return invalid("File not found.")


def no_such_job(job_id: str) -> Refused:
    """A training nobody ordered, or that was deleted."""
    return refused(404, "NotFound", f"Not found job: {job_id}")


def unsupported(message: str) -> Refused:
    """What the state of a thing forbids."""
    return refused(400, "UnsupportedOperation", message)


def check_model(given: Json, model: str) -> None:
    """Look whether a call names the model it is for. Raises Refused."""
    if not isinstance(given, str) or not given:
        raise invalid("model is required.")
    if given != model:
        raise refused(404, "Model.NotExist", "Model not exist.")


def short_time(at: float) -> str:
    """An instant as files and trainings tell it: no zone, that of Beijing."""
    return datetime.fromtimestamp(at, ZONE).strftime("%Y-%m-%d %H:%M:%S")


def long_time(at: float) -> str:
    """An instant as tasks tell it, in milliseconds."""
    return datetime.fromtimestamp(at, ZONE).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


class Manners(counter.Manners):
    """What a fault on order says at DashScope."""

    def unavailable(self) -> Outcome:
        """Nobody is served."""
        return said_no(503, "ServiceUnavailable", "The service is temporarily unavailable.")

    def refusal(self, fault: Fault) -> Outcome | None:
        """A no before anything happened."""
        match fault.kind:
            case FaultKind.THROTTLED:
                code = fault.text("code", "Throttling.RateQuota")
                no = said_no(int(fault.number("status", 429)), code, "Requests rate limit exceeded.")
                wait = fault.details.get("retry_after_ms")
                if isinstance(wait, int | float):
                    no.response.headers["retry-after-ms"] = str(int(wait))
                return no
            case FaultKind.ERROR:
                status, code = int(fault.number("status", 500)), fault.text("code", "InternalError")
                message = fault.text("message", "An error on order.")
                return said_no(status, code, message, family=fault.text("family", "flat"))
            case FaultKind.NOT_SUCCESS:
                code, message = (
                    fault.text("code", "InternalError"),
                    fault.text("message", "An error on order."),
                )
                return said_no(200, code, message)
            case _:
                return None

    def broken(self, fault: Fault) -> Outcome:
        """A gateway or a server that cannot tell how it ended."""
        if int(fault.number("status", 500)) == 504:
            return said_no(504, "GatewayTimeout", "The gateway timed out.")
        return said_no(500, "InternalError", "An internal error has occurred.")


def _json(status: int, body: Mapping[str, Json]) -> Response:
    request_id = str(uuid.uuid4())
    text = json.dumps({"request_id": request_id, **body}, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, {"x-request-id": request_id}, media_type="application/json")
