"""A vendor has ways: what each takes, what is wished for it, and what becomes of the wish."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.providers import GenerationSpec, OneshotSpec, RemoteState, Role, TrainingSpec, Unavailable
from bot.services.errors import BadWish, Unfit, VendorNotOffered
from bot.services.options import fields
from storage.records.jobs import JobKind, JobState
from storage.records.outbox import NoticeKind
from storage.records.trays import TrayEntry
from tests.fakes import FakeProvider
from tests.stand_ins import THREAD, Engine, TurnedClock, engine, wish


@pytest.fixture
async def rich(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    """A vendor with a one-shot, a template and parameters."""
    vendor = FakeProvider(oneshots=True, options=True, templates=True)
    async with engine(tmp_path / "data", clock, provider=vendor) as opened:
        yield opened


async def test_each_way_is_an_offer_with_what_it_takes_and_makes(rich: Engine) -> None:
    training, oneshot = await rich.services.vendors.offers()
    assert (training.way, training.kind, training.label) == ("fake/training", JobKind.TRAINING, "Fake")
    assert (oneshot.way, oneshot.kind, oneshot.provider) == ("fake/oneshot", JobKind.ONESHOT, "fake")
    assert [spec.role for spec in training.takes] == [Role.PHOTO, Role.TEMPLATE]
    assert [spec.role for spec in oneshot.takes] == [Role.PHOTO]
    assert [one.name for one in fields(training.options)][:2] == ["epochs", "rate"]
    assert oneshot.options is None
    assert training.makes is not None
    assert oneshot.makes is not None
    assert [fields(one.makes.options)[0].name for one in (training, oneshot) if one.makes] == ["style"] * 2
    assert (oneshot.makes.prompt_max, oneshot.makes.count_max) == (500, 4)


async def test_a_vendor_that_makes_nothing_ends_with_the_model(tmp_path: Path, clock: TurnedClock) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(generates=False)) as house:
        (offer,) = await house.services.vendors.offers()
        assert offer.makes is None
        tray = await house.tray(2)
        job = await house.services.training.start(wish(prompt="", count=0), tray)
        await house.until(lambda: house.rows("SELECT 1 FROM outbox WHERE key LIKE 'ready:%' AND sent") != [])
        assert house.rows("SELECT kind, state FROM job") == [("training", "succeeded")]
        assert house.rows("SELECT job_id FROM model") == [(job.id,)]


async def test_a_one_shot_makes_pictures_without_a_model(rich: Engine) -> None:
    tray = await rich.tray(2)
    asked = wish(way="fake/oneshot", making={"style": "spring"}, seed=7)
    job = await rich.services.training.start(asked, tray)
    assert (job.kind, job.lane, job.root_id) == (JobKind.ONESHOT, "fake:oneshot", job.id)
    await rich.until(lambda: rich.rows("SELECT 1 FROM outbox WHERE key LIKE 'ready:%' AND sent") != [])
    assert rich.rows("SELECT kind, state FROM job") == [("oneshot", "succeeded")]
    assert rich.rows("SELECT * FROM model") == []
    spec = rich.provider.jobs["o1"].spec
    assert isinstance(spec, OneshotSpec)
    assert (spec.subject, spec.prompt, spec.count, spec.seed) == ("person", "by the sea", 2, 7)
    assert spec.options == {"style": "spring"}
    assert len(spec.inputs) == 2
    assert [message.versions for message in rich.world.of_kind(NoticeKind.PICTURES)] == [["2"]]


async def test_a_vendor_with_nothing_but_a_one_shot_has_one_way(tmp_path: Path, clock: TurnedClock) -> None:
    vendor = FakeProvider(trains=False, generates=False, oneshots=True)
    async with engine(tmp_path / "data", clock, provider=vendor) as house:
        assert [offer.way for offer in await house.services.vendors.offers()] == ["fake/oneshot"]
        with pytest.raises(VendorNotOffered) as refused:
            house.services.vendors.offer("fake/training")
        assert refused.value.fault == "switched_off"


async def test_what_is_chosen_for_each_step_reaches_that_step(rich: Engine) -> None:
    tray = await rich.tray(2)
    asked = wish(options={"epochs": "7"}, making={"style": "spring", "retouch": "false"}, seed=11)
    job = await rich.services.training.start(asked, tray)
    await rich.until(lambda: "g1" in rich.provider.jobs)
    training, generation = (rich.provider.jobs[one].spec for one in ("t1", "g1"))
    assert isinstance(training, TrainingSpec)
    assert isinstance(generation, GenerationSpec)
    assert training.options == {"epochs": 7}
    assert (generation.options, generation.seed) == ({"style": "spring", "retouch": False}, 11)
    assert (await rich.job(job.id)).spec["options"] == {"epochs": 7}


async def test_a_wrong_parameter_is_told_by_its_field_before_anything_is_kept(rich: Engine) -> None:
    tray = await rich.tray(2)
    for facts, field in (
        ({"options": {"epochs": "99"}}, "option.epochs"),
        ({"making": {"style": "winter"}}, "making.style"),
        ({"way": "fake/oneshot", "making": {"style": "winter"}}, "making.style"),
        ({"way": "fake/oneshot", "options": {"epochs": "3"}}, "option.epochs"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**31}, "seed"),
    ):
        with pytest.raises(BadWish) as refused:
            await rich.services.training.start(wish(**facts), tray)
        assert refused.value.field == field
    assert rich.rows("SELECT * FROM job") == []


async def test_a_template_is_kept_for_what_is_made_and_not_sent_to_be_learnt_from(rich: Engine) -> None:
    tray = await rich.tray(2)
    scene = await rich.keep(b"a scene", "image/png", 800, 600)
    entry = TrayEntry("F-scene", "scene.png", scene, role=Role.TEMPLATE.value)
    await rich.store.write(lambda tx: tx.trays.add(tray, [entry]))
    await rich.services.training.start(wish(), tray)
    await rich.until(lambda: "g1" in rich.provider.jobs)
    training, generation = (rich.provider.jobs[one] for one in ("t1", "g1"))
    assert [one.role for one in training.spec.inputs] == [Role.PHOTO, Role.PHOTO]
    assert [one.path.name for one in generation.given(Role.TEMPLATE)] == [scene]
    assert [one.url for one in generation.given(Role.TEMPLATE)] != [None]


async def test_the_usual_time_of_a_way_comes_from_its_own_history(rich: Engine) -> None:
    training, oneshot = await rich.services.vendors.offers()
    assert (training.usual, oneshot.usual) == (None, None)
    rich.provider.script("oneshot", [RemoteState.SUCCEEDED])
    for number in range(5):
        tray = await rich.tray(2, source=f"s{number}")
        await rich.services.training.start(wish(way="fake/oneshot", key=f"wish-{number}"), tray)
        await rich.submit()
        rich.turn(seconds=30 + number)
        await rich.poll()
    training, oneshot = await rich.services.vendors.offers()
    assert training.usual is None
    assert oneshot.usual is not None
    assert [round(span.total_seconds()) for span in oneshot.usual] == [30, 34]


async def test_an_offer_says_whether_it_would_take_a_tray_now_and_why_not(rich: Engine) -> None:
    tray = await rich.tray(1)
    view = await rich.services.trays.view(tray)
    offer = view.offers[0]
    assert not offer.would_take(view.given)
    assert [(lack.rule, lack.have, lack.limit) for lack in offer.lacks(view.given)] == [("too_few", 1, 2)]
    await rich.tray(2, source="more")
    view = await rich.services.trays.view(tray)
    assert view.offers[0].would_take(view.given)
    rich.provider.fail_next("check", Unavailable())
    await rich.services.vendors.check()
    view = await rich.services.trays.view(tray)
    assert not view.offers[0].would_take(view.given)
    assert view.offers[0].lacks(view.given) == ()


async def test_one_shots_are_sent_one_at_a_time_so_that_a_lost_one_can_be_told_apart(rich: Engine) -> None:
    for number in range(2):
        tray = await rich.tray(2, source=f"s{number}")
        await rich.services.training.start(wish(way="fake/oneshot", key=f"wish-{number}"), tray)
    hold = rich.provider.hold("oneshot")
    await rich.runner.submit_due()
    await hold.entered.wait()
    await rich.runner.submit_due()
    assert rich.rows("SELECT count(*) FROM job WHERE state = 'submitting'") == [(1,)]
    hold.release.set()
    await rich.runner.idle()
    await rich.submit()
    assert rich.provider.paid_for("oneshot") == 2


async def test_a_set_that_came_with_the_form_is_added_to_the_tray_it_names(rich: Engine) -> None:
    tray, item = await rich.tray(1), await rich.item()
    more = await rich.keep(b"one more", "image/png", 400, 400)
    entry = TrayEntry("F-more", "more.png", more)
    job = await rich.services.training.start_with(wish(), [entry], item, tray)
    assert len(await rich.store.read(lambda tx: tx.inputs.of_job(job.id))) == 2
    assert rich.rows("SELECT id, state, job_id FROM tray") == [(tray, "used", job.id)]
    assert rich.rows("SELECT count(*) FROM inbox WHERE done_at NOT NULL") == [(1,)]


async def test_a_form_refused_for_its_set_leaves_the_tray_as_it_was(rich: Engine) -> None:
    tray, item = await rich.tray(1), await rich.item()
    with pytest.raises(Unfit):
        await rich.services.training.start_with(wish(), [], item, tray)
    assert rich.rows("SELECT state FROM tray") == [("open",)]
    assert rich.rows("SELECT count(*) FROM tray_entry") == [(1,)]


async def test_a_retry_of_a_one_shot_is_a_one_shot_with_the_same_inputs(rich: Engine) -> None:
    tray = await rich.tray(2)
    job = await rich.services.training.start(wish(way="fake/oneshot"), tray)
    rich.provider.script("oneshot", [RemoteState.FAILED])
    await rich.submit()
    rich.turn(seconds=5)
    await rich.poll()
    assert (await rich.job(job.id)).state is JobState.FAILED
    again = await rich.services.jobs.retry(job.id, job.owner)
    rich.provider.script("oneshot", [RemoteState.SUCCEEDED])
    await rich.submit()
    assert (again.kind, again.place) == (JobKind.ONESHOT, THREAD)
    assert len(rich.provider.jobs["o2"].spec.inputs) == 2
