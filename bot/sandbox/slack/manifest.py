"""What the app was granted: the parts of an app manifest the local Slack goes by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.slack.wire import Json

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
    """One slash command of the app; its address counts only where the app has no socket."""

    name: str
    should_escape: bool = False
    description: str = ""
    usage_hint: str = ""
    url: str = ""


@dataclass(frozen=True)
class Addresses:
    """Where an app without a socket is called: nothing stands for an address that was not given."""

    events: str = ""
    interactivity: str = ""
    options: str = ""


@dataclass(frozen=True)
class Manifest:
    """The app as its developer described it: its name, scopes, events, commands, shortcuts and addresses."""

    document: Json
    app_name: str
    bot_name: str
    scopes: frozenset[str]
    optional_scopes: frozenset[str]
    user_scopes: frozenset[str]
    redirect_urls: tuple[str, ...]
    token_rotation: bool
    events: frozenset[str]
    commands: Mapping[str, Command]
    shortcuts: Mapping[str, str]
    shortcut_words: Mapping[str, Mapping[str, str]]
    interactivity: bool
    socket_mode: bool
    addresses: Addresses
    home_tab: bool
    messages_tab: bool

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Manifest":
        """Read the document a developer would paste into Slack's form."""
        features = document.get("features", {})
        settings = document.get("settings", {})
        oauth = document.get("oauth_config", {})
        scopes = oauth.get("scopes", {})
        subscriptions = settings.get("event_subscriptions", {})
        interactivity = settings.get("interactivity", {})
        name = document.get("display_information", {}).get("name", "App")
        home = features.get("app_home", {})
        shortcuts = features.get("shortcuts", ())
        return cls(
            document=dict(document),
            app_name=name,
            bot_name=features.get("bot_user", {}).get("display_name", name.lower()),
            scopes=frozenset(scopes.get("bot", ())),
            optional_scopes=frozenset(scopes.get("bot_optional", ())),
            user_scopes=frozenset(scopes.get("user", ())),
            redirect_urls=tuple(oauth.get("redirect_urls", ())),
            token_rotation=settings.get("token_rotation_enabled", False),
            events=frozenset(subscriptions.get("bot_events", ())),
            commands={c["command"]: _command(c) for c in features.get("slash_commands", ())},
            shortcuts={s["callback_id"]: s["type"] for s in shortcuts},
            shortcut_words={
                s["callback_id"]: {"name": s.get("name", ""), "description": s.get("description", "")}
                for s in shortcuts
            },
            interactivity=interactivity.get("is_enabled", False),
            socket_mode=settings.get("socket_mode_enabled", False),
            addresses=Addresses(
                events=subscriptions.get("request_url", ""),
                interactivity=interactivity.get("request_url", ""),
                options=interactivity.get("message_menu_options_url", ""),
            ),
            home_tab=home.get("home_tab_enabled", False),
            messages_tab=home.get("messages_tab_enabled", False),
        )

    def every_address(self) -> list[str]:
        """Every address the app wants to be called at, each once."""
        named = [self.addresses.events, self.addresses.interactivity, self.addresses.options]
        return [url for url in dict.fromkeys([*named, *(c.url for c in self.commands.values())]) if url]


def at_address(document: Mapping[str, Any], url: str) -> Json:
    """Rewrite a manifest so that everything is posted to one address and nothing goes over a socket."""
    features, settings = dict(document.get("features", {})), dict(document.get("settings", {}))
    if "slash_commands" in features:
        features["slash_commands"] = [{**c, "url": url} for c in features["slash_commands"]]
    settings["event_subscriptions"] = {**settings.get("event_subscriptions", {}), "request_url": url}
    settings["interactivity"] = {
        **settings.get("interactivity", {}),
        "request_url": url,
        "message_menu_options_url": url,
    }
    settings["socket_mode_enabled"] = False
    return {**document, "features": features, "settings": settings}


def _command(described: Mapping[str, Any]) -> Command:
    return Command(
        described["command"],
        described.get("should_escape", False),
        described.get("description", ""),
        described.get("usage_hint", ""),
        described.get("url", ""),
    )
