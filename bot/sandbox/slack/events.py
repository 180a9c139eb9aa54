"""What happens in the workspace, told to the app: only what it subscribed to, may read and is a member of."""

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.database import Database
from bot.sandbox.slack.delivery import Deliveries
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.records import Channel, Kind
from bot.sandbox.slack.settings import Settings
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

# Conversation kind -> (subscription, scope) for message events.
MESSAGE_EVENTS = {
    Kind.PUBLIC: ("message.channels", "channels:history"),
    Kind.PRIVATE: ("message.groups", "groups:history"),
    Kind.IM: ("message.im", "im:history"),
    Kind.MPIM: ("message.mpim", "mpim:history"),
}
READING = {"C": "channels:read", "G": "groups:read"}
# Event -> the scope it needs; None for none. Those about membership go by the kind of conversation.
OTHER_EVENTS: dict[str, str | None] = {
    "app_home_opened": None,
    "app_mention": "app_mentions:read",
    "app_uninstalled": None,
    "channel_archive": "channels:read",
    "channel_unarchive": "channels:read",
    "file_deleted": "files:read",
    "file_shared": "files:read",
    "group_archive": "groups:read",
    "group_unarchive": "groups:read",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "team_join": "users:read",
    "tokens_revoked": None,
    "user_change": "users:read",
}
MEMBERSHIP_EVENTS = frozenset({"member_joined_channel", "member_left_channel"})
# What is told although, and because, nothing is granted any more.
FAREWELLS = frozenset({"app_uninstalled", "tokens_revoked"})
HOUR, MINUTE = 3600.0, 60


class Events:
    """The way out for events, with the faults that may befall them."""

    def __init__(
        self,
        workspace: Workspace,
        database: Database,
        clock: Clock,
        deliveries: Deliveries,
        faults: Faults,
        settings: Settings,
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self._deliveries = deliveries
        self._faults = faults
        self._settings = settings
        self._database = database
        kept = dict(database.load("meta")).get("events_lately", {})
        self._by_minute = {int(minute): int(count) for minute, count in kept.items()}
        self._minute_told = 0

    def message(self, channel: Channel, event: Json) -> None:
        """Tell of something said, changed or deleted in a conversation."""
        subscription, scope = MESSAGE_EVENTS[channel.kind]
        if self._workspace.is_bot_in(channel) and self._granted(subscription, scope):
            self._emit(event | {"channel": channel.id, "channel_type": channel.kind.value}, channel.id)

    def other(self, event: Json, channel: Channel | None = None) -> None:
        """Tell of anything else; nothing is said of conversations the bot is not in."""
        if channel is not None and not self._workspace.is_bot_in(channel):
            return
        kind = event["type"]
        scope = (
            READING.get(event.get("channel_type", "")) if kind in MEMBERSHIP_EVENTS else OTHER_EVENTS[kind]
        )
        if self._granted(kind, scope):
            self._emit(event, channel.id if channel else None)

    def release(self) -> None:
        """Send the events an order held back, when nothing came to overtake them."""
        self._deliveries.release()

    def _granted(self, subscription: str, scope: str | None) -> bool:
        workspace = self._workspace
        if subscription not in workspace.manifest.events:
            return False
        if not workspace.granted and subscription not in FAREWELLS:
            return False
        return scope is None or scope in workspace.granted

    def _emit(self, event: Json, channel: str | None) -> None:
        if self._too_many():
            return
        payload = self._envelope(event, channel)
        fault = self._faults.take("event", event["type"])
        match fault.effect if fault else None:
            case "drop":
                return
            case "reorder":
                self._deliveries.hold(payload)
                return
            case "delay" if fault:
                self._deliveries.send_event(payload, after=float(fault.options.get("seconds", 1.0)))
                return
            case "duplicate":
                self._deliveries.send_event(payload)
        self._deliveries.send_event(payload)
        self.release()

    def _too_many(self) -> bool:
        """Count an event; past the hour's share it is dropped, and the app is told so once a minute."""
        now = self._clock.now()
        minute = int(now // MINUTE) * MINUTE
        lately = {then: count for then, count in self._by_minute.items() if minute - HOUR < then <= minute}
        if sum(lately.values()) < self._settings.events_per_hour:
            self._by_minute = lately | {minute: lately.get(minute, 0) + 1}
            self._database.save("meta", "events_lately", {str(k): v for k, v in self._by_minute.items()})
            return False
        if minute != self._minute_told:
            self._minute_told = minute
            identity = self._workspace.identity
            self._deliveries.send_event(
                {
                    "token": identity.verification_token,
                    "type": "app_rate_limited",
                    "team_id": identity.team,
                    "minute_rate_limited": minute,
                    "api_app_id": identity.app,
                }
            )
        return True

    def _envelope(self, event: Json, channel: str | None) -> Json:
        identity = self._workspace.identity
        return {
            "token": identity.verification_token,
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
