"""What a method was called with: query, form, JSON and multipart merged, then read by type."""

import json
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.wire import Json

FALSE = frozenset({"", "0", "false", "False"})


POST_TYPES = frozenset(
    {"application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""}
)
CHARSETS = frozenset({"", "utf-8", "utf8", "iso-8859-1"})


async def merged_arguments(request: Request) -> Json:
    """Collect the arguments wherever the client put them; the body wins over the query."""
    arguments: Json = dict(request.query_params)
    media_type, charset = content_type(request)
    if request.method == "POST" and media_type not in POST_TYPES:
        raise ApiError("invalid_post_type")
    if charset not in CHARSETS:
        raise ApiError("invalid_charset")
    if media_type == "application/json":
        raw = await request.body()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError as error:
            raise ApiError("invalid_json") from error
        if not isinstance(body, dict):
            raise ApiError("json_not_object")
        arguments |= {key: value for key, value in body.items() if value is not None}
    elif media_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        try:
            async with request.form() as form:
                for key, value in form.multi_items():
                    arguments[key] = await value.read() if isinstance(value, UploadFile) else value
        except HTTPException as error:
            raise ApiError("invalid_form_data") from error
    elif not media_type and await request.body():
        raise ApiError("missing_post_type")
    return arguments


def charset_warning(request: Request) -> str | None:
    """Name what Slack finds wanting in a request it takes all the same."""
    media_type, charset = content_type(request)
    if media_type == "application/json" and not charset:
        return "missing_charset"
    if media_type == "application/x-www-form-urlencoded" and charset:
        return "superfluous_charset"
    return None


def content_type(request: Request) -> tuple[str, str]:
    """Split the type of a body into its name and its charset."""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].partition(";")[0]
    return media_type.strip().lower(), charset.strip().strip('"').lower()


class Arguments:
    """A method's arguments, read one by one; what is missing or mistyped is refused in Slack's words."""

    def __init__(self, raw: Json) -> None:
        self.raw = raw

    def __contains__(self, name: str) -> bool:
        return self.raw.get(name) not in (None, "")

    def require(self, *names: str) -> None:
        """Refuse the call unless all of these are given."""
        missing = [name for name in names if name not in self]
        if missing:
            raise ApiError(
                "invalid_arguments",
                messages=[f"[ERROR] missing required field: {name}" for name in missing],
            )

    def text(self, name: str) -> str:
        """Read a required string."""
        self.require(name)
        return self.optional(name) or ""

    def optional(self, name: str) -> str | None:
        """Read a string, or None when it is not given."""
        value = self.raw.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ApiError("invalid_arguments", messages=[f"[ERROR] must be a string [json-pointer:/{name}]"])
        return str(value)

    def flag(self, name: str) -> bool:
        """Read a boolean: JSON's own, or the words and digits of a query."""
        value = self.raw.get(name)
        return value not in FALSE if isinstance(value, str) else bool(value)

    def number(self, name: str, default: int | None = None) -> int:
        """Read a whole number."""
        if default is None:
            self.require(name)
        value = self.raw.get(name)
        if value in (None, ""):
            return default or 0
        try:
            return int(str(value))
        except ValueError as error:
            raise ApiError(
                "invalid_arguments", messages=[f"[ERROR] must be an integer [json-pointer:/{name}]"]
            ) from error

    def structure(self, name: str, *, error: str = "invalid_arguments") -> Any:
        """Read a list or an object, which a query or form carries as a JSON string; None when not given."""
        value = self.raw.get(name)
        if value in (None, ""):
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as bad:
                raise ApiError(
                    error, messages=[f"[ERROR] must be valid JSON [json-pointer:/{name}]"]
                ) from bad
        return value

    def objects(self, name: str, *, error: str = "invalid_arguments") -> list[Json]:
        """Read a list of objects; empty when not given."""
        value = self.structure(name, error=error)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ApiError(error, messages=[f"[ERROR] must be an array of objects [json-pointer:/{name}]"])
        return value

    def words(self, name: str) -> list[str]:
        """Read a list of words: a JSON array, or separated by commas."""
        value = self.raw.get(name)
        if value in (None, ""):
            return []
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = self.structure(name)
        words: Sequence[Any] = value if isinstance(value, list) else str(value).split(",")
        return [str(word).strip() for word in words if str(word).strip()]
