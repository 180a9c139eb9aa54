"""A customer with a key, somebody who hosts photos, and the stand-in between them, over real HTTP."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.sandbox.clock import WorldClock, wall_of
from bot.sandbox.vendors.acs3 import Key, Signer, canonical_query
from bot.sandbox.vendors.aicontent import AicontentStandIn
from bot.sandbox.vendors.control import AicontentControl

KEY = Key("test-key-id", "test-key-secret")
STS = Key("test-sts-id", "test-sts-secret", "test-sts-token")
PREFIX = "/api/v1/personalizedtxt2img"
PATHS = {
    "AddModelTrainJob": ("POST", "/addModelTrainJob"),
    "QueryModelTrainJobList": ("GET", "/queryModelTrainJobList"),
    "QueryModelTrainStatus": ("GET", "/queryModelTrainStatus"),
    "AddInferenceJob": ("POST", "/addInferenceJob"),
    "QueryInferenceJobInfo": ("GET", "/queryInferenceJobInfo"),
    "QueryImageAsset": ("GET", "/queryImageAsset"),
}
PROMPT = "a <special-token> in the snow"


def small_photo(shade: int) -> bytes:
    """A photo that costs nothing to make and can be told from the others."""
    across = np.linspace(0, 1, 48)[None, :, None] * np.array((shade, 255 - shade, 120))
    sink = io.BytesIO()
    Image.fromarray(np.uint8(np.repeat(across, 40, axis=0))).save(sink, "JPEG")
    return sink.getvalue()


class Album:
    """Hosts photos under links, and remembers who came for them with what."""

    def __init__(self) -> None:
        self.origin = ""
        self.requests: list[Request] = []
        self.busy_for = 0
        self.open_for = 1000
        self.opened = asyncio.Event()

    def links(self, count: int = 4) -> list[str]:
        return [f"{self.origin}/photo/{index}.jpg?sign=secret-{index}" for index in range(count)]

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/photo/{index:int}.jpg", self._photo),
                Route("/page", self._page),
                Route("/away", self._away),
                Route("/endless", self._endless),
                Route("/busy", self._busy),
            ]
        )

    async def _photo(self, request: Request) -> Response:
        self.requests.append(request)
        if len(self.requests) > self.open_for:
            await self.opened.wait()
        return Response(small_photo(40 * request.path_params["index"] % 256), media_type="image/jpeg")

    async def _page(self, _: Request) -> Response:
        return Response("<html>Please log in.</html>", media_type="image/jpeg")

    async def _away(self, _: Request) -> Response:
        return RedirectResponse(self.links(1)[0])

    async def _endless(self, _: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield bytes(1024 * 1024)

        return StreamingResponse(body(), media_type="image/jpeg")

    async def _busy(self, request: Request) -> Response:
        self.requests.append(request)
        if self.busy_for:
            self.busy_for -= 1
            return Response(status_code=503)
        return Response(small_photo(99), media_type="image/jpeg")


class Customer:
    """Signs and sends calls as a client of the vendor would."""

    def __init__(self, origin: str, key: Key = KEY, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._host = origin.removeprefix("http://")
        self._signer = Signer(key, host=self._host, version="20240611")
        self._http = httpx.AsyncClient(base_url=origin, trust_env=False, timeout=30)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def call(
        self,
        action: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
        nonce: str | None = None,
        named: str | None = None,
        raw: bytes | None = None,
    ) -> httpx.Response:
        method, path = PATHS[action]
        given = dict(arguments or {})
        posting = method == "POST"
        body = b"" if not posting else json.dumps(given).encode() if raw is None else raw
        params = {} if posting else {name: str(value) for name, value in given.items()}
        headers = self._signer.headers(
            method,
            PREFIX + path,
            action=f"Personalizedtxt2img{named or action}",
            params=params,
            body=body,
            at=at or datetime.fromtimestamp(self._clock(), UTC),
            nonce=nonce,
        )
        query = canonical_query(params.items())
        url = PREFIX + path + (f"?{query}" if query else "")
        return await self._http.request(method, url, headers=headers, content=body)

    async def ask(self, action: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """The data of an answer that must be a success."""
        response = await self.call(action, arguments)
        body = response.json()
        assert (response.status_code, body["success"], body["errCode"]) == (200, True, None), body
        return body["data"]


@dataclass
class Clock:
    """Tells the stand-in the time; a test turns it."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass
class Setup:
    """Everybody in the room."""

    vendor: AicontentStandIn
    control: AicontentControl
    customer: Customer
    album: Album
    state_dir: Path
    clock: Clock | None = None
    names: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    def training_order(self, **changes: Any) -> dict[str, Any]:
        order = {"name": f"order-{next(self.names)}", "objectType": "dog", "imageUrl": self.album.links()}
        return {name: value for name, value in (order | changes).items() if value is not None}

    async def train(self, **changes: Any) -> str:
        """Order a training and answer its id."""
        data = await self.customer.ask("AddModelTrainJob", self.training_order(**changes))
        return str(data["id"])

    async def model(self) -> str:
        """Train a model and answer its id."""
        job_id = await self.train()
        await self.control.wait_for_job("training", job_id)
        listed = await self.customer.ask("QueryModelTrainJobList")
        return str(next(job["modelId"] for job in listed if job["id"] == job_id))

    async def infer(self, model_id: str, **changes: Any) -> dict[str, Any]:
        """Order pictures, wait for them and answer the finished job."""
        order = {"modelId": model_id, "prompt": PROMPT, "seed": 7} | changes
        data = await self.customer.ask("AddInferenceJob", order)
        await self.control.wait_for_job("inference", data["id"])
        finished = await self.customer.ask("QueryInferenceJobInfo", {"inferenceJobId": data["id"]})
        return dict(finished)

    async def picture(self, job: Mapping[str, Any], image_id: str, **changes: Any) -> httpx.Response:
        arguments = {"modelId": job["modelId"], "promptId": job["promptId"], "imageId": image_id} | changes
        return await self.customer.call("QueryImageAsset", arguments)


@asynccontextmanager
async def open_setup(
    state_dir: Path, album: Album, clock: Clock | WorldClock | None = None, *, port: int = 0
) -> AsyncIterator[Setup]:
    watch = time.time if clock is None else clock
    async with AicontentStandIn.start(
        state_dir,
        access_key_id=KEY.access_key_id,
        access_key_secret=KEY.access_key_secret,
        sts=STS,
        clock=watch,
        port=port,
    ) as vendor:
        customer = Customer(vendor.origin, clock=wall_of(watch))
        async with AicontentControl(vendor.origin) as control:
            try:
                turned = clock if isinstance(clock, Clock) else None
                yield Setup(vendor, control, customer, album, state_dir, turned)
            finally:
                await customer.aclose()
