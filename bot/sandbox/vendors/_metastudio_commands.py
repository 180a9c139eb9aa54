"""MetaStudio's commands, T6. All are answered with HTTP 200; the body says whether they were carried out."""

import asyncio
from collections.abc import Callable

from bot.sandbox.vendors._metastudio_answers import Done, command_failed
from bot.sandbox.vendors._metastudio_fields import CommandTraining, CommentData
from bot.sandbox.vendors._metastudio_jobs import PREFIX, found_training, wants_action_video
from bot.sandbox.vendors._metastudio_parts import Call, Operation, Operations, Parts
from bot.sandbox.vendors._metastudio_states import BROKEN, REVIEW_FAILED, SUCCEEDED, State, first
from bot.sandbox.vendors._metastudio_store import Store
from bot.sandbox.vendors._metastudio_trainings import FileKind, Log, Part, Training
from bot.sandbox.vendors._state import Json, together

_AT_REST = REVIEW_FAILED | SUCCEEDED | BROKEN | {State.WAIT_FILE_UPLOAD, State.JOB_REJECT}


_Command = Callable[[Training, CommandTraining], dict[str, Json]]


class _Failed(Exception):
    """The command is not carried out; the text says why."""


class Commands:
    """The one operation, and what each command does."""

    def __init__(self, parts: Parts, store: Store) -> None:
        self._parts = parts
        self._store = store
        self.operations: Operations = {
            "CommandTraining": Operation("POST", f"{PREFIX}/{{job_id}}/command", self._command, "training")
        }
        self._for_all: dict[str, _Command] = {
            "SUBMITVERIFYING": self._submit,
            "GET_MULTIPART_UPLOADED": self._list_video,
            "GET_ACTION_VIDEO_MULTIPART_UPLOADED": self._list_action_video,
            "CONFIRM_AUTHORIZATION_LETTER": self._confirm_letter,
            "CONFIRM_REPAIR": self._repair,
            "DELETE_JOB_VIDEO": self._delete_video,
        }
        self._for_na: dict[str, _Command] = {
            "CONFIRM_ACCEPT": self._accept,
            "CONFIRM_REJECT": self._reject,
            "CONFIRM_ANSWER": self._answer,
            "CONFIRM_PENDING": self._suspend,
            "CONFIRM_ACTIVE": self._go_on,
        }

    @property
    def _waiting(self) -> frozenset[State]:
        """Where files may be confirmed and the job submitted. A refused job gets there by an update."""
        refused = REVIEW_FAILED if self._parts.settings.update_keeps_state else frozenset()
        return refused | {State.WAIT_FILE_UPLOAD}

    async def _command(self, call: Call) -> Done:
        training = found_training(self._parts, call)
        asked = call.read(CommandTraining)
        try:
            more = await self._carry_out(training, asked)
        except _Failed as why:
            return Done(command_failed(str(why)), subject=training.id)
        return Done({"commond_result": "EXCUTE_SUCCESS", **more}, subject=training.id)

    async def _carry_out(self, training: Training, asked: CommandTraining) -> dict[str, Json]:
        if asked.command == "CONFIRM_MULTIPART_UPLOADED":
            return await self._confirm(training, FileKind.TRAINING_VIDEO)
        if asked.command == "CONFIRM_ACTION_VIDEO_MULTIPART_UPLOADED":
            return await self._confirm(training, FileKind.ACTION_VIDEO)
        if asked.command in self._for_na:
            if not self._parts.settings.na_tenant:
                raise _Failed("the command is for white-listed tenants only")
            return self._at_once(self._for_na[asked.command], training, asked)
        return self._at_once(self._for_all[asked.command], training, asked)

    def _at_once(self, command: _Command, training: Training, asked: CommandTraining) -> dict[str, Json]:
        with together(self._parts.db):
            return command(training, asked)

    async def _confirm(self, training: Training, kind: FileKind) -> dict[str, Json]:
        self._demand(training, *self._waiting)
        column = "confirmed" if kind is FileKind.TRAINING_VIDEO else "action_confirmed"
        if getattr(training, column):
            return {}
        parts = self._parts.trainings.files(training.id, kind)
        if [part.number for part in parts] != list(range(1, training.parts_of(kind) + 1)):
            raise _Failed("file missing")
        least = self._parts.settings.least_part_bytes
        if any(part.size < least for part in parts[:-1]):
            raise _Failed("a part is too small")
        await asyncio.to_thread(self._store.put_together, training, kind, parts)
        self._parts.trainings.change(training.id, **{column: True})
        self._store.drop_parts(training, kind, parts)
        return {}

    def _submit(self, training: Training, _: CommandTraining) -> dict[str, Json]:
        self._demand(training, *self._waiting)
        wished = training.wishes
        if not training.confirmed:
            raise _Failed("file missing")
        if wants_action_video(training) and not training.action_confirmed:
            raise _Failed("action video missing")
        if wished["audio_source_type"] == "AUDIO" and self._store.file(training, FileKind.AUDIO) is None:
            raise _Failed("audio missing")
        now = self._parts.clock()
        self._enter(training, first(long_way=self._parts.settings.long_way))
        self._parts.trainings.change(training.id, updated_at=now)
        self._log(training, "USER_VERIFYING_SUBMITTED")
        return {}

    def _list_video(self, training: Training, _: CommandTraining) -> dict[str, Json]:
        return {"multipart_data": _listed(self._parts.trainings.files(training.id, FileKind.TRAINING_VIDEO))}

    def _list_action_video(self, training: Training, _: CommandTraining) -> dict[str, Json]:
        return {"multipart_data": _listed(self._parts.trainings.files(training.id, FileKind.ACTION_VIDEO))}

    def _confirm_letter(self, training: Training, _: CommandTraining) -> dict[str, Json]:
        if self._store.file(training, FileKind.GRANT_FILE) is None:
            raise _Failed("file missing")
        return {}

    def _repair(self, training: Training, asked: CommandTraining) -> dict[str, Json]:
        self._demand(training, State.JOB_SUCCESS)
        if training.wishes["is_flexus"]:
            if not training.retries:
                raise _Failed("no retraining is left")
            self._parts.trainings.change(training.id, retries=training.retries - 1)
        self._log(training, "USER_REPAIR", asked.operation_reason)
        self._parts.trainings.change(training.id, ended_at=None)
        self._enter(training, State.TRAINING)
        return {}

    def _delete_video(self, training: Training, _: CommandTraining) -> dict[str, Json]:
        self._demand(training, *_AT_REST)
        for kind in (FileKind.TRAINING_VIDEO, FileKind.ACTION_VIDEO):
            self._store.drop(training.id, kind)
        self._parts.trainings.change(training.id, confirmed=False, action_confirmed=False)
        self._log(training, "USER_DELETE_JOB_VIDEO")
        return {}

    def _accept(self, training: Training, _: CommandTraining) -> dict[str, Json]:
        self._demand(training, State.WAIT_USER_CONFIRM)
        self._rest(training, State.JOB_FINISH)
        return {}

    def _reject(self, training: Training, asked: CommandTraining) -> dict[str, Json]:
        self._demand(training, State.WAIT_USER_CONFIRM)
        urls = self._remark(training, "USER_REJECT", asked)
        self._rest(training, State.JOB_REJECT)
        return urls

    def _answer(self, training: Training, asked: CommandTraining) -> dict[str, Json]:
        return self._remark(training, "USER_COMMENT", asked)

    def _suspend(self, training: Training, _: CommandTraining) -> dict[str, Json]:
        self._demand(training, State.WAIT_USER_CONFIRM)
        self._parts.trainings.change(training.id, resume=training.state)
        self._rest(training, State.JOB_PENDING, ended=False)
        return {}

    def _go_on(self, training: Training, _: CommandTraining) -> dict[str, Json]:
        self._demand(training, State.JOB_PENDING)
        self._rest(training, State(training.resume or State.WAIT_USER_CONFIRM), ended=False)
        return {}

    def _remark(self, training: Training, type_: str, asked: CommandTraining) -> dict[str, Json]:
        said = asked.comment_data or CommentData()
        before = sum(len(one.attachments) for one in self._parts.trainings.comments(training.id))
        numbers = [before + 1 + index for index in range(len(said.attachment_name or []))]
        self._parts.trainings.comment(
            training.id,
            type_,
            at=self._parts.clock(),
            title=said.comment_title,
            message=said.comment_message,
            attachments=numbers,
        )
        if not numbers:
            return {}
        urls: list[Json] = [
            self._store.upload_url(training, FileKind.ATTACHMENT, number) for number in numbers
        ]
        return {"attachment_upload_url": urls}

    def _demand(self, training: Training, *states: State) -> None:
        if training.state not in states:
            raise _Failed("the command is not possible in the job's state")

    def _enter(self, training: Training, state: State) -> None:
        now = self._parts.clock()
        due_at = now + self._parts.settings.seconds_in(state)
        self._parts.trainings.change(training.id, state=state, since=now, due_at=due_at)

    def _rest(self, training: Training, state: State, *, ended: bool = True) -> None:
        now = self._parts.clock()
        self._parts.trainings.change(
            training.id, state=state, since=now, due_at=None, ended_at=now if ended else None
        )

    def _log(self, training: Training, log_type: str, description: str | None = None) -> None:
        log = Log(self._parts.clock(), log_type, "USER", description)
        self._parts.trainings.log(training.id, log)


def _listed(parts: list[Part]) -> list[Json]:
    return [{"part_number": str(part.number), "etag": part.etag} for part in parts]
