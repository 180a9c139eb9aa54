"""Img Open (zhiqite): a LoRA trained on 10 to 100 photos, and images made with it by a prompt.

Our own id is the vendor's `taskId`. How a training's result is told is documented nowhere we could read, so
every word of it is a setting: see this provider's page.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any, TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from bot.providers._answers import first_text, vendor_words
from bot.providers._base import (
    Artifact,
    Callback,
    Capabilities,
    GenerationSpec,
    Provider,
    RemoteJob,
    RemoteRef,
    RemoteState,
    Spec,
    TrainingSpec,
)
from bot.providers._errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    TransientError,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers._http import HttpClient
from bot.providers._wire import image
from bot.providers.img_open.keys import Keys
from bot.providers.img_open.operations import capabilities_by
from bot.providers.img_open.options import MOST_STEPS, GenerationOptions, TrainingOptions
from bot.providers.img_open.settings import SAAS, ImgOpenSettings
from bot.providers.img_open.words import (
    BASE,
    PATH_FINDS_NOTHING,
    AlreadyThere,
    Doubtful,
    Result,
    Trained,
    key_of,
    open_envelope,
    pictures_of,
    result_of,
    state_of,
    task_id_of,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")

TRAIN = f"{SAAS}/modelTraining/submitTraining/Job"
CHECKPOINTS = f"{SAAS}/sd/v2/queryModelList"
PAINT = f"{SAAS}/sd/v2/text2image"
LIVE, ARCHIVE = f"{SAAS}/sd/v2/queryTaskInfo", f"{SAAS}/sd/queryTaskInfo"
PAGE, PAGES = 100, 50
"""Rows of a list that are asked for at once, and how often at most."""
_BODY: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class ImgOpen(Provider[ImgOpenSettings]):
    """Trains with `submitTraining`, generates with `text2image`, and names everything by ids of ours."""

    name = "img_open"
    Settings = ImgOpenSettings

    def __init__(self, settings: ImgOpenSettings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._auth = Keys(settings.endpoint, settings.access_key_id, settings.access_key_secret)
        self._asks = settings.result_mode != "callback"
        self._base: dict[str, tuple[str, str]] = {}
        """Of each base model its checkpoint and its family, by the vendor's own list."""

    @classmethod
    def client(cls, settings: ImgOpenSettings, **transport: Any) -> HttpClient:
        """A client that opens this vendor's envelope."""
        secrets = (settings.access_key_id, settings.access_key_secret.get_secret_value())
        return HttpClient(
            settings.endpoint,
            per_second=settings.requests_per_second,
            connections=settings.connections,
            deadline=settings.call_deadline,
            envelope=partial(open_envelope, secrets=secrets),
            proxy=settings.proxy.get_secret_value() if settings.proxy else None,
            **transport,
        )

    @cached_property
    def capabilities(self) -> Capabilities:
        """Photos by link, a prompt, several images; neither cancel nor delete."""
        return capabilities_by(self.settings)

    async def check(self) -> None:
        """Ask for the checkpoints: free, right only if the keys are, and needed for every image."""
        try:
            await self._post(CHECKPOINTS, {"pageSize": 1, "pageNum": 1})
            await self._checkpoint(BASE)
        except Unavailable as error:
            hint = "Check the network, IMG_OPEN_ENDPOINT and IMG_OPEN_PROXY."
            raise Unavailable(f"{error} {hint}", code=error.code, retry_after=error.retry_after) from None
        except NotFound as error:
            where = "Img Open is not at this address: check IMG_OPEN_ENDPOINT."
            raise NotFound(where, code=error.code) from None

    # -- starting

    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        """Start a training under our key; one that is there already is taken for ours."""
        chosen = _chosen(TrainingOptions, spec.options)
        links = [photo.url for photo in spec.inputs if photo.url]
        if len(links) < len(spec.inputs) or not 10 <= len(links) <= self.settings.photos_max:
            raise InvalidInput(
                f"This vendor fetches 10 to {self.settings.photos_max} photos, each by a link."
            )
        if (steps := chosen.steps(len(links))) > MOST_STEPS:
            raise InvalidInput(_too_many(steps, len(links)))
        task_id, base = task_id_of(key), chosen.pretrained_model
        if base != BASE:
            await self._makes_with(base, second=bool(chosen.v2))
        try:
            await self._post(TRAIN, chosen.wire(task_id, links, self.settings.wire_case), safe=False)
        except AlreadyThere:
            pass  # An earlier attempt got through.
        except Doubtful as error:
            if not await self._asked(self._trains(task_id)):
                raise InvalidInput(error.detail, code=error.code) from None
        ref = RemoteRef(kind="training", id=str(Trained(task_id, base, chosen.clip_skip)))
        return RemoteJob(ref=ref, state=RemoteState.QUEUED, details={"id": task_id, "steps": steps})

    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:
        """Start images under our key, with the LoRA named in the prompt."""
        chosen = _chosen(GenerationOptions, spec.options)
        prompt = (spec.prompt or "").strip()
        if "<" in prompt or ">" in prompt:
            raise InvalidInput("A prompt must not hold < or >: they name models.")
        if not 1 <= spec.count <= self.settings.images_max:
            raise InvalidInput(f"This vendor makes 1 to {self.settings.images_max} images at once.")
        task_id, model = task_id_of(key), Trained.read(spec.model_id)
        lora = f" <lora:{model.name}:{chosen.weight or self.settings.lora_weight:g}>"
        most = self.settings.prompt_max - len(lora)
        if not 0 < len(prompt) <= most:
            raise InvalidInput(f"A prompt has 1 to {most} characters.")
        width, height = chosen.size.split("x")
        body = {
            "prompt": prompt + lora,
            "negative_prompt": chosen.negative_prompt,
            "n_iter": 1,
            "batch_size": spec.count,
            "steps": chosen.steps,
            "seed": str(-1 if spec.seed is None else spec.seed),
            "cfg_scale": chosen.cfg_scale,
            "width": int(width),
            "height": int(height),
            "sampler_index": chosen.sampler,
            "restore_faces": chosen.restore_faces,
            "enable_hr": False,
            "alwayson_scripts": {
                "id_task": task_id,
                "sd_model_checkpoint": await self._checkpoint(model.base),
                "override_settings": {"CLIP_stop_at_last_layers": chosen.clip_skip or model.clip_skip},
            },
        }
        try:
            told = await self._post(PAINT, body, safe=False)
        except AlreadyThere:
            told = {}
        except Doubtful as error:
            if await self._asked(self._task(task_id)) is None:
                raise InvalidInput(error.detail, code=error.code) from None
            told = {}
        data = told.get("data")
        named = first_text(data, "task_id") if isinstance(data, dict) else ""
        ref = RemoteRef(kind="generation", id=named or task_id, model_id=spec.model_id)
        return RemoteJob(ref=ref, state=RemoteState.QUEUED, model_id=spec.model_id)

    def effort(self, options: Mapping[str, JsonValue], inputs: int) -> str | None:
        """The steps that a training with these options takes, as far as they can be told beforehand."""
        try:
            return (
                f"{TrainingOptions.model_validate(dict(options)).steps(inputs):,} steps" if inputs else None
            )
        except ValidationError:
            return None

    def too_much(self, options: Mapping[str, JsonValue], inputs: int) -> tuple[str, str] | None:
        """Repeats that bring so many photos to more steps than anybody waits for."""
        try:
            steps = TrainingOptions.model_validate(dict(options)).steps(inputs)
        except ValidationError:
            return None
        # Where nobody chose repeats they are chosen to be few enough.
        return ("repeats", _too_many(steps, inputs)) if steps > MOST_STEPS else None

    # -- looking

    async def find(
        self,
        spec: Spec,
        *,
        key: str,
        known: frozenset[str],
        since: datetime | None = None,  # noqa: ARG002
    ) -> RemoteJob | None:
        """Look for our id. None where the vendor does not know it: then it may be sent again under the same.

        Raises:
            UnexpectedResponse: nothing here can tell, and the vendor may run one id twice.
        """
        task_id = task_id_of(key)
        if task_id in {Trained.read(one).name for one in known}:
            return None
        if not isinstance(spec, TrainingSpec):
            if (row := await self._task(task_id)) is None:
                return None
            ref = RemoteRef(kind="generation", id=task_id, model_id=getattr(spec, "model_id", None))
            return self._said_images(ref, row).model_copy(
                update={"state": RemoteState.RUNNING, "artifacts": ()}
            )
        if await self._trains(task_id):
            chosen = _chosen(TrainingOptions, spec.options)
            made = Trained(task_id, chosen.pretrained_model, chosen.clip_skip)
            return RemoteJob(ref=RemoteRef(kind="training", id=str(made)), state=RemoteState.RUNNING)
        if not self.settings.unique_task_ids and not self._asks:
            raise UnexpectedResponse("Img Open cannot be asked for this training.")
        return None

    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:
        """Ask where a job stands. What was called back counts as a voice beside the answer."""
        if ref.kind == "training":
            return await self._poll_training(ref, pushed)
        if (row := await self._task(ref.id)) is None:
            reason = "Img Open does not know these images."
            return RemoteJob(ref=ref, state=RemoteState.FAILED, tentative=True, reason=reason)
        return self._said_images(ref, row)

    async def _poll_training(self, ref: RemoteRef, pushed: JsonValue) -> RemoteJob:
        called = result_of(pushed, self.settings) if pushed else None
        its = Trained.read(ref.id)
        asked = await self._result(its.name)
        if asked and asked.absent and called and called.state is RemoteState.SUCCEEDED:
            self._doubt_path()
        told = asked if asked and asked.state else called if called and called.state else None
        if told is None:
            return await self._listed(ref, absent=asked is not None and asked.absent)
        state, name = told.state or RemoteState.RUNNING, told.name or (called.name if called else "")
        if state is RemoteState.SUCCEEDED:
            # Without a name the list may know it; else the LoRA is taken to be called like its training.
            name = name or await self._lora(its.name) or its.name
        failed = state in {RemoteState.FAILED, RemoteState.CANCELLED}
        model_id = str(replace(its, name=name)) if name else None
        return RemoteJob(
            ref=ref.model_copy(update={"model_id": model_id or ref.model_id}),
            state=state,
            # The numbers of failures are guessed, so one alone is not believed.
            tentative=failed,
            model_id=model_id,
            reason=vendor_words(told.message) or None if failed else None,
            details={"id": its.name, "status": vendor_words(told.word)} | ({"lora": name} if name else {}),
        )

    async def _result(self, task_id: str) -> Result | None:
        """What the vendor answers of a training; None where it cannot be asked."""
        if not self._asks:
            return None
        try:
            told = await self._post(self.settings.result_path, {self.settings.result_request_field: task_id})
        except NotFound as error:
            if error.code is None:
                self._asks = False  # Callbacks and the list of LoRAs remain.
                self._doubt_path()
                return None
            return Result(task_id=task_id, absent=True)
        return result_of(told, self.settings)

    def _doubt_path(self) -> None:
        """Where results are asked for is inferred, and nobody could confirm it: operators are told once."""
        if not self.remedy:
            what = "Training results cannot be asked for: set IMG_OPEN_RESULT_PATH"
            logger.warning(what, extra={"action": "result_path_wrong", "provider": self.name})
        self.remedy = PATH_FINDS_NOTHING

    async def _trains(self, task_id: str) -> bool:
        """Whether the vendor says of itself that it has this training."""
        result = await self._result(task_id)
        return result is not None and result.state is not None

    @staticmethod
    async def _asked(question: Awaitable[T]) -> T:
        """The answer to a question that follows a no. Raises OutcomeUnknown where there is none."""
        try:
            return await question
        except (TransientError, UnexpectedResponse) as error:
            raise OutcomeUnknown(f"Img Open refused, and cannot be asked since: {error.detail}") from None

    async def _listed(self, ref: RemoteRef, *, absent: bool) -> RemoteJob:
        """Where neither answer nor callback tells anything, the list of LoRAs says whether it is done."""
        its = Trained.read(ref.id)
        name = await self._lora(its.name)
        model_id = str(replace(its, name=name)) if name else None
        state = RemoteState.SUCCEEDED if name else RemoteState.FAILED if absent else RemoteState.RUNNING
        lost = state is RemoteState.FAILED
        return RemoteJob(
            ref=ref.model_copy(update={"model_id": model_id or ref.model_id}),
            state=state,
            tentative=lost,
            model_id=model_id,
            reason="Img Open does not know this training." if lost else None,
            poll_after=None if self._asks else self.settings.list_every,
            details={"id": its.name} | ({"lora": name} if name else {}),
        )

    async def _task(self, task_id: str) -> dict[str, JsonValue] | None:
        """A generation, live or from the archive: the live list forgets the month that is over."""
        for path in (LIVE, ARCHIVE):
            try:
                told = await self._post(path, {"businessTaskId": task_id})
            except NotFound:
                continue
            data = told.get("data")
            if isinstance(data, dict) and data:
                return data
        return None

    def _said_images(self, ref: RemoteRef, row: Mapping[str, JsonValue]) -> RemoteJob:
        state = state_of(row.get("status"), self.settings) or RemoteState.RUNNING
        pictures, refused = pictures_of(row)
        lost = state is RemoteState.SUCCEEDED and not pictures
        if lost and refused:
            raise ContentRejected("Img Open's moderation held back every image.")
        failed = lost or state in {RemoteState.FAILED, RemoteState.CANCELLED}
        said = vendor_words(first_text(row, "desc", "msg")) or None
        return RemoteJob(
            ref=ref,
            state=RemoteState.FAILED if lost else state,
            tentative=failed,
            model_id=ref.model_id,
            artifacts=tuple(Artifact(locator=json.dumps([ref.id, n])) for n in pictures),
            held_back=len(refused),
            reason=(said or "Img Open names no image.") if failed else None,
            details={"id": ref.id, "status": vendor_words(first_text(row, "desc", "status"))},
        )

    def callback(self, body: bytes) -> Callback | None:
        """Read a training's result that the vendor called in: its payload, or the whole envelope."""
        try:
            told: JsonValue = json.loads(body)
        except (ValueError, RecursionError):
            return None
        result = result_of(told, self.settings)
        if not result.task_id:
            return None
        # Without a code of 200 in the answer it would call ten times more.
        return Callback(id=result.task_id, key=key_of(result.task_id), pushed=told, answer={"code": "200"})

    async def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        """Pull one image by its newest link, without our keys.

        Raises:
            NotFound: the vendor no longer has it.
        """
        row = await self._task(ref.id)
        pictures, _ = pictures_of(row or {})
        link = pictures.get(int(json.loads(artifact.locator)[1]))
        if link is None:
            raise NotFound("Img Open no longer has this image.")
        async for chunk in image(self.http.download(link, max_bytes=self.settings.image_max_bytes)):
            yield chunk

    async def cancel(self, ref: RemoteRef) -> bool:  # noqa: ARG002
        """Say that it cannot be done: the vendor has no such operation."""
        return False

    async def delete(self, ref: RemoteRef) -> bool:  # noqa: ARG002
        """Say that it cannot be done: the vendor has no such operation."""
        return False

    # -- lists

    async def _checkpoint(self, base: str) -> str:
        """The vendor's name for a base model, looked up once. Raises AuthenticationFailed if it has none."""
        return self.settings.checkpoint or (await self._listed_base(base))[0]

    async def _listed_base(self, base: str) -> tuple[str, str]:
        """Checkpoint and family of a base model, the latter empty where the list does not say."""
        if base not in self._base:
            async for row in self._rows(CHECKPOINTS):
                code = first_text(row, "sdModelCheckpoint")
                if code.rsplit(".", 1)[0].lower() == base.lower():
                    self._base[base] = code, first_text(row, "modelBaseModel")
                    break
            else:
                raise AuthenticationFailed(
                    f"Img Open lists no checkpoint for {base}: name one of its own in IMG_OPEN_CHECKPOINT."
                )
        return self._base[base]

    async def _makes_with(self, base: str, *, second: bool) -> None:
        """Refuse a base model that no image could be made with, before it is paid for.

        `second` says that it is meant to be one of Stable Diffusion 2, which the trainer has to be told.
        """
        if self.settings.checkpoint:
            return
        try:
            _, family = await self._listed_base(base)
        except AuthenticationFailed:
            raise InvalidInput(f"Img Open lists no base model called {base}.") from None
        if (known := re.match(r"SD\s*(\d)", family)) and (known[1] == "2") != second:
            choose = "leave out" if second else "choose"
            raise InvalidInput(f"The base model {base} is {family}: {choose} *Stable Diffusion 2*.")

    async def _lora(self, task_id: str) -> str | None:
        """The name of the LoRA that a training has made, from the vendor's list."""
        try:
            async for row in self._rows(self.settings.lora_path):
                name = first_text(row, *self.settings.lora_name_fields)
                if task_id in name:
                    return name
        except (NotFound, InvalidInput):
            return None  # Nobody could confirm where this list is.
        return None

    async def _rows(self, path: str) -> AsyncIterator[Mapping[str, JsonValue]]:
        for number in range(1, PAGES + 1):
            told = await self._post(path, {"pageSize": PAGE, "pageNum": number})
            data = told.get("data")
            rows = data.get("rows") if isinstance(data, dict) else None
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict):
                    yield row
            if not isinstance(rows, list) or len(rows) < PAGE:
                return

    async def _post(
        self, path: str, body: Mapping[str, object], *, safe: bool = True
    ) -> dict[str, JsonValue]:
        """Call the vendor, which asks its questions by POST too."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"content-type": "application/json"}
        return await self.http.call(
            "POST", path, _BODY, content=content, headers=headers, auth=self._auth, safe=safe
        )


def _too_many(steps: int, photos: int) -> str:
    return (
        f"With {photos} photos this comes to {steps:,} steps, and more than {MOST_STEPS:,} take hours: "
        "take fewer repeats or epochs, or a larger batch size."
    )


def _chosen(kind: type[T], options: Mapping[str, JsonValue]) -> T:
    try:
        return TypeAdapter(kind).validate_python(dict(options))
    except ValidationError:
        raise InvalidInput("These options are not this vendor's.") from None
