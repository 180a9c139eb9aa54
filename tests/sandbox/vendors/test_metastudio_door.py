"""Who is let in to the MetaStudio stand-in: keys, tokens, tenants, hosts, sizes and rates."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkiam import v3 as iam
from huaweicloudsdkmetastudio import v1

from bot.sandbox.clock import WorldClock
from bot.sandbox.vendors.metastudio import PROJECT_ID, REGION
from tests.sandbox.vendors.metastudio_scene import JOBS, KEY, PREFIX, STS, Lot, open_lot, signed

pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")

PASSWORD = {"domain": {"name": "sandbox-account"}, "name": "sandbox-user", "password": "sandbox-password"}


def refused(answer: httpx.Response, status: int, code: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (status, code), body
    assert body["error_msg"]
    assert answer.headers["x-request-id"]
    assert body.get("request_id") == (answer.headers["x-request-id"] if code.startswith("APIGW") else None)


@dataclass
class Watch:
    """The machine's time of both sides; a test turns it."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[tuple[Lot, Watch]]:
    watch = Watch()
    async with open_lot(tmp_path / "watched", wall=watch) as lot:
        yield lot, watch


async def token(lot: Lot, scope: Any = None, **user: Any) -> httpx.Response:
    identity = {"methods": ["password"], "password": {"user": PASSWORD | user}}
    auth: dict[str, Any] = {"identity": identity}
    auth["scope"] = {"project": {"name": REGION}} if scope is None else scope
    return await lot.customer.http.post("/v3/auth/tokens?nocatalog=true", json={"auth": auth})


async def bearing(lot: Lot, value: str, path: str = JOBS, **headers: str) -> httpx.Response:
    return await lot.customer.http.get(path, headers={"X-Auth-Token": value, **headers})


# Keys.


async def test_a_call_without_any_proof_is_refused(lot: Lot) -> None:
    refused(await lot.customer.http.get(JOBS), 401, "APIGW.0301")


@pytest.mark.parametrize(
    "key", [replace(KEY, sk="guessed"), replace(KEY, ak="SOMEBODY"), replace(STS, security_token="x")]
)
async def test_a_wrong_key_is_refused(lot: Lot, key: Any) -> None:
    refused(await lot.customer.call("GET", JOBS, key=key), 401, "APIGW.0301")


async def test_a_clock_that_is_16_minutes_off_is_refused_and_one_of_14_is_not(lot: Lot) -> None:
    for minutes in (-16, 16):
        answer = await lot.customer.call("GET", JOBS, at=time.time() + minutes * 60)
        refused(answer, 401, "APIGW.0301")
        assert "15 minutes" in answer.json()["error_msg"]
    for minutes in (-14, 14):
        assert (await lot.customer.call("GET", JOBS, at=time.time() + minutes * 60)).status_code == 200


async def test_the_vendors_clock_may_be_off_on_order(lot: Lot) -> None:
    await lot.control.fault("clock", seconds=3600)
    with pytest.raises(ClientRequestException) as error:
        await lot.list()
    assert (error.value.status_code, error.value.error_code) == (401, "APIGW.0301")
    await lot.control.clear()
    assert (await lot.list()).count == 0


async def test_the_worlds_clock_may_run_ahead_and_signatures_stay_good(tmp_path: Path) -> None:
    clock = WorldClock()
    clock.leap(3 * 24 * 3600)
    async with open_lot(tmp_path, clock) as lot:
        made = await lot.create()
        created = datetime.fromisoformat((await lot.show(made.job_id)).create_time)
        assert created - datetime.now(UTC) > timedelta(days=2)


async def test_a_query_may_hold_anything(lot: Lot) -> None:
    await lot.create(name="Ann Lee/é+&=?#%20")
    for part in ("Ann Lee/é", "+&=", "?#%20"):
        listed = (await lot.customer.call("GET", JOBS, query=[("name", part), ("limit", 1)])).json()
        assert listed["count"] == 1, part


# Tenants, hosts, permissions.


async def test_another_tenants_project_is_refused(lot: Lot) -> None:
    elsewhere = JOBS.replace(PROJECT_ID, "f" * 32)
    refused(await lot.customer.call("GET", elsewhere), 400, "MSS.00010009")
    refused(await lot.customer.call("GET", JOBS, headers={"X-Project-Id": "f" * 32}), 400, "MSS.00010009")
    client = lot.customer.with_key(KEY, "f" * 32)
    with pytest.raises(ClientRequestException) as error:
        await lot.customer.ask("show_asset", v1.ShowAssetRequest(asset_id="x"), client=client)
    assert (error.value.status_code, error.value.error_code) == (400, "MSS.00010009")


async def test_the_host_of_another_region_publishes_nothing(lot: Lot) -> None:
    for host, status in (
        (f"metastudio.{REGION}.myhuaweicloud.com", 200),
        ("metastudio.cn-east-3.myhuaweicloud.com", 404),
    ):
        ready = signed("GET", JOBS, host=host)
        answer = await lot.customer.http.get(JOBS, headers=ready.header_params)
        assert answer.status_code == status
    refused(answer, 404, "APIGW.0101")


async def test_an_address_that_does_not_exist_is_not_published(lot: Lot) -> None:
    refused(await lot.customer.call("GET", "/v2/whatever"), 404, "APIGW.0101")
    refused(await lot.customer.call("GET", f"{PREFIX}/digital-human-training-manage/jobs"), 404, "APIGW.0101")


async def test_a_method_that_does_not_exist_is_unknown(lot: Lot) -> None:
    refused(await lot.customer.call("PATCH", JOBS), 400, "MSS.00010004")
    refused(await lot.customer.call("DELETE", JOBS), 400, "MSS.00010004")


async def test_what_the_account_may_not_do_is_refused(lot: Lot) -> None:
    await lot.control.settings(denied=["CreateTraining"])
    refused(await lot.customer.call("POST", JOBS, json={"name": "ana"}), 403, "APIGW.0302")
    assert (await lot.customer.call("GET", JOBS)).status_code == 200
    await lot.control.settings(denied=["*"])
    refused(await lot.customer.call("GET", JOBS), 403, "APIGW.0302")


async def test_a_signed_body_has_12_megabytes_at_most_and_one_with_a_token_may_have_more(
    lot: Lot,
) -> None:
    body = b'{"human_image": "' + b"A" * (12 * 1024 * 1024) + b'"}'
    path = f"{PREFIX}/photo-detection"
    refused(await lot.customer.call("POST", path, body=body), 413, "APIGW.0201")
    proof = (await token(lot)).headers["x-subject-token"]
    headers = {"X-Auth-Token": proof, "Content-Type": "application/json"}
    answer = await lot.customer.http.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "MSS.45000005"), "taken, and no picture"


async def test_every_answer_names_its_request(lot: Lot) -> None:
    made = await lot.create()
    answers = [
        await lot.customer.call("GET", JOBS),
        await lot.customer.call("GET", "/nowhere"),
        await lot.customer.http.get(JOBS),
        await lot.customer.put(made.cover_upload_url, b"x"),
        await lot.customer.put(made.cover_upload_url, b"x"),
        await token(lot),
        await token(lot, password="wrong"),
        await lot.customer.get((await lot.show(made.job_id)).cover_download_url),
        await lot.customer.call("DELETE", f"{JOBS}/{made.job_id}"),
    ]
    names = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(names)) == len(answers)


# Rates.

RATES = {
    ("cn-north-4", "GET", "/digital-assets/none"): 20,
    ("cn-north-4", "DELETE", "/digital-assets/none"): 10,
    ("cn-north-4", "POST", "/2d-digital-human-videos"): 5,
    ("cn-north-4", "POST", "/photo-digital-human-videos"): 5,
    ("cn-north-4", "GET", "/2d-digital-human-videos/none"): 20,
    ("cn-north-4", "POST", "/2d-digital-human-videos/none/cancel"): 5,
    ("cn-north-4", "POST", "/digital-human/stylized/picture-modelings"): 1,
    ("cn-north-4", "GET", "/digital-human/stylized/picture-modelings/none"): 1,
    ("cn-north-4", "GET", "/digital-human/stylized/picture-modelings"): 1,
    ("cn-north-4", "POST", "/digital-human/stylized/picture-modelings-by-url"): 2,
    ("cn-east-3", "GET", "/digital-assets/none"): 10,
    ("ap-southeast-3", "POST", "/2d-digital-human-videos"): 3,
    ("ap-southeast-3", "GET", "/photo-digital-human-videos/none"): 10,
}


@pytest.mark.parametrize("region", ["cn-north-4", "cn-east-3", "ap-southeast-3"])
async def test_more_calls_in_a_second_than_the_page_allows_are_throttled(tmp_path: Path, region: str) -> None:
    watch = Watch()
    async with open_lot(tmp_path, wall=watch, region=region) as lot:
        for (where, method, path), rate in RATES.items():
            if where != region:
                continue
            watch.now += 1
            answers = [await lot.customer.call(method, PREFIX + path) for _ in range(rate)]
            assert 429 not in [answer.status_code for answer in answers], path
            for _ in range(2):
                refused(await lot.customer.call(method, PREFIX + path), 429, "APIGW.0308")
            watch.now += 1
            assert (await lot.customer.call(method, PREFIX + path)).status_code != 429, path


async def test_groups_are_counted_apart_and_create_together(watched: tuple[Lot, Watch]) -> None:
    lot, _ = watched
    paths = ["/2d-digital-human-videos", "/photo-digital-human-videos"]
    codes = [(await lot.customer.call("POST", PREFIX + path)).status_code for path in paths * 3]
    assert codes == [400] * 5 + [429]
    assert (await lot.customer.call("GET", f"{PREFIX}/digital-assets")).status_code == 200


async def test_the_training_groups_rate_is_not_documented_and_can_be_set(
    watched: tuple[Lot, Watch],
) -> None:
    lot, _ = watched
    assert [(await lot.customer.call("GET", JOBS)).status_code for _ in range(30)] == [200] * 30
    await lot.control.settings(training_calls_per_second=1)
    assert [(await lot.customer.call("GET", JOBS)).status_code for _ in range(3)] == [200, 429, 429]
    await lot.control.settings(throttled=False)
    assert [(await lot.customer.call("GET", JOBS)).status_code for _ in range(3)] == [200] * 3


async def test_the_vendors_client_reports_a_429_without_its_body(watched: tuple[Lot, Watch]) -> None:
    lot, _ = watched
    await lot.control.settings(training_calls_per_second=1)
    assert (await lot.list()).count == 0
    with pytest.raises(ClientRequestException) as error:
        await lot.list()
    assert (error.value.status_code, error.value.error_code) == (429, "429")


# Tokens.


async def test_a_token_is_got_for_a_password_and_opens_the_door(lot: Lot) -> None:
    answer = await token(lot)
    body = answer.json()["token"]
    assert answer.status_code == 201
    assert (body["project"]["id"], body["project"]["name"]) == (PROJECT_ID, REGION)
    issued, expires = (datetime.fromisoformat(body[name]) for name in ("issued_at", "expires_at"))
    assert expires - issued == timedelta(days=1)
    assert "catalog" not in body
    proof = answer.headers["x-subject-token"]
    assert proof.startswith("MII")
    assert (await bearing(lot, proof)).json() == {"count": 0, "jobs": []}
    made = await lot.customer.http.post(JOBS, json={"name": "ana"}, headers={"X-Auth-Token": proof})
    assert made.status_code == 200


async def test_the_vendors_iam_client_gets_a_token_and_its_studio_client_sends_it(lot: Lot) -> None:
    client = (
        iam.IamClient.new_builder()
        .with_credentials(GlobalCredentials(KEY.ak, KEY.sk, "domain-id"))
        .with_endpoint(lot.customer.origin)
        .build()
    )
    user = iam.PwdPasswordUser(
        domain=iam.PwdPasswordUserDomain(name="sandbox-account"),
        name="sandbox-user",
        password="sandbox-password",
    )
    auth = iam.PwdAuth(
        identity=iam.PwdIdentity(methods=["password"], password=iam.PwdPassword(user=user)),
        scope=iam.AuthScope(project=iam.AuthScopeProject(name=REGION)),
    )
    request = iam.KeystoneCreateUserTokenByPasswordRequest(
        nocatalog="true", body=iam.KeystoneCreateUserTokenByPasswordRequestBody(auth=auth)
    )
    got = await asyncio.to_thread(client.keystone_create_user_token_by_password, request)
    assert got.token.project.id == PROJECT_ID
    projects = await asyncio.to_thread(
        client.keystone_list_projects, iam.KeystoneListProjectsRequest(name=REGION)
    )
    assert [project.id for project in projects.projects] == [PROJECT_ID]
    both = lot.customer.with_key(KEY)
    both.preset_headers = {"X-Auth-Token": got.x_subject_token}
    request = v1.List2dModelTrainingJobRequest()
    assert (await lot.customer.ask("list2d_model_training_job", request, client=both)).count == 0
    both.preset_headers = {"X-Auth-Token": "another"}
    with pytest.raises(ClientRequestException) as error:
        await lot.customer.ask("list2d_model_training_job", request, client=both)
    assert (error.value.status_code, error.value.error_code) == (400, "MSS.00010008")


async def test_an_unknown_token_is_refused_with_a_400(lot: Lot) -> None:
    refused(await bearing(lot, "MIInvented"), 400, "MSS.00010008")


async def test_a_token_lasts_a_day(slow_lot: Lot) -> None:
    proof = (await token(slow_lot)).headers["x-subject-token"]
    await slow_lot.turn(24 * 3600 - 60)
    assert (await bearing(slow_lot, proof)).status_code == 200
    await slow_lot.turn(61)
    refused(await bearing(slow_lot, proof), 401, "MSS.00000001")
    fresh = (await token(slow_lot)).headers["x-subject-token"]
    assert (await bearing(slow_lot, fresh)).status_code == 200


async def test_a_token_may_last_shorter_and_expire_on_order(lot: Lot) -> None:
    proof = (await token(lot)).headers["x-subject-token"]
    await lot.control.fault("token_expired")
    refused(await bearing(lot, proof), 401, "MSS.00000001")
    assert (await bearing(lot, proof)).status_code == 200
    await lot.control.settings(token_seconds=600)
    body = (await token(lot)).json()["token"]
    issued, expires = (datetime.fromisoformat(body[name]) for name in ("issued_at", "expires_at"))
    assert expires - issued == timedelta(minutes=10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "guessed"},
        {"name": "somebody"},
        {"domain": {"name": "another-account"}},
    ],
)
async def test_a_wrong_password_user_or_account_gets_iams_nested_error(lot: Lot, wrong: Any) -> None:
    answer = await token(lot, **wrong)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}
    }
    assert "x-subject-token" not in answer.headers


@pytest.mark.parametrize("body", [{}, {"auth": {}}, {"auth": {"identity": {"methods": ["totp"]}}}])
async def test_a_request_for_a_token_that_is_none_is_refused(lot: Lot, body: Any) -> None:
    answer = await lot.customer.http.post("/v3/auth/tokens", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)


async def test_a_token_is_for_the_projects_region_or_id(lot: Lot) -> None:
    assert (await token(lot, {"project": {"id": PROJECT_ID}})).status_code == 201
    for scope in ({"project": {"name": "cn-east-3"}}, {"project": {"id": "f" * 32}}):
        assert (await token(lot, scope)).status_code == 401


async def test_a_token_of_the_account_alone_opens_no_project(lot: Lot) -> None:
    proof = (await token(lot, {"domain": {"name": "sandbox-account"}})).headers["x-subject-token"]
    refused(await bearing(lot, proof), 400, "MSS.00010009")
    listed = await bearing(lot, proof, "/v3/projects")
    assert [project["id"] for project in listed.json()["projects"]] == [PROJECT_ID]


async def test_the_projects_id_is_found_by_its_regions_name(lot: Lot) -> None:
    for name, ids in ((REGION, [PROJECT_ID]), ("cn-east-3", [])):
        listed = await lot.customer.call("GET", "/v3/projects", query=[("name", name)])
        assert [project["id"] for project in listed.json()["projects"]] == ids
    refused(await lot.customer.http.get("/v3/projects"), 401, "APIGW.0301")


async def test_no_password_and_no_token_is_written_down_in_the_journal(lot: Lot) -> None:
    proof = (await token(lot)).headers["x-subject-token"]
    await bearing(lot, proof)
    lines = repr(await lot.control.journal())
    assert "CreateToken" in lines
    assert proof[:20] not in lines
    assert "sandbox-password" not in lines
