"""The workspace: people, conversations, messages and files, in memory and on disk alike."""

import bisect
import hashlib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bot.sandbox.slack.blocks import Poster
from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.database import Database
from bot.sandbox.slack.errors import ApiError, Refused
from bot.sandbox.slack.ids import Ids
from bot.sandbox.slack.images import IN_BLOCKS
from bot.sandbox.slack.manifest import Manifest
from bot.sandbox.slack.markup import typed
from bot.sandbox.slack.records import Channel, File, Kind, Message, User

# A file's private address names the team and the file, its permalink the uploader and the file.
FILE_IN_ADDRESS = re.compile(r"/files-pri/\w+-(F\w+)/|/files/\w+/(F\w+)/")
TEAM_NAME = "Halcyon Studio"
TEAM_DOMAIN = "halcyon-studio"


@dataclass(frozen=True)
class Identity:
    """Who the workspace and the app are; constant for the life of a state directory."""

    team: str
    app: str
    bot: str
    bot_user: str
    bot_token: str
    app_token: str
    client_id: str
    client_secret: str
    signing_secret: str
    verification_token: str


class Workspace:
    """Everything that is so, with its index; each change is on disk before the caller goes on."""

    def __init__(
        self, database: Database, clock: Clock, ids: Ids, manifest: Manifest, state_dir: Path
    ) -> None:
        self.database = database
        self.clock = clock
        self.ids = ids
        self.manifest = manifest
        self.origin = ""
        # What the installed app may do now; ``Tokens`` keeps it up to date.
        self.granted: frozenset[str] = frozenset()
        self._blobs = state_dir / "files"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self._messages: dict[str, dict[str, Message]] = {}
        self._order: dict[str, list[str]] = {}
        self._threads: dict[tuple[str, str], list[str]] = {}
        self._last_micros = 0
        self._load()

    def _load(self) -> None:
        documents = dict(self.database.load("meta"))
        self.users = {key: User.read(body) for key, body in self.database.load("user")}
        self.channels = {key: Channel.read(body) for key, body in self.database.load("channel")}
        self.files = {key: File.read(body) for key, body in self.database.load("file")}
        for _, body in self.database.load("message"):
            self._index(Message.read(body))
        if "identity" in documents:
            # A folder from before the app had secrets of its own is given them now.
            self.identity = Identity(**{**self._secrets(), **documents["identity"]})
            self.database.save("meta", "identity", asdict(self.identity))
        else:
            self.identity = self._found()

    def use(self, **credentials: str | None) -> None:
        """Use these tokens and secrets from now on instead of those made up; None leaves one as it is."""
        given = {name: value for name, value in credentials.items() if value}
        self.identity = replace(self.identity, **given)
        self.database.save("meta", "identity", asdict(self.identity))

    def _secrets(self) -> dict[str, str]:
        secret = self.ids.secret
        return {
            "client_id": f"{_digits(secret())}.{_digits(secret())}",
            "client_secret": _hex(secret()),
            "signing_secret": _hex(secret()),
            "verification_token": secret(),
        }

    def _found(self) -> Identity:
        new, secret = self.ids.new, self.ids.secret
        identity = Identity(
            team=new("T"),
            app=new("A"),
            bot=new("B"),
            bot_user=new("U"),
            bot_token=f"xoxb-{secret()}",
            app_token=f"xapp-1-{secret()}",
            **self._secrets(),
        )
        with self.database.together():
            self.database.save("meta", "identity", asdict(identity))
            bot = User(identity.bot_user, self.manifest.bot_name, self.manifest.app_name, is_bot=True)
            ana = User(new("U"), "ana", "Ana Lindqvist")
            lee = User(new("U"), "lee", "Lee Okafor", locale="zh-CN", tz="Asia/Shanghai")
            admin = User(new("U"), "admin", "Ada Min", is_admin=True)
            guest = User(new("U"), "guest", "Gus Trent", is_guest=True)
            gone = User(new("U"), "gone", "Gona Way", deleted=True)
            for user in (bot, ana, lee, admin, guest, gone):
                self.save_user(user)
            people = [ana.id, lee.id, admin.id]
            for name, kind, members in (
                ("portraits", Kind.PUBLIC, [*people, guest.id, bot.id]),
                ("general", Kind.PUBLIC, people),
                ("atelier", Kind.PRIVATE, [ana.id, admin.id, bot.id]),
                ("board", Kind.PRIVATE, [lee.id, admin.id]),
            ):
                self.new_channel(name, kind, creator=admin.id, members=members)
        return identity

    def _index(self, message: Message) -> None:
        known = self._messages.setdefault(message.channel, {})
        if message.ts not in known:
            bisect.insort(self._order.setdefault(message.channel, []), message.ts)
            if message.thread_ts and message.ephemeral_to is None:
                bisect.insort(self._threads.setdefault((message.channel, message.thread_ts), []), message.ts)
            self._last_micros = max(self._last_micros, int(message.ts.replace(".", "")))
        known[message.ts] = message

    # People and conversations.

    def save_user(self, user: User) -> None:
        """Write a person down."""
        self.users[user.id] = user
        self.database.save("user", user.id, user.document())

    def new_channel(self, name: str, kind: Kind, *, creator: str, members: list[str]) -> Channel:
        """Open a conversation."""
        prefix = "D" if kind is Kind.IM else "C"
        channel = Channel(self.ids.new(prefix), name, kind, creator, int(self.clock.now()), list(members))
        self.save_channel(channel)
        return channel

    def save_channel(self, channel: Channel) -> None:
        """Write a conversation down."""
        self.channels[channel.id] = channel
        self.database.save("channel", channel.id, channel.document())

    def existing_conversation(self, members: list[str]) -> Channel | None:
        """Find the direct conversation between exactly these people."""
        wanted = set(members)
        for channel in self.channels.values():
            if channel.kind in (Kind.IM, Kind.MPIM) and set(channel.members) == wanted:
                return channel
        return None

    def conversation_of(self, members: list[str]) -> Channel:
        """Find or open the direct conversation between exactly these people."""
        existing = self.existing_conversation(members)
        if existing is not None:
            return existing
        kind = Kind.IM if len(members) == 2 else Kind.MPIM
        name = "" if kind is Kind.IM else "mpdm-" + "--".join(self.users[m].name for m in members) + "-1"
        return self.new_channel(name, kind, creator=members[0], members=members)

    def is_bot_in(self, channel: Channel) -> bool:
        """Say whether the bot is a member."""
        return self.identity.bot_user in channel.members

    def find_user(self, name: str) -> User:
        """Resolve ``ana``, ``@ana`` or an id, for the control API."""
        bare = name.removeprefix("@")
        for user in self.users.values():
            if bare in (user.id, user.name):
                return user
        raise Refused("user_not_found", user=name)

    def find_channel(self, name: str, viewer: str | None = None) -> Channel:
        """Resolve ``#portraits``, an id, or ``@darkroom`` (the viewer's direct messages with the bot)."""
        bare = name.removeprefix("#")
        for channel in self.channels.values():
            if bare and bare in (channel.id, channel.name):
                return channel
        if name.startswith(("@", "U")):
            other = self.find_user(name).id
            me = viewer or self.identity.bot_user
            if me == other:
                me = self.identity.bot_user
            return self.conversation_of([other, me])
        raise Refused("channel_not_found", channel=name)

    def visible_channel(self, channel_id: str) -> Channel:
        """Resolve an id as the bot may: private conversations it is not in do not exist."""
        channel = self.channels.get(channel_id)
        if channel is None or (channel.kind is not Kind.PUBLIC and not self.is_bot_in(channel)):
            raise ApiError("channel_not_found")
        return channel

    def typed(self, text: str, *, labelled: bool = False) -> str:
        """Turn what a person typed into what Slack stores: mentions, links, entities."""
        users = {u.name: u.id for u in self.users.values()}
        channels = {c.name: c.id for c in self.channels.values() if c.name}
        return typed(text, users, channels, labelled=labelled)

    # Messages.

    def next_ts(self) -> str:
        """Make a timestamp later than every one before."""
        self._last_micros = max(self._last_micros + 1, int(self.clock.now() * 1_000_000))
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"

    def save_message(self, message: Message) -> None:
        """Write a message down, new or changed."""
        self._index(message)
        self.database.save("message", message.key, message.document())

    def remove_message(self, message: Message) -> None:
        """Take a message away without a trace."""
        del self._messages[message.channel][message.ts]
        self._order[message.channel].remove(message.ts)
        under = self._threads.get((message.channel, message.thread_ts or ""), [])
        if message.ts in under:
            under.remove(message.ts)
        self.database.delete("message", message.key)

    def message(self, channel: str, ts: str) -> Message | None:
        """Find a message, ephemeral or not."""
        return self._messages.get(channel, {}).get(ts)

    def messages(self, channel: str) -> Iterator[Message]:
        """Walk through a conversation, oldest first, replies and ephemeral messages included."""
        known = self._messages.get(channel, {})
        for ts in self._order.get(channel, ()):
            yield known[ts]

    def replies(self, channel: str, ts: str) -> list[Message]:
        """Collect the replies under a message, oldest first."""
        known = self._messages.get(channel, {})
        return [known[reply] for reply in self._threads.get((channel, ts), ()) if reply != ts]

    def permalink(self, message: Message) -> str:
        """Give a message its address."""
        link = f"{self.origin}/archives/{message.channel}/p{message.ts.replace('.', '')}"
        if message.thread_ts and message.thread_ts != message.ts:
            link += f"?thread_ts={message.thread_ts}&cid={message.channel}"
        return link

    # Files.

    def save_file(self, file: File) -> None:
        """Write a file's facts down."""
        self.files[file.id] = file
        self.database.save("file", file.id, file.document())

    def blob(self, file: File) -> Path:
        """Where a file's bytes lie."""
        return self._blobs / file.id

    def may_bot_read(self, file: File) -> bool:
        """Say whether the bot sees a file: its own, one in its conversations, one put into its form."""
        if file.deleted or not file.received:
            return False
        return (
            file.by_bot or file.in_form or any(self.is_bot_in(self.channels[s.channel]) for s in file.shares)
        )

    @property
    def poster(self) -> Poster:
        """The bot as one who sends blocks with its token."""
        return Poster(self.may_stand_in_block, self.granted, self.knows_remote)

    @property
    def tokenless(self) -> Poster:
        """The bot through a response URL: what it sends carries no token, so it shows no private file."""
        return Poster(lambda _id: False, self.granted)

    def knows_remote(self, external_id: str) -> bool:
        """Say whether a file of another service goes by that name here."""
        return any(f.external_id == external_id and not f.deleted for f in self.files.values())

    def may_stand_in_block(self, name: str) -> bool:
        """Say whether a file, by id or address, may stand in a block: a picture the bot sees, and ready."""
        found = FILE_IN_ADDRESS.search(name)
        file = self.files.get(name) or (self.files.get(found[1] or found[2]) if found else None)
        if file is None or not self.may_bot_read(file):
            return False
        return file.completed and file.ready and file.mimetype in IN_BLOCKS


def _hex(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def _digits(secret: str) -> str:
    return f"{int(_hex(secret), 16) % 10**12:012d}"
