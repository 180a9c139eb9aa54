"""Huawei Cloud's signature: the vendor's vectors, and the vendor's own signer on requests drawn by lot."""

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.providers import UnexpectedResponse
from bot.providers._http import canonical_query
from bot.providers.metastudio.signing import SdkAuth, TokenAuth, string_to_sign

AK, SK = "AKEXAMPLEEXAMPLE0001", "SKexampleSKexampleSKexampleSKexample0001"
PROJECT = "0123456789abcdef0123456789abcdef"
HOST = "metastudio.cn-north-4.myhuaweicloud.com"
HOME = f"https://{HOST}"
JOBS = f"/v1/{PROJECT}/digital-human-training-manage/user/jobs"
NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


def signed(request: httpx.Request, token: str | None = None) -> httpx.Request:
    # A client's own headers are not part of the vectors.
    for name in ("accept", "accept-encoding", "connection", "user-agent", "content-length"):
        request.headers.pop(name, None)
    auth = SdkAuth(HOME, AK, SecretStr(SK), PROJECT, SecretStr(token) if token else None, now=lambda: NOW)
    return next(auth.auth_flow(request))


def signature(request: httpx.Request) -> str:
    return request.headers["authorization"].rpartition("Signature=")[2]


VECTORS: list[tuple[str, httpx.Request, str, str]] = [
    (
        "A",
        httpx.Request(
            "POST",
            HOME + JOBS,
            headers={"content-type": "application/json"},
            content=b'{"name":"slack-avatar-U123","video_multipart_count":1,"is_background_replacement":false,'
            b'"model_version":"V3.2"}',
        ),
        "db4ea994c3924ba60717fd2cd30fe19729429ae40ba237446bb83968956f86eb",
        "e5543ccc974104ca301a3882257fcda00fc35857c97bad3cd1d86463fe96c813",
    ),
    (
        "B",
        httpx.Request(
            "GET",
            f"{HOME}{JOBS}?"
            + canonical_query(
                {
                    "state": "JOB_SUCCESS,JOB_FINISH",
                    "limit": "10",
                    "offset": "0",
                    "is_flexus": "true",
                    "name": "Ann Lee/é",
                }
            ),
            headers={"content-type": "application/json"},
        ),
        "06efdd51a20d499c56061615d31b147d65fc2264f1643f145405cb03981704fd",
        "ba21f62dfce682765449877530bfc7d08f17a7c6bd214352f698631f1c6298b8",
    ),
    (
        "C",
        httpx.Request("GET", f"{HOME}{JOBS}/efc5300ecdba4ea48d1ff13a9d907bc0"),
        "601a72090496bed75ce685e78ba7ff7287aa5d4c22bcf8bafc11114e78768fd1",
        "e846a3b24244dc1616173148535f1af5e67b79c2ca7d405d4af7940b9bd3bdbc",
    ),
    (
        "D",
        httpx.Request(
            "POST",
            f"{HOME}/v1/{PROJECT}/digital-human/stylized/picture-modelings",
            headers={"content-type": "multipart/form-data; boundary=BOUNDARY123"},
            content=b"whatever",
        ),
        "e6ea34a6c1b8a59ef3b0882092362408017c936172ca55d4b4ada7f889e92db1",
        "6ba4bc6d1fe94640f4372ee7db9c90932f6f81f02e7520754277633b64e343e3",
    ),
]


@pytest.mark.parametrize(("name", "request_", "digest", "wanted"), VECTORS, ids=[row[0] for row in VECTORS])
def test_the_vendor_s_vectors(name: str, request_: httpx.Request, digest: str, wanted: str) -> None:
    made = signed(request_)
    names = made.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert string_to_sign(made, names).rpartition("\n")[2] == digest
    assert signature(made) == wanted
    assert made.headers["x-sdk-date"] == "20240102T030405Z"
    assert made.url.path == request_.url.path


def test_the_vendor_s_signer_is_the_vendor_s() -> None:
    """It makes vector A, so that what it says below can be believed."""
    assert theirs(signed(VECTORS[0][1])) == VECTORS[0][3]


def theirs(request: httpx.Request) -> str:
    """The signature that the vendor's own signer puts on a request, over the headers that ours names."""
    path, _, query = request.url.raw_path.decode().partition("?")
    pairs = [tuple(pair.partition("=")[::2]) for pair in query.split("&")] if query else []
    credentials = BasicCredentials(AK, SK, PROJECT)
    names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers: dict[str, Any] = {name: request.headers[name] for name in names}
    asked = SdkRequest(
        method=request.method,
        schema="https",
        host=HOST,
        resource_path=path,
        uri=path,
        query_params=[(unquoted(name), unquoted(value)) for name, value in pairs],
        header_params=headers,
        body=request.content,
    )
    return str(Signer(credentials).sign(asked).header_params["Authorization"]).rpartition("Signature=")[2]


def unquoted(text: str) -> str:
    return httpx.QueryParams(f"x={text}")["x"]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
STEP = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/?#%"), min_size=1, max_size=8
)


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    steps=st.lists(STEP.filter(lambda text: text not in {".", ".."}), max_size=3),
    query=st.lists(
        st.tuples(st.sampled_from(["state", "tag", "tag-2", "a b"]) | TEXT.filter(bool), TEXT), max_size=5
    ),
    body=st.binary(max_size=40),
    token=st.none() | st.text("abcXYZ012+/=", min_size=1, max_size=20),
    user=st.none() | st.text("abc-_.!", min_size=1, max_size=10),
)
def test_ours_and_the_vendor_s_signer_agree(
    method: str,
    steps: list[str],
    query: list[tuple[str, str]],
    body: bytes,
    token: str | None,
    user: str | None,
) -> None:
    path = "/v1/" + "/".join([PROJECT, *(quote(step, safe="~") for step in steps)])
    headers = {"content-type": "application/json"} if body else {}
    headers |= {"x-app-userid": user} if user else {}
    # In whatever order, and some of them several times.
    pairs = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in query)
    url = f"{HOME}{path}" + (f"?{pairs}" if query else "")
    made = signed(httpx.Request(method, url, headers=headers, content=body), token)
    assert signature(made) == theirs(made)


def test_every_attempt_is_signed_anew() -> None:
    moments = iter([NOW, NOW.replace(second=6)])
    auth = SdkAuth(HOME, AK, SecretStr(SK), PROJECT, now=lambda: next(moments))
    request = httpx.Request("GET", HOME + JOBS)
    first = signature(next(auth.auth_flow(request)))
    assert signature(next(auth.auth_flow(request))) != first
    assert request.headers["x-sdk-date"] == "20240102T030406Z"


@pytest.mark.parametrize("auth", [SdkAuth(HOME, AK, SecretStr(SK), PROJECT), TokenAuth(HOME, SecretStr("t"))])
def test_no_other_host_sees_our_credentials(auth: httpx.Auth) -> None:
    with pytest.raises(UnexpectedResponse):
        next(auth.auth_flow(httpx.Request("PUT", "https://obs.example/upload")))


def test_a_token_is_all_that_a_signed_in_user_shows() -> None:
    request = next(TokenAuth(HOME, SecretStr("MII")).auth_flow(httpx.Request("GET", HOME + JOBS)))
    assert request.headers["x-auth-token"] == "MII"
    assert "authorization" not in request.headers


def test_an_empty_body_is_hashed_as_nothing() -> None:
    assert hashlib.sha256(VECTORS[2][1].content).hexdigest().startswith("e3b0c44298fc1c14")
