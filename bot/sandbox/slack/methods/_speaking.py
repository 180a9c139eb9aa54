"""What every way of speaking shares: where the bot may, under what, and what may be said."""

from bot.sandbox.slack.content import Content, read_content, read_metadata
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import Call
from bot.sandbox.slack.records import Channel, Kind, Message, PostingRule
from bot.sandbox.slack.wire import Json

RESTRICTED = {
    PostingRule.ADMINS: "restricted_action_read_only_channel",
    PostingRule.IN_THREADS: "restricted_action_thread_only_channel",
    PostingRule.NOT_IN_THREADS: "restricted_action_non_threadable_channel",
}


def refuse_as_user(call: Call) -> None:
    """Refuse what only apps of another age could do."""
    if call.arguments.flag("as_user"):
        raise ApiError("as_user_not_supported")


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


def may_speak_by_rule(call: Call, channel: Channel, *, in_thread: bool) -> None:
    """Refuse what the channel's admins or the workspace's plan do not let through."""
    rule = channel.rule
    if rule is PostingRule.ADMINS or (
        rule is not PostingRule.EVERYBODY and (rule is PostingRule.IN_THREADS) != in_thread
    ):
        raise ApiError(RESTRICTED[rule])
    if call.parts.settings.over_message_limit:
        raise ApiError("message_limit_exceeded")


def speakable(call: Call) -> Channel:
    """Find the conversation to speak in, by its id, its name or a person in it."""
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
    may_speak_by_rule(call, channel, in_thread="thread_ts" in call.arguments)
    return channel


def _channel_id(call: Call, name: str) -> str:
    if not name.startswith("#"):
        return name
    named = [c.id for c in call.workspace.channels.values() if c.name == name[1:]]
    return named[0] if named else name


def parent_of(call: Call, channel: Channel) -> Message | None:
    """Find the message to reply to, if the call names one."""
    thread_ts = call.arguments.optional("thread_ts")
    return find_parent(call, channel, thread_ts) if thread_ts else None


def find_message(call: Call, channel: Channel, argument: str) -> Message:
    """Find a message that an argument names by its ts."""
    message = call.workspace.message(channel.id, call.arguments.text(argument))
    if message is None or message.ephemeral_to is not None:
        raise ApiError("message_not_found")
    return message


def content_of(call: Call) -> Content:
    """Read what is to be said: text, blocks, attachments, in Slack's combinations of them."""
    arguments = call.arguments
    return read_content(
        call.workspace.poster,
        arguments.optional("text") or "",
        arguments.structure("blocks", error="invalid_blocks_format"),
        arguments.structure("attachments", error="invalid_attachments"),
        arguments.optional("markdown_text"),
    )


def metadata_of(call: Call) -> Json | None:
    """Read the metadata a message is to carry, if any."""
    return read_metadata(call.arguments.structure("metadata", error="invalid_metadata_format"))
