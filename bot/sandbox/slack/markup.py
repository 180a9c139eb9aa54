"""Slack's text between what is typed and what is stored: entities, mentions, links, and rich text of it."""

import re
from collections.abc import Mapping

from bot.sandbox.slack.block_walk import Json

# What stands between angle brackets and means something: a person, a channel, a group, a broadcast, a link.
CONTROL = re.compile(
    r"<(@[UW]\w+|#[CGD]\w+|!\w[^<>|\n]*|(?:https?|mailto|tel|slack)[:/][^\s<>|]*)(\|[^<>\n]*)?>"
)
BROADCAST = re.compile(r"<!(channel|here|everyone)(?:\|[^<>\n]*)?>")
BROADCASTS = frozenset({"channel", "here", "everyone"})
LONE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")
# What a composer makes something of: a mention from its list, an address, a name, a mark to be escaped.
TYPED = re.compile(
    r"(?P<picked><[@#][UWCGD]\w+(?:\|[^<>\n]*)?>)"
    r"|(?P<link>https?://[^\s<>]*[^\s<>.,;:!?)'\"])"
    r"|(?<![\w@])@(?P<user>[\w.-]*\w)"
    r"|(?<![\w&])#(?P<channel>[\w-]+)"
    r"|(?P<mark>&(?!(?:amp|lt|gt);)|[<>])"
)


def escaped(text: str) -> str:
    """Write the three characters that have a meaning as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """Read the entities back."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def stored(text: str) -> str:
    """Store what an app sent: what means something stays, every other bracket and ampersand is escaped."""
    parts, at = [], 0
    for found in CONTROL.finditer(text):
        parts += [_loose(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, _loose(text[at:])])


def _loose(text: str) -> str:
    return LONE_AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str, users: Mapping[str, str], channels: Mapping[str, str], *, labelled: bool = False) -> str:
    """Store what a person typed: ``@ana`` and ``#general`` become mentions, addresses become links.

    Clients escape before they send, so entities stay as they are. Commands that ask for it get their mentions
    with names; messages have them without.
    """

    def replace(found: re.Match[str]) -> str:
        match found.lastgroup:
            case "link":
                return f"<{_loose(found[0])}>"
            case "user" if found["user"] in users:
                label = f"|{found['user']}" if labelled else ""
                return f"<@{users[found['user']]}{label}>"
            case "user" if found["user"] in BROADCASTS:
                return f"<!{found['user']}>"
            case "channel" if found["channel"] in channels:
                label = found["channel"] if labelled else ""
                return f"<#{channels[found['channel']]}|{label}>"
            case "mark":
                return escaped(found[0])
            case _:
                return found[0]

    return TYPED.sub(replace, text)


def rich_text_of(text: str) -> Json:
    """Make the rich text a client's composer sends along with what was typed."""
    parts: list[Json] = []
    at = 0
    for found in CONTROL.finditer(text):
        if found.start() > at:
            parts.append({"type": "text", "text": unescaped(text[at : found.start()])})
        parts.append(_part(found[1], (found[2] or "").removeprefix("|")))
        at = found.end()
    if at < len(text):
        parts.append({"type": "text", "text": unescaped(text[at:])})
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": parts}]}


def _part(target: str, label: str) -> Json:
    match target[0]:
        case "@":
            return {"type": "user", "user_id": target[1:]}
        case "#":
            return {"type": "channel", "channel_id": target[1:]}
        case "!":
            return {"type": "broadcast", "range": target[1:]}
        case _:
            named = {"text": unescaped(label)} if label else {}
            return {"type": "link", "url": unescaped(target), **named}
