"""A training at MetaStudio that outlives its mode: restarted in another, twice, the bot delivers it."""

from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.films import draw_papers
from bot.sandbox.slack import Upload
from bot.sandbox.vendors.metastudio import MetastudioStandIn
from bot.sandbox.vendors.metastudio_control import MetastudioControl
from tests.surface import odd, photos, stage
from tests.test_films import metastudio, small_film

pytestmark = pytest.mark.slow
LONG = 120.0
DAYS = 3 * 24 * 3600


async def test_an_avatar_in_training_is_delivered_though_the_mode_was_changed_twice(tmp_path: Path) -> None:
    async with (
        MetastudioStandIn.start(tmp_path / "vendor") as vendor,
        MetastudioControl(vendor.origin) as desk,
        stage(tmp_path) as surface,
    ):
        await desk.turn(throttled=False)
        await desk.hurry()
        await desk.turn(train_seconds=3600)
        async with surface.running([metastudio(vendor.origin)]):
            papers: dict[str, Any] = {
                f"file.{role}": [Upload(f"{role}.jpg", data)] for role, data in draw_papers().items()
            }
            film = odd("film.mp4", small_film((1920, 1080), 200))
            tray = await surface.tray([film], says="1 of 1 video usable")
            await surface.open_form(tray)
            done = await surface.submit(subject="person", prompt="Good morning.", count=None, **papers)
            assert done.closed, done
            await desk.wait_for_calls("CreateTraining", seconds=LONG)
            (job,) = [one for one in await desk.jobs() if one.kind == "training"]
            await desk.wait_for_job("training", job.id, "TRAINING", seconds=LONG)
        # Days later: any deadline of the new mode's product is over.
        surface.clock.advance(DAYS)
        async with surface.running([metastudio(vendor.origin, mode="picture_modeling")]):
            other = await surface.tray(photos(1))
            form = await surface.open_form(other)
            assert form.options("provider") == ["Huawei MetaStudio (China), 1 photo"]
            assert surface.query("SELECT state FROM job") == [("running",)]
        async with surface.running([metastudio(vendor.origin, mode="photo_video")]):
            await desk.turn(train_seconds=0.2)
            shown = await surface.said("What Huawei MetaStudio shows of", thread=tray.thread_ts, within=LONG)
            assert len(shown.files) == 1
            # The clip that was to follow was never sent, and the mode has none.
            told = await surface.said("switched off here", thread=tray.thread_ts, within=LONG)
            assert "The training is charged" in told.words()
        ends = surface.query("SELECT kind, state, reason FROM job ORDER BY created_at, kind DESC")
        assert ends == [("training", "succeeded", None), ("generation", "failed", "switched_off")]
        asked = [entry.action for entry in await desk.journal()]
        assert asked.count("CreateTraining") == 1
        # Nobody had to be asked whose it was.
        assert [action for action in asked if "PictureModel" in action] == []
