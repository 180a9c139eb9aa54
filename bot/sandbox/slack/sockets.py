"""Socket Mode: connections, envelopes, acknowledgements, and events that come again.

An event is on disk from the moment it happens until it is acknowledged or given up. Commands and interactions
are sent once: whoever misses one has missed it, and the person sees a timeout.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.clock import Clock, Timer
from bot.sandbox.slack.database import Database
from bot.sandbox.slack.ids import Ids
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.settings import ACK_SECONDS, MAX_CONNECTIONS, MAX_RETRIES, Settings
from bot.sandbox.slack.wire import Json

TICKET_SECONDS = 30.0
# Slack announces an hour; the number is only told, never acted on.
CONNECTION_SECONDS = 3600


@dataclass(frozen=True)
class Ack:
    """How the app took a command or an interaction."""

    acked: bool
    payload: Json
    error: str | None
    seconds: float


@dataclass(eq=False)
class Connection:
    """One open socket: what is to be written to it, and what it has not acknowledged."""

    number: int
    abort: Callable[[], None]
    outbox: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    unacked: dict[str, "_Sent"] = field(default_factory=dict)

    def write(self, frame: Json) -> None:
        """Queue a frame."""
        self.outbox.put_nowait(json.dumps(frame))

    def hang_up(self) -> None:
        """Close the socket once everything queued is written."""
        self.outbox.put_nowait(None)


@dataclass
class _Delivery:
    """An event on its way; ``attempt`` counts the retries, 0 being the first sight."""

    event_id: str
    payload: Json
    attempt: int = 0
    reason: str = ""

    def document(self) -> Json:
        return {"payload": self.payload, "attempt": self.attempt, "reason": self.reason}

    def facts(self) -> Json:
        event = self.payload["event"]
        return {"event_id": self.event_id, "type": event["type"], "attempt": self.attempt}


@dataclass(eq=False)
class _Sent:
    """An envelope that waits for its acknowledgement."""

    at: float
    on_ack: Callable[[Json, float], None]
    on_failure: Callable[[str], None]
    timer: Timer


class Sockets:
    """Every open connection of the app, and everything on its way to it."""

    def __init__(
        self, database: Database, clock: Clock, ids: Ids, journal: Journal, settings: Settings, app_id: str
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._journal = journal
        self._settings = settings
        self._app_id = app_id
        self._tickets: dict[str, float] = {}
        self._connections: list[Connection] = []
        self._numbers = itertools.count(1)
        self._turns = itertools.count()
        self._waiting: dict[str, _Delivery] = {}
        left = sorted(
            database.load("delivery"), key=lambda item: item[1]["payload"]["event"].get("event_ts", "")
        )
        for event_id, body in left:
            retry = min(body["attempt"] + 1, MAX_RETRIES)
            self._waiting[event_id] = _Delivery(event_id, body["payload"], retry, "connection_failed")

    def move(self, before: str, now: str) -> None:
        """Turn addresses in what is still to be delivered from an origin of before to the one of now."""
        for delivery in self._waiting.values():
            delivery.payload = json.loads(json.dumps(delivery.payload).replace(before, now))
            self._database.save("delivery", delivery.event_id, delivery.document())

    # Connections.

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def issue_ticket(self) -> str:
        """Make the single-use part of a socket's address."""
        ticket = self._ids.secret()
        self._tickets[ticket] = self._clock.now() + TICKET_SECONDS
        return ticket

    def admit(self, ticket: str) -> bool:
        """Take a ticket; a used or old one is worth nothing."""
        return self._tickets.pop(ticket, 0.0) >= self._clock.now()

    def connected(self, abort: Callable[[], None]) -> Connection:
        """Greet a new connection and hand it what has been waiting for one."""
        connection = Connection(next(self._numbers), abort)
        if len(self._connections) >= MAX_CONNECTIONS:
            self._say_goodbye(connection, "too_many_websockets")
            return connection
        self._connections.append(connection)
        connection.write(
            {
                "type": "hello",
                "num_connections": len(self._connections),
                "connection_info": {"app_id": self._app_id},
                "debug_info": {
                    "host": "applink-local",
                    "started": str(self._clock.now()),
                    "build_number": 1,
                    "approximate_connection_time": CONNECTION_SECONDS,
                },
            }
        )
        self._journal.add(
            "socket", state="connected", connection=connection.number, open=len(self._connections)
        )
        waiting, self._waiting = self._waiting, {}
        for delivery in waiting.values():
            self._attempt(delivery)
        return connection

    def disconnected(self, connection: Connection) -> None:
        """Take leave of a connection; what it owes comes again elsewhere."""
        self._drop(connection)
        self._journal.add("socket", state="closed", connection=connection.number, open=len(self._connections))
        owed, connection.unacked = connection.unacked, {}
        for sent in owed.values():
            sent.timer.cancel()
            sent.on_failure("connection_failed")

    def received(self, connection: Connection, frame: str) -> None:
        """Read what the app wrote: acknowledgements, and nothing else."""
        try:
            message = json.loads(frame)
        except ValueError:
            self._journal.add("socket", state="nonsense", connection=connection.number)
            return
        sent = (
            connection.unacked.pop(message.get("envelope_id", ""), None)
            if isinstance(message, dict)
            else None
        )
        if sent is None:
            self._journal.add("socket", state="unknown_ack", connection=connection.number)
            return
        sent.timer.cancel()
        sent.on_ack(message.get("payload") or {}, self._clock.now() - sent.at)

    def order_disconnect(self, reason: str, *, hard: bool = False) -> int:
        """Part with every connection: by the book, or as when a cable is pulled. Returns how many."""
        connections = list(self._connections)
        for connection in connections:
            if hard:
                connection.abort()
            elif reason == "warning":
                connection.write(self._goodbye(reason))
                self._clock.call_later(10.0, connection.hang_up)
            else:
                self._say_goodbye(connection, reason)
        return len(connections)

    def _goodbye(self, reason: str) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-local"}}

    def _say_goodbye(self, connection: Connection, reason: str) -> None:
        self._drop(connection)
        connection.write(self._goodbye(reason))
        connection.hang_up()

    def _drop(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)

    # Events.

    def send_event(self, payload: Json) -> None:
        """Deliver an event, however long it takes."""
        delivery = _Delivery(payload["event_id"], payload)
        self._database.save("delivery", delivery.event_id, delivery.document())
        self._attempt(delivery)

    @property
    def undelivered(self) -> int:
        """How many events are neither acknowledged nor given up."""
        return sum(1 for _ in self._database.load("delivery"))

    def _attempt(self, delivery: _Delivery) -> None:
        if not self._connections:
            delivery.attempt = max(1, delivery.attempt)
            delivery.reason = delivery.reason or "connection_failed"
            self._waiting[delivery.event_id] = delivery
            self._journal.add("event", state="waiting", **delivery.facts())
            return

        def acked(_payload: Json, seconds: float) -> None:
            self._database.delete("delivery", delivery.event_id)
            self._journal.add("event", state="acked", seconds=seconds, **facts)

        def failed(reason: str) -> None:
            self._journal.add("event", state="unacked", reason=reason, **facts)
            self._again(delivery, reason)

        facts = delivery.facts()
        self._send(
            "events_api",
            delivery.payload,
            acked,
            failed,
            accepts_response_payload=False,
            retry_attempt=delivery.attempt,
            retry_reason=delivery.reason,
        )

    def _again(self, delivery: _Delivery, reason: str) -> None:
        if delivery.attempt >= MAX_RETRIES:
            self._database.delete("delivery", delivery.event_id)
            self._journal.add("event", state="lost", **delivery.facts())
            return
        delivery.attempt += 1
        delivery.reason = reason
        self._database.save("delivery", delivery.event_id, delivery.document())
        if reason == "timeout":
            delay = self._settings.retry_delays[delivery.attempt - 1]
            self._clock.call_later(delay, lambda: self._attempt(delivery))
        else:
            self._attempt(delivery)

    # Commands and interactions.

    async def ask(self, kind: str, payload: Json, *, accepts: bool) -> Ack:
        """Send a command or an interaction to one connection and wait for what it says."""
        if not self._connections:
            return Ack(acked=False, payload={}, error="dispatch_failed", seconds=0.0)
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()

        def acked(said: Json, seconds: float) -> None:
            if not answer.done():
                answer.set_result(Ack(True, said if accepts else {}, None, seconds))

        def failed(_reason: str) -> None:
            if not answer.done():
                answer.set_result(Ack(False, {}, "operation_timeout", ACK_SECONDS))

        self._send(kind, payload, acked, failed, accepts_response_payload=accepts)
        return await answer

    def _send(
        self,
        kind: str,
        payload: Json,
        on_ack: Callable[[Json, float], None],
        on_failure: Callable[[str], None],
        **rest: Any,
    ) -> None:
        connection = self._connections[next(self._turns) % len(self._connections)]
        envelope_id = self._ids.secret()

        def too_late() -> None:
            if connection.unacked.pop(envelope_id, None):
                on_failure("timeout")

        connection.unacked[envelope_id] = _Sent(
            self._clock.now(), on_ack, on_failure, self._clock.call_later(ACK_SECONDS, too_late)
        )
        connection.write({"envelope_id": envelope_id, "type": kind, "payload": payload, **rest})
