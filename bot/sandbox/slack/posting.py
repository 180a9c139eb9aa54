"""Saying, whispering, changing and deleting: what every way into a conversation ends in."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.sandbox.slack.block_walk import completed, rewritten
from bot.sandbox.slack.events import Events
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.markup import BROADCAST
from bot.sandbox.slack.records import Channel, Kind, Message, Share, Stream
from bot.sandbox.slack.settings import Settings
from bot.sandbox.slack.shapes import message_object, told_message
from bot.sandbox.slack.threads import Threads
from bot.sandbox.slack.unfurling import unfurled
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace


class Posting:
    """The workspace's voice: keeps each message and tells the app of it."""

    def __init__(
        self,
        workspace: Workspace,
        events: Events,
        threads: Threads,
        journal: Journal,
        settings: Settings,
    ) -> None:
        self._workspace = workspace
        self._threads = threads
        self._events = events
        self._journal = journal
        self._settings = settings

    def say(
        self,
        channel: Channel,
        user: str,
        text: str,
        *,
        blocks: Sequence[Json] = (),
        attachments: Sequence[Json] = (),
        files: Sequence[str] = (),
        thread_ts: str | None = None,
        metadata: Json | None = None,
        broadcast: bool = False,
        subtype: str | None = None,
        unfurl: bool = False,
        stream: Stream | None = None,
    ) -> Message:
        """Post a message for everybody in the conversation."""
        workspace = self._workspace
        by_bot = user == workspace.identity.bot_user
        message = Message(
            channel=channel.id,
            ts=workspace.next_ts(),
            user=user,
            text=text,
            blocks=self._with_ids(blocks),
            attachments=self._attached(attachments),
            files=list(files),
            thread_ts=thread_ts,
            subtype=subtype or ("file_share" if files else "thread_broadcast" if broadcast else None),
            by_bot=by_bot,
            metadata=metadata,
            client_msg_id=None if by_bot or subtype else workspace.ids.secret(),
            broadcast=broadcast,
            stream=stream,
        )
        with workspace.database.together():
            self._open_thread(message)
            for file_id in files:
                file = workspace.files[file_id]
                file.shares.append(Share(channel.id, message.ts, thread_ts))
                workspace.save_file(file)
            workspace.save_message(message)
            self._log("posted", message)
            if by_bot:
                self._threads.spoken(channel.id, thread_ts)
            self._tell(channel, message)
            if unfurl:
                workspace.database.save("unfurl", message.key, {"channel": channel.id, "ts": message.ts})
                self._unfurl_later(message.key, message)
        return message

    def resume(self) -> None:
        """Go on with the previews that a stopped process left undone."""
        for key, at in self._workspace.database.load("unfurl"):
            self._unfurl_later(key, self._workspace.message(at["channel"], at["ts"]))

    def whisper(
        self,
        channel: Channel,
        to: str,
        text: str,
        *,
        blocks: Sequence[Json] = (),
        attachments: Sequence[Json] = (),
        thread_ts: str | None = None,
    ) -> Message:
        """Post a message that one person sees; no event tells of it and no history holds it."""
        message = Message(
            channel=channel.id,
            ts=self._workspace.next_ts(),
            user=self._workspace.identity.bot_user,
            text=text,
            blocks=self._with_ids(blocks),
            attachments=self._attached(attachments),
            thread_ts=thread_ts,
            by_bot=True,
            ephemeral_to=to,
        )
        with self._workspace.database.together():
            self._workspace.save_message(message)
            self._log("posted", message)
        return message

    def grow(self, message: Message, **changes: Any) -> Message:
        """Let a streamed message say more; the app is not told of its own words one by one."""
        changes["blocks"] = self._with_ids(changes["blocks"])
        after = replace(message, **changes)
        self._workspace.save_message(after)
        self._log("changed", after)
        return after

    def change(self, message: Message, *, mark: bool = True, **changes: Any) -> Message:
        """Replace parts of a message in its place, with or without the mark of an edit."""
        workspace = self._workspace
        before = told_message(workspace, message)
        if "blocks" in changes:
            changes["blocks"] = self._with_ids(changes["blocks"])
        if "attachments" in changes:
            changes["attachments"] = self._attached(changes["attachments"])
        if mark:
            changes["edited_ts"] = workspace.next_ts()
        after = replace(message, **changes)
        with workspace.database.together():
            workspace.save_message(after)
            self._log("changed", after)
            if after.ephemeral_to is None:
                self._tell_change(after, before)
        return after

    def delete(self, message: Message) -> None:
        """Take a message away; a thread's first message leaves a tombstone while it has replies."""
        workspace = self._workspace
        before = told_message(workspace, message)
        with workspace.database.together():
            self._log("deleted", message)
            if message.ephemeral_to is not None:
                workspace.remove_message(message)
                return
            channel = workspace.channels[message.channel]
            if message.thread_ts == message.ts and workspace.replies(message.channel, message.ts):
                grave = replace(
                    message,
                    text="This message was deleted.",
                    subtype="tombstone",
                    blocks=[],
                    attachments=[],
                    files=[],
                    metadata=None,
                )
                workspace.save_message(grave)
                self._tell_change(grave, before)
                return
            workspace.remove_message(message)
            ts = workspace.next_ts()
            self._events.message(
                channel,
                {
                    "type": "message",
                    "subtype": "message_deleted",
                    "hidden": True,
                    "deleted_ts": message.ts,
                    "previous_message": before,
                    "ts": ts,
                    "event_ts": ts,
                },
            )

    def react(self, message: Message, user: str, name: str) -> None:
        """Put an emoji under a message."""
        reactions = {**message.reactions, name: [*message.reactions.get(name, ()), user]}
        self._workspace.save_message(replace(message, reactions=reactions))
        self._journal.add(
            "message", state="reacted", channel=message.channel, ts=message.ts, user=user, name=name
        )

        self._tell_reaction("reaction_added", message, user, name)

    def unreact(self, message: Message, user: str, name: str) -> None:
        """Take an emoji away again."""
        left = [u for u in message.reactions.get(name, ()) if u != user]
        reactions = {k: v for k, v in message.reactions.items() if k != name}
        self._workspace.save_message(replace(message, reactions=reactions | ({name: left} if left else {})))
        self._journal.add(
            "message", state="unreacted", channel=message.channel, ts=message.ts, user=user, name=name
        )
        self._tell_reaction("reaction_removed", message, user, name)

    def _tell_reaction(self, kind: str, message: Message, user: str, name: str) -> None:
        event: Json = {
            "type": kind,
            "user": user,
            "reaction": name,
            "item_user": message.user,
            "item": {"type": "message", "channel": message.channel, "ts": message.ts},
            "event_ts": self._workspace.next_ts(),
        }
        self._events.other(event, self._workspace.channels[message.channel])

    def _unfurl_later(self, key: str, posted: Message | None) -> None:
        def unfurl() -> None:
            with self._workspace.database.together():
                self._workspace.database.delete("unfurl", key)
                if posted is not None:
                    self._unfurl(posted)

        self._workspace.clock.call_later(self._settings.unfurl_delay, unfurl)

    def _unfurl(self, posted: Message) -> None:
        """Show under a message what its links lead to; everybody hears of it as of a change."""
        message = self._workspace.message(posted.channel, posted.ts)
        if message is None or message.text != posted.text:
            return
        attachments = unfurled(self._workspace, message)
        if attachments:
            self.change(message, mark=False, attachments=[*message.attachments, *attachments])

    def _open_thread(self, message: Message) -> None:
        if not message.thread_ts:
            return
        parent = self._workspace.message(message.channel, message.thread_ts)
        if parent is not None and parent.thread_ts is None:
            self._workspace.save_message(replace(parent, thread_ts=parent.ts))

    def _tell(self, channel: Channel, message: Message) -> None:
        shape = message_object(self._workspace, message, with_metadata=True) | {"event_ts": message.ts}
        if message.subtype == "thread_broadcast" and message.thread_ts:
            root = self._workspace.message(channel.id, message.thread_ts)
            shape["root"] = message_object(self._workspace, root) if root else {}
        mention = self._mention(channel, message, shape)
        if self._settings.file_shared_order == "before":
            self._tell_files(channel, message)
        if mention and self._settings.mention_order == "app_mention_first":
            self._events.other(mention, channel)
        self._events.message(channel, shape)
        if mention and self._settings.mention_order == "message_first":
            self._events.other(mention, channel)
        if self._settings.file_shared_order == "after":
            self._tell_files(channel, message)

    def _mention(self, channel: Channel, message: Message, shape: Json) -> Json | None:
        # Slack sends no app_mention for direct messages, mentioned or not.
        if (
            channel.kind is Kind.IM
            or message.by_bot
            or message.subtype not in (None, "file_share", "thread_broadcast")
        ):
            return None
        if f"<@{self._workspace.identity.bot_user}>" not in message.text:
            return None
        kept = ("client_msg_id", "user", "text", "ts", "blocks", "thread_ts", "parent_user_id", "event_ts")
        event: Json = {"type": "app_mention", "team": self._workspace.identity.team, "channel": channel.id}
        event |= {key: shape[key] for key in kept if key in shape}
        if message.files:
            event["files"] = [{"id": f} for f in message.files]
        return event

    def tell_file_deleted(self, file_id: str, channels: Sequence[str]) -> None:
        """Tell the app that a file it could see is gone."""
        if any(self._workspace.is_bot_in(self._workspace.channels[c]) for c in channels):
            event: Json = {"type": "file_deleted", "file_id": file_id, "channel_ids": list(channels)}
            self._events.other(event | {"event_ts": self._workspace.next_ts()})

    def _tell_files(self, channel: Channel, message: Message) -> None:
        for file_id in message.files:
            self._events.other(
                {
                    "type": "file_shared",
                    "file_id": file_id,
                    "user_id": message.user,
                    "file": {"id": file_id},
                    "channel_id": channel.id,
                    "event_ts": message.ts,
                },
                channel,
            )

    def _tell_change(self, after: Message, before: Json) -> None:
        ts = self._workspace.next_ts()
        event = {
            "type": "message",
            "subtype": "message_changed",
            "hidden": True,
            "message": told_message(self._workspace, after),
            "previous_message": before,
            "ts": ts,
            "event_ts": ts,
        }
        self._events.message(self._workspace.channels[after.channel], event)

    def _attached(self, attachments: Sequence[Json]) -> list[Json]:
        """Number the attachments, and fill in what Slack fills in."""
        return [
            {
                "fallback": "[no preview available]",
                **attachment,
                "id": number,
                **({"blocks": self._with_ids(attachment["blocks"])} if attachment.get("blocks") else {}),
            }
            for number, attachment in enumerate(attachments, 1)
        ]

    def _with_ids(self, blocks: Sequence[Json]) -> list[Json]:
        return [with_block_ids(block, self._workspace) for block in blocks]

    def _log(self, state: str, message: Message) -> None:
        facts: Json = {"channel": message.channel, "ts": message.ts, "user": message.user}
        if message.thread_ts:
            facts["thread_ts"] = message.thread_ts
        if message.ephemeral_to:
            facts["ephemeral_to"] = message.ephemeral_to
        if called := sorted(set(BROADCAST.findall(f"{message.text} {json.dumps(message.blocks)}"))):
            # Everybody's telephone rings: worth a word in the journal, whoever wrote it.
            facts["called"] = called
        self._journal.add("message", state=state, **facts)


def with_block_ids(block: Json, workspace: Workspace) -> Json:
    """Fill in the block and action ids an app may leave out, in blocks inside blocks too."""
    return rewritten(
        completed(block),
        lambda b: {**b, "block_id": b.get("block_id") or workspace.ids.new("b")},
        lambda e: {**e, "action_id": e.get("action_id") or workspace.ids.new("a")},
    )


def with_view_ids(body: Json, workspace: Workspace) -> Json:
    """Fill in the block and action ids an app may leave out of a view."""
    return {**completed(body), "blocks": [with_block_ids(block, workspace) for block in body["blocks"]]}
