"""Telling a vendor that a job is no longer wanted."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.providers import Provider, ProviderError, RemoteRef
from bot.services.timing import Timing


async def told_to_stop(provider: Provider[Any], ref: RemoteRef, timing: Timing) -> bool:
    """Whether the vendor stopped it; False too where it could not be asked."""
    try:
        async with asyncio.timeout(timing.call.total_seconds()):
            return await provider.cancel(ref)
    except (ProviderError, TimeoutError):
        return False
