"""A round of polls over ten thousand running jobs of four vendors, against a bare loop with the same client.

Every job is due at once. Both sides ask the same servers, which answer as the four stand-ins do after 100 ms,
with the same HTTP client, the same signatures and as many calls at once per vendor. Ours also claims each
row, goes by the vendor's adapter and the clock's ticks, and settles each answer in the table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._asked import listen
from benchmarks._kit import Goal, Noise, arguments, child, main, middle, report, scratch
from benchmarks._seed import add, prepare
from storage.database import Database


async def measure(options: argparse.Namespace) -> int:
    """Both sides in turn, each in a fresh process."""
    noise = Noise()
    jobs = 2_000 if options.short else options.jobs
    runs: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
    with scratch() as folder:
        asked = await listen(folder)
        async with child("_answers", {"vendors": asked, "after": options.after}) as servers:
            ports = (await servers.says())["ports"]
            for number in range(2 if options.short else options.runs):
                for mode in ("bare", "ours"):
                    facts = {"mode": mode, "ports": ports, "jobs": jobs, "at_once": options.at_once}
                    runs[mode].append(await _round(folder / f"{mode}{number}", facts | {"asked": asked}))
    for mode, found in runs.items():
        for run in found:
            print(
                f"polling: {mode} {run['polls'] / run['seconds']:.0f}/s,"
                f" {1000 * run['cpu'] / run['polls']:.2f} ms of CPU each, lag p99 {run['lag_ms']:.1f} ms"
            )
    pairs = list(zip(runs["bare"], runs["ours"], strict=True))
    speed = median(bare["seconds"] / ours["seconds"] for bare, ours in pairs)
    cpu = median(ours["cpu"] / bare["cpu"] for bare, ours in pairs)
    goals = [
        Goal("throughput against a bare loop", speed, 0.9, floor=True),
        Goal("CPU against a bare loop", cpu, 1.3),
        Goal("lag of the loop p99, ms", middle(runs["ours"], "lag_ms"), 50.0),
    ]
    return report("polling", goals, {"jobs": jobs, "at_once": options.at_once, "runs": runs}, noise.cores())


async def _round(data_dir: Path, facts: dict[str, Any]) -> dict[str, float]:
    jobs, asked = int(facts["jobs"]), facts["asked"]
    if facts["mode"] == "ours":
        await prepare(data_dir)
        for one in asked:
            told = {name: one[name] for name in ("kind", "word", "progress")}
            add(data_dir, jobs // len(asked), provider=one["vendor"], spread=0.0, **told)
    async with child("_polled", facts | {"data_dir": str(data_dir)}) as polled:
        await polled.says()
        figures = await polled.asked("go", within=900.0)
    if facts["mode"] == "ours":
        await _all_settled(data_dir, jobs)
    return {name: float(value) for name, value in figures.items()}


async def _all_settled(data_dir: Path, jobs: int) -> None:
    """A round is one only if every answer stands in the table."""
    async with Database(data_dir / "darkroom.sqlite3") as database:
        done = await database.read(
            lambda conn: conn.exec_driver_sql(
                "SELECT count(*) FROM job WHERE polls = 1 AND lease_owner IS NULL AND trouble_at IS NULL"
            ).scalar()
        )
    if done != jobs:
        raise RuntimeError(f"{done} of {jobs} rows were polled once and settled")


if __name__ == "__main__":
    sys.exit(
        main(
            measure,
            arguments(
                __doc__,
                jobs=(int, 10_000, "running jobs, all due at once"),
                at_once=(int, 20, "calls at once per vendor"),
                after=(float, 0.1, "seconds after which a vendor answers"),
            ),
        )
    )
