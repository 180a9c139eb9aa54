"""Handlers of the control API: what comes in as JSON or a form, and a refusal that goes out as one."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.wire import Json

Handler = Callable[[Json], Awaitable[Any]]


class _Body(dict[str, Any]):
    """What was asked; something needed and not given is refused by name."""

    def __missing__(self, name: str) -> Any:
        raise Refused("missing", field=name)


def answering(run: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Make an address of a handler."""

    async def endpoint(request: Request) -> Response:
        try:
            result = await run(await _body(request))
        except Refused as refused:
            return JSONResponse({"error": refused.error, "facts": refused.facts}, 409)
        except ValueError as error:
            return JSONResponse({"error": "bad_request", "facts": {"problem": str(error)}}, 409)
        return JSONResponse(result.model_dump(mode="json") if isinstance(result, BaseModel) else result)

    return endpoint


async def _body(request: Request) -> Json:
    if request.method == "GET":
        return _Body(request.query_params)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return _Body(await request.json())
    async with request.form() as form:
        body = _Body(json.loads(str(form["body"])))
        body["_parts"] = [await p.read() for p in form.getlist("file") if isinstance(p, UploadFile)]
    return body
