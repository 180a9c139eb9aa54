"""DashScope: its traps, its words, and what each of its ways of saying no means."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.providers import (
    Artifact,
    AuthenticationFailed,
    ContentRejected,
    Delivery,
    GenerationSpec,
    InvalidInput,
    MediaInput,
    NotFound,
    OneshotSpec,
    OutcomeUnknown,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    RemoteRef,
    RemoteState,
    Retired,
    Role,
    TrainingSpec,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers.dashscope import Dashscope
from bot.providers.dashscope.settings import DashscopeSettings
from bot.providers.dashscope.words import JOB_STATES, TASK_STATES
from tests.providers.dashscope.bench import API, KEY, Vendor, body, form, png

MODEL = "facechain-finetune-ft-202509020951-f8bf"
TRAINING = RemoteRef(kind="training", id="ft-202509020951-f8bf")
PORTRAITS = RemoteRef(kind="generation", id="7eb1032e-09a1-4df5-96ed-14091859ad57", model_id=MODEL)
BEGUN = datetime(2025, 9, 2, 1, 51, tzinfo=UTC)
"""Two seconds before the vendor's sample training was made, which names 09:51:02 and no zone."""


def dashscope(wire: Any, **facts: Any) -> Dashscope:
    settings = DashscopeSettings(**{"api_key": KEY, "requests_per_second": 1000, **facts})
    return Dashscope(settings, Dashscope.client(settings, transport=httpx.MockTransport(wire)))


def saying(name: str, **output: Any) -> Any:
    """A vendor that gives one answer to everything, with fields of its `output` changed."""
    answer = body(name)
    if output:
        answer["output"] |= output
    return lambda request: httpx.Response(200, json=answer)


def refusing(status: int, code: str, message: str = "no") -> Any:
    return lambda request: httpx.Response(
        status, json={"request_id": "r-1", "code": code, "message": message}
    )


def linked(*links: str, role: Role = Role.PHOTO) -> tuple[MediaInput, ...]:
    return tuple(
        MediaInput(role=role, path=Path("/nowhere"), media_type="image/jpeg", url=link) for link in links
    )


@pytest.fixture
def photos(tmp_path: Path) -> tuple[MediaInput, ...]:
    made = []
    for number in (1, 2):
        file = tmp_path / f"{number}"
        file.write_bytes(png() + bytes([number]))
        made.append(MediaInput(role=Role.PHOTO, path=file, media_type="image/png"))
    return tuple(made)


def sent(vendor: Vendor, path: str) -> list[Any]:
    return [
        json.loads(one.content)
        for one in vendor.requests
        if one.method == "POST" and one.url.path == API + path
    ]


# -- training


async def test_a_training_is_the_vendor_s_sample_request() -> None:
    vendor, wanted = Vendor(), body("create_fine_tune.request")
    links = ("https://example.com/p/1.jpg", "https://example.com/p/2.jpg")
    await dashscope(vendor).submit(TrainingSpec(inputs=linked(*links), subject="woman"), key="job_1")
    assert sent(vendor, "/fine-tunes") == [wanted | {"training_file_ids": list(links)}]


async def test_links_and_files_may_be_mixed(photos: tuple[MediaInput, ...]) -> None:
    vendor = Vendor()
    spec = TrainingSpec(inputs=(*linked("https://example.com/p/2.jpg"), photos[0]), subject="man")
    await dashscope(vendor, delivery="files").submit(spec, key="job_1")
    assert sent(vendor, "/fine-tunes")[0]["training_file_ids"] == ["https://example.com/p/2.jpg", "file-0"]


async def test_a_photo_is_uploaded_with_purpose_and_key(photos: tuple[MediaInput, ...]) -> None:
    vendor = Vendor()
    await dashscope(vendor, delivery="files").submit(TrainingSpec(inputs=photos, subject="man"), key="job_1")
    uploads = [
        form(one) for one in vendor.requests if one.method == "POST" and one.url.path == f"{API}/files"
    ]
    assert [(one["purpose"], one["descriptions"]) for one in uploads] == [("fine-tune", "job_1")] * 2
    assert [one["files"] for one in uploads] == [
        (f"job_1-{number:02}.png", "image/png", photo.path.read_bytes())
        for number, photo in enumerate(photos, 1)
    ]


async def test_a_zip_holds_every_photo_under_a_plain_name(photos: tuple[MediaInput, ...]) -> None:
    vendor = Vendor()
    await dashscope(vendor, delivery="zip").submit(TrainingSpec(inputs=photos, subject="man"), key="job_1")
    (file,) = vendor.files.values()
    kind, data = file["sent"]
    assert (file["name"], kind) == ("job_1.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        assert packed.namelist() == ["01.png", "02.png"]
        assert packed.read("02.png") == photos[1].path.read_bytes()
    assert sent(vendor, "/fine-tunes")[0]["training_file_ids"] == ["file-0"]


async def test_what_an_earlier_attempt_uploaded_is_not_uploaded_again(photos: tuple[MediaInput, ...]) -> None:
    vendor, spec = Vendor(), TrainingSpec(inputs=photos, subject="man")
    for _ in range(2):
        await dashscope(vendor, delivery="files").submit(spec, key="job_1")
    assert len(vendor.files) == 2


@pytest.mark.parametrize("code", ["BadRequest.TooMany", "BadRequest.TooLarge"])
async def test_a_full_store_is_the_operator_s_though_it_comes_within_a_200(
    code: str, photos: tuple[MediaInput, ...]
) -> None:
    refused = body("upload_file_refused")
    refused["data"]["failed_uploads"][0]["code"] = code
    listed = body("list_files")
    listed["data"]["files"] = []

    def wire(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=refused if request.method == "POST" else listed)

    with pytest.raises(QuotaExceeded, match="delete old files") as caught:
        await dashscope(wire, delivery="files").submit(
            TrainingSpec(inputs=photos, subject="man"), key="job_1"
        )
    assert caught.value.code == code


async def test_tidying_deletes_what_this_job_uploaded_and_nothing_else(
    photos: tuple[MediaInput, ...],
) -> None:
    vendor = Vendor()
    provider = dashscope(vendor, delivery="files")
    begun = await provider.submit(TrainingSpec(inputs=photos, subject="man"), key="job_1")
    vendor.files["theirs"] = {"file_id": "theirs", "name": "a.zip", "description": "slack-U012ABC"}
    await provider.tidy(begun.ref, key="job_1")
    assert list(vendor.files) == ["theirs"]
    await provider.tidy(begun.ref, key="job_1")


async def test_a_file_that_is_gone_already_is_no_trouble() -> None:
    def wire(request: httpx.Request) -> httpx.Response:
        listed = body("list_files")
        listed["data"]["files"][0]["description"] = "job_1"
        if request.method == "GET":
            return httpx.Response(200, json=listed)
        return httpx.Response(400, json=body("file_not_found"))

    assert await dashscope(wire).tidy(TRAINING, key="job_1") is None


@pytest.mark.parametrize("count", [0, 11])
async def test_more_or_fewer_photos_than_it_takes_never_leave(count: int) -> None:
    vendor = Vendor()
    spec = TrainingSpec(inputs=linked(*["https://example.com/p.jpg"] * count), subject="man")
    with pytest.raises(InvalidInput, match="1 to 10"):
        await dashscope(vendor).submit(spec, key="job_1")
    assert vendor.requests == []


async def test_the_model_that_the_create_answer_names_is_not_believed() -> None:
    spec = TrainingSpec(inputs=linked("https://example.com/p.jpg"), subject="man")
    begun = await dashscope(saying("create_fine_tune")).submit(spec, key="job_1")
    assert (begun.state, begun.model_id) == (RemoteState.QUEUED, None)
    running = await dashscope(saying("create_fine_tune", status="RUNNING")).poll(begun.ref)
    assert running.model_id is None


async def test_a_finished_training_names_model_and_cost() -> None:
    told = await dashscope(saying("fine_tune_succeeded")).poll(TRAINING)
    assert (told.state, told.model_id) == (RemoteState.SUCCEEDED, MODEL)
    assert (told.cost, told.cost_unit) == (1, "training")
    assert told.details["created_at"] == "2025-09-02T01:51:02+00:00"


@pytest.mark.parametrize(("word", "state"), JOB_STATES.items())
async def test_every_word_for_a_training(word: str, state: RemoteState) -> None:
    told = await dashscope(saying("create_fine_tune", status=word)).poll(TRAINING)
    assert (told.state, told.tentative, told.details["status"]) == (state, False, word)


async def test_a_training_that_failed_for_its_photos_says_so() -> None:
    with pytest.raises(InvalidInput, match="no qualified face found"):
        await dashscope(saying("fine_tune_failed")).poll(TRAINING)


async def test_a_training_that_failed_for_the_vendor_s_reasons_has_failed() -> None:
    told = await dashscope(saying("fine_tune_failed", code="InternalError.Algo", message="oops")).poll(
        TRAINING
    )
    assert (told.state, told.tentative, told.reason) == (RemoteState.FAILED, False, "oops")


async def test_the_vendor_s_log_is_kept_without_links() -> None:
    answer = body("logs")
    answer["output"]["logs"] = ["step 1", "loading https://example.com/secret.jpg"]
    lines = await dashscope(lambda request: httpx.Response(200, json=answer)).logs(TRAINING)
    assert lines == ("step 1", "loading (link)")
    assert await dashscope(Vendor()).logs(PORTRAITS) == ()


async def test_of_a_long_log_the_end_is_told() -> None:
    written = [f"line {number}" for number in range(1, 251)]

    def wire(request: httpx.Request) -> httpx.Response:
        first, most = (int(request.url.params[name]) for name in ("offset", "line"))
        part = written[max(0, first - 1) :][:most]
        return httpx.Response(200, json={"output": {"total": len(written), "logs": part}})

    assert await dashscope(wire).logs(TRAINING) == tuple(written[-100:])


@pytest.mark.parametrize(
    "odd", [{"usage": {}}, {"usage": None, "training_file_ids": None}, {"create_time": None}], ids=str
)
async def test_a_field_of_another_shape_hides_no_training(odd: dict[str, Any]) -> None:
    told = await dashscope(saying("fine_tune_succeeded", **odd)).poll(TRAINING)
    assert (told.state, told.model_id) == (RemoteState.SUCCEEDED, MODEL)


@pytest.mark.parametrize("odd", [{"results": None}, {"results": [None], "task_metrics": None}], ids=str)
async def test_portraits_that_are_not_there_yet_may_be_null(odd: dict[str, Any]) -> None:
    told = await dashscope(saying("task_succeeded", task_status="RUNNING", **odd)).poll(PORTRAITS)
    assert (told.state, told.artifacts) == (RemoteState.RUNNING, ())


async def test_an_upload_that_failed_for_nothing_says_so_by_a_null(photos: tuple[MediaInput, ...]) -> None:
    vendor = Vendor()

    def wire(request: httpx.Request) -> httpx.Response:
        answer = vendor(request)
        told = answer.json()
        if isinstance(data := told.get("data"), dict):
            data |= {name: data.get(name) or None for name in ("failed_uploads", "files")}
        return httpx.Response(answer.status_code, json=told)

    provider = dashscope(wire, delivery="files")
    await provider.submit(TrainingSpec(inputs=photos, subject="man"), key="job_1")
    assert len(vendor.files) == len(photos)


def answering(part: str, answer: Any, vendor: Vendor | None = None, *, method: str = "POST") -> Any:
    """A vendor that gives this answer to calls of one kind and is itself to all others."""
    vendor = vendor or Vendor()

    def wire(request: httpx.Request) -> httpx.Response:
        if request.method == method and request.url.path.endswith(part):
            return httpx.Response(200, **({"text": answer} if isinstance(answer, str) else {"json": answer}))
        return vendor(request)

    return wire


@pytest.mark.parametrize(
    "answer",
    [
        "<html>a proxy's page</html>",
        {"request_id": "r-1"},
        {"data": None},
        {"data": {"uploaded_files": [None, {"name": "01.png"}], "failed_uploads": []}},
        {"data": {"failed_uploads": [{"name": "01.png", "code": "InternalError", "message": "oops"}]}},
    ],
    ids=["page", "nothing", "null", "no id", "broken there"],
)
async def test_an_upload_without_a_verdict_is_nobody_s_fault_and_no_lost_training(
    answer: Any, photos: tuple[MediaInput, ...]
) -> None:
    vendor = Vendor()
    provider = dashscope(answering("/files", answer, vendor), delivery="files")
    with pytest.raises(Unavailable):
        await provider.submit(TrainingSpec(inputs=photos, subject="man"), key="job_1")
    assert vendor.jobs == {}


async def test_files_are_found_on_every_page_and_behind_rows_that_make_no_sense() -> None:
    vendor = Vendor()
    theirs = [{"file_id": f"f-{n}", "name": "a.zip", "description": "other"} for n in range(120)]
    ours = {"file_id": "ours", "name": "job_1.zip", "description": "job_1"}
    rows: list[Any] = [None, {"file_id": None, "description": "job_1"}, *theirs, ours]

    def wire(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            begin = (int(request.url.params["page_no"]) - 1) * 100
            page = {"total": len(rows), "files": rows[begin : begin + 100]}
            return httpx.Response(200, json={"data": page})
        vendor.requests.append(request)
        return httpx.Response(200, json=body("delete_file"))

    await dashscope(wire).tidy(TRAINING, key="job_1")
    assert [one.url.path for one in vendor.requests] == [f"{API}/files/ours"]


async def test_a_training_that_failed_for_its_photos_tells_what_it_cost_all_the_same() -> None:
    failed = {"status": "FAILED", "code": "InvalidParameter", "message": "no qualified face found"}
    for usage, cost in ((1, Decimal(1)), (0, Decimal(0)), (None, None)):
        with pytest.raises(InvalidInput) as caught:
            await dashscope(saying("fine_tune_failed", **failed, usage=usage)).poll(TRAINING)
        assert caught.value.cost == cost


# -- the face check


@pytest.mark.parametrize("verdict", [None, "true", 1], ids=str)
async def test_a_verdict_that_is_neither_yes_nor_no_refuses_no_photo(verdict: Any) -> None:
    with pytest.raises(UnexpectedResponse):
        await dashscope(saying("detect", is_face=[True, verdict])).inspect(
            linked("https://a/1", "https://a/2")
        )


async def test_a_file_that_gets_no_link_is_not_shown_to_the_face_check(
    photos: tuple[MediaInput, ...],
) -> None:
    vendor = Vendor()
    wire = answering("/file-0", {"data": {"file_id": "file-0", "url": None}}, vendor, method="GET")
    with pytest.raises(UnexpectedResponse, match="no link"):
        await dashscope(wire, delivery="files").inspect(photos)
    assert sent(vendor, "/services/vision/facedetection/detect") == []
    assert vendor.files == {}


async def test_a_file_that_cannot_be_taken_back_costs_no_verdict(photos: tuple[MediaInput, ...]) -> None:
    vendor = Vendor()
    refused = {"request_id": "r-1", "code": "AccessDenied", "message": "no"}
    wire = answering("/file-0", refused, vendor, method="DELETE")
    assert [one.ok for one in await dashscope(wire, delivery="files").inspect(photos)] == [True, True]
    assert list(vendor.files) == ["file-0"]


async def test_the_face_check_is_the_vendor_s_sample_and_its_verdict_is_per_photo() -> None:
    asked: list[Any] = []

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return httpx.Response(200, json=body("detect"))

    links = ("https://example.com/p/1.jpg", "https://example.com/p/2.jpg")
    first, second = await dashscope(wire).inspect(linked(*links))
    assert asked == [body("detect.request")]
    assert (first.ok, first.reason) == (True, None)
    assert (second.ok, second.reason) == (False, "no face detected")


async def test_photos_without_a_link_are_lent_to_the_face_check_and_taken_back(
    photos: tuple[MediaInput, ...],
) -> None:
    vendor = Vendor()
    provider = dashscope(vendor, delivery="files")
    vendor.files["old"] = {"file_id": "old", "name": "x", "description": "darkroom inspection"}
    assert [found.ok for found in await provider.inspect(photos)] == [True, True]
    (asked,) = sent(vendor, "/services/vision/facedetection/detect")
    assert asked["input"]["images"] == [f"http://bucket.example.com/0{n}.png?Signature=x" for n in (1, 2)]
    assert vendor.files == {}


async def test_an_older_face_check_gives_no_reasons() -> None:
    answer = body("detect")
    del answer["output"]["failed_reason"]
    found = await dashscope(lambda request: httpx.Response(200, json=answer)).inspect(
        linked("https://a/1", "https://a/2")
    )
    assert [(one.ok, one.reason) for one in found] == [(True, None), (False, None)]


async def test_a_face_check_that_leaves_a_photo_out_makes_no_sense() -> None:
    with pytest.raises(UnexpectedResponse):
        await dashscope(saying("detect")).inspect(linked("https://a/1", "https://a/2", "https://a/3"))


# -- portraits


@pytest.mark.parametrize(
    ("sample", "options", "template", "count"),
    [
        ("portrait_style", {"style": "f_business_male"}, (), 4),
        ("portrait_template", {}, ("https://example.com/t/suit.jpg",), 1),
    ],
)
async def test_portraits_are_the_vendor_s_sample_requests(
    sample: str, options: dict[str, Any], template: tuple[str, ...], count: int
) -> None:
    vendor = Vendor()
    inputs = linked(*template, role=Role.TEMPLATE)
    spec = GenerationSpec(model_id=MODEL, prompt=None, count=count, inputs=inputs, options=options)
    begun = await dashscope(vendor).generate(spec, key="job_2")
    assert sent(vendor, "/services/aigc/album/gen_potrait") == [body(f"{sample}.request")]
    assert begun.ref.model_id == MODEL


@pytest.mark.parametrize("both", [True, False])
async def test_a_style_and_a_template_exclude_each_other_and_one_is_needed(both: bool) -> None:
    vendor = Vendor()
    spec = GenerationSpec(
        model_id=MODEL,
        prompt=None,
        count=1,
        inputs=linked("https://example.com/t.jpg", role=Role.TEMPLATE) if both else (),
        options={"style": "f_business_male"} if both else {},
    )
    with pytest.raises(InvalidInput, match="either a style or a template"):
        await dashscope(vendor).generate(spec, key="job_2")
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("options", "count"), [({"style": "f_vampire"}, 1), ({"style": "f_business_male"}, 5)]
)
async def test_what_the_vendor_would_refuse_or_change_never_leaves(
    options: dict[str, Any], count: int
) -> None:
    vendor = Vendor()
    spec = GenerationSpec(model_id=MODEL, prompt=None, count=count, options=options)
    with pytest.raises(InvalidInput):
        await dashscope(vendor).generate(spec, key="job_2")
    assert vendor.requests == []


async def test_portraits_without_a_training_send_photos_and_template() -> None:
    vendor = Vendor()
    inputs = (*linked("https://a/1.jpg", "https://a/2.jpg"), *linked("https://a/t.jpg", role=Role.TEMPLATE))
    spec = OneshotSpec(inputs=inputs, subject="man", prompt=None, count=2, options={"skin_retouch": False})
    begun = await dashscope(vendor).oneshot(spec, key="job_3")
    assert begun.ref.kind == "oneshot"
    (asked,) = sent(vendor, "/services/aigc/album/gen_potrait")
    assert asked["parameters"] == {"style": "train_free_portrait_url_template", "n": 2, "skin_retouch": False}
    assert asked["input"] == {
        "template_url": "https://a/t.jpg",
        "user_urls": ["https://a/1.jpg", "https://a/2.jpg"],
    }
    assert "resources" not in asked
    vendor.finish()
    assert len((await dashscope(vendor).poll(begun.ref)).artifacts) == 2


@pytest.mark.parametrize("inputs", [linked("https://a/1.jpg"), linked("https://a/t.jpg", role=Role.TEMPLATE)])
async def test_portraits_without_a_training_need_photos_and_template(inputs: tuple[MediaInput, ...]) -> None:
    spec = OneshotSpec(inputs=inputs, subject="man", prompt=None, count=1)
    with pytest.raises(InvalidInput, match="template picture and photos"):
        await dashscope(Vendor()).oneshot(spec, key="job_3")


@pytest.mark.parametrize(("word", "state"), TASK_STATES.items())
async def test_every_word_for_portraits(word: str, state: RemoteState) -> None:
    told = await dashscope(saying("task_succeeded", task_status=word)).poll(PORTRAITS)
    assert (told.state, told.tentative) == (state, False)


async def test_portraits_that_it_does_not_know_are_not_found_rather_than_failed() -> None:
    with pytest.raises(NotFound, match="does not know these portraits"):
        await dashscope(saying("task_unknown")).poll(PORTRAITS)


async def test_a_picture_that_failed_is_left_out_and_the_others_keep_their_places() -> None:
    rows = [{"code": "InternalError.Algo", "message": "oops"}, {"url": "https://results.example.com/2.jpg"}]
    told = await dashscope(saying("task_succeeded", results=rows)).poll(PORTRAITS)
    assert [json.loads(one.locator) for one in told.artifacts] == [[PORTRAITS.id, 1]]
    assert (told.state, told.held_back) == (RemoteState.SUCCEEDED, 0)


async def test_a_picture_that_moderation_holds_back_is_counted_as_such() -> None:
    rows = [{"code": "DataInspectionFailed", "message": "no"}, {"url": "https://results.example.com/2.jpg"}]
    told = await dashscope(saying("task_succeeded", results=rows)).poll(PORTRAITS)
    assert (told.state, told.held_back, len(told.artifacts)) == (RemoteState.SUCCEEDED, 1, 1)


async def test_success_without_a_picture_is_a_failure_that_may_be_taken_back() -> None:
    told = await dashscope(saying("task_succeeded", results=[])).poll(PORTRAITS)
    assert (told.state, told.tentative, told.artifacts) == (RemoteState.FAILED, True, ())


async def test_a_single_result_url_is_read_too() -> None:
    answer = saying("task_succeeded", results=[], result_url="https://results.example.com/1.jpg")
    assert len((await dashscope(answer).poll(PORTRAITS)).artifacts) == 1


@pytest.mark.parametrize(
    ("code", "error"), [("DataInspectionFailed", ContentRejected), ("InvalidImageResolution", InvalidInput)]
)
async def test_portraits_that_the_person_can_mend_say_so(code: str, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        await dashscope(saying("task_failed", code=code)).poll(PORTRAITS)


async def test_a_portrait_is_pulled_by_its_newest_link_without_our_key() -> None:
    vendor = Vendor()
    provider = dashscope(vendor)
    spec = GenerationSpec(model_id=MODEL, prompt=None, count=1, options={"style": "f_idcard_male"})
    begun = await provider.generate(spec, key="job_2")
    vendor.finish()
    (artifact,) = (await provider.poll(begun.ref)).artifacts
    assert "http" not in artifact.locator
    data = b"".join([piece async for piece in provider.fetch(begun.ref, artifact)])
    assert data == png()


async def test_a_portrait_that_the_vendor_has_forgotten_is_not_found() -> None:
    provider = dashscope(Vendor())
    with pytest.raises(NotFound):
        _ = [
            piece
            async for piece in provider.fetch(PORTRAITS, Artifact(locator=json.dumps([PORTRAITS.id, 0])))
        ]


# -- lost answers


async def found(vendor: Any, *known: str, **facts: Any) -> Any:
    spec = TrainingSpec(inputs=(), subject="man")
    return await dashscope(vendor, **facts).find(spec, key="job_1", known=frozenset(known), since=BEGUN)


def listing(*jobs: dict[str, Any], files: list[dict[str, Any]] | None = None) -> Any:
    def wire(request: httpx.Request) -> httpx.Response:
        answer = body("list_files") if request.url.path.endswith("/files") else body("list_fine_tunes")
        if request.url.path.endswith("/files"):
            answer["data"]["files"] = files or []
        else:
            row = answer["output"]["jobs"][0]
            answer["output"]["jobs"] = [row | job for job in jobs]
        return httpx.Response(200, json=answer)

    return wire


async def test_a_training_made_since_the_call_left_is_ours() -> None:
    told = await found(listing({}))
    assert (told.ref, told.state) == (TRAINING, RemoteState.QUEUED)


@pytest.mark.parametrize("made", ["2025-09-02 09:48:00", "2025-09-02 01:30:02", "2025-08-02 09:51:02"])
async def test_a_training_made_earlier_is_not_ours(made: str) -> None:
    assert await found(listing({"create_time": made})) is None


@pytest.mark.parametrize("made", ["2025-09-02 01:51:02", "2025-09-02 02:51:02", "2025-09-01 20:51:02"])
async def test_a_clock_of_another_zone_is_no_proof_that_nothing_was_started(made: str) -> None:
    # That its times are China's is nowhere said: what fits but for whole hours may be ours.
    with pytest.raises(UnexpectedResponse, match="DASHSCOPE_UTC_OFFSET_HOURS"):
        await found(listing({"create_time": made}))
    assert await found(listing({"create_time": made}), TRAINING.id) is None


async def test_a_training_that_belongs_to_another_job_is_not_ours() -> None:
    assert await found(listing({}), TRAINING.id) is None


async def test_two_that_cannot_be_told_apart_are_never_started_a_third_time() -> None:
    with pytest.raises(UnexpectedResponse, match="told apart"):
        await found(listing({}, {"job_id": "ft-2"}))


async def test_uploaded_files_tell_two_trainings_apart() -> None:
    ours = {"file_id": "f-1", "name": "job_1.zip", "description": "job_1"}
    jobs = ({"training_file_ids": ["f-9"]}, {"job_id": "ft-2", "training_file_ids": ["f-1"]})
    assert (await found(listing(*jobs, files=[ours]))).ref.id == "ft-2"


@pytest.mark.parametrize("most", [100, 30], ids=["as asked", "shorter pages"])
@pytest.mark.parametrize("newest", ["first", "last"])
async def test_a_training_is_found_wherever_in_the_list_it_stands(newest: str, most: int) -> None:
    old = [{"job_id": f"ft-old-{number}", "create_time": "2024-01-01 00:00:00"} for number in range(250)]
    every = [{}, *old] if newest == "first" else [*old, {}]

    def wire(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/files"):
            return listing()(request)  # type: ignore[no-any-return]
        begin = (int(request.url.params["page_no"]) - 1) * most
        page = listing(*every[begin : begin + most])(request).json()
        page["output"]["total"] = len(every)
        return httpx.Response(200, json=page)

    assert (await found(wire)).ref == TRAINING


async def test_a_list_without_an_end_is_no_proof_that_nothing_was_started() -> None:
    old = [{"job_id": f"ft-old-{number}", "create_time": "2024-01-01 00:00:00"} for number in range(100)]
    with pytest.raises(UnexpectedResponse, match="looked through"):
        await found(listing(*old))


async def test_a_row_that_makes_no_sense_hides_no_other() -> None:
    assert (await found(listing({"job_id": None}, {}))).ref == TRAINING


async def test_portraits_are_not_looked_for_unless_the_operator_says_so() -> None:
    spec = GenerationSpec(model_id=MODEL, prompt=None, count=1)
    with pytest.raises(UnexpectedResponse):
        await dashscope(Vendor()).find(spec, key="job_2", known=frozenset(), since=BEGUN)
    able = dashscope(Vendor()).capabilities
    assert able.generation is not None
    assert not able.generation.idempotent


async def test_portraits_are_looked_for_since_the_call_left() -> None:
    asked: list[httpx.Request] = []

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=body("list_tasks"))

    spec = GenerationSpec(model_id=MODEL, prompt=None, count=1)
    told = await dashscope(wire, find_tasks=True).find(spec, key="job_2", known=frozenset(), since=BEGUN)
    assert told is not None
    assert told.ref == PORTRAITS
    assert asked[0].url.params["start_time"] == "20250901094900"


def tasks(*made: str | None, name: str = "tasks") -> Any:
    listed = body("list_tasks")
    row = listed.pop("tasks")[0]
    rows = [
        row | {"task_id": f"t-{n}", **({"submit_time": at} if at else {})} for n, at in enumerate(made, 1)
    ]
    return lambda request: httpx.Response(200, json=listed | {"total": len(rows), name: rows})


async def portraits(wire: Any) -> Any:
    spec = GenerationSpec(model_id=MODEL, prompt=None, count=1)
    return await dashscope(wire, find_tasks=True).find(spec, key="job_2", known=frozenset(), since=BEGUN)


@pytest.mark.parametrize("name", ["tasks", "data"])
async def test_portraits_made_earlier_are_not_ours(name: str) -> None:
    told = await portraits(tasks("2025-09-02 09:40:00.000", "2025-09-02 09:51:02.123", name=name))
    assert told.ref.id == "t-2"
    assert await portraits(tasks("2025-09-02 09:40:00.000", name=name)) is None
    assert await portraits(tasks(name=name)) is None


async def test_portraits_of_another_zone_are_no_proof_that_nothing_was_started() -> None:
    with pytest.raises(UnexpectedResponse, match="DASHSCOPE_UTC_OFFSET_HOURS"):
        await portraits(tasks("2025-09-02 01:51:02.000"))


async def test_a_list_that_is_not_where_it_should_be_is_no_proof_that_nothing_was_started() -> None:
    with pytest.raises(UnexpectedResponse, match="where it should be"):
        await portraits(tasks(None, name="items"))
    with pytest.raises(UnexpectedResponse, match="where it should be"):
        await found(lambda request: httpx.Response(200, json={"output": {}, "data": {"files": []}}))


async def test_an_account_that_others_use_is_not_looked_through() -> None:
    able = dashscope(Vendor(), exclusive=False).capabilities
    assert able.training is not None
    assert not able.training.idempotent


# -- saying no


@pytest.mark.parametrize("status", [200, 400, 429])
async def test_any_throttling_is_a_wait_and_no_lost_answer(status: int) -> None:
    spec = TrainingSpec(inputs=linked("https://example.com/p.jpg"), subject="man")
    with pytest.raises(RateLimited):
        await dashscope(refusing(status, "Throttling.User")).submit(spec, key="job_1")


async def test_portraits_that_may_not_be_made_may_also_have_ended_and_the_operator_reads_both() -> None:
    spec = GenerationSpec(model_id=MODEL, prompt=None, count=1, options={"style": "f_idcard_male"})
    with pytest.raises(AuthenticationFailed, match=r"DASHSCOPE_WORKSPACE.*2026-10-10.*DASHSCOPE_GENERATION"):
        await dashscope(refusing(403, "AccessDenied")).generate(spec, key="job_2")
    with pytest.raises(AuthenticationFailed) as caught:
        await dashscope(refusing(401, "InvalidApiKey")).generate(spec, key="job_2")
    assert "2026-10-10" not in str(caught.value)


REFUSALS: list[tuple[int, str, type[ProviderError], type[ProviderError]]] = [
    (400, "InvalidParameter", InvalidInput, InvalidInput),
    (400, "UnsupportedOperation", InvalidInput, InvalidInput),
    (404, "NotFound", NotFound, NotFound),
    (409, "Conflict", InvalidInput, InvalidInput),
    (429, "Throttling", RateLimited, RateLimited),
    (429, "Throttling.RateQuota", RateLimited, RateLimited),
    (429, "Throttling.AllocationQuota", RateLimited, RateLimited),
    (500, "InternalError", Unavailable, OutcomeUnknown),
    (401, "InvalidApiKey", AuthenticationFailed, AuthenticationFailed),
    (403, "AccessDenied", AuthenticationFailed, AuthenticationFailed),
    (403, "AccessDenied.Unpurchased", AuthenticationFailed, AuthenticationFailed),
    (400, "Arrearage", QuotaExceeded, QuotaExceeded),
    (404, "Model.NotExist", Retired, Retired),
    (400, "ModelNotFound", Retired, Retired),
    (403, "Model.AccessDenied", Retired, Retired),
    (400, "DataInspectionFailed", ContentRejected, ContentRejected),
    (400, "InvalidParameter.DataInspection", ContentRejected, ContentRejected),
    (400, "InvalidURL", InvalidInput, InvalidInput),
    (400, "InvalidImageResolution", InvalidInput, InvalidInput),
    (400, "BadRequest.EmptyModel", InvalidInput, InvalidInput),
    (400, "Resource.AccessDenied", InvalidInput, InvalidInput),
    (503, "ServiceUnavailable", Unavailable, Unavailable),
    (504, "GatewayTimeout", Unavailable, OutcomeUnknown),
    (500, "InternalError.Algo", Unavailable, OutcomeUnknown),
    (400, "SomethingNew", InvalidInput, InvalidInput),
]


@pytest.mark.parametrize(("status", "code", "get", "post"), REFUSALS, ids=[row[1] for row in REFUSALS])
async def test_what_each_code_means_when_asking_and_when_starting(
    status: int, code: str, get: type[ProviderError], post: type[ProviderError]
) -> None:
    with pytest.raises(ProviderError) as asking:
        await dashscope(refusing(status, code)).poll(TRAINING)
    spec = TrainingSpec(inputs=linked("https://example.com/p.jpg"), subject="man")
    with pytest.raises(ProviderError) as starting:
        await dashscope(refusing(status, code)).submit(spec, key="job_1")
    assert (type(asking.value), type(starting.value)) == (get, post)
    assert (starting.value.code, starting.value.request_id) == (code, "r-1")


@pytest.mark.parametrize(
    ("code", "error"),
    [("InvalidApiKey", AuthenticationFailed), ("InternalError", OutcomeUnknown), ("New", UnexpectedResponse)],
)
async def test_a_code_within_a_200_is_a_no(code: str, error: type[ProviderError]) -> None:
    spec = TrainingSpec(inputs=linked("https://example.com/p.jpg"), subject="man")
    with pytest.raises(ProviderError) as caught:
        await dashscope(refusing(200, code)).submit(spec, key="job_1")
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("code", "seconds"),
    [("Throttling", 60), ("Throttling.RateQuota", 1), ("Throttling.AllocationQuota", 30)],
)
async def test_each_kind_of_busy_has_its_own_patience(code: str, seconds: int) -> None:
    with pytest.raises(RateLimited) as caught:
        await dashscope(refusing(429, code)).poll(TRAINING)
    assert caught.value.retry_after == timedelta(seconds=seconds)


async def test_a_job_that_must_wait_for_another_holds_up_no_poll() -> None:
    wires = [refusing(429, "Throttling"), saying("create_fine_tune", status="RUNNING")]
    provider = dashscope(lambda request: wires.pop(0)(request))
    spec = TrainingSpec(inputs=linked("https://example.com/p.jpg"), subject="man")
    with pytest.raises(RateLimited):
        await provider.submit(spec, key="job_1")
    assert (await provider.poll(TRAINING)).state is RemoteState.RUNNING


async def test_the_vendor_s_own_wish_to_wait_goes_before_ours() -> None:
    def wire(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json=body("error"), headers={"retry-after-ms": "2500"})

    with pytest.raises(RateLimited) as caught:
        await dashscope(wire).poll(TRAINING)
    assert caught.value.retry_after == timedelta(seconds=2.5)


async def test_an_error_in_the_other_clients_form_is_read_too() -> None:
    def wire(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": {"code": "InvalidApiKey", "message": "no", "type": "x"}})

    with pytest.raises(AuthenticationFailed, match="DASHSCOPE_API_KEY"):
        await dashscope(wire).check()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "InvalidApiKey", "this is Beijing's"),
        (403, "AccessDenied", "DASHSCOPE_WORKSPACE"),
        (400, "Arrearage", "unpaid bill"),
        (503, "ServiceUnavailable", "DASHSCOPE_ENDPOINT"),
    ],
)
async def test_the_check_says_what_to_mend(status: int, code: str, words: str) -> None:
    with pytest.raises(ProviderError, match=words):
        await dashscope(refusing(status, code)).check()


async def test_what_it_quotes_of_our_request_is_not_kept() -> None:
    link = "https://photos.example.com/p/unguessable.jpg"

    def wire(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"code": "InvalidURL", "message": f"{link} with key {KEY}"})

    with pytest.raises(InvalidInput) as caught:
        await dashscope(wire).submit(TrainingSpec(inputs=linked(link), subject="man"), key="job_1")
    assert "unguessable" not in caught.value.detail
    assert KEY not in caught.value.detail


# -- stopping, deleting, and what is offered


@pytest.mark.parametrize(
    ("ref", "path"),
    [(TRAINING, f"/fine-tunes/{TRAINING.id}/cancel"), (PORTRAITS, f"/tasks/{PORTRAITS.id}/cancel")],
)
async def test_cancel_asks_in_the_right_place(ref: RemoteRef, path: str) -> None:
    asked: list[str] = []

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        return httpx.Response(200, json=body("done"))

    assert await dashscope(wire).cancel(ref)
    assert asked == [f"POST {API}{path}"]


async def test_too_late_to_cancel_or_to_delete_is_a_no() -> None:
    late = dashscope(refusing(400, "UnsupportedOperation"))
    assert not await late.cancel(TRAINING)
    assert not await late.cancel(PORTRAITS)
    assert not await late.delete(TRAINING)


async def test_a_vendor_that_cannot_be_reached_has_not_said_no() -> None:
    with pytest.raises(Unavailable):
        await dashscope(refusing(503, "ServiceUnavailable")).delete(TRAINING)


async def test_a_training_that_is_not_there_any_more_is_deleted_and_was_not_cancelled() -> None:
    vendor = dashscope(refusing(404, "NotFound"))
    assert await vendor.delete(TRAINING)
    assert not await vendor.cancel(TRAINING)


async def test_portraits_cannot_be_deleted_and_nobody_is_asked() -> None:
    vendor = Vendor()
    assert not await dashscope(vendor).delete(PORTRAITS)
    assert vendor.requests == []


def test_without_portraits_trainings_are_still_offered() -> None:
    able = dashscope(Vendor(), generation="off").capabilities
    offered = [one is not None and one.offered for one in (able.training, able.generation, able.oneshot)]
    assert offered == [True, False, False]
    # Only its portraits need an address to fetch from.
    fetching = [
        dashscope(Vendor(), generation=how, delivery="files").capabilities.fetches for how in ("auto", "off")
    ]
    assert fetching == [True, False]


@pytest.mark.parametrize(
    ("how", "delivery"), [("url", Delivery.URL), ("files", Delivery.UPLOAD), ("zip", Delivery.UPLOAD)]
)
def test_how_photos_get_there_is_the_operator_s_choice(how: str, delivery: Delivery) -> None:
    able = dashscope(Vendor(), delivery=how).capabilities
    assert able.training is not None
    (spec,) = able.training.inputs
    assert spec.delivery is delivery
    assert (able.training.concurrency, spec.max, spec.one_face) == (1, 10, True)


async def test_the_workspace_goes_with_every_call_where_it_is_set() -> None:
    vendor = Vendor()
    await dashscope(vendor, workspace="llm-1").check()
    await dashscope(vendor).check()
    assert [one.headers.get("x-dashscope-workspace") for one in vendor.requests] == ["llm-1", None]
