"""More of a trained model: pictures or a clip, as a job with a card of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.services.cards import show_card
from bot.services.errors import ModelGone, NoSuchThing, NotYours
from bot.services.inputs import Given, fitting
from bot.services.makings import Asked, making_of
from bot.services.notifier import Clock
from bot.services.training import check_either, check_making
from bot.services.vendors import Vendors
from storage import Store, Tx
from storage.errors import NotFound
from storage.records.jobs import Job, JobKind
from storage.records.results import TrainedModel


class Generation:
    """Starts generations beyond the first, which follows its training by itself."""

    def __init__(self, store: Store, vendors: Vendors, nudge: Clock) -> None:
        self._store = store
        self._vendors = vendors
        self._nudge = nudge

    async def validate(
        self,
        owner: str,
        model_id: str,
        prompt: str,
        count: int,
        options: Mapping[str, Any],
        brings: Iterable[str] = (),
    ) -> None:
        """Refuse what can be refused without looking at inputs. Raises as `start` does."""
        model = await self._kept(owner, model_id)
        making = self._vendors.making(model.provider)
        check_either(making, check_making(making, prompt, count, options, None), brings)

    async def again(self, owner: str, job_id: str) -> Job:
        """Make what this card's newest job made once more, with another seed.

        Presses are one wish until something new has come of the model.
        Raises NoSuchThing, NotYours, ModelGone, VendorNotOffered, BadWish and Unfit.
        """

        def unit(tx: Tx) -> tuple[Job, TrainedModel | None, int, list[tuple[str, str]]]:
            try:
                root = tx.jobs.get(job_id)
            except NotFound as error:
                raise NoSuchThing(job_id) from error
            if root.owner != owner:
                raise NotYours(job_id)
            model, made = tx.models.behind(root.root_id), tx.jobs.family(root.root_id)[-1]
            # A template that is still here is used again, too.
            inputs = [(one.role, one.medium.sha256) for one in tx.inputs.of_job(made.id)]
            return made, model, tx.models.made_with(model) if model else 0, inputs

        made, model, results, inputs = await self._store.read(unit)
        if model is None:
            raise ModelGone(job_id)
        spec = made.spec
        options = spec.get("making") if made.kind is JobKind.TRAINING else spec.get("options")
        return await self.start(
            owner,
            model.id,
            str(spec.get("prompt") or ""),
            int(spec.get("count") or 1),
            place=made.place,
            pictures_place=made.pictures_place,
            request_key=f"more:{model.id}:{made.id}:{results}",
            options=options or {},
            inputs=inputs,
        )

    async def start(
        self,
        owner: str,
        model_id: str,
        prompt: str,
        count: int,
        *,
        place: str,
        request_key: str,
        options: Mapping[str, Any] | None = None,
        inputs: Sequence[tuple[str, str]] = (),
        seed: int | None = None,
        pictures_place: str | None = None,
    ) -> Job:
        """Make more with a model; the same wish again returns the same job.

        `inputs` are (role, hash) of media taken in before, such as a template. The card stands at `place`,
        and so do the results unless `pictures_place` says otherwise. What is wrong with `options` is named
        `making.NAME`. Raises NoSuchThing, NotYours, ModelGone, VendorNotOffered, BadWish and Unfit.
        """
        model = await self._kept(owner, model_id)
        making = self._vendors.making(model.provider)
        chosen = check_making(making, prompt, count, options or {}, seed)
        check_either(making, chosen, [role for role, _ in inputs])
        asked = Asked(prompt.strip(), count, chosen, seed)

        def unit(tx: Tx) -> Job:
            if own_model(tx, owner, model_id).deleted_at:
                raise ModelGone(model_id)  # While the options were looked at.
            media = tx.inputs.by_hash(sha256 for _, sha256 in inputs)
            given = [Given(role, media[sha256]) for role, sha256 in inputs if sha256 in media]
            job = tx.jobs.insert(
                making_of(
                    model,
                    asked,
                    place=place,
                    pictures_place=place if pictures_place is None else pictures_place,
                    request_key=request_key,
                    inputs=fitting(making.inputs, given),
                )
            )
            show_card(tx, job)
            return job

        job = await self._store.write(unit)
        if job.owner != owner:
            raise NotYours(request_key)
        self._nudge("submit")
        self._nudge("outbox")
        return job

    async def _kept(self, owner: str, model_id: str) -> TrainedModel:
        """A model of this person's that can still be used. Raises NoSuchThing, NotYours and ModelGone."""
        model = await self._store.read(lambda tx: own_model(tx, owner, model_id))
        if model.deleted_at or (model.expires_at and model.expires_at <= self._store.now()):
            raise ModelGone(model_id)
        return model


def own_model(tx: Tx, owner: str, model_id: str) -> TrainedModel:
    """A model of this person's. Raises NoSuchThing and NotYours."""
    try:
        model = tx.models.get(model_id)
    except NotFound as error:
        raise NoSuchThing(model_id) from error
    if model.owner != owner:
        raise NotYours(model_id)
    return model
