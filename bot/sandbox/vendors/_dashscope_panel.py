"""What the page's panel shows of the DashScope stand-in."""

from bot.sandbox.vendors._dashscope_jobs import JobKind, Status
from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._panel import Knob, Panel, Tone, Trouble, Word, usual_fates, usual_troubles
from bot.sandbox.vendors._state import Json

_A_LONG_DAY = 6 * 3600.0
_MODERATED: dict[str, Json] = {
    "status": 400,
    "code": "DataInspectionFailed",
    "message": "Input data may contain inappropriate content.",
}

PANEL = Panel(
    label="DashScope",
    about="Alibaba's FaceChain: trains a face, makes portraits of it",
    jobs={JobKind.TRAINING: "Training", JobKind.INFERENCE: "Portraits"},
    statuses={
        Status.PENDING: Word("waiting", Tone.WAITING),
        Status.QUEUING: Word("in the queue", Tone.WAITING),
        Status.RUNNING: Word("at work", Tone.WORKING),
        Status.CANCELING: Word("stopping", Tone.WORKING),
        Status.SUCCEEDED: Word("finished", Tone.DONE),
        Status.FAILED: Word("failed", Tone.FAILED),
        Status.CANCELED: Word("cancelled", Tone.CANCELLED),
    },
    knobs=(
        Knob("train_seconds", "A training takes", "s", least=1, most=_A_LONG_DAY),
        Knob("infer_seconds", "Making portraits takes", "s", least=1, most=_A_LONG_DAY),
        Knob("trainings_at_once", "Trainings at once (0: any number)", most=10),
        Knob("trainings_waiting", "And so many wait in its queue", most=10),
        Knob("portraits_at_once", "Portrait tasks at once (0: any number)", most=10),
        Knob("file_limit", "Files an account may keep", most=100),
        Knob("arrears", "The bill is not paid", switch=True),
        Knob("unpurchased", "The models were never activated", switch=True),
        Knob(
            "retired",
            "The generation model",
            choices={
                "": "is there",
                "Model.NotExist": "is gone: does not exist",
                "ModelNotFound": "is gone: not found",
                "AccessDenied": "is gone: denied",
                "Model.AccessDenied": "is gone: model denied",
            },
        ),
    ),
    troubles=(
        *usual_troubles("CreateFineTune"),
        Trouble(
            "Gateway gives up",
            "starts the next job and answers 504",
            FaultKind.EFFECT_THEN_500,
            1,
            "CreateFineTune",
            {"status": 504},
        ),
        Trouble("A proxy's page", "in place of its next 2 answers", FaultKind.NOT_JSON, 2),
        Trouble("No in a yes", "HTTP 200 with an error in it, once", FaultKind.NOT_SUCCESS),
        Trouble("No face", "in the first photo of the next check", FaultKind.NO_FACE),
        Trouble(
            "Photos refused",
            "moderation, at the next training",
            FaultKind.ERROR,
            1,
            "CreateFineTune",
            _MODERATED,
        ),
        Trouble("Training fails", "the next one, half-way", FaultKind.TRAINING_FAILS),
        Trouble("Portraits fail", "the next task, half-way", FaultKind.INFERENCE_FAILS),
        Trouble("One portrait missing", "of the next task", FaultKind.SOME_FAIL),
        Trouble(
            "One portrait dead",
            "its link leads nowhere, 3 times",
            FaultKind.DEAD_IMAGE,
            3,
            details={"image": 0},
        ),
        Trouble("Lists lag", "by a minute until all is well", FaultKind.LIST_LAG, None),
    ),
    fates=usual_fates(JobKind.TRAINING, JobKind.INFERENCE),
)
