"""The command line: `darkroom run`, `manifest`, `callbacks`, `restore`, `demo`, `sandbox`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 well, 2 something to mend in the settings."""
    parser = argparse.ArgumentParser(
        prog="darkroom", description="Personal image models, without leaving Slack."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the bot with the settings of the environment and .env")
    run.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    run.add_argument(
        "--sandbox-clock", type=Path, help="go by the clock of a demo that is up, whose file this is"
    )
    manifest = commands.add_parser("manifest", help="print the Slack app manifest")
    manifest.add_argument(
        "--slash", default="/darkroom", help="the slash command, as in DARKROOM_COMMAND (/darkroom)"
    )
    commands.add_parser("callbacks", help="print the addresses to register with vendors: they are secrets")
    restore = commands.add_parser(
        "restore", help="offer again what a vendor had given up; the bot must stand"
    )
    restore.add_argument(
        "way", nargs="+", help="a vendor, or a vendor and a kind, as in dashscope or dashscope/generation"
    )
    demo = commands.add_parser("demo", help="play the main job against a local Slack and local vendors")
    demo.add_argument(
        "--once", action="store_true", help="exit after the story: 0 only if all of it happened"
    )
    demo.add_argument("--vendor", default="aicontent", help="whom the story is told with (aicontent)")
    demo.add_argument("--photos", type=Path, help="post the pictures of this folder")
    sandbox = commands.add_parser(
        "sandbox", help="only the local Slack and the local vendors, for a bot you start yourself"
    )
    for one in (demo, sandbox):
        one.add_argument("--state", type=Path, default=Path(".demo"), help="where the state is kept (.demo)")
    chosen = parser.parse_args(arguments)
    match chosen.command:
        case "run":
            return _run(until_eof=chosen.until_eof, clock_file=chosen.sandbox_clock)
        case "manifest":
            return _manifest(chosen.slash)
        case "callbacks":
            return _callbacks()
        case "restore":
            return _restore(chosen.way)
        case _:
            return _play(chosen)


def _play(chosen: argparse.Namespace) -> int:
    from bot.sandbox.demo import play, stand
    from handlers.manifest import manifest

    # The local Slack grants what the real one would: all that the manifest asks for, and no more.
    app = manifest("/darkroom")
    if chosen.command == "sandbox":
        return asyncio.run(stand(state=chosen.state, manifest=app))
    wish = {"once": chosen.once, "photos": chosen.photos, "state": chosen.state, "vendor": chosen.vendor}
    return asyncio.run(play(**wish, manifest=app))


def _run(*, until_eof: bool, clock_file: Path | None) -> int:
    # Starting makes a great many objects that stay for ever. Looking through them for garbage would cost a
    # tenth of the start, and afterwards a pause at every full collection.
    gc.disable()
    # The database's threads run Python too. The loop gives the interpreter up at every socket call, and would
    # wait for it as long as they may keep it: by default 5 ms, several times per answer.
    sys.setswitchinterval(0.0005)
    from bot.logs import configure
    from bot.settings import SettingsError, read

    try:
        settings = read()
    except SettingsError as error:
        return _refuse(str(error))
    configure(settings.darkroom_log_level, settings.darkroom_log_format)
    from bot.app import build
    from bot.opening import StartupError
    from bot.pace import keep_up
    from bot.sandbox.clock import FollowingClock

    async def live() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def read_on() -> None:
            if not os.read(sys.stdin.fileno(), 4096):
                stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        if until_eof:
            loop.add_reader(sys.stdin.fileno(), read_on)
        if clock_file is None:
            async with build(settings, env_file=Path(".env")):
                gc.freeze()
                gc.enable()
                await stop.wait()
            return 0
        clock = FollowingClock(clock_file)
        async with build(settings, env_file=Path(".env"), clock_ms=clock) as bot:
            following = asyncio.create_task(keep_up(clock, bot.store, bot.services.photos.sweep))
            await stop.wait()
            following.cancel()
        return 0

    try:
        return asyncio.run(live())
    except StartupError as error:
        return _refuse(str(error))


def _manifest(slash: str) -> int:
    from handlers.manifest import manifest

    print(json.dumps(manifest(slash), indent=2))
    return 0


def _callbacks() -> int:
    from bot.providers import load
    from bot.services.callbacks import callback_url
    from bot.settings import SettingsError, callback_key, read

    try:
        settings = read()
    except SettingsError as error:
        return _refuse(str(error))
    if not settings.darkroom_public_url:
        return _refuse("DARKROOM_PUBLIC_URL is not set: it is the address at which vendors would call.")
    key = callback_key(settings.darkroom_data_dir, settings.darkroom_callback_secret)
    for provider in load(env_file=Path(".env"))[0]:
        print(f"{provider.name}: {callback_url(settings.darkroom_public_url, key, provider.name)}")
    return 0


def _restore(ways: Sequence[str]) -> int:
    from bot.settings import SettingsError, read
    from storage import Store, Tx
    from storage.errors import AlreadyRunning

    def unit(tx: Tx) -> dict[str, list[str]]:
        """What each word names of what was given up; nothing is restored where one of them names nothing."""
        retired = sorted(tx.lanes.retired())
        found = {
            way: [lane for lane in retired if lane == way.replace("/", ":") or lane.startswith(f"{way}:")]
            for way in ways
        }
        if all(found.values()):
            for lane in dict.fromkeys(lane for lanes in found.values() for lane in lanes):
                tx.lanes.restore(lane)
        return found

    async def restore(data_dir: Path) -> dict[str, list[str]]:
        async with Store.open(data_dir) as store:
            return await store.write(unit)

    try:
        found = asyncio.run(restore(read().darkroom_data_dir))
    except (SettingsError, AlreadyRunning) as error:
        return _refuse(str(error))
    if wrong := [way for way, lanes in found.items() if not lanes]:
        advice = "write a vendor, or a vendor and a kind, as in dashscope or dashscope/generation."
        return _refuse("\n".join(f"{way} is not given up: {advice}" for way in wrong))
    for lane in dict.fromkeys(lane for lanes in found.values() for lane in lanes):
        print(f"{lane.replace(':', '/')} is offered again at the next start.")
    return 0


def _refuse(text: str) -> int:
    for line in text.splitlines():
        print(f"darkroom: {line}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
