"""Streamed messages: begun under somebody's request, grown piece by piece, and finished."""

from collections.abc import Iterable
from typing import Any

from bot.sandbox.slack.content import MARKDOWN_LIMIT, check_blocks
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import Call, Method
from bot.sandbox.slack.methods._speaking import find_message, find_parent, metadata_of, speakable
from bot.sandbox.slack.records import Channel, Kind, Message, Stream
from bot.sandbox.slack.shapes import message_object
from bot.sandbox.slack.wire import Json

MODES = ("timeline", "plan")
STATUSES = ("pending", "in_progress", "complete", "error")
TASK_TEXTS = ("details", "output")


def start(call: Call) -> Json:
    """Begin a message in a thread; what it says so far may be nothing."""
    arguments = call.arguments
    arguments.require("channel", "thread_ts")
    channel = speakable(call)
    if channel.kind is not Kind.IM:
        _check_recipient(call)
    mode = arguments.optional("task_display_mode")
    if mode is not None and mode not in MODES:
        raise ApiError(
            "invalid_arguments",
            messages=["[ERROR] must be timeline or plan [json-pointer:/task_display_mode]"],
        )
    parent = find_parent(call, channel, arguments.text("thread_ts"))
    stream = Stream(mode or "timeline")
    _grow(call, stream, _pieces(call))
    message = call.parts.posting.say(
        channel,
        call.bot,
        stream.text(),
        blocks=stream.blocks(),
        thread_ts=parent.ts,
        stream=stream,
    )
    return {"channel": channel.id, "ts": message.ts}


def append(call: Call) -> Json:
    """Let the message grow."""
    channel, message, stream = _streaming(call)
    pieces = _pieces(call)
    if not pieces:
        raise ApiError("no_text")
    _grow(call, stream, pieces)
    call.parts.posting.grow(message, text=stream.text(), blocks=stream.blocks(), stream=stream)
    return {"channel": channel.id, "ts": message.ts}


def stop(call: Call) -> Json:
    """Finish the message, with blocks of its own at the end; from now on it is like any other."""
    channel, message, stream = _streaming(call)
    metadata = metadata_of(call)
    _grow(call, stream, _pieces(call))
    blocks = call.arguments.structure("blocks", error="invalid_blocks_format") or []
    check_blocks(call.workspace.poster, blocks)
    changes: Json = {"text": stream.text(), "blocks": [*stream.blocks(), *blocks], "stream": None}
    if metadata is not None:
        changes["metadata"] = metadata
    done = call.parts.posting.change(message, mark=False, **changes)
    shape = message_object(call.workspace, done, with_metadata=True)
    return {"channel": channel.id, "ts": done.ts, "message": shape}


def _check_recipient(call: Call) -> None:
    user, team = call.arguments.optional("recipient_user_id"), call.arguments.optional("recipient_team_id")
    if user is None:
        raise ApiError("missing_recipient_user_id")
    if team is None:
        raise ApiError("missing_recipient_team_id")
    if user not in call.workspace.users:
        raise ApiError("user_not_found")
    if team != call.workspace.identity.team:
        raise ApiError("team_not_found")


def _streaming(call: Call) -> tuple[Channel, Message, Stream]:
    call.arguments.require("channel", "ts")
    channel = call.channel()
    message = find_message(call, channel, "ts")
    if not message.by_bot:
        raise ApiError("message_not_owned_by_app")
    if message.stream is None:
        raise ApiError("message_not_in_streaming_state")
    return channel, message, message.stream.copy()


def _pieces(call: Call) -> list[Json]:
    """Read what is to be added: chunks, or words alone."""
    words = call.arguments.optional("markdown_text")
    chunks = call.arguments.objects("chunks", error="invalid_chunks")
    if words is not None:
        chunks = [{"type": "markdown_text", "text": words}, *chunks]
    return chunks


def _grow(call: Call, stream: Stream, pieces: Iterable[Json]) -> None:
    for piece in pieces:
        match piece.get("type"):
            case "markdown_text" if isinstance(piece.get("text"), str):
                if len(piece["text"]) > MARKDOWN_LIMIT:
                    raise ApiError("msg_blocks_too_long")
                stream.say(piece["text"])
            case "plan_update" if isinstance(piece.get("title"), str):
                stream.title = piece["title"]
            case "task_update" if _is_task(piece):
                stream.task({k: v for k, v in piece.items() if k != "type" and v is not None})
            case "blocks" if isinstance(piece.get("blocks"), list):
                check_blocks(call.workspace.poster, piece["blocks"])
                stream.show(piece["blocks"])
            case _:
                raise ApiError("invalid_chunks")


def _is_task(piece: Json) -> bool:
    texts: list[Any] = [piece.get(k, "") for k in TASK_TEXTS]
    return (
        isinstance(piece.get("id"), str)
        and isinstance(piece.get("title"), str)
        and piece.get("status") in STATUSES
        and all(isinstance(t, str | None) for t in texts)
        and isinstance(piece.get("sources") or [], list)
    )


METHODS = (
    Method("chat.startStream", start, ("chat:write",)),
    Method("chat.appendStream", append, ("chat:write",)),
    Method("chat.stopStream", stop, ("chat:write",)),
)
