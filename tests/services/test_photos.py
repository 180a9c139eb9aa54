"""Photos kept once and let go in time; links that lead somewhere for as long as they should."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.services.errors import PhotoRefused
from storage import Store
from storage.errors import StoreFull
from storage.media import MediaStore
from storage.records.trays import TrayEntry
from tests.stand_ins import ANA, BEN, THREAD, Engine, TurnedClock, engine, picture

DAY = timedelta(days=1)


def files(house: Engine) -> list[Path]:
    return sorted(path for path in (house.data_dir / "media").rglob("*") if path.is_file())


async def sweep(house: Engine, after: timedelta) -> int:
    """The sweep as it would run so much later; files age by the machine's clock, so they are aged by hand."""
    house.clock.turn(after)
    for file in files(house):
        then = file.stat().st_mtime - after.total_seconds()
        os.utime(file, (then, then))
    return await house.services.photos.sweep()


async def test_a_photo_is_kept_under_the_hash_of_what_we_made_of_it(house: Engine) -> None:
    photo = await house.services.photos.add(picture())
    data = await house.store.media.read(photo.sha256)
    assert hashlib.sha256(data).hexdigest() == photo.sha256
    assert (photo.media_type, photo.size, photo.width) == ("image/jpeg", len(data), 256)


async def test_the_same_photo_twice_is_one_row_and_one_file(house: Engine) -> None:
    first, second = [await house.services.photos.add(picture()) for _ in range(2)]
    assert first == second
    assert house.rows("SELECT count(*) FROM medium") == [(1,)]
    assert len(files(house)) == 1


async def test_a_refused_file_leaves_nothing(house: Engine) -> None:
    with pytest.raises(PhotoRefused):
        await house.services.photos.add(b"words")
    assert files(house) == []
    assert house.rows("SELECT * FROM medium") == []


class Full(MediaStore):
    async def put(self, data: bytes) -> str:
        raise StoreFull("the disk is full: nothing was stored")


@pytest.fixture
async def full(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    def fill(store: Store) -> None:
        store.media = Full(tmp_path / "data" / "media")

    async with engine(tmp_path / "data", clock, opened=fill) as opened:
        yield opened


async def test_a_full_disk_leaves_no_row_without_a_file(full: Engine) -> None:
    with pytest.raises(StoreFull):
        await full.services.photos.add(picture())
    assert full.rows("SELECT * FROM medium") == []


async def test_a_draft_nobody_used_is_erased_after_a_day(house: Engine) -> None:
    await house.tray(2)
    assert await sweep(house, timedelta(hours=23)) == 0
    assert await sweep(house, timedelta(hours=2)) == 2
    assert (files(house), house.rows("SELECT * FROM medium")) == ([], [])


async def test_a_discarded_tray_s_photos_are_erased_at_once_and_not_by_the_sweep(house: Engine) -> None:
    tray = await house.tray(2)
    await house.services.trays.discard(tray, ANA)
    assert "erase" in house.nudges
    assert house.rows("SELECT count(*) FROM doomed") == [(2,)]
    await house.eraser.erase_due()
    assert files(house) == []
    for table in ("medium", "look", "tray_entry", "doomed"):
        assert house.rows(f"SELECT * FROM {table}") == []


async def test_of_a_discarded_tray_what_a_job_or_another_tray_has_stays_for_it(house: Engine) -> None:
    await house.train(photos=2)
    theirs = await house.tray(3, owner=BEN)
    await house.services.trays.discard(await house.tray(4), ANA)
    await house.eraser.erase_due()
    assert len(files(house)) == 3
    await house.services.trays.discard(theirs, BEN)
    await house.eraser.erase_due()
    assert len(files(house)) == 2


async def test_a_photo_taken_out_of_a_tray_is_erased_at_once_and_the_others_stay(house: Engine) -> None:
    tray = await house.tray(3)
    await house.services.trays.remove(tray, ANA, ["f1"])
    assert "erase" in house.nudges
    await house.eraser.erase_due()
    assert len(files(house)) == 2
    for table in ("medium", "look", "tray_entry"):
        assert house.rows(f"SELECT count(*) FROM {table}") == [(2,)]
    assert house.rows("SELECT * FROM doomed") == []


async def test_a_photo_taken_out_stays_for_a_job_and_for_another_tray_that_have_it(house: Engine) -> None:
    await house.train(photos=2)
    await house.tray(3, owner=BEN)
    mine = await house.tray(4)
    await house.services.trays.remove(mine, ANA, ["f0", "f1", "f2", "f3"])
    await house.eraser.erase_due()
    assert len(files(house)) == 3


async def test_a_crash_after_a_photo_was_taken_out_leaves_its_bytes_to_the_next_process(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock) as first:
        tray = await first.tray(2)
        await first.services.trays.remove(tray, ANA, ["f0"])
        assert len(files(first)) == 2, "the process ended before it came to that"
    async with engine(tmp_path / "data", clock) as second:
        await second.eraser.erase_due()
        assert len(files(second)) == 1
        assert len((await second.services.trays.view(tray, ANA)).usable) == 1


async def test_what_takes_the_place_of_other_photos_stays_also_where_it_is_the_same_again(
    house: Engine,
) -> None:
    tray = await house.tray(2)
    kept = [entry.medium for entry in (await house.services.trays.view(tray, ANA)).entries]
    again = TrayEntry("again", "again.jpg", kept[0])
    await house.services.trays.receive(ANA, THREAD, [again], await house.item(), without=["f0", "f1"])
    assert "erase" in house.nudges
    await house.eraser.erase_due()
    assert [file.name for file in files(house)] == [kept[0]]
    assert (await house.services.trays.view(tray, ANA)).usable == (kept[0],)


async def test_a_photo_posted_again_while_its_tray_is_discarded_can_still_join_another(house: Engine) -> None:
    tray = await house.tray(1)
    house.turn(seconds=1)
    again = await house.services.photos.add(picture(0))
    await house.services.trays.discard(tray, ANA)
    await house.eraser.erase_due()
    assert house.store.media.holds(again.sha256)
    new = await house.tray(1, source="again")
    assert len((await house.services.trays.view(new, ANA)).usable) == 1


async def test_the_look_of_a_photo_goes_with_its_row_whoever_removes_that(house: Engine) -> None:
    kept = await house.services.photos.add(picture())
    assert house.rows("SELECT sha256 FROM look") == [(kept.sha256,)]
    await house.store.write(lambda tx: tx.inputs.doom([kept.sha256]))
    assert house.rows("SELECT * FROM look") == []
    await house.services.photos.add(picture())
    await house.store.write(lambda tx: tx.inputs.insert(kept))
    assert house.rows("SELECT sha256 FROM look") == [(kept.sha256,)], "given again it keeps its look"
    house.clock.turn(timedelta(hours=2))
    await house.store.write(lambda tx: tx.inputs.drop_unneeded(timedelta(hours=1)))
    assert house.rows("SELECT * FROM look") == []


async def test_photos_of_a_job_are_erased_a_day_after_it_ended_and_not_before(house: Engine) -> None:
    job = await house.running()
    assert await sweep(house, timedelta(days=9)) == 0
    await house.services.jobs.cancel(job.id, ANA)
    await house.poll()
    assert await sweep(house, timedelta(hours=23)) == 0
    assert await sweep(house, timedelta(hours=2)) == 2
    assert (files(house), house.rows("SELECT * FROM medium")) == ([], [])


async def test_delivered_images_are_erased_a_day_later_and_undelivered_ones_stay(house: Engine) -> None:
    await house.generating()
    house.provider.finish()
    house.turn(seconds=5)
    await house.poll()
    await sweep(house, timedelta(days=3))
    assert len(files(house)) == 2
    await house.say()
    assert len(house.world.messages) == 3
    await sweep(house, timedelta(hours=2))
    assert files(house) == []


async def test_a_sweep_runs_once_an_hour_however_often_it_is_asked_for(house: Engine) -> None:
    await house.tray(1)
    assert await sweep(house, 2 * DAY) == 1
    await house.tray(1)
    house.store.media.path("0" * 64).parent.mkdir(exist_ok=True)
    house.store.media.path("0" * 64).write_bytes(b"nobody's")
    assert await sweep(house, timedelta(minutes=59)) == 0


async def test_only_the_hash_of_a_link_is_kept(house: Engine) -> None:
    photo = await house.services.photos.add(picture(encoder="PNG"))
    job = await house.train()
    (url,) = await house.services.links.open(job.id, [photo])
    token = url.rsplit("/", 1)[1].removesuffix(".jpg")
    assert url == f"http://127.0.0.1:1/p/{token}.jpg"
    assert len(token) >= 43
    assert [row for row in house.rows("SELECT * FROM link") if token in map(str, row)] == []
    shown = await house.services.links.resolve(f"{token}.jpg")
    assert shown is not None
    assert (shown.path.read_bytes()[:4], shown.media_type) == (b"\xff\xd8\xff\xe0", "image/jpeg")


async def test_a_link_dies_after_its_time_and_a_guess_leads_nowhere(house: Engine) -> None:
    photo = await house.services.photos.add(picture())
    job = await house.train()
    (url,) = await house.services.links.open(job.id, [photo])
    name = url.rsplit("/", 1)[1]
    assert name.endswith(".jpg")
    assert await house.services.links.resolve("x" + name) is None
    house.clock.turn(house.timing.link_life - timedelta(milliseconds=1))
    assert await house.services.links.resolve(name) is not None
    house.turn(milliseconds=1)
    assert await house.services.links.resolve(name) is None
