"""A stand-in in a process of its own, so that it can be killed."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_SERVE = """
import asyncio, importlib, json, sys
from pathlib import Path

async def main():
    _, module, name, state_dir, options = sys.argv
    stand_in = getattr(importlib.import_module(module), name)
    async with stand_in.start(Path(state_dir), **json.loads(options)) as vendor:
        print(vendor.origin, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def stand_in_process(stand_in: type, state_dir: Path, **options: str) -> AsyncIterator[str]:
    """Start it with these options, yield its origin, and kill it without a word at the end."""
    place = (stand_in.__module__, stand_in.__name__)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _SERVE,
        *place,
        str(state_dir),
        json.dumps(options),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        yield (await child.stdout.readline()).decode().strip()
    finally:
        child.kill()
        await child.wait()
