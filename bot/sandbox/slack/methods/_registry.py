"""What a method is: a name, the scopes it asks for, the token it takes, and what it does."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.records import Channel, Kind
from bot.sandbox.slack.tokens import Token
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

T = TypeVar("T")
MOST = 999
READ = {Kind.PUBLIC: "channels:read", Kind.PRIVATE: "groups:read", Kind.IM: "im:read", Kind.MPIM: "mpim:read"}
HISTORY = {
    Kind.PUBLIC: "channels:history",
    Kind.PRIVATE: "groups:history",
    Kind.IM: "im:history",
    Kind.MPIM: "mpim:history",
}


@dataclass(frozen=True)
class Call:
    """One call of a method by the app; ``basic`` holds the name and password of HTTP Basic, if sent."""

    arguments: Arguments
    parts: Parts
    token: Token | None = None
    basic: tuple[str, str] | None = None

    @property
    def workspace(self) -> Workspace:
        """The workspace the token belongs to."""
        return self.parts.workspace

    @property
    def bot(self) -> str:
        """The bot's user id."""
        return self.workspace.identity.bot_user

    @property
    def scopes(self) -> frozenset[str]:
        """What the token was granted."""
        return frozenset(self.token.scopes) if self.token else frozenset()

    @property
    def holder(self) -> Token:
        """The token of a method that is never called without one."""
        if self.token is None:
            raise ApiError("not_authed")
        return self.token

    def need(self, *scopes: str) -> None:
        """Refuse the call unless one of the scopes was granted."""
        check_scopes(self.scopes, scopes)

    def channel(self, name: str = "channel", *, scopes: dict[Kind, str] | None = None) -> Channel:
        """Resolve the conversation an argument names, as far as the bot sees it."""
        channel = self.workspace.visible_channel(self.arguments.text(name))
        if scopes is not None:
            self.need(scopes[channel.kind])
        return channel


class Auth(StrEnum):
    """What a method asks to be called with."""

    BOT = "bot"  # the bot's token
    ANY = "any"  # a bot's or a person's
    APP = "app"  # the app's own token, of Socket Mode
    NONE = "none"  # nothing; the method may look at the app's credentials itself


@dataclass(frozen=True)
class Method:
    """A method of the Web API. Any one of the scopes is enough; none means any token will do."""

    name: str
    run: Callable[[Call], Json]
    scopes: tuple[str, ...] = ()
    auth: Auth = Auth.BOT


def check_scopes(granted: frozenset[str], scopes: tuple[str, ...]) -> None:
    """Refuse unless one of the scopes was granted, telling which are needed and which are there."""
    if scopes and not granted.intersection(scopes):
        raise ApiError("missing_scope", needed=",".join(scopes), provided=scope_list(granted))


def scope_list(scopes: Iterable[str]) -> str:
    """Write scopes down as answers and headers do."""
    return ",".join(sorted(scopes))


def page(items: Sequence[T], call: Call, default: int, most: int = MOST) -> tuple[Sequence[T], str]:
    """Cut one page out of a list; the cursor of the next one is empty at the end."""
    limit = call.arguments.number("limit", default)
    if not 1 <= limit <= MOST:
        raise ApiError("invalid_limit")
    limit = min(limit, most)
    cursor = call.arguments.optional("cursor") or "at:0"
    word, _, offset = cursor.partition(":")
    if word != "at" or not offset.isdigit():
        raise ApiError("invalid_cursor")
    start = int(offset)
    rest = start + limit < len(items)
    return items[start : start + limit], f"at:{start + limit}" if rest else ""
