"""What came in private: kept apart while papers are awaited, and for nobody but its owner to decide about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.services.errors import NotAwaited, NotPrivate, Unfit
from bot.services.inputs import Role
from storage.records.media import UNSORTED_ROLE, Refusal
from storage.records.places import direct
from storage.records.trays import TrayEntry, TrayState
from tests.fakes import FakeProvider
from tests.stand_ins import ANA, BEN, THREAD, Engine, TurnedClock, engine, picture

DM = "T1/D1/100"


@pytest.fixture
async def house(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    """A vendor that wants a film and papers."""
    async with engine(tmp_path / "data", clock, provider=FakeProvider(films=True)) as opened:
        yield opened


async def filmed(house: Engine, owner: str = ANA) -> str:
    """A tray with a film, in a channel."""
    (film, *_), item = await house.film_and_papers(owner), await house.item(f"message:{owner}")
    return (await house.services.trays.receive(owner, THREAD, [film], item)).id


async def document(house: Engine, data: bytes = b"a letter", kind: str = "application/pdf") -> TrayEntry:
    return TrayEntry(f"F-{data[:9]!r}", "letter.pdf", await house.keep(data, kind), role=UNSORTED_ROLE)


async def received(house: Engine, *entries: TrayEntry, key: str = "message:dm", owner: str = ANA) -> None:
    item = await house.item(key)
    await house.services.envelopes.receive(owner, DM, entries, item, through=direct(owner))


def envelope(house: Engine) -> str:
    return str(house.rows("SELECT tray_id FROM outbox WHERE kind = 'papers'")[-1][0])


async def test_what_came_where_others_read_is_not_taken(house: Engine) -> None:
    await filmed(house)
    entry, item = await document(house), await house.item("message:dm")
    for through in (DM, THREAD, direct(BEN)):
        with pytest.raises(NotPrivate):
            await house.services.envelopes.receive(ANA, DM, [entry], item, through=through)
    assert house.rows("SELECT 1 FROM tray_entry WHERE role = 'unsorted'") == []


async def test_what_waits_for_papers_of_somebody_else_is_no_business_of_this_person(house: Engine) -> None:
    await filmed(house, BEN)
    await received(house, await document(house))
    ((medium, refusal),) = house.rows("SELECT medium, refusal FROM tray_entry WHERE role = 'photo'")
    assert (medium, refusal) == (None, Refusal.PAPER_UNASKED)
    await house.tidy()
    assert house.holds(b"a letter") == [False]


async def test_a_paper_that_the_vendor_would_not_take_is_said_so_and_stays_undecided(house: Engine) -> None:
    tray = await filmed(house)
    await received(house, await document(house, b"x" * 10_000_001))
    with pytest.raises(Unfit):
        await house.services.envelopes.decide(envelope(house), ANA, 1, tray, Role.LETTER)
    view = await house.services.envelopes.view(envelope(house), ANA)
    assert [one.number for one in view.unsorted] == [1]
    with pytest.raises(NotAwaited):
        await house.services.envelopes.decide(envelope(house), ANA, 1, tray, Role.TEMPLATE)
    with pytest.raises(NotAwaited):
        await house.services.envelopes.decide(envelope(house), ANA, 1, "tray_gone", Role.LETTER)


async def test_choosing_twice_decides_once(house: Engine) -> None:
    tray = await filmed(house)
    await received(house, await document(house))
    for role in (Role.LETTER, Role.ID_FRONT):
        await house.services.envelopes.decide(envelope(house), ANA, 1, tray, role)
    assert (await house.services.trays.view(tray)).papers == {Role.LETTER}
    await house.services.envelopes.as_photos(envelope(house), ANA)
    await house.services.envelopes.discard(envelope(house), ANA)
    assert (await house.services.trays.view(tray)).papers == {Role.LETTER}


async def test_a_picture_that_may_be_a_paper_keeps_no_look_and_a_photo_gets_it_back(house: Engine) -> None:
    await filmed(house)
    photo = await house.services.photos.add(picture())
    assert len(house.rows("SELECT * FROM look")) == 1
    await received(house, TrayEntry("F1", "a.jpg", photo.sha256))
    assert house.rows("SELECT * FROM look") == []
    await house.services.envelopes.as_photos(envelope(house), ANA)
    tray = await house.services.trays.find(ANA, DM)
    assert tray is not None
    assert len(tray.verdict.unmeasured) == 1
    assert await house.services.sheets.measure(tray)
    assert len(house.rows("SELECT * FROM look")) == 1


async def test_the_look_of_a_photo_that_somebody_trains_from_stays(house: Engine) -> None:
    await house.tray(1)
    ((sha256,),) = house.rows("SELECT medium FROM tray_entry")
    ((tray_id,),) = house.rows("SELECT id FROM tray")
    await house.store.write(lambda tx: tx.trays.close(tray_id, TrayState.USED))
    await filmed(house)
    await received(house, TrayEntry("F-again", "a.jpg", sha256))
    assert len(house.rows("SELECT * FROM look")) == 1


async def test_a_discarded_film_lets_its_papers_go_at_once(house: Engine) -> None:
    tray = await filmed(house)
    await received(house, await document(house))
    await house.services.envelopes.decide(envelope(house), ANA, 1, tray, Role.LETTER)
    house.turn(seconds=1)
    await house.services.trays.discard(tray, ANA)
    await house.tidy()
    assert house.holds(b"a letter") == [False]
    with pytest.raises(NotAwaited):
        await house.services.envelopes.drop(ANA, tray)
