"""Installing the app: consent, codes, tokens for codes, and taking all of it back."""

from dataclasses import asdict, dataclass
from urllib.parse import urlencode, urlsplit

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.errors import ApiError, Refused
from bot.sandbox.slack.events import Events
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.records import User
from bot.sandbox.slack.tokens import Fate, Issued, Token, TokenKind, Tokens
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import TEAM_NAME, Workspace

CODE_SECONDS = 600.0


@dataclass(frozen=True)
class Wish:
    """What an app asks for when it sends somebody to the consent page."""

    scopes: tuple[str, ...]
    user_scopes: tuple[str, ...]
    optional: frozenset[str]
    redirect_uri: str
    sent_uri: str
    state: str

    def answered(self, **facts: str) -> str:
        """The address the browser goes back to, with the answer on it."""
        about = {**facts, "state": self.state}
        return f"{self.redirect_uri}{'&' if urlsplit(self.redirect_uri).query else '?'}{urlencode(about)}"


@dataclass(frozen=True)
class Code:
    """A consent on its way to becoming tokens: good once, for ten minutes."""

    user: str
    scopes: list[str]
    user_scopes: list[str]
    sent_uri: str
    redirect_uri: str
    at: float


class OAuth:
    """The app's installations in the workspace."""

    def __init__(
        self, workspace: Workspace, clock: Clock, tokens: Tokens, events: Events, journal: Journal
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self._tokens = tokens
        self._events = events
        self._journal = journal
        self._codes = {key: Code(**body) for key, body in workspace.database.load("code")}

    # Consent.

    def wish(self, query: Json) -> Wish:
        """Read what the app asks for; what it may not ask for never gets to the person.

        Raises:
            Refused: the page shows an error, and nobody is sent back.
        """
        workspace = self._workspace
        manifest, identity = workspace.manifest, workspace.identity
        if query.get("client_id") != identity.client_id:
            raise Refused("invalid_client_id")
        if query.get("team") not in (None, "", identity.team):
            raise Refused("invalid_team_for_non_distributed_app", team=query["team"])
        sent_uri = query.get("redirect_uri", "")
        redirect_uri = sent_uri or next(iter(manifest.redirect_urls), "")
        if not any(_within(redirect_uri, allowed) for allowed in manifest.redirect_urls):
            raise Refused("bad_redirect_uri", redirect_uri=redirect_uri)
        scopes, user_scopes = _words(query.get("scope", "")), _words(query.get("user_scope", ""))
        if not scopes and not user_scopes:
            raise Refused("no_scopes")
        unknown = [s for s in scopes if s not in manifest.scopes | manifest.optional_scopes]
        unknown += [s for s in user_scopes if s not in manifest.user_scopes]
        if unknown:
            raise Refused("invalid_scope", scopes=",".join(unknown))
        optional = manifest.optional_scopes.intersection(scopes)
        return Wish(scopes, user_scopes, optional, redirect_uri, sent_uri, query.get("state", ""))

    def installers(self) -> list[User]:
        """Those who may install an app: members, not guests and not bots."""
        everybody = self._workspace.users.values()
        return [u for u in everybody if not (u.is_bot or u.deleted or u.is_guest)]

    def allow(self, wish: Wish, user: User, optional: frozenset[str]) -> str:
        """Give consent; returns where the browser goes next."""
        if user not in self.installers():
            raise Refused("user_cannot_install", user=user.name)
        workspace = self._workspace
        scopes = [s for s in wish.scopes if s not in wish.optional or s in optional]
        code = f"{workspace.identity.client_id}.{workspace.ids.secret()}"
        kept = Code(
            user.id, scopes, list(wish.user_scopes), wish.sent_uri, wish.redirect_uri, self._clock.now()
        )
        self._codes[code] = kept
        workspace.database.save("code", code, asdict(kept))
        self._journal.add("oauth", state="allowed", user=user.id, scopes=scopes)
        return wish.answered(code=code)

    def deny(self, wish: Wish) -> str:
        """Say no; returns where the browser goes next."""
        self._journal.add("oauth", state="denied")
        return wish.answered(error="access_denied")

    # Tokens.

    def check_client(self, client_id: str, client_secret: str) -> None:
        """Refuse whoever is not the app."""
        identity = self._workspace.identity
        if client_id != identity.client_id:
            raise ApiError("invalid_client_id")
        if client_secret != identity.client_secret:
            raise ApiError("bad_client_secret")

    def redeem(self, code: str, redirect_uri: str) -> Json:
        """Turn a code into tokens, and the app is installed; a code is good once, whatever comes of it."""
        workspace = self._workspace
        kept = self._codes.pop(code, None)
        workspace.database.delete("code", code)
        if kept is None or self._clock.now() - kept.at > CODE_SECONDS:
            raise ApiError("invalid_code")
        if redirect_uri not in ((kept.sent_uri,) if kept.sent_uri else ("", kept.redirect_uri)):
            raise ApiError("bad_redirect_uri")
        answer = self._about() | {"authed_user": {"id": kept.user}}
        if kept.scopes:
            answer |= token_part(self._install(kept.scopes)) | {"bot_user_id": workspace.identity.bot_user}
        if kept.user_scopes:
            held = self._tokens.held(TokenKind.USER, kept.user)
            issued = self._tokens.issue(
                TokenKind.USER,
                kept.user,
                held.union(kept.user_scopes),
                rotating=workspace.manifest.token_rotation,
            )
            answer["authed_user"] |= token_part(issued)
        self._journal.add("oauth", state="installed", user=kept.user, scopes=kept.scopes)
        return answer

    def renew(self, refresh_token: str) -> Json:
        """Exchange a refresh token for a new pair."""
        issued = self._tokens.renew(refresh_token)
        answer = self._about() | token_part(issued)
        if issued.token.kind is TokenKind.BOT:
            return answer | {"bot_user_id": self._workspace.identity.bot_user}
        return answer | {"user_id": issued.token.user}

    def exchange(self, token: Token) -> Json:
        """Exchange a token that never ends for a pair that rotates."""
        if not self._workspace.manifest.token_rotation:
            raise ApiError("token_rotation_not_enabled")
        return self._about() | token_part(self._tokens.exchange(token.value))

    def reinstall(self) -> str:
        """Install from the app's own page, with everything the manifest asks for; returns the bot's token."""
        return self._install(self._workspace.manifest.scopes).token.value

    def _install(self, scopes: list[str] | frozenset[str]) -> Issued:
        workspace, tokens = self._workspace, self._tokens
        bot = workspace.identity.bot_user
        tokens.bring_back()
        rotating = workspace.manifest.token_rotation
        issued = tokens.issue(
            TokenKind.BOT, bot, tokens.held(TokenKind.BOT, bot).union(scopes), rotating=rotating
        )
        if not rotating:
            workspace.use(bot_token=issued.token.value)
        tokens.grant()
        return issued

    def _about(self) -> Json:
        identity = self._workspace.identity
        return {
            "app_id": identity.app,
            "team": {"id": identity.team, "name": TEAM_NAME},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    # Taking it back.

    def revoke(self, token: Token) -> None:
        """End one token, and tell the app."""
        word = "bot" if token.kind is TokenKind.BOT else "oauth"
        self._tokens.revoke(token)
        self._journal.add("oauth", state=Fate.REVOKED.value, user=token.user)
        self._events.other({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [], word: [token.user]}})

    def remove(self) -> None:
        """Take the app out of the workspace, and tell it so."""
        ended = self._tokens.remove_app()
        self._journal.add("oauth", state="removed", tokens=ended)
        self._events.other({"type": "tokens_revoked", "tokens": ended})
        self._events.other({"type": "app_uninstalled"})


def token_part(issued: Issued) -> Json:
    """Render a token as answers give it out."""
    token = issued.token
    part: Json = {
        "scope": ",".join(token.scopes),
        "token_type": token.kind.value,
        "access_token": token.value,
    }
    if issued.refresh is not None:
        part |= {"refresh_token": issued.refresh, "expires_in": issued.expires_in}
    return part


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(w for w in text.replace(" ", ",").split(",") if w))


def _within(uri: str, allowed: str) -> bool:
    """An address is allowed that was registered, or lies below one that was."""
    given, registered = urlsplit(uri), urlsplit(allowed)
    if (given.scheme, given.netloc) != (registered.scheme, registered.netloc) or not given.scheme:
        return False
    return given.path == registered.path or given.path.startswith(registered.path.rstrip("/") + "/")
