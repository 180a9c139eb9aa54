"""Messages: post, update, delete, whisper, link, react."""

from dataclasses import replace

from bot.sandbox.slack.content import CUT_ABOVE, UPDATE_LIMIT, Content, read_content, read_metadata
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import Call, Method
from bot.sandbox.slack.records import Channel, Kind, Message
from bot.sandbox.slack.shapes import message_object
from bot.sandbox.slack.wire import Json


def post_message(call: Call) -> Json:
    """Say something where the bot may speak."""
    channel = _speakable(call)
    content = _content(call)
    parent = _parent(call, channel)
    metadata = _metadata(call)
    answer: Json = {}
    if len(content.text) > CUT_ABOVE:
        content = replace(content, text=content.text[:CUT_ABOVE])
        answer = {"warning": "message_truncated", "response_metadata": {"warnings": ["message_truncated"]}}
    message = call.parts.posting.say(
        channel,
        call.bot,
        thread_ts=parent.ts if parent else None,
        metadata=metadata,
        broadcast=parent is not None and call.arguments.flag("reply_broadcast"),
        unfurl=call.arguments.flag("unfurl_links"),
        **content.parts(),
    )
    shape = message_object(call.workspace, message, with_metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": shape, **answer}


def update(call: Call) -> Json:
    """Change what the bot itself said."""
    call.arguments.require("channel", "ts")
    channel = call.channel()
    message = _message(call, channel, "ts")
    if not message.by_bot or message.subtype == "tombstone":
        raise ApiError("cant_update_message")
    content = _content(call)
    if len(content.text) > UPDATE_LIMIT:
        raise ApiError("msg_too_long")
    # A new text without blocks removes the blocks; anything else that is not sent stays as it was.
    kept = {"attachments"} if content.text else {"text", "blocks", "attachments"}
    given = call.arguments.raw.keys() & kept
    changes = {key: value for key, value in content.parts().items() if key not in kept - given}
    if call.arguments.raw.get("metadata") not in (None, ""):
        changes["metadata"] = _metadata(call)
    changed = call.parts.posting.change(message, mark=not content.blocks, **changes)
    shape = message_object(call.workspace, changed, with_metadata=True)
    return {"channel": channel.id, "ts": changed.ts, "text": changed.text, "message": shape}


def delete(call: Call) -> Json:
    """Take back what the bot itself said."""
    call.arguments.require("channel", "ts")
    channel = call.channel()
    message = _message(call, channel, "ts")
    if not message.by_bot or message.subtype == "tombstone":
        raise ApiError("cant_delete_message")
    call.parts.posting.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(call: Call) -> Json:
    """Say something to one person in a conversation."""
    call.arguments.require("channel", "user")
    channel = _speakable(call)
    user = call.arguments.text("user")
    if user not in channel.members or call.workspace.users[user].deleted:
        raise ApiError("user_not_in_channel")
    content = _content(call)
    if len(content.text) > CUT_ABOVE:
        raise ApiError("msg_too_long")
    parent = _parent(call, channel)
    message = call.parts.posting.whisper(
        channel, user, thread_ts=parent.ts if parent else None, **content.parts()
    )
    return {"message_ts": message.ts}


def get_permalink(call: Call) -> Json:
    """Give a message's address."""
    call.arguments.require("channel", "message_ts")
    channel = call.channel()
    message = _message(call, channel, "message_ts")
    return {"channel": channel.id, "permalink": call.workspace.permalink(message)}


def add_reaction(call: Call) -> Json:
    """Put an emoji under a message."""
    if "timestamp" not in call.arguments:
        raise ApiError("no_item_specified")
    call.arguments.require("channel", "name")
    channel = call.channel()
    message = _message(call, channel, "timestamp")
    name = call.arguments.text("name").strip(":")
    if not name.replace("_", "").replace("-", "").replace("+", "").isalnum():
        raise ApiError("invalid_name")
    if call.bot in message.reactions.get(name, ()):
        raise ApiError("already_reacted")
    call.parts.posting.react(message, call.bot, name)
    return {}


def may_speak(call: Call, channel: Channel) -> None:
    """Refuse a conversation the bot cannot post in."""
    if channel.archived:
        raise ApiError("is_archived")
    if channel.kind is Kind.IM and not call.parts.settings.messages_tab_enabled:
        raise ApiError("messages_tab_disabled")
    if not call.workspace.is_bot_in(channel):
        raise ApiError("not_in_channel")


def find_parent(call: Call, channel: Channel, thread_ts: str) -> Message:
    """Find the message a thread hangs on; a reply is not one."""
    parent = call.workspace.message(channel.id, thread_ts)
    if parent is None or parent.ephemeral_to is not None:
        raise ApiError("thread_not_found")
    if parent.thread_ts not in (None, parent.ts) or parent.subtype == "tombstone":
        raise ApiError("cannot_reply_to_message")
    return parent


def _speakable(call: Call) -> Channel:
    name = call.arguments.text("channel")
    if name in call.workspace.users:
        user = call.workspace.users[name]
        if user.deleted or user.is_bot:
            raise ApiError("channel_not_found")
        channel = call.workspace.conversation_of([user.id, call.bot])
    else:
        channel = call.workspace.visible_channel(_channel_id(call, name))
    public = channel.kind is Kind.PUBLIC and "chat:write.public" in call.scopes
    if not (public and not channel.archived):
        may_speak(call, channel)
    return channel


def _channel_id(call: Call, name: str) -> str:
    if not name.startswith("#"):
        return name
    named = [c.id for c in call.workspace.channels.values() if c.name == name[1:]]
    return named[0] if named else name


def _parent(call: Call, channel: Channel) -> Message | None:
    thread_ts = call.arguments.optional("thread_ts")
    return find_parent(call, channel, thread_ts) if thread_ts else None


def _message(call: Call, channel: Channel, argument: str) -> Message:
    message = call.workspace.message(channel.id, call.arguments.text(argument))
    if message is None or message.ephemeral_to is not None:
        raise ApiError("message_not_found")
    return message


def _content(call: Call) -> Content:
    arguments = call.arguments
    return read_content(
        call.workspace.poster,
        arguments.optional("text") or "",
        arguments.structure("blocks", error="invalid_blocks_format"),
        arguments.structure("attachments", error="invalid_attachments"),
        arguments.optional("markdown_text"),
    )


def _metadata(call: Call) -> Json | None:
    return read_metadata(call.arguments.structure("metadata", error="invalid_metadata_format"))


METHODS = (
    Method("chat.postMessage", post_message, ("chat:write",)),
    Method("chat.update", update, ("chat:write",)),
    Method("chat.delete", delete, ("chat:write",)),
    Method("chat.postEphemeral", post_ephemeral, ("chat:write",)),
    Method("chat.getPermalink", get_permalink),
    Method("reactions.add", add_reaction, ("reactions:write",)),
)
