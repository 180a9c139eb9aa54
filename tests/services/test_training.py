"""From a wish to a row: what is refused, and that the same wish is one job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.providers import Unavailable
from bot.services.errors import (
    BadWish,
    LookFirst,
    NoSuchThing,
    NotYours,
    TrayClosed,
    Unfit,
    VendorNotOffered,
)
from bot.services.inputs import Lack, Lacking, Role
from bot.services.training import CONSENT_VERSION, NAME_MAX
from storage import Tx
from storage.errors import StaleState
from storage.records.inbox import Arrival, InboxItem
from storage.records.jobs import JobState
from storage.records.media import Refusal
from storage.records.trays import TrayEntry, TrayState
from tests.fakes import FakeProvider
from tests.stand_ins import ANA, BEN, THREAD, Engine, TurnedClock, engine, picture, wish
from tests.surface import photo


async def test_a_training_closes_its_tray_and_keeps_who_agreed_to_what(house: Engine) -> None:
    tray = await house.tray(3)
    job = await house.services.training.start(wish(name="  ana spring "), tray)
    assert (job.state, job.name, job.root_id) == (JobState.QUEUED, "ana spring", job.id)
    assert job.spec["consent"] == {
        "version": CONSENT_VERSION,
        "by": ANA,
        "at": house.store.now().isoformat(),
        "provider": "fake",
    }
    found = await house.store.read(lambda tx: tx.trays.get(tray))
    assert (found.state, found.job_id) == (TrayState.USED, job.id)
    assert len(await house.store.read(lambda tx: tx.inputs.of_job(job.id))) == 3
    assert "submit" in house.nudges


async def test_the_same_wish_twice_is_the_same_job(house: Engine) -> None:
    tray = await house.tray(2)
    first = await house.services.training.start(wish(), tray)
    second = await house.services.training.start(wish(), tray)
    assert first.id == second.id
    assert house.rows("SELECT count(*) FROM job") == [(1,)]


async def test_another_wish_for_a_used_tray_is_refused(house: Engine) -> None:
    tray = await house.tray(2)
    await house.services.training.start(wish(), tray)
    with pytest.raises(TrayClosed):
        await house.services.training.start(wish(key="wish-2"), tray)
    assert house.rows("SELECT count(*) FROM job") == [(1,)]


async def test_a_tray_that_was_thrown_away_trains_nothing(house: Engine) -> None:
    tray = await house.tray(2)
    await house.services.trays.discard(tray, ANA)
    with pytest.raises(TrayClosed):
        await house.services.training.start(wish(), tray)
    with pytest.raises(TrayClosed):
        await house.services.trays.discard(tray, ANA)


async def test_a_tray_is_its_owners(house: Engine) -> None:
    tray = await house.tray(2)
    with pytest.raises(NotYours):
        await house.services.training.start(wish(owner=BEN), tray)
    with pytest.raises(NotYours):
        await house.services.trays.discard(tray, BEN)
    with pytest.raises(NotYours):
        await house.services.trays.view(tray, BEN)
    with pytest.raises(NoSuchThing):
        await house.services.training.start(wish(), "tray_x")
    assert (await house.store.read(lambda tx: tx.trays.get(tray))).state is TrayState.OPEN


@pytest.mark.parametrize(
    ("facts", "field", "rule"),
    [
        ({"name": " "}, "name", "empty"),
        ({"name": "x" * (NAME_MAX + 1)}, "name", "too_long"),
        ({"subject": "house"}, "subject", "unknown"),
        ({"prompt": "\n"}, "prompt", "empty"),
        ({"prompt": "x" * 501}, "prompt", "too_long"),
        ({"count": 0}, "count", "out_of_range"),
        ({"count": 5}, "count", "out_of_range"),
        ({"consent": False}, "consent", "missing"),
    ],
)
async def test_a_field_that_cannot_be_used_is_named(
    house: Engine, facts: dict[str, Any], field: str, rule: str
) -> None:
    tray = await house.tray(2)
    with pytest.raises(BadWish) as refused:
        await house.services.training.start(wish(**facts), tray)
    assert (refused.value.field, refused.value.rule) == (field, rule)
    assert house.rows("SELECT * FROM job") == []


async def test_a_prompt_with_signs_that_the_vendor_reads_otherwise_is_refused_before_the_training(
    tmp_path: Path, clock: TurnedClock
) -> None:
    provider = FakeProvider(prompt_bars="<>")
    async with engine(tmp_path / "data", clock, provider=provider) as house:
        tray = await house.tray(2)
        with pytest.raises(BadWish) as refused:
            await house.services.training.start(wish(prompt="we <3 the > sea"), tray)
        assert (refused.value.field, refused.value.rule) == ("prompt", "barred")
        assert refused.value.words == "< and >"
        with pytest.raises(BadWish) as refused:
            await house.services.training.start(wish(prompt="a <3"), tray)
        assert refused.value.words == "<"
        assert house.rows("SELECT * FROM job") == []


async def test_where_a_text_is_spoken_its_lack_is_not_called_a_lack_of_pictures(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(films=True)) as house:
        with pytest.raises(BadWish) as refused:
            house.services.training.validate(wish(prompt=" ", count=1))
        assert (refused.value.field, refused.value.rule) == ("prompt", "unsaid")


async def test_the_limits_themselves_are_allowed(house: Engine) -> None:
    tray = await house.tray(2)
    job = await house.services.training.start(wish(name="x" * NAME_MAX, prompt="x" * 500, count=4), tray)
    assert (job.state, job.name) == (JobState.QUEUED, "x" * NAME_MAX)


async def test_too_few_and_too_many_photos_are_counted_each_once(tmp_path: Path, clock: TurnedClock) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(min_photos=2, max_photos=3)) as house:
        tray = await house.tray(1)
        photo = (await house.store.read(lambda tx: tx.trays.entries(tray)))[0].medium
        more = [TrayEntry("F8", "again.jpg", photo), TrayEntry("F9", "bad.jpg", refusal=Refusal.DAMAGED)]
        await house.store.write(lambda tx: tx.trays.add(tray, more))
        with pytest.raises(Unfit) as few:
            await house.services.training.start(wish(), tray)
        assert few.value.lacks == (Lack(Lacking.TOO_FEW, Role.PHOTO, 1, 2),)
        assert (await house.services.trays.view(tray)).needed == 1
        await house.tray(4, source="more")
        with pytest.raises(Unfit) as many:
            await house.services.training.start(wish(), tray)
        assert many.value.lacks == (Lack(Lacking.TOO_MANY, Role.PHOTO, 4, 3),)
        assert house.rows("SELECT state FROM tray") == [("open",)]


async def test_a_vendor_that_is_down_or_unknown_takes_no_training(house: Engine) -> None:
    tray = await house.tray(2)
    with pytest.raises(VendorNotOffered):
        await house.services.training.start(wish(way="nobody/training"), tray)
    house.provider.fail_next("check", Unavailable())
    await house.services.vendors.check()
    with pytest.raises(VendorNotOffered):
        await house.services.training.start(wish(), tray)
    await house.services.vendors.check()
    await house.services.training.start(wish(), tray)


async def item_of(house: Engine) -> InboxItem:
    await house.services.intake.put(Arrival("upload:1", "upload", {}))
    (item,) = await house.store.write(lambda tx: tx.inbox.claim("me", house.timing.lease, 1))
    return item


async def entries_of(house: Engine, count: int) -> list[TrayEntry]:
    kept = [await house.services.photos.add(photo(number)) for number in range(count)]
    return [TrayEntry(f"F{n}", f"{n}.jpg", photo.sha256) for n, photo in enumerate(kept)]


async def test_a_form_that_brings_its_photos_trains_and_is_worked_off_in_one_step(house: Engine) -> None:
    item, entries = await item_of(house), await entries_of(house, 2)
    job = await house.services.training.start_with(wish(subject="dog"), entries, item)
    assert len(await house.store.read(lambda tx: tx.inputs.of_job(job.id))) == 2
    assert house.rows("SELECT count(*) FROM inbox WHERE done_at NOT NULL") == [(1,)]
    with pytest.raises(StaleState):
        await house.services.training.start_with(wish(key="wish-2", subject="dog"), entries, item)
    assert house.rows("SELECT count(*) FROM job") == [(1,)]


async def test_a_form_that_brings_a_photo_nobody_would_want_keeps_nothing_and_waits_for_its_owners_look(
    house: Engine,
) -> None:
    item = await item_of(house)
    flat = await house.services.photos.add(picture(1))
    entries = [*await entries_of(house, 2), TrayEntry("F9", "flat.png", flat.sha256)]
    with pytest.raises(LookFirst):
        await house.services.training.start_with(wish(subject="dog"), entries, item)
    assert house.rows("SELECT * FROM tray") == []
    assert house.rows("SELECT * FROM job") == []
    assert house.rows("SELECT done_at FROM inbox") == [(None,)]


@pytest.mark.parametrize("faces", [0, 2])
async def test_of_a_person_every_photo_shows_one_face_or_its_owner_looks_first(
    house: Engine, faces: int
) -> None:
    item, entries = await item_of(house), await entries_of(house, 2)
    counted = {entries[0].medium: 1, entries[1].medium: faces}

    def count(tx: Tx) -> None:
        for sha256, found in counted.items():
            tx.looks.conn.exec_driver_sql(
                "UPDATE look SET facts = json_set(facts, '$.faces', ?) WHERE sha256 = ?", (found, sha256)
            )

    await house.store.write(count)
    with pytest.raises(LookFirst):
        await house.services.training.start_with(wish(), entries, item)
    job = await house.services.training.start_with(wish(subject="dog"), entries, item)
    assert job.subject == "dog", "of anything else faces are nobody's matter"


async def test_the_same_photo_twice_in_a_form_is_no_reason_to_wait(house: Engine) -> None:
    item, entries = await item_of(house), await entries_of(house, 2)
    again = TrayEntry("F9", "again.jpg", entries[0].medium)
    job = await house.services.training.start_with(wish(subject="dog"), [*entries, again], item)
    assert len(await house.store.read(lambda tx: tx.inputs.of_job(job.id))) == 2


async def test_a_form_that_brings_too_few_keeps_nothing_and_is_still_to_be_worked_off(house: Engine) -> None:
    item, entries = await item_of(house), await entries_of(house, 1)
    with pytest.raises(Unfit):
        await house.services.training.start_with(wish(subject="dog"), entries, item)
    assert house.rows("SELECT * FROM tray") == []
    assert house.rows("SELECT done_at FROM inbox") == [(None,)]


async def test_photos_that_arrive_make_one_tray_message_and_the_item_is_done(house: Engine) -> None:
    item, entries = await item_of(house), await entries_of(house, 2)
    tray = await house.services.trays.receive(ANA, THREAD, entries, item)
    assert await house.services.trays.gathers(ANA, THREAD)
    assert not await house.services.trays.gathers(BEN, THREAD)
    view = await house.services.trays.view(tray.id, ANA)
    assert (len(view.usable), view.needed, [offer.way for offer in view.offers]) == (2, 0, ["fake/training"])
    assert house.wanted() == ["tray", "sheet"]
    with pytest.raises(StaleState):
        await house.services.trays.receive(ANA, THREAD, entries, item)
