"""A film of 300 MB goes out by every way there is, and never through memory as a whole."""

import asyncio
import os
import resource
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.outside.address import read
from bot.outside.bucket import S3Bucket
from bot.providers import HttpClient
from bot.relay import Relayed
from bot.services.links import Shown

SIZE = 300 * 1024 * 1024
MOST = 24 * 1024 * 1024
"""Bytes of Python objects at once: a few pieces under way, and far from the film."""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Mostly a hole: it takes no room on the disk."""
    file = tmp_path / "film.mp4"
    with file.open("wb") as out:
        out.truncate(SIZE)
    return file


@contextmanager
def measured() -> Iterator[None]:
    """Fails where more than `MOST` is held at once, by Python's own count and by the system's."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert peak < MOST
    assert grown < SIZE // 2


@asynccontextmanager
async def drain() -> AsyncIterator[tuple[str, list[int]]]:
    """A server that reads whatever comes, keeps none of it, and counts."""
    counted: list[int] = []
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        seen = 0
        while seen < length and (piece := await reader.read(1 << 20)):
            seen += len(piece)
        counted.append(seen)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", counted
    finally:
        server.close()
        await asyncio.gather(*(task for task in serving if task), return_exceptions=True)
        await server.wait_closed()


async def test_into_a_bucket(film: Path) -> None:
    async with drain() as (origin, counted), httpx.AsyncClient(trust_env=False) as http:
        address = read(f"s3://photos?region=us-east-1&endpoint={origin}")
        bucket = S3Bucket(address, http, key_id="k", key_secret="s")
        with measured():
            await bucket.put("A" * 43 + ".mp4", film, "video/mp4")
    assert counted == [SIZE]


async def test_to_a_vendors_store(film: Path) -> None:
    async with drain() as (origin, counted), HttpClient(origin) as vendor:
        with measured():
            await vendor.put(f"{origin}/up", film, media_type="video/mp4", deadline=timedelta(minutes=10))
    assert counted == [SIZE]


@pytest.mark.parametrize("asked", ["", "bytes=1-", "bytes=0-104857599,157286400-"])
async def test_out_of_the_relay(film: Path, asked: str) -> None:
    """As an ASGI application, so that the reader's memory is not counted with ours."""
    headers = [(b"range", asked.encode())] if asked else []
    scope = {"type": "http", "method": "GET", "headers": headers, "asgi": {"spec_version": "2.4"}}
    sent: list[int] = []

    async def send(message: dict[str, object]) -> None:
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        sent.append(len(body))

    async def receive() -> dict[str, object]:
        raise AssertionError("nobody leaves early")

    answer = Relayed(Shown(film, "video/mp4", "tag", "job"), os.stat(film), "127.0.0.1")  # noqa: PTH116
    with measured():
        await answer(scope, receive, send)  # type: ignore[arg-type]
    assert sum(sent) >= 200 * 1024 * 1024
    assert max(sent) <= 1024 * 1024
