"""Rate limits: so many calls a minute per method, and one message a second per conversation."""

import math
from dataclasses import asdict, dataclass

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.database import Database
from bot.sandbox.slack.errors import RateLimited

# Calls per minute. Methods under Slack's "special" rules are as good as free here.
PER_MINUTE = {
    "api.test": 600,
    "apps.connections.open": 50,
    "auth.test": 600,
    "chat.delete": 50,
    "chat.getPermalink": 600,
    "chat.postEphemeral": 100,
    "chat.update": 50,
    "assistant.threads.setStatus": 600,
    "assistant.threads.setSuggestedPrompts": 100,
    "assistant.threads.setTitle": 100,
    "auth.revoke": 600,
    "apps.uninstall": 1,
    "blocks.validate": 100,
    "bots.info": 50,
    "chat.appendStream": 100,
    "chat.startStream": 20,
    "chat.stopStream": 20,
    "conversations.close": 20,
    "conversations.history": 50,
    "conversations.leave": 50,
    "conversations.info": 50,
    "conversations.join": 50,
    "conversations.list": 20,
    "conversations.members": 100,
    "conversations.open": 50,
    "conversations.replies": 50,
    "files.completeUploadExternal": 100,
    "files.delete": 50,
    "files.getUploadURLExternal": 100,
    "files.info": 100,
    "files.list": 50,
    "oauth.v2.access": 600,
    "oauth.v2.exchange": 20,
    "reactions.add": 50,
    "reactions.get": 50,
    "reactions.list": 20,
    "reactions.remove": 20,
    "team.info": 50,
    "users.conversations": 50,
    "users.info": 100,
    "users.list": 20,
    "views.open": 100,
    "views.publish": 100,
    "views.push": 100,
    "views.update": 100,
}
# chat.postMessage: one a second per conversation with a short burst, and a cap for the whole workspace.
HISTORY = frozenset({"conversations.history", "conversations.replies"})
MESSAGES_PER_SECOND = 1.0
MESSAGE_BURST = 4
WORKSPACE_MESSAGES_PER_MINUTE = 300


@dataclass
class _Bucket:
    capacity: float
    per_second: float
    level: float
    at: float

    def take(self, now: float) -> float:
        """Take one; returns the seconds until there is one, 0 when it was taken."""
        # A clock turned by hand may begin anew, earlier than it stood.
        self.level = min(self.capacity, self.level + max(0.0, now - self.at) * self.per_second)
        self.at = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / self.per_second


class Limits:
    """The buckets of one app in one workspace; an app does not get more by a restart of it all."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._buckets = {name: _Bucket(**kept) for name, kept in database.load("bucket")}

    def spend(self, method: str, channel: str | None, *, history_limited: bool = False) -> None:
        """Count a call, or refuse it until its bucket has refilled."""
        if history_limited and method in HISTORY:
            self._take(f"{method}/limited", 1, 1 / 60)
        elif method == "chat.postMessage":
            self._take(f"{method}/{channel}", MESSAGE_BURST, MESSAGES_PER_SECOND)
            self._take(method, WORKSPACE_MESSAGES_PER_MINUTE, WORKSPACE_MESSAGES_PER_MINUTE / 60)
        elif method in PER_MINUTE:
            self._take(method, PER_MINUTE[method], PER_MINUTE[method] / 60)

    def _take(self, name: str, capacity: float, per_second: float) -> None:
        now = self._clock.now()
        bucket = self._buckets.setdefault(name, _Bucket(capacity, per_second, capacity, now))
        bucket.capacity, bucket.per_second = capacity, per_second
        wait = bucket.take(now)
        self._database.save("bucket", name, asdict(bucket))
        if wait:
            raise RateLimited(math.ceil(wait))
