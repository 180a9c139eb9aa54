"""Darkroom behind the real door: a local Slack, its people, and the bot that `bot.app.build` makes."""

from __future__ import annotations

import contextlib
import io
import random
import socket
import sqlite3
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from bot.app import Bot, build
from bot.providers import Provider, RemoteState
from bot.sandbox.slack import (
    Channel,
    Director,
    Entry,
    LocalSlack,
    Message,
    Scenario,
    Upload,
    View,
    sockets,
    views,
)
from bot.sandbox.slack import Settings as SlackSettings
from bot.services import cards
from bot.services.timing import Timing
from bot.settings import Settings
from handlers.manifest import manifest
from tests.fakes import FakeProvider
from tests.fresh import fresh
from tests.stand_ins import RememberingLab

T = TypeVar("T")
SWIFT = Timing(
    backoff_first=timedelta(milliseconds=200),
    card_quiet=timedelta(milliseconds=100),
    message_gap=timedelta(milliseconds=5),
    edit_gap=timedelta(milliseconds=5),
    share_looks=(timedelta(milliseconds=100),) * 10,
    fetch_again=timedelta(milliseconds=200),
    beat=0.2,
    checks=timedelta(days=1),
    logs=timedelta(seconds=60),
)
"""Short waits; what is long stays long, so that a test must turn the clock to get past it.

Vendors are looked at once, at the start: a look in the middle of a test would take the faults that were
ordered for something else.
"""
PATIENCE = 60.0
"""Seconds until what a test waits for has not come: machines are slow, and shared."""
UNHURRIED = 20.0
"""Seconds that an app has to answer a gesture, where a local Slack is `unhurried`."""
FORM: dict[str, Any] = {
    "name": "ana spring",
    "subject": "dog",
    "prompt": "a secret garden",
    "count": "2",
    "where": "here",
    "consent": ["agreed"],
}
"""A training form as a person in a hurry fills it in."""


class TurnedClock:
    """The machine's clock, put forward by hand."""

    def __init__(self) -> None:
        self._ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self._ahead

    def advance(self, seconds: float) -> None:
        """Let so many seconds have passed for the tables."""
        self._ahead += round(seconds * 1000)


def photo(number: int = 0, *, size: tuple[int, int] = (320, 300), kind: str = "JPEG") -> bytes:
    """A small picture, as sharp and as varied as a photo; the same number gives the same bytes."""
    out, dice = io.BytesIO(), random.Random(number)
    fields = Image.frombytes("RGB", (8, 8), dice.randbytes(192)).resize(size, Image.Resampling.BICUBIC)
    grain = Image.frombytes("L", size, dice.randbytes(size[0] * size[1])).convert("RGB")
    Image.blend(fields, grain, 0.2).save(out, kind)
    return out.getvalue()


def photos(count: int, first: int = 0) -> list[Upload]:
    """So many different photos, ready to be posted."""
    return [Upload(f"photo-{n}.jpg", photo(n)) for n in range(first, first + count)]


def odd(name: str, data: bytes, scenario: Scenario = Scenario.HOSTED, **more: Any) -> Upload:
    """A file with something the matter."""
    return Upload(name, data, scenario, **more)


_KEPT: deque[socket.socket] = deque()


def free_port() -> int:
    """A port nobody listens on, and which no call that somebody makes meanwhile is given.

    Whoever asks for it by its number may listen there, and do so again after a restart.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    port = int(kept.getsockname()[1])
    _KEPT.append(kept)
    # Only Linux lets somebody listen where another socket is bound, if both ask for it.
    while len(_KEPT) > (100 if sys.platform == "linux" else 0):
        _KEPT.popleft().close()
    return port


@dataclass
class Surface:
    """What a test has in its hands: the people, the bot, the vendor and the clock."""

    slack: LocalSlack
    people: Director
    vendor: FakeProvider
    settings: Settings
    clock: TurnedClock
    timing: Timing = SWIFT
    bots: list[Bot] = field(default_factory=list)
    lab: RememberingLab = field(default_factory=RememberingLab)
    """That of the bot that runs now."""

    @property
    def bot(self) -> Bot:
        """The bot that runs now."""
        return self.bots[-1]

    @contextlib.asynccontextmanager
    async def running(
        self, vendors: Sequence[Provider[Any]] = (), *, asked: bool = True
    ) -> AsyncIterator[Bot]:
        """Run a bot on the same data and, unless told otherwise, before the same vendor as the last.

        It has asked its vendors how they are, unless a test wants to see it before.
        """
        self.lab = RememberingLab()
        known = [*vendors] or [FakeProvider(self.vendor.settings, vendor=self.vendor.vendor)]
        async with build(
            self.settings, providers=known, timing=self.timing, clock_ms=self.clock, lab=self.lab
        ) as bot:
            self.bots.append(bot)
            for listener in bot.app._async_listeners:
                listener.ack_timeout = UNHURRIED  # Bolt gives an acknowledgement up after three seconds too.
            await self.people.wait_for_connection(within=PATIENCE)
            if asked:
                await bot.services.vendors.asked()
            yield bot

    # What people do.

    async def post(
        self,
        files: Sequence[Upload] = (),
        text: str = "",
        *,
        user: str = "ana",
        channel: str = "#portraits",
        thread: str | None = None,
    ) -> Message:
        """Post files, in a channel unless told otherwise."""
        return await self.people.post(user, channel, text, list(files), thread)

    async def tray(
        self,
        files: Sequence[Upload] | None = None,
        *,
        text: str = "@darkroom please",
        user: str = "ana",
        channel: str = "#portraits",
        says: str = "usable",
    ) -> Message:
        """Post photos and wait for the reply that says what was accepted."""
        posted = await self.post(photos(3) if files is None else files, text, user=user, channel=channel)
        return await self.said(says, channel=channel, thread=posted.ts)

    async def press(self, message: Message, label: str, *, user: str = "ana") -> Any:
        """Press a button under a message."""
        return await self.people.press(user, message.channel, message.ts, label)

    async def open_form(self, tray: Message, *, user: str = "ana") -> View:
        """Press *Train…* and wait until the form has taken the place of *Loading*."""
        await self.press(tray, "Train…", user=user)
        return await self.form(user)

    async def form(self, user: str = "ana") -> View:
        """Wait for a form that is filled."""
        return await self.people.wait_for_view(user, lambda view: "Loading" not in view.words(), PATIENCE)

    async def submit(self, user: str = "ana", **changes: Any) -> Any:
        """Fill the open form in and submit it; a change to None leaves a field out."""
        values = {key: value for key, value in (FORM | changes).items() if value is not None}
        return await self.people.submit(user, values)

    async def train(self, tray: Message | None = None, **changes: Any) -> Message:
        """Start a training and wait for its card."""
        tray = tray or await self.tray()
        await self.open_form(tray)
        done = await self.submit(**changes)
        assert done.closed, done
        return await self.card(tray)

    async def card(self, tray: Message, says: str = "") -> Message:
        """Wait for the card in the tray's thread."""

        def wanted(message: Message) -> bool:
            return "Details" in message.buttons() and says in message.words()

        return await self.people.wait_for_message(
            tray.channel, wanted, thread_ts=tray.thread_ts, within=PATIENCE
        )

    # What people see.

    async def said(
        self,
        words: str,
        *,
        channel: str = "#portraits",
        thread: str | None = None,
        viewer: str | None = None,
        within: float = PATIENCE,
    ) -> Message:
        """Wait until the bot has said something with these words in it."""

        def wanted(message: Message) -> bool:
            return message.user == self.bot.bot_user and words in f"{message.text}\n{message.words()}"

        return await self.people.wait_for_message(
            channel, wanted, thread_ts=thread, viewer=viewer, within=within
        )

    async def by_bot(self, channel: str, viewer: str | None = None) -> list[Message]:
        """Everything the bot has said in a conversation."""
        return [m for m in await self.people.messages(channel, viewer=viewer) if m.user == self.bot.bot_user]

    async def dm(self, user: str = "ana") -> list[Message]:
        """Everything the bot has said to one person alone; empty where they never talked."""
        mine = await self.direct_channel(user)
        return await self.by_bot(mine.id) if mine else []

    async def direct_channel(self, user: str) -> Channel | None:
        """The conversation of the bot with a person."""
        who = await self.user_id(user)
        return next((c for c in await self.people.channels() if c.kind == "im" and who in c.members), None)

    async def user_id(self, name: str) -> str:
        """Slack's id of a person."""
        return next(user.id for user in await self.people.users() if user.name == name)

    async def team(self) -> str:
        """Slack's id of the workspace."""
        return str((await self.people.workspace())["identity"]["team"])

    async def channel_id(self, name: str) -> str:
        """Slack's id of a channel."""
        return next(channel.id for channel in await self.people.channels() if channel.name == name)

    async def calls(self, method: str, *, ok: bool | None = None) -> list[Entry]:
        """Every call of a method so far."""
        entries = await self.people.journal(kinds=["api"], limit=5000)
        return [e for e in entries if e.facts["method"] == method and (ok is None or e.facts["ok"] is ok)]

    async def call_made(self, method: str, *, since: int = 0, **facts: Any) -> Entry:
        """Wait for a call of a method."""

        def wanted(entry: Entry) -> bool:
            return (
                entry.kind == "api"
                and entry.facts["method"] == method
                and all(entry.facts.get(key) == value for key, value in facts.items())
            )

        return await self.people.wait_for_entry(wanted, since, within=PATIENCE)

    # What is so.

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the tables, past everything of ours."""
        path = self.settings.darkroom_data_dir / "darkroom.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])

    def files(self) -> list[Path]:
        """Every photo and image on our disk, half-written ones included."""
        return [path for path in (self.settings.darkroom_data_dir / "media").rglob("*") if path.is_file()]

    async def taken_in(self, count: int = 0) -> None:
        """Wait until everything that arrived has been worked off."""

        async def look() -> bool | None:
            every, done = self.query("SELECT count(*), count(done_at) FROM inbox")[0]
            return (every >= count and every == done) or None

        await self.until(look)

    async def all_said(self) -> None:
        """Wait until nothing is left to say that would be said today."""

        async def look() -> bool | None:
            today = f"sent < wanted AND due_at < {self.clock() + 86_400_000}"
            return self.query(f"SELECT count(*) FROM outbox WHERE {today}") == [(0,)] or None

        await self.until(look)

    async def until(self, look: Callable[[], Awaitable[T | None]], within: float = PATIENCE) -> T:
        """Look until there is something to see, also where nothing happens in Slack meanwhile."""
        deadline = time.monotonic() + within
        while True:
            try:
                return await self.people.wait_for(look, 0.1)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise


@contextlib.contextmanager
def unhurried() -> Iterator[None]:
    """A local Slack that gives an app longer than the three seconds of Slack's to answer a gesture.

    They are no setting of it; but a machine that tests run on may stand still for as long.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sockets, "ACK_SECONDS", UNHURRIED)
        patch.setattr(views, "TRIGGER_SECONDS", UNHURRIED)
        yield


def settings_for(slack: LocalSlack, data_dir: Path, **changes: Any) -> Settings:
    """Settings of a bot before this Slack."""
    port = free_port()
    facts: dict[str, Any] = {
        "slack_bot_token": slack.bot_token,
        "slack_app_token": slack.app_token,
        "slack_api_url": slack.api_url,
        "slack_file_origins": slack.origin,
        "darkroom_data_dir": data_dir,
        "darkroom_public_url": f"http://127.0.0.1:{port}",
        "darkroom_web_port": port,
        "darkroom_settle_seconds": 1,
    }
    return Settings(_env_file=None, **(facts | changes))


def fast_vendor(**facts: Any) -> FakeProvider:
    """A vendor that is done at the first poll."""
    swift = {"poll_first": timedelta(milliseconds=50), "poll_most": timedelta(milliseconds=100)}
    vendor = FakeProvider(**(swift | facts))
    for kind in ("training", "generation"):
        vendor.script(kind, [RemoteState.SUCCEEDED])
    return vendor


@contextlib.asynccontextmanager
async def stage(
    state: Path,
    *,
    vendor: FakeProvider | None = None,
    timing: Timing = SWIFT,
    slack: SlackSettings | None = None,
    command: str = "/darkroom",
    sheets: bool = False,
    **settings: Any,
) -> AsyncIterator[Surface]:
    """A workspace with the very app that our manifest describes, people in it, and no bot running yet.

    Without `sheets` no contact sheet becomes due: it is made in the background, and whoever counts uploads or
    orders faults for them would have to know whether it was made by then.
    """
    calm = slack or SlackSettings(limits=False, share_delay=0.05, ready_delay=0.02)
    with unhurried(), pytest.MonkeyPatch.context() as patch:
        # The wait is nobody's setting: it could come in by no other door.
        if not sheets:
            patch.setattr(cards, "GATHERS", timedelta(days=3650))
        async with (
            LocalSlack.start(state / "slack", manifest=manifest(command), settings=calm) as local,
            Director(local.origin) as people,
        ):
            named = settings.pop("operators", ())
            if named:
                ids = {user.name: user.id for user in await people.users()}
                settings["darkroom_operators"] = ",".join(ids[name] for name in named)
            chosen = settings_for(local, await fresh(state / "data"), darkroom_command=command, **settings)
            yield Surface(local, people, vendor or fast_vendor(), chosen, TurnedClock(), timing)
