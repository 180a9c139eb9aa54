"""Bytes in and out: the upload address, downloads with their login page, and response URLs."""

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)

from bot.sandbox.slack.calls import Trouble, bearer
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.file_shapes import elsewhere_url
from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.records import File
from bot.sandbox.slack.thumbs import thumbnail
from bot.sandbox.slack.tokens import TokenKind
from bot.sandbox.slack.wire import Scenario

LOGIN_PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>Sign in | Slack</title></head>
<body><h1>Sign in to your workspace</h1><form method="post"><input name="email"></form></body></html>
"""
PIECES = 8


class Transfers:
    """Everything that is not JSON."""

    def __init__(self, parts: Parts, trouble: Trouble) -> None:
        self._parts = parts
        self._trouble = trouble

    async def upload(self, request: Request) -> Response:
        """Take a file's bytes, raw or as a form; whoever has the address may send them."""
        fault = self._parts.faults.take("upload")
        data = await _uploaded(request)
        spoiled = await self._trouble.before(fault, request)
        if spoiled is not None:
            return spoiled
        file = self._parts.uploads.receive(request.path_params["token"], data)
        if file is None:
            return PlainTextResponse("Bad upload", 400)
        if fault and fault.effect == "lose_answer":
            await self._trouble.break_off(request)
            return Response()
        return PlainTextResponse(f"OK - {file.size}")

    async def download(self, request: Request) -> Response:
        """Give a file to whoever may read it, and the login page, with a 200, to everybody else."""
        workspace = self._parts.workspace
        file = workspace.files.get(request.path_params["file"].rpartition("-")[2])
        allowed = file is not None and self._may_read(request, file)
        self._log(request, file, allowed=allowed)
        fault = self._parts.faults.take("download")
        spoiled = await self._trouble.before(fault, request)
        if spoiled is not None:
            return spoiled
        if not allowed or file is None or (fault and fault.effect == "login_page"):
            return self._refused(request)
        return await self._give(request, file)

    async def thumbnail(self, request: Request) -> Response:
        """Give a picture's small form; it needs the token as the original does."""
        file = self._parts.workspace.files.get(request.path_params["file"].rpartition("-")[2])
        allowed = file is not None and self._may_read(request, file)
        self._log(request, file, allowed=allowed)
        if file is None or not allowed:
            return self._refused(request)
        data = self._parts.workspace.blob(file).read_bytes()
        name = request.path_params["name"]
        made = await asyncio.to_thread(thumbnail, file, data, name) if file.ready else None
        return Response(made[0], media_type=made[1]) if made else PlainTextResponse("Not found", 404)

    async def sign_in(self, _request: Request) -> Response:
        """Play the page for humans to which a stranger is sent."""
        return HTMLResponse(LOGIN_PAGE)

    def _may_read(self, request: Request, file: File) -> bool:
        token = self._parts.tokens.find(bearer(request))
        known = token is not None and token.kind is TokenKind.BOT and "files:read" in token.scopes
        return known and self._parts.workspace.may_bot_read(file) and _is_here(file)

    def _refused(self, request: Request) -> Response:
        """Answer a stranger: the login page with a 200, or a redirect to it, never with a plain no."""
        if self._parts.settings.strangers == "page":
            return HTMLResponse(LOGIN_PAGE)
        return RedirectResponse(_sign_in_url(request), 302)

    async def elsewhere(self, request: Request) -> Response:
        """Play the other host: gives the bytes to anybody, and notes whether a token was handed over."""
        file = self._parts.workspace.files.get(request.path_params["file"].rpartition("-")[2])
        self._log(request, file, allowed=True, elsewhere=True, token_leaked=bool(bearer(request)))
        if file is None:
            return PlainTextResponse("Not found", 404)
        return Response(self._parts.workspace.blob(file).read_bytes(), media_type=file.mimetype)

    async def respond(self, request: Request) -> Response:
        """Take an answer through a response URL."""
        fault = self._parts.faults.take("response_url")
        raw = await request.body()
        spoiled = await self._trouble.before(fault, request)
        if spoiled is not None:
            return spoiled
        try:
            body = json.loads(raw)
        except ValueError:
            return PlainTextResponse("invalid_payload", 400)
        error: str | None = None
        try:
            self._parts.responses.use(request.path_params["token"], body)
        except ApiError as refused:
            error = refused.error
        self._parts.journal.add("response", ok=error is None, error=error, body=body)
        if fault and fault.effect == "lose_answer":
            await self._trouble.break_off(request)
            return Response()
        if error is not None:
            return JSONResponse({"ok": False, "error": error}, 404 if error.endswith("_url") else 400)
        return PlainTextResponse("ok")

    async def _give(self, request: Request, file: File) -> Response:
        data = self._parts.workspace.blob(file).read_bytes()
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(file.name)}"}
        match file.scenario:
            case Scenario.REDIRECT:
                return RedirectResponse(file.redirect_to or elsewhere_url(self._parts.workspace, file), 302)
            case Scenario.MOVED if "moved" not in request.query_params:
                return RedirectResponse(f"{request.url.path}?moved=1", 302)
            case Scenario.LOOP:
                hops = int(request.query_params.get("hop", "0"))
                return RedirectResponse(f"{request.url.path}?hop={hops + 1}", 302)
            case Scenario.SIGN_IN:
                return RedirectResponse(_sign_in_url(request), 302)
            case Scenario.NOT_FOUND:
                return PlainTextResponse("Not found", 404)
            case Scenario.OCTETS:
                return Response(data, media_type="application/octet-stream", headers=headers)
            case Scenario.TRUNCATED:
                data = data[: len(data) // 2]
            case Scenario.HANG:
                await self._trouble.hang(request)
            case Scenario.SLOW:
                length = {"content-length": str(len(data))}
                return StreamingResponse(self._drip(data), media_type=file.mimetype, headers=headers | length)
            case Scenario.BROKEN:
                length = {"content-length": str(len(data))}
                return StreamingResponse(
                    self._half(request, data), media_type=file.mimetype, headers=headers | length
                )
        return Response(data, media_type=file.mimetype, headers=headers)

    async def _drip(self, data: bytes) -> AsyncIterator[bytes]:
        size = max(1, -(-len(data) // PIECES))
        for start in range(0, len(data), size):
            await self._parts.clock.sleep(self._parts.settings.drip_delay)
            yield data[start : start + size]

    async def _half(self, request: Request, data: bytes) -> AsyncIterator[bytes]:
        yield data[: len(data) // 2]
        # Closing writes out what was yielded; aborting would throw it away.
        request.scope["state"]["transport"].close()

    def _log(self, request: Request, file: File | None, **facts: bool) -> None:
        self._parts.journal.add(
            "download",
            file=file.id if file else None,
            path=request.url.path,
            host=request.headers.get("host", ""),
            authorized=bool(bearer(request)),
            **facts,
        )


ABSENT = frozenset(
    {
        Scenario.EXTERNAL,
        Scenario.TOMBSTONE,
        Scenario.HIDDEN_BY_LIMIT,
        Scenario.CHECK_FILE_INFO_DENIED,
        Scenario.CHECK_FILE_INFO_GONE,
    }
)


def _is_here(file: File) -> bool:
    return file.scenario not in ABSENT


def _sign_in_url(request: Request) -> str:
    """The sign-in page stands on the workspace's own host, which is not the one of the files."""
    port = request.url.port or 80
    return f"http://localhost:{port}/signin?{urlencode({'redir': request.url.path})}"


async def _uploaded(request: Request) -> bytes:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form() as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read()
    return b""
