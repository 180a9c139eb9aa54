"""The command line, as a process."""

import json
from pathlib import Path

from handlers.manifest import manifest
from tests.bot.test_start import below, darkroom


async def test_help_names_every_command(tmp_path: Path) -> None:
    ended = await darkroom("--help", cwd=tmp_path)
    assert ended.status == 0
    for command in ("run", "manifest", "demo"):
        assert command in ended.out


async def test_no_command_is_an_error_that_shows_the_usage(tmp_path: Path) -> None:
    ended = await darkroom(cwd=tmp_path)
    assert ended.status == 2
    assert "usage: darkroom" in ended.err


async def test_manifest_prints_the_manifest_and_nothing_else(tmp_path: Path) -> None:
    ended = await darkroom("manifest", cwd=tmp_path)
    assert ended.status == 0
    assert ended.err == ""
    assert json.loads(ended.out) == manifest("/darkroom")
    assert below(tmp_path) == []
