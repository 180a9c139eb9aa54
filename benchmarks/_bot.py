"""The real bot with a vendor that answers steadily. Run as a child process."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

from benchmarks._told import facts_of_child, say, words
from benchmarks._vendor import SteadySettings, SteadyVendor
from bot.app import build
from bot.logs import configure
from bot.settings import Settings


def settings_for(told: dict[str, str]) -> Settings:
    """The bot's settings for a local Slack."""
    return Settings(
        _env_file=None,
        slack_bot_token=told["bot_token"],
        slack_app_token=told["app_token"],
        slack_api_url=told["api_url"],
        slack_file_origins=told["origin"],
        darkroom_data_dir=Path(told["data_dir"]),
        darkroom_public_url=f"http://127.0.0.1:{told['web_port']}",
        darkroom_web_port=int(told["web_port"]),
    )


async def main() -> None:
    """Start, say so, answer each word with figures, and stay until the parent closes the line."""
    told = facts_of_child()
    configure("WARNING", "text")
    vendor = SteadyVendor(SteadySettings(**told.get("vendor", {})))
    async with build(settings_for(told), providers=[vendor]):
        # As the command line does.
        gc.collect()
        gc.freeze()
        say(ready=True)
        async for _ in words():
            cpu = os.times()
            say(cpu=cpu.user + cpu.system, polls=vendor.polls)


if __name__ == "__main__":
    asyncio.run(main())
