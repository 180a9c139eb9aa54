"""The page: the workspace as its people see it in a browser, live, with the vendors' side in a panel."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.sandbox.slack.clock import clock_facts
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.images import IN_BLOCKS, REDRAWN
from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.records import User
from bot.sandbox.slack.sight import Sight
from bot.sandbox.slack.thumbs import smaller
from bot.sandbox.slack.wire import Entry, Json

STATIC = Path(__file__).with_name("page")
LOOPBACK = ("127.0.0.1", "localhost")
HEARTBEAT = 15.0
FOLLOWED = ("message", "view", "file", "socket", "clock")
# What a browser may show rather than save; a document or a script is never among it.
SHOWN = IN_BLOCKS | {
    "image/webp", "video/mp4", "video/quicktime", "video/webm", "audio/mpeg", "audio/wav", "application/pdf",
}  # fmt: skip
LARGE = 1024
"""Pixels along the edge of a picture that has to be drawn anew for a browser."""
PRIVATE = {
    "cache-control": "private, max-age=3600",
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
}
# Scripts and styles are the page's own files and nothing else is run, whatever a message may hold.
POLICY = (
    "default-src 'self'; img-src 'self' blob: data: http: https:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
Look = Callable[[User, Request], Awaitable[Any]]


class OwnOriginOnly:
    """Keeps other websites that are open in the same browser from acting here, or from reading along.

    Loopback keeps other machines away, and not them: a browser sends their requests from this one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what comes from a page of another origin, or under another host's name."""
        if scope["type"] == "http" and not scope["path"].startswith("/api/"):
            headers = Headers(scope=scope)
            host = headers.get("host", "")
            origin = headers.get("origin", f"http://{host}")
            if host.partition(":")[0] not in LOOPBACK or origin != f"http://{host}":
                await JSONResponse({"error": "other_origin", "facts": {}}, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Static(StaticFiles):
    """The page's files; a browser asks each time whether they are still the same."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


class Page:
    """Everything a browser asks for; ``as`` in a query says whose client it is."""

    def __init__(self, parts: Parts, http: httpx.AsyncClient) -> None:
        self._parts = parts
        self._http = http
        self._sight = Sight(parts)
        self._vendors: dict[str, str] = {}

    def introduce(self, vendor: str, origin: str) -> None:
        """Show a vendor's stand-in in the panel; ``origin`` is where its control API is served."""
        self._vendors[vendor] = origin

    def routes(self) -> list[BaseRoute]:
        """Every address of the page."""
        return [
            Route("/", self.front),
            # Permalinks of messages: the page finds the message by the address.
            Route("/archives/{channel}/{message}", self.front),
            Route("/control/stream", self.stream),
            Route("/page/state", _looking(self._sight, self.state)),
            Route("/page/messages", _looking(self._sight, self.messages)),
            Route("/page/read", _looking(self._sight, self.read), methods=["POST"]),
            Route("/page/files/{file}", self.picture),
            Route("/page/vendor/{vendor}/{path}", self.vendor, methods=["GET", "POST", "DELETE"]),
            Mount("/page", _Static(directory=STATIC)),
        ]

    async def front(self, _request: Request) -> Response:
        """Serve the one HTML file."""
        headers = {"content-security-policy": POLICY, "cache-control": "no-cache", "x-frame-options": "DENY"}
        return FileResponse(STATIC / "index.html", headers=headers)

    async def state(self, viewer: User, _request: Request) -> Json:
        """Everything a client needs when it starts."""
        return self._sight.everything(viewer) | {"vendors": list(self._vendors)}

    async def messages(self, viewer: User, request: Request) -> Json:
        """A stretch of a conversation, or a whole thread."""
        query = request.query_params
        if root := query.get("thread"):
            return self._sight.thread(viewer, query["channel"], root)
        limit = int(query.get("limit", "60"))
        return self._sight.messages(viewer, query["channel"], query.get("before"), limit)

    async def read(self, viewer: User, request: Request) -> Json:
        """Note how far somebody has read."""
        body = await request.json()
        return self._sight.mark_read(viewer, body["channel"], body["ts"], body.get("thread"))

    async def picture(self, request: Request) -> Response:
        """A file's bytes, for those who have it before them; what is no picture is only to be saved."""
        try:
            viewer = self._sight.person(request.query_params.get("as", ""))
        except Refused as refused:
            return _no(refused)
        file = self._parts.workspace.files.get(request.path_params["file"])
        if file is None or not self._sight.may_see(viewer, file):
            return JSONResponse({"error": "file_not_found", "facts": {}}, 404)
        blob, save = self._parts.workspace.blob(file), "save" in request.query_params
        redraw = file.mimetype in REDRAWN and not save
        if redraw and (drawn := await asyncio.to_thread(lambda: smaller(blob.read_bytes(), LARGE))):
            return Response(drawn, media_type="image/jpeg", headers=PRIVATE)
        save = save or file.mimetype not in SHOWN
        kind = "attachment" if save else "inline"
        headers = PRIVATE | {"content-disposition": f"{kind}; filename*=UTF-8''{quote(file.name)}"}
        return FileResponse(blob, media_type=file.mimetype, headers=headers)

    async def vendor(self, request: Request) -> Response:
        """Pass a call on to a stand-in's control API, so that the browser stays on one origin."""
        origin = self._vendors.get(request.path_params["vendor"])
        if origin is None:
            return JSONResponse({"error": "no_such_vendor"}, 404)
        try:
            answer = await self._http.request(
                request.method,
                f"{origin}/control/{quote(request.path_params['path'])}",
                params=dict(request.query_params),
                content=await request.body(),
            )
        except httpx.TransportError:
            return JSONResponse({"error": "The stand-in does not answer."}, 502)
        return Response(answer.content, answer.status_code, media_type="application/json")

    # Live.

    async def stream(self, request: Request) -> Response:
        """Server-sent events: what changes for one person, from a line of the journal on."""
        try:
            viewer = self._sight.person(request.query_params.get("as", ""))
        except Refused as refused:
            return _no(refused)
        since = int(request.headers.get("last-event-id") or request.query_params.get("since", "0"))
        headers = {"cache-control": "no-cache"}
        return StreamingResponse(self._follow(viewer, since), media_type="text/event-stream", headers=headers)

    async def _follow(self, viewer: User, since: int) -> AsyncIterator[str]:
        journal = self._parts.journal
        workspace = self._parts.workspace
        first = {
            "kind": "hello",
            "team": workspace.identity.team,
            "rewound": since > journal.last,
            "clock": clock_facts(workspace.clock),
        }
        yield _event(since, [first | self._sight.views(viewer) | self._connections()])
        while not journal.closed:
            if await journal.wait(since, HEARTBEAT) <= since:
                yield ": still here\n\n"
                continue
            entries = journal.read(since, limit=500)
            since = entries[-1].seq
            changes = self._changes(viewer, [e for e in entries if e.kind in FOLLOWED])
            if changes:
                yield _event(since, changes)

    def _changes(self, viewer: User, entries: list[Entry]) -> list[Json]:
        """Boil a stretch of the journal down to what it means now; what came twice is told once."""
        touched: dict[tuple[str, str], Json] = {}
        changes: list[Json] = []
        for entry in entries:
            for facts in self._touched(entry):
                touched[(facts["channel"], facts["ts"])] = facts
        changes += [c for facts in touched.values() if (c := self._message(viewer, facts))]
        workspace = self._parts.workspace
        places = {channel: workspace.channels[channel] for channel, _ in touched}
        changes += [
            {"kind": "channel", "channel": self._sight.channel(viewer, place)}
            for place in places.values()
            if viewer.id in place.members
        ]
        if any(e.kind == "view" and e.facts["user"] == viewer.id for e in entries):
            changes.append({"kind": "views", **self._sight.views(viewer)})
        if any(e.kind == "clock" for e in entries):
            changes.append({"kind": "clock", "clock": clock_facts(workspace.clock)})
        if any(e.kind == "socket" for e in entries):
            changes.append({"kind": "app", **self._connections()})
        return changes

    def _touched(self, entry: Entry) -> list[Json]:
        """The messages that look different after a line: itself, the head of its thread, a file's places."""
        facts = entry.facts
        if entry.kind == "message":
            found = [facts]
            root = facts.get("thread_ts")
            if root and root != facts["ts"] and not facts.get("ephemeral_to"):
                found.append({"channel": facts["channel"], "ts": root})
            return found
        file = self._parts.workspace.files.get(facts.get("file", "")) if entry.kind == "file" else None
        return [{"channel": s.channel, "ts": s.ts} for s in file.shares] if file else []

    def _message(self, viewer: User, facts: Json) -> Json | None:
        seen = self._sight.seen(viewer, facts["channel"], facts["ts"])
        if seen is not None:
            return {"kind": "message", "message": seen}
        theirs = viewer.id in self._parts.workspace.channels[facts["channel"]].members
        theirs = theirs and facts.get("ephemeral_to") in (None, viewer.id)
        if facts.get("state") != "deleted" or not theirs:
            return None
        return {"kind": "gone", **{k: facts[k] for k in ("channel", "ts", "thread_ts") if k in facts}}

    def _connections(self) -> Json:
        return {"connections": self._parts.deliveries.listening}


def _event(seq: int, changes: list[Json]) -> str:
    return f"id: {seq}\ndata: {json.dumps(changes, separators=(',', ':'))}\n\n"


def _no(refused: Refused) -> Response:
    return JSONResponse({"error": refused.error, "facts": refused.facts}, 409)


def _looking(sight: Sight, look: Look) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await look(sight.person(request.query_params.get("as", "")), request))
        except Refused as refused:
            return _no(refused)
        except (KeyError, ValueError) as error:
            return JSONResponse({"error": "bad_request", "facts": {"problem": str(error)}}, 409)

    return endpoint
