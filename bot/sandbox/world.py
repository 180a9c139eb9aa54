"""The world of one run: a local Slack, a vendor's stand-in, and the settings by which the bot finds them."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any

from bot.sandbox.clock import WorldClock
from bot.sandbox.slack import Director, LocalSlack
from bot.sandbox.vendors.aicontent import AicontentStandIn
from bot.sandbox.vendors.control import AicontentControl

HOST = "127.0.0.1"
TRAIN_SECONDS, INFER_SECONDS = 8.0, 3.0
_FETCHES = 120
"""The bot's links are away while it is started again, and this vendor is patient enough to outlive that."""
KEY_ID, KEY_SECRET = "sandbox-key-id", "sandbox-key-secret"
# Below the ports that systems give to outgoing calls, so that none of those sits on ours after a restart.
_PORTS = range(20_000, 30_000)


class PortTaken(Exception):
    """A port of this run is used by somebody else."""


@dataclass(frozen=True)
class Ports:
    """Where everything listens; kept for the life of a story, since links carry them."""

    slack: int
    vendor: int
    web: int

    @classmethod
    def free(cls) -> "Ports":
        """Three that nobody listens on just now."""
        found: list[int] = []
        while len(found) < len(cls.__annotations__):
            port = SystemRandom().choice(_PORTS)
            if port not in found and _is_free(port):
                found.append(port)
        return cls(*found)

    def check(self) -> None:
        """Raise PortTaken for the first that is not free."""
        for what, port in asdict(self).items():
            if not _is_free(port):
                raise PortTaken(f"Port {port} ({what}) is in use on {HOST}")


@dataclass(frozen=True)
class World:
    """What runs, and the hands and eyes for it."""

    slack: LocalSlack
    vendor: AicontentStandIn
    people: Director
    desk: AicontentControl
    ports: Ports
    clock_file: Path

    def environment(self, data_dir: Path) -> dict[str, str]:
        """The bot's settings in this world: it learns where it is from nothing else."""
        return {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_API_URL": self.slack.api_url,
            "SLACK_FILE_ORIGINS": self.slack.origin,
            "DARKROOM_DATA_DIR": str(data_dir),
            "DARKROOM_PUBLIC_URL": f"http://{HOST}:{self.ports.web}",
            "DARKROOM_WEB_PORT": str(self.ports.web),
            "DARKROOM_SETTLE_SECONDS": "2",
            "AICONTENT_ACCESS_KEY_ID": KEY_ID,
            "AICONTENT_ACCESS_KEY_SECRET": KEY_SECRET,
            "AICONTENT_ENDPOINT": self.vendor.origin,
            "AICONTENT_TRAIN_POLL_FIRST": "1",
            "AICONTENT_TRAIN_POLL_MOST": "1",
            "AICONTENT_GENERATE_POLL_FIRST": "1",
            "AICONTENT_GENERATE_POLL_MOST": "1",
            "AICONTENT_REQUESTS_PER_SECOND": "10",
        }


@asynccontextmanager
async def open_world(home: Path, ports: Ports, manifest: Mapping[str, Any]) -> AsyncIterator[World]:
    """Start everything but the bot on the state below `home`, new or used. Raises PortTaken.

    `manifest` is what the app asks Slack for: it is granted that and nothing else.
    """
    ports.check()
    for name in ("slack", "vendor"):
        (home / name).mkdir(parents=True, exist_ok=True)
    clock_file = home / "clock.json"
    clock = WorldClock(clock_file)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(clock.kept())
        slack = await stack.enter_async_context(
            LocalSlack.start(home / "slack", port=ports.slack, manifest=manifest, world=clock)
        )
        vendor = await stack.enter_async_context(
            AicontentStandIn.start(
                home / "vendor",
                port=ports.vendor,
                access_key_id=KEY_ID,
                access_key_secret=KEY_SECRET,
                clock=clock,
            )
        )
        slack.page.introduce("AIContent", vendor.origin)
        people = await stack.enter_async_context(Director(slack.origin))
        desk = await stack.enter_async_context(AicontentControl(vendor.origin))
        await desk.settings(
            train_seconds=TRAIN_SECONDS,
            infer_seconds=INFER_SECONDS,
            fetch_attempts=_FETCHES,
            fetch_pause_seconds=0.5,
        )
        yield World(slack, vendor, people, desk, ports, clock_file.resolve())


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
