"""A job as its vendor is asked about it."""

from __future__ import annotations

from bot.providers import RemoteRef, Role
from storage.records.jobs import Job


def gave_of(job: Job) -> frozenset[Role]:
    """What a job was given: by this a vendor of several products tells which of them it began with."""
    return frozenset(Role(role) for role in job.spec.get("gave", ()))


def ref_of(job: Job) -> RemoteRef:
    """What its vendor knows it by. `id` is empty where no submission was answered."""
    return RemoteRef(
        kind=job.kind.value,
        id=job.remote_id or "",
        model_id=job.remote_model_id or job.spec.get("model_id"),
        gave=gave_of(job),
    )
