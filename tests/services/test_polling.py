"""A running job: watched, believed, collected, stopped, given up at its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.providers import (
    Artifact,
    AuthenticationFailed,
    ContentRejected,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    RemoteRef,
    RemoteState,
    Unavailable,
    UnexpectedResponse,
)
from bot.services.collecting import MAX_PICTURE
from bot.services.timing import Timing
from storage.records.jobs import FailureReason, JobKind, JobState
from storage.records.outbox import NoticeKind
from tests.fakes import FakeProvider, Hold
from tests.stand_ins import ANA, Engine, TurnedClock, engine, rows

TIMING = Timing()
HOUR = timedelta(hours=1)
TENTATIVE = {"state": RemoteState.FAILED, "tentative": True, "reason": "not sure"}


async def test_a_finished_training_is_a_model_and_asks_for_its_pictures_in_the_same_step(
    house: Engine,
) -> None:
    job = await house.generating()
    training = await house.job(job.root_id)
    assert (training.state, training.remote_model_id) == (JobState.SUCCEEDED, "model-t1")
    assert (job.kind, job.state, job.remote_id) == (JobKind.GENERATION, JobState.RUNNING, "g1")
    assert house.rows("SELECT owner, remote_model_id, job_id FROM model") == [
        (training.owner, "model-t1", training.id)
    ]
    assert house.rows("SELECT * FROM link") == []


async def test_pictures_of_one_model_are_asked_for_one_at_a_time(house: Engine) -> None:
    job = await house.generating()
    assert job.serial == "model:fake:model-t1"


async def test_a_vendor_that_only_trains_ends_with_the_model_and_a_word_to_its_owner(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(generates=False)) as house:
        job = await house.running()
        house.provider.finish()
        await house.until(
            lambda: bool(house.rows("SELECT 1 FROM outbox WHERE key LIKE 'ready:%' AND sent > 0"))
        )
        assert (await house.last(job.id)).id == job.id
        assert house.rows("SELECT count(*) FROM job") == [(1,)]


async def test_a_finished_generation_is_in_our_hands_before_it_succeeds(house: Engine) -> None:
    job = await house.generating(count=3)
    house.provider.finish()
    house.turn(seconds=5)
    await house.poll()
    job = await house.job(job.id)
    assert job.state is JobState.SUCCEEDED
    pictures = await house.store.read(lambda tx: tx.pictures.of_job(job.id))
    assert [one.locator for one in pictures] == ["g1/0", "g1/1", "g1/2"]
    for one in pictures:
        assert one.sha256 is not None
        assert (await house.store.media.read(one.sha256)).startswith(b"\x89PNG")
    await house.say()
    (message,) = house.world.of_kind(NoticeKind.PICTURES)
    assert message.versions == ["3"]
    assert len(house.world.of_kind(NoticeKind.READY)) == 1
    assert house.world.of_kind(NoticeKind.CARD)[0].versions[-1] == "done"


async def test_polls_slow_down_and_progress_is_kept(house: Engine) -> None:
    house.provider.script("training", [{"state": RemoteState.RUNNING, "progress": 0.3}])
    job = await house.running()
    waits = []
    for _ in range(6):
        before = await house.job(job.id)
        house.clock.turn_to(round(before.due_at.timestamp() * 1000))
        await house.poll()
        waits.append(((await house.job(job.id)).due_at - house.store.now()).total_seconds())
    assert waits == [1, 1.5, 2.25, 3.375, 4, 4]
    assert (await house.job(job.id)).progress == 0.3


async def test_the_vendors_own_pace_goes_before_ours(house: Engine) -> None:
    house.provider.script("training", [{"state": RemoteState.RUNNING, "poll_after": timedelta(minutes=9)}])
    job = await house.running()
    house.turn(seconds=5)
    await house.poll()
    assert (await house.job(job.id)).due_at == house.store.now() + timedelta(minutes=9)


async def test_progress_alone_edits_the_card_once_a_minute_and_a_new_word_at_once(house: Engine) -> None:
    steps = [
        {"state": RemoteState.RUNNING, "progress": n / 100, "details": {"status": "TRAINING"}}
        for n in range(1, 90)
    ]
    house.provider.script("training", [*steps[:20], {**steps[20], "details": {"status": "PACKING"}}])
    job = await house.running()
    await house.say()

    async def poll_once() -> int:
        house.clock.turn_to(round((await house.job(job.id)).due_at.timestamp() * 1000))
        await house.poll()
        before = len(house.world.deliveries)
        await house.say()
        return len(house.world.deliveries) - before

    edits = [await poll_once() for _ in range(21)]
    assert edits[0] == 1
    assert sum(edits[1:14]) == 0
    assert sum(edits[1:20]) == 1
    assert edits[20] == 1


@pytest.mark.parametrize(
    "error",
    [Unavailable(), OutcomeUnknown(), UnexpectedResponse(), RateLimited()],
    ids=lambda e: type(e).__name__,
)
async def test_an_outage_during_polls_costs_nothing_and_the_card_says_so_once(
    house: Engine, error: ProviderError
) -> None:
    job = await house.running()
    await house.say()
    house.provider.fail_next("poll", error, times=2)
    house.turn(seconds=5)
    begun = house.store.now()
    for _ in range(2):
        await house.poll()
        house.turn(seconds=5)
    job = await house.job(job.id)
    assert (job.state, job.trouble_at) == (JobState.RUNNING, begun)
    before = len(house.world.deliveries)
    await house.say()
    assert len(house.world.deliveries) == before + 1
    house.turn(minutes=5)
    await house.poll()
    assert (await house.job(job.id)).trouble_at is None


async def test_a_busy_vendor_is_polled_again_when_it_says(house: Engine) -> None:
    job = await house.running()
    house.provider.fail_next("poll", RateLimited(retry_after=timedelta(seconds=77)))
    house.turn(seconds=5)
    await house.poll()
    assert (await house.job(job.id)).due_at == house.store.now() + timedelta(seconds=77)


@pytest.mark.parametrize("error", [AuthenticationFailed(), QuotaExceeded()], ids=lambda e: type(e).__name__)
async def test_credentials_that_fail_during_a_poll_fail_no_job_and_operators_hear_it_once(
    house: Engine, error: ProviderError
) -> None:
    job = await house.running()
    house.provider.fail_next("poll", error, times=3)
    for _ in range(3):
        house.clock.turn(TIMING.backoff_most)
        await house.poll()
    assert (await house.job(job.id)).state is JobState.RUNNING
    await house.say()
    assert len(house.world.of_kind(NoticeKind.OPERATOR)) == 1
    house.clock.turn(TIMING.backoff_most)
    await house.poll()
    assert (await house.job(job.id)).trouble_at is None


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"state": RemoteState.FAILED, "reason": "out of memory"}, FailureReason.VENDOR_FAILED),
        ({"state": RemoteState.CANCELLED, "reason": "stopped"}, FailureReason.VENDOR_FAILED),
        (ContentRejected("a face"), FailureReason.CONTENT_REJECTED),
    ],
    ids=["failed", "cancelled there", "rejected"],
)
async def test_a_failure_at_the_vendor_ends_the_job_with_its_words(
    house: Engine, step: object, reason: FailureReason
) -> None:
    house.provider.script("training", [step])  # type: ignore[list-item]
    job = await house.running()
    house.turn(seconds=5)
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, reason)
    assert job.detail in {"out of memory", "stopped", "a face"}
    assert house.rows("SELECT * FROM link") == []
    await house.say()
    assert [len(house.world.of_kind(kind)) for kind in (NoticeKind.FAILED, NoticeKind.FAILED_DM)] == [1, 1]


@pytest.mark.parametrize("doubt", [TENTATIVE, NotFound("nobody knows it")], ids=["tentative", "404"])
async def test_a_failure_that_is_taken_back_never_happened(house: Engine, doubt: object) -> None:
    house.provider.script("training", [doubt, doubt, RemoteState.RUNNING, RemoteState.SUCCEEDED])  # type: ignore[list-item]
    job = await house.running()
    for _ in range(2):
        house.turn(seconds=5)
        await house.poll()
    assert (await house.job(job.id)).state is JobState.RUNNING
    assert (await house.job(job.id)).grace_at is not None
    house.turn(seconds=5)
    await house.poll()
    assert (await house.job(job.id)).grace_at is None
    house.turn(seconds=5)
    await house.poll()
    assert (await house.job(job.id)).state is JobState.SUCCEEDED
    assert "failed" not in house.wanted()


@pytest.mark.parametrize(
    ("doubt", "reason"),
    [(TENTATIVE, FailureReason.VENDOR_FAILED), (NotFound("nobody knows it"), FailureReason.VENDOR_FORGOT)],
    ids=["tentative", "404"],
)
async def test_a_failure_that_is_not_taken_back_is_believed_after_a_grace_and_not_before(
    house: Engine, doubt: object, reason: FailureReason
) -> None:
    house.provider.script("training", [doubt])  # type: ignore[list-item]
    job = await house.running()
    house.turn(seconds=5)
    await house.poll()
    house.clock.turn(TIMING.grace)
    await house.poll()
    assert (await house.job(job.id)).state is JobState.RUNNING
    house.clock.turn(TIMING.grace)
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, reason)


async def test_a_training_without_a_model_is_not_believed(house: Engine) -> None:
    house.provider.script("training", [{"state": RemoteState.SUCCEEDED, "model_id": None}])
    job = await house.running()
    for _ in range(2):
        house.clock.turn(TIMING.grace + timedelta(seconds=5))
        await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.UNEXPECTED)
    assert house.rows("SELECT * FROM model") == []


async def test_a_model_named_by_an_earlier_poll_is_remembered(house: Engine) -> None:
    house.provider.script(
        "training",
        [
            {"state": RemoteState.RUNNING, "model_id": "m-early"},
            {"state": RemoteState.RUNNING},
            {"state": RemoteState.SUCCEEDED, "model_id": None},
        ],
    )
    job = await house.running()
    for _ in range(3):
        house.turn(seconds=5)
        await house.poll()
    assert (await house.job(job.id)).remote_model_id == "m-early"
    assert (await house.job(job.id)).state is JobState.SUCCEEDED


async def test_a_job_that_never_ends_fails_at_its_deadline(house: Engine) -> None:
    house.provider.script("training", [RemoteState.RUNNING])
    job = await house.running()
    house.clock.turn(HOUR)
    await house.poll()
    assert (await house.job(job.id)).state is JobState.RUNNING
    house.turn(seconds=5)
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.DEADLINE)


async def test_what_was_finished_while_we_were_away_past_the_deadline_is_not_lost(house: Engine) -> None:
    job = await house.running()
    house.provider.finish()
    house.provider.fail_next("poll", Unavailable())
    house.turn(hours=3)
    await house.poll()
    assert (await house.job(job.id)).state is JobState.RUNNING
    house.turn(seconds=5)
    await house.poll()
    assert (await house.job(job.id)).state is JobState.SUCCEEDED


async def test_a_vendor_that_does_not_answer_past_the_deadline_keeps_no_job_for_ever(house: Engine) -> None:
    job = await house.running()
    house.provider.fail_next("poll", Unavailable(), times=9)
    house.turn(hours=3)
    await house.poll()
    house.clock.turn(TIMING.grace + timedelta(seconds=1))
    await house.poll()
    assert (await house.job(job.id)).reason is FailureReason.DEADLINE


async def test_an_answer_that_takes_minutes_is_still_taken(house: Engine) -> None:
    job = await house.running()
    house.provider.finish()
    hold = house.provider.hold("poll")
    house.turn(seconds=5)
    await house.runner.poll_due()
    await hold.entered.wait()
    for _ in range(4):
        house.turn(seconds=60)
        await house.runner.poll_due()
    hold.release.set()
    await house.runner.idle()
    assert (await house.job(job.id)).state is JobState.SUCCEEDED
    assert [call for call, _ in house.provider.calls].count("poll") == 1


async def test_a_review_that_wants_something_better_is_shown(house: Engine) -> None:
    house.provider.script("training", [{"state": RemoteState.NEEDS_USER, "reason": "a clearer face"}])
    job = await house.running()
    house.turn(seconds=5)
    await house.poll()
    job = await house.job(job.id)
    assert (job.state, job.detail) == (JobState.NEEDS_USER, "a clearer face")
    await house.say()
    assert house.world.of_kind(NoticeKind.CARD)[0].versions[-1] == "needs_you"


class DeadImages(FakeProvider):
    """A vendor some of whose images cannot be fetched."""

    dead: set[str]
    says: bytes | ProviderError = b""

    def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        if artifact.locator not in self.dead:
            return super().fetch(ref, artifact)
        return self._broken()

    async def _broken(self) -> AsyncIterator[bytes]:
        if isinstance(self.says, ProviderError):
            raise self.says
        yield self.says


@pytest.fixture
async def patchy(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    vendor = DeadImages()
    vendor.dead = {"g1/1"}
    vendor.says = Unavailable()
    async with engine(tmp_path / "data", clock, provider=vendor) as opened:
        yield opened


def dead(house: Engine, *locators: str, says: bytes | ProviderError | None = None) -> None:
    assert isinstance(house.provider, DeadImages)
    house.provider.dead = set(locators)
    house.provider.says = says if says is not None else house.provider.says


async def collect(house: Engine, wait: timedelta = timedelta(seconds=10)) -> None:
    house.clock.turn(wait)
    await house.poll()


async def test_images_that_are_here_are_delivered_and_the_last_one_follows(patchy: Engine) -> None:
    job = await patchy.generating(count=3)
    patchy.provider.finish()
    await collect(patchy)
    await patchy.say()
    assert (await patchy.job(job.id)).state is JobState.RUNNING
    assert [message.versions for message in patchy.world.of_kind(NoticeKind.PICTURES)] == [["2"]]
    assert patchy.world.of_kind(NoticeKind.READY) == []
    assert patchy.world.of_kind(NoticeKind.CARD)[0].versions[-1] == "fetching_last"
    dead(patchy)
    await collect(patchy)
    await patchy.say()
    assert (await patchy.job(job.id)).state is JobState.SUCCEEDED
    assert [message.versions for message in patchy.world.of_kind(NoticeKind.PICTURES)] == [["2"], ["1"]]
    assert len(patchy.world.of_kind(NoticeKind.READY)) == 1
    fetched = [what for call, what in patchy.provider.calls if call == "fetch"]
    assert sorted(fetched) == ["g1/0", "g1/1", "g1/2"]


async def test_an_image_that_never_comes_does_not_take_the_others_away(patchy: Engine) -> None:
    job = await patchy.generating(count=2)
    patchy.provider.finish()
    await collect(patchy)
    await collect(patchy, HOUR)
    await patchy.say()
    assert (await patchy.job(job.id)).state is JobState.SUCCEEDED
    assert [message.versions for message in patchy.world.of_kind(NoticeKind.PICTURES)] == [["1"]]
    assert len(patchy.world.of_kind(NoticeKind.READY)) == 1


@pytest.mark.parametrize(
    "then",
    [NotFound("forgotten"), {"state": RemoteState.FAILED, "tentative": True}, ContentRejected("no")],
    ids=["forgotten", "failed", "refused"],
)
async def test_images_that_are_here_are_no_failure_whatever_the_vendor_says_of_them_later(
    patchy: Engine, then: Any
) -> None:
    patchy.provider.script("generation", [RemoteState.SUCCEEDED, then])
    job = await patchy.generating(count=2)
    for _ in range(4):
        await collect(patchy, TIMING.grace + timedelta(seconds=5))
    await patchy.say()
    assert (await patchy.job(job.id)).state is JobState.SUCCEEDED
    assert [message.versions for message in patchy.world.of_kind(NoticeKind.PICTURES)] == [["1"]]
    assert len(patchy.world.of_kind(NoticeKind.READY)) == 1


async def test_no_image_at_all_is_a_failure_at_the_deadline(patchy: Engine) -> None:
    dead(patchy, "g1/0", "g1/1")
    job = await patchy.generating(count=2)
    patchy.provider.finish()
    await collect(patchy)
    assert (await patchy.job(job.id)).state is JobState.RUNNING
    await collect(patchy, HOUR)
    job = await patchy.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.DEADLINE)
    assert "pictures" not in patchy.wanted()


async def test_a_generation_without_images_is_a_failure_after_a_grace(house: Engine) -> None:
    house.provider.script("generation", [{"state": RemoteState.SUCCEEDED, "artifacts": ()}])
    job = await house.generating()
    for _ in range(2):
        await collect(house, TIMING.grace + timedelta(seconds=5))
    job = await house.job(job.id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.NO_PICTURES)


@pytest.mark.parametrize(
    "says",
    [b"<html>expired</html>", b"", NotFound("expired"), UnexpectedResponse()],
    ids=["page", "empty", "404", "nonsense"],
)
async def test_what_is_no_image_is_never_delivered(patchy: Engine, says: bytes | ProviderError) -> None:
    dead(patchy, "g1/1", says=says)
    job = await patchy.generating(count=2)
    patchy.provider.finish()
    await collect(patchy)
    pictures = await patchy.store.read(lambda tx: tx.pictures.of_job(job.id))
    assert [one.sha256 is not None for one in pictures] == [True, False]


async def test_an_image_without_end_is_cut_off(patchy: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    dead(patchy, "g1/1", says=b"\x89PNG" + bytes(MAX_PICTURE))
    job = await patchy.generating(count=2)
    patchy.provider.finish()
    await collect(patchy)
    assert (await patchy.job(job.id)).state is JobState.RUNNING
    assert not list((patchy.data_dir / "media" / "aside").iterdir())


async def test_what_polls_said_is_not_lost_at_a_stop(tmp_path: Path, clock: TurnedClock) -> None:
    async with engine(tmp_path / "data", clock) as house:
        await house.running()
        house.turn(seconds=5)
        await house.runner.poll_due()
        await house.runner.idle()
        assert house.rows("SELECT polls FROM job") == [(0,)]
    assert rows(tmp_path / "data", "SELECT polls, lease_owner FROM job") == [(1, None)]


async def nine_due(house: Engine) -> list[Hold]:
    """Nine trainings that want to be polled, each of whose polls waits until it is let go."""
    house.provider.script("training", [RemoteState.RUNNING])
    for number in range(9):
        await house.train(key=f"wish-{number}")
    await house.submit()
    house.turn(seconds=5)
    return [house.provider.hold("poll") for _ in range(9)]


async def test_no_more_polls_are_under_way_than_the_vendor_allows(tmp_path: Path, clock: TurnedClock) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(concurrency=20)) as house:
        holds = await nine_due(house)
        await house.runner.poll_due()
        await house.runner.poll_due()
        await holds[3].entered.wait()
        assert [hold.entered.is_set() for hold in holds] == [True] * 4 + [False] * 5
        for hold in holds:
            hold.release.set()
        await house.runner.idle()
        await house.poll()
        assert house.rows("SELECT count(*) FROM job WHERE polls = 1") == [(9,)]


async def test_rows_for_a_second_round_are_in_hand_before_the_first_comes_back(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(concurrency=20)) as house:
        holds = await nine_due(house)
        await house.runner.poll_due()
        await holds[3].entered.wait()
        assert house.rows("SELECT count(*) FROM job WHERE lease_owner IS NOT NULL") == [(8,)]
        for hold in holds:
            hold.release.set()
        await house.runner.idle()


async def test_a_wish_to_stop_that_comes_while_the_vendor_is_asked_is_honoured_at_once(house: Engine) -> None:
    house.provider.script("training", [RemoteState.RUNNING])
    job = await house.running()
    house.turn(seconds=5)
    hold = house.provider.hold("poll")
    await house.runner.poll_due()
    await hold.entered.wait()
    await house.services.jobs.cancel(job.id, ANA)
    hold.release.set()
    await house.runner.idle()
    await house.poll()
    assert (await house.job(job.id)).state is JobState.CANCELLED


async def test_rows_whose_poll_has_not_begun_are_let_go_of_at_a_stop(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with engine(tmp_path / "data", clock, provider=FakeProvider(concurrency=20)) as house:
        holds = await nine_due(house)
        for _ in range(2):
            await house.runner.poll_due()
        await holds[3].entered.wait()
        # More than are asked about are claimed: the next are here when a call ends.
        assert house.rows("SELECT count(*) FROM job WHERE lease_owner IS NOT NULL") == [(9,)]
        stopping = asyncio.create_task(house.runner.stop(60))
        await asyncio.sleep(0)
        for hold in holds:
            hold.release.set()
        await stopping
        assert house.rows("SELECT polls, count(*) FROM job GROUP BY polls") == [(0, 5), (1, 4)]
        assert house.rows("SELECT count(*) FROM job WHERE lease_owner IS NOT NULL") == [(0,)]


async def test_a_row_that_has_waited_too_long_for_its_poll_is_handed_back_unpolled(
    tmp_path: Path, clock: TurnedClock
) -> None:
    """What is left of its lease might not outlast the call."""
    timing = Timing(poll_ahead=timedelta(seconds=-1))
    async with engine(tmp_path / "data", clock, timing=timing) as house:
        await house.running()
        house.turn(seconds=5)
        await house.runner.poll_due()
        await house.runner.idle()
        assert [call for call, _ in house.provider.calls].count("poll") == 0
        assert house.rows("SELECT polls, lease_owner, due_at FROM job") == [(0, None, house.clock.ms)]


async def test_images_that_were_wished_for_and_are_given_up_meanwhile_are_said_to_have_failed_alone(
    house: Engine,
) -> None:
    job = await house.running()
    await house.services.vendors.retire("fake", JobKind.GENERATION)
    await house.until(lambda: house.rows("SELECT 1 FROM job WHERE finished_at IS NULL") == [])
    ends = house.rows("SELECT kind, state, reason FROM job ORDER BY created_at, kind DESC")
    assert ends == [("training", "succeeded", None), ("generation", "failed", "retired")]
    assert house.provider.paid == 1
    assert (await house.job(job.id)).state is JobState.SUCCEEDED
    await house.say()
    assert len(house.world.of_kind(NoticeKind.FAILED)) == 1
