"""The six operations of AIContent's flow A, and how its jobs look from outside."""

from collections.abc import Callable
from typing import Any

from bot.sandbox.vendors._aicontent_answers import missing, no_such_data, no_such_training
from bot.sandbox.vendors._aicontent_arguments import (
    MAX_LINKS,
    Arguments,
    Done,
    Operation,
    create_time,
    integer,
    pictures_wanted,
    seed_wanted,
    shown_picture,
    text,
    unexpected,
    word_of,
)
from bot.sandbox.vendors._aicontent_jobs import Fate, Inference, JobKind, Jobs, Status, Training
from bot.sandbox.vendors._aicontent_premodel import Premodel
from bot.sandbox.vendors._aicontent_work import Workshop, new_prompt_id
from bot.sandbox.vendors._faults import Fault, FaultKind, FaultTable
from bot.sandbox.vendors._state import Json


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
        self._premodel = Premodel(workshop, faults, self._fate, clock=clock)
        self.table |= self._premodel.table

    def _add_training(self, arguments: Arguments) -> Done:
        links = arguments.get("imageUrl")
        if not isinstance(links, list) or not 0 < len(links) <= MAX_LINKS:
            raise missing("imageUrl")
        training = self._jobs.add_training(
            name=text(arguments, "name"),
            object_type=text(arguments, "objectType"),
            image_urls=[link if isinstance(link, str) else "" for link in links],
            train_steps=integer(arguments, "trainSteps"),
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
        training = self._jobs.by_model(text(arguments, "modelId"))
        if training is None or self._is_too_young(training, action):
            raise no_such_training()
        word = self._faults.take({FaultKind.STATUS_WORD}, action)
        return Done({"modelTrainStatus": word_of(training.status, word)}, subject=training.id)

    def _add_inference(self, arguments: Arguments) -> Done:
        training = self._jobs.by_model(text(arguments, "modelId"))
        prompt = text(arguments, "prompt")
        if training is None:
            raise no_such_training()
        if training.status is not Status.FINISHED:
            raise no_such_data()
        inference = self._jobs.add_inference(
            training_id=training.id,
            prompt_id=new_prompt_id(),
            prompt=prompt,
            images=pictures_wanted(arguments),
            seed=seed_wanted(arguments),
            fate=self._fate("AddInferenceJob", FaultKind.INFERENCE_FAILS, FaultKind.INFERENCE_STUCK),
            at=self._clock(),
        )
        self._workshop.draw(inference.id)
        return Done(self._show_inference(inference, training, just_created=True), subject=inference.id)

    def _inference_info(self, arguments: Arguments) -> Done:
        action = "QueryInferenceJobInfo"
        inference = self._jobs.by_inference_id(text(arguments, "inferenceJobId"))
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
        training = self._jobs.by_model(text(arguments, "modelId"))
        prompt_id, image_id = text(arguments, "promptId"), text(arguments, "imageId")
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
        return shown_picture(arguments, picture, inference.id)

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
            "jobStatus": word_of(job.status, word),
            "inferenceJobList": None
            if just_created
            else [self._show_inference(one, job) for one in inferences],
            "inferenceImageCount": sum(one.images for one in inferences if one.status is Status.FINISHED),
            "createTime": create_time(job.created_at, job.id),
        }
        if job.model_id is not None:
            shown |= {"modelId": job.model_id, "jobTrainProgress": self._workshop.progress(job)}
        return shown | unexpected(job.id)

    def _show_inference(
        self, job: Inference, training: Training, *, just_created: bool = False, word: Fault | None = None
    ) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "id": str(job.id),
            "promptId": job.prompt_id,
            "modelId": training.model_id,
            "jobStatus": word_of(job.status, word),
            "resultImageUrl": list(job.image_ids) if job.status is Status.FINISHED else None,
            "createTime": create_time(job.created_at, job.id),
        }
        if not just_created:
            shown["jobTrainProgress"] = self._workshop.progress(job)
        return shown | unexpected(job.id)

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
        fate = Fate.FAILS if kind.endswith("fails") else Fate.STUCK
        if kind.startswith("training"):
            return self._jobs.doom(JobKind.TRAINING, int(job_id), fate)
        return self._jobs.doom(JobKind.INFERENCE, int(job_id), fate) or self._premodel.doom(job_id, fate)

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
        return described + self._premodel.describe_jobs()

    def _describe(self, job: Training | Inference) -> dict[str, Any]:
        return {
            "id": str(job.id),
            "status": job.status,
            "progress": self._workshop.progress(job),
            "created_at": job.created_at,
            "ended_at": job.ended_at,
        }
