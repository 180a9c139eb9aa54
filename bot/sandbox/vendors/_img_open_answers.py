"""The answers of the Img Open stand-in: its envelope, its refusals, and what a server says in its place."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.responses import Response

from bot.sandbox.vendors._counter import Outcome
from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._img_open_shop import Shop
from bot.sandbox.vendors._state import Json


class No(Exception):
    """A call that cannot be granted. Without a code of its own it is told with the usual one."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class KeysRefused(No):
    """The two headers do not open the door (401), or not this one (403)."""


def wrong(name: str, reason: str) -> No:
    return No(f"参数错误: {name} {reason}")


def missing(name: str) -> No:
    return No(f"参数不能为空: missing parameter {name}")


def already_there(name: str) -> No:
    return No(f"任务已存在: {name} already exists")


def not_found(name: str) -> No:
    return No(f"任务不存在: {name} not found")


def keys_wrong() -> KeysRefused:
    return KeysRefused("accessKeyId 或 accessKeySecret 错误", code="401")


def keys_missing(name: str) -> KeysRefused:
    return KeysRefused(f"{name} 不能为空", code="401")


def no_permission() -> KeysRefused:
    return KeysRefused("accessKey 没有权限: permission denied", code="403")


def busy() -> No:
    return No("系统繁忙，请稍后再试", code="429")


@dataclass(frozen=True)
class Done:
    """What an operation answers. `flat` puts the data beside the code."""

    data: dict[str, Json] | list[Json] | None = None
    subject: str | None = None
    flat: bool = False


class Answers:
    """Writes the envelope as the settings want it, and says what a fault says."""

    def __init__(self, shop: Shop, *, elsewhere: Callable[[], str]) -> None:
        self._shop = shop
        self._elsewhere = elsewhere

    def done(self, done: Done) -> Outcome:
        """Code 200."""
        return Outcome(_json(200, self.enveloped(done)), 200, None, done.subject)

    def enveloped(self, done: Done) -> dict[str, Json]:
        """The body of a success. Without data there is none in it."""
        envelope = self._envelope("200", "success")
        if done.flat and isinstance(done.data, dict):
            return {**envelope, **done.data}
        return envelope if done.data is None else {**envelope, "data": done.data}

    def refused(self, no: No) -> Outcome:
        """Any other code; with HTTP 200, as a rule."""
        code = no.code or self._shop.settings.refusal_code
        by_status = isinstance(no, KeysRefused) and self._shop.settings.keys_refused_by == "status"
        status = int(code) if by_status else 200
        return Outcome(_json(status, self._envelope(code, no.message)), status, code)

    # What the counter asks for when a fault is on order.

    def unavailable(self) -> Outcome:
        """The gateway's page, since nobody is behind it."""
        said = "503 Service Temporarily Unavailable"
        page = f"<html><head><title>{said}</title></head><body><center><h1>{said}</h1></center></body></html>"
        return Outcome(Response(page, 503, media_type="text/html"), 503, "Unavailable")

    def broken(self, fault: Fault) -> Outcome:
        """The server fell over when all was done."""
        status = int(fault.number("status", 500))
        return Outcome(_json(status, self._envelope(str(status), "系统异常")), status, str(status))

    def refusal(self, fault: Fault) -> Outcome | None:
        """What a fault says before anything happened; None if the call goes on."""
        match fault.kind:
            case FaultKind.THROTTLED:
                return self._throttled(fault)
            case FaultKind.ERROR:
                status, code = int(fault.number("status", 500)), fault.text("code", "500")
                envelope = self._envelope(code, fault.text("message", "An error on order."))
                return Outcome(_json(status, envelope), status, code)
            case FaultKind.NOT_SUCCESS:
                code, words = fault.text("code", "500"), fault.text("message", "系统异常")
                return self.refused(No(words, code=code))
            case FaultKind.KEYS_REFUSED:
                return self.refused(keys_wrong())
            case FaultKind.REDIRECT:
                status, where = int(fault.number("status", 307)), fault.text("location", self._elsewhere())
                return Outcome(Response(status_code=status, headers={"location": where}), status, "REDIRECT")
            case _:
                return None

    def _throttled(self, fault: Fault) -> Outcome:
        status = int(fault.number("status", 429))
        if status == HTTPStatus.OK:
            return self.refused(busy())
        response = _json(status, self._envelope(str(status), "请求过于频繁"))
        response.headers["retry-after"] = str(round(fault.number("retry_after_ms", 1000) / 1000))
        return Outcome(response, status, str(status))

    def _envelope(self, code: str, message: str) -> dict[str, Json]:
        return {
            "code": int(code) if self._shop.settings.numeric_codes and code.isdigit() else code,
            "msg": message,
        }


def server_error(status: int, path: str) -> Outcome:
    """What the web server says of a call that reached no operation."""
    phrase = HTTPStatus(status).phrase
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    body: dict[str, Json] = {"timestamp": at, "status": status, "error": phrase, "path": path}
    return Outcome(_json(status, body), status, phrase.replace(" ", ""))


def _json(status: int, body: Mapping[str, Json]) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")
