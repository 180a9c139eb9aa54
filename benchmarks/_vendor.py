"""A vendor in memory that answers after a steady time, so that what is measured is ours alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
from pydantic import JsonValue
from pydantic_settings import SettingsConfigDict

from bot.providers import (
    Artifact,
    Capabilities,
    Delivery,
    GenerationSpec,
    HttpClient,
    InputSpec,
    NotFound,
    Operation,
    Provider,
    ProviderSettings,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Spec,
    TrainingSpec,
)

NAME = "steady"


class SteadySettings(ProviderSettings):
    """How slow, how often, how many."""

    model_config = SettingsConfigDict(env_prefix="STEADY_")

    answer_after: float = 0.1
    """Seconds."""
    poll_every: float = 3.0
    """Seconds between two polls of one job."""
    at_once: int = 100


class SteadyVendor(Provider[SteadySettings]):
    """Says of every job that it is running, for ever."""

    name = NAME
    Settings = SteadySettings

    def __init__(self, settings: SteadySettings) -> None:
        super().__init__(settings, self.client(settings))
        self.polls = 0

    @classmethod
    def client(cls, settings: SteadySettings, **transport: Any) -> HttpClient:
        """A client that reaches nobody."""
        del settings, transport
        return HttpClient("http://127.0.0.1:9", transport=httpx.MockTransport(lambda _: httpx.Response(500)))

    @property
    def capabilities(self) -> Capabilities:
        """Room for every job there is."""
        every = timedelta(seconds=self.settings.poll_every)
        photo = InputSpec(
            role="photo",
            min=2,
            max=10,
            media_types=("image/jpeg", "image/png"),
            max_bytes=10_000_000,
            delivery=Delivery.URL,
        )
        training = Operation(
            inputs=(photo,),
            subjects=("person",),
            idempotent=True,
            concurrency=100_000,
            poll_first=every,
            poll_most=every,
            deadline=timedelta(days=30),
        )
        return Capabilities(
            label="Steady", country="nowhere", training=training, calls_at_once=self.settings.at_once
        )

    async def check(self) -> None:
        """Always well."""

    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:
        """Running, half done."""
        del pushed
        await asyncio.sleep(self.settings.answer_after)
        self.polls += 1
        return RemoteJob(
            ref=ref, state=RemoteState.RUNNING, progress=0.5, details={"status": "running", "id": ref.id}
        )

    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        """Nothing is submitted here."""
        del spec, key
        raise NotFound("This vendor starts nothing.")

    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:
        """Nothing is generated here."""
        del spec, key
        raise NotFound("This vendor starts nothing.")

    async def find(
        self, spec: Spec, *, key: str, known: frozenset[str], since: datetime | None = None
    ) -> RemoteJob | None:
        """Nothing is lost here."""
        del spec, key, known, since
        return None

    async def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        """Nothing is fetched here."""
        if ref.id:
            raise NotFound("This vendor has nothing.")
        yield artifact.locator.encode()

    async def cancel(self, ref: RemoteRef) -> bool:
        """Nothing is cancelled here."""
        del ref
        return False

    async def delete(self, ref: RemoteRef) -> bool:
        """Nothing is deleted here."""
        del ref
        return False
