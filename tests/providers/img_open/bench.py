"""Img Open in memory, made of the bodies beside this file."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from bot.providers import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    OutcomeUnknown,
    RateLimited,
    RemoteState,
    Unavailable,
)
from bot.providers.img_open import CHECKPOINTS, LIVE, PAINT, TRAIN, ImgOpen
from bot.providers.img_open.settings import SAAS, ImgOpenSettings
from tests.providers.bench import End, HttpBench, Refusal, Word

KEY_ID, SECRET = "test-key-id-of-ours", "test-secret-of-ours"
HERE = Path(__file__).parent
RESULTS = "https://aigcoss.example/"
RESULT, ARCHIVE, LORAS = (
    f"{SAAS}/{path}"
    for path in ("modelTraining/queryTraining/Job", "sd/queryTaskInfo", "sd/v2/queryLoraList")
)


def body(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 36), (200, 80, 40)).save(out, "PNG")
    return out.getvalue()


class Vendor:
    """Keeps trainings and images by our ids, and answers each path with its body."""

    def __init__(self) -> None:
        self.trainings: dict[str, dict[str, Any]] = {}
        self.images: dict[str, dict[str, Any]] = {}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if str(request.url).startswith(RESULTS):
            assert not [name for name in request.headers if name.startswith("x-request-req")]
            return httpx.Response(200, content=png())
        assert request.method == "POST"
        assert request.headers["X-Request-req-accessKeyId"] == KEY_ID
        assert request.headers["X-Request-req-accessKeySecret"] == SECRET
        return self._answers[request.url.path](self, json.loads(request.content))

    def finish(self) -> None:
        for training in self.trainings.values():
            training |= body("result_succeeded")["data"] | {
                "taskId": training["taskId"],
                "loraName": training["taskId"],
            }
        for name, made in self.images.items():
            (sample,) = body("task_succeeded")["data"]["differentialImageRspList"]
            made |= {"status": 2, "desc": "Success"}
            made["differentialImageRspList"] = [
                sample | {"image_url": f"{RESULTS}Output/{name}-{n}.png"} for n in range(made["count"])
            ]

    def train(self, asked: dict[str, Any]) -> httpx.Response:
        if asked["taskId"] in self.trainings:
            return refusal("the taskId already exists")
        waiting = body("result_running")["data"] | {"taskId": asked["taskId"], "status": 3}
        self.trainings[asked["taskId"]] = waiting
        return httpx.Response(200, json=body("submit_training"))

    def result(self, asked: dict[str, Any]) -> httpx.Response:
        if asked["taskId"] not in self.trainings:
            return refusal("the task does not exist")
        return httpx.Response(200, json=body("result_running") | {"data": self.trainings[asked["taskId"]]})

    def checkpoints(self, asked: dict[str, Any]) -> httpx.Response:
        listed = body("list_checkpoints")
        (row,) = listed["data"]["rows"]
        listed["data"]["rows"] = [
            row,
            row | {"id": 40, "sdModelCheckpoint": "v1-5-pruned-emaonly.safetensors"},
        ]
        return httpx.Response(200, json=listed)

    def loras(self, asked: dict[str, Any]) -> httpx.Response:
        listed = body("list_loras")
        (row,) = listed["data"]["rows"]
        done = [one["loraName"] for one in self.trainings.values() if one["status"] == 2]
        listed["data"]["rows"] = [row | {"sdLoraName": name} for name in done]
        return httpx.Response(200, json=listed)

    def paint(self, asked: dict[str, Any]) -> httpx.Response:
        name = asked["alwayson_scripts"]["id_task"]
        if name in self.images:
            return refusal("id_task is repeated")
        self.images[name] = {"id_task": name, "status": 3, "count": asked["n_iter"] * asked["batch_size"]}
        return httpx.Response(200, json=body("text2image") | {"data": {"task_id": name}})

    def task(self, asked: dict[str, Any]) -> httpx.Response:
        made = self.images.get(asked["businessTaskId"])
        return (
            httpx.Response(200, json=body("task_succeeded") | {"data": made})
            if made
            else refusal("not found")
        )

    _answers: dict[str, Any] = {  # noqa: RUF012
        TRAIN: train,
        RESULT: result,
        CHECKPOINTS: checkpoints,
        LORAS: loras,
        PAINT: paint,
        LIVE: task,
        ARCHIVE: task,
    }


def refusal(message: str, code: str = "1001") -> httpx.Response:
    return httpx.Response(200, json=body("error") | {"code": code, "msg": message})


class ImgOpenBench(HttpBench):
    """The vendor without the vendor."""

    def __init__(self) -> None:
        self.vendor = Vendor()
        settings = ImgOpenSettings(
            access_key_id=KEY_ID,
            access_key_secret=SECRET,
            requests_per_second=1000,
            checkpoint="v1-5-pruned-emaonly.safetensors",
        )
        super().__init__(ImgOpen, settings, self.vendor)

    def finish(self) -> None:
        self.vendor.finish()

    @property
    def created(self) -> int:
        return len(self.vendor.trainings) + len(self.vendor.images)

    def secrets(self) -> tuple[str, ...]:
        return (*super().secrets(), KEY_ID, SECRET)

    def words(self) -> tuple[Word, ...]:
        return WORDS

    def say(self, kind: str, word: str) -> None:
        self.vendor.finish()
        jobs = self.vendor.trainings if kind == "training" else self.vendor.images
        for job in jobs.values():
            job["status"] = int(word) if word.lstrip("-").isdigit() else word or None
            if not word:
                # What names a result would say that it is done.
                for name in ("loraName", "modelUrl"):
                    job.pop(name, None)

    def refusals(self) -> tuple[Refusal, ...]:
        return REFUSALS

    def ends(self) -> tuple[End, ...]:
        # It has sentences in the place of codes, and an audit of each image.
        return (
            *(End(kind, "image download failed", tentative=True, words="download") for kind in _KINDS),
            End("generation", "", tentative=True, words="Success"),
            End("generation", "audit", None, raises=ContentRejected, words="moderation"),
        )

    def end(self, end: End) -> None:
        self.vendor.finish()
        for job in (self.vendor.trainings if end.kind == "training" else self.vendor.images).values():
            if end.code == "audit":
                for image in job["differentialImageRspList"]:
                    image["img_audit_status"] = False
            elif end.code:
                job |= {"status": 4, "desc": end.code, "differentialImageRspList": []}
            else:
                job["differentialImageRspList"] = []


_KINDS = ("training", "generation")
_BOTH = {
    "0": RemoteState.QUEUED,
    "3": RemoteState.QUEUED,
    "1": RemoteState.RUNNING,
    "2": RemoteState.SUCCEEDED,
    "success": RemoteState.SUCCEEDED,
    "succeed": RemoteState.SUCCEEDED,
    "finished": RemoteState.SUCCEEDED,
    "done": RemoteState.SUCCEEDED,
    "run": RemoteState.RUNNING,
    "running": RemoteState.RUNNING,
    "training": RemoteState.RUNNING,
    "processing": RemoteState.RUNNING,
    "wait": RemoteState.QUEUED,
    "queue": RemoteState.QUEUED,
    "pending": RemoteState.QUEUED,
    "": RemoteState.RUNNING,
    "SUCCESS": RemoteState.SUCCEEDED,
    "Training": RemoteState.RUNNING,
    "QUEUE": RemoteState.QUEUED,
}
_BAD = {
    "4": RemoteState.FAILED,
    "-1": RemoteState.FAILED,
    "fail": RemoteState.FAILED,
    "failed": RemoteState.FAILED,
    "FAILED": RemoteState.FAILED,
    "error": RemoteState.FAILED,
    "canceled": RemoteState.CANCELLED,
    "cancelled": RemoteState.CANCELLED,
}
WORDS = (
    *(Word(kind, *row) for kind in ("training", "generation") for row in _BOTH.items()),
    # Its numbers are guessed: a failure is believed only when it is read twice.
    *(Word(kind, *row, tentative=True) for kind in ("training", "generation") for row in _BAD.items()),
)


def _no(status: int, code: str, words: str, asking: Any, starting: Any = None, told: str = "") -> Refusal:
    return Refusal(status, {"code": code, "msg": words}, asking, starting or asking, told)


REFUSALS = (
    _no(200, "1001", "wrong parameter", InvalidInput),
    _no(200, "500", "oops", Unavailable, InvalidInput),
    _no(200, "500", "system busy", Unavailable, OutcomeUnknown),
    _no(200, "502", "oops", Unavailable, OutcomeUnknown),
    _no(200, "503", "oops", Unavailable),
    _no(200, "504", "oops", Unavailable, OutcomeUnknown),
    _no(200, "429", "slow", RateLimited),
    _no(200, "401", "no", AuthenticationFailed, told="IMG_OPEN_ACCESS_KEY_ID"),
    _no(200, "403", "no", AuthenticationFailed, told="lets their account not use this"),
    _no(200, "1002", "accessKey is invalid", AuthenticationFailed, told="IMG_OPEN_ACCESS_KEY_ID"),
    _no(200, "1003", "permission denied", AuthenticationFailed, told="lets their account not use this"),
    _no(200, "1004", "auth failed", AuthenticationFailed, told="IMG_OPEN_ACCESS_KEY_ID"),
    _no(401, "", "", AuthenticationFailed, told="IMG_OPEN_ACCESS_KEY_ID"),
    _no(403, "", "", AuthenticationFailed, told="lets their account not use this"),
    _no(429, "", "", RateLimited),
    _no(500, "", "", Unavailable, OutcomeUnknown),
    _no(502, "", "", Unavailable, OutcomeUnknown),
    _no(503, "", "", Unavailable),
    _no(504, "", "", Unavailable, OutcomeUnknown),
    # A page is a gateway's, whatever status it comes with.
    Refusal(200, "<html>bad gateway</html>", Unavailable, OutcomeUnknown),
    Refusal(502, "<html>bad gateway</html>", Unavailable, OutcomeUnknown),
)

bench = ImgOpenBench
