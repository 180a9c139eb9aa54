"""Emoji under messages: put, take away, look, list one's own."""

from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import Call, Method, page
from bot.sandbox.slack.methods._speaking import find_message
from bot.sandbox.slack.records import Channel, Message
from bot.sandbox.slack.shapes import message_object
from bot.sandbox.slack.wire import Json

MAX_REACTIONS = 50
MAX_EMOJI = 23


def add(call: Call) -> Json:
    """Put an emoji under a message."""
    channel, message = _item(call)
    name = _name(call)
    if channel.archived:
        raise ApiError("is_archived")
    if call.bot in message.reactions.get(name, ()):
        raise ApiError("already_reacted")
    if name not in message.reactions and len(message.reactions) >= MAX_REACTIONS:
        raise ApiError("too_many_reactions")
    if sum(call.bot in users for users in message.reactions.values()) >= MAX_EMOJI:
        raise ApiError("too_many_emoji")
    call.parts.posting.react(message, call.bot, name)
    return {}


def remove(call: Call) -> Json:
    """Take one's own emoji away again."""
    _, message = _item(call)
    name = _name(call)
    if call.bot not in message.reactions.get(name, ()):
        raise ApiError("no_reaction")
    call.parts.posting.unreact(message, call.bot, name)
    return {}


def get(call: Call) -> Json:
    """Show a message with everything under it."""
    channel, message = _item(call)
    shape = message_object(call.workspace, message) | {"permalink": call.workspace.permalink(message)}
    return {"type": "message", "channel": channel.id, "message": shape}


def list_reactions(call: Call) -> Json:
    """List what somebody, the bot unless another is named, has put emoji under."""
    user = call.arguments.optional("user") or call.bot
    if user not in call.workspace.users:
        raise ApiError("user_not_found")
    items = [
        {"type": "message", "channel": channel.id, "message": message_object(call.workspace, message)}
        for channel in call.workspace.channels.values()
        if call.workspace.is_bot_in(channel)
        for message in call.workspace.messages(channel.id)
        if any(user in users for users in message.reactions.values())
    ]
    cut, cursor = page(items, call, 100)
    return {"items": cut, "response_metadata": {"next_cursor": cursor}}


def _item(call: Call) -> tuple[Channel, Message]:
    if "timestamp" not in call.arguments:
        raise ApiError("no_item_specified")
    call.arguments.require("channel")
    channel = call.channel()
    ts = call.arguments.text("timestamp")
    if not ts.replace(".", "", 1).isdigit():
        raise ApiError("bad_timestamp")
    return channel, find_message(call, channel, "timestamp")


def _name(call: Call) -> str:
    name = call.arguments.text("name").strip(":")
    if not name.replace("_", "").replace("-", "").replace("+", "").replace("'", "").isalnum():
        raise ApiError("invalid_name")
    return name


METHODS = (
    Method("reactions.add", add, ("reactions:write",)),
    Method("reactions.remove", remove, ("reactions:write",)),
    Method("reactions.get", get, ("reactions:read",)),
    Method("reactions.list", list_reactions, ("reactions:read",)),
)
