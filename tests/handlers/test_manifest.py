"""The manifest asks for what the bot does, in the form Slack takes."""

import re
from typing import Any

import pytest

from bot.sandbox.slack.methods import METHODS
from handlers.manifest import EVENTS, SCOPES, manifest
from tests.surface import Surface, photos

KEYS = {
    "": {"display_information", "features", "oauth_config", "settings"},
    "display_information": {"name", "description", "background_color", "long_description"},
    "features": {"app_home", "bot_user", "shortcuts", "slash_commands"},
    "features.app_home": {"home_tab_enabled", "messages_tab_enabled", "messages_tab_read_only_enabled"},
    "features.bot_user": {"display_name", "always_online"},
    "oauth_config": {"redirect_urls", "scopes"},
    "oauth_config.scopes": {"bot", "user"},
    "settings": {
        "event_subscriptions",
        "interactivity",
        "socket_mode_enabled",
        "org_deploy_enabled",
        "token_rotation_enabled",
    },
    "settings.event_subscriptions": {"request_url", "bot_events"},
    "settings.interactivity": {"is_enabled", "request_url"},
}
"""Slack refuses a key it does not know."""
WANTED = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
}


def at(path: str) -> dict[str, Any]:
    found: Any = manifest("/darkroom")
    for part in filter(None, path.split(".")):
        found = found[part]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("path", KEYS)
def test_there_is_no_key_that_slack_does_not_know(path: str) -> None:
    assert set(at(path)) <= KEYS[path]


def test_nothing_is_longer_than_slack_takes() -> None:
    about = at("display_information")
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert re.fullmatch(r"#[0-9a-fA-F]{6}", about["background_color"])
    assert len(at("features.bot_user")["display_name"]) <= 80
    (command,) = at("features")["slash_commands"]
    assert re.fullmatch(r"/[a-z0-9_-]{1,31}", command["command"])
    assert len(command["description"]) <= 2000
    assert len(command["usage_hint"]) <= 1000
    assert "url" not in command, "Socket Mode has none"
    (shortcut,) = at("features")["shortcuts"]
    assert set(shortcut) == {"name", "type", "callback_id", "description"}
    assert len(shortcut["name"]) <= 24
    assert len(shortcut["description"]) <= 150


def test_every_event_has_the_scope_it_needs() -> None:
    assert set(EVENTS) == set(WANTED)
    assert set(WANTED.values()) <= set(SCOPES)
    assert len(set(SCOPES)) == len(SCOPES)


def test_people_can_write_to_the_bot_and_press_its_buttons() -> None:
    home = at("features.app_home")
    assert home["messages_tab_enabled"]
    assert not home["messages_tab_read_only_enabled"]
    assert at("settings.interactivity")["is_enabled"]
    assert at("settings")["socket_mode_enabled"]


async def test_the_whole_job_is_allowed_by_exactly_this_manifest(surface: Surface) -> None:
    await surface.train(await surface.tray(channel="#atelier"))
    mine = await surface.until(lambda: surface.direct_channel("ana"))
    await surface.said("is ready after", channel=mine.id, within=60)
    await surface.post(photos(2, first=7), channel="@darkroom")
    await surface.said("2 of 2", channel=mine.id)
    await surface.people.command("ana", "#portraits", "/darkroom", "status")
    calls = [e.facts for e in await surface.people.journal(kinds=["api"], limit=5000)]
    assert [call for call in calls if call["error"] in {"missing_scope", "not_allowed_token_type"}] == []
    # Of a method's scopes one is enough: which one depends on the conversation.
    asked = {call["method"]: set(METHODS[call["method"]].scopes) for call in calls}
    assert all(scopes & set(SCOPES) for scopes in asked.values() if scopes)
    assert len(asked) > 8
