"""Rows to begin with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from storage import Store, Tx
from storage.records.jobs import Job, JobKind, JobState, NewJob
from storage.records.media import Medium

LANE = "fake:training"
LEASE = timedelta(seconds=60)
ZERO = timedelta(0)


def new_job(name: str = "a", **facts: Any) -> NewJob:
    """A wish for a training."""
    given: dict[str, Any] = {
        "id": f"job_{name}",
        "kind": JobKind.TRAINING,
        "root_id": f"job_{name}",
        "owner": "T1/U1",
        "place": "T1/C1/1",
        "pictures_place": "T1/C1/1",
        "provider": "fake",
        "name": "ana spring",
        "subject": "person",
        "spec": {"prompt": "by the sea", "count": 2},
        "request_key": f"wish:{name}",
        "serial": f"job_{name}",
    }
    return NewJob(**(given | facts))


async def declare(store: Store, *, slots: int = 10, gap: timedelta = ZERO, lane: str = LANE) -> None:
    """Make a lane."""
    await store.write(lambda tx: tx.lanes.declare(lane, slots=slots, gap=gap))


async def insert(store: Store, name: str, **facts: Any) -> None:
    """Write one wish down."""
    await store.write(lambda tx: tx.jobs.insert(new_job(name, **facts)))


async def queue(store: Store, *names: str, **facts: Any) -> None:
    """Write wishes down, each in a transaction of its own."""
    for name in names:
        await insert(store, name, **facts)


async def take(store: Store, me: str = "one", lane: str = LANE) -> Job | None:
    """Claim a submission."""
    return await store.write(lambda tx: tx.jobs.claim_submission(lane, me, LEASE))


async def run(store: Store, name: str = "a", remote: str | None = None) -> Job:
    """A job that the vendor has taken; its lane must have a slot."""
    await queue(store, name)
    held = await take(store)
    assert held is not None
    assert held.id == f"job_{name}"
    return await store.write(lambda tx: tx.jobs.move(held, JobState.RUNNING, remote_id=remote or f"r-{name}"))


async def get(store: Store, name: str = "a") -> Job:
    """A job as it stands."""
    return await store.read(lambda tx: tx.jobs.get(f"job_{name}"))


async def photo(store: Store, data: bytes = b"a photo") -> str:
    """A photo on disk and in the table."""
    sha256 = await store.media.put(data)

    def unit(tx: Tx) -> None:
        tx.inputs.insert(Medium(sha256, "image/jpeg", len(data), 256, 256))

    await store.write(unit)
    return sha256
