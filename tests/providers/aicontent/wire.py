"""Plays AIContent one answer at a time, for tests of what each answer means."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from bot.providers import (
    Artifact,
    GenerationSpec,
    MediaInput,
    RemoteRef,
    TrainingSpec,
)
from bot.providers.aicontent import Aicontent
from bot.providers.aicontent.settings import AicontentSettings
from tests.providers.aicontent.bench import HERE, KEY_ID, PREFIX, SECRET

HOST = "https://aicontent.aliyuncs.com"
MODEL = "person_6dcc62b4-4019-11ef-a7fd-954b0578482b"
TRAINING = RemoteRef(kind="training", id="456")
GENERATION = RemoteRef(kind="generation", id="3220", model_id=MODEL)
IMAGE = Artifact(locator=json.dumps([MODEL, "2a3d91c0-401a-11ef-a7fd-954b0578482b", "0000.png"]))


def sample(name: str, **data: Any) -> dict[str, Any]:
    """A body of the vendor's, with fields of its payload changed."""
    body: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    if data:
        row = body["data"][0] if isinstance(body["data"], list) else body["data"]
        row.update(data)
    return body


def sent(name: str) -> Any:
    return json.loads((HERE / f"{name}.request.json").read_text(encoding="utf-8"))


class Wire:
    """Answers operations with bodies, and keeps what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[request.url.path.removeprefix(PREFIX)]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    @property
    def asked(self) -> list[str]:
        return [request.url.path.removeprefix(PREFIX) for request in self.requests]


def vendor(wire: Callable[[httpx.Request], httpx.Response], **facts: Any) -> Aicontent:
    settings = AicontentSettings(
        **{"access_key_id": KEY_ID, "access_key_secret": SECRET, "requests_per_second": 1000, **facts}
    )
    return Aicontent(settings, Aicontent.client(settings, transport=httpx.MockTransport(wire)))


def training(**facts: Any) -> TrainingSpec:
    links = ("https://example.com/p/1.jpg", "https://example.com/p/2.jpg")
    photos = tuple(
        MediaInput(role="photo", path=Path("/nowhere"), media_type="image/jpeg", url=link) for link in links
    )
    return TrainingSpec(**{"inputs": photos, "subject": "person", "options": {"train_steps": 800}, **facts})


def generation(prompt: str | None = "a {token} in the snow", **facts: Any) -> GenerationSpec:
    return GenerationSpec(**{"model_id": MODEL, "prompt": prompt, "count": 4, "seed": 42, **facts})


def error(
    status: int, name: str = "error_business", *, headers: dict[str, str] | None = None, **fields: Any
) -> Any:
    return httpx.Response(status, json=sample(name) | fields, headers=headers)


async def image_of(provider: Aicontent) -> bytes:
    return b"".join([piece async for piece in provider.fetch(GENERATION, IMAGE)])
