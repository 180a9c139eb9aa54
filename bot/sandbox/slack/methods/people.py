"""Who is who, and the app itself: users, the token's owner, Socket Mode's address."""

from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import Auth, Call, Method, page
from bot.sandbox.slack.shapes import user_object
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import TEAM_DOMAIN, TEAM_NAME


def api_test(call: Call) -> Json:
    """Answer, with whatever was sent."""
    error = call.arguments.optional("error")
    arguments = {k: v for k, v in call.arguments.raw.items() if k != "token"}
    if error is not None:
        raise ApiError(error, args=arguments)
    return {"args": arguments}


def user_info(call: Call) -> Json:
    """Describe a person."""
    user = call.workspace.users.get(call.arguments.text("user"))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": user_object(call.workspace, user, with_locale=call.arguments.flag("include_locale"))}


def list_users(call: Call) -> Json:
    """List everybody, the deactivated included."""
    locale = call.arguments.flag("include_locale")
    everybody = [user_object(call.workspace, u, with_locale=locale) for u in call.workspace.users.values()]
    cut, cursor = page(everybody, call, 200)
    now = int(call.workspace.clock.now())
    return {"members": cut, "cache_ts": now, "response_metadata": {"next_cursor": cursor}}


def bot_info(call: Call) -> Json:
    """Describe the app's bot, the only one there is."""
    identity = call.workspace.identity
    if call.arguments.optional("bot") not in (None, identity.bot):
        raise ApiError("bot_not_found")
    bot = call.workspace.users[identity.bot_user]
    return {
        "bot": {
            "id": identity.bot,
            "deleted": bot.deleted,
            "name": call.workspace.manifest.app_name,
            "updated": bot.updated,
            "app_id": identity.app,
            "user_id": bot.id,
            "icons": {},
        }
    }


def team_info(call: Call) -> Json:
    """Describe the workspace."""
    identity = call.workspace.identity
    if call.arguments.optional("team") not in (None, identity.team):
        raise ApiError("team_not_found")
    return {
        "team": {
            "id": identity.team,
            "name": TEAM_NAME,
            "domain": TEAM_DOMAIN,
            "url": f"{call.workspace.origin}/",
            "email_domain": "",
            "icon": {"image_default": True},
            "is_verified": False,
        }
    }


def open_connection(call: Call) -> Json:
    """Give the single-use address of a new socket."""
    if not call.workspace.manifest.socket_mode:
        raise ApiError("access_denied", messages=["[ERROR] Socket Mode is not turned on for this app"])
    ticket = call.parts.sockets.issue_ticket()
    return {"url": f"{call.workspace.origin.replace('http', 'ws', 1)}/socket/{ticket}"}


METHODS = (
    Method("api.test", api_test, auth=Auth.NONE),
    Method("users.info", user_info, ("users:read",)),
    Method("users.list", list_users, ("users:read",)),
    Method("bots.info", bot_info, ("users:read",)),
    Method("team.info", team_info, ("team:read",)),
    Method("apps.connections.open", open_connection, auth=Auth.APP),
)
