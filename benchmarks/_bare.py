"""The floor: a Bolt app over Socket Mode that acknowledges and does nothing else. Run as a child process."""

from __future__ import annotations

import asyncio
import os

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from benchmarks._told import facts_of_child, say, words


async def main() -> None:
    """Connect, say so, and stay until the parent closes the line."""
    told = facts_of_child()
    client = AsyncWebClient(token=told["bot_token"], base_url=told["api_url"], trust_env_in_session=False)
    app = AsyncApp(client=client, request_verification_enabled=False, ssl_check_enabled=False)

    async def on_command(ack: AsyncAck) -> None:
        await ack()

    app.command("/darkroom")(on_command)
    handler = AsyncSocketModeHandler(app, told["app_token"])
    await handler.connect_async()  # type: ignore[no-untyped-call]
    say(ready=True)
    async for _ in words():
        cpu = os.times()
        say(cpu=cpu.user + cpu.system, polls=0)
    await handler.close_async()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(main())
