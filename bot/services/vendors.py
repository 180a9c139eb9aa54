"""The vendors that are configured, and whether each answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from bot.providers import (
    AuthenticationFailed,
    Capabilities,
    Operation,
    Provider,
    ProviderError,
    QuotaExceeded,
    Role,
    TransientError,
)
from bot.services.errors import VendorNotOffered
from bot.services.operators import Operators
from storage import Store, Tx
from storage.records import JobKind, lane_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """What the last check of a vendor found."""

    since: datetime
    """When it was first found so."""
    fault: str = ""
    """`unreachable`, `credentials` or `refused`; empty while it is well."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A vendor as the surface may show it."""

    name: str
    label: str
    country: str
    subjects: tuple[str, ...]
    photos_min: int
    photos_max: int
    prompt_max: int
    count_max: int
    fault: str
    """Empty while the vendor is well."""
    fault_since: datetime

    @property
    def ok(self) -> bool:
        """Whether it can be chosen now."""
        return not self.fault


class Vendors:
    """Looks vendors up by name, and remembers how they are."""

    def __init__(self, store: Store, providers: Sequence[Provider[Any]], operators: Operators) -> None:
        self._store = store
        self._by_name = {provider.name: provider for provider in providers}
        self._operators = operators
        self._health: dict[str, Health] = {}
        self._since = store.now()

    def __iter__(self) -> Iterator[Provider[Any]]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Provider[Any] | None:
        """The vendor of this name, if it is configured."""
        return self._by_name.get(name)

    def label(self, name: str) -> str:
        """The vendor's name as people know it."""
        known = self._by_name.get(name)
        return known.capabilities.label if known else name

    def operation(self, provider: Provider[Any], kind: JobKind) -> Operation:
        """What a vendor says of one kind of job. Raises VendorNotOffered where it has no such kind."""
        able = provider.capabilities
        found = able.training if kind is JobKind.TRAINING else able.generation
        if found is None:
            raise VendorNotOffered(provider.name)
        return found

    def lanes(self) -> list[tuple[str, Provider[Any]]]:
        """Every lane of every vendor."""
        return [
            (lane_name(provider.name, kind), provider)
            for provider in self
            for kind in JobKind
            if kind is JobKind.TRAINING or provider.capabilities.generation
        ]

    def offers(self) -> list[Offer]:
        """The vendors to choose from, well or not."""
        return [self._offer(provider) for provider in self]

    def offer(self, name: str) -> Offer:
        """One vendor to choose, which must be well. Raises VendorNotOffered."""
        provider = self._by_name.get(name)
        if provider is None or not (found := self._offer(provider)).ok:
            raise VendorNotOffered(name)
        return found

    async def declare(self) -> None:
        """Write the limits of every lane down; name the vendors whose jobs nobody can carry on."""

        def unit(tx: Tx) -> set[str]:
            for provider in self:
                for kind in JobKind:
                    if kind is JobKind.TRAINING or provider.capabilities.generation:
                        operation = self.operation(provider, kind)
                        name = lane_name(provider.name, kind)
                        tx.lanes.declare(name, slots=operation.concurrency, gap=operation.gap)
            return tx.jobs.open_providers() - self._by_name.keys()

        for name in sorted(await self._store.write(unit)):
            logger.warning("Vendor gone", extra={"action": "vendor_gone", "provider": name})
            await self._operators.tell(name, "not_set_up")

    async def check(self) -> None:
        """Ask every vendor whether it is well; an outage is one line in the log, the recovery one line."""
        await asyncio.gather(*(self._check(provider) for provider in self))

    async def _check(self, provider: Provider[Any]) -> None:
        fault, detail = "", ""
        try:
            async with asyncio.timeout(20):
                await provider.check()
        except (TransientError, TimeoutError) as error:
            fault, detail = "unreachable", str(error)
        except (AuthenticationFailed, QuotaExceeded) as error:
            fault, detail = "credentials", error.detail
        except ProviderError as error:
            fault, detail = "refused", error.detail
        before = self._health.get(provider.name)
        if before is not None and before.fault == fault:
            return
        self._health[provider.name] = Health(since=self._store.now(), fault=fault)
        facts = {"action": "vendor_checked", "provider": provider.name}
        if fault:
            logger.warning("Vendor not offered", extra={**facts, "fault": fault, "detail": detail})
            if fault != "unreachable":
                await self._operators.tell(self.label(provider.name), fault)
        elif before is not None:
            logger.info("Vendor well again", extra=facts)
        # The first check concerns only what was posted before it: older trays tell of vendors that were well.
        since = self._since if before is None else None
        await self._store.write(partial(_show_trays, since))

    def _offer(self, provider: Provider[Any]) -> Offer:
        able: Capabilities = provider.capabilities
        training = self.operation(provider, JobKind.TRAINING)
        photos = next(spec for spec in training.inputs if spec.role is Role.PHOTO)
        health = self._health.get(provider.name)
        makes = able.generation
        return Offer(
            name=provider.name,
            label=able.label,
            country=able.country,
            subjects=training.subjects,
            photos_min=photos.min,
            photos_max=photos.max,
            prompt_max=makes.prompt_max if makes else 0,
            count_max=makes.count_max if makes else 0,
            fault=health.fault if health else "unreachable",
            fault_since=health.since if health else self._store.now(),
        )


def _show_trays(since: datetime | None, tx: Tx) -> None:
    """What waits for a vendor says which vendors there are."""
    for tray_id in tx.trays.open_ids(since=since):
        tx.outbox.touch(f"tray:{tray_id}")
