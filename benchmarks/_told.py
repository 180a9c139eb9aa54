"""How a measured process talks to its parent. Imports little: it is part of what is measured."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any


def facts_of_child() -> dict[str, Any]:
    """What the parent told this process."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    return told


def say(**facts: Any) -> None:
    """Tell the parent something."""
    print(json.dumps(facts), flush=True)


async def words() -> AsyncIterator[str]:
    """Every word the parent says, until it closes the line."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        yield line.decode().strip()
