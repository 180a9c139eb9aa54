"""Trainings at the DashScope stand-in: order, look up, list, cancel, delete, read the log."""

from collections.abc import Callable, Mapping

from starlette.requests import Request

from bot.sandbox.vendors._counter import Outcome
from bot.sandbox.vendors._dashscope_answers import (
    check_model,
    done,
    invalid,
    no_such_file,
    no_such_job,
    refused,
    short_time,
    unsupported,
)
from bot.sandbox.vendors._dashscope_door import read_json, read_number, read_page
from bot.sandbox.vendors._dashscope_fates import Fates
from bot.sandbox.vendors._dashscope_files import Files
from bot.sandbox.vendors._dashscope_jobs import JobKind, Status, Training
from bot.sandbox.vendors._dashscope_sources import is_link, resolves_oss
from bot.sandbox.vendors._dashscope_training import Trainer
from bot.sandbox.vendors._dashscope_work import Workshop
from bot.sandbox.vendors._state import Json

MODEL = "facechain-finetune"
_MOST_SOURCES = 10
_CANCELLABLE = frozenset({Status.PENDING, Status.QUEUING, Status.RUNNING})


class Tuning:
    """T1 to T6."""

    def __init__(
        self,
        files: Files,
        fates: Fates,
        shop: Workshop,
        trainer: Trainer,
        *,
        account: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._shop = shop
        self._jobs = shop.jobs
        self._files = files
        self._fates = fates
        self._trainer = trainer
        self._account = account
        self._clock = clock

    async def create(self, request: Request) -> Outcome:
        """T1. Raises Refused."""
        body = await read_json(request)
        check_model(body.get("model"), MODEL)
        sources = self._sources(body.get("training_file_ids"))
        if body.get("validation_file_ids") not in (None, []):
            raise invalid("validation_file_ids is not supported by this model.")
        hyper_parameters = body.get("hyper_parameters") or {}
        training_type = body.get("training_type", "sft")
        if not isinstance(hyper_parameters, dict) or not isinstance(training_type, str):
            raise invalid("hyper_parameters must be an object and training_type a string.")
        if "finetuned_output" in body:
            raise invalid("finetuned_output cannot be specified.")
        settings = self._shop.settings
        room = settings.trainings_at_once + settings.trainings_waiting
        if settings.trainings_at_once and self._jobs.trainings.under_way() >= room:
            raise refused(429, "Throttling", "Too many fine-tune job in running, please retry later")
        job_id = self._jobs.new_job_id()
        fate = self._fates.take("CreateFineTune", JobKind.TRAINING)
        job = Training(
            job_id,
            self._name(body, "job_name", job_id),
            self._name(body, "model_name", job_id),
            sources,
            hyper_parameters,
            training_type,
            resolves_oss(request),
            fate.fate,
            self._clock(),
            fate.code,
            fate.message,
        )
        self._jobs.trainings.add(job_id, job)
        shown = self._show(self._jobs.set_training(job_id, log="job created"))
        self._trainer.start(job_id)
        return done(job_id, output=shown)

    async def get(self, request: Request) -> Outcome:
        """T2. Raises Refused."""
        job = self._find(request)
        if self._fates.is_too_young(job.created_at, "GetFineTune"):
            raise no_such_job(job.job_id)
        return done(job.job_id, output=self._show(job, word=self._fates.word("GetFineTune")))

    async def page(self, request: Request) -> Outcome:
        """T3, newest first. Raises Refused."""
        number, size = read_page(request)
        model = request.query_params.get("model", MODEL)
        jobs = [
            job
            for job in self._jobs.trainings.all()[::-1]
            if not job.deleted and self._fates.is_listed(job.created_at) and model == MODEL
        ]
        word = self._fates.word("ListFineTunes")
        shown: list[Json] = [self._show(job, word=word) for job in jobs[(number - 1) * size : number * size]]
        return done(output={"page_no": number, "page_size": size, "total": len(jobs), "jobs": shown})

    async def cancel(self, request: Request) -> Outcome:
        """T4: a yes is the verdict on the call; the job comes to an end a little later. Raises Refused."""
        job = self._find(request)
        running = job.status is Status.RUNNING and not self._shop.settings.cancel_running
        if job.status not in _CANCELLABLE or running:
            raise unsupported(f"The fine-tune job can not be canceled because it is {job.status.lower()}.")
        self._jobs.set_training(
            job.job_id, status=Status.CANCELING, canceling_at=self._clock(), log="cancel requested"
        )
        return done(job.job_id, output={"status": "success"})

    async def delete(self, request: Request) -> Outcome:
        """T5. Raises Refused."""
        job = self._find(request)
        settings = self._shop.settings
        if job.ended_at is None or not settings.delete_ended:
            raise unsupported(f"The fine-tune job can not be deleted because it is {job.status.lower()}.")
        self._jobs.set_training(job.job_id, deleted=True)
        if settings.face_goes_with_job:
            self._shop.face_path(job.job_id).unlink(missing_ok=True)
        return done(job.job_id, output={"status": "success"})

    async def logs(self, request: Request) -> Outcome:
        """T6: from line `offset`, counted from 1. Raises Refused."""
        job = self._find(request)
        offset, line = max(1, read_number(request, "offset", 1)), read_number(request, "line", 1000)
        if not 1 <= line <= 1000:
            raise invalid("line must be between 1 and 1000.")
        lines: list[Json] = [*job.logs[offset - 1 : offset - 1 + line]]
        return done(job.job_id, output={"total": len(job.logs), "logs": lines})

    def _find(self, request: Request) -> Training:
        job_id = str(request.path_params["job_id"])
        job = self._jobs.trainings.find(job_id)
        if job is None or job.deleted:
            raise no_such_job(job_id)
        return job

    def _sources(self, given: Json) -> list[str]:
        if not isinstance(given, list) or not given:
            raise invalid("training_file_ids is required.")
        if len(given) > _MOST_SOURCES:
            raise invalid(f"training_file_ids must have at most {_MOST_SOURCES} entries.")
        sources = []
        for one in given:
            if not isinstance(one, str) or not one:
                raise invalid("training_file_ids must be strings.")
            if not is_link(one) and not self._files.exists(one):
                raise no_such_file()
            sources.append(one)
        return sources

    def _name(self, body: Mapping[str, Json], field: str, job_id: str) -> str:
        given = body.get(field)
        if given is not None and not isinstance(given, str):
            raise invalid(f"{field} must be a string.")
        return given if given and self._shop.settings.takes_names else job_id

    def _show(self, job: Training, *, word: str | None = None) -> dict[str, Json]:
        settings = self._shop.settings
        succeeded = job.status is Status.SUCCEEDED
        shown: dict[str, Json] = {
            "job_id": job.job_id,
            "job_name": job.job_name,
            "status": word or job.status,
            "model": MODEL,
            "base_model": MODEL,
            "training_file_ids": [*job.sources] if settings.echo_files else [],
            "validation_file_ids": [],
            "hyper_parameters": job.hyper_parameters,
            "training_type": job.training_type,
            "create_time": short_time(job.created_at),
            **self._account,
            "group": "facechain",
            "model_name": job.model_name,
            "max_output_cnt": 1,
        }
        if succeeded or settings.early_output:
            shown["finetuned_output"] = job.face
        if not settings.echo_files:
            shown["training_datasets"] = []
        if job.ended_at is not None:
            shown["end_time"] = short_time(job.ended_at)
        if succeeded:
            shown |= {"usage": 1, "output_cnt": 1}
        if job.status is Status.FAILED:
            shown |= {"code": job.code, "message": job.message}
        return shown
