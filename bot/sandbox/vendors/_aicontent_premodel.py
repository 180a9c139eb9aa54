"""The three operations of AIContent's flow B: photos and a prompt in one order, and its pictures."""

from collections.abc import Callable
from typing import Any

from bot.sandbox.vendors._aicontent_answers import missing, no_such_data
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
from bot.sandbox.vendors._aicontent_jobs import Fate, JobKind, Status
from bot.sandbox.vendors._aicontent_oneshots import Oneshot
from bot.sandbox.vendors._aicontent_work import Workshop, new_model_id, new_prompt_id
from bot.sandbox.vendors._faults import Fault, FaultKind, FaultTable
from bot.sandbox.vendors._state import Json

STRENGTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_USUAL_STRENGTH = 0.5
_ORDER, _ASK, _FETCH = (
    "AddPreModelInferenceJob",
    "QueryPreModelInferenceJobInfo",
    "QueryImageAssetFromImageId",
)

HEADERS = {
    _ORDER: "PersonalizedTextToImageAddInferenceJob",
    _ASK: "PersonalizedTextToImageQueryPreModelInferenceJobInfo",
    _FETCH: "PersonalizedTextToImageQueryImageAsset",
}
"""What `x-acs-action` says of each: it is not what the paths are called."""


class Premodel:
    """What a caller who was let in can ask for."""

    def __init__(
        self,
        workshop: Workshop,
        faults: FaultTable,
        fate: Callable[[str, FaultKind, FaultKind], Fate],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._workshop = workshop
        self._oneshots = workshop.oneshots
        self._faults = faults
        self._fate = fate
        self._clock = clock
        self.table: dict[str, tuple[str, str, Operation]] = {
            _ORDER: ("POST", "/addPreModelInferenceJob", self._add),
            _ASK: ("GET", "/queryPreModelInferenceJobInfo", self._info),
            _FETCH: ("GET", "/queryImageAssetFromImageId", self._image),
        }

    def doom(self, job_id: str, fate: Fate) -> bool:
        """Change the fate of a job under way; False if there is no such job."""
        return self._oneshots.doom(int(job_id), fate)

    def describe_jobs(self) -> list[dict[str, Any]]:
        """Every one-shot for the control API, oldest first."""
        return [
            {
                "kind": JobKind.ONESHOT,
                "id": str(job.id),
                "status": job.status,
                "progress": self._workshop.progress(job),
                "name": None,
                "model_id": job.model_id,
                "prompt_id": job.prompt_id,
                "images": job.images,
                "seed": job.seed,
                "created_at": job.created_at,
                "ended_at": job.ended_at,
                "photo_links": list(job.image_urls),
            }
            for job in reversed(self._oneshots.all())
        ]

    def _add(self, arguments: Arguments) -> Done:
        links = arguments.get("imageUrl")
        if not isinstance(links, list) or not 0 < len(links) <= MAX_LINKS:
            raise missing("imageUrl")
        prompt = text(arguments, "prompt")
        integer(arguments, "trainSteps")
        strength = arguments.get("strength")
        if strength is None:
            strength = _USUAL_STRENGTH
        if isinstance(strength, bool) or strength not in STRENGTHS or not isinstance(strength, float):
            raise missing("strength")
        job = self._oneshots.add(
            image_urls=[link if isinstance(link, str) else "" for link in links],
            prompt=prompt,
            prompt_id=new_prompt_id(),
            # The order names no subject, yet the samples of its answers do.
            model_id=new_model_id("person"),
            images=pictures_wanted(arguments),
            seed=seed_wanted(arguments),
            strength=strength,
            fate=self._fate(_ORDER, FaultKind.INFERENCE_FAILS, FaultKind.INFERENCE_STUCK),
            at=self._clock(),
        )
        self._workshop.make(job.id)
        return Done(self._show(job, just_created=True), subject=job.id)

    def _info(self, arguments: Arguments) -> Done:
        job = self._oneshots.by_id(text(arguments, "inferenceJobId"))
        if job is None or self._is_too_young(job):
            raise no_such_data()
        shown = self._show(job, word=self._faults.take({FaultKind.STATUS_WORD}, _ASK))
        if job.status is Status.FINISHED and self._faults.take({FaultKind.EMPTY_RESULT}, _ASK):
            shown["resultImageUrl"] = []
        return Done(shown, subject=job.id)

    def _image(self, arguments: Arguments) -> Done:
        image_id = text(arguments, "imageId")
        found = self._find(image_id)
        if found is None:
            raise no_such_data()
        job, index = found

        def is_dead(fault: Fault) -> bool:
            of_this_job = fault.details.get("job") in {None, job.id, str(job.id)}
            return of_this_job and index == int(fault.number("image", 0))

        if self._faults.take({FaultKind.DEAD_IMAGE}, _FETCH, is_dead) is not None:
            raise no_such_data()
        return shown_picture(arguments, self._workshop.oneshot_picture(job, index), job.id)

    def _find(self, image_id: str) -> tuple[Oneshot, int] | None:
        """The picture of that id. Where ids repeat, as in the samples, it is the newest job's."""
        for job in self._oneshots.all():
            if job.status is not Status.FINISHED:
                continue
            ids = self._image_ids(job)
            if image_id in ids:
                return job, ids.index(image_id)
        return None

    def _show(
        self, job: Oneshot, *, just_created: bool = False, word: Fault | None = None
    ) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "id": str(job.id),
            "promptId": job.prompt_id,
            "modelId": job.model_id,
            "jobStatus": word_of(job.status, word),
            "createTime": create_time(job.created_at, job.id),
        }
        if not just_created:
            finished = job.status is Status.FINISHED
            shown["jobTrainProgress"] = self._workshop.progress(job)
            shown["resultImageUrl"] = list(self._image_ids(job)) if finished else None
        return shown | unexpected(job.id)

    def _image_ids(self, job: Oneshot) -> list[str]:
        return job.image_ids(like_the_samples=self._workshop.settings.oneshot_image_ids == "samples")

    def _is_too_young(self, job: Oneshot) -> bool:
        fault = self._faults.peek({FaultKind.NOT_YET}, _ASK)
        return fault is not None and self._clock() - job.created_at < fault.number("seconds", 60.0)
