"""Submitted forms: committed, then acknowledged, or marked under the field that is wrong."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.services import Services
from bot.services.errors import BadWish, DomainError
from handlers import modals
from handlers.ids import Field, Modal
from handlers.phrases import field_error, refusal
from handlers.places import owner_of
from storage.records import Arrival


class Views:
    """Takes the training forms in."""

    def __init__(self, services: Services, command: str) -> None:
        self._services = services
        self._command = command

    def register(self, app: AsyncApp) -> None:
        """Listen to both forms."""
        app.view(Modal.TRAIN.value)(self.on_train)
        app.view(Modal.NEW.value)(self.on_new)

    async def on_train(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Start a training with a tray's photos."""
        try:
            wish, tray_id, _ = modals.read(view, _owner(body), key=f"view:{view['id']}")
            await self._services.training.start(wish, tray_id)
        except DomainError as error:
            await ack(response_action="errors", errors=self._errors(error))
        else:
            await ack()

    async def on_new(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Keep the form and the files that came with it; they are looked at after the acknowledgement."""
        key = f"view:{view['id']}"
        try:
            wish, _, files = modals.read(view, _owner(body), key=key)
            self._services.training.validate(wish)
        except DomainError as error:
            await ack(response_action="errors", errors=self._errors(error))
            return
        team, user = wish.owner.split("/")
        _, channel, thread = wish.place.split("/")
        payload = {
            "wish": asdict(wish),
            "files": [{"id": file["id"], "name": file.get("name")} for file in files],
        }
        where = {"team": team, "user": user, "channel": channel, "thread": thread}
        await self._services.intake.put(Arrival(key, "upload", {**payload, **where}))
        await ack()

    def _errors(self, error: DomainError) -> dict[str, str]:
        """Under the field that is wrong; what concerns the whole form stands under its first field."""
        if isinstance(error, BadWish):
            return {error.field: field_error(error)}
        return {Field.NAME.value: refusal(error, self._command)}


def _owner(body: dict[str, Any]) -> str:
    team = (body.get("team") or {}).get("id") or body["user"].get("team_id", "")
    return owner_of(team, body["user"]["id"])
