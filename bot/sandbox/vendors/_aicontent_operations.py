"""The six operations of AIContent's flow A, and how a job looks from outside."""

import base64
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from bot.sandbox.vendors._aicontent_answers import missing, no_such_data, no_such_training
from bot.sandbox.vendors._aicontent_jobs import Fate, Inference, JobKind, Jobs, Status, Training
from bot.sandbox.vendors._aicontent_work import Workshop, new_prompt_id
from bot.sandbox.vendors._faults import Fault, FaultKind, FaultTable
from bot.sandbox.vendors._state import Json

_MAX_IMAGES = 10
_MAX_SEED = 2**31 - 1
_MAX_LINKS = 100
_ZONE = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Done:
    """What an operation answers: an envelope's data, or bytes without an envelope."""

    data: Json = None
    body: bytes | None = None
    media_type: str = "application/json"
    subject: int | None = None


Arguments = Mapping[str, Json]
Operation = Callable[[Arguments], Done]


class Operations:
    """What a caller who was let in can ask for, and what the control API asks."""

    def __init__(
        self, jobs: Jobs, faults: FaultTable, workshop: Workshop, *, clock: Callable[[], float]
    ) -> None:
        self._jobs = jobs
        self._faults = faults
        self._workshop = workshop
        self._clock = clock
        self.table: dict[str, tuple[str, str, Operation]] = {
            "AddModelTrainJob": ("POST", "/addModelTrainJob", self._add_training),
            "QueryModelTrainJobList": ("GET", "/queryModelTrainJobList", self._list_trainings),
            "QueryModelTrainStatus": ("GET", "/queryModelTrainStatus", self._training_status),
            "AddInferenceJob": ("POST", "/addInferenceJob", self._add_inference),
            "QueryInferenceJobInfo": ("GET", "/queryInferenceJobInfo", self._inference_info),
            "QueryImageAsset": ("GET", "/queryImageAsset", self._image_asset),
        }

    def _add_training(self, arguments: Arguments) -> Done:
        links = arguments.get("imageUrl")
        if not isinstance(links, list) or not 0 < len(links) <= _MAX_LINKS:
            raise missing("imageUrl")
        training = self._jobs.add_training(
            name=_text(arguments, "name"),
            object_type=_text(arguments, "objectType"),
            image_urls=[link if isinstance(link, str) else "" for link in links],
            train_steps=_integer(arguments, "trainSteps"),
            fate=self._fate("AddModelTrainJob", FaultKind.TRAINING_FAILS, FaultKind.TRAINING_STUCK),
            at=self._clock(),
        )
        self._workshop.train(training.id)
        return Done(self._show_training(training, just_created=True), subject=training.id)

    def _list_trainings(self, _: Arguments) -> Done:
        word = self._faults.take({FaultKind.STATUS_WORD}, "QueryModelTrainJobList")
        before = self._visible_before()
        shown = [job for job in self._jobs.trainings() if job.created_at <= before]
        return Done([self._show_training(job, word=word) for job in shown])

    def _training_status(self, arguments: Arguments) -> Done:
        action = "QueryModelTrainStatus"
        training = self._jobs.by_model(_text(arguments, "modelId"))
        if training is None or self._is_too_young(training, action):
            raise no_such_training()
        word = self._faults.take({FaultKind.STATUS_WORD}, action)
        return Done({"modelTrainStatus": _word(training.status, word)}, subject=training.id)

    def _add_inference(self, arguments: Arguments) -> Done:
        training = self._jobs.by_model(_text(arguments, "modelId"))
        prompt = _text(arguments, "prompt")
        if training is None:
            raise no_such_training()
        if training.status is not Status.FINISHED:
            raise no_such_data()
        wanted = _integer(arguments, "imageNumber")
        seed = _integer(arguments, "seed")
        if seed is None or not 0 <= seed <= _MAX_SEED:
            # The page allows -1 without a meaning; it is read as "choose", as everywhere in this trade.
            seed = random.randint(0, _MAX_SEED)
        inference = self._jobs.add_inference(
            training_id=training.id,
            prompt_id=new_prompt_id(),
            prompt=prompt,
            images=max(1, min(wanted or 1, _MAX_IMAGES)),
            seed=seed,
            fate=self._fate("AddInferenceJob", FaultKind.INFERENCE_FAILS, FaultKind.INFERENCE_STUCK),
            at=self._clock(),
        )
        self._workshop.draw(inference.id)
        return Done(self._show_inference(inference, training, just_created=True), subject=inference.id)

    def _inference_info(self, arguments: Arguments) -> Done:
        action = "QueryInferenceJobInfo"
        inference = self._jobs.by_inference_id(_text(arguments, "inferenceJobId"))
        if inference is None or self._is_too_young(inference, action):
            raise no_such_data()
        word = self._faults.take({FaultKind.STATUS_WORD}, action)
        training = self._jobs.training(inference.training_id)
        shown = self._show_inference(inference, training, word=word)
        if inference.status is Status.FINISHED and self._faults.take({FaultKind.EMPTY_RESULT}, action):
            shown["resultImageUrl"] = []
        return Done(shown, subject=inference.id)

    def _image_asset(self, arguments: Arguments) -> Done:
        action = "QueryImageAsset"
        training = self._jobs.by_model(_text(arguments, "modelId"))
        prompt_id, image_id = _text(arguments, "promptId"), _text(arguments, "imageId")
        inference = None if training is None else self._jobs.by_prompt(training.id, prompt_id)
        if inference is None:
            raise no_such_data()

        def is_dead(fault: Fault) -> bool:
            of_this_job = fault.details.get("job") in {None, inference.id, str(inference.id)}
            return of_this_job and image_id == f"{int(fault.number('image', 0)):04}.png"

        if self._faults.take({FaultKind.DEAD_IMAGE}, action, is_dead) is not None:
            raise no_such_data()
        picture = self._workshop.picture(inference, image_id)
        if picture is None:
            raise no_such_data()
        match arguments.get("encodeFormat"):
            case None | "":
                return Done(body=picture, media_type="image/png", subject=inference.id)
            case "base64":
                return Done(body=base64.b64encode(picture), media_type="text/plain", subject=inference.id)
            case _:
                raise missing("encodeFormat")

    def _show_training(
        self, job: Training, *, just_created: bool = False, word: Fault | None = None
    ) -> dict[str, Json]:
        before = self._visible_before()
        inferences = [one for one in self._jobs.inferences(training_id=job.id) if one.created_at <= before]
        shown: dict[str, Json] = {
            "id": str(job.id),
            "name": job.name,
            "objectType": job.object_type,
            "imageUrl": list(job.image_urls),
            "jobStatus": _word(job.status, word),
            "inferenceJobList": None
            if just_created
            else [self._show_inference(one, job) for one in inferences],
            "inferenceImageCount": sum(one.images for one in inferences if one.status is Status.FINISHED),
            "createTime": _create_time(job.created_at, job.id),
        }
        if job.model_id is not None:
            shown |= {"modelId": job.model_id, "jobTrainProgress": self._workshop.progress(job)}
        return shown | _unexpected(job.id)

    def _show_inference(
        self, job: Inference, training: Training, *, just_created: bool = False, word: Fault | None = None
    ) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "id": str(job.id),
            "promptId": job.prompt_id,
            "modelId": training.model_id,
            "jobStatus": _word(job.status, word),
            "resultImageUrl": list(job.image_ids) if job.status is Status.FINISHED else None,
            "createTime": _create_time(job.created_at, job.id),
        }
        if not just_created:
            shown["jobTrainProgress"] = self._workshop.progress(job)
        return shown | _unexpected(job.id)

    def _visible_before(self) -> float:
        lag = self._faults.peek({FaultKind.LIST_LAG})
        return self._clock() - (0.0 if lag is None else lag.number("seconds", 60.0))

    def _is_too_young(self, job: Training | Inference, action: str) -> bool:
        fault = self._faults.peek({FaultKind.NOT_YET}, action)
        return fault is not None and self._clock() - job.created_at < fault.number("seconds", 60.0)

    def _fate(self, action: str, fails: FaultKind, stuck: FaultKind) -> Fate:
        fault = self._faults.take({fails, stuck}, action)
        if fault is None:
            return Fate.FINISHES
        return Fate.FAILS if fault.kind == fails else Fate.STUCK

    def doom(self, kind: FaultKind, job_id: str) -> bool:
        """A fault that names a job under way changes that job's fate on the spot."""
        job_kind = JobKind.TRAINING if kind.startswith("training") else JobKind.INFERENCE
        return self._jobs.doom(job_kind, int(job_id), Fate.FAILS if kind.endswith("fails") else Fate.STUCK)

    def describe_jobs(self) -> list[dict[str, Any]]:
        trainings = self._jobs.trainings()
        models = {job.id: job.model_id for job in trainings}
        described: list[dict[str, Any]] = [
            {
                "kind": JobKind.TRAINING,
                "name": job.name,
                "model_id": job.model_id,
                "prompt_id": None,
                "images": 0,
                "seed": None,
                "photo_links": list(job.image_urls),
                **self._describe(job),
            }
            for job in reversed(trainings)
        ]
        described += [
            {
                "kind": JobKind.INFERENCE,
                "name": None,
                "model_id": models[job.training_id],
                "prompt_id": job.prompt_id,
                "images": job.images,
                "seed": job.seed,
                "photo_links": [],
                **self._describe(job),
            }
            for job in reversed(self._jobs.inferences())
        ]
        return described

    def _describe(self, job: Training | Inference) -> dict[str, Any]:
        return {
            "id": str(job.id),
            "status": job.status,
            "progress": self._workshop.progress(job),
            "created_at": job.created_at,
            "ended_at": job.ended_at,
        }


def _text(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise missing(name)
    return value


def _integer(arguments: Arguments, name: str) -> int | None:
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise missing(name)
    return value


def _word(status: Status, fault: Fault | None) -> str:
    return status if fault is None else fault.text("word", "SOMETHING_NEW")


def _create_time(at: float, job_id: int) -> str:
    # Local time without a zone, six or seven digits after the point: both are seen at the vendor.
    text = datetime.fromtimestamp(at, _ZONE).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text + str(job_id % 10) if job_id % 2 else text


def _unexpected(job_id: int) -> dict[str, Json]:
    # Fields nobody announced turn up in the vendor's samples, and a caller must live with them.
    return {"createUserId": "1001"} if job_id % 2 else {}
