"""Links to messages, shown with what they lead to, as Slack does a moment after they were posted."""

import re

from bot.sandbox.slack.records import Kind, Message
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

LINK = re.compile(r"<(?P<url>[^\s|>]+/archives/(?P<channel>\w+)/p(?P<at>\d{16})[^\s|>]*)(?:\|[^>]*)?>")


def unfurled(workspace: Workspace, message: Message) -> list[Json]:
    """The attachments under a message that links to others its readers may see."""
    shown: list[Json] = []
    for found in LINK.finditer(message.text):
        if not found["url"].startswith(f"{workspace.origin}/"):
            continue
        target = workspace.message(found["channel"], f"{found['at'][:-6]}.{found['at'][-6:]}")
        if target is None or target.ephemeral_to is not None or target.subtype == "tombstone":
            continue
        channel = workspace.channels[target.channel]
        if channel.kind is Kind.PUBLIC or channel.id == message.channel:
            shown.append(_attachment(workspace, target, found["url"].replace("&amp;", "&")))
    return shown


def _attachment(workspace: Workspace, target: Message, url: str) -> Json:
    author = workspace.users[target.user]
    channel = workspace.channels[target.channel]
    return {
        "ts": target.ts,
        "author_id": author.id,
        "author_name": author.real_name,
        "author_subname": author.name,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "channel_team": workspace.identity.team,
        "is_msg_unfurl": True,
        "is_reply_unfurl": target.thread_ts not in (None, target.ts),
        "from_url": url,
        "original_url": url,
        "text": target.text,
        "fallback": f"{author.name}: {target.text}",
        "footer": f"Posted in #{channel.name}",
        "mrkdwn_in": ["text"],
    }
