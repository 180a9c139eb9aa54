"""A vendor's own parameters: their form opens in Slack, and what is chosen on it is kept or refused."""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.providers import load
from bot.sandbox.clock import WorldClock
from bot.sandbox.films import draw_papers
from bot.sandbox.houses import HOUSES
from bot.sandbox.slack import Upload
from bot.services.options import fields
from handlers.fields import parameter
from tests.surface import Surface, odd, photo, stage
from tests.test_films import before_metastudio, small_film
from tests.vendors import ours

ALL = {house.name: house for house in HOUSES}
SLACK_S_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@contextlib.asynccontextmanager
async def before(home: Path, name: str, **more: str) -> AsyncIterator[Surface]:
    """A bot with this vendor alone."""
    house = ALL[name]
    async with house.start(home / "vendor", 0, WorldClock()) as vendor, house.control(vendor.origin) as desk:
        await desk.turn(**house.turned)
        (provider,), _ = load(house.environment(vendor.origin) | more)
        async with stage(home) as surface, surface.running([provider]):
            yield surface


async def opened(surface: Surface, count: int) -> Any:
    """The form of *Advanced…* over that for a training."""
    posted = [Upload(f"{n}.jpg", photo(n, size=(640, 600))) for n in range(count)]
    await surface.open_form(await surface.tray(posted, says=f"{count} of {count}"))
    await surface.people.press_view("ana", "Advanced…")
    return await surface.people.wait_for_view("ana", lambda view: view.title == "Advanced")


async def test_every_parameter_of_img_open_stands_on_a_form_that_opens(tmp_path: Path) -> None:
    async with before(tmp_path, "img_open") as surface:
        form = await opened(surface, 10)
        for span in ("From 0.0000001 to 0.0001.", "Above 0, up to 1.", "From 0, below 1.", "At least 0."):
            assert span in str(form.blocks)
        names = [block["block_id"] for block in form.blocks if block["type"] == "input"]
        assert len([name for name in names if name.startswith("option.")]) == 35
        refused = await surface.people.submit("ana", {"option.optimizer_type": "DAdaptAdam"})
        assert "wants a learning rate near 1" in refused.errors["option.optimizer_type"]
        kept = await surface.people.submit(
            "ana", {"option.optimizer_type": "AdamW", "option.learning_rate": "0.0000005"}
        )
        assert not kept.errors
        below = await surface.people.wait_for_view(
            "ana", lambda view: "2 parameters changed under *Advanced*." in view.words()
        )
        assert below.title == "Train a model"


@pytest.mark.parametrize("name", ALL)
def test_every_number_on_a_form_is_one_that_slack_takes(name: str) -> None:
    able = ours()[name]
    (provider,), _ = load(ALL[name].environment("http://127.0.0.1:9"))
    assert isinstance(provider, able)
    told = provider.capabilities
    models = {one.options for one in (told.training, told.generation, told.oneshot) if one is not None}
    for model in models:
        for field in fields(model):
            element = parameter("x", field)["element"]
            for figure in ("min_value", "max_value", "initial_value"):
                if element["type"] == "number_input" and figure in element:
                    assert SLACK_S_NUMBER.fullmatch(element[figure]), (field.name, element)


async def test_lists_and_what_an_edition_lacks_are_told_on_metastudio_s_form(tmp_path: Path) -> None:
    papers: dict[str, Any] = {
        f"file.{role}": [Upload(f"{role}.jpg", data)] for role, data in draw_papers().items()
    }
    async with before_metastudio(tmp_path, flexus="true") as (surface, _):
        film = odd("film.mp4", small_film((1920, 1080), 185))
        tray = await surface.tray([film], says="1 of 1 video usable")
        await surface.open_form(tray)
        await surface.people.press_view("ana", "Advanced…")
        form = await surface.people.wait_for_view("ana", lambda view: view.title == "Advanced")
        first = form.blocks[2]["block_id"]
        refused = await surface.people.submit("ana", {"option.is_background_replacement": "Yes"})
        assert refused.errors == {first: "the basic edition does not replace backgrounds"}
        kept = await surface.people.submit(
            "ana", {"option.is_background_replacement": "No", "option.tags": "spring, 新品"}
        )
        assert not kept.errors
        await surface.people.wait_for_view(
            "ana", lambda view: "1 parameter changed under *Advanced*." in view.words()
        )
        done = await surface.submit(subject="person", prompt="Good morning.", count=None, **papers)
        assert done.closed, done
        await surface.said("Training started with this video.", thread=tray.thread_ts)
        ((tags,),) = surface.query("SELECT json_extract(spec, '$.options.tags') FROM job")
        assert json.loads(tags) == ["spring", "新品"]


async def test_a_film_too_short_for_the_edition_that_was_chosen_begins_nothing(tmp_path: Path) -> None:
    papers: dict[str, Any] = {
        f"file.{role}": [Upload(f"{role}.jpg", data)] for role, data in draw_papers().items()
    }
    async with before_metastudio(tmp_path, flexus="true") as (surface, desk):
        tray = await surface.tray(
            [odd("film.mp4", small_film((1920, 1080), 100))], says="1 of 1 video usable"
        )
        await surface.open_form(tray)
        await surface.people.press_view("ana", "Advanced…")
        await surface.people.wait_for_view("ana", lambda view: view.title == "Advanced")
        kept = await surface.people.submit("ana", {"option.is_flexus": "No"})
        assert not kept.errors
        await surface.people.wait_for_view(
            "ana", lambda view: "1 parameter changed under *Advanced*." in view.words()
        )
        refused = await surface.submit(subject="person", prompt="Good morning.", count=None, **papers)
        assert not refused.closed
        assert "wants a video of at least 3 min" in str(refused.errors)
        assert surface.query("SELECT count(*) FROM job") == [(0,)]
        assert not [entry for entry in await desk.journal() if entry.action == "CreateTraining"]
