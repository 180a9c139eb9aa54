"""A bucket at a real store over real HTTP: signed, streamed, private, erased, and its faults named."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from bot.outside.address import read
from bot.outside.bucket import S3Bucket
from bot.outside.reach import PublicReach
from bot.services.copies import BucketTrouble
from storage.records.links import LinkFault
from storage.records.media import Medium
from tests.outside.s3 import S3, running
from tests.outside.servers import Naps, answer, saying
from tests.surface import free_port

NAME = "A" * 43 + ".jpg"
BODY = b"\xff\xd8\xff a face"
HOUR = timedelta(hours=1)


@pytest.fixture
async def s3(tmp_path: Path) -> AsyncIterator[S3]:
    async with running(tmp_path / "store") as found:
        yield found


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo"
    file.write_bytes(BODY)
    return file


async def fault(call: object) -> LinkFault:
    with pytest.raises(BucketTrouble) as trouble:
        await call  # type: ignore[misc]
    return trouble.value.fault


async def test_a_copy_is_fetched_by_its_signed_link_and_by_nothing_else(s3: S3, photo: Path) -> None:
    bucket = s3.bucket()
    await bucket.put(NAME, photo, "image/jpeg")
    assert s3.names() == [f"team/darkroom/{NAME}"]
    link = await bucket.link(NAME, HOUR)
    answer = await s3.http.get(link)
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["content-type"] == "image/jpeg"
    assert "X-Amz-Expires=3600" in link
    last = "0" if link[-1] != "0" else "1"
    for other in (link.split("?")[0], link[:-1] + last, link.replace("Expires=3600", "Expires=9999")):
        assert (await s3.http.get(other)).status_code == 403
    for method in ("PUT", "DELETE"):
        assert (await s3.http.request(method, link)).status_code == 403
    assert (await s3.http.get(f"{s3.origin}/photos?list-type=2")).status_code == 403


async def test_our_own_fetch_finds_the_copy_as_a_vendor_would(s3: S3, photo: Path) -> None:
    bucket = s3.bucket()
    await bucket.put(NAME, photo, "image/jpeg")
    medium = Medium(hashlib.sha256(BODY).hexdigest(), "image/jpeg", len(BODY), 1, 1)
    reach = PublicReach(s3.http, sleep=Naps())
    assert await reach.fetch(await bucket.link(NAME, HOUR), medium) is None
    assert await reach.fetch((await bucket.link(NAME, HOUR)).split("?")[0], medium) is LinkFault.PASSWORD


async def test_an_erased_copy_is_gone_and_may_be_erased_again(s3: S3, photo: Path) -> None:
    bucket = s3.bucket()
    await bucket.put(NAME, photo, "image/jpeg")
    link = await bucket.link(NAME, HOUR)
    await bucket.erase(NAME)
    assert s3.names() == []
    assert (await s3.http.get(link)).status_code == 404
    await bucket.erase(NAME)


async def test_only_what_is_older_and_under_our_prefix_is_named_for_a_sweep(s3: S3, photo: Path) -> None:
    bucket, other = s3.bucket(), s3.bucket(s3.url(prefix=""))
    await bucket.put(NAME, photo, "image/jpeg")
    await other.put(NAME, photo, "image/jpeg")
    now = datetime.now(UTC)
    assert await bucket.older(now - HOUR) == []
    assert await bucket.older(now + HOUR) == [NAME]
    assert await s3.bucket(s3.url(prefix="/tea")).older(now + HOUR) == []


async def test_a_store_that_does_not_know_the_keys_is_named(s3: S3, photo: Path) -> None:
    for wrong in ({"key_secret": "wrong"}, {"key_id": "NOBODY"}):
        bucket = s3.bucket(**wrong)
        assert await fault(bucket.put(NAME, photo, "image/jpeg")) is LinkFault.KEYS_REFUSED
        assert await fault(bucket.erase(NAME)) is LinkFault.KEYS_REFUSED
        assert await fault(bucket.older(datetime.now(UTC))) is LinkFault.KEYS_REFUSED
    assert s3.names() == []


async def test_a_bucket_that_is_not_there_is_named(s3: S3, photo: Path) -> None:
    bucket = s3.bucket(s3.url("nobodys"))
    assert await fault(bucket.put(NAME, photo, "image/jpeg")) is LinkFault.NO_BUCKET
    assert await fault(bucket.older(datetime.now(UTC))) is LinkFault.NO_BUCKET


async def test_keys_of_the_environment_are_not_used(
    s3: S3, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION", "ENDPOINT"):
        monkeypatch.setenv(f"AWS_{name}", "of-somebody-else")
    bucket = s3.bucket()
    await bucket.put(NAME, photo, "image/jpeg")
    link = await bucket.link(NAME, HOUR)
    assert "of-somebody-else" not in link
    assert (await s3.http.get(link)).status_code == 200


def at(origin: str, http: httpx.AsyncClient, naps: Naps) -> S3Bucket:
    url = f"s3://photos?region=us-east-1&endpoint={origin}"
    return S3Bucket(read(url), http, key_id="k", key_secret="s", sleep=naps)


def told(status: str, code: str) -> bytes:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>m</Message></Error>'.encode()
    return answer(status, body, "application/xml")


TOLD = [
    (told("403 Forbidden", "RequestTimeTooSkewed"), LinkFault.CLOCK, 0),
    (told("403 Forbidden", "AccessDenied"), LinkFault.KEYS_REFUSED, 0),
    (told("404 Not Found", "NoSuchBucket"), LinkFault.NO_BUCKET, 0),
    (told("400 Bad Request", "AuthorizationHeaderMalformed"), LinkFault.STORE_REFUSES, 0),
    (told("301 Moved", "PermanentRedirect"), LinkFault.STORE_REFUSES, 0),
    (told("503 Slow Down", "SlowDown"), LinkFault.GATEWAY, 2),
    (answer("500 Internal Server Error"), LinkFault.GATEWAY, 2),
    (answer("403 Forbidden"), LinkFault.KEYS_REFUSED, 0),
    (b"", LinkFault.BROKEN_OFF, 2),
]


@pytest.mark.parametrize(
    ("said", "meant", "again"), TOLD, ids=[f"{n}-{m}" for n, (_, m, _) in enumerate(TOLD)]
)
async def test_what_a_store_says_is_understood_and_what_may_pass_is_tried_again(
    photo: Path, said: bytes, meant: LinkFault, again: int
) -> None:
    naps = Naps()
    async with httpx.AsyncClient(trust_env=False) as http, saying(said) as origin:
        assert await fault(at(origin, http, naps).put(NAME, photo, "image/jpeg")) is meant
    assert len(naps) == again


async def test_a_store_that_is_down_is_trouble_and_no_crash(photo: Path) -> None:
    naps = Naps()
    async with httpx.AsyncClient(trust_env=False) as http:
        bucket = at(f"http://127.0.0.1:{free_port()}", http, naps)
        assert await fault(bucket.put(NAME, photo, "image/jpeg")) is LinkFault.REFUSED
        assert await fault(bucket.erase(NAME)) is LinkFault.REFUSED
    assert len(naps) == 4


async def test_a_file_that_is_gone_by_now_is_no_fault_of_the_store(s3: S3, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await s3.bucket().put(NAME, tmp_path / "gone", "image/jpeg")
