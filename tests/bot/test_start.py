"""`darkroom run` before anything starts: each fault is one line with its fix, status 2, and no database."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.app import build
from bot.opening import StartupError
from bot.providers import Delivery
from bot.sandbox.slack import LocalSlack
from handlers.manifest import SCOPES, manifest
from tests.surface import fast_vendor, free_port, settings_for

ROOT = Path(__file__).parents[2]
KEYS = {"AICONTENT_ACCESS_KEY_ID": "key-id", "AICONTENT_ACCESS_KEY_SECRET": "key-secret"}


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    out: str
    err: str


async def darkroom(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run the command line in a bare environment."""
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        cwd=cwd,
        env=bare | dict(env or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(180):
        out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


def below(folder: Path, name: str = "*") -> list[Path]:
    """What a run left behind."""
    return list(folder.rglob(name))


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[LocalSlack]:
    """A Slack that has installed our app."""
    async with LocalSlack.start(tmp_path / "slack", manifest=manifest("/darkroom")) as slack:
        yield slack


def env_of(slack: LocalSlack, data: Path, **changes: str) -> dict[str, str]:
    """Everything a start wants."""
    port = free_port()
    return {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.api_url,
        "SLACK_FILE_ORIGINS": slack.origin,
        "DARKROOM_DATA_DIR": str(data),
        "DARKROOM_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DARKROOM_WEB_PORT": str(port),
        **KEYS,
        **changes,
    }


async def refused(tmp_path: Path, env: Mapping[str, str]) -> str:
    """Run a bot that must not start; returns the one line it says."""
    ended = await darkroom("run", cwd=tmp_path, env=env)
    assert ended.status == 2, ended.err
    (line,) = ended.err.splitlines()
    assert line.startswith("darkroom: ")
    assert ended.out == ""
    assert not below(tmp_path, "darkroom.sqlite3"), "nothing may have been started"
    return line.removeprefix("darkroom: ")


async def test_without_any_setting_each_missing_one_is_a_line_of_its_own(tmp_path: Path) -> None:
    ended = await darkroom("run", cwd=tmp_path)
    assert ended.status == 2
    assert [line.split()[1] for line in ended.err.splitlines()] == [
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
    ]
    assert below(tmp_path) == []


async def test_a_vendor_that_fetches_from_here_wants_an_address_or_a_bucket(
    slack: LocalSlack, tmp_path: Path
) -> None:
    line = await refused(tmp_path, env_of(slack, tmp_path / "data", DARKROOM_PUBLIC_URL=""))
    assert line == (
        "DARKROOM_PUBLIC_URL is not set, and Alibaba AIContent fetches photos from this process: "
        "set the https address that leads here, or name a bucket (docs/photo-links.md)."
    )


async def test_without_an_address_a_bot_runs_whose_vendors_are_sent_their_files(
    slack: LocalSlack, tmp_path: Path
) -> None:
    settings = settings_for(slack, tmp_path / "data", darkroom_public_url="")
    vendor = fast_vendor(delivery=Delivery.UPLOAD)
    async with build(settings, providers=[vendor]) as bot:
        found = {one.about: one for one in await bot.services.doctor.examine()}
    assert (found["links"].fault, found["links"].words) == (
        "",
        "none are needed: every vendor is sent its files",
    )
    with pytest.raises(StartupError, match="Fake fetches photos from this process"):
        async with build(settings, providers=[fast_vendor()]):
            pass


async def test_a_wrong_bot_token_is_named_and_not_shown(slack: LocalSlack, tmp_path: Path) -> None:
    line = await refused(tmp_path, env_of(slack, tmp_path / "data", SLACK_BOT_TOKEN="xoxb-not-yours"))
    assert line == (
        "SLACK_BOT_TOKEN is not accepted by Slack (invalid_auth): copy the Bot User OAuth Token anew."
    )


async def test_a_wrong_app_token_is_named_and_not_shown(slack: LocalSlack, tmp_path: Path) -> None:
    line = await refused(tmp_path, env_of(slack, tmp_path / "data", SLACK_APP_TOKEN="xapp-not-yours"))
    assert line == (
        "SLACK_APP_TOKEN is not accepted by Slack (invalid_auth):"
        " copy the App-Level Token with connections:write anew."
    )


async def test_missing_scopes_are_all_named(tmp_path: Path) -> None:
    app = manifest("/darkroom")
    kept = [scope for scope in SCOPES if scope not in {"files:read", "im:write"}]
    app["oauth_config"]["scopes"]["bot"] = kept
    async with LocalSlack.start(tmp_path / "slack", manifest=app) as slack:
        line = await refused(tmp_path, env_of(slack, tmp_path / "data"))
    assert line == (
        "The Slack app lacks scopes: files:read, im:write. Add them in the Slack app and re-install it."
    )


async def test_a_slack_that_cannot_be_reached_is_named(slack: LocalSlack, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/api/"
    line = await refused(tmp_path, env_of(slack, tmp_path / "data", SLACK_API_URL=nobody))
    assert line.startswith("SLACK_API_URL: Slack cannot be reached")
    assert line.endswith("check network and address.")


async def test_no_vendor_at_all_says_what_to_set(slack: LocalSlack, tmp_path: Path) -> None:
    env = {name: value for name, value in env_of(slack, tmp_path / "data").items() if name not in KEYS}
    line = await refused(tmp_path, env)
    assert line.startswith("No vendor is set up.")
    assert "AICONTENT_ACCESS_KEY_ID, AICONTENT_ACCESS_KEY_SECRET" in line


async def test_a_vendor_set_up_by_half_says_what_lacks(slack: LocalSlack, tmp_path: Path) -> None:
    line = await refused(tmp_path, env_of(slack, tmp_path / "data", AICONTENT_ACCESS_KEY_SECRET=""))
    assert line == "aicontent is only half set up: set AICONTENT_ACCESS_KEY_SECRET."
    assert "key-id" not in line


async def test_a_port_that_is_taken_is_named_with_the_setting(slack: LocalSlack, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = env_of(slack, tmp_path / "data", DARKROOM_WEB_PORT=str(port))
        ended = await darkroom("run", cwd=tmp_path, env=env)
    assert ended.status == 2
    (line,) = ended.err.splitlines()
    assert line == (
        f"darkroom: DARKROOM_WEB_PORT: cannot listen on 127.0.0.1:{port} (Address already in use):"
        " choose a free port."
    )


async def test_a_data_folder_that_cannot_be_made_is_named(slack: LocalSlack, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    line = await refused(tmp_path, env_of(slack, tmp_path / "file" / "data"))
    assert line == (
        "DARKROOM_DATA_DIR cannot be used (Not a directory): name a folder this user may write to."
    )


async def test_a_settings_file_in_the_folder_is_read(slack: LocalSlack, tmp_path: Path) -> None:
    env = env_of(slack, tmp_path / "data", SLACK_BOT_TOKEN="xoxb-from-the-file")
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    assert (await refused(tmp_path, {})).startswith("SLACK_BOT_TOKEN is not accepted by Slack")


async def test_two_bots_on_one_folder_are_one_too_many(slack: LocalSlack, tmp_path: Path) -> None:
    settings = settings_for(slack, tmp_path / "data")
    async with build(settings, providers=[fast_vendor()]):
        with pytest.raises(StartupError, match="stop it, or set DARKROOM_DATA_DIR to another folder"):
            async with build(settings_for(slack, tmp_path / "data"), providers=[fast_vendor()]):
                raise AssertionError("a second bot runs")


async def test_an_address_that_is_not_ours_is_named_with_its_setting(
    slack: LocalSlack, tmp_path: Path
) -> None:
    # Of the block that is reserved for documentation: no machine has it.
    env = env_of(slack, tmp_path / "data", DARKROOM_WEB_HOST="203.0.113.7")
    ended = await darkroom("run", cwd=tmp_path, env=env)
    assert ended.status == 2
    (line,) = ended.err.splitlines()
    assert "DARKROOM_WEB_HOST: cannot listen on 203.0.113.7" in line
    assert line.endswith("name an address of this machine.")
