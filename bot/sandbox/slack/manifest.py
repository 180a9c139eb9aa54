"""What the app was granted: the parts of an app manifest the local Slack goes by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_MANIFEST: dict[str, Any] = {
    "display_information": {"name": "Darkroom"},
    "features": {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        "bot_user": {"display_name": "darkroom", "always_online": True},
        "slash_commands": [{"command": "/darkroom", "description": "Train models and make pictures"}],
        "shortcuts": [
            {"name": "Train from these photos", "type": "message", "callback_id": "train_from_message"},
            {"name": "New model", "type": "global", "callback_id": "new_model"},
        ],
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                "app_mentions:read",
                "channels:history",
                "channels:read",
                "chat:write",
                "commands",
                "files:read",
                "files:write",
                "groups:history",
                "groups:read",
                "im:history",
                "im:read",
                "im:write",
                "mpim:history",
                "reactions:write",
                "users:read",
            ]
        }
    },
    "settings": {
        "event_subscriptions": {
            "bot_events": [
                "app_home_opened",
                "app_mention",
                "message.channels",
                "message.groups",
                "message.im",
                "message.mpim",
            ]
        },
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}


@dataclass(frozen=True)
class Command:
    """One slash command of the app."""

    name: str
    should_escape: bool = False
    description: str = ""
    usage_hint: str = ""


@dataclass(frozen=True)
class Manifest:
    """The app as it is installed: its name, scopes, events, commands and shortcuts."""

    app_name: str
    bot_name: str
    scopes: frozenset[str]
    events: frozenset[str]
    commands: Mapping[str, Command]
    shortcuts: Mapping[str, str]
    shortcut_words: Mapping[str, Mapping[str, str]]
    interactivity: bool
    home_tab: bool
    messages_tab: bool

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Manifest":
        """Read the document a developer would paste into Slack's form."""
        features = document.get("features", {})
        settings = document.get("settings", {})
        name = document.get("display_information", {}).get("name", "App")
        home = features.get("app_home", {})
        return cls(
            app_name=name,
            bot_name=features.get("bot_user", {}).get("display_name", name.lower()),
            scopes=frozenset(document.get("oauth_config", {}).get("scopes", {}).get("bot", ())),
            events=frozenset(settings.get("event_subscriptions", {}).get("bot_events", ())),
            commands={
                c["command"]: Command(
                    c["command"],
                    c.get("should_escape", False),
                    c.get("description", ""),
                    c.get("usage_hint", ""),
                )
                for c in features.get("slash_commands", ())
            },
            shortcuts={s["callback_id"]: s["type"] for s in features.get("shortcuts", ())},
            shortcut_words={
                s["callback_id"]: {"name": s.get("name", ""), "description": s.get("description", "")}
                for s in features.get("shortcuts", ())
            },
            interactivity=settings.get("interactivity", {}).get("is_enabled", False),
            home_tab=home.get("home_tab_enabled", False),
            messages_tab=home.get("messages_tab_enabled", False),
        )

    def scope_header(self) -> str:
        """List the granted scopes as the answer header does."""
        return ",".join(sorted(self.scopes))
