"""Trainings at the DashScope stand-in, as the vendor's page tells them (T1 to T6)."""

import re
from typing import Any

import pytest

from tests.sandbox.vendors.dashscope_scene import Studio, beijing, flat_photo, photo, refusal, zipped


async def test_a_new_training_is_pending_and_its_face_already_has_a_name(slow_studio: Studio) -> None:
    links = slow_studio.gallery.links()
    response = await slow_studio.create(links)
    job = response.json()["output"]
    job_id = job["job_id"]
    assert re.fullmatch(r"ft-\d{12}-[0-9a-f]{4}", job_id)
    assert beijing(job.pop("create_time")) == pytest.approx(slow_studio.now, abs=1)
    assert job == {
        "job_id": job_id,
        "job_name": job_id,
        "status": "PENDING",
        "finetuned_output": f"facechain-finetune-{job_id}",
        "model": "facechain-finetune",
        "base_model": "facechain-finetune",
        "training_file_ids": links,
        "validation_file_ids": [],
        "hyper_parameters": {},
        "training_type": "sft",
        "workspace_id": "llm-0000000000000000",
        "user_identity": "1240000000000000",
        "modifier": "1240000000000000",
        "creator": "1240000000000000",
        "group": "facechain",
        "model_name": job_id,
        "max_output_cnt": 1,
    }
    assert response.json()["request_id"]


async def test_a_training_waits_in_the_queue_then_runs_and_has_an_end_only_when_it_ended(
    slow_studio: Studio,
) -> None:
    job_id = await slow_studio.train()
    seen = []
    for seconds, status in ((6, "QUEUING"), (10, "RUNNING"), (100, "SUCCEEDED")):
        await slow_studio.turn(seconds)
        await slow_studio.control.wait_for_job("training", job_id, status)
        job = await slow_studio.job(job_id)
        seen.append((job["status"], "end_time" in job, job.get("usage"), job.get("output_cnt")))
    assert seen == [("QUEUING", False, None, None), ("RUNNING", False, None, None), ("SUCCEEDED", True, 1, 1)]


async def test_progress_grows_while_it_runs_and_is_whole_at_the_end(slow_studio: Studio) -> None:
    job_id = await slow_studio.train()
    for seconds, progress in ((37, 0.3), (40, 0.7)):
        await slow_studio.turn(seconds)
        await slow_studio.control.wait_for_job("training", job_id, "RUNNING", progress=progress - 0.05)
        (job,) = await slow_studio.control.jobs()
        assert job.progress == pytest.approx(progress, abs=0.1)
    await slow_studio.turn(100)
    await slow_studio.control.wait_for_job("training", job_id, progress=1.0)


async def test_what_the_sdk_always_sends_is_taken(studio: Studio) -> None:
    response = await studio.create(validation_file_ids=None, hyper_parameters={})
    assert response.status_code == 200
    assert response.json()["output"]["validation_file_ids"] == []


async def test_photos_come_by_link_by_file_and_mixed_and_each_is_read(studio: Studio) -> None:
    file_id = await studio.file(photo(200))
    archive = await studio.file(zipped({"1.jpg": photo(10), "2.png": photo(20, encoder="PNG")}), "two.zip")
    link = studio.gallery.links(1)[0]
    job_id = await studio.trained([link, file_id, archive])
    assert (await studio.job(job_id))["training_file_ids"] == [link, file_id, archive]
    assert [entry.status for entry in await studio.control.fetches()] == [200]
    logs = (await studio.ask("GET", f"/fine-tunes/{job_id}/logs"))["output"]["logs"]
    assert any("photos that qualify: 4" in line for line in logs)


async def test_a_zip_may_come_by_link(studio: Studio) -> None:
    link = studio.gallery.hang("p.zip", zipped({f"{n}.jpg": photo(n * 20) for n in range(3)}))
    job_id = await studio.trained([link])
    logs = (await studio.ask("GET", f"/fine-tunes/{job_id}/logs"))["output"]["logs"]
    assert any("photos that qualify: 3" in line for line in logs)


async def test_photos_are_fetched_with_no_credentials_and_gone_once_the_face_is_learnt(
    studio: Studio,
) -> None:
    await studio.trained()
    assert len(studio.gallery.requests) == 2
    for request in studio.gallery.requests:
        assert not {"authorization", "cookie", "x-dashscope-workspace"} & set(request.headers)
    assert [path for path in (studio.state_dir / "photos").rglob("*") if path.is_file()] == []


async def test_photos_that_do_not_qualify_are_left_out_and_the_log_says_why(studio: Studio) -> None:
    odd = {
        "flat.jpg": flat_photo(),
        "tiny.jpg": photo(size=(255, 300)),
        "wide.jpg": photo(size=(4097, 300)),
        "good.jpg": photo(),
        "note.txt": b"hello",
        "folder/more.jpg": photo(),
        "ünï.jpg": photo(),
    }
    job_id = await studio.trained([await studio.file(zipped(odd))])
    logs = (await studio.ask("GET", f"/fine-tunes/{job_id}/logs"))["output"]["logs"]
    reasons = {line.partition("(")[2] for line in logs if "left out" in line}
    assert reasons == {
        "flat.jpg) left out: no face detected",
        "tiny.jpg) left out: image too large or too small",
        "wide.jpg) left out: image too large or too small",
        "note.txt) left out: the media resource is not a picture",
    }
    assert any("photos that qualify: 1" in line for line in logs)


async def test_a_training_without_a_single_good_photo_fails_and_says_why(studio: Studio) -> None:
    assert await studio.failed([studio.gallery.hang("flat.jpg", flat_photo())]) == (
        "InvalidParameter",
        "no qualified face found",
    )
    (job,) = (await studio.ask("GET", "/fine-tunes"))["output"]["jobs"]
    assert (job["status"], "end_time" in job, "usage" in job) == ("FAILED", True, False)


async def test_more_than_ten_photos_in_all_fail_the_training(studio: Studio) -> None:
    eleven = await studio.file(zipped({f"{n}.jpg": photo(n * 20) for n in range(11)}))
    assert (await studio.failed([eleven]))[0] == "InvalidParameter"


@pytest.mark.parametrize("data", [b"PK not a zip", zipped({"a.jpg": photo()})[:-30]])
async def test_a_broken_zip_fails_the_training(studio: Studio, data: bytes) -> None:
    assert await studio.failed([await studio.file(data)]) == ("InvalidParameter", "the zip cannot be opened")


@pytest.mark.parametrize(
    ("link", "why"), [("/photo/none.jpg", "Refused"), ("/away", "Refused"), ("/endless", "TooLarge")]
)
async def test_a_link_that_gives_nothing_fails_the_training(studio: Studio, link: str, why: str) -> None:
    code, _ = await studio.failed([*studio.gallery.links(1), studio.gallery.origin + link])
    assert code == "InvalidParameter.DataInspection"
    assert [entry.code for entry in await studio.control.fetches()] == [None, why]


async def test_a_link_that_is_none_fails_the_training_untried(studio: Studio) -> None:
    assert (await studio.failed(["http://user:word@127.0.0.1/a.jpg"]))[0] == "InvalidURL"
    assert (await studio.failed(["oss://somewhere/a.jpg"]))[0] == "InvalidURL"


async def test_a_busy_photo_host_is_given_another_chance(studio: Studio) -> None:
    studio.gallery.busy_for = 2
    job_id = await studio.train([studio.gallery.origin + "/busy", *studio.gallery.links(1)])
    await studio.control.wait_for_job("training", job_id)
    assert [entry.status for entry in await studio.control.fetches()] == [503, 503, 200, 200]
    assert {entry.subject for entry in await studio.control.fetches()} == {job_id}


async def test_a_file_deleted_before_it_was_read_fails_the_training(slow_studio: Studio) -> None:
    file_id = await slow_studio.file(photo())
    job_id = await slow_studio.train([file_id])
    await slow_studio.ask("DELETE", f"/files/{file_id}")
    await slow_studio.turn(200)
    await slow_studio.control.wait_for_job("training", job_id, "FAILED")
    assert (await slow_studio.job(job_id))["message"] == "File not found."


@pytest.mark.parametrize("sources", [[], None, "a", [""], [7], ["http://x/1.jpg"] * 11])
async def test_an_order_without_one_to_ten_photos_is_refused(studio: Studio, sources: Any) -> None:
    order = {"model": "facechain-finetune", "training_file_ids": sources}
    refusal(await studio.http.post("/fine-tunes", json=order), 400, "InvalidParameter")
    assert (await studio.control.paid()).training == 0


async def test_a_file_nobody_uploaded_is_not_found_and_that_is_no_404(studio: Studio) -> None:
    response = await studio.create(["976bd01a-f30b-4414-86fd-50c54486e3ef"])
    assert refusal(response, 400, "InvalidParameter") == "File not found."


@pytest.mark.parametrize(
    "changes",
    [
        {"validation_file_ids": ["a"]},
        {"hyper_parameters": "many"},
        {"training_type": 7},
        {"job_name": 7},
        {"finetuned_output": "mine"},
    ],
)
async def test_what_the_model_does_not_take_is_refused(studio: Studio, changes: dict[str, Any]) -> None:
    refusal(await studio.create(**changes), 400, "InvalidParameter")
    assert (await studio.control.paid()).training == 0


async def test_another_model_does_not_exist_and_none_is_a_parameter_missing(studio: Studio) -> None:
    refusal(await studio.create(model="facechain-finetun"), 404, "Model.NotExist")
    refusal(await studio.create(model=None), 400, "InvalidParameter")


async def test_a_second_training_beside_one_is_throttled_until_that_has_ended(slow_studio: Studio) -> None:
    job_id = await slow_studio.train()
    for seconds in (0, 8, 50):
        await slow_studio.turn(seconds)
        message = refusal(await slow_studio.create(), 429, "Throttling")
        assert message == "Too many fine-tune job in running, please retry later"
    await slow_studio.turn(100)
    await slow_studio.control.wait_for_job("training", job_id)
    assert (await slow_studio.create()).status_code == 200
    assert (await slow_studio.control.paid()).training == 2


async def test_where_more_are_taken_the_next_stays_in_the_queue(slow_studio: Studio) -> None:
    await slow_studio.control.turn(trainings_waiting=1)
    first, second = await slow_studio.train(), await slow_studio.train()
    refusal(await slow_studio.create(), 429, "Throttling")
    await slow_studio.turn(50)
    await slow_studio.control.wait_for_job("training", first, "RUNNING")
    await slow_studio.control.wait_for_job("training", second, "QUEUING")
    await slow_studio.turn(60)
    await slow_studio.control.wait_for_job("training", first)
    await slow_studio.control.wait_for_job("training", second, "RUNNING")
    await slow_studio.turn(60)
    await slow_studio.control.wait_for_job("training", second, "RUNNING", progress=0.6)
    # Its time began when the place was free.
    assert (await slow_studio.control.jobs())[1].progress == pytest.approx(60 / 90, abs=0.02)
    await slow_studio.turn(60)
    await slow_studio.control.wait_for_job("training", second)


async def test_without_a_limit_all_run_at_once(slow_studio: Studio) -> None:
    await slow_studio.control.turn(trainings_at_once=0)
    jobs = [await slow_studio.train() for _ in range(3)]
    await slow_studio.turn(20)
    for job_id in jobs:
        await slow_studio.control.wait_for_job("training", job_id, "RUNNING")


async def test_jobs_are_listed_newest_first_in_pages_and_by_model(studio: Studio) -> None:
    jobs = [await studio.trained() for _ in range(3)]
    listed = (await studio.ask("GET", "/fine-tunes"))["output"]
    assert [job["job_id"] for job in listed["jobs"]] == jobs[::-1]
    assert (listed["page_no"], listed["page_size"], listed["total"]) == (1, 10, 3)
    page = (await studio.ask("GET", "/fine-tunes", params={"page_no": 2, "page_size": 2}))["output"]
    assert ([job["job_id"] for job in page["jobs"]], page["total"]) == (jobs[:1], 3)
    mine = await studio.ask("GET", "/fine-tunes", params={"model": "facechain-finetune"})
    assert mine["output"]["total"] == 3
    others = await studio.ask("GET", "/fine-tunes", params={"model": "qwen-turbo"})
    assert others["output"] == {"page_no": 1, "page_size": 10, "total": 0, "jobs": []}


@pytest.mark.parametrize("path", ["/fine-tunes", "/files", "/tasks"])
@pytest.mark.parametrize("query", [{"page_no": 0}, {"page_size": 0}, {"page_size": 101}, {"page_no": "one"}])
async def test_pages_outside_of_the_bounds_are_refused(
    studio: Studio, path: str, query: dict[str, Any]
) -> None:
    refusal(await studio.http.get(path, params=query), 400, "InvalidParameter")


@pytest.mark.parametrize("seconds", [0, 7, 40])
async def test_a_training_that_is_cancelled_is_canceling_for_a_while(
    slow_studio: Studio, seconds: float
) -> None:
    job_id = await slow_studio.train()
    await slow_studio.turn(seconds)
    words = {0: "PENDING", 7: "QUEUING", 40: "RUNNING"}
    await slow_studio.control.wait_for_job("training", job_id, words[int(seconds)])
    body = await slow_studio.ask("POST", f"/fine-tunes/{job_id}/cancel")
    assert body["output"] == {"status": "success"}
    assert (await slow_studio.job(job_id))["status"] == "CANCELING"
    refusal(await slow_studio.http.post(f"/fine-tunes/{job_id}/cancel"), 400, "UnsupportedOperation")
    await slow_studio.turn(11)
    await slow_studio.control.wait_for_job("training", job_id, "CANCELED")
    job = await slow_studio.job(job_id)
    assert ("end_time" in job, "usage" in job, "code" in job) == (True, False, False)
    assert not list((slow_studio.state_dir / "photos").glob("*"))


async def test_where_a_running_training_cannot_be_cancelled_it_runs_on(slow_studio: Studio) -> None:
    await slow_studio.control.turn(cancel_running=False)
    job_id = await slow_studio.train()
    await slow_studio.turn(40)
    await slow_studio.control.wait_for_job("training", job_id, "RUNNING")
    refusal(await slow_studio.http.post(f"/fine-tunes/{job_id}/cancel"), 400, "UnsupportedOperation")
    await slow_studio.turn(100)
    await slow_studio.control.wait_for_job("training", job_id)


async def test_what_is_over_cannot_be_cancelled_and_what_is_not_over_cannot_be_deleted(
    slow_studio: Studio,
) -> None:
    job_id = await slow_studio.train()
    message = refusal(await slow_studio.http.delete(f"/fine-tunes/{job_id}"), 400, "UnsupportedOperation")
    assert "pending" in message
    await slow_studio.turn(200)
    await slow_studio.control.wait_for_job("training", job_id)
    message = refusal(
        await slow_studio.http.post(f"/fine-tunes/{job_id}/cancel"), 400, "UnsupportedOperation"
    )
    assert "succeeded" in message


async def test_a_deleted_job_is_gone_with_its_face(studio: Studio) -> None:
    job_id = await studio.trained()
    face = (await studio.job(job_id))["finetuned_output"]
    assert list((studio.state_dir / "faces").iterdir())
    assert (await studio.ask("DELETE", f"/fine-tunes/{job_id}"))["output"] == {"status": "success"}
    refusal(await studio.http.get(f"/fine-tunes/{job_id}"), 404, "NotFound")
    refusal(await studio.http.delete(f"/fine-tunes/{job_id}"), 404, "NotFound")
    assert (await studio.ask("GET", "/fine-tunes"))["output"]["total"] == 0
    assert not list((studio.state_dir / "faces").iterdir())
    refusal(await studio.wish(face), 400, "Resource.AccessDenied")
    assert (await studio.control.paid()).training == 1


async def test_where_faces_outlive_their_jobs_portraits_can_still_be_made(studio: Studio) -> None:
    await studio.control.turn(face_goes_with_job=False)
    job_id = await studio.trained()
    face = (await studio.job(job_id))["finetuned_output"]
    await studio.ask("DELETE", f"/fine-tunes/{job_id}")
    assert (await studio.portraits(face))["task_status"] == "SUCCEEDED"


async def test_where_the_vendor_refuses_to_delete_what_is_over_it_says_so(studio: Studio) -> None:
    await studio.control.turn(delete_ended=False)
    job_id = await studio.trained()
    message = refusal(await studio.http.delete(f"/fine-tunes/{job_id}"), 400, "UnsupportedOperation")
    assert "succeeded" in message
    assert (await studio.job(job_id))["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/logs")]
)
async def test_a_job_nobody_ordered_is_not_found(studio: Studio, method: str, path: str) -> None:
    response = await studio.http.request(method, f"/fine-tunes/ft-202509020951-f8bf{path}")
    refusal(response, 404, "NotFound")


async def test_the_log_is_read_from_a_line_on_counted_from_one(studio: Studio) -> None:
    job_id = await studio.trained()

    async def read(**query: int) -> Any:
        return (await studio.ask("GET", f"/fine-tunes/{job_id}/logs", params=query))["output"]

    whole = await read()
    said = [line.split(" ", 2)[2] for line in whole["logs"]]
    assert said == [
        "job created",
        "waiting for a place",
        "training started",
        "photos that qualify: 2",
        "face learnt",
        "job succeeded",
    ]
    assert whole["total"] == 6
    assert await read(offset=0) == whole
    assert await read(offset=2, line=3) == {"total": 6, "logs": whole["logs"][1:4]}
    assert await read(offset=7) == {"total": 6, "logs": []}
    for query in ({"line": 0}, {"line": 1001}, {"offset": -1}):
        refusal(await studio.http.get(f"/fine-tunes/{job_id}/logs", params=query), 400, "InvalidParameter")


async def test_the_other_reading_of_the_page_can_be_played(slow_studio: Studio) -> None:
    """A face named only at the end, an echo that is empty, names that are taken over."""
    await slow_studio.control.turn(early_output=False, echo_files=False, takes_names=True)
    job_id = await slow_studio.train(job_name="mine", model_name="me")
    job = await slow_studio.job(job_id)
    assert "finetuned_output" not in job
    assert (job["training_file_ids"], job["training_datasets"]) == ([], [])
    assert (job["job_name"], job["model_name"]) == ("mine", "me")
    await slow_studio.turn(200)
    await slow_studio.control.wait_for_job("training", job_id)
    assert (await slow_studio.job(job_id))["finetuned_output"] == f"facechain-finetune-{job_id}"


async def test_names_are_the_jobs_id_otherwise(studio: Studio) -> None:
    job_id = await studio.train(job_name="mine", model_name="me")
    job = await studio.job(job_id)
    assert (job["job_name"], job["model_name"]) == (job_id, job_id)
