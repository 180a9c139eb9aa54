"""AIContent: what each way of saying no means, and what is kept of it."""

import contextlib
import logging
import traceback
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bot.providers import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    TransientError,
    Unavailable,
    UnexpectedResponse,
)
from tests.providers.aicontent.bench import KEY_ID, SECRET, Vendor
from tests.providers.aicontent.wire import (
    Wire,
    error,
    generation,
    sample,
    training,
    vendor,
)

REFUSALS: list[tuple[int, dict[str, Any], type[ProviderError], type[ProviderError]]] = [
    (400, {"errCode": "B_PARAMETER_NOT_FOUND_EXCEPTION"}, InvalidInput, InvalidInput),
    (403, {"errCode": "B_PERMISSION_DENIED_EXCEPTION"}, AuthenticationFailed, AuthenticationFailed),
    (404, {"errCode": "B_DATA_NOT_FOUND_EXCEPTION"}, NotFound, NotFound),
    (404, {"errCode": "B_MODEL_TRAIN_JOB_NOT_EXIST"}, NotFound, NotFound),
    (500, {"errCode": "UNKNOWN_ERROR"}, Unavailable, OutcomeUnknown),
    (400, {"errCode": "B_SOMETHING_NEW"}, InvalidInput, InvalidInput),
    (400, {"errCode": "B_CONTENT_SENSITIVE"}, ContentRejected, ContentRejected),
    (400, {"errCode": "UserInArrears"}, QuotaExceeded, QuotaExceeded),
]


@pytest.mark.parametrize(
    ("status", "fields", "get", "post"), REFUSALS, ids=[row[1]["errCode"] for row in REFUSALS]
)
@pytest.mark.parametrize("within_200", [False, True])
async def test_a_business_error_is_the_same_with_its_status_and_within_200(
    status: int, fields: dict[str, Any], get: type[ProviderError], post: type[ProviderError], within_200: bool
) -> None:
    refusal = error(200 if within_200 else status, **fields, httpStatusCode=status)
    provider = vendor(Wire(queryModelTrainJobList=refusal, addModelTrainJob=refusal))
    with pytest.raises(get) as caught:
        await provider.check()
    assert type(caught.value) is get
    assert (caught.value.code, caught.value.request_id) == (fields["errCode"], "E-0001")
    with pytest.raises(post) as caught_post:
        await provider.submit(training(), key="k")
    assert type(caught_post.value) is post


@pytest.mark.parametrize("code", [None, "", "UNKNOWN_ERROR"])
async def test_a_no_within_200_that_names_nothing_leaves_a_post_unknown(code: str | None) -> None:
    refusal = error(200, errCode=code, httpStatusCode=None)
    provider = vendor(Wire(queryModelTrainJobList=refusal, addModelTrainJob=refusal))
    with pytest.raises(OutcomeUnknown):
        await provider.submit(training(), key="k")
    with pytest.raises(Unavailable):
        await provider.check()


async def test_a_no_within_200_with_a_word_of_its_own_is_a_refusal() -> None:
    refusal = error(200, errCode="B_SOMETHING_NEW", httpStatusCode=None)
    with pytest.raises(UnexpectedResponse) as caught:
        await vendor(Wire(addModelTrainJob=refusal)).submit(training(), key="k")
    assert caught.value.code == "B_SOMETHING_NEW"


async def test_success_decides_and_not_the_presence_of_a_code() -> None:
    body = sample("docs_sample_success_with_code")
    begun = await vendor(Wire(addInferenceJob=body)).generate(generation(), key="k")
    assert begun.ref.id == "3220"


async def test_an_answer_that_says_neither_yes_nor_no_leaves_a_post_unknown() -> None:
    for answer in (
        {},
        httpx.Response(200, json=[]),
        {"data": {"id": "1"}},
        {"success": "yes"},
        httpx.Response(200, text="<html>"),
    ):
        with pytest.raises(OutcomeUnknown):
            await vendor(Wire(addModelTrainJob=answer)).submit(training(), key="k")


async def test_a_yes_without_an_id_leaves_a_post_unknown() -> None:
    for data in (None, {}, {"id": None}, {"id": ""}, []):
        answer = sample("add_model_train_job") | {"data": data}
        with pytest.raises(OutcomeUnknown):
            await vendor(Wire(addModelTrainJob=answer)).submit(training(), key="k")


GATEWAY: list[tuple[str, type[ProviderError], str]] = [
    ("SignatureDoesNotMatch", AuthenticationFailed, "AICONTENT_ACCESS_KEY_SECRET"),
    ("IncompleteSignature", AuthenticationFailed, "AICONTENT_ACCESS_KEY_SECRET"),
    ("InvalidAccessKeyId.NotFound", AuthenticationFailed, "AICONTENT_ACCESS_KEY_ID"),
    ("InvalidAccessKeyId.Inactive", AuthenticationFailed, "AICONTENT_ACCESS_KEY_ID"),
    ("InvalidTimeStamp.Expired", AuthenticationFailed, "clock"),
    ("InvalidSecurityToken.Expired", AuthenticationFailed, "AICONTENT_SECURITY_TOKEN"),
    ("Forbidden.RAM", AuthenticationFailed, "aicontent:Personalizedtxt2img*"),
    ("NoPermission", AuthenticationFailed, "aicontent:Personalizedtxt2img*"),
    ("Throttling.User", RateLimited, "fewer calls"),
    ("ServiceUnavailable", Unavailable, "not available"),
]


@pytest.mark.parametrize(("code", "kind", "fix"), GATEWAY, ids=[row[0] for row in GATEWAY])
@pytest.mark.parametrize("family", [("Code", "Message", "RequestId"), ("code", "message", "requestid")])
async def test_a_check_names_what_the_operator_must_mend(
    code: str, kind: type[ProviderError], fix: str, family: tuple[str, str, str]
) -> None:
    gateway = sample("error_gateway") | {
        "Code": code,
        "Message": f"signed with {SECRET}: testSecurityToken==",
    }
    answer = httpx.Response(400, json=dict(zip(family, gateway.values(), strict=True)))
    with pytest.raises(kind) as caught:
        await vendor(Wire(queryModelTrainJobList=answer)).check()
    assert type(caught.value) is kind
    assert fix in str(caught.value)
    assert (caught.value.code, caught.value.request_id) == (code, "G-0001")
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    assert "testSecurityToken" not in told


async def test_a_check_of_an_unreachable_vendor_says_where_to_look() -> None:
    with pytest.raises(Unavailable, match="AICONTENT_ENDPOINT and AICONTENT_PROXY"):
        await vendor(Wire(queryModelTrainJobList=httpx.ConnectError("x"))).check()


async def test_a_nonce_that_was_seen_before_means_that_a_copy_came_first() -> None:
    answer = error(400, "error_gateway", Code="SignatureNonceUsed")
    provider = vendor(Wire(queryModelTrainJobList=answer, addModelTrainJob=answer))
    with pytest.raises(OutcomeUnknown):
        await provider.submit(training(), key="k")
    with pytest.raises(TransientError):
        await provider.check()


@pytest.mark.parametrize(("header", "seconds"), [("1500", 1.5), ("600000", 120)])
@pytest.mark.parametrize("status", [400, 429, 500, 503])
@pytest.mark.parametrize("text", ["", '{"Code": "Throttling.User"}', '{"errCode": "UNKNOWN_ERROR"}'])
async def test_the_vendor_s_own_header_for_busy_counts_milliseconds_and_is_capped(
    header: str, seconds: float, status: int, text: str
) -> None:
    answer = httpx.Response(status, text=text, headers={"x-acs-retry-after": header})
    with pytest.raises(RateLimited) as caught:
        await vendor(Wire(addModelTrainJob=answer)).submit(training(), key="k")
    assert caught.value.retry_after == timedelta(seconds=seconds)


async def test_a_vendor_s_sentence_is_kept_without_links_keys_and_prompt() -> None:
    words = f"cannot fetch https://example.com/p/1.jpg?sig=1 for a <special-token> in the snow, key {KEY_ID}"
    refusal = error(400, errCode="B_SOMETHING_NEW", errMessage=words)
    with pytest.raises(InvalidInput) as caught:
        await vendor(Wire(addInferenceJob=refusal)).generate(generation(), key="k")
    assert caught.value.detail == "cannot fetch (link) for …, key …"


async def test_nothing_of_a_job_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    provider = vendor(Vendor(), security_token="testSecurityToken==")
    with caplog.at_level(logging.DEBUG):
        begun = await provider.submit(training(), key="the-key")
        await provider.poll(begun.ref)
        with contextlib.suppress(ProviderError):
            await provider.generate(generation("ana by the secret sea"), key="k")
    logged = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for secret in ("secret sea", "example.com", SECRET, "testSecurityToken", "Signature="):
        assert secret not in logged
