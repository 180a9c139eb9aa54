"""Deleting: here, in the chat and at the vendor; once, whatever happens in between; and a receipt of it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from bot.providers import InvalidInput, NotFound, RemoteState, Unavailable
from bot.services.cards import refresh_tray, show_tray
from bot.services.errors import BeingDeleted, ModelGone, NoSuchThing, NotYours
from bot.services.notifier import Unsaid
from bot.services.progress import Stage
from storage.records.deletions import Fate, Holder, Holding, Kept
from storage.records.jobs import Job, JobState
from storage.records.links import LinkFault
from storage.records.outbox import NoticeKind
from tests.fake_bucket import FakeBucket
from tests.fakes import FakeProvider, Fault
from tests.stand_ins import ANA, BEN, OLGA, THREAD, Engine, TurnedClock, engine, picture, wish

SECRETS = ("ana spring", "by the sea", "0.jpg", "1.jpg")
"""Her words: a name, a prompt, two names of files."""


def on_disk(house: Engine) -> bytes:
    """Every byte in the data folder: tables, log, media."""
    return b"".join(path.read_bytes() for path in house.data_dir.rglob("*") if path.is_file())


def media(house: Engine) -> list[str]:
    return sorted(path.name for path in (house.data_dir / "media").rglob("*") if path.is_file())


async def done(house: Engine, **facts: object) -> Job:
    """A card that is done and delivered, its pictures uploaded under ids of the chat's own."""
    await house.generating(**facts)
    house.provider.finish()
    house.turn(seconds=5)
    await house.poll()
    await uploaded(house)
    await house.say()
    return await house.job(house.rows("SELECT id FROM job WHERE root_id = id ORDER BY created_at DESC")[0][0])


async def uploaded(house: Engine) -> None:
    for notice, ordinal in house.rows("SELECT notice_id, ordinal FROM upload WHERE file_id IS NULL"):
        await house.store.write(
            lambda tx, n=notice, o=ordinal: tx.outbox.upload_is_at(n, o, "completing", f"F-{n[-4:]}-{o}")  # type: ignore[misc]
        )


async def more(house: Engine, model_id: str, key: str = "more-1") -> Job:
    """Two more pictures of a model, delivered."""
    job = await house.services.generation.start(
        ANA, model_id, "in the rain", 2, place=THREAD, request_key=key
    )
    await house.until(lambda: house.rows("SELECT state FROM job WHERE id = ?", job.id) == [("succeeded",)])
    await uploaded(house)
    await house.say()
    return job


async def fates(house: Engine, deletion_id: str) -> dict[tuple[Holder, Kept], tuple[Fate | None, int]]:
    kept = await house.services.deletions.receipt(deletion_id)
    found: dict[tuple[Holder, Kept], tuple[Fate | None, int]] = {}
    for one in kept.holdings:
        _, count = found.get((one.holder, one.what), (None, 0))
        found[(one.holder, one.what)] = one.fate, count + one.count
    return found


async def to_the_end(house: Engine, most: int = 60) -> None:
    for _ in range(most):
        await house.delete()
        await house.submit()
        await house.poll()
        await house.say()
        if not house.rows("SELECT 1 FROM deletion WHERE done_at IS NULL"):
            return
        house.turn(hours=1)
    raise AssertionError(f"still not done: {house.rows('SELECT * FROM deletion')}")


async def model_of(house: Engine) -> str:
    return str(house.rows("SELECT id FROM model")[0][0])


# -- every copy


async def test_a_model_goes_here_in_the_chat_and_at_the_vendor_and_the_receipt_counts_each(
    house: Engine,
) -> None:
    root = await done(house)
    asked = await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    assert await fates(house, asked.id) == {
        (Holder.HERE, Kept.INPUTS): (Fate.DELETED, 2),
        (Holder.HERE, Kept.RESULTS): (Fate.DELETED, 2),
        (Holder.HERE, Kept.WORDS): (Fate.DELETED, 1),
        (Holder.CHAT, Kept.FILE): (Fate.DELETED, 2),
        (Holder.CHAT, Kept.MESSAGE): (Fate.DELETED, 2),
        (Holder.CHAT, Kept.UPLOADS): (Fate.OWNERS, 2),
        (Holder.VENDOR, Kept.MODEL): (Fate.DELETED, 1),
        (Holder.VENDOR, Kept.INPUTS): (Fate.DELETED, 1),
        (Holder.VENDOR, Kept.RESULTS): (Fate.DELETED, 1),
    }
    assert all(job.deleted for job in house.provider.jobs.values())
    files = [ref for what, ref in house.world.taken_back if what is Kept.FILE]
    assert len(files) == len(set(files)) == 2
    assert media(house) == []
    (receipt,) = house.world.of_kind(NoticeKind.RECEIPT)
    assert receipt.versions[-1] == "ana spring: 11 copies"
    standing = {message.kind for message in house.world.messages.values()}
    assert standing == {NoticeKind.CARD, NoticeKind.RECEIPT}


async def test_a_contact_sheet_that_still_stands_is_taken_back_and_in_the_receipt(house: Engine) -> None:
    root = await done(house)
    ((tray_id,),) = house.rows("SELECT id FROM tray")
    await house.services.sheets.begun(tray_id, "as it was", "F-sheet")
    asked = await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    assert (Kept.FILE, "F-sheet") in house.world.taken_back
    assert (await fates(house, asked.id))[Holder.CHAT, Kept.FILE] == (Fate.DELETED, 3)
    assert house.rows("SELECT * FROM sheet") == []


async def test_what_was_said_of_the_photos_is_taken_back_and_no_more_is_said(house: Engine) -> None:
    root = await done(house)
    ((tray_id,),) = house.rows("SELECT id FROM tray")
    await house.store.write(lambda tx: show_tray(tx, tray_id, owner=ANA, place=THREAD))
    await house.say()
    tray = house.world.of_kind(NoticeKind.TRAY)[0]
    await house.store.write(lambda tx: refresh_tray(tx, tray_id))
    await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    assert [what for what, ref in house.world.taken_back if ref == tray.id] == [Kept.MESSAGE]
    assert {message.kind for message in house.world.messages.values()} == {
        NoticeKind.CARD,
        NoticeKind.RECEIPT,
    }


async def test_a_tray_that_is_open_again_stays_and_is_brought_up_to_date(house: Engine) -> None:
    root = await done(house)
    ((tray_id,),) = house.rows("SELECT id FROM tray")
    await house.store.write(lambda tx: tx.trays.reopen(root.id, {}, place=THREAD))
    await house.store.write(lambda tx: show_tray(tx, tray_id, owner=ANA, place=THREAD))
    await house.say()
    (tray,) = house.world.of_kind(NoticeKind.TRAY)
    before = len(tray.versions)
    await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    assert len(tray.versions) > before
    assert tray in house.world.messages.values()


async def test_nothing_a_person_wrote_or_gave_is_left_on_the_disk_once_the_receipt_is_said(
    house: Engine,
) -> None:
    root = await done(house)
    before = on_disk(house)
    assert all(secret.encode() in before for secret in SECRETS)
    given = await house.store.read(lambda tx: tx.inputs.of_job(root.id))
    pixels = [await house.store.media.read(one.medium.sha256) for one in given]
    await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    await house.store.scrub()
    after = on_disk(house)
    assert [secret for secret in SECRETS if secret.encode() in after] == []
    assert not any(one in after for one in pixels)


async def test_what_accounts_need_stays(house: Engine) -> None:
    root = await done(house)
    await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    rows = house.rows(
        "SELECT owner, provider, kind, state, remote_id, cost, cost_unit FROM job ORDER BY kind"
    )
    assert rows == [
        (ANA, "fake", "generation", "succeeded", "g1", "1", "generation"),
        (ANA, "fake", "training", "succeeded", "t1", "1", "training"),
    ]
    spec = (await house.job(root.id)).spec
    assert (sorted(spec), spec["count"], spec["consent"]["by"]) == (["consent", "count", "gave"], 2, ANA)
    assert house.rows("SELECT name, subject, detail FROM job") == [("", "", None)] * 2
    assert house.rows("SELECT name, subject FROM model") == [("", "")]
    for table in ("picture", "upload", "job_input", "tray_entry", "medium", "link"):
        assert house.rows(f"SELECT * FROM {table}") == [], table


async def test_the_card_says_deleting_and_then_deleted(house: Engine) -> None:
    root = await done(house)
    hold = house.provider.hold("delete")
    await house.services.deletions.ask(root.id, ANA)
    await house.deleter.delete_due()
    await hold.entered.wait()
    await house.say()
    view = await house.services.progress.view(root.id)
    assert (view.stage, view.can_delete, view.can_retry, view.can_cancel, view.can_make_more) == (
        (Stage.DELETING,) + (False,) * 4
    )
    hold.release.set()
    await house.deleter.idle()
    await to_the_end(house)
    (card,) = house.world.of_kind(NoticeKind.CARD)
    assert card.versions[-2:] == ["deleting", "deleted"]


# -- what belongs together


async def test_a_model_goes_with_all_that_was_made_of_it_on_other_cards(house: Engine) -> None:
    root = await done(house)
    other = await more(house, await model_of(house))
    asked = await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    assert (await house.services.progress.view(other.id)).stage is Stage.DELETED
    assert (await fates(house, asked.id))[(Holder.HERE, Kept.RESULTS)] == (Fate.DELETED, 4)
    assert media(house) == []
    assert len(house.world.of_kind(NoticeKind.RECEIPT)) == 1


async def test_one_card_of_images_goes_and_its_model_stays(house: Engine) -> None:
    root = await done(house)
    other = await more(house, await model_of(house))
    await house.services.deletions.ask(other.id, ANA)
    await to_the_end(house)
    assert (await house.services.progress.view(other.id)).stage is Stage.DELETED
    view = await house.services.progress.view(root.id)
    assert (view.stage, view.can_make_more) == (Stage.DONE, True)
    assert not house.provider.jobs["t1"].deleted
    assert len(await house.services.models.of(ANA)) == 1
    assert len(media(house)) == 4  # Two photos and the first two images.


async def test_a_card_deleted_before_its_model_has_a_receipt_of_its_own(house: Engine) -> None:
    root = await done(house)
    other = await more(house, await model_of(house))
    first = await house.services.deletions.ask(other.id, ANA)
    await to_the_end(house)
    second = await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    assert first.id != second.id
    assert len(house.world.of_kind(NoticeKind.RECEIPT)) == 2
    assert (await fates(house, second.id))[(Holder.HERE, Kept.RESULTS)] == (Fate.DELETED, 2)


async def test_bytes_that_another_job_was_given_too_stay_for_it_and_go_with_the_last(house: Engine) -> None:
    first = await house.running(key="wish-1")
    second = await house.running(key="wish-2", photos=3)
    shared = {one.medium.sha256 for one in await house.store.read(lambda tx: tx.inputs.of_job(first.id))}
    assert len(media(house)) == 3
    asked = await house.services.deletions.ask(first.id, ANA)
    await to_the_end(house)
    assert (await fates(house, asked.id))[(Holder.HERE, Kept.INPUTS)] == (Fate.SHARED, 2)
    assert shared < set(media(house))
    assert len(await house.store.read(lambda tx: tx.inputs.of_job(second.id))) == 3
    again = await house.services.deletions.ask(second.id, ANA)
    await to_the_end(house)
    assert (await fates(house, again.id))[(Holder.HERE, Kept.INPUTS)] == (Fate.DELETED, 3)
    assert media(house) == []


async def test_a_photo_that_is_also_in_an_open_tray_stays_there(house: Engine) -> None:
    root = await house.running()
    await house.tray(1, source="again")
    await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    kept = hashlib.sha256(await house.store.media.read(media(house)[0])).hexdigest()
    assert media(house) == [kept]
    assert house.rows("SELECT medium FROM tray_entry") == [(kept,)]


async def test_a_result_that_two_jobs_made_alike_stays_for_the_other(house: Engine) -> None:
    await done(house)
    other = await more(house, await model_of(house))
    root = house.rows("SELECT root_id FROM job WHERE kind = 'training'")[0][0]
    (same,) = house.rows("SELECT sha256 FROM picture WHERE job_id != ? LIMIT 1", other.id)[0]
    await house.store.write(lambda tx: tx.pictures.keep(other.id, 0, same, "image/png"))
    await house.services.deletions.ask(other.id, ANA)
    await to_the_end(house)
    assert house.store.media.holds(same)
    await house.services.deletions.ask(root, ANA)
    await to_the_end(house)
    assert not house.store.media.holds(same)


# -- jobs under way


async def test_a_running_job_is_cancelled_first_and_then_deleted(house: Engine) -> None:
    job = await house.running()
    await house.services.deletions.ask(job.id, ANA)
    assert (await house.services.progress.view(job.id)).stage is Stage.DELETING
    await house.delete()
    assert house.rows("SELECT erased_at FROM deletion") == [(None,)]
    await to_the_end(house)
    assert (await house.job(job.id)).state is JobState.CANCELLED
    assert house.provider.jobs["t1"].cancelled
    assert house.provider.jobs["t1"].deleted


async def test_a_job_that_was_never_sent_goes_at_once_and_the_vendor_is_asked_nothing(house: Engine) -> None:
    job = await house.train()
    asked = await house.services.deletions.ask(job.id, ANA)
    await house.delete()
    assert house.rows("SELECT done_at NOT NULL FROM deletion") == [(1,)]
    assert not any(holder is Holder.VENDOR for holder, _ in await fates(house, asked.id))
    assert not {"tidy", "delete"} & {operation for operation, _ in house.provider.calls}
    assert media(house) == []


async def test_photos_do_not_stay_for_a_lost_answer_whose_vendor_cannot_be_asked(house: Engine) -> None:
    house.provider.fail_next("submit", Fault.CREATED)
    house.provider.fail_next("find", Unavailable("away"), times=5000)
    job = await house.train()
    await house.submit()
    assert (await house.job(job.id)).state is JobState.SUBMITTING
    await house.services.deletions.ask(job.id, ANA)
    await house.delete()
    assert len(media(house)) == 2
    for _ in range(15):
        house.turn(minutes=10)
        await house.submit()
        await house.delete()
    assert (await house.job(job.id)).state is JobState.FAILED
    assert media(house) == []


async def test_a_step_that_breaks_is_taken_again(house: Engine) -> None:
    root = await done(house)
    house.provider.fail_next("delete", RuntimeError("a fault of ours"))  # type: ignore[arg-type]
    await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    assert all(job.deleted for job in house.provider.jobs.values())


async def test_a_training_that_ends_before_it_could_be_stopped_leaves_no_model_behind(house: Engine) -> None:
    job = await house.running()
    house.provider.finish()
    hold = house.provider.hold("poll")
    house.turn(seconds=5)
    await house.runner.poll_due()
    await hold.entered.wait()
    await house.services.deletions.ask(job.id, ANA)
    hold.release.set()
    await house.runner.idle()
    await to_the_end(house)
    assert (await house.job(job.id)).state is JobState.SUCCEEDED
    assert house.provider.jobs["t1"].deleted
    assert house.rows("SELECT name, deleted_at NOT NULL FROM model") == [("", 1)]
    assert house.provider.paid_for("generation") == 0
    assert house.world.of_kind(NoticeKind.READY) == []


async def test_nothing_new_is_made_of_a_model_that_is_being_deleted(house: Engine) -> None:
    root = await done(house)
    model = await model_of(house)
    await house.services.deletions.ask(root.id, ANA)
    with pytest.raises(ModelGone):
        await house.services.generation.start(ANA, model, "x", 1, place=THREAD, request_key="late")
    with pytest.raises(ModelGone):
        await house.services.generation.again(ANA, root.id)
    assert await house.services.models.of(ANA) == []


async def test_what_is_being_deleted_is_not_retried(house: Engine) -> None:
    house.provider.fail_next("submit", Fault.REFUSED)
    job = await house.running()
    assert job.state is JobState.FAILED
    await house.services.deletions.ask(job.id, ANA)
    with pytest.raises(BeingDeleted):
        await house.services.jobs.retry(job.id, ANA)


async def test_what_was_still_to_be_said_of_it_is_not_said(house: Engine) -> None:
    await house.generating()
    house.provider.finish()
    house.turn(seconds=5)
    await house.poll()
    root = house.rows("SELECT root_id FROM job")[0][0]
    await house.services.deletions.ask(root, ANA)
    await to_the_end(house)
    kinds = {message.kind for message in house.world.messages.values()}
    assert kinds == {NoticeKind.CARD, NoticeKind.RECEIPT}


# -- who may


async def test_somebody_else_may_not_and_an_operator_may(house: Engine) -> None:
    root = await done(house)
    with pytest.raises(NotYours):
        await house.services.deletions.ask(root.id, BEN)
    with pytest.raises(NoSuchThing):
        await house.services.deletions.ask("job_0", ANA)
    assert house.rows("SELECT * FROM deletion") == []
    await house.services.deletions.ask(root.id, OLGA)
    await to_the_end(house)
    receipts = house.rows("SELECT owner FROM outbox WHERE kind = 'receipt' ORDER BY owner")
    assert receipts == [(ANA,), (OLGA,)]
    assert house.rows("SELECT name FROM deletion") == [("",)]


async def test_two_presses_are_one_deletion_and_one_receipt(house: Engine) -> None:
    root = await done(house)
    first = await house.services.deletions.ask(root.id, ANA)
    second = await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    third = await house.services.deletions.ask(root.id, ANA)
    assert first.id == second.id == third.id
    assert len(house.world.of_kind(NoticeKind.RECEIPT)) == 1
    assert [what for what, _ in house.provider.calls].count("delete") == 2


async def test_things_are_found_by_id_and_by_name_and_those_of_others_by_operators_only(
    house: Engine,
) -> None:
    root = await done(house)
    model, find = await model_of(house), house.services.deletions.find
    for words in (root.id, model, "Ana Spring", " ana spring "):
        assert [plan.root.id for plan in await find(words, ANA)] == [root.id]
    for words in (root.id, model, "ana spring"):
        assert await find(words, BEN) == []
    assert [plan.own for plan in await find(root.id, OLGA)] == [False]
    await house.services.deletions.ask(root.id, ANA)
    assert await find("ana spring", ANA) == []
    (plan,) = await find(root.id, ANA)
    assert plan.deletion is not None


async def test_the_question_says_what_would_go(house: Engine) -> None:
    root = await done(house)
    await more(house, await model_of(house))
    plan = await house.services.deletions.plan(root.id, ANA)
    assert (plan.models, plan.cards, plan.results, plan.running, plan.sent) == (1, 2, 4, 0, True)


# -- vendors and chats that do not do as they are told


async def test_a_vendor_that_is_down_is_asked_again_and_the_receipt_says_not_yet_meanwhile(
    house: Engine,
) -> None:
    root = await done(house)
    house.provider.fail_next("delete", Unavailable("away"), times=4)
    asked = await house.services.deletions.ask(root.id, ANA)
    await house.delete()
    await house.say()
    (receipt,) = house.world.of_kind(NoticeKind.RECEIPT)
    assert receipt.versions == ["ana spring: 11 copies, 2 to come"]
    assert media(house) == []  # What is ours waits for nobody.
    await to_the_end(house)
    assert receipt.versions[-1] == "ana spring: 11 copies"
    assert (await fates(house, asked.id))[(Holder.VENDOR, Kept.MODEL)] == (Fate.DELETED, 1)


async def test_a_vendor_that_stays_away_is_asked_for_a_week_and_then_the_receipt_says_so(
    house: Engine,
) -> None:
    root = await done(house)
    house.provider.fail_next("delete", Unavailable("away"), times=2000)
    asked = await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house, most=400)
    assert (await fates(house, asked.id))[(Holder.VENDOR, Kept.MODEL)] == (Fate.UNREACHED, 1)
    calls = [what for what, _ in house.provider.calls].count("delete")
    assert 100 < calls < 600


async def test_a_vendor_that_refuses_for_a_week_has_refused(house: Engine) -> None:
    root = await done(house)
    house.provider.fail_next("delete", InvalidInput("the state forbids it"), times=2000)
    asked = await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house, most=400)
    assert (await fates(house, asked.id))[(Holder.VENDOR, Kept.MODEL)] == (Fate.REFUSED, 1)


async def test_what_the_vendor_does_not_know_any_more_is_deleted(house: Engine) -> None:
    root = await done(house)
    for operation in ("delete", "tidy"):
        house.provider.fail_next(operation, NotFound("404"), times=3)
    asked = await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    assert {fate for fate, _ in (await fates(house, asked.id)).values()} == {Fate.DELETED, Fate.OWNERS}


async def test_a_vendor_without_such_a_call_is_said_to_have_none(tmp_path: Path, clock: TurnedClock) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(deletes=False)) as house:
        root = await done(house)
        asked = await house.services.deletions.ask(root.id, ANA)
        await house.delete()
        found = await fates(house, asked.id)
        assert found[(Holder.VENDOR, Kept.MODEL)] == (Fate.BY_HAND, 1)
        assert found[(Holder.VENDOR, Kept.RESULTS)] == (Fate.BY_HAND, 1)


async def test_a_vendor_that_is_gone_from_the_settings_is_said_to_be(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock) as house:
        root = await done(house)
        vendor, world = house.provider.vendor, house.world

    class Other(FakeProvider):
        name = "other"

    async with engine(tmp_path / "data", clock, provider=Other(), world=world) as house:
        asked = await house.services.deletions.ask(root.id, ANA)
        await to_the_end(house)
        assert (await fates(house, asked.id))[(Holder.VENDOR, Kept.MODEL)] == (Fate.NOT_SET_UP, 1)
        assert not any(job.deleted for job in vendor.jobs.values())
        assert media(house) == []


async def test_a_file_that_the_chat_does_not_let_go_of_is_asked_for_again_or_said_to_stay(
    house: Engine,
) -> None:
    root = await done(house)
    house.world.refuses.extend([Unsaid.LATER, Unsaid.NEVER])
    asked = await house.services.deletions.ask(root.id, ANA)
    await to_the_end(house)
    kept = await house.services.deletions.receipt(asked.id)
    files = [one for one in kept.holdings if one.what is Kept.FILE]
    assert sorted(one.fate or "" for one in files) == [Fate.BY_HAND, Fate.DELETED]
    assert all(one.ref is None for one in kept.holdings)


async def test_a_lost_training_is_tidied_by_its_key(house: Engine) -> None:
    house.provider.fail_next("submit", Fault.LOST, times=9)
    job = await house.train()
    await house.until(lambda: house.rows("SELECT state FROM job") == [("failed",)], most=400)
    await house.services.deletions.ask(job.id, ANA)
    await to_the_end(house)
    assert ("tidy", job.id) in house.provider.calls
    assert "delete" not in [operation for operation, _ in house.provider.calls]


async def test_a_name_is_kept_no_longer_than_the_last_word_of_its_receipt(house: Engine) -> None:
    root = await done(house)
    house.provider.fail_next("delete", Unavailable("away"), times=2)
    await house.services.deletions.ask(root.id, ANA)
    await house.delete()
    await house.say()
    assert house.rows("SELECT name FROM deletion") == [("ana spring",)]
    house.turn(hours=1)
    await house.delete()
    assert house.rows("SELECT name FROM deletion") == [("ana spring",)]
    await house.say()
    assert house.rows("SELECT name FROM deletion") == [("",)]


async def test_a_oneshot_goes_like_any_other_card(tmp_path: Path, clock: TurnedClock) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(oneshots=True)) as house:
        tray = await house.tray(2)
        job = await house.services.training.start(wish(way="fake/oneshot"), tray)
        house.provider.script("oneshot", [RemoteState.SUCCEEDED])
        await house.until(lambda: house.rows("SELECT state FROM job") == [("succeeded",)])
        await uploaded(house)
        await house.say()
        asked = await house.services.deletions.ask(job.id, ANA)
        await to_the_end(house)
        found = await fates(house, asked.id)
        assert found[(Holder.VENDOR, Kept.RESULTS)] == (Fate.DELETED, 1)
        assert found[(Holder.VENDOR, Kept.INPUTS)] == (Fate.DELETED, 1)
        assert media(house) == []


async def test_a_photo_posted_again_while_its_bytes_go_is_there_afterwards(house: Engine) -> None:
    root = await done(house)
    await house.services.deletions.ask(root.id, ANA)
    await house.deleter.delete_due()
    await house.deleter.idle()
    again = await house.services.photos.add(picture(0))
    await house.eraser.erase_due()
    assert house.store.media.holds(again.sha256)
    assert house.rows("SELECT sha256 FROM medium") == [(again.sha256,)]


async def test_copies_in_a_bucket_are_waited_for_and_told_of(tmp_path: Path, clock: TurnedClock) -> None:
    bucket = FakeBucket(clock)
    async with engine(tmp_path / "data", clock, bucket=bucket) as house:
        job = await house.running()
        bucket.faults["erase"] = LinkFault.STORE_REFUSES
        asked = await house.services.deletions.ask(job.id, ANA)
        await house.poll()
        house.turn(minutes=1)
        await house.delete()
        await house.copies.erase_due()
        assert (await fates(house, asked.id))[(Holder.HERE, Kept.BUCKET)] == (None, 2)
        assert len(bucket.objects) == 2
        bucket.faults.clear()
        house.turn(hours=2)
        await house.copies.erase_due()
        await to_the_end(house)
        assert (await fates(house, asked.id))[(Holder.HERE, Kept.BUCKET)] == (Fate.DELETED, 2)
        assert bucket.objects == {}


async def test_holdings_are_told_in_a_fixed_order(house: Engine) -> None:
    root = await done(house)
    asked = await house.services.deletions.ask(root.id, ANA)
    await house.delete()
    kept = await house.services.deletions.receipt(asked.id)
    holders = [one.holder for one in kept.holdings]
    assert holders == sorted(holders, key=list(Holder).index)
    assert isinstance(kept.holdings[0], Holding)
    assert kept.deletion.created_at + timedelta(days=1) > house.store.now()
