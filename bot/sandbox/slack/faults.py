"""Trouble on order: what goes wrong next, and how often."""

import itertools
from dataclasses import asdict, dataclass, field

from bot.sandbox.slack.database import Database
from bot.sandbox.slack.errors import Refused
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.wire import FaultOrder, Json

# break: the connection ends before anything happened; lose_answer: after it happened.
CALL_EFFECTS = frozenset({"error", "rate_limited", "http_500", "lose_answer", "break", "hang", "slow"})
EFFECTS = {
    "api": CALL_EFFECTS,
    "upload": CALL_EFFECTS - {"error"},
    "download": frozenset({"http_500", "break", "hang", "slow", "rate_limited", "login_page"}),
    "response_url": CALL_EFFECTS,
    "event": frozenset({"duplicate", "reorder", "delay", "drop"}),
    "gesture": frozenset({"duplicate", "delay", "drop"}),
    "delivery": frozenset({"bad_signature", "stale_signature"}),
    "share": frozenset({"never", "delay"}),
    "ready": frozenset({"never", "delay"}),
}


@dataclass
class Fault:
    """One effect, for so many more times."""

    target: str
    effect: str
    times: int
    options: Json = field(default_factory=dict)


class Faults:
    """The orders not yet carried out, first come first served."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._orders = {int(key): Fault(**body) for key, body in database.load("fault")}
        self._numbers = itertools.count(max(self._orders, default=0) + 1)

    def order(self, order: FaultOrder) -> None:
        """Take an order, or refuse one that means nothing."""
        family = order.target.partition(":")[0]
        if order.effect not in EFFECTS.get(family, frozenset()):
            raise Refused("unknown_fault", target=order.target, effect=order.effect)
        number = next(self._numbers)
        self._orders[number] = Fault(order.target, order.effect, order.times, dict(order.options))
        self._save(number)

    def on_order(self) -> list[Json]:
        """What is still to go wrong, in the order it was asked for."""
        return [asdict(fault) for fault in self._orders.values()]

    def clear(self) -> None:
        """Forget every order."""
        for number in self._orders:
            self._database.delete("fault", f"{number:06d}")
        self._orders.clear()

    def take(self, family: str, name: str | None = None) -> Fault | None:
        """Carry out the first order that fits, if there is one."""
        wanted = (family,) if name is None else (f"{family}:{name}", f"{family}:*")
        for number, fault in self._orders.items():
            if fault.target in wanted:
                fault.times -= 1
                self._save(number)
                self._journal.add("fault", target=fault.target, effect=fault.effect, options=fault.options)
                return fault
        return None

    def _save(self, number: int) -> None:
        fault = self._orders[number]
        if fault.times > 0:
            self._database.save("fault", f"{number:06d}", asdict(fault))
        else:
            del self._orders[number]
            self._database.delete("fault", f"{number:06d}")
