"""The Slack surface, and its table of contents: `register`."""

from __future__ import annotations

from slack_bolt.async_app import AsyncApp

from bot.services import Services
from handlers.actions import Actions
from handlers.commands import Commands
from handlers.errors import Errors
from handlers.events import Events
from handlers.modal_flow import ModalFlow
from handlers.shortcuts import Shortcuts
from handlers.views import Views


def register(app: AsyncApp, services: Services, *, bot_user: str, command: str, workspace: str) -> Commands:
    """Tell Bolt about every event, command, button and form we answer."""
    modals = ModalFlow(services)
    commands = Commands(services, modals, command, workspace)
    Events(services, bot_user).register(app)
    commands.register(app)
    Actions(services, modals, commands).register(app)
    Shortcuts(services, modals).register(app)
    Views(services, modals, command).register(app)
    Errors(command).register(app)
    return commands
