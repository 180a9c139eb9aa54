"""A stand-in in a process of its own, so that it can be killed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_SERVE = """
import asyncio, importlib, sys
from pathlib import Path

async def main():
    _, module, name, state_dir, key_id, secret = sys.argv
    stand_in = getattr(importlib.import_module(module), name)
    async with stand_in.start(Path(state_dir), access_key_id=key_id, access_key_secret=secret) as vendor:
        print(vendor.origin, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def stand_in_process(
    stand_in: type, state_dir: Path, access_key_id: str, access_key_secret: str
) -> AsyncIterator[str]:
    """Start it, yield its origin, and kill it without a word at the end."""
    place = (stand_in.__module__, stand_in.__name__)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _SERVE,
        *place,
        str(state_dir),
        access_key_id,
        access_key_secret,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        yield (await child.stdout.readline()).decode().strip()
    finally:
        child.kill()
        await child.wait()
