"""What the demo writes, above what a person types and in colour where it is welcome; and what they type."""

import asyncio
import os
import shutil
import textwrap
from collections.abc import Mapping
from typing import BinaryIO, Self, TextIO

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_NARROW, _PLAIN_WIDTH = 60, 132


class Screen:
    """A terminal, or a file that looks like one to us."""

    def __init__(self, out: TextIO, *, colour: bool, width: int) -> None:
        self._out = out
        self._colour = colour
        self.width = max(_NARROW, width)
        self._asking: str | None = None

    @classmethod
    def of(cls, out: TextIO, environment: Mapping[str, str] = os.environ) -> Self:
        """Coloured on a terminal only, and there only where NO_COLOR is not set."""
        terminal = out.isatty()
        colour = terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        width = shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns if terminal else _PLAIN_WIDTH
        return cls(out, colour=colour, width=width)

    def paint(self, text: str, style: str) -> str:
        """The text in a style, or as it is."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._colour and text else text

    def line(self, text: str = "") -> None:
        """Write a line; a question that stands open moves below it."""
        self._out.write(f"\r\x1b[K{text}\n{self._asking}" if self._asking is not None else f"{text}\n")
        self._out.flush()

    def ask(self, question: str) -> None:
        """Put a question and leave it open."""
        self._asking = question
        self._out.write(question)
        self._out.flush()

    def answered(self) -> None:
        """The open question has its answer."""
        self._asking = None

    def wrap(self, text: str, indent: int) -> list[str]:
        """Fold each line of a text into what is left of the width beside an indent."""
        room = max(_NARROW // 2, self.width - indent)
        return [
            piece
            for line in text.splitlines()
            for piece in textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False) or [""]
        ]


class Lines:
    """What is typed, line by line; nothing else of the program waits for it."""

    def __init__(self, source: BinaryIO) -> None:
        self._fd = source.fileno()
        self._kept = b""
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def open(self) -> None:
        """Begin to listen."""
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def close(self) -> None:
        """Listen no more."""
        asyncio.get_running_loop().remove_reader(self._fd)

    async def next(self) -> str | None:
        """The next line; None at the end."""
        return await self._queue.get()

    def _read(self) -> None:
        data = os.read(self._fd, 4096)
        *lines, self._kept = (self._kept + data).split(b"\n")
        for line in lines:
            self._queue.put_nowait(line.decode(errors="replace").strip())
        if not data:
            self.close()
            self._queue.put_nowait(None)
