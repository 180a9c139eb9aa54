"""What is sent to a vendor, made of a job's row and its inputs."""

from __future__ import annotations

from dataclasses import dataclass

from bot.imaging.faults import Unusable
from bot.imaging.lab import MEDIA_TYPE, Lab
from bot.providers import (
    Delivery,
    GenerationSpec,
    InputSpec,
    MediaInput,
    OneshotSpec,
    Operation,
    Spec,
    TrainingSpec,
)
from bot.services.inputs import PRIVATE
from bot.services.keeping import keep
from bot.services.links import Links
from bot.services.refs import gave_of
from bot.services.timing import Timing
from storage import Store
from storage.records.jobs import Job, JobKind
from storage.records.links import LinkMeans
from storage.records.media import Medium


class InputsGone(Exception):
    """Something this job needs is no longer on our disk."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to be sent, and the inputs it was made of, in the same order."""

    spec: Spec
    media: tuple[Medium, ...]


class Specs:
    """Builds requests; opens links where a vendor fetches."""

    def __init__(self, store: Store, links: Links, lab: Lab, timing: Timing) -> None:
        self._store = store
        self._lab = lab
        self._links = links
        self._timing = timing

    @property
    def means(self) -> LinkMeans:
        """How vendors fetch here."""
        return self._links.means

    async def prepare(self, job: Job, operation: Operation) -> Prepared:
        """The whole request of a job. Raises InputsGone, LinksUnreachable and StaleState."""
        given = await self._chosen(job, operation)
        chosen = [(spec, await self._fitted(job, spec, medium)) for spec, medium in given]
        fetched = [medium for spec, medium in chosen if spec.delivery is Delivery.URL]
        links = iter(await self._given(job, operation, fetched) if fetched else [])
        inputs = tuple(
            MediaInput(
                role=spec.role,
                path=self._store.media.path(medium.sha256),
                media_type=medium.media_type,
                url=next(links) if spec.delivery is Delivery.URL else None,
            )
            for spec, medium in chosen
        )
        return Prepared(spec_of(job, inputs), tuple(medium for _, medium in given))

    async def _given(self, job: Job, operation: Operation, media: list[Medium]) -> list[str]:
        """Links that have been proved to lead somewhere, before any money."""
        try:
            return await self._links.open(job.id, media, need=operation.deadline + self._timing.link_need)
        except FileNotFoundError as error:
            raise InputsGone from error

    async def _chosen(self, job: Job, operation: Operation) -> list[tuple[InputSpec, Medium]]:
        """What this operation takes of the job's inputs: others may be there for what follows it."""
        given = await self._store.read(lambda tx: tx.inputs.of_job(job.id))
        chosen = [(spec, one.medium) for spec in operation.inputs for one in given if one.role == spec.role]
        for spec in operation.inputs:
            if sum(found is spec for found, _ in chosen) < spec.min:
                raise InputsGone
        if not all(self._store.media.holds(medium.sha256) for _, medium in chosen):
            raise InputsGone
        return chosen

    async def _fitted(self, job: Job, spec: InputSpec, medium: Medium) -> Medium:
        """A picture that is too large for the vendor, made smaller for it.

        No row names the smaller one but its link's: it is swept when nobody can fetch it any more. Of what is
        private it takes the first one's place, so that it goes when that has to.
        """
        side, most = max(medium.width, medium.height), spec.longest(medium.width, medium.height)
        if not medium.media_type.startswith("image/") or (side <= most and medium.size <= spec.max_bytes):
            return medium
        whole = await self._store.media.read(medium.sha256)
        try:
            data = await self._lab.fit(whole, max_side=most, max_bytes=spec.max_bytes)
        except Unusable as error:
            raise InputsGone from error
        share = min(1.0, most / side)
        facts = len(data), round(medium.width * share), round(medium.height * share)
        smaller = await keep(
            self._store, lambda: self._store.media.put(data), lambda sha: Medium(sha, MEDIA_TYPE, *facts)
        )
        if spec.role in PRIVATE:
            swapped = job.id, spec.role.value, medium.sha256, smaller.sha256
            await self._store.write(lambda tx: tx.inputs.swap(*swapped))
        return smaller


def bare_spec(job: Job) -> Spec:
    """What was asked for, without inputs: by this a job is recognised."""
    return spec_of(job, ())


def spec_of(job: Job, inputs: tuple[MediaInput, ...]) -> Spec:
    """A job's request in the contract's words."""
    wish, options = job.spec, job.spec.get("options", {})
    match job.kind:
        case JobKind.TRAINING:
            return TrainingSpec(
                inputs=inputs,
                subject=job.subject,
                options=options,
                gave=gave_of(job),
                remote_id=job.remote_id if job.asks else None,
            )
        case JobKind.GENERATION:
            return GenerationSpec(
                model_id=wish["model_id"],
                prompt=wish.get("prompt") or None,
                count=wish["count"],
                seed=wish.get("seed"),
                inputs=inputs,
                options=options,
            )
        case JobKind.ONESHOT:
            return OneshotSpec(
                inputs=inputs,
                subject=job.subject,
                prompt=wish.get("prompt") or None,
                count=wish["count"],
                seed=wish.get("seed"),
                options=options,
            )
