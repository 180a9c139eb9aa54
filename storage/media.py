"""Files named by the SHA-256 of their bytes: written aside, synced, and renamed."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from io import BufferedWriter
from pathlib import Path

from storage.errors import StoreFull, TooMuch

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class MediaStore:
    """Inputs and results on disk. The same bytes are kept once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = root / "aside"
        self._aside.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Held where a file gets its name or its age, and where a sweep decides: it must not take a file that
        # has become young again since it looked.
        self._naming = threading.Lock()

    async def clear(self) -> int:
        """Remove what a process that was killed had aside, before anybody writes. Returns how many files."""
        return await asyncio.to_thread(self._clear)

    def path(self, sha256: str) -> Path:
        """Where a file lies, or would lie."""
        return self._root / sha256[:2] / sha256

    async def put(self, data: bytes) -> str:
        """Keep bytes and return their hash. Raises StoreFull, and then nothing is left behind."""
        return await asyncio.to_thread(self._put, data)

    async def put_stream(self, chunks: AsyncIterator[bytes], *, most: int) -> tuple[str, int, bytes]:
        """Keep a stream of at most `most` bytes. Returns hash, size and the first 32 bytes.

        Raises TooMuch past the limit and StoreFull, and then nothing is left behind.
        """
        aside = self._aside / secrets.token_hex(8)
        try:
            with aside.open("wb") as file:
                sha256, size, head = await _pour(chunks, file, most)
                await asyncio.to_thread(_sync, file)
            await asyncio.to_thread(self._name, aside, sha256)
        except OSError as error:
            raise _as_full(error) from error
        finally:
            aside.unlink(missing_ok=True)
        return sha256, size, head

    @asynccontextmanager
    async def borrow(self, chunks: AsyncIterator[bytes], *, most: int) -> AsyncIterator[Path]:
        """A stream of at most `most` bytes as a file without a name of its own, while it is needed.

        Nothing of it is left afterwards. Raises TooMuch past the limit, and StoreFull.
        """
        aside = self._aside / secrets.token_hex(8)
        try:
            try:
                with aside.open("wb") as file:
                    await _pour(chunks, file, most)
            except OSError as error:
                raise _as_full(error) from error
            yield aside
        finally:
            aside.unlink(missing_ok=True)

    def holds(self, sha256: str) -> bool:
        """Whether a file is here."""
        return self.path(sha256).exists()

    def erase(self, sha256: str) -> None:
        """Remove a file now: asked in the transaction that has made sure that no row names it."""
        with self._naming:
            self.path(sha256).unlink(missing_ok=True)

    async def read(self, sha256: str) -> bytes:
        """The bytes of a file. Raises FileNotFoundError."""
        return await asyncio.to_thread(self.path(sha256).read_bytes)

    async def sweep(self, in_use: set[str], older_than: timedelta) -> int:
        """Remove files no row names, and leavings of writes that broke off. Returns how many."""
        return await asyncio.to_thread(self._sweep, in_use, time.time() - older_than.total_seconds())

    async def stale(self, in_use: set[str], older_than: timedelta) -> tuple[int, int]:
        """How many files no row names though they are that old, and how many there are in all."""
        return await asyncio.to_thread(self._stale, in_use, time.time() - older_than.total_seconds())

    def _stale(self, in_use: set[str], before: float) -> tuple[int, int]:
        stale = there = 0
        for file in [*self._root.glob("??/*"), *self._aside.iterdir()]:
            try:
                old = file.stat().st_mtime < before
            except FileNotFoundError:
                continue
            there += 1
            stale += old and file.name not in in_use
        return stale, there

    def _clear(self) -> int:
        left = list(self._aside.iterdir())
        for file in left:
            file.unlink()
        return len(left)

    def _put(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        if self._is_kept(name):
            return name
        aside = self._aside / secrets.token_hex(8)
        try:
            with aside.open("wb") as file:
                file.write(data)
                _sync(file)
            self._name(aside, name)
        except OSError as error:
            raise _as_full(error) from error
        finally:
            aside.unlink(missing_ok=True)
        return name

    def _is_kept(self, sha256: str) -> bool:
        with self._naming:
            try:
                os.utime(self.path(sha256))
            except FileNotFoundError:
                return False
            return True

    def _name(self, aside: Path, sha256: str) -> None:
        home = self.path(sha256)
        home.parent.mkdir(exist_ok=True, mode=0o700)
        with self._naming:
            aside.replace(home)
        for folder in (home.parent, self._root):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _sweep(self, in_use: set[str], before: float) -> int:
        gone = 0
        for file in [*self._root.glob("??/*"), *self._aside.iterdir()]:
            if file.name not in in_use:
                with self._naming:
                    gone += _remove_if_older(file, before)
        return gone


def _remove_if_older(file: Path, before: float) -> bool:
    try:
        if file.stat().st_mtime >= before:
            return False
        file.unlink()
    except FileNotFoundError:  # A write aside that has got its name since.
        return False
    return True


async def _pour(chunks: AsyncIterator[bytes], file: BufferedWriter, most: int) -> tuple[str, int, bytes]:
    """Write a stream down. Returns hash, size and the first 32 bytes. Raises TooMuch."""
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > most:
                raise TooMuch(f"more than {most} bytes")
            head = head or chunk[:32]
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()  # A stream that is left half-read holds its connection.
    return digest.hexdigest(), size, head


def _sync(file: BufferedWriter) -> None:
    file.flush()
    os.fsync(file.fileno())


def _as_full(error: OSError) -> Exception:
    return StoreFull("the disk is full: nothing was stored") if error.errno in _FULL else error
