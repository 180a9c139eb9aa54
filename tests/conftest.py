"""What every test stands on: no network but loopback, no proxies, a clock that is turned by hand."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import Store
from tests.fresh import fresh
from tests.stand_ins import Engine, TurnedClock, engine

_HERE = {"127.0.0.1", "::1", "localhost", "", None}
_REACHING = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind", "socket.getaddrinfo"}

for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]


class NotThisMachine(RuntimeError):
    """A test reached for the network."""


def _loopback_only(event: str, args: tuple[Any, ...]) -> None:
    """Installed for the life of the process: even a thread or a library cannot go around it."""
    if event not in _REACHING:
        return
    address = args[0] if event == "socket.getaddrinfo" else args[1]
    host = address[0] if isinstance(address, tuple) else address
    if event != "socket.getaddrinfo" and not isinstance(address, tuple):
        return  # AF_UNIX: a path.
    name = host.decode() if isinstance(host, bytes) else host
    if name not in _HERE:
        raise NotThisMachine(f"{event}: {name}")


sys.addaudithook(_loopback_only)


def _levels() -> dict[str, int]:
    known = logging.root.manager.loggerDict.items()
    return {name: logger.level for name, logger in known if isinstance(logger, logging.Logger)}


@pytest.fixture(autouse=True)
def _logs_are_as_loud_as_before() -> Iterator[None]:
    """What a test makes loggers write they write no more in the next, whichever that is."""
    before = _levels()
    yield
    for name, level in _levels().items():
        if level != before.get(name, logging.NOTSET):
            logging.getLogger(name).setLevel(before.get(name, logging.NOTSET))


@pytest.fixture(autouse=True)
def _nothing_goes_on(request: pytest.FixtureRequest) -> None:
    """An asynchronous test ends with every task it started."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_no_task_left")


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=30)
    assert not left, "tasks go on after the test"


@pytest.fixture
def clock() -> TurnedClock:
    """A clock that stands still until it is turned."""
    return TurnedClock()


@pytest.fixture
async def store(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Store]:
    """A real store on a real disk, by the turned clock."""
    async with Store.open(await fresh(tmp_path / "data"), clock_ms=clock) as opened:
        yield opened


@pytest.fixture
async def house(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Engine]:
    """The services over a real store, a fake vendor and a fake surface."""
    async with engine(tmp_path / "data", clock) as opened:
        yield opened
