"""A training's way through the MetaStudio stand-in: reviews that look, days that pass, staff who redo."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bot.sandbox.vendors._metastudio_states import REDONE, ROUTE, following
from bot.sandbox.vendors.control import ControlError
from bot.sandbox.vendors.metastudio_control import State
from tests.sandbox.vendors.metastudio_scene import JOBS, Lot, film, photo

pytestmark = pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")

MINUTE, HOUR = 60, 3600
RUNNING = {
    "MANUAL_VERIFY_SUCCESS",
    "WAIT_TRAINING_DATA_PREPROCESS",
    "TRAINING_DATA_PREPROCESSING",
    "TRAINING_DATA_PREPROCESS_SUCCESS",
    "TRAINING",
    "TRAIN_SUCCESS",
    "INFERENCE_DATA_PREPROCESSING",
    "WAIT_MAIN_FILE_UPLOAD",
    "WAIT_ADMIN_CONFIRM",
    "WAIT_COMPILE",
    "COMPILING",
    "WAIT_GENERATE_ACTION",
    "WAIT_ARRANGE",
    "ACTION_GENERATE_DATA_PROCESSING",
    "ACTION_GENERATE_ORI_PROCESSING",
    "ACTION_GENERATE_ORI_SUCCESS",
    "WAIT_ADMIN_CALIBRATION",
    "WAIT_ASSET_SYNC",
    "WAIT_GENERATE_ACTION_MARK",
    "ACTION_MARKING",
    "ACTION_MARK_SUCCESS",
    "ACTION_MARK_UPLOADED",
    "WAIT_TEST_VIDEO_CHECK",
    "TEST_VIDEO_CHECK_PROCESSING",
    "TEST_VIDEO_CHECK_SUCCESS",
}
SOFT = {
    "COMPILE_FAILED",
    "ACTION_GENERATE_DATA_FAILED",
    "ACTION_GENERATE_ORI_FAILED",
    "GENERATE_ACTION_PREPROCESS_FAILED",
    "TEST_VIDEO_CHECK_FAILED",
    "ACTION_MARK_FAILED",
    "MANUAL_STOP_TRAIN",
    "MANUAL_STOP_TRAINING_DATA_PREPROCESS",
    "MANUAL_STOP_INFERENCE_DATA_PREPROCESS",
    "MANUAL_STOP_ACTION_GENERATE_DATA_PROCESSING",
    "MANUAL_STOP_ACTION_GENERATE_ORI_PROCESSING",
    "MANUL_STOP_ACTION_MARK",
}


async def why(lot: Lot, job_id: str) -> tuple[str, str | None, str | None]:
    """How a review ended: the state, the error's code, the reviewer's opinion."""
    shown = await lot.show(job_id)
    newest = max(shown.operation_logs, key=lambda log: log.operate_time)
    newest = [log for log in shown.operation_logs if log.operate_time == newest.operate_time][-1]
    return shown.state, newest.error_code, newest.log_description


async def reviewed(lot: Lot, state: State = State.AUTO_VERIFY_FAILED, **brought: Any) -> Any:
    job_id = await lot.submitted(**brought)
    await lot.control.wait_for_job("training", job_id, state)
    return await why(lot, job_id)


# The review.


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1088)])
async def test_a_film_of_any_other_size_is_refused_with_the_vendors_code(lot: Lot, size: Any) -> None:
    state, code, _ = await reviewed(lot, video=film(size))
    assert (state, code) == ("AUTO_VERIFY_FAILED", "44005901")


@pytest.mark.parametrize(
    ("size", "resolution"),
    [((1920, 1080), "1080P"), ((1080, 1920), "1080P"), ((3840, 2160), "4K"), ((2160, 3840), "4K")],
)
async def test_a_film_of_the_four_sizes_is_accepted(lot: Lot, size: Any, resolution: str) -> None:
    await lot.control.settings(manual_review_seconds=3600)
    job_id = await lot.submitted(video=film(size, step=60))
    await lot.control.wait_for_job("training", job_id, State.MANUAL_VERIFYING)
    assert (await lot.show(job_id)).model_resolution == resolution
    assert (await lot.list(model_resolution=resolution)).count == 1


@pytest.mark.parametrize(("seconds", "state"), [(178, "no"), (182, "yes"), (598, "yes"), (603, "no")])
async def test_a_film_takes_3_to_10_minutes(lot: Lot, seconds: int, state: str) -> None:
    await lot.control.settings(manual_review_seconds=3600)
    job_id = await lot.submitted(video=film(seconds=seconds, step=60))
    wanted = State.MANUAL_VERIFYING if state == "yes" else State.AUTO_VERIFY_FAILED
    await lot.control.wait_for_job("training", job_id, wanted)
    if state == "no":
        assert "3 to 10 minutes" in str((await why(lot, job_id))[2])


async def test_a_flexus_film_may_be_shorter(lot: Lot) -> None:
    await lot.control.settings(manual_review_seconds=3600)
    job_id = await lot.submitted(video=film(seconds=70, step=30), is_flexus=True)
    await lot.control.wait_for_job("training", job_id, State.MANUAL_VERIFYING)
    _, _, reason = await reviewed(lot, video=film(seconds=50, step=30), is_flexus=True)
    assert "1 to 10 minutes" in str(reason)


@pytest.mark.parametrize(
    "video",
    [
        pytest.param(lambda: b"no film at all " * 99, id="text"),
        pytest.param(lambda: photo(), id="photo"),
        pytest.param(lambda: film()[:3000], id="half"),
        pytest.param(lambda: film(kind="mov"), id="quicktime"),
        pytest.param(lambda: film(kind="matroska"), id="matroska"),
        pytest.param(lambda: b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", id="playlist"),
    ],
)
async def test_what_is_no_mp4_is_refused_and_no_other_file_is_opened(lot: Lot, video: Any) -> None:
    state, code, reason = await reviewed(lot, video=video())
    assert (state, code) == ("AUTO_VERIFY_FAILED", None)
    assert "not accepted" in str(reason)


async def test_missing_papers_fail_the_review(lot: Lot) -> None:
    _, _, reason = await reviewed(lot, papers=False)
    assert reason == "Missing: the front of the ID card."
    made = await lot.create()
    await lot.upload(made, papers=False)
    await lot.accepted(made.id_card_image1_upload_url, photo())
    await lot.accepted(made.id_card_image2_upload_url, photo())
    await lot.submit(made.job_id)
    await lot.control.wait_for_job("training", made.job_id, State.AUTO_VERIFY_FAILED)
    assert (await why(lot, made.job_id))[2] == "Missing: the authorisation letter."


async def test_an_id_card_nobody_can_open_is_refused_by_hand(lot: Lot) -> None:
    made = await lot.create()
    await lot.upload(made, papers=False)
    await lot.accepted(made.id_card_image1_upload_url, photo())
    await lot.accepted(made.id_card_image2_upload_url, b"not a picture")
    await lot.accepted(made.grant_file_upload_url, b"%PDF-")
    await lot.submit(made.job_id)
    await lot.control.wait_for_job("training", made.job_id, State.MANUAL_VERIFY_FAILED)
    state, _, reason = await why(lot, made.job_id)
    assert (state, reason) == ("MANUAL_VERIFY_FAILED", "The back of the id card can not be opened.")


async def test_a_white_listed_tenant_needs_no_papers_and_ends_in_another_word(lot: Lot) -> None:
    await lot.control.settings(na_tenant=True, asks_user=False, makes_cover=False)
    job_id = await lot.submitted(papers=False)
    await lot.control.wait_for_job("training", job_id, State.JOB_FINISH)
    assert (await lot.show(job_id)).asset_id


@pytest.mark.parametrize(
    ("stage", "state", "log_type", "user"),
    [
        ("auto", "AUTO_VERIFY_FAILED", "SYSTEM_VERIFY_FAILED", "SYSTEM"),
        ("manual", "MANUAL_VERIFY_FAILED", "ADMIN_VERIFY_FAILED", "ADMIN"),
        ("video", "VIDEO_ANALYZE_FAILED", "VIDEO_ANALYZE_FAILED", "SYSTEM"),
    ],
)
async def test_a_review_refuses_on_order_with_a_reason(
    lot: Lot, stage: str, state: str, log_type: str, user: str
) -> None:
    await lot.control.fault("review_refused", stage=stage, reason="The light is poor.", code="44005999")
    job_id = await lot.submitted()
    await lot.control.wait_for_job("training", job_id, state)
    shown = await lot.show(job_id)
    log = shown.operation_logs[-1]
    assert (shown.state, log.log_type, log.operate_user) == (state, log_type, user)
    assert (log.log_description, log.error_code) == ("The light is poor.", "44005999")
    assert await lot.control.faults() == []
    (job,) = await lot.control.jobs()
    assert job.note == (None if stage == "video" else "The light is poor.")


async def test_a_refusal_can_be_ordered_for_one_job_before_it_is_submitted(lot: Lot) -> None:
    await lot.control.settings(manual_review_seconds=3600)
    first, second = await lot.create(name="first"), await lot.create(name="second")
    await lot.control.fault("review_refused", job=second.job_id, reason="Not this one.")
    for made, state in ((first, State.MANUAL_VERIFYING), (second, State.AUTO_VERIFY_FAILED)):
        await lot.upload(made)
        await lot.submit(made.job_id)
        await lot.control.wait_for_job("training", made.job_id, state)


# The days.


async def test_a_training_takes_days_and_passes_the_states_every_job_passes(slow_lot: Lot) -> None:
    lot = slow_lot
    job_id = await lot.submitted()
    for state, seconds in (
        (State.AUTO_VERIFYING, 10 * MINUTE),
        (State.MANUAL_VERIFYING, 20 * HOUR),
        (State.MANUAL_VERIFY_SUCCESS, 10 * MINUTE),
        (State.TRAINING, 60 * HOUR),
        (State.TRAIN_SUCCESS, 10 * MINUTE),
        (State.COMPILING, 6 * HOUR),
    ):
        await lot.control.wait_for_job("training", job_id, state)
        await lot.turn(seconds - 30)
        assert (await lot.show(job_id)).state == state
        await lot.turn(30)
    await lot.control.wait_for_job("training", job_id, State.JOB_SUCCESS)
    shown = await lot.show(job_id)
    assert [log.log_type for log in shown.operation_logs] == [
        "USER_CREATE_JOD",
        "USER_VERIFYING_SUBMITTED",
        "SYSTEM_VERIFY_SUCCESS",
        "ADMIN_VERIFY_SUCCESS",
        "SYSTEM_TRAINING",
        "SYSTEM_TRAIN_SUCCESS",
        "SYSTEM_EXECUTE_COMPILE",
        "SYSTEM_UPDATE_COVER",
        "SYSTEM_JOB_SUCCESS",
    ]
    times = [log.operate_time for log in shown.operation_logs]
    assert times == sorted(times)


async def test_a_job_of_an_asking_tenant_waits_for_its_answer(lot: Lot) -> None:
    await lot.control.settings(na_tenant=True, makes_cover=False)
    job_id = await lot.submitted(papers=False)
    await lot.control.wait_for_job("training", job_id, State.WAIT_USER_CONFIRM)
    assert (await lot.command(job_id, "CONFIRM_ACCEPT")).commond_result == "EXCUTE_SUCCESS"
    assert (await lot.show(job_id)).state == "JOB_FINISH"


async def test_the_long_way_passes_every_state_that_runs(slow_lot: Lot) -> None:
    lot = slow_lot
    await lot.control.settings(
        long_way=True, makes_cover=False, auto_review_seconds=60, manual_review_seconds=60, train_seconds=60,
        compile_seconds=60, step_seconds=60,
    )  # fmt: skip
    job_id = await lot.submitted()
    seen = []
    for state in ROUTE:
        await lot.control.wait_for_job("training", job_id, state)
        seen.append((await lot.show(job_id)).state)
        await lot.turn(61)
    await lot.control.wait_for_job("training", job_id, State.JOB_SUCCESS)
    reviews = {"VIDEO_ANALYZE_PROCESSING", "VIDEO_ANALYZE_SUCCESS", "AUTO_VERIFYING", "MANUAL_VERIFYING"}
    assert set(seen) == RUNNING | reviews


async def test_changed_times_are_felt_by_jobs_under_way(slow_lot: Lot) -> None:
    job_id = await slow_lot.submitted()
    await slow_lot.control.settings(makes_cover=False)
    await slow_lot.control.hurry()
    await slow_lot.control.wait_for_job("training", job_id)


# Every state.


async def test_each_of_the_53_states_can_be_set_and_is_shown_and_listed(lot: Lot) -> None:
    await lot.control.settings(makes_cover=False)
    made = await lot.create()
    assert len(State) == 53
    for state in State:
        await lot.control.put_into(made.job_id, state, stays=True)
        shown = (await lot.customer.call("GET", f"{JOBS}/{made.job_id}")).json()
        listed = (await lot.customer.call("GET", JOBS, query=[("state", str(state))])).json()
        assert (shown["state"], listed["count"]) == (state, 1)


async def test_a_state_on_the_way_leads_on_and_any_other_stays(lot: Lot) -> None:
    await lot.control.settings(makes_cover=False)
    for state in ("TRAIN_SUCCESS", "WAIT_ADMIN_CONFIRM", "ACTION_MARK_SUCCESS"):
        made = await lot.create(name=state)
        await lot.control.put_into(made.job_id, state)
        await lot.control.wait_for_job("training", made.job_id, progress=1.0)
    for state in ("TRAIN_FAILED", "COMPILE_FAILED", "WAIT_FILE_UPLOAD", "SOMETHING_QUITE_NEW"):
        await lot.control.put_into(made.job_id, state)
        await lot.create(name="another")
        assert (await lot.show(made.job_id)).state == state


async def test_an_unknown_word_is_told_so_often_as_was_ordered(lot: Lot) -> None:
    made = await lot.create()
    await lot.control.fault("status_word", times=2, word="TRAINING_ON_MARS")
    assert (await lot.show(made.job_id)).state == "TRAINING_ON_MARS"
    assert (await lot.list()).jobs[0].state == "TRAINING_ON_MARS"
    assert (await lot.show(made.job_id)).state == "WAIT_FILE_UPLOAD"


@pytest.mark.parametrize(
    "state", ["TRAIN_FAILED", "TRAINING_DATA_PREPROCESS_FAILED", "INFERENCE_DATA_PREPROCESS_FAILED"]
)
async def test_a_training_fails_for_good_on_order(lot: Lot, state: str) -> None:
    await lot.control.fault("training_fails", state=state, reason="Out of memory.")
    job_id = await lot.submitted()
    await lot.control.wait_for_job("training", job_id, state)
    shown = await lot.show(job_id)
    assert (shown.operation_logs[-1].log_type, shown.asset_id) == ("SYSTEM_TRAIN_FAILED", None)


def test_what_staff_take_back_are_the_soft_failures_of_the_page() -> None:
    assert set(REDONE) == SOFT
    assert all(back in ROUTE for back, _ in REDONE.values())


@pytest.mark.parametrize("state", ["COMPILE_FAILED", "MANUAL_STOP_TRAIN", "ACTION_MARK_FAILED"])
async def test_staff_take_back_a_soft_failure_after_a_day(slow_lot: Lot, state: str) -> None:
    lot = slow_lot
    await lot.control.settings(makes_cover=False)
    made = await lot.create()
    await lot.control.fault("set_back", state=state, redo_seconds=24 * HOUR, job=made.job_id)
    await lot.control.put_into(made.job_id, "TRAINING")
    await lot.turn(60 * HOUR)
    if state != "MANUAL_STOP_TRAIN":
        await lot.control.wait_for_job("training", made.job_id, State.TRAIN_SUCCESS)
        await lot.turn(6 * HOUR + 10 * MINUTE)
    await lot.control.wait_for_job("training", made.job_id, state)
    assert (await lot.show(made.job_id)).state == state
    await lot.turn(24 * HOUR)
    back_at = "TRAINING" if state == "MANUAL_STOP_TRAIN" else "COMPILING"
    await lot.control.wait_for_job("training", made.job_id, back_at)
    (redone,) = [log for log in (await lot.show(made.job_id)).operation_logs if log.redo_reasons]
    assert (redone.operate_user, redone.log_type) == ("ADMIN", REDONE[State(state)][1])
    await lot.turn(80 * HOUR)
    await lot.control.wait_for_job("training", made.job_id)


async def test_a_soft_failure_that_nobody_takes_back_stays(slow_lot: Lot) -> None:
    lot = slow_lot
    made = await lot.create()
    await lot.control.put_into(made.job_id, "COMPILING")
    await lot.control.fault("set_back", job=made.job_id, redo_seconds=None)
    await lot.turn(6 * HOUR)
    await lot.control.wait_for_job("training", made.job_id, State.COMPILE_FAILED)
    await lot.turn(10 * 24 * HOUR)
    await lot.create(name="another")
    assert (await lot.show(made.job_id)).state == "COMPILE_FAILED"


async def test_a_stuck_training_never_ends_until_it_is_told_to_fail(lot: Lot) -> None:
    await lot.control.fault("training_stuck")
    made = await lot.create()
    await lot.control.put_into(made.job_id, "TRAINING")
    with pytest.raises(TimeoutError):
        await lot.control.wait_for_job("training", made.job_id, State.TRAIN_SUCCESS, seconds=0.2)
    await lot.control.fault("training_fails", job=made.job_id)
    await lot.control.wait_for_job("training", made.job_id, State.TRAIN_FAILED)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("state", {"job": "0" * 32, "state": "TRAINING"}),
        ("training_fails", {"job": "0" * 32}),
        ("inference_fails", {"job": "nobody"}),
        ("set_back", {"state": "TRAIN_FAILED"}),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(lot: Lot, kind: str, details: Any) -> None:
    with pytest.raises(ControlError):
        await lot.control.fault(kind, **details)


async def test_an_order_for_a_job_that_is_over_is_refused(lot: Lot) -> None:
    made = await lot.create()
    await lot.control.put_into(made.job_id, "TRAIN_FAILED")
    with pytest.raises(ControlError, match="under way"):
        await lot.control.fault("training_fails", job=made.job_id)


async def test_a_job_deleted_while_its_film_is_looked_at_stays_deleted(lot: Lot) -> None:
    job_id = await lot.submitted()
    await lot.control.put_into(job_id, "MANUAL_VERIFYING", stays=True)
    await lot.delete(job_id)
    other = await lot.untrained_avatar(name="another")
    assert other
    assert (await lot.customer.call("GET", f"{JOBS}/{job_id}")).status_code == 404


def test_the_short_way_and_the_long_way_end_alike() -> None:
    for long_way in (False, True):
        state: State | None = ROUTE[0]
        while state is not None:
            last, state = state, following(state, long_way=long_way)
        assert last == (ROUTE[-1] if long_way else State.COMPILING)
    assert following("JOB_SUCCESS", long_way=True) is None


async def test_a_cover_is_drawn_from_the_film_itself(lot: Lot) -> None:
    job_id = await lot.submitted()
    await lot.control.wait_for_job("training", job_id)
    link = (await lot.show(job_id)).cover_download_url
    picture = Image.open(io.BytesIO((await lot.customer.get(link)).content)).convert("RGB")
    # The film shows an orange box before grey; a picture of nobody in particular would be grey throughout.
    colours = np.asarray(picture.resize((32, 32)), np.int16)
    assert (colours[..., 0] > colours[..., 2] + 60).any()
