"""A customer of DashScope with a key, somebody who hosts pictures, the stand-in between them: over HTTP."""

import io
import time
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.vendors.dashscope import DashscopeStandIn
from bot.sandbox.vendors.dashscope_control import DashscopeControl
from tests.sandbox.vendors.scene import Album, Clock

API_KEY = "test-api-key"
PORTRAITS = "/services/aigc/album/gen_potrait"
ASYNC = {"X-DashScope-Async": "enable"}
INSTANT = {
    "train_seconds": 0,
    "infer_seconds": 0,
    "cancel_seconds": 0,
    "fetch_pause_seconds": 0,
    "creates_per_second": 0,
    "checks_per_second": 0,
    "queries_per_second": 0,
}


def photo(shade: int = 40, size: tuple[int, int] = (256, 300), encoder: str = "JPEG") -> bytes:
    """A photo that runs from one colour to another, and can be told from the others."""
    across = np.linspace(0, 1, size[0])[None, :, None] * np.array((shade, 255 - shade, 120))
    sink = io.BytesIO()
    Image.fromarray(np.uint8(np.repeat(across, size[1], axis=0))).save(sink, encoder)
    return sink.getvalue()


def flat_photo() -> bytes:
    """A photo on which there is nothing at all."""
    sink = io.BytesIO()
    Image.new("RGB", (300, 300), (90, 90, 90)).save(sink, "JPEG")
    return sink.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of files by their names."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return sink.getvalue()


class Gallery(Album):
    """Hosts photos large enough for this vendor, and whatever else a test hangs up."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: dict[str, bytes] = {}

    def hang(self, name: str, data: bytes) -> str:
        """Host something, and answer its link."""
        self.pictures[name] = data
        return f"{self.origin}/hung/{name}"

    def links(self, count: int = 2) -> list[str]:
        return super().links(count)

    def app(self) -> Starlette:
        app = super().app()
        app.routes.append(Route("/hung/{name:path}", self._hung))
        return app

    async def _hung(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(self.pictures[request.path_params["name"]], media_type="image/jpeg")

    async def _photo(self, request: Request) -> Response:
        await super()._photo(request)
        return Response(photo(40 * request.path_params["index"] + 20), media_type="image/jpeg")


@dataclass
class Studio:
    """Everybody in the room. `http` sends the key with every call; `base` is the API's."""

    vendor: DashscopeStandIn
    control: DashscopeControl
    http: httpx.AsyncClient
    gallery: Gallery
    state_dir: Path
    clock: Clock | None = None

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """The body of an answer that must be a yes."""
        response = await self.http.request(method, path, **options)
        body = response.json()
        assert response.status_code == 200, body
        assert "code" not in body, body
        assert body.pop("request_id")
        return body

    @property
    def now(self) -> float:
        """What its clock shows."""
        assert self.clock is not None
        return self.clock.now

    async def turn(self, seconds: float) -> None:
        """Let time pass, and whoever waits for it notice."""
        assert self.clock is not None
        self.clock.now += seconds
        await self.control.turn()

    # Files.

    async def upload(self, *files: tuple[str, bytes], **fields: Any) -> Any:
        """Upload files; the `data` of the answer."""
        parts = [("files", (name, data)) for name, data in files]
        body = await self.ask("POST", "/files", files=parts, data={"purpose": "fine-tune", **fields})
        return body["data"]

    async def file(self, data: bytes, name: str = "a.jpg") -> str:
        """Upload one file, and answer its id."""
        return str((await self.upload((name, data)))["uploaded_files"][0]["file_id"])

    # Trainings.

    async def create(self, sources: Sequence[str] | None = None, **changes: Any) -> httpx.Response:
        """Order a training."""
        order = {
            "model": "facechain-finetune",
            "training_file_ids": self.gallery.links() if sources is None else sources,
            **changes,
        }
        return await self.http.post("/fine-tunes", json=order)

    async def train(self, sources: Sequence[str] | None = None, **changes: Any) -> str:
        """Order a training that must be taken, and answer its id."""
        response = await self.create(sources, **changes)
        assert response.status_code == 200, response.text
        return str(response.json()["output"]["job_id"])

    async def job(self, job_id: str) -> Any:
        """A training as the API tells it."""
        return (await self.ask("GET", f"/fine-tunes/{job_id}"))["output"]

    async def trained(self, sources: Sequence[str] | None = None) -> str:
        """Train a face and answer the job's id."""
        job_id = await self.train(sources)
        await self.control.wait_for_job("training", job_id)
        return job_id

    async def failed(self, sources: Sequence[str]) -> tuple[str, str]:
        """Train on something that must fail, and answer the reason."""
        job_id = await self.train(sources)
        await self.control.wait_for_job("training", job_id, "FAILED")
        job = await self.job(job_id)
        return job["code"], job["message"]

    async def face(self) -> str:
        """Train a face and answer its id."""
        return str((await self.job(await self.trained()))["finetuned_output"])

    # Portraits.

    async def wish(self, face: str | None = "women_model", **changes: Any) -> httpx.Response:
        """Order portraits. A field that is None is left out."""
        parameters = {"style": "f_business_male", "n": 1, **changes.pop("parameters", {})}
        order = {
            "model": "facechain-generation",
            "input": {},
            "parameters": {name: value for name, value in parameters.items() if value is not None},
            "resources": None if face is None else [{"resource_id": face, "resource_type": "facelora"}],
            **changes,
        }
        body = {name: value for name, value in order.items() if value is not None}
        return await self.http.post(PORTRAITS, json=body, headers=ASYNC)

    async def ordered(self, face: str | None = "women_model", **changes: Any) -> str:
        """Order portraits that must be taken, and answer the task's id."""
        response = await self.wish(face, **changes)
        assert response.status_code == 200, response.text
        return str(response.json()["output"]["task_id"])

    async def task(self, task_id: str) -> Any:
        """A task as the API tells it."""
        return (await self.ask("GET", f"/tasks/{task_id}"))["output"]

    async def portraits(
        self, face: str | None = "women_model", status: str = "SUCCEEDED", **changes: Any
    ) -> Any:
        """Order portraits, wait for the end, and answer the task."""
        task_id = await self.ordered(face, **changes)
        await self.control.wait_for_job("inference", task_id, status)
        return await self.task(task_id)


def customer(base_url: str) -> httpx.AsyncClient:
    """A client that sends the key with every call."""
    headers = {"Authorization": f"Bearer {API_KEY}"}
    return httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, timeout=30)


@asynccontextmanager
async def open_studio(
    state_dir: Path, gallery: Gallery, clock: Clock | None = None, *, port: int = 0
) -> AsyncIterator[Studio]:
    async with (
        DashscopeStandIn.start(state_dir, api_key=API_KEY, port=port, clock=clock or time.time) as vendor,
        DashscopeControl(vendor.origin) as control,
        customer(vendor.base_url) as http,
    ):
        yield Studio(vendor, control, http, gallery, state_dir, clock)


def beijing(text: str) -> float:
    """An instant as the vendor tells it, with or without milliseconds."""
    return datetime.fromisoformat(text + "+08:00").timestamp()


async def bare(link: str, **headers: str) -> httpx.Response:
    """Fetch a link with nothing but the link."""
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.get(link, headers=headers)


def refusal(response: httpx.Response, status: int, code: str) -> str:
    """A refusal must be this one and flat; its message."""
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert set(body) == {"request_id", "code", "message"}
    assert body["request_id"]
    return str(body["message"])
