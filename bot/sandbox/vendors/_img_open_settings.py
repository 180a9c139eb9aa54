"""The settings of the Img Open stand-in. What the vendor's page leaves open is a setting here."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from bot.sandbox.vendors._settings import STRICT

SERVICE = "/AIGCImgOpenServ/saas"

Ruling = Literal["refused", "ignored"]
Repeat = Literal["refused", "ignored", "rerun"]


@dataclass(frozen=True, config=STRICT)
class Settings:
    """What can be turned while the stand-in runs; jobs under way feel it at once."""

    # How long things take.
    train_seconds: NonNegativeFloat = 20.0
    infer_seconds: NonNegativeFloat = 6.0
    fetch_attempts: NonNegativeInt = 3
    fetch_pause_seconds: NonNegativeFloat = 1.0
    link_seconds: NonNegativeFloat = 86_400.0
    """How long the link to a picture or a LoRA opens anything, from the answer that tells it."""

    # How calls are answered.
    denied: tuple[str, ...] = ()
    """Actions the account may not call; `*` is all of them."""
    keys_refused_by: Literal["code", "status"] = "code"
    """Wrong keys are answered with HTTP 200 and a code, or with HTTP 401 or 403."""
    refusal_code: str = "500"
    """The code of a refusal: the page shows 500 for any of them, and has no list."""
    numeric_codes: bool = False
    """Codes are numbers and not texts."""
    most_trainings: NonNegativeInt = 0
    """How many may be under way before the next is told to wait; 0 is no limit."""
    most_inferences: NonNegativeInt = 0

    # E1, the training.
    wire_case: Literal["camel", "snake", "both"] = "camel"
    """Which spelling of the seven disputed names is understood."""
    other_spelling: Ruling = "ignored"
    unknown_names: Ruling = "refused"
    """What becomes of a name that is no spelling of any parameter."""
    numeric_rates: bool = False
    """Learning rates may be numbers, and not only texts."""
    repeated_task: Repeat = "refused"
    """What becomes of a `taskId` that was there before."""

    # E2, its result: whatever the vendor's lost page may say.
    result_mode: Literal["poll", "webhook", "both", "404"] = "poll"
    result_path: str = Field(default=f"{SERVICE}/modelTraining/queryTraining/Job", pattern="^/")
    result_request_field: str = "taskId"
    result_shape: Literal["object", "array", "flat"] = "object"
    """`data` is an object, or an array of one, or its fields stand beside `code`."""
    result_gives: Literal["both", "name", "url", "nothing"] = "both"
    """What a finished training names: the LoRA's name, its file, both or neither."""
    status_style: Literal["number", "word", "none"] = "number"
    id_field: str = "taskId"
    status_field: str = "status"
    name_field: str = "loraName"
    url_field: str = "modelUrl"
    message_field: str = "desc"

    # The callback.
    callback_url: str = Field(default="", pattern="^$|^https?://")
    callback_shape: Literal["data", "envelope"] = "data"
    callback_moments: Literal["end", "changes"] = "end"
    callback_scale: NonNegativeFloat = 1.0
    """What the documented pauses between two tries are multiplied by."""

    # E4, the LoRAs.
    lora_list_path: str = Field(default=f"{SERVICE}/sd/v2/queryLoraList", pattern="^/")
    lora_row_field: str = "sdLoraName"
    lora_naming: Literal["task", "around", "own"] = "task"
    """A LoRA is called like its task, or has the task in its name, or neither."""

    # E5 to E8, the pictures.
    repeated_picture: Repeat = "refused"
    """What becomes of an `id_task` or a `businessTaskId` that was there before."""
    unknown_lora: Literal["ignored", "fails"] = "ignored"
    """A LoRA nobody trained is passed over, as the WebUI does, or fails the task."""
    most_images: PositiveInt = 4
    longest_prompt: PositiveInt = 2000
