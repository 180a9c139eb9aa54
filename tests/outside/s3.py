"""A real store that speaks S3, as a process of its own: it checks every signature, and when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from bot.outside.address import read
from bot.outside.bucket import S3Bucket
from tests.needs import lacks
from tests.outside.servers import Naps
from tests.surface import free_port

KEY_ID, KEY_SECRET = "DARKROOMTEST", "a-secret-of-the-tests"


@dataclass(frozen=True)
class S3:
    """The store, and its disk."""

    origin: str
    folder: Path
    http: httpx.AsyncClient

    def url(self, bucket: str = "photos", prefix: str = "/team") -> str:
        """What an operator writes into the settings."""
        return f"s3://{bucket}{prefix}?region=us-east-1&endpoint={self.origin}"

    def bucket(self, url: str = "", **keys: str) -> S3Bucket:
        """A bucket there, with the right keys unless told otherwise."""
        given = {"key_id": KEY_ID, "key_secret": KEY_SECRET} | keys
        return S3Bucket(read(url or self.url()), self.http, sleep=Naps(), **given)

    def names(self) -> list[str]:
        """What lies in the bucket."""
        home = self.folder / "photos"
        return sorted(
            str(path.relative_to(home))
            for path in home.rglob("*")
            if path.is_file() and not str(path.relative_to(home)).startswith(".")
        )


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[S3]:
    """Start it, with an empty bucket `photos`."""
    if importlib.util.find_spec("nanio") is None:
        lacks("s3", "no S3 server here: the dev extra has one")
    (folder / "photos").mkdir(parents=True)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "nanio", "serve", "--host", "127.0.0.1", "--port", str(port)),
        *("--data-dir", str(folder), "--region", "us-east-1", "--log-level", "warning"),
        env={**os.environ, "NANIO_ACCESS_KEY": KEY_ID, "NANIO_SECRET_KEY": KEY_SECRET},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            origin = f"http://127.0.0.1:{port}"
            async with asyncio.timeout(60):
                while not await _answers(http, origin):
                    assert process.returncode is None, "the store ended"
                    await asyncio.sleep(0.05)
            yield S3(origin, folder, http)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _answers(http: httpx.AsyncClient, origin: str) -> bool:
    try:
        await http.get(origin)
    except httpx.TransportError:
        return False
    return True
