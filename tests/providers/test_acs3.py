"""The signature, by the vendor's published procedure and vectors."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter

from bot.providers import (
    HttpClient,
)
from bot.providers._acs3 import Acs3Auth
from tests.providers.aicontent.bench import HERE, KEY_ID, PREFIX, SECRET, canonical_request, verify
from tests.providers.aicontent.wire import (
    HOST,
    MODEL,
    Wire,
    sample,
    sent,
    vendor,
)


async def signed(
    method: str, path: str, *, nonce: str, token: str | None = None, **request: Any
) -> httpx.Request:
    seen: list[httpx.Request] = []

    def wire(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    auth = Acs3Auth(
        HOST,
        KEY_ID,
        SecretStr(SECRET),
        SecretStr(token) if token else None,
        now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        nonce=lambda: nonce,
    )
    headers = {"x-acs-action": f"Personalizedtxt2img{path[0].upper()}{path[1:]}", "x-acs-version": "20240611"}
    if "content" in request:
        headers["content-type"] = "application/json; charset=utf-8"
    http = HttpClient(HOST, transport=httpx.MockTransport(wire))
    await http.call(method, PREFIX + path, TypeAdapter(Any), headers=headers, auth=auth, **request)
    return seen[0]


BASE = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
VECTORS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "V1 a training": (
        {
            "method": "POST",
            "path": "addModelTrainJob",
            "nonce": "0123456789abcdef0123456789abcdef",
            "content": (HERE / "add_model_train_job.request.json").read_bytes().strip(),
        },
        f"content-type;{BASE}",
        "f333722e06b48167ee72e60bdf2e99c18f8522b35339575e447dc602efa24c02",
        "cef10c5d504a5d42ea2668a0ce27383cf1fed9560dff0d04c426c74278d5cc6a",
    ),
    "V2 an image": (
        {
            "method": "GET",
            "path": "queryImageAsset",
            "nonce": "00000000000000000000000000000002",
            "query": {
                "modelId": MODEL,
                "promptId": "2a3d91c0-401a-11ef-a7fd-954b0578482b",
                "imageId": "0000.png",
                "encodeFormat": "base64",
            },
        },
        BASE,
        "013b552cd69fbf9fd3bcec58418a06ca21a5a70f06a5908593598e6615f525ba",
        "31e5144a964b15d2ad9d226d317127da63eea7268529a80f0072684610df0979",
    ),
    "V3 an STS token and awkward characters": (
        {
            "method": "GET",
            "path": "queryInferenceJobInfo",
            "nonce": "00000000000000000000000000000003",
            "token": "testSecurityToken==",
            "query": {"inferenceJobId": "a b/c+d~e"},
        },
        BASE.replace("host;", "host;x-acs-accesskey-id;").replace("date;", "date;x-acs-security-token;"),
        "ad7da1c783e8387246386f260c3f56373e3511cb5b4b0877c4c28a2aaeb79338",
        "8e4790d16cfbe18c5e1f49b87dc7846b6d2173e474a876d8a622f3fbe3a9a988",
    ),
    "V4 a prompt that is not ASCII": (
        {
            "method": "POST",
            "path": "addInferenceJob",
            "nonce": "00000000000000000000000000000004",
            "content": json.dumps(
                sent("add_inference_job") | {"prompt": "a <special-token> in the snow, 雪"},
                ensure_ascii=False,
                separators=(",", ":"),
            ).encode(),
        },
        f"content-type;{BASE}",
        "704d0c8cbe5eec548a15e6e027f3593f5421f4dc813cf733eb3d59eae5878985",
        "9cec847a0be2c3903888514ddae0030c043a69bcb4e98f5da92a90fcceb0493e",
    ),
}


@pytest.mark.parametrize(("request_", "names", "digest", "signature"), VECTORS.values(), ids=VECTORS.keys())
async def test_the_vendor_s_procedure_gives_the_same_signature(
    request_: dict[str, Any], names: str, digest: str, signature: str
) -> None:
    request = await signed(**request_)
    assert request.headers["authorization"] == (
        f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders={names},Signature={signature}"
    )
    canonical = canonical_request(request, names.split(";"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == digest


AWKWARD = st.text(st.sampled_from("aZ09-_.~ /+*&=%?#;:@'\"\\<>{}[]^`|!$(),\t雪é\U0001f600"), max_size=30)


@given(value=AWKWARD, other=st.text(max_size=20), token=st.booleans())
async def test_any_query_is_signed_as_it_is_received(value: str, other: str, token: bool) -> None:
    request = await signed(
        "GET",
        "queryImageAsset",
        nonce="0" * 32,
        token="testSecurityToken==" if token else None,
        query={"imageId": value, "promptId": other, "a": ""},
    )
    assert verify(request)
    assert request.url.params["imageId"] == value


async def test_every_attempt_has_its_own_moment_and_nonce() -> None:
    wire = Wire(queryModelTrainJobList=sample("query_model_train_job_list"))
    provider = vendor(wire)
    for _ in range(3):
        await provider.check()
    assert len({request.headers["x-acs-signature-nonce"] for request in wire.requests}) == 3
    for request in wire.requests:
        assert re.fullmatch(r"[0-9a-f]{32}", request.headers["x-acs-signature-nonce"])
        moment = datetime.strptime(request.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


async def test_an_sts_token_is_sent_and_signed() -> None:
    wire = Wire(queryModelTrainJobList=sample("query_model_train_job_list"))
    await vendor(wire, security_token="testSecurityToken==").check()
    assert wire.requests[0].headers["x-acs-security-token"] == "testSecurityToken=="
    assert wire.requests[0].headers["x-acs-accesskey-id"] == KEY_ID
    assert verify(wire.requests[0])


async def test_a_port_that_is_not_the_default_one_is_signed_with_the_host() -> None:
    wire = Wire(queryModelTrainJobList=sample("query_model_train_job_list"))
    await vendor(wire, endpoint="http://127.0.0.1:8080").check()
    assert wire.requests[0].headers["host"] == "127.0.0.1:8080"
    assert verify(wire.requests[0])
