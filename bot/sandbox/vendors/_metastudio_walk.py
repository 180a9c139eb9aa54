"""How a training goes through the vendor's hands: reviews that look, learning that learns, staff who redo."""

from pathlib import Path

from bot.sandbox.files import write_whole
from bot.sandbox.vendors import _metastudio_film as film
from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._metastudio_library import AVATAR, VOICE, File, Library
from bot.sandbox.vendors._metastudio_parts import Parts
from bot.sandbox.vendors._metastudio_review import Refusal, Review, ordered
from bot.sandbox.vendors._metastudio_states import BROKEN, REDONE, ROUTE, SUCCEEDED, State, following
from bot.sandbox.vendors._metastudio_store import Store
from bot.sandbox.vendors._metastudio_trainings import FileKind, Log, Training
from bot.sandbox.vendors._state import Json, together
from bot.sandbox.vendors._workers import Workers

_REDO_SECONDS = 24 * 3600.0
_ENTRY_LOGS = {
    State.VIDEO_ANALYZE_PROCESSING: "VIDEO_ANALYZE_PROCESSING",
    State.VIDEO_ANALYZE_SUCCESS: "VIDEO_ANALYZE_SUCCESS",
    State.MANUAL_VERIFYING: "SYSTEM_VERIFY_SUCCESS",
    State.MANUAL_VERIFY_SUCCESS: "ADMIN_VERIFY_SUCCESS",
    State.TRAINING_DATA_PREPROCESSING: "SYSTEM_TRAIN_DATA_PREPROCESSING",
    State.TRAINING_DATA_PREPROCESS_SUCCESS: "SYSTEM_TRAIN_DATA_PREPROCESS_SUCCESS",
    State.TRAINING: "SYSTEM_TRAINING",
    State.TRAIN_SUCCESS: "SYSTEM_TRAIN_SUCCESS",
    State.INFERENCE_DATA_PREPROCESSING: "SYSTEM_INFERENCE_DATA_PREPROCESSING",
    State.COMPILING: "SYSTEM_EXECUTE_COMPILE",
    State.TEST_VIDEO_CHECK_PROCESSING: "TEST_VIDEO_CHECK_PROCESSING",
    State.TEST_VIDEO_CHECK_SUCCESS: "TEST_VIDEO_CHECK_SUCCESS",
}
"""What the history says when a state is reached; the words are the vendor's."""


class Walk:
    """Moves one training on when its time in a state is over."""

    def __init__(self, parts: Parts, store: Store, library: Library, workers: Workers) -> None:
        self._parts = parts
        self._store = store
        self._library = library
        self._workers = workers
        self._review = Review(parts, store, workers)

    async def advance(self, training: Training) -> None:
        """Do what is to be done in its state, and go on to the next."""
        if training.state in SUCCEEDED:
            await self._deliver(training)
            self._parts.trainings.change(training.id, due_at=None)
            return
        if training.state in REDONE:
            self._redo(training)
            return
        try:
            if training.state == State.AUTO_VERIFYING:
                await self._review.by_machine(training)
            elif training.state == State.MANUAL_VERIFYING:
                self._review.by_hand(training)
        except Refusal as no:
            if self._is_as_it_was(training):
                self._refuse(training, no)
            return
        if training.state == State.TRAINING:
            if self._spoilt(training):
                return
            await self._learn(training)
        if training.state == State.COMPILING and self._set_back(training, early=False):
            return
        if self._is_as_it_was(training):
            await self._go_on(training)

    def place(self, training: Training, state: str, *, stays: bool) -> None:
        """Put a job into a state, on order. One that leads on leads on, unless it is to stay."""
        now = self._parts.clock()
        moves = (state in ROUTE and not stays) or state in SUCCEEDED
        due_at = now + (self._parts.settings.seconds_in(state) if state in ROUTE else 0.0)
        ended = state in SUCCEEDED or state in BROKEN or state == State.JOB_REJECT
        self._parts.trainings.change(
            training.id,
            state=state,
            since=now,
            due_at=due_at if moves else None,
            ended_at=now if ended else None,
            resume=None,
        )

    def _refuse(self, training: Training, no: Refusal) -> None:
        at = training.due_at or self._parts.clock()
        by_hand = training.state == State.MANUAL_VERIFYING
        state = no.state or (State.MANUAL_VERIFY_FAILED if by_hand else State.AUTO_VERIFY_FAILED)
        log_type = {
            State.MANUAL_VERIFY_FAILED: "ADMIN_VERIFY_FAILED",
            State.VIDEO_ANALYZE_FAILED: "VIDEO_ANALYZE_FAILED",
        }.get(state, "SYSTEM_VERIFY_FAILED")
        log = Log(at, log_type, "ADMIN" if by_hand else "SYSTEM", str(no), no.code)
        ended = at if state in BROKEN else None
        self._parts.trainings.move(training.id, log, state=state, since=at, due_at=None, ended_at=ended)

    def _spoilt(self, training: Training) -> bool:
        """Carry out an order that the training is not to end well, or not at all."""
        if ordered(self._parts, FaultKind.TRAINING_STUCK, training) is not None:
            self._parts.trainings.change(training.id, due_at=None)
            return True
        order = ordered(self._parts, FaultKind.TRAINING_FAILS, training)
        if order is None:
            return self._set_back(training, early=True)
        at = training.due_at or self._parts.clock()
        log = Log(at, "SYSTEM_TRAIN_FAILED", "SYSTEM", order.text("reason", "The training failed."))
        state = order.text("state", State.TRAIN_FAILED)
        self._parts.trainings.move(training.id, log, state=state, since=at, due_at=None, ended_at=at)
        return True

    def _set_back(self, training: Training, *, early: bool) -> bool:
        """Carry out an order for a failure that staff take back; those of later steps come later."""

        def befits(order: Fault) -> bool:
            back_at, _ = REDONE[State(order.text("state", State.COMPILE_FAILED))]
            return (ROUTE.index(back_at) <= ROUTE.index(State.TRAINING)) == early

        order = ordered(self._parts, FaultKind.SET_BACK, training, befits)
        if order is None:
            return False
        state = State(order.text("state", State.COMPILE_FAILED))
        at = training.due_at or self._parts.clock()
        redone = order.details.get("redo_seconds", _REDO_SECONDS)
        due_at = at + float(redone) if isinstance(redone, int | float) else None
        stopped = "STOP" in state
        log = Log(at, "ADMIN_STOP_TRAIN", "ADMIN") if stopped else Log(at, "SYSTEM_COMPILE_FAILED", "SYSTEM")
        self._parts.trainings.move(
            training.id, log, state=state, since=at, due_at=due_at, resume=training.state
        )
        return True

    def _redo(self, training: Training) -> None:
        back_at, log_type = REDONE[State(training.state)]
        at = training.due_at or self._parts.clock()
        reasons = ["The result was not good enough."]
        self._parts.trainings.log(training.id, Log(at, log_type, "ADMIN", redo_reasons=reasons))
        # On the short way the step that is redone may not be passed at all.
        self._enter(training, State(training.resume) if training.resume else back_at, at)

    async def _learn(self, training: Training) -> None:
        path = self._store.file(training, FileKind.TRAINING_VIDEO)
        if path is None:
            return
        try:
            pictures = await self._workers.reckon(film.stills, path)
        except film.NotAFilm:
            # Put here by order, past the review that would have found out.
            return
        await self._workers.reckon(film.learn, pictures, model_path(self._parts, training.id))

    async def _go_on(self, training: Training) -> None:
        at = training.due_at or self._parts.clock()
        settings = self._parts.settings
        state = following(training.state, long_way=settings.long_way)
        if state is not None:
            self._enter(training, state, at)
            return
        await self._deliver(training)
        if not self._is_as_it_was(training):
            return
        if not settings.na_tenant:
            end = State.JOB_SUCCESS
        else:
            end = State.WAIT_USER_CONFIRM if settings.asks_user else State.JOB_FINISH
        log = Log(at, "SYSTEM_JOB_SUCCESS", "SYSTEM")
        ended = None if end is State.WAIT_USER_CONFIRM else at
        self._parts.trainings.move(training.id, log, state=end, since=at, due_at=None, ended_at=ended)

    def _enter(self, training: Training, state: State, at: float) -> None:
        log: Log | None = None
        if (log_type := _ENTRY_LOGS.get(state)) is not None:
            log = Log(at, log_type, "ADMIN" if log_type.startswith("ADMIN") else "SYSTEM")
        due_at = at + self._parts.settings.seconds_in(state)
        self._parts.trainings.move(training.id, log, state=state, since=at, due_at=due_at, resume=None)

    async def _deliver(self, training: Training) -> None:
        """Put the avatar into the library, with its cover; a second training improves the same one."""
        # Noted before the slow work: after a kill it goes on with this asset and makes no second one.
        with together(self._parts.db):
            asset_id = training.asset_id or self._library.add(
                training.name,
                AVATAR,
                state="CREATING",
                meta={"human_model_2d_meta": self._meta(training)},
                services=training.wishes["supported_service"],
                tags=training.wishes.get("tags", []),
                app_user_id=training.app_user_id,
            )
            self._parts.trainings.change(training.id, asset_id=asset_id)
        learnt, model = model_path(self._parts, training.id), model_path(self._parts, asset_id)
        if learnt.exists():
            learnt.replace(model)
        cover = self._store.path(f"{training.id}/{FileKind.COVER}")
        if not cover.exists() and self._parts.settings.makes_cover:
            drawn = await self._workers.reckon(film.draw, model, "", seed=training.seq)
            if self._parts.trainings.get(training.id) is None:
                return
            write_whole(cover, drawn)
            at = training.due_at or self._parts.clock()
            self._parts.trainings.log(training.id, Log(at, "SYSTEM_UPDATE_COVER", "SYSTEM"))
        files: list[File] = [self._library.file(asset_id, "model.bin", "MAIN", kept=False)]
        if cover.exists():
            write_whole(self._store.path(f"{asset_id}/cover.png"), cover.read_bytes())
            files.append(self._library.file(asset_id, "cover.png", "COVER"))
        self._library.finish(asset_id, "ACTIVED", files)

    def _meta(self, training: Training) -> dict[str, Json]:
        wished = training.wishes
        meta: dict[str, Json] = {
            "model_version": wished["model_version"].replace(".", "_"),
            "model_resolution": training.resolution or "1080P",
            "is_flexus": wished["is_flexus"],
            "is_live_copy": wished["is_live_copy"],
            "is_real_background": not wished["is_background_replacement"],
        }
        if wished["is_flexus"] and not wished["is_only_human_model"]:
            voice = wished.get("voice_properties") or {}
            spoken: dict[str, Json] = {
                "model_type": "CLONE",
                "sex": voice.get("sex", "FEMALE"),
                "language": voice.get("language", "CN"),
            }
            meta["voice_asset_id"] = self._library.add(
                f"{training.name} voice", VOICE, state="ACTIVED", meta={"voice_model_meta": spoken}
            )
        return meta

    def _is_as_it_was(self, training: Training) -> bool:
        """Whether nobody deleted or moved it while arithmetic was done."""
        now = self._parts.trainings.get(training.id)
        return now is not None and (now.state, now.since) == (training.state, training.since)


def model_path(parts: Parts, owner: str) -> Path:
    """Where what was learnt lies: by the training's id at first, then by the asset's."""
    return parts.folder / "models" / f"{owner}.npz"
