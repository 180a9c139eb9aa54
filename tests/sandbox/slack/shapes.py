"""What Slack's payloads look like, key by key: facts read off its published samples, in a form of our own.

A type is a Python type, the name of another shape, ``[of]`` for a list, or one of the three below. A payload
has all the keys of its shape that are not optional, and no others; so a drift fails, in either direction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Maybe:
    """A key that may be missing."""

    of: Any


@dataclass(frozen=True)
class Nullable:
    """A value that may be null."""

    of: Any


@dataclass(frozen=True)
class Keyed:
    """An object whose keys are somebody's ids."""

    of: Any


TEXT = {"type": str, "text": str, "emoji": bool}
AUTHOR = {"user": str, "ts": str}
BOT = {
    "id": str,
    "app_id": str,
    "name": str,
    "icons": {"image_36": str, "image_48": str, "image_72": str},
    "deleted": bool,
    "updated": int,
    "team_id": str,
}
MESSAGE: dict[str, Any] = {
    "type": str,
    "user": str,
    "text": str,
    "ts": str,
    "team": Maybe(str),
    "subtype": Maybe(str),
    "client_msg_id": Maybe(str),
    "bot_id": Maybe(str),
    "app_id": Maybe(str),
    "bot_profile": Maybe("bot"),
    "blocks": Maybe([dict]),
    "attachments": Maybe([dict]),
    "files": Maybe(["file"]),
    "upload": Maybe(bool),
    "display_as_bot": Maybe(bool),
    "edited": Maybe(AUTHOR),
    "reactions": Maybe([{"name": str, "users": [str], "count": int}]),
    "metadata": Maybe({"event_type": str, "event_payload": dict}),
    "thread_ts": Maybe(str),
    "parent_user_id": Maybe(str),
    "reply_count": Maybe(int),
    "reply_users_count": Maybe(int),
    "latest_reply": Maybe(str),
    "reply_users": Maybe([str]),
    "is_locked": Maybe(bool),
    "subscribed": Maybe(bool),
    "root": Maybe("message"),
}
CHANGED = MESSAGE | {"user_team": str, "source_team": str}
IN_CHANNEL = {"channel": str, "channel_type": str, "event_ts": str}
EDGES = (360, 480, 720, 800, 960, 1024)
FILE: dict[str, Any] = {
    "id": str,
    "created": int,
    "timestamp": int,
    "name": str,
    "title": str,
    "mimetype": str,
    "filetype": str,
    "pretty_type": str,
    "user": str,
    "user_team": str,
    "editable": bool,
    "size": int,
    "mode": str,
    "is_external": bool,
    "external_type": str,
    "is_public": bool,
    "public_url_shared": bool,
    "display_as_bot": bool,
    "username": str,
    "url_private": str,
    "url_private_download": str,
    "media_display_type": str,
    "has_rich_preview": bool,
    "file_access": str,
    "permalink": str,
    "permalink_public": str,
    **{f"thumb_{edge}": Maybe(str) for edge in (64, 80, 160, *EDGES)},
    **{f"thumb_{edge}_{side}": Maybe(int) for edge in EDGES for side in "wh"},
    **dict.fromkeys(("original_w", "original_h", "image_exif_rotation"), Maybe(int)),
    "thumb_tiny": Maybe(str),
    **dict.fromkeys(("mp4", "thumb_video", "thumb_pdf"), Maybe(str)),
    **dict.fromkeys(
        ("thumb_video_w", "thumb_video_h", "thumb_pdf_w", "thumb_pdf_h", "duration_ms"), Maybe(int)
    ),
    "transcription": Maybe({"status": str}),
}
SHARE = {"ts": str, "channel_name": str, "team_id": str, "thread_ts": Maybe(str)}
SHARED = {
    "shares": {"public": Maybe(Keyed([SHARE])), "private": Maybe(Keyed([SHARE]))},
    "channels": [str],
    "groups": [str],
    "ims": [str],
    "comments_count": int,
    "has_more_shares": bool,
    "is_starred": bool,
}
VIEW: dict[str, Any] = {
    "id": str,
    "team_id": str,
    "type": str,
    "blocks": [dict],
    "private_metadata": str,
    "callback_id": str,
    "state": {"values": Keyed(Keyed(dict))},
    "hash": str,
    "title": "text",
    "clear_on_close": bool,
    "notify_on_close": bool,
    "close": Nullable("text"),
    "submit": Nullable("text"),
    "previous_view_id": Nullable(str),
    "root_view_id": str,
    "app_id": str,
    "external_id": str,
    "app_installed_team_id": str,
    "bot_id": str,
}
TEAM = {"id": str, "domain": str}
PERSON = {"id": str, "username": str, "name": str, "team_id": str}
INTERACTION = {
    "type": str,
    "team": TEAM,
    "user": PERSON,
    "api_app_id": str,
    "token": str,
    "enterprise": Nullable(dict),
    "is_enterprise_install": bool,
}
PLACE = {"id": str, "name": str}
ON_MESSAGE = {
    "type": str,
    "message_ts": str,
    "channel_id": str,
    "is_ephemeral": bool,
    "thread_ts": Maybe(str),
}
TOPIC = {"value": str, "creator": str, "last_set": int}
ANY_CONVERSATION = {
    "id": str,
    "created": int,
    "is_archived": bool,
    "is_im": bool,
    "is_org_shared": bool,
    "context_team_id": str,
    "updated": int,
}
PICTURES = {f"image_{edge}": str for edge in (24, 32, 48, 72, 192, 512)}

SHAPES: dict[str, Any] = {
    "text": TEXT,
    "bot": BOT,
    "message": MESSAGE,
    "file": FILE,
    "view": VIEW,
    # Events.
    "envelope": {
        "token": str,
        "team_id": str,
        "context_team_id": str,
        "context_enterprise_id": Nullable(str),
        "api_app_id": str,
        "event": dict,
        "type": str,
        "event_id": str,
        "event_time": int,
        "authorizations": [
            {
                "enterprise_id": Nullable(str),
                "team_id": str,
                "user_id": str,
                "is_bot": bool,
                "is_enterprise_install": bool,
            }
        ],
        "is_ext_shared_channel": bool,
        "event_context": str,
    },
    "event message": MESSAGE | IN_CHANNEL,
    "event message_changed": {
        "type": str,
        "subtype": str,
        "hidden": bool,
        "message": CHANGED,
        "previous_message": CHANGED,
        "ts": str,
        **IN_CHANNEL,
    },
    "event message_deleted": {
        "type": str,
        "subtype": str,
        "hidden": bool,
        "deleted_ts": str,
        "previous_message": CHANGED,
        "ts": str,
        **IN_CHANNEL,
    },
    "event app_mention": {
        "type": str,
        "user": str,
        "text": str,
        "ts": str,
        "team": str,
        "channel": str,
        "event_ts": str,
        "client_msg_id": Maybe(str),
        "blocks": Maybe([dict]),
        "thread_ts": Maybe(str),
        "parent_user_id": Maybe(str),
        # Not promised, and no more than this where they are there.
        "files": Maybe([{"id": str}]),
    },
    "event file_shared": {
        "type": str,
        "file_id": str,
        "user_id": str,
        "file": {"id": str},
        "channel_id": str,
        "event_ts": str,
    },
    "event app_home_opened": {
        "type": str,
        "user": str,
        "channel": str,
        "tab": str,
        "event_ts": str,
        "view": Maybe("view"),
    },
    # Interactions.
    "command": {
        "token": str,
        "team_id": str,
        "team_domain": str,
        "channel_id": str,
        "channel_name": str,
        "user_id": str,
        "user_name": str,
        "command": str,
        "text": str,
        "api_app_id": str,
        # A command is a form at heart: even here its truths are words.
        "is_enterprise_install": str,
        "response_url": str,
        "trigger_id": str,
    },
    "shortcut": INTERACTION | {"callback_id": str, "trigger_id": str, "action_ts": str},
    "message_action": INTERACTION
    | {
        "callback_id": str,
        "trigger_id": str,
        "action_ts": str,
        "message_ts": str,
        "channel": PLACE,
        "message": "message",
        "response_url": str,
    },
    "block_actions on a message": INTERACTION
    | {
        "container": ON_MESSAGE,
        "trigger_id": str,
        "channel": PLACE,
        "message": "message",
        "state": {"values": Keyed(Keyed(dict))},
        "response_url": str,
        "actions": [dict],
    },
    "block_actions on an ephemeral message": INTERACTION
    | {
        "container": ON_MESSAGE,
        "trigger_id": str,
        "channel": PLACE,
        "state": {"values": Keyed(Keyed(dict))},
        "response_url": str,
        "actions": [dict],
    },
    "block_actions in a view": INTERACTION
    | {
        "container": {"type": str, "view_id": str},
        "trigger_id": str,
        "view": "view",
        "actions": [dict],
    },
    "block_suggestion": INTERACTION
    | {
        "container": {"type": str, "view_id": str},
        "view": "view",
        "action_id": str,
        "block_id": str,
        "value": str,
    },
    "view_submission": INTERACTION | {"trigger_id": str, "view": "view", "response_urls": [dict]},
    "view_closed": INTERACTION | {"view": "view", "is_cleared": bool},
    "pressed button": {
        "type": str,
        "action_id": str,
        "block_id": str,
        "text": TEXT,
        "value": Maybe(str),
        "style": Maybe(str),
        "url": Maybe(str),
        "confirm": Maybe(dict),
        "action_ts": str,
    },
    "chosen option": {
        "type": str,
        "action_id": str,
        "block_id": str,
        "selected_option": {"text": TEXT, "value": str},
        "initial_option": Maybe({"text": TEXT, "value": str}),
        "placeholder": Maybe(TEXT),
        "confirm": Maybe(dict),
        "action_ts": str,
    },
    # Answers.
    "chat.postMessage": {"ok": bool, "channel": str, "ts": str, "message": "message"},
    "chat.update": {"ok": bool, "channel": str, "ts": str, "text": str, "message": "message"},
    "chat.delete": {"ok": bool, "channel": str, "ts": str},
    "chat.postEphemeral": {"ok": bool, "message_ts": str},
    "chat.getPermalink": {"ok": bool, "channel": str, "permalink": str},
    "views.open": {"ok": bool, "view": "view"},
    "files.getUploadURLExternal": {"ok": bool, "upload_url": str, "file_id": str},
    "files.info": {
        "ok": bool,
        "file": FILE | SHARED,
        "comments": [dict],
        "response_metadata": {"next_cursor": str},
    },
    "user": {
        "id": str,
        "team_id": str,
        "name": str,
        "deleted": bool,
        "color": str,
        "real_name": str,
        "tz": str,
        "tz_label": str,
        "tz_offset": int,
        "profile": {
            "title": str,
            "phone": str,
            "skype": str,
            "real_name": str,
            "real_name_normalized": str,
            "display_name": str,
            "display_name_normalized": str,
            "first_name": str,
            "last_name": str,
            "status_text": str,
            "status_text_canonical": str,
            "status_emoji": str,
            "status_emoji_display_info": [dict],
            "status_expiration": int,
            "avatar_hash": str,
            "team": str,
            "bot_id": Maybe(str),
            "api_app_id": Maybe(str),
            "always_active": Maybe(bool),
            "email": Maybe(str),
            **PICTURES,
        },
        "is_admin": bool,
        "is_owner": bool,
        "is_primary_owner": bool,
        "is_restricted": bool,
        "is_ultra_restricted": bool,
        "is_bot": bool,
        "is_app_user": bool,
        "updated": int,
        "is_email_confirmed": bool,
        "who_can_share_contact_card": str,
        "locale": Maybe(str),
    },
    "channel": ANY_CONVERSATION
    | {
        "name": str,
        "name_normalized": str,
        "is_channel": bool,
        "is_group": bool,
        "is_mpim": bool,
        "is_private": bool,
        "is_general": bool,
        "is_shared": bool,
        "is_ext_shared": bool,
        "is_pending_ext_shared": bool,
        "is_member": bool,
        "creator": str,
        "unlinked": int,
        "shared_team_ids": [str],
        "pending_shared": [str],
        "pending_connected_team_ids": [str],
        "previous_names": [str],
        "topic": TOPIC,
        "purpose": TOPIC,
        "num_members": Maybe(int),
    },
    "direct messages": ANY_CONVERSATION | {"user": str, "is_user_deleted": bool, "priority": int},
    "auth.test": {
        "ok": bool,
        "url": str,
        "team": str,
        "user": str,
        "team_id": str,
        "user_id": str,
        "bot_id": str,
        "is_enterprise_install": bool,
    },
}


def drift(value: Any, shape: Any, path: str = "") -> list[str]:
    """List where a payload is not of its shape; empty when it is."""
    match shape:
        case Maybe(of=of):
            return drift(value, of, path)
        case Nullable(of=of):
            return [] if value is None else drift(value, of, path)
        case Keyed(of=of):
            if not isinstance(value, dict):
                return [f"{path}: no object"]
            return [one for item in value.values() for one in drift(item, of, f"{path}/*")]
        case str():
            return drift(value, SHAPES[shape], path)
        case list():
            if not isinstance(value, list):
                return [f"{path}: no list"]
            return [one for item in value for one in drift(item, shape[0], f"{path}[]")]
        case Mapping():
            return _object_drift(value, shape, path)
        case _:
            right = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
            return [] if right else [f"{path}: {type(value).__name__} and no {shape.__name__}"]


def _object_drift(value: Any, shape: Mapping[str, Any], path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: no object"]
    missing = [
        f"{path}/{key}: missing"
        for key, of in shape.items()
        if key not in value and not isinstance(of, Maybe)
    ]
    unknown = [f"{path}/{key}: unknown" for key in value if key not in shape]
    inner = [one for key in value if key in shape for one in drift(value[key], shape[key], f"{path}/{key}")]
    return missing + unknown + inner
