"""The command line, as a process."""

import json
from datetime import timedelta
from pathlib import Path

from handlers.manifest import manifest
from storage import Store
from tests.bot.test_start import below, darkroom

_SET_UP = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_APP_TOKEN": "xapp-1",
    "DARKROOM_PUBLIC_URL": "https://darkroom.example.com",
    "AICONTENT_ACCESS_KEY_ID": "id",
    "AICONTENT_ACCESS_KEY_SECRET": "secret",
}


async def test_help_names_every_command(tmp_path: Path) -> None:
    ended = await darkroom("--help", cwd=tmp_path)
    assert ended.status == 0
    for command in ("run", "manifest", "callbacks", "restore", "demo"):
        assert command in ended.out


async def test_no_command_is_an_error_that_shows_the_usage(tmp_path: Path) -> None:
    ended = await darkroom(cwd=tmp_path)
    assert ended.status == 2
    assert "usage: darkroom" in ended.err


async def test_callbacks_prints_the_address_of_each_vendor_that_is_set_up(tmp_path: Path) -> None:
    ended = await darkroom("callbacks", cwd=tmp_path, env=_SET_UP)
    assert (ended.status, ended.err) == (0, "")
    (line,) = ended.out.splitlines()
    assert line.startswith("aicontent: https://darkroom.example.com/callback/aicontent/")
    assert (await darkroom("callbacks", cwd=tmp_path, env=_SET_UP)).out == ended.out
    chosen = await darkroom(
        "callbacks", cwd=tmp_path, env=_SET_UP | {"DARKROOM_CALLBACK_SECRET": "chosen by somebody"}
    )
    assert chosen.out != ended.out
    nowhere = await darkroom("callbacks", cwd=tmp_path, env=_SET_UP | {"DARKROOM_PUBLIC_URL": ""})
    assert (nowhere.status, nowhere.out) == (2, "")
    assert "DARKROOM_PUBLIC_URL is not set" in nowhere.err


async def test_restore_offers_again_what_a_vendor_had_given_up(tmp_path: Path) -> None:
    async with Store.open(tmp_path / "data") as store:
        await store.write(lambda tx: tx.lanes.declare("acme:generation", slots=1, gap=timedelta(0)))
        await store.write(lambda tx: tx.lanes.retire("acme:generation"))
        busy = await darkroom("restore", "acme/generation", cwd=tmp_path, env=_SET_UP)
        assert busy.status == 2
        assert "another Darkroom works on" in busy.err
    ended = await darkroom("restore", "acme/generation", cwd=tmp_path, env=_SET_UP)
    assert (ended.status, ended.out) == (0, "acme/generation is offered again at the next start.\n")
    again = await darkroom("restore", "acme/generation", cwd=tmp_path, env=_SET_UP)
    assert (again.status, "is not given up" in again.err) == (2, True)


async def test_restore_takes_every_kind_of_a_vendor_at_once_or_none(tmp_path: Path) -> None:
    lanes = ("acme:training", "acme:generation", "acme_two:training")
    async with Store.open(tmp_path / "data") as store:
        for lane in lanes:
            await store.write(lambda tx, lane=lane: tx.lanes.declare(lane, slots=1, gap=timedelta(0)))
            await store.write(lambda tx, lane=lane: tx.lanes.retire(lane))
    mistyped = await darkroom("restore", "acme", "acme/oneshot", cwd=tmp_path, env=_SET_UP)
    assert (mistyped.status, mistyped.out) == (2, "")
    assert "acme/oneshot is not given up" in mistyped.err
    ended = await darkroom("restore", "acme", "acme/training", cwd=tmp_path, env=_SET_UP)
    assert ended.out.splitlines() == [
        "acme/generation is offered again at the next start.",
        "acme/training is offered again at the next start.",
    ]
    async with Store.open(tmp_path / "data") as store:
        assert await store.read(lambda tx: tx.lanes.retired()) == {"acme_two:training"}


async def test_manifest_prints_the_manifest_and_nothing_else(tmp_path: Path) -> None:
    ended = await darkroom("manifest", cwd=tmp_path)
    assert ended.status == 0
    assert ended.err == ""
    assert json.loads(ended.out) == manifest("/darkroom")
    assert below(tmp_path) == []
