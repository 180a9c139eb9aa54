"""Real clients for a local Slack, and the small things tests send through them."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director, LocalSlack

Answer = Callable[[SocketModeRequest], dict[str, Any] | None]
SILENCE: dict[str, Any] = {"silence": True}


@asynccontextmanager
async def client_of(slack: LocalSlack, token: str | None = None) -> AsyncIterator[AsyncWebClient]:
    """Make a real client with one session."""
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(
            token=slack.bot_token if token is None else token,
            base_url=slack.api_url,
            session=session,
            retry_handlers=[],
        )


class Ear:
    """A real Socket Mode client that keeps what it hears, and acknowledges it as told."""

    def __init__(self, slack: LocalSlack, answer: Answer, ping_interval: float) -> None:
        self.client = SocketModeClient(
            app_token=slack.app_token,
            # Nothing is retried: a reconnection under way at the end would wait for a Slack that is gone.
            web_client=AsyncWebClient(base_url=slack.api_url, retry_handlers=[]),
            ping_interval=ping_interval,
        )
        self.client.socket_mode_request_listeners.append(self._hear)
        self.heard: asyncio.Queue[SocketModeRequest] = asyncio.Queue()
        self.answer = answer

    async def _hear(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        # Each frame has a task of its own: note it before the first await, while they are still in order.
        self.heard.put_nowait(request)
        said = self.answer(request)
        if said is not SILENCE:
            await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload=said))

    async def next(self) -> SocketModeRequest:
        """Wait for the next envelope."""
        return await asyncio.wait_for(self.heard.get(), 60)

    async def event(self, kind: str, subtype: str | None = None) -> dict[str, Any]:
        """Wait for the next event of a kind; others are skipped."""
        while True:
            event = (await self.next()).payload["event"]
            if event["type"] == kind and event.get("subtype") == subtype:
                return dict(event)


@asynccontextmanager
async def listening(
    slack: LocalSlack, answer: Answer = lambda _request: None, ping_interval: float = 5
) -> AsyncIterator[Ear]:
    """Connect an ear."""
    ear = Ear(slack, answer, ping_interval)
    await ear.client.connect()
    try:
        yield ear
    finally:
        await ear.client.close()


def png(width: int = 640, height: int = 480, shade: int = 128) -> bytes:
    """Draw a grey picture."""
    rows = b"".join(b"\0" + bytes([shade]) * width for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def plain(text: str) -> dict[str, Any]:
    """A plain text object, as Slack gives it back."""
    return {"type": "plain_text", "text": text, "emoji": True}


def modal(*blocks: dict[str, Any], title: str = "Train", **more: Any) -> dict[str, Any]:
    """A modal with a submit button."""
    return {
        "type": "modal",
        "callback_id": "train",
        "title": plain(title),
        "submit": plain("Go"),
        "blocks": list(blocks),
        **more,
    }


def text_input(block_id: str, label: str, **element: Any) -> dict[str, Any]:
    """An input block with a line of text."""
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": {"type": "plain_text_input", "action_id": "text", **element},
    }


def option(text: str, value: str) -> dict[str, Any]:
    """An option of a menu."""
    return {"text": plain(text), "value": value}


async def channel_id(director: Director, name: str) -> str:
    """Find a channel's id."""
    return next(c.id for c in await director.channels() if c.name == name)


async def user_id(director: Director, name: str) -> str:
    """Find a person's id."""
    return next(u.id for u in await director.users() if u.name == name)


async def refusal(call: Awaitable[object]) -> dict[str, Any]:
    """Await a call that Slack refuses, politely, with a 200; returns what it says."""
    with pytest.raises(SlackApiError) as caught:
        await call
    assert caught.value.response.status_code == 200
    return dict(caught.value.response.data)
