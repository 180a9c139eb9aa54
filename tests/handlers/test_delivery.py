"""Results on their way to people: where they land, and what Slack's faults cannot double."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bot.providers import Artifact, NotFound, RemoteRef, RemoteState
from bot.sandbox.slack import Message
from bot.sandbox.slack import Settings as SlackSettings
from bot.services.timing import Timing
from tests.fakes import FakeProvider, Fault
from tests.surface import SWIFT, Surface, fast_vendor, photos, stage

TRAINING_FOR_EVER = [{"state": RemoteState.RUNNING, "progress": 0.4}]


def with_images(messages: list[Message]) -> list[Message]:
    return [m for m in messages if m.files and m.thread_ts != m.ts]


async def ready_by_dm(surface: Surface, user: str = "ana") -> Message:
    mine = await surface.until(lambda: surface.direct_channel(user))
    return await surface.said("is ready after", channel=mine.id)


async def test_images_stand_in_the_thread_in_one_message_that_mentions_the_owner_once(
    surface: Surface,
) -> None:
    card = await surface.train()
    await ready_by_dm(surface)
    (images,) = with_images(await surface.by_bot("#portraits"))
    assert images.thread_ts == card.thread_ts
    assert len(images.files) == 2
    ana = await surface.user_id("ana")
    said = await surface.by_bot("#portraits")
    assert sum(f"<@{ana}>" in m.text for m in said) == 1
    assert f"<@{ana}>" in images.text


async def test_the_dm_says_where_the_images_stand_and_carries_them(surface: Surface) -> None:
    await surface.train()
    dm = await ready_by_dm(surface)
    (images,) = with_images(await surface.by_bot("#portraits"))
    assert images.permalink in dm.text or images.ts.replace(".", "") in dm.text
    shown = [block["slack_file"]["id"] for block in dm.blocks if block["type"] == "image"]
    assert shown == [file.id for file in images.files]
    assert all(block["alt_text"] for block in dm.blocks if block["type"] == "image")


async def test_the_images_a_person_gets_are_the_vendors_bytes(surface: Surface) -> None:
    await surface.train()
    await ready_by_dm(surface)
    (images,) = with_images(await surface.by_bot("#portraits"))
    got = {await surface.people.file_bytes(file.id) for file in images.files}
    kept = {path.read_bytes() for path in surface.files()}
    assert len(got) == 2
    assert got <= kept


async def test_images_only_for_me_never_stand_in_the_channel(surface: Surface) -> None:
    await surface.train(where="Only to me, by DM")
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.said("is ready after", channel=mine.id)
    (images,) = with_images(await surface.by_bot(mine.id))
    assert len(images.files) == 2
    assert with_images(await surface.by_bot("#portraits")) == []


async def test_images_that_already_stand_in_the_dm_are_not_announced_there_again(surface: Surface) -> None:
    card = await surface.train(where="Only to me, by DM")
    await surface.card(card, "done")
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.all_said()
    assert len([m for m in await surface.by_bot(mine.id) if "is ready" in m.text]) == 1


def some_of(count: int, **facts: Any) -> list[dict[str, Any]]:
    """A vendor that hands out the first images only."""
    made = tuple(Artifact(locator=f"g1/{number}", media_type="image/png") for number in range(count))
    return [{"state": RemoteState.SUCCEEDED, "artifacts": made, **facts}]


HELD = "3 of 4 images were held back by Fake's check and not delivered."


async def test_images_that_the_vendor_holds_back_are_told_of_once_in_thread_and_dm(
    surface: Surface,
) -> None:
    surface.vendor.script("generation", some_of(1, held_back=3))
    card = await surface.train(count="4")
    dm = await ready_by_dm(surface)
    await surface.all_said()
    thread = [m.text for m in await surface.by_bot("#portraits")]
    assert sum(HELD in text for text in thread) == 1
    assert HELD in dm.text
    assert sum(HELD in m.text for m in await surface.dm()) == 1
    done = await surface.card(card, "done")
    assert "1 of 4 images" in done.words()


async def test_images_that_do_not_come_for_another_reason_are_told_of_too(surface: Surface) -> None:
    surface.vendor.script("generation", some_of(2, held_back=1))
    await surface.train(count="4", where="Only to me, by DM")
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    told = (
        "1 of 4 images was held back by Fake's check and not delivered. 1 of 4 images did not come from Fake."
    )
    await surface.said(told, channel=mine.id)
    await surface.all_said()
    assert sum("held back" in m.text for m in await surface.by_bot(mine.id)) == 1
    assert not [m for m in await surface.by_bot("#portraits") if "held back" in m.text]


async def test_of_images_that_all_came_nothing_is_said(surface: Surface) -> None:
    await surface.train(count="4")
    dm = await ready_by_dm(surface)
    assert "4 images" not in dm.text


async def test_an_image_that_never_comes_is_told_of_at_the_deadline_where_the_others_stand(
    tmp_path: Path,
) -> None:
    class Lossy(FakeProvider):
        """A vendor that has lost its second image."""

        async def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
            if artifact.locator.endswith("/1"):
                raise NotFound("gone")
            async for chunk in super().fetch(ref, artifact):
                yield chunk

    known = fast_vendor()
    async with (
        stage(tmp_path, vendor=known) as surface,
        surface.running([Lossy(known.settings, vendor=known.vendor)]),
    ):
        await surface.train(where="Only to me, by DM")
        mine = await surface.until(lambda: surface.direct_channel("ana"))
        await surface.said("is ready after", channel=mine.id)
        assert not [m for m in await surface.by_bot(mine.id) if "did not come" in m.text]
        surface.clock.advance(2 * 3600)
        told = "Of *ana spring*: 1 of 2 images did not come from Fake."
        await surface.said(told, channel=mine.id, within=60)
        await surface.all_said()
        assert sum("did not come" in m.text for m in await surface.by_bot(mine.id)) == 1


async def test_an_archived_channel_lets_the_results_fall_back_to_the_dm(surface: Surface) -> None:
    hold = surface.vendor.hold("poll")
    await surface.train()
    await surface.people.archive("#portraits")
    hold.release.set()
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.said("is ready after", channel=mine.id)
    assert [len(m.files) for m in with_images(await surface.by_bot(mine.id))] == [2]


async def test_a_bot_removed_from_the_channel_brings_the_results_by_dm(surface: Surface) -> None:
    hold = surface.vendor.hold("poll")
    await surface.train(await surface.tray(channel="#atelier"))
    await surface.people.remove_bot("#atelier")
    hold.release.set()
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.said("is ready after", channel=mine.id)
    assert [len(m.files) for m in with_images(await surface.by_bot(mine.id))] == [2]


async def test_a_failure_is_said_in_the_thread_and_by_dm(surface: Surface) -> None:
    surface.vendor.fail_next("submit", Fault.REFUSED)
    card = await surface.train()
    await surface.said("failed. *Your photos.*", thread=card.thread_ts)
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    told = await surface.said("failed. *Your photos.*", channel=mine.id)
    assert "<@" not in told.text


async def test_images_whose_share_comes_late_are_posted_once(surface: Surface) -> None:
    await surface.people.fault("share", "delay", seconds=0.5)
    await surface.train()
    await ready_by_dm(surface)
    assert len(with_images(await surface.by_bot("#portraits"))) == 1
    assert len(await surface.calls("files.completeUploadExternal")) == 1


async def test_images_that_slack_never_shares_are_uploaded_anew_and_stand_once(surface: Surface) -> None:
    await surface.people.fault("share", "never")
    await surface.train()
    await surface.until(lambda: _unsure(surface))
    surface.clock.advance(60)
    await ready_by_dm(surface)
    (images,) = with_images(await surface.by_bot("#portraits"))
    assert len(images.files) == 2
    assert len(await surface.calls("files.completeUploadExternal")) == 2


async def test_images_that_slack_refuses_to_share_again_and_again_are_shown_in_a_message(
    surface: Surface,
) -> None:
    await surface.people.fault("share", "never", times=20)
    card = await surface.train()
    for attempt in range(1, 5):
        await surface.until(partial(_tried, surface, attempt))
        surface.clock.advance(60)
    images = await surface.said("is ready after", thread=card.thread_ts)
    assert len([block for block in images.blocks if block["type"] == "image"]) == 2


async def test_a_lost_answer_to_a_card_does_not_double_it(surface: Surface) -> None:
    surface.vendor.script("training", TRAINING_FOR_EVER)
    tray = await surface.tray()
    before = await surface.people.now()
    await surface.people.fault("api:chat.postMessage", "lose_answer")
    await surface.open_form(tray)
    await surface.submit()
    await surface.call_made("chat.postMessage", since=before)
    await surface.until(lambda: _unsure(surface))
    surface.clock.advance(8)
    card = await surface.card(tray, "training 40 %")
    cards = [m for m in await surface.by_bot("#portraits") if "Details" in m.buttons()]
    assert [m.ts for m in cards] == [card.ts]


async def test_a_lost_answer_to_the_completed_upload_does_not_double_the_images(surface: Surface) -> None:
    await surface.people.fault("api:files.completeUploadExternal", "lose_answer")
    await surface.train()
    await surface.call_made("files.completeUploadExternal")
    await surface.until(lambda: _unsure(surface))
    surface.clock.advance(15)
    await ready_by_dm(surface)
    assert len(with_images(await surface.by_bot("#portraits"))) == 1
    assert len(await surface.calls("files.completeUploadExternal")) == 1


async def test_a_message_that_never_left_is_said_after_all(surface: Surface) -> None:
    await surface.people.fault("api:chat.postMessage", "break")
    posted = await surface.post(photos(2), "@darkroom please")
    await surface.until(lambda: _unsure(surface))
    surface.clock.advance(8)
    tray = await surface.said("2 of 2 photos usable", thread=posted.ts)
    assert [m.ts for m in await surface.by_bot("#portraits")] == [tray.ts]


async def test_a_rate_limit_is_waited_out_and_not_a_moment_less(surface: Surface) -> None:
    await surface.people.fault("api:chat.postMessage", "rate_limited", retry_after=6000)
    posted = await surface.post(photos(2), "@darkroom please")
    await surface.call_made("chat.postMessage", status=429)
    await surface.until(lambda: _put_off(surface))
    # The clock goes on by itself too, however long the rest takes.
    surface.clock.advance(5000)
    await surface.post(text="@darkroom help")
    surface.clock.advance(4)
    await surface.said("Darkroom trains", viewer="ana")
    assert await surface.calls("chat.postMessage", ok=True) == []
    surface.clock.advance(1000)
    await surface.said("2 of 2 photos usable", thread=posted.ts)


async def test_slacks_own_limits_are_kept_while_a_whole_job_runs(tmp_path: Path) -> None:
    limited = SlackSettings(limits=True, share_delay=0.05, ready_delay=0.02)
    async with stage(tmp_path, timing=Timing(), slack=limited) as surface, surface.running():
        await surface.train()
        await ready_by_dm(surface)
        await surface.all_said()
        refused = [e for e in await surface.people.journal(kinds=["api"]) if e.facts["status"] == 429]
        assert refused == []


async def test_a_card_is_edited_only_when_its_words_change(tmp_path: Path) -> None:
    steps = [{"state": RemoteState.RUNNING, "progress": step} for step in (0.1, 0.1, 0.1, 0.5, 0.5)]
    async with stage(tmp_path, timing=SWIFT) as surface, surface.running():
        surface.vendor.script("training", [*steps, {"state": RemoteState.SUCCEEDED}])
        await surface.train()
        await ready_by_dm(surface)
        await surface.all_said()
        seen: dict[str, str] = {}
        useless = []
        for entry in await surface.people.journal(kinds=["api"], limit=5000):
            if entry.facts["method"] in {"chat.update", "chat.postMessage"} and entry.facts["ok"]:
                ts = entry.facts["answer"]["ts"]
                shown = str((entry.facts["arguments"].get("text"), entry.facts["arguments"].get("blocks")))
                if seen.get(ts) == shown:
                    useless.append(shown)
                seen[ts] = shown
        assert useless == []


async def test_progress_alone_edits_a_card_at_most_once_a_minute(tmp_path: Path) -> None:
    steps = [{"state": RemoteState.RUNNING, "progress": step / 10} for step in range(1, 6)]
    calm = replace(SWIFT, card_quiet=Timing().card_quiet)
    async with stage(tmp_path, timing=calm) as surface, surface.running():
        surface.vendor.script("training", [*steps, {"state": RemoteState.SUCCEEDED}])
        card = await surface.train()
        await ready_by_dm(surface)
        await surface.all_said()
        edits = [e.facts["arguments"] for e in await surface.calls("chat.update", ok=True)]
        shown = [str(edit["blocks"]) for edit in edits if edit["ts"] == card.ts]
        assert sum("training" in words for words in shown) <= 1
        assert "done" in shown[-1]


async def _unsure(surface: Surface) -> bool | None:
    """Whether some message may have been posted, and nobody holds it."""
    found = surface.query(
        "SELECT count(*) FROM outbox"
        " WHERE post_begun_at IS NOT NULL AND sent < wanted AND lease_owner IS NULL"
    )
    return found != [(0,)] or None


async def _tried(surface: Surface, times: int) -> bool | None:
    """Whether the images were uploaded so often, and stand nowhere."""
    completed = await surface.calls("files.completeUploadExternal")
    return (len(completed) == times or None) and await _unsure(surface)


async def _put_off(surface: Surface) -> bool | None:
    """Whether what was refused is written down as to be said later."""
    held = surface.query("SELECT lease_owner FROM outbox WHERE sent < wanted AND attempts > 0")
    return held == [(None,)] or None
