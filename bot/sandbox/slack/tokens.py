"""Tokens: who holds one, what it was granted, and why one that was good no longer is.

What the manifest lists is only asked for: a token is granted its scopes when the app is installed, and one
that is added later takes effect with the next installation.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.records import Kind, Record
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

ROTATION_SECONDS = 43_200
# A third token of the same kind pushes the oldest out.
LIVE_WHEN_ROTATING = 2


class TokenKind(StrEnum):
    """What a token stands for."""

    BOT = "bot"
    USER = "user"
    APP = "app"


class Fate(StrEnum):
    """How a token ended, in the word with which calls are then refused."""

    REVOKED = "token_revoked"
    REMOVED = "account_inactive"


@dataclass
class Token(Record):
    """A token and what it may do; ``user`` is whose it is."""

    value: str
    kind: TokenKind
    user: str
    scopes: list[str] = field(default_factory=list)
    issued: float = 0.0
    expires_at: float | None = None
    fate: Fate | None = None

    @classmethod
    def read(cls, document: Json) -> "Token":
        """Make a token of its document."""
        fate = Fate(document["fate"]) if document.get("fate") else None
        return cls(**{**document, "kind": TokenKind(document["kind"]), "fate": fate})


@dataclass
class Refresh(Record):
    """The token with which an expiring one is renewed, once."""

    value: str
    kind: TokenKind
    user: str
    scopes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, document: Json) -> "Refresh":
        """Make a refresh token of its document."""
        return cls(**{**document, "kind": TokenKind(document["kind"])})


@dataclass(frozen=True)
class Issued:
    """What an installation or a renewal gives out."""

    token: Token
    refresh: str | None = None
    expires_in: int | None = None


class Tokens:
    """Every token there ever was, and whether the app is installed."""

    def __init__(self, workspace: Workspace, clock: Clock) -> None:
        self._workspace = workspace
        self._clock = clock
        database = workspace.database
        self._tokens = {key: Token.read(body) for key, body in database.load("token")}
        self._refreshes = {key: Refresh.read(body) for key, body in database.load("refresh")}
        self._removed = dict(database.load("meta")).get("removed") is not None

    # The installation.

    @property
    def removed(self) -> bool:
        """Whether somebody took the app out of the workspace."""
        return self._removed

    def install_for_development(self, *, anew: bool) -> None:
        """Grant the tokens of the app's own page what the manifest asks for, as its developer would at first.

        ``anew`` says that the manifest is another one than before; what an app was granted by consent
        otherwise stays as it is, and so does what was taken from it.
        """
        identity, manifest = self._workspace.identity, self._workspace.manifest
        self._save(Token(identity.app_token, TokenKind.APP, "", ["connections:write"]))
        known = self._tokens.get(identity.bot_token)
        ended = self._removed or (known is not None and known.fate is not None)
        if not ended and (anew or known is None):
            scopes = sorted(manifest.scopes)
            self._save(Token(identity.bot_token, TokenKind.BOT, identity.bot_user, scopes, self._now()))
        self.grant()

    def grant(self) -> None:
        """Let the workspace know which scopes the app has now."""
        live = self._live(TokenKind.BOT)
        self._workspace.granted = frozenset(scope for token in live for scope in token.scopes)

    def held(self, kind: TokenKind, user: str) -> frozenset[str]:
        """Say what somebody has granted so far: later grants add to it."""
        return frozenset(s for t in self._live(kind) if t.user == user for s in t.scopes)

    # Giving out.

    def issue(self, kind: TokenKind, user: str, scopes: Iterable[str], *, rotating: bool) -> Issued:
        """Make a token, or widen the one there is: without rotation an app has one per person."""
        wanted = sorted(set(scopes))
        if rotating:
            return self._issue_rotating(kind, user, wanted)
        for token in self._live(kind):
            if token.user == user and token.expires_at is None:
                token.scopes = wanted
                self._save(token)
                return Issued(token)
        prefix = "xoxb" if kind is TokenKind.BOT else "xoxp"
        token = Token(f"{prefix}-{self._workspace.ids.secret()}", kind, user, wanted, self._now())
        self._save(token)
        return Issued(token)

    def renew(self, refresh_token: str) -> Issued:
        """Exchange a refresh token for a new pair; it is worth nothing afterwards."""
        refresh = self._refreshes.pop(refresh_token, None)
        if refresh is None:
            raise ApiError("invalid_refresh_token")
        self._workspace.database.delete("refresh", refresh_token)
        return self._issue_rotating(refresh.kind, refresh.user, refresh.scopes)

    def exchange(self, value: str) -> Issued:
        """Exchange a token that never ends for a pair that rotates."""
        token = self._tokens.get(value)
        if token is None or token.kind is TokenKind.APP or token.fate is not None:
            raise ApiError("invalid_token")
        if token.expires_at is not None:
            raise ApiError("token_already_exchanged")
        issued = self._issue_rotating(token.kind, token.user, token.scopes)
        self._end(token, Fate.REVOKED)
        self.grant()
        return issued

    def _issue_rotating(self, kind: TokenKind, user: str, scopes: list[str]) -> Issued:
        secret = self._workspace.ids.secret
        prefix = "xoxe.xoxb-1" if kind is TokenKind.BOT else "xoxe.xoxp-1"
        token = Token(f"{prefix}-{secret()}", kind, user, scopes, self._now())
        token.expires_at = self._now() + ROTATION_SECONDS
        refresh = Refresh(f"xoxe-1-{secret()}", kind, user, scopes)
        with self._workspace.database.together():
            expiring = [t for t in self._live(kind) if t.user == user and t.expires_at is not None]
            for old in sorted(expiring, key=lambda t: t.issued)[: 1 - LIVE_WHEN_ROTATING]:
                self._end(old, Fate.REVOKED)
            self._save(token)
            self._refreshes[refresh.value] = refresh
            self._workspace.database.save("refresh", refresh.value, refresh.document())
        self.grant()
        return Issued(token, refresh.value, ROTATION_SECONDS)

    # Holding one.

    def holder(self, value: str) -> Token:
        """Say what a token is, or refuse it in the word that says why."""
        token = self._tokens.get(value)
        if token is None:
            raise ApiError("invalid_auth")
        if token.fate is not None:
            raise ApiError(token.fate.value)
        if token.expires_at is not None and self._now() >= token.expires_at:
            raise ApiError("token_expired")
        return token

    def find(self, value: str) -> Token | None:
        """Say what a token is if it is good, and nothing otherwise."""
        try:
            return self.holder(value)
        except ApiError:
            return None

    # Taking away.

    def revoke(self, token: Token) -> None:
        """End one token; with the bot's its user leaves every channel."""
        self._end(token, Fate.REVOKED)
        self._forget_refreshes({token.user}, token.kind)
        if token.kind is TokenKind.BOT and not self._live(TokenKind.BOT):
            self._retire_bot()
        self.grant()

    def remove_app(self) -> dict[str, list[str]]:
        """End every token the workspace gave; returns whose they were, by kind as events name it."""
        ended: dict[str, list[str]] = {"oauth": [], "bot": []}
        with self._workspace.database.together():
            for kind, word in ((TokenKind.USER, "oauth"), (TokenKind.BOT, "bot")):
                live = self._live(kind)
                ended[word] = list(dict.fromkeys(t.user for t in live))
                for token in live:
                    self._end(token, Fate.REMOVED)
                self._forget_refreshes({t.user for t in live}, kind)
            self._retire_bot()
            self._removed = True
            self._workspace.database.save("meta", "removed", {"at": self._now()})
        self.grant()
        return ended

    def bring_back(self) -> None:
        """Note that the app is installed again; its bot must be invited anew."""
        self._removed = False
        self._workspace.database.delete("meta", "removed")
        bot = self._workspace.users[self._workspace.identity.bot_user]
        if bot.deleted:
            bot.deleted = False
            self._workspace.save_user(bot)

    def _retire_bot(self) -> None:
        workspace = self._workspace
        bot = workspace.users[workspace.identity.bot_user]
        bot.deleted = True
        workspace.save_user(bot)
        for channel in workspace.channels.values():
            if channel.kind in (Kind.PUBLIC, Kind.PRIVATE) and bot.id in channel.members:
                channel.members = [m for m in channel.members if m != bot.id]
                workspace.save_channel(channel)

    def _end(self, token: Token, fate: Fate) -> None:
        token.fate = fate
        self._save(token)

    def _forget_refreshes(self, users: Collection[str], kind: TokenKind) -> None:
        for value, refresh in list(self._refreshes.items()):
            if refresh.kind is kind and refresh.user in users:
                del self._refreshes[value]
                self._workspace.database.delete("refresh", value)

    def _live(self, kind: TokenKind) -> list[Token]:
        # One that has run out counts: its holder is still installed, and renews it.
        return [t for t in self._tokens.values() if t.kind is kind and t.fate is None]

    def _save(self, token: Token) -> None:
        self._tokens[token.value] = token
        self._workspace.database.save("token", token.value, token.document())

    def _now(self) -> float:
        return self._clock.now()
