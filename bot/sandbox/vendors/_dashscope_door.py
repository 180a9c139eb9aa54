"""The door of the DashScope stand-in: the key, the workspace, the rates, and what the account may do."""

import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping

from starlette.requests import Request

from bot.sandbox.vendors._dashscope_answers import invalid, refused
from bot.sandbox.vendors._dashscope_settings import Settings
from bot.sandbox.vendors._state import Json

_MAX_BODY = 1024 * 1024
PAID = frozenset({"CreateFineTune", "DetectFaces", "CreatePortraits"})
"""The actions that go to a model: only these ask whether it was activated and whether the bill is paid."""


class Door:
    """Lets a customer's calls in."""

    def __init__(
        self, api_key: str, workspace: str, settings: Callable[[], Settings], clock: Callable[[], float]
    ) -> None:
        self._api_key = api_key
        self.workspace = workspace
        self._settings = settings
        self._clock = clock
        self._taken: dict[str, deque[float]] = {}

    async def let_in(self, action: str, request: Request) -> Request:
        """Look at who calls, and how often. Raises Refused."""
        said = request.headers.get("authorization")
        if said is None:
            raise refused(401, "InvalidApiKey", "No API-key provided.")
        if not secrets.compare_digest(said.encode(), f"Bearer {self._api_key}".encode()):
            raise refused(401, "InvalidApiKey", "Invalid API-key provided.")
        if request.headers.get("x-dashscope-workspace", self.workspace) != self.workspace:
            raise refused(403, "AccessDenied", "The workspace is not accessible.")
        self._pace(action)
        return request

    def check_account(self, action: str) -> None:
        """Look at what the account may do. Raises Refused."""
        settings = self._settings()
        if "*" in settings.denied or action in settings.denied:
            raise refused(403, "AccessDenied", "Access denied.")
        if settings.unpurchased and action in PAID:
            raise refused(
                403, "AccessDenied.Unpurchased", "Access to model denied. Please activate it first."
            )
        if settings.arrears and action in PAID:
            raise refused(
                400, "Arrearage", "Access denied, please make sure your account is in good standing."
            )

    def _pace(self, action: str) -> None:
        settings = self._settings()
        limits: Mapping[str, float] = {
            "CreateFineTune": settings.creates_per_second,
            "CreatePortraits": settings.creates_per_second,
            "DetectFaces": settings.checks_per_second,
            "GetTask": settings.queries_per_second,
        }
        limit = limits.get(action, 0)
        if not limit:
            return
        now, taken = self._clock(), self._taken.setdefault(action, deque())
        # A rate below one a second is one in so many seconds.
        window = max(1.0, 1.0 / limit)
        while taken and not 0 <= now - taken[0] < window:
            taken.popleft()
        if len(taken) >= max(1.0, limit):
            raise refused(
                429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."
            )
        taken.append(now)


async def read_json(request: Request) -> dict[str, Json]:
    """The body of a JSON call. Raises Refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise invalid("The content type must be application/json.")
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > _MAX_BODY:
            raise invalid("The request body is too large.")
    try:
        body = json.loads(data)
    except ValueError as error:
        raise invalid("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise invalid("The request body must be an object.")
    return body


def read_page(request: Request) -> tuple[int, int]:
    """The page's number, from 1, and its size, 1 to 100. Raises Refused."""
    number, size = read_number(request, "page_no", 1), read_number(request, "page_size", 10)
    if number < 1:
        raise invalid("page_no must be at least 1.")
    if not 1 <= size <= 100:
        raise invalid("page_size must be between 1 and 100.")
    return number, size


def read_number(request: Request, name: str, default: int) -> int:
    """A whole number of the query. Raises Refused."""
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise invalid(f"{name} must be a number.")
    return int(text)
