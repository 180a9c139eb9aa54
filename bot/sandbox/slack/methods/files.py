"""Files: the upload in its steps, facts, lists and removal."""

from typing import Any

from bot.sandbox.slack.content import check_blocks
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.file_shapes import file_details, file_object
from bot.sandbox.slack.images import media_type
from bot.sandbox.slack.methods._registry import Call, Method
from bot.sandbox.slack.methods._speaking import RESTRICTED, find_parent, may_speak
from bot.sandbox.slack.records import Channel, File
from bot.sandbox.slack.wire import Json, Scenario

MAX_ALT_TEXT = 1000
MAX_CHANNELS = 100
# Filter of files.list -> the beginning of the media types it stands for; None for those that are none here.
TYPES = {
    "all": "",
    "images": "image/",
    "pdfs": "application/pdf",
    "zips": "application/zip",
    "snippets": "text/",
    "gdocs": None,
    "spaces": None,
}
SNIPPETS = frozenset(
    {"text", "python", "javascript", "json", "yaml", "shell", "sql", "html", "css", "markdown"}
)


def get_upload_url(call: Call) -> Json:
    """Step one of an upload: an address for the bytes."""
    # This method has a word of its own for what is missing.
    if "filename" not in call.arguments or "length" not in call.arguments:
        raise ApiError("missing_argument")
    length = call.arguments.number("length")
    alt_txt = call.arguments.optional("alt_txt")
    if alt_txt is not None and len(alt_txt) > MAX_ALT_TEXT:
        raise ApiError("alt_txt_too_large")
    if length <= 0:
        raise ApiError(
            "invalid_arguments", messages=["[ERROR] must be greater than 0 [json-pointer:/length]"]
        )
    name = call.arguments.text("filename")
    if call.arguments.optional("snippet_type") not in (None, *SNIPPETS):
        raise ApiError("unknown_snippet_type")
    _check_policy(call, name, length)
    file, token = call.parts.uploads.begin(name, length, alt_txt)
    return {"upload_url": f"{call.workspace.origin}/upload/v1/{token}", "file_id": file.id}


def complete_upload(call: Call) -> Json:
    """Step three of an upload: name the files and where they shall appear, which they do later."""
    arguments = call.arguments
    arguments.require("files")
    named = arguments.objects("files")
    if not named or not all(isinstance(f.get("id"), str) for f in named):
        raise ApiError(
            "invalid_arguments", messages=["[ERROR] missing required field: id [json-pointer:/files/0]"]
        )
    files = call.workspace.files
    _check_types(call, [files[f["id"]].name for f in named if f["id"] in files])
    channels = _channels(call)
    thread_ts = arguments.optional("thread_ts")
    if thread_ts is not None:
        if len(channels) != 1:
            raise ApiError("invalid_arguments", messages=["[ERROR] thread_ts needs exactly one channel"])
        find_parent(call, channels[0], thread_ts)
    comment = arguments.optional("initial_comment") or ""
    blocks = arguments.structure("blocks", error="invalid_blocks")
    if blocks is not None:
        _check_upload_blocks(call, blocks, comment)
    complete = call.parts.uploads.complete(
        [(f["id"], f.get("title")) for f in named], [c.id for c in channels], thread_ts, comment, blocks or []
    )
    return {"files": [_unfilled(call, file) for file in complete]}


def info(call: Call) -> Json:
    """Describe a file, with where it was shared by now."""
    file = _readable(call)
    return {
        "file": file_details(call.workspace, file),
        "comments": [],
        "response_metadata": {"next_cursor": ""},
    }


def delete(call: Call) -> Json:
    """Remove one of the bot's own files."""
    file = _readable(call)
    if not file.by_bot:
        raise ApiError("cant_delete_file")
    call.parts.uploads.delete(file)
    return {}


def list_files(call: Call) -> Json:
    """List the files the bot can see, newest first."""
    arguments = call.arguments
    user, channel = arguments.optional("user"), arguments.optional("channel")
    if user is not None and user not in call.workspace.users:
        raise ApiError("user_not_found")
    kinds = arguments.words("types") or ["all"]
    if not set(kinds) <= set(TYPES):
        raise ApiError("unknown_type")
    beginnings = tuple(b for b in (TYPES[k] for k in kinds) if b is not None)
    low, high = float(arguments.optional("ts_from") or 0), float(arguments.optional("ts_to") or "inf")
    found = [
        file_details(call.workspace, file)
        for file in reversed(call.workspace.files.values())
        if call.workspace.may_bot_read(file)
        and file.completed
        and file.mimetype.startswith(beginnings)
        and user in (None, file.user)
        and (channel is None or any(s.channel == channel for s in file.shares))
        and low <= file.created <= high
    ]
    count, number = max(1, arguments.number("count", 100)), max(1, arguments.number("page", 1))
    pages = -(-len(found) // count)
    start = (number - 1) * count
    paging = {"count": count, "total": len(found), "page": number, "pages": pages}
    return {"files": found[start : start + count], "paging": paging}


def _readable(call: Call) -> File:
    file = call.workspace.files.get(call.arguments.text("file"))
    if file is None or not file.received:
        raise ApiError("file_not_found")
    if file.deleted or file.scenario is Scenario.TOMBSTONE:
        raise ApiError("file_deleted")
    if not call.workspace.may_bot_read(file):
        raise ApiError("file_not_found")
    return file


def _channels(call: Call) -> list[Channel]:
    names = call.arguments.words("channels")
    if len(names) > MAX_CHANNELS:
        raise ApiError("channels_limit_exceeded")
    single = call.arguments.optional("channel_id")
    if single is not None:
        names = [single, *(n for n in names if n != single)]
    channels = [
        call.workspace.conversation_of([name, call.bot])
        if name in call.workspace.users
        else call.workspace.visible_channel(name)
        for name in names
    ]
    for channel in channels:
        may_speak(call, channel)
        if channel.rule in RESTRICTED and call.arguments.optional("thread_ts") is None:
            raise ApiError("posting_to_channel_denied")
    return channels


def _check_policy(call: Call, name: str, length: int) -> None:
    """Refuse what the workspace's admins, or its plan, do not let in."""
    settings = call.parts.settings
    if settings.file_uploads == "none":
        raise ApiError("file_uploads_disabled")
    _check_types(call, [name])
    if length > settings.max_file_bytes:
        raise ApiError("file_upload_size_restricted")
    if settings.storage_bytes is not None:
        taken = sum(f.size for f in call.workspace.files.values() if f.received and not f.deleted)
        if taken + length > settings.storage_bytes:
            raise ApiError("storage_limit_reached")


def _check_types(call: Call, names: list[str]) -> None:
    settings = call.parts.settings
    if settings.file_uploads == "images" and not all(media_type(n).startswith("image/") for n in names):
        raise ApiError("file_uploads_except_images_disabled")
    if any(n.rpartition(".")[2].lower() in settings.blocked_file_types for n in names):
        raise ApiError("file_type_not_allowed")


def _check_upload_blocks(call: Call, blocks: Any, comment: str) -> None:
    if comment:
        raise ApiError(
            "invalid_arguments", messages=["[ERROR] blocks and initial_comment exclude each other"]
        )
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks")
    # Slack itself stumbles over this one block here, and says no more than that.
    if any(isinstance(b, dict) and b.get("type") == "markdown" for b in blocks):
        raise ApiError("internal_error")
    check_blocks(call.workspace.poster, blocks)


def _unfilled(call: Call, file: File) -> Json:
    early = {
        "mimetype": "",
        "filetype": "",
        "pretty_type": "",
        "shares": {},
        "channels": [],
        "groups": [],
        "ims": [],
    }
    known = file_object(call.workspace, file)
    kept = {k: v for k, v in known.items() if not k.startswith(("thumb", "original", "image_exif"))}
    return kept | early


METHODS = (
    Method("files.getUploadURLExternal", get_upload_url, ("files:write",)),
    Method("files.completeUploadExternal", complete_upload, ("files:write",)),
    Method("files.info", info, ("files:read",)),
    Method("files.delete", delete, ("files:write",)),
    Method("files.list", list_files, ("files:read",)),
)
