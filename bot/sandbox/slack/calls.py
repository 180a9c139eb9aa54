"""The Web API over HTTP: token, scopes, limits and faults around each method, and a journal line after it."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bot.sandbox.slack.arguments import Arguments, charset_warning, merged_arguments
from bot.sandbox.slack.errors import ApiError, RateLimited
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.methods import METHODS, Call, Method
from bot.sandbox.slack.methods._registry import Auth, check_scopes, scope_list
from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.tokens import Token, TokenKind
from bot.sandbox.slack.wire import Json

TAKES = {
    Auth.BOT: (TokenKind.BOT,),
    Auth.ANY: (TokenKind.BOT, TokenKind.USER),
    Auth.APP: (TokenKind.APP,),
}
_NOBODYS: Final = "in the address"
"""What is looked up for a token that stands where none counts."""
# What opens a door is not written down.
SECRETS = frozenset({"token", "client_secret", "code", "code_verifier", "refresh_token"})
PUBLIC_HEADERS = {"cache-control": "private, no-cache, no-store, must-revalidate"}


class Trouble:
    """What an order makes of a request before or after it did its work."""

    def __init__(self, parts: Parts, stopping: asyncio.Event) -> None:
        self._parts = parts
        self._stopping = stopping

    async def before(self, fault: Fault | None, request: Request) -> Response | None:
        """Carry out the effects that keep the work from being done; None lets it go on."""
        match fault.effect if fault else None:
            case "error" if fault:
                return JSONResponse(ApiError(fault.options.get("error", "internal_error")).body())
            case "rate_limited" if fault:
                return rate_limited(int(fault.options.get("retry_after", 1)))
            case "http_500":
                return PlainTextResponse("Internal Server Error", 500)
            case "break":
                await self.break_off(request)
                return Response()
            case "hang":
                await self.hang(request)
                return Response()
            case "slow" if fault:
                await self._parts.clock.sleep(float(fault.options.get("seconds", 1.0)))
        return None

    async def break_off(self, request: Request) -> None:
        """Cut the connection without an answer."""
        request.scope["state"]["transport"].abort()
        await self.hang(request)

    async def hang(self, request: Request) -> None:
        """Say nothing until the client has gone."""
        gone = asyncio.ensure_future(_gone(request))
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({gone, stopping}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        stopping.cancel()


class WebApi:
    """Every method at ``/api/<method>``, by GET and POST."""

    def __init__(self, parts: Parts, trouble: Trouble) -> None:
        self._parts = parts
        self._trouble = trouble

    async def __call__(self, request: Request) -> Response:
        """Answer one call."""
        name = request.path_params["method"]
        fault = self._parts.faults.take("api", name)
        arguments: Json = {}
        try:
            arguments = await merged_arguments(request)
            spoiled = await self._trouble.before(fault, request)
            if spoiled is not None:
                self._log(
                    name,
                    arguments,
                    ok=False,
                    error=fault.effect if fault else None,
                    status=spoiled.status_code,
                )
                return spoiled
            answer = {"ok": True, **self._run(name, arguments, request)}
            status = 200
        except RateLimited as error:
            self._log(name, arguments, ok=False, error=error.error, status=429)
            return rate_limited(error.retry_after, self._headers(name, arguments, request))
        except ApiError as error:
            answer, status = error.body(), 200
        answer = _with_warning(answer, charset_warning(request))
        self._log(name, arguments, ok=answer["ok"], error=answer.get("error"), status=status, answer=answer)
        if fault and fault.effect == "lose_answer":
            await self._trouble.break_off(request)
            return Response()
        return JSONResponse(answer, status, headers=self._headers(name, arguments, request))

    def _run(self, name: str, raw: Json, request: Request) -> Json:
        method = METHODS.get(name)
        if method is None:
            raise ApiError("unknown_method", req_method=name)
        token = self._holder(method, _token(raw, request))
        if method.auth not in (Auth.APP, Auth.NONE):
            check_scopes(frozenset(token.scopes if token else ()), method.scopes)
        if self._parts.settings.limits:
            limited = self._parts.settings.history_limited
            self._parts.limits.spend(name, raw.get("channel"), history_limited=limited)
        arguments = Arguments({key: value for key, value in raw.items() if key != "token"})
        return method.run(Call(arguments, self._parts, token, _basic(request)))

    def _holder(self, method: Method, value: str) -> Token | None:
        if method.auth is Auth.NONE:
            return None
        if not value:
            raise ApiError("not_authed")
        token = self._parts.tokens.holder(value)
        takes = TAKES[method.auth]
        if token.kind not in takes:
            raise ApiError("not_allowed_token_type")
        return token

    def _headers(self, name: str, raw: Json, request: Request) -> dict[str, str]:
        token = self._parts.tokens.find(_token(raw, request))
        if token is None:
            return PUBLIC_HEADERS
        headers = {**PUBLIC_HEADERS, "x-oauth-scopes": scope_list(token.scopes)}
        if token.kind is not TokenKind.APP:
            headers["x-accepted-oauth-scopes"] = ",".join(METHODS[name].scopes if name in METHODS else ())
        return headers

    def _log(
        self,
        name: str,
        arguments: Json,
        *,
        ok: bool,
        error: str | None,
        status: int,
        answer: Json | None = None,
    ) -> None:
        shown = {k: _loggable(v) for k, v in arguments.items() if k not in SECRETS}
        facts: Json = {"method": name, "arguments": shown, "ok": ok, "error": error, "status": status}
        if answer is not None and ok:
            facts["answer"] = {
                k: answer[k] for k in ("channel", "ts", "message_ts", "file_id") if k in answer
            }
        elif answer is not None and "response_metadata" in answer:
            facts["messages"] = answer["response_metadata"].get("messages", [])
        self._parts.journal.add("api", **facts)


def rate_limited(retry_after: int, headers: Mapping[str, str] = PUBLIC_HEADERS) -> Response:
    """Send the one refusal that has a status of its own."""
    told = {**headers, "retry-after": str(retry_after)}
    return JSONResponse(RateLimited(retry_after).body(), 429, headers=told)


def bearer(request: Request) -> str:
    """Read the token a request carries in its header."""
    word, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if word.lower() == "bearer" else ""


def _with_warning(answer: Json, warning: str | None) -> Json:
    if warning is None:
        return answer
    metadata = answer.get("response_metadata", {})
    warnings = [*metadata.get("warnings", ()), warning]
    told = ",".join([*filter(None, [answer.get("warning")]), warning])
    return answer | {"warning": told, "response_metadata": metadata | {"warnings": warnings}}


def _basic(request: Request) -> tuple[str, str] | None:
    word, _, encoded = request.headers.get("authorization", "").partition(" ")
    if word.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return name, password


def _token(raw: Json, request: Request) -> str:
    """The header's, or the body's. Slack takes none from the address, where every log and proxy reads it."""
    if found := bearer(request):
        return found
    return _NOBODYS if "token" in request.query_params else str(raw.get("token") or "")


def _loggable(value: Any) -> Any:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else value


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
