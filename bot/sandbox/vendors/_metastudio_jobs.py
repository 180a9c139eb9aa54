"""The training group of MetaStudio's API, T1 to T5: create, list, show, update and delete."""

from collections.abc import Iterable

from bot.sandbox.vendors._metastudio_answers import Done, invalid, not_found, refused, when
from bot.sandbox.vendors._metastudio_fields import CreateTraining, UpdateTraining, wishes
from bot.sandbox.vendors._metastudio_library import paged
from bot.sandbox.vendors._metastudio_parts import Call, Operation, Operations, Parts
from bot.sandbox.vendors._metastudio_queries import TrainingPage, within
from bot.sandbox.vendors._metastudio_states import DELETABLE, REVIEW_FAILED, SUCCEEDED, State
from bot.sandbox.vendors._metastudio_store import Store
from bot.sandbox.vendors._metastudio_trainings import Comment, FileKind, Log, Training
from bot.sandbox.vendors._state import Json, together

PREFIX = "/digital-human-training-manage/user/jobs"
_MULTIPART = (FileKind.TRAINING_VIDEO, FileKind.ACTION_VIDEO)
_URL_NAMES = {
    FileKind.TRAINING_VIDEO: "training_video",
    FileKind.ACTION_VIDEO: "action_video",
    FileKind.AUDIO: "audio",
    FileKind.COVER: "cover",
    FileKind.ID_CARD_1: "id_card_image1",
    FileKind.ID_CARD_2: "id_card_image2",
    FileKind.GRANT_FILE: "grant_file",
    FileKind.PRE_BEAUTY: "pre_beauty_image",
    FileKind.POST_BEAUTY: "post_beauty_image",
}
_ALWAYS = (
    FileKind.TRAINING_VIDEO,
    FileKind.COVER,
    FileKind.ID_CARD_1,
    FileKind.ID_CARD_2,
    FileKind.GRANT_FILE,
)
"""The URLs of the vendor's own example."""
_WITH_ASSET = SUCCEEDED | {State.WAIT_USER_CONFIRM, State.JOB_PENDING, State.JOB_REJECT}
_TOLD_WISHES = (
    "contact",
    "batch_name",
    "tags",
    "model_version",
    "is_flexus",
    "is_live_copy",
    "is_fast_flexus",
    "is_only_human_model",
    "is_background_replacement",
    "is_ondemand_resource",
)


class TrainingJobs:
    """The operations."""

    def __init__(self, parts: Parts, store: Store) -> None:
        self._parts = parts
        self._store = store
        self.operations: Operations = {
            "CreateTraining": Operation("POST", PREFIX, self._create, "training"),
            "ListTrainings": Operation("GET", PREFIX, self._list, "training"),
            "ShowTraining": Operation("GET", f"{PREFIX}/{{job_id}}", self._show, "training"),
            "UpdateTraining": Operation("PUT", f"{PREFIX}/{{job_id}}", self._update, "training"),
            "DeleteTraining": Operation("DELETE", f"{PREFIX}/{{job_id}}", self._delete, "training"),
        }

    async def _create(self, call: Call) -> Done:
        wished = _wished(call.read(CreateTraining), None)
        if not wished["is_ondemand_resource"]:
            self._use_up_one()
        now = self._parts.clock()
        with together(self._parts.db):
            training = self._parts.trainings.add(wished, app_user_id=call.app_user_id, at=now)
            self._parts.trainings.log(training.id, Log(now, "USER_CREATE_JOD", "USER"))
        return Done({"job_id": training.id, **self._upload_urls(training)}, subject=training.id)

    async def _list(self, call: Call) -> Done:
        page = call.asked(TrainingPage)
        newest = self._parts.newest_listed(call.action)
        wanted = [
            one
            for one in self._parts.trainings.all()
            if one.created_at <= newest and self._is_asked_for(one, page)
        ]
        found = paged(wanted, page.sort_key, page.sort_dir, page.offset, page.limit)
        jobs: list[Json] = [self._basic(one, call.action) for one in found]
        return Done({"count": len(wanted), "jobs": jobs})

    async def _show(self, call: Call) -> Done:
        training = found_training(self._parts, call)
        return Done(self._whole(training, call.action), subject=training.id)

    async def _update(self, call: Call) -> Done:
        training = found_training(self._parts, call)
        settings = self._parts.settings
        waiting = training.state == State.WAIT_FILE_UPLOAD and settings.update_while_waiting
        if training.state not in REVIEW_FAILED and not waiting:
            raise invalid("the job can not be updated in its state")
        asked = call.read(UpdateTraining)
        wished = _wished(asked, training.wishes)
        now = self._parts.clock()
        state = training.state if settings.update_keeps_state else State.WAIT_FILE_UPLOAD
        with together(self._parts.db):
            self._parts.trainings.rewish(training.id, wished)
            # A multipart upload begins anew; the papers that are here already stay until others come.
            for kind in _MULTIPART:
                self._store.drop(training.id, kind)
            self._parts.trainings.change(
                training.id,
                state=state,
                since=now,
                due_at=None,
                upload=training.upload + 1,
                confirmed=False,
                action_confirmed=False,
                updated_at=now,
            )
            if asked.command_message == "UPDATE_VIDEO":
                self._parts.trainings.log(training.id, Log(now, "USER_UPDATE_VIDEO", "USER"))
        updated = found_training(self._parts, call)
        return Done({"job_id": training.id, **self._upload_urls(updated)}, subject=training.id)

    async def _delete(self, call: Call) -> Done:
        training = found_training(self._parts, call)
        if training.state not in DELETABLE:
            raise invalid("the job can not be deleted in its state")
        self._parts.trainings.change(training.id, deleted=True, due_at=None)
        self._store.drop_all(training.id)
        return Done(subject=training.id)

    def _use_up_one(self) -> None:
        left = self._parts.settings.trainings_left
        if left == 0:
            # The vendor's code for this is not documented; this one is invented.
            raise refused(400, "MSS.44000099", "No training resource is left; purchase one first.")
        if left is not None:
            self._parts.dial.turn({"trainings_left": left - 1})

    def _upload_urls(self, training: Training) -> dict[str, Json]:
        kinds = list(_ALWAYS)
        if training.wishes["audio_source_type"] == "AUDIO":
            kinds.append(FileKind.AUDIO)
        if wants_action_video(training):
            kinds.append(FileKind.ACTION_VIDEO)
        if self._parts.settings.every_upload_url:
            kinds = list(_URL_NAMES)
        urls: dict[str, Json] = {}
        for kind in kinds:
            parts = range(1, training.parts_of(kind) + 1)
            each: list[Json] = [self._store.upload_url(training, kind, part) for part in parts]
            urls[f"{_URL_NAMES[kind]}_upload_url"] = each if kind in _MULTIPART else each[0]
        return urls

    def _is_asked_for(self, one: Training, page: TrainingPage) -> bool:
        wished = one.wishes
        exact = (
            (page.query_project_id, self._parts.account.project_id),
            (page.batch_name, wished.get("batch_name")),
            (page.job_id, one.id),
            (page.model_resolution, _resolution(one)),
            (page.is_flexus, wished["is_flexus"]),
            (page.is_live_copy, wished["is_live_copy"]),
            (page.is_ondemand_resource, wished["is_ondemand_resource"]),
            (page.train_location, self._parts.account.region),
        )
        return (
            all(wanted in {None, value} for wanted, value in exact)
            and (not page.states or one.state in page.states)
            # Other lists of the vendor say that a name is looked for anywhere in it; so is this one's.
            and (page.name or "") in one.name
            and (page.tag is None or page.tag in wished.get("tags", []))
            and within(one.created_at, page.create_since, page.create_until)
            and within(one.updated_at, page.update_since, page.update_until)
        )

    def _basic(self, training: Training, action: str) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "job_id": training.id,
            "name": training.name,
            "state": self._parts.told(action, training.state),
        }
        if training.asset_id is not None and training.state in _WITH_ASSET:
            shown["asset_id"] = training.asset_id
        if self._parts.settings.sparse:
            return shown
        shown |= {
            "project_id": self._parts.account.project_id,
            "create_time": when(training.created_at),
            "last_update_time": when(training.updated_at),
            "matting_type": "AI",
            "model_resolution": _resolution(training),
            "optional_training_location": [self._parts.account.region],
        }
        if training.app_user_id is not None:
            shown["app_user_id"] = training.app_user_id
        shown |= {name: training.wishes[name] for name in _TOLD_WISHES if name in training.wishes}
        if self._store.path(f"{training.id}/{FileKind.COVER}").exists():
            shown["cover_download_url"] = self._store.download_url(f"{training.id}/{FileKind.COVER}")
        return shown

    def _whole(self, training: Training, action: str) -> dict[str, Json]:
        shown = self._basic(training, action)
        if self._parts.settings.sparse:
            return shown
        for kind, name in _URL_NAMES.items():
            if kind is not FileKind.COVER and self._store.file(training, kind) is not None:
                field = "audio_file" if kind is FileKind.AUDIO else name
                shown[f"{field}_download_url"] = self._store.download_url(f"{training.id}/{kind}")
        if (voice := training.wishes.get("voice_properties")) is not None:
            shown["voice_properties"] = voice
        on_demand = training.wishes["is_ondemand_resource"]
        return shown | {
            "operation_logs": _logs(self._parts.trainings.logs(training.id)),
            "comment_logs": [
                self._comment(training, one) for one in self._parts.trainings.comments(training.id)
            ],
            "samples": [],
            "worker_type": [],
            "is_mask_file_uploaded": False,
            "flexus_retry_count": training.retries,
            "audio_source_type": training.wishes["audio_source_type"],
            "supported_service": training.wishes["supported_service"],
            "allocated_resource": {
                "resource_id": f"resource-{training.id[:8]}",
                "charge_mode": "ON_DEMAND" if on_demand else "ONE_TIME",
            },
        }

    def _comment(self, training: Training, comment: Comment) -> dict[str, Json]:
        keys = [f"{training.id}/{FileKind.ATTACHMENT}.{number}" for number in comment.attachments]
        return {
            "operate_time": when(comment.at),
            "comment_type": comment.type,
            "comment_title": comment.title or "",
            "comment_message": comment.message or "",
            "attachment_download_url": [
                self._store.download_url(key) for key in keys if self._store.path(key).exists()
            ],
        }


def found_training(parts: Parts, call: Call) -> Training:
    """The training that a path names.

    Raises:
        Refused: there is none, or it is too young to be known, on order.
    """
    training = parts.trainings.get(call.path["job_id"])
    if training is None or parts.is_hidden(call.action, training.created_at):
        raise not_found()
    return training


def wants_action_video(training: Training) -> bool:
    """Whether a film of movements belongs to the order."""
    asked = training.wishes["command_message"] in {"GET_ACTION_VIDEO_MULTIPART", "CONFIRM_ACTION_VIDEO"}
    return asked or training.wishes.get("action_video_multipart_count") is not None


def _wished(asked: CreateTraining | UpdateTraining, before: dict[str, Json] | None) -> dict[str, Json]:
    try:
        return wishes(asked, before)
    except ValueError as error:
        raise invalid(str(error)) from error


def _resolution(training: Training) -> str:
    return training.resolution or "1080P"


def _logs(logs: Iterable[Log]) -> list[Json]:
    shown: list[Json] = []
    for log in logs:
        line: dict[str, Json] = {
            "operate_time": when(log.at),
            "log_type": log.log_type,
            "operate_user": log.user,
        }
        given = {"log_description": log.description, "error_code": log.error_code}
        line |= {name: value for name, value in given.items() if value is not None}
        if log.redo_reasons:
            line["redo_reasons"] = list(log.redo_reasons)
        shown.append(line)
    return shown
