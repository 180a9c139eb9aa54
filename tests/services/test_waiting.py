"""A vendor that wants better inputs: told, reminded of, answered, closed; never paid for twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.providers import RemoteState, Role, Unavailable
from bot.services.errors import NotPrivate, NotWaiting, NotYours, Unfit
from bot.services.jobs import Stopped
from storage.records.jobs import FailureReason, Job, JobState
from storage.records.outbox import NoticeKind
from storage.records.places import direct
from storage.records.trays import TrayEntry
from tests.fakes import FakeProvider, Fault
from tests.stand_ins import ANA, BEN, THREAD, Engine, TurnedClock, engine

ASKS = {
    "state": RemoteState.NEEDS_USER,
    "reason": "the film is too dark",
    "wants": frozenset({Role.VIDEO}),
    "details": {"status": "REVIEW_FAILED"},
}


@pytest.fixture
async def house(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    """A vendor that reviews films."""
    async with engine(tmp_path / "data", clock, provider=FakeProvider(films=True)) as opened:
        yield opened


async def asked(house: Engine, script: list[object] | None = None) -> Job:
    """A job whose vendor asks for a better film."""
    house.provider.script("training", script or [ASKS, RemoteState.SUCCEEDED])  # type: ignore[list-item]
    job = await house.filming()
    house.turn(seconds=2)
    await house.poll()
    return await house.job(job.id)


async def brighter(house: Engine, mark: str = "-brighter") -> dict[str, list[TrayEntry]]:
    film = await house.keep(f"a film{mark}".encode(), "video/mp4", 1080, 1920, 300)
    return {Role.VIDEO.value: [TrayEntry(f"F{mark}", "film.mp4", film, role=Role.VIDEO.value)]}


async def answer(house: Engine, job: Job) -> Job:
    return await house.services.jobs.resubmit(job.id, ANA, await brighter(house), through=direct(ANA))


def said(house: Engine, kind: NoticeKind) -> int:
    return len(house.world.of_kind(kind))


async def test_what_is_wanted_and_why_is_on_the_job_and_said_in_thread_and_dm(house: Engine) -> None:
    job = await asked(house)
    assert (job.state, job.detail, job.wants) == (JobState.NEEDS_USER, "the film is too dark", ("video",))
    assert (job.asked_at, job.asks, job.remote_word) == (house.store.now(), 1, "REVIEW_FAILED")
    view = await house.services.progress.view(job.id)
    assert (view.stage.value, view.can_cancel) == ("needs_you", True)
    assert view.answer_by == house.store.now() + house.timing.answer_within
    await house.say()
    assert (said(house, NoticeKind.NEEDS_YOU), said(house, NoticeKind.NEEDS_YOU_DM)) == (1, 1)


async def test_it_holds_no_slot_while_it_waits(tmp_path: Path, clock: TurnedClock) -> None:
    vendor = FakeProvider(films=True, concurrency=1)
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        await asked(house)
        second = await house.filming(key="wish-2")
        assert second.state is JobState.RUNNING


async def test_its_owner_is_reminded_after_a_day_and_after_three_and_then_left_alone(house: Engine) -> None:
    await asked(house)
    await house.say()
    for hours, reminders in ((23, 0), (2, 1), (40, 1), (8, 2), (48, 2)):
        house.turn(hours=hours)
        await house.poll()
        await house.say()
        assert said(house, NoticeKind.REMINDER) == reminders


async def test_reminders_that_fell_into_an_absence_are_one(house: Engine) -> None:
    await asked(house)
    house.turn(days=4)
    await house.poll()
    await house.poll()
    await house.say()
    assert said(house, NoticeKind.REMINDER) == 1


async def test_a_job_nobody_answers_is_closed_and_the_vendor_is_told(house: Engine) -> None:
    job = await asked(house)
    house.turn(days=14, seconds=1)
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.NOT_ANSWERED)
    assert house.provider.jobs["t1"].cancelled
    await house.tidy()
    assert house.provider.jobs["t1"].tidied == 1
    assert house.holds(b"a film", b"id_front", b"id_back", b"letter") == [True, False, False, False]


async def test_a_job_that_its_vendor_went_on_with_unasked_is_taken_up_again_and_not_closed(
    tmp_path: Path, clock: TurnedClock
) -> None:
    vendor = FakeProvider(films=True, cancels=False)
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        job = await asked(house, [ASKS, RemoteState.SUCCEEDED])
        # Its staff was content after all: it trains, is charged, and cannot be stopped any more.
        vendor.jobs["t1"].asking = False
        house.turn(days=14, seconds=1)
        await house.poll()
        assert (await house.job(job.id)).state is JobState.QUEUED
        await house.until(lambda: house.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
        assert (await house.job(job.id)).state is JobState.SUCCEEDED
        assert [one.id for one in vendor.jobs.values() if one.kind == "training"] == ["t1"]
        assert house.holds(b"id_front", b"id_back", b"letter") == [False, False, False]


async def test_a_job_that_cannot_be_stopped_and_still_asks_is_closed(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(films=True, cancels=False)) as house:
        job = await asked(house)
        house.turn(days=14, seconds=1)
        await house.poll()
        assert (await house.job(job.id)).reason is FailureReason.NOT_ANSWERED


async def test_an_answer_to_a_vendor_that_has_lost_the_job_never_pays_for_a_second(house: Engine) -> None:
    job = await asked(house)
    await answer(house, job)
    del house.provider.jobs["t1"]
    await house.submit()
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.VENDOR_FORGOT)
    assert house.provider.jobs == {}
    await house.eraser.erase_due()
    assert house.holds(b"id_front", b"id_back", b"letter") == [False, False, False]


async def test_better_inputs_go_on_with_the_same_job_at_the_vendor(house: Engine) -> None:
    job = await asked(house)
    queued = await answer(house, job)
    assert (queued.state, queued.id, queued.wants, queued.asked_at) == (JobState.QUEUED, job.id, (), None)
    await house.submit()
    job = await house.job(job.id)
    assert (job.state, job.remote_id, job.detail) == (JobState.RUNNING, "t1", None)
    assert (house.provider.paid, house.provider.jobs["t1"].gone_on) == (1, 1)
    given = house.provider.jobs["t1"].spec.inputs
    assert [one.role for one in given] == [Role.VIDEO, Role.ID_FRONT, Role.ID_BACK, Role.LETTER]
    await house.until(lambda: house.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
    assert (await house.job(job.id)).state is JobState.SUCCEEDED


async def test_what_was_replaced_is_let_go_and_a_paper_s_bytes_go_at_once(house: Engine) -> None:
    job = await asked(house)
    letter = await house.keep(b"a better letter", "application/pdf")
    entries = [TrayEntry("F-letter2", "letter.pdf", letter, role=Role.LETTER.value)]
    await house.services.jobs.resubmit(job.id, ANA, {Role.LETTER.value: entries}, through=direct(ANA))
    await house.eraser.erase_due()
    assert house.holds(b"a film", b"id_front", b"letter", b"a better letter") == [True, True, False, True]


async def test_an_answer_is_held_to_the_vendor_s_limits_and_keeps_nothing_if_it_does_not_do(
    house: Engine,
) -> None:
    job, item = await asked(house), await house.item("view:answer")
    short = await house.keep(b"a short film", "video/mp4", 1920, 1080, 5)
    replaced = {"video": [TrayEntry("F-short", "short.mp4", short, role="video")]}
    with pytest.raises(Unfit):
        await house.services.jobs.resubmit(job.id, ANA, replaced, through=direct(ANA), item=item)
    assert (await house.job(job.id)).state is JobState.NEEDS_USER
    assert house.rows("SELECT done_at FROM inbox WHERE key = 'view:answer'") == [(None,)]
    assert len(await house.store.read(lambda tx: tx.inputs.of_job(job.id))) == 4


async def test_papers_come_back_by_a_private_way_only(house: Engine) -> None:
    job = await asked(house)
    paper = await house.keep(b"a better card", "application/pdf")
    replaced = {"id_front": [TrayEntry("F-front", "front.pdf", paper, role="id_front")]}
    with pytest.raises(NotPrivate):
        await house.services.jobs.resubmit(job.id, ANA, replaced, through=THREAD)
    assert (await house.job(job.id)).state is JobState.NEEDS_USER


async def test_only_its_owner_answers_and_only_once(house: Engine) -> None:
    job, item = await asked(house), await house.item("view:answer")
    with pytest.raises(NotYours):
        await house.services.jobs.resubmit(job.id, BEN, await brighter(house), through=direct(BEN))
    await house.services.jobs.resubmit(job.id, ANA, await brighter(house), through=direct(ANA), item=item)
    assert house.rows("SELECT count(*) FROM inbox WHERE key = 'view:answer' AND done_at NOT NULL") == [(1,)]
    with pytest.raises(NotWaiting):
        await answer(house, job)


async def test_a_vendor_may_ask_twice_and_each_time_is_said_of_its_own(house: Engine) -> None:
    job = await asked(house, [ASKS, ASKS, RemoteState.SUCCEEDED])
    await house.say()
    await answer(house, job)
    await house.submit()
    house.turn(seconds=2)
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.asks, job.reminders) == (JobState.NEEDS_USER, 2, 0)
    await house.say()
    assert (said(house, NoticeKind.NEEDS_YOU), said(house, NoticeKind.NEEDS_YOU_DM)) == (2, 2)
    assert house.provider.paid == 1


async def test_a_job_that_waits_is_cancelled_at_the_vendor(house: Engine) -> None:
    job = await asked(house)
    assert await house.services.jobs.cancel(job.id, ANA) is Stopped.SOON
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.stopped_remotely) == (JobState.CANCELLED, True)
    with pytest.raises(NotWaiting):
        await answer(house, job)


async def test_second_thoughts_after_the_answer_stop_it_at_the_vendor_without_a_slot(
    tmp_path: Path, clock: TurnedClock
) -> None:
    vendor = FakeProvider(films=True, concurrency=1)
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        job = await asked(house)
        await house.filming(key="wish-2")
        await answer(house, job)
        await house.submit()
        assert (await house.job(job.id)).state is JobState.QUEUED
        assert await house.services.jobs.cancel(job.id, ANA) is Stopped.SOON
        await house.submit()
        job = await house.job(job.id)
        assert (job.state, job.stopped_remotely) == (JobState.CANCELLED, True)
        assert house.provider.jobs["t1"].cancelled


@pytest.mark.parametrize("fault", [Fault.CREATED, Fault.LOST, Fault.HALF])
async def test_an_answer_whose_outcome_is_lost_is_looked_for_and_never_a_second_job(
    house: Engine, fault: Fault
) -> None:
    job = await asked(house)
    await answer(house, job)
    house.provider.fail_next("submit", fault)
    await house.submit()
    assert (await house.job(job.id)).state is JobState.SUBMITTING
    await house.until(lambda: house.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
    job = await house.job(job.id)
    assert (job.state, job.remote_id) == (JobState.SUCCEEDED, "t1")
    assert house.provider.paid_for("training") == 1


async def test_an_answer_a_busy_vendor_does_not_take_is_brought_again(house: Engine) -> None:
    job = await asked(house)
    await answer(house, job)
    house.provider.fail_next("submit", Unavailable(), times=3)
    await house.until(lambda: house.rows("SELECT 1 FROM job WHERE state = 'running'") != [])
    assert house.provider.paid == 1


async def test_a_vendor_that_is_gone_from_the_settings_leaves_a_waiting_job_that_can_be_stopped(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(films=True)) as house:
        job = await asked(house)
    other = FakeProvider(label="Other")
    other.name = "other"  # type: ignore[misc]
    async with engine(tmp_path / "data", clock, provider=other) as house:
        assert await house.services.jobs.cancel(job.id, ANA) is Stopped.NOW
        job = await house.job(job.id)
        assert (job.state, job.stopped_remotely) == (JobState.CANCELLED, False)
