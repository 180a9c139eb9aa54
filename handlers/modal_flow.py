"""Opening modals: *Loading* at once, the form a moment later; and drawing a form anew while it is open."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.inputs import Given, Role
from bot.services.progress import Stage
from bot.services.training import NAME_MAX
from bot.services.trays import TrayView
from bot.services.verdicts import Mark
from handlers import erasure, fields, forms, modals, trays
from handlers.envelopes import in_hand
from handlers.forms import Draft
from handlers.gathering import Gathering
from handlers.ids import Field, Modal
from handlers.places import Place, owner_of
from storage.records.places import direct
from storage.records.trays import TrayState

_MENU = 100
"""Choices that Slack shows at most."""
_FORMS = 1000
"""Forms of which the newest choice is remembered; of one that is forgotten an older choice may be drawn."""
_CLOSED = {"not_found", "view_not_found"}
"""The person has closed it while it was loading: nothing is left to be filled."""


_TOLD = "Your photos were looked at: the answer stands under them, or in our direct messages."


class ModalFlow:
    """Opens forms for those who may have them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._newest: dict[str, float] = {}
        """By form: when the newest choice on it was made."""

    async def open_train(
        self, client: AsyncWebClient, trigger: str, owner: str, tray_id: str, *, well: bool = False
    ) -> None:
        """The form for a tray's photos; `well`: for those only that there is no doubt about.

        Raises NotYours and NoSuchThing before anything opens.
        """
        view = await self._services.trays.view(tray_id, owner)
        opened = await _open(client, trigger)
        if view.tray.state is not TrayState.OPEN:
            await _fill(client, opened, modals.gone())
            return
        await _fill(client, opened, await self._form(Draft.over(view.tray, well=well), view))

    async def open_replace(self, client: AsyncWebClient, trigger: str, owner: str, tray_id: str) -> None:
        """Which photos go and what comes instead. Raises NotYours and NoSuchThing before anything opens."""
        view = await self._services.trays.view(tray_id, owner)
        opened = await _open(client, trigger)
        if view.tray.state is not TrayState.OPEN:
            await _fill(client, opened, modals.gone())
            return
        # The doubtful ones first: a menu holds a hundred at most.
        photos = sorted(view.verdict.photos, key=lambda one: one.mark is Mark.WELL)
        told = [(str(one.number), trays.told(one)) for one in photos[:_MENU]]
        bad = [str(one.number) for one in photos[:_MENU] if one.mark is not Mark.WELL]
        await _fill(client, opened, modals.replace(view.tray.id, told, bad, forms.photo_input()))

    async def open_new(
        self, client: AsyncWebClient, trigger: str, owner: str, place: Place, name: str
    ) -> None:
        """The form that brings its own photos."""
        opened = await _open(client, trigger)
        where = direct(owner) if place.is_direct else str(place)
        await _fill(client, opened, await self._form(Draft(place=where), None, name=name[:NAME_MAX]))

    async def say(self, client: AsyncWebClient, trigger: str, text: str) -> None:
        """A sentence where a form was asked for."""
        await client.views_open(trigger_id=trigger, view=modals.words(text))

    async def open_gathering(self, client: AsyncWebClient, trigger: str, wanted: Gathering) -> None:
        """A form that waits for photos; whoever has them first, this or the inbox, fills it."""
        waiting = {**modals.gathering(wanted.photos), "external_id": wanted.form}
        await client.views_open(trigger_id=trigger, view=waiting)
        payload = wanted.arrival.payload
        if await self._services.intake.is_done(wanted.arrival.key):
            owner = owner_of(payload["team"], payload["user"])
            place = Place(payload["team"], payload["channel"], payload["thread"])
            tray = await self._services.trays.find(owner, str(place))
            tray = tray or await self._services.trays.find(owner, direct(owner))
            await self.fill_gathering(client, wanted.form, tray)

    async def fill_gathering(
        self, client: AsyncWebClient, form: str, tray: TrayView | None, told: str = ""
    ) -> None:
        """Put the form in the place of the waiting, or what is still missing; `told` where there are none."""
        if tray is None:
            view = modals.words(told or _TOLD)
        elif tray.needed:
            view = modals.modal(Modal.LOADING, "Your photos", trays.tray_words(tray))
        else:
            view = await self._form(Draft.over(tray.tray), tray)
        try:
            await client.views_update(external_id=form, view=view)
        except SlackApiError as error:
            if error.response.get("error") not in _CLOSED:
                raise

    async def choose(self, client: AsyncWebClient, view: modals.View, owner: str, *, at: float) -> None:
        """Another vendor or subject was chosen: what is asked for and said goes by it from now on.

        `at` is when. Of two choices in quick succession the later one knows of both, whichever comes first.
        """
        self._newest[view["id"]] = max(at, self._newest.get(view["id"], 0.0))
        if len(self._newest) > _FORMS:
            self._newest.pop(next(iter(self._newest)))
        way = fields.picked(view["state"]["values"], Field.PROVIDER)
        draft = _with_subject(Draft.of(view), view).towards(way)
        name = fields.typed(view["state"]["values"], Field.NAME)
        form = await self._form(draft, await self._tray(draft, owner), name=name)
        if not form["private_metadata"] or Draft.of(form).way != way:
            return  # That vendor is gone meanwhile. What was typed stays, and sending it says why.
        try:
            await _update(client, view["id"], form, view.get("hash"))
        except SlackApiError as error:
            if error.response.get("error") != "hash_conflict":
                raise
            if self._newest.get(view["id"], at) <= at:
                await _update(client, view["id"], form)

    async def open_advanced(self, client: AsyncWebClient, trigger: str, view: modals.View) -> None:
        """A vendor's own parameters, on top of the form."""
        draft = _with_subject(Draft.of(view), view)
        way = fields.picked(view["state"]["values"], Field.PROVIDER) or draft.way
        offer = self._services.vendors.offer(way)
        name = fields.typed(view["state"]["values"], Field.NAME)
        pushed = forms.advanced(offer, draft.towards(way), view["id"], name)
        await client.views_push(trigger_id=trigger, view=pushed)

    async def keep_advanced(
        self, client: AsyncWebClient, view: modals.View, draft: Draft, owner: str
    ) -> None:
        """Draw the form below anew, with what was chosen on top of it."""
        memory = json.loads(view["private_metadata"])
        tray = await self._tray(draft, owner)
        form = await self._form(draft, tray, name=memory["name"])
        await _update(client, memory["root"], form)

    async def open_details(self, client: AsyncWebClient, trigger: str, job_id: str, owner: str) -> None:
        """Facts about a job, for its owner. Raises NoSuchThing and NotYours."""
        view = await self._services.progress.view_for(job_id, owner)
        opened = await _open(client, trigger)
        logs = await self._services.progress.logs(view.current.id, owner)
        await _fill(client, opened, modals.details(view, logs))

    async def open_more(self, client: AsyncWebClient, trigger: str, job_id: str, owner: str) -> None:
        """The form for more images of the model on a card. Raises NoSuchThing and NotYours."""
        card = await self._services.progress.view_for(job_id, owner)
        model = await self._services.models.of_job(job_id, owner)
        opened = await _open(client, trigger)
        if model is None or model.making is None:
            words = "Nothing more can be made with this model: it is gone, or its vendor makes no images now."
            await _fill(client, opened, modals.words(words))
            return
        spec = card.current.spec
        chosen = spec.get("making") or spec.get("options") or {}
        # A clip in another voice or an image of another size than the last would be nobody's choice.
        prompt = str(spec.get("prompt") or "")
        blocks = forms.making_blocks(model.making, chosen, prompt=prompt, whole=True)
        blocks += [forms.file_block(one) for one in model.making.inputs]
        memory = {"model": model.model.id, "place": card.root.place, "pictures": card.root.pictures_place}
        await _fill(client, opened, modals.more(model, blocks, memory))

    async def open_delete(self, client: AsyncWebClient, trigger: str, job_id: str, owner: str) -> None:
        """What would go, and the question. Raises NoSuchThing and NotYours."""
        plan = await self._services.deletions.plan(job_id, owner)
        await client.views_open(trigger_id=trigger, view=erasure.question(plan))

    async def open_upload(self, client: AsyncWebClient, trigger: str, job_id: str, owner: str) -> None:
        """The form for better files. Raises NoSuchThing and NotYours."""
        view = await self._services.progress.view_for(job_id, owner)
        opened = await _open(client, trigger)
        operation = self._services.vendors.find(view.current)
        if view.stage is not Stage.NEEDS_YOU or operation is None:
            await _fill(client, opened, modals.words("This job does not wait for anything any more."))
            return
        posted = await self.posted_video(view.root.place, owner)
        wants, held = view.current.wants, await self._services.envelopes.held(view.current.id)
        here = held | ({Role.VIDEO} if posted else set())
        wanted = [
            (spec, {**forms.file_block(spec), "optional": True})
            for spec in operation.inputs
            if (not wants or spec.role.value in wants) and spec.role not in here
        ]
        told = ["The video that you have posted is taken."] if posted else []
        if held:
            told.append(f"Taken from our direct messages: {in_hand(held)}.")
        tray = posted.tray.id if posted else ""
        await _fill(client, opened, modals.upload_again(view, wanted, tray=tray, at_hand=told))

    async def posted_video(self, place: str, owner: str) -> TrayView | None:
        """A video that the owner has posted in the thread of the job."""
        tray = await self._services.trays.find(owner, place)
        return tray if tray and any(one.role == Role.VIDEO.value for one in tray.given) else None

    async def _tray(self, draft: Draft, owner: str) -> TrayView | None:
        """The tray of a form, if it has one. Raises NotYours and NoSuchThing."""
        return await self._services.trays.view(draft.tray, owner) if draft.tray else None

    async def _form(self, draft: Draft, tray: TrayView | None, *, name: str = "") -> modals.View:
        # Just started: a vendor that was not asked yet is neither offered nor said to be out of reach.
        await self._services.vendors.asked()
        offers = tuple(await self._services.vendors.offers())
        given: tuple[Given, ...] | None = None
        if tray:
            given = (*(tray.well if draft.well else tray.given), *tray.private)
        well = forms.usable(offers, given)
        way = next((one.way for one in well if one.way == draft.way), well[0].way if well else "")
        draft = draft.towards(way)
        effort = self._services.vendors.effort(way, draft.options, len(given)) if way and given else None
        return forms.train(offers, draft, given=given, tray=tray, name=name, effort=effort)


def _with_subject(draft: Draft, view: modals.View) -> Draft:
    """What a form remembers, with the subject that is chosen on it now."""
    return replace(draft, subject=fields.picked(view["state"]["values"], Field.SUBJECT) or draft.subject)


async def _open(client: AsyncWebClient, trigger: str) -> dict[str, Any]:
    opened = await client.views_open(trigger_id=trigger, view=modals.loading())
    view: dict[str, Any] = opened["view"]
    return view


async def _fill(client: AsyncWebClient, opened: dict[str, Any], view: modals.View) -> None:
    await _update(client, opened["id"], view, opened["hash"])


async def _update(client: AsyncWebClient, view_id: str, view: modals.View, seen: str | None = None) -> None:
    try:
        await client.views_update(view_id=view_id, hash=seen, view=view)
    except SlackApiError as error:
        if error.response.get("error") not in _CLOSED:
            raise
