"""The vendor's own SDK, in both of its styles, runs whole flows against the stand-in.

It was written by somebody who knows the real service, so what it understands the stand-in says rightly.
"""

import asyncio
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import dashscope
import pytest
from dashscope.client.base_api import BaseApi, BaseAsyncApi
from dashscope.utils.oss_utils import OssUtils
from dashscope.v2 import errors
from dashscope.v2.resources._jobs import Jobs

from tests.sandbox.vendors.dashscope_scene import API_KEY, Studio, bare, flat_photo, photo, zipped

T = TypeVar("T")


@pytest.fixture
def sdk(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """The 1.x style is set up by globals."""
    monkeypatch.setattr(dashscope, "base_http_api_url", studio.vendor.base_url)
    monkeypatch.setattr(dashscope, "api_key", API_KEY)
    return studio


def client_of(studio: Studio, *, api_key: str = API_KEY, max_retries: int = 0) -> dashscope.Client:
    return dashscope.Client(api_key=api_key, base_url=studio.vendor.base_url, max_retries=max_retries)


@pytest.fixture
def client(studio: Studio) -> Iterator[dashscope.Client]:
    with client_of(studio) as client:
        yield client


async def call(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """The SDK blocks, and the stand-in must answer meanwhile."""
    return await asyncio.to_thread(functools.partial(function, *arguments, **options))


def written(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


# The 1.x style.


async def test_1x_files_are_uploaded_listed_looked_up_and_deleted(sdk: Studio, tmp_path: Path) -> None:
    archive = written(tmp_path, "photos.zip", zipped({"1.jpg": photo(1), "2.jpg": photo(2)}))
    uploaded = await call(dashscope.Files.upload, archive, purpose="fine-tune", description="slack-U012ABC")
    assert uploaded.status_code == 200
    assert uploaded.output["failed_uploads"] == []
    file_id = uploaded.output["uploaded_files"][0]["file_id"]
    listed = await call(dashscope.Files.list, 1, 5)
    assert [file["file_id"] for file in listed.output["files"]] == [file_id]
    one = await call(dashscope.Files.get, file_id)
    assert (one.output["name"], one.output["description"]) == ("photos.zip", "slack-U012ABC")
    assert (await call(dashscope.Files.delete, file_id)).status_code == 200
    gone = await call(dashscope.Files.get, file_id)
    assert (gone.status_code, gone.code, gone.message) == (400, "InvalidParameter", "File not found.")


async def test_1x_a_face_is_trained_from_files_and_links(sdk: Studio, tmp_path: Path) -> None:
    path = written(tmp_path, "me.jpg", photo(7))
    uploaded = await call(dashscope.Files.upload, path, purpose="fine-tune")
    sources = [uploaded.output["uploaded_files"][0]["file_id"], *sdk.gallery.links(1)]
    job = await call(dashscope.FineTunes.call, "facechain-finetune", sources)
    assert (job.status_code, job.output.status) == (200, "PENDING")
    assert job.output.finetuned_output == f"facechain-finetune-{job.output.job_id}"
    await sdk.control.wait_for_job("training", job.output.job_id)
    ended = await call(dashscope.FineTunes.wait, job.output.job_id)
    assert (ended.output.status, ended.output.usage) == ("SUCCEEDED", 1)
    assert ended.output.training_file_ids == sources
    assert (await call(dashscope.FineTunes.get, job.output.job_id)).output.end_time
    listed = await call(dashscope.FineTunes.list, page_size=3)
    assert [one.job_id for one in listed.output.jobs] == [job.output.job_id]
    logs = await call(dashscope.FineTunes.logs, job.output.job_id)
    assert logs.output["total"] == len(logs.output["logs"]) > 3
    deleted = await call(dashscope.FineTunes.delete, job.output.job_id)
    assert (deleted.status_code, deleted.output.status) == (200, "success")
    gone = await call(dashscope.FineTunes.get, job.output.job_id)
    assert (gone.status_code, gone.code) == (404, "NotFound")


async def test_1x_a_training_is_cancelled_and_a_second_is_throttled_meanwhile(sdk: Studio) -> None:
    await sdk.control.turn(train_seconds=3600)
    job = await call(dashscope.FineTunes.call, "facechain-finetune", sdk.gallery.links())
    second = await call(dashscope.FineTunes.call, "facechain-finetune", sdk.gallery.links())
    assert (second.status_code, second.code) == (429, "Throttling")
    undeleted = await call(dashscope.FineTunes.delete, job.output.job_id)
    assert (undeleted.status_code, undeleted.code) == (400, "UnsupportedOperation")
    canceled = await call(dashscope.FineTunes.cancel, job.output.job_id)
    assert (canceled.status_code, canceled.output.status) == (200, "success")
    await sdk.control.wait_for_job("training", job.output.job_id, "CANCELED")
    assert (await call(dashscope.FineTunes.wait, job.output.job_id)).output.status == "CANCELED"


async def test_1x_a_failed_training_is_told(sdk: Studio) -> None:
    links = [sdk.gallery.hang("flat.jpg", flat_photo())]
    job = await call(dashscope.FineTunes.call, "facechain-finetune", links)
    await sdk.control.wait_for_job("training", job.output.job_id, "FAILED")
    ended = await call(dashscope.FineTunes.wait, job.output.job_id)
    assert (ended.output.status, ended.output["message"]) == ("FAILED", "no qualified face found")


async def test_1x_photos_are_checked(sdk: Studio) -> None:
    images = [*sdk.gallery.links(1), sdk.gallery.hang("flat.jpg", flat_photo())]
    check = functools.partial(
        BaseApi.call,
        "facechain-facedetect",
        {"images": images},
        task_group="vision",
        task="facedetection",
        function="detect",
    )
    answer = await call(check)
    assert answer.status_code == 200, answer
    assert answer.output["is_face"] == [True, False]


def order(given: Mapping[str, str] | None = None, **parameters: Any) -> Callable[..., Any]:
    return functools.partial(
        BaseAsyncApi.async_call,
        "facechain-generation",
        given or {},
        task_group="aigc",
        task="album",
        function="gen_potrait",
        resources=[{"resource_id": "women_model", "resource_type": "facelora"}],
        **parameters,
    )


PRESET = order(style="f_idcard_male", size="768*1024", n=2)


async def test_1x_portraits_are_ordered_waited_for_and_fetched(sdk: Studio) -> None:
    task = await call(PRESET)
    assert (task.status_code, task.output["task_status"]) == (200, "PENDING")
    await sdk.control.wait_for_job("inference", task.output["task_id"])
    ended = await call(BaseAsyncApi.wait, task)
    assert (ended.output["task_status"], ended.usage) == ("SUCCEEDED", {"image_count": 2})
    for result in ended.output["results"]:
        assert (await bare(result["url"])).content.startswith(b"\xff\xd8")
    listed = await call(BaseAsyncApi.list, status="SUCCEEDED", model_name="facechain-generation")
    assert [one["task_id"] for one in listed.output["tasks"]] == [task.output["task_id"]]


async def test_1x_a_pending_task_is_cancelled_and_an_unknown_one_ends_the_wait(sdk: Studio) -> None:
    await sdk.control.turn(infer_seconds=3600)
    task = await call(PRESET)
    assert (await call(BaseAsyncApi.cancel, task)).status_code == 200
    assert (await call(BaseAsyncApi.wait, task)).output["task_status"] == "CANCELED"
    again = await call(BaseAsyncApi.cancel, task)
    assert (again.status_code, again.code) == (400, "UnsupportedOperation")
    unknown = await call(BaseAsyncApi.wait, "7eb1032e-09a1-4df5-96ed-14091859ad57")
    assert unknown.output["task_status"] == "UNKNOWN"


async def test_1x_refusals_keep_their_code_and_status(sdk: Studio) -> None:
    await sdk.control.turn(retired="Model.NotExist")
    answer = await call(PRESET)
    assert (answer.status_code, answer.code) == (404, "Model.NotExist")
    await sdk.control.turn(retired="")
    await sdk.control.fault("error", status=400, code="DataInspectionFailed")
    answer = await call(PRESET)
    assert (answer.status_code, answer.code) == (400, "DataInspectionFailed")
    answer = await call(PRESET, api_key="sk-other")
    assert (answer.status_code, answer.code) == (401, "InvalidApiKey")


async def test_1x_a_temporary_upload_is_named_by_a_reference(sdk: Studio, tmp_path: Path) -> None:
    await sdk.control.turn(takes_oss_links=True)
    path = written(tmp_path, "template.jpg", photo(3, (600, 700)))
    reference, _ = await call(OssUtils.upload, "facechain-generation", path, API_KEY)
    assert reference.startswith("oss://dashscope-instant/")
    resolve = {"X-DashScope-OssResourceResolve": "enable"}
    into = order({"template_url": reference}, style="portrait_url_template", n=1, headers=resolve)
    task = await call(into)
    assert task.status_code == 200, task
    await sdk.control.wait_for_job("inference", task.output["task_id"])


# The 2.0 style.


async def test_20_files_are_uploaded_listed_looked_up_and_deleted(
    client: dashscope.Client, tmp_path: Path
) -> None:
    path = written(tmp_path, "me.jpg", photo())
    upload = {"file_path": path, "purpose": "file-extract", "description": "slack-U012ABC"}
    file = await call(client.files.upload, **upload)
    assert (file.name, file.is_error) == ("me.jpg", False)
    listed = await call(client.files.list)
    assert ([one.file_id for one in listed.files], listed.total_count) == ([file.file_id], 1)
    assert (await call(client.files.get, file.file_id)).size == len(photo())
    assert (await call(client.files.delete, file.file_id)).deleted
    for method in (client.files.get, client.files.delete):
        with pytest.raises(errors.NotFoundError) as gone:
            await call(method, file.file_id)
        assert (gone.value.status_code, gone.value.code) == (400, "InvalidParameter")


async def test_20_a_face_is_trained_and_portraits_are_made_of_it(
    client: dashscope.Client, studio: Studio
) -> None:
    created = await call(
        client.fine_tunes.create, model="facechain-finetune", training_file_ids=studio.gallery.links()
    )
    assert (created.status, created.finished) == ("PENDING", False)
    job = await call(client.fine_tunes.wait, created.job_id, poll_interval=0.2)
    assert (job.succeeded, job.usage.total_tokens) == (True, 1)
    listed = await call(client.fine_tunes.list)
    assert ([one.job_id for one in listed.jobs], listed.total_count) == ([job.job_id], 1)
    assert "face learnt" in (await call(client.fine_tunes.logs, job.job_id)).content
    jobs = Jobs(client, "aigc/album/gen_potrait")
    task = await call(
        jobs.create,
        model="facechain-generation",
        input={},
        parameters={"style": "f_business_male", "size": "768*1024", "n": 1},
        resources=[{"resource_id": job.finetuned_model, "resource_type": "facelora"}],
    )
    done = await call(jobs.wait, task, poll_interval=0.2)
    assert (done.succeeded, len(done.image_urls)) == (True, 1)
    assert (await bare(done.image_urls[0])).status_code == 200
    listing = await call(jobs.list)
    assert ([one.task_id for one in listing.tasks], listing.total) == ([task.task_id], 1)
    assert (await call(client.fine_tunes.delete, job.job_id)).status == "success"


async def test_20_jobs_are_cancelled(client: dashscope.Client, studio: Studio) -> None:
    await studio.control.turn(train_seconds=3600, infer_seconds=3600)
    job = await call(
        client.fine_tunes.create, model="facechain-finetune", training_file_ids=studio.gallery.links()
    )
    assert (await call(client.fine_tunes.cancel, job.job_id)).status == "success"
    await studio.control.wait_for_job("training", job.job_id, "CANCELED")
    with pytest.raises(errors.DashScopeError, match="was canceled"):
        await call(client.fine_tunes.wait, job.job_id)
    jobs = Jobs(client, "aigc/album/gen_potrait")
    task = await call(
        jobs.create,
        model="facechain-generation",
        input={},
        parameters={"style": "f_business_male"},
        resources=[{"resource_id": "women_model", "resource_type": "facelora"}],
    )
    assert not (await call(jobs.cancel, task.task_id)).is_error
    assert (await call(jobs.fetch, task.task_id)).status == "CANCELED"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InvalidParameter", errors.BadRequestError),
        (403, "AccessDenied", errors.PermissionDeniedError),
        (403, "AccessDenied.Unpurchased", errors.PermissionDeniedError),
        (400, "Arrearage", errors.PermissionDeniedError),
        (404, "Model.NotExist", errors.NotFoundError),
        (400, "DataInspectionFailed", errors.ContentFilterError),
        (429, "Throttling", errors.RateLimitError),
        (429, "Throttling.RateQuota", errors.RateLimitError),
        (500, "InternalError", errors.InternalServerError),
        (503, "ServiceUnavailable", errors.ServiceUnavailableError),
        (504, "GatewayTimeout", errors.GatewayTimeoutError),
        (200, "InternalError", errors.InternalServerError),
    ],
)
@pytest.mark.parametrize("family", ["flat", "openai"])
async def test_20_every_documented_code_is_the_exception_it_should_be(
    client: dashscope.Client, studio: Studio, status: int, code: str, kind: type[Exception], family: str
) -> None:
    if status == 200 and family == "openai":
        family = "flat"
    await studio.control.fault("error", status=status, code=code, message="As ordered.", family=family)
    with pytest.raises(kind) as raised:
        await call(client.fine_tunes.list)
    assert (raised.value.code, raised.value.message) == (code, "As ordered.")  # type: ignore[attr-defined]
    assert raised.value.request_id  # type: ignore[attr-defined]


async def test_20_a_wrong_key_is_told(studio: Studio) -> None:
    with (
        client_of(studio, api_key="sk-other") as stranger,
        pytest.raises(errors.AuthenticationError) as raised,
    ):
        await call(stranger.files.list)
    assert raised.value.code == "InvalidApiKey"


async def test_20_its_retries_pay_twice_which_is_why_ours_must_not(studio: Studio) -> None:
    """It repeats a POST after a 500, and no create call has a token by which the vendor could tell."""
    await studio.control.turn(trainings_at_once=0)
    await studio.control.fault("effect_then_500", action="CreateFineTune")
    with client_of(studio, max_retries=1) as client:
        order = {"model": "facechain-finetune", "training_file_ids": studio.gallery.links()}
        await call(client.fine_tunes.create, **order)
    assert (await studio.control.paid()).training == 2


async def test_20_a_named_wait_is_kept(studio: Studio) -> None:
    await studio.control.fault("throttled", retry_after_ms=10)
    with client_of(studio, max_retries=1) as client:
        assert (await call(client.files.list)).total_count == 0
    assert [entry.status for entry in await studio.control.journal()] == [429, 200]
