"""What one person's client shows: conversations with unread marks, messages with threads, views."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from bot.sandbox.slack.clock import clock_facts
from bot.sandbox.slack.file_shapes import file_object
from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.people import People
from bot.sandbox.slack.records import Channel, File, Kind, Message, User, View
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import TEAM_NAME

MOST_MESSAGES = 200
FACES = 5


class Sight:
    """The workspace through the eyes of one person at a time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._people = People(parts)
        # Where each person has read to, by "user/channel": in the conversation, and in each of its threads.
        self._read: dict[str, Json] = dict(parts.workspace.database.load("read"))

    def person(self, name: str) -> User:
        """Find somebody who can sit before a client."""
        return self._people.person(name)

    # The whole window.

    def everything(self, viewer: User) -> Json:
        """What a client needs when it starts, with the journal's line from which to follow."""
        workspace = self._parts.workspace
        manifest = workspace.manifest
        return {
            "seq": self._parts.journal.last,
            "team": {"id": workspace.identity.team, "name": TEAM_NAME},
            "me": viewer.id,
            "people": [_person(user) for user in workspace.users.values()],
            "app": {
                "name": manifest.app_name,
                "user": workspace.identity.bot_user,
                "commands": [
                    {"name": c.name, "description": c.description, "hint": c.usage_hint}
                    for c in manifest.commands.values()
                ],
                "shortcuts": [
                    {"callback_id": key, "type": kind, **manifest.shortcut_words.get(key, {})}
                    for key, kind in manifest.shortcuts.items()
                ],
                "home": self._parts.settings.home_tab_enabled,
                "messages": self._parts.settings.messages_tab_enabled,
                "connections": self._parts.deliveries.listening,
            },
            "channels": [self.channel(viewer, c) for c in self._channels(viewer)],
            "clock": clock_facts(self._parts.workspace.clock),
            **self.views(viewer),
        }

    def views(self, viewer: User) -> Json:
        """The modal on top and the home tab, where there are any."""
        views = self._parts.views
        top, home = views.top(viewer.id), views.home(viewer.id)
        return {"view": self._view(top) if top else None, "home": self._view(home) if home else None}

    def channel(self, viewer: User, channel: Channel) -> Json:
        """A conversation as it stands in the list, with what is unread in it."""
        return {
            "id": channel.id,
            "name": channel.name,
            "kind": channel.kind.value,
            "members": channel.members,
            "archived": channel.archived,
            **self._unread(viewer, channel),
        }

    def _channels(self, viewer: User) -> list[Channel]:
        return [c for c in self._parts.workspace.channels.values() if viewer.id in c.members]

    # Reading.

    def messages(self, viewer: User, name: str, before: str | None, limit: int) -> Json:
        """The newest messages of a conversation before an instant, oldest first."""
        channel = self._people.channel_for(viewer, name)
        said = [
            m
            for m in self._parts.workspace.messages(channel.id)
            if _stands_in_channel(m) and _is_for(m, viewer) and (before is None or m.ts < before)
        ]
        kept = said[-max(1, min(limit, MOST_MESSAGES)) :]
        return {
            "channel": self.channel(viewer, channel),
            "messages": [self.message(m, viewer) for m in kept],
            "more": len(kept) < len(said),
        }

    def thread(self, viewer: User, name: str, root: str) -> Json:
        """A thread from its first message on."""
        channel = self._people.channel_for(viewer, name)
        said = [
            m
            for m in self._parts.workspace.messages(channel.id)
            if root in (m.ts, m.thread_ts) and _is_for(m, viewer)
        ]
        return {"channel": self.channel(viewer, channel), "messages": [self.message(m, viewer) for m in said]}

    def seen(self, viewer: User, channel_id: str, ts: str) -> Json | None:
        """One message as the person sees it, if they do."""
        channel = self._parts.workspace.channels.get(channel_id)
        message = self._parts.workspace.message(channel_id, ts)
        if channel is None or message is None or viewer.id not in channel.members:
            return None
        return self.message(message, viewer) if _is_for(message, viewer) else None

    def message(self, message: Message, viewer: User) -> Json:
        """A message with its files and the line about its thread."""
        workspace = self._parts.workspace
        files = [workspace.files[f] for f in message.files]
        seen = self._people.seen(message).model_dump(mode="json", exclude={"files", "metadata"})
        seen |= {
            "by_bot": message.by_bot,
            "broadcast": message.broadcast,
            "attachments": message.attachments,
            "files": [self._file(f) for f in files],
        }
        if message.thread_ts == message.ts:
            replies = workspace.replies(message.channel, message.ts)
            marks = self._marks(viewer.id, message.channel)
            read = max(marks["ts"], marks["threads"].get(message.ts, ""))
            seen["replies"] = {
                "count": len(replies),
                "users": list(dict.fromkeys(r.user for r in replies))[:FACES],
                "latest": replies[-1].ts if replies else message.ts,
                "unread": sum(r.ts > read and r.user != viewer.id for r in replies),
            }
        return seen

    def _file(self, file: File) -> Json:
        shape = file_object(self._parts.workspace, file)
        return {
            "id": file.id,
            "name": file.name,
            "title": file.title,
            "size": file.size,
            "mimetype": file.mimetype if file.ready else "",
            "width": file.width,
            "height": file.height,
            "mode": shape["mode"],
            "url": shape.get("external_url"),
        }

    def _view(self, view: View) -> Json:
        words = {"submit_disabled": bool(view.body.get("submit_disabled"))}
        return self._people.seen_view(view).model_dump(mode="json") | words

    # Who may see a file.

    def may_see(self, viewer: User, file: File) -> bool:
        """Say whether a person has a file before them: their own, or one shown where they are."""
        if file.deleted or not file.received:
            return False
        mine = {c.id for c in self._channels(viewer)}
        if file.user == viewer.id or any(s.channel in mine for s in file.shares):
            return True
        workspace = self._parts.workspace
        shown = (m for channel in mine for m in workspace.messages(channel) if _is_for(m, viewer))
        home = self._parts.views.home(viewer.id)
        views = [v.body for v in (*self._parts.views.stack(viewer.id), *([home] if home else []))]
        return any(file.id in _pictures(m.blocks) for m in shown) or file.id in _pictures(views)

    # What is new.

    def mark_read(self, viewer: User, name: str, ts: str, thread: str | None) -> Json:
        """Note how far somebody has read; returns the conversation as it now stands in the list."""
        channel = self._people.channel_for(viewer, name)
        marks = self._marks(viewer.id, channel.id)
        if thread:
            marks["threads"][thread] = max(ts, marks["threads"].get(thread, ""))
        else:
            marks["ts"] = max(ts, marks["ts"])
        key = f"{viewer.id}/{channel.id}"
        self._read[key] = marks
        self._parts.workspace.database.save("read", key, marks)
        return self.channel(viewer, channel)

    def _marks(self, user: str, channel: str) -> Json:
        return self._read.get(f"{user}/{channel}") or {"ts": "", "threads": {}}

    def _unread(self, viewer: User, channel: Channel) -> Json:
        """Count what others said since; of threads, only those the person takes part in."""
        marks = self._marks(viewer.id, channel.id)
        mention = f"<@{viewer.id}>"
        followed: set[str] = set()
        unread, mentions = 0, 0
        threads: Counter[str] = Counter()
        latest = ""
        for message in self._parts.workspace.messages(channel.id):
            if message.ephemeral_to is not None:
                continue
            root = message.thread_ts or message.ts
            latest = message.ts
            mentioned = mention in message.text
            if message.user == viewer.id or mentioned:
                followed.add(root)
            if message.user == viewer.id:
                continue
            top = _stands_in_channel(message)
            if top:
                new = message.ts > marks["ts"]
                unread += new
            else:
                new = root in followed and message.ts > marks["threads"].get(root, "")
                threads[root] += new
            mentions += new and (mentioned or channel.kind in (Kind.IM, Kind.MPIM))
        return {
            "read": marks["ts"],
            "unread": unread,
            "mentions": mentions,
            "threads": {root: count for root, count in threads.items() if count},
            "latest": latest,
        }


def _stands_in_channel(message: Message) -> bool:
    return message.thread_ts in (None, message.ts) or message.broadcast


def _is_for(message: Message, viewer: User) -> bool:
    return message.ephemeral_to in (None, viewer.id)


def _pictures(node: Any) -> Iterable[str]:
    """The files that blocks show, wherever they stand in them."""
    if isinstance(node, list):
        return {name for item in node for name in _pictures(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["slack_file"].get("id", "")} if isinstance(node.get("slack_file"), dict) else set()
    return own.union(*(_pictures(value) for value in node.values()))


def _person(user: User) -> Json:
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "bot": user.is_bot,
        "admin": user.is_admin,
        "guest": user.is_guest,
        "deleted": user.deleted,
    }
