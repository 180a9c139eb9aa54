"""What the four vendors are asked about one running job, and what their stand-ins answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from bot.providers import (
    MediaInput,
    OneshotSpec,
    Provider,
    RemoteRef,
    Role,
    TrainingSpec,
    discover,
)
from bot.sandbox.vendors.aicontent import AicontentStandIn
from bot.sandbox.vendors.dashscope import DashscopeStandIn
from bot.sandbox.vendors.img_open import ImgOpenStandIn
from bot.sandbox.vendors.metastudio import PROJECT_ID, MetastudioStandIn
from bot.services.outcomes import word

KEY_ID, SECRET = "sandbox-key-id", "sandbox-key-secret"
STAND_INS: dict[str, Any] = {
    "aicontent": AicontentStandIn,
    "dashscope": DashscopeStandIn,
    "img_open": ImgOpenStandIn,
    "metastudio": MetastudioStandIn,
}
KINDS = {"aicontent": "oneshot"}
"""What is asked about; elsewhere a training. AIContent answers two questions about one."""
_OWN = ("content-type", "x-acs-action", "x-acs-version")
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and its answer, as they were on the wire."""

    vendor: str
    kind: str
    id: str
    method: str
    target: str
    headers: dict[str, str]
    body: str
    answer: str
    word: str | None
    """The vendor's word of it as the product keeps it."""
    progress: float | None


def provider_at(vendor: str, endpoint: str, at_once: int, **transport: Any) -> Provider[Any]:
    """The product's adapter, in no hurry to ask twice."""
    settings: dict[str, Any] = {
        "endpoint": endpoint,
        "connections": at_once,
        "requests_per_second": 1000,
        **{f"{work}_poll_{which}": _HOUR for work in ("train", "generate") for which in ("first", "most")},
        **{f"{work}_deadline": 100 * _HOUR for work in ("train", "generate")},
    }
    match vendor:
        case "dashscope":
            settings["api_key"] = "sandbox-api-key"
        case "metastudio":
            settings |= {"project_id": PROJECT_ID}
        case "aicontent":
            settings |= {"oneshot": True}
    if vendor != "dashscope":
        settings |= {"access_key_id": KEY_ID, "access_key_secret": SECRET}
    kind = discover()[vendor]
    made = kind.Settings(**settings)
    return kind(made, kind.client(made, **transport))


class _Tape(httpx.AsyncBaseTransport):
    """Passes calls on, and keeps the newest."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self.request: httpx.Request | None = None
        self.answer = b""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        self.request, self.answer = request, await response.aread()
        return httpx.Response(response.status_code, content=self.answer)

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def _stand_in(vendor: str, folder: Path) -> AsyncIterator[str]:
    async with STAND_INS[vendor].start(folder / vendor) as running:
        yield running.origin


async def listen(folder: Path) -> list[dict[str, Any]]:
    """Start a job at each stand-in, ask about it once, and keep both sides of that."""
    found = []
    for vendor in STAND_INS:
        async with _stand_in(vendor, folder) as origin:
            tape = _Tape()
            provider = provider_at(vendor, origin, 4, transport=tape)
            ref = await _started(provider, folder)
            told = await provider.poll(ref)
            assert tape.request is not None
            asked = Asked(
                vendor=vendor,
                kind=ref.kind,
                id=ref.id,
                method=tape.request.method,
                target=tape.request.url.raw_path.decode(),
                headers={name: tape.request.headers[name] for name in _OWN if name in tape.request.headers},
                body=tape.request.content.decode(),
                answer=tape.answer.decode(),
                word=word(told),
                progress=told.progress,
            )
            assert asked.id in asked.target + asked.body, vendor
            found.append(asdict(asked))
            await provider.http.aclose()
    return found


async def _started(provider: Provider[Any], folder: Path) -> RemoteRef:
    alone = KINDS.get(provider.name) == "oneshot"
    operation = provider.capabilities.oneshot if alone else provider.capabilities.training
    assert operation is not None
    inputs = []
    for spec in operation.inputs:
        for number in range(max(1, spec.min)):
            path = folder / f"{provider.name}-{spec.role.value}-{number}"
            path.write_bytes(b"x" * 64)
            # A link to nothing: what is asked about is a job that waits, not one that is done.
            link = f"http://127.0.0.1:9/{path.name}.jpg"
            kind = "video/mp4" if spec.role is Role.VIDEO else spec.media_types[0]
            inputs.append(MediaInput(role=spec.role, path=path, media_type=kind, url=link))
    given = tuple(inputs)
    if alone:
        wish = OneshotSpec(inputs=given, subject=operation.subjects[0], prompt="a portrait", count=1)
        return (await provider.oneshot(wish, key="job_0")).ref
    return (await provider.submit(TrainingSpec(inputs=given, subject=operation.subjects[0]), key="job_0")).ref
