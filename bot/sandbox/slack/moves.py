"""Who comes into a channel and who leaves it, and how the app hears of it."""

from bot.sandbox.slack.events import Events
from bot.sandbox.slack.posting import Posting
from bot.sandbox.slack.records import Channel, Kind, User
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace


class Moves:
    """Membership of channels."""

    def __init__(self, workspace: Workspace, events: Events, posting: Posting) -> None:
        self._workspace = workspace
        self._events = events
        self._posting = posting

    def move(self, user: User, channel: Channel, *, member: bool) -> None:
        """Let somebody in, or out; the app hears of it while it is a member itself."""
        if (user.id in channel.members) == member:
            return
        event: Json = {
            "type": "member_joined_channel" if member else "member_left_channel",
            "user": user.id,
            "channel": channel.id,
            "channel_type": "C" if channel.kind is Kind.PUBLIC else "G",
            "team": self._workspace.identity.team,
            "event_ts": self._workspace.next_ts(),
        }
        if not member:
            # Whoever leaves still hears of it.
            self._events.other(event, channel)
        channel.members = [*(m for m in channel.members if m != user.id), *([user.id] if member else [])]
        self._workspace.save_channel(channel)
        if member:
            self._events.other(event, channel)
            noun = "group" if channel.kind is Kind.PRIVATE else "channel"
            text = f"<@{user.id}> has joined the {noun}"
            self._posting.say(channel, user.id, text, subtype=f"{noun}_join")

    def take_out(self, user: User) -> None:
        """Take somebody out of every channel without a word."""
        for channel in list(self._workspace.channels.values()):
            if channel.kind in (Kind.PUBLIC, Kind.PRIVATE) and user.id in channel.members:
                channel.members = [m for m in channel.members if m != user.id]
                self._workspace.save_channel(channel)
