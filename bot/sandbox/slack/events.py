"""What happens in the workspace, told to the app: only what it subscribed to, may read and is a member of."""

from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.records import Channel, Kind
from bot.sandbox.slack.sockets import Sockets
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

# Conversation kind -> (subscription, scope) for message events.
MESSAGE_EVENTS = {
    Kind.PUBLIC: ("message.channels", "channels:history"),
    Kind.PRIVATE: ("message.groups", "groups:history"),
    Kind.IM: ("message.im", "im:history"),
    Kind.MPIM: ("message.mpim", "mpim:history"),
}
OTHER_EVENTS = {
    "app_mention": "app_mentions:read",
    "file_shared": "files:read",
    "app_home_opened": None,
}


class Events:
    """The way out for events, with the faults that may befall them."""

    def __init__(self, workspace: Workspace, sockets: Sockets, faults: Faults) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._faults = faults
        self._held: list[Json] = []

    def message(self, channel: Channel, event: Json) -> None:
        """Tell of something said, changed or deleted in a conversation."""
        subscription, scope = MESSAGE_EVENTS[channel.kind]
        if self._workspace.is_bot_in(channel) and self._granted(subscription, scope):
            self._emit(event | {"channel": channel.id, "channel_type": channel.kind.value}, channel.id)

    def other(self, event: Json, channel: Channel | None = None) -> None:
        """Tell of anything else; nothing is said of conversations the bot is not in."""
        if channel is not None and not self._workspace.is_bot_in(channel):
            return
        if self._granted(event["type"], OTHER_EVENTS[event["type"]]):
            self._emit(event, channel.id if channel else None)

    def release(self) -> None:
        """Send the events an order held back, when nothing came to overtake them."""
        held, self._held = self._held, []
        for payload in held:
            self._sockets.send_event(payload)

    def _granted(self, subscription: str, scope: str | None) -> bool:
        manifest = self._workspace.manifest
        return subscription in manifest.events and (scope is None or scope in manifest.scopes)

    def _emit(self, event: Json, channel: str | None) -> None:
        payload = self._envelope(event, channel)
        fault = self._faults.take("event", event["type"])
        match fault.effect if fault else None:
            case "drop":
                return
            case "reorder":
                self._held.append(payload)
                return
            case "delay" if fault:
                seconds = float(fault.options.get("seconds", 1.0))
                self._workspace.clock.call_later(seconds, lambda: self._sockets.send_event(payload))
                return
            case "duplicate":
                self._sockets.send_event(payload)
        self._sockets.send_event(payload)
        self.release()

    def _envelope(self, event: Json, channel: str | None) -> Json:
        identity = self._workspace.identity
        return {
            "token": "local-verification",
            "team_id": identity.team,
            "context_team_id": identity.team,
            "context_enterprise_id": None,
            "api_app_id": identity.app,
            "event": event,
            "type": "event_callback",
            "event_id": self._workspace.ids.new("Ev"),
            "event_time": int(self._workspace.clock.now()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": identity.team,
                    "user_id": identity.bot_user,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": f"4-{event['type']}-{identity.team}-{channel or identity.app}",
        }
