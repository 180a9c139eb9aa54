"""Alibaba Cloud AIContent: personalised text to image, by a model trained once and used again.

The vendor documents few status words, no failure word and hardly an error. What is read into them stands in
the tables below and on this provider's page in the documentation.
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from bot.providers._acs3 import Acs3Auth, open_envelope
from bot.providers._answers import vendor_words
from bot.providers._base import (
    Artifact,
    Capabilities,
    Delivery,
    Endpoint,
    GenerationSpec,
    InputSpec,
    OneshotSpec,
    Operation,
    Provider,
    ProviderSettings,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Role,
    Seconds,
    Spec,
    TrainingSpec,
)
from bot.providers._errors import (
    ContentRejected,
    InvalidInput,
    NotFound,
    ProviderError,
    QuotaExceeded,
    Unavailable,
)
from bot.providers._http import MIB, HttpClient
from bot.providers._wire import Id, MaybeText, Share, StatusWords, Texts, image, is_id, moment

T = TypeVar("T")

API = "/api/v1/personalizedtxt2img"
VERSION = "20240611"
ACTIONS = "aicontent:Personalizedtxt2img*"
TOKEN = "<special-token>"  # noqa: S105  (the vendor's word for the subject of a prompt)
SUBJECTS = ("person", "woman", "man", "girl", "boy", "dog", "cat", "object")
INT32 = 2**31 - 1


Word = Annotated[str, Field(pattern="^[A-Za-z]+$")]


def _split(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _after(seconds: float, description: str) -> Any:
    return Field(timedelta(seconds=seconds), description=description)


class AicontentSettings(ProviderSettings):
    """Keys, address, and every fact that the vendor leaves open."""

    model_config = SettingsConfigDict(env_prefix="AICONTENT_", str_strip_whitespace=True)

    access_key_id: str = Field(
        min_length=1, description="AccessKey id of the RAM user, or of STS credentials."
    )
    access_key_secret: SecretStr = Field(min_length=1, description="AccessKey secret that belongs to the id.")
    security_token: SecretStr | None = Field(None, description="STS token, with temporary credentials only.")
    endpoint: Endpoint = Field("https://aicontent.aliyuncs.com", description="Address of the API.")
    subjects: Annotated[tuple[Word, ...], BeforeValidator(_split)] = Field(
        SUBJECTS, min_length=1, description="What can be in the photos: single words, separated by commas."
    )
    photos_min: int = Field(3, ge=1, description="Fewest photos for a training.")
    photos_max: int = Field(30, ge=1, description="Most photos for a training.")
    photo_max_bytes: int = Field(10_000_000, ge=1, description="Largest photo.")
    train_steps: int | None = Field(None, ge=1, le=INT32, description="Training steps; not sent unless set.")
    prompt_max: int = Field(500, ge=1, description="Longest prompt, in characters.")
    images_max: int = Field(10, ge=1, le=10, description="Most images per request.")
    image_encoding: Literal["raw", "base64"] = Field("raw", description="How images are asked for.")
    image_max_bytes: int = Field(32 * MIB, ge=1, description="Largest image that is fetched.")
    train_concurrency: int = Field(2, ge=1, description="Trainings under way at once.")
    generate_concurrency: int = Field(
        1, ge=1, description="Generations under way at once; see *Lost answers*."
    )
    train_poll_first: Seconds = _after(15, "First interval between polls of a training.")
    train_poll_most: Seconds = _after(60, "Longest interval between polls of a training.")
    train_deadline: Seconds = _after(7200, "A training without a result has failed after this.")
    generate_poll_first: Seconds = _after(5, "First interval between polls of a generation.")
    generate_poll_most: Seconds = _after(15, "Longest interval between polls of a generation.")
    generate_deadline: Seconds = _after(900, "A generation without a result has failed after this.")
    requests_per_second: float = Field(2.0, gt=0, le=1000, description="Calls per second, of all kinds.")
    connections: int = Field(4, ge=1, le=20, description="Calls under way at once, downloads included.")
    call_deadline: Seconds = _after(60, "Longest time for one call.")
    utc_offset_hours: float = Field(8, ge=-14, le=14, description="Zone of the vendor's times.")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        pairs = [("photos_min", "photos_max")]
        for work in ("train", "generate"):
            pairs += [(f"{work}_poll_first", f"{work}_poll_most"), (f"{work}_poll_most", f"{work}_deadline")]
        for small, large in pairs:
            if getattr(self, small) > getattr(self, large):
                raise ValueError(f"AICONTENT_{small.upper()} is more than AICONTENT_{large.upper()}")
        return self


class TrainingOptions(BaseModel):
    """What may be chosen for one training."""

    model_config = ConfigDict(extra="forbid")

    train_steps: int | None = Field(
        None, ge=1, le=INT32, title="Training steps", description="Left empty, the vendor decides."
    )


# What the vendor's words mean to us.

STATES: Mapping[str, RemoteState] = {
    "": RemoteState.QUEUED,
    "NOT_START": RemoteState.QUEUED,
    "WAIT_SCHEDULE": RemoteState.QUEUED,
    "TRAINING": RemoteState.RUNNING,
    "FINISHED": RemoteState.SUCCEEDED,
}
"""The words that have been seen. No word for a failure is among them, hence the families."""

FAMILIES: Mapping[str, RemoteState] = {
    "FAIL|ERROR|EXCEPTION|TIMEOUT|REJECT": RemoteState.FAILED,
    "CANCEL|STOP|TERMINAT": RemoteState.CANCELLED,
}

CODES: Mapping[str, type[ProviderError]] = {
    "B_PARAMETER_NOT_FOUND": InvalidInput,
    "B_DATA_NOT_FOUND|B_MODEL_TRAIN_JOB_NOT_EXIST": NotFound,
    # Guesses by the platform's habits: of this product no code for either is known.
    ".*(ARREAR|OVERDUE|QUOTA|BALANCE)": QuotaExceeded,
    ".*(SENSITIV|INSPECTION|MODERAT)": ContentRejected,
}
"""How a code of the product's own begins, in capitals; those of the gateway belong to the signature."""


# What the vendor sends; unknown fields are ignored.


class _Job(BaseModel):
    id: Id
    model_id: MaybeText = Field(None, alias="modelId")
    status: MaybeText = Field(None, alias="jobStatus")
    progress: Share = Field(None, alias="jobTrainProgress")
    created: MaybeText = Field(None, alias="createTime")


class _Inference(_Job):
    prompt_id: MaybeText = Field(None, alias="promptId")
    images: Texts = Field((), alias="resultImageUrl")


class _Status(BaseModel):
    word: MaybeText = Field(None, alias="modelTrainStatus")


def _own(rows: object) -> list[dict[str, JsonValue]]:
    """The rows of a list that can be jobs: one that makes no sense must not hide the others."""
    listed = rows if isinstance(rows, list) else []
    return [row for row in listed if isinstance(row, dict) and is_id(row.get("id"))]


_TRAINING = TypeAdapter(_Job)
_INFERENCE = TypeAdapter(_Inference)
_ASKED: TypeAdapter[_Inference | None] = TypeAdapter(_Inference | None)
_STATUS: TypeAdapter[_Status | None] = TypeAdapter(_Status | None)
_LIST: TypeAdapter[list[object] | None] = TypeAdapter(list[object] | None)

SUBJECT_MARK = re.compile(r"(?:<|&lt;)special-token(?:>|&gt;)|\{token\}", re.IGNORECASE)


def with_subject(prompt: str) -> str:
    """Name the subject in a prompt: `{token}` stands for it, and a prompt without it is led in by it."""
    named, marks = SUBJECT_MARK.subn(TOKEN, prompt)
    return named if marks else f"a photo of {TOKEN}, {named}"


def verdict(listed: RemoteState | None, status: RemoteState | None) -> tuple[RemoteState, bool]:
    """Weigh the job list against the train status, None being silence; the flag says `tentative`.

    The train status is what the vendor tells us to wait for, so its success decides. A failure that only one
    of two voices knows is believed after a grace, and so is the silence of both.
    """
    if status is None or listed is None:
        said = status or listed
        return (said, False) if said else (RemoteState.FAILED, True)
    if status in {RemoteState.SUCCEEDED, listed}:
        return status, False
    if {RemoteState.FAILED, RemoteState.CANCELLED} & {status, listed}:
        return RemoteState.FAILED, True
    return status, False


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

    @property
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
        return Capabilities(
            label="Alibaba AIContent",
            country="China",
            training=training,
            generation=generation,
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

    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        """Start a training named `key`, by which `find` recognises it."""
        try:
            chosen = TrainingOptions.model_validate(dict(spec.options))
        except ValidationError:
            raise InvalidInput("These training options are not this vendor's.") from None
        links = [photo.url for photo in spec.inputs]
        if not links or None in links:
            raise InvalidInput("This vendor fetches every photo by a link, and one has none.")
        steps = chosen.train_steps or self.settings.train_steps
        body = {"imageUrl": links, "name": key, "objectType": spec.subject, "trainSteps": steps}
        begun = await self._post("AddModelTrainJob", body, _TRAINING)
        return self._begun(begun)

    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:  # noqa: ARG002
        """Start a generation. The vendor keeps no key of ours: `find` goes by the model."""
        prompt = (spec.prompt or "").strip()
        if not 0 < len(prompt) <= self.settings.prompt_max:
            raise InvalidInput(f"A prompt has 1 to {self.settings.prompt_max} characters.")
        if not 0 < spec.count <= self.settings.images_max:
            # The vendor would silently make fewer.
            raise InvalidInput(f"This vendor makes 1 to {self.settings.images_max} images at once.")
        body = {
            "imageNumber": spec.count,
            "modelId": spec.model_id,
            "prompt": with_subject(prompt),
            "seed": spec.seed,
        }
        begun = await self._post("AddInferenceJob", body, _INFERENCE)
        return self._begun(begun)

    async def find(
        self,
        spec: Spec,
        *,
        key: str,
        known: frozenset[str],
        since: datetime | None = None,  # noqa: ARG002
    ) -> RemoteJob | None:
        """Look in the job list: for a training's name, or for a generation of that model not yet ours."""
        rows = await self._rows()
        if isinstance(spec, TrainingSpec):
            found = [_Job.model_validate(row) for row in rows if row.get("name") == key]
        elif isinstance(spec, OneshotSpec):
            return None
        else:
            made = [row.get("inferenceJobList") for row in rows if row.get("modelId") == spec.model_id]
            found = [_Inference.model_validate(row) for inner in made for row in _own(inner)]
        newest = max((job for job in found if job.id not in known), key=self._age, default=None)
        return self._begun(newest) if newest else None

    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:  # noqa: ARG002
        """Ask where a job stands. The vendor calls nobody back, so `pushed` never says anything."""
        return await (self._poll_training(ref) if ref.kind == "training" else self._poll_generation(ref))

    async def _poll_training(self, ref: RemoteRef) -> RemoteJob:
        jobs = [_Job.model_validate(row) for row in await self._rows()]
        job = next((job for job in jobs if job.id == ref.id), None)
        model_id = (job and job.model_id) or ref.model_id
        word = await self._train_status(model_id) if model_id else None
        listed = self._state(job.status) if job else None
        state, tentative = verdict(listed, None if word is None else self._state(word))
        if state is RemoteState.SUCCEEDED and model_id is None:
            # Nothing can be made with a model whose id has not appeared yet.
            state = RemoteState.RUNNING
        return self._said(ref, job, state, tentative=tentative, word=word)

    async def _train_status(self, model_id: str) -> str | None:
        """The vendor's word for a model: empty if it has none, None if it does not know the model (yet)."""
        try:
            told = await self._get("QueryModelTrainStatus", {"modelId": model_id}, _STATUS)
        except NotFound:
            return None
        return (told and told.word) or ""

    async def _poll_generation(self, ref: RemoteRef) -> RemoteJob:
        try:
            job = await self._get("QueryInferenceJobInfo", {"inferenceJobId": ref.id}, _ASKED)
        except NotFound:
            # Just after a job was made, the vendor may not find it yet.
            return self._said(ref, None, RemoteState.FAILED, tentative=True)
        state = self._state(job.status if job else None)
        said = self._said(ref, job, state)
        if job is None or state is not RemoteState.SUCCEEDED:
            return said
        if artifacts := self._artifacts(job, said.model_id):
            return said.model_copy(update={"artifacts": artifacts})
        empty = self._said(ref, job, RemoteState.FAILED, tentative=True)
        reason = "The vendor calls it finished and names no image."
        return empty.model_copy(update={"reason": reason, "poll_after": self.settings.generate_poll_first})

    @staticmethod
    def _artifacts(job: _Inference, model_id: str | None) -> tuple[Artifact, ...]:
        # The same `0000.png` is in every job, so only the three ids together name an image.
        if not (model_id and job.prompt_id):
            return ()
        return tuple(
            Artifact(
                locator=json.dumps([model_id, job.prompt_id, name]), media_type=mimetypes.guess_type(name)[0]
            )
            for name in dict.fromkeys(job.images)
        )

    def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:  # noqa: ARG002
        """Pull one image by a signed call.

        Raises:
            NotFound: the vendor does not have it; just after the end of a job it may only not have it yet.
        """
        model_id, prompt_id, image_id = json.loads(artifact.locator)
        query = {"imageId": image_id, "modelId": model_id, "promptId": prompt_id}
        encoded = self.settings.image_encoding == "base64"
        chunks = self.http.stream(
            f"{API}/queryImageAsset",
            query=query | ({"encodeFormat": "base64"} if encoded else {}),
            headers=_headers("QueryImageAsset"),
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
        listed = await self._get("QueryModelTrainJobList", {}, _LIST)
        return _own(listed)

    async def _get(self, action: str, query: Mapping[str, str], into: TypeAdapter[T]) -> T:
        return await self.http.call(
            "GET", _path(action), into, query=query, headers=_headers(action), auth=self._auth
        )

    async def _post(self, action: str, body: Mapping[str, object], into: TypeAdapter[T]) -> T:
        given = {name: value for name, value in body.items() if value is not None}
        content = json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()
        headers = _headers(action) | {"content-type": "application/json; charset=utf-8"}
        return await self.http.call(
            "POST", _path(action), into, content=content, headers=headers, auth=self._auth
        )

    def _begun(self, job: _Job) -> RemoteJob:
        """A job just made or found. What has become of it is for `poll` to say."""
        queued = self._state(job.status) is RemoteState.QUEUED
        kind = "generation" if isinstance(job, _Inference) else "training"
        state = RemoteState.QUEUED if queued else RemoteState.RUNNING
        return self._said(RemoteRef(kind=kind, id=job.id), job, state)

    def _said(
        self,
        ref: RemoteRef,
        job: _Job | None,
        state: RemoteState,
        *,
        tentative: bool = False,
        word: str | None = None,
    ) -> RemoteJob:
        """Put what the vendor says of a job into our words; `word` is the train status beside the list's."""
        told = job.status if job else None
        model_id = (job and job.model_id) or ref.model_id
        facts = {"id": ref.id, "status": told, "model_status": word, "model_id": model_id}
        if isinstance(job, _Inference):
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

    def _age(self, job: _Job) -> tuple[datetime, int]:
        """What sorts jobs by age; ids decide where the moments are equal or missing."""
        created = moment(job.created, self._zone) or datetime.min.replace(tzinfo=UTC)
        return created, int(job.id) if job.id.isdecimal() else 0


def _path(action: str) -> str:
    return f"{API}/{action[0].lower()}{action[1:]}"


def _headers(action: str) -> dict[str, str]:
    return {"x-acs-action": f"Personalizedtxt2img{action}", "x-acs-version": VERSION}
