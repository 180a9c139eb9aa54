"""A person's trained models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.services.errors import BadWish, VendorNotOffered
from bot.services.generation import own_model
from bot.services.training import NAME_MAX
from bot.services.vendors import Making, Vendors
from storage import Store, Tx
from storage.records.results import TrainedModel


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model with everything a line about it needs."""

    model: TrainedModel
    label: str
    """The vendor's name as people know it."""
    made: int
    """Results in our hands so far, those of its training left out."""
    making: Making | None
    """What can be made with it now; None where nothing can."""
    fault: str
    """Why nothing can: `deleted`, `expired`, the fault of its vendor, or `none` where that makes nothing."""
    now: datetime


class Models:
    """Reads models for the surface, and renames them."""

    def __init__(self, store: Store, vendors: Vendors) -> None:
        self._store = store
        self._vendors = vendors

    async def of(self, owner: str) -> list[ModelView]:
        """A person's models, newest first; without those that were deleted."""

        def unit(tx: Tx) -> list[ModelView]:
            kept = [model for model in tx.models.of_owner(owner) if model.deleted_at is None]
            return [self._view(tx, model) for model in kept]

        return await self._store.read(unit)

    async def view(self, model_id: str, owner: str) -> ModelView:
        """One model. Raises NoSuchThing and NotYours."""
        return await self._store.read(lambda tx: self._view(tx, own_model(tx, owner, model_id)))

    async def of_job(self, job_id: str, owner: str) -> ModelView | None:
        """The model that the training of this card made, or that a generation used, if it is there."""

        def unit(tx: Tx) -> ModelView | None:
            model = tx.models.behind(job_id)
            return self._view(tx, model) if model and model.owner == owner else None

        return await self._store.read(unit)

    async def rename(self, model_id: str, owner: str, name: str) -> None:
        """Call a model something else; its card stays as it was. Raises NoSuchThing, NotYours, BadWish."""
        if not name.strip():
            raise BadWish("name", "empty")
        if len(name) > NAME_MAX:
            raise BadWish("name", "too_long", NAME_MAX)

        def unit(tx: Tx) -> None:
            tx.models.rename(own_model(tx, owner, model_id).id, name.strip())

        await self._store.write(unit)

    def _view(self, tx: Tx, model: TrainedModel) -> ModelView:
        now = self._store.now()
        making, fault = None, ""
        if model.deleted_at:
            fault = "deleted"
        elif model.expires_at and model.expires_at <= now:
            fault = "expired"
        else:
            try:
                making = self._vendors.making(model.provider)
            except VendorNotOffered as error:
                fault = error.fault or "none"
        return ModelView(
            model=model,
            label=self._vendors.label(model.provider),
            made=tx.models.made_with(model),
            making=making,
            fault=fault,
            now=now,
        )
