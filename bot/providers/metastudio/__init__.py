"""Huawei Cloud MetaStudio: an avatar from a video, a model from a photo, or a talking photo.

Each product is a class of its own; this one picks that of the mode, and the talking photo for one-shots. An
avatar is reviewed by people and takes days.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from pydantic import JsonValue

from bot.providers._base import (
    Artifact,
    Capabilities,
    Finding,
    GenerationSpec,
    MediaInput,
    OneshotSpec,
    Provider,
    RemoteJob,
    RemoteRef,
    Spec,
    TrainingSpec,
)
from bot.providers._errors import InvalidInput, NotFound, Unavailable
from bot.providers._http import MIB, HttpClient
from bot.providers.metastudio.avatar import JOBS, Avatar
from bot.providers.metastudio.desk import Desk
from bot.providers.metastudio.pictures import MODELS, PhotoVideo, PictureModeling
from bot.providers.metastudio.product import Product
from bot.providers.metastudio.settings import MetastudioSettings
from bot.providers.metastudio.wire import ASSETS, SHORT
from bot.providers.metastudio.words import open_envelope

PRODUCTS: dict[str, type[Product]] = {
    "avatar_video": Avatar,
    "picture_modeling": PictureModeling,
    "photo_video": PhotoVideo,
}
TRAINERS: dict[str, type[Product]] = {JOBS: Avatar, MODELS: PictureModeling}
"""Those that keep a model, by where its training can be asked for."""


class Metastudio(Provider[MetastudioSettings]):
    """Hands everything to the product of its mode, and what keeps no model to the talking photo."""

    name = "metastudio"
    Settings = MetastudioSettings

    def __init__(self, settings: MetastudioSettings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._desk = Desk(settings, http)
        self._product = PRODUCTS[settings.mode](self._desk)
        self._talk = PhotoVideo(self._desk)

    @classmethod
    def client(cls, settings: MetastudioSettings, **transport: Any) -> HttpClient:
        """A client that opens this vendor's envelope."""
        hidden = (settings.access_key_secret, settings.security_token, settings.iam_password)
        secrets = (settings.access_key_id or "", *(one.get_secret_value() for one in hidden if one))
        return HttpClient(
            settings.home,
            per_second=settings.requests_per_second,
            connections=settings.connections,
            deadline=settings.call_deadline,
            max_body=16 * MIB,
            envelope=partial(open_envelope, secrets=secrets),
            retry_cap=timedelta(minutes=10),
            proxy=settings.proxy.get_secret_value() if settings.proxy else None,
            **transport,
        )

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the product of this mode takes and gives, and the talking photo where it is offered too."""
        able = self._product.capabilities
        if not self.settings.oneshot:
            return able
        return able.model_copy(update={"oneshot": self._talk.capabilities.oneshot})

    async def check(self) -> None:
        """Ask for one asset: free, and right only if keys, clock, project, region and permission are."""
        query = {"limit": "1", "offset": "0"}
        try:
            await self._desk.get("/digital-assets", ASSETS, query)
        except Unavailable as error:
            hint = "Check the network, METASTUDIO_REGION, METASTUDIO_ENDPOINT and METASTUDIO_PROXY."
            told = {"code": error.code, "request_id": error.request_id}
            raise Unavailable(f"{error} {hint}", **told, retry_after=error.retry_after) from None

    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        """Start a training, uploads included, or go on with the one of this key."""
        return await self._product.submit(spec, key)

    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:
        """Have an avatar speak."""
        return await self._product.generate(spec, key)

    async def oneshot(self, spec: OneshotSpec, *, key: str) -> RemoteJob:
        """Have a photo speak."""
        return await self._talk.oneshot(spec, key)

    async def inspect(self, inputs: Sequence[MediaInput]) -> tuple[Finding, ...]:
        """Have the vendor look at photos that are to speak; it looks at no others."""
        return await self._talk.inspect(inputs) if self.capabilities.oneshot else ()

    async def find(
        self, spec: Spec, *, key: str, known: frozenset[str], since: datetime | None = None
    ) -> RemoteJob | None:
        """Look for our key, which is the batch or the name of everything we start."""
        product = self._talk if isinstance(spec, OneshotSpec) else self._product
        return await product.find(spec, key, known, since)

    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:  # noqa: ARG002
        """Ask where a job stands; trainings call nobody back."""
        return await self._of(ref).poll(ref)

    async def logs(self, ref: RemoteRef) -> tuple[str, ...]:
        """The history of a training."""
        return await self._of(ref).logs(ref)

    def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        """Pull a cover or a clip."""
        return self._of(ref).fetch(ref, artifact)

    async def cancel(self, ref: RemoteRef) -> bool:
        """Stop a job where its state lets one."""
        return await self._of(ref).cancel(ref)

    async def delete(self, ref: RemoteRef) -> bool:
        """Erase a model for good, also one that was trained in another mode."""
        return await (await self._trainer(ref)).delete(ref)

    async def _trainer(self, ref: RemoteRef) -> Product:
        """Whose a training is: when it began the mode may have been another."""
        mine = self._of(ref)
        if ref.kind != "training" or not ref.id:
            return mine
        for place, product in sorted(TRAINERS.items(), key=lambda one: not isinstance(mine, one[1])):
            try:
                await self._desk.get(f"{place}/{ref.id}", SHORT)
            except (NotFound, InvalidInput):
                continue  # An id of the other product's may be called either.
            return mine if isinstance(mine, product) else product(self._desk)
        return mine

    def _of(self, ref: RemoteRef) -> Product:
        """Whose a job is: only the talking photo has one-shots, whatever the mode is now."""
        return self._talk if ref.kind == "oneshot" else self._product
