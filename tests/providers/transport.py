"""A client whose wire is a function, and a clock that only moves when somebody sleeps on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from bot.providers import (
    HttpClient,
    ProviderError,
)
from bot.providers._http import HostAuth

ANY: TypeAdapter[Any] = TypeAdapter(Any)
SECRET = "sk-very-secret"


class Time:
    """A clock that only moves when somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Keys(HostAuth):
    def sign(self, request: httpx.Request) -> None:
        request.headers["authorization"] = f"Bearer {SECRET}"


Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def client(handler: Any, **facts: Any) -> HttpClient:
    facts = {"per_second": 1000.0} | facts
    return HttpClient("https://vendor.example", transport=httpx.MockTransport(handler), **facts)


def answering(status: int = 200, **facts: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, **facts)


async def failure(http: HttpClient, method: str = "GET", **facts: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await http.call(method, "/things", ANY, **facts)
    return caught.value


async def pieces(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in stream])
