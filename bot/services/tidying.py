"""After a job's end: the vendor lets go of what only that job needed there."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from bot.providers import NotFound, Provider, ProviderError
from bot.services.refs import ref_of
from bot.services.timing import Timing
from bot.services.vendors import Vendors
from storage import Store
from storage.errors import StaleState
from storage.records.jobs import Job

logger = logging.getLogger(__name__)
_BATCH = 8


class Tidier:
    """Asks until it is done, or has been refused too often: then the vendor's own retention decides."""

    def __init__(self, store: Store, vendors: Vendors, timing: Timing) -> None:
        self._store = store
        self._vendors = vendors
        self._timing = timing

    async def tidy_due(self) -> None:
        """Claim what has ended untidied, and see to a few at a time."""
        if not await self._store.read(lambda tx: tx.jobs.has_untidy()):
            return
        lease = self._timing.tidy_lease
        jobs = await self._store.write(lambda tx: tx.jobs.claim_untidy(self._store.me, lease, _BATCH))
        await asyncio.gather(*(self._tidy(job) for job in jobs))

    async def _tidy(self, held: Job) -> None:
        provider = self._vendors.get(held.provider)
        try:
            if provider is None:
                # Its keys are gone from the settings: not a refusal, but nothing can be asked either.
                await self._later(held, "not set up")
            elif why := await self._refusal(held, provider):
                await self._later(held, why)
            else:
                await self._store.write(lambda tx: tx.jobs.tidied(held))
        except StaleState:
            logger.info("Job held by somebody else", extra={"action": "job_stale", **held.log_context()})

    async def _refusal(self, held: Job, provider: Provider[Any]) -> str:
        try:
            async with asyncio.timeout(self._timing.tidy_lease.total_seconds() * 0.8):
                await provider.tidy(ref_of(held), key=held.id)
        except NotFound:
            return ""  # It is gone already.
        except (ProviderError, TimeoutError) as error:
            return type(error).__name__
        return ""

    async def _later(self, held: Job, why: str) -> None:
        tries = held.tidy_tries + 1
        if tries < self._timing.tidy_tries:
            wait = self._timing.backoff(tries)
            await self._store.write(lambda tx: tx.jobs.give_back(held, wait, tidy_tries=tries))
            return
        await self._store.write(lambda tx: tx.jobs.tidied(held, tidy_tries=tries))
        logger.warning(
            "Vendor keeps what a job needed", extra={"action": "not_tidied", "why": why, **held.log_context()}
        )
