"""The arrow that costs money: sent once, looked for when in doubt, never paid twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.providers import (
    AuthenticationFailed,
    ContentRejected,
    Delivery,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    RemoteJob,
    TrainingSpec,
    Unavailable,
    UnexpectedResponse,
)
from bot.services.jobs import Stopped
from bot.services.timing import Timing
from storage.records.jobs import FailureReason, Job, JobKind, JobState
from storage.records.links import LinkFault
from storage.records.outbox import NoticeKind
from tests.fakes import FakeProvider, Fault
from tests.stand_ins import ANA, OLGA, Engine, TurnedClock, engine, wish

TIMING = Timing()
SETTLE, (ONE_MINUTE, FIVE_MINUTES) = TIMING.settle, TIMING.looks


@pytest.fixture
async def lossy(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    """A vendor that cannot be asked what became of a call."""
    async with engine(tmp_path / "data", clock, provider=FakeProvider(idempotent=False)) as opened:
        yield opened


async def sent_with(house: Engine, fault: Fault | ProviderError) -> Job:
    job = await house.train()
    house.provider.fail_next("submit", fault)
    await house.submit()
    return await house.job(job.id)


async def look_after(house: Engine, wait: timedelta, job: Job) -> Job:
    """Nothing happens a moment before; this happens then."""
    house.clock.turn(wait - timedelta(milliseconds=1))
    calls = len(house.provider.calls)
    await house.submit()
    assert len(house.provider.calls) == calls
    house.turn(milliseconds=1)
    await house.submit()
    return await house.job(job.id)


async def test_a_wish_becomes_a_running_job_with_the_vendors_id(house: Engine) -> None:
    job = await house.running()
    assert (job.state, job.remote_id) == (JobState.RUNNING, "t1")
    assert job.started_at == house.store.now()
    assert job.lease_owner is None


async def test_the_vendor_is_given_the_photos_of_the_tray_under_open_links(house: Engine) -> None:
    job = await house.running(photos=3)
    spec = house.provider.jobs["t1"].spec
    assert isinstance(spec, TrainingSpec)
    assert house.provider.jobs["t1"].key == job.id
    assert len(spec.inputs) == 3
    for given in spec.inputs:
        assert given.url is not None
        shown = await house.services.links.resolve(given.url.rsplit("/", 1)[1])
        assert shown is not None
        assert shown.path == given.path
        assert given.path.read_bytes().startswith(b"\xff\xd8\xff")


async def test_no_link_is_opened_for_a_vendor_that_takes_uploads(tmp_path: Path, clock: TurnedClock) -> None:
    vendor = FakeProvider(delivery=Delivery.UPLOAD)
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        house.reach.fault = LinkFault.REFUSED
        await house.running()
        spec = vendor.jobs["t1"].spec
        assert isinstance(spec, TrainingSpec)
        assert all(given.url is None for given in spec.inputs)
        assert house.rows("SELECT * FROM link") == []


async def test_the_intent_is_on_disk_before_the_call_leaves(house: Engine) -> None:
    job = await house.train()
    hold = house.provider.hold("submit")
    await house.runner.submit_due()
    await hold.entered.wait()
    (row,) = house.rows("SELECT state, submit_begun_at, lease_owner, lease_until FROM job")
    assert row[:3] == ("submitting", house.clock.ms, house.store.me)
    assert row[3] >= house.clock.ms + (TIMING.call + SETTLE).total_seconds() * 1000
    hold.release.set()
    await house.runner.idle()
    assert (await house.job(job.id)).state is JobState.RUNNING


async def test_a_refusal_that_started_nothing_goes_back_and_is_tried_again_later_each_time(
    house: Engine,
) -> None:
    job = await house.train()
    house.provider.fail_next("submit", Fault.DOWN, times=3)
    await house.submit()
    for wait in (5, 10, 20):
        assert (await house.job(job.id)).state is JobState.QUEUED
        job = await look_after(house, timedelta(seconds=wait), job)
    assert (job.state, job.attempts, house.provider.paid) == (JobState.RUNNING, 4, 1)
    assert job.trouble_at is None


async def test_the_card_says_since_when_the_vendor_does_not_answer(house: Engine) -> None:
    job = await sent_with(house, Fault.DOWN)
    first = job.trouble_at
    assert first == house.store.now()
    house.provider.fail_next("submit", Fault.DOWN)
    job = await look_after(house, timedelta(seconds=5), job)
    assert job.trouble_at == first


async def keep_sending(house: Engine, job: Job, lasting: timedelta, why: Fault | ProviderError) -> Job:
    """The vendor says the same whenever it is asked, for so long."""
    operation = "submit" if job.kind is JobKind.TRAINING else "generate"
    until = house.store.now() + lasting
    while house.store.now() < until and (await house.job(job.id)).state is JobState.QUEUED:
        house.provider.fail_next(operation, why)
        await house.submit()
        house.clock.turn(TIMING.backoff_most)
    # Only what was sent has used its fault up.
    house.provider.vendor.faults[operation].clear()
    return await house.job(job.id)


async def test_a_vendor_that_is_never_there_fails_the_job_after_a_day(house: Engine) -> None:
    job = await house.train()
    job = await keep_sending(house, job, TIMING.out_of_reach - TIMING.backoff_most, Fault.DOWN)
    assert (job.state, job.reason) == (JobState.QUEUED, None)
    assert job.attempts > TIMING.submit_attempts
    job = await keep_sending(house, job, 3 * TIMING.backoff_most, Fault.DOWN)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.UNAVAILABLE)
    assert house.rows("SELECT * FROM link") == []


async def test_an_outage_that_we_slept_through_is_no_reason_to_give_up(house: Engine) -> None:
    job = await sent_with(house, Fault.DOWN)
    house.turn(days=3)
    house.provider.fail_next("submit", Fault.DOWN)
    await house.submit()
    assert (await house.job(job.id)).state is JobState.QUEUED
    house.turn(minutes=5)
    await house.submit()
    assert (await house.job(job.id)).state is JobState.RUNNING


@pytest.mark.parametrize("why", [Fault.BUSY, RateLimited("One at a time.")], ids=["with-a-wait", "without"])
async def test_a_vendor_busy_for_five_hours_is_sent_the_job_once_it_is_free(
    house: Engine, why: Fault | ProviderError
) -> None:
    job = await house.train()
    begun = house.store.now()
    job = await keep_sending(house, job, timedelta(hours=5), why)
    assert (job.state, job.reason, house.provider.paid) == (JobState.QUEUED, None, 0)
    assert (job.busy_at, job.trouble_at) == (begun, None)
    assert job.attempts == job.busies > 2 * TIMING.submit_attempts
    await house.until(lambda: house.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
    assert house.provider.paid_for("training") == 1
    done = await house.job(job.id)
    assert (done.state, done.busy_at) == (JobState.SUCCEEDED, None)
    assert [call for call, _ in house.provider.calls].count("submit") == job.attempts + 1


async def test_operators_hear_of_a_vendor_that_is_busy_for_long_and_once_a_day(house: Engine) -> None:
    spent = RateLimited("The allowance is used up.")
    job = await keep_sending(house, await house.train(), TIMING.busy_tells, spent)
    await house.say()
    assert house.world.of_kind(NoticeKind.OPERATOR) == []
    job = await keep_sending(house, job, 6 * TIMING.backoff_most, spent)
    await house.say()
    (told,) = house.rows("SELECT owner, json_extract(payload, '$.fault') FROM outbox WHERE kind = 'operator'")
    assert tuple(told) == (OLGA, "busy")
    assert job.state is JobState.QUEUED


async def test_images_wait_for_a_busy_vendor_as_long_as_it_takes(house: Engine) -> None:
    root = await house.running()
    house.provider.finish()
    house.turn(seconds=5)
    await house.poll()
    job = await keep_sending(house, await house.last(root.id), timedelta(hours=5), Fault.BUSY)
    assert (job.kind, job.state) == (JobKind.GENERATION, JobState.QUEUED)
    assert job.busies > 2 * TIMING.submit_attempts
    await house.until(lambda: house.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
    assert (await house.job(job.id)).state is JobState.SUCCEEDED
    assert house.provider.paid_for("generation") == 1


async def test_what_waits_for_a_busy_vendor_can_be_cancelled(house: Engine) -> None:
    job = await keep_sending(house, await house.train(), timedelta(hours=1), Fault.BUSY)
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.NOW
    assert (await house.job(job.id)).state is JobState.CANCELLED
    house.turn(hours=1)
    await house.submit()
    assert house.provider.paid == 0


async def test_a_busy_vendor_leaves_an_outage_and_a_start_that_broke_off_all_their_attempts(
    house: Engine,
) -> None:
    job = await keep_sending(house, await house.train(), timedelta(hours=5), Fault.BUSY)
    house.provider.fail_next("submit", Fault.DOWN)
    await house.submit()
    job = await house.job(job.id)
    assert (job.state, job.busy_at, job.trouble_at) == (JobState.QUEUED, None, house.store.now())
    house.turn(seconds=5)  # The first wait of an outage, and not that of the sixtieth attempt.
    house.provider.fail_next("submit", Fault.HALF)
    await house.submit()
    assert (await house.job(job.id)).state is JobState.SUBMITTING
    await house.until(lambda: house.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
    assert (await house.job(job.id)).state is JobState.SUCCEEDED
    assert house.provider.paid_for("training") == 1


async def test_a_busy_vendor_holds_the_whole_lane_for_as_long_as_it_asks(house: Engine) -> None:
    first = await sent_with(house, Fault.BUSY)
    second = await house.train(key="wish-2")
    house.turn(seconds=6.999)
    await house.submit()
    assert {(await house.job(one.id)).state for one in (first, second)} == {JobState.QUEUED}
    house.turn(milliseconds=1)
    await house.submit()
    assert {(await house.job(one.id)).state for one in (first, second)} == {JobState.RUNNING}


async def test_an_outage_holds_no_other_job_of_the_lane(house: Engine) -> None:
    await sent_with(house, Fault.DOWN)
    second = await house.train(key="wish-2")
    await house.submit()
    assert (await house.job(second.id)).state is JobState.RUNNING


async def test_an_answer_lost_after_the_job_was_made_is_found_and_paid_once(house: Engine) -> None:
    job = await sent_with(house, Fault.CREATED)
    assert (job.state, job.remote_id) == (JobState.SUBMITTING, None)
    job = await look_after(house, SETTLE, job)
    assert (job.state, job.remote_id, house.provider.paid) == (JobState.RUNNING, "t1", 1)
    assert [call for call, _ in house.provider.calls].count("submit") == 1


async def test_a_vendors_list_that_lags_is_asked_three_times_before_it_is_believed(house: Engine) -> None:
    house.provider.vendor.lag = 2
    job = await sent_with(house, Fault.CREATED)
    for wait in (SETTLE, ONE_MINUTE, FIVE_MINUTES):
        assert job.state is JobState.SUBMITTING
        job = await look_after(house, wait, job)
    assert (job.state, job.remote_id, house.provider.paid) == (JobState.RUNNING, "t1", 1)


async def test_an_answer_lost_before_the_job_was_made_is_sent_again_under_the_same_key(house: Engine) -> None:
    job = await sent_with(house, Fault.LOST)
    for wait in (SETTLE, ONE_MINUTE, FIVE_MINUTES):
        assert (job.state, house.provider.paid) == (JobState.SUBMITTING, 0)
        job = await look_after(house, wait, job)
    await house.submit()
    assert ((await house.job(job.id)).state, house.provider.paid) == (JobState.RUNNING, 1)
    assert [what for call, what in house.provider.calls if call == "submit"] == [job.id, job.id]


async def test_an_answer_lost_three_times_is_left_to_a_human(house: Engine) -> None:
    job = await house.train()
    house.provider.fail_next("submit", Fault.LOST, times=9)
    await house.until(lambda: bool(house.rows("SELECT 1 FROM job WHERE finished_at NOT NULL")))
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.LOST)
    assert [call for call, _ in house.provider.calls].count("submit") == TIMING.unknown_attempts


async def test_a_vendor_that_cannot_be_asked_is_never_sent_the_same_thing_twice(lossy: Engine) -> None:
    job = await sent_with(lossy, Fault.LOST)
    assert job.state is JobState.SUBMITTING
    job = await look_after(lossy, SETTLE, job)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.LOST)
    assert [call for call, _ in lossy.provider.calls if call in ("submit", "find")] == ["submit"]
    assert lossy.rows("SELECT * FROM link") == []


async def test_an_answer_that_makes_no_sense_may_have_been_paid_and_is_looked_for(house: Engine) -> None:
    job = await sent_with(house, UnexpectedResponse("<html>"))
    assert job.state is JobState.SUBMITTING
    job = await look_after(house, SETTLE, job)
    assert house.provider.calls[-1][0] == "find"


async def test_a_look_that_fails_is_repeated_and_costs_no_look(house: Engine) -> None:
    job = await sent_with(house, Fault.CREATED)
    house.provider.fail_next("find", Unavailable())
    house.provider.fail_next("find", RateLimited(retry_after=timedelta(seconds=40)))
    job = await look_after(house, SETTLE, job)
    assert (job.state, job.looks) == (JobState.SUBMITTING, 0)
    job = await look_after(house, TIMING.backoff_first, job)
    job = await look_after(house, timedelta(seconds=40), job)
    assert (job.state, house.provider.paid) == (JobState.RUNNING, 1)


async def test_a_vendor_that_can_never_be_asked_again_does_not_keep_a_job_for_ever(house: Engine) -> None:
    job = await sent_with(house, Fault.CREATED)
    house.provider.fail_next("find", AuthenticationFailed(), times=9)
    house.clock.turn(SETTLE)
    await house.submit()
    assert (await house.job(job.id)).state is JobState.SUBMITTING
    house.turn(hours=1)
    await house.submit()
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.LOST)


async def test_a_job_sent_before_we_were_away_for_long_is_asked_after_more_than_once(house: Engine) -> None:
    job = await sent_with(house, Fault.CREATED)
    house.provider.fail_next("find", RateLimited(retry_after=timedelta(seconds=40)))
    house.turn(hours=3)
    await house.submit()
    house.turn(seconds=40)
    await house.submit()
    assert ((await house.job(job.id)).state, house.provider.paid) == (JobState.RUNNING, 1)


async def test_two_lost_answers_never_adopt_the_same_remote_job(house: Engine) -> None:
    first = await house.train()
    second = await house.train(key="wish-2")
    house.provider.fail_next("submit", Fault.CREATED, times=2)
    await house.submit()
    await house.until(lambda: not house.rows("SELECT 1 FROM job WHERE state = 'submitting'"))
    remote = {(await house.job(one.id)).remote_id for one in (first, second)}
    assert remote == {"t1", "t2"}
    assert house.provider.paid_for("training") == 2


class GivesAnotherOnesId(FakeProvider):
    """A vendor that answers a second request with the first one's id."""

    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        made = await super().submit(spec, key=key)
        return made.model_copy(update={"ref": made.ref.model_copy(update={"id": "t1"})})


async def test_an_id_that_belongs_to_another_job_is_never_taken(tmp_path: Path, clock: TurnedClock) -> None:
    async with engine(tmp_path / "data", clock, provider=GivesAnotherOnesId()) as house:
        first = await house.running()
        second = await house.train(key="wish-2")
        await house.submit()
        assert (await house.job(first.id)).remote_id == "t1"
        after = await house.job(second.id)
        assert (after.state, after.remote_id) == (JobState.SUBMITTING, None)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidInput("no face"), FailureReason.INVALID_INPUT),
        (ContentRejected("no"), FailureReason.CONTENT_REJECTED),
        (AuthenticationFailed("bad key"), FailureReason.AUTHENTICATION),
        (QuotaExceeded("no money"), FailureReason.QUOTA),
        (NotFound("gone"), FailureReason.VENDOR_FORGOT),
        (PermanentError("no"), FailureReason.UNEXPECTED),
    ],
    ids=lambda value: value.value if isinstance(value, FailureReason) else "",
)
async def test_a_refusal_for_good_ends_the_job_and_says_why_in_both_places(
    house: Engine, error: PermanentError, reason: FailureReason
) -> None:
    job = await sent_with(house, error)
    assert (job.state, job.reason, job.detail) == (JobState.FAILED, reason, error.detail)
    assert house.rows("SELECT * FROM link") == []
    await house.say()
    assert len(house.world.of_kind(NoticeKind.FAILED)) == 1
    assert len(house.world.of_kind(NoticeKind.FAILED_DM)) == 1
    assert house.world.of_kind(NoticeKind.CARD)[0].versions[-1] == "failed"


@pytest.mark.parametrize(
    ("error", "told"),
    [(AuthenticationFailed(), True), (QuotaExceeded(), True), (InvalidInput(), False)],
    ids=["credentials", "quota", "input"],
)
async def test_operators_hear_of_what_only_they_can_mend(
    house: Engine, error: PermanentError, told: bool
) -> None:
    await sent_with(house, error)
    await house.say()
    found = [message.key for message in house.world.of_kind(NoticeKind.OPERATOR)]
    assert [key.split(":")[1] for key in found] == ([OLGA] if told else [])


async def test_links_that_lead_nowhere_are_found_out_before_any_money(house: Engine) -> None:
    house.reach.fault = LinkFault.REFUSED
    job = await house.running()
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.LINKS_UNREACHABLE)
    assert house.provider.paid == 0
    assert house.rows("SELECT * FROM link") == []
    assert "operator" in house.wanted()


async def test_a_photo_that_is_gone_is_found_out_before_any_money(house: Engine) -> None:
    job = await house.train()
    (photo, *_) = await house.store.read(lambda tx: tx.inputs.of_job(job.id))
    house.store.media.path(photo.medium.sha256).unlink()
    await house.submit()
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.PHOTOS_GONE)
    assert [call for call, _ in house.provider.calls].count("submit") == 0


async def test_no_more_run_at_once_than_the_vendor_allows(house: Engine) -> None:
    jobs = [await house.train(key=f"wish-{n}") for n in range(3)]
    await house.submit()
    states = [(await house.job(job.id)).state for job in jobs]
    assert states.count(JobState.RUNNING) == 2
    house.provider.finish()
    house.turn(seconds=5)
    await house.poll()
    await house.submit()
    assert house.provider.paid_for("training") == 3


async def test_a_call_cut_off_by_a_stop_is_looked_for_after_the_restart(
    tmp_path: Path, clock: TurnedClock
) -> None:
    vendor = FakeProvider()
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        job = await house.train()
        hold = vendor.hold("submit")
        await house.runner.submit_due()
        await hold.entered.wait()
    async with engine(tmp_path / "data", clock, provider=FakeProvider(vendor=vendor.vendor)) as house:
        await house.submit()
        assert (await house.job(job.id)).state is JobState.SUBMITTING
        job = await look_after(house, SETTLE, job)
        assert vendor.calls[-1][0] == "find"


async def test_a_slow_vendor_delays_no_other(tmp_path: Path, clock: TurnedClock) -> None:
    class Other(FakeProvider):
        name = "other"

    other = Other()
    async with engine(tmp_path / "data", clock, more=[other]) as house:
        first = await house.train()
        hold = house.provider.hold("submit")
        tray = await house.tray(2, source="x")
        second = await house.services.training.start(wish(way="other/training", key="wish-2"), tray)
        await house.runner.submit_due()
        await hold.entered.wait()
        while (await house.job(second.id)).state is not JobState.RUNNING:
            await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=0.01)
        assert (await house.job(first.id)).state is JobState.SUBMITTING
        hold.release.set()
        await house.runner.idle()


async def test_a_broken_step_is_logged_with_a_reference_and_comes_back(
    tmp_path: Path, clock: TurnedClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FakeProvider):
        async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
            raise ZeroDivisionError

    async with engine(tmp_path / "data", clock, provider=Broken()) as house:
        job = await house.train()
        await house.submit()
        (line,) = [record for record in caplog.records if record.getMessage() == "Step failed"]
        assert len(line.__dict__["reference"]) == 8
        job = await house.job(job.id)
        assert job.state is JobState.SUBMITTING
        job = await look_after(house, TIMING.call + SETTLE, job)
        assert house.provider.calls[-1][0] == "find"


async def test_an_unknown_outcome_is_no_refusal(house: Engine) -> None:
    job = await sent_with(house, OutcomeUnknown())
    assert (job.state, job.trouble_at) == (JobState.SUBMITTING, None)
