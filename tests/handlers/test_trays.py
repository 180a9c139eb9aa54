"""Photos on their way into a tray, through every door there is."""

from typing import Any

from slack_bolt.request.async_request import AsyncBoltRequest

from bot.sandbox.slack import Scenario
from tests.stand_ins import zipped
from tests.surface import Surface, odd, photo, photos


async def test_photos_posted_with_a_mention_become_a_tray_in_their_thread(surface: Surface) -> None:
    posted = await surface.post(photos(3), "@darkroom please")
    tray = await surface.said("3 of 3 photos usable", thread=posted.ts)
    assert tray.thread_ts == posted.ts
    assert tray.buttons() == ["Train…", "Discard"]
    assert not tray.ephemeral


async def test_photos_sent_by_dm_become_a_tray_without_a_mention(surface: Surface) -> None:
    posted = await surface.post(photos(2), channel="@darkroom")
    tray = await surface.said("2 of 2 photos usable", channel="@darkroom", viewer="ana", thread=posted.ts)
    assert "Train…" in tray.buttons()


async def test_photos_without_a_mention_are_let_go_unread(surface: Surface) -> None:
    await surface.post(photos(2))
    await surface.tray(photos(2, first=5))
    assert surface.rows("tray") == 1
    assert [row[0] for row in surface.query("SELECT name FROM tray_entry ORDER BY name")] == [
        "photo-5.jpg",
        "photo-6.jpg",
    ]


async def test_photos_the_owner_adds_to_the_thread_join_the_tray(surface: Surface) -> None:
    tray = await surface.tray(photos(1), says="1 more photo needed")
    assert tray.buttons() == ["Discard"]
    await surface.post(photos(2, first=1), thread=tray.thread_ts)
    grown = await surface.said("3 of 3 photos usable", thread=tray.thread_ts)
    assert grown.ts == tray.ts, "the tray is one message, edited"
    assert "Train…" in grown.buttons()


async def test_photos_added_before_the_first_post_is_worked_off_join_its_tray(surface: Surface) -> None:
    await surface.people.fault("download", "http_500", times=1000)
    posted = await surface.post(photos(2), "@darkroom please")
    await surface.until(lambda: _there_is(surface, "inbox WHERE kind = 'message' AND attempts > 0"))
    await surface.post(photos(2, first=5), thread=posted.ts)
    await surface.post(photos(3, first=10), user="lee", thread=posted.ts)
    await surface.until(lambda: _there_is(surface, "inbox WHERE kind = 'message' AND attempts > 0", 3))
    assert surface.rows("tray") == 0
    await surface.people.clear_faults()
    surface.clock.advance(3600)
    whole = await surface.said("4 of 4 photos usable", thread=posted.ts)
    assert "Train…" in whole.buttons()
    await surface.taken_in()
    assert surface.rows("tray") == 1, "somebody else's photos are another matter"
    assert surface.rows("tray_entry") == 4


async def _there_is(surface: Surface, what: str, count: int = 1) -> bool | None:
    """Whether there are so many rows by now."""
    return surface.query(f"SELECT count(*) FROM {what}")[0][0] >= count or None


async def test_photos_somebody_else_adds_to_the_thread_stay_out_of_the_tray(surface: Surface) -> None:
    tray = await surface.tray(photos(2))
    await surface.post(photos(2, first=5), user="lee", thread=tray.thread_ts)
    await surface.taken_in(3)
    assert surface.rows("tray_entry") == 2
    assert surface.rows("medium") == 2


async def test_somebody_else_may_have_a_tray_of_their_own_in_the_same_thread(surface: Surface) -> None:
    tray = await surface.tray(photos(2))
    await surface.post(photos(3, first=5), "@darkroom mine too", user="lee", thread=tray.thread_ts)
    other = await surface.said("3 of 3 photos usable", thread=tray.thread_ts)
    assert other.ts != tray.ts
    assert surface.rows("tray") == 2


async def test_a_mention_that_arrives_before_its_message_makes_one_tray(surface: Surface) -> None:
    await surface.people.settings(mention_order="app_mention_first")
    await surface.people.fault("event:message", "delay", seconds=1)
    tray = await surface.tray(photos(2))
    surface.clock.advance(4)
    await surface.taken_in(2)
    assert surface.rows("tray") == 1
    assert [m.ts for m in await surface.by_bot("#portraits")] == [tray.ts]
    downloads = await surface.people.journal(kinds=["download"])
    assert len(downloads) == 2, "each photo is fetched once, not once per event"


async def test_a_mention_that_arrives_after_its_message_makes_one_tray(surface: Surface) -> None:
    await surface.people.settings(mention_order="message_first")
    tray = await surface.tray(photos(2))
    surface.clock.advance(4)
    await surface.taken_in(2)
    assert surface.rows("tray") == 1
    assert [m.ts for m in await surface.by_bot("#portraits")] == [tray.ts]


async def test_a_mention_alone_is_enough_where_the_message_never_comes(surface: Surface) -> None:
    await surface.people.fault("event:message", "drop")
    posted = await surface.post(photos(2), "@darkroom please")
    await surface.people.wait_for_entry(
        lambda e: e.kind == "event" and e.facts["state"] == "acked" and "mention" in str(e.facts)
    )
    surface.clock.advance(4)
    tray = await surface.said("2 of 2 photos usable", thread=posted.ts)
    assert tray.buttons() == ["Train…", "Discard"]


async def test_the_same_events_four_times_have_one_effect(surface: Surface) -> None:
    await surface.people.fault("event:*", "duplicate", times=2)
    tray = await surface.tray(photos(2))
    ana = await surface.user_id("ana")
    event: dict[str, Any] = {
        "type": "message",
        "subtype": "file_share",
        "channel": tray.channel,
        "channel_type": "channel",
    }
    event |= {"user": ana, "ts": tray.thread_ts, "text": f"<@{surface.bot.bot_user}>"}
    event |= {"files": [{"id": "F0", "name": "late copy.jpg"}]}
    body = {"type": "event_callback", "team_id": await surface.team(), "event_id": "Ev1", "event": event}
    for _ in range(2):
        answer = await surface.bot.app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
        assert answer.status == 200
    surface.clock.advance(4)
    await surface.taken_in(2)
    assert surface.rows("tray") == 1
    assert surface.rows("tray_entry") == 2
    assert [m.ts for m in await surface.by_bot("#portraits")] == [tray.ts]


async def test_a_photo_posted_twice_counts_once_and_the_tray_says_so(surface: Surface) -> None:
    tray = await surface.tray([*photos(2), odd("again.jpg", photo(0))])
    assert "2 of 3 photos usable" in tray.words()
    assert "#3 again.jpg is the same as #1: counted once." in tray.words()
    assert len(surface.files()) == 2


async def test_a_tray_is_discarded_by_its_owner_and_says_so(surface: Surface) -> None:
    tray = await surface.tray(photos(2))
    pressed = await surface.press(tray, "Discard")
    assert pressed.confirm is not None
    gone = await surface.said("discarded", thread=tray.thread_ts)
    assert (gone.ts, gone.buttons()) == (tray.ts, [])


async def test_a_tray_is_not_discarded_by_somebody_else(surface: Surface) -> None:
    tray = await surface.tray(photos(2))
    await surface.press(tray, "Discard", user="lee")
    refused = await surface.said("Only the person who posted the photos", viewer="lee")
    assert refused.ephemeral
    assert surface.query("SELECT state FROM tray") == [("open",)]


async def test_photos_after_a_discard_begin_a_new_tray_only_with_a_new_mention(surface: Surface) -> None:
    tray = await surface.tray(photos(2))
    await surface.press(tray, "Discard")
    await surface.said("discarded", thread=tray.thread_ts)
    await surface.post(photos(2, first=4), thread=tray.thread_ts)
    await surface.taken_in(3)
    assert surface.rows("tray") == 1
    await surface.post(photos(2, first=6), "@darkroom again", thread=tray.thread_ts)
    fresh = await surface.said("2 of 2 photos usable", thread=tray.thread_ts)
    assert fresh.ts != tray.ts


async def test_a_file_whose_details_come_late_is_taken_all_the_same(surface: Surface) -> None:
    late = odd("late.jpg", photo(1), Scenario.LATE)
    tray = await surface.tray([odd("one.jpg", photo(0)), late])
    assert "2 of 2 photos usable" in tray.words()


async def test_a_zip_of_photos_is_unpacked_into_the_tray_and_its_files_have_their_names(
    surface: Surface,
) -> None:
    bundle = zipped({f"day/{n}.jpg": photo(n) for n in range(4)} | {"day/notes.txt": b"dear diary"})
    tray = await surface.tray([odd("lonely.jpg", photo(9)), odd("holiday.zip", bundle)], says="5 of 6 photos")
    assert "#6 notes.txt is no picture of a kind I know" in tray.words()
    assert surface.query("SELECT name FROM tray_entry ORDER BY ordinal") == [
        ("lonely.jpg",),
        ("0.jpg",),
        ("1.jpg",),
        ("2.jpg",),
        ("3.jpg",),
        ("notes.txt",),
    ]
    assert len(surface.files()) == 5
    assert (await surface.open_form(tray)).submit == "Train"


async def test_a_zip_that_is_called_a_photo_and_a_photo_that_is_called_a_zip_are_both_taken(
    surface: Surface,
) -> None:
    tray = await surface.tray(
        [odd("a.jpg", zipped({"x.jpg": photo(1)})), odd("b.zip", photo(2))], says="2 of 2 photos"
    )
    assert surface.query("SELECT name FROM tray_entry ORDER BY name") == [("b.zip",), ("x.jpg",)]
    assert "Train…" in tray.buttons()


async def test_a_bomb_is_named_and_leaves_nothing(surface: Surface) -> None:
    bomb = zipped({f"{n}.png": bytes(200_000_000) for n in range(6)})
    tray = await surface.tray([odd("all.zip", bomb)], says="0 of 1 photo usable")
    assert "#1 all.zip unfolds to many times its size, which no photo does" in tray.words()
    assert surface.files() == []


async def test_a_zip_comes_by_form_as_well(surface: Surface) -> None:
    await surface.people.command("ana", "#portraits", "/darkroom", "new")
    form = await surface.form()
    assert "add the other photos to the thread" in form.words()
    bundle = odd("all.zip", zipped({f"{n}.jpg": photo(n) for n in range(3)}))
    assert (await surface.submit(photos=[bundle])).closed
    card = await surface.said("ana spring")
    await surface.people.wait_for_message(card.channel, lambda m: "Details" in m.buttons(), within=60)
    assert surface.query("SELECT count(*) FROM job_input") == [(3,)]


async def test_a_post_that_comes_twice_brings_the_photos_of_its_zip_once(surface: Surface) -> None:
    await surface.people.fault("event:*", "duplicate", times=2)
    tray = await surface.tray([odd("all.zip", zipped({f"{n}.jpg": photo(n) for n in range(3)}))])
    await surface.taken_in(2)
    assert "3 of 3 photos usable" in tray.words()
    assert surface.rows("tray_entry") == 3


async def test_an_event_is_not_acknowledged_before_it_is_on_disk(surface: Surface) -> None:
    posted = await surface.post(photos(2), "@darkroom please")
    await surface.people.wait_for_entry(
        lambda e: e.kind == "event" and e.facts["state"] == "acked" and "mention" not in str(e.facts)
    )
    keys = [row[0] for row in surface.query("SELECT key FROM inbox")]
    assert any(key.startswith("message:") and key.endswith(posted.ts) for key in keys)


async def test_what_looks_at_photos_is_told_that_one_is_coming(surface: Surface) -> None:
    assert surface.lab.expected == 0
    await surface.tray(photos(1))
    assert surface.lab.expected
