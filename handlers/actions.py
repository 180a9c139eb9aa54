"""Buttons. Each press looks everything up anew: the button is not a permission, and may be years old."""

from __future__ import annotations

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.inputs import Role
from bot.services.stopping import Stopped
from handlers import messages
from handlers.commands import Commands
from handlers.envelopes import DISCARD, PHOTO
from handlers.gathering import Gathering
from handlers.ids import VALUE, Action, Field
from handlers.modal_flow import ModalFlow
from handlers.places import Place, owner_of, thread_of
from storage.records.inbox import Arrival
from storage.records.places import direct

_STOPPED = {
    Stopped.NOW: "Cancelled.",
    Stopped.SOON: "Cancelling: it is with the vendor, and stops at the next step.",
    Stopped.ENDED: "It had ended already; the card says how.",
}


class Actions:
    """Answers presses."""

    def __init__(self, services: Services, modals: ModalFlow, commands: Commands) -> None:
        self._services = services
        self._modals = modals
        self._commands = commands

    def register(self, app: AsyncApp) -> None:
        """Listen to every button."""
        app.action(Action.TRAIN.value)(self.on_train)
        app.action(Action.USE_WELL.value)(self.on_use_well)
        app.action(Action.GO_ON.value)(self.on_go_on)
        app.action(Action.REPLACE.value)(self.on_replace)
        app.action(Action.DISCARD.value)(self.on_discard)
        app.action(Action.CANCEL.value)(self.on_cancel)
        app.action(Action.RETRY.value)(self.on_retry)
        app.action(Action.DETAILS.value)(self.on_details)
        app.action(Action.NEW.value)(self.on_new)
        app.action(Action.STATUS.value)(self.on_status)
        app.action(Action.OPEN.value)(_only_a_link)
        app.action(Action.ADVANCED.value)(self.on_advanced)
        app.action(Action.MORE.value)(self.on_more)
        app.action(Action.PROMPT.value)(self.on_prompt)
        app.action(Action.UPLOAD.value)(self.on_upload)
        app.action(Action.INVITED.value)(self.on_invited)
        app.action(Action.HUSH_HERE.value)(self.on_hush)
        app.action(Action.HUSH_ME.value)(self.on_hush)
        app.action(Action.DELETE.value)(self.on_delete)
        app.action(Action.PAPER.value)(self.on_paper)
        app.action(Action.ARE_PHOTOS.value)(self.on_are_photos)
        app.action(Action.ERASE_UNSORTED.value)(self.on_erase_unsorted)
        app.action(Action.SEND_PAPERS.value)(self.on_send_papers)
        app.action(Action.ERASE_PAPERS.value)(self.on_erase_papers)
        for field in (Field.PROVIDER, Field.SUBJECT):
            app.action({"block_id": field.value, "action_id": VALUE})(self.on_choice)

    async def on_train(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Open the form for a tray."""
        await ack()
        await self._modals.open_train(client, body["trigger_id"], _owner(body), _value(body))

    async def on_use_well(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Open the form for the photos of a tray that there is no doubt about."""
        await ack()
        await self._modals.open_train(client, body["trigger_id"], _owner(body), _value(body), well=True)

    async def on_go_on(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Start what a form asked for without the files of it that cannot be used; its message shows it."""
        tray_id, _, form = _value(body).partition(" ")
        await self._services.holdups.go_on(tray_id, form, _owner(body))
        await ack()

    async def on_replace(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Ask which photos of a tray are to go, and what is to come instead."""
        await ack()
        await self._modals.open_replace(client, body["trigger_id"], _owner(body), _value(body))

    async def on_discard(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Throw a tray away."""
        await self._services.trays.discard(_value(body), _owner(body))
        await ack()

    async def on_cancel(self, ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        """Stop a job."""
        outcome = await self._services.jobs.cancel(_value(body), _owner(body))
        await ack()
        await respond(
            text=_STOPPED[outcome],
            response_type="ephemeral",
            replace_original=False,
            thread_ts=thread_of(body),
        )

    async def on_retry(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Try a job again; the card shows it."""
        await self._services.jobs.retry(_value(body), _owner(body))
        await ack()

    async def on_details(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Show the facts of a job."""
        await ack()
        await self._modals.open_details(client, body["trigger_id"], _value(body), _owner(body))

    async def on_choice(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Another vendor or subject was chosen on a form: ask for what is wanted, and judge the photos so."""
        await ack()
        at = float(body["actions"][0].get("action_ts") or 0)
        await self._modals.choose(client, body["view"], _owner(body), at=at)

    async def on_advanced(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Show a vendor's own parameters."""
        await ack()
        await self._modals.open_advanced(client, body["trigger_id"], body["view"])

    async def on_more(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Make the same again."""
        await self._services.generation.again(_owner(body), _value(body))
        await ack()

    async def on_prompt(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Ask what else to make."""
        await ack()
        await self._modals.open_more(client, body["trigger_id"], _value(body), _owner(body))

    async def on_upload(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Ask for better files."""
        await ack()
        await self._modals.open_upload(client, body["trigger_id"], _value(body), _owner(body))

    async def on_invited(
        self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, respond: AsyncRespond
    ) -> None:
        """Open a form for photos that somebody posted without a mention."""
        asked = await self._services.invitations.get(_value(body), _owner(body))
        wanted = Gathering.of(asked.owner, Place.parse(asked.place), asked.files)
        await self._services.intake.put(wanted.arrival)
        await ack()
        await self._modals.open_gathering(client, body["trigger_id"], wanted)
        await respond(delete_original=True)

    async def on_hush(self, ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        """Leave a person alone, or a channel."""
        asked = await self._services.invitations.get(_value(body), _owner(body))
        here = body["actions"][0]["action_id"] == Action.HUSH_HERE.value
        await self._services.invitations.hush(asked.channel if here else asked.owner)
        await ack()
        told = messages.hushed(self._commands.command, me=not here, here=here)
        await respond(replace_original=True, **told.arguments())

    async def on_paper(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """One file that came by direct message is this paper, or a photo, or neither."""
        pressed, owner = body["actions"][0], _owner(body)
        envelope, _, number = str(pressed["block_id"]).partition(".")
        chosen = str(pressed["selected_option"]["value"])
        if chosen == PHOTO:
            await self._services.envelopes.as_photos(envelope, owner, [int(number)])
        elif chosen == DISCARD:
            await self._services.envelopes.discard(envelope, owner, [int(number)])
        else:
            to, _, role = chosen.partition(":")
            await self._services.envelopes.decide(envelope, owner, int(number), to, Role(role))
        await ack()

    async def on_are_photos(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The pictures that came by direct message are no papers."""
        await self._services.envelopes.as_photos(_value(body), _owner(body))
        await ack()

    async def on_erase_unsorted(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Erase what came by direct message and nothing was said of."""
        await self._services.envelopes.discard(_value(body), _owner(body))
        await ack()

    async def on_send_papers(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Give the vendor the papers that it asked for, and the film if one was posted for it."""
        owner, job_id = _owner(body), _value(body)
        ready = await self._services.envelopes.ready(job_id, owner)
        card = await self._services.progress.view_for(job_id, owner)
        film = await self._modals.posted_video(card.root.place, owner)
        tray = film.tray.id if film else ""
        at = Place.parse(direct(owner))
        where = {"team": at.team, "user": at.channel, "channel": at.channel, "thread": ""}
        payload = {"job": job_id, "tray": tray, "roles": {}, **where}
        key = f"papers:{job_id}:{card.current.asks}:{ready}"
        await self._services.intake.put(Arrival(key, "answer", payload))
        await ack()

    async def on_erase_papers(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Erase the papers that have come for a training or a job, and were not sent."""
        await self._services.envelopes.drop(_owner(body), _value(body))
        await ack()

    async def on_delete(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Say what would go, and ask."""
        await ack()
        await self._modals.open_delete(client, body["trigger_id"], _value(body), _owner(body))

    async def on_new(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Open the form that brings its own photos."""
        await ack()
        container = body.get("container") or {}
        place = Place(_team(body), container.get("channel_id") or _user(body))
        await self._modals.open_new(client, body["trigger_id"], _owner(body), place, "")

    async def on_status(self, ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        """Show the newest jobs to the one who pressed."""
        message = await self._commands.answer("status", "", _owner(body), "")
        await ack()
        await respond(
            response_type="ephemeral",
            replace_original=False,
            thread_ts=thread_of(body),
            **message.arguments(),
        )


async def _only_a_link(ack: AsyncAck) -> None:
    """Slack tells us of a link's press too, and wants it acknowledged."""
    await ack()


def _user(body: dict[str, Any]) -> str:
    return str(body["user"]["id"])


def _team(body: dict[str, Any]) -> str:
    return str((body.get("team") or {}).get("id") or body["user"].get("team_id", ""))


def _owner(body: dict[str, Any]) -> str:
    return owner_of(_team(body), _user(body))


def _value(body: dict[str, Any]) -> str:
    return str(body["actions"][0].get("value", ""))
