"""MetaStudio in memory, made of the bodies beside this file; signatures are the vendor's signer's."""

import atexit
import io
import json
import re
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from bot.providers import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    MediaInput,
    NotFound,
    OneshotSpec,
    OutcomeUnknown,
    QuotaExceeded,
    RateLimited,
    RemoteState,
    Role,
    TrainingSpec,
    Unavailable,
)
from bot.providers.metastudio import Metastudio
from bot.providers.metastudio.settings import MetastudioSettings
from tests.providers.bench import SECRET_PROMPT, End, HttpBench, Refusal, Within, Word
from tests.providers.test_metastudio_signing import AK, PROJECT, SK, theirs

API = f"/v1/{PROJECT}"
HERE = Path(__file__).parent
STORE = "https://obs.example/"
KINDS = {
    Role.VIDEO: "video/mp4",
    Role.ID_FRONT: "image/jpeg",
    Role.ID_BACK: "image/jpeg",
    Role.LETTER: "application/pdf",
    Role.PHOTO: "image/jpeg",
    Role.ACTION_VIDEO: "video/mp4",
    Role.VOICE: "application/zip",
}


def body(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 36), (200, 80, 40)).save(out, "PNG")
    return out.getvalue()


FILM = b"\0\0\0\x18ftypisom" + b"\0" * 32


class Inputs:
    """Files of every role on a disk of their own."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, self.home)

    def __call__(self, *roles: Role, size: int = 10) -> tuple[MediaInput, ...]:
        made = []
        for role in roles:
            file = self.home / role.value
            file.write_bytes((role.value.encode() * size)[: size * 4])
            made.append(MediaInput(role=role, path=file, media_type=KINDS[role]))
        return tuple(made)


class Vendor:
    """Keeps trainings, clips, models and talks, and answers each path with its body."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.clips: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, bytes] = {}
        self.commands: list[tuple[str, str]] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if str(request.url).startswith(STORE):
            return self.store(request)
        assert request.headers["authorization"].rpartition("Signature=")[2] == theirs(request)
        path = request.url.path.removeprefix(API)
        for pattern, answer in ROUTES:
            if found := re.fullmatch(pattern, f"{request.method} {path}"):
                made: httpx.Response = answer(self, request, *found.groups())
                return made
        raise AssertionError(f"{request.method} {path} is not on the vendor's page")

    def store(self, request: httpx.Request) -> httpx.Response:
        own = {"authorization", "x-auth-token", "x-sdk-date", "x-project-id"}
        assert not own & set(request.headers)
        if request.method == "GET":
            return httpx.Response(200, content=FILM if "v.mp4" in str(request.url) else png())
        kind = "application/zip" if "_audio" in str(request.url) else "application/octet-stream"
        assert request.headers["content-type"] == kind
        assert int(request.headers["content-length"]) == len(request.content)
        if str(request.url) in self.uploads:
            return httpx.Response(403)
        self.uploads[str(request.url)] = request.content
        return httpx.Response(200)

    def finish(self) -> None:
        for number, job in self.jobs.items():
            job |= body("job_succeeded") | {
                "job_id": number,
                "name": job["name"],
                "asset_id": f"asset-{number}",
            }
        for clip in self.clips.values():
            named = clip["output_asset_config"]["asset_name"]
            clip |= {"state": "SUCCEED"}
            clip["output_asset_config"] = body("clip_succeeded")["output_asset_config"] | {
                "asset_name": named
            }
        for model in self.models.values():
            model |= body("picture_succeeded") | {"job_id": model["job_id"], "name": model["name"]}

    # -- trainings

    def create(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        number = f"job{len(self.jobs)}"
        self.jobs[number] = {
            "job_id": number,
            "name": asked["name"],
            "batch_name": asked.get("batch_name"),
            "state": "WAIT_FILE_UPLOAD",
            "create_time": datetime.now(UTC).isoformat(timespec="seconds"),
            "asked": asked,
        }
        return httpx.Response(200, json=self.links(number, asked))

    def links(self, number: str, asked: dict[str, Any]) -> dict[str, Any]:
        turn = len(self.requests)
        answer = body("create_job") | {"job_id": number}
        for name, link in answer.items():
            if name.endswith("_upload_url") and isinstance(link, str):
                answer[name] = f"{link}&job={number}&turn={turn}"
        for kind in ("video", "action_video"):
            if parts := asked.get(f"{kind}_multipart_count"):
                link = f"{STORE}{number}_{kind.removesuffix('_video')}?turn={turn}&partNumber="
                named = "training_video" if kind == "video" else kind
                answer[f"{named}_upload_url"] = [f"{link}{n}" for n in range(1, parts + 1)]
        if asked.get("audio_source_type") == "AUDIO":
            answer["audio_upload_url"] = f"{STORE}{number}_audio?turn={turn}"
        return answer

    def update(self, request: httpx.Request, number: str) -> httpx.Response:
        self.jobs[number]["state"] = "WAIT_FILE_UPLOAD"
        return httpx.Response(200, json=self.links(number, json.loads(request.content)))

    def command(self, request: httpx.Request, number: str) -> httpx.Response:
        named = json.loads(request.content)["command"]
        self.commands.append((number, named))
        if named == "SUBMITVERIFYING":
            self.jobs[number]["state"] = "AUTO_VERIFYING"
        return httpx.Response(200, json=body("command_done"))

    def show(self, request: httpx.Request, number: str) -> httpx.Response:
        if number not in self.jobs:
            return missing()
        return httpx.Response(200, json=shown(self.jobs[number]))

    def listed(self, request: httpx.Request) -> httpx.Response:
        wanted = request.url.params.get("batch_name")
        jobs = [shown(job) for job in self.jobs.values() if wanted in {None, job["batch_name"]}]
        return httpx.Response(200, json={"count": len(jobs), "jobs": jobs})

    def erase(self, request: httpx.Request, number: str) -> httpx.Response:
        return httpx.Response(200) if self.jobs.pop(number, None) else missing()

    # -- clips, of avatars and of photos

    def clip(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        named = asked["output_asset_config"]["asset_name"]
        if any(one["output_asset_config"]["asset_name"] == named for one in self.clips.values()):
            return httpx.Response(400, json={"error_code": "MSS.10001005", "error_msg": "name exists"})
        number = f"clip{len(self.clips)}"
        self.clips[number] = {
            "job_id": number,
            "state": "WAITING",
            "output_asset_config": {"asset_name": named},
        }
        return httpx.Response(200, json=body("create_clip") | {"job_id": number})

    def show_clip(self, request: httpx.Request, number: str) -> httpx.Response:
        return httpx.Response(200, json=self.clips[number]) if number in self.clips else missing()

    def clips_listed(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        named = [
            clip
            for clip in self.clips.values()
            if asked.get("asset_name") in {None, clip["output_asset_config"]["asset_name"]}
        ]
        if asked.get("sort_dir") == "desc":
            named.reverse()
        page = named[: int(asked.get("limit", "10"))]
        return httpx.Response(200, json={"count": len(named), "jobs": page})

    def stop_clip(self, request: httpx.Request, number: str) -> httpx.Response:
        return httpx.Response(200, json={})

    # -- photos

    def model(self, request: httpx.Request) -> httpx.Response:
        named = re.search(rb'name="name"\r\n\r\n([^\r]+)', request.content)
        assert named is not None
        number = f"model{len(self.models)}"
        self.models[number] = {"job_id": number, "state": "WAITING", "name": named.group(1).decode()}
        return httpx.Response(200, json=body("create_picture") | {"job_id": number})

    def show_model(self, request: httpx.Request, number: str) -> httpx.Response:
        return httpx.Response(200, json=self.models[number]) if number in self.models else missing()

    def models_listed(self, request: httpx.Request) -> httpx.Response:
        rows = list(self.models.values())
        return httpx.Response(200, json=body("list_pictures") | {"picture_modeling_jobs": rows})

    def look(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=body("create_look"))

    def show_look(self, request: httpx.Request, number: str) -> httpx.Response:
        return httpx.Response(200, json=body("look_succeeded"))

    # -- the library

    def assets(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=body("list_assets"))

    def asset(self, request: httpx.Request, number: str) -> httpx.Response:
        return httpx.Response(200, json=body("asset"))

    def erase_asset(self, request: httpx.Request, number: str) -> httpx.Response:
        assert request.url.params["mode"] == "force"
        return httpx.Response(200)


def shown(job: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in job.items() if name != "asked"}


def missing() -> httpx.Response:
    return httpx.Response(404, json={"error_code": "MSS.00000002", "error_msg": "Not Found"})


JOBS = "/digital-human-training-manage/user/jobs"
MODELS = "/digital-human/stylized/picture-modelings"
ROUTES: tuple[tuple[str, Any], ...] = (
    (f"POST {JOBS}", Vendor.create),
    (f"GET {JOBS}", Vendor.listed),
    (f"GET {JOBS}/([^/]+)", Vendor.show),
    (f"PUT {JOBS}/([^/]+)", Vendor.update),
    (f"DELETE {JOBS}/([^/]+)", Vendor.erase),
    (f"POST {JOBS}/([^/]+)/command", Vendor.command),
    ("POST /2d-digital-human-videos", Vendor.clip),
    ("GET /2d-digital-human-videos/([^/]+)", Vendor.show_clip),
    ("POST /2d-digital-human-videos/([^/]+)/cancel", Vendor.stop_clip),
    ("POST /photo-digital-human-videos", Vendor.clip),
    ("GET /photo-digital-human-videos/([^/]+)", Vendor.show_clip),
    ("POST /photo-digital-human-videos/([^/]+)/cancel", Vendor.stop_clip),
    ("GET /digital-human-videos", Vendor.clips_listed),
    (f"POST {MODELS}", Vendor.model),
    (f"GET {MODELS}", Vendor.models_listed),
    (f"GET {MODELS}/([^/]+)", Vendor.show_model),
    ("POST /photo-detection", Vendor.look),
    ("GET /photo-detection/([^/]+)", Vendor.show_look),
    ("GET /digital-assets", Vendor.assets),
    ("GET /digital-assets/([^/]+)", Vendor.asset),
    ("DELETE /digital-assets/([^/]+)", Vendor.erase_asset),
)


class MetastudioBench(HttpBench):
    """The vendor without the vendor, in the mode that it is named after."""

    mode = "avatar_video"

    def __init__(self) -> None:
        self.vendor = Vendor()
        self.inputs = Inputs()
        settings = MetastudioSettings(
            project_id=PROJECT,
            access_key_id=AK,
            access_key_secret=SK,
            requests_per_second=1000,
            voice_id="v-1",
            mode=self.mode,
        )
        super().__init__(Metastudio, settings, self.vendor)

    def finish(self) -> None:
        self.vendor.finish()

    @property
    def created(self) -> int:
        return len(self.vendor.jobs) + len(self.vendor.clips) + len(self.vendor.models)

    def pays(self, request: httpx.Request) -> bool:
        return request.method == "POST" and request.url.path.endswith(
            ("user/jobs", "/2d-digital-human-videos", "/photo-digital-human-videos", "/picture-modelings")
        )

    def secrets(self) -> tuple[str, ...]:
        return (*super().secrets(), SK, "Signature=")

    def training(self) -> TrainingSpec:
        roles = (Role.VIDEO, Role.ID_FRONT, Role.ID_BACK, Role.LETTER)
        return TrainingSpec(inputs=self.inputs(*roles), subject="person")

    def words(self) -> tuple[Word, ...]:
        return WORDS

    def say(self, kind: str, word: str) -> None:
        self.vendor.finish()
        for job in (self.vendor.jobs if kind == "training" else self.vendor.clips).values():
            job["state"] = word

    def refusals(self) -> tuple[Refusal, ...]:
        return REFUSALS

    def ends(self) -> tuple[End, ...]:
        return (
            *(_end("generation", *row) for row in _ENDS),
            # As the review's history has it, and what its own words would not explain.
            End(
                "training",
                "44005901",
                RemoteState.NEEDS_USER,
                words="not exactly 1920×1080, 1080×1920, 3840×2160 or 2160×3840",
                wants=frozenset({Role.VIDEO}),
            ),
            End("training", "99999999", RemoteState.NEEDS_USER, words="no"),
        )

    def end(self, end: End) -> None:
        self.vendor.finish()
        for job in self.vendor.jobs.values():
            log = {"operate_time": "2024-01-02T03:25:00Z", "error_code": end.code, "log_description": "no"}
            job |= {"state": "AUTO_VERIFY_FAILED", "operation_logs": [log]} if end.kind == "training" else {}
        for clip in self.vendor.clips.values():
            if end.code:
                clip |= {"state": "FAILED", "error_info": {"error_code": end.code, "error_msg": "no"}}
            else:
                clip["output_asset_config"] = {}

    def noes_within(self) -> tuple[Within, ...]:
        codes = {
            "MSS.00000003": InvalidInput,
            "MSS.00000004": Unavailable,
            "MSS.45000003": InvalidInput,
            "MSS.45000007": Unavailable,
            # What is not there is a file of the person's.
            "MSS.10001004": InvalidInput,
            "MSS.99999999": InvalidInput,
        }
        return tuple(
            Within("/command", _failed(code), raised, "file missing") for code, raised in codes.items()
        )


class PictureModelingBench(MetastudioBench):
    """The mode that makes a stylised model of a photo."""

    mode = "picture_modeling"

    def training(self) -> TrainingSpec:
        return TrainingSpec(inputs=self.inputs(Role.PHOTO), subject="person")

    def words(self) -> tuple[Word, ...]:
        return tuple(replace(word, kind="training") for word in WORDS if word.kind == "generation")

    def say(self, kind: str, word: str) -> None:
        self.vendor.finish()
        for model in self.vendor.models.values():
            model["state"] = word

    def ends(self) -> tuple[End, ...]:
        # A model may be there whose picture is not.
        without = End("training", "", RemoteState.SUCCEEDED)
        return (*(_end("training", *row) for row in _ENDS if row[0]), without)

    def end(self, end: End) -> None:
        self.vendor.finish()
        for model in self.vendor.models.values():
            if end.code:
                model |= {"state": "FAILED", "error_info": {"error_code": end.code, "error_msg": "no"}}
            else:
                model |= {"state": "PARTIAL_SUCCEED", "model_cover_url": None}

    def noes_within(self) -> tuple[Within, ...]:
        return ()


class PhotoVideoBench(MetastudioBench):
    """The mode that makes a photo speak, and trains nothing."""

    mode = "photo_video"

    def oneshot(self) -> OneshotSpec:
        return OneshotSpec(inputs=self.inputs(Role.PHOTO), subject="person", prompt=SECRET_PROMPT, count=1)

    def words(self) -> tuple[Word, ...]:
        return tuple(replace(word, kind="oneshot") for word in WORDS if word.kind == "generation")

    def ends(self) -> tuple[End, ...]:
        return tuple(_end("oneshot", *row) for row in _ENDS)

    def noes_within(self) -> tuple[Within, ...]:
        return ()


def _failed(code: str) -> dict[str, Any]:
    told = {"error_code": code, "error_msg": "no"}
    return {"commond_result": "EXCUTE_FAILED", "excute_failed_msg": "file missing", "error_info": told}


def _end(kind: str, code: str, raises: Any, words: str = "no") -> End:
    if raises is None:
        return End(kind, code, tentative=not code, words=words)
    return End(kind, code, None, raises=raises, words=words)


_ENDS = (
    ("MSS.00000003", InvalidInput),
    ("MSS.10000003", InvalidInput),
    ("MSS.10001007", InvalidInput, "too large"),
    *((f"MSS.4500000{number}", InvalidInput) for number in (1, 2, 3, 4, 5, 6, 8, 9)),
    # What the vendor could not fetch, make or keep is not the person's to mend.
    ("MSS.45000007", None),
    ("MSS.42000007", None),
    ("MSS.10001006", None),
    ("MSS.00000004", None),
    ("MSS.99999999", None),
    ("", None, "names neither clip nor cover"),
)
"""What `error_info` may hold of a short job, and a finished one without its results."""


_QUEUED = """
    WAIT_FILE_UPLOAD AUTO_VERIFYING MANUAL_VERIFYING VIDEO_ANALYZE_PROCESSING VIDEO_ANALYZE_SUCCESS
    JOB_PENDING
"""
_RUNNING = """
    MANUAL_VERIFY_SUCCESS WAIT_TRAINING_DATA_PREPROCESS TRAINING_DATA_PREPROCESSING
    TRAINING_DATA_PREPROCESS_SUCCESS TRAINING TRAIN_SUCCESS INFERENCE_DATA_PREPROCESSING
    WAIT_MAIN_FILE_UPLOAD WAIT_ADMIN_CONFIRM WAIT_COMPILE COMPILING WAIT_GENERATE_ACTION WAIT_ARRANGE
    ACTION_GENERATE_DATA_PROCESSING ACTION_GENERATE_ORI_PROCESSING ACTION_GENERATE_ORI_SUCCESS
    WAIT_ADMIN_CALIBRATION WAIT_ASSET_SYNC WAIT_GENERATE_ACTION_MARK ACTION_MARKING ACTION_MARK_SUCCESS
    ACTION_MARK_UPLOADED WAIT_TEST_VIDEO_CHECK TEST_VIDEO_CHECK_PROCESSING TEST_VIDEO_CHECK_SUCCESS
    WAIT_USER_CONFIRM
"""
_NEEDS_USER = "AUTO_VERIFY_FAILED MANUAL_VERIFY_FAILED VIDEO_ANALYZE_FAILED"
_SUCCEEDED = "JOB_SUCCESS JOB_FINISH"
_FAILED = "TRAINING_DATA_PREPROCESS_FAILED TRAIN_FAILED INFERENCE_DATA_PREPROCESS_FAILED JOB_REJECT"
"""Where a training rests: the vendor lets it be deleted."""
_MENDABLE = """
    COMPILE_FAILED ACTION_GENERATE_DATA_FAILED ACTION_GENERATE_ORI_FAILED GENERATE_ACTION_PREPROCESS_FAILED
    TEST_VIDEO_CHECK_FAILED ACTION_MARK_FAILED MANUAL_STOP_TRAIN MANUAL_STOP_TRAINING_DATA_PREPROCESS
    MANUAL_STOP_INFERENCE_DATA_PREPROCESS MANUAL_STOP_ACTION_GENERATE_DATA_PROCESSING
    MANUAL_STOP_ACTION_GENERATE_ORI_PROCESSING MANUL_STOP_ACTION_MARK
"""
"""The vendor's staff can redo these, so that none is believed at once."""
_CLIP = {
    "WAITING": RemoteState.QUEUED,
    "PROCESSING": RemoteState.RUNNING,
    "SUCCEED": RemoteState.SUCCEEDED,
    "SUCCESS": RemoteState.SUCCEEDED,
    "PARTIAL_SUCCEED": RemoteState.SUCCEEDED,
    "FAILED": RemoteState.FAILED,
    "CANCELED": RemoteState.CANCELLED,
}
WORDS = (
    *(Word("training", word, RemoteState.QUEUED) for word in _QUEUED.split()),
    *(Word("training", word, RemoteState.RUNNING) for word in _RUNNING.split()),
    *(Word("training", word, RemoteState.NEEDS_USER) for word in _NEEDS_USER.split()),
    *(Word("training", word, RemoteState.SUCCEEDED) for word in _SUCCEEDED.split()),
    *(Word("training", word, RemoteState.FAILED) for word in _FAILED.split()),
    *(Word("training", word, RemoteState.FAILED, tentative=True) for word in _MENDABLE.split()),
    *(Word("generation", *row) for row in _CLIP.items()),
    Word("generation", "BLOCK", None, raises=ContentRejected),
)
assert len([one for one in WORDS if one.kind == "training"]) == 53


def _no(status: int, code: str, asking: Any, starting: Any = None, words: str = "") -> Refusal:
    return Refusal(status, {"error_code": code, "error_msg": "no"}, asking, starting or asking, words)


REFUSALS = (
    _no(400, "MSS.00000003", InvalidInput),
    _no(400, "MSS.00000002", InvalidInput),
    _no(404, "MSS.00000002", NotFound),
    _no(401, "MSS.00000001", AuthenticationFailed, words="clock"),
    _no(400, "MSS.00010008", AuthenticationFailed, words="METASTUDIO_PROJECT_ID"),
    _no(400, "MSS.00010009", AuthenticationFailed, words="METASTUDIO_PROJECT_ID"),
    _no(400, "MSS.00010003", AuthenticationFailed, words="METASTUDIO_REGION"),
    _no(400, "MSS.00010004", AuthenticationFailed, words="METASTUDIO_REGION"),
    _no(400, "MSS.10000002", InvalidInput),
    _no(400, "MSS.10000003", InvalidInput),
    _no(400, "MSS.10001001", NotFound),
    _no(400, "MSS.10001004", NotFound),
    # An earlier call got through, or has made what this one would.
    _no(400, "MSS.10001005", InvalidInput, OutcomeUnknown, words="name"),
    _no(400, "MSS.10001006", Unavailable, OutcomeUnknown),
    _no(400, "MSS.10001007", InvalidInput, words="too large"),
    *(_no(400, f"MSS.4500000{number}", InvalidInput) for number in (1, 2, 3, 4, 5, 6, 8, 9)),
    _no(400, "MSS.45000007", Unavailable, OutcomeUnknown),
    _no(400, "MSS.20010135", QuotaExceeded),
    _no(500, "MSS.00000004", Unavailable, OutcomeUnknown),
    _no(500, "MSS.42000007", Unavailable, OutcomeUnknown),
    _no(404, "APIGW.0101", AuthenticationFailed, words="METASTUDIO_ENDPOINT"),
    _no(400, "APIGW.0201", InvalidInput),
    _no(413, "APIGW.0201", InvalidInput),
    _no(401, "APIGW.0301", AuthenticationFailed, words="METASTUDIO_ACCESS_KEY_ID"),
    _no(429, "APIGW.0308", RateLimited),
    _no(403, "", AuthenticationFailed, words="MetaStudio FullAccess"),
    *(_no(status, "", Unavailable, OutcomeUnknown) for status in (500, 502, 504)),
    _no(503, "", Unavailable),
    # A code its page does not have goes by its status.
    _no(400, "MSS.99999999", InvalidInput),
    # The other forms that its own client reads, and IAM's.
    Refusal(429, {"errorCode": "APIGW.0308", "errorMsg": "no"}, RateLimited, RateLimited),
    Refusal(429, {"code": "APIGW.0308", "message": "no"}, RateLimited, RateLimited),
    Refusal(401, {"error": {"code": 401, "message": "no", "title": "no"}}, *[AuthenticationFailed] * 2),
)

bench = MetastudioBench
ways = {"picture_modeling": PictureModelingBench, "photo_video": PhotoVideoBench}
