"""What the outside may fetch: photo links while their job runs, and the truth about our health."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.providers import RemoteState, TrainingSpec
from tests.surface import Surface, fast_vendor, photos, stage

TRAINING_FOR_EVER = [{"state": RemoteState.RUNNING, "progress": 0.4}]
OVER = "This link is over.\n"


@pytest.fixture
async def surface(tmp_path: Path) -> AsyncIterator[Surface]:
    """A bot before a vendor whose trainings run for ever."""
    async with stage(tmp_path) as found, found.running():
        found.vendor.script("training", TRAINING_FOR_EVER)
        yield found


@pytest.fixture
async def outside() -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with an address and nothing else."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def links(surface: Surface) -> list[str]:
    """Start a training, and look at the addresses the vendor was given."""
    await surface.card(await surface.train(await surface.tray(photos(2))), "training 40 %")
    spec = surface.vendor.jobs["t1"].spec
    assert isinstance(spec, TrainingSpec)
    return [one.url for one in spec.inputs if one.url]


async def test_a_link_gives_the_photo_while_its_job_runs(
    surface: Surface, outside: httpx.AsyncClient
) -> None:
    first, second = await links(surface)
    answer = await outside.get(first)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    kept = {path.read_bytes() for path in surface.files()}
    assert {answer.content, (await outside.get(second)).content} == kept


async def test_a_link_answers_head_and_ranges_as_vendors_ask(
    surface: Surface, outside: httpx.AsyncClient
) -> None:
    link, _ = await links(surface)
    whole = (await outside.get(link)).content
    head = await outside.head(link)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(whole)
    part = await outside.get(link, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])


async def test_a_link_is_long_random_and_ends_as_a_picture_does(surface: Surface) -> None:
    first, second = await links(surface)
    for link in (first, second):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/p/[\w-]{43}\.jpg", link)
    assert first != second


async def test_no_link_is_kept_on_disk_in_a_form_that_opens_it(surface: Surface) -> None:
    for link in await links(surface):
        token = link.rsplit("/", 1)[1].split(".")[0]
        stored = str(surface.query("SELECT * FROM link"))
        assert token not in stored
        assert "token_hash" not in token


async def test_the_jobs_end_closes_its_links(surface: Surface, outside: httpx.AsyncClient) -> None:
    first, second = await links(surface)
    surface.vendor.jobs["t1"].script.clear()
    surface.vendor.jobs["t1"].script.append(RemoteState.SUCCEEDED)
    await surface.said("is ready after", within=60)
    for link in (first, second):
        answer = await outside.get(link)
        assert (answer.status_code, answer.text) == (404, OVER)


async def test_a_cancelled_job_closes_its_links_too(surface: Surface, outside: httpx.AsyncClient) -> None:
    link, _ = await links(surface)
    card = await surface.said("training 40 %")
    await surface.press(card, "Cancel")
    await surface.said("Stopped. Nothing more happens with it.")
    assert (await outside.get(link)).status_code == 404


async def test_a_link_expires_by_itself(tmp_path: Path, outside: httpx.AsyncClient) -> None:
    patient = fast_vendor(deadline=timedelta(days=9))
    async with stage(tmp_path, vendor=patient) as surface, surface.running():
        surface.vendor.script("training", TRAINING_FOR_EVER)
        link, _ = await links(surface)
        surface.clock.advance(6 * 3600 - 600)
        assert (await outside.get(link)).status_code == 200
        surface.clock.advance(1200)
        assert (await outside.get(link)).status_code == 404
        assert surface.query("SELECT state FROM job") == [("running",)]


@pytest.mark.parametrize("path", ["/p/nonsense.jpg", "/p/..%2f..%2fdarkroom.sqlite3", f"/p/{'A' * 43}.jpg"])
async def test_a_made_up_link_is_answered_like_one_that_is_over(
    surface: Surface, outside: httpx.AsyncClient, path: str
) -> None:
    await links(surface)
    answer = await outside.get(f"http://127.0.0.1:{surface.bot.web_port}{path}")
    assert answer.status_code == 404
    assert "sqlite" not in answer.text


@pytest.mark.parametrize("path", ["/", "/p", "/p/", "/media", "/docs", "/openapi.json"])
async def test_nothing_is_ever_listed(surface: Surface, outside: httpx.AsyncClient, path: str) -> None:
    given = await links(surface)
    answer = await outside.get(f"http://127.0.0.1:{surface.bot.web_port}{path}", follow_redirects=True)
    assert answer.status_code == 404
    assert not any(link.rsplit("/", 1)[1] in answer.text for link in given)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_link_can_only_be_read(surface: Surface, outside: httpx.AsyncClient, method: str) -> None:
    link, _ = await links(surface)
    assert (await outside.request(method, link)).status_code == 405
    assert (await outside.get(link)).status_code == 200


async def test_healthz_is_well_while_everything_runs(surface: Surface, outside: httpx.AsyncClient) -> None:
    answer = await outside.get(f"http://127.0.0.1:{surface.bot.web_port}/healthz")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["ok"], found["database"], found["slack"]) == (True, True, True)


async def test_healthz_says_when_slack_is_gone(surface: Surface, outside: httpx.AsyncClient) -> None:
    await surface.people.fault("api:apps.connections.open", "error", times=1000, error="internal_error")
    await surface.people.disconnect("link_disabled", hard=True)
    address = f"http://127.0.0.1:{surface.bot.web_port}/healthz"

    async def unwell() -> httpx.Response | None:
        answer = await outside.get(address)
        return answer if answer.status_code == 503 else None

    found = (await surface.until(unwell)).json()
    assert (found["ok"], found["slack"], found["database"]) == (False, False, True)


async def test_healthz_names_neither_people_nor_places(surface: Surface, outside: httpx.AsyncClient) -> None:
    await links(surface)
    text = (await outside.get(f"http://127.0.0.1:{surface.bot.web_port}/healthz")).text
    for secret in ("ana", str(surface.settings.darkroom_data_dir), surface.slack.bot_token):
        assert secret not in text
