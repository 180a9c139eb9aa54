"""Stopping a job: as its owner wishes it, and as its vendor is told."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Any

from bot.providers import Provider, ProviderError, RemoteRef
from bot.services import outcomes
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from storage import Tx
from storage.records.jobs import ENDED, FailureReason, Job, JobState


class Stopped(StrEnum):
    """What a wish to cancel came to."""

    NOW = "now"
    SOON = "soon"  # it is with the vendor; the runner stops it at its next step
    ENDED = "ended"  # it had ended before


async def told_to_stop(provider: Provider[Any], ref: RemoteRef, timing: Timing) -> bool:
    """Whether the vendor stopped it; False too where it could not be asked."""
    try:
        async with asyncio.timeout(timing.call.total_seconds()):
            return await provider.cancel(ref)
    except (ProviderError, TimeoutError):
        return False


def wish_to_stop(tx: Tx, job: Job, vendors: Vendors) -> Stopped:
    """Stop a job here and now where that can be, or at its next step."""
    if job.state in ENDED:
        return Stopped.ENDED
    after = tx.jobs.request_cancel(job.id)
    if after.state is JobState.CANCELLED:
        outcomes.tie_up(tx, after)
        return Stopped.NOW
    if after.lane not in dict(vendors.lanes()):
        return _stop_without_vendor(tx, after)
    return Stopped.SOON


def _stop_without_vendor(tx: Tx, job: Job) -> Stopped:
    """No step will ever come for a job whose vendor is gone from the settings, so it ends here."""
    if job.state is not JobState.SUBMITTING:
        outcomes.stop(tx, job, at_vendor=False)
        return Stopped.NOW
    if job.submit_begun_at is not None:
        outcomes.fail(tx, job, FailureReason.LOST)
        return Stopped.ENDED
    waiting = tx.jobs.request_cancel(tx.jobs.move(job, JobState.QUEUED).id)
    if waiting.state in ENDED:
        outcomes.tie_up(tx, waiting)
    else:
        outcomes.stop(tx, waiting, at_vendor=False)
    return Stopped.NOW
