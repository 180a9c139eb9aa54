"""Files: uploads whose share comes later, downloads with their login page, and every odd file there is."""

from typing import Any

import aiohttp
import httpx
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director, File, LocalSlack, ManualClock, Scenario, Upload
from tests.sandbox.slack.harness import channel_id, client_of, png, refusal


async def fetch(url: str, token: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        return await http.get(url, headers=headers)


async def posted_file(director: Director, scenario: Scenario = Scenario.HOSTED, **more: Any) -> File:
    message = await director.post(
        "ana", "#portraits", "", [Upload("fox.png", png(), scenario=scenario, **more)]
    )
    return message.files[0]


async def info(client: AsyncWebClient, file_id: str) -> dict[str, Any]:
    return dict((await client.files_info(file=file_id))["file"])


async def test_an_upload_is_answered_first_and_shared_later_as_one_message_in_order(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    root = await client.chat_postMessage(channel=channel, text="root")
    uploads = [{"content": png(shade=n), "filename": f"{n}.png", "title": f"Fox {n}"} for n in range(3)]
    answer = await client.files_upload_v2(
        channel=channel, thread_ts=root["ts"], initial_comment="three foxes", file_uploads=uploads
    )
    assert [(f["title"], f["mimetype"], f["shares"]) for f in answer["files"]] == [
        ("Fox 0", "", {}),
        ("Fox 1", "", {}),
        ("Fox 2", "", {}),
    ]
    assert "ts" not in answer.data
    shared = await director.wait_for_message("#portraits", lambda m: bool(m.files))
    assert (shared.text, shared.thread_ts, shared.user_name) == ("three foxes", root["ts"], "darkroom")
    assert [f.name for f in shared.files] == ["0.png", "1.png", "2.png"]
    about = await info(client, shared.files[1].id)
    assert about["shares"]["public"][channel][0]["ts"] == shared.ts
    assert about["shares"]["public"][channel][0]["thread_ts"] == root["ts"]
    assert await director.file_bytes(shared.files[1].id) == png(shade=1)


async def test_the_share_and_the_type_come_on_their_own_time(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    answer = await client.files_upload_v2(channel=channel, content=png(), filename="fox.png")
    file_id = answer["file"]["id"]
    block = [{"type": "image", "alt_text": "fox", "slack_file": {"id": file_id}}]
    early = await refusal(client.chat_postMessage(channel=channel, text="x", blocks=block))
    assert early["error"] == "invalid_blocks"
    assert "invalid slack file" in early["errors"][0]
    await director.advance(0.2)
    about = await info(client, file_id)
    assert (about["mimetype"], about["original_w"], about["shares"]) == ("image/png", 640, {})
    assert (await client.chat_postMessage(channel=channel, text="x", blocks=block))["ok"]
    await director.advance(0.1)
    assert list((await info(client, file_id))["shares"]) == ["public"]


async def test_an_upload_goes_through_its_three_steps(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    promised = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    done = [{"id": promised["file_id"], "title": "A"}]
    early = await refusal(client.files_completeUploadExternal(files=done, channel_id=channel))
    assert early["error"] == "file_not_found"
    async with httpx.AsyncClient(trust_env=False) as http:
        short = await http.post(promised["upload_url"], content=b"ab")
        assert short.status_code == 400
        sent = await http.post(promised["upload_url"], content=b"abc")
        assert (sent.status_code, sent.text) == (200, "OK - 3")
        assert sent.headers["content-type"].startswith("text/plain")
        foreign = await http.post(f"{slack.origin}/upload/v1/nonsense", content=b"abc")
        assert foreign.status_code == 400
    assert (await client.files_completeUploadExternal(files=done, channel_id=channel))["ok"]
    twice = await refusal(client.files_completeUploadExternal(files=done, channel_id=channel))
    assert twice["error"] == "file_not_found"


async def test_an_upload_may_be_sent_as_a_form(slack: LocalSlack, client: AsyncWebClient) -> None:
    promised = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    async with httpx.AsyncClient(trust_env=False) as http:
        sent = await http.post(promised["upload_url"], files={"file": ("a.txt", b"abc")})
    assert sent.text == "OK - 3"


async def test_an_upload_without_a_channel_is_seen_by_the_bot_alone(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    answer = await client.files_upload_v2(content=png(), filename="fox.png")
    file_id = answer["file"]["id"]
    await director.wait_for_entry(
        lambda e: e.facts.get("file") == file_id and e.facts.get("state") == "ready"
    )
    assert (await info(client, file_id))["shares"] == {}
    assert await director.messages("#portraits") == []
    listed = await client.files_list()
    assert [f["id"] for f in listed["files"]] == [file_id]


async def test_a_share_is_refused_before_it_is_promised(client: AsyncWebClient, director: Director) -> None:
    general, portraits = await channel_id(director, "general"), await channel_id(director, "portraits")
    promised = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    async with httpx.AsyncClient(trust_env=False) as http:
        await http.post(promised["upload_url"], content=b"abc")
    done = [{"id": promised["file_id"]}]
    outside = await refusal(client.files_completeUploadExternal(files=done, channel_id=general))
    nowhere = await refusal(client.files_completeUploadExternal(files=done, channel_id="C404"))
    assert (outside["error"], nowhere["error"]) == ("not_in_channel", "channel_not_found")
    both = {"files": done, "channel_id": portraits, "initial_comment": "x"}
    clash = await refusal(client.files_completeUploadExternal(**both, blocks='[{"type": "divider"}]'))
    assert clash["error"] == "invalid_arguments"


async def test_an_upload_with_alt_text_is_accepted_and_never_shown(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    answer = await client.files_upload_v2(channel=channel, content=png(), filename="fox.png", alt_txt="a fox")
    assert answer["ok"]
    await director.advance(3600)
    assert await director.messages("#portraits") == []


async def test_a_share_can_be_lost_or_late_on_order(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    await director.fault("share", "never")
    await director.fault("share", "delay", seconds=60)
    for name in ("lost", "late", "punctual"):
        await client.files_upload_v2(channel=channel, content=png(), filename=f"{name}.png")
    await director.advance(1)
    assert [m.files[0].name for m in await director.messages("#portraits")] == ["punctual.png"]
    await director.advance(60)
    assert [m.files[0].name for m in await director.messages("#portraits")] == ["punctual.png", "late.png"]


async def test_a_download_needs_the_token_and_the_scope_else_there_is_a_login_page(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    about = await info(client, (await posted_file(director)).id)
    for url in (about["url_private"], about["url_private_download"], about["thumb_360"]):
        good = await fetch(url, slack.bot_token)
        assert (good.status_code, good.headers["content-type"]) == (200, "image/png")
        assert (good.content == png()) is (url != about["thumb_360"])
        for token in ("", "xoxb-stolen"):
            page = await fetch(url, token)
            assert page.status_code == 200
            assert page.headers["content-type"].startswith("text/html")
            assert page.content.startswith(b"<!DOCTYPE html>")
    # A token in the query opens nothing.
    asked = await fetch(f"{about['url_private']}?token={slack.bot_token}")
    assert asked.headers["content-type"].startswith("text/html")


async def test_without_files_read_the_token_opens_nothing(tmp_path: Any) -> None:
    manifest = {
        "oauth_config": {"scopes": {"bot": ["channels:history"]}},
        "settings": {"event_subscriptions": {"bot_events": ["message.channels"]}},
    }
    async with (
        LocalSlack.start(tmp_path, manifest=manifest) as slack,
        client_of(slack) as client,
        Director(slack.origin) as director,
    ):
        file = await posted_file(director)
        [message] = (await client.conversations_history(channel=await channel_id(director, "portraits")))[
            "messages"
        ]
        page = await fetch(message["files"][0]["url_private"], slack.bot_token)
        assert page.headers["content-type"].startswith("text/html")
        assert (await refusal(client.files_info(file=file.id)))["needed"] == "files:read"


async def test_a_file_in_a_conversation_without_the_bot_does_not_exist_for_it(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    message = await director.post("ana", "#general", "", [Upload("fox.png", png())])
    assert (await refusal(client.files_info(file=message.files[0].id)))["error"] == "file_not_found"


async def test_a_picture_has_its_size_and_no_thumbnail_larger_than_itself(
    client: AsyncWebClient, director: Director
) -> None:
    about = await info(client, (await posted_file(director)).id)
    assert (about["original_w"], about["original_h"]) == (640, 480)
    assert (about["thumb_360_w"], about["thumb_360_h"]) == (360, 270)
    assert "thumb_480" in about
    assert "thumb_720" not in about
    assert (about["mode"], about["filetype"], about["size"]) == ("hosted", "png", len(png()))


async def test_the_type_is_guessed_from_the_name_whatever_the_bytes_are(
    client: AsyncWebClient, director: Director
) -> None:
    message = await director.post("ana", "#portraits", "", [Upload("not.jpg", b"just words")])
    about = await info(client, message.files[0].id)
    assert about["mimetype"] == "image/jpeg"
    assert "original_w" not in about


async def test_an_external_file_is_only_a_link(client: AsyncWebClient, director: Director) -> None:
    about = await info(client, (await posted_file(director, Scenario.EXTERNAL)).id)
    assert (about["mode"], about["is_external"]) == ("external", True)
    assert about["url_private"] == about["external_url"]
    assert about["external_url"].startswith("http://localhost:")


async def test_whoever_takes_the_token_elsewhere_is_found_out(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    about = await info(client, (await posted_file(director, Scenario.REDIRECT)).id)
    answer = await fetch(about["url_private"], slack.bot_token)
    assert answer.status_code == 302
    await fetch(answer.headers["location"], slack.bot_token)
    await fetch(answer.headers["location"])
    away = [e for e in await director.journal(kinds=("download",)) if e.facts.get("elsewhere")]
    assert [e.facts["token_leaked"] for e in away] == [True, False]


@pytest.mark.parametrize(
    ("scenario", "access"),
    [(Scenario.CHECK_FILE_INFO, "visible"), (Scenario.CHECK_FILE_INFO_DENIED, "access_denied")],
)
async def test_a_file_from_another_workspace_is_a_stub_until_one_asks(
    slack: LocalSlack, client: AsyncWebClient, director: Director, scenario: Scenario, access: str
) -> None:
    file = await posted_file(director, scenario)
    [message] = (await client.conversations_history(channel=await channel_id(director, "portraits")))[
        "messages"
    ]
    [stub] = message["files"]
    assert (stub["mode"], stub["file_access"]) == ("file_access", "check_file_info")
    assert "url_private" not in stub
    assert (await info(client, file.id))["file_access"] == access


async def test_a_truncated_download_looks_whole_but_for_its_size(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    about = await info(client, (await posted_file(director, Scenario.TRUNCATED)).id)
    answer = await fetch(about["url_private"], slack.bot_token)
    assert answer.status_code == 200
    assert len(answer.content) < about["size"]


async def test_a_broken_download_ends_in_an_error(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    about = await info(client, (await posted_file(director, Scenario.BROKEN)).id)
    with pytest.raises(httpx.RemoteProtocolError):
        await fetch(about["url_private"], slack.bot_token)


async def test_a_download_that_hangs_hangs_until_one_gives_up(
    slack: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    about = await info(client, (await posted_file(director, Scenario.HANG)).id)
    headers = {"authorization": f"Bearer {slack.bot_token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=0.2, headers=headers) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(about["url_private"])


async def test_a_slow_download_drips(
    frozen: LocalSlack, clock: ManualClock, client: AsyncWebClient, director: Director
) -> None:
    about = await info(client, (await posted_file(director, Scenario.SLOW)).id)
    headers = {"authorization": f"Bearer {frozen.bot_token}"}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(about["url_private"]) as answer:
        received = b""
        while len(received) < about["size"]:
            clock.advance(0.5)
            received += await answer.content.readany()
    assert received == png()


async def test_late_facts_are_missing_from_the_message_and_come_with_files_info(
    frozen: LocalSlack, client: AsyncWebClient, director: Director
) -> None:
    file = await posted_file(director, Scenario.LATE)
    early = await info(client, file.id)
    assert (early["mimetype"], early["url_private"] != "", "thumb_360" in early) == ("", True, False)
    await director.advance(1)
    late = await info(client, file.id)
    assert (late["mimetype"], "thumb_360" in late) == ("image/png", True)


async def test_only_the_bots_own_files_can_be_deleted_by_it(
    client: AsyncWebClient, director: Director
) -> None:
    theirs = await posted_file(director)
    assert (await refusal(client.files_delete(file=theirs.id)))["error"] == "cant_delete_file"
    answer = await client.files_upload_v2(
        channel=await channel_id(director, "portraits"), content=png(), filename="own.png"
    )
    shared = await director.wait_for_message("#portraits", lambda m: m.user_name == "darkroom")
    await client.files_delete(file=answer["file"]["id"])
    assert (await refusal(client.files_info(file=answer["file"]["id"])))["error"] == "file_deleted"
    history = await client.conversations_history(channel=shared.channel)
    assert history["messages"][0]["files"] == [{"id": answer["file"]["id"], "mode": "tombstone"}]
