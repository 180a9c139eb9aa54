"""Start to ready with open jobs in the database, against a bare Bolt app's start to connected.

Both are processes of their own; the clock runs from their being started to the line in which they say that
Slack is connected. Ours is the command line itself, `python -m bot run`, with the first vendor's stand-in and
with the packages it is deployed with: what only our linters and tests need is out of its sight.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks._kit import (
    ROOT,
    Goal,
    Noise,
    arguments,
    child,
    clean_environment,
    dismiss,
    main,
    middle,
    report,
    scratch,
)
from benchmarks._net import facts_for
from benchmarks._seed import add, prepare
from bot.sandbox.slack import LocalSlack
from bot.sandbox.vendors.aicontent import AicontentStandIn


async def measure(options: argparse.Namespace) -> int:
    """Bare, ours, bare, ours …; medians of the runs."""
    runs: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
    noise = Noise()
    with scratch() as folder:
        async with (
            LocalSlack.start(folder / "slack") as slack,
            AicontentStandIn.start(folder / "vendor") as vendor,
        ):
            data_dir = folder / "data"
            await prepare(data_dir)
            # Due in the minute to come: a bot that was away finds some of its jobs due, not all.
            add(data_dir, options.jobs, provider="aicontent", team="T0", spread=60.0)
            facts = facts_for(slack, data_dir)
            _hide(folder / "hidden")
            # The first start of each finds cold files: it is not counted.
            await _bare(facts)
            await _ours(facts, vendor.origin)
            for _ in range(options.runs if options.short else options.runs + 2):
                runs["bare"].append({"seconds": await _bare(facts)})
                runs["ours"].append({"seconds": await _ours(facts, vendor.origin)})
    bare, ours = middle(runs["bare"], "seconds"), middle(runs["ours"], "seconds")
    fastest = {side: min(run["seconds"] for run in of_side) for side, of_side in runs.items()}
    print(
        f"startup: bare {bare:.2f} s, ours {ours:.2f} s;"
        f" fastest {fastest['bare']:.2f} and {fastest['ours']:.2f} s"
    )
    goals = [Goal("ours to bare", ours / bare, 2.5), Goal("ours, seconds", ours, 2.0)]
    return report("startup", goals, {"jobs": options.jobs, "fastest": fastest, **runs}, noise.cores())


def _hide(folder: Path) -> None:
    """Leave out what only our tools need: where httpx finds these it loads its command line too."""
    folder.mkdir()
    for name in ("pygments", "rich"):
        (folder / f"{name}.py").write_text("raise ImportError('not among what the bot is deployed with')\n")


async def _bare(facts: dict[str, Any]) -> float:
    async with child("_bare", facts) as app:
        await app.says()
        return time.monotonic() - app.born


async def _ours(facts: dict[str, Any], vendor: str) -> float:
    environment = clean_environment() | {
        "SLACK_BOT_TOKEN": facts["bot_token"],
        "SLACK_APP_TOKEN": facts["app_token"],
        "SLACK_API_URL": facts["api_url"],
        "SLACK_FILE_ORIGINS": facts["origin"],
        "DARKROOM_DATA_DIR": facts["data_dir"],
        "DARKROOM_PUBLIC_URL": f"http://127.0.0.1:{facts['web_port']}",
        "DARKROOM_WEB_PORT": str(facts["web_port"]),
        "DARKROOM_LOG_LEVEL": "INFO",
        "DARKROOM_LOG_FORMAT": "json",
        "AICONTENT_ACCESS_KEY_ID": "sandbox-key-id",
        "AICONTENT_ACCESS_KEY_SECRET": "sandbox-key-secret",
        "AICONTENT_ENDPOINT": vendor,
        "PYTHONPATH": f"{Path(facts['data_dir']).parent / 'hidden'}{os.pathsep}{ROOT}",
    }
    born = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "run",
        "--until-eof",
        # A folder without a `.env` of somebody's.
        cwd=Path(facts["data_dir"]),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            async for line in process.stdout:
                if b'"ready"' in line:
                    return time.monotonic() - born
        raise RuntimeError("the bot ended before it was ready")
    finally:
        await dismiss(process)


if __name__ == "__main__":
    sys.exit(main(measure, arguments(__doc__, jobs=(int, 1000, "open jobs in the database"))))
