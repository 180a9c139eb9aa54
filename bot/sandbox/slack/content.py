"""What a message says: text, blocks and attachments, checked the same however they come in."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.sandbox.slack.block_tables import MAX_MESSAGE_TEXT, check_message_blocks, text_length
from bot.sandbox.slack.blocks import Poster
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.markup import stored
from bot.sandbox.slack.wire import Json

CUT_ABOVE = 40_000
UPDATE_LIMIT = 4_000
MARKDOWN_LIMIT = 12_000
MAX_ATTACHMENTS = 100
MAX_METADATA_BYTES = 16_000
# The keys of an attachment; beside blocks, only these first ones mean anything.
BESIDE_BLOCKS = frozenset({"blocks", "color", "fallback", "id"})
ATTACHMENT_KEYS = BESIDE_BLOCKS | {
    "actions",
    "attachment_type",
    "author_icon",
    "author_link",
    "author_name",
    "callback_id",
    "fields",
    "footer",
    "footer_icon",
    "image_url",
    "mrkdwn_in",
    "pretext",
    "text",
    "thumb_url",
    "title",
    "title_link",
    "ts",
}


@dataclass(frozen=True)
class Content:
    """What is said, as it is going to be stored."""

    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)

    def parts(self) -> Json:
        """The parts by name, as posting takes them."""
        return asdict(self)


def read_content(
    poster: Poster, text: str, blocks: Any, attachments: Any, markdown: str | None = None
) -> Content:
    """Check what an app wants to say.

    Raises:
        ApiError: Slack would not take it.
    """
    if markdown is not None:
        if text or blocks:
            raise ApiError("markdown_text_conflict")
        if len(markdown) > MARKDOWN_LIMIT:
            raise ApiError("msg_too_long")
        text = markdown
    if blocks is not None and not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    _check_attachments(attachments, poster)
    if not text and not blocks and not attachments:
        raise ApiError("no_text")
    check_blocks(poster, blocks or [])
    return Content(stored(text), blocks or [], attachments or [])


def check_blocks(poster: Poster, blocks: Any) -> None:
    """Refuse blocks Slack would refuse, with a pointer to each mistake."""
    problems = check_message_blocks(blocks, poster)
    if problems:
        bare = [problem.removeprefix("[ERROR] ") for problem in problems]
        raise ApiError("invalid_blocks", messages=problems, errors=bare)
    if text_length(blocks) > MAX_MESSAGE_TEXT:
        raise ApiError("msg_blocks_too_long")


def _check_attachments(attachments: Any, poster: Poster) -> None:
    if attachments is None:
        return
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise ApiError("invalid_attachments", messages=["[ERROR] must be an array of objects"])
    if len(attachments) > MAX_ATTACHMENTS:
        raise ApiError("too_many_attachments")
    problems: list[str] = []
    for index, attachment in enumerate(attachments):
        known = BESIDE_BLOCKS if attachment.get("blocks") else ATTACHMENT_KEYS
        problems += [
            f"[ERROR] invalid additional property: {key} [json-pointer:/attachments/{index}]"
            for key in attachment
            if key not in known
        ]
        if attachment.get("blocks"):
            pointer = f"/attachments/{index}/blocks"
            problems += check_message_blocks(attachment["blocks"], poster, pointer)
    if problems:
        raise ApiError("invalid_attachments", messages=problems)


def read_metadata(metadata: Any) -> Json | None:
    """Check what a message carries unseen.

    Raises:
        ApiError: it has another form, or is too large.
    """
    if metadata is None or metadata == {}:
        return None
    if not isinstance(metadata, Mapping):
        raise ApiError("invalid_metadata_format")
    kind, payload = metadata.get("event_type"), metadata.get("event_payload")
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise ApiError("invalid_metadata_schema")
    if size_of(metadata) > MAX_METADATA_BYTES:
        raise ApiError("metadata_too_large")
    return {"event_type": kind, "event_payload": payload}


def size_of(value: object) -> int:
    """Measure a value the way it travels, in bytes of compact JSON."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
