"""More of a trained model, and a person's models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.providers import GenerationSpec, RemoteState, Retired, Role, Unavailable
from bot.services.errors import BadWish, ModelGone, NoSuchThing, NotYours, Unfit, VendorNotOffered
from bot.services.models import ModelView
from storage.records.jobs import Job, JobKind, JobState
from storage.records.outbox import NoticeKind
from tests.fakes import FakeProvider, Fault
from tests.stand_ins import ANA, BEN, THREAD, Engine, TurnedClock, engine


@pytest.fixture
async def rich(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    """A vendor with parameters and a template."""
    async with engine(
        tmp_path / "data", clock, provider=FakeProvider(options=True, templates=True)
    ) as opened:
        yield opened


async def model(house: Engine) -> ModelView:
    """Ana's model, with its first pictures made."""
    await house.train()
    ready = "SELECT 1 FROM outbox WHERE key LIKE 'ready:%' AND sent > 0"
    await house.until(lambda: house.rows(ready) != [])
    (view,) = await house.services.models.of(ANA)
    return view


async def more(house: Engine, model_id: str, **facts: Any) -> Job:
    given: dict[str, Any] = {
        "owner": ANA,
        "prompt": "in the rain",
        "count": 3,
        "place": THREAD,
        "request_key": "more-1",
    }
    given |= facts
    owner, prompt, count = (given.pop(name) for name in ("owner", "prompt", "count"))
    return await house.services.generation.start(owner, model_id, prompt, count, **given)


async def test_a_model_is_listed_with_what_can_be_made_of_it_and_what_was(rich: Engine) -> None:
    view = await model(rich)
    assert (view.model.name, view.model.subject, view.label) == ("ana spring", "person", "Fake")
    assert (view.made, view.fault) == (2, "")
    assert view.making is not None
    assert view.making.prompt_max == 500
    assert await rich.services.models.of(BEN) == []


async def test_more_is_a_job_with_a_card_of_its_own(rich: Engine) -> None:
    view = await model(rich)
    scene = await rich.keep(b"a scene", "image/png", 800, 600)
    job = await more(
        rich, view.model.id, options={"style": "template"}, seed=5, inputs=[(Role.TEMPLATE.value, scene)]
    )
    assert (job.kind, job.root_id, job.name) == (JobKind.GENERATION, job.id, "ana spring")
    await rich.until(lambda: len(rich.world.of_kind(NoticeKind.READY)) == 2)
    spec = rich.provider.jobs["g2"].spec
    assert isinstance(spec, GenerationSpec)
    assert (spec.model_id, spec.prompt, spec.count, spec.seed) == ("model-t1", "in the rain", 3, 5)
    assert spec.options == {"style": "template"}
    assert [one.path.name for one in rich.provider.jobs["g2"].given(Role.TEMPLATE)] == [scene]
    assert len(rich.world.of_kind(NoticeKind.CARD)) == 2
    assert (await rich.services.models.of(ANA))[0].made == 5


async def test_the_same_wish_for_more_twice_is_one_job(rich: Engine) -> None:
    view = await model(rich)
    first, second = await more(rich, view.model.id), await more(rich, view.model.id)
    assert first.id == second.id
    assert rich.rows("SELECT count(*) FROM job WHERE kind = 'generation'") == [(2,)]


async def test_a_card_leads_to_the_model_behind_it(rich: Engine) -> None:
    view = await model(rich)
    job = await more(rich, view.model.id)
    training = view.model.job_id
    first = await rich.last(training)
    for one in (training, first.id, job.id):
        found = await rich.services.models.of_job(one, ANA)
        assert found is not None
        assert found.model.id == view.model.id
    assert await rich.services.models.of_job(job.id, BEN) is None


async def test_only_its_owner_makes_more_of_a_model(rich: Engine) -> None:
    view = await model(rich)
    with pytest.raises(NotYours):
        await more(rich, view.model.id, owner=BEN)
    with pytest.raises(NoSuchThing):
        await more(rich, "model_none")


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"prompt": " "}, "prompt"),
        ({"prompt": "x" * 501}, "prompt"),
        ({"count": 0}, "count"),
        ({"count": 5}, "count"),
        ({"options": {"style": "winter"}}, "making.style"),
        ({"seed": -3}, "seed"),
    ],
)
async def test_a_wish_for_more_is_held_to_the_vendor_s_limits(
    rich: Engine, facts: dict[str, Any], field: str
) -> None:
    view = await model(rich)
    with pytest.raises(BadWish) as refused:
        await more(rich, view.model.id, **facts)
    assert refused.value.field == field


async def test_inputs_for_more_are_held_to_them_too(rich: Engine) -> None:
    view = await model(rich)
    small = await rich.keep(b"tiny", "image/png", 90, 80)
    with pytest.raises(Unfit):
        await more(rich, view.model.id, inputs=[(Role.TEMPLATE.value, small)])


async def test_no_more_of_a_model_that_has_expired_or_was_deleted(rich: Engine) -> None:
    rich.provider.script(
        "training",
        [{"state": RemoteState.SUCCEEDED, "model_expires_at": rich.store.now() + timedelta(days=30)}],
    )
    view = await model(rich)
    assert view.model.expires_at is not None
    rich.turn(days=31)
    with pytest.raises(ModelGone):
        await more(rich, view.model.id)
    (view,) = await rich.services.models.of(ANA)
    assert (view.making, view.fault) == (None, "expired")


async def test_no_more_from_a_vendor_that_is_down_or_has_given_it_up(rich: Engine) -> None:
    view = await model(rich)
    rich.provider.fail_next("check", Unavailable())
    await rich.services.vendors.check()
    with pytest.raises(VendorNotOffered) as refused:
        await more(rich, view.model.id)
    assert refused.value.fault == "unreachable"
    await rich.services.vendors.check()
    await rich.services.vendors.retire("fake", JobKind.GENERATION)
    with pytest.raises(VendorNotOffered) as refused:
        await more(rich, view.model.id)
    assert refused.value.fault == "retired"
    (view,) = await rich.services.models.of(ANA)
    assert (view.making, view.fault) == (None, "retired")


async def test_a_model_is_renamed_by_its_owner_and_its_next_card_has_the_new_name(rich: Engine) -> None:
    view = await model(rich)
    await rich.services.models.rename(view.model.id, ANA, "  ana autumn ")
    with pytest.raises(NotYours):
        await rich.services.models.rename(view.model.id, BEN, "ben's")
    for name in ("", "x" * 61):
        with pytest.raises(BadWish):
            await rich.services.models.rename(view.model.id, ANA, name)
    assert (await more(rich, view.model.id)).name == "ana autumn"


async def test_a_lost_answer_for_more_is_found_among_its_model_s_and_not_paid_again(rich: Engine) -> None:
    view = await model(rich)
    await more(rich, view.model.id)
    await more(rich, view.model.id, request_key="more-2")
    rich.provider.fail_next("generate", Fault.CREATED)
    await rich.submit()
    assert rich.provider.paid_for("generation") == 2
    rich.turn(seconds=61)
    await rich.until(lambda: rich.provider.paid_for("generation") == 3)
    await rich.until(lambda: rich.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
    assert rich.provider.paid_for("generation") == 3
    assert rich.rows("SELECT DISTINCT state FROM job") == [("succeeded",)]


async def test_a_later_generation_that_fails_is_tried_again_on_its_own_card(rich: Engine) -> None:
    view = await model(rich)
    rich.provider.script("generation", [RemoteState.FAILED])
    job = await more(rich, view.model.id)
    await rich.until(lambda: rich.rows("SELECT 1 FROM job WHERE state = 'failed'") != [])
    rich.provider.script("generation", [RemoteState.SUCCEEDED])
    again = await rich.services.jobs.retry(job.id, ANA)
    await rich.until(lambda: rich.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
    assert (await rich.job(again.id)).state is JobState.SUCCEEDED
    assert again.root_id == job.id


async def test_a_generation_whose_vendor_gave_it_up_cannot_be_tried_again(rich: Engine) -> None:
    view = await model(rich)
    job = await more(rich, view.model.id)
    rich.provider.fail_next("generate", Retired())
    await rich.submit()
    with pytest.raises(VendorNotOffered):
        await rich.services.jobs.retry(job.id, ANA)
