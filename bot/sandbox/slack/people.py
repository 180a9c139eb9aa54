"""What a person may do and see in the workspace, checked as their client would."""

from collections.abc import Sequence

from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.markup import rich_text_of
from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.records import Channel, File, Kind, Message, User, View
from bot.sandbox.slack.shapes import rendered_values
from bot.sandbox.slack.wire import Channel as ChannelSeen
from bot.sandbox.slack.wire import File as FileSeen
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.wire import Message as MessageSeen
from bot.sandbox.slack.wire import User as UserSeen
from bot.sandbox.slack.wire import View as ViewSeen


class People:
    """The workspace as its people meet it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def person(self, name: str) -> User:
        """Find somebody who can act: a person, and one who still has an account."""
        user = self._parts.workspace.find_user(name)
        if user.deleted or user.is_bot:
            raise Refused("user_cannot_act", user=user.name)
        return user

    def channel_for(self, user: User, name: str) -> Channel:
        """Find a conversation the person is in."""
        channel = self._parts.workspace.find_channel(name, user.id)
        if user.id not in channel.members:
            raise Refused("not_in_channel", user=user.name, channel=name)
        return channel

    def message_for(self, user: User, name: str, ts: str) -> Message:
        """Find a message the person sees."""
        channel = self.channel_for(user, name)
        message = self._parts.workspace.message(channel.id, ts)
        if message is None or message.ephemeral_to not in (None, user.id):
            raise Refused("message_not_found", channel=name, ts=ts)
        return message

    def post(self, user: User, name: str, text: str, files: Sequence[File], thread_ts: str | None) -> Message:
        """Say something, with or without files."""
        workspace = self._parts.workspace
        channel = self.channel_for(user, name)
        if channel.archived:
            raise Refused("is_archived", channel=name)
        if channel.kind is Kind.IM and not self._parts.settings.messages_tab_enabled:
            raise Refused("messages_tab_disabled", channel=name)
        if not text and not files:
            raise Refused("nothing_to_post")
        if thread_ts is not None:
            parent = workspace.message(channel.id, thread_ts)
            if parent is None or parent.thread_ts not in (None, parent.ts):
                raise Refused("thread_not_found", ts=thread_ts)
        stored = workspace.typed(text)
        return self._parts.posting.say(
            channel,
            user.id,
            stored,
            blocks=[rich_text_of(stored)] if stored else [],
            files=[file.id for file in files],
            thread_ts=thread_ts,
            unfurl=True,
        )

    def edit(self, user: User, message: Message, text: str) -> Message:
        """Change one's own message."""
        if message.user != user.id:
            raise Refused("not_your_message", user=user.name)
        stored = self._parts.workspace.typed(text)
        return self._parts.posting.change(message, text=stored, blocks=[rich_text_of(stored)])

    def delete(self, user: User, message: Message) -> None:
        """Delete one's own message, or anybody's as an admin."""
        if message.user != user.id and not user.is_admin:
            raise Refused("not_your_message", user=user.name)
        self._parts.posting.delete(message)

    def modal(self, user: User, view_id: str | None) -> View:
        """Find the person's modal: the one named, or the one on top."""
        view = self._parts.views.get(view_id) if view_id else self._parts.views.top(user.id)
        if view is None or view.user != user.id:
            raise Refused("no_modal_open", user=user.name)
        return view

    def move(self, user_name: str, name: str, *, member: bool) -> None:
        """Invite somebody or the bot into a channel, or take them out."""
        workspace = self._parts.workspace
        user, channel = workspace.find_user(user_name), workspace.find_channel(name)
        if channel.kind not in (Kind.PUBLIC, Kind.PRIVATE) or user.deleted:
            raise Refused("cannot_move", user=user.name, channel=name)
        self._parts.moves.move(user, channel, member=member)

    def retire(self, user: User) -> None:
        """Close the windows of somebody whose account was closed, and take them out of every channel."""
        self._parts.views.clear(user.id)
        self._parts.moves.take_out(user)

    def archive(self, name: str, *, archived: bool) -> None:
        """Archive a channel, or bring it back."""
        channel = self._parts.workspace.find_channel(name)
        channel.archived = archived
        self._parts.workspace.save_channel(channel)
        noun = "group" if channel.kind is Kind.PRIVATE else "channel"
        event: Json = {
            "type": f"{noun}_{'archive' if archived else 'unarchive'}",
            "channel": channel.id,
            "user": channel.creator,
            "event_ts": self._parts.workspace.next_ts(),
        }
        self._parts.events.other(event, channel)

    # What they see.

    def messages(self, name: str, thread_ts: str | None, viewer: User | None) -> list[MessageSeen]:
        """A conversation or a thread as one person sees it; with no viewer, everything anybody sees."""
        workspace = self._parts.workspace
        channel = self.channel_for(viewer, name) if viewer else workspace.find_channel(name)
        return [
            self.seen(m)
            for m in workspace.messages(channel.id)
            if (thread_ts is None or thread_ts in (m.ts, m.thread_ts))
            and (viewer is None or m.ephemeral_to in (None, viewer.id))
        ]

    def seen(self, message: Message) -> MessageSeen:
        """Render a message for the control API."""
        workspace = self._parts.workspace
        return MessageSeen(
            channel=message.channel,
            ts=message.ts,
            user=message.user,
            user_name=workspace.users[message.user].name,
            text=message.text,
            blocks=message.blocks,
            files=[_file(workspace.files[f]) for f in message.files],
            thread_ts=message.thread_ts,
            ephemeral=message.ephemeral_to is not None,
            edited=message.edited_ts is not None,
            subtype=message.subtype,
            metadata=message.metadata,
            reactions=message.reactions,
            permalink=workspace.permalink(message),
        )

    def seen_view(self, view: View) -> ViewSeen:
        """Render a view for the control API."""
        body = view.body
        stack = [v.id for v in self._parts.views.stack(view.user)]
        return ViewSeen(
            id=view.id,
            type=view.type,
            title=_text(body.get("title")) or "",
            callback_id=body.get("callback_id", ""),
            submit=_text(body.get("submit")),
            close=_text(body.get("close")),
            blocks=body["blocks"],
            hash=view.hash,
            values=rendered_values(self._parts.workspace, view.values),
            errors=view.errors,
            depth=stack.index(view.id) + 1 if view.id in stack else 1,
        )

    def everybody(self) -> list[UserSeen]:
        """Everybody in the workspace."""
        fields = ("id", "name", "is_bot", "is_admin", "is_guest", "deleted")
        return [UserSeen(**{f: getattr(u, f) for f in fields}) for u in self._parts.workspace.users.values()]

    def everywhere(self) -> list[ChannelSeen]:
        """Every conversation."""
        return [
            ChannelSeen(id=c.id, name=c.name, kind=c.kind.value, members=c.members, archived=c.archived)
            for c in self._parts.workspace.channels.values()
        ]

    def since(self, channel: Channel, viewer: User, seq: int) -> list[MessageSeen]:
        """What appeared for a person in a conversation after a line of the journal."""
        appeared = [
            e.facts["ts"]
            for e in self._parts.journal.read(seq, kinds=("message",))
            if e.facts["channel"] == channel.id and e.facts["state"] == "posted"
        ]
        found = [self._parts.workspace.message(channel.id, ts) for ts in appeared]
        return [
            self.seen(m) for m in found if m and m.user != viewer.id and m.ephemeral_to in (None, viewer.id)
        ]


def _file(file: File) -> FileSeen:
    return FileSeen(
        id=file.id,
        name=file.name,
        title=file.title,
        user=file.user,
        size=file.size,
        mimetype=file.mimetype,
        scenario=file.scenario,
    )


def _text(part: Json | None) -> str | None:
    return part["text"] if part else None
