"""The transcript: who said what, where and with which images, as it happens and for people new to Slack."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime

from bot.sandbox.plain import message_lines
from bot.sandbox.screen import Screen
from bot.sandbox.slack import Channel, Director, Entry, Message

Label = Callable[[Message], str | None]
_TIME, _WHO, _WHERE = 10, 10, 21
_INDENT = _TIME + _WHO + _WHERE
_PATIENCE = 20.0
_A_WHILE = 600.0


class Transcript:
    """Follows the local Slack's journal and writes down what anybody there would see.

    `label` gives the bot's lasting messages a name, so that an edit says of what it is.
    """

    def __init__(self, people: Director, screen: Screen, label: Label) -> None:
        self._people = people
        self._screen = screen
        self._label = label
        self._names: dict[str, str] = {}
        self._channels: dict[str, Channel] = {}
        self._shown: dict[tuple[str, str], list[str]] = {}
        self._last = ("", "")
        self._read = 0
        self._caught_up = asyncio.Condition()

    async def recall(self) -> None:
        """Write down what stands there from earlier, and go on from here."""
        self._read = await self._people.now()
        await self._learn()
        for channel in self._channels.values():
            for message in await self._people.messages(channel.id):
                self._message(message, float(message.ts))

    async def follow(self) -> None:
        """Write down everything that happens, for ever."""
        while True:
            entries = await self._people.journal(self._read)
            if not entries:
                with contextlib.suppress(TimeoutError):
                    await self._people.wait_for_entry(lambda _entry: True, self._read, within=_A_WHILE)
                continue
            for entry in entries:
                await self._entry(entry)
            async with self._caught_up:
                self._read = entries[-1].seq
                self._caught_up.notify_all()

    async def drain(self) -> None:
        """Return once everything that has happened is written down."""
        newest = await self._people.now()
        async with asyncio.timeout(_PATIENCE), self._caught_up:
            await self._caught_up.wait_for(lambda: self._read >= newest)

    async def act(self, who: str, where: str, *lines: str) -> None:
        """Write down something a person does that is no message, such as pressing a button."""
        await self.drain()
        self._write(time.time(), who, where, list(lines))

    def note(self, text: str = "", style: str = "dim") -> None:
        """Say something beside the story."""
        self._last = ("", "")
        for line in text.splitlines() or [""]:
            self._screen.line(self._screen.paint(line, style))

    def lines_of(self, message: Message) -> list[str]:
        """A message as it is written down."""
        return message_lines(message, self._names)

    async def show(self, messages: list[Message], viewer: str) -> None:
        """Write messages down once more, as they stand before somebody's eyes."""
        await self._learn()
        self._last = ("", "")
        for message in messages:
            channel = self._channels.get(message.channel)
            where = _place(channel, message, self._names) if channel else ""
            self._write(float(message.ts), message.user_name, where, self._whole(message, viewer))

    @property
    def names(self) -> dict[str, str]:
        """Names of people and channels, by id."""
        return self._names

    async def _entry(self, entry: Entry) -> None:
        if entry.kind != "message" or entry.facts["state"] not in {"posted", "changed", "deleted"}:
            return
        channel, ts = entry.facts["channel"], entry.facts["ts"]
        if channel not in self._channels or entry.facts["user"] not in self._names:
            await self._learn()
        if entry.facts["state"] == "deleted":
            who = self._names[entry.facts["user"]]
            if self._shown.pop((channel, ts), None) is not None:
                self._write(entry.at, who, f"#{self._channels[channel].name}", ["(a message is deleted)"])
            return
        for message in await self._people.messages(channel):
            if message.ts == ts:
                self._message(message, entry.at, self._names.get(entry.facts.get("ephemeral_to", ""), ""))

    async def _learn(self) -> None:
        self._channels = {channel.id: channel for channel in await self._people.channels()}
        self._names = {user.id: user.name for user in await self._people.users()}
        self._names |= {channel.id: channel.name for channel in self._channels.values() if channel.name}

    def _message(self, message: Message, at: float, only_to: str = "") -> None:
        key = (message.channel, message.ts)
        before, now = self._shown.get(key), self.lines_of(message)
        if before == now:
            return
        self._shown[key] = now
        where = _place(self._channels[message.channel], message, self._names)
        if before is None:
            self._write(at, message.user_name, where, self._whole(message, only_to))
            return
        news = [line for line in now if line not in before] or now
        news[0] = f"{self._label(message) or 'edited'} now: {news[0]}"
        self._write(at, message.user_name, where, news)

    def _whole(self, message: Message, only_to: str) -> list[str]:
        lines = self.lines_of(message) or ["(empty)"]
        if (label := self._label(message)) is not None:
            lines[0] = f"{label}: {lines[0]}"
        if message.ephemeral:
            lines.append(f"(only visible to {only_to or 'one person'})")
        return lines

    def _write(self, at: float, who: str, where: str, lines: list[str]) -> None:
        paint = self._screen.paint
        same = (who, where) == self._last
        self._last = (who, where)
        head = (
            paint(f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}".ljust(_TIME), "dim")
            + paint(("" if same else who).ljust(_WHO), "bold")
            + paint(("" if same else where).ljust(_WHERE), "cyan")
        )
        folded = [piece for line in lines for piece in self._screen.wrap(line, _INDENT)]
        for number, piece in enumerate(folded):
            self._screen.line((" " * _INDENT if number else head) + self._coloured(piece))

    def _coloured(self, piece: str) -> str:
        if piece.startswith("["):
            return self._screen.paint(piece, "green")
        return self._screen.paint(piece, "dim") if piece.startswith("(") else piece


def _place(channel: Channel, message: Message, names: dict[str, str]) -> str:
    if channel.kind == "im":
        whose = next((names[m] for m in channel.members if m != message.user), "")
        return f"DM to {whose}"
    in_thread = message.thread_ts not in {None, message.ts}
    return f"#{channel.name} ▸ thread" if in_thread else f"#{channel.name}"
