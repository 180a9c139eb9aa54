"""Vendors that answer as their stand-ins did, a steady while after they were asked. A child process."""

from __future__ import annotations

import asyncio
import re
from functools import partial

from benchmarks._told import facts_of_child, say, words

_ID = re.compile(rb"remote-\w+")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Answering(asyncio.Protocol):
    """Kept-alive connections, one request at a time each; nothing is read but its id and where it ends."""

    def __init__(self, answer: bytes, recorded: bytes, after: float) -> None:
        self._answer, self._recorded, self._after = answer, recorded, after
        self._seen = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the line."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request after a while."""
        self._seen += data
        while b"\r\n\r\n" in self._seen:
            head, _, rest = self._seen.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            size = int(length.group(1)) if length else 0
            if len(rest) < size:
                return
            asked = _ID.search(head + b" " + rest[:size])
            self._seen = rest[size:]
            named = asked.group() if asked else self._recorded
            asyncio.get_running_loop().call_later(self._after, self._say, named)

    def _say(self, named: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            body = self._answer.replace(b'"%s"' % self._recorded, b'"%s"' % named)
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            self._transport.write(head % len(body) + body)


async def main() -> None:
    """Listen on a port for each vendor, and say which."""
    told = facts_of_child()
    loop = asyncio.get_running_loop()
    servers = []
    for one in told["vendors"]:
        kind = partial(Answering, one["answer"].encode(), one["id"].encode(), float(told["after"]))
        servers.append(await loop.create_server(kind, "127.0.0.1", 0))
    say(ports=[server.sockets[0].getsockname()[1] for server in servers])
    async for _ in words():
        say(ok=True)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
