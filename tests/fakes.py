"""Fakes that subclass the real thing."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Self

import httpx
from PIL import Image
from pydantic import JsonValue

from bot.providers import (
    Artifact,
    Callback,
    Capabilities,
    Finding,
    GenerationSpec,
    HttpClient,
    InvalidInput,
    Keeping,
    MediaInput,
    NotFound,
    OneshotSpec,
    Operation,
    OutcomeUnknown,
    Provider,
    ProviderError,
    RateLimited,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    Spec,
    TrainingSpec,
    Unavailable,
)
from tests.fake_facts import FakeOptions, FakeSettings, FakeStyle, papers_and_film, photos_of, template_of

Step = RemoteState | ProviderError | Mapping[str, Any]
"""What one poll says: a state, an error to raise, or fields of a `RemoteJob`. A script's last step stays."""

TRAINING: tuple[Step, ...] = (
    {"state": RemoteState.QUEUED, "progress": 0.0},
    {"state": RemoteState.RUNNING, "progress": 0.5},
    {"state": RemoteState.SUCCEEDED, "progress": 1.0},
)
GENERATION: tuple[Step, ...] = (
    {"state": RemoteState.RUNNING, "progress": 0.5},
    {"state": RemoteState.SUCCEEDED, "progress": 1.0},
)


class Fault(Enum):
    """What can be ordered with `fail_next`, beside an error of one's own."""

    BUSY = "429: nothing started"
    DOWN = "never connected: nothing started"
    CREATED = "the job was created, but the answer is lost"
    LOST = "the answer is lost, and nothing was created"
    HALF = "the job was created and lacks its inputs; the answer is lost"
    REFUSED = "the vendor refuses the input"


@dataclass
class FakeJob:
    """One job as the vendor keeps it."""

    kind: str
    id: str
    key: str
    spec: Spec
    script: deque[Step]
    polls: int = 0
    cancelled: bool = False
    deleted: bool = False
    unfinished: bool = False
    """It lacks its inputs: nothing goes on with it, and no poll brings it further."""
    asking: bool = False
    """It waits for better inputs."""
    gone_on: int = 0
    """How often a call under its key went on with it."""
    tidied: int = 0

    @property
    def model_id(self) -> str:
        """The model this job makes, or uses."""
        return self.spec.model_id if isinstance(self.spec, GenerationSpec) else f"model-{self.id}"

    def given(self, role: Role) -> tuple[MediaInput, ...]:
        """What it has of a role."""
        return tuple(one for one in self.spec.inputs if one.role is role)


@dataclass
class Hold:
    """A call stopped on its way: `entered` is set when it has arrived, `release` lets it go on."""

    entered: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class FakeVendor:
    """The vendor's side, which outlives a provider: give it to the next one to play a restart."""

    jobs: dict[str, FakeJob] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Every call in order: operation, and the key or the vendor's id."""
    scripts: dict[str, tuple[Step, ...]] = field(
        default_factory=lambda: {"training": TRAINING, "generation": GENERATION, "oneshot": GENERATION}
    )
    faults: defaultdict[str, deque[Fault | Exception]] = field(default_factory=lambda: defaultdict(deque))
    holds: defaultdict[str, deque[Hold]] = field(default_factory=lambda: defaultdict(deque))
    lag: int = 0
    """So many looks into the list still show nothing."""
    dislikes: dict[str, str] = field(default_factory=dict)
    """What its own look finds wrong, by the hash that a photo's file is named by."""
    log: tuple[str, ...] = ()
    tidied: list[tuple[str, str]] = field(default_factory=list)
    """Id and key of every job it was asked to tidy."""
    pushed: list[JsonValue] = field(default_factory=list)
    """What came with every poll."""

    async def enter(self, operation: str, what: str) -> Fault | None:
        """Note a call, stop it if a test holds it, raise what was ordered; a lost answer is returned."""
        self.calls.append((operation, what))
        if self.holds[operation]:
            hold = self.holds[operation].popleft()
            hold.entered.set()
            await hold.release.wait()
        if not self.faults[operation]:
            return None
        match self.faults[operation].popleft():
            case Fault.BUSY:
                raise RateLimited("Fake is busy.", retry_after=timedelta(seconds=7))
            case Fault.DOWN:
                raise Unavailable("Fake cannot be reached.")
            case Fault.REFUSED:
                raise InvalidInput("Fake refuses this.", code="FAKE_REFUSED")
            case Fault() as lost:
                return lost
            case error:
                raise error

    def create(self, kind: str, key: str, spec: Spec) -> FakeJob:
        """Start a job, and charge for it."""
        number = 1 + sum(job.kind == kind for job in self.jobs.values())
        job = FakeJob(kind, f"{kind[0]}{number}", key, spec, deque(self.scripts[kind]))
        self.jobs[job.id] = job
        return job


class FakeProvider(Provider[FakeSettings]):
    """A vendor in memory: scripted, faulty on demand, deterministic.

    `FakeProvider(idempotent=False, concurrency=1)` changes its facts; `FakeProvider(vendor=old.vendor)` is a
    fresh process before the same vendor.
    """

    name = "fake"
    Settings = FakeSettings

    def __init__(
        self,
        settings: FakeSettings | None = None,
        http: HttpClient | None = None,
        *,
        vendor: FakeVendor | None = None,
        **facts: Any,
    ) -> None:
        settings = settings or FakeSettings(**facts)
        super().__init__(settings, http or self.client(settings))
        self.vendor = vendor or FakeVendor()

    @classmethod
    def client(cls, settings: FakeSettings, **transport: Any) -> HttpClient:
        """A client that reaches nobody."""
        return HttpClient("http://127.0.0.1:9", transport=httpx.MockTransport(lambda _: httpx.Response(500)))

    @property
    def capabilities(self) -> Capabilities:
        """As the settings say."""
        facts = self.settings
        training = Operation(
            offered=facts.trains,
            inputs=papers_and_film(facts) if facts.films else (photos_of(facts),),
            subjects=facts.subjects,
            options=FakeOptions if facts.options else None,
            inspects=facts.inspects,
            submit_time=facts.submit_time,
            grace=facts.grace,
            idempotent=facts.idempotent,
            concurrency=facts.concurrency,
            gap=facts.gap,
            poll_first=facts.poll_first,
            poll_most=facts.poll_most,
            deadline=facts.deadline,
            keeps_inputs=Keeping(by="tidy"),
            keeps_model=Keeping(by="delete" if facts.deletes else None),
            keeps_results=Keeping(by="delete" if facts.deletes else None),
        )
        generation = training.model_copy(
            update={
                "offered": facts.generates,
                "inputs": (template_of(facts),) if facts.templates else (),
                "subjects": (),
                "options": FakeStyle if facts.options else None,
                "inspects": False,
                "engine": facts.engine,
                "prompt_max": facts.prompt_max,
                "prompt_bars": facts.prompt_bars,
                "prompt_means": "speech" if facts.films else "picture",
                "count_max": facts.count_max,
            }
        )
        begins = {"inputs": training.inputs, "subjects": training.subjects}
        oneshot = generation.model_copy(update={"offered": facts.oneshots, **begins})
        return Capabilities(
            label=facts.label,
            country=facts.country,
            training=training,
            generation=generation,
            oneshot=oneshot,
        )

    # What a test orders and looks at.

    @property
    def jobs(self) -> dict[str, FakeJob]:
        """Every job at the vendor, by its id there: `t1`, `t2`, `g1`."""
        return self.vendor.jobs

    @property
    def paid(self) -> int:
        """How many jobs the vendor has charged for."""
        return len(self.vendor.jobs)

    def paid_for(self, kind: str) -> int:
        """How many of one kind."""
        return sum(job.kind == kind for job in self.vendor.jobs.values())

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Every call in order: operation, and the key or the vendor's id."""
        return self.vendor.calls

    def fail_next(self, operation: str, fault: Fault | Exception, *, times: int = 1) -> Self:
        """Let the next calls of an operation, each named as its method is, go wrong."""
        self.vendor.faults[operation].extend([fault] * times)
        return self

    def script(self, kind: str, steps: Sequence[Step]) -> Self:
        """What polls say of jobs of a kind created from now on; the last step stays."""
        self.vendor.scripts[kind] = tuple(steps)
        return self

    def hold(self, operation: str) -> Hold:
        """Stop the next call of an operation until `release` is set."""
        self.vendor.holds[operation].append(Hold())
        return self.vendor.holds[operation][-1]

    def finish(self) -> None:
        """Let every open job be at the last step of its script."""
        for job in self.vendor.jobs.values():
            job.script = deque(list(job.script)[-1:])

    # The contract.

    async def check(self) -> None:
        """Raise what was ordered."""
        await self.vendor.enter("check", "")

    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        """Start a training; a second time is a second job, paid again."""
        return await self._create("submit", "training", spec, key)

    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:
        """Start a generation; a second time is a second job, paid again."""
        return await self._create("generate", "generation", spec, key)

    async def oneshot(self, spec: OneshotSpec, *, key: str) -> RemoteJob:
        """Start a one-shot; a second time is a second job, paid again."""
        return await self._create("oneshot", "oneshot", spec, key)

    async def _create(self, operation: str, kind: str, spec: Spec, key: str) -> RemoteJob:
        fault = await self.vendor.enter(operation, key)
        if fault is Fault.LOST:
            raise OutcomeUnknown("The call to Fake broke off.")
        known = spec.remote_id if isinstance(spec, TrainingSpec) else None
        if known is not None and known not in self.vendor.jobs:
            raise NotFound("Fake no longer has it.")
        job = self.vendor.jobs[known] if known else self._begun(kind, key)
        if job is None:
            job = self.vendor.create(kind, key, spec)
        else:
            job.spec, job.gone_on = spec, job.gone_on + 1
        job.unfinished, job.asking = fault is Fault.HALF, False
        if fault in {Fault.CREATED, Fault.HALF}:
            raise OutcomeUnknown("The call to Fake broke off.")
        return RemoteJob(ref=RemoteRef(kind=kind, id=job.id), state=RemoteState.QUEUED)

    def _begun(self, kind: str, key: str) -> FakeJob | None:
        """A job of this key that lacks something: the same call goes on with it."""
        mine = (job for job in self.vendor.jobs.values() if (job.kind, job.key) == (kind, key))
        return next((job for job in mine if job.unfinished or job.asking), None)

    async def inspect(self, inputs: Sequence[MediaInput]) -> tuple[Finding, ...]:
        """Dislike what the test says."""
        await self.vendor.enter("inspect", str(len(inputs)))
        if not self.settings.inspects:
            return ()
        names = [one.path.name for one in inputs]
        return tuple(
            Finding(ok=name not in self.vendor.dislikes, reason=self.vendor.dislikes.get(name))
            for name in names
        )

    async def find(
        self, spec: Spec, *, key: str, known: frozenset[str], since: datetime | None = None
    ) -> RemoteJob | None:
        """Look the key up, if the settings call the vendor idempotent."""
        await self.vendor.enter("find", key)
        if self.vendor.lag > 0:
            self.vendor.lag -= 1
            return None
        kind = _KINDS[type(spec)]
        for job in self.vendor.jobs.values():
            if self.settings.idempotent and (job.kind, job.key) == (kind, key) and job.id not in known:
                lacks = job.unfinished or job.asking
                return RemoteJob(
                    ref=RemoteRef(kind=kind, id=job.id), state=RemoteState.QUEUED, unfinished=lacks
                )
        return None

    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:
        """Say the next step of the job's script; a callback may bring a state of its own."""
        await self.vendor.enter("poll", ref.id)
        job = self._job(ref)
        job.polls += 1
        self.vendor.pushed.append(pushed)
        if job.cancelled:
            return RemoteJob(ref=ref, state=RemoteState.CANCELLED)
        if job.unfinished:
            return RemoteJob(ref=ref, state=RemoteState.QUEUED, details={"status": "lacks its inputs"})
        if job.asking:
            return RemoteJob(ref=ref, state=RemoteState.NEEDS_USER)
        step: Step = job.script.popleft() if len(job.script) > 1 else job.script[0]
        if isinstance(pushed, dict) and "state" in pushed:
            step = RemoteState(str(pushed["state"]))
        if isinstance(step, ProviderError):
            raise step
        facts: dict[str, Any] = {"state": step} if isinstance(step, RemoteState) else dict(step)
        job.asking = facts["state"] is RemoteState.NEEDS_USER
        if facts["state"] is RemoteState.SUCCEEDED:
            made = {"artifacts": self._artifacts(job), "cost": Decimal(1), "cost_unit": job.kind}
            facts = {"model_id": job.model_id} | made | facts
        return RemoteJob(ref=ref, **{"details": {"status": str(facts["state"]), "id": job.id}, **facts})

    async def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        """Draw a small picture whose colour is its locator's, in two pieces."""
        await self.vendor.enter("fetch", artifact.locator)
        self._job(ref)
        if artifact.media_type == "video/mp4":
            yield FILM[:20]
            yield FILM[20:] + artifact.locator.encode()
            return
        out = io.BytesIO()
        colour = tuple(hashlib.sha256(artifact.locator.encode()).digest()[:3])
        Image.new("RGB", (16, 16), (colour[0], colour[1], colour[2])).save(out, "PNG")
        data = out.getvalue()
        yield data[:20]
        yield data[20:]

    def callback(self, body: bytes) -> Callback | None:
        """What a test makes the vendor say: the job's id or key, and anything else."""
        try:
            told = json.loads(body)
        except ValueError:
            return None
        if not isinstance(told, dict) or not told.get("id"):
            return None
        return Callback(id=str(told["id"]), pushed=told, answer={"code": "200"})

    async def logs(self, ref: RemoteRef) -> tuple[str, ...]:
        """The log a test wrote."""
        await self.vendor.enter("logs", ref.id)
        return self.vendor.log

    async def tidy(self, ref: RemoteRef, *, key: str) -> None:
        """Note that the job's uploads are gone."""
        await self.vendor.enter("tidy", key)
        self.vendor.tidied.append((ref.id, key))
        if ref.id in self.vendor.jobs:
            self.vendor.jobs[ref.id].tidied += 1

    async def cancel(self, ref: RemoteRef) -> bool:
        """Stop the job, if the settings say that this vendor can."""
        await self.vendor.enter("cancel", ref.id)
        job = self._job(ref)
        job.cancelled = self.settings.cancels
        return job.cancelled

    async def delete(self, ref: RemoteRef) -> bool:
        """Forget the job, if the settings say that this vendor can."""
        await self.vendor.enter("delete", ref.id)
        job = self._job(ref)
        job.deleted = self.settings.deletes
        return job.deleted

    def _job(self, ref: RemoteRef) -> FakeJob:
        job = self.vendor.jobs.get(ref.id)
        if job is None or job.kind != ref.kind or job.deleted:
            raise NotFound(f"Fake does not know {ref.id}.")
        return job

    def _artifacts(self, job: FakeJob) -> tuple[Artifact, ...]:
        if isinstance(job.spec, TrainingSpec):
            shown = Artifact(locator=f"{job.id}/cover", media_type="image/png")
            return (shown,) if self.settings.covers else ()
        kind = "video/mp4" if self.settings.films else "image/png"
        return tuple(Artifact(locator=f"{job.id}/{n}", media_type=kind) for n in range(job.spec.count))


FILM = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42"
"""How an MP4 begins."""
_KINDS = {TrainingSpec: "training", GenerationSpec: "generation", OneshotSpec: "oneshot"}
