"""Claims, leases, fences and arrows of the job table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise, product

import pytest
from sqlalchemy.exc import IntegrityError

from storage import Store, Tx
from storage.errors import IllegalMove, NotFound, StaleState
from storage.records.jobs import ENDED, TRANSITIONS, Job, JobKind, JobState, QuietPoll
from tests.stand_ins import TurnedClock
from tests.storage.rows import LANE, LEASE, ZERO, declare, get, new_job, queue, run, take

SECOND = timedelta(seconds=1)
ILLEGAL = [
    (here, there)
    for here, there in product(JobState, JobState)
    if there is not here and there not in TRANSITIONS[here]
]


async def at(store: Store, state: JobState) -> Job:
    """A held job in any state."""
    await declare(store)
    await queue(store, "a")
    held = await take(store)
    assert held is not None
    return await store.write(lambda tx: _put_at(tx, held, state))


def _move(held: Job, to: JobState, tx: Tx) -> Job:
    return tx.jobs.move(held, to)


def _put_at(tx: Tx, held: Job, state: JobState) -> Job:
    ways: dict[JobState, tuple[JobState, ...]] = {
        JobState.QUEUED: (JobState.QUEUED,),
        JobState.SUBMITTING: (),
        JobState.RUNNING: (JobState.RUNNING,),
        JobState.NEEDS_USER: (JobState.RUNNING, JobState.NEEDS_USER),
        JobState.SUCCEEDED: (JobState.RUNNING, JobState.SUCCEEDED),
        JobState.FAILED: (JobState.FAILED,),
        JobState.CANCELLED: (JobState.QUEUED, JobState.CANCELLED),
    }
    owner, fence = held.lease_owner, held.fence
    for state_now in ways[state]:
        held = tx.jobs.move(held, state_now)
        tx.jobs.conn.exec_driver_sql("UPDATE job SET lease_owner = ?", (owner,))
        held = replace(held, lease_owner=owner, fence=fence)
    return held


@pytest.mark.parametrize(("here", "there"), ILLEGAL, ids=lambda state: state.value)
async def test_an_arrow_that_is_not_listed_is_refused_and_changes_nothing(
    store: Store, here: JobState, there: JobState
) -> None:
    held = await at(store, here)
    with pytest.raises(IllegalMove):
        await store.write(lambda tx: tx.jobs.move(held, there))
    assert (await get(store)).state is here


@pytest.mark.parametrize(
    ("here", "there"),
    [(here, there) for here in JobState for there in sorted(TRANSITIONS[here])],
    ids=lambda state: state.value,
)
async def test_every_listed_arrow_can_be_gone(store: Store, here: JobState, there: JobState) -> None:
    held = await at(store, here)
    moved = await store.write(lambda tx: tx.jobs.move(held, there))
    assert moved.state is there
    assert moved.lease_owner is None
    assert (moved.finished_at is not None) == (there in ENDED)


async def test_ended_states_have_no_way_out_and_every_open_state_can_fail() -> None:
    assert all(not TRANSITIONS[state] for state in ENDED)
    assert all(JobState.FAILED in TRANSITIONS[state] for state in JobState if state not in ENDED)
    assert set(TRANSITIONS) == set(JobState)


async def test_the_same_wish_twice_is_one_row(store: Store) -> None:
    first = await store.write(lambda tx: tx.jobs.insert(new_job("a")))
    again = await store.write(lambda tx: tx.jobs.insert(new_job("b", request_key="wish:a")))
    assert again.id == first.id
    assert await store.read(lambda tx: [job.id for job in tx.jobs.family("job_b")]) == []


async def test_a_job_nobody_wrote_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await get(store, "nowhere")


async def test_two_processes_never_hold_the_same_job(store: Store) -> None:
    await declare(store)
    await queue(store, "a", "b")
    held = [await take(store, "one"), await take(store, "two"), await take(store, "one")]
    assert [job.id if job else None for job in held] == ["job_a", "job_b", None]
    assert [job.lease_owner for job in held if job] == ["one", "two"]


async def test_polls_of_two_processes_share_nothing(store: Store) -> None:
    await declare(store)
    for name in "abc":
        await run(store, name)
    one = await store.write(lambda tx: tx.jobs.claim_running(LANE, "one", LEASE, 2))
    two = await store.write(lambda tx: tx.jobs.claim_running(LANE, "two", LEASE, 5))
    assert sorted(job.id for job in one + two) == ["job_a", "job_b", "job_c"]
    assert (len(one), len(two)) == (2, 1)


async def test_a_lease_that_is_over_is_taken_by_the_next_and_the_first_holder_is_stale(
    store: Store, clock: TurnedClock
) -> None:
    await declare(store)
    await queue(store, "a")
    first = await take(store, "one")
    assert first is not None
    clock.turn(LEASE - SECOND)
    assert await take(store, "two") is None
    clock.turn(SECOND)
    second = await take(store, "two")
    assert second is not None
    assert second.fence == first.fence + 1
    for late in (
        lambda tx: tx.jobs.move(first, JobState.RUNNING, remote_id="r-1"),
        lambda tx: tx.jobs.give_back(first, ZERO),
        lambda tx: tx.jobs.renew(first, LEASE),
        lambda tx: tx.jobs.begin_submission(first, LEASE),
    ):
        with pytest.raises(StaleState):
            await store.write(late)
    assert (await get(store)).lease_owner == "two"


async def test_the_same_process_is_stale_too_after_its_lease_was_given_back(store: Store) -> None:
    await declare(store)
    await queue(store, "a")
    held = await take(store)
    assert held is not None
    await store.write(lambda tx: tx.jobs.move(held, JobState.RUNNING))
    with pytest.raises(StaleState):
        await store.write(lambda tx: tx.jobs.move(held, JobState.FAILED))
    assert (await get(store)).state is JobState.RUNNING


async def test_a_renewed_lease_holds_on(store: Store, clock: TurnedClock) -> None:
    await declare(store)
    await queue(store, "a")
    held = await take(store)
    assert held is not None
    clock.turn(LEASE - SECOND)
    await store.write(lambda tx: tx.jobs.renew(held, LEASE))
    clock.turn(LEASE - SECOND)
    assert await take(store, "two") is None


async def test_slots_count_what_is_being_sent_and_what_runs(store: Store) -> None:
    await declare(store, slots=2)
    await run(store, "a")
    await queue(store, "b", "c")
    held = await take(store)
    assert held is not None
    assert held.id == "job_b"
    assert await take(store) is None
    await store.write(lambda tx: tx.jobs.move(held, JobState.FAILED))
    third = await take(store)
    assert third is not None
    assert third.id == "job_c"


async def test_lanes_of_one_engine_share_their_slots_and_who_came_first_goes_first(
    store: Store, clock: TurnedClock
) -> None:
    lanes = ["fake:training", "fake:oneshot"]
    for lane in lanes:
        await declare(store, slots=1, lane=lane)

    async def claim(lane: str) -> str | None:
        others = [one for one in lanes if one != lane]
        held = await store.write(lambda tx: tx.jobs.claim_submission(lane, "one", LEASE, sharing=others))
        return held and held.id

    for name, kind in (("a", JobKind.TRAINING), ("b", JobKind.ONESHOT), ("c", JobKind.TRAINING)):
        await queue(store, name, kind=kind)
        clock.turn(SECOND)
    assert await claim("fake:oneshot") is None
    assert await claim("fake:training") == "job_a"
    assert await claim("fake:oneshot") is None
    last = await get(store, "c")
    assert await store.read(lambda tx: tx.jobs.place_in_queue(last, ["fake:oneshot"])) == 2
    await store.write(lambda tx: tx.jobs.move(tx.jobs.get("job_a"), JobState.FAILED))
    assert await claim("fake:training") is None
    assert await claim("fake:oneshot") == "job_b"
    assert await claim("fake:training") is None


async def test_a_submission_left_behind_is_claimed_even_when_every_slot_is_taken(
    store: Store, clock: TurnedClock
) -> None:
    await declare(store, slots=1)
    await queue(store, "a", "b")
    await take(store, "one")
    clock.turn(LEASE)
    found = await take(store, "two")
    assert found is not None
    assert found.id == "job_a"


async def test_submissions_of_one_lane_keep_their_gap(store: Store, clock: TurnedClock) -> None:
    await declare(store, gap=timedelta(seconds=3))
    await queue(store, "a", "b")
    assert await take(store) is not None
    clock.turn(timedelta(seconds=2.999))
    assert await take(store) is None
    clock.turn(timedelta(milliseconds=1))
    assert await take(store) is not None


async def test_a_lane_on_hold_lets_nobody_start_and_no_other_lane_waits(
    store: Store, clock: TurnedClock
) -> None:
    await declare(store)
    await declare(store, lane="other:training")
    await queue(store, "a")
    await queue(store, "b", provider="other")
    await store.write(lambda tx: tx.lanes.hold(LANE, timedelta(seconds=10)))
    await store.write(lambda tx: tx.lanes.hold(LANE, SECOND))
    assert await take(store, lane="other:training") is not None
    clock.turn(timedelta(seconds=9))
    assert await take(store) is None
    clock.turn(SECOND)
    assert await take(store) is not None


async def test_limits_said_again_are_changed_and_a_hold_stays(store: Store) -> None:
    await declare(store, slots=0)
    await queue(store, "a")
    assert await take(store) is None
    await declare(store, slots=1)
    await store.write(lambda tx: tx.lanes.hold(LANE, SECOND))
    await declare(store, slots=1)
    assert await take(store) is None


async def test_two_of_one_serial_are_never_in_submitting_together(store: Store) -> None:
    await declare(store)
    await queue(store, "a", "b", serial="model:m1")
    await queue(store, "c", serial="model:m2")
    first, second, third = [await take(store) for _ in range(3)]
    assert first is not None
    assert second is not None
    assert (first.id, second.id, third) == ("job_a", "job_c", None)
    await store.write(lambda tx: tx.jobs.move(first, JobState.RUNNING))
    following = await take(store)
    assert following is not None
    assert following.id == "job_b"


async def test_first_come_first_served_even_after_a_refusal(store: Store, clock: TurnedClock) -> None:
    await declare(store)
    for name in "abc":
        await queue(store, name)
        clock.turn(SECOND)
    first = await take(store)
    assert first is not None
    await store.write(lambda tx: tx.jobs.move(first, JobState.QUEUED, wait=SECOND))
    second = await take(store)
    clock.turn(SECOND)
    third = await take(store)
    assert [job.id for job in (first, second, third) if job] == ["job_a", "job_b", "job_a"]


async def test_the_place_in_the_queue_counts_who_came_before_in_the_same_lane(
    store: Store, clock: TurnedClock
) -> None:
    await declare(store)
    for name in "abc":
        await queue(store, name)
        clock.turn(SECOND)
    await queue(store, "x", provider="other")
    last = await get(store, "c")
    assert await store.read(lambda tx: tx.jobs.place_in_queue(last)) == 3
    await take(store)
    assert await store.read(lambda tx: tx.jobs.place_in_queue(last)) == 2


async def test_beginning_a_submission_is_written_before_the_call_and_forgotten_on_the_way_back(
    store: Store,
) -> None:
    await declare(store)
    await queue(store, "a")
    held = await take(store)
    assert held is not None
    assert held.submit_begun_at is None
    begun = await store.write(lambda tx: tx.jobs.begin_submission(held, LEASE))
    assert begun.submit_begun_at == store.now()
    assert begun.attempts == 1
    assert (await get(store)).submit_begun_at == store.now()
    back = await store.write(lambda tx: tx.jobs.move(begun, JobState.QUEUED))
    assert back.submit_begun_at is None
    assert back.attempts == 1


async def test_a_restart_frees_what_strangers_held_and_lets_a_begun_submission_settle(
    store: Store, clock: TurnedClock
) -> None:
    await declare(store)
    await run(store, "a")
    await queue(store, "b", "c")
    begun, unsent = await take(store, "old"), await take(store, "old")
    assert begun is not None
    assert unsent is not None
    await store.write(lambda tx: tx.jobs.claim_running(LANE, "old", LEASE, 5))
    await store.write(lambda tx: tx.jobs.begin_submission(begun, LEASE))
    settle = timedelta(seconds=30)
    clock.turn(SECOND)
    await store.write(lambda tx: tx.release("new", settle))

    polled = await store.write(lambda tx: tx.jobs.claim_running(LANE, "new", LEASE, 5))
    assert [job.id for job in polled] == ["job_a"]
    sent = await take(store, "new")
    assert sent is not None
    assert (sent.id, sent.submit_begun_at) == ("job_c", None)
    assert await take(store, "new") is None
    clock.turn(settle - SECOND)
    looked = await take(store, "new")
    assert looked is not None
    assert looked.id == "job_b"
    assert looked.submit_begun_at is not None


async def test_a_restart_leaves_its_own_leases_alone(store: Store) -> None:
    await declare(store)
    await queue(store, "a")
    held = await take(store, "me")
    assert held is not None
    await store.write(lambda tx: tx.release("me", ZERO))
    await store.write(lambda tx: tx.jobs.renew(held, LEASE))


async def test_two_rows_of_a_lane_can_never_name_one_remote_job(store: Store) -> None:
    await declare(store)
    await run(store, "a", remote="r-1")
    with pytest.raises(IntegrityError):
        await run(store, "b", remote="r-1")
    assert (await get(store, "b")).state is JobState.SUBMITTING


async def test_quiet_polls_are_written_together_and_a_stale_one_is_dropped(
    store: Store, clock: TurnedClock
) -> None:
    await declare(store)
    await run(store, "a")
    await run(store, "b")
    mine = await store.write(lambda tx: tx.jobs.claim_running(LANE, "one", LEASE, 5))
    clock.turn(LEASE)
    await store.write(lambda tx: tx.jobs.claim_running(LANE, "two", LEASE, 1))
    polls = [QuietPoll(job, timedelta(seconds=9), 0.4, "m-1", "TRAINING") for job in mine]
    await store.write(lambda tx: tx.jobs.keep_polling(polls))
    by_owner = {job.lease_owner: job for job in [await get(store, "a"), await get(store, "b")]}
    assert set(by_owner) == {"two", None}
    settled = by_owner[None]
    assert (settled.progress, settled.remote_model_id, settled.remote_word) == (0.4, "m-1", "TRAINING")
    assert settled.polls == 1
    assert settled.due_at == store.now() + timedelta(seconds=9)
    assert by_owner["two"].progress is None


async def test_a_quiet_poll_takes_trouble_and_grace_back(store: Store) -> None:
    await declare(store)
    await run(store, "a")
    (held,) = await store.write(lambda tx: tx.jobs.claim_running(LANE, "one", LEASE, 1))
    now = store.now()
    await store.write(lambda tx: tx.jobs.give_back(held, ZERO, trouble_at=now, grace_at=now))
    (held,) = await store.write(lambda tx: tx.jobs.claim_running(LANE, "one", LEASE, 1))
    assert (held.trouble_at, held.grace_at) == (now, now)
    await store.write(lambda tx: tx.jobs.keep_polling([QuietPoll(held, ZERO, None, None, None)]))
    after = await get(store)
    assert (after.trouble_at, after.grace_at) == (None, None)


async def test_a_wish_to_cancel_ends_what_waits_and_marks_what_runs(store: Store) -> None:
    await declare(store)
    await run(store, "a")
    await queue(store, "b")
    running = await store.write(lambda tx: tx.jobs.request_cancel("job_a"))
    waiting = await store.write(lambda tx: tx.jobs.request_cancel("job_b"))
    assert (running.state, running.cancel_requested) == (JobState.RUNNING, True)
    assert (waiting.state, waiting.cancel_requested) == (JobState.CANCELLED, True)
    assert waiting.finished_at == store.now()


async def test_a_wish_to_cancel_makes_a_running_job_due_now(store: Store) -> None:
    await declare(store)
    await queue(store, "a")
    held = await take(store)
    assert held is not None
    await store.write(lambda tx: tx.jobs.move(held, JobState.RUNNING, wait=timedelta(hours=1)))
    after = await store.write(lambda tx: tx.jobs.request_cancel("job_a"))
    assert after.due_at == store.now()


async def test_a_wish_to_cancel_leaves_an_ended_job_as_it_is(store: Store) -> None:
    held = await at(store, JobState.SUCCEEDED)
    after = await store.write(lambda tx: tx.jobs.request_cancel(held.id))
    assert (after.state, after.cancel_requested) == (JobState.SUCCEEDED, False)


async def test_durations_are_of_successful_jobs_and_sorted(store: Store, clock: TurnedClock) -> None:
    await declare(store)
    for name, seconds in (("a", 30), ("b", 10), ("c", 20)):
        await run(store, name)
        clock.turn(timedelta(seconds=seconds))
        held = (await store.write(lambda tx: tx.jobs.claim_running(LANE, "one", LEASE, 1)))[0]
        to = JobState.FAILED if name == "c" else JobState.SUCCEEDED
        await store.write(partial(_move, held, to))
    took = await store.read(lambda tx: tx.jobs.durations(LANE))
    assert took == [timedelta(seconds=10), timedelta(seconds=30)]


async def test_the_newest_cards_of_a_person_come_first(store: Store, clock: TurnedClock) -> None:
    for name in "abc":
        await queue(store, name, owner="T1/U2" if name == "b" else "T1/U1")
        clock.turn(SECOND)
    await queue(store, "d", root_id="job_a")
    mine = await store.read(lambda tx: tx.jobs.roots_of("T1/U1", 5))
    assert mine == ["job_a", "job_c"]
    assert await store.read(lambda tx: tx.jobs.roots_of(None, 2)) == ["job_a", "job_c"]


async def test_lanes_with_nothing_to_claim_are_not_due(store: Store, clock: TurnedClock) -> None:
    await declare(store)
    await queue(store, "a")
    assert await store.read(lambda tx: tx.jobs.due_lanes()) == {(LANE, JobState.QUEUED)}
    await take(store)
    assert await store.read(lambda tx: tx.jobs.due_lanes()) == set()
    clock.turn(LEASE)
    assert await store.read(lambda tx: tx.jobs.due_lanes()) == {(LANE, JobState.SUBMITTING)}


async def test_a_recurring_duty_falls_to_one_and_comes_back(store: Store, clock: TurnedClock) -> None:
    hour = timedelta(hours=1)
    turns = [await store.write(lambda tx: tx.lanes.take_turn("sweep", hour)) for _ in range(3)]
    clock.turn(hour)
    turns.append(await store.write(lambda tx: tx.lanes.take_turn("sweep", hour)))
    assert turns == [True, False, False, True]


async def test_fences_only_grow(store: Store, clock: TurnedClock) -> None:
    await declare(store)
    await queue(store, "a")
    fences = []
    for _ in range(4):
        held = await take(store)
        assert held is not None
        fences.append(held.fence)
        clock.turn(LEASE)
    assert all(after == before + 1 for before, after in pairwise(fences))
