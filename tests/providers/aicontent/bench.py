"""AIContent in memory, made of the bodies beside this file. It verifies every signature on its own."""

import copy
import hashlib
import hmac
import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from PIL import Image

from bot.providers import (
    AuthenticationFailed,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    RemoteState,
    Unavailable,
)
from bot.providers.aicontent import Aicontent
from bot.providers.aicontent.settings import AicontentSettings
from tests.providers.bench import End, HttpBench, Refusal, Word

KEY_ID, SECRET = "testAccessKeyId", "testAccessKeySecret"
BEIJING = timezone(timedelta(hours=8))
"""Whose times the vendor's are, as far as anybody knows; they name none."""
PREFIX = "/api/v1/personalizedtxt2img/"
HERE = Path(__file__).parent


def body(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def encode(text: str) -> str:
    """RFC 3986, written out by hand so that it shares nothing with the code it judges."""
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in text.encode())


def canonical_request(request: httpx.Request, signed: list[str]) -> str:
    """What was signed, rebuilt from what was received."""
    parts = urlsplit(str(request.url))
    pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
    query = "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in signed)
    digest = hashlib.sha256(request.content).hexdigest()
    return f"{request.method}\n{parts.path}\n{query}\n{headers}\n{';'.join(signed)}\n{digest}"


def verify(request: httpx.Request, *, key_id: str = KEY_ID, secret: str = SECRET) -> str:
    """Check a signature as the vendor would; returns it."""
    scheme, _, rest = request.headers["authorization"].partition(" ")
    fields = dict(part.split("=", 1) for part in rest.split(","))
    signed = fields["SignedHeaders"].split(";")
    received = {name for name in request.headers if name.startswith("x-acs-") or name == "content-type"}
    assert scheme == "ACS3-HMAC-SHA256"
    assert fields["Credential"] == key_id
    assert signed == sorted(signed)
    assert received | {"host"} <= set(signed)
    assert request.headers["x-acs-content-sha256"] == hashlib.sha256(request.content).hexdigest()
    digest = hashlib.sha256(canonical_request(request, signed).encode()).hexdigest()
    expected = hmac.new(secret.encode(), f"{scheme}\n{digest}".encode(), hashlib.sha256).hexdigest()
    assert fields["Signature"] == expected
    return expected


def png(colour: tuple[int, int, int] = (200, 80, 40)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 24), colour).save(out, "PNG")
    return out.getvalue()


class Vendor:
    """Keeps jobs, and answers each operation with its body."""

    def __init__(self) -> None:
        self.trainings: list[dict[str, Any]] = []
        self.inferences: dict[str, dict[str, Any]] = {}
        self.alone: dict[str, dict[str, Any]] = {}
        self.requests: list[httpx.Request] = []
        self.nonces: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        verify(request)
        nonce = request.headers["x-acs-signature-nonce"]
        assert nonce not in self.nonces
        self.nonces.add(nonce)
        self.requests.append(request)
        operation = request.url.path.removeprefix(PREFIX)
        action = ALONE.get(operation, f"Personalizedtxt2img{operation[0].upper()}{operation[1:]}")
        assert request.headers["x-acs-action"] == action
        assert request.headers["x-acs-version"] == "20240611"
        answer: httpx.Response = getattr(self, operation)(request)
        return answer

    @staticmethod
    def _answer(name: str, data: Any) -> httpx.Response:
        return httpx.Response(200, json=body(name) | {"data": data})

    @staticmethod
    def _missing() -> httpx.Response:
        return httpx.Response(404, json=body("error_business"))

    def addModelTrainJob(self, request: httpx.Request) -> httpx.Response:  # noqa: N802
        asked = json.loads(request.content)
        made = body("add_model_train_job")["data"]
        made |= {
            "id": str(456 + len(self.trainings)),
            "name": asked["name"],
            "objectType": asked["objectType"],
        }
        self.trainings.append(made)
        return self._answer("add_model_train_job", made)

    def queryModelTrainJobList(self, request: httpx.Request) -> httpx.Response:  # noqa: N802
        rows = copy.deepcopy(self.trainings)
        for row in rows:
            mine = [job for job in self.inferences.values() if job["modelId"] == row.get("modelId")]
            row["inferenceJobList"] = mine or None
        return self._answer("query_model_train_job_list", rows)

    def queryModelTrainStatus(self, request: httpx.Request) -> httpx.Response:  # noqa: N802
        for row in self.trainings:
            if row.get("modelId") == request.url.params["modelId"]:
                return self._answer("query_model_train_status", {"modelTrainStatus": row["jobStatus"]})
        return self._missing()

    def addInferenceJob(self, request: httpx.Request) -> httpx.Response:  # noqa: N802
        asked = json.loads(request.content)
        number = 3220 + len(self.inferences)
        made = body("add_inference_job")["data"]
        made |= {"id": str(number), "promptId": f"prompt-{number}", "modelId": asked["modelId"]}
        made["createTime"] = datetime.now(BEIJING).replace(tzinfo=None).isoformat()
        self.inferences[made["id"]] = made | {"imageNumber": asked["imageNumber"]}
        return self._answer("add_inference_job", made)

    def queryInferenceJobInfo(self, request: httpx.Request) -> httpx.Response:  # noqa: N802
        job = self.inferences.get(request.url.params["inferenceJobId"])
        return self._answer("query_inference_job_info", job) if job else self._missing()

    def addPreModelInferenceJob(self, request: httpx.Request) -> httpx.Response:  # noqa: N802
        number = 20 + len(self.alone)
        made = body("add_pre_model_inference_job")["data"]
        made |= {"id": str(number), "promptId": f"prompt-{number}"}
        self.alone[made["id"]] = made | {"imageNumber": json.loads(request.content)["imageNumber"]}
        return self._answer("add_pre_model_inference_job", made)

    def queryPreModelInferenceJobInfo(self, request: httpx.Request) -> httpx.Response:  # noqa: N802
        job = self.alone.get(request.url.params["inferenceJobId"])
        return self._answer("query_pre_model_inference_job_info", job) if job else self._missing()

    def queryImageAssetFromImageId(self, request: httpx.Request) -> httpx.Response:  # noqa: N802
        assert "modelId" not in request.url.params
        return httpx.Response(200, content=png(), headers={"content-type": "image/png"})

    def queryImageAsset(self, request: httpx.Request) -> httpx.Response:  # noqa: N802
        asked = request.url.params
        for job in self.inferences.values():
            named = asked["imageId"] in (job["resultImageUrl"] or ())
            if named and (job["promptId"], job["modelId"]) == (asked["promptId"], asked["modelId"]):
                return httpx.Response(200, content=png(), headers={"content-type": "image/png"})
        return self._missing()

    def finish(self) -> None:
        for row in self.trainings:
            kind = row["objectType"]
            row |= {"modelId": f"{kind}_{row['id']}", "jobStatus": "FINISHED", "jobTrainProgress": 1.0}
        for job in (*self.inferences.values(), *self.alone.values()):
            names = [f"{n:04}.png" for n in range(job["imageNumber"])]
            job |= {"jobStatus": "FINISHED", "jobTrainProgress": 1.0, "resultImageUrl": names}


ALONE = {
    "addPreModelInferenceJob": "PersonalizedTextToImageAddInferenceJob",
    "queryPreModelInferenceJobInfo": "PersonalizedTextToImageQueryPreModelInferenceJobInfo",
    "queryImageAssetFromImageId": "PersonalizedTextToImageQueryImageAsset",
}
"""The operations whose action is not called as its path is."""


class AicontentBench(HttpBench):
    """The contract suite's bench for this vendor."""

    def __init__(self) -> None:
        self.vendor = Vendor()
        settings = AicontentSettings(
            access_key_id=KEY_ID, access_key_secret=SECRET, requests_per_second=1000, oneshot=True
        )
        super().__init__(Aicontent, settings, self.vendor)

    def finish(self) -> None:
        self.vendor.finish()

    @property
    def created(self) -> int:
        return len(self.vendor.trainings) + len(self.vendor.inferences) + len(self.vendor.alone)

    def secrets(self) -> tuple[str, ...]:
        return (*super().secrets(), KEY_ID, SECRET, "Signature=")

    def words(self) -> tuple[Word, ...]:
        kinds = ("training", "generation", "oneshot")
        return tuple(Word(kind, *row) for kind in kinds for row in WORDS.items())

    def say(self, kind: str, word: str) -> None:
        self.vendor.finish()
        at = self.vendor
        jobs = {"training": at.trainings, "generation": at.inferences.values(), "oneshot": at.alone.values()}
        for job in jobs[kind]:
            job["jobStatus"] = word

    def refusals(self) -> tuple[Refusal, ...]:
        return REFUSALS

    def ends(self) -> tuple[End, ...]:
        # A job has no field for a reason: only its images can be missing.
        return tuple(End(kind, "", tentative=True) for kind in ("generation", "oneshot"))

    def end(self, end: End) -> None:
        self.vendor.finish()
        for job in (*self.vendor.inferences.values(), *self.vendor.alone.values()):
            job["resultImageUrl"] = []


WORDS = {
    "NOT_START": RemoteState.QUEUED,
    "WAIT_SCHEDULE": RemoteState.QUEUED,
    "TRAINING": RemoteState.RUNNING,
    "FINISHED": RemoteState.SUCCEEDED,
    "": RemoteState.QUEUED,
    # Families that its page infers: none of these words has been seen.
    "FAILED": RemoteState.FAILED,
    "train_fail": RemoteState.FAILED,
    "ERROR": RemoteState.FAILED,
    "EXCEPTION": RemoteState.FAILED,
    "TIMEOUT": RemoteState.FAILED,
    "REJECTED": RemoteState.FAILED,
    "CANCELLED": RemoteState.CANCELLED,
    "STOPPED": RemoteState.CANCELLED,
    "TERMINATED": RemoteState.CANCELLED,
}
"""Four that the vendor's page shows, the silence it allows for, and what it takes failures to be called."""


def _no(status: int, code: str, asking: Any, starting: Any = None, words: str = "") -> Refusal:
    told = body("error_business") | {"errCode": code, "httpStatusCode": status}
    return Refusal(status, told, asking, starting or asking, words)


def _gateway(status: int, code: str, kind: Any, words: str) -> Refusal:
    return Refusal(status, body("error_gateway") | {"Code": code}, kind, kind, words)


REFUSALS = (
    _no(400, "B_PARAMETER_NOT_FOUND_EXCEPTION", InvalidInput),
    _no(404, "B_DATA_NOT_FOUND_EXCEPTION", NotFound),
    _no(404, "B_MODEL_TRAIN_JOB_NOT_EXIST", NotFound),
    _no(403, "B_PERMISSION_DENIED_EXCEPTION", AuthenticationFailed, words="aicontent:Personalizedtxt2img"),
    _no(500, "UNKNOWN_ERROR", Unavailable, OutcomeUnknown),
    _gateway(400, "SignatureDoesNotMatch", AuthenticationFailed, "AICONTENT_ACCESS_KEY_SECRET"),
    _gateway(404, "InvalidAccessKeyId.NotFound", AuthenticationFailed, "AICONTENT_ACCESS_KEY_ID"),
    _gateway(400, "InvalidTimeStamp.Expired", AuthenticationFailed, "clock"),
    # Somewhere between us and the vendor a copy of the request came first.
    Refusal(400, body("error_gateway") | {"Code": "SignatureNonceUsed"}, Unavailable, OutcomeUnknown),
    _gateway(403, "Forbidden.RAM", AuthenticationFailed, "aicontent:Personalizedtxt2img"),
    _gateway(429, "Throttling.User", RateLimited, "fewer calls"),
    _gateway(503, "Throttling.Api", RateLimited, "fewer calls"),
    _gateway(503, "ServiceUnavailable", Unavailable, "not available"),
    # The vendor's other habit: a no within a 200.
    _no(200, "B_PERMISSION_DENIED_EXCEPTION", AuthenticationFailed, words="aicontent:Personalizedtxt2img"),
    _no(200, "UNKNOWN_ERROR", Unavailable, OutcomeUnknown),
    Refusal(502, "<html>bad gateway</html>", Unavailable, OutcomeUnknown),
)

bench = AicontentBench
