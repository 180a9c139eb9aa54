"""Trouble on order: what goes wrong next, and how often."""

from dataclasses import dataclass, field

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
    "share": frozenset({"never", "delay"}),
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

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._orders: list[Fault] = []

    def order(self, order: FaultOrder) -> None:
        """Take an order, or refuse one that means nothing."""
        family = order.target.partition(":")[0]
        if order.effect not in EFFECTS.get(family, frozenset()):
            raise Refused("unknown_fault", target=order.target, effect=order.effect)
        self._orders.append(Fault(order.target, order.effect, order.times, dict(order.options)))

    def clear(self) -> None:
        """Forget every order."""
        self._orders.clear()

    def take(self, family: str, name: str | None = None) -> Fault | None:
        """Carry out the first order that fits, if there is one."""
        wanted = (family,) if name is None else (f"{family}:{name}", f"{family}:*")
        for fault in self._orders:
            if fault.target in wanted:
                fault.times -= 1
                if fault.times <= 0:
                    self._orders.remove(fault)
                self._journal.add("fault", target=fault.target, effect=fault.effect, options=fault.options)
                return fault
        return None
