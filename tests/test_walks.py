"""The whole job, walked again and again, with the process killed at every moment that leaves a trace.

Each history begins with photos that arrive and ends when nothing is left to do. Whatever happened between:
every job ended, nothing was paid twice, everything was said once, no lease and no link is left.

The long form: `DARKROOM_SOAK=2000 pytest -n 2 tests/test_walks.py -k soak`.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from bot.providers import RemoteState, Unavailable
from bot.services.inbox import Receiver
from bot.services.notifier import Said, Speech
from storage import Store
from storage.records import Arrival, InboxItem, NoticeKind, TrayEntry
from tests.crash import Crash, Fate, MortalMedia, MortalNotifier, MortalProvider, MortalStore
from tests.fakes import FakeVendor, Fault
from tests.stand_ins import ANA, THREAD, Engine, TurnedClock, World, engine, next_due, picture, rows, wish

SOAK = int(os.environ.get("DARKROOM_SOAK", "0"))
"""How many seeded histories in the long form."""
HISTORIES = SOAK or 40
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 45, 90, 400))
"""How long nobody is there after a crash."""


class PostReceiver(Receiver):
    """Takes the photos of a post into a tray, as the surface does."""

    engine: Engine

    async def receive(self, item: InboxItem) -> None:
        """Keep each photo, then the tray, and be done with the item in one transaction."""
        services = self.engine.services
        entries = []
        for number in item.payload["photos"]:
            photo = await services.photos.add(picture(number))
            entries.append(TrayEntry(f"F{number}", f"{number}.jpg", photo.sha256))
        await services.trays.receive(ANA, THREAD, entries, item)

    def owner_and_place(self, item: InboxItem) -> tuple[str, str]:
        """Ana's post."""
        return ANA, THREAD


@dataclass
class Walk:
    """One history."""

    data_dir: Path
    fate: Fate
    clock: TurnedClock = field(default_factory=TurnedClock)
    vendor: FakeVendor = field(default_factory=FakeVendor)
    world: World = field(default_factory=World)
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    idempotent: bool = True
    cancel_after: int | None = None
    """Ana presses *Cancel* in the n-th round after she started."""
    crashes: int = 0
    _acknowledged: bool = False
    _job: str | None = None
    _rounds: int = 0
    _pressed: bool = False
    _idle: int = 0

    async def to_the_end(self) -> None:
        """Live, die, come back, until nothing is left to do."""
        while True:
            try:
                await self._one_life()
            except Crash:
                self.crashes += 1
                self.fate.revive()
                self.clock.turn(self.dice.choice(PAUSES))
            else:
                return

    async def _one_life(self) -> None:
        receiver = PostReceiver()
        provider = MortalProvider(self.fate, self.vendor, idempotent=self.idempotent)
        async with engine(
            self.data_dir,
            self.clock,
            provider=provider,
            world=self.world,
            receiver=receiver,
            kind=MortalStore,
            opened=self._make_mortal,
            notifier=lambda world: MortalNotifier(world, self.fate),
        ) as house:
            receiver.engine = house
            while not self._is_over():
                self._rounds += 1
                assert self._rounds < 900, "this never ends"
                await self._ana(house)
                await house.inbox.work_off_due()
                await house.inbox.stop(10)
                await house.submit()
                await house.poll()
                await house.outbox.say_due()
                await house.outbox.idle()
                self.fate.alive()
                self._turn_on()

    def _turn_on(self) -> None:
        """To the next thing that is due; past one that is due but must wait for another."""
        due = next_due(self.data_dir)
        self._idle = 0 if due > self.clock.ms else self._idle + 1
        self.clock.turn_to(due if self._idle < 4 else next_due(self.data_dir, after=self.clock.ms))

    def _make_mortal(self, store: Store) -> None:
        assert isinstance(store, MortalStore)
        store.fate = self.fate
        store.media = MortalMedia(self.data_dir / "media", self.fate)

    async def _ana(self, house: Engine) -> None:
        """She does the next thing, and again until it was acknowledged."""
        if not self._acknowledged:
            arrival = Arrival("message:1", "message", {"photos": [0, 1]})
            await self._acknowledged_or_dead(house.services.intake.put(arrival))
            self._acknowledged = True
        elif self._job is None and self.world.of_kind(NoticeKind.TRAY):
            ((tray_id,),) = rows(self.data_dir, "SELECT id FROM tray")
            self._job = (await house.services.training.start(wish(), tray_id)).id
        elif self._job is not None and self.cancel_after is not None and not self._pressed:
            self.cancel_after -= 1
            if self.cancel_after < 0:
                await house.services.jobs.cancel(self._job, ANA)
                self._pressed = True

    async def _acknowledged_or_dead(self, answer: object) -> None:
        task = asyncio.ensure_future(answer)  # type: ignore[call-overload]
        while not task.done() and not self.fate.dead:
            await asyncio.wait({task}, timeout=0.05)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        self.fate.alive()
        await task

    def _is_over(self) -> bool:
        return self._job is not None and not self._see(
            "SELECT 1 FROM job WHERE finished_at IS NULL"
            " UNION ALL SELECT 1 FROM outbox WHERE sent < wanted"
            " UNION ALL SELECT 1 FROM inbox WHERE done_at IS NULL"
        )

    def _see(self, query: str) -> list[tuple[object, ...]]:
        return rows(self.data_dir, query)

    # -- what must be true of every history

    def check(self) -> None:
        """Nothing stuck, nothing paid twice, nothing said twice, nothing left behind."""
        paid = Counter(job.key for job in self.vendor.jobs.values())
        assert all(times == 1 for times in paid.values()), f"paid twice: {paid}"
        assert self._see("SELECT id FROM job WHERE state NOT IN ('succeeded', 'failed', 'cancelled')") == []
        assert self._see("SELECT id FROM job WHERE lease_owner NOT NULL OR lease_until > 0") == []
        assert self._see("SELECT id FROM inbox WHERE lease_owner NOT NULL OR done_at IS NULL") == []
        assert self._see("SELECT key FROM outbox WHERE lease_owner NOT NULL OR sent < wanted") == []
        assert self._see("SELECT key FROM outbox WHERE given_up NOT NULL") == []
        assert self._see("SELECT * FROM link") == []
        assert self._see("SELECT state, count(*) FROM tray") == [("used", 1)]
        said = Counter(message.notice for message in self.world.messages.values())
        assert all(times == 1 for times in said.values()), f"said twice: {self.world.keys()}"
        assert self._see("SELECT count(*) FROM outbox") == [(len(said),)]
        orphans = "SELECT key FROM outbox WHERE after NOT NULL AND after NOT IN (SELECT id FROM outbox)"
        assert self._see(orphans) == []
        ends = self.states()
        card = self.world.of_kind(NoticeKind.CARD)[0].versions[-1]
        last = ends.get("generation", ends["training"])
        assert card == {"succeeded": "done", "failed": "failed", "cancelled": "cancelled"}[last]
        assert len(self.world.of_kind(NoticeKind.FAILED)) == list(ends.values()).count("failed")
        assert len(self.world.of_kind(NoticeKind.READY)) == (1 if last == "succeeded" else 0)

    def check_that_all_went_well(self) -> None:
        """Moreover, the job was done: one training, one generation, all images in one message or more."""
        self.check()
        assert self.states() == {"training": "succeeded", "generation": "succeeded"}
        assert sorted(job.kind for job in self.vendor.jobs.values()) == ["generation", "training"]
        images = sum(int(message.versions[0]) for message in self.world.of_kind(NoticeKind.PICTURES))
        assert images == 2

    def stopped(self) -> set[str]:
        """The vendor's ids of jobs that were stopped there."""
        return {str(found) for (found,) in self._see("SELECT remote_id FROM job WHERE stopped_remotely")}

    def states(self) -> dict[str, str]:
        """How each kind of job ended."""
        return {
            str(kind): str(state)
            for kind, state in self._see("SELECT kind, state FROM job ORDER BY created_at")
        }


Begin = Callable[..., Walk]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty tables: thousands of histories begin with a copy."""
    folder = tmp_path_factory.mktemp("migrated")

    async def make() -> None:
        async with Store.open(folder):
            pass

    asyncio.run(make())
    return folder / "darkroom.sqlite3"


@pytest.fixture
def begin(migrated: Path) -> Iterator[Begin]:
    """Begin a history on a disk of its own: in memory where that can be, since nobody cuts the power here."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:

        def make(*moments: int, **facts: object) -> Walk:
            data_dir = Path(tempfile.mkdtemp(dir=folder))
            shutil.copy(migrated, data_dir / "darkroom.sqlite3")
            return Walk(data_dir, Fate(*moments), **facts)  # type: ignore[arg-type]

        yield make


async def test_the_whole_job_without_a_crash(begin: Begin) -> None:
    walk = begin()
    await walk.to_the_end()
    walk.check_that_all_went_well()
    assert walk.crashes == 0


@pytest.mark.parametrize("slice_of_four", range(4))
async def test_a_crash_at_any_moment_changes_nothing_of_the_story(begin: Begin, slice_of_four: int) -> None:
    """Before and after every commit, every call to the vendor, every file and every message."""
    whole = begin()
    await whole.to_the_end()
    for moment in _moments(whole.fate.trail)[slice_of_four::4]:
        walk = begin(moment, dice=random.Random(moment))
        await _as_told(walk, f"crash at {moment}: {whole.fate.trail[moment - 1]}", well=True)
        assert walk.crashes == 1
        shutil.rmtree(walk.data_dir)


async def test_a_vendor_that_cannot_be_asked_is_never_paid_twice_whenever_we_crash(begin: Begin) -> None:
    """Here a crash around the paid call may end in an apology; it never ends in a second bill."""
    whole = begin(idempotent=False)
    await whole.to_the_end()
    paid_for = [n for n, name in enumerate(whole.fate.trail, 1) if name.endswith((" submit", " generate"))]
    assert len(paid_for) == 4
    for moment in sorted({n + by for n in paid_for for by in (-1, 0, 1)}):
        walk = begin(moment, idempotent=False)
        await _as_told(walk, f"crash at {moment}: {whole.fate.trail[moment - 1]}")


async def test_a_job_stopped_in_any_round_ends_and_says_nothing_of_pictures_it_has_not(begin: Begin) -> None:
    for after in range(12):
        walk = begin(cancel_after=after)
        await _as_told(walk, f"cancelled in round {after}")
        ends = set(walk.states().values())
        assert "failed" not in ends
        if "cancelled" in ends:
            assert walk.world.of_kind(NoticeKind.READY) == []
            assert all(job.cancelled for job in walk.vendor.jobs.values() if job.id in walk.stopped())


@pytest.mark.parametrize("slice_of_four", range(4))
async def test_soak_random_histories_of_faults_crashes_and_second_thoughts(
    begin: Begin, slice_of_four: int
) -> None:
    for seed in range(1 + slice_of_four, HISTORIES + 1, 4):
        dice = random.Random(seed)
        crashes = sorted(dice.sample(range(1, 260), dice.choice((0, 1, 2, 3, 5))))
        walk = begin(*crashes, dice=dice)
        _order_faults(walk, dice)
        await _as_told(walk, f"seed {seed}, crashes at {crashes}")
        shutil.rmtree(walk.data_dir)


def _moments(trail: list[str]) -> list[int]:
    """Every moment, from 1; the short form leaves out one that follows another with nothing between."""
    return [
        n
        for n, name in enumerate(trail, 1)
        if SOAK or n == 1 or not (name.startswith("before") and trail[n - 2].startswith("after"))
    ]


def _order_faults(walk: Walk, dice: random.Random) -> None:
    """What may go wrong at the vendor and in the chat, drawn by lot."""
    vendor, world = walk.vendor, walk.world
    for operation in ("submit", "generate"):
        for _ in range(dice.choice((0, 0, 1, 2))):
            vendor.faults[operation].append(dice.choice((Fault.BUSY, Fault.DOWN, Fault.CREATED, Fault.LOST)))
    for operation in ("poll", "fetch", "find"):
        for _ in range(dice.choice((0, 0, 1, 3))):
            vendor.faults[operation].append(dice.choice((Fault.DOWN, Fault.BUSY, Unavailable())))
    vendor.lag = dice.choice((0, 0, 1, 2))
    doubt = {"state": RemoteState.FAILED, "tentative": True, "reason": "the review is not over"}
    for kind in ("training", "generation"):
        steps = list(vendor.scripts[kind])
        for _ in range(dice.choice((0, 0, 1, 2))):
            steps.insert(dice.randrange(len(steps)), doubt)
        vendor.scripts[kind] = tuple(steps)
    for _ in range(dice.choice((0, 1, 3))):
        world.answers.append(
            dice.choice((Said(Speech.LATER), Said(Speech.UNKNOWN), Said(Speech.LATER, wait=PAUSES[3])))
        )
    world.posts_unknown = dice.random() < 0.5
    for _ in range(dice.choice((0, 0, 2))):
        world.looks.append(Said(Speech.UNKNOWN))
    if dice.random() < 0.3:
        walk.cancel_after = dice.randrange(14)


async def _as_told(walk: Walk, which: str, *, well: bool = False) -> None:
    """Walk, and name the history if anything is wrong with its end."""
    try:
        await walk.to_the_end()
        if well:
            walk.check_that_all_went_well()
        else:
            walk.check()
    except AssertionError as error:
        raise AssertionError(f"{which}: {error}\n" + "\n".join(walk.fate.trail[-60:])) from error
