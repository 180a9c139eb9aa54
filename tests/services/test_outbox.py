"""What there is to say is said once: later, looked for, or never, as the surface finds."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.services.notifier import Said, Speech
from bot.services.outbox import OutboxRunner
from handlers import trays
from storage.records.media import Refusal
from storage.records.outbox import NoticeKind
from storage.records.trays import TrayEntry
from tests.stand_ins import ANA, THREAD, Engine, FakeNotifier

LEASE = timedelta(seconds=120)


async def want(
    house: Engine, key: str = "ready:a", kind: NoticeKind = NoticeKind.READY, **facts: Any
) -> None:
    given: dict[str, Any] = {"owner": ANA, "place": THREAD} | facts
    await house.store.write(lambda tx: tx.outbox.put(key, kind, **given))


async def once(house: Engine) -> None:
    """One tick of `outbox`, to its end."""
    await house.outbox.say_due()
    await house.outbox.idle()


def stands(house: Engine) -> list[str]:
    return [message.key for message in house.world.messages.values()]


async def test_what_is_said_is_not_said_again(house: Engine) -> None:
    await want(house)
    for _ in range(3):
        await once(house)
        house.clock.turn(LEASE)
    assert stands(house) == ["ready:a"]
    assert len(house.world.deliveries) == 1
    assert house.rows("SELECT message, sent FROM outbox") == [("T1/C1/m1", 1)]


async def test_later_is_tried_again_then_and_not_looked_for(house: Engine) -> None:
    await want(house)
    house.world.answers.append(Said(Speech.LATER, wait=timedelta(seconds=30)))
    await once(house)
    house.turn(seconds=29.9)
    await once(house)
    assert stands(house) == []
    house.turn(seconds=0.1)
    await once(house)
    assert stands(house) == ["ready:a"]
    assert house.world.looked == []


async def test_what_may_stand_is_looked_for_and_found(house: Engine) -> None:
    await want(house)
    house.world.answers.append(Said(Speech.UNKNOWN))
    await once(house)
    house.turn(seconds=5)
    await once(house)
    assert stands(house) == ["ready:a"]
    assert (len(house.world.deliveries), len(house.world.looked)) == (1, 1)
    assert house.rows("SELECT message FROM outbox") == [("T1/C1/m1",)]


async def test_what_may_stand_but_does_not_is_said(house: Engine) -> None:
    house.world.posts_unknown = False
    await want(house)
    house.world.answers.append(Said(Speech.UNKNOWN))
    await once(house)
    house.turn(seconds=5)
    await once(house)
    assert stands(house) == ["ready:a"]
    assert (len(house.world.deliveries), len(house.world.looked)) == (2, 1)


async def test_what_can_never_be_found_out_is_left_as_it_may_be(
    house: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    await want(house)
    house.world.answers.append(Said(Speech.UNKNOWN))
    house.world.looks.extend([Said(Speech.UNKNOWN)] * 20)
    for _ in range(10):
        await once(house)
        house.turn(seconds=5)
    assert len(house.world.deliveries) == 1
    assert len(house.world.looked) == 5
    ((why,),) = house.rows("SELECT given_up FROM outbox")
    assert "cannot be found out" in why
    assert "Notice given up" in caplog.text


async def test_never_is_never_tried_again_and_the_log_says_why(
    house: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    await want(house)
    house.world.answers.append(Said(Speech.NEVER, why="channel_not_found"))
    for _ in range(3):
        await once(house)
        house.clock.turn(LEASE)
    assert len(house.world.deliveries) == 1
    assert house.rows("SELECT given_up FROM outbox") == [("channel_not_found",)]
    assert [r.__dict__["why"] for r in caplog.records if r.getMessage() == "Notice given up"] == [
        "channel_not_found"
    ]


async def test_an_error_nobody_foresaw_is_looked_for_before_it_is_said_again(
    house: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    await want(house)
    house.world.answers.append(ZeroDivisionError())
    await once(house)
    assert len([r for r in caplog.records if r.getMessage() == "Notice failed"]) == 1
    await once(house)
    assert stands(house) == []
    house.clock.turn(LEASE)
    await once(house)
    assert stands(house) == ["ready:a"]
    assert len(house.world.looked) == 1


async def test_a_card_is_edited_where_it_stands(house: Engine) -> None:
    job = await house.train()
    await house.say()
    await house.services.jobs.cancel(job.id, ANA)
    await house.say()
    (card,) = house.world.of_kind(NoticeKind.CARD)
    assert card.versions == ["our_queue", "cancelled"]


async def test_a_tray_moves_under_its_message(house: Engine) -> None:
    tray = await house.store.write(lambda tx: tx.trays.open(ANA, "T1/C1/"))
    await want(house, f"tray:{tray.id}", NoticeKind.TRAY, place="T1/C1/", tray_id=tray.id)
    await once(house)
    assert (await house.store.read(lambda tx: tx.trays.get(tray.id))).place == "T1/C1/m1"
    assert await house.services.trays.gathers(ANA, "T1/C1/m1")


async def test_the_card_is_brought_up_to_date_once_its_images_stand(house: Engine) -> None:
    job = await house.generating()
    house.provider.finish()
    house.turn(seconds=5)
    await house.poll()
    view = await house.services.progress.view(job.id)
    assert view.stage.value == "delivering"
    await house.say()
    assert house.world.of_kind(NoticeKind.CARD)[0].versions[-1] == "done"


async def test_one_channel_hears_one_thing_at_a_time(house: Engine) -> None:
    for number in range(3):
        await want(house, f"ready:{number}")
    await once(house)
    await once(house)
    assert len(stands(house)) == 1
    house.clock.turn(house.timing.message_gap)
    await once(house)
    assert len(stands(house)) == 2


async def test_a_sentence_that_is_cut_off_is_looked_for_by_the_next_process(house: Engine) -> None:
    entered, hold = asyncio.Event(), asyncio.Event()

    class Slow(FakeNotifier):
        async def _words(self, notice: Any) -> str:
            entered.set()
            await hold.wait()
            return "never"

    slow = OutboxRunner(house.store, Slow(house.world), house.timing, house.nudges)
    await want(house)
    await slow.say_due()
    await entered.wait()
    await slow.stop(0.01)
    assert stands(house) == []
    await house.store.write(lambda tx: tx.release("the next process", LEASE))
    house.turn(seconds=2)
    await once(house)
    assert stands(house) == ["ready:a"]
    assert len(house.world.looked) == 1


async def test_an_error_that_never_ends_is_given_up_after_a_bounded_number_of_tries(house: Engine) -> None:
    await want(house)
    house.world.posts_unknown = False
    tries = 0
    while house.rows("SELECT given_up FROM outbox") == [(None,)] and tries < 100:
        house.world.answers.append(RuntimeError("broken"))
        await once(house)
        house.turn(minutes=10)
        tries += 1
    assert 30 < tries < 50
    assert stands(house) == []


async def test_what_is_told_to_wait_waits_though_there_is_news(house: Engine) -> None:
    await want(house)
    house.world.answers.append(Said(Speech.LATER, wait=timedelta(seconds=30)))
    await once(house)
    await house.store.write(lambda tx: tx.outbox.touch("ready:a"))
    house.turn(seconds=29)
    await once(house)
    assert stands(house) == []
    house.turn(seconds=1)
    await once(house)
    assert stands(house) == ["ready:a"]


async def test_a_channel_with_much_to_be_said_keeps_no_other_waiting(house: Engine) -> None:
    for number in range(60):
        await want(house, f"ready:{number}")
    await want(house, "ready:other", place="T1/C2/1.0")
    await once(house)
    assert "ready:other" in stands(house)
    assert len(stands(house)) == 2


async def test_a_card_found_standing_after_a_crash_is_brought_up_to_date(house: Engine) -> None:
    """It was posted, and the answer was lost; the job went on before anybody looked."""
    job = await house.train()
    house.world.answers.append(Said(Speech.UNKNOWN, wait=timedelta(seconds=5)))
    await house.outbox.say_due()
    await house.outbox.idle()
    await house.submit()
    await house.services.jobs.cancel(job.id, ANA)
    await house.poll()
    house.turn(seconds=10)
    await house.say()
    (card,) = house.world.of_kind(NoticeKind.CARD)
    assert (card.versions[0], card.versions[-1]) == ("our_queue", "cancelled")


async def test_how_far_an_archive_has_come_is_said_every_few_seconds_until_its_photos_are_there(
    house: Engine,
) -> None:
    looking = house.services.trays.looking
    await looking(ANA, THREAD, 1, 120)
    await house.say()
    assert house.world.deliveries == [], "what is done at once needs no sign of life"
    house.turn(seconds=2)
    await looking(ANA, THREAD, 30, 120)
    await house.say()
    for looked in range(31, 40):
        await looking(ANA, THREAD, looked, 120)
    await house.say(1)
    (tray,) = house.world.of_kind(NoticeKind.TRAY)
    assert [notice.payload for notice in house.world.deliveries] == [{"looked": 30, "of": 120}]
    house.turn(seconds=4)
    await house.say()
    assert house.world.deliveries[-1].payload == {"looked": 39, "of": 120}
    await house.services.trays.receive(
        ANA, THREAD, [TrayEntry("F#1", "1.jpg", refusal=Refusal.DAMAGED)], await house.item()
    )
    house.turn(seconds=1)
    await house.say(2)
    told = [notice.payload for notice in house.world.deliveries if notice.kind is NoticeKind.TRAY]
    assert (told[-1], len(tray.versions)) == ({}, 3)


async def test_a_tray_with_an_archive_on_its_way_says_how_far_it_has_come_and_keeps_its_buttons(
    house: Engine,
) -> None:
    words = trays.looking({"looked": 37, "of": 120})
    await house.services.trays.looking(ANA, THREAD, 37, 120)
    ((empty,),) = house.rows("SELECT id FROM tray")
    shown = trays.tray(await house.services.trays.view(empty), looking=words)
    assert shown.text == "Looking at the photos of your zip: 37 of 120 so far."
    assert [block["type"] for block in shown.blocks] == ["section"]
    begun = trays.tray(await house.services.trays.view(await house.tray(2)), looking=words)
    assert "of 2 photos usable" in begun.text
    assert words in str(begun.blocks)
    assert "actions" in {block["type"] for block in begun.blocks}
    assert trays.looking({}) == ""
