"""The vendors that are configured, the ways there are of each, and whether it answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel

from bot.providers import (
    AuthenticationFailed,
    Operation,
    Provider,
    ProviderError,
    QuotaExceeded,
    TransientError,
)
from bot.services import outcomes
from bot.services.errors import BadWish, VendorNotOffered
from bot.services.inputs import Given, InputSpec, Lack, Role, judge
from bot.services.operators import Operators
from bot.services.options import checked
from bot.services.refs import gave_of
from storage import Store, Tx
from storage.records.jobs import ENDED, FailureReason, Job, JobKind, JobState, lane_name, way_name

logger = logging.getLogger(__name__)
STARTS = (JobKind.TRAINING, JobKind.ONESHOT)
"""The kinds that begin with inputs: each is a way to choose."""
RETIRED = "retired"
SWITCHED_OFF = "switched_off"
UNASKED = "unasked"
_OPEN = [state for state in JobState if state not in ENDED]
_LOOK = 20.0
"""Seconds that a vendor has to say whether it is well."""
_HISTORY_MIN = 5
"""Fewer finished jobs than this are no history."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the last check of a vendor found, for operators."""

    name: str
    label: str
    since: datetime
    """When it was first found so."""
    fault: str = ""
    """`unreachable`, `credentials` or `refused`; `unasked` before the first check; empty while it is well."""
    words: str = ""
    """What to mend, in the words of its own provider: never a value of a setting."""
    retired: tuple[JobKind, ...] = ()
    """What the vendor has given up."""


@dataclass(frozen=True, slots=True)
class Making:
    """What is made of a model, or straight from the inputs."""

    prompt_max: int
    """Characters; 0 where no prompt is taken."""
    prompt_bars: str
    """Characters that a prompt must not hold."""
    prompt_means: Literal["picture", "speech"]
    count_max: int
    options: type[BaseModel] | None
    """To be drawn with `bot.services.options.fields`."""
    inputs: tuple[InputSpec, ...] = ()
    """What it takes beside the model."""
    either: tuple[str, Role] | None = None
    """An option and an input of which exactly one is given."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One way of one vendor, as the surface may show it."""

    way: str
    """What a wish names: `vendor/training` or `vendor/oneshot`."""
    provider: str
    kind: JobKind
    label: str
    """The vendor's name as people know it."""
    country: str
    inputs: tuple[InputSpec, ...]
    """What it takes, by role."""
    subjects: tuple[str, ...]
    options: type[BaseModel] | None
    """The parameters of a training; a one-shot's are those of `makes`."""
    makes: Making | None
    """What comes out: None where a training ends with the model."""
    fault: str
    """`unreachable`, `credentials`, `refused` or `retired`; empty while it can be chosen."""
    fault_since: datetime
    inputs_by: Callable[[Mapping[str, Any]], tuple[InputSpec, ...]] | None = None
    """The same once options are chosen, where it depends on them."""
    usual: tuple[timedelta, timedelta] | None = None
    """Between which times 8 of 10 jobs took here; None without history, and from `Vendors.offer`."""

    @property
    def ok(self) -> bool:
        """Whether it can be chosen now."""
        return not self.fault

    @property
    def takes(self) -> tuple[InputSpec, ...]:
        """Everything that can be given with a wish: for the job itself and for what is made afterwards."""
        return self._beside(self.inputs)

    def taking(self, options: Mapping[str, Any]) -> tuple[InputSpec, ...]:
        """The same where these options are chosen."""
        return self._beside(self.inputs_by(options)) if self.inputs_by else self.takes

    def _beside(self, inputs: tuple[InputSpec, ...]) -> tuple[InputSpec, ...]:
        own = {spec.role for spec in inputs}
        return inputs + tuple(
            spec for spec in (self.makes.inputs if self.makes else ()) if spec.role not in own
        )

    def lacks(self, given: Iterable[Given]) -> tuple[Lack, ...]:
        """What keeps this set from being taken, well or not; empty: it would be."""
        return judge(self.takes, given)

    def would_take(self, given: Iterable[Given]) -> bool:
        """Whether a form for this set may be opened: what lacks can be given on it."""
        return self.ok and all(lack.can_follow for lack in self.lacks(given))


class Vendors:
    """Looks vendors up by name, and remembers how they are."""

    def __init__(self, store: Store, providers: Sequence[Provider[Any]], operators: Operators) -> None:
        self._store = store
        self._by_name = {provider.name: provider for provider in providers}
        self._operators = operators
        self._health: dict[str, Health] = {}
        self._remedies: dict[str, str] = {}
        """By vendor: what its operators were told to mend although it works."""
        self._retired: frozenset[str] = frozenset()
        self.going_on: frozenset[str] = frozenset()
        """Jobs of what settings have switched off: they take no place from what is offered now."""
        self._since = store.now()
        self._asked = asyncio.Event()

    def __iter__(self) -> Iterator[Provider[Any]]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Provider[Any] | None:
        """The vendor of this name, if it is configured."""
        return self._by_name.get(name)

    def label(self, name: str) -> str:
        """The vendor's name as people know it."""
        known = self._by_name.get(name)
        return known.capabilities.label if known else name

    def find(self, job: Job) -> Operation | None:
        """What its vendor says of a job, offered or not, if that vendor is configured and has its kind."""
        provider = self._by_name.get(job.provider)
        return None if provider is None else provider.operation(job.kind.value, gave_of(job))

    def operation(self, job: Job) -> Operation:
        """The same. Raises VendorNotOffered where there is none."""
        found = self.find(job)
        if found is None:
            raise VendorNotOffered(job.way)
        return found

    def of_lane(self, provider: Provider[Any], kind: JobKind) -> Operation:
        """What holds for a lane. Raises VendorNotOffered where the vendor has no such kind."""
        found = provider.capabilities.of(kind.value)
        if found is None:
            raise VendorNotOffered(way_name(provider.name, kind))
        return found

    def lanes(self) -> list[tuple[str, Provider[Any]]]:
        """Every lane of every vendor; in one that settings have closed, only what was sent goes on."""
        return [(lane_name(provider.name, kind), provider) for provider in self for kind in _kinds(provider)]

    async def offers(self) -> list[Offer]:
        """Every way to choose, well or not, with the usual time of each from our own history."""
        offers = self.ways()
        lanes = [lane_name(offer.provider, offer.kind) for offer in offers]
        histories = await self._store.read(lambda tx: [usual(tx.jobs.durations(lane)) for lane in lanes])
        return [replace(offer, usual=times) for offer, times in zip(offers, histories, strict=True)]

    def ways(self) -> list[Offer]:
        """The same without their usual times, which are looked up."""
        return [
            self._offer(provider, kind) for provider in self for kind in STARTS if _offered(provider, kind)
        ]

    def offer(self, way: str) -> Offer:
        """One way to choose, which must be well. Raises VendorNotOffered."""
        found = next((offer for offer in self.ways() if offer.way == way), None)
        if found is None or not found.ok:
            raise VendorNotOffered(way, found.fault if found else self._why_no(way))
        return found

    def _why_no(self, way: str) -> str:
        closed = [one for one, provider in self.lanes() if one == way.replace("/", ":")]
        return SWITCHED_OFF if closed else ""

    def making(self, name: str) -> Making:
        """What a vendor makes of its models now. Raises VendorNotOffered."""
        provider, way = self._by_name.get(name), way_name(name, JobKind.GENERATION)
        operation = _offered(provider, JobKind.GENERATION) if provider else None
        if operation is None:
            raise VendorNotOffered(way, self._why_no(way))
        fault = RETIRED if self.is_retired(name, JobKind.GENERATION) else self._fault(name)[0]
        if fault:
            raise VendorNotOffered(way, fault)
        return _making(operation)

    def makes(self, name: str) -> bool:
        """Whether a vendor makes pictures of its models, well or not just now."""
        return name in self._by_name and self.closed(name, JobKind.GENERATION) is None

    def makes_clips(self, job: Job) -> bool:
        """Whether what this job comes to, at its end or after it, is a clip that speaks."""
        if job.kind is not JobKind.TRAINING:
            made = self.find(job)
        else:
            provider = self._by_name.get(job.provider)
            made = _offered(provider, JobKind.GENERATION) if provider else None
        return made is not None and made.prompt_means == "speech"

    def closed(self, name: str, kind: JobKind) -> FailureReason | None:
        """Why nothing new of a kind may begin at a vendor; None where it may."""
        provider = self._by_name.get(name)
        if provider is None or not _offered(provider, kind):
            return FailureReason.SWITCHED_OFF
        return FailureReason.RETIRED if self.is_retired(name, kind) else None

    def closed_to(self, job: Job) -> FailureReason | None:
        """Why this job may not be sent; None where it may. What has been sent is not asked about."""
        operation = self.find(job)
        if operation is None or not operation.offered:
            return FailureReason.SWITCHED_OFF
        return self.closed(job.provider, job.kind)

    def is_retired(self, name: str, kind: JobKind) -> bool:
        """Whether the vendor has given this kind of job up."""
        return lane_name(name, kind) in self._retired

    async def retire(self, name: str, kind: JobKind) -> None:
        """Remember that the vendor has given this kind of job up, and what it does by the same engine.

        The operator hears it once.
        """
        kinds = [kind, *self._together(name, kind)]
        lanes = [lane_name(name, one) for one in kinds]
        about = f"{self.label(name)}, {' and '.join(one.value for one in kinds)}"
        occasion = self._store.now().isoformat()

        def unit(tx: Tx) -> bool:
            if not [lane for lane in lanes if tx.lanes.retire(lane)]:
                return False
            self._operators.note(tx, about, RETIRED, occasion=occasion)
            _show_trays(None, tx)
            return True

        self._retired |= {*lanes}
        if await self._store.write(unit):
            logger.warning("Operation retired", extra={"action": "operation_retired", "lane": lanes[0]})

    def sharing(self, name: str, kind: JobKind) -> list[str]:
        """The lanes that this one shares its slots with: an engine runs so many jobs, whatever their kind."""
        return [lane_name(name, one) for one in self._together(name, kind)]

    def _together(self, name: str, kind: JobKind) -> list[JobKind]:
        """What else a vendor does by the engine that carries out this kind."""
        provider = self._by_name.get(name)
        operation = provider.capabilities.of(kind.value) if provider else None
        if provider is None or operation is None or not operation.engine:
            return []
        others = [one for one in _kinds(provider) if one is not kind]
        return [one for one in others if self.of_lane(provider, one).engine == operation.engine]

    def effort(self, way: str, options: Mapping[str, Any], inputs: int) -> str | None:
        """What a training with these options and so many inputs comes to, in the vendor's words."""
        provider, chosen = self._meant(way, options)
        return provider.effort(chosen, inputs) if provider else None

    def check_size(self, way: str, options: Mapping[str, Any], inputs: int) -> None:
        """Refuse options that make a training with so many inputs too large. Raises BadWish."""
        provider, chosen = self._meant(way, options)
        if provider and (found := provider.too_much(chosen, inputs)):
            raise BadWish(f"option.{found[0]}", "too_much", words=found[1])

    def _meant(self, way: str, options: Mapping[str, Any]) -> tuple[Provider[Any] | None, dict[str, Any]]:
        """Whose way it is, and options as they were typed, read as it wants them; None of what it refuses."""
        name, _, kind = way.partition("/")
        provider = self._by_name.get(name)
        of = next((one for one in STARTS if one == kind), JobKind.TRAINING)
        operation = provider.capabilities.of(of.value) if provider else None
        with suppress(BadWish):
            return provider, checked(operation.options if operation else None, options, prefix="option")
        return None, {}

    def health(self) -> list[Health]:
        """How each vendor is, for operators."""
        found = [(provider, *self._fault(provider.name, UNASKED)) for provider in self]
        return [
            Health(
                name=provider.name,
                label=provider.capabilities.label,
                since=since,
                fault=fault,
                words=self._health[provider.name].words if provider.name in self._health else "",
                retired=tuple(
                    kind
                    for kind in _kinds(provider)
                    if _offered(provider, kind) and self.is_retired(provider.name, kind)
                ),
            )
            for provider, fault, since in found
        ]

    async def asked(self) -> None:
        """Wait, but not for long, until every vendor was asked once: before that each counts as well."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK + 5):
                await self._asked.wait()

    async def declare(self) -> None:
        """Write the limits of every lane down; name the vendors whose jobs nobody can carry on.

        What settings have switched off, with its vendor still there, is carried through to its end as far as
        it was sent. What only waited for it has failed.
        """

        def unit(tx: Tx) -> set[str]:
            for provider in self:
                for kind in _kinds(provider):
                    operation = self.of_lane(provider, kind)
                    name = lane_name(provider.name, kind)
                    tx.lanes.declare(name, slots=operation.concurrency, gap=operation.gap)
            going_on = set()
            for job in tx.jobs.open_in(sorted(tx.jobs.open_lanes()), *_OPEN):
                held_to = self.find(job)
                if job.provider not in self._by_name or (held_to and held_to.offered):
                    continue
                sent = job.remote_id is not None or job.submit_begun_at is not None
                if held_to is not None and sent:
                    going_on.add(job.id)
                else:
                    # With no operation at all nobody can look for what was sent: it is not kept waiting.
                    lost = sent or job.losses > 0
                    outcomes.fail(tx, job, FailureReason.LOST if lost else FailureReason.SWITCHED_OFF)
            self.going_on = frozenset(going_on)
            self._retired = tx.lanes.retired()
            return tx.jobs.open_providers() - self._by_name.keys()

        for name in sorted(await self._store.write(unit)):
            logger.warning("Vendor gone", extra={"action": "vendor_gone", "provider": name})
            await self._operators.tell(name, "not_set_up")

    async def check(self) -> None:
        """Ask every vendor whether it is well; an outage is one line in the log, the recovery one line."""
        await asyncio.gather(*(self._check(provider) for provider in self))
        self._asked.set()
        for provider in self:
            if provider.remedy and self._remedies.get(provider.name) != provider.remedy:
                self._remedies[provider.name] = provider.remedy
                await self._operators.tell(self.label(provider.name), "remedy", words=provider.remedy)

    async def _check(self, provider: Provider[Any]) -> None:
        fault, words, broken = "", "", None
        try:
            async with asyncio.timeout(_LOOK):
                await provider.check()
        except TimeoutError:
            fault, words = "unreachable", f"no answer within {_LOOK:.0f} seconds"
        except TransientError as error:
            fault, words = "unreachable", error.detail
        except (AuthenticationFailed, QuotaExceeded) as error:
            fault, words = "credentials", error.detail
        except ProviderError as error:
            fault, words = "refused", error.detail
        except Exception as error:  # noqa: BLE001 - what a stranger's vendor raises must not hide the others.
            fault, words, broken = "refused", f"its own check broke down ({type(error).__name__})", error
        before = self._health.get(provider.name)
        if before is not None and (before.fault, before.words) == (fault, words):
            return
        same = before is not None and before.fault == fault
        since = before.since if before is not None and same else self._store.now()
        self._health[provider.name] = Health(provider.name, self.label(provider.name), since, fault, words)
        if same and fault == "unreachable":
            return  # It cannot be reached for another reason than before: that is not worth a second line.
        facts = {"action": "vendor_checked", "provider": provider.name}
        if fault:
            facts |= {"fault": fault, "detail": words}
            logger.warning("Vendor not offered", extra=facts, exc_info=broken)
            if fault != "unreachable":
                await self._operators.tell(self.label(provider.name), fault, words=words)
        elif before is not None:
            logger.info("Vendor well again", extra=facts)
        # The first check concerns only what was posted before it: older trays tell of vendors that were well.
        await self._store.write(partial(_show_trays, self._since if before is None else None))

    def _fault(self, name: str, unasked: str = "") -> tuple[str, datetime]:
        known = self._health.get(name)
        return (known.fault, known.since) if known else (unasked, self._store.now())

    def _offer(self, provider: Provider[Any], kind: JobKind) -> Offer:
        operation = self.of_lane(provider, kind)
        fault, since = self._fault(provider.name)
        generation = provider.capabilities.generation if self.makes(provider.name) else None
        made = operation if kind is JobKind.ONESHOT else generation
        return Offer(
            way=way_name(provider.name, kind),
            provider=provider.name,
            kind=kind,
            label=provider.capabilities.label,
            country=provider.capabilities.country,
            inputs=operation.inputs,
            inputs_by=operation.inputs_by,
            subjects=operation.subjects,
            options=operation.options if kind is JobKind.TRAINING else None,
            makes=_making(made) if made else None,
            fault=RETIRED if self.is_retired(provider.name, kind) else fault,
            fault_since=since,
        )


def usual(took: Sequence[timedelta]) -> tuple[timedelta, timedelta] | None:
    """Between which times 8 of 10 of these took, shortest first; None where they are too few to tell."""
    return (took[len(took) // 10], took[-1 - len(took) // 10]) if len(took) >= _HISTORY_MIN else None


def _kinds(provider: Provider[Any]) -> list[JobKind]:
    return [kind for kind in JobKind if provider.capabilities.of(kind.value)]


def _offered(provider: Provider[Any], kind: JobKind) -> Operation | None:
    """What new jobs of a kind would be held to."""
    found = provider.capabilities.of(kind.value)
    return found if found and found.offered else None


def _making(operation: Operation) -> Making:
    return Making(
        prompt_max=operation.prompt_max,
        prompt_bars=operation.prompt_bars,
        prompt_means=operation.prompt_means,
        count_max=operation.count_max,
        options=operation.options,
        inputs=operation.inputs,
        either=operation.either,
    )


def _show_trays(since: datetime | None, tx: Tx) -> None:
    """What waits for a vendor says which vendors there are."""
    for tray_id in tx.trays.open_ids(since=since):
        tx.outbox.touch(f"tray:{tray_id}")
