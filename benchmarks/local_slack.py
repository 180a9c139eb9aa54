"""Web API calls per second that the local Slack answers on one core, against a bare server's JSON answers.

The same client sends the same calls to both, a few at a time: messages posted and updated, a person looked
up, a conversation read. All of it is done for real, on disk and in the journal too; no rate is limited.
What one core answers in a second is told by the CPU time of a call, which is the same on a crowded machine.
How many were answered there and then is held against the bare server, which was starved as much.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks._kit import Goal, Noise, arguments, child, main, middle, quantile, report, scratch

_AT_ONCE = 4
_WARM_UP = 0.5
_WANTED = 200.0
_TIMES = 4.0
_SHARE = 0.25


async def measure(options: argparse.Namespace) -> int:
    """Bare, ours, bare, ours …; medians of the runs."""
    seconds = 3.0 if options.short else options.seconds
    runs: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
    noise = Noise()
    with scratch() as folder:
        for number in range(options.runs):
            for side in runs:
                runs[side].append(await _run(side, folder / f"{side}{number}", seconds))
    bare, ours = middle(runs["bare"], "per_second"), middle(runs["ours"], "per_second")
    cpu = {side: middle(of_side, "cpu_ms") for side, of_side in runs.items()}
    print(
        f"local_slack: bare {bare:.0f} calls/s, ours {ours:.0f} calls/s,"
        f" p99 {middle(runs['ours'], 'p99'):.1f} ms; CPU a call {cpu['bare']:.2f} and {cpu['ours']:.2f} ms"
    )
    goals = [
        Goal("calls that a second of one core answers", 1000 / cpu["ours"], _WANTED, floor=True),
        Goal("calls per second, ours to bare", ours / bare, _SHARE, floor=True),
        Goal("CPU of ours to bare", cpu["ours"] / cpu["bare"], _TIMES),
    ]
    return report("local_slack", goals, {"seconds": seconds, "at_once": _AT_ONCE, **runs}, noise.cores())


async def _run(side: str, folder: Path, seconds: float) -> dict[str, float]:
    cores = psutil.Process().cpu_affinity() or [0]
    # The server has a core to itself; the client keeps off it where there is another one.
    psutil.Process().cpu_affinity(cores[1:] or cores)
    try:
        async with child("_slack_side", {"side": side, "folder": str(folder), "core": cores[0]}) as server:
            about = await server.says()
            await _calls(about, _WARM_UP)
            before = await server.asked("figures")
            took = await _calls(about, seconds)
            after = await server.asked("figures")
    finally:
        psutil.Process().cpu_affinity(cores)
    return {
        "per_second": len(took) / seconds,
        "p50": quantile(took, 0.5) * 1000,
        "p99": quantile(took, 0.99) * 1000,
        "cpu_ms": (after["cpu"] - before["cpu"]) / len(took) * 1000,
    }


async def _calls(about: dict[str, Any], seconds: float) -> list[float]:
    """Call for so long, a few at a time; every answer must be good."""
    took: list[float] = []
    until = time.monotonic() + seconds
    headers = {"authorization": f"Bearer {about['token']}"}
    where = {"channel": about["channel"]}

    async def one(http: aiohttp.ClientSession, method: str, **said: Any) -> Any:
        began = time.perf_counter()
        async with http.post(f"{about['api']}{method}", json=where | said) as answer:
            told = await answer.json()
        took.append(time.perf_counter() - began)
        if not told["ok"]:
            raise RuntimeError(f"{method} was refused: {told['error']}")
        return told

    async def caller(http: aiohttp.ClientSession) -> None:
        for number in itertools.count():
            posted = await one(http, "chat.postMessage", text=f"message {number}")
            await one(http, "chat.update", ts=posted["ts"], text=f"message {number}, edited")
            await one(http, "users.info", user=about["user"])
            await one(http, "conversations.history", limit=5)
            if time.monotonic() >= until:
                return

    async with aiohttp.ClientSession(headers=headers) as http, asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(caller(http))
    return took


if __name__ == "__main__":
    sys.exit(main(measure, arguments(__doc__, seconds=(float, 10.0, "length of one run"))))
