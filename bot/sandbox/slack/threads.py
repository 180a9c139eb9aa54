"""What an app says of itself in a thread without saying anything: status, title and suggested prompts."""

from typing import Any

from bot.sandbox.slack.clock import Clock
from bot.sandbox.slack.database import Database
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.wire import Json

STATUS_SECONDS = 120.0


class Threads:
    """The small print of threads, by conversation and first message."""

    def __init__(self, database: Database, clock: Clock, journal: Journal) -> None:
        self._database = database
        self._clock = clock
        self._journal = journal
        self._kept: dict[str, Json] = dict(database.load("thread"))

    def set_status(self, channel: str, thread_ts: str, status: str, loading: list[str]) -> None:
        """Show a status, or take it away with an empty one."""
        until = self._clock.now() + STATUS_SECONDS if status else 0.0
        self._keep(channel, thread_ts, status=status, loading=loading, until=until)

    def describe(self, channel: str, thread_ts: str, **facts: Any) -> None:
        """Give a thread a title, or prompts to choose from."""
        self._keep(channel, thread_ts, **facts)

    def spoken(self, channel: str, thread_ts: str | None) -> None:
        """The app said something there: what it was doing is done."""
        if thread_ts and self.seen(channel, thread_ts).get("status"):
            self._keep(channel, thread_ts, status="", loading=[], until=0.0)

    def seen(self, channel: str, thread_ts: str) -> Json:
        """Say what a person sees of it now."""
        kept = self._kept.get(f"{channel}/{thread_ts}", {})
        if kept.get("until", 0.0) <= self._clock.now():
            kept = kept | {"status": "", "loading": []}
        return {k: v for k, v in kept.items() if k != "until"}

    def _keep(self, channel: str, thread_ts: str, **facts: Any) -> None:
        key = f"{channel}/{thread_ts}"
        self._kept[key] = self._kept.get(key, {}) | facts
        self._database.save("thread", key, self._kept[key])
        self._journal.add("thread", channel=channel, ts=thread_ts, **facts)
