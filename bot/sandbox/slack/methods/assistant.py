"""What an app says of itself in a thread while it works: a status that goes by itself, a title, prompts."""

from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import Call, Method
from bot.sandbox.slack.records import Channel, Kind, Message
from bot.sandbox.slack.wire import Json

MAX_LOADING_MESSAGES = 10
MAX_PROMPTS = 4


def set_status(call: Call) -> Json:
    """Show what the app is doing, for two minutes or until it says something; an empty one ends it."""
    arguments = call.arguments
    arguments.require("channel_id", "thread_ts")
    if "status" not in arguments.raw:
        arguments.require("status")
    channel, root = _thread(call)
    loading = arguments.words("loading_messages")
    if len(loading) > MAX_LOADING_MESSAGES:
        raise ApiError(
            "invalid_arguments",
            messages=[f"[ERROR] no more than {MAX_LOADING_MESSAGES} items [json-pointer:/loading_messages]"],
        )
    call.parts.threads.set_status(channel.id, root.ts, arguments.optional("status") or "", loading)
    return {}


def set_title(call: Call) -> Json:
    """Name a thread of the app's direct messages."""
    call.arguments.require("channel_id", "thread_ts", "title")
    channel, root = _own_thread(call)
    call.parts.threads.describe(channel.id, root.ts, title=call.arguments.text("title"))
    return {}


def set_suggested_prompts(call: Call) -> Json:
    """Offer a person something to say."""
    call.arguments.require("channel_id", "thread_ts", "prompts")
    channel, root = _own_thread(call)
    prompts = call.arguments.objects("prompts")
    fit = all(isinstance(p.get(k), str) and p[k] for p in prompts for k in ("title", "message"))
    if not fit or not 1 <= len(prompts) <= MAX_PROMPTS:
        raise ApiError(
            "invalid_arguments",
            messages=[f"[ERROR] 1 to {MAX_PROMPTS} prompts with title and message [json-pointer:/prompts]"],
        )
    call.parts.threads.describe(channel.id, root.ts, prompts=prompts)
    return {}


def _thread(call: Call) -> tuple[Channel, Message]:
    channel = call.channel("channel_id")
    root = call.workspace.message(channel.id, call.arguments.text("thread_ts"))
    if root is None or root.ephemeral_to is not None or root.thread_ts not in (None, root.ts):
        raise ApiError("invalid_thread_ts")
    if not call.workspace.is_bot_in(channel):
        raise ApiError("channel_not_found")
    return channel, root


def _own_thread(call: Call) -> tuple[Channel, Message]:
    channel, root = _thread(call)
    if channel.kind is not Kind.IM:
        raise ApiError("channel_not_found")
    return channel, root


METHODS = (
    # Newer apps are granted it with chat:write, older ones had a scope for it.
    Method("assistant.threads.setStatus", set_status, ("chat:write", "assistant:write")),
    Method("assistant.threads.setTitle", set_title, ("assistant:write",)),
    Method("assistant.threads.setSuggestedPrompts", set_suggested_prompts, ("assistant:write",)),
)
