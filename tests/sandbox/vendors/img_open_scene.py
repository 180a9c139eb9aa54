"""A customer of Img Open with keys, a server that is told results, and the stand-in, over real HTTP."""

import json
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.vendors.img_open import ImgOpenStandIn
from bot.sandbox.vendors.img_open_control import ImgOpenControl
from tests.sandbox.vendors.scene import Album, Clock

KEY_ID, SECRET = "test-key-id", "test-key-secret"
KEYS = {"X-Request-req-accessKeyId": KEY_ID, "X-Request-req-accessKeySecret": SECRET}
SERVICE = "/AIGCImgOpenServ/saas"
SUBMIT = "/modelTraining/submitTraining/Job"
RESULT = "/modelTraining/queryTraining/Job"
MODELS = "/sd/v2/queryModelList"
LORAS = "/sd/v2/queryLoraList"
TEXT = "/sd/v2/text2image"
IMAGE = "/sd/v2/image2image"
LIVE = "/sd/v2/queryTaskInfo"
ARCHIVE = "/sd/queryTaskInfo"
INSTANT = "/tool/instantID"
TOOL = "/tool/instantID/queryTask"
CHECKPOINT = "v1-5-pruned-emaonly.safetensors"


class Hook:
    """The customer's server that results are posted to; it answers as it is told, then as it should."""

    def __init__(self) -> None:
        self.origin = ""
        self.answers: deque[Response] = deque()
        self.requests: list[Request] = []
        self.bodies: list[Any] = []

    @property
    def url(self) -> str:
        return f"{self.origin}/hooks/img-open/secret-word"

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/hooks/img-open/secret-word", self._told, methods=["POST"])])

    async def _told(self, request: Request) -> Response:
        self.requests.append(request)
        self.bodies.append(json.loads(await request.body()))
        return self.answers.popleft() if self.answers else Response('{"code": "200"}')


class Customer:
    """Posts JSON with the two headers, as a client of the vendor would."""

    def __init__(self, origin: str) -> None:
        self.http = httpx.AsyncClient(base_url=origin, trust_env=False, timeout=30)

    async def aclose(self) -> None:
        await self.http.aclose()

    async def call(
        self, path: str, body: Any = None, *, headers: Mapping[str, str] = KEYS, raw: bytes | None = None
    ) -> httpx.Response:
        content = json.dumps({} if body is None else body).encode() if raw is None else raw
        kind = {"content-type": "application/json"}
        return await self.http.post(SERVICE + path, content=content, headers={**kind, **headers})

    async def ask(self, path: str, body: Any = None) -> Any:
        """The data of an answer that must be a success."""
        response = await self.call(path, body)
        answer = response.json()
        assert (response.status_code, answer["code"], answer["msg"]) == (200, "200", "success"), answer
        return answer.get("data")


@dataclass
class Setup:
    """Everybody in the room."""

    vendor: ImgOpenStandIn
    control: ImgOpenControl
    customer: Customer
    album: Album
    state_dir: Path
    clock: Clock | None = None
    names: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    async def turn(self, seconds: float) -> None:
        """Turn the clock, and let the stand-in notice."""
        assert self.clock is not None
        self.clock.now += seconds
        await self.control.settings()

    def training(self, **changes: Any) -> dict[str, Any]:
        """The least that can be ordered, and changes to it; None takes a field away."""
        order = {"taskId": f"slk-{next(self.names)}", "fileUrlList": self.album.links(10)} | changes
        return {name: value for name, value in order.items() if value is not None}

    async def submit(self, **changes: Any) -> str:
        """Order a training and answer its id."""
        order = self.training(**changes)
        assert await self.customer.ask(SUBMIT, order) is None
        return str(order["taskId"])

    async def trained(self, **changes: Any) -> str:
        """Order a training and wait until it is done."""
        task = await self.submit(**changes)
        await self.control.wait_for_job("training", task)
        return task

    def picture(self, **changes: Any) -> dict[str, Any]:
        """A body of text2image; fields of `alwayson_scripts` may be given by name."""
        service: dict[str, Any] = {"id_task": f"gen-{next(self.names)}", "sd_model_checkpoint": CHECKPOINT}
        for name in ("id_task", "sd_model_checkpoint", "sd_vae", "override_settings", "output_image_format"):
            if name in changes:
                service[name] = changes.pop(name)
        for name in ("image_link", "mask_link", "ADetailer"):
            if name in changes:
                service[name] = changes.pop(name)
        service = {name: value for name, value in service.items() if value is not None}
        order = {
            "prompt": "portrait photo of a person in a park",
            "batch_size": 1,
            "seed": "7",
            "width": 128,
            "height": 192,
            "alwayson_scripts": service,
        }
        return {name: value for name, value in (order | changes).items() if value is not None}

    async def draw(self, path: str = TEXT, **changes: Any) -> dict[str, Any]:
        """Order pictures, wait for them and answer what the live query says."""
        order = self.picture(**changes)
        task = (await self.customer.ask(path, order))["task_id"]
        await self.control.wait_for_job("inference", task)
        return dict(await self.live(task))

    async def live(self, task: str) -> Any:
        return await self.customer.ask(LIVE, {"businessTaskId": task})

    async def result(self, task: str) -> Any:
        return await self.customer.ask(RESULT, {"taskId": task})


@asynccontextmanager
async def open_setup(
    state_dir: Path, album: Album, clock: Clock | None = None, *, port: int = 0
) -> AsyncIterator[Setup]:
    watch = {} if clock is None else {"clock": clock}
    async with ImgOpenStandIn.start(
        state_dir, access_key_id=KEY_ID, access_key_secret=SECRET, port=port, **watch
    ) as vendor:
        customer = Customer(vendor.origin)
        async with ImgOpenControl(vendor.origin) as control:
            try:
                yield Setup(vendor, control, customer, album, state_dir, clock)
            finally:
                await customer.aclose()


def refused(response: httpx.Response, code: str, *words: str) -> None:
    """An answer of HTTP 200 whose body says no, in words that name what is wrong."""
    body = response.json()
    assert (response.status_code, body["code"]) == (200, code), body
    assert set(body) == {"code", "msg"}
    for word in words:
        assert word in body["msg"], body
