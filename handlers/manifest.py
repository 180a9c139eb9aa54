"""What Slack must be told about the app: scopes, events, the command."""

from __future__ import annotations

from typing import Any, Final

from handlers.ids import Shortcut

SCOPES: Final = (
    "app_mentions:read",
    "channels:history",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "im:history",
    "im:write",
    "mpim:history",
)
EVENTS: Final = ("app_mention", "message.channels", "message.groups", "message.im", "message.mpim")
_SHORTCUT: Final = {
    "name": "Train from these photos",
    "type": "message",
    "callback_id": Shortcut.TRAIN.value,
    "description": "Train a model on the photos in a message of yours",
}
_COMMAND: Final = {
    "description": "Train a model on your photos, and see your jobs",
    "usage_hint": (
        "new [name] | status [id] | models | delete <model or id> | offers [on or off] [here]"
        " | providers | help"
    ),
    "should_escape": False,
}


def manifest(command: str, name: str = "Darkroom") -> dict[str, Any]:
    """The app manifest for Socket Mode, as Slack's *From a manifest* dialog takes it."""
    return {
        "display_information": {
            "name": name,
            "description": "Trains personal image models on your photos, without leaving Slack.",
            "background_color": "#7a1f1f",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name.lower(), "always_online": True},
            "shortcuts": [_SHORTCUT],
            "slash_commands": [{"command": command, **_COMMAND}],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True},
            "socket_mode_enabled": True,
            "org_deploy_enabled": False,
            "token_rotation_enabled": False,
        },
    }
