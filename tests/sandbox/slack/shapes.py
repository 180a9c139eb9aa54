"""What Slack's payloads look like, key by key: facts read off its published samples, in a form of our own.

A type is a Python type, the name of another shape, ``[of]`` for a list, or one of the three below. A payload
has all the keys of its shape that are not optional, and no others; so a drift fails, in either direction.
What stands in ``published.json`` is taken from there: here is only said which of its keys are always sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.sandbox.slack.samples import sample


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
ANY_CONVERSATION = "id created is_archived is_im is_org_shared context_team_id updated"
ENVELOPE = """
    token team_id context_team_id api_app_id type event_id event_time is_ext_shared_channel event_context"""
AUTHORIZATION = "team_id user_id is_bot is_enterprise_install"
USER = """
    id team_id name deleted color real_name tz tz_label tz_offset is_admin is_owner is_primary_owner
    is_restricted is_ultra_restricted is_bot is_app_user updated is_email_confirmed
    who_can_share_contact_card"""
PROFILE = """
    title phone skype real_name real_name_normalized display_name display_name_normalized first_name last_name
    status_text status_text_canonical status_emoji status_emoji_display_info status_expiration avatar_hash
    team image_24 image_32 image_48 image_72 image_192 image_512"""
CHANNEL = """
    name name_normalized is_channel is_group is_mpim is_private is_general is_shared is_ext_shared
    is_pending_ext_shared is_member creator unlinked shared_team_ids pending_shared pending_connected_team_ids
    previous_names topic/value topic/creator topic/last_set purpose/value purpose/creator purpose/last_set"""


def sometimes(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The same keys, where any of them may be missing."""
    return {key: Maybe(of) for key, of in shape.items()}


SHAPES: dict[str, Any] = {
    "text": TEXT,
    "bot": BOT,
    "message": MESSAGE,
    "file": FILE,
    "view": VIEW,
    # Events.
    "envelope": sample("reaction_added", ENVELOPE)
    | {
        "event": dict,
        "context_enterprise_id": Nullable(str),
        "authorizations": [
            sample("reaction_added", AUTHORIZATION, "/authorizations/*") | {"enterprise_id": Nullable(str)}
        ],
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
    "user": sample("users.info", USER, "/user")
    | sometimes(sample("users.info", "locale", "/user"))
    | {
        "profile": sample("users.info", PROFILE, "/user/profile")
        | sometimes(sample("users.info", "bot_id api_app_id always_active email", "/user/profile"))
    },
    "channel": sample("conversations.info", f"{ANY_CONVERSATION} {CHANNEL}", "/channel")
    | sometimes(sample("conversations.info", "num_members", "/channel")),
    "direct messages": sample("conversations.open", f"{ANY_CONVERSATION} user priority", "/channel")
    # Told by Slack, and in no sample of this method.
    | {"is_user_deleted": bool},
    "auth.test": sample("auth.test", "ok url team user team_id user_id bot_id is_enterprise_install"),
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
