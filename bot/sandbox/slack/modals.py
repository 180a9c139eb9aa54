"""Modals: typed into, sent, closed by hand, and changed by the app's answer."""

from collections.abc import Mapping
from typing import Any

from bot.sandbox.slack.asking import Gesture
from bot.sandbox.slack.block_tables import check_view, is_too_large
from bot.sandbox.slack.delivery import Ack
from bot.sandbox.slack.errors import ApiError, Refused
from bot.sandbox.slack.forms import fields, find_field, held_by, reports, unfilled
from bot.sandbox.slack.posting import with_view_ids
from bot.sandbox.slack.presses import Presses
from bot.sandbox.slack.records import User, View
from bot.sandbox.slack.responses import Place
from bot.sandbox.slack.shapes import view_object
from bot.sandbox.slack.wire import Json

RESPONDING = {"conversations_select": "selected_conversation", "channels_select": "selected_channel"}


class Modals(Presses):
    """The hands on a form as a whole."""

    async def fill(self, user: User, view: View, values: Mapping[str, Any]) -> None:
        """Type into a modal's fields, keyed by block id, label or action id.

        Nothing is submitted; the app hears of those fields that report their changes, one after the other.
        """
        found = [(find_field(view.body["blocks"], name), value) for name, value in values.items()]
        surface = self._view_surface(view)
        states = [
            (field, await self._state(user, field, value, surface, held_by(view.values, field)))
            for field, value in found
        ]
        for field, state in states:
            if state is None:
                raise Refused("nothing_to_enter", field=field.block_id)
            changed = view.values.get(field.block_id, {}).get(field.action_id) != state
            self._views.enter(view, field.block_id, field.action_id, state)
            if changed and reports(field):
                await self._act_in(view, user, field, state)

    async def submit(self, user: User, view: View) -> Gesture:
        """Press a modal's submit button; a form the client would hold back is refused."""
        if view.body.get("submit") is None or view.body.get("submit_disabled"):
            raise Refused("nothing_to_submit", view=view.id)
        if self._views.top(user.id) is not view:
            raise Refused("view_not_on_top", view=view.id)
        problems = unfilled(view.body["blocks"], view.values)
        if problems:
            raise Refused("form_not_filled", blocks=problems)
        self._views.refuse(view, {})
        trigger_id = self._triggers.issue(user.id, view.id)
        payload = self._common("view_submission", user) | {
            "trigger_id": trigger_id,
            "view": view_object(self._workspace, view),
            "response_urls": self._response_urls(user, view),
        }
        callback_id = view.body.get("callback_id", "")
        ack = await self._ask("interactive", payload, accepts=True, callback_id=callback_id, user=user.id)
        if ack.acked:
            ack = self._carry_out(view, ack)
        return Gesture(ack, trigger_id)

    async def close(self, user: User, view: View, *, everything: bool = False) -> Gesture | None:
        """Close a modal by hand, or with its cross the whole stack; the app hears of it where it asked to."""
        cleared = everything or bool(view.body.get("clear_on_close"))
        closing = self._views.stack(user.id)[::-1] if cleared else [view]
        told = [
            (v.body.get("callback_id", ""), view_object(self._workspace, v))
            for v in closing
            if v.body.get("notify_on_close")
        ]
        if cleared:
            self._views.clear(user.id)
        else:
            self._views.close(view)
        gesture = None
        for callback_id, shape in told:
            payload = self._common("view_closed", user) | {"view": shape, "is_cleared": cleared}
            gesture = Gesture(
                await self._ask("interactive", payload, accepts=False, callback_id=callback_id, user=user.id)
            )
        return gesture

    def _response_urls(self, user: User, view: View) -> list[Json]:
        """An address for each menu that promised one, leading to the conversation chosen in it."""
        urls = []
        for field in fields(view.body["blocks"]):
            noun = RESPONDING.get(field.element["type"])
            if noun is None or not field.element.get("response_url_enabled"):
                continue
            channel = view.values.get(field.block_id, {}).get(field.action_id, {}).get(noun)
            if channel:
                urls.append(
                    {
                        "block_id": field.block_id,
                        "action_id": field.action_id,
                        "channel_id": channel,
                        "response_url": self._responses.issue(Place(user.id, channel)),
                    }
                )
        return urls

    def _carry_out(self, view: View, ack: Ack) -> Ack:
        """Do what a submission's answer says; what a client cannot show is an error to the person."""
        answer = ack.payload
        action = answer.get("response_action")
        try:
            match action:
                case None if not answer:
                    self._views.close(view)
                case "clear":
                    self._views.clear(view.user)
                case "errors":
                    self._views.refuse(view, _errors(view, answer.get("errors")))
                case "update":
                    self._views.update(view, self._checked(answer.get("view")))
                case "push":
                    self._views.push(view.user, self._checked(answer.get("view")))
                case _:
                    return self._spoiled(ack, ApiError(f"unknown response_action: {action}"))
        except ApiError as error:
            return self._spoiled(ack, error)
        return ack

    def _spoiled(self, ack: Ack, error: ApiError) -> Ack:
        self._unusable(error)
        return Ack(ack.acked, ack.payload, error.error, ack.seconds)

    def _checked(self, body: Any) -> Json:
        problems = check_view(body, self._workspace.poster, "modal")
        if problems:
            raise ApiError("invalid_arguments", messages=problems)
        if is_too_large(body):
            raise ApiError("view_too_large")
        return with_view_ids(body, self._workspace)


def _errors(view: View, errors: Any) -> dict[str, str]:
    inputs = {f.block_id for f in fields(view.body["blocks"]) if f.block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise ApiError("errors_outside_input_blocks")
    if not all(isinstance(text, str) and text for text in errors.values()):
        raise ApiError("errors_without_words")
    return dict(errors)
