"""The door that vendors knock on: one address each, and one answer to everything else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bot.providers import RemoteState
from bot.settings import callback_key
from bot.web import Gate
from tests.surface import Surface, photos, stage

NOTHING = (404, "There is nothing here.\n")


@pytest.fixture
async def surface(tmp_path: Path) -> AsyncIterator[Surface]:
    """A bot before a vendor that says nothing new when asked."""
    async with stage(tmp_path) as found, found.running():
        found.vendor.script("training", [{"state": RemoteState.RUNNING, "progress": 0.4}])
        yield found


@pytest.fixture
async def outside() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def address(surface: Surface) -> str:
    return surface.bot.services.callbacks.urls()["fake"]


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.text


async def test_a_vendor_that_calls_is_heard_answered_and_its_job_goes_on(
    surface: Surface, outside: httpx.AsyncClient
) -> None:
    job = await surface.train(await surface.tray(photos(2)))
    card = await surface.card(job, "training 40 %")
    answer = await outside.post(address(surface), json={"id": "t1", "state": "succeeded"})
    assert (answer.status_code, answer.json()) == (200, {"code": "200"})
    await surface.card(card, "done")


@pytest.mark.parametrize(
    "path",
    [
        "/callback/fake/wrong",
        "/callback/nobody/wrong",
        "/callback/fake/",
        "/callback/fake/" + "x" * 43,
        "/callback/..%2Ffake/" + "x" * 43,
    ],
)
async def test_a_wrong_address_is_answered_like_one_that_does_not_exist(
    surface: Surface, outside: httpx.AsyncClient, path: str
) -> None:
    base = address(surface).split("/callback/")[0]
    answer = await outside.post(base + path, json={"id": "t1"})
    assert answer.status_code == 404
    assert "fake" not in answer.text


async def test_a_body_about_nobody_s_job_is_answered_like_a_wrong_address(
    surface: Surface, outside: httpx.AsyncClient
) -> None:
    base = address(surface).split("/callback/")[0]
    wrong = await outside.post(f"{base}/callback/fake/wrong", json={"id": "t1"})
    for body in (b"", b"not json", json.dumps({"id": "t999"}).encode()):
        answer = await outside.post(address(surface), content=body)
        assert told(answer) == told(wrong) == NOTHING


async def test_only_post_is_listened_to(surface: Surface, outside: httpx.AsyncClient) -> None:
    assert (await outside.get(address(surface))).status_code == 405


async def test_a_body_without_end_is_cut_off(surface: Surface, outside: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(2000):
            sent += 1
            yield b"x" * 65536
            await asyncio.sleep(0)

    try:
        answer = await outside.post(address(surface), content=endless())
    except httpx.HTTPError:
        assert sent < 2000  # The line was cut while it still spoke.
    else:
        assert answer.status_code == 413


async def test_no_log_tells_the_address(
    surface: Surface, outside: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await outside.post(address(surface), content=b"not json")
    await outside.post(address(surface) + "x", content=b"not json")
    secret = address(surface).rsplit("/", 1)[1]
    assert secret not in caplog.text
    assert not any(secret in str(record.__dict__) for record in caplog.records)


def test_a_vendor_gone_wild_is_slowed_down_and_no_other_with_it() -> None:
    gate = Gate(per_second=0.0, burst=3)
    assert [gate.opens("one") for _ in range(5)] == [True, True, True, False, False]
    assert gate.opens("other")


def test_the_key_of_all_addresses_is_made_once_and_kept_for_us_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = callback_key(data, None)
    assert len(made) >= 40
    assert callback_key(data, None) == made
    assert (data / "callback-secret").stat().st_mode & 0o077 == 0
    assert list(data.iterdir()) == [data / "callback-secret"]


def test_a_key_that_is_set_is_used_and_none_is_made(tmp_path: Path) -> None:
    assert callback_key(tmp_path, SecretStr("chosen-by-the-operator")) == "chosen-by-the-operator"
    assert list(tmp_path.iterdir()) == []
