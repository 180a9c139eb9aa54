"""Pictures at Img Open: text2image, image2image, the two queries, instantID, and the files themselves."""

import io
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.sandbox.vendors.img_open_scene import (
    ARCHIVE,
    IMAGE,
    INSTANT,
    KEYS,
    LIVE,
    SERVICE,
    TEXT,
    TOOL,
    Hook,
    Setup,
    refused,
)

CHINA = timezone(timedelta(hours=8))


async def fetch(url: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as bare:
        return await bare.get(url, headers=headers)


async def opened(url: str) -> Image.Image:
    response = await fetch(url)
    assert response.status_code == 200
    return Image.open(io.BytesIO(response.content))


def links(data: Any) -> list[str]:
    return [image["image_url"] for image in data["differentialImageRspList"]]


# text2image.


async def test_the_pictures_are_as_many_as_the_batches_and_of_the_size_that_was_asked(
    img_open: Setup,
) -> None:
    data = await img_open.draw(n_iter=2, batch_size=2, width=160, height=128, seed="100")
    assert [image["seed"] for image in data["differentialImageRspList"]] == [100, 101, 102, 103]
    assert len(set(links(data))) == 4
    for url in links(data):
        image = await opened(url)
        assert (image.format, image.size) == ("PNG", (160, 128))


async def test_a_lora_in_the_prompt_draws_whom_it_was_trained_on(img_open: Setup) -> None:
    """The album's photos run from one colour to another, and so does every picture of their LoRA."""
    task = await img_open.trained()
    shown = {}
    for name, prompt in {
        "somebody": f"a person <lora:{task}:0.8>",
        "nobody": "a person",
        "weightless": f"a person <lora:{task}:0>",
        "unknown": "a person <lora:slk-0:0.8>",
    }.items():
        (url,) = links(await img_open.draw(prompt=prompt, width=192, height=192))
        pixels = np.asarray((await opened(url)).convert("RGB"), np.float64)
        left, right = pixels[120:, 10:40].mean(axis=(0, 1)), pixels[120:, -40:-10].mean(axis=(0, 1))
        shown[name] = np.abs(left - right).sum()
    assert shown["somebody"] > 80
    assert shown["nobody"] == shown["weightless"] == shown["unknown"] < 40
    drawn = [job for job in await img_open.control.jobs() if job.kind == "inference"]
    assert [job.trained_by for job in drawn] == [task, None, None, None]


async def test_the_same_seed_draws_the_same_picture_and_minus_one_any(img_open: Setup) -> None:
    files = []
    for seed in ("5", "5", "6"):
        (url,) = links(await img_open.draw(seed=seed))
        files.append((await fetch(url)).content)
    assert files[0] == files[1] != files[2]
    seeds = [
        (await img_open.draw(seed=seed))["differentialImageRspList"][0]["seed"] for seed in ("-1", "-1", None)
    ]
    assert len(set(seeds)) == 3
    assert min(seeds) >= 0


async def test_a_larger_picture_is_made_of_a_small_one_if_so_asked(img_open: Setup) -> None:
    for asked, size in (
        ({"enable_hr": True}, (256, 384)),
        ({"enable_hr": True, "hr_scale": 1.5}, (192, 288)),
        ({"enable_hr": True, "hr_resize_x": 200, "hr_resize_y": 300}, (200, 300)),
        ({"enable_hr": False, "hr_scale": 2}, (128, 192)),
    ):
        (url,) = links(await img_open.draw(**asked))
        assert (await opened(url)).size == size


@pytest.mark.parametrize(
    ("ending", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("jpeg", "JPEG"), ("webp", "WEBP")]
)
async def test_pictures_come_in_the_format_that_was_asked(img_open: Setup, ending: str, kind: str) -> None:
    (url,) = links(await img_open.draw(output_image_format=ending))
    assert httpx.URL(url).path.endswith(f"-0.{ending}")
    response = await fetch(url)
    assert response.headers["content-type"] == f"image/{kind.lower()}"
    with Image.open(io.BytesIO(response.content)) as image:
        assert image.format == kind


async def test_every_field_of_the_page_is_taken(slow_img_open: Setup) -> None:
    order = {
        "prompt": "portrait photo of a person in a park, natural light <lora:slk-3f:0.8>",
        "negative_prompt": "lowres, bad anatomy, watermark",
        "n_iter": 1,
        "batch_size": 2,
        "steps": 25,
        "seed": "-1",
        "cfg_scale": 7,
        "width": 512,
        "height": 768,
        "sampler_index": "DPM++ 2M Karras",
        "restore_faces": False,
        "enable_hr": False,
        "alwayson_scripts": {
            "id_task": "gen-0b6d2f",
            "sd_model_checkpoint": "v1-5-pruned-emaonly.safetensors",
            "sd_vae": "vae-ft-mse-840000-ema-pruned.ckpt",
            "override_settings": {"CLIP_stop_at_last_layers": 1},
            "ADetailer": {"args": [True]},
        },
        "some_field_of_the_webui": 1,
    }
    assert await slow_img_open.customer.ask(TEXT, order) == {"task_id": "gen-0b6d2f"}
    assert (await slow_img_open.live("gen-0b6d2f"))["status"] == 3


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"prompt": None}, "missing parameter prompt"),
        ({"prompt": " "}, "prompt"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"negative_prompt": ["x"]}, "negative_prompt"),
        ({"batch_size": None}, "missing parameter batch_size"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "1"}, "batch_size"),
        ({"batch_size": 5}, "batch_size"),
        ({"batch_size": 2, "n_iter": 3}, "n_iter"),
        ({"n_iter": 0}, "n_iter"),
        ({"steps": 0}, "steps"),
        ({"seed": 7}, "seed"),
        ({"seed": "-2"}, "seed"),
        ({"seed": "4294967296"}, "seed"),
        ({"seed": "many"}, "seed"),
        ({"width": 127}, "width"),
        ({"height": 1025}, "height"),
        ({"width": 512.0}, "width"),
        ({"cfg_scale": 7.5}, "cfg_scale"),
        ({"sampler_index": "DPM++ 2M karras"}, "sampler_index"),
        ({"restore_faces": 0}, "restore_faces"),
        ({"enable_hr": "true"}, "enable_hr"),
        ({"enable_hr": True, "width": 1024, "hr_scale": 2.5}, "hr_scale"),
        ({"hr_second_pass_steps": -1}, "hr_second_pass_steps"),
        ({"hr_upscaler": ""}, "hr_upscaler"),
        ({"denoising_strength": 1.5}, "denoising_strength"),
        ({"alwayson_scripts": None}, "missing parameter alwayson_scripts"),
        ({"alwayson_scripts": []}, "alwayson_scripts"),
        ({"id_task": None}, "missing parameter alwayson_scripts.id_task"),
        ({"id_task": "A b"}, "alwayson_scripts.id_task"),
        ({"sd_model_checkpoint": None}, "missing parameter alwayson_scripts.sd_model_checkpoint"),
        # The name of a training's base has no ending, and that of a generation's model has one.
        ({"sd_model_checkpoint": "v1-5-pruned-emaonly"}, "alwayson_scripts.sd_model_checkpoint"),
        ({"sd_vae": 1}, "alwayson_scripts.sd_vae"),
        ({"override_settings": {"CLIP_stop_at_last_layers": 0}}, "CLIP_stop_at_last_layers"),
        ({"override_settings": "x"}, "alwayson_scripts.override_settings"),
        ({"output_image_format": "gif"}, "alwayson_scripts.output_image_format"),
        ({"ADetailer": True}, "alwayson_scripts.ADetailer"),
    ],
)
async def test_a_field_that_cannot_be_is_refused_and_named(
    slow_img_open: Setup, changes: dict[str, Any], named: str
) -> None:
    order = slow_img_open.picture(**changes)
    refused(await slow_img_open.customer.call(TEXT, order), "500", named)
    assert (await slow_img_open.control.paid()).inference == 0


async def test_limits_nobody_documents_are_settings(slow_img_open: Setup) -> None:
    await slow_img_open.control.settings(most_images=6, longest_prompt=10)
    order = slow_img_open.picture(prompt="x" * 10, batch_size=6)
    await slow_img_open.customer.ask(TEXT, order)
    refused(await slow_img_open.customer.call(TEXT, slow_img_open.picture(prompt="x" * 11)), "500", "prompt")
    await slow_img_open.control.settings(most_inferences=1)
    refused(await slow_img_open.customer.call(TEXT, slow_img_open.picture(prompt="x")), "429")


async def test_a_lora_and_a_model_of_another_family_do_not_work_together(img_open: Setup) -> None:
    task = await img_open.trained()
    data = await img_open.draw(
        prompt=f"a person <lora:{task}:0.8>", sd_model_checkpoint="photon_v1_84728.safetensors"
    )
    assert data["status"] == 2
    order = img_open.picture(
        prompt=f"a person <lora:{task}:0.8>", sd_model_checkpoint="sd_xl_base_1.0.safetensors", id_task="g-x"
    )
    await img_open.customer.ask(TEXT, order)
    await img_open.control.wait_for_job("inference", "g-x", "failed")
    data = await img_open.live("g-x")
    assert (data["status"], data["differentialImageRspList"]) == (4, [])
    assert "SD 1.5" in data["desc"]
    assert "SDXL" in data["desc"]


async def test_a_lora_nobody_trained_may_fail_the_task(img_open: Setup) -> None:
    await img_open.control.settings(unknown_lora="fails")
    await img_open.customer.ask(TEXT, img_open.picture(prompt="a <lora:slk-0:1>", id_task="g-x"))
    await img_open.control.wait_for_job("inference", "g-x", "failed")
    assert (await img_open.live("g-x"))["desc"] == "lora not found: slk-0"
    data = await img_open.draw(prompt="a <lora:add_detail:0.5>")
    assert data["status"] == 2


# An id that comes again.


async def test_an_id_task_is_refused_passed_over_or_run_again(slow_img_open: Setup) -> None:
    order = slow_img_open.picture(id_task="gen-a")
    await slow_img_open.customer.ask(TEXT, order)
    refused(await slow_img_open.customer.call(TEXT, order), "500", "id_task", "already exists")
    await slow_img_open.control.settings(repeated_picture="ignored")
    assert await slow_img_open.customer.ask(TEXT, order) == {"task_id": "gen-a"}
    assert (await slow_img_open.control.paid()).inference == 1
    await slow_img_open.control.settings(repeated_picture="rerun")
    await slow_img_open.customer.ask(TEXT, order)
    assert (await slow_img_open.control.paid()).inference == 2


# The two queries.


async def test_a_picture_is_queued_then_under_way_then_there(slow_img_open: Setup) -> None:
    await slow_img_open.customer.ask(TEXT, slow_img_open.picture(id_task="gen-a"))
    data = await slow_img_open.live("gen-a")
    assert (data["status"], data["differentialImageRspList"]) == (3, None)
    await slow_img_open.turn(25)
    await slow_img_open.control.wait_for_job("inference", "gen-a", "working", progress=0.5)
    data = await slow_img_open.live("gen-a")
    assert (data["status"], data["differentialImageRspList"]) == (1, [])
    assert data["temporaryImageDto"]["percentage"] == 50
    refused(await slow_img_open.customer.call(ARCHIVE, {"businessTaskId": "gen-a"}), "500", "not found")
    await slow_img_open.turn(26)
    await slow_img_open.control.wait_for_job("inference", "gen-a")
    data = await slow_img_open.live("gen-a")
    assert (data["status"], data["temporaryImageDto"]) == (2, None)
    assert links(await slow_img_open.customer.ask(ARCHIVE, {"businessTaskId": "gen-a"})) == links(data)


@pytest.mark.parametrize("path", [LIVE, ARCHIVE, TOOL])
async def test_a_task_nobody_ordered_is_not_found(img_open: Setup, path: str) -> None:
    refused(await img_open.customer.call(path, {"businessTaskId": "gen-0"}), "500", "not found")
    refused(await img_open.customer.call(path, {}), "500", "missing parameter businessTaskId")
    refused(await img_open.customer.call(path, {"businessTaskId": 7}), "500", "businessTaskId")
    refused(await img_open.customer.call(path, {"id_task": "gen-0"}), "500", "missing parameter")


async def test_the_live_query_knows_the_month_of_china_and_the_archive_the_others(
    slow_img_open: Setup,
) -> None:
    clock = slow_img_open.clock
    assert clock is not None
    # A minute to midnight in China, on the last of September: still the afternoon elsewhere.
    clock.now = datetime(2026, 9, 30, 23, 59, tzinfo=CHINA).timestamp()
    assert datetime.fromtimestamp(clock.now, UTC).hour == 15
    await slow_img_open.customer.ask(TEXT, slow_img_open.picture(id_task="gen-a"))
    await slow_img_open.turn(51)
    await slow_img_open.control.wait_for_job("inference", "gen-a")
    await slow_img_open.control.settings(infer_seconds=5000)
    await slow_img_open.customer.ask(TEXT, slow_img_open.picture(id_task="gen-b"))
    assert (await slow_img_open.live("gen-a"))["status"] == 2
    await slow_img_open.turn(10)
    for task, status in (("gen-a", 2), ("gen-b", 3)):
        refused(await slow_img_open.customer.call(LIVE, {"businessTaskId": task}), "500", "not found")
        archived = await slow_img_open.customer.ask(ARCHIVE, {"businessTaskId": task})
        assert (archived["task_id"], archived["status"]) == (task, status)
    await slow_img_open.customer.ask(TEXT, slow_img_open.picture(id_task="gen-c"))
    assert (await slow_img_open.live("gen-c"))["status"] == 3


# The files.


async def test_a_link_to_a_picture_lasts_as_long_as_is_set_and_a_query_gives_a_new_one(
    slow_img_open: Setup,
) -> None:
    await slow_img_open.control.settings(link_seconds=60, infer_seconds=0)
    (url,) = links(await slow_img_open.draw(id_task="gen-a"))
    assert "Expires=" in url
    assert "Signature=" in url
    assert (await fetch(url)).status_code == 200
    await slow_img_open.turn(61)
    response = await fetch(url)
    assert (response.status_code, "<Message>Request has expired.</Message>" in response.text) == (403, True)
    (again,) = links(await slow_img_open.live("gen-a"))
    assert (await fetch(again)).status_code == 200
    downloads = [entry for entry in await slow_img_open.control.journal() if entry.action == "Download"]
    assert [(one.status, one.code, one.subject) for one in downloads] == [
        (200, None, "gen-a"),
        (403, "LINK_REFUSED", None),
        (200, None, "gen-a"),
    ]


async def test_whoever_shows_the_keys_to_the_store_gets_nothing(img_open: Setup) -> None:
    (url,) = links(await img_open.draw())
    for name, value in KEYS.items():
        response = await fetch(url, **{name: value})
        assert (response.status_code, response.headers["content-type"]) == (400, "application/xml")
    assert (await fetch(url, Authorization="Bearer x")).status_code == 400
    codes = [entry.code for entry in await img_open.control.journal() if entry.action == "Download"]
    assert codes == ["KEYS_SHOWN", "KEYS_SHOWN", "LINK_REFUSED"]


async def test_a_link_opens_its_own_file_and_no_other(img_open: Setup) -> None:
    data = await img_open.draw(batch_size=2)
    first, second = (httpx.URL(url) for url in links(data))
    assert (await fetch(str(first.copy_with(path=second.path)))).status_code == 403
    assert (await fetch(str(first.copy_with(query=None)))).status_code == 403


# image2image.


async def test_a_picture_may_begin_with_another(img_open: Setup) -> None:
    """The photo runs from one colour to another, and so does what is made of it."""
    photo = img_open.album.links(1)[0]
    (url,) = links(await img_open.draw(IMAGE, image_link=photo, denoising_strength=0.55, width=192))
    pixels = np.asarray((await opened(url)).convert("RGB"), np.float64)
    left, right = pixels[120:, 10:40].mean(axis=(0, 1)), pixels[120:, -40:-10].mean(axis=(0, 1))
    assert np.abs(left - right).sum() > 80
    assert [request.url.path for request in img_open.album.requests] == ["/photo/0.jpg"]
    assert [path for path in (img_open.state_dir / "photos").rglob("*") if path.is_file()] == []


async def test_a_mask_is_fetched_as_well(img_open: Setup) -> None:
    photo, mask = img_open.album.links(2)
    await img_open.draw(IMAGE, image_link=photo, mask_link=mask)
    assert [request.url.path for request in img_open.album.requests] == ["/photo/0.jpg", "/photo/1.jpg"]


async def test_image2image_needs_a_link_that_holds_a_picture(img_open: Setup) -> None:
    missing = "missing parameter alwayson_scripts.image_link"
    refused(await img_open.customer.call(IMAGE, img_open.picture()), "500", missing)
    order = img_open.picture(image_link="nonsense")
    refused(await img_open.customer.call(IMAGE, order), "500", "alwayson_scripts.image_link")
    order = img_open.picture(image_link=img_open.album.origin + "/away", id_task="gen-a")
    await img_open.customer.ask(IMAGE, order)
    await img_open.control.wait_for_job("inference", "gen-a", "failed")
    data = await img_open.live("gen-a")
    assert (data["status"], data["desc"]) == (4, "image download failed")


# instantID, and the query of the tools.


def face(setup: Setup, **changes: Any) -> dict[str, Any]:
    order = {
        "businessTaskId": "iid-1",
        "image": setup.album.links(1)[0],
        "prompt": "Cute ceramic doll",
        "height": 960,
        "width": 960,
        "seed": 1,
    }
    return {name: value for name, value in (order | changes).items() if value is not None}


async def test_instant_id_makes_one_picture_of_a_face(slow_img_open: Setup) -> None:
    ordered = await slow_img_open.customer.ask(INSTANT, face(slow_img_open, guidanceScale=1.0, steps=20))
    waiting = {"taskId": "tool1", "businessTaskId": "iid-1", "status": 0, "outputImageUrl": None}
    assert ordered == waiting
    assert await slow_img_open.customer.ask(TOOL, {"businessTaskId": "iid-1"}) == waiting
    await slow_img_open.control.settings(infer_seconds=0)
    await slow_img_open.control.wait_for_job("tool", "iid-1")
    data = await slow_img_open.customer.ask(TOOL, {"businessTaskId": "iid-1"})
    url = data.pop("outputImageUrl")
    # The number beside a finished picture is a 1 on the vendor's page.
    assert data == {"taskId": "tool1", "businessTaskId": "iid-1", "status": 1}
    assert (await opened(url)).size == (960, 960)


async def test_a_tool_that_failed_has_no_link_and_a_reason(img_open: Setup) -> None:
    await img_open.customer.ask(INSTANT, face(img_open, image=img_open.album.origin + "/page"))
    await img_open.control.wait_for_job("tool", "iid-1", "failed")
    data = await img_open.customer.ask(TOOL, {"businessTaskId": "iid-1"})
    assert (data["status"], data["outputImageUrl"], data["desc"]) == (2, None, "image format error")


async def test_a_tool_tells_its_result_to_the_address_in_the_order(img_open: Setup, hook: Hook) -> None:
    await img_open.control.settings(callback_scale=0)
    await img_open.customer.ask(INSTANT, face(img_open, callbackUrl=hook.url))
    await img_open.control.wait_for_calls("Callback")
    (body,) = hook.bodies
    assert (body["businessTaskId"], body["status"]) == ("iid-1", 1)
    assert (await opened(body["outputImageUrl"])).size == (960, 960)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"businessTaskId": None}, "missing parameter businessTaskId"),
        ({"image": None}, "missing parameter image"),
        ({"image": "x"}, "image"),
        ({"prompt": None}, "missing parameter prompt"),
        ({"prompt": ""}, "prompt"),
        ({"negativePrompt": 1}, "negativePrompt"),
        ({"width": 512}, "width"),
        ({"height": 961}, "height"),
        ({"steps": "20"}, "steps"),
        ({"guidanceScale": "1"}, "guidanceScale"),
        ({"seed": "1"}, "seed"),
        ({"callbackUrl": "here"}, "callbackUrl"),
    ],
)
async def test_instant_id_refuses_what_cannot_be(
    slow_img_open: Setup, changes: dict[str, Any], named: str
) -> None:
    refused(await slow_img_open.customer.call(INSTANT, face(slow_img_open, **changes)), "500", named)
    assert (await slow_img_open.control.paid()).tool == 0


async def test_an_id_of_a_tool_is_refused_when_it_comes_again(slow_img_open: Setup) -> None:
    await slow_img_open.customer.ask(INSTANT, face(slow_img_open))
    again = await slow_img_open.customer.call(INSTANT, face(slow_img_open))
    refused(again, "500", "businessTaskId", "already exists")
    await slow_img_open.control.settings(repeated_picture="ignored")
    assert (await slow_img_open.customer.ask(INSTANT, face(slow_img_open)))["businessTaskId"] == "iid-1"
    assert (await slow_img_open.control.paid()).tool == 1


async def test_the_code_of_a_tool_may_hold_a_slash_that_is_not_encoded(slow_img_open: Setup) -> None:
    await slow_img_open.customer.ask(INSTANT, face(slow_img_open))
    for tool in ("hair/change", "roop"):
        response = await slow_img_open.customer.call(f"/tool/{tool}/queryTask", {"businessTaskId": "iid-1"})
        refused(response, "500", "not found")
    for tool in ("hair%2Fchange", "instantid", "hair"):
        response = await slow_img_open.customer.http.post(
            f"{SERVICE}/tool/{tool}/queryTask", json={"businessTaskId": "iid-1"}, headers=KEYS
        )
        assert response.status_code == 404
