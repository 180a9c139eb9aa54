"""What every gesture of a person has in common: the payload's frame, the way to the app, and its answer."""

from dataclasses import dataclass
from typing import Any

from bot.sandbox.slack.delivery import Ack, Deliveries
from bot.sandbox.slack.errors import ApiError, Refused
from bot.sandbox.slack.events import Events
from bot.sandbox.slack.forms import EXTERNAL, Field, entered, initial_state
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.outgoing import Family
from bot.sandbox.slack.records import Channel, Kind, User
from bot.sandbox.slack.responses import Place, Responses
from bot.sandbox.slack.shapes import person_part, team_part
from bot.sandbox.slack.suggestions import Shown, offered_options
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


NOT_SENT = Ack(acked=False, payload={}, error=None, seconds=0.0)


class Asking:
    """The way from a person's hands to the app."""

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
        self._shown = Shown()

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
        return {"id": channel.id, "name": told_name(channel)}

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
            self._unusable(error)

    def _unusable(self, error: ApiError) -> None:
        self._journal.add("interaction", state="unusable_answer", error=error.error, messages=error.messages)

    # Fields.

    async def _state(
        self, user: User, field: Field, value: Any, surface: Json, held: Json | None
    ) -> Json | None:
        """What a field holds after the person's hand was on it; None where nothing stays.

        `held` is what it held before.
        """
        if initial_state(field.element) is None:
            return None
        suggested: list[Json] = []
        if field.element["type"] in EXTERNAL and value is not None:
            suggested = [*self._shown.at(_place(user, field, surface)), *_chosen(held)]
            for one in map(str, value if isinstance(value, list) else [value]):
                # Who names what they were not shown is taken to have typed it.
                if all(one not in (option["value"], option["text"]["text"]) for option in suggested):
                    suggested += await self.suggest(user, field, one, surface)
        return entered(field, value, self._resolve, suggested)

    async def suggest(self, user: User, field: Field, typed: str, surface: Json) -> list[Json]:
        """Ask the app for the options of a menu it fills; an answer no client can show offers none."""
        if len(typed) < field.element.get("min_query_length", 3):
            return []
        payload = self._common("block_suggestion", user) | surface
        payload |= {"action_id": field.action_id, "block_id": field.block_id, "value": typed}
        facts = {"action_id": field.action_id, "block_id": field.block_id, "user": user.id}
        ack = await self._ask("interactive", payload, accepts=True, **facts)
        if not ack.acked:
            return []
        try:
            options = offered_options(ack.payload)
        except ApiError as error:
            self._unusable(error)
            return []
        self._shown.note(_place(user, field, surface), options)
        return options

    def _resolve(self, noun: str, name: str) -> str:
        return self._workspace.find_user(name).id if noun == "user" else self._workspace.find_channel(name).id


def _place(user: User, field: Field, surface: Json) -> tuple[str, ...]:
    """Where a menu stands, and who looks into it."""
    container = surface["container"]
    where = container.get("view_id") or f"{container['channel_id']}/{container['message_ts']}"
    return user.id, where, field.block_id, field.action_id


def _chosen(held: Json | None) -> list[Json]:
    """The options that a menu holds."""
    one, many = (held or {}).get("selected_option"), (held or {}).get("selected_options")
    return [one] if one else many or []


def told_name(channel: Channel) -> str:
    """Give a conversation's name as payloads tell it: those of private places are kept back."""
    return {Kind.IM: "directmessage", Kind.PRIVATE: "privategroup"}.get(channel.kind, channel.name)


def dialog_of(field: Field) -> Json | None:
    """The texts of the dialog that comes before a press, by part."""
    confirm = field.element.get("confirm")
    return (
        {part: text["text"] for part, text in confirm.items() if isinstance(text, dict)} if confirm else None
    )
