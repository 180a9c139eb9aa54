"""A job as it is shown: computed from rows, at every stage."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.providers import RemoteState
from bot.services.errors import NoSuchThing, NotYours
from bot.services.progress import JobView
from storage.records.jobs import JobState
from tests.fakes import Fault
from tests.stand_ins import ANA, BEN, Engine


async def see(house: Engine, job_id: str) -> JobView:
    return await house.services.progress.view(job_id)


async def test_the_stages_of_a_job_that_goes_well(house: Engine) -> None:
    job = await house.train()
    stages = [(await see(house, job.id)).stage.value]
    hold = house.provider.hold("submit")
    await house.runner.submit_due()
    await hold.entered.wait()
    stages.append((await see(house, job.id)).stage.value)
    hold.release.set()
    await house.runner.idle()

    def ended() -> bool:
        return bool(house.rows("SELECT 1 FROM outbox WHERE key LIKE 'ready:%' AND sent > 0"))

    for _ in range(20):
        stages.append((await see(house, job.id)).stage.value)
        if ended():
            break
        await house.poll()
        stages.append((await see(house, job.id)).stage.value)
        await house.submit()
        await house.say()
        house.turn(seconds=5)
    told = [stage for before, stage in zip(["", *stages], stages, strict=False) if stage != before]
    assert told == ["our_queue", "sending", "vendor_queue", "training", "making", "delivering", "done"]


async def test_the_stages_of_a_job_that_does_not(house: Engine) -> None:
    job = await house.running()
    await house.services.jobs.cancel(job.id, ANA)
    view = await see(house, job.id)
    assert (view.stage.value, view.can_cancel, view.can_retry) == ("cancelling", False, False)
    await house.poll()
    view = await see(house, job.id)
    assert (view.stage.value, view.can_cancel, view.can_retry) == ("cancelled", False, True)
    house.provider.fail_next("submit", Fault.REFUSED)
    other = await house.running(key="wish-2")
    view = await see(house, other.id)
    assert (view.stage.value, view.can_retry) == ("failed", True)
    house.provider.script("training", [RemoteState.NEEDS_USER])
    third = await house.running(key="wish-3")
    house.turn(seconds=5)
    await house.poll()
    view = await see(house, third.id)
    assert (view.stage.value, view.can_cancel) == ("needs_you", True)


async def test_the_place_in_the_queue_is_shown_while_it_waits(house: Engine) -> None:
    for number in range(4):
        job = await house.train(key=f"wish-{number}")
        house.turn(seconds=1)
    await house.submit()
    view = await see(house, job.id)
    assert (view.stage.value, view.queue_place, view.concurrency, view.label) == ("our_queue", 2, 2, "Fake")


async def test_everybody_in_a_busy_vendors_queue_is_told_since_when_and_their_place(house: Engine) -> None:
    jobs = []
    for number in range(3):
        jobs.append((await house.train(key=f"wish-{number}")).id)
        house.turn(seconds=1)
    begun = house.store.now()
    for _ in range(20):
        # Two slots: two are sent, and the third has not been offered to the vendor yet.
        house.provider.fail_next("submit", Fault.BUSY, times=2)
        await house.submit()
        house.turn(minutes=5)
    views = [await see(house, job) for job in jobs]
    assert [(view.stage.value, view.queue_place, view.busy_since) for view in views] == [
        ("our_queue", place, begun) for place in (1, 2, 3)
    ]
    assert (await house.job(jobs[2])).attempts == 0
    assert all(view.can_cancel for view in views)
    await house.submit()
    assert {(await see(house, job)).busy_since for job in jobs} == {None}


async def test_a_vendor_that_is_busy_for_long_is_told_apart_from_one_that_just_is(house: Engine) -> None:
    job = await house.train()
    house.provider.fail_next("submit", Fault.BUSY)
    await house.submit()
    assert not (await see(house, job.id)).busy_long
    house.turn(hours=1)
    assert (await see(house, job.id)).busy_long


async def test_who_waits_for_a_busy_vendor_longer_than_jobs_take_here_is_slow(house: Engine) -> None:
    for number in range(5):
        job = await house.running(key=f"wish-{number}")
        house.turn(seconds=60)
        house.provider.finish()
        await house.poll()
        assert (await house.job(job.id)).state is JobState.SUCCEEDED
    job = await house.train(key="wish-9")
    house.provider.fail_next("submit", Fault.BUSY)
    await house.submit()
    assert not (await see(house, job.id)).slow
    house.turn(seconds=61)
    assert (await see(house, job.id)).slow


async def test_the_card_of_any_job_is_its_familys(house: Engine) -> None:
    generation = await house.generating()
    view = await see(house, generation.id)
    assert (view.root.id, view.current.id) == (generation.root_id, generation.id)
    await house.say()
    assert (await see(house, generation.root_id)).card == house.rows(
        "SELECT message FROM outbox WHERE kind = 'card'"
    )[0][0]


async def test_only_its_owner_sees_the_details(house: Engine) -> None:
    job = await house.train()
    assert (await house.services.progress.view_for(job.id, ANA)).root.id == job.id
    with pytest.raises(NotYours):
        await house.services.progress.view_for(job.id, BEN)
    with pytest.raises(NoSuchThing):
        await see(house, "job_x")


async def test_how_long_it_usually_takes_is_said_after_five_and_who_is_slow_is_known(house: Engine) -> None:
    house.provider.script("training", [RemoteState.RUNNING])
    for number in range(5):
        job = await house.running(key=f"wish-{number}")
        assert (await see(house, job.id)).usual is None
        house.turn(seconds=60 + number)
        for remote in house.provider.jobs.values():
            remote.script.clear()
            remote.script.append(RemoteState.SUCCEEDED)
        await house.poll()
        assert (await house.job(job.id)).state is JobState.SUCCEEDED
    job = await house.running(key="wish-9")
    view = await see(house, job.id)
    assert view.usual is not None
    assert [round(one.total_seconds()) for one in view.usual] == [60, 64]
    assert not view.slow
    house.turn(seconds=65)
    assert (await see(house, job.id)).slow


async def test_the_newest_cards_come_first_and_only_ones_own(house: Engine) -> None:
    mine = []
    for number in range(3):
        mine.append((await house.train(key=f"wish-{number}")).id)
        house.turn(seconds=1)
    await house.train(owner=BEN, key="wish-9")
    assert [view.root.id for view in await house.services.progress.newest(ANA, 2)] == mine[:0:-1]
    assert len(await house.services.progress.newest(None)) == 4


async def test_a_retry_takes_the_time_of_the_retry_and_not_of_the_days_before_it(house: Engine) -> None:
    job = await house.train()
    await house.services.jobs.cancel(job.id, ANA)
    house.turn(seconds=90_000)
    again = await house.services.jobs.retry(job.id, ANA)
    house.turn(seconds=30)
    assert (await see(house, again.id)).took == timedelta(seconds=30)
    assert (await house.services.progress.view_of(job.id)).took == timedelta(0)


async def test_images_take_the_time_of_their_training_as_well(house: Engine) -> None:
    generation = await house.generating()
    view = await see(house, generation.id)
    assert view.current.created_at > view.root.created_at
    assert view.took == view.now - view.root.created_at
