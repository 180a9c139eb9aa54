"""Alibaba Cloud AIContent: personalised text to image, by a model that is kept or in one shot.

The vendor documents few status words, no failure word and hardly an error. What is read into them stands in
the tables below and on this provider's page in the documentation.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property, partial
from typing import Any, Literal, TypeVar

from pydantic import (
    JsonValue,
    TypeAdapter,
    ValidationError,
)

from bot.providers._acs3 import Acs3Auth, open_envelope
from bot.providers._answers import vendor_words
from bot.providers._base import (
    Artifact,
    Capabilities,
    Delivery,
    GenerationSpec,
    InputSpec,
    MediaInput,
    OneshotSpec,
    Operation,
    Provider,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    Spec,
    TrainingSpec,
)
from bot.providers._errors import (
    InvalidInput,
    NotFound,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers._http import HttpClient
from bot.providers._wire import StatusWords, image, moment
from bot.providers.aicontent.settings import AicontentSettings, OneshotOptions, TrainingOptions
from bot.providers.aicontent.wire import ASKED, INFERENCE, LIST, STATUS, TRAINING, Inference, Job, own
from bot.providers.aicontent.words import CODES, FAMILIES, STATES, verdict, with_subject

T = TypeVar("T")
Kind = Literal["training", "generation", "oneshot"]

API = "/api/v1/personalizedtxt2img"
VERSION = "20240611"
ACTIONS = "aicontent:Personalizedtxt2img* and aicontent:PersonalizedTextToImage*"

# The call signed as an action, and where it goes. The one-shot's own names follow no rule.
ADD_ONESHOT = "PersonalizedTextToImageAddInferenceJob", "addPreModelInferenceJob"
ASK_ONESHOT = "PersonalizedTextToImageQueryPreModelInferenceJobInfo", "queryPreModelInferenceJobInfo"
ONESHOT_IMAGE = "PersonalizedTextToImageQueryImageAsset", "queryImageAssetFromImageId"


def _model(action: str) -> tuple[str, str]:
    """A call about a model that is kept, where path and action go by one word."""
    return f"Personalizedtxt2img{action}", action[0].lower() + action[1:]


ASK_IMAGES, IMAGE = _model("QueryInferenceJobInfo"), _model("QueryImageAsset")


class Aicontent(Provider[AicontentSettings]):
    """Trains with `addModelTrainJob`, generates with `addInferenceJob`, pulls each image by a signed call."""

    name = "aicontent"
    Settings = AicontentSettings

    def __init__(self, settings: AicontentSettings, http: HttpClient) -> None:
        super().__init__(settings, http)
        keys = settings.access_key_id, settings.access_key_secret, settings.security_token
        self._auth = Acs3Auth(settings.endpoint, *keys)
        self._state = StatusWords(self.name, STATES, FAMILIES)
        self._zone = timezone(timedelta(hours=settings.utc_offset_hours))

    @classmethod
    def client(cls, settings: AicontentSettings, **transport: Any) -> HttpClient:
        """A client that opens this vendor's envelope and knows its header for busy."""
        hidden = [settings.access_key_secret, settings.security_token]
        secrets = (settings.access_key_id, *(key.get_secret_value() for key in hidden if key))
        return HttpClient(
            settings.endpoint,
            per_second=settings.requests_per_second,
            connections=settings.connections,
            deadline=settings.call_deadline,
            envelope=partial(
                open_envelope, codes=CODES, settings="AICONTENT", actions=ACTIONS, secrets=secrets
            ),
            retry_headers={"x-acs-retry-after": timedelta(milliseconds=1)},
            retry_cap=timedelta(seconds=120),
            proxy=settings.proxy.get_secret_value() if settings.proxy else None,
            **transport,
        )

    @cached_property
    def capabilities(self) -> Capabilities:
        """Photos by link, a prompt in English, several images; neither cancel nor delete."""
        has = self.settings
        photos = InputSpec(
            role=Role.PHOTO,
            min=has.photos_min,
            max=has.photos_max,
            media_types=("image/jpeg", "image/png"),
            max_bytes=has.photo_max_bytes,
            delivery=Delivery.URL,
        )
        training = Operation(
            inputs=(photos,),
            subjects=has.subjects,
            options=TrainingOptions,
            idempotent=True,
            concurrency=has.train_concurrency,
            poll_first=has.train_poll_first,
            poll_most=has.train_poll_most,
            deadline=has.train_deadline,
        )
        generation = Operation(
            prompt_max=has.prompt_max,
            count_max=has.images_max,
            # A lost generation is recognised as the only one of its model that is not ours yet.
            idempotent=has.generate_concurrency == 1,
            concurrency=has.generate_concurrency,
            poll_first=has.generate_poll_first,
            poll_most=has.generate_poll_most,
            deadline=has.generate_deadline,
        )
        faces = photos.model_copy(update={"min": 1, "max": has.oneshot_photos_max})
        oneshot = Operation(
            offered=has.oneshot,
            inputs=(faces,),
            subjects=has.subjects,
            options=OneshotOptions,
            prompt_max=has.prompt_max,
            count_max=has.images_max,
            idempotent=False,
            concurrency=1,
            poll_first=has.train_poll_first,
            poll_most=has.train_poll_most,
            deadline=has.train_deadline + has.generate_deadline,
        )
        return Capabilities(
            label="Alibaba AIContent",
            country="China",
            training=training,
            generation=generation,
            oneshot=oneshot,
            calls_at_once=has.connections,
        )

    async def check(self) -> None:
        """Ask for the job list: free, and right only if keys, clock and a permission are."""
        try:
            await self._rows()
        except Unavailable as error:
            hint = "Check the network, AICONTENT_ENDPOINT and AICONTENT_PROXY."
            told = {"code": error.code, "request_id": error.request_id}
            raise Unavailable(f"{error} {hint}", **told, retry_after=error.retry_after) from None
        except NotFound as error:
            where = "AIContent is not at this address, or not in this region: check AICONTENT_ENDPOINT."
            raise NotFound(where, code=error.code, request_id=error.request_id) from None

    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        """Start a training named `key`, by which `find` recognises it."""
        steps = _chosen(TrainingOptions, spec.options).train_steps or self.settings.train_steps
        body = {"imageUrl": _links(spec.inputs), "name": key, "objectType": spec.subject, "trainSteps": steps}
        begun = await self._post(_model("AddModelTrainJob"), body, TRAINING)
        return self._begun(begun, "training")

    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:  # noqa: ARG002
        """Start a generation. The vendor keeps no key of ours: `find` goes by the model."""
        body = {**self._wish(spec), "modelId": spec.model_id}
        begun = await self._post(_model("AddInferenceJob"), dict(sorted(body.items())), INFERENCE)
        return self._begun(begun, "generation")

    async def oneshot(self, spec: OneshotSpec, *, key: str) -> RemoteJob:  # noqa: ARG002
        """Start images straight from photos. The vendor keeps neither a key of ours nor a list of these."""
        chosen = _chosen(OneshotOptions, spec.options)
        steps = chosen.train_steps or self.settings.train_steps
        body = {
            **self._wish(spec),
            "imageUrl": _links(spec.inputs),
            "strength": float(chosen.strength),
            "trainSteps": steps,
        }
        begun = await self._post(ADD_ONESHOT, dict(sorted(body.items())), INFERENCE)
        return self._begun(begun, "oneshot")

    def _wish(self, spec: GenerationSpec | OneshotSpec) -> dict[str, object]:
        """What is asked for, refused first where the vendor would refuse it or silently change it."""
        prompt = (spec.prompt or "").strip()
        if not 0 < len(prompt) <= self.settings.prompt_max:
            raise InvalidInput(f"A prompt has 1 to {self.settings.prompt_max} characters.")
        if not 0 < spec.count <= self.settings.images_max:
            # The vendor would silently make fewer.
            raise InvalidInput(f"This vendor makes 1 to {self.settings.images_max} images at once.")
        return {"imageNumber": spec.count, "prompt": with_subject(prompt), "seed": spec.seed}

    async def find(
        self, spec: Spec, *, key: str, known: frozenset[str], since: datetime | None = None
    ) -> RemoteJob | None:
        """Look in the job list: for a training's name, or for the one generation since the call.

        Raises:
            UnexpectedResponse: there are generations that are not ours, and which is cannot be told.
        """
        if isinstance(spec, OneshotSpec):
            raise UnexpectedResponse("AIContent lists no one-shots, so a lost one cannot be found.")
        listed = await self._rows()
        if isinstance(spec, TrainingSpec):
            ours = [Job.model_validate(row) for row in listed if row.get("name") == key]
            newest = max((job for job in ours if job.id not in known), key=self._age, default=None)
            return self._begun(newest, "training") if newest else None
        made = [row.get("inferenceJobList") for row in listed if row.get("modelId") == spec.model_id]
        if not made:
            # Whether the list is cut short is not documented: without the model in it nothing is proven.
            raise UnexpectedResponse("AIContent's list lacks the model.")
        jobs = [Inference.model_validate(row) for inner in made for row in own(inner)]
        found = self._since([job for job in jobs if job.id not in known], since)
        return self._begun(found, "generation") if found else None

    def _since(self, jobs: Sequence[Job], since: datetime | None) -> Job | None:
        """The one that was made since a call left: images of somebody else must not pass for a person's.

        Where there are only older ones the vendor's clock may be wrong, and nothing is paid for again.
        """
        slack = self.settings.clock_slack
        times = [(job, moment(job.created, self._zone)) for job in jobs]
        fresh = [job for job, at in times if since is None or at is None or at >= since - slack]
        if jobs and len(fresh) != 1:
            raise UnexpectedResponse(
                "None of the generations that nobody here has asked for can be told apart."
            )
        return fresh[0] if fresh else None

    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:  # noqa: ARG002
        """Ask where a job stands. The vendor calls nobody back, so `pushed` never says anything."""
        if ref.kind == "training":
            return await self._poll_training(ref)
        return await self._poll_images(ref, ASK_ONESHOT if ref.kind == "oneshot" else ASK_IMAGES)

    async def _poll_training(self, ref: RemoteRef) -> RemoteJob:
        jobs = [Job.model_validate(row) for row in await self._rows()]
        job = next((job for job in jobs if job.id == ref.id), None)
        model_id = (job and job.model_id) or ref.model_id
        word = await self._train_status(model_id) if model_id else None
        if job is None and word is None:
            raise NotFound("AIContent does not know this training (any more).")
        listed = self._state(job.status) if job else None
        state, tentative = verdict(listed, None if word is None else self._state(word))
        if state is RemoteState.SUCCEEDED and model_id is None:
            # Nothing can be made with a model whose id has not appeared yet.
            state = RemoteState.RUNNING
        return self._said(ref, job, state, tentative=tentative, word=word)

    async def _train_status(self, model_id: str) -> str | None:
        """The vendor's word for a model: empty if it has none, None if it does not know the model (yet)."""
        try:
            told = await self._get(_model("QueryModelTrainStatus"), {"modelId": model_id}, STATUS)
        except NotFound:
            return None
        return (told and told.word) or ""

    async def _poll_images(self, ref: RemoteRef, operation: tuple[str, str]) -> RemoteJob:
        # Just after a job was made the vendor may not find it yet: whoever asks decides how long that may be.
        job = await self._get(operation, {"inferenceJobId": ref.id}, ASKED)
        state = self._state(job.status if job else None)
        said = self._said(ref, job, state)
        if job is None or state is not RemoteState.SUCCEEDED:
            return said
        if artifacts := self._artifacts(job, said.model_id, alone=ref.kind == "oneshot"):
            return said.model_copy(update={"artifacts": artifacts})
        empty = self._said(ref, job, RemoteState.FAILED, tentative=True)
        reason = "The vendor calls it finished and names no image."
        return empty.model_copy(update={"reason": reason, "poll_after": self.settings.generate_poll_first})

    @staticmethod
    def _artifacts(job: Inference, model_id: str | None, *, alone: bool) -> tuple[Artifact, ...]:
        # The same `0000.png` is in every job, so only the three ids together name an image; one of a one-shot
        # is asked for by its own id alone.
        if not alone and not (model_id and job.prompt_id):
            return ()
        return tuple(
            Artifact(
                locator=json.dumps([model_id, job.prompt_id, name]), media_type=mimetypes.guess_type(name)[0]
            )
            for name in dict.fromkeys(job.images)
        )

    def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        """Pull one image by a signed call.

        Raises:
            NotFound: the vendor does not have it; just after the end of a job it may only not have it yet.
        """
        model_id, prompt_id, image_id = json.loads(artifact.locator)
        alone = ref.kind == "oneshot"
        operation = ONESHOT_IMAGE if alone else IMAGE
        query = {"imageId": image_id} | ({} if alone else {"modelId": model_id, "promptId": prompt_id})
        encoded = self.settings.image_encoding == "base64"
        chunks = self.http.stream(
            f"{API}/{operation[1]}",
            query=query | ({"encodeFormat": "base64"} if encoded else {}),
            headers=_headers(operation),
            auth=self._auth,
            max_bytes=self.settings.image_max_bytes,
            envelope_lead=b"{",
        )
        return image(chunks, encoded=encoded)

    async def cancel(self, ref: RemoteRef) -> bool:  # noqa: ARG002
        """Say that it cannot be done: the vendor has no such operation."""
        return False

    async def delete(self, ref: RemoteRef) -> bool:  # noqa: ARG002
        """Say that it cannot be done: the vendor has no such operation."""
        return False

    async def _rows(self) -> list[dict[str, JsonValue]]:
        """The job list, which the vendor hands out whole."""
        listed = await self._get(_model("QueryModelTrainJobList"), {}, LIST)
        return own(listed)

    async def _get(self, operation: tuple[str, str], query: Mapping[str, str], into: TypeAdapter[T]) -> T:
        return await self.http.call(
            "GET", f"{API}/{operation[1]}", into, query=query, headers=_headers(operation), auth=self._auth
        )

    async def _post(self, operation: tuple[str, str], body: Mapping[str, object], into: TypeAdapter[T]) -> T:
        given = {name: value for name, value in body.items() if value is not None}
        content = json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()
        headers = _headers(operation) | {"content-type": "application/json; charset=utf-8"}
        return await self.http.call(
            "POST", f"{API}/{operation[1]}", into, content=content, headers=headers, auth=self._auth
        )

    def _begun(self, job: Job, kind: Kind) -> RemoteJob:
        """A job just made or found. What has become of it is for `poll` to say."""
        queued = self._state(job.status) is RemoteState.QUEUED
        state = RemoteState.QUEUED if queued else RemoteState.RUNNING
        return self._said(RemoteRef(kind=kind, id=job.id), job, state)

    def _said(
        self,
        ref: RemoteRef,
        job: Job | None,
        state: RemoteState,
        *,
        tentative: bool = False,
        word: str | None = None,
    ) -> RemoteJob:
        """Put what the vendor says of a job into our words; `word` is the train status beside the list's."""
        told = job.status if job else None
        model_id = (job and job.model_id) or ref.model_id
        facts = {"id": ref.id, "status": told, "model_status": word, "model_id": model_id}
        if isinstance(job, Inference):
            facts["prompt_id"] = job.prompt_id
        if job and (created := moment(job.created, self._zone)):
            facts["created_at"] = created.astimezone(UTC).isoformat(timespec="seconds")
        reason = None
        if state in {RemoteState.FAILED, RemoteState.CANCELLED}:
            said = " and ".join(dict.fromkeys(vendor_words(each) for each in (told, word) if each))
            reason = f"The vendor says {said} and no more." if said else "The vendor does not know it."
        return RemoteJob(
            ref=ref.model_copy(update={"model_id": model_id}),
            state=state,
            tentative=tentative,
            progress=job.progress if job else None,
            model_id=model_id,
            reason=reason,
            details={name: vendor_words(fact) for name, fact in facts.items() if fact},
        )

    def _age(self, job: Job) -> tuple[datetime, int]:
        """What sorts jobs by age; ids decide where the moments are equal or missing."""
        created = moment(job.created, self._zone) or datetime.min.replace(tzinfo=UTC)
        return created, int(job.id) if job.id.isdecimal() else 0


def _headers(operation: tuple[str, str]) -> dict[str, str]:
    return {"x-acs-action": operation[0], "x-acs-version": VERSION}


def _chosen(kind: type[T], options: Mapping[str, JsonValue]) -> T:
    try:
        return TypeAdapter(kind).validate_python(dict(options))
    except ValidationError:
        raise InvalidInput("These options are not this vendor's.") from None


def _links(inputs: Sequence[MediaInput]) -> list[str]:
    links = [photo.url for photo in inputs if photo.url]
    if not links or len(links) < len(inputs):
        raise InvalidInput("This vendor fetches every photo by a link, and one has none.")
    return links
