"""What there is to say: one per channel and gap, in order, kept up to date, looked for when in doubt."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from storage import Store, Tx
from storage.errors import StaleState
from storage.records.outbox import Notice, NoticeKind
from tests.stand_ins import ANA, THREAD, TurnedClock

LEASE = timedelta(seconds=60)
GAP = timedelta(milliseconds=1100)
NONE = timedelta(0)


async def put(store: Store, key: str, kind: NoticeKind = NoticeKind.CARD, **facts: Any) -> str:
    given: dict[str, Any] = {"owner": ANA, "place": THREAD, "job_id": "job_a"} | facts
    return await store.write(lambda tx: tx.outbox.put(key, kind, **given))


async def claim(store: Store, me: str = "one", *, gap: timedelta = NONE, limit: int = 20) -> list[Notice]:
    return await store.write(lambda tx: tx.outbox.claim(me, LEASE, gap, limit))


async def find(store: Store, key: str) -> Notice:
    found = await store.read(lambda tx: tx.outbox.find(key))
    assert found is not None
    return found


async def touch(store: Store, key: str) -> None:
    await store.write(lambda tx: tx.outbox.touch(key))


def _said(notice: Notice, tx: Tx) -> None:
    tx.outbox.said(notice, "m1")


@pytest.mark.parametrize("ending", ["said", "given up"])
async def test_the_words_of_a_person_are_forgotten_once_they_are_answered(store: Store, ending: str) -> None:
    await put(store, "reply:a", NoticeKind.REPLY, payload={"words": "status of my secret"})
    (notice,) = await claim(store)
    assert notice.payload == {"words": "status of my secret"}
    if ending == "said":
        await store.write(partial(_said, notice))
    else:
        await store.write(lambda tx: tx.outbox.give_up(notice, "nobody is there"))
    assert (await find(store, "reply:a")).payload == {}


async def test_a_key_is_wanted_once(store: Store) -> None:
    first = await put(store, "ready:a", NoticeKind.READY)
    again = await put(store, "ready:a", NoticeKind.READY)
    assert first == again
    assert [notice.key for notice in await claim(store)] == ["ready:a"]


async def test_two_processes_never_say_the_same_thing(store: Store) -> None:
    await put(store, "card:a")
    await put(store, "card:b")
    one, two = await claim(store, "one", limit=1), await claim(store, "two")
    assert sorted(notice.key for notice in one + two) == ["card:a", "card:b"]
    assert await claim(store, "three") == []


async def test_a_channel_hears_one_thing_per_gap_and_no_other_channel_waits(
    store: Store, clock: TurnedClock
) -> None:
    await put(store, "a", place="T1/C1/1")
    await put(store, "b", place="T1/C1/2")
    await put(store, "c", place="T1/C2/")
    assert [notice.key for notice in await claim(store, gap=GAP)] == ["a", "c"]
    clock.turn(GAP - timedelta(milliseconds=1))
    assert await claim(store, gap=GAP) == []
    clock.turn(timedelta(milliseconds=1))
    assert [notice.key for notice in await claim(store, gap=GAP)] == ["b"]


async def test_a_busy_channel_does_not_keep_another_from_being_heard(
    store: Store, clock: TurnedClock
) -> None:
    for number in range(6):
        await put(store, f"busy:{number}", place="T1/C1/")
    clock.turn(timedelta(milliseconds=1))
    await put(store, "quiet", place="T1/C2/")
    said = [notice.key for _ in range(2) for notice in await claim(store, gap=GAP, limit=3)]
    assert said == ["busy:0", "quiet"]


async def test_edits_of_one_workspace_keep_a_gap_of_their_own(store: Store, clock: TurnedClock) -> None:
    gap = timedelta(seconds=2)

    async def edits() -> list[str]:
        found = await store.write(lambda tx: tx.outbox.claim("one", LEASE, NONE, 20, edit_gap=gap))
        return [notice.key for notice in found]

    for key, channel in (("card:a", "T1/C1"), ("card:b", "T1/C2"), ("card:c", "T2/C1")):
        await put(store, key, place=f"{channel}/")
    for card in await claim(store):
        await store.write(partial(_said, card))
    for key in ("card:a", "card:b", "card:c"):
        await touch(store, key)
    await put(store, "post", place="T1/C3/")
    assert await edits() == ["card:a", "card:c", "post"]
    clock.turn(gap - timedelta(milliseconds=1))
    assert await edits() == []
    clock.turn(timedelta(milliseconds=1))
    assert await edits() == ["card:b"]


async def test_what_comes_after_waits_for_what_comes_before_and_stands_under_it(store: Store) -> None:
    await put(store, "card:a", place="T1/C1/")
    await put(store, "ready:a", NoticeKind.READY, after="card:a", place="T1/C1/")
    (card,) = await claim(store)
    assert await claim(store) == []
    await store.write(lambda tx: tx.outbox.said(card, "T1/C1/m1"))
    (ready,) = await claim(store)
    assert (ready.key, ready.anchor) == ("ready:a", "T1/C1/m1")


async def test_another_place_is_no_anchor(store: Store) -> None:
    await put(store, "card:a")
    await put(store, "ready:a", NoticeKind.READY, after="card:a", place="T1/U1/")
    (card,) = await claim(store)
    await store.write(lambda tx: tx.outbox.said(card, "T1/C1/m1"))
    (ready,) = await claim(store)
    assert ready.anchor is None


async def test_what_was_given_up_does_not_hold_up_what_comes_after(store: Store) -> None:
    await put(store, "card:a")
    await put(store, "ready:a", NoticeKind.READY, after="card:a")
    (card,) = await claim(store)
    await store.write(lambda tx: tx.outbox.give_up(card, "the channel is gone"))
    assert [notice.key for notice in await claim(store)] == ["ready:a"]


async def test_what_was_given_up_is_not_wanted_again(store: Store) -> None:
    await put(store, "card:a")
    (card,) = await claim(store)
    await store.write(lambda tx: tx.outbox.give_up(card, "the channel is gone"))
    await store.write(lambda tx: tx.outbox.touch("card:a"))
    assert await claim(store) == []


async def test_many_touches_are_one_edit(store: Store) -> None:
    await put(store, "card:a")
    (card,) = await claim(store)
    await store.write(lambda tx: tx.outbox.said(card, "m1"))
    for _ in range(5):
        await store.write(lambda tx: tx.outbox.touch("card:a"))
    (edit,) = await claim(store)
    assert (edit.message, edit.looking) == ("m1", False)
    await store.write(lambda tx: tx.outbox.said(edit, "m1"))
    assert await claim(store) == []


async def test_a_touch_while_it_is_being_said_is_said_afterwards(store: Store) -> None:
    await put(store, "card:a")
    (card,) = await claim(store)
    await store.write(lambda tx: tx.outbox.touch("card:a"))
    await store.write(lambda tx: tx.outbox.said(card, "m1"))
    assert [notice.message for notice in await claim(store)] == ["m1"]


async def test_a_quiet_touch_waits_and_a_loud_one_does_not(store: Store, clock: TurnedClock) -> None:
    quiet = timedelta(seconds=60)
    await put(store, "card:a")
    (card,) = await claim(store)
    await store.write(lambda tx: tx.outbox.said(card, "m1"))
    await store.write(lambda tx: tx.outbox.touch("card:a", quiet=quiet))
    clock.turn(quiet - timedelta(seconds=1))
    assert await claim(store) == []
    await store.write(lambda tx: tx.outbox.touch("card:a", quiet=quiet))
    clock.turn(timedelta(seconds=1))
    (edit,) = await claim(store)
    await store.write(lambda tx: tx.outbox.said(edit, "m1"))
    await store.write(lambda tx: tx.outbox.touch("card:a", quiet=quiet))
    await store.write(lambda tx: tx.outbox.touch("card:a"))
    assert len(await claim(store)) == 1


async def test_what_may_have_been_posted_is_looked_for(store: Store, clock: TurnedClock) -> None:
    await put(store, "ready:a", NoticeKind.READY)
    (first,) = await claim(store)
    assert not first.looking
    clock.turn(LEASE)
    (second,) = await claim(store, "two")
    assert second.looking
    assert second.post_begun_at == first.post_begun_at
    with pytest.raises(StaleState):
        await store.write(lambda tx: tx.outbox.said(first, "m1"))


async def test_what_was_surely_not_posted_is_not_looked_for(store: Store, clock: TurnedClock) -> None:
    wait = timedelta(seconds=7)
    await put(store, "ready:a", NoticeKind.READY)
    (first,) = await claim(store)
    await store.write(lambda tx: tx.outbox.again(first, wait, maybe_posted=False))
    assert await claim(store) == []
    clock.turn(wait)
    (second,) = await claim(store)
    assert not second.looking
    await store.write(lambda tx: tx.outbox.again(second, NONE, maybe_posted=True))
    assert [notice.looking for notice in await claim(store)] == [True]


async def test_an_edit_is_never_looked_for(store: Store, clock: TurnedClock) -> None:
    await put(store, "card:a")
    (card,) = await claim(store)
    await store.write(lambda tx: tx.outbox.said(card, "m1"))
    await store.write(lambda tx: tx.outbox.touch("card:a"))
    await claim(store)
    clock.turn(LEASE)
    (again,) = await claim(store)
    assert not again.looking


async def test_a_restart_frees_what_was_being_said_and_it_is_looked_for(store: Store) -> None:
    await put(store, "ready:a", NoticeKind.READY)
    await claim(store, "old")
    await store.write(lambda tx: tx.release("new", NONE))
    assert [notice.looking for notice in await claim(store, "new")] == [True]


async def test_files_of_a_message_keep_how_far_they_came(store: Store) -> None:
    note = await put(store, "pictures:a:1", NoticeKind.PICTURES)
    await store.write(lambda tx: tx.outbox.expect_uploads(note, [("aa", "image/png"), ("bb", "video/mp4")]))
    await store.write(lambda tx: tx.outbox.upload_is_at(note, 1, "sent", "F2"))
    await store.write(lambda tx: tx.outbox.expect_uploads(note, [("aa", "image/png"), ("bb", "video/mp4")]))
    await store.write(lambda tx: tx.outbox.upload_is_at(note, 1, "complete"))
    uploads = await store.read(lambda tx: tx.outbox.uploads(note))
    assert [(one.sha256, one.stage, one.file_id, one.media_type) for one in uploads] == [
        ("aa", "new", None, "image/png"),
        ("bb", "complete", "F2", "video/mp4"),
    ]
