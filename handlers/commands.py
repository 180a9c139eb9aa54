"""The slash command, and the same words in a mention or a DM."""

from __future__ import annotations

import difflib
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.errors import NoSuchThing, NotYours
from handlers import erasure, messages, reports
from handlers.blocks import Message
from handlers.modal_flow import ModalFlow
from handlers.places import Place, owner_of
from storage.records.places import channel_of

WORDS = ("new", "status", "models", "delete", "offers", "providers", "doctor", "help")


class Commands:
    """Answers `/darkroom …`."""

    def __init__(self, services: Services, modals: ModalFlow, command: str, workspace: str) -> None:
        self._services = services
        self._modals = modals
        self.command = command
        self._workspace = workspace

    def register(self, app: AsyncApp) -> None:
        """Listen to the command."""
        app.command(self.command)(self.on_command)

    async def on_command(
        self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, respond: AsyncRespond
    ) -> None:
        """Answer inside the acknowledgement; what makes calls, such as opening a form, goes on after it."""
        verb, rest = split(body.get("text", ""))
        owner = owner_of(body["team_id"], body["user_id"])
        place = Place(body["team_id"], body["channel_id"])
        if verb == "new":
            await ack()
            await self._modals.open_new(client, body["trigger_id"], owner, place, rest)
            return
        if verb in {"doctor", "providers"}:
            await ack()  # They look at things that may take seconds to answer.
            await respond(
                response_type="ephemeral", **(await self.answer(verb, rest, owner, str(place))).arguments()
            )
            return
        if verb == "delete" and rest:
            found = await self._services.deletions.find(rest, owner)
            if len(found) == 1:
                await ack()
                await self._modals.open_delete(client, body["trigger_id"], found[0].root.id, owner)
                return
        message = await self.answer(verb, rest, owner, str(place))
        await ack(response_type="ephemeral", **message.arguments())

    async def answer(self, verb: str, rest: str, owner: str, place: str) -> Message:
        """The answer to every word but *new*."""
        match verb:
            case "" | "help":
                return messages.help_message(self.command)
            case "status":
                return await self._status(rest, owner)
            case "offers":
                return await self._offers(rest.lower().split(), owner, place)
            case "providers":
                await self._services.vendors.asked()
                return reports.providers(await self._services.vendors.offers())
            case "doctor":
                if owner not in self._services.operators:
                    return messages.operators_only(self.command)
                return reports.doctor(await self._services.doctor.examine())
            case "models":
                return erasure.models(await self._services.models.of(owner))
            case "delete" if rest:
                return erasure.candidates(await self._services.deletions.find(rest, owner), self.command)
            case "delete":
                return erasure.models(await self._services.models.of(owner))
            case _:
                return messages.unknown_command(verb, nearest(verb), self.command)

    async def _offers(self, words: list[str], owner: str, place: str) -> Message:
        """Switch quiet questions on or off: for a person, or for everybody in a conversation."""
        who = channel_of(place) if "here" in words else owner
        if "off" in words:
            await self._services.invitations.hush(who)
        elif "on" in words:
            await self._services.invitations.unhush(who)
        me, here = await self._services.invitations.hushed(owner, place)
        return messages.hushed(self.command, me=me, here=here)

    async def _status(self, which: str, owner: str) -> Message:
        if which == "all":
            if owner not in self._services.operators:
                return messages.operators_only(self.command)
            return messages.status(await self._services.progress.newest(None, 20), None)
        if which:
            try:
                view = await self._services.progress.view_for(which, owner)
            except (NoSuchThing, NotYours):
                # The same words for both: an id must not tell whether somebody else has such a job.
                return messages.no_such_job(self.command)
            return messages.status([view], self._workspace)
        return messages.status(await self._services.progress.newest(owner), self._workspace)


def nearest(verb: str) -> str | None:
    """The command somebody may have meant."""
    return next(iter(difflib.get_close_matches(verb, WORDS, n=1, cutoff=0.5)), None)


def split(text: str) -> tuple[str, str]:
    """The first word, in lower case, and the rest."""
    verb, _, rest = text.strip().partition(" ")
    return verb.lower(), rest.strip()
