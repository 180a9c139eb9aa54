"""What the page's panel shows of the Img Open stand-in."""

from bot.sandbox.vendors._faults import FaultKind
from bot.sandbox.vendors._img_open_tasks import Status, TaskKind
from bot.sandbox.vendors._panel import Fate, Knob, Panel, Tone, Trouble, Word, usual_troubles

_A_LONG_DAY = 6 * 3600.0
_IN_CODE = {"status": 200}

PANEL = Panel(
    label="Img Open",
    about="zhiqite's LoRA training and Stable Diffusion",
    jobs={TaskKind.TRAINING: "Training", TaskKind.INFERENCE: "Images", TaskKind.TOOL: "InstantID"},
    statuses={
        Status.WAITING: Word("waiting", Tone.WAITING),
        Status.WORKING: Word("at work", Tone.WORKING),
        Status.DONE: Word("finished", Tone.DONE),
        Status.FAILED: Word("failed", Tone.FAILED),
    },
    knobs=(
        Knob("train_seconds", "A training takes", "s", least=1, most=_A_LONG_DAY),
        Knob("infer_seconds", "Making images takes", "s", least=1, most=_A_LONG_DAY),
        Knob("link_seconds", "Links to images last", "s", least=1, most=_A_LONG_DAY * 4),
        Knob(
            "result_mode",
            "A training's result comes",
            choices={
                "poll": "by query",
                "webhook": "by callback",
                "both": "by query and callback",
                "404": "not at all",
            },
        ),
        Knob(
            "wire_case",
            "The disputed names are",
            choices={"camel": "camelCase", "snake": "snake_case", "both": "either"},
        ),
        Knob(
            "repeated_task",
            "A taskId that comes again is",
            choices={"refused": "refused", "ignored": "passed over", "rerun": "run again"},
        ),
        Knob(
            "status_style",
            "A training's status is",
            choices={"number": "a number", "word": "a word", "none": "not told"},
        ),
    ),
    troubles=(
        *usual_troubles("SubmitTraining"),
        Trouble(
            "Busy in code",
            "HTTP 200 with code 429, for 3 calls",
            FaultKind.THROTTLED,
            3,
            details={"status": 200},
        ),
        Trouble("No JSON", "a gateway's page for its next 3 answers", FaultKind.NOT_JSON, 3),
        Trouble("Keys refused", "says once that the accessKey is wrong", FaultKind.KEYS_REFUSED),
        Trouble("Training fails", "the next one, half-way", FaultKind.TRAINING_FAILS),
        Trouble(
            "Failure taken back",
            "says once that the training failed",
            FaultKind.TAKEN_BACK,
            action="QueryTraining",
        ),
        Trouble("Images fail", "the next generation, half-way", FaultKind.INFERENCE_FAILS),
        Trouble("One image audited out", "of the next generation", FaultKind.AUDITED_OUT),
        Trouble("One image dead", "not found for 3 calls", FaultKind.DEAD_IMAGE, 3, details={"image": 0}),
        Trouble("Strange status", "tells status 9 once", FaultKind.STATUS_WORD, details={"word": 9}),
        Trouble("Month ends", "the live query forgets all there was", FaultKind.MONTH_END, None),
        Trouble("Result told twice", "the next callback", FaultKind.CALLBACK_TWICE),
        Trouble("Result not told", "the next callback", FaultKind.CALLBACK_LOST),
    ),
    fates=(
        Fate(
            "Let it fail",
            {
                TaskKind.TRAINING: FaultKind.TRAINING_FAILS,
                TaskKind.INFERENCE: FaultKind.INFERENCE_FAILS,
                TaskKind.TOOL: FaultKind.INFERENCE_FAILS,
            },
        ),
        Fate(
            "Let it hang",
            {
                TaskKind.TRAINING: FaultKind.TRAINING_STUCK,
                TaskKind.INFERENCE: FaultKind.INFERENCE_STUCK,
                TaskKind.TOOL: FaultKind.INFERENCE_STUCK,
            },
        ),
    ),
)
