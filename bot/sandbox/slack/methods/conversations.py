"""Conversations: open, look, list, join, and what was said in them."""

from collections.abc import Callable

from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import HISTORY, READ, Call, Method, page
from bot.sandbox.slack.records import Channel, Kind, Message, User
from bot.sandbox.slack.shapes import channel_object, message_object
from bot.sandbox.slack.wire import Json

MAX_PEOPLE = 8
LIMITED_PAGE = 15
TYPES = {"public_channel": Kind.PUBLIC, "private_channel": Kind.PRIVATE, "im": Kind.IM, "mpim": Kind.MPIM}


def open_conversation(call: Call) -> Json:
    """Find or open the direct conversation with one person or several."""
    arguments = call.arguments
    if "channel" in arguments:
        channel = call.channel()
        if channel.kind not in (Kind.IM, Kind.MPIM):
            raise ApiError("method_not_supported_for_channel_type")
        return {"no_op": True, "already_open": True, "channel": _opened(call, channel)}
    names = arguments.words("users")
    if not names:
        raise ApiError("users_list_not_supplied")
    people = [name for name in dict.fromkeys(names) if name != call.bot]
    if not people:
        raise ApiError("cannot_dm_bot")
    if len(people) > MAX_PEOPLE:
        raise ApiError("too_many_users")
    call.need("im:write" if len(people) == 1 else "mpim:write")
    for user in [_known(call, name) for name in people]:
        _check_reachable(call, user)
    if (
        arguments.flag("prevent_creation")
        and call.workspace.existing_conversation([*people, call.bot]) is None
    ):
        raise ApiError("channel_not_found")
    before = len(call.workspace.channels)
    channel = call.workspace.conversation_of([*people, call.bot])
    answer: Json = {"channel": _opened(call, channel)}
    if len(call.workspace.channels) == before:
        answer |= {"no_op": True, "already_open": True}
    return answer


def info(call: Call) -> Json:
    """Describe a conversation."""
    channel = call.channel(scopes=READ)
    shape = channel_object(call.workspace, channel, with_count=call.arguments.flag("include_num_members"))
    if call.arguments.flag("include_locale"):
        shape["locale"] = "en-US"
    return {"channel": shape}


def members(call: Call) -> Json:
    """List who is in a conversation."""
    channel = call.channel(scopes=READ)
    cut, cursor = page(channel.members, call, 100)
    return {"members": list(cut), "response_metadata": {"next_cursor": cursor}}


def join(call: Call) -> Json:
    """Join a public channel."""
    channel = call.channel()
    if channel.kind is not Kind.PUBLIC:
        raise ApiError("method_not_supported_for_channel_type")
    if channel.archived:
        raise ApiError("is_archived")
    if call.workspace.is_bot_in(channel):
        shape = channel_object(call.workspace, channel)
        warned = {"response_metadata": {"warnings": ["already_in_channel"]}}
        return {"channel": shape, "warning": "already_in_channel", **warned}
    call.parts.moves.move(call.workspace.users[call.bot], channel, member=True)
    return {"channel": channel_object(call.workspace, channel)}


def leave(call: Call) -> Json:
    """Leave a channel; to leave one twice does no harm."""
    channel = call.channel()
    if channel.kind not in (Kind.PUBLIC, Kind.PRIVATE):
        raise ApiError("method_not_supported_for_channel_type")
    if channel.archived:
        raise ApiError("is_archived")
    if channel.name == "general":
        raise ApiError("cant_leave_general")
    if not call.workspace.is_bot_in(channel):
        return {"not_in_channel": True}
    if channel.members == [call.bot]:
        raise ApiError("last_member")
    call.parts.moves.move(call.workspace.users[call.bot], channel, member=False)
    return {}


def close(call: Call) -> Json:
    """Put a direct conversation away; it opens again with the next word."""
    channel = call.channel()
    if channel.kind not in (Kind.IM, Kind.MPIM):
        raise ApiError("method_not_supported_for_channel_type")
    call.need("im:write" if channel.kind is Kind.IM else "mpim:write")
    return {}


def list_conversations(call: Call) -> Json:
    """List the conversations the bot can see."""
    return _listed(call, lambda channel: channel.kind is Kind.PUBLIC or call.workspace.is_bot_in(channel))


def conversations_of(call: Call) -> Json:
    """List the conversations somebody is in, the bot unless another is named, as far as the bot sees."""
    user = call.arguments.optional("user") or call.bot
    if user not in call.workspace.users:
        raise ApiError("user_not_found")
    return _listed(
        call,
        lambda channel: (
            user in channel.members and (channel.kind is Kind.PUBLIC or call.workspace.is_bot_in(channel))
        ),
    )


def _listed(call: Call, wanted: Callable[[Channel], bool]) -> Json:
    types = call.arguments.words("types") or ["public_channel"]
    if not set(types) <= set(TYPES):
        raise ApiError("invalid_types")
    kinds = {TYPES[t] for t in types}
    for kind in kinds:
        call.need(READ[kind])
    exclude = call.arguments.flag("exclude_archived")
    found = [
        channel_object(call.workspace, channel, with_count=True)
        for channel in call.workspace.channels.values()
        if channel.kind in kinds and wanted(channel) and not (exclude and channel.archived)
    ]
    cut, cursor = page(found, call, 100)
    return {"channels": cut, "response_metadata": {"next_cursor": cursor}}


def history(call: Call) -> Json:
    """Read a conversation, newest first; replies only where they were broadcast."""
    channel = _readable(call)
    said = [
        m
        for m in call.workspace.messages(channel.id)
        if m.ephemeral_to is None and (m.thread_ts in (None, m.ts) or m.broadcast)
    ]
    cut, cursor = page(_between(call, said)[::-1], call, 100, most=_most(call))
    answer: Json = {"messages": [_shape(call, m) for m in cut], "has_more": bool(cursor), "pin_count": 0}
    if cursor:
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def replies(call: Call) -> Json:
    """Read a thread, its first message included, oldest first."""
    call.arguments.require("channel", "ts")
    channel = _readable(call)
    parent = call.workspace.message(channel.id, call.arguments.text("ts"))
    if parent is None or parent.ephemeral_to is not None:
        raise ApiError("thread_not_found")
    under = [] if parent.thread_ts not in (None, parent.ts) else call.workspace.replies(channel.id, parent.ts)
    cut, cursor = page([parent, *_between(call, under)], call, 999, most=_most(call))
    answer: Json = {"messages": [_shape(call, m) for m in cut], "has_more": bool(cursor)}
    if cursor:
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def _opened(call: Call, channel: Channel) -> Json:
    if call.arguments.flag("return_im"):
        return channel_object(call.workspace, channel)
    return {"id": channel.id}


def _most(call: Call) -> int:
    return LIMITED_PAGE if call.parts.settings.history_limited else 999


def _check_reachable(call: Call, user: User) -> None:
    if user.deleted:
        raise ApiError("user_disabled")
    if user.is_bot:
        raise ApiError("cannot_dm_bot")
    # A guest sees those they share a channel with, and is seen by nobody else.
    shared = any(
        user.id in c.members and call.workspace.is_bot_in(c) for c in call.workspace.channels.values()
    )
    if user.is_guest and not shared:
        raise ApiError("user_not_visible")


def _known(call: Call, name: str) -> User:
    user = call.workspace.users.get(name)
    if user is None:
        raise ApiError("user_not_found")
    return user


def _readable(call: Call) -> Channel:
    channel = call.channel(scopes=HISTORY)
    if not call.workspace.is_bot_in(channel):
        raise ApiError("not_in_channel")
    return channel


def _between(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = call.arguments.optional("oldest"), call.arguments.optional("latest")
    if oldest is None and latest is None:
        return messages
    inclusive = call.arguments.flag("inclusive")
    low, high = _micros(oldest, "invalid_ts_oldest"), _micros(latest, "invalid_ts_latest")
    chosen = []
    for message in messages:
        at = _micros(message.ts, "internal_error") or 0
        if low is not None and (at < low or (at == low and not inclusive)):
            continue
        if high is not None and (at > high or (at == high and not inclusive)):
            continue
        chosen.append(message)
    return chosen


def _micros(ts: str | None, error: str) -> int | None:
    if ts is None:
        return None
    seconds, _, fraction = ts.partition(".")
    if not seconds.isdigit() or not (fraction or "0").isdigit():
        raise ApiError(error)
    return int(seconds) * 1_000_000 + int(fraction.ljust(6, "0")[:6] or "0")


def _shape(call: Call, message: Message) -> Json:
    return message_object(call.workspace, message, with_metadata=call.arguments.flag("include_all_metadata"))


METHODS = (
    Method("conversations.open", open_conversation, ("im:write", "mpim:write")),
    Method("conversations.info", info, tuple(READ.values())),
    Method("conversations.members", members, tuple(READ.values())),
    Method("conversations.join", join, ("channels:join",)),
    Method("conversations.leave", leave, ("channels:manage", "channels:join", "groups:write")),
    Method("conversations.close", close, ("im:write", "mpim:write")),
    Method("users.conversations", conversations_of, tuple(READ.values())),
    Method("conversations.list", list_conversations, tuple(READ.values())),
    Method("conversations.history", history, tuple(HISTORY.values())),
    Method("conversations.replies", replies, tuple(HISTORY.values())),
)
