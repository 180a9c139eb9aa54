"""The vectors are those of the vendor's page; they were computed there with the vendor's own signer."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox.vendors.acs3 import (
    Key,
    SignatureRefused,
    SignedRequest,
    Signer,
    Verifier,
    canonical_query,
    canonical_request,
)

PREFIX = "/api/v1/personalizedtxt2img"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = Key("testAccessKeyId", "testAccessKeySecret")
STS = Key("testAccessKeyId", "testAccessKeySecret", "testSecurityToken==")
MODEL = "person_6dcc62b4-4019-11ef-a7fd-954b0578482b"
V1_BODY = (
    b'{"imageUrl":["https://example.com/p/1.jpg","https://example.com/p/2.jpg"],'
    b'"name":"slack-U012ABC","objectType":"person","trainSteps":800}'
)
V4_BODY = (
    '{"imageNumber":4,"modelId":"person_6dcc62b4-4019-11ef-a7fd-954b0578482b",'
    '"prompt":"a <special-token> in the snow, 雪","seed":42}'
).encode()


def signer(key: Key = KEY) -> Signer:
    return Signer(key, host="aicontent.aliyuncs.com", version="20240611")


def parts(headers: dict[str, str]) -> tuple[str, str]:
    """The signed names and the signature."""
    _, names, hexadecimal = headers["authorization"].split(",")
    return names.removeprefix("SignedHeaders="), hexadecimal.removeprefix("Signature=")


def v1(extra: dict[str, str] | None = None) -> dict[str, str]:
    return signer().headers(
        "POST",
        f"{PREFIX}/addModelTrainJob",
        action="Personalizedtxt2imgAddModelTrainJob",
        body=V1_BODY,
        at=AT,
        nonce="0123456789abcdef0123456789abcdef",
        extra=extra,
    )


def test_v1_lays_out_the_canonical_request_of_the_page() -> None:
    headers = v1()
    names, _ = parts(headers)
    payload_hash = hashlib.sha256(V1_BODY).hexdigest()
    text = canonical_request(
        "POST", f"{PREFIX}/addModelTrainJob", "", headers, names.split(";"), payload_hash
    )
    assert text == (
        "POST\n"
        "/api/v1/personalizedtxt2img/addModelTrainJob\n"
        "\n"
        "content-type:application/json; charset=utf-8\n"
        "host:aicontent.aliyuncs.com\n"
        "x-acs-action:Personalizedtxt2imgAddModelTrainJob\n"
        "x-acs-content-sha256:56a6044306d721a04206165b88c4d397f765468b62708e7e918688dedeb1629c\n"
        "x-acs-date:2026-01-02T03:04:05Z\n"
        "x-acs-signature-nonce:0123456789abcdef0123456789abcdef\n"
        "x-acs-version:20240611\n"
        "\n"
        "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version\n"
        "56a6044306d721a04206165b88c4d397f765468b62708e7e918688dedeb1629c"
    )
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "f333722e06b48167ee72e60bdf2e99c18f8522b35339575e447dc602efa24c02"
    )


def test_v1_signs_a_post_as_the_page_does() -> None:
    assert parts(v1())[1] == "cef10c5d504a5d42ea2668a0ce27383cf1fed9560dff0d04c426c74278d5cc6a"


def test_v1_with_the_headers_of_the_vendors_whole_client_signs_as_the_page_does() -> None:
    extra = {
        "accept": "application/json",
        "user-agent": "test-agent/1.0",
        "x-acs-credentials-provider": "static_ak",
    }
    assert parts(v1(extra))[1] == "64979afeb59965bb26f43335223f8297ba2b3f68c7d7575dd3fcbf81a4d13dac"


def test_v2_signs_a_query_as_the_page_does() -> None:
    params = {
        "promptId": "2a3d91c0-401a-11ef-a7fd-954b0578482b",
        "modelId": MODEL,
        "imageId": "0000.png",
        "encodeFormat": "base64",
    }
    headers = signer().headers(
        "GET",
        f"{PREFIX}/queryImageAsset",
        action="Personalizedtxt2imgQueryImageAsset",
        params=params,
        at=AT,
        nonce="00000000000000000000000000000002",
    )
    assert canonical_query(params.items()) == (
        f"encodeFormat=base64&imageId=0000.png&modelId={MODEL}&promptId=2a3d91c0-401a-11ef-a7fd-954b0578482b"
    )
    assert parts(headers) == (
        "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version",
        "31e5144a964b15d2ad9d226d317127da63eea7268529a80f0072684610df0979",
    )


def test_v3_signs_awkward_characters_under_a_security_token_as_the_page_does() -> None:
    params = {"inferenceJobId": "a b/c+d~e"}
    headers = signer(STS).headers(
        "GET",
        f"{PREFIX}/queryInferenceJobInfo",
        action="Personalizedtxt2imgQueryInferenceJobInfo",
        params=params,
        at=AT,
        nonce="00000000000000000000000000000003",
    )
    assert canonical_query(params.items()) == "inferenceJobId=a%20b%2Fc%2Bd~e"
    names, hexadecimal = parts(headers)
    assert names == (
        "host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-security-token;"
        "x-acs-signature-nonce;x-acs-version"
    )
    assert hexadecimal == "8e4790d16cfbe18c5e1f49b87dc7846b6d2173e474a876d8a622f3fbe3a9a988"


def test_v4_signs_the_utf8_bytes_of_a_body_as_the_page_does() -> None:
    headers = signer().headers(
        "POST",
        f"{PREFIX}/addInferenceJob",
        action="Personalizedtxt2imgAddInferenceJob",
        body=V4_BODY,
        at=AT,
        nonce="00000000000000000000000000000004",
    )
    payload_hash = "0e56702ac7157310d0ccc5eee5fdaa6b264103edfc548490b5efda4a486d4b43"
    assert headers["x-acs-content-sha256"] == payload_hash
    assert parts(headers)[1] == "9cec847a0be2c3903888514ddae0030c043a69bcb4e98f5da92a90fcceb0493e"


class Gateway:
    """A verifier and the request a client would have sent it, ready to be tampered with."""

    def __init__(self, *keys: Key) -> None:
        self.used: set[str] = set()
        self.verifier = Verifier(keys or (KEY,), version="20240611", use_nonce=self._use)

    def _use(self, nonce: str, _: datetime) -> bool:
        fresh = nonce not in self.used
        self.used.add(nonce)
        return fresh

    def verify(
        self,
        headers: dict[str, str],
        *,
        query: str = "",
        body: bytes = b"",
        method: str = "GET",
        now: datetime = AT,
    ) -> str:
        request = SignedRequest(method, "/path", query, list(headers.items()), body)
        return self.verifier.verify(request, now=now)

    def refusal(self, headers: dict[str, str], **request: object) -> str:
        with pytest.raises(SignatureRefused) as caught:
            self.verify(headers, **request)  # type: ignore[arg-type]
        return caught.value.code


def get(key: Key = KEY, **options: object) -> dict[str, str]:
    return signer(key).headers("GET", "/path", action="Act", at=AT, **options)  # type: ignore[arg-type]


def test_a_call_signed_over_an_awkward_query_is_let_in_however_the_client_wrote_its_spaces() -> None:
    params = {"b": "snow 雪 / + * ~", "a": ""}
    for query in (canonical_query(params.items()), "b=snow+%E9%9B%AA+%2F+%2B+*+~&a="):
        assert Gateway().verify(get(params=params), query=query) == "Act"


def test_a_call_with_every_header_signed_is_let_in() -> None:
    headers = get(extra={"accept": "application/json", "x-acs-credentials-provider": "static_ak"})
    assert Gateway().verify({name.title(): value for name, value in headers.items()}) == "Act"


def test_a_security_token_is_demanded_with_the_key_it_was_lent_with_and_compared() -> None:
    assert Gateway(STS).verify(get(STS)) == "Act"
    assert Gateway(STS).refusal(get(KEY)) == "MissingSecurityToken"
    stolen = Key(KEY.access_key_id, KEY.access_key_secret, "another")
    assert Gateway(STS).refusal(get(stolen)) == "InvalidSecurityToken.Malformed"
    assert Gateway(KEY).refusal(get(STS)) == "InvalidSecurityToken.MismatchWithAccessKey"


def test_a_nonce_is_good_once() -> None:
    gateway = Gateway()
    headers = get()
    gateway.verify(headers)
    assert gateway.refusal(headers) == "SignatureNonceUsed"


def test_a_forged_call_does_not_use_up_the_nonce() -> None:
    gateway = Gateway()
    headers = get()
    assert gateway.refusal(headers, body=b"tampered") == "SignatureDoesNotMatch"
    assert gateway.verify(headers) == "Act"


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_a_little_off_is_forgiven(minutes: int) -> None:
    assert Gateway().verify(get(), now=AT + timedelta(minutes=minutes)) == "Act"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_far_off_is_not(minutes: int) -> None:
    assert Gateway().refusal(get(), now=AT + timedelta(minutes=minutes)) == "InvalidTimeStamp.Expired"


def test_whatever_was_signed_cannot_be_changed_on_the_way() -> None:
    assert Gateway().refusal(get(), query="a=1") == "SignatureDoesNotMatch"
    assert Gateway().refusal(get(), method="POST") == "SignatureDoesNotMatch"
    assert Gateway().refusal(get() | {"host": "elsewhere"}) == "SignatureDoesNotMatch"
    assert Gateway().refusal(get() | {"x-acs-action": "Other"}) == "SignatureDoesNotMatch"


def test_a_body_hash_that_is_signed_but_not_true_is_refused() -> None:
    headers = get(extra={"x-acs-content-sha256": hashlib.sha256(b"other").hexdigest()})
    assert Gateway().refusal(headers) == "SignatureDoesNotMatch"


def test_a_wrong_secret_and_an_unknown_key_are_told_apart() -> None:
    assert Gateway().refusal(get(Key(KEY.access_key_id, "wrong"))) == "SignatureDoesNotMatch"
    assert Gateway().refusal(get(Key("nobody", "wrong"))) == "InvalidAccessKeyId.NotFound"


def test_headers_that_matter_must_be_sent_and_signed() -> None:
    assert Gateway().refusal({"host": "x"}) == "IncompleteSignature"
    assert Gateway().refusal(get() | {"x-acs-late": "1"}) == "IncompleteSignature"
    assert Gateway().refusal(get() | {"content-type": "text/plain"}) == "IncompleteSignature"
    headers = get()
    del headers["x-acs-date"]
    assert Gateway().refusal(headers) == "IncompleteSignature"


def test_a_malformed_date_and_another_version_are_refused() -> None:
    assert Gateway().refusal(get(extra={"x-acs-date": "2026-01-02"})) == "InvalidTimeStamp.Format"
    assert Gateway().refusal(get(extra={"x-acs-version": "2024-06-11"})) == "InvalidVersion"


def test_no_secret_shows_in_a_keys_words() -> None:
    assert "Secret" not in repr(KEY).replace("access_key_secret", "")
    assert "Token" not in repr(STS)
