"""Alibaba DashScope (Model Studio): FaceChain portraits, by a face trained once or straight from photos.

The vendor keeps no key of ours, so a start whose answer was lost is recognised by when it was made; its
generation model was announced to go offline in October 2026. Both stand on this provider's page.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cached_property, partial
from typing import Any, Literal, TypeVar

import httpx
from pydantic import JsonValue, SecretStr, TypeAdapter, ValidationError

from bot.providers._answers import first_text, vendor_words
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
    RemoteState,
    Role,
    Spec,
    TrainingSpec,
)
from bot.providers._errors import (
    AuthenticationFailed,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedResponse,
)
from bot.providers._http import HostAuth, HttpClient
from bot.providers._wire import StatusWords, image, moment
from bot.providers.dashscope.files import Shelf
from bot.providers.dashscope.operations import PAINTER, RESULTS_LIVE, capabilities_by
from bot.providers.dashscope.settings import (
    DashscopeSettings,
    PortraitOptions,
    TrainFreeOptions,
)
from bot.providers.dashscope.wire import (
    BODY,
    OUTPUT,
    PAGE,
    Job,
    Output,
    Task,
    Told,
    findings,
    hours_off,
    maybe,
    page,
    rows,
)
from bot.providers.dashscope.words import (
    JOB_STATES,
    ONE_ENDS,
    OR_GONE,
    RUNS_ONE,
    TASK_STATES,
    UNKNOWN,
    is_moderation,
    open_envelope,
    raise_for,
)

T = TypeVar("T")
PaintKind = Literal["generation", "oneshot"]

API = "/api/v1"
TRAINER, INSPECTOR = "facechain-finetune", "facechain-facedetect"
PAGES = 50
"""Of a list, that are looked through for what was lost."""
LINES = 100
"""Of a training's log, that are shown."""
TEMPLATE, TRAIN_FREE = "portrait_url_template", "train_free_portrait_url_template"


class _Bearer(HostAuth):
    def __init__(self, home: str, key: SecretStr) -> None:
        super().__init__(home)
        self._key = key

    def sign(self, request: httpx.Request) -> None:
        request.headers["authorization"] = f"Bearer {self._key.get_secret_value()}"


class Dashscope(Provider[DashscopeSettings]):
    """Trains with `/fine-tunes`, makes portraits with `gen_potrait` (sic), pulls each by its signed link."""

    name = "dashscope"
    Settings = DashscopeSettings

    def __init__(self, settings: DashscopeSettings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._auth = _Bearer(settings.endpoint, settings.api_key)
        self._shelf = Shelf(self._call)
        self._job_state = StatusWords(self.name, JOB_STATES, {})
        self._task_state = StatusWords(self.name, TASK_STATES, {})
        self._zone = timezone(timedelta(hours=settings.utc_offset_hours))

    @classmethod
    def client(cls, settings: DashscopeSettings, **transport: Any) -> HttpClient:
        """A client that opens this vendor's envelopes and keeps to its calls per second."""
        return HttpClient(
            settings.endpoint,
            per_second=settings.requests_per_second,
            connections=settings.connections,
            deadline=settings.call_deadline,
            envelope=partial(open_envelope, secrets=(settings.api_key.get_secret_value(),)),
            retry_headers={"retry-after-ms": timedelta(milliseconds=1)},
            retry_cap=timedelta(minutes=10),
            proxy=settings.proxy.get_secret_value() if settings.proxy else None,
            **transport,
        )

    @cached_property
    def capabilities(self) -> Capabilities:
        """One face per photo, preset styles or a template and no prompt, one job of a kind at a time."""
        return capabilities_by(self.settings)

    async def check(self) -> None:
        """Ask for the newest training: free, and right only if the key, its region and its rights are."""
        query = {"model": TRAINER, "page_no": "1", "page_size": "1"}
        try:
            await self._get("/fine-tunes", OUTPUT, query)
        except Unavailable as error:
            hint = "Check the network, DASHSCOPE_ENDPOINT and DASHSCOPE_PROXY."
            told = {"code": error.code, "request_id": error.request_id}
            raise Unavailable(f"{error} {hint}", **told, retry_after=error.retry_after) from None
        except NotFound as error:
            where = "DashScope is not at this address: check DASHSCOPE_ENDPOINT."
            raise NotFound(where, code=error.code, request_id=error.request_id) from None

    # -- starting

    async def inspect(self, inputs: Sequence[MediaInput]) -> tuple[Finding, ...]:
        """Have the face check look at every photo; those without a link are uploaded for it and deleted."""
        faces = [photo for photo in inputs if photo.role is Role.PHOTO]
        async with self._shelf.lent(faces) as links:
            body = {"model": INSPECTOR, "input": {"images": links}, "parameters": {}}
            told = await self._post("/services/vision/facedetection/detect", body, safe=True)
        return findings(told.output, len(faces))

    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        """Start a training with links, with files uploaded for it, or with both."""
        entries = [photo.url for photo in spec.inputs if photo.url]
        files = [photo for photo in spec.inputs if not photo.url]
        if not 1 <= len(spec.inputs) <= self.settings.photos_max:
            raise InvalidInput(f"This vendor trains on 1 to {self.settings.photos_max} photos.")
        if files:
            try:
                entries += await self._shelf.bring(files, key, zipped=self.settings.delivery == "zip")
            except UnexpectedResponse as error:
                # Nothing was started yet, so this is no answer that was lost.
                raise Unavailable(error.detail, code=error.code, request_id=error.request_id) from None
        begun = await self._post("/fine-tunes", {"model": TRAINER, "training_file_ids": entries})
        job = self._read(Job, begun)
        return self._said_job(RemoteRef(kind="training", id=job.id), job, RemoteState.QUEUED)

    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:  # noqa: ARG002
        """Start portraits of a trained face: in a preset style, or into a template picture."""
        chosen = _chosen(PortraitOptions, spec.options)
        scenery = _link(spec.inputs, Role.TEMPLATE)
        if bool(scenery) == bool(chosen.style):
            raise InvalidInput("Choose either a style or a template picture.")
        parameters: dict[str, JsonValue] = {"style": chosen.style or TEMPLATE, "n": self._count(spec.count)}
        if not scenery:
            parameters["size"] = "768*1024"
        face: JsonValue = [{"resource_id": spec.model_id, "resource_type": "facelora"}]
        scene: JsonValue = {"template_url": scenery} if scenery else {}
        ref = await self._paint({"parameters": parameters, "resources": face, "input": scene}, "generation")
        return RemoteJob(ref=ref.model_copy(update={"model_id": spec.model_id}), state=RemoteState.QUEUED)

    async def oneshot(self, spec: OneshotSpec, *, key: str) -> RemoteJob:  # noqa: ARG002
        """Start portraits straight from photos and a template picture; no face is kept."""
        chosen = _chosen(TrainFreeOptions, spec.options)
        photos = [photo.url for photo in spec.inputs if photo.role is Role.PHOTO]
        scenery = _link(spec.inputs, Role.TEMPLATE)
        if not scenery or not photos or None in photos:
            raise InvalidInput("This needs a template picture and photos, each by a link.")
        body: dict[str, JsonValue] = {
            "parameters": {
                "style": TRAIN_FREE,
                "n": self._count(spec.count),
                "skin_retouch": chosen.skin_retouch,
            },
            "input": {"template_url": scenery, "user_urls": [str(url) for url in photos]},
        }
        return RemoteJob(ref=await self._paint(body, "oneshot"), state=RemoteState.QUEUED)

    def _count(self, wanted: int) -> int:
        if not 1 <= wanted <= self.settings.images_max:
            raise InvalidInput(f"This vendor makes 1 to {self.settings.images_max} portraits at once.")
        return wanted

    async def _paint(self, body: Mapping[str, JsonValue], kind: PaintKind) -> RemoteRef:
        try:
            told = await self._post(
                "/services/aigc/album/gen_potrait",
                {"model": PAINTER, **body},
                # Without it the vendor refuses: it makes no portraits while one waits.
                headers={"x-dashscope-async": "enable"},
            )
        except AuthenticationFailed as error:
            if not (error.code or "").startswith("AccessDenied"):
                raise
            # With which code a model that is gone is refused is not known; this may be the one.
            words = f"{error.detail} {OR_GONE}"
            raise AuthenticationFailed(words, code=error.code, request_id=error.request_id) from None
        return RemoteRef(kind=kind, id=self._read(Task, told).id)

    # -- afterwards

    async def tidy(self, ref: RemoteRef, *, key: str) -> None:
        """Delete the files that were uploaded for a training: the account has room for a hundred."""
        if ref.kind == "training":
            await self._shelf.clear(key)

    # -- looking

    async def find(
        self, spec: Spec, *, key: str, known: frozenset[str], since: datetime | None = None
    ) -> RemoteJob | None:
        """Look for the one job of this kind that was made since the call left and belongs to nobody yet.

        Raises:
            UnexpectedResponse: there is more than one, so nobody can tell which is ours.
        """
        if isinstance(spec, TrainingSpec):
            listed = self._listed("/fine-tunes", "jobs", model=TRAINER)
            jobs = [job async for row in listed if (job := maybe(Job, row))]
            ours = {file.id for file in await self._shelf.of(key)}
            found = [job for job in jobs if self._may_be(job, ours, known, since)]
            if len(found) > 1:
                raise UnexpectedResponse("Several trainings were started since, and none can be told apart.")
            if not found:
                self._refuse_other_zones((job.created for job in jobs if job.id not in known), since)
                return None
            ref = RemoteRef(kind="training", id=found[0].id)
            return self._said_job(ref, found[0], self._open(self._job_state(found[0].status)))
        if not self.settings.find_tasks:
            raise UnexpectedResponse("DashScope's portraits cannot be told apart.")
        query = {"model_name": PAINTER}
        if since is not None:
            # A day more than is looked for: by a clock of another zone the list would be empty.
            begun = (since - self.settings.clock_slack - RESULTS_LIVE).astimezone(self._zone)
            query["start_time"] = begun.strftime("%Y%m%d%H%M%S")
        listed = self._listed("/tasks", "tasks", "data", **query)
        tasks = [task async for row in listed if (task := maybe(Task, row)) and task.id not in known]
        fresh = [task for task in tasks if not self._is_older(task.made, since)]
        if len(fresh) > 1:
            raise UnexpectedResponse("Several portraits were started since, and none can be told apart.")
        if not fresh:
            self._refuse_other_zones((task.made for task in tasks), since)
            return None
        kind: PaintKind = "generation" if isinstance(spec, GenerationSpec) else "oneshot"
        model_id = spec.model_id if isinstance(spec, GenerationSpec) else None
        return RemoteJob(
            ref=RemoteRef(kind=kind, id=fresh[0].id, model_id=model_id), state=RemoteState.QUEUED
        )

    async def _listed(self, path: str, *names: str, **query: str) -> AsyncIterator[JsonValue]:
        """Every row there is: in which order they are listed is not documented.

        Raises:
            UnexpectedResponse: the list has no end, so that what is not found may be in it all the same.
        """
        seen = 0
        for number in range(1, PAGES + 1):
            body = await self._get(path, BODY, page(number, **query))
            inner = body.get("output")
            told = inner if isinstance(inner, dict) else body
            listed, total = rows(told, *names), told.get("total")
            seen += len(listed)
            for row in listed:
                yield row
            # A page may be shorter than was asked for.
            if not listed or (len(listed) < PAGE and not (isinstance(total, int) and seen < total)):
                return
        raise UnexpectedResponse("DashScope lists more than can be looked through.")

    def _is_older(self, made: str | None, since: datetime | None) -> bool:
        at = moment(made, self._zone)
        return bool(since and at and at < since - self.settings.clock_slack)

    def _refuse_other_zones(self, times: Iterable[str | None], since: datetime | None) -> None:
        slack = self.settings.clock_slack
        if any(hours_off(moment(made, self._zone), since, slack) for made in times):
            raise UnexpectedResponse(
                "What was lost fits by a clock of another zone: see DASHSCOPE_UTC_OFFSET_HOURS."
            )

    def _may_be(self, job: Job, ours: set[str], known: frozenset[str], since: datetime | None) -> bool:
        if job.id in known or self._is_older(job.created, since):
            return False
        # Newer servers echo no files at all: only files of somebody else speak against it.
        named = {file for file in job.files or () if isinstance(file, str)}
        return not (ours and named) or bool(ours & named)

    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:  # noqa: ARG002
        """Ask where a job stands; trainings and portraits are asked for in different places."""
        if ref.kind == "training":
            told = await self._get(f"/fine-tunes/{ref.id}", OUTPUT)
            job = self._read(Job, told)
            return self._said_job(ref, job, self._job_state(job.status))
        told = await self._get(f"/tasks/{ref.id}", OUTPUT)
        task = self._read(Task, told)
        if (task.status or "").upper() == UNKNOWN:
            # Just made and not there yet, or over for a day: whoever asked decides how long that may be.
            raise NotFound("DashScope does not know these portraits, or no longer.", code=UNKNOWN)
        return self._said_task(ref, task, told.usage)

    async def logs(self, ref: RemoteRef) -> tuple[str, ...]:
        """The last lines a training has written; portraits write none."""
        if ref.kind != "training":
            return ()
        path = f"/fine-tunes/{ref.id}/logs"
        told = await self._get(path, OUTPUT, {"offset": "1", "line": str(LINES)})
        total = told.output.get("total")
        if isinstance(total, int) and total > LINES:
            # Counted from the oldest: those at its beginning say nothing of how it ended.
            last = {"offset": str(total - LINES + 1), "line": str(LINES)}
            told = await self._get(path, OUTPUT, last)
        lines = told.output.get("logs")
        return tuple(vendor_words(line) for line in lines) if isinstance(lines, list) else ()

    async def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        """Pull one portrait. Its link lives for a day and is asked for anew, so that none is kept here.

        Raises:
            NotFound: the vendor has forgotten the portraits, or this one has failed.
        """
        told = await self._get(f"/tasks/{ref.id}", OUTPUT)
        link = self._read(Task, told).links().get(int(json.loads(artifact.locator)[1]))
        if link is None:
            raise NotFound("DashScope no longer has this portrait.")
        async for chunk in image(self.http.download(link, max_bytes=self.settings.image_max_bytes)):
            yield chunk

    async def cancel(self, ref: RemoteRef) -> bool:
        """Stop a training, or portraits that still wait. False: the vendor says that it is too late."""
        path = f"/fine-tunes/{ref.id}/cancel" if ref.kind == "training" else f"/tasks/{ref.id}/cancel"
        return await self._done("POST", path, unknown=False)

    async def delete(self, ref: RemoteRef) -> bool:
        """Delete a training and with it, as far as the vendor says, its face. Portraits go by themselves."""
        return ref.kind == "training" and await self._done("DELETE", f"/fine-tunes/{ref.id}", unknown=True)

    async def _done(self, method: str, path: str, *, unknown: bool) -> bool:
        """Whether the vendor did it; `unknown` is the answer where it does not know such a thing."""
        try:
            await self._call(method, path, BODY, safe=True)
        except InvalidInput:
            return False
        except NotFound:
            return unknown
        return True

    # -- the wire

    def _headers(self) -> dict[str, str]:
        return {"x-dashscope-workspace": self.settings.workspace} if self.settings.workspace else {}

    async def _get(self, path: str, into: TypeAdapter[T], query: Mapping[str, str] | None = None) -> T:
        return await self._call("GET", path, into, query=query)

    async def _post(self, path: str, body: Mapping[str, object], **facts: Any) -> Output:
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"content-type": "application/json; charset=utf-8"} | facts.pop("headers", {})
        return await self._call("POST", path, OUTPUT, content=content, headers=headers, **facts)

    async def _call(self, method: str, path: str, into: TypeAdapter[T], **facts: Any) -> T:
        headers = self._headers() | facts.pop("headers", {})
        try:
            return await self.http.call(method, API + path, into, headers=headers, auth=self._auth, **facts)
        except RateLimited as error:
            if error.code == RUNS_ONE:
                error.retry_after = error.retry_after or ONE_ENDS
            raise

    @staticmethod
    def _read(kind: type[Told], told: Output) -> Told:
        try:
            return kind.model_validate(told.output)
        except ValidationError:
            raise UnexpectedResponse("DashScope's answer names no job.") from None

    @staticmethod
    def _open(state: RemoteState) -> RemoteState:
        """What became of a job just made or found is for `poll` to say."""
        return RemoteState.QUEUED if state is RemoteState.QUEUED else RemoteState.RUNNING

    def _said_job(self, ref: RemoteRef, job: Job, state: RemoteState) -> RemoteJob:
        # The create answer already names the model of a training that has not begun.
        model_id = job.model_id if state is RemoteState.SUCCEEDED else None
        bill = (Decimal(job.usage), "training") if job.usage is not None else (None, None)
        if state is RemoteState.FAILED:
            raise_for(job.code, job.message, *bill)
        facts = {"id": job.id, "status": job.status, "model_id": model_id, "code": job.code}
        if made := moment(job.created, self._zone):
            facts["created_at"] = made.astimezone(UTC).isoformat(timespec="seconds")
        return RemoteJob(
            ref=ref.model_copy(update={"model_id": model_id or ref.model_id}),
            state=state,
            model_id=model_id,
            reason=vendor_words(job.message or job.code) or None if state is RemoteState.FAILED else None,
            cost=bill[0],
            cost_unit=bill[1],
            details={name: vendor_words(fact) for name, fact in facts.items() if fact},
        )

    def _said_task(self, ref: RemoteRef, task: Task, usage: JsonValue) -> RemoteJob:
        state, links = self._task_state(task.status), task.links()
        made = usage.get("image_count") if isinstance(usage, dict) else None
        bill = (Decimal(made), "image") if isinstance(made, int) else (None, None)
        if state is RemoteState.FAILED:
            raise_for(task.code, task.message, *bill)
        reason = vendor_words(task.message or task.code) or None
        lost = state is RemoteState.SUCCEEDED and not links
        if lost:
            first = next((row for row in task.results if row.get("code")), {})
            raise_for(first_text(first, "code"), first_text(first, "message"), *bill)
            reason = vendor_words(first_text(first, "message")) or "The vendor names no picture."
        facts = {"id": task.id, "status": task.status, "code": task.code}
        return RemoteJob(
            ref=ref,
            state=RemoteState.FAILED if lost else state,
            tentative=lost,
            model_id=ref.model_id,
            artifacts=tuple(Artifact(locator=json.dumps([task.id, n])) for n in links),
            held_back=sum(is_moderation(first_text(row, "code")) for row in task.results) if links else 0,
            reason=reason if state is RemoteState.FAILED or lost else None,
            cost=bill[0],
            cost_unit=bill[1],
            details={name: vendor_words(fact) for name, fact in facts.items() if fact},
        )


def _chosen(kind: type[T], options: Mapping[str, JsonValue]) -> T:
    try:
        return TypeAdapter(kind).validate_python(dict(options))
    except ValidationError:
        raise InvalidInput("These options are not this vendor's.") from None


def _link(inputs: Sequence[MediaInput], role: Role) -> str | None:
    return next((one.url for one in inputs if one.role is role), None)
