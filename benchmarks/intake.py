"""Event intake, durable before the answer, against Bolt alone with a listener of the same kind.

Two hundred knock at once on `async_dispatch`, each with one photo event after the other. Ours commits each
event (synchronous=FULL) before the answer, and works the kept ones off meanwhile. Afterwards a process is
killed at work, and every event it had answered must be in the tables.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

from benchmarks._intake import TEAM, photo_event
from benchmarks._kit import Goal, Noise, arguments, child, main, middle, report, scratch
from benchmarks._net import facts_for
from bot.sandbox.slack import LocalSlack


async def measure(options: argparse.Namespace) -> int:
    """Bare, ours, bare, ours …; medians of the runs; then the kills."""
    runs: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
    seconds = 3.0 if options.short else options.seconds
    kills = 2 if options.short else options.kills
    noise = Noise()
    with scratch() as folder:
        async with LocalSlack.start(folder / "slack") as slack:
            for number in range(options.runs):
                for side in runs:
                    facts = facts_for(slack, folder / f"data{number}")
                    facts |= {"side": side, "at_once": options.at_once}
                    runs[side].append(await _run(facts, seconds))
            lost = answered = 0
            for number in range(kills):
                facts = facts_for(slack, folder / f"killed{number}")
                facts |= {"side": "ours", "at_once": options.at_once}
                said, missing = await _kill(facts, 400 * (number + 1))
                answered, lost = answered + said, lost + missing
    bare, ours = middle(runs["bare"], "per_second"), middle(runs["ours"], "per_second")
    cpu = {side: middle(of_side, "cpu_ms") for side, of_side in runs.items()}
    print(
        f"intake: bare {bare:.0f}/s, ours {ours:.0f}/s; CPU {cpu['bare']:.2f} and {cpu['ours']:.2f} ms each;"
        f" {answered} answered before {kills} kills, {lost} of them lost"
    )
    goals = [
        Goal("throughput of ours to bare", ours / bare, 0.5, floor=True),
        Goal("answered events lost over kill -9", float(lost), 0.0),
    ]
    figures = {"at_once": options.at_once, "seconds": seconds, "kills": kills, "answered": answered, **runs}
    return report("intake", goals, figures, noise.cores())


async def _run(facts: dict[str, Any], seconds: float) -> dict[str, float]:
    async with child("_intake", facts) as app:
        await app.says()
        await app.asked(json.dumps({"seconds": 1.0}))
        return await app.asked(json.dumps({"seconds": seconds}), within=seconds + 60)


async def _kill(facts: dict[str, Any], after: int) -> tuple[int, int]:
    """Kill a process once it has answered so many. Returns how many it answered, and how many are lost."""
    data_dir = Path(facts["data_dir"])
    answered = data_dir.with_suffix(".answered")
    answered.touch()
    async with child("_intake", facts) as app:
        await app.says()
        stdin = app.process.stdin
        assert stdin is not None
        stdin.write(json.dumps({"seconds": 60.0, "answered": str(answered)}).encode() + b"\n")
        while answered.read_bytes().count(b"\n") < after:  # noqa: ASYNC110 - it is another process.
            await asyncio.sleep(0.002)
        app.process.kill()
        await app.process.wait()
    said = [int(line) for line in answered.read_text().splitlines()]
    conn = sqlite3.connect(data_dir / "darkroom.sqlite3")
    kept = {key for (key,) in conn.execute("SELECT key FROM inbox")}
    conn.close()
    return len(said), sum(_key(number) not in kept for number in said)


def _key(number: int) -> str:
    event = photo_event(number)["event"]
    return f"message:{TEAM}:{event['channel']}:{event['ts']}"


if __name__ == "__main__":
    sys.exit(
        main(
            measure,
            arguments(
                __doc__,
                seconds=(float, 10.0, "length of one run"),
                at_once=(int, 200, "events under way together"),
                kills=(int, 5, "processes to kill at work"),
            ),
        )
    )
