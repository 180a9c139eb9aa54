"""Ten photos of twelve megapixels taken in, judged and drawn on a sheet, against Pillow's bare `thumbnail`.

Ours is everything the bot does with them: recognised, decoded in the lab's processes, turned upright,
measured, written anew as they are kept, previewed, judged as a set, drawn on a sheet. The peer makes
thumbnails of 512 pixels in as many threads and forgets them. Beside the throughput stands the processor time
of either side, all processes together: on a crowded machine the one depends on who is served first, the
other hardly. After each pair ours is done once more while the event loop is asked for its time every
millisecond, which costs time itself.

Then a hundred photos of ten megabytes are posted at once to the real bot, and its memory is watched, with
that of its processes; HEICs of 48 megapixels, as telephones make them; all kinds that take much to decode,
in turn, each at its limit. A page that several of them share is counted once, in shares (PSS), and what lies
in memory that no process has mapped (a photo on its way to one) is counted too.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import psutil
from PIL import Image

from benchmarks._kit import Child, Goal, Noise, arguments, child, main, middle, quantile, report, scratch
from benchmarks._net import facts_for
from benchmarks._photos import FORTY_EIGHT, TWELVE, heavy, heif, mixture, photo
from bot.imaging.lab import Lab
from bot.imaging.tiles import Tile
from bot.imaging.verdict import judge
from bot.sandbox.slack import Director, LocalSlack, Upload

_MIB = 1024 * 1024
_TEN_MEGABYTES = 10_000_000


async def measure(options: argparse.Namespace) -> int:
    """Bare, ours, bare, ours …; then the hundred."""
    photos = [photo(number) for number in range(10)]
    print(
        f"photos: ten of {TWELVE[0]} × {TWELVE[1]}, {sum(map(len, photos)) / len(photos) / 1e6:.1f} MB each"
    )
    noise, runs = Noise(), []
    lab = Lab(workers=options.workers, faces=bool(options.faces))
    try:
        await _ours(lab, photos)  # The first finds no processes and cold files: it is not counted.
        for _ in range(options.runs if options.short else options.runs * 2):
            began = _spent()
            bare = await asyncio.to_thread(_bare, photos, options.workers)
            between = _spent()
            ours = await _ours(lab, photos)
            after = _spent()
            late = await _lateness(lab, photos)
            runs.append(
                {
                    "bare": len(photos) / bare,
                    "ours": len(photos) / ours,
                    "late": quantile(late, 0.99) * 1000,
                    "ratio": bare / ours,
                    "bare_cpu_ms": (between - began) * 1000 / len(photos),
                    "ours_cpu_ms": (after - between) * 1000 / len(photos),
                    "cpu_ratio": (between - began) / (after - between),
                }
            )
    finally:
        await lab.close()
    bare, ours, late = (middle(runs, name) for name in ("bare", "ours", "late"))
    print(
        f"photos: bare {bare:.1f}/s with {middle(runs, 'bare_cpu_ms'):.0f} ms of CPU each, "
        f"ours {ours:.1f}/s with {middle(runs, 'ours_cpu_ms'):.0f} ms; loop late by {late:.1f} ms at p99"
    )
    large = [heavy(number, _TEN_MEGABYTES) for number in range(4)]
    many = await _posted(options.posted if not options.short else 40, large)
    wide = await _posted(options.wide if not options.short else 10, [heif(0, FORTY_EIGHT)])
    mixed = await _posted(options.mixed if not options.short else 14, mixture(large[0]))
    print(f"photos: {many:.0f}, {wide:.0f} and {mixed:.0f} MiB at most while they were taken in")
    goals = [
        Goal("ours to bare", middle(runs, "ratio"), 0.8, floor=True),
        Goal("ours to bare by processor time", middle(runs, "cpu_ratio"), 0.8, floor=True),
        Goal("loop late, p99, ms", late, 20.0),
        Goal("MiB with many JPEGs posted", many, 600.0),
        Goal("MiB with HEICs of 48 megapixels posted", wide, 600.0),
        Goal("MiB with all kinds posted, each at its limit", mixed, 600.0),
    ]
    return report("photos", goals, {"workers": options.workers, "runs": runs}, noise.cores())


def _bare(photos: list[bytes], threads: int) -> float:
    def one(data: bytes) -> None:
        with Image.open(io.BytesIO(data)) as opened:
            opened.thumbnail((512, 512))

    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        list(pool.map(one, photos))
        return time.perf_counter() - began


async def _lateness(lab: Lab, photos: list[bytes]) -> list[float]:
    late: list[float] = []
    watching = asyncio.create_task(_watch(late))
    await _ours(lab, photos)
    watching.cancel()
    return late


async def _ours(lab: Lab, photos: list[bytes]) -> float:
    began = time.perf_counter()
    taken = await asyncio.gather(*(lab.take_in(data) for data in photos))
    verdict = judge([(number, one.look) for number, one in enumerate(taken, 1)])
    tiles = [
        Tile(one.number, one.mark, one.findings[0].doubt if one.findings else "", known.preview)
        for one, known in zip(verdict.photos, taken, strict=True)
    ]
    await lab.contact_sheet(tiles)
    return time.perf_counter() - began


def _spent() -> float:
    """Seconds of processor time of this process and those of the lab."""
    here = psutil.Process()
    return sum(sum(one.cpu_times()[:2]) for one in (here, *here.children()))


async def _watch(late: list[float]) -> None:
    """How much later than asked for the loop comes round."""
    while True:
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - due)


async def _posted(count: int, large: list[bytes]) -> float:
    """The most memory of bot and lab together, in MiB, while so many large photos are taken in."""
    print(f"photos: posting {count} of {sum(map(len, large)) / len(large) / 1e6:.1f} MB")
    with scratch() as folder:
        async with LocalSlack.start(folder / "slack") as slack, Director(slack.origin) as people:
            facts = facts_for(slack, folder / "data") | {"vendor": {"poll_every": 30.0}}
            async with child("_bot", facts) as bot:
                await bot.says()
                await people.wait_for_connection()
                for first in range(0, count, 10):
                    files = [_differing(large, number) for number in range(first, min(first + 10, count))]
                    await people.post("ana", "#portraits", "@darkroom please", files)
                return await _largest(bot, folder / "data", count)


def _differing(large: list[bytes], number: int) -> Upload:
    """The same few pictures: what differs is behind the picture, so that each file is one of its own."""
    return Upload(f"photo-{number}.jpg", large[number % len(large)] + str(number).encode())


async def _largest(bot: Child, data_dir: Path, count: int) -> float:
    process, most, until = psutil.Process(bot.pid), 0.0, time.monotonic() + 600
    while time.monotonic() < until:
        family = [process, *process.children(recursive=True)]
        most = max(most, (sum(_taken(one) for one in family) + _on_their_way(process)) / _MIB)
        if _entries(data_dir) >= count:
            return most
        await asyncio.sleep(0.02)
    raise RuntimeError("the photos were not taken in within ten minutes")


def _taken(process: psutil.Process) -> int:
    """Resident memory, of what is shared a share; where the system does not tell that, all of it."""
    try:
        told = process.memory_full_info()
        return int(getattr(told, "pss", told.rss))
    except psutil.Error:
        return 0


def _on_their_way(process: psutil.Process) -> int:
    """Bytes in files that are memory and nothing else: no process has mapped them."""
    taken = 0
    for file in Path(f"/proc/{process.pid}/fd").glob("*"):
        with suppress(OSError):
            if str(file.readlink()).startswith("/memfd:"):
                taken += file.stat().st_blocks * 512
    return taken


def _entries(data_dir: Path) -> int:
    with closing(sqlite3.connect(f"file:{data_dir / 'darkroom.sqlite3'}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM tray_entry").fetchone()[0])


if __name__ == "__main__":
    sys.exit(
        main(
            measure,
            arguments(
                __doc__,
                faces=(int, 0, "1 looks for faces too, which is an optional extra"),
                workers=(int, 2, "processes of ours, threads of the peer"),
                posted=(int, 100, "photos of ten megabytes posted at once"),
                wide=(int, 40, "then so many HEICs of 48 megapixels"),
                mixed=(int, 42, "then so many of all kinds, each as large as may be"),
            ),
        )
    )
