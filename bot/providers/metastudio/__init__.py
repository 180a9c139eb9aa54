"""Huawei Cloud MetaStudio: an avatar from a video, a model from a photo, or a talking photo.

Each product is a class of its own. The mode decides what is offered; a job belongs to the product it began
with, whatever the mode is now: only avatars make clips, only the talking photo has one-shots, and what was
given tells an avatar's training from a photo's model. An avatar is reviewed by people and takes days.
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
    Kind,
    MediaInput,
    OneshotSpec,
    Operation,
    Provider,
    RemoteJob,
    RemoteRef,
    Role,
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


class Metastudio(Provider[MetastudioSettings]):
    """Offers the product of its mode, and hands every job to the one whose it is."""

    name = "metastudio"
    Settings = MetastudioSettings

    def __init__(self, settings: MetastudioSettings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._desk = Desk(settings, http)
        self._avatar = Avatar(self._desk)
        self._figure = PictureModeling(self._desk)
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
        has = self.settings
        return Capabilities(
            label="Huawei MetaStudio",
            country="China",
            training=self._training(self._trainer()),
            generation=_offered(self._avatar.generation, has.mode == "avatar_video"),
            oneshot=_offered(self._talk.making, self._talks),
            calls_at_once=has.connections,
        )

    @property
    def _talks(self) -> bool:
        return self.settings.oneshot or self.settings.mode == "photo_video"

    def operation(self, kind: Kind, gave: frozenset[Role] = frozenset()) -> Operation | None:
        """Of two products' trainings the one that takes this."""
        return self._training(self._trainer(gave)) if kind == "training" else super().operation(kind, gave)

    def _training(self, trainer: Avatar | PictureModeling) -> Operation:
        offered = self.settings.mode == ("avatar_video" if trainer is self._avatar else "picture_modeling")
        return _offered(trainer.training, offered)

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
        return await self._trainer(_given(spec)).submit(spec, key)

    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:
        """Have an avatar speak."""
        return await self._avatar.generate(spec, key)

    async def oneshot(self, spec: OneshotSpec, *, key: str) -> RemoteJob:
        """Have a photo speak."""
        return await self._talk.oneshot(spec, key)

    async def inspect(self, inputs: Sequence[MediaInput]) -> tuple[Finding, ...]:
        """Have the vendor look at photos that are to speak; it looks at no others."""
        return await self._talk.inspect(inputs) if self._talks else ()

    async def find(
        self, spec: Spec, *, key: str, known: frozenset[str], since: datetime | None = None
    ) -> RemoteJob | None:
        """Look for our key, which is the batch or the name of everything we start."""
        product: Product = self._avatar
        if isinstance(spec, OneshotSpec):
            product = self._talk
        elif isinstance(spec, TrainingSpec):
            product = self._trainer(_given(spec))
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
        """Erase a model for good."""
        asked = ref.kind == "training" and ref.id and not ref.gave
        return await (await self._asked_whose(ref) if asked else self._of(ref)).delete(ref)

    def _of(self, ref: RemoteRef) -> Product:
        match ref.kind:
            case "training":
                return self._trainer(ref.gave)
            case "generation":
                return self._avatar
            case "oneshot":
                return self._talk

    def _trainer(self, gave: frozenset[Role] = frozenset()) -> Avatar | PictureModeling:
        """Whose a training is: an avatar is made of a film, a model of a photo. Not known: the mode's."""
        of_photo = Role.PHOTO in gave if gave else self.settings.mode == "picture_modeling"
        return self._figure if of_photo else self._avatar

    async def _asked_whose(self, ref: RemoteRef) -> Product:
        """Whose a training is of which nothing is known here but its id: the vendor knows."""
        mine = self._trainer()
        places: dict[str, Product] = {JOBS: self._avatar, MODELS: self._figure}
        for place, product in sorted(places.items(), key=lambda one: one[1] is not mine):
            try:
                await self._desk.get(f"{place}/{ref.id}", SHORT)
            except (NotFound, InvalidInput):
                continue  # An id of the other product's may be called either.
            return product
        return mine


def _given(spec: TrainingSpec) -> frozenset[Role]:
    return spec.gave or frozenset(one.role for one in spec.inputs)


def _offered(operation: Operation, offered: bool) -> Operation:
    return operation.model_copy(update={"offered": offered})
