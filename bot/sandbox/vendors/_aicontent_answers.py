"""The answers of the AIContent stand-in: the envelope, the gateway's errors, what a fault says instead."""

import json
import uuid
from collections.abc import Mapping

from starlette.responses import Response

from bot.sandbox.vendors import _counter as counter
from bot.sandbox.vendors._counter import Outcome, Refused
from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._state import Json


def refused(status: int, code: str, message: str) -> Refused:
    """A refusal of the business family."""
    return Refused(Outcome(envelope(status, code=code, message=message), status, code))


def gateway_refused(status: int, code: str, message: str) -> Refused:
    """A refusal of the gateway's."""
    return Refused(Outcome(gateway_error(status, code, message), status, code))


def missing(name: str) -> Refused:
    return refused(400, "B_PARAMETER_NOT_FOUND_EXCEPTION", f"参数不存在: {name}")


def no_such_training() -> Refused:
    return refused(404, "B_MODEL_TRAIN_JOB_NOT_EXIST", "模型训练任务不存在")


def no_such_data() -> Refused:
    return refused(404, "B_DATA_NOT_FOUND_EXCEPTION", "资源不存在")


def envelope(
    status: int,
    *,
    data: Json = None,
    code: str | None = None,
    message: str | None = None,
    success: bool | None = None,
) -> Response:
    request_id = str(uuid.uuid4())
    body: dict[str, Json] = {
        "requestId": request_id,
        "success": code is None if success is None else success,
        "errCode": code,
        "errMessage": message,
        "data": data,
    }
    if code is not None:
        body["httpStatusCode"] = status
    return _json(status, body, request_id)


def gateway_error(
    status: int, code: str, message: str, *, lowercase: bool = False, headers: Mapping[str, str] | None = None
) -> Response:
    request_id = str(uuid.uuid4()).upper()
    body: dict[str, Json] = {"RequestId": request_id, "Code": code, "Message": message}
    if lowercase:
        body = {name[0].lower() + name[1:]: value for name, value in body.items()}
    return _json(status, body, request_id, headers)


def _json(status: int, body: Json, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status_code=status,
        media_type="application/json",
        headers={"x-acs-request-id": request_id, **(headers or {})},
    )


class Manners(counter.Manners):
    """What a fault on order says at AIContent."""

    def unavailable(self) -> Outcome:
        """The gateway serves nobody."""
        message = "The request has failed due to a temporary failure."
        return Outcome(gateway_error(503, "ServiceUnavailable", message), 503, "ServiceUnavailable")

    def refusal(self, fault: Fault) -> Outcome | None:
        """Either family says no."""
        lowercase = fault.details.get("lowercase") is True
        match fault.kind:
            case FaultKind.THROTTLED:
                status = int(fault.number("status", 429))
                headers = {"x-acs-retry-after": str(int(fault.number("retry_after_ms", 1000)))}
                message = "Request was denied due to user flow control."
                response = gateway_error(
                    status, "Throttling.User", message, lowercase=lowercase, headers=headers
                )
                return Outcome(response, status, "Throttling.User")
            case FaultKind.ERROR:
                status, code = int(fault.number("status", 500)), fault.text("code", "UNKNOWN_ERROR")
                message = fault.text("message", "An error on order.")
                if fault.text("family", "business") == "gateway":
                    return Outcome(gateway_error(status, code, message, lowercase=lowercase), status, code)
                return Outcome(envelope(status, code=code, message=message), status, code)
            case FaultKind.NOT_SUCCESS:
                code = fault.text("code", "UNKNOWN_ERROR")
                return Outcome(envelope(200, code=code, message=fault.text("message", "未知错误")), 200, code)
            case _:
                return None

    def broken(self, fault: Fault) -> Outcome:
        """The business family does not know what happened."""
        status = int(fault.number("status", 500))
        return Outcome(envelope(status, code="UNKNOWN_ERROR", message="未知错误"), status, "UNKNOWN_ERROR")
