"""Stand-ins for the clock and the surface, and the engine put together without Slack."""

from __future__ import annotations

import asyncio
import hashlib
import io
import sqlite3
import zipfile
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from PIL import Image

from bot.imaging.faults import Unusable
from bot.imaging.lab import Lab, Taken
from bot.providers import Provider
from bot.services import Services
from bot.services.copies import Bucket, Copies
from bot.services.deleting import Deleter
from bot.services.doctor import Doctor
from bot.services.inbox import InboxRunner, Receiver
from bot.services.inputs import Role
from bot.services.keeping import Eraser
from bot.services.links import Reach
from bot.services.notifier import Clock, Notifier, Said, Speech, Unsaid
from bot.services.outbox import OutboxRunner
from bot.services.photos import Retention
from bot.services.runner import JobRunner
from bot.services.sorting import HEAD, Incoming
from bot.services.tidying import Tidier
from bot.services.timing import Timing
from bot.services.training import Wish
from bot.wiring import Outside, Rules, all_services, all_workers, lay_base
from storage import Store
from storage.records.deletions import Kept
from storage.records.inbox import Arrival, InboxItem
from storage.records.jobs import Job
from storage.records.links import LinkFault
from storage.records.media import Medium
from storage.records.outbox import Notice, NoticeKind
from storage.records.places import channel_of
from storage.records.trays import TrayEntry
from tests.fakes import FakeProvider
from tests.fresh import fresh

ANA, BEN, OLGA = "T1/U1", "T1/U2", "T1/U9"
"""Two people, and the operator."""
THREAD = "T1/C1/100"
MOST = 10 * 1024 * 1024
"""Bytes of a file of any kind."""
RULES = Rules(
    Retention(),
    photo_bytes=MOST,
    video_bytes=MOST,
    zip_bytes=MOST,
    public_url="http://127.0.0.1:1",
    callback_key="x" * 32,
)
CHANNEL = "T1/C1/"
EDITED = {NoticeKind.TRAY, NoticeKind.SHEET, NoticeKind.PAPERS, NoticeKind.CARD, NoticeKind.RECEIPT}


class TurnedClock:
    """Stands still until it is turned."""

    def __init__(self, at: datetime = datetime(2026, 11, 20, 9, tzinfo=UTC)) -> None:
        self.ms = round(at.timestamp() * 1000)

    def __call__(self) -> int:
        return self.ms

    def turn(self, by: timedelta) -> None:
        """Let time pass."""
        self.ms += round(by.total_seconds() * 1000)

    def turn_to(self, ms: int) -> None:
        """Let it be then, unless it is later already."""
        self.ms = max(self.ms, ms)


@dataclass
class Message:
    """Something that stands in the chat."""

    id: str
    notice: str
    key: str
    kind: NoticeKind
    versions: list[str]
    """What it said, oldest first: the stage for a card, else the key."""


@dataclass
class World:
    """The chat itself, which outlives every process that writes in it."""

    messages: dict[str, Message] = field(default_factory=dict)
    answers: deque[Said | BaseException] = field(default_factory=deque)
    """What the next attempts come to instead; UNKNOWN posts all the same when `posts_unknown`."""
    posts_unknown: bool = True
    looks: deque[Said] = field(default_factory=deque)
    refuses: deque[Unsaid] = field(default_factory=deque)
    """What the next attempts to take something back come to instead."""
    taken_back: list[tuple[Kept, str]] = field(default_factory=list)
    """What we have taken back, in order, each as often as it was asked for."""
    deliveries: list[Notice] = field(default_factory=list)
    looked: list[Notice] = field(default_factory=list)

    def of_kind(self, kind: NoticeKind) -> list[Message]:
        """Every message of a kind, in the order they were posted."""
        return [message for message in self.messages.values() if message.kind is kind]

    def keys(self) -> Counter[str]:
        """How often each thing was said."""
        return Counter(message.key for message in self.messages.values())


class FakeNotifier(Notifier):
    """Says things in a `World`: posts once, edits what is edited, can look."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.services: Services | None = None

    async def deliver(self, notice: Notice) -> Said:
        """Post or edit, or do what was ordered."""
        self.world.deliveries.append(notice)
        ordered = self.world.answers.popleft() if self.world.answers else None
        if isinstance(ordered, BaseException):
            raise ordered
        posts = ordered is None or ordered.speech is Speech.SAID
        if (
            ordered is not None
            and not posts
            and (ordered.speech is not Speech.UNKNOWN or not self.world.posts_unknown)
        ):
            return ordered
        words = await self._words(notice)
        if notice.message and notice.kind in EDITED:
            self.world.messages[notice.message].versions.append(words)
            made = notice.message
        else:
            made = f"{channel_of(notice.place)}/m{len(self.world.messages) + 1}"
            self.world.messages[made] = Message(made, notice.id, notice.key, notice.kind, [words])
        return Said(Speech.SAID, made) if ordered is None else ordered

    async def look(self, notice: Notice) -> Said:
        """Find the message that carries this notice's id."""
        self.world.looked.append(notice)
        if self.world.looks:
            return self.world.looks.popleft()
        for message in self.world.messages.values():
            if message.notice == notice.id:
                return Said(Speech.SAID, message.id)
        return Said(Speech.LATER)

    async def take_back(self, what: Kept, ref: str) -> Unsaid:
        """Delete it from the world, unless told otherwise."""
        if self.world.refuses:
            return self.world.refuses.popleft()
        self.world.taken_back.append((what, ref))
        self.world.messages.pop(ref, None)
        return Unsaid.GONE

    async def _words(self, notice: Notice) -> str:
        if notice.kind is NoticeKind.RECEIPT and self.services:
            kept = await self.services.deletions.receipt(notice.payload["deletion"])
            left = f", {len(kept.pending)} to come" if kept.pending else ""
            return f"{kept.deletion.name}: {len(kept.holdings)} copies{left}"
        if notice.kind is NoticeKind.CARD and self.services and notice.job_id:
            return (await self.services.progress.view(notice.job_id)).stage.value
        if notice.kind is NoticeKind.PICTURES and self.services:
            uploads = await self.services.media.uploads(notice.id)
            for one in uploads:
                begins = b"\0\0\0\x18ftyp" if one.media_type == "video/mp4" else b"\x89PNG"
                assert (await self.services.media.read(one.sha256)).startswith(begins)
            return str(len(uploads))
        return notice.key


class RememberingLab(Lab):
    """Takes each picture in once for all tests: they post the same few again and again."""

    _known: ClassVar[dict[bytes, Taken | Unusable]] = {}

    expected = 0
    """How often a picture was said to be on its way."""
    hold: asyncio.Event | None = None
    """Where there is one, every picture but the first waits for it."""
    seen = 0

    def expect(self) -> None:
        """Only counted: mostly it is known already what comes of a picture."""
        self.expected += 1

    async def take_in(self, data: bytes) -> Taken:
        """As the lab did it the first time."""
        self.seen += 1
        if self.hold is not None and self.seen > 1:
            await self.hold.wait()
        if data not in self._known:
            try:
                self._known[data] = await super().take_in(data)
            except Unusable as unusable:
                self._known[data] = unusable
        known = self._known[data]
        if isinstance(known, Unusable):
            raise Unusable(known.fault, known.width, known.height)
        return known


@asynccontextmanager
async def closing_lab(lab: Lab) -> AsyncIterator[Lab]:
    """A lab that is closed at the end."""
    try:
        yield lab
    finally:
        await lab.close()


class FakeReceiver(Receiver):
    """Works items off as it is told to."""

    def __init__(self) -> None:
        self.received: list[InboxItem] = []
        self.work: Callable[[InboxItem], Any] | None = None

    async def receive(self, item: InboxItem) -> None:
        """Note the item, and do the work ordered."""
        self.received.append(item)
        if self.work is not None:
            await self.work(item)

    def owner_and_place(self, item: InboxItem) -> tuple[str, str]:
        """Everything is Ana's."""
        return ANA, THREAD


class FakeReach(Reach):
    """The way from outside: open, or shut for the reason given."""

    def __init__(self) -> None:
        self.fault: LinkFault | None = None
        self.faults: deque[LinkFault] = deque()
        """What the next attempts meet before that."""
        self.fetched: list[str] = []

    async def fetch(self, url: str, medium: Medium) -> LinkFault | None:
        """Note the address."""
        self.fetched.append(url)
        return self.faults.popleft() if self.faults else self.fault


class Nudges(list[str], Clock):
    """The ticks that were asked for early."""

    def __call__(self, tick: str) -> None:
        """Note it; the test runs the ticks."""
        self.append(tick)


@dataclass
class Engine:
    """Everything below the surface, and the tables as a bystander sees them."""

    store: Store
    data_dir: Path
    clock: TurnedClock
    provider: FakeProvider
    world: World
    services: Services
    runner: JobRunner
    outbox: OutboxRunner
    inbox: InboxRunner
    receiver: Receiver
    timing: Timing
    nudges: Nudges
    tidier: Tidier
    eraser: Eraser
    deleter: Deleter
    reach: FakeReach
    copies: Copies

    async def submit(self) -> None:
        """One tick of `submit`, to its end."""
        await self.runner.submit_due()
        await self.runner.idle()

    async def poll(self) -> None:
        """One tick of `poll`, to its end, answers written down."""
        await self.runner.poll_due()
        await self.runner.idle()
        await self.runner.poll_due()
        await self.runner.idle()

    async def say(self, most: int = 30) -> None:
        """Everything that is due is said, however many there are in one channel."""
        for _ in range(most):
            await self.outbox.say_due()
            await self.outbox.idle()
            if not self.rows("SELECT 1 FROM outbox WHERE sent < wanted AND due_at <= ?", self.clock.ms):
                return
            self.clock.turn(self.timing.message_gap)

    def turn(self, **by: float) -> None:
        """Let time pass, in the units of `timedelta`."""
        self.clock.turn(timedelta(**by))

    async def until(self, done: Callable[[], bool], most: int = 200) -> None:
        """Tick and turn the clock to whatever is due next, until it is `done`."""
        for _ in range(most):
            if done():
                return
            await self.submit()
            await self.poll()
            await self.say()
            await self.tidy()
            self.clock.turn_to(next_due(self.data_dir))
        raise AssertionError(f"still not done: {self.rows('SELECT id, state, due_at FROM job')}")

    async def tidy(self) -> None:
        """One tick each of `tidy` and `erase`."""
        await self.tidier.tidy_due()
        await self.eraser.erase_due()

    async def delete(self) -> None:
        """One tick each of `delete` and `erase`, to their end."""
        await self.deleter.delete_due()
        await self.deleter.idle()
        await self.eraser.erase_due()

    async def train(self, *, photos: int = 2, owner: str = ANA, key: str = "wish-1", count: int = 2) -> Job:
        """A training job, started from a tray of photos."""
        tray_id = await self.tray(photos, owner=owner, source=key)
        return await self.services.training.start(wish(owner=owner, key=key, count=count), tray_id)

    async def tray(self, photos: int, *, owner: str = ANA, source: str = "f") -> str:
        """An open tray with that many photos."""
        kept = [await self.services.photos.add(picture(number)) for number in range(photos)]
        entries = [TrayEntry(f"{source}{i}", f"{i}.jpg", photo.sha256) for i, photo in enumerate(kept)]

        def unit(tx: Any) -> str:
            tray = tx.trays.open(owner, THREAD)
            tx.trays.add(tray.id, entries)
            return str(tray.id)

        return await self.store.write(unit)

    async def keep(self, data: bytes, media_type: str, *size: float) -> str:
        """Some bytes that count as a medium of that type, width, height and seconds."""
        sha256 = await self.store.media.put(data)
        width, height, seconds = (*size, 0, 0, 0)[:3]
        medium = Medium(sha256, media_type, len(data), int(width), int(height), seconds or None)
        await self.store.write(lambda tx: tx.inputs.insert(medium))
        return sha256

    async def film_and_papers(self, mark: str = "") -> list[TrayEntry]:
        """What a vendor of films wants: a video of the right size, and papers."""
        film = await self.keep(f"a film{mark}".encode(), "video/mp4", 1920, 1080, 120)
        entries = [TrayEntry(f"F-film{mark}", "film.mp4", film, role=Role.VIDEO.value)]
        for role in (Role.ID_FRONT, Role.ID_BACK, Role.LETTER):
            paper = await self.keep(f"{role}{mark}".encode(), "application/pdf")
            entries.append(TrayEntry(f"F-{role}{mark}", f"{role}.pdf", paper, role=role.value))
        return entries

    async def item(self, key: str = "view:1") -> InboxItem:
        """A form that has arrived, claimed by us."""
        await self.services.intake.put(Arrival(key, "upload", {}))
        lease = self.timing.lease
        (item,) = await self.store.write(lambda tx: tx.inbox.claim(self.store.me, lease, 1))
        return item

    async def filming(self, **facts: Any) -> Job:
        """A training of a film with papers, taken by the vendor."""
        item = await self.item(f"view:{facts.get('key', 'wish-1')}")
        entries = await self.film_and_papers()
        job = await self.services.training.start_with(wish(**({"count": 1} | facts)), entries, item)
        await self.submit()
        return await self.job(job.id)

    def holds(self, *contents: bytes) -> list[bool]:
        """Which of these contents are on the disk."""
        return [self.store.media.holds(hashlib.sha256(one).hexdigest()) for one in contents]

    async def running(self, **facts: Any) -> Job:
        """A training that the vendor has taken."""
        job = await self.train(**facts)
        await self.submit()
        return await self.job(job.id)

    async def generating(self, **facts: Any) -> Job:
        """The generation that follows a finished training, taken by the vendor."""
        job = await self.running(**facts)
        self.provider.finish()
        self.turn(seconds=5)
        await self.poll()
        await self.submit()
        return await self.last(job.id)

    async def job(self, job_id: str) -> Job:
        """A job as it stands."""
        return await self.store.read(lambda tx: tx.jobs.get(job_id))

    async def last(self, root_id: str) -> Job:
        """The newest job on a card."""
        return await self.store.read(lambda tx: tx.jobs.family(root_id)[-1])

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The tables, as somebody beside the bot sees them."""
        return rows(self.data_dir, query, *values)

    def wanted(self) -> list[str]:
        """What there is to say, without the ids of cards and jobs."""
        return [
            key.split(":")[0] for (key,) in self.rows("SELECT key FROM outbox ORDER BY created_at, rowid")
        ]


@asynccontextmanager
async def engine(
    data_dir: Path,
    clock: TurnedClock,
    *,
    provider: FakeProvider | None = None,
    more: Sequence[Provider[Any]] = (),
    world: World | None = None,
    receiver: Receiver | None = None,
    timing: Timing | None = None,
    kind: type[Store] = Store,
    opened: Callable[[Store], None] = lambda store: None,
    notifier: Callable[[World], FakeNotifier] = FakeNotifier,
    bucket: Bucket | None = None,
    earlier: Mapping[str, Bucket] = MappingProxyType({}),
) -> AsyncIterator[Engine]:
    """Open the store and wire the parts as the roof does; `opened` may prepare the store first."""
    provider = provider or FakeProvider()
    world = world or World()
    timing = timing or Timing()
    nudges = Nudges()
    async with (
        kind.open(await fresh(data_dir), clock_ms=clock) as store,
        closing_lab(RememberingLab()) as lab,
    ):
        opened(store)
        reach, says, received = FakeReach(), notifier(world), receiver or FakeReceiver()
        beyond = Outside(reach, bucket, lambda where: earlier[where])
        base = lay_base(RULES, timing, store, [provider, *more], [OLGA], beyond, lab, nudges)
        services = all_services(base, Doctor(base.vendors, ()))
        says.services = services
        workers = all_workers(base, services.prover, received, says)
        built = Engine(
            store=store,
            data_dir=data_dir,
            clock=clock,
            provider=provider,
            world=world,
            services=services,
            runner=workers.runner,
            outbox=workers.outbox,
            inbox=workers.inbox,
            receiver=received,
            timing=timing,
            nudges=nudges,
            tidier=workers.tidier,
            eraser=workers.eraser,
            deleter=workers.deleter,
            reach=reach,
            copies=base.copies,
        )
        await store.write(lambda tx: tx.release(store.me, timing.settle))
        await base.vendors.declare()
        await base.vendors.check()
        try:
            yield built
        finally:
            for stop in workers.stops():
                await stop(0.1)


def wish(**facts: Any) -> Wish:
    """A wish that a vendor can grant."""
    given: dict[str, Any] = {
        "owner": ANA,
        "name": "ana spring",
        "subject": "person",
        "way": "fake/training",
        "prompt": "by the sea",
        "count": 2,
        "consent": True,
        "place": THREAD,
        "pictures_place": THREAD,
        "request_key": facts.pop("key", "wish-1"),
    }
    return Wish(**(given | facts))


def picture(number: int = 0, *, size: tuple[int, int] = (256, 256), encoder: str = "JPEG") -> bytes:
    """A photo of its own colour."""
    out = io.BytesIO()
    Image.new("RGB", size, (number * 40 % 256, 90, 200 - number)).save(out, encoder)
    return out.getvalue()


def rows(data_dir: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """The tables, as somebody beside the bot sees them."""
    with closing(sqlite3.connect(f"file:{data_dir / 'darkroom.sqlite3'}?mode=ro", uri=True)) as db:
        return db.execute(query, values).fetchall()


def next_due(data_dir: Path, after: int = 0) -> int:
    """The next instant, later than `after`, at which anything can be claimed, in milliseconds."""
    found = rows(
        data_dir,
        "SELECT min(at) FROM ("
        " SELECT max(j.due_at, j.lease_until, iif(j.state = 'running', 0, l.next_free_at)) AS at"
        "  FROM job j JOIN lane l ON l.name = j.lane WHERE j.state IN ('queued', 'submitting', 'running')"
        " UNION ALL SELECT max(o.due_at, o.lease_until, coalesce(l.next_free_at, 0)) FROM outbox o"
        "  LEFT JOIN lane l ON l.name = iif(o.message IS NULL, 'say:' || o.channel,"
        "   'edit:' || substr(o.channel, 1, instr(o.channel, '/') - 1))"
        "  LEFT JOIN outbox b ON b.id = o.after"
        "  WHERE o.sent < o.wanted AND coalesce(b.sent, 1) > 0"
        " UNION ALL SELECT max(due_at, lease_until) FROM job WHERE state = 'needs_user'"
        " UNION ALL SELECT max(due_at, lease_until) FROM job"
        "  WHERE finished_at NOT NULL AND tidied_at IS NULL"
        " UNION ALL SELECT max(due_at, lease_until) FROM inbox WHERE done_at IS NULL) WHERE at > ?",
        after,
    )
    return int(found[0][0] or 0)


async def whole(incoming: Incoming) -> bytes:
    """A file that came in, to its end."""
    return b"".join([chunk async for chunk in incoming.chunks])


def incoming(data: bytes, size: int = 0) -> Incoming:
    """A file on its way in, in pieces, that is said to have so many bytes."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), HEAD):
            yield data[start : start + HEAD]

    return Incoming(data[:HEAD], pieces(), size or len(data))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of files, by their names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()
