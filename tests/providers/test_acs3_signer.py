"""Alibaba's own signer, and ours, on requests drawn by lot: both have to come to the same signature."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import httpx
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.providers._acs3 import ALGORITHM, Acs3Auth
from bot.providers._http import canonical_query

HOST = "https://aicontent.aliyuncs.com"
PATH = "/api/v1/personalizedtxt2img/queryImageAsset"
KEY_ID, SECRET = "testAccessKeyId", "testAccessKeySecret"


def ours(request: httpx.Request, *, nonce: str, at: datetime, token: str | None) -> str:
    auth = Acs3Auth(
        HOST,
        KEY_ID,
        SecretStr(SECRET),
        None if token is None else SecretStr(token),
        now=lambda: at,
        nonce=lambda: nonce,
    )
    return str(next(auth.auth_flow(request)).headers["authorization"])


def theirs(request: httpx.Request, query: dict[str, str]) -> str:
    """What the SDK would write over the headers that ours names, from the parameters as they were meant."""
    asked = DaraRequest()
    asked.method, asked.pathname, asked.query = request.method, request.url.path, query
    names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    asked.headers = {name: request.headers[name] for name in names}
    payload = hashlib.sha256(request.content).hexdigest()
    return str(Utils.get_authorization(asked, ALGORITHM, payload, KEY_ID, SECRET))


AWKWARD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=16)
BODY: st.SearchStrategy[Any] = st.none() | st.dictionaries(
    st.sampled_from(["name", "prompt", "imageUrl", "seed", "strength"]),
    AWKWARD | st.lists(AWKWARD, max_size=3) | st.integers(-1, 2**31) | st.floats(0, 1),
    max_size=5,
)


@settings(max_examples=400, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    query=st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9_.~-]{0,8}", fullmatch=True),
        AWKWARD | st.lists(AWKWARD, min_size=2, max_size=3),
        max_size=5,
    ),
    body=BODY,
    token=st.none() | st.text("abcXYZ019+/=", min_size=1, max_size=40),
    nonce=st.text("0123456789abcdef", min_size=32, max_size=32),
    at=st.datetimes(datetime(2024, 1, 1), datetime(2033, 1, 1)),  # noqa: DTZ001
    action=st.from_regex(r"[A-Za-z0-9]{1,20}", fullmatch=True),
)
def test_ours_and_the_vendor_s_signer_agree(
    method: str,
    query: dict[str, str | list[str]],
    body: Any,
    token: str | None,
    nonce: str,
    at: datetime,
    action: str,
) -> None:
    # A parameter that is given several times gets a number each time.
    asked: dict[str, str] = Utils.query(query)
    headers = {"x-acs-action": action, "x-acs-version": "20240611"}
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    if body is not None:
        headers["content-type"] = "application/json; charset=utf-8"
    url = HOST + PATH + (f"?{canonical_query(asked)}" if asked else "")
    request = httpx.Request(method, url, headers=headers, content=content)
    made = ours(request, nonce=nonce, at=at.replace(tzinfo=UTC), token=token)
    assert made == theirs(request, asked)


def test_the_vendor_s_signer_is_the_vendor_s() -> None:
    """It makes the signature that the vendor prints for its sample, so that what it says can be believed."""
    asked = DaraRequest()
    asked.method, asked.pathname = "POST", "/"
    asked.query = {
        "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        "RegionId": "cn-shanghai",
    }
    payload = hashlib.sha256(b"").hexdigest()
    asked.headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": payload,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    made = Utils.get_authorization(asked, ALGORITHM, payload, "YourAccessKeyId", "YourAccessKeySecret")
    assert made.endswith("06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")
