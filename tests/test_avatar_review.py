"""A review at MetaStudio that says no: told, reminded of, answered, or closed; and never paid for twice."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.films import draw_papers
from bot.sandbox.slack import Message, Upload
from bot.sandbox.vendors.metastudio_control import MetastudioControl
from tests.surface import Surface, odd
from tests.test_films import before_metastudio, small_film

pytestmark = pytest.mark.slow
SOUND = "SELECT count(*) FROM job_input JOIN medium ON sha256 = medium WHERE media_type = 'application/zip'"
DAY = 24 * 3600
LONG = 120.0
NO = "The hands are not seen."
ASKS = "needs you: Huawei MetaStudio asks for better files."
PAPERS = "SELECT count(*) FROM job_input WHERE role IN ('id_front', 'id_back', 'letter')"


def film(seconds: int = 200) -> Upload:
    return odd(f"film-{seconds}.mp4", small_film((1920, 1080), seconds))


async def refused(surface: Surface, desk: MetastudioControl, **fault: Any) -> Message:
    """A training whose review has said no; its tray."""
    await desk.fault("review_refused", **{"stage": "auto", "reason": NO, **fault})
    papers: dict[str, Any] = {
        f"file.{role}": [Upload(f"{role}.jpg", data)] for role, data in draw_papers().items()
    }
    tray = await surface.tray([film()], says="1 of 1 video usable")
    await surface.open_form(tray)
    done = await surface.submit(subject="person", prompt="Good morning.", count=None, **papers)
    assert done.closed, done
    await surface.said(ASKS, thread=tray.thread_ts, within=LONG)
    return tray


async def trainings(desk: MetastudioControl) -> list[tuple[str, str | None]]:
    return [(job.status, job.note) for job in await desk.jobs() if job.kind == "training"]


async def reminded(surface: Surface) -> list[str]:
    return [message.words() for message in await surface.dm() if ASKS in message.words()]


async def told_in_private(surface: Surface, times: int) -> None:
    """Wait until the owner was told so often, and see that it is no oftener."""

    async def look() -> bool | None:
        return len(await reminded(surface)) >= times or None

    await surface.until(look, within=LONG)
    await surface.taken_in()
    assert len(await reminded(surface)) == times


async def test_a_review_nobody_answers_is_reminded_of_twice_and_then_closed_there_and_here(
    tmp_path: Path,
) -> None:
    async with before_metastudio(tmp_path) as (surface, desk):
        tray = await refused(surface, desk)
        card = await surface.card(tray, says="needs you")
        assert "Upload again…" in card.buttons()
        await told_in_private(surface, 1)
        assert surface.query(PAPERS) == [(3,)]
        for days, told in ((0.9, 1), (0.2, 2), (1.8, 2), (0.2, 3), (9, 3)):
            surface.clock.advance(days * DAY)
            await told_in_private(surface, told)
        assert await trainings(desk) == [("AUTO_VERIFY_FAILED", NO)]
        surface.clock.advance(3 * DAY)
        ended = await surface.card(tray, says="none came in time")
        assert "Upload again…" not in ended.buttons()
        # It is withdrawn there with its film and papers, and the papers are gone here.
        assert await trainings(desk) == [("AUTO_VERIFY_FAILED", "deleted")]
        assert surface.query("SELECT state, reason FROM job") == [("failed", "not_answered")]

        async def erased() -> bool | None:
            return surface.query(PAPERS) == [(0,)] or None

        await surface.until(erased, within=LONG)
        surface.clock.advance(30 * DAY)
        await told_in_private(surface, 3)


async def test_a_training_that_came_to_rest_as_failed_is_told_at_once_and_why(tmp_path: Path) -> None:
    papers: dict[str, Any] = {
        f"file.{role}": [Upload(f"{role}.jpg", data)] for role, data in draw_papers().items()
    }
    async with before_metastudio(tmp_path) as (surface, desk):
        await desk.fault("training_fails", reason="The face was lost.")
        tray = await surface.tray([film()], says="1 of 1 video usable")
        await surface.open_form(tray)
        done = await surface.submit(subject="person", prompt="Good morning.", count=None, **papers)
        assert done.closed, done

        async def over() -> bool | None:
            return surface.query("SELECT state, reason FROM job") == [("failed", "vendor_failed")] or None

        # Nobody turns the clock: what staff may mend would be waited for for three days.
        await surface.until(over, within=LONG)
        card = await surface.card(tray, says="failed")
        assert "says that the job failed; its words are in *Details*." in card.words()
        assert "post it again to begin anew" in card.words()
        assert "Retry" not in card.buttons()
        assert [status for status, _ in await trainings(desk)] == ["TRAIN_FAILED"]
        assert surface.query("SELECT detail FROM job") == [("The face was lost.",)]


async def test_a_better_film_goes_on_with_the_same_training_and_a_second_no_asks_anew(tmp_path: Path) -> None:
    async with before_metastudio(tmp_path) as (surface, desk):
        tray = await refused(surface, desk, code="44005901", reason="resolution not accepted")
        surface.clock.advance(1.1 * DAY)
        await told_in_private(surface, 2)
        # What the code of a review says is told in our words, and only what it is about is asked for.
        await surface.press(await surface.said(ASKS, thread=tray.thread_ts), "Upload again…")
        form = await surface.form()
        assert "not exactly 1920×1080" in form.words()
        assert "Letter" not in form.words()
        await desk.fault("review_refused", stage="manual", reason=NO)
        done = await surface.people.submit("ana", {"file.video": [film(205)]})
        assert done.closed, done
        await told_in_private(surface, 3)
        # The count of reminders begins anew with the new question.
        surface.clock.advance(1.1 * DAY)
        await told_in_private(surface, 4)
        second = (await surface.dm())[-1]
        await surface.press(second, "Upload again…")
        form = await surface.form()
        assert NO in form.words()
        done = await surface.people.submit("ana", {"file.video": [film(210)]})
        assert done.closed, done
        await surface.said("is ready after", thread=tray.thread_ts, within=LONG)
        # One training, whatever was sent to it; its papers went up each time, and are gone here.
        assert await trainings(desk) == [("JOB_SUCCESS", None)]
        made = [entry for entry in await desk.journal() if entry.action == "CreateTraining"]
        assert [entry.status for entry in made] == [200]
        assert surface.query(PAPERS) == [(0,)]
        await told_in_private(surface, 4)


def recordings(**files: bytes) -> Upload:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.wav", data)
    return Upload("voice.zip", packed.getvalue())


async def test_a_film_of_gestures_and_recordings_go_with_the_video(tmp_path: Path) -> None:
    async with before_metastudio(tmp_path, extras="true") as (surface, desk):
        papers: dict[str, Any] = {
            f"file.{role}": [Upload(f"{role}.jpg", data)] for role, data in draw_papers().items()
        }
        extras = {"file.action_video": [film(20)], "file.voice": [recordings(one=b"RIFF" * 99)]}
        tray = await surface.tray([film()], says="1 of 1 video usable")
        await surface.open_form(tray)
        done = await surface.submit(subject="person", prompt="Good morning.", count=None, **papers, **extras)
        assert done.closed, done
        await surface.said("is ready after", thread=tray.thread_ts, within=LONG)
        # The stand-in reviews nothing that was announced and has not come.
        asked = [entry.action for entry in await desk.journal()]
        assert [asked.count(f"Upload{kind}") for kind in ("TrainingVideo", "ActionVideo", "Audio")] == [1] * 3
        # The recordings went with the review, as papers do.
        assert surface.query(SOUND) == [(0,)]


async def test_what_is_no_zip_of_recordings_starts_nothing_until_one_says_without_it(tmp_path: Path) -> None:
    async with before_metastudio(tmp_path, extras="true", papers="false") as (surface, desk):
        tray = await surface.tray([film()], says="1 of 1 video usable")
        await surface.open_form(tray)
        sounds = {"file.voice": [Upload("voice.zip", b"RIFF" * 99)]}
        done = await surface.submit(subject="person", prompt="Good morning.", count=None, **sounds)
        assert done.closed, done

        async def asked() -> Message | None:
            return next((one for one in await surface.dm() if "is no zip" in one.words()), None)

        question = await surface.until(asked, within=LONG)
        assert "Nothing has begun, and nothing was paid." in question.words()
        assert await trainings(desk) == []
        await surface.press(question, "Start without it")

        async def sent() -> list[str] | None:
            asked = [entry.action for entry in await desk.journal()]
            return asked if "UploadTrainingVideo" in asked else None

        await surface.until(sent, within=LONG)
        assert len(await trainings(desk)) == 1
        assert "UploadAudio" not in [entry.action for entry in await desk.journal()]
