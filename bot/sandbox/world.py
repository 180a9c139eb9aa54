"""The world of one run: a local Slack, the vendors' stand-ins, and the settings of a bot that finds them."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any

from bot.sandbox.clock import WorldClock
from bot.sandbox.houses import HOUSES, USUAL, House
from bot.sandbox.slack import Director, LocalSlack
from bot.sandbox.vendors.control import Control

HOST = "127.0.0.1"
# Below the ports that systems give to outgoing calls, so that none of those sits on ours after a restart.
_PORTS = range(20_000, 30_000)


class PortTaken(Exception):
    """A port of this run is used by somebody else."""


@dataclass(frozen=True)
class Ports:
    """Where everything listens; kept for the life of a story, since links carry them."""

    slack: int
    web: int
    aicontent: int
    dashscope: int
    img_open: int
    metastudio: int

    @classmethod
    def free(cls) -> "Ports":
        """Some that nobody listens on just now."""
        found: list[int] = []
        while len(found) < len(cls.__annotations__):
            port = SystemRandom().choice(_PORTS)
            if port not in found and _is_free(port):
                found.append(port)
        return cls(*found)

    def of(self, house: House) -> int:
        """Where a vendor's stand-in listens."""
        return int(asdict(self)[house.name])

    def check(self) -> None:
        """Raise PortTaken for the first that is not free."""
        for what, port in asdict(self).items():
            if not _is_free(port):
                raise PortTaken(f"Port {port} ({what}) is in use on {HOST}")


@dataclass(frozen=True)
class Vendor:
    """A vendor of this world, and hands on it."""

    house: House
    origin: str
    desk: Control[Any, Any]


@dataclass(frozen=True)
class World:
    """What runs, and the hands and eyes for it."""

    slack: LocalSlack
    vendors: Mapping[str, Vendor]
    vendor: Vendor
    """The one that the story is about."""
    people: Director
    ports: Ports
    clock_file: Path

    def environment(self, data_dir: Path) -> dict[str, str]:
        """The bot's settings in this world: it learns where it is from nothing else."""
        found = {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_API_URL": self.slack.api_url,
            "SLACK_FILE_ORIGINS": self.slack.origin,
            "DARKROOM_DATA_DIR": str(data_dir),
            "DARKROOM_PUBLIC_URL": f"http://{HOST}:{self.ports.web}",
            "DARKROOM_WEB_PORT": str(self.ports.web),
            "DARKROOM_SETTLE_SECONDS": "2",
        }
        for vendor in self.vendors.values():
            found |= vendor.house.environment(vendor.origin)
        return found


@asynccontextmanager
async def open_world(
    home: Path, ports: Ports, manifest: Mapping[str, Any], *, about: str = USUAL
) -> AsyncIterator[World]:
    """Start everything but the bot on the state below `home`, new or used. Raises PortTaken.

    `manifest` is what the app asks Slack for: it is granted that and nothing else. `about` names the vendor
    of the story.
    """
    ports.check()
    (home / "slack").mkdir(parents=True, exist_ok=True)
    clock_file = home / "clock.json"
    clock = WorldClock(clock_file)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(clock.kept())
        slack = await stack.enter_async_context(
            LocalSlack.start(home / "slack", port=ports.slack, manifest=manifest, world=clock)
        )
        vendors = {}
        for house in HOUSES:
            folder = home / house.name
            folder.mkdir(parents=True, exist_ok=True)
            stand_in = await stack.enter_async_context(house.start(folder, ports.of(house), clock))
            slack.page.introduce(house.label, stand_in.origin)
            desk = await stack.enter_async_context(house.control(stand_in.origin))
            if not (turned := folder / "turned").exists():
                # Afterwards the knobs are as somebody left them.
                await desk.turn(**house.turned)
                turned.touch()
            vendors[house.name] = Vendor(house, stand_in.origin, desk)
        people = await stack.enter_async_context(Director(slack.origin))
        yield World(slack, vendors, vendors[about], people, ports, clock_file.resolve())


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
