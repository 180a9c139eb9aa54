"""What can be turned at the DashScope stand-in. Where the vendor is in two minds, a setting chooses."""

from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt
from pydantic.dataclasses import dataclass

from bot.sandbox.vendors._settings import STRICT

DAY = 24 * 3600.0
GIB = 1024**3


@dataclass(frozen=True, config=STRICT)
class Settings:
    """Jobs under way feel a change at once. Of limits and rates, 0 is none at all."""

    train_seconds: NonNegativeFloat = 20.0
    infer_seconds: NonNegativeFloat = 6.0
    cancel_seconds: NonNegativeFloat = 1.0
    """How long a training stays CANCELING."""
    fetch_attempts: NonNegativeInt = 3
    fetch_pause_seconds: NonNegativeFloat = 1.0

    trainings_at_once: NonNegativeInt = 1
    trainings_waiting: NonNegativeInt = 0
    """How many more are taken, to wait as QUEUING; any more are refused as Throttling."""
    portraits_at_once: NonNegativeInt = 1
    portraits_waiting: NonNegativeInt = 0
    creates_per_second: NonNegativeFloat = 2.0
    """Of trainings, and of portraits."""
    checks_per_second: NonNegativeFloat = 5.0
    queries_per_second: NonNegativeFloat = 20.0
    """Of tasks, for the whole account."""

    file_limit: NonNegativeInt = 100
    file_bytes: NonNegativeInt = GIB
    storage_bytes: NonNegativeInt = 5 * GIB
    link_seconds: NonNegativeFloat = DAY
    record_seconds: NonNegativeFloat = DAY
    """How long a task is known after its end."""

    denied: tuple[str, ...] = ()
    """Actions the account has no permission for; `*` is all of them."""
    unpurchased: bool = False
    """The models were never activated, or the trial not applied for."""
    arrears: bool = False
    retired: Literal["", "Model.NotExist", "ModelNotFound", "AccessDenied", "Model.AccessDenied"] = ""
    """The generation model is gone, and this is the code that says so; nobody knows which it will be."""

    purpose_required: bool = False
    early_output: bool = True
    """A job shows its `finetuned_output` from the beginning, and not only once it has succeeded."""
    echo_files: bool = True
    """A job shows what it was trained from."""
    takes_names: bool = False
    """`job_name` and `model_name` of an order are taken over, as the vendor's general API does."""
    takes_oss_links: bool = False
    """`oss://` is understood where a picture is expected."""
    cancel_running: bool = True
    """A training can be cancelled while it is RUNNING."""
    delete_ended: bool = True
    """A job that is over can be deleted; the vendor's sample refuses just that."""
    face_goes_with_job: bool = True
    """Deleting a job deletes the face it trained."""
    result_format: Literal["jpeg", "png"] = "jpeg"
