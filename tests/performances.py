"""A demo as a process that can be watched and killed, and the moments at which to do it."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import psutil

from bot.sandbox.photos import draw_photos
from bot.sandbox.slack import Director, Message
from bot.sandbox.story import is_sheet
from bot.sandbox.vendors.control import AicontentControl

ROOT = Path(__file__).resolve().parents[1]
CHANNEL, BOT = "#portraits", "darkroom"
PATIENCE = 400.0
_ORIGIN = re.compile(r"(local Slack|stand-in)\s+(http://127\.0\.0\.1:\d+)")


class Victim(StrEnum):
    """Who is killed."""

    EVERYBODY = "everybody"
    BOT = "bot"
    DEMO = "demo"


def photo_folder(folder: Path) -> Path:
    """Three small photos, drawn quickly."""
    folder.mkdir()
    for number, data in enumerate(draw_photos(3, size=(320, 320))):
        (folder / f"{number}.jpg").write_bytes(data)
    return folder


@dataclass
class Performance:
    """One run of the demo, in a process group of its own."""

    process: asyncio.subprocess.Process
    keyboard: int | None = None
    text: str = ""
    """Everything it has printed."""
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    _ended: bool = False

    @classmethod
    @asynccontextmanager
    async def begin(
        cls, state: Path, *options: str, command: str = "demo", terminal: bool = False
    ) -> AsyncIterator[Performance]:
        """Start one; whatever is left of it at the end is killed. With a terminal, somebody can type."""
        keyboard, tty = pty.openpty() if terminal else (None, asyncio.subprocess.DEVNULL)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", command, "--state", str(state), *options),
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=tty,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        run = cls(process, keyboard)
        listening = asyncio.create_task(run._listen())
        try:
            yield run
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await listening
            for end in (keyboard, tty):
                if keyboard is not None and end is not None:
                    os.close(end)

    @property
    def lines(self) -> list[str]:
        """The same, line by line."""
        return self.text.splitlines()

    async def type(self, line: str, answer: str) -> None:
        """Type a line and return once these words have come after it."""
        assert self.keyboard is not None
        before = len(self.text)
        os.write(self.keyboard, f"{line}\n".encode())
        await self.says(answer, after=before)

    async def says(self, words: str, *, after: int = 0) -> None:
        """Return once these words are printed; `after` so many characters."""

        def found() -> bool:
            return words in self.text[after:]

        try:
            async with asyncio.timeout(PATIENCE), self._heard:
                await self._heard.wait_for(lambda: self._ended or found())
        except TimeoutError:
            raise AssertionError(f"it did not say {words!r}:\n{self.text[after:]}") from None
        assert found(), f"it ended without saying {words!r}:\n{self.text}"

    async def comes(self, moment: Moment, controls: Controls) -> None:
        """Return at a moment of the story; a story that breaks off before it fails at once."""
        coming = asyncio.ensure_future(moment.come(controls))
        breaking = asyncio.ensure_future(self._breaks_off())
        try:
            await asyncio.wait({coming, breaking}, return_when=asyncio.FIRST_COMPLETED)
            assert coming.done(), f"{moment.name} never came:\n{self.text}"
            await coming
        finally:
            coming.cancel()
            breaking.cancel()
            await asyncio.gather(coming, breaking, return_exceptions=True)

    async def _breaks_off(self) -> None:
        async with self._heard:
            await self._heard.wait_for(lambda: self._ended or "Did not happen" in self.text)

    async def ends(self, within: float = PATIENCE) -> int:
        """Its exit status."""
        async with asyncio.timeout(within), self._heard:
            await self._heard.wait_for(lambda: self._ended)
        return await self.process.wait()

    @asynccontextmanager
    async def controls(self) -> AsyncIterator[Controls]:
        """Hands on what it has started."""
        await self.says("the real bot's log")
        origins = dict(_ORIGIN.findall(self.text))
        async with Director(origins["local Slack"]) as people, AicontentControl(origins["stand-in"]) as desk:
            yield Controls(people, desk)

    def bot(self) -> psutil.Process:
        """The bot it started."""
        return psutil.Process(self.process.pid).children()[0]

    async def kill(self, victim: Victim) -> None:
        """End somebody without a warning; returns once they are gone."""
        match victim:
            case Victim.EVERYBODY:
                os.killpg(self.process.pid, signal.SIGKILL)
                await self.ends()
            case Victim.DEMO:
                bot = self.bot()
                self.process.kill()
                await gone(bot.pid)
                await self.ends()
            case Victim.BOT:
                bot = self.bot()
                bot.kill()
                await gone(bot.pid)

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        reader = codecs.getincrementaldecoder("utf-8")()
        while data := await self.process.stdout.read(65536):
            async with self._heard:
                self.text += reader.decode(data)
                self._heard.notify_all()
        async with self._heard:
            self._ended = True
            self._heard.notify_all()


@dataclass(frozen=True)
class Controls:
    """What happens in Slack and at the vendor, and how to make it go wrong."""

    people: Director
    desk: AicontentControl

    async def hurry(self) -> None:
        """Have the vendor work as fast as it can."""
        await self.desk.settings(train_seconds=1.5, infer_seconds=0.5)

    async def thread(self) -> list[Message]:
        """The bot's messages under the photos."""
        return [m for m in await self.people.messages(CHANNEL) if m.user_name == BOT and not m.ephemeral]

    async def letters(self) -> list[Message]:
        """What the bot wrote to ana of her images: the contact sheet's message is none of them."""
        return [m for m in await self._written() if not is_sheet(m)]

    async def sheets(self) -> list[Message]:
        """The messages that carry a contact sheet, or tell what became of one."""
        return [m for m in await self._written() if is_sheet(m)]

    async def _written(self) -> list[Message]:
        said = await self.people.messages("@darkroom", viewer="ana")
        return [m for m in said if m.user_name == BOT]

    async def hurry_and(self, moment: Moment) -> None:
        """Have the vendor work as fast as it can, and see to it that the moment can come."""
        await self.hurry()
        if moment.prepare:
            await moment.prepare(self)

    async def seen(self, wanted: Callable[[Message], bool]) -> None:
        """Return once a message in the channel is as wanted."""
        await self.people.wait_for_message(CHANNEL, wanted, within=PATIENCE)

    async def journalled(self, kind: str, **facts: object) -> None:
        """Return once the local Slack has such a line in its journal, from whichever run."""
        await self.people.wait_for_entry(
            lambda e: e.kind == kind and facts.items() <= e.facts.items(), within=PATIENCE
        )


async def gone(pid: int) -> None:
    """Return once a process has ended, whoever its parent is."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(watch, ended.set)
    try:
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
    finally:
        loop.remove_reader(watch)
        os.close(watch)


Wait = Callable[[Controls], Awaitable[None]]


@dataclass(frozen=True)
class Moment:
    """When to kill: `come` returns at that moment; `prepare` makes sure that it can be met."""

    name: str
    come: Wait
    prepare: Wait | None = None


async def _slow_training(controls: Controls) -> None:
    if (await controls.desk.paid()).training == 0 and not await controls.desk.faults():
        await controls.desk.fault("slow", action="AddModelTrainJob", seconds=4)


async def _post_unanswered(controls: Controls) -> None:
    await controls.people.fault("api:chat.postMessage", "lose_answer")


async def _upload_hangs(controls: Controls) -> None:
    await controls.people.fault("api:files.completeUploadExternal", "hang")


async def _upload_unanswered(controls: Controls) -> None:
    await controls.people.fault("api:files.completeUploadExternal", "lose_answer")


MOMENTS = (
    Moment("photos posted", lambda c: c.seen(lambda m: m.user_name == "ana" and bool(m.files))),
    Moment(
        "tray unanswered",
        lambda c: c.journalled("api", method="chat.postMessage", ok=True),
        _post_unanswered,
    ),
    Moment("tray stands", lambda c: c.seen(lambda m: m.user_name == BOT)),
    Moment("form sent", lambda c: c.journalled("interaction", type="view_submission", state="acked")),
    Moment("vendor pays", lambda c: c.desk.wait_for_calls("AddModelTrainJob"), _slow_training),
    Moment("training", lambda c: c.desk.wait_for_calls("QueryModelTrainJobList", 2)),
    Moment("model trained", lambda c: c.desk.wait_for_calls("AddInferenceJob")),
    Moment(
        "upload hangs",
        lambda c: c.journalled("fault", target="api:files.completeUploadExternal"),
        _upload_hangs,
    ),
    Moment(
        "upload unanswered",
        lambda c: c.journalled("api", method="files.completeUploadExternal", ok=True),
        _upload_unanswered,
    ),
    Moment("images stand", lambda c: c.seen(lambda m: m.user_name == BOT and bool(m.files))),
)


async def told_once(controls: Controls) -> None:
    """One payment of each kind; one tray, one card, one message with images; one DM."""
    paid = await controls.desk.paid()
    assert (paid.training, paid.inference) == (1, 1), paid
    thread = await controls.thread()
    assert [bool(m.files) for m in thread] == [False, False, True], [m.text for m in thread]
    tray, card, images = thread
    assert "photos" in tray.text
    assert card.text == "ana spring: done"
    assert len(images.files) == 4
    assert [m.text for m in await controls.people.messages(CHANNEL) if m.user_name == "ana"] != []
    assert len(await controls.letters()) == 1
    sheets, counted = 0, -1
    while sheets != counted:  # It may come just now.
        counted = len(await controls.sheets())
        posted = [
            entry.facts["ts"]
            for entry in await controls.people.journal(kinds=["message"], limit=10_000)
            if entry.facts["state"] == "posted" and "ephemeral_to" not in entry.facts
        ]
        sheets = len(await controls.sheets())
    assert sheets <= 1
    assert len(posted) == 1 + 3 + 1 + sheets, "somebody said something that was taken back"
