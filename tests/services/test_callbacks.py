"""What a vendor tells us unasked: kept, answered as it wants, looked at at once, never simply believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.providers import RemoteState
from bot.services.callbacks import callback_secret
from storage.records.jobs import JobState
from tests.stand_ins import ANA, Engine


def body(named: str, **facts: Any) -> bytes:
    return json.dumps({"id": named, **facts}).encode()


async def test_what_was_said_is_handed_to_the_next_poll_which_comes_at_once(house: Engine) -> None:
    house.provider.script("training", [RemoteState.RUNNING])
    job = await house.running()
    house.turn(seconds=2)
    await house.poll()
    assert (await house.job(job.id)).due_at > house.store.now()
    heard = await house.services.callbacks.receive("fake", body("t1", state="succeeded"))
    assert heard is not None
    assert heard.answer == {"code": "200"}
    assert "poll" in house.nudges
    await house.poll()
    assert (await house.job(job.id)).state is JobState.SUCCEEDED
    assert house.provider.vendor.pushed[-1] == {"id": "t1", "state": "succeeded"}


async def test_our_own_key_names_the_job_as_well(house: Engine) -> None:
    job = await house.running()
    assert await house.services.callbacks.receive("fake", body(job.id)) is not None
    assert (await house.job(job.id)).pushed == {"id": job.id}


async def test_what_it_says_is_weighed_by_the_vendor_s_own_poll_and_changes_nothing_by_itself(
    house: Engine,
) -> None:
    job = await house.running()
    await house.services.callbacks.receive("fake", body("t1", note="done, believe me"))
    found = await house.job(job.id)
    assert (found.state, found.progress, found.remote_model_id) == (JobState.RUNNING, None, None)


async def test_the_same_again_is_harmless(house: Engine) -> None:
    await house.running()
    for _ in range(5):
        assert await house.services.callbacks.receive("fake", body("t1", state="running")) is not None
    house.turn(seconds=2)
    await house.poll()
    assert house.rows("SELECT state, pushes FROM job") == [("running", 5)]


async def test_a_call_that_comes_while_we_ask_is_looked_at_next(house: Engine) -> None:
    """The poll that is under way knows nothing of it, and must not put the next one off."""
    house.provider.script("training", [RemoteState.RUNNING])
    job = await house.running()
    house.turn(seconds=2)
    hold = house.provider.hold("poll")
    await house.runner.poll_due()
    await hold.entered.wait()
    await house.services.callbacks.receive("fake", body("t1", state="succeeded"))
    hold.release.set()
    await house.runner.idle()
    await house.poll()
    await house.poll()
    assert (await house.job(job.id)).state is JobState.SUCCEEDED


async def test_a_job_that_is_over_is_known_and_nothing_is_kept(house: Engine) -> None:
    job = await house.running()
    await house.services.callbacks.receive("fake", body("t1", state="running"))
    await house.services.jobs.cancel(job.id, ANA)
    await house.poll()
    assert (await house.job(job.id)).pushed is None
    assert await house.services.callbacks.receive("fake", body("t1", state="succeeded")) is not None
    job = await house.job(job.id)
    assert (job.state, job.pushed) == (JobState.CANCELLED, None)


@pytest.mark.parametrize("sent", [b"", b"<html>", b"[]", b'{"state": "done"}', body("t999"), b"\xff\xfe"])
async def test_what_makes_no_sense_or_is_about_nobody_s_job_is_not_heard(house: Engine, sent: bytes) -> None:
    await house.running()
    assert await house.services.callbacks.receive("fake", sent) is None
    assert house.rows("SELECT pushes FROM job") == [(0,)]


async def test_another_vendor_cannot_speak_of_this_one_s_jobs(house: Engine) -> None:
    await house.running()
    assert await house.services.callbacks.receive("nobody", body("t1")) is None
    assert house.rows("SELECT pushes FROM job") == [(0,)]


def test_every_vendor_has_an_address_of_its_own_that_cannot_be_guessed() -> None:
    one, other = callback_secret("x" * 32, "fake"), callback_secret("x" * 32, "other")
    assert one != other
    assert len(one) == 43
    assert callback_secret("y" * 32, "fake") != one


async def test_only_the_right_address_of_a_vendor_of_ours_is_accepted(house: Engine) -> None:
    callbacks = house.services.callbacks
    (url,) = callbacks.urls().values()
    secret = url.rsplit("/", 1)[1]
    assert url == f"http://127.0.0.1:1/callback/fake/{secret}"
    assert callbacks.accepts("fake", secret)
    assert not callbacks.accepts("fake", secret[:-1])
    assert not callbacks.accepts("fake", "")
    assert not callbacks.accepts("fake", "é" * 43)
    assert not callbacks.accepts("other", callback_secret("x" * 32, "other"))
