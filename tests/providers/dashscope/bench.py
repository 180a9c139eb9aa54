"""DashScope in memory, made of the bodies beside this file. It reads multipart forms on its own."""

import atexit
import io
import json
import re
import shutil
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from bot.providers import (
    AuthenticationFailed,
    ContentRejected,
    GenerationSpec,
    InvalidInput,
    MediaInput,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    RateLimited,
    RemoteState,
    Retired,
    Role,
    TrainingSpec,
    Unavailable,
)
from bot.providers.dashscope import Dashscope
from bot.providers.dashscope.settings import DashscopeSettings
from tests.providers.bench import SECRET_PROMPT, End, HttpBench, Refusal, Within, Word

KEY = "sk-test-of-a-secret-key"
API = "/api/v1"
HERE = Path(__file__).parent
CHINA = timezone(timedelta(hours=8))
RESULTS = "https://results.example.com/"


def body(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 32), (200, 80, 40)).save(out, "PNG")
    return out.getvalue()


def form(request: httpx.Request) -> dict[str, Any]:
    """The parts of a multipart body, read by the standard library: files as name, type and bytes."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    found: dict[str, Any] = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + request.content).iter_parts():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        found[str(name)] = (
            (part.get_filename(), part.get_content_type(), data) if part.get_filename() else data.decode()
        )
    return found


class Vendor:
    """Keeps files, trainings and tasks, and answers each path with its body."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self.files: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if str(request.url).startswith(RESULTS):
            assert "authorization" not in request.headers
            return httpx.Response(200, content=png())
        assert request.headers["authorization"] == f"Bearer {KEY}"
        path = request.url.path.removeprefix(API)
        for pattern, answer in ROUTES:
            if found := re.fullmatch(pattern, f"{request.method} {path}"):
                made: httpx.Response = answer(self, request, *found.groups())
                return made
        raise AssertionError(f"{request.method} {path} is not on the vendor's page")

    def finish(self) -> None:
        for job in self.jobs.values():
            job |= {"status": "SUCCEEDED", "usage": 1, "output_cnt": 1}
        for task in self.tasks.values():
            links = [
                {"url": f"{RESULTS}{task['task_id']}/{n}.jpg?Expires=1&Signature=x"} for n in range(task["n"])
            ]
            task |= {"task_status": "SUCCEEDED", "results": links}

    def create_job(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        assert set(asked) == {"model", "training_file_ids"}
        number = f"ft-202509020951-{len(self.jobs):04}"
        made = body("create_fine_tune")
        made["output"] |= {
            "job_id": number,
            "finetuned_output": f"facechain-finetune-{number}",
            "training_file_ids": asked["training_file_ids"],
            "create_time": self.now.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S"),
        }
        self.jobs[number] = made["output"]
        return httpx.Response(200, json=made)

    def show_job(self, request: httpx.Request, number: str) -> httpx.Response:
        if number not in self.jobs:
            return httpx.Response(404, json=body("error") | {"code": "NotFound", "message": "No such job."})
        return httpx.Response(200, json=body("fine_tune_succeeded") | {"output": self.jobs[number]})

    def list_jobs(self, request: httpx.Request) -> httpx.Response:
        assert request.url.params["model"] == "facechain-finetune"
        listed = body("list_fine_tunes")
        listed["output"] |= {"total": len(self.jobs), "jobs": list(reversed(self.jobs.values()))}
        return httpx.Response(200, json=listed)

    def stop_job(self, request: httpx.Request, number: str) -> httpx.Response:
        self.jobs[number]["status"] = "CANCELED"
        return httpx.Response(200, json=body("done"))

    def logs(self, request: httpx.Request, number: str) -> httpx.Response:
        return httpx.Response(200, json=body("logs"))

    def upload(self, request: httpx.Request) -> httpx.Response:
        parts = form(request)
        assert parts["purpose"] == "fine-tune"
        name, kind, data = parts["files"]
        made = {"file_id": f"file-{len(self.files)}", "name": name, "description": parts["descriptions"]}
        self.files[made["file_id"]] = made | {"url": f"http://bucket.example.com/{name}?Signature=x"}
        self.files[made["file_id"]]["sent"] = (kind, data)
        answer = body("upload_file")
        answer["data"]["uploaded_files"] = [{"file_id": made["file_id"], "name": name}]
        return httpx.Response(200, json=answer)

    def list_files(self, request: httpx.Request) -> httpx.Response:
        shown = [{k: v for k, v in file.items() if k != "sent"} for file in self.files.values()]
        listed = body("list_files")
        listed["data"] |= {"total": len(shown), "files": shown}
        return httpx.Response(200, json=listed)

    def show_file(self, request: httpx.Request, number: str) -> httpx.Response:
        shown = {k: v for k, v in self.files[number].items() if k != "sent"}
        return httpx.Response(200, json=body("get_file") | {"data": shown})

    def delete_file(self, request: httpx.Request, number: str) -> httpx.Response:
        if self.files.pop(number, None) is None:
            return httpx.Response(400, json=body("file_not_found"))
        return httpx.Response(200, json=body("delete_file"))

    def detect(self, request: httpx.Request) -> httpx.Response:
        images = json.loads(request.content)["input"]["images"]
        found = {"is_face": [True] * len(images), "failed_reason": [""] * len(images)}
        return httpx.Response(200, json=body("detect") | {"output": found})

    def paint(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["x-dashscope-async"] == "enable"
        asked = json.loads(request.content)
        made = body("create_portrait")
        made["output"]["task_id"] = f"task-{len(self.tasks)}"
        self.tasks[made["output"]["task_id"]] = made["output"] | {"n": asked["parameters"]["n"]}
        return httpx.Response(200, json=made)

    def show_task(self, request: httpx.Request, number: str) -> httpx.Response:
        if number not in self.tasks:
            unknown = body("task_unknown")
            unknown["output"]["task_id"] = number
            return httpx.Response(200, json=unknown)
        task = self.tasks[number]
        made = {"image_count": len(task.get("results", ()))}
        return httpx.Response(200, json=body("task_succeeded") | {"output": task, "usage": made})

    def list_tasks(self, request: httpx.Request) -> httpx.Response:
        assert request.url.params["model_name"] == "facechain-generation"
        return httpx.Response(200, json=body("list_tasks") | {"tasks": list(self.tasks.values())})

    def stop_task(self, request: httpx.Request, number: str) -> httpx.Response:
        return httpx.Response(200, json=body("task_cancelled"))


ROUTES: tuple[tuple[str, Any], ...] = (
    ("POST /fine-tunes", Vendor.create_job),
    ("GET /fine-tunes", Vendor.list_jobs),
    ("GET /fine-tunes/([^/]+)", Vendor.show_job),
    ("POST /fine-tunes/([^/]+)/cancel", Vendor.stop_job),
    ("DELETE /fine-tunes/([^/]+)", Vendor.stop_job),
    ("GET /fine-tunes/([^/]+)/logs", Vendor.logs),
    ("POST /files", Vendor.upload),
    ("GET /files", Vendor.list_files),
    ("GET /files/([^/]+)", Vendor.show_file),
    ("DELETE /files/([^/]+)", Vendor.delete_file),
    ("POST /services/vision/facedetection/detect", Vendor.detect),
    ("POST /services/aigc/album/gen_potrait", Vendor.paint),
    ("GET /tasks", Vendor.list_tasks),
    ("GET /tasks/([^/]+)", Vendor.show_task),
    ("POST /tasks/([^/]+)/cancel", Vendor.stop_task),
)


class DashscopeBench(HttpBench):
    """The vendor without the vendor."""

    keyed = False
    delivery = "url"

    def __init__(self) -> None:
        self.vendor = Vendor()
        # The live list of tasks is not known: here it is as the vendor's newer client reads it.
        settings = DashscopeSettings(
            api_key=KEY, requests_per_second=1000, find_tasks=True, delivery=self.delivery
        )
        super().__init__(Dashscope, settings, self.vendor)

    def finish(self) -> None:
        self.vendor.finish()

    @property
    def created(self) -> int:
        return len(self.vendor.jobs) + len(self.vendor.tasks)

    def secrets(self) -> tuple[str, ...]:
        return (*super().secrets(), KEY)

    def generation(self, model_id: str) -> GenerationSpec:
        # It takes no prompt: one that comes all the same must not get anywhere.
        spec = super().generation(model_id)
        assert spec.prompt == SECRET_PROMPT
        return spec.model_copy(update={"options": self.making()})

    def making(self) -> dict[str, Any]:
        return {"style": "f_business_male"}

    def words(self) -> tuple[Word, ...]:
        return WORDS

    def say(self, kind: str, word: str) -> None:
        self.vendor.finish()
        if kind == "training":
            for job in self.vendor.jobs.values():
                job["status"] = word
        else:
            for task in self.vendor.tasks.values():
                task["task_status"] = word

    def refusals(self) -> tuple[Refusal, ...]:
        return REFUSALS

    def ends(self) -> tuple[End, ...]:
        return ENDS

    def end(self, end: End) -> None:
        self.vendor.finish()
        told = {"code": end.code, "message": "no"}
        for job in self.vendor.jobs.values() if end.kind == "training" else ():
            job |= {"status": "FAILED", **told}
        for task in self.vendor.tasks.values():
            task["results"] = []
            task |= {"task_status": "FAILED", **told} if end.code else {}


class FilesBench(DashscopeBench):
    """Photos that are uploaded one by one."""

    delivery = "files"

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, self.home)

    def pays(self, request: httpx.Request) -> bool:
        return request.method == "POST" and request.url.path.endswith(("/fine-tunes", "/gen_potrait"))

    def training(self) -> TrainingSpec:
        files = [self.home / f"{number}.png" for number in range(2)]
        for number, file in enumerate(files):
            file.write_bytes(png() + bytes([number]))
        photos = tuple(MediaInput(role=Role.PHOTO, path=file, media_type="image/png") for file in files)
        return TrainingSpec(inputs=photos, subject="person")

    def noes_within(self) -> tuple[Within, ...]:
        return tuple(
            Within("/files", {"data": {"uploaded_files": [], "failed_uploads": [row]}}, *meaning)
            for row, *meaning in (
                (_row("BadRequest.TooLarge"), QuotaExceeded, "100 files"),
                (_row("BadRequest.TooMany"), QuotaExceeded, "100 files"),
                (_row("InvalidParameter"), InvalidInput, "no"),
                (_row("Something.New"), InvalidInput, "no"),
            )
        )


class ZipBench(FilesBench):
    """Photos that are uploaded as one zip."""

    delivery = "zip"


def _row(code: str) -> dict[str, str]:
    return {"name": "01.png", "code": code, "message": "no"}


_JOB = {
    "PENDING": RemoteState.QUEUED,
    "QUEUING": RemoteState.QUEUED,
    "RUNNING": RemoteState.RUNNING,
    "CANCELING": RemoteState.RUNNING,
    "SUCCEEDED": RemoteState.SUCCEEDED,
    "FAILED": RemoteState.FAILED,
    "CANCELED": RemoteState.CANCELLED,
    "CANCELLED": RemoteState.CANCELLED,
}
_TASK = {
    "PENDING": RemoteState.QUEUED,
    "RUNNING": RemoteState.RUNNING,
    "SUSPENDED": RemoteState.RUNNING,
    "SUCCEEDED": RemoteState.SUCCEEDED,
    "FAILED": RemoteState.FAILED,
    "CANCELED": RemoteState.CANCELLED,
    "CANCELLED": RemoteState.CANCELLED,
}
WORDS = (
    *(Word("training", *row) for row in _JOB.items()),
    *(Word(kind, *row) for kind in ("generation", "oneshot") for row in _TASK.items()),
    # No such task, or one that is over.
    *(Word(kind, "UNKNOWN", None, raises=NotFound) for kind in ("generation", "oneshot")),
)


def _no(status: int, code: str, asking: Any, starting: Any = None, words: str = "") -> Refusal:
    told = {"request_id": "r-1", "code": code, "message": "no"}
    return Refusal(status, told, asking, starting or asking, words)


REFUSALS = (
    _no(400, "InvalidParameter", InvalidInput),
    _no(400, "UnsupportedOperation", InvalidInput),
    _no(404, "NotFound", NotFound),
    _no(409, "Conflict", InvalidInput),
    _no(429, "Throttling", RateLimited, words="One job of a kind"),
    _no(429, "Throttling.RateQuota", RateLimited),
    _no(429, "Throttling.AllocationQuota", RateLimited),
    _no(500, "InternalError", Unavailable, OutcomeUnknown),
    _no(401, "InvalidApiKey", AuthenticationFailed, words="DASHSCOPE_API_KEY"),
    _no(403, "AccessDenied", AuthenticationFailed, words="DASHSCOPE_WORKSPACE"),
    _no(403, "AccessDenied.Unpurchased", AuthenticationFailed, words="trial"),
    _no(403, "Model.AccessDenied", Retired),
    _no(400, "Arrearage", QuotaExceeded, words="unpaid bill"),
    _no(403, "Arrearage", QuotaExceeded, words="unpaid bill"),
    _no(404, "Model.NotExist", Retired),
    _no(404, "ModelNotFound", Retired),
    _no(400, "Model.NotExist", Retired),
    _no(400, "ModelNotFound", Retired),
    _no(400, "DataInspectionFailed", ContentRejected),
    _no(400, "InvalidParameter.DataInspection", ContentRejected),
    _no(400, "InvalidURL", InvalidInput),
    _no(400, "InvalidImageResolution", InvalidInput),
    _no(400, "BadRequest.EmptyModel", InvalidInput),
    _no(400, "Resource.AccessDenied", InvalidInput),
    _no(500, "InternalError.Algo", Unavailable, OutcomeUnknown),
    _no(503, "ServiceUnavailable", Unavailable),
    _no(504, "GatewayTimeout", Unavailable, OutcomeUnknown),
    _no(400, "BadRequest.TooLarge", QuotaExceeded, words="100 files"),
    _no(400, "BadRequest.TooMany", QuotaExceeded, words="100 files"),
    _no(200, "InvalidApiKey", AuthenticationFailed, words="DASHSCOPE_API_KEY"),
    # The other two forms that its clients read, and a page of something in between.
    Refusal(401, {"code": "InvalidApiKey", "msg": "no"}, *[AuthenticationFailed] * 2, "DASHSCOPE_API_KEY"),
    Refusal(429, {"error": {"code": "Throttling", "message": "no"}}, *[RateLimited] * 2, "One job"),
    Refusal(502, "<html>bad gateway</html>", Unavailable, OutcomeUnknown),
)

_MENDABLE = {
    "InvalidParameter": InvalidInput,
    "InvalidURL": InvalidInput,
    "InvalidImageResolution": InvalidInput,
    "BadRequest.EmptyModel": InvalidInput,
    "Resource.AccessDenied": InvalidInput,
    "DataInspectionFailed": ContentRejected,
    "InvalidParameter.DataInspection": ContentRejected,
}
_KINDS = ("training", "generation", "oneshot")
ENDS = (
    *(End(kind, code, None, raises=raises) for kind in _KINDS for code, raises in _MENDABLE.items()),
    # Nobody's to mend: a person may start it again.
    *(End(kind, code, words="no") for kind in _KINDS for code in ("InternalError.Algo", "New.Code")),
    *(End(kind, "", tentative=True, words="names no picture") for kind in _KINDS[1:]),
)

bench = DashscopeBench
ways = {"files": FilesBench, "zip": ZipBench}
