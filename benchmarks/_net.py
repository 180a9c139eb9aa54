"""Where a child finds the local Slack."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from bot.sandbox.slack import LocalSlack


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def facts_for(slack: LocalSlack, data_dir: Path) -> dict[str, Any]:
    """What a measured app must know."""
    return {
        "origin": slack.origin,
        "api_url": slack.api_url,
        "bot_token": slack.bot_token,
        "app_token": slack.app_token,
        "data_dir": str(data_dir),
        "web_port": free_port(),
    }
