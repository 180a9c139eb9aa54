"""What a person may do to a job: stop it in any state, try it again once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.providers import RemoteState, Unavailable
from bot.services.errors import NoSuchThing, NotRetryable, NotYours, VendorNotOffered
from bot.services.jobs import Stopped
from storage.records.jobs import FailureReason, JobKind, JobState
from storage.records.media import Medium
from storage.records.outbox import NoticeKind
from tests.fakes import FakeProvider, Fault
from tests.stand_ins import ANA, BEN, Engine, TurnedClock, engine


class Other(FakeProvider):
    """Another vendor."""

    name = "other"


async def test_a_job_that_waits_is_stopped_at_once_and_nothing_is_paid(house: Engine) -> None:
    job = await house.train()
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.NOW
    assert (await house.job(job.id)).state is JobState.CANCELLED
    await house.submit()
    assert house.provider.paid == 0


async def test_a_job_that_waits_after_a_refusal_has_no_open_links_and_is_stopped_at_once(
    house: Engine,
) -> None:
    job = await house.train()
    house.provider.fail_next("submit", Fault.DOWN)
    await house.submit()
    assert house.rows("SELECT * FROM link") == []
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.NOW


async def test_a_job_stopped_while_its_photos_are_made_ready_is_never_sent(
    house: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await house.train()
    opened = house.services.links.open

    async def stopped_meanwhile(job_id: str, media: Sequence[Medium], **facts: Any) -> list[str]:
        assert await house.services.jobs.cancel(job_id, ANA) is Stopped.SOON
        return await opened(job_id, media, **facts)

    monkeypatch.setattr(house.services.links, "open", stopped_meanwhile)
    await house.submit()
    assert house.provider.paid == 0
    assert (await house.job(job.id)).state is JobState.CANCELLED
    assert house.rows("SELECT * FROM link") == []


@pytest.mark.parametrize("state", ["running", "answer lost", "claimed"])
async def test_a_job_whose_vendor_is_gone_can_still_be_stopped(
    tmp_path: Path, clock: TurnedClock, state: str
) -> None:
    async with engine(tmp_path, clock) as house:
        job = await house.train()
        if state == "answer lost":
            house.provider.fail_next("submit", Fault.CREATED)
        if state == "claimed":
            lease = timedelta(seconds=60)
            await house.store.write(lambda tx: tx.jobs.claim_submission(job.lane, house.store.me, lease))
        else:
            await house.submit()
    async with engine(tmp_path, clock, provider=Other()) as house:
        await house.services.jobs.cancel(job.id, ANA)
        ended = await house.job(job.id)
        assert (ended.state, ended.reason) == (
            (JobState.FAILED, FailureReason.LOST) if state == "answer lost" else (JobState.CANCELLED, None)
        )
        assert house.rows("SELECT * FROM link") == []


async def test_a_job_being_sent_is_stopped_once_the_vendor_has_it(house: Engine) -> None:
    job = await house.train()
    hold = house.provider.hold("submit")
    await house.runner.submit_due()
    await hold.entered.wait()
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.SOON
    await house.say()
    assert house.world.of_kind(NoticeKind.CARD)[0].versions[-1] == "cancelling"
    hold.release.set()
    await house.runner.idle()
    house.turn(seconds=5)
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.stopped_remotely) == (JobState.CANCELLED, True)
    assert house.provider.jobs["t1"].cancelled


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.BUSY])
async def test_a_job_refused_while_it_was_being_stopped_is_not_sent_again(
    house: Engine, fault: Fault
) -> None:
    job = await house.train()
    house.provider.fail_next("submit", fault)
    hold = house.provider.hold("submit")
    await house.runner.submit_due()
    await hold.entered.wait()
    await house.services.jobs.cancel(job.id, ANA)
    hold.release.set()
    await house.runner.idle()
    assert (await house.job(job.id)).state is JobState.CANCELLED
    assert house.rows("SELECT * FROM link") == []


async def test_a_stopped_job_whose_answer_was_lost_is_looked_for_and_stopped_there(house: Engine) -> None:
    job = await house.train()
    house.provider.fail_next("submit", Fault.CREATED)
    await house.submit()
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.SOON
    await house.until(lambda: bool(house.rows("SELECT 1 FROM job WHERE finished_at NOT NULL")))
    assert (await house.job(job.id)).state is JobState.CANCELLED
    assert house.provider.jobs["t1"].cancelled


async def test_a_stopped_job_that_the_vendor_never_got_is_not_sent_again(house: Engine) -> None:
    job = await house.train()
    house.provider.fail_next("submit", Fault.LOST)
    await house.submit()
    await house.services.jobs.cancel(job.id, ANA)
    await house.until(lambda: bool(house.rows("SELECT 1 FROM job WHERE finished_at NOT NULL")))
    assert (await house.job(job.id)).state is JobState.CANCELLED
    assert house.provider.paid == 0
    assert house.rows("SELECT * FROM link") == []


async def test_a_running_job_is_stopped_at_the_vendor_and_its_links_close(house: Engine) -> None:
    job = await house.running()
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.SOON
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.stopped_remotely) == (JobState.CANCELLED, True)
    assert house.rows("SELECT * FROM link") == []
    await house.say()
    assert house.world.of_kind(NoticeKind.CARD)[0].versions[-1] == "cancelled"


async def test_a_vendor_that_cannot_stop_a_job_is_watched_no_longer_and_the_row_says_so(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(cancels=False)) as house:
        job = await house.running()
        await house.services.jobs.cancel(job.id, ANA)
        await house.poll()
        job = await house.job(job.id)
        assert (job.state, job.stopped_remotely) == (JobState.CANCELLED, False)


async def test_what_the_vendor_had_finished_before_it_could_be_stopped_has_succeeded(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(cancels=False)) as house:
        house.provider.script("training", [RemoteState.SUCCEEDED])
        job = await house.running()
        await house.services.jobs.cancel(job.id, ANA)
        await house.poll()
        assert (await house.job(job.id)).state is JobState.SUCCEEDED
        # The model is there and charged; that nothing is made with it was the wish.
        assert house.rows("SELECT kind FROM job") == [("training",)]
        assert len(house.rows("SELECT * FROM model")) == 1


async def test_a_vendor_that_does_not_answer_keeps_nobody_from_stopping(house: Engine) -> None:
    job = await house.running()
    house.provider.fail_next("cancel", Unavailable())
    await house.services.jobs.cancel(job.id, ANA)
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.stopped_remotely) == (JobState.CANCELLED, False)


async def test_a_job_that_waits_for_its_owner_is_stopped_at_the_vendor_too(house: Engine) -> None:
    house.provider.script("training", [RemoteState.NEEDS_USER])
    job = await house.running()
    house.turn(seconds=5)
    await house.poll()
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.SOON
    await house.poll()
    stopped = await house.job(job.id)
    assert (stopped.state, stopped.stopped_remotely) == (JobState.CANCELLED, True)
    assert ("cancel", "t1") in house.provider.calls
    assert house.rows("SELECT * FROM link") == []


async def test_the_button_of_a_card_stops_the_job_under_way_on_it(house: Engine) -> None:
    generation = await house.generating()
    assert await house.services.jobs.cancel(generation.root_id, ANA) is Stopped.SOON
    await house.poll()
    assert (await house.job(generation.id)).state is JobState.CANCELLED
    assert (await house.job(generation.root_id)).state is JobState.SUCCEEDED


async def test_a_wish_to_stop_that_comes_too_late_changes_nothing_and_refreshes_the_card(
    house: Engine,
) -> None:
    job = await house.train()
    await house.services.jobs.cancel(job.id, ANA)
    await house.say()
    before = len(house.world.deliveries)
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.ENDED
    house.turn(seconds=2)
    await house.say()
    assert len(house.world.deliveries) == before + 1


@pytest.mark.parametrize("act", ["cancel", "retry"])
async def test_only_its_owner_may_touch_a_job(house: Engine, act: str) -> None:
    job = await house.train()
    with pytest.raises(NotYours):
        await getattr(house.services.jobs, act)(job.id, BEN)
    with pytest.raises(NoSuchThing):
        await getattr(house.services.jobs, act)("job_x", ANA)
    assert (await house.job(job.id)).state is JobState.QUEUED


async def failed(house: Engine) -> str:
    house.provider.fail_next("submit", Fault.REFUSED)
    return (await house.running()).id


async def test_a_retry_is_the_same_wish_on_the_same_card_paid_once_more(house: Engine) -> None:
    job_id = await failed(house)
    again = await house.services.jobs.retry(job_id, ANA)
    before = await house.job(job_id)
    assert (again.root_id, again.spec, again.place) == (job_id, before.spec, before.place)
    assert again.id != job_id
    photos = await house.store.read(lambda tx: [tx.inputs.of_job(one) for one in (job_id, again.id)])
    assert photos[0] == photos[1] != []
    await house.submit()
    assert (await house.job(again.id)).state is JobState.RUNNING
    await house.say()
    assert len(house.world.of_kind(NoticeKind.CARD)) == 1


async def test_two_presses_are_one_retry(house: Engine) -> None:
    job_id = await failed(house)
    house.turn(seconds=1)
    first = await house.services.jobs.retry(job_id, ANA)
    second = await house.services.jobs.retry(job_id, ANA)
    assert first.id == second.id
    assert house.rows("SELECT count(*) FROM job") == [(2,)]


async def test_a_retry_that_failed_can_be_tried_again(house: Engine) -> None:
    job_id = await failed(house)
    house.provider.fail_next("submit", Fault.REFUSED)
    house.turn(seconds=1)
    second = await house.services.jobs.retry(job_id, ANA)
    await house.submit()
    house.turn(seconds=1)
    third = await house.services.jobs.retry(job_id, ANA)
    assert len({job_id, second.id, third.id}) == 3
    assert third.root_id == job_id


async def test_a_generation_is_retried_without_training_again(house: Engine) -> None:
    house.provider.script("generation", [{"state": RemoteState.FAILED, "reason": "no"}])
    job = await house.generating()
    house.turn(seconds=5)
    await house.poll()
    again = await house.services.jobs.retry(job.root_id, ANA)
    assert (again.kind, again.spec["model_id"], again.serial) == (JobKind.GENERATION, "model-t1", job.serial)
    await house.submit()
    assert (house.provider.paid_for("training"), house.provider.paid_for("generation")) == (1, 2)


async def test_a_job_that_is_well_cannot_be_retried(house: Engine) -> None:
    job = await house.train()
    with pytest.raises(NotRetryable):
        await house.services.jobs.retry(job.id, ANA)
    assert house.rows("SELECT count(*) FROM job") == [(1,)]


async def test_a_retry_at_a_vendor_that_is_down_is_refused_and_leaves_nothing(house: Engine) -> None:
    job_id = await failed(house)
    house.provider.fail_next("check", Unavailable())
    await house.services.vendors.check()
    with pytest.raises(VendorNotOffered):
        await house.services.jobs.retry(job_id, ANA)
    assert house.rows("SELECT count(*) FROM job") == [(1,)]


async def test_a_cancelled_job_can_be_tried_again_while_its_photos_are_kept(house: Engine) -> None:
    job = await house.train()
    await house.services.jobs.cancel(job.id, ANA)
    house.clock.turn(timedelta(hours=20))
    await house.services.photos.sweep()
    again = await house.services.jobs.retry(job.id, ANA)
    await house.submit()
    assert (await house.job(again.id)).state is JobState.RUNNING
