"""What every benchmark stands on: child processes, and a verdict that says how noisy it was."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
_STARTING = 60.0
"""Seconds a child may take to say its first word."""

_QUIET = 0.3
"""Cores; with more of them taken by others, what we measure is also theirs."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that must not pass its limit; `floor` turns that round: it must not fall below."""

    name: str
    value: float
    limit: float
    floor: bool = False

    @property
    def holds(self) -> bool:
        """Whether the figure is on the right side."""
        return self.value >= self.limit if self.floor else self.value <= self.limit


@dataclass(slots=True)
class Noise:
    """How much of the machine others used while we measured: cores, on average."""

    began: float = field(default_factory=time.monotonic)
    busy: float = field(default_factory=lambda: _busy())
    ours: float = field(default_factory=lambda: _ours())

    def cores(self) -> float:
        """Cores that others kept busy since the beginning."""
        others = (_busy() - self.busy) - (_ours() - self.ours)
        return max(0.0, others / max(0.001, time.monotonic() - self.began))


def _busy() -> float:
    now = psutil.cpu_times()
    return float(sum(now) - now.idle - getattr(now, "iowait", 0.0) - getattr(now, "guest", 0.0))


def _ours() -> float:
    """This process and every child that has ended; ask when no child is running."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


@dataclass
class Child:
    """A process that says JSON lines on its standard output, and ends when its standard input does."""

    process: asyncio.subprocess.Process
    born: float

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def says(self, within: float = _STARTING) -> dict[str, Any]:
        """The next line it says."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within):
            line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("a measured process ended before it had said what it should; see above")
        said: dict[str, Any] = json.loads(line)
        return said

    async def asked(self, word: str, within: float = _STARTING) -> dict[str, Any]:
        """What it answers to a word."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())
        await self.process.stdin.drain()
        return await self.says(within)


@asynccontextmanager
async def child(module: str, facts: Mapping[str, Any]) -> AsyncIterator[Child]:
    """Start a module of this folder as a process of its own; at the end it is asked to leave."""
    born = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"benchmarks.{module}",
        json.dumps(facts),
        cwd=ROOT,
        env=clean_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Child(process, born)
    finally:
        await dismiss(process)


async def dismiss(process: asyncio.subprocess.Process) -> None:
    """Close a process's standard input and wait; one that does not go is killed."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(30):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()


def clean_environment() -> dict[str, str]:
    """The environment without proxies: everything measured here is on loopback."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


@contextmanager
def scratch() -> Any:
    """A folder on a disk, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder:
        yield Path(folder)


def quantile(values: list[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def middle(runs: list[dict[str, float]], name: str) -> float:
    """The median of one figure over the runs."""
    return median(run[name] for run in runs)


def report(
    title: str, goals: list[Goal], figures: Mapping[str, Any], noise: float, *, unusable: str = ""
) -> int:
    """Print a line per goal and everything as JSON. Returns the exit status."""
    well = all(goal.holds for goal in goals) and not unusable
    for goal in goals:
        sign = "≥" if goal.floor else "≤"
        word = "holds" if goal.holds else "MISSED"
        print(f"{title}: {goal.name} {goal.value:.2f} ({sign} {goal.limit:g}: {word})")
    if unusable:
        print(f"{title}: UNUSABLE: {unusable}")
    print(f"{title}: others kept {noise:.2f} of {os.cpu_count()} cores busy meanwhile")
    if not well and noise > _QUIET:
        print(f"{title}: with others that busy a miss is no verdict: repeat it on a quieter machine")
    said = {
        "benchmark": title,
        "ok": well,
        "goals": [
            {"name": g.name, "value": round(g.value, 3), "limit": g.limit, "holds": g.holds} for g in goals
        ],
        "others_cores": round(noise, 2),
        **figures,
    }
    print(json.dumps(said), flush=True)
    return 0 if well else 1


def arguments(about: str | None, **more: tuple[type, Any, str]) -> argparse.Namespace:
    """Parse the command line: `--short` and the benchmark's own figures."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--short", action="store_true", help="a shorter form, for every day")
    parser.add_argument("--runs", type=int, default=3, help="alternating runs of each side")
    for name, (kind, usual, text) in more.items():
        parser.add_argument(f"--{name}", type=kind, default=usual, help=text)
    return parser.parse_args()


def main(measure: Callable[[argparse.Namespace], Awaitable[int]], options: argparse.Namespace) -> int:
    """Run a benchmark. Proxies are for the outside world, and nothing here is outside."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]

    async def run() -> int:
        return await measure(options)

    return asyncio.run(run())
