"""What happens before the paid call and around one of several steps: looks, parts, and what was given up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.providers import (
    AuthenticationFailed,
    ContentRejected,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RemoteState,
    Retired,
    Unavailable,
    UnexpectedResponse,
)
from bot.services.errors import NotRetryable, VendorNotOffered
from bot.services.jobs import Stopped
from bot.services.timing import Timing
from storage.records.jobs import FailureReason, Finding, Job, JobKind, JobState
from storage.records.outbox import NoticeKind
from storage.records.trays import TrayEntry, TrayState
from tests.fakes import FakeProvider, Fault
from tests.stand_ins import ANA, OLGA, THREAD, Engine, TurnedClock, engine, wish

NO_FACE = "no face detected"


@pytest.fixture
async def looking(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    """A vendor that looks at photos before a training."""
    async with engine(tmp_path / "data", clock, provider=FakeProvider(inspects=True)) as opened:
        yield opened


async def disliked(house: Engine, *which: int, photos: int = 3) -> Job:
    """A training of which the vendor dislikes some photos, by their place from 1."""
    tray = await house.tray(photos)
    entries = await house.store.read(lambda tx: tx.trays.entries(tray))
    for number in which:
        house.provider.vendor.dislikes[entries[number - 1].medium or ""] = NO_FACE
    job = await house.services.training.start(wish(), tray)
    await house.submit()
    return await house.job(job.id)


# -- the vendor's own look


async def test_photos_the_vendor_likes_are_looked_at_once_and_then_paid_for(looking: Engine) -> None:
    job = await disliked(looking)
    assert job.state is JobState.RUNNING
    assert [call for call, _ in looking.provider.calls if call in {"inspect", "submit"}] == [
        "inspect",
        "submit",
    ]


async def test_photos_it_does_not_like_are_named_by_number_and_nothing_is_paid(looking: Engine) -> None:
    job = await disliked(looking, 1, 3)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.PHOTOS_REFUSED)
    assert job.findings == (Finding(1, "photo", NO_FACE), Finding(3, "photo", NO_FACE))
    assert looking.provider.paid == 0
    assert looking.rows("SELECT * FROM link") == []
    assert not (await looking.services.progress.view(job.id)).can_retry
    with pytest.raises(NotRetryable):
        await looking.services.jobs.retry(job.id, ANA)


async def test_the_tray_opens_again_with_what_was_found_and_the_same_thread(looking: Engine) -> None:
    job = await disliked(looking, 2)
    ((tray_id,),) = looking.rows("SELECT id FROM tray")
    view = await looking.services.trays.view(tray_id)
    assert (view.tray.state, view.tray.place, view.tray.job_id) == (TrayState.OPEN, THREAD, job.id)
    assert [entry.finding for entry in view.entries] == [None, NO_FACE, None]
    await looking.say()
    assert len(looking.world.of_kind(NoticeKind.TRAY)) == 1
    await looking.services.trays.remove(tray_id, ANA, [view.entries[1].source])
    again = await looking.services.training.start(wish(key="wish-2"), tray_id)
    await looking.submit()
    assert (await looking.job(again.id)).state is JobState.RUNNING
    assert looking.provider.paid == 1


async def test_a_form_delivered_again_after_that_is_still_the_job_it_was(looking: Engine) -> None:
    job = await disliked(looking, 2)
    ((tray_id,),) = looking.rows("SELECT id FROM tray")
    assert (await looking.services.training.start(wish(), tray_id)).id == job.id
    assert looking.rows("SELECT state FROM tray") == [("open",)]


async def test_a_tray_begun_meanwhile_gets_what_the_other_held(looking: Engine) -> None:
    tray = await looking.tray(2)
    entries = await looking.store.read(lambda tx: tx.trays.entries(tray))
    looking.provider.vendor.dislikes[entries[0].medium or ""] = NO_FACE
    await looking.services.training.start(wish(), tray)
    other = await looking.tray(3, source="later")
    await looking.submit()
    assert looking.rows("SELECT id, state FROM tray ORDER BY state") == [(other, "open"), (tray, "used")]
    view = await looking.services.trays.view(other)
    assert {entry.source: entry.finding for entry in view.entries if entry.finding} == {"f0": NO_FACE}
    assert len(view.entries) == 5


async def test_photos_that_came_with_their_form_get_a_tray_where_their_card_is(looking: Engine) -> None:
    item = await looking.item()
    first = await looking.keep(b"one", "image/png", 400, 400)
    second = await looking.keep(b"two", "image/png", 400, 400)
    looking.provider.vendor.dislikes[second] = NO_FACE
    entries = [TrayEntry("F1", "1.png", first), TrayEntry("F2", "2.png", second)]
    await looking.services.training.start_with(wish(), entries, item)
    await looking.submit()
    assert looking.rows("SELECT place, state FROM tray") == [(THREAD, "open")]
    await looking.say()
    assert len(looking.world.of_kind(NoticeKind.TRAY)) == 1


@pytest.mark.parametrize(
    "error",
    [Unavailable(), RateLimited(), OutcomeUnknown(), UnexpectedResponse(), Retired(), AuthenticationFailed()],
    ids=lambda error: type(error).__name__,
)
async def test_a_look_that_cannot_be_had_stops_nothing(looking: Engine, error: ProviderError) -> None:
    looking.provider.fail_next("inspect", error)
    job = await disliked(looking, 1)
    assert job.state is JobState.RUNNING
    assert looking.provider.paid == 1


async def test_a_look_that_refuses_the_whole_set_is_the_vendor_s_no(looking: Engine) -> None:
    looking.provider.fail_next("inspect", ContentRejected("not this"))
    job = await disliked(looking)
    assert (job.state, job.reason, job.detail) == (
        JobState.FAILED,
        FailureReason.CONTENT_REJECTED,
        "not this",
    )
    assert looking.provider.paid == 0


async def test_a_second_attempt_looks_again(looking: Engine) -> None:
    looking.provider.fail_next("submit", Unavailable())
    job = await disliked(looking)
    assert job.state is JobState.QUEUED
    looking.turn(seconds=6)
    await looking.submit()
    assert [call for call, _ in looking.provider.calls].count("inspect") == 2


async def test_a_busy_vendor_looks_once_however_often_it_is_asked(looking: Engine) -> None:
    looking.provider.fail_next("submit", RateLimited(), times=9)
    await disliked(looking)
    await looking.until(lambda: looking.rows("SELECT 1 FROM job WHERE state = 'running'") != [])
    calls = [call for call, _ in looking.provider.calls]
    assert (calls.count("inspect"), calls.count("submit")) == (1, 10)


# -- submissions of several steps


async def test_a_start_that_broke_off_half_way_goes_on_and_is_paid_for_once(house: Engine) -> None:
    house.provider.fail_next("submit", Fault.HALF, times=3)
    job = await house.running()
    assert job.state is JobState.SUBMITTING
    await house.until(lambda: house.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
    assert (await house.job(job.id)).state is JobState.SUCCEEDED
    assert (house.provider.paid_for("training"), house.provider.jobs["t1"].gone_on) == (1, 3)
    assert (await house.job(job.id)).losses == 0


async def test_a_start_that_never_gets_whole_ends_and_the_vendor_is_asked_to_let_go(house: Engine) -> None:
    house.provider.fail_next("submit", Fault.HALF, times=100)
    job = await house.running()
    await house.until(lambda: house.rows("SELECT 1 FROM job WHERE state = 'failed'") != [], most=300)
    job = await house.job(job.id)
    assert (job.reason, job.remote_id, job.attempts) == (
        FailureReason.UNAVAILABLE,
        "t1",
        house.timing.submit_attempts,
    )
    assert house.provider.paid == 1
    await house.tidy()
    assert house.provider.vendor.tidied == [("t1", job.id)]


async def test_a_half_started_job_that_is_no_longer_wanted_is_stopped_and_not_finished(house: Engine) -> None:
    house.provider.fail_next("submit", Fault.HALF)
    job = await house.running()
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.SOON
    house.turn(seconds=61)
    await house.submit()
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.stopped_remotely) == (JobState.CANCELLED, True)
    assert house.provider.jobs["t1"].gone_on == 0


async def test_a_long_upload_is_given_its_own_time(tmp_path: Path, clock: TurnedClock) -> None:
    """A submitting job is held for as long as the call may live, however long that vendor lets it."""
    vendor = FakeProvider(submit_time=timedelta(minutes=20))
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        job = await house.train()
        hold = vendor.hold("submit")
        await house.runner.submit_due()
        await hold.entered.wait()
        held = await house.job(job.id)
        assert held.lease_until - house.store.now() == timedelta(minutes=20) + Timing().settle
        house.turn(minutes=19)
        await house.runner.submit_due()
        assert [call for call, _ in vendor.calls].count("submit") == 1
        hold.release.set()
        await house.runner.idle()
        assert (await house.job(job.id)).state is JobState.RUNNING


# -- what a vendor has given up


async def test_an_operation_the_vendor_has_given_up_is_believed_and_told_once(house: Engine) -> None:
    house.provider.fail_next("generate", Retired("gone since October"))
    job = await house.generating()
    assert (job.state, job.reason, job.detail) == (
        JobState.FAILED,
        FailureReason.RETIRED,
        "gone since October",
    )
    assert not (await house.services.progress.view(job.id)).can_retry
    ((about,),) = house.rows(
        "SELECT json_extract(payload, '$.about') FROM outbox WHERE kind = 'operator' AND owner = ?", OLGA
    )
    assert about == "Fake, generation"
    house.turn(days=3)
    await house.services.vendors.retire("fake", JobKind.GENERATION)
    assert house.rows("SELECT count(*) FROM outbox WHERE kind = 'operator'") == [(1,)]


async def test_trainings_go_on_and_end_with_the_model(house: Engine) -> None:
    await house.services.vendors.retire("fake", JobKind.GENERATION)
    (offer,) = await house.services.vendors.offers()
    assert (offer.ok, offer.makes) == (True, None)
    await house.train(count=0)
    await house.until(lambda: house.rows("SELECT 1 FROM outbox WHERE key LIKE 'ready:%' AND sent") != [])
    assert house.rows("SELECT kind, state FROM job") == [("training", "succeeded")]


async def test_a_training_asked_for_before_that_ends_with_the_model_and_says_why_nothing_is_made(
    house: Engine,
) -> None:
    await house.running()
    await house.services.vendors.retire("fake", JobKind.GENERATION)
    await house.until(lambda: house.rows("SELECT 1 FROM outbox WHERE kind = 'failed' AND sent") != [])
    assert house.rows("SELECT kind, state, reason FROM job ORDER BY created_at, kind DESC") == [
        ("training", "succeeded", None),
        ("generation", "failed", "retired"),
    ]
    assert house.rows("SELECT count(*) FROM model") == [(1,)]


async def test_what_waited_for_it_is_ended_without_asking_again(tmp_path: Path, clock: TurnedClock) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(concurrency=1)) as house:
        house.provider.fail_next("submit", Retired())
        first, second = await house.train(), await house.train(key="wish-2")
        await house.submit()
        await house.submit()
        for job in (first, second):
            assert (await house.job(job.id)).reason is FailureReason.RETIRED
        assert [call for call, _ in house.provider.calls].count("submit") == 1
        assert house.provider.paid == 0


async def test_it_is_remembered_over_a_restart_and_offered_again_when_restored(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock) as house:
        await house.services.vendors.retire("fake", JobKind.TRAINING)
    async with engine(tmp_path / "data", clock) as house:
        (offer,) = await house.services.vendors.offers()
        assert (offer.ok, offer.fault) == (False, "retired")
        with pytest.raises(VendorNotOffered) as refused:
            house.services.vendors.offer("fake/training")
        assert refused.value.fault == "retired"
        (health,) = house.services.vendors.health()
        assert (health.fault, health.retired) == ("", (JobKind.TRAINING,))
        assert await house.store.write(lambda tx: tx.lanes.restore("fake:training"))
    clock.turn(timedelta(days=1))
    async with engine(tmp_path / "data", clock) as house:
        assert house.services.vendors.offer("fake/training").ok
        await house.services.vendors.retire("fake", JobKind.TRAINING)
        assert house.rows("SELECT count(*) FROM outbox WHERE kind = 'operator'") == [(2,)]


async def test_a_poll_that_says_so_ends_the_job_and_the_offer(house: Engine) -> None:
    job = await house.running()
    house.provider.fail_next("poll", Retired())
    house.turn(seconds=2)
    await house.poll()
    assert (await house.job(job.id)).reason is FailureReason.RETIRED
    with pytest.raises(VendorNotOffered):
        house.services.vendors.offer("fake/training")


async def test_a_vendor_asked_for_better_inputs_before_it_gave_up_still_gets_them(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(films=True)) as house:
        house.provider.script("training", [RemoteState.NEEDS_USER, RemoteState.SUCCEEDED])
        job = await house.filming()
        house.turn(seconds=2)
        await house.poll()
        await house.services.vendors.retire("fake", JobKind.TRAINING)
        await house.services.jobs.resubmit(job.id, ANA, {}, through=THREAD)
        await house.submit()
        assert (await house.job(job.id)).state is JobState.RUNNING
