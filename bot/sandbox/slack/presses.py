"""Presses and choices: under a message, in a modal, in the home tab."""

from typing import Any

from bot.sandbox.slack.asking import NOT_SENT, Asking, Gesture, dialog_of
from bot.sandbox.slack.block_walk import all_blocks
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.forms import (
    Field,
    action_of,
    carried_values,
    chosen_option,
    find_field,
    held_by,
    opinion,
    reports,
)
from bot.sandbox.slack.records import Message, User, View
from bot.sandbox.slack.responses import Place
from bot.sandbox.slack.shapes import message_object, rendered_values, view_object
from bot.sandbox.slack.wire import Json


class Presses(Asking):
    """The hands on what stands in blocks."""

    async def press(
        self, user: User, message: Message, name: str, block_id: str | None, option: Any, *, confirmed: bool
    ) -> Gesture:
        """Press a button, or choose from a menu, under a message."""
        if message.ephemeral_to not in (None, user.id):
            raise Refused("message_not_visible", user=user.name)
        blocks = shown_blocks(message)
        field = find_field(blocks, name, block_id)
        _check_pressable(user, field)
        dialog = dialog_of(field)
        if dialog and not confirmed:
            return Gesture(NOT_SENT, confirm=dialog, sent=False)
        surface = self._message_surface(message, field)
        values = carried_values(blocks, self._views.chosen(user.id, message.key))
        state = await self._state(user, field, option, surface, held_by(values, field))
        if state is not None:
            values.setdefault(field.block_id, {})[field.action_id] = state
            self._views.choose(user.id, message.key, values)
        if not reports(field, entered_by_key=True):
            return Gesture(NOT_SENT, sent=False)
        body = surface | {
            "state": {"values": rendered_values(self._workspace, values)},
            "response_url": self._responses.issue(Place(user.id, message.channel, message.ts)),
        }
        return await self._act(user, field, state or _moment(field, option), body, dialog=dialog)

    async def press_view(
        self, user: User, view: View, name: str, block_id: str | None, option: Any, *, confirmed: bool
    ) -> Gesture:
        """Press a button, or change a field that reports changes, in a modal or the home tab."""
        field = find_field(view.body["blocks"], name, block_id)
        _check_pressable(user, field)
        dialog = dialog_of(field)
        if dialog and not confirmed:
            return Gesture(NOT_SENT, confirm=dialog, sent=False)
        state = await self._state(user, field, option, self._view_surface(view), held_by(view.values, field))
        if state is not None:
            self._views.enter(view, field.block_id, field.action_id, state)
        if not reports(field, entered_by_key=True):
            return Gesture(NOT_SENT, sent=False)
        return await self._act_in(view, user, field, state or _moment(field, option), dialog=dialog)

    async def suggest_in(
        self, user: User, where: Message | View, name: str, block_id: str | None, typed: str
    ) -> list[Json]:
        """Type into a menu that the app fills, and see what it offers."""
        if isinstance(where, View):
            field = find_field(where.body["blocks"], name, block_id)
            return await self.suggest(user, field, typed, self._view_surface(where))
        field = find_field(shown_blocks(where), name, block_id)
        return await self.suggest(user, field, typed, self._message_surface(where, field))

    async def _act_in(
        self, view: View, user: User, field: Field, state: Json | None, *, dialog: Json | None = None
    ) -> Gesture:
        """Report a press or a change in a view; a view knows no channel and gives no response URL."""
        inside = view.id if view.type == "modal" else None
        return await self._act(user, field, state, self._view_surface(view), dialog=dialog, inside=inside)

    async def _act(
        self,
        user: User,
        field: Field,
        state: Json | None,
        body: Json,
        *,
        dialog: Json | None,
        inside: str | None = None,
    ) -> Gesture:
        trigger_id = self._triggers.issue(user.id, inside)
        action = action_of(field, state, self._workspace.next_ts())
        payload = self._common("block_actions", user) | body | {"trigger_id": trigger_id, "actions": [action]}
        ack = await self._ask(
            "interactive",
            payload,
            accepts=False,
            action_id=field.action_id,
            block_id=field.block_id,
            user=user.id,
        )
        return Gesture(ack, trigger_id, dialog)

    def _message_surface(self, message: Message, field: Field) -> Json:
        hidden = message.ephemeral_to is not None
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": hidden,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        for attachment in message.attachments:
            if field.block in all_blocks(attachment.get("blocks")):
                container |= {"type": "message_attachment", "attachment_id": attachment["id"]}
                container["is_app_unfurl"] = False
        surface: Json = {"container": container, "channel": self._channel_part(message.channel)}
        return surface if hidden else surface | {"message": message_object(self._workspace, message)}

    def _view_surface(self, view: View) -> Json:
        return {
            "container": {"type": "view", "view_id": view.id},
            "view": view_object(self._workspace, view),
        }


def shown_blocks(message: Message) -> list[Json]:
    """The blocks of a message, those in its attachments after its own."""
    return [*message.blocks, *(block for one in message.attachments for block in one.get("blocks", ()))]


def _check_pressable(user: User, field: Field) -> None:
    if field.element["type"] == "workflow_button":
        # It starts a workflow; the app that posted it hears nothing.
        raise Refused("workflows_are_not_played", field=field.action_id)
    viewers = field.element.get("visible_to_user_ids")
    if viewers is not None and user.id not in viewers:
        raise Refused("not_visible", field=field.action_id, user=user.name)


def _moment(field: Field, option: Any) -> Json | None:
    """What a press says of itself where nothing stays chosen."""
    match field.element["type"]:
        case "overflow":
            return {"selected_option": chosen_option(field, str(option))}
        case "feedback_buttons":
            return opinion(field, option)
        case _:
            return None
