"""Copies in a bucket: there while their job needs them, gone afterwards, whatever happens in between."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.providers import RateLimited, RemoteState, TrainingSpec
from bot.services.jobs import Stopped
from bot.services.timing import Timing
from storage.records.jobs import FailureReason, Job, JobState
from storage.records.links import LinkFault, LinkMeans, LinkTrouble, OutsideAccess
from tests.fake_bucket import FakeBucket
from tests.stand_ins import ANA, Engine, TurnedClock, engine

HOUR = timedelta(hours=1)


@pytest.fixture
def bucket(clock: TurnedClock) -> FakeBucket:
    return FakeBucket(clock)


@pytest.fixture
async def shop(tmp_path: Path, clock: TurnedClock, bucket: FakeBucket) -> AsyncIterator[Engine]:
    """The services over a bucket."""
    async with engine(tmp_path / "data", clock, bucket=bucket) as house:
        yield house


def copies(house: Engine) -> list[tuple[str, bool]]:
    """Name, and whether it is to be erased."""
    return [(n, o is not None) for n, o in house.rows("SELECT name, over_at FROM bucket_copy ORDER BY rowid")]


def given(house: Engine, remote_id: str = "t1") -> list[str]:
    spec = house.provider.jobs[remote_id].spec
    assert isinstance(spec, TrainingSpec)
    return [one.url or "" for one in spec.inputs]


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(60):
        await event.wait()


async def test_a_vendor_is_given_signed_links_to_copies_that_are_the_photos(
    shop: Engine, bucket: FakeBucket
) -> None:
    job = await shop.running(photos=3)
    assert job.state is JobState.RUNNING
    names = [url.rpartition("/")[2].partition("?")[0] for url in given(shop)]
    assert sorted(names) == sorted(bucket.objects)
    photos = [one.medium for one in await shop.store.read(lambda tx: tx.inputs.of_job(job.id))]
    for name, photo in zip(names, photos, strict=True):
        assert bucket.objects[name].data == shop.store.media.path(photo.sha256).read_bytes()
        assert bucket.objects[name].media_type == "image/jpeg"
        assert name.endswith(".jpg")
        assert len(name) == 43 + len(".jpg")
        assert photo.sha256[:8] not in name
    assert shop.rows("SELECT * FROM link") == []
    assert shop.reach.fetched == [given(shop)[0]]


async def test_a_signed_link_lives_no_longer_than_the_job_can_need_it(
    tmp_path: Path, clock: TurnedClock, bucket: FakeBucket
) -> None:
    timing = Timing()
    async with engine(tmp_path / "data", clock, bucket=bucket) as house:
        await house.running()
        deadline = house.provider.capabilities.training.deadline  # type: ignore[union-attr]
    lives = {life for _, life in bucket.signed}
    assert lives == {min(timing.link_life, deadline + timing.link_need)}


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
async def test_the_jobs_end_erases_its_copies(shop: Engine, bucket: FakeBucket, end: str) -> None:
    job = await shop.running()
    assert len(bucket.objects) == 2
    if end == "cancelled":
        assert await shop.services.jobs.cancel(job.id, ANA) is Stopped.SOON
    elif end == "succeeded":
        shop.provider.finish()
    else:
        shop.provider.jobs["t1"].script.clear()
        shop.provider.jobs["t1"].script.append(RemoteState.FAILED)
    shop.turn(seconds=30)
    await shop.poll()
    assert (await shop.job(job.id)).state.value == end
    assert [over for _, over in copies(shop)] == [True, True]
    await shop.copies.erase_due()
    assert bucket.objects == {}
    assert copies(shop) == []


def puts(bucket: FakeBucket) -> int:
    return sum(verb == "put" for verb, _ in bucket.asked)


async def busy(shop: Engine, wait: timedelta = timedelta(seconds=7)) -> Job:
    """A job that its vendor was too busy for, after its copies were made."""
    shop.provider.fail_next("submit", RateLimited(retry_after=wait))
    job = await shop.running()
    assert job.state is JobState.QUEUED
    return job


async def test_copies_of_a_refused_attempt_serve_the_next_one_by_links_of_its_own(
    shop: Engine, bucket: FakeBucket
) -> None:
    job = await busy(shop)
    first = set(bucket.objects)
    await shop.copies.erase_due()
    shop.turn(minutes=6)
    await shop.submit()
    assert (await shop.job(job.id)).state is JobState.RUNNING
    assert set(bucket.objects) == first
    assert (puts(bucket), len(bucket.signed)) == (2, 4)
    await shop.services.jobs.cancel(job.id, ANA)
    await shop.poll()
    await shop.copies.erase_due()
    assert bucket.objects == {}
    assert copies(shop) == []


@pytest.mark.parametrize("wait", [timedelta(hours=1), timedelta(minutes=16)])
async def test_copies_that_would_wait_for_long_end_with_their_attempt(
    shop: Engine, bucket: FakeBucket, wait: timedelta
) -> None:
    job = await busy(shop, wait)
    await shop.copies.erase_due()
    assert bucket.objects == {}
    shop.clock.turn(wait + timedelta(minutes=5))
    await shop.submit()
    assert (await shop.job(job.id)).state is JobState.RUNNING
    assert puts(bucket) == 4


async def test_a_wish_to_cancel_a_waiting_job_has_its_copies_erased(shop: Engine, bucket: FakeBucket) -> None:
    job = await busy(shop)
    assert await shop.services.jobs.cancel(job.id, ANA) is Stopped.NOW
    await shop.copies.erase_due()
    assert bucket.objects == {}


async def test_copies_that_somebody_took_away_are_put_anew(shop: Engine, bucket: FakeBucket) -> None:
    job = await busy(shop)
    bucket.objects.clear()
    shop.reach.faults.append(LinkFault.NOT_FOUND)
    shop.turn(minutes=6)
    await shop.submit()
    assert (await shop.job(job.id)).state is JobState.RUNNING
    assert (puts(bucket), len(bucket.objects)) == (4, 2)
    names = {url.rpartition("/")[2].partition("?")[0] for url in given(shop)}
    assert names == set(bucket.objects)
    await shop.copies.erase_due()
    assert len(copies(shop)) == 2


async def test_a_copy_older_than_any_link_serves_no_more(tmp_path: Path, clock: TurnedClock) -> None:
    bucket, short = FakeBucket(clock), Timing(link_life=timedelta(minutes=5))
    async with engine(tmp_path / "data", clock, bucket=bucket, timing=short) as house:
        job = await busy(house)
        first = set(bucket.objects)
        house.turn(minutes=6)
        await house.submit()
        assert (await house.job(job.id)).state is JobState.RUNNING
        await house.copies.erase_due()
        assert not first & set(bucket.objects)
        assert len(bucket.objects) == 2


async def test_a_row_stands_before_the_first_byte_leaves(shop: Engine, bucket: FakeBucket) -> None:
    arrived, go_on = bucket.hold()
    await shop.train()
    await shop.runner.submit_due()
    await soon(arrived)
    assert len(copies(shop)) == 2
    go_on.set()
    await shop.runner.idle()
    assert shop.provider.paid == 1


async def test_what_is_written_after_it_was_over_is_erased_once_more_and_nothing_is_paid(
    shop: Engine, bucket: FakeBucket
) -> None:
    arrived, go_on = bucket.hold()
    job = await shop.train()
    await shop.runner.submit_due()
    await soon(arrived)
    left = await shop.services.links.close([job.id])
    assert left == OutsideAccess(0, 0)
    go_on.set()
    await shop.runner.idle()
    assert shop.provider.paid == 0
    assert bucket.objects != {}
    await shop.copies.erase_due()
    assert bucket.objects == {}
    assert copies(shop) == []


@pytest.mark.parametrize(
    "fault", [LinkFault.REFUSED, LinkFault.KEYS_REFUSED, LinkFault.NO_BUCKET, LinkFault.GATEWAY]
)
async def test_a_bucket_that_refuses_stops_the_job_before_any_money_and_a_retry_works_once_it_is_mended(
    shop: Engine, bucket: FakeBucket, fault: LinkFault
) -> None:
    bucket.faults["put"] = fault
    job = await shop.running()
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.LINKS_UNREACHABLE)
    assert LinkTrouble.read(job.detail) == LinkTrouble(LinkMeans.BUCKET, fault)
    assert shop.provider.paid == 0
    assert "operator" in shop.wanted()
    bucket.faults.clear()
    again = await shop.services.jobs.retry(job.id, ANA)
    await shop.submit()
    assert (await shop.job(again.id)).state is JobState.RUNNING


async def test_a_signed_link_that_leads_nowhere_stops_the_job_and_its_copies_go(
    shop: Engine, bucket: FakeBucket
) -> None:
    shop.reach.fault = LinkFault.PASSWORD
    job = await shop.running()
    assert (job.reason, job.detail) == (FailureReason.LINKS_UNREACHABLE, "bucket:password")
    await shop.copies.erase_due()
    assert bucket.objects == {}


async def test_a_bucket_that_is_down_is_asked_again_until_the_copy_is_gone(
    shop: Engine, bucket: FakeBucket
) -> None:
    job = await shop.running()
    bucket.faults["erase"] = LinkFault.SILENT
    await shop.services.links.close([job.id])
    tries = [("erase", name) for name in bucket.objects]
    assert sorted(bucket.asked[-2:]) == sorted(tries)
    await shop.copies.erase_due()
    assert len(bucket.asked) == 4, "not before its time"
    bucket.faults.clear()
    shop.turn(seconds=5)
    await shop.copies.erase_due()
    assert bucket.objects == {}
    assert await shop.services.links.outside([job.id]) == OutsideAccess(0, 0)


async def test_operators_hear_of_copies_that_cannot_be_erased_and_at_last_that_nobody_tries_any_more(
    tmp_path: Path, clock: TurnedClock, bucket: FakeBucket
) -> None:
    timing = replace(Timing(), erase_tries=12)
    async with engine(tmp_path / "data", clock, bucket=bucket, timing=timing) as house:
        job = await house.running()
        bucket.faults["erase"] = LinkFault.KEYS_REFUSED
        await house.services.links.close([job.id])
        for _ in range(timing.erase_tries):
            house.turn(hours=1)
            await house.copies.erase_due()
        told = [key for (key,) in house.rows("SELECT key FROM outbox WHERE kind = 'operator'")]
        assert {key.split(":")[3] for key in told} == {"copies_stay", "copies_left"}
        assert copies(house) == []
        assert len(bucket.objects) == 2


async def test_a_copy_in_a_bucket_of_an_earlier_setting_is_erased_there(
    tmp_path: Path, clock: TurnedClock, bucket: FakeBucket
) -> None:
    other = FakeBucket(clock, where="s3://another")
    async with engine(tmp_path / "data", clock, bucket=bucket) as house:
        job = await house.running()
        provider = house.provider
    async with engine(
        tmp_path / "data", clock, provider=provider, bucket=other, earlier={bucket.where: bucket}
    ) as house:
        await house.services.links.close([job.id])
    assert bucket.objects == {}
    assert other.asked == []


async def test_expired_copies_go_without_waiting_for_their_job(shop: Engine, bucket: FakeBucket) -> None:
    job = await shop.running()
    shop.turn(hours=7)
    await shop.services.photos.sweep()
    await shop.copies.erase_due()
    assert bucket.objects == {}
    assert (await shop.job(job.id)).state is JobState.RUNNING


async def test_the_daily_sweep_erases_what_no_row_knows_and_nothing_that_is_not_ours(
    shop: Engine, bucket: FakeBucket, clock: TurnedClock
) -> None:
    path = shop.store.media.path(await shop.keep(b"x", "image/jpeg"))
    lost, foreign, fresh = "L" * 43 + ".jpg", "holiday.jpg", "F" * 43 + ".jpg"
    await bucket.put(lost, path, "image/jpeg")
    await bucket.put(foreign, path, "image/jpeg")
    shop.turn(hours=13)
    await bucket.put(fresh, path, "image/jpeg")
    assert await shop.copies.sweep() == 1
    assert set(bucket.objects) == {foreign, fresh}
    shop.turn(hours=13)
    assert await shop.copies.sweep() == 0, "once a day"
    shop.turn(hours=13)
    assert await shop.copies.sweep() == 1
    assert set(bucket.objects) == {foreign}


async def test_a_sweep_leaves_alone_what_a_row_knows(shop: Engine, bucket: FakeBucket) -> None:
    await shop.running()
    shop.turn(hours=20)
    assert await shop.copies.sweep() == 0
    assert len(bucket.objects) == 2


async def test_a_bucket_that_cannot_be_listed_ends_no_sweep_in_a_crash(
    shop: Engine, bucket: FakeBucket, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.faults["older"] = LinkFault.KEYS_REFUSED
    assert await shop.copies.sweep() == 0
    assert [r.fault for r in caplog.records if getattr(r, "action", "") == "bucket_not_swept"] == [  # type: ignore[attr-defined]
        "keys_refused"
    ]


async def test_no_signed_link_and_no_name_of_a_copy_is_logged(
    shop: Engine, bucket: FakeBucket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    job = await shop.running()
    names = list(bucket.objects)
    bucket.faults["erase"] = LinkFault.SILENT
    await shop.services.links.close([job.id])
    bucket.faults.clear()
    shop.turn(hours=1)
    await shop.copies.erase_due()
    text = "\n".join(str(record.__dict__) for record in caplog.records)
    assert "Copy erased" in text
    assert "X-Amz" not in text
    assert not any(name in text for name in names)


async def test_papers_that_are_let_go_of_go_from_the_bucket_too(
    tmp_path: Path, clock: TurnedClock, bucket: FakeBucket
) -> None:
    async with engine(tmp_path / "data", clock, bucket=bucket) as house:
        job = await house.running(photos=2)
        (first, _) = await house.store.read(lambda tx: tx.inputs.of_job(job.id))
        await house.store.write(lambda tx: tx.links.close(job.id, [first.medium.sha256]))
        assert [over for _, over in copies(house)] == [True, False]


async def test_a_job_whose_inputs_never_become_ready_ends_in_words_and_not_in_silence(
    tmp_path: Path, clock: TurnedClock, bucket: FakeBucket
) -> None:
    timing = replace(Timing(), ready=timedelta(milliseconds=50))
    async with engine(tmp_path / "data", clock, bucket=bucket, timing=timing) as house:
        bucket.hold()
        bucket.hold()
        job = await house.running()
        assert (job.reason, job.detail) == (FailureReason.LINKS_UNREACHABLE, "bucket:silent")
        await house.copies.erase_due()
        assert copies(house) == []
