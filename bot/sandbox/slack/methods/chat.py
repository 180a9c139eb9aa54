"""Messages: post, update, delete, whisper, link."""

from dataclasses import replace

from bot.sandbox.slack.content import CUT_ABOVE, UPDATE_LIMIT
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import Call, Method
from bot.sandbox.slack.methods._speaking import (
    content_of,
    find_message,
    metadata_of,
    parent_of,
    refuse_as_user,
    speakable,
)
from bot.sandbox.slack.shapes import message_object
from bot.sandbox.slack.wire import Json


def post_message(call: Call) -> Json:
    """Say something where the bot may speak."""
    refuse_as_user(call)
    channel = speakable(call)
    content = content_of(call)
    parent = parent_of(call, channel)
    metadata = metadata_of(call)
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
    message = find_message(call, channel, "ts")
    if not message.by_bot or message.subtype == "tombstone":
        raise ApiError("cant_update_message")
    if message.stream is not None:
        raise ApiError("streaming_state_conflict")
    window = call.parts.settings.edit_window
    if window is not None and call.workspace.clock.now() - float(message.ts) > window:
        raise ApiError("edit_window_closed")
    content = content_of(call)
    if len(content.text) > UPDATE_LIMIT:
        raise ApiError("msg_too_long")
    # A new text without blocks removes the blocks; anything else that is not sent stays as it was.
    kept = {"attachments"} if content.text else {"text", "blocks", "attachments"}
    given = call.arguments.raw.keys() & kept
    changes = {key: value for key, value in content.parts().items() if key not in kept - given}
    if call.arguments.raw.get("metadata") not in (None, ""):
        changes["metadata"] = metadata_of(call)
    changed = call.parts.posting.change(message, mark=not content.blocks, **changes)
    shape = message_object(call.workspace, changed, with_metadata=True)
    return {"channel": channel.id, "ts": changed.ts, "text": changed.text, "message": shape}


def delete(call: Call) -> Json:
    """Take back what the bot itself said."""
    call.arguments.require("channel", "ts")
    channel = call.channel()
    message = find_message(call, channel, "ts")
    if not message.by_bot or message.subtype == "tombstone":
        raise ApiError("cant_delete_message")
    call.parts.posting.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(call: Call) -> Json:
    """Say something to one person in a conversation."""
    call.arguments.require("channel", "user")
    channel = speakable(call)
    user = call.arguments.text("user")
    if user not in channel.members or call.workspace.users[user].deleted:
        raise ApiError("user_not_in_channel")
    content = content_of(call)
    if len(content.text) > CUT_ABOVE:
        raise ApiError("msg_too_long")
    parent = parent_of(call, channel)
    message = call.parts.posting.whisper(
        channel, user, thread_ts=parent.ts if parent else None, **content.parts()
    )
    return {"message_ts": message.ts}


def get_permalink(call: Call) -> Json:
    """Give a message's address."""
    call.arguments.require("channel", "message_ts")
    channel = call.channel()
    message = find_message(call, channel, "message_ts")
    return {"channel": channel.id, "permalink": call.workspace.permalink(message)}


METHODS = (
    Method("chat.postMessage", post_message, ("chat:write",)),
    Method("chat.update", update, ("chat:write",)),
    Method("chat.delete", delete, ("chat:write",)),
    Method("chat.postEphemeral", post_ephemeral, ("chat:write",)),
    Method("chat.getPermalink", get_permalink),
)
