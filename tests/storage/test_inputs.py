"""Photos, links, trays, pictures and models: who still needs what, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from storage import Store, Tx
from storage.errors import NotFound
from storage.records.jobs import JobKind, JobState
from storage.records.media import Refusal
from storage.records.outbox import NoticeKind
from storage.records.trays import TrayEntry, TrayState
from tests.stand_ins import ANA, BEN, THREAD, TurnedClock
from tests.storage.rows import LANE, LEASE, declare, new_job, photo, queue, run, take

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def tray(store: Store, *photos: str, owner: str = ANA) -> str:
    entries = [TrayEntry(f"F{i}", f"{i}.jpg", sha256) for i, sha256 in enumerate(photos)]

    def unit(tx: Tx) -> str:
        opened = tx.trays.open(owner, THREAD)
        tx.trays.add(opened.id, entries)
        return opened.id

    return str(await store.write(unit))


async def needed(store: Store) -> set[str]:
    return await store.read(lambda tx: tx.inputs.hashes_in_use(DAY))


async def drop(store: Store) -> list[str]:
    return await store.write(lambda tx: tx.inputs.drop_unneeded(HOUR))


async def test_a_photo_nobody_refers_to_goes_after_an_hour_and_not_before(
    store: Store, clock: TurnedClock
) -> None:
    sha256 = await photo(store)
    clock.turn(HOUR)
    assert await drop(store) == []
    clock.turn(timedelta(seconds=1))
    assert await drop(store) == [sha256]
    assert await needed(store) == set()


async def test_a_photo_posted_again_a_moment_before_a_sweep_stays(store: Store, clock: TurnedClock) -> None:
    sha256 = await photo(store)
    clock.turn(2 * HOUR)
    await photo(store)
    assert await drop(store) == []
    await tray(store, sha256)


async def test_a_photo_in_a_tray_in_a_job_or_behind_a_link_stays(store: Store, clock: TurnedClock) -> None:
    kept, used, linked = [await photo(store, data) for data in (b"kept", b"used", b"linked")]
    await tray(store, kept)
    await queue(store, "a", inputs=(("photo", used),))
    until = store.now() + DAY
    await store.write(lambda tx: tx.links.insert([("hash", "job_a", linked)], until))
    clock.turn(2 * HOUR)
    assert await drop(store) == []
    assert await needed(store) == {kept, used, linked}


async def test_a_tray_nobody_used_is_thrown_away_with_its_photos(store: Store, clock: TurnedClock) -> None:
    sha256 = await photo(store)
    tray_id = await tray(store, sha256)
    clock.turn(DAY)
    await store.write(lambda tx: tx.inputs.forget_drafts(DAY))
    assert await drop(store) == []
    clock.turn(timedelta(seconds=1))
    await store.write(lambda tx: tx.inputs.forget_drafts(DAY))
    assert (await store.read(lambda tx: tx.trays.get(tray_id))).state is TrayState.DISCARDED
    assert await drop(store) == [sha256]


async def test_photos_of_an_ended_job_stay_for_its_retry_and_then_go(
    store: Store, clock: TurnedClock
) -> None:
    sha256 = await photo(store)
    tray_id = await tray(store, sha256)
    await declare(store)
    await queue(store, "a", inputs=(("photo", sha256),))
    await store.write(lambda tx: tx.trays.close(tray_id, TrayState.USED, "job_a"))
    clock.turn(10 * DAY)
    await store.write(lambda tx: tx.inputs.forget_ended(DAY))
    assert await drop(store) == []
    held = await take(store)
    assert held is not None
    await store.write(lambda tx: tx.jobs.move(held, JobState.FAILED))
    clock.turn(DAY)
    await store.write(lambda tx: tx.inputs.forget_ended(DAY))
    assert await drop(store) == []
    assert [one.medium.sha256 for one in await store.read(lambda tx: tx.inputs.of_job("job_a"))] == [sha256]
    clock.turn(timedelta(seconds=1))
    await store.write(lambda tx: tx.inputs.forget_ended(DAY))
    assert await drop(store) == [sha256]


async def test_photos_of_a_job_come_in_the_order_they_were_given(store: Store) -> None:
    hashes = tuple([await photo(store, bytes([n])) for n in (3, 1, 2)])
    await queue(store, "a", inputs=tuple(("photo", sha256) for sha256 in hashes))
    assert (
        tuple(one.medium.sha256 for one in await store.read(lambda tx: tx.inputs.of_job("job_a"))) == hashes
    )


async def test_a_picture_is_needed_until_it_is_delivered_and_its_time_is_over(
    store: Store, clock: TurnedClock
) -> None:
    await declare(store)
    await run(store, "a")
    await store.write(lambda tx: tx.pictures.expect("job_a", [("g1/0", None)]))
    await store.write(lambda tx: tx.pictures.keep("job_a", 0, "cafe", "image/png"))
    await store.write(
        lambda tx: tx.outbox.put("pictures:a:1", NoticeKind.PICTURES, owner=ANA, place=THREAD, job_id="job_a")
    )
    clock.turn(3 * DAY)
    assert await needed(store) == {"cafe"}
    (held,) = await store.write(lambda tx: tx.jobs.claim_running(LANE, "one", LEASE, 1))
    await store.write(lambda tx: tx.jobs.move(held, JobState.SUCCEEDED))
    clock.turn(2 * DAY)
    assert await needed(store) == {"cafe"}
    (note,) = await store.write(lambda tx: tx.outbox.claim("one", LEASE, timedelta(0), 5))
    await store.write(lambda tx: tx.outbox.said(note, "m1"))
    assert await needed(store) == set()


async def test_pictures_the_vendor_names_again_are_the_same_pictures(store: Store) -> None:
    await queue(store, "a")
    await store.write(lambda tx: tx.pictures.expect("job_a", [("x", None), ("y", "image/png")]))
    await store.write(lambda tx: tx.pictures.expect("job_a", [("y", None), ("z", None), ("x", None)]))
    found = await store.read(lambda tx: tx.pictures.of_job("job_a"))
    assert [(one.ordinal, one.locator) for one in found] == [(0, "x"), (1, "y"), (2, "z")]


async def test_each_picture_is_in_one_message(store: Store) -> None:
    await queue(store, "a")
    await store.write(lambda tx: tx.pictures.expect("job_a", [("x", None), ("y", None)]))
    await store.write(lambda tx: tx.pictures.keep("job_a", 1, "beef", "image/png"))
    first = await store.write(lambda tx: tx.pictures.next_batch("job_a"))
    none = await store.write(lambda tx: tx.pictures.next_batch("job_a"))
    await store.write(lambda tx: tx.pictures.keep("job_a", 0, "cafe", "image/png"))
    second = await store.write(lambda tx: tx.pictures.next_batch("job_a"))
    assert [[one.locator for one in batch] for batch in (first, none, second)] == [["y"], [], ["x"]]


async def test_a_link_leads_to_its_photo_until_it_expires_or_is_closed(
    store: Store, clock: TurnedClock
) -> None:
    sha256 = await photo(store)
    await queue(store, "a", "b")
    until = store.now() + HOUR
    await store.write(lambda tx: tx.links.insert([("one", "job_a", sha256), ("two", "job_a", sha256)], until))
    await store.write(lambda tx: tx.links.insert([("three", "job_b", sha256)], until + HOUR))

    async def leads(token_hash: str) -> bool:
        return await store.read(lambda tx: tx.links.resolve(token_hash)) is not None

    assert [await leads(name) for name in ("one", "two", "three", "four")] == [True, True, True, False]
    clock.turn(HOUR)
    assert [await leads(name) for name in ("one", "two", "three")] == [False, False, True]
    await store.write(lambda tx: tx.links.drop_expired())
    await store.write(lambda tx: tx.links.close("job_b"))
    assert not await leads("three")


async def test_a_link_to_a_photo_that_is_not_ours_cannot_be_opened(store: Store) -> None:
    await queue(store, "a")
    with pytest.raises(IntegrityError):
        await store.write(lambda tx: tx.links.insert([("one", "job_a", "no such photo")], store.now()))


async def test_a_person_has_one_open_tray_per_place(store: Store) -> None:
    mine, again, theirs = await tray(store), await tray(store), await tray(store, owner=BEN)
    assert mine == again != theirs
    assert await store.write(lambda tx: tx.trays.close(mine, TrayState.DISCARDED))
    assert not await store.write(lambda tx: tx.trays.close(mine, TrayState.USED, "job_a"))
    assert await tray(store) != mine


async def test_a_file_put_into_a_tray_twice_is_one_entry_and_the_order_stays(store: Store) -> None:
    sha256 = await photo(store)
    tray_id = await tray(store, sha256)
    more = [TrayEntry("F9", "9.jpg", refusal=Refusal.DAMAGED), TrayEntry("F0", "0.jpg", sha256)]
    await store.write(lambda tx: tx.trays.add(tray_id, more))
    await store.write(lambda tx: tx.trays.add(tray_id, [TrayEntry("F5", "5.jpg", sha256)]))
    entries = await store.read(lambda tx: tx.trays.entries(tray_id))
    assert [(one.source, one.ordinal, one.refusal) for one in entries] == [
        ("F0", 1, None),
        ("F9", 2, Refusal.DAMAGED),
        ("F5", 3, None),
    ]


async def test_a_tray_that_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.read(lambda tx: tx.trays.get("tray_x"))


async def test_a_tray_without_a_thread_moves_under_its_message_and_one_with_a_thread_stays(
    store: Store,
) -> None:
    flat = (await store.write(lambda tx: tx.trays.open(ANA, "T1/C1/"))).id
    threaded = (await store.write(lambda tx: tx.trays.open(ANA, THREAD))).id
    await store.write(lambda tx: tx.trays.settle(flat, "T1/C1/", "T1/C1/7"))
    await store.write(lambda tx: tx.trays.settle(threaded, THREAD, "T1/C1/8"))
    found = await store.read(lambda tx: [tx.trays.get(flat).place, tx.trays.get(threaded).place])
    assert found == ["T1/C1/7", THREAD]


async def test_a_training_makes_one_model(store: Store, clock: TurnedClock) -> None:
    job = await store.write(lambda tx: tx.jobs.insert(new_job("a")))
    for _ in range(2):
        await store.write(lambda tx: tx.models.insert(job, "m-1"))
    clock.turn(HOUR)
    other = await store.write(lambda tx: tx.jobs.insert(new_job("b", kind=JobKind.TRAINING)))
    await store.write(lambda tx: tx.models.insert(other, "m-2"))
    models = await store.read(lambda tx: tx.models.of_owner("T1/U1"))
    assert [(one.remote_model_id, one.job_id) for one in models] == [("m-2", "job_b"), ("m-1", "job_a")]
