"""What a page costs its own thread: CPU time of each task, as the browser's own tracing tells it.

On a crowded machine a frame is late because others run, and its duration says nothing about the page. CPU
time does: it is the same whoever else is busy.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import Page

_TASK = "ThreadControllerImpl::RunTask"
_THREAD = "CrRendererMain"


@asynccontextmanager
async def cpu_of_tasks(page: Page) -> AsyncIterator[list[float]]:
    """Fills the list, at the end, with the milliseconds of CPU of each task of the page's main thread."""
    events: list[dict[str, Any]] = []
    whole = asyncio.Event()
    session = await page.context.new_cdp_session(page)
    session.on("Tracing.dataCollected", lambda told: events.extend(told["value"]))
    session.on("Tracing.tracingComplete", lambda _: whole.set())
    tasks: list[float] = []
    await session.send("Tracing.start", {"categories": "toplevel", "transferMode": "ReportEvents"})
    try:
        yield tasks
    finally:
        await session.send("Tracing.end")
        await whole.wait()
        await session.detach()
    tasks.extend(_of_the_page(events))


def _of_the_page(events: list[dict[str, Any]]) -> list[float]:
    """The tasks of the busiest page's main thread: the browser has idle ones beside it."""
    names = {
        (e["pid"], e["tid"]): e["args"]["name"]
        for e in events
        if e["ph"] == "M" and e["name"] == "thread_name"
    }
    of_thread: dict[tuple[int, int], list[float]] = defaultdict(list)
    for event in events:
        thread = event["pid"], event["tid"]
        if event["name"] == _TASK and "tdur" in event and names.get(thread) == _THREAD:
            of_thread[thread].append(event["tdur"] / 1000)
    if not of_thread:
        raise RuntimeError("this Chromium does not tell the CPU time of its tasks")
    return max(of_thread.values(), key=sum)
