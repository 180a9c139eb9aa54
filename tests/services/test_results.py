"""What comes of a job: covers, clips, costs, the vendor's log, and what it lets go of afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.providers import NotFound, RemoteJob, RemoteRef, RemoteState, Spec, Unavailable
from bot.services.collecting import MAX_PICTURE, recognised
from bot.services.errors import NotYours
from bot.services.timing import Timing
from storage.records.jobs import FailureReason, JobState
from storage.records.outbox import NoticeKind
from tests.fakes import FILM, FakeProvider, Fault
from tests.stand_ins import ANA, BEN, Engine, TurnedClock, engine, wish

READY = "SELECT 1 FROM outbox WHERE key LIKE 'ready:%' AND sent > 0"
FINISHED = "SELECT 1 FROM job WHERE finished_at IS NULL"


async def done(house: Engine) -> None:
    await house.until(lambda: house.rows(READY) != [] and house.rows(FINISHED) == [])


# -- what a training shows


async def test_what_a_training_shows_is_posted_before_what_is_made_of_it(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(covers=True)) as house:
        job = await house.train()
        await done(house)
        shown, made = house.world.of_kind(NoticeKind.PICTURES)
        assert (shown.key, shown.versions, made.versions) == (f"pictures:{job.id}:1", ["1"], ["2"])


async def test_a_training_that_only_shows_something_is_ready_with_it(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(covers=True, generates=False)) as house:
        job = await house.train(count=0)
        await done(house)
        ((after,),) = house.rows(
            "SELECT json_extract(payload, '$.pictures') FROM outbox WHERE kind = 'ready'"
        )
        assert after == f"pictures:{job.id}:1"
        assert (await house.services.progress.view(job.id)).pictures_here == 1


async def test_a_cover_that_cannot_be_fetched_keeps_no_model_waiting_for_long(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(covers=True)) as house:
        job = await house.running()
        house.provider.finish()
        house.provider.fail_next("fetch", Unavailable(), times=50)
        began = house.store.now()
        await house.until(lambda: house.rows("SELECT 1 FROM model") != [])
        assert house.store.now() - began <= house.timing.grace + timedelta(seconds=30)
        assert (await house.job(job.id)).state is JobState.SUCCEEDED


# -- clips


async def test_a_clip_is_kept_as_it_came_and_travels_as_one(tmp_path: Path, clock: TurnedClock) -> None:
    vendor = FakeProvider(films=True)
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        await house.filming()
        await house.until(lambda: house.rows("SELECT 1 FROM picture WHERE sha256 NOT NULL") != [])
        ((sha256, kind),) = house.rows("SELECT sha256, media_type FROM picture")
        assert kind == "video/mp4"
        assert (await house.services.media.read(sha256)).startswith(FILM)
        assert house.rows("SELECT media_type FROM upload") == [("video/mp4",)]


async def test_a_clip_may_be_larger_than_a_picture_may_and_is_never_held_in_memory(
    tmp_path: Path, clock: TurnedClock
) -> None:
    pieces = MAX_PICTURE // (1 << 20) + 2

    class Long(FakeProvider):
        async def fetch(self, ref: RemoteRef, artifact: object):  # type: ignore[no-untyped-def, override]
            yield FILM.ljust(1 << 20, b"\0")
            for _ in range(pieces):
                yield bytes(1 << 20)

    async with engine(tmp_path / "data", clock, provider=Long(films=True)) as house:
        await house.filming()
        await house.until(lambda: house.rows("SELECT 1 FROM picture WHERE sha256 NOT NULL") != [])
        ((sha256,),) = house.rows("SELECT sha256 FROM picture")
        assert house.store.media.path(sha256).stat().st_size == (pieces + 1) << 20


async def test_a_film_that_calls_itself_a_picture_is_held_to_a_picture_s_size(
    tmp_path: Path, clock: TurnedClock
) -> None:
    class Long(FakeProvider):
        async def fetch(self, ref: RemoteRef, artifact: object):  # type: ignore[no-untyped-def, override]
            for _ in range(MAX_PICTURE // (1 << 20) + 2):
                yield bytes(1 << 20)

    async with engine(tmp_path / "data", clock, provider=Long()) as house:
        await house.generating()
        house.provider.finish()
        house.turn(seconds=5)
        await house.poll()
        assert house.rows("SELECT 1 FROM picture WHERE sha256 NOT NULL") == []
        assert list((tmp_path / "data/media/aside").iterdir()) == []


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (FILM, "video/mp4"),
        (b"RIFF\x24\0\0\0WAVEfmt ", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_a_result_is_recognised_by_how_it_begins(head: bytes, kind: str | None) -> None:
    assert recognised(head) == kind


# -- costs


async def test_what_a_job_cost_is_kept_and_summed_by_unit_on_its_card(house: Engine) -> None:
    job = await house.train()
    await done(house)
    assert house.rows("SELECT kind, cost, cost_unit FROM job ORDER BY created_at") == [
        ("training", "1", "training"),
        ("generation", "1", "generation"),
    ]
    view = await house.services.progress.view(job.id)
    assert view.costs == ((Decimal(1), "training"), (Decimal(1), "generation"))


async def test_a_failure_that_was_charged_says_so(house: Engine) -> None:
    told = {"state": RemoteState.FAILED, "cost": Decimal("0.35"), "cost_unit": "CNY", "reason": "no face"}
    house.provider.script("training", [told])
    job = await house.running()
    house.turn(seconds=2)
    await house.poll()
    assert (await house.services.progress.view(job.id)).costs == ((Decimal("0.35"), "CNY"),)


# -- failures that may be taken back


async def test_a_vendor_may_take_days_to_take_a_failure_back(tmp_path: Path, clock: TurnedClock) -> None:
    vendor = FakeProvider(grace=timedelta(hours=72), deadline=timedelta(days=10))
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        doubt = {"state": RemoteState.CANCELLED, "tentative": True}
        vendor.script("training", [doubt])
        job = await house.running()
        house.turn(hours=70)
        await house.poll()
        assert (await house.job(job.id)).state is JobState.RUNNING
        house.turn(hours=1)
        await house.poll()
        assert (await house.job(job.id)).state is JobState.RUNNING
        house.turn(hours=74)
        await house.poll()
        job = await house.job(job.id)
        assert (job.state, job.reason) == (JobState.FAILED, FailureReason.VENDOR_FAILED)


# -- afterwards


async def test_when_a_job_is_over_its_vendor_lets_go_of_what_it_needed(house: Engine) -> None:
    job = await house.train()
    await done(house)
    await house.tidy()
    generation = await house.last(job.id)
    assert sorted(house.provider.vendor.tidied) == [("g1", generation.id), ("t1", job.id)]
    await house.tidy()
    assert len(house.provider.vendor.tidied) == 2
    assert house.rows("SELECT count(*) FROM job WHERE tidied_at IS NULL OR lease_owner NOT NULL") == [(0,)]


async def test_a_job_that_was_never_sent_has_nothing_to_let_go_of(house: Engine) -> None:
    job = await house.train()
    await house.services.jobs.cancel(job.id, ANA)
    await house.tidy()
    assert house.provider.vendor.tidied == []


async def test_a_job_refused_after_its_uploads_is_tidied_by_its_key(house: Engine) -> None:
    house.provider.fail_next("submit", Fault.REFUSED)
    job = await house.running()
    await house.tidy()
    assert house.provider.vendor.tidied == [("", job.id)]


async def test_it_is_asked_again_until_it_is_done_and_not_for_ever(house: Engine) -> None:
    house.provider.fail_next("submit", Fault.REFUSED)
    await house.running()
    house.provider.fail_next("tidy", Unavailable(), times=2)
    for _ in range(3):
        await house.tidy()
        house.turn(minutes=6)
    assert len(house.provider.vendor.tidied) == 1
    house.provider.fail_next("submit", Fault.REFUSED)
    house.provider.fail_next("tidy", Unavailable(), times=1000)
    await house.running(key="wish-2")
    for _ in range(house.timing.tidy_tries + 3):
        await house.tidy()
        house.turn(minutes=6)
    assert [call for call, _ in house.provider.calls].count("tidy") == 3 + house.timing.tidy_tries
    assert house.rows("SELECT count(*) FROM job WHERE tidied_at IS NULL") == [(0,)]


async def test_what_is_gone_there_already_is_tidy(house: Engine) -> None:
    house.provider.fail_next("submit", Fault.REFUSED)
    await house.running()
    house.provider.fail_next("tidy", NotFound())
    await house.tidy()
    assert house.rows("SELECT count(*) FROM job WHERE tidied_at IS NULL") == [(0,)]


async def test_a_vendor_that_is_gone_from_the_settings_is_not_waited_for_for_ever(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock) as house:
        house.provider.fail_next("submit", Fault.REFUSED)
        await house.running()
    other = FakeProvider()
    other.name = "other"  # type: ignore[misc]
    async with engine(tmp_path / "data", clock, provider=other) as house:
        for _ in range(house.timing.tidy_tries):
            await house.tidy()
            house.turn(minutes=6)
        assert house.rows("SELECT count(*) FROM job WHERE tidied_at IS NULL") == [(0,)]


async def test_a_tidying_that_died_is_taken_up_by_the_next_process(
    tmp_path: Path, clock: TurnedClock
) -> None:
    vendor = FakeProvider()
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        vendor.fail_next("submit", Fault.REFUSED)
        await house.running()
        lease = house.timing.tidy_lease
        assert len(await house.store.write(lambda tx: tx.jobs.claim_untidy(house.store.me, lease, 8))) == 1
        await house.tidy()
        assert vendor.vendor.tidied == []
    async with engine(tmp_path / "data", clock, provider=FakeProvider(vendor=vendor.vendor)) as house:
        await house.tidy()
        assert len(vendor.vendor.tidied) == 1


# -- the vendor's log


async def test_the_vendor_s_log_is_shown_to_the_owner_without_its_links(house: Engine) -> None:
    job = await house.running()
    house.provider.vendor.log = (
        "epoch 1",
        "saved to https://bucket.example.com/x?Signature=abc done",
        "x" * 999,
    )
    assert await house.services.progress.logs(job.id, ANA) == ("epoch 1", "saved to … done", "x" * 400)
    with pytest.raises(NotYours):
        await house.services.progress.logs(job.id, BEN)


async def test_of_a_long_log_the_end_is_shown(house: Engine) -> None:
    job = await house.running()
    house.provider.vendor.log = tuple(str(number) for number in range(1000))
    shown = await house.services.progress.logs(job.id, ANA)
    assert (len(shown), shown[-1]) == (100, "999")


async def test_a_log_that_cannot_be_had_is_empty(house: Engine) -> None:
    queued = await house.train()
    assert await house.services.progress.logs(queued.id, ANA) == ()
    await house.submit()
    house.provider.fail_next("logs", Unavailable())
    house.provider.vendor.log = ("epoch 1",)
    assert await house.services.progress.logs(queued.id, ANA) == ()
    assert await house.services.progress.logs(queued.id, ANA) == ("epoch 1",)


async def test_a_log_is_not_waited_for_for_long(tmp_path: Path, clock: TurnedClock) -> None:
    hasty = replace(Timing(), logs=timedelta(milliseconds=20))
    async with engine(tmp_path / "data", clock, timing=hasty) as house:
        job = await house.running()
        house.provider.hold("logs")
        assert await house.services.progress.logs(job.id, ANA) == ()


# -- the place in the queue


async def test_one_engine_runs_so_many_jobs_at_once_whatever_their_kind(
    tmp_path: Path, clock: TurnedClock
) -> None:
    vendor = FakeProvider(concurrency=1, oneshots=True, engine="painter")
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        await house.train()
        await done(house)
        (view,) = await house.services.models.of(ANA)

        async def more(number: int) -> str:
            job = await house.services.generation.start(
                ANA, view.model.id, "more", 1, place="T1/C1/1", request_key=f"more-{number}"
            )
            house.turn(seconds=1)
            return job.id

        async def stands() -> list[tuple[str, int]]:
            views = [await house.services.progress.view(one) for one in jobs]
            return [(view.current.state.value, view.queue_place) for view in views]

        jobs = [await more(1)]
        asked = wish(way="fake/oneshot", key="alone")
        jobs += [(await house.services.training.start(asked, await house.tray(2, source="s"))).id]
        house.turn(seconds=1)
        jobs += [await more(2)]
        await house.submit()
        assert await stands() == [("running", 0), ("queued", 1), ("queued", 2)]
        vendor.finish()
        await house.until(
            lambda: house.rows(f"SELECT 1 FROM job WHERE id = '{jobs[1]}' AND state = 'running'")
        )
        assert await stands() == [("succeeded", 0), ("running", 0), ("queued", 1)]


async def test_what_belongs_to_another_kind_of_job_of_one_engine_is_never_taken_for_a_lost_one(
    tmp_path: Path, clock: TurnedClock
) -> None:
    told: list[frozenset[str]] = []

    class Listing(FakeProvider):
        async def find(self, spec: Spec, *, known: frozenset[str], **facts: Any) -> RemoteJob | None:
            told.append(known)
            return await super().find(spec, known=known, **facts)

    vendor = Listing(oneshots=True, engine="painter")
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        await house.train()
        await done(house)
        asked = wish(way="fake/oneshot", key="alone")
        vendor.fail_next("oneshot", Fault.LOST)
        await house.services.training.start(asked, await house.tray(2, source="s"))
        await house.until(lambda: bool(told))
        assert told[0] == {"g1"}


@pytest.mark.parametrize("kind", ["training", "generation", "oneshot"])
async def test_the_place_in_the_queue_is_known_in_every_lane_of_a_vendor_that_does_one_at_a_time(
    tmp_path: Path, clock: TurnedClock, kind: str
) -> None:
    vendor = FakeProvider(concurrency=1, oneshots=True)
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        if kind == "generation":
            await house.train()
            await done(house)
        jobs = []
        for number in range(3):
            match kind:
                case "generation":
                    (view,) = await house.services.models.of(ANA)
                    job = await house.services.generation.start(
                        ANA, view.model.id, "more", 1, place="T1/C1/1", request_key=f"more-{number}"
                    )
                case _:
                    tray = await house.tray(2, source=f"s{number}")
                    asked = wish(way=f"fake/{kind}", key=f"more-{number}")
                    job = await house.services.training.start(asked, tray)
            jobs.append(job.id)
            house.turn(seconds=1)
        await house.submit()
        views = [await house.services.progress.view(one) for one in jobs]
        assert [view.queue_place for view in views if view.queue_place] == [1, 2]
        waiting = [view for view in views if view.queue_place]
        assert {view.stage.value for view in waiting} == {"our_queue"}
        assert {view.concurrency for view in waiting} == {1}
