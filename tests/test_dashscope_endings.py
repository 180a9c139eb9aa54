"""What ends before its time at DashScope: stopped, too late or not at all, or given up by the vendor."""

from pathlib import Path

import pytest

from bot.sandbox.slack import Message
from bot.sandbox.vendors.dashscope_control import DashscopeControl
from tests.surface import Surface, photos
from tests.test_dashscope_account import LONG, begun, dashscope

pytestmark = pytest.mark.slow
RARE = {"DASHSCOPE_TRAIN_POLL_FIRST": "3600", "DASHSCOPE_TRAIN_POLL_MOST": "3600"}


async def under_way(desk: DashscopeControl, status: str) -> str:
    """Wait until the one training there has come so far; its id."""
    await desk.wait_for_calls("CreateFineTune", seconds=LONG)
    (job,) = [one for one in await desk.jobs() if one.kind == "training"]
    await desk.wait_for_job("training", job.id, status, seconds=LONG)
    return job.id


async def stopped(surface: Surface, tray: Message, says: str) -> str:
    """Press *Cancel* and wait for what the card says in the end."""
    await surface.press(await surface.card(tray), "Cancel")
    return (await surface.card(tray, says=says)).words()


async def test_a_training_that_runs_is_stopped_there_and_its_result_is_nobody_s(tmp_path: Path) -> None:
    async with dashscope(tmp_path) as (surface, desk):
        await desk.fault("training_stuck")
        tray = await begun(surface)
        job = await under_way(desk, "RUNNING")
        assert "Nothing more happens with it." in await stopped(surface, tray, "cancelled")
        await desk.wait_for_job("training", job, "CANCELED", seconds=LONG)
        assert surface.query("SELECT state FROM job") == [("cancelled",)]
        assert surface.rows("model") == 0


async def test_a_training_that_cannot_be_stopped_is_said_to_run_on_and_is_never_delivered(
    tmp_path: Path,
) -> None:
    async with dashscope(tmp_path) as (surface, desk):
        await desk.turn(cancel_running=False)
        await desk.fault("training_stuck")
        tray = await begun(surface)
        job = await under_way(desk, "RUNNING")
        words = await stopped(surface, tray, "cancelled")
        assert "DashScope FaceChain cannot be told to stop: its result will be discarded." in words
        await desk.fault("training_fails", job=job)
        await desk.wait_for_job("training", job, "FAILED", seconds=LONG)
        await surface.taken_in()
        assert "failed" not in (await surface.card(tray)).words()
        assert surface.query("SELECT state FROM job") == [("cancelled",)]
        bill = await desk.paid()
        assert (bill.training, bill.inference) == (1, 0)


async def test_a_training_that_was_done_before_it_could_be_stopped_is_kept_and_no_images_are_made(
    tmp_path: Path,
) -> None:
    async with dashscope(tmp_path, **RARE) as (surface, desk):
        await desk.turn(train_seconds=0.1)
        tray = await begun(surface)
        await under_way(desk, "SUCCEEDED")
        await surface.press(await surface.card(tray), "Cancel")
        told = await surface.said(
            "before it could be cancelled. No images are made", channel="@darkroom", viewer="ana"
        )
        assert "is trained after" in told.words()
        assert surface.query("SELECT kind, state FROM job") == [("training", "succeeded")]
        assert surface.rows("model") == 1
        bill = await desk.paid()
        assert (bill.training, bill.inference) == (1, 0)
        done = await surface.card(tray, says="done")
        assert "Delete…" in done.buttons()


async def test_with_portraits_off_a_training_is_all_there_is_and_the_form_says_so(tmp_path: Path) -> None:
    async with dashscope(tmp_path, DASHSCOPE_GENERATION="off") as (surface, desk):
        tray = await surface.tray(photos(3), says="3 of 3")
        form = await surface.open_form(tray)
        assert form.options("provider") == ["DashScope FaceChain (China), 1 to 10 photos"]
        assert "it makes no pictures of the model" in form.words()
        assert "Style" not in form.words()
        done = await surface.submit(subject="woman", prompt=None, count=None, where=None)
        assert done.closed, done
        await surface.said("is trained after", channel="@darkroom", viewer="ana", within=LONG)
        card = await surface.card(tray, says="done")
        assert card.buttons() == ["Details", "Delete…"]
        bill = await desk.paid()
        assert (bill.training, bill.inference) == (1, 0)
        assert await surface.dm("admin") == []


async def test_portraits_that_the_vendor_gives_up_are_told_the_operator_once_and_trainings_go_on(
    tmp_path: Path,
) -> None:
    async with dashscope(tmp_path) as (surface, desk):
        await desk.turn(retired="ModelNotFound", train_seconds=3600)
        first, second = await begun(surface), await begun(surface, 10)
        await surface.card(second, says="our queue (1st)")
        await desk.turn(train_seconds=0.5)
        for tray in (first, second):
            # Both were asked for before it was known, and each is told plainly.
            told = await surface.said("has given up making images", thread=tray.thread_ts, within=LONG)
            assert "The training is charged, its images are not." in told.words()
        third = await surface.tray(photos(3, 20), says="3 of 3")
        form = await surface.open_form(third)
        assert "it makes no pictures of the model" in form.words()
        done = await surface.submit(subject="woman", prompt=None, count=None, where=None)
        assert done.closed, done
        await surface.card(third, says="done")
        await surface.all_said()
        told = [one.words() for one in await surface.dm("admin")]
        assert len(told) == 1
        assert "was given up by the vendor and is no longer offered" in told[0]
        bill = await desk.paid()
        assert (bill.training, bill.inference) == (3, 0)


@pytest.mark.parametrize("delivery", ["url", "files"])
async def test_what_its_face_check_refuses_is_told_by_number_and_the_rest_can_be_trained_on(
    tmp_path: Path, delivery: str
) -> None:
    async with dashscope(tmp_path, delivery) as (surface, desk):
        await desk.fault("no_face", photo=1)
        tray = await begun(surface)
        card = await surface.card(tray, says="failed")
        assert "looked at the photos before the training and would not use some of them." in card.words()
        assert "Not charged: nothing was started." in card.words()
        again = await surface.said("2 of 3 photos usable.", thread=tray.thread_ts, within=LONG)
        assert "#2 photo-1.jpg would not be used by DashScope FaceChain (no face detected)." in again.words()
        assert (await desk.paid()).training == 0
        await surface.press(again, "Use the 2")
        await surface.form()
        done = await surface.submit(
            subject="woman", prompt=None, count="1", **{"making.style": "f_idcard_female"}
        )
        assert done.closed, done
        await surface.said("is ready after", thread=tray.thread_ts, within=LONG)
        bill = await desk.paid()
        assert (bill.training, bill.inference) == (1, 1)
        # What was uploaded, for the look or for the training, is all deleted again.
        actions = [entry.action for entry in await desk.journal() if entry.code is None]
        uploads = actions.count("UploadFiles")
        assert uploads == (0 if delivery == "url" else 3 + 2 + 2)

        async def tidied() -> bool | None:
            gone = [one for one in await desk.journal() if one.action == "DeleteFile" and one.code is None]
            return len(gone) == uploads or None

        await surface.until(tidied, within=LONG)
