"""A local Slack on loopback, as strict as the original: Web API, Socket Mode, files, modals and people."""

from bot.sandbox.slack.clock import Clock, ManualClock, SystemClock
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.manifest import DEFAULT_MANIFEST
from bot.sandbox.slack.person import Director, Upload
from bot.sandbox.slack.server import LocalSlack
from bot.sandbox.slack.settings import Settings
from bot.sandbox.slack.wire import (
    Channel,
    CommandResult,
    Entry,
    File,
    Message,
    PressResult,
    Scenario,
    SubmitResult,
    User,
    View,
)

__all__ = [
    "DEFAULT_MANIFEST",
    "Channel",
    "Clock",
    "CommandResult",
    "Director",
    "Entry",
    "File",
    "LocalSlack",
    "ManualClock",
    "Message",
    "PressResult",
    "Refused",
    "Scenario",
    "Settings",
    "SubmitResult",
    "SystemClock",
    "Upload",
    "User",
    "View",
]
