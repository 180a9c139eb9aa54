"""Settings that switch an operation off: what was sent goes on, what was not ends, nothing is paid twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from bot.providers import (
    Kind,
    NotFound,
    Operation,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    Unavailable,
)
from bot.services.errors import VendorNotOffered
from bot.services.jobs import Stopped
from handlers.phrases import failure, refusal
from storage.records.jobs import FailureReason, Job, JobKind, JobState
from storage.records.outbox import NoticeKind
from storage.records.places import direct
from storage.records.trays import TrayEntry
from tests.fakes import FakeProvider, Fault
from tests.stand_ins import ANA, Engine, TurnedClock, engine, wish

ALL_ENDED = "SELECT 1 FROM job WHERE finished_at IS NULL"
ENDS = "SELECT kind, state, reason FROM job ORDER BY created_at, kind DESC"


class TwoProducts(FakeProvider):
    """Films or photos, by a setting: a job belongs to the product that takes what it was given."""

    def operation(self, kind: Kind, gave: frozenset[Role] = frozenset()) -> Operation | None:
        """Of two trainings the one that takes this."""
        films = self.settings.films if not gave else Role.VIDEO in gave
        if kind != "training" or films == self.settings.films:
            return super().operation(kind, gave)
        facts = {"films": films, "deadline": timedelta(days=10), "poll_most": timedelta(hours=1)}
        other = FakeProvider(self.settings.model_copy(update=facts), vendor=self.vendor).capabilities.training
        assert other is not None
        return other.model_copy(update={"offered": False})

    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:
        """Know a training only where its own product is asked."""
        self._refuse_another_s(ref)
        return await super().poll(ref, pushed=pushed)

    async def delete(self, ref: RemoteRef) -> bool:
        """Forget it only where its own product is asked."""
        self._refuse_another_s(ref)
        return await super().delete(ref)

    def _refuse_another_s(self, ref: RemoteRef) -> None:
        if ref.kind == "training" and ref.gave != {one.role for one in self.jobs[ref.id].spec.inputs}:
            raise NotFound("This product has no such training.")


class Restarts:
    """One vendor and one clock, and as many starts with other settings as a test wants."""

    def __init__(self, home: Path, clock: TurnedClock, kind: type[FakeProvider] = FakeProvider) -> None:
        self.home, self.clock, self.kind = home, clock, kind
        self.vendor = kind().vendor

    @asynccontextmanager
    async def with_settings(self, **facts: Any) -> AsyncIterator[Engine]:
        provider = self.kind(vendor=self.vendor, **facts)
        async with engine(self.home / "data", self.clock, provider=provider) as house:
            yield house
        self.clock.turn(timedelta(minutes=5))


@pytest.fixture
def restarts(tmp_path: Path, clock: TurnedClock) -> Restarts:
    return Restarts(tmp_path, clock)


@pytest.fixture
def products(tmp_path: Path, clock: TurnedClock) -> Restarts:
    return Restarts(tmp_path, clock, TwoProducts)


def calls(house: Engine, operation: str) -> int:
    return [what for what, _ in house.provider.calls].count(operation)


async def to_the_end(house: Engine) -> None:
    await house.until(lambda: house.rows(ALL_ENDED) == [])
    await house.say()


async def test_images_that_were_sent_for_are_delivered_and_no_more_of_them_are_offered(
    restarts: Restarts,
) -> None:
    async with restarts.with_settings() as house:
        job = await house.generating()
        assert job.state is JobState.RUNNING
    async with restarts.with_settings(generates=False) as house:
        (offer,) = await house.services.vendors.offers()
        assert offer.makes is None
        await to_the_end(house)
        job = await house.job(job.id)
        assert (job.state, job.tidied_at is not None) == (JobState.SUCCEEDED, True)
        assert len(house.world.of_kind(NoticeKind.PICTURES)) == 1
        assert not (await house.services.progress.view(job.root_id)).can_make_more
        (model,) = await house.store.read(lambda tx: tx.models.of_owner(ANA))
        with pytest.raises(VendorNotOffered) as refused:
            await house.services.generation.start(
                ANA, model.id, "a hill", 1, place=job.place, request_key="more-1"
            )
        assert "switched off in Darkroom's settings" in refusal(refused.value, "/darkroom")
        assert house.provider.paid == 2
        assert house.rows("SELECT 1 FROM outbox WHERE kind = 'operator'") == []


async def test_what_only_waited_ends_at_once_and_says_that_settings_did_it(restarts: Restarts) -> None:
    async with restarts.with_settings() as house:
        house.provider.fail_next("generate", Unavailable())
        job = await house.generating()
        assert job.state is JobState.QUEUED
    async with restarts.with_settings(generates=False) as house:
        job = await house.job(job.id)
        assert (job.state, job.reason) == (JobState.FAILED, FailureReason.SWITCHED_OFF)
        view = await house.services.progress.view(job.id)
        assert not view.can_retry
        told = failure(view)
        assert "switched off here" in told.reason
        assert "its images are not" in told.charged
        with pytest.raises(VendorNotOffered):
            await house.services.jobs.retry(job.id, ANA)
        await to_the_end(house)
        assert (calls(house, "generate"), house.provider.paid) == (1, 1)


async def test_what_waits_behind_a_running_one_does_not_wait_for_its_end(restarts: Restarts) -> None:
    facts = {"oneshots": True, "concurrency": 1}
    async with restarts.with_settings(**facts) as house:
        running = await oneshot(house, "wish-1")
        await house.submit()
        waiting = await oneshot(house, "wish-2")
        await house.submit()
        states = [(await house.job(one.id)).state for one in (running, waiting)]
        assert states == [JobState.RUNNING, JobState.QUEUED]
    async with restarts.with_settings(oneshots=False, concurrency=1) as house:
        assert (await house.job(waiting.id)).reason is FailureReason.SWITCHED_OFF
        await to_the_end(house)
        assert (await house.job(running.id)).state is JobState.SUCCEEDED
        assert house.provider.paid == 1


async def oneshot(house: Engine, key: str) -> Job:
    tray = await house.tray(2, source=key)
    return await house.services.training.start(wish(way="fake/oneshot", key=key), tray)


async def test_a_lost_answer_is_looked_for_and_what_is_found_is_delivered(restarts: Restarts) -> None:
    async with restarts.with_settings() as house:
        house.provider.fail_next("generate", Fault.CREATED)
        job = await house.generating()
        assert job.state is JobState.SUBMITTING
    async with restarts.with_settings(generates=False) as house:
        await to_the_end(house)
        assert (await house.job(job.id)).state is JobState.SUCCEEDED
        assert (calls(house, "generate"), house.provider.paid) == (1, 2)


async def test_what_is_not_found_is_said_to_be_lost_and_never_sent_anew(restarts: Restarts) -> None:
    async with restarts.with_settings() as house:
        house.provider.fail_next("generate", Fault.LOST)
        job = await house.generating()
        assert job.state is JobState.SUBMITTING
    async with restarts.with_settings(generates=False) as house:
        await to_the_end(house)
        job = await house.job(job.id)
        assert (job.state, job.reason) == (JobState.FAILED, FailureReason.LOST)
        assert calls(house, "find") == 1 + len(house.timing.looks)
        assert (calls(house, "generate"), house.provider.paid) == (1, 1)


async def test_a_start_that_the_vendor_cannot_be_searched_for_is_lost_at_once(restarts: Restarts) -> None:
    async with restarts.with_settings(idempotent=False) as house:
        house.provider.fail_next("generate", Fault.CREATED)
        job = await house.generating()
    async with restarts.with_settings(idempotent=False, generates=False) as house:
        await to_the_end(house)
        assert (await house.job(job.id)).reason is FailureReason.LOST
        assert house.rows("SELECT 1 FROM outbox WHERE kind = 'failed' AND job_id = ?", job.id) == [(1,)]


async def test_a_training_is_finished_and_what_was_wished_for_after_it_is_said_to_be_switched_off(
    restarts: Restarts,
) -> None:
    async with restarts.with_settings() as house:
        await house.running()
    async with restarts.with_settings(generates=False) as house:
        await to_the_end(house)
        assert house.rows(ENDS) == [("training", "succeeded", None), ("generation", "failed", "switched_off")]
        assert house.rows("SELECT count(*) FROM model") == [(1,)]
        assert house.provider.paid == 1


async def test_a_review_s_question_is_answered_after_its_training_was_switched_off(
    restarts: Restarts,
) -> None:
    async with restarts.with_settings(films=True, generates=False) as house:
        job = await asked(house)
        assert (await house.job(job.id)).state is JobState.NEEDS_USER
    async with restarts.with_settings(films=True, generates=False, trains=False, oneshots=True) as house:
        await answered(house, job)
        await to_the_end(house)
        assert (await house.job(job.id)).state is JobState.SUCCEEDED
        assert (house.provider.paid, house.provider.jobs["t1"].gone_on) == (1, 1)


async def asked(house: Engine) -> Job:
    house.provider.script("training", [RemoteState.NEEDS_USER, RemoteState.SUCCEEDED])
    job = await house.filming()
    house.turn(seconds=2)
    await house.poll()
    return job


async def answered(house: Engine, job: Job) -> None:
    film = await house.keep(b"a better film", "video/mp4", 1080, 1920, 300)
    better = {Role.VIDEO.value: [TrayEntry("F-2", "film.mp4", film, role=Role.VIDEO.value)]}
    await house.services.jobs.resubmit(job.id, ANA, better, through=direct(ANA))


async def test_an_answer_that_was_given_before_the_change_still_goes_to_the_vendor(
    restarts: Restarts,
) -> None:
    async with restarts.with_settings(films=True, generates=False) as house:
        job = await asked(house)
        await answered(house, job)
    async with restarts.with_settings(films=True, generates=False, trains=False, oneshots=True) as house:
        assert (await house.job(job.id)).state is JobState.QUEUED
        await to_the_end(house)
        assert (await house.job(job.id)).state is JobState.SUCCEEDED
        assert house.provider.paid == 1


async def test_what_goes_on_can_be_cancelled_and_the_vendor_is_told(restarts: Restarts) -> None:
    async with restarts.with_settings() as house:
        job = await house.generating()
    async with restarts.with_settings(generates=False) as house:
        assert await house.services.jobs.cancel(job.root_id, ANA) is Stopped.SOON
        await to_the_end(house)
        job = await house.job(job.id)
        assert (job.state, job.stopped_remotely) == (JobState.CANCELLED, True)


async def test_what_a_vendor_has_given_up_and_settings_have_switched_off_is_no_news(
    restarts: Restarts,
) -> None:
    async with restarts.with_settings() as house:
        await house.services.vendors.retire("fake", JobKind.GENERATION)
        (health,) = house.services.vendors.health()
        assert health.retired == (JobKind.GENERATION,)
    async with restarts.with_settings(generates=False) as house:
        (health,) = house.services.vendors.health()
        assert health.retired == ()


# -- a vendor of two products under one kind


async def test_a_job_of_the_other_product_is_held_to_its_own_limits_and_carried_to_its_end(
    products: Restarts,
) -> None:
    async with products.with_settings(films=True, generates=False) as house:
        house.provider.script("training", [RemoteState.RUNNING] * 3 + [RemoteState.SUCCEEDED])
        job = await house.filming()
        assert job.state is JobState.RUNNING
    products.clock.turn(timedelta(days=3))
    async with products.with_settings(films=False, generates=False) as house:
        # The deadline of the product that is offered now is an hour.
        (offer,) = await house.services.vendors.offers()
        assert [spec.role for spec in offer.inputs] == [Role.PHOTO]
        await house.poll()
        job = await house.job(job.id)
        assert job.state is JobState.RUNNING
        view = await house.services.progress.view(job.id)
        assert job.started_at is not None
        assert view.deadline_at == job.started_at + timedelta(days=10)
        await to_the_end(house)
        assert (await house.job(job.id)).state is JobState.SUCCEEDED
        assert house.provider.paid == 1


FILMS = (Role.VIDEO, Role.ID_FRONT, Role.ID_BACK, Role.LETTER)


async def test_jobs_of_the_other_product_take_no_place_from_what_is_offered(products: Restarts) -> None:
    async with products.with_settings(films=True, generates=False, concurrency=1) as house:
        house.provider.script("training", [RemoteState.RUNNING])
        film = await house.filming()
        waiting = await house.filming(key="wish-2")
        assert (film.state, waiting.state) == (JobState.RUNNING, JobState.QUEUED)
        house.provider.script("training", [RemoteState.SUCCEEDED])
    async with products.with_settings(films=False, generates=False, concurrency=1) as house:
        assert (await house.job(waiting.id)).reason is FailureReason.SWITCHED_OFF
        # Its way is the other product's now, and nothing of it is sent there.
        with pytest.raises(VendorNotOffered) as refused:
            await house.services.jobs.retry(waiting.id, ANA)
        assert refused.value.fault == "switched_off"
        first, second = await house.train(key="wish-3"), await house.train(key="wish-4")
        await house.submit()
        states = {(await house.job(one.id)).state for one in (first, second)}
        assert states == {JobState.RUNNING, JobState.QUEUED}
        assert (await house.job(film.id)).state is JobState.RUNNING


async def test_a_question_of_the_other_product_is_answered_with_what_that_takes(products: Restarts) -> None:
    async with products.with_settings(films=True, generates=False) as house:
        job = await asked(house)
    async with products.with_settings(films=False, generates=False) as house:
        assert (await house.services.progress.view(job.id)).wants_papers
        await answered(house, job)
        await to_the_end(house)
        assert (await house.job(job.id)).state is JobState.SUCCEEDED
        given = house.provider.jobs["t1"].spec
        assert [one.role for one in given.inputs] == list(FILMS)
        assert house.provider.paid == 1


async def test_a_training_of_the_other_product_is_erased_by_that(products: Restarts) -> None:
    async with products.with_settings(films=True, generates=False) as house:
        job = await house.filming()
        await to_the_end(house)
    async with products.with_settings(films=False, generates=False) as house:
        await house.services.deletions.ask(job.id, ANA)
        await house.delete()
        assert house.provider.jobs["t1"].deleted
