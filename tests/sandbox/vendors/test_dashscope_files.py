"""Files, the object store, temporary uploads and the photo check of the DashScope stand-in (F, U1, D1)."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.sandbox.vendors.dashscope_scene import Studio, bare, beijing, flat_photo, photo, refusal, zipped

DETECT = "/services/vision/facedetection/detect"
TICKET = {"action": "getPolicy", "model": "facechain-generation"}


async def test_an_uploaded_file_has_an_id_and_can_be_looked_up(studio: Studio) -> None:
    data = photo()
    uploaded = await studio.upload(("ana's first.jpg", data), descriptions="slack-U012ABC")
    (taken,) = uploaded["uploaded_files"]
    assert (taken["name"], uploaded["failed_uploads"]) == ("ana's first.jpg", [])
    file = (await studio.ask("GET", f"/files/{taken['file_id']}"))["data"]
    link, created = file.pop("url"), file.pop("gmt_create")
    assert file == {
        "file_id": taken["file_id"],
        "name": "ana's first.jpg",
        "description": "slack-U012ABC",
        "size": len(data),
        "md5": hashlib.md5(data).hexdigest(),
    }
    assert (await bare(link)).content == data
    (entry,) = [job for job in await studio.control.journal() if job.action == "UploadFiles"]
    assert beijing(created) == pytest.approx(entry.at, abs=2)


async def test_several_files_go_up_at_once_with_descriptions_in_their_order(studio: Studio) -> None:
    uploaded = await studio.upload(
        ("a.jpg", photo(1)), ("b.zip", zipped({})), descriptions=["first", "second"]
    )
    names = {taken["file_id"]: taken["name"] for taken in uploaded["uploaded_files"]}
    listed = (await studio.ask("GET", "/files"))["data"]
    assert {file["file_id"]: file["name"] for file in listed["files"]} == names
    assert {file["name"]: file["description"] for file in listed["files"]} == {
        "a.jpg": "first",
        "b.zip": "second",
    }
    assert {"id", "region", "user_id", "api_key_id", "purpose"} < set(listed["files"][0])
    assert len({file["id"] for file in listed["files"]}) == 2


async def test_the_wire_vector_of_the_vendors_page_is_understood(studio: Studio) -> None:
    """Vector B, byte for byte."""
    empty = bytes.fromhex("504b0506") + bytes(18)
    body = b"".join(
        [
            b'--XBOUNDARYX\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n',
            b'--XBOUNDARYX\r\nContent-Disposition: form-data; name="descriptions"\r\n\r\nslack-U012ABC\r\n',
            b'--XBOUNDARYX\r\nContent-Disposition: form-data; name="files"; filename="photos.zip"\r\n',
            b"Content-Type: application/zip\r\n\r\n" + empty + b"\r\n--XBOUNDARYX--\r\n",
        ]
    )
    # The page's own check of what was typed here.
    assert len(body) == 315
    digest = "fd12917c715d86dd8b5d1f037e767054960d679f40f795aec401381690c0a64e"
    assert hashlib.sha256(body).hexdigest() == digest
    headers = {"Content-Type": "multipart/form-data; boundary=XBOUNDARYX"}
    uploaded = (await studio.ask("POST", "/files", content=body, headers=headers))["data"]
    assert [taken["name"] for taken in uploaded["uploaded_files"]] == ["photos.zip"]
    file = (await studio.ask("GET", "/files"))["data"]["files"][0]
    assert (file["size"], file["description"], file["purpose"]) == (22, "slack-U012ABC", "fine-tune")


async def test_files_are_listed_newest_first_in_pages(studio: Studio) -> None:
    ids = [await studio.file(photo(n), f"{n}.jpg") for n in range(3)]
    listed = (await studio.ask("GET", "/files", params={"page_size": 2}))["data"]
    assert [file["file_id"] for file in listed["files"]] == ids[:0:-1]
    assert (listed["total"], listed["page_no"], listed["page_size"]) == (3, 1, 2)
    last = (await studio.ask("GET", "/files", params={"page_size": 2, "page_no": 2}))["data"]
    assert [file["file_id"] for file in last["files"]] == ids[:1]


async def test_a_deleted_file_is_gone_with_its_bytes_and_that_is_no_404(studio: Studio) -> None:
    file_id = await studio.file(photo())
    assert list((studio.state_dir / "files").iterdir())
    assert await studio.ask("DELETE", f"/files/{file_id}") == {}
    for method in ("GET", "DELETE"):
        response = await studio.http.request(method, f"/files/{file_id}")
        assert refusal(response, 400, "InvalidParameter") == "File not found."
    assert not list((studio.state_dir / "files").iterdir())


async def test_a_file_over_the_accounts_number_fails_inside_a_yes(studio: Studio) -> None:
    await studio.control.turn(file_limit=2)
    uploaded = await studio.upload(*((f"{n}.jpg", photo(n)) for n in range(3)))
    assert [taken["name"] for taken in uploaded["uploaded_files"]] == ["0.jpg", "1.jpg"]
    assert uploaded["failed_uploads"] == [
        {
            "name": "2.jpg",
            "code": "BadRequest.TooMany",
            "message": "Out of number, <2> of <2> files has been uploaded.",
        }
    ]
    await studio.ask("DELETE", f"/files/{uploaded['uploaded_files'][0]['file_id']}")
    assert (await studio.upload(("2.jpg", photo())))["failed_uploads"] == []


async def test_the_accounts_number_is_a_hundred_files(studio: Studio) -> None:
    uploaded = await studio.upload(*((f"{n}.txt", b"x") for n in range(101)))
    assert (len(uploaded["uploaded_files"]), len(uploaded["failed_uploads"])) == (100, 1)


@pytest.mark.parametrize("limit", ["file_bytes", "storage_bytes"])
async def test_a_file_too_large_by_itself_or_for_the_storage_fails_inside_a_yes(
    studio: Studio, limit: str
) -> None:
    await studio.control.turn(**{limit: 1000})
    uploaded = await studio.upload(("a", bytes(600)), ("b", bytes(1001)), ("c", bytes(401)))
    taken = [file["name"] for file in uploaded["uploaded_files"]]
    failed = {file["name"]: file["code"] for file in uploaded["failed_uploads"]}
    if limit == "file_bytes":
        assert (taken, failed) == (["a", "c"], {"b": "BadRequest.TooLarge"})
    else:
        assert (taken, failed) == (["a"], {"b": "BadRequest.TooLarge", "c": "BadRequest.TooLarge"})


async def test_the_purpose_is_not_asked_for_unless_the_current_page_is_played(studio: Studio) -> None:
    parts = {"files": ("a.jpg", photo())}
    assert (await studio.http.post("/files", files=parts)).status_code == 200
    await studio.control.turn(purpose_required=True)
    refusal(await studio.http.post("/files", files=parts), 400, "InvalidParameter")
    response = await studio.http.post("/files", files=parts, data={"purpose": "fine-tune"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "options",
    [
        {"files": {"file": ("a.jpg", b"x")}},
        {"files": {"files": ("a.jpg", b"x")}, "data": {"purpose": "fine_tune"}},
        {"files": {"files": ("a.jpg", b"x")}, "data": {"descriptions": ["a", "b"]}},
        {"json": {"files": []}},
        {"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=y"}},
        {"content": b"", "headers": {"Content-Type": "multipart/form-data"}},
    ],
)
async def test_a_form_that_is_none_or_says_something_else_is_refused(
    studio: Studio, options: dict[str, Any]
) -> None:
    refusal(await studio.http.post("/files", **options), 400, "InvalidParameter")
    assert (await studio.ask("GET", "/files"))["data"]["total"] == 0


async def test_a_files_name_is_never_a_path(studio: Studio) -> None:
    (taken,) = (await studio.upload(("../../etc/passwd", b"x")))["uploaded_files"]
    assert taken["name"] == "passwd"
    (path,) = (studio.state_dir / "files").iterdir()
    assert path.name == taken["file_id"]


# The store.


async def test_a_results_link_lasts_a_day_and_refuses_credentials(slow_studio: Studio) -> None:
    task_id = await slow_studio.ordered()
    await slow_studio.turn(60)
    await slow_studio.control.wait_for_job("inference", task_id)
    await slow_studio.control.turn(record_seconds=48 * 3600)
    await slow_studio.turn(3600)
    link = (await slow_studio.task(task_id))["results"][0]["url"]
    assert "Expires=" in link
    assert "Signature=" in link
    refused = await bare(link, Authorization="Bearer test-api-key")
    assert (refused.status_code, "<Code>InvalidArgument</Code>" in refused.text) == (400, True)
    await slow_studio.turn(23 * 3600 - 1)
    assert (await bare(link)).status_code == 200
    # It is not asking again that makes a link younger.
    assert (await slow_studio.task(task_id))["results"][0]["url"] == link
    await slow_studio.turn(2)
    refused = await bare(link)
    assert (refused.status_code, "Request has expired" in refused.text) == (403, True)
    again = (await slow_studio.task(task_id))["results"][0]["url"]
    assert (await bare(again)).status_code == 403


async def test_a_link_that_was_touched_opens_nothing(studio: Studio) -> None:
    link = (await studio.portraits())["results"][0]["url"]
    for touched in (
        link.replace("/1.jpg", "/2.jpg"),
        link.replace("Expires=", "Expires=9"),
        link.partition("?")[0],
    ):
        assert (await bare(touched)).status_code == 403


async def test_fetches_of_links_are_calls_in_the_journal(studio: Studio) -> None:
    task = await studio.portraits()
    await bare(task["results"][0]["url"])
    last = (await studio.control.journal())[-1]
    assert (last.action, last.status, last.subject) == ("GetObject", 200, task["task_id"])


# Temporary uploads.


async def ticket(studio: Studio) -> dict[str, str]:
    data: dict[str, str] = (await studio.ask("GET", "/uploads", params=TICKET))["data"]
    return data


def form(told: dict[str, str], **changes: str) -> dict[str, str]:
    fields = {
        "OSSAccessKeyId": told["oss_access_key_id"],
        "Signature": told["signature"],
        "policy": told["policy"],
        "key": told["upload_dir"] + "/t.jpg",
        "x-oss-object-acl": told["x_oss_object_acl"],
        "x-oss-forbid-overwrite": told["x_oss_forbid_overwrite"],
        "success_action_status": "200",
        "x-oss-content-type": "image/jpeg",
    }
    return {name: value for name, value in (fields | changes).items() if value}


async def post(told: dict[str, str], data: bytes = b"x", **changes: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(
            told["upload_host"], data=form(told, **changes), files={"file": ("t.jpg", data)}
        )


async def test_a_ticket_lets_one_upload_which_a_call_may_then_name_if_the_vendor_takes_that(
    studio: Studio,
) -> None:
    told = await ticket(studio)
    assert set(told) == {
        "policy",
        "signature",
        "upload_dir",
        "upload_host",
        "oss_access_key_id",
        "x_oss_object_acl",
        "x_oss_forbid_overwrite",
    }
    assert (await post(told, photo(9, (600, 600)))).status_code == 200
    order: dict[str, Any] = {
        "model": "facechain-generation",
        "parameters": {"style": "portrait_url_template", "n": 1},
        "input": {"template_url": f"oss://{told['upload_dir']}/t.jpg"},
        "resources": [{"resource_id": "women_model", "resource_type": "facelora"}],
    }

    async def outcome(**headers: str) -> tuple[str, str | None]:
        response = await studio.http.post(
            "/services/aigc/album/gen_potrait", json=order, headers={"X-DashScope-Async": "enable", **headers}
        )
        task_id = response.json()["output"]["task_id"]
        word = "FAILED" if not (takes and headers) else "SUCCEEDED"
        await studio.control.wait_for_job("inference", task_id, word)
        task = await studio.task(task_id)
        return task["task_status"], task.get("code")

    resolve = {"X-DashScope-OssResourceResolve": "enable"}
    takes = False
    assert await outcome(**resolve) == ("FAILED", "InvalidURL")
    await studio.control.turn(takes_oss_links=True)
    takes = True
    assert await outcome() == ("FAILED", "InvalidURL")
    assert await outcome(**resolve) == ("SUCCEEDED", None)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"OSSAccessKeyId": "somebody"}, 403),
        ({"Signature": "c2ln"}, 403),
        ({"policy": "eyJ4Ijp9"}, 403),
        ({"key": "elsewhere/t.jpg"}, 403),
        ({"x-oss-object-acl": "public-read"}, 403),
        ({"x-oss-forbid-overwrite": ""}, 403),
    ],
)
async def test_an_upload_that_is_not_the_tickets_is_refused(
    studio: Studio, changes: dict[str, str], status: int
) -> None:
    response = await post(await ticket(studio), **changes)
    assert (response.status_code, response.text.startswith("<?xml")) == (status, True)
    assert not list(studio.state_dir.glob("uploads/*"))


async def test_an_upload_happens_once_in_time_and_without_the_key(slow_studio: Studio) -> None:
    told = await ticket(slow_studio)
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": "Bearer test-api-key"}) as http:
        response = await http.post(told["upload_host"], data=form(told), files={"file": ("t.jpg", b"x")})
        assert response.status_code == 400
    assert (await post(told, success_action_status="")).status_code == 204
    assert (await post(told)).status_code == 409
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(told["upload_host"], data=form(told))).status_code == 400
    late = await ticket(slow_studio)
    await slow_studio.turn(301)
    assert (await post(late)).status_code == 403


@pytest.mark.parametrize("query", [{}, {"action": "getPolicy"}, {"action": "other", "model": "m"}])
async def test_a_ticket_is_asked_for_by_action_and_model(studio: Studio, query: dict[str, str]) -> None:
    refusal(await studio.http.get("/uploads", params=query), 400, "InvalidParameter")


# The photo check.


async def detect(studio: Studio, *links: Any, **changes: Any) -> httpx.Response:
    order = {"model": "facechain-facedetect", "input": {"images": list(links)}, "parameters": {}, **changes}
    return await studio.http.post(DETECT, json=order)


async def test_every_photo_gets_its_verdict_in_the_order_they_were_given(studio: Studio) -> None:
    gallery = studio.gallery
    links = [
        gallery.links(1)[0],
        gallery.hang("flat", flat_photo()),
        gallery.hang("tiny", photo(size=(255, 300))),
        gallery.hang("fat", photo() + bytes(5 * 1024 * 1024)),
        gallery.hang("gif", photo(encoder="GIF")),
        gallery.hang("webp", photo(encoder="WEBP")),
        gallery.hang("png", photo(encoder="PNG")),
        gallery.hang("text", b"hello"),
        gallery.hang("edge", photo(size=(256, 4096))),
    ]
    response = await detect(studio, *links)
    body = response.json()
    assert body["usage"] == {}
    assert body["output"]["is_face"] == [True, False, False, False, False, True, True, False, True]
    assert body["output"]["failed_reason"] == [
        "",
        "no face detected",
        "image too large or too small",
        "image larger than 5 MB",
        "the media resource is not a picture",
        "",
        "",
        "the media resource is not a picture",
        "",
    ]


async def test_a_photo_that_cannot_be_had_refuses_the_whole_check(studio: Studio) -> None:
    response = await detect(studio, *studio.gallery.links(1), studio.gallery.origin + "/photo/none.jpg")
    refusal(response, 400, "InvalidParameter.DataInspection")
    refusal(await detect(studio, "a.jpg"), 400, "InvalidURL")
    refusal(await detect(studio, 7), 400, "InvalidURL")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"model": "facechain-finetune"}, 404, "Model.NotExist"),
        ({"model": None}, 400, "InvalidParameter"),
        ({"input": {"images": []}}, 400, "InvalidParameter"),
        ({"input": {"images": "http://x"}}, 400, "InvalidParameter"),
        ({"input": None}, 400, "InvalidParameter"),
        ({"parameters": []}, 400, "InvalidParameter"),
    ],
)
async def test_a_check_outside_of_the_pages_table_is_refused(
    studio: Studio, changes: dict[str, Any], status: int, code: str
) -> None:
    refusal(await detect(studio, **changes), status, code)


async def test_the_check_is_synchronous(studio: Studio) -> None:
    order = {"model": "facechain-facedetect", "input": {"images": studio.gallery.links()}, "parameters": {}}
    response = await studio.http.post(DETECT, json=order, headers={"X-DashScope-Async": "enable"})
    refusal(response, 403, "AccessDenied")


async def test_a_face_may_be_missed_on_order(studio: Studio) -> None:
    await studio.control.fault("no_face", photo=1)
    links = studio.gallery.links(3)
    assert (await detect(studio, *links)).json()["output"]["is_face"] == [True, False, True]
    assert (await detect(studio, *links)).json()["output"]["is_face"] == [True, True, True]
