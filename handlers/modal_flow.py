"""Opening modals: *Loading* at once, the form a moment later."""

from __future__ import annotations

from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.services.training import NAME_MAX
from handlers import modals
from handlers.places import Place
from storage.records import TrayState, direct

_CLOSED = {"not_found", "view_not_found"}
"""The person has closed it while it was loading: nothing is left to be filled."""


class ModalFlow:
    """Opens forms for those who may have them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def open_train(self, client: AsyncWebClient, trigger: str, owner: str, tray_id: str) -> None:
        """The form for a tray's photos. Raises NotYours and NoSuchThing before anything opens."""
        view = await self._services.trays.view(tray_id, owner)
        opened = await _open(client, trigger)
        place = Place.parse(view.tray.place)
        form = modals.train(
            view.offers,
            given=view.given,
            tray_id=view.tray.id,
            place=place,
            channel=not place.is_direct,
        )
        await _fill(client, opened, form if view.tray.state is TrayState.OPEN else modals.gone())

    async def open_new(
        self, client: AsyncWebClient, trigger: str, owner: str, place: Place, name: str
    ) -> None:
        """The form that brings its own photos."""
        opened = await _open(client, trigger)
        where = Place.parse(direct(owner)) if place.is_direct else place
        form = modals.train(
            await self._services.vendors.offers(),
            given=None,
            tray_id="",
            place=where,
            name=name[:NAME_MAX],
            channel=not where.is_direct,
        )
        await _fill(client, opened, form)

    async def open_details(self, client: AsyncWebClient, trigger: str, job_id: str, owner: str) -> None:
        """Facts about a job, for its owner. Raises NoSuchThing and NotYours."""
        view = await self._services.progress.view_for(job_id, owner)
        opened = await _open(client, trigger)
        await _fill(client, opened, modals.details(view))


async def _open(client: AsyncWebClient, trigger: str) -> dict[str, Any]:
    opened = await client.views_open(trigger_id=trigger, view=modals.loading())
    view: dict[str, Any] = opened["view"]
    return view


async def _fill(client: AsyncWebClient, opened: dict[str, Any], view: modals.View) -> None:
    try:
        await client.views_update(view_id=opened["id"], hash=opened["hash"], view=view)
    except SlackApiError as error:
        if error.response.get("error") not in _CLOSED:
            raise
