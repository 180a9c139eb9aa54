"""Modals and the home tab."""

from bot.sandbox.slack.block_tables import check_message_blocks, check_view, is_too_large
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.methods._registry import Auth, Call, Method
from bot.sandbox.slack.posting import with_view_ids
from bot.sandbox.slack.shapes import view_object
from bot.sandbox.slack.wire import Json


def open_view(call: Call) -> Json:
    """Open a modal for the person whose gesture the trigger is."""
    call.arguments.require("trigger_id", "view")
    body = _body(call, "modal")
    trigger = call.parts.triggers.exchange(call.arguments.text("trigger_id"))
    view = call.parts.views.open(trigger.user, body)
    return {"view": view_object(call.workspace, view)}


def push(call: Call) -> Json:
    """Lay a modal upon the one in which the gesture was made."""
    call.arguments.require("trigger_id", "view")
    body = _body(call, "modal")
    trigger = call.parts.triggers.exchange(call.arguments.text("trigger_id"))
    if trigger.view is None:
        raise ApiError("invalid_trigger_id")
    view = call.parts.views.push(trigger.user, body)
    return {"view": view_object(call.workspace, view)}


def update(call: Call) -> Json:
    """Replace the content of an open view."""
    call.arguments.require("view")
    if "view_id" not in call.arguments and "external_id" not in call.arguments:
        raise ApiError("invalid_arguments", messages=["[ERROR] missing required field: view_id"])
    view = call.parts.views.find(call.arguments.optional("view_id"), call.arguments.optional("external_id"))
    body = _body(call, view.type)
    changed = call.parts.views.update(view, body, call.arguments.optional("hash"))
    return {"view": view_object(call.workspace, changed)}


def publish(call: Call) -> Json:
    """Replace a person's home tab."""
    call.arguments.require("user_id", "view")
    if not call.parts.settings.home_tab_enabled:
        raise ApiError("not_enabled")
    user = call.workspace.users.get(call.arguments.text("user_id"))
    if user is None or user.deleted or user.is_bot:
        raise ApiError("invalid_arguments", messages=["[ERROR] user not found [json-pointer:/user_id]"])
    view = call.parts.views.publish(user.id, _body(call, "home"), call.arguments.optional("hash"))
    return {"view": view_object(call.workspace, view)}


def _body(call: Call, allowed: str) -> Json:
    body = call.arguments.structure("view")
    problems = check_view(body, call.workspace.poster, allowed)
    if problems:
        raise ApiError("invalid_arguments", messages=problems)
    if is_too_large(body):
        raise ApiError("view_too_large")
    return with_view_ids(body, call.workspace)


def validate(call: Call) -> Json:
    """Say what is wrong with blocks, a message or a view, without showing it to anybody."""
    given = [name for name in ("blocks", "message", "view") if name in call.arguments]
    if len(given) != 1:
        raise ApiError(
            "invalid_arguments", messages=["[ERROR] exactly one of blocks, message and view is needed"]
        )
    name = given[0]
    body = call.arguments.structure(name, error="invalid_blocks_format")
    poster = call.workspace.poster
    if name == "view":
        kind = body.get("type") if isinstance(body, dict) else None
        problems = check_view(body, poster, kind if kind in ("modal", "home") else "modal")
    elif name == "message":
        blocks = body.get("blocks", []) if isinstance(body, dict) else body
        problems = check_message_blocks(blocks, poster, "/message/blocks")
    else:
        problems = check_message_blocks(body, poster)
    if problems:
        raise ApiError("invalid_blocks", messages=problems)
    return {}


METHODS = (
    Method("blocks.validate", validate, auth=Auth.ANY),
    Method("views.open", open_view),
    Method("views.push", push),
    Method("views.update", update),
    Method("views.publish", publish),
)
