"""Keeps the real bot running: a child process that is started again when it ends, and ends when we do."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

_ROOT = Path(__file__).resolve().parents[2]
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""Nothing else of our environment reaches the bot: a developer's real keys are no part of a demo."""
_PATIENCE = 30.0
_LAST_ONE = 20.0
_PAUSE = 0.5
_TOO_SOON = 30.0
_SOON_ENDS = 3


class BotWillNotRun(Exception):
    """The bot ended again and again right after its start."""


class Keeper:
    """One bot, on one data directory, with one log."""

    def __init__(
        self,
        home: Path,
        log: Path,
        environment: Mapping[str, str],
        tell: Callable[[str], None],
        *,
        clock: Path,
    ) -> None:
        self._home = home
        self._log = log
        self._environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._environment |= {"PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1", **environment}
        self._tell = tell
        self._clock = clock
        self._child: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.watch: asyncio.Task[None] | None = None
        """Ends only when the bot will not run."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have the bot running until the block is left."""
        self.watch = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            await self._stop()

    def kill(self) -> int | None:
        """End the bot without a warning, as when the machine fails; returns its process id."""
        if self._child is None or self._child.returncode is not None:
            return None
        self._child.send_signal(signal.SIGKILL)
        return self._child.pid

    def last_words(self, lines: int = 5) -> str:
        """The end of its log."""
        if not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    async def _keep(self) -> None:
        soon = 0
        while True:
            begun = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            # Somebody who kills it may do so as often as they like; one that gives up by itself will again.
            soon = soon + 1 if code >= 0 and time.monotonic() - begun < _TOO_SOON else 0
            if soon >= _SOON_ENDS:
                raise BotWillNotRun(f"The bot ended {soon} times right after its start:\n{self.last_words()}")
            self._tell(f"The bot {_how(code)}; it is started again (log: {self._log}).")
            await asyncio.sleep(_PAUSE)

    async def _run_once(self) -> int:
        with _lock_file(self._home).open("r+b") as lock, self._log.open("ab") as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.truncate()
            # The child holds the lock through the file it inherits, and lets go of it however it ends.
            self._child = child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "run", "--until-eof", "--sandbox-clock", str(self._clock),
                cwd=self._home, env=self._environment, stdin=asyncio.subprocess.PIPE,
                stdout=log, stderr=log, pass_fds=(lock.fileno(),),
            )  # fmt: skip
            _note_pid(lock, child.pid)
        return await child.wait()

    async def _stop(self) -> None:
        self._stopping.set()
        child, watch = self._child, self.watch
        if child is not None and child.returncode is None:
            if child.stdin is not None:
                child.stdin.close()
            try:
                async with asyncio.timeout(_PATIENCE):
                    await child.wait()
            except TimeoutError:
                child.kill()
                await child.wait()
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError, BotWillNotRun):
                await watch


async def see_off_the_last_one(home: Path, tell: Callable[[str], None]) -> None:
    """A bot whose demo was killed ends by itself, but not at once; one that hangs is ended."""
    with _lock_file(home).open("r+b") as lock:
        if not _taken(lock):
            return
        tell("The bot of the last run is still ending; waiting for it.")
        begun = time.monotonic()
        while _taken(lock):
            if time.monotonic() - begun > _LAST_ONE and (pid := _noted_pid(lock)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.1)


def _lock_file(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    path = home / "process"
    path.touch()
    return path


def _taken(lock: BinaryIO) -> bool:
    """Whether somebody else holds the lock; if not, it is ours until the file is closed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _note_pid(lock: BinaryIO, pid: int) -> None:
    lock.seek(0)
    lock.write(str(pid).encode())
    lock.flush()


def _noted_pid(lock: BinaryIO) -> int | None:
    lock.seek(0)
    text = lock.read().decode()
    return int(text) if text.isdigit() else None


def _how(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"
