"""What people do with the app: commands, shortcuts, the home tab, and by inheritance presses and modals."""

from bot.sandbox.slack.asking import Gesture, told_name
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.modals import Modals
from bot.sandbox.slack.records import Channel, Message, User
from bot.sandbox.slack.responses import Place
from bot.sandbox.slack.shapes import message_object, view_object
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import TEAM_DOMAIN

__all__ = ["Gesture", "Interactions"]


class Interactions(Modals):
    """The hands of the people: each gesture is checked as a client would, sent, and its answer obeyed."""

    async def command(self, user: User, channel: Channel, name: str, text: str) -> Gesture:
        """Type a slash command; it works wherever the person is, with or without the bot."""
        workspace = self._workspace
        command = workspace.manifest.commands.get(name)
        if command is None or "commands" not in workspace.granted:
            raise Refused("not_a_valid_command", command=name)
        trigger_id = self._triggers.issue(user.id)
        place = Place(user.id, channel.id)
        payload = {
            "token": workspace.identity.verification_token,
            "team_id": workspace.identity.team,
            "team_domain": TEAM_DOMAIN,
            "channel_id": channel.id,
            "channel_name": told_name(channel),
            "user_id": user.id,
            "user_name": user.name,
            "command": name,
            "text": workspace.typed(text.strip(), labelled=True) if command.should_escape else text.strip(),
            "api_app_id": workspace.identity.app,
            "is_enterprise_install": "false",
            "response_url": self._responses.issue(place),
            "trigger_id": trigger_id,
        }
        ack = await self._ask("slash_commands", payload, accepts=True, command=name, user=user.id, text=text)
        if ack.payload:
            self._say(place, ack.payload)
        return Gesture(ack, trigger_id)

    async def shortcut(self, user: User, callback_id: str, message: Message | None = None) -> Gesture:
        """Choose a shortcut, from the menu of a message or from the global one."""
        workspace = self._workspace
        if workspace.manifest.shortcuts.get(callback_id) != ("message" if message else "global"):
            raise Refused("no_such_shortcut", shortcut=callback_id)
        if message and message.ephemeral_to:
            raise Refused("no_shortcuts_on_ephemeral_messages")
        trigger_id = self._triggers.issue(user.id)
        payload = self._common("message_action" if message else "shortcut", user) | {
            "callback_id": callback_id,
            "trigger_id": trigger_id,
            "action_ts": workspace.next_ts(),
        }
        if message:
            payload |= {
                "message_ts": message.ts,
                "channel": self._channel_part(message.channel),
                "message": message_object(workspace, message),
                "response_url": self._responses.issue(Place(user.id, message.channel, message.ts)),
            }
        ack = await self._ask("interactive", payload, accepts=False, callback_id=callback_id, user=user.id)
        return Gesture(ack, trigger_id)

    def open_home(self, user: User, channel: Channel, tab: str) -> None:
        """Open the app's home; the app hears of it every time."""
        event: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": channel.id,
            "tab": tab,
            "event_ts": self._workspace.next_ts(),
        }
        home = self._views.home(user.id)
        if home is not None:
            event["view"] = view_object(self._workspace, home)
        self._events.other(event)
