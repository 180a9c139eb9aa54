"""The local Slack's page in a browser: how soon a card's change is seen, and whether 2,000 messages scroll.

The floor of the first is a page that does nothing but listen to the same stream and write what it hears; of
the second, a page of 2,000 plain paragraphs. How the scrolling goes is judged by the CPU time of the page's
thread, which is the same on a crowded machine; how long its frames took is told beside it. Without Chromium
or Playwright nothing is measured, and a line says so.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slack_sdk.web.async_client import AsyncWebClient

from benchmarks._kit import Goal, Noise, arguments, main, middle, quantile, report, scratch
from benchmarks._page_cpu import cpu_of_tasks
from bot.sandbox.slack import LocalSlack, Settings

if TYPE_CHECKING:
    from playwright.async_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
_MESSAGES = 2_000
_PAUSE = 0.03

_SCRIPT = Path(__file__).with_name("_page.js").read_text()
_NOTHING = "/page/style.css"
"""A file of the same origin that is no page, to put a floor in."""


async def measure(options: argparse.Namespace) -> int:
    """Both figures of the page and of its floors, in turn; medians of the runs."""
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        print(
            "page: skipped: no Chromium or no Playwright here (apt-get install chromium; make browser-tools)"
        )
        return 0
    from playwright.async_api import async_playwright

    noise = Noise()
    runs: list[dict[str, float]] = []
    updates = 40 if options.short else options.updates
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *root])
        for _ in range(options.runs):
            page = await chromium.new_page(viewport={"width": 1360, "height": 860})
            with scratch() as folder:
                runs.append(await _run(page, folder, updates))
            await page.close()
        await chromium.close()
    goals = [
        Goal("update seen, p95, ms", middle(runs, "seen_p95"), 200.0),
        Goal("update seen, median, ms over a bare listener", middle(runs, "seen_over_bare"), 50.0),
        Goal("longest task while 2,000 messages scroll, ms of CPU", middle(runs, "longest_task"), 50.0),
        Goal("CPU for a frame while they scroll, ms", middle(runs, "frame_cpu"), 10.0),
        Goal("median frame, ours to bare paragraphs", middle(runs, "frame_ratio"), 2.0),
    ]
    print(
        f"page: frames while 2,000 messages scroll took {middle(runs, 'frame_p50'):.1f} ms (median) and"
        f" {middle(runs, 'frame_p99'):.1f} ms (p99); bare paragraphs {middle(runs, 'bare_frame_p50'):.1f} and"
        f" {middle(runs, 'bare_frame_p99'):.1f} ms, {middle(runs, 'bare_frame_cpu'):.1f} ms of CPU each"
    )
    return report("page", goals, {"updates": updates, "runs": runs}, noise.cores())


async def _run(page: Page, folder: Path, updates: int) -> dict[str, float]:
    settings = Settings(limits=False)
    async with LocalSlack.start(folder / "slack", settings=settings) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        bare = await _updates(page, slack, client, updates, bare=True)
        ours = await _updates(page, slack, client, updates, bare=False)
        _fill(slack)
        plain = await _scroll(page, slack, bare=True)
        full = await _scroll(page, slack, bare=False)
    return {
        "seen_p50": quantile(ours, 0.5),
        "seen_p95": quantile(ours, 0.95),
        "bare_p50": quantile(bare, 0.5),
        "seen_over_bare": quantile(ours, 0.5) - quantile(bare, 0.5),
        "longest_task": max(full["tasks"]),
        "bare_longest_task": max(plain["tasks"]),
        "frame_cpu": sum(full["tasks"]) / len(full["frames"]),
        "bare_frame_cpu": sum(plain["tasks"]) / len(plain["frames"]),
        "frame_p50": quantile(full["frames"], 0.5),
        "frame_p99": quantile(full["frames"], 0.99),
        "bare_frame_p50": quantile(plain["frames"], 0.5),
        "bare_frame_p99": quantile(plain["frames"], 0.99),
        "frame_ratio": quantile(full["frames"], 0.5) / quantile(plain["frames"], 0.5),
    }


async def _updates(
    page: Page, slack: LocalSlack, client: AsyncWebClient, many: int, *, bare: bool
) -> list[float]:
    """Milliseconds from before the call to after the frame in which the change is seen."""
    channel = slack.parts.workspace.find_channel("#portraits")
    card = await client.chat_postMessage(channel=channel.id, text="card", blocks=_card("nothing yet"))
    if bare:
        await _open(page, slack, _NOTHING)
        since = slack.parts.journal.last
        await page.evaluate("(at) => bench.listen(at)", f"/control/stream?as=ana&since={since}")
    else:
        await _open(page, slack, "/?as=ana")
        await page.evaluate("() => bench.watch()")
    waits = []
    for turn in range(many):
        begun = time.time() * 1000
        await client.chat_update(
            channel=channel.id, ts=card["ts"], text="card", blocks=_card(f"turn {turn}.")
        )
        seen = await page.wait_for_function("(turn) => bench.seen[turn]", arg=str(turn))
        waits.append(float(await seen.json_value()) - begun)
        await asyncio.sleep(_PAUSE)
    return waits


async def _scroll(page: Page, slack: LocalSlack, *, bare: bool) -> dict[str, list[float]]:
    """Milliseconds from frame to frame, and of CPU for each task of the page's thread."""
    await _open(page, slack, _NOTHING if bare else "/?as=ana")
    if bare:
        await page.evaluate("(many) => bench.paragraphs(many)", _MESSAGES)
    async with cpu_of_tasks(page) as tasks:
        frames = await page.evaluate("(many) => bench.scroll(many)", 0 if bare else _MESSAGES)
    return {"frames": frames, "tasks": tasks}


async def _open(page: Page, slack: LocalSlack, path: str) -> None:
    await page.goto(f"{slack.origin}{path}")
    if path != _NOTHING:
        await page.locator("body[data-ready]").wait_for()
    await page.evaluate(_SCRIPT)


def _fill(slack: LocalSlack) -> None:
    """A channel as a team leaves it: words, and now and then a card."""
    parts = slack.parts
    channel, bot = parts.workspace.find_channel("#portraits"), parts.workspace.identity.bot_user
    people = [user.id for user in parts.workspace.users.values() if not user.is_bot]
    with parts.workspace.database.together():
        for number in range(_MESSAGES):
            if number % 10:
                parts.posting.say(
                    channel, people[number // 5 % 3], f"message *{number}*, with `code` and _more_"
                )
            else:
                parts.posting.say(channel, bot, "card", blocks=_card(f"training {number}"))


def _card(words: str) -> list[dict[str, Any]]:
    plain = {"type": "plain_text", "text": "Details"}
    return [
        {
            "type": "section",
            "block_id": "said",
            "text": {"type": "mrkdwn", "text": f"*ana spring* · {words}"},
        },
        {
            "type": "context",
            "block_id": "about",
            "elements": [{"type": "mrkdwn", "text": "usually 18 min here"}],
        },
        {
            "type": "actions",
            "block_id": "hands",
            "elements": [{"type": "button", "action_id": "details", "text": plain}],
        },
    ]


if __name__ == "__main__":
    sys.exit(main(measure, arguments(__doc__, updates=(int, 200, "changes of the card in one run"))))
