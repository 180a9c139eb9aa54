"""Trouble in plain words: `vendor down`, `slack slow`, and what each orders of the stand-ins."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.sandbox.slack import Director
from bot.sandbox.vendors.control import FaultKind
from bot.sandbox.world import Vendor

_MANY = 100_000


@dataclass(frozen=True)
class Trouble:
    """One thing that can go wrong."""

    meaning: str
    order: Callable[[Director, Vendor], Awaitable[None]]


def _vendor(kind: FaultKind, *, times: int | None = 1, **details: int) -> Callable[..., Awaitable[None]]:
    async def order(_: Director, vendor: Vendor) -> None:
        await vendor.desk.fault(kind, action=None, times=times, skip=0, **details)

    return order


async def _vendor_loses(_: Director, vendor: Vendor) -> None:
    await vendor.desk.fault(FaultKind.EFFECT_THEN_HANG_UP, action=vendor.house.trains)


def _slack(target: str, effect: str, times: int, **options: float) -> Callable[..., Awaitable[None]]:
    async def order(people: Director, _: Vendor) -> None:
        await people.fault(target, effect, times, **options)

    return order


async def _vendor_well(_: Director, vendor: Vendor) -> None:
    await vendor.desk.clear()


async def _slack_well(people: Director, _: Vendor) -> None:
    await people.clear_faults()


async def _slack_away(people: Director, _: Vendor) -> None:
    await people.disconnect(hard=True)


TROUBLES: dict[str, dict[str, Trouble]] = {
    "vendor": {
        "down": Trouble("refuses every call until `vendor well`", _vendor(FaultKind.DOWN)),
        "slow": Trouble("its next 10 answers take 3 seconds", _vendor(FaultKind.SLOW, times=10, seconds=3)),
        "busy": Trouble(
            "throttles its next 3 calls", _vendor(FaultKind.THROTTLED, times=3, retry_after_ms=2000)
        ),
        "lost": Trouble("starts the next training, and its answer is lost", _vendor_loses),
        "fails": Trouble("the next training fails half-way", _vendor(FaultKind.TRAINING_FAILS)),
        "dead": Trouble(
            "one image of a generation is missing for 3 calls",
            _vendor(FaultKind.DEAD_IMAGE, times=3, image=0),
        ),
        "well": Trouble("calls off all of its trouble", _vendor_well),
    },
    "slack": {
        "down": Trouble("answers every call with 500 until `slack well`", _slack("api:*", "http_500", _MANY)),
        "slow": Trouble("its next 10 answers take 2 seconds", _slack("api:*", "slow", 10, seconds=2)),
        "busy": Trouble(
            "limits the rate of its next 3 calls", _slack("api:*", "rate_limited", 3, retry_after=2)
        ),
        "lost": Trouble(
            "the next message is posted, and the answer is lost",
            _slack("api:chat.postMessage", "lose_answer", 1),
        ),
        "unshared": Trouble("the next images never appear", _slack("share", "never", 1)),
        "away": Trouble("the socket breaks once", _slack_away),
        "well": Trouble("calls off all of its trouble", _slack_well),
    },
}


async def order(whom: str, what: str, people: Director, vendor: Vendor) -> str:
    """Order a trouble; returns what will be seen. Raises KeyError for words that are none."""
    trouble = TROUBLES[whom][what]
    await trouble.order(people, vendor)
    return f"{whom}: {trouble.meaning}."
