"""Deliveries: events that come again until they are taken or given up, and gestures that are sent once.

An event is on disk from the moment it happens until it is acknowledged or lost, with the instant at which it
is due again, so that a restart goes on with it. Commands and interactions are sent once: whoever misses one
has missed it, and the person sees a timeout.
"""

import asyncio
import json
from dataclasses import dataclass

from bot.sandbox.slack.clock import Clock, Timer
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.outgoing import Answer, Carrier, Failure, Family, Outgoing
from bot.sandbox.slack.posts import Posts
from bot.sandbox.slack.settings import ACK_SECONDS, MAX_RETRIES, Settings
from bot.sandbox.slack.sockets import Sockets
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

# How a person is told that an app did not answer; everything else is a timeout.
WORDS = {
    "connection_failed": "dispatch_failed",
    "no_address": "dispatch_failed",
    "not_loopback": "dispatch_failed",
    "ssl_error": "dispatch_failed",
}


@dataclass(frozen=True)
class Ack:
    """How the app took a command or an interaction."""

    acked: bool
    payload: Json
    error: str | None
    seconds: float


@dataclass
class _Delivery:
    """An event on its way; ``attempt`` counts the retries, 0 being the first sight."""

    key: str
    payload: Json
    attempt: int = 0
    reason: str = ""
    due: float | None = None
    held: bool = False
    timer: Timer | None = None

    def document(self) -> Json:
        kept = ("payload", "attempt", "reason", "due", "held")
        return {name: getattr(self, name) for name in kept}

    def facts(self) -> Json:
        kind = self.payload.get("event", self.payload)["type"]
        return {"event_id": self.key, "type": kind, "attempt": self.attempt}


class Deliveries:
    """Everything on its way to the app, over whichever carrier its manifest chose."""

    def __init__(
        self,
        workspace: Workspace,
        clock: Clock,
        journal: Journal,
        settings: Settings,
        faults: Faults,
        sockets: Sockets,
        posts: Posts,
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self._journal = journal
        self._settings = settings
        self._faults = faults
        self._sockets = sockets
        self._posts = posts
        self._open: dict[str, _Delivery] = {}
        # Those that stand still until somebody listens or a retry is due, and until an order lets them go.
        self._waiting: dict[str, _Delivery] = {}
        self._held: dict[str, _Delivery] = {}
        for key, body in workspace.database.load("delivery"):
            self._open[key] = _Delivery(key, **body)
        sockets.on_connection = self.flush

    @property
    def undelivered(self) -> int:
        """How many events are neither acknowledged nor given up."""
        return len(self._open)

    @property
    def listening(self) -> int:
        """How many listen: the open sockets, or the one address that has answered its challenge."""
        if self._carrier is self._sockets:
            return self._sockets.count
        return int(self._posts.verified == self._workspace.manifest.addresses.events != "")

    def move(self, before: str, now: str) -> None:
        """Turn addresses in what is still to be delivered from an origin of before to the one of now."""
        for delivery in self._open.values():
            delivery.payload = json.loads(json.dumps(delivery.payload).replace(before, now))
            self._save(delivery)

    def resume(self) -> None:
        """Go on with what a stopped process left: what was under way may have arrived, and comes again."""
        left = sorted(self._open.values(), key=lambda d: d.payload.get("event", {}).get("event_ts", ""))
        for delivery in left:
            if delivery.held:
                self._held[delivery.key] = delivery
                continue
            if delivery.due is None:
                delivery.attempt = min(delivery.attempt + 1, MAX_RETRIES)
            # It was this side that was away, so it need not wait for its turn once somebody listens.
            delivery.reason = "connection_failed"
            wait = max(0.0, (delivery.due or 0.0) - self._clock.now())
            if not self._carrier.ready:
                wait = max(wait, self._settings.retry_delays[max(0, delivery.attempt - 1)])
            self._wait(delivery, wait)

    # Events.

    def send_event(self, payload: Json, *, after: float = 0.0) -> None:
        """Deliver an event, at once or after a while, however long it takes."""
        delivery = self._begin(payload)
        if after:
            self._wait(delivery, after)
        else:
            self._save(delivery)
            self._attempt(delivery)

    def hold(self, payload: Json) -> None:
        """Keep an event back until it is let go."""
        delivery = self._begin(payload)
        delivery.held = True
        self._held[delivery.key] = delivery
        self._save(delivery)

    def release(self) -> None:
        """Let go of everything that is held back."""
        held, self._held = self._held, {}
        for delivery in held.values():
            delivery.held = False
            self._attempt(delivery)

    def flush(self) -> None:
        """Somebody listens now: hand over what has been waiting for that."""
        for delivery in [d for d in self._waiting.values() if d.reason == "connection_failed"]:
            self._attempt(delivery)

    def _begin(self, payload: Json) -> _Delivery:
        key = payload.get("event_id") or self._workspace.ids.new("Ev")
        # The same event twice, on order, is one event to the app and two deliveries to us.
        while key in self._open:
            key = f"{key}+"
        delivery = _Delivery(key, payload)
        self._open[key] = delivery
        return delivery

    @property
    def _carrier(self) -> Carrier:
        return self._sockets if self._workspace.manifest.socket_mode else self._posts

    def _attempt(self, delivery: _Delivery) -> None:
        self._waiting.pop(delivery.key, None)
        if delivery.timer is not None:
            delivery.timer.cancel()
            delivery.timer = None
        if not self._carrier.ready:
            self._again(delivery, Failure("connection_failed"), state="waiting")
            return
        if delivery.due is not None:
            delivery.due = None
            self._save(delivery)
        facts = delivery.facts()

        def taken(answer: Answer) -> None:
            self._end(delivery)
            self._journal.add("event", state="acked", **answer.facts(), **facts)

        def failed(failure: Failure) -> None:
            self._again(delivery, failure, state="unacked")

        self._carrier.carry(
            Outgoing(
                "events_api",
                delivery.payload,
                taken,
                failed,
                attempt=delivery.attempt,
                reason=delivery.reason,
            )
        )

    def _again(self, delivery: _Delivery, failure: Failure, *, state: str) -> None:
        facts: Json = {"reason": failure.reason}
        if failure.status is not None:
            facts["status"] = failure.status
        if delivery.attempt >= MAX_RETRIES or failure.final:
            self._journal.add("event", state="unacked", **facts, **delivery.facts())
            self._end(delivery)
            self._journal.add("event", state="lost", **delivery.facts())
            return
        if state == "unacked":
            self._journal.add("event", state=state, **facts, **delivery.facts())
        delivery.attempt += 1
        delivery.reason = failure.reason
        if state == "waiting":
            self._journal.add("event", state=state, **delivery.facts())
        # What a socket owed when it closed goes to another one at once.
        moved = (
            failure.reason == "connection_failed" and self._sockets.ready and self._carrier is self._sockets
        )
        if moved:
            self._save(delivery)
            self._attempt(delivery)
        else:
            self._wait(delivery, self._settings.retry_delays[delivery.attempt - 1])

    def _wait(self, delivery: _Delivery, seconds: float) -> None:
        delivery.due = self._clock.now() + seconds
        self._waiting[delivery.key] = delivery
        self._save(delivery)
        delivery.timer = self._clock.call_later(seconds, lambda: self._attempt(delivery))

    def _save(self, delivery: _Delivery) -> None:
        self._workspace.database.save("delivery", delivery.key, delivery.document())

    def _end(self, delivery: _Delivery) -> None:
        del self._open[delivery.key]
        self._workspace.database.delete("delivery", delivery.key)

    # Commands and interactions.

    async def ask(self, family: Family, payload: Json, *, accepts: bool, name: str) -> Ack:
        """Send a command or an interaction once and wait for what the app says."""
        fault = self._faults.take("gesture", name)
        match fault.effect if fault else None:
            case "drop":
                await self._clock.sleep(ACK_SECONDS)
                return Ack(False, {}, "operation_timeout", ACK_SECONDS)
            case "delay" if fault:
                await self._clock.sleep(float(fault.options.get("seconds", 1.0)))
        if not self._carrier.ready:
            return Ack(False, {}, "dispatch_failed", 0.0)
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()

        def taken(said: Answer) -> None:
            if not answer.done():
                payload = said.payload or ({"text": said.text} if said.text else {})
                answer.set_result(Ack(True, payload if accepts else {}, None, said.seconds))

        def failed(failure: Failure) -> None:
            if not answer.done():
                word = "operation_timeout" if self._carrier is self._sockets else _word(failure)
                answer.set_result(Ack(False, {}, word, ACK_SECONDS))

        outgoing = Outgoing(family, payload, taken, failed, accepts=accepts)
        self._carrier.carry(outgoing)
        if fault and fault.effect == "duplicate":
            self._carrier.carry(outgoing)
        return await answer


def _word(failure: Failure) -> str:
    if failure.reason == "http_error":
        return "http_service_error" if (failure.status or 0) >= 500 else "http_client_error"
    return WORDS.get(failure.reason, "operation_timeout")
