"""Slack's messages and forms as plain text: what a person would read, without the markup that says so."""

import re
from collections.abc import Mapping
from datetime import datetime

from bot.sandbox.slack import Message, View
from bot.sandbox.slack.forms import Field, fields
from bot.sandbox.slack.wire import Json

_SPECIAL = re.compile(r"<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>")
_BOLD = re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])")
PICTURE = "▣\N{NO-BREAK SPACE}"


def plain(text: str, names: Mapping[str, str]) -> str:
    """Resolve mentions, links and dates of Slack's markup; `names` knows people and channels by id."""

    def resolve(found: re.Match[str]) -> str:
        sign, body, label = found[1], found[2], found[3]
        match sign:
            case "@":
                return f"@{names.get(body, body)}"
            case "#":
                return f"#{label or names.get(body, body)}"
            case "!":
                return _date(body) or label or f"@{body}"
            case _:
                return f"{label} ({body})" if label and label != body else body

    text = _BOLD.sub(r"\1", _SPECIAL.sub(resolve, text))
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _date(body: str) -> str | None:
    word, _, rest = body.partition("^")
    seconds = rest.partition("^")[0]
    if word != "date" or not seconds.isdigit():
        return None
    return f"{datetime.fromtimestamp(int(seconds)).astimezone():%H:%M}"


def message_lines(message: Message, names: Mapping[str, str]) -> list[str]:
    """A message from top to bottom: words, pictures, files, and its buttons in brackets."""
    typed = not message.blocks or message.blocks[0]["type"] == "rich_text"
    found = plain(message.text, names).splitlines() if typed else block_lines(message.blocks, names)
    if message.files:
        found.append("  ".join(f"{PICTURE}{file.name}" for file in message.files))
    return found


def block_lines(blocks: list[Json], names: Mapping[str, str]) -> list[str]:
    """Blocks from top to bottom."""
    found: list[str] = []
    pictures: list[str] = []
    for block in blocks:
        if block["type"] == "image":
            pictures.append(PICTURE + str(block.get("alt_text", "image")).replace(" ", "\N{NO-BREAK SPACE}"))
            continue
        found += _block(block, names)
    return [*found, "  ".join(pictures)] if pictures else found


def _block(block: Json, names: Mapping[str, str]) -> list[str]:
    match block["type"]:
        case "section":
            parts = [block["text"]] if "text" in block else []
            return [
                line
                for p in [*parts, *block.get("fields", ())]
                for line in plain(p["text"], names).splitlines()
            ]
        case "header":
            return [block["text"]["text"]]
        case "context":
            return [plain(e["text"], names) for e in block["elements"] if "text" in e]
        case "actions":
            labels = [e["text"]["text"] for e in block["elements"] if e["type"] == "button"]
            return [" ".join(f"[{label}]" for label in labels)] if labels else []
        case _:
            return []


def form_fields(view: View) -> list[Field]:
    """The fields of a form that a person fills in, in order."""
    return [field for field in fields(view.blocks) if field.block["type"] == "input"]


def label_of(field: Field) -> str:
    """What stands above a field."""
    return str(field.block["label"]["text"])


def entered_text(view: View, field: Field) -> str:
    """What a field holds so far, as a person reads it."""
    state = view.values.get(field.block_id, {}).get(field.action_id, {})
    chosen = [state["selected_option"]] if state.get("selected_option") else state.get("selected_options", [])
    if chosen:
        return ", ".join(option["text"]["text"] for option in chosen)
    files = state.get("files") or []
    if files:
        return ", ".join(str(file.get("name", "file")) for file in files)
    return str(state.get("value") or "")
