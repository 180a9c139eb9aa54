"""Every vendor under the real job machine: a lost answer to a start never leads to a second paid job."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.providers import Operation, Provider
from storage.records.jobs import FailureReason, JobState
from storage.records.trays import TrayEntry
from tests.fakes import Fault
from tests.providers.bench import Bench, operations
from tests.providers.test_contract import VENDORS
from tests.stand_ins import Engine, TurnedClock, engine, wish

KINDS = ["training", "generation", "oneshot"]
WAYS = [(name, kind) for name, bench in VENDORS.items() for kind in KINDS if kind in operations(bench())]
OPEN = "SELECT 1 FROM job WHERE provider != 'fake' AND finished_at IS NULL"


async def inputs(house: Engine, operation: Operation) -> list[TrayEntry]:
    """Just what an operation takes."""
    entries = []
    for spec in operation.inputs:
        for number in range(spec.min):
            name = f"{spec.role}-{number}"
            if spec.role == "video":
                size = spec.frames[0] if spec.frames else (1920, 1080)
                seconds = sum(span.total_seconds() for span in spec.lasts) / 2 if spec.lasts else 60
                kept = await house.keep(name.encode(), "video/mp4", *size, seconds)
            else:
                kept = await house.keep(name.encode(), spec.media_types[0], 800, 800)
            entries.append(TrayEntry(name, name, kept, role=spec.role.value))
    return entries


def operation_of(provider: Provider[Any], kind: str) -> Operation:
    able = provider.capabilities
    found = {"training": able.training, "generation": able.generation, "oneshot": able.oneshot}[kind]
    assert found is not None
    return found


async def start(house: Engine, bench: Bench, provider: Provider[Any], kind: str) -> str:
    """What begins with inputs, as its form would ask for it."""
    operation = operation_of(provider, kind)
    wanted = wish(
        way=f"{provider.name}/{kind}",
        subject=operation.subjects[0],
        making=bench.making() if kind == "training" else {},
        count=1,
    )
    item = await house.item()
    return (await house.services.training.start_with(wanted, await inputs(house, operation), item)).id


async def walk(house: Engine, bench: Bench, fault: Fault, kind: str) -> None:
    """To the end, with one fault where a job of this kind is started."""
    sending = f"SELECT 1 FROM job WHERE provider != 'fake' AND kind = '{kind}' AND submit_begun_at IS NULL"
    ordered = False

    def over() -> bool:
        nonlocal ordered
        if not ordered and house.rows(f"{sending} AND state = 'queued'"):
            bench.order(fault)
            ordered = True
        elif house.rows("SELECT 1 FROM job WHERE provider != 'fake' AND state = 'running'"):
            bench.finish()
        return house.rows(OPEN) == []

    await house.until(over, most=400)
    assert ordered


@pytest.mark.parametrize(("name", "kind"), WAYS, ids=[f"{name}-{kind}" for name, kind in WAYS])
@pytest.mark.parametrize(
    "fault", [Fault.CREATED, Fault.LOST, Fault.HALF, Fault.BUSY, Fault.DOWN], ids=lambda fault: fault.name
)
async def test_whatever_becomes_of_the_answer_a_start_is_paid_for_once_at_most(
    name: str, fault: Fault, kind: str, tmp_path: Path
) -> None:
    bench = VENDORS[name]()
    provider = bench.provider()
    # Some vendors are asked what they have made since the call left, and they live in today's time.
    clock = TurnedClock(datetime.now(UTC))
    async with engine(tmp_path / "data", clock, more=[provider]) as house:
        await start(house, bench, provider, "oneshot" if kind == "oneshot" else "training")
        await walk(house, bench, fault, kind)
        ends = dict(house.rows("SELECT kind, state FROM job WHERE provider != 'fake'"))
        assert bench.created <= len(ends)
        lost = [reason for (reason,) in house.rows("SELECT reason FROM job WHERE state = 'failed'")]
        # Either all went well in the end, or a human is asked to look: never a second start.
        assert set(lost) <= {FailureReason.LOST}
        if not lost:
            assert set(ends.values()) == {JobState.SUCCEEDED}
            assert bench.created == len(ends)
        assert not lost or not operation_of(provider, kind).idempotent
    await provider.http.aclose()
