"""What the page's panel shows of the MetaStudio stand-in."""

from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._metastudio_settings import DAY
from bot.sandbox.vendors._metastudio_states import (
    BROKEN,
    REDONE,
    SUCCEEDED,
    Errand,
    Stage,
    State,
)
from bot.sandbox.vendors._panel import Fate, Knob, Panel, Tone, Trouble, Word, usual_troubles

TRAINING = "training"
_MOST = 10 * DAY
_FILMS = (Errand.CLIP, Errand.PHOTO_VIDEO, Errand.PICTURE_MODEL, Errand.PHOTO_CHECK)
_PLAIN = {
    State.WAIT_FILE_UPLOAD: Word("waits for files", Tone.WAITING),
    State.AUTO_VERIFYING: Word("machine review", Tone.WORKING),
    State.MANUAL_VERIFYING: Word("review by hand", Tone.WORKING),
    State.MANUAL_VERIFY_SUCCESS: Word("accepted", Tone.WORKING),
    State.TRAINING: Word("training", Tone.WORKING),
    State.TRAIN_SUCCESS: Word("trained", Tone.WORKING),
    State.COMPILING: Word("compiling", Tone.WORKING),
    State.WAIT_USER_CONFIRM: Word("asks to accept", Tone.ASKING),
    State.JOB_PENDING: Word("suspended", Tone.WAITING),
    State.AUTO_VERIFY_FAILED: Word("refused by the machine", Tone.ASKING),
    State.MANUAL_VERIFY_FAILED: Word("refused by hand", Tone.ASKING),
    State.JOB_REJECT: Word("rejected", Tone.FAILED),
    Stage.WAITING: Word("waiting", Tone.WAITING),
    Stage.PROCESSING: Word("at work", Tone.WORKING),
    Stage.SUCCEED: Word("finished", Tone.DONE),
    Stage.PARTIAL_SUCCEED: Word("no picture", Tone.DONE),
    Stage.FAILED: Word("failed", Tone.FAILED),
    Stage.CANCELED: Word("cancelled", Tone.CANCELLED),
    Stage.BLOCK: Word("frozen", Tone.FAILED),
}


def _word(state: State) -> Word:
    text = state.value.replace("_", " ").lower()
    if state in SUCCEEDED:
        return Word("finished", Tone.DONE)
    if state in BROKEN:
        return Word(text, Tone.FAILED)
    # A set-back is still under way: staff may take it up again.
    return Word(text, Tone.WAITING if state in REDONE else Tone.WORKING)


PANEL = Panel(
    label="MetaStudio",
    about="Huawei Cloud's virtual avatars, with IAM and the object store",
    jobs={
        TRAINING: "Avatar",
        Errand.CLIP: "Clip",
        Errand.PHOTO_VIDEO: "Photo film",
        Errand.PICTURE_MODEL: "Picture model",
        Errand.PHOTO_CHECK: "Photo check",
    },
    statuses={state.value: _PLAIN.get(state) or _word(state) for state in State}
    | {stage.value: _PLAIN[stage] for stage in Stage},
    knobs=(
        Knob("auto_review_seconds", "The machine's review takes", "s", least=0, most=_MOST),
        Knob("manual_review_seconds", "The review by hand takes", "s", least=0, most=_MOST),
        Knob("train_seconds", "A training takes", "s", least=0, most=_MOST),
        Knob("compile_seconds", "Compiling takes", "s", least=0, most=_MOST),
        Knob("render_seconds", "Rendering takes", "s", least=0, most=_MOST),
        Knob("long_way", "Every known state is passed", switch=True),
        Knob("na_tenant", "White-listed tenant: no papers, asks to accept", switch=True),
        Knob("update_while_waiting", "New upload URLs also while it waits for files", switch=True),
        Knob("sparse", "Answers carry only what must be there", switch=True),
    ),
    troubles=(
        *usual_troubles("CreateTraining"),
        Trouble(
            "Review refuses",
            "the machine, the next one",
            FaultKind.REVIEW_REFUSED,
            details={"stage": "auto", "reason": "The picture shakes from 2:10 on."},
        ),
        Trouble(
            "Review by hand refuses",
            "the next one",
            FaultKind.REVIEW_REFUSED,
            details={"stage": "manual", "reason": "The authorisation letter is not signed."},
        ),
        Trouble("Training fails", "the next one, at its end", FaultKind.TRAINING_FAILS),
        Trouble(
            "Staff redo",
            "compiling fails once and is taken up after a day",
            FaultKind.SET_BACK,
            details={"state": "COMPILE_FAILED", "redo_seconds": DAY},
        ),
        Trouble("Unknown word", "a state nobody knows, for 3 answers", FaultKind.STATUS_WORD, 3),
        Trouble(
            "Command refused",
            "the next one: 200, and failed",
            FaultKind.NOT_SUCCESS,
            action="CommandTraining",
        ),
        Trouble("Link expired", "the next one used", FaultKind.LINK_EXPIRED),
        Trouble("Token expired", "the next one used", FaultKind.TOKEN_EXPIRED),
        Trouble(
            "Model without picture",
            "the next picture model",
            FaultKind.INFERENCE_FAILS,
            action="CreatePictureModel",
            details={"state": "PARTIAL_SUCCEED"},
        ),
        Trouble(
            "Clip frozen",
            "the next one",
            FaultKind.INFERENCE_FAILS,
            action="CreateClip",
            details={"state": "BLOCK"},
        ),
        Trouble(
            "Wrong clock", "an hour ahead until all is well", FaultKind.CLOCK, None, details={"seconds": 3600}
        ),
    ),
    fates=(
        Fate("Refuse its review", {TRAINING: FaultKind.REVIEW_REFUSED}),
        Fate(
            "Let it fail",
            {TRAINING: FaultKind.TRAINING_FAILS, **dict.fromkeys(_FILMS, FaultKind.INFERENCE_FAILS)},
        ),
        Fate(
            "Let it hang",
            {TRAINING: FaultKind.TRAINING_STUCK, **dict.fromkeys(_FILMS, FaultKind.INFERENCE_STUCK)},
        ),
        Fate("Set it back", {TRAINING: FaultKind.SET_BACK}),
    ),
    free=(Errand.PHOTO_CHECK,),
)
