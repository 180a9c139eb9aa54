"""Memory of running jobs: a bot at rest, and the same process while it polls ten thousand of them.

The rows are written from outside the process, so that it holds nothing but what polling makes it hold.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import psutil

from benchmarks._kit import Child, Goal, Noise, arguments, child, main, middle, report, scratch
from benchmarks._net import facts_for
from benchmarks._seed import add, prepare
from benchmarks._vendor import NAME
from bot.sandbox.slack import LocalSlack

_MIB = 1024 * 1024
_POLL_EVERY = 30.0


async def measure(options: argparse.Namespace) -> int:
    """A fresh process for every run: first at rest, then at work."""
    noise = Noise()
    seconds = 20.0 if options.short else options.seconds
    with scratch() as folder:
        async with LocalSlack.start(folder / "slack") as slack:
            runs = [
                await _run(slack, folder / f"data{number}", seconds, options.jobs)
                for number in range(1 if options.short else options.runs)
            ]
    grown, polls = middle(runs, "grown_mib"), middle(runs, "polls")
    for run in runs:
        print(
            f"memory: {run['rest_mib']:.1f} MiB at rest, {run['work_mib']:.1f} MiB at work,"
            f" {run['polls']:.0f} polls in {seconds:.0f} s"
        )
    each = grown * 10_000 / options.jobs
    wanted = 0.6 * options.jobs * seconds / (_POLL_EVERY + 1.0)
    short = "" if polls >= wanted else f"only {polls:.0f} polls where {wanted:.0f} were wanted"
    goals = [Goal("MiB per 10,000 running jobs", each, 10.0)]
    return report("memory", goals, {"jobs": options.jobs, "runs": runs}, noise.cores(), unusable=short)


async def _run(slack: LocalSlack, data_dir: Path, seconds: float, jobs: int) -> dict[str, float]:
    await prepare(data_dir)
    facts = facts_for(slack, data_dir) | {"vendor": {"poll_every": _POLL_EVERY}}
    async with child("_bot", facts) as bot:
        await bot.says()
        rest = await _largest(bot, 8.0)
        add(data_dir, jobs, provider=NAME, team=slack.parts.workspace.identity.team, spread=_POLL_EVERY)
        before = await bot.asked("figures")
        work = await _largest(bot, seconds)
        after = await bot.asked("figures")
    polls = float(after["polls"] - before["polls"])
    return {"rest_mib": rest, "work_mib": work, "grown_mib": work - rest, "polls": polls}


async def _largest(bot: Child, seconds: float) -> float:
    """The most resident memory seen, in MiB."""
    process, until, most = psutil.Process(bot.pid), time.monotonic() + seconds, 0.0
    while time.monotonic() < until:
        most = max(most, process.memory_info().rss / _MIB)
        await asyncio.sleep(0.25)
    return most


if __name__ == "__main__":
    sys.exit(
        main(
            measure,
            arguments(
                __doc__,
                seconds=(float, 40.0, "time at work"),
                jobs=(int, 10_000, f"running jobs, each polled every {_POLL_EVERY:g} s"),
            ),
        )
    )
