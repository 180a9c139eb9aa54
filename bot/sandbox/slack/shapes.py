"""How users, conversations, messages and views look in answers and events.

Keys and types follow Slack's object pages and published samples; addresses are made from the current origin.
"""

from bot.sandbox.slack.file_shapes import file_object
from bot.sandbox.slack.records import Channel, Kind, Message, User, View
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import TEAM_NAME, Workspace

AVATARS = (24, 32, 48, 72, 192, 512)
ICONS = (36, 48, 72)
COLOURS = ("9f69e7", "4bbe2e", "e7392d", "3c989f", "674b1b", "e96699")
OFFSETS = {"Europe/London": 0, "Asia/Shanghai": 28800}


def user_object(workspace: Workspace, user: User, *, with_locale: bool = False) -> Json:
    """Render a user as ``users.info`` does."""
    shape: Json = {
        "id": user.id,
        "team_id": workspace.identity.team,
        "name": user.name,
        "deleted": user.deleted,
        "profile": _profile(workspace, user),
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": user.updated,
    }
    if not user.deleted:
        shape |= {
            "color": COLOURS[sum(user.id.encode()) % len(COLOURS)],
            "is_email_confirmed": not user.is_bot,
            "who_can_share_contact_card": "EVERYONE",
            "real_name": user.real_name,
            "tz": user.tz,
            "tz_label": user.tz,
            "tz_offset": OFFSETS.get(user.tz, 0),
            "is_admin": user.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": user.is_guest,
            "is_ultra_restricted": user.is_single_channel_guest,
        }
        if with_locale:
            shape["locale"] = user.locale
    return shape


def _profile(workspace: Workspace, user: User) -> Json:
    first, _, last = user.real_name.partition(" ")
    profile: Json = {
        "title": "",
        "phone": "",
        "skype": "",
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.name,
        "display_name_normalized": user.name,
        "first_name": first,
        "last_name": last,
        "status_text": "",
        "status_text_canonical": "",
        "status_emoji": "",
        "status_emoji_display_info": [],
        "status_expiration": 0,
        "avatar_hash": f"g{user.id.lower()}",
        "team": workspace.identity.team,
        **{f"image_{edge}": f"{workspace.origin}/avatars/{user.id}_{edge}.png" for edge in AVATARS},
    }
    if user.is_bot:
        identity = workspace.identity
        profile |= {"api_app_id": identity.app, "bot_id": identity.bot, "always_active": True}
    return profile


def channel_object(workspace: Workspace, channel: Channel, *, with_count: bool = False) -> Json:
    """Render a conversation as ``conversations.info`` does."""
    shape: Json = {
        "id": channel.id,
        "created": channel.created,
        "is_archived": channel.archived,
        "is_im": channel.kind is Kind.IM,
        "is_org_shared": False,
        "context_team_id": workspace.identity.team,
        # In milliseconds, unlike every other instant of Slack's.
        "updated": channel.created * 1000,
    }
    if channel.kind is Kind.IM:
        others = [m for m in channel.members if m != workspace.identity.bot_user]
        user = others[0] if others else workspace.identity.bot_user
        return shape | {"user": user, "is_user_deleted": workspace.users[user].deleted, "priority": 0}
    shape |= {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind is Kind.PUBLIC,
        "is_group": channel.kind is Kind.PRIVATE,
        "is_mpim": channel.kind is Kind.MPIM,
        "is_private": channel.kind is not Kind.PUBLIC,
        "is_general": channel.name == "general",
        "is_shared": False,
        "is_ext_shared": False,
        "is_pending_ext_shared": False,
        "shared_team_ids": [workspace.identity.team],
        "pending_shared": [],
        "pending_connected_team_ids": [],
        "previous_names": [],
        "unlinked": 0,
        "is_member": workspace.is_bot_in(channel),
        "creator": channel.creator,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }
    if with_count:
        shape["num_members"] = len(channel.members)
    return shape


def bot_profile(workspace: Workspace) -> Json:
    """Render what Slack attaches to a bot's messages."""
    return {
        "id": workspace.identity.bot,
        "app_id": workspace.identity.app,
        "name": workspace.manifest.app_name,
        "icons": {
            f"image_{edge}": f"{workspace.origin}/avatars/{workspace.identity.bot_user}_{edge}.png"
            for edge in ICONS
        },
        "deleted": False,
        "updated": 0,
        "team_id": workspace.identity.team,
    }


def message_object(workspace: Workspace, message: Message, *, with_metadata: bool = False) -> Json:
    """Render a message as it stands in a conversation's history."""
    shape: Json = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    if message.subtype:
        shape["subtype"] = message.subtype
    if message.subtype != "file_share":
        shape["team"] = workspace.identity.team
    if message.client_msg_id:
        shape["client_msg_id"] = message.client_msg_id
    if message.by_bot:
        shape |= {"bot_id": workspace.identity.bot, "app_id": workspace.identity.app}
        shape["bot_profile"] = bot_profile(workspace)
    if message.blocks:
        shape["blocks"] = message.blocks
    if message.attachments:
        shape["attachments"] = message.attachments
    if message.files:
        shape["files"] = [file_object(workspace, workspace.files[f], in_message=True) for f in message.files]
    if message.upload or message.files:
        shape |= {"upload": message.upload, "display_as_bot": False}
    if message.edited_ts:
        shape["edited"] = {"user": message.user, "ts": message.edited_ts}
    if message.reactions:
        shape["reactions"] = [
            {"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()
        ]
    if with_metadata and message.metadata:
        shape["metadata"] = message.metadata
    return shape | _thread_part(workspace, message)


def told_message(workspace: Workspace, message: Message) -> Json:
    """Render a message as the events of its change and its deletion carry it."""
    teams = dict.fromkeys(("user_team", "source_team"), workspace.identity.team)
    return message_object(workspace, message, with_metadata=True) | teams


def _thread_part(workspace: Workspace, message: Message) -> Json:
    if not message.thread_ts:
        return {}
    if message.thread_ts != message.ts:
        parent = workspace.message(message.channel, message.thread_ts)
        return {"thread_ts": message.thread_ts, "parent_user_id": parent.user if parent else message.user}
    replies = workspace.replies(message.channel, message.ts)
    users = list(dict.fromkeys(r.user for r in replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "latest_reply": replies[-1].ts if replies else message.ts,
        "reply_users": users[:5],
        "is_locked": False,
        "subscribed": False,
    }


def view_object(workspace: Workspace, view: View) -> Json:
    """Render a view with what is filled in."""
    identity = workspace.identity
    shape: Json = {
        "id": view.id,
        "team_id": identity.team,
        "app_id": identity.app,
        "app_installed_team_id": identity.team,
        "bot_id": identity.bot,
        "title": {"type": "plain_text", "text": "View Title", "emoji": True},
        "type": view.type,
        "close": None,
        "submit": None,
        "blocks": [],
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "state": {"values": rendered_values(workspace, view.values)},
        "hash": view.hash,
        "clear_on_close": False,
        "notify_on_close": False,
        "root_view_id": view.root,
        "previous_view_id": view.previous,
    }
    return shape | view.body


def rendered_values(workspace: Workspace, values: dict[str, Json]) -> Json:
    """Render a form's state; files in it are objects made at this moment."""
    return {
        block: {
            action: value
            if value.get("type") != "file_input"
            else value | {"files": [file_object(workspace, workspace.files[f]) for f in value["files"]]}
            for action, value in actions.items()
        }
        for block, actions in values.items()
    }


def team_part(workspace: Workspace, domain: str) -> Json:
    """Render the team as interactions carry it."""
    return {"id": workspace.identity.team, "domain": domain}


def person_part(workspace: Workspace, user: User) -> Json:
    """Render the acting person as interactions carry it."""
    return {"id": user.id, "username": user.name, "name": user.name, "team_id": workspace.identity.team}


def about_team(workspace: Workspace) -> Json:
    """Say whose token it is, as ``auth.test`` does."""
    identity = workspace.identity
    return {
        "url": f"{workspace.origin}/",
        "team": TEAM_NAME,
        "user": workspace.manifest.bot_name,
        "team_id": identity.team,
        "user_id": identity.bot_user,
        "bot_id": identity.bot,
        "is_enterprise_install": False,
    }
