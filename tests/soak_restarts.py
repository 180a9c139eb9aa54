"""Many stories, each killed at random, each to be told once: `python -m tests.soak_restarts --rounds 50`.

Prints the seed of every round; `--seed` repeats one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.performances import MOMENTS, PATIENCE, Moment, Performance, Victim, photo_folder, told_once

LONGEST_DELAY = 1.5
LONGEST_STORY = 12.0


async def one_round(state: Path, photos: Path, seed: int) -> str:
    """Tell one story with one to four kills; returns which. Raises AssertionError where it went wrong."""
    chance = random.Random(seed)
    plot: list[str] = []
    options = ("--photos", str(photos))
    for _ in range(chance.randint(1, 4)):
        victim = chance.choice(list(Victim))
        moment = chance.choice([*MOMENTS, None])
        delay = chance.uniform(0, LONGEST_DELAY if moment else LONGEST_STORY)
        plot.append(f"{victim} {delay:.2f} s after {moment.name if moment else 'the start'}")
        async with Performance.begin(state, *options) as run:
            await _kill_at(run, moment, delay, victim)
            if victim is Victim.BOT:
                # The others are killed in the next run; this one has to be left to live on for a while.
                await _passes(run, chance.uniform(0, LONGEST_DELAY))
    async with Performance.begin(state, *options) as run, run.controls() as controls:
        await controls.hurry()
        await run.says("staying up")
        await told_once(controls)
        run.process.send_signal(signal.SIGTERM)
        assert await run.ends() == 0, run.text
    return "; ".join(plot)


async def _kill_at(run: Performance, moment: Moment | None, delay: float, victim: Victim) -> None:
    async with run.controls() as controls:
        await controls.hurry()
        if moment is not None:
            if moment.prepare:
                await moment.prepare(controls)
            await run.comes(moment, controls)
        await controls.people.wait_for_connection(within=PATIENCE)
        await _passes(run, delay)
        await run.kill(victim)


async def _passes(run: Performance, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await run.ends(within=seconds)


async def main() -> int:
    """Play the rounds; the state of a story that went wrong is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args()
    first = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(10**6)
    room = Path(tempfile.mkdtemp(prefix="darkroom-soak-"))
    photos = photo_folder(room / "object")
    wrong = 0
    for seed in range(first, first + (1 if chosen.seed is not None else chosen.rounds)):
        begun = time.monotonic()
        try:
            told = await one_round(room / str(seed), photos, seed)
        except (AssertionError, TimeoutError) as error:
            wrong += 1
            print(f"WRONG seed {seed}: {error!r} (state: {room / str(seed)})", flush=True)
        else:
            print(f"well  seed {seed} in {time.monotonic() - begun:.0f} s: {told}", flush=True)
            await asyncio.to_thread(shutil.rmtree, room / str(seed))
    print(f"{wrong} stories went wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
