"""The whole job, walked again and again, with the process killed at every moment that leaves a trace.

Each history begins with files that arrive and ends when nothing is left to do. Whatever happened between:
every job ended, nothing was paid twice, everything was said once, no lease, no link and no paper is left.
There are three stories: photos that become a model and its pictures; photos that become pictures at once;
and a film with papers whose vendor looks at it, takes it in several steps, asks for a better one, and lets
the papers go before it is done.

The long form: `DARKROOM_SOAK=2000 pytest -n 2 tests/test_walks.py -k soak`.
"""

from __future__ import annotations

import asyncio
import hashlib
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

from bot.providers import RemoteState, Role, Unavailable
from bot.services.errors import NotWaiting
from bot.services.inbox import Receiver
from bot.services.inputs import PAPERS
from bot.services.notifier import Said, Speech
from bot.services.sorting import Room
from storage import Store
from storage.records.inbox import Arrival, InboxItem
from storage.records.outbox import NoticeKind
from storage.records.trays import TrayEntry
from tests.crash import Crash, Fate, MortalBucket, MortalMedia, MortalNotifier, MortalProvider, MortalStore
from tests.fakes import TRAINING as FAKE_TRAINING
from tests.fakes import FakeVendor, Fault, Step
from tests.stand_ins import (
    ANA,
    THREAD,
    Engine,
    TurnedClock,
    World,
    engine,
    incoming,
    next_due,
    picture,
    rows,
    wish,
    zipped,
)

SOAK = int(os.environ.get("DARKROOM_SOAK", "0"))
"""How many seeded histories in the long form."""
HISTORIES = SOAK or 40
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 45, 90, 400))
"""How long nobody is there after a crash."""


TRAINING = "training"
ONESHOT = "oneshot"
FILM = "film"
FACTS: dict[str, dict[str, object]] = {
    TRAINING: {},
    ONESHOT: {"oneshots": True},
    FILM: {"films": True, "inspects": True, "covers": True},
}
REVIEW: tuple[Step, ...] = (
    {"state": RemoteState.QUEUED, "details": {"status": "in review"}},
    {"state": RemoteState.NEEDS_USER, "reason": "too dark", "wants": frozenset({Role.VIDEO})},
    {"state": RemoteState.QUEUED, "details": {"status": "in review"}},
    {"state": RemoteState.RUNNING, "released": PAPERS, "progress": 0.5},
    {"state": RemoteState.SUCCEEDED, "released": PAPERS},
)
"""What the vendor of films says, poll by poll."""


class PostReceiver(Receiver):
    """Takes what comes into a tray or a job, as the surface does."""

    engine: Engine
    job_id: str = ""

    async def receive(self, item: InboxItem) -> None:
        """Keep each file, then what is made of them, and be done with the item in one transaction."""
        match item.payload:
            case {"photos": _}:
                await self._photos(item)
            case {"film": str(mark)}:
                entries = [await self._film(mark), *(await self._papers())]
                wanted = wish(count=1, place=THREAD, pictures_place=THREAD)
                await self.engine.services.training.start_with(wanted, entries, item)
            case {"better": str(mark)}:
                film = [await self._film(mark)]
                jobs = self.engine.services.jobs
                try:
                    await jobs.resubmit(self.job_id, ANA, {"video": film}, through=THREAD, item=item)
                except NotWaiting:
                    await self.engine.services.intake.ignore(item)

    async def _film(self, mark: str) -> TrayEntry:
        sha256 = await self.engine.keep(f"film {mark}".encode(), "video/mp4", 1920, 1080, 120)
        return TrayEntry(f"F-{mark}", "film.mp4", sha256, role=Role.VIDEO.value)

    async def _papers(self) -> list[TrayEntry]:
        entries = []
        for role in sorted(PAPERS):
            kept = await self.engine.services.papers.add(role, f"%PDF-1.7 {role} %%EOF".encode())
            entries.append(TrayEntry(f"F-{role}", "paper.pdf", kept.sha256, role=role.value))
        return entries

    async def _photos(self, item: InboxItem) -> None:
        services = self.engine.services
        entries = []
        if item.payload.get("zipped"):
            packed = incoming(zipped({f"{number}.jpg": picture(number) for number in item.payload["photos"]}))
            entries = await services.sorter.take("F", "all.zip", None, packed, Room(100))
            await services.trays.receive(ANA, THREAD, entries, item)
            return
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
    story: str = TRAINING
    zipped: bool = False
    """The photos come in a zip."""
    bucket: MortalBucket | None = None
    """Where copies of the photos are put for the vendor; None: it fetches by the relay."""
    cancel_after: int | None = None
    """Ana presses *Cancel* in the n-th round after she started."""
    crashes: int = 0
    _acknowledged: bool = False
    _job: str | None = None
    _rounds: int = 0
    _pressed: bool = False
    _answered: bool = False
    _idle: int = 0

    def __post_init__(self) -> None:
        if self.bucket is not None:
            self.bucket.fate = self.fate
            self.clock = self.bucket.clock
        if self.story == FILM and self.vendor.scripts["training"] == FAKE_TRAINING:
            self.vendor.scripts["training"] = REVIEW

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
        facts = {**FACTS[self.story], "idempotent": self.idempotent}
        provider = MortalProvider(self.fate, self.vendor, **facts)
        async with engine(
            self.data_dir,
            self.clock,
            provider=provider,
            world=self.world,
            receiver=receiver,
            kind=MortalStore,
            opened=self._make_mortal,
            notifier=lambda world: MortalNotifier(world, self.fate),
            bucket=self.bucket,
        ) as house:
            receiver.engine = house
            while not self._is_over():
                self._rounds += 1
                assert self._rounds < 900, "this never ends"
                receiver.job_id = self._job or ""
                await self._ana(house)
                await house.inbox.work_off_due()
                await house.inbox.stop(10)
                await house.submit()
                await house.poll()
                await house.tidy()
                await house.copies.erase_due()
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
            payload = {"film": "dark"} if self.story == FILM else {"photos": [0, 1], "zipped": self.zipped}
            await self._acknowledged_or_dead(house.services.intake.put(Arrival("one", "message", payload)))
            self._acknowledged = True
        elif self._job is None and self.story == FILM:
            for (job_id,) in self._see("SELECT id FROM job"):
                self._job = str(job_id)
        elif self._job is None and self.world.of_kind(NoticeKind.TRAY):
            ((tray_id,),) = rows(self.data_dir, "SELECT id FROM tray")
            asked = wish(way=f"fake/{self.story}")
            self._job = (await house.services.training.start(asked, tray_id)).id
        elif not self._answered and self._see("SELECT 1 FROM job WHERE state = 'needs_user'"):
            arrival = Arrival("two", "message", {"better": "bright"})
            await self._acknowledged_or_dead(house.services.intake.put(arrival))
            self._answered = True
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
            " UNION ALL SELECT 1 FROM job WHERE tidied_at IS NULL"
            " UNION ALL SELECT 1 FROM doomed"
            " UNION ALL SELECT 1 FROM bucket_copy"
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
        assert self._see("SELECT * FROM bucket_copy") == []
        assert self.bucket is None or self.bucket.objects == {}
        assert self._see("SELECT state, count(*) FROM tray") == [("used", 1)]
        self._check_papers()
        assert {key for _, key in self.vendor.tidied} >= set(paid)
        said = Counter(message.notice for message in self.world.messages.values())
        assert all(times == 1 for times in said.values()), f"said twice: {self.world.keys()}"
        assert self._see("SELECT count(*) FROM outbox") == [(len(said),)]
        orphans = "SELECT key FROM outbox WHERE after NOT NULL AND after NOT IN (SELECT id FROM outbox)"
        assert self._see(orphans) == []
        ends = self.states()
        card = self.world.of_kind(NoticeKind.CARD)[0].versions[-1]
        last = ends.get("generation") or ends.get("training") or ends["oneshot"]
        assert card == {"succeeded": "done", "failed": "failed", "cancelled": "cancelled"}[last]
        assert len(self.world.of_kind(NoticeKind.FAILED)) == list(ends.values()).count("failed")
        assert len(self.world.of_kind(NoticeKind.READY)) == (1 if last == "succeeded" else 0)

    def _check_papers(self) -> None:
        """No paper is named by any row or lies on the disk, and no message was about one."""
        for table in ("job_input", "tray_entry"):
            listed = ", ".join(f"'{role}'" for role in PAPERS)
            assert self._see(f"SELECT * FROM {table} WHERE role IN ({listed})") == []
        assert self._see("SELECT * FROM doomed") == []
        assert self._see("SELECT * FROM medium WHERE media_type = 'application/pdf'") == []
        lying = [path for path in (self.data_dir / "media").glob("??/*") if b"%PDF" in path.read_bytes()]
        assert lying == []

    def check_that_all_went_well(self) -> None:
        """Moreover, the job was done: each step once, all results in one message or more."""
        self.check()
        kinds = ["oneshot"] if self.story == ONESHOT else ["generation", "training"]
        assert self.states() == dict.fromkeys(kinds, "succeeded")
        assert sorted(job.kind for job in self.vendor.jobs.values()) == kinds
        results = sum(int(message.versions[0]) for message in self.world.of_kind(NoticeKind.PICTURES))
        assert results == 2
        if self.story == FILM:
            assert self.vendor.jobs["t1"].gone_on == 1
            assert [one.path.name for one in self.vendor.jobs["t1"].given(Role.VIDEO)] == [
                hashlib.sha256(b"film bright").hexdigest()
            ]
            assert len(self.world.of_kind(NoticeKind.NEEDS_YOU)) == 1
            assert len(self.world.of_kind(NoticeKind.NEEDS_YOU_DM)) == 1

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


@pytest.mark.parametrize("story", [TRAINING, ONESHOT, FILM])
async def test_the_whole_job_without_a_crash(begin: Begin, story: str) -> None:
    walk = begin(story=story)
    await walk.to_the_end()
    walk.check_that_all_went_well()
    assert walk.crashes == 0


@pytest.mark.parametrize("slice_of_four", range(4))
@pytest.mark.parametrize("story", [TRAINING, ONESHOT, FILM])
async def test_a_crash_at_any_moment_changes_nothing_of_the_story(
    begin: Begin, story: str, slice_of_four: int
) -> None:
    """Before and after every commit, every call to the vendor, every file and every message."""
    whole = begin(story=story)
    await whole.to_the_end()
    for moment in _moments(whole.fate.trail)[slice_of_four::4]:
        walk = begin(moment, dice=random.Random(moment), story=story)
        await _as_told(walk, f"crash at {moment}: {whole.fate.trail[moment - 1]}", well=True)
        assert walk.crashes == 1
        shutil.rmtree(walk.data_dir)


async def test_a_crash_at_any_moment_of_unpacking_a_zip_loses_no_photo_and_brings_none_twice(
    begin: Begin,
) -> None:
    whole = begin(zipped=True)
    await whole.to_the_end()
    taken = max(n for n, name in enumerate(whole.fate.trail, 1) if "Trays.receive" in name)
    assert sum("borrow" in name for name in whole.fate.trail[:taken]) == 3
    for moment in range(1, taken + 1):
        walk = begin(moment, zipped=True, dice=random.Random(moment))
        await _as_told(walk, f"crash at {moment}: {whole.fate.trail[moment - 1]}", well=True)
        assert walk.crashes == 1
        entries = rows(walk.data_dir, "SELECT source, name, ordinal FROM tray_entry ORDER BY ordinal")
        assert entries == [("F#1", "0.jpg", 1), ("F#2", "1.jpg", 2)]
        assert list((walk.data_dir / "media" / "aside").iterdir()) == []
        shutil.rmtree(walk.data_dir)


async def test_a_crash_at_any_moment_of_a_copys_life_leaves_nothing_in_the_bucket(begin: Begin) -> None:
    whole = begin(bucket=MortalBucket(TurnedClock()))
    await whole.to_the_end()
    whole.check_that_all_went_well()
    trail = whole.fate.trail
    begun = next(n for n, name in enumerate(trail, 1) if "Copies.open" in name)
    sent = next(n for n, name in enumerate(trail, 1) if name.endswith(" submit"))
    erased = [n for n, name in enumerate(trail, 1) if "bucket erase" in name or "Copies._erase" in name]
    assert sum(name == "before bucket put" for name in trail) == 2
    assert sum(name == "before bucket erase" for name in trail) == 2
    for moment in sorted({*range(begun, sent + 2), *erased}):
        walk = begin(moment, bucket=MortalBucket(TurnedClock()), dice=random.Random(moment))
        await _as_told(walk, f"crash at {moment}: {trail[moment - 1]}", well=True)
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
        walk = begin(*crashes, dice=dice, story=dice.choice((TRAINING, ONESHOT, FILM)))
        _order_faults(walk, dice)
        await _as_told(walk, f"seed {seed}, a {walk.story}, crashes at {crashes}")
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
    lost = (Fault.BUSY, Fault.DOWN, Fault.CREATED, Fault.LOST, Fault.HALF)
    for operation in ("submit", "generate", "oneshot"):
        for _ in range(dice.choice((0, 0, 1, 2))):
            vendor.faults[operation].append(dice.choice(lost))
    for operation in ("poll", "fetch", "find", "tidy", "inspect"):
        for _ in range(dice.choice((0, 0, 1, 3))):
            vendor.faults[operation].append(dice.choice((Fault.DOWN, Fault.BUSY, Unavailable())))
    vendor.lag = dice.choice((0, 0, 1, 2))
    doubt = {"state": RemoteState.FAILED, "tentative": True, "reason": "the review is not over"}
    for kind in ("training", "generation", "oneshot"):
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
