"""Acknowledgement of a slash command under load, against a bare Bolt app behind the same local Slack.

Measured is what Slack sees: from sending the envelope to the acknowledgement. The local Slack runs in this
process, each app in one of its own. Ours polls jobs meanwhile, the bare one does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks._kit import Goal, Noise, arguments, child, main, middle, quantile, report, scratch
from benchmarks._net import facts_for
from benchmarks._seed import add, prepare
from benchmarks._vendor import NAME
from bot.sandbox.slack import LocalSlack

_WORDS = ("status", "help")
_WARM_UP = 2.0
_POLL_EVERY = 2.0
_LATENESS = 1.0
"""Seconds from being due to being due again, beside the interval: a tick, the answer, the common settling."""


async def measure(options: argparse.Namespace) -> int:
    """Bare, ours, bare, ours …; medians of the runs."""
    seconds = 6.0 if options.short else options.seconds
    runs: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
    noise = Noise()
    with scratch() as folder:
        async with LocalSlack.start(folder / "slack") as slack:
            for number in range(options.runs):
                for side in runs:
                    data_dir = folder / f"data{number}"
                    runs[side].append(await _run(slack, side, data_dir, seconds, options))
    bare, ours = runs["bare"], runs["ours"]
    p50, p99 = middle(ours, "p50") / middle(bare, "p50"), middle(ours, "p99") / middle(bare, "p99")
    goals = [
        Goal("p50 of ours to bare", p50, 1.25),
        Goal("p99 of ours to bare", p99, 2.0),
        Goal("p99 of ours, ms", middle(ours, "p99"), 100.0),
    ]
    polls = middle(ours, "polls_per_second")
    wanted = options.jobs / (_POLL_EVERY + _LATENESS)
    lost = sum(int(run["unacked"]) for side in runs.values() for run in side)
    faults = [f"{lost} commands were not acknowledged"] if lost else []
    if polls < 0.8 * wanted:
        faults.append(f"{polls:.0f} polls a second instead of {wanted:.0f}")
    for side, of_side in runs.items():
        for run in of_side:
            print(
                f"ack: {side} p50 {run['p50']:.1f} p99 {run['p99']:.1f} ms; status {run['status_p50']:.1f},"
                f" help {run['help_p50']:.1f} ms; {run['polls_per_second']:.0f} polls/s,"
                f" CPU {run['cpu']:.2f}, others {run['others_cores']:.1f} cores"
            )
    of_ours, of_bare = min(
        zip(ours, bare, strict=True), key=lambda pair: pair[0]["others_cores"] + pair[1]["others_cores"]
    )
    print(
        f"ack: in the quietest pair p50 {of_ours['p50'] / of_bare['p50']:.2f} ×,"
        f" p99 {of_ours['p99'] / of_bare['p99']:.2f} × ({of_ours['others_cores']:.1f} cores taken by others)"
    )
    figures = {"per_second": options.rate, "seconds": seconds, "jobs": options.jobs, **runs}
    return report("ack", goals, figures, noise.cores(), unusable="; ".join(faults))


async def _run(
    slack: LocalSlack, side: str, data_dir: Path, seconds: float, options: argparse.Namespace
) -> dict[str, float]:
    workspace, noise = slack.parts.workspace, Noise()
    ana = workspace.find_user("ana")
    facts: dict[str, Any] = facts_for(slack, data_dir) | {"vendor": {"poll_every": _POLL_EVERY}}
    if side == "ours":
        await prepare(data_dir)
        add(
            data_dir,
            options.jobs,
            provider=NAME,
            team=workspace.identity.team,
            me=ana.id,
            spread=_POLL_EVERY,
        )
    async with child("_bot" if side == "ours" else "_bare", facts) as app:
        await app.says()
        await _commands(slack, _WARM_UP, options.rate)
        before, began = await app.asked("figures"), time.monotonic()
        took = await _commands(slack, seconds, options.rate)
        after, lasted = await app.asked("figures"), time.monotonic() - began
    every = [one for times in took.values() for one in times]
    known = [one for one in every if one is not None]
    return {
        "p50": quantile(known, 0.50) * 1000,
        "p99": quantile(known, 0.99) * 1000,
        "most": max(known) * 1000,
        "unacked": float(len(every) - len(known)),
        "polls_per_second": (after["polls"] - before["polls"]) / lasted,
        "cpu": (after["cpu"] - before["cpu"]) / lasted,
        "others_cores": noise.cores(),
        **{f"{word}_p50": quantile([t for t in took[word] if t is not None], 0.5) * 1000 for word in took},
    }


async def _commands(slack: LocalSlack, seconds: float, rate: float) -> dict[str, list[float | None]]:
    """Send commands at a steady rate, whether or not the ones before are answered."""
    workspace = slack.parts.workspace
    ana = workspace.find_user("ana")
    channel = workspace.find_channel("#portraits")
    took: dict[str, list[float | None]] = {word: [] for word in _WORDS}

    async def one(word: str) -> None:
        gesture = await slack.parts.interactions.command(ana, channel, "/darkroom", word)
        took[word].append(gesture.ack.seconds if gesture.ack.acked else None)

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(seconds * rate)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            group.create_task(one(_WORDS[number % len(_WORDS)]))
    return took


if __name__ == "__main__":
    sys.exit(
        main(
            measure,
            arguments(
                __doc__,
                seconds=(float, 30.0, "length of one run"),
                rate=(float, 50.0, "commands per second"),
                jobs=(int, 1000, f"running jobs, each polled every {_POLL_EVERY:g} s"),
            ),
        )
    )
