"""Socket Mode: connections, envelopes and acknowledgements."""

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
from bot.sandbox.slack.outgoing import Answer, Failure, Outgoing
from bot.sandbox.slack.settings import ACK_SECONDS, MAX_CONNECTIONS
from bot.sandbox.slack.wire import Json

TICKET_SECONDS = 30.0
# A connection is asked to make room for a new one after an hour, or sooner for those who practise it.
CONNECTION_SECONDS = 3600
DEBUG_CONNECTION_SECONDS = 360
WARNING_SECONDS = 10.0


@dataclass(eq=False)
class Connection:
    """One open socket: what is to be written to it, and what it has not acknowledged."""

    number: int
    abort: Callable[[], None]
    outbox: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    unacked: dict[str, "_Sent"] = field(default_factory=dict)
    timers: list[Timer] = field(default_factory=list)

    def write(self, frame: Json) -> None:
        """Queue a frame."""
        self.outbox.put_nowait(json.dumps(frame))

    def hang_up(self) -> None:
        """Close the socket once everything queued is written."""
        self.outbox.put_nowait(None)


@dataclass(eq=False)
class _Sent:
    """An envelope that waits for its acknowledgement."""

    at: float
    outgoing: Outgoing
    timer: Timer


class Sockets:
    """Every open connection of the app."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, journal: Journal, app_id: str) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._journal = journal
        self._app_id = app_id
        self._tickets: dict[str, float] = {k: b["until"] for k, b in database.load("ticket")}
        self._connections: list[Connection] = []
        self._numbers = itertools.count(1)
        self._turns = itertools.count()
        self.on_connection: Callable[[], None] = lambda: None

    # Connections.

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @property
    def ready(self) -> bool:
        """Whether anybody listens."""
        return bool(self._connections)

    def issue_ticket(self) -> str:
        """Make the single-use part of a socket's address."""
        for old in [t for t, until in self._tickets.items() if until < self._clock.now()]:
            self._spend(old)
        ticket, until = self._ids.secret(), self._clock.now() + TICKET_SECONDS
        self._tickets[ticket] = until
        self._database.save("ticket", ticket, {"until": until})
        return ticket

    def admit(self, ticket: str) -> bool:
        """Take a ticket; a used or old one is worth nothing."""
        return self._spend(ticket) >= self._clock.now()

    def _spend(self, ticket: str) -> float:
        self._database.delete("ticket", ticket)
        return self._tickets.pop(ticket, 0.0)

    def connected(self, abort: Callable[[], None], *, debug: bool = False) -> Connection:
        """Greet a new connection; one that is debugged is asked to leave after minutes, not an hour."""
        connection = Connection(next(self._numbers), abort)
        if len(self._connections) >= MAX_CONNECTIONS:
            self._say_goodbye(connection, "too_many_websockets")
            return connection
        seconds = DEBUG_CONNECTION_SECONDS if debug else CONNECTION_SECONDS
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
                    "approximate_connection_time": seconds,
                },
            }
        )
        self._journal.add(
            "socket", state="connected", connection=connection.number, open=len(self._connections)
        )
        connection.timers = [
            self._clock.call_later(seconds - WARNING_SECONDS, lambda: self._warn(connection)),
            self._clock.call_later(seconds, lambda: self._say_goodbye(connection, "refresh_requested")),
        ]
        self.on_connection()
        return connection

    def disconnected(self, connection: Connection) -> None:
        """Take leave of a connection; what it owes comes again elsewhere."""
        self._drop(connection)
        self._journal.add("socket", state="closed", connection=connection.number, open=len(self._connections))
        owed, connection.unacked = connection.unacked, {}
        for sent in owed.values():
            sent.timer.cancel()
            sent.outgoing.on_failure(Failure("connection_failed"))

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
        said = message.get("payload")
        payload, text = (said, "") if isinstance(said, dict) else ({}, said if isinstance(said, str) else "")
        sent.outgoing.on_answer(Answer(payload, self._clock.now() - sent.at, text=text))

    def order_disconnect(self, reason: str, *, hard: bool = False) -> int:
        """Part with every connection: by the book, or as when a cable is pulled. Returns how many."""
        connections = list(self._connections)
        for connection in connections:
            if hard:
                connection.abort()
            elif reason == "warning":
                self._warn(connection)
                connection.timers.append(self._clock.call_later(WARNING_SECONDS, connection.hang_up))
            else:
                self._say_goodbye(connection, reason)
        return len(connections)

    def _goodbye(self, reason: str) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-local"}}

    def _warn(self, connection: Connection) -> None:
        connection.write(self._goodbye("warning"))

    def _say_goodbye(self, connection: Connection, reason: str) -> None:
        self._drop(connection)
        connection.write(self._goodbye(reason))
        connection.hang_up()

    def _drop(self, connection: Connection) -> None:
        for timer in connection.timers:
            timer.cancel()
        if connection in self._connections:
            self._connections.remove(connection)

    # Envelopes.

    def carry(self, outgoing: Outgoing) -> None:
        """Send an envelope to one of the connections, and wait for its acknowledgement."""
        connection = self._connections[next(self._turns) % len(self._connections)]
        envelope_id = self._ids.secret()

        def too_late() -> None:
            if connection.unacked.pop(envelope_id, None):
                outgoing.on_failure(Failure("timeout"))

        timer = self._clock.call_later(ACK_SECONDS, too_late)
        connection.unacked[envelope_id] = _Sent(self._clock.now(), outgoing, timer)
        envelope: dict[str, Any] = {
            "envelope_id": envelope_id,
            "type": outgoing.family,
            "payload": outgoing.payload,
            "accepts_response_payload": outgoing.accepts,
        }
        if outgoing.attempt is not None:
            envelope |= {"retry_attempt": outgoing.attempt, "retry_reason": outgoing.reason}
        connection.write(envelope)
