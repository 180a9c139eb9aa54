"""A round of polls over every running job: ours, or a bare loop with the same client. A child process."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from benchmarks._asked import KEY_ID, SECRET, provider_at
from benchmarks._told import facts_of_child, say, words
from bot.logs import configure
from bot.providers import Provider
from bot.providers._acs3 import Acs3Auth
from bot.providers.metastudio.signing import SdkAuth
from bot.sandbox.vendors.metastudio import PROJECT_ID
from bot.scheduler import Tick, Ticker
from bot.services.operators import Operators
from bot.services.polling import Poller
from bot.services.runner import JobRunner
from bot.services.specs import Specs
from bot.services.submitting import Submitter
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from storage import Store
from storage.records.ids import new_id
from storage.records.jobs import Job

Round = Callable[[], Awaitable[int]]
"""Asks about every job once, and says how many that were."""


class Lag:
    """How late the loop comes back to somebody who waits for five milliseconds."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.005)
            self.late.append(time.perf_counter() - begun - 0.005)

    @property
    def p99(self) -> float:
        """In milliseconds."""
        ordered = sorted(self.late)
        return 1000 * ordered[int(0.99 * len(ordered))] if ordered else 0.0


# -- the floor


def _credentials(vendor: str, origin: str) -> tuple[httpx.Auth | None, dict[str, str]]:
    """How a vendor wants to be asked: by a signature, which is ours, or by a header that never changes."""
    match vendor:
        case "aicontent":
            return Acs3Auth(origin, KEY_ID, SecretStr(SECRET)), {}
        case "metastudio":
            return SdkAuth(origin, KEY_ID, SecretStr(SECRET), PROJECT_ID), {}
        case "dashscope":
            return None, {"authorization": "Bearer sandbox-api-key"}
        case _:
            return None, {"X-Request-req-accessKeyId": KEY_ID, "X-Request-req-accessKeySecret": SECRET}


@asynccontextmanager
async def bare(
    asked: list[dict[str, Any]], ports: list[int], jobs: int, at_once: int
) -> AsyncIterator[Round]:
    """Nothing but the calls: as many workers per vendor as it takes calls at once, and a list of ids."""
    done = 0

    async def work(client: httpx.AsyncClient, one: dict[str, Any], auth: Any, numbers: list[str]) -> None:
        nonlocal done
        while numbers:
            number = numbers.pop()
            request = client.build_request(
                one["method"],
                one["target"].replace(one["id"], number),
                content=one["body"].replace(one["id"], number).encode() or None,
                headers=one["headers"],
            )
            response = await client.send(request, auth=auth)
            if "error" in json.loads(response.content):
                raise RuntimeError(one["vendor"])
            done += 1

    clients, tasks = [], []
    for one, port in zip(asked, ports, strict=True):
        origin = f"http://127.0.0.1:{port}"
        auth, headers = _credentials(one["vendor"], origin)
        client = httpx.AsyncClient(
            base_url=origin,
            trust_env=False,
            headers={"user-agent": "darkroom", **headers},
            limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once),
            timeout=httpx.Timeout(connect=5, read=30, write=30, pool=30),
        )
        numbers = [f"remote-{new_id('job')}" for _ in range(jobs // len(asked))]
        clients.append(client)
        tasks += [work(client, one, auth, numbers) for _ in range(at_once)]

    async def around() -> int:
        await asyncio.gather(*tasks)
        return done

    yield around
    for client in clients:
        await client.aclose()


# -- ours


class Counted(Poller):
    """The product's, which also counts."""

    done = 0

    async def step(self, held: Job, provider: Provider[Any]) -> None:
        """As ever."""
        await super().step(held, provider)
        self.done += 1


@asynccontextmanager
async def ours(providers: list[Provider[Any]], jobs: int, data_dir: Path) -> AsyncIterator[Round]:
    """The clock ticks, rows are claimed, vendors asked, answers settled; until every row has been."""
    timing, clock = Timing(), Ticker()
    async with Store.open(data_dir) as store:
        operators = Operators(store, [])
        known = Vendors(store, providers, operators)
        await known.declare()
        poller = Counted(store, known, operators, timing, clock)
        submitter = Submitter(store, known, _no_specs(store), operators, timing, clock)
        runner = JobRunner(store, known, submitter, poller, timing)

        async def around() -> int:
            clock.start([Tick("submit", 0.5, runner.submit_due), Tick("poll", 1.0, runner.poll_due)])
            await _until(lambda: poller.done >= jobs)
            await clock.stop()
            await runner.stop(10)
            return poller.done

        yield around
    for one in providers:
        await one.http.aclose()


def _no_specs(store: Store) -> Specs:
    """Nothing is sent here."""
    return Specs(store, None, None, None)  # type: ignore[arg-type]


async def _until(there: Callable[[], bool]) -> None:
    while not there():  # noqa: ASYNC110 - who counts has no event to set, and must not pay for one.
        await asyncio.sleep(0.02)


async def main() -> None:
    """One round, and its figures."""
    told = facts_of_child()
    jobs, ports, at_once = int(told["jobs"]), list(told["ports"]), int(told["at_once"])
    configure("WARNING", "text")
    sys.setswitchinterval(0.0005)  # As the command line does.
    if told["mode"] == "bare":
        side = bare(told["asked"], ports, jobs, at_once)
    else:
        providers = [
            provider_at(one["vendor"], f"http://127.0.0.1:{port}", at_once)
            for one, port in zip(told["asked"], ports, strict=True)
        ]
        side = ours(providers, jobs, Path(told["data_dir"]))
    async with side as around:
        gc.collect()
        gc.freeze()
        say(ready=True)
        async for _ in words():
            lag = Lag()
            watching = asyncio.create_task(lag.watch())
            cpu, begun = os.times(), time.perf_counter()
            polls = await around()
            seconds, after = time.perf_counter() - begun, os.times()
            watching.cancel()
            spent = after.user + after.system - cpu.user - cpu.system
            say(seconds=seconds, cpu=spent, polls=polls, lag_ms=lag.p99)


if __name__ == "__main__":
    asyncio.run(main())
