"""What people do with the app: commands, shortcuts, presses, modals and the home tab."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.slack.block_tables import check_view
from bot.sandbox.slack.delivery import Ack, Deliveries
from bot.sandbox.slack.errors import ApiError, Refused
from bot.sandbox.slack.events import Events
from bot.sandbox.slack.forms import (
    Field,
    Values,
    action_of,
    carried_values,
    chosen_option,
    entered,
    fields,
    find_field,
    initial_state,
    unfilled,
)
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.outgoing import Family
from bot.sandbox.slack.posting import with_view_ids
from bot.sandbox.slack.records import Channel, Kind, Message, User, View
from bot.sandbox.slack.responses import Place, Responses
from bot.sandbox.slack.shapes import (
    message_object,
    person_part,
    rendered_values,
    team_part,
    view_object,
)
from bot.sandbox.slack.views import Triggers, Views
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import TEAM_DOMAIN, Workspace


@dataclass(frozen=True)
class Gesture:
    """What came of something a person did."""

    ack: Ack
    trigger_id: str = ""
    confirm: Json | None = None
    sent: bool = True


class Interactions:
    """The hands of the people: each gesture is checked as a client would, sent, and its answer obeyed."""

    def __init__(
        self,
        workspace: Workspace,
        deliveries: Deliveries,
        events: Events,
        journal: Journal,
        triggers: Triggers,
        views: Views,
        responses: Responses,
    ) -> None:
        self._workspace = workspace
        self._deliveries = deliveries
        self._events = events
        self._journal = journal
        self._triggers = triggers
        self._views = views
        self._responses = responses
        # What a person chose in a message's menus stays chosen for them.
        self._chosen: dict[str, Values] = dict(workspace.database.load("chosen"))

    # Commands and shortcuts.

    async def command(self, user: User, channel: Channel, name: str, text: str) -> Gesture:
        """Type a slash command; it works wherever the person is, with or without the bot."""
        workspace = self._workspace
        command = workspace.manifest.commands.get(name)
        if command is None or "commands" not in workspace.granted:
            raise Refused("not_a_valid_command", command=name)
        trigger_id = self._triggers.issue(user.id)
        place = Place(user.id, channel.id)
        payload = {
            "token": workspace.identity.verification_token,
            "team_id": workspace.identity.team,
            "team_domain": TEAM_DOMAIN,
            "channel_id": channel.id,
            "channel_name": "directmessage" if channel.kind is Kind.IM else channel.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": name,
            "text": workspace.with_mentions(text) if command.should_escape else text,
            "api_app_id": workspace.identity.app,
            "is_enterprise_install": "false",
            "response_url": self._responses.issue(place),
            "trigger_id": trigger_id,
        }
        ack = await self._ask("slash_commands", payload, accepts=True, command=name, user=user.id, text=text)
        if ack.payload:
            self._say(place, ack.payload)
        return Gesture(ack, trigger_id)

    async def shortcut(self, user: User, callback_id: str, message: Message | None = None) -> Gesture:
        """Choose a shortcut, from the menu of a message or from the global one."""
        workspace = self._workspace
        if workspace.manifest.shortcuts.get(callback_id) != ("message" if message else "global"):
            raise Refused("no_such_shortcut", shortcut=callback_id)
        if message and message.ephemeral_to:
            raise Refused("no_shortcuts_on_ephemeral_messages")
        trigger_id = self._triggers.issue(user.id)
        payload = self._common("message_action" if message else "shortcut", user) | {
            "callback_id": callback_id,
            "trigger_id": trigger_id,
            "action_ts": workspace.next_ts(),
        }
        if message:
            payload |= {
                "message_ts": message.ts,
                "channel": self._channel_part(message.channel),
                "message": message_object(workspace, message),
                "response_url": self._responses.issue(Place(user.id, message.channel, message.ts)),
            }
        ack = await self._ask("interactive", payload, accepts=False, callback_id=callback_id, user=user.id)
        return Gesture(ack, trigger_id)

    def open_home(self, user: User, channel: Channel, tab: str) -> None:
        """Open the app's home; the app hears of it every time."""
        event: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": channel.id,
            "tab": tab,
            "event_ts": self._workspace.next_ts(),
        }
        home = self._views.home(user.id)
        if home is not None:
            event["view"] = view_object(self._workspace, home)
        self._events.other(event)

    # Presses.

    async def press(
        self, user: User, message: Message, name: str, block_id: str | None, option: Any, *, confirmed: bool
    ) -> Gesture:
        """Press a button, or choose from a menu, under a message."""
        if message.ephemeral_to not in (None, user.id):
            raise Refused("message_not_visible", user=user.name)
        field = find_field(message.blocks, name, block_id)
        dialog = _dialog(field)
        if dialog and not confirmed:
            return Gesture(Ack(False, {}, None, 0.0), confirm=dialog, sent=False)
        key = f"{message.key}/{user.id}"
        values = carried_values(message.blocks, self._chosen.get(key, {}))
        state = self._entered(field, option)
        if initial_state(field.element) is not None and state is not None:
            values.setdefault(field.block_id, {})[field.action_id] = state
        self._chosen[key] = values
        self._workspace.database.save("chosen", key, values)
        hidden = message.ephemeral_to is not None
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": hidden,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        body: Json = {
            "container": container,
            "channel": self._channel_part(message.channel),
            "state": {"values": rendered_values(self._workspace, values)},
            "response_url": self._responses.issue(Place(user.id, message.channel, message.ts)),
        }
        if not hidden:
            body["message"] = message_object(self._workspace, message)
        return await self._act(user, field, state, body, self._triggers.issue(user.id), dialog)

    async def press_view(
        self, user: User, view: View, name: str, block_id: str | None, option: Any, *, confirmed: bool
    ) -> Gesture:
        """Press a button, or change a field that reports changes, in a modal or the home tab."""
        field = find_field(view.body["blocks"], name, block_id)
        dialog = _dialog(field)
        if dialog and not confirmed:
            return Gesture(Ack(False, {}, None, 0.0), confirm=dialog, sent=False)
        state = self._entered(field, option)
        if initial_state(field.element) is not None and state is not None:
            view.values.setdefault(field.block_id, {})[field.action_id] = state
            self._views.keep(view)
        if field.block["type"] == "input" and not field.block.get("dispatch_action"):
            return Gesture(Ack(False, {}, None, 0.0), sent=False)
        body: Json = {
            "container": {"type": "view", "view_id": view.id},
            "view": view_object(self._workspace, view),
        }
        trigger_id = self._triggers.issue(user.id, view.id if view.type == "modal" else None)
        return await self._act(user, field, state, body, trigger_id, dialog)

    async def _act(
        self, user: User, field: Field, state: Json | None, body: Json, trigger_id: str, dialog: Json | None
    ) -> Gesture:
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

    # Modals.

    def fill(self, view: View, values: Mapping[str, Any]) -> None:
        """Type into a modal's fields, keyed by block id, label or action id, without sending anything."""
        found = [(find_field(view.body["blocks"], name), value) for name, value in values.items()]
        states = [(field, entered(field, value, self._resolve)) for field, value in found]
        for field, state in states:
            view.values.setdefault(field.block_id, {})[field.action_id] = state
        self._views.keep(view)

    async def submit(self, user: User, view: View) -> Gesture:
        """Press a modal's submit button; a form the client would hold back is refused."""
        if view.body.get("submit") is None or view.body.get("submit_disabled"):
            raise Refused("nothing_to_submit", view=view.id)
        if self._views.top(user.id) is not view:
            raise Refused("view_not_on_top", view=view.id)
        problems = unfilled(view.body["blocks"], view.values)
        if problems:
            raise Refused("form_not_filled", blocks=problems)
        view.errors = {}
        self._views.keep(view)
        trigger_id = self._triggers.issue(user.id, view.id)
        payload = self._common("view_submission", user) | {
            "trigger_id": trigger_id,
            "view": view_object(self._workspace, view),
            "response_urls": [],
        }
        callback_id = view.body.get("callback_id", "")
        ack = await self._ask("interactive", payload, accepts=True, callback_id=callback_id, user=user.id)
        if ack.acked:
            ack = self._carry_out(view, ack)
        return Gesture(ack, trigger_id)

    async def close(self, user: User, view: View) -> Gesture | None:
        """Close a modal by hand; the app hears of it where it asked to."""
        cleared = bool(view.body.get("clear_on_close"))
        shape = view_object(self._workspace, view)
        if cleared:
            self._views.clear(user.id)
        else:
            self._views.close(view)
        if not view.body.get("notify_on_close"):
            return None
        payload = self._common("view_closed", user) | {"view": shape, "is_cleared": cleared}
        callback_id = view.body.get("callback_id", "")
        return Gesture(
            await self._ask("interactive", payload, accepts=False, callback_id=callback_id, user=user.id)
        )

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
                    return Ack(ack.acked, answer, f"unknown response_action: {action}", ack.seconds)
        except ApiError as error:
            self._journal.add(
                "interaction", state="unusable_answer", error=error.error, messages=error.messages
            )
            return Ack(ack.acked, answer, error.error, ack.seconds)
        return ack

    def _checked(self, body: Any) -> Json:
        problems = check_view(body, self._workspace.poster, "modal")
        if problems:
            raise ApiError("invalid_arguments", messages=problems)
        return with_view_ids(body, self._workspace)

    # What all of them share.

    def _common(self, kind: str, user: User) -> Json:
        return {
            "type": kind,
            "team": team_part(self._workspace, TEAM_DOMAIN),
            "user": person_part(self._workspace, user),
            "api_app_id": self._workspace.identity.app,
            "token": self._workspace.identity.verification_token,
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _channel_part(self, channel_id: str) -> Json:
        channel = self._workspace.channels[channel_id]
        return {"id": channel.id, "name": "directmessage" if channel.kind is Kind.IM else channel.name}

    async def _ask(self, kind: Family, payload: Json, *, accepts: bool, **facts: Any) -> Ack:
        if kind == "interactive" and not self._workspace.manifest.interactivity:
            raise Refused("interactivity_not_enabled")
        if not self._workspace.granted:
            raise Refused("app_not_installed")
        name = payload.get("type", "command")
        ack = await self._deliveries.ask(kind, payload, accepts=accepts, name=name)
        self._journal.add(
            "interaction",
            state="acked" if ack.acked else "unacked",
            type=payload.get("type", kind),
            error=ack.error,
            seconds=ack.seconds,
            **({"answer": ack.payload} if ack.payload else {}),
            **facts,
        )
        return ack

    def _say(self, place: Place, payload: Json) -> None:
        try:
            self._responses.answer(place, payload)
        except ApiError as error:
            self._journal.add(
                "interaction", state="unusable_answer", error=error.error, messages=error.messages
            )

    def _entered(self, field: Field, option: Any) -> Json | None:
        if field.element["type"] == "overflow":
            return {"selected_option": chosen_option(field, str(option))}
        if initial_state(field.element) is None:
            return None
        return entered(field, option, self._resolve)

    def _resolve(self, noun: str, name: str) -> str:
        return self._workspace.find_user(name).id if noun == "user" else self._workspace.find_channel(name).id


def _dialog(field: Field) -> Json | None:
    confirm = field.element.get("confirm")
    return (
        {part: text["text"] for part, text in confirm.items() if isinstance(text, dict)} if confirm else None
    )


def _errors(view: View, errors: Any) -> dict[str, str]:
    inputs = {f.block_id for f in fields(view.body["blocks"]) if f.block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise ApiError("errors_outside_input_blocks")
    return {str(block): str(text) for block, text in errors.items()}
