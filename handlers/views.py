"""Submitted forms: committed, then acknowledged, or marked under the field that is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.errors import BadWish, DomainError
from bot.services.inputs import Given
from bot.services.options import checked
from bot.services.options import fields as parameters
from handlers import fields, forms, modals
from handlers.forms import Draft
from handlers.ids import FILE, MAKING, OPTION, Field, Modal
from handlers.modal_flow import ModalFlow
from handlers.phrases import field_error, refusal
from handlers.places import Place, owner_of
from storage.records.inbox import Arrival
from storage.records.jobs import JobKind
from storage.records.media import PHOTO_ROLE

_MEMORY = 2700
"""Characters that a form may remember: Slack keeps 3,000, and a form on top of it remembers a little more."""


class Views:
    """Takes forms in."""

    def __init__(self, services: Services, modals: ModalFlow, command: str) -> None:
        self._services = services
        self._modals = modals
        self._command = command

    def register(self, app: AsyncApp) -> None:
        """Listen to every form."""
        app.view(Modal.TRAIN.value)(self.on_train)
        app.view(Modal.NEW.value)(self.on_train)
        app.view(Modal.ADVANCED.value)(self.on_advanced)
        app.view(Modal.MORE.value)(self.on_more)
        app.view(Modal.UPLOAD.value)(self.on_upload)
        app.view(Modal.DELETE.value)(self.on_delete)
        app.view(Modal.REPLACE.value)(self.on_replace)

    async def on_train(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Start with a tray's photos; a form that brings files is kept, and they are looked at afterwards."""
        key = f"view:{view['id']}"
        try:
            wish, tray_id, files = forms.read(view, _owner(body), key=key)
            if tray_id and not files:
                await self._services.training.start(wish, tray_id)
            else:
                at_hand = await self._at_hand(tray_id, wish.owner, well_only=wish.well_only)
                posted = {one.role for one in at_hand}
                offer = self._services.training.validate(wish, posted | files.keys())
                self._services.training.hold_to_options(
                    wish, offer, [one for one in at_hand if one.role not in files]
                )
                payload = {"wish": asdict(wish), "tray": tray_id, "roles": _named(files)}
                await self._keep(key, "upload", wish.owner, wish.place, payload)
        except DomainError as error:
            await ack(response_action="errors", errors=self._errors(error, view))
        else:
            await ack()

    async def on_advanced(
        self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any], client: AsyncWebClient
    ) -> None:
        """Keep a vendor's own parameters in the form below, if the vendor would take them."""
        memory, values = json.loads(view["private_metadata"]), view["state"]["values"]
        draft = Draft(**memory["draft"])
        try:
            offer = self._services.vendors.offer(draft.way)
            kept = []
            for prefix, model in (
                (OPTION, offer.options),
                (MAKING, offer.makes.options if offer.makes else None),
            ):
                chosen = fields.changed(fields.chosen(values, prefix), parameters(model))
                checked(model, chosen, prefix=prefix)
                kept.append(chosen)
            if draft.tray and offer.kind is JobKind.TRAINING:
                at_hand = await self._at_hand(draft.tray, _owner(body), well_only=draft.well)
                photos = sum(1 for one in at_hand if one.role == PHOTO_ROLE)
                self._services.vendors.check_size(draft.way, kept[0], photos)
        except DomainError as error:
            await ack(response_action="errors", errors=self._errors(error, view))
            return
        draft = replace(draft, options=kept[0], making=kept[1])
        if len(draft.text()) > _MEMORY:
            too_long = {next(iter(values)): "These values are too long together: shorten the longest."}
            await ack(response_action="errors", errors=too_long)
            return
        await ack()
        await self._modals.keep_advanced(client, view, draft, _owner(body))

    async def on_more(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Make more with a model; a template that came with the form is looked at afterwards."""
        memory, values, owner = json.loads(view["private_metadata"]), view["state"]["values"], _owner(body)
        key, count = f"view:{view['id']}", fields.picked(values, Field.COUNT)
        files = {
            block.removeprefix(f"{FILE}."): fields.given(values, block)
            for block in values
            if block.startswith(FILE)
        }
        wish = {
            "model_id": memory["model"],
            "prompt": fields.typed(values, Field.PROMPT),
            "count": int(count) if count else 1,
            "place": memory["place"],
            "pictures_place": memory["pictures"],
            "options": fields.chosen(values, MAKING),
        }
        try:
            if any(files.values()):
                await self._services.generation.validate(
                    owner, wish["model_id"], wish["prompt"], wish["count"], wish["options"], _named(files)
                )
                payload = {"more": wish, "roles": _named(files)}
                await self._keep(key, "more", owner, memory["place"], payload)
            else:
                await self._services.generation.start(owner, **wish, request_key=key)
        except DomainError as error:
            await ack(response_action="errors", errors=self._errors(error, view))
        else:
            await ack()

    async def on_upload(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Keep better files for a vendor that asked for them; they are looked at afterwards."""
        memory, values, owner = json.loads(view["private_metadata"]), view["state"]["values"], _owner(body)
        files = {block.removeprefix(f"{FILE}."): fields.given(values, block) for block in values}
        if not memory.get("at_hand", memory["tray"]) and not any(files.values()):
            first = next(iter(values), Field.NAME.value)
            await ack(response_action="errors", errors={first: "Add what the review asks for."})
            return
        try:
            card = await self._services.progress.view_for(memory["job"], owner)
        except DomainError as error:
            await ack(response_action="errors", errors=self._errors(error, view))
            return
        payload = {"job": memory["job"], "tray": memory["tray"], "roles": _named(files)}
        await self._keep(f"view:{view['id']}", "answer", owner, card.root.place, payload)
        await ack()

    async def on_delete(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Want it deleted. The question had no field, so a refusal is put in its place."""
        try:
            await self._services.deletions.ask(json.loads(view["private_metadata"])["job"], _owner(body))
        except DomainError as error:
            await ack(response_action="update", view=modals.words(refusal(error, self._command)))
        else:
            await ack()

    async def on_replace(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Take photos out of a tray; what comes instead is kept, and looked at afterwards."""
        values, owner = view["state"]["values"], _owner(body)
        numbers = [int(number) for number in fields.all_picked(values, Field.INSTEAD_OF)]
        files = fields.given(values, Field.PHOTOS)
        if not numbers and not files:
            missing = "Choose what is to go, or add what is to come."
            await ack(response_action="errors", errors={Field.INSTEAD_OF.value: missing})
            return
        try:
            tray = await self._services.trays.open_of(view["private_metadata"], owner)
            sources = [entry.source for entry in tray.entries if entry.ordinal in numbers]
            if files:
                payload = {"tray": tray.tray.id, "without": sources, "roles": _named({PHOTO_ROLE: files})}
                await self._keep(f"view:{view['id']}", "replace", owner, tray.tray.place, payload)
            else:
                await self._services.trays.remove(tray.tray.id, owner, sources)
        except DomainError as error:
            await ack(response_action="errors", errors=self._errors(error, view))
        else:
            await ack()

    async def _at_hand(self, tray_id: str, owner: str, *, well_only: bool) -> Sequence[Given]:
        if not tray_id:
            return ()
        tray = await self._services.trays.view(tray_id, owner)
        return (*(tray.well if well_only else tray.given), *tray.private)

    async def _keep(self, key: str, kind: str, owner: str, place: str, payload: dict[str, Any]) -> None:
        team, user = owner.split("/")
        at = Place.parse(place)
        where = {"team": team, "user": user, "channel": at.channel, "thread": at.thread}
        await self._services.intake.put(Arrival(key, kind, {**payload, **where}))

    def _errors(self, error: DomainError, view: dict[str, Any]) -> dict[str, str]:
        """Under the fields that are wrong; what concerns the whole form stands under its first one."""
        here = list(view["state"]["values"])
        first = here[0] if here else Field.NAME.value
        if not isinstance(error, BadWish):
            return {first: refusal(error, self._command)}
        found: dict[str, str] = {}
        for one in error.all:
            # What was chosen under *Advanced* is not on this form: it is told by name.
            elsewhere = one.field not in here
            name = one.field.partition(".")[2] if elsewhere else ""
            words = f"{name}: {field_error(one)}" if name else field_error(one)
            found.setdefault(first if elsewhere else one.field, words)
        return found


def _named(files: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """What is kept of files: their ids, by which they are looked up anew."""
    return {
        role: [{"id": one["id"], "name": one.get("name")} for one in listed]
        for role, listed in files.items()
        if listed
    }


def _owner(body: dict[str, Any]) -> str:
    team = (body.get("team") or {}).get("id") or body["user"].get("team_id", "")
    return owner_of(team, body["user"]["id"])
