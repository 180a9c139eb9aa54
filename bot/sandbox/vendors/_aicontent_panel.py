"""What the page's panel shows of the AIContent stand-in."""

from bot.sandbox.vendors._aicontent_jobs import JobKind, Status
from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._panel import Knob, Panel, Tone, Trouble, Word, usual_fates, usual_troubles

_A_LONG_DAY = 6 * 3600.0

PANEL = Panel(
    label="AIContent",
    about="Alibaba Cloud's personalised text-to-image",
    jobs={JobKind.TRAINING: "Training", JobKind.INFERENCE: "Images", JobKind.ONESHOT: "Images at once"},
    statuses={
        Status.NOT_START: Word("waiting", Tone.WAITING),
        Status.WAIT_SCHEDULE: Word("waiting", Tone.WAITING),
        Status.TRAINING: Word("at work", Tone.WORKING),
        Status.FINISHED: Word("finished", Tone.DONE),
        Status.TRAIN_FAILED: Word("failed", Tone.FAILED),
    },
    knobs=(
        Knob("train_seconds", "A training takes", "s", least=1, most=_A_LONG_DAY),
        Knob("infer_seconds", "Making images takes", "s", least=1, most=_A_LONG_DAY),
    ),
    troubles=(
        *usual_troubles("AddModelTrainJob"),
        Trouble("Training fails", "the next one, half-way", FaultKind.TRAINING_FAILS),
        Trouble("Images fail", "the next generation, half-way", FaultKind.INFERENCE_FAILS),
        Trouble("One image dead", "not found for 3 calls", FaultKind.DEAD_IMAGE, 3, details={"image": 0}),
        Trouble(
            "Wrong clock", "an hour ahead until all is well", FaultKind.CLOCK, None, details={"seconds": 3600}
        ),
    ),
    fates=usual_fates(JobKind.TRAINING, JobKind.INFERENCE),
)
