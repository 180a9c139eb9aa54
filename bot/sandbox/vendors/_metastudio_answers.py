"""The answers of the MetaStudio stand-in: the vendor's bodies, its error codes, what a fault says instead."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.responses import HTMLResponse, Response

from bot.sandbox.vendors import _counter as counter
from bot.sandbox.vendors._counter import Outcome, Refused
from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._state import Json

_GATEWAY = "APIGW."
_INTERNAL = "MSS.00000004"


def error(status: int, code: str, message: str) -> Outcome:
    """An error in the vendor's envelope; the gateway adds the request's id."""
    body: dict[str, Json] = {"error_code": code, "error_msg": message}
    request_id = uuid.uuid4().hex
    if code.startswith(_GATEWAY):
        body["request_id"] = request_id
    return Outcome(json_response(status, body, {"X-Request-Id": request_id}), status, code)


def refused(status: int, code: str, message: str) -> Refused:
    return Refused(error(status, code, message))


def invalid(what: str) -> Refused:
    return refused(400, "MSS.00000003", f"Invalid parameter: {what}")


def not_found() -> Refused:
    # The table of errors gives this code to "Invalid body"; the vendor's examples answer it with a 404.
    return refused(404, "MSS.00000002", "Not Found")


def not_json() -> Refused:
    return refused(400, "MSS.10000002", "The request body is not JSON.")


def invalid_body() -> Refused:
    return refused(400, "MSS.00000002", "Invalid body")


def no_such_asset() -> Refused:
    return refused(400, "MSS.10001001", "The asset does not exist.")


def name_taken() -> Refused:
    return refused(400, "MSS.10001005", "The asset name already exists.")


def too_large() -> Refused:
    return refused(400, "MSS.10001007", "The asset file is too large.")


def bad_picture() -> Refused:
    return refused(400, "MSS.45000005", "The image is not supported.")


def wrong_asset_type() -> Refused:
    return refused(400, "MSS.45000004", "The asset type is not supported.")


def not_allowed() -> Refused:
    # The page has no code for a missing permission.
    return refused(403, "APIGW.0302", "The IAM user is not allowed to access the API.")


def bad_token() -> Refused:
    return refused(400, "MSS.00010008", "The token in the header is invalid.")


def other_tenant() -> Refused:
    return refused(400, "MSS.00010009", "The tenant in the URL is not the tenant of the token.")


def unauthorised(why: str) -> Refused:
    return refused(401, "APIGW.0301", f"Incorrect IAM authentication information: {why}")


def token_expired() -> Refused:
    return refused(401, "MSS.00000001", "Unauthorized")


def not_published() -> Refused:
    return refused(404, "APIGW.0101", "The API does not exist or has not been published in the environment")


def no_such_method() -> Refused:
    return refused(400, "MSS.00010004", "The method is unknown.")


def body_too_large() -> Refused:
    return refused(413, "APIGW.0201", "Request entity too large")


def throttled() -> Refused:
    return refused(429, "APIGW.0308", "The throttling threshold has been reached")


@dataclass(frozen=True)
class Done:
    """What an operation answers."""

    body: Json = None
    """None sends headers only."""
    status: int = 200
    subject: str | None = None
    headers: Mapping[str, str] | None = None
    response: Response | None = None
    """An answer that is no JSON, instead of all the above."""


def answered(done: Done) -> Outcome:
    """A success."""
    if done.response is not None:
        # What an object store refuses it refuses in XML; the status tells.
        code = None if done.response.status_code < HTTPStatus.BAD_REQUEST else "OBS"
        return Outcome(stamped(done.response), done.response.status_code, code, done.subject)
    if done.body is None:
        return Outcome(stamped(Response(status_code=done.status)), done.status, None, done.subject)
    return Outcome(json_response(done.status, done.body, done.headers), done.status, None, done.subject)


def json_response(status: int, body: Json, headers: Mapping[str, str] | None = None) -> Response:
    """JSON, and the id of the request, which every answer carries."""
    response = Response(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        media_type="application/json",
        headers=headers,
    )
    return stamped(response)


def stamped(response: Response) -> Response:
    """Add the id of the request, unless it is there."""
    response.headers.setdefault("X-Request-Id", uuid.uuid4().hex)
    return response


def when(at: float | None) -> str | None:
    """An instant as the vendor writes it."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Manners(counter.Manners):
    """MetaStudio's words for faults on order."""

    def unavailable(self) -> Outcome:
        """The service is busy; the page has no code of its own for it."""
        return error(503, _INTERNAL, "Service unavailable.")

    def refusal(self, fault: Fault) -> Outcome | None:
        """Throttled, an error as told, or a command that is answered with 200 and failed."""
        match fault.kind:
            case FaultKind.THROTTLED:
                return throttled().outcome
            case FaultKind.ERROR:
                status, code = int(fault.number("status", 500)), fault.text("code", _INTERNAL)
                return error(status, code, fault.text("message", "Internal error."))
            case FaultKind.NOT_SUCCESS:
                code, message = fault.text("code", _INTERNAL), fault.text("message", "Internal error.")
                return Outcome(json_response(200, command_failed(message, code, message)), 200, code)
            case _:
                return None

    def broken(self, fault: Fault) -> Outcome:
        """What is said after it happened: an error of the service, or of a gateway that gave up waiting."""
        status = int(fault.number("status", 500))
        if status == HTTPStatus.GATEWAY_TIMEOUT:
            page = "<html><body><h1>504 Gateway Time-out</h1></body></html>"
            return Outcome(stamped(HTMLResponse(page, status)), status, "NOT_JSON")
        return error(status, _INTERNAL, "Internal error.")


def command_failed(message: str, code: str = "MSS.00000003", error_msg: str = "Invalid parameter") -> Json:
    """The body of a command that was not carried out. The spelling is the vendor's."""
    return {
        "commond_result": "EXCUTE_FAILED",
        "excute_failed_msg": message,
        "error_info": {"error_code": code, "error_msg": error_msg},
    }
