"""The shortcut on a message: train from the photos in it, if they are one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from handlers.gathering import Gathering
from handlers.ids import Shortcut
from handlers.modal_flow import ModalFlow
from handlers.places import Place, owner_of

NOT_YOURS = (
    "These photos are not yours. Only the person who posted photos can train from them: ask them to, or post "
    "photos of your own."
)
NO_PHOTOS = "There is nothing in this message but words. Choose a message of yours that has photos, or a zip."


class Shortcuts:
    """Answers what is chosen in a message's menu."""

    def __init__(self, services: Services, modals: ModalFlow) -> None:
        self._services = services
        self._modals = modals

    def register(self, app: AsyncApp) -> None:
        """Listen to the shortcut."""
        app.shortcut(Shortcut.TRAIN.value)(self.on_train)

    async def on_train(self, ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        """Keep what was asked for, open a form at once, and have the photos looked at."""
        message, user = body["message"], str(body["user"]["id"])
        if why := _why_not(message, user):
            await ack()
            await self._modals.say(client, body["trigger_id"], why)
            return
        team = str((body.get("team") or {}).get("id") or body["user"].get("team_id", ""))
        thread = message.get("thread_ts") or message["ts"]
        place = Place(team, str(body["channel"]["id"]), str(thread))
        wanted = Gathering.of(owner_of(team, user), place, message["files"])
        await self._services.intake.put(wanted.arrival)
        await ack()
        await self._modals.open_gathering(client, body["trigger_id"], wanted)


def _why_not(message: Mapping[str, Any], user: str) -> str:
    if message.get("user") != user or message.get("bot_id"):
        return NOT_YOURS
    return "" if message.get("files") else NO_PHOTOS
