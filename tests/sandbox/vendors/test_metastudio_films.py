"""Clips, photo films, picture models and photo checks at the MetaStudio stand-in: fields and limits."""

import io
from typing import Any

import av
import httpx
import pytest
from PIL import Image

from bot.sandbox._treatments import WORDS
from bot.sandbox.vendors._metastudio_models import STYLES
from bot.sandbox.vendors.metastudio_control import Stage
from tests.sandbox.vendors.metastudio_scene import (
    PREFIX,
    VOICE,
    Lot,
    encoded,
    film,
    film_order,
    password_wish,
    photo,
    script,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")

CLIPS = f"{PREFIX}/2d-digital-human-videos"
PHOTO_FILMS = f"{PREFIX}/photo-digital-human-videos"
CHECKS = f"{PREFIX}/photo-detection"
MODELS = f"{PREFIX}/digital-human/stylized/picture-modelings"
DAY = 24 * 3600


def clip_order(asset_id: str, **changes: Any) -> dict[str, Any]:
    order: dict[str, Any] = {
        "model_asset_id": asset_id,
        "voice_config": {"voice_asset_id": VOICE, "speed": 100, "pitch": 100, "volume": 140},
        "video_config": {"codec": "H264", "bitrate": 5000, "width": 720, "height": 1280},
        "shoot_scripts": [script()],
        "output_asset_config": {"asset_name": "clip"},
    }
    return {name: value for name, value in (order | changes).items() if value is not None}


def refused(answer: httpx.Response, status: int, code: str, about: Any = None) -> None:
    body = answer.json()
    assert (answer.status_code, body.get("error_code")) == (status, code), (about, body)


def video(**changes: Any) -> dict[str, Any]:
    return {"codec": "H264", "bitrate": 5000, "width": 720, "height": 1280} | changes


def voice(**changes: Any) -> dict[str, Any]:
    return {"voice_asset_id": VOICE} | changes


WRONG_CLIPS: list[tuple[dict[str, Any], str]] = [
    ({"model_asset_id": None}, "MSS.00000003"),
    ({"model_asset_id": "nobody"}, "MSS.10001001"),
    ({"model_asset_id": VOICE}, "MSS.45000004"),
    ({"voice_config": None}, "MSS.00000003"),
    ({"voice_config": voice(voice_asset_id="")}, "MSS.00000003"),
    ({"voice_config": voice(voice_asset_id="v" * 257)}, "MSS.00000003"),
    ({"voice_config": voice(voice_asset_id="nobody")}, "MSS.10001001"),
    ({"voice_config": voice(speed=49)}, "MSS.00000003"),
    ({"voice_config": voice(speed=201)}, "MSS.00000003"),
    ({"voice_config": voice(pitch="high")}, "MSS.00000003"),
    ({"video_config": None}, "MSS.00000003"),
    ({"video_config": {"width": 720, "height": 1280}}, "MSS.00000003"),
    ({"video_config": video(width=1280, height=1280)}, "MSS.00000003"),
    ({"video_config": video(width="720")}, "MSS.00000003"),
    ({"video_config": video(width=3840, height=2160)}, "MSS.00000003"),
    ({"video_config": video(codec="HEVC")}, "MSS.00000003"),
    ({"video_config": video(codec="QTRLE")}, "MSS.00000003"),
    ({"video_config": video(clip_mode="ZOOM")}, "MSS.00000003"),
    ({"shoot_scripts": None}, "MSS.00000003"),
    ({"shoot_scripts": []}, "MSS.00000003"),
    ({"shoot_scripts": [script(kind="SONG")]}, "MSS.00000003"),
    ({"shoot_scripts": [script("x" * 10_001)]}, "MSS.00000003"),
    ({"shoot_scripts": [script(number="0")]}, "MSS.00000003"),
    ({"shoot_scripts": [script(), script()]}, "MSS.00000003"),
    ({"shoot_scripts": [{"sequence_no": 0, "shoot_script": {"script_type": "TEXT"}}]}, "MSS.00000003"),
    ({"output_asset_config": {"asset_name": "x" * 257}}, "MSS.00000003"),
    ({"output_asset_config": {}}, "MSS.00000003"),
    ({"callback_config": {"callback_url": "http://x", "auth_type": "MSS_A"}}, "MSS.00000003"),
    ({"callback_config": {"callback_url": "http://x", "auth_type": "BASIC"}}, "MSS.00000003"),
]


async def test_a_clip_with_a_wrong_field_is_refused_and_orders_nothing(lot: Lot) -> None:
    asset_id = await lot.untrained_avatar()
    for changes, code in WRONG_CLIPS:
        refused(
            await lot.customer.call("POST", CLIPS, json=clip_order(asset_id, **changes)),
            400,
            code,
            changes,
        )
    assert (await lot.control.bill())["clip"] == 0


async def test_a_clips_name_is_taken_once_and_free_again_when_the_clip_failed(lot: Lot) -> None:
    asset_id = await lot.untrained_avatar()
    await lot.control.fault("inference_fails", action="CreateClip")
    first = await lot.customer.call("POST", CLIPS, json=clip_order(asset_id))
    await lot.control.wait_for_job("clip", first.json()["job_id"], Stage.FAILED)
    await lot.control.settings(queue_seconds=3600)
    second = await lot.customer.call("POST", CLIPS, json=clip_order(asset_id))
    assert second.status_code == 200
    refused(await lot.customer.call("POST", CLIPS, json=clip_order(asset_id)), 400, "MSS.10001005")
    refused(
        await lot.customer.call(
            "POST", PHOTO_FILMS, json=film_order(output_asset_config={"asset_name": "clip"})
        ),
        400,
        "MSS.10001005",
    )
    await lot.customer.call("POST", f"{CLIPS}/{second.json()['job_id']}/cancel")
    assert (await lot.customer.call("POST", CLIPS, json=clip_order(asset_id))).status_code == 200


async def test_an_avatar_in_the_bin_renders_nothing(lot: Lot) -> None:
    asset_id = await lot.untrained_avatar()
    await lot.control.settings(queue_seconds=3600)
    made = await lot.customer.call("POST", CLIPS, json=clip_order(asset_id))
    await lot.customer.call("DELETE", f"{PREFIX}/digital-assets/{asset_id}")
    refused(await lot.customer.call("POST", CLIPS, json=clip_order(asset_id)), 400, "MSS.10001001")
    await lot.control.settings(queue_seconds=0)
    await lot.control.wait_for_job("clip", made.json()["job_id"], Stage.FAILED)
    shown = await lot.show_clip(made.json()["job_id"])
    assert shown.error_info.error_code == "MSS.10001001"


@pytest.mark.parametrize(
    ("changes", "container", "codec"),
    [({"codec": "VP8"}, "webm", "vp8"), ({"codec": "QTRLE"}, "mov", "qtrle")],
)
async def test_a_clip_comes_in_the_kind_of_file_its_codec_has(
    lot: Lot, changes: dict[str, Any], container: str, codec: str
) -> None:
    asset_id = await lot.untrained_avatar()
    await lot.control.settings(na_tenant=True)
    size = {"width": 320, "height": 240, "clip_mode": "CROP"}
    order = clip_order(asset_id, video_config=video(**changes, **size))
    job_id = (await lot.customer.call("POST", CLIPS, json=order)).json()["job_id"]
    await lot.control.wait_for_job("clip", job_id)
    asset = await lot.show_asset((await lot.show_clip(job_id)).output_asset_config.asset_id)
    (main,) = [file for file in asset.files if file.asset_file_category == "MAIN"]
    assert main.file_type == container
    with av.open(io.BytesIO((await lot.customer.get(main.download_url)).content)) as opened:
        stream = opened.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.width) == (codec, 320)


async def test_subtitles_are_in_the_picture_when_they_are_wanted(lot: Lot) -> None:
    asset_id = await lot.untrained_avatar()
    covers = []
    for wanted in (False, True):
        order = clip_order(
            asset_id,
            video_config=video(width=1280, height=720, is_subtitle_enable=wanted),
            output_asset_config={"asset_name": f"clip-{wanted}"},
            shoot_scripts=[script("second", 2), script("first", 1)],
        )
        job_id = (await lot.customer.call("POST", CLIPS, json=order)).json()["job_id"]
        await lot.control.wait_for_job("clip", job_id)
        link = (await lot.show_clip(job_id)).output_asset_config.cover_url
        picture = Image.open(io.BytesIO((await lot.customer.get(link)).content))
        covers.append(picture.crop((440, 640, 840, 700)).convert("L").getextrema())
    # White letters with a black rim stand out of anything a picture of nobody shows there.
    assert covers[0] != (0, 255)
    assert covers[1] == (0, 255)


async def test_only_a_4k_avatar_renders_in_4k(lot: Lot) -> None:
    await lot.control.settings(makes_cover=False, queue_seconds=3600)
    made = await lot.create()
    await lot.upload(made, video=film((3840, 2160), step=60))
    await lot.submit(made.job_id)
    await lot.control.wait_for_job("training", made.job_id)
    shown = await lot.show(made.job_id)
    assert shown.model_resolution == "4K"
    order = clip_order(shown.asset_id, video_config=video(width=3840, height=2160))
    assert (await lot.customer.call("POST", CLIPS, json=order)).status_code == 200


WRONG_FILMS: list[tuple[dict[str, Any], str]] = [
    ({"human_image": None}, "MSS.00000003"),
    ({"human_image": ""}, "MSS.00000003"),
    ({"human_image": "data:image/jpeg;base64," + encoded(photo())}, "MSS.00000003"),
    ({"human_image": encoded(photo())[:-1] + "\n"}, "MSS.00000003"),
    ({"human_image": encoded(b"no picture")}, "MSS.45000005"),
    ({"human_image": encoded(photo("GIF"))}, "MSS.45000005"),
    ({"human_image": encoded(photo(size=(79, 200)))}, "MSS.45000005"),
    ({"shoot_scripts": [script(), script(number=1)]}, "MSS.00000003"),
    ({"shoot_scripts": []}, "MSS.00000003"),
    ({"shoot_scripts": [script("x" * 2001)]}, "MSS.00000003"),
    ({"output_asset_config": None}, "MSS.00000003"),
    ({"video_config": {"bitrate": 5000}}, "MSS.00000003"),
    ({"video_config": {"codec": "VP8"}}, "MSS.00000003"),
    ({"video_config": {"codec": "H264", "bitrate": 39}}, "MSS.00000003"),
    ({"video_config": {"codec": "H264", "bitrate": 30_001}}, "MSS.00000003"),
    ({"video_config": {"codec": "H264", "frame_rate": 25}}, "MSS.00000003"),
    ({"voice_config": {"voice_asset_id": "nobody"}}, "MSS.10001001"),
    ({"id_card_image1": "???"}, "MSS.00000003"),
    ({"id_card_image2": encoded(b"no picture")}, "MSS.45000005"),
    ({"authorize_use_human_image": "yes"}, "MSS.00000003"),
]


async def test_a_photo_film_with_a_wrong_field_is_refused_and_orders_nothing(lot: Lot) -> None:
    for changes, code in WRONG_FILMS:
        refused(await lot.customer.call("POST", PHOTO_FILMS, json=film_order(**changes)), 400, code, changes)
    assert (await lot.control.bill())["photo_video"] == 0
    assert not (lot.state_dir / "photos").exists(), "the photo of a refused order is not kept"


async def test_a_photo_film_takes_every_kind_of_photo_the_page_names(lot: Lot) -> None:
    await lot.control.settings(queue_seconds=3600)
    for kind in ("JPEG", "PNG", "WEBP"):
        order = film_order(human_image=encoded(photo(kind)), output_asset_config={"asset_name": kind})
        assert (await lot.customer.call("POST", PHOTO_FILMS, json=order)).status_code == 200


async def test_a_photo_of_more_than_16_megabytes_is_too_large(lot: Lot) -> None:
    proof = await lot.customer.http.post("/v3/auth/tokens", json=password_wish())
    order = film_order(human_image=encoded(photo() + bytes(16 * 1024 * 1024)))
    answer = await lot.customer.http.post(
        PHOTO_FILMS, json=order, headers={"X-Auth-Token": proof.headers["x-subject-token"]}
    )
    refused(answer, 400, "MSS.10001007")


async def test_a_list_of_films_shows_the_last_month_unless_told_otherwise(slow_lot: Lot) -> None:
    lot = slow_lot
    await lot.customer.call("POST", PHOTO_FILMS, json=film_order())
    await lot.turn(29 * DAY)
    path = f"{PREFIX}/digital-human-videos"
    assert (await lot.customer.call("GET", path)).json()["count"] == 1
    await lot.turn(2 * DAY)
    assert (await lot.customer.call("GET", path)).json()["count"] == 0
    since = [("create_since", "2020-01-01T00:00:00Z")]
    assert (await lot.customer.call("GET", path, query=since)).json()["count"] == 1
    refused(
        await lot.customer.call("GET", path, query=[("job_type", "DIGITAL_HUMAN_PHOTO_VIDEO")]),
        400,
        "MSS.00000003",
    )


async def test_a_job_is_found_under_its_own_kind_only(lot: Lot) -> None:
    await lot.control.settings(queue_seconds=3600)
    made = (await lot.customer.call("POST", PHOTO_FILMS, json=film_order())).json()
    for path in (CLIPS, CHECKS, MODELS):
        refused(await lot.customer.call("GET", f"{path}/{made['job_id']}"), 404, "MSS.00000002")
    assert (await lot.customer.call("GET", f"{PHOTO_FILMS}/{made['job_id']}")).json()["state"] == "WAITING"


async def form(lot: Lot, *, name: str = "me.jpg", data: bytes | None = None, **fields: str) -> httpx.Response:
    files = {"file": (name, photo() if data is None else data)} if name else None
    wished = {"style_id": "system_male_001", "name": "m"} | fields
    request = httpx.Request("POST", "http://x", data=wished, files=files)
    headers = {"Content-Type": request.headers["content-type"]}
    return await lot.customer.call("POST", MODELS, body=request.read(), headers=headers)


async def test_a_picture_model_is_ordered_with_a_form_and_every_part_of_it(lot: Lot) -> None:
    await lot.control.settings(queue_seconds=3600)
    for fields, status, code in (
        ({}, 200, None),
        ({"name": "me.png", "data": photo("PNG")}, 200, None),
        ({"data": photo(size=(3840, 2160))}, 200, None),
        ({"data": photo(size=(2160, 3840))}, 200, None),
        ({"name": ""}, 400, "MSS.00000003"),
        ({"style_id": "system_male_003"}, 400, "MSS.00000003"),
        ({"data": photo("WEBP")}, 400, "MSS.45000005"),
        ({"name": "me.webp"}, 400, "MSS.45000005"),
        ({"data": b"no picture"}, 400, "MSS.45000005"),
        ({"data": photo(size=(3842, 100))}, 400, "MSS.45000005"),
        ({"data": photo(size=(2500, 2400))}, 400, "MSS.45000005"),
    ):
        answer = await form(lot, **fields)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json().get("error_code")) == (status, code), fields
    refused(await lot.customer.call("POST", MODELS, json={"style_id": "x"}), 400, "MSS.00000003")
    broken = {"Content-Type": "multipart/form-data"}
    refused(await lot.customer.call("POST", MODELS, body=b"x", headers=broken), 400, "MSS.00000003")


def test_each_style_is_drawn_in_its_own_way() -> None:
    assert len({WORDS[words] for _, _, words in STYLES.values()}) == len(STYLES) == 4


async def test_a_picture_model_by_link_needs_all_three_fields(lot: Lot) -> None:
    whole = {"picture_url": "http://127.0.0.1:1/me.jpg", "style_id": "system_male_001", "name": "m"}
    for name in whole:
        order = {field: value for field, value in whole.items() if field != name}
        refused(await lot.customer.call("POST", f"{MODELS}-by-url", json=order), 400, "MSS.00000003", name)


@pytest.mark.parametrize(
    ("state", "blocked"), [("FAILED", "FAILED"), ("BLOCK", "BLOCK"), ("CANCELED", "FAILED")]
)
async def test_a_film_ends_badly_on_order(lot: Lot, state: str, blocked: str) -> None:
    await lot.control.fault(
        "inference_fails", action="CreatePhotoVideo", state=state, code="MSS.45000003", message="No."
    )
    job_id = (await lot.customer.call("POST", PHOTO_FILMS, json=film_order())).json()["job_id"]
    await lot.control.wait_for_job("photo_video", job_id, state)
    shown = (await lot.customer.call("GET", f"{PHOTO_FILMS}/{job_id}")).json()
    assert shown["error_info"] == {"error_code": "MSS.45000003", "error_msg": "No."}
    assert "cover_url" not in shown["output_asset_config"]
    assert (await lot.show_asset(shown["output_asset_config"]["asset_id"])).asset_state == blocked


async def test_success_has_another_word_in_one_of_the_vendors_examples(lot: Lot) -> None:
    await lot.control.fault("inference_fails", action="CreatePhotoVideo", state="SUCCESS")
    job_id = (await lot.customer.call("POST", PHOTO_FILMS, json=film_order())).json()["job_id"]
    await lot.control.wait_for_job("photo_video", job_id, "SUCCESS")
    shown = (await lot.customer.call("GET", f"{PHOTO_FILMS}/{job_id}")).json()
    assert shown["output_asset_config"]["cover_url"]


async def test_a_stuck_job_never_ends_until_it_is_told_to_fail(lot: Lot) -> None:
    await lot.control.fault("inference_stuck", action="CreatePhotoCheck")
    job_id = (await lot.customer.call("POST", CHECKS, json={"human_image": encoded(photo())})).json()[
        "job_id"
    ]
    await lot.control.wait_for_job("photo_check", job_id, Stage.PROCESSING)
    with pytest.raises(TimeoutError):
        await lot.control.wait_for_job("photo_check", job_id, seconds=0.2)
    await lot.control.fault("inference_fails", job=job_id, code="MSS.45000005", message="No face.")
    await lot.control.wait_for_job("photo_check", job_id, Stage.FAILED)


async def test_every_state_of_such_a_job_can_be_set(lot: Lot) -> None:
    await lot.control.settings(queue_seconds=3600)
    job_id = (await lot.customer.call("POST", PHOTO_FILMS, json=film_order())).json()["job_id"]
    for state in (*Stage, "SOMETHING_NEW"):
        await lot.control.put_into(job_id, state, stays=True)
        shown = (await lot.customer.call("GET", f"{PHOTO_FILMS}/{job_id}")).json()
        assert shown["state"] == state


async def test_rendering_takes_its_time(slow_lot: Lot) -> None:
    lot = slow_lot
    made = await lot.customer.call("POST", CHECKS, json={"human_image": encoded(photo())})
    job_id = made.json()["job_id"]
    for state, seconds in ((Stage.WAITING, 60), (Stage.PROCESSING, 600)):
        await lot.control.wait_for_job("photo_check", job_id, state)
        await lot.turn(seconds - 2)
        shown = (await lot.customer.call("GET", f"{CHECKS}/{job_id}")).json()
        assert shown["state"] == state
        await lot.turn(2)
    await lot.control.wait_for_job("photo_check", job_id)


async def test_an_asset_of_the_vendors_own_can_not_be_deleted(lot: Lot) -> None:
    refused(await lot.customer.call("DELETE", f"{PREFIX}/digital-assets/{VOICE}"), 400, "MSS.00000003")
    wrong = [("mode", "gently")]
    asset_id = await lot.untrained_avatar()
    refused(
        await lot.customer.call("DELETE", f"{PREFIX}/digital-assets/{asset_id}", query=wrong),
        400,
        "MSS.00000003",
    )


async def test_a_flexus_avatar_brings_its_own_voice(lot: Lot) -> None:
    asset_id = await lot.untrained_avatar(is_flexus=True)
    meta = (await lot.show_asset(asset_id)).asset_extra_meta.human_model_2d_meta
    assert meta.is_flexus is True
    own = await lot.show_asset(meta.voice_asset_id)
    assert (own.asset_type, own.asset_state) == ("VOICE_MODEL", "ACTIVED")
    mute = await lot.untrained_avatar(is_flexus=True, is_only_human_model=True, name="mute")
    assert (await lot.show_asset(mute)).asset_extra_meta.human_model_2d_meta.voice_asset_id is None
