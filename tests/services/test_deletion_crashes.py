"""A deletion killed at every moment that leaves a trace: one receipt in the end, nothing left anywhere."""

from __future__ import annotations

import asyncio
import copy
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.providers import Unavailable
from bot.services.notifier import Unsaid
from storage import Store
from storage.records.outbox import NoticeKind
from tests.crash import Crash, Fate, MortalMedia, MortalNotifier, MortalProvider, MortalStore
from tests.fakes import FakeVendor
from tests.services.test_deletions import done, more, uploaded
from tests.stand_ins import ANA, Engine, TurnedClock, World, engine, rows

SECRETS = (b"ana spring", b"by the sea", b"in the rain")


@dataclass
class Scene:
    """A vendor, a chat, a clock and a disk with a finished model on it, from which every history begins."""

    data_dir: Path
    root: str
    ms: int
    vendor: FakeVendor
    world: World
    bystander: str
    """Another job that was given the same photos, and runs on."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Two cards of one model, and another training with the same photos under way."""
    data_dir = tmp_path_factory.mktemp("before") / "data"
    clock = TurnedClock()

    async def make() -> Scene:
        async with engine(data_dir, clock) as house:
            root = await done(house)
            await more(house, str(house.rows("SELECT id FROM model")[0][0]))
            await uploaded(house)
            bystander = await house.running(key="wish-2")
            await house.say()
            return Scene(data_dir, root.id, clock.ms, house.provider.vendor, house.world, bystander.id)

    return asyncio.run(make())


@dataclass
class History:
    """One deletion, with its crashes."""

    scene: Scene
    data_dir: Path
    fate: Fate
    crashes: int = 0
    clock: TurnedClock = field(default_factory=TurnedClock)
    vendor: FakeVendor = field(default_factory=FakeVendor)
    world: World = field(default_factory=World)
    _asked: bool = False

    def __post_init__(self) -> None:
        shutil.copytree(self.scene.data_dir, self.data_dir)
        self.clock.turn_to(self.scene.ms)
        self.vendor, self.world = copy.deepcopy((self.scene.vendor, self.scene.world))

    async def to_the_end(self) -> None:
        """Live, die, come back, until the last word is said."""
        for _ in range(60):
            try:
                async with self._house() as house:
                    await self._live(house)
            except Crash:
                self.crashes += 1
                self.fate.revive()
            else:
                return
        raise AssertionError("this never ends")

    async def _live(self, house: Engine) -> None:
        for _ in range(200):
            if not self._asked:
                await house.services.deletions.ask(self.scene.root, ANA)
                self._asked = True
            await house.delete()
            await house.outbox.say_due()
            await house.outbox.idle()
            self.fate.alive()
            if self._is_over():
                return
            house.turn(seconds=20)
        raise AssertionError(f"this never ends: {self._see('SELECT * FROM deletion')}")

    @asynccontextmanager
    async def _house(self) -> AsyncIterator[Engine]:
        def mortal(store: Store) -> None:
            assert isinstance(store, MortalStore)
            store.fate = self.fate
            store.media = MortalMedia(self.data_dir / "media", self.fate)

        async with engine(
            self.data_dir,
            self.clock,
            provider=MortalProvider(self.fate, self.vendor),
            world=self.world,
            kind=MortalStore,
            opened=mortal,
            notifier=lambda world: MortalNotifier(world, self.fate),
        ) as house:
            yield house

    def _is_over(self) -> bool:
        open_ones = (
            "SELECT 1 FROM deletion WHERE done_at IS NULL"
            " UNION ALL SELECT 1 FROM outbox WHERE sent < wanted UNION ALL SELECT 1 FROM doomed"
        )
        return not self._see(open_ones)

    def _see(self, query: str) -> list[tuple[object, ...]]:
        return rows(self.data_dir, query)

    def check(self) -> None:
        """One receipt; nothing left that should be gone; nothing gone that another job needs."""
        assert self._see("SELECT count(*) FROM deletion WHERE done_at NOT NULL AND name = ''") == [(1,)]
        assert self._see("SELECT id FROM deletion WHERE lease_owner NOT NULL OR lease_until > 0") == []
        assert self._see("SELECT count(*) FROM held_copy WHERE fate IS NULL OR ref NOT NULL") == [(0,)]
        receipts = self.world.of_kind(NoticeKind.RECEIPT)
        assert len(receipts) == 1
        assert not receipts[0].versions[-1].endswith("to come")
        gone = [job for job in self.vendor.jobs.values() if job.key != self.scene.bystander]
        assert [job.id for job in gone if not job.deleted] == []
        assert self._see("SELECT count(*) FROM picture") == [(0,)]
        kept = {str(sha256) for (sha256,) in self._see("SELECT medium FROM job_input")}
        assert len(kept) == 2
        files = [path for path in (self.data_dir / "media").rglob("*") if path.is_file()]
        assert {path.name for path in files} == kept
        names = self._see("SELECT DISTINCT name FROM job WHERE deletion_id NOT NULL")
        assert names == [("",)]


async def test_a_crash_at_any_moment_of_a_deletion_leaks_nothing_and_loses_nothing(
    scene: Scene, tmp_path: Path
) -> None:
    """Before and after every commit, every file, every call to the vendor and to the chat."""
    whole = History(scene, tmp_path / "whole", Fate())
    await whole.to_the_end()
    whole.check()
    trail = whole.fate.trail
    assert {"after delete", "after tidy", "after erase", "after take back file"} <= set(trail)
    for moment, name in enumerate(trail, 1):
        if name.startswith("before") and moment > 1 and trail[moment - 2].startswith("after"):
            continue  # Nothing lies between the two.
        history = History(scene, tmp_path / f"at-{moment}", Fate(moment))
        try:
            await history.to_the_end()
            history.check()
        except AssertionError as error:
            raise AssertionError(f"crash at {moment}, {name}: {error}") from error
        assert history.crashes == 1
        shutil.rmtree(history.data_dir)


async def test_crashes_while_everybody_is_difficult_end_in_one_receipt(scene: Scene, tmp_path: Path) -> None:
    for seed in range(6):
        moments = [3 + seed * 2, 19 + seed * 5, 44 + seed * 3]
        history = History(scene, tmp_path / f"seed-{seed}", Fate(*moments))
        history.vendor.faults["delete"].extend([Unavailable("away")] * 3)
        history.vendor.faults["tidy"].append(Unavailable("away"))
        history.world.refuses.extend([Unsaid.LATER] * 3)
        await history.to_the_end()
        history.check()
        shutil.rmtree(history.data_dir)
