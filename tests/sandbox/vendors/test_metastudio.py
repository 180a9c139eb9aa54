"""Whole flows at the MetaStudio stand-in, walked by the vendor's own client."""

import asyncio
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import av
import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.http.formdata import FormFile
from huaweicloudsdkmetastudio import v1
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.vendors._server import serve
from tests.sandbox.vendors.metastudio_scene import STS, VOICE, Lot, encoded, photo, scripts

pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")


@dataclass
class Listener:
    """A customer's server that is told when something is over."""

    origin: str = ""
    told: "asyncio.Queue[tuple[str, dict[str, str], Any]]" = field(default_factory=asyncio.Queue)

    async def hear(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.told.put_nowait((request.headers["content-type"], query, await request.json()))
        return Response(status_code=200)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    async with serve(Starlette(routes=[Route("/told", listener.hear, methods=["POST"])])) as origin:
        listener.origin = origin
        yield listener


async def test_an_avatar_is_trained_from_a_film_and_renders_a_clip_with_a_cover(lot: Lot) -> None:
    made = await lot.create(name="ana", batch_name="batch-1", tags=["slack"], supported_service=["VIDEO_2D"])
    assert len(made.training_video_upload_url) == 1
    assert made.x_request_id
    await lot.upload(made)
    await lot.submit(made.job_id)
    await lot.control.wait_for_job("training", made.job_id)
    shown = await lot.show(made.job_id)
    assert (shown.state, shown.name, shown.batch_name, shown.tags) == (
        "JOB_SUCCESS",
        "ana",
        "batch-1",
        ["slack"],
    )
    assert (shown.model_version, shown.model_resolution) == ("V3.2", "1080P")
    cover = await lot.customer.get(shown.cover_download_url)
    assert Image.open(io.BytesIO(cover.content)).format == "PNG"

    asset = await lot.show_asset(shown.asset_id)
    assert (asset.asset_name, asset.asset_type, asset.asset_state) == ("ana", "HUMAN_MODEL_2D", "ACTIVED")
    meta = asset.asset_extra_meta.human_model_2d_meta
    assert (meta.model_version, meta.model_resolution, meta.is_real_background) == ("V3_2", "1080P", True)
    files = {file.asset_file_category: file for file in asset.files}
    assert files["MAIN"].download_url is None, "a model file can not be downloaded"
    assert files["COVER"].download_url

    job_id = await lot.clip(shown.asset_id, "slack-preview")
    await lot.control.wait_for_job("clip", job_id)
    clip = await lot.show_clip(job_id)
    assert (clip.state, clip.job_type) == ("SUCCEED", "2D_DIGITAL_HUMAN_VIDEO")
    assert clip.output_asset_config.preview_video_url is None
    picture = Image.open(io.BytesIO((await lot.customer.get(clip.output_asset_config.cover_url)).content))
    assert (picture.format, picture.size) == ("PNG", (720, 1280))

    film = await lot.show_asset(clip.output_asset_config.asset_id)
    (main,) = [file for file in film.files if file.asset_file_category == "MAIN"]
    answer = await lot.customer.get(main.download_url)
    assert answer.headers["content-type"] == "video/mp4"
    assert len(answer.content) == main.file_size
    with av.open(io.BytesIO(answer.content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.width, stream.codec_context.height) == (720, 1280)
        assert (stream.codec_context.name, stream.average_rate) == ("h264", 25)
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(clip.duration)

    listed = await lot.list(name="ana")
    assert [job.job_id for job in listed.jobs] == [made.job_id]
    assert (await lot.delete(made.job_id)).x_request_id
    assert (await lot.list()).count == 0


async def test_a_refused_job_is_updated_uploaded_again_and_succeeds(lot: Lot) -> None:
    job_id = await lot.refused()
    shown = await lot.show(job_id)
    newest = shown.operation_logs[-1]
    assert (newest.log_type, newest.operate_user) == ("SYSTEM_VERIFY_FAILED", "SYSTEM")
    assert newest.log_description == "The hands are not seen."
    fresh = await lot.update(job_id, video_multipart_count=1)
    assert fresh.job_id == job_id
    await lot.upload(fresh, papers=False)
    await lot.submit(job_id)
    await lot.control.wait_for_job("training", job_id)
    kinds = [log.log_type for log in (await lot.show(job_id)).operation_logs]
    assert kinds[:5] == [
        "USER_CREATE_JOD",
        "USER_VERIFYING_SUBMITTED",
        "SYSTEM_VERIFY_FAILED",
        "USER_UPDATE_VIDEO",
        "USER_VERIFYING_SUBMITTED",
    ]
    assert await lot.control.bill() == {
        "training": 1,
        "clip": 0,
        "photo_video": 0,
        "picture_model": 0,
    }


async def test_assets_are_listed_binned_and_removed_for_good(lot: Lot) -> None:
    asset_id = await lot.untrained_avatar()
    voices = await lot.customer.ask(
        "list_assets", v1.ListAssetsRequest(asset_type="VOICE_MODEL", asset_source="SYSTEM")
    )
    assert VOICE in [voice.asset_id for voice in voices.assets]
    assert voices.assets[0].asset_extra_meta.voice_model_meta.sex == "FEMALE"
    mine = v1.ListAssetsRequest(asset_type="HUMAN_MODEL_2D", asset_state="ACTIVED")
    listed = await lot.customer.ask("list_assets", mine)
    assert (listed.count, [asset.asset_id for asset in listed.assets]) == (1, [asset_id])

    await lot.customer.ask("delete_asset", v1.DeleteAssetRequest(asset_id=asset_id))
    assert (await lot.show_asset(asset_id)).asset_state == "DELETING"
    assert (await lot.customer.ask("list_assets", mine)).count == 0
    await lot.customer.ask("delete_asset", v1.DeleteAssetRequest(asset_id=asset_id, mode="force"))
    with pytest.raises(ClientRequestException) as gone:
        await lot.show_asset(asset_id)
    assert (gone.value.status_code, gone.value.error_code) == (400, "MSS.10001001")


async def test_a_photo_becomes_a_picture_model(lot: Lot) -> None:
    made = await picture_model(lot)
    await lot.control.wait_for_job("picture_model", made.job_id)
    shown = await show_model(lot, made.job_id)
    assert (shown.state, shown.name, shown.style_id) == ("SUCCEED", "my_model", "system_female_001")
    assert shown.model_asset_id == made.model_asset_id
    answer = await lot.customer.get(shown.model_cover_url)
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).format == "PNG"
    listed = await lot.customer.ask("list_picture_modeling_jobs", v1.ListPictureModelingJobsRequest())
    assert [job.job_id for job in listed.picture_modeling_jobs] == [made.job_id]
    assert not list((lot.state_dir / "photos").iterdir()), "a photo is kept no longer than its job"


async def test_a_picture_model_may_be_ordered_with_a_link(lot: Lot, album: Any) -> None:
    for link, state, code in (
        (album.links(1)[0], "SUCCEED", None),
        (f"{album.origin}/page", "FAILED", "MSS.45000007"),
    ):
        body = v1.PictureModelingByUrlReq(picture_url=link, style_id="system_male_002", name="by-link")
        request = v1.CreatePictureModelingByUrlJobRequest(body=body)
        made = await lot.customer.ask("create_picture_modeling_by_url_job", request)
        await lot.control.wait_for_job("picture_model", made.job_id, state)
        shown = await show_model(lot, made.job_id)
        assert (shown.error_info and shown.error_info.error_code) == code
        assert bool(shown.model_cover_url) == (code is None)
    assert [entry.code for entry in await lot.control.fetches()] == [None, "NotAnImage"]


async def test_a_partial_success_has_a_model_and_no_picture(lot: Lot) -> None:
    await lot.control.fault("inference_fails", action="CreatePictureModel", state="PARTIAL_SUCCEED")
    made = await picture_model(lot)
    await lot.control.wait_for_job("picture_model", made.job_id, "PARTIAL_SUCCEED")
    shown = await show_model(lot, made.job_id)
    assert (shown.model_asset_id, shown.model_cover_url) == (made.model_asset_id, None)


async def test_the_four_styles_are_listed(lot: Lot) -> None:
    listed = await lot.customer.ask("list_styles", v1.ListStylesRequest())
    assert listed.count == 4
    assert {(style.style_id, style.sex, style.state) for style in listed.styles} == {
        ("system_male_001", "MALE", "PUBLISHED"),
        ("system_female_001", "FEMALE", "PUBLISHED"),
        ("system_male_002", "MALE", "PUBLISHED"),
        ("system_female_002", "FEMALE", "PUBLISHED"),
    }


async def test_a_photo_is_checked_and_then_speaks(lot: Lot) -> None:
    check = await lot.customer.ask(
        "create_photo_detection",
        v1.CreatePhotoDetectionRequest(body=v1.CreatePhotoDetectionReq(human_image=encoded(photo()))),
    )
    await lot.control.wait_for_job("photo_check", check.job_id)
    request = v1.ShowPhotoDetectionRequest(job_id=check.job_id)
    assert (await lot.customer.ask("show_photo_detection", request)).state == "SUCCEED"

    job_id = await photo_video(lot)
    await lot.control.wait_for_job("photo_video", job_id)
    shown = await show_photo_video(lot, job_id)
    assert (shown.state, shown.job_type) == ("SUCCEED", "DIGITAL_HUMAN_PHOTO_VIDEO")
    cover = await lot.customer.get(shown.output_asset_config.cover_url)
    width, height = Image.open(io.BytesIO(cover.content)).size
    assert width / height == pytest.approx(320 / 400, abs=0.01)
    film = await lot.customer.get(shown.output_asset_config.preview_video_url)
    with av.open(io.BytesIO(film.content)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    listed = await lot.customer.ask(
        "list_digital_human_video", v1.ListDigitalHumanVideoRequest(job_type="PHOTO_DIGITAL_HUMAN_VIDEO")
    )
    assert [(job.job_id, job.job_type) for job in listed.jobs] == [(job_id, "DIGITAL_HUMAN_PHOTO_VIDEO")]
    clips = v1.ListDigitalHumanVideoRequest(job_type="2D_DIGITAL_HUMAN_VIDEO")
    assert (await lot.customer.ask("list_digital_human_video", clips)).count == 0


async def test_a_photo_that_is_too_large_fails_its_check(lot: Lot) -> None:
    body = v1.CreatePhotoDetectionReq(human_image=encoded(photo(size=(2400, 1800))))
    check = await lot.customer.ask("create_photo_detection", v1.CreatePhotoDetectionRequest(body=body))
    await lot.control.wait_for_job("photo_check", check.job_id, "FAILED")
    request = v1.ShowPhotoDetectionRequest(job_id=check.job_id)
    shown = await lot.customer.ask("show_photo_detection", request)
    assert shown.error_info.error_code == "MSS.45000005"


async def test_temporary_keys_work_like_others(lot: Lot) -> None:
    client = lot.customer.with_key(STS)
    request = v1.List2dModelTrainingJobRequest(name="x")
    assert (await lot.customer.ask("list2d_model_training_job", request, client=client)).count == 0


async def test_a_waiting_film_can_be_cancelled_and_a_running_one_can_not(lot: Lot) -> None:
    await lot.control.settings(queue_seconds=3600, render_seconds=3600)
    job_id = await photo_video(lot)
    cancel = v1.CancelPhotoDigitalHumanVideoRequest(job_id=job_id)
    assert (await lot.customer.ask("cancel_photo_digital_human_video", cancel)).x_request_id
    assert (await show_photo_video(lot, job_id)).state == "CANCELED"
    with pytest.raises(ClientRequestException) as twice:
        await lot.customer.ask("cancel_photo_digital_human_video", cancel)
    assert twice.value.status_code == 400
    assert not list((lot.state_dir / "photos").iterdir())

    asset_id = await lot.untrained_avatar()
    clip_id = await lot.clip(asset_id)
    await lot.control.settings(queue_seconds=0)
    await lot.control.wait_for_job("clip", clip_id, "PROCESSING")
    with pytest.raises(ClientRequestException) as running:
        await lot.customer.ask(
            "cancel2_d_digital_human_video", v1.Cancel2DDigitalHumanVideoRequest(job_id=clip_id)
        )
    assert (running.value.status_code, running.value.error_code) == (400, "MSS.00000003")


async def test_a_clips_callback_carries_the_vendors_proof(lot: Lot, listener: Listener) -> None:
    url = f"{listener.origin}/told?job=7"
    config = v1.CallBackConfig(callback_url=url, auth_type="MSS_A", key="shared-secret")
    job_id = await photo_video(lot, callback_config=config)
    media_type, query, told = await asyncio.wait_for(listener.told.get(), 30)
    shown = await show_photo_video(lot, job_id)
    assert media_type == "application/json"
    assert told == {
        "result": "SUCCEED",
        "asset_id": shown.output_asset_config.asset_id,
        "job_id": job_id,
    }
    secret = hmac.new(b"shared-secret", (url + query["time_stamp"]).encode(), hashlib.sha256).hexdigest()
    assert (query["job"], query["secret"]) == ("7", secret)
    assert int(query["time_stamp"], 16) > 1_600_000_000
    (entry,) = await lot.control.callbacks()
    assert (entry.status, entry.subject) == (200, job_id)


@pytest.mark.parametrize(("kind", "count"), [("callback_lost", 0), ("callback_twice", 2)])
async def test_an_end_may_be_told_twice_or_not_at_all(
    lot: Lot, listener: Listener, kind: str, count: int
) -> None:
    await lot.control.fault(kind)
    await lot.control.fault("inference_fails", action="CreatePhotoVideo")
    job_id = await photo_video(lot, callback_config=v1.CallBackConfig(callback_url=f"{listener.origin}/told"))
    await lot.control.wait_for_job("photo_video", job_id, "FAILED")
    if count:
        await lot.control.wait_for_calls("Callback", count)
    assert [entry.subject for entry in await lot.control.callbacks()] == [job_id] * count
    assert listener.told.qsize() == count


async def test_a_picture_models_end_is_told_to_its_address(lot: Lot, listener: Listener) -> None:
    await lot.control.fault("inference_fails", action="CreatePictureModel")
    made = await picture_model(lot, notify_url=f"{listener.origin}/told")
    _, query, told = await asyncio.wait_for(listener.told.get(), 30)
    assert (query, told["result"], told["job_id"]) == ({}, "FAILED", made.job_id)


async def test_no_body_word_or_link_gets_into_the_journal(lot: Lot) -> None:
    job_id = await lot.submitted(name="ana-secret-name", contact="13800000000")
    await lot.control.wait_for_job("training", job_id)
    shown = await lot.show(job_id)
    await lot.customer.get(shown.id_card_image1_download_url)
    async with asyncio.timeout(30):
        lines = json.dumps([entry.__dict__ for entry in await lot.control.journal()])
    for secret in ("ana-secret-name", "13800000000", "Signature", "http", "idCardImage1?"):
        assert secret not in lines
    assert "UploadIdCardImage1" in lines


# What several tests order.


async def picture_model(lot: Lot, **more: Any) -> Any:
    path = lot.state_dir / "me.jpg"
    path.write_bytes(photo())
    wishes = {"file": FormFile(str(path)), "style_id": "system_female_001", "name": "my_model"} | more
    request = v1.CreatePictureModelingJobRequest(body=v1.CreatePictureModelingJobRequestBody(**wishes))
    return await lot.customer.ask("create_picture_modeling_job", request)


async def show_model(lot: Lot, job_id: str) -> Any:
    return await lot.customer.ask(
        "show_picture_modeling_job", v1.ShowPictureModelingJobRequest(job_id=job_id)
    )


async def photo_video(lot: Lot, name: str = "slack-photo-1", **more: Any) -> str:
    wishes: dict[str, Any] = {
        "human_image": encoded(photo()),
        "voice_config": v1.VoiceConfig(voice_asset_id=VOICE),
        "video_config": v1.PhotoVideoConfig(codec="H264", bitrate=5000, frame_rate="25"),
        "shoot_scripts": scripts("Hi!"),
        "output_asset_config": v1.OutputAssetConfig(asset_name=name),
        "authorize_use_human_image": True,
    }
    body = v1.CreatePhotoDigitalHumanVideoReq(**(wishes | more))
    request = v1.CreatePhotoDigitalHumanVideoRequest(body=body)
    return str((await lot.customer.ask("create_photo_digital_human_video", request)).job_id)


async def show_photo_video(lot: Lot, job_id: str) -> Any:
    return await lot.customer.ask(
        "show_photo_digital_human_video", v1.ShowPhotoDigitalHumanVideoRequest(job_id=job_id)
    )
