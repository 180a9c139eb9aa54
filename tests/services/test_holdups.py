"""A form with a file that cannot be used: nothing begins until its owner has chosen, and then once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.providers import RemoteState, Role
from bot.services.errors import (
    DomainError,
    LookFirst,
    NotPrivate,
    NotRetryable,
    NotYours,
    TrayClosed,
    Unfit,
)
from bot.services.holdups import HoldupView
from bot.services.inputs import PAPERS, PRIVATE
from storage.records.inbox import InboxItem
from storage.records.jobs import FailureReason, JobState
from storage.records.media import Refusal
from storage.records.places import direct
from storage.records.trays import TrayEntry, TrayState
from tests.fakes import FakeProvider, Fault
from tests.stand_ins import ANA, BEN, THREAD, Engine, TurnedClock, engine, wish

BROKEN = TrayEntry("F-voice", "voice.zip", refusal=Refusal.NOT_RECORDINGS, role=Role.VOICE.value)
LOCKED = TrayEntry("F-locked", "letter.pdf", refusal=Refusal.PAPER_LOCKED, role=Role.LETTER.value)
FORM = "wish-1"


@pytest.fixture
async def house(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    """A vendor that wants a film and papers, and takes recordings."""
    async with engine(tmp_path / "data", clock, provider=FakeProvider(films=True, voice=True)) as opened:
        yield opened


async def sent(house: Engine, *entries: TrayEntry, item: InboxItem | None = None, key: str = FORM) -> str:
    """A form that is worked off as the surface does it; returns the tray that it has come to."""
    item = item or await house.item(f"view:{key}")
    asked = wish(key=key, count=1)
    with pytest.raises(DomainError) as why:
        await house.services.training.start_with(asked, entries, item)
    await house.services.holdups.hold(asked, entries, item, why.value)
    tray = await house.services.trays.find(ANA, THREAD)
    assert tray is not None
    return tray.tray.id


async def seen(house: Engine, tray: str) -> HoldupView:
    return await house.services.holdups.view(tray)


async def recordings(house: Engine, mark: str = "") -> TrayEntry:
    kept = await house.keep(f"a voice{mark}".encode(), "application/zip")
    return TrayEntry(f"F-well{mark}", "voice.zip", kept, role=Role.VOICE.value)


async def test_what_need_not_be_given_holds_a_form_up_once_it_is_given_and_cannot_be_used(
    house: Engine,
) -> None:
    tray = await sent(house, *await house.film_and_papers(), BROKEN)
    assert house.rows("SELECT count(*) FROM job") == [(0,)]
    view = await seen(house, tray)
    assert (view.astray[0].name, view.needed, view.can_go_on) == ("voice.zip", (), True)
    assert set(view.kept) == PAPERS
    # In private, and no message in the thread knows its name.
    told = house.rows("SELECT place FROM outbox WHERE key LIKE 'held:%'")
    assert told == [(direct(ANA),)]
    assert "voice.zip" not in str(await house.services.trays.view(tray)).split("astray=")[0]
    assert house.rows("SELECT count(*) FROM inbox WHERE done_at IS NULL") == [(0,)]


async def test_going_on_without_it_begins_once_however_often_it_is_pressed(house: Engine) -> None:
    tray = await sent(house, *await house.film_and_papers(), BROKEN)
    go_on = house.services.holdups.go_on
    jobs = await asyncio.gather(*(go_on(tray, FORM, ANA) for _ in range(3)))
    jobs.append(await go_on(tray, FORM, ANA))
    assert len({job.id for job in jobs}) == 1
    await house.submit()
    assert house.provider.vendor.calls.count(("submit", jobs[0].id)) == 1
    (job,) = house.provider.vendor.jobs.values()
    assert {one.role for one in job.spec.inputs} == {Role.VIDEO, *PAPERS}
    assert (await seen(house, tray)).state is TrayState.USED


async def test_what_is_held_up_waits_through_a_restart(tmp_path: Path, clock: TurnedClock) -> None:
    provider = FakeProvider(films=True, voice=True)
    async with engine(tmp_path / "data", clock, provider=provider) as before:
        tray = await sent(before, *await before.film_and_papers(), BROKEN)
    again = FakeProvider(provider.settings, vendor=provider.vendor)
    async with engine(tmp_path / "data", clock, provider=again) as house:
        assert (await seen(house, tray)).can_go_on
        first = await house.services.holdups.go_on(tray, FORM, ANA)
    async with engine(tmp_path / "data", clock, provider=again) as house:
        assert (await house.services.holdups.go_on(tray, FORM, ANA)).id == first.id
        assert house.rows("SELECT count(*) FROM job") == [(1,)]


async def test_a_crash_before_the_refusal_was_said_holds_the_form_up_once(house: Engine) -> None:
    item, entries = await house.item(f"view:{FORM}"), [*await house.film_and_papers(), BROKEN]
    with pytest.raises(LookFirst):
        await house.services.training.start_with(wish(key=FORM, count=1), entries, item)
    assert house.rows("SELECT done_at FROM inbox") == [(None,)], "it is worked off anew"
    assert house.rows("SELECT count(*) FROM tray") == [(0,)]
    await sent(house, *entries, item=item)
    assert house.rows("SELECT count(*) FROM outbox WHERE key LIKE 'held:%'") == [(1,)]


async def test_a_paper_that_is_needed_lets_nothing_begin_until_a_better_one_comes(house: Engine) -> None:
    entries = [one for one in await house.film_and_papers() if one.role != Role.LETTER]
    tray = await sent(house, *entries, LOCKED)
    view = await seen(house, tray)
    assert (view.needed, view.can_go_on) == ((Role.LETTER,), False)
    with pytest.raises(DomainError):
        await house.services.holdups.go_on(tray, FORM, ANA)
    assert house.rows("SELECT count(*) FROM job") == [(0,)]
    # The other papers need not be given again.
    letter = (await house.film_and_papers())[-1]
    item = await house.item("view:2")
    job = await house.services.training.start_with(wish(key="2", count=1), [letter], item, tray)
    given = await house.store.read(lambda tx: tx.inputs.of_job(job.id))
    assert {one.role for one in given} == {Role.VIDEO, *PAPERS}


async def test_of_a_needed_and_an_optional_file_both_are_told_and_the_needed_one_decides(
    house: Engine,
) -> None:
    entries = [one for one in await house.film_and_papers() if one.role != Role.LETTER]
    view = await seen(house, await sent(house, *entries, LOCKED, BROKEN))
    assert [one.name for one in view.astray] == ["letter.pdf", "voice.zip"]
    assert (view.needed, view.can_go_on) == ((Role.LETTER,), False)


async def test_a_better_file_takes_the_place_of_the_one_that_could_not_be_used(house: Engine) -> None:
    tray = await sent(house, *await house.film_and_papers(), BROKEN)
    item, better = await house.item("view:2"), await recordings(house)
    job = await house.services.training.start_with(wish(key="2", count=1), [better], item, tray)
    given = await house.store.read(lambda tx: tx.inputs.of_job(job.id))
    assert Role.VOICE in {one.role for one in given}


async def test_a_second_file_that_cannot_be_used_is_a_question_of_its_own(house: Engine) -> None:
    tray = await sent(house, *await house.film_and_papers(), BROKEN)
    worse = TrayEntry("F-other", "again.zip", refusal=Refusal.DELETED, role=Role.VOICE.value)
    item, asked = await house.item("view:2"), wish(key="2", count=1)
    with pytest.raises(LookFirst) as why:
        await house.services.training.start_with(asked, [worse], item, tray)
    await house.services.holdups.hold(asked, [worse], item, why.value, tray)
    assert [one.name for one in (await seen(house, tray)).astray] == ["again.zip"]
    with pytest.raises(LookFirst):
        await house.services.holdups.go_on(tray, FORM, ANA)
    job = await house.services.holdups.go_on(tray, "2", ANA)
    assert house.rows("SELECT request_key, count(*) FROM job") == [(job.request_key, 1)]


async def test_what_the_vendor_would_not_take_is_asked_for_again_and_is_not_kept(
    tmp_path: Path, clock: TurnedClock
) -> None:
    provider = FakeProvider(films=True, voice=True, max_bytes=20)
    async with engine(tmp_path / "data", clock, provider=provider) as house:
        large = await house.keep(b"a voice that goes on and on", "application/zip")
        voice = TrayEntry("F-voice", "voice.zip", large, role=Role.VOICE.value)
        tray = await sent(house, *await house.film_and_papers(), voice)
        view = await seen(house, tray)
        assert [one.refusal for one in view.astray] == [Refusal.TOO_LARGE]
        assert view.can_go_on
        await house.eraser.erase_due()
        assert house.holds(b"a voice that goes on and on") == [False]


async def test_nobody_else_goes_on_with_it_and_nobody_with_what_was_thrown_away(house: Engine) -> None:
    tray = await sent(house, *await house.film_and_papers(), BROKEN)
    with pytest.raises(NotYours):
        await house.services.holdups.go_on(tray, FORM, BEN)
    await house.services.trays.discard(tray, ANA)
    with pytest.raises(TrayClosed):
        await house.services.holdups.go_on(tray, FORM, ANA)
    await house.eraser.erase_due()
    assert house.rows("SELECT count(*) FROM job") == [(0,)]
    assert house.holds(b"id_front", b"letter") == [False, False]
    assert (await seen(house, tray)).state is TrayState.DISCARDED


async def test_recordings_come_by_a_private_way_only(house: Engine) -> None:
    item, voice = await house.item("message:1"), await recordings(house)
    with pytest.raises(NotPrivate):
        await house.services.trays.receive(ANA, THREAD, [voice], item)


async def with_voice(house: Engine) -> str:
    entries, item = [*await house.film_and_papers(), await recordings(house)], await house.item("view:1")
    job = await house.services.training.start_with(wish(count=1), entries, item)
    await house.submit()
    return job.id


async def test_recordings_are_erased_with_the_papers_once_the_vendor_has_looked(house: Engine) -> None:
    house.provider.script(
        "training",
        [
            {"state": RemoteState.QUEUED},
            {"state": RemoteState.RUNNING, "released": PRIVATE},
            {"state": RemoteState.SUCCEEDED},
        ],
    )
    await with_voice(house)
    house.turn(seconds=5)
    await house.poll()
    await house.eraser.erase_due()
    assert house.holds(b"a voice", b"a film") == [True, True]
    house.turn(seconds=5)
    await house.poll()
    await house.eraser.erase_due()
    assert house.holds(b"a voice", b"a film") == [False, True]


async def test_what_was_begun_with_recordings_is_not_tried_again_without_them(
    tmp_path: Path, clock: TurnedClock
) -> None:
    vendor = FakeProvider(films=True, papers=False, voice=True)
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        house.provider.fail_next("submit", Fault.REFUSED)
        job_id = await with_voice(house)
        job = await house.job(job_id)
        assert job.reason is FailureReason.INVALID_INPUT
        await house.eraser.erase_due()
        assert house.holds(b"a voice") == [False]
        with pytest.raises(NotRetryable):
            await house.services.jobs.retry(job_id, ANA)


async def test_what_was_begun_with_recordings_does_not_go_on_without_them_once_they_are_erased(
    tmp_path: Path, clock: TurnedClock
) -> None:
    vendor = FakeProvider(films=True, papers=False, voice=True)
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        again = {"state": RemoteState.NEEDS_USER, "reason": "once more", "wants": frozenset({Role.VIDEO})}
        house.provider.script("training", [{"state": RemoteState.RUNNING, "released": PRIVATE}, again])
        job_id = await with_voice(house)
        for _ in range(2):
            house.turn(seconds=5)
            await house.poll()
        better = {Role.VIDEO.value: [(await house.film_and_papers("2"))[0]]}
        give = house.services.jobs.resubmit
        with pytest.raises(Unfit) as why:
            await give(job_id, ANA, better, through=direct(ANA))
        assert [lack.role for lack in why.value.lacks] == [Role.VOICE]
        voice = {Role.VOICE.value: [await recordings(house, "2")]}
        await give(job_id, ANA, better | voice, through=direct(ANA))
        assert (await house.job(job_id)).state is JobState.QUEUED
