"""What blocks and elements are composed of: texts, options, dialogs, filters, files and rich text."""

import re
from typing import Any

from bot.sandbox.slack.blocks import (
    Report,
    Rule,
    anything,
    array,
    at_least_one,
    both,
    choice,
    exactly_one,
    flag,
    integer,
    one_of,
    pattern,
    shape,
    string,
)

ID = string(255)
BLOCK: dict[str, Rule] = {"block_id": ID}
FILE_ID = re.compile(r"^F[A-Z0-9]{8,}$")
LINK = both(string(3000), pattern(r"https?://\S+", "an http or https URL"))
SECURE_LINK = both(string(3000), pattern(r"https://\S+", "an https URL"))


def plain(maximum: int) -> Rule:
    """A plain text object."""
    return shape({"type": one_of("plain_text"), "text": string(maximum)}, {"emoji": flag})


def rich(maximum: int) -> Rule:
    """A text object of either kind."""
    return choice(
        {
            "plain_text": plain(maximum),
            "mrkdwn": shape({"type": anything, "text": string(maximum)}, {"verbatim": flag}),
        }
    )


CONFIRM = shape(
    {"title": plain(100), "text": rich(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
OPTION = shape({"text": plain(75), "value": string(150)}, {"description": plain(75)})
RICH_OPTION = shape({"text": rich(75), "value": string(150)}, {"description": rich(75)})
LINK_OPTION = shape({"text": plain(75), "value": string(150)}, {"description": plain(75), "url": LINK})
GROUP = shape({"label": plain(75), "options": array(OPTION, 100)})
DISPATCH_CONFIG = shape(
    {}, {"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), 2)}
)
CONVERSATION_FILTER = both(
    shape(
        {},
        {
            "include": array(one_of("im", "mpim", "private", "public"), 4),
            "exclude_external_shared_channels": flag,
            "exclude_bot_users": flag,
        },
    ),
    at_least_one("include", "exclude_external_shared_channels", "exclude_bot_users"),
)


def slack_file(value: Any, pointer: str, report: Report) -> None:
    """Accept a file the poster sees, once Slack has looked at it."""
    shape({}, {"id": string(255), "url": string(3000)})(value, pointer, report)
    exactly_one("id", "url")(value, pointer, report)
    if not isinstance(value, dict):
        return
    name = value.get("id")
    if isinstance(name, str) and not FILE_ID.match(name):
        report.add(f"{pointer}/id", "must match the pattern ^F[A-Z0-9]{8,}$")
    elif isinstance(name or value.get("url"), str) and not report.poster.file_is_ready(name or value["url"]):
        report.add(pointer, "invalid slack file")


PICTURE: dict[str, Rule] = {"image_url": LINK, "slack_file": slack_file}

# Rich text: the composer's own language, which apps may send too.
STYLE = shape({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight"), flag))


def _inline(required: dict[str, Rule], optional: dict[str, Rule] | None = None) -> Rule:
    return shape({"type": anything, **required}, {"style": STYLE, **(optional or {})})


INLINE: dict[str, Rule] = {
    "text": _inline({"text": string(40_000)}),
    "link": _inline({"url": string(3000)}, {"text": string(40_000, 0), "unsafe": flag}),
    "emoji": _inline(
        {"name": string(255)}, {"unicode": string(255), "url": string(3000), "skin_tone": integer(1, 6)}
    ),
    "user": _inline({"user_id": ID}),
    "usergroup": _inline({"usergroup_id": ID}),
    "channel": _inline({"channel_id": ID}),
    "team": _inline({"team_id": ID}),
    "broadcast": _inline({"range": one_of("here", "channel", "everyone")}),
    "color": _inline({"value": string(20)}),
    "date": _inline(
        {"timestamp": integer(0, 9_999_999_999), "format": string(1000)},
        {"url": string(3000), "fallback": string(1000)},
    ),
}
INLINES = array(choice(INLINE), 1000, 0)
BORDER: dict[str, Rule] = {"border": integer(0, 1)}
RICH_SECTION = shape({"type": anything, "elements": INLINES})
RICH_PARTS: dict[str, Rule] = {
    "rich_text_section": RICH_SECTION,
    "rich_text_list": shape(
        {
            "type": anything,
            "style": one_of("bullet", "ordered"),
            "elements": array(choice({"rich_text_section": RICH_SECTION}), 1000, 0),
        },
        BORDER | {"indent": integer(0, 8), "offset": integer(0, 1_000_000)},
    ),
    "rich_text_quote": shape({"type": anything, "elements": INLINES}, BORDER),
    "rich_text_preformatted": shape(
        {
            "type": anything,
            "elements": array(choice({kind: INLINE[kind] for kind in ("text", "link")}), 1000, 0),
        },
        BORDER | {"language": string(255)},
    ),
}
RICH_TEXT = shape(
    {"type": one_of("rich_text"), "elements": array(choice(RICH_PARTS), 1000, 0)}, {"block_id": ID}
)
