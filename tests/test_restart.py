"""Killed at any moment and started again, the demo ends in the same story: paid once, said once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.performances import MOMENTS, PATIENCE, Moment, Performance, Victim, gone, photo_folder, told_once

pytestmark = pytest.mark.slow
STAYS = "staying up"


def moments(*names: str) -> list[Moment]:
    found = {moment.name: moment for moment in MOMENTS}
    return [found[name] for name in names]


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photo_folder(tmp_path_factory.mktemp("story") / "object")


async def ends_well(run: Performance) -> None:
    """Let the story end, look at what came of it, and end the run."""
    async with run.controls() as controls:
        await controls.hurry()
        await run.says(STAYS)
        await told_once(controls)
        run.process.send_signal(signal.SIGTERM)
        assert await run.ends() == 0


async def test_a_story_killed_with_everybody_in_it_goes_on_and_is_told_once(
    tmp_path: Path, photos: Path
) -> None:
    for moment in moments("photos posted", "tray unanswered", "vendor pays", "upload unanswered"):
        async with Performance.begin(tmp_path, "--photos", str(photos)) as run, run.controls() as controls:
            await controls.hurry_and(moment)
            await run.comes(moment, controls)
            await run.kill(Victim.EVERYBODY)
    async with Performance.begin(tmp_path, "--photos", str(photos)) as run:
        await ends_well(run)


async def test_a_bot_killed_again_and_again_is_started_again_and_tells_the_story_once(
    tmp_path: Path, photos: Path
) -> None:
    async with Performance.begin(tmp_path, "--photos", str(photos)) as run:
        for moment in moments("form sent", "training", "upload unanswered", "images stand"):
            async with run.controls() as controls:
                await controls.hurry_and(moment)
                await run.comes(moment, controls)
                await controls.people.wait_for_connection(within=PATIENCE)
                await run.kill(Victim.BOT)
        await ends_well(run)
        assert run.text.count("was ended by SIGKILL; it is started again") == 4


async def test_a_bot_whose_demo_is_killed_ends_by_itself_and_the_next_demo_goes_on(
    tmp_path: Path, photos: Path
) -> None:
    (moment,) = moments("model trained")
    async with Performance.begin(tmp_path, "--photos", str(photos)) as run, run.controls() as controls:
        await controls.hurry_and(moment)
        await run.comes(moment, controls)
        bot = run.bot()
        run.process.kill()
        await gone(bot.pid)
    async with Performance.begin(tmp_path, "--photos", str(photos)) as run:
        await ends_well(run)
