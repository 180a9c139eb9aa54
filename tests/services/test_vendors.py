"""How vendors are: an outage is one line, a recovery one line, and operators hear what only they can mend."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from bot.providers import AuthenticationFailed, InvalidInput, QuotaExceeded, Unavailable
from bot.services.errors import VendorNotOffered
from bot.services.vendors import Vendors
from storage import Tx
from storage.records.outbox import NoticeKind
from tests.stand_ins import ANA, OLGA, THREAD, Engine


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "bot.services.vendors"]


async def test_an_outage_is_logged_once_and_the_recovery_once(
    house: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    house.provider.fail_next("check", Unavailable(), times=3)
    for _ in range(5):
        await house.services.vendors.check()
    assert lines(caplog) == [("WARNING", "Vendor not offered"), ("INFO", "Vendor well again")]


async def test_a_vendor_that_is_well_is_not_logged(house: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await house.services.vendors.check()
    assert lines(caplog) == []


@pytest.mark.parametrize(
    ("error", "fault", "told"),
    [
        (Unavailable(), "unreachable", False),
        (TimeoutError(), "unreachable", False),
        (AuthenticationFailed(), "credentials", True),
        (QuotaExceeded(), "credentials", True),
        (InvalidInput(), "refused", True),
        (KeyError("an adapter from another package"), "refused", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_what_ails_a_vendor_is_told_apart(
    house: Engine, error: Exception, fault: str, told: bool
) -> None:
    house.provider.fail_next("check", error)
    house.turn(seconds=1)
    since = house.store.now()
    await house.services.vendors.check()
    house.turn(minutes=5)
    (offer,) = await house.services.vendors.offers()
    assert (offer.ok, offer.fault, offer.fault_since) == (False, fault, since)
    with pytest.raises(VendorNotOffered):
        house.services.vendors.offer("fake/training")
    assert ("operator" in house.wanted()) == told


async def test_a_vendor_not_asked_yet_counts_as_well_and_is_waited_for(house: Engine) -> None:
    vendors = Vendors(house.store, [house.provider], house.services.operators)
    (offer,) = await vendors.offers()
    assert offer.ok
    assert [one.fault for one in vendors.health()] == ["unasked"]
    held = house.provider.hold("check")
    house.provider.fail_next("check", Unavailable())
    looking = asyncio.create_task(vendors.check())
    waiting = asyncio.create_task(vendors.asked())
    await held.entered.wait()
    assert not waiting.done()
    held.release.set()
    await waiting
    (offer,) = await vendors.offers()
    assert offer.fault == "unreachable"
    await looking


async def test_what_to_mend_is_kept_in_the_vendor_s_own_words_for_operators(
    house: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (well,) = house.services.vendors.health()
    assert (well.label, well.fault, well.words) == ("Fake", "", "")
    house.provider.fail_next("check", AuthenticationFailed("The clock is 20 minutes late: set it."))
    house.provider.fail_next("check", AuthenticationFailed("FAKE_KEY is not accepted: copy it anew."))
    await house.services.vendors.check()
    (ill,) = house.services.vendors.health()
    assert (ill.fault, ill.words) == ("credentials", "The clock is 20 minutes late: set it.")
    house.turn(minutes=1)
    await house.services.vendors.check()
    (worse,) = house.services.vendors.health()
    assert (worse.words, worse.since) == ("FAKE_KEY is not accepted: copy it anew.", ill.since)
    assert [line for line, _ in lines(caplog)] == ["WARNING", "WARNING"]


async def test_a_check_that_breaks_down_is_named_by_its_kind_alone_and_once(
    house: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        house.provider.fail_next("check", KeyError("what nobody should read"))
        await house.services.vendors.check()
    (ill,) = house.services.vendors.health()
    assert (ill.fault, ill.words) == ("refused", "its own check broke down (KeyError)")
    assert lines(caplog) == [("WARNING", "Vendor not offered")]
    payload = house.rows("SELECT payload FROM outbox WHERE kind = 'operator'")
    assert "KeyError" in str(payload)
    assert "nobody should read" not in str(payload)


async def test_an_outage_that_goes_on_for_another_reason_is_no_second_line(
    house: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    for why in ("no route", "no answer within 20 seconds"):
        house.provider.fail_next("check", Unavailable(why))
        await house.services.vendors.check()
    assert lines(caplog) == [("WARNING", "Vendor not offered")]
    assert house.services.vendors.health()[0].words == "no answer within 20 seconds"


async def test_operators_are_told_once_a_day(house: Engine) -> None:
    for _ in range(3):
        await house.services.operators.tell("Fake", "credentials")
    await house.services.operators.tell("Fake", "quota")
    await house.say()
    assert len(house.world.of_kind(NoticeKind.OPERATOR)) == 2
    house.clock.turn(timedelta(days=1))
    await house.services.operators.tell("Fake", "credentials")
    await house.say()
    assert len(house.world.of_kind(NoticeKind.OPERATOR)) == 3


async def test_who_is_an_operator_is_known(house: Engine) -> None:
    assert OLGA in house.services.operators
    assert "T1/U1" not in house.services.operators


async def test_limits_are_written_down_per_kind(house: Engine) -> None:
    assert house.rows("SELECT name, slots, gap_ms FROM lane ORDER BY name") == [
        ("fake:generation", 2, 0),
        # Switched off: what was sent before that goes on in it.
        ("fake:oneshot", 2, 0),
        ("fake:training", 2, 0),
    ]


async def test_an_unknown_vendor_has_a_name_all_the_same(house: Engine) -> None:
    assert house.services.vendors.label("gone") == "gone"
    assert house.services.vendors.label("fake") == "Fake"
    assert house.services.vendors.get("gone") is None


async def test_a_tray_says_anew_which_vendors_there_are_when_one_recovers(house: Engine) -> None:
    house.provider.fail_next("check", Unavailable(), times=1)
    await house.services.vendors.check()
    tray = await house.tray(3)
    place: dict[str, Any] = {"owner": ANA, "place": THREAD, "tray_id": tray}
    await house.store.write(lambda tx: tx.outbox.put(f"tray:{tray}", NoticeKind.TRAY, **place))
    await house.say()
    before = house.rows("SELECT wanted, sent FROM outbox WHERE kind = 'tray'")
    await house.services.vendors.check()
    ((wanted, sent),) = house.rows("SELECT wanted, sent FROM outbox WHERE kind = 'tray'")
    assert before == [(sent, sent)]
    assert wanted == sent + 1


async def test_a_tray_posted_before_the_first_check_is_put_right_by_it_and_older_ones_are_left_alone(
    house: Engine,
) -> None:
    kept = await house.tray(3, owner="T1/U2")
    house.turn(seconds=1)
    vendors = Vendors(house.store, [house.provider], house.services.operators)
    posted = await house.tray(3)
    for tray, owner in ((kept, "T1/U2"), (posted, ANA)):
        place: dict[str, Any] = {"owner": owner, "place": THREAD, "tray_id": tray}
        await house.store.write(partial(_want, f"tray:{tray}", place))
    await house.say()
    await vendors.check()
    wanted = dict(house.rows("SELECT tray_id, wanted - sent FROM outbox WHERE kind = 'tray'"))
    assert wanted == {kept: 0, posted: 1}


def _want(key: str, place: dict[str, Any], tx: Tx) -> None:
    tx.outbox.put(key, NoticeKind.TRAY, **place)


async def test_operators_hear_of_jobs_whose_vendor_is_no_longer_set_up(house: Engine) -> None:
    await house.train()
    await house.store.write(lambda tx: tx.jobs.conn.exec_driver_sql("UPDATE job SET provider = 'gone'"))
    await house.services.vendors.declare()
    told = house.rows("SELECT payload FROM outbox WHERE kind = 'operator'")
    assert told == [('{"about": "gone", "fault": "not_set_up"}',)]
