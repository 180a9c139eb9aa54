"""Tokens and installations: whose token it is, codes for tokens, renewal, and taking them back."""

from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import Auth, Call, Method
from bot.sandbox.slack.shapes import about_team
from bot.sandbox.slack.tokens import TokenKind
from bot.sandbox.slack.wire import Json


def auth_test(call: Call) -> Json:
    """Say whose token this is."""
    about = about_team(call.workspace)
    token = call.holder
    if token.kind is TokenKind.USER:
        del about["bot_id"]
        about |= {"user": call.workspace.users[token.user].name, "user_id": token.user}
    if token.expires_at is not None:
        about["expires_in"] = max(0, int(token.expires_at - call.parts.clock.now()))
    return about


def revoke(call: Call) -> Json:
    """End the token the call was made with."""
    if call.arguments.flag("test"):
        return {"revoked": False}
    call.parts.oauth.revoke(call.holder)
    return {"revoked": True}


def access(call: Call) -> Json:
    """Give tokens for a code, or for a refresh token."""
    _check_client(call)
    arguments = call.arguments
    match arguments.optional("grant_type"):
        case None | "authorization_code":
            code = arguments.optional("code")
            if code is None:
                raise ApiError("invalid_code")
            return call.parts.oauth.redeem(code, arguments.optional("redirect_uri") or "")
        case "refresh_token":
            return call.parts.oauth.renew(arguments.optional("refresh_token") or "")
    raise ApiError("invalid_grant_type")


def exchange(call: Call) -> Json:
    """Give a pair that rotates for a token that never ends."""
    _check_client(call)
    return call.parts.oauth.exchange(call.holder)


def uninstall(call: Call) -> Json:
    """Take the app out of the workspace."""
    _check_client(call)
    call.parts.oauth.remove()
    return {}


def _check_client(call: Call) -> None:
    name, password = call.basic or (
        call.arguments.optional("client_id") or "",
        call.arguments.optional("client_secret") or "",
    )
    call.parts.oauth.check_client(name, password)


METHODS = (
    Method("auth.test", auth_test, auth=Auth.ANY),
    Method("auth.revoke", revoke, auth=Auth.ANY),
    Method("oauth.v2.access", access, auth=Auth.NONE),
    Method("oauth.v2.exchange", exchange, auth=Auth.ANY),
    Method("apps.uninstall", uninstall, auth=Auth.ANY),
)
