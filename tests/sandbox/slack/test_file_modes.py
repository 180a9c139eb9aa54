"""What becomes of a file: its types and thumbnails, what stands in its place, and every way to it."""

import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director, File, LocalSlack, Scenario, Upload
from bot.sandbox.slack.images import Facts, facts
from bot.services.errors import PhotoRefused
from bot.services.inbox import TryAgain
from handlers.files import Downloader, LoginPage
from storage.records.media import Refusal
from tests.sandbox.slack.harness import Ear, channel_id, modal, png, refusal
from tests.sandbox.slack.kit import field
from tests.sandbox.slack.pictures import gif, heic, jpeg, mp4, webp, webp_with_alpha
from tests.stand_ins import whole

PDF = b"%PDF-1.7\n"


@pytest.fixture
async def http(slack: LocalSlack) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {slack.bot_token}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        yield http


async def posted(director: Director, upload: Upload) -> File:
    return (await director.post("ana", "#portraits", "", [upload])).files[0]


async def info(client: AsyncWebClient, file_id: str) -> dict[str, Any]:
    return dict((await client.files_info(file=file_id))["file"])


# What the bytes tell.


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (png(30, 20), Facts(30, 20)),
        (gif(30, 20), Facts(30, 20)),
        (jpeg(30, 20), Facts(30, 20, 1)),
        (jpeg(30, 20, orientation=6), Facts(30, 20, 6)),
        (webp(30, 20), Facts(30, 20)),
        (webp(30, 20, lossless=True), Facts(30, 20)),
        (webp_with_alpha(30, 20), Facts(30, 20)),
        (heic(4032, 3024), Facts(4032, 3024)),
        (mp4(1920, 1080, 2500), Facts(1920, 1080, duration_ms=2500)),
        (b"just words", Facts()),
        (b"", Facts()),
        (jpeg(30, 20)[:40], Facts()),
        (b"\xff\xd8\xff\xe1\x00\x12Exif\0\0II*\0\xff\xff\xff\xff", Facts()),
    ],
)
def test_size_turn_and_length_are_read_from_the_bytes(data: bytes, told: Facts) -> None:
    assert facts(data) == told


def test_a_header_that_lies_about_its_lengths_ends_the_reading() -> None:
    whole = mp4(1920, 1080, 2500)
    for cut in range(0, len(whole), 7):
        facts(whole[:cut])
    for cut in range(0, 200, 3):
        facts(jpeg(30, 20, orientation=6)[:cut])


# What Slack makes of it.


async def test_a_picture_on_its_side_is_measured_before_and_shown_upright(
    slack: LocalSlack, client: AsyncWebClient, director: Director, http: httpx.AsyncClient
) -> None:
    about = await info(client, (await posted(director, Upload("fox.jpg", jpeg(1200, 900, 6)))).id)
    assert (about["original_w"], about["original_h"], about["image_exif_rotation"]) == (1200, 900, 6)
    assert (about["thumb_720_w"], about["thumb_720_h"]) == (540, 720)
    answer = await http.get(about["thumb_720"])
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as small:
        assert small.size == (540, 720)


async def test_thumbnails_end_where_the_original_does(client: AsyncWebClient, director: Director) -> None:
    about = await info(client, (await posted(director, Upload("fox.png", png(500, 900)))).id)
    edges = [64, 80, 160, 360, 480, 720, 800]
    assert [f"thumb_{e}" in about for e in (*edges, 960, 1024)] == [True] * 7 + [False] * 2
    for edge in (360, 480, 720, 800):
        assert max(about[f"thumb_{edge}_w"], about[f"thumb_{edge}_h"]) == edge
    assert not {"thumb_64_w", "thumb_80_w", "thumb_160_w"} & set(about)


async def test_a_phones_photo_is_kept_as_it_is(
    client: AsyncWebClient, director: Director, http: httpx.AsyncClient
) -> None:
    data = heic(4032, 3024)
    about = await info(client, (await posted(director, Upload("IMG_1.HEIC", data))).id)
    assert (about["mimetype"], about["filetype"], about["pretty_type"]) == ("image/heic", "heic", "HEIC")
    answer = await http.get(about["url_private_download"])
    assert (answer.headers["content-type"], answer.content) == ("image/heic", data)
    # And what is a HEIC inside a .jpg is called a JPEG.
    named = await info(client, (await posted(director, Upload("IMG_2.jpg", data))).id)
    assert named["mimetype"] == "image/jpeg"


async def test_a_video_has_a_length_a_still_and_no_thumbnails(
    client: AsyncWebClient, director: Director, http: httpx.AsyncClient
) -> None:
    data = mp4(1920, 1080, 2500)
    about = await info(client, (await posted(director, Upload("walk.mp4", data))).id)
    assert (about["mimetype"], about["filetype"], about["media_display_type"]) == (
        "video/mp4",
        "mp4",
        "video",
    )
    assert (about["duration_ms"], about["thumb_video_w"], about["thumb_video_h"]) == (2500, 1920, 1080)
    assert "thumb_360" not in about
    assert (await http.get(about["mp4"])).content == data
    assert (await http.get(about["thumb_video"])).headers["content-type"] == "image/jpeg"


async def test_a_pdf_has_a_first_page(
    client: AsyncWebClient, director: Director, http: httpx.AsyncClient
) -> None:
    about = await info(client, (await posted(director, Upload("id.pdf", PDF))).id)
    assert (about["mimetype"], about["filetype"], about["pretty_type"]) == ("application/pdf", "pdf", "PDF")
    with Image.open(io.BytesIO((await http.get(about["thumb_pdf"])).content)) as page:
        assert page.size == (about["thumb_pdf_w"], about["thumb_pdf_h"])
    assert (await http.get(about["url_private"])).content == PDF


async def test_what_is_no_picture_inside_has_no_thumbnail_whatever_it_is_called(
    client: AsyncWebClient, director: Director, http: httpx.AsyncClient
) -> None:
    about = await info(client, (await posted(director, Upload("page.jpg", b"<!DOCTYPE html>"))).id)
    assert not [key for key in about if key.startswith("thumb")]
    # A header is enough to be measured and not to be drawn.
    cut = await info(client, (await posted(director, Upload("cut.png", png(400, 400)[:60]))).id)
    assert (await http.get(cut["thumb_360"])).status_code == 404


async def test_a_thumbnail_needs_the_token_as_its_picture_does(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    about = await info(client, (await posted(director, Upload("fox.png", png()))).id)
    async with httpx.AsyncClient(trust_env=False) as stranger:
        page = await stranger.get(about["thumb_360"])
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")


# What stands in a file's place.


@pytest.mark.parametrize(("scenario", "mode"), [(Scenario.SNIPPET, "snippet"), (Scenario.POST, "post")])
async def test_texts_of_slacks_own_are_no_hosted_files(
    client: AsyncWebClient, director: Director, scenario: Scenario, mode: str
) -> None:
    about = await info(client, (await posted(director, Upload("notes.txt", b"words", scenario))).id)
    assert (about["mode"], about["editable"], "edit_link" in about) == (mode, True, True)


async def test_a_file_being_looked_through_has_no_address_yet(
    frozen: LocalSlack, client: AsyncWebClient, director: Director, ear: Ear
) -> None:
    file = await posted(director, Upload("fox.png", png(), Scenario.SCANNING))
    heard = (await ear.event("message", "file_share"))["files"][0]
    assert (heard["id"], heard["mimetype"], "url_private" in heard) == (file.id, "", False)
    await director.advance(1)
    about = await info(client, file.id)
    assert (about["mimetype"], "url_private_download" in about) == ("image/png", True)


async def test_a_file_that_is_gone_is_an_error_and_one_over_the_limit_a_shell(
    client: AsyncWebClient, director: Director
) -> None:
    gone = await posted(director, Upload("a.png", png(), Scenario.TOMBSTONE))
    assert (await refusal(client.files_info(file=gone.id)))["error"] == "file_deleted"
    hidden = await posted(director, Upload("b.png", png(), Scenario.HIDDEN_BY_LIMIT))
    about = await info(client, hidden.id)
    assert (about["mode"], "url_private" in about) == ("hidden_by_limit", False)


async def test_a_picture_that_is_never_ready_never_stands_in_a_block(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    await director.fault("ready", "never")
    await director.fault("ready", "delay", seconds=60)
    never, late = [
        (await client.files_upload_v2(content=png(), filename=f"{n}.png"))["file"]["id"] for n in range(2)
    ]
    channel = await channel_id(director, "portraits")

    def block(file_id: str) -> list[dict[str, Any]]:
        return [{"type": "image", "alt_text": "fox", "slack_file": {"id": file_id}}]

    await director.advance(30)
    for file_id in (never, late):
        early = await refusal(client.chat_postMessage(channel=channel, text="x", blocks=block(file_id)))
        assert early["error"] == "invalid_blocks"
    await director.advance(31)
    assert (await client.chat_postMessage(channel=channel, text="x", blocks=block(late)))["ok"]
    still = await refusal(client.chat_postMessage(channel=channel, text="x", blocks=block(never)))
    assert "invalid slack file" in still["errors"][0]


async def test_a_file_stands_in_a_block_by_its_address_or_its_permalink(
    client: AsyncWebClient, director: Director
) -> None:
    about = await info(client, (await posted(director, Upload("fox.png", png()))).id)
    channel = await channel_id(director, "portraits")
    for url in (about["url_private"], about["permalink"]):
        block = {"type": "image", "alt_text": "fox", "slack_file": {"url": url}}
        assert (await client.chat_postMessage(channel=channel, text="x", blocks=[block]))["ok"]
    heif = await info(client, (await posted(director, Upload("fox.heic", heic(9, 9)))).id)
    block = {"type": "image", "alt_text": "fox", "slack_file": {"id": heif["id"]}}
    refused = await refusal(client.chat_postMessage(channel=channel, text="x", blocks=[block]))
    assert refused["error"] == "invalid_blocks"


async def test_two_uploads_may_appear_in_the_wrong_order(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    await director.fault("share", "delay", seconds=1)
    for name in ("first", "second"):
        await client.files_upload_v2(channel=channel, content=png(), filename=f"{name}.png")
    await director.advance(2)
    assert [m.files[0].name for m in await director.messages("#portraits")] == ["second.png", "first.png"]


async def test_files_in_a_form_of_several_kinds_belong_to_no_channel(
    slack: LocalSlack, client: AsyncWebClient, director: Director, ear: Ear, http: httpx.AsyncClient
) -> None:
    fields = [
        field({"type": "file_input", "action_id": "files", "filetypes": types, "max_files": 2}, block_id=name)
        for name, types in (("photos", ["jpg", "png", "heic"]), ("video", ["mp4"]), ("paper", ["pdf"]))
    ]
    gesture = await director.command("ana", "#portraits", "/darkroom")
    await client.views_open(trigger_id=gesture.trigger_id, view=modal(*fields))
    await director.submit(
        "ana",
        {
            "photos": [Upload("a.jpg", jpeg()), Upload("b.heic", heic(9, 9))],
            "video": [Upload("c.mp4", mp4(640, 360, 1000))],
            "paper": [Upload("d.pdf", PDF)],
        },
    )
    while (heard := (await ear.next()).payload).get("type") != "view_submission":
        pass
    values = heard["view"]["state"]["values"]
    files = [f for name in ("photos", "video", "paper") for f in values[name]["files"]["files"]]
    assert [f["mimetype"] for f in files] == ["image/jpeg", "image/heic", "video/mp4", "application/pdf"]
    for file in files:
        about = await info(client, file["id"])
        assert (about["shares"], about["channels"], about["ims"]) == ({}, [], [])
        assert (await http.get(about["url_private"])).status_code == 200


# The real bot's way to a file, through each of them.


async def downloaded(slack: LocalSlack, client: AsyncWebClient, director: Director, upload: Upload) -> bytes:
    """Post a file and fetch it as the bot does."""
    file = await posted(director, upload)
    history = await client.conversations_history(channel=await channel_id(director, "portraits"))
    shape = next(f for m in history["messages"] for f in m.get("files", ()) if f["id"] == file.id)

    async def look(file_id: str) -> dict[str, Any] | None:
        answer = await client.api_call("files.info", params={"file": file_id})
        return dict(answer["file"])

    async with httpx.AsyncClient(trust_env=False) as http:
        downloader = Downloader(http, slack.bot_token, frozenset({slack.origin}), 10_000_000)
        return await downloader.load(shape, look, whole)


@pytest.mark.parametrize(
    "scenario",
    [Scenario.HOSTED, Scenario.LATE, Scenario.CHECK_FILE_INFO, Scenario.MOVED, Scenario.OCTETS],
)
async def test_the_bot_gets_what_can_be_had(
    slack: LocalSlack, client: AsyncWebClient, director: Director, scenario: Scenario
) -> None:
    assert await downloaded(slack, client, director, Upload("fox.png", png(), scenario)) == png()


@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        (Scenario.EXTERNAL, Refusal.EXTERNAL),
        (Scenario.REDIRECT, Refusal.EXTERNAL),
        (Scenario.TOMBSTONE, Refusal.DELETED),
        (Scenario.NOT_FOUND, Refusal.DELETED),
        (Scenario.HIDDEN_BY_LIMIT, Refusal.HIDDEN),
        (Scenario.CHECK_FILE_INFO_DENIED, Refusal.NOT_READABLE),
        (Scenario.CHECK_FILE_INFO_GONE, Refusal.NOT_READABLE),
        (Scenario.LOOP, Refusal.NOT_READABLE),
        (Scenario.TRUNCATED, Refusal.TRUNCATED),
    ],
)
async def test_the_bot_names_what_cannot_be_had_and_hands_its_token_to_nobody(
    slack: LocalSlack, client: AsyncWebClient, director: Director, scenario: Scenario, why: Refusal
) -> None:
    with pytest.raises(PhotoRefused) as refused:
        await downloaded(slack, client, director, Upload("fox.png", png(), scenario))
    assert refused.value.refusal is why
    away = [e for e in await director.journal(kinds=("download",)) if e.facts.get("elsewhere")]
    assert away == []


@pytest.mark.parametrize("scenario", [Scenario.SCANNING, Scenario.BROKEN])
async def test_the_bot_tries_again_what_may_yet_come(
    frozen: LocalSlack, client: AsyncWebClient, director: Director, scenario: Scenario
) -> None:
    with pytest.raises(TryAgain):
        await downloaded(frozen, client, director, Upload("fox.png", png(), scenario))


@pytest.mark.parametrize("strangers", ["page", "redirect"])
async def test_the_bot_knows_the_login_page_by_either_way_to_it(
    slack: LocalSlack, client: AsyncWebClient, director: Director, strangers: str
) -> None:
    await director.settings(strangers=strangers)
    file = await posted(director, Upload("fox.png", png()))
    async with httpx.AsyncClient(trust_env=False) as http:
        downloader = Downloader(http, "xoxb-stale", frozenset({slack.origin}), 10_000_000)
        with pytest.raises(LoginPage):
            await downloader.load(await info(client, file.id), lambda _id: info(client, file.id), whole)


async def test_the_bot_is_not_lured_to_a_foreign_sign_in_page(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    with pytest.raises(LoginPage):
        await downloaded(slack, client, director, Upload("fox.png", png(), Scenario.SIGN_IN))
    hosts = {e.facts["host"].partition(":")[0] for e in await director.journal(kinds=("download",))}
    assert hosts == {"127.0.0.1"}
