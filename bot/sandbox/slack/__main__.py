"""The local Slack alone, for an app of any kind: ``python -m bot.sandbox.slack --manifest app.json``."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.manifest import Manifest
from bot.sandbox.slack.person import Director
from bot.sandbox.slack.server import LocalSlack


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m bot.sandbox.slack", description=main.__doc__)
    parser.add_argument("--state", type=Path, default=Path(".slack"), help="folder of the workspace; kept")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 for any")
    parser.add_argument(
        "--manifest", type=Path, help="the app's manifest, as JSON; the last one if not given"
    )
    parser.add_argument("--post-to", metavar="URL", help="post everything there, signed, and open no sockets")
    chosen = parser.parse_args()
    manifest = None
    if chosen.manifest:
        try:
            manifest = json.loads(chosen.manifest.read_text(encoding="utf-8"))
            Manifest.parse(manifest)
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            print(f"{chosen.manifest} is not an app manifest as JSON: {error}", file=sys.stderr)
            return 2
    try:
        asyncio.run(_serve(chosen.state, chosen.port, manifest, chosen.post_to))
    except Refused as refused:
        print(f"{refused}. Start the app first: its address must echo a challenge.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Port {chosen.port} cannot be used: {error.strerror}", file=sys.stderr)
        return 1
    return 0


async def _serve(state: Path, port: int, manifest: dict[str, object] | None, post_to: str | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with LocalSlack.start(state, port=port, manifest=manifest) as slack:
        if post_to:
            async with Director(slack.origin) as director:
                await director.developer.post_to(post_to)
        identity = slack.parts.workspace.identity
        print(f"# The page: {slack.origin}/")
        for name, value in (
            ("SLACK_API_URL", slack.api_url),
            ("SLACK_AUTHORIZE_URL", f"{slack.origin}/oauth/v2/authorize"),
            ("SLACK_BOT_TOKEN", identity.bot_token),
            ("SLACK_APP_TOKEN", identity.app_token),
            ("SLACK_SIGNING_SECRET", identity.signing_secret),
            ("SLACK_CLIENT_ID", identity.client_id),
            ("SLACK_CLIENT_SECRET", identity.client_secret),
        ):
            print(f"{name}={value}")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
