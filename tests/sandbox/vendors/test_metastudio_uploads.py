"""The upload URLs and download links of the MetaStudio stand-in: good for one file, one kind, one day."""

import asyncio
import hashlib
import io
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from huaweicloudsdkmetastudio import v1
from PIL import Image

from tests.sandbox.vendors.metastudio_scene import PLAIN, Lot, film, photo

pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")

DAY = 24 * 3600


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/xml")
    assert re.findall("<Code>(.*)</Code>", answer.text) == [code]
    assert answer.headers["x-request-id"]


def every_url(made: Any) -> list[str]:
    singles = (made.cover_upload_url, made.id_card_image1_upload_url, made.id_card_image2_upload_url)
    return [*made.training_video_upload_url, *singles, made.grant_file_upload_url]


async def test_the_urls_are_those_of_the_vendors_example_one_for_each_part_and_kind(lot: Lot) -> None:
    made = await lot.create(video_multipart_count=3)
    assert len(made.training_video_upload_url) == 3
    assert len(set(every_url(made))) == 7
    assert (made.action_video_upload_url, made.audio_upload_url) == (None, None)
    assert (made.pre_beauty_image_upload_url, made.post_beauty_image_upload_url) == (None, None)


async def test_urls_for_sound_and_movement_come_when_they_are_asked_for(lot: Lot) -> None:
    made = await lot.create(audio_source_type="AUDIO", action_video_multipart_count=2)
    assert len(made.action_video_upload_url) == 2
    assert made.audio_upload_url
    await lot.control.settings(every_upload_url=True)
    made = await lot.create()
    assert made.pre_beauty_image_upload_url
    assert made.post_beauty_image_upload_url
    assert len(made.action_video_upload_url) == 1


async def test_an_upload_is_answered_with_an_empty_200_and_the_files_etag(lot: Lot) -> None:
    made = await lot.create()
    answer = await lot.customer.put(made.training_video_upload_url[0], b"a film")
    assert (answer.status_code, answer.content) == (200, b"")
    etag = hashlib.md5(b"a film").hexdigest()
    assert answer.headers["etag"] == f'"{etag}"'
    listed = await lot.command(made.job_id, "GET_MULTIPART_UPLOADED")
    assert [(part.part_number, part.etag) for part in listed.multipart_data] == [("1", etag)]


async def test_a_url_is_good_for_one_upload(lot: Lot) -> None:
    made = await lot.create()
    for url in every_url(made):
        assert (await lot.customer.put(url, b"first")).status_code == 200
        refused(await lot.customer.put(url, b"second"), 403, "AccessDenied")


async def test_an_upload_that_was_refused_does_not_use_up_its_url(lot: Lot) -> None:
    made = await lot.create()
    url = made.grant_file_upload_url
    refused(await lot.customer.put(url, b"x", "application/pdf"), 403, "SignatureDoesNotMatch")
    refused(
        await lot.customer.put(url, b"x", Authorization="SDK-HMAC-SHA256 Access=a"), 400, "InvalidArgument"
    )
    assert (await lot.customer.put(url, b"x")).status_code == 200


@pytest.mark.parametrize(
    "name", ["Authorization", "X-Auth-Token", "X-Sdk-Date", "X-Sdk-Content-Sha256", "X-Project-Id"]
)
async def test_an_upload_that_carries_credentials_is_refused(lot: Lot, name: str) -> None:
    made = await lot.create()
    answer = await lot.customer.put(made.cover_upload_url, photo("PNG"), **{name: "anything"})
    refused(answer, 400, "InvalidArgument")


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "application/json", "application/zip", f"{PLAIN}; charset=utf-8"]
)
async def test_only_the_right_content_type_is_taken(lot: Lot, kind: str) -> None:
    made = await lot.create()
    refused(
        await lot.customer.put(made.id_card_image1_upload_url, photo(), kind), 403, "SignatureDoesNotMatch"
    )


async def test_sound_is_uploaded_as_a_zip_and_as_nothing_else(lot: Lot) -> None:
    made = await lot.create(audio_source_type="AUDIO")
    refused(await lot.customer.put(made.audio_upload_url, b"PK", PLAIN), 403, "SignatureDoesNotMatch")
    assert (await lot.customer.put(made.audio_upload_url, b"PK", "application/zip")).status_code == 200


async def test_an_upload_must_say_how_long_it_is(lot: Lot) -> None:
    made = await lot.create()

    async def chunks() -> Any:
        yield b"a film"

    async with httpx.AsyncClient(trust_env=False) as bare:
        url = made.training_video_upload_url[0]
        answer = await bare.put(url, content=chunks(), headers={"Content-Type": PLAIN})
    refused(answer, 411, "MissingContentLength")


async def test_more_than_5_gigabytes_at_once_are_refused_before_they_are_read(lot: Lot) -> None:
    made = await lot.create()
    host, port = lot.customer.host.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    parts = urlsplit(made.training_video_upload_url[0])
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {PLAIN}\r\n"
    writer.write(f"{head}Content-Length: {5 * 1024**3 + 1}\r\n\r\n".encode())
    answer = await reader.readuntil(b"</Error>")
    assert b" 400 " in answer.splitlines()[0]
    assert b"EntityTooLarge" in answer
    writer.close()
    await writer.wait_closed()


def reordered(query: str) -> str:
    return urlencode(parse_qsl(query)[::-1])


def reencoded(query: str) -> str:
    return query.replace("=", "%3D", 1)


def another_part(query: str) -> str:
    return query.replace("partNumber=1", "partNumber=2")


def longer(query: str) -> str:
    return re.sub(r"Expires=(\d+)", lambda found: f"Expires={int(found[1]) + 1}", query)


@pytest.mark.parametrize("touched", [reordered, reencoded, another_part, longer])
async def test_a_url_must_not_be_touched(lot: Lot, touched: Any) -> None:
    made = await lot.create()
    url, _, query = made.training_video_upload_url[0].partition("?")
    assert touched(query) != query
    answer = await lot.customer.put(f"{url}?{touched(query)}", b"a film")
    refused(answer, 403, "SignatureDoesNotMatch")
    other = url.replace("trainingVideo", "cover")
    refused(await lot.customer.put(f"{other}?{query}", b"a film"), 403, "SignatureDoesNotMatch")


async def test_a_url_dies_after_a_day(slow_lot: Lot) -> None:
    made = await slow_lot.create()
    await slow_lot.turn(DAY - 2)
    assert (await slow_lot.customer.put(made.cover_upload_url, b"x")).status_code == 200
    await slow_lot.turn(3)
    refused(await slow_lot.customer.put(made.grant_file_upload_url, b"x"), 403, "AccessDenied")


async def test_of_two_uploads_at_once_to_one_url_one_counts(lot: Lot) -> None:
    made = await lot.create()
    url = made.training_video_upload_url[0]
    answers = await asyncio.gather(*(lot.customer.put(url, bytes([n]) * 300_000) for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
    kept = next(n for n, answer in enumerate(answers) if answer.status_code == 200)
    listed = await lot.command(made.job_id, "GET_MULTIPART_UPLOADED")
    assert listed.multipart_data[0].etag == hashlib.md5(bytes([kept]) * 300_000).hexdigest()


async def test_who_sends_much_to_a_dead_url_hears_that_it_is_dead(lot: Lot) -> None:
    made = await lot.create()
    await lot.accepted(made.training_video_upload_url[0], b"x")
    refused(await lot.customer.put(made.training_video_upload_url[0], bytes(40_000_000)), 403, "AccessDenied")


async def test_an_upload_that_breaks_off_leaves_nothing_and_its_url_good(lot: Lot) -> None:
    made = await lot.create()
    parts = urlsplit(made.training_video_upload_url[0])
    host, port = lot.customer.host.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {PLAIN}\r\n"
    writer.write(f"{head}Content-Length: 1000\r\n\r\nonly this".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert not (await lot.command(made.job_id, "GET_MULTIPART_UPLOADED")).multipart_data
    assert (await lot.customer.put(made.training_video_upload_url[0], b"whole")).status_code == 200


async def test_parts_may_come_in_any_order_and_make_one_film(lot: Lot) -> None:
    made = await lot.create(video_multipart_count=2)
    whole = film(step=4)
    half = len(whole) // 2
    assert half > 100 * 1024
    parts = [whole[:half], whole[half:]]
    for index in (1, 0):
        assert (
            await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")
        ).commond_result == "EXCUTE_FAILED"
        await lot.accepted(made.training_video_upload_url[index], parts[index])
    listed = await lot.command(made.job_id, "GET_MULTIPART_UPLOADED")
    assert [(part.part_number, part.etag) for part in listed.multipart_data] == [
        (str(index + 1), hashlib.md5(part).hexdigest()) for index, part in enumerate(parts)
    ]
    assert (await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")).commond_result == "EXCUTE_SUCCESS"
    shown = await lot.show(made.job_id)
    assert (await lot.customer.get(shown.training_video_download_url)).content == whole


async def test_a_part_that_is_too_small_spoils_the_upload(lot: Lot) -> None:
    made = await lot.create(video_multipart_count=2)
    for url in made.training_video_upload_url:
        await lot.accepted(url, b"small")
    answer = await lot.command(made.job_id, "CONFIRM_MULTIPART_UPLOADED")
    assert (answer.commond_result, answer.excute_failed_msg) == ("EXCUTE_FAILED", "a part is too small")


async def test_a_thousand_parts_are_the_most(lot: Lot) -> None:
    made = await lot.create(video_multipart_count=1000)
    assert len(set(made.training_video_upload_url)) == 1000


async def test_a_link_opens_what_was_uploaded_for_a_day(slow_lot: Lot) -> None:
    lot = slow_lot
    made = await lot.create()
    await lot.accepted(made.cover_upload_url, photo("PNG"))
    await lot.accepted(made.id_card_image1_upload_url, photo())
    shown = await lot.show(made.job_id)
    assert (await lot.customer.get(shown.cover_download_url)).content == photo("PNG")
    assert (await lot.customer.get(shown.id_card_image1_download_url)).content == photo()
    assert shown.id_card_image2_download_url is None
    refused(await lot.customer.get(shown.cover_download_url, **{"X-Auth-Token": "x"}), 400, "InvalidArgument")
    spoilt = shown.cover_download_url.replace("Signature=", "Signature=x")
    refused(await lot.customer.get(spoilt), 403, "SignatureDoesNotMatch")
    await lot.turn(DAY + 1)
    refused(await lot.customer.get(shown.cover_download_url), 403, "AccessDenied")
    assert (await lot.customer.get((await lot.show(made.job_id)).cover_download_url)).status_code == 200


async def test_an_uploaded_cover_becomes_the_avatars(lot: Lot) -> None:
    made = await lot.create()
    await lot.accepted(made.cover_upload_url, photo("PNG"))
    await lot.control.put_into(made.job_id, "JOB_SUCCESS")
    await lot.control.wait_for_job("training", made.job_id, progress=1.0)
    asset = await lot.show_asset((await lot.show(made.job_id)).asset_id)
    (cover,) = [file for file in asset.files if file.asset_file_category == "COVER"]
    assert (await lot.customer.get(cover.download_url)).content == photo("PNG")


async def test_a_job_without_a_cover_gets_one_or_not(lot: Lot) -> None:
    made = await lot.create()
    await lot.control.put_into(made.job_id, "JOB_SUCCESS")
    await lot.control.wait_for_job("training", made.job_id, progress=1.0)
    shown = await lot.show(made.job_id)
    assert shown.operation_logs[-1].log_type == "SYSTEM_UPDATE_COVER"
    drawn = Image.open(io.BytesIO((await lot.customer.get(shown.cover_download_url)).content))
    assert drawn.format == "PNG"
    asset_id = await lot.untrained_avatar(name="without")
    assert [file.asset_file_category for file in (await lot.show_asset(asset_id)).files] == ["MAIN"]
    assert (await lot.list(name="without")).jobs[0].cover_download_url is None


async def test_nothing_is_left_of_a_deleted_job(lot: Lot) -> None:
    made = await lot.create()
    await lot.accepted(made.id_card_image1_upload_url, photo())
    link = (await lot.show(made.job_id)).id_card_image1_download_url
    await lot.delete(made.job_id)
    refused(await lot.customer.get(link), 404, "NoSuchKey")
    refused(await lot.customer.put(made.cover_upload_url, b"x"), 404, "NoSuchKey")
    assert not (lot.state_dir / "objects" / made.job_id).exists()


async def test_a_link_can_not_lead_out_of_the_store(lot: Lot) -> None:
    made = await lot.create()
    await lot.accepted(made.cover_upload_url, photo("PNG"))
    link = urlsplit((await lot.show(made.job_id)).cover_download_url)
    for path in (
        "/obs/../metastudio.sqlite3",
        "/obs/..%2fmetastudio.sqlite3",
        "/obs/a/..%2f..%2fmetastudio.sqlite3",
    ):
        answer = await lot.customer.http.get(f"{path}?{link.query}")
        assert answer.status_code in {403, 404}, path


async def test_an_attachment_to_a_remark_is_uploaded_and_shown(lot: Lot) -> None:
    await lot.control.settings(na_tenant=True)
    made = await lot.create()
    said = v1.CommentData(
        comment_title="Mouth", comment_message="It lags.", attachment_name=["a.png", "b.png"]
    )
    answer = await lot.command(made.job_id, "CONFIRM_ANSWER", comment_data=said)
    assert len(answer.attachment_upload_url) == 2
    await lot.accepted(answer.attachment_upload_url[1], photo("PNG"))
    (comment,) = (await lot.show(made.job_id)).comment_logs
    assert (comment.comment_type, comment.comment_title, comment.comment_message) == (
        "USER_COMMENT",
        "Mouth",
        "It lags.",
    )
    (link,) = comment.attachment_download_url
    assert (await lot.customer.get(link)).content == photo("PNG")
