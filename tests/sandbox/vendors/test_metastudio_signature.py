"""The gateway's half of Huawei's signature, examined by the vendor's own signer and its page's vectors."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_to_bytes

import pytest
from huaweicloudsdkcore.sdk_request import SdkRequest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.sandbox.vendors.sdk_hmac import (
    CLOCK_WINDOW,
    DATE_FORMAT,
    SignatureRefused,
    SignedRequest,
    Verifier,
    canonical_query,
    canonical_request,
    signature,
    string_to_sign,
)
from tests.sandbox.vendors.metastudio_scene import JOBS, KEY, PREFIX, STS, signed

pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")

HOST = "metastudio.cn-north-4.myhuaweicloud.com"
NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
DATE = "20240102T030405Z"
PROJECT = {"X-Project-Id": "0123456789abcdef0123456789abcdef"}
BODY = (
    b'{"name":"slack-avatar-U123","video_multipart_count":1,"is_background_replacement":false,'
    b'"model_version":"V3.2"}'
)
VERIFIER = Verifier([KEY, STS])


def wire(request: SdkRequest) -> SignedRequest:
    """What arrives of a request that the vendor's signer made."""
    path, _, query = request.uri.partition("?")
    return SignedRequest(
        method=request.method,
        path=path.encode("ascii"),
        query=query.encode("ascii"),
        headers=[
            (name.encode("ascii"), value.encode("latin-1")) for name, value in request.header_params.items()
        ],
        body=request.body or b"",
    )


def call(method: str = "GET", path: str = JOBS, **more: Any) -> SignedRequest:
    """A call signed by the vendor's signer at the vectors' instant."""
    headers = {**PROJECT, "X-Sdk-Date": DATE, **more.pop("headers", {})}
    return wire(signed(method, path, host=HOST, headers=headers, **more))


def header(request: SignedRequest, name: str) -> str:
    found: dict[str, bytes] = {key.decode().lower(): value for key, value in request.headers}
    return found[name].decode("latin-1")


def changed(request: SignedRequest, **headers: str | None) -> SignedRequest:
    """The same call with headers set, or taken away."""
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    kept = [pair for pair in request.headers if pair[0].decode().lower() not in given]
    new = [(name.encode(), value.encode()) for name, value in given.items() if value is not None]
    return replace(request, headers=[*kept, *new])


@pytest.mark.parametrize(
    ("request_", "canonical_hash", "expected"),
    [
        pytest.param(
            call("POST", headers={"Content-Type": "application/json"}, body=BODY),
            "db4ea994c3924ba60717fd2cd30fe19729429ae40ba237446bb83968956f86eb",
            "e5543ccc974104ca301a3882257fcda00fc35857c97bad3cd1d86463fe96c813",
            id="A",
        ),
        pytest.param(
            call(
                headers={"Content-Type": "application/json"},
                query=[
                    ("state", "JOB_SUCCESS,JOB_FINISH"),
                    ("limit", 10),
                    ("offset", 0),
                    ("is_flexus", True),
                    ("name", "Ann Lee/\u00e9"),
                ],
            ),
            "06efdd51a20d499c56061615d31b147d65fc2264f1643f145405cb03981704fd",
            "ba21f62dfce682765449877530bfc7d08f17a7c6bd214352f698631f1c6298b8",
            id="B",
        ),
        pytest.param(
            call(path=f"{JOBS}/efc5300ecdba4ea48d1ff13a9d907bc0"),
            "601a72090496bed75ce685e78ba7ff7287aa5d4c22bcf8bafc11114e78768fd1",
            "e846a3b24244dc1616173148535f1af5e67b79c2ca7d405d4af7940b9bd3bdbc",
            id="C",
        ),
        pytest.param(
            call(
                "POST",
                f"{PREFIX}/digital-human/stylized/picture-modelings",
                headers={"Content-Type": "multipart/form-data; boundary=BOUNDARY123"},
                body=b"whatever",
            ),
            "e6ea34a6c1b8a59ef3b0882092362408017c936172ca55d4b4ada7f889e92db1",
            "6ba4bc6d1fe94640f4372ee7db9c90932f6f81f02e7520754277633b64e343e3",
            id="D",
        ),
    ],
)
def test_the_vectors_of_the_vendors_page_come_out(
    request_: SignedRequest, canonical_hash: str, expected: str
) -> None:
    headers = {name.decode().lower(): value for name, value in request_.headers}
    names = header(request_, "authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
    canonical = canonical_request(request_, headers, names)
    assert hashlib.sha256(canonical).hexdigest() == canonical_hash
    assert signature(string_to_sign(DATE, canonical), KEY.sk) == expected
    assert header(request_, "authorization").endswith(expected)
    assert VERIFIER.verify(request_, now=NOW) == KEY


def test_the_slash_at_the_end_is_in_the_signature_and_not_on_the_wire() -> None:
    request = call("POST", headers={"Content-Type": "application/json"}, body=BODY)
    assert not request.path.endswith(b"/")
    headers = {name.decode().lower(): value for name, value in request.headers}
    canonical = canonical_request(request, headers, sorted(set(headers) - {"authorization"}))
    assert (
        canonical
        == (
            f"POST\n{JOBS}/\n\n"
            f"content-type:application/json\nhost:{HOST}\n"
            f"x-project-id:{PROJECT['X-Project-Id']}\nx-sdk-date:{DATE}\n\n"
            "content-type;host;x-project-id;x-sdk-date\n"
            "ba74f54da3642a39369b627f4074de09d23690d87ac10c7fdace044656db0b4e"
        ).encode()
    )


def test_a_query_is_sorted_by_its_values_too_and_a_plus_is_no_space() -> None:
    assert canonical_query(b"b=2&b=1&a=&c") == "a=&b=1&b=2&c="
    assert canonical_query(b"name=Ann+Lee") == "name=Ann%2BLee"
    request = call(query=[("name", "Ann Lee")])
    assert request.query == b"name=Ann%20Lee"
    with pytest.raises(SignatureRefused):
        VERIFIER.verify(replace(request, query=b"name=Ann+Lee"), now=NOW)


AWKWARD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
VALUES = AWKWARD | st.integers() | st.booleans() | st.lists(AWKWARD, min_size=2, max_size=4)
# A header's value begins and ends with something that is seen.
HEADER_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
TYPES = st.sampled_from(
    [
        "application/json",
        "application/json;charset=UTF-8",
        "multipart/form-data; boundary=B",
        "text/plain",
        None,
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> SdkRequest:
    """A request as awkward as any, signed by the vendor's signer with one of two keys."""
    segments = draw(
        st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/")), max_size=3)
    )
    headers = dict(PROJECT)
    headers["X-Sdk-Date"] = DATE
    if (kind := draw(TYPES)) is not None:
        headers["Content-Type"] = kind
    if draw(st.booleans()):
        headers["X-App-UserId"] = draw(HEADER_TEXT)
    if draw(st.booleans()):
        headers["User-Agent"] = "huaweicloud-usdk-python/3.0 " + draw(HEADER_TEXT)
    return signed(
        draw(st.sampled_from(["GET", "POST", "PUT", "DELETE"])),
        "/".join([JOBS, *(quote(segment) for segment in segments)]) + draw(st.sampled_from(["", "/"])),
        host=draw(st.sampled_from([HOST, "127.0.0.1:8080"])),
        key=draw(st.sampled_from([KEY, STS])),
        query=list(draw(st.dictionaries(NAMES, VALUES, max_size=5)).items()),
        headers=headers,
        body=draw(st.binary(max_size=60) | st.just(b"")),
    )


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(request=requests())
def test_whatever_the_vendors_signer_signs_is_let_in(request: SdkRequest) -> None:
    arrived = wire(request)
    key = VERIFIER.verify(arrived, now=NOW)
    assert key == (STS if any(name.lower() == b"x-security-token" for name, _ in arrived.headers) else KEY)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(request=requests(), where=st.randoms(use_true_random=False), byte=st.integers(0x21, 0x7E))
def test_any_one_byte_that_is_changed_is_noticed(request: SdkRequest, where: Any, byte: int) -> None:
    arrived = wire(request)
    spoilt = _spoil(arrived, where.random(), byte)
    assume(not _means_the_same(arrived, spoilt))
    with pytest.raises(SignatureRefused):
        VERIFIER.verify(spoilt, now=NOW)


def _spoil(request: SignedRequest, share: float, byte: int) -> SignedRequest:
    """The request with the byte at that share of its length replaced.

    A body that is left unsigned, as the vendor's client does with all but JSON, is left alone.
    """
    unsigned = any(value == b"UNSIGNED-PAYLOAD" for _, value in request.headers)
    fields = [request.method.encode(), request.path, request.query]
    fields += [part for pair in request.headers for part in pair]
    fields += [] if unsigned else [request.body]
    at = int(share * sum(map(len, fields)))
    for index, text in enumerate(fields):
        if at < len(text):
            fields[index] = text[:at] + bytes([byte]) + text[at + 1 :]
            break
        at -= len(text)
    method, path, query, *rest = fields
    body = request.body if unsigned else rest.pop()
    return SignedRequest(method.decode(), path, query, list(zip(rest[::2], rest[1::2], strict=True)), body)


def _means_the_same(one: SignedRequest, other: SignedRequest) -> bool:
    """Whether only the way of writing differs: the case of an escape or of a header's name, and the like."""

    def meaning(request: SignedRequest) -> tuple[Any, ...]:
        query = request.query.decode("latin-1").replace("+", "%2B")
        pairs = sorted(parse_qsl(query, keep_blank_values=True, encoding="latin-1"))
        headers = {name.lower(): value for name, value in request.headers}
        return (request.method, unquote_to_bytes(request.path), pairs, headers, request.body)

    return meaning(one) == meaning(other)


def test_an_unsigned_body_may_be_anything_but_a_signed_one_may_not() -> None:
    form = call("POST", headers={"Content-Type": "multipart/form-data; boundary=B"}, body=b"one")
    assert VERIFIER.verify(replace(form, body=b"two"), now=NOW) == KEY
    json = call("POST", headers={"Content-Type": "application/json"}, body=BODY)
    with pytest.raises(SignatureRefused):
        VERIFIER.verify(replace(json, body=BODY.replace(b"V3.2", b"V3.3")), now=NOW)


def test_a_json_body_can_not_be_declared_unsigned() -> None:
    request = call(
        "POST",
        headers={"Content-Type": "application/json", "X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD"},
        body=BODY,
    )
    with pytest.raises(SignatureRefused, match="JSON"):
        VERIFIER.verify(request, now=NOW)


@pytest.mark.parametrize("away", [CLOCK_WINDOW, -CLOCK_WINDOW])
def test_a_clock_may_be_15_minutes_off_and_not_a_second_more(away: timedelta) -> None:
    request = call()
    assert VERIFIER.verify(request, now=NOW + away) == KEY
    beyond = NOW + away + (timedelta(seconds=1) if away > timedelta() else -timedelta(seconds=1))
    with pytest.raises(SignatureRefused, match="15 minutes"):
        VERIFIER.verify(request, now=beyond)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"authorization": None}, "missing or malformed"),
        ({"authorization": "Bearer abc"}, "missing or malformed"),
        ({"x-sdk-date": None}, "sent and signed"),
        ({"x-sdk-date": "2024-01-02T03:04:05Z"}, "no date"),
        ({"x-project-id": None}, "sent and signed"),
        ({"x-security-token": "not mine"}, "temporary"),
    ],
)
def test_a_call_that_is_not_signed_as_it_should_be_is_refused_with_a_reason(
    headers: Mapping[str, str | None], why: str
) -> None:
    with pytest.raises(SignatureRefused, match=why):
        VERIFIER.verify(changed(call(), **headers), now=NOW)


def test_only_the_headers_that_are_named_are_looked_at() -> None:
    assert VERIFIER.verify(changed(call(), x_trace_id="added by a proxy"), now=NOW) == KEY


def test_the_date_must_be_signed() -> None:
    request = call()
    without = header(request, "authorization").replace(";x-sdk-date", "")
    with pytest.raises(SignatureRefused, match="sent and signed"):
        VERIFIER.verify(changed(request, authorization=without), now=NOW)


def test_temporary_keys_need_their_token_and_the_right_one() -> None:
    request = call(key=STS)
    assert VERIFIER.verify(request, now=NOW) == STS
    for token in (None, "another-token"):
        with pytest.raises(SignatureRefused):
            VERIFIER.verify(changed(request, x_security_token=token), now=NOW)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="unknown"):
        VERIFIER.verify(call(key=replace(KEY, ak="AKSOMEBODYELSE")), now=NOW)
    with pytest.raises(SignatureRefused):
        VERIFIER.verify(call(key=replace(KEY, sk="guessed")), now=NOW)


def test_the_vectors_date_is_what_the_signer_writes() -> None:
    assert NOW.strftime(DATE_FORMAT) == DATE
    stamped = wire(signed("GET", JOBS, host=HOST, at=NOW.timestamp()))
    assert header(stamped, "x-sdk-date") == DATE
